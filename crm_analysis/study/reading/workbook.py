"""Workbook: the sheets of .xlsx, .xls, .xlsb and .ods files as rows of text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

from crm_analysis.errors import ContractError
from crm_analysis.study.config import TableConfig
from crm_analysis.study.reading import header
from crm_analysis.study.reading.extract import Extract, write, written
from crm_analysis.study.reading.header import Header
from crm_analysis.table import count

Row = list[Any]


def sheets(file: Path) -> list[str]:
    """Name the sheets of a workbook that hold anything, hidden ones last.

    Parameters
    ----------
    file : Path
        The workbook.

    Returns
    -------
    list of str

    Raises
    ------
    ContractError
        If it cannot be read.
    """
    return list(_sheets("workbook", file))


def extract(config: TableConfig, files: Sequence[Path], scratch: Path) -> list[Extract]:
    """Read one sheet of each workbook, or with ``sheet = "*"`` all sheets with the same header.

    Rows without any value are no rows; title lines above the header are passed over and told.

    Parameters
    ----------
    config : TableConfig
        The table's section of study.toml; without `sheet` the first sheet that holds anything is read.
    files : sequence of Path
        The workbooks.
    scratch : Path
        A folder for passing files.

    Returns
    -------
    list of Extract
        One per sheet that was read.

    Raises
    ------
    ContractError
        If a workbook cannot be read or does not have the sheet.
    """
    return [found for place, file in enumerate(files) for found in _one(config, file, scratch, place)]


def _one(config: TableConfig, file: Path, scratch: Path, place: int) -> Iterator[Extract]:
    filled = _sheets(config.table, file)
    if not filled:
        raise ContractError(f"{config.table}: {file.name} has only empty sheets; give a sheet with a header and rows.")
    if config.sheet not in (None, "*", *filled):
        raise ContractError(
            f"{config.table}: {file.name} has no sheet {config.sheet!r} that holds anything; it has "
            f"{', '.join(map(repr, filled))}; correct sheet under [tables.{config.table}]."
        )
    wanted, note = _wanted(config, file, filled)
    for number, sheet in enumerate(wanted):
        head, rows = _rows(config, filled[sheet])
        parquet = scratch / f"{place}-{number}.parquet"
        write((row for row in rows if any(cell != "" for cell in row)), head.names, parquet)
        yield Extract(file, parquet, head.unnamed, (*note, *head.notes))
        note = ()


def _wanted(config: TableConfig, file: Path, filled: dict[str, Any]) -> tuple[list[str], tuple[str, ...]]:
    """Choose the sheets to read, and say which are not."""
    if config.sheet not in (None, "*"):
        return [str(config.sheet)], ()
    first, *others = filled
    if config.sheet is None:
        note = f"sheet {first!r} of {len(filled)} (others: {', '.join(map(repr, others))})"
        return [first], (note,) if others else ()
    columns = {name: set(_rows(config, sheet)[0].names) for name, sheet in filled.items()}
    alike = [sheet for sheet in filled if columns[sheet] == columns[first]]
    for sheet in others:
        if sheet not in alike and 2 * len(columns[sheet] & columns[first]) >= len(columns[first]):
            odd = sorted(columns[sheet] ^ columns[first])
            raise ContractError(
                f"{config.table}: the sheets {first!r} and {sheet!r} of {file.name} do not have the same header (only "
                f"one has {', '.join(map(repr, odd))}); correct it, or name one sheet under [tables.{config.table}]."
            )
    left = [sheet for sheet in others if sheet not in alike]
    note = f"sheets {', '.join(map(repr, alike))} as one table"
    if left:
        note += f" (with another header, not read: {', '.join(map(repr, left))})"
    return alike, (note,)


def _sheets(table: str, file: Path) -> dict[str, Any]:
    """The sheets that hold anything, each parsed once; those that the program shows come first."""
    import python_calamine as calamine

    try:
        # From the bytes, so that their kind decides and not the name.
        with file.open("rb") as content:
            book = calamine.CalamineWorkbook.from_filelike(content)
        tables = [sheet for sheet in book.sheets_metadata if sheet.typ == calamine.SheetTypeEnum.WorkSheet]
        tables.sort(key=lambda sheet: sheet.visible != calamine.SheetVisibleEnum.Visible)
        parsed = {sheet.name: book.get_sheet_by_name(sheet.name) for sheet in tables}
    except calamine.CalamineError as error:
        raise ContractError(
            f"{table}: {file.name} cannot be read as a workbook: {str(error).rstrip('.')}; open it in a spreadsheet "
            "program and save it again as .xlsx without a password."
        ) from None
    return {name: sheet for name, sheet in parsed.items() if sheet.end is not None}


def _rows(config: TableConfig, sheet: Any) -> tuple[Header, Iterator[Row]]:
    """The header of a sheet, and the rows below it; empty columns at the edges are left out by the parser."""
    rows = sheet.iter_rows()
    if config.names:
        width = sheet.end[1] - sheet.start[1] + 1
        if len(config.names) != width:
            raise ContractError(
                f"{config.table}: the sheet {sheet.name!r} has {count(width, 'column')}, but names under "
                f"[tables.{config.table}] gives {len(config.names)}; name every column."
            )
        return header.name(config.names), rows
    top = list(islice(rows, header.LOOK))
    head = header.find([[written(cell) or "" for cell in row] for row in top])
    return head, chain(top[head.place + 1 :], rows)
