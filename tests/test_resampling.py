"""Resampling: counts that sum up, jackknives, and intervals equal to SciPy's."""

import numpy as np
import pytest
from scipy.stats import bootstrap

from crm_analysis import resampling


def test_counts_are_draws_with_replacement_and_blocks_change_nothing(monkeypatch):
    whole = np.concatenate(list(resampling.counts(np.random.default_rng(1), size=50, resamples=200)))
    assert whole.shape == (200, 50)
    assert (whole.sum(axis=1) == 50).all()
    assert whole.mean(axis=0) == pytest.approx(1, abs=0.3)
    drawn = np.random.default_rng(1).integers(50, size=(200, 50))
    assert (whole[7] == np.bincount(drawn[7], minlength=50)).all()
    monkeypatch.setattr(resampling, "_BLOCK", 350)
    blocks = list(resampling.counts(np.random.default_rng(1), size=50, resamples=200))
    assert len(blocks) == 29
    assert (np.concatenate(blocks) == whole).all()
    assert list(resampling.counts(np.random.default_rng(1), size=50, resamples=0)) == []


def test_the_jackknife_leaves_out_each_unit_once():
    each = resampling.leave_out(4)
    assert (each == 1 - np.eye(4)).all()
    grouped = resampling.leave_out(1001, most=500)
    assert grouped.shape == (500, 1001)
    assert ((1 - grouped).sum(axis=0) == 1).all()


def test_percentiles_are_numpys():
    draws = np.random.default_rng(2).standard_normal((777, 3))
    low, high = resampling.percentile(draws)
    assert low == pytest.approx(np.quantile(draws, 0.025, axis=0, method="weibull"))
    assert high == pytest.approx(np.quantile(draws, 0.975, axis=0, method="weibull"))
    assert np.isnan(resampling.percentile(draws[:1])).all()


def test_bca_is_scipys():
    values = np.random.default_rng(3).exponential(size=40)
    generator = np.random.default_rng(4)
    counted = np.concatenate(list(resampling.counts(generator, size=40, resamples=20_000)))
    draws = (counted @ values / 40)[:, None]
    jackknife = (resampling.leave_out(40) @ values / 39)[:, None]
    low, high = resampling.bca(draws, np.array([values.mean()]), jackknife)
    scipys = bootstrap((values,), np.mean, n_resamples=20_000, method="BCa", rng=5).confidence_interval
    assert (low[0], high[0]) == pytest.approx((scipys.low, scipys.high), abs=0.01)
    plain = resampling.percentile(draws)
    assert high[0] > plain[1][0]


def test_a_constant_has_an_interval_of_itself():
    draws = np.ones((100, 1))
    assert resampling.bca(draws, np.ones(1), np.ones((10, 1))) == (1, 1)
    assert resampling.percentile(draws) == (1, 1)
