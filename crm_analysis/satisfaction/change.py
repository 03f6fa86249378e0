"""Change: how a difference of the index between waves or groups is told, and what those say who answered twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from crm_analysis.satisfaction.micom import MicomResult
from crm_analysis.table import listed


def told(changes: pd.DataFrame, invariance: MicomResult, *, construct: str, by: str) -> list[str]:
    """Tell what differs, the largest difference first.

    Parameters
    ----------
    changes : DataFrame
        As in `StandingResult`.
    invariance : MicomResult
        Whether the groups weigh the items alike.
    construct, by : str
        Construct of the index; column of the groups.

    Returns
    -------
    list of str
        Where the comparison of all who answered and that of the people who answered twice disagree (in direction, or
        in whether it is beyond chance), one sentence tells both, and comes first.
    """
    rows = changes.assign(size=changes["change"].abs()).sort_values("size", ascending=False).to_dict("records")
    torn = [row for row in rows if _is_torn(row)]
    alike = [row for row in rows if not _is_torn(row)]
    said = [_both(row, construct, by) for row in torn]
    said += [f"{_change(row, construct, by)}: more than chance gives." for row in alike if row["verdict"] == "differs"]
    if not said:
        said.append(f"{_change(rows[0], construct, by)}: no difference is shown.")
    said += [f"The {_again(row, by)} moved by {_moved(row)}." for row in alike if row["in_both"] > 1]
    barred = [row for row in rows if not row["comparable"]]
    unlike = [row for row in barred if is_tested(invariance, row["first"], row["second"])]
    untested = [row for row in barred if row not in unlike]
    if unlike:
        said.append(f"Not comparable, since they weigh the items of {construct} differently: {_pairs(unlike)}.")
    if untested:
        said.append(
            "Whether they weigh the items alike could not be tested, since too few answered every item: "
            f"{_pairs(untested)}."
        )
    if not barred:
        said.append(
            f"All groups weigh the items of {construct} alike, as far as {invariance.permutations:,} permutations "
            "show, so their indices may be compared."
        )
    return said


def is_tested(invariance: MicomResult, first: object, second: object) -> bool:
    """Whether both groups were large enough for the test of invariance."""
    if invariance.absent:
        return False
    rows = invariance.table
    return bool(((rows["first"] == first) & (rows["second"] == second)).any())


def _is_torn(row: Mapping[Any, Any]) -> bool:
    if row["in_both"] < 2 or not row["comparable"]:
        return False
    differs = row["verdict"] == "differs"
    return differs != _has_moved(row) or (differs and row["change"] * row["paired_change"] < 0)


def _has_moved(row: Mapping[Any, Any]) -> bool:
    return bool(row["paired_change_low"] > 0 or row["paired_change_high"] < 0)


def _both(row: Mapping[Any, Any], construct: str, by: str) -> str:
    same = f"the {_again(row, by)} moved by {_moved(row)}"
    if row["verdict"] != "differs":
        ends = f"95 % interval {row['change_low']:+.1f} to {row['change_high']:+.1f}"
        return (
            f"{same[0].upper()}{same[1:]}, more than chance gives, while among all who answered no change is shown "
            f"({row['change']:+.1f} points; {ends}): trust the people who can be compared with themselves."
        )
    text = f"{_change(row, construct, by, among=' among those who answered')}, but {same}"
    if row["change"] * row["paired_change"] > 0:
        return f"{text}, which alone is no more than chance gives."
    if _has_moved(row):
        return f"{text}: they feel the opposite, and who answers has changed."
    return f"{text}: who answers has changed, rather than what people feel."


def _change(row: Mapping[Any, Any], construct: str, by: str, *, among: str = "") -> str:
    up = row["change"] >= 0
    more, less = (row["second"], row["first"]) if up else (row["first"], row["second"])
    ends = (row["change_low"], row["change_high"]) if up else (-row["change_high"], -row["change_low"])
    return (
        f"{construct.capitalize()} is {abs(row['change']):.1f} points higher in {by} {more} than in {by} {less}{among} "
        f"(95 % interval of the difference {ends[0]:+.1f} to {ends[1]:+.1f})"
    )


def _again(row: Mapping[Any, Any], by: str) -> str:
    return f"{row['in_both']:,} people with complete answers in {by} {row['first']} and {by} {row['second']}"


def _moved(row: Mapping[Any, Any]) -> str:
    ends = f"95 % interval {row['paired_change_low']:+.1f} to {row['paired_change_high']:+.1f}"
    return f"{row['paired_change']:+.1f} points ({ends})"


def _pairs(rows: list[dict[Any, Any]]) -> str:
    return listed([f"{row['first']} with {row['second']}" for row in rows])
