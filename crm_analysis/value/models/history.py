"""Histories: how often and when customers bought, equal ones counted once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from crm_analysis.errors import DataError, UsageError

COLUMNS = ("frequency", "recency", "age")
FEWEST = 30
"""With fewer customers no model is fitted: how customers differ cannot be learned from so few."""


@dataclass(frozen=True)
class Histories:
    """Distinct histories, in order, and which of them each customer has.

    Attributes
    ----------
    repeats, recency, age : array of shape (m,)
        Repeat purchases, time of the last one and time observed, both since the first purchase.
    customers : array of shape (m,)
        How many customers have the history.
    place : array of shape (n,)
        The history of each customer.
    """

    repeats: np.ndarray
    recency: np.ndarray
    age: np.ndarray
    customers: np.ndarray
    place: np.ndarray

    @property
    def columns(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Repeats, recency and age."""
        return self.repeats, self.recency, self.age

    def each(self, chosen: slice) -> Histories:
        """Return some of the customers, one row for each."""
        return self.rows(self.place[chosen])

    def rows(self, rows: np.ndarray) -> Histories:
        """Return some of the histories, as of one customer each."""
        repeats, recency, age = (values[rows] for values in self.columns)
        return Histories(repeats, recency, age, customers=np.ones(len(rows)), place=np.arange(len(rows)))


def distinct(summary: pd.DataFrame, *, caller: str) -> Histories:
    """Find the distinct histories of a summary.

    Parameters
    ----------
    summary : DataFrame
        One row per customer with ``frequency``, ``recency`` and ``age``, as `clv.summarise` gives them.
    caller : str
        Who asks, for messages.

    Returns
    -------
    Histories

    Raises
    ------
    UsageError
        If a column is missing.
    DataError
        If a history is impossible.
    """
    missing = [name for name in COLUMNS if name not in summary.columns]
    if missing:
        raise UsageError(f"{caller}: the summary has no column {missing[0]!r}; make one with clv.summarise.")
    values = summary[list(COLUMNS)].apply(pd.to_numeric, errors="coerce").to_numpy("float64")
    frequency, recency, age = values.T
    wrong = {
        "must be numbers": ~np.isfinite(values).all(axis=1),
        "must not be negative": (values < 0).any(axis=1),
        "need a whole frequency": frequency != np.round(frequency),
        "need a recency of at most the age": recency > age + 1e-9,
        "need the recency 0 where the frequency is 0": (frequency == 0) & (recency > 0),
    }
    for rule, broken in wrong.items():
        if broken.any():
            first = int(np.argmax(broken))
            found = ", ".join(f"{name} {value:g}" for name, value in zip(COLUMNS, values[first], strict=True))
            raise DataError(
                f"{caller}: histories {rule}; {int(broken.sum())} do not, the first in row {first} ({found})."
            )
    groups = pd.DataFrame(values, columns=list(COLUMNS)).groupby(list(COLUMNS), sort=True)
    sizes = groups.size()
    repeats, since, observed = (sizes.index.get_level_values(name).to_numpy("float64") for name in COLUMNS)
    return Histories(repeats, since, observed, sizes.to_numpy("float64"), groups.ngroup().to_numpy())


def check_enough(histories: Histories, *, caller: str) -> None:
    """Raise a DataError that says why nothing can be learned from these customers, if so."""
    number = len(histories.place)
    if number < FEWEST:
        who = "1 customer is" if number == 1 else f"{number} customers are"
        raise DataError(f"{caller}: {who} too few to learn how customers differ; give a summary of {FEWEST} or more.")
    if not histories.age.max() > 0:
        raise DataError(
            f"{caller}: every customer bought for the first time on the last day, so that no time has passed since; "
            "choose a later as_of."
        )
    if not histories.repeats.max() > 0:
        raise DataError(
            f"{caller}: nobody bought a second time, so that neither rates of buying nor leaving can be learned; "
            "give a longer log."
        )
    if len(histories.customers) == 1:
        raise DataError(
            f"{caller}: all {number:,} customers have the same history, so that how they differ cannot be learned; "
            "give customers of different ages."
        )
