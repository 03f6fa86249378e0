"""Priorities: where an improvement moves the index most, and how much room there is (importance-performance map)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from crm_analysis import resampling, style
from crm_analysis.errors import UsageError
from crm_analysis.result import Result, metric_key
from crm_analysis.satisfaction.composites import indexing
from crm_analysis.satisfaction.composites.pathmodel import PathModel
from crm_analysis.satisfaction.score import focus
from crm_analysis.table import percent, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ADVICE = {
    (True, False): "improve first",
    (True, True): "keep up",
    (False, False): "improve later",
    (False, True): "leave as it is",
}


@dataclass(frozen=True, eq=False, repr=False)
class PriorityResult(Result):
    """Importance and performance of what leads to a construct.

    Attributes
    ----------
    table : DataFrame
        One row per construct that leads to the target: construct, importance (points of the target per point of the
        construct), performance (index), each with its interval, top_share (share of resamples in which it is the most
        important), priority.
    items : DataFrame
        One row per item of these constructs: construct, item, importance, performance.
    target : str
        The construct to be improved.
    absent : str
        Why there is no map; empty if there is one.
    """

    table: pd.DataFrame
    items: pd.DataFrame
    target: str
    absent: str = ""
    title = "Importance and performance"
    shown: ClassVar[dict[str, str]] = {
        "table": "What leads to the target: importance in points per point, performance from 0 to 100",
        "items": "The same by item",
    }

    def to_frame(self) -> pd.DataFrame:
        return self.table.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"table": self.to_frame(), "items": self.items.copy()}

    def findings(self) -> tuple[str, ...]:
        if self.absent:
            return (self.absent,)
        rows = self.table.to_dict("records")
        first = rows[0]
        sure = (
            ""
            if np.isnan(first["importance_low"])
            else (f"; it is the most important in {percent(first['top_share'])} of the resamples")
        )
        sentences = [
            f"One point more of {first['construct']} goes with {_written(first, 'importance', 2)} points of "
            f"{self.target}, more {'' if first['importance'] >= 0 else 'in size '}than for any other construct{sure}."
        ]
        urgent = [row for row in rows if row["priority"] == "improve first"]
        for row in urgent:
            sentences.append(
                f"Improve first: {row['construct']}, important ({row['importance']:.2f}) and rated below the average "
                f"of the causes ({_written(row, 'performance', 1)})."
            )
        if not urgent:
            sentences.append(f"No construct is both important and rated low: keep up {first['construct']}.")
        item = self.items.iloc[0]
        sentences.append(
            f"Among single items, {item['item']} moves {self.target} most: {item['importance']:.2f} points per point, "
            f"rated {item['performance']:.1f}."
        )
        return (
            *sentences,
            "Importance is a total effect in the model: what an improvement brings if its paths are causes.",
        )

    def metrics(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for row in self.table.to_dict("records"):
            name = metric_key(row["construct"])
            found |= {f"importance_{name}": float(row["importance"]), f"performance_{name}": float(row["performance"])}
        return found

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw importance against performance with intervals; the lines are the means of the constructs."""
        if self.absent:
            return style.nothing(ax, title="Importance and performance", why=self.absent)
        ax = style.axes(ax, width=7.6, height=5.4)
        across, up = self.table["importance"], self.table["performance"]
        reach = [*self.table["importance_low"].fillna(across), *self.table["importance_high"].fillna(across), 0.0]
        height = [*self.table["performance_low"].fillna(up), *self.table["performance_high"].fillna(up)]
        wide, tall = max(max(reach) - min(reach), 0.1), max(max(height) - min(height), 4.0)
        for number, row in enumerate(self.table.to_dict("records")):
            colour = style.PALETTE[number % len(style.PALETTE)]
            x, y = row["importance"], row["performance"]
            ax.plot([row["importance_low"], row["importance_high"]], [y, y], color=colour, linewidth=1.6)
            ax.plot([x, x], [row["performance_low"], row["performance_high"]], color=colour, linewidth=1.6)
            ax.scatter([x], [y], color=colour, s=45, zorder=3)
            ax.annotate(short(row["construct"], width=26), (x, y), (6, 6), textcoords="offset points", color=colour)
        ax.axvline(across.mean(), color=style.MUTED, linestyle="--", linewidth=1)
        ax.axhline(up.mean(), color=style.MUTED, linestyle="--", linewidth=1)
        ax.set_xlim(min(reach) - 0.06 * wide, max(reach) + 0.25 * wide)
        ax.set_ylim(min(height) - 0.08 * tall, max(height) + 0.12 * tall)
        corner: dict[str, Any] = {"ha": "right", "fontsize": 9, "color": style.MUTED, "transform": ax.transAxes}
        ax.text(0.99, 0.02, "improve first", va="bottom", **corner)
        ax.text(0.99, 0.98, "keep up", va="top", **corner)
        ax.set_title(f"What moves {short(self.target, width=26)}, and how it is rated")
        ax.set_xlabel(f"importance: points of {short(self.target, width=26)} per point")
        ax.set_ylabel("performance (0 to 100)")
        return style.describe(ax, f"Importance-performance map, one point per construct. {self.findings()[0]}")


