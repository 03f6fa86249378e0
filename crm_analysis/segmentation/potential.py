"""Potential: how much more a customer could bring, as headroom against comparable customers, the wallet, the range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from crm_analysis import style
from crm_analysis.errors import UsageError
from crm_analysis.proportion import wilson
from crm_analysis.result import Result
from crm_analysis.segmentation import measure, peers, wallet
from crm_analysis.segmentation.measure import Measure
from crm_analysis.table import amount, count, in_currency, percent, with_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BASES = ("peers", "wallet", "cross_selling")
_NONE = pd.DataFrame({"potential": [], "potential_low": [], "potential_high": []})
_SHOWN = 12


@dataclass(frozen=True, eq=False, repr=False)
class PotentialResult(Result):
    """Growth potential of every customer: headroom above the current value, never below 0.

    Attributes
    ----------
    groups : DataFrame
        One row per group of comparable customers (for ``wallet`` one row), most headroom first: customers, their
        current value and potential in all, with the potential's ends, median current value, the benchmark with its
        interval, and how many peers it comes from.
    headroom : DataFrame
        One row per customer: customer_id, current, potential, ``potential_low``, ``potential_high``, peers.
    measured : Measure
        The current values, and who is left out.
    basis : str
        ``peers``, ``wallet`` or ``cross_selling``.
    quantile : float
        The quantile of the peers that is the benchmark.
    compared : tuple of str
        What makes customers comparable, in words.
    pooled : int
        Customers compared with a wider group, as their own was too small.
    unanswered : int
        Customers whose share of wallet or number of categories is not known, who have no potential here.
    label, currency : str
        What to call these customers; the currency of the amounts.
    """

    groups: pd.DataFrame
    headroom: pd.DataFrame
    measured: Measure
    basis: str
    quantile: float
    compared: tuple[str, ...] = ()
    pooled: int = 0
    unanswered: int = 0
    absent: str = ""
    label: str = ""
    currency: str = ""
    shown: ClassVar[dict[str, str]] = {"largest": "Current value and headroom of comparable customers"}

    @property
    def title(self) -> str:  # type: ignore[override]
        return f"Growth potential, {self.label}" if self.label else "Growth potential"

    def captions(self) -> dict[str, str]:
        few = "" if len(self.groups) <= _SHOWN else f", the {_SHOWN} groups with most headroom"
        return {"largest": in_currency(self.shown["largest"] + few, self.currency)}

    def to_frame(self) -> pd.DataFrame:
        return self.groups.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        largest = self.groups.head(_SHOWN).reset_index(drop=True)
        return {"groups": self.groups.copy(), "largest": largest, "headroom": self.headroom.copy()}

    @property
    def against(self) -> str:
        """What the headroom is measured against, in words."""
        if self.basis == "wallet":
            return "what they buy elsewhere (share of wallet)"
        what = self.measured.words if self.basis == "peers" else "number of categories"
        return f"the {100 * self.quantile:g} % quantile of {what} among comparable customers"

    @property
    def ends(self) -> str:
        """What the lower and the upper end of a potential stand for, in words."""
        if self.basis == "wallet":
            return "all answers half a step of the scale too low or too high"
        return "every benchmark at the lower or every one at the upper end of its 95 % interval"

    def findings(self) -> tuple[str, ...]:
        if self.absent:
            return (self.absent,)
        sums = self.headroom[["current", "potential", "potential_low", "potential_high"]].sum()
        total, low, high = (amount(sums[name], self.currency) for name in list(sums.index)[1:])
        n, some = len(self.headroom), int((self.headroom["potential"] > 0).sum())
        found = f"The headroom against {self.against} is {total}"
        if sums["current"] > 0:
            found += f", {percent(sums['potential'] / sums['current'])} of what these customers bring now"
        idle = self.headroom.loc[self.headroom["current"] <= 0, "potential"].sum()
        if idle > 0:
            lapsed = f"{percent(idle / sums['potential'])} of it is with customers who bring nothing now"
            found += f", and {lapsed}, to be won back and not grown"
        has = f"{with_interval(some / n, *wilson(some, n))} of the customers have headroom"
        sentences = [
            f"{found}; with {self.ends} it would be {low} or {high}.",
            f"{has}; the others bring as much as that or more.",
        ]
        if self.basis != "wallet":
            like = (
                f"others alike in {', '.join(self.compared)}"
                if self.compared
                else "all others: nothing tells them apart"
            )
            sentences.append(f"Each customer is compared with {like}.")
            if self.pooled:
                small = "as too few are alike in all of that"
                sentences.append(f"Compared with a wider group, {small}: {count(self.pooled, 'customer')}.")
            fewest = int(self.groups["peers_customers"].min())
            if fewest < peers.FEWEST:
                sentences.append(f"A benchmark comes from only {count(fewest, 'customer')}: it is a guess.")
        what = "share of wallet" if self.basis == "wallet" else "number of categories"
        return (*sentences, self.measured.counted(further=self.unanswered, why=f"whose {what} is not known"))

    def metrics(self) -> dict[str, float]:
        if self.absent:
            return {}
        sums = self.headroom[["current", "potential"]].sum()
        found = {name: float(value) for name, value in sums.items()}
        return found | {"with_headroom_share": float((self.headroom["potential"] > 0).mean())}

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw current value and headroom of the groups with most headroom, with the ends of the headroom."""
        if self.absent:
            return style.nothing(ax, title="Growth potential", why=self.absent)
        shown = self.groups.head(_SHOWN).iloc[::-1]
        ax = style.axes(ax, width=8.0, height=0.36 * len(shown) + 2.0)
        places = np.arange(len(shown))
        current = shown["current"].to_numpy("float64").clip(min=0)
        potential = shown["potential"].to_numpy("float64")
        ax.barh(places, current, color=style.PALETTE[0], label="current value")
        ax.barh(places, potential, left=current, color=style.PALETTE[1], label="headroom")
        ends = np.vstack([potential - shown["potential_low"], shown["potential_high"] - potential]).clip(min=0)
        ax.errorbar(current + potential, places, xerr=ends, fmt="none", ecolor=style.INK, elinewidth=1, capsize=2)
        ax.set_yticks(places, [_short(name) for name in shown["peers"]])
        ax.tick_params(axis="y", length=0)
        ax.xaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
        ax.locator_params(axis="x", nbins=5)
        ax.set_xlabel(in_currency("all customers of the group together", self.currency))
        few = "" if len(shown) == len(self.groups) else f", the {len(shown)} largest"
        ax.set_title(f"Headroom by group{few}")
        ax.grid(axis="x")
        # A row of its own for the legend, which would lie upon the bars.
        ax.set_ylim(-1.6, len(shown) - 0.4)
        ax.legend(loc="lower right", ncols=2)
        return style.describe(ax, f"Bars of current value and headroom by group. {self.findings()[0]}")


