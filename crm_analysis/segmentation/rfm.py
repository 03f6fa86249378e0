"""RFM: how recently, how often and for how much a customer bought, scored, combined and named (Hughes 1994)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from crm_analysis import style
from crm_analysis.proportion import share_of_total
from crm_analysis.result import Result
from crm_analysis.segmentation import rules as rule_table
from crm_analysis.segmentation import shares
from crm_analysis.segmentation.cuts import DIMENSIONS, METHODS, Cuts, learn
from crm_analysis.segmentation.dimensions import buyers, describe
from crm_analysis.segmentation.rules import AuditResult, Rule, audit, standard
from crm_analysis.table import in_currency, listed, number, percent, share_of, with_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["METHODS", "AuditResult", "Cuts", "RFMResult", "Rule", "audit", "describe", "learn", "score", "standard"]

_FEW = 5
_SLIPPING = ("Needs attention", "Cannot lose", "At risk")


@dataclass(frozen=True, eq=False, repr=False)
class RFMResult(Result):
    """Scores and segment of every customer, and what each segment holds.

    Attributes
    ----------
    scores : DataFrame
        One row per customer with a purchase: customer_id, recency_days, frequency, monetary, the classes
        recency_class, frequency_class, monetary_class (1 worst), rfm (the three as text), segment.
    segments : DataFrame
        One row per segment of the rule table: customers and their share, revenue and its share, each share with a
        95 % interval (``_low``, ``_high``), and medians of recency, frequency and monetary.
    cuts : Cuts
        The cut-points; save them to score the next period by them. Where customers cannot be cut they are empty and
        say why, and so are `scores` and `segments`.
    rules : tuple of Rule
        The rule table.
    left_out : int
        Customers without a purchase, who cannot be scored.
    frozen : bool
        Whether the cut-points were given instead of learned from these customers.
    label : str
        What this scoring is called, such as its date; part of the title.
    currency : str
        The currency of spend and revenue.
    different : dict of str
        Distinct values of each column among the customers with a purchase.
    """

    scores: pd.DataFrame
    segments: pd.DataFrame
    cuts: Cuts
    rules: tuple[Rule, ...]
    left_out: int
    frozen: bool
    label: str = ""
    currency: str = ""
    different: Mapping[str, int] = field(default_factory=dict)
    shown: ClassVar[dict[str, str]] = {"segments": "Segments", "cuts": "Where the classes begin"}

    @property
    def title(self) -> str:  # type: ignore[override]
        return f"RFM segments, {self.label}" if self.label else "RFM segments"

    def captions(self) -> dict[str, str]:
        return {
            **self.shown,
            "segments": in_currency("Segments", f"amounts in {self.currency}" if self.currency else ""),
        }

    def to_frame(self) -> pd.DataFrame:
        return self.scores.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {
            "scores": self.scores.copy(),
            "segments": self.segments.copy(),
            "cuts": self.cut_points(),
            "cells": self.cells(),
        }

    def cut_points(self) -> pd.DataFrame:
        """Return the cut-points of all customers with the number of customers in each class."""
        frame = self.cuts.to_frame()
        frame = frame[frame["within"] == ""].drop(columns="within").reset_index(drop=True)
        counts = {
            (dimension, level): int(count)
            for dimension in DIMENSIONS
            for level, count in self.scores[f"{dimension}_class"].value_counts().items()
        }
        customers = [counts.get((row["dimension"], row["class"]), 0) for row in frame.to_dict("records")]
        return frame.assign(customers=customers, customers_share=np.array(customers) / len(self.scores))

    def cells(self) -> pd.DataFrame:
        """Return customers, their mean spend and the revenue of each recency and frequency class."""
        grouped = self.scores.groupby(["recency_class", "frequency_class"])["monetary"]
        return grouped.agg(customers="size", monetary_mean="mean", revenue="sum").reset_index()

    def findings(self) -> tuple[str, ...]:
        if self.cuts.why:
            return self._uncut()
        segments = self.segments[self.segments["customers"] > 0]
        sentences = []
        if segments["revenue_share"].notna().any():
            top = segments.loc[segments["revenue_share"].idxmax()]
            sentences.append(
                f"{top['segment']} bring most: {share_of(top, 'revenue')} of the revenue comes from "
                f"{share_of(top, 'customers')} of the customers."
            )
            slipping = segments[segments["segment"].isin(_SLIPPING)]
            if len(slipping):
                rows = self.scores["segment"].isin(_SLIPPING).to_numpy()
                days = self.scores.loc[rows, "recency_days"].median()
                revenue = with_interval(*share_of_total(self.scores["monetary"].to_numpy("float64"), rows))
                sentences.append(
                    f"{revenue} of the revenue came from frequent buyers who have not "
                    f"bought lately ({', '.join(slipping['segment'])}); half of them were last seen more than "
                    f"{days:,.0f} days ago."
                )
        learned = "by cut-points learned earlier" if self.frozen else f"by {self.cuts.method} cut-points"
        scored = f"{len(self.scores):,} customers are scored in {self.cuts.bins} classes per dimension {learned}"
        without = f"; {self.left_out:,} without a purchase are left out" if self.left_out else ""
        sentences += shares.too_few(len(self.scores)) if sentences else []
        return (*sentences, f"{scored}{without}.", *self._uneven())

    def _uncut(self) -> tuple[str, ...]:
        """Say why there are no classes, and what tells these customers apart without them."""
        parts = [
            f"{column} ({distinct:,} distinct values)" for column, distinct in self.different.items() if distinct > 1
        ]
        instead = f"What tells these customers apart is {listed(parts)}." if parts else "Nothing tells them apart."
        if self.frozen:
            said = "These customers cannot be placed by the earlier cut-points: of the earlier customers"
            return (f"{said} {self.cuts.why}.", instead)
        return (f"RFM classes cannot be cut: {self.cuts.why}.", instead)

    def _uneven(self) -> list[str]:
        """Say which class is far larger than an equal share because one value fills it."""
        if self.cuts.method != "quantile" or self.frozen:
            return []
        sentences = []
        for dimension, column in DIMENSIONS.items():
            values = self.scores[column].value_counts()
            if values.iloc[0] > 1.5 * len(self.scores) / self.cuts.bins:
                sentences.append(
                    f"The classes of {dimension} differ in size because {values.iloc[0]:,} customers have the same "
                    f"value, {number(values.index[0])}, and equal values are never split."
                )
        return sentences

    def metrics(self) -> dict[str, float]:
        found = {"customers": float(len(self.scores)), "revenue": float(self.scores["monetary"].sum())}
        for row in self.segments.to_dict("records"):
            name = re.sub(r"\W+", "_", row["segment"].lower().replace("'", "")).strip("_")
            found[f"{name}_customers_share"] = row["customers_share"]
            found[f"{name}_revenue_share"] = row["revenue_share"]
        return found

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw mean spend by recency and frequency class, with the customers in each cell (grey: fewer than five)."""
        import seaborn as sns

        title = "Customers and what they spent, by recency and frequency"
        if self.scores.empty:
            return style.nothing(ax, title=title, why=self.findings()[0])
        ax = style.axes(ax, width=7.2, height=5.2)
        classes = list(range(1, self.cuts.bins + 1))
        cells = self.cells().pivot_table(index="frequency_class", columns="recency_class")
        mean = cells["monetary_mean"].reindex(index=classes[::-1], columns=classes)
        count = cells["customers"].reindex(index=classes[::-1], columns=classes)
        labels = count.map(lambda value: "" if pd.isna(value) else f"{value:,.0f}")
        # One big spender alone in a cell would take the whole colour scale.
        few = count < _FEW
        bar = {
            "label": in_currency("mean spend per customer", self.currency),
            "format": lambda value, _: f"{value:,.0f}",
        }
        looks = {"annot": labels, "fmt": "", "linewidths": 1.5, "linecolor": "white", "ax": ax}
        enough = ~few & mean.notna()
        if enough.to_numpy().any():
            sns.heatmap(mean, mask=~enough, cmap="crest", cbar_kws=bar, **looks)
        if few.to_numpy().any():
            sns.heatmap(few * 0.0, mask=~few, cmap=[style.GRID], cbar=False, **looks)
        ax.set_title(title)
        ax.set_xlabel(f"recency class ({self.cuts.bins} = bought most recently)")
        ax.set_ylabel(f"frequency class ({self.cuts.bins} = buys most often)")
        ax.tick_params(length=0)
        text = "Heat map of mean spend by recency and frequency class, with the number of customers in each cell."
        filled = self.cells().query("customers >= @_FEW").sort_values("monetary_mean")
        if len(filled):
            best = filled.iloc[-1]
            text += (
                f" Spend is highest, {number(best['monetary_mean'])} on average, at recency class "
                f"{best['recency_class']:.0f} and frequency class {best['frequency_class']:.0f}."
            )
        return style.describe(ax, text)

    def plot_segments(self, ax: Axes | None = None) -> Axes:
        """Draw each segment's share of the customers beside its share of the revenue, with 95 % intervals."""
        title = "How many they are, and what they bring"
        if self.scores.empty:
            return style.nothing(ax, title=title, why=self.findings()[0])
        ax = style.axes(ax, width=8.0, height=5.2)
        shown = self.segments[self.segments["customers"] > 0].iloc[::-1]
        places = np.arange(len(shown))
        kinds = (("customers", "share of customers", 0.2), ("revenue", "share of revenue", -0.2))
        for (kind, label, shift), color in zip(kinds, style.PALETTE, strict=False):
            share = 100 * shown[f"{kind}_share"].fillna(0)
            low, high = 100 * shown[f"{kind}_share_low"], 100 * shown[f"{kind}_share_high"]
            errors = np.vstack([(share - low).fillna(0).clip(lower=0), (high - share).fillna(0).clip(lower=0)])
            ax.barh(places + shift, share, height=0.36, color=color, label=label)
            ax.errorbar(share, places + shift, xerr=errors, fmt="none", ecolor=style.INK, elinewidth=1, capsize=2)
        ax.set_yticks(places, shown["segment"])
        ax.set_xlabel("percent of all, with 95 % interval")
        ax.set_title(title)
        ax.legend(loc="lower right")
        ax.grid(axis="x")
        ax.tick_params(axis="y", length=0)
        parts = [
            f"{row['segment']} {percent(row['customers_share'])} and {percent(row['revenue_share'])}"
            for row in shown.iloc[::-1].to_dict("records")
        ]
        return style.describe(ax, f"Bar chart of each segment's share of customers and revenue: {'; '.join(parts)}.")


