"""The customer view: one row per customer as of a date, aggregated where the data live.

Everything here is an ibis expression in the subset that DuckDB, PostgreSQL and Spark share: days are whole numbers of
days since 1970, money is DECIMAL, sums are exact, and ratios are taken last. So the bits repeat from run to run,
whatever the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import ibis
import pandas as pd

from crm_analysis.errors import UsageError

YEAR_DAYS = 365
_EPOCH = date(1970, 1, 1)
# The engine counts days; `to_pandas` makes dates of them and gives them these names.
_DATES = {"first_day": "first_purchase", "last_day": "last_purchase", "contract_day": "contract_start"}


def expression(
    tables: Mapping[str, ibis.Table],
    *,
    as_of: date,
    items: Iterable[str] = (),
    columns: Sequence[str] | None = None,
) -> ibis.Table:
    """Write the customer view as one ibis expression.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        The clean tables of a study that are there; any subset of customers, transactions, contacts, contracts, survey.
    as_of : date
        The view holds what was known through the end of this day.
    items : iterable of str
        Names of the survey items; other survey columns, and items that bear the name of a computed column, get the
        prefix ``survey_``. A customers column that does gets the prefix ``customer_``.
    columns : sequence of str, optional
        The columns wanted; by default all. What is not wanted is not computed.

    Returns
    -------
    ibis.Table
        One row per customer known by `as_of`, ordered by ``customer_id``. Columns as in `Study.customer360`.

    Raises
    ------
    UsageError
        If a column is wanted that the view does not have.
    """
    after = datetime.combine(as_of + timedelta(days=1), datetime.min.time())
    today = (as_of - _EPOCH).days
    known = {name: _until(table, name, after) for name, table in tables.items()}
    known = {name: table for name, table in known.items() if "customer_id" in table.columns}
    parts: dict[str, Callable[[ibis.Table], ibis.Table]] = {
        "transactions": lambda t: _purchases(t, today, columns),
        "contracts": lambda t: _contracts(t, after),
        "contacts": _contacts,
    }
    view: Any = known.get("customers")
    made = [(name, part(known[name])) for name, part in parts.items() if name in known]
    if view is not None and "referrer_id" in view.columns:
        made.append(("referrals", _referrals(view)))
    if "survey" in known:
        computed = {column for _, part in made for column in part.columns}
        made.append(("survey", _answers(known["survey"], set(items) - computed)))
    if view is not None:
        view = _apart(view, [column for _, part in made for column in part.columns])
    counts = []
    for name, part in made:
        if name in WHOLE:
            view = part if view is None else _join(view, part, how="outer")
        elif view is not None and (columns is None or set(columns) & set(part.columns)):
            view = _join(view, part, how="left")
        counts += [column for column in _COUNTS if column in part.columns]
    view = view.mutate(**{name: view[name].fill_null(_COUNTS[name]) for name in counts if name in view.columns})
    money = [name for name, kind in view.schema().items() if kind.is_decimal()]
    view = view.mutate(**{name: view[name].cast("float64") for name in money})
    if columns is not None:
        shown = {_DATES.get(name, name): name for name in view.columns}
        absent = [name for name in columns if name not in shown]
        if absent:
            whole = expression(tables, as_of=as_of, items=items).columns
            there = ", ".join(_DATES.get(name, name) for name in whole)
            raise UsageError(f"customer360: there is no column {absent[0]!r} in the view; known are {there}.")
        view = view.select("customer_id", *(shown[name] for name in dict.fromkeys(columns) if name != "customer_id"))
    return view.order_by("customer_id")


WHOLE = ("customers", "transactions", "contracts")
"""Tables whose customers all belong to the view; the others add to customers that one of these knows."""

# Columns in which a customer without a row in the table has nothing, not an unknown.
_COUNTS: dict[str, Any] = {
    "frequency": 0,
    "purchase_days": 0,
    "categories": 0,
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


def _apart(customers: ibis.Table, computed: Collection[str]) -> ibis.Table:
    """Give attributes that bear the name of a computed column the prefix ``customer_``."""
    taken = {*computed, *(_DATES.get(name, name) for name in computed)} - {"customer_id"}
    return customers.rename({f"customer_{name}": name for name in customers.columns if name in taken})


def _join(left: ibis.Table, right: ibis.Table, *, how: str) -> ibis.Table:
    joined = left.join(right, "customer_id", how=how, rname="{name}_right")
    if how == "outer":
        joined = joined.mutate(customer_id=ibis.coalesce(joined.customer_id, joined.customer_id_right))
    return joined.drop("customer_id_right") if "customer_id_right" in joined.columns else joined


def _day(time: Any) -> Any:
    return (time.epoch_seconds() / 86400).floor().cast("int32")


def _purchases(transactions: ibis.Table, today: int, wanted: Collection[str] | None) -> ibis.Table:
    """Aggregate orders in two steps, to customer-days and then to customers: no step holds more than it must."""
    t = transactions
    purchase = t.amount >= 0
    sums = {"bought": purchase.ifelse(t.amount, None).sum(), "returned": purchase.ifelse(None, -t.amount).sum()}
    sums |= {name: t[name].sum() for name in ("margin", "discount") if name in t.columns}
    days = t.group_by(customer_id=t.customer_id, day=_day(t.time)).aggregate(**sums)
    d = days.mutate(purchase=days.bought.notnull())
    gaps_wanted = wanted is None or "gap_cv" in wanted
    if gaps_wanted:
        # Gaps are between days with a purchase; the lag must not stop at a day that saw only a return.
        own = ibis.window(group_by=[d.customer_id, d.purchase], order_by=d.day)
        d = d.mutate(gap=d.purchase.ifelse((d.day - d.day.lag().over(own)).cast("int64"), None))
    recent = d.day > today - YEAR_DAYS
    before = (d.day <= today - YEAR_DAYS) & (d.day > today - 2 * YEAR_DAYS)
    aggregates = {
        "first_day": d.purchase.ifelse(d.day, None).min(),
        "last_day": d.purchase.ifelse(d.day, None).max(),
        "purchase_days": d.bought.count(),
        "bought": d.bought.sum(),
        "returned": d.returned.sum(),
        "recent": recent.ifelse(d.bought, None).sum(),
        "before": before.ifelse(d.bought, None).sum(),
    }
    aggregates |= {name: d[name].sum() for name in ("margin", "discount") if name in d.columns}
    if gaps_wanted:
        aggregates["gap_squares"] = (d.gap * d.gap).sum()
    c = d.group_by("customer_id").aggregate(**aggregates)
    if "order_id" in t.columns:
        # A line without an order id is an order of its day.
        ordered = t.filter(purchase).mutate(order_id=t.order_id.fill_null("day " + _day(t.time).cast("string")))
        c = _join(c, _distinct(ordered, "order_id", "orders"), how="left")
    categories_wanted = "category" in t.columns and (wanted is None or "categories" in wanted)
    if categories_wanted:
        c = _join(c, _distinct(t.filter(purchase), "category", "categories"), how="left")
    bought, returned = _real(c.bought), _real(c.returned)
    recent_spend, spend_before = _real(c.recent), _real(c.before)
    gaps, span = c.purchase_days - 1, (c.last_day - c.first_day).cast("int64")
    mean_gap = span.cast("float64") / gaps.cast("float64").nullif(0)
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
        "spend_trend": (recent_spend - spend_before) / (recent_spend + spend_before).nullif(0),
        "returns_share": returned / bought.nullif(0),
    }
    if gaps_wanted:
        # From whole-number sums, so exact until the last division; a spread needs two gaps.
        spread = (gaps * c.gap_squares - span * span).cast("float64")
        variance = spread / (gaps * (gaps - 1)).cast("float64").nullif(0)
        columns["gap_cv"] = variance.sqrt() / mean_gap.nullif(0)
    if categories_wanted:
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
    made = customers.filter(customers.referrer_id.notnull()).group_by(customer_id=customers.referrer_id)
    return made.aggregate(referrals_made=customers.customer_id.count())


def _answers(survey: ibis.Table, items: Collection[str]) -> ibis.Table:
    """Each customer's latest answers: by time, else by wave."""
    s = survey.filter(survey.customer_id.notnull())
    order = [s[name].desc() for name in ("time", "wave") if name in s.columns]
    latest = s.mutate(place=ibis.row_number().over(group_by=s.customer_id, order_by=[*order, s.respondent_id]))
    latest = latest.filter(latest.place == 0).drop("place")
    names = {name: name if name in items else f"survey_{name}" for name in latest.columns if name != "customer_id"}
    return latest.select("customer_id", **{new: latest[old] for old, new in names.items()})


def to_pandas(view: ibis.Table) -> pd.DataFrame:
    """Run the expression; days become dates, money and counts plain numbers."""
    customers = view.to_pandas()
    for column, name in _DATES.items():
        if column in customers:
            days = pd.to_timedelta(customers[column].astype("float64"), unit="D")
            customers[column] = pd.Timestamp(_EPOCH) + days
            customers = customers.rename(columns={column: name})
    return customers.reset_index(drop=True)
