"""Sample size: against formulas for one regression and for large samples, and what is known of Wishart draws."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_analysis.errors import UsageError
from crm_analysis.proportion import share
from crm_analysis.satisfaction import covariance, samplesize
from crm_analysis.satisfaction.equations import population
from crm_analysis.satisfaction.model import ACSI, ECSI, Construct, Model
from crm_analysis.satisfaction.planning import crossing
from crm_analysis.satisfaction.score import IndexResult

LINE = Model("line", (Construct("x", ("x",)), Construct("y", ("y",))), (("x", "y"),))
TRIANGLE = Model(
    "triangle",
    (Construct("a", ("a1", "a2", "a3")), Construct("b", ("b1", "b2", "b3")), Construct("c", ("c1", "c2", "c3"))),
    (("a", "b"), ("a", "c"), ("b", "c")),
)
BOUND = ACSI.measured_by(
    {
        "expectations": ["e1", "e2", "e3"],
        "quality": ["q1", "q2", "q3"],
        "value": ["v1", "v2"],
        "satisfaction": ["s1", "s2", "s3"],
        "complaints": ["c1"],
        "loyalty": ["l1", "l2"],
    }
)


def refusal(kind, model=LINE, **settings):
    with pytest.raises(kind) as error:
        samplesize.plan(model, **settings)
    return str(error.value)


def test_one_regression_has_the_power_that_the_formula_gives():
    # Of a slope with errors by maximum likelihood: z = r sqrt(n) / sqrt(1 - r^2) in large samples.
    found = samplesize.plan(LINE, truth={("x", "y"): 0.2}, sizes=(100, 193, 400), draws=4000, seed=1)
    assert found.needed["formula"].tolist() == [math.ceil(7.848879734349087 * 0.96 / 0.04)]
    row = found.table.set_index("size").loc[193]
    assert row["power_share_low"] - 0.01 < 0.8 < row["power_share_high"] + 0.01
    assert row["truth"] == pytest.approx(0.2)
    assert row["coverage_share"] == pytest.approx(0.95, abs=0.012)
    assert row["width"] == pytest.approx(2 * 1.96 * math.sqrt(0.96 / 193), rel=0.02)
    assert abs(row["bias_share"]) < 0.02
    assert found.respondents == pytest.approx(189, abs=12)


def test_the_simulation_agrees_with_the_formula_and_zero_is_a_false_alarm():
    truth = {("a", "b"): 0.3, ("a", "c"): 0.0, ("b", "c"): 0.4}
    found = samplesize.plan(TRIANGLE, truth=truth, sizes=(60, 120, 180, 240), draws=1500, seed=2)
    assert list(found.needed["source"]) == ["a", "b"]
    assert found.needed["respondents"].to_numpy() == pytest.approx(found.needed["formula"].to_numpy(), rel=0.15)
    alarms = found.table[(found.table["target"] == "c") & (found.table["source"] == "a")]
    assert alarms["power_share"].between(0.03, 0.075).all()
    assert alarms["bias_share"].isna().all()


def test_wishart_draws_have_the_right_mean_and_spread():
    covariances = np.array([[2.0, 0.6, 0.3], [0.6, 1.0, -0.2], [0.3, -0.2, 0.5]])
    n = np.full(20_000, 25)
    drawn = population.wishart(covariances, n, generator=np.random.default_rng(3))
    assert drawn.mean(axis=0) == pytest.approx(covariances * 24 / 25, abs=0.02)
    expected = 24 / 25**2 * (covariances**2 + np.outer(np.diag(covariances), np.diag(covariances)))
    assert drawn.var(axis=0) == pytest.approx(expected, rel=0.05)


def test_a_model_fitted_to_its_own_covariances_finds_itself():
    found = samplesize.assumption.assumed(BOUND, paths={}, path=0.3, loading=0.8, correlation=0.3)
    solution, discrepancy = population.fit(found.structure, found.covariance)
    assert discrepancy == pytest.approx(0, abs=1e-10)
    assert solution.theta[0] == pytest.approx(found.theta, abs=1e-6)
    assert np.diag(found.covariance) == pytest.approx(1)
    paths = samplesize.assumption.paths_of(BOUND, found.structure)
    assert set(zip(paths["source"], paths["target"], strict=True)) == set(BOUND.paths)
    assert found.standardised[paths["row"]] == pytest.approx(0.3)


def test_a_fit_is_the_truth_and_refits_are_those_of_the_estimator():
    rng = np.random.default_rng(4)
    a = rng.standard_normal(300)
    b = 0.5 * a + rng.standard_normal(300)
    answers = pd.DataFrame(
        {
            f"{name}{k}": f + 0.7 * rng.standard_normal(300)
            for name, f in zip("ab", (a, b), strict=True)
            for k in (1, 2, 3)
        }
    )
    model = Model("two", TRIANGLE.constructs[:2], (("a", "b"),))
    fit = covariance.estimate(model, answers)
    found = samplesize.plan(model, truth=fit, sizes=(100, 200), draws=60)
    path = fit.paths().iloc[0]
    assert found.table["truth"].iloc[0] == pytest.approx(path["estimate"], abs=1e-8)
    assert found.table["standardised"].iloc[0] == pytest.approx(path["standardised"], abs=1e-8)
    assert not found.assumed
    structure = samplesize.assumption.compiled(model)
    near = samplesize.assumption.from_fit(model, fit).theta
    moments = np.cov(answers.to_numpy().T, ddof=0)[None]
    again = population.refit(structure, moments, np.array([300]), near=near)
    parameters = fit.parameters
    assert again.estimates[0, 0] == pytest.approx(parameters["estimate"].to_numpy(), abs=1e-4)
    assert again.errors[0, 0] == pytest.approx(parameters["se"].fillna(0).to_numpy(), abs=1e-4)
    error = population.error_per_respondent(structure, near, moments[0]) / math.sqrt(300)
    assert error == pytest.approx(parameters["se"].fillna(0).to_numpy(), abs=0.01)


def test_the_index_takes_as_many_as_its_spread_says():
    points = pd.DataFrame({"satisfaction": np.random.default_rng(5).normal(70, 20, 2000)})
    index = IndexResult(pd.DataFrame(), pd.DataFrame(), points, "satisfaction", "equal")
    measured = samplesize.plan(LINE, sizes=(50, 100), draws=50, index=index, half_width=2)
    wanted, low, high = measured.index_respondents
    assert wanted == pytest.approx(1.959964**2 * points["satisfaction"].var() / 4)
    # A normal variance has the relative error sqrt(2 / n).
    assert (high - low) / wanted == pytest.approx(2 * 1.96 * math.sqrt(2 / 2000), rel=0.1)
    assumed = samplesize.plan(LINE, sizes=(50, 100), draws=50, index=20.0, half_width=2)
    assert assumed.index_respondents[0] == pytest.approx(384.1459)
    assert math.isnan(assumed.index_respondents[1])
    assert assumed.fits["index_half_width"].iloc[1] == pytest.approx(3.919928)


def test_samples_of_real_answers_keep_their_skew():
    rng = np.random.default_rng(11)
    x = rng.standard_normal(3000)
    # An error that grows with x: the normal theory's error of the slope is too small.
    answers = pd.DataFrame({"x": x, "y": 0.1 * x + np.abs(x) * rng.standard_normal(3000)})
    fit = covariance.estimate(LINE, answers)
    settings = {"truth": fit, "sizes": (100, 200), "draws": 1000, "seed": 3}
    real = samplesize.plan(LINE, answers=answers, **settings)
    normal = samplesize.plan(LINE, **settings)
    assert normal.table["coverage_share"].between(0.93, 0.97).all()
    # The slope's variance is about three times what the normal theory says: 1.96 / sqrt(3) has a coverage of 74 %.
    assert real.table["coverage_share"].between(0.68, 0.80).all()
    assert real.findings()[-1] == (
        "The samples are drawn, with replacement, from 3,000 respondents: their answers are as skewed as these, and "
        "the model is as right or wrong as for them."
    )
    assert refusal(UsageError, answers=answers) == (
        "samplesize: answers are drawn from only with their own fit for the truth; give truth, too."
    )
    assert refusal(UsageError, answers=answers[["x"]], truth=fit) == (
        "samplesize: the answers have no column 'y'; give those of the fit."
    )


def test_an_item_that_is_rarely_yes_breaks_nothing():
    rng = np.random.default_rng(12)
    x = rng.standard_normal(400)
    answers = pd.DataFrame({"x": x, "y": (x + rng.standard_normal(400) > 3.0).astype(float)})
    found = samplesize.plan(
        LINE, truth=covariance.estimate(LINE, answers), answers=answers, sizes=(20, 400), draws=200, seed=1
    )
    # In some of the samples of twenty nobody says yes, so nothing can be estimated.
    assert found.fits["lost_share"].iloc[0] > 0.1
    assert found.fits["lost_share"].iloc[1] < 0.01


def test_what_cannot_be_estimated_counts_in_no_share():
    rng = np.random.default_rng(12)
    x = rng.standard_normal(400)
    answers = pd.DataFrame({"x": x, "y": (x + rng.standard_normal(400) > 3.0).astype(float)})
    found = samplesize.plan(
        LINE, truth=covariance.estimate(LINE, answers), answers=answers, sizes=(20, 400), draws=200, seed=1
    )
    kept = round(200 * (1 - found.fits["lost_share"].iloc[0]))
    row = found.table.iloc[0]
    for name in ("power_share", "coverage_share"):
        hits = round(row[name] * kept)
        assert tuple(row[[name, f"{name}_low", f"{name}_high"]]) == pytest.approx(share(hits, kept))


def test_findings_in_whole():
    settings = {"sizes": (40, 80, 120), "draws": 200, "seed": 6, "response": 0.4, "half_width": 2.0}
    found = samplesize.plan(LINE, path=0.4, index=20.0, **settings)
    assert found.findings() == (
        "43 respondents give every path a power of 80 % (interval of the simulation 40 to 54); the last to get there "
        "is x to y (0.40 standardised).",
        "An index that is known to 2 points either way (95 % interval) takes 385 respondents.",
        "If 40 % answer, 961 must be asked for that; asking more does not cure a bias of those who answer.",
        "At every size at most 5 % of the fits are impossible solutions.",
        "The 95 % intervals of the paths hold the truth in 94.5 % of the smallest samples, and in "
        "94.0 % of the largest; with 200 samples of a size chance alone moves such a share by 3.0 points.",
        "The truth was assumed, so the answer is as good as the assumption: try weaker paths, too.",
        "The samples are drawn from a normal population in which the model holds: where answers are skewed or the "
        "model is only nearly right, more respondents are needed than this.",
    )
    few = samplesize.plan(LINE, path=0.05, **settings)
    assert few.findings()[0] == (
        "Not even 120 respondents give every path a power of 80 %: x to y (0.05 standardised) is found in 7.5 % of "
        "the samples; by the formula for large samples about 3,100 would do."
    )
    many = samplesize.plan(LINE, path=0.9, **settings)
    assert many.findings()[0] == "40 respondents or fewer give every path a power of 80 %; try smaller sizes."
    assert samplesize.plan(LINE, path=0.0, **settings).findings()[0] == (
        "No path of this model differs from zero, so there is nothing to find."
    )


def test_crossings():
    sizes = np.array([100.0, 200.0, 400.0])
    assert crossing.reached(sizes, np.array([0.85, 0.9, 1.0]), 0.8) == 100
    assert math.isnan(crossing.reached(sizes, np.array([0.1, 0.2, 0.79]), 0.8))
    assert 200 < crossing.reached(sizes, np.array([0.5, 0.79, 1.0]), 0.8) < 210
    assert crossing.reached(sizes, np.array([0.3, 0.8, 0.7]), 0.8) == pytest.approx(200)
    assert crossing.lasting(sizes, np.array([True, False, True])) == 400
    assert crossing.lasting(sizes, np.array([True, True, True])) == 100
    assert math.isnan(crossing.lasting(sizes, np.array([True, True, False])))
    for n in (60, 130, 350):
        assert crossing.formula(1.0, math.sqrt(n) / 2.8015852, 0.8) == pytest.approx(n, rel=1e-6)


@given(
    powers=st.lists(st.floats(0, 1), min_size=3, max_size=3),
    target=st.floats(0.05, 0.95),
)
def test_a_crossing_lies_between_the_sizes_and_falls_with_the_powers(powers, target):
    sizes = np.array([100.0, 200.0, 400.0])
    found = crossing.reached(sizes, np.array(powers), target)
    assert math.isnan(found) == (max(powers) < target)
    if not math.isnan(found):
        assert 100 <= found <= 400 + 1e-9
        better = crossing.reached(sizes, np.minimum(1, np.array(powers) + 0.05), target)
        assert better <= found + 1e-6


def test_what_is_refused():
    assert refusal(UsageError, draws=10) == "samplesize: draws must be at least 50, not 10."
    assert refusal(UsageError, sizes=(3, 100)) == (
        "samplesize: each of sizes must be at least 4, two more than the model has items, not 3."
    )
    assert refusal(UsageError, power=1.5) == (
        "samplesize: power must lie between 0 and 1, response above 0 up to 1 and half_width above 0, not 1.5, 1 and 1."
    )
    assert refusal(UsageError, truth={("y", "x"): 0.2}) == (
        "samplesize: the model line has no path y -> x; leave it out."
    )
    assert refusal(UsageError, truth={("x", "y"): 1.2}) == (
        "samplesize: the path x -> y must be a standardised number within -1 and 1, not 1.2."
    )
    assert refusal(UsageError, TRIANGLE, path=0.9) == (
        "samplesize: the assumed paths explain 308 % of c, which must stay below 100; assume weaker ones."
    )
    assert refusal(UsageError, index=-2.0) == (
        "samplesize: the standard deviation of the index must be above 0, not -2."
    )
    composed = TRIANGLE.measured_by({}, composites="a")
    assert refusal(UsageError, composed) == (
        "samplesize: the composite 'a' cannot be estimated from covariances; make it reflective."
    )


def test_an_unsound_fit_is_no_truth(shared, keeps_result_contract):
    mobi = pd.read_csv(shared("data/ecsi_mobile/mobi.csv"))
    model = ECSI.measured_by(
        {
            "image": [f"IMAG{i}" for i in range(1, 6)],
            "expectations": ["CUEX1", "CUEX2", "CUEX3"],
            "quality": [f"PERQ{i}" for i in range(1, 8)],
            "value": ["PERV1", "PERV2"],
            "satisfaction": ["CUSA1", "CUSA2", "CUSA3"],
            "complaints": ["CUSCO"],
            "loyalty": ["CUSL1", "CUSL2", "CUSL3"],
        }
    )
    found = samplesize.plan(model, truth=covariance.estimate(model, mobi))
    assert found.findings() == (
        "The fit is not sound, so it cannot stand for the truth and no samples were simulated: plan from a sound one, "
        "or leave truth out and assume the paths.",
    )
    keeps_result_contract(found, pictures=("plot", "plot_index"))
    before = samplesize.plan(model, draws=50, sizes=(200, 400))
    found = samplesize.plan(
        model, truth=covariance.estimate(model, mobi), otherwise=before, index=20.0, half_width=2.0, response=0.5
    )
    said = found.findings()
    assert said[:2] == (
        before.findings()[0],
        "The fit of the study itself is not sound, so it cannot stand for the truth; what is said here rests on "
        "assumed paths instead.",
    )
    assert said[2].startswith("An index that is known to 2 points either way (95 % interval) takes 385 respondents")
    assert said[3].startswith("If 50 % answer, ")
    keeps_result_contract(found, pictures=("plot", "plot_index"))
    found = samplesize.plan(model, truth=covariance.estimate(model, mobi.iloc[:0]))
    assert found.findings() == ("There are no answers to a survey in this study, so there is no fit to plan from.",)


@pytest.mark.parametrize("model", [LINE, TRIANGLE, BOUND], ids=lambda model: model.name)
def test_SampleSizeResult_keeps_the_contract(model, keeps_result_contract):
    found = samplesize.plan(model, sizes=(40, 80), draws=50, index=20.0)
    keeps_result_contract(found, pictures=("plot", "plot_index"))
    keeps_result_contract(samplesize.plan(model, sizes=(40,), draws=50, path=0.0), pictures=("plot", "plot_index"))
