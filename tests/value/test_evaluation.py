"""Evaluation: the published holdout of CDNOW, AUC by other software, what the result says."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from crm_analysis.errors import DataError, UsageError
from crm_analysis.value import clv
from crm_analysis.value.models.baselines import Guess, auc, auc_difference, guesses, judge

PUBLISHED = json.loads((Path(__file__).parents[1] / "reference" / "clv.json").read_text("utf-8"))
TRUTH = (0.8, 6.0, 0.9, 3.0)
MODELS = {"bg_nbd": clv.BetaGeometric, "mbg_nbd": clv.ModifiedBetaGeometric, "pareto_nbd": clv.ParetoNBD}


@pytest.mark.parametrize("name", MODELS)
def test_the_published_holdout_of_cdnow(cdnow, name):
    summary = clv.summarise(cdnow, as_of=PUBLISHED["calibration_end"], unit="week")
    result = clv.evaluate(MODELS[name]().fit(summary), summary, cdnow)
    rows = result.to_frame().set_index("method")
    for method, known in ((rows.index[0], name), ("constant rate", "constant_rate"), ("nobody buys", "nobody_buys")):
        for number, value in PUBLISHED["holdout"][known].items():
            assert rows.loc[method, number] == pytest.approx(value, rel=0.001), (method, number)
    assert result.actual_total == PUBLISHED["holdout"]["actual_total"]
    assert rows.loc["hiatus", "auc"] == pytest.approx(0.77, abs=0.005)
    if name == "bg_nbd":
        assert rows.loc["P(alive), no score of churn", "auc"] == pytest.approx(0.32, abs=0.005)
        assert result.findings()[3] == (
            "P(alive) of BG/NBD is worse than chance, right in 31.6 % of pairs (95 % interval 29.5–33.8): it is no "
            "score of churn. Use P(no purchase)."
        )


def test_the_simple_rules_by_hand():
    summary = pd.DataFrame({"frequency": [4, 2, 0], "recency": [30.0, 5.0, 0.0], "age": [40.0, 20.0, 10.0]})
    of = {guess.method: guess for guess in guesses(summary, periods=20, hiatus=10)}
    assert of["constant rate"].counts.tolist() == [2, 2, 0]
    assert of["frequency"].counts.tolist() == [2, 1, 0]
    # Silent for 10, 15 and 10: the second is taken for gone.
    assert of["hiatus"].counts.tolist() == [2, 0, 0]
    assert of["hiatus"].score.tolist() == [-10, -15, -10]
    assert of["nobody buys"].counts.tolist() == [0, 0, 0]


def test_errors_have_intervals_on_the_log_scale():
    off = np.array([0.0, 1.0, 1.0, 2.0, 6.0])
    row = judge(Guess("one", off, None), np.zeros(5))
    for name, values in (("mae", off), ("rmse", off**2)):
        mean, reach = values.mean(), np.exp(1.959964 * values.std(ddof=1) / np.sqrt(5) / values.mean())
        ends = np.array([mean, mean / reach, mean * reach])
        expected = ends if name == "mae" else np.sqrt(ends)
        assert [row[f"{name}{end}"] for end in ("", "_low", "_high")] == pytest.approx(expected)


def test_the_silence_of_half_a_year_is_told_in_the_units_of_the_summary(split):
    fitted, summary, bought = split
    of_weeks = summary.copy()
    of_weeks.attrs = {"unit": "week", "as_of": "2025-06-30"}
    one, other = (
        clv.evaluate(fitted, of_weeks, bought, periods=20, draws=100, hiatus=hiatus).methods.set_index("method")
        for hiatus in (None, 182.625 / 7)
    )
    assert one.loc["hiatus", "predicted_total"] == other.loc["hiatus", "predicted_total"]
    assert one.loc["hiatus", "predicted_total"] < one.loc["constant rate", "predicted_total"]


def test_means_by_frequency_have_normal_intervals(split):
    fitted, summary, bought = split
    row = (
        clv.evaluate(fitted, summary, bought, periods=20, draws=100).by_frequency.set_index("repeat_purchases").loc["2"]
    )
    actual = summary["customer_id"].map(bought.set_index("customer_id")["purchases"]).fillna(0)
    actual = actual[summary["frequency"] == 2]
    half = 1.96 * actual.std() / np.sqrt(len(actual))
    assert [row["actual"], row["actual_high"]] == pytest.approx([actual.mean(), actual.mean() + half])


@pytest.fixture(scope="module")
def split(draw_histories):
    """Customers of BG/NBD: their summary, and what they do in the next 20 units by the model's own draws."""
    summary = draw_histories("bg", 1200, TRUTH, seed=4)
    fitted = clv.BetaGeometric().fit(summary)
    from crm_analysis.value.models.history import distinct

    _, counts = next(fitted.futures(distinct(summary, caller="test"), 20, draws=100, seed=9))
    bought = pd.DataFrame({"customer_id": summary["customer_id"], "purchases": counts[0]})
    return fitted, summary, bought[bought["purchases"] > 0]


