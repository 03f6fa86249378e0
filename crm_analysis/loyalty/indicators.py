"""Indicators: columns of a customer frame, put on one scale from 0 to 100 on which more means more loyal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from crm_analysis import options
from crm_analysis.errors import UsageError

Ends = Mapping[str, tuple[float, float]]
"""Lowest and highest code of each column that has a stated scale, as `study.config.survey.items` gives them."""

# Scores of this package and shares have their ends by definition.
_OWN: dict[str, tuple[float, float]] = {"objective": (0, 100), "subjective": (0, 100), "discount_share": (0, 1)}
# A rate over fewer days says how young a customer is.
_LEAST_DAYS = 90


@dataclass(frozen=True, eq=False)
class Measured:
    """One indicator of all customers.

    Attributes
    ----------
    points : Series
        From 0 to 100, by customer_id; missing where less than half of its columns are known.
    columns : tuple of str
        The columns that were there.
    scale : str
        What was put on the scale: the ends of the answers, or ranks.
    reliability : float
        Cronbach's alpha of the columns; missing with fewer than two.
    """

    points: pd.Series
    columns: tuple[str, ...]
    scale: str
    reliability: float


def by_customer(frame: Any, *, caller: str, kind: type[pd.DataFrame] | type[pd.Series] = pd.DataFrame) -> Any:
    """Return a frame indexed by customer_id, from that column or as it is, or a Series as it is.

    UsageError if it is not of this `kind`, names a column twice, or a customer has two rows or no id.
    """
    if not isinstance(frame, kind):
        wanted = (
            "a pandas DataFrame with one row per customer"
            if kind is pd.DataFrame
            else "a pandas Series indexed by customer_id"
        )
        raise UsageError(f"{caller}: give {wanted}, not {type(frame).__name__}.")
    if isinstance(frame, pd.DataFrame):
        if frame.columns.has_duplicates:
            double = frame.columns[frame.columns.duplicated()][0]
            raise UsageError(f"{caller}: there are two columns {str(double)!r}; give each its own name.")
        frame = frame.set_index("customer_id") if "customer_id" in frame.columns else frame
    nameless = int(frame.index.isna().sum())
    if nameless:
        raise UsageError(f"{caller}: customer_id is missing in {nameless:,} of {len(frame):,} rows; leave them out.")
    if frame.index.has_duplicates:
        twice = frame.index[frame.index.duplicated()][0]
        raise UsageError(f"{caller}: customer_id {str(twice)!r} appears twice; give one row per customer.")
    return frame


def behaviour(customers: pd.DataFrame) -> pd.DataFrame:
    """Add what the customer view implies about loyal behaviour.

    Parameters
    ----------
    customers : DataFrame
        The customer view (`Study.customer360`).

    Returns
    -------
    DataFrame
        A copy with ``repeat_orders_per_year``, (orders - 1) / years since the first purchase, at least 90 days; and
        ``active_days``, from the first to the last purchase. Days since the first purchase alone would call loyal who
        bought once, long ago. Both are 0 without a purchase; columns that cannot be made are left out.
    """
    made = customers.copy()
    there = [name for name in ("frequency", "tenure_days", "recency_days") if name in customers.columns]
    known = {name: numbers(customers[name], name) for name in there}
    if {"frequency", "tenure_days"} <= set(known):
        years = known["tenure_days"].clip(lower=_LEAST_DAYS) / 365.25
        made["repeat_orders_per_year"] = ((known["frequency"] - 1).clip(lower=0) / years).fillna(0.0)
    if {"tenure_days", "recency_days"} <= set(known):
        made["active_days"] = (known["tenure_days"] - known["recency_days"]).fillna(0.0)
    return made


def measure(frame: pd.DataFrame, columns: Sequence[str], *, ends: Ends | None = None) -> Measured:
    """Put the columns of one indicator on a scale from 0 to 100 and average them.

    Parameters
    ----------
    frame : DataFrame
        One row per customer.
    columns : sequence of str
        Its columns; a leading ``-`` turns one round. Those that are not there are passed over.
    ends : mapping of str to (low, high), optional
        Columns with a scale.

    Returns
    -------
    Measured

    Notes
    -----
    A column with stated ends is stretched, 100 (x - low) / (high - low): the value then means the same in every wave
    and firm. Yes and no are 100 and 0. A column without ends, such as a number of orders, has no highest value but a
    long tail: it gets its percentile rank among the customers given, 100 (rank - 1/2) / n with mean ranks for ties, so
    that one very busy customer does not squeeze the others together. Ranks average 50 by construction and tell nothing
    about a change of all.
    """
    known = _OWN | dict(options.mapping(ends or {}, "ends", caller="indicators", example='{"trust": (1, 10)}'))
    there = [column for column in columns if column.lstrip("-") in frame.columns]
    parts = {column: _scaled(frame, column, known) for column in there}
    if not parts:
        return Measured(pd.Series(np.nan, index=frame.index, dtype="float64"), (), "not in this study", np.nan)
    together = pd.DataFrame(parts, index=frame.index)
    filled = together.notna().mean(axis=1)
    stretched = [known.get(column.lstrip("-")) or _yes_no(frame[column.lstrip("-")]) for column in there]
    spans = {f"{low:g}–{high:g}" for low, high in filter(None, stretched)}
    scale = " and ".join(sorted(spans) + ["rank"] * any(span is None for span in stretched))
    values = together.mean(axis=1).where(filled >= 0.5)
    return Measured(values, tuple(there), scale, alpha(together.to_numpy()))


def alpha(items: np.ndarray) -> float:
    """Return Cronbach's alpha of items (columns), from rows that have all; missing where it says nothing.

    k / (k - 1) (1 - sum of the items' variances / variance of their sum) (Cronbach 1951), never below zero.
    """
    complete = items[np.isfinite(items).all(axis=1)]
    k = items.shape[1]
    if k < 2 or len(complete) < 3:
        return float("nan")
    total = float(complete.sum(axis=1).var(ddof=1))
    if total <= 0:
        return float("nan")
    return max(0.0, k / (k - 1) * (1 - float(complete.var(axis=0, ddof=1).sum()) / total))


def _scaled(frame: pd.DataFrame, column: str, ends: Ends) -> pd.Series:
    name = column.lstrip("-")
    values = numbers(frame[name], name)
    span = ends.get(name) or _yes_no(frame[name])
    if span is None:
        scaled = 100 * (values.rank() - 0.5) / max(int(values.notna().sum()), 1)
    else:
        low, high = _ends(span, name)
        outside = values[(values < low) | (values > high)]
        if len(outside) and name not in _OWN:
            raise UsageError(
                f"indicators: {len(outside):,} of {values.notna().sum():,} answers to {name!r} lie outside {low:g} to "
                f"{high:g}, the first is {outside.iloc[0]:g}; state the ends of its scale, or mend the answers."
            )
        scaled = (100 * (values - low) / (high - low)).clip(0, 100)
    return 100 - scaled if column.startswith("-") else scaled


def numbers(values: pd.Series, name: str) -> pd.Series:
    """Return a column as floats; UsageError if it holds texts, dates or infinities, which would vanish in silence."""
    if pd.api.types.is_numeric_dtype(values.dtype):
        real = pd.Series(values.to_numpy("float64", na_value=np.nan), index=values.index)
    else:
        real = pd.to_numeric(values.astype("object"), errors="coerce").astype("float64")
    wrong = values[values.notna() & ~np.isfinite(real)]
    if len(wrong):
        raise UsageError(
            f"indicators: {len(wrong):,} of {values.notna().sum():,} values of {name!r} are no numbers, the first is "
            f"{str(wrong.iloc[0])!r}; give numbers, or yes and no."
        )
    return real


def _ends(span: Any, name: str) -> tuple[float, float]:
    ends = tuple(span) if isinstance(span, list | tuple) else ()
    if len(ends) != 2 or not all(options.is_number(end) for end in ends):
        raise UsageError(f"indicators: the ends of {name!r} must be two numbers, not {span!r}.")
    low, high = ends
    if not low < high:
        raise UsageError(f"indicators: the ends of {name!r} must be low and high, not {low:g} and {high:g}.")
    return low, high


def _yes_no(values: pd.Series) -> tuple[float, float] | None:
    kind = values.dropna()
    is_flag = pd.api.types.is_bool_dtype(values.dtype) or (
        len(kind) > 0 and kind.map(type).isin([bool, np.bool_]).all()
    )
    return (0.0, 1.0) if is_flag else None
