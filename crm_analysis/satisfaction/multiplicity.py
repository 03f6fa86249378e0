"""Multiplicity: several tests at once, with one chance of a false alarm for all."""

from __future__ import annotations

import numpy as np


def holm(pvalues: np.ndarray) -> np.ndarray:
    """Return p-values adjusted for their number.

    Parameters
    ----------
    pvalues : array of shape (k,)
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
    values = np.asarray(pvalues, dtype="float64")
    order = np.argsort(values, kind="stable")
    adjusted = np.empty_like(values)
    steps = values[order] * (len(values) - np.arange(len(values)))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted
