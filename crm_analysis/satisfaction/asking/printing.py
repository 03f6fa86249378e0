"""Printing: a questionnaire on paper, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

_WORDS = {
    "en": {
        "title": "Your experience with {provider}",
        "intro": (
            "Please tell us what you think. There are no right or wrong answers; your answers are used in totals only. "
            "Tick one box for each question."
        ),
        "percent": "Please write a percentage (0, 5, 10 ... 100): ______ %",
        "open": "Please write: ______________________________",
        "beside": "Other providers and you",
        "respondent": "Respondent no. __________   Date __________",
        "thanks": "Thank you.",
    },
    "zh": {
        "title": "您对{provider}的体验",
        "intro": "请告诉我们您的真实看法。答案没有对错之分，仅用于汇总统计。每题请勾选一项。",
        "percent": "请填写百分比（0、5、10……100）：______ %",
        "open": "请填写：______________________________",
        "beside": "其他企业与您本人",
        "respondent": "问卷编号 __________   日期 __________",
        "thanks": "感谢您的参与。",
    },
}
# For respondents: the names of the constructs would tell them what is to be measured.
_HEADINGS = {
    "image": {"en": "The name", "zh": "品牌印象"},
    "expectations": {"en": "What you expected", "zh": "您的预期"},
    "quality": {"en": "What you experienced", "zh": "您的体验"},
    "value": {"en": "Price and quality", "zh": "价格与质量"},
    "satisfaction": {"en": "Your satisfaction", "zh": "您的满意程度"},
    "complaints": {"en": "Complaints", "zh": "投诉与意见"},
    "loyalty": {"en": "The future", "zh": "今后的打算"},
}
_SPECIAL = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_[]<>#|"})


def markdown(questions: pd.DataFrame, *, language: str, provider: str, missing: Mapping[int, str]) -> str:
    """Write a questionnaire as Markdown.

    Parameters
    ----------
    questions : DataFrame
        As in `QuestionnaireResult`.
    language : {"en", "zh"}
        Language of the headings.
    provider : str
        Who is rated.
    missing : mapping of int to str
        Codes that mean no answer, and their words; the first is offered as a box.

    Returns
    -------
    str
        Headings for the constructs, numbered questions, a box for every code, so that the box's number is what is
        entered into the column whose code stands at the question's end.
    """
    words = _WORDS[language]
    title = words["title"].replace("{provider}", _plain(provider))
    parts = [f"# {title}", words["respondent"], words["intro"]]
    heading = ""
    for row in questions.to_dict("records"):
        named = _HEADINGS.get(row["construct"], {}).get(language, row["construct"]) or words["beside"]
        if named != heading:
            heading = named
            parts.append(f"## {_plain(named)}")
        parts.append(f"**{row['number']}. {_plain(row['question'])}** `{row['item']}`")
        parts.append(_boxes(row, language, missing))
    return "\n\n".join([*parts, words["thanks"]]) + "\n"


def _boxes(row: Mapping[str, Any], language: str, missing: Mapping[int, str]) -> str:
    unknown = next(f"☐ {code} {said}" for code, said in missing.items())
    if pd.isna(row["lowest"]):
        choices = [choice.partition(" = ") for choice in row["choices"].split("; ") if choice]
        if not choices:
            return _WORDS[language]["open"]
        return "   ".join(f"☐ {said}" if code == said else f"☐ {said} ({code})" for code, _, said in choices)
    low, high = int(row["lowest"]), int(row["highest"])
    if high - low > 10:
        return f"{_WORDS[language]['percent']}   {unknown}"
    if high - low == 1:
        return f"☐ {low} {_plain(row['low_anchor'])}   ☐ {high} {_plain(row['high_anchor'])}   {unknown}"
    boxes = " ".join(f"☐ {code}" for code in range(low, high + 1))
    return f"{_plain(row['low_anchor'])} {boxes} {_plain(row['high_anchor'])}   {unknown}"


def _plain(text: str) -> str:
    """Text that Markdown shows as it is."""
    return text.translate(_SPECIAL)
