"""The engine of a study: DuckDB in this process, and the database server where a study's tables lie in one."""

from __future__ import annotations

import io
import os
import weakref
from typing import TYPE_CHECKING, Any

import duckdb
import ibis

from crm_analysis.errors import UsageError
from crm_analysis.study.config import SERVERS, StudyConfig
from crm_analysis.study.reading.sources import literal, quote
from crm_analysis.study.server.casting import TYPES

if TYPE_CHECKING:
    import psycopg
    from ibis.backends.duckdb import Backend as DuckDB
    from ibis.backends.postgres import Backend as Postgres

PUT_ROWS = 1_000_000
"""How many rows a file may have whose table is put beside the tables of a database."""

_EXAMPLE = "postgresql://user:password@host:5432/database"
_SECONDS_TO_CONNECT = 15


def in_process(config: StudyConfig) -> DuckDB:
    """Start DuckDB in this process, with the settings of study.toml.

    Parameters
    ----------
    config : StudyConfig
        The study.

    Returns
    -------
    ibis DuckDB backend

    Raises
    ------
    UsageError
        If the timezone or the memory limit is not understood.
    """
    backend = ibis.duckdb.connect()
    try:
        backend.con.execute(f"SELECT now() AT TIME ZONE {literal(config.timezone)}")
    except duckdb.Error:
        raise _unknown_timezone(config) from None
    try:
        backend.con.execute(f"SET memory_limit = {literal(config.memory_limit or memory_limit())}")
    except duckdb.Error:
        raise UsageError(
            f"[engine] memory_limit = {config.memory_limit!r} is not understood; give a size such as '2GB'."
        ) from None
    # Extensions are downloads; where they are missing an offline machine must say so at once.
    backend.raw_sql("SET autoinstall_known_extensions = false")
    backend.raw_sql("PRAGMA disable_progress_bar")
    return backend


def memory_limit() -> str:
    """A twelfth of the memory, at least 1 GB: several kernels run at once, and DuckDB spills to disk beyond it."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return f"{max(1000, total // 12 // 1_000_000)}MB"


def server(config: StudyConfig) -> Postgres | None:
    """Connect to the database server that study.toml names, if a table of the study lies there.

    No message holds the address, since it may hold a password. The connection is closed when nothing uses it any more.

    Parameters
    ----------
    config : StudyConfig
        The study; its engine is an address without a password, or ``env:NAME``, the name of an environment variable
        that holds one.

    Returns
    -------
    ibis PostgreSQL backend or None
        Its session runs in UTC. None if all tables are files.

    Raises
    ------
    UsageError
        If PostgreSQL's driver is not installed, the variable is not set, the address is wrong, or the server refuses.
    """
    there = [table for table, settings in config.tables.items() if settings.format == "engine"]
    if not there:
        return None
    if config.engine == "duckdb://":
        raise UsageError(
            f'[tables.{there[0]}] format = "engine" needs a database; name it: [engine] url = "env:CRM_DATABASE_URL".'
        )
    address, place = _address(config.engine)
    try:
        import psycopg
        from ibis.backends.postgres import Backend
    except ImportError:
        raise UsageError(
            'PostgreSQL needs its driver, which is not installed; run: pip install "crm-analysis[postgres]".'
        ) from None
    try:
        connection = psycopg.connect(
            address,
            autocommit=True,
            client_encoding="utf8",
            application_name="crm-analysis",
            connect_timeout=_SECONDS_TO_CONNECT,
        )
    except psycopg.Error as error:
        # The driver's own words may repeat the address, password and all.
        raise UsageError(_refusal(error, place)) from None
    backend = Backend.from_connection(connection)
    weakref.finalize(backend, _close, connection)
    # The planner takes a grouped table for a few rows and would join it row by row: market baskets took a minute, and
    # a second so.
    connection.execute("SET enable_nestloop = off")
    try:
        connection.execute("SELECT now() AT TIME ZONE %s", (config.timezone,))
    except psycopg.Error:
        raise _unknown_timezone(config) from None
    return backend


def put(backend: Postgres, table: str, rows: ibis.Table) -> ibis.Table:
    """Put a clean table of files beside the tables of the database, as a temporary table of this connection.

    Parameters
    ----------
    backend : ibis PostgreSQL backend
        The server.
    table : str
        The contract's name of the table.
    rows : ibis.Table
        The clean rows, in another engine.

    Returns
    -------
    ibis.Table

    Raises
    ------
    UsageError
        If there are more than `PUT_ROWS` rows, or this user may not make temporary tables.
    """
    import psycopg
    import pyarrow as pa
    from pyarrow import csv

    count = int(rows.count().to_pandas())
    if count > PUT_ROWS:
        raise UsageError(
            f"{table}: a file of {count:,} rows is too large to be put beside the tables of the database (at most "
            f"{PUT_ROWS:,}); load it into the database and name its table there as source."
        )
    rows = rows.mutate(**{column: rows[column].cast(_storable(kind)) for column, kind in rows.schema().items()})
    schema = {column: _storable(kind) for column, kind in rows.schema().items()}
    name = quote(f"crm_analysis_{table}")
    columns = ", ".join(f"{quote(column)} {TYPES[kind]}" for column, kind in schema.items())
    plain = csv.WriteOptions(include_header=False)
    try:
        with backend.con.transaction(), backend.con.cursor() as cursor:
            cursor.execute(f"CREATE TEMPORARY TABLE {name} ({columns})")
            with cursor.copy(f"COPY {name} FROM STDIN (FORMAT csv)") as copy:
                for batch in rows.to_pyarrow().to_batches(max_chunksize=50_000):
                    text = io.BytesIO()
                    csv.write_csv(pa.Table.from_batches([batch]), text, plain)
                    copy.write(text.getvalue())
            cursor.execute(f"ANALYZE {name}")
    except psycopg.Error as error:
        raise UsageError(
            f"{table}: its file cannot be put beside the tables of the database as a temporary table: "
            f"{reason(error)}; load it into the database and name its table there as source."
        ) from None
    return backend.sql(f"SELECT {', '.join(map(quote, schema))} FROM {name}", schema=schema)


def _storable(kind: Any) -> str:
    """The one of the contract's types that a column of a clean table has or can take."""
    if kind.is_decimal():
        return "decimal(18, 4)" if (kind.precision, kind.scale) == (18, 4) else "float64"
    tests = {
        "int64": kind.is_integer,
        "float64": kind.is_floating,
        "boolean": kind.is_boolean,
        "timestamp(6)": kind.is_timestamp,
        "date": kind.is_date,
    }
    return next((name for name, holds in tests.items() if holds()), "string")


