"""Sample: what was known of customers on a day, and who of them left afterwards."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

WORLDS = ("silence", "contracts", "label")
"""How a study knows who left: no purchase in the horizon, the end of a contract, or a column that says so."""


@dataclass(frozen=True)
class Event:
    """What a model predicts, in the words that findings need."""

    base: str
    does: str
    did: str
    doing: str
    people: str


LEAVING = Event("leave", "leaves", "left", "leaving", "leavers")
BUYING = Event("buy", "buys", "bought", "buying", "buyers")


@dataclass(frozen=True, eq=False)
class Sample:
    """Customers as they were known on one or several days, with the label of each.

    Attributes
    ----------
    features : DataFrame
        One row per customer and day, indexed by ``customer_id``: numbers, and categories of dtype ``category``.
    label : Series of float
        1 if the customer left within the horizon after the day, else 0; missing where this is not known yet. It has
        the index of `features`.
    as_of : Series of datetime
        The day of each row; missing where the table has no dates.
    world : {"silence", "contracts", "label", "purchases"}
        How it is known who left; with purchases, the label says who bought.
    horizon_days : int
        Length of the window after the day, in days; 0 where the table has no dates.
    """

    features: pd.DataFrame
    label: pd.Series
    as_of: pd.Series
    world: str
    horizon_days: int = 0

    def __len__(self) -> int:
        return len(self.features)

    @property
    def left(self) -> np.ndarray:
        """Whether each customer left, as an array of 0 and 1; missing labels are not allowed here."""
        return self.label.to_numpy("float64").astype("int64")

    @property
    def event(self) -> Event:
        """What the label says, in words."""
        return BUYING if self.world == "purchases" else LEAVING

    @property
    def dated(self) -> bool:
        """Whether the rows have days, so that a model can be tested on a later one."""
        return bool(self.as_of.notna().any())

    def take(self, rows: np.ndarray) -> Sample:
        """Return some of the rows, by a mask or by position."""
        return (
            replace(self, features=self.features.iloc[rows], label=self.label.iloc[rows], as_of=self.as_of.iloc[rows])
            if np.asarray(rows).dtype != bool
            else self.take(np.flatnonzero(rows))
        )

    def without(self, columns: list[str]) -> Sample:
        """Return the same customers without some of the features."""
        return replace(self, features=self.features.drop(columns=columns, errors="ignore"))

    def to_frame(self) -> pd.DataFrame:
        """Return a frame with ``customer_id``, ``as_of``, the features and ``left``."""
        whole = self.features.copy()
        whole.insert(0, "as_of", self.as_of.to_numpy())
        whole["left"] = self.label.to_numpy()
        return whole.reset_index()
