"""Acquisition: customers won in the last year by channel, what they cost, and how many of them bought."""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import Any

import ibis
import pandas as pd

from crm_analysis.proportion import share, wilson
from crm_analysis.rhythm import has_ended
from crm_analysis.study.reports.change import MONEY, UNKNOWN, midnight_after, ratio, sums

ALL = "all"
"""Name of the row that holds all channels together."""


def won(customers: ibis.Table | None, lines: ibis.Table | None, last: date, window_days: int) -> ibis.Table | None:
    """Write one row per customer won in the window that ends with a day.

    Parameters
    ----------
    customers : ibis.Table, optional
        The customers table. Where it knows when customers joined, that day counts; otherwise the first purchase.
    lines : ibis.Table, optional
        Order lines.
    last : date
        Last day of the window; what was bought later is not seen.
    window_days : int
        Length of the window in days.

    Returns
    -------
    ibis.Table or None
        customer_id, channel, referred (0 or 1; missing if unknown), cost, bought (0 or 1; missing without orders).
        Nothing where no table says when customers were won.
    """
    bought = None
    if lines is not None:
        bought = lines.filter((lines.amount >= 0) & (lines.time < midnight_after(last)))
        bought = bought.group_by("customer_id").aggregate(first=bought.time.date().min())
    if customers is not None:
        used = ("customer_id", "joined", "channel", "referrer_id", "acquisition_cost")
        customers = customers.select(*(name for name in used if name in customers.columns))
    if customers is not None and "joined" in customers.columns:
        found = customers.mutate(day=customers.joined.date())
        if bought is not None:
            found = found.join(bought, "customer_id", how="left", rname="{name}_right").drop("customer_id_right")
    elif bought is not None:
        found = bought.mutate(day=bought["first"])
        if customers is not None:
            found = found.join(customers, "customer_id", how="left", rname="{name}_right").drop("customer_id_right")
    else:
        return None
    found = found.filter((found.day > ibis.literal(last - timedelta(days=window_days))) & (found.day <= last))
    there = set(found.columns)
    return found.select(
        "customer_id",
        channel=found.channel.nullif("").fill_null(UNKNOWN) if "channel" in there else ibis.literal(ALL),
        referred=found.referrer_id.notnull().ifelse(1, 0) if "referrer_id" in there else ibis.null("int64"),
        cost=found.acquisition_cost.cast(MONEY) if "acquisition_cost" in there else ibis.null(MONEY),
        bought=found["first"].notnull().ifelse(1, 0) if bought is not None else ibis.null("int64"),
    )


def is_stale(customers: ibis.Table, last: date, *, window_days: int) -> date | None:
    """Return the last day on which somebody joined, if the table looks as if it had not been kept since.

    It does if the silence since is too long for the rate of joining in the window before that day: see
    `rhythm.has_ended`.
    """
    days = customers.joined.date()
    known = customers.filter(days.notnull() & (days <= ibis.literal(last)))
    ends = known.joined.max().to_pandas()
    if pd.isna(ends):
        return None
    end = pd.Timestamp(ends).date()
    within = known.filter(known.joined.date() > ibis.literal(end - timedelta(days=window_days)))
    joined = int(within.count().to_pandas())
    came = pd.to_datetime(known.select(day=known.joined.date()).distinct().order_by("day").to_pandas()["day"])
    pause, silence = came.diff().max() / pd.Timedelta(days=1), (last - end).days
    ended = has_ended(events=joined, days=window_days, silence_days=silence, longest_pause_days=pause)
    return end if ended else None


def totals(found: ibis.Table) -> ibis.Table:
    """Sum the rows of `won` by channel, in order; costs over those whose cost is known."""
    priced = found.cost.notnull()
    c = found.mutate(priced=priced.ifelse(1, 0), priced_buyer=priced.ifelse(found.bought, 0), referral=found.referred)
    each = {"won": c.count(), "buyers": c.bought.sum(), "referred_won": c.referral.sum(), "priced_won": c.priced.sum()}
    return c.group_by("channel").aggregate(**each, **sums(c, ("cost", "priced", "priced_buyer"))).order_by("channel")


