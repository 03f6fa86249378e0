"""Separation: is there a valley between two clusters, or does the boundary run through one crowd? (Silverman 1981)"""

from __future__ import annotations

import numpy as np

from crm_analysis.segmentation.grouping.partition import Partition

_GRID = 256
LEVEL = 0.01
"""A pair of clusters is separated where the hypothesis of one crowd has a smaller p-value."""


def one_crowd(points: np.ndarray, partition: Partition, *, replicates: int, generator: np.random.Generator) -> float:
    """Return the largest p-value, over pairs of clusters, of the hypothesis that both are parts of one crowd.

    Parameters
    ----------
    points : array of shape (n, coordinates)
        Customers, with counts dealt over their unit.
    partition : Partition
        The division in question.
    replicates : int
        Samples drawn under the hypothesis.
    generator : Generator
        For the draws.

    Returns
    -------
    float
        Small where every pair of clusters has a valley between its two. 1 where a cluster is empty.

    Notes
    -----
    The customers of a pair are projected on Fisher's discriminant direction between the two, and the projections tested
    for one mode (`unimodal`). A division of one crowd stays one crowd on every line, however stable it is: that is why
    stability alone cannot tell clusters from a convenient cut. All pairs have to be separated, so the largest p-value
    decides and needs no correction for their number.
    """
    groups, count = partition.groups(points), len(partition.centres)
    largest = 0.0
    for one in range(count):
        for other in range(one):
            pair = [points[groups == one], points[groups == other]]
            if min(map(len, pair)) < 2:
                return 1.0
            largest = max(largest, unimodal(_projected(*pair), replicates=replicates, generator=generator))
            # One pair that is one crowd settles it; the others need not be tested.
            if largest >= LEVEL:
                return largest
    return largest


def _projected(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    spreads = [len(part) * np.atleast_2d(np.cov(part.T, bias=True)) for part in (first, second)]
    within = (spreads[0] + spreads[1]) / (len(first) + len(second))
    within += 1e-6 * max(float(np.trace(within)), 1e-6) * np.eye(len(within))
    direction = np.linalg.solve(within, first.mean(axis=0) - second.mean(axis=0))
    return np.concatenate([first, second]) @ direction


def unimodal(values: np.ndarray, *, replicates: int, generator: np.random.Generator) -> float:
    """Return the p-value of Silverman's test of one mode against several.

    Parameters
    ----------
    values : array of shape (n,)
    replicates : int
        Samples drawn under the hypothesis.
    generator : Generator
        For the draws.

    Returns
    -------
    float
        (1 + replicates with several modes) / (1 + replicates).

    Notes
    -----
    h is the smallest bandwidth at which a normal kernel estimate has one mode. Samples are drawn from that estimate,
    shrunk to the variance of the data, and have several modes at h only rarely if there is a valley. The test is
    conservative (Hall and York 2001).

    References
    ----------
    Silverman, B. W. (1981). Using kernel density estimates to investigate multimodality. JRSS B 43, 97-99.
    Hall, P. and York, M. (2001). On the calibration of Silverman's test for multimodality. Statistica Sinica 11,
    515-536.
    """
    n, spread = len(values), float(values.std())
    if spread <= 0:
        return 1.0
    standard = (values - values.mean()) / spread
    # Three spreads of room on both sides: an estimate that is cut off would show a mode at its edge.
    low, high = float(standard.min()) - 3, float(standard.max()) + 3
    width = (high - low) / _GRID
    counts = _binned(standard, low, width)
    narrow, wide = width, 3.0
    for _ in range(12):
        middle = float(np.sqrt(narrow * wide))
        if _modes(counts[None], middle / width)[0] > 1:
            narrow = middle
        else:
            wide = middle
    centres = low + width * (np.arange(_GRID) + 0.5)
    density = _smooth(counts[None], wide / width)[0].clip(min=0)
    shrunk = np.interp(centres * np.sqrt(1 + wide**2), centres, density, left=0.0, right=0.0)
    drawn = generator.multinomial(n, shrunk / shrunk.sum(), size=replicates).astype("float64")
    several = int((_modes(drawn, wide / width) > 1).sum())
    return (1 + several) / (1 + replicates)


def _binned(values: np.ndarray, low: float, width: float) -> np.ndarray:
    """Counts on the grid, each value shared by the two nearest centres."""
    place = (values - low) / width - 0.5
    left = np.floor(place).astype(int)
    part = place - left
    counts = np.bincount(left, 1 - part, minlength=_GRID) + np.bincount(left + 1, part, minlength=_GRID)
    return counts[:_GRID]


def _smooth(counts: np.ndarray, bandwidth: float) -> np.ndarray:
    """Smooth rows by a normal kernel whose bandwidth is given in cells of the grid."""
    size = 2 * counts.shape[1]
    decay = np.exp(-2 * (np.pi * bandwidth * np.fft.rfftfreq(size)) ** 2)
    return np.fft.irfft(np.fft.rfft(counts, size, axis=1) * decay, size, axis=1)[:, : counts.shape[1]]


def _modes(counts: np.ndarray, bandwidth: float) -> np.ndarray:
    """Number of modes of each row's estimate."""
    smooth = _smooth(counts, bandwidth)
    # Ripples of rounding far out in the tails are no modes.
    steps = np.diff(np.where(smooth < 1e-9 * smooth.max(axis=1, keepdims=True), 0.0, smooth), axis=1)
    signs = np.sign(np.where(np.abs(steps) < 1e-12 * smooth.max(axis=1, keepdims=True), 0.0, steps))
    found = np.zeros(len(counts), dtype=int)
    for row, sign in enumerate(signs):
        moving = sign[sign != 0]
        found[row] = int(((moving[:-1] > 0) & (moving[1:] < 0)).sum())
    return found
