"""Scores: how good probabilities of leaving are, with intervals and paired differences."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from crm_analysis import options, resampling

MEASURES = {
    "roc_auc": "ROC AUC",
    "pr_auc": "PR AUC",
    "brier": "Brier score",
    "log_loss": "log loss",
    "calibration_slope": "calibration slope",
    "calibration_intercept": "calibration intercept",
    "calibration_error": "calibration error",
    "top_decile_lift": "lift of the top decile",
}
"""Measures of a model, and what they are called."""

# Beyond these, the intervals come from so many rows and are narrowed by the square root of the ratio.
_ROWS = 50_000
_EDGE = 1e-6
# Predictions that differ by less, in log odds, are one prediction and have no slope.
_FLAT = 0.01
BINS = 10


def measure(left: np.ndarray, chance: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Return all measures of one model, for one or many weightings of the customers.

    Parameters
    ----------
    left : array of shape (n,)
        1 for who left, else 0.
    chance : array of shape (n,)
        Probability of leaving, from 0 to 1.
    weights : array of shape (draws, n), optional
        How often each customer counts; by default one draw in which each counts once.

    Returns
    -------
    array of shape (draws, len(MEASURES))
        In the order of `MEASURES`; missing where nobody or everybody left.

    Notes
    -----
    ROC AUC: the chance that a leaver gets the higher probability than a stayer, ties counted half. PR AUC: average
    precision, sum over customers by falling probability of precision x gain of recall. Brier score: mean squared
    error. Slope and intercept: those of a logistic regression of leaving on the log odds of the prediction (1 and 0 are
    perfect); the intercept is that with the slope held at 1, calibration in the large (Cox 1958; Steyerberg 2019).
    Calibration error: the root of the mean squared gap between the share that left and the mean prediction in ten bins
    of equal size, less what chance alone would give (Kumar, Liang and Ma 2019). Lift: the share that left among the
    tenth with the highest predictions, by the share of all; ties at the border count in part.

    References
    ----------
    Kumar, A., Liang, P. and Ma, T. (2019). Verified uncertainty calibration. NeurIPS 32.
    Steyerberg, E. W. (2019). Clinical Prediction Models, 2nd ed. Springer, chapter 15.
    """
    order = np.argsort(-chance, kind="stable")
    y, p = left[order].astype("float64"), np.clip(chance[order], _EDGE, 1 - _EDGE)
    w = np.ones((1, len(y))) if weights is None else weights[:, order]
    logit = np.log(p / (1 - p))
    total = w.sum(axis=1)
    gone = w @ y
    with np.errstate(divide="ignore", invalid="ignore"):
        # Customers with the same prediction stand or fall together.
        ends = np.append(np.flatnonzero(np.diff(p)), len(p) - 1)
        reached = np.cumsum(w, axis=1)[:, ends]
        caught = np.cumsum(w * y, axis=1)[:, ends]
        false = reached - caught
        before = np.concatenate([np.zeros((len(w), 1)), false[:, :-1]], axis=1)
        begun = np.concatenate([np.zeros((len(w), 1)), caught[:, :-1]], axis=1)
        roc = ((false - before) * (caught + begun) / 2).sum(axis=1) / (gone * (total - gone))
        step = caught - begun
        pr = np.where(reached > 0, step * caught / np.maximum(reached, 1e-300), 0).sum(axis=1) / gone
        brier = w @ (p - y) ** 2 / total
        loss = -(w @ (y * np.log(p) + (1 - y) * np.log1p(-p))) / total
        intercept, slope = _calibration(y, logit, w)
        error = _calibration_error(y, p, w, total)
        tenth = 0.1 * total
        lift = _caught_at(tenth, reached, caught) / tenth / (gone / total)
    found = np.column_stack([roc, pr, brier, loss, slope, intercept, error, lift])
    return np.where(((gone > 0) & (gone < total))[:, None], found, np.nan)


def roc_auc(left: np.ndarray, chance: np.ndarray) -> float:
    """Return the chance that a leaver gets a higher probability than a stayer; missing where there is one kind only."""
    gone = int(left.sum())
    if not 0 < gone < len(left):
        return float("nan")
    ranks = rankdata(chance)
    return float((ranks[left == 1].sum() - gone * (gone + 1) / 2) / (gone * (len(left) - gone)))


def _caught_at(depth: np.ndarray, reached: np.ndarray, caught: np.ndarray) -> np.ndarray:
    """Leavers among the first `depth` customers; within a tie they are spread evenly."""
    place = (reached < depth[:, None]).sum(axis=1)
    rows = np.arange(len(depth))
    before, begun = (
        np.where(place > 0, cumulated[rows, np.maximum(place - 1, 0)], 0.0) for cumulated in (reached, caught)
    )
    width, gain = reached[rows, place] - before, caught[rows, place] - begun
    return begun + gain * (depth - before) / width


