"""Explanation: what moves the probability of leaving, for all customers and for each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crm_analysis import options, style
from crm_analysis.churn import scores
from crm_analysis.churn.model import ChurnModel
from crm_analysis.churn.sample import Sample, reason, who_left
from crm_analysis.errors import DataError, UsageError
from crm_analysis.result import Result
from crm_analysis.table import between, number, short

_ROWS = 5_000
_GRID = 20
_DEPENDENCE = ("feature", "value", "probability_share")


@dataclass(frozen=True, eq=False, repr=False)
class ExplanationResult(Result):
    """How much each feature counts for a model's order of the customers, and in which direction.

    Attributes
    ----------
    importance : DataFrame
        One row per feature, the most important first: what the ROC AUC loses when the feature's values are dealt out
        anew among the customers, with its interval.
    dependence : DataFrame
        One row per value of the most important features: feature, value, and the mean probability of leaving if all
        customers had that value.
    model : str
        The model that is explained.
    """

    importance: pd.DataFrame
    dependence: pd.DataFrame
    model: str
    missing: str = ""
    title = "What moves the probability of leaving?"
    shown: ClassVar[dict[str, str]] = {"importance": "What the ROC AUC loses without each feature"}

    def to_frame(self) -> pd.DataFrame:
        return self.importance.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"importance": self.importance.copy(), "dependence": self.dependence.copy()}

    def metrics(self) -> dict[str, float]:
        return {"features_that_count": int((self.importance["loss_low"] > 0).sum())}

    def findings(self) -> tuple[str, ...]:
        if self.missing:
            return (f"No feature can be judged: {self.missing[0].lower()}{self.missing[1:]}",)
        counting = self.importance[self.importance["loss_low"] > 0]
        if counting.empty:
            return ("No single feature is shown to count: others say the same, or nothing tells who leaves.",)
        said = []
        for row in counting.head(3).to_dict("records"):
            ends = between(row["loss_low"], row["loss_high"], digits=3)
            said.append(f"Without {row['feature']} the ROC AUC falls by {row['loss']:.3f} ({ends}){self._way(row)}.")
        said.append("That a feature counts does not say that changing it would keep anybody.")
        return tuple(said)

    def _way(self, row: dict) -> str:
        rows = self.dependence[self.dependence["feature"] == row["feature"]]
        if rows.empty:
            return ""
        low, high = rows.loc[rows["probability_share"].idxmin()], rows.loc[rows["probability_share"].idxmax()]
        return (
            f"; the mean probability of leaving goes from {100 * low['probability_share']:.0f} % at "
            f"{_said(low['value'])} to {100 * high['probability_share']:.0f} % at {_said(high['value'])}"
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the importance of the features with intervals."""
        best = self.importance.head(12).iloc[::-1].reset_index(drop=True)
        if best.empty:
            return style.nothing(ax, title=self.title, why=self.findings()[0])
        ax = style.axes(ax, height=1.4 + 0.32 * len(best))
        ends = np.abs(best[["loss_low", "loss_high"]].to_numpy().T - best["loss"].to_numpy())
        ax.errorbar(best["loss"], range(len(best)), xerr=ends, fmt="o", color=style.PALETTE[0], capsize=3)
        ax.set_yticks(range(len(best)), [short(name) for name in best["feature"]])
        ax.axvline(0, color=style.MUTED, linewidth=1)
        ax.set_xlabel("loss of ROC AUC when the feature's values are dealt out anew")
        ax.set_title("Which features count")
        return style.describe(ax, f"Importance of features with whiskers. {self.findings()[0]}")

    def plot_dependence(self, ax: Axes | None = None) -> Axes:
        """Draw how the mean probability depends on the most important feature."""
        rows = (
            self.dependence[self.dependence["feature"] == self.importance["feature"].iloc[0]]
            if len(self.dependence)
            else self.dependence
        )
        if rows.empty:
            return style.nothing(ax, title=self.title, why=self.findings()[0])
        ax = style.axes(ax, height=3.8)
        name = str(rows["feature"].iloc[0])
        if isinstance(rows["value"].iloc[0], str):
            ax.bar([short(value, width=16) for value in rows["value"]], 100 * rows["probability_share"])
        else:
            ax.plot(rows["value"].astype("float64"), 100 * rows["probability_share"], marker="o", markersize=3)
        ax.set_ylim(bottom=0)
        ax.set_xlabel(name)
        ax.set_ylabel("mean probability of leaving (%)")
        ax.set_title(f"How the probability depends on {short(name)}")
        return style.describe(ax, f"Mean probability of leaving by {name}. {self.findings()[0]}")


