"""Refits: a model fitted anew to many resamples at once, what the draws say about each number, and about the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from crm_analysis.satisfaction.equations import start
from crm_analysis.satisfaction.equations.fitting import Fitted
from crm_analysis.satisfaction.equations.likelihood import Likelihood, objective_of
from crm_analysis.satisfaction.equations.scoring import Solution, condition, inverse, maximise
from crm_analysis.satisfaction.equations.soundness import CHECKS, Soundness, judge
from crm_analysis.satisfaction.equations.structure import Structure
from crm_analysis.satisfaction.moments import Moments, saturated

TOLERANCE = 1e-6
"""Decrement at which a refit ends: within a thousandth of a standard error."""

_STEPS = 30
# So many numbers are held at once, eight bytes each.
_AT_ONCE = 20_000_000


@dataclass(frozen=True, eq=False)
class Draws:
    """Refits of a model to d resamples.

    Attributes
    ----------
    estimates : array of shape (d, groups, r)
        Values of the rows.
    errors : array of shape (d, groups, r)
        Their standard errors by the expected information; not a number with missing answers.
    soundness : Soundness
        The verdict on each draw.
    """

    estimates: np.ndarray
    errors: np.ndarray
    soundness: Soundness

    @property
    def converged(self) -> np.ndarray:
        """Draws whose search ended at a maximum, shape (d,)."""
        return self.soundness.passed["converged"]


def bootstrap(fitted: Fitted, *, draws: int, generator: np.random.Generator) -> Draws:
    """Refit a model to resamples of the respondents, drawn with replacement within each group.

    Parameters
    ----------
    fitted : Fitted
        The model; every refit begins at its solution.
    draws : int
        Number of resamples.
    generator : numpy Generator
        The source of chance.
    """
    structure = fitted.structure
    parts = []
    for times in resamples(fitted, draws, generator):
        moments = fitted.sample.moments(times)
        parts.append(judged(structure, moments, _refitted(fitted, moments), n=fitted.sample.n))
    return joined(parts)


def judged(structure: Structure, moments: Moments, solution: Solution, *, n: float | np.ndarray) -> Draws:
    """Return refits with their errors and verdicts.

    Parameters
    ----------
    structure : Structure
        The model.
    moments : Moments
        Of d samples.
    solution : Solution
        Of the same samples.
    n : float or array of shape (d, 1, 1)
        Respondents.
    """
    state = Likelihood(structure, moments).state(solution.theta)
    information = state.information() if moments.complete else None
    inverted = inverse(information) if information is not None else None
    values = structure.values(solution.theta)
    conditions, errors = np.zeros(len(values)), np.full(values.shape, np.nan)
    if information is not None and inverted is not None:
        conditions = condition(information, inverted)
        if structure.plain:
            spread = np.zeros_like(values)
            spread[:, 0, structure.moving] = np.diagonal(inverted, axis1=1, axis2=2)
        else:
            spread = np.stack([((slope @ inverted) * slope).sum(axis=-1) for slope in structure.slope], axis=1)
        errors = np.sqrt(np.clip(spread, 0, None) / n)
    verdict = judge(structure, values, state.implied, converged=solution.converged, conditions=conditions)
    return Draws(values, errors, verdict)


def joined(parts: list[Draws]) -> Draws:
    """Put blocks of draws together."""
    passed = {name: np.concatenate([part.soundness.passed[name] for part in parts]) for name in CHECKS}
    conditions = np.concatenate([part.soundness.conditions for part in parts])
    return Draws(
        np.concatenate([part.estimates for part in parts]),
        np.concatenate([part.errors for part in parts]),
        Soundness(passed, conditions),
    )


def bollen_stine(fitted: Fitted, *, draws: int, generator: np.random.Generator) -> np.ndarray:
    """Return chi-squares of refits to resamples of answers that were turned so that the model holds for them.

    Parameters
    ----------
    fitted : Fitted
        The model, with complete answers.
    draws : int
        Number of resamples.
    generator : numpy Generator
        The source of chance.

    Returns
    -------
    array of shape (d,)
        Chi-squares of the draws that converged. The share at or above the model's own is the p-value.

    References
    ----------
    Bollen, K. A. and Stine, R. A. (1992). Bootstrapping goodness-of-fit measures in structural equation models.
    Sociological Methods & Research 21, 205-229.
    """
    p = len(fitted.structure.items)
    mean, covariance = (part[0] for part in fitted.free_moments)
    target = fitted.implied.covariance[0][:, :p, :p]
    turn = np.stack([_root(new) @ np.linalg.inv(_root(old)) for new, old in zip(target, covariance, strict=True)])
    level = fitted.implied.mean[0][:, :p]
    found = []
    for times in resamples(fitted, draws, generator):
        drawn = fitted.sample.moments(times)
        own = turn[drawn.group]
        centred = np.einsum("bpq,dbq->dbp", own, drawn.mean - mean[drawn.group]) + level[drawn.group]
        turned = Moments(
            drawn.count, centred, own @ drawn.covariance @ own.swapaxes(-1, -2), drawn.observed, drawn.group
        )
        solution = _refitted(fitted, turned)
        chisq = 2 * fitted.sample.n * (solution.objective - objective_of(turned, *saturated(turned)))
        found.append(chisq[solution.converged])
    return np.concatenate(found)


def _refitted(fitted: Fitted, moments: Moments) -> Solution:
    structure = fitted.structure
    information = fitted.state.information()[0]
    mean, covariance = (part[0] for part in fitted.free_moments)
    return search(structure, moments, near=fitted.solution.theta[0], information=information, middle=(mean, covariance))


def search(
    structure: Structure,
    moments: Moments,
    *,
    near: np.ndarray,
    information: np.ndarray,
    middle: tuple[np.ndarray, np.ndarray] | None = None,
    steps: int = _STEPS,
) -> Solution:
    """Look for the solutions of many samples that lie close to one.

    Parameters
    ----------
    structure, moments
        The model, and the moments of d samples.
    near, information : arrays of shape (q,) and (q, q)
        Free parameters to begin at, and the information there.
    middle : tuple of arrays of shape (groups, p) and (groups, p, p), optional
        Means and covariances for a cautious start of samples that are led astray from there; by default the mean of
        these samples' own. It is used with complete answers.
    steps : int
        At most so many.
    """
    found = maximise(structure, moments, near, tolerance=TOLERANCE, steps=steps, information=information)
    lost = np.flatnonzero(~found.converged)
    if len(lost) and moments.complete:
        if middle is None:
            middle = moments.mean[lost].mean(axis=0), moments.covariance[lost].mean(axis=0)
        cautious = structure.theta(start.plain_values(structure, *middle))
        again = maximise(structure, moments[lost], cautious, tolerance=TOLERANCE, steps=steps)
        for index in np.flatnonzero(again.objective < found.objective[lost]):
            for part in ("theta", "objective", "decrement", "converged"):
                getattr(found, part)[lost[index]] = getattr(again, part)[index]
    return found


def resamples(fitted: Fitted, draws: int, generator: np.random.Generator) -> Iterator[np.ndarray]:
    """Draw respondents with replacement within each group, and yield how often each was drawn, shape (block, n)."""
    sample = fitted.sample
    held = max(sample.n, sample.blocks * max(4 * sample.p**2, len(fitted.structure.moving) ** 2))
    step = max(1, min(draws, _AT_ONCE // held))
    members = [np.flatnonzero(sample.group == group) for group in range(fitted.structure.groups)]
    for first in range(0, draws, step):
        some = min(step, draws - first)
        times = np.zeros((some, sample.n))
        for inside in members:
            drawn = generator.integers(0, len(inside), (some, len(inside))) + len(inside) * np.arange(some)[:, None]
            times[:, inside] = np.bincount(drawn.ravel(), minlength=some * len(inside)).reshape(some, -1)
        yield times


def intervals(
    estimate: np.ndarray, drawn: np.ndarray, influence: np.ndarray | None = None, *, level: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """Return bootstrap intervals: percentile, or with the respondents' influence bias-corrected and accelerated.

    Parameters
    ----------
    estimate : array of shape (m,)
        The numbers.
    drawn : array of shape (d, m)
        The same in each draw; what is not a number there is left out.
    influence : array of shape (n, m), optional
        How much each respondent moves each number: a = sum(influence^3) / (6 sum(influence^2)^1.5).
    level : float
        Coverage aimed at.

    Returns
    -------
    low, high : array of shape (m,)
        Not a number with fewer than 100 draws.

    References
    ----------
    Efron, B. (1987). Better bootstrap confidence intervals. JASA 82, 171-185.
    """
    from scipy import stats

    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    ends = np.full((2, len(estimate)), np.nan)
    for index, value in enumerate(estimate):
        known = drawn[np.isfinite(drawn[:, index]), index]
        if len(known) < 100 or not np.isfinite(value):
            continue
        places = tails
        if influence is not None and np.ptp(known) > 0:
            below = (np.sum(known < value) + 0.5 * np.sum(known == value)) / len(known)
            bias = stats.norm.ppf(np.clip(below, 0.5 / len(known), 1 - 0.5 / len(known)))
            squares = (influence[:, index] ** 2).sum()
            skew = (influence[:, index] ** 3).sum() / (6 * squares**1.5) if squares > 0 else 0.0
            points = bias + stats.norm.ppf(tails)
            places = stats.norm.cdf(bias + points / (1 - skew * points))
        ends[:, index] = np.quantile(known, places, method="weibull")
    return ends[0], ends[1]


def influence(fitted: Fitted, slopes: np.ndarray) -> np.ndarray:
    """Return how much each respondent moves numbers whose slopes by parameter are given.

    Parameters
    ----------
    fitted : Fitted
        The model.
    slopes : array of shape (m, q)
        As `standardised.derivative` gives them.

    Returns
    -------
    array of shape (n, m)
        The infinitesimal jackknife: the respondent's score times the inverse observed information.
    """
    return fitted.scores() @ inverse(fitted.state.information(observed=True))[0] @ slopes.T


def by_draw(function: Callable[[np.ndarray], np.ndarray], draws: Draws) -> np.ndarray:
    """Return a function of the rows' values in the draws that converged, shape (draws, m)."""
    found = function(draws.estimates[draws.converged])
    return found.reshape(len(found), -1)


def _root(matrix: np.ndarray) -> np.ndarray:
    """Symmetric square root."""
    sizes, directions = np.linalg.eigh(matrix)
    return (directions * np.sqrt(np.clip(sizes, 0, None))) @ directions.T
