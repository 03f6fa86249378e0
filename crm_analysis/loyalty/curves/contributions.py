"""Contributions: what the explanations explain together, shared out among them whatever their order."""

from __future__ import annotations

from itertools import combinations
from math import factorial

import numpy as np
import pandas as pd

from crm_analysis.loyalty.curves.binning import Draws
from crm_analysis.loyalty.curves.design import BASE, COMPETITION, Design
from crm_analysis.resampling import percentile


def share_out(design: Design, outcome: np.ndarray, satisfied: np.ndarray, at: np.ndarray, drawn: Draws) -> pd.DataFrame:
    """Share out among the explanations what they explain, each averaged over the orders in which they may come.

    Parameters
    ----------
    design : Design
    outcome : array of shape (n,)
        Behaviour.
    satisfied : array of shape (n,)
        Whether the customer counts as satisfied.
    at : array of shape (measures,)
        The level of competition at which perception's bend is measured, from `judge`.
    drawn : Draws
        Resamples of these customers.

    Returns
    -------
    DataFrame
        By explanation: ``contribution``, its share of the variation that straight effects leave and the explanations
        together explain (chance gains taken off), and ``points``, what it adds to the share of the satisfied that is
        not loyal beyond a straight line, each with 95 % bootstrap ends.

    References
    ----------
    Shapley, L. S. (1953). A value for n-person games. In: Contributions to the Theory of Games II. Princeton.
    """
    columns = _recentred(design, at)
    names = design.testable
    if not names:
        nothing = ("contribution", "ci_lower", "ci_upper", "points", "points_lower", "points_upper")
        return pd.DataFrame(columns=["name", *nothing]).astype(dict.fromkeys(nothing, "float64"))
    p = columns.shape[1]
    whole = np.column_stack([columns, outcome])
    products = (whole[:, :, None] * whole[:, None, :]).reshape(len(whole), -1)
    moments = drawn.totals(products).reshape(-1, p + 1, p + 1)
    # The first column is the constant: its sum over the satisfied is their number.
    means = drawn.totals(whole * satisfied[:, None])
    means = means / np.maximum(means[:, :1], 1e-9)
    gains, shifts = {}, {}
    for size in range(len(names) + 1):
        for group in combinations(names, size):
            used = np.flatnonzero(np.isin(design.block, (BASE, *group)))
            gains[group], shifts[group] = _explained(moments, means, used)
    variation = np.maximum(_shapley(names, gains), 0)
    total = variation.sum(axis=1, keepdims=True)
    share = np.divide(variation, total, out=np.zeros_like(variation), where=total > 0)
    points = _shapley(names, shifts)
    found = pd.DataFrame({"name": names})
    for values, column, low, high in (
        (share, "contribution", "ci_lower", "ci_upper"),
        (points, "points", "points_lower", "points_upper"),
    ):
        ends = percentile(values[1:])
        found = found.assign(**{column: values[0], low: ends[0], high: ends[1]})
    return found


def _recentred(design: Design, at: np.ndarray) -> np.ndarray:
    """Measure competition from `at`, so that perception's bend is the bend there."""
    if not at.size:
        return design.columns
    columns = design.columns.copy()
    inside = design.block == COMPETITION
    plain = {part: np.flatnonzero((design.block != COMPETITION) & (design.part == part)) for part in ("slope", "bend")}
    for part, own in plain.items():
        for level, value in enumerate(at):
            here = np.flatnonzero(inside & (design.part == part) & (design.level == level))
            pairs = min(len(here), len(own))
            columns[:, here[:pairs]] -= value * design.columns[:, own[:pairs]]
    return columns


def _explained(moments: np.ndarray, means: np.ndarray, used: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a model explains of the variation, chance taken off, and how far it lies below the line for the satisfied.

    Each column adds to the explained variation by chance alone what the residual variance is; in a resample twice that,
    since the sample's own chance is in it already.
    """
    within = moments[:, used[:, None], used]
    solved = _least(within, moments[:, used, -1])
    explained = np.einsum("ri,ri->r", solved, moments[:, used, -1])
    n = moments[:, 0, 0]
    residual = (moments[:, -1, -1] - explained) / np.maximum(n - len(used), 1)
    chance = np.where(np.arange(len(n)) == 0, 1, 2) * len(used) * residual
    # The straight line through what the model predicts: the moments of its prediction with 1 and satisfaction.
    predicted = np.einsum("ri,rij->rj", solved, moments[:, used, :2])
    straight = _least(moments[:, :2, :2], predicted)
    below = np.einsum("ri,ri->r", straight, means[:, :2]) - np.einsum("ri,ri->r", solved, means[:, used])
    return (explained - chance) / np.maximum(moments[:, -1, -1], 1e-12), below


def _least(within: np.ndarray, across: np.ndarray) -> np.ndarray:
    grain = 1e-10 * np.einsum("rii->ri", within)[:, :, None] * np.eye(within.shape[1])
    return np.linalg.solve(within + grain, across[..., None])[..., 0]


def _shapley(names: list[str], worth: dict[tuple[str, ...], np.ndarray]) -> np.ndarray:
    """Each name's part of the worth of all, averaged over orders: (resamples, names)."""
    parts = []
    for name in names:
        others = [other for other in names if other != name]
        part = np.zeros_like(worth[()])
        for size in range(len(names)):
            weight = factorial(size) * factorial(len(names) - size - 1) / factorial(len(names))
            for group in combinations(others, size):
                joined = tuple(other for other in names if other in (*group, name))
                part += weight * (worth[joined] - worth[group])
        parts.append(part)
    return np.column_stack(parts)
