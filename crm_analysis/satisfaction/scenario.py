"""Scenario: what the model says would follow if constructs were better, which is no forecast."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from crm_analysis import resampling, style
from crm_analysis.errors import UsageError
from crm_analysis.result import Result, metric_key
from crm_analysis.satisfaction.composites import coefficientplot, indexing, inner
from crm_analysis.satisfaction.composites.pathmodel import PathModel
from crm_analysis.table import listed

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False, repr=False)
class ScenarioResult(Result):
    """What would follow from changes of constructs.

    Attributes
    ----------
    table : DataFrame
        One row per construct: construct, now (index), change (points), change_low, change_high, then (index), how
        (set, follows, unmoved).
    changes : dict
        Points by which constructs are set higher or lower.
    absent : str
        Why there is no scenario; empty if there is one.
    """

    table: pd.DataFrame
    changes: dict[str, float]
    absent: str = ""
    title = "Scenario"
    shown: ClassVar[dict[str, str]] = {"table": "Scenario, not a forecast: indices now and then (0 to 100)"}

    def to_frame(self) -> pd.DataFrame:
        return self.table.copy()

    def findings(self) -> tuple[str, ...]:
        if self.absent:
            return (self.absent,)
        made = listed([f"{name} {points:+g} points" for name, points in self.changes.items()])
        follows = self.table[self.table["how"] == "follows"]
        sentences = []
        for row in follows.sort_values("change", key=np.abs, ascending=False).to_dict("records"):
            bounds = (
                ""
                if np.isnan(row["change_low"])
                else (f" (95 % interval {row['change_low']:+.1f} to {row['change_high']:+.1f})")
            )
            sentences.append(
                f"Scenario ({made}): {row['construct']} would move by {row['change']:+.1f} points{bounds}, from "
                f"{row['now']:.1f} to {row['then']:.1f}."
            )
        if follows.empty:
            sentences.append(f"Scenario ({made}): nothing in the model follows from it.")
        outside = list(self.table.loc[~self.table["then"].between(0, 100), "construct"])
        if outside:
            sentences.append(f"The scenario leaves the scale for {listed(outside)}: choose a smaller change.")
        return (
            *sentences,
            "This is a scenario: it holds if the paths are causes, all else stays, and lines stay lines.",
        )

    def metrics(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for row in self.table.to_dict("records"):
            name = metric_key(row["construct"])
            found[f"change_{name}"] = float(row["change"])
        return found

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the change of each construct with its interval."""
        if self.absent:
            return style.nothing(ax, title="Scenario", why=self.absent)
        ends = {"change": "estimate", "change_low": "ci_lower", "change_high": "ci_upper"}
        rows = self.table.rename(columns=ends)
        ax = coefficientplot.draw(ax, rows, names=list(rows["construct"]), groups=list(rows["how"]), named=True)
        ax.set_title("Scenario: what would change")
        ax.set_xlabel("points (0 to 100), if the paths are causes")
        return style.describe(ax, f"Points with intervals, one per construct, of a scenario. {self.findings()[0]}")


def suppose(
    fit: PathModel,
    answers: pd.DataFrame,
    *,
    changes: Mapping[str, float],
    scale: indexing.Scale,
    codes: Mapping[str, indexing.Scale] | None = None,
    weight: str | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
) -> ScenarioResult:
    """Suppose that constructs were better or worse, and follow the paths of the model.

    Parameters
    ----------
    fit : PLSResult
        The estimated model.
    answers, scale, codes, weight : DataFrame, (low, high), dict, str
        As in `score`.
    changes : dict
        Index points by which constructs are set higher or lower: ``{"quality": 5}``.
    bootstrap, seed : int
        Resamples for the percentile intervals (95 %), and their seed.

    Returns
    -------
    ScenarioResult
        A construct that is set does not answer to its own causes any more; the others move by the sum over all ways of
        change x path, in points per point. The intervals are sampling error; that paths are causes is assumed.

    Raises
    ------
    UsageError
        If changes name no construct of the model, or none at all.
    DataError
        If an answer lies outside its scale.

    References
    ----------
    Pearl, J. (2009). Causality, 2nd ed. Cambridge University Press, section 3.2 (setting a variable cuts its causes).
    """
    design = fit.design
    strangers = [name for name in changes if name not in design.names]
    if strangers or not changes:
        what = f"{strangers[0]!r} is no construct" if strangers else "changes are empty"
        raise UsageError(f"index: {what}; name the points to change, such as changes={{{design.names[0]!r}: 5}}.")
    wrong = [name for name, points in changes.items() if not (isinstance(points, Real) and np.isfinite(points))]
    if wrong:
        raise UsageError(f"index: the change of {wrong[0]!r} must be a number of points, not {changes[wrong[0]]!r}.")
    given = {name: float(points) for name, points in changes.items()}
    if fit.sample is None or answers.empty:
        why = fit.absent or "There are no answers to score, so there is no scenario."
        return ScenarioResult(pd.DataFrame({"construct": [], "change": []}), given, why)
    sample = indexing.answered(fit, answers, weight=weight)
    ruler = indexing.ruler(sample, scale=scale, codes=codes)
    found, drawn = indexing.measure(fit, sample, ruler, bootstrap=bootstrap, seed=seed)
    step = np.array([given.get(name, 0.0) for name in design.names])
    cut = np.array([name not in given for name in design.names])

    def moved(paths: np.ndarray) -> np.ndarray:
        return step + step @ inner.total_effects(paths * cut)

    low, high = resampling.percentile(moved(drawn.paths))
    change, now = moved(found.paths)[0], found.points[0]
    follows = (inner.total_effects(design.adjacency * cut.astype("float64"))[~cut] > 0).any(axis=0)
    how = ["set" if not free else "follows" if after else "unmoved" for free, after in zip(cut, follows, strict=True)]
    table = pd.DataFrame({"construct": list(design.names), "now": now, "change": change, "change_low": low})
    return ScenarioResult(table.assign(change_high=high, then=now + change, how=how), given)
