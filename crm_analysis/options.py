"""Options: what a caller chooses and the tables that are given, checked before anything is computed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from numbers import Integral, Real
from typing import Any

import pandas as pd

from crm_analysis.errors import UsageError
from crm_analysis.table import listed


def whole(value: Any, name: str, *, caller: str, least: int = 0) -> int:
    """Return a whole number; UsageError if it is none, or below `least`."""
    # A bool is a whole number in Python and never one that is meant.
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise UsageError(f"{caller}: {name} must be a whole number, {least} or more, not {value!r}.")
    return int(value)


def is_number(value: Any) -> bool:
    """Whether a caller gave a finite number; texts, missing values and yes or no are none."""
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def within(value: Any, name: str, *, caller: str, low: float = 0.0, high: float, above: bool = True) -> float:
    """Return a number from `low` to `high`; UsageError if it is none or outside.

    With `above`, `low` itself is too little.
    """
    if not is_number(value) or not (low < value if above else low <= value) or value > high:
        ends = ["a number"] if math.isinf(low) else [f"above {low:g}" if above else f"{low:g} or more"]
        ends += [] if math.isinf(high) else [f"at most {high:g}"]
        raise UsageError(f"{caller}: {name} must be {' and '.join(ends)}, not {value!r}.")
    return float(value)


def mapping(value: Any, name: str, *, caller: str, example: str) -> Mapping[Any, Any]:
    """Return a mapping; UsageError if it is none."""
    if not isinstance(value, Mapping):
        raise UsageError(f"{caller}: {name} must be a mapping such as {example}, not {value!r}.")
    return value


def day(value: date | str, name: str, *, caller: str) -> pd.Timestamp:
    """Return a day, in no time zone; UsageError if it is none."""
    try:
        # A number would be taken as nanoseconds since 1970.
        found = pd.NaT if isinstance(value, Real) else pd.Timestamp(value)
        if pd.isna(found):
            raise ValueError
        return found.tz_localize(None).normalize()
    except (TypeError, ValueError):
        raise UsageError(f"{caller}: {name} must be a date such as 2025-06-30, not {value!r}.") from None


def dated(table: Any, name: str, *columns: str, caller: str) -> pd.DataFrame:
    """Return a table with the times of its column ``time`` in no time zone; UsageError if it lacks its columns."""
    needed = [*columns, "time"]
    if not isinstance(table, pd.DataFrame):
        raise UsageError(f"{caller}: {name} must be a pandas DataFrame, not {type(table).__name__}.")
    absent = [column for column in needed if column not in table.columns]
    if absent:
        raise UsageError(f"{caller}: {name} has no column {absent[0]!r}; it needs {listed(needed)}.")
    times = table["time"]
    try:
        # A number would be taken as nanoseconds since 1970, and 03/04/2024 as a day in March or in April.
        if pd.api.types.is_numeric_dtype(times.dtype) and times.notna().any():
            raise TypeError
        return table.assign(time=pd.to_datetime(times, format="ISO8601").dt.tz_localize(None))
    except (TypeError, ValueError, AttributeError):
        raise UsageError(f"{caller}: the times of {name} are no dates; give dates such as 2025-06-30.") from None
