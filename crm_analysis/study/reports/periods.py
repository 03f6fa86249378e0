"""Periods: sales by month, quarter or year, each against the period before and the same period a year earlier."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import ibis
import pandas as pd

from crm_analysis.study.reports.change import MONEY, Span, change_percent, ratio, sums, with_orders

PERIODS = {"month": 1, "quarter": 3, "year": 12}
"""Length of each period in months."""

_SUMMED = ("revenue", "bought", "returned", "margin", "margin_base", "orders")
_YEAR_MONTHS = 12


def name(start: Any, period: str, *, short: bool = False) -> str:
    """Write a period for a reader: ``March 2025`` (short ``2025-03``), ``2025 Q1``, ``2025``."""
    if period == "year":
        return f"{start:%Y}"
    if period == "quarter":
        return f"{start:%Y} Q{(start.month + 2) // 3}"
    return f"{start:%Y-%m}" if short else f"{start:%B %Y}"


def end(start: date, period: str) -> date:
    """Return the last day of the period that begins on a day."""
    months = start.year * 12 + start.month - 1 + PERIODS[period]
    return date(months // 12, months % 12 + 1, 1) - timedelta(days=1)


def by_customer(lines: ibis.Table, period: str) -> ibis.Table:
    """Write the sums of each customer in each period as an ibis expression.

    Parameters
    ----------
    lines : ibis.Table
        Order lines.
    period : str
        A name of `PERIODS`.

    Returns
    -------
    ibis.Table
        One row per customer and period with a line: customer_id, month (of the period's first day, counted from
        year 0), revenue (net of returns), bought, returned, orders, buyer (0 or 1) and, where the log has margins,
        margin and margin_base (revenue of the lines whose margin is known).
    """
    t = with_orders(lines)
    months = (t.time.year() * 12 + t.time.month() - 1).cast("int64")
    t = t.mutate(month=months - months % PERIODS[period], purchase=t.amount >= 0)
    totals = {
        "revenue": t.amount.sum(),
        "bought": t.purchase.ifelse(t.amount, None).sum(),
        "returned": t.purchase.ifelse(None, -t.amount).sum(),
        "buyer": t.purchase.ifelse(1, 0).max(),
    }
    if "margin" in t.columns:
        totals |= {"margin": t.margin.sum(), "margin_base": t.margin.notnull().ifelse(t.amount, None).sum()}
    c = t.group_by("customer_id", "month").aggregate(**totals)
    pairs = t.filter(t.purchase).select("customer_id", "month", "order_id", "order_day").distinct()
    orders = pairs.group_by("customer_id", "month").aggregate(orders=pairs.count())
    return c.join(orders, ["customer_id", "month"], how="left", rname="{name}_right").drop(
        "customer_id_right", "month_right"
    )


def totals(c: ibis.Table) -> ibis.Table:
    """Sum the rows of `by_customer` by period: totals, squares and products, in order."""
    names = [column for column in _SUMMED if column in c.columns]
    return c.group_by("month").aggregate(customers=c.buyer.sum(), **sums(c, names)).order_by("month")


def pairs(c: ibis.Table, months: int) -> ibis.Table:
    """Sum, by period, the products of each customer's revenue with that of so many months earlier, in order."""
    now = c.select("customer_id", "month", revenue=c.revenue.cast(MONEY))
    then = c.select("customer_id", month=c.month + months, earlier=c.revenue.cast(MONEY))
    both = now.join(then, ["customer_id", "month"])
    products = (both.revenue * both.earlier).sum().cast("float64")
    return both.group_by("month").aggregate(both=both.count(), product=products).order_by("month")


def summarise(lines: ibis.Table, span: Span, period: str) -> pd.DataFrame:
    """Return one row per period, in order; its columns are described in `sales.SalesResult`.

    Parameters
    ----------
    lines : ibis.Table
        Order lines through the span's last day.
    span : Span
        The days the log covers.
    period : str
        A name of `PERIODS`.

    Returns
    -------
    DataFrame
        A period without orders has a row of zeros. Only periods that the log covers whole are compared.
    """
    c = by_customer(lines, period)
    found = totals(c).to_pandas().set_index("month")
    step = PERIODS[period]
    every = range(_first_month(span.first, step), _first_month(span.last, step) + 1, step)
    found = found.reindex(sorted({*every, *found.index}), fill_value=0.0)
    starts = [date(month // 12, month % 12 + 1, 1) for month in found.index]
    finished = pd.Series([span.covers(start, end(start, period)) for start in starts], index=found.index)
    table = pd.DataFrame({"start": pd.to_datetime(starts), "finished": finished}, index=found.index)
    table["revenue"], table["returns"] = found["revenue"], found["returned"]
    table[["orders", "customers"]] = found[["orders", "customers"]].astype("int64")
    table = table.join(ratio(found, "bought", "orders", name="mean_order_value"))
    table = table.join(ratio(found, "returned", "bought", name="returns_share"))
    if "margin" in found.columns:
        table["margin"] = found["margin"]
        table = table.join(ratio(found, "margin", "margin_base", name="margin_share"))
    table = table.join(_change(found, finished, c, step, "change_percent"))
    if step < _YEAR_MONTHS:
        earlier = found["revenue"].where(finished).reindex(found.index - _YEAR_MONTHS).to_numpy()
        table["year_before"] = pd.Series(earlier, found.index).where(finished)
        table = table.join(_change(found, finished, c, _YEAR_MONTHS, "year_change_percent"))
    return table.reset_index(drop=True)


def _change(found: pd.DataFrame, finished: pd.Series, c: ibis.Table, months: int, label: str) -> pd.DataFrame:
    """Compare each period with the one so many months earlier, where the log covers both whole."""
    joint = pairs(c, months).to_pandas().set_index("month").reindex(found.index, fill_value=0)
    then = found.reindex(found.index - months).set_index(found.index)
    whole = finished & pd.Series(finished.reindex(found.index - months, fill_value=False).to_numpy(), found.index)
    both = pd.DataFrame(
        {
            "units": found["units"] + then["units"] - joint["both"],
            "now": found["revenue"],
            "then": then["revenue"],
            "now_x_now": found["revenue_x_revenue"],
            "now_x_then": joint["product"],
            "then_x_then": then["revenue_x_revenue"],
        }
    )
    return change_percent(both[whole], "now", "then", name=label).reindex(found.index)


def _first_month(day: date, step: int) -> int:
    month = day.year * 12 + day.month - 1
    return month - month % step
