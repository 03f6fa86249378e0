"""Promoters: the net promoter score with an interval, where the question from 0 to 10 was asked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crm_analysis import style
from crm_analysis.errors import DataError, UsageError
from crm_analysis.loyalty.indicators import Ends
from crm_analysis.loyalty.wording import of, sentence, words
from crm_analysis.proportion import Z, effective
from crm_analysis.result import Result, metric_key
from crm_analysis.table import count, percent, short

ALL = "all"
# Answers added before the variance is taken, a quarter to either end and half to the middle (Rocks 2016).
_ADDED = 3.0
_NOTHING = (
    "Nobody was asked in this study how likely they are to recommend it (0 to 10), so there is no promoter score."
)


@dataclass(frozen=True, eq=False, repr=False)
class PromotersResult(Result):
    """Net promoter score (promoters less detractors, in points from -100 to 100) of all or by group.

    Attributes
    ----------
    groups : DataFrame
        ``group``, ``respondents``, ``promoters_share``, ``passives_share``, ``detractors_share``, ``score``
        with its interval.
    by : str
        What the groups are; empty if there are none.
    absent : str
        Why there is no score; empty if there is one.
    """

    groups: pd.DataFrame
    by: str
    absent: str = ""
    title = "Net promoter score"
    shown: ClassVar[dict[str, str]] = {
        "groups": "Promoters (9 or 10), passives (7 or 8) and detractors (0 to 6), and their balance in points"
    }

    def to_frame(self) -> pd.DataFrame:
        return self.groups.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"groups": self.to_frame()}

    def metrics(self) -> dict[str, float]:
        scores = self.groups[["group", "score"]].to_dict("records")
        return {f"score_{metric_key(row['group'])}" if self.by else "score": row["score"] for row in scores}

    def findings(self) -> tuple[str, ...]:
        """The score of all, then the groups furthest apart."""
        if self.groups.empty:
            return (self.absent,)
        low, high = (self.groups.loc[self.groups["score"].agg(end)] for end in ("idxmin", "idxmax"))
        if not self.by:
            said = [f"The net promoter score is {of(low, 'score', digits=1)} points: {_made_of(low)}."]
        elif len(self.groups) == 1:
            said = [
                f"The net promoter score is {of(low, 'score', digits=1)} points ({_name(self, low)}): {_made_of(low)}."
            ]
        else:
            said = [
                f"The net promoter score lies between {of(low, 'score', digits=1)} points ({_name(self, low)}) and "
                f"{of(high, 'score', digits=1)} ({_name(self, high)}).",
                f"In {_name(self, high)} there are {_made_of(high)}.",
            ]
        said.append("One question sorted into three classes is a coarse measure: the subjective value uses more of it.")
        return tuple(said)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw detractors to the left, promoters to the right, and the score as a dot."""
        if self.groups.empty:
            return style.nothing(ax, title=self.title, why=self.absent)
        rows = self.groups.iloc[::-1].iloc[-20:]
        ax = style.axes(ax, height=1.9 + 0.42 * len(rows))
        places = np.arange(len(rows))
        for name, color, sign in (("detractors", style.PALETTE[3], -1), ("promoters", style.PALETTE[2], 1)):
            ax.barh(places, sign * 100 * rows[f"{name}_share"], color=color, height=0.55, label=name)
        ax.hlines(places, rows["score_low"], rows["score_high"], color=style.INK, lw=2)
        ax.plot(rows["score"], places, "o", color=style.INK, ms=6, label="score with 95 % interval")
        ax.set_yticks(places, [short(words(name), width=24) for name in rows["group"]])
        ax.set_xlim(-102, 102)
        ax.axvline(0, color=style.INK, lw=0.8)
        ax.set_xlabel("detractors to the left, promoters to the right (%)")
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=3, fontsize=8.5, borderaxespad=0.1)
        ax.set_title(self.title, pad=26)
        return style.describe(ax, f"Bars of promoters and detractors. {self.findings()[0]}")


