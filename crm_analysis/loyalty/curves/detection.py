"""Detection: the order in which the trap's parts are computed, and what is left where the data allow no more."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from crm_analysis import proportion
from crm_analysis.loyalty.curves import (
    answers,
    binning,
    cautions,
    contributions,
    correction,
    design,
    explanations,
    group_breaks,
    shape,
    switching,
    tables,
)
from crm_analysis.loyalty.curves.facts import Evidence, Facts
from crm_analysis.loyalty.curves.loyal import Loyal, decide
from crm_analysis.resampling import percentile
from crm_analysis.table import count

LEAST = 30
"""With fewer customers there is a rate, but no curve."""
RATE = ("estimate", "ci_lower", "ci_upper", "excess", "excess_ci_lower", "excess_ci_upper")


@dataclass(frozen=True, eq=False)
class Settings:
    """The options of `trap.detect`."""

    satisfied_from: float
    loyal_from: float | None
    attitude_from: float | None
    reliability: float | None
    most_breaks: int
    times: tuple[Any, Any]
    currency: str
    resamples: int
    seed: int


def run(
    satisfaction: Any, behaviour: Any, numbers: dict[str, Any], competition: Any, groups: Any, settings: Settings
) -> dict[str, Any]:
    """Return the parts of a TrapResult by name."""
    answers.positive(numbers["weight"], "weights", caller="trap")
    given = answers.join(satisfaction, behaviour, numbers)
    rows = given.rows
    left_out: tuple[str, ...] = ()
    for name in ("attitude", "weight"):
        if name in rows and numbers[name].isna().all():
            rows = rows.drop(columns=name)
    for name in ("attitude", "weight"):
        if name in rows and rows[name].isna().any():
            away = count(int(rows[name].isna().sum()), "customer")
            left_out += (f"Left out, since their {name} is not known: {away}.",)
            rows = rows[rows[name].notna()]
    weight = binning.scaled(rows["weight"].to_numpy()) if "weight" in rows and len(rows) else None
    market = None if competition is None else answers.indexed(competition, "competition", caller="trap")
    if market is not None and pd.api.types.is_numeric_dtype(market.dtype):
        market = answers.numbers(market, "competition", caller="trap")
    market = None if market is None else market.reindex(rows.index)
    grouped = answers.grouped(groups, rows.index)
    loyal = decide(rows, loyal_from=settings.loyal_from, attitude_from=settings.attitude_from, weight=weight)
    x = rows["satisfaction"].to_numpy()
    satisfied = x >= settings.satisfied_from
    counted = np.ones(len(rows)) if weight is None else weight
    parts = _counted(rows, satisfied, loyal, counted)
    facts = Facts(
        customers=len(rows),
        satisfied=int(satisfied.sum()),
        satisfied_from=settings.satisfied_from,
        behaviour="" if given.behaviour_name in (None, "behaviour") else str(given.behaviour_name),
        loyal_means=loyal.means,
        left_out=left_out,
        worth=_worth(rows, satisfied & ~loyal.loyal, counted),
        effective=None if weight is None else proportion.effective(weight),
        currency=settings.currency,
        reliability=settings.reliability,
    )
    why = _why(given, rows, loyal, facts.effective)
    if why:
        warned = (*cautions.shared(given), *cautions.order(rows, *settings.times))
        return parts | {"facts": replace(facts, why=why, cautions=warned)}
    generator = np.random.default_rng(settings.seed)
    drawn = binning.draws(len(rows), resamples=settings.resamples, generator=generator, weight=weight)
    y = rows["behaviour"].to_numpy()
    places = binning.bins(x, edge=settings.satisfied_from, weight=weight)
    spread = np.sqrt(np.cov(x, aweights=weight, ddof=0))
    error = float(spread * np.sqrt(1 - settings.reliability)) if settings.reliability else 0.0
    curve = shape.draw(
        places,
        y,
        drawn,
        most_breaks=settings.most_breaks,
        error=error,
        edge=settings.satisfied_from,
        generator=generator,
    )
    cut = {"satisfied_from": settings.satisfied_from, "cut": loyal.cut}
    both = tables.trap_excess(x, loyal.loyal, loyal.score, drawn, **cut)
    parts["rate"] = _with_excess(parts["rate"], both[:, 1])
    if market is not None:
        grouped = grouped.assign(competition=answers.levels(market))
        parts["by_competition"] = shape.by_group(grouped["competition"], places, y, drawn, curve.width)
    size, total = (
        drawn.histogram(places.place, len(places.centre), part) for part in (None, loyal.loyal.astype(float))
    )
    high = places.centre >= settings.satisfied_from
    evidence = Evidence(places.centre, size, total, curve.width, high, np.column_stack([x, y]))
    if "switching_cost" in rows:
        cost = rows["switching_cost"].to_numpy()
        evidence = replace(evidence, switching=switching.effects(x, loyal.loyal, cost, satisfied, drawn))
    by_group = tables.rates_by_group(grouped, x, loyal.loyal, loyal.score, drawn, **cut)
    bent, place_p_values = group_breaks.find(
        grouped if settings.most_breaks else grouped[[]],
        places,
        y,
        most=settings.most_breaks,
        generator=generator,
        resamples=settings.resamples,
    )
    explained, untestable, level, used = _explained(rows, market, satisfied, drawn)
    if used < len(rows):
        few = f"The explanations are tested on {used:,} of these customers, who have everything that is needed."
        facts = replace(facts, left_out=(*left_out, few))
    corrected = correction.rates(x, loyal, drawn, error=error, edge=settings.satisfied_from) if error > 0 else {}
    warned = (
        *cautions.slope(*curve.slope),
        *cautions.order(rows, *settings.times),
        *cautions.missing(given),
        *cautions.shared(given),
        *cautions.satisfied(int(satisfied.sum()), len(rows), settings.satisfied_from),
    )
    told = replace(
        facts,
        cautions=warned,
        break_p_values=curve.breaks.p_values,
        slope=curve.slope,
        corrected=corrected,
        untestable=untestable,
        level=level,
        group_p_values={str(name): tables.differ(grouped[name], satisfied, loyal.loyal, counted) for name in grouped},
        place_p_values=place_p_values,
    )
    return (
        parts
        | explained
        | {
            "curve": curve.free,
            "curves": curve.curves,
            "break_points": curve.break_points,
            "flat_zone": curve.flat_zone,
            "groups": by_group,
            "group_breaks": bent,
            "facts": told,
            "evidence": evidence,
        }
    )


def _why(given: answers.Answers, rows: pd.DataFrame, loyal: Loyal, effective: float | None) -> str:
    """Why there is no curve, in a sentence; empty if there is one."""
    asked, seen = int(given.satisfaction.notna().sum()), int(given.behaviour.notna().sum())
    if not asked:
        return "There is no satisfaction in this study, so a trap cannot be looked for."
    if not seen:
        return "There is no behaviour in this study, so a trap cannot be looked for."
    if not len(rows) and len(given.rows):
        return (
            f"Not one of {count(len(given.rows), 'customer')} with satisfaction and behaviour has the attitude or "
            "weight that was given too: index all by the same customer_id."
        )
    if not len(rows):
        felt, done = (values.dropna().index[:1].tolist()[0] for values in (given.satisfaction, given.behaviour))
        return (
            f"Not one of the {count(asked, 'customer')} with a satisfaction is among the {seen:,} with a behaviour: "
            f"index both by the same customer_id (the first are {felt!r} and {done!r})."
        )
    if len(rows) < LEAST:
        return f"{count(len(rows), 'customer')} are too few for a curve; it needs at least {LEAST}."
    if effective is not None and effective < LEAST:
        return (
            f"Weighted, {count(len(rows), 'customer')} tell as much as {effective:.0f}: too few for a curve; it "
            f"needs at least {LEAST}."
        )
    if not rows["satisfaction"].std() > 0:
        level = rows["satisfaction"].iloc[0]
        return f"All {len(rows):,} customers are equally satisfied ({level:g}): there is no curve over satisfaction."
    if loyal.loyal.all():
        return f"All {len(rows):,} customers are loyal: there is no trap and nothing to explain."
    if not loyal.loyal.any():
        return f"Not one of the {len(rows):,} customers is loyal: satisfaction cannot tell who is."
    return ""


def _counted(rows: pd.DataFrame, satisfied: np.ndarray, loyal: Loyal, weight: np.ndarray) -> dict[str, Any]:
    """What can be counted of however few customers; everything else empty."""
    kinds = tables.types(satisfied, loyal.loyal)
    trapped = satisfied & ~loyal.loyal
    shares = proportion.weighted_share(trapped[satisfied], weight[satisfied])
    unknown = pd.DataFrame({"name": design.NAMES, "pvalue": np.nan, "verdict": explanations.UNTESTABLE})
    nothing = _empty_explanations(unknown)
    group_columns = ["grouping", "group", "customers", "satisfied", "trapped"]
    group_columns += [f"{kind}_share{end}" for kind in ("trapped", "excess") for end in ("", "_low", "_high")]
    curves = ["kind", *shape.CURVE_COLUMNS, "band_lower", "band_upper"]
    return nothing | {
        "rate": pd.Series([*shares, np.nan, np.nan, np.nan], index=list(RATE), name="rate"),
        "curve": pd.DataFrame(columns=shape.CURVE_COLUMNS, dtype="float64"),
        "curves": pd.DataFrame(columns=curves),
        "break_points": pd.DataFrame(columns=shape.BREAK_COLUMNS, dtype="float64"),
        "flat_zone": pd.DataFrame(columns=["satisfaction_from", "satisfaction_to", "width"], dtype="float64"),
        "boxes": tables.boxes(rows["satisfaction"].to_numpy(), loyal.loyal, weight),
        "customers": pd.DataFrame({"customer_id": rows.index, "type": kinds, "trapped": trapped}),
        "types": tables.type_shares(kinds, weight),
        "groups": pd.DataFrame(columns=group_columns),
        "group_breaks": pd.DataFrame(columns=list(group_breaks.COLUMNS)),
        "by_competition": pd.DataFrame(columns=["group", *shape.CURVE_COLUMNS]),
        "evidence": None,
    }


def _empty_explanations(judged: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The tables of explanations with verdicts only."""
    table = judged.assign(contribution=np.nan, ci_lower=np.nan, ci_upper=np.nan)
    return {
        "explanations": table[list(explanations.COLUMNS)],
        "points": judged[["name"]].assign(points=np.nan, points_lower=np.nan, points_upper=np.nan),
        "factors": pd.DataFrame(columns=list(explanations.FACTOR_COLUMNS)),
    }


