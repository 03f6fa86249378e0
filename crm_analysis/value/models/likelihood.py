"""Likelihood: its maximum over positive parameters, and how uncertain that is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from crm_analysis.proportion import Z

LogLikelihood = Callable[[np.ndarray], tuple[float, np.ndarray]]
# Beyond these (on the scale of the logarithm) a parameter means the same as at the end: no spread left, or no limit.
_LOW, _HIGH = np.log(1e-4), np.log(1e4)
_STEP = 1e-4
# With such a standard error of its logarithm nothing is known of a parameter: its interval spans a factor of 10^8.
_FLAT = 5.0


@dataclass(frozen=True)
class Maximum:
    """Where the likelihood is greatest, on the scale of the parameters' logarithms.

    Attributes
    ----------
    logs : array of shape (k,)
        Logarithms of the parameters.
    covariance : array of shape (k, k)
        Of `logs`: the inverse of the observed information. Rows of parameters that are held are 0.
    held : array of shape (k,)
        Whether the likelihood rises to the end of the allowed range, or is flat, so that the parameter is held.
    value : float
        The log-likelihood.
    """

    logs: np.ndarray
    covariance: np.ndarray
    held: np.ndarray
    value: float

    @property
    def params(self) -> np.ndarray:
        """The parameters."""
        return np.exp(self.logs)

    def draws(self, generator: np.random.Generator, number: int) -> np.ndarray:
        """Draw parameters from the normal distribution of their logarithms; shape (number, k)."""
        values, vectors = np.linalg.eigh(self.covariance)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        return np.exp(self.logs + generator.standard_normal((number, len(self.logs))) @ root.T)

    def errors_of(self, function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Return standard errors of a function of the parameters by the delta method, with differences for slopes.

        Parameters
        ----------
        function : callable
            From parameters of shape (k,) to values of any shape.

        Returns
        -------
        array
            Of the function's shape.
        """
        slopes = []
        for place in np.flatnonzero(~self.held):
            step = np.zeros(len(self.logs))
            step[place] = 10 * _STEP
            above, below = function(np.exp(self.logs + step)), function(np.exp(self.logs - step))
            slopes.append((above - below) / (20 * _STEP))
        if not slopes:
            return np.zeros_like(function(self.params))
        jacobian = np.stack(slopes)
        free = self.covariance[np.ix_(~self.held, ~self.held)]
        return np.sqrt(np.maximum(np.einsum("i...,ij,j...->...", jacobian, free, jacobian), 0.0))

    def table(self, names: Sequence[str]) -> pd.DataFrame:
        """Return the parameters with standard errors (delta method) and intervals, made on the log scale."""
        error = np.where(self.held, np.nan, np.sqrt(np.diag(self.covariance)))
        return pd.DataFrame(
            {
                "parameter": list(names),
                "estimate": self.params,
                "standard_error": self.params * error,
                "estimate_low": self.params * np.exp(-Z * error),
                "estimate_high": self.params * np.exp(Z * error),
            }
        )


def maximise(function: LogLikelihood, starts: Sequence[Sequence[float]], *, weight: float) -> Maximum:
    """Find the greatest log-likelihood from several starts.

    Parameters
    ----------
    function : callable
        From the logarithms of the parameters to the log-likelihood and its gradient.
    starts : sequence of sequence of float
        Logarithms of the parameters to start from.
    weight : float
        Observations, by which the log-likelihood is divided for the search.

    Returns
    -------
    Maximum
        L-BFGS-B within wide bounds, then Newton's steps, whose matrix (central differences of the gradient) is also
        the observed information.
    """
    from scipy.optimize import minimize

    def loss(logs: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = function(logs)
        return -value / weight, -gradient / weight

    bounds = [(_LOW, _HIGH)] * len(starts[0])
    options = {"maxiter": 1000, "ftol": 1e-13, "gtol": 1e-9}
    found = [minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options) for start in starts]
    best = min(found, key=lambda one: float(one.fun))
    logs = np.asarray(best.x, dtype="float64")
    held = (logs < _LOW + 1e-3) | (logs > _HIGH - 1e-3)
    logs, information = _polished(loss, logs, held)
    covariance = _inverse(information * weight, ~held)
    while np.diag(covariance).max() > _FLAT**2:
        # Along a ridge, on which only the ratio of two parameters counts, one of them stands for "very large".
        held[np.argmax(np.diag(covariance))] = True
        covariance = _inverse(information * weight, ~held)
    return Maximum(logs, covariance, held, float(function(logs)[0]))


def _inverse(information: np.ndarray, free: np.ndarray) -> np.ndarray:
    """The covariance of the free parameters; rows of the others are 0."""
    covariance = np.zeros_like(information)
    if free.any():
        # A likelihood that is flat in some direction has no curvature there: no finite variance either.
        values, vectors = np.linalg.eigh(information[np.ix_(free, free)])
        covariance[np.ix_(free, free)] = (vectors / np.maximum(values, 1e-6)) @ vectors.T
    return covariance


def _polished(
    loss: Callable[[np.ndarray], tuple[float, np.ndarray]], logs: np.ndarray, held: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Newton's steps in the parameters that are not held, and the matrix of second derivatives at the end."""
    free = np.flatnonzero(~held)
    value, gradient = loss(logs)
    matrix = _curvature(loss, logs)
    for _ in range(8):
        part = matrix[np.ix_(free, free)]
        if not len(free) or np.abs(gradient[free]).max() < 1e-8 or np.linalg.eigvalsh(part).min() <= 1e-12:
            break
        step = np.zeros(len(logs))
        step[free] = np.linalg.solve(part, -gradient[free])
        tried, slope = loss(logs + step)
        if np.abs(step).max() > 0.5 or tried > value + 1e-12:
            break
        logs, value, gradient = logs + step, tried, slope
        matrix = _curvature(loss, logs)
    return logs, matrix


def _curvature(loss: Callable[[np.ndarray], tuple[float, np.ndarray]], logs: np.ndarray) -> np.ndarray:
    rows = []
    for place in range(len(logs)):
        step = np.zeros(len(logs))
        step[place] = _STEP
        rows.append((loss(logs + step)[1] - loss(logs - step)[1]) / (2 * _STEP))
    matrix = np.array(rows)
    return (matrix + matrix.T) / 2
