"""Service quality: how far perceptions fall short of expectations (SERVQUAL; Parasuraman et al. 1988)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crm_analysis import style
from crm_analysis.errors import UsageError
from crm_analysis.multiplicity import holm
from crm_analysis.result import Result
from crm_analysis.satisfaction.paired import difference, placement
from crm_analysis.satisfaction.paired import weights as counting
from crm_analysis.satisfaction.paired.difference import items, one_wave
from crm_analysis.satisfaction.paired.naming import decimal, label, sentence, with_ends, words
from crm_analysis.table import count, listed, percent

__all__ = ["GapsResult", "gaps", "items", "one_wave"]

NOTHING = "There are no expected and perceived service items in this study."
_USABLE = 0.7  # Nunnally 1978
_CEILING = 0.5


@dataclass(frozen=True, eq=False, repr=False)
class GapsResult(Result):
    """Gaps, perceived less expected, by dimension and item, with 95 % intervals.

    `dimensions` and `items` have one row each; `reliability` says how reliable the differences are; `overall` is the
    weighted gap over all dimensions (mean, lower end, upper end).
    """

    dimensions: pd.DataFrame
    items: pd.DataFrame
    reliability: pd.DataFrame
    overall: tuple[float, float, float]
    respondents: int
    scale: tuple[float, float]
    equal: bool
    title = "Service quality: gaps between perception and expectation"
    shown: ClassVar[dict[str, str]] = {
        "dimensions": "Gaps by dimension, perceived less expected; gap: interval by Student's t; bootstrap: the same "
        "by redraws; p after Holm",
        "items": "Gaps by item",
        "reliability": "How reliable the scores and their difference are",
    }

    def to_frame(self) -> pd.DataFrame:
        return self.dimensions.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"dimensions": self.to_frame(), "items": self.items.copy(), "reliability": self.reliability.copy()}

    def metrics(self) -> dict[str, float]:
        found = {"respondents": float(self.respondents), "overall_gap": self.overall[0]}
        names = self.dimensions["dimension"].astype(str).str.lower().str.replace(r"\W+", "_", regex=True)
        return found | {f"gap_{name}": gap for name, gap in zip(names, self.dimensions["gap"], strict=True)}

    def findings(self) -> tuple[str, ...]:
        """The most important first: the widest shortfall, what exceeds expectations, the whole, how reliable."""
        if self.dimensions.empty:
            return (NOTHING,)
        rows = self.dimensions.sort_values("gap", kind="stable")
        worst, best = rows.iloc[0], rows.iloc[-1]
        short = rows[(rows["p_holm"] < 0.05) & (rows["gap"] < 0)]
        above = rows[(rows["p_holm"] < 0.05) & (rows["gap"] > 0)]
        unclear = rows[~(rows["p_holm"] < 0.05)]
        if worst["gap"] < 0:
            surely = worst["p_holm"] < 0.05
            how = "falls short of expectations most" if surely else "seems to fall short most, not surely"
            first = f"{sentence(worst['dimension'])} {how}: {with_ends(worst, 'gap')} points."
        else:
            first = f"No dimension falls short of expectations; {words(worst['dimension'])} comes nearest to it, at "
            first += f"{with_ends(worst, 'gap')} points."
        said = [first]
        if len(above):
            most = "" if len(above) == 1 else f" most {words(best['dimension'])},"
            said.append(f"Above expectations: {_names(above)},{most} by {with_ends(best, 'gap')}.")
        if len(short) > 1:
            said.append(f"Below expectations after Holm's correction: {_names(short)}.")
        if len(unclear):
            said.append(f"Neither above nor below for certain: {_names(unclear)}.")
        said.append(self._whole())
        return (*said, *self._cautions())

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw what is expected and perceived of each dimension, and the gap between them with its interval."""
        if self.dimensions.empty:
            return style.nothing(ax, title="Service quality gaps", why=NOTHING)
        rows = self.dimensions.sort_values("gap", ascending=False, kind="stable").reset_index(drop=True)
        ax = style.axes(ax, width=8.2, height=1.9 + 0.5 * len(rows))
        span, reach = self.scale[1] - self.scale[0], []
        for place, row in zip(range(len(rows) - 1, -1, -1), rows.to_dict("records"), strict=True):
            color = style.PALETTE[2] if row["gap"] >= 0 else style.PALETTE[3]
            ax.hlines(place, row["expected"], row["perceived"], color=color, lw=5, alpha=0.4)
            # The interval belongs to the gap, so it is drawn round its end with the expectation held, on the scale.
            ends = np.clip(row["expected"] + np.array([row["gap_low"], row["gap_high"]]), *self.scale)
            ax.hlines(place, *ends, color=style.INK, lw=1.3, zorder=3)
            reach.append([row["expected"], row["perceived"], *ends])
            note = ax.text(np.nanmax(reach[-1]) + 0.02 * span, place, decimal(row["gap"]), va="center", fontsize=9)
            note.set(color=color, fontweight="bold")
        places = np.arange(len(rows))[::-1]
        ax.scatter(rows["expected"], places, marker="|", s=190, lw=2.4, color=style.INK, label="expected", zorder=4)
        ax.scatter(rows["perceived"], places, s=46, color=style.PALETTE[0], label="perceived", zorder=4)
        ax.set(xlim=(np.nanmin(reach) - 0.06 * span, np.nanmax(reach) + 0.12 * span), ylim=(-0.6, len(rows) - 0.4))
        ax.set_yticks(places, [label(name) for name in rows["dimension"]])
        ax.set_xlabel(f"mean answer, scale {self.scale[0]:g} to {self.scale[1]:g} (the scale is cut off)")
        ax.set_title("Expected and perceived, and the gap between")
        placement.legend_below(ax, ncols=2)
        return style.describe(ax, f"Expected and perceived service by dimension. {self.findings()[0]}")

    def _whole(self) -> str:
        gap, low, high = self.overall
        ends = {"gap": gap, "gap_low": low, "gap_high": high}
        how = "all dimensions counting the same" if self.equal else "dimensions weighted by their importance"
        return f"Over all, {how}, the gap is {with_ends(ends, 'gap')} points ({count(self.respondents, 'respondent')})."

    def _cautions(self) -> tuple[str, ...]:
        said = []
        weak = self.reliability[self.reliability["difference"] < _USABLE]
        if len(weak):
            least = weak.loc[weak["difference"].idxmin()]
            lowest = "" if len(weak) == 1 else f", lowest for {words(least['dimension'])}"
            said.append(
                f"The reliability of the difference is below {_USABLE} for {_names(weak)}{lowest}: "
                f"{with_ends(least, 'difference')}. Means of groups can be used, the gap of one person cannot."
            )
        full = self.dimensions[self.dimensions["ceiling_share"] > _CEILING]
        if len(full):
            top = full.loc[full["ceiling_share"].idxmax()]
            said.append(
                f"{percent(top['ceiling_share'])} of the expectations of {words(top['dimension'])} are at the top of "
                "the scale: a gap there can hardly be positive."
            )
        return tuple(said)


