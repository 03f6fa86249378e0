"""Exact copies of rows, and the first row of each customer where a file has one row per order."""

from __future__ import annotations

from dataclasses import replace

import duckdb

from crm_analysis.errors import ContractError
from crm_analysis.study.cleaning.checking import COPY
from crm_analysis.study.cleaning.expression import Columned
from crm_analysis.study.cleaning.formats import trimmed
from crm_analysis.study.config import TableConfig
from crm_analysis.study.reading.sources import Source, quote
from crm_analysis.study.tables import ROW
from crm_analysis.table import count

# Tables whose rows may be equal by right, where this column does not tell them apart.
_TOLD_APART = {"transactions": "order_id", "survey": "respondent_id"}
_WHAT = {"transactions": "purchases", "survey": "answers"}


def rows_of(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    """Count the rows of a query."""
    return int((connection.sql(f"SELECT count(*) FROM ({query})").fetchone() or (0,))[0])


def are_removed(source: Columned, config: TableConfig) -> bool:
    """Whether exact copies of a row are mistakes.

    Two equal order lines without an order number may be two purchases, and two equal answers without a respondent two
    respondents, so they stay unless `duplicates` says otherwise.
    """
    if config.duplicates is not None:
        return config.duplicates == "remove"
    told_apart = _TOLD_APART.get(source.table)
    return told_apart is None or told_apart in config.columns or told_apart in source.columns


def kept(source: Source, rows: int) -> str:
    """Say in a sentence that copies were kept, and why."""
    equal = f"{count(rows, 'row')} {'equals' if rows == 1 else 'equal'} an earlier one"
    name = _TOLD_APART.get(source.table)
    if name is None or name in source.columns:
        return f"{equal} and {'is' if rows == 1 else 'are'} kept, as study.toml says."
    return (
        f"{equal}; without {'an' if name.startswith('o') else 'a'} {name} they may be {_WHAT[source.table]} of their "
        'own and are kept (duplicates = "remove" removes them).'
    )


def count_copies(connection: duckdb.DuckDBPyConnection, source: Source) -> int:
    """Count the rows that equal an earlier one in all columns of the source."""
    columns = ", ".join(map(quote, source.columns))
    hashes = f"SELECT count(*) > count(DISTINCT hash({columns})) FROM ({source.query})"
    if not (connection.sql(hashes).fetchone() or (False,))[0]:
        return 0
    return rows_of(connection, source.query) - rows_of(connection, f"SELECT DISTINCT {columns} FROM ({source.query})")


def mark_copies(source: Source) -> Source:
    """Return the source with a column `COPY` that is true in every row that equals an earlier one."""
    columns = ", ".join(map(quote, source.columns))
    place = f"row_number() OVER (PARTITION BY {columns} ORDER BY {ROW})"
    return replace(source, query=f"SELECT *, {place} > 1 AS {COPY} FROM ({source.query})")


def first_of_each(source: Source, config: TableConfig) -> Source:
    """Return the source with only the first row of each value of the column that `one_per` names.

    Raises
    ------
    ContractError
        If the source has no such column.
    """
    assert config.one_per is not None
    given = config.columns.get(config.one_per, config.one_per)
    if not isinstance(given, str):
        # A computed column is known only after the mapping.
        return source
    if given not in source.columns:
        raise ContractError(
            f"{config.table}: one_per = {config.one_per!r} needs a column that is not in {source.label} (columns "
            f"there: {', '.join(source.columns)}); map it under [tables.{config.table}], columns."
        )
    value = trimmed(quote(given)) if source.columns[given] == "VARCHAR" else quote(given)
    return replace(source, query=first_rows(source.query, value))


def first_rows(query: str, value: str) -> str:
    """SQL of the first row of each value that is given."""
    return (
        f"SELECT * FROM ({query}) WHERE {value} IS NOT NULL "
        f"QUALIFY row_number() OVER (PARTITION BY {value} ORDER BY {ROW}) = 1"
    )
