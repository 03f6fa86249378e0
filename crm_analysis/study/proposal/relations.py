"""Files -> the tables of rows in them: a text file is one, a workbook or a database file may hold several."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from crm_analysis.errors import ContractError, UsageError
from crm_analysis.study.config import TableConfig, file_format
from crm_analysis.study.proposal.contents import Contents, is_header, look
from crm_analysis.study.reading import sources
from crm_analysis.study.reading.sources import Source
from crm_analysis.study.tables import CONTRACTS

_INSIDE = {"excel": "sheet", "sqlite": "table", "duckdb": "table"}


@dataclass(frozen=True)
class Relation:
    """One table of rows: a file, a sheet of a workbook or a table of a database file.

    Attributes
    ----------
    file : Path
        Where it is.
    name : str
        Its own name, without the file's ending.
    label : str
        What sentences call it.
    settings : dict
        Settings of study.toml that say how to read it, such as the sheet.
    source : Source
        How the engine reads it.
    columns : tuple of Contents
        Its columns.
    table : str, optional
        The table of the contract that it was said or is named to be.
    """

    file: Path
    name: str
    label: str
    settings: Mapping[str, str]
    source: Source
    columns: tuple[Contents, ...]
    table: str | None = None


def split(argument: str) -> tuple[str | None, Path]:
    """Split ``customers=people.csv`` into the table and the file; a file alone names no table.

    Raises
    ------
    UsageError
        If the contract has no such table, or there is no such file.
    """
    table, sign, rest = argument.partition("=")
    if not sign or Path(argument).exists():
        table, rest = "", argument
    elif table not in CONTRACTS:
        raise UsageError(f"{table!r} is no table of the contract; known are {', '.join(CONTRACTS)}.")
    if not Path(rest).exists():
        raise UsageError(f"there is no file {rest}; give the path of the raw file.")
    return table or None, Path(rest)


def read(
    connection: duckdb.DuckDBPyConnection, file: Path, passing: Path, *, table: str | None = None, form: str = ""
) -> list[Relation]:
    """Read what a file holds: one relation, or one for each sheet or table in it.

    Parameters
    ----------
    connection : DuckDBPyConnection
        The engine.
    file : Path
        The file, or a folder of Parquet files.
    passing : Path
        A folder for what reading leaves behind; the relations need it.
    table : str, optional
        The table of the contract that the file was said to be.
    form : str
        The format, where the ending does not say it.

    Returns
    -------
    list of Relation

    Raises
    ------
    ContractError
        If the file is empty or cannot be read.
    """
    form = form or _format(file)
    if form not in _INSIDE:
        return [_relation(connection, file, passing, table, form)]
    inside = names(file)
    if len(inside) < 2:
        return [_relation(connection, file, passing, table, form)]
    found, refused = [], None
    for name in inside:
        try:
            found.append(_relation(connection, file, passing, table, form, inside=name))
        except ContractError as error:
            # A cover page, an empty sheet: no rows to look at.
            refused = error
    if not found and refused is not None:
        raise refused
    return found


def names(file: Path) -> list[str]:
    """Names of the sheets of a workbook or the tables of a database file."""
    return list(sources.relations(file))


def _format(file: Path) -> str:
    if file.is_dir():
        return "parquet" if any(file.rglob("*.parquet")) else "csv"
    return file_format(file.name)


def _relation(
    connection: duckdb.DuckDBPyConnection, file: Path, passing: Path, table: str | None, form: str, *, inside: str = ""
) -> Relation:
    config = TableConfig(
        table=table or file.stem,
        source=str(file.resolve()),
        format=form,
        sheet=inside if inside and form == "excel" else None,
        relation=inside if inside and form != "excel" else None,
    )
    source = sources.read(connection, config, passing, scratch=passing)
    settings = {_INSIDE[form]: inside} if inside else {}
    if form != file_format(file.name) and not (file.is_dir() and form == "csv"):
        settings["format"] = form
    if form == "csv" and _is_divided_by_blanks(source):
        source = sources.read(connection, replace(config, format="blanks"), passing, scratch=passing)
        settings["format"] = "blanks"
    name = inside or (file.name if file.is_dir() else file.stem)
    named = name.lower() if name.lower() in CONTRACTS else None
    columns = tuple(look(connection, source)) if is_header(tuple(source.columns)) else ()
    label = f"{inside} of {file.name}" if inside else file.name
    return Relation(file, name, label, settings, source, columns, table or named)


def _is_divided_by_blanks(source: Source) -> bool:
    """Whether the only column's name is several words divided by more than single blanks."""
    names = list(source.columns)
    return len(names) == 1 and len(names[0].split()) > 1 and re.search(r"\s{2,}|\t", names[0]) is not None


def is_one_table(relations: Sequence[Relation]) -> bool:
    """Whether relations have the same columns, so that they can be read as one."""
    columns = {tuple(column.name for column in relation.columns) for relation in relations}
    return len(columns) == 1 and len({relation.source.typed for relation in relations}) == 1
