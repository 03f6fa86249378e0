"""Covariance: structural equation models estimated from the covariances of the items (CB-SEM)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from crm_analysis.errors import UsageError
from crm_analysis.satisfaction.commonmethod import MethodResult, common_method
from crm_analysis.satisfaction.equations import (
    goodness,
    modification,
    refits,
    robust,
    secondopinion,
    soundness,
    standardised,
    start,
)
from crm_analysis.satisfaction.equations.conditional import given_causes
from crm_analysis.satisfaction.equations.fitting import Fitted, fit
from crm_analysis.satisfaction.equations.preparation import Prepared, prepare
from crm_analysis.satisfaction.equations.structural import EFFECTS, PARAMETERS, SEMResult, interval_table
from crm_analysis.satisfaction.equations.structure import Structure, compile_rows
from crm_analysis.satisfaction.invariance import InvarianceResult, invariance
from crm_analysis.satisfaction.specification.specification import Model

__all__ = ["InvarianceResult", "MethodResult", "SEMResult", "common_method", "estimate", "invariance"]

_TESTS = {"ML": None, "MLR": "yuan-bentler", "MLM": "satorra-bentler"}


def estimate(
    model: Model | str,
    answers: pd.DataFrame,
    *,
    estimator: str = "ML",
    se: str | None = None,
    missing: str = "listwise",
    weight: str | Sequence[float] | np.ndarray | pd.Series | None = None,
    group: str | None = None,
    bootstrap: int = 0,
    interval: str = "percentile",
    bollen_stine: bool = False,
    scale: tuple[float, float] | None = None,
    begin: str = "own",
    seed: int = 0,
) -> SEMResult:
    """Estimate a structural equation model by maximum likelihood.

    Parameters
    ----------
    model : Model or str
        A model, or its text in lavaan's notation. The first loading of a construct is 1, which gives it a scale; a
        construct with a single item is that item. Observed causes are taken as they are (lavaan's ``fixed.x``): their
        variances, covariances and means have no errors and do not count as parameters, unless the text names them.
    answers : DataFrame
        A row per respondent and a column per item; NaN is a missing answer.
    estimator : {"ML", "MLR", "MLM"}
        MLR: robust errors (Huber and White) and the Yuan-Bentler scaled test. MLM: those of Satorra and Bentler, for
        complete answers.
    se : {"standard", "robust"}, optional
        By default as the estimator asks for; ML with robust errors is MLR. With survey weights they are robust always.
    missing : {"listwise", "fiml"}
        Leave out who did not answer every item, or use every answer there is (full information, which is right if
        what is missing depends on other answers only); errors then come from the observed information.
    weight : str or array of shape (n,), optional
        Survey weights, or the column that holds them.
    group : str, optional
        Column of a group: the model is then estimated in each, with means; a label is the same number in all groups,
        and ``c(a, b)*`` gives each its own (see also `invariance`).
    bootstrap : int
        Resamples of the respondents; the intervals of parameters and effects then come from them.
    interval : {"percentile", "bca"}
        Which bootstrap interval the tables show; ``bootstrap`` has both.
    bollen_stine : bool
        With complete answers and a bootstrap: test the model by it, too.
    scale : tuple of two numbers, optional
        Lowest and highest code of the items, to be checked.
    begin : {"own", "semopy"}
        Begin to search at ratios of the items' covariances (see `equations.start`), and at the solution of semopy
        only where that leads to no maximum; or at semopy's always. The maximum is the same, semopy takes seconds to
        load.
    seed : int
        Of the bootstrap.

    Returns
    -------
    SEMResult
        Estimates are those of highest likelihood, to the precision of the machine, as lavaan gives them.

    Raises
    ------
    UsageError
        If an option or an item is not known, or the model is not identified.
    DataError
        If the answers cannot carry the model.

    References
    ----------
    Rosseel, Y. (2012). lavaan: an R package for structural equation modeling. Journal of Statistical Software 48(2).
    """
    _check_options(
        bootstrap, {"estimator": estimator, "se": se, "missing": missing, "interval": interval, "begin": begin}
    )
    if answers.empty:
        return _nothing()
    ready = prepare(model, answers, missing=missing, weight=weight, group=group, scale=scale)
    if bollen_stine and (not bootstrap or ready.sample.blocks != max(1, len(ready.groups))):
        raise UsageError("The Bollen-Stine test needs complete answers and bootstrap above 0.")
    if estimator == "MLM" and ready.sample.blocks != max(1, len(ready.groups)):
        raise UsageError("The estimator MLM needs complete answers; take MLR, or missing='listwise'.")
    structure = compile_rows(ready.rows, groups=max(1, len(ready.groups)), means=ready.means)
    fitted, ready = _fitted(structure, ready, begin)
    chosen = estimator
    if estimator == "ML" and (se == "robust" or weight is not None):
        chosen = "MLR"
    return _Report(fitted, ready, chosen, missing).result(bootstrap, interval, bollen_stine, seed)


def _fitted(structure: Structure, ready: Prepared, begin: str) -> tuple[Fitted, Prepared]:
    """The solution, and a note where it is not one of our own starts that led to it."""
    if begin == "semopy":
        second = secondopinion.fit_from_semopy(structure, ready.sample)
        if second is not None:
            return second, ready
        note = "semopy found no solution to begin at; the search had its usual start."
        return fit(structure, ready.sample), replace(ready, notes=(*ready.notes, note))
    own = fit(structure, ready.sample)
    if soundness.judge_fit(own).sound[0]:
        return own, ready
    # Beyond what is admissible the likelihood may have several maxima: look for a higher one.
    mean, covariance = (part[0] for part in own.free_moments)
    cautious = fit(structure, ready.sample, near=start.plain_values(structure, mean, covariance))
    best = min(own, cautious, key=lambda fitted: fitted.solution.objective[0])
    if best.solution.converged[0]:
        return best, ready
    second = secondopinion.fit_from_semopy(structure, ready.sample)
    if second is None or second.solution.objective[0] >= best.solution.objective[0]:
        return best, ready
    note = "The usual start led to no maximum; the search began at the solution of semopy instead."
    return second, replace(ready, notes=(*ready.notes, note))


_KNOWN: dict[str, tuple[str | None, ...]] = {
    "estimator": tuple(_TESTS),
    "se": (None, "standard", "robust"),
    "missing": ("listwise", "fiml"),
    "interval": ("percentile", "bca"),
    "begin": ("own", "semopy"),
}


def _check_options(bootstrap: int, options: dict[str, str | None]) -> None:
    for name, given in options.items():
        allowed = _KNOWN[name]
        if given not in allowed:
            there = ", ".join(repr(value) for value in allowed if value is not None)
            raise UsageError(f"The {name} parameter of covariance.estimate must be one of {there}, not {given!r}.")
    if bootstrap and bootstrap < 100:
        raise UsageError(f"The bootstrap parameter of covariance.estimate must be 0 or at least 100, not {bootstrap}.")


def _nothing() -> SEMResult:
    empty = pd.DataFrame
    return SEMResult(
        parameters=empty(columns=list(PARAMETERS)),
        fit=pd.Series(dtype="float64"),
        effects=empty(columns=list(EFFECTS)),
        r2=pd.Series(dtype="float64"),
        standardised=empty(columns=["lhs", "op", "rhs", "estimate", "se", "ci_lower", "ci_upper"]),
        modification=empty(columns=list(modification.COLUMNS)),
        admissibility=empty(columns=["check", "what", "passed", "detail"]),
    )


class _Report:
    """Everything a `SEMResult` holds, from one fitted model."""

    def __init__(self, fitted: Fitted, ready: Prepared, estimator: str, missing: str):
        self._fitted, self._ready = fitted, ready
        # Errors are about what is estimated: not about the moments of observed causes.
        self._about = given_causes(fitted)
        self._structure, self._missing = self._about.structure, missing
        self._test = _TESTS[estimator]
        if self._test:
            about_sample = self._test == "satorra-bentler"
            self._covariance = robust.sandwich(self._about, observed=not about_sample, about_sample=about_sample)
        else:
            self._covariance = self._about.covariance(observed=missing == "fiml")
        self._effects = standardised.Effects(self._structure)
        self._own = self._effects.own.ravel()

    def result(self, draws: int, interval: str, bollen_stine: bool, seed: int) -> SEMResult:
        fitted, structure, theta = self._fitted, self._structure, self._about.solution.theta[0]
        values, slopes = standardised.derivative(structure, theta, lambda values: values)
        parameters = pd.DataFrame({**self._names(), **interval_table(values.ravel(), self._errors(slopes))})
        scaled, scaled_slopes = standardised.derivative(
            structure, theta, lambda values: standardised.solution(structure, values)
        )
        parameters["std_all"] = scaled.ravel()
        table = pd.DataFrame({**self._names(), **interval_table(scaled.ravel(), self._errors(scaled_slopes))})
        effects, effect_slopes = standardised.derivative(structure, theta, self._own_effects)
        listed = pd.concat([self._effects.frame()] * structure.groups, ignore_index=True)
        if self._ready.groups:
            listed.insert(0, "group", np.repeat(self._ready.groups, len(self._effects)))
            listed.loc[listed["effect"] == "defined", "group"] = ""
        listed = listed[self._own].reset_index(drop=True)
        listed = listed.assign(**interval_table(effects, self._errors(effect_slopes)))
        listed["std_all"] = self._effects.standardised(fitted.estimates[None])[0].ravel()[self._own]
        verdict = soundness.judge_fit(fitted)
        resampled, summary = pd.DataFrame(), pd.Series(dtype="float64")
        if draws:
            resampled, summary = self._resample(
                draws, interval, bollen_stine, seed, parameters, listed, slopes, effect_slopes
            )
        scaling = None
        if self._test and fitted.df:
            scaling = goodness.Scaling(
                robust.scaling_factor(fitted, test=self._test), robust.baseline_factor(fitted, test=self._test)
            )
        measured = goodness.measures(fitted, scaling=scaling, corrected=self._missing == "fiml")
        return SEMResult(
            parameters=parameters,
            fit=pd.Series(measured),
            effects=listed,
            r2=self._explained(),
            standardised=table.drop(columns=["z", "pvalue"]),
            modification=self._modification(),
            admissibility=soundness.table(fitted, verdict),
            bootstrap=resampled,
            draws=summary,
            notes=self._ready.notes,
            groups=self._ready.groups,
            latents=structure.latents,
        )

    def _own_effects(self, values: np.ndarray) -> np.ndarray:
        """Effects, shape (k, effects of all groups), a defined one once."""
        found = self._effects.raw(values)
        return found.reshape(len(found), -1)[:, self._own]

    def _errors(self, slopes: np.ndarray) -> np.ndarray:
        by_number = slopes.reshape(-1, slopes.shape[-1])
        variance = np.einsum("mq,qs,ms->m", by_number, self._covariance, by_number)
        return np.sqrt(np.where(variance >= -1e-12, np.abs(variance), np.nan))

    def _names(self) -> dict[str, list[str] | np.ndarray]:
        rows, groups = self._structure.rows, self._structure.groups
        names: dict[str, list[str] | np.ndarray] = {}
        if self._ready.groups:
            names["group"] = np.repeat(self._ready.groups, len(rows))
        return names | {part: [getattr(row, part) for row in rows] * groups for part in ("lhs", "op", "rhs")}

    def _explained(self) -> pd.Series:
        found = standardised.explained(self._structure, self._fitted.estimates[None])[0]
        names = list(self._structure.names)
        if self._ready.groups:
            index = pd.MultiIndex.from_product([self._ready.groups, names], names=["group", "variable"])
            return pd.Series(found.ravel(), index).dropna()
        return pd.Series(found[0], pd.Index(names, name="variable")).dropna()

    def _modification(self) -> pd.DataFrame:
        found = modification.indices(self._fitted)
        if self._ready.groups:
            return found.assign(group=[self._ready.groups[index] for index in found["group"]])
        return found.drop(columns="group")

    def _resample(
        self,
        draws: int,
        interval: str,
        bollen_stine: bool,
        seed: int,
        parameters: pd.DataFrame,
        effects: pd.DataFrame,
        slopes: np.ndarray,
        effect_slopes: np.ndarray,
    ) -> tuple[pd.DataFrame, pd.Series]:
        """Bootstrap every parameter and effect, and put the chosen intervals into their tables."""
        fitted = self._fitted
        sources = np.random.SeedSequence(seed).spawn(2)
        drawn = refits.bootstrap(fitted, draws=draws, generator=np.random.default_rng(sources[0]))
        tables = []
        for frame, function, rises in (
            (parameters, lambda values: values, slopes),
            (effects, self._own_effects, effect_slopes),
        ):
            many = refits.by_draw(function, drawn)
            moved = refits.influence(self._about, rises.reshape(-1, rises.shape[-1]))
            estimates = frame["estimate"].to_numpy()
            ends = {
                "percentile": refits.intervals(estimates, many),
                "bca": refits.intervals(estimates, many, moved),
            }
            if len(many):
                frame["ci_lower"], frame["ci_upper"] = ends[interval]
            columns = [name for name in frame.columns if name in ("group", "lhs", "op", "rhs", "effect", "name")]
            tables.append(
                frame[[*columns, "estimate"]].assign(
                    se=np.std(many, axis=0, ddof=1) if len(many) > 1 else np.nan,
                    **{
                        f"{kind}_{end}": side
                        for kind, pair in ends.items()
                        for end, side in zip(("lower", "upper"), pair, strict=True)
                    },
                )
            )
        summary = {
            "draws": draws,
            "lost_share": 1 - drawn.converged.mean(),
            "inadmissible_share": 1 - drawn.soundness.sound.mean(),
        }
        if bollen_stine:
            turned = refits.bollen_stine(fitted, draws=draws, generator=np.random.default_rng(sources[1]))
            summary["bollen_stine"] = float((turned >= fitted.chisq).mean()) if len(turned) else np.nan
        return pd.concat(tables, ignore_index=True), pd.Series(summary)
