"""The questionnaire: its words, its files, and the way of the collected answers back into a study."""

import re
import tomllib

import numpy as np
import pandas as pd
import pytest

from crm_analysis.errors import UsageError
from crm_analysis.satisfaction import model
from crm_analysis.satisfaction.asking.question import LANGUAGES
from crm_analysis.satisfaction.asking.wording import COMPETITION, ITEMS, QUESTIONS, SEGMENTS
from crm_analysis.satisfaction.model import ACSI, CCSI, ECSI, PRESETS, Construct, Model
from crm_analysis.study import Study
from crm_analysis.study.simulate import questionnaire as demo_questionnaire

OWN = Model(
    "own",
    (Construct("staff"), Construct("room"), Construct("satisfaction"), Construct("loyalty")),
    (("staff", "satisfaction"), ("room", "satisfaction"), ("satisfaction", "loyalty")),
)
OWN_QUESTIONS = {
    "staff": {"staff_kind": 'The staff are "really" kind.', "staff_quick": "They are quick, too."},
    "room": {"room_light": "The rooms are light."},
}


def simulated(asked, n=300, *, seed=1):
    """Answers that people could give: codes on each scale, some "don't know", words where words are asked."""
    draws = np.random.default_rng(seed)
    answers = {"respondent_id": [f"P{number:03d}" for number in range(n)], "wave": draws.integers(1, 3, n)}
    for row in asked.to_frame().to_dict("records"):
        if pd.isna(row["lowest"]):
            codes = [choice.partition(" = ")[0] for choice in row["choices"].split("; ")] if row["choices"] else []
            answers[row["item"]] = draws.choice(codes or ["Nord, Süd", "东城", 'the "corner"'], n)
        else:
            codes = draws.integers(row["lowest"], row["highest"] + 1, n)
            codes = np.where(np.isin(codes, (98, 99)), 97, codes)
            answers[row["item"]] = np.where(draws.random(n) < 0.05, draws.choice([98, 99], n), codes)
    return pd.DataFrame(answers)


def expected(answers, asked):
    """The same answers as a study should hold them: numbers, and nothing where somebody did not know."""
    numeric = asked.to_frame().dropna(subset="lowest")["item"]
    return answers.assign(**{item: answers[item].astype(float).replace([98, 99], np.nan) for item in numeric})


@pytest.mark.parametrize(
    ("preset", "language", "header"),
    [("acsi", "en", "code"), ("ecsi", "zh", "question"), ("ccsi", "zh", "number"), ("ccsi", "en", "question")],
)
def test_collected_answers_are_read_back_without_editing(tmp_path, preset, language, header):
    asked = PRESETS[preset].questionnaire(language=language, competition=True, segments=True)
    answers = simulated(asked)
    frame = asked.to_frame()
    heads = {
        "code": dict(zip(frame["item"], frame["item"], strict=True)),
        "number": dict(zip(frame["item"], "Q" + frame["number"].astype(str), strict=True)),
        "question": dict(zip(frame["item"], frame["question"], strict=True)),
    }[header]
    answers.rename(columns=heads).to_csv(tmp_path / "survey.csv", index=False, encoding="utf-8")
    (tmp_path / "study.toml").write_text(asked.study_toml(header=header), "utf-8")

    study = Study.open(tmp_path)
    got = study.frame("survey").sort_values("respondent_id", ignore_index=True)
    wanted = expected(answers, asked)
    assert study.check().to_frame().empty
    for column in wanted.columns:
        assert got[column].tolist() == pytest.approx(wanted[column].tolist(), nan_ok=True), column
    built = model.of(study)
    assert built.paths == PRESETS[preset].paths
    assert built.items == tuple(frame.loc[frame["construct"] != "", "item"])
    built.check(got, study.config.survey.items, covariances=True)


def test_an_own_model_is_read_back_with_its_paths(tmp_path):
    asked = OWN.questionnaire(questions=OWN_QUESTIONS)
    answers = simulated(asked)
    answers.to_csv(tmp_path / "answers of may.csv", index=False)
    (tmp_path / "study.toml").write_text(asked.study_toml(source="answers of may.csv", name="may"), "utf-8")
    study = Study.open(tmp_path)
    built = model.of(study)
    assert study.name == "may"
    assert set(built.paths) == set(OWN.paths)
    assert built.construct("room").items == ("room_light",)
    assert len(study.frame("survey")) == 300


