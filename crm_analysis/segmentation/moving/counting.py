"""Counting: who went from which label to which, and what they brought before and after."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from crm_analysis.proportion import FEWEST, share

NEW = "new"
"""Where those come from who had no label at any date before."""
GONE = "gone"
"""Where those are who had a label and have none now; who comes back from there has returned."""


@dataclass(frozen=True)
class Paths:
    """The label of every customer at every date.

    Attributes
    ----------
    dates : tuple of str
        In order of time.
    states : tuple of str
        The labels in order, then `GONE`, then `NEW`.
    codes : int array of shape (customers, dates)
        The place of each label in `states`.
    amounts : array of shape (customers, dates) or None
        What each customer brought at each date.
    """

    dates: tuple[str, ...]
    states: tuple[str, ...]
    codes: np.ndarray
    amounts: np.ndarray | None

    @property
    def labels(self) -> tuple[str, ...]:
        """The states that are labels."""
        return self.states[:-2]

    @property
    def steps(self) -> list[str]:
        """Names of the steps from date to date."""
        return [f"{before} to {after}" for before, after in pairwise(self.dates)]

    def lengths(self) -> list[int]:
        """Days of each step; none where the dates are names."""
        days = pd.to_datetime(pd.Series(self.dates, dtype="str"), format="%Y-%m-%d", errors="coerce")
        return [] if days.isna().any() else [int(length) for length in days.diff().dt.days[1:]]

    def counts(self) -> np.ndarray:
        """Return customers by step, state before and state after, shape (steps, states, states).

        Those who have not come yet at the end of a step are not in it.
        """
        size = len(self.states)
        found = [
            np.bincount(before * size + after, minlength=size**2).reshape(size, size)
            for before, after in pairwise(self.codes.T)
        ]
        counted = np.array(found, dtype="int64").reshape(-1, size, size)
        counted[:, -1, -1] = 0
        return counted

    def now(self) -> np.ndarray:
        """Return customers by state at the last date; nobody who is known is `NEW`."""
        return np.bincount(self.codes[:, -1], minlength=len(self.states))


def trace(labels: Mapping[str, pd.Series], *, order: Sequence[str], value: Mapping[str, pd.Series] | None) -> Paths:
    """Put the labels of all dates side by side; see `migration.follow`."""
    customers = pd.Index([], dtype="object")
    for given in labels.values():
        customers = customers.append(given.index.astype("object").difference(customers, sort=False))
    place = {name: number for number, name in enumerate(order)}
    gone, new = len(order), len(order) + 1
    codes = np.full((len(customers), len(labels)), gone)
    for column, given in enumerate(labels.values()):
        codes[customers.get_indexer(given.index.astype("object")), column] = given.map(place).to_numpy("int64")
    seen = np.maximum.accumulate(codes < gone, axis=1)
    codes[~seen] = new
    amounts = None
    if value is not None:
        amounts = np.column_stack(
            [
                value[date].set_axis(value[date].index.astype("object")).reindex(customers).to_numpy("float64")
                for date in labels
            ]
        )
        amounts = np.nan_to_num(amounts, nan=0.0)
    return Paths(tuple(labels), (*order, GONE, NEW), codes, amounts)


def transitions(paths: Paths) -> pd.DataFrame:
    """Return one row per step and pair of states that anybody went, described in `MigrationResult`."""
    rows = []
    for step, (name, table) in enumerate(zip(paths.steps, paths.counts(), strict=True)):
        before, after = paths.codes[:, step], paths.codes[:, step + 1]
        for one, other in np.argwhere(table):
            whole = int(table[one].sum())
            ends = share(int(table[one, other]), whole)
            row = {"step": name, "before": paths.states[one], "after": paths.states[other]}
            row |= {"customers": int(table[one, other]), **_ends("share", ends)}
            if paths.amounts is not None:
                inside = (before == one) & (after == other)
                row |= _values(paths.amounts[:, step], paths.amounts[:, step + 1], inside)
            rows.append(row)
    columns = ["step", "before", "after", "customers", *_ends("share", (0, 0, 0))]
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=columns)


def _ends(name: str, ends: tuple[float, float, float]) -> dict[str, float]:
    return dict(zip((name, f"{name}_low", f"{name}_high"), ends, strict=True))


def _values(before: np.ndarray, after: np.ndarray, inside: np.ndarray) -> dict[str, float]:
    change = total((after - before) * inside)
    return {
        "value_before": float(before[inside].sum()),
        "value_after": float(after[inside].sum()),
        **_ends("value_change", change),
    }


def total(values: np.ndarray) -> tuple[float, float, float]:
    """Return a total over customers with its interval (95 %), if these are a sample of those there might have been.

    The error is sqrt(n) times the standard deviation of what each customer adds, 0 included (Cochran 1977, section
    2.5); there is no interval with fewer than ten customers.
    """
    n, found = len(values), float(values.sum())
    if n < FEWEST:
        return found, math.nan, math.nan
    half = 1.959963984540054 * math.sqrt(n) * float(values.std(ddof=1))
    return found, found - half, found + half


def movements(paths: Paths, *, ranked: bool) -> pd.DataFrame:
    """Return one row per step and kind of movement, described in `MigrationResult`.

    Parameters
    ----------
    paths : Paths
        The labels of all dates.
    ranked : bool
        Whether the labels are in order, best first, so that there is an up and a down.
    """
    gone, rows = len(paths.labels), []
    for step, name in enumerate(paths.steps):
        before, after = paths.codes[:, step], paths.codes[:, step + 1]
        here, then = before < gone, after < gone
        kinds = {"stayed": here & (before == after)}
        if ranked:
            kinds |= {"moved up": here & then & (after < before), "moved down": here & then & (after > before)}
        else:
            kinds |= {"moved": here & then & (after != before)}
        kinds |= {
            "lost": here & (after == gone),
            "returned": (before == gone) & then,
            "new": (before == gone + 1) & then,
        }
        for kind, inside in kinds.items():
            arriving = kind in ("returned", "new")
            ends = share(int(inside.sum()), int((then if arriving else here).sum()))
            row = {"step": name, "movement": kind, "customers": int(inside.sum()), **_ends("share", ends)}
            row["of"] = "those there after" if arriving else "those there before"
            if paths.amounts is not None:
                row |= _values(paths.amounts[:, step], paths.amounts[:, step + 1], inside)
            rows.append(row)
    return pd.DataFrame(rows)
