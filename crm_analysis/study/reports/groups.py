"""Groups: the last year's sales by category, channel or region, with shares and the change against the year before."""

from __future__ import annotations

from datetime import date

import ibis
import numpy as np
import pandas as pd

from crm_analysis.study.customer360 import YEAR_DAYS
from crm_analysis.study.reports.change import UNKNOWN, Span, change_percent, ratio, sums, windows

BY = ("category", "channel", "region")
"""What sales are divided by: the category of the order line, channel and region of the customer."""


def column(lines: ibis.Table, customers: ibis.Table | None, by: str) -> ibis.Table | None:
    """Add a column ``group``: the line's category, or its customer's channel or region; nothing if there is none."""
    if by == "category" and by in lines.columns:
        found = lines.rename(group=by)
    elif by != "category" and customers is not None and by in customers.columns:
        known = customers.select("customer_id", group=customers[by])
        found = lines.join(known, "customer_id", how="left", rname="{name}_right").drop("customer_id_right")
    else:
        return None
    return found.mutate(group=found.group.cast("string").nullif("").fill_null(UNKNOWN))


def by_customer(lines: ibis.Table, last: date) -> ibis.Table:
    """Sum each customer's revenue by group in the last 365 days and the 365 before; ``whole`` is over all groups."""
    recent, before = windows(lines.time.date(), last, YEAR_DAYS)
    within = lines.filter(recent | before)
    recent, before = windows(within.time.date(), last, YEAR_DAYS)
    c = within.group_by("customer_id", "group").aggregate(
        now=recent.ifelse(within.amount, None).sum(), then=before.ifelse(within.amount, None).sum()
    )
    wholes = c.group_by("customer_id").aggregate(whole=c.now.sum())
    return c.join(wholes, "customer_id", rname="{name}_right")


def totals(c: ibis.Table) -> ibis.Table:
    """Sum the rows of `by_customer` by group: totals, squares and products, in order."""
    return c.group_by("group").aggregate(**sums(c, ("now", "then", "whole"))).order_by("group")


def all_in_one(c: ibis.Table) -> ibis.Table:
    """Sum the rows of `by_customer` over all groups: the whole, its squares and the customers."""
    each = c.group_by("customer_id").aggregate(whole=c.now.sum())
    return each.aggregate(**sums(each, ("whole",)))


def summarise(lines: ibis.Table, customers: ibis.Table | None, span: Span) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the groups of all divisions, the largest first, and the divisions that no table has a column for.

    Parameters
    ----------
    lines : ibis.Table
        Order lines through the span's last day.
    customers : ibis.Table, optional
        The customers table. Customers who are not in it, and lines without a category, form the group ``unknown``.
    span : Span
        The days the log covers. Changes are missing where it is shorter than two years of 365 days.

    Returns
    -------
    tuple of (DataFrame, tuple of str)
        Columns are described in `sales.SalesResult`.
    """
    compared = span.days + span.slack_days >= 2 * YEAR_DAYS
    parts = [_division(lines.mutate(group=ibis.literal("all")), "all", span.last, compared)]
    absent = []
    for by in BY:
        divided = column(lines, customers, by)
        if divided is None:
            absent.append(by)
        else:
            parts.append(_division(divided, by, span.last, compared))
    held = [part for part in parts if len(part)]
    return pd.concat(held, ignore_index=True) if held else parts[0], tuple(absent)


def _division(lines: ibis.Table, by: str, last: date, compared: bool) -> pd.DataFrame:
    c = by_customer(lines, last)
    found = totals(c).to_pandas()
    whole = all_in_one(c).to_pandas().iloc[0]
    shares = found.assign(units=whole["units"], whole=whole["whole"], whole_x_whole=whole["whole_x_whole"])
    table = pd.DataFrame({"by": by, "group": found["group"], "revenue": found["now"], "revenue_before": found["then"]})
    share = ratio(shares, "now", "whole", name="revenue_share")
    # Rounding may leave the ends of a share of everything beside 0 and 1; returns may leave the share itself outside.
    inside = share["revenue_share"].between(0, 1)
    table = table.join(share.where(~inside, share.clip(0, 1)))
    change = change_percent(found, "now", "then", name="change_percent")
    strict = change_percent(found, "now", "then", level=1 - 0.05 / max(len(found), 1), name="change_percent")
    if not compared:
        change, strict = change * float("nan"), strict * float("nan")
        table["revenue_before"] = float("nan")
    clear = (strict["change_percent_low"] > 0) | (strict["change_percent_high"] < 0)
    # Nothing sold now: were either year as likely, none of n customers would be now's with the chance 2^(1 - n).
    gone = (change["change_percent"] == -100) & (found["units"] > 1 + np.log2(max(len(found), 1) / 0.05))
    clear |= gone
    table = table.join(change).assign(clear=clear)
    return table.sort_values(["revenue", "group"], ascending=[False, True], ignore_index=True)
