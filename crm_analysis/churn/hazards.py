"""Hazards: who leaves sooner (Cox 1972), and whether the model may be believed."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from scipy import stats

from crm_analysis import options, style
from crm_analysis.churn.ages import read
from crm_analysis.errors import DataError, UsageError
from crm_analysis.multiplicity import holm
from crm_analysis.result import Result
from crm_analysis.table import between, count, decimal, listed, short

_SHOWN = 14


@dataclass(frozen=True, eq=False, repr=False)
class HazardResult(Result):
    """Hazard ratios of a Cox regression.

    Attributes
    ----------
    effects : DataFrame
        One row per term: against (the value of a text that the term is set beside; empty for numbers), hazard_ratio
        with its interval, log_ratio and its standard error, p_value, and p_proportional: that of the test of a
        constant ratio, adjusted by Holm's method.
    concordance : float
        Share of pairs of customers of whom the model says rightly who leaves sooner, out of fold; ties count half.
    folds : int
        Folds of that check.
    customers, left : int
        Customers and leavers.
    unit : str
        What ages are counted in.
    missing : str
        Why there is nothing to compare, as a sentence; empty where there is.
    """

    effects: pd.DataFrame
    concordance: float
    folds: int
    customers: int
    left: int
    unit: str
    missing: str = ""
    title = "Who leaves sooner?"
    shown: ClassVar[dict[str, str]] = {"effects": "Hazard ratios (above 1: leaves sooner)"}

    def to_frame(self) -> pd.DataFrame:
        return self.effects.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"effects": self.to_frame()}

    def metrics(self) -> dict[str, float]:
        if self.missing:
            return {}
        return {
            "concordance": self.concordance,
            "customers": self.customers,
            "not_proportional": int((self.effects["p_proportional"] < 0.05).sum()),
        }

    def findings(self) -> tuple[str, ...]:
        if self.missing:
            return (f"Who leaves sooner cannot be told: {self.missing[0].lower()}{self.missing[1:]}",)
        shown = self.effects[self.effects["p_value"] < 0.05]
        said = [
            f"Of {100 * self.concordance:.1f} % of the pairs of customers the model says rightly who leaves sooner "
            f"({self.folds}-fold cross-validation; {count(self.customers, 'customer')}, {self.left:,} left)."
        ]
        strongest = shown.reindex(shown["log_ratio"].abs().sort_values(ascending=False).index).head(3)
        for row in strongest.to_dict("records"):
            ends = between(row["hazard_ratio_low"], row["hazard_ratio_high"])
            times = decimal(row["hazard_ratio"])
            than = f" as with {row['against']}" if row["against"] else ""
            said.append(f"With {row['term']} the hazard of leaving is {times} times as high{than} ({ends}).")
        if shown.empty:
            said.append("No term is shown to matter.")
        bent = list(self.effects.loc[self.effects["p_proportional"] < 0.05, "term"])
        if bent:
            said.append(
                f"The ratio is not the same at every age for {listed(bent[:6])}: read it as a mean over the ages, or "
                "look at the groups' curves."
            )
        return tuple(said)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the hazard ratios with intervals, on a scale on which half and double lie equally far from 1."""
        if self.missing:
            return style.nothing(ax, title=self.title, why=self.findings()[0])
        order = self.effects["log_ratio"].abs().sort_values(ascending=False).index[:_SHOWN]
        rows = self.effects.loc[order].sort_values("log_ratio", ignore_index=True)
        ax = style.axes(ax, height=1.4 + 0.32 * len(rows))
        for place, row in enumerate(rows.to_dict("records")):
            colour = style.PALETTE[1] if row["p_value"] < 0.05 else style.MUTED
            ax.plot([row["hazard_ratio_low"], row["hazard_ratio_high"]], [place, place], color=colour)
            ax.plot(row["hazard_ratio"], place, "o", color=colour)
        ax.set_xscale("log")
        ax.axvline(1, color=style.MUTED, linewidth=1)
        ax.set_yticks(range(len(rows)), [short(name) for name in rows["term"]])
        ticks = [tick for tick in (0.1, 0.2, 0.5, 1, 2, 5, 10) if ax.get_xlim()[0] <= tick <= ax.get_xlim()[1]]
        ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        ax.minorticks_off()
        ax.set_xlabel("hazard ratio (right of 1: leaves sooner), with 95 % interval")
        ax.set_title("Who leaves sooner")
        return style.describe(ax, f"Hazard ratios with whiskers. {self.findings()[0]}")


