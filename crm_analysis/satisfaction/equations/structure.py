"""Structure: which place of which matrix each row of a structural model fills, and which numbers are free.

A model's variables, items first and then latents, obey v = a + A v + e with cov(e) = S (the reticular action model of
McArdle and McDonald 1984): A holds loadings and paths, S variances and covariances, a intercepts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from crm_analysis.errors import UsageError
from crm_analysis.satisfaction.equations import expression
from crm_analysis.satisfaction.syntax import Row

PATH, COVARIANCE, MEAN = 0, 1, 2
_KINDS = {"=~": PATH, "~": PATH, "~~": COVARIANCE, "~1": MEAN}


@dataclass(frozen=True, eq=False)
class Structure:
    """A model's rows as places in matrices, the same in each group, and their values as a linear map of what is free.

    Attributes
    ----------
    items, latents : tuple of str
        Observed and latent variables; together, in this order, the `names` of the p + m variables.
    rows : tuple of Row
        The r rows that fill a place.
    definitions : tuple of Row
        Rows with ``:=``.
    groups : int
        Number of groups.
    offset : array of shape (groups, r)
        Values of the rows where nothing is free.
    slope : array of shape (groups, r, q)
        Values are ``offset + slope @ theta``, with theta the q free parameters: a row of zeros is fixed, two equal
        rows are one parameter.
    labels : dict
        Label -> group and index of a row that bears it.
    """

    items: tuple[str, ...]
    latents: tuple[str, ...]
    rows: tuple[Row, ...]
    definitions: tuple[Row, ...]
    groups: int
    offset: np.ndarray
    slope: np.ndarray
    labels: dict[str, tuple[int, int]]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Items, then latents."""
        return self.items + self.latents

    @cached_property
    def kind(self) -> np.ndarray:
        """Matrix that each row belongs to: `PATH`, `COVARIANCE` or `MEAN`."""
        return np.array([_KINDS[row.op] for row in self.rows])

    @cached_property
    def place(self) -> tuple[np.ndarray, np.ndarray]:
        """Line and column of each row in its matrix: a path from source j to target i stands at (i, j)."""
        at = {name: index for index, name in enumerate(self.names)}
        ends = [(row.rhs, row.lhs) if row.op == "=~" else (row.lhs, row.rhs or row.lhs) for row in self.rows]
        return np.array([at[first] for first, _ in ends]), np.array([at[second] for _, second in ends])

    @cached_property
    def moving(self) -> np.ndarray:
        """Indices of the rows that are free in some group."""
        return np.flatnonzero((self.slope != 0).any(axis=(0, 2)))

    @cached_property
    def plain(self) -> bool:
        """Whether each free row is a parameter of its own, in the order of theta: then no map is needed."""
        inner = self.slope[:, self.moving]
        return self.groups == 1 and inner.shape[1] == inner.shape[2] and bool((inner[0] == np.eye(len(inner[0]))).all())

    @cached_property
    def means(self) -> bool:
        """Whether the model has intercepts; without them the items' means are left free."""
        return bool((self.kind == MEAN).any())

    @cached_property
    def given(self) -> tuple[str, ...]:
        """Observed causes whose moments the model takes as they are; see `given`."""
        return given(self.rows)

    def labelled(self, values: np.ndarray) -> dict[str, np.ndarray]:
        """Return the value of each label, shape (...), for values of shape (..., groups, r)."""
        return {label: values[..., group, index] for label, (group, index) in self.labels.items()}

    @property
    def free(self) -> int:
        """Number of free parameters."""
        return self.slope.shape[2]

    def values(self, theta: np.ndarray) -> np.ndarray:
        """Return the values of all rows, shape (..., groups, r), for free parameters of shape (..., q)."""
        return self.offset + np.einsum("grq,...q->...gr", self.slope, theta)

    def theta(self, values: np.ndarray) -> np.ndarray:
        """Return the free parameters, shape (q,), whose values come nearest to those given, shape (groups, r)."""
        design = self.slope.reshape(-1, self.free)
        return np.linalg.lstsq(design, (values - self.offset).ravel(), rcond=None)[0]


