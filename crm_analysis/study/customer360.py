"""The customer view: one row per customer as of a date, aggregated where the data live.

Everything here is an ibis expression in the subset that DuckDB, PostgreSQL and Spark share: days are date minus date,
money is DECIMAL, sums are exact, and ratios are taken last. So the bits repeat from run to run, whatever the number of
threads.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import ibis
import pandas as pd

from crm_analysis import options
from crm_analysis.errors import DataError, UsageError
from crm_analysis.study.people import persons
from crm_analysis.study.tables import CONTRACTS

YEAR_DAYS = 365
# The engine counts days; `to_pandas` makes dates of them and gives them these names.


def expression(
    tables: Mapping[str, ibis.Table],
    *,
    as_of: date,
    items: Iterable[str] = (),
    columns: Sequence[str] | None = None,
    members: pd.DataFrame | None = None,
    recent_days: int = 0,
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
    members : DataFrame, optional
        Records that are one person (`IdentityResult.members`): the view has one row per person; by default per record.
    recent_days : int
        Where above 0, the view has the columns `RECENT` too: what was added in so many days up to `as_of`.

    Returns
    -------
    ibis.Table
        One row per customer known by `as_of`, ordered by ``customer_id``. Columns as in `Study.customer360`.

    Raises
    ------
    UsageError
        If a column is wanted that the view does not have.
    """
    recent_days = options.whole(recent_days, "recent_days", caller="customer360")
    after = _midnight_after(as_of)
    known = known_by(tables, as_of=as_of, members=members)
    parts: dict[str, Callable[[ibis.Table], ibis.Table]] = {
        "transactions": lambda t: _purchases(t, as_of, columns, recent_days),
        "contracts": lambda t: _contracts(t, after),
        "contacts": lambda t: _contacts(t, after - timedelta(days=recent_days) if recent_days else None),
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
    recent = [name for name in RECENT if name in view.columns]
    view = view.select(*(name for name in view.columns if name not in recent), *recent)
    money = [name for name, kind in view.schema().items() if kind.is_decimal()]
    view = view.mutate(**{name: view[name].cast("float64") for name in money})
    if columns is not None:
        absent = [name for name in columns if name not in view.columns]
        if absent:
            there = ", ".join(
                expression(tables, as_of=as_of, items=items, members=members, recent_days=recent_days).columns
            )
            raise UsageError(f"customer360: there is no column {absent[0]!r} in the view; known are {there}.")
        view = view.select(*dict.fromkeys(["customer_id", *columns]))
    return view.order_by("customer_id")


def known_by(
    tables: Mapping[str, ibis.Table], *, as_of: date, members: pd.DataFrame | None = None
) -> dict[str, ibis.Table]:
    """Return the tables that name customers, with the rows known through the end of a day, per person if wanted."""
    after = _midnight_after(as_of)
    known = {name: _until(table, name, after) for name, table in tables.items()}
    known = {name: table for name, table in known.items() if "customer_id" in table.columns}
    return known if members is None else persons.merged(known, members)


WHOLE = ("customers", "transactions", "contracts")
"""Tables whose customers all belong to the view; the others add to customers that one of these knows."""

RECENT = ("recent_purchase_days", "recent_gross_spend", "recent_contacts", "recent_complaints")
"""Columns of what was added in the days before the view's day, if it is asked for."""

# Columns in which a customer without a row in the table has nothing, not an unknown.
_COUNTS: dict[str, Any] = {
    "frequency": 0,
    "purchase_days": 0,
    "categories": 0,
    **dict.fromkeys(("monetary", "gross_spend", "spend_last_year", "spend_year_before"), 0.0),
    "complaints": 0,
    "contacts": 0,
    "open_contract": False,
    "referrals_made": 0,
    **dict.fromkeys(RECENT, 0),
    "recent_gross_spend": 0.0,
}


def _midnight_after(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), datetime.min.time())


def _until(table: ibis.Table, name: str, after: datetime) -> ibis.Table:
    """Keep what was known before `after`; rows without a date (a customer without a joining date) are kept."""
    column = CONTRACTS[name].when
    if column not in table.columns:
        return table
    known = table[column] < after
    # The contract has seen to it that a required date is there.
    return table.filter(known if column in CONTRACTS[name].required else known | table[column].isnull())


