"""Archive: the folder of a study's reports: one run at a time, every run kept, `latest` always whole."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crm_analysis.errors import UsageError
from crm_analysis.reporting import history

_STAGING = ".staging-"


class Archive:
    """``reports/<study>/``: a folder for each run, ``history/``, and ``latest``, a link to the last complete run.

    Parameters
    ----------
    folder : Path
        The folder; it is made when the archive is first locked.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def history(self) -> Path:
        """The folder with one file of metrics for each complete run."""
        return self.folder / "history"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the archive for one run; what a killed run left behind is removed.

        The lock is the operating system's (``flock``): it ends with the process, however that ends.

        Raises
        ------
        UsageError
            If another process holds it; the message says which.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".lock").open("a+", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                holder = lock.read().strip() or "of another run"
                raise UsageError(
                    f"the study {self.folder.name} is being run by process {holder}; wait until that run has ended."
                ) from None
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            for leftover in self.folder.glob(f"{_STAGING}*"):
                shutil.rmtree(leftover, ignore_errors=True)
            yield

    def new_run(self) -> str:
        """Return an unused run id, the time of its making in UTC, so that ids sort by time.

        Ids are whole seconds; a second run in the same second waits for the next one.
        """
        while True:
            run_id = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
            if not (self.folder / run_id).exists() and not (self.history / f"{run_id}.json").exists():
                return run_id
            time.sleep(0.05)

    @contextmanager
    def staging(self, run_id: str) -> Iterator[Path]:
        """Give an empty folder in which the run is built; it is gone afterwards, unless `keep` has renamed it."""
        staged = self.folder / f"{_STAGING}{run_id}"
        staged.mkdir()
        try:
            yield staged
        finally:
            shutil.rmtree(staged, ignore_errors=True)

    def keep(self, staged: Path, run_id: str) -> Path:
        """Give the staged run its own name in the archive; an existing run is never overwritten."""
        kept = self.folder / run_id
        if kept.exists():
            raise UsageError(f"the run {kept} exists already; run again to get a new id.")
        staged.rename(kept)
        return kept

    def publish(self, run_id: str, summary: dict[str, Any]) -> None:
        """Enter a complete run into the history, then let ``latest`` point at it, in one step for its readers."""
        history.save(self.history, run_id, summary)
        link = self.folder / f".latest-{run_id}"
        link.unlink(missing_ok=True)
        link.symlink_to(run_id)
        os.replace(link, self.folder / "latest")

    def latest(self) -> str | None:
        """Return the id of the last complete run, if there is one.

        Raises
        ------
        UsageError
            If ``latest`` is something else than the link that `publish` makes.
        """
        link = self.folder / "latest"
        if link.exists() and not link.is_symlink():
            raise UsageError(f"{link} is not the link that this program makes; move it away and run again.")
        return os.readlink(link) if link.is_symlink() else None
