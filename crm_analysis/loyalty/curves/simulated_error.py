"""Simulated error: what a curve would be if satisfaction were measured without error (simulation extrapolation).

Error in satisfaction bends curves towards lines. Its remedy (SIMEX): add more of the same error, see how an estimate
changes with its variance, and follow that change back to none. The added error need not be simulated: a bin of
customers spread by a normal error is a row of normal shares, and its mean over all draws is a matrix product.

References: Cook, J. R. and Stefanski, L. A. (1994). Simulation-extrapolation estimation in parametric measurement error
models. JASA 89, 1314-1328.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.stats import norm

_ADDED = np.array([0.0, 0.5, 1.0, 1.5, 2.0])
_CELLS = 120


def extrapolated(
    statistic: Callable[[np.ndarray, np.ndarray], np.ndarray], at: np.ndarray, *, error: float, edge: float
) -> np.ndarray:
    """Follow a statistic back to satisfaction without error.

    Parameters
    ----------
    statistic : function of (spread, cells) -> array
        `spread` (k x cells) moves the customers of each bin to new places, `cells` are these places.
    at : array of shape (k,)
        Satisfaction of each bin.
    error : float
        Standard deviation of the error that is in satisfaction, in points.
    edge : float
        A threshold that no new place may straddle.

    Returns
    -------
    array
        The quadratic in the added variance, fitted to none, half, once, one and a half times and twice the error's,
        at minus once.
    """
    powers = np.vander(_ADDED, 3, increasing=True)
    weights = np.array([1.0, -1.0, 1.0]) @ np.linalg.pinv(powers)
    values = [statistic(*_spread(at, error * float(np.sqrt(added)), edge)) for added in _ADDED]
    return np.asarray(sum(weight * value for weight, value in zip(weights, values, strict=True)))


def _spread(at: np.ndarray, error: float, edge: float) -> tuple[np.ndarray, np.ndarray]:
    """Share of each bin that an error moves into each cell, and the cells' places."""
    if error <= 0:
        return np.eye(len(at)), at
    low, high = at[0] - 4 * error, at[-1] + 4 * error
    step = (high - low) / _CELLS
    # One boundary lies on the threshold, so that a cell is satisfied as a whole.
    first = edge - step * np.ceil((edge - low) / step)
    edges = first + step * np.arange(_CELLS + 2)
    below = norm.cdf((edges - at[:, None]) / error)
    below[:, 0], below[:, -1] = 0, 1
    return np.diff(below, axis=1), (edges[1:] + edges[:-1]) / 2
