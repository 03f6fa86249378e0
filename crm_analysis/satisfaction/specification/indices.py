"""Indices: the satisfaction models that are usual, their constructs and paths, with their sources."""

from __future__ import annotations

from collections.abc import Mapping

Paths = tuple[tuple[str, str], ...]


def _paths(sources_of: Mapping[str, str]) -> Paths:
    return tuple((source, target) for target, sources in sources_of.items() for source in sources.split())


PATHS: dict[str, Paths] = {
    "ACSI": _paths(
        {
            "quality": "expectations",
            "value": "expectations quality",
            "satisfaction": "expectations quality value",
            "complaints": "satisfaction",
            "loyalty": "satisfaction complaints",
        }
    ),
    "ECSI": _paths(
        {
            "expectations": "image",
            "quality": "expectations",
            "value": "expectations quality",
            "satisfaction": "image expectations quality value",
            "complaints": "satisfaction",
            "loyalty": "image satisfaction complaints",
        }
    ),
    "CCSI": _paths(
        {
            "expectations": "image",
            "quality": "image expectations",
            "value": "image expectations quality",
            "satisfaction": "image expectations quality value",
            "loyalty": "satisfaction",
        }
    ),
}
"""The paths of each model, (source, target)."""

_ORDER = ("image", "expectations", "quality", "value", "satisfaction", "complaints", "loyalty")

CONSTRUCTS = {
    index: tuple(name for name in _ORDER if any(name in path for path in paths)) for index, paths in PATHS.items()
}
"""The constructs of each model, causes before effects."""
