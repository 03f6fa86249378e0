"""Extract: the rows of one source as a passing Parquet file, every value a text as a reader would write it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

_BATCH = 50_000


@dataclass(frozen=True)
class Extract:
    """One file's rows: the Parquet file that holds them, columns that had no name, what a reader should know."""

    file: Path
    parquet: Path
    unnamed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def write(rows: Iterable[Sequence[Any]], names: Sequence[str], parquet: Path) -> None:
    """Write rows as text, a batch at a time.

    Parameters
    ----------
    rows : iterable of sequences
        The rows; one that is shorter than the names ends with empty values.
    names : sequence of str
        The columns.
    parquet : Path
        The file to write.
    """
    schema = pa.schema([(name, pa.string()) for name in names])
    remaining = iter(rows)
    with pq.ParquetWriter(parquet, schema) as writer:
        while batch := list(islice(remaining, _BATCH)):
            columns: list[list[str | None]] = [[] for _ in names]
            for row in batch:
                for place, column in enumerate(columns):
                    column.append(written(row[place]) if place < len(row) else None)
            writer.write_batch(pa.record_batch([pa.array(column, pa.string()) for column in columns], schema=schema))


def written(value: Any) -> str | None:
    """Write a value as a text.

    Parameters
    ----------
    value : object
        A value of a cell.

    Returns
    -------
    str or None
        Whole numbers have no decimals, other numbers at most the 15 digits that a spreadsheet keeps; days are
        ISO dates, without a time at midnight; truth values are true and false; an empty text is none.
    """
    if isinstance(value, str):
        return value or None
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) < 1e18 else f"{value:.15g}"
    if isinstance(value, datetime):
        if value.time() == time():
            return value.date().isoformat()
        return value.isoformat(sep=" ", timespec="milliseconds" if value.microsecond else "seconds")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return value.hex()
    return str(value)
