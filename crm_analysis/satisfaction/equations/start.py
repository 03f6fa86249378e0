"""Start: where an estimator begins to search, from ratios of covariances that need no iteration."""

from __future__ import annotations

import numpy as np

from crm_analysis.satisfaction.equations.structure import PATH, Structure


def first_values(structure: Structure, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Return first values of all rows.

    A loading is the regression of its item on the first item of its latent, with the other items of the latent as
    instruments (Hägglund 1982, FABIN 2); covariances of latents follow from those of items, paths from a regression
    on them. Fixed rows keep their values.

    Parameters
    ----------
    structure : Structure
        The model.
    mean, covariance : array of shape (groups, p) and (groups, p, p)
        The items' moments, to which the values are adapted.

    Returns
    -------
    array of shape (groups, r)

    References
    ----------
    Hägglund, G. (1982). Factor analysis by instrumental variables methods. Psychometrika 47, 209-222.
    """
    return np.stack([_of_group(structure, g, mean[g], covariance[g]) for g in range(structure.groups)])


def plain_values(structure: Structure, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Return cautious first values: loadings as if each item were the first, no paths, half of each variance noise."""
    values = first_values(structure, mean, covariance)
    at, (i, j) = {name: k for k, name in enumerate(structure.names)}, structure.place
    p = len(structure.items)
    for group in range(structure.groups):
        spread = np.sqrt(np.diag(covariance[group]))
        marker = {row.lhs: at[row.rhs] for row in reversed(structure.rows) if row.op == "=~" and at[row.rhs] < p}
        for index, row in enumerate(structure.rows):
            if not structure.slope[group, index].any():
                continue
            if row.op == "=~" and row.lhs in marker and at[row.rhs] < p:
                values[group, index] = 0.7 * spread[at[row.rhs]] / (0.7 * spread[marker[row.lhs]])
            elif row.op == "~":
                values[group, index] = 0.0
            elif row.op == "~~" and i[index] == j[index]:
                scale = spread[i[index]] if i[index] < p else spread[marker.get(row.lhs, 0)]
                values[group, index] = 0.5 * scale**2
            elif row.op == "~~":
                values[group, index] = 0.0
    return values


def _of_group(structure: Structure, group: int, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    p, t = len(structure.items), len(structure.names)
    at = {name: index for index, name in enumerate(structure.names)}
    free = structure.slope[group].any(axis=1)
    values = structure.offset[group].copy()
    loads = np.zeros((p, t - p))
    for latent in structure.latents:
        own = [k for k, row in enumerate(structure.rows) if row.op == "=~" and row.lhs == latent and at[row.rhs] < p]
        places = np.array([at[structure.rows[k].rhs] for k in own], dtype=int)
        if not own:
            continue
        loads[places, at[latent] - p] = _loadings(covariance[np.ix_(places, places)], values[own], free[own])
        values[own] = np.where(free[own], loads[places, at[latent] - p], values[own])
    between = _latent_covariance(covariance, loads)
    everything = np.zeros((t, t))
    everything[:p, :p] = covariance
    everything[p:, p:] = between
    weight = np.divide(loads, (loads**2).sum(axis=0), out=np.zeros_like(loads), where=loads != 0)
    everything[:p, p:] = covariance @ weight
    for index in range(t - p):
        inside = loads[:, index] != 0
        everything[np.ix_(inside, [p + index])] = between[index, index] * loads[inside][:, [index]]
    everything[p:, :p] = everything[:p, p:].T
    return _regressions(structure, group, values, free, everything, mean)


def _loadings(covariance: np.ndarray, given: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Loadings of one latent's items, relative to the first that is fixed (or the first of all)."""
    count = len(given)
    fixed = np.flatnonzero(~free & (given != 0))
    first = int(fixed[0]) if len(fixed) else 0
    unit = given[first] if len(fixed) else np.sqrt(0.5 * covariance[first, first])
    loads = np.ones(count)
    for item in range(count):
        others = [k for k in range(count) if k not in (first, item)]
        if item == first:
            continue
        if others:
            below = float(covariance[first, others] @ covariance[first, others])
            ratio = float(covariance[item, others] @ covariance[first, others]) / max(below, 1e-12)
        else:
            ratio = np.sign(covariance[first, item]) * np.sqrt(covariance[item, item] / covariance[first, first])
        # Weak instruments give wild ratios.
        widest = 2 * np.sqrt(covariance[item, item] / covariance[first, first])
        loads[item] = np.clip(ratio, -widest, widest)
    return np.where(free, unit * loads, given)


def _latent_covariance(covariance: np.ndarray, loads: np.ndarray) -> np.ndarray:
    """Covariances of latents from those of their items, made positive definite."""
    weight = np.divide(loads, (loads**2).sum(axis=0), out=np.zeros_like(loads), where=loads != 0)
    between = weight.T @ covariance @ weight
    for index in range(loads.shape[1]):
        own = np.flatnonzero(loads[:, index])
        scale = (loads[own, index] ** 2).sum()
        if len(own) > 1:
            cross = covariance[np.ix_(own, own)] * np.outer(loads[own, index], loads[own, index])
            pairs = scale**2 - (loads[own, index] ** 4).sum()
            common = (cross.sum() - np.trace(cross)) / pairs
        else:
            common = between[index, index]
        between[index, index] = np.clip(common, 0.2 * between[index, index], between[index, index])
    scale = np.sqrt(np.clip(np.diag(between), 1e-12, None))
    correlation = np.clip(between / np.outer(scale, scale), -0.9, 0.9)
    np.fill_diagonal(correlation, 1.0)
    sizes, directions = np.linalg.eigh(correlation)
    return (directions * np.clip(sizes, 0.05, None)) @ directions.T * np.outer(scale, scale)


def _regressions(
    structure: Structure, group: int, values: np.ndarray, free: np.ndarray, everything: np.ndarray, mean: np.ndarray
) -> np.ndarray:
    """Paths by regression on the covariances of all variables, then variances of what they leave."""
    p, t = len(structure.items), len(structure.names)
    (i, j), paths = structure.place, structure.kind == PATH
    for target in dict.fromkeys(i[paths & (i >= 0)]):
        regressed = [k for k, row in enumerate(structure.rows) if row.op == "~" and i[k] == target and free[k]]
        if regressed:
            sources = j[regressed]
            within = everything[np.ix_(sources, sources)] + 1e-3 * np.diag(np.diag(everything)[sources])
            values[regressed] = np.linalg.lstsq(within, everything[sources, target], rcond=None)[0]
    matrix = np.zeros((t, t))
    matrix[i[paths], j[paths]] = values[paths]
    rest = np.eye(t) - matrix
    left = rest @ everything @ rest.T
    caused = set(i[paths].tolist())
    for index, row in enumerate(structure.rows):
        if not free[index]:
            continue
        a, b = i[index], j[index]
        if row.op == "~~" and a == b:
            least = 0.1 * everything[a, a] if everything[a, a] > 0 else 0.05
            values[index] = np.clip(left[a, a], least, max(everything[a, a], least))
        elif row.op == "~~":
            values[index] = 0.0 if a in caused or b in caused else everything[a, b]
        elif row.op == "~1":
            values[index] = mean[a] if a < p else 0.0
    return values
