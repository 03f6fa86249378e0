"""Evidence: which of two candidate models the same answers speak for, by fit and by prediction."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from crm_analysis.errors import CrmError
from crm_analysis.proportion import Z
from crm_analysis.satisfaction import pls
from crm_analysis.satisfaction.composites.estimates import solve
from crm_analysis.satisfaction.composites.outcome import PLSResult
from crm_analysis.satisfaction.equations import goodness, population, soundness
from crm_analysis.satisfaction.equations.fitting import Fitted, fit
from crm_analysis.satisfaction.equations.preparation import prepare
from crm_analysis.satisfaction.equations.structure import compile_rows
from crm_analysis.satisfaction.prediction import by_paths
from crm_analysis.satisfaction.specification.specification import Model

STRONG = 6.0
"""Difference of BIC from which the evidence is called strong (Raftery 1995)."""
NESTED, EQUIVALENT, APART, OTHER_ITEMS = "nested", "equivalent", "not nested", "other items"
_LEVEL = 0.05
# Of the discrepancy, which is 0 for nested models but for rounding and the end of the search.
_ZERO = 1e-7


@dataclass(frozen=True, eq=False)
class Candidate:
    """A model estimated in both ways from the same respondents.

    Attributes
    ----------
    name : str
        Its name among the candidates.
    model : Model
        What was estimated.
    fitted : Fitted, optional
        By covariances; None where that cannot be done.
    measures : dict of float
        Of fit; empty without one.
    sound : bool
        Whether the solution by covariances is admissible.
    reason : str
        Why it is not, or was not made.
    composite : PLSResult
        By PLS.
    """

    name: str
    model: Model
    fitted: Fitted | None
    measures: dict[str, float]
    sound: bool
    reason: str
    composite: PLSResult


def estimate(name: str, model: Model, answers: pd.DataFrame, *, bootstrap: int, seed: int) -> Candidate:
    """Estimate a candidate from complete answers, by covariances (maximum likelihood) and by PLS."""
    composite = pls.estimate(model, answers, bootstrap=bootstrap, seed=seed)
    try:
        ready = prepare(model, answers)
        fitted = fit(compile_rows(ready.rows, means=ready.means), ready.sample)
    except CrmError as error:
        return Candidate(name, model, None, {}, False, str(error), composite)
    verdict = soundness.judge_fit(fitted)
    checks = soundness.table(fitted, verdict)
    reason = "; ".join(checks.loc[~checks["passed"], "detail"])
    return Candidate(name, model, fitted, goodness.measures(fitted), bool(verdict.sound[0]), reason, composite)


def losses(candidate: Candidate, items: list[str], *, folds: int, repeats: int, seed: int) -> np.ndarray:
    """Return each respondent's mean squared error of standardised items when held out.

    Parameters
    ----------
    candidate : Candidate
        Its PLS model is estimated anew without each fold.
    items : list of str
        Items to foresee, of constructs that have sources.
    folds, repeats, seed : int
        As in `prediction.predict`; the same for all candidates, so that errors can be compared in pairs.

    Returns
    -------
    array of shape (2, respondents)
        By the model, and by the means of the items.
    """
    result = candidate.composite
    sample, design = result.sample, result.design
    assert sample is not None
    wanted = [design.items.index(item) for item in items]
    generator = np.random.default_rng(seed)
    settings = replace(result.settings, consistent=False)
    squares = np.zeros((2, len(sample), len(wanted)))
    for _ in range(repeats):
        part = generator.permutation(len(sample)) % folds
        means, covariances = sample.moments((part != np.arange(folds)[:, None]).astype("float64"))
        trained = solve(covariances, design, settings, reference=None)
        for fold in range(folds):
            held = np.flatnonzero(part == fold)
            away = sample.answers[held] - means[fold]
            path = np.zeros_like(away)
            if trained.usable[fold]:
                path = by_paths(away, covariances[fold], trained, fold, design, "direct", settings.standardise)
            squares[0, held] += (away - path)[:, wanted] ** 2 / repeats
            squares[1, held] += away[:, wanted] ** 2 / repeats
    return (squares / sample.answers[:, wanted].var(axis=0)).mean(axis=2)


def saved(first: np.ndarray, second: np.ndarray) -> tuple[float, float, float]:
    """Return the share of the second's loss that the first saves, with its interval (95 %, paired, linearised)."""
    base = second.mean()
    gain = 1 - first.mean() / base
    influence = (second * (1 - gain) - first) / base
    half = Z * influence.std(ddof=1) / math.sqrt(len(first))
    return float(gain), float(gain - half), float(gain + half)


