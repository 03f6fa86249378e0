"""Prediction: what a path model foresees of respondents held out, against regressions written out by hand."""

import numpy as np
import pandas as pd
import pytest

from crm_analysis.errors import DataError, UsageError
from crm_analysis.satisfaction import pls
from crm_analysis.satisfaction.model import Construct, Model

CHAIN = Model(
    "chain",
    (Construct("a", ("a1", "a2")), Construct("b", ("b1", "b2")), Construct("c", ("c1", "c2"))),
    (("a", "b"), ("b", "c")),
)


def simulated(n, *, seed, link=0.8):
    draw = np.random.default_rng(seed)
    a = draw.standard_normal(n)
    b = link * a + np.sqrt(1 - link**2) * draw.standard_normal(n)
    c = link * b + np.sqrt(1 - link**2) * draw.standard_normal(n)
    return pd.DataFrame(
        {
            f"{name}{k}": 5 + 2 * (f + 0.6 * draw.standard_normal(n))
            for name, f in zip("abc", (a, b, c), strict=True)
            for k in (1, 2)
        }
    )


def refusal(kind, fit, **settings):
    with pytest.raises(kind) as error:
        pls.predict(fit, **settings)
    return str(error.value)


def test_both_models_by_hand_for_two_folds():
    answers = simulated(60, seed=1)
    result = pls.predict(pls.estimate(CHAIN, answers), folds=2, repeats=1, seed=4)
    part = np.random.default_rng(4).permutation(60) % 2
    line, path, mean = [], [], []
    for fold in (0, 1):
        train, held = answers[part != fold], answers[part == fold]
        slopes = np.linalg.lstsq(np.column_stack([np.ones(len(train)), train[["b1", "b2"]]]), train["c1"])[0]
        line += list(held["c1"] - np.column_stack([np.ones(len(held)), held[["b1", "b2"]]]) @ slopes)
        fit = pls.estimate(CHAIN, train)
        weights = fit.outer.set_index("item")["weight"]
        centred = (held - train.mean()) / train.std(ddof=0)
        score = centred[["b1", "b2"]] @ weights[["b1", "b2"]]
        slope = fit.paths.set_index(["source", "target"])["estimate"]["b", "c"]
        loading = fit.outer.set_index("item")["loading"]["c1"]
        path += list(held["c1"] - train["c1"].mean() - score * slope * loading * train["c1"].std(ddof=0))
        mean += list(held["c1"] - train["c1"].mean())
    row = result.table.set_index("item").loc["c1"]
    assert row["rmse_linear"] == pytest.approx(np.sqrt(np.mean(np.square(line))))
    assert row["rmse"] == pytest.approx(np.sqrt(np.mean(np.square(path))), rel=1e-5)
    assert row["mae"] == pytest.approx(np.mean(np.abs(path)), rel=1e-5)
    assert row["q2"] == pytest.approx(1 - np.sum(np.square(path)) / np.sum(np.square(mean)), rel=1e-4)


def test_a_strong_chain_is_foreseen_and_noise_is_not():
    strong = pls.predict(pls.estimate(CHAIN, simulated(300, seed=2)), seed=1)
    gain = strong.gains.set_index("against").loc["mean"]
    assert gain["gain_low"] > 0.2
    assert (strong.table["q2"] > 0).all()
    weak = pls.predict(pls.estimate(CHAIN, simulated(300, seed=3, link=0.0)), seed=1)
    assert weak.gains.set_index("against").loc["mean", "gain_high"] < 0.02
    assert (weak.table["q2"] < 0.02).all()
    far = pls.predict(pls.estimate(CHAIN, simulated(300, seed=2)), seed=1, sources="earliest").table.set_index("item")
    near = strong.table.set_index("item")
    assert far.loc["b1", "q2"] == pytest.approx(near.loc["b1", "q2"])
    assert far.loc["c1", "q2"] < near.loc["c1", "q2"]


def test_survey_weights_count_in_what_is_saved():
    answers = simulated(120, seed=6)
    far = (answers["a1"] - answers["a1"].mean()).abs()
    mass = np.where(far > far.median(), 5.0, 1.0)
    result = pls.predict(pls.estimate(CHAIN, answers, weight=mass), repeats=2, seed=1)
    wanted = list(result.table["item"])
    variance = np.average((answers[wanted] - answers[wanted].mean()) ** 2, axis=0, weights=mass)
    losses = {name: (result.table[name] ** 2 / variance).mean() for name in ("rmse", "rmse_linear", "rmse_mean")}
    gains = result.gains.set_index("against")["gain"]
    assert gains["mean"] == pytest.approx(1 - losses["rmse"] / losses["rmse_mean"])
    assert gains["linear model"] == pytest.approx(1 - losses["rmse"] / losses["rmse_linear"])


def test_the_interval_of_what_is_saved_is_as_wide_as_samples_scatter():
    gains = [
        pls.predict(pls.estimate(CHAIN, simulated(150, seed=100 + k)), folds=5, repeats=1, seed=k).gains.iloc[1]
        for k in range(60)
    ]
    spread = np.std([row["gain"] for row in gains], ddof=1)
    half = np.mean([row["gain_high"] - row["gain"] for row in gains]) / 1.96
    # A spread from sixty samples is known to a tenth.
    assert half / spread == pytest.approx(1, abs=0.35)


@pytest.mark.parametrize(("better", "verdict"), [(0, "lacking"), (1, "low"), (2, "low"), (3, "medium"), (4, "high")])
def test_the_verdict_is_that_of_shmueli(better, verdict):
    linear = [2.0] * better + [0.5] * (4 - better)
    table = pd.DataFrame({"item": list("abcd"), "q2": 0.3, "rmse": 1.0, "rmse_linear": linear})
    result = pls.PredictionResult(table, pd.DataFrame(), 10, 10, 100)
    assert result.verdict == verdict
    assert pls.PredictionResult(table.assign(q2=-0.1), pd.DataFrame(), 10, 10, 100).verdict == "lacking"


def test_what_is_refused():
    fit = pls.estimate(CHAIN, simulated(30, seed=4))
    assert refusal(UsageError, fit, sources="all") == "predict: sources must be direct or earliest, not 'all'."
    assert (
        refusal(UsageError, fit, folds=1) == "predict: folds must be at least 2 and repeats at least 1, not 1 and 10."
    )
    assert refusal(DataError, fit, folds=20) == "predict: 30 respondents cannot fill 20 folds; use at most 15."


def test_PredictionResult_keeps_the_contract(keeps_result_contract):
    answers = simulated(60, seed=5)
    keeps_result_contract(pls.predict(pls.estimate(CHAIN, answers), repeats=2), pictures=("plot",))
    keeps_result_contract(pls.predict(pls.estimate(CHAIN, answers.iloc[:0])), pictures=("plot",))
