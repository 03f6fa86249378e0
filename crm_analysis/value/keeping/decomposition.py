"""Decomposition: where the profit of a kept customer comes from, year by year of the relation (Reichheld 1996)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crm_analysis import style
from crm_analysis.errors import UsageError
from crm_analysis.proportion import FEWEST, Z
from crm_analysis.result import Result
from crm_analysis.table import in_currency, listed
from crm_analysis.value.models.projection import with_ends
from crm_analysis.value.orderlog import dates, readable

YEAR_DAYS = 365
SOURCES = ("base profit", "growth of spend", "price premium", "cost to serve", "referrals")
"""Where profit of a year comes from; the cost of winning stands before the first year."""


@dataclass(frozen=True, eq=False, repr=False)
class DecompositionResult(Result):
    """Profit of a kept customer by year of the relation.

    Attributes
    ----------
    years : DataFrame
        One row per year of the relation, 0 for winning: year, customers (who bought in that year, of those seen for the
        whole of it), profit with its 95 % interval, and what it is made of: ``cost_of_winning``, ``base_profit``,
        ``growth_of_spend``, ``price_premium``, ``cost_to_serve``, ``referrals``; amounts a customer.
    same : DataFrame
        One row per year from the second: customers (who bought in both years), ``change``: of the margin of the same
        customers against their first year, with its 95 % interval.
    currency, absent : str
        Of amounts; why there is nothing, if so.
    """

    years: pd.DataFrame
    same: pd.DataFrame
    currency: str
    absent: str
    title = "Where the profit of a kept customer comes from"
    shown: ClassVar[dict[str, str]] = {
        "years": "Profit of a customer by year of the relation, and what it is made of; year 0: winning",
        "same": "The same customers against their first year",
    }

    def to_frame(self) -> pd.DataFrame:
        return self.years.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"years": self.years.copy(), "same": self.same.copy()}

    def findings(self) -> tuple[str, ...]:
        if self.absent:
            return (self.absent,)
        years = self.years[self.years["year"] > 0]
        first, last = years.iloc[0], years.iloc[-1]
        said = [
            f"A customer who buys in the first year brings {self._profit(first)} in it; one who still buys in year "
            f"{last['year']:.0f} brings {self._profit(last)}."
        ]
        if len(self.same):
            row = self.same.iloc[-1]
            how = "more" if row["change_low"] > 0 else "less" if row["change_high"] < 0 else "not surely more or less"
            said.append(
                f"Of the same customers, the margin in year {row['year']:.0f} is {how} than in their first: "
                f"{with_ends(row, 'change', self.currency)}."
            )
            said.append(
                "The rest of the difference between years is selection: those who buy little leave, so that the mean "
                "of those who stay rises although nobody changes. Where a relation is counted from its first purchase, "
                "the first year holds one purchase more than its rate gives, so that even a customer who buys at a "
                "steady rate brings less afterwards."
            )
        absent = [name for name in SOURCES if years[_column(name)].isna().all()]
        if absent:
            said.append(f"Not known in this study: {listed(absent)}.")
        return tuple(said)

    def _profit(self, row: pd.Series) -> str:
        return with_ends(row, "profit", self.currency)

    def metrics(self) -> dict[str, float]:
        return {f"profit_year_{row['year']:.0f}": float(row["profit"]) for row in self.years.to_dict("records")}

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw what the profit of each year is made of, stacked, and the profit with its interval."""
        if self.absent:
            return style.nothing(ax, title=self.title, why=self.absent)
        ax = style.axes(ax, width=8.6)
        up, down = np.zeros(len(self.years)), np.zeros(len(self.years))
        names = ("cost of winning", *SOURCES)
        for name, color in zip(names, (style.PALETTE[3], *style.PALETTE[:3], *style.PALETTE[7:5:-1]), strict=True):
            heights = self.years[_column(name)].fillna(0).to_numpy("float64")
            if not heights.any():
                continue
            ax.bar(self.years["year"], heights, bottom=np.where(heights >= 0, up, down), color=color, label=name)
            up, down = up + np.maximum(heights, 0), down + np.minimum(heights, 0)
        reach = np.vstack(
            [self.years["profit"] - self.years["profit_low"], self.years["profit_high"] - self.years["profit"]]
        )
        ax.errorbar(
            self.years["year"], self.years["profit"], yerr=np.nan_to_num(reach), fmt="o", color=style.INK, capsize=3,
            label="profit",
        )  # fmt: skip
        ax.axhline(0, color=style.INK, lw=1)
        ax.set_xticks(self.years["year"])
        ax.set(xlabel="year of the relation (0: winning)")
        ax.set_ylabel(in_currency("a customer who still buys", self.currency))
        ax.legend(loc="upper left", bbox_to_anchor=(1, 1), borderaxespad=0)
        ax.set_title(self.title)
        return style.describe(ax, f"Stacked bars of profit by year of the relation. {self.findings()[0]}")


