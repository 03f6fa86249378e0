"""Candidates: which of several models of satisfaction the same answers support, if any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from crm_analysis.errors import DataError, UsageError
from crm_analysis.satisfaction.candidacy import evidence
from crm_analysis.satisfaction.candidacy.evidence import Candidate
from crm_analysis.satisfaction.candidacy.rivalry import presets, rivals
from crm_analysis.satisfaction.candidacy.verdict import CandidatesResult
from crm_analysis.satisfaction.specification.specification import Model
from crm_analysis.table import count, listed

__all__ = ["CandidatesResult", "compare", "presets", "rivals"]

_ABSENT = "There are no answers to a survey in this study, so no candidates were compared."
_OUTCOMES = ("satisfaction", "loyalty")


def compare(
    models: Mapping[str, Model] | Sequence[Model],
    answers: pd.DataFrame,
    *,
    construct: str = "",
    outcomes: Sequence[str] = (),
    folds: int = 10,
    repeats: int = 5,
    bootstrap: int = 200,
    seed: int = 0,
) -> CandidatesResult:
    """Compare candidate models on the same answers.

    Parameters
    ----------
    models : mapping of str to Model, or sequence of Model
        Two or more, with their items; of fewer there is no comparison, and the result says so. One whose items are no
        columns of the answers, and one that is the same as an earlier one, is left out and named.
    answers : DataFrame
        One row per respondent, a column per item; who did not answer every item of every candidate is left out.
    construct : str
        Construct whose R2 is compared; by default satisfaction, or else what the first model is about.
    outcomes : sequence of str
        Constructs whose items the candidates are to foresee; by default satisfaction and loyalty, as far as something
        leads to them in every candidate, or else all constructs of which that is true.
    folds, repeats : int
        Of the prediction, see `prediction.predict`.
    bootstrap : int
        Resamples for the interval of R2.
    seed : int
        Of the folds and resamples.

    Returns
    -------
    CandidatesResult
        Between two candidates, the fit favours one if its BIC is lower by `evidence.STRONG` or more and, if they are
        nested, the chi-square test agrees; prediction does if the interval of the error saved leaves zero out. Of
        nested candidates the fit alone decides; of others, one is favoured if one of the two favours it and the other
        does not favour its rival. A candidate whose solution by covariances is not admissible cannot win. The intervals
        of gain take folds as independent.

    Raises
    ------
    UsageError
        If the models are no mapping or sequence, two have the same name, or a construct is not in all of them.
    DataError
        If too few respondents answered every item.

    References
    ----------
    Raftery, A. E. (1995). Bayesian model selection in social research. Sociological Methodology 25, 111-163.

    Liengaard, B. D. et al. (2021). Prediction: coveted, yet forsaken? Introducing a cross-validated predictive ability
    test in partial least squares path modeling. Decision Sciences 52, 362-392.
    """
    named = _named(models)
    kept: dict[str, Model] = {}
    gone: list[dict[str, str]] = []
    for name, model in named.items():
        lacking = [item for item in model.items if item not in answers.columns]
        same = [other for other, known in kept.items() if _parts(known) == _parts(model)]
        if lacking and len(answers):
            gone.append({"model": name, "reason": f"the answers have no column {lacking[0]}."})
        elif same:
            gone.append({"model": name, "reason": f"it is the same model as {same[0]}."})
        else:
            kept[name] = model
    left_out = pd.DataFrame(gone, columns=["model", "reason"])
    if answers.empty or len(kept) < 2:
        why = _ABSENT if answers.empty else _too_few(kept, gone)
        return _nothing(left_out, why)
    items = list(dict.fromkeys(item for model in kept.values() for item in model.items))
    complete = answers[answers[items].notna().all(axis=1)]
    if len(complete) < 2 * folds:
        raise DataError(
            f"candidates: {count(len(complete), 'respondent')} answered every item of every candidate, too few for "
            f"{folds} folds; leave out the candidate with the most items, or ask more people."
        )
    found = [evidence.estimate(name, model, complete, bootstrap=bootstrap, seed=seed) for name, model in kept.items()]
    focal = construct or found[0].composite.focus
    wanted = _outcomes(found, outcomes)
    parts = [evidence.losses(one, wanted, folds=folds, repeats=repeats, seed=seed) for one in found]
    table = pd.DataFrame([_row(one, focal, part) for one, part in zip(found, parts, strict=True)])
    rows = []
    for a, b in combinations(range(len(found)), 2):
        row = evidence.between(found[a], found[b], evidence.saved(parts[a][0], parts[b][0]))
        if row["favours"] == found[b].name:
            # The favoured one comes first, so that what it saves is positive.
            row = evidence.between(found[b], found[a], evidence.saved(parts[b][0], parts[a][0]))
        rows.append(row)
    return CandidatesResult(table, pd.DataFrame(rows), left_out, focal, tuple(wanted), len(complete))


def _named(models: Mapping[str, Model] | Sequence[Model]) -> dict[str, Model]:
    if isinstance(models, Model) or not isinstance(models, Mapping | Sequence):
        raise UsageError("candidates: give the models as a list or a dict with names, not one alone.")
    if isinstance(models, Mapping):
        named = dict(models)
    else:
        names = [model.name for model in models]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise UsageError(f"candidates: two models are called {twice[0]!r}; give them as a dict with names.")
        named = dict(zip(names, models, strict=True))
    return named


def _parts(model: Model) -> tuple[object, ...]:
    return set(model.constructs), set(model.paths), set(model.extra)


def _too_few(kept: Mapping[str, Model], gone: list[dict[str, str]]) -> str:
    if gone:
        return f"There are no two candidates to compare: {_lacks(gone)}."
    alone = f"there is only {next(iter(kept))}" if kept else "there is none"
    return f"There are no two candidates to compare: {alone}."


def _lacks(gone: list[dict[str, str]]) -> str:
    return listed([f"for {row['model']}, {row['reason'].rstrip('.')}" for row in gone])


def _outcomes(found: Sequence[Candidate], outcomes: Sequence[str]) -> list[str]:
    """Items to foresee: of the constructs that something leads to in every candidate, as far as all have them."""
    led = [name for name in found[0].model.names if all(_is_led(one.model, name) for one in found)]
    strangers = [name for name in outcomes if name not in led]
    if strangers:
        raise UsageError(
            f"candidates: nothing leads to {strangers[0]!r} in every candidate, so they cannot all foresee it; "
            f"possible are {', '.join(led) or 'no constructs'}."
        )
    chosen = list(outcomes) or [name for name in _OUTCOMES if name in led] or led
    items = [
        item
        for name in chosen
        for item in found[0].model.construct(name).items
        if all(item in one.model.construct(name).items for one in found)
    ]
    if not items:
        raise UsageError("candidates: no item of an outcome is in every candidate, so prediction cannot compare them.")
    return items


def _is_led(model: Model, name: str) -> bool:
    return name in model.names and bool(model.sources(name))


def _row(one: Candidate, focal: str, loss: np.ndarray) -> dict[str, Any]:
    nan = float("nan")
    fit = one.measures
    row: dict[str, Any] = {
        "model": one.name,
        "constructs": len(one.model.names),
        "items": len(one.model.items),
        "free_parameters": fit.get("free_parameters", nan),
        "df": fit.get("df", nan),
        "chisq": fit.get("chisq", nan),
        "p_value": fit.get("pvalue", nan),
        "cfi": fit.get("cfi", nan),
        "rmsea": fit.get("rmsea", nan),
        "rmsea_from": fit.get("rmsea_ci_lower", nan),
        "rmsea_to": fit.get("rmsea_ci_upper", nan),
        "srmr": fit.get("srmr", nan),
        "aic": fit.get("aic", nan),
        "bic": fit.get("bic", nan),
        "sound": one.sound,
        "reason": one.reason,
    }
    explained = one.composite.of_kind("r2").set_index("first")
    there = explained.loc[focal] if focal in explained.index else {}
    row |= {
        "r2": there.get("estimate", nan),
        "r2_low": there.get("ci_lower", nan),
        "r2_high": there.get("ci_upper", nan),
    }
    return row | dict(zip(("q2", "q2_low", "q2_high"), evidence.saved(*loss), strict=True))


def _nothing(left_out: pd.DataFrame, why: str) -> CandidatesResult:
    columns = ["model", "constructs", "items", "cfi", "rmsea", "bic", "sound", "reason"]
    foresight = ["r2", "r2_low", "r2_high", "q2", "q2_low", "q2_high"]
    pairs = pd.DataFrame(columns=["first", "second", "relation", "favours"])
    return CandidatesResult(pd.DataFrame(columns=[*columns, *foresight]), pairs, left_out, "", (), 0, why)
