"""Rivalry: which other models are worth putting up against one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from crm_analysis.satisfaction.model import PRESETS
from crm_analysis.satisfaction.specification.specification import Model

Path = tuple[str, str]

CHAIN, FULL = "chain", "every path"


def rivals(model: Model) -> dict[str, Model]:
    """Return a model between two others: only its shortest steps, and every path that its order of causes allows.

    Parameters
    ----------
    model : Model
        With its items.

    Returns
    -------
    dict of Model
        ``chain``: without the paths that also lead round by another construct (the transitive reduction): nothing
        works but step by step. The model itself. ``every path``: with a path from each construct to all that it leads
        to (the transitive closure): everything works directly, too. One that has the model's own paths is left out.
    """
    reach = _reach(model.paths)
    steps = tuple(
        (source, target)
        for source, target in model.paths
        if not any((source, other) in reach and (other, target) in reach for other in model.names)
    )
    whole = tuple((source, target) for source in model.order for target in model.order if (source, target) in reach)
    found = {CHAIN: steps, model.name: model.paths, FULL: whole}
    return {
        name: model if name == model.name else replace(model, name=name, paths=paths)
        for name, paths in found.items()
        if name == model.name or set(paths) != set(model.paths)
    }


def presets(constructs: Mapping[str, Sequence[str]], *, columns: Collection[str] | None = None) -> dict[str, Model]:
    """Return the usual models (ACSI, ECSI, CCSI), each without the constructs that the survey did not ask about.

    Parameters
    ----------
    constructs : mapping of str to sequence of str
        The items of each construct.
    columns : collection of str, optional
        The columns that there are; items beside them do not count.

    Returns
    -------
    dict of Model
        By name, such as ``ECSI`` or ``ECSI without image``. One that has the constructs and paths of an earlier one is
        left out, as is one that lacks satisfaction or has no path left.
    """
    there = {
        name: tuple(item for item in items if columns is None or item in columns) for name, items in constructs.items()
    }
    found: dict[str, Model] = {}
    for preset in PRESETS.values():
        absent = [name for name in preset.names if not there.get(name)]
        model = preset.without(*absent)
        if "satisfaction" in absent or not model.paths:
            continue
        lone = [name for name in model.names if not any(name in path for path in model.paths)]
        model = model.without(*lone).measured_by({name: there[name] for name in model.names if name not in lone})
        same = [other for other in found.values() if set(other.paths) == set(model.paths)]
        if not same:
            title = f"{preset.name} without {', '.join([*absent, *lone])}" if absent or lone else preset.name
            found[title] = replace(model, name=title)
    return found


def _reach(paths: Collection[Path]) -> set[Path]:
    """Pairs of constructs of which the first leads to the second, directly or round about."""
    found, before = set(paths), -1
    while len(found) != before:
        before = len(found)
        found |= {(a, d) for a, b in found for c, d in found if b == c}
    return found
