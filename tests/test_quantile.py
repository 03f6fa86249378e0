"""Medians and quantiles by hand, and how often their intervals hold the truth."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from crm_analysis import quantile


@given(st.lists(st.integers(0, 30), min_size=1, max_size=60))
def test_the_median_of_counts_is_that_of_the_values(values):
    counted = pd.Series(values).value_counts()
    found = quantile.median(counted.index, counts=counted)
    assert found == pytest.approx(quantile.median(values), nan_ok=True)
    middle, low, high = found
    assert middle == np.median(values)
    if len(values) < 6:
        assert np.isnan([low, high]).all()
    else:
        assert min(values) <= low <= middle <= high <= max(values)


def test_a_median_by_hand():
    assert quantile.median([3.0, 1.0]) == pytest.approx((2, np.nan, np.nan), nan_ok=True)
    # n = 10: ranks 5 - 3.099 and 6 + 3.099, rounded outwards.
    assert quantile.median(np.arange(1.0, 11)) == (5.5, 1.0, 10.0)
    assert np.isnan(quantile.median([])).all()
    assert np.isnan(quantile.median(pd.Series(dtype="float64"), counts=pd.Series(dtype="int64"))).all()


@pytest.mark.parametrize("n", [6, 7, 10, 25, 100])
def test_the_interval_of_a_median_holds_it_often_enough(n):
    """Exact: with distinct values the ranks l and u hold the median with P(l <= B < u), B binomial (n, 1/2)."""
    _, low, high = quantile.median(np.arange(1, n + 1))
    assert stats.binom.cdf(high - 1, n, 0.5) - stats.binom.cdf(low - 1, n, 0.5) >= 0.95


@pytest.mark.parametrize("level", [0.1, 0.5, 0.75, 0.9])
@pytest.mark.parametrize("n", [50, 60, 333])
def test_the_interval_of_any_quantile_holds_it_often_enough(n, level):
    middle, low, high = quantile.of(np.arange(1.0, n + 1), level)
    assert middle == pytest.approx(np.quantile(np.arange(1, n + 1), level))
    assert stats.binom.cdf(high - 1, n, level) - stats.binom.cdf(low - 1, n, level) >= 0.95


def test_medians_of_skewed_values_are_covered():
    generator = np.random.default_rng(6)
    ends = np.array([quantile.median(generator.exponential(size=80))[1:] for _ in range(2000)])
    covered = ((ends[:, 0] <= np.log(2)) & (np.log(2) <= ends[:, 1])).mean()
    assert 0.94 <= covered <= 0.98
