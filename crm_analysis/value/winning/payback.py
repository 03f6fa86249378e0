"""Pay-back: when do new customers have brought what it cost to win them?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from crm_analysis import style
from crm_analysis.errors import UsageError
from crm_analysis.proportion import FEWEST, Z, share
from crm_analysis.result import Result, metric_key
from crm_analysis.table import amount, count, in_currency, number, share_of, short
from crm_analysis.value.orderlog import dates, readable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ALL = "all"
"""Name of the row that holds all channels together."""

MONTH_DAYS = 365.25 / 12
_DRAWN = 6


@dataclass(frozen=True, eq=False, repr=False)
class PaybackResult(Result):
    """What customers cost and bring, month by month since they joined, by channel.

    Attributes
    ----------
    channels : DataFrame
        One row per channel, that of all first: customers, cost (mean per customer), brought (mean margin per customer
        within the months looked at), net (brought less cost), each with a 95 % interval, payback_months (the first
        month by whose end the mean customer has brought the cost; missing if none), payback_months_low and
        payback_months_high (the same for the interval's upper and lower end; missing if none), paid_back_share (of the
        customers seen through all months, those who have brought their own cost) with its 95 % interval.
    curves : DataFrame
        One row per channel and month: channel, month, followed (customers seen through its end), net with its 95 %
        interval.
    months : int
        Months looked at.
    measure : str
        What is counted as brought: margin or spend.
    left_out : dict of str to int
        Customers left out, by reason.
    why : str
        Why nothing can be said, if so.
    currency : str
        The currency of amounts.
    """

    channels: pd.DataFrame
    curves: pd.DataFrame
    months: int
    measure: str
    left_out: dict[str, int]
    why: str = ""
    currency: str = ""
    title = "Pay-back of winning customers"
    shown: ClassVar[dict[str, str]] = {"channels": "Cost and pay-back by channel, per customer won"}

    def to_frame(self) -> pd.DataFrame:
        return self.channels.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"channels": self.channels.copy(), "curves": self.curves.copy()}

    def captions(self) -> dict[str, str]:
        money = f"amounts in {self.currency}" if self.currency else ""
        return {"channels": in_currency(self.shown["channels"], money)}

    def findings(self) -> tuple[str, ...]:
        if self.channels.empty:
            return (self.why,)
        rows = self.channels.to_dict("records")
        sentences = [self._when(rows[0]), *self._each(rows[0]), *(self._when(row) for row in rows[1:])]
        if self.measure == "spend":
            sentences.append("Margins are not known, so spend stands in: the pay-back looks earlier than it is.")
        out = [f"{reason}: {count(size, 'customer')}" for reason, size in self.left_out.items() if size]
        return (*sentences, *([f"Left out: {'; '.join(out)}."] if out else []))

    def _when(self, row: dict[str, object]) -> str:
        who = "Customers of all channels" if row["channel"] == ALL else f"Customers of channel {row['channel']}"
        cost = f"cost {amount(float(str(row['cost'])), self.currency)} on average"
        net, low, high = (float(str(row[f"net{end}"])) for end in ("", "_low", "_high"))
        after = f"after {count(self.months, 'month')} their net is {amount(net, self.currency)}"
        if not math.isnan(low):
            after += f" (95 % interval {number(round(low, 2))} to {number(round(high, 2))})"
        months = float(str(row["payback_months"]))
        if math.isnan(months):
            return f"{who} {cost} and have not paid that back within {count(self.months, 'month')}; {after}."
        first, last = (float(str(row[f"payback_months_{end}"])) for end in ("low", "high"))
        latest = f"{last:.0f}" if not math.isnan(last) else f"more than {self.months}"
        between = f" (95 % interval {first:.0f} to {latest})" if not math.isnan(first) else ""
        return f"{who} {cost} and have paid that back by the end of month {months:.0f}{between}; {after}."

    def _each(self, row: dict[str, object]) -> list[str]:
        if math.isnan(float(str(row["paid_back_share"]))):
            return []
        return [
            f"Of those seen for {count(self.months, 'month')}, {share_of(row, 'paid_back')} have brought their own "
            "cost; the others are carried by them."
        ]

    def metrics(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for row in self.channels.to_dict("records"):
            name = metric_key(str(row["channel"]))
            found |= {f"{name}_payback_months": row["payback_months"], f"{name}_net": row["net"]}
        return found

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw what the mean customer has brought less what it cost, by month since joining; bands for all."""
        title = "What a new customer has brought, less the cost of winning"
        if self.channels.empty:
            return style.nothing(ax, title=title, why=self.why)
        ax = style.axes(ax, height=4.8)
        names = self.channels["channel"].tolist()[: _DRAWN + 1]
        for place, name in enumerate(names):
            curve = self.curves[self.curves["channel"] == name]
            color = style.INK if name == ALL else style.PALETTE[(place - 1) % len(style.PALETTE)]
            if name == ALL:
                ax.fill_between(curve["month"], curve["net_low"], curve["net_high"], color=style.GRID)
            width = 2.4 if name == ALL else 1.6
            ax.plot(curve["month"], curve["net"], color=color, linewidth=width, label=short(str(name), width=24))
        ax.axhline(0, color=style.MUTED, linewidth=1.2)
        ax.set_title(title)
        ax.set_xlabel("months since joining (band: 95 % interval of all)")
        ax.set_ylabel(in_currency(f"{self.measure} less cost, per customer", self.currency))
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        ax.grid(axis="y")
        ax.legend(loc="upper left", bbox_to_anchor=(1, 1), borderaxespad=0)
        left = len(self.channels) - len(names)
        more = f" {left} smaller channels are not drawn." if left > 0 else ""
        return style.describe(ax, f"Curves of net value by month since joining, by channel. {self.findings()[0]}{more}")


