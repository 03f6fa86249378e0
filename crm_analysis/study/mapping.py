"""Source columns -> contract columns: one SELECT that types each value and keeps beside it what was written."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import duckdb

from crm_analysis.errors import ContractError
from crm_analysis.study.config import Sql, TableConfig
from crm_analysis.study.expression import parse, try_out
from crm_analysis.study.sources import Source, literal, quote
from crm_analysis.study.tables import KINDS, ROW, Contract, raw

# What stands for "nothing" where a number, date or yes/no is expected. In an id or a text they are left alone.
_NOTHING = ("na", "n/a", "nan", "null", "none", "-")
_TIME_FORMATS = ("%Y%m%d", "%Y/%m/%d", "%Y/%m/%d %H:%M", "%Y/%m/%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y%m%d%H%M%S")
_NUMBERS = ("money", "number", "integer")
_YES = ("true", "t", "yes", "y", "1", "是")
_NO = ("false", "f", "no", "n", "0", "否")


@dataclass(frozen=True)
class Mapped:
    """The typed table as a query: columns of the contract, and for each the value as written (``__raw_...``)."""

    query: str
    columns: tuple[str, ...]
    contract: Contract


def map_columns(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    config: TableConfig,
    contract: Contract,
    *,
    timezone: str = "UTC",
    missing: tuple[float, ...] = (),
) -> Mapped:
    """Write the query that turns a raw source into a table of the contract.

    Parameters
    ----------
    connection : DuckDBPyConnection
        Used to find the type of columns that the contract does not know.
    source : Source
        The raw table.
    config : TableConfig
        Its mapping.
    contract : Contract
        Its contract, survey items included.
    timezone : str
        Times written with an offset are turned into local times of this zone; times without one are local already.
    missing : tuple of float
        Codes in survey items that mean "no answer".

    Returns
    -------
    Mapped

    Raises
    ------
    ContractError
        If a required column, or one that the mapping names, is not in the source.
    UsageError
        If an SQL expression is not understood.
    """
    inputs = _inputs(source, config, contract)
    items = {column.name for column in contract.columns if column.kind == "number" and contract.table == "survey"}
    kinds = {column.name: column.kind for column in contract.columns}
    # Three steps, each a SELECT over the one before, so that no expression is written out twice.
    written, given, typed = [ROW], [ROW], [ROW]
    for name, made_of in inputs.items():
        kind, column = kinds.get(name, "value"), quote(raw(name))
        text = isinstance(made_of, Sql) or source.columns[made_of] == "VARCHAR"
        if text and kind == "value":
            kind = _contents(connection, source, _written(made_of, source))
        codes = missing if name in items and name != "weight" else ()
        written.append(f"{_written(made_of, source)} AS {column}")
        given.append(f"{_given(column, kind, codes, text=text)} AS {column}")
        if isinstance(made_of, Sql):
            computed = quote(f"__sql_{name}")
            expression = parse(made_of, source, number=kind in _NUMBERS)[0]
            try_out(connection, expression, made_of, source)
            written.append(f"({expression}){'' if kind in _NUMBERS else '::VARCHAR'} AS {computed}")
            given.append(computed)
            value = _from_text(computed, kind, config.time_format, timezone)
        elif text:
            value = _from_text(column, kind, config.time_format, timezone)
        else:
            value = _from_typed(column, source.columns[made_of], kind, timezone)
        typed += [column, f"{value} AS {quote(name)}"]
    query = source.query
    for step in (written, given, typed):
        query = f"SELECT {', '.join(step)} FROM ({query})"
    return Mapped(query, tuple(inputs), contract)


def _inputs(source: Source, config: TableConfig, contract: Contract) -> dict[str, str | Sql]:
    """Contract column -> what it is made of: the mapping first, then columns that bear the contract's name."""
    there = ", ".join(source.columns)
    inputs: dict[str, str | Sql] = {}
    for name in contract.names:
        given = config.columns.get(name, name)
        if isinstance(given, str) and given not in source.columns:
            if name in config.columns:
                raise ContractError(
                    f"{contract.table}: the mapping {name} = {given!r} names a column that is not in {source.label}; "
                    f"columns there: {there}."
                )
            if name in contract.required:
                cure = f'map it in study.toml, [tables.{contract.table}], columns = {{ {name} = "..." }}'
                if _is_data(source.columns):
                    cure = f"the file seems to have no header line; name its columns under [tables.{contract.table}], "
                    cure += 'names = ["...", "..."]'
                raise ContractError(
                    f"{contract.table}: the required column {name!r} is not in {source.label} "
                    f"(columns there: {there}); {cure}."
                )
            continue
        inputs[name] = given
    items = [column.name for column in contract.columns if contract.table == "survey" and column.kind == "number"]
    absent = [item for item in items if item not in inputs and item != "weight"]
    if absent:
        raise ContractError(
            f"survey: the item {absent[0]!r} of study.toml is not in {source.label} (columns there: {there}); "
            "correct [survey.constructs] or [survey.codes]."
        )
    if contract.extra:
        used = {given for given in inputs.values() if isinstance(given, str)}
        inputs.update({name: given for name, given in config.columns.items() if name not in inputs})
        inputs.update({name: name for name in source.columns if name not in inputs and name not in used})
    return inputs


