"""Cut-points: where one class of a dimension ends and the next begins. Learned once, shown, saved, frozen."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from crm_analysis.errors import DataError, UsageError
from crm_analysis.table import number

DIMENSIONS = {"recency": "recency_days", "frequency": "frequency", "monetary": "monetary"}
"""Dimension -> column of the customer view. Recency counts backwards: fewer days are better."""

METHODS = ("quantile", "fixed", "custom", "nested")

Edges = tuple[float, ...]


@dataclass(frozen=True)
class Cuts:
    """Cut-points of the three dimensions.

    Attributes
    ----------
    bins : int
        Classes per dimension; class 1 is the worst, class `bins` the best.
    method : str
        How they were learned: ``quantile``, ``fixed``, ``custom`` or ``nested``.
    edges : mapping
        Dimension -> group -> `bins` - 1 edges, from the worst class up, in the dimension's own unit. The group is
        ``""`` for all customers; with nested bins also ``"5"`` (frequency within recency class 5) and ``"52"``
        (monetary within recency class 5 and frequency class 2). A frequency or monetary value reaches a class if it is
        at least its edge; a recency if it is at most its edge. An infinite edge is never reached.
    why : str
        Why there are none, where the customers they were asked of cannot be cut; `edges` is empty then.
    """

    bins: int
    method: str
    edges: Mapping[str, Mapping[str, Edges]]
    why: str = ""

    def classes(self, customers: pd.DataFrame) -> pd.DataFrame:
        """Give each customer a class per dimension.

        Parameters
        ----------
        customers : DataFrame
            With the columns ``recency_days``, ``frequency`` and ``monetary``.

        Returns
        -------
        DataFrame
            Integer columns recency, frequency, monetary (1 to `bins`), indexed like `customers`.

        Raises
        ------
        DataError
            If there are no cut-points.
        """
        self._check()
        found: dict[str, np.ndarray] = {}
        group = np.full(len(customers), "", dtype=object)
        for dimension, column in DIMENSIONS.items():
            values = _goodness(dimension, customers[column])
            edges = self.edges[dimension]
            scores = _assign(values, _goodness(dimension, edges[""]))
            if self.method == "nested" and dimension != "recency":
                for name in np.unique(group):
                    # A group that no customer was in when the cuts were learned takes those of all customers.
                    within = _goodness(dimension, edges.get(str(name), edges[""]))
                    scores[group == name] = _assign(values[group == name], within)
            found[dimension] = scores
            group = np.array([f"{before}{score}" for before, score in zip(group, scores, strict=True)], dtype=object)
        return pd.DataFrame(found, index=customers.index)

    def to_frame(self) -> pd.DataFrame:
        """Return the cut-points as a table: dimension, within (group), class, the edge that reaches it, and words."""
        rows = []
        for dimension, groups in self.edges.items():
            for group, edges in groups.items():
                bounds = [None, *edges, None]
                for level in range(1, self.bins + 1):
                    words = _words(dimension, bounds[level - 1], bounds[level])
                    row = {"dimension": dimension, "within": group, "class": level, "edge": bounds[level - 1]}
                    rows.append({**row, "values": words})
        return pd.DataFrame(rows, columns=["dimension", "within", "class", "edge", "values"]).astype(
            {"edge": "float64"}
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the cut-points to a JSON file, to score the next period by them.

        Raises
        ------
        DataError
            If there are no cut-points.
        """
        self._check()
        edges = {
            dimension: {
                name: [None if math.isinf(edge) else edge for edge in values] for name, values in groups.items()
            }
            for dimension, groups in self.edges.items()
        }
        content = {"schema": 1, "bins": self.bins, "method": self.method, "edges": edges}
        Path(path).write_text(json.dumps(content, indent=1), "utf-8")

    def _check(self) -> None:
        if self.why:
            raise DataError(f"rfm: there are no cut-points: {self.why}.")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Cuts:
        """Read cut-points that `save` wrote.

        Raises
        ------
        UsageError
            If there is no such file or it holds no cut-points.
        """
        try:
            content = json.loads(Path(path).read_text("utf-8"))
            edges = {
                dimension: {
                    group: tuple(_unreached(dimension) if edge is None else float(edge) for edge in values)
                    for group, values in content["edges"][dimension].items()
                }
                for dimension in DIMENSIONS
            }
            return cls(int(content["bins"]), str(content["method"]), edges)
        except OSError:
            raise UsageError(f"there is no file {path}; write one with result.cuts.save({str(path)!r}).") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise UsageError(f"{path} holds no cut-points; write them with result.cuts.save({str(path)!r}).") from None


