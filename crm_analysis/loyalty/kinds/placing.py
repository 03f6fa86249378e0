"""Placing: the map of persistence by dependence, as the textbook means it and as it was measured."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crm_analysis import style
from crm_analysis.loyalty import indicators as measuring
from crm_analysis.loyalty.kinds.rules import NONE, OTHER, RULES, UNKNOWN
from crm_analysis.loyalty.wording import sentence, with_ends
from crm_analysis.proportion import Z, newcombe, share
from crm_analysis.result import Result
from crm_analysis.table import listed, with_interval

HIGH, MIDDLE, LOW, OPEN = "high", "middle", "low", "open"
PLACES: dict[str, tuple[str, str]] = {
    "monopoly": (MIDDLE, HIGH),
    "kinship": (HIGH, HIGH),
    "trust": (HIGH, HIGH),
    "benefit": (LOW, LOW),
    "inertia": (LOW, LOW),
    "latent": (OPEN, LOW),
}
"""Persistence and dependence of each kind. The textbook draws the map without numbers: this placing is ours. The
persistence of a monopoly is high until choice appears, and low from then on."""

_AT = {HIGH: 0.84, MIDDLE: 0.5, LOW: 0.18, OPEN: 0.5}
_COLUMNS = ["kind", "placed_persistence", "placed_dependence", "customers"]
_ENDS = [f"{name}{end}" for name in ("persistence_share", "dependence") for end in ("", "_low", "_high")]
# Fewer customers of a kind are neither drawn nor called the most lasting.
_FEWEST = 10
_NOTHING = "No customer of a kind of loyalty has a later period in this study, so the map shows what is expected only."


@dataclass(frozen=True, eq=False, repr=False)
class MapResult(Result):
    """How lasting each kind of loyalty is, and how much its customers depend on the firm.

    Attributes
    ----------
    kinds : DataFrame
        One row per kind: where the map places it (``placed_persistence``, ``placed_dependence``: high, middle, low,
        open), ``customers``, and what was measured: ``persistence_share`` and ``dependence`` (0 to 100), with
        intervals.
    tests : DataFrame
        Whether the map holds, by ``side`` (persistence, dependence): ``difference`` in points between customers of
        kinds placed high and of those placed low, with its interval.
    what : tuple of str
        What persistence and dependence were measured by.
    """

    kinds: pd.DataFrame
    tests: pd.DataFrame
    what: tuple[str, str]
    title = "How lasting and how dependent"
    shown: ClassVar[dict[str, str]] = {
        "kinds": "Where the map places each kind (ours; the textbook gives no numbers), and what was measured",
        "tests": "Kinds placed high less kinds placed low, in points",
    }

    def to_frame(self) -> pd.DataFrame:
        return self.kinds.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"kinds": self.to_frame(), "tests": self.tests.drop(columns="place")}

    def metrics(self) -> dict[str, float]:
        found = {f"{row['side']}_difference": row["difference"] for row in self.tests.to_dict("records")}
        known = self.kinds.dropna(subset=["persistence_share"])
        return found | {
            f"{row['kind']}_persistence_share": row["persistence_share"] for row in known.to_dict("records")
        }

    def findings(self) -> tuple[str, ...]:
        """The most important first: does the map hold, which kind lasted longest and shortest."""
        measured = self.kinds.dropna(subset=["persistence_share"])
        many = measured[measured["customers"] >= _FEWEST]
        if measured.empty and self.kinds["dependence"].isna().all():
            return (_NOTHING,)
        said = [self._tested(row) for row in self.tests.to_dict("records")]
        if len(many) > 1:
            low, high = (many.loc[many["persistence_share"].agg(end)] for end in ("idxmin", "idxmax"))
            texts = [
                with_interval(*(row[f"persistence_share{end}"] for end in ("", "_low", "_high"))) for row in (high, low)
            ]
            said.append(
                f"Most lasting was {_call(high['kind'])}: {texts[0]} {self.what[0]}; least lasting "
                f"{_call(low['kind'])}: {texts[1]}."
            )
        said.append("Where the map places a kind is our reading: the textbook draws it without numbers.")
        return tuple(said)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw each kind of ten customers or more where it was measured, with intervals."""
        title = "Persistence and dependence, as measured"
        known = self.kinds.dropna(subset=["persistence_share", "dependence"])
        rows = known[known["customers"] >= _FEWEST]
        if rows.empty:
            few = f"No kind of loyalty has {_FEWEST} customers with persistence and dependence, too few to draw."
            return style.nothing(ax, title=title, why=_NOTHING if known.empty else few)
        ax = style.axes(ax, width=7.4, height=5.0)
        for place, row in enumerate(rows.to_dict("records")):
            color = style.PALETTE[place % len(style.PALETTE)]
            x, y = row["dependence"], row["persistence_share"]
            ax.vlines(x, row["persistence_share_low"], row["persistence_share_high"], color=color, lw=1.6)
            ax.hlines(y, row["dependence_low"], row["dependence_high"], color=color, lw=1.6)
            ax.plot(x, y, "o", color=color, ms=8, label=f"{_call(row['kind'])} ({row['customers']:,})")
        ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
        ax.set_xlabel(f"dependence: {self.what[1]}")
        ax.set_ylabel(f"persistence: {self.what[0]}")
        ax.set_title(title)
        ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=9, title="kind (customers)")
        return style.describe(ax, f"Points: persistence over dependence by kind of loyalty. {self.findings()[0]}")

    def plot_idea(self, ax: Axes | None = None) -> Axes:
        """Draw where the map places the kinds."""
        ax = style.axes(ax, width=6.4, height=4.8)
        shifts: dict[tuple[str, str], int] = {}
        for number, (kind, (persistence, dependence)) in enumerate(PLACES.items()):
            color = style.PALETTE[number]
            step = shifts.get((persistence, dependence), 0)
            shifts[persistence, dependence] = step + 1
            x, y = _AT[dependence] + (0.02 if persistence == OPEN else 0.0), _AT[persistence] - 0.13 * step
            if persistence == OPEN:
                ax.annotate("", (x, 0.95), (x, 0.32), arrowprops={"arrowstyle": "<->", "color": color, "lw": 1.6})
            if kind == "monopoly":
                ax.annotate("", (x, 0.12), (x, y - 0.05), arrowprops={"arrowstyle": "->", "color": color, "lw": 1.6})
                ax.text(x - 0.02, 0.26, "once choice appears", ha="right", fontsize=9, color=color)
            box = {"boxstyle": "round,pad=0.35", "facecolor": "white", "edgecolor": color, "lw": 1.6}
            ax.text(x, y, kind, ha="center", va="center", fontsize=11, color=color, bbox=box)
        ax.set(xlim=(0, 1), ylim=(0, 1))
        ax.set_xticks([_AT[LOW], _AT[HIGH]], ["low", "high"])
        ax.set_yticks([_AT[LOW], _AT[HIGH]], ["low", "high"])
        ax.set_xlabel("dependence on the firm")
        ax.set_ylabel("persistence")
        ax.set_title("Where the kinds are expected (our reading)")
        return style.describe(
            ax, "Map of persistence by dependence: trust and kinship high on both, monopoly dependent and lasting only "
            "without choice, benefit and inertia low on both, latent loyalty open.",
        )  # fmt: skip

    def _tested(self, row: dict) -> str:
        groups = {level: listed(_placed(row["place"], level)) for level in (HIGH, LOW)}
        if row["difference_low"] > 0:
            verdict = "as the map says"
        elif row["difference_high"] < 0:
            verdict = "against the map"
        else:
            verdict = "no certain difference, so that the map is neither confirmed nor refuted"
        what = self.what[row["place"]].removesuffix(" (%)")
        more = "higher" if row["difference"] >= 0 else "lower"
        return (
            f"{sentence(row['side'])} ({what}) is {with_ends(*_sized(row), digits=1, unit='points')} {more} among the "
            f"loyal by {groups[HIGH]} than among those by {groups[LOW]}: {verdict}."
        )


