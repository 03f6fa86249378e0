"""Preparation: a model and answers brought together, checked, and what was left out put into words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from crm_analysis.errors import DataError, UsageError
from crm_analysis.satisfaction.equations.structure import compile_rows
from crm_analysis.satisfaction.moments import Sample
from crm_analysis.satisfaction.specification import answers as answered
from crm_analysis.satisfaction.specification.specification import Model
from crm_analysis.satisfaction.syntax import Row
from crm_analysis.table import count


@dataclass(frozen=True, eq=False)
class Prepared:
    """A model's rows and the answers to its items, ready to be fitted.

    Attributes
    ----------
    rows : tuple of Row
        Parameters with their defaults.
    sample : Sample
        The answers.
    groups : tuple of str
        Names of the groups; empty without.
    means : bool
        Whether means are part of the model.
    notes : tuple of str
        What was left out or weighted, in sentences.
    """

    rows: tuple[Row, ...]
    sample: Sample
    groups: tuple[str, ...]
    means: bool
    notes: tuple[str, ...]


def prepare(
    model: Model | str,
    answers: pd.DataFrame,
    *,
    missing: str = "listwise",
    weight: str | Sequence[float] | np.ndarray | pd.Series | None = None,
    group: str | None = None,
    scale: tuple[float, float] | None = None,
    means: bool = False,
) -> Prepared:
    """Check a model against the answers and take out what it needs; parameters as in `covariance.estimate`."""
    if isinstance(model, str):
        model = Model.from_lavaan(model)
    model.check(answers, scale, covariances=True)
    rows = model.rows()
    composite = [row.lhs for row in rows if row.op == "<~"]
    if composite:
        raise UsageError(
            f"The composite {composite[0]!r} cannot be estimated from covariances; make it reflective or use PLS."
        )
    items = compile_rows(rows).items
    values = answered.numbers(answers, items)
    notes = []
    weights = _weights(weight, answers)
    kept = ~np.isnan(values).all(axis=1) if missing == "fiml" else ~np.isnan(values).any(axis=1)
    if weights is not None:
        kept &= np.isfinite(weights) & (weights > 0)
    labels = _labels(group, answers)
    if labels is not None:
        kept &= labels.notna().to_numpy()
    left_out, gaps = int((~kept).sum()), int(np.isnan(values[kept]).sum())
    if left_out:
        notes.append(
            f"{count(left_out, 'respondent')} of {len(values):,} had no usable answers and were left out."
            if missing == "fiml"
            else f"{count(left_out, 'respondent')} of {len(values):,} did not answer every item and were left out."
        )
    if gaps:
        notes.append(f"{gaps:,} of {int(kept.sum()) * len(items):,} answers are missing; all others were used (FIML).")
    if weights is not None:
        notes.append("Survey weights were used; errors and test are robust for it.")
    if kept.sum() <= len(items):
        raise DataError(
            f"Only {count(int(kept.sum()), 'respondent')} answered every item of the model; estimate with "
            "missing='fiml', by PLS, or leave out the items with the most gaps."
        )
    names: tuple[str, ...] = ()
    codes = None
    if labels is not None:
        codes, found = pd.factorize(labels[kept])
        names = tuple(str(name) for name in found)
        _check_groups(str(group), names, codes, len(items))
    sample = Sample(values[kept], weight=None if weights is None else weights[kept], group=codes)
    return Prepared(rows, sample, names, bool(means or missing == "fiml" or names), tuple(notes))


def _weights(weight: object, answers: pd.DataFrame) -> np.ndarray | None:
    if weight is None:
        return None
    if isinstance(weight, str):
        if weight not in answers.columns:
            raise UsageError(f"The answers have no column {weight!r} with weights.")
        weight = answers[weight]
    weights = np.asarray(weight, dtype="float64")
    if weights.shape != (len(answers),):
        raise UsageError(f"There are {weights.size:,} weights for {len(answers):,} respondents; give one for each.")
    if (weights < 0).any():
        raise DataError("Some survey weights are negative; they must be 0 or more.")
    return weights


def _labels(group: str | None, answers: pd.DataFrame) -> pd.Series | None:
    if group is None:
        return None
    if group not in answers.columns:
        raise UsageError(f"The answers have no column {group!r} to group by.")
    return answers[group]


def _check_groups(group: str, names: tuple[str, ...], codes: np.ndarray, items: int) -> None:
    if len(names) < 2:
        raise DataError(f"The column {group!r} holds one group only ({names[0]}); comparing needs two.")
    for name, size in zip(names, np.bincount(codes), strict=True):
        if size <= items:
            raise DataError(
                f"The group {name} of {group!r} has {count(int(size), 'respondent')} for {items} items; join it with "
                "another or leave it out."
            )
