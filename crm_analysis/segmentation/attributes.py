"""Attributes: which columns of the customers say who they are, and the groups that each of them makes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from crm_analysis.errors import UsageError
from crm_analysis.table import number

AGE = "age_band"
"""The name of the attribute that is made of ``birth_year``."""

NOT_KNOWN = "(not known)"
_AGES = [0, 25, 35, 45, 55, 65]
_AGE_NAMES = ["under 25", "25–34", "35–44", "45–54", "55–64", "65 or older"]

# More groups than this are names or measures, not groups.
_MOST_TEXTS, _MOST_NUMBERS = 20, 6
# What the customer view computes: deeds, which an attribute is to be compared with.
_DEEDS = {
    *("first_purchase", "last_purchase", "recency_days", "tenure_days", "frequency", "purchase_days", "monetary"),
    *("mean_order_value", "spend_trend", "returns_share", "gap_mean_days", "gap_cv", "categories", "margin"),
    *("discount_share", "open_contract", "contract_start", "monthly_fee", "contacts", "complaints", "referrals_made"),
    *("gross_spend", "spend_last_year", "spend_year_before", "first_day_spend"),
}
_IDS = {"customer_id", "person_id", "referrer_id", "respondent_id"}


def find(customers: pd.DataFrame) -> tuple[list[str], dict[str, str]]:
    """Look through the columns for attributes.

    Parameters
    ----------
    customers : DataFrame
        One row per customer, as `Study.customer360` gives them, or any table of customers.

    Returns
    -------
    tuple of list and dict
        The attributes found, and the columns left out with the reason. ``birth_year`` becomes ``age_band``.
    """
    found, left_out = [], {}
    for column in customers.columns:
        if column == "birth_year":
            found.append(AGE)
            continue
        reason = _unfit(customers, column)
        if reason:
            left_out[column] = reason
        elif reason is None:
            found.append(column)
    return found, left_out


def _unfit(customers: pd.DataFrame, column: str) -> str | None:
    """Why a column is no attribute; empty where nobody would expect it to be one."""
    values = customers[column]
    answered = customers.get("survey_respondent_id")
    if column in _IDS or column in _DEEDS or column.startswith("survey_"):
        return ""
    if answered is not None and answered.isna().any() and values.notna().any() and values[answered.isna()].isna().all():
        return ""
    known = values.dropna()
    distinct = known.nunique()
    if distinct < 2:
        return "the same for all" if distinct else "nobody has a value"
    if pd.api.types.is_datetime64_any_dtype(known.dtype):
        return "a date"
    if pd.api.types.is_numeric_dtype(known.dtype):
        whole = (known.to_numpy("float64") % 1 == 0).all()
        return (
            None if whole and distinct <= _MOST_NUMBERS else f"{number(distinct)} different numbers, cut it into bands"
        )
    return None if distinct <= _MOST_TEXTS else f"{number(distinct)} different texts"


def labels(customers: pd.DataFrame, attribute: str, *, year: int | None = None, caller: str) -> pd.Series:
    """Return the group of each customer by one attribute, as text.

    Parameters
    ----------
    customers : DataFrame
        One row per customer.
    attribute : str
        A column, or ``age_band``.
    year : int, optional
        The year that ages are counted in; by default that of the view, see `view_year`.
    caller : str
        The analysis, for its messages.

    Returns
    -------
    Series of shape (n,)
        An ordered categorical; numbers and ages in their order, texts by how common they are; ``(not known)`` last.

    Raises
    ------
    UsageError
        If there is no such column.
    """
    if attribute == AGE and AGE not in customers.columns:
        if "birth_year" not in customers.columns:
            raise UsageError(
                f"{caller}: age_band needs the column 'birth_year'; leave it out of by, or add the column."
            )
        return _bands(customers["birth_year"].astype("float64"), year if year is not None else view_year(customers))
    if attribute not in customers.columns:
        raise UsageError(f"{caller}: the customers have no column {attribute!r}; name one that they have.")
    values = customers[attribute]
    texts = values.map(
        lambda value: number(value) if isinstance(value, int | float) else str(value), na_action="ignore"
    )
    if pd.api.types.is_numeric_dtype(values.dtype):
        order = list(dict.fromkeys(texts[values.sort_values().index].dropna()))
    else:
        order = list(
            texts.value_counts()
            .rename_axis("text")
            .reset_index()
            .sort_values(["count", "text"], ascending=[False, True])["text"]
        )
    return _ordered(texts, order)


def _bands(born: pd.Series, year: int | None) -> pd.Series:
    if year is None:
        # Without a day there is no age; the decade of birth says nearly the same.
        decades = (born // 10 * 10).map(lambda decade: f"born {decade:.0f}s", na_action="ignore")
        return _ordered(decades, sorted(decades.dropna().unique(), reverse=True))
    cut = pd.cut(year - born, [*_AGES, math.inf], right=False, labels=_AGE_NAMES)
    return _ordered(cut.astype("object"), _AGE_NAMES)


def _ordered(texts: pd.Series, order: Sequence[str]) -> pd.Series:
    present = [text for text in order if (texts == text).any()]
    missing = [NOT_KNOWN] if texts.isna().any() and NOT_KNOWN not in present else []
    return pd.Series(pd.Categorical(texts.fillna(NOT_KNOWN), [*present, *missing], ordered=True), index=texts.index)


def view_year(customers: pd.DataFrame) -> int | None:
    """Return the year of the customer view: the last purchase and the days since then; None where it is unknown."""
    if not {"last_purchase", "recency_days"} <= set(customers.columns):
        return None
    known = customers[["last_purchase", "recency_days"]].dropna().head(1)
    if known.empty:
        return None
    seen = pd.Timestamp(known["last_purchase"].iloc[0]) + pd.Timedelta(days=float(known["recency_days"].iloc[0]))
    return int(seen.year)


def answers(values: pd.Series, *, caller: str) -> pd.Series:
    """Turn a column of yes and no into numbers: 1, 0, or missing.

    Parameters
    ----------
    values : Series
        Booleans, 0 and 1, or the words yes and no (also true and false, 是 and 否), in any spelling.
    caller : str
        The analysis, for its messages.

    Returns
    -------
    Series of float

    Raises
    ------
    UsageError
        If another value is there.
    """
    words = {
        "yes": 1.0,
        "true": 1.0,
        "1": 1.0,
        "1.0": 1.0,
        "是": 1.0,
        "no": 0.0,
        "false": 0.0,
        "0": 0.0,
        "0.0": 0.0,
        "否": 0.0,
    }
    texts = values.map(lambda value: str(value).strip().lower(), na_action="ignore")
    turned = texts.map(words)
    strange = values[turned.isna() & values.notna()]
    if len(strange):
        raise UsageError(
            f"{caller}: the outcome {str(values.name)!r} must be yes or no (or 1 and 0), but has {strange.iloc[0]!r}; "
            "turn it into that."
        )
    return turned.astype("float64")
