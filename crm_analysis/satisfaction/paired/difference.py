"""Difference: perceived less expected, scored by dimension, and how reliable such a difference is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from crm_analysis.errors import DataError, UsageError
from crm_analysis.satisfaction import succession
from crm_analysis.satisfaction.paired import weights
from crm_analysis.table import count, listed

DIMENSIONS = ("reliability", "assurance", "tangibles", "empathy", "responsiveness")
"""The five of SERVQUAL (Parasuraman, Zeithaml and Berry 1988): 信赖度、专业度、有形度、同理度、反应度."""

LEVELS = ("expected", "perceived", "adequate", "desired")

Items = Mapping[str, Sequence[str]]


def items(answers: pd.DataFrame, *, level: str, prefix: str = "servqual") -> dict[str, list[str]]:
    """Find the items of one level by their names, ``<prefix>_<dimension>_<number>_<level>``.

    Parameters
    ----------
    answers : DataFrame
        Answers with a column per item.
    level : {"expected", "perceived", "adequate", "desired"}
        What the items ask for.
    prefix : str
        How their names begin.

    Returns
    -------
    dict of str to list of str
        Dimension -> its items by number; the five of SERVQUAL first. Empty where there are none.

    Raises
    ------
    UsageError
        If the level is none of the four.
    """
    if level not in LEVELS:
        raise UsageError(f"service_quality: level must be one of {', '.join(LEVELS)}, not {level!r}.")
    pattern = re.compile(rf"{re.escape(prefix)}_(\w+?)_(\d+)_{level}")
    found = [
        (match[1], int(match[2]), match[0]) for match in map(pattern.fullmatch, map(str, answers.columns)) if match
    ]
    names = dict.fromkeys(name for name, _, _ in found)
    order = [name for name in DIMENSIONS if name in names] + [name for name in names if name not in DIMENSIONS]
    return {name: [item for _, _, item in sorted(one for one in found if one[0] == name)] for name in order}


def one_wave(answers: pd.DataFrame, *, wave: int) -> pd.DataFrame:
    """Return the answers of one wave, so that no respondent counts twice; all where there are no waves.

    Waves that are called by words are counted from the first (`succession.order`).

    Raises
    ------
    UsageError
        If there are waves, but not this one.
    """
    if "wave" not in answers.columns or answers["wave"].isna().all():
        return answers
    waves = succession.order(answers)
    worded = all(isinstance(name, str) for name in waves)
    chosen = waves[wave - 1] if worded and 1 <= wave <= len(waves) else wave
    if chosen not in waves:
        raise UsageError(f"service_quality: there is no wave {wave}; the survey has {listed([str(w) for w in waves])}.")
    return answers[answers["wave"] == chosen]


@dataclass(frozen=True, eq=False)
class Pair:
    """The answers of all respondents to the items of one dimension, below and above: n x items each, NaN = missing."""

    dimension: str
    below_items: tuple[str, ...]
    above_items: tuple[str, ...]
    below: np.ndarray
    above: np.ndarray

    @property
    def gaps(self) -> np.ndarray:
        """Above less below, item by item."""
        return self.above - self.below

    def scores(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Mean of each respondent below, above, and of the gaps, over the items answered at both levels."""
        both = np.isfinite(self.gaps)
        answered = both.sum(axis=1)
        safe = np.where(answered > 0, answered, np.nan)
        below, above, gap = (np.where(both, part, 0).sum(axis=1) / safe for part in (self.below, self.above, self.gaps))
        return below, above, gap


def pairs(
    answers: pd.DataFrame, *, below: Items, above: Items, scale: tuple[float, float], words: tuple[str, str]
) -> list[Pair]:
    """Pair the items of two levels by dimension.

    Parameters
    ----------
    answers : DataFrame
        One row per respondent.
    below, above : mapping of str to sequence of str
        Dimension -> items, in the same order at both levels. A dimension of which a column is missing is left out.
    scale : two numbers
        Lowest and highest code.
    words : two str
        What the levels are called in messages, such as ("expected", "perceived").

    Raises
    ------
    UsageError
        If a dimension has items at one level only, or another number of them.
    DataError
        If an answer is no number or lies outside the scale.
    """
    for one, other, name in ((below, above, words[1]), (above, below, words[0])):
        lonely = [dimension for dimension in one if dimension not in other]
        if lonely:
            raise UsageError(
                f"service_quality: the dimension {lonely[0]!r} has no {name} items; give both levels of it."
            )
    found = []
    for dimension in below:
        first, second = tuple(below[dimension]), tuple(above[dimension])
        if len(first) != len(second) or not first:
            raise UsageError(
                f"service_quality: the dimension {dimension!r} has {count(len(first), words[0] + ' item')} and "
                f"{count(len(second), words[1] + ' item')}; give as many of both, in the same order."
            )
        if all(item in answers.columns for item in (*first, *second)):
            read = [np.column_stack([codes(answers, item, scale=scale) for item in level]) for level in (first, second)]
            found.append(Pair(dimension, first, second, *read))
    return found


