"""Scoring: Fisher's method of scoring, for many samples at once.

A step is theta - I^-1 g. The information I changes little from step to step, so it is computed anew only where a
sample does not come nearer fast enough; the gradient, which is cheap, always is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from crm_analysis.satisfaction.equations.likelihood import Likelihood
from crm_analysis.satisfaction.equations.structure import Structure
from crm_analysis.satisfaction.moments import Moments

LEAST, MOST = 1e-6, 1e12
"""Smallest and largest damping."""

PATIENCE = 3
"""After so many steps the observed information takes the place of the expected one: it costs more and turns sooner."""


@dataclass(frozen=True, eq=False)
class Solution:
    """Where the search ended, d samples.

    Attributes
    ----------
    theta : array of shape (d, q)
        Free parameters.
    objective : array of shape (d,)
        Minus the log-likelihood per respondent, without its constant.
    decrement : array of shape (d,)
        g' I^-1 g n: the rise of twice the log-likelihood that a last step still promises; 0 at the optimum.
    converged : bool array of shape (d,)
        Whether the decrement is below the tolerance.
    steps : int
        Steps that were made.
    """

    theta: np.ndarray
    objective: np.ndarray
    decrement: np.ndarray
    converged: np.ndarray
    steps: int


def inverse(information: np.ndarray) -> np.ndarray:
    """Invert information matrices, each scaled to a unit diagonal first; a singular one is bent a little."""
    scale = np.sqrt(np.abs(np.diagonal(information, axis1=-2, axis2=-1)))
    scale = np.where(scale > 0, scale, 1.0)
    unit = information / scale[..., :, None] / scale[..., None, :]
    size = information.shape[-1]
    try:
        inverted = np.linalg.inv(unit)
    except np.linalg.LinAlgError:
        inverted = np.linalg.inv(unit + 1e-8 * np.eye(size))
    return inverted / scale[..., :, None] / scale[..., None, :]


def condition(information: np.ndarray, inverted: np.ndarray) -> np.ndarray:
    """Return the condition number (1-norm) of information matrices scaled to a unit diagonal."""
    scale = np.sqrt(np.abs(np.diagonal(information, axis1=-2, axis2=-1)))
    outer = scale[..., :, None] * scale[..., None, :]
    with np.errstate(divide="ignore", invalid="ignore"):
        first, second = np.abs(information / outer).sum(axis=-2), np.abs(inverted * outer).sum(axis=-2)
    return np.nan_to_num(first.max(axis=-1) * second.max(axis=-1), nan=np.inf)


def maximise(
    structure: Structure,
    moments: Moments,
    start: np.ndarray,
    *,
    tolerance: float = 1e-9,
    steps: int = 300,
    information: np.ndarray | None = None,
) -> Solution:
    """Find the free parameters of highest likelihood.

    Parameters
    ----------
    structure : Structure
        The model.
    moments : Moments
        Of d samples.
    start : array of shape (q,) or (d, q)
        Where to begin.
    tolerance : float
        The search of a sample ends when its decrement falls below: the parameters then lie within the square root of
        it, in standard errors, of the optimum.
    steps : int
        At most so many.
    information : array of shape (q, q), optional
        That at the start, if it is known, such as from the sample that the d were drawn from.
    """
    draws = len(moments.count)
    n = moments.count.sum(axis=1)
    theta = np.array(np.broadcast_to(start, (draws, structure.free)))
    objective, decrement = np.full(draws, np.inf), np.full(draws, np.inf)
    if structure.free == 0:
        objective = Likelihood(structure, moments).state(theta).objective()
        return Solution(theta, objective, np.zeros(draws), np.isfinite(objective), 0)
    search = _Search(structure, moments, theta, information)
    open_ = np.arange(draws)
    while search.made < steps:
        search.step()
        promised = search.decrement * n[open_]
        done = promised < tolerance
        theta[open_], objective[open_], decrement[open_] = search.theta, search.objective, promised
        if done.all():
            break
        if done.any():
            open_ = open_[~done]
            search.keep(~done)
    return Solution(theta, objective, decrement, decrement < tolerance, search.made)


class _Search:
    """The samples that are still on their way.

    Where a step does not pay, the information is damped towards its diagonal (Levenberg and Marquardt), so that the
    next one is shorter and turns to the steepest slope: paths of models close to not being identified need it.
    """

    def __init__(self, structure: Structure, moments: Moments, theta: np.ndarray, information: np.ndarray | None):
        self._structure, self._moments = structure, moments
        self.theta = theta.copy()
        state = Likelihood(structure, moments).state(self.theta)
        self.objective, self._gradient = state.objective(), state.gradient()
        # With a block for each pattern of gaps the information is dear, and the gradient is not; the observed one
        # is dearest, and not worth it for many samples that begin near their end.
        near = information is not None and not moments.complete
        self._slow = 0.3 if near else 0.02
        self._patience = math.inf if near else PATIENCE
        if information is None:
            self._information = state.information()
            self._inverse = inverse(self._information)
        else:
            self._information = np.repeat(information[None], len(theta), axis=0)
            self._inverse = np.repeat(inverse(information[None]), len(theta), axis=0)
        self._damping = np.zeros(len(theta))
        self._growth = np.full(len(theta), 2.0)
        self.made = 0
        self._fresh = np.ones(len(theta), dtype=bool)
        self._toward()

    def _toward(self) -> None:
        self._way = -np.einsum("dqr,dr->dq", self._inverse, self._gradient)
        promise = -np.einsum("dq,dq->d", self._way, self._gradient)
        # A way that leads upwards promises nothing; more damping turns it round.
        self.promise = np.where(promise >= -1e-15, np.abs(promise), np.inf)

    @property
    def decrement(self) -> np.ndarray:
        """What a full step promises; it says nothing while the step is held back."""
        return np.where(self._damping > 0, np.inf, self.promise)

    def step(self) -> None:
        """Try a step in every sample."""
        before = self.promise
        trial = self.theta + np.nan_to_num(self._way)
        state = Likelihood(self._structure, self._moments).state(trial)
        objective = state.objective()
        # Near the optimum the objective changes less than it can be computed to.
        better = (objective <= self.objective + 1e-13 * (1 + np.abs(self.objective))) & np.isfinite(before)
        self.made += 1
        with np.errstate(divide="ignore", invalid="ignore"):
            kept = np.where(before > 1e-10, (self.objective - objective) / (0.5 * before), 1.0)
        self.theta = np.where(better[:, None], trial, self.theta)
        self.objective = np.where(better, objective, self.objective)
        self._gradient = np.where(better[:, None], state.gradient(), self._gradient)
        self._fresh &= ~better
        more = ~better & self._fresh
        raised = np.clip(self._growth * self._damping, LEAST, MOST)
        self._damping = np.where(more, raised, self._damping)
        self._growth = np.where(more, np.minimum(2 * self._growth, MOST), np.where(better, 2.0, self._growth))
        eased = better & (self._damping > 0)
        factor = np.clip(1 - (2 * kept - 1) ** 3, 0.1, 2.0)
        self._damping = np.where(eased, np.where(self._damping > LEAST, factor * self._damping, 0.0), self._damping)
        self._toward()
        stale = better & ~self._fresh & (eased | (self.promise > self._slow * before))
        if stale.any():
            self._information[stale] = state.information(observed=self.made > self._patience, chosen=stale)
            self._fresh |= stale
        turned = stale | more
        if turned.any():
            damped = self._information[turned]
            diagonal = np.arange(damped.shape[-1])
            damped[:, diagonal, diagonal] += self._damping[turned, None] * np.abs(damped[:, diagonal, diagonal])
            self._inverse[turned] = inverse(damped)
        # A step that failed with an old matrix is tried again with one of its own.
        failed = ~better & ~self._fresh
        if failed.any():
            own = Likelihood(self._structure, self._moments[failed]).state(self.theta[failed])
            self._information[failed] = own.information(observed=self.made > self._patience)
            self._inverse[failed] = inverse(self._information[failed])
            self._fresh |= failed
        self._toward()

    def keep(self, chosen: np.ndarray) -> None:
        """Go on with some of the samples."""
        self._moments = self._moments[chosen]
        for name in _BY_SAMPLE:
            setattr(self, name, getattr(self, name)[chosen])


_BY_SAMPLE = (
    "theta",
    "objective",
    "promise",
    "_gradient",
    "_information",
    "_inverse",
    "_damping",
    "_growth",
    "_fresh",
    "_way",
)
