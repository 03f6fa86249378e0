"""Scores: scikit-learn's numbers, statsmodels' calibration, weights as repetitions, known truth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from crm_analysis import resampling
from crm_analysis.churn import scores


def drawn(seed, n=600, *, rounded=2):
    g = np.random.default_rng(seed)
    chance = 1 / (1 + np.exp(-g.normal(size=n)))
    return (g.random(n) < chance).astype("int64"), np.round(chance, rounded)


def named(left, chance, weights=None):
    return dict(zip(scores.MEASURES, scores.measure(left, chance, weights)[0], strict=True))


def test_measures_are_those_of_scikit_learn():
    left, chance = drawn(1)
    found = named(left, chance)
    assert found["roc_auc"] == pytest.approx(metrics.roc_auc_score(left, chance), abs=1e-12)
    assert found["pr_auc"] == pytest.approx(metrics.average_precision_score(left, chance), abs=1e-12)
    assert found["brier"] == pytest.approx(metrics.brier_score_loss(left, chance), abs=1e-9)
    assert found["log_loss"] == pytest.approx(metrics.log_loss(left, chance), abs=1e-9)
    assert scores.roc_auc(left, chance) == pytest.approx(found["roc_auc"], abs=1e-12)


def test_calibration_is_a_logistic_regression():
    import statsmodels.api as sm

    left, chance = drawn(2)
    logit = np.log(chance / (1 - chance))
    found = named(left, chance)
    slope = sm.Logit(left, sm.add_constant(logit)).fit(disp=0).params[1]
    shift = sm.GLM(left, np.ones(len(left)), family=sm.families.Binomial(), offset=logit).fit().params[0]
    assert found["calibration_slope"] == pytest.approx(slope, abs=1e-6)
    assert found["calibration_intercept"] == pytest.approx(shift, abs=1e-6)


@given(st.integers(0, 1000))
def test_a_weight_of_two_is_a_customer_seen_twice(seed):
    left, chance = drawn(seed, n=60, rounded=1)
    times = np.random.default_rng(seed).integers(0, 3, size=60)
    if not 0 < (times * left).sum() < times.sum():
        return
    chance = np.clip(chance, 0.05, 0.95)
    weighted = named(left, chance, times[None].astype("float64"))
    repeated = named(np.repeat(left, times), np.repeat(chance, times))
    for name in ("roc_auc", "pr_auc", "brier", "log_loss", "calibration_intercept", "top_decile_lift"):
        assert weighted[name] == pytest.approx(repeated[name], abs=1e-8), name


def test_the_lift_shares_a_tie_at_the_border_evenly():
    left = np.array([1] * 10 + [0] * 90)
    assert named(left, np.full(100, 0.1))["top_decile_lift"] == pytest.approx(1)
    assert named(left, np.linspace(0.9, 0.1, 100))["top_decile_lift"] == pytest.approx(10)
    # A tenth of fifteen is one customer and a half: (1 + half of 0) / 1.5 leavers, by 2 of 15.
    left = np.array([1, 0, 1] + [0] * 12)
    assert named(left, np.linspace(0.9, 0.1, 15))["top_decile_lift"] == pytest.approx(1 / 1.5 / (2 / 15))


def test_the_calibration_error_of_right_probabilities_is_small_and_of_wrong_ones_their_distance():
    g = np.random.default_rng(5)
    chance = g.random(40_000)
    left = (g.random(40_000) < chance).astype("int64")
    assert named(left, chance)["calibration_error"] < 0.01
    assert named(left, np.clip(chance + 0.1, 0, 1))["calibration_error"] == pytest.approx(0.095, abs=0.01)


def test_the_calibration_error_is_its_formula():
    left, chance = drawn(6, n=200, rounded=6)
    order = np.argsort(-chance)
    share, said = (values[order].reshape(10, 20).mean(axis=1) for values in (left, chance))
    # What chance alone would give in a class of twenty is taken off: share (1 - share) / 19.
    squares = ((share - said) ** 2 - share * (1 - share) / 19).mean()
    assert named(left, chance + 0.0)["calibration_error"] == pytest.approx(np.sqrt(max(squares, 0)), abs=1e-9)
    off = np.clip(chance + 0.2, 0, 1 - 1e-6)
    gap = ((share - np.sort(off)[::-1].reshape(10, 20).mean(axis=1)) ** 2 - share * (1 - share) / 19).mean()
    assert named(left, off)["calibration_error"] == pytest.approx(np.sqrt(gap), abs=1e-5)


def test_intervals_cover_the_truth():
    """Means of 60 samples of a population whose measures are known; 200 resamples each."""
    g = np.random.default_rng(11)
    z = g.normal(size=200_000)
    chance = 1 / (1 + np.exp(-z))
    truth = named((g.random(len(z)) < chance).astype("int64"), chance)
    inside = dict.fromkeys(("roc_auc", "brier", "calibration_slope", "top_decile_lift"), 0)
    for seed in range(60):
        left, said = drawn(100 + seed, n=500, rounded=6)
        models, _ = scores.compare(left, {"model": said}, reference="model", resamples=200, seed=seed)
        for name in inside:
            inside[name] += models[f"{name}_low"].iloc[0] <= truth[name] <= models[f"{name}_high"].iloc[0]
    # 51 of 60 or more: below the 0.1 % point of a binomial of 95 %.
    assert {name: count for name, count in inside.items() if count < 51} == {}


def test_differences_are_paired():
    left, chance = drawn(3, n=2000)
    noisy = np.clip(chance + 0.02 * np.random.default_rng(0).normal(size=2000), 0.01, 0.99)
    models, differences = scores.compare(left, {"a": chance, "b": noisy}, reference="a", seed=1)
    row = differences[differences["measure"] == "roc_auc"].iloc[0]
    alone = models["roc_auc_high"] - models["roc_auc_low"]
    assert row["high"] - row["low"] < 0.3 * alone.min()
    assert row["difference"] == pytest.approx(models["roc_auc"].iloc[1] - models["roc_auc"].iloc[0])


def test_an_interval_holds_95_of_100_resamples():
    left, chance = drawn(7, n=80)
    models, _ = scores.compare(left, {"a": chance}, reference="a", resamples=60, seed=3)
    weights = np.concatenate(list(resampling.counts(np.random.default_rng(3), size=80, resamples=60)))
    ends = np.quantile(scores.measure(left, chance, weights)[:, 0], [0.025, 0.975])
    assert models[["roc_auc_low", "roc_auc_high"]].iloc[0].tolist() == pytest.approx(ends.tolist())


def test_a_part_of_many_customers_gives_intervals_as_narrow_as_all_would(monkeypatch):
    left, chance = drawn(4, n=6000)
    whole, _ = scores.compare(left, {"a": chance}, reference="a", resamples=400, seed=1)
    monkeypatch.setattr(scores, "_ROWS", 1500)
    part, _ = scores.compare(left, {"a": chance}, reference="a", resamples=400, seed=1)
    width = [frame["roc_auc_high"].iloc[0] - frame["roc_auc_low"].iloc[0] for frame in (whole, part)]
    assert width[1] == pytest.approx(width[0], rel=0.2)
    assert part["roc_auc"].iloc[0] == whole["roc_auc"].iloc[0]


def test_where_all_stay_nothing_is_measured():
    assert np.isnan(scores.measure(np.zeros(5), np.linspace(0.1, 0.5, 5))).all()
    assert np.isnan(scores.roc_auc(np.zeros(5), np.linspace(0.1, 0.5, 5)))
