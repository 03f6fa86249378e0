"""Statements: what is known of those who did not answer, in sentences."""

from __future__ import annotations

import pandas as pd

from crm_analysis.satisfaction.paired.naming import decimal, with_ends, words
from crm_analysis.satisfaction.response.answering import Answering
from crm_analysis.satisfaction.response.comparison import LEVEL
from crm_analysis.table import count, interval, percent, share_of


def of(result: Answering) -> tuple[str, ...]:
    """Return the findings: what the index would be, how many answered, who answers, what became of them."""
    if result.absent:
        return (result.absent,)
    found = [*_index(result), _rate(result), *_bounds(result), *_predicted(result), *_features(result)]
    return (*found, *_groups(result), *_later(result), *_outside(result))


def _rate(result: Answering) -> str:
    row = result.rates.iloc[0]
    return (
        f"Of {count(int(row['customers']), 'customer')} known before the survey, {int(row['answered']):,} answered, "
        f"{share_of(row, 'answered')}; who of the others was asked is not known."
    )


def _index(result: Answering) -> list[str]:
    found = result.numbers
    if "weighted" not in found:
        return []
    sure = found["change_low"] > 0 or found["change_high"] < 0
    verdict = "more than chance gives" if sure else "no more than chance gives"
    ends = f"95 % interval {found['change_low']:+.1f} to {found['change_high']:+.1f}"
    return [
        f"Weighted to look like all customers, the index of those who answered would be {found['weighted']:.1f} "
        f"instead of {found['plain']:.1f}: a change of {found['change']:+.1f} points ({ends}), {verdict}. "
        f"The weights cost exactness: "
        f"{int(result.rates['answered'].iloc[0]):,} answers tell as much as {found['effective']:,.0f} equal ones."
    ]


def _bounds(result: Answering) -> list[str]:
    found = result.numbers
    if "lowest" not in found:
        return []
    missing = 1 - found["scored_share"]
    per_point = (
        f" To move it by one point, they would have to feel {1 / missing:.1f} points unlike." if missing > 0 else ""
    )
    return [
        f"Weights repair only what was known of customers. If nothing is assumed of the {percent(missing)} whose "
        f"feelings are not known, the index of all lies between {found['lowest']:.1f} and {found['highest']:.1f}."
        f"{per_point}"
    ]


def _predicted(result: Answering) -> list[str]:
    found = result.numbers
    if "auc" not in found:
        return ["There are too few customers of either kind for a model of who answers."]
    ends = interval(found["auc_low"], found["auc_high"])
    what = (
        f"ranks one who answered above one who did not with a chance of {percent(found['auc'])} ({ends}; by lot 50 %)"
    )
    if found["auc_low"] <= 0.5:
        return [f"Who answers cannot be told from what was known before: a model of all that {what}."]
    return [f"Who answers can be told in part from what was known before: a model {what}."]


def _features(result: Answering) -> list[str]:
    rows = result.differences
    sure = rows[rows["differs"]].sort_values("difference", key=lambda values: -values.abs())
    if rows.empty:
        return []
    if sure.empty:
        return [
            f"Those who answered do not differ from the others beyond chance in any of {count(len(rows), 'feature')}."
        ]
    top = sure.iloc[0]
    more = "higher" if top["difference"] > 0 else "lower"
    text = (
        f"Those who answered differ in {len(sure)} of {count(len(rows), 'feature')}, most in {words(top['feature'])}: "
        f"on average {decimal(top['answered'])} against {decimal(top['others'])}, {more} by "
        f"{with_ends(top, 'difference')} standard deviations"
    )
    if pd.notna(top["weighted"]):
        text += f", of which weighting leaves {decimal(top['weighted'])}"
    return [f"{text}."]


def _groups(result: Answering) -> list[str]:
    rows = result.rates.iloc[1:]
    if rows.empty:
        return []
    sure = rows[rows["p_holm"] < LEVEL]
    if sure.empty:
        names = ", ".join(words(name) for name in dict.fromkeys(rows["by"]))
        return [f"No group answers more readily than another by more than chance ({names})."]
    spread = sure.groupby("by")["answered_share"].agg(lambda shares: shares.max() - shares.min())
    own = sure[sure["by"] == spread.idxmax()].sort_values("answered_share")
    low, high = own.iloc[0], own.iloc[-1]
    return [
        f"By {words(low['by'])}, the share that answered is highest in '{words(high['group'])}', "
        f"{share_of(high, 'answered')}, and lowest in '{words(low['group'])}', {share_of(low, 'answered')}."
    ]


def _later(result: Answering) -> list[str]:
    if result.later.empty:
        return []
    yes, no = (row for _, row in result.later.iterrows())
    text = (
        f"Since then {share_of(yes, 'bought')} of those who answered have bought again, of the others "
        f"{share_of(no, 'bought')}"
    )
    found = result.numbers
    if "later_gap" in found:
        low, high = 100 * found["later_gap_low"], 100 * found["later_gap_high"]
        text += (
            f"; against customers who were alike before, the difference is {100 * found['later_gap']:+.1f} percentage "
            f"points (95 % interval {low:+.1f} to {high:+.1f})"
        )
        if low > 0:
            text += ", so that silence is itself a sign"
    return [f"{text}."]


def _outside(result: Answering) -> list[str]:
    if not result.outside:
        return []
    who = count(result.outside, "respondent")
    return [
        f"{who} could not be found among the customers known before the survey, and "
        f"{'is' if result.outside == 1 else 'are'} left out here."
    ]
