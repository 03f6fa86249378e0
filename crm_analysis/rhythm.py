"""Rhythm: how long a customer takes from one purchase to the next, learned from few gaps with the help of all."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

# More customers than this do not make the pool's two numbers better, only slower to find.
_ENOUGH = 20_000
_CHANCE = 0.001
# Natural bounds, so that few customers cannot drive the search to infinity: pool gap in days, heterogeneity r,
# logit of the chance to stop after a purchase, and how much customers agree in it.
_BOUNDS = [(0.0, math.log(36_500)), (math.log(0.05), math.log(50)), (-7.0, 7.0), (math.log(0.1), math.log(100))]


@dataclass(frozen=True)
class Rhythm:
    """The pool that a customer's own gaps are shrunk towards.

    Attributes
    ----------
    pool_gap_days : float
        The gap at the mean purchase rate of all customers; missing where nobody bought on two days.
    pool_weight : float
        How many gaps of one's own the pool counts for: large where customers are alike.
    repeaters : int
        Customers with a gap, from whom this was learned.
    """

    pool_gap_days: float
    pool_weight: float
    repeaters: int

    def expected_gap_days(self, gaps: np.ndarray, span_days: np.ndarray) -> np.ndarray:
        """Return each customer's expected gap: the own mean gap, shrunk towards the pool.

        Parameters
        ----------
        gaps : array of shape (n,)
            Gaps seen so far, one fewer than the days with a purchase.
        span_days : array of shape (n,)
            Days from the first to the last purchase: the sum of the gaps.

        Returns
        -------
        array of shape (n,)
            (pool weight x pool gap + span) / (pool weight + gaps); the pool's gap for who bought on one day only.
        """
        return (self.pool_weight * self.pool_gap_days + span_days) / (self.pool_weight + gaps)

    def silent_share(self, late: float) -> float:
        """Return the chance that a one-time buyer who is still active is silent for more than `late` pool gaps.

        The rate is Gamma(r, alpha) with alpha = r x pool gap, so the wait is longer than late x pool gap with the
        chance (alpha / (alpha + late x pool gap))^r = (1 + late / r)^-r. Where customers are alike it nears exp(-late).
        """
        return float((1 + late / self.pool_weight) ** -self.pool_weight)


def gaps_and_span(bought: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of gaps between purchase days of each customer, and their sum in days.

    Parameters
    ----------
    bought : DataFrame
        Customers with a purchase: ``recency_days``, ``tenure_days`` and ``purchase_days``, without which
        ``frequency`` (orders) is taken for it.

    Returns
    -------
    tuple of arrays of shape (n,)
    """
    days = bought["purchase_days"] if "purchase_days" in bought.columns else bought["frequency"]
    gaps = np.maximum(days.to_numpy("float64") - 1, 0)
    span = (bought["tenure_days"] - bought["recency_days"]).to_numpy("float64")
    # Several orders on the only day of purchase make no gap.
    return np.where(span > 0, gaps, 0.0), span


def learn(gaps: np.ndarray, span_days: np.ndarray, tenure_days: np.ndarray) -> Rhythm:
    """Learn the pool from customers of whom some have silently stopped.

    Parameters
    ----------
    gaps : array of shape (n,)
        Gaps between the purchase days of each customer.
    span_days : array of shape (n,)
        Days from the first to the last purchase.
    tenure_days : array of shape (n,)
        Days from the first purchase to the day of the view.

    Returns
    -------
    Rhythm

    Notes
    -----
    A customer buys at a rate of his or her own, and after each purchase, the first one included, may stop for good.
    The rates are Gamma(r, alpha) over the customers and the chances to stop Beta(a, b): the MBG/NBD model. r and alpha
    maximise its likelihood, so that the silence of those who stopped is not taken for a slow rhythm, and customers who
    buy often do not count for the others. While a customer is active the rate given x gaps over t days is
    Gamma(r + x, alpha + t); its mean is (r + x) / (alpha + t), and the expected gap is taken as the inverse of it:
    w t / x + (1 - w) alpha / r with w = x / (x + r). Of more than 20,000 customers every k-th is used, in order of
    their history.

    References
    ----------
    Batislam, E. P., Denizel, M. and Filiztekin, A. (2007). Empirical validation and comparison of models for customer
    base analysis. International Journal of Research in Marketing 24, 201-209.
    Robbins, H. (1956). An empirical Bayes approach to statistics. Proc. Third Berkeley Symposium 1, 157-163.
    """
    from scipy.optimize import minimize
    from scipy.special import betaln, gammaln

    repeaters = int((gaps > 0).sum())
    if not repeaters:
        return Rhythm(math.nan, math.nan, 0)
    order = np.lexsort((tenure_days, span_days, gaps))
    chosen = order[:: max(1, math.ceil(len(order) / _ENOUGH))]
    history = np.column_stack((gaps, span_days, tenure_days))[chosen]
    distinct, times = np.unique(history, axis=0, return_counts=True)
    x, span, tenure = distinct.T

    def loss(parameters: np.ndarray) -> float:
        gap, r, concentration = np.exp(parameters[[0, 1, 3]])
        alpha, stops = r * gap, 1 / (1 + math.exp(-parameters[2]))
        a, b = stops * concentration, (1 - stops) * concentration
        active = betaln(a, b + x + 1) - (r + x) * np.log(alpha + tenure)
        stopped = betaln(a + 1, b + x) - (r + x) * np.log(alpha + span)
        logs = gammaln(r + x) - gammaln(r) + r * math.log(alpha) + np.logaddexp(active, stopped) - betaln(a, b)
        return -float(times @ logs) / float(times.sum())

    start = [math.log(max(1.0, span.sum() / x.sum())), 0.0, -1.0, 0.0]
    found = minimize(loss, start, method="L-BFGS-B", bounds=_BOUNDS).x
    return Rhythm(float(math.exp(found[0])), float(math.exp(found[1])), repeaters)


def has_ended(*, events: int, days: float, silence_days: float, longest_pause_days: float = math.nan) -> bool:
    """Return whether a silence is too long for the stream of events before it.

    Parameters
    ----------
    events, days : int, float
        How many events there were in how many days before the last of them.
    silence_days : float
        Days since.
    longest_pause_days : float
        The longest silence between two days with an event; missing where there is only one.

    Returns
    -------
    bool
        Whether so long a silence comes in fewer than one of a thousand Poisson processes of that rate, exp(-rate days),
        and is longer than any before it.
    """
    # Who come in a season, or on set days such as the first of a month, are silent in between.
    return not silence_days <= longest_pause_days and events / days * silence_days > -math.log(_CHANCE)
