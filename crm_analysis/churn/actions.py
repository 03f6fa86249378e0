"""Actions: the list of customers to contact, and what it is expected to bring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from crm_analysis import style
from crm_analysis.churn.profit import Offer
from crm_analysis.result import Result
from crm_analysis.table import amount, count, percent


@dataclass(frozen=True, eq=False, repr=False)
class PlanResult(Result):
    """Whom to contact, and what that brings.

    Attributes
    ----------
    actions : DataFrame
        One row per customer on the list, the best first: customer_id, arm (treated: contact; control: do not, drawn
        by lot), probability_share, value, expected_gain, expected_cost (currency), reasons.
    policies : DataFrame
        One row per policy: customers contacted, the cost of contacts and offers, and the profit against contacting
        nobody, in currency: what it would have brought given who left, with its interval, or, where that is not known
        yet, what is expected.
    curve : DataFrame
        Profit by share of customers contacted, those with the highest expected gain first; empty without labels.
    criteria : dict
        MPC, the share contacted there, and EMPC, by customer in currency; empty without labels.
    known : bool
        Whether it is known who left.
    missing : str
        Why there is no plan, as a sentence; empty where there is one.
    resting, rest_days : int
        Customers who cannot be on the list, since a campaign of the last `rest_days` days has them.
    whose : str
        Which model the reasons are taken from, as a sentence; empty for a logistic regression.
    """

    actions: pd.DataFrame
    policies: pd.DataFrame
    curve: pd.DataFrame
    criteria: dict[str, float]
    offer: Offer
    customers: int
    worth_it: int
    break_even: float
    budget: float | None
    hold_out: float
    currency: str
    known: bool
    missing: str = ""
    resting: int = 0
    rest_days: int = 0
    whose: str = ""
    title = "Whom does it pay to contact?"
    shown: ClassVar[dict[str, str]] = {"policies": "Profit of each policy against contacting nobody"}

    def to_frame(self) -> pd.DataFrame:
        return self.policies.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"policies": self.policies.copy(), "actions": self.actions.copy(), "curve": self.curve.copy()}

    def captions(self) -> dict[str, str]:
        what = "Profit" if self.known else "Expected profit"
        return {"policies": f"{what} of each policy against contacting nobody, without a hold-out"}

    def metrics(self) -> dict[str, float]:
        if self.missing:
            return {}
        found = {
            "listed": len(self.actions),
            "contacted": int((self.actions["arm"] == "treated").sum()),
            "held_out": int((self.actions["arm"] == "control").sum()),
            "expected_gain": float(self.actions["expected_gain"].sum()),
            "break_even": self.break_even,
            "profit": float(self.policies["profit"].iloc[0]),
        }
        return found | self.criteria

    def findings(self) -> tuple[str, ...]:
        """The most important first: the list, what it brings, against what; then how it is tested."""
        if self.missing:
            return (f"Nobody can be chosen: {self.missing[0].lower()}{self.missing[1:]}",)
        if not self.customers:
            return ("There are no customers to contact.",)
        gain, cost = (float(self.actions[name].sum()) for name in ("expected_gain", "expected_cost"))
        limit = "" if self.budget is None else f" within the budget of {amount(self.budget, self.currency)}"
        if self.actions.empty:
            whom = " with those who may be on it" if self.resting else ""
            why = f"no contact{whom} is expected to pay"
            if self.worth_it:
                why = "the budget does not reach for one contact"
            said = [f"Nobody is on the list: {why}."]
        else:
            said = [
                f"{count(len(self.actions), 'customer')} of {self.customers:,} are on the list{limit}: expected "
                f"gain {amount(gain, self.currency)} at an expected cost of {amount(cost, self.currency)}, if all are "
                "contacted."
            ]
        if self.resting:
            said.append(
                f"{count(self.resting, 'customer')} cannot be on the list: they are in a campaign of the last "
                f"{self.rest_days} days, contacted or held out, which is still being measured."
            )
        where = "never" if not self.break_even <= 1 else f"from a probability of leaving of {percent(self.break_even)}"
        pays = count(self.worth_it, "customer")
        said.append(f"A contact pays {where} for a customer of typical value; it pays for {pays}.")
        rows = self.policies.set_index("policy")
        plan, everyone, tenth = (rows.loc[name] for name in ("this plan", "everyone", "the likeliest tenth"))
        if self.known:
            said.append(
                f"Given who did leave, the list would have brought {self._profit(plan)}, contacting everyone "
                f"{self._profit(everyone)}, the likeliest tenth {self._profit(tenth)}; the costs would have been "
                f"{self._cost(plan)}, {self._cost(everyone)} and {self._cost(tenth)}. This supposes the stated "
                "acceptance and take-up."
            )
        held = self.actions[self.actions["arm"] == "control"]
        if len(held):
            are = "is" if len(held) == 1 else "are"
            said.append(
                f"{count(len(held), 'customer')} of the list, drawn by lot, {are} not to be contacted, which gives up "
                f"{amount(float(held['expected_gain'].sum()), self.currency)} of that gain: only the difference to "
                "them shows what contacting brings."
            )
        elif len(self.actions):
            said.append("No customer is held out, so nobody will be able to tell what contacting brought.")
        said.append(
            "The likeliest leaver is not always the best to contact: the list knows who leaves, not who listens."
        )
        return (*said, self.whose) if self.whose else tuple(said)

    def _cost(self, row: pd.Series) -> str:
        return amount(round(row["cost"]), self.currency)

    def _profit(self, row: pd.Series) -> str:
        low, high = (f"{row[f'profit_{end}']:,.0f}".replace("-", "−") for end in ("low", "high"))
        return f"{amount(round(row['profit']), self.currency)} (95 % interval {low} to {high})".replace("-", "−")

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the profit over the share of customers contacted; without labels, the expected gain of each."""
        if not self.customers or (self.actions.empty and self.curve.empty):
            return style.nothing(ax, title=self.title, why=self.findings()[0])
        ax = style.axes(ax, height=4.2)
        unit = f" ({self.currency})" if self.currency else ""
        ax.set_xlabel("customers contacted, the highest expected gain first")
        ax.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        ax.axhline(0, color=style.MUTED, linewidth=1)
        if len(self.curve):
            share, profit = (self.curve[name].to_numpy() for name in ("contacted_share", "profit"))
            ax.fill_between(
                share, self.curve["profit_low"], self.curve["profit_high"], color=style.PALETTE[0], alpha=0.2
            )
            ax.plot(share, profit, color=style.PALETTE[0])
            here = len(self.actions) / self.customers
            ax.axvline(here, color=style.ACCENT, linestyle="--", linewidth=1)
            ax.annotate("the list", (here, ax.get_ylim()[1]), xytext=(4, -12), textcoords="offset points")
            ax.set_ylabel(f"profit against contacting nobody{unit}")
        else:
            gains = self.actions["expected_gain"].to_numpy()
            ax.plot(np.arange(1, len(gains) + 1) / self.customers, np.cumsum(gains), color=style.PALETTE[0])
            ax.set_ylabel(f"expected gain{unit}")
        ax.set_title("What contacting customers brings")
        return style.describe(ax, f"Profit over the share of customers contacted. {self.findings()[0]}")


ACTIONS = ("customer_id", "arm", "probability_share", "value", "expected_gain", "expected_cost", "reasons")
"""Columns of the list."""


def nothing(why: str, *, offer: Offer, budget: float | None, hold_out: float, currency: str) -> PlanResult:
    """Return a plan without customers that says why there are none."""
    return PlanResult(
        actions=pd.DataFrame(columns=list(ACTIONS)),
        policies=pd.DataFrame(columns=["policy", "contacted", "cost", "profit", "profit_low", "profit_high"]),
        curve=pd.DataFrame(columns=["contacted_share", "profit", "profit_low", "profit_high"]),
        criteria={},
        offer=offer,
        customers=0,
        worth_it=0,
        break_even=np.nan,
        budget=budget,
        hold_out=hold_out,
        currency=currency,
        known=False,
        missing=why,
    )
