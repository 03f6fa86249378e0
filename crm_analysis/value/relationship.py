"""Relationship value: what a relation is worth to the firm beyond its profit (关系价值), and to whom it pays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crm_analysis import style
from crm_analysis.errors import UsageError
from crm_analysis.proportion import FEWEST, Z, share
from crm_analysis.result import Result, metric_key
from crm_analysis.table import count, listed, percent, share_of
from crm_analysis.value.keeping.matrix import RelationshipMatrixResult, matrix

__all__ = ["DIMENSIONS", "RelationshipMatrixResult", "RelationshipResult", "matrix", "score"]

DIMENSIONS: dict[str, tuple[str, ...]] = {
    "profitability": ("profit",),
    "lifetime": ("tenure_days",),
    "capability": ("contacts", "complaints"),
    "referral": ("referrals_made",),
    "scale": ("gross_spend",),
    "information": ("known_share",),
    "brand": (),
    "network": ("network_spend",),
}
"""Dimension -> columns that stand for it; the last four are the resource value.

``profit`` (margin less cost to serve), ``known_share`` (of the attributes and answers of a customer) and
``network_spend`` (of those whom a customer brought) are made from the customer view; nothing in it tells of the brand,
of who lends the firm a name: name a column.
"""

RESOURCES = ("scale", "information", "brand", "network")
_YEAR_DAYS = 365.25
# Columns of the customer view that are missing because of what a customer did, not because the firm does not know.
_BEHAVIOUR = {
    "first_purchase", "last_purchase", "recency_days", "tenure_days", "mean_order_value", "spend_trend",
    "returns_share", "gap_mean_days", "gap_cv", "first_day_spend", "discount_share", "margin", "referrer_id",
    "contract_start", "monthly_fee",
}  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class RelationshipResult(Result):
    """Relationship value of each customer by dimension.

    Attributes
    ----------
    customers : DataFrame
        One row per customer: customer_id, a score from 0 to 100 per dimension (the share of customers below, ties at
        their middle; missing where not known), ``relationship_value`` (their weighted mean).
    dimensions : DataFrame
        One row per dimension: columns (that stand for it), weight_share, customers (known), any_share (of them that
        have more than the least, with Wilson's 95 % interval), with_profitability (Spearman's correlation of its score
        with that of profitability, with 95 % interval).
    missing : tuple of str
        Dimensions that nothing in the study tells of.
    overlap : tuple of float
        Share of the tenth with the highest relationship value that is also in the tenth with the highest
        profitability, with Wilson's interval.
    margin_known : bool
        Whether profit is profit; otherwise it is what was spent.
    """

    customers: pd.DataFrame
    dimensions: pd.DataFrame
    missing: tuple[str, ...]
    overlap: tuple[float, float, float]
    margin_known: bool = True
    title = "Relationship value"
    shown: ClassVar[dict[str, str]] = {"dimensions": "Dimensions of relationship value, and what each adds to profit"}

    def to_frame(self) -> pd.DataFrame:
        return self.dimensions.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"dimensions": self.dimensions.copy(), "customers": self.customers.copy()}

    def findings(self) -> tuple[str, ...]:
        if self.dimensions.empty:
            return ("Nothing in this study tells of the value of relations.",)
        said = []
        if np.isfinite(self.overlap[0]):
            part, low, high = self.overlap
            said.append(
                f"Of the tenth of the customers whose relations are worth most, {percent(part)} "
                f"(95 % interval {100 * low:.1f}–{100 * high:.1f}) are also in the tenth that brings the most profit: "
                "the others would be overlooked by profit alone."
            )
        rows = self.dimensions.set_index("dimension")
        if "referral" in rows.index:
            said.append(f"{share_of(rows.loc['referral'], 'any')} of the customers have brought somebody.")
        known = rows["with_profitability"].drop(index="profitability", errors="ignore").dropna()
        if len(known):
            least = known.idxmin()
            said.append(
                f"What profit tells least of is {least}: the correlation is "
                f"{rows.loc[least, 'with_profitability']:.2f} (95 % interval "
                f"{rows.loc[least, 'with_profitability_low']:.2f} to "
                f"{rows.loc[least, 'with_profitability_high']:.2f})."
            )
        said.append(
            f"{count(len(self.customers), 'customer')}; scores are ranks from 0 to 100, added up with the weights of "
            "the table: a convention, not a measurement."
        )
        if not self.margin_known and "profitability" in rows.index:
            said.append("The margin is not known, so that profit stands for what was spent.")
        if self.missing:
            said.append(f"Nothing in this study tells of {listed(self.missing)}; name columns for it.")
        return tuple(said)

    def metrics(self) -> dict[str, float]:
        found = {"overlap_of_top_tenth": self.overlap[0]}
        for row in self.dimensions.to_dict("records"):
            found[f"with_profitability_{metric_key(row['dimension'])}"] = row["with_profitability"]
        return {name: float(number) for name, number in found.items()}

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw how far each dimension goes with profitability: the further left, the more it adds."""
        rows = self.dimensions[self.dimensions.get("dimension", pd.Series(dtype=object)) != "profitability"]
        rows = rows[rows["with_profitability"].notna()] if len(rows) else rows
        if rows.empty:
            return style.nothing(ax, title="What relations add to profit", why=self.findings()[0])
        rows = rows.sort_values("with_profitability", ascending=False, kind="stable")
        ax = style.axes(ax, height=1.7 + 0.45 * len(rows))
        ends = rows[["with_profitability_low", "with_profitability_high"]].to_numpy("float64").T
        reach = np.abs(ends - rows["with_profitability"].to_numpy())
        colors = [style.PALETTE[1] if name in RESOURCES else style.PALETTE[0] for name in rows["dimension"]]
        for place, (value, color) in enumerate(zip(rows["with_profitability"], colors, strict=True)):
            ax.errorbar(value, place, xerr=np.nan_to_num(reach[:, [place]]), fmt="o", color=color, capsize=3)
        names = [f"{name} (resource)" if name in RESOURCES else name for name in rows["dimension"]]
        ax.set_yticks(range(len(rows)), names)
        ax.axvline(0, color=style.MUTED, lw=1)
        ax.set(xlabel="rank correlation with profitability, 95 % interval", ylim=(-0.6, len(rows) - 0.4))
        ax.set_title("What relations add to profit: most at the top")
        return style.describe(ax, f"Rank correlation of each dimension with profitability. {self.findings()[0]}")


