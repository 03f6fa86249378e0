"""Leaks: features that hold the answer, because they were made from it or recorded after it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crm_analysis import style
from crm_analysis.churn.sample import Sample, sound
from crm_analysis.churn.scores import roc_auc
from crm_analysis.proportion import wilson
from crm_analysis.result import Result
from crm_analysis.table import decimal, listed, percent, short

# No honest feature of customers orders leavers and stayers so well.
_PERFECT = 0.97
# A value that nearly all who have it left with, at odds so many times those of all customers.
_SURE, _ODDS, _FEWEST = 0.95, 20.0, 20
# A few questions asked one after the other, in a tree, that answer it: the label was computed from these columns.
_FUNCTION, _DEPTH = 0.985, 3
_ROWS = 20_000
_COLUMNS = ("feature", "kind", "reason", "roc_auc")


@dataclass(frozen=True, eq=False, repr=False)
class LeakResult(Result):
    """Features that give the label away.

    Attributes
    ----------
    found : DataFrame
        One row per leak: feature, kind (separates, value, function, later), the reason in words, and the ROC AUC of
        the feature alone.
    singles : DataFrame
        The ROC AUC of every feature alone (0.5: says nothing; the nearer to 1, the better, whatever the direction).
    auc_with, auc_without : float
        Cross-validated ROC AUC of a quick model with all features and without the leaks; missing without leaks.
    """

    found: pd.DataFrame
    singles: pd.DataFrame
    auc_with: float
    auc_without: float
    title = "Leaks: features that hold the answer"
    shown: ClassVar[dict[str, str]] = {"found": "Features that give the label away"}

    def to_frame(self) -> pd.DataFrame:
        return self.found.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"found": self.to_frame(), "singles": self.singles.copy()}

    def metrics(self) -> dict[str, float]:
        return {"leaks": len(self.found), "best_single_auc": float(self.singles["roc_auc"].max())}

    def findings(self) -> tuple[str, ...]:
        if self.found.empty:
            best = self.singles.iloc[0] if len(self.singles) else None
            tail = (
                f"; the best alone is {best['feature']} (ROC AUC {decimal(best['roc_auc'])})"
                if best is not None
                else ""
            )
            return (f"No feature gives the label away{tail}.",)
        said = [f"The feature {row['feature']} is a leak: {row['reason']}." for row in self.found.to_dict("records")]
        if np.isfinite(self.auc_with):
            said.append(
                f"With {listed(list(self.found['feature']))} a quick model reaches a ROC AUC of "
                f"{decimal(self.auc_with)}, without {decimal(self.auc_without)}: only the second is honest."
            )
        return tuple(said)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the ROC AUC of the best features alone; leaks in the second colour."""
        if self.singles.empty:
            return style.nothing(ax, title=self.title, why="There are no features.")
        best = self.singles.head(12).iloc[::-1]
        ax = style.axes(ax, height=1.2 + 0.32 * len(best))
        leaking = best["feature"].isin(self.found["feature"])
        colours = [style.PALETTE[1] if leak else style.PALETTE[0] for leak in leaking]
        ax.barh([short(name, width=30) for name in best["feature"]], best["roc_auc"] - 0.5, left=0.5, color=colours)
        ax.axvline(_PERFECT, color="0.4", linestyle="--", linewidth=1)
        ax.set_xlim(0.5, 1.02)
        ax.set_xlabel("ROC AUC of the feature alone")
        ax.set_title("How well single features separate leavers from stayers")
        return style.describe(ax, f"Bar chart of the ROC AUC of single features. {self.findings()[0]}")


def find(sample: Sample, *, seed: int = 0) -> LeakResult:
    """Look for features that hold the answer.

    Parameters
    ----------
    sample : Sample
        Customers with known labels.
    seed : int
        Of the choice of rows and folds, where there are more than 20,000 customers.

    Returns
    -------
    LeakResult

    Raises
    ------
    UsageError, DataError
        If no model can take a feature, see `sample.sound`.

    Notes
    -----
    A feature is called a leak if (1) it separates leavers from stayers with a ROC AUC of .97 or more, missing values
    taken as a value of their own; (2) one of its values is nearly sure to leave (the lower end of the Wilson interval
    above 95 %, at 20 times the odds of all, for at least 20 customers); (3) it is a date after the day of the
    snapshot; or (4) it takes part in a tree of three questions that separates them with an out-of-fold ROC AUC of .985:
    then the label is a function of these features.

    References
    ----------
    Kaufman, S., Rosset, S., Perlich, C. and Stitelman, O. (2012). Leakage in data mining: formulation, detection, and
    avoidance. ACM Transactions on Knowledge Discovery from Data 6(4).
    """
    sample = replace(sample, features=sound(sample.features))
    left = sample.label.to_numpy("float64") == 1
    columns = {name: _coded(sample.features[name], left) for name in sample.features.columns}
    singles = pd.DataFrame(
        {"feature": list(columns), "roc_auc": [_separation(values, left) for values in columns.values()]}
    )
    singles = singles.sort_values("roc_auc", ascending=False, kind="stable", ignore_index=True)
    if not left.any() or left.all():
        return LeakResult(pd.DataFrame(columns=list(_COLUMNS)), singles, np.nan, np.nan)
    alone = singles.set_index("feature")["roc_auc"]
    rows = []
    for name, auc in alone.items():
        kind, reason = _verdict(str(name), sample.features[name], left, float(auc))
        if kind:
            rows.append((name, kind, reason, auc))
    # A value that is sure to leave may be one half of a rule, so it stays in while the rule is sought.
    honest = sample.without([row[0] for row in rows if row[1] != "value"])
    chosen = np.random.default_rng(seed).permutation(len(left))[:_ROWS]
    together = _function(honest.take(chosen), seed)
    if together:
        reason = f"the label follows from {listed(together)} by a few questions, so it was computed from them"
        rows = [row for row in rows if row[0] not in together]
        rows += [(name, "function", reason, alone[name]) for name in together]
    auc_with = auc_without = np.nan
    if rows:
        auc_with = _quick(sample.take(chosen), seed)
        auc_without = _quick(sample.without([row[0] for row in rows]).take(chosen), seed)
    return LeakResult(pd.DataFrame(rows, columns=list(_COLUMNS)), singles, auc_with, auc_without)


