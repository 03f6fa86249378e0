"""Lifetime value: what customers will bring in the next years, discounted, by customer and by segment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crm_analysis import options, style
from crm_analysis.proportion import FEWEST
from crm_analysis.result import Result, metric_key
from crm_analysis.table import count, in_currency, percent, short, with_interval
from crm_analysis.value.models.learning import NotLearned, why_not
from crm_analysis.value.models.projection import UNKNOWN, Projection, Terms, ends, groups_of, project, with_ends
from crm_analysis.value.models.purchasing import PurchaseModel, affordable
from crm_analysis.value.models.spending import GammaGamma

_DRAWN = 14


@dataclass(frozen=True, eq=False, repr=False)
class LifetimeValueResult(Result):
    """What customers are worth.

    Attributes
    ----------
    customers : DataFrame
        One row per customer: customer_id, segment, expected_purchases, mean_spend, ``spend`` and ``cost`` (discounted),
        ``value`` = margin x spend - cost, with ``value_low`` and ``value_high``: 95 % of what may happen.
    segments : DataFrame
        One row per segment, the most valuable customers first, "all customers" last: customers, value_mean and
        value_total with 95 % intervals of what may happen, expected_purchases (mean), value_share of the total.
    top_share : tuple of float
        Share of the whole value that the fifth of the customers has whose expected value is highest, and the ends of
        95 % of what may happen; missing where there are fewer than five customers or the whole is not positive.
    terms : Terms
        Years, discount rate, margin, currency.
    by : str
        What the segments are.
    cautions : tuple of str
        Of the models.
    absent : str
        Why there is nothing to say, if so.
    """

    customers: pd.DataFrame
    segments: pd.DataFrame
    top_share: tuple[float, float, float]
    terms: Terms
    by: str
    cautions: tuple[str, ...]
    absent: str = ""
    shown: ClassVar[dict[str, str]] = {
        "segments": "Discounted value by segment; intervals: 95 % of what may happen",
    }

    @property
    def title(self) -> str:  # type: ignore[override]
        return f"Customer lifetime value, the next {self.terms.span}"

    def to_frame(self) -> pd.DataFrame:
        return self.segments.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"segments": self.segments.copy(), "customers": self.customers.copy()}

    def findings(self) -> tuple[str, ...]:
        if self.absent:
            return (self.absent,)
        whole = self.segments.iloc[-1]
        terms, currency = self.terms, self.terms.currency
        said = [
            f"Today's {count(int(whole['customers']), 'customer')} will bring "
            f"{with_ends(whole, 'value_total', currency)} of {terms.called} in the next {terms.span}, discounted at "
            f"{percent(terms.discount_rate)} a year: {with_ends(whole, 'value_mean', currency)} each."
        ]
        parts = self.segments.iloc[:-1]
        # What happens to a handful of customers is no finding.
        parts = parts[parts["customers"] >= FEWEST]
        if len(parts) > 1:
            best, worst = parts.iloc[0], parts.iloc[-1]
            apart = best["value_mean_low"] > worst["value_mean_high"]
            said.append(
                f"By {self.by} a customer is worth most in {best['segment']}, "
                f"{with_ends(best, 'value_mean', currency)}, and least in {worst['segment']}, "
                f"{with_ends(worst, 'value_mean', currency)}"
                f"{'.' if apart else '; these intervals overlap.'}"
            )
        if self.by and set(parts["segment"]) == {UNKNOWN}:
            said.append(f"No customer has a {self.by}, so that all are valued together.")
        if self._top:
            said.append(f"The fifth with the highest expected value has {self._top} of the whole.")
        said.append(self._basis())
        return (*said, *self.cautions)

    @property
    def _top(self) -> str:
        return with_interval(*self.top_share) if np.isfinite(self.top_share[0]) else ""

    def _basis(self) -> str:
        if not self.terms.margin_known:
            return "The margin is not known, so that these are sales and not profit."
        served = ", less the cost of serving them" if (self.customers["cost"] > 0).any() else ""
        return f"Profit is {percent(self.terms.margin)} of the spend{served}."

    def metrics(self) -> dict[str, float]:
        if self.absent:
            return {}
        whole = self.segments.iloc[-1]
        found = {"value_total": whole["value_total"], "value_mean": whole["value_mean"], "margin": self.terms.margin}
        for row in self.segments.iloc[:-1].to_dict("records"):
            found[f"value_mean_{metric_key(row['segment'])}"] = row["value_mean"]
        return {name: float(value) for name, value in found.items()}

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the mean value of a customer by segment, with intervals."""
        if self.absent:
            return style.nothing(ax, title="What a customer is worth", why=self.absent)
        parts = self.segments.iloc[:-1] if len(self.segments) > 1 else self.segments
        rows = parts.head(_DRAWN).iloc[::-1]
        ax = style.axes(ax, height=1.7 + 0.42 * len(rows))
        places = np.arange(len(rows))
        reach = np.vstack([rows["value_mean"] - rows["value_mean_low"], rows["value_mean_high"] - rows["value_mean"]])
        ax.barh(places, rows["value_mean"], height=0.6, color=style.PALETTE[0], alpha=0.75)
        ax.errorbar(rows["value_mean"], places, xerr=np.maximum(reach, 0), fmt="none", ecolor=style.INK, capsize=3)
        if len(self.segments) > 1:
            ax.axvline(self.segments.iloc[-1]["value_mean"], color=style.MUTED, lw=1, ls="--")
        ax.set_yticks(places, [f"{short(row['segment'])} ({row['customers']:,})" for row in rows.to_dict("records")])
        label = f"{self.terms.called} per customer, {self.terms.span}, discounted"
        ax.set(xlabel=in_currency(label, self.terms.currency), ylim=(-0.6, len(rows) - 0.4))
        more = f", the first {_DRAWN} of {len(parts)}" if len(parts) > _DRAWN else ""
        ax.set_title(f"What a customer is worth{f', by {self.by}' if self.by else ''}{more}")
        return style.describe(ax, f"Mean lifetime value by segment with intervals. {self.findings()[0]}")

    def plot_customers(self, ax: Axes | None = None) -> Axes:
        """Draw the share of the value that the customers hold who are worth most."""
        if self.absent:
            return style.nothing(ax, title="Who holds the value", why=self.absent)
        values = np.sort(self.customers["value"].to_numpy())[::-1]
        total = values.sum()
        if total <= 0:
            return style.nothing(ax, title="Who holds the value", why="The whole value is not positive.")
        ax = style.axes(ax)
        shares = np.concatenate([[0.0], values.cumsum() / total])
        ax.plot(100 * np.arange(len(shares)) / len(values), 100 * shares, color=style.PALETTE[0])
        ax.plot([0, 100], [0, 100], ls=":", color=style.MUTED)
        ax.set(xlabel="customers, highest expected value first (%)", ylabel="share of the value (%)", xlim=(0, 100))
        ax.set_ylim(0, None)
        ax.set_title("Who holds the value")
        held = f" The first fifth holds {self._top}." if self._top else ""
        return style.describe(ax, f"Cumulative share of the expected value over customers, highest first.{held}")


