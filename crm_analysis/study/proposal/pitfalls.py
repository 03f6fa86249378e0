"""Pitfalls: what makes the sum of a log wrong though every row of it is sound."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

import duckdb

from crm_analysis.study.proposal.contents import Contents
from crm_analysis.study.proposal.propose import Proposal
from crm_analysis.study.proposal.synonyms import CURRENCY, NO_SALE, normalise
from crm_analysis.study.reading.sources import quote
from crm_analysis.study.tables import ROW

# So many orders of several rows show whether the amount is the row's or the order's.
_ORDERS = 5
# About so many rows are looked at for it.
_ROWS = 200_000
# A column with more different words says something else than what a row is.
_FEW = 30


def warn(connection: duckdb.DuckDBPyConnection, proposal: Proposal) -> Proposal:
    """Look for what would be added up wrongly in a log of orders, and say it.

    Parameters
    ----------
    connection : DuckDBPyConnection
        The engine that reads the relation.
    proposal : Proposal
        How a file maps to the contract.

    Returns
    -------
    Proposal
        The same for tables other than transactions. Otherwise with remarks on several currencies and on rows that may
        be no sales; where the amount is the order's total, repeated or given once, only the first row of each order
        is read (`one_per`).
    """
    if proposal.table != "transactions":
        return proposal
    remarks = [*_currencies(proposal), *_no_sales(proposal)]
    one_per = proposal.one_per
    if not one_per and _is_total(connection, proposal):
        one_per = "order_id"
        remarks.append(
            f"{_named(proposal, 'amount')} seems to be the total of an order of several rows, so the first row of each "
            "order is read"
        )
    return replace(proposal, remarks=(*proposal.remarks, *remarks), one_per=one_per)


def _named(proposal: Proposal, column: str) -> str:
    line = proposal.line(column)
    return f"{line.given!r} of {proposal.relation.label}" if line is not None else column


def _currencies(proposal: Proposal) -> Iterator[str]:
    for column in proposal.relation.columns:
        if normalise(column.name) in CURRENCY.split() and len(column.values) > 1:
            yield (
                f"{column.name!r} of {proposal.relation.label} holds several currencies ({_first(column.values)}), and "
                "amounts are added as they are: turn them into one"
            )


def _no_sales(proposal: Proposal) -> Iterator[str]:
    for column in _worded(proposal):
        odd = [value for value in column.values if _is_no_sale(value)]
        if odd:
            yield (
                f"{column.name!r} of {proposal.relation.label} says that some rows may be no sales ({_first(odd)}): "
                "leave them out by an amount that is given for sales only, a CASE without ELSE"
            )


def _worded(proposal: Proposal) -> Iterator[Contents]:
    used = {line.given for line in proposal.lines if line.column != "category"}
    for column in proposal.relation.columns:
        if column.name not in used and len(column.values) <= _FEW:
            yield column


def _is_no_sale(value: str) -> bool:
    words = NO_SALE.split()
    return any(word in words for word in re.findall(r"[a-zäöüß]+", value.lower())) or any(
        word in value for word in words if not word.isascii()
    )


def _first(values: Iterable[str]) -> str:
    return ", ".join(sorted(values)[:4])


def _is_total(connection: duckdb.DuckDBPyConnection, proposal: Proposal) -> bool:
    """Whether nearly all orders of several different rows have one amount, and orders differ in it."""
    order, amount = proposal.line("order_id"), proposal.line("amount")
    if order is None or amount is None or not isinstance(order.given, str) or not isinstance(amount.given, str):
        return False
    source = proposal.relation.source.query
    # Of a long log some whole orders are looked at.
    part = (connection.sql(f"SELECT count(*) // {_ROWS} + 1 FROM ({source})").fetchone() or (1,))[0]
    rows = f"SELECT DISTINCT * EXCLUDE ({ROW}) FROM ({source}) WHERE hash({quote(order.given)}) % {part} = 0"
    orders = (
        f"SELECT count(*) AS rows, count(DISTINCT {quote(amount.given)}) AS amounts, min({quote(amount.given)}) AS one "
        f"FROM ({rows}) WHERE {quote(order.given)} IS NOT NULL GROUP BY {quote(order.given)}"
    )
    several, alike, different = connection.sql(
        f"SELECT count(*), count(*) FILTER (amounts = 1), count(DISTINCT one) FROM ({orders}) WHERE rows > 1"
    ).fetchone() or (0, 0, 0)
    return several >= _ORDERS and alike >= 0.95 * several and different >= 0.5 * several
