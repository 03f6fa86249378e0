"""Ranking: how well two orders of the same customers agree, and how well an order foretells a yes and no."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm, rankdata

from crm_analysis.proportion import Z

_FEWEST = 5


@dataclass(frozen=True)
class Areas:
    """Areas under ROC curves and their covariance matrix, on the same customers."""

    areas: np.ndarray
    covariance: np.ndarray

    def interval(self, place: int) -> tuple[float, float]:
        """Return the interval (95 %) of one area, on the scale of its log odds; missing where it has no spread."""
        area, error = float(self.areas[place]), math.sqrt(max(0.0, float(self.covariance[place, place])))
        if not (0 < area < 1 and error > 0):
            return math.nan, math.nan
        centre, half = math.log(area / (1 - area)), Z * error / (area * (1 - area))
        low, high = (1 / (1 + math.exp(-end)) for end in (centre - half, centre + half))
        return low, high

    def difference(self, first: int, second: int) -> tuple[float, float, float, float]:
        """Return the difference of two areas, its interval (95 %) and the p-value of none."""
        step = np.zeros(len(self.areas))
        step[first], step[second] = 1.0, -1.0
        value, variance = float(step @ self.areas), float(step @ self.covariance @ step)
        if not variance > 1e-15:
            return value, math.nan, math.nan, math.nan
        error = math.sqrt(variance)
        return value, value - Z * error, value + Z * error, 2 * float(norm.sf(abs(value) / error))


def areas(scores: np.ndarray, yes: np.ndarray) -> Areas:
    """Return the area under the ROC curve of each score, with the covariances of DeLong et al.

    Parameters
    ----------
    scores : array of shape (n, k)
        Higher: yes is expected.
    yes : boolean array of shape (n,)
        What happened.

    Returns
    -------
    Areas
        An area is the chance that one of the yes has a higher score than one of the no, ties counting half. Missing
        where there are fewer than two of either.

    References
    ----------
    DeLong, E. R., DeLong, D. M. and Clarke-Pearson, D. L. (1988). Comparing the areas under two or more correlated
    receiver operating characteristic curves: a nonparametric approach. Biometrics 44, 837-845.
    Sun, X. and Xu, W. (2014). Fast implementation of DeLong's algorithm. IEEE Signal Processing Letters 21, 1389-1393.
    """
    k, m, n = scores.shape[1], int(yes.sum()), int((~yes).sum())
    if m < 2 or n < 2:
        return Areas(np.full(k, np.nan), np.full((k, k), np.nan))
    above, below = scores[yes], scores[~yes]
    over = (rankdata(np.vstack([above, below]), axis=0)[:m] - rankdata(above, axis=0)) / n
    under = 1 - (rankdata(np.vstack([above, below]), axis=0)[m:] - rankdata(below, axis=0)) / m
    covariance = np.cov(over, rowvar=False).reshape(k, k) / m + np.cov(under, rowvar=False).reshape(k, k) / n
    return Areas(over.mean(axis=0), covariance)


def correlation(first: np.ndarray, second: np.ndarray) -> tuple[float, float, float]:
    """Return Spearman's rank correlation with its interval (95 %).

    Parameters
    ----------
    first, second : array of shape (n,)
        Pairs with a missing value are left out.

    Returns
    -------
    tuple of float
        rho, lower and upper end: tanh(artanh rho -+ 1.96 sqrt((1 + rho^2 / 2) / (n - 3))); missing with fewer than five
        pairs or without spread, the interval alone where all ranks agree.

    References
    ----------
    Bonett, D. G. and Wright, T. A. (2000). Sample size requirements for estimating Pearson, Kendall and Spearman
    correlations. Psychometrika 65, 23-28.
    """
    known = np.isfinite(first) & np.isfinite(second)
    x, y = rankdata(first[known]), rankdata(second[known])
    if len(x) < _FEWEST or np.ptp(x) == 0 or np.ptp(y) == 0:
        return math.nan, math.nan, math.nan
    rho = float(np.corrcoef(x, y)[0, 1])
    if abs(rho) > 1 - 1e-12:
        return rho, math.nan, math.nan
    half = Z * math.sqrt((1 + rho**2 / 2) / (len(x) - 3))
    return rho, math.tanh(math.atanh(rho) - half), math.tanh(math.atanh(rho) + half)
