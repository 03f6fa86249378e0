"""Files as firms have them -> raw tables in the engine: every value still as it was written, every row numbered."""

from __future__ import annotations

import codecs
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from crm_analysis.atomic import replacing
from crm_analysis.errors import ContractError
from crm_analysis.study.config import TableConfig
from crm_analysis.study.tables import ROW


@dataclass(frozen=True)
class Source:
    """A raw table: a DuckDB query that reads it, its columns with their types, and the files behind it."""

    table: str
    query: str
    columns: dict[str, str]
    files: tuple[Path, ...]
    typed: bool

    @property
    def label(self) -> str:
        """What a message calls it: the file's name, or how many files there are."""
        return self.files[0].name if len(self.files) == 1 else f"{len(self.files)} files"


def quote(identifier: str) -> str:
    """Quote a column's name for SQL."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote a text for SQL."""
    return "'" + text.replace("'", "''") + "'"


def read(connection: duckdb.DuckDBPyConnection, config: TableConfig, folder: Path) -> Source:
    """Find a table's files and say how the engine reads them.

    Parameters
    ----------
    connection : DuckDBPyConnection
        Where the query will run.
    config : TableConfig
        The table's section of study.toml.
    folder : Path
        The study's folder; a relative source is sought from there.

    Returns
    -------
    Source
        Its query has one row per row of the files, a row number in `ROW`, and, for text files, text in every column.

    Raises
    ------
    ContractError
        If no file is there, or one is empty or cannot be read.
    """
    files = _find(config, folder)
    for file in files:
        if file.stat().st_size == 0:
            raise ContractError(f"{config.table}: the file {file.name} is empty; give a file with a header and rows.")
        if config.format != "parquet" and not _is_utf8(file):
            raise ContractError(f"{config.table}: the file {file.name} is not UTF-8 text; save it as UTF-8.")
    query = {"csv": _csv, "blanks": _blanks, "parquet": _parquet}[config.format](config, files)
    try:
        described = connection.sql(f"DESCRIBE {query}").fetchall()
        filled = connection.sql(f"SELECT 1 FROM ({query}) LIMIT 1").fetchone()
    except duckdb.Error as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise ContractError(f"{config.table}: {files[0].name} cannot be read as {config.format}: {reason}.") from None
    if filled is None:
        raise ContractError(f"{config.table}: {files[0].name} has a header but no rows; give a file with rows.")
    columns = {name: kind for name, kind, *_ in described if name != ROW}
    if config.format == "csv" and len(columns) == 1 and any(mark in next(iter(columns)) for mark in ",;\t|"):
        # The reader gave up dividing the lines, because they do not all have as many fields as the header.
        raise ContractError(
            f"{config.table}: not all lines of {files[0].name} have as many fields as its header; correct them, or "
            f"give the delimiter under [tables.{config.table}]."
        )
    return Source(config.table, query, columns, files, typed=config.format == "parquet")


def _find(config: TableConfig, folder: Path) -> tuple[Path, ...]:
    pattern = Path(config.source)
    if not pattern.is_absolute():
        pattern = folder / pattern
    if pattern.is_dir():
        files = sorted(pattern.rglob(f"*.{config.format}"))
    elif any(mark in pattern.name for mark in "*?["):
        files = sorted(pattern.parent.glob(pattern.name))
    else:
        files = [pattern] if pattern.is_file() else []
    if not files:
        raise ContractError(
            f"{config.table}: there is no file {config.source} (sought from the folder of study.toml); "
            f"put it there or change source under [tables.{config.table}]."
        )
    return tuple(file.resolve() for file in files)


def _is_utf8(file: Path) -> bool:
    """Whether the first megabyte is UTF-8; a character cut at its end does not count."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with file.open("rb") as content:
        try:
            decoder.decode(content.read(1_000_000))
        except UnicodeDecodeError:
            return False
    return True


def _list(files: Sequence[Path]) -> str:
    return "[" + ", ".join(literal(str(file)) for file in files) + "]"


def _csv(config: TableConfig, files: Sequence[Path]) -> str:
    # Left to guess, the reader takes an apostrophe for a quote or a # for a comment, and swallows rows.
    dialect = "quote = '\"', escape = '\"', comment = '', skip = 0"
    options = f"header = true, all_varchar = true, union_by_name = true, {dialect}"
    if config.delimiter is not None:
        options += f", delim = {literal(config.delimiter)}"
    if config.names:
        names = ", ".join(literal(name) for name in config.names)
        options = options.replace("header = true", "header = false") + f", names = [{names}]"
    return f"SELECT row_number() OVER () AS {ROW}, * FROM read_csv({_list(files)}, {options})"


def _blanks(config: TableConfig, files: Sequence[Path]) -> str:
    """Fields divided by any number of blanks or tabs, which DuckDB's reader does not know: lines first, then fields."""
    names = config.names
    if not names:
        with files[0].open(encoding="utf-8-sig") as text:
            names = tuple(text.readline().split())
    fields = ", ".join(f"fields[{place}] AS {quote(name)}" for place, name in enumerate(names, start=1))
    skip = 0 if config.names else 1
    lines = (
        f"read_csv({_list(files)}, columns = {{'line': 'VARCHAR'}}, auto_detect = false, header = false, "
        f"skip = {skip}, delim = '\\x01', quote = '', escape = '', comment = '')"
    )
    split = f"SELECT regexp_split_to_array(trim(line), '[ \\t]+') AS fields FROM {lines} WHERE trim(line) <> ''"
    return f"SELECT row_number() OVER () AS {ROW}, {fields} FROM ({split})"


def _parquet(config: TableConfig, files: Sequence[Path]) -> str:
    return (
        f"SELECT file_row_number + 1 AS {ROW}, * EXCLUDE (file_row_number) "
        f"FROM read_parquet({_list(files)}, file_row_number = true, union_by_name = true)"
    )


def fingerprint(files: Sequence[Path], memory: Path) -> dict[str, str]:
    """Hash files with SHA-256, reading again only those whose size or time of change is new.

    Parameters
    ----------
    files : sequence of Path
        The files.
    memory : Path
        A JSON file that remembers the hashes from one call to the next.

    Returns
    -------
    dict
        Path as text -> hash in hexadecimal.
    """
    try:
        known = json.loads(memory.read_text("utf-8"))
    except (OSError, ValueError):
        known = {}
    hashes = {}
    for file in files:
        state = file.stat()
        stamp = [state.st_size, state.st_mtime_ns]
        entry = known.get(str(file))
        if entry is None or entry[:2] != stamp:
            with file.open("rb") as content:
                entry = [*stamp, hashlib.file_digest(content, "sha256").hexdigest()]
        known[str(file)] = entry
        hashes[str(file)] = entry[2]
    with replacing(memory) as part:
        part.write_text(json.dumps(known), "utf-8")
    return hashes