def summarise(
    customers: ibis.Table | None, lines: ibis.Table | None, last: date, *, window_days: int, compared: bool
) -> pd.DataFrame:
    """Return one row per channel, that of all first; its columns are described in `market.MarketResult`.

    The year before is seen as it was on its own last day, so that both years' customers had equal time to buy.
    """
    now, then = won(customers, lines, last, window_days), None
    if now is None:
        return pd.DataFrame({"channel": []})
    if compared:
        then = won(customers, lines, last - timedelta(days=window_days), window_days)
    parts = [
        _table(now.mutate(channel=ibis.literal(ALL)), None if then is None else then.mutate(channel=ibis.literal(ALL)))
    ]
    anybody = parts[0][["won", "won_before"]].sum(axis=1).iloc[0] > 0
    if anybody and customers is not None and "channel" in customers.columns:
        parts.append(_table(now, then).sort_values(["won", "channel"], ascending=[False, True]))
    return pd.concat([part for part in parts if len(part)], ignore_index=True)


def _table(now: Any, then: ibis.Table | None) -> pd.DataFrame:
    found = totals(now).to_pandas().set_index("channel")
    if then is not None:
        earlier = totals(then).to_pandas().set_index("channel")
        found = found.reindex(found.index.union(earlier.index))
        found["won_before"] = earlier["won"].reindex(found.index).fillna(0)
    else:
        found["won_before"] = math.nan
    if found.empty:
        # Nobody was won, which is a number too.
        found = found.reindex([ALL])
    found["won"] = found["won"].fillna(0)
    found.loc[found["won"] == 0, "buyers"] = 0
    known = found.assign(units=found["priced_won"].astype("float64"))
    table = found[["won", "won_before"]].astype("float64")
    for name, over in (("buyers", "buyers"), ("referred", "referred_won")):
        rows = [_share(part, whole) for part, whole in zip(found[over], found["won"], strict=True)]
        table[[f"{name}_share", f"{name}_share_low", f"{name}_share_high"]] = pd.DataFrame(rows, index=found.index)
    table.insert(2, "buyers", found["buyers"].astype("float64"))
    table = table.join(ratio(known, "cost", "priced", name="cost_per_customer"))
    table = table.join(ratio(known, "cost", "priced_buyer", name="cost_per_buyer"))
    changes = [change_of_counts(*pair) for pair in zip(table["won"], table["won_before"], strict=True)]
    names = ["change_percent", "change_percent_low", "change_percent_high"]
    table[names] = pd.DataFrame(changes, index=found.index, columns=names)
    return table.reset_index()


def _share(part: Any, whole: Any) -> tuple[float, float, float]:
    return share(0, 0) if pd.isna(part) else share(int(part), int(whole))


def change_of_counts(now: float, then: float) -> tuple[float, float, float]:
    """Return the change of a count of events in percent, with its 95 % interval.

    Parameters
    ----------
    now, then : float
        Numbers of events in two periods of equal length, such as customers won.

    Returns
    -------
    tuple of float
        100 (now / then - 1), lower and upper end; missing where `then` is zero or missing. Given the sum of two Poisson
        counts, the first is binomial with p = rate / (rate + rate before); Wilson's interval of p gives that of the
        ratio p / (1 - p).

    References
    ----------
    Przyborowski, J. and Wilenski, H. (1940). Homogeneity of results in testing samples from Poisson series.
    Biometrika 31, 313-323.
    """
    if pd.isna(then) or then == 0:
        return math.nan, math.nan, math.nan
    low, high = wilson(int(now), int(now + then))
    return 100 * (now / then - 1), 100 * (low / (1 - low) - 1), 100 * (high / (1 - high) - 1)
