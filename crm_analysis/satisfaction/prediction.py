"""Prediction: whether a PLS model foresees the answers of people it has not seen (PLSpredict)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from crm_analysis import style
from crm_analysis.errors import DataError, UsageError
from crm_analysis.proportion import Z
from crm_analysis.result import Result
from crm_analysis.satisfaction.composites.design import Design
from crm_analysis.satisfaction.composites.estimates import Estimates, solve
from crm_analysis.satisfaction.composites.pathmodel import PathModel
from crm_analysis.satisfaction.composites.sample import Sample
from crm_analysis.table import count, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FROM = ("direct", "earliest")


@dataclass(frozen=True, eq=False, repr=False)
class PredictionResult(Result):
    """Errors of prediction on respondents held out.

    Attributes
    ----------
    table : DataFrame
        One row per item of a construct that has sources: construct, item, q2, rmse, rmse_linear, rmse_mean, mae,
        mae_linear, in units of the item.
    gains : DataFrame
        against (mean, linear model), gain (share of the mean squared error of standardised items that the path model
        saves), gain_low, gain_high.
    folds, repeats, respondents : int
        How it was tested.
    absent : str
        Why there is no test; empty if there is one.
    """

    table: pd.DataFrame
    gains: pd.DataFrame
    folds: int
    repeats: int
    respondents: int
    absent: str = ""
    title = "Prediction of unseen answers"
    shown: ClassVar[dict[str, str]] = {
        "table": "Errors on respondents held out, by item",
        "gains": "What the path model saves of the squared error",
    }

    @property
    def verdict(self) -> str:
        """Predictive power by Shmueli et al. (2019): high, medium, low or lacking."""
        better = int((self.table["rmse"] < self.table["rmse_linear"]).sum())
        if not (self.table["q2"] > 0).any() or better == 0:
            return "lacking"
        return "high" if better == len(self.table) else "medium" if better > len(self.table) / 2 else "low"

    def to_frame(self) -> pd.DataFrame:
        return self.table.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"table": self.to_frame(), "gains": self.gains.copy()}

    def findings(self) -> tuple[str, ...]:
        if self.absent:
            return (self.absent,)
        gains = self.gains.set_index("against")
        mean, linear = (gains.loc[name] for name in ("mean", "linear model"))
        better = int((self.table["rmse"] < self.table["rmse_linear"]).sum())
        best = self.table.loc[self.table["q2"].idxmax()]
        worst = self.table.loc[self.table["q2"].idxmin()]
        sentences = [
            f"Of the squared error that the items' means make on unseen answers, the path model saves {_saved(mean)}.",
            f"Against a linear model on the items alone it saves {_saved(linear)}; it is better for "
            f"{better} of {count(len(self.table), 'item')}: predictive power {self.verdict}.",
            f"It foresees {best['item']} best (Q2 = {best['q2']:.2f}) and {worst['item']} worst ({worst['q2']:.2f}).",
        ]
        if worst["q2"] <= 0:
            poor = self.table.loc[self.table["q2"] <= 0, "item"]
            sentences.append(f"For {', '.join(poor)} the mean is as good a guess or a better one.")
        return (
            *sentences,
            f"Tested on {count(self.respondents, 'respondent')}, {count(self.repeats, 'time')} in "
            f"{count(self.folds, 'fold')}.",
        )

    def metrics(self) -> dict[str, float]:
        return {
            f"gain_{name.split()[0]}": float(row["gain"]) for name, row in self.gains.set_index("against").iterrows()
        }

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw Q2 of the path model and of the linear model, item by item."""
        if self.absent:
            return style.nothing(ax, title="Prediction of unseen answers", why=self.absent)
        ax = style.axes(ax, height=max(2.4, 1.5 + 0.3 * len(self.table)))
        places = np.arange(len(self.table))
        linear = 1 - (self.table["rmse_linear"] / self.table["rmse_mean"]) ** 2
        ax.barh(places, self.table["q2"], height=0.55, color=style.PALETTE[0], label="path model")
        ax.scatter(linear, places, color=style.PALETTE[1], zorder=3, label="linear model on the items")
        ax.axvline(0, color=style.MUTED, linewidth=1)
        ax.set_yticks(places, [short(item) for item in self.table["item"]])
        ax.tick_params(axis="y", length=0, labelsize=9)
        ax.invert_yaxis()
        ax.set_title("How much of unseen answers is foreseen")
        ax.set_xlabel("Q2: share of the squared error saved against the mean")
        ax.legend(loc="best")
        return style.describe(ax, f"Bars of Q2 by item, beside points of a linear model. {self.findings()[0]}")


