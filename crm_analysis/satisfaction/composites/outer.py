"""Outer: the weights of the items, by Wold's iteration, on many covariance matrices at once."""

from __future__ import annotations

import numpy as np

from crm_analysis.satisfaction.composites.design import Design

SCHEMES = ("path", "centroid", "factorial")


def weights(
    covariances: np.ndarray,
    design: Design,
    *,
    scheme: str = "path",
    tolerance: float = 1e-12,
    iterations: int = 300,
) -> tuple[np.ndarray, np.ndarray]:
    """Iterate outer and inner estimates until the weights stand still.

    Parameters
    ----------
    covariances : array of shape (samples, items, items)
        Covariance or correlation matrices of the items.
    design : Design
        Who belongs to whom.
    scheme : {"path", "centroid", "factorial"}
        How a construct is seen through its neighbours. *centroid*: their sum with the signs of the correlations.
        *factorial*: weighted by the correlations. *path*: sources by their regression coefficients, targets by their
        correlations.
    tolerance : float
        The iteration stops once the sum of squared changes of the weights is below it.
    iterations : int
        At most so many.

    Returns
    -------
    weights : array of shape (samples, items)
        Scaled so that each construct's score has variance 1.
    used : array of shape (samples,)
        Iterations until the weights stood still; 0 where they never did.

    Notes
    -----
    Start: all weights equal. Inner step: z_j = sum_k e_kj y_k over the neighbours k of j, scaled to variance 1. Outer
    step: mode A: w_j = cov(x_j, z_j); mode B: w_j = S_jj^-1 cov(x_j, z_j). Only covariances of items enter, so that the
    respondents are not needed again.

    References
    ----------
    Lohmöller, J.-B. (1989). Latent Variable Path Modeling with Partial Least Squares. Physica, chapter 2.
    Tenenhaus, M., Esposito Vinzi, V., Chatelin, Y.-M., Lauro, C. (2005). PLS path modeling. Computational Statistics &
    Data Analysis 48, 159-205.
    """
    found = np.full(covariances.shape[:2], np.nan)
    used = np.zeros(len(covariances), dtype=int)
    active = np.flatnonzero(np.isfinite(covariances).all(axis=(1, 2)))
    stack = covariances if len(active) == len(covariances) else covariances[active]
    inverses = _inverses(stack, design)
    current = _scaled(np.ones(stack.shape[:2]), stack, design)
    for iteration in range(1, iterations + 1):
        if not len(active):
            break
        # A construct that goes with no neighbour has no weights: they become missing, and the sample is given up.
        with np.errstate(divide="ignore", invalid="ignore"):
            new = _step(current, stack, inverses, design, scheme)
            change = ((np.abs(new) - np.abs(current)) ** 2).sum(axis=1)
        still = change < tolerance
        found[active[still]], used[active[still]] = new[still], iteration
        keep = change >= tolerance
        if not keep.all():
            active, stack = active[keep], stack[keep]
            inverses = {construct: inverse[keep] for construct, inverse in inverses.items()}
        current = new[keep]
    return _scaled(found, covariances, design), used


def with_scores(weights: np.ndarray, covariances: np.ndarray, design: Design) -> tuple[np.ndarray, np.ndarray]:
    """Return the covariances of items with scores (samples, items, constructs) and of scores among each other."""
    crossed = (covariances * weights[:, None, :]) @ design.membership
    return crossed, design.membership.T @ (weights[:, :, None] * crossed)


def solved(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solve a stack of symmetric systems; where one is singular, take the shortest solution."""
    try:
        return np.linalg.solve(left, right[..., None])[..., 0]
    except np.linalg.LinAlgError:
        return (np.linalg.pinv(left, hermitian=True) @ right[..., None])[..., 0]


def _step(
    current: np.ndarray, stack: np.ndarray, inverses: dict[int, np.ndarray], design: Design, scheme: str
) -> np.ndarray:
    crossed, among = with_scores(current, stack, design)
    scale = 1 / np.sqrt(np.einsum("rjj->rj", among))
    crossed = crossed * scale[:, None, :]
    among = among * scale[:, :, None] * scale[:, None, :]
    inner = _inner(among, design, scheme)
    spread = np.sqrt(np.maximum(np.einsum("rkj,rkl,rlj->rj", inner, among, inner, optimize=True), 1e-300))
    inner = inner / spread[:, None, :]
    new = (crossed * inner.transpose(0, 2, 1)[:, design.block, :]).sum(axis=2)
    for construct, inverse in inverses.items():
        items = design.items_of(construct)
        new[:, items] = (inverse @ new[:, items, None])[..., 0]
    return new


def _inner(among: np.ndarray, design: Design, scheme: str) -> np.ndarray:
    """Inner weights e, column by column: how each construct is put together from its neighbours."""
    neighbours = design.adjacency | design.adjacency.T
    if scheme == "centroid":
        return np.sign(among) * neighbours
    if scheme == "factorial":
        return among * neighbours
    inner = among * design.adjacency.T
    for target, sources in design.targets:
        inner[:, sources, target] = solved(among[:, sources[:, None], sources], among[:, sources, target])
    return inner


def _inverses(stack: np.ndarray, design: Design) -> dict[int, np.ndarray]:
    """Inverse covariance matrices of the items of each construct of mode B."""
    found = {}
    for construct, mode in enumerate(design.modes):
        if mode == "B" and design.sizes[construct] > 1:
            items = design.items_of(construct)
            found[construct] = np.linalg.pinv(stack[:, items[:, None], items], hermitian=True)
    return found


def _scaled(raw: np.ndarray, covariances: np.ndarray, design: Design) -> np.ndarray:
    among = with_scores(raw, covariances, design)[1]
    with np.errstate(invalid="ignore", divide="ignore"):
        return raw / np.sqrt(np.einsum("rjj->rj", among))[:, design.block]
