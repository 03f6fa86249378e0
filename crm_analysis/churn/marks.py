"""Marks: the column of a customers table that says who left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from crm_analysis.errors import UsageError
from crm_analysis.table import listed

if TYPE_CHECKING:
    from crm_analysis.study import Study

# Read as "left" in a column that says who left, where study.toml does not name the word itself.
_LEFT = ("yes", "y", "true", "t", "1", "1.0", "churn", "churned", "left", "leaver", "lost", "是", "流失")


def read(study: Study) -> tuple[pd.DataFrame, pd.Series]:
    """Read who left, from the column that ``[churn] label`` names in study.toml.

    Parameters
    ----------
    study : Study
        With a table of customers and that setting.

    Returns
    -------
    customers : DataFrame
        The customers table.
    left : Series of float
        1 for who left, else 0; missing where the column does not say.

    Raises
    ------
    UsageError
        If the column is not there or not understood.
    """
    customers = study.frame("customers")
    column = study.config.churn["label"]
    if column not in customers.columns:
        there = ", ".join(customers.columns)
        raise UsageError(f"[churn] label = {column!r} is no column of the customers table; it has {there}.")
    return customers, _said(customers[column], column, study.config.churn.get("left"))


def _said(values: pd.Series, column: str, left: Any) -> pd.Series:
    """Read a column that says who left, as 1 and 0."""
    texts = values.astype("string").str.strip().str.casefold()
    there = sorted(texts.dropna().unique())
    words = [str(left).strip().casefold()] if left is not None else [word for word in there if word in _LEFT]
    if left is not None and words[0] not in there:
        raise UsageError(f"[churn] left = {left!r} does not occur in {column!r}, which holds {listed(there[:6])}.")
    if left is None and (len(there) != 2 or len(words) != 1):
        raise UsageError(
            f"[churn] label: {column!r} does not say by a plain yes or no who left; it holds {listed(there[:6])}. "
            'Name the word for those who left in study.toml, [churn] left = "..."; all others then count as staying.'
        )
    return (texts == words[0]).astype("float64").where(texts.notna())
