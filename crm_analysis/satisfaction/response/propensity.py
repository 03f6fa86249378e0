"""Propensity: the chance to answer, from what was known before, and what it makes of a mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crm_analysis import discrimination
from crm_analysis.proportion import Z

FOLDS = 5
FEWEST = 20
"""So many customers who answered, and who did not, are needed for a model."""

LARGEST = 5.0
"""No weight is above so many times the mean weight."""


@dataclass(frozen=True, eq=False)
class Propensity:
    """A logistic model of answering.

    Attributes
    ----------
    chance : array of shape (n,)
        Of each customer to answer, fitted to all of them.
    auc : tuple of float
        Area under the ROC curve with its interval (95 %), each customer scored by a model that has not seen them.
    scores : array of shape (n, k)
        Slopes of each customer's log-likelihood: they correct errors for the model being estimated.
    answered : boolean array of shape (n,)
        Who answered.
    """

    chance: np.ndarray
    auc: tuple[float, float, float]
    scores: np.ndarray
    answered: np.ndarray

    @property
    def weights(self) -> np.ndarray:
        """Inverse chances of those who answered, cut at `LARGEST`, with mean 1; 0 for the others, shape (n,)."""
        raw = np.where(self.answered, 1 / self.chance, 0.0)
        raw = raw / raw[self.answered].mean()
        cut = np.minimum(raw, LARGEST)
        return cut / cut[self.answered].mean()

    @property
    def likeness(self) -> np.ndarray:
        """Weights that make those who did not answer like those who did: their odds to answer, shape (n,)."""
        odds = np.where(self.answered, 0.0, self.chance / (1 - self.chance))
        odds = odds / odds[~self.answered].mean()
        return np.minimum(odds, LARGEST)

    def half_width(self, weighted: np.ndarray, plain: np.ndarray) -> float:
        """Return half the interval (95 %) of a weighted mean less a plain one, from each unit's influence on both.

        With estimated instead of true chances a weighted mean is more exact: what its influences share with the
        slopes of the model is taken away (Lunceford and Davidian 2004, Statistics in Medicine 23, 2937-2960).
        """
        n = len(weighted)
        slopes = np.linalg.lstsq(self.scores, weighted, rcond=None)[0]
        left = weighted - self.scores @ slopes - plain
        return Z * float(np.sqrt((left**2).sum() / (n * (n - 1))))


def fit(features: np.ndarray, answered: np.ndarray, *, seed: int) -> Propensity:
    """Fit the chance to answer by logistic regression with a slight ridge (penalty 1 on standardised features).

    Parameters
    ----------
    features : array of shape (n, k)
        Standardised, see `features.matrix`.
    answered : boolean array of shape (n,)
        At least `FEWEST` of either kind.
    seed : int
        Of the folds.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    model = LogisticRegression(solver="newton-cholesky", tol=1e-8)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    unseen = cross_val_predict(model, features, answered, cv=folds, method="predict_proba")[:, 1]
    chance = model.fit(features, answered).predict_proba(features)[:, 1]
    scores = (answered - chance)[:, None] * np.column_stack([np.ones(len(features)), features])
    return Propensity(chance, discrimination.auc(unseen, answered), scores, answered)


def reweighted(model: Propensity, values: np.ndarray) -> dict[str, float]:
    """Return the mean of those who answered, plain and weighted, and their difference with its interval (95 %).

    Parameters
    ----------
    model : Propensity
        Of n customers.
    values : array of shape (n,)
        Not a number for who did not answer, or did not answer everything.
    """
    known = np.isfinite(values)
    filled, weights = np.where(known, values, 0.0), np.where(known, model.weights, 0.0)
    plain, weighted = float(filled[known].mean()), float((weights * filled).sum() / weights.sum())
    by_weights = weights * (filled - weighted) / weights.mean()
    as_answered = known * (filled - plain) / known.mean()
    nothing = np.zeros(len(values))
    found: dict[str, float] = {}
    for name, value, parts in (
        ("plain", plain, (nothing, as_answered)),
        ("weighted", weighted, (by_weights, nothing)),
        ("change", weighted - plain, (by_weights, as_answered)),
    ):
        half = model.half_width(*parts)
        found |= {name: value, f"{name}_low": value - half, f"{name}_high": value + half}
    return found


def contrast(model: Propensity, happened: np.ndarray) -> tuple[float, float, float]:
    """Return by how much a share is higher among those who answered than among the others alike, with interval."""
    answered, weights = model.answered, model.likeness
    one = float(happened[answered].mean())
    other = float((weights * happened).sum() / weights.sum())
    half = model.half_width(
        weights * (happened - other) / weights.mean(), answered * (happened - one) / answered.mean()
    )
    return one - other, one - other - half, one - other + half
