"""The three dimensions before they are scored: how recency, frequency and monetary value are spread."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from crm_analysis import style
from crm_analysis.errors import DataError, UsageError
from crm_analysis.result import Result
from crm_analysis.segmentation.cuts import DIMENSIONS
from crm_analysis.table import count, in_currency, number, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def buyers(customers: pd.DataFrame) -> pd.DataFrame:
    """Return the customers with a purchase and their three dimensions.

    Parameters
    ----------
    customers : DataFrame
        One row per customer, as `Study.customer360` gives them.

    Returns
    -------
    DataFrame
        customer_id, recency_days, frequency, monetary.

    Raises
    ------
    UsageError
        If a column is missing.
    DataError
        If no customer has a purchase or a value is missing or infinite.
    """
    absent = [column for column in ("customer_id", *DIMENSIONS.values()) if column not in customers.columns]
    if absent:
        raise UsageError(f"rfm: the customers have no column {absent[0]!r}; take them from Study.customer360().")
    bought = customers.loc[customers["frequency"] > 0, ["customer_id", *DIMENSIONS.values()]].reset_index(drop=True)
    if bought.empty:
        raise DataError("rfm: no customer has a purchase, so there is nothing to score.")
    for column in DIMENSIONS.values():
        missing = int((~np.isfinite(bought[column].to_numpy("float64"))).sum())
        if missing:
            raise DataError(f"rfm: {column} is missing or infinite for {missing:,} customers with a purchase; mend it.")
    return bought


@dataclass(frozen=True, eq=False, repr=False)
class DimensionsResult(Result):
    """Spread of recency, frequency and monetary value over the customers with a purchase.

    Attributes
    ----------
    spread : DataFrame
        One row per dimension: mean, quantiles, skewness, number of distinct values, the commonest value and the share
        of customers who have it.
    values : DataFrame
        The values, one row per customer.
    correlation : float
        Rank correlation of frequency and monetary value.
    currency : str
        The currency of monetary value.
    """

    spread: pd.DataFrame
    values: pd.DataFrame
    correlation: float
    currency: str = ""
    title = "Recency, frequency and monetary value"
    shown: ClassVar[dict[str, str]] = {"spread": "Spread over the customers with a purchase"}

    def to_frame(self) -> pd.DataFrame:
        return self.spread.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"spread": self.spread.copy()}

    def findings(self) -> tuple[str, ...]:
        of = self.spread.set_index("dimension")
        orders = of.loc["frequency", "median"]
        once = float((self.values["frequency"] == 1).mean())
        top = self.values["monetary"].sort_values(ascending=False)
        sentences = [
            f"Medians of the {count(len(self.values), 'customer')}: {number(of.loc['recency', 'median'])} days since "
            f"the last purchase, {number(orders)} {'order' if orders == 1 else 'orders'}, "
            f"{number(of.loc['monetary', 'median'])} {self.currency} spent.".replace("  ", " "),
            f"{percent(once)} of them bought once.",
        ]
        if top.sum() > 0:
            tenth = top.head(max(1, round(len(top) / 10))).sum() / top.sum()
            sentences.append(f"The tenth of them who spent most account for {percent(tenth)} of the revenue.")
        if math.isfinite(self.correlation):
            sentences.append(
                f"The rank correlation of frequency and monetary value is {self.correlation:.2f}: the nearer to 1, "
                "the less the third dimension adds to the second."
            )
        else:
            sentences.append("All have the same frequency or monetary value, so the two have no rank correlation.")
        return tuple(sentences)

    def metrics(self) -> dict[str, float]:
        medians = {f"median_{row['dimension']}": row["median"] for row in self.spread.to_dict("records")}
        return {**medians, "one_time_share": float((self.values["frequency"] == 1).mean())}

    def plot(self, ax: Axes | None = None, *, dimension: str = "monetary") -> Axes:
        """Draw the histogram of one dimension; values above its 99th percentile are counted in the last bar."""
        from matplotlib.ticker import MaxNLocator

        if dimension not in DIMENSIONS:
            raise UsageError(f"dimension must be one of {', '.join(DIMENSIONS)}, not {dimension!r}.")
        ax = style.axes(ax, height=3.6)
        values = self.values[DIMENSIONS[dimension]].to_numpy("float64")
        limit = np.quantile(values, 0.99)
        # Bars of whole days and orders: a width between two whole numbers makes a comb.
        width = (
            (limit - values.min()) / 40 if dimension == "monetary" else max(1, math.ceil((limit - values.min()) / 40))
        )
        start = values.min() if dimension == "monetary" else values.min() - 0.5
        bins = np.arange(start, limit + width, width).tolist() if width > 0 else 1
        ax.hist(np.minimum(values, limit), bins=bins, color=style.PALETTE[0], edgecolor="white", linewidth=0.5)
        median = float(np.median(values))
        ax.axvline(median, color=style.ACCENT, linewidth=1.5)
        ax.annotate(
            f" median {number(median)}",
            (median, 0.94),
            xycoords=("data", "axes fraction"),
            color=style.ACCENT,
            va="top",
        )
        labels = {
            "recency": "days since the last purchase",
            "frequency": "orders",
            "monetary": in_currency("spend", self.currency),
        }
        ax.set_title(f"{dimension.capitalize()}")
        ax.set_xlabel(f"{labels[dimension]} (values above the 99th percentile are in the last bar)")
        ax.set_ylabel("customers")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        ax.grid(axis="y")
        text = (
            f"Histogram of {labels[dimension]} per customer: median {number(median)}, 99th percentile {number(limit)}."
        )
        return style.describe(ax, text)


def describe(customers: pd.DataFrame, *, currency: str = "") -> DimensionsResult:
    """Describe how recency, frequency and monetary value are spread.

    Parameters
    ----------
    customers : DataFrame
        One row per customer, as `Study.customer360` gives them. Customers without a purchase are left out.
    currency : str
        The currency of the amounts, for labels.

    Returns
    -------
    DimensionsResult

    Raises
    ------
    UsageError
        If a column is missing.
    DataError
        If no customer has a purchase or a value is missing.
    """
    values = buyers(customers)
    rows = []
    for dimension, column in DIMENSIONS.items():
        numbers = values[column]
        counts = numbers.value_counts()
        rows.append(
            {
                "dimension": dimension,
                "mean": numbers.mean(),
                **{name: numbers.quantile(q) for name, q in (("median", 0.5), ("p90", 0.9), ("p99", 0.99))},
                "largest": numbers.max(),
                "skewness": numbers.skew(),
                "distinct_values": len(counts),
                "commonest": counts[counts == counts.iloc[0]].index.min(),
                "commonest_share": counts.iloc[0] / len(numbers),
            }
        )
    correlation = values[["frequency", "monetary"]].rank().corr().iloc[0, 1]
    return DimensionsResult(pd.DataFrame(rows), values, float(correlation), currency)
