"""Delivered value: by hand, the simulated company's truth, weights, what is refused."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t, ttest_rel
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from crm_analysis.errors import DataError, UsageError
from crm_analysis.value import delivered
from crm_analysis.value.ratings import COSTS, PARTS, VALUES


def survey(n=60, *, rivals=("rival",), seed=1, better=1.0):
    generator = np.random.default_rng(seed)
    columns = {"respondent_id": [f"R{number}" for number in range(n)]}
    for firm in ("own", *rivals):
        for part in PARTS:
            lift = better if firm == "own" and part in VALUES else 0.0
            columns[f"{firm}_{part}"] = np.clip(np.round(generator.normal(5.5 + lift, 1.8, n)), 1, 10)
    return pd.DataFrame(columns)


def test_DeliveredResult_keeps_the_contract(keeps_result_contract):
    pictures = ("plot", "plot_firms")
    keeps_result_contract(delivered.compare(survey()), pictures=pictures)
    keeps_result_contract(delivered.compare(survey(rivals=("bookworm", "page & co", "the old one"))), pictures=pictures)
    keeps_result_contract(delivered.compare(survey(2)), pictures=pictures)
    keeps_result_contract(delivered.compare(survey(rivals=())), pictures=pictures)
    nothing = delivered.compare(pd.DataFrame({"respondent_id": ["a"]}))
    keeps_result_contract(nothing, pictures=pictures)
    assert nothing.findings() == (
        "There are no ratings of delivered value in this study (survey items such as own_product_value).",
    )
    keeps_result_contract(delivered.compare(survey().iloc[:0]), pictures=pictures)


def test_by_hand():
    rows = {f"own_{part}": [8, 6, 9] for part in VALUES} | {f"own_{part}": [3, 4, 2] for part in COSTS}
    rows |= {f"rival_{part}": [7, 6, 9] for part in VALUES} | {f"rival_{part}": [3, 2, 9] for part in COSTS}
    result = delivered.compare(pd.DataFrame(rows, dtype=float))
    own = result.firms.iloc[0]
    assert (own["value"], own["cost"], own["delivered"]) == pytest.approx((92 / 3, 12, 56 / 3))
    whole = result.differences.iloc[-1]
    # Advantages of the three: 4, -8, 28.
    assert whole["advantage"] == pytest.approx(8)
    assert whole["better_share"] == pytest.approx(2 / 3)
    assert whole["worse_share"] == pytest.approx(1 / 3)
    assert result.differences["advantage"].iloc[:8].tolist() == pytest.approx([1 / 3] * 4 + [5 / 3] * 4)


def test_paired_tests_are_those_of_scipy():
    answers = survey()
    rows = delivered.compare(answers).differences.set_index("part")
    for part in PARTS:
        sign = 1 if part in VALUES else -1
        expected = ttest_rel(answers[f"own_{part}"], answers[f"rival_{part}"])
        assert rows.loc[part, "p_value"] == pytest.approx(expected.pvalue)
        low, high = expected.confidence_interval()
        ends = sorted([sign * low, sign * high])
        assert rows.loc[part, ["advantage_low", "advantage_high"]].tolist() == pytest.approx(ends)


def test_the_truth_of_the_simulated_company(demo):
    """True means are at latent mean 0; who stayed a customer sees more value in us, much alike in all parts."""
    truth = json.loads((demo / "truth.json").read_text("utf-8"))["delivered_value"]["parts"]
    answers = pd.read_csv(demo / "survey.csv")
    items = [f"{firm}_{part}" for firm in ("own", "rival") for part in PARTS]
    answers[items] = answers[items].where(answers[items].le(10))
    means = delivered.compare(answers, wave=1, weight="weight").parts.set_index("part")
    for firm, reach in (("own", (-0.1, 0.8)), ("rival", (-0.6, 0.6))):
        off = [(means.loc[part, firm] - truth[part][firm]) * (1 if part in VALUES else -1) for part in PARTS]
        assert reach[0] < min(off)
        assert max(off) < reach[1]
        assert np.std(off) < 0.25


def test_importance_and_weights():
    answers = survey()
    given = dict.fromkeys(PARTS, 10.0) | {"money_cost": 30.0}
    weighted = delivered.compare(answers, importance=given)
    assert weighted.parts["importance"].mean() == pytest.approx(1)
    assert weighted.parts.set_index("part")["importance"]["money_cost"] == pytest.approx(3 * 0.8)
    assert delivered.compare(answers, importance=dict.fromkeys(PARTS, 7)).firms.equals(delivered.compare(answers).firms)
    # A weight of 2 counts a respondent as often as two would.
    answers["weight"] = np.where(np.arange(60) < 20, 2.0, 1.0)
    doubled = pd.concat([answers, answers[:20]])
    one, other = delivered.compare(answers, weight="weight"), delivered.compare(doubled)
    assert one.firms["delivered"].tolist() == pytest.approx(other.firms["delivered"].tolist())


def test_weights_count_in_shares_and_errors():
    answers = survey().assign(weight=np.random.default_rng(4).choice([0.5, 1.0, 3.0], 60))
    gaps = pd.DataFrame({part: answers[f"own_{part}"] - answers[f"rival_{part}"] for part in PARTS})
    whole = gaps[list(VALUES)].sum(axis=1) - gaps[list(COSTS)].sum(axis=1)
    row = delivered.compare(answers, weight="weight").differences.iloc[-1]
    w = answers["weight"].to_numpy()
    better, effective = w @ (whole > 0) / w.sum(), w.sum() ** 2 / (w**2).sum()
    assert row["better_share"] == pytest.approx(better)
    ends = proportion_confint(better * effective, effective, method="wilson")
    assert (row["better_share_low"], row["better_share_high"]) == pytest.approx(ends)
    # The jackknife leaves out one respondent after the other.
    without = np.array([np.average(np.delete(whole, k), weights=np.delete(w, k)) for k in range(60)])
    error = np.sqrt(59 / 60 * ((without - without.mean()) ** 2).sum())
    assert (row["advantage_high"] - row["advantage_low"]) / 2 == pytest.approx(t.ppf(0.975, 59) * error, rel=0.03)


def test_p_values_are_adjusted_over_all_parts_of_all_rivals():
    rows = delivered.compare(survey(rivals=("one", "two"), better=0.8)).differences
    parts = rows["part"] != "delivered"
    expected = multipletests(rows.loc[parts, "p_value"], method="holm")[1]
    assert rows.loc[parts, "p_holm"].tolist() == pytest.approx(expected.tolist())
    assert rows.loc[~parts, "p_holm"].isna().all()


def test_importance_counts_in_scores_and_differences():
    """Against two rivals the advantage of a respondent is that over their mean."""
    answers = survey(rivals=("one", "two"))
    given = dict.fromkeys(PARTS, 1.0) | {"product_value": 9.0}
    weights = np.array([given[part] / 2 for part in PARTS]) * np.where(np.isin(PARTS, VALUES), 1, -1)
    own, one, two = (answers[[f"{firm}_{part}" for part in PARTS]] @ weights for firm in ("own", "one", "two"))
    found = delivered.scores(answers, importance=given)
    assert found["advantage"].tolist() == pytest.approx((own - (one + two) / 2).tolist())
    rows = delivered.compare(answers, importance=given).differences
    whole = rows.loc[rows["part"] == "delivered", "advantage"]
    assert whole.tolist() == pytest.approx([(own - one).mean(), (own - two).mean()])


def test_scores_of_respondents():
    answers = survey().assign(customer_id="C1")
    scores = delivered.scores(answers)
    assert list(scores.columns) == ["customer_id", "own", "rival", "advantage"]
    assert scores["own"].mean() == pytest.approx(delivered.compare(answers).firms["delivered"].iloc[0])
    assert delivered.scores(pd.DataFrame({"customer_id": ["a"]})).empty


def test_the_last_wave_is_taken():
    answers = pd.concat([survey(30).assign(wave=1), survey(50, seed=2).assign(wave=2)])
    assert delivered.compare(answers).firms["answers"].tolist() == [50, 50]
    assert delivered.compare(answers, wave=1).firms["answers"].tolist() == [30, 30]


@pytest.mark.parametrize(
    ("change", "options", "kind", "message"),
    [
        (
            {"own_time_cost": 11.0},
            {},
            DataError,
            "delivered: own_time_cost must lie between 1 and 10; 60 ratings of own do not, the first is 11; list the "
            "item under [survey.codes] in study.toml, or give scale.",
        ),
        (
            {},
            {"firms": ("own", "bookworm")},
            UsageError,
            "delivered: the answers have no item 'bookworm_product_value'; each firm needs all eight parts.",
        ),
        (
            {},
            {"importance": {"product_value": 1}},
            UsageError,
            "delivered: importance lacks the part 'personnel_value'; give one for each of the eight.",
        ),
        ({"wave": 1}, {"wave": 3}, UsageError, "delivered: there is no wave 3; the survey has 1."),
        (
            {},
            {"weight": "mass"},
            UsageError,
            "delivered: there is no column 'mass' to weight by; name one that is there.",
        ),
        (
            {"mass": -1.0},
            {"weight": "mass"},
            DataError,
            "delivered: the weights in 'mass' must be numbers of zero or more, some above; mend them.",
        ),
    ],
)
def test_what_is_refused(change, options, kind, message):
    with pytest.raises(kind) as caught:
        delivered.compare(survey().assign(**change), **options)
    assert str(caught.value) == message
