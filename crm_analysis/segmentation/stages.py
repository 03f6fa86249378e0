"""Stages of a relation, and what each of them holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from crm_analysis import style
from crm_analysis.result import Result
from crm_analysis.rhythm import Rhythm
from crm_analysis.segmentation import shares
from crm_analysis.table import count, in_currency, number, percent, share_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STAGES = {"exploration": "考察期", "formation": "形成期", "stable": "稳定期", "decline": "退化期"}
"""The four stages in order, with their Chinese names."""


@dataclass(frozen=True, eq=False, repr=False)
class StagesResult(Result):
    """The stage of every customer's relation, and what each stage holds.

    Attributes
    ----------
    customers : DataFrame
        One row per customer with a purchase: customer_id, tenure_days, purchase_days, recency_days, spend_trend,
        expected_gap_days, overdue_ratio (recency by expected gap), stage.
    summary : DataFrame
        One row per stage: its Chinese name, customers and spend with their shares (95 % intervals), medians of
        tenure_days and overdue_ratio.
    rules : DataFrame
        The rules in the order in which they are tried: the first that fits decides.
    rhythm : Rhythm or None
        The pool that expected gaps are shrunk towards; None where there are no purchases.
    late : float
        Expected gaps after which a relation counts as declining.
    never_bought : int
        Customers without a purchase: they have no stage.
    with_trend : int
        Customers whose trend of spend was old and dense enough to be used.
    settled_days : int
        Age from which a relation can be stable.
    label : str
        What to call this view, such as its date.
    currency : str
        The currency of spend.
    """

    customers: pd.DataFrame
    summary: pd.DataFrame
    rules: pd.DataFrame
    rhythm: Rhythm | None
    late: float
    never_bought: int
    with_trend: int
    settled_days: int
    label: str = ""
    currency: str = ""
    shown: ClassVar[dict[str, str]] = {
        "summary": "Stages of the relation",
        "rules": "Rules, the first that fits decides",
    }

    @property
    def title(self) -> str:  # type: ignore[override]
        return f"Life cycle, {self.label}" if self.label else "Life cycle"

    def captions(self) -> dict[str, str]:
        amounts = f"amounts in {self.currency}" if self.currency else ""
        return {**self.shown, "summary": in_currency(self.shown["summary"], amounts)}

    def to_frame(self) -> pd.DataFrame:
        return self.customers.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"customers": self.to_frame(), "summary": self.summary.copy(), "rules": self.rules.copy()}

    def findings(self) -> tuple[str, ...]:
        if self.customers.empty:
            return ("There are no purchases in this study, so no customer has a stage.", *self._never())
        of = self.summary.set_index("stage")
        sentences = []
        oldest = self.customers["tenure_days"].max()
        for stage, words in (("decline", "In decline"), ("stable", "Stable")):
            if stage == "stable" and oldest < self.settled_days:
                sentences.append(
                    f"Nobody can be stable yet: the oldest relation is {number(oldest)} days old, and it takes "
                    f"{number(self.settled_days)}."
                )
                continue
            brought = f", who brought {share_of(of.loc[stage], 'spend')} of the spend"
            known = brought if pd.notna(of.loc[stage, "spend_share"]) else ""
            customers = f"{share_of(of.loc[stage], 'customers')} of {count(len(self.customers), 'customer')}"
            sentences.append(f"{words}: {customers}{known}.")
        few = shares.too_few(len(self.customers)) if "spend_share" in of and of["spend_share"].notna().any() else []
        return (*sentences, *few, self._rhythm(), *self._once(), *self._trend(), *self._never())

    def _rhythm(self) -> str:
        if self.rhythm is None or not self.rhythm.repeaters:
            return "Nobody bought on two days, so no rhythm is known and nobody can be called overdue."
        gap = self.rhythm.pool_gap_days
        return (
            f"The pool's gap between purchases is {number(round(gap))} days; it counts as much as "
            f"{self.rhythm.pool_weight:.1f} gaps of a customer's own, so one-time buyers count as "
            f"declining after {number(round(self.late * gap))} days of silence."
        )

    def _once(self) -> list[str]:
        declining = self.customers[self.customers["stage"] == "decline"]
        once = int((declining["purchase_days"] == 1).sum())
        if not once or self.rhythm is None:
            return []
        by_chance = self.rhythm.silent_share(self.late)
        return [
            f"{percent(once / len(declining))} of those in decline bought on one day only, so their stage is the least "
            f"sure: a one-time buyer who will buy again is silent for so long with a chance of {percent(by_chance)}."
        ]

    def _trend(self) -> list[str]:
        if self.with_trend:
            return []
        return ["No customer has a trend of spend to judge by, so stages rest on age and silence alone."]

    def _never(self) -> list[str]:
        without = count(self.never_bought, "customer")
        return [f"Without a purchase, and so without a stage: {without}."] if self.never_bought else []

    def metrics(self) -> dict[str, float]:
        found: dict[str, float] = {"customers": len(self.customers), "never_bought": self.never_bought}
        for row in self.summary.to_dict("records"):
            found[f"{row['stage']}_customers_share"] = row["customers_share"]
            found[f"{row['stage']}_spend_share"] = row["spend_share"]
        return found

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw each stage's share of the customers beside its share of the spend, with 95 % intervals."""
        ax, title = style.axes(ax, height=4.2), "How many are in which stage, and what they brought"
        if self.customers.empty:
            return style.nothing(ax, title=title, why=self.findings()[0])
        shares.bars(ax, self.summary, column="stage")
        ax.set_title(title)
        parts = [
            f"{row['stage']} {percent(row['customers_share'])} and {percent(row['spend_share'])}"
            for row in self.summary.to_dict("records")
        ]
        return style.describe(ax, f"Bar chart of each stage's share of customers and spend: {'; '.join(parts)}.")

    def plot_overdue(self, ax: Axes | None = None) -> Axes:
        """Draw how long customers have been silent, in gaps of their own expected rhythm."""
        from matplotlib.ticker import MaxNLocator

        ax, title = style.axes(ax, height=4.0), "How long since the last purchase, in expected gaps"
        ratios = self.customers["overdue_ratio"].dropna()
        if ratios.empty:
            why = "There are no purchases in this study." if self.customers.empty else self._rhythm()
            return style.nothing(ax, title=title, why=why)
        edges = 2.0 ** np.arange(-5, 7.5, 0.5)
        once = self.customers.loc[ratios.index, "purchase_days"] == 1
        parts = [ratios[~once].clip(edges[0], edges[-1]), ratios[once].clip(edges[0], edges[-1])]
        ax.hist(
            parts,
            bins=edges.tolist(),
            stacked=True,
            color=[style.PALETTE[0], style.PALETTE[1]],
            edgecolor="white",
            linewidth=0.5,
            label=["bought on several days", "bought on one day"],
        )
        ax.axvline(self.late, color=style.ACCENT, linewidth=1.5, label=f"decline: more than {number(self.late)}")
        ax.set_xscale("log", base=2)
        ticks = [1 / 32, 1 / 8, 0.5, 1, 2, 4, 8, 16, 64]
        ax.set_xticks(ticks, ["1/32", "1/8", "1/2", *(f"{tick:.0f}" for tick in ticks[3:])])
        ax.set_title(title)
        ax.set_xlabel("days since the last purchase by expected gap (values beyond the ends are in the last bars)")
        ax.set_ylabel("customers")
        ax.yaxis.set_major_locator(MaxNLocator(integer=True))
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=3)
        ax.grid(axis="y")
        beyond = float((ratios > self.late).mean())
        return style.describe(
            ax,
            f"Histogram of the overdue ratio: half of the customers are below {number(float(ratios.median()))}, and "
            f"{percent(beyond)} are beyond {number(self.late)}.",
        )
