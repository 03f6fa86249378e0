"""Sales report: what was sold by period, category, channel and region, and how that has changed."""

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
from crm_analysis.study.reports import change, groups, periods
from crm_analysis.study.reports.change import Span, in_words
from crm_analysis.table import amount, count, in_currency, number, share_of, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from crm_analysis.study.study import Study

_GROUPS = ["by", "group", "revenue", "revenue_before", "revenue_share", "change_percent", "clear"]
_SHOWN_PERIODS = 13
_SHOWN_GROUPS = 12
_LABELS = 6
_DRAWN = {"month": 24, "quarter": 16, "year": 12}


@dataclass(frozen=True, eq=False, repr=False)
class SalesResult(Result):
    """Sales by period and by group, with changes.

    Attributes
    ----------
    periods : DataFrame
        One row per period, in order: start, finished, revenue (purchases less returns), returns, orders, customers,
        mean_order_value, returns_share (of purchases), margin and margin_share (of revenue; where the log has
        margins), change_percent against the period before, year_before (revenue of the same period a year earlier)
        and year_change_percent. Ratios and changes have a 95 % interval (``_low``, ``_high``).
    groups : DataFrame
        One row per group and division (by: all, category, channel, region): revenue of the last 365 days and of the
        365 before, revenue_share, change_percent, both with a 95 % interval, and clear: whether the change remains
        beyond chance when all groups of the division are looked at together (Bonferroni).
    period : str
        month, quarter or year.
    span : Span or None
        The days the log covers; nothing without orders.
    absent : tuple of str
        Divisions that no table has a column for.
    currency : str
        The currency of the amounts.
    """

    periods: pd.DataFrame
    groups: pd.DataFrame
    period: str
    span: Span | None
    absent: tuple[str, ...]
    currency: str
    title = "Sales report"
    shown: ClassVar[dict[str, str]] = {"latest_periods": "The latest periods", "groups": "The last 365 days"}

    def to_frame(self) -> pd.DataFrame:
        return self.periods.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        # A page has room for what a reader compares; the whole table is in the report's folder of tables.
        left_out = ["returns", "margin", "year_before"]
        left_out += [f"{name}{end}" for name in ("returns_share", "margin_share") for end in ("_low", "_high")]
        latest = self.periods.drop(columns=left_out, errors="ignore").tail(_SHOWN_PERIODS).reset_index(drop=True)
        return {"periods": self.periods.copy(), "latest_periods": latest, "groups": self.groups.copy()}

    def captions(self) -> dict[str, str]:
        amounts = f"amounts in {self.currency}" if self.currency else "amounts"
        return {
            "latest_periods": f"The latest {self.period}s ({amounts}; changes in percent)",
            "groups": f"The last 365 days against the 365 before ({amounts})",
        }

    def findings(self) -> tuple[str, ...]:
        if self.span is None:
            return ("No orders in this study: there are no sales to report.",)
        if self.groups.empty:
            days = 2 * YEAR_DAYS
            return (f"No orders in the {days} days to {self.span.last}: there is nothing to compare.",)
        total = self.groups[self.groups["by"] == "all"].iloc[0]
        sentence = f"Revenue of the last 365 days, purchases less returns, is {amount(total['revenue'], self.currency)}"
        changed = f", {in_words(total, 'change_percent')} against the 365 days before"
        compared = pd.notna(total["change_percent"])
        sentences = [f"{sentence}{changed if compared else ''}."]
        if not compared:
            sentences.append(change.too_short(self.span.days, 2 * YEAR_DAYS))
        return (*sentences, *self._of_latest(), *self._of_groups(), *self._of_gaps())

    def _of_latest(self) -> list[str]:
        """The latest finished period, in words."""
        finished = self.periods[self.periods["finished"]]
        if finished.empty:
            return []
        row = finished.iloc[-1]
        sentence = (
            f"{periods.name(row['start'], self.period)}: revenue {amount(row['revenue'], self.currency)} from "
            f"{count(int(row['orders']), 'order')} of {count(int(row['customers']), 'customer')}"
        )
        if pd.notna(row["change_percent"]):
            sentence += f", {in_words(row, 'change_percent')} against the {self.period} before"
        if pd.notna(row.get("year_change_percent", np.nan)):
            sentence += f", {in_words(row, 'year_change_percent')} against the same {self.period} a year earlier"
        sentences = [f"{sentence}."]
        if pd.notna(row["mean_order_value"]):
            low, high = (number(row[f"mean_order_value_{end}"]) for end in ("low", "high"))
            known = f" (95 % interval {low} to {high})" if pd.notna(row["mean_order_value_low"]) else ""
            text = f"In this {self.period} an order brought {amount(row['mean_order_value'], self.currency)}{known}"
            if row["returns"] == 0:
                text += "; nothing was returned"
            elif pd.notna(row["returns_share"]):
                text += f"; returns were {share_of(row, 'returns')} of purchases"
            if pd.notna(row.get("margin_share", np.nan)):
                text += f"; the margin was {share_of(row, 'margin')} of revenue"
            sentences.append(f"{text}.")
        return sentences

    def _of_groups(self) -> list[str]:
        sentences = []
        for by in dict.fromkeys(self.groups["by"]):
            rows = self.groups[(self.groups["by"] == by) & self.groups["revenue_share"].notna()]
            if by == "all" or rows.empty:
                continue
            top = rows.iloc[0]
            text = f"By {by}, {top['group']} sells most: {share_of(top, 'revenue')} of the revenue"
            clear = rows[rows["clear"]].sort_values("change_percent", ascending=False)
            if len(clear):
                told = [f"{row['group']} {in_words(row, 'change_percent')}" for row in clear.to_dict("records")]
                if len(told) > 3:
                    told = [*told[:2], "...", told[-1]]
                of_all = f"{len(clear)} of {len(rows)}"
                text += f"; {of_all} changed beyond chance when all are looked at together: {', '.join(told)}"
            elif rows["change_percent"].notna().any():
                text += f"; no change is beyond chance when all {len(rows)} are looked at together"
            sentences.append(f"{text}.")
        return sentences

    def _of_gaps(self) -> list[str]:
        unfinished = self.periods[~self.periods["finished"]]
        sentences = []
        if len(unfinished):
            names = " and ".join(periods.name(start, self.period) for start in unfinished["start"])
            is_are = "is" if len(unfinished) == 1 else "are"
            sentences.append(f"{names} {is_are} covered by the log only in part and not compared.")
        if self.absent:
            sentences.append(f"Not divided by {', '.join(self.absent)}: no table of this study has such a column.")
        return sentences

    def metrics(self) -> dict[str, float]:
        if self.groups.empty:
            return {"revenue": 0.0}
        total = self.groups[self.groups["by"] == "all"].iloc[0]
        return {"revenue": float(total["revenue"]), "revenue_change_percent": float(total["change_percent"])}

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw revenue by period with that of the same period a year earlier beside it."""
        ax = style.axes(ax, height=4.2)
        shown = self.periods.tail(_DRAWN[self.period])
        places, finished = np.arange(len(shown)), shown["finished"].to_numpy(bool)
        earlier = shown["year_before"].notna().to_numpy() if "year_before" in shown else np.zeros(len(shown), bool)
        wide = 0.38 if earlier.any() else 0.8
        now, revenue = places + (0.2 if earlier.any() else 0), shown["revenue"].to_numpy("float64")
        ax.bar(now[finished], revenue[finished], width=wide, color=style.PALETTE[0], label="revenue")
        if (~finished).any():
            ax.bar(now[~finished], revenue[~finished], width=wide, color=style.MUTED, label="not all of its days")
        if earlier.any():
            then = shown["year_before"].to_numpy("float64")[earlier]
            ax.bar(places[earlier] - 0.2, then, width=wide, color=style.PALETTE[1], label="a year earlier")
        if len(shown):
            ax.legend(loc="lower left", bbox_to_anchor=(0, -0.28), ncols=3, borderaxespad=0)
        step = -(-len(shown) // _LABELS) or 1
        ax.set_xticks(
            places[::step], [periods.name(start, self.period, short=True) for start in shown["start"].iloc[::step]]
        )
        ax.set_title(f"Revenue by {self.period}" if len(shown) else "No orders in this study")
        ax.set_ylabel(in_currency("revenue", self.currency))
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        ax.grid(axis="y")
        return style.describe(
            ax, f"Bar chart of revenue by {self.period}; grey bars are unfinished. {self.findings()[0]}"
        )

    def plot_changes(self, ax: Axes | None = None, *, by: str = "category") -> Axes:
        """Draw the change of each group's revenue against the year before, with 95 % intervals."""
        if by not in groups.BY:
            raise UsageError(f"plot_changes: by must be one of {', '.join(groups.BY)}, not {by!r}.")
        rows = self.groups[(self.groups["by"] == by) & self.groups["change_percent"].notna()]
        shown = rows.head(_SHOWN_GROUPS).sort_values("change_percent", ignore_index=True)
        ax = style.axes(ax, height=max(2.6, 1.4 + 0.34 * len(shown)))
        if shown.empty:
            return style.nothing(
                ax, title=f"No change by {by} can be told", why=f"No change of revenue by {by} can be told."
            )
        places = np.arange(len(shown))
        for clear, color, label in ((True, style.ACCENT, "beyond chance"), (False, style.PALETTE[0], "may be chance")):
            part = (shown["clear"] == clear).to_numpy()
            values = shown.loc[part, "change_percent"]
            reach = np.vstack(
                [values - shown.loc[part, "change_percent_low"], shown.loc[part, "change_percent_high"] - values]
            )
            if part.any():
                ax.errorbar(
                    values, places[part], xerr=np.nan_to_num(reach), fmt="o", color=color, capsize=3, label=label
                )
        ax.axvline(0, color=style.MUTED, linewidth=1)
        ax.set_yticks(places, [short(group) for group in shown["group"]])
        ax.set_ylim(-0.6, len(shown) - 0.4)
        ax.set_xlabel("change in percent, with 95 % interval")
        ax.set_title(f"Revenue by {by}: the last 365 days against the 365 before")
        ax.legend(loc="upper left", bbox_to_anchor=(1, 1), borderaxespad=0)
        ax.grid(axis="x")
        told = "; ".join(f"{row['group']} {in_words(row, 'change_percent')}" for row in shown.to_dict("records")[::-1])
        return style.describe(ax, f"Change of revenue by {by}: {told}.")


