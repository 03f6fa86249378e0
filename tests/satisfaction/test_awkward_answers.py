"""Answers as they come: gaps, few people, constants, copies, labels, odd types, bad weights; each a clear answer."""

import numpy as np
import pandas as pd
import pytest

from crm_analysis.errors import DataError, UsageError
from crm_analysis.satisfaction import covariance, groups, index, model, pls, reliability

QUALITY, SATISFACTION = ("q1", "q2", "q3"), ("s1", "s2", "s3")
LABELS = (
    "The item 'q1' holds labels such as 'rarely'; replace them by their codes, as in answers['q1'].map({'rarely': 1, "
    "...})."
)
TWICE = "The answers have two columns called 'q1'; rename one of them."
INFINITE = "The item 'q1' holds an infinite value; set it to missing (NaN)."
TEXT = "The item 'q1' holds numbers written as text such as '4.0'; convert them with pd.to_numeric(answers['q1'])."


def survey(n=200):
    generator = np.random.default_rng(1)
    quality = generator.normal(size=n)
    satisfaction = 0.6 * quality + 0.8 * generator.normal(size=n)
    columns = {name: quality + 0.8 * generator.normal(size=n) for name in QUALITY}
    columns |= {name: satisfaction + 0.8 * generator.normal(size=n) for name in SATISFACTION}
    answers = (5.5 + 1.6 * pd.DataFrame(columns)).round().clip(1, 10)
    return answers.assign(shop=np.where(np.arange(n) % 2, "new", "old"), wave=1, weight=1.0)


def drawn():
    return model.Model.from_lavaan("quality =~ q1 + q2 + q3\nsatisfaction =~ s1 + s2 + s3\nsatisfaction ~ quality")


@pytest.fixture(scope="module")
def fitted():
    return pls.estimate(drawn(), survey())


def verbs(fitted, answers, *, by="shop", weight=None):
    """Every function that is given answers, as the notebooks call them."""
    return {
        "pls.estimate": lambda: pls.estimate(drawn(), answers, bootstrap=100, seed=1, weight=weight),
        "covariance.estimate": lambda: covariance.estimate(drawn(), answers, weight=weight),
        "covariance.invariance": lambda: covariance.invariance(drawn(), answers, group=by, weight=weight),
        "reliability.assess": lambda: reliability.assess(pls.estimate(drawn(), answers, weight=weight), bootstrap=100),
        "index.score": lambda: index.score(fitted, answers, scale=(1, 10), bootstrap=100, weight=weight),
        "index.compare": lambda: index.compare(fitted, answers, by=by, scale=(1, 10), permutations=50, weight=weight),
        "groups.micom": lambda: groups.micom(fitted, answers, group=by, permutations=50, weight=weight),
    }


def messages(fitted, answers, **options):
    """What each verb refuses the answers with."""
    found = {}
    for name, verb in verbs(fitted, answers, **options).items():
        with pytest.raises((UsageError, DataError)) as raised:
            verb()
        found[name] = str(raised.value)
    return found


def with_gaps():
    answers = survey()
    answers.loc[:19, ["q1", "q2", "s1"]] = np.nan
    return answers


@pytest.mark.parametrize(
    "answers",
    [
        with_gaps(),
        survey(40),
        survey().astype({"q1": "Int64", "s1": "Float64"}).assign(q2=lambda frame: frame["q2"].where(frame.index > 5)),
        survey().astype({"q1": "object", "s1": "category"}),
        survey().set_axis([0] * 200),
    ],
    ids=["gaps", "forty", "nullable", "objects and categories", "one label for all rows"],
)
def test_what_can_be_estimated_is(fitted, answers):
    for name, verb in verbs(fitted, answers).items():
        assert verb().findings(), name


def test_other_types_of_the_same_numbers_give_the_same_numbers():
    plain = covariance.estimate(drawn(), survey()).parameters
    other = pls.estimate(drawn(), survey().astype({"q1": "object", "q2": "Int64", "q3": "category"}))
    assert other.paths["estimate"].to_numpy() == pytest.approx(pls.estimate(drawn(), survey()).paths["estimate"])
    for kind in ("Int64", "Float64", "object", "category"):
        pd.testing.assert_frame_equal(covariance.estimate(drawn(), survey().astype({"q1": kind})).parameters, plain)


def test_yes_and_no_are_one_and_zero(fitted):
    for kind in ("bool", "boolean"):
        answers = survey().assign(q1=lambda frame, kind=kind: (frame["q1"] > 5).astype(kind))
        assert covariance.estimate(drawn(), answers).sound
        assert pls.estimate(drawn(), answers).findings()
        with pytest.raises(DataError) as raised:
            index.score(fitted, answers, scale=(1, 10))
        assert str(raised.value) == (
            "index: the item 'q1' has the answer 0, outside 1 to 10; correct it, or say "
            'codes={"q1": (lowest, highest)}.'
        )


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (np.where(survey()["q1"] > 4, "often", "rarely"), LABELS),
        (pd.Categorical(np.where(survey()["q1"] > 4, "often", "rarely")), LABELS),
        (survey()["q1"].astype(str), TEXT),
        (survey()["q1"].replace(4.0, np.inf), INFINITE),
    ],
    ids=["labels", "categories", "text", "infinite"],
)
def test_items_that_are_no_numbers_are_refused_by_all(fitted, column, message):
    assert set(messages(fitted, survey().assign(q1=column)).values()) == {message}


