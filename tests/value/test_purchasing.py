"""BG/NBD, MBG/NBD and Pareto/NBD: published fits, other ways to the same number, known truth, extremes."""

import json
import math
from pathlib import Path

import mpmath
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import approx_fprime

from crm_analysis.errors import DataError, UsageError
from crm_analysis.value import clv
from crm_analysis.value.models.betageometric import beta_quadrature
from crm_analysis.value.models.history import distinct

PUBLISHED = json.loads((Path(__file__).parents[1] / "reference" / "clv.json").read_text("utf-8"))
MODELS = {"bg_nbd": clv.BetaGeometric, "mbg_nbd": clv.ModifiedBetaGeometric, "pareto_nbd": clv.ParetoNBD}
KINDS = {"bg": clv.BetaGeometric, "mbg": clv.ModifiedBetaGeometric, "pareto": clv.ParetoNBD}
TRUTHS = {"bg": (0.8, 6.0, 0.9, 3.0), "mbg": (0.8, 6.0, 0.9, 3.0), "pareto": (0.8, 6.0, 0.9, 20.0)}


def one(frequency, recency, age):
    return pd.DataFrame({"frequency": [frequency], "recency": [recency], "age": [age]})


def made(kind, params):
    """A model with given parameters: fitted to nothing, for its formulas alone."""
    from crm_analysis.value.models.likelihood import Maximum

    model = KINDS[kind]()
    logs = np.log(params)
    model.maximum_ = Maximum(logs, np.zeros((4, 4)), np.zeros(4, bool), 0.0)
    model.params_ = pd.Series(params, index=model.names)
    model.customers_, model.cautions_ = 0, ()
    return model


# Published fits


@pytest.mark.parametrize("name", MODELS)
def test_the_published_fits_to_cdnow(cdnow, name):
    summary = clv.summarise(cdnow, as_of=PUBLISHED["calibration_end"], unit="week")
    fitted = MODELS[name]().fit(summary)
    assert fitted.params_.to_dict() == pytest.approx(PUBLISHED["lifetimes"][name], abs=1e-3)
    if name in PUBLISHED["published"]:
        printed = dict(PUBLISHED["published"][name])
        assert fitted.log_likelihood_ == pytest.approx(printed.pop("log_likelihood"), abs=0.05)
        assert fitted.params_.to_dict() == pytest.approx(printed, abs=1e-3)
    expected = fitted.expected_purchases(summary, periods=39)
    assert expected.sum() == pytest.approx(PUBLISHED["holdout"][name]["predicted_total"], rel=1e-3)
    assert fitted.cautions_ == ()


def test_the_unit_of_time_changes_only_the_times(cdnow):
    weeks, days = (clv.summarise(cdnow, as_of="1997-09-30", unit=unit) for unit in ("week", "day"))
    in_weeks, in_days = clv.ParetoNBD().fit(weeks), clv.ParetoNBD().fit(days)
    expected = in_weeks.params_ * [1, 7, 1, 7]
    assert in_days.params_.to_numpy() == pytest.approx(expected.to_numpy(), rel=1e-5)
    assert in_days.expected_purchases(days, periods=70).to_numpy() == pytest.approx(
        in_weeks.expected_purchases(weeks, periods=10).to_numpy(), rel=1e-4
    )
    repeats = weeks["frequency"].sum()
    assert in_days.log_likelihood_ == pytest.approx(in_weeks.log_likelihood_ - repeats * math.log(7), abs=1e-5)


def test_equal_histories_counted_once_give_the_same_fit(draw_histories):
    rounded = draw_histories("bg", 400, TRUTHS["bg"], seed=1).round({"recency": 0, "age": 0})
    rounded["recency"] = rounded["recency"].where(rounded["frequency"] > 0, 0.0)
    shuffled = pd.concat([rounded, rounded]).sample(frac=1, random_state=2)
    once, twice = clv.BetaGeometric().fit(rounded), clv.BetaGeometric().fit(shuffled)
    assert twice.params_.to_numpy() == pytest.approx(once.params_.to_numpy(), rel=1e-6)
    # Twice the customers: intervals narrower by the root of two.
    error, halved = (model.parameters_["standard_error"].to_numpy() for model in (once, twice))
    assert halved == pytest.approx(error / math.sqrt(2), rel=1e-4)