def compile_rows(
    rows: Sequence[Row],
    *,
    groups: int = 1,
    means: bool = False,
    equal: Callable[[Row], bool] = lambda row: False,
    shifted: bool = False,
) -> Structure:
    """Turn a model's rows, defaults included, into a `Structure`.

    Parameters
    ----------
    rows : sequence of Row
        As `Model.rows` gives them.
    groups : int
        Number of groups. A label is one parameter in all of them, as in lavaan.
    means : bool
        Add a free intercept for each item that has none. Latents have mean 0.
    equal : function of Row
        Whether a row is one parameter over all groups.
    shifted : bool
        Free the means of the latents in every group but the first, which equal intercepts ask for.

    Raises
    ------
    UsageError
        If two rows fill the same place, a label is fixed at two values, or a constraint is not linear.
    """
    standing = [row for row in rows if row.op in _KINDS]
    latents = tuple(dict.fromkeys(row.lhs for row in standing if row.op == "=~"))
    items = items_of(standing)
    if means or any(row.op == "~1" for row in standing):
        told = {row.lhs for row in standing if row.op == "~1"}
        standing += [Row(name, "~1", "", assumed=True) for name in items if name not in told]
        standing += [Row(name, "~1", "", value=0.0, assumed=True) for name in latents if name not in told]
    _check_places(standing)
    _check_groups(standing, groups)
    # Of a construct that is measured by constructs only, the mean cannot be told from theirs.
    observing = {row.lhs for row in standing if row.op == "=~" and row.rhs in items}
    causes = given(standing)

    def is_free(row: Row, group: int) -> bool:
        moved = shifted and group > 0 and row.op == "~1" and row.lhs in observing
        return moved or row.value is None

    def is_equal(row: Row) -> bool:
        return equal(row) and not (row.op != "~" and row.lhs in causes)

    parameters: dict[tuple, int] = {}
    offset = np.zeros((groups, len(standing)))
    owner = np.full((groups, len(standing)), -1)
    for group in range(groups):
        own = [row.of(group) for row in standing]
        fixed = {row.label: row.value for row in own if row.label and row.value is not None}
        for index, row in enumerate(own):
            if not is_free(row, group):
                offset[group, index] = row.value
            elif row.label in fixed:
                offset[group, index] = fixed[row.label]
            else:
                name = ("label", row.label) if row.label else ("row", index, 0 if is_equal(row) else group)
                owner[group, index] = parameters.setdefault(name, len(parameters))
    slope = np.zeros((groups, len(standing), len(parameters)))
    at = np.nonzero(owner >= 0)
    slope[(*at, owner[at])] = 1
    bearing = [(row.of(group).label, (group, index)) for group in range(groups) for index, row in enumerate(standing)]
    labels = {label: at for label, at in reversed(bearing) if label}
    structure = Structure(
        items,
        latents,
        tuple(standing),
        tuple(row for row in rows if row.op == ":="),
        groups,
        offset,
        slope,
        labels,
    )
    constraints = [row for row in rows if row.op == "=="]
    return _constrained(structure, constraints) if constraints else structure


def given(rows: Sequence[Row]) -> tuple[str, ...]:
    """Return the observed causes whose variances, covariances and means are no parameters (lavaan's ``fixed.x``).

    They are those of the answers, whatever the model: what it says is about the rest, given them.

    Parameters
    ----------
    rows : sequence of Row
        All parameters, defaults included.

    Returns
    -------
    tuple of str
        Items that paths leave from and nothing leads to; none if the author says anything of the variance, covariance
        or mean of one of them, or they covary with constructs.
    """
    latents = {row.lhs for row in rows if row.op == "=~"}
    caused = {row.lhs for row in rows if row.op == "~"} | {row.rhs for row in rows if row.op == "=~"}
    causes = dict.fromkeys(
        row.rhs for row in rows if row.op == "~" and row.rhs not in latents and row.rhs not in caused
    )
    for row in rows:
        ends = {row.lhs, row.rhs or row.lhs}
        if row.op in ("~~", "~1") and ends & set(causes):
            apart = row.value == 0 and not ends <= set(causes)
            if not (row.assumed and (apart or ends <= set(causes))):
                return ()
    return tuple(causes)


def items_of(rows: Sequence[Row]) -> tuple[str, ...]:
    """Return the observed variables of a model: items of latents in its order, then those that only paths name."""
    standing = [row for row in rows if row.op in _KINDS]
    latents = {row.lhs for row in standing if row.op == "=~"}
    measured = dict.fromkeys(row.rhs for row in standing if row.op == "=~")
    mentioned = dict.fromkeys(name for row in standing for name in (row.rhs, row.lhs) if name)
    return tuple(name for name in measured | mentioned if name not in latents)


def _check_places(rows: Sequence[Row]) -> None:
    seen = set()
    for row in rows:
        if row.key in seen:
            raise UsageError(f"The parameter {row.lhs} {row.op} {row.rhs} is in the model twice; keep one.")
        seen.add(row.key)


def _check_groups(rows: Sequence[Row], groups: int) -> None:
    for row in rows:
        if row.by_group and len(row.by_group) != groups:
            raise UsageError(
                f"The row '{row}' speaks of {len(row.by_group)} groups, but there are {groups}; give c() one part for "
                "each group, in the order in which the answers name them, and the column of the groups with group=."
            )


def _constrained(structure: Structure, constraints: Sequence[Row]) -> Structure:
    """Leave free only what linear equations between labels leave free."""
    lines, levels = [], []
    for row in constraints:

        def gap(theta: np.ndarray, row: Row = row) -> np.ndarray:
            known = structure.labelled(structure.values(theta))
            return expression.value(row.lhs, known) - expression.value(row.rhs, known)

        # A straight plane through these points must hold at two points off the axes, too.
        away = np.linspace(1.0, 2.0, structure.free)
        probes = np.stack([np.zeros(structure.free), *np.eye(structure.free), away, -3 * away])
        at = gap(probes) + np.zeros(len(probes))
        rises = at[1:-2] - at[0]
        if not np.allclose(at[-2:] - at[0], [rises @ away, -3 * (rises @ away)], atol=1e-9):
            raise UsageError(
                f"The constraint '{row}' is not linear in its labels; only sums and multiples can be used."
            )
        lines.append(rises)
        levels.append(-at[0])
    matrix, level = np.array(lines), np.array(levels)
    start, *_ = np.linalg.lstsq(matrix, level, rcond=None)
    if not np.allclose(matrix @ start, level, atol=1e-9):
        raise UsageError("The constraints of the model contradict each other; take one out.")
    _, sizes, directions = np.linalg.svd(matrix)
    rank = int((sizes > 1e-10 * sizes.max(initial=1)).sum())
    return replace(
        structure,
        offset=structure.values(start),
        slope=structure.slope @ directions[rank:].T,
    )