def test_two_columns_of_one_name(fitted):
    answers = survey()
    assert set(messages(fitted, pd.concat([answers, answers[["q1"]]], axis=1)).values()) == {TWICE}


def test_a_constant_item(fitted):
    found = messages(fitted, survey().assign(q1=5))
    once = (
        "The item 'q1' has one answer only, 5, from all 200 who answered it, so it tells nothing apart; leave it out "
        "of the model."
    )
    later = "{}: the item 'q1' is 5 for every respondent, so it explains nothing; leave it out of the model."
    for name, message in found.items():
        # What is compared needs the items of satisfaction only; it is the test of invariance that needs them all.
        caller = "groups" if name == "index.compare" else name.split(".")[0]
        assert message == (later.format(caller) if caller in ("index", "groups") else once), name


def test_collinear_items_stop_covariances_and_not_composites():
    answers = survey().assign(q3=lambda frame: frame["q1"])
    with pytest.raises(DataError) as raised:
        covariance.estimate(drawn(), answers)
    assert str(raised.value) == (
        "The items q1 and q3 are perfectly collinear (one of them follows from the others without error); leave q3 out "
        "of the model."
    )
    # A composite is a sum: two copies of an item are one that counts twice.
    weights = pls.estimate(drawn(), answers).outer.set_index("item")["weight"]
    assert weights["q1"] == pytest.approx(weights["q3"])


def test_an_item_used_twice():
    with pytest.raises(UsageError) as raised:
        drawn().measured_by({"quality": ["q1", "q2", "q1"]})
    assert str(raised.value) == "The construct 'quality' lists the item 'q1' twice; list it once."


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (-1.0, "a weight is missing or negative; give each respondent a weight of 0 or more."),
        (np.nan, "a weight is missing or negative; give each respondent a weight of 0 or more."),
        (np.inf, "a weight is missing or negative; give each respondent a weight of 0 or more."),
        ("heavy", "the weights hold texts such as 'heavy'; a weight is a number of 0 or more."),
    ],
)
def test_bad_weights(fitted, weight, message):
    answers = survey().astype({"weight": "object" if isinstance(weight, str) else "float64"})
    answers.loc[3, "weight"] = weight
    for name, found in messages(fitted, answers, weight="weight").items():
        caller = "pls" if name == "reliability.assess" else name.split(".")[0]
        assert found == f"{caller}: {message}"
    assert all(
        found.endswith(": every weight is 0, so nobody counts; give weights above 0, or weight=None.")
        for found in messages(fitted, survey().assign(weight=0.0), weight="weight").values()
    )


def test_too_few_people(fitted):
    few = survey(8)
    for name in ("pls.estimate", "covariance.estimate", "covariance.invariance", "reliability.assess"):
        with pytest.raises(DataError) as raised:
            verbs(fitted, few)[name]()
        assert str(raised.value) == "Only 8 respondents answered the items of the model; it needs at least 10."
    nothing = "Fewer than two groups of shop have 20 complete answers, so there is nothing to compare."
    for name in ("index.compare", "groups.micom"):
        assert verbs(fitted, few)[name]().findings()[0] == nothing


def test_hardly_anybody_answered_everything():
    answers = survey(40)
    for row in range(36):
        answers.loc[row, list(answers)[row % 6]] = np.nan
    with pytest.raises(DataError) as raised:
        covariance.estimate(drawn(), answers)
    assert str(raised.value) == (
        "Only 4 respondents of 40 can be used for 6 items; estimate with missing='fiml', estimate by PLS, or leave out "
        "the items with the most gaps."
    )
    assert covariance.estimate(drawn(), answers, missing="fiml").fit["n"] == 40


def test_one_wave_and_groups_of_nobody(fitted):
    with pytest.raises(DataError) as raised:
        covariance.invariance(drawn(), survey(), group="wave")
    assert str(raised.value) == "The column 'wave' holds one group only (1); comparing needs two."
    for name in ("index.compare", "groups.micom"):
        assert verbs(fitted, survey(), by="wave")[name]().findings()[0] == (
            "Fewer than two groups of wave have 20 complete answers, so there is nothing to compare."
        )
    some = survey().assign(shop=lambda frame: frame["shop"].where(frame.index >= 30))
    found = covariance.invariance(drawn(), some, group="shop")
    assert found.notes == ("30 respondents of 200 belong to no group and were left out.",)
    three = survey().assign(shop=lambda frame: frame["shop"].where(frame.index >= 3, "tiny"))
    with pytest.raises(DataError) as raised:
        covariance.invariance(drawn(), three, group="shop")
    assert str(raised.value) == (
        "The group tiny of 'shop' has 3 respondents for 6 items; join it with another or leave it out."
    )
    for name in ("index.compare", "groups.micom"):
        assert "tiny" not in verbs(fitted, three)[name]().findings()[0]
