"""Validity: do the loyalty values of one day foretell what customers do after it?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crm_analysis import style
from crm_analysis.loyalty import indicators as measuring
from crm_analysis.loyalty.scoring import ranking
from crm_analysis.loyalty.scoring.classification import OBJECTIVE, SUBJECTIVE
from crm_analysis.loyalty.wording import of, sentence, words
from crm_analysis.multiplicity import holm
from crm_analysis.proportion import Z, share
from crm_analysis.result import Result, metric_key
from crm_analysis.table import count, with_interval

SIDES = (OBJECTIVE, SUBJECTIVE)
FIFTHS = 5
_NOTHING = "No customer has loyalty values and something to test them on in this study."
_NAMES = {"repurchased": "buying again", "referred": "referring others"}
_SAYS = {OBJECTIVE: "what customers did before", SUBJECTIVE: "what they said"}


@dataclass(frozen=True, eq=False, repr=False)
class ValidityResult(Result):
    """How well each loyalty value foretells what came later.

    Attributes
    ----------
    predictions : DataFrame
        By ``outcome`` and ``value``: ``customers``, ``auc`` (the chance that a customer with the outcome has the higher
        value, for yes and no), ``rank_correlation``; both with intervals.
    differences : DataFrame
        By yes-no ``outcome``: ``difference`` of the areas, objective less subjective on the same customers, with its
        interval, ``p_value`` and ``p_holm``, allowing for the number of outcomes.
    fifths : DataFrame
        By ``outcome``, ``value`` and ``fifth`` (1: the lowest values): ``customers`` and the share with the outcome, or
        its mean, as ``level`` with its interval.
    customers : int
        With both values, on whom all is compared; with one, where the study has no other.
    """

    predictions: pd.DataFrame
    differences: pd.DataFrame
    fifths: pd.DataFrame
    customers: int
    title = "What the loyalty values foretell"
    shown: ClassVar[dict[str, str]] = {
        "predictions": "How well each value foretells the later period (auc: 0.5 is a coin, 1 certainty)",
        "differences": "Area of the objective value less that of the subjective one, same customers",
        "fifths": "What came later, by fifths of each value (1: lowest)",
    }

    def to_frame(self) -> pd.DataFrame:
        return self.predictions.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {
            "predictions": self.to_frame(),
            "differences": self.differences.copy(),
            "fifths": self.fifths.copy(),
        }

    def metrics(self) -> dict[str, float]:
        found: dict[str, float] = {"customers": self.customers}
        for row in self.predictions.to_dict("records"):
            name = f"{metric_key(row['outcome'])}_{row['value']}"
            found |= {f"{name}_auc": row["auc"], f"{name}_rank_correlation": row["rank_correlation"]}
        return found

    def findings(self) -> tuple[str, ...]:
        """The most important first: which value foretells better, then each alone, then the spread by fifths."""
        if not self.customers:
            return (_NOTHING,)
        said = [self._better(row) for row in self.differences.to_dict("records")]
        for row in self.predictions.to_dict("records"):
            if not np.isnan(row["auc"]) and row["outcome"] not in set(self.differences["outcome"]):
                said.append(
                    f"The area under the curve of {_SAYS[row['value']]} for {_called(row['outcome'])} is "
                    f"{of(row, 'auc')}; 0.5 is a coin."
                )
            if np.isnan(row["auc"]) and not np.isnan(row["rank_correlation"]):
                said.append(
                    f"The rank correlation of {_SAYS[row['value']]} with {_called(row['outcome'])} is "
                    f"{of(row, 'rank_correlation')}."
                )
        known = self.predictions.dropna(subset=["auc"])
        said += [
            f"Caution: {_called(row['outcome'])} is the rarer, the higher the {row['value']} value: area under the "
            f"curve {of(row, 'auc')}."
            for row in known[known["auc_high"] < 0.5].to_dict("records")
        ]
        said += [self._spread(outcome) for outcome in known["outcome"][:1]]
        sides = self.predictions["value"].nunique()
        one = f"the {self.predictions['value'].iloc[0]} value and something to test it on"
        having = "both values and something to test them on" if sides == 2 else one
        said.append(f"{count(self.customers, 'customer')} with {having}.")
        silent = set(self.predictions["outcome"]) - set(self.predictions.dropna(subset=["rank_correlation"])["outcome"])
        said += [
            f"{sentence(_called(name))} does not differ between customers and tests nothing." for name in sorted(silent)
        ]
        return tuple(said)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the first outcome by fifths of both values."""
        title = "What came later"
        if self.fifths.empty:
            return style.nothing(ax, title=title, why=self.findings()[0])
        outcome = self.fifths["outcome"].iloc[0]
        ax = style.axes(ax, width=7.0)
        for shift, (value, color) in zip((-0.06, 0.06), zip(SIDES, style.PALETTE, strict=False), strict=True):
            rows = self.fifths[(self.fifths["outcome"] == outcome) & (self.fifths["value"] == value)]
            if rows.empty:
                continue
            low, high = rows["level"] - rows["level_low"], rows["level_high"] - rows["level"]
            ax.errorbar(
                rows["fifth"] + shift,
                rows["level"],
                # Rounding may leave an end of an interval a hair inside the value.
                yerr=np.maximum(np.nan_to_num(np.vstack([low, high])), 0),
                color=color,
                marker="o",
                capsize=2,
                label=f"by the {value} value",
            )
        if outcome in set(self.predictions.dropna(subset=["auc"])["outcome"]):
            ax.yaxis.set_major_formatter(lambda level, _: f"{100 * level:.0f} %")
        ax.set_xticks(range(1, FIFTHS + 1), ["lowest", "2", "3", "4", "highest"])
        ax.set_xlabel("fifths of the customers by loyalty value")
        ax.set_ylabel(_called(outcome))
        ax.set_title(f"{title}: {_called(outcome)}")
        ax.legend(loc="best", fontsize=9)
        return style.describe(ax, f"Lines: {_called(outcome)} by fifths of the loyalty values. {self.findings()[0]}")

    def plot_areas(self, ax: Axes | None = None) -> Axes:
        """Draw the areas under the ROC curves with their intervals."""
        title = "How well each value foretells"
        rows = self.predictions.dropna(subset=["auc"]).iloc[::-1]
        if rows.empty:
            why = "There is no yes-or-no outcome of a later period to foretell." if self.customers else _NOTHING
            return style.nothing(ax, title=title, why=why)
        ax = style.axes(ax, height=1.8 + 0.45 * len(rows))
        for place, row in enumerate(rows.to_dict("records")):
            color = style.PALETTE[SIDES.index(row["value"])]
            ax.hlines(place, row["auc_low"], row["auc_high"], color=color, lw=2)
            ax.plot(row["auc"], place, "o", color=color, ms=7)
        ax.axvline(0.5, color=style.MUTED, lw=1)
        ax.set_yticks(range(len(rows)), [f"{_called(row.outcome)}: {row.value}" for _, row in rows.iterrows()])
        ax.set_ylim(-0.6, len(rows) - 0.4)
        ax.set_xlim(min(0.45, float(rows["auc_low"].min()) - 0.02), 1.0)
        ax.set_xlabel("area under the ROC curve with 95 % interval (0.5: no better than a coin)")
        ax.set_title(title)
        return style.describe(ax, f"Areas under ROC curves by outcome and value. {self.findings()[0]}")

    def _better(self, row: dict[str, Any]) -> str:
        areas = self.predictions[self.predictions["outcome"] == row["outcome"]].set_index("value")
        texts = {side: of(areas.loc[side], "auc") for side in SIDES}
        both = f"{texts[OBJECTIVE]} against {texts[SUBJECTIVE]}"
        if not row["p_holm"] < 0.05:
            return (
                f"Neither value foretells {_called(row['outcome'])} better for certain: area under the curve "
                f"{both} for {_SAYS[OBJECTIVE]} and for {_SAYS[SUBJECTIVE]}."
            )
        first, second = SIDES if row["difference"] > 0 else SIDES[::-1]
        return (
            f"{sentence(_SAYS[first])} foretells {_called(row['outcome'])} better than {_SAYS[second]}: area under the "
            f"curve {texts[first]} against {texts[second]}."
        )

    def _spread(self, outcome: str) -> str:
        rows = self.fifths[self.fifths["outcome"] == outcome].set_index(["value", "fifth"])
        parts = []
        for side in SIDES:
            ends = [rows.loc[(side, fifth)] for fifth in (1, FIFTHS) if (side, fifth) in rows.index]
            texts = [with_interval(end["level"], end["level_low"], end["level_high"]) for end in ends]
            if texts:
                parts.append(f"{' to '.join(texts)} by the {side} value")
        return f"{sentence(_called(outcome))}, from the lowest fifth to the highest: {'; '.join(parts)}."


