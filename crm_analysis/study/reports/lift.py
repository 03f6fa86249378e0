"""Lift: how much more often than independence would have it two categories are in one basket, counted in the engine."""

from __future__ import annotations

from datetime import date
from typing import Any

import ibis
import numpy as np
import pandas as pd

from crm_analysis.study.reports.change import ratio, sums, windows, with_orders

_KEYS = ("customer_id", "order_id", "order_day")
_PAIRS_FOR_A_MEDIAN = 3


def categories_held(lines: ibis.Table, last: date, *, unit: str, window_days: int) -> ibis.Table:
    """Write one row per basket and category in it; three columns tell baskets apart."""
    recent, _ = windows(lines.time.date(), last, window_days)
    t = with_orders(lines.filter(recent & (lines.amount >= 0) & (lines.category.nullif("").notnull())))
    # Columns that are joined on must be given: nothing equals a missing value.
    day = ibis.coalesce(t.order_day, ibis.literal(date(1970, 1, 1)))
    keys = {"order_id": t.order_id.fill_null(""), "order_day": day}
    if unit == "customer":
        keys = {"order_id": ibis.literal(""), "order_day": ibis.literal(date(1970, 1, 1))}
    return t.select("customer_id", category=t.category, **keys).distinct()


def basket_totals(held: ibis.Table) -> ibis.Table:
    """Count baskets and those with several categories, with squares and products over customers."""
    sizes = held.group_by(*_KEYS).aggregate(size=held.count())
    c = sizes.group_by("customer_id").aggregate(baskets=sizes.count(), several=(sizes.size > 1).ifelse(1, 0).sum())
    return c.aggregate(**sums(c, ("baskets", "several")))


def pair_sums(held: ibis.Table, every: ibis.Table) -> tuple[ibis.Table, ibis.Table, ibis.Table]:
    """Write three tables of sums over customers: by category, by pair one customer bought, by pair in one basket."""
    each = every.select(*_KEYS).distinct()
    o = each.group_by("customer_id").aggregate(o=each.count())
    a = held.group_by("customer_id", "category").aggregate(a=held.count())
    singles = a.join(o, "customer_id")
    singles = singles.group_by("category").aggregate(
        a=singles.a.sum(), aa=(singles.a * singles.a).sum(), ao=(singles.a * singles.o).sum()
    )
    b = a.rename(other="category", b="a")
    mixed = a.join(b, "customer_id").filter(lambda t: t.category < t.other)
    mixed = mixed.group_by("category", "other").aggregate(a_b=(mixed.a * mixed.b).sum())
    both = held.join(held.rename(other="category"), _KEYS).filter(lambda t: t.category < t.other)
    p = both.group_by("customer_id", "category", "other").aggregate(ab=both.count())
    p = p.join(a, ["customer_id", "category"]).join(b, ["customer_id", "other"]).join(o, "customer_id")
    products = {f"ab_{name}": (p.ab * p[name]).sum() for name in ("ab", "a", "b", "o")}
    pairs = p.group_by("category", "other").aggregate(ab=p.ab.sum(), customers=p.count(), **products)
    return singles.order_by("category"), mixed.order_by("category", "other"), pairs.order_by("category", "other")


