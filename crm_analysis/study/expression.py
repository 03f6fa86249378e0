"""SQL expressions of study.toml: only arithmetic and CASE, with text columns read as numbers where they are needed."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb
import sqlglot
from sqlglot import exp

from crm_analysis.errors import ContractError, UsageError
from crm_analysis.study.config import Sql
from crm_analysis.study.sources import Source

_ALLOWED = (
    *(exp.Column, exp.Identifier, exp.Literal, exp.Boolean, exp.Null, exp.Paren, exp.Neg, exp.Not, exp.Binary),
    *(exp.Case, exp.If, exp.Between, exp.In, exp.Cast, exp.TryCast, exp.DataType, exp.Coalesce, exp.Nullif),
    *(exp.Abs, exp.Round, exp.Lower, exp.Upper, exp.Trim, exp.Substring, exp.Concat),
)
_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod, exp.Pow, exp.Neg, exp.Abs, exp.Round)
_COMPARISONS = (exp.GT, exp.GTE, exp.LT, exp.LTE, exp.EQ, exp.NEQ, exp.Between)


def parse(sql: Sql, source: Source, *, number: bool = False) -> tuple[str, list[str]]:
    """Check an expression and cast its text columns where they are calculated with.

    Parameters
    ----------
    sql : Sql
        Arithmetic and CASE over the source's columns, in DuckDB's dialect.
    source : Source
        The raw table.
    number : bool
        Whether the whole must be a number, so that a text column that a CASE gives is cast too.

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
    # A value that cannot be cast is a broken rule of its row, not the end of the reading.
    tree = tree.transform(lambda node: exp.TryCast(**node.args) if type(node) is exp.Cast else node)
    return tree.sql(dialect="duckdb"), used


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