def _said(value: object) -> str:
    return repr(value) if isinstance(value, str) else number(float(value))  # type: ignore[arg-type]


def explain(churn: ChurnModel, sample: Sample, *, repeats: int = 20, top: int = 6, seed: int = 0) -> ExplanationResult:
    """Find out which features count for the chosen model, on customers with known labels.

    Parameters
    ----------
    churn : ChurnModel
        A fitted model.
    sample : Sample
        Customers with labels; at most 5,000 of them, drawn at random, are used.
    repeats : int
        How often the values of each feature are dealt out anew, at least twice.
    top : int
        For how many features to compute the dependence.
    seed : int
        Of the dealing.

    Returns
    -------
    ExplanationResult
        Without a model, or where nobody or everybody left, one whose finding says so.

    Raises
    ------
    UsageError
        If it is not known who left, or repeats or top are too low.

    Notes
    -----
    Permutation importance (Breiman 2001; Fisher, Rudin and Dominici 2019). The interval comes from the repeats, each
    on customers drawn anew, so that it holds the chance of the dealing and that of the customers. Features that say
    the same share what they are worth. Partial dependence (Friedman 2001): every customer gets the value, the other
    features stay.

    References
    ----------
    Breiman, L. (2001). Random forests. Machine Learning 45, 5-32.
    Fisher, A., Rudin, C. and Dominici, F. (2019). All models are wrong, but many are useful. JMLR 20(177).
    Friedman, J. H. (2001). Greedy function approximation. Annals of Statistics 29, 1189-1232.
    """
    repeats = options.whole(repeats, "repeats", caller="explanation.explain", least=2)
    top = options.whole(top, "top", caller="explanation.explain", least=1)
    seed = options.whole(seed, "seed", caller="explanation.explain")
    why = churn.missing or sample.missing
    if not why and sample.label.isna().any():
        raise UsageError("churn: only customers with known labels can show which features count.")
    if not why:
        try:
            who_left(sample, fewest=1, where="to test on")
        except DataError as error:
            why = reason(error)
    if why:
        none = pd.DataFrame(columns=["feature", "loss", "loss_low", "loss_high"])
        return ExplanationResult(none, pd.DataFrame(columns=list(_DEPENDENCE)), "", why)
    generator = np.random.default_rng(seed)
    part = sample.take(np.sort(generator.permutation(len(sample))[:_ROWS]))
    left, names = part.left, list(map(str, churn.feature_names_in_))
    whole = churn.chance(part)
    losses = np.empty((len(names), repeats))
    for repeat in range(repeats):
        drawn = generator.integers(len(part), size=len(part))
        order = generator.permutation(len(part))
        base = scores.roc_auc(left[drawn], whole[drawn])
        for place, name in enumerate(names):
            mixed = part.features.copy(deep=False)
            mixed[name] = part.features[name].iloc[order].set_axis(mixed.index)
            losses[place, repeat] = base - scores.roc_auc(left[drawn], churn.chance(mixed)[drawn])
    spread = losses.std(axis=1, ddof=1)
    mean = losses.mean(axis=1)
    table = pd.DataFrame(
        {"feature": names, "loss": mean, "loss_low": mean - 1.96 * spread, "loss_high": mean + 1.96 * spread}
    )
    table = table.sort_values("loss", ascending=False, kind="stable", ignore_index=True)
    dependence = pd.concat([_dependence(churn, part, name) for name in table["feature"].head(top)], ignore_index=True)
    return ExplanationResult(table, dependence, churn.chosen_)


def _dependence(churn: ChurnModel, sample: Sample, name: str) -> pd.DataFrame:
    column = sample.features[name]
    if isinstance(column.dtype, pd.CategoricalDtype):
        values: list = [value for value in column.cat.categories if (column == value).any()]
    else:
        given = column.dropna().to_numpy("float64")
        values = list(np.unique(np.quantile(given, np.linspace(0.01, 0.99, _GRID)))) if len(given) else []
    some = sample.take(np.arange(0, len(sample), max(1, len(sample) // 1000)))
    rows = []
    for value in values:
        same = some.features.copy(deep=False)
        if isinstance(column.dtype, pd.CategoricalDtype):
            same[name] = pd.Categorical([value] * len(same), categories=column.cat.categories)
        else:
            same[name] = float(value)
        rows.append({"feature": name, "value": value, "probability_share": float(churn.chance(same).mean())})
    return pd.DataFrame(rows, columns=list(_DEPENDENCE))
