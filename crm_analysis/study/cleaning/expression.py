"""SQL expressions of study.toml: only arithmetic and CASE, with text columns read as numbers where they are needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import duckdb
import sqlglot
from sqlglot import exp

from crm_analysis.errors import ContractError, UsageError
from crm_analysis.study.config import Sql
from crm_analysis.study.reading.sources import Source

_ALLOWED = (
    *(exp.Column, exp.Identifier, exp.Literal, exp.Boolean, exp.Null, exp.Paren, exp.Neg, exp.Not, exp.Binary),
    *(exp.Case, exp.If, exp.Between, exp.In, exp.Coalesce, exp.Nullif),
    *(exp.Cast, exp.TryCast, exp.DataType, exp.DataTypeParam),
    *(exp.Abs, exp.Round, exp.Lower, exp.Upper, exp.Trim, exp.Substring, exp.Concat),
)
_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod, exp.Pow, exp.Neg, exp.Abs, exp.Round)
_COMPARISONS = (exp.GT, exp.GTE, exp.LT, exp.LTE, exp.EQ, exp.NEQ, exp.Between)
_WHOLE_NUMBER = r"^\s*[-+]?\d+\s*$"
_NUMBER = r"^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$"


class Columned(Protocol):
    """What an expression stands over: a raw source of files, or a table of a database."""

    @property
    def table(self) -> str: ...

    @property
    def columns(self) -> Mapping[str, str]: ...

    @property
    def label(self) -> str: ...


def parse(sql: Sql, source: Columned, *, number: bool = False, dialect: str = "duckdb") -> tuple[str, list[str]]:
    """Check an expression, cast its text columns where they are calculated with, and write it for an engine.

    Parameters
    ----------
    sql : Sql
        Arithmetic and CASE over the source's columns, in DuckDB's dialect.
    source : Source or DatabaseTable
        The raw table. Only columns of DuckDB's type for text are cast: a database's columns must be typed.
    number : bool
        Whether the whole must be a number, so that a text column that a CASE gives is cast too.
    dialect : str
        The SQL to write, as sqlglot calls it. Division by zero gives nothing there, and a text that is no number
        cannot be cast to one but gives nothing too, as in DuckDB.

    Returns
    -------
    tuple of str and list of str
        The expression to write into a query, and the columns it uses.

    Raises
    ------
    UsageError
        If it is not valid, or more than arithmetic and CASE.
    ContractError
        If it names a column that is not in the source.
    """
    where = f"[tables.{source.table}] columns: the expression {sql.expression!r}"
    try:
        tree = sqlglot.parse_one(sql.expression, dialect="duckdb")
    except sqlglot.errors.ParseError:
        raise UsageError(f"{where} is not valid SQL; use arithmetic and CASE over its columns.") from None
    for node in tree.walk():
        if not isinstance(node, _ALLOWED):
            raise UsageError(f"{where} uses {type(node).__name__}; use only arithmetic and CASE over its columns.")
    lower: Mapping[str, str] = {name.lower(): name for name in source.columns}
    used: list[str] = []
    for column in list(tree.find_all(exp.Column)):
        name = lower.get(column.name.lower())
        if name is None:
            raise ContractError(
                f"{source.table}: the expression {sql.expression!r} names the column {column.name!r} that is not in "
                f"{source.label}; columns there: {', '.join(source.columns)}."
            )
        if name not in used:
            used.append(name)
        quoted = exp.column(name, quoted=True)
        if source.columns[name] == "VARCHAR" and _is_number(column, number):
            quoted = exp.TryCast(this=quoted, to=exp.DataType.build("double"))
        if column is tree:
            tree = quoted
        else:
            column.replace(quoted)
    if dialect == "duckdb":
        # A value that cannot be cast is a broken rule of its row, not the end of the reading.
        tree = tree.transform(lambda node: exp.TryCast(**node.args) if type(node) is exp.Cast else node)
    else:
        tree = tree.transform(_forgiving, source)
    return tree.sql(dialect=dialect), used


def _forgiving(node: exp.Expression, source: Columned) -> exp.Expression:
    """Where DuckDB gives nothing, another engine would end the query: say so in the expression."""
    if isinstance(node, exp.Div | exp.IntDiv | exp.Mod):
        node.set("expression", exp.Nullif(this=node.expression, expression=exp.Literal.number(0)))
    elif isinstance(node, exp.Round) and node.args.get("decimals"):
        # PostgreSQL rounds only decimals to a number of places.
        node.set("this", exp.Cast(this=node.this, to=exp.DataType.build("decimal")))
    elif (
        isinstance(node, exp.Cast) and isinstance(node.this, exp.Column) and source.columns[node.this.name] != "boolean"
    ):
        whole = node.to.this in exp.DataType.INTEGER_TYPES
        if whole or node.to.this in exp.DataType.NUMERIC_TYPES:
            written = exp.Cast(this=node.this.copy(), to=exp.DataType.build("text"))
            pattern = exp.Literal.string(_WHOLE_NUMBER if whole else _NUMBER)
            sound = exp.RegexpLike(this=written, expression=pattern)
            return exp.Case(ifs=[exp.If(this=sound, true=exp.Cast(this=node.this, to=node.to))])
    return node


def _is_number(column: exp.Column, number: bool) -> bool:
    node, parent = column, column.parent
    # What a CASE or brackets give is calculated with where the whole of it is.
    while isinstance(parent, exp.Paren | exp.Case | exp.If | exp.Coalesce | exp.Nullif) and not _is_condition(node):
        node, parent = parent, parent.parent
    if isinstance(parent, _COMPARISONS):
        others = [other for other in parent.iter_expressions() if other is not node]
        return any(isinstance(other, exp.Literal) and not other.is_string for other in others)
    if parent is None:
        return number and node is not column
    return isinstance(parent, _ARITHMETIC)


def _is_condition(node: exp.Expression) -> bool:
    return isinstance(node.parent, exp.Case | exp.If) and node.arg_key == "this"


def try_out(connection: duckdb.DuckDBPyConnection, expression: str, sql: Sql, source: Source) -> None:
    """Refuse an expression that the engine cannot compute, with its reason.

    Raises
    ------
    UsageError
        If types do not fit, for example.
    """
    try:
        connection.sql(f"SELECT {expression} FROM ({source.query})")
    except duckdb.Error as error:
        reason = str(error).strip().splitlines()[0].removeprefix("Binder Error: ").rstrip(".")
        raise UsageError(
            f"[tables.{source.table}] columns: the expression {sql.expression!r} cannot be computed: {reason}."
        ) from None
