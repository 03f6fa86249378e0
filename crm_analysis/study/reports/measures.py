"""Measures: the numbers of the seven P of customer analysis, each with its interval and where it is from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from typing import Any

import ibis
import pandas as pd

from crm_analysis.proportion import share
from crm_analysis.quantile import median
from crm_analysis.study.customer360 import YEAR_DAYS
from crm_analysis.study.reports import flows
from crm_analysis.study.reports.change import MONEY, Span, midnight_after, ratio, sums, windows

COLUMNS = ("p", "measure", "value", "value_low", "value_high", "unit", "source")

COUNTED = "counted"
"""Unit of what is counted: it has no interval."""

_FEW_VALUES = 12
_ATTRIBUTES = 3
_OWN = ("customer_id", "person_id", "referrer_id", "channel", "joined")


class Sheet:
    """The measures of one P, as they are written down.

    Parameters
    ----------
    p : str
        Name of the P, such as ``Persistency``.
    """

    def __init__(self, p: str):
        self.p = p
        self.rows: list[dict[str, Any]] = []

    def add(self, measure: str, found: Any, unit: str, source: str) -> None:
        """Write down a value, or a value with the two ends of its 95 % interval."""
        value, low, high = found if isinstance(found, tuple) else (found, math.nan, math.nan)
        row = (self.p, measure, float(value), float(low), float(high), unit, source)
        self.rows.append(dict(zip(COLUMNS, row, strict=True)))

    def share(self, measure: str, part: Any, whole: Any, unit: str, source: str) -> None:
        """Write down a share of customers in percent, with Wilson's interval; nothing is known of none."""
        if not whole:
            return self.lack(measure, f"{source} with customers to count")
        return self.add(measure, tuple(100 * end for end in share(int(part), int(whole))), unit, source)

    def lack(self, measure: str, what: str) -> None:
        """Write down what a measure would need."""
        self.add(measure, math.nan, "", f"needs {what}")


def profiling(customers: ibis.Table | None, lines: ibis.Table | None, last: date | None) -> list[dict[str, Any]]:
    """Who the customers are: how many, how old, and the commonest value of their attributes."""
    sheet = Sheet("Profiling")
    if customers is None:
        if lines is None:
            sheet.lack("customer records", "customers")
        else:
            known = int(lines.customer_id.nunique().to_pandas())
            sheet.add("customers with an order line", known, COUNTED, "transactions")
        sheet.lack("age, gender, region", "customers")
        return sheet.rows
    n = int(customers.count().to_pandas())
    sheet.add("customer records", n, COUNTED, "customers")
    if "birth_year" in customers.columns and last is not None:
        born = customers.filter(customers.birth_year.notnull()).group_by("birth_year")
        years = born.aggregate(customers=lambda t: t.count()).to_pandas()
        middle, low, high = median(last.year - years["birth_year"], counts=years["customers"])
        sheet.add("median age", (middle, low, high), "years, by year of birth", "customers")
    attributes = _attributes(customers)
    if not attributes and len(sheet.rows) < 2:
        sheet.lack("age, gender, region", "customers with birth_year, gender or region")
    for name in attributes:
        known = customers.filter(customers[name].cast("string").nullif("").notnull())
        values = known.group_by(value=known[name].cast("string")).aggregate(customers=lambda t: t.count())
        values = values.to_pandas().sort_values(["customers", "value"], ascending=[False, True])
        top, whole = values.iloc[0], int(values["customers"].sum())
        label = f"commonest {name.replace('_', ' ')}: {top['value']}"
        sheet.share(label, top["customers"], whole, "% of customers where it is known", "customers")
    return sheet.rows


def _attributes(customers: ibis.Table) -> list[str]:
    """Attributes with several values, but few, the contract's first; a name or a telephone number says nothing."""
    texts = [
        name
        for name, kind in customers.schema().items()
        if name not in _OWN and (kind.is_string() or kind.is_boolean())
    ]
    if not texts:
        return []
    distinct = customers.aggregate(**{name: customers[name].nunique() for name in texts}).to_pandas().iloc[0]
    first = sorted(texts, key=lambda name: (name not in ("region", "gender"), texts.index(name)))
    return [name for name in first if 2 <= distinct[name] <= _FEW_VALUES][:_ATTRIBUTES]


