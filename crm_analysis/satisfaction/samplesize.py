"""Samplesize: how many respondents a model needs, by asking simulated samples of each size (Monte Carlo)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from crm_analysis.errors import UsageError
from crm_analysis.proportion import Z, bounds, share
from crm_analysis.satisfaction.equations import population
from crm_analysis.satisfaction.equations.structural import SEMResult
from crm_analysis.satisfaction.planning import assumption, crossing
from crm_analysis.satisfaction.planning.assumption import Population
from crm_analysis.satisfaction.planning.outlook import SampleSizeResult
from crm_analysis.satisfaction.score import IndexResult
from crm_analysis.satisfaction.specification.specification import Model

__all__ = ["SampleSizeResult", "plan"]

_UNSOUND = (
    "The fit is not sound, so it cannot stand for the truth and no samples were simulated: plan from a sound one, or "
    "leave truth out and assume the paths."
)
_INSTEAD = (
    "The fit of the study itself is not sound, so it cannot stand for the truth; what is said here rests on assumed "
    "paths instead."
)
_ABSENT = "There are no answers to a survey in this study, so there is no fit to plan from."
_ZERO = 1e-6  # standardised paths below are zero but for rounding


def plan(
    model: Model,
    *,
    truth: SEMResult | Mapping[tuple[str, str], float] | None = None,
    answers: pd.DataFrame | None = None,
    path: float = 0.3,
    loading: float = 0.8,
    correlation: float = 0.3,
    sizes: Sequence[int] = (100, 200, 400, 800, 1600),
    draws: int = 500,
    power: float = 0.8,
    index: IndexResult | float | None = None,
    half_width: float = 1.0,
    response: float = 1.0,
    otherwise: SampleSizeResult | None = None,
    seed: int = 0,
) -> SampleSizeResult:
    """Plan the sample: simulate surveys of several sizes, estimate the model from each, and count.

    Parameters
    ----------
    model : Model
        With its items; reflective constructs.
    truth : SEMResult or mapping of (source, target) to float, optional
        A fit of this model, from a pretest or an earlier wave; or standardised paths. What a mapping leaves out, and
        everything without a truth, is assumed:
    answers : DataFrame, optional
        With a fit for the truth: the answers it is a fit of. The simulated respondents are then drawn from the real
        ones, with replacement, so that their answers are as skewed as these and the model as wrong; otherwise they are
        drawn from the normal population that the truth implies.
    path, loading, correlation : float
        Standardised path, loading of the items of constructs with several, and correlation of constructs that nothing
        leads to.
    sizes : sequence of int
        Numbers of respondents to try, each above the number of items.
    draws : int
        Simulated surveys of each size.
    power : float
        Share of surveys that should find each path.
    index : IndexResult or float, optional
        An index whose respondents show how much people differ, or that standard deviation in points.
    half_width : float
        Half the width, in points, that the interval of the index should have.
    response : float
        Share of those asked who answer.
    otherwise : SampleSizeResult, optional
        The plan that counts where the fit is no truth, such as one from assumed paths.
    seed : int
        Of the draws.

    Returns
    -------
    SampleSizeResult
        Power is the share of the converged fits whose 95 % interval (Wald, expected information) leaves zero out; the
        respondents needed lie where the power's normal quantile, linear in the root of the size between the sizes
        tried, crosses that of the power. The index takes (1.96 sd / half width)^2 respondents. A fit that is not sound,
        or of no answers, is no truth: the result then only says so.

    Raises
    ------
    UsageError
        If a number makes no sense, or the truth is a fit of another model or of several groups.

    Notes
    -----
    Without `answers`, covariance matrices are drawn from the Wishart distribution, which is exact for normal answers
    only.

    References
    ----------
    Muthén, L. K. and Muthén, B. O. (2002). How to use a Monte Carlo study to decide on sample size and determine
    power. Structural Equation Modeling 9, 599-620.
    """
    tried = sorted(set(map(int, sizes)))
    _check(model, tried, draws=draws, power=power, half_width=half_width, response=response)
    if isinstance(truth, SEMResult):
        if not truth.sound and otherwise is not None and not otherwise.absent:
            return _with_index(
                replace(otherwise, note=_INSTEAD, half_width=half_width, response=response), index, half_width
            )
        if not truth.sound:
            return _nothing(_UNSOUND if len(truth.parameters) else _ABSENT, power, half_width, response)
        there = assumption.from_fit(model, truth)
    else:
        there = assumption.assumed(model, paths=dict(truth or {}), path=path, loading=loading, correlation=correlation)
    real = _values(there, answers, truth)
    table, fits = _simulated(model, there, tried, draws, seed, real)
    wanted = _needed(table, there, assumption.paths_of(model, there.structure), power)
    found = SampleSizeResult(
        table,
        fits,
        wanted,
        power,
        half_width,
        (math.nan,) * 3,
        response,
        not isinstance(truth, SEMResult),
        0 if real is None else len(real),
    )
    return _with_index(found, index, half_width)


def _with_index(found: SampleSizeResult, index: IndexResult | float | None, half_width: float) -> SampleSizeResult:
    """Add what the index takes, which only its spread among people decides."""
    variance = _variance(index)
    low, high = (Z**2 * part / half_width**2 for part in variance[1:])
    fits = found.fits.assign(
        **{
            f"index_half_width{end}": Z * np.sqrt(part / found.fits["size"])
            for end, part in zip(("", "_low", "_high"), variance, strict=True)
        }
    )
    return replace(found, fits=fits, index_respondents=(Z**2 * variance[0] / half_width**2, low, high))


def _nothing(why: str, power: float, half_width: float, response: float) -> SampleSizeResult:
    table, fits, needed = (
        pd.DataFrame(columns=columns)
        for columns in (
            ["size", "source", "target", "power_share"],
            ["size", "draws"],
            ["source", "target", "respondents"],
        )
    )
    return SampleSizeResult(table, fits, needed, power, half_width, (math.nan,) * 3, response, False, 0, why)


def _check(model: Model, sizes: Sequence[int], *, draws: int, power: float, half_width: float, response: float) -> None:
    if draws < 50:
        raise UsageError(f"samplesize: draws must be at least 50, not {draws}.")
    if not 0 < power < 1 or not 0 < response <= 1 or not half_width > 0:
        raise UsageError(
            f"samplesize: power must lie between 0 and 1, response above 0 up to 1 and half_width above 0, not "
            f"{power:g}, {response:g} and {half_width:g}."
        )
    least = len(model.items) + 2
    if not sizes or sizes[0] < least:
        given = f"{sizes[0]}" if sizes else "none"
        raise UsageError(
            f"samplesize: each of sizes must be at least {least}, two more than the model has items, not {given}."
        )


def _values(
    there: Population, answers: pd.DataFrame | None, truth: SEMResult | Mapping[tuple[str, str], float] | None
) -> np.ndarray | None:
    """The complete answers to draw from, if there are any."""
    if answers is None:
        return None
    if not isinstance(truth, SEMResult):
        raise UsageError("samplesize: answers are drawn from only with their own fit for the truth; give truth, too.")
    items = list(there.structure.items)
    lacking = [item for item in items if item not in answers.columns]
    if lacking:
        raise UsageError(f"samplesize: the answers have no column {lacking[0]!r}; give those of the fit.")
    return answers[items].dropna().to_numpy("float64")


def _simulated(
    model: Model, there: Population, sizes: Sequence[int], draws: int, seed: int, real: np.ndarray | None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    n, generator = np.repeat(sizes, draws), np.random.default_rng(seed)
    if real is None:
        drawn = population.wishart(there.covariance, n, generator=generator)
    else:
        drawn = population.resampled(real, n, generator=generator)
    found = population.refit(there.structure, drawn, n, near=there.theta)
    paths = assumption.paths_of(model, there.structure)
    at = paths["row"].to_numpy()
    true, scaled = there.true[at], there.standardised[at]
    rows: list[dict[str, Any]] = []
    fits: list[dict[str, Any]] = []
    for size in sizes:
        of_size = n == size
        kept = of_size & found.converged
        for name, lost in (("lost", ~found.converged), ("inadmissible", ~found.soundness.sound)):
            if name == "lost":
                fits.append({"size": size, "draws": draws})
            fits[-1] |= _share(f"{name}_share", int(lost[of_size].sum()), draws)
        estimate, error = found.estimates[kept, 0][:, at], found.errors[kept, 0][:, at]
        for k, path in enumerate(paths.to_dict("records")):
            value, half = estimate[:, k], Z * error[:, k]
            seen, held = np.abs(value) > half, np.abs(value - true[k]) <= half
            zero = abs(scaled[k]) < _ZERO
            row = {"size": size, "source": path["source"], "target": path["target"], "truth": true[k]}
            row |= {"standardised": scaled[k], **_share("power_share", int(seen.sum()), len(value))}
            row |= _share("coverage_share", int(held.sum()), len(value))
            row["bias_share"] = math.nan if zero or not len(value) else float(value.mean() / true[k] - 1)
            row["width"] = float(2 * half.mean()) if len(value) else math.nan
            rows.append(row)
    columns = ["size", "source", "target", "truth", "standardised"]
    return pd.DataFrame(rows, columns=None if rows else columns), pd.DataFrame(fits)


def _share(name: str, hits: int, total: int) -> dict[str, float]:
    return dict(zip((name, f"{name}_low", f"{name}_high"), share(hits, total), strict=True))


def _needed(table: pd.DataFrame, there: Population, paths: pd.DataFrame, power: float) -> pd.DataFrame:
    error = population.error_per_respondent(there.structure, there.theta, there.covariance)
    rows = []
    for path in paths.to_dict("records"):
        scaled = float(there.standardised[path["row"]])
        if abs(scaled) < _ZERO:
            continue
        own = table[(table["source"] == path["source"]) & (table["target"] == path["target"])]
        sizes = own["size"].to_numpy("float64")
        # A luckier curve needs fewer: the upper ends of the powers give the lower end of the size.
        found = [crossing.reached(sizes, own[f"power_share{end}"].to_numpy(), power) for end in ("", "_high", "_low")]
        note = "more than the largest size" if math.isnan(found[0]) else ""
        row = {"source": path["source"], "target": path["target"], "standardised": scaled}
        row |= dict(zip(("respondents", "respondents_low", "respondents_high"), map(np.ceil, found), strict=True))
        row["formula"] = math.ceil(crossing.formula(there.true[path["row"]], error[path["row"]], power))
        rows.append(row | {"note": "the smallest size is enough" if found[0] <= sizes[0] else note})
    columns = ["source", "target", "standardised", "respondents", "respondents_low", "respondents_high"]
    return pd.DataFrame(rows, columns=[*columns, "formula", "note"])


def _variance(index: IndexResult | float | None) -> tuple[float, float, float]:
    """Variance of the respondents' indices, with its interval where it was measured."""
    if index is None or (isinstance(index, IndexResult) and index.absent):
        return math.nan, math.nan, math.nan
    if not isinstance(index, IndexResult):
        if not index > 0:
            raise UsageError(f"samplesize: the standard deviation of the index must be above 0, not {index:g}.")
        return float(index) ** 2, math.nan, math.nan
    points = index.respondents[index.construct].to_numpy("float64")
    squares = (points - points.mean()) ** 2
    variance = float(squares.sum() / (len(points) - 1))
    return (variance, *bounds(variance, squares - squares.mean()))
