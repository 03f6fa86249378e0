"""Attrition: who answered one wave and not the next, and whether the satisfied stay in the panel."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import t as student

from crm_analysis import style
from crm_analysis.errors import UsageError
from crm_analysis.proportion import share
from crm_analysis.result import Result, metric_key
from crm_analysis.satisfaction import succession
from crm_analysis.table import count, share_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PARTS = ("lowest quarter", "second quarter", "third quarter", "highest quarter")
"""Of those who answered a wave, by their score in it."""


@dataclass(frozen=True, eq=False, repr=False)
class AttritionResult(Result):
    """Who answered again.

    Attributes
    ----------
    waves : DataFrame
        One row per wave that has a next one: wave, next, people, again, ``again_share`` with its Wilson interval,
        stayed and left (mean score in the wave of those who answered again, and of those who did not), ``difference``
        (stayed less left) with its t interval.
    parts : DataFrame
        One row per such wave and quarter of the score: wave, part, people, again, ``again_share`` with its interval.
    absent : str
        Why there is nothing to see; empty if there is.
    note : str
        What to know of the order of the waves; empty if nothing.
    """

    waves: pd.DataFrame
    parts: pd.DataFrame
    absent: str = ""
    note: str = ""
    title = "Who answers again?"

    @property
    def shown(self) -> dict[str, str]:  # type: ignore[override]
        """The tables, where anybody answered again."""
        return {} if self.absent else {"waves": "From wave to wave", "parts": "Who answers again, by what they felt"}

    def to_frame(self) -> pd.DataFrame:
        return self.waves.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"waves": self.to_frame(), "parts": self.parts.copy()}

    def findings(self) -> tuple[str, ...]:
        if self.absent:
            return (self.absent,)
        said = []
        for row in self.waves.to_dict("records"):
            if not row["again"]:
                said.append(
                    f"Nobody answered in wave {row['wave']} and in wave {row['next']}: they asked different people."
                )
                continue
            said.append(
                f"Of {count(row['people'], 'person')} who answered in wave {row['wave']}, {share_of(row, 'again')} "
                f"answered in wave {row['next']} too."
            )
            if pd.isna(row["difference_low"]):
                continue
            more = "more" if row["difference"] >= 0 else "less"
            ends = f"95 % interval of the difference {row['difference_low']:+.1f} to {row['difference_high']:+.1f}"
            sure = row["difference_low"] > 0 or row["difference_high"] < 0
            verdict = "the waves do not speak for the same kind of people" if sure else "no difference is shown"
            said.append(
                f"They had been {more} satisfied in wave {row['wave']} than those who did not come back: "
                f"{row['stayed']:.1f} against {row['left']:.1f} ({ends}); {verdict}."
            )
        return (*said, *([self.note] if self.note else []))

    def metrics(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for row in self.waves.to_dict("records"):
            key = metric_key(str(row["wave"]))
            found |= {f"again_share_{key}": row["again_share"], f"difference_{key}": row["difference"]}
        return found

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the share that answered again by quarters of the score."""
        if self.absent or self.parts.empty:
            return style.nothing(ax, title=self.title, why=self.absent or "No scores are known.")
        ax = style.axes(ax, height=3.6)
        waves = list(dict.fromkeys(self.parts["wave"]))
        for number, wave in enumerate(waves):
            rows = self.parts[self.parts["wave"] == wave]
            place = np.array([PARTS.index(part) for part in rows["part"]]) + 0.12 * (number - (len(waves) - 1) / 2)
            color = style.PALETTE[number % len(style.PALETTE)]
            shares = 100 * rows[["again_share", "again_share_low", "again_share_high"]].to_numpy("float64")
            ax.vlines(place, shares[:, 1], shares[:, 2], color=color, linewidth=2)
            ax.scatter(place, shares[:, 0], color=color, s=34, zorder=3, label=f"after wave {wave}")
        ax.set_xticks(range(len(PARTS)), PARTS)
        ax.set_xlim(-0.5, len(PARTS) - 0.5)
        ax.grid(axis="y", color=style.GRID)
        ax.set_ylabel("answered again, percent")
        ax.set_xlabel("by satisfaction in the wave before")
        ax.set_title(self.title)
        if len(waves) > 1:
            ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
        return style.describe(ax, f"Points with intervals, one per quarter of satisfaction. {self.findings()[0]}")


