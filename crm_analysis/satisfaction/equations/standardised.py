"""Standardised: what a solution says with every variable in units of its standard deviation, and how effects add up."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from crm_analysis.satisfaction.equations import expression
from crm_analysis.satisfaction.equations.likelihood import implied
from crm_analysis.satisfaction.equations.structure import COVARIANCE, PATH, Structure


def solution(structure: Structure, values: np.ndarray) -> np.ndarray:
    """Return the completely standardised values of the rows.

    Parameters
    ----------
    structure : Structure
        The model.
    values : array of shape (..., groups, r)
        Real or complex.

    Returns
    -------
    array of shape (..., groups, r)
        Loadings and paths times sd(source) / sd(target); variances as a share of the variable's whole variance;
        covariances as correlations of what is left unexplained; intercepts in standard deviations. Not a number where
        a variance is negative.
    """
    return values * factors(structure, values)


def factors(structure: Structure, values: np.ndarray) -> np.ndarray:
    """Return by how much each row's value is multiplied to be standardised, of the same shape."""
    i, j = structure.place
    whole = np.diagonal(implied(structure, values).covariance, axis1=-2, axis2=-1)
    spread = _root(whole)
    own = np.full_like(whole, np.nan)
    variances = np.flatnonzero((structure.kind == COVARIANCE) & (i == j))
    own[..., i[variances]] = values[..., variances]
    rest = _root(own)
    with np.errstate(divide="ignore", invalid="ignore"):
        path = spread[..., j] / spread[..., i]
        covariance = np.where(i == j, 1 / whole[..., i], 1 / (rest[..., i] * rest[..., j]))
        mean = 1 / spread[..., i]
    return np.where(structure.kind == PATH, path, np.where(structure.kind == COVARIANCE, covariance, mean))


def explained(structure: Structure, values: np.ndarray) -> np.ndarray:
    """Return the share of each variable's variance that the model explains, shape (..., groups, variables).

    1 - its own variance / its whole variance; not a number for a variable that nothing leads to.
    """
    i, j = structure.place
    whole = np.diagonal(implied(structure, values).covariance, axis1=-2, axis2=-1)
    own = np.zeros_like(whole)
    variances = np.flatnonzero((structure.kind == COVARIANCE) & (i == j))
    own[..., i[variances]] = values[..., variances]
    led = np.isin(np.arange(len(structure.names)), i[structure.kind == PATH])
    return np.where(led, 1 - own / whole, np.nan)


def derivative(
    structure: Structure, theta: np.ndarray, function: Callable[[np.ndarray], np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Return a function of the rows' values at a solution, and its slopes by a complex step (exact to rounding).

    Parameters
    ----------
    structure : Structure
        The model.
    theta : array of shape (q,)
        The free parameters.
    function : callable
        Takes values of shape (k, groups, r), gives an array of shape (k, ...).

    Returns
    -------
    value : array of shape (...)
    slopes : array of shape (..., q)

    References
    ----------
    Squire, W. and Trapp, G. (1998). Using complex variables to estimate derivatives of real functions. SIAM Review 40,
    110-112.
    """
    step = 1e-30
    moved = function(structure.values(theta + 1j * step * np.eye(len(theta))))
    value = function(structure.values(theta[None]))[0]
    return value, np.moveaxis(moved.imag / step, 0, -1)


class Effects:
    """Effects that follow from the paths: those the model defines, and total and indirect ones.

    Parameters
    ----------
    structure : Structure
        The model.
    """

    def __init__(self, structure: Structure):
        self._structure = structure
        paths = [row for row in structure.rows if row.op == "~"]
        nodes = list(dict.fromkeys(name for row in paths for name in (row.rhs, row.lhs)))
        at = {name: index for index, name in enumerate(nodes)}
        direct = np.zeros((len(nodes), len(nodes)), dtype=bool)
        for row in paths:
            direct[at[row.lhs], at[row.rhs]] = True
        reached = direct.copy()
        for _ in nodes:
            reached |= (reached.astype(int) @ direct.astype(int)) > 0
        round_about = (reached.astype(int) @ direct.astype(int)) > 0
        self._place = {name: index for index, name in enumerate(structure.names)}
        kinds = [("total", reached), ("indirect", round_about)]
        self._pairs = [
            (kind, source, target)
            for kind, there in kinds
            for source in nodes
            for target in nodes
            if source != target and there[at[target], at[source]]
        ]

    def __len__(self) -> int:
        return len(self._structure.definitions) + len(self._pairs)

    @property
    def own(self) -> np.ndarray:
        """Which effects are not those of the group before, too, shape (groups, effects): a definition holds for all."""
        own = np.ones((self._structure.groups, len(self)), dtype=bool)
        own[1:, : len(self._structure.definitions)] = False
        return own

    def frame(self) -> pd.DataFrame:
        """One row per effect: ``effect`` (defined, total, indirect), ``name``, ``source``, ``target``."""
        rows = [("defined", row.lhs, "", "") for row in self._structure.definitions]
        rows += [(kind, f"{source} -> {target}", source, target) for kind, source, target in self._pairs]
        return pd.DataFrame(rows, columns=["effect", "name", "source", "target"])

    def raw(self, values: np.ndarray) -> np.ndarray:
        """Return the effects, shape (..., groups, effects), for values of shape (..., groups, r)."""
        return self._of(values, implied(self._structure, values).total)

    def standardised(self, values: np.ndarray) -> np.ndarray:
        """The same in standard deviations."""
        of = implied(self._structure, values)
        spread = _root(np.diagonal(of.covariance, axis1=-2, axis2=-1))
        with np.errstate(divide="ignore", invalid="ignore"):
            total = of.total * spread[..., None, :] / spread[..., :, None]
        return self._of(solution(self._structure, values), total)

    def _of(self, values: np.ndarray, total: np.ndarray) -> np.ndarray:
        found = np.empty((*values.shape[:-1], len(self)), dtype=values.dtype)
        structure = self._structure
        known = structure.labelled(values)
        for index, row in enumerate(structure.definitions):
            known[row.lhs] = expression.value(row.rhs, known)
            found[..., index] = np.asarray(known[row.lhs])[..., None]
        direct = {(row.rhs, row.lhs): index for index, row in enumerate(structure.rows) if row.op == "~"}
        for index, (kind, source, target) in enumerate(self._pairs, start=len(structure.definitions)):
            whole = total[..., self._place[target], self._place[source]]
            along = values[..., direct[source, target]] if kind == "indirect" and (source, target) in direct else 0.0
            found[..., index] = whole - along
        return found


def _root(variance: np.ndarray) -> np.ndarray:
    """Square root; not a number where a variance is not positive, also if it is complex."""
    with np.errstate(invalid="ignore"):
        return np.sqrt(np.where(variance.real > 0, variance, np.nan))
