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
    found = leaks.find(with_column(sample, days=when))
    assert found.found[["feature", "kind"]].to_numpy().tolist() == [["days", "separates"]]


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
    # A date on the day itself is none.
    assert leaks.find(with_column(sample, closed_days_ago=np.maximum(days, 0.0))).found.empty


def test_a_label_computed_from_features_is_found_out(sample):
    from dataclasses import replace

    east = sample.features["region"] == "east"
    silent = (sample.features["recency_days"] > 90) | (sample.features["frequency"] <= 3) | east
    # Three questions answer it, but for a few slips of the pen.
    silent.iloc[::250] = ~silent.iloc[::250]
    computed = replace(sample, label=silent.astype("float64"))
    found = leaks.find(computed)
    assert set(found.found["feature"]) == {"recency_days", "frequency", "region"}
    assert set(found.found["kind"]) == {"function"}
    plain = replace(sample, label=(sample.features["recency_days"] > 90).astype("float64"))
    assert leaks.find(plain).found[["feature", "kind"]].to_numpy().tolist() == [["recency_days", "separates"]]


def test_a_good_feature_is_no_leak(sample):
    g = np.random.default_rng(1)
    good = sample.left + g.normal(scale=0.45, size=len(sample))
    found = leaks.find(with_column(sample, good=good))
    assert found.singles.iloc[0]["feature"] == "good"
    assert 0.92 < found.singles.iloc[0]["roc_auc"] < 0.97
    assert found.found.empty


@pytest.mark.parametrize(
    ("base", "total", "share", "leak"),
    [
        (0.2, 200, 0.90, False),
        (0.2, 20, 1.00, False),
        (0.2, 100, 1.00, True),
        # Where nine of ten leave, a value with whom nearly all leave says little.
        (0.9, 200, 0.99, False),
    ],
)
def test_a_value_is_a_leak_if_it_is_nearly_sure_and_others_are_not(base, total, share, leak):
    kind = np.arange(2000) < total
    left = np.where(kind, np.arange(2000) < share * total, np.arange(2000) % 100 < 100 * base)
    column = pd.Series(np.where(kind, np.nan, np.arange(2000) % 7.0))
    verdict = leaks._verdict("size", column, left, 0.6)
    assert verdict[0] == ("value" if leak else "")
    assert not leak or verdict[1] == "of the 100 customers with missing 100.0 % left"


@pytest.mark.parametrize("way", [1, -1])
def test_missing_values_stand_where_they_say_most(sample, way):
    g = np.random.default_rng(2)
    held = np.where(sample.left == 1, np.where(np.arange(len(sample)) % 2, np.nan, 30.0), g.random(len(sample)))
    found = leaks.find(with_column(sample, days=way * held).take(np.arange(300)))
    assert found.found["feature"].tolist() == ["days"]
    assert found.singles["roc_auc"].iloc[0] == 1


def test_a_sure_value_may_be_one_half_of_a_rule(sample):
    from dataclasses import replace

    ended = np.arange(len(sample)) % 5 == 0
    left = ended | (sample.features["recency_days"].to_numpy() > 90)
    computed = replace(sample, label=pd.Series(left.astype("float64"), sample.features.index))
    found = leaks.find(with_column(computed, ended=ended.astype("float64")).take(np.arange(800)))
    assert set(found.found["feature"]) == {"ended", "recency_days"}
    assert set(found.found["kind"]) == {"function"}


def test_the_honest_score_is_out_of_fold(sample):
    from dataclasses import replace

    g = np.random.default_rng(3)
    left = pd.Series(g.integers(2, size=len(sample)).astype("float64"), sample.features.index)
    city = pd.Categorical(g.integers(150, size=len(sample)).astype(str))
    found = leaks.find(with_column(replace(sample, label=left), closed=left, city=city).take(np.arange(400)))
    assert found.auc_with == 1
    assert 0.4 < found.auc_without < 0.6


def test_where_all_stay_nothing_leaks(sample, keeps_result_contract):
    from dataclasses import replace

    found = leaks.find(replace(sample, label=0 * sample.label))
    assert found.found.empty
    keeps_result_contract(found, pictures=("plot",))


def test_LeakResult_keeps_the_contract(sample, keeps_result_contract):
    keeps_result_contract(leaks.find(sample.without(list(sample.features.columns))), pictures=("plot",))
