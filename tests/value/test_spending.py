"""Gamma-gamma: a published fit, known truth, what it warns of and refuses."""

import json
import math
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import gamma

from crm_analysis.errors import DataError, UsageError
from crm_analysis.value import clv

PUBLISHED = json.loads((Path(__file__).parents[1] / "reference" / "clv.json").read_text("utf-8"))
TRUTH = (6.0, 4.0, 15.0)


def spenders(n, *, truth=TRUTH, seed=1, follow=0.0):
    """Summaries of customers of the model; with `follow` the frequent spend more."""
    generator = np.random.default_rng(seed)
    x = generator.geometric(0.3, n)
    p, q, v = truth
    nu = generator.gamma(q, 1 / v, n) / x**follow
    return pd.DataFrame(
        {"customer_id": range(n), "frequency": x, "monetary": generator.gamma(p * x) / nu / x, "mean": p / nu}
    )


def test_the_published_fit_to_cdnow(cdnow):
    summary = clv.summarise(cdnow, as_of=PUBLISHED["calibration_end"], unit="week")
    fitted = clv.GammaGamma().fit(summary)
    assert fitted.params_.to_dict() == pytest.approx(PUBLISHED["lifetimes"]["gamma_gamma"], abs=1e-2)
    assert fitted.correlation_ == pytest.approx(PUBLISHED["gamma_gamma"]["correlation"], abs=1e-4)
    assert fitted.customers_ == PUBLISHED["gamma_gamma"]["repeat_customers"]
    of_all = fitted.mean_spend(summary)[summary["frequency"] == 0].iloc[0]
    assert of_all == pytest.approx(PUBLISHED["gamma_gamma"]["mean_spend"], rel=1e-4)
    assert fitted.cautions_ == ()


def test_parameters_and_own_means_are_found_again():
    customers = spenders(20_000)
    fitted = clv.GammaGamma().fit(customers)
    table = fitted.parameters_.set_index("parameter")
    z = (np.log(table["estimate"]) - np.log(TRUTH)) / (table["standard_error"] / table["estimate"])
    assert np.abs(z).max() < 3
    found = fitted.forecast(customers)
    inside = (found["own_mean_low"] <= customers["mean"]) & (customers["mean"] <= found["own_mean_high"])
    assert inside.mean() == pytest.approx(0.95, abs=0.006)
    assert found["mean_spend"].to_numpy() == pytest.approx(fitted.mean_spend(customers).to_numpy())
    # Shrinking to the mean of all is nearer to the truth than the own mean.
    assert ((found["mean_spend"] - customers["mean"]) ** 2).mean() < (
        (customers["monetary"] - customers["mean"]) ** 2
    ).mean()


def test_the_likelihood_against_the_integral_over_nu():
    customers = spenders(40, seed=5)
    fitted = clv.GammaGamma().fit(customers)
    p, q, v = fitted.params_

    def density(nu, x, m):
        return gamma.pdf(m, p * x, scale=1 / (nu * x)) * gamma.pdf(nu, q, scale=1 / v)

    total = 0.0
    for x, m in customers[["frequency", "monetary"]].to_numpy():
        peak = (p * x + q) / (x * m + v)
        total += math.log(quad(density, 0, 40 * peak, args=(x, m), points=[peak])[0])
    assert fitted.log_likelihood_ == pytest.approx(total, rel=1e-6)


def test_the_currency_changes_only_v():
    customers = spenders(500)
    one, other = (clv.GammaGamma().fit(customers.assign(monetary=customers["monetary"] * by)) for by in (1, 100))
    assert other.params_.to_numpy() == pytest.approx((one.params_ * [1, 1, 100]).to_numpy(), rel=1e-4)
    assert other.log_likelihood_ == pytest.approx(one.log_likelihood_ - 500 * math.log(100))


@given(x=st.integers(1, 200), m=st.floats(0.01, 1e5))
def test_the_expected_spend_lies_between_the_own_mean_and_that_of_all(x, m):
    fitted = _fitted()
    history = pd.DataFrame({"frequency": [x, 0], "monetary": [m, np.nan]})
    own, of_all = fitted.mean_spend(history)
    assert min(m, of_all) * (1 - 1e-9) <= own <= max(m, of_all) * (1 + 1e-9)


def _fitted(found=[]):  # noqa: B006
    if not found:
        found.append(clv.GammaGamma().fit(spenders(500)))
    return found[0]


def test_related_frequency_and_spend_are_warned_of():
    message = (
        "Gamma-gamma: who buys more often spends more on a purchase (correlation {}), but the model takes the two for "
        "unrelated: values of frequent buyers are biased."
    )
    customers = spenders(2000, follow=0.6)
    correlation = f"{np.corrcoef(customers['frequency'], customers['monetary'])[0, 1]:.2f}"
    with pytest.warns(UserWarning, match="who buys more often spends more") as caught:
        fitted = clv.GammaGamma().fit(customers)
    assert [str(one.message) for one in caught] == [message.format(correlation)]
    assert fitted.cautions_ == (message.format(correlation),)
    with pytest.warns(UserWarning, match=r"who buys more often spends less on a purchase \(correlation -"):
        clv.GammaGamma().fit(spenders(2000, follow=-0.6))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clv.GammaGamma().fit(spenders(2000, follow=0.1))


def test_spend_without_a_finite_mean_is_warned_of():
    with pytest.warns(UserWarning, match="a few very large amounts leave spend without a finite mean"):
        fitted = clv.GammaGamma().fit(spenders(3000, truth=(6.0, 0.7, 15.0), seed=2))
    with pytest.raises(DataError) as caught:
        fitted.mean_spend(pd.DataFrame({"frequency": [0], "monetary": [np.nan]}))
    assert str(caught.value) == (
        f"GammaGamma: q is {fitted.params_['q']:.2f}, not above 1, so that the mean spend of a customer without repeat "
        "purchases is infinite; look at very large amounts, or give a longer log."
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"monetary": [-2.0, 0.0] + [1.0] * 98},
            "GammaGamma: the mean spend on repeat purchases must be positive; 2 of 100 customers have another, the "
            "first -2; leave out returns and purchases for nothing.",
        ),
        (
            {"monetary": [np.nan] + [1.0] * 99},
            "GammaGamma: the mean spend on repeat purchases must be positive; 1 of 100 customers have another, the "
            "first nan; leave out returns and purchases for nothing.",
        ),
        (
            {"monetary": "much"},
            "GammaGamma: the mean spend on repeat purchases must be positive; 100 of 100 customers have another, the "
            "first nan; leave out returns and purchases for nothing.",
        ),
        (
            {"monetary": 9.9},
            "GammaGamma: all 100 customers spend the same, 9.9 a purchase, so that there is no difference to learn; "
            "use that amount as it is.",
        ),
        (
            {"frequency": 0},
            "GammaGamma: it takes 30 customers who bought a second time to learn how spend differs, and there are 0; "
            "give a longer log.",
        ),
    ],
)
def test_what_is_refused(change, message):
    with pytest.raises(DataError) as caught:
        clv.GammaGamma().fit(spenders(100).assign(**change))
    assert str(caught.value) == message


def test_wrong_calls_are_said():
    with pytest.raises(UsageError) as caught:
        clv.GammaGamma().fit(spenders(100).drop(columns="monetary"))
    assert str(caught.value) == "GammaGamma: the summary has no column 'monetary'; make one with clv.summarise."
    with pytest.raises(UsageError) as caught:
        clv.GammaGamma().mean_spend(spenders(3))
    assert str(caught.value) == "GammaGamma has not learned anything yet; call fit(summary) first."
