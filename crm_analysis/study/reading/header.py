"""Header: which row of a file names its columns, and what each column is called."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from itertools import count as numbers

from crm_analysis.study.tables import ROW
from crm_analysis.table import count

_LINE_END = re.compile(r"\s*[\r\n]+\s*")

LOOK = 50
"""So many rows from the top are looked at."""


@dataclass(frozen=True)
class Header:
    """A file's header: rows before it, names of the columns, those that had none, what a reader should know."""

    place: int
    names: tuple[str, ...]
    unnamed: tuple[str, ...]
    notes: tuple[str, ...]


def find(rows: Sequence[Sequence[str]]) -> Header:
    """Find the header among a file's first rows: titles and remarks above a table fill few of its columns.

    Parameters
    ----------
    rows : sequence of sequences of str
        The first rows, blank ones included.

    Returns
    -------
    Header
        The first row that fills more than half as many columns as the upper quartile of the rows. Blanks around and
        line ends within a name are tidied; a column without a name is called by its number, a name that stands twice
        gets a number, because the engine tells neither such columns nor capitals from small letters apart.
    """
    filled = [_filled(row) for row in rows]
    given = sorted(number for number in filled if number) or [0]
    # The upper quartile: values may be missing in most rows, a row with too many fields is a mistake.
    typical = given[3 * (len(given) - 1) // 4]
    # A row with one filled column is a header only where there is nothing but one column.
    fits = [number > typical / 2 and (number > 1 or typical <= 1) and number > 0 for number in filled]
    place = fits.index(True) if True in fits else 0
    above = sum(number > 0 for number in filled[:place])
    notes = (f"{count(above, 'line')} above the header passed over",) if above else ()
    return name(rows[place] if rows else (), place=place, notes=notes)


def _filled(row: Sequence[str]) -> int:
    """Count the columns that a row fills; a table often begins with a column of row numbers that has no name."""
    number = sum(bool(cell.strip()) for cell in row)
    return number + 1 if number and not row[0].strip() else number


def name(cells: Sequence[str], *, place: int = 0, notes: tuple[str, ...] = ()) -> Header:
    """Give every column of a header a name of its own.

    Parameters
    ----------
    cells : sequence of str
        What stands in the header.
    place : int
        How many rows stand above it.
    notes : tuple of str
        What is known already.

    Returns
    -------
    Header
    """
    given = [_LINE_END.sub(" ", cell.strip()) for cell in cells]
    reserved = {cell.lower() for cell in given}
    taken = {ROW}
    names: list[str] = []
    unnamed: list[str] = []
    for number, cell in enumerate(given, start=1):
        chosen = cell
        if not cell or cell.lower() in taken:
            stem = cell or f"column_{number}"
            offered = chain([stem], (f"{stem}_{suffix}" for suffix in numbers(2)))
            chosen = next(free for free in offered if free.lower() not in taken | reserved)
        if not cell:
            unnamed.append(chosen)
        elif chosen != cell:
            notes = (*notes, f"the name {cell!r} is taken, so column {number} is read as {chosen!r}")
        names.append(chosen)
        taken.add(chosen.lower())
    return Header(place, tuple(names), tuple(unnamed), notes)
