"""Excess: how many of the satisfied are not loyal, and how many would not be if the curve ran straight.

A plain linear relation of the same strength is the line of least squares through the same customers, with the same
correlation.

- Loyalty is 0 or 1: the line is the chance to be loyal. The share expected among the satisfied is one minus its mean
  over them, so that the excess is minus the mean residual of the satisfied.
- Loyalty is a number with a cut: the curve is drawn straight and every customer keeps his distance from it, all
  widened by one factor so that the correlation stays what it is. The share expected is that of the satisfied who would
  then lie below the cut. With normal distances of even spread that is the bivariate normal share; but the spread need
  be neither.

Where the relation is a straight line the excess is zero, in both.
"""

from __future__ import annotations

import numpy as np

from crm_analysis.loyalty.curves import smooth


def line(size: np.ndarray, total: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return intercept and slope of least squares from customers and sums of behaviour by bin, by resample."""
    n, sx, sy = size.sum(axis=1), size @ at, total.sum(axis=1)
    sxx, sxy = size @ at**2, total @ at
    about = sxx - sx**2 / n
    slope = np.divide(sxy - sx * sy / n, about, out=np.zeros_like(about), where=about > 1e-9)
    return (sy - slope * sx) / n, slope


def observed(size: np.ndarray, loyal: np.ndarray, satisfied: np.ndarray) -> np.ndarray:
    """Return the share of the satisfied who are not loyal, by resample; missing where nobody is satisfied."""
    return _share(size[:, satisfied].sum(axis=1) - loyal[:, satisfied].sum(axis=1), size[:, satisfied].sum(axis=1))


def expected_of_line(size: np.ndarray, loyal: np.ndarray, at: np.ndarray, satisfied: np.ndarray) -> np.ndarray:
    """Return the share not loyal among the satisfied that a line gives to loyalty of 0 or 1, by resample.

    Parameters
    ----------
    size, loyal : arrays of shape (resamples, k)
        Customers and loyal customers of each bin.
    at, satisfied : arrays of shape (k,)
        Satisfaction of each bin, and whether it counts as satisfied.

    Returns
    -------
    array of shape (resamples,)
        A line can promise no more than everybody and no less than nobody: it is cut at 0 and 1.
    """
    intercept, slope = line(size, loyal, at)
    chance = np.clip(intercept[:, None] + slope[:, None] * at[satisfied], 0, 1)
    who = size[:, satisfied]
    return 1 - _share((who * chance).sum(axis=1), who.sum(axis=1))


def expected_if_straight(
    counts: np.ndarray, at: np.ndarray, score: np.ndarray, satisfied: np.ndarray, *, cut: float, width: float
) -> np.ndarray:
    """Return the share below the cut among the satisfied if the curve ran straight, by resample.

    Parameters
    ----------
    counts : array of shape (resamples, k, m)
        Customers by bin of satisfaction and of the score.
    at, satisfied : arrays of shape (k,)
        Satisfaction of the bins, and whether they count as satisfied.
    score : array of shape (m,)
        The score of its bins, rising.
    cut : float
        Loyal is who reaches it.
    width : float
        Bandwidth of the free curve of the score.

    Returns
    -------
    array of shape (resamples,)
        With w the factor, line + w (score - curve) is below the cut where score is below curve + (cut - line) / w.
        Within a bin scores are spread evenly.
    """
    size, total = counts.sum(axis=2), counts @ score
    squares = counts @ score**2
    intercept, slope = line(size, total, at)
    straight = intercept[:, None] + slope[:, None] * at
    curve = smooth.free(at, at, size, total, width)
    about = [(squares - 2 * fit * total + size * fit**2).sum(axis=1) for fit in (straight, curve)]
    wider = np.sqrt(np.maximum(about[0] / np.maximum(about[1], 1e-12), 1))[:, None]
    limit = (curve + (cut - straight) / wider)[:, satisfied]
    edges = _edges(score, cut)
    who = counts[:, satisfied]
    below = np.concatenate([np.zeros((*who.shape[:2], 1)), np.cumsum(who, axis=2)], axis=2)
    limit = np.clip(limit, edges[0], edges[-1])
    place = np.clip(np.searchsorted(edges, limit, side="right") - 1, 0, len(score) - 1)
    part = (limit - edges[place]) / (edges[place + 1] - edges[place])
    low, high = (np.take_along_axis(below, index[..., None], axis=2)[..., 0] for index in (place, place + 1))
    return _share((low + part * (high - low)).sum(axis=1), who.sum(axis=(1, 2)))


def _edges(score: np.ndarray, cut: float) -> np.ndarray:
    """Boundaries half-way between the score's bins; the cut is one."""
    between = (score[1:] + score[:-1]) / 2
    first = int(np.searchsorted(score, cut))
    if 0 < first < len(score):
        between[first - 1] = cut
    reach = max(float(np.ptp(score)), 1e-9)
    return np.concatenate([[min(score[0], cut) - 1e-6 * reach], between, [max(score[-1], cut) + 1e-6 * reach]])


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=whole > 0)
