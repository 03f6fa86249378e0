"""Population: covariances that are known instead of sampled: a model fitted to them, and samples drawn from them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from crm_analysis.satisfaction.equations import start
from crm_analysis.satisfaction.equations.fitting import climb
from crm_analysis.satisfaction.equations.likelihood import Likelihood, implied, objective_of
from crm_analysis.satisfaction.equations.refits import Draws, joined, judged, search
from crm_analysis.satisfaction.equations.scoring import Solution, inverse
from crm_analysis.satisfaction.equations.structure import Structure
from crm_analysis.satisfaction.moments import Moments

_EXACT, _STEPS = 1e-14, 40
# So many numbers are held at once, eight bytes each.
_AT_ONCE = 20_000_000


def covariance_of(structure: Structure, values: np.ndarray) -> np.ndarray:
    """Return the covariances of the items, shape (p, p), that rows of the values (groups, r) imply in group 1."""
    p = len(structure.items)
    return implied(structure, values).covariance[0, :p, :p]


def fit(structure: Structure, covariance: np.ndarray, *, near: Sequence[np.ndarray] = ()) -> tuple[Solution, float]:
    """Fit a model of one group to a covariance matrix that is known without error.

    Parameters
    ----------
    structure : Structure
        The model, without means.
    covariance : array of shape (p, p)
        Of the items, in the structure's order.
    near : sequence of arrays of shape (groups, r)
        Values to begin at, before the usual ones.

    Returns
    -------
    solution : Solution
        One draw.
    discrepancy : float
        log|sigma| + tr(S sigma^-1) - log|S| - p at the solution: 0 where the model can give just these covariances.

    Raises
    ------
    DataError
        If no first guess gives the model positive definite covariances.
    """
    moments = _moments(covariance[None], np.array([1e6]))
    mean = np.zeros(len(covariance))
    usual = (start.first_values, start.plain_values)
    guesses = [*near, *(make(structure, mean[None], covariance[None]) for make in usual)]
    best = climb(structure, moments, guesses, tolerance=_EXACT)
    free = objective_of(moments, mean[None, None], covariance[None, None])[0]
    return best, max(0.0, 2 * float(best.objective[0] - free))


def error_per_respondent(structure: Structure, theta: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Return the rows' standard errors with one respondent, shape (r,): with n they are smaller by the root of n.

    Parameters
    ----------
    structure : Structure
        The model, without means.
    theta : array of shape (q,)
        Free parameters.
    covariance : array of shape (p, p)
        Of the items; the information is the expected one, for large samples.
    """
    state = Likelihood(structure, _moments(covariance[None], np.ones(1))).state(theta[None])
    inverted = inverse(state.information())[0]
    return np.sqrt(np.clip(((structure.slope[0] @ inverted) * structure.slope[0]).sum(axis=-1), 0, None))


def wishart(covariance: np.ndarray, n: np.ndarray, *, generator: np.random.Generator) -> np.ndarray:
    """Draw the covariance matrices of samples from a normal population.

    Parameters
    ----------
    covariance : array of shape (p, p)
        Of the population.
    n : int array of shape (d,)
        Respondents of each sample, more than p.
    generator : numpy Generator
        The source of chance.

    Returns
    -------
    array of shape (d, p, p)
        With the divisor n: a Wishart matrix of n - 1 degrees of freedom over n, by Bartlett's decomposition.

    References
    ----------
    Bartlett, M. S. (1933). On the theory of statistical regression. Proceedings of the Royal Society of Edinburgh 53,
    260-283.
    """
    p = len(covariance)
    triangle = np.zeros((len(n), p, p))
    below = np.tril_indices(p, -1)
    triangle[:, below[0], below[1]] = generator.standard_normal((len(n), len(below[0])))
    diagonal = np.arange(p)
    triangle[:, diagonal, diagonal] = np.sqrt(generator.chisquare(np.asarray(n)[:, None] - 1 - diagonal))
    root = np.linalg.cholesky(covariance) @ triangle
    return root @ root.swapaxes(-1, -2) / np.asarray(n, dtype="float64")[:, None, None]


def resampled(values: np.ndarray, n: np.ndarray, *, generator: np.random.Generator) -> np.ndarray:
    """Draw samples from people who stand for a population, and return the covariances of each.

    Parameters
    ----------
    values : array of shape (respondents, p)
        Complete answers.
    n : int array of shape (d,)
        Respondents of each sample, drawn with replacement.
    generator : numpy Generator
        The source of chance.

    Returns
    -------
    array of shape (d, p, p)
        With the divisor n.
    """
    drawn = (values[generator.integers(len(values), size=size)] for size in n)
    return np.stack([np.cov(sample, rowvar=False, ddof=0) for sample in drawn])


def refit(structure: Structure, covariances: np.ndarray, n: np.ndarray, *, near: np.ndarray) -> Draws:
    """Fit a model of one group to many covariance matrices at once.

    Parameters
    ----------
    structure : Structure
        The model, without means.
    covariances : array of shape (d, p, p)
        Of the samples (divisor n).
    n : array of shape (d,)
        Respondents of each.
    near : array of shape (q,)
        Free parameters to begin at, such as the true ones.

    Returns
    -------
    Draws
        Estimates, standard errors by the expected information, verdicts.
    """
    p, q = covariances.shape[-1], structure.free
    step = max(1, _AT_ONCE // max(4 * p**2, q**2, 1))
    parts = [
        _refit(structure, _moments(covariances[k : k + step], n[k : k + step]), near)
        for k in range(0, len(covariances), step)
    ]
    return joined(parts)


def _refit(structure: Structure, moments: Moments, near: np.ndarray) -> Draws:
    information = Likelihood(structure, moments[:1]).state(near[None]).information()[0]
    found = search(structure, moments, near=near, information=information, steps=_STEPS)
    return judged(structure, moments, found, n=moments.count[:, :1, None])


def _moments(covariances: np.ndarray, n: np.ndarray) -> Moments:
    draws, p = covariances.shape[:2]
    return Moments(
        np.asarray(n, dtype="float64")[:, None],
        np.zeros((draws, 1, p)),
        covariances[:, None],
        np.ones((1, p), dtype=bool),
        np.zeros(1, dtype=int),
    )