def summarise(study: Study, *, period: str = "month", as_of: str | date | None = None) -> SalesResult:
    """Report sales by period and by category, channel and region, with changes; all sums are made in the engine.

    Parameters
    ----------
    study : Study
        With orders; category and margin of the order lines, and channel and region of the customers table, are used
        where they are there. Orders without a customer are in the study's quarantine and not in these sums.
    period : {"month", "quarter", "year"}
        Length of the periods.
    as_of : str or date, optional
        The last day that counts, such as ``"2025-06-30"``; by default the day of the last order. Give it where the
        log is known to be complete through a later day.

    Returns
    -------
    SalesResult
        Without orders its finding says so.

    Raises
    ------
    UsageError
        If `period` or `as_of` is not one of those named.

    Notes
    -----
    Revenue is purchases (amounts of zero or more) less returns, on the day each is booked. A total is what the log
    holds and has no interval; ratios and changes have the interval of `change.ratio`, whose sampling unit is the
    customer. Changes against the period before contain the season; those against a year earlier do not. A period that
    the log does not cover whole is marked and not compared; `change.Span` says how many days may lack orders.
    """
    if period not in periods.PERIODS:
        raise UsageError(f"sales: period must be one of {', '.join(periods.PERIODS)}, not {period!r}.")
    empty = {"start": [], "finished": np.array([], bool), "revenue": []}
    none = SalesResult(pd.DataFrame(empty), pd.DataFrame(columns=_GROUPS), period, None, (), study.currency)
    known = change.orders_until(study, as_of)
    covered = change.span(*known) if known else None
    if known is None or covered is None:
        return none
    customers = study.table("customers") if "customers" in study.tables else None
    by_group, absent = groups.summarise(known[0], customers, covered)
    return SalesResult(
        periods=periods.summarise(known[0], covered, period),
        groups=by_group,
        period=period,
        span=covered,
        absent=absent,
        currency=study.currency,
    )
