"""Serving: which relations cost more than they bring, and what ending or repricing them would change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crm_analysis import options, style
from crm_analysis.errors import UsageError
from crm_analysis.proportion import share
from crm_analysis.result import Result
from crm_analysis.table import count, in_currency, percent, share_of, short
from crm_analysis.value.models.learning import NotLearned, why_not
from crm_analysis.value.models.projection import (
    Projection,
    Terms,
    ends,
    groups_of,
    project,
    whole_amounts,
    with_ends,
)
from crm_analysis.value.models.purchasing import PurchaseModel, affordable
from crm_analysis.value.models.spending import GammaGamma

_DRAWN = 14
# A loss is told as a positive number, so its ends change places.
_TURNED = {"": "", "_low": "_high", "_high": "_low"}
_NO_COST = "The cost of serving customers is not known in this study (customers with cost_to_serve)."
_NO_MARGIN = "The margin is not known, so that nobody can be said to lose money; give margin."


@dataclass(frozen=True, eq=False, repr=False)
class ServingResult(Result):
    """Relations that lose money.

    Attributes
    ----------
    segments : DataFrame
        One row per segment, "all customers" last: customers, losing (expected value below zero), losing_share with its
        95 % interval, loss_total (what these lose, with the 95 % interval of what may happen), spend_total (what they
        spend), rise_share (the rise of prices, on them, at which they lose nothing, if all stay).
    actions : DataFrame
        One row per action on all of them: gain against going on, with the 95 % interval of what may happen.
    customers : DataFrame
        One row per customer: customer_id, segment, value, cost, losing.
    price_rise, accept : float
        The rise that is tried, and the share of these customers who accept it; the others leave.
    terms : Terms or None
    absent : str
        Why there is nothing to say, if so.
    """

    segments: pd.DataFrame
    actions: pd.DataFrame
    customers: pd.DataFrame
    price_rise: float
    accept: float
    terms: Terms | None
    absent: str
    title = "Relations that lose money"
    shown: ClassVar[dict[str, str]] = {
        "segments": "Customers who are expected to cost more than they bring",
        "actions": "What could be done with them; intervals: 95 % of what may happen",
    }

    def to_frame(self) -> pd.DataFrame:
        return self.segments.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"segments": self.segments.copy(), "actions": self.actions.copy(), "customers": self.customers.copy()}

    def findings(self) -> tuple[str, ...]:
        if self.absent or self.terms is None:
            return (self.absent,)
        whole, currency = self.segments.iloc[-1], self.terms.currency
        if not whole["losing"]:
            return (f"Nobody is expected to cost more than they bring in the next {self.terms.span}.",)
        lost = pd.Series({f"loss{end}": -whole[f"loss_total{other}"] for end, other in _TURNED.items()})
        said = [
            f"{count(int(whole['losing']), 'customer')}, {share_of(whole, 'losing')}, will cost more to serve than "
            f"they bring in the next {self.terms.span}: together {with_ends(lost, 'loss', currency)}."
        ]
        end, raised = self.actions.iloc[0], self.actions.iloc[1]
        said.append(
            f"Ending these relations brings {with_ends(end, 'gain', currency)}; raising their prices by "
            f"{percent(self.price_rise)}, if {percent(self.accept)} accept it and the others leave, "
            f"{with_ends(raised, 'gain', currency)}. Without anyone leaving they would have to rise by "
            f"{percent(whole['rise_share'])}."
        )
        said.append(
            "Serving them at lower cost keeps those who come back: look for that first. Cost is counted for as long as "
            "a customer is expected to stay."
        )
        return tuple(said)

    def metrics(self) -> dict[str, float]:
        if self.absent:
            return {}
        whole = self.segments.iloc[-1]
        found = {name: float(whole[name]) for name in ("customers", "losing", "losing_share", "loss_total")}
        return found | {
            "gain_of_ending": self.actions["gain"].iloc[0],
            "gain_of_repricing": self.actions["gain"].iloc[1],
        }

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the share of customers who lose money by segment, with intervals."""
        if self.absent:
            return style.nothing(ax, title=self.title, why=self.absent)
        parts = self.segments.iloc[:-1] if len(self.segments) > 1 else self.segments
        rows = parts.head(_DRAWN).iloc[::-1]
        ax = style.axes(ax, height=1.7 + 0.42 * len(rows))
        places = np.arange(len(rows))
        shares = 100 * rows["losing_share"]
        reach = 100 * np.vstack(
            [rows["losing_share"] - rows["losing_share_low"], rows["losing_share_high"] - rows["losing_share"]]
        )
        ax.barh(places, shares, height=0.6, color=style.ACCENT, alpha=0.75)
        ax.errorbar(shares, places, xerr=np.maximum(reach, 0), fmt="none", ecolor=style.INK, capsize=3)
        ax.set_yticks(places, [f"{short(row['segment'])} ({row['customers']:,})" for row in rows.to_dict("records")])
        ax.set(xlabel="customers who cost more than they bring (%)", ylim=(-0.6, len(rows) - 0.4))
        ax.set_title(self.title)
        return style.describe(ax, f"Share of customers who lose money by segment. {self.findings()[0]}")

    def plot_customers(self, ax: Axes | None = None) -> Axes:
        """Draw the cumulative value of customers, most valuable first: the whale's back that the losing ones end."""
        if self.absent or self.terms is None:
            return style.nothing(ax, title="The whale curve", why=self.absent)
        ax = style.axes(ax)
        values = np.sort(self.customers["value"].to_numpy())[::-1]
        ax.plot(100 * np.arange(1, len(values) + 1) / len(values), values.cumsum(), color=style.PALETTE[0])
        winning = int((values >= 0).sum())
        ax.axvline(100 * winning / len(values), color=style.ACCENT, lw=1, ls="--")
        ax.set(xlabel="customers, most valuable first (%)", xlim=(0, 100))
        ax.set_ylabel(in_currency("cumulative value", self.terms.currency))
        whole_amounts(ax.yaxis)
        ax.set_title("The whale curve: where value ends and loss begins")
        peak = percent(winning / len(values))
        return style.describe(ax, f"Cumulative value over customers: it rises over {peak} of them and then falls.")


