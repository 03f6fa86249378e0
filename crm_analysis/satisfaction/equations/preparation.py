"""Preparation: a model and answers brought together, checked, and what was left out put into words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from crm_analysis.errors import DataError, UsageError
from crm_analysis.satisfaction.equations.structure import given, items_of
from crm_analysis.satisfaction.moments import Sample
from crm_analysis.satisfaction.specification import answers as answered
from crm_analysis.satisfaction.specification.specification import Model
from crm_analysis.satisfaction.syntax import Row
from crm_analysis.table import count, listed


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
    items = items_of(rows)
    values = answered.numbers(answers, items)
    notes: list[str] = []
    weights = answered.weights(answers, weight, caller="covariance")
    unanswered = np.isnan(values)
    kept = ~unanswered.all(axis=1) if missing == "fiml" else ~unanswered.any(axis=1)
    causes = [items.index(name) for name in given(rows)]
    without_cause = int((kept & unanswered[:, causes].any(axis=1)).sum()) if missing == "fiml" else 0
    kept &= ~unanswered[:, causes].any(axis=1)
    left_out = int((~kept).sum()) - without_cause
    labels = _labels(group, answers)
    nowhere = 0 if labels is None else int((kept & labels.isna().to_numpy()).sum())
    if labels is not None:
        kept &= labels.notna().to_numpy()
    kept &= weights > 0
    gaps = int(unanswered[kept].sum())
    if without_cause:
        which = listed([items[place] for place in causes if unanswered[:, place].any()])
        notes.append(
            f"{count(without_cause, 'respondent')} of {len(values):,} did not answer {which} and were left out: full "
            "information fills in what is explained, not what explains it."
        )
    if left_out:
        notes.append(
            f"{count(left_out, 'respondent')} of {len(values):,} had no usable answers and were left out."
            if missing == "fiml"
            else f"{count(left_out, 'respondent')} of {len(values):,} did not answer every item and were left out."
        )
    if nowhere:
        notes.append(f"{count(nowhere, 'respondent')} of {len(values):,} belong to no group and were left out.")
    if gaps:
        notes.append(f"{gaps:,} of {int(kept.sum()) * len(items):,} answers are missing; all others were used (FIML).")
    if weight is not None:
        notes.append("Survey weights were used; errors and test are robust for it.")
    if kept.sum() <= len(items):
        cure = "ask more people" if missing == "fiml" else "estimate with missing='fiml'"
        raise DataError(
            f"Only {count(int(kept.sum()), 'respondent')} of {len(values):,} can be used for "
            f"{count(len(items), 'item')}; {cure}, estimate by PLS, or leave out the items with the most gaps."
        )
    names: tuple[str, ...] = ()
    codes = None
    if labels is not None:
        codes, found = pd.factorize(labels[kept])
        names = tuple(str(name) for name in found)
        _check_groups(str(group), names, codes, len(items))
        shared = list(dict.fromkeys(row.label for row in rows if row.label and row.value is None))
        if shared:
            notes.append(
                f"In all groups {listed(shared)} {'is' if len(shared) == 1 else 'are each'} one number; write c(a, b)* "
                "with a label for each group to let it differ."
            )
    sample = Sample(values[kept], weight=weights[kept], group=codes)
    return Prepared(rows, sample, names, bool(means or missing == "fiml" or names), tuple(notes))


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
