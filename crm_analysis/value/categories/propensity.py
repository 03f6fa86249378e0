"""Propensity: how likely each category is to be in a customer's next purchase."""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from crm_analysis.errors import DataError
from crm_analysis.value.categories.occasions import Occasions, gather

_FEWEST = 20
_MOST = 20_000
_LIMIT = 12.0


class NextCategory(BaseEstimator):
    """The category of the next purchase, from a customer's own past, the last purchase, and what all buy.

    Attributes
    ----------
    categories_ : tuple of str
        In alphabetical order.
    popularity_ : array of shape (categories,)
        Share of each category in all purchases.
    following_ : array of shape (categories, categories)
        Share of each category (columns) in the purchase after one of another (rows), shrunk.
    own_weight_ : float
        kappa: what others did after the same purchase counts as much as so many purchases of a customer's own.
    pool_weight_ : float
        lambda: popularity counts as much as so many purchases that followed a category.
    repeats_ : int
        Purchases with one before, from which the weights were learned.

    Raises
    ------
    DataError
        If there are fewer than 20 purchases with one before, or a single category.

    Notes
    -----
    With h the customer's past purchases by category (a purchase of m categories counts 1 / m for each), H their number
    and l the shares of the last one, category c has the probability (h_c + kappa q_c) / (H + kappa),
    q_c = sum over a of l_a (N_ac + lambda m_c) / (N_a + lambda), where N_ac counts purchases of c after one of a and m
    is popularity: a Dirichlet prior about a Markov chain that is itself shrunk towards popularity (compare Jeuland,
    Bass and Wright 1980). kappa and lambda maximise the likelihood of each purchase given those before it, with its own
    contribution taken out of N; of many purchases 20,000, evenly taken, are enough for two weights.

    References
    ----------
    Jeuland, A. P., Bass, F. M. and Wright, G. P. (1980). A multibrand stochastic model compounding heterogeneous Erlang
    timing and multinomial choice processes. Operations Research 28, 255-277.
    """

    def fit(self, transactions: pd.DataFrame, y: object = None) -> Self:
        """Learn from order lines, see `occasions.gather`."""
        return self.learn(gather(transactions))

    def learn(self, bought: Occasions) -> Self:
        """Learn from purchases."""
        from scipy import optimize

        self.categories_ = bought.categories
        later = ~bought.first
        self.repeats_ = int(later.sum())
        if len(bought.categories) < 2 or self.repeats_ < _FEWEST:
            raise DataError(
                f"products: {self.repeats_} purchases with one before, of {len(bought.categories)} categories, are too "
                f"few to learn from; it takes {_FEWEST} and two categories."
            )
        history, orders, last = _past(bought)
        target, before = bought.shares[later], last[later]
        self.popularity_ = bought.shares.mean(axis=0)
        followed = before.T @ target
        some = np.s_[:: -(-len(target) // _MOST)]
        target, before = target[some], before[some]
        past, times = history[later][some], orders[later][some]

        def loss(logs: np.ndarray) -> float:
            kappa, pool = np.exp(np.clip(logs, -_LIMIT, _LIMIT))
            others = followed.sum(axis=1)[None, :] - before
            # Sum over a of l_a (N_ac - l_a y_c + lambda m_c) / (N_a - l_a + lambda), for all purchases at once.
            scale = before / np.maximum(others + pool, 1e-12)
            q = scale @ (followed + pool * self.popularity_) - (scale * before).sum(axis=1, keepdims=True) * target
            p = (past + kappa * np.maximum(q, 1e-12)) / (times[:, None] + kappa)
            return -float((target * np.log(np.maximum(p, 1e-12))).sum()) / len(target)

        found = optimize.minimize(loss, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-3, "fatol": 1e-7})
        self.own_weight_, self.pool_weight_ = (float(weight) for weight in np.exp(np.clip(found.x, -_LIMIT, _LIMIT)))
        totals = followed.sum(axis=1, keepdims=True)
        self.following_ = (followed + self.pool_weight_ * self.popularity_) / (totals + self.pool_weight_)
        return self

    def predict_proba(self, transactions: pd.DataFrame) -> pd.DataFrame:
        """Return the probability of each category for the next purchase of each customer of these order lines.

        Returns
        -------
        DataFrame
            One row per customer, indexed by customer_id; one column per category; rows sum to 1.
        """
        bought = gather(transactions)
        lasts = np.r_[bought.first[1:], True] if len(bought.customers) else np.zeros(0, bool)
        ids = pd.Index(bought.customers[lasts], name="customer_id")
        return pd.DataFrame(self.chances(*self.standing(bought)), index=ids, columns=list(self.categories_))

    def standing(self, bought: Occasions) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return each customer's past after all these purchases: counts by category, purchases, the last's shares."""
        shares = _aligned(bought, self.categories_)
        history, orders, _ = _past(Occasions(bought.customers, bought.days, shares, self.categories_))
        lasts = np.r_[bought.first[1:], True] if len(bought.customers) else np.zeros(0, bool)
        return history[lasts] + shares[lasts], orders[lasts] + 1, shares[lasts]

    def chances(self, history: np.ndarray, orders: np.ndarray, last: np.ndarray) -> np.ndarray:
        """Return the probabilities from the past; what lies in categories never learned counts as popularity."""
        q = last @ self.following_ + (1 - last.sum(axis=1, keepdims=True)) * self.popularity_
        known = history.sum(axis=1, keepdims=True)
        return (history + self.own_weight_ * q) / (known + self.own_weight_)


def _past(bought: Occasions) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Before each purchase: counts by category, number of purchases, shares of the last one (zeros for a first)."""
    first = bought.first
    if not len(first):
        return bought.shares, np.zeros(0), bought.shares
    starts = np.flatnonzero(first)
    customer = np.cumsum(first) - 1
    total = np.cumsum(bought.shares, axis=0) - bought.shares
    history = np.maximum(total - total[starts][customer], 0)
    orders = (np.arange(len(first)) - starts[customer]).astype("float64")
    last = np.vstack([np.zeros((1, bought.shares.shape[1])), bought.shares[:-1]])
    last[first] = 0
    return history, orders, last


def _aligned(bought: Occasions, categories: tuple[str, ...]) -> np.ndarray:
    """Shares in the categories that were learned, in their order."""
    place = {name: number for number, name in enumerate(bought.categories)}
    columns = [bought.shares[:, place[name]] if name in place else np.zeros(len(bought.shares)) for name in categories]
    return np.column_stack(columns)
