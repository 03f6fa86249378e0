"""Lorenz curve and Gini coefficient: published values, closed forms, the variance, a bootstrap, coverage."""

import json
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from crm_analysis.proportion import FEWEST, bounds
from crm_analysis.segmentation.lorenz import Lorenz, band

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "gini.json").read_text("utf-8"))
AMOUNTS = st.lists(st.floats(0, 1e6, allow_subnormal=False), min_size=1, max_size=60).filter(
    lambda drawn: sum(drawn) > 1
)


def share_of_top(name, part, shape):
    """What the top part of a distribution holds, in closed form."""
    if name == "exponential":
        return part - part * math.log(part)
    if name == "lognormal":
        return float(stats.norm.cdf(shape - stats.norm.ppf(1 - part)))
    return part ** (1 - 1 / shape)


def gini_of(name, shape):
    if name == "exponential":
        return 0.5
    return 2 * stats.norm.cdf(shape / math.sqrt(2)) - 1 if name == "lognormal" else 1 / (2 * shape - 1)


def draw(generator, name, shape, size):
    if name == "exponential":
        return generator.exponential(size=size)
    return generator.lognormal(0, shape, size) if name == "lognormal" else 1 + generator.pareto(shape, size)


def evenly(name, shape, size):
    """The distribution's quantiles at evenly spaced points: a sample without chance."""
    points = (np.arange(size) + 0.5) / size
    if name == "exponential":
        return stats.expon.ppf(points)
    return stats.lognorm.ppf(points, shape) if name == "lognormal" else stats.pareto.ppf(points, shape)


# --- estimates -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sample", REFERENCE["samples"])
def test_published_gini_coefficients(sample):
    assert Lorenz(np.array(sample["values"])).gini()[0] == pytest.approx(sample["gini"], abs=1e-7)


@pytest.mark.parametrize(
    ("name", "shape"), [("exponential", None), ("lognormal", 0.5), ("lognormal", 1.0), ("pareto", 3.0), ("pareto", 5.0)]
)
def test_closed_forms(name, shape):
    spread = Lorenz(evenly(name, shape, 200_000))
    assert spread.gini()[0] == pytest.approx(gini_of(name, shape), abs=2e-4)
    for part in (0.01, 0.05, 0.2, 0.5):
        held = spread.top(part)[0]
        assert held == pytest.approx(share_of_top(name, part, shape), abs=5e-4)
        assert spread.needed(held)[0] == pytest.approx(part, abs=1e-9)


def test_a_part_that_is_no_whole_number_of_customers():
    spread = Lorenz(np.array([1.0, 2.0, 3.0, 4.0]))
    # Half of the best customer, then one customer and a fifth of the next.
    assert spread.top(0.125)[0] == pytest.approx(2 / 10)
    assert spread.top(0.3)[0] == pytest.approx((4 + 0.2 * 3) / 10)
    assert spread.needed(0.2)[0] == pytest.approx(0.125)
    assert spread.needed(0.46)[0] == pytest.approx(0.3)


def test_five_customers_have_estimates_but_no_intervals():
    spread = Lorenz(np.array([1.0, 1, 1, 1, 6]))
    for share, low, high in (spread.top(0.2), spread.needed(0.8), spread.gini()):
        assert math.isfinite(share)
        assert math.isnan(low)
        assert math.isnan(high)
    assert spread.top(0.2)[0] == pytest.approx(0.6)


@pytest.mark.parametrize("values", [[0.0, 0.0], []])
def test_without_a_total_there_is_nothing(values):
    spread = Lorenz(np.array(values))
    assert all(math.isnan(number) for number in (*spread.top(0.2), *spread.needed(0.8), *spread.gini()))
    assert all(
        math.isnan(number) for number in band(np.array(values), np.zeros(len(values), bool), least=None, below=None)
    )


def test_equal_customers_leave_no_room():
    spread = Lorenz(np.full(40, 3.3))
    assert spread.top(0.2) == pytest.approx((0.2, 0.2, 0.2))
    assert spread.gini() == pytest.approx((0, 0, 0), abs=1e-12)