def locate(
    kinds: pd.Series,
    *,
    persistence: pd.Series | None = None,
    dependence: pd.Series | None = None,
    what: tuple[str, str] = ("bought again later", "share of wallet (%)"),
) -> MapResult:
    """Measure how lasting each kind of loyalty is and how dependent on the firm, beside where the map places it.

    Parameters
    ----------
    kinds : Series
        Kind by customer_id, `ProfileResult.kind`.
    persistence : Series, optional
        Whether the customer stayed in a *later* period (yes and no), by customer_id.
    dependence : Series, optional
        How much the customer depends on the firm, 0 to 100, by customer_id, such as the share of wallet. Not an
        indicator that made the kind (alternatives, switching cost): the map would confirm itself.
    what : tuple of two str
        What they are, for the axes and sentences.

    Returns
    -------
    MapResult
        Where nothing was measured, one that says so and still draws what is expected.

    Notes
    -----
    Shares have Wilson's intervals, means Student's within 0 to 100. Kinds placed high are set against kinds placed low:
    shares by Newcombe's (1998) hybrid score interval, means by Welch's. Kinds of a middle place are left out, and so is
    latent loyalty, which is without behaviour by definition.

    References
    ----------
    Newcombe, R. G. (1998). Interval estimation for the difference between independent proportions: comparison of
    eleven methods. Statistics in Medicine 17, 873-890.
    """
    labels = measuring.by_customer(kinds, caller="profile", kind=pd.Series)
    stays = _aligned(persistence, labels.index)
    depends = _aligned(dependence, labels.index)
    rows = []
    for kind in [*(rule.kind for rule in RULES), OTHER, NONE]:
        inside = (labels == kind).to_numpy()
        placed = PLACES.get(kind, ("", ""))
        stayed, some = stays[inside & np.isfinite(stays)], depends[inside & np.isfinite(depends)]
        ends = (*share(int(stayed.sum()), len(stayed)), *_mean(some))
        row: dict[str, Any] = {"kind": kind, "placed_persistence": placed[0], "placed_dependence": placed[1]}
        rows.append(row | {"customers": int(inside.sum())} | dict(zip(_ENDS, ends, strict=True)))
    tests: list[dict[str, Any]] = []
    for place, (side, values) in enumerate((("persistence", stays), ("dependence", depends))):
        high, low = (
            values[labels.isin(_placed(place, level)).to_numpy() & np.isfinite(values)] for level in (HIGH, LOW)
        )
        if len(high) > 1 and len(low) > 1:
            difference = _shares(high, low) if side == "persistence" else _welch(high, low)
            # Both sides in points of a hundred.
            scale = 100 if side == "persistence" else 1
            row = {"side": side, "place": place, "high_customers": len(high), "low_customers": len(low)}
            names = ("difference", "difference_low", "difference_high")
            tests.append(row | {name: scale * value for name, value in zip(names, difference, strict=True)})
    columns = ["side", "place", "high_customers", "low_customers", "difference", "difference_low", "difference_high"]
    return MapResult(pd.DataFrame(rows, columns=[*_COLUMNS, *_ENDS]), pd.DataFrame(tests, columns=columns), what)


