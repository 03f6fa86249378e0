"""Features: what was known of customers before they were asked, as numbers that can be compared and modelled."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

BEHAVIOUR = (
    "recency_days",
    "tenure_days",
    "frequency",
    "monetary",
    "spend_last_year",
    "mean_order_value",
    "spend_trend",
    "returns_share",
    "categories",
    "contacts",
    "complaints",
    "referrals_made",
    "birth_year",
)
"""Columns of the customer view that are compared if nothing else is asked for."""

MOST_LEVELS = 12
"""A column of words is a grouping if it has no more of them."""

_SKEWED = 1.0


def measured(customers: pd.DataFrame, features: Sequence[str] | None) -> list[str]:
    """Return the features that are there and differ between customers."""
    wanted = BEHAVIOUR if features is None else features
    return [name for name in wanted if name in customers.columns and _differs(customers[name])]


def groupings(customers: pd.DataFrame, by: Sequence[str] | None) -> list[str]:
    """Return the columns of groups: those asked for, or all columns of words or yes and no with few values."""
    if by is not None:
        return [name for name in by if name in customers.columns and _differs(customers[name])]
    return [
        name
        for name in customers.columns
        if name != "customer_id"
        and not str(name).startswith("survey_")
        and not pd.api.types.is_datetime64_any_dtype(customers[name].dtype)
        and (
            pd.api.types.is_bool_dtype(customers[name].dtype)
            or not pd.api.types.is_numeric_dtype(customers[name].dtype)
        )
        and 1 < customers[name].nunique() <= MOST_LEVELS
    ]


def scaled(values: pd.Series) -> np.ndarray:
    """Return a feature as floats; one that is never negative and has a long upper tail as log(1 + x)."""
    numbers = values.to_numpy("float64", na_value=np.nan)
    known = numbers[np.isfinite(numbers)]
    spread = known.std()
    if known.min() >= 0 and spread > 0 and ((known - known.mean()) ** 3).mean() / spread**3 > _SKEWED:
        return np.log1p(numbers)
    return numbers


def matrix(customers: pd.DataFrame, features: Sequence[str], by: Sequence[str]) -> np.ndarray:
    """Return the features and groups of customers as columns with mean 0 and standard deviation 1.

    A feature that is not known gets the mean and a column that says so; a group that is not known is a group of its
    own. Equal columns are kept once.
    """
    columns = []
    for name in features:
        numbers = scaled(customers[name])
        unknown = ~np.isfinite(numbers)
        columns.append(np.where(unknown, numbers[~unknown].mean(), numbers))
        columns.append(unknown.astype("float64"))
    for name in by:
        codes = pd.factorize(customers[name], sort=True)[0]
        columns += [(codes == level).astype("float64") for level in np.unique(codes)[1:]]
    if not columns:
        return np.empty((len(customers), 0))
    found = np.column_stack(columns)
    found = found[:, found.std(axis=0) > 0]
    found = (found - found.mean(axis=0)) / found.std(axis=0)
    return found[:, np.sort(np.unique(found.round(9), axis=1, return_index=True)[1])]


def _differs(values: pd.Series) -> bool:
    return len(values.dropna().unique()) > 1
