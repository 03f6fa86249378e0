"""Pictures of the trap: the curve with its bands, by competition, the types, the explanations, the groups."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crm_analysis import style
from crm_analysis.loyalty.curves.explanations import CANNOT, SUPPORTED, UNTESTABLE
from crm_analysis.table import count, percent, short

_CURVE = "Loyalty over satisfaction"
_COLORS = {"apostle": 2, "mercenary": 3, "hostage": 1, "defector": 9}
_PLURAL = {"apostle": "apostles", "mercenary": "mercenaries", "hostage": "hostages", "defector": "defectors"}
_MOST_GROUPS = 24
_MOST_POINTS = 3000


def curve(found: Any, ax: Axes | None) -> Axes:
    """Draw the free curve with both bands, the piecewise line, the breaks with their intervals, and the flat zone."""
    if found.curve.empty:
        return style.nothing(ax, title=_CURVE, why=found.facts.why)
    ax = style.axes(ax, height=5.0)
    of = dict(iter(found.curves.groupby("kind")))
    free, at = of["free"], of["free"]["satisfaction"]
    blue, orange = style.PALETTE[0], style.PALETTE[1]
    for _, zone in found.flat_zone.iterrows():
        ax.axvspan(
            zone["satisfaction_from"], zone["satisfaction_to"], color=orange, alpha=0.14, lw=0, label="flat zone"
        )
    ax.fill_between(at, free["band_lower"], free["band_upper"], color=blue, alpha=0.12, lw=0, label="band, whole curve")
    ax.fill_between(at, free["ci_lower"], free["ci_upper"], color=blue, alpha=0.25, lw=0, label="95 % at each place")
    ax.plot(at, free["loyalty"], color=blue, lw=2.2, label="free curve")
    if "corrected" in of:
        ax.plot(at, of["corrected"]["loyalty"], color=style.PALETTE[4], lw=1.8, ls=":", label="without error")
    label = "piecewise line" if len(found.break_points) else "straight line"
    ax.plot(at, of["piecewise"]["loyalty"], color=style.ACCENT, lw=1.6, ls="--", label=label)
    for position, low, high in found.break_points.itertuples(index=False):
        height = float(np.interp(position, at, of["piecewise"]["loyalty"]))
        ax.plot([low, high], [height, height], color=style.ACCENT, lw=3, solid_capstyle="butt", alpha=0.75)
        ax.plot([position], [height], "D", color=style.ACCENT, ms=6)
    ax.axvline(found.facts.satisfied_from, color=style.MUTED, lw=1, ls=(0, (2, 3)), label="satisfied from here")
    ax.set_ylim(0, 1)
    ax.set_xlabel("satisfaction (0-100)")
    ax.set_ylabel(_behaviour(found))
    ax.set_title(_CURVE)
    ax.legend(fontsize=9, loc="center left", bbox_to_anchor=(1.01, 0.5))
    bends = ", ".join(f"{row:.0f}" for row in found.break_points["position"]) or "no place that is shown"
    ends = free["loyalty"].iloc[[0, -1]]
    return style.describe(
        ax,
        f"Curve with bands: loyal behaviour over satisfaction, from {ends.iloc[0]:.2f} at {at.iloc[0]:.0f} to "
        f"{ends.iloc[1]:.2f} at {at.iloc[-1]:.0f}; it bends at: {bends}.",
    )


def competition(found: Any, ax: Axes | None) -> Axes:
    """Draw the free curve of each level of competition, with 95 % intervals."""
    title, rows = "Loyalty over satisfaction by competition", found.by_competition
    if rows.empty:
        why = found.facts.why or "There is no measure of competition with enough customers at each level."
        return style.nothing(ax, title=title, why=why)
    ax = style.axes(ax, height=5.0)
    names = list(dict.fromkeys(rows["group"]))[: len(style.PALETTE)]
    for color, name in zip(style.PALETTE, names, strict=False):
        own = rows[rows["group"] == name]
        ax.fill_between(own["satisfaction"], own["ci_lower"], own["ci_upper"], color=color, alpha=0.15, lw=0)
        ax.plot(own["satisfaction"], own["loyalty"], color=color, lw=2, label=short(name, width=24))
    ax.axvline(found.facts.satisfied_from, color=style.MUTED, lw=1, ls=(0, (2, 3)))
    ax.set_ylim(0, 1)
    ax.set_xlabel("satisfaction (0-100)")
    ax.set_ylabel(_behaviour(found))
    ax.set_title(title)
    ax.legend(title="competition", fontsize=9, loc="center left", bbox_to_anchor=(1.01, 0.5))
    last = "; ".join(f"{name} {rows[rows['group'] == name]['loyalty'].iloc[-1]:.2f}" for name in names)
    return style.describe(ax, f"Curves of loyal behaviour over satisfaction; at the highest satisfaction: {last}.")


def types(found: Any, ax: Axes | None) -> Axes:
    """Draw each type as an area in proportion to its customers."""
    title = "Types: satisfied across, loyal upwards"
    share = found.types.set_index("type")["customers_share"]
    if not found.facts.customers:
        return style.nothing(ax, title=title, why=found.facts.why)
    ax = style.axes(ax, height=4.8)
    left = float(share["hostage"] + share["defector"])
    for kinds, start, width in ((("defector", "hostage"), 0.0, left), (("mercenary", "apostle"), left, 1 - left)):
        bottom = 0.0
        for kind in kinds:
            height = float(share[kind]) / width if width > 1e-9 else 0.0
            ax.bar(
                start, height, width=width, bottom=bottom, align="edge", color=style.PALETTE[_COLORS[kind]], alpha=0.8
            )
            ax.patches[-1].set(edgecolor="white", linewidth=2)
            if width > 0.12 and height > 0.07:
                ax.text(
                    start + width / 2,
                    bottom + height / 2,
                    f"{_PLURAL[kind]}\n{percent(share[kind])}",
                    ha="center",
                    va="center",
                    color="white",
                    fontweight="bold",
                )
            bottom += height
    ax.set(xlim=(0, 1), ylim=(0, 1))
    ax.set_xlabel(f"customers: {percent(left)} not satisfied, {percent(1 - left)} satisfied")
    ax.set_ylabel("loyal share among them (from above)")
    ax.set_title(title)
    text = "; ".join(f"{_PLURAL[kind]} {percent(share[kind])}" for kind in share.index)
    return style.describe(ax, f"Areas of the four types of {count(found.facts.customers, 'customer')}: {text}.")


def scatter(found: Any, ax: Axes | None) -> Axes:
    """Draw customers as points; those at one place are spread a little, of very many only every so many is drawn."""
    title = "Customers by satisfaction and behaviour"
    if found.evidence is None:
        return style.nothing(ax, title=title, why=found.facts.why)
    ax = style.axes(ax, height=4.8)
    step = -(-len(found.evidence.points) // _MOST_POINTS)
    points = found.evidence.points[::step].copy()
    kinds = found.customers["type"].to_numpy()[::step]
    if np.isin(points[:, 1], [0, 1]).all():
        ax.set_yticks([0, 1], ["no", "yes"])
    if len(np.unique(points, axis=0)) < len(points) / 2:
        # Steps of irrational length fill the space about a place evenly, and the same in every run.
        steps = np.arange(len(points))[:, None] * [0.414214, 0.618034] % 1 - 0.5
        points += steps * [_gap(values) for values in points.T]
    for kind, color in _COLORS.items():
        here = kinds == kind
        ax.scatter(
            points[here, 0], points[here, 1], s=9, color=style.PALETTE[color], alpha=0.55, lw=0, label=_PLURAL[kind]
        )
    ax.axvline(found.facts.satisfied_from, color=style.MUTED, lw=1, ls=(0, (2, 3)))
    ax.set_xlabel("satisfaction (0-100)")
    ax.set_ylabel(_behaviour(found))
    ax.set_title(title + (f" (one in {step})" if step > 1 else ""))
    ax.legend(fontsize=9, markerscale=2, loc="center left", bbox_to_anchor=(1.01, 0.5))
    share = found.types.set_index("type")["customers_share"]
    text = "; ".join(f"{_PLURAL[kind]} {percent(share[kind])}" for kind in share.index)
    return style.describe(ax, f"Scatter of {count(len(points), 'customer')} in the colours of four types: {text}.")


def explanations(found: Any, ax: Axes | None) -> Axes:
    """Draw contributions as bars with intervals; the verdict stands beside each."""
    title, rows = "What explains the bends", found.explanations
    if rows["contribution"].isna().all():
        why = found.facts.why or "No explanation can be tested with this data."
        return style.nothing(ax, title=title, why=why)
    ax = style.axes(ax, height=3.2)
    for place, row in enumerate(rows.to_dict("records")):
        color = style.PALETTE[0] if row["verdict"] == SUPPORTED else style.PALETTE[1 if row["verdict"] == CANNOT else 9]
        if row["verdict"] != UNTESTABLE:
            faint = 0.9 if row["verdict"] == SUPPORTED else 0.35
            ax.barh(place, 100 * row["contribution"], height=0.5, color=color, alpha=faint)
            ax.hlines(place, 100 * row["ci_lower"], 100 * row["ci_upper"], color=style.INK, lw=1.4)
    ax.set_yticks(range(len(rows)), [f"{row.name}\n{row.verdict}" for row in rows.itertuples(index=False)])
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_xlim(0, 100)
    ax.set_xlabel("share of what the tested explanations explain together, %")
    ax.set_title(title)
    text = "; ".join(f"{row.name} {row.verdict}" for row in rows.itertuples(index=False))
    return style.describe(ax, f"Bars with intervals: contributions of the explanations. {text}.")


def groups(found: Any, ax: Axes | None) -> Axes:
    """Draw the rate of each group with its interval; the dotted line is the rate of all."""
    title = "Trap rate by group"
    rows = found.groups[found.groups["satisfied"] > 0] if len(found.groups) else found.groups
    if rows.empty:
        why = found.facts.why or "No groups were given, or nobody in them is satisfied."
        return style.nothing(ax, title=title, why=why)
    # A grouping with a single group says what all together say.
    many = rows[rows.groupby("grouping")["group"].transform("size") > 1]
    rows = rows if many.empty else many
    left_out = max(0, len(rows) - _MOST_GROUPS)
    rows = rows.nlargest(_MOST_GROUPS, "satisfied").sort_values(["grouping", "trapped_share"], kind="stable")
    ax = style.axes(ax, height=1.7 + 0.34 * len(rows))
    for color, (grouping, own) in zip(style.PALETTE * 3, rows.groupby("grouping", sort=True), strict=False):
        places = np.flatnonzero((rows["grouping"] == grouping).to_numpy())
        ax.hlines(places, 100 * own["trapped_share_low"], 100 * own["trapped_share_high"], color=color, lw=2)
        ax.plot(100 * own["trapped_share"], places, "o", color=color)
    several = len(set(rows["grouping"])) > 1
    ax.set_yticks(range(len(rows)), [_group_label(row, several) for _, row in rows.iterrows()])
    ax.set_ylim(-0.6, len(rows) - 0.4)
    ax.axvline(100 * found.rate["estimate"], color=style.MUTED, ls=":", lw=1.2)
    ax.set_xlabel("satisfied customers who are not loyal, % (dotted: all)")
    ax.set_title(title + (f" ({left_out} smaller ones left out)" if left_out else ""))
    top = rows.loc[rows["trapped_share"].idxmax()]
    return style.describe(
        ax,
        f"Points with intervals: trap rate by group, highest in {top['group']} with {percent(top['trapped_share'])}.",
    )


def _gap(values: np.ndarray) -> float:
    """How far neighbours of a coarse scale may be spread without meeting."""
    return min(0.8 * float(np.diff(np.unique(values)).min(initial=np.inf)), 0.24 * float(np.ptp(values)))


def _behaviour(found: Any) -> str:
    return f"loyal behaviour: {short(found.facts.behaviour)}" if found.facts.behaviour else "loyal behaviour"


def _group_label(row: pd.Series, several: bool) -> str:
    return short(f"{row['grouping']}: {row['group']}" if several else str(row["group"]), width=28)
