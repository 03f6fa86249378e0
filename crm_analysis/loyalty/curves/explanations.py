"""Explanations: perception, two factors, competition, each tested given the others."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats

from crm_analysis.loyalty.curves import interaction
from crm_analysis.loyalty.curves.design import BASE, COMPETITION, NAMES, PERCEPTION, TWO_FACTORS, Design
from crm_analysis.multiplicity import holm
from crm_analysis.resampling import LEVEL

ALPHA = 1 - LEVEL
SUPPORTED, NOT_SUPPORTED = "supported", "not supported"
CANNOT, UNTESTABLE = "cannot be told apart", "not testable with this data"
COLUMNS = ("name", "contribution", "ci_lower", "ci_upper", "pvalue", "verdict")
FACTOR_COLUMNS = ("factor", "part", "slope", "slope_low", "slope_high")
# Below this p-value of "all markets bend alike" a bend counts as perception only if every market shows it.
_LIBERAL = 0.25
_PER_COLUMN = 10


@dataclass(frozen=True, eq=False)
class Fit:
    """Least squares with errors robust to uneven spread (HC3)."""

    design: Design
    outcome: np.ndarray
    coefficients: np.ndarray
    covariance: np.ndarray
    freedom: int

    def p_value(self, contrasts: np.ndarray) -> float:
        """P-value of all contrasts (rows) being zero: Wald's F."""
        if not len(contrasts):
            return np.nan
        estimate = contrasts @ self.coefficients
        within = contrasts @ self.covariance @ contrasts.T
        rank = int(np.linalg.matrix_rank(within, hermitian=True))
        if not rank:
            return np.nan
        wald = float(estimate @ np.linalg.pinv(within, hermitian=True) @ estimate) / rank
        return float(stats.f.sf(wald, rank, self.freedom))

    def rows(self, which: np.ndarray) -> np.ndarray:
        """Contrasts that pick single coefficients."""
        return np.eye(len(self.coefficients))[which]


def fit(design: Design, outcome: np.ndarray) -> Fit | None:
    """Fit the whole model; None where there are fewer than ten customers a column."""
    n, p = design.columns.shape
    if n < _PER_COLUMN * p:
        return None
    columns, counted = design.counted(design.columns), design.counted(outcome)
    inverse = np.linalg.pinv(columns.T @ columns, hermitian=True)
    coefficients = inverse @ (columns.T @ counted)
    leverage = np.einsum("ij,jk,ik->i", columns, inverse, columns, optimize=True)
    residual = (counted - columns @ coefficients) / np.maximum(1 - leverage, 1e-3)
    meat = (columns * residual[:, None] ** 2).T @ columns
    return Fit(design, outcome, coefficients, inverse @ meat @ inverse, n - p)


def judge(design: Design, fitted: Fit) -> tuple[pd.DataFrame, np.ndarray]:
    """Test each explanation given the others.

    Parameters
    ----------
    design : Design
    fitted : Fit
        Of behaviour on the design.

    Returns
    -------
    DataFrame
        ``name``, ``pvalue`` (adjusted for the number of explanations), ``verdict``; one row each.
    array of shape (measures,)
        The level of competition at which perception's bend is measured: the average, or where competition is
        supported that with the weakest bend.

    Notes
    -----
    Competition: slope and bends of satisfaction's effect do not depend on competition, see `interaction`. Two factors:
    the effect of basic satisfaction does not fall, and that of latent satisfaction does not rise, from the lowest third
    to the highest; supported only where one of them does so in this direction. Perception: no bend within markets of
    equal competition. If markets may bend differently (p below .25) the bend must be there in every one of them, at
    the lowest and at the highest competition: the largest p-value counts (Berger 1982); otherwise the bend at average
    competition does. An explanation is supported where every set that it belongs to is rejected (closed testing;
    Marcus, Peritz and Gabriel 1976), each set by Bonferroni; perception with competition also by their joint test,
    since markets that bend differently bend the pooled curve too. Explanations that are only jointly significant cannot
    be told apart.

    References
    ----------
    Marcus, R., Peritz, E. and Gabriel, K. R. (1976). On closed testing procedures with special reference to ordered
    analysis of variance. Biometrika 63, 655-660.
    Berger, R. L. (1982). Multiparameter hypothesis testing and acceptance sampling. Technometrics 24, 295-300.
    """
    tests = {name: _contrasts(design, fitted, name) for name in design.testable}
    raw = {name: fitted.p_value(rows) for name, rows in tests.items()}
    if COMPETITION in tests:
        raw[COMPETITION] = interaction.p_value(design, fitted.outcome)
    at = weakest = np.zeros(design.ends.shape[1]) if design.ends.size else np.zeros(0)
    if PERCEPTION in tests and COMPETITION in tests:
        differ = (design.block == COMPETITION) & (design.part == "bend")
        if fitted.p_value(fitted.rows(differ)) <= _LIBERAL:
            p_values = [fitted.p_value(_bend_at(design, end)) for end in design.ends]
            place = int(np.nanargmax(p_values)) if np.isfinite(p_values).any() else 0
            raw[PERCEPTION], weakest = p_values[place], design.ends[place]
    adjusted = {name: _closed(fitted, tests, raw, name) for name in raw}
    verdicts = {name: SUPPORTED if p <= ALPHA else NOT_SUPPORTED for name, p in adjusted.items()}
    if verdicts.get(TWO_FACTORS) == SUPPORTED and not _right_way(fitted, tests[TWO_FACTORS]):
        verdicts[TWO_FACTORS] = NOT_SUPPORTED
    if verdicts.get(COMPETITION) == SUPPORTED:
        at = weakest
    verdicts |= dict.fromkeys(_entangled(fitted, tests, adjusted), CANNOT)
    verdicts |= dict.fromkeys(design.untestable, UNTESTABLE)
    table = {"name": NAMES, "pvalue": [adjusted.get(name, np.nan) for name in NAMES]}
    return pd.DataFrame(table | {"verdict": [verdicts[name] for name in NAMES]}), at


