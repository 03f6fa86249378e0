"""Customer equity: what all relations are worth, with today's customers and with those still to be won."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crm_analysis import options, repeats, style
from crm_analysis.errors import UsageError
from crm_analysis.result import Result
from crm_analysis.table import amount, in_currency, number, percent
from crm_analysis.value.models.learning import NotLearned, why_not
from crm_analysis.value.models.projection import Terms, ends, project, whole_amounts, with_ends
from crm_analysis.value.models.purchasing import PurchaseModel, affordable
from crm_analysis.value.models.spending import GammaGamma


@dataclass(frozen=True, eq=False, repr=False)
class EquityResult(Result):
    """Worth of present and future customers.

    Attributes
    ----------
    parts : DataFrame
        One row each for present customers, future customers and both: customers, value with the 95 % interval of what
        may happen, value_share.
    newcomer : DataFrame
        One row: ``value_before_winning`` of a new customer with its 95 % interval (of the parameters),
        ``acquisition_cost`` (missing where not known), ``net_value``, new customers a year with a 95 % interval.
    terms : Terms
        Years, discount rate, margin, currency.
    winning_years : float
        For how long new customers are won.
    cautions : tuple of str
        Of the models.
    absent : str
        Why there is nothing to say, if so.
    """

    parts: pd.DataFrame
    newcomer: pd.DataFrame
    terms: Terms
    winning_years: float
    cautions: tuple[str, ...]
    absent: str = ""
    title = "Customer equity"
    shown: ClassVar[dict[str, str]] = {
        "parts": "Worth of present and future customers, discounted; intervals: 95 % of what may happen",
        "newcomer": "What one new customer is worth",
    }

    def to_frame(self) -> pd.DataFrame:
        return self.parts.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"parts": self.parts.copy(), "newcomer": self.newcomer.copy()}

    def findings(self) -> tuple[str, ...]:
        if self.absent:
            return (self.absent,)
        rows, new, currency = self.parts.set_index("part"), self.newcomer.iloc[0], self.terms.currency
        present = with_ends(rows.loc["present"], "value", currency)
        coming = new["new_a_year"] > 0
        if coming:
            future, years = rows.loc["future"], self.winning_years
            said = [
                f"Customer equity is {with_ends(rows.loc['all'], 'value', currency)} of {self.terms.called}: {present} "
                f"from today's customers in the next {self.terms.span}, and {with_ends(future, 'value', currency)} "
                f"from those still to be won in the next {years:g} year{'' if years == 1 else 's'}, "
                f"{percent(future['value_share'])} of the whole."
            ]
        else:
            said = [
                f"Today's customers are worth {present} of {self.terms.called} in the next {self.terms.span}.",
                "Nobody bought for the first time in the last year, so that customers still to be won count as "
                "nothing, as in a log that follows one group of customers.",
            ]
        worth = (
            f"A new customer brings {with_ends(new, 'value_before_winning', currency)} in the first {self.terms.span}"
        )
        if np.isnan(new["acquisition_cost"]):
            said.append(f"{worth}; what winning one costs is not known and not taken off.")
        else:
            pays = "pays" if new["value_before_winning_low"] > new["acquisition_cost"] else "does not surely pay"
            if new["value_before_winning_high"] < new["acquisition_cost"]:
                pays = "does not pay"
            said.append(
                f"{worth} and costs {amount(round(new['acquisition_cost'], 2), currency)} to win: winning {pays}."
            )
        if coming:
            said.append(
                f"It is assumed that as many are won as in the last year, {number(round(new['new_a_year']))} a year, "
                "and that they will be like today's customers."
            )
        if not self.terms.margin_known:
            said.append("The margin is not known, so that these are sales and not profit.")
        return (*said, *self.cautions)

    def metrics(self) -> dict[str, float]:
        if self.absent:
            return {}
        rows, new = self.parts.set_index("part")["value"], self.newcomer.iloc[0]
        found = {f"{part}_value": float(rows[part]) for part in rows.index}
        return found | {name: float(new[name]) for name in ("value_before_winning", "acquisition_cost", "new_a_year")}

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the worth of present, future and all customers with intervals."""
        if self.absent:
            return style.nothing(ax, title="What all relations are worth", why=self.absent)
        ax = style.axes(ax, height=2.9)
        rows = self.parts.iloc[::-1]
        places = np.arange(len(rows))
        colors = [style.PALETTE[2], style.PALETTE[1], style.PALETTE[0]]
        reach = np.vstack([rows["value"] - rows["value_low"], rows["value_high"] - rows["value"]])
        ax.barh(places, rows["value"], height=0.6, color=colors, alpha=0.8)
        ax.errorbar(rows["value"], places, xerr=np.maximum(reach, 0), fmt="none", ecolor=style.INK, capsize=3)
        ax.set_yticks(places, [_WORDS[part] for part in rows["part"]])
        ax.set_xlabel(in_currency(f"discounted {self.terms.called}", self.terms.currency))
        whole_amounts(ax.xaxis)
        ax.axvline(0, color=style.MUTED, lw=1)
        ax.set_title("What all relations are worth")
        return style.describe(ax, f"Bars of the worth of present and future customers. {self.findings()[0]}")


