"""Stability: do the same clusters come back when other customers are drawn? (Hennig 2007)"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crm_analysis.segmentation.grouping.partition import Partition, divide

STABLE = 0.75
DISSOLVES = 0.6
"""Mean Jaccard similarity from which a cluster is stable, and below which it dissolves; between them it is doubtful."""


@dataclass(frozen=True)
class Stability:
    """How often clusters come back.

    Attributes
    ----------
    jaccard : array of shape (groups,)
        Mean over resamples of the largest Jaccard similarity with a cluster of the resample.
    agreement : float
        Mean adjusted Rand index between the divisions of pairs of resamples.
    """

    jaccard: np.ndarray
    agreement: float


def measure(
    points: np.ndarray, partition: Partition, *, method: str, resamples: int, generator: np.random.Generator
) -> Stability:
    """Divide bootstrap samples anew and compare.

    Parameters
    ----------
    points : array of shape (n, coordinates)
        The customers resampled.
    partition : Partition
        The division in question.
    method : str
        As in `partition.divide`.
    resamples : int
        Bootstrap samples, 2 or more.
    generator : Generator
        For the draws.

    Returns
    -------
    Stability

    Notes
    -----
    For a cluster C and a bootstrap sample b, gamma_b = max over clusters D of the sample's own division of
    |C and D| / |C or D| among the customers drawn, each counted once; a cluster's stability is the mean of gamma_b over
    the samples that drew one of its customers. Hennig (2007, 2008) calls .75 and more a valid, stable cluster, .6 to
    .75 a pattern that may be doubted, and trusts none below .6. The adjusted Rand index (Hubert and Arabie 1985) is
    between the divisions of two samples, both applied to all customers.

    References
    ----------
    Hennig, C. (2007). Cluster-wise assessment of cluster stability. Computational Statistics and Data Analysis 52,
    258-271.
    Hennig, C. (2008). Dissolution point and isolation robustness: robustness criteria for general cluster analysis
    methods. Journal of Multivariate Analysis 99, 1154-1176.
    Hubert, L. and Arabie, P. (1985). Comparing partitions. Journal of Classification 2, 193-218.
    """
    first, count = partition.groups(points), len(partition.centres)
    found, agreements, before = [], [], None
    for _ in range(resamples):
        drawn = generator.integers(len(points), size=len(points))
        again = divide(points[drawn], count=count, method=method, seed=int(generator.integers(2**31)), starts=3)
        every = again.groups(points)
        once = np.unique(drawn)
        found.append(_best_match(_crossed(first[once], every[once], count)))
        if before is not None:
            agreements.append(adjusted_rand(_crossed(before, every, count)))
        before = every
    matches = np.array(found)
    known = np.isfinite(matches)
    jaccard = np.where(known, matches, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return Stability(jaccard, float(np.mean(agreements)))


def verdict(jaccard: float) -> str:
    """Say what a cluster's mean Jaccard similarity means: ``stable``, ``doubtful`` or ``dissolves``."""
    return "stable" if jaccard >= STABLE else "doubtful" if jaccard >= DISSOLVES else "dissolves"


def _crossed(first: np.ndarray, second: np.ndarray, count: int) -> np.ndarray:
    return np.bincount(first * count + second, minlength=count * count).reshape(count, count)


def _best_match(counts: np.ndarray) -> np.ndarray:
    """Largest Jaccard similarity of each row's cluster; missing where none of its customers was drawn."""
    either = counts.sum(axis=1, keepdims=True) + counts.sum(axis=0, keepdims=True) - counts
    best = (counts / np.maximum(either, 1)).max(axis=1)
    return np.where(counts.sum(axis=1) > 0, best, np.nan)


def adjusted_rand(counts: np.ndarray) -> float:
    """Return the adjusted Rand index of two divisions from their cross table; 1 where they are the same."""

    def pairs(sizes: np.ndarray) -> float:
        return float((sizes * (sizes - 1.0) / 2).sum())

    both, rows, columns, every = (
        pairs(part) for part in (counts, counts.sum(axis=1), counts.sum(axis=0), counts.sum(keepdims=True))
    )
    by_chance = rows * columns / every if every else 0.0
    most = (rows + columns) / 2
    return 1.0 if most == by_chance else (both - by_chance) / (most - by_chance)