def predict(
    fit: PathModel, *, folds: int = 10, repeats: int = 10, seed: int = 0, sources: str = "direct"
) -> PredictionResult:
    """Predict the items of each construct from its sources, for respondents held out.

    Parameters
    ----------
    fit : PLSResult
        A PLS path model. Prediction goes by composites, so consistent PLS is tested as plain PLS.
    folds, repeats : int
        Parts that respondents are dealt into, and how often they are dealt anew.
    seed : int
        Of the dealing.
    sources : {"direct", "earliest"}
        Whether a construct is predicted from the constructs that lead to it, or only from those that nothing leads to.

    Returns
    -------
    PredictionResult
        The linear model regresses each item on all items of the same sources. Gains compare squared errors of
        standardised items, respondent by respondent; their intervals (95 %, normal) take folds as independent.

    Raises
    ------
    UsageError
        If folds, repeats or sources are not understood.
    DataError
        If there are fewer respondents than two per fold.

    References
    ----------
    Shmueli, G., Ray, S., Velasquez Estrada, J. M., Chatla, S. B. (2016). The elephant in the room: predictive
    performance of PLS models. Journal of Business Research 69, 4552-4564. Verdict: Shmueli et al. (2019), European
    Journal of Marketing 53, 2322-2347. Gains: Liengaard et al. (2021), Decision Sciences 52, 362-392.
    """
    if sources not in _FROM:
        raise UsageError(f"predict: sources must be direct or earliest, not {sources!r}.")
    if folds < 2 or repeats < 1:
        raise UsageError(f"predict: folds must be at least 2 and repeats at least 1, not {folds} and {repeats}.")
    if fit.sample is None:
        nothing = pd.DataFrame({name: pd.Series(dtype="float64") for name in ("q2", "rmse", "rmse_linear")})
        return PredictionResult(nothing, pd.DataFrame({"against": [], "gain": []}), folds, repeats, 0, fit.absent)
    sample, design = fit.sample, fit.design
    if len(sample) < 2 * folds:
        raise DataError(
            f"predict: {count(len(sample), 'respondent')} cannot fill {folds} folds; use at most {len(sample) // 2}."
        )
    generator = np.random.default_rng(seed)
    dealt = np.stack([generator.permutation(len(sample)) % folds for _ in range(repeats)])
    wanted = np.flatnonzero([design.causes(construct) for construct in design.block])
    squares, absolutes = (np.zeros((3, len(sample), len(wanted))) for _ in range(2))
    settings = replace(fit.settings, consistent=False)
    alone = replace(sample, units=np.arange(len(sample)))
    for part in dealt:
        means, covariances = alone.moments((part != np.arange(folds)[:, None]).astype("float64"))
        trained = solve(covariances, design, settings, reference=None)
        for fold in map(int, np.flatnonzero(trained.usable)):
            held = np.flatnonzero(part == fold)
            answers = sample.answers[held] - means[fold]
            path = by_paths(answers, covariances[fold], trained, fold, design, sources, settings.standardise)
            line = _by_line(answers, covariances[fold], design, sources)
            for row, guess in enumerate((path[:, wanted], line[:, wanted], 0.0)):
                misses = answers[:, wanted] - guess
                squares[row, held] += misses**2 / repeats
                absolutes[row, held] += np.abs(misses) / repeats
    return PredictionResult(
        _table(squares, absolutes, sample, design, wanted),
        _gains(squares, sample, wanted),
        folds,
        repeats,
        len(sample),
    )


def by_paths(
    answers: np.ndarray,
    covariance: np.ndarray,
    trained: Estimates,
    fold: int,
    design: Design,
    sources: str,
    standardise: bool,
) -> np.ndarray:
    """Return deviations of the items from their means, as the scores of the sources foresee them."""
    spread = np.sqrt(np.diag(covariance))
    scores = (answers / (spread if standardise else 1.0) * trained.weights[fold]) @ design.membership
    foreseen = scores.copy()
    for target, causes in design.targets:
        base = scores if sources == "direct" else foreseen
        foreseen[:, target] = base[:, causes] @ trained.paths[fold, causes, target]
    return foreseen[:, design.block] * trained.loadings[fold] * spread


def _by_line(answers: np.ndarray, covariance: np.ndarray, design: Design, sources: str) -> np.ndarray:
    found = np.zeros_like(answers)
    first = [construct for construct in range(len(design.names)) if not design.causes(construct)]
    for target, causes in design.targets:
        known = np.flatnonzero(np.isin(design.block, causes if sources == "direct" else first))
        items = design.items_of(target)
        slopes = np.linalg.pinv(covariance[np.ix_(known, known)], hermitian=True) @ covariance[np.ix_(known, items)]
        found[:, items] = answers[:, known] @ slopes
    return found


def _table(
    squares: np.ndarray, absolutes: np.ndarray, sample: Sample, design: Design, wanted: np.ndarray
) -> pd.DataFrame:
    path, line, mean = np.average(squares, axis=1, weights=sample.weights)
    miss = np.average(absolutes, axis=1, weights=sample.weights)
    return pd.DataFrame(
        {
            "construct": [design.names[design.block[item]] for item in wanted],
            "item": [design.items[item] for item in wanted],
            "q2": 1 - path / mean,
            "rmse": np.sqrt(path),
            "rmse_linear": np.sqrt(line),
            "rmse_mean": np.sqrt(mean),
            "mae": miss[0],
            "mae_linear": miss[1],
        }
    )


def _gains(squares: np.ndarray, sample: Sample, wanted: np.ndarray) -> pd.DataFrame:
    """Saved share of the loss, the mean over items of squared errors in units of the item's variance."""
    variance = np.average((sample.answers - sample.answers.mean(axis=0)) ** 2, axis=0, weights=sample.weights)[wanted]
    path, *others = (squares / variance).mean(axis=2)
    rows = []
    for name, other in zip(("linear model", "mean"), others, strict=True):
        base = np.average(other, weights=sample.weights)
        gain = 1 - np.average(path, weights=sample.weights) / base
        influence = sample.weights * (other * (1 - gain) - path) / base
        half = Z * influence.std(ddof=1) / math.sqrt(len(sample))
        rows.append({"against": name, "gain": gain, "gain_low": gain - half, "gain_high": gain + half})
    return pd.DataFrame(rows)


def _saved(row: pd.Series) -> str:
    low, high = 100 * row["gain_low"], 100 * row["gain_high"]
    return f"{100 * row['gain']:.1f} % (95 % interval {low:.1f} to {high:.1f})"
