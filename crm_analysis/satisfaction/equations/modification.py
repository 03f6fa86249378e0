"""Modification: what would change if one more parameter were free."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd

from crm_analysis.satisfaction.equations.fitting import Fitted
from crm_analysis.satisfaction.equations.likelihood import Likelihood
from crm_analysis.satisfaction.equations.scoring import inverse
from crm_analysis.satisfaction.equations.standardised import factors
from crm_analysis.satisfaction.equations.structure import Structure
from crm_analysis.satisfaction.syntax import Row

COLUMNS = ("group", "lhs", "op", "rhs", "mi", "pvalue", "epc", "epc_std")


def indices(fitted: Fitted) -> pd.DataFrame:
    """Return the modification indices of a fitted model.

    Parameters
    ----------
    fitted : Fitted
        The model.

    Returns
    -------
    DataFrame
        One row per parameter that the model fixes at zero: a loading, a covariance of errors, a path; the largest
        first. ``mi`` is about the fall in chi-square if it were free (score test with the expected information, 1 df),
        ``epc`` about the value it would take, ``epc_std`` the same standardised. Nothing is said about what a theory
        allows; with many candidates some are large by chance.

    References
    ----------
    Sörbom, D. (1989). Model modification. Psychometrika 54, 371-384.
    """
    from scipy import stats

    structure = fitted.structure
    candidates = _candidates(structure)
    if not candidates:
        return pd.DataFrame(columns=list(COLUMNS))
    wider = _extended(structure, candidates)
    values = np.concatenate([fitted.estimates, np.zeros((structure.groups, len(candidates)))], axis=1)
    theta = np.concatenate([fitted.solution.theta[0], np.zeros(wider.free - structure.free)])
    state = Likelihood(wider, fitted.moments).state(theta[None])
    gradient, information = -state.gradient()[0], state.information()[0]
    q = structure.free
    across = information[q:, :q]
    left = np.diag(information)[q:] - np.einsum("cq,qs,cs->c", across, inverse(information[None, :q, :q])[0], across)
    known = left > 1e-9 * np.diag(information)[q:]
    left = np.where(known, left, np.nan)
    change = gradient[q:] / left
    group = np.repeat(np.arange(structure.groups), len(candidates))
    scale = factors(wider, values)[:, len(structure.rows) :].ravel()
    found = pd.DataFrame(
        {
            "group": group,
            "lhs": [row.lhs for row in candidates] * structure.groups,
            "op": [row.op for row in candidates] * structure.groups,
            "rhs": [row.rhs for row in candidates] * structure.groups,
            "mi": fitted.sample.n * gradient[q:] * change,
            "epc": change,
            "epc_std": change * scale,
        }
    ).dropna(subset=["mi"])
    found.insert(5, "pvalue", stats.chi2.sf(found["mi"], 1))
    return found.sort_values("mi", ascending=False, kind="stable", ignore_index=True)


def _candidates(structure: Structure) -> list[Row]:
    there = {row.key for row in structure.rows}
    measured = {row.rhs for row in structure.rows if row.op == "=~"}
    paths = [row for row in structure.rows if row.op == "~"]
    nodes = list(dict.fromkeys(name for row in paths for name in (row.rhs, row.lhs)))
    linked = {frozenset((row.lhs, row.rhs)) for row in paths}
    found = [Row(latent, "=~", item) for latent in structure.latents for item in structure.items if item in measured]
    found += [Row(a, "~~", b) for a, b in combinations(structure.items, 2)]
    found += [Row(a, "~", b) for b, a in combinations(nodes, 2) if frozenset((a, b)) not in linked]
    found += [Row(b, "~", a) for b, a in combinations(nodes, 2) if frozenset((a, b)) not in linked]
    return [row for row in found if row.key not in there]


def _extended(structure: Structure, candidates: list[Row]) -> Structure:
    """The structure with a free parameter more for each candidate and group, after all others."""
    groups, many, q = structure.groups, len(candidates), structure.free
    offset = np.concatenate([structure.offset, np.zeros((groups, many))], axis=1)
    slope = np.zeros((groups, len(structure.rows) + many, q + groups * many))
    slope[:, : len(structure.rows), :q] = structure.slope
    for group in range(groups):
        slope[group, len(structure.rows) :, q + group * many : q + (group + 1) * many] = np.eye(many)
    rows = structure.rows + tuple(candidates)
    return replace(structure, rows=rows, definitions=(), offset=offset, slope=slope)
