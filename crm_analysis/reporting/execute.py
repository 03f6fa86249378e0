"""Execute: one notebook after another in a worker process, and what really became of each.

``python -m crm_analysis.reporting.execute PARENT`` is the worker: it reads paths of job files from its standard input
and writes beside each what happened. A process, not a thread, because papermill's working folder belongs to the
process; one for several notebooks, because importing papermill takes longer than starting a kernel.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat
import papermill
import psutil  # type: ignore[import-untyped]
from nbclient.exceptions import CellTimeoutError, DeadKernelError

from crm_analysis.atomic import replacing
from crm_analysis.result import RESULTS_FILE

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_MARKER = "papermill-error-cell-tag"


@dataclass(frozen=True)
class Job:
    """One notebook to be executed.

    Attributes
    ----------
    notebook, output : str
        The notebook's file and where the executed copy goes.
    folder : str
        Working folder of the kernel.
    results : str
        The file that `record` writes to; empty: it writes nothing.
    parameters : dict
        Values of the right type, for `papermill`.
    timeout : int
        Seconds that one cell may take.
    """

    notebook: str
    output: str
    folder: str
    results: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    timeout: int = 1800


@dataclass(frozen=True)
class Executed:
    """What became of a job: when it started (UTC), how long it took, its peak memory, and the error if it failed."""

    started: str
    seconds: float
    peak_memory_mb: float | None = None
    error: dict[str, Any] | None = None


def execute(job: Job) -> Executed:
    """Execute one notebook with papermill in this process and judge the outcome by the executed cells.

    papermill's own word is not enough: after a dead kernel or a time-out every cell says *completed*, and a cell that
    calls ``sys.exit(0)`` ends the notebook without an error. A notebook is well when each of its code cells has an
    execution count and none has an error output. A kernel that dies before the first cell is started once more, since
    kernels that start at the same moment can race for a port.

    Parameters
    ----------
    job : Job
        The file names are absolute.

    Returns
    -------
    Executed
        ``peak_memory_mb`` is the kernel's, up to the end of the last cell that ran, in MB (10**6 bytes).
    """
    started, clock = datetime.now(UTC), time.perf_counter()
    if job.results:
        os.environ[RESULTS_FILE] = job.results
    else:
        os.environ.pop(RESULTS_FILE, None)
    for _attempt in (1, 2):
        memory = _PeakMemory()
        failure = _run(job, memory)
        if not isinstance(failure, DeadKernelError | RuntimeError) or _cells_run(job):
            break
        if job.results:
            Path(job.results).unlink(missing_ok=True)
    error = judge(job, failure)
    return Executed(
        started=started.isoformat(timespec="seconds"),
        seconds=round(time.perf_counter() - clock, 3),
        peak_memory_mb=memory.peak_mb,
        error=error,
    )


def _run(job: Job, on_cell_executed: Callable[..., None]) -> Exception | None:
    try:
        papermill.execute_notebook(
            _literal(job.notebook),
            _literal(job.output),
            parameters=job.parameters,
            kernel_name="python3",
            progress_bar=False,
            cwd=job.folder,
            execution_timeout=job.timeout,
            on_cell_executed=on_cell_executed,
        )
    except Exception as failure:
        return failure
    return None


def _literal(path: str) -> str:
    # Braces in a path are placeholders to papermill.
    return path.replace("{", "{{").replace("}", "}}")


class _PeakMemory:
    """Asks after each cell for the most memory that the kernel ever held."""

    def __init__(self) -> None:
        self.peak_mb: float | None = None
        self._kernel: psutil.Process | None = None

    def __call__(self, **_cell: Any) -> None:
        try:
            if self._kernel is None:
                self._kernel = psutil.Process().children()[-1]
            found = _high_water(self._kernel.pid) or self._kernel.memory_info().rss
        except (psutil.Error, IndexError):
            return
        self.peak_mb = max(self.peak_mb or 0.0, round(found / 1e6, 1))


def _high_water(process_id: int) -> int | None:
    """Linux keeps the peak; elsewhere the memory held at the end of a cell has to do."""
    try:
        status = Path(f"/proc/{process_id}/status").read_text()
    except OSError:
        return None
    found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    return int(found[1]) * 1024 if found else None


def _code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


def _cells_run(job: Job) -> bool:
    if not Path(job.output).exists():
        return False
    return any(cell.execution_count for cell in _code_cells(nbformat.read(job.output, as_version=4)))


def judge(job: Job, failure: Exception | None) -> dict[str, Any] | None:
    """Clean the executed copy of a notebook, and say whether and where it failed.

    Parameters
    ----------
    job : Job
        What was executed.
    failure : Exception or None
        What `papermill` raised, if anything.

    Returns
    -------
    dict or None
        ``cell`` (number among the code cells, counted from 1; None: before the first), ``name``, ``message`` and
        ``traceback``; None if all is well.
    """
    if not Path(job.output).exists():
        return _error(None, type(failure).__name__, str(failure))
    notebook = nbformat.read(job.output, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if _MARKER not in cell.metadata.get("tags", [])]
    for key in ("input_path", "output_path", "environment_variables"):
        notebook.metadata.get("papermill", {}).pop(key, None)
    write(notebook, Path(job.output))
    cells = list(enumerate(_code_cells(notebook), start=1))
    # A cell that kills its kernel may have no execution count yet, but it was begun.
    begun = max(
        (number for number, cell in cells if cell.metadata.get("papermill", {}).get("start_time")), default=None
    )
    errors = [(number, output) for number, cell in cells for output in cell.outputs if output.output_type == "error"]
    traceback = "\n".join(errors[0][1].traceback) if errors else ""
    if isinstance(failure, CellTimeoutError):
        said = f"the cell took longer than {job.timeout} s; give it more time with --timeout, or less to do"
        return _error(begun, "CellTimeoutError", said, traceback)
    if isinstance(failure, DeadKernelError):
        said = "the kernel died: memory may have run out, or the process was ended from outside"
        return _error(begun, "DeadKernelError", said)
    if errors:
        number, output = errors[0]
        return _error(number, output.ename, _message(output), traceback)
    if failure is not None:
        return _error(begun, type(failure).__name__, str(failure))
    idle = next((number for number, cell in cells if not cell.execution_count), None)
    if idle is not None:
        return _error(idle, "NotExecuted", "the cell was not run, though nothing before it failed")
    return None


def _begun(cell: nbformat.NotebookNode) -> bool:
    return bool(cell.metadata.get("papermill", {}).get("start_time"))


def _message(output: nbformat.NotebookNode) -> str:
    if output.ename == "SystemExit":
        return f"the cell ended the notebook (exit {output.evalue or 0}); the cells below it were not run"
    return str(output.evalue)


def _error(cell: int | None, name: str, message: str, traceback: str = "") -> dict[str, Any]:
    return {
        "cell": cell,
        "name": name,
        "message": _ANSI.sub("", message).strip(),
        "traceback": _ANSI.sub("", traceback),
    }


def write(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Write a notebook so that the file is whole at every moment."""
    with replacing(path) as part:
        nbformat.write(notebook, part)


def end_children() -> None:
    """Kill every process below this one: the kernel, and whatever it started."""
    children = psutil.Process().children(recursive=True)
    for child in children:
        try:
            child.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(children, timeout=3)


def work(parent: int) -> None:
    """Execute the jobs named on standard input until it closes; end at once, with the kernel, when `parent` is gone.

    A worker in which a notebook failed takes no further one, because a broken kernel leaves its client in pieces.
    """

    def end(code: int) -> None:
        end_children()
        os._exit(code)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        end(1)

    signal.signal(signal.SIGTERM, lambda *_: end(128 + signal.SIGTERM))
    threading.Thread(target=watch, daemon=True).start()
    for line in sys.stdin:
        file = Path(line.rstrip("\n"))
        executed = execute(Job(**json.loads(file.read_text("utf-8"))))
        with replacing(file.with_suffix(".done")) as part:
            part.write_text(json.dumps(asdict(executed)), "utf-8")
        if executed.error:
            break


if __name__ == "__main__":
    work(int(sys.argv[1]))
