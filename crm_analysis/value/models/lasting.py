"""Lasting: how long contracts last, and what those that run are still worth."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crm_analysis import repeats, style
from crm_analysis.errors import DataError, UsageError
from crm_analysis.proportion import Z
from crm_analysis.result import Result
from crm_analysis.table import count, percent
from crm_analysis.value.models.contract import ShiftedBetaGeometric, renewals
from crm_analysis.value.models.projection import ends, with_ends

_MILESTONES = (1, 2, 3, 6, 12, 18, 24, 36)
NOTHING = "There are no contracts in this study, so that only purchases tell of leaving."


@dataclass(frozen=True, eq=False, repr=False)
class ContractsResult(Result):
    """How long contracts last.

    Attributes
    ----------
    curve : DataFrame
        One row per period, 0 for the beginning: at_risk (contracts seen to its end, or ended in it), observed_share
        (still running after it, Kaplan-Meier) with its 95 % interval, surviving_share and retention_share (of the
        model) with 95 % intervals.
    worth : DataFrame
        One row per way of reckoning, "sBG" and "one rate for all": fees_total, what the running contracts will still
        pay, discounted, with a 95 % interval of the parameters; empty where fees are not known.
    contracts, running : int
        How many there are, and how many of them run.
    unit : str
        How often a contract can be ended.
    discount_rate : float
        Interest of a year.
    currency : str
        Of the fees.
    cautions : tuple of str
        Of the model.
    absent : str
        Why there is nothing to say, if so.
    """

    curve: pd.DataFrame
    worth: pd.DataFrame
    contracts: int
    running: int
    unit: str
    discount_rate: float
    currency: str
    cautions: tuple[str, ...] = ()
    absent: str = ""
    title = "How long contracts last"
    shown: ClassVar[dict[str, str]] = {
        "milestones": "Share of contracts still running after so many periods; intervals: 95 %",
        "worth": "What running contracts will still pay, discounted",
    }

    def to_frame(self) -> pd.DataFrame:
        return self.curve.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        told = [*_MILESTONES, *self.curve["period"].tail(1)]
        milestones = self.curve[self.curve["period"].isin(told)].reset_index(drop=True)
        return {"curve": self.curve.copy(), "milestones": milestones, "worth": self.worth.copy()}

    def findings(self) -> tuple[str, ...]:
        if self.absent:
            return (self.absent,)
        first, last = self.curve.iloc[1], self.curve.iloc[-1]
        said = [
            f"Of {count(self.contracts, 'contract')} {self.running:,} still run. By the model "
            f"{_share(last, 'surviving_share')} outlast {count(int(last['period']), self.unit)}.",
            f"The older a contract, the safer: {_share(first, 'retention_share')} are renewed after the first "
            f"{self.unit}, {_share(last, 'retention_share')} of those that reach {self.unit} {int(last['period'])}. "
            "Nobody need change for that: who is likely to leave has left.",
        ]
        if len(self.worth):
            own, flat = self.worth.iloc[0], self.worth.iloc[1]
            less = "less" if flat["fees_total"] < own["fees_total"] else "more"
            said.append(
                f"Running contracts will still pay {with_ends(own, 'fees_total', self.currency)}, discounted at "
                f"{percent(self.discount_rate)} a year; with one rate of ending for all it would be {less}, "
                f"{with_ends(flat, 'fees_total', self.currency)}. These are fees and not profit."
            )
        return (*said, *self.cautions)

    def metrics(self) -> dict[str, float]:
        if self.absent:
            return {}
        found = {"contracts": float(self.contracts), "running": float(self.running)}
        found["surviving_share_at_end"] = float(self.curve["surviving_share"].iloc[-1])
        return found | ({"fees_total": float(self.worth["fees_total"].iloc[0])} if len(self.worth) else {})

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the share still running by period: observed with intervals, and the model with its band."""
        if self.absent:
            return style.nothing(ax, title=self.title, why=self.absent)
        ax = style.axes(ax)
        curve, periods = self.curve, self.curve["period"]
        low, high = (100 * curve[f"surviving_share_{end}"] for end in ("low", "high"))
        ax.fill_between(periods, low, high, color=style.PALETTE[0], alpha=0.25)
        ax.plot(periods, 100 * curve["surviving_share"], color=style.PALETTE[0], label="model (sBG)")
        seen = curve[curve["observed_share"].notna()]
        reach = 100 * seen[["observed_share_low", "observed_share_high"]].sub(seen["observed_share"], axis=0).abs()
        ax.errorbar(
            seen["period"], 100 * seen["observed_share"], yerr=reach.fillna(0).to_numpy().T, fmt="o", ms=4,
            color=style.INK, capsize=2, label="observed",
        )  # fmt: skip
        ax.set(xlabel=f"{self.unit}s since the beginning", ylabel="still running (%)", ylim=(0, 102))
        ax.legend(loc="upper right")
        ax.set_title(self.title)
        return style.describe(ax, f"Curve of contracts still running by {self.unit}. {self.findings()[0]}")