def persistency(tables: Mapping[str, ibis.Table], lines: ibis.Table | None, span: Span | None) -> list[dict[str, Any]]:
    """How lasting relations are: who bought again, how old relations are, how many contracts run on."""
    sheet = Sheet("Persistency")
    again, age = "buyers of the year before who bought again", "median age of the relation of the last year's buyers"
    if lines is None or span is None:
        sheet.lack(again, "transactions")
        sheet.lack(age, "transactions")
    else:
        if span.days + span.slack_days >= 2 * YEAR_DAYS:
            found = flows.count(lines, [span.last], YEAR_DAYS).to_pandas().iloc[0]
            before = int(found["kept_0"] + found["lost_0"])
            sheet.share(again, found["kept_0"], before, "% of buyers of the year before", "transactions")
        else:
            sheet.lack(again, "transactions of two years")
        first = _first_days(tables.get("customers"), lines, span.last).to_pandas()
        ages = (pd.Timestamp(span.last) - pd.to_datetime(first["first"])).dt.days / 365.25
        unit = "years since joining or the first purchase"
        sheet.add(age, median(ages, counts=first["customers"]), unit, "transactions, customers")
    if "contracts" in tables:
        _contracts(sheet, tables["contracts"], span.last if span else None)
    else:
        sheet.lack("contracts that run on", "contracts")
    return sheet.rows


def _first_days(customers: ibis.Table | None, lines: ibis.Table, last: date) -> ibis.Table:
    """Count the last year's buyers by the first day of their relation, in order."""
    bought = lines.filter(lines.amount >= 0)
    recent, _ = windows(bought.time.date(), last, YEAR_DAYS)
    c = bought.group_by("customer_id").aggregate(first=bought.time.date().min(), recent=recent.ifelse(1, 0).max())
    c = c.filter(c.recent == 1)
    if customers is not None and "joined" in customers.columns:
        c = c.join(customers.select("customer_id", joined=customers.joined.date()), "customer_id", how="left")
        c = c.mutate(first=(c.joined < c["first"]).fill_null(False).ifelse(c.joined, c["first"]))
    return c.group_by("first").aggregate(customers=c.count()).order_by("first")


def _contracts(sheet: Sheet, contracts: ibis.Table, last: date | None) -> None:
    t = contracts if last is None else contracts.filter(contracts.start < midnight_after(last))
    open_ones: Any = ibis.literal(True)
    if "end" in t.columns:
        open_ones = t.end.isnull() if last is None else t.end.isnull() | (t.end >= midnight_after(last))
    each = t.group_by("customer_id").aggregate(still=open_ones.ifelse(1, 0).max())
    found = each.aggregate(still=each.still.sum(), customers=each.count()).to_pandas().iloc[0]
    unit = "% of customers who ever had one"
    sheet.share("contracts that run on", found["still"] or 0, found["customers"], unit, "contracts")


def profitability(
    customers: ibis.Table | None, lines: ibis.Table | None, last: date | None, currency: str
) -> list[dict[str, Any]]:
    """What the last year's buyers leave: margin, margin less the cost to serve them, and who costs more than that."""
    sheet = Sheet("Profitability")
    gain, net = "margin per buyer of the last year", "margin less cost to serve, per buyer of the last year"
    loss = "buyers who cost more than they bring"
    if lines is None or last is None or "margin" not in lines.columns:
        for measure in (gain, net, loss):
            sheet.lack(measure, "transactions with margin")
        return sheet.rows
    unit = f"{currency} a year".strip()
    each = margins(customers, lines, last)
    found = each.aggregate(**sums(each, ("margin", "one"))).to_pandas()
    sheet.add(gain, _three(ratio(found, "margin", "one", name="r")), unit, "transactions")
    if "cost" not in each.columns:
        sheet.lack(net, "customers with cost_to_serve")
        sheet.lack(loss, "customers with cost_to_serve")
        return sheet.rows
    known = each.filter(each.cost.notnull()).mutate(net=lambda t: t.margin - t.cost)
    counts = {"losing": (known.net < 0).ifelse(1, 0).sum(), **sums(known, ("net", "one"))}
    found = known.aggregate(**counts).to_pandas()
    source = "transactions, customers"
    sheet.add(net, _three(ratio(found, "net", "one", name="r")), unit, source)
    losing, n = found["losing"].fillna(0).iloc[0], int(found["units"].iloc[0])
    sheet.share(loss, losing, n, "% of buyers whose cost to serve is known", source)
    return sheet.rows


