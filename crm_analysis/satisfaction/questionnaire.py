"""Questionnaire: the words, scale and code of every item of a model, and the study.toml that reads the answers."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd

from crm_analysis.atomic import replacing
from crm_analysis.errors import UsageError
from crm_analysis.result import Result
from crm_analysis.satisfaction.asking import printing, studyfile
from crm_analysis.satisfaction.asking.question import LANGUAGES, RATING, Question, Wording
from crm_analysis.satisfaction.asking.wording import COMPETITION, ITEMS, QUESTIONS, SEGMENTS
from crm_analysis.satisfaction.specification.construct import Construct
from crm_analysis.table import count, listed, short

MISSING = {98: {"en": "don't know", "zh": "不知道"}, 99: {"en": "no answer", "zh": "拒绝回答"}}
"""Codes that mean no answer, on every scale."""

_PROVIDER = {"en": "the company", "zh": "该企业"}
_ENDS = {"en": ("not at all", "fully"), "zh": ("完全不符合", "完全符合")}
_UNWORDED = {"en": "(no wording is known for {item})", "zh": "（{item} 的措辞未知）"}
_NAMED = 6


@dataclass(frozen=True, eq=False, repr=False)
class QuestionnaireResult(Result):
    """The questions of a model, ready to be asked, and the mapping that reads the collected answers back.

    Attributes
    ----------
    model : str
        The model's name.
    language : {"en", "zh"}
        Language of the questions.
    provider : str
        Who is rated.
    questions : DataFrame
        One row per question: number, item (the column of the answers), construct (empty beside the model), question,
        lowest, highest (codes; missing for answers in words), low_anchor, high_anchor, choices (code = words).
    paths : tuple of (source, target)
        The paths of the model.
    unworded : tuple of str
        Items of a survey that was asked, whose words are not known here.
    """

    model: str
    language: str
    provider: str
    questions: pd.DataFrame
    paths: tuple[tuple[str, str], ...]
    unworded: tuple[str, ...] = ()
    title = "Questionnaire"
    shown: ClassVar[dict[str, str]] = {"questions": "Questions, their scales and codes"}

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of a table of collected answers: who, when and in which wave, then the items."""
        return ("respondent_id", "time", "wave", *self.questions["item"])

    @property
    def constructs(self) -> dict[str, tuple[str, ...]]:
        """The items of each construct."""
        found: dict[str, tuple[str, ...]] = {}
        for row in self.questions[self.questions["construct"] != ""].to_dict("records"):
            found[row["construct"]] = (*found.get(row["construct"], ()), row["item"])
        return found

    def to_frame(self) -> pd.DataFrame:
        return self.questions.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"questions": self.to_frame()}

    def findings(self) -> tuple[str, ...]:
        measuring = self.questions[self.questions["construct"] != ""]
        beside = len(self.questions) - len(measuring)
        found = [
            f"The questionnaire of the model {self.model} asks {count(len(measuring), 'question')} about "
            f"{count(len(self.constructs), 'construct')}"
            + (f" and {count(beside, 'question')} beside." if beside else ".")
        ]
        if self.unworded:
            more = [f"{len(self.unworded) - _NAMED} more"] if len(self.unworded) > _NAMED else []
            items = listed([*(short(item) for item in self.unworded[:_NAMED]), *more])
            found.append(f"No wording is known for {items}: give the words that were asked with questions={{...}}.")
        weak = [name for name, items in self.constructs.items() if len(items) == 2]
        single = [name for name, items in self.constructs.items() if len(items) == 1]
        if single:
            found.append(f"One question alone measures {listed(single)}: its error cannot be estimated.")
        if weak:
            found.append(f"Two questions alone measure {listed(weak)}: a third would show which of them is weak.")
        return tuple(found)

    def metrics(self) -> dict[str, float]:
        return {"questions": len(self.questions), "constructs": len(self.constructs)}

    def to_csv(self, path: str | os.PathLike[str]) -> Path:
        """Write one row per question, in UTF-8 with a mark that makes spreadsheets read it; return the path."""
        target = Path(path)
        with replacing(target) as part:
            self.questions.to_csv(part, index=False, encoding="utf-8-sig")
        return target

    def to_markdown(self) -> str:
        """Return the questionnaire as Markdown that can be printed and filled in by hand."""
        codes = {code: words[self.language] for code, words in MISSING.items()}
        return printing.markdown(self.questions, language=self.language, provider=self.provider, missing=codes)

    def study_toml(
        self, *, source: str = "survey.csv", name: str = "survey", title: str = "", header: str = "code"
    ) -> str:
        """Return the text of a study.toml that reads the collected answers as they are.

        Parameters
        ----------
        source : str
            The file of answers, seen from study.toml.
        name, title : str
            The study's name (letters, digits, ``.``, ``_``, ``-``) and heading.
        header : {"code", "number", "question"}
            What the columns of the file are called: the items' codes, ``Q1``, ``Q2`` and so on, or the questions'
            words, as survey platforms export them. The column of ids is ``respondent_id`` in any case; without it the
            row's number serves.

        Returns
        -------
        str

        Raises
        ------
        UsageError
            If `header` is none of these.
        """
        return studyfile.text(
            self.questions,
            model=self.model,
            paths=self.paths,
            missing=tuple(MISSING),
            source=source,
            name=name,
            title=title or f"Satisfaction survey ({self.model}): {self.provider}",
            header=header,
        )


