"""sBG: how long contracts last that can be ended once a period (shifted beta-geometric)."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
from scipy.special import betaln, digamma, hyp2f1

from crm_analysis import repeats
from crm_analysis.errors import DataError, UsageError
from crm_analysis.proportion import Z
from crm_analysis.value.models.history import FEWEST
from crm_analysis.value.models.likelihood import Maximum, maximise

_NAMES = ("a", "b")
_STARTS = ((1.0, 1.0), (0.5, 3.0))


def renewals(contracts: pd.DataFrame, *, as_of: str | date | None = None, unit: str = "month") -> pd.DataFrame:
    """Count for how many periods each contract was held, and whether it has ended.

    Parameters
    ----------
    contracts : DataFrame
        ``customer_id``, ``start`` and ``end`` (missing while it runs), as `Study.frame("contracts")` gives them.
    as_of : str or date, optional
        What is known through the end of this day counts; by default the latest date in the table.
    unit : {"day", "week", "month", "year"}
        How often a contract can be ended.

    Returns
    -------
    DataFrame
        One row per contract that began by then: customer_id, ``periods`` (an ended contract: the period in which it
        ended, from 1; a running one: whole periods so far), ``ended``.

    Raises
    ------
    UsageError
        If a column is missing, or `unit` or `as_of` is not understood.
    """
    missing = [name for name in ("customer_id", "start", "end") if name not in contracts.columns]
    if missing:
        raise UsageError(f"renewals: the contracts have no column {missing[0]!r}; they need customer_id, start, end.")
    repeats.check_unit(unit, caller="renewals")
    starts, ends = (pd.to_datetime(contracts[name]).dt.normalize() for name in ("start", "end"))
    last = pd.Timestamp(as_of).normalize() if as_of else pd.concat([starts, ends]).max()
    begun = (starts <= last).to_numpy()
    starts, ends = starts[begun], ends[begun]
    ended = (ends <= last).to_numpy()
    held = (ends.where(ended, last) - starts).dt.days.to_numpy("float64") / repeats.UNIT_DAYS[unit]
    # Months differ in length: a contract that ends on its day of the month has lasted whole months.
    slack = 3 / repeats.UNIT_DAYS[unit] if unit in ("month", "year") else 1e-9
    periods = np.where(ended, np.maximum(1, np.ceil(held - slack)), np.floor(held + slack))
    ids = contracts.loc[begun, "customer_id"].to_numpy()
    return pd.DataFrame({"customer_id": ids, "periods": periods.astype("int64"), "ended": ended})


class ShiftedBetaGeometric:
    """Shifted beta-geometric model of contracts (Fader and Hardie 2007).

    At the end of each period a contract is ended with a probability that is Beta(a, b) over customers and does not
    change; that retention rises with the age of a cohort comes from those leaving first who are likely to. Parameters:
    a, b (alpha and beta in the paper).

    Attributes
    ----------
    params_, parameters_, log_likelihood_, customers_, cautions_
        As in `PurchaseModel`.

    Notes
    -----
    P(ended in period t) = B(a+1, b+t-1) / B(a, b); P(still running after t) = B(a, b+t) / B(a, b); retention in period
    t = (b+t-1) / (a+b+t-1).

    References
    ----------
    Fader, P. S. and Hardie, B. G. S. (2007). How to project customer retention. Journal of Interactive Marketing 21(1),
    76-90.
    Fader, P. S. and Hardie, B. G. S. (2010). Customer-base valuation in a contractual setting: the perils of ignoring
    heterogeneity. Marketing Science 29(1), 85-93.
    """

    label = "sBG"
    names = _NAMES

    def fit(self, contracts: pd.DataFrame) -> ShiftedBetaGeometric:
        """Learn the parameters by maximum likelihood.

        Parameters
        ----------
        contracts : DataFrame
            One row per contract: ``periods`` and ``ended``, as `clv.renewals` gives them.

        Returns
        -------
        self

        Raises
        ------
        UsageError
            If a column is missing.
        DataError
            If there are too few contracts, none has ended, or only one period has been seen.
        """
        ends, times, running, left = _counted(contracts)

        def likelihood(logs: np.ndarray) -> tuple[float, np.ndarray]:
            a, b = params = np.exp(logs)
            whole = betaln(a, b)
            value = left @ (betaln(a + 1, b + ends - 1) - whole) + running @ (betaln(a, b + times) - whole)
            both, last = digamma(a + b), digamma(a + b + ends)
            late = digamma(a + b + times)
            slope_a = left @ (digamma(a + 1) - last - digamma(a) + both) + running @ (both - late)
            slope_b = left @ (digamma(b + ends - 1) - last - digamma(b) + both)
            slope_b += running @ (digamma(b + times) - late - digamma(b) + both)
            return float(value), params * np.array([slope_a, slope_b])

        self.maximum_: Maximum = maximise(
            likelihood, np.log(_STARTS).tolist(), weight=float(left.sum() + running.sum())
        )
        self.params_ = pd.Series(self.maximum_.params, index=list(_NAMES), name=self.label)
        self.parameters_ = self.maximum_.table(_NAMES)
        self.log_likelihood_ = self.maximum_.value
        self.customers_ = int(left.sum() + running.sum())
        self.cautions_: tuple[str, ...] = ()
        if self.maximum_.held.any():
            self.cautions_ = (
                "sBG: retention does not rise with the age of the contracts, so that customers do not seem to differ; "
                "the parameters have no intervals, only their ratio counts.",
            )
        return self

    def survival(self, periods: int) -> pd.DataFrame:
        """Return the share of contracts still running after 0 ... `periods` periods, and the retention in each.

        Returns
        -------
        DataFrame
            ``period``, ``surviving_share`` and ``retention_share`` with 95 % intervals (delta method on log odds);
            period 0 is the beginning.
        """
        self._check()
        t = np.arange(periods + 1.0)
        found: dict[str, np.ndarray] = {"period": t.astype("int64")}
        for name, function in (("surviving_share", _surviving), ("retention_share", _retained)):

            def odds(params: np.ndarray, function=function) -> np.ndarray:  # type: ignore[no-untyped-def]
                share = function(params, t[1:])
                return np.log(share) - np.log1p(-share)

            centre, half = odds(self.maximum_.params), Z * self.maximum_.errors_of(odds)
            beginning = 1.0 if name == "surviving_share" else np.nan
            for end, values in (("", centre), ("_low", centre - half), ("_high", centre + half)):
                found[name + end] = np.append(beginning, 1 / (1 + np.exp(-values)))
        return pd.DataFrame(found)

    def expected_periods(self, periods_held: np.ndarray | pd.Series, *, discount_rate: float = 0.0) -> np.ndarray:
        """Return the expected further periods, discounted, of running contracts (DERL of Fader and Hardie 2010).

        Parameters
        ----------
        periods_held : array of shape (n,)
            For how many periods each contract has run.
        discount_rate : float
            Per period; 0 sums without discount.

        Returns
        -------
        array of shape (n,)
            Sum over k = 1, 2, ... of P(running after held + k - 1 renewals | running) / (1 + d)^k: the payment that is
            due at the end of each period, first that for the renewal that lies ahead, which is
            2F1(1, b+held; a+b+held; 1/(1+d)) - 1. Infinite without discount if a is
            1 or less.
        """
        self._check()
        a, b = self.maximum_.params
        held = np.asarray(periods_held, dtype="float64")
        if discount_rate < 0:
            raise UsageError(f"expected_periods: discount_rate must not be negative, not {discount_rate}.")
        if discount_rate == 0:
            # The mean of 1/theta - 1 with theta Beta(a, b + held).
            return (b + held) / (a - 1) if a > 1 else np.full(held.shape, np.inf)
        return np.asarray(hyp2f1(1.0, b + held, a + b + held, 1 / (1 + discount_rate)) - 1)

    def _check(self) -> None:
        if not hasattr(self, "params_"):
            raise UsageError("ShiftedBetaGeometric has not learned anything yet; call fit(contracts) first.")

    def __repr__(self) -> str:
        if not hasattr(self, "params_"):
            return "ShiftedBetaGeometric()"
        a, b = self.maximum_.params
        return f"ShiftedBetaGeometric(a={a:.4g}, b={b:.4g}; {self.customers_:,} contracts)"


def _surviving(params: np.ndarray, t: np.ndarray) -> np.ndarray:
    a, b = params
    return np.exp(betaln(a, b + t) - betaln(a, b))


def _retained(params: np.ndarray, t: np.ndarray) -> np.ndarray:
    a, b = params
    return (b + t - 1) / (a + b + t - 1)


def _counted(contracts: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Periods in which contracts ended, periods of the running ones, and how many there are of each."""
    caller = "ShiftedBetaGeometric"
    missing = [name for name in ("periods", "ended") if name not in contracts.columns]
    if missing:
        raise UsageError(f"{caller}: the contracts have no column {missing[0]!r}; make one with clv.renewals.")
    periods, ended = contracts["periods"].to_numpy("float64"), contracts["ended"].to_numpy(bool)
    if len(periods) < FEWEST:
        raise DataError(f"{caller}: {len(periods)} contracts are too few to learn from; give {FEWEST} or more.")
    if not ended.any():
        raise DataError(f"{caller}: no contract has ended, so that nothing can be learned; give a longer time.")
    if periods.max() < 2:
        raise DataError(
            f"{caller}: only one period has been seen, in which retention is one number that cannot tell whether "
            "customers differ; give contracts of two periods or more."
        )
    ends, left = np.unique(periods[ended], return_counts=True)
    times, running = np.unique(periods[~ended], return_counts=True)
    return ends, times, running.astype("float64"), left.astype("float64")
