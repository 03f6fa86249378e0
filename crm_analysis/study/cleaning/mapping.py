"""Source columns -> contract columns: one SELECT that types each value and keeps beside it what was written."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import duckdb

from crm_analysis.errors import ContractError
from crm_analysis.study.cleaning.checking import COPY, Act
from crm_analysis.study.cleaning.dates import TimeForm
from crm_analysis.study.cleaning.duplicates import first_rows, mark_copies
from crm_analysis.study.cleaning.evidence import Evidence, gather
from crm_analysis.study.cleaning.expression import Columned, parse, try_out
from crm_analysis.study.cleaning.formats import IdForm, NumberForm, flag, is_nothing, trimmed
from crm_analysis.study.cleaning.tally import NUMBERS, TextColumn
from crm_analysis.study.config import Sql, TableConfig
from crm_analysis.study.reading.sources import Source, literal, quote
from crm_analysis.study.tables import KINDS, ROW, Contract, raw

_ROW_NUMBER = Sql(ROW)
"""Stands for a respondent's id where a survey has none."""


@dataclass(frozen=True)
class Mapped:
    """The typed table as a query: columns of the contract, and for each the value as written (``__raw_...``).

    Attributes
    ----------
    parsed : bool
        Whether a text is read as something else, so that the table is not read in place.
    acts : tuple of Act
        How values were brought into one form.
    notes : tuple of str
        Sentences about what is not certain.
    """

    query: str
    columns: tuple[str, ...]
    contract: Contract
    parsed: bool = False
    acts: tuple[Act, ...] = ()
    notes: tuple[str, ...] = field(default=())


def map_columns(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    config: TableConfig,
    contract: Contract,
    *,
    timezone: str = "UTC",
    missing: tuple[float, ...] = (),
    in_place: bool = False,
    copies: bool = False,
) -> Mapped:
    """Write the query that turns a raw source into a table of the contract.

    Parameters
    ----------
    connection : DuckDBPyConnection
        Used to find how the values of text columns are written.
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
    in_place : bool
        Whether the source is known to need no reading of texts, so that nothing is looked at again.
    copies : bool
        Whether exact copies are marked.

    Returns
    -------
    Mapped

    Raises
    ------
    ContractError
        If a required column, or one that the mapping names, is not in the source, or nothing shows whether the day or
        the month stands first in a column's dates.
    UsageError
        If an SQL expression is not understood.
    """
    inputs = inputs_of(source, config, contract)
    items = {column.name for column in contract.columns if column.kind == "number" and contract.table == "survey"}
    items.discard("weight")
    kinds = {column.name: column.kind for column in contract.columns}
    expressions = {
        name: parse(made_of, source, number=kinds.get(name, "value") in NUMBERS)
        for name, made_of in inputs.items()
        if isinstance(made_of, Sql) and made_of is not _ROW_NUMBER
    }
    looked_at = [
        TextColumn(name, made_of, kinds.get(name, "value"), missing if name in items else (), _is_text(source, made_of))
        for name, made_of in inputs.items()
        if isinstance(made_of, str) and _is_looked_at(name, made_of, kinds, source, config, missing, items)
    ]
    looked_at += _calculated_with(source, expressions, {column.source for column in looked_at})
    found = Evidence() if in_place else gather(connection, source, config, looked_at, timezone=timezone)
    # Three steps, each a SELECT over the one before, so that no expression is written out twice.
    working = [ROW, COPY] if copies else [ROW]
    written, given, typed = list(working), list(working), list(working)
    for name, made_of in inputs.items():
        kind, column = kinds.get(name, "value"), quote(raw(name))
        kind = found.kinds.get(name, "text" if kind == "value" and _is_text(source, made_of) else kind)
        codes = missing if name in items else ()
        worded = kind not in ("id", "text") and _is_text(source, made_of)
        if name in found.kinds and name not in found.absent:
            worded, codes = False, ()
        written.append(f"{_written(made_of, source, expressions.get(name))} AS {column}")
        given.append(f"{_given(column, codes, worded=worded)} AS {column}")
        if isinstance(made_of, Sql) and made_of is not _ROW_NUMBER:
            computed = quote(f"__sql_{name}")
            expression = expressions[name][0]
            try_out(connection, expression, made_of, source)
            expression = _in_one_form(expression, expressions[name][1], found)
            written.append(f"({expression}){'' if kind in NUMBERS else '::VARCHAR'} AS {computed}")
            given.append(computed)
            # Its times are in no column that could be looked at: ISO, or digits only.
            form = TimeForm(("%Y%m%d", "%Y%m%d%H%M%S"), own=config.time_format or "")
            value = _from_text(computed, kind, name, Evidence(times={name: form}), timezone)
        elif made_of is _ROW_NUMBER or _is_text(source, made_of):
            value = _from_text(column, kind, name, found, timezone)
        else:
            value = _from_typed(column, source.columns[str(made_of)], kind, timezone, config.pad.get(name, 0))
        typed += [column, f"{value} AS {quote(name)}"]
    query = mark_copies(source).query if copies else source.query
    for step in (written, given, typed):
        query = f"SELECT {', '.join(step)} FROM ({query})"
    if config.one_per is not None and config.one_per in inputs:
        written_or_typed = f"coalesce({quote(config.one_per)}::VARCHAR, {quote(raw(config.one_per))}::VARCHAR)"
        query = first_rows(query, written_or_typed)
    parsed = any(found.kinds.get(column.name, "text") not in ("id", "text") for column in looked_at if column.text)
    notes = tuple(found.notes)
    if _ROW_NUMBER in inputs.values():
        notes = ("there is no respondent_id, so the number of the row serves as one.", *notes)
    return Mapped(query, tuple(inputs), contract, parsed, tuple(found.acts), notes)


