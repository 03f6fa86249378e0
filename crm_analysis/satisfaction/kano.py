"""Kano: which features delight customers, and which merely must be there (Kano et al. 1984)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crm_analysis import style
from crm_analysis.errors import UsageError
from crm_analysis.proportion import effective
from crm_analysis.result import Result
from crm_analysis.satisfaction.paired import evaluation, placement, quadrants, weights
from crm_analysis.satisfaction.paired.naming import label, sentence, with_ends, words
from crm_analysis.table import count, listed, percent, with_interval

NOTHING = "There are no paired Kano answers in this study."
_MIXED = 0.06  # Lee and Newcomb 1997
_QUESTIONABLE = 0.02  # Sauerwein et al. 1996 found less than this
_SURE = 0.95


@dataclass(frozen=True, eq=False, repr=False)
class KanoResult(Result):
    """The category of each feature, Berger's two coefficients, and how sure both are.

    `features` has one row per feature; `shares` one row per feature and category. Both carry 95 % intervals.
    """

    features: pd.DataFrame
    shares: pd.DataFrame
    respondents: int
    incomplete: int
    weighted: bool
    title = "Kano: what features do"
    shown: ClassVar[dict[str, str]] = {
        "features": "Category of each feature; better: gain from its presence; worse: loss from its absence; "
        "same category: share of redraws that give the same category again",
        "shares": "Shares of the categories",
    }

    def to_frame(self) -> pd.DataFrame:
        return self.features.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"features": self.to_frame(), "shares": self.shares.copy()}

    def metrics(self) -> dict[str, float]:
        letters = self.features["letter"]
        found: dict[str, float] = {"respondents": self.respondents, "features": len(letters)}
        found |= {_key(letter): int((letters == letter).sum()) for letter in evaluation.LETTERS}
        found["significant_categories"] = int(self.features["significant"].sum())
        return found

    def findings(self) -> tuple[str, ...]:
        """The most important first: who is what, what gains and loses most, how sure that is."""
        if self.features.empty:
            return (NOTHING,)
        return tuple(filter(None, (self._summary(), *self._extremes(), self._reverse(), *self._doubts(), self._base())))

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw worse across and better up, one point a feature, with 95 % intervals."""
        # Features that got only reverse or questionable answers have no coefficients to draw.
        drawn = self.features[self.features["better"].notna()]
        if drawn.empty:
            return style.nothing(ax, title="Kano quadrants", why=self.findings()[0])
        ax = style.axes(ax, width=8.0, height=6.4)
        left_out = quadrants.draw(ax, drawn)
        lacking = f" {count(left_out, 'name')} found no room." if left_out else ""
        return style.describe(ax, f"Features by Berger's worse (across) and better (up).{lacking} {self._summary()}")

    def plot_shares(self, ax: Axes | None = None) -> Axes:
        """Draw the shares of the categories, one bar a feature, in order of the category."""
        if self.features.empty:
            return style.nothing(ax, title="Kano answers", why=NOTHING)
        wide = self.shares.pivot_table(index="feature", columns="letter", values="share", observed=True)
        order = self.features.assign(place=self.features["letter"].map(evaluation.LETTERS.index))
        order = order.sort_values(["place", "lead_share"], ascending=[False, True])["feature"]
        wide = wide.reindex(index=order, columns=list(evaluation.LETTERS))
        ax = style.axes(ax, width=8.4, height=1.8 + 0.34 * len(wide))
        places, left = np.arange(len(wide)), np.zeros(len(wide))
        for letter, color in quadrants.COLORS.items():
            values = wide[letter].to_numpy("float64")
            ax.barh(places, values, left=left, color=color, height=0.72, label=evaluation.NAMES[letter])
            for place, (value, start) in enumerate(zip(values, left, strict=True)):
                if value >= 0.07:
                    text = f"{100 * value:.0f}"
                    ax.text(start + value / 2, place, text, ha="center", va="center", color="white", fontsize=8.5)
            left += values
        ax.set_yticks(places, [label(name) for name in wide.index])
        ax.set(xlim=(0, 1), ylim=(-0.6, len(wide) - 0.4))
        ax.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
        ax.set_xlabel("share of answers")
        ax.spines["left"].set_visible(False)
        ax.tick_params(axis="y", length=0)
        ax.set_title("What the answers say, by feature")
        placement.legend_below(ax, ncols=3)
        return style.describe(ax, f"Stacked bars: shares of the six Kano categories by feature. {self._summary()}")

    def _summary(self) -> str:
        parts = []
        for letter in evaluation.LETTERS:
            names = [words(name) for name in self.features.loc[self.features["letter"] == letter, "feature"]]
            if names:
                parts.append(f"{listed(names)} {'is' if len(names) == 1 else 'are'} {evaluation.NAMES[letter]}")
        text = "; ".join(parts)
        return f"{text[0].upper()}{text[1:]}."

    def _extremes(self) -> tuple[str, ...]:
        known = self.features[self.features["better"].notna() & self.features["letter"].isin(list("MOAI"))]
        if known.empty:
            return ()
        hurts, gains = known.loc[known["worse"].idxmin()], known.loc[known["better"].idxmax()]
        # What most are indifferent to is no first duty, even where nothing else is asked for.
        first = " Make sure of it first." if hurts["letter"] in "MO" else ""
        return (
            f"The absence of {words(hurts['feature'])} costs most: worse is {with_ends(hurts, 'worse')}.{first}",
            f"The presence of {words(gains['feature'])} gains most: better is {with_ends(gains, 'better')}.",
        )

    def _reverse(self) -> str:
        rows = self.features[self.features["letter"] == "R"]
        if rows.empty:
            return ""
        names, share = (
            listed([words(name) for name in rows["feature"]]),
            self._share(rows["feature"].iloc[0], "R"),
        )
        first = "" if len(rows) == 1 else f" {words(rows['feature'].iloc[0])} (among others)"
        against = self.shares[(self.shares["letter"] == "R") & self.shares["feature"].isin(rows["feature"])]
        # The most frequent category need not be that of half the customers.
        who = "Most customers" if (against["share_low"] > 0.5).all() else "More customers than for any other category"
        return f"{who} would rather do without {names}: the answers against{first or ' it'} are {share}."

    def _doubts(self) -> tuple[str, ...]:
        rows, said = self.features, []
        unsure = rows[~rows["significant"].astype(bool) | (rows["same_category_share"] < _SURE)]
        least = rows.loc[rows["fong_ratio"].idxmin()]
        again = f"comes again in {percent(least['same_category_share'])} of the redraws of the answers"
        if unsure.empty:
            said.append(
                "Every category is significant by Fong's test; the least clear is that of "
                f"{words(least['feature'])} ({least['category']} rather than {least['runner_up']}), which "
                f"{again}."
            )
        else:
            names = listed([f"{words(row.feature)} ({row.category} or {row.runner_up})" for row in unsure.itertuples()])
            said.append(
                f"The category is not sure for {names}; that of {words(least['feature'])} {again}. Look at "
                "the shares before acting."
            )
        mixed = rows[rows["lead_share"] < _MIXED]
        if len(mixed):
            names = listed([words(name) for name in mixed["feature"]])
            said.append(f"The two largest categories lie less than 6 points apart for {names}: a mixed category.")
        other = rows[(rows["by_groups"] != rows["category"]) & ~rows["letter"].isin(["R", "Q"])]
        said += [
            f"{sentence(row.feature)} is {row.category} by most answers but {row.by_groups} by the rule of two groups."
            for row in other.itertuples()
        ]
        puzzling = self.shares[(self.shares["letter"] == "Q") & (self.shares["share_low"] > _QUESTIONABLE)]
        said += [
            f"{with_interval(row.share, row.share_low, row.share_high)} of the answers on {words(row.feature)} "
            "contradict themselves: reword its questions."
            for row in puzzling.itertuples()
        ]
        return tuple(said)

    def _base(self) -> str:
        text = f"{count(self.respondents, 'respondent')} judged {count(len(self.features), 'feature')}"
        text += ", weighted" if self.weighted else ""
        text += f"; {count(self.incomplete, 'incomplete pair')} left out" if self.incomplete else ""
        if "importance" not in self.features or self.features["importance"].isna().all():
            return f"{text}."
        top = self.features.loc[self.features["importance"].idxmax()]
        return f"{text}; they call {words(top['feature'])} most important, {with_ends(top, 'importance')}."

    def _share(self, feature: str, letter: str) -> str:
        row = self.shares[(self.shares["feature"] == feature) & (self.shares["letter"] == letter)].iloc[0]
        return with_interval(row["share"], row["share_low"], row["share_high"])


