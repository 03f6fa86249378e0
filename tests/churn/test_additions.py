"""Additions: what an answer adds is found where it matters, and not where it does not; respondents only."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from crm_analysis.churn import additions, model, scores
from crm_analysis.errors import UsageError


def asked(draw_customers, seed, n, *, effect):
    """Half of the customers answer; their trust changes the chance to leave by `effect` in log odds."""
    sample, chance = draw_customers(n, seed)
    g = np.random.default_rng(seed + 100)
    trust = g.normal(size=n)
    odds = np.log(chance / (1 - chance)) - effect * trust
    left = (g.random(n) < 1 / (1 + np.exp(-odds))).astype("float64")
    answered = g.random(n) < 0.5
    scores = pd.DataFrame(
        {"survey_trust": np.where(answered, trust, np.nan), "survey_answered": answered.astype("float64")},
        index=sample.features.index,
    )
    return replace(sample, label=pd.Series(left, sample.features.index)).with_features(scores)


def test_what_matters_is_found(draw_customers, keeps_result_contract):
    training, latest = (asked(draw_customers, seed, 1600, effect=1.0) for seed in (41, 42))
    found = additions.measure(training, latest, resamples=200)
    rows = found.differences.set_index("measure")
    assert rows.loc["roc_auc", "low"] > 0
    assert rows.loc["log_loss", "high"] < 0
    assert found.added == ("survey_trust",)
    # Who did not answer counts in neither model.
    assert found.tested == int(latest.features["survey_trust"].notna().sum())
    assert found.trained == int(training.features["survey_trust"].notna().sum())
    assert found.findings()[0].startswith("The survey helps to know who leaves: the ROC AUC rises by 0.0")
    keeps_result_contract(found, pictures=("plot",))


def test_what_does_not_matter_is_not(draw_customers):
    training, latest = (asked(draw_customers, seed, 1000, effect=0.0) for seed in (43, 44))
    found = additions.measure(training, latest, resamples=200)
    assert found.findings()[0].startswith("The survey is not shown to add anything: the ROC AUC changes by ")


def test_AdditionResult_keeps_the_contract(draw_customers, drawn, keeps_result_contract):
    nothing = additions.measure(*drawn[:2])
    assert nothing.findings() == ("What the survey would add cannot be told: the study does not have it.",)
    keeps_result_contract(nothing, pictures=("plot",))
    few = asked(draw_customers, 45, 60, effect=1.0)
    assert "at least 20 of each are needed to learn from" in additions.measure(few, few).findings()[0]
    with pytest.raises(UsageError) as raised:
        additions.measure(few, few, added=["trap"])
    assert str(raised.value) == "additions.measure: there is no feature 'trap'; join it by Sample.with_features."


def test_without_dates_the_comparison_is_cross_validated(draw_customers, monkeypatch):
    sample = asked(draw_customers, 46, 900, effect=1.0)
    dateless = replace(sample, as_of=pd.Series(pd.NaT, sample.features.index, dtype="datetime64[ns]"), world="label")
    out_of_fold = []

    def spied(churn, *given, really=model.ChurnModel.out_of_fold):
        out_of_fold.append(really(churn, *given)[churn.chosen_])
        return {churn.chosen_: out_of_fold[-1]}

    monkeypatch.setattr(model.ChurnModel, "out_of_fold", spied)
    found = additions.measure(dateless, dateless, resamples=100)
    left = sample.left[sample.features["survey_trust"].notna()]
    assert found.models["roc_auc"].tolist() == pytest.approx([scores.roc_auc(left, said) for said in out_of_fold])
    assert found.differences.set_index("measure").loc["roc_auc", "low"] > 0
