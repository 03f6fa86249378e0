"""Order log: lines whose times are days and whose amounts are numbers, or a sentence that says which are not."""

from __future__ import annotations

import numpy as np
import pandas as pd

from crm_analysis.errors import DataError

_CURE = "or make a study of the file (crm-analysis init), which reads most forms"


def readable(transactions: pd.DataFrame, *, caller: str) -> pd.DataFrame:
    """Return order lines with times and amounts that can be reckoned with.

    Parameters
    ----------
    transactions : DataFrame
        ``time`` and, where they are there, ``amount`` and ``margin``. Times may be text such as ``2025-06-30 12:00``;
        other forms, which may put the month first or the day, are not guessed.
    caller : str
        Who asks, for messages.

    Returns
    -------
    DataFrame
        The same rows; times as dates, amounts as float64.

    Raises
    ------
    DataError
        If a time or an amount is not understood.
    """
    found = {"time": dates(transactions["time"], "times", caller=caller)}
    for name in ("amount", "margin"):
        if name in transactions.columns:
            found[name] = _numbers(transactions[name], caller=caller)
    return transactions.assign(**found)


def dates(given: pd.Series, name: str, *, caller: str) -> pd.Series:
    """Return dates in no time zone: a day is the day where the customer bought; DataError if one is not understood."""
    if not pd.api.types.is_datetime64_any_dtype(given.dtype):
        # A number such as 19970101 would be taken as nanoseconds since 1970.
        text = given.mask(given.notna(), pd.NaT) if pd.api.types.is_numeric_dtype(given.dtype) else given
        try:
            read = pd.to_datetime(text, format="ISO8601", errors="coerce")
        except ValueError:
            raise DataError(
                f"{caller}: {name} are of several time zones; bring them to one by pandas.to_datetime(..., utc=True) "
                f"and tz_convert, {_CURE}."
            ) from None
        unread = given.notna() & read.isna()
        if unread.any():
            first = given[unread].astype("object").iloc[0]
            raise DataError(
                f"{caller}: {name} must be dates or text such as '2025-06-30', not {first!r}; use pandas.to_datetime "
                f"with its format, {_CURE}."
            )
        given = read
    return given.dt.tz_localize(None)


def _numbers(values: pd.Series, *, caller: str) -> pd.Series:
    try:
        # pandas' NA in a column of objects is no number, as a NaN is.
        return values.where(values.notna(), np.nan).astype("float64")
    except (TypeError, ValueError):
        unread = values.notna() & pd.to_numeric(values.astype("object"), errors="coerce").isna()
        first = values[unread if unread.any() else values.notna()].iloc[0]
        raise DataError(
            f"{caller}: {values.name} must be numbers, not {first!r}; give read_csv the file's "
            f"decimal and thousands, {_CURE}."
        ) from None
