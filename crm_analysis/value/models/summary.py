"""Summary: how often each customer bought again, how recently, for how long observed; and what came afterwards."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from crm_analysis import repeats
from crm_analysis.errors import DataError, UsageError
from crm_analysis.value.orderlog import readable


def summarise(transactions: pd.DataFrame, *, as_of: str | date | None = None, unit: str = "week") -> pd.DataFrame:
    """Summarise each customer's repeat purchases; a day with purchases counts once, whatever their number.

    Parameters
    ----------
    transactions : DataFrame
        ``customer_id``, ``time`` (dates, or text such as 2025-06-30) and ``amount``. Amounts below zero are returns:
        they are no purchases, and what they give back is not taken off the spend (`clv.value` takes a margin after
        returns).
    as_of : str or date, optional
        What is known through the end of this day counts; by default the day of the last row.
    unit : {"day", "week", "month", "year"}
        Of recency and age; a month is a twelfth of 365.25 days.

    Returns
    -------
    DataFrame
        One row per customer with a purchase, ordered by ``customer_id``: ``frequency`` (days with a purchase after the
        first such day), ``recency`` (time from the first to the last such day; 0 without repeat), ``age`` (time from
        the first to `as_of`), ``monetary`` (mean spend on the days of repeat purchases; missing without one). Its
        ``attrs`` hold ``as_of`` and ``unit``, for `clv.evaluate`.

    Raises
    ------
    UsageError
        If a column is missing, or `unit` or `as_of` is not understood.
    DataError
        If nobody bought by then, or a transaction lacks its customer, or a readable time or amount.

    Notes
    -----
    The first purchase in the log is taken for the customer's first one. Where the log begins in the middle of the
    firm's life, older customers seem to be new: leave them out with `from_the_start`, if it is known when they joined.

    References
    ----------
    Fader, P. S., Hardie, B. G. S. and Lee, K. L. (2005). "Counting your customers" the easy way: an alternative to the
    Pareto/NBD model. Marketing Science 24(2), 275-284.
    """
    days = _days(transactions, unit=unit, caller="summarise")
    end = _day(as_of, days["day"], caller="summarise")
    days = days[days["day"] <= end]
    if days.empty:
        raise DataError(f"summarise: nobody bought by {end.date()}; choose a later as_of.")
    first = days.groupby("customer_id")["day"].transform("min")
    by_customer = days.assign(repeat=days["spend"].where(days["day"] > first)).groupby("customer_id", sort=True)
    found = by_customer.agg(
        first=("day", "min"), last=("day", "max"), days=("day", "size"), repeat=("repeat", "sum")
    ).reset_index()
    return repeats.in_units(found, end=end, unit=unit)


def from_the_start(summary: pd.DataFrame, customers: pd.DataFrame) -> pd.DataFrame:
    """Leave out customers who joined before the log begins: their first purchase in it is not their first.

    A model learns from these how customers begin and leave; it can then be asked about all of them.

    Parameters
    ----------
    summary : DataFrame
        As `summarise` or `Study.repeat_purchases` gives it; the log begins with the earliest first purchase in it.
    customers : DataFrame
        By customer_id: ``joined``. Who has no such day stays, as do all where it is not known of anybody.

    Returns
    -------
    DataFrame
        Rows of `summary`, with its ``attrs``.

    Raises
    ------
    UsageError
        If the summary does not say its day and unit.
    """
    if not {"as_of", "unit"} <= set(summary.attrs):
        raise UsageError("from_the_start: the summary does not say its day and unit; make it with clv.summarise.")
    if not {"customer_id", "joined"} <= set(customers.columns):
        return summary
    first = customers.drop_duplicates("customer_id").set_index("customer_id")["joined"]
    joined = pd.to_datetime(summary["customer_id"].map(first)).dt.normalize()
    longest = pd.Timedelta(days=round(summary["age"].max() * repeats.UNIT_DAYS[summary.attrs["unit"]]))
    found = summary[~(joined < pd.Timestamp(summary.attrs["as_of"]) - longest)].reset_index(drop=True)
    found.attrs = dict(summary.attrs)
    return found


def holdout(
    transactions: pd.DataFrame, *, after: str | date, until: str | date | None = None, unit: str = "week"
) -> pd.DataFrame:
    """Count what customers bought after a day, for `clv.evaluate`.

    Parameters
    ----------
    transactions : DataFrame
        ``customer_id``, ``time`` and ``amount``; rows outside the window are left out.
    after, until : str or date
        The window: from the day after `after` through `until`, by default the day of the last row.
    unit : {"day", "week", "month", "year"}
        In which the window's length is told.

    Returns
    -------
    DataFrame
        One row per customer who bought in the window: customer_id, ``purchases`` (days with a purchase), ``spend``.
        Its ``attrs`` hold ``periods``, the window's length in units.

    Raises
    ------
    UsageError
        If a column is missing or a day or unit is not understood.
    DataError
        If the window is empty, or a transaction lacks its customer, or a readable time or amount.
    """
    days = _days(transactions, unit=unit, caller="holdout")
    start, end = (_day(day, days["day"], caller="holdout") for day in (after, until))
    if end <= start:
        raise DataError(f"holdout: the window ends on {end.date()}, not after {start.date()}; choose later days.")
    within = days[(days["day"] > start) & (days["day"] <= end)]
    bought = within.groupby("customer_id", sort=True).agg(purchases=("day", "size"), spend=("spend", "sum"))
    bought = bought.reset_index()
    bought.attrs = {"periods": (end - start).days / repeats.UNIT_DAYS[unit]}
    return bought


def _days(transactions: pd.DataFrame, *, unit: str, caller: str) -> pd.DataFrame:
    """Spend by customer and day with a purchase."""
    missing = [name for name in ("customer_id", "time", "amount") if name not in transactions.columns]
    if missing:
        raise UsageError(
            f"{caller}: the transactions have no column {missing[0]!r}; they need customer_id, time and amount."
        )
    repeats.check_unit(unit, caller=caller)
    lines = readable(transactions, caller=caller)
    wrong = {"customer_id": lines["customer_id"].isna(), "time": lines["time"].isna()}
    for column, bad in (wrong | {"amount": ~np.isfinite(lines["amount"])}).items():
        if bad.any():
            first = int(bad.to_numpy().argmax())
            raise DataError(
                f"{caller}: {_NEEDED[column]}; {int(bad.sum())} of {len(bad)} lack it, the first is row {first} "
                f"({transactions[column].iloc[first]}); mend or leave them out."
            )
    bought = lines.loc[lines["amount"] >= 0, ["customer_id", "time", "amount"]]
    day = bought["time"].dt.normalize().rename("day")
    amounts = bought["amount"].rename("spend")
    return amounts.groupby([bought["customer_id"], day]).sum().reset_index()


_NEEDED = {
    "customer_id": "every transaction needs a customer_id",
    "time": "every transaction needs a time",
    "amount": "every transaction needs a finite amount",
}


def _day(given: Any, days: pd.Series, *, caller: str) -> pd.Timestamp:
    """Return a day: the given one, or the last of the log."""
    if given is None or (isinstance(given, str) and not given):
        if days.empty:
            raise DataError(f"{caller}: there are no purchases; give transactions with amounts of zero or more.")
        return pd.Timestamp(days.max())
    try:
        day = pd.Timestamp(given)
    except (TypeError, ValueError):
        day = pd.NaT
    if pd.isna(day):
        raise UsageError(f'{caller}: a day must be written such as "2025-06-30", not {given!r}.')
    return day.tz_localize(None).normalize()
