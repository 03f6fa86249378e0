"""Choice: into how many clusters, weighing stability, separation and size, with the silhouette beside them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from crm_analysis.segmentation.grouping import separation, stability
from crm_analysis.segmentation.grouping.partition import Partition, divide

REPLICATES = 299
FEWEST_PER_CLUSTER = 10

COLUMNS = (
    "clusters", "jaccard_mean", "jaccard_worst", "agreement", "p_one_crowd", "silhouette", "smallest_share", "verdict",
)  # fmt: skip


def candidates(points: np.ndarray, most: int) -> range:
    """Return the numbers of clusters that these points allow: ten points, and a place of its own, for each cluster."""
    distinct = len(np.unique(points.round(9), axis=0))
    return range(2, min(most, distinct - 1, len(points) // FEWEST_PER_CLUSTER) + 1)


def compare(
    points: np.ndarray,
    spread: np.ndarray,
    *,
    counts: range | list[int],
    method: str,
    smallest: float,
    resamples: int,
    seed: int,
) -> tuple[pd.DataFrame, dict[int, tuple[Partition, stability.Stability]]]:
    """Try every number of clusters.

    Parameters
    ----------
    points : array of shape (n, coordinates)
        The customers tried on.
    spread : array of shape (n, coordinates)
        The same with counts dealt over their unit.
    counts : sequence of int
        Numbers of clusters.
    method : str
        As in `partition.divide`.
    smallest : float
        The least share of the customers that a cluster must hold.
    resamples : int
        Bootstrap samples for each number.
    seed : int
        For all draws; each number draws from a stream of its own.

    Returns
    -------
    tuple of (DataFrame, dict)
        One row per number (`COLUMNS`; verdict is ``sound`` or says what is wrong), and the divisions.
    """
    rows, divisions = [], {}
    for count in counts:
        generator = np.random.default_rng([seed, count])
        found = divide(points, count=count, method=method, seed=seed)
        groups = found.groups(points)
        steady = stability.measure(points, found, method=method, resamples=resamples, generator=generator)
        sizes = np.bincount(groups, minlength=count) / len(points)
        crowd = separation.one_crowd(spread, found, replicates=REPLICATES, generator=generator)
        row = {
            "clusters": count,
            "jaccard_mean": float(sizes @ steady.jaccard),
            "jaccard_worst": float(steady.jaccard.min()),
            "agreement": steady.agreement,
            "p_one_crowd": crowd,
            "silhouette": silhouette(points, groups),
            "smallest_share": float(sizes.min()),
        }
        rows.append({**row, "verdict": _verdict(row, smallest)})
        divisions[count] = (found, steady)
    return pd.DataFrame(rows, columns=list(COLUMNS)), divisions


def best(table: pd.DataFrame) -> int:
    """Return the number to take: the largest that is sound, or 1 where none is."""
    sound = table.loc[table["verdict"] == "sound", "clusters"]
    return int(sound.max()) if len(sound) else 1


def steadiest(table: pd.DataFrame) -> pd.Series | None:
    """Return the row of the division that comes back best, of those without too small a cluster."""
    large = table[table["verdict"] != "too small a cluster"]
    return None if large.empty else large.loc[large["jaccard_worst"].idxmax()]


def silhouette(points: np.ndarray, groups: np.ndarray) -> float:
    """Return the mean silhouette width (Rousseeuw 1987); missing where all are in one group."""
    from sklearn.metrics import silhouette_score

    known = len(np.unique(groups))
    return float(silhouette_score(points, groups)) if 1 < known < len(points) else np.nan


def _verdict(row: dict[str, float], smallest: float) -> str:
    if row["smallest_share"] < smallest:
        return "too small a cluster"
    if row["p_one_crowd"] >= separation.LEVEL:
        return "no valley between two"
    if row["jaccard_worst"] < stability.DISSOLVES or row["jaccard_mean"] < stability.STABLE:
        return "does not come back"
    return "sound"
