"""Named segments: a rule table over the three scores that places every combination once, and is checked to do so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import ClassVar

import pandas as pd

from crm_analysis.errors import UsageError
from crm_analysis.result import Result
from crm_analysis.segmentation.cuts import DIMENSIONS

Span = tuple[int, int]
Cell = tuple[int, int, int]


@dataclass(frozen=True)
class Rule:
    """A segment and the score classes, lowest and highest, that lead to it; and what to do with its customers."""

    segment: str
    recency: Span
    frequency: Span
    monetary: Span
    advice: str = ""

    def cells(self) -> Iterator[Cell]:
        """Yield the score combinations of the rule."""
        for r in range(self.recency[0], self.recency[1] + 1):
            for f in range(self.frequency[0], self.frequency[1] + 1):
                for m in range(self.monetary[0], self.monetary[1] + 1):
                    yield r, f, m


@dataclass(frozen=True, eq=False, repr=False)
class AuditResult(Result):
    """Whether a rule table places every combination of scores exactly once.

    Attributes
    ----------
    rules : tuple of Rule
        The rule table.
    combinations : int
        Score combinations there are: bins cubed.
    twice : dict
        Combination -> the segments that claim it, where there are two or more.
    missed : tuple
        Combinations that no rule places.
    unreachable : tuple of str
        Segments of rules that no customer can reach: an empty span or one outside 1 to bins.
    """

    rules: tuple[Rule, ...]
    combinations: int
    twice: dict[Cell, tuple[str, ...]]
    missed: tuple[Cell, ...]
    unreachable: tuple[str, ...]
    title = "The rule table"
    shown: ClassVar[dict[str, str]] = {"rules": "Score classes that lead to each segment"}

    @property
    def sound(self) -> bool:
        """Whether every combination is placed once and every rule can be reached."""
        return not (self.twice or self.missed or self.unreachable)

    def to_frame(self) -> pd.DataFrame:
        spans = {name: [_span(getattr(rule, name)) for rule in self.rules] for name in DIMENSIONS}
        names = [rule.segment for rule in self.rules]
        return pd.DataFrame({"segment": names, **spans, "advice": [rule.advice for rule in self.rules]})

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"rules": self.to_frame()}

    def findings(self) -> tuple[str, ...]:
        if self.sound:
            return (f"Each of the {self.combinations} score combinations is placed exactly once.",)
        sentences = []
        if self.twice:
            cell, segments = next(iter(self.twice.items()))
            sentences.append(
                f"{len(self.twice)} of {self.combinations} score combinations are placed more than once, the first of "
                f"them {_name(cell)} ({' and '.join(segments)})."
            )
        if self.missed:
            sentences.append(
                f"{len(self.missed)} of {self.combinations} score combinations are placed nowhere, the first of them "
                f"{_name(self.missed[0])}."
            )
        if self.unreachable:
            sentences.append(f"No customer can reach {', '.join(self.unreachable)}.")
        return tuple(sentences)

    def metrics(self) -> dict[str, float]:
        return {
            "combinations": self.combinations,
            "placed_twice": len(self.twice),
            "missed": len(self.missed),
            "unreachable": len(self.unreachable),
        }


def _name(cell: Cell) -> str:
    return "".join(str(score) for score in cell)


def audit(rules: Sequence[Rule], *, bins: int) -> AuditResult:
    """Look for overlaps, gaps and unreachable rules.

    Parameters
    ----------
    rules : sequence of Rule
        The rule table.
    bins : int
        Classes per dimension.

    Returns
    -------
    AuditResult
    """
    scores = range(1, bins + 1)
    claims: dict[Cell, list[str]] = {(r, f, m): [] for r, f, m in product(scores, scores, scores)}
    unreachable = []
    for rule in rules:
        inside = [cell for cell in rule.cells() if cell in claims]
        if not inside:
            unreachable.append(rule.segment)
        for cell in inside:
            claims[cell].append(rule.segment)
    return AuditResult(
        rules=tuple(rules),
        combinations=len(claims),
        twice={cell: tuple(segments) for cell, segments in claims.items() if len(segments) > 1},
        missed=tuple(cell for cell, segments in claims.items() if not segments),
        unreachable=tuple(unreachable),
    )


def check(rules: Sequence[Rule], *, bins: int) -> None:
    """Refuse a rule table that does not place every combination once.

    Raises
    ------
    UsageError
        With what `audit` found.
    """
    found = audit(rules, bins=bins)
    if not found.sound:
        raise UsageError(f"rfm: the rule table is not sound, correct its spans. {' '.join(found.findings())}")


def standard(bins: int) -> tuple[Rule, ...]:
    """Return the rule table of this package for any number of classes from 3 up.

    Recency and monetary are divided into low, middle and high thirds of the classes (of five: 1-2, 3, 4-5); frequency
    into its lowest class (often customers with a single order), the middle (2-3) and the high third (4-5). The segment
    names are those usual in the field; which scores bear them differs from author to author, so the table is shown
    with every result.

    Parameters
    ----------
    bins : int
        Classes per dimension.

    Returns
    -------
    tuple of Rule

    Raises
    ------
    UsageError
        If there are fewer than 3 classes.
    """
    if bins < 3:
        raise UsageError(f"rfm: named segments need 3 classes or more, not {bins}; ask for more bins or give rules.")
    low, high = max(1, round(bins / 3)), 2 * bins // 3
    old, fading, recent = (1, low), (low + 1, high), (high + 1, bins)
    first, some, often = (1, 1), (2, high), (high + 1, bins)
    less, more, any_value = (1, high), (high + 1, bins), (1, bins)
    return (
        Rule("Champions", recent, often, more, "thank them, ask for referrals, try new things with them first"),
        Rule("Loyal", recent, often, less, "offer dearer and neighbouring products"),
        Rule("Potential loyalists", recent, some, any_value, "invite into the programme, suggest the next purchase"),
        Rule("New or occasional", recent, first, any_value, "welcome them and help towards the second purchase"),
        Rule("Needs attention", fading, often, any_value, "remind them before they are gone, with a reason to return"),
        Rule("Promising", fading, some, any_value, "keep in touch, find out what they came for"),
        Rule("About to sleep", fading, first, any_value, "one inexpensive reminder"),
        Rule("Cannot lose", old, often, more, "call them, find out what went wrong, win them back"),
        Rule("At risk", old, often, less, "a personal offer tied to what they used to buy"),
        Rule("Hibernating", old, some, any_value, "occasional inexpensive contact"),
        Rule("Lost", old, first, any_value, "spend nothing unless a test shows a return"),
    )


def _span(span: Span) -> str:
    return f"{span[0]}" if span[0] == span[1] else f"{span[0]}-{span[1]}"
