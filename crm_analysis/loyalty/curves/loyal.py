"""Loyal: who counts as loyal, by behaviour and, where it is known, by attitude too (Dick and Basu 1994)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

_FEW_LEVELS = 5


@dataclass(frozen=True, eq=False)
class Loyal:
    """Whether each customer is loyal, what that means, and the number with its cut that decides it, if there is one."""

    loyal: np.ndarray
    means: str
    score: np.ndarray | None
    cut: float


def decide(
    rows: pd.DataFrame, *, loyal_from: float | None, attitude_from: float | None, weight: np.ndarray | None = None
) -> Loyal:
    """Decide who is loyal.

    Parameters
    ----------
    rows : DataFrame
        ``behaviour`` and perhaps ``attitude``, complete.
    loyal_from, attitude_from : float or None
        The cuts; None: 1 for behaviour of 0 and 1, otherwise the median.
    weight : array of shape (n,), optional
        How much each customer counts for a median.

    Returns
    -------
    Loyal
        Where behaviour and attitude are both measured finely, the score is the smaller of their distances from the cut,
        in standard deviations: loyal is who lacks neither.
    """
    done = rows["behaviour"].to_numpy()
    binary = bool(np.isin(done, [0, 1]).all())
    cut = (1.0 if binary else _middle(done, weight)) if loyal_from is None else float(loyal_from)
    loyal = done >= cut
    means = "the behaviour was shown" if binary else f"behaviour of at least {round(cut, 3):g}"
    if "attitude" not in rows:
        return Loyal(loyal, means, None if binary else done, cut)
    felt = rows["attitude"].to_numpy()
    least = _middle(felt, weight) if attitude_from is None else float(attitude_from)
    both = loyal & (felt >= least)
    means += f" and attitude of at least {round(least, 3):g}"
    if binary or len(np.unique(felt)) <= _FEW_LEVELS:
        return Loyal(both, means, None, cut)
    score = np.minimum((done - cut) / _spread(done), (felt - least) / _spread(felt))
    return Loyal(both, means, score, 0.0)


def _middle(values: np.ndarray, weight: np.ndarray | None) -> float:
    """The median; where half of the values are the lowest one, the next above it."""
    if not len(values):
        return 0.0
    if weight is None:
        middle = float(np.median(values))
    else:
        order = np.argsort(values, kind="stable")
        share = np.cumsum(weight[order]) / weight.sum()
        # An even split of the weights has its median half-way, as without weights.
        ends = np.minimum(np.searchsorted(share, [0.5 - 1e-9, 0.5 + 1e-9]), len(values) - 1)
        middle = float(values[order[ends]].mean())
    above = values[values > values.min()]
    return float(above.min()) if middle <= values.min() and len(above) else middle


def _spread(values: np.ndarray) -> float:
    return max(float(values.std()), 1e-12)
