"""Raw table -> clean table: count every broken rule, put offending rows into quarantine, keep the rest as Parquet."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crm_analysis.atomic import replacing
from crm_analysis.errors import ContractError, UsageError
from crm_analysis.study.config import StudyConfig, TableConfig
from crm_analysis.study.mapping import Mapped, map_columns
from crm_analysis.study.sources import Source, fingerprint, literal, quote, read
from crm_analysis.study.tables import CONTRACTS, ROW, Contract, Rule, raw
from crm_analysis.table import count, number

if TYPE_CHECKING:
    import ibis

# Part of every cache key: raise it when the contract or the cleaning changes what a clean table holds.
_MANY = 20
_VERSION = 2


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


def clean(
    backend: ibis.backends.duckdb.Backend, config: StudyConfig, table: str, folder: Path
) -> tuple[CleanTable, ibis.Table]:
    """Clean one table of a study, or take it from the cache if its files and mapping have not changed.

    Parameters
    ----------
    backend : ibis DuckDB backend
        The engine.
    config : StudyConfig
        The study.
    table : str
        The table's name.
    folder : Path
        The study's folder; the cache is written to ``.cache`` in it, rows in quarantine to ``quarantine``.

    Returns
    -------
    CleanTable
        What was found.
    ibis.Table
        The clean rows.

    Raises
    ------
    UsageError
        If the file is not there or the folder cannot be written to.
    ContractError
        If a required column is missing, the file cannot be read, or no row is left.
    """
    cache = folder / ".cache"
    try:
        cache.mkdir(exist_ok=True)
    except OSError:
        raise UsageError(f"{folder} cannot be written to; the study keeps its cleaned tables there.") from None
    settings = config.tables[table]
    source = read(backend.con, settings, folder)
    hashes = fingerprint(source.files, cache / "hashes.json")
    key = _key(config, settings, hashes)
    memory, parquet = cache / f"{table}-{key}.json", cache / f"{table}-{key}.parquet"
    quarantine = folder / "quarantine" / f"{table}.csv"
    cleaned = _known(memory, quarantine)
    if cleaned is not None and not cleaned.in_place:
        if parquet.exists():
            return cleaned, backend.read_parquet(parquet)
        cleaned = None
    mapped = _mapped(backend, config, source, settings)
    if cleaned is None:
        files = tuple((file.name, hashes[str(file)], file.stat().st_size) for file in source.files)
        # Also if the check fails: what is in quarantine must never be older than what the cache says.
        _forget(cache, table, key)
        with _readable(backend, source, mapped, parquet) as checked:
            cleaned = _check(checked, source, mapped, quarantine, parquet, files)
        with replacing(memory) as part:
            part.write_text(json.dumps(asdict(cleaned), ensure_ascii=False), "utf-8")
    if cleaned.in_place:
        columns = ", ".join(quote(name) for name in mapped.columns)
        return cleaned, backend.sql(f"SELECT {columns} FROM ({mapped.query})")
    return cleaned, backend.read_parquet(parquet)


def _mapped(backend: Any, config: StudyConfig, source: Source, settings: TableConfig) -> Mapped:
    contract = CONTRACTS[source.table]
    if source.table == "survey":
        contract = contract.with_items(config.survey.items)
    missing = config.survey.missing if source.table == "survey" else ()
    return map_columns(backend.con, source, settings, contract, timezone=config.timezone, missing=missing)


def _key(config: StudyConfig, settings: TableConfig, hashes: Mapping[str, str]) -> str:
    survey = asdict(config.survey) if settings.table == "survey" else None
    parts = [_VERSION, asdict(settings), config.timezone, survey, sorted(hashes.values())]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _known(memory: Path, quarantine: Path) -> CleanTable | None:
    try:
        saved: dict[str, Any] = json.loads(memory.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    breaches = tuple(Breach(**breach) for breach in saved.pop("breaches"))
    if breaches and not quarantine.exists():
        return None
    files = tuple((name, digest, size) for name, digest, size in saved.pop("files"))
    return CleanTable(**saved, files=files, breaches=breaches)


def _forget(cache: Path, table: str, key: str) -> None:
    for stale in cache.glob(f"{table}-*"):
        if not stale.name.startswith(f"{table}-{key}"):
            stale.unlink(missing_ok=True)


@contextmanager
def _readable(
    backend: ibis.backends.duckdb.Backend, source: Source, mapped: Mapped, parquet: Path
) -> Iterator[ibis.Table]:
    """Give the mapped table in a form that many queries can read: text is typed once, into a passing file."""
    if source.typed:
        backend.con.execute(f"CREATE OR REPLACE TEMP VIEW __mapped AS {mapped.query}")
        yield backend.table("__mapped")
        return
    staged = parquet.with_suffix(f".raw.{os.getpid()}")
    try:
        backend.con.execute(f"COPY ({mapped.query}) TO {literal(str(staged))} (FORMAT parquet)")
        yield backend.read_parquet(staged)
    finally:
        staged.unlink(missing_ok=True)


def _check(
    checked: ibis.Table,
    source: Source,
    mapped: Mapped,
    quarantine: Path,
    parquet: Path,
    files: tuple[tuple[str, str, int], ...],
) -> CleanTable:
    # A day's grace: a shop east of this clock has tomorrow's date already.
    today = datetime.combine(date.today() + timedelta(days=2), datetime.min.time())
    rules = {f"__broken_{place}": rule for place, rule in enumerate(mapped.contract.rules(mapped.columns, today=today))}
    marked = _mark(checked, rules)
    sums = {mark: marked[mark].sum() for mark in rules}
    counts = marked.aggregate(rows=marked.count(), out=marked["__out"].sum(), **sums).to_pyarrow().to_pylist()[0]
    found = {mark: rule for mark, rule in rules.items() if counts[mark]}
    marked = _mark(checked, found)
    breaches = tuple(_breach(marked, mark, rule, mapped.contract, counts[mark]) for mark, rule in found.items())
    rows, out = int(counts["rows"]), int(counts["out"] or 0)
    _write_quarantine(marked, found, mapped, quarantine)
    if rows == out or (rows >= _MANY and out > rows / 2):
        raise ContractError(
            f"{source.table}: {out:,} of {count(rows, 'row')} of {source.label} break the contract, so the file is "
            f"probably misread (see quarantine/{quarantine.name} in the study's folder). {_first(breaches)}"
        )
    if not breaches and source.typed:
        return CleanTable(source.table, True, files, rows, 0, ())
    kept = marked.filter(~marked["__out"])
    aside: dict[str, Any] = {}
    for mark, rule in found.items():
        if not rule.drops_row:
            value = aside.get(rule.column, kept[rule.column])
            aside[rule.column] = kept[mark].ifelse(None, value)
    with replacing(parquet) as part:
        kept.mutate(**aside).order_by(ROW).select(*mapped.columns).to_parquet(part)
    return CleanTable(source.table, False, files, rows, out, breaches)


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


def _first(breaches: tuple[Breach, ...]) -> str:
    worst = max((breach for breach in breaches if breach.row_left_out), key=lambda breach: breach.rows)
    return f"The rule broken most often is: {worst}."


def _write_quarantine(marked: ibis.Table, found: Mapping[str, Rule], mapped: Mapped, quarantine: Path) -> None:
    import ibis

    if not found:
        quarantine.unlink(missing_ok=True)
        return
    quarantine.parent.mkdir(exist_ok=True)
    written = {name: marked[raw(name)].cast("string") for name in mapped.columns}
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