@given(AMOUNTS, st.floats(0.001, 1000), st.randoms(use_true_random=False))
def test_neither_unit_nor_order_matters(drawn, factor, chance):
    values = np.array(drawn)
    shuffled = drawn.copy()
    chance.shuffle(shuffled)
    for one, other in (
        (Lorenz(values).gini(), Lorenz(np.array(shuffled) * factor).gini()),
        (Lorenz(values).top(0.2), Lorenz(np.array(shuffled) * factor).top(0.2)),
    ):
        assert one == pytest.approx(other, abs=1e-6, nan_ok=True)


@given(AMOUNTS)
def test_within_their_limits(drawn):
    spread = Lorenz(np.array(drawn))
    shares = [spread.top(part)[0] for part in (0.1, 0.2, 0.5, 0.9)]
    assert all(0 <= low <= high <= 1 + 1e-12 for low, high in pairwise(shares))
    assert all(share >= part - 1e-9 for share, part in zip(shares, (0.1, 0.2, 0.5, 0.9), strict=True))
    assert -1e-9 <= spread.gini()[0] <= 1
    assert 0 <= spread.needed(0.8)[0] <= 0.8 + 1e-9


# --- intervals -------------------------------------------------------------------------------------------------------


def error_of(low, high, estimate):
    """Standard error behind an interval that was made on the scale of log odds with a normal point."""
    odds = [math.log(end / (1 - end)) for end in (low, high)]
    return (odds[1] - odds[0]) / (2 * stats.norm.ppf(0.975)) * estimate * (1 - estimate)


@pytest.mark.parametrize("part", [0.05, 0.2])
def test_variance_of_a_top_share_is_that_of_theory(part):
    # Of exponential values: the influence function, integrated.
    quantile, share = -math.log(part), share_of_top("exponential", part, None)
    integral, _ = integrate.quad(
        lambda y: (max(y - quantile, 0) + quantile * part - share * y) ** 2 * math.exp(-y), 0, 60, points=[quantile]
    )
    n = 100_000
    estimate, low, high = Lorenz(evenly("exponential", None, n)).top(part)
    assert error_of(low, high, estimate) == pytest.approx(math.sqrt(integral / n), rel=0.01)


def test_variance_of_the_gini_coefficient_is_that_of_gail_and_gastwirth():
    n = 100_000
    estimate, low, high = Lorenz(evenly("exponential", None, n)).gini()
    assert error_of(low, high, estimate) == pytest.approx(math.sqrt(1 / (12 * (n - 1))), rel=0.01)


def test_intervals_are_those_of_a_bootstrap():
    generator = np.random.default_rng(3)
    values = generator.gamma(1.2, 50, 1500)
    rows = values[generator.integers(0, 1500, (1500, 1500))]
    drawn = {"top": [], "needed": [], "gini": []}
    for row in rows:
        spread = Lorenz(row)
        rank = np.arange(1, spread.n + 1)
        drawn["top"].append(np.interp(0.2 * spread.n, np.arange(spread.n + 1), spread.reached) / spread.total)
        drawn["needed"].append(np.interp(0.8, spread.reached / spread.total, np.arange(spread.n + 1)) / spread.n)
        drawn["gini"].append(2 * (rank * row[np.argsort(row)]).sum() / (spread.n * spread.total) - 1 - 1 / spread.n)
    spread = Lorenz(values)
    for name, estimate in (("top", spread.top(0.2)), ("needed", spread.needed(0.8)), ("gini", spread.gini())):
        low, high = np.quantile(drawn[name], [0.025, 0.975])
        assert estimate[1:] == pytest.approx((low, high), abs=0.0035), name
        assert estimate[2] - estimate[1] == pytest.approx(high - low, rel=0.08), name


