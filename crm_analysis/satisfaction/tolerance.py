"""Tolerance: does service lie between what customers accept and what they wish for (Parasuraman et al. 1994)?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crm_analysis import style
from crm_analysis.proportion import effective
from crm_analysis.result import Result
from crm_analysis.satisfaction.paired import difference, placement, weights
from crm_analysis.satisfaction.paired.naming import label, sentence, with_ends, words
from crm_analysis.table import count, listed, with_interval

NOTHING = "There are no items on adequate and desired service in this study, so no zone of tolerance."
_PLACES = ("below", "within", "above")


@dataclass(frozen=True, eq=False, repr=False)
class ToleranceResult(Result):
    """Adequate, desired and perceived service by dimension: `dimensions`, with 95 % intervals."""

    dimensions: pd.DataFrame
    respondents: int
    scale: tuple[float, float]
    title = "Zone of tolerance"
    shown: ClassVar[dict[str, str]] = {
        "dimensions": "Adequacy: perceived less adequate; superiority: perceived less desired; shares of respondents "
        "for whom service lies below, within and above their zone"
    }

    def to_frame(self) -> pd.DataFrame:
        return self.dimensions.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"dimensions": self.to_frame()}

    def metrics(self) -> dict[str, float]:
        below = int((self.dimensions["adequacy_high"] < 0).sum())
        return {"respondents": self.respondents, "dimensions": len(self.dimensions), "below_adequate": below}

    def findings(self) -> tuple[str, ...]:
        """The most important first: where service is not even adequate, then who is below the zone."""
        if self.dimensions.empty:
            return (NOTHING,)
        rows = self.dimensions
        low = rows[rows["adequacy_high"] < 0].sort_values("adequacy", kind="stable")
        high = rows[rows["superiority_low"] > 0]
        said = [
            f"{sentence(row['dimension'])} is below what customers accept, by {with_ends(row, 'adequacy')} points."
            for row in low.to_dict("records")
        ]
        if not said:
            least = rows.loc[rows["adequacy"].idxmin()]
            said.append(
                "No dimension is below what customers accept for certain; the nearest to it is "
                f"{words(least['dimension'])}, with an adequacy of {with_ends(least, 'adequacy')} points."
            )
        if len(high):
            names = listed([words(name) for name in high["dimension"]])
            said.append(f"Customers get more than they wish for in {names}.")
        worst = rows.loc[rows["below_share"].idxmax()]
        share = with_interval(*(worst[f"below_share{end}"] for end in ("", "_low", "_high")))
        said.append(f"Most often below the zone is {words(worst['dimension'])}: for {share} of the respondents.")
        crossed = rows[rows["desired"] < rows["adequate"]]
        if len(crossed):
            names = listed([words(name) for name in crossed["dimension"]])
            said.append(f"For {names} the desired level is below the adequate one: the questions were misunderstood.")
        said.append(f"{count(self.respondents, 'respondent')}.")
        return tuple(said)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw each zone as a bar from adequate to desired, and perceived service with its interval."""
        if self.dimensions.empty:
            return style.nothing(ax, title="Zone of tolerance", why=NOTHING)
        rows = self.dimensions.sort_values("adequacy", ascending=False, kind="stable")
        ax = style.axes(ax, width=8.0, height=1.9 + 0.46 * len(rows))
        places = np.arange(len(rows))[::-1]
        width = rows["desired"] - rows["adequate"]
        ax.barh(places, width, left=rows["adequate"], height=0.5, color=style.PALETTE[6], label="adequate to desired")
        ax.hlines(places, rows["perceived_low"], rows["perceived_high"], color=style.INK, lw=1.5, zorder=3)
        ax.scatter(rows["perceived"], places, color=style.PALETTE[0], s=46, zorder=4, label="perceived")
        ax.set_yticks(places, [label(name) for name in rows["dimension"]])
        ax.set(ylim=(-0.6, len(rows) - 0.4))
        ax.set_xlabel(f"mean answer, scale {self.scale[0]:g} to {self.scale[1]:g} (the scale is cut off)")
        ax.set_title("Service and the zone of tolerance")
        placement.legend_below(ax, ncols=2)
        return style.describe(ax, f"Zone of tolerance and perceived service by dimension. {self.findings()[0]}")


