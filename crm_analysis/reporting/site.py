"""Site: a finished run as pages that open offline, from any folder: an index and one page per notebook."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from crm_analysis import style, table
from crm_analysis.errors import UsageError
from crm_analysis.reporting import history, metrics, page

_SPARK_RUNS = 24


@dataclass(frozen=True)
class Notebook:
    """One notebook of the run: its record in run.json, what it recorded, and its page (None if it was skipped)."""

    record: dict[str, Any]
    results: list[dict[str, Any]]
    page: page.Page | None
    download: str
    """Relative address of the executed notebook; empty where there is none."""

    @property
    def name(self) -> str:
        return str(self.record["name"])

    @property
    def title(self) -> str:
        return str(self.record["title"] or (self.page.title if self.page else "") or self.name)

    @property
    def failed(self) -> bool:
        return bool(self.record["status"] == "failed")

    @property
    def href(self) -> str:
        return f"{quote(self.name)}.html"


@dataclass(frozen=True)
class Trend:
    """A number beside the same number of the last complete run."""

    label: str
    value: str
    previous: str
    change: str
    spark: Markup


def build(folder: Path) -> Path:
    """Write the pages of a run: ``index.html``, ``<notebook>.html`` and ``figures/``.

    Everything is read from the folder itself and, for the trends, from ``history/`` beside it. The pages refer to
    nothing but files of the folder, by relative links, so that it can be moved, renamed and mailed.

    Parameters
    ----------
    folder : Path
        A run with ``run.json``, ``notebooks/``, and, where notebooks recorded something, ``results/`` and ``tables/``.

    Returns
    -------
    Path
        The index page.

    Raises
    ------
    UsageError
        If the folder holds no run.json.
    """
    if not (folder / "run.json").is_file():
        raise UsageError(f"there is no run.json in {folder}; give the folder of a run.")
    run = _json(folder / "run.json")
    notebooks = list(_notebooks(folder, run))
    pages = [notebook for notebook in notebooks if notebook.page is not None]
    earlier = _earlier(folder, run)
    environment = _environment()
    shared = {"run": run, "pages": pages}
    index = environment.get_template("index.html").render(
        **shared,
        failed=[notebook for notebook in notebooks if notebook.failed],
        skipped=[notebook for notebook in notebooks if notebook.page is None],
        headlines={notebook.name: lines for notebook, lines in _headlines(pages)},
        compared=earlier[-1] if earlier else None,
        trends=[(notebook, trends) for notebook in pages if (trends := list(_trends(notebook, earlier)))],
    )
    for i, notebook in enumerate(pages):
        html = environment.get_template("notebook.html").render(
            **shared,
            notebook=notebook,
            page=notebook.page,
            before=pages[i - 1] if i else None,
            after=pages[i + 1] if i + 1 < len(pages) else None,
        )
        (folder / f"{notebook.name}.html").write_text(html, "utf-8")
    target = folder / "index.html"
    target.write_text(index, "utf-8")
    return target


def _notebooks(folder: Path, run: dict[str, Any]) -> Iterator[Notebook]:
    records = sorted(run["notebooks"], key=lambda record: record["name"])
    names = frozenset(record["name"] for record in records if record["status"] != "skipped")
    for record in records:
        executed = folder / "notebooks" / f"{record['name']}.ipynb"
        results = folder / "results" / f"{record['name']}.json"
        shown = None
        if record["status"] != "skipped":
            # A kernel that never started leaves no notebook; its page shows the error alone.
            failed, cell = record["status"] == "failed", (record["error"] or {}).get("cell")
            exists = executed.is_file()
            shown = page.read(executed, pages=names, failed=failed, failed_cell=cell) if exists else page.Page()
        recorded = _json(results)["results"] if results.is_file() else []
        yield Notebook(record, recorded, shown, f"notebooks/{quote(executed.name)}" if executed.is_file() else "")


def _headlines(notebooks: list[Notebook]) -> Iterator[tuple[Notebook, list[tuple[str, str]]]]:
    """The headlines of each result; what another notebook has already said (the data, say) is not repeated."""
    said: set[str] = set()
    for notebook in notebooks:
        lines = []
        for result in notebook.results:
            repeated = result["findings"][: result.get("headlines", 1)]
            fresh = [finding for finding in repeated if finding not in said]
            lines += [("" if place else result["title"], finding) for place, finding in enumerate(fresh)]
            said.update(repeated)
        yield notebook, lines


def _earlier(folder: Path, run: dict[str, Any]) -> list[dict[str, Any]]:
    """The complete runs before this one, oldest first. Run ids sort by time."""
    return [old for old in history.load(folder.parent / "history") if old["run_id"] < run["run_id"]]


def _trends(notebook: Notebook, earlier: list[dict[str, Any]]) -> Iterator[tuple[str, list[Trend]]]:
    """The notebook's numbers that earlier runs with the same parameters had too, under the title of their result."""
    asked = notebook.record["parameters"]
    alike = [old for old in earlier if old.get("parameters", {}).get(notebook.name) == asked]
    for result in notebook.results:
        trends = []
        for metric, value in result["metrics"].items():
            series = [metrics.earlier(old["metrics"], notebook.name, result, metric) for old in alike]
            share = table.is_share(metric)
            write = table.percent if share else table.number
            known = [number for number in [*series, value] if number is not None]
            if any(number is not None for number in series):
                change = _change(value, series[-1], share=share)
                spark = _spark(known[-_SPARK_RUNS:], write)
                trends.append(Trend(table.heading(metric), write(value), write(series[-1]), change, spark))
        if trends:
            yield result["title"], trends


def _change(value: float | None, previous: float | None, *, share: bool) -> str:
    if value is None or previous is None:
        return "–"
    # Reruns on other machines agree to 1e-9, no further.
    if math.isclose(value, previous, rel_tol=1e-9, abs_tol=1e-12):
        return "unchanged"
    sign, size = ("+" if value > previous else "−"), abs(value - previous)
    if share:
        return f"{sign}{100 * size:.1f} points"
    relative = f" ({sign}{100 * size / abs(previous):.1f} %)" if previous else ""
    return f"{sign}{table.number(size)}{relative}"


def _spark(values: list[float], write: Callable[[Any], str]) -> Markup:
    """A line of the last runs, newest at the right; two points are no trend and give nothing."""
    if len(values) < 3:
        return Markup("")
    low, high = min(values), max(values)
    points = [
        (4 + 92 * i / (len(values) - 1), 12.0 if high == low else 20 - 16 * (value - low) / (high - low))
        for i, value in enumerate(values)
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    label = f"last {len(values)} runs: {', '.join(write(value) for value in values)}"
    return Markup(
        '<svg class="spark" role="img" aria-label="{}" viewBox="0 0 100 24" width="100" height="24">'
        '<polyline points="{}"/><circle cx="{:.1f}" cy="{:.1f}" r="2.5"/></svg>'
    ).format(label, line, *points[-1])


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["style"] = style
    environment.filters |= {
        "href": quote,
        "moment": _moment,
        "day": _day,
        "duration": _duration,
        "number": table.number,
    }
    return environment


def _moment(text: str) -> str:
    """``2025-11-21T21:16:04+00:00`` -> ``21 November 2025, 21:16 UTC``."""
    moment = datetime.fromisoformat(text).astimezone(UTC)
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"


def _day(text: str) -> str:
    moment = datetime.fromisoformat(text).astimezone(UTC)
    return f"{moment.day} {moment:%B %Y}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _json(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return content
