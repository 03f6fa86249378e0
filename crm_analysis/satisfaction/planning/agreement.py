"""Agreement: how well the items of one construct go together in a small sample, and how sure that is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

LEVEL = 0.95


@dataclass(frozen=True, eq=False)
class Agreement:
    """Agreement of k items among those who answered all of them.

    Attributes
    ----------
    respondents : int
        Who answered all.
    alpha : float
        Of standardised items; missing for a single item.
    item_rest, alpha_without : array of shape (k,)
        Correlation of each item with the sum of the others, and alpha without it (from three items on).
    """

    respondents: int
    alpha: float
    item_rest: np.ndarray
    alpha_without: np.ndarray


def of(values: np.ndarray) -> Agreement:
    """Return the agreement of items, without those that nobody answered or all alike.

    Parameters
    ----------
    values : array of shape (n, k)
        Answers, NaN where missing.

    Returns
    -------
    Agreement
        Of the items that vary; missing where fewer than two do, or fewer than four respondents answered all of them.

    References
    ----------
    Cronbach, L. J. (1951). Coefficient alpha and the internal structure of tests. Psychometrika 16, 297-334.
    """
    rest, without = (np.full(values.shape[1], np.nan) for _ in range(2))
    varied = np.flatnonzero((~np.isnan(values)).any(axis=0))
    while True:
        whole = values[:, varied]
        whole = whole[~np.isnan(whole).any(axis=1)]
        if len(whole) < 4 or len(varied) < 2:
            return Agreement(len(whole), math.nan, rest, without)
        varies = np.ptp(whole, axis=0) > 0
        if varies.all():
            break
        varied = varied[varies]
    correlations = np.corrcoef(whole, rowvar=False)
    for place, item in enumerate(varied):
        others = np.delete(np.arange(len(varied)), place)
        within = correlations[np.ix_(others, others)]
        rest[item] = correlations[place, others].sum() / math.sqrt(within.sum())
        if len(others) > 1:
            without[item] = _alpha(within)
    return Agreement(len(whole), _alpha(correlations), rest, without)


def _alpha(correlations: np.ndarray) -> float:
    k = len(correlations)
    return float(k / (k - 1) * (1 - k / correlations.sum()))


def alpha_interval(alpha: float, n: int, k: int) -> tuple[float, float]:
    """Return Feldt's interval (95 %) of alpha.

    Parameters
    ----------
    alpha : float
        The estimate.
    n, k : int
        Respondents and items.

    Returns
    -------
    tuple of float
        1 - (1 - alpha) F, with the quantiles of the F distribution of n - 1 and (n - 1)(k - 1) degrees of freedom.
        Exact for normal items that measure alike; missing if alpha is.

    References
    ----------
    Feldt, L. S. (1965). The approximate sampling distribution of Kuder-Richardson reliability coefficient twenty.
    Psychometrika 30, 357-370.
    """
    from scipy.stats import f

    if math.isnan(alpha):
        return math.nan, math.nan
    free = (n - 1, (n - 1) * (k - 1))
    upper, lower = f.ppf((1 + LEVEL) / 2, *free), f.ppf((1 - LEVEL) / 2, *free)
    return float(1 - (1 - alpha) * upper), float(1 - (1 - alpha) * lower)


def needed(alpha: float, k: int, *, margin: float) -> float:
    """Return the fewest respondents with whom neither end of Feldt's interval is further than `margin` from alpha."""
    if math.isnan(alpha):
        return math.nan
    # The lower end is the further one; it comes nearer with every respondent.
    low, high = 4, 8
    while _away(alpha, high, k) > margin:
        low, high = high, 2 * high
        if high > 1_000_000:
            return math.nan
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _away(alpha, middle, k) <= margin else (middle, high)
    return float(high)


def _away(alpha: float, n: int, k: int) -> float:
    low, high = alpha_interval(alpha, n, k)
    return max(alpha - low, high - alpha)


def correlation_interval(correlation: float, n: int) -> tuple[float, float]:
    """Return Fisher's interval (95 %) of a correlation; missing with fewer than four respondents.

    References
    ----------
    Fisher, R. A. (1921). On the "probable error" of a coefficient of correlation deduced from a small sample. Metron 1,
    3-32.
    """
    from scipy.stats import norm

    if math.isnan(correlation) or n < 4 or abs(correlation) >= 1:
        return (correlation, correlation) if abs(correlation) >= 1 else (math.nan, math.nan)
    half = float(norm.ppf((1 + LEVEL) / 2)) / math.sqrt(n - 3)
    centre = math.atanh(correlation)
    return math.tanh(centre - half), math.tanh(centre + half)
