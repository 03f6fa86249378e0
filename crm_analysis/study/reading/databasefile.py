"""Database files: a table or view of a SQLite or DuckDB file, read without changing it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import duckdb

from crm_analysis.errors import ContractError
from crm_analysis.study.config import TableConfig
from crm_analysis.study.reading import header
from crm_analysis.study.reading.extract import Extract, write
from crm_analysis.study.reading.quoting import literal, quote

_ATTACHED = "__source"
# Types that Parquet would round: their text is exact.
_WIDE = ("HUGEINT", "UHUGEINT", "BIGNUM")


def sqlite_relations(file: Path) -> list[str]:
    """Name the tables and views of a SQLite file.

    Parameters
    ----------
    file : Path
        The file.

    Returns
    -------
    list of str

    Raises
    ------
    ContractError
        If it cannot be read.
    """
    with _sqlite("database", file) as database:
        return _in_sqlite(database)


def duckdb_relations(file: Path) -> list[str]:
    """Name the tables and views of a DuckDB file, as ``schema.name`` where the schema is not main.

    Parameters
    ----------
    file : Path
        The file.

    Returns
    -------
    list of str

    Raises
    ------
    ContractError
        If it cannot be read.
    """
    with duckdb.connect() as connection, _attached(connection, "database", file):
        return list(_in_duckdb(connection))


def from_sqlite(config: TableConfig, files: Sequence[Path], scratch: Path) -> list[Extract]:
    """Copy a table of each SQLite file, every value as text: SQLite types values, not columns.

    Parameters
    ----------
    config : TableConfig
        The table's section of study.toml; `relation` names the table, by default the only one.
    files : sequence of Path
        The files.
    scratch : Path
        A folder for passing files.

    Returns
    -------
    list of Extract
        One per file.

    Raises
    ------
    ContractError
        If a file cannot be read, or it is not clear which table is meant.
    """
    extracts = []
    for place, file in enumerate(files):
        with _sqlite(config.table, file) as database:
            relation = _chosen(config, file, _in_sqlite(database))
            _is_sound(database)
            rows = database.execute(f"SELECT * FROM {quote(relation)}")
            head = header.name([column[0] for column in rows.description])
            parquet = scratch / f"{place}.parquet"
            write(rows, head.names, parquet)
        extracts.append(Extract(file, parquet, head.unnamed, (*_told(config, relation), *head.notes)))
    return extracts


def from_duckdb(
    connection: duckdb.DuckDBPyConnection, config: TableConfig, files: Sequence[Path], scratch: Path
) -> list[Extract]:
    """Copy a table of each DuckDB file with the types it has.

    Parameters
    ----------
    connection : DuckDBPyConnection
        What reads the files; they are attached for reading only, and detached.
    config : TableConfig
        The table's section of study.toml; `relation` names the table, by default the only one.
    files : sequence of Path
        The files.
    scratch : Path
        A folder for passing files.

    Returns
    -------
    list of Extract
        One per file.

    Raises
    ------
    ContractError
        If a file cannot be read, or it is not clear which table is meant.
    """
    extracts = []
    for place, file in enumerate(files):
        parquet = scratch / f"{place}.parquet"
        with _attached(connection, config.table, file):
            known = _in_duckdb(connection)
            relation = _chosen(config, file, list(known))
            wanted = f"SELECT * FROM {known[relation]}"
            wide = [name for name, kind, *_ in connection.sql(f"DESCRIBE {wanted}").fetchall() if kind in _WIDE]
            exact = ", ".join(f"{quote(name)}::VARCHAR AS {quote(name)}" for name in wide)
            replaced = f"SELECT * REPLACE ({exact}) FROM {known[relation]}" if wide else wanted
            connection.execute(f"COPY ({replaced}) TO {literal(str(parquet))} (FORMAT parquet)")
        extracts.append(Extract(file, parquet, notes=_told(config, relation)))
    return extracts


def companions(file: Path) -> list[Path]:
    """List the journals beside a database file that hold rows not yet written to it."""
    found = [file.with_name(file.name + ending) for ending in ("-wal", ".wal")]
    return [journal for journal in found if journal.is_file() and journal.stat().st_size > 0]


def _told(config: TableConfig, relation: str) -> tuple[str, ...]:
    return (f"table {relation!r}",) if config.relation is None else ()


def _chosen(config: TableConfig, file: Path, relations: list[str]) -> str:
    if not relations:
        raise ContractError(f"{config.table}: {file.name} holds no table; give a database that has one.")
    if config.relation is None and len(relations) == 1:
        return relations[0]
    if config.relation in relations:
        return str(config.relation)
    there = ", ".join(map(repr, relations))
    if config.relation is None:
        raise ContractError(
            f"{config.table}: {file.name} holds {len(relations)} tables ({there}); name one with table = ... under "
            f"[tables.{config.table}]."
        )
    raise ContractError(
        f"{config.table}: {file.name} holds no table {config.relation!r}; it has {there}; correct table under "
        f"[tables.{config.table}]."
    )


@contextmanager
def _sqlite(table: str, file: Path) -> Iterator[sqlite3.Connection]:
    # A journalled file that no one has open would get two files beside it, which a mere reader cannot remove.
    with file.open("rb") as content:
        journalled = content.read(20)[18:] == b"\2\2"
    alone = journalled and not file.with_name(file.name + "-wal").exists()
    address = f"{file.resolve().as_uri()}?mode=ro{'&immutable=1' if alone else ''}"
    try:
        with closing(sqlite3.connect(address, uri=True)) as database:
            yield database
    except (sqlite3.Error, UnicodeDecodeError) as error:
        # Its own words would show the value, which may be a customer's name.
        undecoded = isinstance(error, UnicodeDecodeError) or "Could not decode" in str(error)
        reason = "it holds text that is not UTF-8" if undecoded else str(error).rstrip(".")
        cure = "close it there and try again" if "locked" in reason else "export it again, or give the table as CSV"
        raise ContractError(f"{table}: {file.name} cannot be read as sqlite: {reason}; {cure}.") from None


def _is_sound(database: sqlite3.Connection) -> None:
    """A file that was cut off reads as rows of nothing, so its structure is checked first."""
    (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise sqlite3.DatabaseError("its structure is damaged")


def _in_sqlite(database: sqlite3.Connection) -> list[str]:
    named = database.execute(
        "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' "
        "ORDER BY name"
    )
    return [name for (name,) in named]


@contextmanager
def _attached(connection: duckdb.DuckDBPyConnection, table: str, file: Path) -> Iterator[None]:
    try:
        connection.execute(f"ATTACH {literal(str(file))} AS {_ATTACHED} (READ_ONLY)")
        try:
            yield
        finally:
            connection.execute(f"DETACH {_ATTACHED}")
    except duckdb.Error as error:
        reason = str(error)
        if "Could not set lock" in reason or "already attached" in reason:
            why = "another program has it open for writing; close it there and try again"
        elif "newer version" in reason:
            why = "it was written by a newer DuckDB; update the package duckdb, or export the table as Parquet"
        else:
            why = f"{reason.strip().splitlines()[0].rstrip('.')}; export it again, or give the table as Parquet"
        raise ContractError(f"{table}: {file.name} cannot be read as duckdb: {why}.") from None


def _in_duckdb(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Name of each table and view -> how SQL calls it."""
    named = connection.execute(
        "SELECT schema_name, table_name AS name FROM duckdb_tables() WHERE database_name = $name AND NOT internal "
        "UNION ALL SELECT schema_name, view_name FROM duckdb_views() WHERE database_name = $name AND NOT internal "
        "ORDER BY ALL",
        {"name": _ATTACHED},
    ).fetchall()
    return {
        name if schema == "main" else f"{schema}.{name}": ".".join(map(quote, (_ATTACHED, schema, name)))
        for schema, name in named
    }
