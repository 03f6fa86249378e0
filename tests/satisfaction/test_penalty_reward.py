"""Penalty and reward: against statsmodels, planted asymmetry, and data that cannot answer."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from crm_analysis.errors import DataError, UsageError
from crm_analysis.satisfaction import penalty_reward


def rated(n=800, *, seed=1):
    """Ratings 1-10: `basic` only harms, `extra` only helps, `linear` does both, `noise` nothing."""
    generator = np.random.default_rng(seed)
    ratings = pd.DataFrame(generator.integers(1, 11, (n, 4)), columns=["basic", "extra", "linear", "noise"])
    low, high = ratings <= 3, ratings >= 8
    effect = -2 * low["basic"] + 2 * high["extra"] - low["linear"] + high["linear"]
    return ratings.assign(overall=6 + effect + generator.normal(0, 1, n))


ALL = ["basic", "extra", "linear", "noise"]


def test_coefficients_are_those_of_statsmodels():
    answers = rated().assign(weight=np.random.default_rng(2).uniform(0.5, 2, 800))
    found = penalty_reward.contrast(answers, attributes=ALL, outcome="overall", cuts=(3, 8), weight="weight", draws=100)
    design = np.column_stack([np.ones(800), answers[ALL] <= 3, answers[ALL] >= 8]).astype(float)
    reference = sm.WLS(answers["overall"], design, weights=answers["weight"]).fit()
    both = [*found.attributes["penalty"], *found.attributes["reward"]]
    assert both == pytest.approx(list(reference.params[1:]))
    assert found.r2_adjusted == pytest.approx(reference.rsquared_adj)


def test_planted_asymmetry_is_recovered():
    found = penalty_reward.contrast(rated(), attributes=ALL, outcome="overall", cuts=(3, 8), seed=1)
    rows = found.attributes.set_index("attribute")
    for column, true in {"penalty": [-2, 0, -1, 0], "reward": [0, 2, 1, 0]}.items():
        assert (rows[f"{column}_low"] <= true).all()
        assert (rows[f"{column}_high"] >= true).all()
    assert rows["asymmetry"][["basic", "extra", "linear"]].tolist() == pytest.approx([-1, 1, 0], abs=0.15)
    assert rows["role"][["basic", "extra", "linear"]].tolist() == ["frustrator", "delighter", "hybrid"]
    assert found.findings()[:4] == (
        "A low rating of basic goes with the largest loss: −2.03 (95 % interval −2.22 to −1.87) points of overall, "
        "other ratings equal.",
        "A high rating of extra goes with the largest gain: 2.01 (95 % interval 1.84 to 2.17) points.",
        "These attributes harm more when low than they help when high, with 95 % confidence each: basic.",
        "These attributes help more than they harm, with 95 % confidence each: extra.",
    )


def test_quartiles_cut_where_nothing_is_given():
    answers = pd.DataFrame({"a": [1, 2, 3, 4, 5] * 10, "overall": np.arange(50) % 7})
    row = penalty_reward.contrast(answers, attributes=["a"], outcome="overall", draws=100).attributes.iloc[0]
    assert (row["low_until"], row["high_from"], row["low_share"], row["high_share"]) == (2, 4, 0.4, 0.4)


def test_what_harms_nothing_and_what_nobody_rated_is_told_so():
    draws = np.random.default_rng(4)
    turned = pd.DataFrame({"a": draws.integers(1, 11, 200).astype(float)})
    turned["overall"] = 10 - 0.5 * turned["a"] + draws.normal(size=200)
    said = penalty_reward.contrast(turned, attributes=["a"], outcome="overall", cuts=(3, 8), draws=100).findings()
    assert said[0].startswith("A low rating of a goes with no loss, nor does any other: ")
    assert said[1].startswith("A high rating of a goes with no gain, nor does any other: ")
    words = penalty_reward.contrast(turned.assign(a="good"), attributes=["a"], outcome="overall")
    assert words.findings() == ("Nobody rated all these attributes and overall satisfaction by numbers.",)


def test_an_attribute_that_cannot_be_cut_is_left_out_with_its_reason():
    answers = rated().assign(same=5)
    found = penalty_reward.contrast(answers, attributes=["basic", "same", "gone"], outcome="overall", draws=100)
    assert found.findings()[-2:] == (
        "Same is left out: its ratings do not fall into low, middle and high ones.",
        "Gone is left out: there is no such column.",
    )


@pytest.mark.parametrize(
    ("attributes", "outcome", "why"),
    [
        (["gone"], "overall", "There are no ratings of attributes and of overall satisfaction in this study."),
        (["basic"], "gone", "There are no ratings of attributes and of overall satisfaction in this study."),
        (["overall_copy"], "overall", "No attribute has low, middle and high ratings to contrast."),
    ],
)
def test_what_is_missing_is_said(attributes, outcome, why, keeps_result_contract):
    result = penalty_reward.contrast(rated(50).assign(overall_copy=1), attributes=attributes, outcome=outcome)
    assert result.findings() == (why,)
    keeps_result_contract(result, pictures=("plot",))


def test_wrong_calls_are_refused():
    for options, kind, message in (
        ({"draws": 9}, UsageError, "penalty_reward: draws must be 100 or more, not 9."),
        (
            {"cuts": (8, 3)},
            UsageError,
            "penalty_reward: cuts must be two numbers in order, low before high, not (8, 3).",
        ),
        (
            {},
            DataError,
            "penalty_reward: 20 complete respondents are too few for 4 attributes, 45 are needed; name fewer "
            "attributes.",
        ),
    ):
        with pytest.raises(kind) as raised:
            penalty_reward.contrast(rated(20), attributes=ALL, outcome="overall", **options)
        assert str(raised.value) == message


@pytest.mark.parametrize("n", [60, 400])
def test_PenaltyRewardResult_keeps_the_contract(n, keeps_result_contract):
    answers = rated(n).rename(columns={"basic": "an attribute whose name is far too long for a picture"})
    result = penalty_reward.contrast(answers, attributes=list(answers.columns[:4]), outcome="overall", draws=100)
    keeps_result_contract(result, pictures=("plot",))
    one = penalty_reward.contrast(answers, attributes=["noise"], outcome="overall", draws=100)
    keeps_result_contract(one, pictures=("plot",))
