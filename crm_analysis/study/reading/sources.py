"""Files as firms have them -> raw tables in the engine: every value still as it was written, every row numbered."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from crm_analysis.errors import ContractError
from crm_analysis.study.config import TableConfig, file_format
from crm_analysis.study.reading import databasefile, delimited, workbook
from crm_analysis.study.reading.extract import Extract
from crm_analysis.study.reading.files import find
from crm_analysis.study.reading.quoting import literal as literal
from crm_analysis.study.reading.quoting import quote as quote
from crm_analysis.study.reading.signature import recognise, require
from crm_analysis.study.tables import ROW

VERSION = 1
"""Part of every cache key: raised when reading changes what rows a file gives."""


@dataclass(frozen=True)
class Source:
    """A raw table: a DuckDB query that reads it, its columns with their types, and the files behind it.

    Attributes
    ----------
    typed : bool
        Whether the columns have types; otherwise every value is the text that was written.
    in_place : bool
        Whether the query reads the files themselves, and not passing copies.
    notes : tuple of str
        What was found out or left aside while reading, such as ``read as GBK``.
    """

    table: str
    query: str
    columns: dict[str, str]
    files: tuple[Path, ...]
    typed: bool
    in_place: bool = False
    notes: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """What a message calls it: the file's name, or how many files there are."""
        return self.files[0].name if len(self.files) == 1 else f"{len(self.files)} files"


def read(
    connection: duckdb.DuckDBPyConnection, config: TableConfig, folder: Path, *, scratch: Path | None = None
) -> Source:
    """Find a table's files and say how the engine reads them.

    Parquet files are read in place. Everything else is first copied, row by row, into Parquet files that need not
    outlive the Source; the files themselves are never changed.

    Parameters
    ----------
    connection : DuckDBPyConnection
        Where the query will run.
    config : TableConfig
        The table's section of study.toml.
    folder : Path
        The study's folder; a relative source is sought from there.
    scratch : Path, optional
        A folder for the passing copies, which its owner removes; by default one that goes when the Source does.

    Returns
    -------
    Source
        Its query has one row per row of the files, a row number in `ROW`, and, unless they are typed, text in every
        column.

    Raises
    ------
    ContractError
        If no file is there, or one is empty or cannot be read; the message names the cure.
    UsageError
        If a setting of the table cannot be.
    """
    files = find(config, folder)
    config = replace(config, format=_form(config, folder, files))
    for file in files:
        if file.stat().st_size == 0:
            raise ContractError(f"{config.table}: the file {file.name} is empty; give a file with a header and rows.")
        require(config, file, config.format)
    passing = Path(tempfile.mkdtemp(prefix="crm-analysis-", dir=scratch))
    try:
        source = _source(connection, config, files, passing)
    except BaseException:
        shutil.rmtree(passing)
        raise
    if scratch is None:
        weakref.finalize(source, shutil.rmtree, passing, ignore_errors=True)
    return source


def relations(file: Path) -> list[str]:
    """Name what a file holds several of: the sheets of a workbook, the tables and views of a database file.

    Parameters
    ----------
    file : Path
        The file.

    Returns
    -------
    list of str
        Names for the setting `sheet` or `table`; none for text and Parquet, which are one table.

    Raises
    ------
    ContractError
        If it is damaged.
    """
    listing = {
        "excel": workbook.sheets,
        "sqlite": databasefile.sqlite_relations,
        "duckdb": databasefile.duckdb_relations,
    }.get(recognise(file))
    return listing(file) if listing is not None else []


def _form(config: TableConfig, folder: Path, files: Sequence[Path]) -> str:
    """The format: as set, but a folder's follows its files, and what kind a database is, its first bytes say."""
    if config.format == "csv" and (folder / config.source).is_dir():
        return file_format(files[0].name)
    if config.format in ("sqlite", "duckdb"):
        found = recognise(files[0])
        return found if found in ("sqlite", "duckdb") else config.format
    return config.format