def value(
    fitted: PurchaseModel | NotLearned,
    spending: GammaGamma | NotLearned,
    summary: pd.DataFrame,
    *,
    customers: pd.DataFrame | None = None,
    by: str = "",
    years: float = 3.0,
    discount_rate: float = 0.10,
    margin: float | None = None,
    currency: str = "",
    draws: int = 500,
    seed: int = 0,
) -> LifetimeValueResult:
    """Estimate customer lifetime value: what today's customers will bring in the next years, discounted.

    Parameters
    ----------
    fitted : PurchaseModel or NotLearned
        A fitted model of purchases, such as `learn` returns.
    spending : GammaGamma or NotLearned
        A fitted model of spend.
    summary : DataFrame
        One row per customer, as `summarise` or `Study.repeat_purchases` gives it.
    customers : DataFrame, optional
        The customer view, by customer_id: ``margin`` and ``gross_spend`` give the margin (after returns),
        ``cost_to_serve`` (a year, as long as the customer stays) is taken off, `by` names a column of it.
    by : str
        The column that divides customers into segments; by default all are one.
    years, discount_rate : float
        How far to look, and the interest of a year.
    margin : float, optional
        Share of the spend that is profit; by default as the customer view says. If that does not either, values are
        spend, and the findings say so.
    currency : str
        For labels.
    draws, seed : int
        Futures drawn for the intervals; of more than 200,000 customers fewer than 500, never fewer than 100.

    Returns
    -------
    LifetimeValueResult

    Raises
    ------
    UsageError
        If a parameter is not understood or `by` is no column.
    DataError
        If the margin is not between 0 and 1.

    Notes
    -----
    value = margin x expected mean spend x sum over quarters of (expected purchases in the quarter) / (1 + d)^(its
    middle) - cost to serve x the discounted years in which the customer is expected to be there. Spend and frequency
    are taken for unrelated (Fader, Hardie and Lee 2005). Intervals hold 95 % of what may happen: parameters of both
    models from the normal distribution of their logarithms, and then, for each customer, purchases and amounts; when
    purchases happen and how long serving lasts count at their expectations.

    References
    ----------
    Fader, P. S., Hardie, B. G. S. and Lee, K. L. (2005). RFM and CLV: using iso-value curves for customer base
    analysis. Journal of Marketing Research 42(4), 415-430.
    """
    options.whole(draws, "draws", caller="value", least=100)
    draws = affordable(draws, len(summary))
    if isinstance(fitted, NotLearned) or isinstance(spending, NotLearned):
        nothing, terms = pd.DataFrame(columns=["segment"]), Terms(years, discount_rate, "", 1.0, False, currency)
        return LifetimeValueResult(nothing, nothing, (np.nan,) * 3, terms, by, (), absent=why_not(fitted, spending))
    projected = project(
        fitted,
        spending,
        summary,
        customers=customers,
        years=years,
        discount_rate=discount_rate,
        margin=margin,
        currency=currency,
        caller="value",
    )
    segment = groups_of(customers, summary, by, caller="value")
    codes, names = pd.factorize(segment, sort=True)
    table = projected.customers.assign(segment=segment)
    top = _top(table["value"].to_numpy())
    low, high, sums, held = _drawn(projected, codes, len(names), top, draws=draws, seed=seed)
    table["value_low"], table["value_high"] = low, high
    return LifetimeValueResult(
        customers=table,
        segments=_segments(table, codes, list(names), sums),
        top_share=_top_share(table["value"].to_numpy(), top, held, sums.sum(axis=1)),
        terms=projected.terms,
        by=by,
        cautions=(*fitted.cautions_, *spending.cautions_),
    )