def serving(
    fitted: PurchaseModel | NotLearned,
    spending: GammaGamma | NotLearned,
    summary: pd.DataFrame,
    *,
    customers: pd.DataFrame | None = None,
    by: str = "",
    price_rise: float = 0.10,
    accept: float = 0.8,
    years: float = 3.0,
    discount_rate: float = 0.10,
    margin: float | None = None,
    currency: str = "",
    draws: int = 500,
    seed: int = 0,
) -> ServingResult:
    """Find relations that lose money, and what ending or repricing them would bring.

    Parameters
    ----------
    fitted, spending, summary, customers, by, years, discount_rate, margin, currency, draws, seed
        As for `value`; without ``cost_to_serve`` or a margin the result says so.
    price_rise : float
        The rise of prices to try on these customers, as a share; all of it is profit.
    accept : float
        The share of them who accept it and go on as before; the others leave. An assumption: try several.

    Returns
    -------
    ServingResult

    Raises
    ------
    UsageError
        If a parameter is not understood or `by` is no column.

    Notes
    -----
    A relation loses money where margin x expected discounted spend < expected discounted cost to serve. What comes is
    drawn as in `value` for the customers so chosen. Ending gains minus their value V; repricing gains
    accept x (V + rise x S) - V with S their discounted spend.

    Who loses money depends on the model of purchases: in BG/NBD one-time buyers never leave and cost to the end, which
    makes many more of them than in MBG/NBD or Pareto/NBD. Compare.

    References
    ----------
    Zeithaml, V. A., Rust, R. T. and Lemon, K. N. (2001). The customer pyramid: creating and serving profitable
    customers. California Management Review 43(4), 118-142.
    """
    options.whole(draws, "draws", caller="serving", least=100)
    draws = affordable(draws, len(summary))
    if not 0 <= accept <= 1 or price_rise < 0:
        raise UsageError(
            f"serving: accept must be a share and price_rise not negative, not {accept!r} and {price_rise!r}."
        )
    if isinstance(fitted, NotLearned) or isinstance(spending, NotLearned):
        return _nothing(why_not(fitted, spending), price_rise, accept)
    given = {"years": years, "discount_rate": discount_rate, "margin": margin, "currency": currency}
    projected = project(fitted, spending, summary, customers=customers, caller="serving", **given)  # type: ignore[arg-type]
    absent = _NO_COST if not projected.customers["cost"].any() else "" if projected.terms.margin_known else _NO_MARGIN
    if absent:
        return _nothing(absent, price_rise, accept)
    segment = groups_of(customers, summary, by, caller="serving")
    table = projected.customers.assign(segment=segment)
    table["losing"] = table["value"] < 0
    codes, names = pd.factorize(segment, sort=True)
    sums = projected.sums(np.where(table["losing"], codes, -1), number=draws, seed=seed)
    # Groups in which nobody loses come last and were not drawn.
    sums = np.hstack([sums, np.zeros((draws, len(names) - sums.shape[1]))])
    rows = [_row(name, table[codes == code], sums[:, code]) for code, name in enumerate(names)]
    segments = pd.DataFrame(rows).sort_values(["losing_share", "segment"], ascending=[False, True], ignore_index=True)
    if by:
        everybody = pd.DataFrame([_row("all customers", table, sums.sum(axis=1))])
        segments = pd.concat([segments, everybody], ignore_index=True)
    kept = [name for name in ("customer_id", "segment", "value", "cost", "losing") if name in table]
    actions = _actions(projected, table, sums.sum(axis=1), price_rise, accept)
    return ServingResult(segments, actions, table[kept], price_rise, accept, projected.terms, "")


def _nothing(why: str, price_rise: float, accept: float) -> ServingResult:
    return ServingResult(pd.DataFrame(), pd.DataFrame(), pd.DataFrame(), price_rise, accept, None, why)


def _row(name: str, table: pd.DataFrame, sums: np.ndarray) -> dict[str, object]:
    losing = table[table["losing"]]
    part, low, high = share(len(losing), len(table))
    loss, spend = float(losing["value"].sum()), float(losing["spend"].sum())
    loss_low, loss_high = ends(sums)
    return {
        "segment": name,
        "customers": len(table),
        "losing": len(losing),
        "losing_share": part,
        "losing_share_low": low,
        "losing_share_high": high,
        "loss_total": loss,
        "loss_total_low": float(loss_low),
        "loss_total_high": float(loss_high),
        "spend_total": spend,
        "rise_share": -loss / spend if spend > 0 else np.nan,
    }


def _actions(projected: Projection, table: pd.DataFrame, sums: np.ndarray, rise: float, accept: float) -> pd.DataFrame:
    losing = table[table["losing"]]
    value, spend, cost = (float(losing[name].sum()) for name in ("value", "spend", "cost"))
    drawn_spend = (sums + cost) / projected.terms.margin
    rows = []
    for action, expected, drawn in (
        ("end the relations", -value, -sums),
        (
            f"raise prices by {percent(rise)}, {percent(accept)} accept",
            accept * (value + rise * spend) - value,
            accept * (sums + rise * drawn_spend) - sums,
        ),
    ):
        low, high = ends(drawn)
        rows.append({"action": action, "gain": expected, "gain_low": float(low), "gain_high": float(high)})
    return pd.DataFrame(rows)
