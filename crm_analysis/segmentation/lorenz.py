"""Lorenz: how unequally a total is spread over customers, with intervals that include the estimated quantile.

Every interval is a linearised one: a statistic's influence function says how much one customer moves it, and the
variance of its mean over the customers is the variance of the statistic. A share that is cut at a quantile has the
quantile's own uncertainty in its influence function (Beach and Davidson 1983), the Gini coefficient that of the ranks
(Deville 1999; Langel and Tillé 2013).
"""

from __future__ import annotations

import math

import numpy as np

FEWEST = 10
"""With fewer customers no interval is given: linearisation says nothing about so few."""

Estimate = tuple[float, float, float]
_NONE: Estimate = (math.nan, math.nan, math.nan)


class Lorenz:
    """The Lorenz curve of values that are not negative.

    Parameters
    ----------
    values : array of shape (n,)
        What each customer brings, 0 or more; n at least 1.

    Notes
    -----
    The curve runs through the points (i/n, share of the i smallest) and straight between them, so a part that is no
    whole number of customers counts the last of them in proportion, and equal customers are interchangeable.

    References
    ----------
    Beach, C. M. and Davidson, R. (1983). Distribution-free statistical inference with Lorenz curves and income shares.
    Review of Economic Studies 50, 723-735.

    Deville, J.-C. (1999). Variance estimation for complex statistics and estimators: linearization and residual
    techniques. Survey Methodology 25, 193-203.

    Langel, M. and Tillé, Y. (2013). Variance estimation of the Gini index: revisiting a result several times
    published. Journal of the Royal Statistical Society A 176, 521-540.
    """

    def __init__(self, values: np.ndarray):
        self.falling = np.sort(np.asarray(values, dtype="float64"))[::-1]
        self.reached = np.concatenate([[0.0], np.cumsum(self.falling)])
        self.total = float(self.reached[-1])
        self.n = len(self.falling)

    def top(self, part: float) -> Estimate:
        """Return the share of the total that the top part of the customers holds, with its interval (95 %).

        The influence of a customer with value y is (max(y - q, 0) + q part - share y) / mean, with q the value at
        which the part begins.
        """
        if self.total <= 0:
            return _NONE
        share = float(np.interp(part * self.n, np.arange(self.n + 1), self.reached)) / self.total
        low, high = bounds(share, self._influence(part, share))
        # The top part of the customers cannot hold less than its own size.
        return share, float(np.maximum(low, part)), high

    def needed(self, share: float) -> Estimate:
        """Return the smallest part of the customers that holds a share of the total, with its interval (95 %).

        It inverts `top`, so its influence is that of the share held, divided by the slope q / mean and turned round.
        """
        if self.total <= 0:
            return _NONE
        last = min(int(np.searchsorted(self.reached, share * self.total)), self.n)
        value = self.falling[last - 1]
        part = (last - 1 + (share * self.total - self.reached[last - 1]) / value) / self.n
        slope = value * self.n / self.total
        low, high = bounds(float(part), -self._influence(part, share) / slope)
        return float(part), low, float(np.minimum(high, share))

    def gini(self) -> Estimate:
        """Return the Gini coefficient, twice the area between the curve and the diagonal, with its interval (95 %)."""
        if self.total <= 0:
            return _NONE
        n, total, rising = self.n, self.total, self.falling[::-1]
        rank = np.arange(1, n + 1)
        gini = float(2 * (rank * rising).sum() / (n * total) - (n + 1) / n)
        influence = (2 * (rank * rising - np.cumsum(rising)) + total - n * rising - gini * (total + n * rising)) / total
        return (gini, *bounds(gini, influence - influence.mean()))

    def _influence(self, part: float, share: float) -> np.ndarray:
        start = self.falling[min(int(part * self.n), self.n - 1)]
        above = np.maximum(self.falling - start, 0)
        return (above + start * part - share * self.falling) * self.n / self.total


def band(values: np.ndarray, inside: np.ndarray, *, least: float | None, below: float | None) -> Estimate:
    """Return the share of the total that a band of the ranked customers holds, with its interval (95 %).

    Parameters
    ----------
    values : array of shape (n,)
        What each customer brings; some may be negative.
    inside : boolean array of shape (n,)
        The customers of the band.
    least, below : float or None
        The values at which the band begins and ends, if they are quantiles of these customers, so that they would
        have fallen elsewhere in another sample; None for an end that is given.

    Returns
    -------
    tuple of float
        Share, lower and upper end; all missing where the total is not positive.
    """
    total, n = float(values.sum()), len(values)
    if total <= 0:
        return _NONE
    share = float(values[inside].sum()) / total
    influence = values * (inside - share)
    for end, sign in ((least, -1), (below, 1)):
        if end is not None:
            reached = values >= end
            influence = influence + sign * end * (reached - reached.mean())
    low, high = bounds(share, influence * n / total)
    if (values >= 0).all():
        # Not min and max, which would turn a missing end into a bound.
        low, high = np.clip((low, high), 0, 1).tolist()
    return share, low, high


def bounds(estimate: float, influence: np.ndarray) -> tuple[float, float]:
    """Return the interval (95 %) of an estimate from the influence of each customer.

    Parameters
    ----------
    estimate : float
        The estimate. If it lies between 0 and 1 the interval is made on the scale of its log odds, so that it does
        too.
    influence : array of shape (n,)
        How much each customer moves the estimate, with mean 0; the variance is their sum of squares / (n (n - 1)).

    Returns
    -------
    tuple of float
        Lower and upper end; missing with fewer than `FEWEST` customers.

    Notes
    -----
    A few very large customers make the variance itself uncertain. So the normal point is replaced by Student's with
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
    # Where all customers are equal nothing is left but rounding.
    if error < 1e-12 * max(1.0, abs(estimate)):
        return estimate, estimate
    kurtosis = n * float((influence**4).sum()) / squares**2
    half = float(stats.t.ppf(0.975, max(1.0, 2 * n / (kurtosis - 1)) if kurtosis > 1 else math.inf)) * error
    if not 0 < estimate < 1:
        return estimate - half, estimate + half
    centre, half = math.log(estimate / (1 - estimate)), half / (estimate * (1 - estimate))
    low, high = (1 / (1 + math.exp(min(700.0, -end))) for end in (centre - half, centre + half))
    return low, high
