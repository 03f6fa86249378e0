"""Succession: in which order the waves of a survey, or other groups of answers, stand."""

from __future__ import annotations

import math

import pandas as pd

from crm_analysis.errors import UsageError

WAVE = "wave"
"""Name of the column that says in which wave somebody answered."""

ALPHABETICAL = (
    "Which wave came first is not known, so the waves stand in the order of the alphabet: number them, or give the "
    "answers a column 'time'."
)


def order(answers: pd.DataFrame, column: str = WAVE, *, wave: str = WAVE, time: str = "time") -> list[object]:
    """Return the values of a column in the order in which they stand.

    Parameters
    ----------
    answers : DataFrame
        One row per respondent and wave.
    column : str
        Column of the waves or groups.
    wave : str
        Which column holds waves; only these have a place in time.
    time : str
        Column that says when somebody answered.

    Returns
    -------
    list
        Each value once, missing ones left out. Ordered categories keep their order. Waves stand by the median time of
        their answers (one wrong date does not move it), where it is known for all; all else by size where it is
        numbers or texts that are numbers, else by the alphabet, as `is_alphabetical` tells.

    Raises
    ------
    UsageError
        If there is no such column.
    """
    if column not in answers.columns:
        raise UsageError(f"The answers have no column {column!r}; add it, or name another.")
    labels = answers[column].dropna()
    if _is_ordered(labels):
        return [name for name in labels.cat.categories if (labels == name).any()]
    names = list(labels.unique())
    when = _when(answers, column, time) if column == wave else None
    numbers = _numbers(names)
    places = [
        (when[name] if when is not None else 0, numbers[place] if numbers else 0.0, str(type(name)), str(name), name)
        for place, name in enumerate(names)
    ]
    return [place[-1] for place in sorted(places, key=lambda place: place[:-1])]


def is_alphabetical(answers: pd.DataFrame, column: str = WAVE, *, wave: str = WAVE, time: str = "time") -> bool:
    """Whether waves are in alphabetical order because nothing tells which came first."""
    if column != wave or column not in answers.columns:
        return False
    labels = answers[column].dropna()
    names = list(labels.unique())
    return len(names) > 1 and not (_is_ordered(labels) or _numbers(names) or _when(answers, column, time) is not None)


def _is_ordered(labels: pd.Series) -> bool:
    return isinstance(labels.dtype, pd.CategoricalDtype) and bool(labels.dtype.ordered)


def _when(answers: pd.DataFrame, column: str, time: str) -> pd.Series | None:
    """When each wave was asked; None where that is not known, or the same for two of them."""
    if time not in answers.columns:
        return None
    asked = pd.to_datetime(answers[time], errors="coerce").groupby(answers[column].astype(object)).median()
    return asked if len(asked) and asked.notna().all() and asked.is_unique else None


def _numbers(names: list[object]) -> list[float]:
    """The names as numbers; none where one is not a number."""
    try:
        found = [float(name) for name in names]  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return []
    return found if all(math.isfinite(value) for value in found) else []
