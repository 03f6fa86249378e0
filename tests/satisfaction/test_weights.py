"""Weights: means against statsmodels, redraws, and refusals."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.weightstats import DescrStatsW

from crm_analysis.errors import DataError, UsageError
from crm_analysis.proportion import effective
from crm_analysis.satisfaction.paired import weights

VALUES = np.random.default_rng(1).normal(0.3, 1, 60)


def test_a_mean_without_weights_is_that_of_a_t_test():
    centre, low, high, p_value = weights.mean(VALUES, np.ones(60))
    reference = DescrStatsW(VALUES)
    assert centre == pytest.approx(VALUES.mean())
    assert (low, high) == pytest.approx(reference.tconfint_mean())
    assert p_value == pytest.approx(reference.ttest_mean(0)[1])


def test_a_weighted_mean_by_the_linearised_ratio():
    counts = np.random.default_rng(2).uniform(0.5, 2, 60)
    centre, low, high, _ = weights.mean(np.append(VALUES, np.nan), np.append(counts, 1.0))
    assert centre == pytest.approx(np.average(VALUES, weights=counts))
    error = np.sqrt(60 / 59 * (counts**2 * (VALUES - centre) ** 2).sum()) / counts.sum()
    assert (high - low) / 2 == pytest.approx(2.0009954 * error, rel=1e-6)


def test_means_of_too_few_or_equal_values():
    assert np.isnan(weights.mean(np.array([np.nan]), np.ones(1))).all()
    assert weights.mean(np.array([3.0]), np.ones(1))[0] == 3
    centre, low, high, p_value = weights.mean(np.array([0.1, 0.1, 0.1]), np.array([0.3, 0.3, 0.4]))
    assert (centre, low, high) == pytest.approx((0.1, 0.1, 0.1))
    assert np.isnan(p_value)


def test_effective_number():
    assert effective(np.ones(7)) == pytest.approx(7)
    assert effective(np.array([2.0, 2.0, 1.0])) == pytest.approx(25 / 9)
    assert effective(np.empty(0)) == 0


def test_redraws_are_repeatable():
    drawn = np.concatenate(list(weights.redraws(np.array([1.0, 2.0, 0.0]), draws=200, seed=4)))
    assert drawn.shape == (200, 3)
    assert (drawn[:, 2] == 0).all()
    assert (drawn[:, 0] + drawn[:, 1] / 2 <= 3).all()
    again = np.concatenate(list(weights.redraws(np.array([1.0, 2.0, 0.0]), draws=200, seed=4)))
    assert (again == drawn).all()


def test_ends_leave_out_redraws_without_an_estimate():
    drawn = np.column_stack([np.linspace(0, 1, 101), np.full(101, np.nan)])
    drawn[0, 0] = np.nan
    low, high = weights.ends(drawn)
    assert (low[0], high[0]) == pytest.approx((0.02525, 0.98475), abs=1e-4)
    assert np.isnan([low[1], high[1]]).all()


@pytest.mark.parametrize(
    ("weight", "kind", "message"),
    [
        ("gewicht", UsageError, "kano: there is no column 'gewicht' to weight by; name one that is there."),
        ([1.0, 2.0], UsageError, "kano: weight has 2 values for 3 rows; give one a row."),
        ([1.0, np.nan, -1.0], DataError, "kano: 2 of 3 weights are missing or negative; mend or drop these rows."),
        ("none", DataError, "kano: all weights are zero; give positive ones."),
    ],
)
def test_wrong_weights_are_refused(weight, kind, message):
    answers = pd.DataFrame({"none": [0, 0, 0]})
    with pytest.raises(kind) as raised:
        weights.of(answers, weight if isinstance(weight, str) else np.array(weight), caller="kano")
    assert str(raised.value) == message
