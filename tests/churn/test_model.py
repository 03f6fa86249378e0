"""Model: known chances are found again, baselines are beside it, awkward tables, the public telecom set."""

import copy
from dataclasses import replace

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
    leaks,
    learners,
    model,
    monitoring,
    propensity,
    recalibration,
    scores,
    storage,
)
from crm_analysis.churn.evaluation import EvaluationResult
from crm_analysis.churn.sample import BUYING
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
    assert found.lift()["lift"].iloc[0] == pytest.approx(row["top_decile_lift"], abs=0.02)
    assert any(sentence.startswith("Its probabilities agree with what happened: ") for sentence in found.findings())
    # Spoilt probabilities keep the order, and are said to be off.
    spoilt = copy.copy(fitted)
    spoilt.calibration_ = dict.fromkeys(fitted.calibration_, (0.7, 1.5))
    off = model.evaluate(spoilt, latest, resamples=60)
    assert off.models.iloc[0]["roc_auc"] == pytest.approx(row["roc_auc"])
    assert any(sentence.startswith("Its probabilities are too high and too bold: ") for sentence in off.findings())
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


@pytest.mark.parametrize(
    ("slope", "intercept", "verdict"),
    [
        ((0.9, 1.1), (-0.1, 0.1), "agree with what happened"),
        ((0.7, 0.9), (-0.1, 0.1), "are too bold"),
        ((1.1, 1.3), (-0.1, 0.1), "are too timid"),
        ((0.9, 1.1), (0.1, 0.3), "are too low"),
        ((0.7, 0.9), (-0.3, -0.1), "are too high and too bold"),
    ],
)
def test_in_what_the_probabilities_are_wrong_is_said(slope, intercept, verdict):
    predictions = pd.DataFrame({"left": [1, 0] * 10, "logistic": [0.6, 0.4] * 10, "constant rate": [0.5] * 20})
    names = ["logistic", "constant rate"]
    models, differences = scores.compare(
        predictions["left"].to_numpy(),
        {name: predictions[name].to_numpy() for name in names},
        reference="logistic",
        resamples=9,
        seed=1,
    )
    models.insert(1, "kind", ["chosen", "baseline"])
    for name, ends in (("slope", slope), ("intercept", intercept)):
        models = models.assign(**{f"calibration_{name}_low": ends[0], f"calibration_{name}_high": ends[1]})
    found = EvaluationResult(models, differences, predictions, "logistic", False, 0, "", BUYING)
    said = [sentence for sentence in found.findings() if sentence.startswith("Its probabilities ")]
    assert [sentence.partition(":")[0] for sentence in said] == [f"Its probabilities {verdict}"]
    assert found.captions()["lift"] == "Customers in ten groups, by falling probability of buying"


def test_where_nothing_is_to_be_known_a_warning_comes_first(draw_customers, keeps_result_contract):
    def noise(seed):
        sample = draw_customers(800, seed)[0]
        left = np.random.default_rng(seed).random(800) < 0.3
        return replace(sample, label=pd.Series(left.astype("float64"), sample.features.index))

    found = model.evaluate(model.ChurnModel(kinds=("logistic", "boosting"), seed=1).fit(noise(5)), noise(6))
    assert not found.beats_baselines()
    assert found.findings()[0].startswith("Warning: no model is shown to beat the simplest rule, ")
    keeps_result_contract(found, pictures=("plot",))


def test_the_same_seed_gives_the_same_model(draw_customers):
    sample = draw_customers(150, 8)[0]
    first, again, other = (model.ChurnModel(("forest",), seed=seed).fit(sample).chance(sample) for seed in (4, 4, 5))
    assert (first == again).all()
    assert (first != other).any()


def test_folds_keep_the_rows_of_a_customer_together(draw_customers):
    sample = draw_customers(300, 9)[0]
    twice = sample.take(np.repeat(np.arange(300), 2))
    churn = model.ChurnModel(seed=1)
    for train, test in churn._folds(twice.features.index, twice.left):
        assert not set(twice.features.index[train]) & set(twice.features.index[test])


def test_what_prepares_the_features_is_learned_inside_the_folds(draw_customers):
    sample = draw_customers(200, 25)[0]
    churn = model.ChurnModel(seed=1)
    folds = churn._folds(sample.features.index, sample.left)
    first, *others = folds[0][1]
    odd = sample.features.copy()
    odd.iloc[first, odd.columns.get_loc("recency_days")] = 1e5
    plain, moved = (
        churn._out_of_fold("logistic", [{"C": 1.0}], frame, sample.left, folds)[0] for frame in (sample.features, odd)
    )
    assert moved[first] != plain[first]
    assert (moved[others] == plain[others]).all()


