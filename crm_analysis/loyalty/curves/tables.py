"""Tables: types of customers, boxes of satisfaction, and the trap's rate in every group."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from crm_analysis import proportion
from crm_analysis.loyalty.curves import excess, smooth
from crm_analysis.loyalty.curves.binning import Bins, Draws
from crm_analysis.loyalty.curves.binning import bins as binned
from crm_analysis.loyalty.curves.piecewise import difference
from crm_analysis.resampling import percentile

TYPES = ("apostle", "mercenary", "hostage", "defector")
"""Jones and Sasser (1995): satisfied and loyal; satisfied, not loyal; loyal, not satisfied; neither."""
_LEAST_IN_GROUP = 100  # customers from which a group's own line says something
_COARSE_SATISFACTION, _COARSE_SCORE = 60, 80
_FEW_LEVELS = 11


def types(satisfied: np.ndarray, loyal: np.ndarray) -> np.ndarray:
    """Return the type of each customer."""
    return np.select([satisfied & loyal, satisfied, loyal], TYPES[:3], default=TYPES[3]).astype("object")


def type_shares(kinds: np.ndarray, weight: np.ndarray) -> pd.DataFrame:
    """Return how many customers are of each type, and their weighted shares with 95 % Wilson intervals."""
    found = pd.DataFrame({"type": TYPES, "customers": [int((kinds == kind).sum()) for kind in TYPES]})
    shares = np.array([proportion.weighted_share(kinds == kind, weight) for kind in TYPES]).reshape(-1, 3)
    ends = ("customers_share", "customers_share_low", "customers_share_high")
    return found.assign(**dict(zip(ends, shares.T, strict=True)))


def boxes(satisfaction: np.ndarray, loyal: np.ndarray, weight: np.ndarray) -> pd.DataFrame:
    """Return the loyal share of the highest answers and of those next to them, and the difference.

    A box is a level where there are few levels, otherwise ten points: 90 to 100, and 80 to below 90.
    """
    levels = np.unique(satisfaction)
    if len(levels) < 2:
        cuts = []
    elif len(levels) <= _FEW_LEVELS:
        cuts = [("top box", levels[-1], levels[-1]), ("next box", levels[-2], levels[-2])]
    else:
        cuts = [("top box", 90.0, 100.0), ("next box", 80.0, np.nextafter(90.0, 0.0))]
    rows, shares = [], []
    for name, low, high in cuts:
        inside = (satisfaction >= low) & (satisfaction <= high)
        shares.append(proportion.weighted_share(loyal[inside], weight[inside]))
        rows.append((name, low, round(high, 6), int(inside.sum()), *shares[-1]))
    if len(shares) == 2 and np.isfinite(shares).all():
        rows.append(("difference", np.nan, np.nan, rows[0][3] + rows[1][3], *difference(*shares)))
    columns = ["box", "satisfaction_from", "satisfaction_to", "customers"]
    return pd.DataFrame(rows, columns=[*columns, "loyal_share", "loyal_share_low", "loyal_share_high"])


def trap_excess(
    satisfaction: np.ndarray,
    loyal: np.ndarray,
    score: np.ndarray | None,
    drawn: Draws,
    *,
    satisfied_from: float,
    cut: float,
) -> np.ndarray:
    """Return rate and excess in the sample (row 0) and in every resample: (1 + resamples, 2).

    `score` with its `cut` is what makes a customer loyal; None where loyalty is only known as yes or no.
    """
    if score is None:
        places = binned(satisfaction, edge=satisfied_from, weight=drawn.weight)
        size = drawn.histogram(places.place, len(places.centre))
        total = drawn.histogram(places.place, len(places.centre), loyal.astype("float64"))
        satisfied = places.centre >= satisfied_from
        rate = excess.observed(size, total, satisfied)
        return np.column_stack([rate, rate - excess.expected_of_line(size, total, places.centre, satisfied)])
    crossed = cross(satisfaction, score, satisfied_from=satisfied_from, cut=cut, weight=drawn.weight)
    counts = drawn.histogram(crossed.cell, crossed.cells).reshape(len(drawn.counts), len(crossed.at), -1)
    return crossed.rates(counts, crossed.at)


@dataclass(frozen=True, eq=False)
class Crossed:
    """Customers by bin of satisfaction and of the score: the `cell` of each, both values of the bins, the cuts."""

    cell: np.ndarray
    at: np.ndarray
    score: np.ndarray
    width: float
    satisfied_from: float
    cut: float

    @property
    def cells(self) -> int:
        return len(self.at) * len(self.score)

    def rates(self, counts: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Return rate and excess, by resample, of customers counted by satisfaction `at` and by score."""
        satisfied = at >= self.satisfied_from
        rate = excess.observed(counts.sum(axis=2), counts[:, :, self.score >= self.cut].sum(axis=2), satisfied)
        expected = excess.expected_if_straight(counts, at, self.score, satisfied, cut=self.cut, width=self.width)
        return np.column_stack([rate, rate - expected])