def codes(answers: pd.DataFrame, item: str, *, scale: tuple[float, float]) -> np.ndarray:
    """Return an item's answers as numbers within the scale; missing ones stay missing."""
    numbers = pd.to_numeric(answers[item], errors="coerce").to_numpy("float64")
    given = answers[item].notna().to_numpy()
    wrong = np.flatnonzero(given & ~((numbers >= scale[0]) & (numbers <= scale[1])))
    if len(wrong):
        values = count(len(wrong), "value")
        raise DataError(
            f"service_quality: column {item!r}: {values} outside {scale[0]:g}-{scale[1]:g}, first: row {wrong[0]} = "
            f"{answers[item].iloc[wrong[0]]}; mend them or give the scale."
        )
    return numbers


def reliability(pair: Pair, redraws: Iterator[np.ndarray] | Sequence[np.ndarray]) -> np.ndarray:
    """Return how reliable the scores of a dimension and their difference are, for each redraw.

    Parameters
    ----------
    pair : Pair
        One dimension, with two items or more a level.
    redraws : blocks of shape (some, n)
        Weights of the respondents; a block of one row of weights gives the estimate itself.

    Returns
    -------
    array of shape (redraws, 4)
        Cronbach's alpha below and above, the correlation of the two scores, and the reliability of their difference,
        (s1^2 r11 + s2^2 r22 - 2 r12 s1 s2) / (s1^2 + s2^2 - 2 r12 s1 s2) (Peter, Churchill and Brown 1993), over
        respondents who answered all its items. Missing where a score is constant.
    """
    k = pair.below.shape[1]
    together = np.column_stack([pair.below, pair.above])
    complete = np.isfinite(together).all(axis=1)
    rows = together[complete]
    products = (rows[:, :, None] * rows[:, None, :]).reshape(len(rows), 4 * k * k)
    found = []
    for block in redraws:
        counts = block[:, complete]
        total = counts.sum(axis=1)
        total = np.where(total > 0, total, np.nan)
        means = counts @ rows / total[:, None]
        covariance = (counts @ products).reshape(-1, 2 * k, 2 * k) / total[:, None, None]
        covariance -= means[:, :, None] * means[:, None, :]
        below, above, across = covariance[:, :k, :k], covariance[:, k:, k:], covariance[:, :k, k:].sum(axis=(1, 2))
        variances = [part.sum(axis=(1, 2)) for part in (below, above)]
        # A trace of variance left by rounding is none.
        variances = [np.where(variance > 1e-9, variance, np.nan) for variance in variances]
        alphas = [
            k / (k - 1) * (1 - np.trace(part, axis1=1, axis2=2) / variance)
            for part, variance in zip((below, above), variances, strict=True)
        ]
        spread = variances[0] + variances[1] - 2 * across
        steady = variances[0] * alphas[0] + variances[1] * alphas[1] - 2 * across
        difference = steady / np.where(spread > 1e-9, spread, np.nan)
        found.append(np.column_stack([*alphas, across / np.sqrt(variances[0] * variances[1]), difference]))
    return np.concatenate(found)


def dimension_row(pair: Pair, counts: np.ndarray, *, top: float) -> dict[str, Any]:
    """Return means, the gap with its interval, and the share of expectations at the top of the scale."""
    below, above, gap = pair.scores()
    centre, low, high, p_value = weights.mean(gap, counts)
    known = np.isfinite(pair.below)
    at_top = (pair.below >= top) & known
    return {
        "dimension": pair.dimension,
        "answers": int((np.isfinite(gap) & (counts > 0)).sum()),
        "expected": weights.mean(below, counts)[0],
        "perceived": weights.mean(above, counts)[0],
        "gap": centre,
        "gap_low": low,
        "gap_high": high,
        "p_value": p_value,
        "ceiling_share": float((counts @ at_top).sum() / (counts @ known).sum()),
    }


def item_rows(pair: Pair, counts: np.ndarray) -> list[dict[str, Any]]:
    """Return the same for each pair of items of a dimension."""
    rows = []
    for place, (first, second) in enumerate(zip(pair.below_items, pair.above_items, strict=True)):
        gap = pair.gaps[:, place]
        both = np.isfinite(gap)
        centre, low, high, _ = weights.mean(gap, counts)
        rows.append(
            {
                "dimension": pair.dimension,
                "expected_item": first,
                "perceived_item": second,
                "answers": int((both & (counts > 0)).sum()),
                "expected": weights.mean(np.where(both, pair.below[:, place], np.nan), counts)[0],
                "perceived": weights.mean(np.where(both, pair.above[:, place], np.nan), counts)[0],
                "gap": centre,
                "gap_low": low,
                "gap_high": high,
            }
        )
    return rows


_RELIABILITY = ("alpha_expected", "alpha_perceived", "correlation", "difference")


def reliability_table(pairs: list[Pair], counts: np.ndarray, *, draws: int, seed: int) -> pd.DataFrame:
    """Return `reliability` with percentile intervals for each dimension of two items or more."""
    rows = []
    for pair in pairs:
        if pair.below.shape[1] < 2:
            continue
        found = reliability(pair, [counts[None, :]])[0]
        again = weights.redraws(counts, draws=draws, seed=seed)
        low, high = weights.ends(reliability(pair, again))
        row: dict[str, Any] = {"dimension": pair.dimension}
        for name, value, lower, upper in zip(_RELIABILITY, found, low, high, strict=True):
            row |= {name: value, f"{name}_low": lower, f"{name}_high": upper}
        rows.append(row)
    columns = ["dimension", *(f"{name}{end}" for name in _RELIABILITY for end in ("", "_low", "_high"))]
    return pd.DataFrame(rows, columns=columns)
