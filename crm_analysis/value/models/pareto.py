"""Pareto/NBD: customers buy at a rate of their own and may leave at any time."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import digamma, expit, exprel, gammaln

from crm_analysis.value.models.history import Histories
from crm_analysis.value.models.purchasing import PurchaseModel

_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(32)
# Histories in one block of quadrature: 32 nodes of 2,000 are half a megabyte, which stays in the processor's cache.
_BLOCK = 2_000


class ParetoNBD(PurchaseModel):
    """Pareto/NBD (Schmittlein, Morrison and Colombo 1987).

    A customer buys at a rate that is Gamma(r, alpha) over customers and leaves at a rate that is Gamma(s, beta) over
    customers, at any time. Parameters: r, alpha (time), s, beta (time).

    Notes
    -----
    With x repeat purchases, the last at t_x, of T observed,
    L = Gamma(r+x) alpha^r beta^s / Gamma(r) * [(alpha+T)^-(r+x) (beta+T)^-s
    + s int_{t_x}^{T} (alpha+u)^-(r+x) (beta+u)^-(s+1) du]. The usual formula writes the integral as the difference of
    two hypergeometric functions, which loses all digits or overflows at the extremes. Here it is Gauss-Legendre
    quadrature over w = log(1 + (u - t_x) / l) with l = 1 / ((s+1) / (beta+t_x) + (r+x) / (alpha+t_x)), the length on
    which the integrand falls: a sum of positive terms, taken after the largest factors are split off in logarithms.
    Slopes are analytic. Given the history and that the customer is still there, the rates are Gamma(r+x, alpha+T) and
    Gamma(s, beta+T).

    References
    ----------
    Schmittlein, D. C., Morrison, D. G. and Colombo, R. (1987). Counting your customers: who are they and what will they
    do next? Management Science 33(1), 1-24.
    Fader, P. S. and Hardie, B. G. S. (2005). A note on deriving the Pareto/NBD model and related expressions.
    """

    label = "Pareto/NBD"
    names = ("r", "alpha", "s", "beta")
    _times = (False, True, False, True)
    _starts = ((1.0, 1.0, 1.0, 1.0), (0.5, 0.3, 0.5, 0.3))

    def _log_likelihoods(
        self, params: np.ndarray, repeats: np.ndarray, recency: np.ndarray, age: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        r, alpha, s, beta = params
        shape = r + repeats
        constant = gammaln(shape) - gammaln(r) + r * np.log(alpha) + s * np.log(beta)
        staying = -shape * np.log(alpha + age) - s * np.log(beta + age)
        base = [shape, alpha + recency, beta + recency, age - recency]
        integral, means = np.empty(len(repeats)), np.empty((len(repeats), 4))
        for start in range(0, len(repeats), _BLOCK):
            part = slice(start, start + _BLOCK)
            integral[part], means[part] = _leaving(s, *(values[part] for values in base), slopes=True)
        with np.errstate(divide="ignore"):
            leaving = np.log(integral) + np.log(s) - shape * np.log(base[1]) - (s + 1) * np.log(base[2])
        left = expit(leaving - staying)
        slopes = np.empty((len(repeats), 4))
        slopes[:, 0] = digamma(shape) - digamma(r) + np.log(alpha)
        slopes[:, 0] -= (1 - left) * np.log(alpha + age) + left * means[:, 0]
        slopes[:, 1] = r / alpha - shape * ((1 - left) / (alpha + age) + left * means[:, 1])
        slopes[:, 2] = np.log(beta) - (1 - left) * np.log(beta + age) + left * (1 / s - means[:, 2])
        slopes[:, 3] = s / beta - (1 - left) * s / (beta + age) - left * (s + 1) * means[:, 3]
        return constant + np.logaddexp(staying, leaving), slopes

    def alive(self, params: np.ndarray, histories: Histories) -> np.ndarray:
        r, alpha, s, beta = params
        x, recency, age = histories.columns
        found = np.empty(np.broadcast_shapes(np.shape(r), x.shape))
        size = max(1, _BLOCK * len(x) // found.size)
        for start in range(0, len(x), size):
            part = slice(start, start + size)
            shape, last, gone = r + x[part], alpha + recency[part], beta + recency[part]
            integral, _ = _leaving(s, shape, last, gone, age[part] - recency[part])
            with np.errstate(divide="ignore"):
                odds = np.log(s / gone * integral)
            odds += shape * np.log((alpha + age[part]) / last) + s * np.log((beta + age[part]) / gone)
            found[..., part] = expit(-odds)
        return found

    def expected(self, params: np.ndarray, histories: Histories, periods: Any) -> np.ndarray:
        r, alpha, s, beta = params
        rate = (r + histories.repeats) / (alpha + histories.age)
        return self.alive(params, histories) * rate * _time_there(s, beta + histories.age, _column(periods))

    def silent(self, params: np.ndarray, histories: Histories, periods: float) -> np.ndarray:
        r, alpha, s, beta = params
        shape, start, gone = r + histories.repeats, alpha + histories.age, beta + histories.age
        waiting = np.exp(-shape * np.log1p(periods / start) - s * np.log1p(periods / gone))
        leaving = np.empty(len(shape))
        for first in range(0, len(shape), _BLOCK):
            part = slice(first, first + _BLOCK)
            length = np.full(len(shape[part]), float(periods))
            leaving[part] = s / gone[part] * _leaving(s, shape[part], start[part], gone[part], length)[0]
        return 1 - self.alive(params, histories) * (1 - np.minimum(waiting + leaving, 1.0))

    def remaining(self, params: np.ndarray, histories: Histories, periods: Any) -> np.ndarray:
        _, _, s, beta = params
        return self.alive(params, histories) * np.exp(-s * np.log1p(_column(periods) / (beta + histories.age)))

    def _draw(
        self, params: np.ndarray, histories: Histories, periods: float, generator: np.random.Generator
    ) -> np.ndarray:
        r, alpha, s, beta = params
        rates = generator.gamma(r + histories.repeats) / (alpha + histories.age)
        leaving = generator.gamma(np.broadcast_to(s, rates.shape)) / (beta + histories.age)
        # A rate that is too small to be written is a customer who does not leave.
        left = generator.standard_exponential(rates.shape) / np.maximum(leaving, 1e-300)
        return generator.poisson(rates * np.minimum(left, periods))


def _leaving(
    s: Any, shape: np.ndarray, last: np.ndarray, gone: np.ndarray, length: np.ndarray, *, slopes: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Integral of (1 + m/last)^-shape (1 + m/gone)^-(s+1) over m from 0 to length.

    With `slopes` also the means, over that integrand, of log and 1/. of last + m and of gone + m; shape (m, 4).
    """
    s = np.asarray(s)[..., None]
    power, a, b, ends = (values[..., None] for values in (shape, last, gone, length))
    scale = 1 / ((s + 1) / b + power / a)
    span = np.log1p(ends / scale)
    w = span * (1 + _POINTS) / 2
    m = scale * np.expm1(w)
    log_a, log_b = np.log1p(m / a), np.log1p(m / b)
    terms = np.exp(w - power * log_a - (s + 1) * log_b) * (_WEIGHTS / 2)
    sums = terms.sum(axis=-1)
    integral = (scale * span)[..., 0] * sums
    if not slopes:
        return integral, np.empty(0)
    means = [np.einsum("...k,...k->...", terms, values) / sums for values in (log_a, 1 / (a + m), log_b, 1 / (b + m))]
    means[0] += np.log(last)
    means[2] += np.log(gone)
    return integral, np.stack(means, axis=-1)


def _column(periods: Any) -> Any:
    """One row for each of several lengths."""
    return np.asarray(periods)[:, None] if np.ndim(periods) else periods


def _time_there(s: float, beta: Any, periods: Any) -> Any:
    """Expected time before leaving, within the next periods: beta [1 - (beta / (beta + h))^(s-1)] / (s - 1)."""
    log = np.log1p(periods / beta)
    return beta * log * exprel(-(s - 1) * log)