def gaps(
    answers: pd.DataFrame,
    *,
    expected: difference.Items,
    perceived: difference.Items,
    scale: tuple[float, float] = (1, 10),
    weights: Mapping[str, float] | None = None,
    weight: counting.Weight = None,
    draws: int = 1000,
    seed: int = 0,
) -> GapsResult:
    """Measure how far perceptions fall short of expectations.

    Parameters
    ----------
    answers : DataFrame
        One row per respondent (of a survey in waves, one wave), NaN = missing.
    expected, perceived : mapping of str to sequence of str
        Dimension -> its items, in the same order; `items` finds them by name.
    scale : two numbers
        Lowest and highest code.
    weights : mapping of str to float, optional
        Importance of each dimension, such as points out of 100, for the gap over all; by default all the same.
    weight : str or array, optional
        What each respondent counts for.
    draws : int
        Bootstrap redraws of the respondents.
    seed : int
        For the redraws.

    Returns
    -------
    GapsResult
        Where no dimension has both levels, one that says so.

    Raises
    ------
    UsageError
        If the levels do not match, the importance is missing or negative, or there are fewer than 100 draws.
    DataError
        If an answer lies outside the scale.

    Notes
    -----
    gap = perceived - expected, item by item and person by person; a person's score of a dimension is the mean of the
    gaps of the items answered at both levels. Intervals are of the paired differences: Student's t, and percentiles of
    the redraws beside it. p-values (no gap) are adjusted over the dimensions by Holm's method. Cronbach's alpha of a
    difference is lower, the more the two levels correlate (Peter, Churchill and Brown 1993).

    References
    ----------
    Parasuraman, A., Zeithaml, V. A. and Berry, L. L. (1988). SERVQUAL: a multiple-item scale for measuring consumer
    perceptions of service quality. Journal of Retailing 64(1), 12-40.
    Peter, J. P., Churchill, G. A. and Brown, T. J. (1993). Caution in the use of difference scores in consumer
    research. Journal of Consumer Research 19, 655-662.
    """
    if draws < 100:
        raise UsageError(f"service_quality: draws must be 100 or more, not {draws}.")
    counts = counting.of(answers, weight, caller="service_quality")
    pairs = difference.pairs(answers, below=expected, above=perceived, scale=scale, words=("expected", "perceived"))
    pairs = [pair for pair in pairs if (np.isfinite(pair.gaps).any(axis=1) & (counts > 0)).any()]
    if not pairs:
        return _empty(scale)
    importance = _importance(weights, [pair.dimension for pair in pairs])
    scores = np.column_stack([pair.scores()[2] for pair in pairs])
    drawn = counting.means(scores, counting.redraws(counts, draws=draws, seed=seed))
    bounds = counting.ends(drawn)
    rows = [difference.dimension_row(pair, counts, top=scale[1]) for pair in pairs]
    for place, row in enumerate(rows):
        row |= {"bootstrap_low": bounds[0][place], "bootstrap_high": bounds[1][place]}
        row["importance_share"] = importance[place]
    dimensions = pd.DataFrame(rows)
    known = dimensions["p_value"].notna()
    dimensions["p_holm"] = np.nan
    if known.any():
        dimensions.loc[known, "p_holm"] = holm(dimensions.loc[known, "p_value"])
    # Only who judged every dimension has a score over all; otherwise the dimensions would compare different people.
    whole = counting.mean(scores @ importance, counts)
    return GapsResult(
        dimensions=dimensions,
        items=pd.DataFrame([row for pair in pairs for row in difference.item_rows(pair, counts)]),
        reliability=difference.reliability_table(pairs, counts, draws=min(draws, 500), seed=seed),
        overall=whole[:3],
        respondents=int((np.isfinite(scores).any(axis=1) & (counts > 0)).sum()),
        scale=scale,
        equal=weights is None,
    )


