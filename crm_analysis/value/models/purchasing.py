"""Purchasing: what the models of repeat purchases share: to be fitted, to forecast, to say how sure they are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from crm_analysis import options
from crm_analysis.errors import UsageError
from crm_analysis.proportion import Z
from crm_analysis.value.models.history import Histories, check_enough, distinct
from crm_analysis.value.models.likelihood import Maximum, maximise

# Counts in one block of draws: 4 million are 32 MB.
_BLOCK = 4_000_000
# Counts drawn in all, at most; a total over very many customers needs few.
_MOST = 100_000_000
# So many distinct histories are enough to find where the search begins.
_ENOUGH = 1_000


class PurchaseModel(ABC):
    """A model of repeat purchases by customers who may silently leave.

    Attributes
    ----------
    params_ : Series
        The parameters by name, in the unit of time of the summary.
    parameters_ : DataFrame
        parameter, estimate, standard_error, estimate_low, estimate_high: from the observed information on the scale of
        logarithms, 95 %.
    log_likelihood_ : float
        At the maximum; constants that do not depend on the parameters are left out.
    customers_ : int
        From how many it was learned.
    cautions_ : tuple of str
        What to know before these numbers are used.
    """

    label: ClassVar[str] = ""
    names: ClassVar[tuple[str, ...]] = ()
    # Which of the parameters are times: they change with the unit.
    _times: ClassVar[tuple[bool, ...]] = ()
    _starts: ClassVar[tuple[tuple[float, ...], ...]] = ()

    def fit(self, summary: pd.DataFrame) -> Any:
        """Learn the parameters by maximum likelihood.

        Parameters
        ----------
        summary : DataFrame
            One row per customer: ``frequency``, ``recency`` and ``age``, as `clv.summarise` gives them.

        Returns
        -------
        self

        Raises
        ------
        UsageError
            If a column is missing.
        DataError
            If a history is impossible, or these customers cannot teach the model anything.
        """
        caller = type(self).__name__
        histories = distinct(summary, caller=caller)
        check_enough(histories, caller=caller)
        # In units of the mean age all parameters are of the order of 1, whatever the unit of the summary.
        scale = float(np.average(histories.age, weights=histories.customers))
        columns = np.stack([histories.repeats, histories.recency / scale, histories.age / scale])
        starts = np.log(self._starts).tolist()
        step = len(histories.customers) // _ENOUGH
        if step > 1:
            # A part of the histories, in order, finds the place where the whole begins to search.
            starts = [self._maximum(columns[:, ::step], histories.customers[::step], starts).logs.tolist()]
        found = self._maximum(columns, histories.customers, starts)
        shift = np.where(self._times, np.log(scale), 0.0)
        value = found.value - float(histories.customers @ histories.repeats) * np.log(scale)
        self.maximum_ = Maximum(found.logs + shift, found.covariance, found.held, value)
        self.params_ = pd.Series(self.maximum_.params, index=list(self.names), name=self.label)
        self.parameters_ = self.maximum_.table(self.names)
        self.log_likelihood_ = value
        self.customers_ = len(histories.place)
        self.cautions_ = self._cautions()
        return self

    def _maximum(self, columns: np.ndarray, customers: np.ndarray, starts: list[list[float]]) -> Maximum:
        def likelihood(logs: np.ndarray) -> tuple[float, np.ndarray]:
            params = np.exp(logs)
            values, slopes = self._log_likelihoods(params, *columns)
            return float(customers @ values), params * (customers @ slopes)

        return maximise(likelihood, starts, weight=float(customers.sum()))

    def expected_purchases(self, summary: pd.DataFrame, *, periods: float) -> pd.Series:
        """Return how many purchases to expect of each customer in the next `periods` units of time.

        Parameters
        ----------
        summary : DataFrame
            One row per customer, in the unit of time of the fit.
        periods : float
            How long, in that unit.

        Returns
        -------
        Series
            With the index of `summary`; the customers need not be those of the fit.
        """
        histories = self._histories(summary, periods)
        found = self.expected(self.maximum_.params, histories, periods)
        return pd.Series(found[histories.place], index=summary.index, name="expected_purchases")

    def no_purchase_probability(self, summary: pd.DataFrame, *, periods: float) -> pd.Series:
        """Return how likely each customer buys nothing in the next `periods` units of time: the score of churn.

        Parameters and result are as in `expected_purchases`.
        """
        histories = self._histories(summary, periods)
        found = self.silent(self.maximum_.params, histories, periods)
        return pd.Series(found[histories.place], index=summary.index, name="no_purchase_probability")

    def alive_probability(self, summary: pd.DataFrame) -> pd.Series:
        """Return how likely each customer has not left yet; no score of churn, see `no_purchase_probability`.

        It says nothing about how soon somebody buys again: a customer who buys once in ten years may well be alive.
        """
        histories = self._histories(summary, 1)
        found = self.alive(self.maximum_.params, histories)
        return pd.Series(found[histories.place], index=summary.index, name="alive_probability")

    def forecast(self, summary: pd.DataFrame, *, periods: float, draws: int = 1000, seed: int = 0) -> pd.DataFrame:
        """Forecast each customer's purchases with intervals.

        Parameters
        ----------
        summary : DataFrame
            One row per customer, in the unit of time of the fit.
        periods : float
            How long, in that unit.
        draws : int
            Futures drawn for each customer.
        seed : int
            For the draws.

        Returns
        -------
        DataFrame
            One row per customer, in order: customer_id (if there), ``expected_purchases`` and
            ``no_purchase_probability`` with 95 % intervals of the parameters' uncertainty (delta method, on the log and
            the log odds scale), and ``purchases_low``, ``purchases_high``: 95 % of what may happen.

        Notes
        -----
        What may happen has two sources. Each draw takes parameters from the normal distribution of their logarithms
        (observed information), and then, given the customer's history, whether he or she is still there, a rate, a
        time of leaving and a number of purchases. The interval holds at least 95 % of the draws: a count jumps.
        """
        options.whole(draws, "draws", caller="forecast", least=100)
        histories = self._histories(summary, periods)
        mean = self._with_ends(lambda p: self.expected(p, histories, periods), _LOG)[:, histories.place]
        silent = self._with_ends(lambda p: self.silent(p, histories, periods), _ODDS)[:, histories.place]
        low, high = np.empty(len(summary)), np.empty(len(summary))
        for rows, counts in self.futures(histories, periods, draws=draws, seed=seed):
            ends = np.quantile(counts, [0.025, 0.975], axis=0, method="inverted_cdf")
            low[rows], high[rows] = ends
        ids = {"customer_id": summary["customer_id"].to_numpy()} if "customer_id" in summary.columns else {}
        names = [f"{name}{end}" for name in ("expected_purchases", "no_purchase_probability") for end in _ENDS]
        values = dict(zip(names, [*mean, *silent], strict=True))
        return pd.DataFrame({**ids, **values, "purchases_low": low, "purchases_high": high}, index=summary.index)

    def futures(
        self, histories: Histories, periods: float, *, draws: int, seed: int
    ) -> Iterator[tuple[slice, np.ndarray]]:
        """Draw futures, block by block of customers; draw d has the same parameters for all of them.

        Yields
        ------
        tuple of (slice, array of shape (draws, block))
            Which customers, and how many purchases they make in each draw.
        """
        params = self.parameter_draws(draws, seed=seed).T[:, :, None]
        # The first child of the seed drew the parameters.
        seeds = np.random.SeedSequence(seed, n_children_spawned=1)
        size = max(1, _BLOCK // draws)
        for start in range(0, len(histories.place), size):
            chosen = slice(start, min(start + size, len(histories.place)))
            generator = np.random.default_rng(seeds.spawn(1)[0])
            counts = self._draw(params, histories.each(chosen), periods, generator)
            rows, place = np.unique(histories.place[chosen], return_inverse=True)
            there = generator.random(counts.shape) < self.alive(params, histories.rows(rows))[:, place]
            yield chosen, np.where(there, counts, 0)

    def parameter_draws(self, draws: int, *, seed: int) -> np.ndarray:
        """Draw parameters from the normal distribution of their logarithms, those of `futures`; shape (draws, k)."""
        return self.maximum_.draws(np.random.default_rng(np.random.SeedSequence(seed).spawn(1)[0]), draws)

    def total(
        self, summary: pd.DataFrame, *, periods: float, draws: int = 1000, seed: int = 0
    ) -> tuple[float, float, float]:
        """Return how many purchases all customers make together, with the 95 % interval of what may happen.

        As in `forecast`; in one draw all customers have the same parameters, whose error does not average out. Of very
        many customers fewer futures are drawn, never fewer than 100.
        """
        histories = self._histories(summary, periods)
        mean = float(self.expected(self.maximum_.params, histories, periods) @ histories.customers)
        draws = affordable(draws, len(summary))
        sums = sum(counts.sum(axis=1) for _, counts in self.futures(histories, periods, draws=draws, seed=seed))
        low, high = np.quantile(sums, [0.025, 0.975])
        return mean, float(low), float(high)

    @abstractmethod
    def expected(self, params: np.ndarray, histories: Histories, periods: Any) -> np.ndarray:
        """Expected purchases of each history in the next periods; `params` of shape (k,).

        Several lengths of shape (l,) give shape (l, m).
        """

    @abstractmethod
    def silent(self, params: np.ndarray, histories: Histories, periods: float) -> np.ndarray:
        """Probability that each history is followed by no purchase in the next periods; `params` of shape (k,)."""

    @abstractmethod
    def alive(self, params: np.ndarray, histories: Histories) -> np.ndarray:
        """Probability that each history's customer has not left; `params` of shape (k,) or (k, draws, 1)."""

    @abstractmethod
    def remaining(self, params: np.ndarray, histories: Histories, periods: Any) -> np.ndarray:
        """Probability that each history's customer will not have left `periods` later; as `expected`."""

    def newcomer(self, params: np.ndarray, periods: Any) -> np.ndarray:
        """Expected repeat purchases of a new customer in the periods after the first purchase."""
        return self.expected(params, _new(), periods)[..., 0]

    def newcomer_there(self, params: np.ndarray, periods: Any) -> np.ndarray:
        """Probability that a new customer will not have left `periods` after the first purchase."""
        return self.remaining(params, _new(), periods)[..., 0]

    @abstractmethod
    def _log_likelihoods(
        self, params: np.ndarray, repeats: np.ndarray, recency: np.ndarray, age: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Log-likelihood of each history, shape (m,), and its slopes in the parameters, shape (m, k)."""

    @abstractmethod
    def _draw(
        self, params: np.ndarray, histories: Histories, periods: float, generator: np.random.Generator
    ) -> np.ndarray:
        """Purchases in the next periods of customers who have not left; `params` of shape (k, draws, 1)."""

    def _histories(self, summary: pd.DataFrame, periods: float) -> Histories:
        caller = type(self).__name__
        if not hasattr(self, "params_"):
            raise UsageError(f"{caller} has not learned anything yet; call fit(summary) first.")
        if not (options.is_number(periods) and periods > 0):
            raise UsageError(f"{caller}: periods must be a positive number, not {periods!r}.")
        return distinct(summary, caller=caller)

    def _with_ends(self, function: Callable[[np.ndarray], np.ndarray], scale: Any) -> np.ndarray:
        """Estimate and 95 % interval of a function of the parameters; shape (3, m)."""
        there, back = scale
        centre = there(function(self.maximum_.params))
        half = Z * self.maximum_.errors_of(lambda params: there(function(params)))
        return np.stack([back(centre), back(centre - half), back(centre + half)])

    def _cautions(self) -> tuple[str, ...]:
        held = [name for name, end in zip(self.names, self.maximum_.held, strict=True) if end]
        if not held:
            return ()
        return (
            f"{self.label}: the likelihood rises to the end of the range of {' and '.join(held)}, which has no "
            "interval: these customers do not differ in the way that the model provides for.",
        )

    def __repr__(self) -> str:
        if not hasattr(self, "params_"):
            return f"{type(self).__name__}()"
        params = ", ".join(f"{name}={value:.4g}" for name, value in self.params_.items())
        return f"{type(self).__name__}({params}; {self.customers_:,} customers)"


def affordable(draws: int, customers: int) -> int:
    """Return how many futures to draw: those asked for, or fewer of very many customers, never fewer than 100."""
    return min(draws, max(100, _MOST // max(customers, 1)))


def _new() -> Histories:
    """The history of a customer on the day of the first purchase."""
    return Histories(np.zeros(1), np.zeros(1), np.zeros(1), np.ones(1), np.zeros(1, int))


_ENDS = ("", "_low", "_high")
_LOG = (lambda values: np.log(np.maximum(values, 1e-300)), np.exp)


def _log_odds(values: np.ndarray) -> np.ndarray:
    inside = np.clip(values, 1e-15, 1 - 1e-15)
    return np.log(inside) - np.log1p(-inside)


_ODDS = (_log_odds, lambda odds: 1 / (1 + np.exp(-odds)))