def test_QuestionnaireResult_keeps_the_contract(keeps_result_contract):
    keeps_result_contract(ACSI.questionnaire())
    keeps_result_contract(CCSI.questionnaire(language="zh", competition=True, segments=True))
    keeps_result_contract(OWN.questionnaire(questions=OWN_QUESTIONS))


def test_findings_say_what_is_asked_and_what_is_thin():
    assert ACSI.questionnaire(segments=True).findings() == (
        "The questionnaire of the model ACSI asks 14 questions about 6 constructs and 4 questions beside.",
        "One question alone measures complaints: its error cannot be estimated.",
        "Two questions alone measure value and loyalty: a third would show which of them is weak.",
    )
    assert ECSI.questionnaire().metrics() == {"questions": 18, "constructs": 7}


def test_the_standard_items_are_those_of_the_demo_study():
    asked = ACSI.questionnaire()
    assert {name: list(items) for name, items in asked.constructs.items()} == demo_questionnaire.constructs()
    # A model that is bound to items asks these and no others.
    bound = ACSI.measured_by(demo_questionnaire.constructs()).questionnaire()
    assert bound.to_frame().equals(asked.to_frame())
    settings = tomllib.loads(asked.study_toml())["survey"]
    assert settings["codes"] == {"complained": [0, 1], "price_tolerance": [0, 100]}
    assert (settings["model"], settings["scale"], settings["missing"]) == ("acsi", [1, 10], [98, 99])


def test_every_question_has_words_in_every_language():
    for question in (*QUESTIONS.values(), *COMPETITION, *SEGMENTS):
        assert tuple(question.words) == LANGUAGES
        for language, words in question.words.items():
            chinese = bool(re.search(r"[\u4e00-\u9fff]", words.text))
            assert chinese == (language == "zh"), question.item
            assert words.text[-1] in "?.？。", question.item
            assert bool(words.low and words.high) == (question.scale is not None), question.item
        assert len({tuple(words.choices) for words in question.words.values()}) == 1
    for preset in PRESETS.values():
        asked = [QUESTIONS[item].construct for item in ITEMS[preset.name]]
        assert tuple(dict.fromkeys(asked)) == preset.names


def test_the_provider_stands_in_the_questions():
    english = ACSI.questionnaire(provider="the bookshop").to_frame()
    chinese = ACSI.questionnaire(language="zh", provider="新华书店").to_frame()
    assert english["question"].str.contains("the bookshop").sum() == 14
    assert chinese["question"].str.contains("新华书店").sum() == 14
    # At the beginning of a sentence it is written large.
    statements = ECSI.questionnaire().to_frame()["question"]
    assert "The company has a good name." in set(statements)
    assert not pd.concat([english["question"], statements]).str.contains(r"[{}]").any()


def test_csv_holds_wording_scale_anchors_and_code(tmp_path):
    asked = CCSI.questionnaire(language="zh", segments=True)
    path = asked.to_csv(tmp_path / "questions.csv")
    # The mark at the beginning lets spreadsheets see that it is UTF-8.
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    written = pd.read_csv(path, keep_default_na=False)
    assert list(written.columns) == [
        "number",
        "item",
        "construct",
        "question",
        "lowest",
        "highest",
        "low_anchor",
        "high_anchor",
        "choices",
    ]
    assert written["question"].tolist() == asked.to_frame()["question"].tolist()
    row = written.set_index("item").loc["recommendation"]
    assert (row["lowest"], row["highest"], row["low_anchor"], row["high_anchor"]) == (
        "0",
        "10",
        "完全不可能",
        "极有可能",
    )
    assert written.set_index("item").loc["gender", "choices"] == "female = 女; male = 男; other = 其他"


