"""Identification: counted parameters, and the verdict of the rules for each construct."""

import numpy as np
import pytest

from crm_analysis.errors import UsageError
from crm_analysis.satisfaction.model import ACSI, Model
from crm_analysis.satisfaction.specification.construct import Construct
from crm_analysis.satisfaction.specification.identification import free_parameters
from crm_analysis.satisfaction.syntax import parse

THREE = "f =~ x1 + x2 + x3"


def assessed(text):
    return Model.from_lavaan(text).identification()


def verdicts(text):
    found = assessed(text)
    return dict(found.constructs[["construct", "verdict"]].itertuples(index=False))


def test_IdentificationResult_keeps_the_contract(keeps_result_contract):
    keeps_result_contract(assessed(f"{THREE}\ng =~ y1 + y2\nz ~ f + g"))
    keeps_result_contract(assessed("f =~ x1 + x2"))


def test_labels_count_once_and_constraints_take_one_away():
    assert free_parameters(Model.from_lavaan(THREE).rows()) == 6
    assert free_parameters(Model.from_lavaan("f =~ x1 + a*x2 + a*x3").rows()) == 5
    assert free_parameters(Model.from_lavaan("f =~ x1 + a*x2 + b*x3; a == 1").rows()) == 5
    assert free_parameters(parse("f =~ NA*x1 + 1*x2; e := 2")) == 1


def test_of_groups_the_freest_counts():
    assert free_parameters(Model.from_lavaan("f =~ x1 + c(1, NA)*x2 + x3").rows()) == 6
    assert free_parameters(Model.from_lavaan("f =~ x1 + c(1, 1)*x2 + x3").rows()) == 5
    assert verdicts("f =~ x1 + x2; g =~ y1 + y2 + y3; f ~~ c(0, NA)*g")["f"] == "identified"


def test_means_count_where_the_model_has_intercepts():
    plain, with_means = assessed(THREE), assessed(f"{THREE}; x1 ~ 1")
    assert (plain.moments, plain.free, plain.degrees_of_freedom) == (6, 6, 0)
    assert (with_means.moments, with_means.free, with_means.degrees_of_freedom) == (9, 9, 0)
    assert assessed(f"{THREE}; f ~ 1; x1 ~ 0").degrees_of_freedom == 0


CASES = [
    (THREE, "f", "identified"),
    ("f =~ x1 + x2", "f", "not identified"),
    # Two equal loadings leave as many parameters as moments.
    ("f =~ a*x1 + x2; f =~ 1*x2", "f", "not decided by the rules"),
    (f"{THREE}; g =~ y1 + y2", "g", "identified"),
    (f"{THREE}; g =~ y1 + y2; f ~~ 0*g", "g", "not identified"),
    (f"{THREE}; g =~ y1 + y2; f ~~ 0*g; z ~ g", "g", "identified"),
    ("f =~ NA*x1 + x2 + x3", "f", "not identified"),
    ("f =~ NA*x1 + x2 + x3; f ~~ 1*f", "f", "identified"),
    (f"{THREE}; x1 ~~ x2; z ~ f", "f", "not decided by the rules"),
    ("f =~ x1 + x2 + x3 + x4; x1 ~~ 0*x2", "f", "identified"),
    ("f =~ x1 + x2 + x3 + x4 + x5; x1 ~~ x2; z ~ f", "f", "identified"),
    (f"{THREE}; g =~ q; g ~ f", "g", "identified"),
    (f"{THREE}; g =~ q; q ~~ q; g ~ f", "g", "not identified"),
    (f"{THREE}; g =~ q; q ~~ 0.4*q; g ~ f", "g", "identified"),
    (f"{THREE}; y ~ f", "y", "identified"),
    ("c <~ x1 + x2; z ~ c", "c", "identified"),
    ("c <~ x1 + x2; y ~ z", "c", "not identified"),
    ("f =~ x1 + x2 + x3; g =~ x3 + y1 + y2 + y3", "f", "identified"),
    ("f =~ x1 + x2 + x3; g =~ x2 + x3 + y1 + y2 + y3", "f", "not decided by the rules"),
    ("f =~ a1+a2; g =~ b1+b2; h =~ c1+c2; top =~ f + g + h", "f", "identified"),
]


@pytest.mark.parametrize(("text", "construct", "verdict"), CASES)
def test_the_rule_of_each_construct(text, construct, verdict):
    assert verdicts(text)[construct] == verdict