def _words(dimension: str, edge: float | None, following: float | None) -> str:
    """Say which values a class holds: from its own edge to that of the class above."""
    least: float | None
    most: float | None
    if dimension == "recency":
        least, most = None if following is None else math.floor(following) + 1, edge
    else:
        least, most = edge, following
    whole = dimension != "monetary" and all(end is None or float(end).is_integer() for end in (edge, following))
    if whole and dimension == "frequency" and most is not None:
        most -= 1
    unit = " days" if dimension == "recency" else ""
    if any(end is not None and math.isinf(end) for end in (least, most)):
        return "never reached" if edge is not None and math.isinf(edge) else f"{number(edge)} or more{unit}"
    if least is None:
        return f"{'up to' if whole else 'below'} {number(most)}{unit}"
    if most is None:
        return f"{number(least)} or more{unit}"
    if whole and least == most:
        return f"{number(least)}{unit}"
    return f"{number(least)} to {'' if whole else 'below '}{number(most)}{unit}"


def learn(
    customers: pd.DataFrame,
    *,
    bins: int = 5,
    method: str = "quantile",
    edges: Mapping[str, Sequence[float]] | None = None,
) -> Cuts:
    """Learn cut-points from customers with at least one purchase.

    Parameters
    ----------
    customers : DataFrame
        With the columns ``recency_days``, ``frequency`` and ``monetary``.
    bins : int
        Classes per dimension, from 2 to 9.
    method : {"quantile", "fixed", "custom", "nested"}
        - ``quantile``: classes of as equal a number of customers as the values allow. Equal values are never split:
          from the worst value up, each class takes the values that bring it closest to an equal share of the customers
          left. So a class that one frequent value fills is larger, and the others share the rest.
        - ``fixed``: classes of equal width from the smallest to the largest value.
        - ``custom``: the edges given.
        - ``nested`` (Hughes 1994): quantiles of recency, of frequency within each recency class, of monetary within
          each of those. In a group with fewer distinct values than bins each value takes the class of its mid-rank.
    edges : mapping of str to sequence of float, optional
        For ``custom``: recency (days), frequency and monetary, each with `bins` - 1 ascending numbers.

    Returns
    -------
    Cuts
        Where a dimension has fewer distinct values than classes, empty ones that say so in ``why``.

    Raises
    ------
    UsageError
        If a parameter is not understood.

    References
    ----------
    Hughes, A. M. (1994). Strategic Database Marketing. Probus.
    """
    if method not in METHODS:
        raise UsageError(f"rfm: method must be one of {', '.join(METHODS)}, not {method!r}.")
    if method == "custom":
        return _custom(edges)
    if edges is not None:
        raise UsageError(f"rfm: edges are for method='custom', not for method={method!r}.")
    if not isinstance(bins, int | np.integer) or not 2 <= bins <= 9:
        raise UsageError(f"rfm: bins must be a whole number from 2 to 9, not {bins!r}.")
    learned: dict[str, dict[str, Edges]] = {}
    values = {dimension: _goodness(dimension, customers[column]) for dimension, column in DIMENSIONS.items()}
    for dimension, column in DIMENSIONS.items():
        distinct = len(np.unique(values[dimension]))
        if distinct < bins:
            if distinct == 1:
                what = f"the same value, {number(customers[column].iloc[0])}, for every customer; score more customers"
            else:
                what = f"{distinct} distinct values, too few for {bins} classes (equal values are never split)"
                what += "; ask for fewer bins"
            return Cuts(int(bins), method, {}, f"{column} has {what}, or give edges with method='custom'")
        find = _fixed if method == "fixed" else _quantile
        learned[dimension] = {"": _unit(dimension, find(values[dimension], bins))}
    if method == "nested":
        _nest(values, learned, bins)
    return Cuts(int(bins), method, learned)