def contracts(
    table: pd.DataFrame,
    *,
    as_of: str | date | None = None,
    unit: str = "month",
    periods: int = 24,
    discount_rate: float = 0.10,
    currency: str = "",
    draws: int = 500,
    seed: int = 0,
) -> ContractsResult:
    """Estimate how long contracts last and what the running ones will still pay.

    Parameters
    ----------
    table : DataFrame
        ``customer_id``, ``start``, ``end`` (missing while it runs) and, where known, ``monthly_fee``.
    as_of : str or date, optional
        What is known through the end of this day counts; by default the latest date in the table.
    unit : {"day", "week", "month", "year"}
        How often a contract can be ended.
    periods : int
        How far the curve goes.
    discount_rate : float
        Interest of a year, above 0.
    currency : str
        For labels.
    draws, seed : int
        For the interval of the worth.

    Returns
    -------
    ContractsResult
        Without contracts, or where nothing can be learned from them, one that says so.

    Raises
    ------
    UsageError
        If a parameter is not understood.

    Notes
    -----
    The model is `ShiftedBetaGeometric`; observed shares are those of Kaplan and Meier with intervals on the scale of
    log(-log), which need no model. Worth: sum over running contracts of the fee of a period x the discounted further
    periods (`ShiftedBetaGeometric.expected_periods`). One rate for all is the share of endings in all periods at risk:
    it takes the survivors for average customers (Fader and Hardie 2010 show what that costs).

    References
    ----------
    Kaplan, E. L. and Meier, P. (1958). Nonparametric estimation from incomplete observations. JASA 53, 457-481.
    Fader, P. S. and Hardie, B. G. S. (2010). Customer-base valuation in a contractual setting: the perils of ignoring
    heterogeneity. Marketing Science 29(1), 85-93.
    """
    repeats.check_unit(unit, caller="contracts")
    if periods < 1:
        raise UsageError(f"contracts: periods must be 1 or more, not {periods!r}.")
    if not 0 < discount_rate < 1:
        raise UsageError(f"contracts: discount_rate is a share of a year, such as 0.1, not {discount_rate!r}.")
    if table.empty or not {"customer_id", "start", "end"} <= set(table.columns):
        return _nothing(NOTHING, unit, discount_rate, currency)
    counted = renewals(table, as_of=as_of, unit=unit)
    try:
        fitted = ShiftedBetaGeometric().fit(counted)
    except DataError as error:
        return _nothing(str(error), unit, discount_rate, currency)
    curve = _observed(counted, periods).merge(fitted.survival(periods), on="period")
    running = ~counted["ended"].to_numpy()
    worth = pd.DataFrame(columns=["reckoning", "fees_total"])
    begun = table[pd.to_datetime(table["start"]).dt.normalize() <= _last(table, as_of)]
    if "monthly_fee" in begun.columns and begun["monthly_fee"].notna().any():
        months = repeats.UNIT_DAYS[unit] / repeats.UNIT_DAYS["month"]
        fees = begun["monthly_fee"].astype("float64").fillna(0).to_numpy()[running] * months
        rate = (1 + discount_rate) ** (repeats.UNIT_DAYS[unit] / repeats.UNIT_DAYS["year"]) - 1
        worth = _worth(fitted, counted, fees, rate, draws=draws, seed=seed)
    return ContractsResult(
        curve, worth, len(counted), int(running.sum()), unit, discount_rate, currency, fitted.cautions_
    )


