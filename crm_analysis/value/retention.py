"""Retention: what keeping more customers is worth with the study's own margins, beside what is usually quoted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crm_analysis import options, style
from crm_analysis.errors import UsageError
from crm_analysis.result import Result
from crm_analysis.table import count, in_currency, percent
from crm_analysis.value.keeping import economics
from crm_analysis.value.keeping.decomposition import DecompositionResult, decompose

__all__ = ["QUOTED", "DecompositionResult", "RetentionResult", "decompose", "worth"]

QUOTED = {
    "value of a customer, 5 % fewer leaving": ("Reichheld and Sasser 1990", 0.25, 0.85),
    "value of a customer, 5 points more retention": ("Reichheld 1996", 0.35, 0.95),
    "cost of winning a customer by that of keeping one": ("often quoted, source unknown", 5.0, 5.0),
    "customers lost in five years": ("Reichheld 1996", 0.5, 0.5),
}
"""What is said, by whom, and between which ends: shares, and a ratio of costs."""

_GRID = np.linspace(0.0, 0.98, 50)


@dataclass(frozen=True, eq=False, repr=False)
class RetentionResult(Result):
    """What retention is worth in this study.

    Attributes
    ----------
    basis : DataFrame
        One row per number that all rests on, with its 95 % interval: retention (of a year), profit a customer and year,
        cost to serve and to win.
    claims : DataFrame
        One row per claim: what it says (quoted_low, quoted_high, quoted_by), and what this study gives, computed with
        its 95 % interval; shares as shares, so 0.25 is 25 %.
    curve : DataFrame
        One row per retention: value of a customer (net of winning) with 95 % ends.
    points : float
        Rise of retention that was tried, as a share: 0.05 is five points.
    discount_rate : float
        Interest of a year.
    margin_known : bool
        Whether profit is profit; otherwise it is spend.
    currency, absent : str
        Of amounts; why nothing can be said, if so.
    seen_days : int or None
        Days of the year before the last that the log holds, where it does not hold all of it.
    """

    basis: pd.DataFrame
    claims: pd.DataFrame
    curve: pd.DataFrame
    points: float
    discount_rate: float
    margin_known: bool
    currency: str
    absent: str
    seen_days: int | None = None
    title = "What retention is worth"
    shown: ClassVar[dict[str, str]] = {
        "claims": "What is quoted, and what this study gives (0.25: 25 %)",
        "basis": "The numbers that it rests on, a year",
    }

    def to_frame(self) -> pd.DataFrame:
        return self.claims.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"claims": self.claims.copy(), "basis": self.basis.copy(), "curve": self.curve.copy()}

    def findings(self) -> tuple[str, ...]:
        if self.absent:
            return (self.absent,)
        basis, claims = self.basis.set_index("number"), self.claims.set_index("claim")
        kept, more = basis.loc["retention"], claims.loc[f"value of a customer, {self._points} more retention"]
        profit = "profit" if self.margin_known else "spend"
        said = [
            f"{self._points.capitalize()} more retention, from {percent(kept['estimate'])} "
            f"(95 % interval {100 * kept['estimate_low']:.1f}–{100 * kept['estimate_high']:.1f}) a year, "
            f"raise the discounted {profit} of a customer by {_share(more)}."
        ]
        if abs(self.points - 0.05) < 1e-9:
            said[0] = said[0][:-1] + f"; quoted are {_quoted(more)} ({more['quoted_by']})."
        if self.seen_days is not None:
            said.append(
                f"The log holds only {count(self.seen_days, 'day')} of the year before the last: retention is that of "
                "the customers who bought in this time; that of a whole year's customers may differ."
            )
        fewer = claims.loc["value of a customer, 5 % fewer leaving"]
        said.append(
            f"Read as 5 % fewer customers leaving, which is much less, it is {_share(fewer)}; quoted are "
            f"{_quoted(fewer)} ({fewer['quoted_by']})."
        )
        steady = claims.loc[f"yearly {profit}, {self._points} more retention"]
        said.append(f"In the long run, with as many won each year, the yearly {profit} rises by {_share(steady)}.")
        ratio = claims.loc["cost of winning a customer by that of keeping one"]
        if math.isnan(ratio["computed"]):
            said.append("What winning and keeping a customer cost is not known, so that the quoted 5 to 1 is open.")
        else:
            said.append(
                f"Winning a customer costs {ratio['computed']:.1f} times a year's service of one (95 % interval "
                f"{ratio['computed_low']:.1f}–{ratio['computed_high']:.1f}), not the 5 times that is often quoted."
                if not ratio["computed_low"] <= 5 <= ratio["computed_high"]
                else f"Winning a customer costs {ratio['computed']:.1f} times a year's service of one (95 % interval "
                f"{ratio['computed_low']:.1f}–{ratio['computed_high']:.1f}), which agrees with the quoted 5."
            )
        lost = claims.loc["customers lost in five years"]
        said.append(f"At this rate {_share(lost)} of the customers are lost in five years; quoted is half.")
        if not self.margin_known:
            said.append("The margin is not known, so that these are sales and not profit.")
        said.append("That retained customers would bring as much as those retained today is an assumption of the sum.")
        return tuple(said)

    @property
    def _points(self) -> str:
        return f"{100 * self.points:g} points"

    def metrics(self) -> dict[str, float]:
        if self.absent:
            return {}
        found = {"retention": float(self.basis["estimate"].iloc[0])}
        names = ("value_rise_by_points", "value_rise_by_five_percent_fewer", "yearly_rise_by_points")
        for name, claimed in zip(names, self.claims["computed"], strict=False):
            found[name] = float(claimed)
        return found

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the value of a customer over retention, with interval, and where the study stands."""
        if self.absent:
            return style.nothing(ax, title=self.title, why=self.absent)
        ax = style.axes(ax)
        curve = self.curve
        ax.fill_between(
            100 * curve["retention_share"], curve["value_low"], curve["value_high"], color=style.PALETTE[0], alpha=0.2
        )
        ax.plot(100 * curve["retention_share"], curve["value"], color=style.PALETTE[0])
        now = float(self.basis["estimate"].iloc[0])
        for place, color, label in (
            (now, style.INK, "now"),
            (min(now + self.points, 0.995), style.ACCENT, f"{self._points} more"),
        ):
            height = float(np.interp(place, curve["retention_share"], curve["value"]))
            ax.plot([100 * place], [height], "o", color=color, label=label, zorder=4)
        top = min(0.98, max(now + 0.15, 0.6))
        ax.set(xlim=(0, 100 * top), xlabel="retention of a year (%)")
        ax.set_ylim(None, 1.15 * float(np.interp(top, curve["retention_share"], curve["value_high"])))
        ax.set_ylabel(in_currency("value of a customer, net of winning", self.currency))
        ax.axhline(0, color=style.MUTED, lw=1)
        ax.legend(loc="upper left")
        ax.set_title("What a customer is worth, by retention")
        return style.describe(ax, f"Value of a customer over yearly retention. {self.findings()[0]}")

    def plot_claims(self, ax: Axes | None = None) -> Axes:
        """Draw the rise of a customer's value beside the ranges that are quoted."""
        if self.absent:
            return style.nothing(ax, title="Quoted and computed", why=self.absent)
        ax = style.axes(ax, height=2.9)
        rows = self.claims[self.claims["claim"].str.startswith("value of a customer")].iloc[::-1]
        for place, row in enumerate(rows.to_dict("records")):
            if np.isfinite(row["quoted_low"]):
                ends = 100 * np.array([row["quoted_low"], row["quoted_high"]])
                ax.hlines(place, *ends, color=style.PALETTE[1], lw=10, alpha=0.5)
                ax.text(ends.mean(), place + 0.22, f"quoted: {row['quoted_by']}", ha="center", fontsize=9)
            reach = 100 * np.array([[row["computed"] - row["computed_low"]], [row["computed_high"] - row["computed"]]])
            ax.errorbar(100 * row["computed"], place, xerr=np.nan_to_num(reach), fmt="o", color=style.INK, capsize=3)
        ax.set_yticks(range(len(rows)), [name.split(", ")[1] for name in rows["claim"]])
        ax.set(ylim=(-0.5, len(rows) - 0.3), xlabel="rise of a customer's value (%); dots: this study, 95 % interval")
        ax.set_xlim(0, None)
        ax.set_title("Quoted and computed")
        return style.describe(ax, f"Rise of a customer's value, quoted ranges and this study. {self.findings()[0]}")