def _apart(customers: ibis.Table, computed: Collection[str]) -> ibis.Table:
    """Give attributes that bear the name of a computed column the prefix ``customer_``."""
    taken = set(computed) - {"customer_id"}
    return customers.rename({f"customer_{name}": name for name in customers.columns if name in taken})


def _join(left: ibis.Table, right: ibis.Table, *, how: str) -> ibis.Table:
    joined = left.join(right, "customer_id", how=how, rname="{name}_right")
    if how == "outer":
        joined = joined.mutate(customer_id=ibis.coalesce(joined.customer_id, joined.customer_id_right))
    return joined.drop("customer_id_right") if "customer_id_right" in joined.columns else joined


def _days(later: Any, earlier: Any) -> Any:
    return (later - earlier).cast("int64")


def _purchases(transactions: ibis.Table, as_of: date, wanted: Collection[str] | None, recent_days: int) -> ibis.Table:
    """Aggregate orders by customer.

    Purchases are summed by customer and day first, the only step that holds many rows, and then by customer; returns,
    which are few, by customer at once.
    """
    t = transactions
    extra = [name for name in ("margin", "discount") if name in t.columns]
    bought, returned = t.filter(t.amount >= 0), t.filter(t.amount < 0)
    d = bought.group_by(customer_id=bought.customer_id, day=bought.time.date()).aggregate(
        bought=bought.amount.sum(), **{name: bought[name].sum() for name in extra}
    )
    if _any_of(wanted, "gap_cv"):
        d = d.mutate(gap=_days(d.day, d.day.lag().over(group_by=d.customer_id, order_by=d.day)))
    a_year_ago, two_years_ago = (ibis.literal(as_of - timedelta(days=years * YEAR_DAYS)) for years in (1, 2))
    recent, before = d.day > a_year_ago, (d.day <= a_year_ago) & (d.day > two_years_ago)
    sums = {
        "first_purchase": d.day.min(),
        "last_purchase": d.day.max(),
        "purchase_days": d.count(),
        "bought": d.bought.sum(),
        "recent": recent.ifelse(d.bought, None).sum(),
        "before": before.ifelse(d.bought, None).sum(),
        **{name: d[name].sum() for name in extra},
    }
    if recent_days:
        added = d.day > ibis.literal(as_of - timedelta(days=recent_days))
        sums |= {"added_days": added.ifelse(1, 0).sum(), "added": added.ifelse(d.bought, None).sum()}
    if "gap" in d.columns:
        sums["gap_squares"] = (d.gap * d.gap).sum()
    if _any_of(wanted, "first_day_spend"):
        sums["first_day_spend"] = d.bought.argmin(d.day)
    c = d.group_by("customer_id").aggregate(**sums)
    if "order_id" in t.columns and _any_of(wanted, "frequency", "mean_order_value"):
        # A line without an order id belongs to the one order of its day.
        day = bought.order_id.isnull().ifelse(bought.time.date(), None)
        c = _join(c, _distinct(bought.select("customer_id", "order_id", day=day), "orders"), how="left")
    if "category" in t.columns and _any_of(wanted, "categories"):
        named = bought.filter(bought.category.notnull()).select("customer_id", "category")
        c = _join(c, _distinct(named, "categories"), how="left")
    back = {"margin_back": returned["margin"].sum()} if "margin" in extra else {}
    taken_back = returned.group_by("customer_id").aggregate(returned=(-returned.amount).sum(), **back)
    c = _join(c, taken_back, how="outer")
    return c.select(**_figures(c, as_of))


