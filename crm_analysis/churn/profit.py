"""Profit: what contacting a customer brings, and the most that a model's order can bring (MPC, EMPC)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from crm_analysis import options
from crm_analysis.errors import UsageError


@dataclass(frozen=True)
class Offer:
    """What an offer costs and how customers take it.

    Attributes
    ----------
    contact_cost : float
        Cost of contacting one customer, whatever the answer (f), in currency.
    offer_cost : float
        Cost of the offer where it is taken (d), in currency.
    acceptance : float
        Share of would-be leavers whom the offer keeps (a), 0 to 1.
    takeup : float
        Share of stayers who take the offer all the same (t), 0 to 1.
    """

    contact_cost: float
    offer_cost: float
    acceptance: float
    takeup: float = 1.0

    def __post_init__(self) -> None:
        for name in ("contact_cost", "offer_cost"):
            if not options.is_number(given := getattr(self, name)) or given < 0:
                raise UsageError(f"The {name} parameter must be a finite number, 0 or more, not {given!r}.")
        for name in ("acceptance", "takeup"):
            if not options.is_number(given := getattr(self, name)) or not 0 <= given <= 1:
                raise UsageError(f"The {name} parameter must lie between 0 and 1, not {given!r}.")

    def gain(self, chance: np.ndarray, value: np.ndarray | float) -> np.ndarray:
        """Return the expected gain of contacting each customer.

        Parameters
        ----------
        chance : array of shape (n,)
            Probability of leaving (p).
        value : array of shape (n,) or float
            What a customer who stays is worth (V), in currency.

        Returns
        -------
        array of shape (n,)
            p a (V - d) - (1 - p) t d - f, in currency.
        """
        kept = chance * self.acceptance * (value - self.offer_cost)
        return kept - (1 - chance) * self.takeup * self.offer_cost - self.contact_cost

    def cost(self, chance: np.ndarray) -> np.ndarray:
        """Return what contacting each customer is expected to cost: f + (p a + (1 - p) t) d, in currency."""
        return self.contact_cost + (chance * self.acceptance + (1 - chance) * self.takeup) * self.offer_cost

    def break_even(self, value: np.ndarray | float) -> np.ndarray | float:
        """Return the probability of leaving from which a contact pays: (t d + f) / (a (V - d) + t d).

        It is above 1, so never reached, where a leaver who is kept is not worth the offer.
        """
        lost = self.takeup * self.offer_cost
        at_stake = self.acceptance * (np.asarray(value, dtype="float64") - self.offer_cost) + lost
        with np.errstate(divide="ignore", invalid="ignore"):
            found = np.where(at_stake > 0, (lost + self.contact_cost) / at_stake, np.inf)
        return float(found) if found.ndim == 0 else found


def hull(left: np.ndarray, chance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the corners of the convex hull of the ROC curve.

    Parameters
    ----------
    left : array of shape (n,)
        1 for who left, else 0.
    chance : array of shape (n,)
        Any score that rises with the chance to leave.

    Returns
    -------
    tuple of arrays
        Shares of leavers and of stayers that lie above each cut, from (0, 0) to (1, 1).
    """
    order = np.argsort(-chance, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(chance[order])), len(order) - 1)
    gone = np.concatenate([[0.0], np.cumsum(left[order])[ends] / left.sum()])
    stayed = np.concatenate([[0.0], np.cumsum(1 - left[order])[ends] / (1 - left).sum()])
    corners: list[int] = []
    for place in range(len(gone)):
        while len(corners) > 1:
            a, b = corners[-2], corners[-1]
            turn = (stayed[b] - stayed[a]) * (gone[place] - gone[a]) - (gone[b] - gone[a]) * (stayed[place] - stayed[a])
            if turn < 0:
                break
            corners.pop()
        corners.append(place)
    return gone[corners], stayed[corners]


def maximum(left: np.ndarray, chance: np.ndarray, *, value: float, offer: Offer) -> tuple[float, float]:
    """Return the maximum profit criterion of a model.

    Parameters
    ----------
    left : array of shape (n,)
        1 for who left, else 0.
    chance : array of shape (n,)
        Any score that rises with the chance to leave.
    value : float
        What a customer who stays is worth, in currency.
    offer : Offer
        Its take-up counts; Verbraken et al. take it as 1.

    Returns
    -------
    profit : float
        MPC: the highest profit by customer that a cut of the score gives, in currency; at least 0 (contact nobody).
    share : float
        Share of the customers that are contacted there.
    """
    gone, stayed = hull(left, chance)
    base = float(left.mean())
    per_leaver = offer.acceptance * (value - offer.offer_cost) - offer.contact_cost
    per_stayer = offer.takeup * offer.offer_cost + offer.contact_cost
    profit = base * gone * per_leaver - (1 - base) * stayed * per_stayer
    best = int(np.argmax(profit))
    return float(profit[best]), float(base * gone[best] + (1 - base) * stayed[best])


def expected_maximum(
    left: np.ndarray, chance: np.ndarray, *, value: float, offer: Offer, alpha: float = 6.0, beta: float = 14.0
) -> tuple[float, float]:
    """Return the expected maximum profit criterion of a model, with acceptance uncertain.

    Parameters
    ----------
    left, chance, value
        As in `maximum`.
    offer : Offer
        Its acceptance is not used: it is Beta(alpha, beta), with mean 0.3 for 6 and 14.
    alpha, beta : float
        Parameters of the distribution of acceptance.

    Returns
    -------
    profit : float
        EMPC: the mean over acceptance of the highest profit by customer, in currency.
    share : float
        Mean share of the customers that are contacted.

    Notes
    -----
    For each segment of the convex hull of the ROC curve there is one acceptance at which its two ends bring the same;
    between two of these, one corner is best, and the profit is linear in acceptance: so the mean is a sum of incomplete
    beta functions.

    References
    ----------
    Verbraken, T., Verbeke, W. and Baesens, B. (2013). A novel profit maximizing metric for measuring classification
    performance of customer churn prediction models. IEEE Transactions on Knowledge and Data Engineering 25, 961-973.
    """
    gone, stayed = hull(left, chance)
    base = float(left.mean())
    worth = value - offer.offer_cost
    per_stayer = offer.takeup * offer.offer_cost + offer.contact_cost
    if worth <= 0:
        return 0.0, 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = np.diff(stayed) * (1 - base) / (np.diff(gone) * base)
        # Stayers who cost nothing hold nobody back, however many there are.
        lost = slope * per_stayer if per_stayer else np.zeros(len(slope))
    # The acceptance from which the next corner is better than this one.
    turn = (lost + offer.contact_cost) / worth
    edges = np.concatenate([[0.0], np.clip(turn, 0, 1), [1.0]])
    low, high = edges[:-1], edges[1:]
    weight = stats.beta.cdf(high, alpha, beta) - stats.beta.cdf(low, alpha, beta)
    mean = alpha / (alpha + beta)
    first = mean * (stats.beta.cdf(high, alpha + 1, beta) - stats.beta.cdf(low, alpha + 1, beta))
    per_leaver = base * gone * (worth * first - offer.contact_cost * weight)
    profit = per_leaver - (1 - base) * stayed * per_stayer * weight
    return float(profit.sum()), float(((base * gone + (1 - base) * stayed) * weight).sum())
