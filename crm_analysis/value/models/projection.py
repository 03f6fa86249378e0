"""Projection: what each customer will buy, spend and cost over the next years, discounted to today."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axis import Axis

from crm_analysis import options, repeats
from crm_analysis.errors import DataError, UsageError
from crm_analysis.table import number
from crm_analysis.value.models.history import distinct
from crm_analysis.value.models.purchasing import PurchaseModel
from crm_analysis.value.models.spending import GammaGamma

_STEPS_A_YEAR = 4
UNKNOWN = "unknown"
"""The group of customers of whom none is known."""


@dataclass(frozen=True)
class Terms:
    """On what a projection rests.

    Attributes
    ----------
    years, discount_rate : float
        How far it looks, and the interest of a year.
    unit : str
        Unit of time of the summary.
    margin : float
        Share of the spend that is left as profit.
    margin_known : bool
        Whether the margin was given or measured; otherwise it is 1 and values are spend.
    currency : str
        Of the amounts.
    """

    years: float
    discount_rate: float
    unit: str
    margin: float
    margin_known: bool
    currency: str

    @property
    def ends(self) -> np.ndarray:
        """Ends of the steps, in years: quarters, the last one maybe shorter."""
        steps = math.ceil(self.years * _STEPS_A_YEAR - 1e-9)
        return np.minimum(np.arange(1, steps + 1) / _STEPS_A_YEAR, self.years)

    @property
    def periods(self) -> np.ndarray:
        """`ends` in units of the summary."""
        return self.ends * 365.25 / repeats.UNIT_DAYS[self.unit]

    @property
    def discounts(self) -> np.ndarray:
        """What 1 in the middle of each step is worth today."""
        middles = self.ends - np.diff(self.ends, prepend=0.0) / 2
        return np.asarray((1 + self.discount_rate) ** -middles)

    @property
    def span(self) -> str:
        """In words: ``3 years``."""
        return f"{self.years:g} year{'' if self.years == 1 else 's'}"

    @property
    def called(self) -> str:
        """What the values are."""
        return "profit" if self.margin_known else "spend"


@dataclass(frozen=True)
class Projection:
    """Customers in the next years.

    Attributes
    ----------
    customers : DataFrame
        One row per customer of the summary: customer_id (if there), expected_purchases, mean_spend, ``spend``
        (discounted), ``cost`` (of serving, discounted; 0 where not known) and ``value`` = margin x spend - cost.
    terms : Terms
        On what it rests.
    """

    customers: pd.DataFrame
    terms: Terms
    fitted: PurchaseModel
    spending: GammaGamma
    summary: pd.DataFrame

    def draws(self, *, number: int, seed: int) -> Iterator[tuple[slice, np.ndarray]]:
        """Draw discounted values that may come, block by block of customers; shape (number, block).

        Parameters of both models from their normal distributions (the same for all customers in one draw), then
        purchases and what is spent on them. When purchases happen counts at its expectation, as does the cost.
        """
        histories = distinct(self.summary, caller="value")
        generator = _of_spend(seed)
        params = self.spending.maximum_.draws(generator, number).T[:, :, None]
        # The mean exists in every draw of the parameters only if q is clearly above 1.
        params[1] = np.maximum(params[1], 1.01)
        expected = self.customers["expected_purchases"].to_numpy()
        full = expected * self.customers["mean_spend"].to_numpy()
        present = np.divide(self.customers["spend"].to_numpy(), full, out=np.zeros(len(full)), where=full > 0)
        cost = self.customers["cost"].to_numpy()
        drawn = self.fitted.futures(histories, float(self.terms.periods[-1]), draws=number, seed=seed + 1)
        for chosen, counts in drawn:
            spent = self.spending.draw(self.summary.iloc[chosen], counts, params, generator)
            yield chosen, self.terms.margin * present[chosen] * spent - cost[chosen]

    def parameters(self, *, number: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the parameters of purchases and of spend in `draws` of the same seed; shapes (number, k)."""
        spend = self.spending.maximum_.draws(_of_spend(seed), number)
        return self.fitted.parameter_draws(number, seed=seed + 1), spend

    def sums(self, groups: np.ndarray, *, number: int, seed: int) -> np.ndarray:
        """Draw the value of groups of customers; groups of shape (n,) from 0, -1 for none; shape (number, groups)."""
        found = np.zeros((number, int(groups.max(initial=-1)) + 1))
        for chosen, values in self.draws(number=number, seed=seed):
            for group in np.unique(groups[chosen][groups[chosen] >= 0]):
                found[:, group] += values[:, groups[chosen] == group].sum(axis=1)
        return found


def _of_spend(seed: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed).spawn(1)[0])


