"""What an analysis gives back: findings in sentences, frames, metrics, a picture, and how a notebook records them."""

from __future__ import annotations

import json
import math
import os
import re
from abc import ABC, abstractmethod
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd

from crm_analysis import table
from crm_analysis.atomic import replacing
from crm_analysis.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RESULTS_FILE = "CRM_ANALYSIS_RESULTS"
"""Environment variable in which the runner names the JSON file that `record` writes to."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")


class Result(ABC):
    """The outcome of one analysis of one study. It never fits anything; it only speaks.

    Subclasses are dataclasses (``@dataclass(frozen=True, eq=False, repr=False)``) named ``XxxResult``. They give a
    `title`, `findings`, `to_frame` and `metrics`, and usually a picture.

    Attributes
    ----------
    title : str
        A heading of a few words.
    shown : dict of str
        Names of the frames in `frames` that a page may show, with the caption of each. Frames with one row per
        customer are never shown: they reach the report's ``tables/`` folder only.
    """

    title: ClassVar[str] = ""
    shown: ClassVar[dict[str, str]] = {}

    @abstractmethod
    def to_frame(self) -> pd.DataFrame:
        """Return the main table, as a copy."""

    @abstractmethod
    def findings(self) -> tuple[str, ...]:
        """Return what was found, in sentences with their numbers and intervals; the most important one first."""

    @abstractmethod
    def metrics(self) -> dict[str, float]:
        """Return the numbers that a later run is compared on, by snake_case name."""

    def frames(self) -> dict[str, pd.DataFrame]:
        """Return every named table of the result, as copies; the main one is called ``table``."""
        return {"table": self.to_frame()}

    def captions(self) -> dict[str, str]:
        """Return the captions of the shown frames; override it where a caption depends on the result."""
        return self.shown

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the picture into `ax` (or a new figure) and return the Axes."""
        raise UsageError(f"{type(self).__name__} has no picture; use to_frame() for its numbers.")

    def __repr__(self) -> str:
        lines = [self.title, *(f"- {finding}" for finding in self.findings())]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return self._html(None)

    def _html(self, unfolded: int | None) -> str:
        """Write the result for a page; with a number, all but so many sentences, and the tables, lie behind a fold."""
        said = [f"<li>{escape(finding)}</li>" for finding in self.findings()]
        frames = self.frames() if self.shown else {}
        unknown = [name for name in self.shown if name not in frames]
        if unknown:
            there = ", ".join(frames)
            raise UsageError(f"{type(self).__name__} shows a frame {unknown[0]!r} that frames() lacks; it has {there}.")
        tables = "".join(table.to_html(frames[name], caption=caption) for name, caption in self.captions().items())
        begin = _list(said[:unfolded])
        if unfolded is not None and (said[unfolded:] or tables):
            rest, summary = _list(said[unfolded:]), "<strong>The other findings, and tables</strong>"
            tables = f'<details class="crm-fold"><summary>{summary}</summary>{rest}{tables}</details>'
        return (
            f'<div class="crm-result"><p class="crm-title"><strong>{escape(self.title)}</strong></p>'
            f"{begin}{tables}</div>"
        )


def metric_key(name: str) -> str:
    """Make a name from the data (a construct, a group) part of a metric's name: other characters become underscores."""
    return "".join(character if character.isalnum() else "_" for character in name.lower())


def _list(sentences: list[str]) -> str:
    return f'<ul class="crm-findings">{"".join(sentences)}</ul>' if sentences else ""


def record(
    result: Result, name: str, *, headlines: int = 1, unfolded: int | None = None, watched: bool = False
) -> None:
    """Display a result in a notebook and, in a run of the report, save what it says.

    Inside a run (the runner names a file in the environment) the findings, metrics and frames are also written: the
    frames as ``tables/<notebook>.<name>.<frame>.csv`` beside the ``results/`` folder, the rest into the JSON file.

    Parameters
    ----------
    result : Result
        What an analysis returned.
    name : str
        A snake_case name, used once in a notebook: it names the metrics and the files.
    headlines : int
        How many of its findings, from the first, the report's index repeats; 0 for a check that only readers of the
        notebook need. Of a result whose frames are all empty, of which nothing could be said, it repeats none.
    unfolded : int, optional
        How many of its findings stand open on the page, from the first; the others and the tables lie behind a fold.
        For a result that says much of what an earlier one on the page has said. By default everything stands open.
    watched : bool
        Whether its metrics stand in metrics.json as ``<name>.<metric>``, so that a scheduler finds them whatever the
        notebook is called; else as ``<notebook>/<name>.<metric>``.

    Raises
    ------
    UsageError
        If the name is not snake_case or was used before in the same run of the notebook.
    """
    if not isinstance(result, Result):
        raise UsageError(f"record takes a Result as its first argument, not {type(result).__name__}.")
    if not _NAME.fullmatch(name):
        raise UsageError(f"record: {name!r} is no name for a result; use lower-case letters, digits and underscores.")
    from IPython.display import display

    if unfolded is None:
        display(result)
    else:
        display({"text/plain": repr(result), "text/html": result._html(unfolded)}, raw=True)
    target = os.environ.get(RESULTS_FILE)
    if target:
        _save(result, name, Path(target), headlines=headlines, watched=watched)


def _save(result: Result, name: str, target: Path, *, headlines: int, watched: bool) -> None:
    saved: dict[str, Any] = json.loads(target.read_text("utf-8")) if target.exists() else {"schema": 1, "results": []}
    if any(entry["name"] == name for entry in saved["results"]):
        raise UsageError(
            f"record: this notebook has already recorded a result called {name!r}; give each its own name."
        )
    tables = target.parent.parent / "tables"
    tables.mkdir(parents=True, exist_ok=True)
    files, frames = {}, result.frames()
    for frame_name, frame in frames.items():
        file = tables / f"{target.stem}.{name}.{frame_name}.csv"
        unnamed = isinstance(frame.index, pd.RangeIndex) and frame.index.name is None
        frame.to_csv(file, index=not unnamed)
        files[frame_name] = {"file": f"tables/{file.name}", "rows": len(frame)}
    metrics = {key: _json_number(value) for key, value in result.metrics().items()}
    entry = {
        "name": name,
        "title": result.title,
        "findings": list(result.findings()),
        "metrics": metrics,
        "tables": files,
        "headlines": 0 if all(frame.empty for frame in frames.values()) else headlines,
        "watched": watched,
    }
    saved["results"].append(entry)
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as part:
        part.write_text(json.dumps(saved, indent=1, ensure_ascii=False, allow_nan=False), "utf-8")


def _json_number(value: float) -> float | int | None:
    if isinstance(value, bool | int):
        return int(value)
    real = float(value)
    return real if math.isfinite(real) else None
