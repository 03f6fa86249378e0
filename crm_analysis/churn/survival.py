"""Survival: how long customers stay, by group, and what shortens it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter
from scipy import stats

from crm_analysis import style
from crm_analysis.churn.ages import read
from crm_analysis.churn.hazards import HazardResult, hazards
from crm_analysis.errors import UsageError
from crm_analysis.result import Result
from crm_analysis.table import count, interval, listed, number, percent, short

__all__ = ["HazardResult", "SurvivalResult", "curves", "hazards"]

ALL = "all"
_DRAWN = 8
_UNKNOWN = (
    "How long customers stay cannot be told: nothing in this study dates their leaving; it takes orders, contracts "
    "with their ends or, where a column says who left, [churn] tenure in study.toml, the column of the time stayed."
)


@dataclass(frozen=True, eq=False, repr=False)
class SurvivalResult(Result):
    """Share of customers still there by age of the relation (Kaplan and Meier 1958).

    Attributes
    ----------
    curves : DataFrame
        One row per group and age at which somebody left: group, time, at_risk, left, staying_share with its interval;
        where the ages at leaving lie between two ends only, the interval holds that too.
    groups : DataFrame
        One row per group: customers, left, the age at which half are gone with its interval (missing: not reached).
    test : dict
        Log-rank test of equal curves: statistic, df, p_value; empty with one group.
    unit : str
        What ages are counted in.
    note : str
        What the ages are worth, for readers; may be empty.
    """

    curves: pd.DataFrame
    groups: pd.DataFrame
    test: dict[str, float]
    unit: str
    note: str
    title = "How long do customers stay?"
    shown: ClassVar[dict[str, str]] = {"groups": "Customers, leavers and the age at which half are gone"}

    def to_frame(self) -> pd.DataFrame:
        return self.curves.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"curves": self.curves.copy(), "groups": self.groups.copy()}

    def metrics(self) -> dict[str, float]:
        if self.groups.empty:
            return {}
        return {"customers": int(self.groups["customers"].iloc[0]), "median_age": float(self.groups["median"].iloc[0])}

    def at(self, age: float, *, group: str = ALL) -> float:
        """Return the share still there at an age."""
        rows = self.curves[(self.curves["group"] == group) & (self.curves["time"] <= age)]
        return float(rows["staying_share"].iloc[-1]) if len(rows) else 1.0

    def findings(self) -> tuple[str, ...]:
        """The most important first: what the curve may be used for, how long customers stay, which groups differ."""
        if self.groups.empty:
            return (_UNKNOWN,)
        whole = self.groups.iloc[0]
        said = [self.note] if self.note else []
        if np.isfinite(whole["median"]):
            upper = "not reached" if np.isnan(whole["median_high"]) else number(whole["median_high"])
            said.append(
                f"Half of the customers are gone after {number(whole['median'])} {self.unit} (95 % interval "
                f"{number(whole['median_low'])} to {upper})."
            )
        else:
            last = self.curves[self.curves["group"] == ALL].iloc[-1]
            ends = interval(last["staying_share_low"], last["staying_share_high"])
            said.append(
                f"Fewer than half are gone within what is seen: {percent(last['staying_share'])} ({ends}) are there "
                f"after {number(last['time'])} {self.unit}."
            )
        if self.test:
            groups = self.groups.iloc[1:]
            p = self.test["p_value"]
            differ = "differ" if p < 0.05 else "are not shown to differ"
            written = "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
            said.append(f"The {len(groups)} groups {differ} in how long they stay (log-rank test, {written}).")
            reached = groups[groups["median"].notna()]
            if p < 0.05 and len(reached):
                worst = reached.loc[reached["median"].idxmin()]
                said.append(f"Of {worst['group']} half are gone soonest, after {number(worst['median'])} {self.unit}.")
        said.append(f"{count(int(whole['customers']), 'customer')} were seen, {int(whole['left']):,} of them to leave.")
        return tuple(said)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the curves with their intervals; with groups, the largest eight."""
        if self.groups.empty:
            return style.nothing(ax, title=self.title, why=_UNKNOWN)
        groups = self.groups.iloc[1:] if len(self.groups) > 1 else self.groups
        drawn = groups.sort_values("customers", ascending=False, kind="stable")["group"].head(_DRAWN)
        ax = style.axes(ax, height=4.4)
        for name, colour in zip(drawn, style.PALETTE, strict=False):
            rows = self.curves[self.curves["group"] == name]
            time = np.concatenate([[0.0], rows["time"]])
            share, low, high = (
                np.concatenate([[1.0], rows[f"staying_share{end}"].to_numpy("float64")])
                for end in ("", "_low", "_high")
            )
            ax.step(time, share, where="post", color=colour, label=short(str(name)))
            ax.fill_between(time, low, high, step="post", color=colour, alpha=0.15)
        ax.set_ylim(0, 1.02)
        ax.set_xlim(left=0)
        ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        ax.set_xlabel(f"age of the relation ({self.unit})")
        ax.set_ylabel("customers still there")
        ax.set_title("How long customers stay")
        if len(self.groups) > 1:
            ax.legend()
        return style.describe(ax, f"Share of customers still there by age. {self.findings()[0]}")


