"""Baselines: simple rules that a model has to beat, and how well any score or forecast did."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from crm_analysis.proportion import Z, bounds


@dataclass(frozen=True)
class Guess:
    """What a method says before the holdout: a forecast of counts (or none) and a score of buying at all (or none)."""

    method: str
    counts: np.ndarray | None
    score: np.ndarray | None


def guesses(summary: pd.DataFrame, *, periods: float, hiatus: float) -> list[Guess]:
    """Return the baselines' forecasts.

    Parameters
    ----------
    summary : DataFrame
        frequency, recency and age of each customer.
    periods, hiatus : float
        Length of the holdout; silence after which the rule of the hiatus takes a customer for gone.

    Returns
    -------
    list of Guess
        - *constant rate*: everyone goes on at the own rate, frequency / age;
        - *frequency*: everyone buys as often as so far, for the length of the holdout by that of the longest history;
        - *hiatus*: who was silent for longer than the hiatus is gone, the others go on at the own rate; as a score the
          time since the last purchase, the shorter the better;
        - *nobody buys*.
    """
    frequency, age = (summary[name].to_numpy("float64") for name in ("frequency", "age"))
    silence = age - summary["recency"].to_numpy("float64")
    rate = frequency / np.where(age > 0, age, np.inf)
    longest = max(float(age.max()), 1e-9)
    return [
        Guess("constant rate", rate * periods, rate),
        Guess("frequency", frequency * periods / longest, frequency),
        Guess("hiatus", np.where(silence <= hiatus, rate * periods, 0.0), -silence),
        Guess("nobody buys", np.zeros(len(summary)), None),
    ]


def judge(guess: Guess, actual: np.ndarray) -> dict[str, object]:
    """Compare a guess with what happened.

    Parameters
    ----------
    guess : Guess
        For n customers.
    actual : array of shape (n,)
        Purchases in the holdout.

    Returns
    -------
    dict
        method, predicted_total, mae, rmse, auc with 95 % intervals (``_low``, ``_high``): of mean absolute and root
        mean squared error on the log scale from their spread over customers, of the AUC from the placements of
        DeLong et al. (1988); missing what the guess does not say.

    References
    ----------
    DeLong, E. R., DeLong, D. M. and Clarke-Pearson, D. L. (1988). Comparing the areas under two or more correlated
    receiver operating characteristic curves. Biometrics 44, 837-845.
    """
    row: dict[str, object] = {"method": guess.method, "predicted_total": np.nan}
    for name in ("mae", "rmse", "auc"):
        row |= {f"{name}{end}": np.nan for end in ("", "_low", "_high")}
    if guess.counts is not None:
        off = guess.counts - actual
        row["predicted_total"] = float(guess.counts.sum())
        row |= _named("mae", *_positive_mean(np.abs(off)))
        row |= _named("rmse", *np.sqrt(_positive_mean(off**2)))
    if guess.score is not None:
        row |= _named("auc", *auc(guess.score, actual > 0))
    return row


def auc(score: np.ndarray, buyer: np.ndarray) -> tuple[float, float, float]:
    """Return the chance that a buyer's score is above a non-buyer's (ties count half), with its 95 % interval.

    Parameters
    ----------
    score : array of shape (n,)
        The higher, the likelier to buy.
    buyer : boolean array of shape (n,)

    Returns
    -------
    tuple of float
        Missing where everybody or nobody bought.
    """
    placements = _placements(score, buyer)
    if placements is None:
        return np.nan, np.nan, np.nan
    area, influence = placements
    return (area, *bounds(area, influence))


def auc_difference(one: np.ndarray, other: np.ndarray, buyer: np.ndarray) -> tuple[float, float, float]:
    """Return by how much the AUC of one score exceeds that of another of the same customers, with its 95 % interval."""
    first, second = _placements(one, buyer), _placements(other, buyer)
    if first is None or second is None:
        return np.nan, np.nan, np.nan
    influence = first[1] - second[1]
    difference, n = first[0] - second[0], len(influence)
    half = Z * float(np.sqrt((influence**2).sum() / (n * (n - 1))))
    return difference, difference - half, difference + half


def _placements(score: np.ndarray, buyer: np.ndarray) -> tuple[float, np.ndarray] | None:
    """The area, and how much each customer moves it."""
    from scipy.stats import rankdata

    n, buyers = len(score), int(buyer.sum())
    if buyers in (0, n):
        return None
    ranks = rankdata(score)
    placed = np.empty(n)
    placed[buyer] = (ranks[buyer] - rankdata(score[buyer])) / (n - buyers)
    placed[~buyer] = 1 - (ranks[~buyer] - rankdata(score[~buyer])) / buyers
    area = float(placed[buyer].mean())
    return area, np.where(buyer, n / buyers, n / (n - buyers)) * (placed - area)


def _positive_mean(values: np.ndarray) -> np.ndarray:
    mean, n = float(values.mean()), len(values)
    if mean == 0 or n < 2:
        return np.array([mean, mean if n > 1 else np.nan, mean if n > 1 else np.nan])
    error = float(values.std(ddof=1)) / np.sqrt(n) / mean
    return mean * np.exp(np.array([0.0, -Z * error, Z * error]))


def _named(name: str, value: float, low: float, high: float) -> dict[str, object]:
    return {name: float(value), f"{name}_low": float(low), f"{name}_high": float(high)}
