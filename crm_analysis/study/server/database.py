"""Tables of a database server: mapped to the contract and checked where they lie, never changed.

What is PostgreSQL's SQL here only types columns. The rules are asked, and rows that break one are left out, by
expressions that every engine shares.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crm_analysis.errors import ContractError, UsageError
from crm_analysis.study.cleaning.checking import COPY, CleanTable, examine
from crm_analysis.study.cleaning.duplicates import are_removed
from crm_analysis.study.cleaning.expression import parse
from crm_analysis.study.cleaning.mapping import inputs_of
from crm_analysis.study.config import Sql, StudyConfig, TableConfig
from crm_analysis.study.reading.sources import quote
from crm_analysis.study.server import casting, engine
from crm_analysis.study.server.schema import DatabaseTable, find, types
from crm_analysis.study.tables import CONTRACTS, ROW, Contract, raw

if TYPE_CHECKING:
    import ibis
    from ibis.backends.postgres import Backend

QUARANTINE_ROWS = 10_000
"""How many offending rows of a database's table are written to its quarantine file."""

_DIGEST_ROWS = 1_000_000
_FOR_FILES = ("delimiter", "names", "time_format", "encoding", "decimal", "sheet", "relation")


@dataclass(frozen=True)
class Given:
    """What a column of the contract is made of: SQL of its value, its type in the database, its kind in the contract.

    `written` is, for an expression, the SQL of the values it is computed from.
    """

    value: str
    type: str
    kind: str
    written: str = ""


def check(backend: Backend, config: StudyConfig, table: str, folder: Path) -> tuple[CleanTable, ibis.Table]:
    """Map a table of the database to its contract and ask it every rule; nothing is written to the database.

    Parameters
    ----------
    backend : ibis PostgreSQL backend
        The server.
    config : StudyConfig
        The study.
    table : str
        The contract's name of the table.
    folder : Path
        The study's folder; at most `QUARANTINE_ROWS` of the rows that break a rule are written to ``quarantine``.

    Returns
    -------
    CleanTable
        What was found.
    ibis.Table
        The rows that keep the contract, as an expression over the database's table.

    Raises
    ------
    UsageError
        If a setting is for files only, or an SQL expression is not understood.
    ContractError
        If the table is not there, may not be read, lacks a required column, has text where a number or a time is
        needed, or no row is left.
    """
    import psycopg

    settings = config.tables[table]
    for name in _FOR_FILES:
        if getattr(settings, name):
            key = "table" if name == "relation" else name
            raise UsageError(f"[tables.{table}] {key} is for files; a table of the database does without it.")
    contract = CONTRACTS[table].with_items(config.survey.items) if table == "survey" else CONTRACTS[table]
    source = find(backend, settings)
    inputs = inputs_of(source, settings, contract)
    if inputs.get("respondent_id") == Sql(ROW):
        raise ContractError(
            f"survey: the required column 'respondent_id' is not in {source.label} (columns there: "
            f"{', '.join(source.columns)}), and rows of a database have no numbers to serve as one; "
            'map it in study.toml, [tables.survey], columns = { respondent_id = "..." }.'
        )
    if settings.one_per is not None and settings.one_per not in inputs:
        raise ContractError(
            f"{table}: one_per = {settings.one_per!r} needs a column that is not in {source.label} (columns there: "
            f"{', '.join(source.columns)}); map it under [tables.{table}], columns."
        )
    given = _given(backend, source, contract, inputs)
    try:
        rows = _count(backend, f"SELECT 1 FROM {source.sql}")
        if not rows:
            raise ContractError(
                f"{table}: the table {source.label} of the database has no rows; fill it, or change source under "
                f"[tables.{table}]."
            )
        copies = _has_copies(backend, source, settings, rows)
        checked = _mapped(backend, source, settings, contract, config, given, mark_copies=copies)
        quarantine = folder / "quarantine" / f"{table}.csv"
        found = examine(
            checked,
            contract,
            tuple(inputs),
            label=source.label,
            quarantine=quarantine,
            numbered=False,
            at_most=QUARANTINE_ROWS,
        )
    except psycopg.Error as error:
        raise ContractError(
            f"{table}: the database cannot compute the columns of {source.label} as study.toml says: "
            f"{engine.reason(error)}; make a view that types them, and name it as source."
        ) from None
    broken = found.copies + sum(breach.rows for breach in found.breaches)
    cleaned = CleanTable(
        table,
        in_place=not found.breaches,
        files=(),
        rows_read=rows,
        rows_left_out=found.left_out,
        breaches=found.breaches,
        copies_removed=found.copies,
        rows_passed_over=rows - found.rows,
        one_per=settings.one_per or "",
        given=_values_given(checked, tuple(inputs)) if broken else {},
        notes=(_cut_short(broken, quarantine.name),) if broken > QUARANTINE_ROWS else (),
    )
    return cleaned, found.kept.select(*inputs)


def _values_given(checked: ibis.Table, columns: tuple[str, ...]) -> dict[str, int]:
    """Count the values in each column before the rules are asked."""
    originals = checked.filter(~checked[COPY]) if COPY in checked.columns else checked
    counts = {f"v{place}": originals[raw(name)].count() for place, name in enumerate(columns)}
    row = originals.aggregate(**counts).to_pyarrow().to_pylist()[0]
    return {name: int(row[f"v{place}"]) for place, name in enumerate(columns)}


def _cut_short(broken: int, file: str) -> str:
    return f"quarantine/{file} holds {QUARANTINE_ROWS:,} of {broken:,} entries; the others are in the database only."


