"""Occasions: order lines put together into one row per purchase, with the shares of its categories."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from crm_analysis.value.orderlog import readable


@dataclass(frozen=True)
class Occasions:
    """Purchases in order of customer and time.

    Attributes
    ----------
    customers : array of shape (n,)
        Who bought.
    days : array of dates of shape (n,)
        When.
    shares : array of shape (n, categories)
        One purchase of m categories counts 1 / m for each.
    categories : tuple of str
        In alphabetical order.
    """

    customers: np.ndarray
    days: np.ndarray
    shares: np.ndarray
    categories: tuple[str, ...]

    def within(self, inside: np.ndarray) -> Occasions:
        """Return those marked."""
        return Occasions(self.customers[inside], self.days[inside], self.shares[inside], self.categories)

    @property
    def first(self) -> np.ndarray:
        """Whether a purchase is the customer's first."""
        return np.r_[True, self.customers[1:] != self.customers[:-1]] if len(self.customers) else np.zeros(0, bool)


def gather(transactions: pd.DataFrame) -> Occasions:
    """Put order lines together: one purchase per customer and order id, or day where there is none.

    Parameters
    ----------
    transactions : DataFrame
        customer_id, time, category and, where they are there, amount (lines below zero are returns and left out) and
        order_id. Lines without a category are left out.

    Returns
    -------
    Occasions

    Raises
    ------
    DataError
        If a time or an amount cannot be read.
    """
    read = readable(transactions, caller="products")
    kept = read["category"].notna() & (read["category"] != "")
    if "amount" in read.columns:
        kept &= read["amount"] >= 0
    lines = read.loc[kept]
    day = lines["time"].dt.normalize()
    order = day.astype(str) if "order_id" not in lines else lines["order_id"].astype("object").fillna(day.astype(str))
    frame = pd.DataFrame(
        {"customer": lines["customer_id"], "order": order.astype(str), "day": day, "category": lines["category"]}
    )
    frame["category"] = frame["category"].astype("object").map(str)
    frame = frame.drop_duplicates(["customer", "order", "category"])
    keys = frame.groupby(["customer", "order"], sort=False, observed=True)
    frame["day"] = keys["day"].transform("min")
    frame = frame.sort_values(["customer", "day", "order", "category"], kind="stable").reset_index(drop=True)
    begins = (frame["customer"] != frame["customer"].shift()) | (frame["order"] != frame["order"].shift())
    rows = begins.cumsum().to_numpy() - 1
    places, categories = pd.factorize(frame["category"], sort=True)
    size = (int(rows[-1]) + 1 if len(rows) else 0, len(categories))
    shares = np.zeros(size)
    shares[rows, places] = 1
    shares /= np.maximum(shares.sum(axis=1, keepdims=True), 1)
    heads = frame.loc[begins]
    return Occasions(
        heads["customer"].to_numpy(dtype=object),
        heads["day"].to_numpy(),
        shares,
        tuple(str(name) for name in categories),
    )
