"""Promotion: what campaigns brought, treated customers against the control group."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar

import ibis
import numpy as np
import pandas as pd

from crm_analysis import style
from crm_analysis.proportion import newcombe, share
from crm_analysis.result import Result
from crm_analysis.study.reports.change import last_day, midnight_after
from crm_analysis.table import amount, count, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from crm_analysis.study.study import Study

ALL = "all campaigns"
"""Name of the row that puts all campaigns together."""

_DRAWN = 12


@dataclass(frozen=True, eq=False, repr=False)
class PromotionResult(Result):
    """Response of treated and control customers by campaign.

    Attributes
    ----------
    campaigns : DataFrame
        One row per campaign in order of time, that of all last: campaign, day (the first), treated, control
        (customers whose response is known), treated_share and control_share (of them who responded, with Wilson's
        95 % interval), difference_points (percentage points, with Newcombe's 95 % interval), cost_per_contact,
        cost_per_response (cost per additional response with the interval that follows from the difference; no upper
        end where the difference may be zero, missing where it is not positive).
    missing : str
        What the study lacks, such as ``campaigns.arm``; empty if nothing.
    currency : str
        The currency of costs.
    """

    campaigns: pd.DataFrame
    missing: str
    currency: str
    title = "Campaigns and their response"
    shown: ClassVar[dict[str, str]] = {"campaigns": "Response of treated and control customers"}

    def to_frame(self) -> pd.DataFrame:
        return self.campaigns.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"campaigns": self.campaigns.copy()}

    def findings(self) -> tuple[str, ...]:
        if self.missing:
            return (f"What campaigns bring cannot be told: the study has no {self.missing}.",)
        if self.campaigns.empty:
            return ("No campaign has both treated and control customers whose response is known.",)
        row = self.campaigns.iloc[-1]
        effect = f"A contact {'raises' if row['difference_points'] >= 0 else 'changes'} the response by {points(row)}"
        sentences = [
            f"{effect}: {100 * row['treated_share']:.1f} % of those contacted and {100 * row['control_share']:.1f} % "
            f"of the control group responded (in {count(len(self.campaigns) - 1, 'campaign')}, with "
            f"{count(int(row['treated']), 'contact')} and {int(row['control']):,} without)."
        ]
        if pd.notna(row["cost_per_response"]):
            sentences.append(f"An additional response costs {self.cost(row)}.")
        elif pd.notna(row["cost_per_contact"]):
            sentences.append("No additional response was found, so it has no cost.")
        each = self.campaigns.iloc[:-1]
        if len(each) > 1:
            best = each.loc[each["difference_points"].idxmax()]
            proven = int((each["difference_points_low"] > 0).sum())
            sentences.append(
                f"In {proven} of {len(each)} campaigns, each looked at alone, the interval of the effect lies above "
                f"zero. The largest effect is that of {best['campaign']}, {points(best)}; the largest of several looks "
                "larger than it is."
            )
        return tuple(sentences)

    def cost(self, row: pd.Series) -> str:
        """Write the cost of an additional response with its interval."""
        low, high = row["cost_per_response_low"], row["cost_per_response_high"]
        to = f"to {high:,.2f}" if pd.notna(high) else "upwards without limit"
        return f"{amount(row['cost_per_response'], self.currency)} (95 % interval {low:,.2f} {to})"

    def metrics(self) -> dict[str, float]:
        if self.campaigns.empty:
            return {}
        row = self.campaigns.iloc[-1]
        return {name: float(row[name]) for name in ("difference_points", "cost_per_response")}

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the additional response of each campaign, with 95 % intervals."""
        shown = self.campaigns.tail(_DRAWN + 1).iloc[::-1].reset_index(drop=True)
        ax = style.axes(ax, height=max(2.6, 1.5 + 0.36 * len(shown)))
        if shown.empty:
            return style.nothing(ax, title="Nothing is known of what campaigns bring", why=self.findings()[0])
        ends = shown[["difference_points_low", "difference_points_high"]].sub(shown["difference_points"], axis=0).abs()
        places = np.arange(len(shown))
        colors = [style.ACCENT if name == ALL else style.PALETTE[0] for name in shown["campaign"]]
        for place, color in zip(places, colors, strict=True):
            row = shown.iloc[[place]]
            reach = ends.iloc[[place]].to_numpy().T
            ax.errorbar(row["difference_points"], [place], xerr=reach, fmt="o", color=color, capsize=3)
        ax.axvline(0, color=style.MUTED, linewidth=1)
        ax.set_yticks(places, [short(name) for name in shown["campaign"]])
        ax.set_ylim(-0.6, len(shown) - 0.4)
        ax.set_xlabel("additional response in percentage points, with 95 % interval")
        ax.set_title("What a contact adds to the response")
        ax.grid(axis="x")
        return style.describe(ax, f"Additional response by campaign with whiskers. {self.findings()[0]}")


def points(row: Any) -> str:
    """Write a difference of two shares: ``4.7 percentage points (95 % interval 2.9 to 6.5)``."""
    low, high = row["difference_points_low"], row["difference_points_high"]
    return f"{row['difference_points']:.1f} percentage points (95 % interval {low:.1f} to {high:.1f})"


def compare(study: Study, *, as_of: str | date | None = None) -> PromotionResult:
    """Compare the response of treated and control customers, by campaign and over all; counted in the engine.

    Parameters
    ----------
    study : Study
        With campaigns that have an arm (treated or control) and a response; cost where it is there.
    as_of : str or date, optional
        The last day that counts; by default the study's last day.

    Returns
    -------
    PromotionResult
        Without campaigns, or without these columns, its finding says so.

    Notes
    -----
    The difference of two shares has Newcombe's hybrid score interval (method 10). Campaigns differ in response and in
    the share treated, so they are put together as a mean of their differences with the weights
    n_treated n_control / (n_treated + n_control), and the interval's two halves as the root of the sum of squares of
    the weighted halves, the rule by which Newcombe's interval is made of Wilson's (Zou and Donner 2008). The shares of
    all campaigns together are means with the same weights. The difference is the campaign's effect only if the arms
    were drawn by lot. A customer in several campaigns counts in each.

    References
    ----------
    Newcombe, R. G. (1998). Interval estimation for the difference between independent proportions: comparison of
    eleven methods. Statistics in Medicine 17, 873-890.
    Zou, G. Y. and Donner, A. (2008). Construction of confidence limits about effect measures: a general approach.
    Statistics in Medicine 27, 1693-1702.
    """
    none = pd.DataFrame(columns=["campaign", "treated", "control"])
    if "campaigns" not in study.tables:
        return PromotionResult(none, "campaigns", study.currency)
    table = study.table("campaigns")
    lacking = [f"campaigns.{name}" for name in ("arm", "response") if name not in table.columns]
    if lacking:
        return PromotionResult(none, " and no ".join(lacking), study.currency)
    last = last_day(study, as_of)
    counted = arms(table if last is None else table.filter(table.time < midnight_after(last))).to_pandas()
    rows = [row for _, both in counted.groupby("campaign", sort=False) for row in _campaign(both)]
    if not rows:
        return PromotionResult(none, "", study.currency)
    each = pd.DataFrame(rows).sort_values(["day", "campaign"], ignore_index=True)
    return PromotionResult(pd.concat([each, _together(each)], ignore_index=True), "", study.currency)


def arms(campaigns: ibis.Table) -> ibis.Table:
    """Count customers, responses and costs by campaign and arm, in order, where arm and response are known."""
    t = campaigns.filter(campaigns.arm.notnull() & campaigns.response.notnull())
    cost: Any = ibis.null("float64")
    if "cost" in t.columns:
        cost = t.cost.sum().cast("float64") / t.cost.count().cast("float64").nullif(0)
    counts = {"customers": t.count(), "responses": t.response.ifelse(1, 0).sum(), "day": t.time.date().min()}
    return t.group_by("campaign", "arm").aggregate(**counts, cost=cost).order_by("campaign", "arm")


def _campaign(both: pd.DataFrame) -> list[dict[str, Any]]:
    """One row where both arms are there, otherwise none."""
    arm = both.set_index("arm")
    if len(arm) < 2:
        return []
    (x1, n1), (x0, n0) = ((int(arm.loc[a, "responses"]), int(arm.loc[a, "customers"])) for a in ("treated", "control"))
    row = {"campaign": both["campaign"].iloc[0], "day": pd.Timestamp(both["day"].min()), "treated": n1, "control": n0}
    for name, x, n in (("treated", x1, n1), ("control", x0, n0)):
        row |= dict(zip((f"{name}_share{end}" for end in ("", "_low", "_high")), share(x, n), strict=True))
    # What a contact costs beyond what is spent on a customer of the control group.
    extra = float(arm.loc["treated", "cost"]) - float(arm.loc["control", "cost"])
    return [_priced(row, newcombe(x1, n1, x0, n0), extra)]


def _priced(row: dict[str, Any], found: Sequence[float], price: float) -> dict[str, Any]:
    """Add the difference in percentage points and what an additional response costs."""
    difference, low, high = found
    names = ("difference_points", "difference_points_low", "difference_points_high")
    row |= dict(zip(names, (100 * value for value in found), strict=True))
    row["cost_per_contact"] = price
    row["cost_per_response"] = price / difference if difference > 0 else math.nan
    row["cost_per_response_low"] = price / high if difference > 0 else math.nan
    row["cost_per_response_high"] = price / low if low > 0 else math.nan
    return row


def _together(each: pd.DataFrame) -> pd.DataFrame:
    weight = each["treated"] * each["control"] / (each["treated"] + each["control"])
    weight = weight / weight.sum()
    row: dict[str, Any] = {"campaign": ALL, "day": pd.NaT}
    row |= {name: int(each[name].sum()) for name in ("treated", "control")}

    def mean(name: str) -> tuple[float, float, float]:
        middle = float((weight * each[name]).sum())
        ends = [
            float(np.sqrt((weight**2 * (each[f"{name}_{end}"] - each[name]) ** 2).sum())) for end in ("low", "high")
        ]
        return middle, middle - ends[0], middle + ends[1]

    for name in ("treated_share", "control_share"):
        row |= dict(zip((name, f"{name}_low", f"{name}_high"), mean(name), strict=True))
    found = tuple(value / 100 for value in mean("difference_points"))
    cost = float((weight * each["cost_per_contact"]).sum(skipna=False))
    return pd.DataFrame([_priced(row, found, cost)])