def test_a_band_is_the_difference_of_two_top_shares():
    values = np.random.default_rng(4).lognormal(0, 1, 2000)
    falling = np.sort(values)[::-1]
    whole = Lorenz(values)
    inside = (values <= falling[100]) & (values > falling[400])
    share, low, high = band(values, inside, least=falling[399], below=falling[99])
    assert share == pytest.approx(whole.top(0.2)[0] - whole.top(0.05)[0], abs=1e-3)
    # Its ends as quantiles: less uncertain than with ends that are given, where the number inside varies too.
    _, fixed_low, fixed_high = band(values, inside, least=None, below=None)
    assert high - low < 0.7 * (fixed_high - fixed_low)
    top, top_low, top_high = band(values, values >= falling[399], least=falling[399], below=None)
    assert (top, top_low, top_high) == pytest.approx(whole.top(0.2), abs=1e-3)


def test_a_given_band_has_the_error_of_a_ratio():
    values = np.random.default_rng(5).gamma(2, 10, 5000)
    inside = values > 25
    share, low, high = band(values, inside, least=None, below=None)
    error = math.sqrt(((values * (inside - share)) ** 2).sum() * 5000 / 4999) / values.sum()
    assert error_of(low, high, share) == pytest.approx(error, rel=0.01)


def test_bounds_of_very_few_and_of_numbers_beyond_one():
    assert all(map(math.isnan, bounds(0.5, np.ones(FEWEST - 1))))
    low, high = bounds(2.0, np.array([-1.0, 1.0] * 50))
    # All influences alike: kurtosis 1, so the normal point.
    assert (low, high) == pytest.approx((2 - 1.959964 / math.sqrt(99), 2 + 1.959964 / math.sqrt(99)))


def test_a_large_customer_widens_the_interval_beyond_the_normal_one():
    values = np.append(np.ones(200), 300.0)
    spread = Lorenz(values)
    estimate, low, high = spread.top(0.05)
    # The influence of the one is nearly all there is: one degree of freedom, so almost nothing is known beyond that the
    # top part holds its own size at least.
    assert low == 0.05
    assert high > 0.95
    assert low < estimate < high


def covered(name, shape, *, samples, customers, seed):
    """How often the intervals hold the truth: of the top 1, 5 and 20 %, of those who hold 80 %, of the Gini."""
    generator = np.random.default_rng(seed)
    held = np.zeros(5)
    needed = Lorenz(evenly(name, shape, 1_000_000)).needed(0.8)[0]
    truth = [*(share_of_top(name, part, shape) for part in (0.01, 0.05, 0.2)), needed, gini_of(name, shape)]
    for _ in range(samples):
        spread = Lorenz(draw(generator, name, shape, customers))
        found = [*(spread.top(part) for part in (0.01, 0.05, 0.2)), spread.needed(0.8), spread.gini()]
        held += [low <= true <= high for true, (_, low, high) in zip(truth, found, strict=True)]
    return held / samples


def test_the_intervals_hold_the_truth_as_often_as_they_say():
    found = covered("exponential", None, samples=400, customers=1000, seed=6)
    # Four standard errors of 400 draws at 95 % are 0.044; ten customers are too few for a top 1 %.
    assert found[1:].min() > 0.91
    assert found.max() < 0.99
    assert found[0] > 0.86


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "shape", "customers", "least"),
    [
        ("exponential", None, 300, (0.83, 0.91, 0.93, 0.93, 0.93)),
        ("exponential", None, 5000, (0.93, 0.94, 0.94, 0.94, 0.94)),
        ("lognormal", 1.0, 300, (0.78, 0.88, 0.91, 0.91, 0.91)),
        ("lognormal", 1.0, 5000, (0.92, 0.93, 0.93, 0.93, 0.93)),
        ("lognormal", 1.5, 300, (0.74, 0.85, 0.89, 0.87, 0.87)),
        ("lognormal", 1.5, 5000, (0.89, 0.91, 0.92, 0.91, 0.91)),
        ("pareto", 2.5, 300, (0.76, 0.85, 0.88, 0.86, 0.88)),
        ("pareto", 2.5, 5000, (0.89, 0.91, 0.92, 0.92, 0.92)),
    ],
)
def test_coverage_by_shape_and_size(name, shape, customers, least):
    found = covered(name, shape, samples=2000, customers=customers, seed=7)
    print(name, shape, customers, found.round(3))
    assert (found >= least).all(), found
    assert found.max() < 0.97
