"""Sample: what was known of customers on a day, and who of them left afterwards."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from crm_analysis.errors import DataError, UsageError

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

    def named(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return a copy whose columns about leaving say what is predicted: ``left_share``, ``bought_share``."""
        return table.rename(columns={name: re.sub(r"^left(?=_|$)", self.did, name) for name in table.columns})


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
    missing : str
        Why there are no customers, as a sentence; empty where there are some.
    """

    features: pd.DataFrame
    label: pd.Series
    as_of: pd.Series
    world: str
    horizon_days: int = 0
    missing: str = ""

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

    def with_features(self, added: pd.DataFrame) -> Sample:
        """Return the same customers with more features, such as scores of another analysis.

        Parameters
        ----------
        added : DataFrame
            Indexed by ``customer_id``: numbers, yes-no values or texts that were known by the day of the sample; a
            sample of several days takes the same values on each. Who is not in it has missing values.

        Returns
        -------
        Sample

        Raises
        ------
        UsageError
            If a customer is in `added` twice, or a feature is there already.
        """
        twice = added.index[added.index.duplicated()]
        if len(twice):
            raise UsageError(f"Sample.with_features: customer {twice[0]!r} is there twice; give one row to each.")
        there = [str(name) for name in added.columns if name in self.features.columns]
        if there:
            raise UsageError(f"Sample.with_features: there is a feature {there[0]!r} already; rename it.")
        joined = added.reindex(self.features.index)
        made = {
            name: values.astype("float64")
            if pd.api.types.is_numeric_dtype(added[name]) or pd.api.types.is_bool_dtype(added[name])
            else values.astype("category")
            for name, values in joined.items()
        }
        return replace(self, features=self.features.assign(**made))

    def to_frame(self) -> pd.DataFrame:
        """Return a frame with ``customer_id``, ``as_of``, the features and ``left``."""
        whole = self.features.copy()
        whole.insert(0, "as_of", self.as_of.to_numpy())
        whole["left"] = self.label.to_numpy()
        return whole.reset_index()


def nobody(error: DataError, *, world: str = "silence") -> Sample:
    """Return a sample without customers that says why there are none."""
    none = pd.DataFrame(index=pd.Index([], name="customer_id"))
    empty = pd.Series([], index=none.index, dtype="float64")
    return Sample(none, empty, empty.astype("datetime64[ns]"), world, 0, reason(error))


def reason(error: DataError) -> str:
    """Return what an error says as a sentence for readers, without the name of who raised it."""
    text = str(error).partition(": ")[2] or str(error)
    return f"{text[0].upper()}{text[1:]}"
