"""Moments: what an estimator needs of the answers: counts, means and covariances, for many resamples at once."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from crm_analysis.satisfaction.equations.blocks import Moments, expected

__all__ = ["Moments", "Sample", "invert", "saturated"]


class Sample:
    """Answers, made ready to be resampled.

    Parameters
    ----------
    answers : array of shape (n, p)
        Not a number where an item was not answered. Who answered nothing must have been left out.
    weight : array of shape (n,), optional
        Survey weights; they are scaled to the sum n, in each group apart to its own n.
    group : int array of shape (n,), optional
        Group of each respondent, from 0.
    """

    def __init__(self, answers: np.ndarray, *, weight: np.ndarray | None = None, group: np.ndarray | None = None):
        self.answers = np.asarray(answers, dtype="float64")
        self.n, self.p = self.answers.shape
        self.group = np.zeros(self.n, dtype=int) if group is None else np.asarray(group)
        self.weight = np.ones(self.n) if weight is None else np.asarray(weight, dtype="float64")
        sizes, totals = np.bincount(self.group), np.bincount(self.group, self.weight)
        self.weight = self.weight * (sizes / totals)[self.group]
        answered = ~np.isnan(self.answers)
        patterns, self.block = np.unique(np.column_stack([self.group, answered]), axis=0, return_inverse=True)
        self.block = self.block.ravel()
        self.observed, self.block_group = patterns[:, 1:].astype(bool), patterns[:, 0]
        # About the items' means, so that squares of large numbers do not swallow the digits.
        self._centre = np.nanmean(self.answers, axis=0)
        self.filled = np.where(answered, self.answers - self._centre, 0.0)
        self._upper = np.triu_indices(self.p)

    @cached_property
    def _products(self) -> np.ndarray:
        """Of each respondent: one, the answers, and their products; shape (n, 1 + p + p (p + 1) / 2)."""
        i, j = self._upper
        return np.column_stack([np.ones(self.n), self.filled, self.filled[:, i] * self.filled[:, j]])

    @property
    def blocks(self) -> int:
        """Number of blocks."""
        return len(self.observed)

    def moments(self, times: np.ndarray | None = None) -> Moments:
        """Return the moments of the sample, or of resamples.

        Parameters
        ----------
        times : array of shape (draws, n), optional
            How often each resample holds each respondent; by default one draw that holds each once.
        """
        weights = self.weight[None] if times is None else times * self.weight
        sums = np.empty((len(weights), self.blocks, self._products.shape[1]))
        for block in range(self.blocks):
            inside = slice(None) if self.blocks == 1 else self.block == block
            sums[:, block] = weights[:, inside] @ self._products[inside]
        count, first, second = sums[..., 0], sums[..., 1 : self.p + 1], sums[..., self.p + 1 :]
        held = np.where(count > 0, count, 1.0)[..., None]
        mean = first / held
        covariance = np.empty((*mean.shape, self.p))
        i, j = self._upper
        covariance[..., i, j] = second / held - mean[..., i] * mean[..., j]
        covariance[..., j, i] = covariance[..., i, j]
        centre = np.where(self.observed, self._centre, 0.0)
        return Moments(count, mean + centre, covariance, self.observed, self.block_group)


def invert(matrix: np.ndarray, observed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Invert the observed part of covariance matrices.

    Parameters
    ----------
    matrix : array of shape (..., blocks, p, p)
        Covariance matrices.
    observed : bool array of shape (blocks, p)
        Lines and columns that count.

    Returns
    -------
    inverse : array of shape (..., blocks, p, p)
        The inverse of the observed part, 0 elsewhere.
    logarithm : array of shape (..., blocks)
        Logarithm of its determinant; not a number where it is not positive definite.
    """
    if not observed.all():
        inside = observed[:, :, None] & observed[:, None, :]
        matrix = np.where(inside, matrix, np.eye(matrix.shape[-1]))
    try:
        diagonal = np.linalg.cholesky(matrix).diagonal(axis1=-2, axis2=-1)
        inverse = np.linalg.inv(matrix)
    except np.linalg.LinAlgError:
        # Some of them are not positive definite, or so nearly not that they have no inverse: find out which, and let
        # the others go on.
        roots = np.linalg.eigvalsh(np.where(np.isfinite(matrix), matrix, 0.0))
        sound = roots[..., 0] > np.finfo("float64").eps * np.maximum(roots[..., -1], 0)
        matrix = np.where(sound[..., None, None], matrix, np.eye(matrix.shape[-1]))
        inverse, logarithm = invert(matrix, np.ones_like(observed))
        logarithm = np.where(sound, logarithm, np.nan)
    else:
        logarithm = 2 * np.log(diagonal).sum(axis=-1)
    return (inverse if observed.all() else np.where(inside, inverse, 0.0)), logarithm


def saturated(moments: Moments, *, tolerance: float = 1e-11, steps: int = 5000) -> tuple[np.ndarray, np.ndarray]:
    """Return each group's means and covariances of highest likelihood without a model.

    Parameters
    ----------
    moments : Moments
        Of one draw or several.
    tolerance : float
        The EM algorithm ends when a step raises the log-likelihood per respondent by less.
    steps : int
        At most so many steps.

    Returns
    -------
    mean : array of shape (draws, groups, p)
    covariance : array of shape (draws, groups, p, p)
        Where all items are answered, those of the sample; else by EM over the blocks.

    References
    ----------
    Dempster, A. P., Laird, N. M. and Rubin, D. B. (1977). Maximum likelihood from incomplete data via the EM
    algorithm. JRSS B 39, 1-38.
    """
    share = moments.count[:, None, :] * moments.membership
    share = share / share.sum(axis=2, keepdims=True)
    if moments.complete:
        return np.einsum("dgb,dbp->dgp", share, moments.mean), np.einsum("dgb,dbpq->dgpq", share, moments.covariance)
    answered = np.einsum("dgb,bp->dgp", share, moments.observed.astype("float64"))
    mean = np.einsum("dgb,dbp->dgp", share, moments.mean) / answered
    away = np.where(moments.observed, moments.mean - mean[:, moments.group], 0.0)
    spread = np.diagonal(moments.covariance, axis1=-2, axis2=-1) + away**2
    covariance = np.einsum("dgb,dbp->dgp", share, spread)[..., None] / answered[..., None] * np.eye(mean.shape[-1])
    before = np.full(len(mean), np.inf)
    size = moments.sums.share[..., None]
    everything = np.ones(mean.shape[1:], dtype=bool)
    for _ in range(steps):
        found = expected(moments, mean, *invert(covariance, everything))
        if (before - found.objective < tolerance).all():
            break
        before, shift = found.objective, found.away / size
        covariance = found.about / size[..., None] - shift[..., :, None] * shift[..., None, :]
        mean = mean + shift
    return mean, covariance
