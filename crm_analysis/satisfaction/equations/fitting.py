"""Fitting: one model fitted to one sample by maximum likelihood, with errors that suit the question."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from crm_analysis.errors import DataError, UsageError
from crm_analysis.satisfaction.equations import start
from crm_analysis.satisfaction.equations.likelihood import Implied, Likelihood, State, objective_of
from crm_analysis.satisfaction.equations.scoring import Solution, inverse, maximise
from crm_analysis.satisfaction.equations.structure import Structure, compile_rows
from crm_analysis.satisfaction.moments import Moments, Sample, saturated
from crm_analysis.satisfaction.syntax import Row

TOLERANCE = 1e-14
"""Decrement at which a single fit ends: parameters are then exact to the precision of the machine."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """A structure at its maximum-likelihood solution.

    Attributes
    ----------
    structure : Structure
        The model.
    sample : Sample
        The answers.
    moments : Moments
        Their moments, one draw.
    solution : Solution
        Where the search ended.
    """

    structure: Structure
    sample: Sample
    moments: Moments
    solution: Solution

    @cached_property
    def state(self) -> State:
        """The likelihood at the solution."""
        return Likelihood(self.structure, self.moments).state(self.solution.theta)

    @cached_property
    def estimates(self) -> np.ndarray:
        """Values of the rows, shape (groups, r)."""
        return self.structure.values(self.solution.theta[0])

    @cached_property
    def implied(self) -> Implied:
        """What the solution implies, one draw."""
        return self.state.implied

    @cached_property
    def free_moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Means and covariances of each group without a model, shape (1, groups, p) and (1, groups, p, p)."""
        return saturated(self.moments)

    @cached_property
    def chisq(self) -> float:
        """Twice the log-likelihood that the model costs against no model."""
        free = objective_of(self.moments, *self.free_moments)[0]
        return max(0.0, 2 * self.sample.n * float(self.solution.objective[0] - free))

    @property
    def df(self) -> int:
        """Moments less free parameters."""
        return moment_count(self.structure) - self.structure.free

    def covariance(self, *, observed: bool) -> np.ndarray:
        """Covariance of the free parameters by the expected or the observed information, shape (q, q)."""
        return inverse(self.state.information(observed=observed))[0] / self.sample.n

    def scores(self, *, about_sample: bool = False) -> np.ndarray:
        """Slope of each respondent's log-likelihood, times the weight, shape (n, q)."""
        sample = self.sample
        slopes = self.state.scores(sample.answers, sample.block, about_sample=about_sample)
        return slopes * sample.weight[:, None]


