"""Quadrants: two measures of a customer, each cut into low and high, and what the four cells hold."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from crm_analysis import style
from crm_analysis.errors import UsageError
from crm_analysis.table import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CUTS = ("mean", "median")
_POINTS = 20_000

Corner = tuple[bool, bool]
"""Whether a cell is high on the first and on the second measure."""


def cut_points(cuts: str | Sequence[float], first: np.ndarray, second: np.ndarray, *, caller: str) -> tuple[float, ...]:
    """Return where low ends on each measure.

    Parameters
    ----------
    cuts : {"mean", "median"} or two numbers
        How to cut, or the cut-points themselves.
    first, second : array of shape (n,)
        The measures, n at least 1.
    caller : str
        The analysis that asks, for messages.

    Returns
    -------
    tuple of float

    Raises
    ------
    UsageError
        If `cuts` is not understood.
    """
    if isinstance(cuts, str):
        if cuts not in CUTS:
            raise UsageError(f"{caller}: cuts must be 'mean', 'median' or two numbers, not {cuts!r}.")
        middle = np.mean if cuts == "mean" else np.median
        return float(middle(first)), float(middle(second))
    points = tuple(cuts)
    if len(points) != 2 or not all(isinstance(point, int | float) and math.isfinite(point) for point in points):
        raise UsageError(f"{caller}: cuts must be 'mean', 'median' or two numbers, not {cuts!r}.")
    return float(points[0]), float(points[1])


def above(values: np.ndarray, cut: float) -> np.ndarray:
    """Whether a value is high: above the cut. A value equal to it, apart from rounding, is low."""
    return values > cut + 1e-12 * abs(cut)


def place(first: np.ndarray, second: np.ndarray, cuts: Sequence[float], names: Mapping[Corner, str]) -> np.ndarray:
    """Return the name of each customer's cell."""
    high = above(first, cuts[0]), above(second, cuts[1])
    return np.array([names[bool(a), bool(b)] for a, b in zip(*high, strict=True)], dtype=object)


def frames(table: pd.DataFrame, cells: pd.DataFrame, *, advice: str, called: str) -> dict[str, pd.DataFrame]:
    """Return the frames of a matrix: the table, the customers, and the table in two halves that fit a page.

    Parameters
    ----------
    table, cells : DataFrame
        One row per cell with ``cell``, ``who`` and a column of advice; one row per customer.
    advice, called : str
        The column of advice, and what to call the half that holds the words.
    """
    words = ["cell", "who", advice]
    numbers = table.drop(columns=words[1:], errors="ignore")
    return {"table": table.copy(), "cells": cells.copy(), "shares": numbers, called: table.reindex(columns=words)}


def draw(
    ax: Axes,
    first: np.ndarray,
    second: np.ndarray,
    *,
    cuts: Sequence[float],
    names: Mapping[Corner, str],
    notes: Mapping[str, str],
) -> Axes:
    """Draw the customers over both measures, the cuts, and a note in each corner.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    first, second : array of shape (n,)
        The measures, across and up. An axis with a long tail is drawn on a scale that is logarithmic far from zero.
    cuts : sequence of float
        The cut-points.
    names : mapping of corner to str
        Cell of each corner.
    notes : mapping of str to str
        Cell -> what to write below its name.
    """
    # More points than this only make the picture slow; every k-th of the customers has the same shape.
    step = math.ceil(len(first) / _POINTS)
    shown, upwards = first[::step], second[::step]
    cells, many = place(shown, upwards, cuts, names), len(shown) > 200
    for color, name in zip(style.PALETTE, names.values(), strict=False):
        inside = cells == name
        ax.scatter(shown[inside], upwards[inside], s=9 if many else 36, color=color, alpha=0.35 if many else 0.8, lw=0)
    # Room for the notes in the corners, which must not lie upon the points.
    lines = 1 + max(text.count("\n") + 1 for text in notes.values())
    _scale(ax, "x", first, cuts[0], margin=0.05)
    _scale(ax, "y", second, cuts[1], margin=0.06 * lines)
    ax.axvline(cuts[0], color=style.INK, linewidth=1)
    ax.axhline(cuts[1], color=style.INK, linewidth=1)
    for color, ((right, up), name) in zip(style.PALETTE, names.items(), strict=False):
        ax.annotate(
            f"{name}\n{notes[name]}",
            (float(right), float(up)),
            xycoords="axes fraction",
            xytext=(-6 if right else 6, -6 if up else 6),
            textcoords="offset points",
            ha="right" if right else "left",
            va="top" if up else "bottom",
            color=color,
            fontweight="bold",
            fontsize=9.5,
            bbox={"boxstyle": "round,pad=0.25", "facecolor": "white", "edgecolor": "none", "alpha": 0.85},
        )
    return ax


def note(row: Mapping[str, Any], what: Mapping[str, str]) -> str:
    """Write a cell's shares for its corner: column of a share -> words."""
    return "\n".join(
        f"{percent(row[column])} of {words}" for column, words in what.items() if not math.isnan(row[column])
    )


def _scale(ax: Axes, axis: str, values: np.ndarray, cut: float, *, margin: float) -> None:
    from matplotlib.ticker import FixedLocator

    which = ax.xaxis if axis == "x" else ax.yaxis
    rescale, limit = (ax.set_xscale, ax.set_xlim) if axis == "x" else (ax.set_yscale, ax.set_ylim)
    low, high = min(float(values.min()), cut), max(float(values.max()), cut)
    if cut > 0 and high > 10 * cut:
        # The inverse hyperbolic sine is a logarithm far from zero and, unlike it, knows zero and negative values.
        rescale("asinh", linear_width=cut)
        steps = (1, 2, 5) if high < 200 * cut else (1,)
        powers = range(math.floor(math.log10(cut)), math.ceil(math.log10(high)) + 1)
        ticks = [step * 10.0**power for power in powers for step in steps]
        which.set_major_locator(FixedLocator([0.0, *(tick for tick in ticks if tick > cut / 3)]))
        which.set_minor_locator(FixedLocator([]))
        start, end = np.arcsinh([low / cut, high / cut])
        room = margin * (end - start)
        limit(*(cut * np.sinh([start - room, end + room])))
    else:
        room = margin * (high - low) or 1.0
        limit(low - room, high + room)
    which.set_major_formatter(lambda value, _: f"{value:,.10g}")