def test_trees_that_know_every_customer_by_heart_are_calibrated_on_others(draw_customers):
    churn = model.ChurnModel(kinds=("boosting",), seed=1).fit(draw_customers(800, 31)[0])
    # Out of fold they are too sure of themselves, and the slope takes that back.
    assert churn.calibration_["boosting"][1] < 0.8
    report = model.evaluate(churn, draw_customers(3000, 27)[0], resamples=20)
    assert report.models["calibration_slope"].iloc[0] == pytest.approx(1, abs=0.2)


def test_a_dateless_table_is_tested_out_of_fold(draw_customers):
    sample = draw_customers(300, 28, as_of=None, world="label")[0]
    left = np.random.default_rng(28).random(300) < 0.4
    noise = replace(sample, label=pd.Series(left.astype("float64"), sample.features.index)).without(["frequency"])
    churn = model.ChurnModel(kinds=("boosting",), seed=1).fit(noise)
    assert model.scores.roc_auc(noise.left, churn.chance(noise)) > 0.75
    report = model.evaluate(churn, noise, resamples=20)
    assert report.models["roc_auc"].max() < 0.6


def test_the_setting_with_the_lowest_loss_is_taken(fitted):
    for name, rows in fitted.search_.groupby("model"):
        best = rows.loc[rows["log_loss"].idxmin(), "settings"].split(", ")
        held = fitted.models_[name][-1].get_params()
        assert [f"{key} = {held[key]}" for key in (setting.split(" = ")[0] for setting in best)] == best, name


@pytest.mark.parametrize(("worse", "chosen"), [(0.01, "logistic"), (0.05, "boosting"), (-0.05, "logistic")])
def test_the_simplest_within_one_standard_error_is_chosen(worse, chosen):
    # A hundred differences of 0.2 up and down about `worse`: the standard error is 0.02.
    losses = {"logistic": 0.5 + worse + np.tile([0.2, -0.2], 50), "boosting": np.full(100, 0.5)}
    assert model._simplest(["logistic", "boosting"], losses) == chosen


def test_the_best_single_feature_is_among_the_simple_rules(drawn, fitted):
    assert list(fitted.rules_) == ["hiatus", "frequency", "constant rate"]
    other = drawn[0].without(["frequency", "recency_days"])
    assert list(model._rules(other.features, other.left)) == ["region alone", "constant rate"]


def test_a_calibration_never_turns_the_order_round():
    left, chance = np.tile([0, 0, 0, 1], 50), np.tile([0.6, 0.7, 0.4, 0.2], 50)
    assert recalibration.learn(left, chance) == (0.0, 1.0)


def test_it_is_an_estimator_of_frames_too(drawn):
    training, latest, _ = drawn
    churn = model.ChurnModel(kinds=("logistic",), seed=2)
    assert clone(churn).get_params() == churn.get_params()
    frame = training.features.assign(region=training.features["region"].astype(str))
    churn.fit(frame, training.left)
    proba = churn.predict_proba(latest.features)
    assert proba.shape == (len(latest), 2)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    assert churn.predict(latest.features).tolist() == (proba[:, 1] > 0.5).astype(int).tolist()
    with pytest.raises(UsageError, match=r"^ChurnModel\.fit needs y beside a frame of features"):
        model.ChurnModel().fit(frame)


def test_unseen_categories_missing_values_and_constant_features(draw_customers):
    sample = draw_customers(500, 10)[0]
    odd = sample.features.assign(constant=1.0, empty=np.nan)
    churn = model.ChurnModel(seed=1).fit(replace(sample, features=odd))
    new = odd.assign(region=pd.Categorical(["moon"] * 500), recency_days=np.nan)
    for name in (*churn.models_, *churn.rules_):
        assert np.isfinite(churn.chance(new, model=name)).all(), name
        assert np.isfinite(churn.chance(odd.assign(region=None), model=name)).all(), name
    with pytest.raises(DataError, match=r"^churn: the feature 'region' must hold texts, as in training\.$"):
        churn.chance(odd.assign(region=3.0))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"big": np.inf}, "the feature 'big' holds inf, too large for a model; make it missing or leave the feature "
                          "out."),
        ({"big": -1e40}, "the feature 'big' holds 1e+40, too large for a model; make it missing or leave the feature "
                         "out."),
        ({"day": pd.Timestamp("2025-01-01")}, "the feature 'day' is neither a number nor a text; give days before the "
                                              "snapshot for a date."),
        ({7: 1.0}, "the name of a feature must be a text, not 7; rename it."),
    ],
)  # fmt: skip
def test_features_that_no_model_can_take(draw_customers, change, message):
    sample = draw_customers(100, 40)[0]
    odd = sample.features.copy()
    for name, value in change.items():
        odd[name] = value
    for take in (model.ChurnModel(kinds=("logistic",)).fit, leaks.find):
        with pytest.raises((DataError, UsageError)) as raised:
            take(replace(sample, features=odd))
        assert str(raised.value) == f"churn: {message}"