def between(first: Candidate, second: Candidate, gain: tuple[float, float, float]) -> dict[str, Any]:
    """Return the evidence between two candidates as a row.

    Parameters
    ----------
    first, second : Candidate
        Estimated from the same respondents.
    gain : tuple of float
        What the first saves of the second's loss on respondents held out, with its interval; missing if untested.

    Returns
    -------
    dict
        first, second, relation (`NESTED`, `EQUIVALENT`, `APART`, `OTHER_ITEMS`; empty where one has no fit),
        chisq_difference, df_difference, p_value (of the one with fewer parameters), bic_difference (of the second less
        the first: positive speaks for the first), gain and its interval, by_fit, by_prediction and favours: the name
        that is favoured, or empty.
    """
    row: dict[str, Any] = {"first": first.name, "second": second.name, "relation": ""}
    row |= dict.fromkeys(("chisq_difference", "df_difference", "p_value", "bic_difference"), math.nan)
    row["by_fit"] = ""
    if first.fitted is not None and second.fitted is not None:
        row |= _by_fit(first, second)
    row |= dict(zip(("gain", "gain_low", "gain_high"), gain, strict=True))
    row["by_prediction"] = first.name if gain[1] > 0 else second.name if gain[2] < 0 else ""
    # Where items have error, scores foresee a little better with paths that are not there, and the more respondents the
    # surer; so where fit can decide, of two models of which one is part of the other, prediction is only told.
    deciding = (row["by_fit"],) if row["relation"] == NESTED else (row["by_fit"], row["by_prediction"])
    named = set(deciding) - {""}
    row["favours"] = named.pop() if len(named) == 1 else ""
    return row


def _by_fit(first: Candidate, second: Candidate) -> dict[str, Any]:
    from scipy import stats

    assert first.fitted is not None
    assert second.fitted is not None
    if set(first.fitted.structure.items) != set(second.fitted.structure.items):
        return {"relation": OTHER_ITEMS}
    step = second.measures["bic"] - first.measures["bic"]
    row: dict[str, Any] = {"bic_difference": step}
    small, large = (first, second) if first.fitted.df >= second.fitted.df else (second, first)
    row["relation"] = relation(_as_fitted(small), _as_fitted(large))
    favoured = first.name if step >= STRONG else second.name if step <= -STRONG else ""
    if row["relation"] == EQUIVALENT:
        return row | {"by_fit": ""}
    if row["relation"] == NESTED:
        free = _as_fitted(small).df - _as_fitted(large).df
        rise = max(0.0, _as_fitted(small).chisq - _as_fitted(large).chisq)
        p_value = float(stats.chi2.sf(rise, free))
        row |= {"chisq_difference": rise, "df_difference": free, "p_value": p_value}
        # Where the test and the BIC disagree, the fit speaks for neither.
        tested = large.name if p_value < _LEVEL else small.name
        favoured = favoured if favoured == tested else ""
    return row | {"by_fit": favoured}


def _as_fitted(candidate: Candidate) -> Fitted:
    assert candidate.fitted is not None
    return candidate.fitted


def relation(small: Fitted, large: Fitted) -> str:
    """Return whether the model of fewer parameters is nested in the other, both being of the same items.

    It is if the larger one gives the covariances that the smaller one implies without error; if both have the same
    degrees of freedom they are then equivalent: no data can tell them apart.

    References
    ----------
    Bentler, P. M. and Satorra, A. (2010). Testing model nesting and equivalence. Psychological Methods 15, 111-123.
    """
    implied = population.covariance_of(small.structure, small.estimates)
    at = [small.structure.items.index(item) for item in large.structure.items]
    _, discrepancy = population.fit(large.structure, implied[np.ix_(at, at)])
    if discrepancy > _ZERO:
        return APART
    return EQUIVALENT if small.df == large.df else NESTED
