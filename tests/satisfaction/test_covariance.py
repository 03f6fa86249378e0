"""CB-SEM: lavaan's numbers, closed forms, known truth, and clear answers where there is nothing to estimate."""

import json

import numpy as np
import pandas as pd
import pytest

from crm_analysis.errors import DataError, UsageError
from crm_analysis.satisfaction import covariance, model
from crm_analysis.satisfaction.equations import secondopinion
from crm_analysis.satisfaction.equations.fitting import fit
from crm_analysis.satisfaction.equations.structure import compile_rows
from crm_analysis.satisfaction.moments import Sample, saturated

THREE = "visual =~ x1 + x2 + x3\ntextual =~ x4 + x5 + x6\nspeed =~ x7 + x8 + x9"
ITEMS = {
    "image": [f"IMAG{i}" for i in range(1, 6)],
    "expectations": ["CUEX1", "CUEX2", "CUEX3"],
    "quality": [f"PERQ{i}" for i in range(1, 8)],
    "value": ["PERV1", "PERV2"],
    "satisfaction": ["CUSA1", "CUSA2", "CUSA3"],
    "complaints": ["CUSCO"],
    "loyalty": ["CUSL1", "CUSL2", "CUSL3"],
}
EFFECTS = """
EXP =~ CUEX1 + CUEX2 + CUEX3
QUAL =~ PERQ1 + PERQ2 + PERQ3 + PERQ4 + PERQ5 + PERQ6 + PERQ7
VAL =~ PERV1 + PERV2
SAT =~ CUSA1 + CUSA2 + CUSA3
LOY =~ CUSL1 + CUSL2 + CUSL3
QUAL ~ a1*EXP
VAL ~ a2*EXP + b2*QUAL
SAT ~ a3*EXP + b3*QUAL + c3*VAL
CUSCO ~ d4*SAT
LOY ~ d5*SAT + e5*CUSCO
"""
NAMES = {
    "baseline.chisq": "baseline_chisq",
    "rmsea.ci.lower": "rmsea_ci_lower",
    "rmsea.ci.upper": "rmsea_ci_upper",
    "logl": "loglik",
    "chisq.scaled": "chisq_scaled",
    "chisq.scaling.factor": "scaling_factor",
    "cfi.robust": "cfi_robust",
    "tli.robust": "tli_robust",
    "rmsea.robust": "rmsea_robust",
}
DATA = {
    "acsi_ml": "ecsi_mobile/mobi.csv",
    "acsi_mlr": "ecsi_mobile/mobi.csv",
    "hs_ml": "holzinger/holzinger1939.csv",
    "hs_mlr": "holzinger/holzinger1939.csv",
    "hs_fiml_mcar10": "holzinger/holzinger1939_mcar10.csv",
}


@pytest.fixture
def mobi(shared):
    return pd.read_csv(shared("data/ecsi_mobile/mobi.csv"))


@pytest.fixture
def holzinger(shared):
    return pd.read_csv(shared("data/holzinger/holzinger1939.csv"))


def acsi():
    return model.ACSI.measured_by({name: items for name, items in ITEMS.items() if name != "image"})


def two_constructs(n=400, *, seed=1, path=0.6):
    """Answers to six items of two constructs, of which the first makes the second."""
    generator = np.random.default_rng(seed)
    cause = generator.normal(size=n)
    effect = path * cause + 0.8 * generator.normal(size=n)
    columns = {f"a{k}": load * cause + 0.6 * generator.normal(size=n) for k, load in enumerate((1.0, 0.8, 0.9), 1)}
    columns |= {f"b{k}": load * effect + 0.6 * generator.normal(size=n) for k, load in enumerate((1.0, 0.7, 1.1), 1)}
    return pd.DataFrame(columns)


TWO = "cause =~ a1 + a2 + a3\neffect =~ b1 + b2 + b3\neffect ~ path*cause\ntwice := 2*path"


