"""PLS: partial least squares path modelling of a satisfaction model (Wold 1982; Lohmöller 1989)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import t as student

from crm_analysis.errors import DataError, UsageError
from crm_analysis.satisfaction.composites import design as designs
from crm_analysis.satisfaction.composites import outer, parameters
from crm_analysis.satisfaction.composites import sample as samples
from crm_analysis.satisfaction.composites.design import Design
from crm_analysis.satisfaction.composites.estimates import Estimates, Settings, solve
from crm_analysis.satisfaction.composites.outcome import PLSResult
from crm_analysis.satisfaction.composites.sample import Sample
from crm_analysis.satisfaction.prediction import PredictionResult, predict

if TYPE_CHECKING:
    from crm_analysis.satisfaction.model import Model

__all__ = ["PLSResult", "PredictionResult", "estimate", "predict"]


def estimate(
    model: Model,
    answers: pd.DataFrame,
    *,
    scheme: str = "path",
    modes: str | Mapping[str, str] | None = None,
    standardise: bool = True,
    consistent: bool = False,
    bootstrap: int = 0,
    seed: int = 0,
    interval: str = "percentile",
    missing: str = "listwise",
    weight: str | Sequence[float] | None = None,
    cluster: str | None = None,
    tolerance: float = 1e-12,
    iterations: int = 300,
) -> PLSResult:
    """Estimate a satisfaction model by PLS path modelling.

    Parameters
    ----------
    model : Model
        Constructs with their items, and the paths between them.
    answers : DataFrame
        One row per respondent, a column per item; NaN is a missing answer.
    scheme : {"path", "centroid", "factorial"}
        How a construct is seen through its neighbours while the weights are found.
    modes : str or dict, optional
        ``"A"`` (weights from correlations) or ``"B"`` (from regressions), for all or by construct. By default A for
        reflective constructs and B for composites.
    standardise : bool
        Whether items are brought to variance 1 first. In the raw metric, items that vary more weigh more. Scores have
        variance 1, and paths and loadings are standardised, either way.
    consistent : bool
        Whether reflective constructs of mode A are corrected for unreliability (PLSc): paths and loadings are then
        those of common factors, not of composites.
    bootstrap : int
        Resamples for intervals. Without any, paths have intervals of the regressions among scores (t distribution),
        which take the weights as known, and everything else has none.
    seed : int
        Of the resamples.
    interval : {"percentile", "bca"}
        Kind of bootstrap interval (95 %). BCa adds a jackknife, of at most 500 groups of respondents.
    missing : {"listwise", "mean"}
        Whether respondents with a missing answer are left out, or the item's mean stands in.
    weight : str or array, optional
        Survey weights: a column or one number per row. The bootstrap keeps each respondent's weight.
    cluster : str, optional
        A column that says which rows come from the same person; the bootstrap then draws persons.
    tolerance, iterations : float, int
        The weights stand still once the sum of their squared changes is below the first; they get at most so many
        iterations.

    Returns
    -------
    PLSResult
        `paths`, `outer`, `r2`, `r2_adjusted`, `effects`, `effect_sizes`, `htmt`, `fit`, `crossloadings`, `scores()`.

    Raises
    ------
    UsageError
        If a parameter or column is not understood.
    DataError
        If the answers cannot be estimated: too few, constant items, items of a mode B construct that determine each
        other, or a model that PLS cannot solve.

    Notes
    -----
    The sign of a construct is free: it is chosen so that its loadings are positive in sum, and in each resample so that
    they agree with those of the whole sample. Resamples that give no estimate are left out and counted.

    References
    ----------
    Wold, H. (1982). Soft modeling. In Jöreskog, K. G., Wold, H. (eds), Systems under Indirect Observation II, 1-54.
    Dijkstra, T. K., Henseler, J. (2015). Consistent partial least squares path modeling. MIS Quarterly 39, 297-316.
    """
    _check(scheme, interval, bootstrap, iterations)
    design = designs.of(model, modes=modes)
    settings = Settings(scheme, standardise, consistent, tolerance, iterations)
    if answers.empty:
        nothing = np.full(len(parameters.labels(design)), np.nan)
        empty = parameters.table(design, nothing, draws=np.empty((0, len(nothing)))).iloc[:0]
        why = "There are no answers to a survey in this study, so no model was estimated."
        return PLSResult(model, design, None, settings, None, empty, np.empty((0, len(nothing))), absent=why)
    model.check(answers)
    sample = samples.take(answers, items=design.items, weight=weight, cluster=cluster, missing=missing)
    _, covariances = sample.moments()
    _check_collinear(covariances[0], design)
    found = solve(covariances, design, settings)
    _check_found(found, design, settings)
    point = parameters.values(found, design)[0]
    reference = found.loadings[0]
    draws, sound = _draw(sample.resampled(resamples=bootstrap, seed=seed), design, settings, reference)
    jackknife = None
    if interval == "bca" and bootstrap:
        jackknife = _draw([sample.jackknifed()], design, settings, reference)[0]
    table = parameters.table(design, point, draws=draws, jackknife=jackknife, interval=interval)
    if not bootstrap and not consistent:
        table = _with_regression_errors(table, found, design, sample)
    return PLSResult(model, design, sample, settings, found, table, draws, bootstrap, seed, interval, sound)


def _draw(
    resampled: Iterable[tuple[np.ndarray, np.ndarray]], design: Design, settings: Settings, reference: np.ndarray
) -> tuple[np.ndarray, int]:
    """Parameters of each resample that gives an estimate, and how many of these are admissible."""
    blocks, sound = [np.empty((0, len(parameters.labels(design))))], 0
    for _, covariances in resampled:
        found = solve(covariances, design, settings, reference=reference)
        values = parameters.values(found, design)
        usable = found.usable & np.isfinite(values).all(axis=1)
        blocks.append(values[usable])
        sound += int(found.admissible[usable].sum())
    return np.concatenate(blocks), sound


def _with_regression_errors(table: pd.DataFrame, found: Estimates, design: Design, sample: Sample) -> pd.DataFrame:
    """Standard errors of least squares on the scores; survey weights count by Kish's effective sample size."""
    n = sample.weights.sum() ** 2 / (sample.weights**2).sum()
    for target, sources in design.targets:
        free = n - len(sources) - 1
        inverse = np.linalg.pinv(found.scores[0][np.ix_(sources, sources)], hermitian=True)
        errors = (
            np.sqrt((1 - found.r2[0, target]) / free * np.diag(inverse)) if free > 0 else np.full(len(sources), np.nan)
        )
        for source, error in zip(sources, errors, strict=True):
            first, second = design.names[source], design.names[target]
            row = (table["kind"] == "path") & (table["first"] == first) & (table["second"] == second)
            half = student.ppf(0.975, free) * error if free > 0 else np.nan
            value = table.loc[row, "estimate"]
            table.loc[row, "se"] = error
            table.loc[row, "ci_lower"], table.loc[row, "ci_upper"] = value - half, value + half
    return table


