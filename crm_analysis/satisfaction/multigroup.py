"""Multigroup: do the paths of the model differ between groups?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from crm_analysis import resampling, style
from crm_analysis.errors import UsageError
from crm_analysis.multiplicity import holm
from crm_analysis.result import Result
from crm_analysis.satisfaction.composites import coefficientplot, grouping
from crm_analysis.satisfaction.composites.estimates import solve
from crm_analysis.satisfaction.composites.pathmodel import PathModel
from crm_analysis.satisfaction.composites.sample import Sample
from crm_analysis.satisfaction.micom import LEVEL, MicomResult, micom
from crm_analysis.table import listed

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False, repr=False)
class MultigroupResult(Result):
    """Paths in groups.

    Attributes
    ----------
    paths : DataFrame
        One row per group and path: group, respondents, source, target, estimate, ci_lower, ci_upper.
    table : DataFrame
        One row per pair of groups and path: first, second, source, target, difference with its interval
        (``_low``, ``_high``), p_permutation, p_bootstrap, p_holm (of the permutations, over all rows), verdict
        (differs, not told apart, not comparable).
    invariance : MicomResult
        Whether the groups mean the same.
    group : str
        Column of the groups.
    absent : str
        Why there is no comparison; empty if there is one.
    """

    paths: pd.DataFrame
    table: pd.DataFrame
    invariance: MicomResult
    group: str
    absent: str = ""
    title = "Paths in groups"
    shown: ClassVar[dict[str, str]] = {"clearest": "Differences of paths between groups, the ten clearest first"}

    def to_frame(self) -> pd.DataFrame:
        return self.table.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {
            "table": self.to_frame(),
            "clearest": self._clearest(),
            "paths": self.paths.copy(),
            "invariance": self.invariance.to_frame(),
        }

    def _clearest(self) -> pd.DataFrame:
        """What a page shows: with several groups there are too many pairs for all of them."""
        columns = ["first", "second", "source", "target", "difference", "difference_low", "difference_high", "p_holm"]
        if self.absent:
            return self.to_frame()
        ranked = self.table.sort_values("p_permutation", kind="stable")
        return ranked[[*columns, "verdict"]].head(10).reset_index(drop=True)

    def findings(self) -> tuple[str, ...]:
        if self.absent:
            return (self.absent,)
        sentences = []
        differs = self.table[self.table["verdict"] == "differs"]
        for row in differs.sort_values("p_holm").to_dict("records"):
            sentences.append(
                f"The path from {row['source']} to {row['target']} differs between {row['first']} and {row['second']} "
                f"by {row['difference']:+.2f} (95 % interval {row['difference_low']:+.2f} to "
                f"{row['difference_high']:+.2f})."
            )
        if differs.empty:
            top = self.table.loc[self.table["p_permutation"].idxmin()]
            sentences.append(
                f"No path is shown to differ between groups of {self.group}; the nearest is {top['source']} to "
                f"{top['target']}, {top['difference']:+.2f} (95 % interval {top['difference_low']:+.2f} to "
                f"{top['difference_high']:+.2f}) between {top['first']} and {top['second']}."
            )
        barred = self.table[self.table["verdict"] == "not comparable"]
        if len(barred):
            names = sorted({f"{row['source']} to {row['target']}" for row in barred.to_dict("records")})
            sentences.append(f"Not comparable somewhere, since the groups weigh items differently: {listed(names)}.")
        permutations = self.invariance.permutations
        if len(self.table) / (permutations + 1) >= LEVEL:
            sentences.append(
                f"With {permutations:,} permutations no p-value of {len(self.table):,} gets below {LEVEL} after Holm, "
                f"so no difference could be found: take {round(len(self.table) / LEVEL):,} or more."
            )
        sentences += self.invariance.left_out()
        sizes = self.paths.drop_duplicates("group")
        groups = [f"{row['group']} ({row['respondents']:,})" for row in sizes.to_dict("records")]
        sentences.append(f"Groups of {self.group}, respondents in brackets: {listed(groups)}.")
        return tuple(sentences)

    def metrics(self) -> dict[str, float]:
        return {} if self.absent else {"paths_that_differ": int((self.table["verdict"] == "differs").sum())}

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw every path in every group with its interval."""
        if self.absent:
            return style.nothing(ax, title="Paths in groups", why=self.absent)
        keys = self.paths["source"] + " → " + self.paths["target"]
        rows = self.paths.assign(key=pd.Categorical(keys, list(dict.fromkeys(keys)))).sort_values("key", kind="stable")
        names, groups = [str(group) for group in rows["group"]], [str(key) for key in rows["key"]]
        ax = coefficientplot.draw(ax, rows, names=names, groups=groups, named=True)
        ax.set_title(f"The paths by {self.group}")
        ax.set_xlabel("path coefficient (standardised)")
        return style.describe(ax, f"Points with intervals, one per path and group. {self.findings()[0]}")


