"""Concentration: how much of the value few customers hold (Lorenz curve, Gini coefficient)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from crm_analysis import style
from crm_analysis.errors import UsageError
from crm_analysis.proportion import FEWEST
from crm_analysis.result import Result
from crm_analysis.segmentation import measure
from crm_analysis.segmentation.lorenz import Lorenz
from crm_analysis.segmentation.measure import Measure
from crm_analysis.table import amount, count, percent, share_of, with_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_POINTS = 200


@dataclass(frozen=True, eq=False, repr=False)
class ConcentrationResult(Result):
    """How unequally value is spread over the customers.

    Attributes
    ----------
    shares : DataFrame
        One row per top part of the customers: ``top_share`` (of the customers, as asked), customers, ``value_share``
        held by them, with its 95 % interval.
    needed : tuple of float
        Share of the customers that hold the share `hold` of the value, and its 95 % interval.
    gini : tuple of float
        Gini coefficient and its 95 % interval.
    curve : DataFrame
        The Lorenz curve: ``customers_share``, from the smallest, and their ``value_share``.
    ribbon : DataFrame
        The curve's 95 % interval at chosen points.
    measured : Measure
        The values counted, and who is left out.
    hold : float
        The share of the value for `needed`.
    label, currency : str
        What to call these customers; the currency of the amounts.
    """

    shares: pd.DataFrame
    needed: tuple[float, float, float]
    gini: tuple[float, float, float]
    curve: pd.DataFrame
    ribbon: pd.DataFrame
    measured: Measure
    hold: float
    label: str = ""
    currency: str = ""
    shown: ClassVar[dict[str, str]] = {"shares": "What the top customers hold"}

    @property
    def title(self) -> str:  # type: ignore[override]
        return f"Concentration of value, {self.label}" if self.label else "Concentration of value"

    def to_frame(self) -> pd.DataFrame:
        return self.shares.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"shares": self.shares.copy(), "curve": self.curve.copy(), "ribbon": self.ribbon.copy()}

    @property
    def whole(self) -> str:
        """What the shares are shares of."""
        return f"{'positive ' if self.measured.negative else ''}{self.measured.words}"

    def findings(self) -> tuple[str, ...]:
        if self.measured.absent:
            return (self.measured.absent,)
        n = len(self.measured.amounts)
        sentences = []
        if math.isnan(self.gini[0]):
            sentences.append(f"No customer has a positive {self.measured.words}, so there are no shares of it.")
        else:
            # The largest part first, then the smallest that is a customer at least.
            smallest = self.shares[self.shares["customers"] >= 1].iloc[:-1].head(1)
            sentences += [
                f"The top {_part(row['top_share'])} of the customers hold {share_of(row, 'value')} of the {self.whole}."
                for row in pd.concat([self.shares.tail(1), smallest]).to_dict("records")
            ]
            sentences.append(
                f"{_part(self.hold)} of the {self.whole} comes from {with_interval(*self.needed)} of the customers, "
                f"{math.ceil(self.needed[0] * n - 1e-9):,} of {n:,}."
            )
            sentences.append(
                f"The Gini coefficient is {self.gini[0]:.2f}{_plain_interval(*self.gini[1:])}: 0 if all brought the "
                "same, near 1 if one brought everything."
            )
        if self.measured.negative:
            lost = amount(float(self.measured.amounts.clip(max=0).sum()), self.currency)
            losing = count(self.measured.negative, "customer")
            sentences.append(f"Counted as bringing 0: {losing} with a negative {self.measured.words} ({lost} in all).")
        if n < FEWEST:
            sentences.append(f"There are no intervals: they need at least {FEWEST} customers.")
        return (*sentences, self.measured.counted())

    def metrics(self) -> dict[str, float]:
        if self.measured.absent:
            return {}
        found = {"customers": float(len(self.measured.amounts)), "gini": self.gini[0]}
        for row in self.shares.to_dict("records"):
            found[f"top_{100 * row['top_share']:g}_percent_share".replace(".", "_")] = row["value_share"]
        return found | {f"customers_for_{100 * self.hold:g}_percent_share".replace(".", "_"): self.needed[0]}

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the Lorenz curve with its 95 % band, and what the largest top part holds."""
        if self.curve.empty:
            return style.nothing(ax, title="Lorenz curve", why=self.findings()[0])
        ax = style.axes(ax, width=6.4, height=5.2)
        ax.plot([0, 100], [0, 100], color=style.MUTED, linewidth=1, linestyle="--")
        ax.text(34, 38, "all bring the same", color=style.MUTED, rotation=39, rotation_mode="anchor")
        ribbon = 100 * self.ribbon.dropna()
        ax.fill_between(
            ribbon["customers_share"], ribbon["value_share_low"], ribbon["value_share_high"],
            color=style.PALETTE[0], alpha=0.2, linewidth=0,
        )  # fmt: skip
        ax.plot(100 * self.curve["customers_share"], 100 * self.curve["value_share"], color=style.PALETTE[0])
        top = self.shares.iloc[-1]
        x, y = 100 * (1 - top["top_share"]), 100 * (1 - top["value_share"])
        ax.vlines(x, y, 100, color=style.ACCENT, linewidth=1.2)
        ax.plot([x], [y], "o", color=style.ACCENT, markersize=5)
        ax.annotate(
            f"the top {_part(top['top_share'])}\nhold {percent(top['value_share'])} ",
            (x, 97), ha="right", va="top", color=style.ACCENT, xytext=(-5, 0), textcoords="offset points",
        )  # fmt: skip
        ax.set(xlim=(0, 100), ylim=(0, 100))
        ax.set_xlabel("percent of the customers, from those who bring least")
        ax.set_ylabel(f"percent of the {self.whole}")
        ax.set_title("Lorenz curve")
        ax.grid(axis="both")
        return style.describe(ax, f"Lorenz curve of {self.whole} over customers. {self.findings()[0]}")