# --- lavaan ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DATA)
def test_lavaan(shared, name):
    reference = json.loads(shared(f"reference/{name}.json").read_text("utf-8"))
    answers = pd.read_csv(shared(f"data/{DATA[name]}"))
    text = THREE
    if name.startswith("acsi"):
        formulas = [f"{row['lhs']} := {row['rhs']}" for row in reference["parameters"] if row["op"] == ":="]
        text = "\n".join([EFFECTS, *formulas])
    result = covariance.estimate(
        text,
        answers,
        se="robust" if name.endswith("mlr") else "standard",
        missing="fiml" if "fiml" in name else "listwise",
    )
    for measure, value in reference["fit"].items():
        if measure in ("fmin", "baseline.df"):
            continue
        # With missing answers lavaan's EM algorithm ends a little early.
        near = 5e-6 if measure.endswith(".robust") else 1e-6
        assert result.fit[NAMES.get(measure, measure)] == pytest.approx(value, rel=near, abs=near), measure
    found = {(row["lhs"], row["op"], row["rhs"]): row for row in result.parameters.to_dict("records")}
    found |= {(row["rhs"], row["op"], row["lhs"]): row for row in found.values() if row["op"] == "~~"}
    defined = result.effects[result.effects["effect"] == "defined"].set_index("name").to_dict("index")
    for row in reference["parameters"]:
        ours = defined[row["lhs"]] if row["op"] == ":=" else found[row["lhs"], row["op"], row["rhs"]]
        assert ours["estimate"] == pytest.approx(row["est"], rel=1e-4, abs=1e-4)
        assert ours["se"] == pytest.approx(row["se"], rel=1e-4)
        assert ours["std_all"] == pytest.approx(row["std.all"], rel=1e-4, abs=1e-4)
    indices = {(row["lhs"], row["op"], row["rhs"]): row for row in result.modification.to_dict("records")}
    indices |= {(row["rhs"], row["op"], row["lhs"]): row for row in indices.values() if row["op"] == "~~"}
    for row in reference["modindices"]:
        ours = indices[row["lhs"], row["op"], row["rhs"]]
        assert ours["mi"] == pytest.approx(row["mi"], rel=1e-3)
        assert ours["epc"] == pytest.approx(row["epc"], rel=1e-3)
        assert ours["epc_std"] == pytest.approx(row["sepc.all"], rel=1e-3)


def test_satorra_and_bentler():
    # Their factor as they define it: tr(U Gamma) / df, with Gamma the covariances of the products of the answers.
    answers = two_constructs(300) ** 3
    result = covariance.estimate("a1 ~ a2\na3 ~ a1\na2 ~~ a2", answers, estimator="MLM")
    centred = (answers - answers.mean())[["a1", "a3", "a2"]].to_numpy()
    pairs = np.tril_indices(3)
    products = centred[:, pairs[0]] * centred[:, pairs[1]]
    gamma = np.cov(products.T, bias=True)
    estimates = result.parameters.set_index(["lhs", "op", "rhs"])["estimate"]
    b, c = estimates["a1", "~", "a2"], estimates["a3", "~", "a1"]
    noise = [estimates[name, "~~", name] for name in ("a1", "a3", "a2")]

    def implied(theta):
        total = np.linalg.inv(np.eye(3) - np.array([[0, 0, theta[0]], [theta[1], 0, 0], [0, 0, 0]]))
        return total @ np.diag(theta[2:]) @ total.T

    at = np.array([b, c, *noise])
    steps = 1e-6 * np.eye(5)
    delta = np.stack([(implied(at + step) - implied(at - step))[pairs] / 2e-6 for step in steps], axis=1)
    inverse = np.linalg.inv(implied(at))
    units = []
    for first, second in zip(*pairs, strict=True):
        unit = np.zeros((3, 3))
        unit[first, second] = unit[second, first] = 1
        units.append(unit)
    weight = np.array([[0.5 * np.trace(inverse @ one @ inverse @ other) for other in units] for one in units])
    middle = np.linalg.inv(delta.T @ weight @ delta)
    free = weight - weight @ delta @ middle @ delta.T @ weight
    assert result.fit["df"] == 1
    assert result.fit["scaling_factor"] == pytest.approx(np.trace(free @ gamma), rel=1e-5)
    error = np.sqrt(np.diag(middle @ delta.T @ weight @ gamma @ weight @ delta @ middle) / 300)
    found = result.parameters.set_index(["lhs", "op", "rhs"])["se"]
    assert found["a1", "~", "a2"] == pytest.approx(error[0], rel=1e-5)
    assert found["a3", "~", "a1"] == pytest.approx(error[1], rel=1e-5)


