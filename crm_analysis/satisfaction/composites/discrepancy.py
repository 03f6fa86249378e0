"""Discrepancy: how far the correlations that a PLS model implies are from those of the answers."""

from __future__ import annotations

import numpy as np

from crm_analysis.satisfaction.composites import inner
from crm_analysis.satisfaction.composites.design import Design
from crm_analysis.satisfaction.composites.estimates import Estimates


def srmr(estimates: Estimates, design: Design, *, structural: bool, consistent: bool = False) -> float:
    """Return the standardised root mean square residual of one sample.

    Parameters
    ----------
    estimates : Estimates
        Of one sample (a stack of one).
    design : Design
        The model.
    structural : bool
        Whether the constructs' correlations are those that the paths imply; else they are taken as they are
        (the saturated model, which tests the measurement alone).
    consistent : bool
        Whether the estimates are those of consistent PLS.

    Returns
    -------
    float
        Root of the mean of squared differences over all pairs of items, each item with itself included. Between two
        constructs, the model implies loading x correlation x loading. Within a construct, it implies loading x loading
        where consistent PLS took it for a common factor, and anything for a composite.

    References
    ----------
    Henseler, J. et al. (2014). Common beliefs and reality about PLS. Organizational Research Methods 17, 182-209.
    """
    correlations = estimates.correlations[0]
    if structural:
        correlations = inner.implied(estimates.paths[0], correlations, design)
    loadings, items = estimates.loadings[0], estimates.items[0]
    found = np.outer(loadings, loadings) * correlations[design.block[:, None], design.block]
    within = design.block[:, None] == design.block
    factor = design.corrected[design.block] if consistent else np.zeros(len(items), dtype=bool)
    found = np.where(within & ~factor[:, None], items, found)
    np.fill_diagonal(found, 1.0)
    rows, columns = np.tril_indices(len(items))
    return float(np.sqrt(np.mean((items - found)[rows, columns] ** 2)))


def goodness(estimates: Estimates, design: Design) -> float:
    """Return Tenenhaus' goodness of fit, the geometric mean of mean communality and mean R2 (no test of a model).

    References
    ----------
    Tenenhaus, M., Amato, S., Esposito Vinzi, V. (2004). A global goodness-of-fit index for PLS structural equation
    modelling. Proceedings of the XLII SIS Scientific Meeting, 739-742. Single items are left out, as in plspm.
    """
    several = design.sizes[design.block] > 1
    caused = [target for target in range(len(design.names)) if design.causes(target)]
    communality = np.mean(_own(estimates, design)[several] ** 2) if several.any() else 1.0
    return float(np.sqrt(communality * np.mean(estimates.r2[0, caused])))


def _own(estimates: Estimates, design: Design) -> np.ndarray:
    return estimates.crossloadings[0][np.arange(len(design.items)), design.block]
