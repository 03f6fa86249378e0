"""Statements: what the trap's result says, in sentences with their numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from crm_analysis.loyalty.curves.breaks import FIRST_RATE
from crm_analysis.loyalty.curves.design import PERCEPTION
from crm_analysis.loyalty.curves.explanations import ALPHA, CANNOT, NOT_SUPPORTED, SUPPORTED, UNTESTABLE
from crm_analysis.loyalty.curves.group_breaks import FEW, NONE, ONE, TWO
from crm_analysis.loyalty.wording import p_value, place, points
from crm_analysis.table import amount, count, interval, listed, number, percent, with_interval

_NAMED = 4
_MEANING = {
    "perception": "the curve itself bends, within markets of equal competition",
    "two factors": "basic satisfaction matters less, or latent satisfaction more, the higher it is",
    "competition": "the curve has another shape where competition differs",
}


def findings(found: Any) -> tuple[str, ...]:
    """Say what was found; `found` is a TrapResult."""
    facts = found.facts
    if facts.why:
        said = [*facts.cautions, facts.why]
        if facts.satisfied and facts.customers:
            said.append(_rate(found))
        return (*said, *facts.left_out)
    parts = (
        _trap,
        _corrected,
        _breaks,
        _flat,
        _boxes,
        _explanations,
        _level,
        _types,
        _worth,
        _groups,
        _group_breaks,
        _error,
        _weights,
    )
    said = [sentence for part in parts for sentence in part(found)]
    closing = f"{count(facts.customers, 'customer')} with satisfaction and behaviour; these are associations."
    return (*facts.cautions, *said, *facts.left_out, closing)


def _rate(found: Any) -> str:
    facts = found.facts
    share = with_interval(*(found.rate[name] for name in ("estimate", "ci_lower", "ci_upper")))
    by = f" by {facts.behaviour!r}" if facts.behaviour else ""
    return (
        f"Of {count(facts.satisfied, 'satisfied customer')} ({number(facts.satisfied_from)} points or more) {share} "
        f"are in the trap: satisfied, but not loyal. Loyal{by} means: {facts.loyal_means}."
    )


def _trap(found: Any) -> list[str]:
    facts, rate = found.facts, found.rate
    if not facts.satisfied:
        return [f"Nobody reaches a satisfaction of {number(facts.satisfied_from)}: there are no satisfied customers."]
    said = [_rate(found)]
    if pd.isna(rate["excess"]):
        return said
    value, low, high = (float(rate[name]) for name in ("excess", "excess_ci_lower", "excess_ci_upper"))
    straight = f"a straight line of the same strength would give {percent(rate['estimate'] - value)}"
    if low > 0:
        said.append(f"That is a trap beyond chance: {straight}, {points(value, low, high)} less.")
    elif high < 0:
        said.append(f"That is no trap: {straight}, {points(-value, -high, -low)} more.")
    else:
        said.append(f"That need not be a trap: {straight} anyway; the excess is {points(value, low, high)}.")
    return said


def _breaks(found: Any) -> list[str]:
    tests = found.facts.break_p_values
    if not tests:
        return [
            "Breaks were not looked for: satisfaction has too few values, behaviour never varies, or the call said so."
        ]
    if found.break_points.empty:
        said = [f"No break was found ({p_value(tests[0])}; a break is claimed from p = {FIRST_RATE} down)."]
        verdict = found.explanations.set_index("name")["verdict"]
        if found.rate["excess_ci_lower"] > 0 or verdict[PERCEPTION] == SUPPORTED:
            said.append(
                "The curve is no straight line all the same, but these data do not tell at which place it bends."
            )
        return said
    at = [place(*row) for row in found.break_points.itertuples(index=False)]
    return [f"The curve is no straight line ({p_value(tests[0])}): it bends at a satisfaction of {listed(at)}."]


def _flat(found: Any) -> list[str]:
    if found.flat_zone.empty:
        return []
    row = found.flat_zone.iloc[0]
    return [
        f"It is flat from {row['satisfaction_from']:.1f} to {row['satisfaction_to']:.1f}: in this zone of "
        f"{place(row['width'], row['width_lower'], row['width_upper'])} points more satisfaction brings little or no "
        "loyalty."
    ]


def _boxes(found: Any) -> list[str]:
    of = found.boxes.set_index("box")
    if "difference" not in of.index:
        return []
    top, following, gap = (of.loc[name] for name in ("top box", "next box", "difference"))
    return [
        f"Of the top box ({_box(top)}) {percent(top['loyal_share'])} are loyal, of the next ({_box(following)}) "
        f"{percent(following['loyal_share'])}: a difference of "
        f"{points(*(gap[f'loyal_share{end}'] for end in ('', '_low', '_high')))}."
    ]


def _box(row: pd.Series) -> str:
    low, high = (f"{round(row[f'satisfaction_{end}'], 1):g}" for end in ("from", "to"))
    return low if low == high else f"{low} to {high}"


def _explanations(found: Any) -> list[str]:
    rows = found.explanations
    of = {verdict: rows[rows["verdict"] == verdict] for verdict in (SUPPORTED, NOT_SUPPORTED, CANNOT, UNTESTABLE)}
    said = []
    for row in of[SUPPORTED].sort_values("contribution", ascending=False).to_dict("records"):
        text = (
            f"Supported given the others: {row['name']} ({p_value(row['pvalue'])}), that is, {_MEANING[row['name']]}."
        )
        if len(of[UNTESTABLE]) < len(rows) - 1:
            share = f"{percent(row['contribution'])} ({interval(row['ci_lower'], row['ci_upper'])})"
            text += f" It accounts for {share} of what the tested explanations explain beyond straight lines."
        said.append(text)
    if len(of[NOT_SUPPORTED]):
        names = [
            f"{row.name} ({p_value(row.pvalue)})"
            for row in of[NOT_SUPPORTED][["name", "pvalue"]].itertuples(index=False)
        ]
        said.append(f"Not supported given the others: {listed(names)}.")
    if len(of[CANNOT]):
        said.append(
            f"Something bends the curve, but {listed(list(of[CANNOT]['name']))} cannot be told apart with these data."
        )
    if len(of[UNTESTABLE]):
        by_reason: dict[str, list[str]] = {}
        for name in of[UNTESTABLE]["name"]:
            by_reason.setdefault(found.facts.untestable.get(name, "no data"), []).append(name)
        reasons = [f"{listed(names)} ({reason})" for reason, names in by_reason.items()]
        said.append(f"Not testable with this data: {listed(reasons)}; what cannot be tested may hide behind the rest.")
    return said


def _level(found: Any) -> list[str]:
    level = found.facts.level
    if level is None:
        return []
    low, high, value, ends, p = level
    if p > ALPHA:
        return [f"The height of the curve is not shown to differ by competition ({p_value(p)})."]
    return [
        f"At equal satisfaction loyalty is {points(abs(value), *ends)} {'lower' if value < 0 else 'higher'} where "
        f"competition is {high} than where it is {low} ({p_value(p)})."
    ]


def _types(found: Any) -> list[str]:
    share = found.types.set_index("type")["customers_share"]
    return [
        f"{percent(share['apostle'])} are apostles (satisfied and loyal), {percent(share['mercenary'])} mercenaries "
        f"(satisfied, not loyal), {percent(share['hostage'])} hostages (loyal, not satisfied) and "
        f"{percent(share['defector'])} defectors (neither)."
    ]


def _worth(found: Any) -> list[str]:
    if found.facts.worth is None:
        return []
    total, share, low, high = found.facts.worth
    of = "" if np.isnan(share) else f", {with_interval(share, low, high)} of what all these customers are worth"
    return [f"The customers in the trap are worth {amount(total, found.facts.currency)}{of}."]


def _groups(found: Any) -> list[str]:
    said = []
    for grouping, p in found.facts.group_p_values.items():
        rows = found.groups[(found.groups["grouping"] == grouping) & (found.groups["satisfied"] > 0)]
        if len(rows) < 2 or np.isnan(p):
            continue
        most, least = (rows.loc[rows["trapped_share"].agg(pick)] for pick in ("idxmax", "idxmin"))
        ends = ("trapped_share", "trapped_share_low", "trapped_share_high")
        verdict = "differs" if p <= ALPHA else "is not shown to differ"
        said.append(
            f"The trap rate {verdict} by {grouping.replace('_', ' ')} ({p_value(p)}): from "
            f"{with_interval(*(least[end] for end in ends))} in {least['group']} to "
            f"{with_interval(*(most[end] for end in ends))} in {most['group']}."
        )
    return said


def _group_breaks(found: Any) -> list[str]:
    said = []
    for grouping, rows in found.group_breaks.groupby("grouping", sort=False):
        if rows["group"].nunique() < 2:
            continue
        name = str(grouping).replace("_", " ")
        of = {verdict: rows[rows["verdict"] == verdict] for verdict in (ONE, TWO, NONE, FEW)}
        bent = of[ONE].sort_values("position", kind="stable")
        told = []
        if len(bent):
            ends = bent.iloc[[0, -1]] if len(bent) > 1 else bent
            at = [
                f"{place(row.position, row.ci_lower, row.ci_upper)} in {row.group}"
                for row in ends.itertuples(index=False)
            ]
            told.append(f"it bends {'between' if len(at) > 1 else 'at'} {listed(at)}")
        told += [f"it bends twice in {_some(of[TWO])}"] if len(of[TWO]) else []
        told += [f"no break was found in {_some(of[NONE])}"] if len(of[NONE]) else []
        told += [f"too few customers or levels to look for one in {_some(of[FEW])}"] if len(of[FEW]) else []
        said.append(f"The curve by {name}: {'; '.join(told)}.")
        p = found.facts.place_p_values.get(str(grouping), np.nan)
        if not np.isnan(p):
            verdict = "differs" if p <= ALPHA else "is not shown to differ"
            said.append(f"Where it bends once, the place of the break {verdict} by {name} ({p_value(p)}).")
    return said


def _some(rows: pd.DataFrame) -> str:
    """Name a few groups, count many."""
    names = list(dict.fromkeys(rows["group"]))
    return listed(names) if len(names) <= _NAMED else f"{len(names)} groups"


def _weights(found: Any) -> list[str]:
    facts = found.facts
    if facts.effective is None or facts.customers / facts.effective < 1.005:
        return []
    return [
        f"Customers are weighted: {facts.customers:,} of them tell as much as {number(round(facts.effective))} that "
        f"count the same (design effect {facts.customers / facts.effective:.2f}), and intervals are wider for it."
    ]


def _error(found: Any) -> list[str]:
    if found.facts.reliability is not None:
        return []
    return [
        "The reliability of satisfaction was not given: its error bends curves towards lines, so true bends are "
        "sharper than these."
    ]


def _corrected(found: Any) -> list[str]:
    facts = found.facts
    if facts.reliability in (None, 1) or not facts.satisfied:
        return []
    rate, excess = facts.corrected["rate"], facts.corrected["excess"]
    return [
        f"Corrected for the error in satisfaction (reliability {facts.reliability:.2f}, simulation extrapolation) the "
        f"trap rate is {with_interval(*(min(1.0, max(0.0, value)) for value in rate))}, its excess "
        f"{points(*excess)}; breaks are those of the observed score."
    ]