def _count(backend: Backend, query: str) -> int:
    row = backend.con.execute(f"SELECT COUNT(*) FROM ({query}) AS counted").fetchone()
    return int(row[0]) if row else 0


def _has_copies(backend: Backend, source: DatabaseTable, settings: TableConfig, rows: int) -> bool:
    """Whether there are exact copies of rows that must go; where a key is unique there are none to look for."""
    if source.has_key or settings.one_per is not None or not are_removed(source, settings):
        return False
    return _count(backend, f"SELECT DISTINCT {', '.join(casting.comparable(source))} FROM {source.sql}") < rows


def _mapped(
    backend: Backend,
    source: DatabaseTable,
    settings: TableConfig,
    contract: Contract,
    config: StudyConfig,
    given: Mapping[str, Given],
    *,
    mark_copies: bool,
) -> ibis.Table:
    """Type the contract's columns in a SELECT over the table, and keep beside each its value as text."""
    items = {column.name for column in contract.columns if column.kind == "number" and contract.table == "survey"}
    inner, outer, schema = [], [], {ROW: "int64"}
    for place, (name, one) in enumerate(given.items()):
        # By number: a name that is already long would be cut, and no longer the only one.
        value, text = one.value, f"__text_{place}"
        if name in items and name != "weight" and config.survey.missing and one.type != "boolean":
            codes = ", ".join(f"{code:g}" for code in config.survey.missing)
            value = f"CASE WHEN {value} IN ({codes}) THEN NULL ELSE {value} END"
        inner.append(f"{value} AS __given_{place}")
        if one.written:
            inner.append(f"{one.written} AS {text}")
        value = f"__given_{place}"
        schema |= {name: casting.engine_type(one.type, one.kind), raw(name): "string"}
        typed = casting.typed(value, one.type, schema[name], config.timezone)
        outer.append(f"{casting.padded(typed, settings.pad.get(name, 0))} AS {quote(name)}")
        outer.append(f'{text if one.written else casting.text(value, one.type)} COLLATE "C" AS {quote(raw(name))}')
    # Rows have no order here. Of several with one key the same is read each time: the first by its values.
    first = f"ROW_NUMBER() OVER (ORDER BY {', '.join(casting.comparable(source))})"
    inner.append(f"{first if contract.key or settings.one_per else 'CAST(0 AS BIGINT)'} AS {ROW}")
    outer.append(ROW)
    if mark_copies:
        inner.append(f"ROW_NUMBER() OVER (PARTITION BY {', '.join(casting.comparable(source))}) > 1 AS {COPY}")
        outer.append(COPY)
        schema[COPY] = "boolean"
    query = f"SELECT {', '.join(outer)} FROM (SELECT {', '.join(inner)} FROM {source.sql}) AS given"
    if settings.one_per is not None:
        key = quote(settings.one_per)
        query = f"SELECT DISTINCT ON ({key}) * FROM ({query}) AS typed WHERE {key} IS NOT NULL ORDER BY {key}, {ROW}"
    return backend.sql(query, schema=schema)


def _given(
    backend: Backend, source: DatabaseTable, contract: Contract, inputs: Mapping[str, str | Sql]
) -> dict[str, Given]:
    """Find what each column of the contract is made of, and refuse types that cannot be what it needs."""
    import psycopg

    kinds = {column.name: column.kind for column in contract.columns}
    found = {}
    for name, made_of in inputs.items():
        kind = kinds.get(name, "value")
        if isinstance(made_of, str):
            found[name] = Given(quote(made_of), source.columns[made_of], kind)
        else:
            expression, used = parse(made_of, source, dialect="postgres")
            try:
                (type_,) = types(backend, source, [expression])
            except psycopg.Error as error:
                raise UsageError(
                    f"[tables.{source.table}] columns: the expression {made_of.expression!r} cannot be computed: "
                    f"{engine.reason(error)}; a text that holds numbers is calculated with as CAST(column AS DOUBLE)."
                ) from None
            parts = ", ".join(f"CAST({quote(part)} AS TEXT)" for part in used)
            found[name] = Given(f"({expression})", type_, kind, f"NULLIF(CONCAT_WS(' | ', {parts}), '')")
        casting.check_type(name, made_of, found[name].type, kind, source)
    return found


def origin(backend: Backend, settings: TableConfig) -> dict[str, Any]:
    """Say what a table of the database is for the record: its name, the server's version, a digest of its rows.

    Parameters
    ----------
    backend : ibis PostgreSQL backend
        The server.
    settings : TableConfig
        The table's section of study.toml.

    Returns
    -------
    dict
        ``file`` (the table's name), ``sha256`` and ``bytes`` (None: there is no file), ``engine`` (the server's
        version) and ``digest``: the sum of PostgreSQL's 64-bit hash of each row, which does not depend on the rows'
        order; None where there are more than a million.
    """
    source = find(backend, settings)
    columns = ", ".join(map(quote, source.columns))
    row = backend.con.execute(
        f"SELECT COUNT(*), SUM(CAST(hashtextextended(CAST(ROW({columns}) AS TEXT), 0) AS NUMERIC)) "
        f"FROM (SELECT {columns} FROM {source.sql} LIMIT {_DIGEST_ROWS + 1}) AS counted"
    ).fetchone()
    rows, total = row if row is not None else (0, None)
    digest = f"{int(total or 0) % 2**64:016x}" if rows <= _DIGEST_ROWS else None
    return {"file": source.label, "sha256": None, "bytes": None, "engine": engine.version(backend), "digest": digest}