def version(backend: Postgres) -> str:
    """Name and version of a server, such as ``PostgreSQL 15.14``."""
    return "PostgreSQL " + backend.con.info.parameter_status("server_version").split()[0]


def reason(error: Any) -> str:
    """Give the first line of an engine's complaint, without its full stop."""
    return str(error).strip().splitlines()[0].rstrip(".")


def _close(connection: psycopg.Connection[Any]) -> None:
    connection.close()


def _address(engine: str) -> tuple[str, str]:
    """The server's address, and what a message calls the place where it is written."""
    if not engine.startswith("env:"):
        return engine, "[engine] url"
    name = engine.removeprefix("env:").strip()
    if not name:
        raise UsageError(
            '[engine] url = "env:" lacks the name of an environment variable, as in "env:CRM_DATABASE_URL".'
        )
    address = os.environ.get(name, "").strip()
    if not address:
        raise UsageError(
            f"the environment variable {name}, which [engine] url names, is not set; set it to the database's address, "
            f"such as {_EXAMPLE}."
        )
    if address.partition("://")[0] not in SERVERS:
        raise UsageError(
            f"the environment variable {name} holds no address of a PostgreSQL database; write it as {_EXAMPLE}."
        )
    return address, f"the environment variable {name}"


# What the driver says, in small letters -> what it means and what to do.
_REFUSALS = (
    (("refused", "timeout", "unreachable", "no route"), "no server answers there; start it, or correct host and port"),
    (
        ("resolve", "translate host", "port number"),
        "there is no such host or port; correct them, and write special characters of a password as %40, %2F and so on",
    ),
    (("ssl",), "server and address do not agree on encryption; correct sslmode in the address"),
    (("password", "role ", "pg_hba", "authentication"), "the server refuses the user or the password; correct them"),
    (("database ",), "the server has no such database, or not for this user; correct its name"),
)


def _refusal(error: psycopg.Error, place: str) -> str:
    """What a refused connection means; the words of a server that speaks another language are not understood."""
    import psycopg

    if isinstance(error, psycopg.ProgrammingError):
        meaning = (
            f"that is no address; write it as {_EXAMPLE}, special characters of the password as %40, %2F and so on"
        )
    else:
        said = str(error).lower()
        meanings = (meaning for words, meaning in _REFUSALS if any(word in said for word in words))
        meaning = next(meanings, "check host, port, user, password and database in the address")
    return f"the database that {place} names cannot be opened: {meaning}."


def _unknown_timezone(config: StudyConfig) -> UsageError:
    return UsageError(f"[study] timezone = {config.timezone!r} is not known; use a name such as 'Asia/Shanghai'.")
