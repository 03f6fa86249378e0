"""Blueprint: a model before it is estimated, as a table, in sentences, as a logic model and a structural model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from crm_analysis import style
from crm_analysis.result import Result
from crm_analysis.satisfaction import pathdiagram
from crm_analysis.satisfaction.specification.construct import Construct
from crm_analysis.satisfaction.syntax import Row
from crm_analysis.table import count, listed, short

_NOTHING = "–"
# Items below a box; more would leave no room for the arrows.
_MOST = 8


@dataclass(frozen=True, eq=False, repr=False)
class ModelResult(Result):
    """A model: what is measured by what, and what depends on what.

    Attributes
    ----------
    name : str
        The model's name.
    constructs : DataFrame
        One row per construct: construct, kind (reflective, composite, single item, no items yet), items and depends_on
        (names, with commas).
    items : dict of tuple of str
        The items of each construct.
    paths : tuple of (source, target)
        Between constructs.
    extra : tuple of str
        What the model says beyond, in lavaan's notation.
    """

    name: str
    constructs: pd.DataFrame
    items: dict[str, tuple[str, ...]]
    paths: tuple[tuple[str, str], ...]
    extra: tuple[str, ...] = ()
    shown: ClassVar[dict[str, str]] = {"constructs": "Constructs, the items that measure them, and their causes"}

    @property
    def title(self) -> str:  # type: ignore[override]
        return f"The model {self.name}"

    def to_frame(self) -> pd.DataFrame:
        return self.constructs.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"constructs": self.to_frame(), "paths": pd.DataFrame(self.paths, columns=["source", "target"])}

    def metrics(self) -> dict[str, float]:
        items = {item for own in self.items.values() for item in own}
        return {"constructs": len(self.constructs), "items": len(items), "paths": len(self.paths)}

    def findings(self) -> tuple[str, ...]:
        """How large it is, where it begins and ends, what no number can check."""
        size = self.metrics()
        asked = [name for name, own in self.items.items() if own]
        measured = f", measured by {count(int(size['items']), 'item')}" if asked else ", without items yet"
        paths = count(len(self.paths), "path")
        said = [f"The model {self.name} has {count(len(self.items), 'construct')}{measured}, and {paths} between them."]
        if self.paths:
            first = [name for name in self.items if not any(target == name for _, target in self.paths)]
            last = [name for name in self.items if not any(source == name for source, _ in self.paths)]
            said.append(f"It begins with {listed(first)}, which nothing in it explains, and ends with {listed(last)}.")
        without = [name for name, own in self.items.items() if not own]
        if asked and without:
            said.append(f"Items are still to be found for {listed(without)}.")
        single = [name for name, own in self.items.items() if len(own) == 1]
        if single:
            said.append(f"One item alone stands for {listed(single)}: its error cannot be told from what it measures.")
        if self.extra:
            shown = [short(f"'{row}'", width=40) for row in self.extra[:4]]
            more = len(self.extra) - len(shown)
            said.append(f"Beyond that it says {listed([*shown, *([f'{more} more'] if more > 0 else [])])}.")
        return tuple(said)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the logic model: what leads to what."""
        ax = self._drawn(ax, {})
        ax.set_title(f"{self.name}: the logic model")
        return style.describe(ax, f"Constructs in boxes with arrows, causes to the left. {self.findings()[0]}")

    def plot_items(self, ax: Axes | None = None) -> Axes:
        """Draw the structural model: the same, with the items that measure each construct."""
        ax = self._drawn(ax, {name: _listing(items) for name, items in self.items.items()})
        ax.set_title(f"{self.name}: the structural model, constructs with their items")
        return style.describe(ax, f"Constructs in boxes, items below, arrows between. {self.findings()[0]}")

    def _drawn(self, ax: Axes | None, below: dict[str, list[str]]) -> Axes:
        from matplotlib.offsetbox import AnnotationBbox, TextArea, VPacker

        names = list(self.items)
        place = pathdiagram.layout(names, self.paths)
        xs, ys = (np.array([place[name][k] for name in names]) for k in (0, 1))
        # Inches between two levels: a box as high as its lines, and room for arrows.
        step = 0.95 + 0.13 * max((len(own) for own in below.values()), default=0)
        width, height = (1.85 + 0.4 * bool(below)) * (np.ptp(xs) + 1), step * (np.ptp(ys) + 1) + 0.5
        ax = style.axes(ax, width=float(np.clip(width, 6, 13)), height=float(np.clip(height, 2.4, 11)))
        ax.set(xlim=(xs.min() - 0.55, xs.max() + 0.55), ylim=(ys.min() - 0.55, ys.max() + 0.55), xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
        boxes = {}
        for name in names:
            own = below.get(name, [])
            lines: list[Artist] = [TextArea(short(name, width=16), textprops={"fontsize": 11, "color": style.INK})]
            lines += [TextArea(item, textprops={"fontsize": 8, "color": style.MUTED}) for item in own]
            boxes[name] = AnnotationBbox(
                VPacker(children=lines, align="center", pad=0, sep=2),
                place[name],
                pad=0.45,
                boxcoords="data",
                bboxprops={"boxstyle": "round,pad=0.35", "edgecolor": style.PALETTE[0], "linewidth": 1.4},
                zorder=5,
            )
            ax.add_artist(boxes[name])
        for source, target in self.paths:
            ax.annotate(
                "",
                xy=place[target],
                xytext=place[source],
                arrowprops={
                    "arrowstyle": "-|>",
                    "color": style.MUTED,
                    "linewidth": 1.3,
                    "patchA": boxes[source].patch,
                    "patchB": boxes[target].patch,
                    "shrinkA": 2,
                    "shrinkB": 2,
                    "mutation_scale": 13,
                },
                zorder=2,
            )
        return ax


def _listing(items: Sequence[str]) -> list[str]:
    left = len(items) - _MOST
    shown = [short(item, width=26) for item in items[: _MOST if left <= 0 else _MOST - 1]]
    return [*shown, f"and {left + 1} more"] if left > 0 else shown


def describe(
    name: str, constructs: Sequence[Construct], paths: Sequence[tuple[str, str]], extra: Sequence[Row] = ()
) -> ModelResult:
    """Describe a model; `Model.describe` passes its parts.

    Parameters
    ----------
    name : str
        The model's name.
    constructs : sequence of Construct
        With or without items.
    paths : sequence of (source, target)
        Names of constructs.
    extra : sequence of Row
        What goes beyond.

    Returns
    -------
    ModelResult
    """
    rows = [
        {
            "construct": construct.name,
            "kind": _kind(construct),
            "items": ", ".join(construct.items) or _NOTHING,
            "depends_on": ", ".join(source for source, target in paths if target == construct.name) or _NOTHING,
        }
        for construct in constructs
    ]
    table = pd.DataFrame(rows, columns=["construct", "kind", "items", "depends_on"])
    items = {construct.name: construct.items for construct in constructs}
    return ModelResult(name, table, items, tuple(paths), tuple(str(row) for row in extra))


def _kind(construct: Construct) -> str:
    if not construct.items:
        return "no items yet"
    return "single item" if construct.is_single else construct.kind
