"""Indexing: constructs on a scale from 0 to 100, and effects in its points, for many samples at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real

import numpy as np
import pandas as pd

from crm_analysis.errors import DataError, UsageError
from crm_analysis.satisfaction.composites import inner
from crm_analysis.satisfaction.composites.design import Design
from crm_analysis.satisfaction.composites.estimates import Estimates, solve
from crm_analysis.satisfaction.composites.pathmodel import PathModel
from crm_analysis.satisfaction.composites.sample import Sample, take
from crm_analysis.satisfaction.specification.answers import check_numbers

Scale = tuple[float, float]
WEIGHTS = ("model", "equal")


@dataclass(frozen=True, eq=False)
class Ruler:
    """How answers become points: the lowest code of each item, and the length of its scale."""

    low: np.ndarray
    length: np.ndarray


@dataclass(frozen=True, eq=False)
class Indices:
    """Indices of a stack of samples.

    Attributes
    ----------
    points : array of shape (samples, constructs)
        Index of each construct, 0-100.
    shares : array of shape (samples, items)
        Weight of each item, in points of its own 0-100 scale; they sum to 1 within a construct.
    paths : array of shape (samples, constructs, constructs)
        Points that the column's construct gains for each point of the row's, by the path alone.
    """

    points: np.ndarray
    shares: np.ndarray
    paths: np.ndarray

    @property
    def total(self) -> np.ndarray:
        """Total effects in points per point, of shape (samples, constructs, constructs)."""
        return inner.total_effects(self.paths)


def ruler(sample: Sample, *, scale: Scale, codes: Mapping[str, Scale] | None) -> Ruler:
    """Return the ends of the items' scales.

    Parameters
    ----------
    sample : Sample
        Answers, which must lie within the scales.
    scale : (low, high)
        Codes of the worst and the best answer.
    codes : dict, optional
        Items with other codes: ``{"complained": (0, 1)}``. A survey asks more than one model: those of other items are
        not used.

    Returns
    -------
    Ruler

    Raises
    ------
    UsageError
        If a scale does not rise.
    DataError
        If an answer lies outside its scale.
    """
    given = dict(codes or {})
    for name, pair in (("scale", scale), *((f"codes[{item!r}]", given[item]) for item in given)):
        if isinstance(pair, str) or len(pair) != 2 or not all(isinstance(end, Real) for end in pair):
            raise UsageError(f"index: {name} must be the lowest and the highest code, such as (1, 10), not {pair!r}.")
    ends = np.array([given.get(item, scale) for item in sample.items], dtype="float64")
    for item, (low, high) in zip(sample.items, ends, strict=True):
        if not low < high:
            raise UsageError(f"index: the scale of {item!r} must rise from its lowest to its highest code.")
    lowest, highest = sample.answers.min(axis=0), sample.answers.max(axis=0)
    for number, item in enumerate(sample.items):
        low, high = ends[number]
        if lowest[number] < low or highest[number] > high:
            wrong = lowest[number] if lowest[number] < low else highest[number]
            raise DataError(
                f"index: the item {item!r} has the answer {wrong:g}, outside {low:g} to {high:g}; correct it, or say "
                f'codes={{"{item}": (lowest, highest)}}.'
            )
    return Ruler(ends[:, 0], ends[:, 1] - ends[:, 0])


def answered(fit: PathModel, answers: pd.DataFrame, *, weight: str | None) -> Sample:
    """Return the answers to score: those of the fit if they are the same, weights included, else newly taken."""
    assert fit.sample is not None
    own = fit.sample
    if weight is None and len(answers) == len(own) + own.left_out and answers.index.is_unique:
        there = set(own.items) <= set(answers.columns) and bool(own.index.isin(answers.index).all())
        if there:
            check_numbers(answers, own.items)
            numbers = answers.loc[own.index, list(own.items)].to_numpy("float64", na_value=np.nan)
            if (np.isnan(numbers) | (numbers == own.answers)).all() and np.isnan(numbers).sum() == own.filled:
                return own
    return take(answers, items=own.items, weight=weight, missing=own.missing, caller="index")


def indices(
    found: Estimates,
    design: Design,
    means: np.ndarray,
    covariances: np.ndarray,
    ruler: Ruler,
    *,
    standardised: bool,
    consistent: bool,
    weights: str = "model",
) -> Indices:
    """Put the constructs of each sample on the scale from 0 to 100.

    Parameters
    ----------
    found : Estimates
        What PLS estimated from the samples.
    design : Design
        The model.
    means, covariances : array of shape (samples, items), (samples, items, items)
        Moments of the answers to score.
    ruler : Ruler
        The items' scales.
    standardised, consistent : bool
        The settings of the fit.
    weights : {"model", "equal"}
        Unstandardised PLS weights, or all items of a construct alike.

    Returns
    -------
    Indices
        I = 100 (sum w m - sum w low) / (sum w high - sum w low) with unstandardised weights w and means m. A path of b
        standard deviations is b sd_target / sd_source points per point; in consistent PLS, standard deviations are
        those of the factors, sqrt(rho_A) times those of the scores.

    References
    ----------
    Fornell, C. et al. (1996). The American Customer Satisfaction Index. Journal of Marketing 60(4), 7-18, appendix.
    """
    spread = np.sqrt(np.einsum("rii->ri", covariances))
    raw = found.weights / spread if standardised else found.weights
    parts = np.ones_like(raw) if weights == "equal" else raw * ruler.length
    shares = parts / (parts @ design.membership)[:, design.block]
    points = 100 * (means - ruler.low) / ruler.length
    crossed = (covariances * (100 / ruler.length)[:, None] * (100 / ruler.length)) * shares[:, None, :]
    variance = np.einsum("rij,ij->rj", shares[:, :, None] * (crossed @ design.membership), design.membership)
    deviation = np.sqrt(variance)
    if consistent:
        deviation = deviation * np.where(design.corrected, np.sqrt(np.maximum(found.rho_a, 0)), 1.0)
    paths = found.paths * deviation[:, None, :] / deviation[:, :, None]
    return Indices((points * shares) @ design.membership, shares, paths)


def measure(
    fit: PathModel,
    sample: Sample,
    ruler: Ruler,
    *,
    weights: str = "model",
    bootstrap: int = 0,
    seed: int = 0,
) -> tuple[Indices, Indices]:
    """Return the indices of a sample, and of its bootstrap resamples.

    Where the sample is the fit's own, weights and paths are estimated anew in each resample. Other answers are scored
    with the weights and paths of the fit, and only their means and spreads vary.
    """
    if bootstrap < 0 or bootstrap == 1:
        raise UsageError(f"index: bootstrap must be 0 or at least 2 resamples, not {bootstrap}.")
    assert fit.sample is not None
    assert fit.estimates is not None
    settings, design, reference = fit.settings, fit.design, fit.estimates.loadings[0]

    def points(estimates: Estimates, means: np.ndarray, covariances: np.ndarray) -> Indices:
        options = {"standardised": settings.standardise, "consistent": settings.consistent, "weights": weights}
        return indices(estimates, design, means, covariances, ruler, **options)  # type: ignore[arg-type]

    def rescored(means: np.ndarray) -> Indices:
        values = (100 * (means - ruler.low) / ruler.length * base.shares) @ design.membership
        return Indices(values, np.repeat(base.shares, len(means), 0), np.repeat(base.paths, len(means), 0))

    base = points(fit.estimates, *fit.sample.moments())
    own = sample is fit.sample
    drawn = []
    for means, covariances in sample.resampled(resamples=bootstrap, seed=seed):
        if not own:
            drawn.append(rescored(means))
            continue
        again = solve(covariances, design, settings, reference=reference)
        found, usable = points(again, means, covariances), again.usable
        drawn.append(Indices(found.points[usable], found.shares[usable], found.paths[usable]))
    first = base if own else rescored(sample.moments()[0])
    names = ("points", "shares", "paths")
    return first, Indices(
        *(np.concatenate([getattr(first, name)[:0], *(getattr(x, name) for x in drawn)]) for name in names)
    )
