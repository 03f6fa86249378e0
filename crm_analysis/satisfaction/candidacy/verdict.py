"""Verdict: which candidate the evidence supports, in tables, sentences and a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crm_analysis import style
from crm_analysis.result import Result, metric_key
from crm_analysis.satisfaction.candidacy import evidence
from crm_analysis.table import count, listed, short


@dataclass(frozen=True, eq=False, repr=False)
class CandidatesResult(Result):
    """Candidate models, estimated from the same respondents.

    Attributes
    ----------
    table : DataFrame
        One row per candidate: model, constructs, items, free_parameters, df, chisq, p_value, cfi, rmsea, rmsea_from and
        rmsea_to (its 90 % interval), srmr, aic, bic, sound, r2 (of the construct, by PLS) and q2 (of the outcomes'
        items, on respondents held out) with 95 % intervals.
    pairs : DataFrame
        One row per two candidates, see `evidence.between`.
    left_out : DataFrame
        Candidates that were not estimated: model, reason.
    construct : str
        Construct whose R2 the table has.
    outcomes : tuple of str
        Items that all candidates were to foresee.
    respondents : int
        Who answered all items of all candidates.
    absent : str
        Why there is no comparison; empty if there is one.
    """

    table: pd.DataFrame
    pairs: pd.DataFrame
    left_out: pd.DataFrame
    construct: str
    outcomes: tuple[str, ...]
    respondents: int
    absent: str = ""
    title = "Candidate models"
    shown: ClassVar[dict[str, str]] = {
        "fit": "How well each candidate fits, by maximum likelihood",
        "foresight": "What each explains and foresees, by PLS",
        "pairs": "Candidates in pairs: a positive gain or BIC difference speaks for the first",
    }

    @property
    def supported(self) -> str:
        """The sound candidate that is favoured over every other sound one; empty if there is none."""
        sound = list(self.table.loc[self.table["sound"].astype(bool), "model"])
        winners = [name for name in sound if self._beats(name) >= set(sound) - {name}]
        return winners[0] if len(winners) == 1 else ""

    def _beats(self, name: str) -> set[str]:
        won = self.pairs[self.pairs["favours"] == name]
        return (set(won["first"]) | set(won["second"])) - {name}

    def to_frame(self) -> pd.DataFrame:
        return self.table.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        foresight = ["model", "r2", "r2_low", "r2_high", "q2", "q2_low", "q2_high"]
        wide = [name for name in self.table.columns if name == "model" or name not in foresight]
        return {
            "fit": self.table[wide],
            "foresight": self.table[foresight],
            "pairs": self.pairs.copy(),
            "left_out": self.left_out.copy(),
        }

    def metrics(self) -> dict[str, float]:
        found: dict[str, float] = {"respondents": self.respondents, "candidates": len(self.table)}
        for row in self.table.to_dict("records"):
            key = metric_key(row["model"])
            found |= {f"{name}_{key}": float(row[name]) for name in ("cfi", "rmsea", "bic", "q2")}
        return found

    def findings(self) -> tuple[str, ...]:
        """Which candidate is supported, the evidence between them, what cannot be compared, and a warning."""
        if self.absent:
            return (self.absent,)
        said = [self._verdict(), *self._unsound(), *map(self._pair, self._telling())]
        said += [
            _upper(f"{_called(row['model'])} was left out: {row['reason']}") for row in self.left_out.to_dict("records")
        ]
        apart = int((self.pairs["relation"] == evidence.OTHER_ITEMS).sum())
        if apart:
            said.append(
                f"{count(apart, 'pair')} of {len(self.pairs)} explain different items, which chi-square, AIC and BIC "
                "cannot compare; there only the prediction of the same items counts."
            )
        kinds = listed([short(item) for item in self.outcomes]) if len(self.outcomes) <= 6 else "the same items"
        said.append(
            f"All are estimated from the same {count(self.respondents, 'respondent')}; prediction is of {kinds} on "
            "respondents held out."
        )
        said.append(
            "A candidate that was chosen by these answers looks better on them than it is: confirm it on the next wave."
        )
        return tuple(said)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw what each candidate foresees of unseen answers, with its interval; open points are not sound."""
        if self.absent:
            return style.nothing(ax, title="Which model foresees most?", why=self.absent)
        rows = self.table
        ax = style.axes(ax, height=max(2.6, 1.5 + 0.42 * len(rows)))
        places = np.arange(len(rows))
        lowest = rows["bic"].min()
        one_set = not (self.pairs["relation"] == evidence.OTHER_ITEMS).any()
        labels = []
        for place, row in zip(places, rows.to_dict("records"), strict=True):
            color = style.PALETTE[0] if row["sound"] else style.ACCENT
            ax.hlines(place, row["q2_low"], row["q2_high"], color=color, lw=1.8)
            ax.plot(
                row["q2"], place, "o", color=color, markerfacecolor=color if row["sound"] else "white", markersize=7
            )
            note = "" if row["sound"] else "\nnot sound"
            if one_set and row["sound"]:
                more = row["bic"] - lowest
                note = "\nlowest BIC" if more < 0.05 else f"\nBIC + {more:,.0f}"
            labels.append(short(row["model"]) + note)
        ax.set_yticks(places, labels)
        ax.tick_params(axis="y", length=0)
        ax.set_ylim(len(rows) - 0.5, -0.5)
        ax.set_title("Which model foresees most?")
        ax.set_xlabel("share of the squared error saved on unseen answers (Q2)")
        return style.describe(ax, f"Points with intervals, one per candidate. {self.findings()[0]}")

    def _verdict(self) -> str:
        sound = list(self.table.loc[self.table["sound"].astype(bool), "model"])
        if not sound:
            return "No candidate is sound, so the answers support not one of them."
        if len(sound) == 1:
            return f"Only {sound[0]} is sound: it stands for lack of rivals, not because the answers favour it."
        if self.supported:
            return f"The answers support {self.supported} over every other sound candidate."
        unbeaten = [name for name in sound if not any(name in self._beats(other) for other in sound)]
        if not unbeaten:
            return f"The answers put {listed(sound)} in no order: each is beaten by another."
        if len(unbeaten) == 1:
            rest = [name for name in sound if name != unbeaten[0] and name not in self._beats(unbeaten[0])]
            return _upper(
                f"{_called(unbeaten[0])} is beaten by no other, but cannot be told apart from {listed(rest)}."
            )
        return f"The answers cannot tell {listed(unbeaten)} apart."

    def _unsound(self) -> list[str]:
        rows = self.table[~self.table["sound"].astype(bool)]
        return [
            _upper(f"{_called(row['model'])} is not sound and cannot win ({row['reason'].rstrip('.')}).")
            for row in rows.to_dict("records")
        ]

    def _telling(self) -> list[dict[str, Any]]:
        """Pairs of sound candidates, those with the one supported (or first unbeaten) before the others."""
        sound = set(self.table.loc[self.table["sound"].astype(bool), "model"])
        rows = [row for row in self.pairs.to_dict("records") if {row["first"], row["second"]} <= sound]
        best = self.supported
        return sorted(rows, key=lambda row: best not in (row["first"], row["second"]))[:4]

    def _pair(self, row: dict[str, Any]) -> str:
        better, gain = row["first"], [row["gain"], row["gain_low"], row["gain_high"]]
        other, lead = row["second"], row["bic_difference"]
        told: list[str] = []
        if row["relation"] == evidence.EQUIVALENT:
            told.append("they are equivalent, so no data can tell their fit apart")
        elif row["relation"] == evidence.NESTED:
            p_value = "below 0.001" if row["p_value"] < 0.001 else f"{row['p_value']:.3f}"
            told.append(
                f"their fit differs by chi-square {row['chisq_difference']:.1f} with "
                f"{count(int(row['df_difference']), 'degree')} of freedom (p {p_value})"
            )
        if not np.isnan(lead) and row["relation"] != evidence.EQUIVALENT:
            told.append(f"the BIC is {abs(lead):.1f} lower for {better if lead >= 0 else other}")
        ends = f"95 % interval {100 * gain[1]:+.1f} to {100 * gain[2]:+.1f} %"
        told.append(f"on unseen answers {better} makes {_less(gain[0])} {other} ({ends} saved)")
        aim = f"favoured is {row['favours']}" if row["favours"] else "neither is favoured"
        return _upper(f"{_called(better)} against {other}: {'; '.join([*told, aim])}.")


def _less(gain: float) -> str:
    """A share of error saved, as error less or more than that of the other."""
    if abs(gain) < 0.0005:
        return "as much error as"
    return f"{100 * abs(gain):.1f} % {'less' if gain > 0 else 'more'} error than"


def _called(name: str) -> str:
    """A candidate's name in a sentence; one that begins with an article needs no noun before it."""
    return name if name.startswith("the ") else f"the model {name}"


def _upper(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"