def _is_text(source: Source, made_of: str | Sql) -> bool:
    return isinstance(made_of, Sql) or source.columns[made_of] == "VARCHAR"


def _is_looked_at(
    name: str,
    made_of: str,
    kinds: dict[str, str],
    source: Source,
    config: TableConfig,
    missing: tuple[float, ...],
    items: set[str],
) -> bool:
    """Whether a column's values must be looked at: texts, and typed answers among which there are codes."""
    if not _is_text(source, made_of):
        return bool(missing) and name in items
    # Ids and texts of a typed file stay as they are: it is read in place, however long it is.
    return not source.typed or kinds.get(name, "value") not in ("id", "text") or name in config.pad


def _calculated_with(
    source: Source, expressions: dict[str, tuple[str, list[str]]], known: set[str]
) -> list[TextColumn]:
    """Text columns that an expression reads as numbers, and that no column of the contract is made of."""
    used = {
        name: None
        for expression, columns in expressions.values()
        for name in columns
        if _as_number(name) in expression and name not in known
    }
    return [TextColumn(name, name, "number") for name in used]


def _as_number(name: str) -> str:
    return f"TRY_CAST({quote(name)} AS DOUBLE)"


def _in_one_form(expression: str, columns: list[str], found: Evidence) -> str:
    """Let an expression read the numbers of text columns in the form that the columns use."""
    for name in columns:
        form = found.numbers.get(name)
        if form is not None and not form.plain:
            read = f"TRY_CAST({form.text(trimmed(quote(name)))} AS DOUBLE)"
            expression = expression.replace(_as_number(name), read)
    return expression


def inputs_of(source: Columned, config: TableConfig, contract: Contract) -> dict[str, str | Sql]:
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
            if name == "respondent_id" and contract.table == "survey":
                inputs[name] = _ROW_NUMBER
                continue
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
        # Of several rows with one id, only what the mapping names is known to be the customer's own.
        if config.one_per is None:
            inputs.update({name: name for name in source.columns if name not in inputs and name not in used})
    return inputs


def _is_data(names: Iterable[str]) -> bool:
    """Whether column names look like a first row of data: at least half are numbers or dates."""
    names = list(names)
    return 2 * sum(bool(re.fullmatch(r"[-+]?[\d.,:/ -]*\d[\d.,:/ -]*", name)) for name in names) >= len(names)


def _written(given: str | Sql, source: Source, parsed: tuple[str, list[str]] | None) -> str:
    if given is _ROW_NUMBER:
        return f"{ROW}::VARCHAR"
    if isinstance(given, str):
        if source.columns[given] != "VARCHAR":
            return quote(given)
        # Typed files are read in place, again and again, so their text is not trimmed.
        return f"NULLIF({quote(given)}, '')" if source.typed else trimmed(quote(given))
    assert parsed is not None
    names = ", ".join(trimmed(f"{quote(name)}::VARCHAR") for name in parsed[1])
    return f"NULLIF(concat_ws(' | ', {names}), '')"


def _given(column: str, codes: tuple[float, ...], *, worded: bool) -> str:
    """Whether a value is given at all: words and codes that stand for nothing are not."""
    value = column
    if worded:
        value = f"CASE WHEN {is_nothing(value)} THEN NULL ELSE {value} END"
    if codes:
        listed = ", ".join(f"{code:g}" for code in codes)
        value = f"CASE WHEN TRY_CAST({column} AS DOUBLE) IN ({listed}) THEN NULL ELSE {value} END"
    return value


def _from_text(value: str, kind: str, name: str, found: Evidence, timezone: str) -> str:
    if kind == "id":
        return found.ids.get(name, IdForm()).text(value)
    if kind == "time":
        return found.times.get(name, TimeForm()).sql(value, timezone)
    if kind == "flag":
        return flag(value)
    if kind in NUMBERS:
        written = found.numbers.get(name, NumberForm()).text(value, percent=kind == "number")
        return _number(written, kind)
    return value


def _number(value: str, kind: str) -> str:
    number = f"TRY_CAST({value} AS DOUBLE)"
    if kind == "integer":
        return f"CASE WHEN {number} = floor({number}) THEN TRY_CAST({number} AS BIGINT) END"
    if kind == "money":
        return f"TRY_CAST({value} AS DECIMAL(18, 4))"
    return f"CASE WHEN isfinite({number}) THEN {number} END"


def _from_typed(value: str, typed: str, kind: str, timezone: str, width: int) -> str:
    if kind == "value":
        return value
    if kind == "id":
        # A whole number that became 17850.0 because some rows have none is 17850.
        whole = (
            f"CASE WHEN {value} = floor({value}) THEN TRY_CAST({value} AS BIGINT)::VARCHAR ELSE {value}::VARCHAR END"
        )
        text = whole if typed in ("DOUBLE", "FLOAT") else f"{value}::VARCHAR"
        return IdForm(width=width).text(f"({text})")
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
        return _number(value, kind)
    return f"TRY_CAST({value} AS {engine})"