def score(
    customers: pd.DataFrame,
    *,
    bins: int = 5,
    method: str = "quantile",
    edges: Mapping[str, Sequence[float]] | None = None,
    cuts: Cuts | None = None,
    rules: Sequence[Rule] | None = None,
    label: str = "",
    currency: str = "",
) -> RFMResult:
    """Score customers by recency, frequency and monetary value, and name their segments.

    Parameters
    ----------
    customers : DataFrame
        One row per customer, with ``customer_id``, ``recency_days`` (days), ``frequency`` (orders) and ``monetary``
        (currency), as `Study.customer360` gives them. Customers without a purchase are left out and counted.
    bins : int
        Classes per dimension, from 2 to 9; 1 is the worst class.
    method : {"quantile", "fixed", "custom", "nested"}
        How the cut-points are learned, see `learn`.
    edges : mapping of str to sequence of float, optional
        The cut-points for ``custom``.
    cuts : Cuts, optional
        Cut-points learned earlier (``result.cuts``, or ``rfm.Cuts.load(path)``): nothing is learned from these
        customers, so that two periods can be compared. `bins`, `method` and `edges` are then not used.
    rules : sequence of Rule, optional
        The rule table; by default `standard`. It must place every combination of scores exactly once.
    label : str
        What to call this scoring, such as its date; shown in its title.
    currency : str
        The currency of the amounts, for labels.

    Returns
    -------
    RFMResult
        Where a dimension has fewer distinct values than classes, one that says so and places nobody.

    Raises
    ------
    UsageError
        If a column is missing, a parameter is not understood or the rule table is not sound.
    DataError
        If no customer has a purchase or a value is missing.

    Notes
    -----
    The intervals treat the customers as a sample of those the firm might have had, and the cut-points as given: see
    `proportion.wilson` for shares of customers, `proportion.share_of_total` for shares of revenue.

    References
    ----------
    Hughes, A. M. (1994). Strategic Database Marketing. Probus.
    """
    bought = buyers(customers)
    used = cuts if cuts is not None else learn(bought, bins=bins, method=method, edges=edges)
    table = tuple(rules) if rules is not None else standard(used.bins)
    rule_table.check(table, bins=used.bins)
    scored = bought.iloc[:0] if used.why else bought
    classes = pd.DataFrame(columns=list(DIMENSIONS), dtype="int64") if used.why else used.classes(bought)
    names = {cell: rule.segment for rule in table for cell in rule.cells()}
    scored = scored.join(classes.add_suffix("_class"))
    scored["rfm"] = (classes["recency"] * 100 + classes["frequency"] * 10 + classes["monetary"]).astype(str)
    cells = zip(*(classes[dimension].tolist() for dimension in DIMENSIONS), strict=True)
    scored["segment"] = [names[cell] for cell in cells]
    segments = shares.by_group(
        scored["segment"],
        names=list(dict.fromkeys(rule.segment for rule in table)),
        column="segment",
        sums={"revenue": scored["monetary"]},
        medians={column: scored[column] for column in DIMENSIONS.values()},
    )
    return RFMResult(
        scores=scored,
        segments=segments.iloc[:0] if used.why else segments,
        cuts=used,
        rules=table,
        left_out=len(customers) - len(bought),
        frozen=cuts is not None,
        label=label,
        currency=currency,
        different={column: bought[column].nunique() for column in DIMENSIONS.values()},
    )
