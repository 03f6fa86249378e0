"""Score: the satisfaction index, one number from 0 to 100, and the same for every construct of the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from crm_analysis import resampling, style
from crm_analysis.errors import UsageError
from crm_analysis.result import Result, metric_key
from crm_analysis.satisfaction import incomplete
from crm_analysis.satisfaction.composites import coefficientplot, indexing
from crm_analysis.satisfaction.composites.pathmodel import PathModel
from crm_analysis.table import count

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False, repr=False)
class IndexResult(Result):
    """Indices from 0 to 100.

    Attributes
    ----------
    table : DataFrame
        One row per construct: construct, index, index_low, index_high.
    items : DataFrame
        One row per item: construct, item, weight (share of a point that the item gives), points (its mean on 0-100).
    respondents : DataFrame
        One row per respondent (indexed as the answers): the index of each construct.
    construct : str
        The construct that `value` is of.
    weights : str
        ``model`` or ``equal``.
    absent : str
        Why there is no index; empty if there is one.
    left_out : int
        Respondents left out for a missing answer.
    """

    table: pd.DataFrame
    items: pd.DataFrame
    respondents: pd.DataFrame
    construct: str
    weights: str
    absent: str = ""
    left_out: int = 0
    title = "Satisfaction index"
    shown: ClassVar[dict[str, str]] = {
        "table": "Indices, 0 to 100",
        "items": "What the items weigh, and how they are rated (0 to 100)",
    }

    @property
    def value(self) -> float:
        """Index of the construct in question; missing if there is none."""
        return float(self._row()["index"]) if not self.absent else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        """Interval (95 %) of `value`."""
        if self.absent:
            return float("nan"), float("nan")
        return float(self._row()["index_low"]), float(self._row()["index_high"])

    def _row(self) -> pd.Series:
        return self.table.set_index("construct").loc[self.construct]

    def to_frame(self) -> pd.DataFrame:
        return self.table.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"table": self.to_frame(), "items": self.items.copy(), "respondents": self.respondents.copy()}

    def findings(self) -> tuple[str, ...]:
        if self.absent:
            return (self.absent,)
        rows = self.table.to_dict("records")
        main = next(row for row in rows if row["construct"] == self.construct)
        name = self.construct.capitalize()
        total = len(self.respondents) + self.left_out
        some = f"; {self.left_out:,} of {count(total, 'respondent')} were left out for a missing answer"
        told = some if incomplete.told(len(self.respondents), self.left_out) else ""
        sentences = [f"{name} stands at {_written(main)} on the scale from 0 to 100{told}."]
        others = sorted((row for row in rows if row is not main), key=lambda row: -row["index"])
        if others:
            listing = "; ".join(f"{row['construct']} {_written(row)}" for row in others)
            sentences.append(f"The other constructs, from the highest: {listing}.")
        negative = self.items[self.items["weight"] < 0]
        for row in negative.to_dict("records"):
            sentences.append(
                f"{row['item']} has a negative weight in {row['construct']}, so that index is hard to read."
            )
        how = "unstandardised weights of the model" if self.weights == "model" else "equal weights"
        return (*sentences, f"Made from {how} and the answers of {count(len(self.respondents), 'respondent')}.")

    def metrics(self) -> dict[str, float]:
        found = {}
        for row in self.table.to_dict("records"):
            name = metric_key(row["construct"])
            found[f"index_{name}"] = float(row["index"])
        return found

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the index of each construct with its interval."""
        if self.absent:
            return style.nothing(ax, title="Satisfaction index", why=self.absent)
        ends = {"index": "estimate", "index_low": "ci_lower", "index_high": "ci_upper"}
        rows = self.table.rename(columns=ends)
        groups = [str(name == self.construct) for name in rows["construct"]]
        ax = coefficientplot.draw(ax, rows, names=list(rows["construct"]), groups=groups)
        ax.set_xlim(0, 100)
        ax.set_title("How customers feel, from 0 to 100")
        ax.set_xlabel("index")
        return style.describe(ax, f"Points with intervals, one per construct. {self.findings()[0]}")


def score(
    fit: PathModel,
    answers: pd.DataFrame,
    *,
    scale: indexing.Scale,
    codes: Mapping[str, indexing.Scale] | None = None,
    construct: str = "",
    weights: str = "model",
    weight: str | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
) -> IndexResult:
    """Put the constructs on a scale from 0 to 100 (Fornell et al. 1996).

    Parameters
    ----------
    fit : PLSResult
        The estimated model.
    answers : DataFrame
        The answers to score: those of the fit, or others to the same items. A row with a missing answer to any item of
        the model is left out.
    scale : (low, high)
        Codes of the worst and the best answer.
    codes : dict, optional
        Items with other codes: ``{"complained": (0, 1)}``.
    construct : str
        The construct that `value` is of; by default the one that the model is about (`Model.focus`).
    weights : {"model", "equal"}
        Unstandardised PLS weights, normalised to sum 1, or all items of a construct alike.
    weight : str, optional
        Column of survey weights; the answers of the fit keep those that they were fitted with.
    bootstrap, seed : int
        Resamples for the percentile intervals (95 %), and their seed. On the answers of the fit, weights are estimated
        anew in each; on others they are those of the fit.

    Returns
    -------
    IndexResult

    Raises
    ------
    UsageError
        If a parameter is not understood.
    DataError
        If an answer lies outside its scale.

    References
    ----------
    Fornell, C., Johnson, M. D., Anderson, E. W., Cha, J., Bryant, B. E. (1996). The American Customer Satisfaction
    Index: nature, purpose, and findings. Journal of Marketing 60(4), 7-18. The formula is in `indexing.indices`.
    """
    name = focus(fit, construct)
    if weights not in indexing.WEIGHTS:
        raise UsageError(f"index: weights must be model or equal, not {weights!r}.")
    if fit.sample is None or answers.empty:
        why = fit.absent or "There are no answers to score, so there is no index."
        nothing = pd.DataFrame({"construct": [], "item": [], "index": [], "weight": []})
        return IndexResult(nothing, nothing.copy(), pd.DataFrame(), name, weights, why)
    sample = indexing.answered(fit, answers, weight=weight)
    ruler = indexing.ruler(sample, scale=scale, codes=codes)
    found, drawn = indexing.measure(fit, sample, ruler, weights=weights, bootstrap=bootstrap, seed=seed)
    low, high = resampling.percentile(drawn.points)
    names = list(fit.design.names)
    table = pd.DataFrame({"construct": names, "index": found.points[0], "index_low": low, "index_high": high})
    points = 100 * (sample.answers - ruler.low) / ruler.length
    items = pd.DataFrame(
        {
            "construct": [names[block] for block in fit.design.block],
            "item": list(fit.design.items),
            "weight": found.shares[0],
            "points": np.average(points, axis=0, weights=sample.weights),
        }
    )
    each = pd.DataFrame((points * found.shares[0]) @ fit.design.membership, sample.index, names)
    return IndexResult(table, items, each, name, weights, left_out=sample.left_out)


def focus(fit: PathModel, construct: str) -> str:
    """Return the construct that was asked for, or the one that the model is about; UsageError if there is none."""
    if construct and construct not in fit.design.names:
        known = ", ".join(fit.design.names)
        raise UsageError(f"index: the model has no construct {construct!r}; it has {known}.")
    return construct or fit.focus


def _written(row: Mapping) -> str:
    if np.isnan(row["index_low"]):
        return f"{row['index']:.1f}"
    return f"{row['index']:.1f} (95 % interval {row['index_low']:.1f} to {row['index_high']:.1f})"