# Formulas, by other ways


def test_the_likelihood_of_pareto_nbd_against_the_hypergeometric_formula():
    """Equation (15) of Schmittlein et al. in 50 digits, also where it loses all of 16."""
    cases = [
        ((0.55, 10.6, 0.61, 11.7), (2, 30.4, 38.9)),
        ((0.55, 10.6, 0.61, 11.7), (0, 0.0, 38.9)),
        ((3.0, 900.0, 0.05, 0.4), (0, 0.0, 500.0)),
        ((0.05, 0.01, 8.0, 4000.0), (250, 400.0, 520.0)),
        ((20.0, 5.0, 0.3, 1e-3), (900, 5.0, 150.0)),
        ((1.0, 7.0, 1.0, 7.0), (5, 3.0, 3.0)),
        ((0.3, 1e-3, 2.0, 1e3), (3, 1e-3, 5e3)),
    ]
    for params, (x, recency, age) in cases:
        values, _ = clv.ParetoNBD()._log_likelihoods(
            np.array(params), np.array([float(x)]), np.array([recency]), np.array([age])
        )
        assert values[0] == pytest.approx(pareto_by_mpmath(*params, x, recency, age), abs=1e-8), (params, x)


def pareto_by_mpmath(r, alpha, s, beta, x, recency, age):
    with mpmath.workdps(50):
        r, alpha, s, beta, tx, end = (mpmath.mpf(value) for value in (r, alpha, s, beta, recency, age))
        big, small = (alpha, beta) if alpha >= beta else (beta, alpha)
        second = s + 1 if alpha >= beta else r + x

        def part(t):
            z = (big - small) / (big + t)
            return mpmath.hyp2f1(r + s + x, second, r + s + x + 1, z) / (big + t) ** (r + s + x)

        inside = (alpha + end) ** -(r + x) * (beta + end) ** -s + s / (r + s + x) * (part(tx) - part(end))
        whole = mpmath.log(inside) + r * mpmath.log(alpha) + s * mpmath.log(beta)
        return float(whole + mpmath.loggamma(r + x) - mpmath.loggamma(r))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "history", [(0, 0.0, 30.0), (1, 2.0, 30.0), (7, 29.0, 30.0), (120, 25.0, 400.0), (3, 9.0, 9.0)]
)
def test_slopes_of_the_likelihood(kind, history):
    columns = [np.array([float(value)]) for value in history]
    model, params = KINDS[kind](), np.array(TRUTHS[kind])
    _, slopes = model._log_likelihoods(params, *columns)
    measured = approx_fprime(params, lambda p: model._log_likelihoods(p, *columns)[0][0], 1e-7)
    assert slopes[0] == pytest.approx(measured, rel=2e-4, abs=2e-5)


