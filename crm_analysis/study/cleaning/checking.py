"""The rules of the contract asked of a table, in any engine: which rows break which rule, counted in one query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crm_analysis.atomic import replacing
from crm_analysis.errors import ContractError
from crm_analysis.study.cleaning import ids
from crm_analysis.study.tables import ROW, Contract, Rule, raw
from crm_analysis.table import count, number

if TYPE_CHECKING:
    import ibis

COPY = "__copy"
"""Name of the working column that is true where a row is an exact copy of an earlier one."""

DUPLICATES, WRONG, FORMATS = ACTS = ("remove duplicates", "correct wrong values", "standardise formats")
"""The three acts of cleaning."""

# A file with so many rows and more than half of them broken is misread, not dirty.
_MANY = 20


@dataclass(frozen=True)
class Breach:
    """A rule that was broken: how often, where first, and what was done (the row left out, or the value set aside).

    The rows of a database have no numbers: there `first_row` is 0.
    """

    table: str
    column: str
    rule: str
    rows: int
    first_row: int
    first_value: str
    row_left_out: bool

    @property
    def is_repeated(self) -> bool:
        """Whether the rows have a key that an earlier row has: duplicates of a kind."""
        return self.rule.startswith("must stand once")

    def __str__(self) -> str:
        done = "left out" if self.row_left_out else "value set aside"
        rows = f"{count(self.rows, 'row')} {'breaks' if self.rows == 1 else 'break'}"
        value = f" = {self.first_value!r}" if self.first_value else ""
        first = f", first row {self.first_row}{value}" if self.first_row else value.replace(" =", ", such as", 1)
        return f"{self.table}: {self.column} {self.rule}; {rows} this ({done}){first}"


@dataclass(frozen=True)
class Act:
    """One thing that cleaning did to a column beside what the rules did: how often, and an example."""

    table: str
    act: str
    column: str
    done: str
    rows: int
    before: str = ""
    after: str = ""


@dataclass(frozen=True)
class CleanTable:
    """What was found while a table was cleaned, and whether it is read in place (typed and without a breach).

    Attributes
    ----------
    rows_read, rows_left_out : int
        Rows of the source, and those that a broken rule left out.
    copies_removed, copies_kept : int
        Exact copies of earlier rows; None where they were not looked for.
    rows_passed_over : int
        Rows that the setting `one_per` does not read.
    acts : tuple of Act
        What was done beside breaches and copies.
    given : mapping of str to int
        Values given by column in the rows that were read, copies and rows left out included; empty for a table that
        is read in place, of which no row was left out.
    notes : tuple of str
        Sentences about how the source was read.
    """

    name: str
    in_place: bool
    files: tuple[tuple[str, str, int], ...]
    rows_read: int
    rows_left_out: int
    breaches: tuple[Breach, ...]
    copies_removed: int = 0
    copies_kept: int | None = 0
    rows_passed_over: int = 0
    one_per: str = ""
    acts: tuple[Act, ...] = ()
    given: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """Rows that are used."""
        return self.rows_read - self.rows_left_out - self.copies_removed - self.rows_passed_over


@dataclass(frozen=True)
class Examined:
    """What the rules found: rows in all, left out and copies among them, the breaches, and the rows that stay."""

    rows: int
    left_out: int
    breaches: tuple[Breach, ...]
    kept: ibis.Table
    copies: int = 0


def examine(
    checked: ibis.Table,
    contract: Contract,
    columns: tuple[str, ...],
    *,
    label: str,
    quarantine: Path,
    numbered: bool = True,
    at_most: int | None = None,
) -> Examined:
    """Ask a table every rule of its contract, and write the rows that break one to a quarantine file.

    Parameters
    ----------
    checked : ibis.Table
        Typed columns of the contract, beside each the value as it was written (`raw`), and the row's number (`ROW`).
        Rows marked as copies (`COPY`, where that column is there) are left out first and break no rule.
    contract : Contract
        Its contract, survey items included.
    columns : tuple of str
        The columns that are there.
    label : str
        What messages call the source.
    quarantine : Path
        The file to write; removed where no rule is broken.
    numbered : bool
        Whether the rows' numbers mean something to a reader; those of a database's table do not.
    at_most : int, optional
        How many rows are written to the file.

    Returns
    -------
    Examined

    Raises
    ------
    ContractError
        If no row is left, or more than half of many rows would be left out.
    """
    # A day's grace: a shop east of this clock has tomorrow's date already.
    today = datetime.combine(date.today() + timedelta(days=2), datetime.min.time())
    asked = [*contract.rules(columns, today=today), *ids.rules(contract, columns)]
    rules = {f"__broken_{place}": rule for place, rule in enumerate(asked)}
    originals, copies, copied = _without_copies(checked)
    marked = _mark(originals, rules)
    sums = {mark: marked[mark].sum() for mark in rules}
    counts = marked.aggregate(rows=marked.count(), out=marked["__out"].sum(), **sums).to_pyarrow().to_pylist()[0]
    found = {mark: rule for mark, rule in rules.items() if counts[mark]}
    marked = _mark(originals, found)
    breaches = _breaches(marked, found, contract, counts, numbered=numbered)
    rows, out = int(counts["rows"]), int(counts["out"] or 0)
    _write_quarantine(marked, found, columns, copied, quarantine, numbered=numbered, at_most=at_most)
    if rows == out or (rows >= _MANY and out > rows / 2):
        misread = "the file is probably misread" if numbered else "its columns are probably mapped wrongly"
        raise ContractError(
            f"{contract.table}: {out:,} of {count(rows, 'row')} of {label} break the contract, so {misread} "
            f"(see quarantine/{quarantine.name} in the study's folder). {_worst(breaches)}"
        )
    kept = marked.filter(~marked["__out"])
    aside: dict[str, Any] = {}
    for mark, rule in found.items():
        if not rule.drops_row:
            value = aside.get(rule.column, kept[rule.column])
            aside[rule.column] = kept[mark].ifelse(None, value)
    return Examined(rows + copies, out, breaches, kept.mutate(**aside), copies)


def mark_copies(rows: ibis.Table, columns: Sequence[str]) -> ibis.Table:
    """Mark exact copies of earlier rows.

    Parameters
    ----------
    rows : ibis.Table
        A raw table with row numbers (`ROW`).
    columns : sequence of str
        All columns of its source.

    Returns
    -------
    ibis.Table
        The same with a column `COPY`: true in every row that equals an earlier one in all these columns.
    """
    import ibis

    place = ibis.row_number().over(group_by=[rows[name] for name in columns], order_by=rows[ROW])
    return rows.mutate(**{COPY: place > 0})


def _without_copies(checked: ibis.Table) -> tuple[ibis.Table, int, ibis.Table | None]:
    """Rows that are no copies, how many are, and those, if there are any."""
    if COPY not in checked.columns:
        return checked, 0, None
    copied = checked.filter(checked[COPY])
    copies = int(copied.count().to_pyarrow().as_py())
    return checked.filter(~checked[COPY]), copies, copied if copies else None


def _mark(checked: ibis.Table, rules: Mapping[str, Rule]) -> ibis.Table:
    """Add a column per rule that is true where it is broken, and ``__out`` for rows that must be left out."""
    marked = checked.mutate(**{mark: rule.broken(checked).fill_null(False) for mark, rule in rules.items()})
    marked = marked.mutate(__out=_any(marked, [mark for mark, rule in rules.items() if rule.drops_row]))
    # A value is set aside only in a row that stays.
    stays = {mark: marked[mark] & ~marked["__out"] for mark, rule in rules.items() if not rule.drops_row}
    return marked.mutate(**stays)


def _any(table: ibis.Table, marks: list[str]) -> Any:
    import ibis

    return ibis.or_(*(table[mark] for mark in marks)) if marks else ibis.literal(False)


def _breaches(
    marked: ibis.Table, found: Mapping[str, Rule], contract: Contract, counts: Mapping[str, Any], *, numbered: bool
) -> tuple[Breach, ...]:
    if not found:
        return ()
    asked = {}
    for mark, rule in found.items():
        asked[f"row{mark}"] = marked[ROW].min(where=marked[mark])
        value = marked[raw(rule.column)]
        # Rows without numbers have no first: the smallest value is the same each time.
        asked[f"value{mark}"] = (
            value.argmin(marked[ROW], where=marked[mark]) if numbered else value.min(where=marked[mark])
        )
    first = marked.aggregate(**asked).to_pyarrow().to_pylist()[0]
    breaches = []
    for mark, rule in found.items():
        value = first[f"value{mark}"]
        text = "" if value is None else value if isinstance(value, str) else number(value)
        row = int(first[f"row{mark}"]) if numbered else 0
        breaches.append(
            Breach(contract.table, rule.column, rule.sentence, int(counts[mark]), row, text, rule.drops_row)
        )
    return tuple(breaches)


def _worst(breaches: tuple[Breach, ...]) -> str:
    most = max((breach for breach in breaches if breach.row_left_out), key=lambda breach: breach.rows)
    cure = f'; to read only the first row of each, set one_per = "{most.column}"' if most.is_repeated else ""
    return f"The rule broken most often is: {most}{cure}."


def _write_quarantine(
    marked: ibis.Table,
    found: Mapping[str, Rule],
    columns: tuple[str, ...],
    copied: ibis.Table | None,
    quarantine: Path,
    *,
    numbered: bool,
    at_most: int | None,
) -> None:
    import ibis

    if not found and copied is None:
        quarantine.unlink(missing_ok=True)
        return
    quarantine.parent.mkdir(exist_ok=True)
    parts = []
    for mark, rule in found.items():
        action = "row left out" if rule.drops_row else "value set aside"
        parts.append((marked.filter(marked[mark]), action, str(rule)))
    if copied is not None:
        parts.append((copied, "row left out", "exact copy of an earlier row"))
    selected = [
        rows.select(
            row=rows[ROW],
            action=ibis.literal(action),
            rule=ibis.literal(rule),
            **{name: rows[raw(name)].cast("string") for name in columns},
        )
        for rows, action, rule in parts
    ]
    together = ibis.union(*selected) if len(selected) > 1 else selected[0]
    ordered = together.order_by("row", "rule") if numbered else together.drop("row").order_by("rule", *columns)
    with replacing(quarantine) as part:
        (ordered if at_most is None else ordered.limit(at_most)).to_csv(part)
