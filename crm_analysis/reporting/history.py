"""History: what each complete run measured, so that the next one can show the change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from crm_analysis.atomic import replacing
from crm_analysis.errors import UsageError


def load(folder: str | Path) -> list[dict[str, Any]]:
    """Read the history of a study.

    Parameters
    ----------
    folder : str or Path
        ``reports/<study>/history``. It need not exist.

    Returns
    -------
    list of dict
        One entry for each complete run, the oldest first: ``run_id``, ``started`` (UTC), ``seconds``, ``metrics`` (name
        to number), ``notebooks`` (name to seconds) and ``parameters`` (name to the values it ran with).

    Raises
    ------
    UsageError
        If a file of the history is no JSON.
    """
    entries = []
    for file in sorted(Path(folder).glob("*.json")):
        try:
            entries.append(json.loads(file.read_text("utf-8")))
        except ValueError:
            raise UsageError(f"the history file {file} is damaged; move it away and run again.") from None
    return entries


def save(folder: str | Path, run_id: str, entry: dict[str, Any]) -> Path:
    """Write the entry of one run; the file is whole at every moment."""
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    file = place / f"{run_id}.json"
    with replacing(file) as part:
        part.write_text(json.dumps(entry, indent=1, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")
    return file


def durations(entries: list[dict[str, Any]]) -> dict[str, float]:
    """Return the seconds that each notebook took when it last ran, by name."""
    return {name: seconds for entry in entries for name, seconds in entry["notebooks"].items()}