def _with_excess(rate: pd.Series, drawn: np.ndarray) -> pd.Series:
    complete = drawn[1:][np.isfinite(drawn[1:])]
    low, high = percentile(complete[:, None])
    found = rate.copy()
    found[["excess", "excess_ci_lower", "excess_ci_upper"]] = [drawn[0], low[0], high[0]]
    return found


def _explained(
    rows: pd.DataFrame, market: pd.Series | None, satisfied: np.ndarray, drawn: binning.Draws
) -> tuple[dict[str, pd.DataFrame], dict[str, str], Any, int]:
    """The tables of explanations, why some cannot be tested, how the curve's height differs, and customers used."""
    there = design.complete(rows, market)
    unknown = pd.DataFrame({"name": design.NAMES, "pvalue": np.nan, "verdict": explanations.UNTESTABLE})
    few = dict.fromkeys(design.NAMES, "too few customers have everything that is needed")
    used = int(there.sum())
    if used < LEAST:
        return _empty_explanations(unknown), few, None, used
    own = rows[there].loc[:, lambda frame: frame.notna().all()]
    part = drawn.of(there)
    columns = design.build(own, None if market is None or market.isna().all() else market[there], weight=part.weight)
    y = own["behaviour"].to_numpy()
    fitted = explanations.fit(columns, y)
    if fitted is None:
        return _empty_explanations(unknown), few, None, used
    judged, at = explanations.judge(columns, fitted)
    shares = contributions.share_out(columns, y, satisfied[there], at, part)
    whole = judged.merge(shares, on="name", how="left", validate="one_to_one")
    return (
        {
            "explanations": whole[list(explanations.COLUMNS)],
            "points": whole[["name", "points", "points_lower", "points_upper"]],
            "factors": explanations.factor_slopes(columns, fitted),
        },
        columns.untestable,
        explanations.level(columns, y),
        used,
    )


def _worth(rows: pd.DataFrame, trapped: np.ndarray, weight: np.ndarray) -> tuple[float, float, float, float] | None:
    if "value" not in rows or not rows["value"].notna().any():
        return None
    known = rows["value"].notna().to_numpy()
    values = (rows["value"] * weight / weight.mean()).to_numpy()[known]
    return (float(values[trapped[known]].sum()), *proportion.share_of_total(values, trapped[known]))
