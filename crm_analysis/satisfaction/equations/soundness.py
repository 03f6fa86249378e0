"""Soundness: is a solution admissible? Variances, correlations, identification and the end of the search."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from crm_analysis.satisfaction.equations.fitting import Fitted
from crm_analysis.satisfaction.equations.likelihood import Implied
from crm_analysis.satisfaction.equations.scoring import condition, inverse
from crm_analysis.satisfaction.equations.structure import COVARIANCE, Structure
from crm_analysis.table import listed

BOUNDARY = 1e-4
"""A variance below this share of its variable's whole variance lies on the boundary of what is possible."""

ILL_CONDITIONED = 1e5
"""Condition number of the information, scaled to a unit diagonal, above which parameters cannot be told apart."""

CHECKS = {
    "converged": "the search reached the maximum of the likelihood",
    "variances": "no variance is negative or zero",
    "correlations": "no correlation of constructs is beyond 1",
    "positive_definite": "the covariances of constructs and of errors are possible ones",
    "identified": "the data tell the parameters apart",
}
"""What is looked at, by name."""


@dataclass(frozen=True, eq=False)
class Soundness:
    """Which checks d solutions pass.

    Attributes
    ----------
    passed : dict of bool array
        One array of shape (d,) for each of `CHECKS`.
    conditions : array of shape (d,)
        Condition numbers of the information.
    """

    passed: dict[str, np.ndarray]
    conditions: np.ndarray

    @property
    def sound(self) -> np.ndarray:
        """Whether a solution passes every check, shape (d,)."""
        return np.logical_and.reduce(list(self.passed.values()))


def judge(
    structure: Structure, values: np.ndarray, of: Implied, *, converged: np.ndarray, conditions: np.ndarray
) -> Soundness:
    """Judge d solutions.

    Parameters
    ----------
    structure : Structure
        The model.
    values : array of shape (d, groups, r)
        Values of the rows.
    of : Implied
        What they imply.
    converged : bool array of shape (d,)
        Whether the search ended at a maximum.
    conditions : array of shape (d,)
        Condition numbers of the information.
    """
    i, j = structure.place
    p = len(structure.items)
    whole = np.diagonal(of.covariance, axis1=-2, axis2=-1)
    variances = np.flatnonzero(structure.slope.any(axis=(0, 2)) & (structure.kind == COVARIANCE) & (i == j))
    positive = np.all(values[..., variances] > BOUNDARY * whole[..., i[variances]], axis=(1, 2))
    latent = of.covariance[..., p:, p:]
    spread = np.sqrt(np.where(whole[..., p:] > 0, whole[..., p:], np.nan))
    with np.errstate(invalid="ignore"):
        correlation = latent / spread[..., :, None] / spread[..., None, :]
    known = np.all(np.isfinite(correlation), axis=(1, 2, 3))
    within = known & np.all(np.abs(np.nan_to_num(correlation)) <= 1 + 1e-9, axis=(1, 2, 3))
    noise = _noise(structure, values)
    possible = _least(noise) >= -1e-9
    if p < len(structure.names):
        possible = possible & known & (_least(np.nan_to_num(correlation)) > -1e-9)
    passed: dict[str, np.ndarray] = {
        "converged": converged,
        "variances": positive,
        "correlations": within,
        "positive_definite": possible,
        "identified": conditions < ILL_CONDITIONED,
    }
    return Soundness(passed, conditions)


def judge_fit(fitted: Fitted) -> Soundness:
    """Judge one fitted model."""
    information = fitted.state.information()
    conditions = condition(information, inverse(information))
    return judge(
        fitted.structure,
        fitted.estimates[None],
        fitted.implied,
        converged=fitted.solution.converged,
        conditions=conditions,
    )


def table(fitted: Fitted, soundness: Soundness) -> pd.DataFrame:
    """Return one row per check: ``check``, ``what``, ``passed`` and, where it is not, the ``detail``."""
    details = _details(fitted, soundness)
    rows = [
        {"check": name, "what": what, "passed": bool(soundness.passed[name][0]), "detail": details.get(name, "")}
        for name, what in CHECKS.items()
    ]
    return pd.DataFrame(rows)


def _details(fitted: Fitted, soundness: Soundness) -> dict[str, str]:
    structure, details = fitted.structure, {}
    i, j = structure.place
    failed = {name for name, passed in soundness.passed.items() if not passed[0]}
    if "converged" in failed:
        details["converged"] = "the likelihood still rises: it may have no maximum"
    if "variances" in failed:
        whole = np.diagonal(fitted.implied.covariance[0], axis1=-2, axis2=-1)
        own = (structure.kind == COVARIANCE) & (i == j)
        names = [
            structure.names[i[k]]
            for k in np.flatnonzero(own & (fitted.estimates <= BOUNDARY * whole[:, i]).any(axis=0))
            if structure.slope[:, k].any()
        ]
        details["variances"] = f"not positive: the variance of {listed(names)}"
    if "correlations" in failed:
        details["correlations"] = f"beyond 1: {listed(_beyond(fitted))}"
    if "positive_definite" in failed:
        details["positive_definite"] = "a matrix of covariances has a negative eigenvalue"
    if "identified" in failed:
        worst = listed(list(dict.fromkeys(_blurred(fitted))))
        details["identified"] = f"condition number {soundness.conditions[0]:.2g}; least certain: {worst}"
    return details


def _beyond(fitted: Fitted) -> list[str]:
    structure, p = fitted.structure, len(fitted.structure.items)
    found = []
    for covariance in fitted.implied.covariance[0][:, p:, p:]:
        for a in range(len(structure.latents)):
            for b in range(a):
                if covariance[a, b] ** 2 > covariance[a, a] * covariance[b, b] * (1 + 1e-9):
                    found.append(f"{structure.latents[b]} with {structure.latents[a]}")
    return list(dict.fromkeys(found)) or ["the variance of a construct is negative"]


def _blurred(fitted: Fitted) -> list[str]:
    """The three paths or loadings whose errors most exceed what they would be if all else were known."""
    structure = fitted.structure
    information = fitted.state.information()[0]
    inflation = np.diag(inverse(information[None])[0]) * np.diag(information)
    names = []
    for index in np.argsort(-inflation):
        row = structure.rows[int(np.argmax(np.abs(structure.slope[:, :, index]).max(axis=0)))]
        if row.op in ("~", "=~"):
            names.append(f"{row.rhs} -> {row.lhs}" if row.op == "~" else f"{row.lhs} -> {row.rhs}")
    return names[:3]


def _noise(structure: Structure, values: np.ndarray) -> np.ndarray:
    """Covariances of the errors, scaled to a unit diagonal where it is positive."""
    i, j = structure.place
    t, of = len(structure.names), structure.kind == COVARIANCE
    noise = np.zeros((*values.shape[:-1], t, t))
    noise[..., i[of], j[of]] = noise[..., j[of], i[of]] = values[..., of]
    spread = np.sqrt(np.abs(np.diagonal(noise, axis1=-2, axis2=-1)))
    spread = np.where(spread > 0, spread, 1.0)
    return noise / spread[..., :, None] / spread[..., None, :]


def _least(matrix: np.ndarray) -> np.ndarray:
    """Smallest eigenvalue over groups, shape (d,)."""
    off = matrix.copy()
    diagonal = np.arange(matrix.shape[-1])
    off[..., diagonal, diagonal] = 0
    if not off.any():
        return matrix[..., diagonal, diagonal].min(axis=(1, 2))
    return np.linalg.eigvalsh(matrix)[..., 0].min(axis=1)
