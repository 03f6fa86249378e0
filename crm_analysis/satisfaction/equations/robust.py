"""Robust: errors and tests of a maximum-likelihood fit that hold where answers are not normal."""

from __future__ import annotations

import math

import numpy as np

from crm_analysis.satisfaction.equations.conditional import baseline
from crm_analysis.satisfaction.equations.fitting import Fitted, saturated_fit
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
        A^-1 B A^-1 / n, with A the information and B the mean of the outer products of the respondents' scores. With
        observed causes the deviations of MLM leave out what these foretell.

    References
    ----------
    White, H. (1982). Maximum likelihood estimation of misspecified models. Econometrica 50, 1-25.

    Satorra, A. and Bentler, P. M. (1994). Corrections to test statistics and standard errors in covariance structure
    analysis. In Latent Variables Analysis.
    """
    bread = inverse(fitted.state.information(observed=observed))[0]
    scores = _scores(fitted, fitted.structure.given, about_sample=about_sample)
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
    return _factor(fitted, fitted.structure.given, mean_based=test == "satorra-bentler")


def baseline_factor(fitted: Fitted, *, test: str) -> float:
    """Return the `scaling_factor` of the model of independent items."""
    return _factor(baseline(fitted), fitted.structure.given, mean_based=test == "satorra-bentler")


def _factor(fitted: Fitted, causes: tuple[str, ...], *, mean_based: bool) -> float:
    if fitted.df == 0:
        return math.nan
    free = saturated_fit(fitted, at_model=mean_based)
    inner, outer = (_trace(model, causes, mean_based=mean_based) for model in (fitted, free))
    return (outer - inner) / fitted.df


def _trace(fitted: Fitted, causes: tuple[str, ...], *, mean_based: bool) -> float:
    information = fitted.state.information(observed=not mean_based)
    scores = _scores(fitted, causes, about_sample=mean_based)
    return float(np.trace(inverse(information)[0] @ (scores.T @ scores)) / fitted.sample.n)


def _scores(fitted: Fitted, causes: tuple[str, ...], *, about_sample: bool) -> np.ndarray:
    """Scores of the respondents; about the sample's moments, without what the observed causes alone foretell."""
    scores = fitted.scores(about_sample=about_sample)
    if not (about_sample and causes):
        return scores
    sample, mean, covariance = fitted.sample, *(part[0] for part in fitted.free_moments)
    places = [fitted.structure.items.index(name) for name in causes]
    foretold = np.empty_like(sample.answers)
    for group in range(fitted.structure.groups):
        inside = sample.group == group
        slope = np.linalg.solve(covariance[group][np.ix_(places, places)], covariance[group][places])
        foretold[inside] = mean[group] + (sample.answers[inside][:, places] - mean[group][places]) @ slope
    alone = fitted.state.scores(foretold, sample.block, about_sample=True)
    for group in range(fitted.structure.groups):
        inside = sample.group == group
        alone[inside] -= np.average(alone[inside], axis=0, weights=sample.weight[inside])
    return scores - alone * sample.weight[:, None]
