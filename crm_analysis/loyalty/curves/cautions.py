"""Cautions: what a reader must know before the numbers; each is a sentence that starts the findings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from crm_analysis.errors import UsageError
from crm_analysis.loyalty.curves.answers import Answers
from crm_analysis.multiplicity import holm
from crm_analysis.table import count, number, percent

_FEW_SATISFIED = 100
_FEW_SHARED = 0.5
_LEAST_TO_COMPARE = 10


def slope(value: float, low: float, high: float) -> list[str]:
    """Warn where behaviour falls with satisfaction, or is not shown to rise; slopes are per ten points."""
    said = f"{_signed(value)} (95 % interval {_signed(low)} to {_signed(high)}) for every 10 points of satisfaction"
    if high < 0:
        return [f"Loyalty falls with satisfaction instead of rising, by {said}: look for the cause before the trap."]
    if low <= 0:
        return [f"Loyalty is not shown to rise with satisfaction, {said}: the rate below is hardly about feelings."]
    return []


def satisfied(number_of: int, total: int, satisfied_from: float) -> list[str]:
    """Warn where few are satisfied."""
    if number_of >= _FEW_SATISFIED or not number_of:
        return []
    return [
        f"Only {count(number_of, 'customer')} of {total:,} reach a satisfaction of {number(satisfied_from)}: what is "
        "said of the satisfied rests on few."
    ]


def shared(answers: Answers) -> list[str]:
    """Warn where only a small part of those who were asked is seen in the behaviour."""
    asked = int(answers.satisfaction.notna().sum())
    both = len(answers.rows)
    if not both or both >= _FEW_SHARED * asked:
        return []
    return [
        f"Only {both:,} of {count(asked, 'customer')} with a satisfaction have a behaviour; check that both are "
        "indexed by the same customer_id."
    ]


def missing(answers: Answers) -> list[str]:
    """Warn where those who did not answer behave differently, or those without behaviour feel differently.

    Welch's t-tests, with Holm's correction over the two.
    """
    felt, done = answers.satisfaction.dropna(), answers.behaviour.dropna()
    both = answers.rows.index
    pairs = [
        (
            done.reindex(both),
            done.drop(both),
            "behaviour",
            "whose satisfaction is not known",
            "did not answer at random",
        ),
        (
            felt.reindex(both),
            felt.drop(both),
            "satisfaction",
            "whose behaviour is not known",
            "are not missing at random",
        ),
    ]
    tested = [(here, away, *words) for here, away, *words in pairs if min(len(here), len(away)) >= _LEAST_TO_COMPARE]
    p_values = holm(np.array([_welch(here, away) for here, away, *_ in tested]))
    return [
        f"The {len(away):,} customers {who} {verdict}: their mean {what} is {number(round(away.mean(), 3))}, against "
        f"{number(round(here.mean(), 3))} of the {len(here):,} of whom both are known; the numbers below hold for the "
        "latter."
        for (here, away, what, who, verdict), p in zip(tested, p_values, strict=True)
        if p <= 0.05
    ]


def order(rows: pd.DataFrame, satisfaction_time: Any, behaviour_from: Any) -> list[str]:
    """Warn where satisfaction was asked after the behaviour that it is said to explain had begun."""
    if satisfaction_time is None or behaviour_from is None:
        return []
    asked, begins = _times(satisfaction_time, rows, "satisfaction_time"), _times(behaviour_from, rows, "behaviour_from")
    known = asked.notna() & begins.notna()
    late = int((begins < asked)[known].sum())
    if not late:
        return []
    return [
        f"Of {percent(late / int(known.sum()))} of the customers the behaviour began before they were asked: "
        "satisfaction cannot have caused it; take behaviour from after the survey."
    ]


def _times(values: Any, rows: pd.DataFrame, name: str) -> pd.Series:
    try:
        given = values if isinstance(values, pd.Series) else pd.Series(pd.Timestamp(values), index=rows.index)
        if pd.api.types.is_numeric_dtype(given.dtype) or isinstance(values, int | float):
            raise TypeError
        # Days are compared; the clock of a time zone does not decide what came first.
        return pd.to_datetime(given).dt.tz_localize(None).reindex(rows.index)
    except (TypeError, ValueError, AttributeError):
        raise UsageError(f"trap: {name} must be a date, or a Series of dates indexed by customer_id.") from None


def _welch(one: pd.Series, two: pd.Series) -> float:
    """P-value of equal means; scipy's own warns where one of the groups has no spread, which is no obstacle."""
    parts = np.array([one.var() / len(one), two.var() / len(two)])
    apart = float(one.mean() - two.mean())
    if parts.sum() < 1e-24:
        return 1.0 if abs(apart) < 1e-12 else 0.0
    freedom = parts.sum() ** 2 / (parts**2 / (np.array([len(one), len(two)]) - 1)).sum()
    return 2 * float(stats.t.sf(abs(apart) / np.sqrt(parts.sum()), freedom))


def _signed(value: float) -> str:
    return f"{10 * value:+.3f}".replace("-", "−")
