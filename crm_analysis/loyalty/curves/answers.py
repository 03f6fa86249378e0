"""Answers: what was asked and what was done, brought together by customer and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from crm_analysis.errors import UsageError

_SHORT_SCALE = 10.0
_RESCALE = "rescale it, for answers from 1 to 10 as (answer - 1) / 9 * 100"


@dataclass(frozen=True, eq=False)
class Answers:
    """Customers whose satisfaction and behaviour are both known.

    Attributes
    ----------
    rows : DataFrame
        Indexed by customer_id: ``satisfaction`` (0-100), ``behaviour`` (0-1) and what else is known of them, missing
        where it is not.
    satisfaction, behaviour : Series
        Everything that was given, for customers outside `rows` too.
    behaviour_name : hashable
        What the Series of behaviour was called.
    """

    rows: pd.DataFrame
    satisfaction: pd.Series
    behaviour: pd.Series
    behaviour_name: Any = None


def join(satisfaction: Any, behaviour: Any, others: Mapping[str, Any], *, caller: str = "trap") -> Answers:
    """Bring Series together by their index, the customer_id.

    Parameters
    ----------
    satisfaction : Series
        0-100.
    behaviour : Series
        0 or 1, or between: what was done.
    others : mapping of str to Series or None
        Numbers by name; None is left out.
    caller : str
        For messages.

    Returns
    -------
    Answers

    Raises
    ------
    UsageError
        If something is no Series, not numeric, has a customer twice, or lies outside its range.
    """
    felt = numbers(satisfaction, "satisfaction", caller=caller, highest=100.0)
    done = numbers(behaviour, "behaviour", caller=caller, highest=1.0)
    both = felt.dropna().index.intersection(done.dropna().index, sort=False)
    columns = {"satisfaction": felt.reindex(both), "behaviour": done.reindex(both)}
    columns |= {
        name: numbers(values, name, caller=caller).reindex(both)
        for name, values in others.items()
        if values is not None
    }
    rows = pd.DataFrame(columns, index=both)
    return Answers(rows.rename_axis("customer_id"), felt, done, behaviour.name)


def numbers(values: Any, name: str, *, caller: str, highest: float | None = None) -> pd.Series:
    """Check a Series indexed by customer and return it as floats; with `highest`, it must lie between 0 and that."""
    known = indexed(values, name, caller=caller)
    dates = pd.api.types.is_datetime64_any_dtype(known.dtype) or pd.api.types.is_timedelta64_dtype(known.dtype)
    try:
        if dates or pd.api.types.is_complex_dtype(known.dtype):
            raise TypeError
        real = pd.Series(known.to_numpy("float64", na_value=np.nan), index=known.index, name=name)
    except (TypeError, ValueError):
        raise UsageError(f"{caller}: {name} is not numeric; give numbers where more is better.") from None
    endless = int(np.isinf(real).sum())
    if endless:
        raise UsageError(f"{caller}: {name} is infinite for {endless:,} of {len(real):,} customers; make them missing.")
    if highest is not None:
        outside = real[(real < 0) | (real > highest)]
        if len(outside):
            cure = _RESCALE if highest > 1 else "give 0 and 1, or a share of what was possible"
            raise UsageError(
                f"{caller}: {name} must lie between 0 and {highest:g}, but {len(outside):,} of {len(real):,} values do "
                f"not, the first is {outside.iloc[0]:g}; {cure}."
            )
        # A whole sample in the lowest tenth of the scale is one of another scale.
        if highest > 1 and 0 < real.max() <= _SHORT_SCALE and real.min() < real.max():
            raise UsageError(
                f"{caller}: {name} must be on a scale from 0 to {highest:g}, but its highest value is {real.max():g}; "
                f"{_RESCALE}."
            )
    return real


def positive(values: Any, name: str, *, caller: str) -> None:
    """Refuse numbers by customer, if there are any, of which one is zero or negative."""
    known = pd.Series(dtype="float64") if values is None else numbers(values, name, caller=caller).dropna()
    wrong = known[known <= 0]
    if len(wrong):
        raise UsageError(
            f"{caller}: {name} must be positive, but {len(wrong):,} of {len(known):,} are not, the first is "
            f"{wrong.iloc[0]:g}; mend them, or leave these customers out."
        )


def indexed(values: Any, name: str, *, caller: str) -> pd.Series:
    """Check that values are a Series with one entry per customer."""
    if not isinstance(values, pd.Series):
        raise UsageError(
            f"{caller}: {name} must be a pandas Series indexed by customer_id, not {type(values).__name__}."
        )
    if isinstance(values.index, pd.MultiIndex):
        raise UsageError(
            f"{caller}: {name} is indexed by {values.index.nlevels} levels; index it by customer_id alone."
        )
    twice = values.index[values.index.duplicated()]
    if len(twice):
        raise UsageError(
            f"{caller}: {name} has customer {twice[0]!r} twice; give one value per customer, such as that of one wave."
        )
    return values


def grouped(values: Any, index: pd.Index, *, caller: str = "trap") -> pd.DataFrame:
    """Return groupings (a Series, a frame of several, or None) as a frame of texts for these customers."""
    if values is None:
        return pd.DataFrame(index=index)
    frame = values if isinstance(values, pd.DataFrame) else None
    if frame is None:
        series = indexed(values, "groups", caller=caller)
        frame = series.to_frame(series.name or "group")
    for column in frame:
        indexed(frame[column], f"groups {column!r}", caller=caller)
    return frame.reindex(index).astype("object")


def levels(values: pd.Series, *, most: int = 5) -> pd.Series:
    """Name the level of each value for curves by group; numbers with many levels are cut at their terciles."""
    known = values.dropna()
    if not pd.api.types.is_numeric_dtype(values.dtype) or known.nunique() <= most:
        return values.map(_written, na_action="ignore").astype("object")
    cuts = np.unique(np.quantile(known, [1 / 3, 2 / 3]))
    names = np.array(["low", "middle", "high"] if len(cuts) == 2 else ["low", "high"], dtype="object")
    found = pd.Series(names[np.searchsorted(cuts, values.fillna(cuts[0]), side="left")], index=values.index)
    return found.where(values.notna()).astype("object")


def _written(value: Any) -> str:
    return f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
