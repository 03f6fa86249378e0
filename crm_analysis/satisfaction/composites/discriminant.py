"""Discriminant: whether the constructs are told apart by the answers."""

from __future__ import annotations

import numpy as np
import pandas as pd

from crm_analysis.satisfaction.composites import consistency
from crm_analysis.satisfaction.composites.pathmodel import PathModel

THRESHOLDS = (0.85, 0.90, 1.0)
"""Bounds for the heterotrait-monotrait ratio: strict, usual, and the one beyond which two constructs are one."""

_VERDICTS = ("distinct", "distinct by the usual bound", "told apart, barely", "not told apart")


def ratios(fit: PathModel, low: np.ndarray, high: np.ndarray) -> pd.DataFrame:
    """Return the heterotrait-monotrait ratio of each pair with a verdict.

    Parameters
    ----------
    fit : PathModel
        The estimated model.
    low, high : array of shape (pairs,)
        Ends of the intervals, in the order of `consistency.pairs`.

    Returns
    -------
    DataFrame
        first, second, htmt, htmt_low, htmt_high, verdict, signs. The verdict names the strictest bound (0.85, 0.90, 1)
        that the interval's upper end stays below. Signs are ``mixed`` where the items of the two correlate positively
        and negatively, or items of one construct negatively: the ratio of absolute values then misleads.
    """
    assert fit.estimates is not None
    items, design = fit.estimates.items[0], fit.design
    first, second = consistency.pairs(design)
    rows = []
    for pair, (one, other) in enumerate(zip(first, second, strict=True)):
        mine, theirs = design.items_of(int(one)), design.items_of(int(other))
        across = items[np.ix_(mine, theirs)]
        within = min(items[np.ix_(mine, mine)].min(), items[np.ix_(theirs, theirs)].min())
        mixed = within < 0 or (across.min() < 0 < across.max())
        step = sum(not high[pair] < bound for bound in THRESHOLDS)
        rows.append(
            {
                "first": design.names[one],
                "second": design.names[other],
                "htmt": float(fit.estimates.htmt[0, pair]),
                "htmt_low": low[pair],
                "htmt_high": high[pair],
                "verdict": _VERDICTS[step],
                "signs": "mixed" if mixed else "agree",
            }
        )
    return pd.DataFrame(rows, columns=["first", "second", "htmt", "htmt_low", "htmt_high", "verdict", "signs"])


def fornell_larcker(fit: PathModel) -> pd.DataFrame:
    """Return the correlations of the scores below a diagonal of roots of the average variance extracted.

    A construct passes where its diagonal exceeds every correlation of its own.

    References
    ----------
    Fornell, C., Larcker, D. F. (1981). Journal of Marketing Research 18, 39-50.
    """
    assert fit.estimates is not None
    found = np.tril(fit.estimates.scores[0], k=-1)
    found[np.triu_indices(len(found), k=1)] = np.nan
    np.fill_diagonal(found, np.sqrt(consistency.ave(fit.estimates.loadings, fit.design)[0]))
    return pd.DataFrame(found, pd.Index(fit.design.names, name="construct"), list(fit.design.names))


def passes(fit: PathModel) -> pd.Series:
    """Return which constructs share more with their items than with any other construct (Fornell and Larcker)."""
    assert fit.estimates is not None
    others = np.abs(fit.estimates.scores[0] - np.eye(len(fit.design.names))).max(axis=1)
    root = np.sqrt(consistency.ave(fit.estimates.loadings, fit.design)[0])
    return pd.Series(root > others, index=pd.Index(fit.design.names, name="construct"))
