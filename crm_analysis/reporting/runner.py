"""Runner: every notebook whose tables are there, executed and built into a report that is whole or not there."""

from __future__ import annotations

import json
import math
import os
import platform
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crm_analysis.errors import UsageError
from crm_analysis.reporting import catalog, history, metrics, pool, provenance, site
from crm_analysis.reporting.archive import Archive
from crm_analysis.reporting.catalog import Notebook
from crm_analysis.reporting.execute import Executed, Job
from crm_analysis.reporting.interruption import postponed, unwinding
from crm_analysis.reporting.parameters import Value, holds_password
from crm_analysis.study import Study


@dataclass(frozen=True)
class NotebookRun:
    """What became of one notebook: ``status`` is "ok", "failed" or "skipped" (then `reason` says why).

    `parameters` are the final values; `error` has the keys cell (code cells counted from 1), name, message, traceback.
    """

    name: str
    title: str
    status: str
    reason: str
    parameters: dict[str, Value]
    seconds: float | None = None
    peak_memory_mb: float | None = None
    started: str | None = None
    error: dict[str, Any] | None = None


@dataclass(frozen=True)
class Outcome:
    """A finished run: its id, its folder, the page to open first, what became of each notebook.

    `alerts` and `contested` are those of `metrics.Metrics`.
    """

    run_id: str
    folder: Path
    index: Path
    complete: bool
    notebooks: tuple[NotebookRun, ...]
    seconds: float
    alerts: tuple[tuple[str, int], ...] = ()
    contested: tuple[str, ...] = ()


@dataclass(frozen=True)
class Progress:
    """News of a run: notebook `name` is now "running", "ok" or "failed"; `done` of `total` have ended."""

    name: str
    status: str
    done: int
    total: int
    seconds: float | None = None


def run(
    study_folder: str | Path,
    *,
    only: Iterable[str] = (),
    parameters: Mapping[str, object] | None = None,
    jobs: int | None = None,
    out: str | Path = "reports",
    notebooks: str | Path | None = None,
    timeout: int = 1800,
    progress: Callable[[Progress], None] = lambda _news: None,
) -> Outcome:
    """Run the notebooks on a study and build the report.

    The report is built in a folder of its own beside the others and gets its name, its place in the history and
    ``latest`` only when it is whole. A run in which a notebook failed keeps its folder, so that the error can be read,
    and moves nothing. However the run ends, no process is left behind and the last complete report stays.

    Parameters
    ----------
    study_folder : str or Path
        Folder that holds study.toml.
    only : iterable of str
        Names, number prefixes or patterns of the notebooks to run; empty: all.
    parameters : mapping of str to object, optional
        Values by name, as text or in the right type, for every notebook that knows the name.
    jobs : int, optional
        How many notebooks at a time; by default as many as there are cores.
    out : str or Path
        Where the reports of all studies are.
    notebooks : str or Path, optional
        Another folder of notebooks.
    timeout : int
        Seconds that one cell may take.
    progress : callable
        Called with a `Progress` at each change.

    Returns
    -------
    Outcome

    Raises
    ------
    UsageError
        If the study, a notebook or a parameter is unknown or wrong, or the study is being run already.
    ContractError
        If the study's tables break the contract.
    """
    for name, count in (("jobs", jobs), ("timeout", timeout)):
        if count is not None and count < 1:
            raise UsageError(f"{name} must be 1 or more, got {count}.")
    selected = catalog.select(catalog.read(notebooks), only)
    given = dict(parameters or {})
    assigned = catalog.assign(selected, given)
    study = Study.open(study_folder)
    study_toml = (study.folder / "study.toml").read_text("utf-8-sig")
    if holds_password(study_toml):
        raise UsageError(
            "study.toml holds a password, and it is saved with the report; "
            'put the address into an environment variable and name that: url = "env:NAME".'
        )
    archive = Archive(Path(out) / study.name)
    with archive.locked(), unwinding():
        previous, past = archive.latest(), history.load(archive.history)
        run_id, started = archive.new_run(), datetime.now(UTC)
        inputs = study.inputs()
        with archive.staging(run_id) as staged:
            planned = _plan(selected, assigned, study=study, staged=staged)
            runnable = _longest_first([item for item in planned if item.status == "planned"], history.durations(past))
            workers = max(1, min(jobs or pool.cores(), len(runnable)))
            done = _execute(runnable, selected, staged=staged, workers=workers, timeout=timeout, progress=progress)
            finished = tuple(done.get(item.name, item) for item in planned)
            complete = all(notebook.status != "failed" for notebook in finished)
            ended = datetime.now(UTC)
            seconds = round((ended - started).total_seconds(), 3)
            measured = metrics.collect(staged / "results")
            record = {
                "schema": 1,
                "run_id": run_id,
                "study": {"name": study.name, "title": study.title},
                "started": started.isoformat(timespec="seconds"),
                "finished": ended.isoformat(timespec="seconds"),
                "seconds": seconds,
                "complete": complete,
                "package": provenance.package(),
                "python": platform.python_version(),
                "libraries": provenance.libraries(),
                "machine": provenance.machine(),
                "threads": {"workers": workers, "blas": pool.blas_threads(workers)},
                "study_toml": study_toml,
                "inputs": inputs,
                "parameters": given,
                "notebooks": [asdict(notebook) for notebook in finished],
                "outputs": [],
                "previous": previous,
            }
            _write(staged / "metrics.json", measured.values)
            _write(staged / "run.json", record)
            try:
                site.build(staged)
            except Exception:
                # What the notebooks made may have taken hours: it is kept, as an incomplete run.
                _write(staged / "run.json", {**record, "complete": False})
                archive.keep(staged, run_id)
                raise
            _write(staged / "run.json", {**record, "outputs": provenance.outputs(staged)})
            with postponed():
                folder = archive.keep(staged, run_id)
                if complete:
                    times = {notebook.name: notebook.seconds for notebook in finished if notebook.seconds is not None}
                    asked = {notebook.name: notebook.parameters for notebook in finished}
                    summary = {key: record[key] for key in ("run_id", "started", "seconds")}
                    summary |= {"metrics": measured.values, "notebooks": times, "parameters": asked}
                    archive.publish(run_id, summary)
    index = (archive.folder / "latest" if complete else folder) / "index.html"
    return Outcome(run_id, folder, index, complete, finished, seconds, measured.alerts, measured.contested)


