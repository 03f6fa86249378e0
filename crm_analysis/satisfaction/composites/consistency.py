"""Consistency: how well items that belong together measure one thing, on many correlation matrices at once."""

from __future__ import annotations

import numpy as np

from crm_analysis.satisfaction.composites.design import Design


def alpha(correlations: np.ndarray, design: Design) -> np.ndarray:
    """Return Cronbach's alpha of standardised items.

    Parameters
    ----------
    correlations : array of shape (samples, items, items)
        Correlation matrices of the items.
    design : Design
        Which item belongs to which construct.

    Returns
    -------
    array of shape (samples, constructs)
        k / (k - 1) (1 - k / sum of the k x k correlations); 1 for single items.

    References
    ----------
    Cronbach, L. J. (1951). Coefficient alpha and the internal structure of tests. Psychometrika 16, 297-334.
    """
    sizes = design.sizes.astype("float64")
    sums = np.einsum("rjj->rj", design.membership.T @ correlations @ design.membership)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(sizes > 1, sizes / (sizes - 1) * (1 - sizes / sums), 1.0)


def rho_a(correlations: np.ndarray, weights: np.ndarray, design: Design) -> np.ndarray:
    """Return Dijkstra and Henseler's rho_A, the reliability of a PLS score of mode A.

    Parameters
    ----------
    correlations : array of shape (samples, items, items)
        Correlation matrices of the items.
    weights : array of shape (samples, items)
        Weights of the standardised items; each score has variance 1.
    design : Design
        Which item belongs to which construct.

    Returns
    -------
    array of shape (samples, constructs)
        (w'w)^2 w'(S - diag S)w / w'(ww' - diag ww')w; 1 for single items and mode B. It can leave 0-1 in bad samples.

    References
    ----------
    Dijkstra, T. K., Henseler, J. (2015). Consistent partial least squares path modeling. MIS Quarterly 39, 297-316.
    """
    crossed = (correlations * weights[:, None, :]) @ design.membership
    variance = np.einsum("rij,ij->rj", weights[:, :, None] * crossed, design.membership)
    squares, fourths = (weights**2) @ design.membership, (weights**4) @ design.membership
    measurable = (design.sizes > 1) & np.array([mode == "A" for mode in design.modes])
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(measurable, squares**2 * (variance - squares) / (squares**2 - fourths), 1.0)


def rho_c(loadings: np.ndarray, design: Design) -> np.ndarray:
    """Return the composite reliability (sum l)^2 / ((sum l)^2 + sum (1 - l^2)); 1 for single items.

    Parameters
    ----------
    loadings : array of shape (samples, items)
        Standardised loadings.
    design : Design
        Which item belongs to which construct.

    Returns
    -------
    array of shape (samples, constructs)

    References
    ----------
    Werts, C. E., Linn, R. L., Jöreskog, K. G. (1974). Intraclass reliability estimates. Educational and Psychological
    Measurement 34, 25-33.
    """
    together = (loadings @ design.membership) ** 2
    return together / (together + (1 - loadings**2) @ design.membership)


def ave(loadings: np.ndarray, design: Design) -> np.ndarray:
    """Return the average variance extracted, the mean of squared loadings (samples, constructs).

    References
    ----------
    Fornell, C., Larcker, D. F. (1981). Evaluating structural equation models with unobservable variables and
    measurement error. Journal of Marketing Research 18, 39-50.
    """
    return (loadings**2) @ design.membership / design.sizes


def htmt(correlations: np.ndarray, design: Design) -> np.ndarray:
    """Return the heterotrait-monotrait ratio of each pair of constructs.

    Parameters
    ----------
    correlations : array of shape (samples, items, items)
        Correlation matrices of the items.
    design : Design
        Which item belongs to which construct.

    Returns
    -------
    array of shape (samples, pairs)
        In the order of `pairs`. Mean absolute correlation between the two constructs' items, over the geometric mean of
        those within each; the latter is 1 for single items.

    References
    ----------
    Henseler, J., Ringle, C. M., Sarstedt, M. (2015). A new criterion for assessing discriminant validity in
    variance-based structural equation modeling. Journal of the Academy of Marketing Science 43, 115-135.
    """
    sums = design.membership.T @ np.abs(correlations) @ design.membership
    sizes = design.sizes.astype("float64")
    with np.errstate(divide="ignore", invalid="ignore"):
        within = np.where(sizes > 1, (np.einsum("rjj->rj", sums) - sizes) / (sizes * (sizes - 1)), 1.0)
        ratio = sums / np.outer(sizes, sizes) / np.sqrt(within[:, :, None] * within[:, None, :])
    first, second = pairs(design)
    return ratio[:, first, second]


def pairs(design: Design) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the two constructs of each pair, the first one earlier in the model."""
    return np.triu_indices(len(design.names), k=1)
