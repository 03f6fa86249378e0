"""Raw table -> clean table: count every broken rule, put offending rows into quarantine, keep the rest as Parquet."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from crm_analysis.atomic import replacing
from crm_analysis.errors import ContractError, UsageError
from crm_analysis.study.cleaning.checking import Act, Breach, CleanTable, examine
from crm_analysis.study.cleaning.duplicates import are_removed, count_copies, first_of_each, kept, rows_of
from crm_analysis.study.cleaning.mapping import Mapped, map_columns
from crm_analysis.study.config import StudyConfig, TableConfig
from crm_analysis.study.reading.databasefile import companions
from crm_analysis.study.reading.files import find, fingerprint
from crm_analysis.study.reading.sources import VERSION as READING
from crm_analysis.study.reading.sources import Source, literal, quote, read
from crm_analysis.study.tables import CONTRACTS, ROW, raw

if TYPE_CHECKING:
    import ibis

# Part of every cache key: raise it when the contract or the cleaning changes what a clean table holds.
_VERSION = 4
_DAY_SECONDS = 24 * 60 * 60


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
    # Before anything is read: what is known of a file by its hash need not be read again.
    raw_files = find(settings, folder)
    hashes = fingerprint([*raw_files, *chain.from_iterable(map(companions, raw_files))], cache / "hashes.json")
    key = _key(config, settings, hashes)
    memory, parquet = cache / f"{table}-{key}.json", cache / f"{table}-{key}.parquet"
    quarantine = folder / "quarantine" / f"{table}.csv"
    cleaned = _known(memory, quarantine)
    if cleaned is not None and not cleaned.in_place:
        if parquet.exists():
            return cleaned, backend.read_parquet(parquet)
        cleaned = None
    with _scratch(cache) as scratch:
        source = read(backend.con, settings, folder, scratch=scratch)
        if cleaned is None:
            files = tuple((file.name, hashes[str(file)], file.stat().st_size) for file in raw_files)
            # Also if the check fails: what is in quarantine must never be older than what the cache says.
            _forget(cache, table, key)
            cleaned = _check(backend, config, source, quarantine, parquet, files)
            if fingerprint(list(map(Path, hashes)), cache / "hashes.json") != hashes:
                raise ContractError(f"{table}: {source.label} changed while it was read; try again when it is whole.")
            with replacing(memory) as part:
                part.write_text(json.dumps(asdict(cleaned), ensure_ascii=False), "utf-8")
    if cleaned.in_place:
        mapped = _mapped(backend, config, source, in_place=True)
        columns = ", ".join(quote(name) for name in mapped.columns)
        return cleaned, backend.sql(f"SELECT {columns} FROM ({mapped.query})")
    return cleaned, backend.read_parquet(parquet)


def _mapped(
    backend: Any, config: StudyConfig, source: Source, *, in_place: bool = False, copies: bool = False
) -> Mapped:
    contract = CONTRACTS[source.table]
    if source.table == "survey":
        contract = contract.with_items(config.survey.items)
    return map_columns(
        backend.con,
        source,
        config.tables[source.table],
        contract,
        timezone=config.timezone,
        missing=config.survey.missing if source.table == "survey" else (),
        in_place=in_place,
        copies=copies,
    )


def _key(config: StudyConfig, settings: TableConfig, hashes: Mapping[str, str]) -> str:
    survey = asdict(config.survey) if settings.table == "survey" else None
    if survey is not None:
        survey.pop("target")  # what is made of the answers does not change them
    # Names too: a folder such as region=East gives a column.
    files = [[*(part for part in Path(file).parts if "=" in part), Path(file).name, hashes[file]] for file in hashes]
    parts = [_VERSION, READING, asdict(settings), config.timezone, survey, files]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _known(memory: Path, quarantine: Path) -> CleanTable | None:
    try:
        saved: dict[str, Any] = json.loads(memory.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    breaches = tuple(Breach(**breach) for breach in saved.pop("breaches"))
    acts = tuple(Act(**act) for act in saved.pop("acts"))
    if (breaches or saved["copies_removed"]) and not quarantine.exists():
        return None
    files = tuple((name, digest, size) for name, digest, size in saved.pop("files"))
    return CleanTable(**saved | {"notes": tuple(saved["notes"])}, files=files, breaches=breaches, acts=acts)


def _forget(cache: Path, table: str, key: str) -> None:
    for stale in cache.glob(f"{table}-*"):
        if not stale.name.startswith(f"{table}-{key}"):
            stale.unlink(missing_ok=True)


@contextmanager
def _scratch(cache: Path) -> Iterator[Path]:
    """Give a folder for passing copies; what a run that was killed left there goes after a day."""
    for stale in cache.glob("reading-*"):
        if stale.stat().st_mtime < time.time() - _DAY_SECONDS:
            shutil.rmtree(stale, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="reading-", dir=cache) as scratch:
        yield Path(scratch)


def _check(
    backend: ibis.backends.duckdb.Backend,
    config: StudyConfig,
    source: Source,
    quarantine: Path,
    parquet: Path,
    files: tuple[tuple[str, str, int], ...],
) -> CleanTable:
    settings, connection = config.tables[source.table], backend.con
    with ExitStack() as passing:
        how = "; ".join(note.rstrip(".") for note in source.notes)
        notes = [f"{how}."] if how else []
        rows = rows_of(connection, source.query) if settings.one_per else None
        copies_kept: int | None = 0
        copied = False
        if settings.one_per:
            source = first_of_each(source, settings)
        elif are_removed(source, settings):
            copied = count_copies(connection, source) > 0
        else:
            # A file read in place may be very long, so its lines are not compared.
            copies_kept = None if source.in_place else count_copies(connection, source)
        mapped = _mapped(backend, config, source, copies=copied)
        checked = _readable(backend, source, mapped, parquet, passing)
        found = examine(checked, mapped.contract, mapped.columns, label=source.label, quarantine=quarantine)
        in_place = source.in_place and not (mapped.parsed or found.breaches or found.copies or settings.one_per)
        given = {} if in_place else _given(checked, mapped.columns)
        if not in_place:
            with replacing(parquet) as part:
                found.kept.order_by(ROW).select(*mapped.columns).to_parquet(part)
    if copies_kept:
        notes.append(kept(source, copies_kept))
    return CleanTable(
        name=source.table,
        in_place=in_place,
        files=files,
        rows_read=found.rows if rows is None else rows,
        rows_left_out=found.left_out,
        breaches=found.breaches,
        copies_removed=found.copies,
        copies_kept=copies_kept,
        rows_passed_over=0 if rows is None else rows - found.rows,
        one_per=settings.one_per or "",
        acts=mapped.acts,
        given=given,
        notes=(*notes, *mapped.notes),
    )


def _readable(
    backend: ibis.backends.duckdb.Backend, source: Source, mapped: Mapped, parquet: Path, passing: ExitStack
) -> ibis.Table:
    """Give the mapped table in a form that many queries can read: text is typed once, into a passing file."""
    query = mapped.query
    if mapped.parsed or not source.typed:
        query = passing.enter_context(_staged(backend.con, source, query, parquet.with_suffix(".typed.parquet")))
    backend.con.execute(f"CREATE OR REPLACE TEMP VIEW __mapped AS {query}")
    return backend.table("__mapped")


@contextmanager
def _staged(connection: Any, source: Source, query: str, parquet: Path) -> Iterator[str]:
    """Write a query's rows into a passing file, and give the query that reads it."""
    staged = parquet.with_suffix(f".raw.{os.getpid()}")
    try:
        try:
            connection.execute(f"COPY ({query}) TO {literal(str(staged))} (FORMAT parquet)")
        except duckdb.Error as error:
            reason = str(error).strip().splitlines()[0].rstrip(".")
            raise ContractError(f"{source.table}: {source.label} cannot be read to its end: {reason}.") from None
        yield f"SELECT * FROM read_parquet({literal(str(staged))})"
    finally:
        staged.unlink(missing_ok=True)


def _given(checked: ibis.Table, columns: tuple[str, ...]) -> dict[str, int]:
    """Count the values written in each column."""
    counts = {f"v{place}": checked[raw(name)].count() for place, name in enumerate(columns)}
    row = checked.aggregate(**counts).to_pyarrow().to_pylist()[0]
    return {name: int(row[f"v{place}"]) for place, name in enumerate(columns)}
