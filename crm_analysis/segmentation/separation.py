"""Separation: how well groups tell apart what customers do next, scored out of fold and resampled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse

MEASURES = ("spend_r2", "best_spend_share", "retained_auc")
"""Share of the variance of spend that is explained, share of spend in the best part, area under the ROC curve."""

# So many numbers are held at once, eight bytes each.
_AT_ONCE = 10_000_000


@dataclass(frozen=True, eq=False)
class Outcome:
    """What customers did next, and the fold each belongs to: spend (currency), retained (0 or 1), folds (from 0)."""

    spend: np.ndarray
    retained: np.ndarray
    folds: np.ndarray


def weights(generator: np.random.Generator, *, n: int, cells: int, draws: int) -> Iterator[np.ndarray]:
    """Yield bootstrap weights, how often each of n customers is drawn: arrays of shape (some draws, n)."""
    step = max(1, _AT_ONCE // max(n, cells))
    for first in range(0, draws, step):
        some = min(step, draws - first)
        drawn = generator.integers(0, n, (some, n)) + n * np.arange(some)[:, None]
        yield np.bincount(drawn.ravel(), minlength=some * n).reshape(some, n).astype("float64")


def shrunken_means(counts: np.ndarray, sums: np.ndarray, squares: np.ndarray) -> np.ndarray:
    """Return the mean of each group, shrunk towards the mean of all the more, the smaller the group.

    Parameters
    ----------
    counts, sums : arrays of shape (..., groups)
        Customers of each group, and the sum of what is averaged.
    squares : array of shape (...)
        The sum of its squares over all groups.

    Returns
    -------
    array of shape (..., groups)
        (sum of the group + c x mean of all) / (customers of the group + c), c = variance within groups / variance of
        the true means between them; where the latter is not above zero, the mean of all for everyone, as for a group
        without a customer.

    References
    ----------
    Bühlmann, H. and Straub, E. (1970). Glaubwürdigkeit für Schadensätze. Mitteilungen der Vereinigung Schweizerischer
    Versicherungsmathematiker 70, 111-133.
    """
    n = counts.sum(axis=-1, keepdims=True)
    mean = sums.sum(axis=-1, keepdims=True) / n
    deviations = np.divide(sums, counts, out=np.zeros_like(sums) + mean, where=counts > 0) - mean
    between = (counts * deviations**2).sum(axis=-1, keepdims=True)
    filled = (counts > 0).sum(axis=-1, keepdims=True)
    within = np.maximum(0, squares[..., None] - n * mean**2 - between) / np.maximum(1, n - filled)
    # Times the effective number of groups; not above zero where groups differ no more than by chance.
    spread = between - (filled - 1) * within
    room = np.where(spread > 0, n - (counts**2).sum(axis=-1, keepdims=True) / n, 0)
    credit = np.divide(within * room, spread, out=np.zeros_like(spread), where=spread > 0)
    kept = np.divide(counts, counts + credit, out=np.zeros_like(counts), where=(counts + credit > 0) & (spread > 0))
    return mean + kept * deviations


class Scorer:
    """One grouping of customers, ready to be scored under any weights.

    Parameters
    ----------
    codes : int array of shape (n,)
        The group of each customer, from 0.
    outcome : Outcome
        What they did next.
    top : float
        The part of the customers of each fold that counts as the best.
    """

    def __init__(self, codes: np.ndarray, outcome: Outcome, *, top: float):
        folds, groups, n = int(outcome.folds.max()) + 1, int(codes.max()) + 1, len(codes)
        self._shape, self._top = (folds, groups), top

        def summing(values: np.ndarray, place: np.ndarray, size: int) -> sparse.csr_matrix:
            return sparse.csr_matrix((values, (place, np.arange(n))), shape=(size, n))

        cell = outcome.folds * groups + codes
        self._sums = [summing(values, cell, folds * groups) for values in (np.ones(n), outcome.spend, outcome.retained)]
        self._squares = summing(outcome.spend**2, outcome.folds, folds)

    @property
    def cells(self) -> int:
        """Groups times folds."""
        return self._shape[0] * self._shape[1]

    def scores(self, drawn: np.ndarray) -> np.ndarray:
        """Return the `MEASURES` (columns) for each row of weights of shape (draws, n).

        Group means are learned anew under each row of weights, always from the other folds.
        """
        count, spend, kept = ((sums @ drawn.T).T.reshape(-1, *self._shape) for sums in self._sums)
        squares = (self._squares @ drawn.T).T
        expected = _out_of_fold(count, spend, squares)
        # A square of 0 or 1 is itself.
        chance = _out_of_fold(count, kept, kept.sum(axis=2))
        n, total = count.sum(axis=(1, 2)), spend.sum(axis=(1, 2))
        square = squares.sum(axis=1)
        errors = square + (expected * (expected * count - 2 * spend)).sum(axis=(1, 2))
        about_mean = square - total**2 / n
        known = about_mean > 1e-9 * square
        explained = 1 - np.divide(errors, about_mean, out=np.full_like(errors, np.nan), where=known)
        best = self._best(*_in_order(expected, count, spend))
        best = np.divide(best, total, out=np.full_like(best, np.nan), where=total > 0)
        return np.column_stack((explained, best, _auc(*_in_order(chance, kept, count - kept))))

    def _best(self, count: np.ndarray, spend: np.ndarray) -> np.ndarray:
        """Spend of the best part of each fold; a group at its edge counts with the fraction that still fits."""
        count, spend = count[..., ::-1], spend[..., ::-1]
        room = self._top * count.sum(axis=2, keepdims=True) - (count.cumsum(axis=2) - count)
        share = np.divide(room, count, out=np.zeros_like(count), where=count > 0).clip(0, 1)
        return (share * spend).sum(axis=(1, 2))


def _out_of_fold(count: np.ndarray, total: np.ndarray, squares: np.ndarray) -> np.ndarray:
    """Predict each cell by the other folds; arrays of shape (draws, folds, groups), squares (draws, folds)."""
    others = (values.sum(axis=1, keepdims=True) - values for values in (count, total, squares))
    return shrunken_means(*others)


def _in_order(predictions: np.ndarray, *parts: np.ndarray) -> list[np.ndarray]:
    """Sort the groups of each draw and fold by prediction and merge those with equal ones."""
    order = predictions.argsort(axis=2)
    ranked = np.take_along_axis(predictions, order, axis=2)
    apart = 1e-9 * np.abs(ranked).max(axis=2, keepdims=True)
    steps = np.diff(ranked, axis=2, prepend=ranked[..., :1]) > apart
    place = steps.cumsum(axis=2) + np.arange(0, ranked.size, ranked.shape[2]).reshape(*ranked.shape[:2], 1)
    return [
        np.bincount(place.ravel(), np.take_along_axis(part, order, axis=2).ravel(), ranked.size).reshape(ranked.shape)
        for part in parts
    ]


def _auc(kept: np.ndarray, lost: np.ndarray) -> np.ndarray:
    """Chance that a retained customer ranks above one of the same fold who left; ties count half."""
    above = (kept * (lost.cumsum(axis=2) - lost / 2)).sum(axis=(1, 2))
    pairs = (kept.sum(axis=2) * lost.sum(axis=2)).sum(axis=1)
    return np.divide(above, pairs, out=np.full_like(above, np.nan), where=pairs > 0)
