"""Weighting: what each indicator counts for in a loyalty value."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from crm_analysis import options
from crm_analysis.errors import UsageError

SCHEMES = ("equal", "entropy", "critic")


def entropy(values: np.ndarray) -> np.ndarray:
    """Return Shannon's entropy weights.

    Parameters
    ----------
    values : array of shape (n, k)
        Not negative, complete.

    Returns
    -------
    array of shape (k,)
        With p_ij = x_ij / sum_i x_ij and e_j = -sum_i p_ij ln p_ij / ln n, the weights are (1 - e_j) / sum (1 - e_j);
        equal where no indicator differs between customers.

    References
    ----------
    Shannon, C. E. (1948). A mathematical theory of communication. Bell System Technical Journal 27, 379-423.
    Zeleny, M. (1982). Multiple Criteria Decision Making. McGraw-Hill, chapter 7.
    """
    n, k = values.shape
    total = values.sum(axis=0)
    if n < 2:
        return np.full(k, 1 / k)
    shares = np.divide(values, total, out=np.full_like(values, 1 / n), where=total > 0)
    logs = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    return _normalised(1 + (shares * logs).sum(axis=0) / np.log(n))


def critic(values: np.ndarray) -> np.ndarray:
    """Return the weights of CRITIC: spread times conflict.

    Parameters
    ----------
    values : array of shape (n, k)
        On one scale, complete.

    Returns
    -------
    array of shape (k,)
        C_j = s_j sum_l (1 - r_jl), with s_j the standard deviation and r_jl Pearson's correlations; the weights are
        C_j / sum C_j. An indicator without spread weighs nothing; equal where none has any.

    References
    ----------
    Diakoulaki, D., Mavrotas, G. and Papayannakis, L. (1995). Determining objective weights in multiple criteria
    problems: the CRITIC method. Computers and Operations Research 22(7), 763-770.
    """
    n, k = values.shape
    if n < 2:
        return np.full(k, 1 / k)
    centred = values - values.mean(axis=0)
    spread = np.sqrt((centred**2).mean(axis=0))
    scaled = np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 1e-12)
    conflict = 1 - scaled.T @ scaled / n
    np.fill_diagonal(conflict, 0.0)
    # What a constant indicator conflicts with is not defined; it adds nothing to the others.
    conflict[:, spread <= 1e-12] = 0.0
    return _normalised(np.where(spread > 1e-12, spread, 0.0) * conflict.sum(axis=1))


def of(values: pd.DataFrame, scheme: str | Mapping[str, float]) -> np.ndarray:
    """Return the weights of the columns, with sum 1.

    Parameters
    ----------
    values : DataFrame of shape (n, k)
        Indicators from 0 to 100. Entropy and CRITIC look at the rows that have all of them.
    scheme : {"equal", "entropy", "critic"} or mapping of str to float
        How to weigh; a mapping names a weight for each indicator, and those that it does not name weigh nothing.

    Returns
    -------
    array of shape (k,)

    Raises
    ------
    UsageError
        If there is no such scheme, a weight is negative or none is positive.
    """
    k = values.shape[1]
    if isinstance(scheme, str) and scheme in SCHEMES:
        complete = values.dropna().to_numpy("float64")
        if scheme == "equal" or k == 0:
            return np.full(k, 1 / max(k, 1))
        return entropy(complete) if scheme == "entropy" else critic(complete)
    if not isinstance(scheme, Mapping):
        raise UsageError(f"score: weights must be {', '.join(SCHEMES)} or a mapping of numbers, not {scheme!r}.")
    wrong = [name for name, weight in scheme.items() if not options.is_number(weight)]
    if wrong:
        raise UsageError(f"score: the weight of {wrong[0]!r} must be a number, not {scheme[wrong[0]]!r}.")
    given = np.array([float(scheme.get(name, 0.0)) for name in values.columns])
    if not np.isfinite(given).all() or (given < 0).any() or (k and not given.any()):
        names = ", ".join(map(str, values.columns))
        raise UsageError(f"score: weights must be zero or more, and at least one of {names} above zero.")
    return given / given.sum() if k else given


def weighted_mean(values: np.ndarray, weights: np.ndarray, *, least: float = 0.5) -> np.ndarray:
    """Return each row's weighted mean over what is known of it; missing where that is less than a part of the weight.

    Parameters
    ----------
    values : array of shape (n, k)
        With missing values.
    weights : array of shape (k,)
        With sum 1.
    least : float
        The part of the weight that must be known.

    Returns
    -------
    array of shape (n,)
    """
    known = np.isfinite(values) @ weights
    total = np.nan_to_num(values) @ weights
    enough = (known >= least - 1e-12) & (known > 0)
    return np.divide(total, known, out=np.full(len(values), np.nan), where=enough)


def _normalised(raw: np.ndarray) -> np.ndarray:
    raw = np.maximum(raw, 0.0)
    total = raw.sum()
    return raw / total if total > 1e-12 else np.full(len(raw), 1 / len(raw))