def outcomes(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Tell what customers known on one day did until a later day.

    Parameters
    ----------
    before, after : DataFrame
        The customer view of both days (`Study.customer360`).

    Returns
    -------
    DataFrame
        One row per customer of both: ``customer_id``, ``repurchased`` (more orders than before), ``referred`` (more
        referrals than before) and ``later_spend`` (purchases since); those for which both views have the columns.
    """
    first, last = (measuring.by_customer(view, caller="score") for view in (before, after))
    both = first.index.intersection(last.index, sort=False)
    made = pd.DataFrame(index=both)
    for name, column in (("repurchased", "frequency"), ("referred", "referrals_made")):
        if column in first.columns and column in last.columns:
            made[name] = last.loc[both, column] > first.loc[both, column]
    if "gross_spend" in first.columns and "gross_spend" in last.columns:
        made["later_spend"] = last.loc[both, "gross_spend"] - first.loc[both, "gross_spend"]
    return made.rename_axis("customer_id").reset_index()


def validate(scores: pd.DataFrame, later: pd.DataFrame) -> ValidityResult:
    """Test each loyalty value on what customers did later.

    Parameters
    ----------
    scores : DataFrame
        ``customer_id``, ``objective`` and ``subjective`` as of one day, `ScoreResult.scores`.
    later : DataFrame
        ``customer_id`` and outcomes of a period *after* that day: yes and no (bool, or 0 and 1) or numbers, as
        `outcomes` makes them.

    Returns
    -------
    ValidityResult
        Where no customer has a value and an outcome, one that says so.

    Raises
    ------
    UsageError
        If a customer has two rows.

    Notes
    -----
    All is computed on customers with both values, so that the comparison is paired; where the study has one of them
    only, on all who have that. Areas and their difference have
    DeLong's covariance; the interval of an area is made on the scale of its log odds. Shares by fifths have Wilson's
    intervals, means normal ones. Ties across the border of a fifth go to the lower one.
    """
    values = measuring.by_customer(scores, caller="score")[list(SIDES)].dropna(axis="columns", how="all").dropna()
    sides = list(values.columns)
    known = measuring.by_customer(later, caller="score")
    joined = values.join(known, how="inner")
    names = [str(name) for name in known.columns]
    rows, differences, fifths = [], [], []
    for name in names:
        some = joined[[*sides, name]].dropna()
        outcome = measuring.numbers(some[name], name).to_numpy()
        matrix = some[sides].to_numpy("float64")
        is_yes_no = len(outcome) > 0 and set(np.unique(outcome)) <= {0.0, 1.0}
        found = ranking.areas(matrix, outcome == 1) if is_yes_no and sides else None
        for place, side in enumerate(sides):
            row = {"outcome": name, "value": side, "customers": len(some)}
            ends = found.interval(place) if found else (np.nan, np.nan)
            row |= {"auc": float(found.areas[place]) if found else np.nan, "auc_low": ends[0], "auc_high": ends[1]}
            rho = ranking.correlation(matrix[:, place], outcome)
            row |= dict(zip(("rank_correlation", "rank_correlation_low", "rank_correlation_high"), rho, strict=True))
            rows.append(row)
            fifths += _fifths(name, side, matrix[:, place], outcome, is_yes_no=is_yes_no)
        if found and len(sides) == 2 and np.isfinite(found.areas).all():
            names_of = ("difference", "difference_low", "difference_high", "p_value")
            differences.append({"outcome": name} | dict(zip(names_of, found.difference(0, 1), strict=True)))
    columns = ["outcome", "value", "customers", *(f"auc{end}" for end in ("", "_low", "_high"))]
    columns += [f"rank_correlation{end}" for end in ("", "_low", "_high")]
    compared = pd.DataFrame(
        differences, columns=["outcome", "difference", "difference_low", "difference_high", "p_value"]
    )
    compared["p_holm"] = holm(compared["p_value"].to_numpy("float64"))
    return ValidityResult(
        pd.DataFrame(rows if len(joined) else [], columns=columns),
        compared,
        pd.DataFrame(fifths, columns=["outcome", "value", "fifth", "customers", "level", "level_low", "level_high"]),
        len(joined) if names and sides else 0,
    )


def _called(outcome: str) -> str:
    return _NAMES.get(outcome, words(outcome))


def _fifths(name: str, side: str, values: np.ndarray, outcome: np.ndarray, *, is_yes_no: bool) -> list[dict[str, Any]]:
    if not len(values):
        return []
    place = np.searchsorted(np.quantile(values, np.arange(1, FIFTHS) / FIFTHS), values, side="left")
    rows = []
    for fifth in range(FIFTHS):
        some = outcome[place == fifth]
        if not len(some):
            continue
        if is_yes_no:
            level, low, high = share(int(some.sum()), len(some))
        else:
            level, half = (
                float(some.mean()),
                Z * float(some.std(ddof=1)) / np.sqrt(len(some)) if len(some) > 1 else np.nan,
            )
            low, high = level - half, level + half
        row = {"outcome": name, "value": side, "fifth": fifth + 1, "customers": len(some)}
        rows.append(row | {"level": level, "level_low": low, "level_high": high})
    return rows