def test_the_issue_s_call(mobi):
    sem = covariance.estimate(acsi(), mobi, se="robust", missing="fiml", bootstrap=200, seed=1)
    assert list(sem.parameters) == [
        "lhs",
        "op",
        "rhs",
        "estimate",
        "se",
        "z",
        "pvalue",
        "ci_lower",
        "ci_upper",
        "std_all",
    ]
    asked = [
        "chisq",
        "df",
        "pvalue",
        "cfi",
        "tli",
        "rmsea",
        "rmsea_ci_lower",
        "rmsea_ci_upper",
        "srmr",
        "loglik",
        "aic",
        "bic",
    ]
    assert list(sem.fit.index)[: len(asked)] == asked
    assert set(sem.effects["effect"]) == {"total", "indirect"}
    row = sem.parameters.set_index(["lhs", "op", "rhs"]).loc[("loyalty", "~", "satisfaction")]
    assert row["estimate"] == pytest.approx(1.5131, abs=1e-4)
    assert row["ci_lower"] < row["estimate"] < row["ci_upper"]
    again = covariance.estimate(acsi(), mobi, se="robust", missing="fiml", bootstrap=200, seed=1)
    assert again.bootstrap.equals(sem.bootstrap)


# --- soundness -------------------------------------------------------------------------------------------------------


def test_ecsi_on_mobi_is_called_unsound(mobi):
    result = covariance.estimate(model.ECSI.measured_by(ITEMS), mobi)
    assert not result.sound
    assert result.findings()[0] == (
        "The solution is not sound and should not be interpreted: it fails the check that the data tell the parameters "
        "apart (condition number 6.7e+06; least certain: expectations -> satisfaction, quality -> satisfaction and "
        "expectations -> value)."
    )
    assert covariance.estimate(acsi(), mobi).sound
    resampled = covariance.estimate(model.ECSI.measured_by(ITEMS), mobi, bootstrap=100, seed=1)
    assert resampled.draws["inadmissible_share"] > 0.9
    assert resampled.findings()[-1].endswith("are not admissible; too few are left for intervals.")


def test_a_heywood_case_is_called_unsound():
    # One factor with correlations .9, .9 and .5 needs a first loading above 1: 0.9 * 0.9 / 0.5 > 1.
    covariances = np.array([[1, 0.9, 0.9], [0.9, 1, 0.5], [0.9, 0.5, 1.0]]) + 0.2 * np.eye(3)
    drawn = np.random.default_rng(1).normal(size=(200, 3))
    drawn = np.linalg.solve(np.linalg.cholesky(np.cov(drawn.T, bias=True)), (drawn - drawn.mean(axis=0)).T).T
    answers = pd.DataFrame(drawn @ np.linalg.cholesky(covariances).T, columns=["a", "b", "c"])
    result = covariance.estimate("one =~ a + b + c", answers)
    # Just identified: the loadings follow from ratios of covariances.
    estimates = result.parameters.set_index(["lhs", "op", "rhs"])["estimate"]
    assert estimates["one", "=~", "b"] == pytest.approx(0.5 / 0.9)
    assert estimates["one", "~~", "one"] == pytest.approx(0.81 / 0.5)
    assert estimates["a", "~~", "a"] == pytest.approx(1.2 - 0.81 / 0.5)
    failed = result.admissibility.set_index("check")["passed"]
    assert not failed["variances"]
    assert result.findings()[0].endswith(
        "(not positive: the variance of a; a matrix of covariances has a negative eigenvalue)."
    )


# --- truth -----------------------------------------------------------------------------------------------------------


def test_intervals_cover_the_truth_and_the_bootstrap_agrees():
    inside = []
    for seed in range(60):
        row = covariance.estimate(TWO, two_constructs(seed=seed)).parameters.query("op == '~'").iloc[0]
        inside.append(row["ci_lower"] <= 0.6 <= row["ci_upper"])
    assert 0.85 <= np.mean(inside) <= 1
    result = covariance.estimate(TWO, two_constructs(), bootstrap=1000, bollen_stine=True, seed=3)
    drawn = result.bootstrap.dropna(subset=["lhs"]).set_index(["lhs", "op", "rhs"]).loc[("effect", "~", "cause")]
    analytic = covariance.estimate(TWO, two_constructs()).parameters.query("op == '~'").iloc[0]
    assert drawn["se"] == pytest.approx(analytic["se"], rel=0.1)
    for kind in ("percentile", "bca"):
        assert drawn[f"{kind}_lower"] == pytest.approx(analytic["ci_lower"], abs=0.03)
        assert drawn[f"{kind}_upper"] == pytest.approx(analytic["ci_upper"], abs=0.03)
    assert result.draws["inadmissible_share"] == 0
    assert result.draws["bollen_stine"] == pytest.approx(result.fit["pvalue"], abs=0.1)
    twice = result.effects.set_index("name").loc["twice"]
    assert twice["estimate"] == pytest.approx(2 * analytic["estimate"])
    assert twice["ci_lower"] == pytest.approx(2 * drawn["percentile_lower"])