def _sized(row: dict) -> tuple[float, float, float]:
    """A difference and its interval by size: of −3 (−5 to −1) it is 3 (1 to 5)."""
    value, low, high = (float(row[f"difference{end}"]) for end in ("", "_low", "_high"))
    return (value, low, high) if value >= 0 else (-value, -high, -low)


def _shares(first: np.ndarray, second: np.ndarray) -> tuple[float, float, float]:
    return newcombe(int(first.sum()), len(first), int(second.sum()), len(second))


def _welch(first: np.ndarray, second: np.ndarray) -> tuple[float, float, float]:
    difference = float(first.mean() - second.mean())
    half = Z * math.sqrt(first.var(ddof=1) / len(first) + second.var(ddof=1) / len(second))
    return difference, difference - half, difference + half


def _mean(values: np.ndarray) -> tuple[float, float, float]:
    from scipy.stats import t

    if not len(values):
        return math.nan, math.nan, math.nan
    centre = float(values.mean())
    if len(values) < 2:
        return centre, math.nan, math.nan
    half = float(t.ppf(0.975, len(values) - 1)) * float(values.std(ddof=1)) / math.sqrt(len(values))
    return centre, max(0.0, centre - half), min(100.0, centre + half)


def _placed(place: int, level: str) -> list[str]:
    """Kinds that the map places so; latent loyalty, which has no behaviour yet, is no part of the test."""
    return [kind for kind, at in PLACES.items() if at[place] == level and OPEN not in at]


def _aligned(values: pd.Series | None, index: pd.Index) -> np.ndarray:
    if values is None:
        return np.full(len(index), np.nan)
    own = measuring.by_customer(values, caller="profile", kind=pd.Series)
    return measuring.numbers(own, str(own.name or "values")).reindex(index).to_numpy()


def _call(kind: str) -> str:
    return {OTHER: "loyalty for another reason", NONE: "no loyalty", UNKNOWN: "unknown"}.get(kind, f"{kind} loyalty")