def attrition(
    answers: pd.DataFrame, score: pd.Series, *, person: str = "respondent_id", wave: str = "wave"
) -> AttritionResult:
    """Compare those who answered the next wave with those who did not, by what they had felt.

    Parameters
    ----------
    answers : DataFrame
        One row per respondent and wave.
    score : Series
        What they felt, such as the index, indexed as `answers`; those without one count in the shares only.
    person, wave : str
        Columns that say who answered, and when.

    Returns
    -------
    AttritionResult
        Means are compared by Welch's t interval.

    Raises
    ------
    UsageError
        If the column `person` is not there, or the answers' index is not unique.

    References
    ----------
    Welch, B. L. (1947). The generalization of "Student's" problem when several different population variances are
    involved. Biometrika 34, 28-35.
    """
    if answers.empty:
        return _nothing("There are no answers to a survey in this study.")
    if wave not in answers.columns or answers[wave].nunique() < 2:
        return _nothing("The survey has one wave, so nobody could answer again.")
    if person not in answers.columns:
        raise UsageError(f"nonresponse: the answers have no column {person!r} that says who answered.")
    if not answers.index.is_unique:
        raise UsageError("nonresponse: the answers' index must be unique, so that scores can be matched to it.")
    felt = pd.DataFrame(
        {"who": answers[person], "wave": answers[wave], "score": score.reindex(answers.index).astype("float64")}
    )
    felt = felt.dropna(subset=["who", "wave"]).groupby(["wave", "who"], as_index=False)["score"].mean()
    known = [name for name in succession.order(answers, wave, wave=wave) if (felt["wave"] == name).any()]
    rows, parts = [], []
    for first, second in pairwise(known):
        own = felt[felt["wave"] == first]
        again = own["who"].isin(felt.loc[felt["wave"] == second, "who"]).to_numpy()
        scores = own["score"].to_numpy()
        stayed, left = scores[again & np.isfinite(scores)], scores[~again & np.isfinite(scores)]
        counted = (first, second, len(own), int(again.sum()), *share(int(again.sum()), len(own)))
        rows.append((*counted, *_welch(stayed, left)))
        parts += _quarters(first, scores, again) if again.any() else []
    if not any(row[3] for row in rows):
        where = "both waves" if len(known) == 2 else f"two successive waves of the {len(known)}"
        return _nothing(
            f"Nobody answered in {where}: each asked different people, so who comes back cannot be told, and a change "
            "of the index is one between samples."
        )
    ends = ["again_share", "again_share_low", "again_share_high"]
    means = ["stayed", "left", "difference", "difference_low", "difference_high"]
    table = pd.DataFrame(rows, columns=["wave", "next", "people", "again", *ends, *means])
    note = succession.ALPHABETICAL if succession.is_alphabetical(answers, wave, wave=wave) else ""
    return AttritionResult(table, pd.DataFrame(parts, columns=["wave", "part", "people", "again", *ends]), note=note)


def _welch(one: np.ndarray, other: np.ndarray) -> tuple[float, float, float, float, float]:
    means = [float(part.mean()) if len(part) else np.nan for part in (one, other)]
    change = means[0] - means[1]
    if min(len(one), len(other)) < 2:
        return (*means, change, np.nan, np.nan)  # type: ignore[return-value]
    parts = np.array([part.var(ddof=1) / len(part) for part in (one, other)])
    if not parts.sum() > 0:
        return (*means, change, change, change)  # type: ignore[return-value]
    df = parts.sum() ** 2 / (parts**2 / [len(one) - 1, len(other) - 1]).sum()
    half = float(student.ppf(0.975, df) * np.sqrt(parts.sum()))
    return (*means, change, change - half, change + half)  # type: ignore[return-value]


def _quarters(wave: object, scores: np.ndarray, again: np.ndarray) -> list[tuple]:
    """Quarters by value, so that equal scores are never parted; a quarter may be empty."""
    known = np.isfinite(scores)
    if not known.any():
        return []
    cuts = np.quantile(scores[known], [0.25, 0.5, 0.75])
    place = np.searchsorted(cuts, scores, side="left")
    rows: list[tuple] = []
    for number, part in enumerate(PARTS):
        inside = known & (place == number)
        if inside.any():
            hits = int(again[inside].sum())
            rows.append((wave, part, int(inside.sum()), hits, *share(hits, int(inside.sum()))))
    return rows


def _nothing(why: str) -> AttritionResult:
    return AttritionResult(
        pd.DataFrame(columns=["wave", "next", "people", "again", "again_share"]),
        pd.DataFrame(columns=["wave", "part", "people", "again", "again_share"]),
        why,
    )
