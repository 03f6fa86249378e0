"""Flows: at the end of each quarter or year, the customers kept, won, returned and lost since the year before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import ibis
import pandas as pd

from crm_analysis.proportion import share
from crm_analysis.study.reports import periods
from crm_analysis.study.reports.change import Span

EVERY = ("quarter", "year")
"""How often flows are counted."""

COUNTS = ("kept", "returning", "new", "lost")
"""The four flows, as columns."""


def ends(span: Span, *, every: str, window_days: int) -> list[date]:
    """Return the ends of periods at which the log covers two whole windows, in order."""
    found, day = [], periods.end(date(span.first.year, 1, 1), every)
    while day <= span.last:
        if span.covers(day - timedelta(days=2 * window_days - 1), day):
            found.append(day)
        day = periods.end(day + timedelta(days=1), every)
    return found


def count(lines: ibis.Table, days: Sequence[date], window_days: int) -> ibis.Table:
    """Write the number of customers in each flow at each day as one ibis expression.

    Parameters
    ----------
    lines : ibis.Table
        Order lines.
    days : sequence of date
        Ends of windows, not empty.
    window_days : int
        Length of a window in days.

    Returns
    -------
    ibis.Table
        One row; columns ``kept_0``, ``returning_0``, ``new_0``, ``lost_0`` for the first day, and so on.
    """
    bought = lines.filter(lines.amount >= 0)
    d = bought.select("customer_id", day=bought.time.date()).distinct()
    seen: dict[str, Any] = {"first": d.day.min()}
    for i, end in enumerate(days):
        middle, start = (ibis.literal(end - timedelta(days=times * window_days)) for times in (1, 2))
        seen[f"now_{i}"] = ((d.day > middle) & (d.day <= ibis.literal(end))).ifelse(1, 0).max()
        seen[f"then_{i}"] = ((d.day > start) & (d.day <= middle)).ifelse(1, 0).max()
    c = d.group_by("customer_id").aggregate(**seen)
    counted: dict[str, Any] = {}
    for i, end in enumerate(days):
        now, then = c[f"now_{i}"] == 1, c[f"then_{i}"] == 1
        new = c["first"] > ibis.literal(end - timedelta(days=window_days))
        flows = {"kept": now & then, "returning": now & ~then & ~new, "new": now & new, "lost": then & ~now}
        counted |= {f"{flow}_{i}": inside.ifelse(1, 0).sum() for flow, inside in flows.items()}
    return c.aggregate(**counted)


def summarise(lines: ibis.Table, span: Span, *, every: str, window_days: int) -> pd.DataFrame:
    """Return one row per end of a period, in order; its columns are described in `market.MarketResult`."""
    days = ends(span, every=every, window_days=window_days)
    names = ["kept_share", "lost_share", "new_share", "returning_share"]
    if not days:
        columns = ["end", "customers", "customers_before", *COUNTS, *names]
        return pd.DataFrame(columns=columns).astype(dict.fromkeys(columns[1:], "float64"))
    counted = count(lines, days, window_days).to_pandas().iloc[0]
    rows = []
    for i, day in enumerate(days):
        flow = {name: int(counted[f"{name}_{i}"]) for name in COUNTS}
        now, then = flow["kept"] + flow["returning"] + flow["new"], flow["kept"] + flow["lost"]
        row = {"end": pd.Timestamp(day), "customers": now, "customers_before": then, **flow}
        for name, whole in zip(names, (then, then, now, now), strict=True):
            part = flow[name.removesuffix("_share")]
            row |= dict(zip((name, f"{name}_low", f"{name}_high"), share(part, whole), strict=True))
        rows.append(row)
    return pd.DataFrame(rows)
