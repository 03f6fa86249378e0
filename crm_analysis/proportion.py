"""Shares and their intervals."""

from __future__ import annotations

import math

import numpy as np

Z = 1.959963984540054
"""97.5 % point of the standard normal distribution."""


def wilson(count: int, total: int) -> tuple[float, float]:
    """Return the Wilson score interval (95 %) of a proportion.

    Parameters
    ----------
    count, total : int
        Successes and trials, ``0 <= count <= total``, ``total > 0``.

    Returns
    -------
    tuple of float
        Lower and upper end.

    References
    ----------
    Wilson, E. B. (1927). Probable inference, the law of succession, and statistical inference. JASA 22, 209-212.
    """
    share, z2 = count / total, Z**2
    centre = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = Z / (1 + z2 / total) * math.sqrt(share * (1 - share) / total + z2 / (4 * total**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def share_of_total(values: np.ndarray, inside: np.ndarray) -> tuple[float, float, float]:
    """Return the share of a total that part of the units hold, with its interval (95 %).

    Parameters
    ----------
    values : array of shape (n,)
        What each unit holds, such as a customer's spend.
    inside : boolean array of shape (n,)
        Whether the unit belongs to the part.

    Returns
    -------
    tuple of float
        Share, lower and upper end; all missing where the total is not positive. The variance is that of a linearised
        ratio, sum_i (y_i (1[i inside] - share))^2 n / ((n - 1) total^2). With few units and very unequal values the
        interval is too narrow; benchmarks/README.md has its measured coverage.

    References
    ----------
    Cochran, W. G. (1977). Sampling Techniques, 3rd ed. Wiley, section 6.3.
    """
    total, n = float(values.sum()), len(values)
    if total <= 0:
        return math.nan, math.nan, math.nan
    share = float(values[inside].sum()) / total
    deviations = values * (inside - share)
    error = math.sqrt(float((deviations**2).sum()) * n / max(n - 1, 1)) / total
    low, high = share - Z * error, share + Z * error
    # Where nothing held is negative, a share lies between 0 and 1.
    return (share, max(0.0, low), min(1.0, high)) if (values >= 0).all() else (share, low, high)
