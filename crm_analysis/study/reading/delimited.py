"""Delimited text -> rows: what divides the fields, where the header is, and which line does not fit."""

from __future__ import annotations

import contextlib
import csv
import io
import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import duckdb

from crm_analysis.errors import ContractError, UsageError
from crm_analysis.study.config import TableConfig
from crm_analysis.study.reading import header
from crm_analysis.study.reading.encoding import as_utf8
from crm_analysis.study.reading.extract import Extract
from crm_analysis.study.reading.header import Header
from crm_analysis.study.reading.quoting import literal, quote

_MARKS = (",", ";", "\t", "|")
_SHOWN = {"\t": "tabs"}
_SAMPLE = 1 << 18


def extract(
    connection: duckdb.DuckDBPyConnection, config: TableConfig, files: Sequence[Path], scratch: Path
) -> list[Extract]:
    """Read text files whose fields are divided by a mark, or (format ``blanks``) by any number of blanks and tabs.

    Nothing is passed over in silence: a line with another number of fields than the header is an error.

    Parameters
    ----------
    connection : DuckDBPyConnection
        What reads the text.
    config : TableConfig
        The table's section of study.toml.
    files : sequence of Path
        The files.
    scratch : Path
        A folder for passing files.

    Returns
    -------
    list of Extract
        One per file.

    Raises
    ------
    ContractError
        If a file is no text, or a line does not have as many fields as the header.
    UsageError
        If study.toml gives a delimiter or an encoding that cannot be.
    """
    if config.delimiter is not None and (len(config.delimiter) != 1 or config.delimiter in '"\r\n'):
        raise UsageError(f"[tables.{config.table}] delimiter must be one character, not {config.delimiter!r}.")
    return [_one(connection, config, file, scratch, place) for place, file in enumerate(files)]


def _one(connection: duckdb.DuckDBPyConnection, config: TableConfig, file: Path, scratch: Path, place: int) -> Extract:
    copy, parquet = scratch / f"{place}.txt", scratch / f"{place}.parquet"
    text, notes = as_utf8(config, file, copy)
    with text.open(encoding="utf-8-sig") as content:
        beginning = content.read(_SAMPLE)
    # The last line of a sample may be cut.
    sample = beginning if len(beginning) < _SAMPLE else beginning.rpartition("\n")[0] or beginning
    if config.format == "blanks":
        mark, rows = " ", [line.split() for line in sample.split("\n")[: header.LOOK]]
    else:
        mark, rows = _divide(config, sample)
        notes += (f"divided by {_SHOWN.get(mark, mark)}",) if mark != "," and config.delimiter is None else ()
    head = header.name(config.names) if config.names else header.find(rows)
    if not head.names:
        raise ContractError(f"{config.table}: {file.name} has no header line; give a file with a header and rows.")
    try:
        blanks = config.format == "blanks"
        query = _blanks(connection, config, file, text, head) if blanks else _csv(config, text, head, mark)
        connection.execute(f"COPY ({query}) TO {literal(str(parquet))} (FORMAT parquet)")
    except duckdb.Error as error:
        raise _refusal(config, file, str(error)) from None
    finally:
        copy.unlink(missing_ok=True)
    return Extract(file, parquet, head.unnamed, (*notes, *head.notes))


def _divide(config: TableConfig, sample: str) -> tuple[str, list[list[str]]]:
    """Find the mark that divides the header and most lines alike, and divide the first lines by it."""
    best: tuple[tuple[bool, float, int, int], str, list[list[str]]] | None = None
    for mark in (config.delimiter,) if config.delimiter is not None else _MARKS:
        rows = _rows(sample, mark)
        head = 0 if config.names else header.find(rows).place
        after = [row for row in rows[head + 1 :] if row]
        if after and all(row[-1] == "" and len(row) == len(rows[head]) + 1 for row in after):
            # Lines that end with the mark have a field more than the header, and nothing in it.
            rows[head] = [*rows[head], ""]
        fields = len(rows[head]) if rows else 0
        alike = sum(len(row) == fields for row in after) / len(after) if after else 1.0
        score = (fields > 1, alike, -sum(map(bool, rows[:head])), fields)
        if best is None or score > best[0]:
            best = score, mark, rows
    assert best is not None
    return best[1], best[2]


def _rows(sample: str, mark: str) -> list[list[str]]:
    rows: list[list[str]] = []
    # A field without an end is an error: the engine will say in which line.
    with contextlib.suppress(csv.Error):
        rows.extend(islice(csv.reader(io.StringIO(sample, newline=""), delimiter=mark), header.LOOK))
    return rows


def _csv(config: TableConfig, text: Path, head: Header, mark: str) -> str:
    # Nothing is left to the engine's guess: it takes an apostrophe for a quote or a # for a comment, and skips rows.
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in head.names)
    first = "header = false" if config.names else f"header = true, skip = {head.place}"
    return (
        f"SELECT * FROM read_csv({literal(str(text))}, columns = {{{columns}}}, auto_detect = false, {first}, "
        f"delim = {literal(mark)}, quote = '\"', escape = '\"', comment = '', strict_mode = true)"
    )


def _blanks(connection: duckdb.DuckDBPyConnection, config: TableConfig, file: Path, text: Path, head: Header) -> str:
    """Fields divided by any number of blanks or tabs, which DuckDB's reader does not know: lines first, then fields."""
    skip = 0 if config.names else head.place + 1
    lines = (
        f"SELECT row_number() OVER () + {skip} AS number, trim(line, ' \t') AS line "
        f"FROM read_csv({literal(str(text))}, columns = {{'line': 'VARCHAR'}}, auto_detect = false, header = false, "
        f"skip = {skip}, delim = '\\x01', quote = '', escape = '', comment = '')"
    )
    split = f"SELECT number, regexp_split_to_array(line, '[ \\t]+') AS fields FROM ({lines}) WHERE line <> ''"
    width = len(head.names)
    odd = connection.sql(f"SELECT number, len(fields) FROM ({split}) WHERE len(fields) <> {width} LIMIT 1").fetchone()
    if odd is not None:
        raise _uneven(config, f"line {odd[0]:,} of {file.name}", odd[1], width)
    fields = ", ".join(f"fields[{place}] AS {quote(name)}" for place, name in enumerate(head.names, start=1))
    return f"SELECT {fields} FROM ({split})"


def _uneven(config: TableConfig, where: str, found: int, width: int) -> ContractError:
    amount = "more" if found > width else "fewer"
    than, cure = ("the names", "names") if config.names else ("its header", "the delimiter")
    return ContractError(
        f"{config.table}: {where} has {amount} fields than {than} ({width}); correct it, or give {cure} under "
        f"[tables.{config.table}]."
    )


def _refusal(config: TableConfig, file: Path, reason: str) -> ContractError:
    """Say in one sentence what the engine says in twenty lines."""
    place = re.search(r"CSV Error on Line: (\d+)", reason)
    where = f"line {int(place[1]):,} of {file.name}" if place else file.name
    if uneven := re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", reason):
        return _uneven(config, where, int(uneven[2]), int(uneven[1]))
    if "aximum line size" in reason:
        return ContractError(
            f"{config.table}: {where} is longer than two million characters; close its quotation mark or shorten it."
        )
    if "unterminated quote" in reason:
        return ContractError(
            f"{config.table}: in {where} a quotation mark is opened and not closed; double it or remove it."
        )
    return ContractError(
        f"{config.table}: {where} cannot be read as {config.format}: {reason.strip().splitlines()[0].rstrip('.')}."
    )
