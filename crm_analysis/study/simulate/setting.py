"""The setting of a simulation: its size, its calendar, and one random generator for each part of the story."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from crm_analysis.errors import UsageError

MONTH_DAYS = 365.25 / 12

# The number is the part's address in the seed: never renumber, only append, or every later draw changes.
PARTS = {
    "people": 1,
    "feelings": 2,
    "behaviour": 3,
    "leaving": 4,
    "referrals": 5,
    "complaints": 6,
    "contacts": 7,
    "contracts": 8,
    "campaigns": 9,
    "orders": 10,
    "respondents": 11,
    "answers": 12,
    "kano": 13,
    "dirt": 14,
    "order times": 15,
    "baskets": 16,
    "lottery": 17,
}

_WAVES_BEFORE_END_MONTHS = (19, 7)
_CAMPAIGNS_BEFORE_END_MONTHS = (16, 14, 9, 4)
WAVE_LENGTH_DAYS = 15


@dataclass(frozen=True)
class Setting:
    """Size, seed and calendar of one simulation; days are counted from ``start`` as day 0."""

    customers: int
    seed: int
    start: pd.Timestamp
    years: int

    @classmethod
    def checked(cls, *, customers: int, seed: int, start: Any, years: int) -> Setting:
        """Check the arguments a user gave and turn them into a setting.

        Raises
        ------
        UsageError
            If a number is no whole number or too small, or ``start`` is no date.
        """
        customers = _whole("customers", customers, 50, "fewer give no usable tables")
        seed = _whole("seed", seed, 0, "generators take no negative seed")
        years = _whole("years", years, 2, "two survey waves a year apart need them")
        try:
            first = pd.Timestamp(start)
            # pandas 2 holds no date after 2262, and the last customer may leave a hundred years after the window.
            usable = 1700 <= first.year <= 2150 - years and first.tz is None and first == first.normalize()
        except (TypeError, ValueError):
            usable = False
        if not usable:
            raise UsageError(
                f"The start parameter of company must be a date such as 2023-01-01. Got {start!r} instead."
            )
        return cls(customers=customers, seed=seed, start=first, years=years)

    def generator(self, part: str) -> np.random.Generator:
        """Return the generator of one part: its draws depend on the seed and the part's number alone."""
        return np.random.default_rng(np.random.SeedSequence(entropy=self.seed, spawn_key=(PARTS[part],)))

    @property
    def end(self) -> pd.Timestamp:
        """The first moment after the window."""
        return self.start + pd.DateOffset(years=self.years)

    @property
    def days(self) -> int:
        """Length of the window in days."""
        return int((self.end - self.start).days)

    @property
    def wave_days(self) -> tuple[int, int]:
        """First day of each survey wave: 19 and 7 months before the end."""
        first, second = (self._months_before_end(months) for months in _WAVES_BEFORE_END_MONTHS)
        return first, second

    @property
    def campaign_days(self) -> tuple[int, ...]:
        """Day of each campaign; all come after the first wave, so that who answers it depends on no campaign."""
        return tuple(self._months_before_end(months) + 4 for months in _CAMPAIGNS_BEFORE_END_MONTHS)

    @property
    def month_edges(self) -> np.ndarray:
        """First day of each month of the window, and the day after its end."""
        months = [self.start + pd.DateOffset(months=month) for month in range(12 * self.years + 1)]
        return np.array([(month - self.start).days for month in months], dtype=float)

    def dates(self, days: np.ndarray) -> pd.Series:
        """Dates (without a time of day) of days counted from the start; missing days stay missing."""
        whole = np.floor(np.asarray(days, dtype=float))
        return pd.Series(self.start.normalize() + pd.to_timedelta(whole, unit="D"))

    def date(self, day: float) -> str:
        """One day as YYYY-MM-DD."""
        return str((self.start + pd.Timedelta(days=int(np.floor(day)))).date())

    def months_of_year(self, days: np.ndarray) -> np.ndarray:
        """Month (1-12) of each day."""
        return self.dates(days).dt.month.to_numpy()

    def period(self, days: np.ndarray) -> np.ndarray:
        """Which feelings are in force on a day: 0 before the first wave, 1 between the waves, 2 from the second on."""
        return np.searchsorted(np.array(self.wave_days), np.asarray(days), side="right")

    def _months_before_end(self, months: int) -> int:
        return int((self.end - pd.DateOffset(months=months) - self.start).days)


def text_dates(dates: pd.Series) -> pd.Series:
    """Dates as YYYY-MM-DD text, empty where missing: the form of the raw files."""
    return dates.dt.strftime("%Y-%m-%d").astype(object).where(dates.notna(), None)


def text_times(dates: pd.Series, seconds: np.ndarray) -> pd.Series:
    """Local times as YYYY-MM-DD HH:MM:SS text from dates and seconds after midnight."""
    return (dates + pd.to_timedelta(np.floor(seconds), unit="s")).dt.strftime("%Y-%m-%d %H:%M:%S").astype(object)


def opening_seconds(draws: np.random.Generator, size: int) -> np.ndarray:
    """Seconds after midnight of ``size`` events, between 8:00 and 23:00 with a hump in the evening."""
    return 3600 * (8 + 15 * draws.beta(2.6, 2.0, size=size))


def _whole(name: str, given: Any, least: int, reason: str) -> int:
    whole = isinstance(given, int | np.integer) and not isinstance(given, bool)
    if not whole or given < least:
        raise UsageError(
            f"The {name} parameter of company must be a whole number of at least {least} ({reason}). "
            f"Got {given!r} instead."
        )
    return int(given)
