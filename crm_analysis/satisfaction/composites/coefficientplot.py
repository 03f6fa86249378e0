"""Coefficientplot: estimates with their intervals, one line each, coloured by group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from crm_analysis import style
from crm_analysis.table import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw(
    ax: Axes | None, estimates: pd.DataFrame, *, names: Sequence[str], groups: Sequence[str], named: bool = False
) -> Axes:
    """Draw one point with its interval per row, group by group, the first row on top.

    Parameters
    ----------
    ax : Axes, optional
        Where to draw; by default a new figure, as high as the rows need.
    estimates : DataFrame
        Columns estimate, ci_lower, ci_upper; ends that are missing are not drawn.
    names, groups : sequence of str
        A label and a group for each row; rows of one group have one colour and lie together.
    named : bool
        Whether the groups' names are written at the right.

    Returns
    -------
    Axes
    """
    ax = style.axes(ax, height=max(2.2, 1.3 + 0.27 * len(estimates)))
    order = list(dict.fromkeys(groups))
    rows = sorted(range(len(groups)), key=lambda row: order.index(groups[row]))
    places = np.empty(len(rows))
    for number, row in enumerate(rows):
        places[row] = number + 0.5 * order.index(groups[row])
    colours = [style.PALETTE[order.index(group) % len(style.PALETTE)] for group in groups]
    for place, colour, low, high in zip(places, colours, estimates["ci_lower"], estimates["ci_upper"], strict=True):
        ax.plot([low, high], [place, place], color=colour, linewidth=2, solid_capstyle="round")
    ax.scatter(estimates["estimate"], places, color=colours, s=30, zorder=3)
    ax.axvline(0, color=style.MUTED, linewidth=1)
    ax.set_yticks(places[rows], [short(names[row], width=44) for row in rows])
    ax.tick_params(axis="y", length=0, labelsize=9)
    if named:
        for group, colour in dict(zip(groups, colours, strict=True)).items():
            middle = float(np.mean([place for place, other in zip(places, groups, strict=True) if other == group]))
            where = ax.get_yaxis_transform()
            ax.text(1.01, middle, short(group, width=34), color=colour, fontsize=9, va="center", transform=where)
    ax.set_ylim(places.max() + 0.7, places.min() - 0.7)
    ax.grid(axis="x", color=style.GRID)
    return ax
