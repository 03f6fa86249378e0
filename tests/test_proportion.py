"""Shares and their intervals: against statsmodels, against a bootstrap, and by how often they hold the truth."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from crm_analysis import proportion
from crm_analysis.proportion import share_of_total, wilson


def test_z_is_the_normal_quantile():
    assert stats.norm.ppf(0.975) == pytest.approx(proportion.Z, abs=1e-15)


@given(st.integers(1, 100_000).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
def test_wilson_equals_statsmodels(pair):
    count, total = pair
    assert wilson(count, total) == pytest.approx(proportion_confint(count, total, method="wilson"), abs=1e-12)


def test_wilson_covers_as_it_should_at_any_share():
    # Exact, no simulation: sum the binomial probabilities of the counts whose interval holds the true share.
    for total in (20, 100, 1000):
        intervals = np.array([wilson(count, total) for count in range(total + 1)])
        for share in np.linspace(0.05, 0.95, 19):
            inside = (intervals[:, 0] <= share) & (share <= intervals[:, 1])
            covered = stats.binom.pmf(np.arange(total + 1), total, share)[inside].sum()
            assert 0.91 < covered < 0.99, (total, share)


def test_a_share_by_hand():
    values, inside = np.tile([1.0, 2.0, 3.0, 4.0], 3), np.tile([False, False, True, True], 3)
    share, low, high = share_of_total(values, inside)
    # Deviations y (1 - 0.7) or -0.7 y; sum of squares 3 (0.49 * 5 + 0.09 * 25) = 14.1, of fourth powers 39.7605.
    error = math.sqrt(14.1 * 12 / 11) / 30
    kurtosis = 12 * 3 * (0.7**4 * (1 + 16) + 0.3**4 * (81 + 256)) / 14.1**2
    half = stats.t.ppf(0.975, 24 / (kurtosis - 1)) * error / (0.7 * 0.3)
    assert share == pytest.approx(0.7)
    assert math.log(low / (1 - low)) == pytest.approx(math.log(7 / 3) - half)
    assert math.log(high / (1 - high)) == pytest.approx(math.log(7 / 3) + half)


def test_weights_by_hand():
    weights = np.array([1.0, 1, 2, 4])
    assert proportion.effective(weights) == pytest.approx(64 / 22)
    assert proportion.effective(np.zeros(3)) == 0
    inside = np.array([True, False, True, False])
    found = proportion.weighted_share(inside, weights)
    assert found == pytest.approx((3 / 8, *wilson(3 / 8 * 64 / 22, 64 / 22)))
    assert proportion.weighted_share(inside, np.full(4, 2.0)) == pytest.approx((0.5, *wilson(2, 4)))
    assert np.isnan(proportion.weighted_share(np.empty(0, dtype=bool), np.empty(0))).all()


def test_where_no_interval_can_be_told():
    nine, ten = np.arange(1.0, 10), np.arange(1.0, 11)
    assert math.isnan(share_of_total(nine, nine > 4)[1])
    assert not math.isnan(share_of_total(ten, ten > 4)[1])
    # The part or the rest holds nothing: that it never will is not known.
    for inside, share in ((ten > 99, 0.0), (ten > 0, 1.0)):
        found = share_of_total(ten, inside)
        assert found[0] == share
        assert all(map(math.isnan, found[1:]))


@given(
    st.lists(st.floats(0.01, 1e6), min_size=1, max_size=50).flatmap(
        lambda values: st.tuples(st.just(values), st.lists(st.booleans(), min_size=len(values), max_size=len(values)))
    )
)
def test_a_part_and_the_rest_mirror_each_other(drawn):
    values, inside = np.array(drawn[0]), np.array(drawn[1])
    share, low, high = share_of_total(values, inside)
    rest, rest_low, rest_high = share_of_total(values, ~inside)
    assert share + rest == pytest.approx(1)
    if len(values) < proportion.FEWEST or inside.all() or not inside.any():
        assert all(map(math.isnan, (low, high, rest_low, rest_high)))
        return
    assert 0 <= low <= share + 1e-12
    assert share - 1e-12 <= high <= 1
    assert (low + rest_high, high + rest_low) == pytest.approx((1, 1), abs=1e-9)


@pytest.mark.parametrize("values", [[0.0, 0.0], [-1.0, 0.5]])
def test_a_total_that_is_not_positive_has_no_shares(values):
    assert all(math.isnan(number) for number in share_of_total(np.array(values), np.array([True, False])))


def test_negative_values_may_lead_beyond_all():
    share, _, high = share_of_total(np.array([10.0, 4.0, -3.0] * 4), np.array([True, True, False] * 4))
    assert share == pytest.approx(14 / 11)
    assert high > share


def test_the_interval_is_that_of_a_bootstrap():
    generator = np.random.default_rng(5)
    values, inside = generator.gamma(1.5, 40, 800), generator.random(800) < 0.3
    share, low, high = share_of_total(values, inside)
    weights = generator.multinomial(len(values), np.full(len(values), 1 / len(values)), size=4000)
    drawn = weights[:, inside] @ values[inside] / (weights @ values)
    assert share == pytest.approx(drawn.mean(), abs=0.001)
    assert (high - low) / 2 == pytest.approx(proportion.Z * drawn.std(), rel=0.06)
    assert (low, high) == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])), abs=0.004)


def coverage(draw, truth, *, samples, customers, seed):
    generator = np.random.default_rng(seed)
    held = 0
    for _ in range(samples):
        inside = generator.random(customers) < 0.2
        _, low, high = share_of_total(draw(generator, inside), inside)
        held += low <= truth <= high
    return held / samples


def test_the_interval_holds_the_truth_as_often_as_it_says():
    # A fifth of the customers spends three times as much as the others: they hold 0.2 * 3 / (0.2 * 3 + 0.8).
    found = coverage(
        lambda generator, inside: generator.gamma(1.0, np.where(inside, 90.0, 30.0)),
        truth=0.6 / 1.4,
        samples=1000,
        customers=300,
        seed=11,
    )
    # Four standard errors of 1000 draws at 95 % are 0.028.
    assert 0.92 < found < 0.98


@pytest.mark.slow
@pytest.mark.parametrize(("sigma", "least"), [(0.5, 0.94), (1.0, 0.935), (1.5, 0.92)])
def test_long_tails_cost_some_coverage(sigma, least):
    found = coverage(
        lambda generator, inside: np.where(inside, 3.0, 1.0) * generator.lognormal(0, sigma, len(inside)),
        truth=0.6 / 1.4,
        samples=20_000,
        customers=300,
        seed=12,
    )
    assert least < found < 0.955
