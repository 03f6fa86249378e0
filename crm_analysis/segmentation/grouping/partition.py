"""Partition: points divided into a number of groups, by k-means or a mixture of normal distributions."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from crm_analysis.errors import UsageError

METHODS = ("kmeans", "mixture")


@dataclass(frozen=True)
class Partition:
    """A division of the space in which customers are points.

    Attributes
    ----------
    model : estimator of scikit-learn or None
        None where all are in one group.
    centres : array of shape (groups, coordinates)
        The mean of each group.
    """

    model: Any
    centres: np.ndarray

    def groups(self, points: np.ndarray) -> np.ndarray:
        """Return the group of each point, from 0."""
        if self.model is None or not len(points):
            return np.zeros(len(points), dtype=int)
        return np.asarray(self.model.predict(points), dtype=int)

    def certainty(self, points: np.ndarray) -> np.ndarray:
        """Return how surely each point is in its group, 0 to 1.

        A mixture gives the probability; k-means, which has none, 1 - d1 / d2, where d1 and d2 are the distances to the
        nearest centre and to the next: 0 upon the boundary, 1 upon the centre.
        """
        if self.model is None or not len(points):
            return np.ones(len(points))
        if hasattr(self.model, "predict_proba"):
            return np.asarray(self.model.predict_proba(points).max(axis=1))
        nearest, following = np.sort(self.model.transform(points), axis=1)[:, :2].T
        return 1 - nearest / np.maximum(following, 1e-12)


def divide(points: np.ndarray, *, count: int, method: str, seed: int, starts: int = 10) -> Partition:
    """Divide points into groups.

    Parameters
    ----------
    points : array of shape (n, coordinates)
    count : int
        Groups; with one nothing is fitted.
    method : {"kmeans", "mixture"}
        Least squares about the centres (Lloyd 1982, started by Arthur and Vassilvitskii 2007), or a mixture of normal
        distributions with a covariance each, by expectation and maximisation (McLachlan and Peel 2000).
    seed : int
        For the starts.
    starts : int
        Tries, of which the best counts.

    Returns
    -------
    Partition
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    if method not in METHODS:
        raise UsageError(f"clusters: method must be one of {', '.join(METHODS)}, not {method!r}.")
    if count == 1:
        return Partition(None, points.mean(axis=0, keepdims=True))
    with warnings.catch_warnings():
        # Points that coincide leave a group empty, and a start may stop early; the best of the starts counts.
        warnings.simplefilter("ignore", ConvergenceWarning)
        if method == "kmeans":
            fitted = KMeans(count, n_init=starts, random_state=seed).fit(points)
            return Partition(fitted, fitted.cluster_centers_)
        few = max(1, starts // 3)
        fitted = GaussianMixture(count, n_init=few, reg_covar=1e-3, max_iter=300, random_state=seed).fit(points)
    return Partition(fitted, fitted.means_)