def curves(
    customers: pd.DataFrame,
    *,
    time: str,
    left: str,
    by: str = "",
    entry: str = "",
    within: Sequence[str] = (),
    unit: str = "months",
    note: str = "",
) -> SurvivalResult:
    """Estimate how many customers are still there, by age of the relation.

    Parameters
    ----------
    customers : DataFrame
        One row per customer.
    time : str
        Column with the age of the relation when the customer left or was last seen, above 0 or 0.
    left : str
        Column that is true (1) for who left at that age, false (0) for who was still there.
    by : str, optional
        Column of a group; one of the name "all" is told apart from all customers by the column's name.
    entry : str, optional
        Column with the age at which the customer came under observation (delayed entry), below `time`: somebody who
        was a customer before the records begin could not have been seen to leave earlier.
    within : two str, optional
        Columns with the earliest and the latest age at which the customer may have left (or was last seen), where no
        date says it.
    unit : str
        What ages are counted in.
    note : str
        What the ages are worth, as a sentence that comes first among the findings (see `tenures.gather`).

    Returns
    -------
    SurvivalResult
        Without customers, one whose finding says that the study does not tell how long they stay.

    Raises
    ------
    UsageError
        If a column is not there.
    DataError
        If ages are missing or below 0, or entry is not below time.

    Notes
    -----
    S(t) = product over ages up to t of (1 - left / at risk) (Kaplan and Meier 1958), with Greenwood's variance and an
    interval on the log-minus-log scale. The groups are compared by the log-rank test (Mantel 1966). With `within` the
    interval reaches from the lowest to the highest end of three curves: that of `time`, and those in which everybody
    left as early and as late as possible. These two are the extremes of a common shift; ages that lie early for some
    customers and late for others may give a little more, because those who are lost sight of weigh in too.

    References
    ----------
    Kaplan, E. L. and Meier, P. (1958). Nonparametric estimation from incomplete observations. JASA 53, 457-481.
    Kalbfleisch, J. D. and Prentice, R. L. (2002). The Statistical Analysis of Failure Time Data, 2nd ed. Wiley.
    Mantel, N. (1966). Evaluation of survival data and two new rank order statistics arising in its consideration.
    Cancer Chemotherapy Reports 50, 163-170.
    """
    if customers.empty:
        columns = ["group", "time", "at_risk", "left", "staying_share", "staying_share_low", "staying_share_high"]
        groups = ["group", "customers", "left", "median", "median_low", "median_high"]
        return SurvivalResult(pd.DataFrame(columns=columns), pd.DataFrame(columns=groups), {}, unit, note)
    ages, gone, entered = read(customers, time=time, left=left, entry=entry, where="survival.curves")
    ends = [read(customers, time=name, left=left, entry=entry, where="survival.curves")[0] for name in within]
    parts = {ALL: np.ones(len(ages), dtype=bool)}
    if by:
        if by not in customers.columns:
            raise UsageError(
                f"survival.curves: there is no column {by!r}; there are {listed(list(customers.columns))}."
            )
        names = customers[by].astype("object").where(customers[by].notna(), "unknown").astype(str).to_numpy()
        # A group of that name would stand for all customers.
        names = np.where(names == ALL, f"{by} = {ALL}", names)
        parts |= {name: names == name for name in sorted(set(names))}
    tables, rows = [], []
    for name, part in parts.items():
        three = [_curve(seen[part], gone[part], entered[part], name) for seen in (ages, *ends)]
        lows, highs = ([_first_below(curve, f"staying_share_{end}") for curve in three] for end in ("low", "high"))
        # An end that one of the curves does not reach is the highest, and never the lowest.
        half = [_first_below(three[0], "staying_share"), np.fmin.reduce(lows), np.max(highs)]
        tables.append(_spanned(three))
        rows.append(
            {"group": name, "customers": int(part.sum()), "left": int(gone[part].sum())}
            | dict(zip(("median", "median_low", "median_high"), half, strict=True))
        )
    test = _log_rank(ages, gone, entered, list(parts.values())[1:]) if len(parts) > 2 else {}
    return SurvivalResult(pd.concat(tables, ignore_index=True), pd.DataFrame(rows), test, unit, note)