def payback(
    customers: pd.DataFrame,
    transactions: pd.DataFrame,
    *,
    as_of: str | date | None = None,
    by: str = "channel",
    months: int = 24,
    currency: str = "",
) -> PaybackResult:
    """Find by which month new customers have brought what it cost to win them.

    Parameters
    ----------
    customers : DataFrame
        customer_id, joined, acquisition_cost and, where it is there, the column of groups.
    transactions : DataFrame
        Order lines: customer_id, time, amount and, where it is there, margin.
    as_of : str or date, optional
        The last day that is known; by default that of the last line.
    by : str
        The column of groups.
    months : int
        How far to look, 1 to 120.
    currency : str
        The currency of amounts.

    Returns
    -------
    PaybackResult
        Without the columns, one that says so.

    Raises
    ------
    UsageError
        If `months` is out of range.
    DataError
        If a time or an amount cannot be read.

    Notes
    -----
    A customer is seen through month m if m months have passed between joining and `as_of`. The mean brought by month m
    is the sum, over the months to m, of the mean among those seen through each, so that young customers count for the
    months that are known of them; nobody leaves this count for a reason that has to do with spend. Variances are
    linearised over customers, cost included (Cochran 1977, chapter 6). Left out are customers whose cost is not known
    and those who joined before the log begins, whose first months it does not hold. The interval of the month is where
    the band of the net crosses zero. A mean can pay back long before most customers do: a few bring much.

    References
    ----------
    Cochran, W. G. (1977). Sampling Techniques, 3rd ed. Wiley.
    """
    if not 1 <= months <= 120:
        raise UsageError(f"prospecting: months must be 1 to 120, not {months!r}.")
    absent = [name for name in ("customer_id", "joined", "acquisition_cost") if name not in customers.columns]
    if absent or transactions.empty or customers[["joined", "acquisition_cost"]].dropna().empty:
        return _nothing("This study does not hold what it cost to win its customers and when they joined.", months)
    transactions = readable(transactions, caller="prospecting")
    last = pd.Timestamp(transactions["time"].max() if as_of is None or as_of == "" else as_of).normalize()
    begins = transactions["time"].min().normalize()
    joined, cost = (
        dates(customers["joined"], "joining days", caller="prospecting"),
        customers["acquisition_cost"].astype("float64"),
    )
    unknown = joined.isna() | cost.isna()
    early = ~unknown & (joined < begins)
    late = ~unknown & (joined > last)
    won = customers.assign(joined=joined).loc[~unknown & ~early & ~late].reset_index(drop=True)
    left_out = {"joined before the log begins": int(early.sum()), "joining day or cost unknown": int(unknown.sum())}
    if len(won) < FEWEST:
        return _nothing(f"Only {count(len(won), 'customer')} joined within the log at a known cost: too few.", months)
    measure = "margin" if "margin" in transactions.columns and transactions["margin"].notna().any() else "spend"
    brought = _monthly(won, transactions, last, months, "margin" if measure == "margin" else "amount")
    seen = np.floor((last - won["joined"]).dt.days.to_numpy("float64") / MONTH_DAYS)
    groups = {ALL: np.ones(len(won), bool)}
    if by in won.columns:
        names = won[by].astype("object").map(str, na_action="ignore").fillna("unknown")
        groups |= {name: (names == name).to_numpy() for name in names.value_counts(sort=True).sort_index().index}
    rows, curves = [], []
    for name, inside in groups.items():
        row, curve = _group(
            brought[inside], seen[inside], won.loc[inside, "acquisition_cost"].to_numpy("float64"), months
        )
        rows.append({"channel": name, **row})
        curves.append(curve.assign(channel=name))
    table = pd.DataFrame(rows)
    order = [0, *(table.index[1:][np.argsort(-table["customers"].to_numpy()[1:], kind="stable")])]
    curve = pd.concat(curves, ignore_index=True)
    return PaybackResult(
        table.loc[order].reset_index(drop=True),
        curve[["channel", *curve.columns.drop("channel")]],
        months,
        measure,
        left_out,
        currency=currency,
    )


