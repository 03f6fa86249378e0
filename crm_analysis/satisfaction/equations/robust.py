"""Robust: errors and tests of a maximum-likelihood fit that hold where answers are not normal."""

from __future__ import annotations

import math

import numpy as np

from crm_analysis.satisfaction.equations.fitting import Fitted, independent_fit, saturated_fit
from crm_analysis.satisfaction.equations.scoring import inverse


def sandwich(fitted: Fitted, *, observed: bool = True, about_sample: bool = False) -> np.ndarray:
    """Return the covariance of the free parameters that holds without normality.

    Parameters
    ----------
    fitted : Fitted
        The model.
    observed : bool
        Whether the bread is the observed information (Huber and White; MLR) or the expected one (MLM).
    about_sample : bool
        Take the scores' deviations from the sample's moments (MLM), not from the model's (MLR).

    Returns
    -------
    array of shape (q, q)
        A^-1 B A^-1 / n, with A the information and B the mean of the outer products of the respondents' scores.

    References
    ----------
    White, H. (1982). Maximum likelihood estimation of misspecified models. Econometrica 50, 1-25.

    Satorra, A. and Bentler, P. M. (1994). Corrections to test statistics and standard errors in covariance structure
    analysis. In Latent Variables Analysis.
    """
    bread = inverse(fitted.state.information(observed=observed))[0]
    scores = fitted.scores(about_sample=about_sample)
    return bread @ (scores.T @ scores) @ bread / fitted.sample.n**2


def scaling_factor(fitted: Fitted, *, test: str) -> float:
    """Return the factor by which answers that are not normal inflate the chi-square.

    Parameters
    ----------
    fitted : Fitted
        The model.
    test : {"yuan-bentler", "satorra-bentler"}
        (tr(A1^-1 B1) - tr(A^-1 B)) / df, with A and B as in `sandwich`, of the model and (1) of the saturated one.
        Yuan and Bentler (MLR, asymptotically, as in Mplus): observed information, the saturated model at the sample's
        moments. Satorra and Bentler (MLM): expected information, deviations from the sample's moments, the saturated
        model at the moments that the model implies.

    References
    ----------
    Yuan, K.-H. and Bentler, P. M. (2000). Three likelihood-based methods for mean and covariance structure analysis
    with nonnormal missing data. Sociological Methodology 30, 165-200.
    """
    mean_based = test == "satorra-bentler"
    if fitted.df == 0:
        return math.nan
    free = saturated_fit(fitted, at_model=mean_based)
    inner, outer = (_trace(model, mean_based=mean_based) for model in (fitted, free))
    return (outer - inner) / fitted.df


def baseline_factor(fitted: Fitted, *, test: str) -> float:
    """Return the `scaling_factor` of the model of independent items."""
    return scaling_factor(independent_fit(fitted), test=test)


def _trace(fitted: Fitted, *, mean_based: bool) -> float:
    information = fitted.state.information(observed=not mean_based)
    scores = fitted.scores(about_sample=mean_based)
    return float(np.trace(inverse(information)[0] @ (scores.T @ scores)) / fitted.sample.n)
