"""Own files -> a study.toml: presets for well-known data sets, a proposal with its doubts for all others."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from crm_analysis.atomic import replacing
from crm_analysis.errors import UsageError
from crm_analysis.study.config import name_from
from crm_analysis.study.config import read as read_config
from crm_analysis.study.proposal import draft, keys, pitfalls, relations
from crm_analysis.study.proposal import propose as proposal
from crm_analysis.study.proposal.presets import PRESETS
from crm_analysis.study.proposal.propose import Proposal
from crm_analysis.study.proposal.relations import Relation
from crm_analysis.study.tables import CONTRACTS


@dataclass(frozen=True)
class Initialised:
    """What `initialise` wrote.

    Attributes
    ----------
    file : Path
        The study.toml.
    notes : tuple of str
        What it was unsure of and what was not found, in sentences.
    complete : bool
        Whether every required column was found, so that the study can be opened as it stands.
    """

    file: Path
    notes: tuple[str, ...]
    complete: bool

    @property
    def folder(self) -> Path:
        """The study's folder, for `Study.open`."""
        return self.file.parent


def initialise(
    folder: str | os.PathLike[str], files: Sequence[str | os.PathLike[str]], *, preset: str | None = None
) -> Initialised:
    """Write a commented study.toml for files that are there.

    Each file, each sheet of a workbook and each table of a SQLite or DuckDB file is looked at: which table of the
    contract it is and which column is what is proposed from the columns' names (English or Chinese) and from what is
    in them. The files themselves are not changed.

    Parameters
    ----------
    folder : path
        The study's folder; made if missing. Its name becomes the study's name.
    files : sequence of paths
        The raw files. ``"customers=people.csv"`` says which table a file is; one named like a table of the contract
        (``customers.csv``) is that table.
    preset : str, optional
        A name in `PRESETS`; it takes one file.

    Returns
    -------
    Initialised
        Where it was written, and what was unsure.

    Raises
    ------
    UsageError
        If a file is missing, the preset is unknown or does not fit, no table of the contract is recognised, or the
        folder holds a study.toml already.
    ContractError
        If a file is empty or cannot be read.
    """
    home = Path(folder)
    target = home / "study.toml"
    if target.exists():
        raise UsageError(f"{target} is there already; edit it, or choose another folder.")
    if preset is not None and preset not in PRESETS:
        raise UsageError(f"there is no preset {preset!r}; known are {', '.join(PRESETS)}.")
    given = [relations.split(os.fspath(file)) for file in files]
    if not given:
        raise UsageError("give at least one file, for example: crm-analysis init studies/shop transactions.csv.")
    if preset is not None and len(given) > 1:
        raise UsageError(f"the preset {preset} takes one file, not {len(given)}.")
    sources = {file: Path(os.path.relpath(file.resolve(), home.resolve())).as_posix() for _, file in given}
    with TemporaryDirectory() as passing, duckdb.connect() as connection:
        if preset is not None:
            written = _from_preset(connection, preset, given[0][1], Path(passing), home, sources)
        else:
            written = _proposed(connection, given, Path(passing), home, sources)
    text, notes, complete = written
    home.mkdir(parents=True, exist_ok=True)
    with replacing(target) as part:
        part.write_text(text, "utf-8")
        # What cannot be read must not take the place.
        read_config(part)
    return Initialised(target, notes, complete)


def _from_preset(
    connection: duckdb.DuckDBPyConnection, preset: str, file: Path, passing: Path, home: Path, sources: dict[Path, str]
) -> tuple[str, tuple[str, ...], bool]:
    chosen = PRESETS[preset]
    found = relations.read(connection, file, passing, form=chosen.format)
    stacked = len(found) > 1 and relations.is_one_table(found)
    text = chosen.fill(
        preset,
        list(found[0].source.columns),
        label=file.name,
        name=draft.text_in_toml(name_from(home)),
        source=draft.text_in_toml(sources[file]),
        sheet='\nsheet = "*"                  # all sheets, one below the other' if stacked else "",
    )
    return text, (), True


