"""Parameters: the numbers of a PLS model in one long table, and their intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd

from crm_analysis import resampling
from crm_analysis.satisfaction.composites import consistency
from crm_analysis.satisfaction.composites.design import Design
from crm_analysis.satisfaction.composites.estimates import Estimates

INTERVALS = ("percentile", "bca")


def labels(design: Design) -> pd.DataFrame:
    """Return kind, first and second name of each parameter, in the order of `values`.

    Kinds: ``path``, ``indirect``, ``total`` (source, target), ``weight``, ``loading`` (construct, item), ``r2``,
    ``rho_a`` (construct, ""), ``htmt`` (construct, construct).
    """
    names = np.array(design.names, dtype=object)
    owners = names[design.block]
    one, many = _reach(design)
    rows: list[tuple[str, str, str]] = []
    for kind, reached in (("path", design.adjacency), ("indirect", many), ("total", one)):
        rows += [(kind, names[source], names[target]) for source, target in zip(*np.nonzero(reached), strict=True)]
    for kind in ("weight", "loading"):
        rows += [(kind, owner, item) for owner, item in zip(owners, design.items, strict=True)]
    rows += [("r2", design.names[target], "") for target in range(len(names)) if design.causes(target)]
    rows += [("rho_a", name, "") for name in design.names]
    rows += [("htmt", names[first], names[second]) for first, second in zip(*consistency.pairs(design), strict=True)]
    return pd.DataFrame(rows, columns=["kind", "first", "second"])


def values(estimates: Estimates, design: Design) -> np.ndarray:
    """Return the parameters of each sample, an array of shape (samples, parameters); see `labels`."""
    one, many = _reach(design)
    total = estimates.total
    endogenous = [target for target in range(len(design.names)) if design.causes(target)]
    parts = (
        estimates.paths[:, design.adjacency],
        (total - estimates.paths)[:, many],
        total[:, one],
        estimates.weights,
        estimates.loadings,
        estimates.r2[:, endogenous],
        estimates.rho_a,
        estimates.htmt,
    )
    return np.concatenate(parts, axis=1)


def table(
    design: Design,
    estimate: np.ndarray,
    *,
    draws: np.ndarray,
    jackknife: np.ndarray | None = None,
    interval: str = "percentile",
) -> pd.DataFrame:
    """Return the parameters with standard errors and intervals (95 %) from bootstrap draws.

    Parameters
    ----------
    design : Design
        The model.
    estimate : array of shape (parameters,)
        From the whole sample.
    draws : array of shape (resamples, parameters)
        From the resamples; none, and errors and intervals are missing.
    jackknife : array of shape (units, parameters), optional
        Needed for BCa intervals.
    interval : {"percentile", "bca"}
        Kind of interval.

    Returns
    -------
    DataFrame
        kind, first, second, estimate, se, ci_lower, ci_upper.
    """
    if interval == "bca" and jackknife is not None and len(draws) > 1:
        low, high = resampling.bca(draws, estimate, jackknife)
    else:
        low, high = resampling.percentile(draws)
    error = draws.std(axis=0, ddof=1) if len(draws) > 1 else np.full(len(estimate), np.nan)
    return labels(design).assign(estimate=estimate, se=error, ci_lower=low, ci_upper=high)


def _reach(design: Design) -> tuple[np.ndarray, np.ndarray]:
    """Which construct is reached from which: in one step or more, and in two steps or more."""
    steps = design.adjacency.astype(int)
    longer, walk = np.zeros_like(steps), steps
    for _ in design.names:
        walk = walk @ steps
        longer = longer + walk
    return (steps + longer) > 0, longer > 0
