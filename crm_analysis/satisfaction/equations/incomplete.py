"""Incomplete: how well a model would fit if no answer were missing (Zhang and Savalei).

A misfit weighs less where the answers that would show it are missing, so that RMSEA and CFI by full information flatter
a model. Corrected, they set the model's moments against the saturated model's as if those came from complete answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from crm_analysis.satisfaction.equations.fitting import Fitted, saturated_fit
from crm_analysis.satisfaction.equations.likelihood import Likelihood, implied, objective_of
from crm_analysis.satisfaction.equations.scoring import inverse
from crm_analysis.satisfaction.equations.standardised import derivative
from crm_analysis.satisfaction.equations.structure import COVARIANCE
from crm_analysis.satisfaction.moments import Moments


@dataclass(frozen=True)
class Discrepancy:
    """A chi-square that is too large by a factor where the model holds."""

    chisq: float
    scaling: float


def discrepancy(fitted: Fitted, *, normal: bool, causes: Sequence[str] = ()) -> Discrepancy:
    """Return what the chi-square would be with complete answers, and its factor.

    Parameters
    ----------
    fitted : Fitted
        The model, by full information.
    causes : sequence of str
        Observed causes, whose moments are given and fixed in the model.
    normal : bool
        Take the answers for normal (FIML-C version 6); else allow for others (version 3).

    Returns
    -------
    Discrepancy
        The normal-theory chi-square between the saturated and the model's moments; its factor is tr(C W^-1 U W^-1) / df
        or, where answers are not normal, tr(U W^-1 C W^-1 U G) / df. W is the observed information of the saturated
        moments, C what it would be with complete answers, G = W^-1 J W^-1 with J the mean outer product of the scores,
        and U = W - W D (D'WD)^-1 D'W with D the slopes of the model's moments.

    References
    ----------
    Zhang, X. and Savalei, V. (2023). New computations for RMSEA and CFI following FIML and TS estimation with missing
    data. Psychological Methods 28, 263-283.
    """
    free = saturated_fit(fitted)
    whole = _whole(fitted)
    p = len(fitted.structure.items)
    mean, covariance = fitted.implied.mean[..., :p], fitted.implied.covariance[..., :p, :p]
    gap = objective_of(whole, mean, covariance) - objective_of(whole, *fitted.free_moments)
    weight = free.state.information(observed=True)[0]
    complete = Likelihood(free.structure, whole).state(free.solution.theta).information()[0]
    slopes, scores = _slopes(fitted, free), free.scores()
    # What is given is no parameter, neither of the model nor of the saturated one.
    open_ = _open(free, causes)
    weight, complete, slopes = weight[np.ix_(open_, open_)], complete[np.ix_(open_, open_)], slopes[open_]
    slopes, scores = slopes[:, np.abs(slopes).any(axis=0)], scores[:, open_]
    inner = slopes @ inverse((slopes.T @ weight @ slopes)[None])[0] @ slopes.T
    # With V = W^-1: V U V = V - D (D'WD)^-1 D'.
    spread = inverse(weight[None])[0]
    left = spread - inner
    if normal:
        trace = float((complete * left).sum())
    else:
        middle = weight @ left @ complete @ left @ weight
        gamma = spread @ (scores.T @ scores / fitted.sample.n) @ spread
        trace = float(np.trace(middle @ gamma))
    return Discrepancy(max(0.0, 2 * fitted.sample.n * float(gap[0])), trace / (len(slopes) - slopes.shape[1]))


def _whole(fitted: Fitted) -> Moments:
    """The saturated model's moments as if each respondent had answered everything."""
    moments = fitted.moments
    mean, covariance = fitted.free_moments
    groups = np.arange(fitted.structure.groups)
    return Moments(moments.count @ moments.membership.T, mean, covariance, np.ones(mean.shape[1:], dtype=bool), groups)


def _open(free: Fitted, causes: Sequence[str]) -> np.ndarray:
    """Which parameters of the saturated model are not about the causes alone."""
    rows = free.structure.rows
    alone = [row.lhs in causes and (row.rhs or row.lhs) in causes for row in rows]
    about = np.asarray(free.structure.slope[:, alone].any(axis=(0, 1)))
    return ~about


def _slopes(fitted: Fitted, free: Fitted) -> np.ndarray:
    """Slopes of the saturated model's parameters by those of the model, shape (moments, q)."""
    i, j = free.structure.place
    covary = free.structure.kind == COVARIANCE
    given = fitted.structure

    def moments(values: np.ndarray) -> np.ndarray:
        of = implied(given, values)
        return np.where(covary, of.covariance[..., i, j], of.mean[..., i])

    _, slopes = derivative(given, fitted.solution.theta[0], moments)
    # Rows of the saturated model are its parameters, group by group.
    return np.einsum("grm,grq->mq", free.structure.slope, slopes)
