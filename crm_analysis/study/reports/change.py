"""Change: totals of this year's customers against last year's, with the customer as the sampling unit.

What the reports of this room share: which days of the log can be compared, sums by customer that the engine computes
exactly, and the interval of a ratio of two totals from these sums alone, so that no customer's row leaves the engine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Any

import ibis
import numpy as np
import pandas as pd

from crm_analysis.errors import DataError
from crm_analysis.table import count

if TYPE_CHECKING:
    from crm_analysis.study.study import Study

MONEY = "decimal(28, 4)"
"""Type in which the engine multiplies: its products are summed exactly, in any order of rows. In DuckDB a product of
the contract's narrower decimals would overflow."""

UNKNOWN = "unknown"
"""Group of the rows and customers whose group is not given."""

_LONGEST_SLACK_DAYS = 3


@dataclass(frozen=True)
class Span:
    """The days an order log covers.

    Attributes
    ----------
    first, last : date
        Day of the first purchase, and the day through which the log is looked at.
    slack_days : int
        So many days at either end may lack orders without a period counting as unfinished: as many as have passed
        without an order within the log, at most three. A shop that is closed at weekends needs that.
    """

    first: date
    last: date
    slack_days: int

    def covers(self, first: date, last: date) -> bool:
        """Whether the log covers all days from `first` to `last`."""
        slack = timedelta(days=self.slack_days)
        return self.first <= first + slack and last <= self.last + slack

    @property
    def days(self) -> int:
        """Days from the first purchase to the last day."""
        return (self.last - self.first).days + 1


def orders_until(study: Study, as_of: str | date | None) -> tuple[ibis.Table, date] | None:
    """Return the order lines through the end of a day, and that day; nothing if the study has no orders by then."""
    last = last_day(study, as_of)
    if "transactions" not in study.tables or last is None:
        return None
    t = study.table("transactions")
    return t.filter(t.time < midnight_after(last)), last


def last_day(study: Study, as_of: str | date | None) -> date | None:
    """Return the day that `as_of` means; nothing if none is given and the study has no dates."""
    try:
        return study.day(as_of)
    except DataError:
        return None


def midnight_after(day: date) -> datetime:
    """Return the first moment after a day."""
    return datetime.combine(day + timedelta(days=1), datetime.min.time())


def span(lines: ibis.Table, last: date) -> Span | None:
    """Find out which days the order lines cover; nothing if there is no purchase among them."""
    bought = lines.filter(lines.amount >= 0)
    days = bought.select(day=bought.time.date()).distinct().order_by("day").to_pandas()
    if days.empty:
        return None
    found = pd.Series(pd.DatetimeIndex(days["day"]))
    pause = found.diff().dt.days.max() if len(found) > 1 else 1
    return Span(found.iloc[0].date(), last, int(min(pause - 1, _LONGEST_SLACK_DAYS)))


def windows(day: Any, last: date, days: int) -> tuple[Any, Any]:
    """Return two conditions on a date column: among the last `days` days through `last`, and among those before."""
    middle, start = (ibis.literal(last - timedelta(days=times * days)) for times in (1, 2))
    return (day > middle) & (day <= ibis.literal(last)), (day > start) & (day <= middle)


def with_orders(lines: ibis.Table) -> ibis.Table:
    """Add what tells one order of a customer from another: a line without an order id belongs to its day's order."""
    day = lines.time.date()
    if "order_id" not in lines.columns:
        return lines.mutate(order_id=ibis.literal(""), order_day=day)
    return lines.mutate(order_day=lines.order_id.isnull().ifelse(day, None))


def sums(customers: ibis.Table, names: Sequence[str]) -> dict[str, Any]:
    """Write the aggregates that `ratio` needs: how many units, and totals, squares and products of their columns.

    Parameters
    ----------
    customers : ibis.Table
        One row per unit (customer).
    names : sequence of str
        Columns with numbers; a missing value counts as zero.

    Returns
    -------
    dict
        ``units``, each name with its total, and ``a_x_b`` for each pair of names in alphabetical order.
    """
    exact = {name: customers[name].cast(MONEY).fill_null(ibis.literal(0).cast(MONEY)) for name in names}
    found = {"units": customers.count()} | {name: exact[name].sum().cast("float64") for name in names}
    for one, other in combinations_with_replacement(sorted(names), 2):
        found[f"{one}_x_{other}"] = (exact[one] * exact[other]).sum().cast("float64")
    return found