def equity(
    fitted: PurchaseModel | NotLearned,
    spending: GammaGamma | NotLearned,
    summary: pd.DataFrame,
    *,
    customers: pd.DataFrame | None = None,
    years: float = 3.0,
    winning_years: float = 3.0,
    discount_rate: float = 0.10,
    margin: float | None = None,
    currency: str = "",
    draws: int = 500,
    seed: int = 0,
) -> EquityResult:
    """Add up what present customers and those still to be won are worth.

    Parameters
    ----------
    fitted, spending, summary, customers, years, discount_rate, margin, currency, draws, seed
        As for `value`; ``acquisition_cost`` of the customer view, its mean, is taken off the worth of each new
        customer.
    winning_years : float
        For how long new customers are won; each counts for `years` from the first purchase.

    Returns
    -------
    EquityResult

    Raises
    ------
    UsageError
        If a parameter is not understood.

    Notes
    -----
    Present: the sum of `value`. New customers come at the rate of the last year (or of the log, where it is shorter),
    a Gamma(n + 1/2) posterior of the Poisson rate; each is worth margin x population mean spend x (1 + discounted
    expected repeat purchases) less cost to serve and acquisition cost, by the models' parameters; the first purchase
    is taken to be of the mean size. The draws vary the parameters, the rate and the number who come, not the chance in
    what the single newcomer buys, which hardly counts among many.

    References
    ----------
    Blattberg, R. C. and Deighton, J. (1996). Manage marketing by the customer equity test. Harvard Business Review
    74(4), 136-144.
    """
    options.whole(draws, "draws", caller="equity", least=100)
    draws = affordable(draws, len(summary))
    if not winning_years >= 0:
        raise UsageError(f"equity: winning_years must not be negative, not {winning_years!r}.")
    if isinstance(fitted, NotLearned) or isinstance(spending, NotLearned):
        terms = Terms(years, discount_rate, "", 1.0, False, currency)
        parts = pd.DataFrame(columns=["part", "customers", "value"])
        return EquityResult(parts, pd.DataFrame(), terms, float(winning_years), (), absent=why_not(fitted, spending))
    given = {"years": years, "discount_rate": discount_rate, "margin": margin, "currency": currency}
    projected = project(fitted, spending, summary, customers=customers, caller="equity", **given)  # type: ignore[arg-type]
    terms = projected.terms
    present = projected.sums(np.zeros(len(summary), dtype=int), number=draws, seed=seed)[:, 0]
    generator = np.random.default_rng([seed, 1])
    cost, serving = _mean(customers, "acquisition_cost"), _mean(customers, "cost_to_serve")
    served = 0.0 if np.isnan(serving) else serving
    centre = _worth(fitted, terms, fitted.maximum_.params, spending.maximum_.params, served)
    # The models err for customers of today and of tomorrow alike, so one draw has the same parameters for both.
    pairs = zip(*projected.parameters(number=draws, seed=seed), strict=True)
    worth = np.array([_worth(fitted, terms, one, other, served) for one, other in pairs])
    won, seen = _won(summary, terms.unit)
    rates = generator.gamma(won + 0.5, 1 / seen, draws)
    factor = _years_worth(winning_years, discount_rate)
    net = centre - (0.0 if np.isnan(cost) else cost)
    coming = generator.poisson(rates * winning_years) / max(winning_years, 1e-9)
    future = (worth - centre + net) * coming * factor
    rows = []
    for part, number_of, expected, drawn in (
        ("present", len(summary), float(projected.customers["value"].sum()), present),
        ("future", round(won / seen * winning_years), net * won / seen * factor, future),
    ):
        low, high = ends(drawn)
        rows.append({"part": part, "customers": number_of, "value": expected, "value_low": low, "value_high": high})
    low, high = ends(present + future)
    parts = pd.DataFrame(rows)
    total, number_of = float(parts["value"].sum()), int(parts["customers"].sum())
    both = {"part": "all", "customers": number_of, "value": total, "value_low": low, "value_high": high}
    parts = pd.concat([parts, pd.DataFrame([both])], ignore_index=True)
    parts["value_share"] = parts["value"] / total if total > 0 else np.nan
    one_low, one_high = ends(worth)
    a_year = ends(rates)
    newcomer = {
        "value_before_winning": centre,
        "value_before_winning_low": one_low,
        "value_before_winning_high": one_high,
    }
    newcomer |= {"acquisition_cost": cost, "net_value": net, "new_a_year": won / seen}
    newcomer |= {"new_a_year_low": a_year[0], "new_a_year_high": a_year[1]}
    cautions = (*fitted.cautions_, *spending.cautions_)
    return EquityResult(parts, pd.DataFrame([newcomer]).astype("float64"), terms, float(winning_years), cautions)


def _worth(fitted: PurchaseModel, terms: Terms, params: np.ndarray, spend: np.ndarray, serving: float) -> float:
    """What a new customer brings from the first purchase on, discounted to that day."""
    p, q, v = spend
    mean = p * v / max(q - 1, 1e-2)
    bought = 1 + float(terms.discounts @ np.diff(fitted.newcomer(params, terms.periods), prepend=0.0))
    if not serving:
        return terms.margin * mean * bought
    there = np.append(1.0, fitted.newcomer_there(params, terms.periods))
    lengths = np.diff(terms.ends, prepend=0.0)
    return terms.margin * mean * bought - serving * float((terms.discounts * lengths) @ ((there[1:] + there[:-1]) / 2))


def _won(summary: pd.DataFrame, unit: str) -> tuple[int, float]:
    """How many first bought in the last year, and how much of a year was seen."""
    years = summary["age"].to_numpy("float64") * repeats.UNIT_DAYS[unit] / 365.25
    return int((years < 1).sum()), float(min(1.0, max(years.max(), 1 / 365.25)))


def _years_worth(winning_years: float, discount_rate: float) -> float:
    """What 1 a year, spread evenly, for so many years is worth today."""
    rate = np.log1p(discount_rate)
    return winning_years if rate == 0 else float(-np.expm1(-rate * winning_years) / rate)


def _mean(customers: pd.DataFrame | None, column: str) -> float:
    if customers is None or column not in customers.columns:
        return float("nan")
    return float(customers[column].astype("float64").mean())


_WORDS = {"present": "present customers", "future": "future customers", "all": "customer equity"}
