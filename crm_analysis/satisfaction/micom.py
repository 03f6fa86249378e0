"""MICOM: do two groups mean the same by their answers? Measurement invariance of composites."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from crm_analysis import style
from crm_analysis.errors import UsageError
from crm_analysis.multiplicity import holm
from crm_analysis.result import Result
from crm_analysis.satisfaction.composites import grouping
from crm_analysis.satisfaction.composites.design import Design
from crm_analysis.satisfaction.composites.estimates import Settings, solve
from crm_analysis.satisfaction.composites.pathmodel import PathModel
from crm_analysis.satisfaction.composites.sample import Sample
from crm_analysis.table import listed, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEVEL = 0.05
"""Chance of a false alarm, over all constructs of two groups together."""


@dataclass(frozen=True, eq=False, repr=False)
class MicomResult(Result):
    """Measurement invariance of composites, pair of groups by pair.

    Attributes
    ----------
    table : DataFrame
        One row per pair of groups and construct: first, second, construct, correlation (of the scores that the two
        groups' weights give), bound (5 % of permutations lie below), p_composition, mean_difference (in standard
        deviations), p_mean, log_variance_ratio, p_variance, verdict (full, partial, none).
    group : str
        Column of the groups.
    small : tuple
        Groups that were too small.
    flat : tuple of (group, item)
        Groups in which all answer an item alike.
    permutations : int
        How often respondents were dealt anew.
    absent : str
        Why there is no test; empty if there is one.
    """

    table: pd.DataFrame
    group: str
    small: tuple[object, ...] = ()
    flat: tuple[tuple[object, str], ...] = ()
    permutations: int = 0
    absent: str = ""
    title = "Do the groups mean the same?"
    shown: ClassVar[dict[str, str]] = {"table": "Measurement invariance of the scores (MICOM)"}

    def allows(self, first: object, second: object, construct: str) -> bool:
        """Whether scores of a construct may be compared: both groups weigh its items alike, as far as is known."""
        rows = self.table[self.table["construct"] == construct]
        pairs = [{one, other} for one, other in zip(rows["first"], rows["second"], strict=True)]
        return any(
            pair == {first, second} and verdict != "none" for pair, verdict in zip(pairs, rows["verdict"], strict=True)
        )

    def to_frame(self) -> pd.DataFrame:
        return self.table.copy()

    def findings(self) -> tuple[str, ...]:
        if self.absent:
            return (self.absent,)
        sentences = []
        for (first, second), rows in self.table.groupby(["first", "second"], sort=False):
            by = {
                verdict: list(rows.loc[rows["verdict"] == verdict, "construct"])
                for verdict in ("none", "partial", "full")
            }
            doubtful = rows[rows["verdict"] == "none"] if by["none"] else rows
            low = doubtful.loc[doubtful["correlation"].idxmin()]
            if by["none"]:
                sentences.append(
                    f"{first} and {second} weigh the items of {listed(by['none'])} differently (lowest correlation of "
                    f"scores {low['correlation']:.3f}): do not compare these scores, nor paths from or to them."
                )
            else:
                sentences.append(
                    f"{first} and {second} weigh the items alike, as far as {self.permutations:,} permutations show "
                    f"(lowest correlation of scores {low['correlation']:.3f}, {low['construct']}), so scores and paths "
                    "may be compared."
                )
            if by["partial"]:
                sentences.append(f"{first} and {second} differ in level or spread of {listed(by['partial'])}.")
        tested = self.table["construct"].nunique()
        if tested / (self.permutations + 1) >= LEVEL:
            sentences.append(
                f"With {self.permutations:,} permutations no p-value of {tested} gets below {LEVEL} after Holm: take "
                f"{round(tested / LEVEL):,} or more."
            )
        sentences += self.left_out()
        return tuple(sentence[0].upper() + sentence[1:] for sentence in sentences)

    def left_out(self) -> list[str]:
        """Which groups are not compared, and why, in sentences."""
        said = []
        if self.small:
            said.append(f"Left out for fewer than {grouping.SMALLEST} answers: {listed([str(x) for x in self.small])}.")
        if self.flat:
            pairs = [f"{name} ({item})" for name, item in self.flat]
            said.append(f"Left out because all in the group answer an item alike: {listed(pairs)}.")
        return said

    def metrics(self) -> dict[str, float]:
        if self.absent:
            return {}
        return {
            "lowest_correlation": float(self.table["correlation"].min()),
            "not_invariant": int((self.table["verdict"] == "none").sum()),
        }

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw each construct's correlation between the two weightings against what chance gives."""
        if self.absent:
            return style.nothing(ax, title=self.title, why=self.absent)
        worst = self.table.loc[self.table.groupby("construct", sort=False)["p_composition"].idxmin()]
        ax = style.axes(ax, height=max(2.2, 1.4 + 0.32 * len(worst)))
        places = np.arange(len(worst))
        floor = min(worst["correlation"].min(), worst["bound"].min(), 0.99)
        ax.barh(places, 1 - worst["bound"], left=worst["bound"], color=style.GRID, height=0.6)
        colours = [style.ACCENT if verdict == "none" else style.PALETTE[0] for verdict in worst["verdict"]]
        ax.scatter(worst["correlation"], places, color=colours, zorder=3)
        ax.set_xlim(floor - 0.1 * (1 - floor), 1 + 0.05 * (1 - floor))
        ax.set_yticks(places, [short(name) for name in worst["construct"]])
        ax.tick_params(axis="y", length=0)
        ax.invert_yaxis()
        ax.set_title("Do the groups weigh the items alike?")
        ax.set_xlabel("correlation of the two groups' scores (grey: chance)")
        return style.describe(
            ax, f"Points within or beyond the range of chance, one per construct. {self.findings()[0]}"
        )


