"""Crossing: from which number of respondents on something holds, between the numbers that were tried."""

from __future__ import annotations

import math

import numpy as np


def reached(sizes: np.ndarray, powers: np.ndarray, target: float) -> float:
    """Return the size at which a power is reached.

    Parameters
    ----------
    sizes : array of shape (k,)
        Rising.
    powers : array of shape (k,)
        At each size; missing where nothing was estimated. A fall from one size to the next is chance: the highest so
        far counts.
    target : float
        The power wanted.

    Returns
    -------
    float
        Between two sizes the normal quantile of the power is taken as linear in the root of the size, as it is for
        Wald's test; the smallest size where that has the power already, missing where the largest has not.
    """
    from scipy.stats import norm

    highest = np.maximum.accumulate(np.nan_to_num(powers))
    above = np.flatnonzero(highest >= target)
    if not len(above):
        return math.nan
    first = int(above[0])
    if first == 0:
        return float(sizes[0])
    # A share of 0 or 1 has no quantile: it is taken as near as a few thousand draws could tell.
    ends = norm.ppf(np.clip(highest[first - 1 : first + 1], 1e-4, 1 - 1e-4))
    roots = np.sqrt(sizes[first - 1 : first + 1])
    part = (norm.ppf(target) - ends[0]) / (ends[1] - ends[0]) if ends[1] > ends[0] else 1.0
    return float((roots[0] + part * (roots[1] - roots[0])) ** 2)


def formula(value: float, error: float, target: float) -> float:
    """Return the size at which Wald's test has a power in large samples: ((1.96 + z) error / value)^2.

    Parameters
    ----------
    value, error : float
        The true number, and its standard error with one respondent.
    target : float
        The power wanted; z is its normal quantile.
    """
    from scipy.stats import norm

    return float(((norm.ppf(0.975) + norm.ppf(target)) * error / value) ** 2)


def lasting(sizes: np.ndarray, holds: np.ndarray) -> float:
    """Return the smallest size from which on something holds at every size; missing if not even at the largest."""
    fails = np.flatnonzero(~holds)
    if not len(fails):
        return float(sizes[0])
    return float(sizes[fails[-1] + 1]) if fails[-1] + 1 < len(sizes) else math.nan
