"""Customers' ids across files: found by their values, and given back the zeros that a spreadsheet took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import duckdb

from crm_analysis.study.proposal.propose import Proposal, best
from crm_analysis.study.proposal.relations import Relation
from crm_analysis.study.reading.sources import quote

# More different customers than this are not compared between files.
_MOST = 1_000_000


def follow(
    connection: duckdb.DuckDBPyConnection, found: Sequence[Proposal], unknown: Sequence[Relation]
) -> tuple[list[Proposal], list[Relation]]:
    """Look once more at what lacks the customer's id: it may hold values that are ids in the customers' own table.

    Parameters
    ----------
    connection : DuckDBPyConnection
        The engine that reads the relations.
    found : sequence of Proposal
        What names and contents told.
    unknown : sequence of Relation
        What was recognised as nothing.

    Returns
    -------
    tuple of list of Proposal and list of Relation
        The same, with what the values told beside.
    """
    ids = next((of_customers(connection, one) for one in found if one.table == "customers"), frozenset())
    if not ids:
        return list(found), list(unknown)
    looked = [best(one.relation, ids=ids) or one if "customer_id" in one.missing else one for one in found]
    still = []
    for relation in unknown:
        again = best(relation, ids=ids) if relation.columns else None
        if again is None:
            still.append(relation)
        else:
            looked.append(again)
    return looked, still


def of_customers(connection: duckdb.DuckDBPyConnection, one: Proposal) -> frozenset[str]:
    """Return the ids of the customers of a proposal; none where there are too many to compare."""
    line = one.line("customer_id")
    if line is None or not isinstance(line.given, str):
        return frozenset()
    query = f"SELECT DISTINCT trim({quote(line.given)}::VARCHAR) FROM ({one.relation.source.query}) LIMIT {_MOST}"
    rows = connection.sql(query).fetchall()
    return frozenset(value for (value,) in rows if value) if len(rows) < _MOST else frozenset()


def pad(connection: duckdb.DuckDBPyConnection, chosen: Sequence[Proposal]) -> list[Proposal]:
    """Propose to put back leading zeros where ids of two tables meet only with them.

    Parameters
    ----------
    connection : DuckDBPyConnection
        The engine that reads the relations.
    chosen : sequence of Proposal
        One per table.

    Returns
    -------
    list of Proposal
        The same; tables whose ids have lost their zeros have a `pad`.
    """
    customers = next((one for one in chosen if one.table == "customers"), None)
    ids = of_customers(connection, customers) if customers is not None else frozenset()
    padded = {one.table: one for one in chosen}
    for one in chosen:
        contents = one.contents("customer_id")
        if not ids or one is customers or contents is None:
            continue
        values = frozenset(contents.values)
        if width := _lost(values, ids):
            padded[one.table] = replace(one, pad={"customer_id": width})
        elif (width := _lost(ids, values)) and customers is not None:
            padded["customers"] = replace(customers, pad={"customer_id": width})
    return list(padded.values())


def _lost(short: frozenset[str], whole: frozenset[str]) -> int:
    """Return the width of the whole ids if short ones, filled with zeros to it, meet many more of them; else 0."""
    widths = {len(one) for one in whole if one.isdigit()}
    if len(widths) != 1 or not any(one.startswith("0") for one in whole):
        return 0
    width = widths.pop()
    bare = {one.removesuffix(".0") for one in short}
    if any(len(one) > width or not one.isdigit() for one in bare):
        return 0
    # Which of the two is the sample of the other is not known: the smaller number of ids says how many can meet.
    most = min(len(bare), len(whole))
    met, filled = len(bare & whole), len({one.zfill(width) for one in bare} & whole)
    return width if filled > met and filled >= 0.5 * most else 0