def moment_count(structure: Structure) -> int:
    """Number of moments that a structure explains."""
    p = len(structure.items)
    return structure.groups * (p * (p + 1) // 2 + p * structure.means)


def fit(structure: Structure, sample: Sample, *, near: np.ndarray | None = None) -> Fitted:
    """Fit a structure to a sample.

    Parameters
    ----------
    structure : Structure
        The model; its items are the columns of the sample, in this order.
    sample : Sample
        The answers.
    near : array of shape (groups, r), optional
        Values to begin at, such as those of a model that is part of this one.

    Raises
    ------
    UsageError
        If the model has more free parameters than there are moments.
    DataError
        If the items' covariances cannot be inverted: items repeat each other, or there are too few respondents.
    """
    free, there = structure.free, moment_count(structure)
    if free > there:
        raise UsageError(
            f"The model has {free} free parameters but its items give only {there} means and covariances; "
            "fix or drop some parameters."
        )
    moments = sample.moments()
    mean, covariance = saturated(moments)
    _check_invertible(structure, sample, covariance[0])
    starts = [] if near is None else [near]
    starts += [first(structure, mean[0], covariance[0]) for first in (start.first_values, start.plain_values)]
    if not moments.complete:
        starts = [_as_if_complete(structure, moments, mean, covariance, values) for values in starts] + starts
    return Fitted(structure, sample, moments, climb(structure, moments, starts, tolerance=TOLERANCE))


def climb(structure: Structure, moments: Moments, guesses: Iterable[np.ndarray], *, tolerance: float) -> Solution:
    """Search from one guess after the other until one leads to a maximum; else return the best that was found.

    Parameters
    ----------
    structure, moments
        The model, and the moments of one sample.
    guesses : iterable of arrays of shape (groups, r)
        Values of the rows to begin at.
    tolerance : float
        Decrement at which a search ends.

    Raises
    ------
    DataError
        If no guess gives the model positive definite covariances.
    """
    best: Solution | None = None
    for values in guesses:
        begun = structure.theta(values)
        if not np.isfinite(Likelihood(structure, moments).state(begun[None]).objective()[0]):
            continue
        found = maximise(structure, moments, begun, tolerance=tolerance)
        if best is None or found.objective[0] < best.objective[0]:
            best = found
        if best.converged[0]:
            break
    if best is None:
        raise DataError(
            "No first guess gives this model positive definite covariances; simplify it or check its items."
        )
    return best


def _as_if_complete(
    structure: Structure, moments: Moments, mean: np.ndarray, covariance: np.ndarray, values: np.ndarray
) -> np.ndarray:
    """Values that fit the saturated model's moments: close to the solution, and found without missing answers."""
    groups = np.arange(structure.groups)
    count = moments.count @ moments.membership.T
    whole = Moments(count, mean, covariance, np.ones(mean.shape[1:], dtype=bool), groups)
    return structure.values(maximise(structure, whole, structure.theta(values), tolerance=1e-6).theta[0])


def saturated_fit(fitted: Fitted, *, at_model: bool = False) -> Fitted:
    """Return the model in which every moment is free, at the sample's moments or at those the model implies."""
    structure, p = fitted.structure, len(fitted.structure.items)
    items = structure.items
    rows = [Row(a, "~~", b) for index, a in enumerate(items) for b in items[index:]]
    free = compile_rows(rows, groups=structure.groups, means=structure.means)
    mean, covariance = fitted.free_moments
    if at_model:
        mean, covariance = fitted.implied.mean[..., :p], fitted.implied.covariance[..., :p, :p]
    return _at(free, fitted, mean[0], covariance[0])


def _at(structure: Structure, fitted: Fitted, mean: np.ndarray, covariance: np.ndarray) -> Fitted:
    i, j = structure.place
    values = np.where(structure.kind == 1, covariance[:, i, j], mean[:, i])
    theta = structure.theta(values)[None]
    objective = Likelihood(structure, fitted.moments).state(theta).objective()
    solution = Solution(theta, objective, np.zeros(1), np.ones(1, dtype=bool), 0)
    return Fitted(structure, fitted.sample, fitted.moments, solution)


def _check_invertible(structure: Structure, sample: Sample, covariance: np.ndarray) -> None:
    for group in range(structure.groups):
        spread = np.sqrt(np.diag(covariance[group]))
        flat = np.flatnonzero(~(spread > 0))
        where = "" if structure.groups == 1 else " in one of the groups"
        if len(flat):
            raise DataError(
                f"The item {structure.items[flat[0]]} has the same answer from everyone{where}; leave it out of "
                "the model."
            )
        sizes, directions = np.linalg.eigh(covariance[group] / np.outer(spread, spread))
        if sizes[0] < 1e-10:
            n = int((sample.group == group).sum())
            if n <= sample.p:
                raise DataError(
                    f"There are {n} respondents{where} for {sample.p} items; the covariances cannot be inverted, so "
                    "more answers or fewer items are needed."
                )
            bound = [structure.items[k] for k in np.flatnonzero(np.abs(directions[:, 0]) > 0.1)]
            raise DataError(
                f"The items {', '.join(bound)} are perfectly collinear{where}: one is a sum of the others; leave "
                "one out."
            )
