"""Association: how closely a grouping goes with a measure or with a yes and no, corrected for chance."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

_LOW, _HIGH = 0.975, 0.025


@dataclass(frozen=True)
class Association:
    """The strength of a relation, from 0 to 1, with its 95 % interval and the p-value of none at all."""

    strength: float
    low: float
    high: float
    p_value: float


UNKNOWN = Association(math.nan, math.nan, math.nan, math.nan)
"""Where one of the two is constant there is nothing to relate."""


def explained(codes: np.ndarray, values: np.ndarray) -> Association:
    """Return the share of the variance of a measure that lies between groups: eta squared, corrected for chance.

    Parameters
    ----------
    codes : int array of shape (n,)
        The group of each unit, from 0.
    values : array of shape (n,)
        The measure.

    Returns
    -------
    Association
        Epsilon squared, max(0, (SSB - (k - 1) MSW) / SST) (Kelley 1935). The interval inverts the noncentral F
        distribution (Smithson 2003), eta squared = nc / (nc + n). Weak relations are covered whatever the values'
        distribution, since group means are nearly normal; with few units and long tails it is rough.

    References
    ----------
    Kelley, T. L. (1935). An unbiased correlation ratio measure. PNAS 21, 554-559.
    Smithson, M. (2003). Confidence Intervals. Sage, chapter 5.
    """
    from scipy.stats import f as central
    from scipy.stats import ncf

    codes = np.unique(codes, return_inverse=True)[1]
    counts = np.bincount(codes)
    n, k = len(values), len(counts)
    total = float(((values - values.mean()) ** 2).sum()) if n else 0.0
    if k < 2 or n <= k or total <= 0:
        return UNKNOWN
    means = np.bincount(codes, values) / counts
    between = float((counts * (means - values.mean()) ** 2).sum())
    # A perfect relation has no distribution to invert: it is treated as one that explains 99.99 %.
    within = max(total - between, 1e-4 * total)
    f = (between / (k - 1)) / (within / (n - k))
    strength = max(0.0, (between - (k - 1) * within / (n - k)) / total)
    low, high = (_noncentrality(lambda nc: float(ncf.cdf(f, k - 1, n - k, nc)), p) for p in (_LOW, _HIGH))
    return Association(strength, low / (low + n), high / (high + n), float(central.sf(f, k - 1, n - k)))


def cramers_v(codes: np.ndarray, yes: np.ndarray) -> Association:
    """Return how closely groups go with a yes or no: Cramér's V, corrected for chance.

    Parameters
    ----------
    codes : int array of shape (n,)
        The group of each unit, from 0.
    yes : boolean array of shape (n,)
        The answer.

    Returns
    -------
    Association
        V = sqrt(max(0, chi2 / n - (k - 1) / (n - 1)) / m), m = min(k', 2) - 1 corrected likewise (Bergsma 2013, for a
        table of k groups by 2). The interval inverts the noncentral chi-square distribution (Smithson 2003),
        V = sqrt(nc / n).

    References
    ----------
    Bergsma, W. (2013). A bias-correction for Cramér's V and Tschuprow's T. Journal of the Korean Statistical Society
    42, 323-328.
    Smithson, M. (2003). Confidence Intervals. Sage, chapter 5.
    """
    from scipy.stats import chi2 as central
    from scipy.stats import ncx2

    codes = np.unique(codes, return_inverse=True)[1]
    counts, n = np.bincount(codes), len(codes)
    rate = float(yes.mean()) if n else 0.0
    k = len(counts)
    if k < 2 or n <= k or rate in (0.0, 1.0):
        return UNKNOWN
    hits = np.bincount(codes, yes.astype("float64"))
    x2 = float(((hits - counts * rate) ** 2 / (counts * rate * (1 - rate))).sum())
    columns = 2 - 1 / (n - 1)
    rows = k - (k - 1) ** 2 / (n - 1)
    strength = math.sqrt(max(0.0, x2 / n - (k - 1) / (n - 1)) / (min(rows, columns) - 1))
    low, high = (_noncentrality(lambda nc: float(ncx2.cdf(x2, k - 1, nc)), p) for p in (_LOW, _HIGH))
    low, high = (min(1.0, math.sqrt(end / n)) for end in (low, high))
    return Association(min(1.0, strength), low, high, float(central.sf(x2, k - 1)))


def _noncentrality(cdf: Callable[[float], float], p: float) -> float:
    """Return the noncentrality at which the statistic found would be the p-quantile; 0 where none is that small."""
    from scipy.optimize import brentq

    if cdf(1e-12) <= p:
        return 0.0
    top = 1.0
    while cdf(top) > p:
        top *= 2
    return float(brentq(lambda nc: cdf(nc) - p, 0.5 * top if top > 1 else 1e-12, top))
