"""Repeats: repeat purchases of customers in units of time, from days that pandas or the engine has counted."""

from __future__ import annotations

import pandas as pd

from crm_analysis.errors import UsageError

UNIT_DAYS = {"day": 1.0, "week": 7.0, "month": 365.25 / 12, "year": 365.25}
"""Days in each unit of time."""


def check_unit(unit: str, *, caller: str) -> None:
    """Raise a UsageError for a unit of time that is none."""
    if unit not in UNIT_DAYS:
        raise UsageError(f"{caller}: unit must be one of {', '.join(UNIT_DAYS)}, not {unit!r}.")


def in_units(found: pd.DataFrame, *, end: pd.Timestamp, unit: str) -> pd.DataFrame:
    """Turn days into units of time.

    Parameters
    ----------
    found : DataFrame
        One row per customer: ``customer_id``, ``first`` and ``last`` (days with a purchase), ``days`` (their number),
        ``repeat`` (spend on all of them but the first).
    end : Timestamp
        The last day that was looked at.
    unit : str
        One of `UNIT_DAYS`.

    Returns
    -------
    DataFrame
        customer_id, ``frequency``, ``recency``, ``age``, ``monetary``; `clv.summarise` says what they are.
    """
    unit_days, frequency = UNIT_DAYS[unit], found["days"].astype("int64") - 1
    summary = pd.DataFrame(
        {
            "customer_id": found["customer_id"],
            "frequency": frequency,
            "recency": (found["last"] - found["first"]).dt.days / unit_days,
            "age": (end - found["first"]).dt.days / unit_days,
            "monetary": found["repeat"].astype("float64") / frequency.where(frequency > 0),
        }
    )
    summary.attrs = {"as_of": str(end.date()), "unit": unit}
    return summary
