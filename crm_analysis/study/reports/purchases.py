"""Repeat purchases by customer, what the models of lifetime value learn from, aggregated where the data lie."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd

from crm_analysis import repeats
from crm_analysis.errors import DataError

if TYPE_CHECKING:
    import ibis

_MONEY = "decimal(38, 4)"


def summarise(lines: ibis.Table, *, as_of: date, unit: str = "week") -> pd.DataFrame:
    """Count each customer's repeat purchases in the engine; a day with purchases counts once.

    Parameters
    ----------
    lines : ibis.Table
        The order lines.
    as_of : date
        What is known through the end of this day counts.
    unit : {"day", "week", "month", "year"}
        Of recency and age; a month is a twelfth of 365.25 days.

    Returns
    -------
    DataFrame
        One row per customer with a purchase (an amount of zero or more), ordered by ``customer_id``, with the columns
        of `clv.summarise`: frequency, recency, age, monetary. ``attrs`` hold ``as_of`` and ``unit``.

    Raises
    ------
    UsageError
        If `unit` is not understood.
    DataError
        If nobody bought by then.
    """
    repeats.check_unit(unit, caller="repeat_purchases")
    after = datetime.combine(as_of + timedelta(days=1), datetime.min.time())
    bought = lines.filter((lines.amount >= 0) & (lines.time < after))
    d = bought.group_by("customer_id", day=bought.time.date()).aggregate(spend=bought.amount.sum())
    c = d.group_by("customer_id").aggregate(
        first=d.day.min(), last=d.day.max(), days=d.count(), whole=d.spend.sum(), before=d.spend.argmin(d.day)
    )
    repeat = (c.whole.cast(_MONEY) - c.before.cast(_MONEY)).cast("float64")
    found = c.select("customer_id", "first", "last", "days", repeat=repeat)
    rows = found.order_by("customer_id").to_pandas()
    if rows.empty:
        raise DataError(f"repeat_purchases: nobody bought by {as_of}; choose a later as_of.")
    dates = {name: pd.to_datetime(rows[name]) for name in ("first", "last")}
    return repeats.in_units(rows.assign(**dates), end=pd.Timestamp(as_of), unit=unit)
