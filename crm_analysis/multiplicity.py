"""Multiplicity: several tests at once, with one chance of a false alarm for all."""

from __future__ import annotations

import numpy as np


def holm(p_values: np.ndarray) -> np.ndarray:
    """Return p-values adjusted for their number by Holm's method; missing ones stay missing and do not count.

    Parameters
    ----------
    p_values : array of shape (k,)
        Of the single tests.

    Returns
    -------
    array of shape (k,)
        The i-th smallest times k + 1 - i, never below a smaller one's, at most 1.

    References
    ----------
    Holm, S. (1979). A simple sequentially rejective multiple test procedure. Scandinavian Journal of Statistics 6,
    65-70.
    """
    given = np.asarray(p_values, dtype="float64")
    adjusted = np.full(len(given), np.nan)
    known = np.flatnonzero(np.isfinite(given))
    order = known[np.argsort(given[known], kind="stable")]
    steps = given[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps)) if len(order) else steps
    return adjusted
