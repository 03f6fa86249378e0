"""SERVQUAL gaps: by hand and against statsmodels and scipy, reliability of differences, honest gaps in the data."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from crm_analysis.errors import DataError, UsageError
from crm_analysis.satisfaction import service_quality
from crm_analysis.satisfaction.paired import difference

TRUE = {"reliability": -1.5, "assurance": -0.5, "tangibles": 0.4, "empathy": 0.0}


def judged(n=300, *, seed=7, spread=1.0):
    """Two expected and two perceived items a dimension; the true gap is that of TRUE."""
    generator, columns = np.random.default_rng(seed), {}
    for dimension, gap in TRUE.items():
        for level, mean in (("expected", 6.0), ("perceived", 6.0 + gap)):
            person = generator.normal(0, spread, n)
            for item in (1, 2):
                columns[f"servqual_{dimension}_{item}_{level}"] = mean + person + generator.normal(0, 0.7, n)
    return pd.DataFrame(columns).clip(1, 10)


def measured(answers, **options):
    return service_quality.gaps(
        answers,
        expected=service_quality.items(answers, level="expected"),
        perceived=service_quality.items(answers, level="perceived"),
        **{"draws": 200} | options,
    )


def test_items_are_found_by_name_and_the_five_dimensions_stand_first():
    names = ["servqual_speed_of_reply_1_expected", "servqual_empathy_2_expected", "servqual_empathy_10_expected"]
    names += ["servqual_reliability_1_expected", "servqual_empathy_1_perceived", "other"]
    answers = pd.DataFrame(columns=names)
    assert service_quality.items(answers, level="expected") == {
        "reliability": ["servqual_reliability_1_expected"],
        "empathy": ["servqual_empathy_2_expected", "servqual_empathy_10_expected"],
        "speed_of_reply": ["servqual_speed_of_reply_1_expected"],
    }
    assert service_quality.items(answers, level="desired") == {}
    with pytest.raises(UsageError) as raised:
        service_quality.items(answers, level="wanted")
    assert str(raised.value) == (
        "service_quality: level must be one of expected, perceived, adequate, desired, not 'wanted'."
    )


def test_one_wave():
    answers = pd.DataFrame({"wave": [1, 1, 2], "q": [3, 4, 5]})
    assert service_quality.one_wave(answers, wave=2)["q"].tolist() == [5]
    assert service_quality.one_wave(answers[["q"]], wave=2)["q"].tolist() == [3, 4, 5]
    assert service_quality.one_wave(answers[:0], wave=2).empty
    named, dated = {1: "spring", 2: "autumn"}, {1: "2024-04-01", 2: "2024-10-01"}
    worded = answers.assign(wave=answers["wave"].map(named), time=answers["wave"].map(dated))
    assert service_quality.one_wave(worded, wave=2)["q"].tolist() == [5]
    with pytest.raises(UsageError) as raised:
        service_quality.one_wave(answers, wave=5)
    assert str(raised.value) == "service_quality: there is no wave 5; the survey has 1 and 2."


def test_gaps_are_paired_t_tests_with_holm():
    answers = judged()
    found = measured(answers).dimensions.set_index("dimension")
    p_values = []
    for dimension in TRUE:
        two = [answers[[f"servqual_{dimension}_{item}_{level}" for item in (1, 2)]].mean(axis=1)
               for level in ("perceived", "expected")]  # fmt: skip
        reference = stats.ttest_rel(*two)
        low, high = reference.confidence_interval()
        row = found.loc[dimension]
        assert (row["gap"], row["gap_low"], row["gap_high"]) == pytest.approx(((two[0] - two[1]).mean(), low, high))
        assert row["perceived"] - row["expected"] == pytest.approx(row["gap"])
        p_values.append(reference.pvalue)
    assert found["p_value"].tolist() == pytest.approx(p_values)
    assert found["p_holm"].tolist() == pytest.approx(list(multipletests(p_values, method="holm")[1]))


def test_planted_gaps_are_recovered_and_told():
    result = measured(judged(), draws=1000, seed=1)
    rows = result.dimensions.set_index("dimension")
    for dimension, gap in TRUE.items():
        # Three standard errors: the four of them lie outside in one study of a hundred.
        assert abs(rows["gap"][dimension] - gap) < 0.75 * (rows["gap_high"][dimension] - rows["gap_low"][dimension])
        # Both intervals speak of the same spread.
        widths = [rows[f"{kind}_high"][dimension] - rows[f"{kind}_low"][dimension] for kind in ("gap", "bootstrap")]
        assert widths[1] == pytest.approx(widths[0], rel=0.12)
    assert result.findings()[0].startswith("Reliability falls short of expectations most: −1.")
    assert result.findings()[1].startswith("Above expectations: tangibles, by 0.")
    assert result.findings()[2] == "Below expectations after Holm's correction: reliability and assurance."
    assert result.findings()[3] == "Neither above nor below for certain: empathy."


def test_a_gap_that_may_be_chance_is_told_so():
    assert measured(judged(2)).findings()[0].startswith("Assurance seems to fall short most, not surely: −2.02 (95 %")


def test_by_hand_with_a_missing_answer_and_importance():
    answers = pd.DataFrame(
        {
            "e1": [8.0, 9, 7], "e2": [8.0, np.nan, 7], "p1": [6.0, 9, 8], "p2": [7.0, 2, 8],
            "f1": [5.0, 5, 5], "q1": [6.0, 7, 8],
        }
    )  # fmt: skip
    result = service_quality.gaps(
        answers,
        expected={"reliability": ["e1", "e2"], "empathy": ["f1"]},
        perceived={"reliability": ["p1", "p2"], "empathy": ["q1"]},
        weights={"reliability": 75, "empathy": 25},
        draws=100,
    )
    # Person 1: (-2 - 1) / 2; person 2: only the first item, 0; person 3: 1.
    assert result.dimensions["gap"].tolist() == pytest.approx([-0.5 / 3, 2.0])
    assert result.items["gap"].tolist() == pytest.approx([-1 / 3, 0.0, 2.0])
    assert result.items["answers"].tolist() == [3, 2, 3]
    assert result.overall[0] == pytest.approx(0.75 * -0.5 / 3 + 0.25 * 2)
    assert result.dimensions["importance_share"].tolist() == [0.75, 0.25]
    assert result.reliability["dimension"].tolist() == ["reliability"]


def test_only_who_judged_every_dimension_has_a_gap_over_all():
    answers = pd.DataFrame(
        {"e": [8.0, 9, 7, 6], "p": [6.0, 9, 8, 1], "f": [5.0, 5, 5, np.nan], "q": [6.0, 7, 8, np.nan]}
    )
    result = service_quality.gaps(
        answers,
        expected={"reliability": ["e"], "empathy": ["f"]},
        perceived={"reliability": ["p"], "empathy": ["q"]},
        draws=100,
    )
    assert result.dimensions["gap"].tolist() == pytest.approx([(-2 + 0 + 1 - 5) / 4, 2.0])
    assert result.overall[0] == pytest.approx((-0.5 + 1 + 2) / 3)
    assert result.respondents == 4


def test_reliability_of_a_difference_by_its_definition():
    # Two parallel items a level: reliability is the share of true variance, so of the difference it is
    # 2 (1 - r) s^2 / (2 (1 - r) s^2 + 2 e^2 / 2), here with s = e = 1 and r = 0.6.
    generator, n = np.random.default_rng(3), 40_000
    true = generator.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], n)
    pair = difference.Pair(
        "x", ("a", "b"), ("c", "d"), *(true[:, [side]] + generator.normal(0, 1, (n, 2)) for side in (0, 1))
    )
    alpha_below, alpha_above, correlation, steady = difference.reliability(pair, [np.ones((1, n))])[0]
    assert (alpha_below, alpha_above) == pytest.approx((2 / 3, 2 / 3), abs=0.01)
    assert correlation == pytest.approx(0.4, abs=0.01)
    assert steady == pytest.approx(0.8 / (0.8 + 1), abs=0.01)


def test_unreliable_differences_and_full_scales_are_mentioned():
    answers = judged(spread=0.5, seed=2)
    answers[[name for name in answers if name.endswith("expected")]] = 10.0
    said = " ".join(measured(answers).findings())
    assert "100.0 % of the expectations of reliability are at the top of the scale" in said
    answers = judged(spread=0.3, seed=2)
    assert "The reliability of the difference is below 0.7 for" in " ".join(measured(answers).findings())


@pytest.mark.parametrize(
    "answers", [pd.DataFrame(), judged().filter(like="expected"), judged() * np.nan, judged().iloc[:0]]
)
def test_without_both_levels_it_says_so(answers, keeps_result_contract):
    items = {"reliability": ["servqual_reliability_1_expected"]}, {"reliability": ["servqual_reliability_1_perceived"]}
    result = service_quality.gaps(answers, expected=items[0], perceived=items[1])
    assert result.findings() == ("There are no expected and perceived service items in this study.",)
    keeps_result_contract(result, pictures=("plot",))


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"draws": 5}, UsageError, "service_quality: draws must be 100 or more, not 5."),
        (
            {"weights": {"reliability": 1}},
            UsageError,
            "service_quality: weights lacks the dimension 'assurance'; give the importance of each.",
        ),
        (
            {"perceived": {"reliability": ["servqual_reliability_1_perceived"]}},
            UsageError,
            "service_quality: the dimension 'assurance' has no perceived items; give both levels of it.",
        ),
        (
            {"expected": {"reliability": ["a", "b"]}, "perceived": {"reliability": ["c"]}},
            UsageError,
            "service_quality: the dimension 'reliability' has 2 expected items and 1 perceived item; give as many of "
            "both, in the same order.",
        ),
        (
            {"scale": (1, 4)},
            DataError,
            "service_quality: column 'servqual_reliability_1_expected': 10 values outside 1-4, first: row 0 = 6.0; "
            "mend them or give the scale.",
        ),
    ],
)
def test_wrong_calls_are_refused(options, kind, message):
    answers = judged(10, spread=0).round()
    both = {level: service_quality.items(answers, level=level) for level in ("expected", "perceived")}
    with pytest.raises(kind) as raised:
        service_quality.gaps(answers, **both | options)
    assert str(raised.value) == message


@pytest.mark.parametrize("answers", [judged(), judged(2), judged(1), judged(5, spread=0).round()],
                         ids=["usual", "two", "one", "constant"])  # fmt: skip
def test_GapsResult_keeps_the_contract(answers, keeps_result_contract):
    keeps_result_contract(measured(answers), pictures=("plot",))


@pytest.mark.slow
def test_intervals_hold_the_truth():
    held = np.zeros((2, 4))
    for seed in range(250):
        rows = measured(judged(60, seed=seed), seed=seed, draws=200).dimensions
        for place, kind in enumerate(("gap", "bootstrap")):
            held[place] += (rows[f"{kind}_low"] <= list(TRUE.values())) & (list(TRUE.values()) <= rows[f"{kind}_high"])
    assert (np.abs(held[0] / 250 - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 250)).all()
    assert (held[1] / 250 > 0.89).all()
