"""Arrivals: how many new customers will come, by a simple method that won a contest on the past."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd
from scipy.stats import t as student

from crm_analysis import style
from crm_analysis.errors import UsageError
from crm_analysis.proportion import wilson
from crm_analysis.result import Result
from crm_analysis.rhythm import has_ended
from crm_analysis.table import count, in_currency, interval, percent
from crm_analysis.value.orderlog import dates

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PERIODS = {"week": ("W-SUN", 52), "month": ("M", 12), "quarter": ("Q", 4)}
"""Period -> pandas' name and how many make a year."""

METHODS = {
    "last": "the last period again",
    "level": "the mean of the last year",
    "recent": "the mean of the last three periods",
    "season": "the same period of the year before",
    "season and level": "the same period of the year before, times the change of the year's level",
}
"""Ways of forecasting that take part in the contest."""

_FEWEST = 8
_FEWEST_ERRORS = 4


@dataclass(frozen=True, eq=False, repr=False)
class ArrivalsResult(Result):
    """New customers by period, and those to come.

    Attributes
    ----------
    history : DataFrame
        One row per whole period: period (its first day), new_customers.
    forecast : DataFrame
        One row per period to come: period, expected, at_least, at_most (the predictive interval).
    methods : DataFrame
        One row per way of forecasting: method, words, forecasts (made on the past and compared), mean_error_percent
        (mean absolute error by the mean number of new customers), covered_share (of the numbers that came, inside the
        interval made at the time) with its 95 % interval. The first is the one taken.
    period : str
        week, month or quarter.
    level : float
        The chance that an interval aims at.
    cut : bool
        Whether an unfinished last period was left out.
    ended : str
        The last day on which somebody came, where the silence since is too long to be chance; what follows it is left
        out.
    why : str
        Why nothing can be said, if so.
    """

    history: pd.DataFrame
    forecast: pd.DataFrame
    methods: pd.DataFrame
    period: str
    level: float
    cut: bool = False
    ended: str = ""
    why: str = ""
    title = "New customers to come"
    shown: ClassVar[dict[str, str]] = {"forecast": "Forecast", "methods": "Ways of forecasting, tried on the past"}

    def captions(self) -> dict[str, str]:
        return {**self.shown, "forecast": in_currency("Forecast", f"{percent(self.level, digits=0)} intervals")}

    def to_frame(self) -> pd.DataFrame:
        return self.forecast.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"forecast": self.forecast.copy(), "history": self.history.copy(), "methods": self.methods.copy()}

    def findings(self) -> tuple[str, ...]:
        if self.forecast.empty:
            return (self.why,)
        level, first, best = percent(self.level, digits=0), self.forecast.iloc[0], self.methods.iloc[0]
        low, high = f"{first['at_least']:,}", f"{first['at_most']:,}"
        start = pd.Timestamp(first["period"]).date()
        sentences = [
            f"{first['expected']:,.0f} new customers are expected in the {self.period} from {start} ({level} interval "
            f"{low} to {high}); in the mean of the last year there were {self._level():,.0f}.",
            f"The method is the one that erred least on the past: {best['words']} (mean error "
            f"{best['mean_error_percent']:.0f} % over {count(int(best['forecasts']), 'forecast')}).",
        ]
        if pd.notna(best["covered_share"]):
            bounds = interval(best["covered_share_low"], best["covered_share_high"])
            held = f"{percent(best['covered_share'])} ({bounds})"
            sentences.append(f"On the past, {held} of the numbers fell in their {level} intervals.")
        if self.ended:
            left = f"the {self.period} of that day and all after it are" if self.cut else "all after it is"
            sentences.append(
                f"Nobody came new after {self.ended}, which at the rate before cannot be chance: the table seems to "
                f"end there, and {left} left out."
            )
        elif self.cut:
            sentences.append(f"The last {self.period} is not over and is left out.")
        return tuple(sentences)

    def _level(self) -> float:
        return float(self.history["new_customers"].tail(PERIODS[self.period][1]).mean())

    def metrics(self) -> dict[str, float]:
        if self.forecast.empty:
            return {"expected_next": math.nan}
        best = self.methods.iloc[0]
        return {
            "expected_next": float(self.forecast["expected"].iloc[0]),
            "mean_error_percent": float(best["mean_error_percent"]),
            "covered_share": float(best["covered_share"]),
        }

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw new customers by period and the forecast with its interval."""
        title = f"New customers by {self.period}, and those to come"
        if self.forecast.empty:
            return style.nothing(ax, title=title, why=self.why)
        ax = style.axes(ax, height=4.2)
        ahead, past = self.forecast, self.history
        ax.plot(past["period"], past["new_customers"], color=style.PALETTE[0], linewidth=1.6, label="came")
        level = percent(self.level, digits=0)
        ax.fill_between(
            ahead["period"], ahead["at_least"], ahead["at_most"], color=style.PALETTE[1], alpha=0.3, linewidth=0,
            label=f"{level} interval",
        )  # fmt: skip
        ax.plot(ahead["period"], ahead["expected"], color=style.PALETTE[1], marker="o", markersize=4, label="expected")
        ax.set_ylim(bottom=0)
        ax.set_title(title)
        ax.set_ylabel("new customers")
        ax.locator_params(axis="y", integer=True)
        every = pd.DatetimeIndex([*past["period"], *ahead["period"]])
        ticks = every[np.unique(np.linspace(0, len(every) - 1, 5).round().astype(int))]
        ax.set_xticks(ticks, [f"{tick:%Y-%m-%d}" if self.period == "week" else f"{tick:%Y-%m}" for tick in ticks])
        ax.grid(axis="y")
        ax.legend(loc="upper left", bbox_to_anchor=(1, 1), borderaxespad=0)
        return style.describe(ax, f"Line of new customers by {self.period} with a forecast. {self.findings()[0]}")


def forecast(
    joined: pd.Series,
    *,
    period: str = "month",
    ahead: int = 6,
    level: float = 0.8,
    as_of: str | date | None = None,
) -> ArrivalsResult:
    """Forecast how many new customers will come.

    Parameters
    ----------
    joined : Series of dates
        One per customer, such as ``customers["joined"]`` or ``customers["first_purchase"]``.
    period : {"week", "month", "quarter"}
        What is counted.
    ahead : int
        Periods to forecast, 1 or more.
    level : float
        The chance that an interval aims at.
    as_of : str or date, optional
        The last day that is known; by default the last of `joined`. A period that does not end by then is left out, and
        so is what follows a day since when nobody has come for too long to be chance (`rhythm.has_ended`).

    Returns
    -------
    ArrivalsResult
        With fewer than eight whole periods, or none new in the last year, one that says so.

    Raises
    ------
    UsageError
        If a parameter is not understood.

    Notes
    -----
    Each of `METHODS` is tried at every period of the past from which it can look back (those with a season need two
    years), as far ahead as the forecast goes; the one with the smallest mean absolute error over the periods that all
    can forecast is taken. Its intervals come from its own errors on the scale of square roots, on which counts spread
    evenly: root of the forecast -+ t sqrt(mean square error of the same distance ahead), with Student's point for the
    number of errors, squared again. How often such intervals, made from the errors known at the time, held the number
    that came is counted (rolling origin, Tashman 2000).

    References
    ----------
    Tashman, L. J. (2000). Out-of-sample tests of forecasting accuracy: an analysis and review. International Journal of
    Forecasting 16, 437-450.
    """
    if period not in PERIODS:
        raise UsageError(f"prospecting: period must be one of {', '.join(PERIODS)}, not {period!r}.")
    if ahead < 1:
        raise UsageError(f"prospecting: ahead must be 1 or more, not {ahead!r}.")
    if not 0 < level < 1:
        raise UsageError(f"prospecting: level must be between 0 and 1, not {level!r}.")
    name, year = PERIODS[period]
    days = dates(joined.dropna(), "joining days", caller="prospecting")
    last = days.max() if as_of is None or as_of == "" else pd.Timestamp(as_of)
    days = days[days < last.normalize() + pd.Timedelta(days=1)] if len(days) else days
    counts, starts, cut = _counted(days, last, name)
    ended = ""
    if counts[-year:].any() and (final := days.max()) < last and _ended(days, last):
        ended = str(final.date())
        counts, starts, cut = _counted(days, final, name)
    history = pd.DataFrame({"period": starts, "new_customers": counts.astype("int64")})
    why = ""
    if len(counts) < _FEWEST:
        why = f"New customers are known for {count(len(counts), 'whole ' + period)}; a forecast takes {_FEWEST}."
    elif not counts[-year:].any():
        why = (
            f"Nobody came new in the last {count(len(counts[-year:]), period)}, so there is no stream of new customers "
            "to forecast, as in a log that follows one group of customers or a table that was not kept since."
        )
    if why:
        return ArrivalsResult(history, _none_ahead(), pd.DataFrame({"method": []}), period, level, cut, ended, why)
    tried = {method: _tried(counts, method, year, ahead) for method in METHODS}
    judged = {method: errors for method, errors in tried.items() if np.isfinite(errors[:, 0]).sum() >= _FEWEST_ERRORS}
    shared = np.logical_and.reduce([np.isfinite(errors[:, 0]) for errors in judged.values()])
    actual = _actual(counts, ahead)
    rows = []
    for method in judged:
        forecasts = _forecasts(counts, method, year, ahead)
        off = np.abs(forecasts - actual)[shared]
        inside, made = _covered(forecasts, actual, level)
        ends = (inside / made, *wilson(inside, made)) if made else (math.nan,) * 3
        rows.append(
            {
                "method": method,
                "words": METHODS[method],
                "forecasts": int(np.isfinite(off).sum()),
                "mean_error_percent": 100 * float(np.nanmean(off)) / max(float(counts.mean()), 1e-9),
                **dict(zip(("covered_share", "covered_share_low", "covered_share_high"), ends, strict=True)),
            }
        )
    methods = pd.DataFrame(rows).sort_values("mean_error_percent", kind="stable", ignore_index=True)
    best = str(methods["method"].iloc[0])
    expected = _ahead(counts, best, year, ahead)
    errors = tried[best]
    low, high = zip(*(_interval(mean, errors[:, step], level) for step, mean in enumerate(expected)), strict=True)
    following = pd.period_range(pd.Period(starts[-1], name) + 1, periods=ahead, freq=name).start_time
    frame = pd.DataFrame({"period": following, "expected": expected, "at_least": low, "at_most": high})
    return ArrivalsResult(history, frame, methods, period, level, cut, ended)


def _ended(days: pd.Series, last: pd.Timestamp) -> bool:
    """Whether nobody has come for longer than the rate of the year before and the longest pause ever allow."""
    came = days[days > days.max() - pd.Timedelta(days=365)].dt.normalize()
    silence = (last.normalize() - came.max()).days
    pause = days.dt.normalize().drop_duplicates().sort_values().diff().max() / pd.Timedelta(days=1)
    return has_ended(events=len(came), days=365, silence_days=silence, longest_pause_days=pause)


def _none_ahead() -> pd.DataFrame:
    return pd.DataFrame({"period": [], "expected": [], "at_least": [], "at_most": []})


def _counted(days: pd.Series, last: pd.Timestamp, name: str) -> tuple[np.ndarray, pd.DatetimeIndex, bool]:
    """Counts of the whole periods; whether one that is not over was left out."""
    if days.empty:
        return np.zeros(0), pd.DatetimeIndex([]), False
    first, final = pd.Period(days.min(), name), pd.Period(last, name)
    unfinished = last.normalize() < final.end_time.normalize()
    periods = pd.period_range(first, final - 1 if unfinished else final, freq=name)
    counts = days.dt.to_period(name).value_counts().reindex(periods, fill_value=0)
    return counts.to_numpy("float64"), pd.DatetimeIndex(periods.start_time), bool(unfinished)


def _ahead(known: np.ndarray, method: str, year: int, ahead: int) -> np.ndarray:
    """Forecast from what is known at one time; missing where the method cannot look back far enough."""
    if method == "last":
        return np.full(ahead, known[-1])
    if method in ("level", "recent"):
        back = year if method == "level" else 3
        return np.full(ahead, known[-back:].mean()) if len(known) >= min(back, _FEWEST) else np.full(ahead, np.nan)
    if len(known) < (year if method == "season" else 2 * year):
        return np.full(ahead, np.nan)
    season = np.resize(known[-year:], ahead)
    if method == "season":
        return season
    before = known[-2 * year : -year].sum()
    return season * (known[-year:].sum() / before if before else 1.0)


def _forecasts(counts: np.ndarray, method: str, year: int, ahead: int) -> np.ndarray:
    """Forecasts made at each period, shape (origins, ahead)."""
    return np.array([_ahead(counts[:origin], method, year, ahead) for origin in range(1, len(counts))])


def _actual(counts: np.ndarray, ahead: int) -> np.ndarray:
    padded = np.r_[counts, np.full(ahead, np.nan)]
    return np.array([padded[origin : origin + ahead] for origin in range(1, len(counts))])


def _tried(counts: np.ndarray, method: str, year: int, ahead: int) -> np.ndarray:
    """Errors on the scale of square roots, shape (origins, ahead)."""
    return np.sqrt(_actual(counts, ahead)) - np.sqrt(_forecasts(counts, method, year, ahead))


def _interval(mean: float, errors: np.ndarray, level: float) -> tuple[int, int]:
    known = errors[np.isfinite(errors)]
    # A count has a spread of its own, 1/2 on this scale, of which a few errors may show less.
    square = max(float((known**2).mean()) if len(known) else 0.25, 0.25)
    half = float(student.ppf((1 + level) / 2, max(len(known), 1))) * math.sqrt(square)
    root = math.sqrt(max(mean, 0.0))
    low, high = max(0.0, root - half) ** 2, (root + half) ** 2
    return math.ceil(low - 0.5), math.floor(high + 0.5)


def _covered(forecasts: np.ndarray, actual: np.ndarray, level: float) -> tuple[int, int]:
    """How many numbers, one period ahead, were inside the interval made from the errors known at the time."""
    errors = (np.sqrt(actual) - np.sqrt(forecasts))[:, 0]
    inside = made = 0
    for origin in range(len(errors)):
        known = errors[:origin]
        if np.isfinite(known).sum() < _FEWEST_ERRORS or not np.isfinite(errors[origin]):
            continue
        low, high = _interval(forecasts[origin, 0], known, level)
        inside += bool(low <= actual[origin, 0] <= high)
        made += 1
    return inside, made