def zone(
    answers: pd.DataFrame,
    *,
    adequate: difference.Items,
    desired: difference.Items,
    perceived: difference.Items,
    scale: tuple[float, float] = (1, 10),
    weight: weights.Weight = None,
) -> ToleranceResult:
    """Place perceived service in the zone between adequate and desired service.

    Parameters
    ----------
    answers : DataFrame
        One row per respondent, NaN = missing.
    adequate, desired, perceived : mapping of str to sequence of str
        Dimension -> its items, in the same order; `service_quality.items` finds them by name.
    scale : two numbers
        Lowest and highest code.
    weight : str or array, optional
        What each respondent counts for.

    Returns
    -------
    ToleranceResult
        Where no dimension has all three levels, one that says so.

    Raises
    ------
    UsageError
        If a dimension has another number of items at one level.
    DataError
        If an answer lies outside the scale.

    Notes
    -----
    Adequacy (MSA) = perceived - adequate, superiority (MSS) = perceived - desired, person by person over items answered
    at both levels; intervals are Student's t of the paired differences, those of shares Wilson's at the effective
    number of respondents. A person is below the zone where the adequacy is negative, above it where the superiority is
    positive, else within.

    References
    ----------
    Parasuraman, A., Zeithaml, V. A. and Berry, L. L. (1994). Alternative scales for measuring service quality. Journal
    of Retailing 70(3), 201-230.
    """
    there = [name for name in perceived if name in adequate and name in desired]
    above = {name: perceived[name] for name in there}
    counts = weights.of(answers, weight, caller="tolerance")
    lower, upper = (
        difference.pairs(answers, below={name: level[name] for name in there}, above=above, scale=scale, words=names)
        for level, names in ((adequate, ("adequate", "perceived")), (desired, ("desired", "perceived")))
    )
    wished = {pair.dimension: pair for pair in upper}
    rows, judged = [], np.zeros(len(answers), dtype=bool)
    for pair in lower:
        if pair.dimension not in wished:
            continue
        row, known = _row(pair, wished[pair.dimension], counts)
        if known.any():
            rows.append(row)
            judged |= known
    return ToleranceResult(pd.DataFrame(rows) if rows else _table(), int(judged.sum()), scale)


def _row(lower: difference.Pair, upper: difference.Pair, counts: np.ndarray) -> tuple[dict[str, Any], np.ndarray]:
    accepted, perceived, adequacy = lower.scores()
    wished, _, superiority = upper.scores()
    known = np.isfinite(adequacy) & np.isfinite(superiority) & (counts > 0)
    own = counts[known]
    row: dict[str, Any] = {"dimension": lower.dimension, "answers": int(known.sum())}
    for name, values in {"adequate": accepted, "desired": wished}.items():
        row[name] = weights.mean(values[known], own)[0]
    for name, values in {"perceived": perceived, "adequacy": adequacy, "superiority": superiority}.items():
        centre, low, high, _ = weights.mean(values[known], own)
        row |= {name: centre, f"{name}_low": low, f"{name}_high": high}
    below, above = adequacy[known] < 0, superiority[known] > 0
    # Who wishes for less than he accepts can be both; the shortfall counts then.
    for name, inside in zip(_PLACES, (below, ~below & ~above, above & ~below), strict=True):
        share = float(own @ inside / own.sum()) if own.size else np.nan
        low, high = weights.share_ends(share, effective(own)) if own.size else (np.nan, np.nan)
        row |= {f"{name}_share": share, f"{name}_share_low": low, f"{name}_share_high": high}
    return row, known


def _table() -> pd.DataFrame:
    columns = ["dimension", "answers", "adequate", "desired"]
    columns += [f"{name}{end}" for name in ("perceived", "adequacy", "superiority") for end in ("", "_low", "_high")]
    columns += [f"{name}_share{end}" for name in _PLACES for end in ("", "_low", "_high")]
    return pd.DataFrame(columns=columns)
