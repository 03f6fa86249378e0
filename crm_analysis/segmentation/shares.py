"""Shares: how many customers a group holds and what they bring, with intervals, as a table and as bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from crm_analysis import style
from crm_analysis.proportion import FEWEST, share, share_of_total

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def by_group(
    labels: np.ndarray | pd.Series,
    *,
    names: Sequence[str],
    column: str,
    sums: Mapping[str, np.ndarray | pd.Series],
    medians: Mapping[str, np.ndarray | pd.Series] | None = None,
) -> pd.DataFrame:
    """Count the customers of each group and add up what they hold.

    Parameters
    ----------
    labels : array of str of shape (n,)
        The group of each customer, one of `names`.
    names : sequence of str
        The groups in the order wanted; those without a customer are kept.
    column : str
        What to call the column of names.
    sums, medians : mapping of str to array of shape (n,)
        What to sum, such as spend (currency), and what to take the median of, in the order of `labels`.

    Returns
    -------
    DataFrame
        `column`, customers, customers_share, each sum with its ``_share``, each ``median_``; shares have their 95 %
        interval in ``_low`` and ``_high`` (Wilson for customers, a linearised ratio for sums, see `proportion`). The
        groups are taken as given.
    """
    groups, rows = np.asarray(labels, dtype=object), []
    for name in names:
        inside = groups == name
        count = int(inside.sum())
        row = {column: name, "customers": count, **_ends("customers_share", share(count, len(groups)))}
        for what, given in sums.items():
            values = np.asarray(given, dtype="float64")
            row |= {what: float(values[inside].sum()), **_ends(f"{what}_share", share_of_total(values, inside))}
        for what, given in (medians or {}).items():
            row[f"median_{what}"] = float(np.median(np.asarray(given)[inside])) if count else np.nan
        rows.append(row)
    return pd.DataFrame(rows)


def _ends(name: str, found: tuple[float, float, float]) -> dict[str, float]:
    return dict(zip((name, f"{name}_low", f"{name}_high"), found, strict=True))


def bars(ax: Axes, groups: pd.DataFrame, *, column: str, notes: Sequence[str] = ()) -> None:
    """Draw each group's share of the customers beside its share of the spend, with 95 % intervals, the first on top.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    groups : DataFrame
        As `by_group` gives it.
    column : str
        The column of names.
    notes : sequence of str, optional
        A word beside each group's bars, such as why it holds nobody.
    """
    shown, places = groups.iloc[::-1], np.arange(len(groups))
    kinds = {"customers": "share of customers", "spend": "share of spend"}
    known = [kind for kind in kinds if shown[f"{kind}_share"].notna().any()]
    shifts = (0.2, -0.2) if len(known) == 2 else (0.0,)
    for kind, shift, color in zip(known, shifts, style.PALETTE, strict=False):
        size, low, high = (100 * shown[f"{kind}_share{end}"].to_numpy() for end in ("", "_low", "_high"))
        there = np.isfinite(size)
        errors = np.vstack([size - low, high - size])[:, there].clip(min=0)
        ax.barh(places[there] + shift, size[there], height=0.36, color=color, label=kinds[kind])
        ax.errorbar(
            size[there], places[there] + shift, xerr=errors, fmt="none", ecolor=style.INK, elinewidth=1, capsize=2
        )
    for place, note in zip(places, reversed(notes), strict=False):
        ax.annotate(note, (0, place), xytext=(6, 0), textcoords="offset points", va="center", color=style.MUTED)
    ax.set_yticks(places, shown[column])
    ax.set_ylim(-0.6, len(groups) - 0.4)
    ax.set_xlabel(
        "percent of all, with 95 % interval" if len(known) == 2 else "percent of customers, with 95 % interval"
    )
    if len(known) == 2:
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)
    ax.grid(axis="x")
    ax.tick_params(axis="y", length=0)


def whiskers(ax: Axes, rows: pd.DataFrame, column: str, names: Sequence[str], colors: Sequence[str]) -> None:
    """Draw a dot with its 95 % interval for each row, the first at the bottom.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    rows : DataFrame
        With `column` and its ``_low`` and ``_high``; where these are missing the dot stands alone.
    column : str
        What to draw.
    names, colors : sequence of str
        The label and the colour of each row.
    """
    places = np.arange(len(rows))
    values = rows[column].to_numpy("float64")
    low, high = (rows[f"{column}_{end}"].to_numpy("float64") for end in ("low", "high"))
    for place, color in zip(places, colors, strict=True):
        ax.plot([low[place], high[place]], [place, place], color=color, linewidth=2, solid_capstyle="round")
        ax.plot(values[place], place, "o", color=color, markersize=6)
    ax.set_yticks(places, names)
    ax.locator_params(axis="x", nbins=6)
    ax.set_ylim(-0.6, len(rows) - 0.4)
    ax.grid(axis="x")
    ax.tick_params(axis="y", length=0)


def too_few(customers: int) -> list[str]:
    """Say why shares of a value have no intervals, where there are too few customers."""
    return [] if customers >= FEWEST else [f"Shares of value have no intervals: they need at least {FEWEST} customers."]


def spend_of(customers: pd.DataFrame) -> pd.Series:
    """Return what each customer spent, 0 for those of whom nothing is known, missing where no spend is in the frame."""
    if "monetary" not in customers.columns:
        return pd.Series(np.nan, index=customers.index)
    return customers["monetary"].astype("float64").fillna(0.0)