def _plan(
    selected: Sequence[Notebook], assigned: Mapping[str, Mapping[str, Value]], *, study: Study, staged: Path
) -> list[NotebookRun]:
    # Seen from the kernel's working folder, so that the executed notebook names no folder of this machine and can be
    # run again from where it lies in the report.
    seen = os.path.relpath(study.folder.resolve(), (staged / "notebooks").resolve())
    planned = []
    for notebook in selected:
        defaults = {known.name: known.default for known in notebook.parameters}
        values = {**defaults, **assigned[notebook.name]}
        if "study" in defaults:
            values["study"] = seen
        missing = notebook.missing(study.offers)
        reason = f"needs {' and '.join(missing)}" if missing else ""
        if missing == ("model",):
            reason += ": add [survey] model = ... or [survey.paths] to study.toml"
        status = "skipped" if missing else "planned"
        planned.append(NotebookRun(notebook.name, notebook.title, status, reason, values))
    return planned


def _longest_first(planned: Iterable[NotebookRun], durations: Mapping[str, float]) -> list[NotebookRun]:
    # One that never ran may be long.
    return sorted(planned, key=lambda item: (-durations.get(item.name, math.inf), item.name))


def _execute(
    runnable: Sequence[NotebookRun],
    selected: Sequence[Notebook],
    *,
    staged: Path,
    workers: int,
    timeout: int,
    progress: Callable[[Progress], None],
) -> dict[str, NotebookRun]:
    catalogued = {notebook.name: notebook for notebook in selected}
    folders = {name: (staged / name).resolve() for name in ("notebooks", "results", ".work")}
    for folder in folders.values():
        folder.mkdir()
    jobs = {
        item.name: Job(
            notebook=str(catalogued[item.name].path.resolve()),
            output=str(folders["notebooks"] / f"{item.name}.ipynb"),
            folder=str(folders["notebooks"]),
            results=str(folders["results"] / f"{item.name}.json"),
            parameters={
                known.name: item.parameters[known.name]
                for known in catalogued[item.name].parameters
                if item.parameters[known.name] != known.default
            },
            timeout=timeout,
        )
        for item in runnable
    }
    finished: dict[str, NotebookRun] = {}
    planned = {item.name: item for item in runnable}

    def on_start(name: str) -> None:
        progress(Progress(name, "running", len(finished), len(jobs)))

    def on_done(name: str, executed: Executed) -> None:
        status = "failed" if executed.error else "ok"
        finished[name] = replace(planned[name], status=status, **asdict(executed))
        progress(Progress(name, status, len(finished), len(jobs), executed.seconds))

    pool.execute_all(jobs, workers=workers, folder=folders[".work"], on_start=on_start, on_done=on_done)
    shutil.rmtree(folders[".work"])
    return finished


def _write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")