def test_bollen_and_stine_refuse_a_wrong_model():
    answers = two_constructs(path=0.3)
    one = covariance.estimate(f"g =~ {' + '.join(answers.columns)}", answers, bootstrap=200, bollen_stine=True, seed=1)
    assert one.fit["pvalue"] < 1e-6
    assert one.draws["bollen_stine"] < 0.01


def test_full_information_uses_every_answer():
    answers = two_constructs(600)
    # b1 is missing where a1 is high: leaving those respondents out bends what is left, FIML does not.
    gaps = answers.assign(b1=answers["b1"].where(answers["a1"] < 0.5))
    full = covariance.estimate(TWO, answers)
    fiml = covariance.estimate(TWO, gaps, missing="fiml", bootstrap=100, seed=1)
    left = covariance.estimate(TWO, gaps)
    path = [result.parameters.query("op == '~'").iloc[0] for result in (full, fiml, left)]
    assert path[1]["estimate"] == pytest.approx(path[0]["estimate"], abs=0.06)
    assert path[0]["se"] < path[1]["se"] < path[2]["se"]
    missing = int(gaps["b1"].isna().sum())
    assert fiml.notes == (f"{missing} of 3,600 answers are missing; all others were used (FIML).",)
    assert left.notes == (f"{missing} respondents of 600 did not answer every item and were left out.",)
    complete = covariance.estimate(TWO, answers, missing="fiml")
    assert complete.fit["chisq"] == pytest.approx(full.fit["chisq"])


def test_a_weight_of_two_counts_as_two_respondents():
    answers = two_constructs(200)
    twice = pd.concat([answers, answers.iloc[:50]], ignore_index=True)
    weight = np.where(np.arange(200) < 50, 2.0, 1.0)
    one = covariance.estimate(TWO, answers.assign(w=weight), weight="w")
    other = covariance.estimate(TWO, twice)
    assert one.parameters["estimate"].to_numpy() == pytest.approx(other.parameters["estimate"].to_numpy())
    assert "scaling_factor" in one.fit
    assert one.notes == ("Survey weights were used; errors and test are robust for it.",)


def test_labels_make_parameters_equal_and_constraints_hold():
    text = "cause =~ a1 + l*a2 + l*a3\neffect =~ b1 + m*b2 + b3\neffect ~ p*cause\nm == 2*l - 1"
    result = covariance.estimate(text, two_constructs())
    estimates = result.parameters.set_index(["lhs", "op", "rhs"])["estimate"]
    assert estimates["cause", "=~", "a2"] == estimates["cause", "=~", "a3"]
    assert estimates["effect", "=~", "b2"] == pytest.approx(2 * estimates["cause", "=~", "a2"] - 1)
    assert result.fit["df"] == 8 + 2


# --- answers where there is nothing to estimate ----------------------------------------------------------------------


def broken(kind):
    answers = two_constructs(40)
    if kind == "constant":
        return answers.assign(a1=5.0)
    if kind == "collinear":
        return answers.assign(a3=answers["a1"] + answers["a2"])
    if kind == "labels":
        return answers.assign(a1="often")
    return answers.iloc[:6]


@pytest.mark.parametrize("kind", ["constant", "collinear", "labels", "few"])
def test_what_cannot_be_estimated_is_refused(kind):
    with pytest.raises(DataError):
        covariance.estimate(TWO, broken(kind))