def hazards(
    customers: pd.DataFrame,
    *,
    time: str,
    left: str,
    features: Sequence[str],
    entry: str = "",
    unit: str = "months",
    folds: int = 5,
    seed: int = 42,
) -> HazardResult:
    """Regress the hazard of leaving on features known from the beginning.

    Parameters
    ----------
    customers : DataFrame
        One row per customer.
    time, left, entry, unit : str
        As in `survival.curves`.
    features : list of str
        Columns: numbers (the ratio is that of a standard deviation more, which the term names), or texts (each value
        against the most frequent one). Rows with a missing value are left out.
    folds : int
        For the concordance.
    seed : int
        Of the folds.

    Returns
    -------
    HazardResult
        Where no feature varies, or fewer than ten leavers remain for each term, one whose finding says so.

    Raises
    ------
    UsageError
        If a column is not there.
    DataError
        If ages are missing or below 0, entry is not below time, or a feature holds infinite values.

    Notes
    -----
    Cox's partial likelihood with Efron's treatment of ties; hazard ratios are exp(coefficient). Proportional hazards
    are tested by the correlation of each term's Schoenfeld residuals with the rank of age (Grambsch and Therneau 1994),
    with Holm's adjustment. What is made of age itself (total paid = age x fee) must not be a feature: it knows how long
    the customer stayed.

    References
    ----------
    Cox, D. R. (1972). Regression models and life-tables. JRSS B 34, 187-220.
    Grambsch, P. M. and Therneau, T. M. (1994). Proportional hazards tests and diagnostics based on weighted residuals.
    Biometrika 81, 515-526.
    Harrell, F. E., Lee, K. L. and Mark, D. B. (1996). Multivariable prognostic models. Statistics in Medicine 15,
    361-387.
    """
    if isinstance(features, str):
        raise UsageError(f"survival.hazards: features must be a list of columns, such as [{features!r}].")
    folds = options.whole(folds, "folds", caller="survival.hazards", least=2)
    absent = [name for name in features if name not in customers.columns]
    if absent:
        there = listed(list(customers.columns))
        raise UsageError(f"survival.hazards: features names {absent[0]!r}; there are {there}.")
    known = customers.dropna(subset=list(features))
    if known.empty or not features:
        why = "No customer is known with all features and an age." if features else "No features are known."
        return _nothing(why, folds, unit)
    ages, gone, entered = read(known, time=time, left=left, entry=entry, where="survival.hazards")
    for name in features:
        if pd.api.types.is_numeric_dtype(known[name]) and np.isinf(known[name].to_numpy("float64")).any():
            raise DataError(f"survival.hazards: {name!r} holds infinite values; make them missing.")
    matrix, terms, against = _terms(known, features)
    if not terms:
        return _nothing("No feature varies, so there is nothing to compare.", folds, unit)
    if gone.sum() < 10 * len(terms):
        most = int(gone.sum()) // 10
        cure = f"use at most {most}, with fewer features or values" if most else "it takes ten leavers for each"
        why = f"{count(int(gone.sum()), 'customer')} left, too few for {count(len(terms), 'term')}; {cure}."
        return _nothing(why, folds, unit)
    fitted = _fit(matrix, ages, gone, entered, entry)
    if not np.isfinite(np.append(fitted.params, fitted.bse)).all():
        why = (
            "The features tell the order of leaving without error, so no ratio has an end; leave out what was made "
            "from the age."
        )
        return _nothing(why, folds, unit)
    low, high = (fitted.params + end * stats.norm.ppf(0.975) * fitted.bse for end in (-1, 1))
    effects = pd.DataFrame(
        {
            "term": terms,
            "against": against,
            "hazard_ratio": np.exp(fitted.params),
            "hazard_ratio_low": np.exp(low),
            "hazard_ratio_high": np.exp(high),
            "log_ratio": fitted.params,
            "se": fitted.bse,
            "p_value": fitted.pvalues,
            "p_proportional": holm(_proportional(fitted, ages, gone)),
        }
    )
    score = np.empty(len(ages))
    for fold in _folds(gone, folds, seed):
        rest = np.ones(len(ages), dtype=bool)
        rest[fold] = False
        score[fold] = matrix[fold] @ _fit(matrix[rest], ages[rest], gone[rest], entered[rest], entry).params
    value = concordance(ages, gone, score)
    return HazardResult(effects, value, folds, len(ages), int(gone.sum()), unit)


def _nothing(why: str, folds: int, unit: str) -> HazardResult:
    ends = ["hazard_ratio", "hazard_ratio_low", "hazard_ratio_high", "log_ratio", "se", "p_value", "p_proportional"]
    return HazardResult(pd.DataFrame(columns=["term", "against", *ends]), np.nan, folds, 0, 0, unit, why)