def decompose(
    transactions: pd.DataFrame,
    *,
    customers: pd.DataFrame | None = None,
    currency: str = "",
    most_years: int = 7,
) -> DecompositionResult:
    """Split the profit of a kept customer by year of the relation into what it comes from.

    Parameters
    ----------
    transactions : DataFrame
        ``customer_id``, ``time``, ``amount``, ``margin`` of all order lines.
    customers : DataFrame, optional
        By customer_id: ``cost_to_serve`` (a year), ``acquisition_cost``, ``referrer_id`` with ``joined``.
    currency : str
        For labels.
    most_years : int
        Years of the relation at most.

    Returns
    -------
    DecompositionResult
        Without margins, or with fewer than ten customers seen for a year, one that says so.

    Raises
    ------
    UsageError
        If a column is missing.
    DataError
        If a time or an amount cannot be read.

    Notes
    -----
    Year k of a relation is the k-th 365 days from joining, or from the first purchase in the log where that is earlier
    or joining is not known; only years that the log covers whole count. Means are over customers with a purchase in the
    year. With s_k and g_k spend and margin by spend in year k: base profit g_1 s_1, growth of spend g_1 (s_k - s_1),
    price premium (g_k - g_1) s_k; less cost to serve; referrals are those whom a customer brought in that year times
    the mean cost of winning, which they saved. Intervals of the profit are normal, over customers. Reichheld's rising
    profit by year is seen in the means whenever those who buy little leave earlier; so the same customers are also
    compared with their own first year. Where that begins with the first purchase it holds one more than the rate of
    buying gives: at rate m, 1 + m against m / (1 - exp(-m)) in a later year with a purchase.

    References
    ----------
    Reichheld, F. F. (1996). The Loyalty Effect. Harvard Business School Press, chapter 2.
    """
    missing = [name for name in ("customer_id", "time", "amount") if name not in transactions.columns]
    if missing:
        raise UsageError(f"decompose: the transactions have no column {missing[0]!r}.")
    if "margin" not in transactions.columns or transactions["margin"].isna().all():
        return _nothing("The margin of orders is not known in this study, so that profit cannot be split.", currency)
    read = readable(transactions, caller="decompose")
    beginnings = _beginnings(read, customers)
    lines = _by_year(read, beginnings)
    lines = lines[lines["year"] <= most_years]
    of_first = lines[(lines["year"] == 1)]
    if len(of_first) < FEWEST:
        return _nothing(f"{len(of_first)} customers were seen for a whole year, too few to split profit.", currency)
    lines = _with_costs(lines, customers, beginnings)
    winning = _mean_of(customers, "acquisition_cost")
    rows = [_winning_row(winning)]
    spend_1 = of_first["amount"].mean()
    rate_1 = of_first["margin"].sum() / of_first["amount"].sum()
    for year, part in lines.groupby("year"):
        if len(part) >= FEWEST:
            rows.append(_year_row(int(year), part, float(spend_1), float(rate_1), winning))
    return DecompositionResult(pd.DataFrame(rows), _same(lines), currency, "")


def _beginnings(transactions: pd.DataFrame, customers: pd.DataFrame | None) -> pd.Series:
    """The day on which each relation began: of the first purchase in the log, or of joining if that is earlier."""
    bought = transactions[transactions["amount"] >= 0]
    first = bought["time"].dt.normalize().groupby(bought["customer_id"]).min()
    if customers is None or not {"customer_id", "joined"} <= set(customers.columns):
        return first
    joined = dates(
        customers.drop_duplicates("customer_id").set_index("customer_id")["joined"], "joining days", caller="decompose"
    )
    return first.where(~(joined.reindex(first.index) < first), joined.reindex(first.index).dt.normalize())


