"""What a survey holds: the items of each construct, and how many answers are missing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from crm_analysis.result import Result, metric_key
from crm_analysis.study.config import SurveyConfig
from crm_analysis.table import count, listed, percent


@dataclass(frozen=True, eq=False, repr=False)
class AnswersResult(Result):
    """Constructs and items of a survey, with the share of missing answers.

    Attributes
    ----------
    constructs : DataFrame
        One row per construct: its items, the answers given, the share of answers missing.
    items : DataFrame
        One row per item: its construct (none where it belongs to none), the answers given, the different ones among
        them, the share missing.
    respondents : int
        Rows of the survey: respondents, by wave.
    model : str
        The model in words, for a sentence.
    target : str
        The construct to be explained; empty where study.toml does not say it.
    """

    constructs: pd.DataFrame
    items: pd.DataFrame
    respondents: int
    model: str
    target: str
    title = "The survey's constructs"
    shown: ClassVar[dict[str, str]] = {"constructs": "Items and missing answers, by construct"}

    def to_frame(self) -> pd.DataFrame:
        return self.constructs.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"constructs": self.constructs.copy(), "items": self.items.copy()}

    def findings(self) -> tuple[str, ...]:
        target = f"; it is to explain {self.target}" if self.target else ""
        sentences = [f"{self.model}{target}."]
        for row in self.constructs.to_dict("records"):
            missing = f", {percent(row['missing_share'])} of the answers missing" if self.respondents else ""
            sentences.append(f"Construct {row['construct']}: {count(row['items'], 'item')}{missing}.")
        free = int(self.items["construct"].isna().sum())
        if free:
            sentences.append(f"Items that belong to no construct: {free:,}.")
        dead = self.items.loc[self.items["different_answers"] < 2, "item"]
        if len(dead) and self.respondents:
            sentences.append(
                f"Items with no two different answers, of which no model can be estimated: {listed([*dead])}; take "
                "them out of [survey.constructs]."
            )
        return tuple(sentences)

    def metrics(self) -> dict[str, float]:
        rows = self.constructs.to_dict("records")
        return {f"{metric_key(row['construct'])}_missing_share": row["missing_share"] for row in rows}


def describe(respondents: pd.DataFrame, *, survey: SurveyConfig) -> AnswersResult:
    """Count the items and the missing answers of each construct.

    Parameters
    ----------
    respondents : DataFrame
        The table ``survey`` of a study (`Study.frame`): one row per respondent and wave, codes for missing answers
        already taken out.
    survey : SurveyConfig
        What study.toml says of it.

    Returns
    -------
    AnswersResult
    """
    of = {item: construct for construct, items in survey.constructs.items() for item in items}
    items = pd.DataFrame(
        [
            {
                "construct": of.get(item),
                "item": item,
                "answers": int(respondents[item].notna().sum()),
                "different_answers": int(respondents[item].nunique()),
                "missing_share": float(respondents[item].isna().mean()),
            }
            for item in survey.items
        ],
        columns=["construct", "item", "answers", "different_answers", "missing_share"],
    )
    constructs = pd.DataFrame(
        [
            {
                "construct": construct,
                "items": len(own),
                "answers": int(respondents[list(own)].notna().sum().sum()),
                "missing_share": float(respondents[list(own)].isna().to_numpy().mean())
                if own and len(respondents)
                else math.nan,
            }
            for construct, own in survey.constructs.items()
        ],
        columns=["construct", "items", "answers", "missing_share"],
    )
    return AnswersResult(constructs, items, len(respondents), _model(survey), survey.target)


def _model(survey: SurveyConfig) -> str:
    if survey.model:
        return f'The model is the preset "{survey.model}"'
    if survey.paths:
        return f"The model is {count(sum(map(len, survey.paths.values())), 'path')} of [survey.paths]"
    return "No model is named; for the notebooks on satisfaction add [survey] model or [survey.paths] to study.toml"
