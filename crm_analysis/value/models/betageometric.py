"""BG/NBD and MBG/NBD: customers buy at a rate of their own and may leave after each purchase."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from scipy.linalg import eigh_tridiagonal
from scipy.special import digamma, expit, gammaln

from crm_analysis.value.models.history import Histories
from crm_analysis.value.models.purchasing import PurchaseModel

_NODES = 32


class BetaGeometric(PurchaseModel):
    """BG/NBD (Fader, Hardie and Lee 2005).

    A customer buys at a rate that is Gamma(r, alpha) over customers, and after each *repeat* purchase leaves with a
    probability that is Beta(a, b) over customers. Parameters: r, alpha (time), a, b.

    Notes
    -----
    With x repeat purchases, the last at t_x, of T observed,
    L = Gamma(r+x) alpha^r / Gamma(r) * B(a, b+x) / B(a, b)
    * [(alpha+T)^-(r+x) + 1{x>0} a / (b+x-1) (alpha+t_x)^-(r+x)], summed in logarithms; slopes are analytic. Given the
    history and that the customer is still there, the rate is Gamma(r+x, alpha+T) and the probability of leaving
    Beta(a, b+x), so that E[purchases in h] = P(alive) E_p[(1 - ((alpha+T) / (alpha+T+p h))^(r+x)) / p]. The mean over p
    is Gauss-Jacobi quadrature with 32 nodes instead of the hypergeometric series, which overflows for frequent
    buyers and has no value at a = 1.

    Who has bought only once cannot have left in this model: P(alive) is 1. So it is no score of churn;
    P(no purchase in h) = 1 - P(alive) [1 - ((alpha+T) / (alpha+T+h))^(r+x)] is.

    References
    ----------
    Fader, P. S., Hardie, B. G. S. and Lee, K. L. (2005). "Counting your customers" the easy way: an alternative to the
    Pareto/NBD model. Marketing Science 24(2), 275-284.
    """

    label = "BG/NBD"
    names = ("r", "alpha", "a", "b")
    _times = (False, True, False, False)
    _starts = ((1.0, 1.0, 1.0, 1.0), (0.3, 0.3, 0.5, 3.0))
    # After how many purchases more than the repeat ones a customer may have left: 1 where the first one counts.
    _first: ClassVar[int] = 0

    def _log_likelihoods(
        self, params: np.ndarray, repeats: np.ndarray, recency: np.ndarray, age: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        r, alpha, a, b = params
        # Functions of the number of repeats alone are computed once for each number.
        x, place = np.unique(repeats, return_inverse=True)
        n = x + self._first
        both = a + b
        constant = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
        constant += gammaln(b + n) - gammaln(b) + gammaln(both) - gammaln(both + n)
        slopes = np.empty((len(repeats), 4))
        slope_r = digamma(r + x) - digamma(r) + np.log(alpha)
        slope_ab = digamma(both) - digamma(both + n)
        slope_b = slope_ab + digamma(b + n) - digamma(b)
        shape, late, last = r + repeats, np.log(alpha + age), np.log(alpha + recency)
        staying = -shape * late
        with np.errstate(divide="ignore"):
            chance = np.log(np.where(n > 0, a / np.maximum(b + n - 1, 1e-300), 0.0))
        leaving = chance[place] - shape * last
        left = expit(leaving - staying)
        slopes[:, 0] = slope_r[place] - (1 - left) * late - left * last
        slopes[:, 1] = r / alpha - shape * ((1 - left) / (alpha + age) + left / (alpha + recency))
        slopes[:, 2] = slope_ab[place] + left / a
        slopes[:, 3] = slope_b[place] - left / np.where(n > 0, b + n - 1, 1.0)[place]
        return constant[place] + np.logaddexp(staying, leaving), slopes

    def alive(self, params: np.ndarray, histories: Histories) -> np.ndarray:
        r, alpha, a, b = params
        x, recency, age = histories.columns
        n = x + self._first
        with np.errstate(divide="ignore"):
            chance = np.log(np.where(n > 0, a / np.where(n > 0, b + n - 1, 1.0), 0.0))
        return expit((r + x) * (np.log(alpha + recency) - np.log(alpha + age)) - chance)

    def expected(self, params: np.ndarray, histories: Histories, periods: Any) -> np.ndarray:
        r, alpha, _, _ = params
        nodes, weights = self._leaving(params, histories.repeats)
        start, shape = (alpha + histories.age)[:, None], (r + histories.repeats)[:, None]
        over, alive = weights / nodes, self.alive(params, histories)
        # (1 - (1 + p h / start)^-shape) / p; expm1 and log1p keep the digits where p is tiny.
        found = [-(np.expm1(-shape * np.log1p(nodes * h / start)) * over).sum(axis=1) for h in np.atleast_1d(periods)]
        return alive * (np.stack(found) if np.ndim(periods) else found[0])

    def silent(self, params: np.ndarray, histories: Histories, periods: float) -> np.ndarray:
        r, alpha, _, _ = params
        waiting = (r + histories.repeats) * np.log1p(periods / (alpha + histories.age))
        return 1 + self.alive(params, histories) * np.expm1(-waiting)

    def remaining(self, params: np.ndarray, histories: Histories, periods: Any) -> np.ndarray:
        r, alpha, _, _ = params
        nodes, weights = self._leaving(params, histories.repeats)
        start, shape = (alpha + histories.age)[:, None], (r + histories.repeats)[:, None]
        alive = self.alive(params, histories)
        found = [(np.exp(-shape * np.log1p(nodes * h / start)) * weights).sum(axis=1) for h in np.atleast_1d(periods)]
        return alive * (np.stack(found) if np.ndim(periods) else found[0])

    def _draw(
        self, params: np.ndarray, histories: Histories, periods: float, generator: np.random.Generator
    ) -> np.ndarray:
        r, alpha, a, b = params
        x = histories.repeats
        rates = generator.gamma(r + x) / (alpha + histories.age)
        leaving = np.clip(generator.beta(np.broadcast_to(a, rates.shape), b + x + self._first), 1e-12, 1.0)
        # The purchase after which the customer would leave comes first, or the end of the period.
        return np.minimum(generator.poisson(rates * periods), generator.geometric(leaving))

    def _leaving(self, params: np.ndarray, repeats: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Nodes and weights of the probability of leaving, given the repeats; shape (m, nodes)."""
        x, place = np.unique(repeats, return_inverse=True)
        nodes, weights = beta_quadrature(np.full(len(x), params[2]), params[3] + x + self._first)
        return nodes[place], weights[place]


