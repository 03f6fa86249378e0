"""Statements: what a PLS path model says, in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from crm_analysis.satisfaction import incomplete
from crm_analysis.table import count, percent

if TYPE_CHECKING:
    from crm_analysis.satisfaction.composites.estimates import Estimates
    from crm_analysis.satisfaction.composites.pathmodel import PathModel
    from crm_analysis.satisfaction.composites.sample import Sample

# Above this, sources of one construct say so much the same that their paths cannot be told apart (Hair et al. 2019).
_INFLATED = 5.0
# Impossible resamples up to this share are put down to chance.
_TOLERATED = 0.05
_KINDS = {"percentile": "percentile", "bca": "BCa"}


def of(fit: PathModel) -> tuple[str, ...]:
    """Return the findings of a fit: whether it is sound, what it explains, which paths are open, how it was made."""
    if fit.sample is None or fit.estimates is None:
        return (fit.absent,)
    left = incomplete.told(len(fit.sample), fit.sample.left_out)
    sentences = [*([left] if left else []), *_unsound(fit, fit.estimates), *_explained(fit), *_open(fit)]
    for row in fit.effect_sizes[fit.effect_sizes["vif"] > _INFLATED].to_dict("records"):
        sentences.append(
            f"{row['source'].capitalize()} says much the same as the other sources of {row['target']} (variance "
            f"inflation {row['vif']:.1f}), so its path there is uncertain."
        )
    sentences.append(
        f"The correlations that the model implies miss those of the answers by {fit.fit['srmr']:.3f} (SRMR), by "
        f"{fit.fit['srmr_saturated']:.3f} with all constructs linked; below 0.08 is usually called good."
    )
    if fit.model.extra:
        sentences.append(
            "PLS has no use for what the model says beyond constructs and paths "
            f"({count(len(fit.model.extra), 'row')}: labels, fixed values, covariances of errors, defined effects)."
        )
    return (*sentences, _made(fit, fit.sample))


def with_interval(row: pd.Series | Mapping[Any, Any], *, digits: int = 2) -> str:
    """Write the estimate of a row with its interval, if it has one: ``0.62 (95 % interval 0.48 to 0.73)``."""
    estimate, low, high = (f"{row[name]:.{digits}f}" for name in ("estimate", "ci_lower", "ci_upper"))
    return estimate if pd.isna(row["ci_lower"]) else f"{estimate} (95 % interval {low} to {high})"


def _explained(fit: PathModel) -> list[str]:
    focus = fit.focus
    totals = fit.effects[fit.effects["effect"] == "total"]
    reach = totals[totals["target"] == focus]
    if reach.empty:
        return []
    top = reach.loc[reach["estimate"].abs().idxmax()]
    r2 = fit.parameters[(fit.parameters["kind"] == "r2") & (fit.parameters["first"] == focus)].iloc[0]
    low, high = (f"{100 * r2[end]:.1f}" for end in ("ci_lower", "ci_upper"))
    known = "" if pd.isna(r2["ci_lower"]) else f" (95 % interval {low} to {high})"
    sentences = [
        f"The model explains {percent(r2['estimate'])}{known} of {focus}, and {top['source']} has the strongest total "
        f"effect on it, {with_interval(top)}."
    ]
    others = totals[totals["source"] == focus].to_dict("records")
    for row in sorted(others, key=lambda row: -abs(row["estimate"])):
        sentences.append(
            f"{focus.capitalize()} has a total effect of {with_interval(row)} on {row['target']}, of which the model "
            f"explains {percent(fit.r2[row['target']])}."
        )
    return sentences


def _open(fit: PathModel) -> list[str]:
    unsure = fit.paths[(fit.paths["ci_lower"] <= 0) & (fit.paths["ci_upper"] >= 0)]
    if unsure.empty:
        return []
    listing = [f"{row['source']} to {row['target']}, {with_interval(row)}" for row in unsure.to_dict("records")]
    return [f"Not told apart from zero by these answers: {'; '.join(listing)}."]


def _unsound(fit: PathModel, found: Estimates) -> list[str]:
    sentences = []
    bad = len(fit.draws) - fit.sound
    if bad > _TOLERATED * len(fit.draws):
        sentences.append(
            f"The model is unsound: in {percent(bad / len(fit.draws))} of the resamples its corrected correlations, "
            "loadings or explained shares are impossible, so these answers hardly tell its constructs apart; do not "
            "read single paths."
        )
    names = fit.design.names
    for first, second in np.argwhere(np.triu(np.abs(found.correlations[0]) > 1, k=1)):
        sentences.append(
            f"The model is unsound: the corrected correlation of {names[first]} and {names[second]} is "
            f"{found.correlations[0][first, second]:.2f}, beyond 1, so the two cannot be told apart."
        )
    for item, loading in zip(fit.design.items, found.loadings[0], strict=True):
        if abs(loading) > 1 + 1e-9:
            sentences.append(f"The model is unsound: the corrected loading of {item} is {loading:.2f}, beyond 1.")
    for name, r2 in fit.r2.items():
        if r2 > 1 + 1e-9:
            sentences.append(f"The model is unsound: it explains {percent(r2)} of {name}, more than all.")
    return sentences


def _made(fit: PathModel, sample: Sample) -> str:
    kind = "consistent PLS" if fit.settings.consistent else "PLS"
    metric = "standardised" if fit.settings.standardise else "raw"
    who = count(len(sample), "respondent")
    if sample.left_out:
        who += f" ({sample.left_out:,} more left out for a missing answer or a weight of zero)"
    if sample.filled:
        who += f" ({count(sample.filled, 'missing answer')} replaced by the item's mean)"
    if fit.resamples:
        ends = f"{_KINDS[fit.interval]} intervals from {count(len(fit.draws), 'bootstrap resample')}"
        ends += f"; {fit.failed:,} more gave no estimate" if fit.failed else ""
    elif fit.settings.consistent:
        ends = "no intervals without a bootstrap"
    else:
        ends = "intervals from regressions of the scores, which take the weights as known"
    return f"Estimated by {kind} (scheme {fit.settings.scheme}, {metric} items) from {who}; {ends}."