def _is_data(names: Iterable[str]) -> bool:
    """Whether column names look like a first row of data: at least half are numbers or dates."""
    names = list(names)
    return 2 * sum(bool(re.fullmatch(r"[-+]?[\d.,:/ -]*\d[\d.,:/ -]*", name)) for name in names) >= len(names)


def _written(given: str | Sql, source: Source) -> str:
    if isinstance(given, str):
        if source.columns[given] != "VARCHAR":
            return quote(given)
        # Typed files are read in place, again and again, so their text is not trimmed.
        return f"NULLIF({quote(given)}, '')" if source.typed else f"NULLIF(trim({quote(given)}), '')"
    names = ", ".join(f"trim({quote(name)}::VARCHAR)" for name in parse(given, source)[1])
    return f"NULLIF(concat_ws(' | ', {names}), '')"


def _given(column: str, kind: str, codes: tuple[float, ...], *, text: bool) -> str:
    """Whether a value is given at all: words and codes that stand for nothing are not."""
    value = column
    if text and kind not in ("id", "text"):
        nothing = ", ".join(literal(word) for word in _NOTHING)
        value = f"CASE WHEN lower({value}) IN ({nothing}) THEN NULL ELSE {value} END"
    if codes:
        listed = ", ".join(f"{code:g}" for code in codes)
        value = f"CASE WHEN TRY_CAST({column} AS DOUBLE) IN ({listed}) THEN NULL ELSE {value} END"
    return value


def _from_text(value: str, kind: str, time_format: str | None, timezone: str) -> str:
    if kind in ("id", "text"):
        return value
    if kind == "time":
        return _time(value, time_format, timezone)
    if kind == "flag":
        yes, no = (", ".join(literal(word) for word in words) for words in (_YES, _NO))
        return f"CASE WHEN lower({value}) IN ({yes}) THEN true WHEN lower({value}) IN ({no}) THEN false END"
    number = f"TRY_CAST({value} AS DOUBLE)"
    if kind == "integer":
        return f"CASE WHEN {number} = floor({number}) THEN TRY_CAST({number} AS BIGINT) END"
    if kind == "money":
        return f"TRY_CAST({value} AS DECIMAL(18, 4))"
    return f"CASE WHEN isfinite({number}) THEN {number} END"


def _time(value: str, time_format: str | None, timezone: str) -> str:
    if time_format is not None:
        return f"try_strptime({value}, {literal(time_format)})::TIMESTAMP"
    formats = "[" + ", ".join(literal(form) for form in _TIME_FORMATS) + "]"
    return (
        f"CASE WHEN regexp_matches({value}, ':\\d\\d(\\.\\d+)?\\s*(Z|[+-]\\d\\d:?\\d\\d|[+-]\\d\\d)$') "
        f"THEN TRY_CAST({value} AS TIMESTAMPTZ) AT TIME ZONE {literal(timezone)} "
        f"ELSE COALESCE(TRY_CAST({value} AS TIMESTAMP), try_strptime({value}, {formats})) END"
    )


def _from_typed(value: str, typed: str, kind: str, timezone: str) -> str:
    if kind == "value":
        return value
    target = KINDS[kind][0]
    if kind == "time":
        if typed.startswith("TIMESTAMP WITH TIME ZONE"):
            return f"({value} AT TIME ZONE {literal(timezone)})::TIMESTAMP"
        return value if typed == "TIMESTAMP" else f"TRY_CAST({value} AS TIMESTAMP)"
    engine = {"string": "VARCHAR", "float64": "DOUBLE", "int64": "BIGINT"}.get(target, target.upper())
    if typed.replace(" ", "") == engine.replace(" ", ""):
        return value
    if kind == "integer":
        # A cast would round 2.5; a whole number it is not.
        return _from_text(value, kind, None, timezone)
    return f"TRY_CAST({value} AS {engine})"


def _contents(connection: duckdb.DuckDBPyConnection, source: Source, written: str) -> str:
    """Find the kind of a text column from its contents; numbers that look like ids stay text.

    Such are numbers with a leading zero and whole numbers of ten digits or more: telephones, bar codes.
    """
    row = connection.sql(
        # A cast of '1.5' to a whole number rounds instead of failing, hence the comparison.
        "SELECT count(v), count(TRY_CAST(v AS DOUBLE)), "
        "count(*) FILTER (TRY_CAST(v AS DOUBLE) = floor(TRY_CAST(v AS DOUBLE))), "
        "count(TRY_CAST(v AS TIMESTAMP)), count(*) FILTER (regexp_matches(v, '^(-?0\\d.*|\\d{10,})$')) "
        f"FROM (SELECT {_given('v', 'number', (), text=True)} AS v FROM (SELECT {written} AS v FROM ({source.query})))"
    ).fetchone()
    given, numbers, whole, times, ids = row or (0, 0, 0, 0, 0)
    if given == 0 or ids:
        return "text"
    if whole == given and numbers == given:
        return "integer"
    if numbers == given:
        return "number"
    return "time" if times == given else "text"
