"""Likelihood: a maximum whose curvature is known, and what is made of it."""

import numpy as np
import pytest

from crm_analysis.value.models.likelihood import Maximum, maximise

CURVATURE = np.array([[4.0, 1.0], [1.0, 2.0]])
PEAK = np.log([0.5, 3.0])


@pytest.fixture
def normal() -> Maximum:
    """The maximum over 50 observations of a likelihood that is normal in the logarithms."""

    def likelihood(logs):
        off = logs - PEAK
        return -50 * float(off @ CURVATURE @ off) / 2, -50 * CURVATURE @ off

    return maximise(likelihood, [[0.0, 0.0]], weight=50)


def test_the_covariance_is_the_inverse_of_the_information(normal):
    assert normal.params == pytest.approx([0.5, 3.0])
    assert normal.covariance == pytest.approx(np.linalg.inv(50 * CURVATURE))
    table = normal.table(["a", "b"]).set_index("parameter")
    error = np.sqrt(np.linalg.inv(50 * CURVATURE)[1, 1])
    assert table.loc["b", "standard_error"] == pytest.approx(3 * error)
    ends = table.loc["b", ["estimate_low", "estimate_high"]].tolist()
    assert ends == pytest.approx([3 * np.exp(-1.959964 * error), 3 * np.exp(1.959964 * error)])


def test_draws_have_the_covariance(normal):
    logs = np.log(normal.draws(np.random.default_rng(0), 20_000))
    assert logs.mean(axis=0) == pytest.approx(PEAK, abs=0.004)
    assert np.cov(logs.T) == pytest.approx(normal.covariance, abs=2e-4)


def test_errors_by_the_delta_method(normal):
    """Of log(a b) and of a."""
    covariance = normal.covariance
    found = normal.errors_of(lambda params: np.array([np.log(params).sum(), params[0]]))
    assert found == pytest.approx([np.sqrt(covariance.sum()), 0.5 * np.sqrt(covariance[0, 0])], rel=1e-5)
