"""Market report: customers kept, won, returned and lost, and what winning them costs by channel."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from crm_analysis import style
from crm_analysis.errors import UsageError
from crm_analysis.result import Result
from crm_analysis.study.customer360 import YEAR_DAYS
from crm_analysis.study.reports import acquisition, change, flows
from crm_analysis.study.reports.change import Span, in_words
from crm_analysis.table import amount, count, in_currency, share_of, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from crm_analysis.study.study import Study

_SHOWN_CHANNELS = 12
_DRAWN = 24
_LABELS = 8


@dataclass(frozen=True, eq=False, repr=False)
class MarketResult(Result):
    """Flows of customers, and the customers won in the last window by channel.

    Attributes
    ----------
    flows : DataFrame
        One row per end of a period: end, customers (with a purchase in the window that ends then), customers_before
        (in the window before that), kept (in both), returning (in the first, not in the second, but earlier), new
        (first purchase in the log), lost (only in the window before); kept_share and lost_share of customers_before,
        new_share and returning_share of customers, each with Wilson's 95 % interval (``_low``, ``_high``).
    channels : DataFrame
        One row per channel, that of all first: won, won_before (in the window before), buyers (who bought by the
        window's end), buyers_share, referred_share, cost_per_customer, cost_per_buyer, change_percent of the number
        won, with 95 % intervals.
    every : str
        quarter or year.
    window_days : int
        Length of a window in days.
    span : Span or None
        The days the log covers; nothing without orders.
    last : date or None
        Last day of the last window; nothing without a table that has dates.
    joined : bool
        Whether a customer counts as won on the day of joining; otherwise on that of the first purchase.
    stale_since : date or None
        The day after which the customers table looks as if it had not been kept; its windows are not compared then.
    currency : str
        The currency of costs.
    """

    flows: pd.DataFrame
    channels: pd.DataFrame
    every: str
    window_days: int
    span: Span | None
    last: date | None
    joined: bool
    stale_since: date | None
    currency: str
    title = "Market report"
    shown: ClassVar[dict[str, str]] = {"flows": "Flows of customers", "channels": "Customers won, by channel"}

    def to_frame(self) -> pd.DataFrame:
        return self.flows.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"flows": self.flows.copy(), "channels": self.channels.copy()}

    def captions(self) -> dict[str, str]:
        costs = f", costs in {self.currency}" if self.currency else ""
        return {
            "flows": f"Customers with a purchase in {self.window_days} days against the {self.window_days} before",
            "channels": f"Customers won in the last {self.window_days} days, by channel{costs}",
        }

    def findings(self) -> tuple[str, ...]:
        return (*self._of_flows(), *self._of_channels())

    def _of_flows(self) -> list[str]:
        if self.span is None:
            return ["No orders in this study: flows of customers cannot be counted."]
        if self.flows.empty:
            wanted = 2 * self.window_days
            return [
                f"{change.too_short(self.span.days, wanted)[:-1]} days up to the end of a {self.every}: give a "
                "smaller window_days."
            ]
        row = self.flows.iloc[-1]
        if not row["customers_before"]:
            return [f"Nobody bought in the {self.window_days} days before the last {self.window_days}."]
        sentences = [
            f"Of {count(row['customers_before'], 'customer')} who bought in the {self.window_days} days before, "
            f"{share_of(row, 'kept')} bought again in the {self.window_days} days to "
            f"{row['end']:%Y-%m-%d}; {row['lost']:,} did not and count as lost.",
            f"{count(row['customers'], 'customer')} bought in these days: {row['kept']:,} kept, {row['returning']:,} "
            f"returning after a longer pause and {row['new']:,} new, {share_of(row, 'new')}.",
        ]
        earlier = self.flows[self.flows["end"] <= row["end"] - pd.DateOffset(years=1)]
        if len(earlier) and earlier.iloc[-1]["customers_before"]:
            then = earlier.iloc[-1]
            sentences.append(f"A year earlier the share kept was {share_of(then, 'kept')}, with {then['new']:,} new.")
        sentences.append(
            "Lost means silent: without contracts nobody says goodbye, and who is silent may return. New means first "
            f"seen: who had bought only before the log begins ({self.span.first}) looks new."
        )
        return sentences

    def _of_channels(self) -> list[str]:
        if self.channels.empty:
            return ["No table of this study says when customers were won."]
        row = self.channels.iloc[0]
        how = "joined" if self.joined else "bought for the first time"
        text = f"In the {self.window_days} days to {self.last}, {count(int(row['won']), 'customer')} {how}"
        if pd.notna(row["change_percent"]):
            text += f", {in_words(row, 'change_percent')} against the {self.window_days} days before"
        if self.joined and pd.notna(row["buyers_share"]):
            text += f"; {share_of(row, 'buyers')} of them bought by then"
        sentences = [f"{text}."]
        if self.stale_since:
            sentences.append(
                f"Nobody in the customers table joined after {self.stale_since}, which at the rate before cannot be "
                "chance: the table seems to end there, so joining is not compared with the days before."
            )
        if not row["won"]:
            return sentences
        if pd.isna(row["cost_per_customer"]):
            return [*sentences, "What it cost to win them is not known: this needs customers with an acquisition_cost."]
        sentences.append(f"Winning one cost {self._cost(row, 'cost_per_customer')} on average{self._per_buyer(row)}.")
        rows = self.channels.iloc[1:].dropna(subset="cost_per_buyer").sort_values("cost_per_buyer")
        if len(rows) > 1:
            cheap, dear = rows.iloc[0], rows.iloc[-1]
            sentences.append(
                f"A buyer costs least through {cheap['channel']}, {self._cost(cheap, 'cost_per_buyer')}, and most "
                f"through {dear['channel']}, {self._cost(dear, 'cost_per_buyer')}."
            )
        return sentences

    def _per_buyer(self, row: pd.Series) -> str:
        told = pd.notna(row["cost_per_buyer"]) and row["buyers"] < row["won"]
        return f", or {self._cost(row, 'cost_per_buyer')} for each who bought" if told else ""

    def _cost(self, row: pd.Series, name: str) -> str:
        low, high = row[f"{name}_low"], row[f"{name}_high"]
        known = "" if pd.isna(low) else f" (95 % interval {low:,.2f} to {high:,.2f})"
        return f"{amount(row[name], self.currency)}{known}"

    def metrics(self) -> dict[str, float]:
        found = {}
        if len(self.flows):
            row = self.flows.iloc[-1]
            found = {name: float(row[name]) for name in ("customers", "kept_share", *flows.COUNTS)}
        if len(self.channels):
            row = self.channels.iloc[0]
            found |= {"won": float(row["won"]), "cost_per_customer": float(row["cost_per_customer"])}
        return found

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the flows at each end of a period: kept, returning and new customers upwards, lost ones downwards."""
        ax = style.axes(ax, height=4.4)
        shown = self.flows.tail(_DRAWN)
        if shown.empty:
            return style.nothing(ax, title="No flows of customers can be counted", why=self.findings()[0])
        places, floor = np.arange(len(shown)), np.zeros(len(shown))
        for name, color in zip(("kept", "returning", "new"), style.PALETTE, strict=False):
            height = shown[name].to_numpy("float64")
            ax.bar(places, height, bottom=floor, width=0.7, color=color, label=name)
            floor += height
        ax.bar(places, -shown["lost"].to_numpy("float64"), width=0.7, color=style.ACCENT, label="lost")
        ax.axhline(0, color=style.INK, linewidth=1)
        step = -(-len(shown) // _LABELS)
        ax.set_xticks(places[::step], [f"{end:%Y-%m}" for end in shown["end"].iloc[::step]])
        # A flow of nobody would else be a bar of no height whose edge cuts the picture off.
        ax.use_sticky_edges = False
        ax.set_xlim(-0.7, max(len(shown) - 0.3, 3))
        ax.set_title(f"Customers kept, returning, new and lost at each {self.every}'s end")
        ax.set_ylabel("customers")
        ax.yaxis.set_major_formatter(lambda value, _: f"{abs(value):,.0f}")
        ax.legend(loc="upper left", bbox_to_anchor=(1, 1), borderaxespad=0)
        ax.grid(axis="y")
        return style.describe(
            ax, f"Stacked bars of customer flows, lost ones downwards. {' '.join(self._of_flows()[:2])}"
        )

    def plot_channels(self, ax: Axes | None = None) -> Axes:
        """Draw what a customer won and a buyer cost by channel, with 95 % intervals."""
        rows = self.channels.iloc[1:] if len(self.channels) > 1 else self.channels
        known = rows.dropna(subset="cost_per_customer") if "cost_per_customer" in rows else rows.head(0)
        shown = known.head(_SHOWN_CHANNELS).iloc[::-1].reset_index(drop=True)
        ax = style.axes(ax, height=max(2.8, 1.6 + 0.5 * len(shown)))
        if shown.empty:
            return style.nothing(
                ax, title="Costs of winning customers are not known", why="No customer's acquisition cost is known."
            )
        places = np.arange(len(shown))
        kinds = (("cost_per_customer", "per customer won", 0.12), ("cost_per_buyer", "per customer who bought", -0.12))
        for (name, label, shift), color in zip(kinds, style.PALETTE, strict=False):
            told = name == "cost_per_customer" or (shown["buyers"] < shown["won"]).any()
            if told and shown[name].notna().any():
                ends = shown[[f"{name}_low", f"{name}_high"]].sub(shown[name], axis=0).abs().fillna(0).to_numpy().T
                ax.errorbar(shown[name], places + shift, xerr=ends, fmt="o", color=color, capsize=3, label=label)
        ax.set_yticks(places, [short(name) for name in shown["channel"]])
        ax.set_ylim(-0.6, len(shown) - 0.4)
        ax.set_xlim(left=0)
        ax.set_xlabel(in_currency("cost, with 95 % interval", self.currency))
        ax.set_title("What it costs to win a customer, by channel")
        ax.legend(loc="upper left", bbox_to_anchor=(1, 1), borderaxespad=0)
        ax.grid(axis="x")
        told = "; ".join(
            f"{row['channel']} {self._cost(row, 'cost_per_customer')}" for _, row in shown[::-1].iterrows()
        )
        return style.describe(ax, f"Acquisition cost per customer by channel: {told}.")


def summarise(
    study: Study, *, every: str = "quarter", as_of: str | date | None = None, window_days: int = YEAR_DAYS
) -> MarketResult:
    """Report the flows of customers and what winning them costs; all counts and sums are made in the engine.

    Parameters
    ----------
    study : Study
        With orders or a customers table that says when customers joined; channel, referrer_id and acquisition_cost of
        the customers are used where they are there.
    every : {"quarter", "year"}
        At which ends flows are counted.
    as_of : str or date, optional
        The last day that counts, such as ``"2025-06-30"``; by default the study's last day.
    window_days : int
        Length of the two windows that are compared. One year keeps the season out; a log of less than two years
        needs a shorter window.

    Returns
    -------
    MarketResult

    Raises
    ------
    UsageError
        If `every` or `as_of` is not one of those named, or `window_days` is not positive.

    Notes
    -----
    A customer counts as won on the day of joining, or, where no table has it, of the first purchase in the log. The
    customers won in the window before are seen as of that window's end, so that both had equal time to buy. The mean
    cost is taken over those whose cost is known; the cost per buyer is the cost of all of these by the number of them
    who bought (`change.ratio`). In a business without contracts a lost customer is one who is silent.
    """
    if every not in flows.EVERY:
        raise UsageError(f"market: every must be one of {', '.join(flows.EVERY)}, not {every!r}.")
    if window_days < 1:
        raise UsageError(f"market: window_days must be 1 or more, not {window_days}.")
    customers = study.table("customers") if "customers" in study.tables else None
    joined = customers is not None and "joined" in customers.columns
    known = change.orders_until(study, as_of)
    covered = change.span(*known) if known else None
    last = change.last_day(study, as_of)
    lines = known[0] if known else None
    none = pd.DataFrame({"end": []})
    # Joining dates may reach further back than the log does, so only a log without them limits the comparison.
    stale = acquisition.is_stale(customers, last, window_days=window_days) if joined and last else None
    long_enough = joined or (covered is not None and covered.days + covered.slack_days >= 2 * window_days)
    compared = long_enough and stale is None
    return MarketResult(
        flows=flows.summarise(lines, covered, every=every, window_days=window_days) if known and covered else none,
        channels=acquisition.summarise(customers, lines, last, window_days=window_days, compared=compared)
        if last
        else pd.DataFrame({"channel": []}),
        every=every,
        window_days=window_days,
        span=covered,
        last=last,
        joined=joined,
        stale_since=stale,
        currency=study.currency,
    )