def score(
    customers: pd.DataFrame,
    *,
    columns: Mapping[str, str | Sequence[str]] | None = None,
    weights: Mapping[str, float] | None = None,
) -> RelationshipResult:
    """Score each relation on its profitability, lifetime, capability, referral and resource value.

    Parameters
    ----------
    customers : DataFrame
        The customer view. Used where they are there: the columns of `DIMENSIONS`, and for those that are made: margin
        or monetary, cost_to_serve, tenure_days, referrer_id.
    columns : mapping, optional
        Dimension -> column or columns of yours that stand for it, high is much; in place of those of `DIMENSIONS`.
    weights : mapping of str to float, optional
        Dimension -> weight; by default the five values count the same, and the four resources share the fifth.

    Returns
    -------
    RelationshipResult
        Dimensions that nothing tells of are named and left out.

    Raises
    ------
    UsageError
        If a dimension or a column is not known, or a weight is missing or negative.

    Notes
    -----
    A column's score is 100 times the share of customers below, those with the same value counting half; a dimension's
    the mean of its columns', and the relationship value the weighted mean of the dimensions known of the customer.
    Ranks make columns in currency, days and counts comparable; they say nothing of how far apart customers are. The
    textbook names the dimensions without a measure, so columns and weights are ours. Intervals of Spearman's
    correlation: Fisher's z with the variance of Bonett and Wright (2000).

    References
    ----------
    Stahl, H. K., Matzler, K. and Hinterhuber, H. H. (2003). Linking customer lifetime value with shareholder value.
    Industrial Marketing Management 32, 267-279.
    Bonett, D. G. and Wright, T. A. (2000). Sample size requirements for estimating Pearson, Kendall and Spearman
    correlations. Psychometrika 65, 23-28.
    """
    wanted = _wanted(columns, customers)
    view = _made(customers)
    scores: dict[str, pd.Series] = {}
    for dimension, names in wanted.items():
        there = [name for name in names if name in view.columns and view[name].notna().any()]
        if there:
            scores[dimension] = pd.concat([_ranked(view[name]) for name in there], axis=1).mean(axis=1)
    missing = tuple(name for name in wanted if name not in scores)
    ids = {"customer_id": customers["customer_id"].to_numpy()} if "customer_id" in customers.columns else {}
    table = pd.DataFrame({**ids, **{name: values.to_numpy() for name, values in scores.items()}})
    if not scores or customers.empty:
        return RelationshipResult(table, pd.DataFrame(), missing, (np.nan,) * 3)
    counted = _weights(weights, list(scores))
    known = table[list(scores)].notna() * counted
    table["relationship_value"] = (table[list(scores)].fillna(0) * counted).sum(axis=1) / known.sum(axis=1)
    rows = [
        _dimension_row(name, [one for one in wanted[name] if one in view.columns], view, scores, counted)
        for name in scores
    ]
    # Only where the column is made of it does profit stand for spend.
    spent = (
        wanted["profitability"] == DIMENSIONS["profitability"] and "margin" not in customers and "monetary" in customers
    )
    return RelationshipResult(table, pd.DataFrame(rows), missing, _overlap(table), not spent)


