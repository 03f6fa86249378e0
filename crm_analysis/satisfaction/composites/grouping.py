"""Grouping: respondents in groups, and the same respondents dealt to groups by chance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from crm_analysis.satisfaction import succession
from crm_analysis.satisfaction.composites.pathmodel import PathModel
from crm_analysis.satisfaction.composites.sample import Sample, take

SMALLEST = 20
"""Respondents that a group needs; smaller ones are left out and named."""

_BLOCK = 10_000_000


@dataclass(frozen=True, eq=False)
class Groups:
    """Respondents in groups: names in order, and the place of each respondent's group; or why there are none.

    `small` are groups with too few answers; `flat` those in which all answer an item alike, each with such an item.
    """

    sample: Sample | None
    names: tuple[object, ...]
    codes: np.ndarray
    rows: np.ndarray
    small: tuple[object, ...] = ()
    flat: tuple[tuple[object, str], ...] = ()
    absent: str = ""

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Every two groups."""
        size = len(self.names)
        return [(first, second) for first in range(size) for second in range(first + 1, size)]

    def of(self, first: int, second: int) -> tuple[Sample, np.ndarray]:
        """Return the respondents of two groups, and which of them belong to the first."""
        assert self.sample is not None
        inside = np.flatnonzero(np.isin(self.codes, (first, second)))
        sample = self.sample
        part = Sample(
            sample.answers[inside],
            sample.weights[inside],
            np.arange(len(inside)),
            sample.index[inside],
            sample.items,
        )
        return part, self.codes[inside] == first


def split(
    fit: PathModel, answers: pd.DataFrame, *, group: str, weight: str | None, caller: str, items: Sequence[str] = ()
) -> Groups:
    """Put the respondents into groups; missing answers are treated as in the fit.

    Parameters
    ----------
    fit : PathModel
        The model whose items are taken.
    answers : DataFrame
        One row per respondent, with the items and the group.
    group : str
        Column of the groups; rows without one are left out.
    weight : str or None
        Column of survey weights.
    caller : str
        Who asks, for messages.
    items : sequence of str
        Items that are needed; by default all of the model.

    Returns
    -------
    Groups
        In order of time, see `succession.order`. `rows` are the positions of the respondents in `answers`.
    """

    def none(why: str) -> Groups:
        return Groups(None, (), np.empty(0, int), np.empty(0, int), absent=why)

    if fit.sample is None or answers.empty:
        return none(fit.absent or "There are no answers, so there are no groups to compare.")
    if group not in answers.columns:
        return none(f"The answers have no column {group!r}, so there are no groups to compare.")
    numbered = answers.reset_index(drop=True)
    asked = tuple(items) or fit.design.items
    sample = take(numbered, items=asked, weight=weight, missing=fit.sample.missing, caller=caller)
    # A categorical column knows categories that nobody is in.
    labels = numbered[group][sample.index].astype(object)
    sizes = labels.value_counts()
    large = tuple(name for name in succession.order(answers, group) if sizes.get(name, 0) >= SMALLEST)
    small = tuple(name for name in sizes.index if name not in large)
    flat = _flat(sample, labels.to_numpy(), large)
    names = tuple(name for name in large if name not in dict(flat))
    if len(names) < 2 and flat:
        name, item = flat[0]
        return none(
            f"In {name} all answer {item!r} alike, so groups of {group} cannot be compared; join it with another, or "
            "leave the item out of the model."
        )
    if len(names) < 2:
        return none(
            f"Fewer than two groups of {group} have {SMALLEST} complete answers, so there is nothing to compare."
        )
    kept = labels.isin(names).to_numpy()
    codes = pd.Categorical(labels[kept], categories=list(names)).codes.astype(int)
    part = Sample(sample.answers[kept], sample.weights[kept], np.arange(kept.sum()), sample.index[kept], sample.items)
    return Groups(part, names, codes, part.index.to_numpy(), small, flat)


def _flat(sample: Sample, labels: np.ndarray, names: tuple[object, ...]) -> tuple[tuple[object, str], ...]:
    """Groups in which an item does not vary, so that no model can be estimated in them, each with the first of them."""
    found = []
    for name in names:
        constant = np.ptp(sample.answers[labels == name], axis=0) == 0
        if constant.any():
            found.append((name, sample.items[int(constant.argmax())]))
    return tuple(found)


def dealt(first: np.ndarray, *, permutations: int, generator: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield blocks of 0-1 rows that deal as many respondents to the first group as it has, by chance."""
    rows = max(1, _BLOCK // len(first))
    for start in range(0, permutations, rows):
        block = np.tile(first.astype("float64"), (min(rows, permutations - start), 1))
        yield generator.permuted(block, axis=1)