def compose(
    name: str,
    constructs: Sequence[Construct],
    paths: Sequence[tuple[str, str]],
    *,
    language: str = "en",
    provider: str = "",
    competition: bool = False,
    segments: bool = False,
    questions: Mapping[str, Mapping[str, str]] | None = None,
    scale: tuple[float, float] | None = None,
    codes: Mapping[str, tuple[float, float]] | None = None,
) -> QuestionnaireResult:
    """Compose the questionnaire of a model.

    Parameters
    ----------
    name : str
        The model's name; a preset's brings its standard items.
    constructs : sequence of Construct
        Those with items ask these; those without ask the standard items.
    paths : sequence of (source, target)
        The paths of the model.
    language : {"en", "zh"}
        Language of the questions.
    provider : str
        Who is rated, as it stands in a sentence: "the bookshop". By default "the company".
    competition, segments : bool
        Whether to ask about the competition (main competitor, satisfaction with it, alternatives, switching cost) and
        about the respondent (gender, age group, region, how long a customer).
    questions : mapping of str to mapping of str to str, optional
        Own questions: construct -> item -> its words, answered from 1 (not at all) to 10 (fully). They come after the
        construct's standard ones.
    scale : (low, high), optional
        Of a survey that was asked already, such as a study's own: all items keep its codes, and one without known words
        is listed as such instead of refused.
    codes : mapping of str to (low, high), optional
        Items of that survey with other codes.

    Returns
    -------
    QuestionnaireResult

    Raises
    ------
    UsageError
        If the language is not known, a construct has no question, an item no words, or two questions one code.

    References
    ----------
    Fornell et al. (1996), Tenenhaus et al. (2005), GB/T 19038-2009: what the standard items ask; see `wording`.
    """
    if language not in LANGUAGES:
        raise UsageError(f"There are questionnaires in {' and '.join(LANGUAGES)}, not in {language!r}.")
    own = {} if questions is None else {name: dict(asked) for name, asked in questions.items()}
    known = [construct.name for construct in constructs]
    for construct_name in own:
        if construct_name not in known:
            raise UsageError(
                f"There are questions for {construct_name!r}, which is no construct of the model {name}; its "
                f"constructs are {', '.join(known)}."
            )
    parts = constructs if scale is None else _first_order(constructs)
    asked = [
        one
        for construct in parts
        for one in _of(construct, name, own.get(construct.name, {}), language, known=scale is None)
    ]
    if scale is not None:
        asked = [replace(one, scale=_whole((codes or {}).get(one.item, scale))) for one in asked]
    asked += [*(COMPETITION if competition else ()), *(SEGMENTS if segments else ())]
    names = [question.item for question in asked]
    for code in names:
        if names.count(code) > 1:
            raise UsageError(f"Two questions have the code {code!r}; give each its own.")
    who = provider or _PROVIDER[language]
    rows = [_row(place, question, language, who) for place, question in enumerate(asked, start=1)]
    frame = pd.DataFrame(rows).astype({"lowest": "Int64", "highest": "Int64"})
    worded = {*QUESTIONS, *(item for words in own.values() for item in words)}
    lacking = tuple(one.item for one in asked if one.construct and one.item not in worded)
    return QuestionnaireResult(name, language, who, frame, tuple(paths), lacking)


def _first_order(constructs: Sequence[Construct]) -> list[Construct]:
    """Each item once, and no construct that is measured by others: nobody was asked that."""
    names, seen, found = {construct.name for construct in constructs}, set(), []
    for construct in constructs:
        items = [item for item in construct.items if item not in seen and item not in names - {construct.name}]
        seen.update(items)
        found += [replace(construct, items=tuple(items))] if items else []
    return found


def _whole(ends: tuple[float, float]) -> tuple[int, int] | None:
    """Codes as boxes can show them; None where they are no whole numbers."""
    return (int(ends[0]), int(ends[1])) if all(float(end).is_integer() for end in ends) else None


def _of(construct: Construct, model: str, own: Mapping[str, str], language: str, *, known: bool) -> list[Question]:
    standard = [item for item in ITEMS.get(model, tuple(QUESTIONS)) if QUESTIONS[item].construct == construct.name]
    # Own questions alone measure a construct of an own model that happens to bear a standard name.
    wanted = list(construct.items) or ([] if own and model not in ITEMS else standard)
    asked = []
    for item in dict.fromkeys([*wanted, *own]):
        if item in own:
            asked.append(Question(item, construct.name, RATING, {language: Wording(own[item], *_ENDS[language])}))
        elif item in QUESTIONS:
            asked.append(QUESTIONS[item])
        elif not known:
            asked.append(
                Question(item, construct.name, None, {language: Wording(_UNWORDED[language].format(item=item))})
            )
        else:
            raise UsageError(
                f"There are no words for the item {item!r} of {construct.name!r}; give them with "
                f'questions={{"{construct.name}": {{"{item}": "..."}}}}.'
            )
    if not asked:
        raise UsageError(
            f"There is no question for the construct {construct.name!r}; give some with "
            f'questions={{"{construct.name}": {{"{construct.name}_1": "..."}}}}.'
        )
    return asked


def _row(number: int, question: Question, language: str, provider: str) -> dict[str, Any]:
    words = question.words[language]
    text = words.text.replace("{provider}", provider)
    lowest, highest = question.scale or (pd.NA, pd.NA)
    return {
        "number": number,
        "item": question.item,
        "construct": question.construct,
        "question": text[:1].upper() + text[1:],
        "lowest": lowest,
        "highest": highest,
        "low_anchor": words.low,
        "high_anchor": words.high,
        "choices": "; ".join(f"{code} = {said}" for code, said in words.choices.items()),
    }