def _proposed(
    connection: duckdb.DuckDBPyConnection,
    given: Sequence[tuple[str | None, Path]],
    passing: Path,
    home: Path,
    sources: dict[Path, str],
) -> tuple[str, tuple[str, ...], bool]:
    found: list[Proposal] = []
    unknown: list[Relation] = []
    for table, file in given:
        within = relations.read(connection, file, passing, table=table)
        if table is not None and len(within) > 1:
            # Said of the whole workbook: the sheet that suits best.
            within = [max(within, key=lambda relation: proposal.propose(relation, table).score)]
        for relation in within:
            suited = proposal.best(relation) if relation.columns or relation.table else None
            if suited is None:
                unknown.append(relation)
            else:
                found.append(suited)
    found, unknown = keys.follow(connection, found, unknown)
    chosen, left = _one_each(found, sources)
    if not chosen:
        raise UsageError(
            f"no table of the contract ({', '.join(CONTRACTS)}) is recognised in "
            f"{', '.join(relation.label for relation in unknown)} (columns: "
            f"{', '.join(column.name for column in unknown[0].columns)}); say which it is, for example: "
            f"crm-analysis init FOLDER {shlex.quote(f'transactions={unknown[0].file.name}')}."
        )
    chosen = [pitfalls.warn(connection, one) for one in keys.pad(connection, chosen)]
    notes = proposal.in_words(chosen)
    notes += [
        f"{other.relation.label} looks like {other.table} too and is not used, since a table has one source; put its "
        "rows beside the others."
        for other in left
    ]
    notes += [_passed_over(relation) for relation in unknown]
    unused = [*unknown, *(other.relation for other in left)]
    text = draft.write(chosen, unused, name=name_from(home), title=home.resolve().name, sources=sources)
    return text, tuple(notes), not any(one.missing for one in chosen)


def _passed_over(relation: Relation) -> str:
    named = f"name its table, such as transactions={relation.file.name}"
    if not relation.columns:
        return f"{relation.label} seems to have no header line and is not used; give it one, or {named}."
    return f"{relation.label} looks like no table of the contract and is not used; {named}, if it is one."


def _one_each(found: Sequence[Proposal], sources: dict[Path, str]) -> tuple[list[Proposal], list[Proposal]]:
    """Keep one proposal per table, in the contract's order; files with the same columns may be read as one."""
    chosen: list[Proposal] = []
    left: list[Proposal] = []
    for table in CONTRACTS:
        # What was said or is named so outright comes before what only looks so.
        rivals = [one for one in found if one.table == table]
        rivals.sort(key=lambda one: (one.relation.table != table, -one.score))
        if not rivals:
            continue
        together = _together([one.relation for one in rivals], sources)
        if together is not None:
            chosen.append(replace(rivals[0], **together))
        else:
            chosen.append(rivals[0])
            left += rivals[1:]
    return chosen, left


def _together(rivals: Sequence[Relation], sources: dict[Path, str]) -> dict[str, Any] | None:
    """Say how files or sheets with the same columns are read as one table, if a pattern catches them and no others."""
    if len(rivals) < 2 or not relations.is_one_table(rivals):
        return None
    files = {relation.file for relation in rivals}
    if len(files) == 1:
        (file,) = files
        if all("sheet" in relation.settings for relation in rivals) and len(relations.names(file)) == len(rivals):
            return {"relation": replace(rivals[0], label=file.name, settings={"sheet": "*"})}
        return None
    if len({file.parent.resolve() for file in files}) > 1 or any("sheet" in r.settings for r in rivals):
        return None
    names = sorted(file.name for file in files)
    pattern = f"{_common_start(names)}*{Path(names[0]).suffix}"
    folder = next(iter(files)).parent
    if sorted(file.name for file in folder.glob(pattern)) != names:
        return None
    source = (Path(sources[rivals[0].file]).parent / pattern).as_posix()
    label = f"{pattern} ({len(names)} files)"
    return {"relation": replace(rivals[0], label=label), "source": source}


def _common_start(names: Sequence[str]) -> str:
    """What names begin with alike, up to the number in which they differ."""
    first, last = min(names), max(names)
    same = (place for place, (one, other) in enumerate(zip(first, last, strict=False)) if one != other)
    return first[: next(same, len(first))].rstrip("0123456789")