def _nothing(why: str, unit: str, discount_rate: float, currency: str) -> ContractsResult:
    curve = pd.DataFrame(columns=["period", "surviving_share"])
    return ContractsResult(curve, pd.DataFrame(), 0, 0, unit, discount_rate, currency, absent=why)


def _last(table: pd.DataFrame, as_of: str | date | None) -> pd.Timestamp:
    dates = pd.concat([pd.to_datetime(table["start"]), pd.to_datetime(table["end"])])
    return pd.Timestamp(as_of).normalize() if as_of else dates.max().normalize()


def _observed(counted: pd.DataFrame, periods: int) -> pd.DataFrame:
    """Kaplan and Meier's shares, as far as contracts were seen."""
    held, ended = counted["periods"].to_numpy(), counted["ended"].to_numpy()
    t = np.arange(1, periods + 1)
    at_risk = (held[None, :] >= t[:, None]).sum(axis=1)
    left = (ended[None, :] & (held[None, :] == t[:, None])).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.cumprod(np.where(at_risk > 0, 1 - left / at_risk, np.nan))
        spread = np.sqrt(np.cumsum(left / (at_risk * (at_risk - left))))
        logs = np.log(share)
        low, high = (share ** np.exp(sign * Z * spread / np.abs(logs)) for sign in (1, -1))
    inside = (share > 0) & (share < 1)
    found = {"observed_share": share, "observed_share_low": np.where(inside, low, np.nan)}
    found["observed_share_high"] = np.where(inside, high, np.nan)
    table = pd.DataFrame({"period": t, "at_risk": at_risk, **found})
    start = {"period": 0, "at_risk": len(held), "observed_share": 1.0}
    return pd.concat([pd.DataFrame([start]), table], ignore_index=True)


def _worth(
    fitted: ShiftedBetaGeometric, counted: pd.DataFrame, fees: np.ndarray, rate: float, *, draws: int, seed: int
) -> pd.DataFrame:
    from scipy.special import hyp2f1

    ended, held = counted["ended"].to_numpy(), counted["periods"].to_numpy("float64")
    times, place = np.unique(held[~ended], return_inverse=True)
    by_time = np.bincount(place, fees, minlength=len(times))
    drawn = fitted.maximum_.draws(np.random.default_rng(seed), draws)
    a, b = drawn.T[:, :, None]
    own = (hyp2f1(1.0, b + times, a + b + times, 1 / (1 + rate)) - 1) @ by_time
    # A contract that ended in period t was at risk in t periods, as was one that runs after t.
    left, seen = int(ended.sum()), float(held.sum())
    ending = np.clip(np.array([left, left - Z * left**0.5, left + Z * left**0.5]) / seen, 0, 1)
    flat, low, high = fees.sum() * (1 - ending) / (ending + rate)
    total = float(fitted.expected_periods(times, discount_rate=rate) @ by_time)
    own_low, own_high = ends(own)
    rows = [("sBG", total, float(own_low), float(own_high)), ("one rate for all", flat, high, low)]
    return pd.DataFrame(rows, columns=["reckoning", "fees_total", "fees_total_low", "fees_total_high"])


def _share(row: pd.Series, name: str) -> str:
    ends_of = f"{100 * row[f'{name}_low']:.1f}–{100 * row[f'{name}_high']:.1f}"
    return f"{percent(row[name])} (95 % interval {ends_of})"