def test_EvaluationResult_keeps_the_contract(split, keeps_result_contract):
    keeps_result_contract(clv.evaluate(*split, periods=20), pictures=("plot", "plot_scores"))


def test_what_the_result_says(split):
    result = clv.evaluate(*split, periods=20)
    rows = result.to_frame().set_index("method")
    model = rows.loc["BG/NBD"]
    assert model["predicted_total_low"] <= result.actual_total <= model["predicted_total_high"]
    assert result.findings()[0].startswith(
        f"BG/NBD expected {model['predicted_total']:,.0f} purchases in the 20 periods "
    )
    assert ", which is chance. A constant rate is " in result.findings()[0]
    assert "The model is better (difference " in result.findings()[2]
    assert result.by_frequency["customers"].sum() == len(split[1])
    assert result.metrics()["bg_nbd_auc"] == model["auc"]
    assert result.title == "BG/NBD: forecast of 20 periods against what happened"


def test_nobody_buys_in_the_holdout(split, keeps_result_contract):
    fitted, summary, bought = split
    result = clv.evaluate(fitted, summary, bought[:0], periods=20)
    keeps_result_contract(result, pictures=("plot", "plot_scores"))
    assert "Nobody bought in the holdout, so that no score can be judged." in result.findings()


def test_transactions_and_counts_are_the_same_holdout(cdnow):
    summary = clv.summarise(cdnow, as_of="1997-09-30")
    fitted = clv.BetaGeometric().fit(summary)
    counted = clv.holdout(cdnow, after="1997-09-30")
    one, other = (clv.evaluate(fitted, summary, rows, draws=100) for rows in (cdnow, counted))
    assert one.to_frame().equals(other.to_frame())


@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=12, max_size=60))
def test_the_area_is_that_of_scikit_learn(pairs):
    score, buyer = np.array([pair[0] for pair in pairs], float), np.array([pair[1] for pair in pairs])
    area, low, high = auc(score, buyer)
    if buyer.all() or not buyer.any():
        assert np.isnan(area)
        return
    assert area == pytest.approx(roc_auc_score(buyer, score))
    assert low <= area <= high
    assert auc_difference(score, score, buyer)[0] == 0
    assert auc(-score, buyer)[0] == pytest.approx(1 - area)


def test_the_variance_of_areas_is_that_of_delong():
    """V10 and V01 are the placements of buyers and of others; a difference of areas is that of the placements."""
    generator, buyer = np.random.default_rng(3), np.arange(300) < 90
    one = generator.normal(size=300) + buyer
    other = one + generator.normal(size=300)

    def placements(score):
        above = score[buyer][:, None] > score[~buyer]
        return above.mean(axis=1), above.mean(axis=0)

    def error(v10, v01):
        return np.sqrt(v10.var(ddof=1) / 90 + v01.var(ddof=1) / 210)

    first, second = placements(one), placements(other)
    gain, low, high = auc_difference(one, other, buyer)
    assert gain == pytest.approx(first[0].mean() - second[0].mean())
    paired = error(first[0] - second[0], first[1] - second[1])
    assert (high - low) / 2 == pytest.approx(1.959964 * paired, rel=0.01)
    area, low, high = auc(one, buyer)
    on_log_odds = (np.log(high / (1 - high)) - np.log(low / (1 - low))) / 2
    assert on_log_odds * area * (1 - area) == pytest.approx(1.96 * error(*first), rel=0.02)