def _goodness(dimension: str, values: pd.Series | Sequence[float]) -> np.ndarray:
    """Values turned so that more is better."""
    numbers = np.asarray(values, dtype="float64")
    return -numbers if dimension == "recency" else numbers


def _unit(dimension: str, edges: np.ndarray) -> Edges:
    # Adding zero turns a negative zero into zero.
    return tuple(float(edge) + 0.0 for edge in (-edges if dimension == "recency" else edges))


def _unreached(dimension: str) -> float:
    return -math.inf if dimension == "recency" else math.inf


def _assign(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    return 1 + np.searchsorted(edges, values, side="right")


def _quantile(values: np.ndarray, bins: int) -> np.ndarray:
    distinct, counts = np.unique(values, return_counts=True)
    reached = np.concatenate([[0], np.cumsum(counts)])
    start, edges = 0, []
    for left in range(bins, 1, -1):
        target = reached[start] + (reached[-1] - reached[start]) / left
        # One value at least for this class, and one for each class still to come.
        ends = np.arange(start + 1, len(distinct) - left + 2)
        start = int(ends[np.argmin(np.abs(reached[ends] - target))])
        edges.append(distinct[start])
    return np.array(edges)


def _fixed(values: np.ndarray, bins: int) -> np.ndarray:
    return np.linspace(values.min(), values.max(), bins + 1)[1:-1]


def _by_rank(values: np.ndarray, bins: int) -> np.ndarray:
    """Edges for a group with few distinct values: each takes the class of its mid-rank."""
    distinct, counts = np.unique(values, return_counts=True)
    middle = (np.cumsum(counts) - counts / 2) / counts.sum()
    classes = np.minimum(bins, 1 + np.floor(bins * middle)).astype(int)
    edges = [distinct[np.argmax(classes >= level)] if classes[-1] >= level else np.inf for level in range(2, bins + 1)]
    return np.array(edges, dtype="float64")


def _nest(values: Mapping[str, np.ndarray], learned: dict[str, dict[str, Edges]], bins: int) -> None:
    group = np.full(len(values["recency"]), "", dtype=object)
    for dimension, numbers in values.items():
        scores = np.empty(len(numbers), dtype=int)
        for name in np.unique(group):
            inside = group == name
            if name == "":
                edges = _goodness(dimension, learned[dimension][""])
            else:
                enough = len(np.unique(numbers[inside])) >= bins
                edges = (_quantile if enough else _by_rank)(numbers[inside], bins)
                learned[dimension][str(name)] = _unit(dimension, edges)
            scores[inside] = _assign(numbers[inside], edges)
        group = np.array([f"{before}{score}" for before, score in zip(group, scores, strict=True)], dtype=object)


def _custom(edges: Mapping[str, Sequence[float]] | None) -> Cuts:
    example = "edges={'recency': [30, 90], 'frequency': [2, 5], 'monetary': [50, 200]}"
    if edges is None or set(edges) != set(DIMENSIONS):
        raise UsageError(f"rfm: method='custom' needs edges for recency, frequency and monetary, such as {example}.")
    lengths = {len(values) for values in edges.values()}
    if len(lengths) != 1 or 0 in lengths:
        raise UsageError(f"rfm: give each dimension the same number of edges (classes less one), such as {example}.")
    if max(lengths) > 8:
        raise UsageError(f"rfm: give at most 8 edges (9 classes), not {max(lengths)}.")
    for dimension, values in edges.items():
        if not all(math.isfinite(value) for value in values):
            raise UsageError(f"rfm: the edges of {dimension} must be finite numbers, not {list(values)}.")
        if not all(low < high for low, high in zip(values, list(values)[1:], strict=False)):
            raise UsageError(f"rfm: the edges of {dimension} must ascend, not {list(values)}.")
    turned = {
        dimension: {"": tuple(float(edge) for edge in (reversed(values) if dimension == "recency" else values))}
        for dimension, values in ((name, list(edges[name])) for name in DIMENSIONS)
    }
    return Cuts(lengths.pop() + 1, "custom", turned)