@pytest.mark.parametrize(
    ("history", "periods"),
    [
        ((0, 0.0, 39.0), 39),
        ((2, 30.4, 38.9), 39),
        ((30, 38.0, 38.9), 400),
        ((400, 50.0, 51.0), 10),
        ((1, 1.0, 300.0), 1),
    ],
)
@pytest.mark.parametrize("a", [0.793, 1.0, 2.7])
def test_expected_purchases_of_bg_nbd_against_the_hypergeometric_formula(history, periods, a):
    """Equation (10) of Fader, Hardie and Lee; at a = 1 its limit."""
    r, alpha, b = 0.243, 4.414, 2.426
    model = made("bg", (r, alpha, a, b))
    found = model.expected_purchases(one(*history), periods=periods)[0]
    alive = float(model.alive_probability(one(*history))[0])
    with mpmath.workdps(60):
        r, alpha, a, b, x, age = (mpmath.mpf(value) for value in (r, alpha, a, b, history[0], history[2]))
        a += mpmath.mpf(10) ** -30 if a == 1 else 0
        z = mpmath.mpf(periods) / (alpha + age + periods)
        curve = 1 - (1 - z) ** (r + x) * mpmath.hyp2f1(r + x, b + x, a + b + x - 1, z)
        formula = float((a + b + x - 1) / (a - 1) * curve) * alive
    assert found == pytest.approx(formula, rel=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_draws_of_the_future_agree_with_the_formulas(kind):
    model = made(kind, TRUTHS[kind])
    for history in [(0, 0.0, 30.0), (1, 5.0, 30.0), (12, 29.0, 30.0)]:
        summary = pd.concat([one(*history)] * 400, ignore_index=True)
        histories = distinct(summary, caller="test")
        counts = np.concatenate([block for _, block in model.futures(histories, 25, draws=500, seed=3)], axis=1)
        mean = model.expected_purchases(one(*history), periods=25)[0]
        assert counts.mean() == pytest.approx(mean, abs=4 * counts.std() / math.sqrt(counts.size))
        silent = model.no_purchase_probability(one(*history), periods=25)[0]
        assert (counts == 0).mean() == pytest.approx(silent, abs=0.006)


@pytest.mark.parametrize("kind", KINDS)
def test_newcomers_buy_what_customers_drawn_from_the_model_bought(draw_histories, kind):
    whole = draw_histories(kind, 40_000, TRUTHS[kind], seed=5)
    model = made(kind, TRUTHS[kind])
    new = model.newcomer(model.maximum_.params, 20.0)
    short = whole[whole["age"] < 24]
    expected = model.newcomer(model.maximum_.params, short["age"].to_numpy())
    error = short["frequency"].std() / math.sqrt(len(short))
    assert short["frequency"].mean() == pytest.approx(np.mean(expected), abs=4 * error)
    assert 0 < new < min(expected) * 1.01
    nobody = (short["frequency"] == 0).mean()
    silent = np.mean([model.no_purchase_probability(one(0, 0.0, 0.0), periods=age)[0] for age in (21, 22, 23)])
    assert nobody == pytest.approx(silent, abs=0.02)


@pytest.mark.parametrize("kind", KINDS)
def test_the_remaining_share_falls_from_the_alive_one(kind):
    model = made(kind, TRUTHS[kind])
    histories = distinct(one(2, 20.0, 30.0), caller="test")
    params = model.maximum_.params
    shares = [model.remaining(params, histories, periods)[0] for periods in (1e-9, 10, 100, 1e5)]
    assert shares[0] == pytest.approx(model.alive(params, histories)[0], rel=1e-6)
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] < 0.05


def test_one_time_buyers_are_alive_in_bg_nbd_but_not_in_the_others():
    shares = {kind: made(kind, TRUTHS[kind]).alive_probability(one(0, 0.0, 50.0))[0] for kind in KINDS}
    assert shares["bg"] == 1
    assert shares["mbg"] < 1
    assert shares["pareto"] < 1


@given(a=st.floats(0.01, 50), b=st.floats(0.01, 3000), power=st.integers(0, 6))
def test_quadrature_over_the_beta_distribution(a, b, power):
    nodes, weights = beta_quadrature(np.array([a]), np.array([b]))
    exact = math.exp(math.lgamma(a + power) + math.lgamma(a + b) - math.lgamma(a) - math.lgamma(a + b + power))
    assert (weights * nodes**power).sum() == pytest.approx(exact, rel=1e-8)
    assert ((nodes > 0) & (nodes <= 1)).all()


