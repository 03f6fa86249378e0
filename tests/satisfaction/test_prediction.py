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