@pytest.mark.slow
def test_intervals_of_the_area_cover():
    """Two normal samples a standard deviation apart: the true area is Phi(1 / sqrt 2)."""
    from scipy.stats import norm

    generator, true, inside = np.random.default_rng(1), norm.cdf(1 / np.sqrt(2)), 0
    for _ in range(2000):
        buyer = np.arange(200) < 60
        _, low, high = auc(generator.normal(size=200) + buyer, buyer)
        inside += low <= true <= high
    assert inside / 2000 == pytest.approx(0.95, abs=0.015)


def _dated(summary):
    found = summary.copy()
    found.attrs = {"as_of": "2025-06-30", "unit": "week"}
    return found


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (
            lambda f, s, b: (f, s, b[["customer_id"]]),
            UsageError,
            "evaluate: the holdout needs customer_id and purchases, or transactions with customer_id, time and amount; "
            "it has customer_id.",
        ),
        (
            lambda f, s, b: (f, s, b),
            UsageError,
            "evaluate: the length of the holdout is not known; give periods, in the summary's unit.",
        ),
        (
            lambda f, s, b: (f, s, pd.DataFrame({"customer_id": [1], "time": [pd.Timestamp(0)], "amount": [1.0]})),
            UsageError,
            "evaluate: the summary does not say its day and unit; make the holdout with clv.holdout.",
        ),
        (
            lambda f, s, b: (f, s.drop(columns="customer_id"), b),
            UsageError,
            "evaluate: the summary has no column 'customer_id' to find its customers in the holdout by.",
        ),
        (
            lambda f, s, b: (f, s, b.assign(purchases="two")),
            DataError,
            "evaluate: purchases of the holdout must be numbers of zero or more; the first that is not is row 0 (two); "
            "make the holdout with clv.holdout.",
        ),
        (
            lambda f, s, b: (f, s, b.assign(purchases=-2)),
            DataError,
            "evaluate: purchases of the holdout must be numbers of zero or more; the first that is not is row 0 (-2); "
            "make the holdout with clv.holdout.",
        ),
        (
            lambda f, s, b: (f, _dated(s), pd.DataFrame({"customer_id": [], "time": [], "amount": []})),
            DataError,
            "holdout: there are no purchases; give transactions with amounts of zero or more.",
        ),
        (
            lambda f, s, b: (
                f,
                _dated(s),
                pd.DataFrame({"customer_id": ["a"], "time": [pd.Timestamp("2025-06-30")], "amount": [1.0]}),
            ),
            DataError,
            "holdout: the window ends on 2025-06-30, not after 2025-06-30; choose later days.",
        ),
    ],
)
def test_wrong_calls_are_said(split, change, kind, message):
    with pytest.raises(kind) as caught:
        clv.evaluate(*change(*split))
    assert str(caught.value) == message


def test_strangers_in_the_holdout_are_said(split):
    fitted, summary, bought = split
    with pytest.raises(DataError) as caught:
        clv.evaluate(fitted, summary, bought.assign(customer_id="X"), periods=20)
    assert str(caught.value) == (
        "evaluate: no customer of the holdout is in the summary, the first is 'X'; check the ids."
    )


def test_few_customers_are_evaluated_too(draw_histories, keeps_result_contract):
    summary = draw_histories("bg", 40, TRUTH, seed=6)
    bought = pd.DataFrame({"customer_id": [summary["customer_id"].iloc[0]], "purchases": [2]})
    for model in (clv.BetaGeometric, clv.ModifiedBetaGeometric, clv.ParetoNBD):
        result = clv.evaluate(model().fit(summary), summary, bought, periods=3, draws=100)
        keeps_result_contract(result, pictures=("plot", "plot_scores"))
