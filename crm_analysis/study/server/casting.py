"""Casting: SQL that gives a column of a PostgreSQL table the type of the contract, or nothing where it does not fit."""

from __future__ import annotations

from crm_analysis.errors import ContractError
from crm_analysis.study.config import Sql
from crm_analysis.study.reading.sources import literal, quote
from crm_analysis.study.server.schema import DatabaseTable
from crm_analysis.study.tables import KINDS

_WHOLE = ("smallint", "integer", "bigint", "oid")
_DECIMAL = ("numeric", "money")
_REAL = ("real", "double precision")
_TIMES = ("date", "timestamp without time zone", "timestamp with time zone")
_TEXTS = ("text", "character varying", "character", "citext", "name")
_NUMBERS = ("money", "number", "integer", "flag")
_CURES = {
    "time": "CAST({} AS TIMESTAMP)",
    "flag": "CASE {} WHEN 'yes' THEN true WHEN 'no' THEN false END",
    **dict.fromkeys(("money", "number", "integer"), "CAST({} AS DOUBLE)"),
}
TYPES = {
    "timestamp(6)": "TIMESTAMP",
    "decimal(18, 4)": "NUMERIC(18, 4)",
    "float64": "DOUBLE PRECISION",
    "int64": "BIGINT",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "string": 'TEXT COLLATE "C"',
}
"""The contract's types as PostgreSQL calls them. Texts are ordered by their bytes, as in DuckDB."""


def check_type(name: str, made_of: str | Sql, kept: str, kind: str, source: DatabaseTable) -> None:
    """Refuse a column whose type in the database cannot be what the contract needs."""
    fits = {"time": _TIMES, **dict.fromkeys(_NUMBERS, (*_WHOLE, *_DECIMAL, *_REAL, "boolean"))}
    if kept in fits.get(kind, (kept,)):
        return
    what = f"the expression {made_of.expression!r} gives" if isinstance(made_of, Sql) else f"{made_of!r} is"
    cure = f"make a view of {source.label} that types it, and name that as source"
    if kept in _TEXTS and isinstance(made_of, str):
        cure += f', or map {name} = {{ sql = "{_CURES[kind].format(made_of)}" }}'
    raise ContractError(f"{source.table}: {name} must be {KINDS[kind][1]}, but {what} {kept} in the database; {cure}.")


def engine_type(kept: str, kind: str) -> str:
    """The engine's type of a column; one that the contract does not know keeps the kind of its own."""
    if kind != "value":
        return KINDS[kind][0]
    known = {
        **dict.fromkeys(_WHOLE, "int64"),
        **dict.fromkeys((*_DECIMAL, *_REAL), "float64"),
        **dict.fromkeys(_TIMES, "timestamp(6)"),
        "date": "date",
        "boolean": "boolean",
    }
    return known.get(kept, "string")


def typed(value: str, kept: str, target: str, timezone: str) -> str:
    """SQL that gives a value the engine's type, or nothing where it does not fit: infinite, not whole, too large."""
    if target == "string":
        return f'{text(value, kept)} COLLATE "C"'
    if kept in _TIMES:
        local = f"{value} AT TIME ZONE {literal(timezone)}" if kept == "timestamp with time zone" else value
        return f"CASE WHEN {value} BETWEEN '0001-01-02' AND '9999-12-30' THEN CAST({local} AS {TYPES[target]}) END"
    if kept == target:
        return value
    number = {"boolean": f"CAST({value} AS INTEGER)", "money": f"CAST({value} AS NUMERIC)"}.get(kept, value)
    if target == "boolean":
        return f"CASE WHEN {number} = 1 THEN TRUE WHEN {number} = 0 THEN FALSE END"
    # "Not a number" counts as larger than every number.
    limit = {"decimal(18, 4)": "99999999999999", "float64": "1e308", "int64": "9e18"}[target]
    whole = f" AND {number} = FLOOR({number})" if target == "int64" else ""
    return f"CASE WHEN ABS({number}) <= {limit}{whole} THEN CAST({number} AS {TYPES[target]}) END"


def padded(value: str, width: int) -> str:
    """SQL of an id with the zeros put back that a number lost."""
    if not width:
        return value
    # lpad would also cut what is longer.
    short = f"LENGTH({value}) < {width} AND {value} ~ '^[0-9]+$'"
    return f"CASE WHEN {short} THEN LPAD({value}, {width}, '0') ELSE {value} END"


def text(value: str, kept: str) -> str:
    """SQL of a value as text without blanks around it; numbers without needless zeros, so that 17850.0 is an id."""
    if kept == "numeric":
        return f"CAST(TRIM_SCALE({value}) AS TEXT)"
    text = f"CAST({value} AS TEXT)"
    return text if kept in (*_WHOLE, *_REAL, *_TIMES, "boolean") else f"NULLIF(BTRIM({text}), '')"


def comparable(source: DatabaseTable) -> list[str]:
    """SQL of all columns in a form that has an order: values of JSON, for one, have none."""
    ordered = (*_WHOLE, *_DECIMAL, *_REAL, *_TIMES, *_TEXTS, "boolean", "uuid")
    return [quote(name) if kept in ordered else f"CAST({quote(name)} AS TEXT)" for name, kept in source.columns.items()]