def worth(
    customers: pd.DataFrame,
    *,
    points: float = 5.0,
    discount_rate: float = 0.10,
    margin: float | None = None,
    currency: str = "",
    draws: int = 2000,
    seed: int = 0,
) -> RetentionResult:
    """Compute what more retention does to profit and to the value of a customer, with the study's own numbers.

    Parameters
    ----------
    customers : DataFrame
        The customer view: ``spend_last_year`` and ``spend_year_before`` (needed), ``gross_spend`` and ``margin``,
        ``cost_to_serve`` (a year), ``acquisition_cost``; from ``first_purchase``, ``last_purchase`` and
        ``recency_days`` it is seen how far back the log goes.
    points : float
        By how many points retention rises, such as 5.
    discount_rate : float
        Interest of a year.
    margin : float, optional
        Share of the spend that is profit; by default margin by gross_spend; without either values are spend.
    currency : str
        For labels.
    draws, seed : int
        For the intervals.

    Returns
    -------
    RetentionResult
        Where fewer than ten customers bought in the year before, one that says so. Where the log is shorter than two
        years it says of how many days the buyers of the year before are.

    Raises
    ------
    UsageError
        If a parameter is not understood.

    Notes
    -----
    Retention r: share of the buyers of the year before who bought in the last year. Profit m a year: margin x mean
    spend of the last year's buyers - their mean cost to serve. Value of a customer: m (1 + d) / (1 + d - r) - cost of
    winning: the profit of the first year and of each further one in which the customer is still there, discounted
    (Gupta and Lehmann 2003). With k points more, r + k; with 5 % fewer leaving, 1 - 0.95 (1 - r), the literal reading
    of what Reichheld and Sasser call reducing defections by 5 %; it is often read as five points, for which see the
    other claim. Yearly profit in the long run, n won a year: n m / (1 - r) - n cost of winning. The three claims are
    relative changes of these. All inputs are means over customers; their joint normal distribution (covariance of the
    means) is drawn from for the intervals. That all leave at one rate is an average over unlike customers, which makes
    retained ones look dearer than they are: see `clv` for the models that tell them apart.

    References
    ----------
    Reichheld, F. F. and Sasser, W. E. (1990). Zero defections: quality comes to services. Harvard Business Review
    68(5), 105-111.
    Reichheld, F. F. (1996). The Loyalty Effect. Harvard Business School Press.
    Gupta, S. and Lehmann, D. R. (2003). Customers as assets. Journal of Interactive Marketing 17(1), 9-24.
    """
    if not 0 < points < 100:
        raise UsageError(f"retention: points must lie between 0 and 100, not {points!r}.")
    if not 0 < discount_rate < 1:
        raise UsageError(f"retention: discount_rate is a share of a year, such as 0.1, not {discount_rate!r}.")
    options.whole(draws, "draws", caller="retention", least=100)
    numbers = economics.numbers(customers, margin)
    known = margin is not None or {"margin", "gross_spend"} <= set(customers.columns)
    empty = pd.DataFrame()
    if isinstance(numbers, str):
        return RetentionResult(empty, empty, empty, points / 100, discount_rate, known, currency, numbers)
    centre, drawn = numbers[0], economics.drawn(*numbers[1:], draws=draws, seed=seed)
    basis = [_with_interval({"number": name}, "estimate", centre[name], drawn[name]) for name in economics.BASIS]
    step, profit = points / 100, "profit" if known else "spend"
    claims = []
    for claim, function in (
        (
            f"value of a customer, {points:g} points more retention",
            lambda v: economics.rise(v, v["retention"] + step, discount_rate),
        ),
        (
            "value of a customer, 5 % fewer leaving",
            lambda v: economics.rise(v, 1 - 0.95 * (1 - v["retention"]), discount_rate),
        ),
        (f"yearly {profit}, {points:g} points more retention", lambda v: economics.yearly(v, v["retention"] + step)),
        (
            "cost of winning a customer by that of keeping one",
            lambda v: np.where(
                v["cost to serve"] > 0, v["cost of winning"] / np.maximum(v["cost to serve"], 1e-12), np.nan
            ),
        ),
        ("customers lost in five years", lambda v: 1 - v["retention"] ** 5),
    ):
        by, low, high = QUOTED.get(claim, ("", math.nan, math.nan))
        row = _with_interval({"claim": claim}, "computed", float(function(centre)), function(drawn))
        claims.append(row | {"quoted_low": low, "quoted_high": high, "quoted_by": by})
    values = np.stack([economics.value(drawn, rate, discount_rate) for rate in _GRID])
    low, high = np.nanquantile(values, [0.025, 0.975], axis=1)
    curve = pd.DataFrame({"retention_share": _GRID, "value": economics.value(centre, _GRID, discount_rate)})
    curve = curve.assign(value_low=low, value_high=high)
    tables, seen = (pd.DataFrame(basis), pd.DataFrame(claims), curve), economics.seen_before(customers)
    return RetentionResult(*tables, step, discount_rate, known, currency, absent="", seen_days=seen)


def _with_interval(row: dict, name: str, estimate: float, drawn: np.ndarray) -> dict:
    known = drawn[np.isfinite(drawn)]
    low, high = np.quantile(known, [0.025, 0.975]) if len(known) and np.isfinite(estimate) else (np.nan, np.nan)
    return row | {name: float(estimate), f"{name}_low": float(low), f"{name}_high": float(high)}


def _share(row: pd.Series) -> str:
    ends = f"95 % interval {100 * row['computed_low']:.1f}–{100 * row['computed_high']:.1f}"
    return f"{percent(row['computed'])} ({ends})"


def _quoted(row: pd.Series) -> str:
    return f"{100 * row['quoted_low']:.0f}–{100 * row['quoted_high']:.0f} %"
