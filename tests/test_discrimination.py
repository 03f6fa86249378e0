"""The area under the ROC curve: counted by hand, as scikit-learn has it, DeLong's variance, coverage."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from crm_analysis import discrimination


def test_small_by_hand():
    score, happened = np.array([1.0, 2.0, 2.0, 3.0]), np.array([False, True, False, True])
    # Pairs (2, 1), (2, 2), (3, 1), (3, 2): 1, a half, 1, 1.
    area, low, high = discrimination.auc(score, happened)
    assert area == pytest.approx(3.5 / 4)
    assert np.isnan([low, high]).all()  # four units are too few for an interval


def test_the_variance_is_that_of_delong():
    draws = np.random.default_rng(1)
    happened = draws.random(60) < 0.4
    score = draws.normal(size=60).round(1) + happened
    area, low, high = discrimination.auc(score, happened)
    one, other = score[happened], score[~happened]
    wins = (one[:, None] > other) + 0.5 * (one[:, None] == other)
    m, n = wins.shape
    delong = wins.mean(axis=1).var(ddof=1) / m + wins.mean(axis=0).var(ddof=1) / n
    # On the scale of log odds; the normal point would be 1.96, Student's is a little more.
    half = (np.log(high / (1 - high)) - np.log(low / (1 - low))) / 2
    assert 1.96 < half / np.sqrt(delong) * area * (1 - area) < 2.05


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=40))
def test_it_is_that_of_scikit_learn(rows):
    score, happened = np.array([row[0] for row in rows], "float64"), np.array([row[1] for row in rows])
    area, low, high = discrimination.auc(score, happened)
    if happened.all() or not happened.any():
        assert np.isnan([area, low, high]).all()
    else:
        assert area == pytest.approx(roc_auc_score(happened, score))
        assert np.isnan(low) or low - 1e-9 <= area <= high + 1e-9


def test_the_interval_covers():
    """A normal score moved by one standard deviation has the area Phi(1 / sqrt 2) = 0.7602."""
    draws, held = np.random.default_rng(2), 0
    for _ in range(400):
        happened = np.arange(80) < 30
        _, low, high = discrimination.auc(draws.normal(size=80) + happened, happened)
        held += low < 0.76025 < high
    assert held / 400 == pytest.approx(0.95, abs=3 * np.sqrt(0.95 * 0.05 / 400))