def _terms(customers: pd.DataFrame, features: Sequence[str]) -> tuple[np.ndarray, list[str], list[str]]:
    columns, names, against = [], [], []
    for name in features:
        values = customers[name]
        if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
            numbers = values.to_numpy("float64")
            spread = numbers.std()
            if spread > 0:
                columns.append((numbers - numbers.mean()) / spread)
                names.append(f"{name} (+{spread:.3g})")
                against.append("")
            continue
        texts = values.astype(str)
        most, *others = texts.value_counts().index
        for value in others:
            columns.append((texts == value).to_numpy("float64"))
            names.append(f"{name} = {value}")
            against.append(most)
    if not columns:
        return np.empty((len(customers), 0)), [], []
    matrix = np.column_stack(columns)
    # A column that the others determine (no internet = no streaming) has no coefficient of its own.
    kept: list[int] = []
    for place in range(matrix.shape[1]):
        trial = matrix[:, [*kept, place]] - matrix[:, [*kept, place]].mean(axis=0)
        if np.linalg.matrix_rank(trial, tol=1e-8 * len(trial)) == len(kept) + 1:
            kept.append(place)
    return matrix[:, kept], [names[place] for place in kept], [against[place] for place in kept]


def _fit(matrix: np.ndarray, ages: np.ndarray, gone: np.ndarray, entered: np.ndarray, entry: str) -> Any:
    from statsmodels.duration.hazard_regression import PHReg

    # Who enters at an age at which others leave was not at risk then; statsmodels would count them.
    delayed = {"entry": np.maximum(entered + 1e-6, 0)} if entry else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return PHReg(ages, matrix, status=gone, ties="efron", **delayed).fit(disp=0)


def _folds(gone: np.ndarray, folds: int, seed: int) -> list[np.ndarray]:
    from sklearn.model_selection import StratifiedKFold

    splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
    return [test for _, test in splitter.split(gone, gone)]


def _proportional(fitted: Any, ages: np.ndarray, gone: np.ndarray) -> np.ndarray:
    """P-value, term by term, of no correlation of the scaled Schoenfeld residuals with the rank of age."""
    residuals = np.asarray(fitted.schoenfeld_residuals)
    known = (gone == 1) & np.isfinite(residuals).all(axis=1)
    variance = np.asarray(fitted.cov_params())
    scaled = residuals[known] @ variance
    ranks = stats.rankdata(ages[known])
    centred = ranks - ranks.mean()
    # Grambsch and Therneau (1994): with d leavers, d (sum g_k (V r_k)_j)^2 / (V_jj sum g_k^2) is chi-square with 1 df.
    statistic = known.sum() * (centred @ scaled) ** 2 / (np.diag(variance) * (centred @ centred))
    return stats.chi2.sf(statistic, 1)


def concordance(ages: np.ndarray, gone: np.ndarray, score: np.ndarray) -> float:
    """Return Harrell's concordance: of the pairs in which one is seen to leave first, how many have the higher score.

    Parameters
    ----------
    ages, gone, score : arrays of shape (n,)
        Age when last seen, 1 for who left then, and a score that is higher for who is thought to leave sooner.

    Returns
    -------
    float
        From 0 to 1; equal scores count half, pairs that leave at the same age do not count.
    """
    order = np.argsort(-ages, kind="stable")
    ranks = stats.rankdata(score, method="dense").astype(int)
    tree = np.zeros(ranks.max() + 1, dtype="int64")
    seen = np.zeros(ranks.max() + 1, dtype="int64")

    def add(rank: int) -> None:
        seen[rank] += 1
        while rank < len(tree):
            tree[rank] += 1
            rank += rank & -rank

    def below(rank: int) -> int:
        total = 0
        while rank > 0:
            total += int(tree[rank])
            rank -= rank & -rank
        return total

    right, pairs, start = 0.0, 0, 0
    for end in [*np.flatnonzero(np.diff(ages[order])), len(order) - 1]:
        same = order[start : end + 1]
        # Who was still seen at that age when others left had stayed longer.
        for place in same[gone[same] == 0]:
            add(int(ranks[place]))
        inside = int(seen.sum())
        for place in same[gone[same] == 1]:
            lower = below(int(ranks[place]) - 1)
            right += lower + 0.5 * int(seen[ranks[place]])
            pairs += inside
        for place in same[gone[same] == 1]:
            add(int(ranks[place]))
        start = int(end) + 1
    return right / pairs if pairs else float("nan")
