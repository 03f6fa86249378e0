"""Pool: worker processes that share out the notebooks among themselves, and leave nothing running behind them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from crm_analysis.reporting.execute import Executed, Job, judge

_BLAS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class WorkerDied(Exception):
    """The process that ran a notebook ended before it could say what became of it."""


@dataclass
class _Worker:
    process: subprocess.Popen[str]
    log: Path
    job: str = ""
    since: float = 0.0


def cores() -> int:
    """Return how many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def blas_threads(workers: int) -> int:
    """Return how many threads linear algebra may take in each kernel, so that the kernels share the cores."""
    return max(1, cores() // workers)


def execute_all(
    jobs: Mapping[str, Job],
    *,
    workers: int,
    folder: Path,
    on_start: Callable[[str], None],
    on_done: Callable[[str, Executed], None],
) -> None:
    """Execute notebooks, several at a time, in the order given.

    The workers are fresh processes, never forks: a fork would inherit the lock of the run. However this function is
    left, by its end, an error or a signal, no worker and no kernel outlives it.

    Parameters
    ----------
    jobs : mapping of str to Job
        By notebook name.
    workers : int
        How many at a time.
    folder : Path
        For job files, logs and the kernels' connection files; the caller removes it.
    on_start, on_done : callable
        Called with the name, and with what became of it.
    """
    waiting = list(jobs)
    crew: list[_Worker] = []
    with _ended(crew):
        while waiting or any(worker.job for worker in crew):
            for worker in [worker for worker in crew if worker.job]:
                executed = _outcome(worker, jobs[worker.job], folder)
                if executed is not None:
                    name, worker.job = worker.job, ""
                    if executed.error:
                        # It ends by itself; `_ended` sees to it that it has.
                        _close(worker)
                    on_done(name, executed)
            idle = [worker for worker in crew if not worker.job and worker.process.stdin is not None]
            busy = sum(1 for worker in crew if worker.job)
            while waiting and busy < workers:
                worker = idle.pop() if idle else _start(crew, folder, workers)
                _assign(worker, waiting[0], jobs[waiting[0]], folder)
                on_start(waiting.pop(0))
                busy += 1
            time.sleep(0.05)


def _start(crew: list[_Worker], folder: Path, workers: int) -> _Worker:
    runtime = folder / "runtime"
    runtime.mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ,
        **dict.fromkeys(_BLAS, str(blas_threads(workers))),
        "JUPYTER_RUNTIME_DIR": str(runtime),
        # The kernel of this environment, not one of the same name in the user's home.
        "JUPYTER_PREFER_ENV_PATH": "1",
    }
    log = folder / f"worker-{len(crew) + 1}.log"
    with log.open("w", encoding="utf-8") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "crm_analysis.reporting.execute", str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=stream,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
            # Ctrl-C reaches the runner alone, which ends its workers in order.
            start_new_session=True,
        )
    crew.append(_Worker(process, log))
    return crew[-1]


def _assign(worker: _Worker, name: str, job: Job, folder: Path) -> None:
    file = folder / f"{name}.job"
    file.write_text(json.dumps(asdict(job)), "utf-8")
    worker.job, worker.since = name, time.time()
    assert worker.process.stdin is not None
    try:
        worker.process.stdin.write(f"{file}\n")
        worker.process.stdin.flush()
    except BrokenPipeError:
        # It died while idle: `_outcome` reports it.
        return


def _outcome(worker: _Worker, job: Job, folder: Path) -> Executed | None:
    code = worker.process.poll()
    done = folder / f"{worker.job}.done"
    if done.exists():
        return Executed(**json.loads(done.read_text("utf-8")))
    if code is None:
        return None
    how = f"by signal {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
    died = WorkerDied(f"the process that ran this notebook ended {how}; memory may have run out")
    log = worker.log.read_text("utf-8", errors="replace")
    return Executed(
        started=datetime.fromtimestamp(worker.since, UTC).isoformat(timespec="seconds"),
        seconds=round(time.time() - worker.since, 3),
        error={**(judge(job, died) or {}), "traceback": "\n".join(log.splitlines()[-40:])},
    )


def _close(worker: _Worker) -> None:
    if worker.process.stdin is not None:
        with suppress(BrokenPipeError):
            worker.process.stdin.close()
        worker.process.stdin = None


@contextmanager
def _ended(crew: list[_Worker]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        for worker in crew:
            worker.process.terminate()
        raise
    finally:
        for worker in crew:
            _close(worker)
        for worker in crew:
            try:
                worker.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                # Its kernel ends by itself when it finds its parent gone.
                worker.process.kill()
                worker.process.wait()
