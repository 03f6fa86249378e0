"""The pool of rhythms: a published fit, known truth, and what shrinkage does."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_analysis import rhythm
from crm_analysis.rhythm import Rhythm

PUBLISHED = json.loads((Path(__file__).parent / "reference" / "mbg_nbd.json").read_text("utf-8"))


def test_the_published_fit_to_cdnow(shared):
    names = ["master_id", "customer_id", "date", "cds", "dollars"]
    orders = pd.read_csv(shared("data/cdnow/CDNOW_sample.txt"), sep=r"\s+", header=None, names=names)
    orders["date"] = pd.to_datetime(orders["date"].astype(str))
    end = pd.Timestamp(PUBLISHED["calibration_end"])
    days = orders[orders["date"] <= end].groupby("customer_id")["date"].agg(["min", "max", "nunique"])
    span, tenure = (days["max"] - days["min"]).dt.days, (end - days["min"]).dt.days
    found = rhythm.learn(days["nunique"].to_numpy("float64") - 1, span.to_numpy("float64"), tenure.to_numpy("float64"))
    assert found.repeaters == PUBLISHED["repeaters"]
    assert found.pool_weight == pytest.approx(PUBLISHED["r"], abs=1e-3)
    assert found.pool_weight * found.pool_gap_days / 7 == pytest.approx(PUBLISHED["alpha_weeks"], abs=1e-2)


def buyers(n, *, r, gap, stops, seed):
    """Gaps, span and tenure of customers who buy at Gamma rates and stop after a purchase with one chance."""
    generator = np.random.default_rng(seed)
    rates, tenure = generator.gamma(r, 1 / (r * gap), n), generator.uniform(300, 1000, n)
    gaps, span = np.zeros(n), np.zeros(n)
    active = generator.random(n) > stops
    while active.any():
        following = span + generator.exponential(1 / rates)
        active &= following <= tenure
        gaps, span = gaps + active, np.where(active, following, span)
        active &= generator.random(n) > stops
    return gaps, span, tenure


@pytest.mark.parametrize(("r", "gap", "stops"), [(1.5, 60, 0.2), (0.6, 90, 0.1), (4.0, 40, 0.0)])
def test_the_pool_is_found_although_some_have_stopped(r, gap, stops):
    found = rhythm.learn(*buyers(6000, r=r, gap=gap, stops=stops, seed=4))
    assert found.pool_gap_days == pytest.approx(gap, rel=0.12)
    assert found.pool_weight == pytest.approx(r, rel=0.25)


def test_the_expected_gap_by_hand():
    pool = Rhythm(pool_gap_days=60.0, pool_weight=2.0, repeaters=10)
    # One day only: the pool. Two gaps over 60 days: (2 x 60 + 60) / (2 + 2).
    assert pool.expected_gap_days(np.array([0.0, 2.0]), np.array([0.0, 60.0])).tolist() == [60.0, 45.0]


@given(gaps=st.integers(1, 500), own=st.floats(1, 400), gap=st.floats(1, 400), weight=st.floats(0.05, 50))
def test_the_expected_gap_lies_between_the_own_and_the_pools(gaps, own, gap, weight):
    found = float(Rhythm(gap, weight, 1).expected_gap_days(np.array([gaps]), np.array([gaps * own]))[0])
    assert min(own, gap) - 1e-9 <= found <= max(own, gap) + 1e-9
    assert abs(found - own) <= weight / (weight + gaps) * abs(gap - own) + 1e-9


def test_nobody_bought_twice():
    found = rhythm.learn(np.zeros(3), np.zeros(3), np.array([1.0, 5, 9]))
    assert found.repeaters == 0
    assert math.isnan(found.pool_gap_days)


def test_orders_stand_in_for_days_but_one_day_has_no_gap():
    bought = pd.DataFrame({"frequency": [3, 2], "recency_days": [5.0, 7.0], "tenure_days": [65.0, 7.0]})
    gaps, span = rhythm.gaps_and_span(bought)
    assert (gaps.tolist(), span.tolist()) == ([2.0, 0.0], [60.0, 0.0])
    assert rhythm.gaps_and_span(bought.assign(purchase_days=[2, 1]))[0].tolist() == [1.0, 0.0]


def test_a_part_of_many_customers_tells_the_same(monkeypatch):
    history = buyers(6000, r=1.5, gap=60, stops=0.2, seed=5)
    whole = rhythm.learn(*history)
    monkeypatch.setattr(rhythm, "_ENOUGH", 2000)
    assert rhythm.learn(*history).pool_gap_days == pytest.approx(whole.pool_gap_days, rel=0.03)


def test_a_silence_is_too_long_where_fewer_than_one_in_a_thousand_last_so_long():
    """Ten in a hundred days: a silence of t days has the probability exp(-t / 10)."""
    assert not rhythm.has_ended(events=10, days=100, silence_days=69)
    assert rhythm.has_ended(events=10, days=100, silence_days=70)
