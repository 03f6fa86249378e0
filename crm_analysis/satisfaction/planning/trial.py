"""Trial: how one question did in a pretest, and what to do with it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from crm_analysis.proportion import share
from crm_analysis.satisfaction.specification import answers as answered
from crm_analysis.satisfaction.specification.specification import Model

Scale = tuple[float, float]

WEAK = 0.3
"""Correlation with the other items below which an item hardly belongs to them (Nunnally and Bernstein 1994)."""
UNANSWERED = 0.1
"""Share of missing answers above which a question asks what people cannot or will not say: a convention of ours."""
CROWDED = 0.5
"""Share of answers at one end of a scale above which it no longer tells people apart: a convention of ours."""
FEWEST_CODES = 4
"""Scales of fewer steps (yes or no) are not judged by how many stand at their ends."""
FEWEST_QUESTIONS = 4
"""So many questions of one scale must have been answered before the same answer to all of them says anything."""


def ends(
    model: Model, answers: pd.DataFrame, *, scale: Scale | None, codes: Mapping[str, Scale] | None
) -> dict[str, Scale]:
    """Check the answers and return the lowest and highest code of each item whose scale is known."""
    given = {item: scale for item in model.items if scale is not None} | {
        item: pair for item, pair in (codes or {}).items() if item in model.items
    }
    if len(answers):
        model.rows()
        # In a pretest an item that all answer alike, or nobody, is something found out and no fault of the data.
        flat = [item for item in model.items if item in answers.columns and _is_flat(answers[item])]
        answered.check_items(answers, [item for item in model.items if item not in flat], scale=given)
    return given


def _is_flat(column: pd.Series | pd.DataFrame) -> bool:
    if isinstance(column, pd.DataFrame):
        return False
    return column.isna().all() or (pd.api.types.is_numeric_dtype(column.dtype) and column.min() == column.max())


def numbers(answers: pd.DataFrame, items: Sequence[str]) -> np.ndarray:
    """Return the items as floats of shape (respondents, items); no rows where there are no answers at all."""
    return answered.numbers(answers, items) if len(answers) else np.empty((0, len(items)))


def described(values: np.ndarray, ends: Scale | None) -> dict[str, Any]:
    """Return answered, missing_share, floor_share, ceiling_share, mean, sd, skew and their intervals of one item."""
    from scipy import stats

    given = values[~np.isnan(values)]
    n = len(given)
    row: dict[str, Any] = {"answered": n, **_with_ends("missing_share", len(values) - n, len(values))}
    stepped = ends is not None and ends[1] - ends[0] >= FEWEST_CODES - 1
    for name, end in (("floor_share", 0), ("ceiling_share", 1)):
        hits = int((given == ends[end]).sum()) if ends is not None else 0
        row |= _with_ends(name, hits, n if ends is not None else 0)
    spread = float(given.std(ddof=1)) if n > 1 else math.nan
    half = float(stats.t.ppf(0.975, n - 1)) * spread / math.sqrt(n) if n > 1 else math.nan
    mean = float(given.mean()) if n else math.nan
    row |= {"mean": mean, "mean_low": mean - half, "mean_high": mean + half, "sd": spread}
    row["skew"] = float(stats.skew(given, bias=False)) if n > 2 and spread > 0 else math.nan
    return row | {"stepped": stepped}


def _with_ends(name: str, hits: int, total: int) -> dict[str, float]:
    return dict(zip((name, f"{name}_low", f"{name}_high"), share(hits, total), strict=True))


def decide(row: dict[str, Any]) -> tuple[str, str]:
    """Return the decision on an item (keep, watch, word anew, turn round, drop, stretch) and its reason.

    Parameters
    ----------
    row : dict
        As `described` gives it, with item_rest and its interval, alpha and alpha_without. ``stepped`` is taken out.
    """
    stepped = row.pop("stepped")
    rest, low, high = (row[f"item_rest{end}"] for end in ("", "_low", "_high"))
    rises = row["alpha_without"] > row["alpha"]
    gain = f"; alpha would rise from {row['alpha']:.2f} to {row['alpha_without']:.2f} without it" if rises else ""
    if not row["answered"]:
        return "word anew", "nobody answered it"
    if row["sd"] == 0:
        return "watch", f"all {row['answered']} who answered gave the same answer, so it tells nobody apart"
    if high < 0:
        return "turn round", "it runs against the construct's other questions: its scale may be the wrong way round"
    if row["missing_share_low"] > UNANSWERED:
        return "word anew", f"{100 * row['missing_share']:.0f} % gave no answer: people cannot or will not say"
    if high < WEAK:
        return "drop", f"it hardly goes with the construct's other questions (correlation {rest:.2f}){gain}"
    crowded = [(name, row[f"{name}_share"], row[f"{name}_share_low"]) for name in ("floor", "ceiling") if stepped]
    for name, value, certain in crowded:
        if certain > CROWDED:
            return "stretch", f"{100 * value:.0f} % stand at the {_END[name]} end of its scale: ask for finer degrees"
    if rest < WEAK:
        return "watch", (
            f"it may hardly go with the construct's other questions (correlation {rest:.2f}, 95 % interval {low:.2f} "
            f"to {high:.2f}){gain}"
        )
    if row["missing_share"] > UNANSWERED:
        return "watch", f"{100 * row['missing_share']:.0f} % gave no answer, which may be chance among so few"
    for name, value, _ in crowded:
        if value > CROWDED:
            return "watch", f"{100 * value:.0f} % stand at the {_END[name]} end of its scale"
    return "keep", ""


_END = {"floor": "low", "ceiling": "high"}


def straight(answers: pd.DataFrame, ends: Mapping[str, Scale]) -> tuple[tuple[int, int], int]:
    """Count who gave one answer to all questions of the scale that most questions share.

    Returns
    -------
    (int, int)
        Who did so, among those who answered at least `FEWEST_QUESTIONS` of them; (0, 0) if there are fewer questions.
    int
        Number of these questions.
    """
    scales = list(ends.values())
    most = max(scales, key=scales.count, default=None)
    items = [item for item, pair in ends.items() if pair == most]
    if len(items) < FEWEST_QUESTIONS or answers.empty:
        return (0, 0), len(items)
    values = numbers(answers, items)
    values = values[(~np.isnan(values)).sum(axis=1) >= FEWEST_QUESTIONS]
    same = np.nanmax(values, axis=1) == np.nanmin(values, axis=1) if len(values) else np.zeros(0)
    return (int(same.sum()), len(values)), len(items)
