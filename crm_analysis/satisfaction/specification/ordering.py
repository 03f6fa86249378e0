"""Ordering: constructs with every cause before its effects (a circle has no such order), and what it is all about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from crm_analysis.errors import UsageError

_SATISFIED = ("satisfaction", "satisfied", "满意")


def causal_order(names: Sequence[str], paths: Sequence[tuple[str, str]], *, model: str) -> tuple[str, ...]:
    """Return the names with every source before its targets, otherwise in their own order.

    Parameters
    ----------
    names : sequence of str
        The constructs.
    paths : sequence of (source, target)
        Between them.
    model : str
        The model's name, for the message.

    Raises
    ------
    UsageError
        If the paths run in a circle; the message shows it.
    """
    sources = {name: {source for source, target in paths if target == name} for name in names}
    placed: list[str] = []
    while len(placed) < len(names):
        left = [name for name in names if name not in placed]
        ready = next((name for name in left if sources[name] <= set(placed)), None)
        if ready is None:
            raise UsageError(
                f"The paths of the model {model} run in a circle: {' -> '.join(_circle(left, sources))}; turn or leave "
                "out one of them."
            )
        placed.append(ready)
    return tuple(placed)


def focus(names: Sequence[str], paths: Sequence[tuple[str, str]]) -> str:
    """Return the construct that a model is about, where nobody says it.

    Parameters
    ----------
    names : sequence of str
        The constructs.
    paths : sequence of (source, target)
        Between them, without a circle.

    Returns
    -------
    str
        The one called satisfaction; else one whose name speaks of it (satisfaction, satisfied, 满意); else, or where
        several do, the one that most constructs lead to, the first of equals.
    """
    if "satisfaction" in names:
        return "satisfaction"
    speaking = [name for name in names if any(word in name.casefold() for word in _SATISFIED)]
    return max(speaking or names, key=lambda name: len(_causes(name, paths)))


def _causes(name: str, paths: Sequence[tuple[str, str]]) -> set[str]:
    """All that lead to it, directly or by way of others."""
    found: set[str] = set()
    ahead = {name}
    while ahead:
        ahead = {source for source, target in paths if target in ahead} - found
        found |= ahead
    return found


def _circle(left: Sequence[str], sources: Mapping[str, set[str]]) -> list[str]:
    """Walk backwards among constructs of which each has a source among them, until one comes again."""
    walked = [left[0]]
    while walked[-1] not in walked[:-1]:
        walked.append(next(name for name in left if name in sources[walked[-1]]))
    return walked[walked.index(walked[-1]) :][::-1]
