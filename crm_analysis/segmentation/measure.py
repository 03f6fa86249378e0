"""Measure: the column that says what a customer is worth, and the customers for whom it is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from crm_analysis.errors import UsageError
from crm_analysis.table import count, heading

_WORDS = {
    "monetary": "revenue",
    "gross_spend": "gross spend",
    "spend_last_year": "spend of the last year",
    "monthly_fee": "monthly fees",
    "spend_per_month": "spend per month",
}


@dataclass(frozen=True, eq=False)
class Measure:
    """What each customer is worth, by one column.

    Attributes
    ----------
    column : str
        The column; empty if there is none.
    rows : DataFrame
        The customers with a purchase for whom it is known, with all their columns, numbered from 0.
    amounts : array of shape (n,)
        The column's values, in the order of `rows`.
    silent : int
        Customers without a purchase, who are left out.
    unknown : int
        Customers with a purchase whose value is missing or infinite, who are left out.
    absent : str
        Why there is nothing to measure, as a sentence; empty if there is something.
    """

    column: str
    rows: pd.DataFrame
    amounts: np.ndarray
    silent: int = 0
    unknown: int = 0
    absent: str = ""

    @property
    def words(self) -> str:
        """What the column holds, for a sentence."""
        return words(self.column)

    @property
    def negative(self) -> int:
        """Customers whose value is below zero."""
        return int((self.amounts < 0).sum())

    def counted(self, *, further: int = 0, why: str = "") -> str:
        """Say how many customers are counted and who is left out, further ones with the reason."""
        left_out = []
        if self.silent:
            left_out.append(f"{self.silent:,} without a purchase")
        if self.unknown:
            left_out.append(f"{self.unknown:,} for whom the {self.words} cannot be told")
        if further:
            left_out.append(f"{further:,} {why}")
        end = f"; left out: {' and '.join(left_out)}" if left_out else ""
        return f"This counts {count(len(self.amounts) - further, 'customer')}{end}."


def words(column: str) -> str:
    """Name a column of the customer view for a sentence: ``monetary`` -> ``revenue``."""
    return _WORDS.get(column, heading(column))


def take(
    customers: pd.DataFrame, *, by: str, defaults: Sequence[str], caller: str, cure: str = "name another with by="
) -> Measure:
    """Take the value of each customer with a purchase.

    Parameters
    ----------
    customers : DataFrame
        One row per customer, as `Study.customer360` gives them. Where there is a column ``frequency``, customers
        without a purchase are left out; without one (a table of customers alone) all are taken.
    by : str
        The column; empty: the first of `defaults` that is there and known for somebody.
    defaults : sequence of str
        Columns to take, in order of preference.
    caller : str
        The analysis that asks, for messages.
    cure : str
        What to do where none of `defaults` is there.

    Returns
    -------
    Measure

    Raises
    ------
    UsageError
        If the column asked for is not there or does not hold numbers.
    """
    if by and by not in customers.columns:
        known = [name for name in ("margin", "monetary", "gross_spend", "monthly_fee") if name in customers.columns]
        there = f"such as {', '.join(known)}" if known else "one that they have"
        raise UsageError(f"{caller}: the customers have no column {by!r}; give by= a column of numbers, {there}.")
    if by and (not pd.api.types.is_numeric_dtype(customers[by]) or pd.api.types.is_bool_dtype(customers[by])):
        raise UsageError(f"{caller}: the column {by!r} does not hold numbers; give by= a column that does.")
    active = customers["frequency"] > 0 if "frequency" in customers.columns else pd.Series(True, customers.index)
    bought = customers[active.to_numpy(bool)].reset_index(drop=True)
    silent = len(customers) - len(bought)
    candidates = [by] if by else [name for name in defaults if name in customers.columns]
    column = next((name for name in candidates if _known(bought[name]).any()), "")
    if not column:
        otherwise = f"{' or '.join(defaults)}, so their value cannot be told; {cure}"
        why = _why_not(bought, customers, candidates, otherwise)
        return Measure("", bought.iloc[:0], np.array([]), silent, 0, why)
    finite = _known(bought[column])
    rows = bought[finite].reset_index(drop=True)
    return Measure(column, rows, rows[column].to_numpy("float64"), silent, int((~finite).sum()))


def _known(values: pd.Series) -> np.ndarray:
    return np.isfinite(values.to_numpy("float64", na_value=np.nan))


def _why_not(bought: pd.DataFrame, customers: pd.DataFrame, candidates: Sequence[str], otherwise: str) -> str:
    if customers.empty:
        return "There are no customers to count."
    if bought.empty:
        return "No customer has a purchase, so there is no value to count."
    if candidates:
        return f"For no customer with a purchase is there a value of {' or '.join(map(words, candidates))}."
    return f"The customers have no column {otherwise}."
