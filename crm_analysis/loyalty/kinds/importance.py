"""Importance: standardised effects of drivers, and the share of the explained variance that each may claim."""

from __future__ import annotations

import itertools
import math

import numpy as np


def correlations(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the correlation matrix of the columns under each row of weights.

    Parameters
    ----------
    values : array of shape (n, p)
        Complete.
    counts : array of shape (draws, n)
        How often each row is drawn.

    Returns
    -------
    array of shape (draws, p, p)
        Zero beside a column without spread.
    """
    matrix = covariances(values, counts)
    spread = np.sqrt(np.einsum("dii->di", matrix))
    scale = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > 1e-12)
    return matrix * scale[:, :, None] * scale[:, None, :]


def covariances(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the covariance matrix (divided by n) of the columns under each row of weights."""
    centred = values - values.mean(axis=0)
    n, p = centred.shape
    products = (centred[:, :, None] * centred[:, None, :]).reshape(n, p * p)
    total = counts.sum(axis=1)
    mean = counts @ centred / total[:, None]
    return (counts @ products).reshape(-1, p, p) / total[:, None, None] - mean[:, :, None] * mean[:, None, :]


def effects(matrices: np.ndarray) -> np.ndarray:
    """Return the standardised coefficients of the last column on the others: an array of shape (draws, p - 1)."""
    inverse = np.linalg.pinv(matrices[:, :-1, :-1], hermitian=True)
    return np.einsum("dij,dj->di", inverse, matrices[:, :-1, -1])


def shapley(matrices: np.ndarray) -> np.ndarray:
    """Return how much of R2 each driver adds, averaged over all orders in which drivers may enter.

    Parameters
    ----------
    matrices : array of shape (draws, p + 1, p + 1)
        Correlations of p drivers and, last, the outcome.

    Returns
    -------
    array of shape (draws, p)
        sum over S without j of |S|! (p - |S| - 1)! / p! (R2(S and j) - R2(S)); the parts add up to R2.

    References
    ----------
    Lindeman, R. H., Merenda, P. F. and Gold, R. Z. (1980). Introduction to Bivariate and Multivariate Analysis. Scott
    Foresman, p. 119-127 (LMG; the Shapley value of R2).
    """
    p = matrices.shape[1] - 1
    explained: dict[tuple[int, ...], np.ndarray] = {(): np.zeros(len(matrices))}
    for size in range(1, p + 1):
        for some in itertools.combinations(range(p), size):
            own = np.array(some)
            across = matrices[:, own, -1]
            inverse = np.linalg.pinv(matrices[:, own[:, None], own], hermitian=True)
            explained[some] = np.einsum("di,dij,dj->d", across, inverse, across)
    parts = np.zeros((len(matrices), p))
    for some, r2 in explained.items():
        for driver in set(range(p)) - set(some):
            share = math.factorial(len(some)) * math.factorial(p - len(some) - 1) / math.factorial(p)
            parts[:, driver] += share * (explained[tuple(sorted((*some, driver)))] - r2)
    return parts
