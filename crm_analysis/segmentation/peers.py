"""Peers: which customers are comparable, and what a stated quantile of them brings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from crm_analysis.errors import UsageError
from crm_analysis.quantile import of
from crm_analysis.table import count

FEWEST = 30
"""The fewest peers for a benchmark, unless told otherwise."""

_SIZES = np.array(["small first order", "medium first order", "large first order"], dtype=object)


@dataclass(frozen=True, eq=False)
class Peers:
    """The comparable customers of each customer.

    Attributes
    ----------
    names : Series of str
        What each customer's peers have in common.
    members : mapping of str to array of int
        Name -> the positions of that group's customers. A group that smaller ones were widened to holds all of its
        customers, those with a group of their own too.
    sizes : Series of int
        How many peers each customer has, the customer included.
    widened : Series of bool
        Whether the customer's own group was too small.
    compared : tuple of str
        What customers are compared in, in words.
    """

    names: pd.Series
    members: dict[str, np.ndarray]
    sizes: pd.Series
    widened: pd.Series
    compared: tuple[str, ...]


def check(quantile: float, bands: Sequence[float], least: int) -> None:
    """Refuse settings that make no sense.

    Raises
    ------
    UsageError
        If the quantile is not between 0 and 1, the bands do not ascend or `least` is not a positive whole number.
    """
    if not 0 < quantile < 1:
        raise UsageError(f"potential: quantile must lie between 0 and 1, such as 0.9, not {quantile!r}.")
    ends = list(bands)
    if sorted(set(ends)) != ends or not all(math.isfinite(end) and end > 0 for end in ends):
        raise UsageError(f"potential: bands must be ascending numbers of days, such as (365, 730), not {bands!r}.")
    if not isinstance(least, int | np.integer) or least < 1:
        raise UsageError(f"potential: least must be a whole number, 1 or more, not {least!r}.")


def group(customers: pd.DataFrame, *, bands: Sequence[float], least: int) -> Peers:
    """Find each customer's peers: same age of the relation, same channel, first order of the same size.

    Parameters
    ----------
    customers : DataFrame
        Numbered from 0, with any of ``tenure_days``, ``channel``, ``first_day_spend`` (thirds of these customers,
        equal values never split).
    bands : sequence of float
        Where the bands of age end, in days.
    least : int
        A group smaller than this is widened: first over the size of the first order, then over the channel, then over
        the age.

    Returns
    -------
    Peers
    """
    traits: list[tuple[str, pd.Series]] = []
    if "tenure_days" in customers:
        traits.append(("age of the relation", _band(customers["tenure_days"], bands)))
    if "channel" in customers:
        traits.append(("channel", customers["channel"].astype("object").fillna("channel unknown").astype(str)))
    if "first_day_spend" in customers:
        spend = customers["first_day_spend"].to_numpy("float64", na_value=np.nan)
        known = np.isfinite(spend)
        thirds = np.quantile(spend[known], [1 / 3, 2 / 3]) if known.any() else [0.0, 0.0]
        sizes = np.where(known, _SIZES[np.searchsorted(thirds, spend)], "first order unknown")
        traits.append(("size of the first order", pd.Series(sizes, customers.index)))
    everybody = pd.Series("all customers", customers.index)
    names, sizes = everybody, pd.Series(len(customers), customers.index)
    levels, level = [everybody], everybody
    for place, (_, values) in enumerate(traits):
        level = values if place == 0 else level + ", " + values
        levels.append(level)
    widened = pd.Series(False, customers.index)
    # From the widest to the narrowest: the last level with enough peers stays.
    for level in levels[1:]:
        size = level.map(level.value_counts())
        enough = size >= least
        names, sizes, widened = names.where(~enough, level), sizes.where(~enough, size), ~enough
    used = set(names.unique())
    members = {
        str(name): inside for level in levels for name, inside in level.groupby(level).indices.items() if name in used
    }
    return Peers(names, members, sizes, widened, tuple(words for words, _ in traits))


def benchmarks(values: pd.Series, peers: Peers, *, quantile: float) -> pd.DataFrame:
    """Return the quantile of each customer's peers and its distribution-free interval (95 %).

    Parameters
    ----------
    values : Series of shape (n,)
        What is compared.
    peers : Peers
        From `group`, of the same customers.
    quantile : float
        Between 0 and 1.

    Returns
    -------
    DataFrame
        benchmark, benchmark_low, benchmark_high: the quantile (interpolated between order statistics) and the order
        statistics of rank l and u, with P(l <= B < u) at least 0.95 for B binomial (n, quantile).
    """
    found = {name: of(np.sort(values.to_numpy()[inside]), quantile) for name, inside in peers.members.items()}
    ends = pd.DataFrame.from_dict(found, orient="index", columns=["benchmark", "benchmark_low", "benchmark_high"])
    return ends.loc[peers.names].set_axis(values.index)


def _band(days: pd.Series, bands: Sequence[float]) -> pd.Series:
    ends = [float(end) for end in bands]
    if not ends:
        return pd.Series("any age", days.index)
    names = [f"under {_age(ends[0])}", *(_between(low, high) for low, high in pairwise(ends))]
    names.append(f"{_age(ends[-1])} or more")
    values = days.to_numpy("float64", na_value=np.nan)
    placed = np.array(names, dtype=object)[np.searchsorted(ends, values, side="right").clip(max=len(ends))]
    return pd.Series(np.where(np.isfinite(values), placed, "age unknown"), days.index)


def _between(low: float, high: float) -> str:
    if low % 365 == 0 and high % 365 == 0:
        return f"{low // 365:.0f} to {_age(high)}"
    return f"{_age(low)} to {_age(high)}"


def _age(days: float) -> str:
    return count(int(days // 365), "year") if days % 365 == 0 else f"{days:,g} days"
