"""Kano: published tables, the evaluation table by hand, ties, doubts, and the truth of the demo study."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_analysis.errors import DataError, UsageError
from crm_analysis.proportion import wilson
from crm_analysis.satisfaction import kano, recovery
from crm_analysis.satisfaction.paired import evaluation

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "kano.json").read_text("utf-8"))["features"]
# One pair of answers (functional, dysfunctional) that gives each category.
PAIR = {"M": (3, 5), "O": (1, 5), "A": (1, 3), "I": (3, 3), "R": (5, 2), "Q": (1, 1)}


def asked(**features):
    """Answers in which so many respondents give each category: asked(wifi={"M": 3, "A": 2})."""
    rows = []
    for feature, counts in features.items():
        letters = [letter for letter, many in counts.items() for _ in range(many)]
        rows += [(f"R{number}", feature, *PAIR[letter]) for number, letter in enumerate(letters)]
    return pd.DataFrame(rows, columns=list(evaluation.COLUMNS))


@pytest.mark.parametrize("published", REFERENCE, ids=lambda row: row["feature"])
def test_published_tables(published):
    row = evaluation.describe(np.array([published[letter] for letter in evaluation.LETTERS]), 100.0)
    assert round(row["better"], published["digits"]) == published["better"]
    assert round(row["worse"], published["digits"]) == published["worse"]
    assert (row["letter"], row["by_groups"]) == (published["letter"], published["by_groups"])


def test_every_pair_of_the_evaluation_table():
    pairs = [(f, d) for f in range(1, 6) for d in range(1, 6)]
    answers = pd.DataFrame([("R1", f"f{f}{d}", f, d) for f, d in pairs], columns=list(evaluation.COLUMNS))
    found = kano.classify(answers).to_frame().set_index("feature")["letter"]
    # By hand: like/like and dislike/dislike contradict themselves; like decides A and O, dislike of absence M.
    for f, d in pairs:
        if f == d and f in (1, 5):
            expected = "Q"
        elif f == 1:
            expected = "O" if d == 5 else "A"
        elif f == 5 or d == 1:
            expected = "R"
        else:
            expected = "M" if d == 5 else "I"
        assert found[f"f{f}{d}"] == expected


@pytest.mark.parametrize(
    ("counts", "letter"),
    [
        ({"M": 2, "O": 2, "A": 2, "I": 2}, "M"),
        ({"O": 2, "A": 2, "I": 2}, "O"),
        ({"A": 2, "I": 2, "R": 2, "Q": 2}, "A"),
        ({"I": 2, "R": 2}, "I"),
        ({"R": 2, "Q": 2}, "R"),
        ({"I": 3, "M": 2}, "I"),
    ],
)
def test_ties_are_decided(counts, letter):
    assert kano.classify(asked(wifi=counts)).features["letter"].item() == letter


def test_ties_of_equal_weights_are_ties_although_sums_round():
    answers = asked(wifi={"M": 3, "I": 1}).assign(weight=[0.1, 0.1, 0.1, 0.3])
    assert kano.classify(answers, weight="weight").features["letter"].item() == "M"


def test_fong_by_hand():
    # 45 against 35 of 100: needed is 1.65 sqrt(80 * 120 / 200) = 11.43.
    assert evaluation.fong(45, 35, 100) == (False, pytest.approx(10 / 11.4315, rel=1e-4))
    assert evaluation.fong(47, 33, 100)[0]
    assert evaluation.fong(100, 0, 100)[0]


def test_intervals_and_strengths_by_hand():
    row = kano.classify(asked(wifi={"M": 50, "O": 20, "A": 10, "I": 15, "R": 3, "Q": 2})).features.iloc[0]
    assert row["better"] == pytest.approx(30 / 95)
    assert (row["better_low"], row["better_high"]) == pytest.approx(wilson(30, 95))
    assert (-row["worse_high"], -row["worse_low"]) == pytest.approx(wilson(70, 95))
    assert (row["lead_share"], row["total_strength_share"]) == pytest.approx((0.3, 0.8))
    assert (row["runner_up"], row["significant"]) == ("one-dimensional", True)


def test_a_weight_counts_as_so_many_answers_in_shares():
    plain, twice = {"M": 2, "A": 2, "I": 1}, asked(wifi={"M": 1, "A": 1, "I": 1})
    weighted = kano.classify(twice, weight=np.array([2.0, 2.0, 1.0]))
    assert weighted.shares["share"].tolist() == pytest.approx(kano.classify(asked(wifi=plain)).shares["share"].tolist())
    # Effective number of answers: 25 / 9.
    low, high = wilson(0.4 * 25 / 9, 25 / 9)
    assert weighted.shares[["share_low", "share_high"]].iloc[0].tolist() == pytest.approx([low, high])


def test_weights_that_are_all_alike_change_no_test():
    answers = asked(wifi={"M": 47, "O": 33, "A": 10, "I": 10})
    plain, heavy = (kano.classify(answers, weight=weight).features.iloc[0] for weight in (None, np.full(100, 3.0)))
    for column in ("fong_ratio", "better_low", "better_high", "worse_low", "worse_high"):
        assert heavy[column] == pytest.approx(plain[column])
    # Half of the answers count four times: effective are 250^2 / 850 of them, and so many are tested.
    unlike = kano.classify(answers, weight=np.tile([1.0, 4.0], 50)).features.iloc[0]
    m, o = (np.tile([1.0, 4.0], 50)[start:end].sum() / 250 for start, end in ((0, 47), (47, 80)))
    n = 250**2 / 850
    needed = 1.65 * np.sqrt((m + o) * n * (2 * n - (m + o) * n) / (2 * n))
    assert unlike["fong_ratio"] == pytest.approx((m - o) * n / needed)


def test_a_tie_of_the_two_groups_is_no_majority_for_the_wanted():
    row = kano.classify(asked(wifi={"A": 5, "I": 5})).features.iloc[0]
    assert (row["category"], row["by_groups"]) == ("attractive", "indifferent")


def test_stability_tells_a_clear_category_from_a_close_one():
    result = kano.classify(asked(clear={"M": 80, "I": 20}, close={"M": 50, "I": 50}), seed=3)
    again = result.features.set_index("feature")["same_category_share"]
    assert again["clear"] == 1
    # Exactly half the redraws have more M, and those that tie are decided for M.
    assert again["close"] == pytest.approx(0.54, abs=0.03)


def test_findings_in_whole():
    answers = asked(
        wifi={"M": 60, "O": 20, "A": 10, "I": 10},
        gift={"A": 33, "O": 30, "I": 31, "M": 6},
        sms={"R": 70, "I": 25, "Q": 5},
    )
    assert kano.classify(answers, seed=1).findings() == (
        "Wifi is must-be; gift is attractive; sms is reverse.",
        "The absence of wifi costs most: worse is −0.80 (95 % interval −0.87 to −0.71). Make sure of it first.",
        "The presence of gift gains most: better is 0.63 (95 % interval 0.53 to 0.72).",
        "Most customers would rather do without sms: the answers against it are 70.0 % (95 % interval 60.4–78.1).",
        "The category is not sure for gift (attractive or indifferent); that of gift comes again in 44.5 % of the "
        "redraws of the answers. Look at the shares before acting.",
        "The two largest categories lie less than 6 points apart for gift: a mixed category.",
        "5.0 % (95 % interval 2.2–11.2) of the answers on sms contradict themselves: reword its questions.",
        "100 respondents judged 3 features.",
    )


def test_the_most_frequent_answer_need_not_be_that_of_most_customers():
    said = kano.classify(asked(sms={"R": 40, "I": 35, "M": 25})).findings()
    wanted = "More customers than for any other category would rather do without sms: the answers against it are 40.0 %"
    assert any(sentence.startswith(wanted) for sentence in said)
    said = kano.classify(asked(wifi={"I": 70, "M": 30})).findings()
    assert said[1] == "The absence of wifi costs most: worse is −0.30 (95 % interval −0.40 to −0.22)."


def test_the_rule_of_two_groups_is_mentioned_where_it_decides_otherwise():
    said = kano.classify(asked(wifi={"M": 10, "O": 15, "A": 35, "I": 40})).findings()
    assert "Wifi is indifferent by most answers but attractive by the rule of two groups." in said


def test_stated_importance_and_incomplete_pairs():
    answers = asked(wifi={"M": 4}, gift={"A": 4}).assign(importance=[7, 8, 9, 8, 2, 3, 2, np.nan])
    answers["functional"] = answers["functional"].astype("float64")
    answers.loc[0, "functional"] = np.nan
    result = kano.classify(answers)
    assert result.incomplete == 1
    assert result.features["importance"].tolist() == pytest.approx([25 / 3, 7 / 3])
    assert result.findings()[-1] == (
        "4 respondents judged 2 features; 1 incomplete pair left out; they call wifi most important, 8.33 (95 % "
        "interval 6.90 to 9.77)."
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"functional": [7, 3, 9]},
            "kano: column 'functional': 2 values outside 1-5, first: row 0 = 7; code the answers from 1 (I like it) "
            "to 5 (I dislike it).",
        ),
        (
            {"dysfunctional": ["like", 3, 3]},
            "kano: column 'dysfunctional': 1 value outside 1-5, first: row 0 = like; code the answers from 1 (I like "
            "it) to 5 (I dislike it).",
        ),
        (
            {"respondent_id": ["R1", "R2", "R1"]},
            "kano: respondent 'R1' judges the feature 'wifi' twice; keep one row for each respondent and feature, for "
            "example one wave.",
        ),
    ],
)
def test_wrong_answers_are_refused(change, message):
    with pytest.raises(DataError) as raised:
        kano.classify(asked(wifi={"M": 3}).assign(**change))
    assert str(raised.value) == message


def test_wrong_calls_are_refused():
    with pytest.raises(UsageError) as raised:
        kano.classify(asked(wifi={"M": 3}), draws=5)
    assert str(raised.value) == "kano: draws must be 100 or more, not 5."


@pytest.mark.parametrize("answers", [pd.DataFrame(), asked(), asked(wifi={"M": 2})[["respondent_id", "feature"]]])
def test_without_answers_it_says_so(answers, keeps_result_contract):
    result = kano.classify(answers)
    assert result.findings() == ("There are no paired Kano answers in this study.",)
    keeps_result_contract(result, pictures=("plot", "plot_shares"))


@pytest.mark.parametrize(
    "answers",
    [
        asked(wifi={"M": 1}),
        asked(wifi={"R": 2, "Q": 1}),
        asked(**{f"a very long name of a feature of the shop, number {n}": {"M": n, "A": 9 - n} for n in range(10)}),
        asked(**{f"feature_{n}": {"O": 20, "I": 5} for n in range(30)}),
    ],
    ids=["one answer", "no coefficient", "long names", "thirty alike"],
)
def test_KanoResult_keeps_the_contract(answers, keeps_result_contract):
    keeps_result_contract(kano.classify(answers), pictures=("plot", "plot_shares"))


@given(st.lists(st.integers(0, 30), min_size=6, max_size=6).filter(any))
def test_bounds(tallied):
    row = evaluation.describe(np.array(tallied, dtype=float), float(sum(tallied)))
    assert tallied[evaluation.LETTERS.index(row["letter"])] == max(tallied)
    assert np.isnan(row["better"]) or 0 <= row["better_low"] <= row["better"] <= row["better_high"] <= 1
    assert np.isnan(row["worse"]) or -1 <= row["worse_low"] <= row["worse"] <= row["worse_high"] <= 0
    assert 0 <= row["lead_share"] <= 1


def test_simulated_classes_are_recovered():
    generator = np.random.default_rng(11)
    shares = {"wifi": (0.6, 0.1, 0.1, 0.2), "gift": (0.1, 0.2, 0.55, 0.15), "speed": (0.15, 0.5, 0.2, 0.15)}
    frames = [
        asked(**{name: dict(zip("MOAI", generator.multinomial(300, p), strict=True))}) for name, p in shares.items()
    ]
    true = pd.DataFrame(
        {"feature": name, "class": "MOAI"[int(np.argmax(p))], "better": p[1] + p[2], "worse": -p[0] - p[1]}
        for name, p in shares.items()
    )
    result = kano.classify(pd.concat(frames), seed=1)
    found = recovery.compare(
        result.to_frame(), true, on="feature", quantities=("better", "worse"), classes=("letter", "class")
    )
    assert found.classes["right"].all()
    assert found.estimates["held"].sum() >= 5


@pytest.mark.slow
def test_intervals_hold_the_truth():
    generator, p = np.random.default_rng(5), np.array([0.3, 0.2, 0.25, 0.15, 0.06, 0.04])
    held = np.zeros(2)
    for counts in generator.multinomial(150, p, size=2000):
        row = evaluation.describe(counts.astype(float), 150.0)
        held += [
            row["better_low"] <= 0.45 / 0.9 <= row["better_high"],
            row["worse_low"] <= -0.5 / 0.9 <= row["worse_high"],
        ]
    # Four standard errors of 2,000 trials round 95 %.
    assert np.abs(held / 2000 - 0.95).max() < 4 * np.sqrt(0.95 * 0.05 / 2000)


@pytest.mark.slow
def test_the_demo_study_gives_its_truth_back(demo):
    from crm_analysis.study import Study

    study = Study.open(demo)
    true = recovery.truth(study.folder, "kano", "features", on="feature")
    found = recovery.compare(
        kano.classify(study.frame("kano"), seed=1).to_frame(),
        true,
        on="feature",
        quantities=("better", "worse"),
        classes=("letter", "class"),
    )
    assert found.classes["right"].all()
    assert found.estimates["held"].mean() > 0.85