def of_pairs(
    held: ibis.Table, every: ibis.Table, categories: list[str], whole: pd.Series, least: int
) -> tuple[pd.DataFrame, float]:
    """Return one row per pair of categories and the median lift; described in `baskets.AssociationResult`.

    Parameters
    ----------
    held, every : ibis.Table
        Rows of `categories_held`: of the categories that are paired, and of all.
    categories : list of str
        The categories that are paired, in alphabetical order.
    whole : Series
        The row of `basket_totals`.
    least : int
        Baskets and customers a pair must have to be judged.

    Returns
    -------
    tuple of (DataFrame, float)
    """
    singles, mixed, pairs = (table.to_pandas() for table in pair_sums(held, every))
    index = pd.MultiIndex.from_product([categories] * 2, names=["category", "other"]).to_frame(index=False)
    f = index[index["category"] < index["other"]]
    for table in (mixed, pairs):
        f = f.merge(_in_order(table), on=["category", "other"], how="left")
    one = singles.set_index("category").astype("float64")
    f[["a", "aa", "ao"]] = one.reindex(f["category"]).to_numpy()
    f[["b", "bb", "bo"]] = one.reindex(f["other"]).to_numpy()
    f = f.fillna(0)
    n, baskets = float(whole["units"]), float(whole["baskets"])
    table = f[["category", "other"]].assign(baskets=f["ab"].astype("int64"), customers=f["customers"].astype("int64"))
    judged = (table["baskets"] >= least) & (table["customers"] >= least)
    squares = float(whole["baskets_x_baskets"])
    parts = {"support_share": (baskets, f["ab_o"], squares), "confidence_share": (f["a"], f["ab_a"], f["aa"])}
    parts["reverse_confidence_share"] = (f["b"], f["ab_b"], f["bb"])
    for name, (under, product, square) in parts.items():
        known = {"units": n, "both": f["ab"], "both_x_both": f["ab_ab"], "under": under}
        found = ratio(
            pd.DataFrame({**known, "both_x_under": product, "under_x_under": square}), "both", "under", name=name
        )
        p, half = found[name].where(judged & (found[name] < 1)), found[f"{name}_high"] - found[name]
        # On the scale of log odds, as `proportion.bounds`. A pair that is too rare to be judged keeps its share and has
        # no interval, as its lift; so does a share of one, in which no customer differs.
        odds, reach = p / (1 - p), np.exp(half / (p * (1 - p)))
        table[name], table[f"{name}_low"] = found[name], odds / (odds + reach)
        table[f"{name}_high"] = odds * reach / (1 + odds * reach)
    table["lift"] = f["ab"] * baskets / (f["a"] * f["b"])
    typical = float(table.loc[judged, "lift"].median()) if judged.sum() >= _PAIRS_FOR_A_MEDIAN else np.nan
    error = np.sqrt(_variance_of_log_lift(f.where(judged), n, baskets, squares))
    table["lift_low"], table["lift_high"] = _ends(table["lift"], error, n, 0.95)
    table["relative_lift"] = table["lift"] / typical
    low, high = _ends(table["lift"], error, n, 1 - 0.05 / max(int(judged.sum()), 1))
    table["verdict"] = np.select([~judged, low > typical, high < typical], ["too few", "more", "less"], "as usual")
    order = ["lift", "category", "other"]
    return table.sort_values(order, ascending=[False, True, True], ignore_index=True), typical


def _in_order(pairs: pd.DataFrame) -> pd.DataFrame:
    """Turn pairs round that an engine, which may sort text by a language's rules, has in another order."""
    turned = {"category": "other", "other": "category", "ab_a": "ab_b", "ab_b": "ab_a"}
    wrong = pairs["category"] > pairs["other"]
    return pd.concat([pairs[~wrong], pairs[wrong].rename(columns=turned)], ignore_index=True)


def _variance_of_log_lift(f: pd.DataFrame, n: float, baskets: float, squares: float) -> Any:
    """Expand sum_i (ab_i / n_ab + o_i / N - a_i / n_a - b_i / n_b)^2 into sums of squares and products."""
    ab, a, b = (f[name].astype("float64") for name in ("ab", "a", "b"))
    total = f["ab_ab"] / ab**2 + squares / baskets**2 + f["aa"] / a**2 + f["bb"] / b**2
    total += 2 * (f["ab_o"] / (ab * baskets) - f["ab_a"] / (ab * a) - f["ab_b"] / (ab * b))
    total += 2 * (f["a_b"] / (a * b) - f["ao"] / (baskets * a) - f["bo"] / (baskets * b))
    return total.clip(lower=0) * n / (n - 1) if n > 1 else total * np.nan


def _ends(lift: pd.Series, error: pd.Series, n: float, level: float) -> tuple[pd.Series, pd.Series]:
    from scipy.special import stdtrit

    reach = np.exp(stdtrit(max(n - 1, 1), 0.5 + level / 2) * error)
    return lift / reach, lift * reach
