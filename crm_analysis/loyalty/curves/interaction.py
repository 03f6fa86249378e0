"""Interaction: does the curve of loyalty over satisfaction have another shape where competition differs?"""

from __future__ import annotations

import numpy as np

from crm_analysis.loyalty.curves.design import BASE, COMPETITION, Design

_SHARES = np.linspace(0.2, 0.8, 13)
_DRAWS = 9_999


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
    (HC3 residuals of the model without competition's interactions); its null distribution is that of normal scores
    with the same covariance (Hansen 1996), by ten thousand draws that are always the same. All bends together would
    spread the power over shapes that hardly differ.

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
    scores, spread = _scores(null, (measures[:, :, None] * shapes[:, None, :]).reshape(len(x), -1), outcome)
    if not spread.any():
        return np.nan
    generator = np.random.default_rng(0)
    root = _root(spread)
    drawn = generator.standard_normal((_DRAWS, len(spread))) @ root.T
    # As for a t: with few customers the covariance is itself a guess.
    freedom = max(len(x) - null.shape[1], 1)
    drawn *= np.sqrt(freedom / generator.chisquare(freedom, (_DRAWS, 1)))
    of = np.arange(len(spread)).reshape(measures.shape[1], shapes.shape[1])
    choices = [of[:, [0, place]].ravel() for place in range(1, shapes.shape[1])] or [of.ravel()]
    seen, chance = -np.inf, np.full(_DRAWS, -np.inf)
    for own in choices:
        inverse = np.linalg.pinv(spread[np.ix_(own, own)], rcond=1e-9, hermitian=True)
        seen = max(seen, float(scores[own] @ inverse @ scores[own]))
        chance = np.maximum(chance, np.einsum("ri,ij,rj->r", drawn[:, own], inverse, drawn[:, own], optimize=True))
    return float((1 + (chance >= seen).sum()) / (1 + _DRAWS))


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
