"""Weights: what each answer of a survey counts for, means with their intervals, and how often a redraw takes each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from crm_analysis import resampling
from crm_analysis.errors import DataError, UsageError
from crm_analysis.proportion import wilson

Weight: TypeAlias = "str | np.ndarray | pd.Series | None"
"""A column of the answers, one number a row, or nothing: all count the same."""


def of(answers: pd.DataFrame, weight: Weight, *, caller: str) -> np.ndarray:
    """Return the weight of each row.

    Parameters
    ----------
    answers : DataFrame of shape (n, columns)
        The answers, one row each.
    weight : str, array or None
        A column of `answers`, or n numbers; None: every row counts 1.
    caller : str
        The analysis that asks, for messages.

    Returns
    -------
    array of shape (n,)

    Raises
    ------
    UsageError
        If there is no such column or the array has another length.
    DataError
        If a weight is missing, negative or no number, or all are zero.
    """
    if weight is None:
        return np.ones(len(answers))
    if isinstance(weight, str):
        if weight not in answers.columns:
            raise UsageError(f"{caller}: there is no column {weight!r} to weight by; name one that is there.")
        values = pd.to_numeric(answers[weight], errors="coerce").to_numpy("float64")
    else:
        values = np.asarray(weight, dtype="float64")
    if values.shape != (len(answers),):
        raise UsageError(f"{caller}: weight has {values.size} values for {len(answers)} rows; give one a row.")
    wrong = int((~np.isfinite(values) | (values < 0)).sum())
    if wrong:
        raise DataError(f"{caller}: {wrong} of {values.size} weights are missing or negative; mend or drop these rows.")
    if values.size and not values.any():
        raise DataError(f"{caller}: all weights are zero; give positive ones.")
    return values


def share_ends(share: float, answers: Any) -> tuple[float, float]:
    """Return Wilson's interval (95 %) of a share of an effective, so not always whole, number of answers."""
    low, high = wilson(min(1.0, max(0.0, share)) * answers, answers)
    # At 0 and 1 rounding may leave the share itself outside.
    return min(low, share), max(high, share)


def mean(values: np.ndarray, weights: np.ndarray) -> tuple[float, float, float, float]:
    """Return a weighted mean, its 95 % interval and the p-value of its being zero.

    Parameters
    ----------
    values : array of shape (n,)
        What was measured; missing values are left out.
    weights : array of shape (n,)
        What each counts for.

    Returns
    -------
    tuple of float
        Mean, lower end, upper end, p-value (Student's t, n - 1 degrees of freedom). The variance is that of a
        linearised ratio, n / (n - 1) sum w^2 (x - mean)^2 / (sum w)^2 (Cochran 1977, section 6.3), which without
        weights is s^2 / n. Missing where there are too few values; the interval has no width, and the p-value is
        missing, where all are equal.
    """
    from scipy.stats import t

    known = np.isfinite(values) & (weights > 0)
    x, w, n = values[known], weights[known], int(known.sum())
    if n == 0:
        return np.nan, np.nan, np.nan, np.nan
    centre = float(w @ x / w.sum())
    if n < 2:
        return centre, np.nan, np.nan, np.nan
    error = float(np.sqrt(n / (n - 1) * (w**2 @ (x - centre) ** 2)) / w.sum())
    half = float(t.ppf(0.975, n - 1)) * error
    # Rounding leaves a trace of a spread where there is none.
    p_value = 2 * float(t.sf(abs(centre) / error, n - 1)) if error > 1e-12 * max(1.0, abs(centre)) else np.nan
    return centre, centre - half, centre + half, p_value


def redraws(weights: np.ndarray, *, draws: int, seed: int) -> Iterator[np.ndarray]:
    """Yield blocks of bootstrap weights, how often each row is drawn times what it counts for: (some draws, n)."""
    for block in resampling.counts(np.random.default_rng(seed), size=len(weights), resamples=draws):
        yield block * weights


def means(values: np.ndarray, blocks: Iterable[np.ndarray]) -> np.ndarray:
    """Return the mean of each column of `values` (n x columns, NaN = missing) under each row of weights in `blocks`."""
    known, filled = np.isfinite(values).astype("float64"), np.nan_to_num(values)
    found = []
    for block in blocks:
        total = block @ known
        found.append(np.divide(block @ filled, total, out=np.full(total.shape, np.nan), where=total > 0))
    return np.concatenate(found)


def ends(drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of percentile intervals (95 %) over the first axis; redraws without an estimate are left out."""
    with_values = np.isfinite(drawn).any(axis=0)
    low, high = np.full(drawn.shape[1:], np.nan), np.full(drawn.shape[1:], np.nan)
    if with_values.any():
        low[with_values], high[with_values] = np.nanquantile(
            drawn[:, with_values], [0.025, 0.975], axis=0, method="weibull"
        )
    return low, high
