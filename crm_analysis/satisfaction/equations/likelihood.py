"""Likelihood: what a model says about moments, how well it fits them, and how that changes with each parameter.

A free row k moves the implied covariances by u_k v_k' + v_k u_k', where u_k and v_k are columns of two small matrices.
So every derivative is a product of entries picked from one matrix of order 2 (p + m): that is what makes the
refitting of many samples at once cheap.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from crm_analysis.satisfaction.equations.blocks import Expected, expected
from crm_analysis.satisfaction.equations.curvature import forgone
from crm_analysis.satisfaction.equations.structure import COVARIANCE, MEAN, PATH, Structure
from crm_analysis.satisfaction.moments import Moments, invert


@dataclass(frozen=True, eq=False)
class Implied:
    """What a model implies; t = p + m variables, leading axes (..., groups).

    Attributes
    ----------
    total : array of shape (..., t, t)
        (I - A)^-1: what each variable passes on to each other, itself included.
    covariance : array of shape (..., t, t)
        Of items and latents.
    mean : array of shape (..., t)
        Of items and latents.
    """

    total: np.ndarray
    covariance: np.ndarray
    mean: np.ndarray


def implied(structure: Structure, values: np.ndarray) -> Implied:
    """Return what the rows' values, shape (..., groups, r), real or complex, imply."""
    t = len(structure.names)
    i, j = structure.place
    paths, noise = np.zeros((2, *values.shape[:-1], t, t), values.dtype)
    constant = np.zeros((*values.shape[:-1], t), values.dtype)
    of = structure.kind == PATH
    paths[..., i[of], j[of]] = values[..., of]
    of = structure.kind == COVARIANCE
    noise[..., i[of], j[of]] = noise[..., j[of], i[of]] = values[..., of]
    of = structure.kind == MEAN
    constant[..., i[of]] = values[..., of]
    total = np.linalg.inv(np.eye(t) - paths)
    covariance = total @ noise @ total.swapaxes(-1, -2)
    return Implied(total, covariance, (total @ constant[..., None])[..., 0])


class Likelihood:
    """The normal likelihood of a structure given moments.

    Everything is per respondent, with d draws (the draws of `moments`) at once: `objective` is minus the
    log-likelihood without its constant, `gradient` its slope, `information` the curvature.

    Parameters
    ----------
    structure : Structure
        The model.
    moments : Moments
        Of items in the order of ``structure.items``.

    References
    ----------
    Bollen, K. A. (1989). Structural Equations with Latent Variables. Wiley, chapter 4 and appendix 4B.
    """

    def __init__(self, structure: Structure, moments: Moments):
        self.structure, self.moments = structure, moments
        self.p, t = len(structure.items), len(structure.names)
        moving = structure.moving
        kind, (i, j) = structure.kind[moving], structure.place
        # Columns of [total | covariance] that a row's two vectors are, and what stands before their product.
        self._u = i[moving]
        self._v = np.where(kind == PATH, t + j[moving], j[moving])
        self._half = np.where(kind == MEAN, 0.0, np.where((kind == COVARIANCE) & (self._u == self._v), 0.5, 1.0))
        self._source, self._path, self._constant = j[moving], kind == PATH, kind == MEAN
        self._slope = structure.slope[:, moving]

    def state(self, theta: np.ndarray) -> State:
        """Evaluate at free parameters of shape (d, q)."""
        return State(self, theta)

    def level(self, mean: np.ndarray) -> np.ndarray:
        """How much a row's source raises its target's mean, shape (..., groups, free rows)."""
        return np.where(self._path, mean[..., self._source], self._constant.astype("float64"))

    def columns(self, of: Implied) -> np.ndarray:
        """The items' lines of [total | covariance], shape (..., groups, p, 2 t)."""
        return np.concatenate([of.total[..., : self.p, :], of.covariance[..., : self.p, :]], axis=-1)

    def collect(self, by_row: np.ndarray) -> np.ndarray:
        """Turn slopes by row, shape (d, groups, rows), into slopes by free parameter."""
        if self.structure.plain:
            return by_row[:, 0]
        return np.sum([by_row[:, group] @ slope for group, slope in enumerate(self._slope)], axis=0)

    def collect_square(self, by_row: np.ndarray) -> np.ndarray:
        """Turn curvatures by row, shape (d, groups, rows, rows), into curvatures by free parameter."""
        if self.structure.plain:
            return by_row[:, 0]
        return np.sum([slope.T @ by_row[:, group] @ slope for group, slope in enumerate(self._slope)], axis=0)

    def slopes(self, of: Implied, pull: np.ndarray, lift: np.ndarray) -> np.ndarray:
        """Return the slopes by row of tr(pull sigma) / 2 + lift' mu, with pull (..., p, p) and lift (..., p) fixed."""
        columns = self.columns(of)
        left = pull @ columns
        u, v = columns[..., self._u], left[..., self._v]
        slope = self._half * (u * v).sum(axis=-2)
        if self.structure.means:
            slope = slope + self.level(of.mean) * (u * lift[..., :, None]).sum(axis=-2)
        return slope


