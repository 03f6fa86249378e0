"""Propensity: who is likely to buy, and how large a trial tells whether contacting them pays (数据库营销)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter
from scipy import stats

from crm_analysis import options, style
from crm_analysis.churn import reasons
from crm_analysis.churn.model import ChurnModel
from crm_analysis.churn.sample import Sample
from crm_analysis.errors import UsageError
from crm_analysis.result import Result
from crm_analysis.table import amount, count, percent


@dataclass(frozen=True, eq=False, repr=False)
class TrialPlanResult(Result):
    """Whom to offer what they are likely to buy, and the trial that comes before.

    Attributes
    ----------
    actions : DataFrame
        One row per customer worth a contact, the best first: customer_id, arm (trial: contact now; control: never in
        this campaign; later: if the trial pays), probability_share, expected_gain (currency), reasons.
    sizes : DataFrame
        One row per arm of the trial: customers and expected share that buys.
    break_even : float
        Probability of buying from which a contact pays.
    power : float
        Chance that the trial shows an effect of the supposed size; lower than asked where there are too few customers.
    lift, margin, contact_cost : float
        What was supposed.
    customers : int
        Customers that were looked at.
    currency : str
        For readers.
    whose : str
        Which model the reasons are taken from, as a sentence; empty for a logistic regression.
    """

    actions: pd.DataFrame
    sizes: pd.DataFrame
    break_even: float
    power: float
    lift: float
    margin: float
    contact_cost: float
    customers: int
    currency: str
    missing: str = ""
    whose: str = ""
    title = "Who is likely to buy, and does contacting them pay?"
    shown: ClassVar[dict[str, str]] = {"sizes": "The trial before the campaign"}

    def to_frame(self) -> pd.DataFrame:
        return self.sizes.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"sizes": self.sizes.copy(), "actions": self.actions.copy()}

    def metrics(self) -> dict[str, float]:
        if self.missing:
            return {}
        gain = float(self.actions["expected_gain"].sum())
        return {
            "worth_it": len(self.actions),
            "expected_gain": gain,
            "break_even": self.break_even,
            "power": self.power,
        }

    def findings(self) -> tuple[str, ...]:
        if self.missing:
            return (f"Who is likely to buy cannot be told: {self.missing[0].lower()}{self.missing[1:]}",)
        if self.actions.empty:
            if not self.break_even <= 1:
                return ("No contact can pay: even a sure purchase would bring less than the contact costs.",)
            pays = percent(self.break_even)
            return (
                f"No contact is expected to pay: no customer reaches the probability of buying of {pays} it takes.",
            )
        gain = float(self.actions["expected_gain"].sum())
        trial = self.sizes.set_index("arm")["customers"]
        said = [
            f"{count(len(self.actions), 'customer')} of {self.customers:,} are worth a contact (from a probability of "
            f"buying of {percent(self.break_even)}), with an expected gain of {amount(gain, self.currency)}, if a "
            f"contact raises purchases by {percent(self.lift)} as supposed.",
            f"Try it first: contact {int(trial['trial']):,} of them and hold {int(trial['control']):,} out, drawn by "
            f"lot; an effect of that size is then found with a chance of {percent(self.power)}.",
        ]
        if self.power < 0.5:
            said.append("There are too few customers to tell whether it pays: gather several campaigns before judging.")
        return (*said, self.whose) if self.whose else tuple(said)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the probability of buying, highest first, with the break-even."""
        if self.actions.empty:
            return style.nothing(ax, title=self.title, why=self.findings()[0])
        ax = style.axes(ax, height=3.8)
        shares = np.sort(self.actions["probability_share"].to_numpy())[::-1]
        ax.plot(np.arange(1, len(shares) + 1), shares, color=style.PALETTE[0])
        ax.axhline(self.break_even, color=style.ACCENT, linestyle="--", linewidth=1)
        ax.annotate("break-even", (1, self.break_even), xytext=(4, -13), textcoords="offset points")
        ax.set_ylim(bottom=0)
        ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        ax.set_xlabel("customers worth a contact, the likeliest buyers first")
        ax.set_ylabel("probability of buying")
        ax.set_title("Who is likely to buy")
        return style.describe(ax, f"Probability of buying by customer. {self.findings()[0]}")