def ratio(
    found: pd.DataFrame | Mapping[str, Any], over: str, under: str, *, level: float = 0.95, name: str = "ratio"
) -> pd.DataFrame:
    """Return ratios of two totals over customers with their intervals.

    Parameters
    ----------
    found : DataFrame or mapping
        One row per ratio, with the columns of `sums`; a mapping is one row.
    over, under : str
        Names of numerator and denominator.
    level : float
        Confidence level.
    name : str
        What to call the ratio.

    Returns
    -------
    DataFrame
        Columns ``<name>``, ``<name>_low``, ``<name>_high``. All missing where the denominator is not positive; no
        interval with fewer than two customers, or where nobody has anything of the numerator. With
        r = sum y / sum x the variance is that of a linearised ratio,
        n / (n - 1) * sum_i (y_i - r x_i)^2 / (sum x)^2, here from sums of squares and products, and the interval
        takes Student's t with n - 1 degrees of freedom. It regards the customers as a sample of those the firm might
        have had, each with all orders; with few customers and very unequal amounts it is too narrow.

    References
    ----------
    Cochran, W. G. (1977). Sampling Techniques, 3rd ed. Wiley, sections 6.3 and 6.4.
    """
    from scipy.special import stdtrit

    rows = found if isinstance(found, pd.DataFrame) else pd.DataFrame([dict(found)])
    y, x, n = (rows[column].astype("float64").to_numpy() for column in (over, under, "units"))
    yy, yx, xx = (
        rows["_x_".join(sorted(pair))].astype("float64").to_numpy()
        for pair in ((over, over), (over, under), (under, under))
    )
    x = np.where(x > 0, x, np.nan)
    estimate = y / x
    several = np.where((n > 1) & (yy > 0), n, np.nan)
    squares = np.maximum(yy - 2 * estimate * yx + estimate**2 * xx, 0.0)
    half = stdtrit(several - 1, 0.5 + level / 2) * np.sqrt(squares * several / (several - 1)) / x
    ends = {name: estimate, f"{name}_low": estimate - half, f"{name}_high": estimate + half}
    return pd.DataFrame(ends, index=rows.index)


def change_percent(found: pd.DataFrame, over: str, under: str, *, level: float = 0.95, name: str) -> pd.DataFrame:
    """Return `ratio` as a change in percent: 100 (ratio - 1), with its interval.

    The interval of a positive ratio is that of its logarithm: the ends are ratio x exp(+-half / ratio). So a change
    never falls below -100 %, and the ends miss about as often on either side; benchmarks/README.md has the coverage.
    """
    found = ratio(found, over, under, level=level, name=name)
    middle = found[name].where(found[name] > 0)
    reach = np.exp((found[f"{name}_high"] - middle) / middle)
    ends = pd.DataFrame({name: found[name], f"{name}_low": middle / reach, f"{name}_high": middle * reach})
    return 100 * (ends.where(middle.notna(), found, axis=0) - 1)


def in_words(row: Mapping[str, Any], name: str) -> str:
    """Write a change in percent with its interval: ``+3.4 % (95 % interval -1.2 to +8.0)``."""
    value, low, high = (float(row[column]) for column in (name, f"{name}_low", f"{name}_high"))
    if np.isnan(low):
        why = "too few customers for an interval" if value > -100 else "nothing is left, so there is no interval"
        return f"{value:+.1f} % ({why})"
    return f"{value:+.1f} % (95 % interval {low:+.1f} to {high:+.1f})"


def too_short(days: int, wanted: int) -> str:
    """Say why nothing is compared."""
    return f"Nothing is compared: the order log covers {count(days, 'day')} and a comparison needs {wanted:,}."