def margins(customers: ibis.Table | None, lines: ibis.Table, last: date) -> ibis.Table:
    """Write one row per buyer of the last 365 days: customer_id, margin net of returns, one, and cost if known."""
    recent, _ = windows(lines.time.date(), last, YEAR_DAYS)
    t = lines.filter(recent)
    c = t.group_by("customer_id").aggregate(margin=t.margin.sum(), buyer=(t.amount >= 0).ifelse(1, 0).max())
    zero = ibis.literal(0).cast(MONEY)
    c = c.filter(c.buyer == 1).select("customer_id", margin=c.margin.cast(MONEY).fill_null(zero), one=ibis.literal(1))
    if customers is None or "cost_to_serve" not in customers.columns:
        return c
    cost = customers.select("customer_id", cost=customers.cost_to_serve.cast(MONEY))
    return c.join(cost, "customer_id", how="left", rname="{name}_right").drop("customer_id_right")


def _three(found: pd.DataFrame) -> tuple[float, ...]:
    return tuple(float(value) for value in found.iloc[0])


def performance(groups: pd.DataFrame, currency: str) -> list[dict[str, Any]]:
    """What is sold, of what kind, through which channel and where: from the groups of the sales report."""
    sheet = Sheet("Performance")
    rows = groups[groups["revenue_share"].notna()] if len(groups) else groups
    if rows.empty:
        sheet.lack("revenue", "transactions")
        sheet.lack("change of revenue", "transactions")
        return sheet.rows
    total = rows[rows["by"] == "all"].iloc[0]
    sheet.add("revenue of the last year", total["revenue"], currency, "transactions")
    change = tuple(total[f"change_percent{end}"] for end in ("", "_low", "_high"))
    if pd.isna(change[0]):
        sheet.lack("change of revenue", "transactions of two years")
    else:
        sheet.add("change of revenue", change, "% against the year before", "transactions")
    for by in ("category", "channel", "region"):
        part = rows[rows["by"] == by]
        if len(part):
            top = part.iloc[0]
            ends = tuple(100 * top[f"revenue_share{end}"] for end in ("", "_low", "_high"))
            source = "transactions" if by == "category" else "transactions, customers"
            sheet.add(f"largest {by}: {top['group']}", ends, "% of revenue", source)
        else:
            sheet.lack(f"largest {by}", f"{'transactions' if by == 'category' else 'customers'} with {by}")
    return sheet.rows


def prospecting(channels: pd.DataFrame, joined: bool, currency: str) -> list[dict[str, Any]]:
    """How many customers of which kind are coming, and what they cost: from the channels of the market report."""
    sheet = Sheet("Prospecting")
    source = "customers" if joined else "transactions"
    if channels.empty:
        sheet.lack("customers won", "customers with joined, or transactions")
        sheet.lack("cost of winning a customer", "customers with acquisition_cost")
        return sheet.rows
    row = channels.iloc[0]
    sheet.add("customers won in the last year", row["won"], COUNTED, source)
    facts: list[tuple[str, str, float, str, str, str]] = [
        ("change of customers won", "change_percent", 1, "% against the year before", source, f"{source} of two years"),
        (
            "cost of winning a customer",
            "cost_per_customer",
            1,
            currency,
            "customers",
            "customers with acquisition_cost",
        ),
        (
            "customers won whom another customer referred",
            "referred_share",
            100,
            "% of customers won",
            "customers",
            "customers with referrer_id",
        ),
    ]
    for measure, name, factor, unit, table, needed in facts:
        if pd.isna(row[name]):
            sheet.lack(measure, needed)
        else:
            sheet.add(measure, tuple(factor * row[f"{name}{end}"] for end in ("", "_low", "_high")), unit, table)
    return sheet.rows
