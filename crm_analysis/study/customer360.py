"""The customer view: one row per customer as of a date, aggregated where the data live.

Everything here is an ibis expression in the subset that DuckDB, PostgreSQL and Spark share: days are whole numbers of
days since 1970, money is DECIMAL, sums are exact, and ratios are taken last. So the bits repeat from run to run,
whatever the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

import ibis
import pandas as pd

YEAR_DAYS = 365
_EPOCH = date(1970, 1, 1)


def expression(
    tables: Mapping[str, ibis.Table], *, as_of: date, items: Iterable[str] = (), money: str = "decimal(18, 4)"
) -> ibis.Table:
    """Write the customer view as one ibis expression.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        The clean tables of a study that are there; any subset of customers, transactions, contacts, contracts, survey.
    as_of : date
        The view holds what was known through the end of this day.
    items : iterable of str
        Names of the survey items; other survey columns get the prefix ``survey_``.
    money : str
        Type in which amounts are summed.

    Returns
    -------
    ibis.Table
        One row per customer known by `as_of`, ordered by ``customer_id``. Columns as in `Study.customer360`.
    """
    after = datetime.combine(as_of + timedelta(days=1), datetime.min.time())
    today = (as_of - _EPOCH).days
    known = {name: _until(table, name, after) for name, table in tables.items()}
    ids = [known[name].select("customer_id") for name in ("customers", "transactions", "contracts") if name in known]
    view = (ibis.union(*ids) if len(ids) > 1 else ids[0]).filter(lambda t: t.customer_id.notnull()).distinct()
    parts: dict[str, Callable[..., ibis.Table]] = {
        "transactions": lambda t: _purchases(t, today),
        "contacts": _contacts,
        "contracts": lambda t: _contracts(t, after),
        "customers": _referrals,
        "survey": lambda t: _answers(t, items),
    }
    counts = []
    for name, part in parts.items():
        if name in known and "customer_id" in known[name].columns:
            aggregated = part(known[name])
            counts += [column for column in _COUNTS if column in aggregated.columns]
            view = _join(view, aggregated)
    if "customers" in known:
        view = _join(view, known["customers"])
    view = view.mutate(**{name: view[name].fill_null(_COUNTS[name]) for name in counts})
    return view.order_by("customer_id")


# Columns in which a customer without a row in the table has nothing, not an unknown.
_COUNTS: dict[str, Any] = {
    "frequency": 0,
    "monetary": 0.0,
    "complaints": 0,
    "contacts": 0,
    "open_contract": False,
    "referrals_made": 0,
}


def _until(table: ibis.Table, name: str, after: datetime) -> ibis.Table:
    """Keep what was known before `after`; rows without a date (a customer without a joining date) are kept."""
    column = {"customers": "joined", "contracts": "start"}.get(name, "time")
    if column not in table.columns:
        return table
    return table.filter((table[column] < after) | table[column].isnull())


def _join(left: ibis.Table, right: ibis.Table) -> ibis.Table:
    joined = left.left_join(right, "customer_id", rname="{name}_right")
    return joined.drop("customer_id_right") if "customer_id_right" in joined.columns else joined


def _day(time: Any) -> Any:
    return (time.epoch_seconds() / 86400).floor().cast("int32")


def _purchases(transactions: ibis.Table, today: int) -> ibis.Table:
    """Aggregate orders in two steps, to customer-days and then to customers: no step holds more than it must."""
    t = transactions
    sums = {"bought": t.amount.sum(where=t.amount >= 0), "returned": (-t.amount).sum(where=t.amount < 0)}
    sums |= {name: t[name].sum() for name in ("margin", "discount") if name in t.columns}
    days = t.group_by(customer_id=t.customer_id, day=_day(t.time)).aggregate(**sums)
    # Gaps are between days with a purchase; the lag must not stop at a day that saw only a return.
    days = days.mutate(purchase=days.bought.notnull())
    own = ibis.window(group_by=[days.customer_id, days.purchase], order_by=days.day)
    days = days.mutate(gap=(days.day - days.day.lag().over(own)).cast("int64"))
    d = days.mutate(gap=days.purchase.ifelse(days.gap, None))
    recent = d.day > today - YEAR_DAYS
    before = (d.day <= today - YEAR_DAYS) & (d.day > today - 2 * YEAR_DAYS)
    aggregates = {
        "first_day": d.day.min(where=d.purchase),
        "last_day": d.day.max(where=d.purchase),
        "purchase_days": d.purchase.cast("int64").sum(),
        "gaps": d.gap.count(),
        "gap_sum": d.gap.sum(),
        "gap_squares": (d.gap * d.gap).sum(),
        "bought": d.bought.sum(),
        "returned": d.returned.sum(),
        "recent": d.bought.sum(where=recent),
        "before": d.bought.sum(where=before),
    }
    aggregates |= {name: d[name].sum() for name in ("margin", "discount") if name in d.columns}
    c = d.group_by("customer_id").aggregate(**aggregates)
    if "order_id" in t.columns:
        c = _join(c, _distinct(t.filter(t.amount >= 0), "order_id", "orders"))
    if "category" in t.columns:
        c = _join(c, _distinct(t.filter(t.amount >= 0), "category", "categories"))
    bought, returned = _real(c.bought), _real(c.returned)
    recent_spend, spend_before = _real(c.recent), _real(c.before)
    gaps, gap_sum = c.gaps.cast("float64"), c.gap_sum.cast("float64")
    mean_gap = gap_sum / gaps.nullif(0)
    # Sum of squared deviations from whole-number sums: exact until the last division.
    spread = (c.gaps * c.gap_squares - c.gap_sum * c.gap_sum).cast("float64")
    variance = spread / (gaps * (gaps - 1)).nullif(0)
    frequency = ibis.coalesce(c.orders, c.purchase_days) if "orders" in c.columns else c.purchase_days
    columns = {
        "customer_id": c.customer_id,
        "first_day": c.first_day,
        "last_day": c.last_day,
        "recency_days": today - c.last_day,
        "tenure_days": today - c.first_day,
        "frequency": frequency.cast("int64"),
        "purchase_days": c.purchase_days,
        "monetary": bought - returned,
        "mean_order_value": bought / frequency.cast("float64").nullif(0),
        "gap_mean_days": mean_gap,
        "gap_cv": variance.sqrt() / mean_gap.nullif(0),
        "spend_trend": (recent_spend - spend_before) / (recent_spend + spend_before).nullif(0),
        "returns_share": returned / bought.nullif(0),
    }
    if "category" in t.columns:
        columns["categories"] = c.categories.fill_null(0)
    if "margin" in t.columns:
        columns["margin"] = c.margin.cast("float64")
    if "discount" in t.columns:
        columns["discount_share"] = _real(c.discount) / (bought + _real(c.discount)).nullif(0)
    return c.select(**columns)


def _real(value: Any) -> Any:
    return value.cast("float64").fill_null(0.0)


def _distinct(t: ibis.Table, column: str, name: str) -> ibis.Table:
    pairs = t.filter(t[column].notnull()).select("customer_id", column).distinct()
    return pairs.group_by("customer_id").aggregate(**{name: pairs.count()})


def _contacts(contacts: ibis.Table) -> ibis.Table:
    complaint = (contacts.kind == "complaint").cast("int64")
    return contacts.group_by("customer_id").aggregate(contacts=contacts.count(), complaints=complaint.sum())


def _contracts(contracts: ibis.Table, after: datetime) -> ibis.Table:
    c = contracts
    still = (c.end.isnull() | (c.end >= after)) if "end" in c.columns else ibis.literal(True)
    aggregates = {"open_contract": still.cast("int64").max() == 1, "contract_day": _day(c.start.min())}
    if "monthly_fee" in c.columns:
        aggregates["monthly_fee"] = c.monthly_fee.sum(where=still).cast("float64")
    return c.group_by("customer_id").aggregate(**aggregates)


def _referrals(customers: ibis.Table) -> ibis.Table:
    if "referrer_id" not in customers.columns:
        return customers.select("customer_id").distinct()
    made = customers.filter(customers.referrer_id.notnull()).group_by(customer_id=customers.referrer_id)
    return made.aggregate(referrals_made=customers.customer_id.count())


def _answers(survey: ibis.Table, items: Iterable[str]) -> ibis.Table:
    """Each customer's latest answers: by time, else by wave."""
    items = set(items)
    order = [survey[name].desc() for name in ("time", "wave") if name in survey.columns]
    s = survey.filter(survey.customer_id.notnull())
    latest = s.mutate(place=ibis.row_number().over(group_by=s.customer_id, order_by=[*order, s.respondent_id]))
    latest = latest.filter(latest.place == 0).drop("place")
    names = {name: name if name in items else f"survey_{name}" for name in latest.columns if name != "customer_id"}
    return latest.select("customer_id", **{new: latest[old] for old, new in names.items()})


def to_pandas(view: ibis.Table) -> pd.DataFrame:
    """Run the expression; days become dates, money and counts plain numbers."""
    customers = view.to_pandas()
    for column, name in (
        ("first_day", "first_purchase"),
        ("last_day", "last_purchase"),
        ("contract_day", "contract_start"),
    ):
        if column in customers:
            days = pd.to_timedelta(customers[column].astype("float64"), unit="D")
            customers[column] = pd.Timestamp(_EPOCH) + days
            customers = customers.rename(columns={column: name})
    return customers.reset_index(drop=True)
