"""Fairness: is the model as good for every group of customers?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crm_analysis import style
from crm_analysis.churn import scores
from crm_analysis.errors import UsageError
from crm_analysis.result import Result
from crm_analysis.table import listed, percent, short

_FEWEST = 30
# An attribute with more values is a number or a name, and makes no groups.
_MOST_GROUPS = 30
_DRAWN = 24
_COLUMNS = (
    *("attribute", "group", "customers", "left_share", "mean_probability_share"),
    *("gap_points", "gap_points_low", "gap_points_high", "roc_auc", "roc_auc_low", "roc_auc_high"),
)


@dataclass(frozen=True, eq=False, repr=False)
class GroupErrorResult(Result):
    """How good a model is, by group.

    Attributes
    ----------
    groups : DataFrame
        One row per attribute and group of 30 customers or more: customers, left_share, mean_probability_share,
        gap_points (mean probability less share that left, in percentage points) with its interval, roc_auc with its
        interval.
    """

    groups: pd.DataFrame
    title = "Is the model as good for every group?"
    shown: ClassVar[dict[str, str]] = {"groups": "Error by group of customers"}

    def to_frame(self) -> pd.DataFrame:
        return self.groups.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"groups": self.to_frame()}

    def metrics(self) -> dict[str, float]:
        return {"groups_off": int(self._off().sum())}

    def _off(self) -> pd.Series:
        return (self.groups["gap_points_low"] > 0) | (self.groups["gap_points_high"] < 0)

    def findings(self) -> tuple[str, ...]:
        if self.groups.empty:
            return ("The customers have no groups large enough to compare the model's error in.",)
        off = self.groups[self._off()]
        if off.empty:
            return (
                f"In none of {len(self.groups)} groups do the probabilities differ from what happened beyond chance.",
            )
        names = [
            f"{row['attribute']} {row['group']} ({percent(row['mean_probability_share'])} said, "
            f"{percent(row['left_share'])} left)"
            for row in off.reindex(off["gap_points"].abs().sort_values(ascending=False).index)
            .head(4)
            .to_dict("records")
        ]
        tail = "" if len(off) > len(self.groups) / 20 else "; as many may be so by chance"
        return (f"In {len(off)} of {len(self.groups)} groups the probabilities are off: {listed(names)}{tail}.",)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw mean probability less the share that left, by group, with intervals."""
        if self.groups.empty:
            return style.nothing(ax, title=self.title, why=self.findings()[0])
        rows = self.groups.head(_DRAWN).iloc[::-1].reset_index(drop=True)
        ax = style.axes(ax, height=1.4 + 0.3 * len(rows))
        ends = np.abs(rows[["gap_points_low", "gap_points_high"]].to_numpy().T - rows["gap_points"].to_numpy())
        ax.errorbar(rows["gap_points"], range(len(rows)), xerr=ends, fmt="o", color=style.PALETTE[0], capsize=3)
        ax.axvline(0, color=style.MUTED, linewidth=1)
        ax.set_yticks(range(len(rows)), [short(f"{row.attribute}: {row.group}") for row in rows.itertuples()])
        ax.set_xlabel("mean probability less share that left (percentage points)")
        cut = f" (the first {len(rows)} of {len(self.groups)})" if len(rows) < len(self.groups) else ""
        ax.set_title(f"Error by group{cut}")
        return style.describe(ax, f"Error of the probabilities by group. {self.findings()[0]}")


def by_group(
    predictions: pd.DataFrame, groups: pd.DataFrame, *, model: str, resamples: int = 300, seed: int = 0
) -> GroupErrorResult:
    """Compare a model's error between groups of customers.

    Parameters
    ----------
    predictions : DataFrame
        `EvaluationResult.predictions`: customer_id, left and a column per model.
    groups : DataFrame
        One row per customer with customer_id and the attributes that make groups, such as region, gender or
        birth_year, of which bands of ten years are made. One with more than 30 values makes no groups.
    model : str
        The model whose column counts (`EvaluationResult.chosen`).
    resamples, seed : int
        For the intervals.

    Returns
    -------
    GroupErrorResult

    Raises
    ------
    UsageError
        If `predictions` has no such model or `groups` no customer_id.
    """
    if predictions.empty:
        return GroupErrorResult(pd.DataFrame(columns=list(_COLUMNS)))
    if model not in predictions.columns:
        raise UsageError(f"fairness.by_group: the predictions have no model {model!r}.")
    if "customer_id" not in groups.columns:
        raise UsageError("fairness.by_group: the groups have no column 'customer_id'.")
    left, chance = predictions["left"].to_numpy(), predictions[model].to_numpy("float64")
    known = groups.drop_duplicates("customer_id").set_index("customer_id").reindex(predictions["customer_id"])
    rows = []
    for name in known.columns:
        labels = _labels(known[name])
        if labels.nunique() > _MOST_GROUPS:
            continue
        shares = pd.Series(left).groupby(labels.to_numpy()).mean()
        # The column that says who left is no group of customers.
        if shares.isin((0, 1)).all():
            continue
        for label in shares.index:
            inside = (labels == label).to_numpy()
            if inside.sum() >= _FEWEST:
                rows.append({"attribute": name, "group": label} | _error(left[inside], chance[inside], resamples, seed))
    return GroupErrorResult(pd.DataFrame(rows, columns=list(_COLUMNS)))


def _labels(values: pd.Series) -> pd.Series:
    if values.name == "birth_year" and pd.api.types.is_numeric_dtype(values):
        decade = values // 10 * 10
        return decade.map(lambda year: f"born {year:.0f}-{year + 9:.0f}", na_action="ignore")
    return values.astype("object").map(str).where(values.notna())


def _error(left: np.ndarray, chance: np.ndarray, resamples: int, seed: int) -> dict[str, float]:
    gap = chance - left
    half = 1.96 * gap.std(ddof=1) / np.sqrt(len(gap))
    found = {
        "customers": len(left),
        "left_share": float(left.mean()),
        "mean_probability_share": float(chance.mean()),
        "gap_points": 100 * float(gap.mean()),
        "gap_points_low": 100 * float(gap.mean() - half),
        "gap_points_high": 100 * float(gap.mean() + half),
    }
    models, _ = scores.compare(left, {"model": chance}, reference="model", resamples=resamples, seed=seed)
    return found | {name: float(models[name].iloc[0]) for name in ("roc_auc", "roc_auc_low", "roc_auc_high")}
