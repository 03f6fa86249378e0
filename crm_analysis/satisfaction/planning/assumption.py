"""Assumption: a model's parameters as they would be in the population, from a fitted model or from rules of thumb."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from crm_analysis.errors import UsageError
from crm_analysis.satisfaction.equations import population, standardised
from crm_analysis.satisfaction.equations.structural import SEMResult
from crm_analysis.satisfaction.equations.structure import Structure, compile_rows
from crm_analysis.satisfaction.specification.specification import Model

Path = tuple[str, str]


@dataclass(frozen=True, eq=False)
class Population:
    """What is taken for true.

    Attributes
    ----------
    structure : Structure
        The model, of one group and without means.
    theta : array of shape (q,)
        Its free parameters.
    covariance : array of shape (p, p)
        Of the items.
    """

    structure: Structure
    theta: np.ndarray
    covariance: np.ndarray

    @property
    def true(self) -> np.ndarray:
        """True values of the structure's rows, shape (r,)."""
        return self.structure.values(self.theta)[0]

    @property
    def standardised(self) -> np.ndarray:
        """The same in standard deviations."""
        return standardised.solution(self.structure, self.true[None, None])[0, 0]


def from_fit(model: Model, fit: SEMResult) -> Population:
    """Take a sound fit for the truth; UsageError if it is of several groups or of another model."""
    if fit.groups:
        raise UsageError("samplesize: the fit has several groups; plan from a fit of all respondents together.")
    structure = compiled(model)
    known = {(row.lhs, row.op, row.rhs): float(row.estimate) for row in fit.parameters.itertuples()}
    lacking = [row for row in structure.rows if (row.lhs, row.op, row.rhs) not in known]
    if lacking:
        raise UsageError(
            f"samplesize: the fit has no parameter {lacking[0].lhs} {lacking[0].op} {lacking[0].rhs}, which the model "
            f"{model.name} has; give the fit of this model."
        )
    values = np.array([[known[row.lhs, row.op, row.rhs] for row in structure.rows]])
    return Population(structure, structure.theta(values), population.covariance_of(structure, values))


def assumed(
    model: Model,
    *,
    paths: Mapping[Path, float],
    path: float,
    loading: float,
    correlation: float,
) -> Population:
    """Make a truth from standardised paths and loadings.

    Parameters
    ----------
    model : Model
        Reflective constructs; a construct with a single item is that item.
    paths : mapping of (source, target) to float
        Standardised coefficients; all others are `path`.
    path, loading, correlation : float
        Of all other paths, of all items (of constructs with several), and between constructs that nothing leads to.

    Raises
    ------
    UsageError
        If a path is not in the model, a number is not between -1 and 1, or the paths that lead to a construct explain
        all of it or more.
    """
    strangers = [pair for pair in paths if pair not in model.paths]
    if strangers:
        source, target = strangers[0]
        raise UsageError(f"samplesize: the model {model.name} has no path {source} -> {target}; leave it out.")
    given = {**{f"path {a} -> {b}": value for (a, b), value in paths.items()}, "path": path, "loading": loading}
    for name, value in {**given, "correlation": correlation}.items():
        if not -1 < value < 1 or (name == "loading" and value <= 0):
            raise UsageError(f"samplesize: the {name} must be a standardised number within -1 and 1, not {value:g}.")
    structure = compiled(model)
    names = model.names
    between = _correlations(model, {pair: paths.get(pair, path) for pair in model.paths}, correlation)
    owner = {item: construct for construct in model.constructs for item in construct.items}
    missing = [item for item in structure.items if item not in owner]
    if missing:
        raise UsageError(f"samplesize: {missing[0]!r} is no item of a construct; give truth, a fit of this model.")
    at = [names.index(owner[item].name) for item in structure.items]
    strength = np.array([1.0 if owner[item].is_single else loading for item in structure.items])
    covariance = between[np.ix_(at, at)] * np.outer(strength, strength)
    np.fill_diagonal(covariance, 1.0)
    solution, _ = population.fit(structure, covariance)
    theta = solution.theta[0]
    return Population(structure, theta, population.covariance_of(structure, structure.values(theta)))


def compiled(model: Model) -> Structure:
    """Return the model's structure; UsageError if it cannot be estimated from covariances."""
    model.identification().require()
    composite = [construct.name for construct in model.constructs if construct.kind == "composite"]
    if composite:
        raise UsageError(
            f"samplesize: the composite {composite[0]!r} cannot be estimated from covariances; make it reflective."
        )
    return compile_rows([row for row in model.rows() if row.op != "~1"])


def _correlations(model: Model, paths: Mapping[Path, float], correlation: float) -> np.ndarray:
    """Correlations of the constructs, each of variance 1, causes first."""
    names = model.names
    found = np.eye(len(names))
    placed: list[int] = []
    for name in model.order:
        own, sources = names.index(name), model.sources(name)
        if not sources:
            first = [other for other in placed if not model.sources(names[other])]
            found[own, first] = found[first, own] = correlation
        else:
            at = [names.index(source) for source in sources]
            slopes = np.array([paths[source, name] for source in sources])
            explained = float(slopes @ found[np.ix_(at, at)] @ slopes)
            if explained >= 1:
                raise UsageError(
                    f"samplesize: the assumed paths explain {100 * explained:.0f} % of {name}, which must stay below "
                    "100; assume weaker ones."
                )
            found[own, placed] = found[placed, own] = slopes @ found[np.ix_(at, placed)]
        placed.append(own)
    return found


def paths_of(model: Model, structure: Structure) -> pd.DataFrame:
    """Return one row per path between constructs: ``source``, ``target``, ``row`` (its place in the structure)."""
    named = {model.variable(name): name for name in model.names}
    rows = [
        {"source": named[row.rhs], "target": named[row.lhs], "row": index}
        for index, row in enumerate(structure.rows)
        if row.op == "~" and row.lhs in named and row.rhs in named
    ]
    return pd.DataFrame(rows, columns=["source", "target", "row"])
