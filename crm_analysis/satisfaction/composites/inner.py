"""Inner: what leads to what: regressions among constructs, on many correlation matrices at once."""

from __future__ import annotations

import numpy as np

from crm_analysis.satisfaction.composites.design import Design
from crm_analysis.satisfaction.composites.outer import solved


def paths(correlations: np.ndarray, design: Design) -> tuple[np.ndarray, np.ndarray]:
    """Regress each construct on its sources.

    Parameters
    ----------
    correlations : array of shape (samples, constructs, constructs)
        Correlations of the constructs.
    design : Design
        Which construct leads to which.

    Returns
    -------
    coefficients : array of shape (samples, constructs, constructs)
        From the row's construct to the column's; 0 where no path leads.
    r2 : array of shape (samples, constructs)
        Explained share of the variance; 0 where no path leads to the construct.
    """
    coefficients = np.zeros_like(correlations)
    r2 = np.zeros(correlations.shape[:2])
    for target, sources in design.targets:
        found = solved(correlations[:, sources[:, None], sources], correlations[:, sources, target])
        coefficients[:, sources, target] = found
        r2[:, target] = (found * correlations[:, sources, target]).sum(axis=1)
    return coefficients, r2


def total_effects(coefficients: np.ndarray) -> np.ndarray:
    """Return the sum of all ways from each construct to each other, (I - B)^-1 - I; the diagonal is 0."""
    identity = np.eye(coefficients.shape[-1])
    return np.linalg.inv(identity - coefficients) - identity


def implied(coefficients: np.ndarray, correlations: np.ndarray, design: Design) -> np.ndarray:
    """Return the correlations of the constructs that the paths imply, those of constructs without sources as they are.

    Parameters
    ----------
    coefficients, correlations : array of shape (constructs, constructs)
        Path coefficients and observed correlations of one sample.
    design : Design
        Which construct leads to which.
    """
    found = np.eye(len(correlations))
    done: list[int] = []
    for node in design.order:
        for other in done:
            if design.causes(node):
                sources = np.flatnonzero(design.adjacency[:, node])
                value = float(coefficients[sources, node] @ found[sources, other])
            elif design.causes(other):
                sources = np.flatnonzero(design.adjacency[:, other])
                value = float(coefficients[sources, other] @ found[sources, node])
            else:
                value = correlations[node, other]
            found[node, other] = found[other, node] = value
        done.append(node)
    return found


def effect_sizes(correlations: np.ndarray, r2: np.ndarray, design: Design) -> dict[tuple[int, int], float]:
    """Return Cohen's f2 of each path, the loss of R2 without its source over the share that stays unexplained.

    Parameters
    ----------
    correlations : array of shape (constructs, constructs)
        Correlations of the constructs in one sample.
    r2 : array of shape (constructs,)
        R2 with all sources.
    design : Design
        Which construct leads to which.

    References
    ----------
    Cohen, J. (1988). Statistical Power Analysis for the Behavioral Sciences, 2nd ed. Erlbaum, chapter 9.
    """
    found = {}
    for target, sources in design.targets:
        for source in sources:
            others = sources[sources != source]
            without = 0.0
            if len(others):
                with_target = correlations[others, target]
                without = float(solved(correlations[np.ix_(others, others)], with_target) @ with_target)
            free = 1 - r2[target]
            found[int(source), target] = (r2[target] - without) / free if free > 0 else float("inf")
    return found


def inflation(correlations: np.ndarray, design: Design) -> dict[tuple[int, int], float]:
    """Return the variance inflation factor of each path's source among the sources of its target."""
    found: dict[tuple[int, int], float] = {}
    for target, sources in design.targets:
        inverse = np.linalg.pinv(correlations[np.ix_(sources, sources)], hermitian=True)
        found |= {(int(source), target): float(inverse[row, row]) for row, source in enumerate(sources)}
    return found