def test_a_feature_is_there_once_and_named_like_nothing_beside_it(draw_customers):
    sample = draw_customers(100, 40)[0]
    twice = replace(sample, features=pd.concat([sample.features, sample.features[["noise"]]], axis=1))
    with pytest.raises(UsageError) as raised:
        model.ChurnModel().fit(twice)
    assert str(raised.value) == "churn: the feature 'noise' is there twice; rename one or leave it out."
    for name in ("customer_id", "as_of", "left"):
        with pytest.raises(UsageError) as raised:
            replace(sample, features=sample.features.assign(**{name: 1.0})).to_frame()
        assert str(raised.value) == f"Sample.to_frame: a feature is called {name!r}, as a column beside it; rename it."


def test_yes_no_texts_and_whole_numbers_with_gaps_are_features(draw_customers):
    sample = draw_customers(120, 41)[0]
    odd = sample.features.assign(
        member=np.arange(120) % 2 == 0, city=["Oslo", None] * 60, size=pd.array([1, None, 3] * 40, dtype="Int64")
    )
    churn = model.ChurnModel(kinds=("logistic",)).fit(odd, sample.left == 1)
    assert np.isfinite(churn.chance(odd)).all()
    with pytest.raises(DataError) as raised:
        churn.chance(odd.assign(frequency="often"))
    assert str(raised.value) == "churn: the feature 'frequency' must hold numbers, as in training."


@pytest.mark.parametrize("y", [np.arange(100) % 3, ["yes", "no"] * 50, [1.0, np.nan] * 50, [1, 0], [1, -1] * 50])
def test_labels_are_nought_or_one(draw_customers, y):
    with pytest.raises(UsageError) as raised:
        model.ChurnModel().fit(draw_customers(100, 42)[0].features, y)
    assert str(raised.value) == "ChurnModel.fit: y must hold 0 or 1 for each of the 100 rows."


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": -1}, "ChurnModel: seed must be a whole number, 0 or more, not -1."),
        ({"folds": 1}, "ChurnModel: folds must be a whole number, 2 or more, not 1."),
        ({"kinds": "logistic"}, "The kinds parameter of ChurnModel must name some of logistic, boosting and forest."),
        ({"kinds": None}, "The kinds parameter of ChurnModel must name some of logistic, boosting and forest."),
        ({"folds": 60}, "churn: of 100 customers 58 left and 42 did not; at least 60 of each are needed for 60 folds: "
                        "use another horizon, more snapshots or more customers."),
    ],
)  # fmt: skip
def test_parameters_that_make_no_model(draw_customers, options, message):
    sample = draw_customers(100, 42)[0]
    label = pd.Series(np.repeat([1.0, 0.0], [58, 42]), sample.features.index)
    with pytest.raises((DataError, UsageError)) as raised:
        model.ChurnModel(**options).fit(replace(sample, label=label))
    assert str(raised.value) == message


def test_what_is_no_sample_of_customers_is_said(draw_customers, drawn, fitted):
    sample = draw_customers(100, 43, as_of=None, world="label")[0]
    calls = {
        "ChurnModel.fit needs a Sample or a DataFrame of features, not list.": lambda: model.ChurnModel().fit([1], [1]),
        "ChurnModel takes a Sample or a DataFrame of features, not NoneType.": lambda: fitted.chance(None),
        "churn: the label must be 1 for who left, else 0, not 2.": lambda: model.ChurnModel().fit(
            replace(sample, label=2 * sample.label)
        ),
        "churn: it is not known yet who left, so there is nothing to learn from.": lambda: model.ChurnModel().fit(
            replace(sample, label=np.nan * sample.label)
        ),
        "churn: there is no model 'oracle'; there are logistic, forest, boosting, plain logistic, hiatus, frequency "
        "and constant rate.": lambda: fitted.chance(drawn[1], model="oracle"),
        "This ChurnModel is not fitted yet; call fit first.": lambda: model.evaluate(model.ChurnModel(), drawn[1]),
        "churn: resamples must be a whole number, 1 or more, not 0.": lambda: model.evaluate(
            fitted, drawn[1], resamples=0
        ),
        "churn: seed must be a whole number, 0 or more, not -1.": lambda: model.evaluate(fitted, drawn[1], seed=-1),
        "explanation.explain: repeats must be a whole number, 2 or more, not 1.": lambda: explanation.explain(
            fitted, drawn[1], repeats=1
        ),
        "explanation.explain: top must be a whole number, 1 or more, not 0.": lambda: explanation.explain(
            fitted, drawn[1], top=0
        ),
    }
    for message, call in calls.items():
        with pytest.raises((DataError, UsageError)) as raised:
            call()
        assert str(raised.value) == message


