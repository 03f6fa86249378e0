"""Additions: what more features, such as the answers of a survey, add to what is known anyway."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crm_analysis import style
from crm_analysis.churn import scores
from crm_analysis.churn.model import ChurnModel
from crm_analysis.churn.sample import Sample
from crm_analysis.errors import DataError, UsageError
from crm_analysis.result import Result
from crm_analysis.table import between, count, decimal

WITHOUT, WITH = "without", "with"
_MEASURES = ("roc_auc", "log_loss", "brier")


@dataclass(frozen=True, eq=False, repr=False)
class AdditionResult(Result):
    """What some features add, on the customers who have them.

    Attributes
    ----------
    models : DataFrame
        One row per model, without and with the features: every measure with its interval.
    differences : DataFrame
        One row per measure: with less without, with its paired interval.
    added : tuple of str
        The features.
    trained, tested : int
        Customers (on a day) who have them, in training and in the test.
    what : str
        What the features are called.
    missing : str
        Why nothing can be compared, as a sentence; empty where it can.
    """

    models: pd.DataFrame
    differences: pd.DataFrame
    added: tuple[str, ...]
    trained: int
    tested: int
    what: str
    missing: str = ""
    title = "What do further features add?"
    shown: ClassVar[dict[str, str]] = {"differences": "With less without, on the same customers"}

    def to_frame(self) -> pd.DataFrame:
        return self.differences.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"differences": self.differences.copy(), "models": self.models.copy()}

    def metrics(self) -> dict[str, float]:
        if self.missing:
            return {}
        return {"roc_auc_added": float(self._row("roc_auc")["difference"]), "respondents": self.tested}

    def _row(self, measure: str) -> pd.Series:
        return self.differences.set_index("measure").loc[measure]

    def findings(self) -> tuple[str, ...]:
        if self.missing:
            return (f"What {self.what} would add cannot be told: {self.missing[0].lower()}{self.missing[1:]}",)
        row = self._row("roc_auc")
        gap = f"{decimal(row['difference'], digits=3)} ({between(row['low'], row['high'], digits=3)})"
        if row["low"] > 0:
            first = f"{self._capital} helps to know who leaves: the ROC AUC rises by {gap}"
        elif row["high"] < 0:
            first = f"{self._capital} does harm here: the ROC AUC changes by {gap}"
        else:
            first = f"{self._capital} is not shown to add anything: the ROC AUC changes by {gap}"
        return (
            f"{first}, both models fitted on the same {count(self.trained, 'row')} and tested on the same "
            f"{count(self.tested, 'customer')} who have it.",
        )

    @property
    def _capital(self) -> str:
        return f"{self.what[0].upper()}{self.what[1:]}"

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the ROC AUC without and with the features, with intervals."""
        if self.missing:
            return style.nothing(ax, title=self.title, why=self.findings()[0])
        ax = style.axes(ax, height=2.6)
        middle, low, high = (self.models[f"roc_auc{end}"].to_numpy("float64") for end in ("", "_low", "_high"))
        for place, colour in enumerate(style.PALETTE[:2]):
            ends = [[middle[place] - low[place]], [high[place] - middle[place]]]
            ax.errorbar(middle[place], place, xerr=ends, fmt="o", color=colour, capsize=4)
        ax.set_yticks([0, 1], list(self.models["model"]))
        ax.set_ylim(-0.6, 1.6)
        ax.set_xlabel("ROC AUC on the same customers, with 95 % interval")
        ax.set_title(f"Without and with {self.what}")
        return style.describe(ax, f"ROC AUC without and with {self.what}. {self.findings()[0]}")


def measure(
    training: Sample,
    latest: Sample,
    *,
    added: Sequence[str] | None = None,
    what: str = "the survey",
    kinds: tuple[str, ...] = ("logistic",),
    resamples: int = 500,
    seed: int = 0,
) -> AdditionResult:
    """Fit a model with and without some features, on the customers who have them, and compare.

    Parameters
    ----------
    training, latest : Sample
        `labels.snapshots(...)`; further features join by `Sample.with_features`.
    added : list of str, optional
        The features; by default those that begin with ``survey_``.
    what : str
        What they are called in sentences.
    kinds : tuple of str
        Learners of `ChurnModel`.
    resamples, seed : int
        Of the intervals; of folds and resamples.

    Returns
    -------
    AdditionResult
        Where there are no such features, or too few customers have them, one whose finding says so.

    Raises
    ------
    UsageError
        If a feature that is named is not there.

    Notes
    -----
    Only customers with at least one of the features count, in both models: who answers a survey differs from who does
    not, so that a comparison on all customers would mix what the answers say with who gave them. That somebody answered
    at all is no feature here. The difference of the measures is paired, on the same resampled customers.
    """
    why = training.missing or latest.missing
    columns = list(training.features.columns)
    names = [name for name in columns if name.startswith("survey_")] if added is None else list(added)
    absent = [name for name in names if name not in columns]
    if absent and not why:
        raise UsageError(f"additions.measure: there is no feature {absent[0]!r}; join it by Sample.with_features.")
    said = [name for name in names if name != "survey_answered"]
    if not why and not said:
        why = "The study does not have it."
    if why:
        return _nothing(why, what)
    seen, unseen = (sample.take(sample.features[said].notna().any(axis=1).to_numpy()) for sample in (training, latest))
    chances = {}
    try:
        for name, left_out in ((WITHOUT, names), (WITH, ["survey_answered"])):
            churn = ChurnModel(kinds=kinds, seed=seed).fit(seen.without(left_out))
            tested = unseen.without(left_out)
            chances[name] = (
                churn.chance(tested) if unseen.dated else churn.out_of_fold(tested, [churn.chosen_])[churn.chosen_]
            )
    except DataError as error:
        return _nothing(f"Of those who have it, {str(error).partition(': ')[2]}", what)
    if not 0 < unseen.left.sum() < len(unseen):
        return _nothing("Among those who have it in the test, all left or all stayed.", what)
    models, differences = scores.compare(unseen.left, chances, reference=WITHOUT, resamples=resamples, seed=seed)
    kept = differences[differences["measure"].isin(_MEASURES)].drop(columns="model").reset_index(drop=True)
    return AdditionResult(models, kept, tuple(said), len(seen), len(unseen), what)


def _nothing(why: str, what: str) -> AdditionResult:
    columns = ["model", *(f"{name}{end}" for name in scores.MEASURES for end in ("", "_low", "_high"))]
    differences = pd.DataFrame(columns=["measure", "difference", "low", "high"])
    return AdditionResult(pd.DataFrame(columns=columns, dtype=np.float64), differences, (), 0, 0, what, why)
