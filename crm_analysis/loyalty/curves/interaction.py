"""Interaction: does the curve of loyalty over satisfaction have another shape where competition differs?"""

from __future__ import annotations

import numpy as np

from crm_analysis.loyalty.curves.design import BASE, COMPETITION, PERCEPTION, Design

_SHARES = np.linspace(0.2, 0.8, 13)
_DRAWS = 4_999


def p_value(design: Design, outcome: np.ndarray) -> float:
    """Return the p-value of satisfaction's effect being the same at every level of competition.

    Parameters
    ----------
    design : Design
        With competition in it.
    outcome : array of shape (n,)
        Behaviour.

    Returns
    -------
    float
        Missing where competition and satisfaction leave nothing to test.

    Notes
    -----
    Against equal effects stands, for each of thirteen places t, another slope and another bend at t for each measure
    of competition. The statistic is the largest of their robust scores u' V^-1 u given everything else in the design
    (HC3 residuals of the model without competition's interactions), to which the score of a bend at t that all markets
    share is added, so that competition is looked for where the pooled curve bends; that part is held fixed, since it
    says nothing of a difference. The null distribution of the rest is that of normal scores with the same covariance
    (Hansen 1996), by five thousand draws that are always the same. All bends together would spread the power over
    shapes that hardly differ.

    References
    ----------
    Hansen, B. E. (1996). Inference when a nuisance parameter is not identified under the null hypothesis.
    Econometrica 64, 413-430.
    """
    null = design.columns[:, design.block != COMPETITION]
    measures = design.columns[:, (design.block == BASE) & (design.part == "competition")]
    x = design.columns[:, (design.block == BASE) & (design.part == "slope")][:, 0]
    levels = np.unique(x)
    places = np.unique(np.clip(np.quantile(x, _SHARES), levels[1], levels[-2])) if len(levels) > 2 else np.empty(0)
    shapes = np.column_stack([x, np.maximum(x[:, None] - places, 0)])
    apart = (measures[:, :, None] * shapes[:, None, :]).reshape(len(x), -1)
    scores, spread = _scores(*map(design.counted, (null, apart, outcome)))
    if not spread.any():
        return np.nan
    of = np.arange(len(spread)).reshape(measures.shape[1], shapes.shape[1])
    choices = [of[:, [0, place]].ravel() for place in range(1, shapes.shape[1])] or [of.ravel()]
    # Columns that make the scores of one place independent, with variance 1.
    white = np.zeros((len(spread), len(choices), len(choices[0])))
    for place, own in enumerate(choices):
        white[own, place] = _root(np.linalg.pinv(spread[np.ix_(own, own)], rcond=1e-9, hermitian=True))
    shared = np.zeros(1)
    if len(places):
        plain = design.columns[:, ~np.isin(design.block, (PERCEPTION, COMPETITION))]
        common, about = _scores(*map(design.counted, (plain, shapes[:, 1:], outcome)))
        shared = common**2 / np.maximum(np.diag(about), 1e-12)
    generator = np.random.default_rng(0)
    # As for a t: with few customers the covariance is itself a guess.
    freedom = max(len(x) - null.shape[1], 1)
    chance = generator.standard_normal((_DRAWS, len(spread))) @ (_root(spread).T @ white.reshape(len(spread), -1))
    wider = freedom / generator.chisquare(freedom, (_DRAWS, 1))
    drawn = (chance**2).reshape(_DRAWS, len(choices), -1).sum(axis=2) * wider + shared
    seen = ((scores @ white.reshape(len(spread), -1)) ** 2).reshape(len(choices), -1).sum(axis=1) + shared
    return float((1 + (drawn.max(axis=1) >= seen.max()).sum()) / (1 + _DRAWS))


def _scores(null: np.ndarray, more: np.ndarray, outcome: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores of further columns beside those of the null model, and their robust covariance, on a common scale."""
    orthonormal = np.linalg.qr(null)[0]
    length = np.linalg.norm(more, axis=0)
    rest = more - orthonormal @ (orthonormal.T @ more)
    rest[:, np.linalg.norm(rest, axis=0) < 1e-8 * np.maximum(length, 1e-12)] = 0
    rest /= np.maximum(np.linalg.norm(rest, axis=0), 1e-12)
    residual = outcome - orthonormal @ (orthonormal.T @ outcome)
    robust = residual / np.maximum(1 - (orthonormal**2).sum(axis=1), 1e-3)
    return rest.T @ residual, (rest * robust[:, None] ** 2).T @ rest


def _root(covariance: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0)))
