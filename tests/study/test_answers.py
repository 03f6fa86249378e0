"""The survey's constructs: items and missing answers counted by hand, and what study.toml says of the model."""

import numpy as np
import pandas as pd
import pytest

from crm_analysis.study import Study, answers
from crm_analysis.study.config import SurveyConfig

RESPONDENTS = pd.DataFrame(
    {"respondent_id": ["r1", "r2", "r3", "r4"]}
    | {"Q1": [1, 2, np.nan, 4], "Q2": [1, 1, 1, 1], "Q3": [5, np.nan, np.nan, 2], "spent": [1.0, 2.0, 3.0, 4.0]}
)
SURVEY = SurveyConfig(
    constructs={"quality": ("Q1", "Q2"), "satisfaction": ("Q3",)},
    codes={"spent": (0, 100)},
    paths={"quality": ("satisfaction",)},
    target="satisfaction",
)


@pytest.fixture
def described():
    return answers.describe(RESPONDENTS, survey=SURVEY)


def test_AnswersResult_keeps_the_contract(described, keeps_result_contract):
    keeps_result_contract(described)
    keeps_result_contract(answers.describe(RESPONDENTS.head(0), survey=SURVEY))
    keeps_result_contract(answers.describe(RESPONDENTS, survey=SurveyConfig()))


def test_items_and_missing_answers_are_counted(described):
    assert described.to_frame().to_dict("records") == [
        {"construct": "quality", "items": 2, "answers": 7, "missing_share": 0.125},
        {"construct": "satisfaction", "items": 1, "answers": 2, "missing_share": 0.5},
    ]
    assert described.items.set_index("item")["different_answers"].to_dict() == {"Q1": 3, "Q2": 1, "Q3": 2, "spent": 4}
    assert described.metrics() == {"quality_missing_share": 0.125, "satisfaction_missing_share": 0.5}


def test_it_says_what_a_model_would_stumble_over(described):
    assert described.findings() == (
        "The model is 1 path of [survey.paths]; it is to explain satisfaction.",
        "Construct quality: 2 items, 12.5 % of the answers missing.",
        "Construct satisfaction: 1 item, 50.0 % of the answers missing.",
        "Items that belong to no construct: 1.",
        "Items with no two different answers, of which no model can be estimated: Q2; take them out of "
        "[survey.constructs].",
    )


@pytest.mark.parametrize(
    ("survey", "sentence"),
    [
        (SurveyConfig(model="acsi"), 'The model is the preset "acsi".'),
        (
            SurveyConfig(),
            "No model is named; for the notebooks on satisfaction add [survey] model or [survey.paths] to study.toml.",
        ),
    ],
)
def test_the_model_is_named(survey, sentence):
    assert answers.describe(RESPONDENTS, survey=survey).findings() == (sentence,)


def test_codes_for_no_answer_are_missing(write_study):
    toml = (
        '[tables.survey]\nsource = "survey.csv"\n[survey]\nscale = [1, 7]\nmissing = [9]\n'
        '[survey.constructs]\nquality = ["Q1"]\n'
    )
    study = Study.open(write_study({"survey": "respondent_id,Q1\nr1,1\nr2,9\nr3,7\nr4,\n"}, toml))
    found = answers.describe(study.frame("survey"), survey=study.config.survey)
    assert found.to_frame()["missing_share"].tolist() == [0.5]
