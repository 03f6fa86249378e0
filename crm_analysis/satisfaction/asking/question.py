"""Question: one item of a questionnaire, and its words by language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

LANGUAGES = ("en", "zh")

RATING = (1, 10)
"""Scale of most items: ten steps, as in Fornell et al. (1996), who use them against the skew of ratings."""


@dataclass(frozen=True)
class Wording:
    """What one language says of a question: its text, the words at both ends, and the words of each choice."""

    text: str
    low: str = ""
    high: str = ""
    choices: Mapping[str, str] = field(default_factory=dict, kw_only=True)


@dataclass(frozen=True)
class Question:
    """A question: the code of its column, what it measures, its lowest and highest answer, and its words by language.

    `scale` is None for a question that is answered in words: one of the choices, or freely where there are none.
    """

    item: str
    construct: str
    scale: tuple[int, int] | None
    words: Mapping[str, Wording]