def _importance(given: Mapping[str, float] | None, dimensions: list[str]) -> np.ndarray:
    if given is None:
        return np.full(len(dimensions), 1 / len(dimensions))
    missing = [name for name in dimensions if name not in given]
    if missing:
        raise UsageError(f"service_quality: weights lacks the dimension {missing[0]!r}; give the importance of each.")
    values = np.array([float(given[name]) for name in dimensions])
    if not (values >= 0).all() or values.sum() <= 0:
        raise UsageError(f"service_quality: weights must be positive numbers, not {dict(given)}.")
    return values / values.sum()


def _names(rows: pd.DataFrame) -> str:
    return listed([words(name) for name in rows["dimension"]])


def _empty(scale: tuple[float, float]) -> GapsResult:
    columns = [
        "dimension",
        "answers",
        "expected",
        "perceived",
        "gap",
        "gap_low",
        "gap_high",
        "p_value",
        "ceiling_share",
    ]
    columns += ["bootstrap_low", "bootstrap_high", "importance_share", "p_holm"]
    heads = [
        "dimension",
        "expected_item",
        "perceived_item",
        "answers",
        "expected",
        "perceived",
        "gap",
        "gap_low",
        "gap_high",
    ]
    nothing = (float("nan"), float("nan"), float("nan"))
    reliability = difference.reliability_table([], np.empty(0), draws=100, seed=0)
    return GapsResult(pd.DataFrame(columns=columns), pd.DataFrame(columns=heads), reliability, nothing, 0, scale, True)
