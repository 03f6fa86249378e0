"""Metrics: every number of a run under the key at which a scheduler finds it, and the alerts among them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Metrics:
    """The numbers that the notebooks of a run recorded.

    Attributes
    ----------
    values : dict of str to number
        What metrics.json holds: ``<notebook>/<result>.<metric>``, of a watched result ``<result>.<metric>``; a number
        that is not finite is left out.
    alerts : tuple of (str, int)
        Results whose metric ``alerts`` is above 0, as ``<notebook>/<result>``, with that number: it is all that makes
        a result raise an alert.
    contested : tuple of str
        Sentences about results that two notebooks watch under one name.
    """

    values: dict[str, float]
    alerts: tuple[tuple[str, int], ...]
    contested: tuple[str, ...]


def collect(results: Path) -> Metrics:
    """Read the numbers of a run.

    Parameters
    ----------
    results : Path
        The folder of the JSON files that `record` wrote, one for each notebook.

    Returns
    -------
    Metrics
        Of two notebooks that watch results of one name the first, by its own name, has the bare key.
    """
    values: dict[str, float] = {}
    alerts, contested = [], []
    watched_by: dict[str, str] = {}
    for file in sorted(results.glob("*.json")):
        for result in json.loads(file.read_text("utf-8"))["results"]:
            full, name = f"{file.stem}/{result['name']}", result["name"]
            key = full
            if result["watched"]:
                first = watched_by.setdefault(name, file.stem)
                key = name if first == file.stem else full
                if first != file.stem:
                    contested.append(
                        f"{first} and {file.stem} both watch a result called {name!r}: in metrics.json {name} is that "
                        f"of {first}, the other is {full}; give one of them another name."
                    )
            values |= {f"{key}.{metric}": value for metric, value in result["metrics"].items() if value is not None}
            if (raised := result["metrics"].get("alerts") or 0) > 0:
                alerts.append((full, int(raised)))
    return Metrics(values, tuple(alerts), tuple(contested))


def earlier(values: Mapping[str, float], notebook: str, result: Mapping[str, Any], metric: str) -> float | None:
    """Return what a metric of a result was in an earlier run, also of one that is watched now and was not then.

    Parameters
    ----------
    values : mapping of str to number
        The metrics of the earlier run.
    notebook : str
        The notebook's name.
    result : mapping
        What it recorded in this run: ``name``, and whether it is ``watched``.
    metric : str
        The metric's name.

    Returns
    -------
    float or None
        None where the earlier run does not have it.
    """
    full = values.get(f"{notebook}/{result['name']}.{metric}")
    return values.get(f"{result['name']}.{metric}") if full is None and result.get("watched") else full
