"""What study.toml says of the satisfaction model, checked as far as it can be without the answers."""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter

from crm_analysis.errors import UsageError


def check(
    *,
    model: str,
    constructs: Mapping[str, tuple[str, ...]],
    paths: Mapping[str, tuple[str, ...]],
    target: str,
) -> None:
    """Check that the settings of ``[survey]`` belong together.

    Parameters
    ----------
    model : str
        The name of a preset; empty where there is none.
    constructs : mapping of str to tuple of str
        Construct -> its items.
    paths : mapping of str to tuple of str
        Construct -> those that it leads to.
    target : str
        The construct that the analyses explain; empty where it is left to them.

    Raises
    ------
    UsageError
        If there are a preset and paths, a path or the target names a construct that has no items, or paths go in a
        circle.
    """
    if paths and model:
        raise UsageError(
            f'study.toml: [survey] has model = "{model}" and [survey.paths]; keep one, the preset or your paths.'
        )
    listed = ", ".join(name for name, items in constructs.items() if items) or "no construct"
    for name in dict.fromkeys(end for source, targets in paths.items() for end in (source, *targets)):
        if not constructs.get(name):
            raise UsageError(
                f"[survey.paths] names {name!r}, for which [survey.constructs] lists no items (listed: {listed}); "
                "correct the name or list its items there."
            )
    if target and not constructs.get(target):
        raise UsageError(
            f'[survey] target = "{target}" is no construct with items in [survey.constructs] (listed: {listed}); '
            "name one of those."
        )
    try:
        TopologicalSorter(paths).prepare()
    except CycleError as error:
        # The sorter thinks of what comes before, the file says what comes after.
        circle = " -> ".join(reversed(error.args[1]))
        raise UsageError(f"[survey.paths] go in a circle ({circle}); take one of these paths out.") from None
