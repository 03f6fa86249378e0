"""Coverage: on data drawn from each model the 95 % intervals hold the truth in 95 % of samples (``make test-slow``)."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from crm_analysis.value import clv

# Simultaneous over all parameters of the five models: each share of 1,000 lies within so much of 0.95.
_PARAMETERS = 4 + 4 + 4 + 3 + 2
_SAMPLES = 1000
_BAND = norm.ppf(1 - 0.05 / (2 * _PARAMETERS)) * np.sqrt(0.95 * 0.05 / _SAMPLES)
TRUTHS = {
    "bg": (0.8, 6.0, 0.9, 3.0),
    "mbg": (0.8, 6.0, 0.9, 3.0),
    "pareto": (0.8, 6.0, 0.9, 20.0),
    "gamma_gamma": (6.0, 4.0, 15.0),
    "sbg": (0.9, 4.0),
}
CUSTOMERS = {"bg": 4000, "mbg": 4000, "pareto": 4000, "gamma_gamma": 2000, "sbg": 2000}


def fit(kind, seed, draw_histories, customers):
    if kind == "gamma_gamma":
        generator, (p, q, v) = np.random.default_rng(seed), TRUTHS[kind]
        x = generator.geometric(0.3, customers)
        nu = generator.gamma(q, 1 / v, customers)
        summary = pd.DataFrame({"frequency": x, "monetary": generator.gamma(p * x) / nu / x})
        return clv.GammaGamma().fit(summary)
    if kind == "sbg":
        generator = np.random.default_rng(seed)
        ends = generator.geometric(generator.beta(*TRUTHS[kind], customers))
        seen = generator.integers(1, 13, customers)
        return clv.ShiftedBetaGeometric().fit(pd.DataFrame({"periods": np.minimum(ends, seen), "ended": ends <= seen}))
    models = {"bg": clv.BetaGeometric, "mbg": clv.ModifiedBetaGeometric, "pareto": clv.ParetoNBD}
    return models[kind]().fit(draw_histories(kind, customers, TRUTHS[kind], seed=seed))


def covered(kind, draw_histories, *, samples=_SAMPLES):
    """Share of samples whose interval holds the truth, by parameter."""
    inside, truth = [], np.array(TRUTHS[kind])
    for seed in range(samples):
        table = fit(kind, seed, draw_histories, CUSTOMERS[kind]).parameters_
        inside.append(((table["estimate_low"] <= truth) & (truth <= table["estimate_high"])).to_numpy())
    return np.mean(inside, axis=0)


@pytest.mark.slow
@pytest.mark.parametrize("kind", TRUTHS)
def test_intervals_of_parameters_cover(kind, draw_histories):
    assert covered(kind, draw_histories) == pytest.approx(0.95, abs=_BAND)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["bg", "mbg", "pareto"])
def test_intervals_of_forecasts_cover(kind, draw_histories):
    """Customers are drawn over their whole age and forecast from an earlier day; the total and single counts."""
    single, total = forecasts_covered(kind, samples=200)
    assert single >= 0.945
    assert total == pytest.approx(0.95, abs=3 * np.sqrt(0.95 * 0.05 / 200))


def forecasts_covered(kind, *, samples, customers=1000, periods=15.0):
    """Share of customers, and of totals, inside the 95 % interval of what may happen."""
    models = {"bg": clv.BetaGeometric, "mbg": clv.ModifiedBetaGeometric, "pareto": clv.ParetoNBD}
    single, total = [], []
    for seed in range(samples):
        summary, after = lived(kind, customers, periods, seed)
        fitted = models[kind]().fit(summary)
        found = fitted.forecast(summary, periods=periods, draws=400, seed=seed)
        single.append(((found["purchases_low"] <= after) & (after <= found["purchases_high"])).mean())
        _, low, high = fitted.total(summary, periods=periods, draws=400, seed=seed)
        total.append(low <= after.sum() <= high)
    return float(np.mean(single)), float(np.mean(total))


def lived(kind, customers, periods, seed):
    """Summaries as of a day, and purchases in the periods after it, one customer at a time."""
    generator, (r, alpha, c, d) = np.random.default_rng(seed), TRUTHS[kind]
    rows, after = [], []
    for _ in range(customers):
        age, rate = generator.uniform(20, 52), generator.gamma(r, 1 / alpha)
        end = generator.exponential(1 / generator.gamma(c, 1 / d)) if kind == "pareto" else np.inf
        stop = 0.0 if kind == "pareto" else generator.beta(c, d)
        times, now = [], 0.0
        active = not (kind == "mbg" and generator.random() < stop)
        while active:
            now += generator.exponential(1 / rate)
            if now > min(end, age + periods):
                break
            times.append(now)
            active = generator.random() >= stop
        before = [time for time in times if time <= age]
        rows.append((len(before), before[-1] if before else 0.0, age))
        after.append(len(times) - len(before))
    return pd.DataFrame(rows, columns=["frequency", "recency", "age"]), np.array(after)
