"""Sample: what was known of customers on a day, and who of them left afterwards."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from crm_analysis.errors import DataError, UsageError
from crm_analysis.table import count, listed

# What is larger overflows where learners square it.
LARGEST = 1e30
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

    @property
    def days(self) -> str:
        """The days of the rows, in words."""
        return listed([str(pd.Timestamp(day).date()) for day in sorted(self.as_of.dropna().unique())])

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
        known = sound(added)
        known = known.astype(dict.fromkeys(known.select_dtypes(bool), "float64"))
        return replace(self, features=self.features.assign(**known.reindex(self.features.index)))

    def to_frame(self) -> pd.DataFrame:
        """Return a frame with ``customer_id``, ``as_of``, the features and ``left``, which no feature may be called."""
        taken = [name for name in ("customer_id", "as_of", "left") if name in self.features.columns]
        if taken:
            raise UsageError(f"Sample.to_frame: a feature is called {taken[0]!r}, as a column beside it; rename it.")
        whole = self.features.copy()
        whole.insert(0, "as_of", self.as_of.to_numpy())
        whole["left"] = self.label.to_numpy()
        return whole.reset_index()


def sound(features: pd.DataFrame) -> pd.DataFrame:
    """Return features as models take them, or say which one no model can take.

    Parameters
    ----------
    features : DataFrame
        Numbers, yes-no values, categories, and texts, which become categories.

    Returns
    -------
    DataFrame

    Raises
    ------
    UsageError
        If a feature is there twice, its name is no text, or it holds dates or anything else.
    DataError
        If a number is infinite, or so large that learners take it for infinite.
    """
    wrong = [name for name in features.columns if not isinstance(name, str)]
    if wrong:
        raise UsageError(f"churn: the name of a feature must be a text, not {wrong[0]!r}; rename it.")
    twice = features.columns[features.columns.duplicated()]
    if len(twice):
        raise UsageError(f"churn: the feature {twice[0]!r} is there twice; rename one or leave it out.")
    made = {}
    for name, kind in features.dtypes.items():
        if isinstance(kind, pd.CategoricalDtype) or kind == "bool":
            continue
        values = features[name]
        if pd.api.types.is_numeric_dtype(kind):
            numbers = values.to_numpy("float64", na_value=np.nan)
            held = np.abs(numbers)
            if pd.api.types.is_extension_array_dtype(kind):
                # pandas' NA stops what reads single values; NaN does not.
                made[name] = numbers
            if (held > LARGEST).any():
                raise DataError(
                    f"churn: the feature {name!r} holds {np.nanmax(held):g}, too large for a model; make it missing "
                    "or leave the feature out."
                )
        elif pd.api.types.is_object_dtype(kind) or pd.api.types.is_string_dtype(kind):
            made[name] = values.astype("str").astype("category")
        else:
            raise UsageError(
                f"churn: the feature {name!r} is neither a number nor a text; give days before the snapshot for a date."
            )
    return features.assign(**made) if made else features


def who_left(sample: Sample, *, fewest: int, where: str) -> np.ndarray:
    """Return the labels of a sample, or say why they are not enough.

    Parameters
    ----------
    sample : Sample
        Customers.
    fewest : int
        At least so many must have left, and stayed.
    where : str
        What for, in words.

    Returns
    -------
    array of shape (n,)
        1 for who left, else 0.

    Raises
    ------
    UsageError
        If a label is neither 0 nor 1.
    DataError
        If there are no customers, labels or features, or too few of either kind.
    """
    if sample.missing:
        raise DataError(f"churn: {sample.missing}")
    if sample.label.isna().any():
        when = f" after {sample.days}" if sample.dated else ""
        raise DataError(f"churn: it is not known yet who {sample.event.did}{when}, so there is nothing {where}.")
    wrong = sample.label[~sample.label.isin((0, 1))]
    if len(wrong):
        raise UsageError(f"churn: the label must be 1 for who {sample.event.did}, else 0, not {wrong.iloc[0]:g}.")
    left = sample.left
    gone, stayed = int(left.sum()), int((1 - left).sum())
    if min(gone, stayed) < fewest:
        noun = "customer" if sample.features.index.is_unique else "row"
        raise DataError(
            f"churn: of {count(len(left), noun)} {gone} {sample.event.did} and {stayed} did not; at least "
            f"{fewest} of each are needed {where}: use another horizon, more snapshots or more customers."
        )
    if not sample.features.shape[1]:
        raise DataError("churn: there are no features; the study needs more than ids and labels.")
    return left


def nobody(error: DataError, *, world: str = "silence") -> Sample:
    """Return a sample without customers that says why there are none."""
    none = pd.DataFrame(index=pd.Index([], name="customer_id"))
    empty = pd.Series([], index=none.index, dtype="float64")
    return Sample(none, empty, empty.astype("datetime64[ns]"), world, 0, reason(error))


def reason(error: DataError) -> str:
    """Return what an error says as a sentence for readers, without the name of who raised it."""
    text = str(error).partition(": ")[2] or str(error)
    return f"{text[0].upper()}{text[1:]}"
