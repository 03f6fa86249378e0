"""Shares and their intervals."""

from __future__ import annotations

import math

import numpy as np

Z = 1.959963984540054
"""97.5 % point of the standard normal distribution."""

FEWEST = 10
"""With fewer units `bounds` gives no interval: linearisation says nothing about so few."""


def wilson(count: float, total: float) -> tuple[float, float]:
    """Return the Wilson score interval (95 %) of a proportion.

    Parameters
    ----------
    count, total : float
        Successes and trials, ``0 <= count <= total``, ``total > 0``; of weighted answers, effective numbers.

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


def share(count: float, total: float) -> tuple[float, float, float]:
    """Return a proportion with its Wilson interval (95 %); all missing where there is nothing to count."""
    return (count / total, *wilson(count, total)) if total else (math.nan, math.nan, math.nan)


def effective(weights: np.ndarray) -> float:
    """Return how many equally weighted answers tell as much, (sum w)^2 / sum w^2; 0 where there are none.

    Source: Kish, L. (1965). Survey Sampling. Wiley, section 11.7.
    """
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares else 0.0


def weighted_share(inside: np.ndarray, weights: np.ndarray) -> tuple[float, float, float]:
    """Return the weighted share of the units inside with its 95 % interval, Wilson's at their effective number."""
    n = effective(weights)
    return share(float(weights[inside].sum()) * n / float(weights.sum()), n) if n else share(0, 0)


def newcombe(x1: float, n1: float, x0: float, n0: float) -> tuple[float, float, float]:
    """Return the difference of two independent proportions x1/n1 - x0/n0 with its 95 % interval.

    Parameters
    ----------
    x1, n1, x0, n0 : float
        Successes and trials of the first and of the second; of weighted answers, effective numbers.

    Returns
    -------
    tuple of float
        Difference, lower and upper end; all missing where one has no trials.

    Notes
    -----
    The hybrid score interval, method 10: with Wilson's ends l and u of each, the halves are
    sqrt((p1 - l1)^2 + (u0 - p0)^2) downwards and sqrt((u1 - p1)^2 + (p0 - l0)^2) upwards.

    References
    ----------
    Newcombe, R. G. (1998). Interval estimation for the difference between independent proportions: comparison of
    eleven methods. Statistics in Medicine 17, 873-890.
    """
    if not (n1 and n0):
        return math.nan, math.nan, math.nan
    p1, p0 = x1 / n1, x0 / n0
    (l1, u1), (l0, u0) = wilson(x1, n1), wilson(x0, n0)
    return p1 - p0, p1 - p0 - math.hypot(p1 - l1, u0 - p0), p1 - p0 + math.hypot(u1 - p1, p0 - l0)


def share_of_total(
    values: np.ndarray, inside: np.ndarray, *, moved: np.ndarray | float = 0.0
) -> tuple[float, float, float]:
    """Return the share of a total that part of the units hold, with its interval (95 %).

    Parameters
    ----------
    values : array of shape (n,)
        What each unit holds, such as a customer's spend.
    inside : boolean array of shape (n,)
        Whether the unit belongs to the part.
    moved : array of shape (n,), optional
        What each unit adds to the part's total by moving its ends, where these are estimated from the units.

    Returns
    -------
    tuple of float
        Share, lower and upper end; all missing where the total is not positive. There is no interval with fewer than
        `FEWEST` units, and where the part or the rest holds nothing. The influence of a unit is that on a linearised
        ratio, (y_i (1[i inside] - share) + moved_i) n / total, and the interval that of `bounds`.

    References
    ----------
    Cochran, W. G. (1977). Sampling Techniques, 3rd ed. Wiley, section 6.3.
    """
    total, n = float(values.sum()), len(values)
    if total <= 0:
        return math.nan, math.nan, math.nan
    held = float(values[inside].sum()) / total
    if not (values[inside].any() and values[~inside].any()):
        return held, math.nan, math.nan
    return (held, *bounds(held, (values * (inside - held) + moved) * n / total))


def bounds(estimate: float, influence: np.ndarray) -> tuple[float, float]:
    """Return the interval (95 %) of an estimate from the influence of each unit.

    Parameters
    ----------
    estimate : float
        The estimate. If it lies between 0 and 1 the interval is made on the scale of its log odds, so that it does
        too.
    influence : array of shape (n,)
        How much each unit moves the estimate, with mean 0; the variance is their sum of squares / (n (n - 1)).

    Returns
    -------
    tuple of float
        Lower and upper end; missing with fewer than `FEWEST` units.

    Notes
    -----
    A few very large units make the variance itself uncertain. So the normal point is replaced by Student's with
    2 n / (kurtosis - 1) degrees of freedom, which gives the variance estimate the spread that it has (Satterthwaite
    1946); kurtosis is that of the influences. benchmarks/README.md has the measured coverage.

    References
    ----------
    Satterthwaite, F. E. (1946). An approximate distribution of estimates of variance components. Biometrics Bulletin
    2, 110-114.
    """
    from scipy import stats

    n, squares = len(influence), float((influence**2).sum())
    if n < FEWEST:
        return math.nan, math.nan
    error = math.sqrt(squares / (n * (n - 1)))
    # Where all units are equal nothing is left but rounding.
    if error < 1e-12 * max(1.0, abs(estimate)):
        return estimate, estimate
    kurtosis = n * float((influence**4).sum()) / squares**2
    half = float(stats.t.ppf(0.975, max(1.0, 2 * n / (kurtosis - 1)) if kurtosis > 1 else math.inf)) * error
    if not 0 < estimate < 1:
        return estimate - half, estimate + half
    centre, half = math.log(estimate / (1 - estimate)), half / (estimate * (1 - estimate))
    low, high = (1 / (1 + math.exp(min(700.0, -end))) for end in (centre - half, centre + half))
    return low, high
