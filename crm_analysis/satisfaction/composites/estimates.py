"""Estimates: all that PLS says of a sample, computed for many samples at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crm_analysis.satisfaction.composites import consistency, inner, outer
from crm_analysis.satisfaction.composites.design import Design


@dataclass(frozen=True, eq=False)
class Settings:
    """How PLS estimates: scheme, metric, consistency, and when its iteration stops (see `pls.estimate`)."""

    scheme: str = "path"
    standardise: bool = True
    consistent: bool = False
    tolerance: float = 1e-12
    iterations: int = 300


@dataclass(frozen=True, eq=False)
class Estimates:
    """PLS estimates of a stack of samples.

    Attributes
    ----------
    weights : array of shape (samples, items)
        Of the items in the metric of the settings; each score has variance 1.
    loadings : array of shape (samples, items)
        Correlations of items with their construct; consistent ones where they were asked for.
    crossloadings : array of shape (samples, items, constructs)
        Correlations of items with scores.
    scores : array of shape (samples, constructs, constructs)
        Correlations of the scores.
    correlations : array of shape (samples, constructs, constructs)
        Correlations that the paths are made from: of the scores, or corrected for unreliability.
    paths : array of shape (samples, constructs, constructs)
        From the row's construct to the column's.
    r2, rho_a : array of shape (samples, constructs)
        Explained share, and reliability of the score.
    htmt : array of shape (samples, pairs)
        Heterotrait-monotrait ratios.
    items : array of shape (samples, items, items)
        Correlations of the items.
    used : array of shape (samples,)
        Iterations; 0 where the weights never stood still.
    """

    weights: np.ndarray
    loadings: np.ndarray
    crossloadings: np.ndarray
    scores: np.ndarray
    correlations: np.ndarray
    paths: np.ndarray
    r2: np.ndarray
    rho_a: np.ndarray
    htmt: np.ndarray
    items: np.ndarray
    used: np.ndarray

    @property
    def total(self) -> np.ndarray:
        """Total effects of constructs on constructs, of shape (samples, constructs, constructs)."""
        return inner.total_effects(self.paths)

    @property
    def usable(self) -> np.ndarray:
        """Samples (True or False) whose weights stood still and whose numbers all exist."""
        complete = np.isfinite(self.paths).all(axis=(1, 2)) & np.isfinite(self.loadings).all(axis=1)
        return complete & np.isfinite(self.htmt).all(axis=1) & (self.used > 0)

    @property
    def admissible(self) -> np.ndarray:
        """Samples (True or False) without a correlation, loading or R2 beyond 1; consistent PLS can give such."""
        matrices = np.where(np.isfinite(self.correlations), self.correlations, 0.0)
        positive = np.linalg.eigvalsh(matrices)[:, 0] > 0
        within = (np.abs(self.loadings) < 1 + 1e-9).all(axis=1) & (self.r2 < 1 + 1e-9).all(axis=1)
        return self.usable & positive & within


def solve(
    covariances: np.ndarray, design: Design, settings: Settings, *, reference: np.ndarray | None = None
) -> Estimates:
    """Estimate the model on each covariance matrix of a stack.

    Parameters
    ----------
    covariances : array of shape (samples, items, items)
        Covariance matrices of the items.
    design : Design
        The model.
    settings : Settings
        How to estimate.
    reference : array of shape (items,), optional
        Loadings of the whole sample. The sign of a construct is free: each is turned so that its loadings agree with
        these; without them, so that they are positive in sum.

    Returns
    -------
    Estimates
        With consistent PLS, correlations of constructs are divided by sqrt(rho_A rho_A'), and loadings are
        sqrt(rho_A) w / (w'w), for the design's corrected constructs.
    """
    spread = np.sqrt(np.maximum(np.einsum("rii->ri", covariances), 0))
    with np.errstate(divide="ignore", invalid="ignore"):
        items = covariances / (spread[:, :, None] * spread[:, None, :])
    metric = items if settings.standardise else np.where(np.isfinite(items), covariances, np.nan)
    found, used = outer.weights(
        metric, design, scheme=settings.scheme, tolerance=settings.tolerance, iterations=settings.iterations
    )
    standard = found if settings.standardise else found * spread
    # An item that hardly varies can be off by rounding; the sign is decided on correlations, in any metric.
    crossed, scores = outer.with_scores(standard, items, design)
    own = np.take_along_axis(crossed, design.block[None, :, None], axis=2)[..., 0]
    turn = np.where((own if reference is None else own * reference) @ design.membership < 0, -1.0, 1.0)
    found, standard, own = (array * turn[:, design.block] for array in (found, standard, own))
    crossed, scores = crossed * turn[:, None, :], scores * turn[:, :, None] * turn[:, None, :]
    rho = consistency.rho_a(items, standard, design)
    loadings, correlations = own, scores
    if settings.consistent:
        loadings, correlations = _consistent(own, scores, standard, rho, design)
    paths, r2 = inner.paths(correlations, design)
    return Estimates(
        found, loadings, crossed, scores, correlations, paths, r2, rho, consistency.htmt(items, design), items, used
    )


def _consistent(
    loadings: np.ndarray, scores: np.ndarray, weights: np.ndarray, rho: np.ndarray, design: Design
) -> tuple[np.ndarray, np.ndarray]:
    """Correct loadings and correlations for the unreliability of the scores (Dijkstra and Henseler 2015)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        root = np.where(design.corrected, np.sqrt(rho), 1.0)
        corrected = weights * (root / ((weights**2) @ design.membership))[:, design.block]
        correlations = scores / (root[:, :, None] * root[:, None, :])
    diagonal = np.arange(len(design.names))
    correlations[:, diagonal, diagonal] = 1.0
    return np.where(design.corrected[design.block], corrected, loadings), correlations
