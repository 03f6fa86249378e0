"""Kano by group: the test against scipy, planted differences, and groups that are alike."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from crm_analysis.errors import UsageError
from crm_analysis.satisfaction import heterogeneity
from crm_analysis.satisfaction.paired import evaluation

PAIR = {"M": (3, 5), "O": (1, 5), "A": (1, 3), "I": (3, 3)}


def drawn(shares, *, n=150, seed=1):
    """Answers of n respondents a group: drawn({"wifi": {"north": p, "south": p}}), p over M, O, A, I."""
    generator, rows = np.random.default_rng(seed), []
    for feature, by_group in shares.items():
        for group, p in by_group.items():
            for number, letter in enumerate(generator.choice(list("MOAI"), size=n, p=p)):
                rows.append((f"{group}{number}", feature, *PAIR[letter], group))
    return pd.DataFrame(rows, columns=[*evaluation.COLUMNS, "region"])


FLAT = (0.3, 0.25, 0.25, 0.2)
PLANTED = {
    "wifi": {"north": (0.6, 0.1, 0.1, 0.2), "south": (0.1, 0.1, 0.6, 0.2)},
    "gift": {"north": FLAT, "south": FLAT},
}


def test_a_planted_difference_is_found_and_told():
    result = heterogeneity.compare(drawn(PLANTED), segment="region", seed=1)
    assert result.findings() == (
        "Wifi is must-be for north and attractive for south (p = 0.002 after Holm): treat these groups apart.",
        "The other 1 feature may be alike in the 2 groups (p above 0.05 after Holm); this does not prove that they "
        "are.",
    )


def test_the_statistic_is_that_of_scipy_and_its_p_value_close_to_the_asymptotic_one():
    answers = drawn({"gift": {"north": FLAT, "south": (0.22, 0.28, 0.3, 0.2)}}, seed=4)
    test = heterogeneity.compare(answers, segment="region", permutations=1999, seed=1).tests.iloc[0]
    letters = [
        evaluation.GRID[f - 1][d - 1] for f, d in zip(answers["functional"], answers["dysfunctional"], strict=True)
    ]
    chi2 = stats.chi2_contingency(pd.crosstab(answers["region"], letters), correction=False)
    assert test["cramers_v"] == pytest.approx(np.sqrt(chi2.statistic / 300))
    assert test["p_value"] == pytest.approx(chi2.pvalue, abs=0.04)


@pytest.mark.slow
def test_groups_that_are_alike_are_rarely_called_different():
    wrong = sum(
        heterogeneity.compare(
            drawn({"wifi": {"a": FLAT, "b": FLAT}, "gift": {"a": FLAT, "b": FLAT}}, n=40, seed=seed),
            segment="region",
            permutations=199,
            seed=seed,
        ).metrics()["features_that_differ"]
        > 0
        for seed in range(60)
    )
    # At 5 % three are expected; nine or more happen with a chance of 0.3 %.
    assert wrong < 9


def test_groups_may_come_as_a_series_and_unknown_ones_are_left_out():
    answers = drawn({"wifi": PLANTED["wifi"]}, n=20)
    by_column = heterogeneity.compare(answers, segment="region", seed=1)
    groups = answers.drop_duplicates("respondent_id").set_index("respondent_id")["region"]
    by_series = heterogeneity.compare(answers, segment=groups, seed=1)
    assert by_series.segments.equals(by_column.segments)
    survey = pd.concat([groups.reset_index()] * 2)
    by_survey = heterogeneity.compare(answers.drop(columns="region"), segment="region", respondents=survey, seed=1)
    assert by_survey.segments.equals(by_column.segments)
    absent = heterogeneity.compare(answers, segment="city", respondents=survey)
    assert absent.findings() == ("There is no column city to group the respondents by.",)
    groups.iloc[:3] = None
    fewer = heterogeneity.compare(answers, segment=groups, seed=1)
    assert fewer.left_out == 3
    assert fewer.findings()[-2:] == (
        "Fewer than 30 respondents answered in north and south: read the categories there as hints.",
        "3 respondents without a known group left out.",
    )


@pytest.mark.parametrize("segment", ["region", "country"])
def test_one_group_or_none_says_so(segment, keeps_result_contract):
    result = heterogeneity.compare(drawn({"wifi": {"north": FLAT}}, n=5), segment=segment)
    assert result.findings() == ("There are fewer than two groups of respondents to compare.",)
    keeps_result_contract(result, pictures=("plot",))


def test_no_answers_say_so():
    result = heterogeneity.compare(pd.DataFrame(), segment="region")
    assert result.findings() == ("There are no paired Kano answers in this study.",)


def test_wrong_calls_are_refused():
    answers = drawn({"wifi": {"north": FLAT}}, n=2)
    with pytest.raises(UsageError) as raised:
        heterogeneity.compare(answers, segment=pd.Series(["a", "b"], index=["north0", "north0"]))
    assert str(raised.value) == (
        "kano: segment holds the respondent 'north0' twice; give one group for each respondent_id."
    )
    with pytest.raises(UsageError) as raised:
        heterogeneity.compare(answers, segment="region", permutations=10)
    assert str(raised.value) == "kano: permutations must be 99 or more, not 10."


@pytest.mark.parametrize("groups", [2, 9])
def test_KanoSegmentsResult_keeps_the_contract(groups, keeps_result_contract):
    names = [f"a group with a long name {number}" for number in range(groups)]
    shares = {f"a feature with a very long name {number}": dict.fromkeys(names, FLAT) for number in range(4)}
    result = heterogeneity.compare(drawn(shares, n=12), segment="region", permutations=99)
    keeps_result_contract(result, pictures=("plot",))
