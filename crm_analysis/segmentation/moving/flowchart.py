"""Flowchart: bands from label to label, as wide as the customers who went that way (after Sankey 1898)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from crm_analysis import style
from crm_analysis.segmentation.moving.counting import GONE, NEW
from crm_analysis.table import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OTHERS = "other labels"

_MOST_STATES = 8
_MOST_STEPS = 3
_THIN = 0.01
_BAR = 0.035
_GAP = 0.03
_PALE = "#c4ccd3"


def draw(ax: Axes, counts: np.ndarray, *, states: Sequence[str], dates: Sequence[str]) -> str:
    """Draw the flows of the last steps.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    counts : int array of shape (steps, states, states)
        As `Paths.counts` gives them.
    states, dates : sequence of str
        Their names; the last two states are those who are gone and those who are new.

    Returns
    -------
    str
        What was simplified: the smallest labels beyond the eighth are one, and flows of less than one customer in a
        hundred are grey.
    """
    counts, dates = counts[-_MOST_STEPS:], dates[-_MOST_STEPS - 1 :]
    counts, names, merged = _merged(counts, list(states))
    colors = [style.PALETTE[place % len(style.PALETTE)] for place in range(len(names) - 2)]
    colors = [*([*colors[:-1], style.MUTED] if merged else colors), _PALE, _PALE]
    heights = _heights(counts)
    tops = _tops(heights)
    thin = _THIN * max(1, counts.sum(axis=(1, 2)).max())
    for step, table in enumerate(counts):
        leaving, arriving = tops[step].copy(), tops[step + 1].copy()
        for one, other in np.ndindex(table.shape):
            size = table[one, other]
            if not size:
                continue
            color = colors[one] if size >= thin else _PALE
            _band(ax, step, float(leaving[one]), float(arriving[other]), size, color=color, strong=size >= thin)
            leaving[one] -= size
            arriving[other] -= size
    total = heights.sum(axis=1).max()
    for column, sizes in enumerate(heights):
        for state, size in enumerate(sizes):
            if size:
                _node(ax, column, tops[column][state], size, colors[state])
        _name(ax, column, sizes, tops[column], names, last=len(counts), total=total)
    ax.set_xticks(range(len(dates)), dates)
    ax.set_yticks([])
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.tick_params(axis="x", length=0)
    ax.set_xlim(-0.52, len(counts) + 0.52)
    lowest = min(float((top - size).min()) for top, size in zip(tops, heights, strict=True))
    ax.set_ylim(lowest - 0.02 * total, float(max(top.max() for top in tops)) + 0.02 * total)
    hidden = int(sum(table[(table > 0) & (table < thin)].sum() for table in counts))
    parts = ["Thin grey bands are flows of less than one in a hundred"] if hidden else []
    parts += [f"the {merged} smallest labels are drawn as one"] if merged else []
    return f"{'; '.join(parts)}." if parts else ""


def _merged(counts: np.ndarray, states: list[str]) -> tuple[np.ndarray, list[str], int]:
    """Put the smallest labels beyond the eighth into one, after the labels and before those gone and new."""
    labels = len(states) - 2
    used = counts.sum(axis=(0, 1)) + counts.sum(axis=(0, 2))
    there = [place for place in range(labels) if used[place]]
    if len(there) > _MOST_STATES:
        large = sorted(sorted(there, key=lambda place: -used[place])[: _MOST_STATES - 1])
    else:
        large = there
    small = [place for place in there if place not in large]
    groups = [[place] for place in large] + ([small] if small else []) + [[labels], [labels + 1]]
    table = np.array([[counts[:, a][:, :, b].sum(axis=(1, 2)) for b in groups] for a in groups])
    names = [states[place] for place in large] + ([OTHERS] if small else []) + [GONE, NEW]
    return np.moveaxis(table, 2, 0), names, len(small)


def _heights(counts: np.ndarray) -> np.ndarray:
    """Customers in each state at each date; the larger of who came and who goes (new ones only go)."""
    steps, size, _ = counts.shape
    found = np.zeros((steps + 1, size))
    found[:-1] = counts.sum(axis=2)
    found[1:] = np.maximum(found[1:], counts.sum(axis=1))
    return found


def _tops(heights: np.ndarray) -> list[np.ndarray]:
    """Upper end of each bar: from the top down, with a gap between bars."""
    gap = _GAP * heights.sum(axis=1).max()
    found = []
    for sizes in heights:
        lengths = sizes + gap * (sizes > 0)
        found.append(-(np.cumsum(lengths) - lengths))
    return found


def _band(ax: Axes, step: int, start: float, end: float, size: float, *, color: str, strong: bool) -> None:
    bend = np.linspace(0, 1, 40)
    smooth = bend**2 * (3 - 2 * bend)
    x = step + _BAR + bend * (1 - 2 * _BAR)
    upper = start + (end - start) * smooth
    ax.fill_between(x, upper - size, upper, color=color, alpha=0.5 if strong else 0.3, linewidth=0)


def _node(ax: Axes, column: int, top: float, size: float, color: str) -> None:
    ax.fill_between([column - _BAR, column + _BAR], top - size, top, color=color, linewidth=0)


def _name(
    ax: Axes, column: int, sizes: np.ndarray, tops: np.ndarray, names: list[str], *, last: int, total: float
) -> None:
    """Write names and numbers at the outer columns and numbers at those between; labels are kept apart."""
    outer = column in (0, last)
    side = -1 if column == 0 else 1
    least, below = 0.042 * total * 1.25, np.inf
    for state, size in enumerate(sizes):
        if not size or (not outer and size < 0.05 * total):
            continue
        place = min(tops[state] - size / 2, below - least)
        below = place
        named = outer or (names[state] in (GONE, NEW) and size > 0.1 * total)
        text = f"{short(names[state], width=22)} {size:,.0f}" if named else f"{size:,.0f}"
        align = ("right" if side < 0 else "left") if outer else "center"
        color = style.INK if outer else "white"
        ax.text(
            column + side * (_BAR + 0.02) if outer else column, place, text, ha=align, va="center",
            fontsize=9.5 if outer else 7.5, color=color, rotation=0 if outer else 90,
        )  # fmt: skip
