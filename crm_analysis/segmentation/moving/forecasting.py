"""Forecasting: the next step, if customers move at the rates seen, with intervals for what will be counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

_NO_RETURN = 10**9


@dataclass(frozen=True)
class Forecast:
    """What the next step is expected to bring.

    Attributes
    ----------
    cells : DataFrame
        One row per state before and after: before, after, expected (customers), at_least and at_most (the predictive
        interval).
    totals : DataFrame
        One row per label: state, now (customers), expected, at_least, at_most.
    level : float
        The chance that the intervals aim at.
    unrest : float
        How much the rates themselves vary from step to step, 0 (not at all) to 1, see `unrest`.
    """

    cells: pd.DataFrame
    totals: pd.DataFrame
    level: float
    unrest: float

    def covered(self, counts: np.ndarray) -> tuple[int, int]:
        """Return how many cells of the step that came are inside their intervals, and how many there are.

        Parameters
        ----------
        counts : int array of shape (states, states)
            The step; rows in which nobody was are not judged, nor are newcomers.
        """
        size = counts.shape[1]
        held = counts.sum(axis=1) > 0
        held[-1] = False
        seen = counts[:-1, : size - 1][held[:-1]].ravel()
        kept = np.repeat(held[:-1], size - 1)
        inside = (self.cells["at_least"].to_numpy()[kept] <= seen) & (seen <= self.cells["at_most"].to_numpy()[kept])
        return int(inside.sum()), len(seen)


def predict(
    counts: np.ndarray,
    now: np.ndarray,
    *,
    states: Sequence[str],
    level: float,
    draws: int,
    generator: np.random.Generator,
) -> Forecast:
    """Forecast the next step.

    Parameters
    ----------
    counts : int array of shape (steps, states, states)
        As `Paths.counts` gives them.
    now : int array of shape (states,)
        Customers in each state at the last date.
    states : sequence of str
        Names of the states, the last two those who are gone and those who are new.
    level : float
        The chance that the next count is inside its interval.
    draws : int
        Samples of the next step.
    generator : Generator
        For the samples.

    Returns
    -------
    Forecast

    Notes
    -----
    Customers in state i move independently with probabilities p_i, which have the Dirichlet posterior of the counts of
    all steps and a prior that weighs as much as one customer, spread evenly (Perks 1947). The next counts of a row are
    then Dirichlet-multinomial: their spread holds both the chance in who moves and the doubt about p_i. An interval
    goes from the (1 - level) / 2 to the (1 + level) / 2 quantile of the count smoothed over its unit, so that counts,
    which come in whole numbers, are not covered too often.

    Where two steps or more were seen and the rates vary between them by more than chance (`unrest`, rho > 0), those of
    the next step are drawn about p_i from a Dirichlet distribution of total weight (1 - rho) / rho, and the n_i
    customers of a row in a past step tell no more about p_i than n_i / (1 + (n_i - 1) rho) would (Mosimann 1962).

    Newcomers are Poisson about a rate with a gamma posterior; where the steps differ by more than chance allows, their
    variance is larger by Pearson's chi-square over its degrees of freedom. They enter by the shares seen so far. Where
    no step could show a return (two dates), none is forecast.

    References
    ----------
    Mosimann, J. E. (1962). On the compound multinomial distribution, the multivariate beta-distribution, and
    correlations among proportions. Biometrika 49, 65-82.
    Perks, W. (1947). Some observations on inverse probability including a new indifference rule. Journal of the
    Institute of Actuaries 73, 285-334.
    """
    targets = len(states) - 1
    rho = unrest(counts)
    told = counts[:, :, :targets] / (1 + np.maximum(counts.sum(axis=2, keepdims=True) - 1, 0) * rho)
    told = told.sum(axis=0)
    if not counts[:, targets - 1].any():
        # Two dates cannot show a return; a prior alone would bring back nearly everybody.
        told[targets - 1, targets - 1] = _NO_RETURN
    samples = np.zeros((draws, targets, targets), dtype="int64")
    for row in range(targets):
        samples[:, row] = _rows(told[row], np.full(draws, now[row]), rho, generator)
    arriving = _arrivals(counts[:, -1].sum(axis=1), draws, generator)
    entering = _rows(told[-1, : targets - 1], arriving, rho, generator)
    weights = told[:-1] + 1 / targets
    expected = now[:-1, None] * weights / weights.sum(axis=1, keepdims=True)
    low, high = _interval(samples.reshape(draws, -1), level, generator)
    names = list(states[:targets])
    cells = pd.DataFrame(
        {"before": np.repeat(names, targets), "after": names * targets, "expected": expected.ravel(), "at_least": low}
    ).assign(at_most=high)
    ahead = samples.sum(axis=1)[:, : targets - 1] + entering
    low, high = _interval(ahead, level, generator)
    totals = pd.DataFrame({"state": names[:-1], "now": now[: targets - 1], "expected": ahead.mean(axis=0)})
    return Forecast(cells, totals.assign(at_least=low, at_most=high), level, rho)


def unrest(counts: np.ndarray) -> float:
    """Return how much the rates of moving vary from step to step beyond chance.

    Parameters
    ----------
    counts : int array of shape (steps, states, states)
        As `Paths.counts` gives them.

    Returns
    -------
    float
        The intraclass correlation rho of a Dirichlet-multinomial distribution by moments, the same for all rows: with
        Pearson's chi-square X2 and its degrees of freedom of a row over the steps, and n the mean size of the row
        corrected for unequal sizes, E(X2) = df (1 + (n - 1) rho). 0 with one step, and where it comes out below.
    """
    excess = weight = 0.0
    for row in np.moveaxis(counts[:, :-1], 1, 0):
        table = row[row.sum(axis=1) > 0][:, row.sum(axis=0) > 0].astype("float64")
        if table.shape[0] < 2 or table.shape[1] < 2:
            continue
        sizes, total = table.sum(axis=1), table.sum()
        expected = sizes[:, None] * table.sum(axis=0) / total
        degrees = (table.shape[0] - 1) * (table.shape[1] - 1)
        typical = (total - (sizes**2).sum() / total) / (len(sizes) - 1)
        excess += float(((table - expected) ** 2 / expected).sum()) - degrees
        weight += degrees * max(typical - 1, 0.0)
    return min(max(excess / weight, 0.0), 0.99) if weight > 0 else 0.0


def _rows(told: np.ndarray, totals: np.ndarray, rho: float, generator: np.random.Generator) -> np.ndarray:
    """Draw the next counts of one row, with the probabilities drawn anew each time."""
    if not len(told) or not totals.any():
        return np.zeros((len(totals), len(told)), dtype="int64")
    chances = generator.dirichlet(told + 1 / len(told), size=len(totals))
    if rho > 0:
        about = generator.standard_gamma(np.maximum(chances * (1 - rho) / rho, 1e-9))
        chances = about / np.maximum(about.sum(axis=1, keepdims=True), 1e-300)
    return generator.multinomial(totals, chances)


def _arrivals(seen: np.ndarray, draws: int, generator: np.random.Generator) -> np.ndarray:
    """Draw the number of newcomers in the next step."""
    if not seen.any():
        return np.zeros(draws, dtype="int64")
    mean = seen.mean()
    excess = max(1.0, float(((seen - mean) ** 2).sum() / mean / (len(seen) - 1))) if len(seen) > 1 else 1.0
    rates = generator.gamma((seen.sum() + 0.5) / excess, excess / len(seen), size=draws)
    if excess > 1:
        rates = generator.gamma(rates / (excess - 1), excess - 1)
    return generator.poisson(rates)


def _interval(samples: np.ndarray, level: float, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the interval of each column of counts, each count dealt over its unit."""
    spread = samples + generator.uniform(-0.5, 0.5, samples.shape)
    low, high = np.quantile(spread, [(1 - level) / 2, (1 + level) / 2], axis=0)
    low, high = np.ceil(low), np.floor(high)
    # An interval too short to hold a whole number holds the nearest.
    middle = np.round(np.quantile(samples, 0.5, axis=0))
    empty = low > high
    low, high = np.where(empty, middle, low), np.where(empty, middle, high)
    return np.maximum(low, 0).astype("int64"), np.maximum(high, 0).astype("int64")