def _coded(column: pd.Series, left: np.ndarray) -> np.ndarray:
    """A feature as numbers: a category by the share of its customers that left, which is the most it can say."""
    if not isinstance(column.dtype, pd.CategoricalDtype):
        return column.to_numpy("float64")
    codes = column.cat.codes.to_numpy()
    totals = np.bincount(codes + 1, minlength=len(column.cat.categories) + 1)
    gone = np.bincount(codes + 1, weights=left, minlength=len(totals))
    return (gone / np.maximum(totals, 1))[codes + 1]


def _separation(values: np.ndarray, left: np.ndarray) -> float:
    """ROC AUC of one feature in its better direction; missing values stand where they say most."""
    if left.all() or not left.any():
        return 0.5
    lowest = np.nanmin(values) if np.isfinite(values).any() else 0.0
    highest = np.nanmax(values) if np.isfinite(values).any() else 0.0
    found = []
    for stand_in in {lowest - 1, highest + 1} if np.isnan(values).any() else {0.0}:
        auc = roc_auc(left, np.where(np.isnan(values), stand_in, values))
        found.append(max(auc, 1 - auc))
    return float(max(found))


def _verdict(name: str, column: pd.Series, left: np.ndarray, auc: float) -> tuple[str, str]:
    if name.endswith("_days_ago") and (column < 0).any():
        return "later", "it holds dates after the day of the snapshot"
    if auc >= _PERFECT:
        return "separates", f"alone it tells leavers from stayers almost without error (ROC AUC {auc:.3f})"
    totals = column.value_counts(dropna=False, sort=False)
    if len(totals) > 50:
        totals = totals[totals >= max(_FEWEST, len(column) // 200)]
    base = left.mean()
    for value, total in totals[totals >= _FEWEST].items():
        here = column.isna() if pd.isna(value) else column == value
        gone = int(left[here.to_numpy()].sum())
        low = wilson(gone, int(total))[0]
        if low > _SURE and low / (1 - low) > _ODDS * base / (1 - base):
            said = "missing" if pd.isna(value) else f"{short(str(value), width=24)!r}"
            return "value", f"of the {int(total):,} customers with {said} {percent(gone / total)} left"
    return "", ""


def _matrix(sample: Sample, left: np.ndarray) -> np.ndarray:
    columns = [_coded(sample.features[name], left) for name in sample.features.columns]
    return np.column_stack(columns) if columns else np.empty((len(sample), 0))


def _function(sample: Sample, seed: int) -> list[str]:
    """Features of a small tree that answers the question almost without error, if there is one."""
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.tree import DecisionTreeClassifier

    left = sample.label.to_numpy("float64") == 1
    if min(left.sum(), (~left).sum()) < 3 * _FEWEST or not sample.features.shape[1]:
        return []
    matrix = np.nan_to_num(_matrix(sample, left), nan=-1e9)
    tree = DecisionTreeClassifier(max_depth=_DEPTH, min_samples_leaf=5, random_state=seed)
    folds = StratifiedKFold(3, shuffle=True, random_state=seed)
    out_of_fold = cross_val_predict(tree, matrix, left, cv=folds, method="predict_proba")[:, 1]
    if roc_auc_score(left, out_of_fold) < _FUNCTION:
        return []
    shares = tree.fit(matrix, left).feature_importances_
    return [str(sample.features.columns[place]) for place in np.argsort(-shares) if shares[place] > 0.05]


def _quick(sample: Sample, seed: int) -> float:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    left = sample.label.to_numpy("float64") == 1
    if min(left.sum(), (~left).sum()) < 10 or not sample.features.shape[1]:
        return float("nan")
    # Categories by their codes: the share that left would carry each customer's own label into the folds.
    matrix = np.column_stack(
        [
            column.cat.codes.to_numpy("float64")
            if isinstance(column.dtype, pd.CategoricalDtype)
            else column.to_numpy("float64")
            for _, column in sample.features.items()
        ]
    )
    model = HistGradientBoostingClassifier(max_iter=60, random_state=seed)
    folds = StratifiedKFold(3, shuffle=True, random_state=seed)
    return float(roc_auc_score(left, cross_val_predict(model, matrix, left, cv=folds, method="predict_proba")[:, 1]))
