"""Conditional: a fitted model taken given its observed causes, whose moments are then no parameters of it.

Given them, the rest of the likelihood does not change and the estimates are the same; what changes is the number of
parameters, the log-likelihood (that of the rest given the causes), the model of independence and what errors are about.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from crm_analysis.satisfaction.equations.fitting import Fitted
from crm_analysis.satisfaction.equations.likelihood import Likelihood, objective_of
from crm_analysis.satisfaction.equations.scoring import Solution
from crm_analysis.satisfaction.equations.structure import PATH, Structure, compile_rows
from crm_analysis.satisfaction.moments import Moments
from crm_analysis.satisfaction.syntax import Row


def given_causes(fitted: Fitted) -> Fitted:
    """Return the fitted model with the moments of its observed causes fixed; the same model if it has none."""
    structure = fitted.structure
    moments = np.isin(structure.place[0], _places(structure)) & (structure.kind != PATH)
    held = structure.slope[:, moments].reshape(-1, structure.free)
    if not held.any():
        return fitted
    _, sizes, directions = np.linalg.svd(held)
    rest = directions[int((sizes > 1e-10).sum()) :].T
    fixed = replace(structure, offset=fitted.estimates, slope=structure.slope @ rest)
    solution = replace(fitted.solution, theta=np.zeros((1, fixed.free)))
    return Fitted(fixed, fitted.sample, fitted.moments, solution)


def loglik_of_causes(fitted: Fitted) -> float:
    """Return the log-likelihood of the observed causes at their own moments; 0 without such causes."""
    places = _places(fitted.structure)
    if not len(places):
        return 0.0
    i, j = np.ix_(places, places)
    moments, (mean, covariance) = fitted.moments, fitted.free_moments
    own = Moments(
        moments.count,
        moments.mean[..., places],
        moments.covariance[..., i, j],
        moments.observed[:, places],
        moments.group,
    )
    objective = float(objective_of(own, mean[..., places], covariance[..., i, j])[0])
    return -fitted.sample.n * (objective + 0.5 * len(places) * math.log(2 * math.pi))


def baseline(fitted: Fitted) -> Fitted:
    """Return the model in which items have means and variances, but nothing in common except causes that are given."""
    items, groups = fitted.structure.items, fitted.structure.groups
    places = _places(fitted.structure)
    rows = [Row(name, "~~", name) for name in items]
    rows += [Row(items[a], "~~", items[b]) for k, a in enumerate(places) for b in places[k + 1 :]]
    structure = compile_rows(rows, groups=groups, means=fitted.structure.means)
    moments = fitted.moments
    share = moments.count[:, None, :] * moments.membership
    answered = np.einsum("dgb,bp->dgp", share, moments.observed.astype("float64"))
    mean = np.einsum("dgb,dbp->dgp", share, moments.mean) / answered
    away = np.where(moments.observed, moments.mean - mean[:, moments.group], 0.0)
    about = moments.covariance + away[..., :, None] * away[..., None, :]
    # Given causes are answered by everyone, so that one line's count is right for its pairs, too.
    covariance = np.einsum("dgb,dbpq->dgpq", share, about) / answered[..., None]
    i, j = structure.place
    values = np.where(structure.kind == 1, covariance[0][:, i, j], mean[0][:, i])
    theta = structure.theta(values)[None]
    objective = Likelihood(structure, moments).state(theta).objective()
    return Fitted(structure, fitted.sample, moments, Solution(theta, objective, np.zeros(1), np.ones(1, dtype=bool), 0))


def _places(structure: Structure) -> np.ndarray:
    return np.array([structure.items.index(name) for name in structure.given], dtype=int)
