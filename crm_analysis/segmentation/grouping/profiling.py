"""Profiling: what the customers of each cluster are like, in original units, and a name from what sets them apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from crm_analysis.proportion import share
from crm_analysis.quantile import median
from crm_analysis.segmentation.grouping.encoding import Encoding, Feature

EVERYBODY = "All customers"

# What a high and a low value are called; any other column is "high" or "low".
_WORDS = {
    "recency_days": ("silent", "recent"),
    "tenure_days": ("long-standing", "new"),
    "frequency": ("frequent", "seldom"),
    "purchase_days": ("frequent", "seldom"),
    "mean_order_value": ("large orders", "small orders"),
    "monetary": ("high spend", "low spend"),
    "gross_spend": ("high spend", "low spend"),
    "spend_last_year": ("high spend", "low spend"),
    "spend_trend": ("growing", "falling"),
    "categories": ("many categories", "few categories"),
    "discount_share": ("discount buyers", "full price"),
    "returns_share": ("many returns", "few returns"),
    "gap_mean_days": ("long gaps", "short gaps"),
    "complaints": ("complaining", "few complaints"),
    "contacts": ("much contact", "little contact"),
}
_APART = 0.4
_NAMED = 3


def describe(customers: pd.DataFrame, encoding: Encoding, groups: np.ndarray, names: Sequence[str]) -> pd.DataFrame:
    """Return one row per cluster and feature (of words: and level).

    Parameters
    ----------
    customers : DataFrame
        With a column for each feature, in its own unit.
    encoding : Encoding
        The features, and what is average and spread of each.
    groups : int array of shape (n,)
        The cluster of each customer.
    names : sequence of str
        The clusters.

    Returns
    -------
    DataFrame
        cluster, feature, level (empty for numbers), customers (with a value), median with its 95 % interval (numbers),
        share with its 95 % interval (levels), deviation (of the cluster's mean from that of all, in standard
        deviations of the treated feature; of a level, of its indicator).
    """
    rows = []
    for place, name in enumerate(names):
        inside = groups == place
        for feature in encoding.features:
            rows += [{"cluster": name, **row} for row in _rows(feature, customers.loc[inside, feature.name])]
    return pd.DataFrame(rows)


def _rows(feature: Feature, values: pd.Series) -> list[dict[str, Any]]:
    coordinates = feature.coordinates(values, None)
    if not feature.levels:
        known = values.dropna().to_numpy("float64")
        middle = dict(zip(("median", "median_low", "median_high"), median(known), strict=True))
        found = {"feature": feature.name, "level": "", "customers": len(known), **middle}
        return [{**found, **_no("share"), "deviation": float(coordinates.mean()) if len(values) else math.nan}]
    rows, mean = [], coordinates.mean(axis=0) if len(values) else np.full(len(feature.levels), np.nan)
    p = np.array(feature.shares)
    counts = mean * np.sqrt((p * (1 - p)).sum()) + p
    for level, part, usual in zip(feature.levels, counts, p, strict=True):
        size = round(float(part) * len(values)) if len(values) else 0
        ends = dict(zip(("share", "share_low", "share_high"), share(size, len(values)), strict=True))
        apart = (float(part) - usual) / math.sqrt(usual * (1 - usual)) if len(values) else math.nan
        base = {"feature": feature.name, "level": level, "customers": len(values)}
        rows.append({**base, **_no("median"), **ends, "deviation": apart})
    return rows


def _no(name: str) -> dict[str, float]:
    return dict.fromkeys((name, f"{name}_low", f"{name}_high"), math.nan)


def name(profiles: pd.DataFrame, *, features: int) -> list[str]:
    """Propose a name for each cluster from the features on which it lies farthest from all customers.

    Parameters
    ----------
    profiles : DataFrame
        As `describe` gives it, for clusters named by their number.
    features : int
        How many features there are.

    Returns
    -------
    list of str
        In the order of the clusters: up to three traits, the farthest first; ``average`` where none is far. Clusters
        that would have the same name get a number.
    """
    if len(profiles["cluster"].unique()) == 1:
        return [EVERYBODY]
    names = []
    for _, rows in profiles.groupby("cluster", sort=False):
        # Of a feature of words only the level that is most over-represented speaks.
        rows = rows[(rows["level"] == "") | (rows["deviation"] > 0)]
        order = rows["deviation"].abs().sort_values(ascending=False, kind="stable").index
        far = rows.loc[order].drop_duplicates("feature")
        far = far[far["deviation"].abs() >= _APART].head(min(_NAMED, features))
        traits = list(dict.fromkeys(_trait(row) for row in far.to_dict("records")))
        text = ", ".join(traits) or "average"
        names.append(text[:1].upper() + text[1:])
    return _apart(names)


def _trait(row: dict[str, Any]) -> str:
    high = row["deviation"] > 0
    if row["level"]:
        return f"{row['feature'].replace('_', ' ')} {row['level']}"
    words = _WORDS.get(row["feature"])
    return words[0 if high else 1] if words else f"{'high' if high else 'low'} {row['feature'].replace('_', ' ')}"


def _apart(names: list[str]) -> list[str]:
    seen: dict[str, int] = {}
    found = []
    for text in names:
        seen[text] = seen.get(text, 0) + 1
        found.append(text if names.count(text) == 1 else f"{text} ({seen[text]})")
    return found