def compare(
    fit: PathModel,
    answers: pd.DataFrame,
    *,
    group: str,
    permutations: int = 1000,
    bootstrap: int = 1000,
    seed: int = 0,
    weight: str | None = None,
) -> MultigroupResult:
    """Compare the paths between groups of respondents.

    Parameters
    ----------
    fit : PLSResult
        The model and its settings.
    answers : DataFrame
        The items, and the column of the groups.
    group : str
        Column of the groups; every two with twenty complete answers or more are compared.
    permutations, bootstrap, seed : int
        Deals by chance, resamples in each group, and their seed.
    weight : str, optional
        Column of survey weights.

    Returns
    -------
    MultigroupResult
        A path ``differs`` where dealing respondents to the groups by chance gives so large a difference in less than
        5 % (Holm over all pairs and paths); it is ``not comparable`` where the groups weigh the items of its source or
        target differently (see `micom.micom`). p_bootstrap is twice the smaller share of pairs of draws on either side.

    Raises
    ------
    UsageError
        If there are fewer than 19 permutations or 2 resamples.

    References
    ----------
    Chin, W. W., Dibbern, J. (2010). A permutation based procedure for multi-group PLS analysis. In Handbook of Partial
    Least Squares, 171-193. Henseler, J., Ringle, C. M., Sinkovics, R. R. (2009). The use of partial least squares path
    modeling in international marketing. Advances in International Marketing 20, 277-319.
    """
    if bootstrap < 2:
        raise UsageError(f"groups: bootstrap must be at least 2 resamples, not {bootstrap}.")
    invariance = micom(fit, answers, group=group, permutations=permutations, seed=seed, weight=weight)
    groups = grouping.split(fit, answers, group=group, weight=weight, caller="groups")
    if groups.absent or groups.sample is None:
        nothing = pd.DataFrame({"source": [], "target": [], "difference": []})
        return MultigroupResult(nothing, nothing.copy(), invariance, group, groups.absent)
    streams = np.random.SeedSequence(seed).spawn(2 * len(groups.names) + 1)
    ways = [(fit.design.names[a], fit.design.names[b]) for a, b in zip(*np.nonzero(fit.design.adjacency), strict=True)]
    points, draws, rows = [], [], []
    for code, name in enumerate(groups.names):
        part = groups.codes == code
        own = Sample(
            groups.sample.answers[part],
            groups.sample.weights[part],
            np.arange(part.sum()),
            groups.sample.index[part],
            groups.sample.items,
        )
        point, drawn = _estimated(fit, own, bootstrap, int(streams[code].generate_state(1)[0]))
        low, high = resampling.percentile(drawn)
        points.append(point)
        draws.append(drawn)
        rows += [(name, len(own), *way, *numbers) for way, *numbers in zip(ways, point, low, high, strict=True)]
    columns = ["group", "respondents", "source", "target", "estimate", "ci_lower", "ci_upper"]
    generator = np.random.default_rng(streams[-1])
    found = []
    for first, second in groups.pairs:
        difference = points[first] - points[second]
        chance = _permuted(fit, *groups.of(first, second), permutations, generator)
        p = (1 + (np.abs(chance) >= np.abs(difference) - 1e-12).sum(axis=0)) / (len(chance) + 1)
        size = min(len(draws[first]), len(draws[second]))
        low, high = resampling.percentile(draws[first][:size] - draws[second][:size])
        sided = _larger(draws[first], draws[second])
        names = (groups.names[first], groups.names[second])
        both = 2 * np.minimum(sided, 1 - sided)
        found += [(*names, *way, *numbers) for way, *numbers in zip(ways, difference, low, high, p, both, strict=True)]
    table = pd.DataFrame(
        found,
        columns=[
            "first",
            "second",
            "source",
            "target",
            "difference",
            "difference_low",
            "difference_high",
            "p_permutation",
            "p_bootstrap",
        ],
    )
    table["p_holm"] = holm(table["p_permutation"].to_numpy())
    table["verdict"] = [_verdict(row, invariance) for row in table.to_dict("records")]
    return MultigroupResult(pd.DataFrame(rows, columns=columns), table, invariance, group)


def _verdict(row: dict, invariance: MicomResult) -> str:
    if not all(invariance.allows(row["first"], row["second"], row[end]) for end in ("source", "target")):
        return "not comparable"
    return "differs" if row["p_holm"] < LEVEL else "not told apart"


def _estimated(fit: PathModel, sample: Sample, bootstrap: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Paths of one group, and of its resamples."""
    assert fit.estimates is not None
    reference, where = fit.estimates.loadings[0], fit.design.adjacency
    point = solve(sample.moments()[1], fit.design, fit.settings, reference=reference).paths[0][where]
    blocks = [np.empty((0, len(point)))]
    for _, covariances in sample.resampled(resamples=bootstrap, seed=seed):
        drawn = solve(covariances, fit.design, fit.settings, reference=reference)
        blocks.append(drawn.paths[drawn.usable][:, where])
    return point, np.concatenate(blocks)


def _permuted(
    fit: PathModel, sample: Sample, belongs: np.ndarray, permutations: int, generator: np.random.Generator
) -> np.ndarray:
    """Differences of the paths after dealing respondents by chance."""
    assert fit.estimates is not None
    reference, where = fit.estimates.loadings[0], fit.design.adjacency
    blocks = []
    for masks in grouping.dealt(belongs, permutations=permutations, generator=generator):
        one, other = (
            solve(sample.moments(part)[1], fit.design, fit.settings, reference=reference) for part in (masks, 1 - masks)
        )
        usable = one.usable & other.usable
        blocks.append((one.paths - other.paths)[usable][:, where])
    return np.concatenate(blocks)


def _larger(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Share of pairs of draws in which the first is the larger, column by column."""
    shares = []
    for one, other in zip(first.T, second.T, strict=True):
        ordered = np.sort(other)
        shares.append(np.searchsorted(ordered, one, side="left").mean() / max(len(ordered), 1))
    return np.array(shares)
