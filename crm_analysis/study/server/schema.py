"""A database's schema: the tables and views that study.toml names, their columns and the columns' types."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crm_analysis.errors import ContractError
from crm_analysis.study.config import TableConfig
from crm_analysis.study.reading.sources import quote

if TYPE_CHECKING:
    from ibis.backends.postgres import Backend

_FROM = (
    "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    "WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p') "
)
_KEY = (
    "EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND i.indisvalid "
    "AND i.indimmediate)"
)
_MANY = 12


@dataclass(frozen=True)
class DatabaseTable:
    """A table or view of a database: the contract's name for it, its schema and name, its columns with their types.

    A column that the user may not read is not there. `has_key` says that no two rows can be equal.
    """

    table: str
    schema: str
    name: str
    columns: dict[str, str]
    has_key: bool = False

    @property
    def label(self) -> str:
        """What a message calls it."""
        return f"{self.schema}.{self.name}"

    @property
    def sql(self) -> str:
        """How SQL names it."""
        return f"{quote(self.schema)}.{quote(self.name)}"


def find(backend: Backend, settings: TableConfig) -> DatabaseTable:
    """Find the table or view that a ``source`` names: ``"orders"`` or ``"schema.orders"``.

    Parameters
    ----------
    backend : ibis PostgreSQL backend
        The server.
    settings : TableConfig
        The table's section of study.toml.

    Returns
    -------
    DatabaseTable

    Raises
    ------
    ContractError
        If there is no such schema or table, or this user may not read it.
    """
    schema, _, name = settings.source.rpartition(".")
    row = backend.con.execute(
        f"SELECT c.oid, n.nspname, has_schema_privilege(n.oid, 'USAGE'), {_KEY} {_FROM} AND c.relname = %(name)s "
        "AND CASE WHEN %(schema)s = '' THEN n.nspname = ANY(current_schemas(false)) ELSE n.nspname = %(schema)s END "
        "ORDER BY array_position(current_schemas(false), n.nspname) LIMIT 1",
        {"name": name, "schema": schema},
    ).fetchone()
    if row is None:
        raise ContractError(
            f"{settings.table}: {_missing(backend, schema, name)}; change source under [tables.{settings.table}]."
        )
    oid, schema, usable, has_key = row
    columns = backend.con.execute(
        "SELECT attname, has_column_privilege(attrelid, attnum, 'SELECT') FROM pg_catalog.pg_attribute "
        "WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        (oid,),
    ).fetchall()
    readable = [column for column, may in columns if may and usable]
    if not readable:
        raise ContractError(
            f"{settings.table}: the database does not let this user read {schema}.{name}; have its owner GRANT USAGE "
            f"ON SCHEMA {schema} and GRANT SELECT ON {schema}.{name} to that user."
        )
    found = DatabaseTable(settings.table, schema, name, dict.fromkeys(readable, ""))
    kinds = types(backend, found, map(quote, readable))
    return DatabaseTable(
        settings.table, schema, name, dict(zip(readable, kinds, strict=True)), has_key and len(readable) == len(columns)
    )


def types(backend: Backend, table: DatabaseTable, expressions: Iterable[str]) -> list[str]:
    """Let the engine say what type each SQL expression over a table has; no row is read."""
    query = f"SELECT {', '.join(expressions)} FROM {table.sql} LIMIT 0"
    codes = [column.type_code for column in backend.con.execute(query).description or ()]
    named = "SELECT oid, format_type(oid, NULL) FROM pg_catalog.pg_type WHERE oid = ANY(%s)"
    names = dict(backend.con.execute(named, (codes,)).fetchall())
    return [names[code] for code in codes]


def _missing(backend: Backend, schema: str, name: str) -> str:
    """Say what is there instead of a table that is not."""
    own = "AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%' ORDER BY 1, 2"
    there = backend.con.execute(f"SELECT n.nspname, c.relname {_FROM} {own}").fetchall()
    schemas = list(dict.fromkeys(found for found, _ in there))
    if schema and schema not in schemas:
        return f"the database has no schema {schema!r} with tables in it (schemas there: {_listed(schemas)})"
    if schema:
        tables = [other for found, other in there if found == schema]
        return f"the schema {schema!r} of the database has no table {name!r} (tables there: {_listed(tables)})"
    elsewhere = [found for found, other in there if other == name]
    if elsewhere:
        return f"the database looks for {name!r} in another schema than {elsewhere[0]}; write {elsewhere[0]}.{name}"
    tables = [f"{found}.{other}" for found, other in there]
    return f"the database has no table {name!r} (tables there: {_listed(tables)})"


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _MANY} more" if len(names) > _MANY else ""
    return ", ".join(names[:_MANY]) + more if names else "none"