def _calibration(y: np.ndarray, logit: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Intercept (slope held at 1) and slope of the logistic recalibration, by Newton's method in all draws at once."""
    if np.ptp(logit) < _FLAT:
        slope = np.full(len(w), np.nan)
    else:
        centre = logit.mean()
        x = logit - centre
        a, b = np.full(len(w), centre), np.ones(len(w))
        for _ in range(30):
            fitted = _expit(a[:, None] + b[:, None] * x)
            spread = w * fitted * (1 - fitted)
            residual = w * (y - fitted)
            g0, g1 = residual.sum(axis=1), residual @ x
            h00, h01, h11 = spread.sum(axis=1), spread @ x, spread @ x**2
            det = np.maximum(h00 * h11 - h01**2, 1e-300)
            da, db = (h11 * g0 - h01 * g1) / det, (h00 * g1 - h01 * g0) / det
            a, b = a + np.clip(da, -2, 2), b + np.clip(db, -2, 2)
            if max(np.abs(da).max(), np.abs(db).max()) < 1e-8:
                break
        slope = b
    shift = np.zeros(len(w))
    for _ in range(30):
        fitted = _expit(shift[:, None] + logit)
        step = (w * (y - fitted)).sum(axis=1) / np.maximum((w * fitted * (1 - fitted)).sum(axis=1), 1e-300)
        shift = shift + np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-8:
            break
    return shift, slope


def _expit(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(values, -500, 500)))


def _calibration_error(y: np.ndarray, p: np.ndarray, w: np.ndarray, total: np.ndarray) -> np.ndarray:
    edges = np.linspace(0, len(y), BINS + 1).astype(int)[:-1]
    size = np.add.reduceat(w, edges, axis=1) if len(y) >= BINS else w
    gone = np.add.reduceat(w * y, edges, axis=1) if len(y) >= BINS else w * y
    said = np.add.reduceat(w * p, edges, axis=1) if len(y) >= BINS else w * p
    held = np.maximum(size, 1e-300)
    share = gone / held
    noise = np.where(size > 1, share * (1 - share) / np.maximum(size - 1, 1), 0)
    squares = ((size / total[:, None]) * ((share - said / held) ** 2 - noise)).sum(axis=1)
    return np.sqrt(np.maximum(squares, 0))


def compare(
    left: np.ndarray, chances: Mapping[str, np.ndarray], *, reference: str, resamples: int = 500, seed: int = 0
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measure models on the same customers.

    Parameters
    ----------
    left : array of shape (n,)
        1 for who left, else 0.
    chances : mapping of str to array of shape (n,)
        Model -> probability of leaving.
    reference : str
        The model that the others are set against.
    resamples : int
        Bootstrap resamples of the customers; each is the same for all models, so that differences are paired.
    seed : int
        Of the resamples.

    Returns
    -------
    models : DataFrame
        One row per model: each measure with ``_low`` and ``_high``, its 95 % percentile interval.
    differences : DataFrame
        One row per other model and measure: model, measure, difference (model less reference), low, high.

    Raises
    ------
    UsageError
        If resamples or seed are no whole numbers, or too low.
    """
    resamples = options.whole(resamples, "resamples", caller="churn", least=1)
    generator = np.random.default_rng(options.whole(seed, "seed", caller="churn"))
    n = len(left)
    rows = np.sort(generator.permutation(n)[:_ROWS]) if n > _ROWS else np.arange(n)
    narrow = np.sqrt(len(rows) / n)
    names = list(chances)
    points = {name: measure(left, chances[name])[0] for name in names}
    found: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for weights in resampling.counts(generator, size=len(rows), resamples=resamples):
        for name in names:
            found[name].append(measure(left[rows], chances[name][rows], weights))
    whole = {name: np.concatenate(blocks) for name, blocks in found.items()}

    def ends(draws: np.ndarray, point: np.ndarray) -> np.ndarray:
        """Percentile ends of each measure; from part of the customers, narrowed about the estimate."""
        sound = np.isfinite(draws)
        both = np.full((2, draws.shape[1]), np.nan)
        for place in np.flatnonzero(sound.mean(axis=0) > 0.5):
            low, middle, high = np.quantile(draws[sound[:, place], place], [0.025, 0.5, 0.975])
            both[:, place] = (low, high) if narrow == 1 else point[place] + narrow * (np.array([low, high]) - middle)
        return both

    rows_of_models = []
    for name in names:
        low, high = ends(whole[name], points[name])
        row: dict[str, object] = {"model": name}
        for place, key in enumerate(MEASURES):
            row |= {key: points[name][place], f"{key}_low": low[place], f"{key}_high": high[place]}
        rows_of_models.append(row)
    against = []
    for name in names:
        if name == reference:
            continue
        point = points[name] - points[reference]
        low, high = ends(whole[name] - whole[reference], point)
        against += [
            {"model": name, "measure": key, "difference": point[place], "low": low[place], "high": high[place]}
            for place, key in enumerate(MEASURES)
        ]
    return pd.DataFrame(rows_of_models), pd.DataFrame(
        against, columns=["model", "measure", "difference", "low", "high"]
    )