def test_forty_people_get_an_answer():
    result = covariance.estimate(TWO, two_constructs(40))
    assert result.fit["n"] == 40
    assert len(result.findings()) >= 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"estimator": "WLS"},
            "The estimator parameter of covariance.estimate must be one of 'ML', 'MLR', 'MLM', not 'WLS'.",
        ),
        (
            {"missing": "pairwise"},
            "The missing parameter of covariance.estimate must be one of 'listwise', 'fiml', not 'pairwise'.",
        ),
        (
            {"begin": "zero"},
            "The begin parameter of covariance.estimate must be one of 'own', 'semopy', not 'zero'.",
        ),
        ({"bootstrap": 10}, "The bootstrap parameter of covariance.estimate must be 0 or at least 100, not 10."),
        ({"bollen_stine": True}, "The Bollen-Stine test needs complete answers and bootstrap above 0."),
        (
            {"weight": "w"},
            "covariance: the answers have no column 'w' to weight by; give weight=None or add it.",
        ),
        ({"weight": [1.0]}, "covariance: there are 1 weights for 400 respondents."),
        ({"group": "shop"}, "The answers have no column 'shop' to group by."),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(UsageError) as raised:
        covariance.estimate(TWO, two_constructs(), **options)
    assert str(raised.value) == message


def test_no_survey():
    result = covariance.estimate(acsi(), pd.DataFrame())
    assert result.findings() == ("No model was estimated: there is no survey in this study.",)
    assert result.plot().get_title(loc="left") or result.plot().get_title()


def test_SEMResult_keeps_the_contract(keeps_result_contract):
    answers = two_constructs()
    results = [
        covariance.estimate(TWO, answers, se="robust", bootstrap=100, bollen_stine=True),
        covariance.estimate("cause =~ a1 + a2 + a3\neffect =~ b1 + b2 + b3", answers),
        covariance.estimate(TWO, answers.assign(shop=np.arange(len(answers)) % 2), group="shop"),
        covariance.estimate(acsi(), pd.DataFrame()),
        covariance.estimate("one =~ a1 + a2 + a3", answers),
    ]
    for result in results:
        keeps_result_contract(result, pictures=("plot",))


# --- a second opinion ------------------------------------------------------------------------------------------------


def test_from_semopy_s_solution_the_maximum_is_the_same():
    text = f"{TWO}\na1 ~~ b1\na2 ~ 0.1*1"
    own, other = (covariance.estimate(text, two_constructs(), begin=begin) for begin in ("own", "semopy"))
    assert other.parameters["estimate"].to_numpy() == pytest.approx(own.parameters["estimate"].to_numpy(), abs=1e-7)
    assert other.fit["chisq"] == pytest.approx(own.fit["chisq"])
    assert other.notes == own.notes == ()
    grouped = two_constructs().assign(shop=np.arange(400) % 2)
    own, other = (covariance.estimate(TWO, grouped, group="shop", begin=begin) for begin in ("own", "semopy"))
    assert other.fit["chisq"] == pytest.approx(own.fit["chisq"])


def test_semopy_alone_comes_to_the_same_numbers():
    # Another program, with another parametrisation and another optimiser.
    structure = compile_rows(model.Model.from_lavaan(TWO).rows())
    sample = Sample(two_constructs()[list(structure.items)].to_numpy())
    mean, covariances = saturated(sample.moments())
    found = secondopinion.semopy_solution(structure, mean[0], covariances[0], n=sample.n)
    assert found[0] == pytest.approx(fit(structure, sample).estimates[0], abs=1e-5)


def difficult(seed):
    """Few answers to few items, some of which hardly belong to their construct."""
    generator = np.random.default_rng(seed)
    n = int(generator.integers(20, 200))
    cause = generator.normal(size=n)
    effect = generator.normal() * cause + generator.normal(size=n)
    columns = {}
    for letter, of, count in (("a", cause, 3), ("b", effect, 2)):
        for k in range(count):
            columns[f"{letter}{k}"] = generator.normal() * of + generator.uniform(0.2, 2) * generator.normal(size=n)
    columns["y"] = generator.normal() * effect + generator.normal(size=n)
    return pd.DataFrame(columns)


def test_where_our_start_leads_nowhere_semopy_s_may():
    text = "f =~ a0 + a1 + a2\nh =~ b0 + b1\nh ~ f\ny ~ h + f"
    answers = difficult(48)
    structure = compile_rows(model.Model.from_lavaan(text).rows())
    assert not fit(structure, Sample(answers[list(structure.items)].to_numpy())).solution.converged[0]
    result = covariance.estimate(text, answers)
    assert result.sound
    assert result.notes == ("The usual start led to no maximum; the search began at the solution of semopy instead.",)
