"""Kinks: bins of customers, and the scores of a bend at each place beside some base."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

_SHARE_BEYOND = 0.04  # of all customers beyond the outermost place where a break is sought
_LEAST_LEVELS = 5


@dataclass(frozen=True, eq=False)
class Sample:
    """Customers, sum and sum of squares of their behaviour, and its residual variance, by bin of satisfaction.

    `squared` are the same three sums with the squares of the customers' weights; None: all count the same.
    """

    at: np.ndarray
    size: np.ndarray
    total: np.ndarray
    squares: np.ndarray
    variance: np.ndarray
    squared: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None

    @cached_property
    def scale(self) -> np.ndarray:
        """What makes a bin's mean have variance 1, if `variance` is right."""
        return np.sqrt(self.size / self.variance)

    @cached_property
    def outcome(self) -> np.ndarray:
        return self.total / self.size * self.scale

    def columns(self, *functions: np.ndarray) -> np.ndarray:
        return np.column_stack(functions) * self.scale[:, None]

    def spread(self, places: np.ndarray) -> np.ndarray:
        """Standard deviation of the outcome in each bin, as its distances from a line with these breaks tell."""
        line = np.column_stack([np.ones_like(self.at), self.at, hinge(self.at, places)])
        fit = line @ coefficients(self, places)
        size, total, squares = self.squared or (self.size, self.total, self.squares)
        gap = np.maximum(squares - 2 * fit * total + size * fit**2, 0)
        freedom = 1 - line.shape[1] / self.size.sum()
        return np.asarray(np.sqrt(gap / self.size / self.variance / freedom))


def candidates(data: Sample, count: int) -> np.ndarray:
    """Places where a break is sought: with customers and at least two levels on each side."""
    if len(data.at) < _LEAST_LEVELS:
        return np.empty(0)
    below = np.cumsum(data.size) / data.size.sum()
    low = max(data.at[1], data.at[int(np.searchsorted(below, _SHARE_BEYOND))])
    high = min(data.at[-2], data.at[int(np.searchsorted(below, 1 - _SHARE_BEYOND))])
    return np.linspace(low, high, count) if high > low else np.empty(0)


def hinge(at: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return (x - t)+ for each x (rows) and t (columns)."""
    return np.maximum(at[:, None] - places, 0)


def coefficients(data: Sample, places: np.ndarray) -> np.ndarray:
    """Return a, b, c_1, ... of the piecewise line with breaks at these places."""
    design = data.columns(np.ones_like(data.at), data.at, *hinge(data.at, places).T)
    return np.asarray(np.linalg.lstsq(design, data.outcome, rcond=None)[0])


@dataclass(frozen=True, eq=False)
class Process:
    """Scores of a hinge at each place beside some base: of the data (T), and of wild draws (resamples x T)."""

    score: np.ndarray
    noise: np.ndarray
    overlap: np.ndarray

    @classmethod
    def of(cls, data: Sample, base: np.ndarray, places: np.ndarray, noise: np.ndarray) -> Process:
        orthonormal = np.linalg.qr(base)[0]
        bends = hinge(data.at, places) * data.scale[:, None]
        bends = bends - orthonormal @ (orthonormal.T @ bends)
        length = np.linalg.norm(bends, axis=0)
        unit = bends / np.maximum(length, 1e-12)
        unit[:, length < 1e-8 * length.max()] = 0
        return cls(unit.T @ data.outcome, noise @ unit, unit.T @ unit)

    @cached_property
    def covariance(self) -> np.ndarray:
        """Of the scores, as the wild draws have it."""
        return np.asarray(self.noise.T @ self.noise / len(self.noise))

    def any(self) -> tuple[float, np.ndarray]:
        """The mean robust likelihood of a bend over all places, and its wild draws."""
        variance = np.maximum(np.diag(self.covariance), 1e-12)
        return float(beyond(self.score**2 / variance)), beyond(self.noise**2 / variance)

    def best_pair(self) -> tuple[float, np.ndarray]:
        """The largest robust statistic over all pairs of places that are not too much alike, and its wild draws."""
        one, two = np.triu_indices(len(self.score), k=2)
        a, b, c = self.covariance[one, one], self.covariance[one, two], self.covariance[two, two]
        below = a * c - b**2
        told = below > 1e-4 * a * c
        if not told.any():
            return self.any()
        one, two, a, b, c, below = (part[told] for part in (one, two, a, b, c, below))

        def largest(scores: np.ndarray) -> np.ndarray:
            left, right = scores[:, one], scores[:, two]
            return np.asarray(((left**2 * c - 2 * left * right * b + right**2 * a) / below).max(axis=1))

        return float(largest(self.score[None])[0]), largest(self.noise)


def p_value(statistic: float, draws: np.ndarray) -> float:
    return float((1 + (draws >= statistic).sum()) / (1 + len(draws)))


def smaller(one: tuple[float, np.ndarray], two: tuple[float, np.ndarray]) -> float:
    """P-value of the smaller of two p-values, from their joint draws."""
    ranks = [(1 + np.searchsorted(np.sort(-draws), -draws, side="right")) / (1 + len(draws)) for _, draws in (one, two)]
    seen = min(p_value(*one), p_value(*two))
    return float((1 + (np.minimum(*ranks) <= seen + 1e-12).sum()) / (1 + len(ranks[0])))


def beyond(squares: np.ndarray) -> np.ndarray:
    """Twice the log of the likelihood averaged over all places (last axis)."""
    most = squares.max(axis=-1)
    return np.asarray(most + 2 * np.log(np.exp((squares - most[..., None]) / 2).mean(axis=-1)))
