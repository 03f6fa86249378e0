"""Smooth: the free and the monotone curve of loyalty over satisfaction, for the sample and for every resample."""

from __future__ import annotations

import numpy as np
from scipy.optimize import isotonic_regression

from crm_analysis.resampling import LEVEL, percentile

# Bandwidths that are tried, as shares of the range of satisfaction.
_BANDWIDTHS = (0.03, 0.045, 0.07, 0.1, 0.15, 0.22)
_POINTS = 61
_BEYOND = 10


def grid(at: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Return the places at which curves are drawn: the levels themselves where these are few.

    Curves end where ten customers are left (a tenth, of fewer than a hundred): beyond, a curve follows single answers.
    """
    least = min(_BEYOND, size.sum() / 10)
    low, high = (int(np.searchsorted(np.cumsum(part), least)) for part in (size, size[::-1]))
    inside = at[low : len(at) - high]
    return inside.copy() if len(inside) <= _POINTS else np.linspace(inside[0], inside[-1], _POINTS)


def bandwidth(at: np.ndarray, size: np.ndarray, total: np.ndarray, squares: np.ndarray) -> float:
    """Choose the bandwidth of the free curve by cross-validation, leaving out one customer at a time.

    Parameters
    ----------
    at, size, total, squares : arrays of shape (k,)
        Satisfaction of each bin; customers, sum and sum of squares of their behaviour.

    Returns
    -------
    float
        In points of satisfaction.
    """
    span = at[-1] - at[0]
    costs = []
    for share in _BANDWIDTHS:
        width = share * span
        costs.append(float(residuals(at, size, total, squares, width).sum()))
    return float(_BANDWIDTHS[int(np.argmin(costs))] * span)


def free(points: np.ndarray, at: np.ndarray, size: np.ndarray, total: np.ndarray, width: float) -> np.ndarray:
    """Return the local linear regression of behaviour on satisfaction.

    Parameters
    ----------
    points : array of shape (g,)
        Where the curve is wanted.
    at : array of shape (k,)
        Satisfaction of each bin.
    size, total : arrays of shape (k,) or (resamples, k)
        Customers of each bin and the sum of their behaviour.
    width : float
        Standard deviation of the Gaussian kernel, in points.

    Returns
    -------
    array of shape (g,) or (resamples, g)

    References
    ----------
    Fan, J. and Gijbels, I. (1996). Local Polynomial Modelling and Its Applications. Chapman and Hall, section 2.3.
    """
    return _local(points, at, size, total, width)[0]


def _local(
    points: np.ndarray, at: np.ndarray, size: np.ndarray, total: np.ndarray, width: float
) -> tuple[np.ndarray, np.ndarray]:
    """The curve, and the weight that a customer has in the fit at his own place."""
    apart = at[:, None] - points
    # The floor keeps a lonely place at the end of the scale from having no neighbours at all.
    kernel = np.maximum(np.exp(-0.5 * (apart / width) ** 2), 1e-12)
    first, second = kernel * apart, kernel * apart**2
    s0, s1, s2 = size @ kernel, size @ first, size @ second
    # A grain of ridge: where few places carry the kernel the line through them is held towards their mean.
    s2 = s2 + 0.01 * s0 * width**2 / np.sqrt(np.maximum(s0, 1e-9))
    below = s2 * s0 - s1**2
    curve = (s2 * (total @ kernel) - s1 * (total @ first)) / below
    return curve, s2 / below


def monotone(size: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Return the isotonic (never falling) regression of behaviour on the bins, for one sample or each resample.

    Bins that a resample leaves empty take the value of the bin before. Source: Barlow, R. E. et al. (1972). Statistical
    Inference under Order Restrictions. Wiley.
    """
    if size.ndim == 2:
        return np.stack([monotone(one, two) for one, two in zip(size, total, strict=True)])
    there = size > 0
    fitted = isotonic_regression(total[there] / size[there], weights=size[there]).x
    before = np.maximum(np.cumsum(there) - 1, 0)
    return np.asarray(fitted)[before]


def bands(curve: np.ndarray, drawn: np.ndarray) -> dict[str, np.ndarray]:
    """Return pointwise intervals (``ci_lower``, ``ci_upper``) and the band that holds the whole curve.

    The band (``band_lower``, ``band_upper``) is curve +- c s with s the standard deviation of the resamples and c the
    95 % point of their largest |difference| / s over all places, kept within 0 and 1.
    """
    low, high = percentile(drawn)
    spread = drawn.std(axis=0, ddof=1)
    apart = np.divide(np.abs(drawn - curve), spread, out=np.zeros_like(drawn), where=spread > 1e-12)
    reach = float(np.quantile(apart.max(axis=1), LEVEL)) * spread
    both = {"ci_lower": low, "ci_upper": high, "band_lower": curve - reach, "band_upper": curve + reach}
    return {name: np.clip(ends, 0, 1) for name, ends in both.items()}


def residuals(at: np.ndarray, size: np.ndarray, total: np.ndarray, squares: np.ndarray, width: float) -> np.ndarray:
    """Return the sum of squared distances from the free curve in each bin, each customer left out of his own curve."""
    fit, own = _local(at, at, size, total, width)
    gap = np.maximum(squares - 2 * fit * total + size * fit**2, 0)
    return np.asarray(gap / np.maximum(1 - own, 0.05) ** 2)


def variance(at: np.ndarray, size: np.ndarray, gap: np.ndarray, width: float) -> np.ndarray:
    """Return the residual variance of behaviour at each bin: squared residuals, smoothed widely.

    Weights that follow the answers closely would lend weight to lucky bins; so the window is at least a fifth of the
    range, and no bin may weigh more than five times the average.
    """
    window = max(2 * width, 0.2 * float(at[-1] - at[0]))
    kernel = np.exp(-0.5 * ((at[:, None] - at) / window) ** 2)
    return np.asarray(np.maximum((gap @ kernel) / (size @ kernel), max(0.2 * gap.sum() / size.sum(), 1e-9)))