def micom(
    fit: PathModel,
    answers: pd.DataFrame,
    *,
    group: str,
    permutations: int = 1000,
    seed: int = 0,
    weight: str | None = None,
) -> MicomResult:
    """Test the measurement invariance of composites between groups.

    Parameters
    ----------
    fit : PLSResult
        The model and its settings; consistent PLS is tested as plain PLS, since the weights are the same.
    answers : DataFrame
        The items, and the column of the groups.
    group : str
        Column of the groups; every two with twenty complete answers or more are compared.
    permutations, seed : int
        How often the respondents of two groups are dealt anew, and the seed.
    weight : str, optional
        Column of survey weights.

    Returns
    -------
    MicomResult
        Step 1, configural invariance, holds by design: same items, codes and algorithm. Step 2: c is the correlation,
        over the pooled answers, of the scores by the one group's and the other's weights; where c lies below what
        dealing by chance gives (5 %, Holm over the constructs), the verdict is ``none``. Step 3: means and variances
        of the pooled weights' scores; where either differs (5 %, Holm), invariance is ``partial``, else ``full``.

    Raises
    ------
    UsageError
        If there are fewer than 19 permutations.

    References
    ----------
    Henseler, J., Ringle, C. M., Sarstedt, M. (2016). Testing measurement invariance of composites using partial least
    squares. International Marketing Review 33, 405-431.
    """
    if permutations < 19:
        raise UsageError(f"groups: permutations must be at least 19, not {permutations}.")
    groups = grouping.split(fit, answers, group=group, weight=weight, caller="groups")
    if groups.absent:
        return MicomResult(pd.DataFrame({"construct": [], "correlation": []}), group, absent=groups.absent)
    settings = replace(fit.settings, consistent=False)
    generator = np.random.default_rng(seed)
    tables = []
    for first, second in groups.pairs:
        sample, belongs = groups.of(first, second)
        table = _pair(sample, belongs, fit.design, settings, permutations, generator)
        table.insert(0, "first", [groups.names[first]] * len(table))
        table.insert(1, "second", [groups.names[second]] * len(table))
        tables.append(table)
    return MicomResult(pd.concat(tables, ignore_index=True), group, groups.small, groups.flat, permutations)


def _pair(
    sample: Sample,
    belongs: np.ndarray,
    design: Design,
    settings: Settings,
    permutations: int,
    generator: np.random.Generator,
) -> pd.DataFrame:
    _, covariances = sample.moments()
    pooled = solve(covariances, design, settings)
    reference, spread = pooled.loadings[0], np.sqrt(np.diag(covariances[0]))
    matrix = pooled.items[0] if settings.standardise else covariances[0]
    scores = (sample.answers / (spread if settings.standardise else 1.0) * pooled.weights[0]) @ design.membership

    def compared(masks: np.ndarray) -> np.ndarray:
        """Correlation, mean difference and log variance ratio of each construct: (samples, 3, constructs)."""
        both = []
        for part in (masks, 1 - masks):
            found = solve(sample.moments(part)[1], design, settings, reference=reference)
            both.append(np.where(found.usable[:, None], found.weights, np.nan))
        one, other = both
        alike = np.einsum("ri,ij,rj,ik,jk->rk", one, matrix, other, design.membership, design.membership, optimize=True)
        own = [
            np.einsum("ri,ij,rj,ik,jk->rk", w, matrix, w, design.membership, design.membership, optimize=True)
            for w in both
        ]
        return np.stack([alike / np.sqrt(own[0] * own[1]), *_levels(scores, masks, sample.weights)], axis=1)

    observed = compared(belongs[None].astype("float64"))[0]
    chance = np.concatenate(
        [compared(masks) for masks in grouping.dealt(belongs, permutations=permutations, generator=generator)]
    )
    chance = chance[np.isfinite(chance).all(axis=(1, 2))]
    total = len(chance) + 1
    # Single items have a correlation of 1 up to rounding.
    composition = (1 + (chance[:, 0] <= observed[0] + 1e-12).sum(axis=0)) / total
    level = (1 + (np.abs(chance[:, 1:]) >= np.abs(observed[1:]) - 1e-12).sum(axis=0)) / total
    differ = holm(composition) < LEVEL
    moved = (holm(level[0]) < LEVEL) | (holm(level[1]) < LEVEL)
    verdict = ["none" if no else "partial" if some else "full" for no, some in zip(differ, moved, strict=True)]
    return pd.DataFrame(
        {
            "construct": list(design.names),
            "correlation": observed[0],
            "bound": np.quantile(chance[:, 0], LEVEL, axis=0),
            "p_composition": composition,
            "mean_difference": observed[1],
            "p_mean": level[0],
            "log_variance_ratio": observed[2],
            "p_variance": level[1],
            "verdict": verdict,
        }
    )


def _levels(scores: np.ndarray, masks: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Difference of means (pooled scores have variance 1) and logarithm of the ratio of variances."""
    centred = scores - np.average(scores, axis=0, weights=weights)
    means, variances = [], []
    for part in (masks, 1 - masks):
        counted = part * weights
        total = counted.sum(axis=1, keepdims=True)
        mean = counted @ centred / total
        means.append(mean)
        variances.append(counted @ centred**2 / total - mean**2)
    return means[0] - means[1], np.log(variances[0] / variances[1])