@given(
    kind=st.sampled_from(sorted(KINDS)),
    x=st.integers(0, 3000),
    age=st.floats(0.1, 5000),
    share=st.floats(0.001, 1),
    periods=st.floats(0.01, 5000),
    logs=st.tuples(*[st.floats(-4, 4)] * 4),
)
def test_probabilities_and_counts_stay_within_their_bounds(kind, x, age, share, periods, logs):
    model = made(kind, np.exp(logs))
    summary = one(x, age * share if x else 0.0, age)
    histories = distinct(summary, caller="test")
    values, slopes = model._log_likelihoods(np.exp(logs), *histories.columns)
    assert np.isfinite(values).all()
    assert np.isfinite(slopes).all()
    alive, silent = model.alive_probability(summary)[0], model.no_purchase_probability(summary, periods=periods)[0]
    expected = model.expected_purchases(summary, periods=periods)[0]
    assert 0 <= alive <= 1
    assert 1 - alive - 1e-9 <= silent <= 1 + 1e-12
    # Whoever buys, buys at least once.
    assert expected >= 1 - silent - 1e-7 * max(1.0, expected)
    assert model.expected_purchases(summary, periods=2 * periods)[0] >= expected * (1 - 1e-9)


# Known truth


@pytest.mark.parametrize("kind", KINDS)
def test_parameters_are_found_again(draw_histories, kind):
    fitted = KINDS[kind]().fit(draw_histories(kind, 20_000, TRUTHS[kind], seed=7))
    table = fitted.parameters_.set_index("parameter")
    z = (np.log(table["estimate"]) - np.log(TRUTHS[kind])) / (table["standard_error"] / table["estimate"])
    assert np.abs(z).max() < 3
    assert fitted.params_["r"] == pytest.approx(TRUTHS[kind][0], rel=0.1)
    assert repr(fitted).startswith(f"{KINDS[kind].__name__}(r=")


def test_a_forecast_says_how_sure_it_is(draw_histories):
    summary = draw_histories("bg", 1500, TRUTHS["bg"], seed=8)
    fitted = clv.BetaGeometric().fit(summary)
    found = fitted.forecast(summary, periods=20, draws=400, seed=1)
    assert list(found.columns) == [
        "customer_id", "expected_purchases", "expected_purchases_low", "expected_purchases_high",
        "no_purchase_probability", "no_purchase_probability_low", "no_purchase_probability_high",
        "purchases_low", "purchases_high",
    ]  # fmt: skip
    for name in ("expected_purchases", "no_purchase_probability"):
        assert (found[f"{name}_low"] <= found[name]).all()
        assert (found[name] <= found[f"{name}_high"]).all()
    assert found["expected_purchases"].to_numpy() == pytest.approx(fitted.expected_purchases(summary, periods=20))
    assert found.equals(fitted.forecast(summary, periods=20, draws=400, seed=1))
    # The interval of what may happen is wider than that of the mean.
    assert (found["purchases_high"] >= np.floor(found["expected_purchases"])).all()
    mean, low, high = fitted.total(summary, periods=20, draws=400, seed=1)
    assert low < mean < high
    assert mean == pytest.approx(found["expected_purchases"].sum())
    _, drawn = next(fitted.futures(distinct(summary, caller="test"), 20, draws=400, seed=1))
    assert [low, high] == pytest.approx(np.quantile(drawn.sum(axis=1), [0.025, 0.975]))
    within = (found["purchases_low"].to_numpy() <= drawn) & (drawn <= found["purchases_high"].to_numpy())
    assert (within.mean(axis=0) >= 0.95).all()


def test_a_parameter_without_limit_is_held_and_said(draw_histories):
    """Nobody leaves: no finite a, b or s fits best."""
    summary = draw_histories("bg", 2000, (1.5, 6.0, 1e-9, 1e3), seed=9)
    fitted = clv.BetaGeometric().fit(summary)
    assert fitted.maximum_.held.any()
    assert len(fitted.cautions_) == 1
    assert fitted.cautions_[0].startswith("BG/NBD: the likelihood rises to the end of the range of ")
    assert fitted.params_["r"] == pytest.approx(1.5, rel=0.15)
    found = fitted.forecast(summary, periods=10, draws=100)
    assert np.isfinite(found.drop(columns="customer_id").to_numpy()).all()


# What cannot be answered