def project(
    fitted: PurchaseModel,
    spending: GammaGamma,
    summary: pd.DataFrame,
    *,
    customers: pd.DataFrame | None,
    years: float,
    discount_rate: float,
    margin: float | None,
    currency: str,
    caller: str,
) -> Projection:
    """Project customers over the next years; parameters are those of `clv.value`."""
    if not isinstance(fitted, PurchaseModel) or not isinstance(spending, GammaGamma):
        given_first, given_second = type(fitted).__name__, type(spending).__name__
        raise UsageError(
            f"{caller}: give a model of purchases and then GammaGamma, not {given_first} and {given_second}."
        )
    unlearned = next((one for one in (fitted, spending) if not hasattr(one, "params_")), None)
    if unlearned is not None:
        raise UsageError(f"{type(unlearned).__name__} has not learned anything yet; call fit(summary) first.")
    if not (options.is_number(years) and years > 0):
        raise UsageError(f"{caller}: years must be a positive number, not {years!r}.")
    if not (options.is_number(discount_rate) and 0 <= discount_rate < 1):
        raise UsageError(f"{caller}: discount_rate is a share of a year, such as 0.1, not {discount_rate!r}.")
    unit = str(summary.attrs.get("unit", ""))
    if unit not in repeats.UNIT_DAYS:
        raise UsageError(
            f"{caller}: the summary does not say its unit of time; make it with clv.summarise, or set "
            "summary.attrs['unit']."
        )
    kept = margin if margin is not None else margin_share(customers)
    if kept is not None and not 0 < kept <= 1:
        raise DataError(f"{caller}: the margin is {kept:.3f} of the spend, not between 0 and 1; give margin.")
    terms = Terms(years, discount_rate, unit, 1.0 if kept is None else float(kept), kept is not None, currency)
    histories, params = distinct(summary, caller=caller), fitted.maximum_.params
    grown = fitted.expected(params, histories, terms.periods)
    discounted = terms.discounts @ np.diff(grown, axis=0, prepend=0.0)
    there = np.vstack([fitted.alive(params, histories), fitted.remaining(params, histories, terms.periods)])
    lengths = np.diff(terms.ends, prepend=0.0)
    served = (terms.discounts * lengths) @ ((there[1:] + there[:-1]) / 2)
    spend = spending.mean_spend(summary).to_numpy()
    found = {"customer_id": summary["customer_id"].to_numpy()} if "customer_id" in summary.columns else {}
    table = pd.DataFrame(found, index=range(len(summary)))
    table["expected_purchases"] = grown[-1][histories.place]
    table["mean_spend"] = spend
    table["spend"] = discounted[histories.place] * spend
    table["cost"] = served[histories.place] * cost_to_serve(customers, summary)
    table["value"] = terms.margin * table["spend"] - table["cost"]
    return Projection(table, terms, fitted, spending, summary)


def margin_share(customers: pd.DataFrame | None) -> float | None:
    """Return the share of purchases that is left as margin after returns, where the customer view tells it."""
    if customers is None or not {"margin", "gross_spend"} <= set(customers.columns):
        return None
    bought = customers[["margin", "gross_spend"]].astype("float64").dropna()
    total = float(bought["gross_spend"].sum())
    return float(bought["margin"].sum()) / total if total > 0 else None


def cost_to_serve(customers: pd.DataFrame | None, summary: pd.DataFrame) -> np.ndarray:
    """Return the yearly cost of serving each customer of the summary; 0 where it is not known."""
    if customers is None or "cost_to_serve" not in customers.columns or "customer_id" not in summary.columns:
        return np.zeros(len(summary))
    costs = customers.drop_duplicates("customer_id").set_index("customer_id")["cost_to_serve"].astype("float64")
    return summary["customer_id"].map(costs).fillna(0.0).to_numpy("float64")


def groups_of(customers: pd.DataFrame | None, summary: pd.DataFrame, by: str, *, caller: str) -> pd.Series:
    """Return each customer's segment: a column of the customer view; all are one where none is asked for."""
    if not by:
        return pd.Series("all customers", index=range(len(summary)))
    if customers is None or by not in customers.columns:
        there = (
            "no customers were given" if customers is None else f"known are {', '.join(map(str, customers.columns))}"
        )
        raise UsageError(f"{caller}: there is no column {by!r} to divide customers by; {there}.")
    known = customers.drop_duplicates("customer_id").set_index("customer_id")[by]
    return summary["customer_id"].map(known).astype("object").fillna(UNKNOWN).astype(str).reset_index(drop=True)


def ends(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of the 95 % interval of what may happen, over the first axis."""
    low, high = np.quantile(draws, [0.025, 0.975], axis=0)
    return low, high


def with_ends(row: pd.Series, name: str, currency: str) -> str:
    """Write an amount with its interval, in few digits: ``96 CNY (95 % interval 80 to 112)``."""
    value, low, high = (_written(row[f"{name}{end}"]) for end in ("", "_low", "_high"))
    return f"{f'{value} {currency}'.strip()} (95 % interval {low} to {high})"


def _written(value: float) -> str:
    """Whole from 100 on, in hundredths below; a real minus, and none before a zero."""
    text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"
    return text.replace("-", "−") if float(text.replace(",", "")) else text.removeprefix("-")


def whole_amounts(axis: Axis) -> None:
    """Write the ticks of an axis of amounts in full: ``1,500,000``, and only a few of them."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axis.set_major_locator(MaxNLocator(4))
    axis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
