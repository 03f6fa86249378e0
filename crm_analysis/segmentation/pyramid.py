"""Pyramid: the few customers at the top and the many at the bottom, cut by shares, quantiles or given bills."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from crm_analysis.errors import UsageError
from crm_analysis.segmentation import measure
from crm_analysis.segmentation.tiers import End, TiersResult, cut, end

_MONTH_DAYS = 365.25 / 12


def pyramid(
    customers: pd.DataFrame,
    *,
    shares: Sequence[float] = (0.01, 0.05, 0.20),
    by: str = "",
    names: Sequence[str] = ("VIP", "main", "ordinary", "small"),
    label: str = "",
    currency: str = "",
) -> TiersResult:
    """Rank customers by value and cut the ranking at given shares of the customers (value pyramid, 客户金字塔).

    Parameters
    ----------
    customers : DataFrame
        One row per customer, as `Study.customer360` gives them. Customers without a purchase are left out and counted.
    shares : sequence of float
        Cumulative shares of the customers, ascending, each between 0 and 1: by default the top 1 % (VIP), the next 4 %
        (main, 主要客户), the next 15 % (ordinary, 普通客户) and the rest (small, 小客户), as Curry and Curry have them.
    by : str
        The column to rank by (currency); by default ``margin`` if it is there, else ``monetary`` (revenue), else
        ``monthly_fee``.
    names : sequence of str
        One name more than shares, best first.
    label, currency : str
        What to call these customers; the currency of the amounts, for labels.

    Returns
    -------
    TiersResult

    Raises
    ------
    UsageError
        If a parameter is not understood.

    Notes
    -----
    Customers with equal values are never split: a tier ends between two values, where the number of customers above
    comes closest to the share asked for (of two equally close, the smaller). So a tier of less than half a customer is
    empty. Values count as they are, negative ones too, unlike in `concentration`. The interval of a tier's share of
    the value includes that the tier's ends are quantiles of these customers and would fall elsewhere in another sample
    (see `lorenz.band`), except where many equal values hold an end in place.

    References
    ----------
    Curry, J. and Curry, A. (2000). The Customer Marketing Method: How to Implement and Profit from Customer
    Relationship Management. Free Press.

    Zeithaml, V. A., Rust, R. T. and Lemon, K. N. (2001). The customer pyramid: creating and serving profitable
    customers. California Management Review 43(4), 118-142.
    """
    parts = [float(part) for part in shares]
    if not parts or sorted(set(parts)) != parts or not all(0 < part < 1 for part in parts):
        raise UsageError(f"pyramid: shares must ascend between 0 and 1, such as (0.01, 0.05, 0.2), not {shares!r}.")
    _check_names("pyramid", names, len(parts) + 1)
    measured = measure.take(customers, by=by, defaults=("margin", "monetary", "monthly_fee"), caller="pyramid")
    ends = [end(measured.amounts, part) for part in parts]
    return cut(measured, names=names, ends=ends, kind="Value pyramid", label=label, currency=currency)


def tiers(
    customers: pd.DataFrame,
    *,
    edges: Mapping[str, float] | None = None,
    quantiles: Sequence[float] = (0.95, 0.80, 0.50),
    names: Sequence[str] = ("platinum", "gold", "bronze", "iron"),
    by: str = "",
    label: str = "",
    currency: str = "",
) -> TiersResult:
    """Put customers into tiers by their bill, as telecoms do (白金、黄金、青铜、铁质客户).

    These metals are levels of one bill. The *gold* and *iron* of the value matrix (`value.matrix`) are something else:
    there they name cells of current value by potential.

    Parameters
    ----------
    customers : DataFrame
        One row per customer, as `Study.customer360` gives them. Customers without a purchase are left out and counted.
    edges : mapping of str to float, optional
        Tier -> the least bill that reaches it, best first, such as ``{"platinum": 300, "gold": 100}``; whoever reaches
        none is in the last of `names`. The thresholds are the firm's own decision; there is no standard.
    quantiles : sequence of float
        Without edges: the quantiles of the bill at which the tiers begin, falling. The default is ours.
    names : sequence of str
        One name more than quantiles, best first; with edges only the last one is used.
    by : str
        The column that holds the bill (currency). By default spend per month: purchases of the last 365 days by the
        months of them that the customer has been one (at least one), where ``spend_last_year`` is there, else all
        revenue by the months since the first purchase; without purchases ``monthly_fee``.
    label, currency : str
        What to call these customers; the currency of the amounts, for labels.

    Returns
    -------
    TiersResult

    Raises
    ------
    UsageError
        If a parameter is not understood.

    Notes
    -----
    With given edges the shares of the customers have Wilson intervals. With quantiles, ties and intervals are as in
    `pyramid`.
    """
    rest = list(names)[-1:]
    if edges is not None:
        names = [*edges, *rest]
        levels = list(edges.values())
        if not levels or sorted(set(levels), reverse=True) != levels or not all(map(math.isfinite, levels)):
            raise UsageError(
                f"tiers: edges must fall from tier to tier, such as {{'platinum': 300, 'gold': 100}}, "
                f"not {dict(edges)!r}."
            )
        _check_names("tiers", names, len(levels) + 1)
    else:
        points = [float(point) for point in quantiles]
        if not points or sorted(set(points), reverse=True) != points or not all(0 < point < 1 for point in points):
            raise UsageError(
                f"tiers: quantiles must fall between 1 and 0, such as (0.95, 0.8, 0.5), not {quantiles!r}."
            )
        _check_names("tiers", names, len(points) + 1)
    measured = measure.take(
        customers if by else _with_bill(customers), by=by, defaults=("spend_per_month", "monthly_fee"), caller="tiers"
    )
    if edges is not None:
        ends = [End(float(edge), given=True) for edge in levels]
    else:
        ends = [end(measured.amounts, 1 - point) for point in points]
    return cut(measured, names=names, ends=ends, kind="Tiers by bill", label=label, currency=currency)


def _with_bill(customers: pd.DataFrame) -> pd.DataFrame:
    yearly = "spend_last_year" in customers.columns
    spend = "spend_last_year" if yearly else "monetary"
    if spend not in customers.columns or "tenure_days" not in customers.columns:
        return customers
    days = customers["tenure_days"].clip(lower=_MONTH_DAYS, upper=365 if yearly else None)
    bill = (customers[spend] / (days / _MONTH_DAYS)).rename("spend_per_month")
    return pd.concat([customers, bill], axis=1)


def _check_names(caller: str, names: Sequence[str], wanted: int) -> None:
    if isinstance(names, str) or len(names) != wanted or len(set(names)) != wanted:
        raise UsageError(f"{caller}: names must be {wanted} different names, one for each tier, not {names!r}.")