def histories(n, **columns):
    return pd.DataFrame({"frequency": 0, "recency": 0.0, "age": 5.0} | columns, index=range(n))


@pytest.mark.parametrize(
    ("n", "columns", "message"),
    [
        (
            0,
            {},
            "BetaGeometric: 0 customers are too few to learn how customers differ; give a summary of 30 or more.",
        ),
        (
            1,
            {},
            "BetaGeometric: 1 customer is too few to learn how customers differ; give a summary of 30 or more.",
        ),
        (
            40,
            {"age": np.arange(40.0)},
            "BetaGeometric: nobody bought a second time, so that neither rates of buying nor leaving can be learned; "
            "give a longer log.",
        ),
        (
            40,
            {"age": 0.0},
            "BetaGeometric: every customer bought for the first time on the last day, so that no time has passed "
            "since; choose a later as_of.",
        ),
        (
            1_000_000,
            {"frequency": 2, "recency": 3.0},
            "BetaGeometric: all 1,000,000 customers have the same history, so that how they differ cannot be learned; "
            "give customers of different ages.",
        ),
        (
            40,
            {"recency": 9.0, "frequency": 1},
            "BetaGeometric: histories need a recency of at most the age; 40 do not, the first in row 0 (frequency 1, "
            "recency 9, age 5).",
        ),
        (
            2,
            {"frequency": [0, -1]},
            "BetaGeometric: histories must not be negative; 1 do not, the first in row 1 (frequency -1, recency 0, "
            "age 5).",
        ),
        (
            2,
            {"age": [np.nan, 1.0]},
            "BetaGeometric: histories must be numbers; 1 do not, the first in row 0 (frequency 0, recency 0, age nan).",
        ),
        (
            2,
            {"age": ["long", "1"]},
            "BetaGeometric: histories must be numbers; 1 do not, the first in row 0 (frequency 0, recency 0, age nan).",
        ),
    ],
)
def test_what_cannot_be_learned_is_said(n, columns, message):
    with pytest.raises(DataError) as caught:
        clv.BetaGeometric().fit(histories(n, **columns))
    assert str(caught.value) == message


def test_wrong_calls_are_said(draw_histories):
    summary = draw_histories("bg", 100, TRUTHS["bg"], seed=1)
    with pytest.raises(UsageError) as caught:
        clv.ParetoNBD().fit(summary.drop(columns="age"))
    assert str(caught.value) == "ParetoNBD: the summary has no column 'age'; make one with clv.summarise."
    with pytest.raises(UsageError) as caught:
        clv.ParetoNBD().expected_purchases(summary, periods=3)
    assert str(caught.value) == "ParetoNBD has not learned anything yet; call fit(summary) first."
    fitted = clv.BetaGeometric().fit(summary)
    for periods in (0, -1, np.nan, "39"):
        with pytest.raises(UsageError) as caught:
            fitted.expected_purchases(summary, periods=periods)
        assert str(caught.value) == f"BetaGeometric: periods must be a positive number, not {periods!r}."
    with pytest.raises(UsageError) as caught:
        fitted.forecast(summary, periods=3, draws=7)
    assert str(caught.value) == "forecast: draws must be a whole number, 100 or more, not 7."
    assert repr(clv.BetaGeometric()) == "BetaGeometric()"


def test_a_ridge_on_which_only_a_ratio_counts_gives_finite_intervals(draw_histories):
    """Customers who may leave after any purchase teach Pareto/NBD no spread of the rate of leaving, only its size."""
    summary = draw_histories("bg", 400, (0.8, 6.0, 0.9, 3.0), seed=2)
    fitted = clv.ParetoNBD().fit(summary)
    assert fitted.maximum_.held.sum() == 1
    assert fitted.parameters_.loc[~fitted.maximum_.held, "estimate_high"].max() < 1e9
    assert len(fitted.cautions_) == 1
    mean, low, high = fitted.total(summary, periods=20, draws=300, seed=1)
    assert 0.7 * mean < low < mean < high < 1.4 * mean
