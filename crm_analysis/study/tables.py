"""The contract: which tables a study may hold, their columns, and the rules their rows must keep.

A rule is a column, a sentence and an ibis boolean that is true where the rule is *broken*. All rules of a table are
counted in one query. A broken rule on a required column leaves the row out; on an optional column it sets the value
aside and keeps the row. Either way the row is written to the quarantine file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ibis

KINDS = {
    "id": ("string", "an id"),
    "text": ("string", "text"),
    "time": ("timestamp(6)", "a date or time"),
    "money": ("decimal(18, 4)", "a number"),
    "number": ("float64", "a number"),
    "integer": ("int64", "a whole number"),
    "flag": ("boolean", "yes or no"),
    "value": ("", "a value"),
}
"""Kind of a column: its type in the engine, and what a message calls it. A "value" takes the type of its contents."""

ROW = "__row"
"""Name of the working column with the row's number in its source; the first row after the header is 1."""


def raw(column: str) -> str:
    """Name of the working column that keeps a value as it was written in the source."""
    return f"__raw_{column}"


@dataclass(frozen=True)
class Column:
    """One column of the contract: its name, kind, whether a row needs it, and an allowed range or set of values."""

    name: str
    kind: str
    required: bool = False
    between: tuple[float, float] | None = None
    one_of: tuple[str, ...] = ()
    past: bool = False


@dataclass(frozen=True)
class Rule:
    """What a column's values must be; `broken` gives the rows where they are not."""

    column: str
    sentence: str
    broken: Callable[[ibis.Table], ibis.expr.types.BooleanValue]
    drops_row: bool

    def __str__(self) -> str:
        return f"{self.column} {self.sentence}"


@dataclass(frozen=True)
class Contract:
    """One table of the contract; `when` is the column that dates its rows."""

    table: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    extra: bool = False
    order: tuple[str, str] | None = None
    different: tuple[str, str] | None = None
    when: str = "time"

    @property
    def required(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.required)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def with_items(self, items: Mapping[str, tuple[float, float]]) -> Contract:
        """Return this contract with survey items added: each a number between its lowest and highest code."""
        known = set(self.names)
        added = (Column(name, "number", between=codes) for name, codes in items.items() if name not in known)
        return replace(self, columns=(*self.columns, *added))

    def rules(self, present: tuple[str, ...], *, today: Any) -> Iterator[Rule]:
        """Yield the rules for the columns that are present; `today` is the last day a past event can have."""
        for column in self.columns:
            if column.name in present:
                yield from _column_rules(column, today)
        key = tuple(name for name in self.key if name in present)
        if key and key[0] == self.key[0]:
            yield _unique(key)
        if self.order and set(self.order) <= set(present):
            yield _in_order(*self.order)
        if self.different and set(self.different) <= set(present):
            yield _different(*self.different)


def _column_rules(column: Column, today: Any) -> Iterator[Rule]:
    name, written = column.name, raw(column.name)
    if column.required:
        yield Rule(name, "must be given", lambda t: t[written].isnull(), drops_row=True)
    if column.kind not in ("id", "text", "value"):
        kind = KINDS[column.kind][1]
        yield Rule(
            name, f"must be {kind}", lambda t: t[written].notnull() & t[name].isnull(), drops_row=column.required
        )
    if column.between is not None:
        low, high = column.between
        yield Rule(
            name,
            f"must lie between {low:g} and {high:g}",
            lambda t: (t[name] < low) | (t[name] > high),
            drops_row=column.required,
        )
    if column.one_of:
        values = column.one_of
        yield Rule(
            name, f"must be one of {', '.join(values)}", lambda t: ~t[name].isin(values), drops_row=column.required
        )
    if column.past:
        yield Rule(name, "must not lie in the future", lambda t: t[name] > today, drops_row=column.required)


def _unique(key: tuple[str, ...]) -> Rule:
    def broken(t: ibis.Table) -> Any:
        import ibis

        given = t[key[0]].notnull()
        return given & (ibis.row_number().over(group_by=[t[name] for name in key], order_by=t[ROW]) > 0)

    return Rule(key[0], f"must stand once{' per ' + ', '.join(key[1:]) if key[1:] else ''}", broken, drops_row=True)


def _in_order(first: str, last: str) -> Rule:
    return Rule(last, f"must not be before {first}", lambda t: t[last] < t[first], drops_row=False)


def _different(name: str, other: str) -> Rule:
    return Rule(name, f"must differ from {other}", lambda t: t[name] == t[other], drops_row=False)


CUSTOMER = Column("customer_id", "id", required=True)
TIME = Column("time", "time", required=True, past=True)

CONTRACTS = {
    contract.table: contract
    for contract in (
        Contract(
            "customers",
            (
                CUSTOMER,
                Column("person_id", "id"),
                Column("joined", "time", past=True),
                Column("birth_year", "integer", between=(1900, 2100)),
                Column("gender", "text"),
                Column("region", "text"),
                Column("channel", "text"),
                Column("referrer_id", "id"),
                Column("acquisition_cost", "money"),
                Column("cost_to_serve", "money"),
            ),
            key=("customer_id",),
            extra=True,
            different=("referrer_id", "customer_id"),
            when="joined",
        ),
        Contract(
            "transactions",
            (
                CUSTOMER,
                TIME,
                Column("amount", "money", required=True),
                Column("order_id", "id"),
                Column("quantity", "number"),
                Column("category", "text"),
                Column("margin", "money"),
                Column("discount", "money"),
            ),
        ),
        Contract(
            "contacts",
            (
                CUSTOMER,
                TIME,
                Column("kind", "text", required=True, one_of=("enquiry", "complaint", "return", "service")),
                Column("channel", "text"),
                Column("resolved", "flag"),
            ),
        ),
        Contract(
            "contracts",
            (
                CUSTOMER,
                Column("start", "time", required=True, past=True),
                Column("end", "time"),
                Column("monthly_fee", "money", between=(0, 1e9)),
                Column("plan", "text"),
            ),
            order=("start", "end"),
            when="start",
        ),
        Contract(
            "campaigns",
            (
                CUSTOMER,
                TIME,
                Column("campaign", "text", required=True),
                Column("arm", "text", one_of=("treated", "control")),
                Column("cost", "money"),
                Column("response", "flag"),
            ),
        ),
        Contract(
            "survey",
            (
                Column("respondent_id", "id", required=True),
                Column("customer_id", "id"),
                Column("time", "time", past=True),
                Column("wave", "value"),
                Column("weight", "number", between=(0, 1e9)),
            ),
            key=("respondent_id", "wave"),
            extra=True,
        ),
        Contract(
            "kano",
            (
                Column("respondent_id", "id", required=True),
                Column("feature", "text", required=True),
                Column("functional", "integer", required=True, between=(1, 5)),
                Column("dysfunctional", "integer", required=True, between=(1, 5)),
            ),
        ),
    )
}
"""The contract of every table, by name."""