def classify(answers: pd.DataFrame, *, seed: int = 0, weight: weights.Weight = None, draws: int = 2000) -> KanoResult:
    """Classify each feature by the category that its respondents chose most often.

    Parameters
    ----------
    answers : DataFrame
        ``respondent_id``, ``feature``, ``functional`` and ``dysfunctional`` (1 I like it, 2 it must be so, 3 neutral,
        4 I can live with it, 5 I dislike it), one row for each respondent and feature; with ``importance``, how
        important the respondent calls the feature, its means are given too.
    seed : int
        For the redraws.
    weight : str or array, optional
        A column of `answers`, or one number a row, that each answer counts for.
    draws : int
        Multinomial redraws of the answers.

    Returns
    -------
    KanoResult
        Where a column or every complete pair is missing, one that says so.

    Raises
    ------
    DataError
        If an answer is no whole number from 1 to 5, or a respondent judges a feature twice.
    UsageError
        If there are fewer than 100 draws, or the weight does not fit.

    Notes
    -----
    Each pair of answers is looked up in the 5x5 evaluation table. The category is the most frequent one, ties are
    decided M > O > A > I (Berger et al. 1993). better = (A + O) / (A + O + M + I), worse = -(M + O) / (the same).
    ``lead_share`` is the category strength, the most frequent share less the next, and ``total_strength_share`` is
    M + O + A (Lee and Newcomb 1997). Intervals are Wilson's at the effective number of answers (Kish 1965), those of
    better and worse at the number of M, O, A and I. Fong's test compares the two most frequent categories;
    ``same_category_share`` is how often a redraw of the answers gives the same category.

    References
    ----------
    Kano, N., Seraku, N., Takahashi, F. and Tsuji, S. (1984). Attractive quality and must-be quality. Journal of the
    Japanese Society for Quality Control 14(2), 39-48.
    Berger, C. et al. (1993). Kano's methods for understanding customer-defined quality. Center for Quality of
    Management Journal 2(4), 3-36.
    Lee, M. C. and Newcomb, J. F. (1997). Applying the Kano methodology to meet customer requirements: NASA's
    microgravity science program. Quality Management Journal 4(3), 95-106.
    """
    if draws < 100:
        raise UsageError(f"kano: draws must be 100 or more, not {draws}.")
    judged = evaluation.read(answers, weight=weight)
    if judged is None:
        return KanoResult(_table([]), _table([], shares=True), 0, 0, False)
    tallies = evaluation.tally(judged, judged.features, size=len(judged.names))
    generator = np.random.default_rng(seed)
    rows, shares = [], []
    for place, name in enumerate(judged.names):
        mine = judged.features == place
        own = judged.weights[mine]
        if not own.any():
            continue
        answered = effective(own)
        row = evaluation.describe(tallies[place], answered, factor=answered / own.sum())
        row["same_category_share"] = evaluation.stability(
            tallies[place] / own.sum(), answers=answered, draws=draws, generator=generator
        )
        if "importance" in answers.columns:
            stated = pd.to_numeric(answers["importance"].iloc[judged.rows[mine]], errors="coerce").to_numpy("float64")
            centre, low, high, _ = weights.mean(stated, own)
            row |= {"importance": centre, "importance_low": low, "importance_high": high}
        rows.append({"feature": name, "answers": int(mine.sum())} | row)
        for letter, tallied in zip(evaluation.LETTERS, tallies[place], strict=True):
            share = tallied / own.sum()
            low, high = weights.share_ends(share, answered)
            shares.append(
                {"feature": name, "letter": letter, "category": evaluation.NAMES[letter]}
                | {"share": share, "share_low": low, "share_high": high}
            )
    return KanoResult(
        features=_table(rows),
        shares=_table(shares, shares=True),
        respondents=len(pd.unique(judged.respondents)),
        incomplete=judged.incomplete,
        weighted=weight is not None,
    )


def _key(letter: str) -> str:
    return evaluation.NAMES[letter].replace("-", "_")


_SHARES = ("feature", "letter", "category", "share", "share_low", "share_high")


def _table(rows: list[dict[str, Any]], *, shares: bool = False) -> pd.DataFrame:
    empty = evaluation.describe(np.ones(6), 6.0) | {"same_category_share": 0.0}
    columns = _SHARES if shares else ("feature", "answers", *empty)
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=list(columns))
