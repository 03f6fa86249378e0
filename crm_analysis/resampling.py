"""Resampling: how often each unit is drawn, and the intervals that the draws give."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.stats import norm

LEVEL = 0.95
"""Coverage that every interval of the house aims at."""
# Numbers in one block of draw counts: 10 million are 80 MB.
_BLOCK = 10_000_000


def counts(generator: np.random.Generator, *, size: int, resamples: int) -> Iterator[np.ndarray]:
    """Draw with replacement and count, block by block, so that large samples fit into memory.

    Parameters
    ----------
    generator : numpy Generator
        Where chance comes from; the blocks' size does not change what is drawn.
    size : int
        Units in the sample, and in each resample.
    resamples : int
        How many resamples to draw.

    Yields
    ------
    array of shape (block, size)
        How often each unit is in each resample; each row sums to `size`.
    """
    rows = max(1, _BLOCK // max(size, 1))
    for start in range(0, resamples, rows):
        block = min(rows, resamples - start)
        drawn = generator.integers(size, size=(block, size))
        drawn += size * np.arange(block)[:, None]
        yield np.bincount(drawn.ravel(), minlength=block * size).reshape(block, size).astype("float64")


def leave_out(size: int, *, most: int = 500) -> np.ndarray:
    """Return the 0-1 weights of a jackknife: each row leaves out one unit, or one of `most` groups of units.

    Parameters
    ----------
    size : int
        Units in the sample.
    most : int
        At most so many rows; larger samples leave out groups of every `most`-th unit.

    Returns
    -------
    array of shape (min(size, most), size)
    """
    groups = min(size, most)
    return (np.arange(size) % groups != np.arange(groups)[:, None]).astype("float64")


def percentile(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the percentile interval (95 %) of each column of bootstrap draws.

    Parameters
    ----------
    draws : array of shape (resamples, k)
        Complete draws: leave out those that failed before.

    Returns
    -------
    tuple of arrays of shape (k,)
        Lower and upper ends, missing where there are fewer than two draws.
    """
    return _quantiles(draws, np.full(draws.shape[1], (1 - LEVEL) / 2), np.full(draws.shape[1], (1 + LEVEL) / 2))


def bca(draws: np.ndarray, estimate: np.ndarray, jackknife: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the bias-corrected and accelerated interval (95 %) of each column of bootstrap draws.

    Parameters
    ----------
    draws : array of shape (resamples, k)
        Complete draws: leave out those that failed before.
    estimate : array of shape (k,)
        The estimates from the whole sample.
    jackknife : array of shape (units, k)
        The estimates without each unit (or group of units), see `leave_out`.

    Returns
    -------
    tuple of arrays of shape (k,)
        Lower and upper ends. With z0 the normal quantile of the share of draws below the estimate and a a sixth of the
        skewness of the jackknife's influences, the ends are the draws' quantiles at
        Phi(z0 + (z0 + z) / (1 - a (z0 + z))), z = +-1.96. Where every draw is the same, so are both ends.

    References
    ----------
    Efron, B. (1987). Better bootstrap confidence intervals. JASA 82, 171-185.
    """
    resamples = max(len(draws), 1)
    below = ((draws < estimate).sum(axis=0) + 0.5 * (draws == estimate).sum(axis=0)) / resamples
    bias = norm.ppf(np.clip(below, 0.5 / resamples, 1 - 0.5 / resamples))
    influence = jackknife.mean(axis=0) - jackknife
    spread = (influence**2).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        acceleration = np.where(spread > 1e-20, (influence**3).sum(axis=0) / (6 * spread**1.5), 0.0)
    ends = []
    for point in norm.ppf([(1 - LEVEL) / 2, (1 + LEVEL) / 2]):
        shifted = bias + point
        ends.append(norm.cdf(bias + shifted / np.maximum(1 - acceleration * shifted, 1e-9)))
    return _quantiles(draws, ends[0], ends[1])


def _quantiles(draws: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each column's own quantiles: of B draws the k-th lies at k / (B + 1), linear between, never beyond the ends.

    These are the positions that Davison and Hinkley (1997, section 5.2) give; the usual (k - 1) / (B - 1) makes an
    interval of 1,000 draws cover a tenth of a point less.
    """
    if len(draws) < 2:
        missing = np.full(draws.shape[1], np.nan)
        return missing, missing.copy()
    ordered, columns = np.sort(draws, axis=0), np.arange(draws.shape[1])

    def at(share: np.ndarray) -> np.ndarray:
        place = np.clip(share * (len(ordered) + 1) - 1, 0, len(ordered) - 1)
        floor = np.floor(place).astype(int)
        above = np.minimum(floor + 1, len(ordered) - 1)
        return ordered[floor, columns] + (place - floor) * (ordered[above, columns] - ordered[floor, columns])

    return at(low), at(high)