def _source(
    connection: duckdb.DuckDBPyConnection, config: TableConfig, files: tuple[Path, ...], passing: Path
) -> Source:
    extracts = _extract(connection, config, files, passing)
    notes: tuple[str, ...] = ()
    try:
        parts = [extract.parquet for extract in extracts] or list(files)
        query = _numbered(
            connection, parts, partitioned=not extracts and all("=" in file.parent.name for file in files)
        )
        described = connection.sql(f"DESCRIBE {query}").fetchall()
        filled = connection.sql(f"SELECT 1 FROM ({query}) LIMIT 1").fetchone()
        if extracts:
            query, notes = _tidied(connection, query, extracts)
            described = connection.sql(f"DESCRIBE {query}").fetchall()
    except duckdb.Error as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        names = files[0].name if len(files) == 1 else f"the {len(files)} files"
        raise ContractError(
            f"{config.table}: {names} cannot be read as {config.format}: {reason}; export the data again."
        ) from None
    if filled is None:
        has = "has a header but" if config.format in ("csv", "blanks", "excel") else "has"
        raise ContractError(f"{config.table}: {files[0].name} {has} no rows; give a file with rows.")
    columns = {name: kind for name, kind, *_ in described if name != ROW}
    typed = config.format in ("parquet", "duckdb")
    return Source(config.table, query, columns, files, typed, in_place=not extracts, notes=notes)


def _extract(
    connection: duckdb.DuckDBPyConnection, config: TableConfig, files: tuple[Path, ...], passing: Path
) -> list[Extract]:
    """Copy the rows of files into passing Parquet files; of Parquet files themselves there is nothing to copy."""
    if config.format in ("csv", "blanks"):
        return delimited.extract(connection, config, files, passing)
    if config.format == "excel":
        return workbook.extract(config, files, passing)
    if config.format == "sqlite":
        return databasefile.from_sqlite(config, files, passing)
    if config.format == "duckdb":
        return databasefile.from_duckdb(connection, config, files, passing)
    return []


def _numbered(connection: duckdb.DuckDBPyConnection, files: Sequence[Path], *, partitioned: bool) -> str:
    """Read Parquet files as one table, united by the names of their columns, and number its rows from 1.

    Where it is partitioned, folders such as ``region=East`` give a column.
    """
    listed = "[" + ", ".join(literal(str(file)) for file in files) + "]"
    number = "file_row_number + 1"
    if len(files) > 1:
        counts = dict(connection.sql(f"SELECT file_name, num_rows FROM parquet_file_metadata({listed})").fetchall())
        before = [0, *accumulate(counts[str(file)] for file in files)]
        number += f" + {before}[file_index::BIGINT + 1]"
    return (
        f"SELECT {number} AS {ROW}, * EXCLUDE (file_row_number) FROM read_parquet({listed}, "
        f"file_row_number = true, union_by_name = true, hive_partitioning = {str(partitioned).lower()})"
    )


def _tidied(
    connection: duckdb.DuckDBPyConnection, query: str, extracts: Sequence[Extract]
) -> tuple[str, tuple[str, ...]]:
    """Leave out columns without a name that are empty throughout, and gather what is to be told."""
    unnamed = list(dict.fromkeys(name for extract in extracts for name in extract.unnamed))
    columns = {extract.parquet: pq.read_schema(extract.parquet).names for extract in extracts}
    together = dict.fromkeys(name for names in columns.values() for name in names if name not in unnamed)
    told: dict[str, dict[Path, None]] = {}
    for extract in extracts:
        absent = [name for name in together if name not in columns[extract.parquet]]
        lacks = (f"without the columns {', '.join(map(repr, absent))}",) if absent else ()
        for note in (*extract.notes, *lacks):
            told.setdefault(note, {})[extract.file] = None
    if unnamed:
        counts = connection.sql(f"SELECT {', '.join(f'count({quote(name)})' for name in unnamed)} FROM ({query})")
        filled = dict(zip(unnamed, counts.fetchall()[0], strict=True))
        empty = [quote(name) for name in unnamed if not filled[name]]
        query = f"SELECT * EXCLUDE ({', '.join(empty)}) FROM ({query})" if empty else query
        kept = [name for name in unnamed if filled[name]]
        if kept:
            told[f"columns without a name are read as {', '.join(map(repr, kept))}"] = {}
    files = len({extract.file for extract in extracts})
    return query, tuple(_of(note, list(about), files) for note, about in told.items())


def _of(note: str, about: Sequence[Path], all_files: int) -> str:
    """Name the file that a note is about, unless it is about all."""
    if not about or len(about) == all_files:
        return note
    return f"{about[0].name}{f' and {len(about) - 1} more' if len(about) > 1 else ''}: {note}"