class State:
    """A `Likelihood` evaluated at free parameters of shape (d, q); what is asked for is computed."""

    def __init__(self, likelihood: Likelihood, theta: np.ndarray):
        self.likelihood, self.theta = likelihood, theta
        structure, p = likelihood.structure, likelihood.p
        self.implied = implied(structure, structure.values(theta))
        everything = np.ones((structure.groups, p), dtype=bool)
        self.precision, self._logarithm = invert(self.implied.covariance[..., :p, :p], everything)

    def of(self, chosen: np.ndarray | slice) -> State:
        """The same for some of the draws."""
        some, implied = State.__new__(State), self.implied
        some.likelihood = Likelihood(self.likelihood.structure, self.likelihood.moments[chosen])
        some.implied = Implied(implied.total[chosen], implied.covariance[chosen], implied.mean[chosen])
        some.theta, some.precision, some._logarithm = (
            self.theta[chosen],
            self.precision[chosen],
            self._logarithm[chosen],
        )
        return some

    @cached_property
    def weight(self) -> np.ndarray:
        """Inverse of the implied covariances of what each block answered, shape (d, blocks, p, p), 0 elsewhere."""
        moments, p = self.likelihood.moments, self.likelihood.p
        if moments.complete:
            return self.precision if len(moments.group) == 1 else self.precision[:, moments.group]
        return invert(self.implied.covariance[:, moments.group, :p, :p], moments.observed)[0]

    @cached_property
    def away(self) -> np.ndarray:
        """How far each block's means lie from those implied, shape (d, blocks, p)."""
        moments, p = self.likelihood.moments, self.likelihood.p
        if not self.likelihood.structure.means:
            return np.zeros_like(moments.mean)
        return np.where(moments.observed, moments.mean - self.implied.mean[:, moments.group, :p], 0.0)

    @cached_property
    def _about(self) -> np.ndarray:
        """Covariances of each block about the implied means."""
        covariance = self.likelihood.moments.covariance
        if not self.likelihood.structure.means:
            return covariance
        return covariance + self.away[..., :, None] * self.away[..., None, :]

    @cached_property
    def _expected(self) -> Expected:
        """What answers with gaps say of all items."""
        mean = self.implied.mean[..., : self.likelihood.p]
        return expected(self.likelihood.moments, mean, self.precision, self._logarithm)

    def objective(self) -> np.ndarray:
        """Half of log|sigma| + tr(sigma^-1 (S + (m - mu)(m - mu)')), weighted over blocks; infinite where undefined."""
        moments = self.likelihood.moments
        if moments.complete:
            fit = self._logarithm[:, moments.group] + (self.weight * self._about).sum(axis=(-2, -1))
            value = 0.5 * (moments.share * fit).sum(axis=1)
        else:
            value = self._expected.objective
        return np.where(np.isfinite(value), value, np.inf)

    def _by_group(self, by_block: np.ndarray) -> np.ndarray:
        """Sum over the blocks of each group, weighted by their share."""
        moments = self.likelihood.moments
        share = moments.share.reshape(*moments.share.shape, *(1,) * (by_block.ndim - 2))
        if len(moments.group) == 1:
            return by_block
        return np.einsum("gb,db...->dg...", moments.membership, share * by_block, optimize=True)

    def pulls(self) -> tuple[np.ndarray, np.ndarray]:
        """How the data pull at each group's covariances, shape (d, groups, p, p), and means, (d, groups, p)."""
        moments = self.likelihood.moments
        if moments.complete:
            pull = self._by_group(self.weight @ self._about @ self.weight - self.weight)
            return pull, self._by_group((self.weight @ self.away[..., None])[..., 0])
        found, precision = self._expected, self.precision
        pull = precision @ found.about @ precision - moments.sums.share[..., None, None] * precision
        return pull, (precision @ found.away[..., None])[..., 0]

    def gradient(self) -> np.ndarray:
        """Slope of the objective, shape (d, q)."""
        return -self.likelihood.collect(self.likelihood.slopes(self.implied, *self.pulls()))

    def information(self, *, observed: bool = False, chosen: np.ndarray | slice | None = None) -> np.ndarray:
        """Curvature of the objective, shape (d, q, q), expected or observed; of all or of the `chosen` draws."""
        if chosen is not None:
            return self.of(chosen).information(observed=observed)
        like, moments = self.likelihood, self.likelihood.moments
        if not moments.complete:
            total = like.collect_square(self._curve_with_gaps(observed=observed))
            return total - like.collect_square(self._bend()) if observed else total
        columns, half = like.columns(self.implied)[:, moments.group], like._half
        level = like.level(self.implied.mean)[:, moments.group]
        spread = columns.swapaxes(-1, -2) @ self.weight @ columns
        uu, uv, vv = _picked(spread, like._u, like._v)
        if observed:
            about = columns.swapaxes(-1, -2) @ (self.weight @ self._about @ self.weight) @ columns
            curve = _product((uu, uv, vv), _picked(2 * about - spread, like._u, like._v))
        else:
            curve = uu * vv + uv * uv.swapaxes(-1, -2)
        curve *= half[:, None] * half
        if like.structure.means:
            curve = curve + level[..., :, None] * level[..., None, :] * uu
            if observed:
                drag = (columns.swapaxes(-1, -2) @ (self.weight @ self.away[..., None]))[..., 0]
                cross = (
                    level[..., None, :]
                    * half[:, None]
                    * (uu * drag[..., like._v, None] + uv.swapaxes(-1, -2) * drag[..., like._u, None])
                )
                curve = curve + cross + cross.swapaxes(-1, -2)
        total = like.collect_square(self._by_group(curve))
        return total - like.collect_square(self._bend()) if observed else total

    def _curve_with_gaps(self, *, observed: bool) -> np.ndarray:
        """Information of answers with gaps by row and group, shape (d, groups, rows, rows)."""
        like, moments = self.likelihood, self.likelihood.moments
        columns, u, v = like.columns(self.implied), like._u, like._v
        less = forgone(moments, self.precision, columns, u, v, away=self.away if observed else None)
        whole = columns.swapaxes(-1, -2) @ self.precision @ columns
        here = moments.sums.share[..., None, None] * whole - less.lost
        all_of, rest = _picked(whole, u, v), _picked(here - less.lost, u, v)
        curve = _product(all_of, rest) + less.twice
        if observed:
            pull, lift = self.pulls()
            seen = columns.swapaxes(-1, -2) @ pull @ columns + here
            curve = 2 * (_product(all_of, _picked(seen, u, v)) - less.mixed) - curve
        curve *= like._half[:, None] * like._half
        level = like.level(self.implied.mean)
        curve += level[..., :, None] * level[..., None, :] * _picked(here, u, v)[0]
        if observed:
            drag = (columns.swapaxes(-1, -2) @ lift[..., None])[..., 0]
            cross = all_of[0] * drag[..., v, None] + all_of[1].swapaxes(-1, -2) * drag[..., u, None] - less.drag
            cross *= like._half[:, None] * level[..., None, :]
            curve += cross + cross.swapaxes(-1, -2)
        return curve

    def _bend(self) -> np.ndarray:
        """What the curvature of the implied moments themselves adds to the observed information, by row."""
        like, (pull, lift) = self.likelihood, self.pulls()
        u, v, path = like._u, like._v, like._path
        source = np.where(path, like._source, 0)
        columns, total = like.columns(self.implied), self.implied.total
        pulled = columns.swapaxes(-1, -2) @ pull @ columns
        onward = np.concatenate([total.swapaxes(-1, -2), self.implied.covariance], axis=-2)
        # Row l moves G_i by G_u total[b, i] if it is a path from b, and column j of the covariances by
        # G_u onward[v, j] + (column v) total[j, u]; only paths k have slopes that such moves change.
        through = path * total[..., source[None, :], u[:, None]]
        back = total[..., source[:, None], u[None, :]]
        bend = through * pulled[..., u[None, :], v[:, None]] + like._half * (
            onward[..., v[None, :], source[:, None]] * pulled[..., u[:, None], u[None, :]]
            + back * pulled[..., u[:, None], v[None, :]]
        )
        if like.structure.means:
            raised = (columns.swapaxes(-1, -2) @ lift[..., None])[..., 0][..., u]
            level = like.level(self.implied.mean)
            bend = (
                bend
                + through * raised[..., None, :] * level[..., :, None]
                + back * raised[..., :, None] * level[..., None, :]
            )
        bend = bend * path[:, None]
        return bend + (bend * ~path).swapaxes(-1, -2)

    def scores(self, answers: np.ndarray, block: np.ndarray, *, about_sample: bool = False) -> np.ndarray:
        """Slope of each respondent's log-likelihood, shape (n, q), at the first draw.

        Parameters
        ----------
        answers : array of shape (n, p)
            With anything where an item was not answered.
        block : int array of shape (n,)
            Block of each respondent.
        about_sample : bool
            Take deviations from the sample's means and covariances, not from the model's: then the scores add up to 0.
        """
        like, moments = self.likelihood, self.likelihood.moments
        group = moments.group[block]
        centre = (
            moments.mean[0, block]
            if about_sample or not like.structure.means
            else self.implied.mean[0, group, : like.p]
        )
        away = np.where(moments.observed[block], answers - centre, 0.0)
        columns = like.columns(self.implied)[0][moments.group]
        middle = columns.swapaxes(-1, -2) @ self.weight[0]
        around = middle @ moments.covariance[0] @ middle.swapaxes(-1, -2) if about_sample else middle @ columns
        expected = around[:, like._u, like._v][block]
        reached = np.empty((len(answers), columns.shape[-1]))
        for index in range(len(middle)):
            inside = block == index
            reached[inside] = away[inside] @ middle[index].T
        u, v = reached[:, like._u], reached[:, like._v]
        by_row = like._half * (u * v - expected)
        if like.structure.means:
            by_row = by_row + like.level(self.implied.mean)[0, group] * u
        if like.structure.plain:
            return by_row
        return np.einsum("nr,nrq->nq", by_row, like._slope[group], optimize=True)


