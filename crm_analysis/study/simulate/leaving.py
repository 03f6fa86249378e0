"""When customers leave: a hazard constant within each month of the relation. Nobody sees it; orders just stop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from crm_analysis.study.simulate.people import BEFORE_WINDOW_DAYS
from crm_analysis.study.simulate.setting import MONTH_DAYS, Setting

# hazard per month of a customer with behavioural loyalty 50, from this month of the relation on
HAZARD_FROM_MONTH = {0: 0.09, 3: 0.052, 12: 0.04, 24: 0.034}
LOYALTY_EFFECT = -0.05  # on the log hazard, per point of behavioural loyalty above 50
_UNTOLD_MONTHS = 24  # months after the window that the hazard is followed; afterwards its last value holds
_LONGEST_MONTHS = 1200.0  # nobody stays longer than a hundred years


@dataclass(frozen=True)
class Events:
    """Events that change the hazard: who, on which day, for how many months from the next one on, by which factor."""

    person: np.ndarray
    day: np.ndarray
    months: int
    factor: np.ndarray


def clocks(people: pd.DataFrame, setting: Setting) -> np.ndarray:
    """Draw how much accumulated hazard each person bears before leaving (standard exponential)."""
    return setting.generator("leaving").exponential(size=len(people))


def hazards(joined: np.ndarray, loyalty: np.ndarray, setting: Setting, events: list[Events]) -> np.ndarray:
    """Hazard per month (people x months of the relation); the feelings at a month's beginning count for all of it."""
    months = int(np.ceil((setting.days + BEFORE_WINDOW_DAYS) / MONTH_DAYS)) + _UNTOLD_MONTHS
    age = np.arange(months)
    base = np.array(list(HAZARD_FROM_MONTH.values()))
    by_age = base[np.searchsorted(np.array(list(HAZARD_FROM_MONTH)), age, side="right") - 1]
    period = setting.period(joined[:, None] + age * MONTH_DAYS)
    rates = by_age * np.exp(LOYALTY_EFFECT * (np.take_along_axis(loyalty, period, axis=1) - 50))
    for kind in events:
        first = np.floor((kind.day - joined[kind.person]) / MONTH_DAYS).astype(int) + 1
        cells = np.minimum(first[:, None] + np.arange(kind.months), months - 1)
        np.multiply.at(rates, (kind.person[:, None], cells), kind.factor[:, None])
    return rates


def days(joined: np.ndarray, clock: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """Day on which each person's accumulated hazard reaches their clock; it may lie beyond the window."""
    accumulated = _accumulated(rates)
    cell = (accumulated <= clock[:, None]).sum(axis=1) - 1
    row = np.arange(len(rates))
    months = cell + (clock - accumulated[row, cell]) / rates[row, cell]
    return joined + MONTH_DAYS * np.minimum(months, _LONGEST_MONTHS)


def chance(joined: np.ndarray, rates: np.ndarray, day: float, length: float) -> np.ndarray:
    """Chance of each person who is a customer on a day to leave within ``length`` days after it."""
    accumulated = _accumulated(rates)
    row = np.arange(len(rates))

    def until(moment: float) -> np.ndarray:
        age = np.maximum(moment - joined, 0) / MONTH_DAYS
        cell = np.minimum(age.astype(int), rates.shape[1] - 1)
        return accumulated[row, cell] + (age - cell) * rates[row, cell]

    return 1 - np.exp(until(day) - until(day + length))


def truth(left: np.ndarray, setting: Setting) -> dict[str, Any]:
    """The hazard and how many it took."""
    return {
        "meaning": "hazard per month (30.4375 days) of the relation at behavioural loyalty 50; it is multiplied by "
        "exp(loyalty_effect * (behavioural loyalty - 50)), by campaigns and by how complaints are handled",
        "hazard_per_month_from_month": {str(month): hazard for month, hazard in HAZARD_FROM_MONTH.items()},
        "loyalty_effect_on_log_hazard_per_point": LOYALTY_EFFECT,
        "feelings_of_the_month": "those in force when the month of the relation begins",
        "left_within_window": int((left < setting.days).sum()),
        "still_customers_at_end": int((left >= setting.days).sum()),
    }


def _accumulated(rates: np.ndarray) -> np.ndarray:
    """Hazard accumulated before each month of the relation."""
    return np.concatenate([np.zeros((len(rates), 1)), np.cumsum(rates[:, :-1], axis=1)], axis=1)
