"""Binning: satisfaction in few places, and resamples as counts on them, so that a bootstrap is a matrix product."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from crm_analysis import proportion, resampling

MOST_BINS = 200
# With more customers than this, random groups of them are drawn: as many units as this say enough of the spread.
MOST_UNITS = 5000


def scaled(weight: np.ndarray | None) -> np.ndarray | None:
    """Weights that add up to their effective number, so that their sums vary as numbers of customers do."""
    return None if weight is None else weight * proportion.effective(weight) / weight.sum()


@dataclass(frozen=True, eq=False)
class Bins:
    """Where satisfaction lies: `place` is the bin of each of n customers, `centre` the mean of each bin.

    `weight` is how much each customer counts; None: all the same.
    """

    place: np.ndarray
    centre: np.ndarray
    weight: np.ndarray | None = None

    @cached_property
    def size(self) -> np.ndarray:
        """Customers in each bin, as their weights count them."""
        return np.bincount(self.place, weights=self.weight, minlength=len(self.centre)).astype("float64")

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Sum of the customers' values in each bin."""
        weighted = values if self.weight is None else values * self.weight
        return np.bincount(self.place, weights=weighted, minlength=len(self.centre))

    def of(self, here: np.ndarray) -> Bins:
        """Return the bins in which some of the customers lie."""
        kept, place = np.unique(self.place[here], return_inverse=True)
        return Bins(place, self.centre[kept], scaled(None if self.weight is None else self.weight[here]))

    def moments(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Customers, sum and sum of squares of their values, by bin."""
        return self.size, self.sums(values), self.sums(values**2)


@dataclass(frozen=True, eq=False)
class Draws:
    """Resamples: `unit` is the unit of each of n customers, `counts` how often each is drawn.

    The first row of `counts` is the sample itself, once each; so the first row of every statistic is its estimate.
    `weight` is how much each customer counts; None: all the same.
    """

    unit: np.ndarray
    counts: np.ndarray
    weight: np.ndarray | None = None

    @cached_property
    def weights(self) -> np.ndarray:
        """The weight of each customer."""
        return np.ones(len(self.unit)) if self.weight is None else self.weight

    def of(self, here: np.ndarray) -> Draws:
        """Return the same resamples of some of the customers."""
        return Draws(self.unit[here], self.counts, scaled(None if self.weight is None else self.weight[here]))

    def histogram(self, place: np.ndarray, bins: int, values: np.ndarray | None = None) -> np.ndarray:
        """Sum of the customers' values (by default: their number) in each bin, by resample: (resamples, bins)."""
        weight = self.weights if values is None else values * self.weights
        table = csr_matrix((weight, (self.unit, place)), shape=(self.counts.shape[1], bins))
        return self._product(table)

    def totals(self, columns: np.ndarray) -> np.ndarray:
        """Sums of the columns of an (n, k) array over the customers, by resample: (resamples, k)."""
        n = len(self.unit)
        gather = csr_matrix((self.weights, (self.unit, np.arange(n))), shape=(self.counts.shape[1], n))
        return self.counts @ (gather @ columns)

    def _product(self, table: Any) -> np.ndarray:
        return np.asarray((table.T @ self.counts.T).T)


def bins(values: np.ndarray, *, edge: float, most: int = MOST_BINS, weight: np.ndarray | None = None) -> Bins:
    """Put values into their distinct levels or, where these are many, into quantile bins.

    Parameters
    ----------
    values : array of shape (n,)
        Complete values.
    edge : float
        A threshold that no bin may straddle.
    most : int
        More levels than this are gathered into about so many bins of equal size.
    weight : array of shape (n,), optional
        How much each customer counts.

    Returns
    -------
    Bins
    """
    levels, place = np.unique(values, return_inverse=True)
    if len(levels) > most:
        edges = np.unique([*np.quantile(values, np.linspace(0, 1, most)[1:-1]), edge])
        _, place = np.unique(np.searchsorted(edges, values, side="right"), return_inverse=True)
        counted = np.ones(len(values)) if weight is None else weight
        levels = np.bincount(place, weights=values * counted) / np.bincount(place, weights=counted)
    return Bins(place, levels, weight)


def draws(n: int, *, resamples: int, generator: np.random.Generator, weight: np.ndarray | None = None) -> Draws:
    """Draw bootstrap resamples of n customers; many customers are drawn as random groups of nearly equal size."""
    units = min(n, MOST_UNITS)
    unit = np.arange(n) if units == n else generator.permutation(n) % units
    drawn = resampling.counts(generator, size=units, resamples=resamples)
    return Draws(unit, np.concatenate([np.ones((1, units)), *drawn]), weight)
