"""Lorenz: how unequally a total is spread over customers, with intervals that include the estimated quantile.

Every interval is a linearised one: a statistic's influence function says how much one customer moves it, and the
variance of its mean over the customers is the variance of the statistic. A share that is cut at a quantile has the
quantile's own uncertainty in its influence function (Beach and Davidson 1983), the Gini coefficient that of the ranks
(Deville 1999; Langel and Tillé 2013).
"""

from __future__ import annotations

import math

import numpy as np

from crm_analysis.proportion import bounds, share_of_total

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
    moved = np.zeros(len(values))
    for end, sign in ((least, -1), (below, 1)):
        if end is not None:
            reached = values >= end
            moved = moved + sign * end * (reached - reached.mean())
    return share_of_total(values, inside, moved=moved)