def promoters(
    answers: pd.DataFrame,
    *,
    item: str = "recommendation",
    ends: Ends | None = None,
    by: str = "",
    weight: str = "",
) -> PromotersResult:
    """Compute the net promoter score.

    Parameters
    ----------
    answers : DataFrame
        One row per respondent and wave.
    item : str
        Column with the answers from 0 to 10.
    ends : mapping of str to (low, high), optional
        Lowest and highest code of columns with a scale (`study.config.survey.items`).
    by : str
        Column with groups, such as the wave; empty: all are taken together, and nobody should have answered twice.
    weight : str
        Column with survey weights; empty: all count the same.

    Returns
    -------
    PromotersResult
        Where the question was not asked, or on another scale by `ends`, one that says so.

    Raises
    ------
    UsageError
        If a named column of groups or weights is not there.
    DataError
        If an answer lies outside 0 to 10 or a weight is negative.

    Notes
    -----
    With p the share of promoters, d that of detractors, the score is 100 (p - d), and the variance of p - d is that of
    a multinomial, (p + d - (p - d)^2) / n: the two shares are not independent. The interval adds three answers, three
    quarters of one to promoters and detractors each and one and a half to the passives (adjusted Wald; Rocks 2016), so
    that it has a width where all answer alike, and a small sample is covered. With weights n is the effective number
    of answers, (sum w)^2 / sum w^2 (Kish 1965).

    References
    ----------
    Reichheld, F. F. (2003). The one number you need to grow. Harvard Business Review 81(12), 46-54.
    Rocks, B. (2016). Interval estimation for the "net promoter score". The American Statistician 70(4), 365-372.
    """
    for column, what in ((by, "groups"), (weight, "weights")):
        if column and column not in answers.columns:
            raise UsageError(f"score: there is no column {column!r} with {what}; name one that is there.")
    columns = ["group", "respondents", "promoters_share", "passives_share", "detractors_share"]
    columns += ["score", "score_low", "score_high"]
    given = (
        pd.to_numeric(answers[item], errors="coerce").dropna() if item in answers.columns else pd.Series(dtype=float)
    )
    if given.empty:
        return PromotersResult(pd.DataFrame(columns=columns), by, _NOTHING)
    low, high = dict(ends or {}).get(item, (0.0, 10.0))
    if (low, high) != (0, 10):
        why = f"{sentence(item)} was asked from {low:g} to {high:g} in this study; a promoter score needs 0 to 10."
        return PromotersResult(pd.DataFrame(columns=columns), by, why)
    outside = given[(given < 0) | (given > 10)]
    if len(outside):
        raise DataError(
            f"score: {count(len(outside), 'answer')} to {item!r} outside 0 to 10, first: {outside.iloc[0]:g}; name "
            "an item from 0 to 10 or mend the answers."
        )
    weights = answers.loc[given.index, weight].astype("float64").fillna(0.0) if weight else given * 0.0 + 1.0
    if (weights < 0).any() or not weights.any():
        raise DataError(f"score: the weights in {weight!r} must be zero or more, and some above zero; mend them.")
    rows = [] if by else [_row(ALL, given.to_numpy("float64"), weights.to_numpy("float64"))]
    if by:
        for name, place in answers.loc[given.index].groupby(by, sort=True).groups.items():
            if weights.loc[place].any():
                rows.append(_row(name, given.loc[place].to_numpy("float64"), weights.loc[place].to_numpy("float64")))
    return PromotersResult(pd.DataFrame(rows, columns=columns), by)


def _made_of(row: pd.Series) -> str:
    text = f"{percent(row['promoters_share'])} promoters less {percent(row['detractors_share'])} detractors"
    return f"{text}, of {count(int(row['respondents']), 'answer')}"


def _name(result: PromotersResult, row: pd.Series) -> str:
    return f"{words(result.by)} {row['group']}"


def _row(name: object, answers: np.ndarray, weights: np.ndarray) -> list[object]:
    total = weights.sum()
    up, down = (float(weights[some].sum() / total) for some in (answers >= 9, answers <= 6))
    n = effective(weights)
    p, d = ((n * share + _ADDED / 4) / (n + _ADDED) for share in (up, down))
    half = Z * math.sqrt((p + d - (p - d) ** 2) / (n + _ADDED))
    low, high = max(-1.0, p - d - half), min(1.0, p - d + half)
    # The added answers pull to the middle: at the very end of the scale the score itself may lie outside.
    low, high = min(low, up - down), max(high, up - down)
    return [str(name), len(answers), up, 1 - up - down, down, 100 * (up - down), 100 * low, 100 * high]
