"""The model: presets, binding, lavaan's defaults, what a study says, and the checks before fitting."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crm_analysis.errors import DataError, UsageError
from crm_analysis.satisfaction import model
from crm_analysis.satisfaction.model import ACSI, CCSI, ECSI, Construct, Model
from crm_analysis.satisfaction.specification.answers import numbers
from crm_analysis.satisfaction.syntax import Row, parse
from crm_analysis.study.config import SurveyConfig, read
from crm_analysis.study.simulate import questionnaire as demo_questionnaire

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "lavaan_parameters.json").read_text("utf-8"))
MOBI = {
    "expectations": ["CUEX1", "CUEX2", "CUEX3"],
    "quality": [f"PERQ{number}" for number in range(1, 8)],
    "value": ["PERV1", "PERV2"],
    "satisfaction": ["CUSA1", "CUSA2", "CUSA3"],
    "complaints": "CUSCO",
    "loyalty": ["CUSL1", "CUSL2", "CUSL3"],
}
SHORT = {"EXP": "expectations", "QUAL": "quality", "VAL": "value", "SAT": "satisfaction", "LOY": "loyalty"}
HOLZINGER = "visual =~ x1 + x2 + x3\ntextual =~ x4 + x5 + x6\nspeed =~ x7 + x8 + x9"


def acsi():
    return ACSI.measured_by(MOBI)


def small():
    """Two constructs, six items."""
    return Model(
        "small",
        (Construct("cause", ("a1", "a2", "a3")), Construct("effect", ("b1", "b2", "b3"))),
        (("cause", "effect"),),
    )


def answered(n=60, items=("a1", "a2", "a3", "b1", "b2", "b3"), seed=1):
    return pd.DataFrame(np.random.default_rng(seed).integers(1, 11, (n, len(items))), columns=list(items)).astype(float)


def keys(rows):
    return {row.key if row.value is None else (*row.key, row.value) for row in rows if row.op not in (":=", "==")}


def read_back(lines, names):
    """The parameters of the reference under other names of constructs."""
    found = set()
    for line in lines:
        lhs, op, rhs, *fixed = line.split()
        row = Row(names.get(lhs, lhs), op, names.get(rhs, rhs))
        found.add(row.key if not fixed else (*row.key, float(fixed[0].strip("[]"))))
    return found


def test_acsi_has_the_parameters_that_lavaan_gives_it():
    rows = acsi().rows()
    assert keys(rows) == read_back(REFERENCE["acsi"]["parameters"], SHORT)
    found = acsi().identification()
    assert (found.free, found.degrees_of_freedom) == (
        REFERENCE["acsi"]["free"],
        REFERENCE["acsi"]["degrees_of_freedom"],
    )


def test_holzinger_has_the_parameters_that_lavaan_gives_it():
    built = Model.from_lavaan(HOLZINGER)
    assert keys(built.rows()) == read_back(REFERENCE["hs"]["parameters"], {})
    found = built.identification()
    assert (found.free, found.degrees_of_freedom) == (REFERENCE["hs"]["free"], REFERENCE["hs"]["degrees_of_freedom"])


def test_presets_have_the_paths_of_their_sources():
    # Fornell et al. 1996; Tenenhaus et al. 2005.
    assert set(ACSI.paths) == {
        ("expectations", "quality"),
        ("expectations", "value"),
        ("expectations", "satisfaction"),
        ("quality", "value"),
        ("quality", "satisfaction"),
        ("value", "satisfaction"),
        ("satisfaction", "complaints"),
        ("satisfaction", "loyalty"),
        ("complaints", "loyalty"),
    }
    assert set(ECSI.paths) - set(ACSI.paths) == {
        ("image", "expectations"),
        ("image", "satisfaction"),
        ("image", "loyalty"),
    }
    assert CCSI.names == ("image", "expectations", "quality", "value", "satisfaction", "loyalty")
    assert len(CCSI.paths) == 11
    for preset in (ACSI, ECSI, CCSI):
        assert preset.order == preset.names
        assert not preset.items


def test_the_model_answers_what_an_estimator_asks():
    bound = acsi()
    assert bound.items[:4] == ("CUEX1", "CUEX2", "CUEX3", "PERQ1")
    assert len(bound.items) == 19
    assert bound.sources("satisfaction") == ("expectations", "quality", "value")
    assert bound.targets("satisfaction") == ("complaints", "loyalty")
    assert bound.exogenous == ("expectations",)
    assert bound.construct("complaints") == Construct("complaints", ("CUSCO",))
    assert (bound.variable("complaints"), bound.variable("loyalty")) == ("CUSCO", "loyalty")


def test_order_puts_causes_first_whatever_the_order_of_the_constructs():
    constructs = tuple(Construct(name, (f"{name}1",)) for name in ("c", "b", "a"))
    assert Model("chain", constructs, (("a", "b"), ("b", "c"))).order == ("a", "b", "c")


def test_a_composite_is_marked_and_has_weights():
    built = small().measured_by({}, composites=["cause"])
    rows = {str(row) for row in built.rows()}
    assert built.construct("cause").kind == "composite"
    assert {"cause <~ 1*a1", "cause <~ a2", "cause ~~ 0*cause"} <= rows
    assert not {"a1 ~~ a1", "cause =~ 1*a1"} & rows


def test_constructs_that_only_are_targets_covary_and_so_do_causes():
    constructs = tuple(Construct(name, (f"{name}1", f"{name}2", f"{name}3")) for name in ("x", "z", "y", "w"))
    rows = Model("m", constructs, (("x", "y"), ("z", "w"))).rows()
    between = {str(row) for row in rows if row.op == "~~" and row.lhs != row.rhs}
    assert between == {"x ~~ z", "y ~~ w"}


def test_a_single_item_cause_covaries_with_the_others_unless_lavaan_text_says_otherwise():
    constructs = (Construct("f", ("x1", "x2", "x3")), Construct("price", ("z",)), Construct("y", ("q",)))
    built = Model("m", constructs, (("f", "y"), ("price", "y")))
    assert Row("f", "~~", "z") in built.rows()
    # lavaan leaves the covariance of a latent and an observed exogenous variable out.
    written = Model.from_lavaan("f =~ x1 + x2 + x3; q ~ f + z")
    assert Row("f", "~~", "z", value=0.0) in written.rows()
    assert Row("f", "~~", "z") in Model.from_lavaan("f =~ x1 + x2 + x3; q ~ f + z; f ~~ z").rows()


def test_lavaan_text_keeps_labels_values_and_what_is_beside_the_paths():
    built = Model.from_lavaan(
        "f =~ NA*x1 + a*x2 + x3\ng =~ b*y1 + y2 + y3\ng ~ p*f\nf ~~ 1*f\nx1 ~~ x2\ny1 ~ x3\neffect := a*p"
    )
    written = [str(row) for row in built.rows()]
    assert built.names == ("f", "g")
    assert built.paths == (("f", "g"),)
    # A label does not free the first loading; NA does.
    assert written[:7] == ["f =~ NA*x1", "f =~ a*x2", "f =~ x3", "g =~ 1*y1 + b*y1", "g =~ y2", "g =~ y3", "g ~ p*f"]
    assert {"f ~~ 1*f", "x1 ~~ x2", "y1 ~ x3", "g ~~ g", "effect := a*p"} <= set(written)
    assert Model.from_lavaan(built.to_lavaan()).rows() == built.rows()


def test_a_construct_that_is_written_with_one_item_stays_a_variable():
    rows = {str(row) for row in Model.from_lavaan("f =~ q; g =~ y1 + y2 + y3; g ~ f").rows()}
    assert {"f =~ 1*q", "q ~~ 0*q", "f ~~ f", "g ~ f"} <= rows


def test_a_second_order_construct_is_measured_by_constructs():
    built = Model.from_lavaan(f"{HOLZINGER}\ngeneral =~ visual + textual + speed")
    assert built.items == tuple(f"x{number}" for number in range(1, 10))
    rows = {str(row) for row in built.rows()}
    assert {"general =~ 1*visual", "visual ~~ visual", "general ~~ general"} <= rows
    assert "visual ~~ textual" not in rows
    assert built.identification().free == 21


def test_extended_adds_paths_labels_items_and_effects_to_a_preset():
    built = acsi().extended(
        "satisfaction ~ b*quality; loyalty ~ d*satisfaction + quality; loyalty =~ CUSA1; CUSL1 ~~ CUSL2; e := b*d"
    )
    rows = {str(row) for row in built.rows()}
    assert built.sources("loyalty") == ("quality", "satisfaction", "complaints")
    assert built.construct("loyalty").items == ("CUSL1", "CUSL2", "CUSL3", "CUSA1")
    assert {"satisfaction ~ b*quality", "loyalty =~ CUSA1", "CUSL1 ~~ CUSL2", "e := b*d"} <= rows
    # A construct that is its item may be named by either.
    assert "loyalty ~ k*CUSCO" in {str(row) for row in acsi().extended("loyalty ~ k*complaints").rows()}


def test_the_error_of_a_single_item_can_be_given():
    built = acsi().extended("CUSCO ~~ 0.5*CUSCO")
    rows = {str(row) for row in built.rows()}
    assert built.variable("complaints") == "complaints"
    assert {"complaints =~ 1*CUSCO", "CUSCO ~~ 0.5*CUSCO", "complaints ~ satisfaction"} <= rows


def test_without_takes_a_construct_and_all_that_is_said_of_it_away():
    built = acsi().extended("complaints ~ d*satisfaction; loyalty ~ e*complaints; ind := d*e").without("complaints")
    assert "complaints" not in built.names
    assert built.sources("loyalty") == ("satisfaction",)
    assert built.extra == ()


def test_the_demo_study_names_its_model(demo):
    built = model.of(read(demo / "study.toml"))
    assert built.paths == ACSI.paths
    assert {name: list(built.construct(name).items) for name in built.names} == demo_questionnaire.constructs()


def test_a_study_may_list_its_own_paths():
    survey = SurveyConfig(
        constructs={"mood": ("m1", "m2"), "other": ("o1",), "price": ("p1",), "loyalty": ("l1", "l2")},
        paths={"price": ("mood", "loyalty"), "mood": ("loyalty",)},
    )
    built = model.of(survey)
    assert built.names == ("mood", "price", "loyalty")
    assert built.paths == (("price", "mood"), ("price", "loyalty"), ("mood", "loyalty"))
    assert built.items == ("m1", "m2", "p1", "l1", "l2")


@pytest.mark.parametrize(
    ("survey", "message"),
    [
        (
            SurveyConfig(),
            'study.toml names no satisfaction model; write model = "acsi" (or ecsi, ccsi) under [survey], or your own '
            "paths under [survey.paths], and the items of each construct under [survey.constructs].",
        ),
        (
            SurveyConfig(model="acsii"),
            'study.toml: [survey] model = "acsii" is not known; did you mean acsi or ecsi or ccsi.',
        ),
        (
            SurveyConfig(model="ecsi", paths={"a": ("b",)}),
            'study.toml: [survey] has model = "ecsi" and [survey.paths]; keep one, the preset or your paths.',
        ),
        (
            SurveyConfig(paths={"a": ("b",)}, constructs={"a": ("a1",), "bb": ("b1",)}),
            "study.toml: [survey.constructs] lists no items for 'b', which the model own needs (listed: a, bb); "
            "add it, or write [survey.paths] for a model without it.",
        ),
    ],
)
def test_what_a_study_says_wrongly_is_said_with_the_cure(survey, message):
    with pytest.raises(UsageError) as error:
        model.of(survey)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: ACSI.measured_by({"satisfactoin": ["Q1"]}),
            "The model ACSI has no construct 'satisfactoin'; did you mean satisfaction.",
        ),
        (
            lambda: ACSI.measured_by({}, composites="zeal"),
            "The model ACSI has no construct 'zeal'; known are expectations, quality, value, satisfaction, complaints, "
            "loyalty.",
        ),
        (
            lambda: replace(ACSI, paths=(*ACSI.paths, ("value", "trust"))),
            "The path value -> trust of the model ACSI leads to an unknown construct, 'trust'; known are expectations, "
            "quality, value, satisfaction, complaints, loyalty.",
        ),
        (
            lambda: replace(ACSI, paths=(*ACSI.paths, ("loyalty", "quality"))),
            "The paths of the model ACSI run in a circle: quality -> satisfaction -> loyalty -> quality; turn or "
            "leave out one of them.",
        ),
        (
            lambda: Model("m", (Construct("a", ("x",)),), (("a", "a"),)),
            "The paths of the model m run in a circle: a -> a; turn or leave out one of them.",
        ),
        (
            lambda: replace(ACSI, paths=(*ACSI.paths, ACSI.paths[0])),
            "The model ACSI has the path expectations -> quality twice; keep one.",
        ),
        (
            lambda: Model("m", (Construct("a", ("x",)), Construct("a", ("y",)))),
            "The model m has two constructs called 'a'; give each its own name.",
        ),
        (lambda: Construct("a", ("x", "y", "x")), "The construct 'a' lists the item 'x' twice; list it once."),
        (
            lambda: Construct("a", ("x",), "formative"),
            "The construct 'a' must be reflective or composite, not 'formative'.",
        ),
        (
            lambda: ACSI.measured_by({"quality": ["Q1"]}).rows(),
            "The model ACSI has no items for 'expectations', 'value', 'satisfaction', 'complaints', 'loyalty'; bind "
            'them with measured_by({"expectations": [...]}), or leave the construct out with without("expectations").',
        ),
        (
            lambda: acsi().extended("CUSL1 ~~ CUSL4").rows(),
            "The model ACSI has no construct and no item 'CUSL4', of which 'CUSL1 ~~ CUSL4' speaks; did you mean CUSL3 "
            "or CUSL2 or CUSL1.",
        ),
        (
            lambda: acsi().extended("mood =~ CUSL1 + CUSL2"),
            "The model ACSI has no construct 'mood'; known are expectations, quality, value, satisfaction, complaints, "
            "loyalty.",
        ),
        (
            lambda: Model.from_lavaan("f =~ x1 + x2; f <~ x3"),
            "The construct 'f' stands before =~ and before <~; it can be one of them only.",
        ),
        (
            lambda: Model.from_lavaan("f =~ x1 + x2 + x3; g =~ y1 + y2 + y3; f ~ g; g ~ f"),
            "The paths of the model own run in a circle: f -> g -> f; turn or leave out one of them.",
        ),
    ],
)
def test_a_model_that_makes_no_sense_is_refused(make, message):
    with pytest.raises(UsageError) as error:
        make()
    assert str(error.value) == message


def test_sound_answers_pass():
    answers = answered()
    answers.loc[:5, "a1"] = np.nan
    small().check(answers, (1, 10), covariances=True)
    small().check(answers.astype("Float64"), {"a1": (1, 10)}, covariances=True)
    small().check(answers.assign(a2=answers["a2"] > 5), covariances=True)
    small().check(answers.assign(a2=pd.Categorical(answers["a2"])), (1, 10), covariances=True)


def test_the_survey_of_the_issue_passes(shared):
    answers = pd.read_csv(shared("data/ecsi_mobile/mobi.csv"))
    acsi().check(answers, (1, 10), covariances=True)


def spoilt(**columns):
    return answered().assign(**columns)


LABELS = np.where(np.arange(60) % 2, "satisfied", "dissatisfied")


@pytest.mark.parametrize(
    ("answers", "kind", "message"),
    [
        (
            answered().rename(columns={"a3": "A3", "b1": "zz"}),
            UsageError,
            "The model needs the item 'a3', which is no column of the answers; did you mean A3.",
        ),
        (
            pd.concat([answered(), answered()[["a1"]]], axis=1),
            UsageError,
            "The answers have two columns called 'a1'; rename one of them.",
        ),
        (
            spoilt(b2=LABELS),
            DataError,
            "The item 'b2' holds labels such as 'dissatisfied'; replace them by their codes, as in "
            "answers['b2'].map({'dissatisfied': 1, ...}).",
        ),
        (
            spoilt(b2=pd.Categorical(LABELS)),
            DataError,
            "The item 'b2' holds labels such as 'dissatisfied'; replace them by their codes, as in "
            "answers['b2'].map({'dissatisfied': 1, ...}).",
        ),
        (
            spoilt(b2=[str(number % 7) for number in range(60)]),
            DataError,
            "The item 'b2' holds numbers written as text such as '0'; convert them with pd.to_numeric(answers['b2']).",
        ),
        (
            spoilt(b2=pd.Timestamp("2025-01-01")),
            DataError,
            "The item 'b2' holds values such as Timestamp('2025-01-01 00:00:00'), which are no numbers; use codes.",
        ),
        (
            spoilt(a2=[np.nan] * 3 + [7.0] * 57),
            DataError,
            "The item 'a2' has one answer only, 7, from all 57 who answered it, so it tells nothing apart; leave it "
            "out of the model.",
        ),
        (spoilt(a2=np.nan), DataError, "The item 'a2' has no answer at all; leave it out of the model."),
        (
            spoilt(a2=[np.inf] + [1.0, 2.0] * 29 + [3.0]),
            DataError,
            "The item 'a2' holds an infinite value; set it to missing (NaN).",
        ),
        (
            spoilt(b3=[5.0, 99.0, 0.0] + [5.0, 6.0] * 28 + [98.0]),
            DataError,
            "The item 'b3' has 3 answers outside its scale 1-10, first: row 1 = 99; set codes that mean no answer to "
            "missing (NaN), or give the item its own scale.",
        ),
        (
            answered(9),
            DataError,
            "Only 9 respondents answered the items of the model; it needs at least 10.",
        ),
        (
            answered(0),
            DataError,
            "The item 'a1' has no answer at all; leave it out of the model.",
        ),
    ],
)
def test_answers_that_cannot_be_used_are_refused(answers, kind, message):
    with pytest.raises(kind) as error:
        small().check(answers, (1, 10))
    assert str(error.value) == message


def test_an_item_of_its_own_scale_needs_its_own_codes():
    answers = spoilt(b3=np.arange(60.0))
    scales = dict.fromkeys(("a1", "a2", "a3", "b1", "b2"), (1, 10))
    small().check(answers, scales)
    small().check(answers, {**scales, "b3": (0, 100)})
    with pytest.raises(DataError, match="'b3' has 50 answers outside its scale 1-10, first: row 0 = 0;"):
        small().check(answers, {**scales, "b3": (1, 10)})


def test_respondents_who_answered_nothing_do_not_count():
    answers = answered(20)
    answers.iloc[:12] = np.nan
    with pytest.raises(
        DataError, match=r"^Only 8 respondents answered the items of the model; it needs at least 10\.$"
    ):
        small().check(answers)


def test_a_target_needs_more_respondents_than_sources():
    constructs = tuple(Construct(f"c{number}", (f"q{number}",)) for number in range(12))
    wide = Model("wide", constructs, tuple((f"c{number}", "c11") for number in range(11)))
    answers = answered(13, items=wide.items)
    with pytest.raises(
        DataError, match=r"^Only 13 respondents answered the items of the model; it needs at least 14\.$"
    ):
        wide.check(answers)


@pytest.mark.parametrize(
    ("respondents", "message"),
    [
        (
            19,
            "There are 19 respondents for 19 items, and covariances need more respondents than items; estimate by PLS, "
            "leave items out, or ask more people.",
        ),
        (
            40,
            "There are 40 respondents for 46 free parameters, and a model of covariances needs at least one for each "
            "(five to ten are better); estimate by PLS, simplify the model, or ask more people.",
        ),
    ],
)
def test_few_respondents_carry_no_model_of_covariances(respondents, message):
    answers = answered(respondents, items=acsi().items)
    acsi().check(answers, (1, 10))
    with pytest.raises(DataError) as error:
        acsi().check(answers, (1, 10), covariances=True)
    assert str(error.value) == message


def test_collinear_items_are_named():
    answers = answered()
    small().check(answers.assign(a2=answers["b1"]))
    with pytest.raises(DataError) as error:
        small().check(answers.assign(a2=answers["b1"]), covariances=True)
    assert str(error.value) == (
        "The items a2 and b1 are perfectly collinear (one of them follows from the others without error); leave b1 out "
        "of the model."
    )
    total = answers.assign(b3=answers["a1"] + 2 * answers["b2"])
    with pytest.raises(DataError, match=r"^The items a1, b2 and b3 are perfectly collinear"):
        small().check(total, covariances=True)


def test_an_unidentified_model_is_refused_for_covariances_only():
    lone = Model("lone", (Construct("a", ("a1", "a2", "a3")), Construct("b", ("b1", "b2"))), (), parse("a ~~ 0*b"))
    lone.check(answered())
    with pytest.raises(UsageError) as error:
        lone.check(answered(), covariances=True)
    assert str(error.value) == (
        "The model lone is not identified: 'b' rests on b1 and b2 only and nothing connects it with another construct; "
        "add an item or a path, or give both loadings the same label."
    )


def test_numbers_are_floats_whatever_the_column():
    frame = pd.DataFrame({"a": pd.array([1, None, 3], dtype="Int64"), "b": pd.Categorical([4, 5, None])})
    np.testing.assert_array_equal(numbers(frame, ["b", "a"]), [[4, 1], [5, np.nan], [np.nan, 3]])


def test_what_a_model_is_about():
    def focus(names, paths, target=""):
        return model.Model("own", tuple(Construct(name) for name in names), paths, target=target).focus

    assert focus("abc", (("a", "b"), ("b", "c"))) == "c"
    assert focus(("a", "总体满意度", "c"), (("a", "总体满意度"), ("总体满意度", "c"))) == "总体满意度"
    assert focus(("Satisfied", "a"), ()) == "Satisfied"
    assert focus(("satisfaction", "c"), (("satisfaction", "c"),)) == "satisfaction"
    assert focus(("satisfaction", "c"), (("satisfaction", "c"),), target="c") == "c"
    with pytest.raises(UsageError) as raised:
        focus(("mood", "c"), (), target="moods")
    assert str(raised.value).startswith("The model own has no construct 'moods' to be its target; ")
    assert model.ACSI.without("satisfaction").target == ""