def level(design: Design, outcome: np.ndarray) -> tuple[str, str, float, tuple[float, float], float] | None:
    """Say how the curve's height differs by competition, at equal other straight effects.

    Returns
    -------
    tuple or None
        Names of two levels, the difference of the second from the first, the interval of its size, the p-value that
        there is none between any. Numbers: low (10 % of customers below) and high; names: the lowest and highest level,
        whose difference, being picked, has no interval.
    """
    base = design.block == BASE
    own = Design(
        columns=design.columns[:, base],
        block=design.block[base],
        part=design.part[base],
        level=design.level[base],
        ends=design.ends,
        untestable={},
        weight=design.weight,
    )
    fitted = fit(own, outcome)
    which = own.part == COMPETITION
    if fitted is None or not which.any():
        return None
    rows = fitted.rows(which)
    p = fitted.p_value(rows)
    heights = design.ends[:, own.level[which]] @ fitted.coefficients[which]
    if not design.names:
        step = (design.ends[1] - design.ends[0]) @ rows
        value = float(step @ fitted.coefficients)
        half = float(stats.t.ppf((1 + LEVEL) / 2, fitted.freedom)) * float(np.sqrt(step @ fitted.covariance @ step))
        ends = (abs(value) - half, abs(value) + half)
        return "low", "high", value, ends, p
    low, high = int(np.argmax(heights)), int(np.argmin(heights))
    return design.names[low], design.names[high], float(heights[high] - heights[low]), (np.nan, np.nan), p


def _contrasts(design: Design, fitted: Fit, name: str) -> np.ndarray:
    if name != TWO_FACTORS:
        return fitted.rows(design.block == name)
    # From the lowest third to the highest: all bends of one factor together. Less is expected of basic satisfaction.
    rows = [
        sign * ((design.block == TWO_FACTORS) & (design.part == part)).astype("float64")
        for part, sign in (("basic", -1), ("latent", 1))
    ]
    return np.array([row for row in rows if row.any()]).reshape(-1, len(design.block))


def _bend_at(design: Design, end: np.ndarray) -> np.ndarray:
    """Contrasts: the bends of satisfaction's effect at one level of competition."""
    bends = np.flatnonzero((design.block == PERCEPTION) & (design.part == "bend"))
    rows = np.zeros((len(bends), len(design.block)))
    rows[np.arange(len(bends)), bends] = 1
    for level, value in enumerate(end):
        here = np.flatnonzero((design.block == COMPETITION) & (design.part == "bend") & (design.level == level))
        pairs = min(len(here), len(bends))
        rows[np.arange(pairs), here[:pairs]] = value
    return rows


def _right_way(fitted: Fit, contrasts: np.ndarray) -> bool:
    estimate = contrasts @ fitted.coefficients
    error = np.sqrt(np.einsum("ij,jk,ik->i", contrasts, fitted.covariance, contrasts))
    strongest = int(np.argmax(np.abs(estimate) / np.maximum(error, 1e-300)))
    return bool(estimate[strongest] > 0)


def _closed(fitted: Fit, tests: dict[str, np.ndarray], raw: dict[str, float], name: str) -> float:
    """The largest p-value of all sets of explanations that this one belongs to."""
    found = [raw[name]]
    for size in range(2, len(raw) + 1):
        for group in combinations(raw, size):
            if name not in group:
                continue
            own = min(1.0, size * np.nanmin([1.0, *(raw[member] for member in group)]))
            if {PERCEPTION, COMPETITION} <= set(group):
                # No bend in any one market and none between them is no bend at all: only then is this sum a null.
                together = fitted.p_value(np.vstack([tests[member] for member in group]))
                own = min(1.0, 2 * np.nanmin([own, together]))
            found.append(own)
    return float(np.max(found))


def _entangled(fitted: Fit, tests: dict[str, np.ndarray], adjusted: dict[str, float]) -> list[str]:
    """The smallest set of explanations that is significant together although none of all is alone."""
    if not adjusted or min(adjusted.values()) <= ALPHA:
        return []
    for size in range(2, len(tests) + 1):
        groups = list(combinations(tests, size))
        p_values = holm(np.array([fitted.p_value(np.vstack([tests[name] for name in group])) for group in groups]))
        if len(p_values) and np.nanmin(p_values) <= ALPHA:
            return list(groups[int(np.nanargmin(p_values))])
    return []


def factor_slopes(design: Design, fitted: Fit) -> pd.DataFrame:
    """Return the slope of basic and latent satisfaction in their lowest and highest third, with 95 % intervals.

    Slopes are in behaviour's unit per standard deviation of the factor, other things equal.
    """
    reach = float(stats.t.ppf((1 + LEVEL) / 2, fitted.freedom))
    rows = []
    for factor in ("basic", "latent"):
        straight = (design.block == BASE) & (design.part == factor)
        bends = (design.block == TWO_FACTORS) & (design.part == factor)
        if not (straight.any() and bends.any()):
            continue
        for part, which in (("lowest third", straight), ("highest third", straight | bends)):
            contrast = which.astype("float64")
            slope = float(contrast @ fitted.coefficients)
            half = reach * float(np.sqrt(contrast @ fitted.covariance @ contrast))
            rows.append((factor, part, slope, slope - half, slope + half))
    return pd.DataFrame(rows, columns=list(FACTOR_COLUMNS))
