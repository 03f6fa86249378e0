"""Second opinion: another program's solution of the same model, to begin from or to set against our own."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator

import numpy as np
import pandas as pd

from crm_analysis.satisfaction.equations.fitting import Fitted, fit
from crm_analysis.satisfaction.equations.structure import MEAN, Structure
from crm_analysis.satisfaction.moments import Sample, saturated

# semopy's own end comes too early by thousandths.
_OPTIONS = {"ftol": 1e-12, "maxiter": 5000}


def fit_from_semopy(structure: Structure, sample: Sample) -> Fitted | None:
    """Fit a structure from where semopy ends; None where that ends nowhere. See `fitting.fit` and `semopy_solution`."""
    mean, covariance = saturated(sample.moments())
    near = semopy_solution(structure, mean[0], covariance[0], n=sample.n)
    return None if near is None else fit(structure, sample, near=near)


def semopy_solution(structure: Structure, mean: np.ndarray, covariance: np.ndarray, *, n: int) -> np.ndarray | None:
    """Return semopy's solution of a model, each group by itself.

    Parameters
    ----------
    structure : Structure
        The model. What semopy does not know is left to who begins here: constraints between labels, equal parameters of
        groups, latents without a fixed loading (it fixes their first).
    mean, covariance : array of shape (groups, p) and (groups, p, p)
        The items' moments.
    n : int
        Number of respondents.

    Returns
    -------
    array of shape (groups, r), or None
        Values of the rows, intercepts at the items' means; None where semopy fails.

    References
    ----------
    Igolkina, A. A. and Meshcheryakov, G. (2020). semopy: a Python package for structural equation modeling. Structural
    Equation Modeling 27, 952-963.
    """
    found = [_of_group(structure, group, covariance[group], n) for group in range(structure.groups)]
    if any(values is None for values in found):
        return None
    values = np.array(found)
    intercepts = np.flatnonzero((structure.kind == MEAN) & (structure.place[0] < len(structure.items)))
    free = structure.slope[:, intercepts].any(axis=2)
    values[:, intercepts] = np.where(free, mean[:, structure.place[0][intercepts]], values[:, intercepts])
    return values


def _of_group(structure: Structure, group: int, covariance: np.ndarray, n: int) -> np.ndarray | None:
    import semopy

    # Plain names: its grammar does not know all that a column may be called.
    names = [f"v{index}" for index in range(len(structure.names))]
    items = names[: len(structure.items)]
    frame = pd.DataFrame(covariance, index=items, columns=items)
    model = semopy.Model("\n".join(_lines(structure, group, names)))
    # semopy writes to the root logger what `Soundness` says better.
    quiet, logging.root.disabled = logging.root.disabled, True
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            model.fit(cov=frame, n_samples=n, options=_OPTIONS)
        except (ValueError, ArithmeticError, np.linalg.LinAlgError):
            return None
        finally:
            logging.root.disabled = quiet
        told = model.inspect(information=None)
    at = {(row["lval"], row["op"], row["rval"]): float(row["Estimate"]) for row in told.to_dict("records")}
    at |= {(right, op, left): value for (left, op, right), value in at.items() if op == "~~"}
    values = structure.offset[group].copy()
    i, j = structure.place
    for index in np.flatnonzero(structure.slope[group].any(axis=1) & (structure.kind != MEAN)):
        op = "~~" if structure.rows[index].op == "~~" else "~"
        values[index] = at.get((names[i[index]], op, names[j[index]]), np.nan)
    return values if np.isfinite(values).all() else None


def _lines(structure: Structure, group: int, names: list[str]) -> Iterator[str]:
    i, j = structure.place
    free = structure.slope[group].any(axis=1)
    for index, row in enumerate(structure.rows):
        if row.op == "~1":
            continue
        left, right = names[i[index]], names[j[index]]
        if row.op == "=~":
            left, right = right, left
        label = row.of(group).label
        before = f"{label.replace('.', '_')}_label*" if label else ""
        if not free[index]:
            before = f"{structure.offset[group, index]:.17g}*"
        yield f"{left} {row.op} {before}{right}"
