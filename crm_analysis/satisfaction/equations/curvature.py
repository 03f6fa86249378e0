"""Curvature: the information that answers with gaps hold, from that of complete answers less what the gaps take.

A block's weight is W = P - F'F, with P that of all items and F of as many lines as the block lacks items. For rows k
and l with two columns u and v each, information is made of products of the entries (u_k, u_l), (u_k, v_l), (v_k, v_l)
of C'WC and C'WSWC. Those of P are worked out once for all blocks; the rest are inner products of a few vectors a block,
and one multiplication of matrices adds them up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crm_analysis.satisfaction.equations.blocks import Gap, Moments, left_over


@dataclass(frozen=True, eq=False)
class Forgone:
    """What gaps take from the information, summed over the blocks of a group and weighted by share.

    With L = FC for columns C and A = C'WSWC; Q(X, Y) = (X_uu Y_vv + X_vv Y_uu + X_uv Y_vu + X_vu Y_uv) / 2.

    Attributes
    ----------
    lost : array of shape (draws, groups, c, c)
        L'L.
    twice : array of shape (draws, groups, r, r)
        Q(L'L, L'L).
    mixed : array of shape (draws, groups, r, r)
        Q(L'L, A); zero unless it is asked for.
    drag : array of shape (draws, groups, r, r)
        With d = C'W times the deviations of the means: (L'L)_uu of rows k and l times d_v of row k, plus (L'L)_vu times
        d_u of row k; zero unless it is asked for.
    """

    lost: np.ndarray
    twice: np.ndarray
    mixed: np.ndarray
    drag: np.ndarray


def forgone(
    moments: Moments,
    precision: np.ndarray,
    columns: np.ndarray,
    u: np.ndarray,
    v: np.ndarray,
    *,
    away: np.ndarray | None = None,
) -> Forgone:
    """Return what the gaps take from the information.

    Parameters
    ----------
    moments : Moments
        Of d draws.
    precision : array of shape (d, groups, p, p)
        P.
    columns : array of shape (d, groups, p, c)
        C.
    u, v : int array of shape (r,)
        Columns of each row.
    away : array of shape (d, blocks, p), optional
        Deviations of the blocks' means from those implied; for the observed information.
    """
    draws, groups, _, width = columns.shape
    shape = (draws, groups, len(u), len(u))
    found = Forgone(np.zeros((draws, groups, width, width)), np.zeros(shape), np.zeros(shape), np.zeros(shape))
    pulled = precision @ columns
    for gap in moments.gaps:
        within = left_over(gap.inner(gap.lines(precision)))
        root = _root(within)
        lines = root.swapaxes(-1, -2) @ gap.lines(pulled)
        half = np.sqrt(moments.share[:, gap.blocks])[..., None, None]
        a, b = np.triu_indices(lines.shape[2])
        at_u, at_v = lines[..., u], lines[..., v]
        pairs = at_u[:, :, a] * at_v[:, :, b] + at_u[:, :, b] * at_v[:, :, a]
        pairs *= np.where(a == b, np.sqrt(0.5), 1.0)[:, None] * half
        _add(found.lost, gap, lines * half)
        _add(found.twice, gap, pairs)
        if away is None:
            continue
        deviations = _roots(moments.covariance[:, gap.blocks], away[:, gap.blocks])
        # W C without W: P C less the lines that the gaps take.
        taken = gap.lines(precision).swapaxes(-1, -2) @ (within @ gap.lines(pulled))
        reached = deviations @ (pulled[:, gap.group] - taken)
        seen_u, seen_v = reached[..., None, :, u], reached[..., None, :, v]
        both = at_u[..., None, :] * seen_v + at_v[..., None, :] * seen_u
        _add(found.mixed, gap, (np.sqrt(0.5) * half[..., None] * both).reshape(draws, len(gap.blocks), -1, len(u)))
        level = away[:, gap.blocks, None] @ (pulled[:, gap.group] - taken)
        turned = at_u * level[..., v] + at_v * level[..., u]
        _add(found.drag, gap, half * turned, half * at_u)
    return found


def _add(total: np.ndarray, gap: Gap, left: np.ndarray, right: np.ndarray | None = None) -> None:
    """Add inner products of vectors, (draws, blocks, vectors, r), to the groups of their blocks."""
    for group in range(total.shape[1]):
        inside = gap.group == group
        first, second = (
            part[:, inside].reshape(len(part), -1, part.shape[-1]) for part in (left, left if right is None else right)
        )
        total[:, group] += first.swapaxes(-1, -2) @ second


def _root(matrix: np.ndarray) -> np.ndarray:
    """R with RR' = matrix; where rounding has left a matrix without one, that of its positive part."""
    try:
        return np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        sizes, directions = np.linalg.eigh(np.nan_to_num(matrix))
        return directions * np.sqrt(np.clip(sizes, 0, None))[..., None, :]


def _roots(covariance: np.ndarray, away: np.ndarray) -> np.ndarray:
    """R with R'R = covariance + away away', as few lines as the blocks need: most hold a single respondent."""
    sizes, directions = np.linalg.eigh(covariance)
    rank = int((sizes > 1e-13 * np.maximum(sizes[..., -1:], 1e-300)).sum(axis=-1).max()) if covariance.any() else 0
    largest = slice(sizes.shape[-1] - rank, None)
    lines = np.sqrt(np.clip(sizes[..., largest], 0, None))[..., None] * directions[..., largest].swapaxes(-1, -2)
    return np.concatenate([away[..., None, :], lines], axis=-2)