def test_where_one_kind_is_missing_nothing_is_tested_or_explained(drawn, fitted):
    latest = drawn[1].take(np.arange(8))
    dateless = replace(
        latest,
        as_of=latest.as_of.where(latest.label.isna()),
        label=pd.Series([1.0] * 5 + [0.0] * 3, latest.label.index),
    )
    assert (
        model.evaluate(fitted, dateless)
        .findings()[0]
        .startswith(
            "No model can be tested: of 8 customers 5 left and 3 did not; at least 5 of each are needed to test on: "
        )
    )
    stayed = replace(latest, label=0 * latest.label)
    assert (
        explanation.explain(fitted, stayed)
        .findings()[0]
        .startswith(
            "No feature can be judged: of 8 customers 0 left and 8 did not; at least 1 of each are needed to test on: "
        )
    )


@pytest.mark.parametrize(
    ("left", "stayed", "message"),
    [
        (0, 30, "churn: of 30 customers 0 left and 30 did not"),
        (30, 0, "churn: of 30 customers 30 left and 0 did not"),
        (15, 15, "churn: of 30 customers 15 left and 15 did not"),
    ],
)
def test_too_few_of_either_kind(draw_customers, left, stayed, message):
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
    stayed = replace(drawn[1], label=0 * drawn[1].label)
    assert model.evaluate(fitted, stayed).findings() == (
        "No model can be tested: of 2,000 customers 0 left and 2000 did not; at least 1 of each are needed to test on: "
        "use another horizon, more snapshots or more customers.",
    )


def test_what_is_not_known_yet_cannot_be_tested(drawn, fitted):
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


def test_the_interval_of_an_importance_is_that_of_other_draws(drawn, fitted):
    latest = drawn[1].take(np.arange(300))
    row = explanation.explain(fitted, latest, repeats=20, top=1).importance.set_index("feature").loc["frequency"]
    g, losses = np.random.default_rng(10), []
    for _ in range(40):
        mixed = latest.features.assign(frequency=g.permutation(latest.features["frequency"]))
        rows = g.integers(300, size=300)
        before, after = (fitted.chance(frame)[rows] for frame in (latest.features, mixed))
        losses.append(model.scores.roc_auc(latest.left[rows], before) - model.scores.roc_auc(latest.left[rows], after))
    assert row["loss"] == pytest.approx(np.mean(losses), abs=0.02)
    assert row["loss"] == pytest.approx((row["loss_low"] + row["loss_high"]) / 2)
    assert row["loss_high"] - row["loss"] == pytest.approx(1.96 * np.std(losses), rel=0.5)


def test_DriftResult_keeps_the_contract(drawn, fitted, keeps_result_contract):
    same = monitoring.watch(fitted, drawn[1])
    assert same.alerts == ()
    assert set(same.columns["verdict"]) == {"stable"}
    keeps_result_contract(same, pictures=("plot",))
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


def test_the_index_of_a_number_has_classes_of_equal_size_in_training(drawn, fitted):
    recency, noise = drawn[0].features["recency_days"], drawn[0].features["noise"]
    latest = replace(drawn[1], label=drawn[1].label * np.nan)
    moved = {"recency_days": 2 * latest.features["recency_days"], "noise": np.nan}
    moved["region"] = pd.Categorical(np.where(np.arange(len(latest)) % 2, "moon", latest.features["region"]))
    found = monitoring.watch(fitted, replace(latest, features=latest.features.assign(**moved)))
    found = found.columns.set_index("column")["stability_index"]

    def index(p, q):
        return float(((q - p) * np.log(q / p)).sum())

    inner = np.quantile(recency, np.linspace(0.1, 0.9, 9))
    p, q = (
        np.bincount(np.searchsorted(inner, values), minlength=10) / len(values)
        for values in (recency, moved["recency_days"])
    )
    assert p.min() > 0.08
    assert found["recency_days"] == pytest.approx(index(p, q))
    # Everybody's value is missing now, and hardly a tenth's was; classes without anybody count as half a customer.
    here = noise.dropna()
    p = np.bincount(np.searchsorted(np.quantile(here, np.linspace(0.1, 0.9, 9)), here)) / len(noise)
    p, q = np.append(p, noise.isna().mean()), np.append(np.full(10, 0.5 / len(latest)), 1.0)
    assert found["noise"] == pytest.approx(index(p, q))
    p = drawn[0].features["region"].value_counts(normalize=True, sort=False)
    q = pd.Series(moved["region"]).value_counts(normalize=True).reindex([*p.index, "moon"]).to_numpy()
    assert found["region"] == pytest.approx(index(np.append(p, 0.5 / len(recency)), q))