def test_markdown_can_be_printed():
    text = ACSI.questionnaire(provider="Smith & Sons [Books]", competition=True, segments=True).to_markdown()
    assert text.startswith("# Your experience with Smith & Sons \\[Books\\]\n")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == [
        "What you expected",
        "What you experienced",
        "Price and quality",
        "Your satisfaction",
        "Complaints",
        "The future",
        "Other providers and you",
    ]
    assert (
        "**9. All in all, how satisfied are you with Smith & Sons \\[Books\\]?** `satisfaction_overall`\n\n"
        "very dissatisfied ☐ 1 ☐ 2 ☐ 3 ☐ 4 ☐ 5 ☐ 6 ☐ 7 ☐ 8 ☐ 9 ☐ 10 very satisfied   ☐ 98 don't know\n"
    ) in text
    assert "\n\n☐ 0 no   ☐ 1 yes   ☐ 98 don't know\n" in text
    assert "\n\nPlease write a percentage (0, 5, 10 ... 100): ______ %   ☐ 98 don't know\n" in text
    assert "\n\n☐ female   ☐ male   ☐ other\n" in text
    assert len(re.findall(r"^\*\*\d+\. ", text, re.MULTILINE)) == 22


def test_markdown_in_chinese_shows_the_codes_of_choices():
    text = CCSI.questionnaire(language="zh", segments=True).to_markdown()
    assert "☐ 女 (female)   ☐ 男 (male)   ☐ 其他 (other)" in text
    assert "## 您的满意程度" in text


def test_columns_are_those_of_a_table_of_answers():
    assert ACSI.questionnaire().columns[:4] == ("respondent_id", "time", "wave", "expectations_overall")


def test_a_preset_with_other_paths_lists_them():
    changed = tomllib.loads(ACSI.without("complaints").questionnaire().study_toml())["survey"]
    assert "model" not in changed
    assert changed["paths"] == {
        "expectations": ["quality", "value", "satisfaction"],
        "quality": ["value", "satisfaction"],
        "value": ["satisfaction"],
        "satisfaction": ["loyalty"],
    }


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ACSI.questionnaire(language="de"), "There are questionnaires in en and zh, not in 'de'."),
        (
            lambda: OWN.questionnaire(),
            'There is no question for the construct \'staff\'; give some with questions={"staff": {"staff_1": "..."}}.',
        ),
        (
            lambda: ACSI.measured_by({"value": ["Q7"]}).questionnaire(),
            'There are no words for the item \'Q7\' of \'value\'; give them with questions={"value": {"Q7": "..."}}.',
        ),
        (
            lambda: ACSI.questionnaire(questions={"mood": {"m": "?"}}),
            "There are questions for 'mood', which is no construct of the model ACSI; its constructs are expectations, "
            "quality, value, satisfaction, complaints, loyalty.",
        ),
        (
            lambda: ACSI.questionnaire(questions={"value": {"complained": "?"}}),
            "Two questions have the code 'complained'; give each its own.",
        ),
        (
            lambda: ACSI.questionnaire().study_toml(header="words"),
            "header must be one of code, number, question, not 'words'.",
        ),
    ],
)
def test_what_cannot_be_asked_is_said_with_the_cure(make, message):
    with pytest.raises(UsageError) as error:
        make()
    assert str(error.value) == message


def test_a_survey_that_was_asked_keeps_its_codes_and_says_which_words_are_not_known(keeps_result_contract):
    own = Model(
        "own",
        (
            Construct("hopes", ("h1", "quality_overall")),
            Construct("whole", ("hopes",)),
            Construct("happy", ("h2", "h1")),
        ),
        (("hopes", "happy"),),
    )
    found = own.questionnaire(scale=(1, 5), codes={"h2": (0, 1)})
    assert found.questions["item"].tolist() == ["h1", "quality_overall", "h2"]
    assert found.questions["question"].tolist()[0] == "(no wording is known for h1)"
    assert found.questions[["lowest", "highest"]].to_numpy().tolist() == [[1, 5], [1, 5], [0, 1]]
    assert found.unworded == ("h1", "h2")
    assert "No wording is known for h1 and h2: give the words that were asked with questions={...}." in found.findings()
    worded = own.questionnaire(scale=(1, 5), questions={"hopes": {"h1": "How much do you hope?"}})
    assert worded.unworded == ("h2",)
    assert "（h2 的措辞未知）" in own.questionnaire(language="zh", scale=(1, 5)).to_markdown()
    keeps_result_contract(found, pictures=())
