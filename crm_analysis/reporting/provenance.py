"""Provenance: which code, on which machine, made a report, and the fingerprints of what it wrote."""

from __future__ import annotations

import csv
import hashlib
import importlib.metadata
import os
import platform
import re
import subprocess
from pathlib import Path
from typing import Any

import crm_analysis
from crm_analysis.reporting import pool

_DISTRIBUTION = "crm-analysis"


def package() -> dict[str, Any]:
    """Return name, version, git commit and whether tracked files differ from it.

    ``commit`` and ``modified`` are None where the package does not lie in a git checkout of its own.
    """
    root = Path(crm_analysis.__file__).resolve().parent.parent
    commit = modified = None
    top = _git(root, "rev-parse", "--show-toplevel")
    # Installed into the environment of some other project: that one's commit says nothing about this code.
    if top and Path(top).resolve() == root:
        commit = _git(root, "rev-parse", "HEAD") or None
        changes = _git(root, "status", "--porcelain", "--untracked-files=no")
        modified = None if commit is None or changes is None else bool(changes)
    return {"name": _DISTRIBUTION, "version": crm_analysis.__version__, "commit": commit, "modified": modified}


def libraries() -> dict[str, str]:
    """Return the installed versions of the libraries that the package requires, by name."""
    try:
        required = importlib.metadata.requires(_DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        return {}
    versions = {}
    for requirement in required:
        name = re.match(r"[\w.-]+", requirement)
        if name is None or re.search(r";.*\bextra\b", requirement):
            continue
        try:
            versions[name[0]] = importlib.metadata.version(name[0])
        except importlib.metadata.PackageNotFoundError:
            continue
    return dict(sorted(versions.items()))


def machine() -> dict[str, Any]:
    """Return system, release, processor, cores and memory (GiB) of this machine, without its name."""
    return {
        "system": platform.system(),
        "release": platform.release(),
        "processor": _processor(),
        "cores": pool.cores(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
    }


def outputs(folder: Path) -> list[dict[str, Any]]:
    """Describe every file of a run but ``run.json``: path from the folder, SHA-256, bytes, and rows of a CSV file.

    Parameters
    ----------
    folder : Path
        The run's folder.

    Returns
    -------
    list of dict
        In the order of their paths; ``rows`` counts records, without the heading, and is there for CSV files only.
    """
    described = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        if name == "run.json":
            continue
        entry: dict[str, Any] = {"file": name, "sha256": sha256(path), "bytes": path.stat().st_size}
        if path.suffix == ".csv":
            with path.open(newline="", encoding="utf-8") as lines:
                entry["rows"] = max(0, sum(1 for _ in csv.reader(lines)) - 1)
        described.append(entry)
    return described


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _processor() -> str:
    """The marketing name; `platform.processor` is empty on most Linux systems."""
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1].strip() if found else platform.processor() or platform.machine()