def _nothing(why: str, months: int) -> PaybackResult:
    channels = pd.DataFrame({"channel": [], "customers": [], "cost": [], "net": [], "payback_months": []})
    return PaybackResult(channels, pd.DataFrame({"channel": [], "month": [], "net": []}), months, "margin", {}, why)


def _monthly(won: pd.DataFrame, transactions: pd.DataFrame, last: pd.Timestamp, months: int, column: str) -> np.ndarray:
    """What each customer brought in each month since joining, shape (customers, months)."""
    lines = transactions.loc[transactions["time"] < last + pd.Timedelta(days=1), ["customer_id", "time", column]]
    place = pd.Index(won["customer_id"]).get_indexer(pd.Index(lines["customer_id"]))
    lines, place = lines[place >= 0], place[place >= 0]
    since = (lines["time"].to_numpy() - won["joined"].to_numpy()[place]) / np.timedelta64(1, "D")
    month = np.floor(since / MONTH_DAYS).astype(int)
    # A purchase on the day of joining may be stamped some hours before it.
    month[(month < 0) & (since > -1)] = 0
    inside = (month >= 0) & (month < months)
    values = lines[column].fillna(0.0).to_numpy()
    flat = np.bincount(place[inside] * months + month[inside], values[inside], minlength=len(won) * months)
    return flat.reshape(len(won), months)


def _group(
    brought: np.ndarray, seen: np.ndarray, cost: np.ndarray, months: int
) -> tuple[dict[str, float], pd.DataFrame]:
    """Mean net by month with its interval, and when it crosses zero."""
    n = len(cost)
    influence, net = -(cost - cost.mean()), -float(cost.mean())
    start = _ends(net, influence)
    rows = [{"month": 0, "followed": n, "net": net, "net_low": start[0], "net_high": start[1]}]
    total, held = 0.0, np.zeros(n)
    for month in range(months):
        there = seen >= month + 1
        followed = int(there.sum())
        if not followed:
            break
        mean = float(brought[there, month].mean())
        step = np.where(there, brought[:, month] - mean, 0.0) * n / followed
        total, held, influence, net = total + mean, held + step, influence + step, net + mean
        low, high = _ends(net, influence) if followed >= FEWEST else (math.nan, math.nan)
        rows.append({"month": month + 1, "followed": followed, "net": net, "net_low": low, "net_high": high})
    curve = pd.DataFrame(rows)
    found: dict[str, float] = {"customers": n, **_named("cost", float(cost.mean()), cost - cost.mean())}
    found |= _named("brought", total, held) | {name: rows[-1][name] for name in ("net", "net_low", "net_high")}
    whole = seen >= months
    paid = int((brought[whole].sum(axis=1) >= cost[whole]).sum())
    found |= _ends_of("paid_back_share", share(paid, int(whole.sum())))
    crossings = (("", "net"), ("_low", "net_high"), ("_high", "net_low"))
    return found | {f"payback_months{end}": _crossing(curve, column) for end, column in crossings}, curve


def _crossing(curve: pd.DataFrame, column: str) -> float:
    reached = curve.loc[curve[column] >= 0, "month"]
    return float(reached.iloc[0]) if len(reached) else math.nan


def _ends(value: float, influence: np.ndarray) -> tuple[float, float]:
    n = len(influence)
    if n < FEWEST:
        return math.nan, math.nan
    half = Z * math.sqrt(float((influence**2).sum()) / (n * (n - 1)))
    return value - half, value + half


def _ends_of(name: str, ends: tuple[float, float, float]) -> dict[str, float]:
    return dict(zip((name, f"{name}_low", f"{name}_high"), ends, strict=True))


def _named(name: str, value: float, influence: np.ndarray) -> dict[str, float]:
    return _ends_of(name, (value, *_ends(value, influence)))
