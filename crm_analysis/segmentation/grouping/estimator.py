"""The estimator: clusters learned from customers, which place customers that were not there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClusterMixin

from crm_analysis import options
from crm_analysis.errors import DataError, UsageError
from crm_analysis.segmentation.grouping import choice, encoding, profiling, stability
from crm_analysis.segmentation.grouping.encoding import BEHAVIOUR
from crm_analysis.segmentation.grouping.partition import METHODS, divide
from crm_analysis.table import count as counted

FEWEST = 2 * choice.FEWEST_PER_CLUSTER
"""With fewer customers there is nothing to look for."""


class Clusters(ClusterMixin, BaseEstimator):
    """Clusters of customers by what they do, their number chosen by stability, separation and size.

    Parameters
    ----------
    method : {"kmeans", "mixture"}
        Least squares about centres, or a mixture of normal distributions.
    count : int, optional
        How many clusters; by default (or 0) the largest sound number from 2 to `most`, and 1 where none is sound. A
        number is sound if no cluster holds less than `smallest` of the customers, every pair of clusters has a valley
        between its two (see `grouping.separation`), and the clusters come back in resamples: Jaccard similarity of .75
        or more in the mean over customers, .6 or more in the worst cluster.
    features : sequence of str, optional
        Columns; by default those of `BEHAVIOUR` that are there. Numbers, yes and no, or words: see `grouping.encoding`.
    most : int
        The largest number tried.
    smallest : float
        The least share of the customers that a cluster must hold.
    resamples : int
        Bootstrap samples for each number tried.
    sample : int
        The number is chosen, and stability measured, on at most so many customers drawn by lot.
    seed : int
        For starts and draws.

    Attributes
    ----------
    encoding_ : Encoding
        How customers become points.
    choice_ : DataFrame
        One row per number tried; see `grouping.choice.compare`.
    count_ : int
        Clusters.
    sound_ : bool
        Whether the number taken is sound; a number that was given need not be.
    labels_ : int array of shape (n,)
        The cluster of each customer, from 0, the largest first.
    stability_ : array of shape (count_,)
        Mean Jaccard similarity of each cluster over the resamples; missing where there is one.
    names_ : tuple of str
        Names proposed from the profiles.
    profiles_ : DataFrame
        See `grouping.profiling.describe`.
    sampled_ : int
        Customers on whom the number was chosen.

    Raises
    ------
    UsageError
        If a parameter is not understood.
    DataError
        If there are fewer than 20 customers, fewer than 10 for each cluster asked for, or nothing tells them apart.

    References
    ----------
    Hennig, C. (2007). Cluster-wise assessment of cluster stability. Computational Statistics and Data Analysis 52,
    258-271.
    """

    def __init__(
        self,
        *,
        method: str = "kmeans",
        count: int | None = None,
        features: Sequence[str] | None = None,
        most: int = 8,
        smallest: float = 0.02,
        resamples: int = 50,
        sample: int = 2000,
        seed: int = 0,
    ):
        self.method = method
        self.count = count
        self.features = features
        self.most = most
        self.smallest = smallest
        self.resamples = resamples
        self.sample = sample
        self.seed = seed

    def fit(self, customers: pd.DataFrame, y: object = None) -> Self:
        """Find the clusters of `customers`, a frame with one row per customer and a column per feature."""
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        # Hundreds of small fits: threads would wait for each other on a busy machine, and move the last bits.
        with threadpool_limits(limits=1):
            return self._learn(customers)

    def _learn(self, customers: pd.DataFrame) -> Self:
        self._check(customers)
        self.encoding_ = encoding.learn(customers, used(customers, self.features))
        points = self.encoding_.points(customers)
        generator = np.random.default_rng([self.seed, 0])
        drawn = np.sort(generator.permutation(len(points))[: self.sample])
        spread = self.encoding_.points(customers.iloc[drawn], spread=generator)
        self.sampled_ = len(drawn)
        tried = set(choice.candidates(points[drawn], self.most))
        self.choice_, divisions = choice.compare(
            points[drawn],
            spread,
            counts=sorted(tried | ({self.count} if self.count and self.count > 1 else set())),
            method=self.method,
            smallest=self.smallest,
            resamples=self.resamples,
            seed=self.seed,
        )
        sound = self.choice_.loc[self.choice_["verdict"] == "sound", "clusters"].tolist()
        self.count_ = self.count or choice.best(self.choice_)
        self.sound_ = self.count_ in sound
        jaccard = np.full(1, np.nan)
        if self.count_ > 1 and len(drawn) == len(points):
            self.partition_, steady = divisions[self.count_]
            jaccard = steady.jaccard
        else:
            self.partition_ = divide(points, count=self.count_, method=self.method, seed=self.seed)
            if self.count_ > 1:
                jaccard = stability.measure(
                    points[drawn], self.partition_, method=self.method, resamples=self.resamples, generator=generator
                ).jaccard
        groups = self.partition_.groups(points)
        self.order_ = np.argsort(-np.bincount(groups, minlength=self.count_), kind="stable")
        self.stability_ = jaccard[self.order_]
        self.labels_ = self._ranked(groups)
        numbered = profiling.describe(customers, self.encoding_, self.labels_, [str(i) for i in range(self.count_)])
        self.names_ = tuple(profiling.name(numbered, features=len(self.encoding_.features)))
        self.profiles_ = numbered.assign(cluster=[self.names_[int(place)] for place in numbered["cluster"]])
        return self

    def predict(self, customers: pd.DataFrame) -> np.ndarray:
        """Return the cluster of each customer, from 0; customers need not have been there when clusters were found."""
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(self, "partition_")
        return self._ranked(self.partition_.groups(self.encoding_.points(customers)))

    def name(self, customers: pd.DataFrame) -> pd.Series:
        """Return the name of each customer's cluster, indexed by ``customer_id`` (else like `customers`)."""
        index = pd.Index(customers["customer_id"]) if "customer_id" in customers.columns else customers.index
        names = np.array(self.names_, dtype=object)[self.predict(customers)]
        return pd.Series(names, index=index, name="cluster", dtype="object")

    def certainty(self, customers: pd.DataFrame) -> np.ndarray:
        """Return how surely each customer is in its cluster, 0 to 1; see `grouping.partition.Partition.certainty`."""
        return self.partition_.certainty(self.encoding_.points(customers))

    def _ranked(self, groups: np.ndarray) -> np.ndarray:
        return np.argsort(self.order_, kind="stable")[groups]

    def _check(self, customers: pd.DataFrame) -> None:
        if self.method not in METHODS:
            raise UsageError(f"clusters: method must be one of {', '.join(METHODS)}, not {self.method!r}.")
        limits = {"most": 2, "resamples": 2, "sample": 100, "count": 0}
        for parameter, least in limits.items():
            given = getattr(self, parameter)
            if parameter == "count" and given is None:
                continue
            options.whole(given, parameter, caller="clusters", least=least)
        if not 0 <= self.smallest < 0.5:
            raise UsageError(f"clusters: smallest must be a share from 0 to below 0.5, not {self.smallest!r}.")
        if len(customers) < FEWEST:
            raise DataError(f"clusters: {counted(len(customers), 'customer')} are too few; it takes {FEWEST}.")
        if self.count and self.count * choice.FEWEST_PER_CLUSTER > min(len(customers), self.sample):
            raise DataError(
                f"clusters: {self.count} clusters of {counted(len(customers), 'customer')} are too many; ask for at "
                f"most {min(len(customers), self.sample) // choice.FEWEST_PER_CLUSTER}."
            )


def used(customers: pd.DataFrame, features: Sequence[str] | None) -> list[str]:
    """Return the features to divide by: those given, else those of `BEHAVIOUR` that are there."""
    if features is not None:
        return list(features)
    return [name for name in BEHAVIOUR if name in customers.columns]
