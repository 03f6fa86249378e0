"""Model: known chances are found again, baselines are beside it, awkward tables, the public telecom set."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from crm_analysis.churn import (
    additions,
    balancing,
    decision,
    explanation,
    fairness,
    labels,
    learners,
    model,
    monitoring,
    propensity,
    storage,
)
from crm_analysis.errors import DataError, UsageError
from crm_analysis.study import Study


def test_known_chances_are_found_again(drawn, fitted):
    _, latest, chance = drawn
    found = fitted.chance(latest)
    assert np.corrcoef(found, chance)[0, 1] > 0.95
    assert np.abs(found - chance).mean() < 0.04
    # The truth is a logistic regression, and nothing is shown to be better than that.
    assert fitted.chosen_ == "logistic"


def test_the_evaluation_tells_what_is_known(drawn, fitted, keeps_result_contract):
    _, latest, chance = drawn
    found = model.evaluate(fitted, latest)
    row = found.models.iloc[0]
    truth = model.scores.roc_auc(latest.left, chance)
    assert row["roc_auc_low"] < truth < row["roc_auc_high"]
    assert found.beats_baselines()
    assert row["calibration_slope_low"] < 1 < row["calibration_slope_high"]
    assert set(found.models["kind"]) == {"chosen", "model", "baseline"}
    assert {"hiatus", "frequency", "constant rate"} <= set(found.models["model"])
    assert found.lift()["left"].sum() == latest.left.sum()
    assert found.lift()["caught_share"].iloc[-1] == 1
    assert "90 days after 2025-07-01 (2,000 customers" in found.findings()[0]
    assert found.metrics()["roc_auc"] == row["roc_auc"]
    keeps_result_contract(found, pictures=("plot", "plot_calibration", "plot_models"))


def test_EvaluationResult_keeps_the_contract(drawn, fitted, keeps_result_contract):
    few = drawn[1].take(np.arange(60))
    keeps_result_contract(model.evaluate(fitted, few), pictures=("plot", "plot_calibration", "plot_models"))
    # Where a purchase is predicted, the tables say so.
    from dataclasses import replace

    buying = model.evaluate(fitted, replace(few, world="purchases"), resamples=20)
    assert buying.captions()["lift"] == "Customers in ten groups, by falling probability of buying"
    assert {"bought", "bought_share"} <= set(buying.frames()["lift"].columns)
    assert "bought" in buying.frames()["predictions"].columns


def test_where_nothing_is_to_be_known_a_warning_comes_first(draw_customers, keeps_result_contract):
    from dataclasses import replace

    def noise(seed):
        sample = draw_customers(800, seed)[0]
        left = np.random.default_rng(seed).random(800) < 0.3
        return replace(sample, label=pd.Series(left.astype("float64"), sample.features.index))

    found = model.evaluate(model.ChurnModel(kinds=("logistic", "boosting"), seed=1).fit(noise(5)), noise(6))
    assert not found.beats_baselines()
    assert found.findings()[0].startswith("Warning: no model is shown to beat the simplest rule, ")
    keeps_result_contract(found, pictures=("plot",))


def test_the_same_seed_gives_the_same_model(draw_customers):
    sample = draw_customers(400, 8)[0]
    first, again = (model.ChurnModel(seed=4).fit(sample).chance(sample) for _ in range(2))
    assert (first == again).all()


def test_folds_keep_the_rows_of_a_customer_together(draw_customers):
    sample = draw_customers(300, 9)[0]
    twice = sample.take(np.repeat(np.arange(300), 2))
    churn = model.ChurnModel(seed=1)
    for train, test in churn._folds(twice.features.index, twice.left):
        assert not set(twice.features.index[train]) & set(twice.features.index[test])


def test_it_is_an_estimator_of_frames_too(drawn):
    training, latest, _ = drawn
    churn = model.ChurnModel(kinds=("logistic",), seed=2)
    assert clone(churn).get_params() == churn.get_params()
    frame = training.features.assign(region=training.features["region"].astype(str))
    churn.fit(frame, training.left)
    proba = churn.predict_proba(latest.features)
    assert proba.shape == (len(latest), 2)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    assert set(churn.predict(latest.features)) == {0, 1}
    with pytest.raises(UsageError, match=r"^ChurnModel\.fit needs y beside a frame of features"):
        model.ChurnModel().fit(frame)


def test_unseen_categories_missing_values_and_constant_features(draw_customers):
    from dataclasses import replace

    sample = draw_customers(500, 10)[0]
    odd = sample.features.assign(constant=1.0, empty=np.nan)
    churn = model.ChurnModel(seed=1).fit(replace(sample, features=odd))
    new = odd.assign(region=pd.Categorical(["moon"] * 500), recency_days=np.nan)
    for name in (*churn.models_, *churn.rules_):
        assert np.isfinite(churn.chance(new, model=name)).all(), name


@pytest.mark.parametrize(
    ("left", "stayed", "message"),
    [
        (0, 30, "churn: of 30 customers 0 left and 30 did not"),
        (30, 0, "churn: of 30 customers 30 left and 0 did not"),
        (15, 15, "churn: of 30 customers 15 left and 15 did not"),
    ],
)
def test_too_few_of_either_kind(draw_customers, left, stayed, message):
    from dataclasses import replace

    sample = draw_customers(30, 11)[0]
    known = replace(sample, label=pd.Series([1.0] * left + [0.0] * stayed, sample.features.index))
    with pytest.raises(DataError) as raised:
        model.ChurnModel().fit(known)
    cure = "at least 20 of each are needed to learn from: use another horizon, more snapshots or more customers."
    assert str(raised.value) == f"{message}; {cure}"
    nobody = model.learn(known)
    assert nobody.missing == f"{message.removeprefix('churn: o').replace('f 30', 'Of 30')}; {cure}"
    assert model.evaluate(nobody, known).findings()[0].startswith("No model can be tested: of 30 customers ")


def test_where_there_is_no_model_every_result_says_so(drawn, draw_customers, keeps_result_contract):
    few = draw_customers(30, 11)[0]
    nobody = model.learn(few)
    pictures = {
        model.evaluate(nobody, few): ("plot", "plot_calibration", "plot_models"),
        explanation.explain(nobody, few): ("plot", "plot_dependence"),
        fairness.by_group(model.evaluate(nobody, few).predictions, pd.DataFrame(), model=""): ("plot",),
        balancing.compare(nobody, few, few): ("plot",),
        decision.plan(nobody, few, value=1, contact_cost=1, offer_cost=1, acceptance=0.5): ("plot",),
        propensity.plan(nobody, few, margin=1, contact_cost=1, lift=0.5): ("plot",),
        monitoring.watch(nobody, few): ("plot",),
        additions.measure(few, few, added=["frequency"]): ("plot",),
    }
    for found, plots in pictures.items():
        assert "0 customers" in found.findings()[0] or "no groups" in found.findings()[0], found
        assert {value for value in found.metrics().values() if value} == set()
        keeps_result_contract(found, pictures=plots)
    with pytest.raises(DataError, match=r"^churn: Of 30 customers \d+ left and \d+ did not; at least 20 of each"):
        nobody.chance(few)


def test_where_everybody_stayed_in_the_test_it_is_said(drawn, fitted):
    from dataclasses import replace

    stayed = replace(drawn[1], label=0 * drawn[1].label)
    assert model.evaluate(fitted, stayed).findings() == (
        "No model can be tested: of 2,000 customers 0 left and 2000 did not; at least 1 of each are needed to test on: "
        "use another horizon, more snapshots or more customers.",
    )


def test_what_is_not_known_yet_cannot_be_tested(drawn, fitted):
    from dataclasses import replace

    latest = drawn[1]
    with pytest.raises(DataError) as raised:
        model.evaluate(fitted, replace(latest, label=latest.label * np.nan))
    assert str(raised.value) == "churn: it is not known yet who left after 2025-07-01, so there is nothing to test on."
    with pytest.raises(DataError) as raised:
        fitted.chance(latest.without(["frequency"]))
    assert str(raised.value) == "churn: the customers lack the feature 'frequency', on which the model was trained."
    with pytest.raises(UsageError, match=r"^This ChurnModel is not fitted yet; call fit first\.$"):
        model.ChurnModel().chance(latest)
    with pytest.raises(
        UsageError, match=r"^The kinds parameter of ChurnModel must name some of logistic, boosting and"
    ):
        model.ChurnModel(kinds=("oracle",)).fit(drawn[0])


def test_a_model_on_disk_is_the_same_model(tmp_path, drawn, fitted):
    path = storage.save(fitted, tmp_path / "churn.skops")
    again = storage.load(path)
    for name in (*fitted.models_, *fitted.rules_):
        assert (again.chance(drawn[1], model=name) == fitted.chance(drawn[1], model=name)).all()
    now, then = (monitoring.watch(churn, drawn[1]).columns for churn in (again, fitted))
    pd.testing.assert_frame_equal(now, then, rtol=1e-9)
    assert again.get_params() == fitted.get_params()
    with pytest.raises(UsageError, match=r"^there is no model .*; save one with storage\.save\(churn, path\)\.$"):
        storage.load(tmp_path / "none.skops")
    (tmp_path / "bad.skops").write_text("no model")
    with pytest.raises(DataError, match=r"bad\.skops is no churn model saved by this package \(BadZipFile\)\.$"):
        storage.load(tmp_path / "bad.skops")
    with pytest.raises(UsageError, match=r"^This ChurnModel is not fitted yet; call fit before it is saved\.$"):
        storage.save(model.ChurnModel(), tmp_path / "new.skops")


def test_a_file_with_other_types_is_not_read(tmp_path):
    from skops import io

    io.dump({"format": 1, "evil": pytest.raises}, tmp_path / "evil.skops")
    with pytest.raises(DataError, match=r"which no churn model has; it is not read\.$"):
        storage.load(tmp_path / "evil.skops")


def test_ExplanationResult_keeps_the_contract(drawn, fitted, keeps_result_contract):
    found = explanation.explain(fitted, drawn[1], repeats=8)
    keeps_result_contract(found, pictures=("plot", "plot_dependence"))
    assert set(found.importance["feature"][:3]) == {"frequency", "recency_days", "region"}
    assert found.importance.set_index("feature").loc["noise", "loss_low"] <= 0
    rows = found.dependence[found.dependence["feature"] == "frequency"]
    assert rows["probability_share"].is_monotonic_decreasing


def test_DriftResult_keeps_the_contract(drawn, fitted, keeps_result_contract):
    same = monitoring.watch(fitted, drawn[1])
    assert same.alerts == ()
    assert set(same.columns["verdict"]) == {"stable"}
    keeps_result_contract(same, pictures=("plot",))
    from dataclasses import replace

    moved = replace(drawn[1], features=drawn[1].features.assign(recency_days=lambda f: 3 * f["recency_days"] + 40))
    found = monitoring.watch(fitted, moved)
    index = found.columns.set_index("column")["stability_index"].map("{:.2f}".format)
    assert found.alerts == (
        "these are other customers than those of training: the probabilities of leaving are not distributed as then "
        f"(stability index {index['probability of leaving']}), nor is 1 of 4 features, recency_days "
        f"({index['recency_days']}). Train the model anew on later snapshots.",
        "the probabilities are too high: 76.9 % were said to leave, 62.4 % did; train the model anew before money is "
        "spent by them.",
    )
    assert found.metrics()["alerts"] == 2
    assert [text.get_text() for text in found.plot().texts] == [f"{index['recency_days']} >"]
    keeps_result_contract(found, pictures=("plot",))


def test_a_feature_that_moves_without_the_probabilities_raises_no_alert(drawn, fitted):
    from dataclasses import replace

    noise = replace(drawn[1], features=drawn[1].features.assign(noise=lambda f: f["noise"] + 3))
    found = monitoring.watch(fitted, noise)
    assert found.columns.set_index("column").loc["noise", "verdict"] == "shifted"
    assert found.findings()[:2] == (
        "Nothing that matters has changed among 2,000 customers.",
        "Not distributed as in training, but the probabilities are, so that it raises no alert: noise.",
    )


def test_ages_move_every_night_and_raise_no_alert(draw_customers, keeps_result_contract):
    from dataclasses import replace

    training, latest = (draw_customers(600, seed)[0] for seed in (21, 22))
    aged = [
        replace(sample, features=sample.features.assign(tenure_days=days, joined_days_ago=days + 10))
        for sample, days in ((training, np.arange(600.0)), (latest, np.arange(600.0) + 400))
    ]
    churn = model.ChurnModel(kinds=("logistic",), seed=1).fit(aged[0].without(["noise"]))
    found = monitoring.watch(churn, replace(aged[1], label=aged[1].label * np.nan))
    verdicts = found.columns.set_index("column")["verdict"]
    assert (verdicts[["tenure_days", "joined_days_ago"]] == "calendar").all()
    assert not [alert for alert in found.alerts if "tenure" in alert or "joined" in alert]
    assert "which raises no alert: tenure_days and joined_days_ago." in " ".join(found.findings()).replace(
        "joined_days_ago and tenure_days", "tenure_days and joined_days_ago"
    )
    keeps_result_contract(found, pictures=("plot",))


def test_the_rows_of_training_are_not_watched_but_a_later_table_is(draw_customers):
    dateless = draw_customers(500, 23, as_of=None, world="label")[0]
    churn = model.ChurnModel(kinds=("logistic",), seed=1).fit(dateless)
    assert monitoring.watch(churn, dateless).findings() == (
        "Nothing can be watched: the table has no dates, so its customers are those of training; set those of a later "
        "table beside them.",
    )
    assert not monitoring.watch(churn, dateless, later=True).missing


def test_the_stability_index_is_the_sum_of_its_formula(drawn, fitted):
    east = drawn[1].take((drawn[1].features["region"] == "east").to_numpy())
    found = monitoring.watch(fitted, east).columns.set_index("column")["stability_index"]
    p = drawn[0].features["region"].value_counts(normalize=True)
    q = np.maximum((p.index == "east").astype(float), 0.5 / len(east))
    assert found["region"] == pytest.approx(float(((q - p) * np.log(q / p)).sum()), rel=1e-9)


def test_GroupErrorResult_keeps_the_contract(drawn, fitted, keeps_result_contract):
    predictions = model.evaluate(fitted, drawn[1]).predictions
    g = np.random.default_rng(0)
    groups = pd.DataFrame(
        {
            "customer_id": drawn[1].features.index,
            "birth_year": g.integers(1950, 2005, size=len(predictions)),
            "region": drawn[1].features["region"].astype(str).to_numpy(),
        }
    )
    found = fairness.by_group(predictions, groups, model="logistic")
    keeps_result_contract(found, pictures=("plot",))
    assert set(found.groups["attribute"]) == {"birth_year", "region"}
    assert "born 1950-1959" in set(found.groups["group"])
    # Without the region the east, which leaves more, is wronged.
    blind = model.ChurnModel(kinds=("logistic",), seed=1).fit(drawn[0].without(["region"]))
    wrong = fairness.by_group(model.evaluate(blind, drawn[1]).predictions, groups, model="logistic")
    row = wrong.groups.set_index("group").loc["east"]
    assert row["gap_points_high"] < 0
    assert "region east" in wrong.findings()[0]
    keeps_result_contract(fairness.by_group(predictions, groups[["customer_id"]], model="logistic"), pictures=("plot",))
    # The label itself, and what is different for everybody, make no groups.
    useless = groups[["customer_id"]].assign(left=predictions["left"].map(str), name=groups["customer_id"])
    assert fairness.by_group(predictions, useless, model="logistic").groups.empty
    with pytest.raises(UsageError, match=r"^fairness\.by_group: the predictions have no model 'oracle'\.$"):
        fairness.by_group(predictions, groups, model="oracle")


def test_a_rule_leans_small_classes_to_the_whole():
    features = pd.DataFrame({"x": [0.0] * 50 + [1.0] * 50 + [np.nan] * 2})
    left = np.array([0] * 50 + [1] * 50 + [1] * 2)
    rule = learners.Rule.learn(features, left, "x")
    base = 52 / 102
    np.testing.assert_allclose(
        rule.chance(pd.DataFrame({"x": [0.0, 1.0, np.nan]})),
        [5 * base / 55, (50 + 5 * base) / 55, (2 + 5 * base) / 7],
    )


def test_the_telecom_set_reaches_the_known_scores(shared, write_study):
    text = shared("data/telco/Telco-Customer-Churn.csv").read_text("utf-8")
    toml = (
        '[tables.customers]\nsource = "customers.csv"\ncolumns = { customer_id = "customerID" }\n'
        '[churn]\nlabel = "Churn"\n'
    )
    found = labels.snapshots(Study.open(write_study({"customers": text}, toml)))
    churn = model.ChurnModel(seed=42).fit(found.training)
    report = model.evaluate(churn, found.latest)
    row = report.models.iloc[0]
    assert 0.845 <= row["roc_auc"] < 0.86
    assert row["brier"] <= 0.136
    assert 0.9 < row["calibration_slope"] < 1.1
    assert abs(row["calibration_intercept"]) < 0.1
    assert row["top_decile_lift"] >= 2.8
    plain = report.differences[report.differences["model"] == "plain logistic"]
    assert plain.set_index("measure").loc["roc_auc", "low"] < 0.002
