"""Binning: satisfaction in few places, and resamples as counts on them, so that a bootstrap is a matrix product."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from crm_analysis import resampling

MOST_BINS = 200
# With more customers than this, random groups of them are drawn: as many units as this say enough of the spread.
MOST_UNITS = 5000


@dataclass(frozen=True, eq=False)
class Bins:
    """Where satisfaction lies: `place` is the bin of each of n customers, `centre` the mean of each bin."""

    place: np.ndarray
    centre: np.ndarray

    @cached_property
    def size(self) -> np.ndarray:
        """Customers in each bin."""
        return np.bincount(self.place, minlength=len(self.centre)).astype("float64")

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Sum of the customers' values in each bin."""
        return np.bincount(self.place, weights=values, minlength=len(self.centre))


@dataclass(frozen=True, eq=False)
class Draws:
    """Resamples: `unit` is the unit of each of n customers, `counts` how often each is drawn.

    The first row of `counts` is the sample itself, once each; so the first row of every statistic is its estimate.
    """

    unit: np.ndarray
    counts: np.ndarray

    def histogram(self, place: np.ndarray, bins: int, values: np.ndarray | None = None) -> np.ndarray:
        """Sum of the customers' values (by default: their number) in each bin, by resample: (resamples, bins)."""
        weight = np.ones(len(place)) if values is None else values
        table = csr_matrix((weight, (self.unit, place)), shape=(self.counts.shape[1], bins))
        return self._product(table)

    def totals(self, columns: np.ndarray) -> np.ndarray:
        """Sums of the columns of an (n, k) array over the customers, by resample: (resamples, k)."""
        n = len(self.unit)
        gather = csr_matrix((np.ones(n), (self.unit, np.arange(n))), shape=(self.counts.shape[1], n))
        return self.counts @ (gather @ columns)

    def _product(self, table: Any) -> np.ndarray:
        return np.asarray((table.T @ self.counts.T).T)


def bins(values: np.ndarray, *, edge: float, most: int = MOST_BINS) -> Bins:
    """Put values into their distinct levels or, where these are many, into quantile bins.

    Parameters
    ----------
    values : array of shape (n,)
        Complete values.
    edge : float
        A threshold that no bin may straddle.
    most : int
        More levels than this are gathered into about so many bins of equal size.

    Returns
    -------
    Bins
    """
    levels, place = np.unique(values, return_inverse=True)
    if len(levels) > most:
        edges = np.unique([*np.quantile(values, np.linspace(0, 1, most)[1:-1]), edge])
        _, place = np.unique(np.searchsorted(edges, values, side="right"), return_inverse=True)
        levels = np.bincount(place, weights=values) / np.bincount(place)
    return Bins(place, levels)


def draws(n: int, *, resamples: int, generator: np.random.Generator) -> Draws:
    """Draw bootstrap resamples of n customers; many customers are drawn as random groups of nearly equal size."""
    units = min(n, MOST_UNITS)
    unit = np.arange(n) if units == n else generator.permutation(n) % units
    drawn = resampling.counts(generator, size=units, resamples=resamples)
    return Draws(unit, np.concatenate([np.ones((1, units)), *drawn]))