def potential(
    customers: pd.DataFrame,
    *,
    basis: str = "peers",
    by: str = "",
    quantile: float = 0.9,
    bands: Sequence[float] = (90, 365, 730, 1095),
    least: int = peers.FEWEST,
    label: str = "",
    currency: str = "",
) -> PotentialResult:
    """Estimate each customer's growth potential as headroom above the current value.

    Parameters
    ----------
    customers : DataFrame
        One row per customer, as `Study.customer360` gives them. Customers without a purchase are left out and counted.
    basis : {"peers", "wallet", "cross_selling"}
        - ``peers``: what comparable customers bring, less what this one brings.
        - ``wallet``: current value x (100 / ``share_of_wallet`` - 1), for those who told which percentage of their
          spending they do here.
        - ``cross_selling``: current value x (categories of comparable customers / own ``categories`` - 1), as if each
          further category brought as much as those bought already.
    by : str
        The column of the current value (currency); by default ``spend_last_year`` if it is there, else ``monetary``,
        else ``monthly_fee``. ``margin`` counts the whole relation, so it is not taken unasked.
    quantile : float
        Which quantile of the comparable customers is the benchmark, between 0 and 1. The mean of skewed spend lies far
        up among the customers; a benchmark that is not above it leaves those who spend more than the mean without any
        headroom.
    bands : sequence of float
        Where the bands of the age of the relation (``tenure_days``) end, in days, ascending.
    least : int
        The fewest peers for a benchmark. A smaller group is widened: first over the size of the first order, then over
        the channel, then over the age.
    label, currency : str
        What to call these customers; the currency of the amounts, for labels.

    Returns
    -------
    PotentialResult

    Raises
    ------
    UsageError
        If a parameter is not understood.
    DataError
        If a share of wallet is not a percentage.

    Notes
    -----
    Comparable are customers of the same age of the relation and the same entry: acquisition ``channel`` and third of
    ``first_day_spend``, where these columns are there. Headroom = max(0, benchmark - current value).

    Potential is not *forecast less current value*. Next year's spend lies on average nearer the mean than this year's
    (regression to the mean), so that difference is negative for the best customers even where nothing changes at all,
    and calls the best relations those without a future. Headroom compares a customer with others at the same time.
    What it does not know is whether this customer wants more: it is what there is to win, not what will be won.

    Uncertainty: the benchmark's interval (95 %) runs between two order statistics of the peers, chosen by the binomial
    distribution; it assumes nothing about the shape of the values (where the upper one would lie beyond the largest
    value, the largest is taken). For the wallet the ends are the answers rounded up and down by half a step of the
    scale.

    References
    ----------
    David, H. A. and Nagaraja, H. N. (2003). Order Statistics, 3rd ed. Wiley, section 7.1.

    Galton, F. (1886). Regression towards mediocrity in hereditary stature. Journal of the Anthropological Institute
    15, 246-263.
    """
    if basis not in BASES:
        raise UsageError(f"potential: basis must be one of {', '.join(BASES)}, not {basis!r}.")
    peers.check(quantile, bands, least)
    defaults = ("spend_last_year", "monetary", "monthly_fee")
    measured = measure.take(customers, by=by, defaults=defaults, caller="potential")
    if measured.absent:
        return _none(measured, basis, quantile, measured.absent, label, currency)
    current = pd.Series(measured.amounts)
    known, yardstick = np.ones(len(current), dtype=bool), current
    if basis != "peers":
        column = "share_of_wallet" if basis == "wallet" else "categories"
        if column not in measured.rows:
            why = f"The customers have no column {column}, which {basis.replace('_', '-')} headroom needs."
            return _none(measured, basis, quantile, why, label, currency)
        yardstick = measured.rows[column].astype("float64")
        known = (yardstick > 0).to_numpy()
        if not known.any():
            why = f"For no customer is {column.replace('_', ' ')} known, so there is no such headroom."
            return _none(measured, basis, quantile, why, label, currency)
    rows, current, yardstick = (part[known].reset_index(drop=True) for part in (measured.rows, current, yardstick))
    compared: tuple[str, ...] = ()
    pooled = 0
    if basis == "wallet":
        found = wallet.headroom(current, yardstick)
        found = found.assign(peers="customers who told their share of wallet", peers_customers=len(current))
    else:
        groups = peers.group(rows, bands=bands, least=least)
        marks = peers.benchmarks(yardstick, groups, quantile=quantile)
        if basis == "peers":
            room = marks.sub(yardstick, axis=0)
        else:
            room = marks.div(yardstick, axis=0).sub(1).mul(current, axis=0)
        found = room.clip(lower=0).set_axis(["potential", "potential_low", "potential_high"], axis=1)
        found = pd.concat([found, marks], axis=1).assign(peers=groups.names, peers_customers=groups.sizes)
        compared, pooled = groups.compared, int(groups.widened.sum())
    ids = {"customer_id": rows["customer_id"]} if "customer_id" in rows else {}
    headroom = pd.DataFrame({**ids, "current": current}).join(found)
    return PotentialResult(
        groups=_groups(headroom),
        headroom=headroom.drop(columns="peers_customers"),
        measured=measured,
        basis=basis,
        quantile=quantile,
        compared=compared,
        pooled=pooled,
        unanswered=int((~known).sum()),
        label=label,
        currency=currency,
    )


def _groups(headroom: pd.DataFrame) -> pd.DataFrame:
    grouped = headroom.groupby("peers", sort=True)
    sums = ["current", "potential", "potential_low", "potential_high"]
    table = grouped.size().rename("customers").to_frame().join(grouped[sums].sum())
    table["median_current"] = grouped["current"].median()
    firsts = [name for name in ("benchmark", "benchmark_low", "benchmark_high", "peers_customers") if name in headroom]
    table = table.join(grouped[firsts].first()).reset_index()
    return table.sort_values("potential", ascending=False, kind="stable", ignore_index=True)


def _none(measured: Measure, basis: str, quantile: float, why: str, label: str, currency: str) -> PotentialResult:
    empty = pd.DataFrame({"peers": [], "customers": [], "current": []})
    return PotentialResult(empty, _NONE.copy(), measured, basis, quantile, absent=why, label=label, currency=currency)


def _short(name: str) -> str:
    return name if len(name) <= 48 else f"{name[:46]} …"
