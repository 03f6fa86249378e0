"""Own files -> a study.toml: presets for well-known data sets, and the contract's names for the rest."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from crm_analysis.errors import UsageError
from crm_analysis.study.config import TableConfig, file_format, name_from
from crm_analysis.study.sources import read
from crm_analysis.study.tables import CONTRACTS


@dataclass(frozen=True)
class Preset:
    """How a well-known data set maps to the contract."""

    about: str
    table: str
    title: str
    currency: str
    settings: str


PRESETS = {
    "cdnow": Preset(
        about="purchases of the CD shop CDNOW, 1997-01 to 1998-06 (Fader and Hardie)",
        table="transactions",
        title="CDNOW: purchases of CDs, 1997-1998",
        currency="USD",
        settings=(
            'format = "blanks"          # fields divided by any number of blanks, a header line\n'
            'columns = { time = "date", amount = "dollar_value", quantity = "number_of_cds" }\n'
        ),
    ),
}
"""Presets by name."""


def initialise(
    folder: str | os.PathLike[str], files: Sequence[str | os.PathLike[str]], *, preset: str | None = None
) -> Path:
    """Write a study.toml for files that are there.

    Parameters
    ----------
    folder : path
        The study's folder; made if missing. Its name becomes the study's name.
    files : sequence of paths
        The raw files. Without a preset each is named like a table of the contract (``transactions.csv``).
    preset : str, optional
        A name in `PRESETS`; it takes one file.

    Returns
    -------
    Path
        The study.toml.

    Raises
    ------
    UsageError
        If a file is missing, the preset is unknown, or the folder holds a study.toml already.
    ContractError
        If a file is empty or cannot be read.
    """
    home = Path(folder)
    target = home / "study.toml"
    if target.exists():
        raise UsageError(f"{target} is there already; edit it, or choose another folder.")
    for file in files:
        if not Path(file).exists():
            raise UsageError(f"there is no file {file}; give the path of the raw file.")
    if preset is not None and preset not in PRESETS:
        raise UsageError(f"there is no preset {preset!r}; known are {', '.join(PRESETS)}.")
    if not files:
        raise UsageError("give at least one file, for example: crm-analysis init studies/shop transactions.csv.")
    if preset is not None and len(files) > 1:
        raise UsageError(f"the preset {preset} takes one file, not {len(files)}.")
    used = PRESETS[preset] if preset is not None else None
    sections = [_section(Path(file), home, used) for file in files]
    title, currency = (used.title, used.currency) if used is not None else (home.resolve().name, "")
    heading = (
        f"[study]\nname = {_text(name_from(home))}            # one report folder per name\n"
        f'title = {_text(title)}\ncurrency = {_text(currency)}\n\n[engine]\nurl = "duckdb://"\n'
    )
    home.mkdir(parents=True, exist_ok=True)
    target.write_text("\n".join([heading, *sections]), "utf-8")
    return target


def _section(file: Path, home: Path, preset: Preset | None) -> str:
    table = preset.table if preset is not None else file.stem.lower()
    if table not in CONTRACTS:
        raise UsageError(
            f"{file.name} is not named like a table of the contract ({', '.join(CONTRACTS)}); "
            "rename it, or name a preset with --preset."
        )
    source = Path(os.path.relpath(file.resolve(), home.resolve())).as_posix()
    settings = preset.settings if preset is not None else _hint(table, file)
    return f"[tables.{table}]\nsource = {_text(source)}\n{settings}"


def _text(text: str) -> str:
    """Write a text for TOML, whose basic strings are those of JSON."""
    return json.dumps(text, ensure_ascii=False)


def _hint(table: str, file: Path) -> str:
    """Comments that help to map a file whose columns do not all bear the contract's names."""
    columns = read(
        duckdb.connect(), TableConfig(table, str(file.resolve()), file_format(file.name)), file.parent
    ).columns
    absent = [name for name in CONTRACTS[table].required if name not in columns]
    if not absent:
        return ""
    wanted = ", ".join(f'{name} = "..."' for name in absent)
    return f"# columns of the file: {', '.join(columns)}\n# columns = {{ {wanted} }}\n"