def plan(
    model: ChurnModel,
    sample: Sample,
    *,
    margin: float,
    contact_cost: float,
    lift: float,
    power: float = 0.8,
    seed: int = 0,
    currency: str = "",
) -> TrialPlanResult:
    """Plan a campaign for those who are likely to buy, with a trial on a small sample before.

    Parameters
    ----------
    model : ChurnModel
        Fitted on `labels.purchases(...).training`.
    sample : Sample
        The customers now, `labels.purchases(...).current`.
    margin : float
        What a purchase brings, in currency.
    contact_cost : float
        Cost of a contact, in currency.
    lift : float
        By how much a contact is supposed to raise the probability of buying, as a share of it, such as 0.2.
    power : float
        Chance with which the trial should show an effect of that size (5 % level, two-sided).
    seed : int
        Of the lot.
    currency : str
        For readers.

    Returns
    -------
    TrialPlanResult

    Raises
    ------
    UsageError
        If a parameter is out of range.

    Notes
    -----
    Expected gain of a contact = p x lift x margin - cost. With p1 and p2 the shares that buy without and with a
    contact, an arm of the trial needs (z(.975) sqrt(2 m (1 - m)) + z(power) sqrt(p1 (1 - p1) + p2 (1 - p2)))^2 /
    (p2 - p1)^2 customers, m their mean (Fleiss, Levin and Paik 2003).

    References
    ----------
    Fleiss, J. L., Levin, B. and Paik, M. C. (2003). Statistical Methods for Rates and Proportions, 3rd ed., section 4.
    """
    for name, value, sound in (
        ("margin", margin, lambda given: given > 0),
        ("contact_cost", contact_cost, lambda given: given >= 0),
        ("lift", lift, lambda given: given > 0),
        ("power", power, lambda given: 0 < given < 1),
    ):
        if not options.is_number(value) or not sound(value):
            raise UsageError(f"The {name} parameter of propensity.plan is out of range: {value!r}.")
    seed = options.whole(seed, "seed", caller="propensity.plan")
    break_even = contact_cost / (lift * margin)
    if why := model.missing or sample.missing:
        none = pd.DataFrame(columns=["customer_id", "arm", "probability_share", "expected_gain", "reasons"])
        sizes = pd.DataFrame(columns=["arm", "customers", "expected_share"])
        return TrialPlanResult(none, sizes, break_even, 0.0, lift, margin, contact_cost, 0, currency, why)
    chance = model.chance(sample)
    gain = chance * lift * margin - contact_cost
    chosen = np.flatnonzero(gain > 0)
    chosen = chosen[np.argsort(-gain[chosen], kind="stable")]
    mean = float(chance[chosen].mean()) if len(chosen) else math.nan
    raised = min(1.0, mean * (1 + lift)) if len(chosen) else math.nan
    arm = min(_arm(mean, raised, power), len(chosen) // 2) if len(chosen) else 0
    place = np.random.default_rng(seed).permutation(len(chosen))
    arms = np.full(len(chosen), "later", dtype=object)
    arms[place[:arm]], arms[place[arm : 2 * arm]] = "trial", "control"
    told, whose = reasons.tell(model, sample.take(chosen))
    actions = pd.DataFrame(
        {
            "customer_id": sample.features.index[chosen],
            "arm": arms,
            "probability_share": chance[chosen],
            "expected_gain": gain[chosen],
            "reasons": told,
        }
    )
    sizes = pd.DataFrame({"arm": ["trial", "control"], "customers": [arm, arm], "expected_share": [raised, mean]})
    reached = _power(mean, raised, arm) if arm else 0.0
    return TrialPlanResult(
        actions, sizes, break_even, reached, lift, margin, contact_cost, len(sample), currency, whose=whose
    )


def _arm(low: float, high: float, power: float) -> int:
    middle = (low + high) / 2
    a = stats.norm.ppf(0.975) * math.sqrt(2 * middle * (1 - middle))
    b = stats.norm.ppf(power) * math.sqrt(low * (1 - low) + high * (1 - high))
    return math.ceil(((a + b) / (high - low)) ** 2) if high > low else 10**9


def _power(low: float, high: float, arm: int) -> float:
    middle = (low + high) / 2
    spread = math.sqrt(low * (1 - low) + high * (1 - high))
    if spread == 0:
        return 1.0
    a = stats.norm.ppf(0.975) * math.sqrt(2 * middle * (1 - middle))
    return float(stats.norm.cdf(((high - low) * math.sqrt(arm) - a) / spread))