@pytest.mark.parametrize(("east", "verdict"), [(0.45, "stable"), (0.54, "moved"), (0.62, "shifted")])
def test_a_tenth_and_a_quarter_are_the_indices_that_matter(drawn, fitted, east, verdict):
    inside = (drawn[1].features["region"] == "east").to_numpy()
    rows = np.concatenate([np.flatnonzero(inside)[: int(600 * east)], np.flatnonzero(~inside)[: int(600 * (1 - east))]])
    latest = replace(drawn[1], label=drawn[1].label * np.nan).take(rows)
    found = monitoring.watch(fitted, latest)
    assert found.columns.set_index("column").loc["region", "verdict"] == verdict


@pytest.mark.parametrize(
    ("shift", "rows", "alert"), [(0.15, 8000, ""), (0.5, 8000, "the probabilities are too low: "), (0.6, 40, "")]
)
def test_probabilities_that_are_off_raise_an_alert_if_that_is_much_and_no_chance(drawn, fitted, shift, rows, alert):
    g = np.random.default_rng(0)
    many = drawn[1].take(np.arange(rows) % len(drawn[1]))
    chance = fitted.chance(many)
    truth = g.random(rows) < 1 / (1 + (1 - chance) / chance * np.exp(-shift))
    found = monitoring.watch(
        fitted, replace(many, label=pd.Series(truth.astype("float64"), many.features.index)), resamples=30
    )
    assert (found.calibration["calibration_intercept"] > 0.25) == (shift > 0.2)
    said = [sentence for sentence in found.alerts if sentence.startswith("the probabilities")]
    assert len(said) == bool(alert)
    assert not alert or said[0].startswith(alert)


def test_the_error_of_a_group_is_the_mean_gap_with_its_interval():
    g, n = np.random.default_rng(7), 960
    chance = g.uniform(0.2, 0.8, size=n)
    predictions = pd.DataFrame({"customer_id": np.arange(n), "left": (g.random(n) < 0.5).astype(int), "rule": chance})
    city = np.repeat(["Oslo", "Rome", "Bonn", ""], [60, 40, 29, 831])
    groups = pd.DataFrame({"customer_id": np.arange(n), "city": city, "street": np.arange(n) % 31}).iloc[::-1]
    groups["city"] = groups["city"].where(groups["city"] != "")
    found = fairness.by_group(predictions, groups, model="rule", resamples=20).groups
    # Fewer than thirty make no group, and so does an attribute with more than thirty values.
    assert found["group"].tolist() == ["Oslo", "Rome"]
    gap = 100 * (chance - predictions["left"])[city == "Rome"]
    row = found.set_index("group").loc["Rome"]
    half = 1.96 * gap.std() / np.sqrt(40)
    expected = [gap.mean(), gap.mean() - half, gap.mean() + half]
    assert row[["gap_points", "gap_points_low", "gap_points_high"]].tolist() == pytest.approx(expected)


def test_GroupErrorResult_keeps_the_contract(drawn, fitted, keeps_result_contract):
    predictions = model.evaluate(fitted, drawn[1], resamples=20).predictions
    g = np.random.default_rng(0)
    groups = pd.DataFrame(
        {
            "customer_id": drawn[1].features.index,
            "birth_year": g.integers(1950, 2005, size=len(predictions)),
            "region": drawn[1].features["region"].astype(str).to_numpy(),
        }
    )
    found = fairness.by_group(predictions, groups, model="logistic", resamples=40)
    keeps_result_contract(found, pictures=("plot",))
    many = fairness.GroupErrorResult(pd.concat([found.groups] * 4, ignore_index=True))
    assert many.plot().get_title() == f"Error by group (the first 24 of {len(many.groups)})"
    assert set(found.groups["attribute"]) == {"birth_year", "region"}
    assert "born 1950-1959" in set(found.groups["group"])
    # Without the region the east, which leaves more, is wronged.
    blind = model.ChurnModel(kinds=("logistic",), seed=1).fit(drawn[0].without(["region"]))
    told = model.evaluate(blind, drawn[1], resamples=20).predictions
    wrong = fairness.by_group(told, groups, model="logistic", resamples=40)
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