def _figures(c: ibis.Table, as_of: date) -> dict[str, Any]:
    """Ratios and differences of a customer's sums; what was not aggregated is left out."""
    bought, returned = _real(c.bought), _real(c.returned)
    recent, before = _real(c.recent), _real(c.before)
    purchase_days = c.purchase_days.fill_null(0)
    orders = c.orders.fill_null(0) if "orders" in c.columns else purchase_days
    gaps, span = purchase_days - 1, _days(c.last_purchase, c.first_purchase)
    gap_mean = span.cast("float64") / gaps.cast("float64").nullif(0)
    found = {
        "customer_id": c.customer_id,
        "first_purchase": c.first_purchase,
        "last_purchase": c.last_purchase,
        "recency_days": _days(ibis.literal(as_of), c.last_purchase),
        "tenure_days": _days(ibis.literal(as_of), c.first_purchase),
        "frequency": orders,
        "purchase_days": purchase_days,
        "monetary": bought - returned,
        "gross_spend": bought,
        "spend_last_year": recent,
        "spend_year_before": before,
        "mean_order_value": bought / orders.cast("float64").nullif(0),
        "spend_trend": (recent - before) / (recent + before).nullif(0),
        "returns_share": returned / bought.nullif(0),
        "gap_mean_days": gap_mean,
    }
    if "gap_squares" in c.columns:
        # From whole-number sums, so exact until the last division; a spread needs two gaps.
        spread = (gaps * c.gap_squares - span * span).cast("float64")
        variance = spread / (gaps * (gaps - 1)).cast("float64").nullif(0)
        found["gap_cv"] = variance.sqrt() / gap_mean.nullif(0)
    if "first_day_spend" in c.columns:
        found["first_day_spend"] = c.first_day_spend.cast("float64")
    if "added" in c.columns:
        found |= {"recent_purchase_days": c.added_days.fill_null(0), "recent_gross_spend": _real(c.added)}
    if "categories" in c.columns:
        found["categories"] = c.categories.fill_null(0)
    if "margin" in c.columns:
        found["margin"] = ibis.coalesce(c.margin + c.margin_back, c.margin, c.margin_back)
    if "discount" in c.columns:
        found["discount_share"] = _real(c.discount) / (bought + _real(c.discount)).nullif(0)
    return found


def _any_of(wanted: Collection[str] | None, *names: str) -> bool:
    return wanted is None or not set(wanted).isdisjoint(names)


def _real(value: Any) -> Any:
    return value.cast("float64").fill_null(0.0)


def _distinct(pairs: ibis.Table, name: str) -> ibis.Table:
    pairs = pairs.distinct()
    return pairs.group_by("customer_id").aggregate(**{name: pairs.count()})


def _contacts(contacts: ibis.Table, since: datetime | None) -> ibis.Table:
    complaint = (contacts.kind == "complaint").ifelse(1, 0)
    sums = {"contacts": contacts.count(), "complaints": complaint.sum()}
    if since is not None:
        added = contacts.time >= since
        sums |= {"recent_contacts": added.ifelse(1, 0).sum(), "recent_complaints": added.ifelse(complaint, 0).sum()}
    return contacts.group_by("customer_id").aggregate(**sums)


def _contracts(contracts: ibis.Table, after: datetime) -> ibis.Table:
    c = contracts
    still = (c.end.isnull() | (c.end >= after)) if "end" in c.columns else c.start.notnull()
    aggregates = {"open_contract": still.ifelse(1, 0).max() == 1, "contract_start": c.start.min().date()}
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


def refuse_outside(day: date, *, first: date, last: date) -> None:
    """Refuse a day on which the order log says nothing: before its first day, or more than a year after its last."""
    cure = f"choose a day from {first} to {last}"
    if day > last + timedelta(days=366):
        raise DataError(f"customer360: as_of {day} lies more than a year after the last order ({last}); {cure}.")
    if day < first:
        raise DataError(f"customer360: as_of {day} lies before the first order ({first}); {cure}.")


def to_pandas(view: ibis.Table) -> pd.DataFrame:
    """Run the expression; dates become pandas dates, money and counts plain numbers."""
    customers = view.to_pandas()
    dates = [name for name, kind in view.schema().items() if kind.is_date()]
    # The copy puts the columns into few blocks: pandas warns of frames of many pieces when one is added.
    return customers.astype(dict.fromkeys(dates, "datetime64[s]")).reset_index(drop=True).copy()
