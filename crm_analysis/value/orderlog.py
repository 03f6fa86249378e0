"""Order log: lines whose times are days and whose amounts are numbers, or a sentence that says which are not."""

from __future__ import annotations

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
    found = {}
    time = transactions["time"]
    if not pd.api.types.is_datetime64_any_dtype(time.dtype):
        # A number such as 19970101 would be taken as nanoseconds since 1970.
        text = time.mask(time.notna(), pd.NaT) if pd.api.types.is_numeric_dtype(time.dtype) else time
        found["time"] = pd.to_datetime(text, format="ISO8601", errors="coerce")
        unread = time.notna() & found["time"].isna()
        if unread.any():
            first = time[unread].astype("object").iloc[0]
            raise DataError(
                f"{caller}: times must be dates or text such as '2025-06-30', not {first!r}; use pandas.to_datetime "
                f"with its format, {_CURE}."
            )
    for name in ("amount", "margin"):
        if name in transactions.columns:
            found[name] = _numbers(transactions[name], caller=caller)
    return transactions.assign(**found)


def _numbers(values: pd.Series, *, caller: str) -> pd.Series:
    try:
        return values.astype("float64")
    except (TypeError, ValueError):
        unread = values.notna() & pd.to_numeric(values, errors="coerce").isna()
        raise DataError(
            f"{caller}: {values.name} must be numbers, not {values[unread].iloc[0]!r}; give read_csv the file's "
            f"decimal and thousands, {_CURE}."
        ) from None