def _drawn(
    projected: Projection, codes: np.ndarray, groups: int, top: np.ndarray, *, draws: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Ends of each customer's interval, and in each draw the sums of the groups and of the `top` customers."""
    low, high, sums, held = np.empty(len(codes)), np.empty(len(codes)), np.zeros((draws, groups)), np.zeros(draws)
    for chosen, values in projected.draws(number=draws, seed=seed):
        low[chosen], high[chosen] = ends(values)
        held += values[:, top[chosen]].sum(axis=1)
        for group in range(groups):
            sums[:, group] += values[:, codes[chosen] == group].sum(axis=1)
    return low, high, sums, held


def _segments(table: pd.DataFrame, codes: np.ndarray, names: list[str], sums: np.ndarray) -> pd.DataFrame:
    whole = float(table["value"].sum())
    rows = [_row(name, table[codes == code], sums[:, code], whole) for code, name in enumerate(names)]
    found = pd.DataFrame(rows).sort_values(["value_mean", "segment"], ascending=[False, True], ignore_index=True)
    if len(names) == 1 and names[0] == "all customers":
        return found
    everybody = pd.DataFrame([_row("all customers", table, sums.sum(axis=1), whole)])
    return pd.concat([found, everybody], ignore_index=True)


def _row(name: str, table: pd.DataFrame, sums: np.ndarray, whole: float) -> dict[str, object]:
    low, high = ends(sums)
    total, number = float(table["value"].sum()), len(table)
    return {
        "segment": name,
        "customers": number,
        "value_mean": total / number,
        "value_mean_low": float(low) / number,
        "value_mean_high": float(high) / number,
        "value_total": total,
        "value_total_low": float(low),
        "value_total_high": float(high),
        "value_share": total / whole if whole > 0 else np.nan,
        "expected_purchases": float(table["expected_purchases"].mean()),
    }


def _top(values: np.ndarray) -> np.ndarray:
    """Whether a customer is in the fifth whose expected value is highest."""
    inside = np.zeros(len(values), dtype=bool)
    inside[np.argsort(-values, kind="stable")[: round(0.2 * len(values))]] = True
    return inside


def _top_share(values: np.ndarray, top: np.ndarray, held: np.ndarray, whole: np.ndarray) -> tuple[float, float, float]:
    if values.sum() <= 0 or len(values) < 5 or (whole <= 0).any():
        return (float("nan"),) * 3
    low, high = ends(held / whole)
    return float(values[top].sum() / values.sum()), float(low), float(high)