def rank(
    fit: PathModel,
    answers: pd.DataFrame,
    *,
    scale: indexing.Scale,
    codes: Mapping[str, indexing.Scale] | None = None,
    target: str = "",
    weight: str | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
) -> PriorityResult:
    """Rank what leads to a construct by importance, beside its performance.

    Parameters
    ----------
    fit : PLSResult
        The estimated model.
    answers, scale, codes, weight : DataFrame, (low, high), dict, str
        As in `score`.
    target : str
        The construct to be improved; by default the one that the model is about (`Model.focus`).
    bootstrap, seed : int
        Resamples for the percentile intervals (95 %), and their seed.

    Returns
    -------
    PriorityResult
        Importance is the total effect in index points: standardised total effect x sd(target) / sd(construct). A
        construct is important, or well rated, where its importance in size, or its index, lies above the mean of those
        that lead to the target. An item's importance is its share of the construct's.

    Raises
    ------
    UsageError
        If nothing leads to the target that is named, or a parameter is not understood.
    DataError
        If an answer lies outside its scale.

    References
    ----------
    Martilla, J. A., James, J. C. (1977). Importance-performance analysis. Journal of Marketing 41(1), 77-79.
    Ringle, C. M., Sarstedt, M. (2016). Gain more insight from your PLS-SEM results: the importance-performance map
    analysis. Industrial Management & Data Systems 116, 1865-1886.
    """
    name = focus(fit, target)
    end = fit.design.names.index(name)
    if not fit.design.causes(end) and target:
        raise UsageError(
            f"index: nothing leads to {name!r} in this model, so there are no priorities; name another target."
        )
    if fit.sample is None or answers.empty:
        return _nothing(name, fit.absent or "There are no answers to score, so there is no map.")
    if not fit.design.causes(end):
        return _nothing(name, f"Nothing leads to {name} in this model, so there are no priorities.")
    sample = indexing.answered(fit, answers, weight=weight)
    ruler = indexing.ruler(sample, scale=scale, codes=codes)
    found, drawn = indexing.measure(fit, sample, ruler, bootstrap=bootstrap, seed=seed)
    causes = np.array([node for node in range(len(fit.design.names)) if _leads(fit, node, end)])
    importance, performance = found.total[0, causes, end], found.points[0, causes]
    draws = drawn.total[:, causes, end]
    # Of complaints, say, fewer are better: what moves the target most counts, up or down.
    top = (
        np.bincount(np.abs(draws).argmax(axis=1), minlength=len(causes)) / max(len(draws), 1) if len(draws) else np.nan
    )
    table = pd.DataFrame({"construct": [fit.design.names[cause] for cause in causes], "importance": importance})
    table["importance_low"], table["importance_high"] = resampling.percentile(draws)
    table["performance"] = performance
    table["performance_low"], table["performance_high"] = resampling.percentile(drawn.points[:, causes])
    table["top_share"] = top
    size = np.abs(importance)
    pairs = zip(size >= size.mean(), performance >= performance.mean(), strict=True)
    table["priority"] = [_ADVICE[bool(much), bool(good)] for much, good in pairs]
    points = 100 * (sample.moments()[0][0] - ruler.low) / ruler.length
    rows = [
        (
            fit.design.names[cause],
            fit.design.items[item],
            found.total[0, cause, end] * found.shares[0, item],
            points[item],
        )
        for cause in causes
        for item in fit.design.items_of(cause)
    ]
    items = pd.DataFrame(rows, columns=["construct", "item", "importance", "performance"])
    return PriorityResult(
        table.sort_values("importance", key=np.abs, ascending=False, kind="stable", ignore_index=True),
        items.sort_values("importance", key=np.abs, ascending=False, kind="stable", ignore_index=True),
        name,
    )


def _nothing(name: str, why: str) -> PriorityResult:
    nothing = pd.DataFrame({"construct": [], "importance": [], "performance": []})
    return PriorityResult(nothing, nothing.copy(), name, why)


def _leads(fit: PathModel, node: int, end: int) -> bool:
    reach = np.linalg.matrix_power(fit.design.adjacency + np.eye(len(fit.design.names)), len(fit.design.names))
    return node != end and reach[node, end] > 0


def _written(row: Mapping, column: str, digits: int) -> str:
    value = f"{row[column]:.{digits}f}"
    if np.isnan(row[f"{column}_low"]):
        return value
    return f"{value} (95 % interval {row[f'{column}_low']:.{digits}f} to {row[f'{column}_high']:.{digits}f})"
