"""Design: a model as the arrays that PLS works on: which item belongs to which construct, which path leads where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from crm_analysis.errors import UsageError
from crm_analysis.table import listed

if TYPE_CHECKING:
    from crm_analysis.satisfaction.model import Model

_MODES = ("A", "B")


@dataclass(frozen=True, eq=False)
class Design:
    """What the PLS algorithm needs to know of a model.

    Attributes
    ----------
    names : tuple of str
        Constructs, as the model lists them.
    items : tuple of str
        Items, construct by construct.
    block : array of shape (items,)
        Position of each item's construct.
    membership : array of shape (items, constructs)
        1 where the item belongs to the construct, else 0.
    adjacency : array of shape (constructs, constructs)
        True where a path leads from the row's construct to the column's.
    modes : tuple of str
        Mode of each construct: A (correlation weights) or B (regression weights).
    corrected : array of shape (constructs,)
        Whether consistent PLS corrects the construct for unreliability: reflective, mode A, two or more items.
    order : tuple of int
        Constructs in causal order: each after all that lead to it.
    """

    names: tuple[str, ...]
    items: tuple[str, ...]
    block: np.ndarray
    membership: np.ndarray
    adjacency: np.ndarray
    modes: tuple[str, ...]
    corrected: np.ndarray
    order: tuple[int, ...]

    @property
    def targets(self) -> list[tuple[int, np.ndarray]]:
        """Every construct that a path leads to, causes first, with the positions of its sources."""
        return [(target, np.flatnonzero(self.adjacency[:, target])) for target in self.order if self.causes(target)]

    def causes(self, target: int) -> bool:
        """Whether any path leads to the construct."""
        return bool(self.adjacency[:, target].any())

    def items_of(self, construct: int) -> np.ndarray:
        """Positions of a construct's items."""
        return np.flatnonzero(self.block == construct)

    @property
    def sizes(self) -> np.ndarray:
        """Number of items of each construct."""
        return self.membership.sum(axis=0).astype(int)


def of(model: Model, *, modes: str | Mapping[str, str] | None = None) -> Design:
    """Return the design of a model.

    Parameters
    ----------
    model : Model
        Constructs with their items, and paths.
    modes : str or dict, optional
        ``"A"`` or ``"B"`` for all constructs, or by construct. By default A for reflective constructs and B for
        composites.

    Returns
    -------
    Design

    Raises
    ------
    UsageError
        If a mode is unknown, a construct stands in no path, two constructs share an item, or an item is itself a
        construct.
    """
    names = tuple(construct.name for construct in model.constructs)
    items = tuple(item for construct in model.constructs for item in construct.items)
    _check(model, modes)
    membership = np.array([[item in construct.items for construct in model.constructs] for item in items], "float64")
    adjacency = np.zeros((len(names), len(names)), dtype=bool)
    for source, target in model.paths:
        adjacency[names.index(source), names.index(target)] = True
    reflective = np.array([construct.kind == "reflective" for construct in model.constructs])
    chosen = tuple(_mode(name, kind, modes) for name, kind in zip(names, reflective, strict=True))
    mode_a = np.array([mode == "A" for mode in chosen])
    corrected = reflective & mode_a & (membership.sum(axis=0) > 1)
    order = tuple(names.index(name) for name in model.order)
    return Design(names, items, membership.argmax(axis=1), membership, adjacency, chosen, corrected, order)


def _mode(name: str, reflective: bool, modes: str | Mapping[str, str] | None) -> str:
    default = "A" if reflective else "B"
    if modes is None:
        return default
    return modes if isinstance(modes, str) else modes.get(name, default)


def _check(model: Model, modes: str | Mapping[str, str] | None) -> None:
    names = [construct.name for construct in model.constructs]
    given = {"all constructs": modes} if isinstance(modes, str) else dict(modes or {})
    strangers = [name for name in given if name not in (*names, "all constructs")]
    if strangers:
        raise UsageError(f"pls: modes names {strangers[0]!r}, which is no construct; there are {listed(names)}.")
    for name, mode in given.items():
        if mode not in _MODES:
            raise UsageError(f"pls: the mode of {name} must be A or B, not {mode!r}.")
    seen: set[str] = set()
    for construct in model.constructs:
        for item in construct.items:
            if item in seen:
                raise UsageError(f"pls: two constructs share the item {item!r}; PLS gives each item to one construct.")
            if item in names and construct.items != (construct.name,):
                raise UsageError(
                    f"pls: the construct {item!r} is used as an item of {construct.name!r}; PLS needs items."
                )
            seen.add(item)
    linked = {name for path in model.paths for name in path}
    alone = [name for name in names if name not in linked]
    if alone:
        raise UsageError(f"pls: no path leads to or from {listed(alone)}; add one or leave the construct out.")
