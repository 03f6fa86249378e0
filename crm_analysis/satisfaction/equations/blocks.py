"""Blocks: respondents of one group who answered the same items, their moments, and what gaps leave to be expected."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True, eq=False)
class Moments:
    """Counts, means and covariances by block: the respondents of one group who answered the same items.

    Attributes
    ----------
    count : array of shape (draws, blocks)
        Respondents, or the sum of their weights.
    mean : array of shape (draws, blocks, p)
        Means of the items; 0 where an item was not answered.
    covariance : array of shape (draws, blocks, p, p)
        Covariances (divided by the count), the same.
    observed : bool array of shape (blocks, p)
        Which items the block answered.
    group : int array of shape (blocks,)
        Group of each block.
    """

    count: np.ndarray
    mean: np.ndarray
    covariance: np.ndarray
    observed: np.ndarray
    group: np.ndarray

    @cached_property
    def complete(self) -> bool:
        """Whether every block answered every item."""
        return bool(self.observed.all())

    @cached_property
    def share(self) -> np.ndarray:
        """Share of each block in its draw, shape (draws, blocks)."""
        return self.count / self.count.sum(axis=1, keepdims=True)

    @cached_property
    def membership(self) -> np.ndarray:
        """One where a block belongs to a group, shape (groups, blocks)."""
        return (self.group == np.arange(self.group.max() + 1)[:, None]).astype("float64")

    @cached_property
    def sums(self) -> Sums:
        """What blocks add up to in their groups."""
        weight = self.share[:, None, :] * self.membership
        observed = self.observed.astype("float64")
        there = weight @ observed
        centre = np.einsum("dgb,dbp->p", weight, self.mean) / np.maximum(there.sum(axis=(0, 1)), 1e-300)
        mean = np.where(self.observed, self.mean - centre, 0.0)
        first = weight @ mean
        second = np.einsum("dgb,dbpq->dgpq", weight, self.covariance, optimize=True)
        held = np.sqrt(weight)[..., None] * mean[:, None]
        second += held.swapaxes(-1, -2) @ held
        cross = (weight[..., None] * mean[:, None]).swapaxes(-1, -2) @ observed
        answered = np.einsum("dgb,bp,bq->dgpq", weight, observed, observed, optimize=True)
        return Sums(centre, weight.sum(axis=2), first, second, cross, answered)

    @cached_property
    def gaps(self) -> tuple[Gap, ...]:
        """The blocks that lack items, by how many they lack."""
        found, lacking = [], (~self.observed).sum(axis=1)
        groups, p = self.group.max() + 1, self.observed.shape[1]
        for number in np.unique(lacking[lacking > 0]):
            blocks = np.flatnonzero(lacking == number)
            seen, group = self.observed[blocks], self.group[blocks]
            missing = np.argsort(seen, axis=1, kind="stable")[:, :number]
            scatter = np.zeros((groups, p, len(blocks), number))
            scatter[group[:, None], missing, np.arange(len(blocks))[:, None], np.arange(number)] = 1.0
            found.append(Gap(blocks, group, missing, seen, np.eye(p)[missing], scatter.reshape(groups * p, -1)))
        return tuple(found)

    @cached_property
    def products(self) -> tuple[np.ndarray, ...]:
        """Of each of the `gaps`: one and the answers, times themselves and the share, (draws, k, 1 + p, 1 + p)."""
        found = []
        for gap in self.gaps:
            share = self.share[:, gap.blocks, None]
            mean = np.where(gap.seen, self.mean[:, gap.blocks] - self.sums.centre, 0.0)
            whole = np.empty((*mean.shape[:2], *np.add(mean.shape[2:] * 2, 1)))
            whole[..., 0, :] = share
            whole[..., 0, 1:] *= mean
            whole[..., 1:, 0] = whole[..., 0, 1:]
            np.multiply(share[..., None], self.covariance[:, gap.blocks], out=whole[..., 1:, 1:])
            whole[..., 1:, 1:] += whole[..., 1:, :1] * mean[..., None, :]
            found.append(whole)
        return tuple(found)

    def __getitem__(self, draws: np.ndarray | slice) -> Moments:
        some = Moments(self.count[draws], self.mean[draws], self.covariance[draws], self.observed, self.group)
        # Who lacks what is the same in every draw.
        vars(some).update({name: vars(self)[name] for name in ("complete", "gaps", "membership") if name in vars(self)})
        return some


@dataclass(frozen=True, eq=False)
class Sums:
    """What blocks add up to in their groups, weighted by their share of the draw; answers less a `centre`.

    Attributes
    ----------
    centre : array of shape (p,)
        What is subtracted, so that large numbers do not swallow the digits.
    share : array of shape (draws, groups)
        Of each group.
    first : array of shape (draws, groups, p)
        Answers.
    second : array of shape (draws, groups, p, p)
        Products of answers.
    cross : array of shape (draws, groups, p, p)
        The line's answers where the column's item was answered, too.
    answered : array of shape (draws, groups, p, p)
        Share who answered both items.
    """

    centre: np.ndarray
    share: np.ndarray
    first: np.ndarray
    second: np.ndarray
    cross: np.ndarray
    answered: np.ndarray


@dataclass(frozen=True, eq=False)
class Gap:
    """k blocks that each lack m items.

    Attributes
    ----------
    blocks, group : int array of shape (k,)
        Which they are, and the group of each.
    missing : int array of shape (k, m)
        Items that they lack.
    seen : bool array of shape (k, p)
        Items that they answered.
    places : array of shape (k, m, p)
        One at the item that is missing.
    scatter : array of shape (groups p, k m)
        Adds up what belongs to the same group and item.
    """

    blocks: np.ndarray
    group: np.ndarray
    missing: np.ndarray
    seen: np.ndarray
    places: np.ndarray
    scatter: np.ndarray

    def lines(self, precision: np.ndarray) -> np.ndarray:
        """Lines of the missing items in a matrix of each group, (d, groups, p, p) -> (d, k, m, p)."""
        return precision[:, self.group[:, None], self.missing]

    def inner(self, lines: np.ndarray) -> np.ndarray:
        """Of these lines the columns of the missing items, shape (d, k, m, m)."""
        return np.take_along_axis(lines, self.missing[None, :, None, :], axis=-1)


@dataclass(frozen=True, eq=False)
class Expected:
    """What blocks with gaps say of all items: deviations from given means, the missing ones as expected (and their
    spread); everything weighted by the share of each group in its draw.

    Attributes
    ----------
    objective : array of shape (draws,)
        Minus the log-likelihood per respondent, without its constant.
    away : array of shape (draws, groups, p)
        Sums of the deviations.
    about : array of shape (draws, groups, p, p)
        Sums of their products.
    """

    objective: np.ndarray
    away: np.ndarray
    about: np.ndarray


def left_over(inner: np.ndarray) -> np.ndarray:
    """Return the covariances of missing items given the others: the inverse of their part of P, shape (..., m, m)."""
    try:
        return np.linalg.inv(inner)
    except np.linalg.LinAlgError:
        # One search of many ran into a corner; the others go on.
        return np.linalg.pinv(np.nan_to_num(inner), hermitian=True)


def expected(moments: Moments, mean: np.ndarray, precision: np.ndarray, logarithm: np.ndarray) -> Expected:
    """Return what the answers say of all items, the missing ones among them, given each group's distribution.

    With P the inverse of all items' covariances, a block that lacks the items m has B = -P_mm^-1 P_mo for regression of
    the missing on the observed, with P_mm^-1 left over: matrices as small as what is missing, where the inverse of what
    is observed would be large. By Fisher's identity the likelihood's slope is that of complete answers at what is
    expected here.

    Parameters
    ----------
    moments : Moments
        Of d draws.
    mean : array of shape (d, groups, p)
        Means of the groups.
    precision, logarithm : array of shape (d, groups, p, p) and (d, groups)
        Inverses of the covariances of the groups, and logarithms of the determinants of the covariances.

    References
    ----------
    Orchard, T. and Woodbury, M. A. (1972). A missing information principle: theory and applications. Proceedings of the
    Sixth Berkeley Symposium 1, 697-715.
    """
    sums = moments.sums
    mean = mean - sums.centre
    answered = np.diagonal(sums.answered, axis1=-2, axis2=-1)
    away = sums.first - answered * mean
    cross = sums.cross * mean[..., None, :]
    about = sums.second - cross - cross.swapaxes(-1, -2) + sums.answered * mean[..., :, None] * mean[..., None, :]
    trace = (precision * about).sum(axis=(1, 2, 3))
    determinant = (sums.share * logarithm).sum(axis=1)
    draws, groups, p = mean.shape
    for gap, products in zip(moments.gaps, moments.products, strict=True):
        lines = gap.lines(precision)
        inner = gap.inner(lines)
        within = left_over(inner)
        lines = lines * gap.seen[:, None, :]
        regression = -within @ lines
        centred = mean[:, gap.group] * gap.seen
        level = -(regression @ centred[..., None])
        filled = np.concatenate([level, regression], axis=-1) @ products
        beside = filled[..., 1:] - filled[..., :1] * centred[..., None, :]
        own = filled[..., :1] @ level.swapaxes(-1, -2) + filled[..., 1:] @ regression.swapaxes(-1, -2)
        share = moments.share[:, gap.blocks]
        own = own + share[..., None, None] * within
        trace = trace + (lines * beside).sum(axis=(1, 2, 3))
        determinant = determinant + (share * np.linalg.slogdet(inner)[1]).sum(axis=1)
        put = (beside + 0.5 * own @ gap.places).reshape(draws, -1, p)
        put = (gap.scatter @ put).reshape(draws, groups, p, p)
        about = about + put + put.swapaxes(-1, -2)
        away = away + (gap.scatter @ filled[..., 0].reshape(draws, -1, 1)).reshape(draws, groups, p)
    return Expected(0.5 * (determinant + trace), away, about)
