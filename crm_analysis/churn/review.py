"""Review: what contacting customers brought, measured against those who were held out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from scipy import stats

from crm_analysis import options, style
from crm_analysis.result import Result
from crm_analysis.table import amount, count, short

ALL = "all campaigns"
"""Name of the row that puts all campaigns together."""


@dataclass(frozen=True, eq=False, repr=False)
class ReviewResult(Result):
    """Incremental profit of campaigns.

    Attributes
    ----------
    campaigns : DataFrame
        One row per campaign, all together last: treated, control, profit_treated and profit_control (mean by customer
        in the time after, before the cost of contacts), cost (mean by contact), gain (by contact: difference less
        cost) with its interval, and total (gain x treated) with its interval; in currency.
    days : int
        The time after the contact that counts.
    currency : str
        For readers.
    missing : str
        What the study lacks; empty if nothing.
    """

    campaigns: pd.DataFrame
    days: int
    currency: str
    missing: str = ""
    title = "What did contacting bring?"
    shown: ClassVar[dict[str, str]] = {"campaigns": "Profit by customer after the contact, treated against held out"}

    def to_frame(self) -> pd.DataFrame:
        return self.campaigns.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"campaigns": self.to_frame()}

    def metrics(self) -> dict[str, float]:
        if self.campaigns.empty:
            return {}
        row = self.campaigns.iloc[-1]
        return {"gain_by_contact": float(row["gain"]), "incremental_profit": float(row["total"])}

    def findings(self) -> tuple[str, ...]:
        if self.missing:
            return (f"What contacting brought cannot be told: {self.missing}.",)
        row = self.campaigns.iloc[-1]
        low, high = (f"{row[f'total_{end}']:,.0f}".replace("-", "−") for end in ("low", "high"))
        total = amount(round(row["total"]), self.currency).replace("-", "−")
        verb = "brought" if row["total_low"] > 0 else "cost more than it brought" if row["total_high"] < 0 else ""
        known = f"Contacting {verb}: " if verb else "It is not shown that contacting paid: "
        said = [
            f"{known}an incremental profit of {total} (95 % interval {low} to {high}) in the {self.days} days after, "
            f"from {count(int(row['treated']), 'contact')} against {int(row['control']):,} held out."
        ]
        each = self.campaigns.iloc[:-1]
        paid = each[each["gain_low"] > 0]
        if len(each) > 1:
            said.append(f"Of {len(each)} campaigns, each looked at alone, {len(paid)} are shown to have paid.")
        return tuple(said)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the gain by contact of each campaign, with its interval."""
        if self.missing:
            return style.nothing(ax, title=self.title, why=self.findings()[0])
        rows = self.campaigns.iloc[::-1].reset_index(drop=True)
        ax = style.axes(ax, height=1.5 + 0.4 * len(rows))
        ends = np.abs(rows[["gain_low", "gain_high"]].to_numpy().T - rows["gain"].to_numpy())
        for place, name in enumerate(rows["campaign"]):
            colour = style.ACCENT if name == ALL else style.PALETTE[0]
            ax.errorbar(rows["gain"][place], place, xerr=ends[:, [place]], fmt="o", color=colour, capsize=3)
        ax.axvline(0, color=style.MUTED, linewidth=1)
        ax.set_yticks(range(len(rows)), [short(str(name)) for name in rows["campaign"]])
        unit = f" ({self.currency})" if self.currency else ""
        ax.set_xlabel(f"gain by contact{unit}, with 95 % interval")
        ax.set_title("What a contact brought")
        return style.describe(ax, f"Gain by contact of each campaign. {self.findings()[0]}")


