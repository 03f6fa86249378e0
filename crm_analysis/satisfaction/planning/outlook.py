"""Outlook: what simulated surveys of several sizes say, in tables, sentences and pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd
from matplotlib.axes import Axes

from crm_analysis import style
from crm_analysis.proportion import Z
from crm_analysis.result import Result, metric_key
from crm_analysis.satisfaction.planning import crossing
from crm_analysis.table import count, number, percent, short

TOLERABLE = 0.05
"""Share of impossible solutions up to which a size is called safe: a convention of ours, like the level of a test."""

_NORMAL = (
    "The samples are drawn from a normal population in which the model holds: where answers are skewed or the model is "
    "only nearly right, more respondents are needed than this."
)


@dataclass(frozen=True, eq=False, repr=False)
class SampleSizeResult(Result):
    """What samples of each size would show.

    Attributes
    ----------
    table : DataFrame
        One row per size and path: size, source, target, truth (as the estimates are: with first loadings of 1),
        standardised, power_share (of samples whose 95 % interval leaves zero out; for a true zero that is the rate of
        false alarms), coverage_share, both with the interval of the simulation, bias_share (relative), width (mean).
    fits : DataFrame
        One row per size: size, draws, lost_share (no maximum found), inadmissible_share (impossible solutions, the lost
        included), with the simulation's intervals, and index_half_width with its interval.
    needed : DataFrame
        One row per path that is not zero: source, target, standardised, respondents (that give the power; missing if no
        size does) with the simulation's interval, formula (the same for large samples, without simulation), note.
    power, half_width : float
        What was asked for: the power, and half the width of the index's interval in points.
    index_respondents : tuple of float
        Respondents that the half width takes, and the interval of that; missing without an index.
    response : float
        Share of those asked who answer.
    assumed : bool
        Whether the truth was assumed, and not taken from a fit.
    drawn_from : int
        Respondents that the simulated ones were drawn from; 0: a normal population.
    absent : str
        Why nothing was simulated; empty if it was.
    note : str
        What to know before anything else but the answer; empty if nothing.
    """

    table: pd.DataFrame
    fits: pd.DataFrame
    needed: pd.DataFrame
    power: float
    half_width: float
    index_respondents: tuple[float, float, float]
    response: float
    assumed: bool
    drawn_from: int = 0
    absent: str = ""
    note: str = ""
    title = "Sample size by simulation"
    shown: ClassVar[dict[str, str]] = {
        "needed": "Respondents that each path needs, with the interval of the simulation",
        "fits": "What happens at each size",
    }

    @property
    def respondents(self) -> float:
        """Respondents that give every path the power; missing if no size does."""
        wanted = self.needed["respondents"]
        return float(wanted.max()) if len(wanted) and wanted.notna().all() else math.nan

    def to_frame(self) -> pd.DataFrame:
        return self.table.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"table": self.to_frame(), "fits": self.fits.copy(), "needed": self.needed.copy()}

    def metrics(self) -> dict[str, float]:
        found = {"respondents": self.respondents, "index_respondents": self.index_respondents[0]}
        for row in self.needed.to_dict("records"):
            found[f"respondents_{metric_key(row['source'])}_{metric_key(row['target'])}"] = float(row["respondents"])
        return found

    def findings(self) -> tuple[str, ...]:
        """How many for the paths, how many for the index, from when on fits are safe, and what this rests on."""
        if self.absent:
            return (self.absent,)
        if self.table.empty:
            return ("The model has no path between constructs, so there is nothing to find.",)
        said = [self._paths(), self.note, self._index(), self._invited(), self._safe(), self._intervals()]
        origin = (
            "The truth was assumed, so the answer is as good as the assumption: try weaker paths, too."
            if self.assumed
            else "The truth is a fit, which is itself uncertain; paths that were overestimated would need more."
        )
        return (*(sentence for sentence in said if sentence), origin, self._drawn())

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the power of each path over the number of respondents."""
        if self.absent:
            return style.nothing(ax, title="How surely each path is found", why=self.absent)
        ax = style.axes(ax, height=4.8)
        wanted = list(self.needed.sort_values("respondents", ascending=False, na_position="first").itertuples())
        # More lines than colours that stay apart would say nothing; the last to get there are those that matter.
        most = len(style.PALETTE)
        for color, row in zip(style.PALETTE, wanted, strict=False):
            own = self.table[(self.table["source"] == row.source) & (self.table["target"] == row.target)]
            name = f"{short(row.source, width=18)} → {short(row.target, width=18)} ({row.standardised:.2f})"
            ax.fill_between(own["size"], own["power_share_low"], own["power_share_high"], color=color, alpha=0.15, lw=0)
            ax.plot(own["size"], own["power_share"], color=color, marker="o", markersize=4, label=name)
        ax.axhline(self.power, color=style.INK, linestyle="--", linewidth=1)
        ax.set(ylim=(0, 1.03))
        ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
        ax.set_xlabel("respondents")
        ax.set_ylabel("power")
        left = f" (without {count(len(wanted) - most, 'easier one')})" if len(wanted) > most else ""
        ax.set_title(f"How surely each path is found{left}")
        if wanted:
            ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=9, title="path (standardised)")
        return style.describe(ax, f"Lines of power over respondents, one per path. {self.findings()[0]}")

    def plot_index(self, ax: Axes | None = None) -> Axes:
        """Draw half the width of the index's interval over the number of respondents."""
        if math.isnan(self.index_respondents[0]):
            why = "No index was given, so how wide its interval would be is not known."
            return style.nothing(ax, title="How exact the index gets", why=why)
        ax = style.axes(ax, height=3.6)
        rows = self.fits
        ends = (rows["index_half_width_low"], rows["index_half_width_high"])
        if ends[0].notna().all():
            ax.fill_between(rows["size"], *ends, color=style.PALETTE[0], alpha=0.2, lw=0)
        ax.plot(rows["size"], rows["index_half_width"], color=style.PALETTE[0], marker="o", markersize=4)
        ax.axhline(self.half_width, color=style.INK, linestyle="--", linewidth=1)
        ax.set_ylim(bottom=0)
        ax.set_title("How exact the index gets")
        ax.set_xlabel("respondents")
        ax.set_ylabel("± points")
        return style.describe(ax, f"Line of the index's half width over respondents. {self._index()}")

    def _paths(self) -> str:
        if self.needed.empty:
            return "No path of this model differs from zero, so there is nothing to find."
        aim = f"a power of {percent(self.power, digits=0)}"
        sizes = self.table["size"]
        if not math.isnan(self.respondents):
            last = self.needed.loc[self.needed["respondents"].idxmax()]
            which = f"{last['source']} to {last['target']} ({last['standardised']:.2f} standardised)"
            if self.respondents <= sizes.min():
                return f"{count(int(sizes.min()), 'respondent')} or fewer give every path {aim}; try smaller sizes."
            ends = _ends(last["respondents_low"], last["respondents_high"])
            return (
                f"{count(int(self.respondents), 'respondent')} give every path {aim}{ends}; the last to get there is "
                f"{which}."
            )
        largest = self.table[self.table["size"] == sizes.max()]
        pairs = self.needed.loc[self.needed["respondents"].isna(), ["source", "target"]]
        missed = largest.merge(pairs, on=["source", "target"]).sort_values("power_share")
        worst = missed.iloc[0]
        formula = float(self.needed["formula"].max())
        more = f", {count(len(missed) - 1, 'other path')} too seldom" if len(missed) > 1 else ""
        return (
            f"Not even {count(int(sizes.max()), 'respondent')} give every path {aim}: {worst['source']} to "
            f"{worst['target']} ({worst['standardised']:.2f} standardised) is found in {percent(worst['power_share'])} "
            f"of the samples{more}; by the formula for large samples about {float(f'{formula:.2g}'):,.0f} would do."
        )

    def _index(self) -> str:
        wanted, low, high = self.index_respondents
        if math.isnan(wanted):
            return ""
        ends = "" if math.isnan(low) else f" (95 % interval {low:,.0f} to {high:,.0f})"
        points = number(round(self.half_width, 2))
        return (
            f"An index that is known to {points} {'point' if self.half_width == 1 else 'points'} either way (95 % "
            f"interval) takes {count(math.ceil(wanted), 'respondent')}{ends}."
        )

    def _invited(self) -> str:
        wanted = max(self.respondents, self.index_respondents[0])
        if math.isnan(wanted):
            wanted = self.respondents
        if self.response >= 1 or math.isnan(wanted):
            return ""
        return (
            f"If {percent(self.response, digits=0)} answer, {math.ceil(wanted / self.response):,} must be asked for "
            "that; asking more does not cure a bias of those who answer."
        )

    def _drawn(self) -> str:
        if not self.drawn_from:
            return _NORMAL
        return (
            f"The samples are drawn, with replacement, from {count(self.drawn_from, 'respondent')}: their answers are "
            "as skewed as these, and the model is as right or wrong as for them."
        )

    def _safe(self) -> str:
        shares = self.fits.set_index("size")["inadmissible_share"]
        safe = crossing.lasting(shares.index.to_numpy(), (shares <= TOLERABLE).to_numpy())
        first = int(shares.index[0])
        if math.isnan(safe):
            size = int(shares.index[-1])
            return f"Even with {size:,} respondents {percent(shares[size])} of the fits are impossible solutions."
        if safe == first:
            return f"At every size at most {percent(TOLERABLE, digits=0)} of the fits are impossible solutions."
        return (
            f"With {first:,} respondents {percent(shares[first])} of the fits are impossible solutions; from "
            f"{safe:,.0f} on at most {percent(TOLERABLE, digits=0)} are."
        )

    def _intervals(self) -> str:
        rows = self.table
        first, last = (
            rows[rows["size"] == size]["coverage_share"] for size in (rows["size"].min(), rows["size"].max())
        )
        if not len(first) or first.isna().any():
            return ""
        draws = int(self.fits["draws"].iloc[0])
        return (
            f"The 95 % intervals of the paths hold the truth in {_span(first)} of the smallest samples, and in "
            f"{_span(last)} of the largest; with {draws:,} samples of a size chance alone moves such a share by "
            f"{_chance(draws)} points."
        )


def _span(shares: pd.Series) -> str:
    low, high = percent(shares.min()), percent(shares.max())
    return low if low == high else f"{low} to {high}"


def _chance(draws: int) -> str:
    """Half the width, in points, of the interval of a share of 95 %."""
    return f"{100 * Z * math.sqrt(0.95 * 0.05 / draws):.1f}"


def _ends(low: float, high: float) -> str:
    if math.isnan(low):
        return ""
    if math.isnan(high):
        return f" (simulation: {low:,.0f} or more)"
    return f" (interval of the simulation {low:,.0f} to {high:,.0f})"
