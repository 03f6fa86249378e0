"""Design: the columns of the one regression in which the three explanations of the trap compete.

behaviour = straight effects of satisfaction, competition, basic and latent satisfaction and switching cost
  + perception: bends of satisfaction's effect
  + two factors: bends of the effects of basic and of latent satisfaction
  + competition: another slope and other bends of satisfaction's effect at each level of competition.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

PERCEPTION, TWO_FACTORS, COMPETITION = "perception", "two factors", "competition"
NAMES = (PERCEPTION, TWO_FACTORS, COMPETITION)
BASE = "base"
_SATISFACTION_KNOTS = (0.2, 0.5, 0.8)
_FACTOR_KNOTS = (1 / 3, 2 / 3)
_SMALLEST_GROUP = 20


@dataclass(frozen=True, eq=False)
class Design:
    """Columns (n x p) with the block of each, and what each level of competition is measured by.

    Attributes
    ----------
    columns : array of shape (n, p)
    block : array of str of shape (p,)
        `BASE` or one of `NAMES`.
    part : array of str of shape (p,)
        What a column is: ``bend``, ``slope``, ``basic``, ``latent`` or a name.
    level : array of shape (p,)
        Which measure of competition an interaction belongs to; -1: none.
    ends : array of shape (e, measures)
        Levels of competition at which a bend shared by all markets has to be seen: the groups, or the lowest and the
        highest competition.
    untestable : dict of str
        Explanations that these data cannot test, with the reason.
    """

    columns: np.ndarray
    block: np.ndarray
    part: np.ndarray
    level: np.ndarray
    ends: np.ndarray
    untestable: dict[str, str]
    names: tuple[str, ...] = ()
    """Of the levels of competition, where these are names."""
    weight: np.ndarray | None = None
    """How much each customer counts; None: all the same."""

    def counted(self, values: np.ndarray) -> np.ndarray:
        """Return values by customer (rows) times the root of the weights: their squares then count as they should."""
        return values if self.weight is None else (values.T * np.sqrt(self.weight)).T

    @property
    def testable(self) -> list[str]:
        return [name for name in NAMES if name not in self.untestable]


def build(rows: pd.DataFrame, competition: pd.Series | None, *, weight: np.ndarray | None = None) -> Design:
    """Lay out the columns from complete rows (`complete`) of answers, each with its weight."""
    x = _scaled(rows["satisfaction"].to_numpy())
    parts: list[tuple[np.ndarray, str, str, int]] = [(np.ones(len(x)), BASE, "constant", -1), (x, BASE, "slope", -1)]
    untestable: dict[str, str] = {}
    measures, ends, names = _measures(competition, untestable, weight)
    parts += [(one, BASE, "competition", level) for level, one in enumerate(measures.T)]
    factors = [name for name in ("basic", "latent") if name in rows]
    parts += [
        (_scaled(rows[name].to_numpy()), BASE, name, -1)
        for name in (*factors, "switching_cost")
        if name in rows and rows[name].std() > 0
    ]
    bends = _bends(x, _SATISFACTION_KNOTS)
    parts += [(bend, PERCEPTION, "bend", -1) for bend in bends.T]
    if not bends.size:
        untestable[PERCEPTION] = "satisfaction takes too few values for a bend"
    bent = {name: _bends(_scaled(rows[name].to_numpy()), _FACTOR_KNOTS) for name in factors}
    parts += [(bend, TWO_FACTORS, name, -1) for name in factors for bend in bent[name].T]
    if not factors:
        untestable[TWO_FACTORS] = "neither basic nor latent satisfaction is given"
    elif not any(bend.size for bend in bent.values()):
        untestable[TWO_FACTORS] = "basic and latent satisfaction take too few values for a bend"
    for level, one in enumerate(measures.T):
        parts += [(one * x, COMPETITION, "slope", level)]
        parts += [(one * bend, COMPETITION, "bend", level) for bend in bends.T]
    kept = _independent(np.column_stack([part[0] for part in parts]))
    chosen = [part for part, keep in zip(parts, kept, strict=True) if keep]
    return Design(
        columns=np.column_stack([part[0] for part in chosen]),
        block=np.array([part[1] for part in chosen]),
        part=np.array([part[2] for part in chosen]),
        level=np.array([part[3] for part in chosen]),
        ends=ends,
        untestable=untestable,
        names=names,
        weight=weight,
    )


def complete(rows: pd.DataFrame, competition: pd.Series | None) -> np.ndarray:
    """Return which rows have everything that the explanations need; a covariate that nobody has is not needed."""
    needed = [name for name in ("basic", "latent", "switching_cost") if name in rows and rows[name].notna().any()]
    there = rows[["satisfaction", "behaviour", *needed]].notna().all(axis=1).to_numpy()
    if competition is not None and competition.notna().any():
        there = there & competition.notna().to_numpy()
    return np.asarray(there)


def _measures(
    competition: pd.Series | None, untestable: dict[str, str], weight: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Competition as centred columns, the levels at which to look, and their names."""
    if competition is None:
        untestable[COMPETITION] = "no measure of competition is given"
        return np.empty((0, 0)), np.empty((0, 0)), ()
    if pd.api.types.is_numeric_dtype(competition.dtype):
        values = competition.to_numpy("float64")
        if len(np.unique(values)) > 1:
            low, high = np.quantile(values, [0.1, 0.9])
            # Where nine in ten are alike, the extremes are all there is to compare.
            low, high = (low, high) if high > low else (values.min(), values.max())
            share = (values - low) / (high - low)
            centre = np.average(share, weights=weight)
            return (share - centre)[:, None], np.array([[0 - centre], [1 - centre]]), ()
    else:
        large = competition.value_counts()
        names = sorted(map(str, large[large >= _SMALLEST_GROUP].index))
        if len(names) > 1:
            belongs = (competition.astype(str).to_numpy()[:, None] == np.array(names)[1:]).astype("float64")
            ends = np.vstack([np.zeros(len(names) - 1), np.eye(len(names) - 1)])
            centres = np.average(belongs, axis=0, weights=weight)
            return belongs - centres, ends - centres, tuple(names)
    untestable[COMPETITION] = "competition is the same for all these customers"
    return np.empty((len(competition), 0)), np.empty((0, 0)), ()


def _scaled(values: np.ndarray) -> np.ndarray:
    spread = float(values.std())
    return (values - values.mean()) / (spread if spread > 0 else 1.0)


def _bends(values: np.ndarray, shares: Sequence[float]) -> np.ndarray:
    """Hinges at quantiles that lie inside the range; few levels give few."""
    levels = np.unique(values)
    if len(levels) < 3:
        return np.empty((len(values), 0))
    places = np.unique(np.clip(np.quantile(values, shares), levels[1], levels[-2]))
    return np.maximum(values[:, None] - places, 0)


def _independent(columns: np.ndarray) -> np.ndarray:
    """Which columns say something that those before them do not."""
    length = np.linalg.norm(columns, axis=0)
    diagonal = np.abs(np.diag(np.linalg.qr(columns / np.maximum(length, 1e-12), mode="r")))
    return np.asarray((diagonal > 1e-6) & (length > 1e-9))
