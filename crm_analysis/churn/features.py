"""Features: which columns of the customer view a model may use, and in what form."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from crm_analysis.churn.sample import LARGEST

if TYPE_CHECKING:
    from crm_analysis.study.config import SurveyConfig

# Sums over the whole life of the relation without a date: on an earlier day they were not known yet.
UNDATED = {
    "cost_to_serve": "it has no date, so an earlier day may already hold what came later",
}


def moves_with_the_calendar(feature: str) -> bool:
    """Whether a feature grows by a day every day, whatever the customer does: ages, and days since a date."""
    return feature == "tenure_days" or feature.endswith("_days_ago")


_IDS = ("customer_id", "person_id", "referrer_id", "survey_respondent_id")
# Said once more, in days, by another column.
_SAID = ("first_purchase", "last_purchase")
_MOST_CATEGORIES = 50


def make(customers: pd.DataFrame, *, as_of: date | None, leave_out: tuple[str, ...] = ()) -> tuple[pd.DataFrame, dict]:
    """Turn the customer view into features.

    Parameters
    ----------
    customers : DataFrame
        One row per customer, with ``customer_id``, as `Study.customer360` gives it.
    as_of : date, optional
        The day of the view: dates become days before it; without a day they are left out.
    leave_out : tuple of str
        Columns that are no features, such as the label.

    Returns
    -------
    features : DataFrame
        Indexed by ``customer_id``. Numbers and yes-no values are float64 (missing: NaN), texts are categories.
    dropped : dict of str to str
        Columns that were left out, each with the reason in words.
    """
    made: dict[str, pd.Series] = {}
    dropped: dict[str, str] = {}
    for name in customers.columns:
        column = customers[name]
        if name in _IDS or name in _SAID or name in leave_out:
            continue
        if name in UNDATED and as_of is not None:
            dropped[name] = UNDATED[name]
        elif pd.api.types.is_datetime64_any_dtype(column):
            if as_of is None:
                dropped[name] = "it is a date, and the table says nothing of the day on which it was looked at"
            else:
                days = (pd.Timestamp(as_of) - column.dt.normalize()).dt.days
                made[f"{name}_days_ago"] = days.astype("float64")
        elif pd.api.types.is_bool_dtype(column) or pd.api.types.is_numeric_dtype(column):
            made[name] = column.astype("float64")
        else:
            values = column.astype("string")
            as_numbers = pd.to_numeric(values, errors="coerce")
            if _is_number_of_something(values):
                dropped[name] = "its values are numbers like those of a phone or an account"
            elif values.notna().any() and as_numbers.notna().sum() == values.notna().sum():
                made[name] = as_numbers.astype("float64")
            elif values.nunique() > _MOST_CATEGORIES:
                dropped[name] = f"it has {values.nunique():,} different texts"
            else:
                # "str" marks what is missing by NaN; pandas' NA of "string" stops the learners' encoders.
                made[name] = values.astype("str").astype("category")
    for name in [name for name, values in made.items() if values.dtype == "float64" and (values.abs() > LARGEST).any()]:
        del made[name]
        dropped[name] = "it holds infinite values, or such as no model can take"
    features = pd.DataFrame(made, index=customers.index)
    features.index = pd.Index(customers["customer_id"].to_numpy(), name="customer_id")
    return features, dropped


def _is_number_of_something(values: pd.Series) -> bool:
    """Whether texts are ids in digits: as long as each other, and hardly one of them twice."""
    given = values.dropna()
    digits = given.str.fullmatch(r"[+\d][\d\s-]{5,}").fillna(False)
    return bool(
        len(given) > 20 and digits.all() and given.nunique() > 0.9 * len(given) and given.str.len().nunique() <= 2
    )


def answered(customers: pd.DataFrame, survey: SurveyConfig) -> pd.DataFrame:
    """Put the mean of each construct, from 0 to 100 on the scale of its items, in the place of all survey items.

    Parameters
    ----------
    customers : DataFrame
        The customer view, with the latest answers of each customer; missing where somebody was not asked.
    survey : SurveyConfig
        The items, their lowest and highest codes, and the constructs.

    Returns
    -------
    DataFrame
        ``survey_<construct>`` for every construct with an item in the view, and ``survey_answered`` (yes or no).
    """
    items = {name: ends for name, ends in survey.items.items() if name in customers.columns}
    made: dict[str, pd.Series] = {}
    for construct, named in survey.constructs.items():
        there = [name for name in named if name in items]
        if there:
            low, high = (np.array([items[name][end] for name in there], dtype="float64") for end in (0, 1))
            made[f"survey_{construct}"] = (100 * (customers[there] - low) / (high - low)).mean(axis=1)
    asked = [name for name in customers.columns if name in items or name.startswith("survey_")]
    if made:
        made["survey_answered"] = pd.DataFrame(made).notna().any(axis=1)
    return customers.drop(columns=asked).assign(**made)


def together(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Put the features of several days below each other; a category keeps the values of all days."""
    columns = list(dict.fromkeys(name for frame in frames for name in frame.columns))
    made = {}
    index = np.concatenate([frame.index.to_numpy() for frame in frames])
    for name in columns:
        parts = [frame[name] if name in frame.columns else pd.Series(np.nan, frame.index) for frame in frames]
        if any(isinstance(part.dtype, pd.CategoricalDtype) for part in parts):
            made[name] = pd.Categorical(np.concatenate([part.astype("object").to_numpy() for part in parts]))
        else:
            made[name] = np.concatenate([part.to_numpy("float64") for part in parts])
    return pd.DataFrame(made, index=pd.Index(index, name="customer_id"))
