"""Quadrants: the Kano picture, what the absence of a feature costs across and what its presence gains up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from crm_analysis import style
from crm_analysis.satisfaction.paired import evaluation, placement

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLORS = dict(
    zip(
        evaluation.LETTERS,
        (*(style.PALETTE[place] for place in (3, 0, 2)), style.MUTED, style.PALETTE[4], style.PALETTE[8]),
        strict=True,
    )
)
"""One colour a category, in all pictures."""


def draw(ax: Axes, drawn: pd.DataFrame) -> int:
    """Draw worse across and better up, with 95 % intervals and names.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    drawn : DataFrame
        ``feature``, ``letter``, ``better`` and ``worse`` with ``_low`` and ``_high``, none of them missing.

    Returns
    -------
    int
        How many names found no room.
    """
    ax.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
    ax.axhline(0.5, color=style.GRID, lw=1.2, zorder=0)
    ax.axvline(0.5, color=style.GRID, lw=1.2, zorder=0)
    x, y = -drawn["worse"].to_numpy("float64"), drawn["better"].to_numpy("float64")
    colors = [COLORS[letter] for letter in drawn["letter"]]
    # Minus the upper end of worse is the lower end of what is drawn.
    across = np.column_stack([-drawn["worse_high"], -drawn["worse_low"]])
    up = drawn[["better_low", "better_high"]].to_numpy("float64")
    ax.hlines(y, across[:, 0], across[:, 1], color=colors, lw=1.1, alpha=0.55)
    ax.vlines(x, up[:, 0], up[:, 1], color=colors, lw=1.1, alpha=0.55)
    for letter, color in COLORS.items():
        inside = (drawn["letter"] == letter).to_numpy()
        if inside.any():
            marker = "o" if letter in "MOAI" else "X"
            ax.scatter(x[inside], y[inside], s=44, color=color, marker=marker, label=evaluation.NAMES[letter])
    for (right, upwards), letter in {(0, 1): "A", (1, 1): "O", (0, 0): "I", (1, 0): "M"}.items():
        note = ax.text(0.99 if right else 0.01, 0.99 if upwards else 0.01, evaluation.NAMES[letter])
        note.set(transform=ax.transAxes, color=COLORS[letter], fontsize=10, alpha=0.75)
        note.set(ha="right" if right else "left", va="top" if upwards else "bottom")
    ax.set_title("Kano quadrants: what presence gains and absence costs")
    ax.set_xlabel("worse: share whom the feature's absence displeases")
    ax.set_ylabel("better: share whom its presence pleases")
    ax.xaxis.set_major_formatter(lambda value, _: f"−{value:.1f}" if value > 0 else f"{value:.1f}")
    placement.legend_below(ax, ncols=6)
    spans = [((low, at), (high, at)) for (low, high), at in zip(across, y, strict=True)]
    spans += [((at, low), (at, high)) for (low, high), at in zip(up, x, strict=True)]
    return placement.name_points(ax, x, y, list(drawn["feature"]), colors=colors, spans=spans)
