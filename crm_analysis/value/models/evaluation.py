"""Evaluation: what a model of purchases said before a holdout, what happened, and what simple rules would have said."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crm_analysis import repeats, style
from crm_analysis.errors import DataError, UsageError
from crm_analysis.result import Result, metric_key
from crm_analysis.table import between, count, decimal, interval, number, percent
from crm_analysis.value.models.baselines import Guess, auc_difference, guesses, judge
from crm_analysis.value.models.learning import NotLearned, why_not
from crm_analysis.value.models.purchasing import PurchaseModel
from crm_analysis.value.models.summary import holdout as count_holdout

_ALIVE = "P(alive), no score of churn"
_MOST = 7


@dataclass(frozen=True, eq=False, repr=False)
class EvaluationResult(Result):
    """A model's forecast beside baselines and what happened.

    Attributes
    ----------
    methods : DataFrame
        One row per method, the model first: predicted_total (of the model with the 95 % interval of what may happen),
        mae, rmse (mean absolute and root mean squared error of a customer's purchases) and auc (of buying at all), each
        with its 95 % interval. The model's score of buying is 1 - P(no purchase in the holdout); the row of P(alive)
        is there to warn of it.
    by_frequency : DataFrame
        One row per number of repeat purchases so far: customers, mean purchases in the holdout with its 95 % interval,
        and the model's expectation.
    model, periods, unit, actual_total, customers
        What was compared.
    better : tuple of float
        By how much the model's AUC exceeds that of the best baseline, with its 95 % interval.
    cautions : tuple of str
        Of the model.
    absent : str
        Why there is nothing to compare, if so.
    """

    methods: pd.DataFrame
    by_frequency: pd.DataFrame
    model: str
    periods: float
    unit: str
    actual_total: float
    customers: int
    better: tuple[float, float, float]
    cautions: tuple[str, ...]
    absent: str = ""
    shown: ClassVar[dict[str, str]] = {
        "methods": "The model and simple rules: totals, errors of a customer's purchases, AUC of buying at all",
        "by_frequency": "Purchases in the holdout by repeat purchases before, and what was expected",
    }

    @property
    def title(self) -> str:  # type: ignore[override]
        if self.absent:
            return "Forecast against what happened"
        return f"{self.model}: forecast of {self._span} against what happened"

    @property
    def _span(self) -> str:
        return f"{round(self.periods, 1):g} {self.unit or 'period'}{'' if self.periods == 1 else 's'}"

    def to_frame(self) -> pd.DataFrame:
        return self.methods.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"methods": self.methods.copy(), "by_frequency": self.by_frequency.copy()}

    def findings(self) -> tuple[str, ...]:
        if self.absent:
            return (self.absent,)
        rows = self.methods.set_index("method")
        model, rate = rows.loc[self.model], rows.loc["constant rate"]
        missed = model["predicted_total"] / self.actual_total - 1 if self.actual_total else math.nan
        within = model["predicted_total_low"] <= self.actual_total <= model["predicted_total_high"]
        total = (
            f"{self.model} expected {number(round(model['predicted_total']))} purchases in the {self._span} "
            f"(95 % interval {number(round(model['predicted_total_low']))}–"
            f"{number(round(model['predicted_total_high']))}) of {count(self.customers, 'customer')}, who made "
            f"{number(self.actual_total)}"
        )
        if not math.isnan(missed):
            total += f": {abs(100 * missed):.1f} % too {'many' if missed > 0 else 'few'}"
        total += ", which is chance." if within else ", more than chance explains."
        if not math.isnan(missed):
            other = 100 * (rate["predicted_total"] / self.actual_total - 1)
            total += f" A constant rate is {abs(other):.1f} % too {'high' if other > 0 else 'low'}."
        return (total, self._errors(rows), *self._scores(rows), *self.cautions)

    def _errors(self, rows: pd.DataFrame) -> str:
        others = rows.drop(index=[self.model, _ALIVE]).dropna(subset=["mae"])
        best = others["mae"].idxmin()
        model = rows.loc[self.model]
        return (
            f"For one customer its forecast is off by {_with_ends(model, 'mae')} purchases on average; "
            f"the best of the simple rules ({best}) by {_with_ends(others.loc[best], 'mae')}."
        )

    def _scores(self, rows: pd.DataFrame) -> list[str]:
        model = rows.loc[self.model]
        if math.isnan(model["auc"]):
            everybody = self.actual_total > 0
            return [f"{'Everybody' if everybody else 'Nobody'} bought in the holdout, so that no score can be judged."]
        best = rows.drop(index=[self.model, _ALIVE])["auc"].idxmax()
        gain, low, high = self.better
        verdict = "better" if low > 0 else "worse" if high < 0 else "not surely different"
        said = [
            f"Asked which of two customers buys in the holdout, P(no purchase) is right in {_pairs(model)}; "
            f"{_rule(best)} alone in {_pairs(rows.loc[best])}. The model is {verdict} "
            f"(difference {decimal(100 * gain, digits=1)} points, {between(100 * low, 100 * high, digits=1)})."
        ]
        alive = rows.loc[_ALIVE]
        if alive["auc_high"] < 0.5:
            said.append(
                f"P(alive) of {self.model} is worse than chance, right in {_pairs(alive)}: it is no score of churn. "
                "Use P(no purchase)."
            )
        elif alive["auc"] < model["auc"]:
            said.append(f"P(alive) tells less than P(no purchase): it is right in {_pairs(alive)}.")
        return said

    def metrics(self) -> dict[str, float]:
        if self.absent:
            return {}
        found = {"actual_total": float(self.actual_total), "customers": float(self.customers)}
        for row in self.methods.to_dict("records"):
            name = "alive" if row["method"] == _ALIVE else metric_key(row["method"])
            wanted = ("auc",) if name == "alive" else ("predicted_total", "mae", "rmse", "auc")
            found |= {f"{name}_{one}": float(row[one]) for one in wanted}
        return found

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw mean purchases in the holdout by repeat purchases before: what happened, and what was expected."""
        if self.absent:
            return style.nothing(ax, title="Forecast and what happened", why=self.absent)
        rows = self.by_frequency
        ax = style.axes(ax)
        places = np.arange(len(rows))
        reach = np.vstack([rows["actual"] - rows["actual_low"], rows["actual_high"] - rows["actual"]])
        ax.errorbar(
            places, rows["actual"], yerr=np.nan_to_num(reach), fmt="o", color=style.INK, capsize=3, label="happened"
        )
        ax.plot(places, rows["expected"], "-s", color=style.PALETTE[0], ms=5, label=self.model)
        ax.plot(places, rows["constant_rate"], "--", color=style.PALETTE[1], label="constant rate")
        ax.set_xticks(places, rows["repeat_purchases"].astype(str))
        ax.set(xlabel="repeat purchases before", ylabel=f"purchases in {self._span}, mean", ylim=(0, None))
        ax.set_title("Forecast and what happened, by purchases so far")
        ax.legend(loc="upper left")
        return style.describe(ax, f"Mean purchases in the holdout by repeat purchases before. {self.findings()[0]}")

    def plot_scores(self, ax: Axes | None = None) -> Axes:
        """Draw how well each score tells who buys in the holdout (AUC), with intervals."""
        rows = self.methods.dropna(subset=["auc"])
        if rows.empty:
            why = self.absent or self._scores(self.methods.set_index("method"))[0]
            return style.nothing(ax, title="Who buys again", why=why)
        ax = style.axes(ax, height=1.7 + 0.42 * len(rows))
        rows = rows.iloc[::-1]
        reach = np.vstack([rows["auc"] - rows["auc_low"], rows["auc_high"] - rows["auc"]])
        colors = [
            style.ACCENT if method == _ALIVE else style.PALETTE[0] if method == self.model else style.MUTED
            for method in rows["method"]
        ]
        for place, (value, color) in enumerate(zip(rows["auc"], colors, strict=True)):
            ax.errorbar(value, place, xerr=np.nan_to_num(reach[:, [place]]), fmt="o", color=color, capsize=3)
        labels = [f"{self.model}: P(no purchase)" if one == self.model else one for one in rows["method"]]
        ax.set_yticks(range(len(rows)), labels)
        ax.axvline(0.5, color=style.MUTED, lw=1, ls=":")
        ax.set(xlabel="AUC of buying at all (0.5: chance), with 95 % interval", ylim=(-0.6, len(rows) - 0.4))
        ax.set_title("Which score tells who buys again")
        told = "; ".join(f"{label} {value:.2f}" for label, value in zip(labels, rows["auc"], strict=True))
        return style.describe(ax, f"AUC of each score of buying in the holdout: {told}.")


def evaluate(
    fitted: PurchaseModel | NotLearned,
    summary: pd.DataFrame,
    holdout: pd.DataFrame,
    *,
    periods: float | None = None,
    hiatus: float | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> EvaluationResult:
    """Compare a model's forecast, and simple rules, with what customers did afterwards.

    Parameters
    ----------
    fitted : PurchaseModel or NotLearned
        `BetaGeometric`, `ModifiedBetaGeometric` or `ParetoNBD`, fitted to `summary` or to other customers.
    summary : DataFrame
        One row per customer with customer_id, as `summarise` gives it.
    holdout : DataFrame
        What `clv.holdout` gives: customer_id and ``purchases``, customers without a row bought nothing. Or transactions
        (customer_id, time, amount): those after the summary's day count, through the day of the last of them.
    periods : float, optional
        Length of the holdout in the summary's unit; by default as the holdout says.
    hiatus : float, optional
        Silence after which the rule of the hiatus takes a customer for gone; by default half a year (Wuebben and von
        Wangenheim took six to nine months), or the length of the holdout where the summary does not say its unit.
    draws, seed : int
        Futures drawn for the interval of the model's total.

    Returns
    -------
    EvaluationResult

    Raises
    ------
    UsageError
        If the holdout's form is not understood or its length not known.
    DataError
        If no customer of the holdout is in the summary, though there are some, or its purchases are no numbers.

    References
    ----------
    Wuebben, M. and von Wangenheim, F. (2008). Instant customer base analysis: managerial heuristics often "get it
    right". Journal of Marketing 72(3), 82-93.
    """
    if isinstance(fitted, NotLearned):
        return _nothing(why_not(fitted))
    bought = _bought(summary, holdout)
    length = float(bought.attrs.get("periods", math.nan)) if periods is None else float(periods)
    if not length > 0:
        raise UsageError("evaluate: the length of the holdout is not known; give periods, in the summary's unit.")
    ids = summary["customer_id"]
    actual = ids.map(bought.groupby("customer_id")["purchases"].sum()).fillna(0).to_numpy("float64")
    if len(bought) and not bought["customer_id"].isin(ids).any():
        first = bought["customer_id"].iloc[0]
        raise DataError(
            f"evaluate: no customer of the holdout is in the summary, the first is {first!r}; check the ids."
        )
    unit = str(summary.attrs.get("unit", ""))
    if hiatus is None:
        hiatus = 182.625 / repeats.UNIT_DAYS[unit] if unit else length
    _, low, high = fitted.total(summary, periods=length, draws=draws, seed=seed)
    expected = fitted.expected_purchases(summary, periods=length).to_numpy()
    buying = 1 - fitted.no_purchase_probability(summary, periods=length).to_numpy()
    simple = guesses(summary, periods=length, hiatus=hiatus)
    alive = Guess(_ALIVE, None, fitted.alive_probability(summary).to_numpy())
    all_guesses = [Guess(fitted.label, expected, buying), *simple, alive]
    methods = pd.DataFrame([judge(guess, actual) for guess in all_guesses])
    methods.insert(2, "predicted_total_low", np.where(methods["method"] == fitted.label, low, np.nan))
    methods.insert(3, "predicted_total_high", np.where(methods["method"] == fitted.label, high, np.nan))
    scored = [guess for guess in simple if guess.score is not None]
    best = max(scored, key=lambda guess: methods.set_index("method").loc[guess.method, "auc"])
    return EvaluationResult(
        methods=methods,
        by_frequency=_by_frequency(summary["frequency"].to_numpy(), actual, expected, simple[0].counts),
        model=fitted.label,
        periods=length,
        unit=unit,
        actual_total=float(actual.sum()),
        customers=len(summary),
        better=auc_difference(buying, best.score, actual > 0),  # type: ignore[arg-type]
        cautions=fitted.cautions_,
    )


def _nothing(why: str) -> EvaluationResult:
    methods, by = pd.DataFrame(columns=["method", "auc"]), pd.DataFrame(columns=["repeat_purchases"])
    return EvaluationResult(methods, by, "", 0.0, "", 0.0, 0, (math.nan,) * 3, (), absent=why)


def _bought(summary: pd.DataFrame, holdout: pd.DataFrame) -> pd.DataFrame:
    """The holdout's purchases by customer, counted if they are transactions."""
    if "customer_id" not in summary.columns:
        raise UsageError("evaluate: the summary has no column 'customer_id' to find its customers in the holdout by.")
    if {"customer_id", "purchases"} <= set(holdout.columns):
        counts = pd.to_numeric(holdout["purchases"], errors="coerce")
        wrong = ~(np.isfinite(counts) & (counts >= 0))
        if wrong.any():
            first = int(wrong.to_numpy().argmax())
            raise DataError(
                "evaluate: purchases of the holdout must be numbers of zero or more; the first that is not is row "
                f"{first} ({holdout['purchases'].iloc[first]}); make the holdout with clv.holdout."
            )
        return holdout.assign(purchases=counts)
    if {"customer_id", "time", "amount"} <= set(holdout.columns):
        if not {"as_of", "unit"} <= set(summary.attrs):
            raise UsageError("evaluate: the summary does not say its day and unit; make the holdout with clv.holdout.")
        return count_holdout(holdout, after=summary.attrs["as_of"], unit=summary.attrs["unit"])
    raise UsageError(
        "evaluate: the holdout needs customer_id and purchases, or transactions with customer_id, time and amount; "
        f"it has {', '.join(map(str, holdout.columns)) or 'no columns'}."
    )


def _by_frequency(
    frequency: np.ndarray, actual: np.ndarray, expected: np.ndarray, rate: np.ndarray | None
) -> pd.DataFrame:
    values = pd.DataFrame({"group": np.minimum(frequency, _MOST), "actual": actual, "expected": expected})
    values["constant_rate"] = rate
    found = values.groupby("group").agg(
        customers=("actual", "size"),
        actual=("actual", "mean"),
        spread=("actual", "std"),
        expected=("expected", "mean"),
        constant_rate=("constant_rate", "mean"),
    )
    half = 1.96 * found["spread"] / np.sqrt(found["customers"])
    names = [f"{int(group)}{'+' if group == _MOST else ''}" for group in found.index]
    table = found.drop(columns="spread").reset_index(drop=True)
    table.insert(0, "repeat_purchases", names)
    table.insert(3, "actual_low", (found["actual"] - half).clip(lower=0).to_numpy())
    table.insert(4, "actual_high", (found["actual"] + half).to_numpy())
    return table


def _with_ends(row: pd.Series, name: str) -> str:
    return f"{row[name]:.2f} (95 % interval {row[f'{name}_low']:.2f}–{row[f'{name}_high']:.2f})"


def _pairs(row: pd.Series) -> str:
    return f"{percent(row['auc'])} of pairs ({interval(row['auc_low'], row['auc_high'])})"


def _rule(method: str) -> str:
    known = {"hiatus": "the time since the last purchase", "frequency": "the number of purchases"}
    return known.get(method, f"the {method}")
