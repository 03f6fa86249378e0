"""Which columns of a file are answers of a questionnaire, on what scale, and which codes mean no answer."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from crm_analysis.study.proposal.contents import Contents, number
from crm_analysis.study.proposal.synonyms import normalise

FEWEST = 3
"""So many columns with answers make a questionnaire."""

# Codes that questionnaires use for "don't know" and "no answer", far from any scale.
_CODES = frozenset({-99, -98, -9, -8, -1, 77, 88, 97, 98, 99, 777, 888, 997, 998, 999, 9999})
# The same, but next to scales of five or seven: highest answer -> codes, and answers that would show a longer scale.
_NEAR = {5: frozenset({8, 9}), 7: frozenset({9})}
_LONGER = {5: (6, 7, 10), 7: (8, 10)}
_HIGHEST = (5, 7, 10)
# Numbers from one to a few that are no answers: who somebody is.
_PERSONAL = (
    "age agegroup education educationlevel income incomegroup gender sex region city tier citytier children household "
    "householdsize wave year month day weight branch store shop tenure 年龄 年龄段 学历 教育程度 收入 性别 地区 "
    "城市 波次 年份 "
    "月份 权重 门店"
)

# "5 - very satisfied", "(5) very satisfied", "5 (very satisfied)", "5分", as cleaning reads them.
_LABEL = re.compile(r"\(?(\d{1,3})(?:[\s:=.,|()（）：–—-]+[^\W\d_]|[\u4e00-\u9fff])\D*")


@dataclass(frozen=True)
class Questionnaire:
    """The items of a questionnaire: their common scale, items with another one, and codes that mean no answer.

    Attributes
    ----------
    scale : tuple of int
        Lowest and highest code of most items.
    seen : tuple of int
        Lowest and highest answer on that scale that anybody gave.
    items : tuple of str
        The items on that scale.
    codes : dict
        Item with another scale -> its lowest and highest code.
    missing : dict
        Code that means no answer -> how many answers have it.
    """

    scale: tuple[int, int]
    seen: tuple[int, int]
    items: tuple[str, ...]
    codes: dict[str, tuple[int, int]]
    missing: dict[int, int]

    @property
    def size(self) -> int:
        return len(self.items) + len(self.codes)


def find(columns: Sequence[Contents]) -> Questionnaire | None:
    """Find the items among columns by their contents: few whole numbers that begin at 0 or 1.

    Parameters
    ----------
    columns : sequence of Contents
        The columns that are not known to be something else.

    Returns
    -------
    Questionnaire, or None
        Nothing where fewer than `FEWEST` columns hold answers on one scale.
    """
    scales: dict[str, tuple[int, int]] = {}
    beyond: dict[str, Counter[int]] = {}
    answers: dict[str, Counter[int]] = {}
    for column in columns:
        given = _answers(column)
        if given is None:
            continue
        highest = _highest(given)
        if highest is None:
            continue
        beyond[column.name] = Counter({code: rows for code, rows in given.items() if _is_code(code, highest)})
        answers[column.name] = given - beyond[column.name]
        # A lone 0 in a scale from 1 is a slip, in percentages it is none.
        zero = highest == 100 or answers[column.name][0] >= 0.01 * sum(given.values())
        scales[column.name] = (0 if zero else 1, highest)
    likert = Counter(scale for scale in scales.values() if scale[1] in _HIGHEST)
    if not likert or max(likert.values()) < FEWEST:
        return None
    scale = max(likert, key=lambda one: (likert[one], one[1]))
    common = {
        name for name, own in scales.items() if own == scale or _reaches(answers[name] + beyond[name], own, scale)
    }
    pooled = [code for name in common for code in answers[name] if scale[0] <= code <= scale[1]]
    # A 9 beside 1 to 7 is an answer after all where the other items show a scale of ten.
    missing: Counter[int] = Counter()
    for name, codes in beyond.items():
        missing.update({code: rows for code, rows in codes.items() if name not in common or not 0 <= code <= scale[1]})
    return Questionnaire(
        scale=scale,
        seen=(min(pooled), max(pooled)),
        items=tuple(name for name in scales if name in common),
        codes={name: own for name, own in scales.items() if name not in common},
        # Rare ones are slips too; they break the rule of their row and are counted there.
        missing={
            code: rows for code, rows in sorted(missing.items()) if rows >= 0.001 * len(answers) * columns[0].rows
        },
    )


def in_words(columns: Sequence[Contents]) -> tuple[str, ...]:
    """Return columns whose answers are the same few words, such as ``Strongly agree``, and no numbers.

    Parameters
    ----------
    columns : sequence of Contents
        The columns that are not known to be something else.

    Returns
    -------
    tuple of str
        None where fewer than `FEWEST` columns share their words.
    """
    alike: dict[frozenset[str], list[str]] = {}
    for column in columns:
        words = frozenset(column.values)
        if 3 <= len(words) <= 11 and column.numbers == 0:
            alike.setdefault(words, []).append(column.name)
    most = max(alike.values(), key=len, default=[])
    return tuple(most) if len(most) >= FEWEST else ()


def _answers(column: Contents) -> Counter[int] | None:
    """Whole numbers -> rows, if that is what the column holds and its name says nothing else."""
    if normalise(column.name) in _PERSONAL.split() or len(column.values) > 110:
        return None
    given: Counter[int] = Counter()
    for written, rows in column.values.items():
        figure = number(_LABEL.sub(r"\1", written.strip()))
        if figure is not None and figure == round(figure):
            given[int(figure)] += rows
    if sum(given.values()) < 0.95 * column.given:
        return None
    # Yes or no, a sex as 1 or 2, a constant: no scale can be told from two values.
    return given if len(set(given) - _CODES) > 2 else None


def _highest(given: Counter[int]) -> int | None:
    """The end of the smallest usual scale that holds all but a few strays."""
    core = Counter({code: rows for code, rows in given.items() if code not in _CODES and code >= 0})
    known = sum(core.values())
    for highest in _HIGHEST:
        # 8 and 9 beside 1 to 5 are codes only where nobody answered 6, 7 or 10; 9 beside 1 to 7 stands across a gap.
        longer = any(core[code] for code in _LONGER.get(highest, ()))
        near = frozenset() if longer else _NEAR.get(highest, frozenset())
        held = sum(rows for code, rows in core.items() if code <= highest or code in near)
        if held >= 0.98 * known:
            return highest
    fives = sum(rows for code, rows in core.items() if code % 5 == 0 and code <= 100)
    return 100 if known and fives >= 0.98 * known else None


def _is_code(code: int, highest: int) -> bool:
    return (code in _CODES and not 0 <= code <= highest) or code in _NEAR.get(highest, ())


def _reaches(answers: Counter[int], own: tuple[int, int], scale: tuple[int, int]) -> bool:
    """Whether an item of a seemingly shorter scale shares the others': few answered, or few gave high marks."""
    if own[1] >= scale[1]:
        return False
    return sum(answers.values()) < 50 or any(own[1] < code <= scale[1] for code in answers)
