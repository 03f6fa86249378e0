"""Orders: when customers buy, from individual rates, as long as they have not left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from crm_analysis.study.simulate.setting import Setting

ORDERS_PER_YEAR = 4.1  # mean rate of a customer with behavioural loyalty 50
RATE_SHAPE = 1.1  # of the gamma distribution of individual rates
LOYALTY_EFFECT = 0.012  # on the log rate, per point of behavioural loyalty above 50
SEASON = {1: 0.95, 2: 0.75, 3: 1.0, 4: 1.05, 5: 0.95, 6: 1.05, 7: 0.85, 8: 1.1, 9: 1.3, 10: 0.9, 11: 1.5, 12: 1.1}
_FIRST_AT_ONCE = 0.85
_FIRST_WITHIN_DAYS = 14.0
_WEEKEND_PULL = 0.3


@dataclass(frozen=True)
class Orders:
    """All orders of the window, in order of time: who and when (days since start, whole days)."""

    person: np.ndarray
    day: np.ndarray


def rates(people: pd.DataFrame, setting: Setting) -> np.ndarray:
    """Draw each person's own rate (orders a year)."""
    shape = RATE_SHAPE
    return setting.generator("orders").gamma(shape, ORDERS_PER_YEAR / shape, size=len(people)) + 0.05


def calendar(setting: Setting, *, extra: list[float]) -> np.ndarray:
    """Edges of the calendar's cells: within a cell every customer's order rate is constant."""
    edges = np.concatenate([setting.month_edges, setting.wave_days, extra])
    return np.unique(edges[(edges >= 0) & (edges <= setting.days)])


def intensities(rate: np.ndarray, loyalty: np.ndarray, edges: np.ndarray, setting: Setting) -> np.ndarray:
    """Orders a year (people x cells) without campaigns."""
    season = np.array(list(SEASON.values()))
    season = season / season.mean()
    by_loyalty = np.exp(LOYALTY_EFFECT * (loyalty[:, setting.period(edges[:-1])] - 50))
    return rate[:, None] * season[setting.months_of_year(edges[:-1]) - 1] * by_loyalty


def draw(people: pd.DataFrame, left: np.ndarray, intensity: np.ndarray, edges: np.ndarray, setting: Setting) -> Orders:
    """Draw orders: the first at or soon after joining, the others by a Poisson process until the customer leaves."""
    draws = setting.generator("order times")
    joined = people["joined_day"].to_numpy()
    wait = np.where(draws.random(len(people)) < _FIRST_AT_ONCE, 0.0, _FIRST_WITHIN_DAYS * draws.random(len(people)))
    first = np.minimum(joined + wait, (joined + left) / 2)
    newcomers = np.flatnonzero((joined >= 0) & (first < setting.days))
    begins = np.maximum(np.where(joined >= 0, first, 0.0)[:, None], edges[:-1])
    length = np.maximum(np.minimum(left[:, None], edges[1:]) - begins, 0)
    count = draws.poisson(intensity * length / 365.25)
    person, cell = (np.repeat(axis, count.ravel()) for axis in np.divmod(np.arange(count.size), count.shape[1]))
    day, other = begins[person, cell] + length[person, cell] * draws.random((2, len(person)))
    # A second lot within the same cell, taken when it falls on a weekend, leaves the cell's number of orders alone.
    pulled = _weekend(other, setting) & ~_weekend(day, setting) & (draws.random(len(person)) < _WEEKEND_PULL)
    day = np.where(pulled, other, day)
    person, day = np.concatenate([newcomers, person]), np.floor(np.concatenate([first[newcomers], day]))
    order = np.lexsort((person, day))
    return Orders(person=person[order], day=day[order])


def truth(people: pd.DataFrame, orders: Orders) -> dict[str, Any]:
    """The process and what came of it."""
    per_person = np.bincount(orders.person, minlength=len(people))
    return {
        "meaning": "orders a year at behavioural loyalty 50: gamma over customers; multiplied by "
        "exp(loyalty_effect * (behavioural loyalty - 50)), season and campaigns; a Poisson process until leaving",
        "orders_per_year_mean": ORDERS_PER_YEAR,
        "gamma_shape": RATE_SHAPE,
        "loyalty_effect_on_log_rate_per_point": LOYALTY_EFFECT,
        "season_by_month": {str(month): factor for month, factor in SEASON.items()},
        "orders": len(orders.person),
        "customers_without_order": int((per_person == 0).sum()),
        "customers_with_one_order": int((per_person == 1).sum()),
    }


def _weekend(day: np.ndarray, setting: Setting) -> np.ndarray:
    return (np.floor(day).astype(int) + setting.start.weekday()) % 7 >= 5
