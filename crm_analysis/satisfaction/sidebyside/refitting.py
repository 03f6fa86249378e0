"""Refitting: PLS, consistent PLS and CB-SEM on the same answers and the same resamples of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from crm_analysis.errors import CrmError
from crm_analysis.satisfaction import pls
from crm_analysis.satisfaction.composites.design import Design
from crm_analysis.satisfaction.composites.estimates import Estimates, solve
from crm_analysis.satisfaction.composites.outcome import PLSResult
from crm_analysis.satisfaction.equations import goodness, refits, soundness, standardised
from crm_analysis.satisfaction.equations.fitting import Fitted, fit
from crm_analysis.satisfaction.equations.likelihood import implied
from crm_analysis.satisfaction.equations.preparation import prepare
from crm_analysis.satisfaction.equations.structure import Structure, compile_rows
from crm_analysis.satisfaction.specification.specification import Model

METHODS = {"pls": "PLS", "plsc": "PLSc", "cb_sem": "CB-SEM"}
"""The three estimators, by the name of their columns."""


@dataclass(frozen=True, eq=False)
class Refit:
    """What one estimator says of a sample and of its resamples, all standardised.

    Attributes
    ----------
    numbers : array of shape (k,)
        The paths, loadings, explained shares and total effects of the sample (see `labels`); not a number
        where there is no estimate.
    draws : array of shape (resamples, k)
        The same in each resample, row by row the same resample for every estimator; not a number where it gave none.
    correlations : array of shape (constructs, constructs)
        Of the constructs, in the design's order.
    reason : str
        Why the estimate cannot be used, a sentence without its ends; empty if it can.
    inadmissible_share : float
        Share of the resamples without an estimate or with an impossible one; missing without resamples.
    fit : dict of float
        Measures of fit, of CB-SEM only.
    """

    numbers: np.ndarray
    draws: np.ndarray
    correlations: np.ndarray
    reason: str = ""
    inadmissible_share: float = float("nan")
    fit: dict[str, float] | None = None

    @property
    def usable(self) -> bool:
        """Whether the estimate may be compared."""
        return not self.reason


def labels(design: Design) -> pd.DataFrame:
    """Return kind (path, loading, r2, total), first and second name of each number in `Refit.numbers`."""
    names = design.names
    rows = [("path", names[source], names[target]) for source, target in np.argwhere(design.adjacency)]
    rows += [("loading", names[block], item) for block, item in zip(design.block, design.items, strict=True)]
    rows += [("r2", name, "") for place, name in enumerate(names) if design.causes(place)]
    rows += [("total", names[source], names[target]) for source, target in np.argwhere(_reached(design))]
    return pd.DataFrame(rows, columns=["kind", "first", "second"])


def by_weights(fit_: PLSResult, *, resamples: int, seed: int) -> Refit:
    """Refit PLS or consistent PLS, whichever `fit_` is."""
    assert fit_.estimates is not None
    assert fit_.sample is not None
    found, drawn, sound = fit_.estimates, [np.empty((0, len(labels(fit_.design))))], 0
    for _, covariances in fit_.sample.resampled(resamples=resamples, seed=seed):
        again = solve(covariances, fit_.design, fit_.settings, reference=found.loadings[0])
        drawn.append(np.where(again.usable[:, None], _of_weights(again, fit_.design), np.nan))
        sound += int(again.admissible.sum())
    reason = "" if found.admissible[0] else "its solution has a correlation, a loading or an explained share beyond 1"
    share = 1 - sound / resamples if resamples else float("nan")
    return Refit(_of_weights(found, fit_.design)[0], np.concatenate(drawn), found.correlations[0], reason, share)


def consistent(model: Model, answers: pd.DataFrame, plain: PLSResult, *, resamples: int, seed: int) -> Refit:
    """Refit consistent PLS, with the settings of plain PLS else; a refusal is a reason."""
    try:
        corrected = pls.estimate(model, answers, scheme=plain.settings.scheme, consistent=True)
    except CrmError as error:
        return _nothing(plain.design, resamples, str(error))
    return by_weights(corrected, resamples=resamples, seed=seed)


def by_covariances(model: Model, answers: pd.DataFrame, design: Design, *, resamples: int, seed: int) -> Refit:
    """Refit by maximum likelihood; a refusal, or a solution that is not sound, is a reason.

    The generator is that of `Sample.resampled` in PLS, and both draw from it alike: with the same respondents, the
    resamples are the same ones.
    """
    try:
        ready = prepare(model, answers)
        fitted = fit(compile_rows(ready.rows), ready.sample)
    except CrmError as error:
        return _nothing(design, resamples, str(error))
    structure, values = fitted.structure, fitted.estimates[None]
    verdict = soundness.judge_fit(fitted)
    checks = soundness.table(fitted, verdict)
    failed = checks[~checks["passed"]]
    reason = "; ".join(
        f"its solution fails the check that {row['what']} ({row['detail']})" for row in failed.to_dict("records")
    )
    draws, share = np.empty((0, len(labels(design)))), float("nan")
    if resamples:
        drawn = refits.bootstrap(fitted, draws=resamples, generator=np.random.default_rng(seed))
        draws = np.where(drawn.converged[:, None], _of_equations(structure, drawn.estimates, model, design), np.nan)
        share = 1 - float(drawn.soundness.sound.mean())
    measures = goodness.measures(fitted)
    kept = {name: float(measures[name]) for name in ("chisq", "df", "pvalue", "cfi", "rmsea", "srmr")}
    correlations = _correlations(fitted, model, design)
    return Refit(_of_equations(structure, values, model, design)[0], draws, correlations, reason, share, kept)


def unusable(refit: Refit, *, why: str) -> Refit:
    """Return the refit as one that must not be compared."""
    return replace(refit, reason=why)


def _nothing(design: Design, resamples: int, why: str) -> Refit:
    size, constructs = len(labels(design)), len(design.names)
    reason = why[:1].lower() + why[1:].removesuffix(".")
    return Refit(
        np.full(size, np.nan), np.full((resamples, size), np.nan), np.full((constructs, constructs), np.nan), reason
    )


def _of_weights(found: Estimates, design: Design) -> np.ndarray:
    led = [place for place in range(len(design.names)) if design.causes(place)]
    total = found.total[:, _reached(design)]
    return np.concatenate([found.paths[:, design.adjacency], found.loadings, found.r2[:, led], total], axis=1)


def _reached(design: Design) -> np.ndarray:
    """Whether any way leads from the row's construct to the column's."""
    steps = design.adjacency.astype(int)
    return np.linalg.inv(np.eye(len(steps)) - steps).round().astype(int) - np.eye(len(steps), dtype=int) > 0


def _of_equations(structure: Structure, values: np.ndarray, model: Model, design: Design) -> np.ndarray:
    """All numbers by the names of the design; values of shape (draws, groups, r)."""
    scaled = standardised.solution(structure, values)[:, 0]
    explained = standardised.explained(structure, values)[:, 0]
    of = implied(structure, values)
    spread = np.sqrt(np.abs(np.diagonal(of.covariance[:, 0], axis1=-2, axis2=-1)))
    total = of.total[:, 0] * spread[:, None, :] / spread[:, :, None]
    row = {(r.lhs, r.op, r.rhs): place for place, r in enumerate(structure.rows)}
    place = {name: at for at, name in enumerate(structure.names)}
    columns = []
    for kind, first, second in labels(design).itertuples(index=False):
        if kind == "path":
            columns.append(scaled[:, row[model.variable(second), "~", model.variable(first)]])
        elif kind == "r2":
            columns.append(explained[:, place[model.variable(first)]])
        elif kind == "total":
            columns.append(total[:, place[model.variable(second)], place[model.variable(first)]])
        else:
            at = row.get((first, "=~", second))
            # An item that stands alone is its construct.
            columns.append(np.ones(len(values)) if at is None else scaled[:, at])
    return np.column_stack(columns)


def _correlations(fitted: Fitted, model: Model, design: Design) -> np.ndarray:
    names = fitted.structure.names
    at = [names.index(model.variable(name)) for name in design.names]
    implied = fitted.implied.covariance[0, 0][np.ix_(at, at)]
    spread = np.sqrt(np.abs(np.diag(implied)))
    return implied / np.outer(spread, spread)