def _wanted(columns: Mapping[str, str | Sequence[str]] | None, customers: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    wanted = dict(DIMENSIONS)
    for dimension, names in (columns or {}).items():
        if dimension not in DIMENSIONS:
            raise UsageError(f"relationship: {dimension!r} is no dimension; known are {', '.join(DIMENSIONS)}.")
        wanted[dimension] = (names,) if isinstance(names, str) else tuple(names)
        for name in wanted[dimension]:
            if name not in customers.columns:
                raise UsageError(f"relationship: the customers have no column {name!r} for {dimension}.")
    return wanted


def _made(customers: pd.DataFrame) -> pd.DataFrame:
    """The customer view with the columns that are made from it."""
    made: dict[str, pd.Series] = {}
    gain = next((name for name in ("margin", "monetary") if name in customers.columns), "")
    if gain:
        made["profit"] = customers[gain].astype("float64")
        if {"cost_to_serve", "tenure_days"} <= set(customers.columns):
            years = customers["tenure_days"].astype("float64") / _YEAR_DAYS
            made["profit"] -= (customers["cost_to_serve"].astype("float64") * years).fillna(0)
    missing = customers.isna()
    gaps = [name for name in customers.columns if name not in _BEHAVIOUR and 0 < missing[name].sum() < len(customers)]
    if gaps:
        made["known_share"] = customers[gaps].notna().mean(axis=1)
    if {"customer_id", "referrer_id", "gross_spend"} <= set(customers.columns):
        brought = customers.groupby("referrer_id")["gross_spend"].sum()
        made["network_spend"] = customers["customer_id"].map(brought).astype("float64").fillna(0.0)
    return customers.drop(columns=[name for name in made if name in customers.columns]).assign(**made)


def _ranked(values: pd.Series) -> pd.Series:
    """100 times the share below, the same value counting half; missing stays missing."""
    numbers = values.astype("float64")
    return 100 * (numbers.rank() - 0.5) / numbers.notna().sum()


def _weights(given: Mapping[str, float] | None, dimensions: list[str]) -> pd.Series:
    if given is None:
        resources = [name for name in dimensions if name in RESOURCES]
        weights = {name: 1 / len(resources) if name in resources else 1.0 for name in dimensions}
    else:
        missing = [name for name in dimensions if name not in given]
        if missing:
            raise UsageError(
                f"relationship: weights lacks {missing[0]!r}; give one for each of {', '.join(dimensions)}."
            )
        weights = {name: float(given[name]) for name in dimensions}
    found = pd.Series(weights)
    if not (found >= 0).all() or not found.sum() > 0:
        raise UsageError(f"relationship: weights must be positive numbers, not {dict(weights)}.")
    return found / found.sum()


def _dimension_row(
    name: str, columns: list[str], view: pd.DataFrame, scores: dict[str, pd.Series], weights: pd.Series
) -> dict[str, object]:
    known = scores[name].notna()
    values = view.loc[known, columns].astype("float64")
    some = int((values > values.min()).any(axis=1).sum())
    row: dict[str, object] = {"dimension": name, "columns": listed(columns), "weight_share": float(weights[name])}
    row["customers"] = int(known.sum())
    row |= dict(zip(("any_share", "any_share_low", "any_share_high"), share(some, int(known.sum())), strict=True))
    ends = (np.nan, np.nan, np.nan)
    if name != "profitability" and "profitability" in scores:
        ends = _spearman(scores[name].to_numpy(), scores["profitability"].to_numpy())
    names = [f"with_profitability{end}" for end in ("", "_low", "_high")]
    return row | dict(zip(names, ends, strict=True))


def _spearman(one: np.ndarray, other: np.ndarray) -> tuple[float, float, float]:
    from scipy.stats import rankdata

    both = np.isfinite(one) & np.isfinite(other)
    x, y, n = rankdata(one[both]), rankdata(other[both]), int(both.sum())
    if n < FEWEST or np.ptp(x) == 0 or np.ptp(y) == 0:
        return np.nan, np.nan, np.nan
    correlation = float(np.clip(np.corrcoef(x, y)[0, 1], -1 + 1e-12, 1 - 1e-12))
    half = Z * np.sqrt((1 + correlation**2 / 2) / (n - 3))
    centre = np.arctanh(correlation)
    return correlation, float(np.tanh(centre - half)), float(np.tanh(centre + half))


def _overlap(table: pd.DataFrame) -> tuple[float, float, float]:
    if "profitability" not in table or len(table) < 10 * FEWEST:
        return np.nan, np.nan, np.nan
    size = len(table) // 10
    order = [
        table[name].sort_values(ascending=False, kind="stable").index[:size]
        for name in ("relationship_value", "profitability")
    ]
    return share(len(order[0].intersection(order[1])), size)
