"""Account: what was found out about movements between labels, in sentences, tables and pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from crm_analysis import style
from crm_analysis.proportion import wilson
from crm_analysis.result import Result, metric_key
from crm_analysis.segmentation.moving import flowchart
from crm_analysis.segmentation.moving.counting import GONE, NEW, Paths
from crm_analysis.segmentation.moving.forecasting import Forecast
from crm_analysis.segmentation.moving.testing import Homogeneity
from crm_analysis.table import amount, count, in_currency, listed, number, percent, short, with_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ALERT = 0.05
_VERBS = {
    "stayed": ("has the same label as before", "have the same label as before"),
    "moved": ("has another", "have another"),
    "moved up": ("moved up", "moved up"),
    "moved down": ("moved down", "moved down"),
    "lost": (f"was lost ({GONE})", f"were lost ({GONE})"),
}


@dataclass(frozen=True, eq=False, repr=False)
class MigrationResult(Result):
    """How customers moved between labels from date to date, and the next step if they go on like this.

    Attributes
    ----------
    transitions : DataFrame
        One row per step and pair of states: step, before, after, customers, share (of those in `before`) with its 95 %
        interval, and, where values are known, value_before and value_after (totals of these customers at both dates)
        and value_change with its 95 % interval.
    movements : DataFrame
        One row per step and kind: stayed, moved up, moved down (or moved, where labels have no order), lost (of those
        there before), returned and new (of those there after), with the same columns.
    paths : Paths
        The label of every customer at every date.
    forecast : Forecast or None
        The next step.
    stationary : Homogeneity or None
        Test whether the rates were the same in all steps; it takes three dates.
    memory : Homogeneity or None
        Test whether the label before the present one matters; it takes three dates.
    backtest : tuple of int or None
        Cells of the last step inside the intervals forecast from the steps before, and all cells.
    ranked : bool
        Whether the labels have an order, best first.
    what : str
        What the labels are, such as "RFM segments".
    currency : str
        The currency of values.
    """

    transitions: pd.DataFrame
    movements: pd.DataFrame
    paths: Paths
    forecast: Forecast | None
    stationary: Homogeneity | None
    memory: Homogeneity | None
    backtest: tuple[int, int] | None
    ranked: bool
    what: str = "labels"
    currency: str = ""
    shown: ClassVar[dict[str, str]] = {
        "movements": "Movements",
        "matrix": "Where customers went in the last step, share of each row",
        "forecast": "The next step, if customers go on moving like this",
        "valuable": "Flows that moved most value",
    }

    @property
    def title(self) -> str:  # type: ignore[override]
        return f"Migration between {self.what}"

    def captions(self) -> dict[str, str]:
        money = f"amounts in {self.currency}" if self.currency else ""
        level = f"{100 * self.forecast.level:.0f} % predictive intervals" if self.forecast else ""
        return {
            **self.shown,
            "movements": in_currency(self.shown["movements"], money),
            "forecast": in_currency(self.shown["forecast"], level),
            "valuable": in_currency(self.shown["valuable"], money),
        }

    def to_frame(self) -> pd.DataFrame:
        return self.transitions.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        empty = pd.DataFrame({"state": [], "now": [], "expected": []})
        return {
            "transitions": self.transitions.copy(),
            "movements": self.movements.copy(),
            "matrix": self.matrix().reset_index(),
            "forecast": empty if self.forecast is None else self.forecast.totals.copy(),
            "forecast_cells": empty.copy() if self.forecast is None else self.forecast.cells.copy(),
            "valuable": self.valuable(),
        }

    def matrix(self, *, step: int = -1) -> pd.DataFrame:
        """Return the transition matrix of a step, by default the last: states before down, after across, shares."""
        if not self.paths.steps:
            return pd.DataFrame(index=pd.Index([], name="before"))
        counts = self.paths.counts()[step]
        rows, columns = counts.sum(axis=1) > 0, counts.sum(axis=0) > 0
        shares = counts[rows][:, columns] / counts[rows].sum(axis=1, keepdims=True)
        states = np.array(self.paths.states, dtype=object)
        names = [f"{name}_share" for name in states[columns]]
        return pd.DataFrame(shares, index=pd.Index(states[rows], name="before"), columns=names)

    def valuable(self) -> pd.DataFrame:
        """Return the ten flows of the last step, between different states, whose value changed most."""
        if "value_change" not in self.transitions or self.transitions.empty:
            return pd.DataFrame({"before": [], "after": [], "value_change": []})
        last = self.transitions[self.transitions["step"] == self.paths.steps[-1]]
        last = last[last["before"] != last["after"]].drop(columns=["step", "share", "share_low", "share_high"])
        order = last["value_change"].abs().sort_values(ascending=False, kind="stable").index
        return last.loc[order].head(10).reset_index(drop=True)

    def findings(self) -> tuple[str, ...]:
        if not self.paths.steps:
            return (f"All {self.what} are of one date, {self.paths.dates[0]}, so there is nothing to follow.",)
        if self.transitions.empty:
            return (f"Nobody has one of these {self.what} at two dates, so there is nothing to follow.",)
        sentences = (*self._moved(), *self._arrived(), *self._value(), *self._commonest())
        ahead = (*self._ahead(), *self._rates(), *self._memory(), *self._backtest())
        return (*sentences, *self._lengths(), *ahead)

    def _last(self) -> pd.DataFrame:
        return self.movements[self.movements["step"] == self.paths.steps[-1]].set_index("movement")

    def _moved(self) -> list[str]:
        last, step = self._last(), self.paths.steps[-1]
        there = int(last.loc[[name for name in _VERBS if name in last.index], "customers"].sum())
        if not there:
            return [f"From {step}: nobody had one of these {self.what} at the earlier date."]
        parts = []
        for name, (one, many) in _VERBS.items():
            if name in last.index and (name == "stayed" or last.loc[name, "customers"]):
                verb = one if last.loc[name, "customers"] == 1 else many
                parts.append(f"{_share(last.loc[name])} {verb}")
        return [f"From {step}, of {count(there, 'customer')}: {', '.join(parts)}."]

    def _arrived(self) -> list[str]:
        last = self._last()
        parts = []
        for name, words in (("new", "came new"), ("returned", "returned")):
            row = last.loc[name]
            if row["customers"]:
                who = count(int(row["customers"]), "customer")
                parts.append(f"{who} {words} ({_share(row)} of those there now)")
        return [f"{'; '.join(parts)}."] if parts else []

    def _value(self) -> list[str]:
        last = self._last()
        if "value_change" not in last:
            return []
        parts = []
        for name in ("moved up", "moved down", "moved", "stayed", "lost", "returned", "new"):
            if name in last.index and last.loc[name, "customers"]:
                row = last.loc[name]
                parts.append(f"{name} {_signed(row, self.currency)}")
        return [f"What these customers bring changed by: {'; '.join(parts)}."] if parts else []

    def _commonest(self) -> list[str]:
        last = self.transitions[self.transitions["step"] == self.paths.steps[-1]]
        last = last[(last["before"] != last["after"]) & (last["before"] != NEW)]
        if last.empty or last["customers"].max() < 2:
            return []
        row = last.loc[last["customers"].idxmax()]
        return [
            f"The commonest change is from {row['before']} to {row['after']}: "
            f"{count(int(row['customers']), 'customer')}, {_share(row)} of {row['before']}."
        ]

    def _ahead(self) -> list[str]:
        if self.forecast is None:
            return []
        totals, level = self.forecast.totals, percent(self.forecast.level, digits=0)
        gone = len(self.paths.labels)
        unseen = self.paths.now()[gone] and not self.paths.counts()[:, gone].any()
        return [
            *self._sizes(totals, level),
            *(["No step could show a return yet, so nobody is forecast to return."] if unseen else []),
        ]

    def _sizes(self, totals: pd.DataFrame, level: str) -> list[str]:
        sure = totals[(totals["at_least"] > totals["now"]) | (totals["at_most"] < totals["now"])]
        if sure.empty:
            return [
                "If customers go on moving like this, no change can be told for the next step: the present size of "
                f"every label lies inside its {level} interval."
            ]
        order = (sure["expected"] - sure["now"]).abs().sort_values(ascending=False, kind="stable").index
        parts = [
            f"{row['state']} from {row['now']:,} to {row['expected']:,.0f} ({row['at_least']:,} to {row['at_most']:,})"
            for row in sure.loc[order].head(3).to_dict("records")
        ]
        return [f"If customers go on moving like this, the next step brings ({level} interval): {'; '.join(parts)}."]

    def _rates(self) -> list[str]:
        if self.stationary is None or not self.stationary.degrees:
            return []
        if self.stationary.p_value >= _ALERT:
            return [f"The rates of moving did not differ between steps beyond chance ({_p(self.stationary.p_value)})."]
        return [
            f"The rates of moving differed between steps by more than chance ({_p(self.stationary.p_value)}); the "
            "intervals are wide enough for as much change again, but not for a trend."
        ]

    def _memory(self) -> list[str]:
        if self.memory is None or not self.memory.degrees or self.memory.p_value >= _ALERT:
            return []
        return [
            f"Where customers were before the present label still matters ({_p(self.memory.p_value)}): a forecast from "
            "the present label alone leaves something out."
        ]

    def _backtest(self) -> list[str]:
        if self.backtest is None or not self.backtest[1] or self.forecast is None:
            return []
        inside, cells = self.backtest
        missed = wilson(inside, cells)[1] < self.forecast.level
        return [
            f"As a check, the last step was forecast from those before: {percent(inside / cells, digits=0)} of "
            f"{count(cells, 'cell')} came out inside their {percent(self.forecast.level, digits=0)} intervals"
            f"{', far fewer than they should: do not rely on the forecast' if missed else ''}."
        ]

    def _lengths(self) -> list[str]:
        """Say that steps differ in length, since the rates of moving belong to a length of time."""
        days = self.paths.lengths()
        # Months and quarters of the calendar differ by less.
        if not days or max(days) <= 1.25 * min(days):
            return []
        return [
            f"The steps are not equally long ({listed([f'{length:,}' for length in days])} days), so that their rates "
            "of moving, the forecast and its check do not belong together."
        ]

    def metrics(self) -> dict[str, float]:
        found: dict[str, float] = {"customers": len(self.paths.codes)}
        if not self.transitions.empty:
            found |= {f"{metric_key(name)}_share": float(row["share"]) for name, row in self._last().iterrows()}
        if self.stationary is not None:
            found["stationarity_p_value"] = self.stationary.p_value
        return found

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the flows between the dates (at most the last four)."""
        title = f"Where customers went, by {self.what}"
        if self.transitions.empty:
            return style.nothing(ax, title=title, why=self.findings()[0])
        ax = style.axes(ax, width=9.0, height=5.8)
        note = flowchart.draw(ax, self.paths.counts(), states=self.paths.states, dates=self.paths.dates)
        ax.set_title(title)
        ax.set_xlabel(note, color=style.MUTED, fontsize=9)
        return style.describe(ax, f"Flow chart of customers between dates. {self.findings()[0]} {note}".strip())

    def plot_matrix(self, ax: Axes | None = None) -> Axes:
        """Draw the transition matrix of the last step in percent of each row."""
        import seaborn as sns

        title = "Where each label's customers went, in percent"
        if self.transitions.empty:
            return style.nothing(ax, title=title, why=self.findings()[0])
        shares = 100 * self.matrix()
        shares.columns = [short(name.removesuffix("_share"), width=24) for name in shares.columns]
        shares.index = pd.Index([short(str(name), width=24) for name in shares.index])
        ax = style.axes(ax, width=max(6.4, 3.2 + 0.55 * shares.shape[1]), height=max(3.4, 2.2 + 0.36 * len(shares)))
        texts = shares.map(lambda value: f"{value:.0f}" if value >= 0.5 else "")
        cmap = sns.light_palette(style.PALETTE[0], as_cmap=True)
        looks = {"vmin": 0, "vmax": 100, "linewidths": 1.5, "linecolor": "white", "cbar": False}
        sns.heatmap(shares, annot=texts, fmt="", cmap=cmap, ax=ax, **looks)
        ax.set_title(title)
        ax.set_xlabel(f"at {self.paths.dates[-1]}")
        ax.set_ylabel(f"at {self.paths.dates[-2]}")
        ax.tick_params(length=0)
        ax.tick_params(axis="y", rotation=0)
        for text in ax.get_xticklabels():
            text.set(rotation=40, ha="right", rotation_mode="anchor")
        return style.describe(ax, f"Table of transition shares of the last step. {self.findings()[0]}")

    def plot_forecast(self, ax: Axes | None = None) -> Axes:
        """Draw each label's customers now and in the next step, with predictive intervals."""
        title = "The next step, if customers go on moving like this"
        if self.forecast is None:
            return style.nothing(ax, title=title, why=self.findings()[0])
        totals = self.forecast.totals.iloc[::-1].reset_index(drop=True)
        ax = style.axes(ax, height=max(2.8, 1.9 + 0.36 * len(totals)))
        places = np.arange(len(totals))
        level = percent(self.forecast.level, digits=0)
        ax.hlines(places, totals["at_least"], totals["at_most"], color=style.PALETTE[0], linewidth=2.5)
        ax.plot(totals["expected"], places, "o", color=style.PALETTE[0], label=f"next, with {level} interval")
        ax.plot(totals["now"], places, "D", color=style.PALETTE[1], markersize=5, label=f"at {self.paths.dates[-1]}")
        ax.set_yticks(places, [short(name, width=30) for name in totals["state"]])
        ax.set_ylim(-0.6, len(totals) - 0.4)
        ax.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        ax.locator_params(axis="x", nbins=6)
        ax.set_xlabel("customers")
        ax.set_title(title)
        ax.grid(axis="x")
        ax.tick_params(axis="y", length=0)
        ax.legend(loc="upper left", bbox_to_anchor=(1, 1), borderaxespad=0)
        parts = [f"{row['state']} {row['now']:,} to {row['expected']:,.0f}" for row in totals.to_dict("records")[::-1]]
        return style.describe(ax, f"Customers of each label now and in the next step: {'; '.join(parts)}.")


def _share(row: pd.Series) -> str:
    return with_interval(row["share"], row["share_low"], row["share_high"])


def _signed(row: pd.Series, currency: str) -> str:
    change = amount(round(row["value_change"]), currency)
    text = f"+{change}" if row["value_change"] > 0 else change
    if pd.isna(row["value_change_low"]):
        return text
    low, high = (number(round(row[f"value_change_{end}"])) for end in ("low", "high"))
    return f"{text} (95 % interval {low} to {high})"


def _p(value: float) -> str:
    return "p < 0.01" if value < 0.01 else f"p = {value:.2f}"
