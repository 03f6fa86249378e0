"""Switching: what a unit of switching cost adds to the chance to stay, of the satisfied and of the dissatisfied."""

from __future__ import annotations

import numpy as np

from crm_analysis.loyalty.curves.binning import Draws

_KNOTS = (0.2, 0.5, 0.8)


def effects(
    satisfaction: np.ndarray, loyal: np.ndarray, cost: np.ndarray, satisfied: np.ndarray, drawn: Draws
) -> np.ndarray | None:
    """Regress loyalty (0 or 1) on switching cost, apart for the satisfied and the others, at equal satisfaction.

    Parameters
    ----------
    satisfaction, loyal, cost, satisfied : arrays of shape (n,)
        Customers without a cost are left out.
    drawn : Draws

    Returns
    -------
    array of shape (1 + resamples, 2)
        Of the satisfied and of the others; None where cost does not vary, or among fewer than ten customers a number.
    """
    known = np.isfinite(cost)
    x, y, z, high = satisfaction[known], loyal[known].astype("float64"), cost[known], satisfied[known]
    places = np.unique(np.quantile(x, _KNOTS)) if len(x) else np.empty(0)
    bends = np.maximum(x[:, None] - places, 0)
    design = np.column_stack([high * z, ~high * z, np.ones_like(x), x, bends, y])
    p = design.shape[1] - 1
    if len(x) < 10 * p or any(z[side].std() < 1e-12 if side.any() else True for side in (high, ~high)):
        return None
    products = (design[:, :, None] * design[:, None, :]).reshape(len(x), -1)
    moments = drawn.of(known).totals(products).reshape(-1, p + 1, p + 1)
    solved = np.einsum("rij,rj->ri", np.linalg.pinv(moments[:, :p, :p], hermitian=True), moments[:, :p, p])
    return np.asarray(solved[:, :2])
