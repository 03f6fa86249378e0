"""Ordering: constructs with every cause before its effects; paths that run in a circle have no such order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from crm_analysis.errors import UsageError


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


def _circle(left: Sequence[str], sources: Mapping[str, set[str]]) -> list[str]:
    """Walk backwards among constructs of which each has a source among them, until one comes again."""
    walked = [left[0]]
    while walked[-1] not in walked[:-1]:
        walked.append(next(name for name in left if name in sources[walked[-1]]))
    return walked[walked.index(walked[-1]) :][::-1]
