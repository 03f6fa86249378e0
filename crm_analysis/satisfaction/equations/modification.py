"""Modification: what would change if one more parameter were free."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd

from crm_analysis.satisfaction.equations.conditional import given_causes
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
        One row per parameter that the model fixes, or leaves out and so fixes at zero: a loading, a covariance of
        errors, a path; the largest first. ``mi`` is about the fall in chi-square if it were free (score test with the
        expected information, 1 df), ``epc`` about by how much its value would change, ``epc_std`` the same
        standardised. Nothing is said about what a theory allows; with many candidates some are large by chance.

    References
    ----------
    Sörbom, D. (1989). Model modification. Psychometrika 54, 371-384.
    """
    from scipy import stats

    fitted = given_causes(fitted)
    structure = fitted.structure
    new = _candidates(structure)
    places = [(group, len(structure.rows) + index) for group in range(structure.groups) for index in range(len(new))]
    places += _fixed(structure)
    if not places:
        return pd.DataFrame(columns=list(COLUMNS))
    wider = _extended(structure, new, places)
    values = np.concatenate([fitted.estimates, np.zeros((structure.groups, len(new)))], axis=1)
    theta = np.concatenate([fitted.solution.theta[0], np.zeros(len(places))])
    state = Likelihood(wider, fitted.moments).state(theta[None])
    gradient, information = -state.gradient()[0], state.information()[0]
    q = structure.free
    across = information[q:, :q]
    left = np.diag(information)[q:] - np.einsum("cq,qs,cs->c", across, inverse(information[None, :q, :q])[0], across)
    known = left > 1e-9 * np.diag(information)[q:]
    change = gradient[q:] / np.where(known, left, np.nan)
    group, index = np.array(places).T
    rows = [wider.rows[place] for place in index]
    found = pd.DataFrame(
        {
            "group": group,
            "lhs": [row.lhs for row in rows],
            "op": [row.op for row in rows],
            "rhs": [row.rhs for row in rows],
            "mi": fitted.sample.n * gradient[q:] * change,
            "epc": change,
            "epc_std": change * factors(wider, values)[group, index],
        }
    ).dropna(subset=["mi"])
    found.insert(5, "pvalue", stats.chi2.sf(found["mi"], 1))
    return found.sort_values("mi", ascending=False, kind="stable", ignore_index=True)


def _candidates(structure: Structure) -> list[Row]:
    # A path from a latent to its item is its loading: one place in the matrix, whatever it is called.
    there = {_place(row) for row in structure.rows}
    measured = {row.rhs for row in structure.rows if row.op == "=~"}
    paths = [row for row in structure.rows if row.op == "~"]
    nodes = list(dict.fromkeys(name for row in paths for name in (row.rhs, row.lhs)))
    linked = {frozenset((row.lhs, row.rhs)) for row in paths}
    found = [Row(latent, "=~", item) for latent in structure.latents for item in structure.items if item in measured]
    found += [Row(a, "~~", b) for names in (structure.items, structure.latents) for a, b in combinations(names, 2)]
    found += [Row(a, "~", b) for b, a in combinations(nodes, 2) if frozenset((a, b)) not in linked]
    found += [Row(b, "~", a) for b, a in combinations(nodes, 2) if frozenset((a, b)) not in linked]
    return [row for row in found if _place(row) not in there and not _about_given(row, structure)]


def _fixed(structure: Structure) -> list[tuple[int, int]]:
    """Group and index of the rows that are fixed, apart from means."""
    asked = [row.op != "~1" and not _about_given(row, structure) for row in structure.rows]
    fixed = np.array(asked) & ~structure.slope.any(axis=2)
    return [(int(group), int(index)) for group, index in np.argwhere(fixed)]


def _about_given(row: Row, structure: Structure) -> bool:
    """What is given is not explained, and covaries with no error."""
    return row.lhs in structure.given or (row.op == "~~" and row.rhs in structure.given)


def _place(row: Row) -> tuple[str, str, str]:
    return (row.rhs, "~", row.lhs) if row.op == "=~" else row.key


def _extended(structure: Structure, new: list[Row], places: list[tuple[int, int]]) -> Structure:
    """The structure with new rows and, after all others, a free parameter more for each place (group, row)."""
    groups, many, q = structure.groups, len(structure.rows), structure.free
    offset = np.concatenate([structure.offset, np.zeros((groups, len(new)))], axis=1)
    slope = np.zeros((groups, many + len(new), q + len(places)))
    slope[:, :many, :q] = structure.slope
    for parameter, (group, index) in enumerate(places, start=q):
        slope[group, index, parameter] = 1
    return replace(structure, rows=structure.rows + tuple(new), definitions=(), offset=offset, slope=slope)
