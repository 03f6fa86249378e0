"""Sample: the answers to a model's items as numbers, and the moments of the sample and of its resamples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from crm_analysis import resampling
from crm_analysis.errors import DataError, UsageError
from crm_analysis.satisfaction.specification import answers as answered
from crm_analysis.table import count

# Respondents whose products are held at once.
_BLOCK = 8192
_MISSING = ("listwise", "mean")


@dataclass(frozen=True, eq=False)
class Sample:
    """Complete answers.

    Attributes
    ----------
    answers : array of shape (respondents, items)
        As numbers.
    weights : array of shape (respondents,)
        Survey weights with mean 1.
    units : array of shape (respondents,)
        Number of the unit that is resampled: the respondent, or the person who answered several times.
    index : Index
        The respondents' labels in the frame the answers came from.
    items : tuple of str
        Names of the columns.
    left_out : int
        Respondents left out because an answer is missing.
    filled : int
        Missing answers that were replaced by the item's mean.
    missing : {"listwise", "mean"}
        What was done with missing answers.
    """

    answers: np.ndarray
    weights: np.ndarray
    units: np.ndarray
    index: pd.Index
    items: tuple[str, ...]
    left_out: int = 0
    filled: int = 0
    missing: str = "listwise"

    def __len__(self) -> int:
        return len(self.answers)

    @property
    def drawn(self) -> int:
        """How many units there are to resample."""
        return int(self.units.max()) + 1

    def moments(self, multipliers: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return means and covariances under one or many sets of weights.

        Parameters
        ----------
        multipliers : array of shape (sets, units), optional
            How often each unit counts in each set, on top of its survey weight; by default once.

        Returns
        -------
        tuple of arrays of shape (sets, items) and (sets, items, items)
            Weighted means and covariances; the divisor is the sum of weights, as in plspm. Where an item is the same
            for everybody who counts, its covariances are missing.
        """
        if multipliers is None:
            multipliers = np.ones((1, self.drawn))
        # Sums of squares lose digits where means are large against spread.
        centre = np.average(self.answers, axis=0, weights=self.weights)
        rows, columns = np.triu_indices(len(self.items))
        sums = np.zeros((len(multipliers), len(self.items) + len(rows) + 1))
        for start in range(0, len(self), _BLOCK):
            part = slice(start, start + _BLOCK)
            rated = self.answers[part] - centre
            products = np.column_stack([rated, rated[:, rows] * rated[:, columns], np.ones(len(rated))])
            sums += multipliers[:, self.units[part]] @ (products * self.weights[part, None])
        with np.errstate(divide="ignore", invalid="ignore"):
            sums /= sums[:, -1:]
        means = sums[:, : len(self.items)]
        covariances = np.empty((len(sums), len(self.items), len(self.items)))
        covariances[:, rows, columns] = sums[:, len(self.items) : -1]
        covariances[:, columns, rows] = covariances[:, rows, columns]
        covariances -= means[:, :, None] * means[:, None, :]
        variances = np.einsum("rii->ri", covariances)
        constant = variances <= 1e-12 * np.average((self.answers - centre) ** 2, axis=0, weights=self.weights)
        covariances[constant[:, :, None] | constant[:, None, :]] = np.nan
        return means + centre, covariances

    def resampled(self, *, resamples: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield means and covariances of bootstrap resamples, block by block; the same seed gives the same blocks."""
        generator = np.random.default_rng(seed)
        for multipliers in resampling.counts(generator, size=self.drawn, resamples=resamples):
            yield self.moments(multipliers)

    def jackknifed(self) -> tuple[np.ndarray, np.ndarray]:
        """Return means and covariances with one unit, or one group of units, left out at a time."""
        return self.moments(resampling.leave_out(self.drawn))


def take(
    answers: pd.DataFrame,
    *,
    items: Sequence[str],
    weight: str | Sequence[float] | None = None,
    cluster: str | None = None,
    missing: str = "listwise",
    caller: str = "pls",
) -> Sample:
    """Take the items out of a frame.

    Parameters
    ----------
    answers : DataFrame
        One row per respondent, a column per item; NaN is a missing answer.
    items : sequence of str
        The columns to take.
    weight : str or array, optional
        Survey weights: a column or one number per row.
    cluster : str, optional
        A column that says which rows come from the same person; whole persons are then resampled.
    missing : {"listwise", "mean"}
        What happens to missing answers: their respondents are left out, or the item's mean stands in for them.
    caller : str
        Who asks, for messages.

    Returns
    -------
    Sample

    Raises
    ------
    UsageError
        If a column is not there or a parameter is not understood.
    DataError
        If answers are no numbers, fewer than three respondents are left, or an item is the same for all of them.
    """
    if missing not in _MISSING:
        raise UsageError(f"{caller}: missing must be listwise or mean, not {missing!r}.")
    absent = [name for name in (*items, *([cluster] if cluster else [])) if name not in answers.columns]
    if absent:
        raise UsageError(f"{caller}: the answers have no column {absent[0]!r}; add it or change the model.")
    answered.check_numbers(answers, items)
    values = answered.numbers(answers, items)
    weights = answered.weights(answers, weight, caller=caller)
    complete = ~np.isnan(values).any(axis=1)
    filled = 0
    if missing == "mean" and not complete.all():
        holes = np.isnan(values)
        filled = int(holes.sum())
        known = np.where(holes, 0.0, weights[:, None])
        means = (np.where(holes, 0.0, values) * known).sum(axis=0) / np.maximum(known.sum(axis=0), 1e-300)
        values, complete = np.where(holes, means, values), np.ones(len(values), dtype=bool)
    complete &= weights > 0
    if complete.sum() < 3:
        raise DataError(
            f"{caller}: {count(int(complete.sum()), 'respondent')} of {len(values):,} answered every item of the "
            "model; it needs three at least, so look at the missing answers first."
        )
    values, weights = values[complete], weights[complete]
    for number, item in enumerate(items):
        if np.ptp(values[:, number]) == 0:
            raise DataError(
                f"{caller}: the item {item!r} is {values[0, number]:g} for every respondent, so it explains nothing; "
                "leave it out of the model."
            )
    units = np.arange(len(values)) if cluster is None else pd.factorize(answers[cluster][complete])[0]
    if (units < 0).any():
        raise DataError(f"{caller}: the column {cluster!r} is empty in some rows; fill it or drop those rows.")
    left = int((~complete).sum())
    return Sample(values, weights / weights.mean(), units, answers.index[complete], tuple(items), left, filled, missing)
