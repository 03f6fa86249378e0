"""Chronicle: an index over the waves of a study and beside other studies, in tables, sentences and a picture."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crm_analysis import style
from crm_analysis.result import Result, metric_key
from crm_analysis.table import short

_EMPTY = "Nothing has been stored yet, so there is no history."


@dataclass(frozen=True, eq=False, repr=False)
class HistoryResult(Result):
    """A construct over the waves of one study, beside what other studies measured.

    Attributes
    ----------
    waves : DataFrame
        One row per wave of the study, in the order in which they were stored first: wave, index with its interval,
        respondents, wording, change from the wave before with its interval, comparable (asked in the same words).
    norm : DataFrame
        The last measurement of each other study in the same words, by the same model and weights: study, wave, index
        with its interval, difference (of this study's newest less that) with its interval.
    slope : tuple of float
        Points a wave, with its interval; missing with fewer than three waves in the newest wording.
    study, construct : str
        What is looked at.
    """

    waves: pd.DataFrame
    norm: pd.DataFrame
    slope: tuple[float, float, float]
    study: str
    construct: str
    title = "Knowledge base: measured so far"
    shown: ClassVar[dict[str, str]] = {
        "waves": "The study's own waves, with the change from the wave before",
        "norm": "Other studies, and how far the newest wave stands from them",
    }

    def to_frame(self) -> pd.DataFrame:
        return self.waves.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"waves": self.to_frame(), "norm": self.norm.copy()}

    def metrics(self) -> dict[str, float]:
        found: dict[str, float] = {"waves": len(self.waves), "other_studies": len(self.norm)}
        if len(self.waves):
            found[f"newest_{metric_key(self.construct)}"] = float(self.waves["index"].iloc[-1])
        return found

    def findings(self) -> tuple[str, ...]:
        """Where the newest wave stands, how it changed, how it compares with others, what may not be compared."""
        if self.waves.empty:
            return (_EMPTY,)
        newest = self.waves.iloc[-1]
        wave = f" in wave {newest['wave']}" if newest["wave"] else ""
        name = self.construct.capitalize()
        said = [f"{name} of {self.study}{wave} stands at {_written(newest, 'index')} on the scale from 0 to 100."]
        return (*said, *self._change(newest), *self._trend(), *self._against(newest))

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the waves with their intervals, over the range of the other studies."""
        if self.waves.empty:
            return style.nothing(ax, title=self.title, why=_EMPTY)
        rows = self.waves
        ax = style.axes(ax, height=3.8)
        places = np.arange(len(rows))
        if len(self.norm):
            low, high = self.norm["index"].min(), self.norm["index"].max()
            label = f"{len(self.norm)} other {'study' if len(self.norm) == 1 else 'studies'}"
            ax.axhspan(low - 0.15, high + 0.15, color=style.PALETTE[1], alpha=0.25, lw=0, label=label)
        for _, own in rows.groupby((rows["wording"] != rows["wording"].shift()).cumsum()):
            ax.plot(own.index, own["index"], color=style.PALETTE[0], lw=1.2)
        known = rows["index_low"].notna()
        ends = (rows["index_low"][known], rows["index_high"][known])
        ax.vlines(places[known.to_numpy()], *ends, color=style.PALETTE[0], lw=1.6)
        ax.plot(places, rows["index"], "o", color=style.PALETTE[0], label=short(self.study))
        ax.set_xticks(places, [short(str(wave), width=12) or "–" for wave in rows["wave"]])
        ax.set_xlim(-0.5, len(rows) - 0.5)
        ax.set_title(f"{self.construct.capitalize()}, wave by wave")
        ax.set_ylabel("index (0 to 100)")
        ax.legend(loc="best", fontsize=9)
        return style.describe(ax, f"Points with intervals, one per wave. {self.findings()[0]}")

    def _change(self, newest: pd.Series) -> list[str]:
        if len(self.waves) < 2:
            return []
        before = self.waves.iloc[-2]
        if not newest["comparable"]:
            why = "which was asked in other words or with another model"
            return [f"It cannot be compared with wave {before['wave']}, {why}."]
        moved = (
            "which may be chance" if newest["change_low"] <= 0 <= newest["change_high"] else "more than chance gives"
        )
        if math.isnan(newest["change_low"]):
            moved = "how surely is not known, since an interval is missing"
        step = _written(newest, "change", sign="+")
        return [f"Since wave {before['wave']} it changed by {step} points, {moved} if other people answered each time."]

    def _trend(self) -> list[str]:
        slope, low, high = self.slope
        if math.isnan(slope):
            return []
        proven = "no trend is proven" if low <= 0 <= high else "a trend"
        ends = f"95 % interval {low:+.1f} to {high:+.1f}"
        return [f"Over its waves it moves by {slope:+.1f} points a wave ({ends}): {proven}."]

    def _against(self, newest: pd.Series) -> list[str]:
        if self.norm.empty:
            return ["There is no other study, asked and measured alike, to compare with."]
        above = self.norm[self.norm["difference_low"] > 0]
        below = self.norm[self.norm["difference_high"] < 0]
        level = len(self.norm) - len(above) - len(below)
        text = (
            f"Other studies of the knowledge base: {len(self.norm)}. It stands above {len(above)} of them, below "
            f"{len(below)}, and cannot be told apart from {level}."
        )
        return [text, f"The others stand between {self.norm['index'].min():.1f} and {self.norm['index'].max():.1f}."]


def _written(row: pd.Series, name: str, *, sign: str = "") -> str:
    value, low, high = (float(row[f"{name}{end}"]) for end in ("", "_low", "_high"))
    if math.isnan(low):
        return f"{value:{sign}.1f}"
    return f"{value:{sign}.1f} (95 % interval {low:{sign}.1f} to {high:{sign}.1f})"