def _check(scheme: str, interval: str, bootstrap: int, iterations: int) -> None:
    if scheme not in outer.SCHEMES:
        raise UsageError(f"pls: scheme must be {', '.join(outer.SCHEMES[:-1])} or {outer.SCHEMES[-1]}, not {scheme!r}.")
    if interval not in parameters.INTERVALS:
        raise UsageError(f"pls: interval must be percentile or bca, not {interval!r}.")
    if bootstrap < 0 or bootstrap == 1:
        raise UsageError(f"pls: bootstrap must be 0 or at least 2 resamples, not {bootstrap}.")
    if iterations < 1:
        raise UsageError(f"pls: iterations must be at least 1, not {iterations}.")


def _check_collinear(covariance: np.ndarray, design: Design) -> None:
    spread = np.sqrt(np.diag(covariance))
    correlations = covariance / np.outer(spread, spread)
    for construct, mode in enumerate(design.modes):
        items = design.items_of(construct)
        if mode == "B" and len(items) > 1 and np.linalg.eigvalsh(correlations[np.ix_(items, items)])[0] < 1e-8:
            raise DataError(
                f"pls: the items of {design.names[construct]!r} determine each other, so mode B has no one answer; "
                f'leave an item out or use modes={{"{design.names[construct]}": "A"}}.'
            )


def _check_found(found: Estimates, design: Design, settings: Settings) -> None:
    if not found.used[0]:
        raise DataError(
            f"pls: the weights did not stand still within {settings.iterations} iterations; raise iterations or "
            "look for constructs that hardly go together."
        )
    if settings.consistent:
        for construct in np.flatnonzero(design.corrected):
            rho, name = found.rho_a[0, construct], design.names[construct]
            if not rho > 0:
                raise DataError(
                    f"pls: the items of {name!r} do not go together (rho_A = {rho:.2f}), so there is no consistent "
                    "estimate; change its items or use consistent=False."
                )
