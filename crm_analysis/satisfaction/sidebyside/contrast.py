"""Contrast: the three estimators' numbers in one table, their differences, and what measurement error makes of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.stats import norm

from crm_analysis import resampling
from crm_analysis.multiplicity import holm
from crm_analysis.satisfaction.composites import inner
from crm_analysis.satisfaction.composites.design import Design
from crm_analysis.satisfaction.sidebyside.refitting import METHODS, Refit, labels

LEVEL = 0.05
"""Chance of a false alarm among the differences of one pair of estimators."""

PAIRS = (("pls", "cb_sem"), ("plsc", "cb_sem"), ("pls", "plsc"))
"""Which estimators are set against each other: the first less the second."""


def numbers(found: Mapping[str, Refit], design: Design, kind: str) -> pd.DataFrame:
    """Return the numbers of one kind (path, loading, r2) with percentile intervals (95 %).

    Returns
    -------
    DataFrame
        first, second, and of each estimator ``pls``, ``plsc``, ``cb_sem`` with ``_low`` and ``_high``; missing where
        the estimator cannot be used.
    """
    names = labels(design)
    rows = (names["kind"] == kind).to_numpy()
    table = names.loc[rows, ["first", "second"]].reset_index(drop=True)
    for method in METHODS:
        refit = found[method]
        draws = refit.draws[:, rows]
        low, high = resampling.percentile(draws[np.isfinite(draws).all(axis=1)])
        parts = (refit.numbers[rows], low, high) if refit.usable else (np.full(rows.sum(), np.nan),) * 3
        for end, values in zip(("", "_low", "_high"), parts, strict=True):
            table[f"{method}{end}"] = values
    return table


def differences(found: Mapping[str, Refit], design: Design, kind: str) -> pd.DataFrame:
    """Return the differences of each usable pair of estimators, resample by resample.

    Returns
    -------
    DataFrame
        pair, first, second, difference with ``difference_low`` and ``difference_high`` (percentiles), p_value and
        p_holm (over the numbers of a pair), differs. The p-value is that of the normal distribution with the width of
        the interval, (high - low) / 3.92, as error: a few wild refits do not blow it up.
    """
    names = labels(design)
    rows = (names["kind"] == kind).to_numpy()
    tables = []
    for one, other in PAIRS:
        if not (found[one].usable and found[other].usable):
            continue
        table = names.loc[rows, ["first", "second"]].reset_index(drop=True)
        table.insert(0, "pair", f"{METHODS[one]} less {METHODS[other]}")
        table["difference"] = (found[one].numbers - found[other].numbers)[rows]
        drawn = (found[one].draws - found[other].draws)[:, rows]
        low, high = resampling.percentile(drawn[np.isfinite(drawn).all(axis=1)])
        table["difference_low"], table["difference_high"] = low, high
        error = (high - low) / (2 * norm.ppf((1 + resampling.LEVEL) / 2))
        # A single item's loading is 1 by every estimator: nothing to test.
        with np.errstate(divide="ignore", invalid="ignore"):
            z = np.where(error > 1e-12, np.abs(table["difference"]) / error, np.nan)
        table["p_value"] = 2 * norm.sf(z)
        table["p_holm"] = holm(table["p_value"].to_numpy())
        tables.append(table.assign(differs=table["p_holm"] < LEVEL))
    columns = ["pair", "first", "second", "difference", "difference_low", "difference_high"]
    columns += ["p_value", "p_holm", "differs"]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)


def weakened(correlations: np.ndarray, reliability: np.ndarray, design: Design) -> np.ndarray:
    """Return the paths that correlations free of error would become among scores that are not.

    Parameters
    ----------
    correlations : array of shape (constructs, constructs)
        Among the constructs themselves, as CB-SEM or consistent PLS estimates them.
    reliability : array of shape (constructs,)
        Of their scores; 1 for single items.
    design : Design
        Which construct leads to which.

    Returns
    -------
    array of shape (paths,)
        In the order of `labels`. Each correlation is multiplied by the root of both reliabilities, then constructs are
        regressed on their sources. With one source that is the path times the root; with several a path can also
        grow, where it takes over what a less reliable source no longer carries.

    References
    ----------
    Spearman, C. (1904). The proof and measurement of association between two things. American Journal of Psychology
    15, 72-101.
    """
    root = np.sqrt(np.clip(reliability, 0, None))
    scores = correlations * np.outer(root, root)
    np.fill_diagonal(scores, 1.0)
    return inner.paths(scores[None], design)[0][0][design.adjacency]