def _by_year(transactions: pd.DataFrame, beginnings: pd.Series) -> pd.DataFrame:
    """Spend and margin by customer and whole year of the relation that the log covers, where there was a purchase."""
    bought = transactions["amount"] >= 0
    days = transactions["time"].dt.normalize()
    first = transactions["customer_id"].map(beginnings)
    before = (days.min() - first).dt.days.clip(lower=0)
    table = pd.DataFrame(
        {
            "customer_id": transactions["customer_id"],
            "year": (days - first).dt.days // YEAR_DAYS + 1,
            "seen": -(-before // YEAR_DAYS) + 1,
            "whole": (days.max() - first).dt.days // YEAR_DAYS,
            "amount": transactions["amount"],
            "margin": transactions["margin"],
            "purchase": bought,
        }
    )
    table = table[(table["year"] >= table["seen"]) & (table["year"] <= table["whole"])]
    found = table.groupby(["customer_id", "year"], as_index=False).agg(
        amount=("amount", "sum"), margin=("margin", "sum"), purchase=("purchase", "any")
    )
    return found[found["purchase"]].astype({"year": "int64"}).reset_index(drop=True)


def _with_costs(lines: pd.DataFrame, customers: pd.DataFrame | None, beginnings: pd.Series) -> pd.DataFrame:
    """Add the yearly cost to serve and the customers brought in each year of the relation; missing if not known."""
    lines = lines.assign(serve=np.nan, brought=np.nan)
    if customers is None or "customer_id" not in customers.columns:
        return lines
    known = customers.drop_duplicates("customer_id").set_index("customer_id")
    if "cost_to_serve" in known.columns:
        lines["serve"] = lines["customer_id"].map(known["cost_to_serve"].astype("float64"))
    if {"referrer_id", "joined"} <= set(known.columns):
        referred = known[known["referrer_id"].notna()]
        since = dates(referred["joined"], "joining days", caller="decompose").dt.normalize() - referred[
            "referrer_id"
        ].map(beginnings)
        years = (since.dt.days // YEAR_DAYS + 1).to_numpy()
        brought = pd.DataFrame({"customer_id": referred["referrer_id"].to_numpy(), "year": years})
        counts = brought.dropna().groupby(["customer_id", "year"]).size()
        keys = pd.MultiIndex.from_frame(lines[["customer_id", "year"]])
        lines["brought"] = counts.reindex(keys).fillna(0).to_numpy("float64")
    return lines


def _winning_row(winning: float) -> dict[str, float]:
    row = {"year": 0, "customers": np.nan, "profit": -winning, "profit_low": np.nan, "profit_high": np.nan}
    return row | {"cost_of_winning": -winning} | {_column(name): np.nan for name in SOURCES}


def _year_row(year: int, part: pd.DataFrame, spend_1: float, rate_1: float, winning: float) -> dict[str, float]:
    spend, n = float(part["amount"].mean()), len(part)
    rate = float(part["margin"].sum() / part["amount"].sum()) if part["amount"].sum() else 0.0
    saved = part["brought"] * winning
    each = part["margin"] - part["serve"].fillna(0) + saved.fillna(0)
    profit, error = float(each.mean()), float(each.std(ddof=1)) / np.sqrt(n)
    return {
        "year": year,
        "customers": n,
        "profit": profit,
        "profit_low": profit - Z * error,
        "profit_high": profit + Z * error,
        "cost_of_winning": np.nan,
        "base_profit": rate_1 * spend_1,
        "growth_of_spend": rate_1 * (spend - spend_1),
        "price_premium": (rate - rate_1) * spend,
        "cost_to_serve": -float(part["serve"].fillna(0).mean()) if part["serve"].notna().any() else np.nan,
        "referrals": float(saved.fillna(0).mean()) if saved.notna().any() else np.nan,
    }


def _same(lines: pd.DataFrame) -> pd.DataFrame:
    wide = lines.pivot_table(index="customer_id", columns="year", values="margin")
    rows = []
    for year in wide.columns[1:]:
        change = (wide[year] - wide[1]).dropna() if 1 in wide.columns else pd.Series(dtype="float64")
        if len(change) >= FEWEST:
            centre, half = float(change.mean()), Z * float(change.std(ddof=1)) / np.sqrt(len(change))
            row = {"year": int(year), "customers": len(change), "change": centre}
            rows.append(row | {"change_low": centre - half, "change_high": centre + half})
    return pd.DataFrame(rows, columns=["year", "customers", "change", "change_low", "change_high"])


def _mean_of(customers: pd.DataFrame | None, column: str) -> float:
    if customers is None or column not in customers.columns:
        return float("nan")
    return float(customers[column].astype("float64").mean())


def _nothing(why: str, currency: str) -> DecompositionResult:
    return DecompositionResult(pd.DataFrame(columns=["year", "profit"]), pd.DataFrame(columns=["year"]), currency, why)


def _column(name: str) -> str:
    return name.replace(" ", "_")
