"""Piecewise: the line with its breaks in every resample, and the zone in which it is flat."""

from __future__ import annotations

import numpy as np
import pandas as pd

from crm_analysis.loyalty.curves.breaks import Breaks

# A stretch is flat where the curve rises less than half as fast as the straight line through all customers.
_FLAT = 0.5


def curve(
    points: np.ndarray, at: np.ndarray, size: np.ndarray, total: np.ndarray, variance: np.ndarray, places: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the piecewise line at some points and its slopes, in every resample.

    Parameters
    ----------
    points : array of shape (g,)
        Where the line is wanted.
    at, variance : arrays of shape (k,)
        Satisfaction and residual variance of each bin.
    size, total : arrays of shape (resamples, k)
        Customers of each bin and the sum of their behaviour.
    places : array of shape (b,)
        Break points in the sample. They move with each resample by one step of Muggeo's method: the coefficient of
        "beyond the break", divided by the bend, is how far it moves.

    Returns
    -------
    tuple of arrays of shape (resamples, g) and (resamples, b + 1)

    References
    ----------
    Muggeo, V. M. R. (2003). Estimating regression models with unknown break-points. Statistics in Medicine 22,
    3055-3071.
    """
    weight, sums = size / variance, total / variance
    moved = np.broadcast_to(places, (len(size), len(places)))
    if len(places):
        bends = [np.maximum(at - place, 0) for place in places]
        beyond = [(at > place).astype("float64") for place in places]
        fixed = np.stack([np.ones_like(at), at, *bends, *beyond], axis=-1)
        solved = _solve(np.broadcast_to(fixed, (len(size), *fixed.shape)), weight, sums)
        bend, jump = solved[:, 2 : 2 + len(places)], solved[:, 2 + len(places) :]
        step = np.divide(-jump, bend, out=np.zeros_like(jump), where=np.abs(bend) > 1e-9)
        reach = 0.25 * (at[-1] - at[0])
        moved = np.sort(np.clip(places + np.clip(step, -reach, reach), at[1], at[-2]), axis=1)
        moved[0] = places
    design = _columns(at, moved)
    solved = _solve(design, weight, sums)
    slopes = np.cumsum(solved[:, 1:], axis=1)
    return np.einsum("rgp,rp->rg", _columns(points, moved), solved), slopes


def _columns(at: np.ndarray, places: np.ndarray) -> np.ndarray:
    """1, x and hinges, with places of their own in every resample: (resamples, len(at), 2 + b)."""
    bends = np.maximum(at[None, :, None] - places[:, None, :], 0)
    straight = np.broadcast_to(np.column_stack([np.ones_like(at), at]), (len(places), len(at), 2))
    return np.concatenate([straight, bends], axis=2)


def _solve(design: np.ndarray, weight: np.ndarray, sums: np.ndarray) -> np.ndarray:
    within = np.einsum("rkp,rk,rkq->rpq", design, weight, design, optimize=True)
    across = np.einsum("rkp,rk->rp", design, sums)
    return np.einsum("rpq,rq->rp", np.linalg.pinv(within, hermitian=True), across)


def flat_zone(found: Breaks, at: np.ndarray, slopes: np.ndarray, straight: float) -> pd.DataFrame:
    """Return the flattest stretch between breaks (or a break and the end of the data) if it is flat.

    Parameters
    ----------
    found : Breaks
    at : array of shape (k,)
        Satisfaction of the bins.
    slopes : array of shape (b + 1,)
        Slopes of the stretches.
    straight : float
        Slope of the straight line through everybody.

    Returns
    -------
    DataFrame
        One row or none: ``satisfaction_from``, ``satisfaction_to``, ``width``, ``width_lower``, ``width_upper`` and
        ``slope``. The width's interval is put together from those of the two ends (Zou and Donner 2008).

    References
    ----------
    Zou, G. Y. and Donner, A. (2008). Construction of confidence limits about effect measures: a general approach.
    Statistics in Medicine 27, 1693-1702.
    """
    columns = ["satisfaction_from", "satisfaction_to", "width", "width_lower", "width_upper", "slope"]
    if not len(found.positions) or straight <= 0:
        return pd.DataFrame(columns=columns, dtype="float64")
    first, last = (np.full((1, 3), end) for end in (at[0], at[-1]))
    ends = np.concatenate([first, found.positions, last])
    place = int(np.argmin(slopes))
    if slopes[place] >= _FLAT * straight:
        return pd.DataFrame(columns=columns, dtype="float64")
    low, high = ends[place], ends[place + 1]
    width, lower, upper = difference(high, low)
    return pd.DataFrame([[low[0], high[0], width, max(0.0, lower), upper, slopes[place]]], columns=columns)


def difference(one: np.ndarray | tuple, two: np.ndarray | tuple) -> tuple[float, float, float]:
    """Return a difference and its interval from two estimates (value, lower, upper) that know nothing of each other."""
    (a, a_low, a_high), (b, b_low, b_high) = one, two
    down, up = np.hypot(a - a_low, b_high - b), np.hypot(a_high - a, b - b_low)
    return float(a - b), float(a - b - down), float(a - b + up)
