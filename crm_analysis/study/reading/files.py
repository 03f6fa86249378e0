"""Files: which ones a table is made of, and the hashes by which an unchanged file is known again."""

from __future__ import annotations

import glob
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from crm_analysis.atomic import replacing
from crm_analysis.errors import ContractError
from crm_analysis.study.config import TableConfig, file_format

_TEXT = (".csv", ".tsv", ".txt", ".dat")


def find(config: TableConfig, folder: Path) -> tuple[Path, ...]:
    """Find a table's files: one, those that a pattern fits, or those of a folder and the folders in it.

    Parameters
    ----------
    config : TableConfig
        The table's section of study.toml. A folder's files are those whose endings fit its format; where it has no
        text files, those of another format.
    folder : Path
        The study's folder; a relative source is sought from there. What the study itself keeps there is no source.

    Returns
    -------
    tuple of Path
        In the order of their names. Hidden files and the lock files of spreadsheet programs are left aside.

    Raises
    ------
    ContractError
        If there is none.
    """
    place = folder / config.source
    if place.is_file():
        return (place.resolve(),)
    if place.is_dir():
        there = sorted(file for file in place.rglob("*") if file.is_file() and _is_open(file.relative_to(place)))
        there = [file for file in there if (folder / "quarantine").resolve() not in file.resolve().parents]
        forms = [config.format, *(("parquet", "excel", "sqlite", "duckdb") if config.format == "csv" else ())]
        fitting = [[file for file in there if _ending_fits(file, form)] for form in forms]
        files = next((found for found in fitting if found), [])
        missing = f"the folder {config.source} holds no {config.format} file"
    else:
        # A drive or a folder above may have brackets in its name, the pattern's own are meant.
        found = glob.glob(config.source, root_dir=folder, recursive=True)
        files = sorted(folder / name for name in found if (folder / name).is_file() and _is_open(Path(Path(name).name)))
        missing = f"there is no file {config.source}"
    if not files:
        raise ContractError(
            f"{config.table}: {missing} (sought from the folder of study.toml); put it there or change source under "
            f"[tables.{config.table}]."
        )
    return tuple(file.resolve() for file in files)


def _is_open(file: Path) -> bool:
    return not any(part.startswith((".", "~$")) for part in file.parts)


def _ending_fits(file: Path, form: str) -> bool:
    return file.suffix.lower() in _TEXT if form in ("csv", "blanks") else file_format(file.name) == form


def fingerprint(files: Sequence[Path], memory: Path) -> dict[str, str]:
    """Hash files with SHA-256, reading again only those whose size or times of change are new.

    Parameters
    ----------
    files : sequence of Path
        The files.
    memory : Path
        A JSON file that remembers the hashes from one call to the next.

    Returns
    -------
    dict
        Path as text -> hash in hexadecimal; a file that is gone has none.
    """
    try:
        known = json.loads(memory.read_text("utf-8"))
    except (OSError, ValueError):
        known = {}
    hashes = {}
    for file in files:
        try:
            state = file.stat()
        except FileNotFoundError:
            # A journal may go at any moment.
            continue
        # A copy may keep the time of change of what it replaces, but not the time at which it was put there.
        stamp = [state.st_size, state.st_mtime_ns, state.st_ctime_ns]
        entry = known.get(str(file))
        if entry is None or entry[:-1] != stamp:
            with file.open("rb") as content:
                entry = [*stamp, hashlib.file_digest(content, "sha256").hexdigest()]
        known[str(file)] = entry
        hashes[str(file)] = entry[-1]
    with replacing(memory) as part:
        part.write_text(json.dumps(known), "utf-8")
    return hashes
