"""Raw table -> clean table: count every broken rule, put offending rows into quarantine, keep the rest as Parquet."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crm_analysis.atomic import replacing
from crm_analysis.errors import UsageError
from crm_analysis.study.checking import Breach, CleanTable, examine
from crm_analysis.study.config import StudyConfig, TableConfig
from crm_analysis.study.mapping import Mapped, map_columns
from crm_analysis.study.sources import Source, fingerprint, literal, quote, read
from crm_analysis.study.tables import CONTRACTS, ROW

if TYPE_CHECKING:
    import ibis

# Part of every cache key: raise it when the contract or the cleaning changes what a clean table holds.
_VERSION = 2


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
    found = examine(checked, mapped.contract, mapped.columns, label=source.label, quarantine=quarantine)
    in_place = source.typed and not found.breaches
    if not in_place:
        with replacing(parquet) as part:
            found.kept.order_by(ROW).select(*mapped.columns).to_parquet(part)
    return CleanTable(source.table, in_place, files, found.rows, found.left_out, found.breaches)
