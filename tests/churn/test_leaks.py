"""Leaks: each kind is planted and found, and honest features are left alone."""

import numpy as np
import pandas as pd
import pytest

from crm_analysis.churn import leaks


@pytest.fixture(scope="module")
def sample(draw_customers):
    return draw_customers(1500, 3)[0]


def with_column(sample, **columns):
    from dataclasses import replace

    return replace(sample, features=sample.features.assign(**columns))


def test_honest_features_are_no_leaks(sample, keeps_result_contract):
    found = leaks.find(sample)
    assert found.found.empty
    assert found.findings() == (
        f"No feature gives the label away; the best alone is frequency (ROC AUC {found.singles['roc_auc'][0]:.2f}).",
    )
    keeps_result_contract(found, pictures=("plot",))


def test_a_copy_of_the_label_is_a_leak(sample, keeps_result_contract):
    noisy = sample.left.copy()
    noisy[:10] = 1 - noisy[:10]
    found = leaks.find(with_column(sample, closed=noisy.astype("float64")))
    assert found.found[["feature", "kind"]].to_numpy().tolist() == [["closed", "separates"]]
    assert found.auc_with > 0.95 > 0.8 > found.auc_without
    assert found.findings()[0].startswith(
        "The feature closed is a leak: alone it tells leavers from stayers almost without error (ROC AUC 0.99"
    )
    keeps_result_contract(found, pictures=("plot",))


def test_a_column_that_is_empty_for_who_stayed_is_a_leak(sample):
    reason = np.where(sample.left == 1, np.where(np.arange(len(sample)) % 2, "price", "moved"), None)
    found = leaks.find(with_column(sample, reason=pd.Categorical(reason)))
    assert found.found["feature"].tolist() == ["reason"]
    when = np.where(sample.left == 1, np.arange(len(sample)) % 30.0, np.nan)
    assert leaks.find(with_column(sample, days=when)).found["feature"].tolist() == ["days"]


def test_one_value_that_nearly_all_left_with_is_a_leak(sample):
    g = np.random.default_rng(0)
    status = np.where((sample.left == 1) & (g.random(len(sample)) < 0.3), "ended", "open")
    found = leaks.find(with_column(sample, status=pd.Categorical(status)))
    assert found.found["kind"].tolist() == ["value"]
    count = int((status == "ended").sum())
    assert found.found["reason"].iloc[0] == f"of the {count:,} customers with 'ended' 100.0 % left"


def test_a_date_after_the_day_is_a_leak(sample):
    days = np.where(np.arange(len(sample)) % 7 == 0, -3.0, 40.0)
    found = leaks.find(with_column(sample, closed_days_ago=days))
    assert found.found[["feature", "kind"]].to_numpy().tolist() == [["closed_days_ago", "later"]]


def test_a_label_computed_from_features_is_found_out(sample):
    from dataclasses import replace

    silent = (sample.features["recency_days"] > 90) | (sample.features["frequency"] <= 3)
    computed = replace(sample, label=silent.astype("float64"))
    found = leaks.find(computed)
    assert set(found.found["feature"]) == {"recency_days", "frequency"}
    assert set(found.found["kind"]) == {"function"}
    plain = replace(sample, label=(sample.features["recency_days"] > 90).astype("float64"))
    assert leaks.find(plain).found[["feature", "kind"]].to_numpy().tolist() == [["recency_days", "separates"]]


def test_where_all_stay_nothing_leaks(sample, keeps_result_contract):
    from dataclasses import replace

    found = leaks.find(replace(sample, label=0 * sample.label))
    assert found.found.empty
    keeps_result_contract(found, pictures=("plot",))


def test_LeakResult_keeps_the_contract(sample, keeps_result_contract):
    keeps_result_contract(leaks.find(sample.without(list(sample.features.columns))), pictures=("plot",))