def _picked(matrix: np.ndarray, u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Entries (u, u), (u, v) and (v, v) of matrices, each of shape (..., rows, rows)."""
    flat, size = matrix.reshape(*matrix.shape[:-2], -1), matrix.shape[-1]
    pairs = ((u, u), (u, v), (v, v))
    uu, uv, vv = (np.take(flat, first[:, None] * size + second, axis=-1) for first, second in pairs)
    return uu, uv, vv


def _product(one: tuple[np.ndarray, ...], other: tuple[np.ndarray, ...]) -> np.ndarray:
    """Half of X_uu Y_vv + X_vv Y_uu + X_uv Y_vu + X_vu Y_uv, from what `_picked` gives of X and Y."""
    (uu, uv, vv), (other_uu, other_uv, other_vv) = one, other
    crossed = uv * other_uv.swapaxes(-1, -2)
    return 0.5 * (uu * other_vv + vv * other_uu + crossed + crossed.swapaxes(-1, -2))


def objective_of(moments: Moments, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Return the objective, as `State.objective` has it, at given moments of each group (no model).

    Parameters
    ----------
    moments : Moments
        Of d draws.
    mean, covariance : array of shape (d, groups, p) and (d, groups, p, p)
        Where the likelihood is wanted.
    """
    weight, logarithm = invert(covariance[:, moments.group], moments.observed)
    away = np.where(moments.observed, moments.mean - mean[:, moments.group], 0.0)
    about = moments.covariance + away[..., :, None] * away[..., None, :]
    return 0.5 * (moments.share * (logarithm + (weight * about).sum(axis=(-2, -1)))).sum(axis=1)
