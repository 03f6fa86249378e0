"""Goodness: how well a structural model fits: chi-square, comparative, absolute and information measures."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from crm_analysis.satisfaction.equations import incomplete
from crm_analysis.satisfaction.equations.conditional import baseline, given_causes, loglik_of_causes
from crm_analysis.satisfaction.equations.fitting import Fitted, moment_count


@dataclass(frozen=True)
class Scaling:
    """Factors by which the chi-squares of the model and of independence are too large where answers are not normal."""

    model: float
    baseline: float


@dataclass(frozen=True)
class Tested:
    """A chi-square, whose mean is `factor` times `df` where the model holds, of n respondents in groups."""

    chisq: float
    df: float
    n: int
    groups: int
    factor: float = 1.0

    @property
    def over(self) -> float:
        """What the chi-square has beyond its mean."""
        return self.chisq - self.factor * self.df


def measures(fitted: Fitted, *, scaling: Scaling | None = None, corrected: bool = False) -> dict[str, float]:
    """Return the measures of fit.

    Parameters
    ----------
    fitted : Fitted
        The model.
    scaling : Scaling, optional
        With it come scaled and robust measures.
    corrected : bool
        With missing answers: the robust measures are those that complete answers would give.

    Returns
    -------
    dict of float
        ``chisq``, ``df``, ``pvalue``; ``cfi`` and ``tli`` against independent items; ``rmsea`` with its 90 % interval
        (from the noncentral chi-square) and the p-value of an RMSEA of at most .05; ``srmr`` (Bentler's); ``loglik``,
        ``aic``, ``bic``, the latter also adjusted for the size of the sample; ``loglik_unrestricted`` without a model;
        ``free_parameters`` and ``n``; ``baseline_chisq`` with ``baseline_df`` and ``baseline_pvalue``; where scaled,
        ``chisq_scaled``, ``pvalue_scaled``, ``scaling_factor`` and the same of the baseline, CFI, TLI and RMSEA that
        take the scaled chi-square for an unscaled one (``cfi_scaled`` ...), and those that estimate what normal answers
        would give (``cfi_robust`` ...). What the degrees of freedom do not allow is not a number.

    References
    ----------
    Bentler, P. M. (1990). Comparative fit indexes in structural models. Psychological Bulletin 107, 238-246.

    Browne, M. W. and Cudeck, R. (1993). Alternative ways of assessing model fit. In Testing Structural Equation Models.

    Brosseau-Liard, P. E. and Savalei, V. (2014). Adjusting incremental fit indices for nonnormality. Multivariate
    Behavioral Research 49, 460-470.
    """
    from scipy import stats

    n, groups = fitted.sample.n, fitted.structure.groups
    independent = baseline(fitted)
    tests = [Tested(one.chisq, one.df, n, groups) for one in (fitted, independent)]
    model, none = tests
    gaps = float((fitted.moments.count[0] * fitted.moments.observed.sum(axis=1)).sum())
    loglik = -n * float(fitted.solution.objective[0]) - 0.5 * math.log(2 * math.pi) * gaps - loglik_of_causes(fitted)
    about = given_causes(fitted)
    free = about.structure.free
    found = {
        "chisq": model.chisq,
        "df": fitted.df,
        "pvalue": float(stats.chi2.sf(model.chisq, model.df)) if model.df else math.nan,
        **_comparative(model, none),
        **_rmsea(model),
        "srmr": srmr(fitted),
        "loglik": loglik,
        "aic": -2 * loglik + 2 * free,
        "bic": -2 * loglik + math.log(n) * free,
        "free_parameters": free,
        "n": n,
        "baseline_chisq": none.chisq,
        "baseline_df": independent.df,
        "baseline_pvalue": float(stats.chi2.sf(none.chisq, none.df)) if none.df else math.nan,
        "rmsea_pvalue": _close(model),
        "bic_adjusted": -2 * loglik + math.log((n + 2) / 24) * free,
        "loglik_unrestricted": loglik + model.chisq / 2,
    }
    if not fitted.df:
        return found
    if scaling:
        factors = scaling.model, scaling.baseline
        found |= _scaled(*(replace(one, factor=factor) for one, factor in zip(tests, factors, strict=True)))
        tests = [replace(one, factor=factor) for one, factor in zip(tests, factors, strict=True)]
    if corrected:
        causes = fitted.structure.given
        parts = [incomplete.discrepancy(one, normal=scaling is None, causes=causes) for one in (about, independent)]
        tests = [replace(one, chisq=part.chisq, factor=part.scaling) for one, part in zip(tests, parts, strict=True)]
    if scaling or corrected:
        found |= {f"{name}_robust": value for name, value in (_comparative(*tests) | _rmsea(tests[0])).items()}
        found["rmsea_pvalue_robust"] = _close(tests[0])
    return found


def _scaled(model: Tested, none: Tested) -> dict[str, float]:
    """Measures that take a scaled chi-square for an unscaled one, as they were before robust ones were known."""
    from scipy import stats

    ratios = [replace(one, chisq=one.chisq / one.factor, factor=1.0) for one in (model, none)]
    # The same share of misfit by the mean of the chi-square instead of its degrees of freedom.
    stretched = replace(model, df=model.factor * model.df, factor=1.0)
    found = _comparative(*ratios) | _rmsea(stretched) | {"rmsea_pvalue": _close(stretched)}
    return {
        "chisq_scaled": ratios[0].chisq,
        "pvalue_scaled": float(stats.chi2.sf(ratios[0].chisq, model.df)),
        "scaling_factor": model.factor,
        "baseline_chisq_scaled": ratios[1].chisq,
        "baseline_scaling_factor": none.factor,
        **{f"{name}_scaled": value for name, value in found.items()},
    }


def _comparative(model: Tested, none: Tested) -> dict[str, float]:
    worst = max(none.over, model.over, 0.0)
    cfi = 1 - max(model.over, 0.0) / worst if worst > 0 else 1.0
    tli = 1 - model.over * none.df / (none.over * model.df) if model.df and none.over != 0 else math.nan
    return {"cfi": cfi, "tli": tli}


def _rmsea(model: Tested) -> dict[str, float]:
    """The RMSEA and its 90 % interval: with its ends the chi-square lies at its 95th and 5th percentile."""
    from scipy import optimize, stats

    if not model.df or not model.factor > 0:
        return dict.fromkeys(("rmsea", "rmsea_ci_lower", "rmsea_ci_upper"), math.nan)
    ratio = model.chisq / model.factor

    def noncentrality(level: float) -> float:
        if stats.chi2.cdf(ratio, model.df) < level:
            return 0.0
        widest = max(10.0, 4 * ratio)
        return float(
            optimize.brentq(lambda away: stats.ncx2.cdf(ratio, model.df, away) - level, 1e-10, widest, xtol=1e-10)
        )

    scale = model.groups / (model.n * model.df)
    low, high = (math.sqrt(model.factor * noncentrality(level) * scale) for level in (0.95, 0.05))
    return {"rmsea": math.sqrt(max(model.over, 0.0) * scale), "rmsea_ci_lower": low, "rmsea_ci_upper": high}


def _close(model: Tested, *, at: float = 0.05) -> float:
    """The p-value of the hypothesis that the RMSEA is at most .05 (Browne and Cudeck's close fit)."""
    from scipy import stats

    if not model.df or not model.factor > 0:
        return math.nan
    away = model.n * model.df / model.factor * at**2 / model.groups
    return float(stats.ncx2.sf(model.chisq / model.factor, model.df, away))


def srmr(fitted: Fitted) -> float:
    """Return the root mean square of the residuals, standardised by the sample (Bentler 1995), over groups."""
    structure, p = fitted.structure, len(fitted.structure.items)
    mean, covariance = (part[0] for part in fitted.free_moments)
    spread = np.sqrt(np.diagonal(covariance, axis1=-2, axis2=-1))
    residual = (covariance - fitted.implied.covariance[0][:, :p, :p]) / spread[:, :, None] / spread[:, None, :]
    below = np.tril_indices(p)
    squares = (residual[:, below[0], below[1]] ** 2).sum(axis=1)
    if structure.means:
        squares = squares + (((mean - fitted.implied.mean[0][:, :p]) / spread) ** 2).sum(axis=1)
    shares = np.bincount(fitted.sample.group) / fitted.sample.n
    return float((shares * np.sqrt(squares * structure.groups / moment_count(structure))).sum())
