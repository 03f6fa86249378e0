"""Demographics: who the customers are, and whether groups of them differ in what they do."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from crm_analysis.errors import UsageError
from crm_analysis.multiplicity import holm
from crm_analysis.proportion import share
from crm_analysis.segmentation import association, attributes
from crm_analysis.segmentation.attributes import AGE, NOT_KNOWN
from crm_analysis.segmentation.profiles import COLUMNS, ProfileResult

__all__ = ["ProfileResult", "groups", "profile"]

_STATISTICS = {"spend": "epsilon squared"}


def profile(
    customers: pd.DataFrame,
    *,
    by: Sequence[str] | None = None,
    outcome: str | None = None,
    year: int | None = None,
    currency: str = "",
) -> ProfileResult:
    """Describe groups of customers by who they are, and rank attributes by how closely they go with what customers do.

    Parameters
    ----------
    customers : DataFrame
        One row per customer: the view of `Study.customer360`, or any table of customers. Spend needs ``monetary``
        (currency), one-time buyers ``frequency`` (orders).
    by : sequence of str, optional
        Attributes: columns, or ``age_band``, which is made of ``birth_year``. By default all columns that make groups:
        texts with at most 20 values, whole numbers with at most 6; ids, dates, survey answers and what is computed
        from purchases are no attributes.
    outcome : str, optional
        A column of 0 and 1, bool, or yes and no, whose rate is compared between groups. A column that is not there
        means none.
    year : int, optional
        The year that ages are counted in; by default that of the customer view. Where neither is known, decades of
        birth take the place of ages.
    currency : str
        The currency of spend, for labels.

    Returns
    -------
    ProfileResult

    Raises
    ------
    UsageError
        If an attribute is not there or the outcome has other values than yes and no.

    Notes
    -----
    Means have Student's t intervals and shares Wilson's. The strength is epsilon squared for spend and Cramér's V for
    yes and no, both corrected for chance: see `association`. Customers whose group is not known are a group of their
    own in the profile and are left out of the strength. All p-values of the table are adjusted together by Holm's
    method. Mean spend over few customers with long tails has an interval that is too narrow.
    """
    found, left_out = (list(by), {}) if by is not None else attributes.find(customers)
    outcome = outcome if outcome is not None and outcome in customers.columns else ""
    found = [attribute for attribute in found if attribute != outcome]
    measures = _measures(customers, outcome)
    rows, tests = [], []
    for attribute in found:
        groups = attributes.labels(customers, attribute, year=year, caller="demographics")
        rows += _rows(attribute, groups, measures)
        known = (groups != NOT_KNOWN).to_numpy()
        for measure, values in measures.items():
            used = known & values.notna().to_numpy()
            codes, numbers = groups.cat.codes.to_numpy()[used].astype("int64"), values.to_numpy("float64")[used]
            if measure == "spend":
                tested = association.explained(codes, numbers)
            else:
                tested = association.cramers_v(codes, numbers > 0)
            statistic = _STATISTICS.get(measure, "Cramér's V")
            ends = {"strength": tested.strength, "strength_low": tested.low, "strength_high": tested.high}
            tests.append(
                {"measure": measure, "attribute": attribute, "statistic": statistic, **ends, "p_value": tested.p_value}
            )
    return ProfileResult(
        profile=pd.DataFrame(rows, columns=None if rows else ["attribute", "group", "customers", "customers_share"]),
        strength=_ranked(tests, list(measures)),
        left_out=pd.DataFrame(left_out.items(), columns=["column", "reason"])
        .query("reason != ''")
        .reset_index(drop=True),
        outcome=outcome,
        customers=len(customers),
        currency=currency,
    )


def groups(
    customers: pd.DataFrame, *, by: Sequence[str] | None = None, smallest: int = 20, year: int | None = None
) -> pd.Series:
    """Cross attributes into one grouping, such as women of 35-44 in the North.

    Parameters
    ----------
    customers : DataFrame
        One row per customer, with ``customer_id``.
    by : sequence of str, optional
        Attributes to cross; by default those of age_band, gender and region that are there.
    smallest : int
        Groups with fewer customers are pooled: the last attribute is no longer told apart, then the one before.
    year : int, optional
        The year that ages are counted in, as in `profile`.

    Returns
    -------
    Series of str
        The group of each customer, indexed by customer_id; one group of all where there is no attribute.

    Raises
    ------
    UsageError
        If an attribute or ``customer_id`` is not there.
    """
    if "customer_id" not in customers.columns:
        raise UsageError("demographics: the customers have no column 'customer_id'; name the column so.")
    there = {*customers.columns, *([AGE] if "birth_year" in customers.columns else [])}
    chosen = list(by) if by is not None else [name for name in (AGE, "gender", "region") if name in there]
    parts = {
        attribute: attributes.labels(customers, attribute, year=year, caller="demographics").astype("object")
        for attribute in chosen
    }
    crossed = _crossed(customers, parts)
    for attribute in reversed(chosen):
        few = crossed.map(crossed.value_counts()) < smallest
        parts[attribute] = parts[attribute].mask(few, f"any {attribute}")
        crossed = _crossed(customers, parts)
    return pd.Series(crossed.to_numpy(dtype="object"), index=pd.Index(customers["customer_id"]), name="demographics")


def _crossed(customers: pd.DataFrame, parts: dict[str, pd.Series]) -> pd.Series:
    if not parts:
        return pd.Series("all", index=customers.index)
    first, *others = parts.values()
    return first.str.cat(others, sep=", ") if others else first


def _measures(customers: pd.DataFrame, outcome: str) -> dict[str, pd.Series]:
    """What customers do, the question that was asked first."""
    found = {}
    if outcome:
        found[outcome] = attributes.answers(customers[outcome], caller="demographics")
    if "monetary" in customers.columns:
        found["spend"] = customers["monetary"].astype("float64")
    if "frequency" in customers.columns:
        orders = customers["frequency"].astype("float64")
        found["one-time"] = (orders == 1).astype("float64").where(orders > 0)
    return found


def _rows(attribute: str, groups: pd.Series, measures: dict[str, pd.Series]) -> list[dict[str, Any]]:
    rows = []
    for group in groups.cat.categories:
        inside = (groups == group).to_numpy()
        row = {"attribute": attribute, "group": group, "customers": int(inside.sum())}
        row |= _share("customers_share", int(inside.sum()), len(groups))
        for measure, values in measures.items():
            held = values.to_numpy("float64")[inside]
            held = held[np.isfinite(held)]
            if measure == "spend":
                row |= _mean("mean_spend", held)
            else:
                row |= _share(COLUMNS.get(measure, "outcome_share"), int(held.sum()), len(held))
        rows.append(row)
    return rows


def _share(name: str, hits: int, total: int) -> dict[str, float]:
    return dict(zip((name, f"{name}_low", f"{name}_high"), share(hits, total), strict=True))


def _mean(name: str, values: np.ndarray) -> dict[str, float]:
    from scipy.stats import t

    n = len(values)
    mean = float(values.mean()) if n else math.nan
    half = float(t.ppf(0.975, n - 1) * values.std(ddof=1) / math.sqrt(n)) if n > 1 else math.nan
    return {name: mean, f"{name}_low": mean - half, f"{name}_high": mean + half}


def _ranked(tests: list[dict[str, Any]], measures: list[str]) -> pd.DataFrame:
    """Adjust the p-values together, then sort within each measure by strength."""
    columns = ["measure", "attribute", "statistic", "strength", "strength_low", "strength_high", "p_value"]
    table = pd.DataFrame(tests, columns=columns)
    table["p_holm"] = holm(table["p_value"].to_numpy("float64"))
    table["related"] = table["p_holm"] < 0.05
    place = table["measure"].map({measure: number_of for number_of, measure in enumerate(measures)})
    order = table.assign(place=place).sort_values(["place", "strength"], ascending=[True, False], kind="stable").index
    return table.loc[order].reset_index(drop=True)
