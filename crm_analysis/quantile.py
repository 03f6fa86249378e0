"""Quantile: the median and other quantiles of values, with intervals between order statistics."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from crm_analysis.proportion import Z

_FEWEST_RANKED = 6


def median(values: Any, *, counts: Any = None) -> tuple[float, float, float]:
    """Return the median and its interval (95 %).

    Parameters
    ----------
    values : array of shape (n,)
        Known values, or, with `counts`, distinct ones.
    counts : array of shape (n,), optional
        How often each value occurs.

    Returns
    -------
    tuple of float
        Median, lower and upper end: the values whose ranks are n / 2 -+ 1.96 sqrt(n) / 2, rounded outwards. All missing
        without values; no interval of fewer than 6, whose smallest and largest hold the median less often than 95 %,
        1 - 2^(1 - n).

    References
    ----------
    Conover, W. J. (1999). Practical Nonparametric Statistics, 3rd ed. Wiley, section 3.2.
    """
    given = np.asarray(values, dtype="float64")
    order = np.argsort(given, kind="stable")
    rising = given[order]
    reached = np.arange(1, len(rising) + 1) if counts is None else np.asarray(counts, dtype="int64")[order].cumsum()
    n = int(reached[-1]) if len(reached) else 0
    if n == 0:
        return math.nan, math.nan, math.nan

    def at(rank: int) -> float:
        return float(rising[np.searchsorted(reached, min(max(rank, 1), n))])

    half = Z * math.sqrt(n) / 2
    middle = (at((n + 1) // 2) + at(n // 2 + 1)) / 2
    if n < _FEWEST_RANKED:
        return middle, math.nan, math.nan
    return middle, at(math.floor(n / 2 - half)), at(math.ceil(n / 2 + 1 + half))


def of(rising: np.ndarray, level: float) -> tuple[float, float, float]:
    """Return a quantile and its distribution-free interval (95 %).

    Parameters
    ----------
    rising : array of shape (n,)
        The values in rising order.
    level : float
        Between 0 and 1, such as 0.9.

    Returns
    -------
    tuple of float
        The quantile (interpolated between order statistics) and the order statistics of rank l and u, with
        P(l <= B < u) at least 0.95 for B binomial (n, level): exact, because far from the middle of few values the
        normal ranks of `median` hold too little. Where not even the first or last value is far enough, it is the end.

    References
    ----------
    David, H. A. and Nagaraja, H. N. (2003). Order Statistics, 3rd ed. Wiley, section 7.1.
    """
    from scipy import stats

    n = len(rising)
    low, high = stats.binom.ppf([0.025, 0.975], n, level).astype(int)
    # Ranks count from 1: rank low and rank high + 1.
    ends = rising[max(low, 1) - 1], rising[min(high + 1, n) - 1]
    return float(np.quantile(rising, level)), float(ends[0]), float(ends[1])