def _counts(ages: np.ndarray, gone: np.ndarray, entered: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, ...]:
    """At risk and leavers at each time: at risk is who entered before it and has not been lost sight of."""
    ends, starts = np.sort(ages), np.sort(entered)
    at_risk = np.searchsorted(starts, times, side="left") - np.searchsorted(ends, times, side="left")
    leavers = np.sort(ages[gone == 1])
    left = np.searchsorted(leavers, times, side="right") - np.searchsorted(leavers, times, side="left")
    return at_risk.astype("float64"), left.astype("float64")


def _curve(ages: np.ndarray, gone: np.ndarray, entered: np.ndarray, name: str) -> pd.DataFrame:
    times = np.unique(np.append(ages[gone == 1], ages.max()))
    at_risk, left = _counts(ages, gone, entered, times)
    share = np.cumprod(1 - left / at_risk)
    with np.errstate(divide="ignore", invalid="ignore"):
        greenwood = np.cumsum(left / (at_risk * (at_risk - left)))
        half = stats.norm.ppf(0.975) * np.sqrt(greenwood) / np.abs(np.log(share))
        low, high = share ** np.exp(half), share ** np.exp(-half)
    inside = (share > 0) & (share < 1)
    low, high = (np.where(inside, ends, np.where(share >= 1, 1.0, np.nan)) for ends in (low, high))
    return pd.DataFrame(
        {
            "group": name,
            "time": times,
            "at_risk": at_risk.astype("int64"),
            "left": left.astype("int64"),
            "staying_share": share,
            "staying_share_low": low,
            "staying_share_high": high,
        }
    )


def _first_below(curve: pd.DataFrame, column: str) -> float:
    below = curve.loc[curve[column] <= 0.5, "time"]
    return float(below.iloc[0]) if len(below) else np.nan


def _spanned(curves: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The first curve, with intervals from the lowest to the highest end of all at each of its times."""
    found: dict[str, list[np.ndarray]] = {"staying_share_low": [], "staying_share_high": []}
    for curve in curves:
        place = np.searchsorted(curve["time"].to_numpy(), curves[0]["time"].to_numpy(), side="right")
        for name, ends in found.items():
            ends.append(np.concatenate([[1.0], curve[name].to_numpy()])[place])
    low, high = np.min(found["staying_share_low"], axis=0), np.max(found["staying_share_high"], axis=0)
    return curves[0].assign(staying_share_low=low, staying_share_high=high)


def _log_rank(ages: np.ndarray, gone: np.ndarray, entered: np.ndarray, parts: Sequence[np.ndarray]) -> dict[str, float]:
    times = np.unique(ages[gone == 1])
    if not len(times):
        return {}
    at_risk, left = _counts(ages, gone, entered, times)
    each = [_counts(ages[part], gone[part], entered[part], times) for part in parts]
    shares = np.array([risk / at_risk for risk, _ in each])
    observed = np.array([lost.sum() for _, lost in each])
    expected = shares @ left
    spread = left * (at_risk - left) / np.maximum(at_risk - 1, 1)
    variance = np.diag(shares @ spread) - (shares * spread) @ shares.T
    difference = (observed - expected)[:-1]
    statistic = float(difference @ np.linalg.pinv(variance[:-1, :-1], hermitian=True) @ difference)
    df = int(np.linalg.matrix_rank(variance[:-1, :-1], hermitian=True))
    return {"statistic": statistic, "df": df, "p_value": float(stats.chi2.sf(statistic, df)) if df else np.nan}
