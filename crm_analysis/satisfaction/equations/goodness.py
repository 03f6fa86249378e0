"""Goodness: how well a structural model fits: chi-square, comparative, absolute and information measures."""

from __future__ import annotations

import math

import numpy as np

from crm_analysis.satisfaction.equations.fitting import Fitted, independent_fit, moment_count


def measures(fitted: Fitted, *, scaling: float = math.nan, baseline_scaling: float = math.nan) -> dict[str, float]:
    """Return the measures of fit.

    Parameters
    ----------
    fitted : Fitted
        The model.
    scaling, baseline_scaling : float
        Factors by which the chi-squares of the model and of independence are too large, where answers are not normal;
        with them come scaled and robust measures.

    Returns
    -------
    dict of float
        ``chisq``, ``df``, ``pvalue``; ``cfi`` and ``tli`` against independent items; ``rmsea`` with its 90 % interval
        (from the noncentral chi-square); ``srmr`` (Bentler's); ``loglik``, ``aic``, ``bic``; ``free_parameters`` and
        ``n``; where scaled, ``chisq_scaled``, ``pvalue_scaled``, ``scaling_factor``, ``cfi_robust``, ``tli_robust``,
        ``rmsea_robust``. What the degrees of freedom do not allow is not a number.

    References
    ----------
    Bentler, P. M. (1990). Comparative fit indexes in structural models. Psychological Bulletin 107, 238-246.

    Browne, M. W. and Cudeck, R. (1993). Alternative ways of assessing model fit. In Testing Structural Equation Models.

    Brosseau-Liard, P. E. and Savalei, V. (2014). Adjusting incremental fit indices for nonnormality. Multivariate
    Behavioral Research 49, 460-470.
    """
    from scipy import stats

    n, chisq, df, groups = fitted.sample.n, fitted.chisq, fitted.df, fitted.structure.groups
    none = independent_fit(fitted)
    cfi, tli = _comparative(chisq, df, none.chisq, none.df, 1.0, 1.0)
    low, high = rmsea_interval(chisq, df, n, groups)
    loglik = -n * float(fitted.solution.objective[0]) - 0.5 * math.log(2 * math.pi) * _answers(fitted)
    free = fitted.structure.free
    found = {
        "chisq": chisq,
        "df": df,
        "pvalue": float(stats.chi2.sf(chisq, df)) if df else math.nan,
        "cfi": cfi,
        "tli": tli,
        "rmsea": _rmsea(chisq, df, n, groups),
        "rmsea_ci_lower": low,
        "rmsea_ci_upper": high,
        "srmr": srmr(fitted),
        "loglik": loglik,
        "aic": -2 * loglik + 2 * free,
        "bic": -2 * loglik + math.log(n) * free,
        "free_parameters": free,
        "n": n,
        "baseline_chisq": none.chisq,
        "baseline_df": none.df,
    }
    if not math.isnan(scaling):
        robust = _comparative(chisq, df, none.chisq, none.df, scaling, baseline_scaling)
        found |= {
            "chisq_scaled": chisq / scaling,
            "pvalue_scaled": float(stats.chi2.sf(chisq / scaling, df)),
            "scaling_factor": scaling,
            "cfi_robust": robust[0],
            "tli_robust": robust[1],
            "rmsea_robust": math.sqrt(max(chisq - scaling * df, 0.0) * groups / (n * df)),
        }
    return found


def _answers(fitted: Fitted) -> float:
    return float((fitted.moments.count[0] * fitted.moments.observed.sum(axis=1)).sum())


def _comparative(
    chisq: float, df: int, none: float, none_df: int, scale: float, none_scale: float
) -> tuple[float, float]:
    """CFI and TLI; with scaling factors their robust versions."""
    over, none_over = chisq - scale * df, none - none_scale * none_df
    worst = max(none_over, over, 0.0)
    cfi = 1 - max(over, 0.0) / worst if worst > 0 else 1.0
    tli = 1 - over * none_df / (none_over * df) if df and none_over > 0 else math.nan
    return cfi, tli


def _rmsea(chisq: float, df: int, n: int, groups: int) -> float:
    return math.sqrt(max(chisq - df, 0.0) * groups / (n * df)) if df else math.nan


def rmsea_interval(chisq: float, df: int, n: int, groups: int) -> tuple[float, float]:
    """Return the 90 % interval of the RMSEA: with its ends the chi-square lies at its 95th and 5th percentile."""
    from scipy import optimize, stats

    if not df:
        return math.nan, math.nan

    def noncentrality(level: float) -> float:
        if stats.chi2.cdf(chisq, df) < level:
            return 0.0
        widest = max(10.0, 4 * chisq)
        return float(optimize.brentq(lambda away: stats.ncx2.cdf(chisq, df, away) - level, 1e-10, widest, xtol=1e-10))

    low, high = (math.sqrt(noncentrality(level) * groups / (n * df)) for level in (0.95, 0.05))
    return low, high


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
