"""Balancing: on rare leavers the lie of copies and the spoilt probabilities are seen; the honest way tells neither."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from crm_analysis.churn import balancing, model


def rare(sample, seed):
    """The same customers, of whom about one in seven leaves."""
    g = np.random.default_rng(seed)
    kept = (sample.label.to_numpy() == 1) & (g.random(len(sample)) < 0.3)
    return replace(sample, label=pd.Series(kept.astype("float64"), sample.features.index))


@pytest.fixture(scope="module")
def found(draw_customers):
    training, latest = (rare(draw_customers(1200, seed)[0], seed) for seed in (31, 32))
    churn = model.ChurnModel(kinds=("logistic",), seed=1).fit(training)
    return balancing.compare(churn, training, latest, folds=3, resamples=100)


def test_copies_on_both_sides_of_a_fold_are_a_lie(found):
    rows = found.ways.set_index("way")
    before, plain = rows.loc[balancing.BEFORE], rows.loc[balancing.AS_THEY_ARE]
    assert before["claimed_roc_auc_low"] > 0.9 > plain["claimed_roc_auc_high"]
    assert before["roc_auc"] == pytest.approx(plain["roc_auc"], abs=0.05)
    assert found.metrics()["false_roc_auc"] == pytest.approx(before["claimed_roc_auc"] - plain["claimed_roc_auc"])


def test_inside_the_folds_it_claims_no_more_than_it_has_but_spoils_the_probabilities(found):
    rows = found.ways.set_index("way")
    balanced, plain = rows.loc[balancing.BALANCED], rows.loc[balancing.AS_THEY_ARE]
    # The folds are the same, and the forests are others.
    assert balanced["claimed_roc_auc"] != plain["claimed_roc_auc"]
    assert balanced["claimed_roc_auc"] == pytest.approx(balanced["roc_auc"], abs=0.06)
    assert balanced["mean_probability_share"] > plain["mean_probability_share"] + 0.04
    assert "and the probabilities are spoilt" in found.findings()[1]


def test_BalancingResult_keeps_the_contract(found, draw_customers, keeps_result_contract):
    keeps_result_contract(found, pictures=("plot",))
    dateless = rare(draw_customers(900, 33, as_of=None, world="label")[0], 33)
    churn = model.ChurnModel(kinds=("logistic",), seed=1).fit(dateless)
    keeps_result_contract(balancing.compare(churn, dateless, dateless, folds=2, resamples=50), pictures=("plot",))
    stayed = replace(dateless, label=0 * dateless.label)
    nothing = balancing.compare(churn, stayed, stayed)
    assert nothing.findings() == ("Balancing cannot be shown: it needs some customers of either kind.",)


def test_where_both_kinds_are_as_many_nothing_is_called_spoilt(draw_customers):
    training, latest = (draw_customers(700, seed)[0] for seed in (34, 35))
    churn = model.ChurnModel(kinds=("logistic",), seed=1).fit(training)
    even = balancing.compare(churn, training, latest, folds=2, resamples=50)
    assert "and so do the probabilities here" in even.findings()[1]
