"""Path diagram: constructs as boxes, effects as arrows with their coefficients and intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.text import Text

from crm_analysis import style
from crm_analysis.table import short

_LEVELS = (0.0, 1.0, -1.0, 2.0, -2.0)
_HALF_WIDTH, _HALF_HEIGHT = 0.36, 0.27


def draw(
    paths: pd.DataFrame,
    *,
    title: str,
    notes: Mapping[str, str] | None = None,
    text: str,
    ax: Axes | None = None,
) -> Axes:
    """Draw constructs in causal order, from left to right.

    Parameters
    ----------
    paths : DataFrame
        One row per arrow: ``source``, ``target``, ``estimate``, ``ci_lower``, ``ci_upper`` (not a number: no interval).
        An arrow whose interval holds zero is grey and dashed; the wider an arrow, the stronger the effect.
    title : str
        Heading of the picture.
    notes : mapping of str, optional
        A second line for some of the boxes, such as R².
    text : str
        What a reader who cannot see the picture should know.
    ax : Axes, optional
        Where to draw; by default a new figure of a size that suits the number of constructs.
    """
    names = list(dict.fromkeys([*paths["source"], *paths["target"]]))
    arrows = list(zip(paths["source"], paths["target"], strict=True))
    place = layout(names, arrows)
    xs, ys = (np.array([place[name][k] for name in names]) for k in (0, 1))
    wide, high = np.ptp(xs) + 1, np.ptp(ys) + 1
    ax = style.axes(ax, width=float(np.clip(1.85 * wide, 7, 13)), height=float(np.clip(1.25 * high + 0.6, 3, 9)))
    ax.set(xlim=(xs.min() - 0.5, xs.max() + 0.5), ylim=(ys.min() - 0.5, ys.max() + 0.5), xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    widest = float(np.nanmax(np.abs(paths["estimate"]), initial=1e-9))
    where = _label_places(place, arrows)
    boxes = {}
    for name in names:
        note = (notes or {}).get(name, "")
        boxes[name] = ax.text(
            *place[name],
            short(name, width=16) + (f"\n{note}" if note else ""),
            ha="center",
            va="center",
            fontsize=11,
            color=style.INK,
            zorder=5,
            bbox={"boxstyle": "round,pad=0.45", "facecolor": "white", "edgecolor": style.PALETTE[0], "linewidth": 1.4},
        )
    for row in paths.to_dict("records"):
        _arrow(ax, row, boxes, widest, where[row["source"], row["target"]])
    ax.set_title(title)
    return style.describe(ax, text)


def layout(names: Sequence[str], arrows: Sequence[tuple[str, str]]) -> dict[str, tuple[float, float]]:
    """Place constructs: across by causal order, up and down so that arrows neither cross nor run through a box.

    Parameters
    ----------
    names : sequence of str
        The constructs.
    arrows : sequence of (source, target)
        The arrows; one that leads back is drawn, but does not count for the order.

    Returns
    -------
    dict of str
        Position (x, y) of each construct.
    """
    column = dict.fromkeys(names, 0)
    for _ in names:
        for source, target in arrows:
            if column[target] <= column[source] and column[source] + 1 < len(names):
                column[target] = column[source] + 1
    used = {value: rank for rank, value in enumerate(sorted(set(column.values())))}
    column = {name: used[value] for name, value in column.items()}
    alone = [name for name in names if list(column.values()).count(column[name]) == 1]
    best, least = dict[str, float](), np.inf
    for pattern in ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2), (0, 1)):
        level = {name: _LEVELS[pattern[rank % len(pattern)]] for rank, name in enumerate(alone)}
        for rank in sorted(set(column.values())):
            inside = [name for name in names if column[name] == rank]
            if len(inside) > 1:
                level |= {name: (len(inside) - 1) / 2 - place for place, name in enumerate(inside)}
        level, cost = _settled(names, arrows, column, level, alone)
        if cost < least:
            best, least = level, cost
    return {name: (float(column[name]), best[name]) for name in names}


def _settled(
    names: Sequence[str],
    arrows: Sequence[tuple[str, str]],
    column: dict[str, int],
    level: dict[str, float],
    alone: Sequence[str],
) -> tuple[dict[str, float], float]:
    """Move one construct at a time up or down, as long as that makes the picture clearer."""
    cost = _clutter(column, level, arrows)
    for _ in range(6):
        before = cost
        for name in alone:
            for height in _LEVELS:
                tried = _clutter(column, level | {name: height}, arrows)
                if tried < cost - 1e-9:
                    cost, level = tried, level | {name: height}
        for one, other in combinations(names, 2):
            if column[one] == column[other]:
                swapped = level | {one: level[other], other: level[one]}
                tried = _clutter(column, swapped, arrows)
                if tried < cost - 1e-9:
                    cost, level = tried, swapped
        if cost == before:
            break
    return level, cost


def _clutter(column: dict[str, int], level: dict[str, float], arrows: Sequence[tuple[str, str]]) -> float:
    ends = [np.array([[column[a], level[a]], [column[b], level[b]]], dtype=float) for a, b in arrows]
    cost = 0.15 * sum(abs(height) for height in level.values())
    for (source, target), line in zip(arrows, ends, strict=True):
        cost += 0.3 * abs(line[1, 1] - line[0, 1])
        # Between two boxes side by side there is no room for a coefficient.
        cost += 1.2 * (abs(line[1, 0] - line[0, 0]) <= 1 and line[1, 1] == line[0, 1])
        for name in column:
            if name not in (source, target):
                cost += 10 * (_distance(line, np.array([column[name], level[name]])) < 0.42)
    middles = [line.mean(axis=0) for line in ends]
    for (one, first), (other, second) in combinations(zip(arrows, ends, strict=True), 2):
        if not set(one) & set(other):
            cost += 1.5 * _cross(first, second)
    for first, second in combinations(middles, 2):
        cost += 2 * bool((np.abs(first - second) < (0.4, 0.25)).all())
    return cost


def _distance(line: np.ndarray, point: np.ndarray) -> float:
    along = line[1] - line[0]
    share = np.clip((point - line[0]) @ along / max(along @ along, 1e-9), 0, 1)
    return float(np.hypot(*(line[0] + share * along - point)))


def _cross(first: np.ndarray, second: np.ndarray) -> bool:
    def side(line: np.ndarray, point: np.ndarray) -> float:
        a, b = line[1] - line[0], point - line[0]
        return float(a[0] * b[1] - a[1] * b[0])

    apart = side(first, second[0]) * side(first, second[1]) < 0
    return apart and side(second, first[0]) * side(second, first[1]) < 0


def _label_places(
    place: dict[str, tuple[float, float]], arrows: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], np.ndarray]:
    """Where on its arrow each coefficient stands: as near the middle as other labels and boxes allow."""
    taken: list[np.ndarray] = []
    boxes = [np.array(xy) for xy in place.values()]
    found = {}
    for arrow in sorted(arrows, key=lambda pair: abs(place[pair[0]][0] - place[pair[1]][0])):
        start, end = (np.array(place[name]) for name in arrow)
        best, least = (start + end) / 2, np.inf
        for share in (0.5, 0.42, 0.58, 0.35, 0.65, 0.28, 0.72):
            point = start + share * (end - start)
            near = sum(bool((np.abs(point - other) < (0.5, 0.3)).all()) for other in taken)
            inside = sum(bool((np.abs(point - box) < (_HALF_WIDTH + 0.2, _HALF_HEIGHT + 0.12)).all()) for box in boxes)
            if near + 2 * inside < least:
                best, least = point, near + 2 * inside
        taken.append(best)
        found[arrow] = best
    return found


def _arrow(ax: Axes, row: dict[Any, Any], boxes: dict[str, Text], widest: float, label_at: np.ndarray) -> None:
    certain = pd.isna(row["ci_lower"]) or row["ci_lower"] * row["ci_upper"] > 0
    colour = style.MUTED if not certain else style.PALETTE[0] if row["estimate"] >= 0 else style.ACCENT
    strength = 0.0 if pd.isna(row["estimate"]) else abs(row["estimate"]) / widest
    source, target = boxes[row["source"]], boxes[row["target"]]
    ax.annotate(
        "",
        xy=target.get_position(),
        xytext=source.get_position(),
        arrowprops={
            "arrowstyle": "-|>",
            "color": colour,
            "linewidth": 0.9 + 2.4 * strength,
            "linestyle": "-" if certain else (0, (4, 3)),
            # From the edge of one box to that of the other.
            "patchA": source.get_bbox_patch(),
            "patchB": target.get_bbox_patch(),
            "shrinkA": 2,
            "shrinkB": 2,
            "mutation_scale": 13,
        },
        zorder=2,
    )
    label = "–" if pd.isna(row["estimate"]) else f"{row['estimate']:.2f}"
    if not pd.isna(row["ci_lower"]):
        label += f"\n{row['ci_lower']:.2f} to {row['ci_upper']:.2f}"
    box: dict[str, Any] = {"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.9}
    ax.text(
        float(label_at[0]),
        float(label_at[1]),
        label,
        ha="center",
        va="center",
        fontsize=10,
        color=style.INK,
        zorder=4,
        bbox=box,
    )