def measure(campaigns: pd.DataFrame, profits: pd.DataFrame, *, days: int = 90, currency: str = "") -> ReviewResult:
    """Measure what campaigns brought, by those whom the lot had held out.

    Parameters
    ----------
    campaigns : DataFrame
        The campaigns table: customer_id, time, campaign, arm (treated, control) and, where known, cost.
    profits : DataFrame
        Order lines: customer_id, time, and margin or, without one, amount.
    days : int
        How long after the contact profit counts, in days.
    currency : str
        For readers.

    Returns
    -------
    ReviewResult
        Without a control group of two or more, or without orders, one whose finding says so.

    Raises
    ------
    UsageError
        If `days` is no whole number or below 1.

    Notes
    -----
    Gain by contact = mean profit of the treated - mean profit of the control group - mean cost of a contact, with
    Welch's interval. Campaigns are put together by their contacts, so that the total is the sum of theirs. Only a
    lot makes it the contact's doing: where the control group was chosen otherwise, it is not.

    References
    ----------
    Welch, B. L. (1947). The generalization of Student's problem when several different population variances are
    involved. Biometrika 34, 28-35.
    """
    days = options.whole(days, "days", caller="review.measure", least=1)
    none = pd.DataFrame(columns=["campaign", "treated", "control", "gain", "total"])
    if campaigns.empty or "arm" not in campaigns.columns:
        return ReviewResult(none, days, currency, "the study has no campaigns with a control group")
    if profits.empty:
        return ReviewResult(none, days, currency, "the study has no orders")
    worth = "margin" if "margin" in profits.columns and profits["margin"].notna().any() else "amount"
    lines = pd.DataFrame(
        {"customer_id": profits["customer_id"], "bought": profits["time"], "profit": profits[worth].astype("float64")}
    )
    known = campaigns[campaigns["arm"].isin(["treated", "control"])].reset_index(drop=True)
    joined = known[["customer_id", "time"]].reset_index().merge(lines, on="customer_id")
    after = (joined["bought"] >= joined["time"]) & (joined["bought"] < joined["time"] + pd.Timedelta(days=days))
    brought = joined[after].groupby("index")["profit"].sum()
    known["profit"] = brought.reindex(known.index).fillna(0.0)
    known["cost"] = known["cost"].astype("float64").fillna(0.0) if "cost" in known.columns else 0.0
    # A campaign whose time after is not over yet would look worse than it is.
    over = known["time"] + pd.Timedelta(days=days) <= profits["time"].max()
    rows = [
        _row(str(name), rows)
        for name, rows in known[over].groupby("campaign", sort=True)
        # One customer alone has no spread.
        if min((rows["arm"] == arm).sum() for arm in ("treated", "control")) > 1
    ]
    if not rows:
        why = f"no campaign with two customers or more in either arm lies {count(days, 'day')} before the last order"
        return ReviewResult(none, days, currency, why)
    each = pd.DataFrame(rows)
    if len(each) > 1:
        each = pd.concat([each, pd.DataFrame([_together(each)])], ignore_index=True)
    return ReviewResult(_with_ends(each), days, currency)


def _row(name: str, rows: pd.DataFrame) -> dict[str, object]:
    treated, control = (rows[rows["arm"] == arm] for arm in ("treated", "control"))
    cost = treated["cost"].mean() - control["cost"].mean()
    spread = [part["profit"].var() / len(part) for part in (treated, control)]
    known = sum(v**2 / (len(p) - 1) for v, p in zip(spread, (treated, control), strict=True))
    df = sum(spread) ** 2 / known if known else np.inf
    return {
        "campaign": name,
        "treated": len(treated),
        "control": len(control),
        "profit_treated": treated["profit"].mean(),
        "profit_control": control["profit"].mean(),
        "cost": cost,
        "gain": treated["profit"].mean() - control["profit"].mean() - cost,
        "se": np.sqrt(sum(spread)),
        "df": df,
    }


def _together(each: pd.DataFrame) -> dict[str, object]:
    weight = each["treated"] / each["treated"].sum()
    mean = {name: float((weight * each[name]).sum()) for name in ("profit_treated", "profit_control", "cost", "gain")}
    variance = (weight * each["se"]) ** 2
    known = float((variance**2 / each["df"]).sum())
    return {
        "campaign": ALL,
        "treated": int(each["treated"].sum()),
        "control": int(each["control"].sum()),
        **mean,
        "se": float(np.sqrt(variance.sum())),
        "df": float(variance.sum() ** 2 / known) if known else np.inf,
    }


def _with_ends(each: pd.DataFrame) -> pd.DataFrame:
    half = stats.t.ppf(0.975, each["df"]) * each["se"]
    made = each.drop(columns=["se", "df"]).assign(gain_low=each["gain"] - half, gain_high=each["gain"] + half)
    return made.assign(
        total=made["gain"] * made["treated"],
        total_low=made["gain_low"] * made["treated"],
        total_high=made["gain_high"] * made["treated"],
    )