def implied(rows, items, values, known):
    """Covariances of the items, from parameters by key or label: F (I - A)^-1 S (I - A)^-T F' (McArdle 1984)."""
    names = list(dict.fromkeys([*items, *(row.lhs for row in rows)]))
    place = {name: number for number, name in enumerate(names)}
    paths, covariances = np.zeros((2, len(names), len(names)))
    covariances[: len(items), : len(items)] = known
    for row in rows:
        value = values[row.label or row.key] if row.value is None else row.value
        here, there = place[row.lhs], place[row.rhs]
        if row.op == "=~":
            paths[there, here] = value
        elif row.op in ("~", "<~"):
            paths[here, there] = value
        else:
            covariances[here, there] = covariances[there, here] = value
    reach = np.linalg.inv(np.eye(len(names)) - paths)
    return (reach @ covariances @ reach.T)[: len(items), : len(items)][np.tril_indices(len(items))]


@pytest.mark.parametrize("text", dict.fromkeys(text for text, _, _ in CASES))
def test_verdicts_agree_with_the_rank_of_the_jacobian(text):
    # A model is locally identified where the moments answer to every direction of the parameters.
    built = Model.from_lavaan(text)
    rows, items = built.rows(), built.items
    free = list(dict.fromkeys(row.label or row.key for row in rows if row.value is None))
    draws = np.random.default_rng(1)
    start = dict(zip(free, draws.uniform(0.3, 0.9, len(free)), strict=True))
    weighed = {row.rhs for row in rows if row.op == "<~"}
    known = np.diag([1.0 * (item in weighed) for item in items])
    step = 1e-6
    columns = []
    for name in free:
        up, down = ({**start, name: start[name] + sign * step} for sign in (1, -1))
        columns.append((implied(rows, items, up, known) - implied(rows, items, down, known)) / (2 * step))
    rank = np.linalg.matrix_rank(np.column_stack(columns), tol=1e-6)
    verdict = built.identification().verdict
    assert len(free) == built.identification().free
    if verdict == "identified":
        assert rank == len(free)
    if verdict == "not identified":
        assert rank < len(free)


def test_acsi_is_identified_and_its_thin_constructs_are_named():
    names = {"expectations": 3, "quality": 3, "value": 2, "satisfaction": 3, "complaints": 1, "loyalty": 2}
    items = {name: [f"{name}{number}" for number in range(1, size + 1)] for name, size in names.items()}
    found = ACSI.measured_by(items).identification()
    assert found.findings() == (
        "The model ACSI is identified: 36 free parameters, 105 moments of the items, 69 degrees of freedom.",
        "The construct value rests on value1 and value2 only and is identified through other constructs alone.",
        "The construct complaints is its only item, complaints1: what is measured and the error of the answer are not "
        "told apart.",
        "The construct loyalty rests on loyalty1 and loyalty2 only and is identified through other constructs alone.",
    )
    assert found.metrics() == {"free_parameters": 36, "moments": 105, "degrees_of_freedom": 69, "identified": 1}
    found.require()


def test_a_path_beside_a_covariance_of_disturbances_is_left_open():
    found = assessed(f"{THREE}; g =~ y1 + y2 + y3; h =~ z1 + z2 + z3; g ~ f; h ~ g; g ~~ h")
    assert found.verdict == "not decided by the rules"
    assert found.findings()[-1] == (
        "The path from g to h runs beside a covariance of their disturbances, which no simple rule decides."
    )
    found.require()
    assert assessed(f"{THREE}; g =~ y1 + y2 + y3; h =~ z1 + z2 + z3; g ~ f; h ~ f; g ~~ h").verdict == "identified"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            f"{THREE}; x1 ~~ x2; x2 ~~ x3",
            "The model own is not identified: it has 8 free parameters for 6 moments of its items (t-rule); fix "
            "parameters or add items.",
        ),
        (
            "f =~ NA*x1 + x2 + x3 + x4",
            "The model own is not identified: 'f' has no scale; fix one loading or its variance at 1.",
        ),
        (
            f"{THREE}; g =~ q; q ~~ q; g ~ f",
            "The model own is not identified: 'g' rests on q alone; fix the variance of its error, as in q ~~ 0*q.",
        ),
        (
            "c <~ x1 + x2; y ~ z",
            "The model own is not identified: 'c' is a weighted sum that nothing depends on; draw a path from it, or "
            "leave it out.",
        ),
    ],
)
def test_an_unidentified_model_is_refused(text, message):
    with pytest.raises(UsageError) as error:
        assessed(text).require()
    assert str(error.value) == message


def test_constructs_of_one_item_alone_are_a_path_analysis():
    chain = Model("chain", tuple(Construct(name, (name,)) for name in "xyz"), (("x", "y"), ("y", "z")))
    found = chain.identification()
    assert (found.verdict, found.degrees_of_freedom) == ("identified", 1)
