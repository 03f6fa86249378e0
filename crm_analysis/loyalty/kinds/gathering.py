"""Gathering: the indicators of the kinds of loyalty, their cut-points and how reliably they were measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from crm_analysis import options
from crm_analysis.errors import UsageError
from crm_analysis.loyalty import indicators as measuring

Columns = Mapping[str, str | Sequence[str]]

COLUMNS: dict[str, tuple[str, ...]] = {
    "attitude": ("repurchase_likelihood", "recommendation", "trust_honesty", "trust_promises"),
    "behaviour": ("objective",),
    "alternatives": ("alternatives",),
    "switching_cost": ("switching_cost_effort", "switching_cost_loss", "switching_cost_learning"),
    "membership": ("open_contract",),
    "discount_share": ("discount_share",),
    "habit": ("habit_routine", "habit_without_thinking"),
}
"""Columns of each indicator, averaged. Membership stands for the firm's circle: better than a paid one, which many join
for its price, is a column that marks staff, their families, owners and partners."""

RECORDED = ("behaviour", "membership", "discount_share")
"""Indicators from records, not from answers."""

_THIRD = 100 / 3
# Answers are cut at the thirds of their scale, which mean the same next year.
_STATED = {"attitude": 2 * _THIRD, "alternatives": _THIRD, "switching_cost": 2 * _THIRD, "habit": 2 * _THIRD} | {
    "membership": 50.0
}
_LEARNED = {"behaviour": 0.5, "discount_share": 0.75}
SINGLE_ITEM = 0.7
"""Assumed reliability of a single question (Wanous, Reichers and Hudy 1997 find about that for job satisfaction)."""


@dataclass(frozen=True, eq=False)
class Gathered:
    """Indicators of all customers.

    Attributes
    ----------
    points : DataFrame
        From 0 to 100, by customer_id; the indicators that the study has.
    table : DataFrame
        One row per indicator: ``indicator``, ``columns``, ``scale``, ``customers``, ``mean``, ``cut``, ``cut_from``,
        ``reliability``, ``reliability_from``.
    """

    points: pd.DataFrame
    table: pd.DataFrame

    @property
    def cuts(self) -> dict[str, float]:
        """The cut-point of each indicator that the study has."""
        known = self.table.dropna(subset=["cut"])
        return dict(zip(known["indicator"], known["cut"].astype(float), strict=True))

    @property
    def reliability(self) -> dict[str, float]:
        """The reliability of each indicator that the study has."""
        known = self.table.dropna(subset=["cut"])
        return dict(zip(known["indicator"], known["reliability"].astype(float), strict=True))


def gather(
    customers: pd.DataFrame,
    *,
    columns: Columns,
    ends: measuring.Ends | None,
    cuts: Mapping[str, float] | None,
    reliability: Mapping[str, float] | None,
) -> Gathered:
    """Measure the indicators and settle their cut-points and reliabilities; parameters as in `profile.classify`."""
    given, trusted = (
        dict(options.mapping(named or {}, what, caller="profile", example=f'{{"habit": {value}}}'))
        for named, what, value in ((cuts, "cuts", 50), (reliability, "reliability", 0.8))
    )
    all_columns: dict[str, str | Sequence[str]] = {**COLUMNS, **columns}
    for what, named in (("columns", columns), ("cuts", given), ("reliability", trusted)):
        unknown = [name for name in named if name not in COLUMNS]
        if unknown:
            raise UsageError(
                f"profile: {what} names an indicator {unknown[0]!r} that is not known; known are {', '.join(COLUMNS)}."
            )
    for name, value in trusted.items():
        options.within(value, f"the reliability of {name!r}", caller="profile", high=1)
    for name, value in given.items():
        options.within(value, f"the cut of {name!r}", caller="profile", high=100, above=False)
    frame = measuring.by_customer(customers, caller="profile")
    points, rows = {}, []
    for name, own in all_columns.items():
        found = measuring.measure(frame, [own] if isinstance(own, str) else list(own), ends=ends)
        values = found.points
        known = int(values.notna().sum())
        row = {"indicator": name, "columns": ", ".join(found.columns), "scale": found.scale, "customers": known}
        row |= {"mean": float(values.mean()) if known else np.nan, "cut": np.nan, "cut_from": "", "reliability": np.nan}
        row |= {"reliability_from": ""}
        if known:
            points[name] = values
            row |= _cut(name, values, given) | _trust(name, found, trusted)
        rows.append(row)
    return Gathered(pd.DataFrame(points, index=frame.index), pd.DataFrame(rows))


def _cut(name: str, values: pd.Series, given: Mapping[str, float]) -> dict[str, object]:
    if name in given:
        return {"cut": float(given[name]), "cut_from": "given"}
    if name in _STATED:
        return {"cut": _STATED[name], "cut_from": "scale"}
    text = "median of the customers" if name == "behaviour" else "upper quartile of the customers"
    return {"cut": float(values.quantile(_LEARNED[name])), "cut_from": text}


def _trust(name: str, found: measuring.Measured, given: Mapping[str, float]) -> dict[str, object]:
    if name in given:
        return {"reliability": float(given[name]), "reliability_from": "given"}
    if name in RECORDED:
        return {"reliability": 1.0, "reliability_from": "assumed: recorded, not asked"}
    if np.isfinite(found.reliability):
        # An alpha of nothing would leave nothing but error.
        return {"reliability": max(0.05, found.reliability), "reliability_from": f"alpha of {len(found.columns)} items"}
    return {"reliability": SINGLE_ITEM, "reliability_from": "assumed: a single question"}