class ModifiedBetaGeometric(BetaGeometric):
    """MBG/NBD (Batislam, Denizel and Filiztekin 2007): as BG/NBD, but one may leave after the *first* purchase too.

    So one-time buyers may have left, and the parameters are r, alpha (time), a, b as in `BetaGeometric`, with x + 1
    occasions to leave where that has x.

    References
    ----------
    Batislam, E. P., Denizel, M. and Filiztekin, A. (2007). Empirical validation and comparison of models for customer
    base analysis. International Journal of Research in Marketing 24(3), 201-209.
    """

    label = "MBG/NBD"
    _first = 1


def beta_quadrature(a: np.ndarray, b: np.ndarray, *, nodes: int = _NODES) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights for means over Beta(a, b) distributions (Gauss-Jacobi).

    Parameters
    ----------
    a, b : array of shape (m,)
        Of each distribution.
    nodes : int
        How many; means of polynomials of degree below twice that are exact.

    Returns
    -------
    tuple of arrays of shape (m, nodes)
        Nodes between 0 and 1, and weights that sum to 1.

    References
    ----------
    Golub, G. H. and Welsch, J. H. (1969). Calculation of Gauss quadrature rules. Mathematics of Computation 23,
    221-230.
    """
    left, right = (a - 1)[:, None], (b - 1)[:, None]
    both, k = left + right, np.arange(1, nodes)
    diagonal = np.empty((len(a), nodes))
    diagonal[:, 0] = (left - right)[:, 0] / (both[:, 0] + 2)
    diagonal[:, 1:] = both * (left - right) / ((2 * k + both) * (2 * k + both + 2))
    # k + both over 2 k + both - 1 is 1 for k = 1, also where both are 0.
    ratio = np.ones((len(a), nodes - 1))
    ratio[:, 1:] = (k[1:] + both) / (2 * k[1:] + both - 1)
    square = 4 * k * (k + left) * (k + right) * ratio / ((2 * k + both) ** 2 * (2 * k + both + 1))
    values, weights = np.empty_like(diagonal), np.empty_like(diagonal)
    for row, (main, off) in enumerate(zip(diagonal, np.sqrt(square), strict=True)):
        values[row], vectors = eigh_tridiagonal(main, off)
        weights[row] = vectors[0] ** 2
    return np.clip((1 + values) / 2, 1e-15, 1.0), weights
