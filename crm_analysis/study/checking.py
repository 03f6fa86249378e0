"""The rules of the contract asked of a table, in any engine: which rows break which rule, counted in one query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crm_analysis.atomic import replacing
from crm_analysis.errors import ContractError
from crm_analysis.study.tables import ROW, Contract, Rule, raw
from crm_analysis.table import count, number

if TYPE_CHECKING:
    import ibis

# A file with so many rows and more than half of them broken is misread, not dirty.
_MANY = 20


@dataclass(frozen=True)
class Breach:
    """A rule that was broken: how often, where first, and what was done (the row left out, or the value set aside)."""

    table: str
    column: str
    rule: str
    rows: int
    first_row: int
    first_value: str
    row_left_out: bool

    def __str__(self) -> str:
        done = "left out" if self.row_left_out else "value set aside"
        rows = f"{count(self.rows, 'row')} {'breaks' if self.rows == 1 else 'break'}"
        first = f"first row {self.first_row}" + (f" = {self.first_value!r}" if self.first_value else "")
        return f"{self.table}: {self.column} {self.rule}; {rows} this ({done}), {first}"


@dataclass(frozen=True)
class CleanTable:
    """What was found while a table was cleaned, and whether it is read in place (typed and without a breach)."""

    name: str
    in_place: bool
    files: tuple[tuple[str, str, int], ...]
    rows_read: int
    rows_left_out: int
    breaches: tuple[Breach, ...]

    @property
    def rows(self) -> int:
        return self.rows_read - self.rows_left_out


@dataclass(frozen=True)
class Examined:
    """What the rules found: rows in all and left out, the breaches, and the rows that stay."""

    rows: int
    left_out: int
    breaches: tuple[Breach, ...]
    kept: ibis.Table


def examine(
    checked: ibis.Table, contract: Contract, columns: tuple[str, ...], *, label: str, quarantine: Path
) -> Examined:
    """Ask a table every rule of its contract, and write the rows that break one to a quarantine file.

    Parameters
    ----------
    checked : ibis.Table
        Typed columns of the contract, beside each the value as it was written (`raw`), and the row's number (`ROW`).
    contract : Contract
        Its contract, survey items included.
    columns : tuple of str
        The columns that are there.
    label : str
        What messages call the source.
    quarantine : Path
        The file to write; removed where no rule is broken.

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
    rules = {f"__broken_{place}": rule for place, rule in enumerate(contract.rules(columns, today=today))}
    marked = _mark(checked, rules)
    sums = {mark: marked[mark].sum() for mark in rules}
    counts = marked.aggregate(rows=marked.count(), out=marked["__out"].sum(), **sums).to_pyarrow().to_pylist()[0]
    found = {mark: rule for mark, rule in rules.items() if counts[mark]}
    marked = _mark(checked, found)
    breaches = tuple(_breach(marked, mark, rule, contract, counts[mark]) for mark, rule in found.items())
    rows, out = int(counts["rows"]), int(counts["out"] or 0)
    _write_quarantine(marked, found, columns, quarantine)
    if rows == out or (rows >= _MANY and out > rows / 2):
        raise ContractError(
            f"{contract.table}: {out:,} of {count(rows, 'row')} of {label} break the contract, so the file is "
            f"probably misread (see quarantine/{quarantine.name} in the study's folder). {_worst(breaches)}"
        )
    kept = marked.filter(~marked["__out"])
    aside: dict[str, Any] = {}
    for mark, rule in found.items():
        if not rule.drops_row:
            value = aside.get(rule.column, kept[rule.column])
            aside[rule.column] = kept[mark].ifelse(None, value)
    return Examined(rows, out, breaches, kept.mutate(**aside))


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


def _breach(marked: ibis.Table, mark: str, rule: Rule, contract: Contract, count: Any) -> Breach:
    rows = marked.filter(marked[mark]).order_by(ROW).limit(1).select(ROW, raw(rule.column))
    first = rows.to_pyarrow().to_pylist()[0]
    value = first[raw(rule.column)]
    text = "" if value is None else value if isinstance(value, str) else number(value)
    return Breach(contract.table, rule.column, rule.sentence, int(count), int(first[ROW]), text, rule.drops_row)


def _worst(breaches: tuple[Breach, ...]) -> str:
    most = max((breach for breach in breaches if breach.row_left_out), key=lambda breach: breach.rows)
    return f"The rule broken most often is: {most}."


def _write_quarantine(
    marked: ibis.Table, found: Mapping[str, Rule], columns: tuple[str, ...], quarantine: Path
) -> None:
    import ibis

    if not found:
        quarantine.unlink(missing_ok=True)
        return
    quarantine.parent.mkdir(exist_ok=True)
    written = {name: marked[raw(name)].cast("string") for name in columns}
    parts = []
    for mark, rule in found.items():
        rows = marked.filter(marked[mark])
        parts.append(
            rows.select(
                row=rows[ROW],
                action=ibis.literal("row left out" if rule.drops_row else "value set aside"),
                rule=ibis.literal(str(rule)),
                **written,
            )
        )
    together = ibis.union(*parts) if len(parts) > 1 else parts[0]
    with replacing(quarantine) as part:
        together.order_by("row", "rule").to_csv(part)