def cross(
    satisfaction: np.ndarray, score: np.ndarray, *, satisfied_from: float, cut: float, weight: np.ndarray | None = None
) -> Crossed:
    """Put customers into bins of satisfaction and score."""
    across: Bins = binned(satisfaction, edge=satisfied_from, most=_COARSE_SATISFACTION, weight=weight)
    along: Bins = binned(score, edge=cut, most=_COARSE_SCORE, weight=weight)
    # A mean over many places can bear a rougher curve, and wants one that does not cut its corners: half the bandwidth.
    width = smooth.bandwidth(across.centre, *across.moments(score)) / 2
    cell = across.place * len(along.centre) + along.place
    return Crossed(cell, across.centre, along.centre, width, satisfied_from, cut)


def rates_by_group(
    groups: pd.DataFrame,
    satisfaction: np.ndarray,
    loyal: np.ndarray,
    score: np.ndarray | None,
    drawn: Draws,
    *,
    satisfied_from: float,
    cut: float,
) -> pd.DataFrame:
    """Return rate and excess in every group of every grouping, each against the group's own line.

    The rate has its Wilson interval, at the effective number of customers; a group of fewer than a hundred customers,
    or without both kinds of customers, has no excess.
    """
    satisfied = satisfaction >= satisfied_from
    rows = []
    for grouping in groups:
        names = groups[grouping].to_numpy(dtype="object")
        known = groups[grouping].notna().to_numpy()
        for name in sorted(set(names[known]), key=str):
            here = known & (names == name)
            who = int((here & satisfied).sum())
            inside = here & satisfied
            trapped = int((inside & ~loyal).sum())
            share = proportion.weighted_share(~loyal[inside], drawn.weights[inside])
            ends = (np.nan,) * 3
            if here.sum() >= _LEAST_IN_GROUP and who and 0 < loyal[here].sum() < here.sum():
                part = drawn.of(here)
                own = None if score is None else score[here]
                found = trap_excess(satisfaction[here], loyal[here], own, part, satisfied_from=satisfied_from, cut=cut)[
                    :, 1
                ]
                low, high = percentile(found[1:][np.isfinite(found[1:])][:, None])
                ends = (float(found[0]), float(low[0]), float(high[0]))
            rows.append((str(grouping), str(name), int(here.sum()), who, trapped, *share, *ends))
    shares = [f"{kind}_share{end}" for kind in ("trapped", "excess") for end in ("", "_low", "_high")]
    return pd.DataFrame(rows, columns=["grouping", "group", "customers", "satisfied", "trapped", *shares])


def as_shown(frame: pd.DataFrame, estimate: str) -> pd.DataFrame:
    """Return a table with the names under which a page writes an interval into the cell of its estimate."""
    names = {
        "name": "explanation",
        "contribution": "contribution_share",
        "pvalue": "p_value",
        "ci_lower": f"{estimate}_low",
        "ci_upper": f"{estimate}_high",
    }
    ends = {column: f"{column.removesuffix('er')}" for column in frame if column.endswith("_lower")}
    ends |= {column: f"{column.removesuffix('_upper')}_high" for column in frame if column.endswith("_upper")}
    return frame.rename(columns=ends | names)


def differ(names: pd.Series, satisfied: np.ndarray, loyal: np.ndarray, weight: np.ndarray) -> float:
    """Return the p-value of equal trap rates in all groups; missing where there is nothing to compare.

    Chi-square of the effective numbers of satisfied customers.
    """
    counts = []
    for name in names.dropna().unique():
        inside = satisfied & (names == name).to_numpy()
        if inside.any():
            trapped = float(np.average(~loyal[inside], weights=weight[inside]))
            counts.append(proportion.effective(weight[inside]) * np.array([trapped, 1 - trapped]))
    both = np.array(counts)
    if len(both) < 2 or not both.sum(axis=0).all():
        return float("nan")
    return float(stats.chi2_contingency(both, correction=False).pvalue)
