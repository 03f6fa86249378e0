"""Loyalty values: weights against other software, areas against published ones, planted relations, honest absence."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from crm_analysis.errors import DataError, UsageError
from crm_analysis.loyalty import indicators, score
from crm_analysis.loyalty.scoring import ranking, weighting


def test_entropy_and_critic_are_those_of_other_software(reference):
    known = reference("indicator_weights")
    matrix = np.array(known["matrix"], dtype="float64")
    assert weighting.entropy(matrix) == pytest.approx(known["entropy"], abs=5e-8)
    stretched = (matrix - matrix.min(axis=0)) / np.ptp(matrix, axis=0)
    assert weighting.critic(stretched) == pytest.approx(known["critic"], abs=5e-8)


def test_entropy_by_hand():
    # Shares (1/2, 1/2) have entropy 1, shares (1, 0) entropy 0: all weight goes to the second column.
    assert weighting.entropy(np.array([[5.0, 4.0], [5.0, 0.0]])) == pytest.approx([0, 1])
    # (1/4, 3/4): e = (ln 4 / 4 + 3 ln(4/3) / 4) / ln 2 = 0.8112781.
    weights = weighting.entropy(np.array([[1.0, 1.0, 2.0], [3.0, 0.0, 2.0]]))
    assert weights == pytest.approx(np.array([0.1887219, 1, 0]) / 1.1887219, abs=1e-7)


def test_critic_by_hand():
    # Two equal columns do not conflict; the third is their reverse: r = 1, -1, -1 and the same spread.
    weights = weighting.critic(np.array([[0.0, 0.0, 1.0], [0.5, 0.5, 0.5], [1.0, 1.0, 0.0]]))
    assert weights == pytest.approx([2 / 8, 2 / 8, 4 / 8])


def test_critic_rewards_noise():
    generator = np.random.default_rng(1)
    good = generator.normal(size=(500, 1)) + 0.7 * generator.normal(size=(500, 4))
    noise = np.sqrt(1.49) * generator.normal(size=(500, 1))
    assert weighting.critic(np.hstack([good, noise])).argmax() == 4


@pytest.mark.parametrize("scheme", weighting.SCHEMES)
@pytest.mark.parametrize("values", [np.full((6, 3), 40.0), np.zeros((6, 3)), np.zeros((0, 3)), np.ones((1, 3))])
def test_weights_are_equal_where_nothing_differs(scheme, values):
    assert weighting.of(pd.DataFrame(values, columns=list("abc")), scheme) == pytest.approx([1 / 3] * 3)


@given(
    st.lists(st.lists(st.floats(0, 100), min_size=3, max_size=3), min_size=2, max_size=12),
    st.sampled_from(weighting.SCHEMES),
)
def test_weights_are_shares(rows, scheme):
    weights = weighting.of(pd.DataFrame(rows, columns=list("abc")), scheme)
    assert (weights >= 0).all()
    assert weights.sum() == pytest.approx(1)


def test_the_published_area_and_its_error(reference):
    known = reference("roc_area")
    ratings = [np.repeat(np.arange(1, 6), known[group]) for group in ("abnormal", "normal")]
    found = ranking.areas(np.concatenate(ratings)[:, None].astype(float), np.repeat([True, False], [51, 58]))
    assert found.areas[0] == pytest.approx(known["area"], abs=5e-5)
    assert np.sqrt(found.covariance[0, 0]) == pytest.approx(known["standard_error"], abs=5e-5)


def test_areas_and_covariances_are_those_of_the_definition():
    generator = np.random.default_rng(2)
    scores = np.round(generator.normal([0.0, 0.2], 1.0, (40, 2)), 1)
    yes = generator.random(40) < 0.4
    scores[yes] += 0.5
    found = ranking.areas(scores, yes)
    kernel = (scores[yes][:, None] > scores[~yes][None]) + 0.5 * (scores[yes][:, None] == scores[~yes][None])
    expected = np.cov(kernel.mean(axis=1).T) / yes.sum() + np.cov(kernel.mean(axis=0).T) / (~yes).sum()
    assert found.covariance == pytest.approx(expected)
    assert found.areas == pytest.approx([roc_auc_score(yes, column) for column in scores.T])
    difference, low, high, _ = found.difference(0, 1)
    error = np.sqrt(expected[0, 0] + expected[1, 1] - 2 * expected[0, 1])
    assert (difference, low, high) == pytest.approx(
        (found.areas[0] - found.areas[1], difference - 1.959964 * error, difference + 1.959964 * error), rel=1e-6
    )


def test_rank_correlation_is_scipys_and_its_interval_covers():
    generator = np.random.default_rng(3)
    covered = 0
    for _ in range(200):
        x = generator.normal(size=120)
        y = 0.5 * x + np.sqrt(0.75) * generator.normal(size=120)
        rho, low, high = ranking.correlation(x, y)
        # Spearman's for a normal pair: 6 / pi asin(r / 2).
        covered += low <= 6 / np.pi * np.arcsin(0.25) <= high
    assert rho == pytest.approx(spearmanr(x, y).statistic)
    assert 182 <= covered <= 199
    assert np.isnan(ranking.correlation(x[:4], y[:4])).all()
    assert np.isnan(ranking.correlation(x, np.ones(120))).all()


def test_scales_by_hand():
    frame = pd.DataFrame({"item": [1, 5.5, 10, np.nan], "orders": [0, 0, 3, 50], "member": [True, False, True, False]})
    assert indicators.measure(frame, ["item"], ends={"item": (1, 10)}).points.tolist()[:3] == [0, 50, 100]
    # Mean ranks 1.5, 1.5, 3, 4, less a half, of four.
    assert indicators.measure(frame, ["orders"]).points.tolist() == [25, 25, 62.5, 87.5]
    assert indicators.measure(frame, ["-orders"]).points.tolist() == [75, 75, 37.5, 12.5]
    assert indicators.measure(frame, ["member"]).points.tolist() == [100, 0, 100, 0]
    both = indicators.measure(frame, ["item", "orders", "gone"], ends={"item": (1, 10)})
    assert both.points.tolist() == [12.5, 37.5, 81.25, 87.5]
    assert (both.columns, both.scale) == (("item", "orders"), "1–10 and rank")
    absent = indicators.measure(frame, ["gone"])
    assert absent.points.isna().all()
    assert absent.scale == "not in this study"


def test_behaviour_by_hand():
    view = pd.DataFrame(
        {"frequency": [5, 1, 0, 3], "tenure_days": [730.5, 900, np.nan, 10], "recency_days": [30.5, 900, np.nan, 0]}
    )
    made = indicators.behaviour(view)
    # Four repeats in two years; none; none; two in what counts as ninety days.
    assert made["repeat_orders_per_year"].tolist() == pytest.approx([2, 0, 0, 2 / (90 / 365.25)])
    assert made["active_days"].tolist() == [700, 0, 0, 10]


def test_alpha_is_that_of_the_formula():
    items = np.random.default_rng(1).normal(size=(50, 3)) + np.random.default_rng(2).normal(size=(50, 1))
    covariance = np.cov(items.T)
    assert indicators.alpha(items) == pytest.approx(1.5 * (1 - np.trace(covariance) / covariance.sum()))
    assert np.isnan(indicators.alpha(items[:, :1]))


def test_values_by_hand(ends):
    frame = pd.DataFrame(
        {
            "customer_id": list("abc"),
            "categories": [1, 2, 3],
            "recommendation": [0, 5, 10],
            "trust_honesty": [1, np.nan, 10],
        }
    )
    found = score.measure(frame, ends=ends, weights={"cross_buying": 1, "recommendation": 3, "trust": 1})
    assert found.scores["objective"].tolist() == pytest.approx([100 / 6, 50, 500 / 6])
    # b did not say whether it trusts: the value rests on the three quarters of the weight that are known.
    assert found.scores["subjective"].tolist() == [0, 50, 100]
    shares = found.indicators.set_index("indicator")["weight_share"]
    assert shares[["recommendation", "trust", "cross_buying"]].tolist() == [0.75, 0.25, 1]
    little = score.measure(frame, ends=ends, weights={"cross_buying": 1, "recommendation": 1, "trust": 3})
    assert little.scores["subjective"].isna().tolist() == [False, True, False]


def test_findings_in_whole(customers, ends):
    found = score.measure(customers(), ends=ends)
    assert found.findings() == (
        "Words and deeds go together moderately: the rank correlation of what customers say and what they do is "
        "0.33 (95 % interval 0.24 to 0.42), over 400 customers.",
        "Of the third of customers who say most that they are loyal, 47.7 % (95 % interval 39.4–56.2) are also in the "
        "top third by what they do.",
        "400 customers with a value by what they do, from 6 indicators that weigh the same.",
        "400 customers with a value by what they say, from 4 indicators that weigh the same.",
    )
    weighed = score.measure(customers().drop(columns="share_of_wallet"), ends=ends, weights="critic").findings()
    assert weighed[-2:] == (
        "Not in this study: share of wallet.",
        "Caution: CRITIC weights reward indicators that spread, not those that foretell loyalty; test the values on "
        "what customers did later.",
    )


def test_no_relation_is_called_so(customers, ends):
    found = score.measure(customers(correlation=0.0, seed=7), ends=ends)
    assert found.findings()[0].startswith("Words and deeds do not go together for certain:")


def test_what_is_missing_is_said(customers, keeps_result_contract):
    view = customers(60)
    deeds = ["customer_id", "frequency", "tenure_days", "recency_days"]
    only = score.measure(view[deeds])
    assert (
        only.findings()[0] == "There is no survey of attitudes in this study, so there is no subjective loyalty value."
    )
    neither = score.measure(view[["customer_id"]])
    assert neither.findings() == (
        "There is no record of behaviour in this study, so there is no objective loyalty value.",
        "There is no survey of attitudes in this study, so there is no subjective loyalty value.",
    )
    alone = score.validate(only.scores, view[["customer_id", "later"]])
    assert alone.findings()[0].startswith("The area under the curve of what customers did before for later is 0.")
    assert alone.findings()[-1] == "60 customers with the objective value and something to test it on."
    keeps_result_contract(alone, pictures=("plot", "plot_areas"))
    for result in (neither, score.measure(view[:0])):
        keeps_result_contract(result, pictures=("plot", "plot_weights"))
        keeps_result_contract(score.vary(result, draws=20), pictures=("plot",))
        tested = score.validate(result.scores, score.outcomes(view, view))
        assert tested.findings() == ("No customer has loyalty values and something to test them on in this study.",)
        keeps_result_contract(tested, pictures=("plot", "plot_areas"))


def test_wrong_calls_are_refused(customers):
    view = customers(20)
    twice = (score.INDICATORS[0], score.INDICATORS[0])
    odd = (score.Indicator("mood", "inner", "mood", ("mood",)),)
    for call, message in (
        (
            lambda: score.measure(pd.concat([view, view])),
            "score: customer_id 'C0000' appears twice; give one row per customer.",
        ),
        (
            lambda: score.measure(view, indicators=twice),
            "score: the indicator 'repeat_rate' is named twice; give each its own name.",
        ),
        (
            lambda: score.measure(view, indicators=odd),
            "score: the side of 'mood' must be objective or subjective, not 'inner'.",
        ),
        (
            lambda: score.measure(view, weights="pca"),
            "score: weights must be equal, entropy, critic or a mapping of numbers, not 'pca'.",
        ),
        (
            lambda: score.measure(view[["customer_id", "categories"]], weights={"cross_buying": -1}),
            "score: weights must be zero or more, and at least one of cross_buying above zero.",
        ),
        (
            lambda: score.measure(view, ends={"recommendation": (10, 0)}),
            "indicators: the ends of 'recommendation' must be low and high, not 10 and 0.",
        ),
        (
            lambda: score.vary(score.measure(view), top=0),
            "score: top must be above 0 and at most 0.99, not 0.",
        ),
        (
            lambda: score.promoters(view, by="wave"),
            "score: there is no column 'wave' with groups; name one that is there.",
        ),
    ):
        with pytest.raises(UsageError) as raised:
            call()
        assert str(raised.value) == message


def test_sensitivity_by_hand():
    # Ten customers; the first indicator alone puts a first, the second alone puts j first.
    frame = pd.DataFrame(
        {"customer_id": list("abcdefghij"), "categories": range(10, 0, -1), "referrals_made": range(10)}
    )
    found = score.measure(frame, weights={"cross_buying": 1, "referrals_made": 0})
    varied = score.vary(found, draws=50, top=0.2).schemes.set_index("scheme")
    # Opposite ranks with equal weights are all equal: the order of the frame decides, and it is that of the first.
    assert varied.loc["equal", "top_changed_share"] == 0
    assert np.isnan(varied.loc["equal", "rank_correlation"])
    # All the weight lies on one indicator, so that there is nothing to move.
    assert varied.loc["moved at random", ["top_changed_share_low", "top_changed_share_high"]].tolist() == [0, 0]


def test_random_weights_spread_as_stated(customers, ends):
    found = score.measure(customers(), ends=ends)
    near, far = (score.vary(found, concentration=c, draws=100, seed=1).schemes for c in (2000, 5))
    moved = [rows.loc[rows["scheme"] == "moved at random", "top_changed_share"].max() for rows in (near, far)]
    assert moved[0] < 0.1 < moved[1]
    again = score.vary(found, concentration=5, draws=100, seed=1).schemes
    pd.testing.assert_frame_equal(far, again)


def test_outcomes_by_hand():
    before = pd.DataFrame(
        {"customer_id": list("abc"), "frequency": [1, 2, 0], "referrals_made": [0, 1, 0], "gross_spend": [10, 20.0, 0]}
    )
    after = pd.DataFrame(
        {"customer_id": list("cbd"), "frequency": [2, 2, 1], "referrals_made": [0, 2, 0], "gross_spend": [5, 20.0, 9]}
    )
    later = score.outcomes(before, after)
    assert later["customer_id"].tolist() == ["b", "c"]
    assert later["repurchased"].tolist() == [False, True]
    assert later["referred"].tolist() == [True, False]
    assert later["later_spend"].tolist() == [0, 5]


def test_the_value_that_foretells_is_found(customers, ends):
    view = customers(800, correlation=0.2)
    found = score.measure(view, ends=ends)
    tested = score.validate(found.scores, view[["customer_id", "later"]].assign(same=1, spend=view["gross_spend"]))
    assert tested.findings() == (
        "What customers did before foretells later better than what they said: area under the curve 0.76 (95 % "
        "interval 0.73 to 0.80) against 0.57 (95 % interval 0.53 to 0.61).",
        "The rank correlation of what customers did before with spend is 0.87 (95 % interval 0.85 to 0.89).",
        "The rank correlation of what they said with spend is 0.11 (95 % interval 0.04 to 0.18).",
        "Later, from the lowest fifth to the highest: 21.9 % (95 % interval 16.2–28.9) to 81.9 % (95 % interval "
        "75.2–87.1) by the objective value; 35.4 % (95 % interval 28.4–43.1) to 56.6 % (95 % interval 48.8–64.1) by "
        "the subjective value.",
        "800 customers with both values and something to test them on.",
        "Same does not differ between customers and tests nothing.",
    )
    rows = tested.fifths[(tested.fifths["outcome"] == "later") & (tested.fifths["value"] == "objective")]
    assert rows["customers"].tolist() == [160] * 5


def test_a_value_that_foretells_the_contrary_is_warned_of():
    values = pd.DataFrame({"customer_id": range(100), "objective": np.arange(100.0), "subjective": np.nan})
    later = pd.DataFrame({"customer_id": range(100), "repurchased": np.arange(100) % 10 > np.arange(100) // 10})
    tested = score.validate(values, later)
    assert tested.findings()[:2] == (
        "The area under the curve of what customers did before for buying again is 0.20 (95 % interval 0.13 to 0.30); "
        "0.5 is a coin.",
        "Caution: buying again is the rarer, the higher the objective value: area under the curve 0.20 (95 % interval "
        "0.13 to 0.30).",
    )


def test_neither_is_better_where_both_are_alike():
    generator = np.random.default_rng(5)
    values = pd.DataFrame(generator.uniform(0, 100, (200, 2)), columns=["objective", "subjective"])
    values.insert(0, "customer_id", range(200))
    later = pd.DataFrame({"customer_id": range(200), "repurchased": generator.random(200) < 0.5})
    assert (
        score.validate(values, later)
        .findings()[0]
        .startswith("Neither value foretells buying again better for certain")
    )


def test_promoters_by_hand():
    answers = pd.DataFrame({"recommendation": [10, 9, 9, 8, 7, 6, 0, 10], "wave": [1, 1, 1, 1, 2, 2, 2, 2]})
    row = score.promoters(answers).groups.iloc[0]
    assert row[["promoters_share", "passives_share", "detractors_share", "score"]].tolist() == [0.5, 0.25, 0.25, 25]
    # Adjusted Wald: (4.75 - 2.75) / 11 = 2 / 11, variance (7.5 / 11 - (2 / 11)^2) / 11.
    half = 1.959964 * np.sqrt((7.5 / 11 - (2 / 11) ** 2) / 11)
    assert row[["score_low", "score_high"]].tolist() == pytest.approx([100 * (2 / 11 - half), 100 * (2 / 11 + half)])
    assert score.promoters(answers).findings()[0] == (
        "The net promoter score is 25.0 (95 % interval −29.4 to 65.8) points: 50.0 % promoters less 25.0 % detractors, "
        "of 8 answers."
    )
    assert score.promoters(answers, by="wave").findings()[:2] == (
        "The net promoter score lies between −25.0 (95 % interval −72.7 to 44.2) points (wave 2) and 75.0 (95 % "
        "interval −7.3 to 93.1) (wave 1).",
        "In wave 1 there are 75.0 % promoters less 0.0 % detractors, of 4 answers.",
    )


def test_promoters_weights_count():
    answers = pd.DataFrame({"recommendation": [10, 0], "weight": [3.0, 1.0]})
    row = score.promoters(answers, weight="weight").groups.iloc[0]
    assert row["score"] == 50
    assert row["score_high"] - row["score_low"] > 100


def test_the_promoter_interval_covers():
    generator = np.random.default_rng(4)
    chances = {10: 0.5, 8: 0.3, 3: 0.2}
    covered = 0
    for _ in range(300):
        drawn = generator.choice(list(chances), size=60, p=list(chances.values()))
        row = score.promoters(pd.DataFrame({"recommendation": drawn})).groups.iloc[0]
        covered += row["score_low"] <= 30 <= row["score_high"]
    assert 276 <= covered <= 298


def test_promoters_that_cannot_be(keeps_result_contract):
    with pytest.raises(DataError) as raised:
        score.promoters(pd.DataFrame({"recommendation": [4, 11]}))
    assert str(raised.value) == (
        "score: 1 answer to 'recommendation' outside 0 to 10, first: 11; name an item from 0 to 10 or mend the answers."
    )
    with pytest.raises(DataError) as raised:
        score.promoters(pd.DataFrame({"recommendation": [4, 10], "w": [0.0, 0.0]}), weight="w")
    assert str(raised.value) == "score: the weights in 'w' must be zero or more, and some above zero; mend them."
    stars = score.promoters(pd.DataFrame({"recommendation": [1, 5]}), ends={"recommendation": (1, 5)})
    assert stars.findings() == ("Recommendation was asked from 1 to 5 in this study; a promoter score needs 0 to 10.",)
    keeps_result_contract(stars, pictures=("plot",))
    nobody = score.promoters(pd.DataFrame({"other": [1]}))
    assert nobody.findings() == (
        "Nobody was asked in this study how likely they are to recommend it (0 to 10), so there is no promoter score.",
    )
    keeps_result_contract(nobody, pictures=("plot",))


@pytest.mark.parametrize("n", [1, 6, 300])
def test_ScoreResult_keeps_the_contract(n, customers, keeps_result_contract, ends):
    for weights in ("equal", "entropy"):
        keeps_result_contract(
            score.measure(customers(n), ends=ends, weights=weights), pictures=("plot", "plot_weights")
        )


@pytest.mark.parametrize("n", [2, 300])
def test_SensitivityResult_keeps_the_contract(n, customers, keeps_result_contract, ends):
    keeps_result_contract(score.vary(score.measure(customers(n), ends=ends), draws=20), pictures=("plot",))


@pytest.mark.parametrize("n", [1, 8, 300])
def test_ValidityResult_keeps_the_contract(n, customers, keeps_result_contract, ends):
    view = customers(n)
    later = view[["customer_id", "later", "gross_spend"]]
    tested = score.validate(score.measure(view, ends=ends).scores, later)
    keeps_result_contract(tested, pictures=("plot", "plot_areas"))
    never = score.validate(score.measure(view, ends=ends).scores, later.assign(later=False)[["customer_id", "later"]])
    keeps_result_contract(never, pictures=("plot", "plot_areas"))


@pytest.mark.parametrize("n", [1, 300])
def test_PromotersResult_keeps_the_contract(n, customers, keeps_result_contract):
    view = customers(n).assign(group=[f"a group with a very long name {place % 3}" for place in range(n)])
    for by in ("", "group"):
        keeps_result_contract(score.promoters(view, by=by), pictures=("plot",))


def test_no_order_of_rows_matters(customers, ends):
    view = customers(100)
    shuffled = view.sample(frac=1, random_state=1)
    for weights, frame in itertools.product(("equal", "critic"), (view, shuffled)):
        found = score.measure(frame, ends=ends, weights=weights).scores.sort_values("customer_id", ignore_index=True)
        expected = score.measure(view, ends=ends, weights=weights).scores
        pd.testing.assert_frame_equal(found, expected)


def test_the_truth_of_a_simulated_study_is_read_where_it_is(tmp_path):
    (tmp_path / "truth_customers.csv").write_text("customer_id,loyalty_1,trust_1\n007,0.5,1\n", "utf-8")
    known = score.planted(tmp_path, {"true_attitude": "loyalty_1", "gone": "gone_1"})
    assert known.to_dict("list") == {"customer_id": ["007"], "true_attitude": [0.5]}
    absent = score.planted(tmp_path / "elsewhere", {"true_attitude": "loyalty_1"})
    assert absent.empty
    assert list(absent.columns) == ["customer_id", "true_attitude"]
