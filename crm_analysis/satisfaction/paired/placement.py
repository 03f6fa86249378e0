"""Placement: names of points and legends, set where they lie upon nothing else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from crm_analysis.satisfaction.paired.naming import label

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ANGLES = (0, 180, 45, 315, 135, 225, 90, 270)
_DISTANCES = (7, 13, 20, 30, 44, 60, 80)  # points, from the dot to the edge of its name
_FAR = 14
_DOT = 4.5


def name_points(
    ax: Axes,
    x: np.ndarray,
    y: np.ndarray,
    names: Sequence[str],
    *,
    colors: Sequence[str],
    spans: Sequence[tuple[tuple[float, float], tuple[float, float]]] = (),
    size: float = 9,
) -> int:
    """Write the name of each point beside it, without overlap; a name that finds no room is left out.

    Parameters
    ----------
    ax : Axes
        A picture whose limits, points and notes are final.
    x, y : array of shape (n,)
        The points, in units of the data.
    names, colors : sequence of str
        One a point.
    spans : sequence of ((x, y), (x, y))
        Lines, such as intervals, which a name crosses only where there is no better place.
    size : float
        Of the letters, in points.

    Returns
    -------
    int
        How many names were left out.
    """
    figure = ax.get_figure(root=True)
    if figure is None or not len(x):
        return 0
    # The layout is settled first: only then is it known where a point lies on the page.
    figure.draw_without_rendering()
    per_point = figure.dpi / 72
    dots = ax.transData.transform(np.column_stack([x, y]))
    lines = [ax.transData.transform(np.array(span)) for span in spans]
    page, frame = figure.bbox, ax.get_window_extent()
    inside = (max(frame.x0, page.x0), max(frame.y0, page.y0), min(frame.x1, page.x1), min(frame.y1, page.y1))
    taken = [(box.x0, box.y0, box.x1, box.y1) for box in (text.get_window_extent() for text in ax.texts)]
    dot = _DOT * per_point
    taken += [(px - dot, py - dot, px + dot, py + dot) for px, py in dots]
    left_out = 0
    # From the most crowded point to the loneliest: who has little room chooses first.
    for place in np.argsort(_loneliness(dots), kind="stable"):
        text = label(names[place])
        width, height = _measure(ax, text, size)
        best, cost = None, math.inf
        for far in _DISTANCES:
            for angle in _ANGLES:
                box = _box(dots[place], width, height, angle, far * per_point)
                if not _within(box, inside) or any(_overlap(box, other) for other in taken):
                    continue
                crossed = sum(_crosses(box, line) for line in lines)
                price = far + 12 * crossed + 25 * _is_ambiguous(box, dots, place)
                if price < cost:
                    best, cost = (box, far), price
        if best is None:
            left_out += 1
            continue
        box, far = best
        taken.append(box)
        middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
        ax.annotate(
            text,
            (x[place], y[place]),
            xytext=tuple((np.array(middle) - dots[place]) / per_point),
            textcoords="offset points",
            ha="center",
            va="center",
            color=colors[place],
            fontsize=size,
            arrowprops={"arrowstyle": "-", "color": colors[place], "lw": 0.5, "alpha": 0.6} if far > _FAR else None,
        ).set_in_layout(False)
    return left_out


def legend_below(ax: Axes, *, ncols: int) -> None:
    """Set the legend below the label of the x axis, whatever the height of the picture."""
    from matplotlib.transforms import ScaledTranslation

    figure = ax.get_figure(root=True)
    if figure is not None:
        below = ax.transAxes + ScaledTranslation(0, -0.52, figure.dpi_scale_trans)
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, 0), bbox_transform=below, ncols=ncols, fontsize=9)


Box = tuple[float, float, float, float]


def _loneliness(dots: np.ndarray) -> np.ndarray:
    apart = np.hypot(*(dots[:, None, :] - dots[None, :, :]).transpose(2, 0, 1))
    np.fill_diagonal(apart, np.inf)
    return apart.min(axis=1)


def _measure(ax: Axes, text: str, size: float) -> tuple[float, float]:
    trial = ax.text(0, 0, text, fontsize=size)
    box = trial.get_window_extent()
    trial.remove()
    return box.width + 2, box.height + 2


def _box(dot: np.ndarray, width: float, height: float, angle: float, far: float) -> Box:
    """The rectangle whose nearest edge or corner lies so far from the dot, in one of eight directions."""
    right, up = round(math.cos(math.radians(angle)), 6), round(math.sin(math.radians(angle)), 6)
    x, y = dot[0] + far * right, dot[1] + far * up
    x0 = x if right > 0.1 else x - width if right < -0.1 else x - width / 2
    y0 = y if up > 0.1 else y - height if up < -0.1 else y - height / 2
    return x0, y0, x0 + width, y0 + height


def _within(box: Box, outer: Box) -> bool:
    return box[0] >= outer[0] and box[1] >= outer[1] and box[2] <= outer[2] and box[3] <= outer[3]


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _is_ambiguous(box: Box, dots: np.ndarray, place: int) -> bool:
    """Whether the name lies about as near to another dot as to its own."""
    beside = np.clip(dots, box[:2], box[2:])
    apart = np.hypot(*(dots - beside).T)
    return bool((np.delete(apart, place) < 1.5 * apart[place]).any())


def _crosses(box: Box, line: np.ndarray) -> bool:
    """Whether a level or upright line runs through the rectangle."""
    (x0, y0), (x1, y1) = line
    return _overlap(box, (min(x0, x1) - 1, min(y0, y1) - 1, max(x0, x1) + 1, max(y0, y1) + 1))
