"""Ratings: the eight parts of delivered value in a survey, by firm, and what they add up to for each respondent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from crm_analysis.errors import DataError, UsageError
from crm_analysis.table import listed

VALUES = ("product_value", "personnel_value", "image_value", "service_value")
COSTS = ("money_cost", "mental_cost", "time_cost", "physical_cost")
PARTS = (*VALUES, *COSTS)
"""What is given (PPIS: product, personnel, image, service) and what it costs (MMTP: money, mental, time, physical)."""
SIGNS = np.array([1.0] * len(VALUES) + [-1.0] * len(COSTS))
"""What each part does to delivered value."""

OWN = "own"


def scores(
    answers: pd.DataFrame,
    *,
    firms: Sequence[str] = (),
    importance: Mapping[str, float] | None = None,
    wave: int | None = None,
) -> pd.DataFrame:
    """Return the delivered value that each respondent sees in each firm.

    Parameters
    ----------
    answers, firms, importance, wave
        As for `delivered.compare`.

    Returns
    -------
    DataFrame
        One row per respondent of the wave: customer_id (missing where not known), a column per firm, and ``advantage``,
        ours less the mean of the others; missing where a part was not rated. No rows where there are no items.
    """
    names = list(firms) or found(answers)
    taken = one_wave(answers, wave)
    known = taken["customer_id"] if "customer_id" in taken.columns else None
    table = pd.DataFrame({"customer_id": known}, index=taken.index)
    if not names:
        return table.assign(advantage=np.nan).iloc[:0].reset_index(drop=True)
    weights = importance_of(importance) * SIGNS
    for firm in names:
        table[firm] = taken[items(firm, taken)].to_numpy("float64") @ weights
    others = table[names[1:]].mean(axis=1, skipna=False) if names[1:] else np.nan
    return table.assign(advantage=table[names[0]] - others).reset_index(drop=True)


def found(answers: pd.DataFrame) -> list[str]:
    """Prefixes for which all eight parts are there, ours first."""
    columns = set(map(str, answers.columns))
    prefixes = dict.fromkeys(
        str(name)[: -len(PARTS[0]) - 1] for name in answers.columns if str(name).endswith(f"_{PARTS[0]}")
    )
    whole = [firm for firm in prefixes if all(f"{firm}_{part}" in columns for part in PARTS)]
    return sorted(whole, key=lambda firm: firm != OWN)


def items(firm: str, answers: pd.DataFrame) -> list[str]:
    """Names of the eight items of a firm, or a UsageError that names the one that is missing."""
    items = [f"{firm}_{part}" for part in PARTS]
    missing = [item for item in items if item not in answers.columns]
    if missing:
        raise UsageError(f"delivered: the answers have no item {missing[0]!r}; each firm needs all eight parts.")
    return items


def one_wave(answers: pd.DataFrame, wave: int | None) -> pd.DataFrame:
    """Answers of one wave, by default the last, so that nobody counts twice; all where there are no waves."""
    if "wave" not in answers.columns or answers["wave"].isna().all():
        return answers
    waves = sorted(answers["wave"].dropna().unique().tolist())
    if wave is not None and wave not in waves:
        raise UsageError(f"delivered: there is no wave {wave}; the survey has {listed([f'{one:g}' for one in waves])}.")
    return answers[answers["wave"] == (waves[-1] if wave is None else wave)]


def importance_of(given: Mapping[str, float] | None) -> np.ndarray:
    """Weights of the eight parts, of mean 1."""
    if given is None:
        return np.ones(len(PARTS))
    missing = [part for part in PARTS if part not in given]
    if missing:
        raise UsageError(f"delivered: importance lacks the part {missing[0]!r}; give one for each of the eight.")
    values = np.array([float(given[part]) for part in PARTS])
    if not (values >= 0).all() or not 0 < values.sum() < np.inf:
        raise UsageError(f"delivered: importance must be positive numbers, not {dict(given)}.")
    return values / values.mean()


def counts(answers: pd.DataFrame, weight: str) -> np.ndarray:
    """What each respondent counts for."""
    if not weight:
        return np.ones(len(answers))
    if weight not in answers.columns:
        raise UsageError(f"delivered: there is no column {weight!r} to weight by; name one that is there.")
    counts = answers[weight].to_numpy("float64")
    if not (np.isfinite(counts) & (counts >= 0)).all() or not counts.any():
        raise DataError(f"delivered: the weights in {weight!r} must be numbers of zero or more, some above; mend them.")
    return counts