def concentration(
    customers: pd.DataFrame,
    *,
    by: str = "",
    shares: Sequence[float] = (0.01, 0.05, 0.10, 0.20),
    hold: float = 0.80,
    label: str = "",
    currency: str = "",
) -> ConcentrationResult:
    """Measure how much of the value few customers hold.

    Parameters
    ----------
    customers : DataFrame
        One row per customer, as `Study.customer360` gives them. Customers without a purchase are left out and counted.
    by : str
        The column to measure value by (currency); by default ``margin`` if it is there, else ``monetary`` (revenue),
        else ``monthly_fee``. ``gross_spend`` counts purchases before returns.
    shares : sequence of float
        Top parts of the customers, ascending, each between 0 and 1.
    hold : float
        The share of the value, between 0 and 1, for which the customers needed are counted.
    label, currency : str
        What to call these customers; the currency of the amounts, for labels.

    Returns
    -------
    ConcentrationResult

    Raises
    ------
    UsageError
        If a parameter is not understood.

    Notes
    -----
    The top 20 % of n customers hold the Lorenz curve's complement at 0.8: where 0.2 n is no whole number, the last
    customer counts in proportion. Customers with a negative value (returns or costs above purchases) are counted as
    bringing 0, and a finding says how many they are and how much they lose: shares are then those of the *positive*
    value, between 0 and 1, and the Gini coefficient too. The Gini coefficient is the plain one, without the factor
    n / (n - 1). For intervals see `lorenz`.

    References
    ----------
    Lorenz, M. O. (1905). Methods of measuring the concentration of wealth. Publications of the American Statistical
    Association 9, 209-219.

    Gini, C. (1914). Sulla misura della concentrazione e della variabilità dei caratteri. Atti del Reale Istituto
    Veneto 73, 1203-1248.
    """
    parts = [float(part) for part in shares]
    if not parts or sorted(set(parts)) != parts or not all(0 < part < 1 for part in parts):
        raise UsageError(f"concentration: shares must ascend between 0 and 1, such as (0.01, 0.2), not {shares!r}.")
    if not 0 < hold < 1:
        raise UsageError(f"concentration: hold must lie between 0 and 1, such as 0.8, not {hold!r}.")
    measured = measure.take(customers, by=by, defaults=("margin", "monetary", "monthly_fee"), caller="concentration")
    spread = Lorenz(measured.amounts.clip(min=0))
    rows = [
        {"top_share": part, "customers": part * spread.n, **_triple("value_share", spread.top(part))} for part in parts
    ]
    return ConcentrationResult(
        shares=pd.DataFrame(rows).round({"customers": 1}),
        needed=spread.needed(hold),
        gini=spread.gini(),
        curve=_curve(spread),
        ribbon=_ribbon(spread),
        measured=measured,
        hold=hold,
        label=label,
        currency=currency,
    )


def _curve(spread: Lorenz) -> pd.DataFrame:
    if spread.total <= 0:
        return pd.DataFrame({"customers_share": [], "value_share": []})
    places = np.unique(np.linspace(0, spread.n, min(_POINTS, spread.n) + 1).round().astype(int))
    held = 1 - spread.reached[spread.n - places] / spread.total
    return pd.DataFrame({"customers_share": places / spread.n, "value_share": held})


def _ribbon(spread: Lorenz) -> pd.DataFrame:
    rows = []
    # Closer together at the upper end, where the curve is steep.
    for part in (*np.arange(20) / 20, 0.97, 0.98, 0.99, 0.995):
        share, low, high = spread.top(1 - part)
        rows.append(
            {
                "customers_share": part,
                "value_share": 1 - share,
                "value_share_low": 1 - high,
                "value_share_high": 1 - low,
            }
        )
    return pd.DataFrame(rows)


def _triple(name: str, estimate: tuple[float, float, float]) -> dict[str, float]:
    return {name: estimate[0], f"{name}_low": estimate[1], f"{name}_high": estimate[2]}


def _part(share: float) -> str:
    return f"{100 * share:g} %"


def _plain_interval(low: float, high: float) -> str:
    return "" if math.isnan(low) else f" (95 % interval {low:.2f}–{high:.2f})"
