"""Pretest: does each question work, and do those of one construct agree, before many people are asked?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crm_analysis import style
from crm_analysis.proportion import share
from crm_analysis.result import Result, metric_key
from crm_analysis.satisfaction.composites.itemquality import ENOUGH
from crm_analysis.satisfaction.paired import placement
from crm_analysis.satisfaction.planning import agreement, trial
from crm_analysis.satisfaction.planning.trial import Scale
from crm_analysis.satisfaction.specification.specification import Model
from crm_analysis.table import count, listed, percent, short

_ABSENT = "There are no answers to a pretest, so no question was tested."
_KEEP = "keep"


@dataclass(frozen=True, eq=False, repr=False)
class PretestResult(Result):
    """What a pretest says of each question and each construct.

    Attributes
    ----------
    items : DataFrame
        One row per item: construct, item, answered, missing_share, floor_share and ceiling_share (of the answers at the
        ends of the scale) with intervals, mean with its interval, sd, skew, item_rest (correlation with the sum of the
        construct's other items) with its interval, alpha_without, decision, advice.
    constructs : DataFrame
        One row per construct: construct, items, respondents (who answered all of them), alpha of the items that vary
        with its interval (Feldt), verdict (reliable, not reliable, cannot be told, cannot be tested), needed
        (respondents whose interval would be a tenth wide to either side).
    respondents : int
        Rows with any answer.
    straight : tuple of float
        Share of respondents who gave one answer to all questions of the most frequent scale, with its interval.
    compared : int
        Number of these questions.
    """

    items: pd.DataFrame
    constructs: pd.DataFrame
    respondents: int
    straight: tuple[float, float, float]
    compared: int
    title = "Pretest"
    shown: ClassVar[dict[str, str]] = {
        "decisions": "What to do with each question",
        "constructs": "Do the questions of a construct agree? (alpha with its 95 % interval)",
        "items": "Each question in numbers; spread and skew are descriptions without intervals",
    }

    def to_frame(self) -> pd.DataFrame:
        return self.items.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        decisions = self.items[self.items["decision"] != _KEEP]
        return {
            "decisions": decisions[["construct", "item", "decision", "advice"]].reset_index(drop=True),
            "constructs": self.constructs.copy(),
            "items": self.items.drop(columns=["decision", "advice"]),
        }

    def metrics(self) -> dict[str, float]:
        found: dict[str, float] = {"respondents": self.respondents, "straight_share": self.straight[0]}
        found["questions_to_change"] = int((self.items["decision"] != _KEEP).sum())
        for row in self.constructs.to_dict("records"):
            found[f"alpha_{metric_key(row['construct'])}"] = float(row["alpha"])
        return found

    def findings(self) -> tuple[str, ...]:
        """Which questions to change, which constructs are reliable, who answered without reading."""
        if not self.respondents:
            return (_ABSENT,)
        changed = self.items[self.items["decision"] != _KEEP]
        firm = changed[changed["decision"] != "watch"]
        said = [f"{count(len(self.items), 'question')} were tried on {count(self.respondents, 'respondent')}."]
        if changed.empty:
            said[0] = said[0][:-1] + "; nothing speaks against any of them."
        else:
            said[0] = (
                f"Of {count(len(self.items), 'question')} tried on {count(self.respondents, 'respondent')}, "
                f"{len(firm)} must be changed and {len(changed) - len(firm)} watched."
            )
            said += [
                f"The question {row['item']}: {row['decision']}, since {row['advice']}."
                for row in pd.concat([firm, changed.drop(firm.index)]).head(5).to_dict("records")
            ]
        return (*said, *self._reliability(), *self._straight())

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the item-rest correlations with their intervals; grey is what cannot be told from the limit."""
        rows = self.items[self.items["item_rest"].notna()]
        if rows.empty:
            why = self.findings()[0] if not self.respondents else "No construct has two questions that can be compared."
            return style.nothing(ax, title="Does each question go with its construct?", why=why)
        ax = style.axes(ax, height=max(2.8, 1.4 + 0.3 * len(rows)))
        places = np.arange(len(rows))
        names = list(dict.fromkeys(rows["construct"]))
        for name, color in zip(names, style.PALETTE * (1 + len(names) // len(style.PALETTE)), strict=False):
            own = (rows["construct"] == name).to_numpy()
            ax.hlines(places[own], rows["item_rest_low"][own], rows["item_rest_high"][own], color=color, lw=1.6)
            ax.plot(rows["item_rest"][own], places[own], "o", color=color, markersize=5, label=short(name, width=22))
        ax.axvline(trial.WEAK, color=style.MUTED, linestyle="--", linewidth=1)
        ax.set_yticks(places, [short(item) for item in rows["item"]])
        ax.tick_params(axis="y", length=0, labelsize=9)
        ax.set(ylim=(len(rows) - 0.5, -0.5), xlim=(min(-0.05, float(rows["item_rest_low"].min()) - 0.05), 1.02))
        ax.set_title("Does each question go with its construct?")
        ax.set_xlabel(f"correlation with the construct's other questions (dashed: {trial.WEAK:g})")
        ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=9)
        return style.describe(ax, f"Points with intervals, one per question. {self.findings()[0]}")

    def plot_answers(self, ax: Axes | None = None) -> Axes:
        """Draw for each item the shares of answers at the low end, between, at the high end, and missing."""
        if not self.respondents:
            return style.nothing(ax, title="Where the answers lie", why=_ABSENT)
        rows = self.items
        ax = style.axes(ax, height=max(2.8, 1.6 + 0.3 * len(rows)))
        given = 1 - rows["missing_share"].to_numpy()
        low, high = (np.nan_to_num(rows[f"{end}_share"].to_numpy()) * given for end in ("floor", "ceiling"))
        left = np.zeros(len(rows))
        parts = {
            "lowest answer": (low, style.ACCENT),
            "between": (given - low - high, style.GRID),
            "highest answer": (high, style.PALETTE[0]),
            "missing": (1 - given, style.PALETTE[1]),
        }
        places = np.arange(len(rows))
        for name, (part, color) in parts.items():
            ax.barh(places, part, left=left, color=color, height=0.7, label=name)
            left = left + part
        ax.set_yticks(places, [short(item) for item in rows["item"]])
        ax.tick_params(axis="y", length=0, labelsize=9)
        ax.set(ylim=(len(rows) - 0.4, -0.6), xlim=(0, 1))
        ax.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
        ax.set_title("Where the answers lie")
        ax.set_xlabel("share of respondents")
        placement.legend_below(ax, ncols=4)
        return style.describe(ax, f"Bars of the shares of answers at the ends, by question. {self.findings()[0]}")

    def _reliability(self) -> list[str]:
        said = []
        rows = self.constructs
        for verdict, words in (
            ("not reliable", f"Not reliable (alpha below {ENOUGH:g} even at the upper end)"),
            ("cannot be told", f"Too few respondents to tell whether alpha reaches {ENOUGH:g}"),
            ("reliable", f"Reliable (alpha of {ENOUGH:g} or more even at the lower end)"),
        ):
            own = rows[(rows["verdict"] == verdict) & rows["alpha"].notna()]
            if len(own):
                each = [
                    f"{row['construct']} {row['alpha']:.2f} (95 % interval {row['alpha_low']:.2f} to "
                    f"{row['alpha_high']:.2f})"
                    for row in own.to_dict("records")
                ]
                said.append(f"{words}: {listed(each)}.")
        open_ = rows[(rows["verdict"] == "cannot be told") & rows["needed"].notna()]
        if len(open_):
            said.append(
                f"An alpha that is known to a tenth either way would take {int(open_['needed'].max()):,} respondents "
                f"for {open_.loc[open_['needed'].idxmax(), 'construct']}."
            )
        same = list(rows.loc[rows["alpha"].isna() & (rows["items"] > 1), "construct"])
        if same:
            said.append(f"The answers cannot show whether the questions of {listed(same)} agree: too few differ.")
        single = list(rows.loc[rows["verdict"] == "cannot be tested", "construct"])
        if single:
            said.append(f"A single question alone measures {listed(single)}, so its agreement cannot be tested.")
        return said

    def _straight(self) -> list[str]:
        value, low, high = self.straight
        if np.isnan(value):
            return []
        if value == 0:
            return [
                f"Nobody (95 % interval up to {percent(high)}) gave one and the same answer to all {self.compared} "
                "questions of one scale."
            ]
        return [
            f"{percent(value)} (95 % interval {100 * low:.1f}–{100 * high:.1f}) gave one and the same answer to all "
            f"{self.compared} questions of one scale: bored, or of one mind; look at them before they count."
        ]


def check(
    model: Model,
    answers: pd.DataFrame,
    *,
    scale: Scale | None = None,
    codes: Mapping[str, Scale] | None = None,
) -> PretestResult:
    """Check the answers to a pretest, question by question.

    Parameters
    ----------
    model : Model
        With its items.
    answers : DataFrame
        One row per respondent, a column per item; NaN is a missing answer. A pretest is small: thirty to fifty people
        are usual, and the intervals show what that leaves open.
    scale : (low, high), optional
        Codes of the worst and the best answer; without it, nothing is said of the ends of the scale.
    codes : dict, optional
        Items with other codes: ``{"complained": (0, 1)}``.

    Returns
    -------
    PretestResult
        Shares have Wilson's interval, means Student's, correlations Fisher's, alpha (of standardised items) Feldt's.
        A question is to be changed (word anew, turn round, drop, stretch) if the whole interval lies on the wrong side
        of a limit of `trial`, and watched if the estimate does; with few respondents most will only be watched.

    Raises
    ------
    UsageError
        If an item is no column of the answers, or a construct has no items.
    DataError
        If an item holds texts or codes outside its scale.

    References
    ----------
    Feldt, L. S., Woodruff, D. J. and Salih, F. A. (1987). Statistical inference for coefficient alpha. Applied
    Psychological Measurement 11, 93-103.

    Presser, S. et al. (2004). Methods for testing and evaluating survey questions. Public Opinion Quarterly 68,
    109-130.
    """
    ends = trial.ends(model, answers, scale=scale, codes=codes)
    items, constructs = [], []
    for construct in model.constructs:
        values = trial.numbers(answers, construct.items)
        found = agreement.of(values)
        whole = agreement.alpha_interval(found.alpha, found.respondents, len(construct.items))
        constructs.append(
            {
                "construct": construct.name,
                "items": len(construct.items),
                "respondents": found.respondents,
                "alpha": found.alpha,
                "alpha_low": whole[0],
                "alpha_high": whole[1],
                "verdict": _verdict(len(construct.items), *whole),
                "needed": agreement.needed(found.alpha, len(construct.items), margin=0.1),
            }
        )
        for place, item in enumerate(construct.items):
            row: dict[str, Any] = {"construct": construct.name, "item": item}
            row |= trial.described(values[:, place], ends.get(item))
            low, high = agreement.correlation_interval(found.item_rest[place], found.respondents)
            row |= {"item_rest": found.item_rest[place], "item_rest_low": low, "item_rest_high": high}
            row |= {"alpha": found.alpha, "alpha_without": found.alpha_without[place]}
            row["decision"], row["advice"] = trial.decide(row)
            items.append(row)
    same, compared = trial.straight(answers, ends)
    any_answer = int(answers[list(model.items)].notna().any(axis=1).sum()) if len(answers) else 0
    return PretestResult(
        pd.DataFrame(items).drop(columns="alpha"),
        pd.DataFrame(constructs),
        any_answer,
        share(*same),
        compared,
    )


def _verdict(items: int, low: float, high: float) -> str:
    if items == 1:
        return "cannot be tested"
    return "reliable" if low >= ENOUGH else "not reliable" if high < ENOUGH else "cannot be told"
