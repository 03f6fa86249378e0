"""Answers: can a model be estimated from them? Looked at before anything is fitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from crm_analysis.errors import DataError, UsageError
from crm_analysis.satisfaction.specification.spelling import known
from crm_analysis.table import count, listed, number

FEWEST = 10
"""With fewer respondents nothing is estimated."""

Scale = tuple[float, float] | Mapping[str, tuple[float, float]] | None

_COLLINEAR = 1e-10  # of the largest eigenvalue: double precision leaves about this much of an exact sum


def check_items(answers: pd.DataFrame, items: Sequence[str], *, scale: Scale = None) -> None:
    """Check that each item is a column of numbers that differ and lie within the scale.

    Parameters
    ----------
    answers : DataFrame
        A row per respondent; NaN is a missing answer.
    items : sequence of str
        The columns that a model needs.
    scale : tuple, or mapping of str to tuple, optional
        Lowest and highest code, of all items or by item; None: codes are not checked.

    Raises
    ------
    UsageError
        If an item is no column, or two columns bear its name.
    DataError
        If an item holds texts or infinite values, is constant or has no answer, or has codes outside the scale.
    """
    columns = [str(column) for column in answers.columns]
    for item in items:
        if item not in answers.columns:
            raise UsageError(
                f"The model needs the item {item!r}, which is no column of the answers; {known(item, columns)}."
            )
    check_numbers(answers, items)
    for item in items:
        _check_differ(item, answers[item])
        ends = scale.get(item) if isinstance(scale, Mapping) else scale
        if ends is not None:
            _check_codes(item, answers[item], ends)


def check_numbers(answers: pd.DataFrame, items: Sequence[str]) -> None:
    """Check that each item is one column of finite numbers; the errors are those of `check_items`."""
    columns = [str(column) for column in answers.columns]
    for item in items:
        if columns.count(item) > 1:
            raise UsageError(f"The answers have two columns called {item!r}; rename one of them.")
        _check_coded(item, answers[item])


def weights(
    answers: pd.DataFrame, weight: str | Sequence[float] | np.ndarray | pd.Series | None, *, caller: str
) -> np.ndarray:
    """Return the survey weights, shape (respondents,); 1 without.

    Parameters
    ----------
    answers : DataFrame
        A row per respondent.
    weight : str or array, optional
        A column of the answers, or one number per row.
    caller : str
        Who asks, for messages.

    Raises
    ------
    UsageError
        If the column is not there, or there is not one weight for each respondent.
    DataError
        If a weight is no number, missing, infinite or negative, or all are 0.
    """
    if weight is None:
        return np.ones(len(answers))
    if isinstance(weight, str):
        if weight not in answers.columns:
            raise UsageError(
                f"{caller}: the answers have no column {weight!r} to weight by; give weight=None or add it."
            )
        weight = answers[weight]
    given = pd.Series(np.asarray(weight)) if not isinstance(weight, pd.Series) else weight
    if given.shape != (len(answers),):
        raise UsageError(f"{caller}: there are {len(given):,} weights for {count(len(answers), 'respondent')}.")
    texts = [one for one in given if isinstance(one, str)]
    if texts:
        raise DataError(f"{caller}: the weights hold texts such as {texts[0]!r}; a weight is a number of 0 or more.")
    found = given.to_numpy("float64", na_value=np.nan)
    if not np.isfinite(found).all() or (found < 0).any():
        raise DataError(f"{caller}: a weight is missing or negative; give each respondent a weight of 0 or more.")
    if len(found) and not found.any():
        raise DataError(f"{caller}: every weight is 0, so nobody counts; give weights above 0, or weight=None.")
    return found


def numbers(answers: pd.DataFrame, items: Sequence[str]) -> np.ndarray:
    """Return the items as an array of floats of shape (respondents, items), NaN where an answer is missing."""
    columns = [answers[item].to_numpy(dtype=float, na_value=np.nan) for item in items]
    return np.column_stack(columns) if columns else np.empty((len(answers), 0))


def check_number(answers: pd.DataFrame, items: Sequence[str], *, most_sources: int) -> None:
    """Check that there are respondents enough for any estimate; DataError if not.

    Parameters
    ----------
    answers : DataFrame
        A row per respondent; those without any answer do not count.
    items : sequence of str
        The columns that count.
    most_sources : int
        The largest number of paths that lead to one construct.
    """
    there = _respondents(answers, items)
    needed = max(FEWEST, most_sources + 3)
    if there < needed:
        raise DataError(
            f"Only {count(there, 'respondent')} answered the items of the model; it needs at least {needed}."
        )


def check_covariances(answers: pd.DataFrame, items: Sequence[str], *, free: int) -> None:
    """Check that the covariances of the items can carry so many free parameters.

    Parameters
    ----------
    answers : DataFrame
        A row per respondent; those without any answer do not count.
    items : sequence of str
        The items whose covariances are fitted.
    free : int
        Number of free parameters of the model.

    Raises
    ------
    DataError
        If there are not more respondents than items (their covariance matrix is singular), fewer respondents than free
        parameters (so is that of the estimates), or an item is a sum of others.
    """
    there = _respondents(answers, items)
    if there <= len(items):
        raise DataError(
            f"There are {count(there, 'respondent')} for {count(len(items), 'item')}, and covariances need more "
            "respondents than items; estimate by PLS, leave items out, or ask more people."
        )
    if there < free:
        raise DataError(
            f"There are {count(there, 'respondent')} for {count(free, 'free parameter')}, and a model of covariances "
            "needs at least one for each (five to ten are better); estimate by PLS, simplify the model, or ask more "
            "people."
        )
    _check_collinear(answers, items)


def _respondents(answers: pd.DataFrame, items: Sequence[str]) -> int:
    return int(answers[list(items)].notna().any(axis=1).sum())


def _check_coded(item: str, column: pd.Series) -> None:
    given = column.dropna()
    texts = [] if pd.api.types.is_numeric_dtype(given.dtype) else [one for one in given if isinstance(one, str)]
    if texts:
        as_number = pd.to_numeric(pd.Series(texts), errors="coerce").notna().all()
        what = "numbers written as text" if as_number else "labels"
        cure = (
            f"convert them with pd.to_numeric(answers[{item!r}])"
            if as_number
            else f"replace them by their codes, as in answers[{item!r}].map({{{texts[0]!r}: 1, ...}})"
        )
        raise DataError(f"The item {item!r} holds {what} such as {texts[0]!r}; {cure}.")
    if not pd.api.types.is_numeric_dtype(given.infer_objects().dtype) and not _is_coded(given) and len(given):
        raise DataError(f"The item {item!r} holds values such as {given.iloc[0]!r}, which are no numbers; use codes.")
    if not np.isfinite(given.astype(float)).all():
        raise DataError(f"The item {item!r} holds an infinite value; set it to missing (NaN).")


def _check_differ(item: str, column: pd.Series) -> None:
    values = column.dropna().astype(float)
    if values.empty:
        raise DataError(f"The item {item!r} has no answer at all; leave it out of the model.")
    if (values == values.iloc[0]).all():
        raise DataError(
            f"The item {item!r} has one answer only, {number(float(values.iloc[0]))}, from all {len(values):,} who "
            "answered it, so it tells nothing apart; leave it out of the model."
        )


def _is_coded(given: pd.Series) -> bool:
    """Whether a categorical column has numbers for its categories."""
    return isinstance(given.dtype, pd.CategoricalDtype) and pd.api.types.is_numeric_dtype(given.cat.categories.dtype)


def _check_codes(item: str, column: pd.Series, ends: tuple[float, float]) -> None:
    values = column.dropna().astype(float)
    low, high = ends
    beyond = values[(values < low) | (values > high)]
    if len(beyond):
        raise DataError(
            f"The item {item!r} has {count(len(beyond), 'answer')} outside its scale {low:g}-{high:g}, first: row "
            f"{beyond.index[0]} = {beyond.iloc[0]:g}; set codes that mean no answer to missing (NaN), or give the item "
            "its own scale."
        )


def _check_collinear(answers: pd.DataFrame, items: Sequence[str]) -> None:
    """An item that the others add up to makes the covariance matrix singular; name it and them."""
    values = numbers(answers, items)
    values = values[~np.isnan(values).any(axis=1)]
    if len(values) <= len(items):
        return
    spread = values.std(axis=0)
    varies = spread > 0
    standard = (values[:, varies] - values[:, varies].mean(axis=0)) / spread[varies]
    names = [item for item, kept in zip(items, varies, strict=True) if kept]
    sizes, directions = np.linalg.eigh(standard.T @ standard / len(standard))
    if sizes[0] < _COLLINEAR * sizes[-1]:
        together = [names[place] for place in np.flatnonzero(np.abs(directions[:, 0]) > 1e-4)]
        if len(together) == 1:
            together = names
        raise DataError(
            f"The items {listed(together)} are perfectly collinear (one of them follows from the others without "
            f"error); leave {together[-1]} out of the model."
        )
