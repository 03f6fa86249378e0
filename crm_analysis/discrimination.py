"""Discrimination: how well a score ranks those to whom something happened above those to whom it did not."""

from __future__ import annotations

import numpy as np

from crm_analysis.proportion import bounds


def auc(score: np.ndarray, happened: np.ndarray) -> tuple[float, float, float]:
    """Return the area under the ROC curve with its interval (95 %).

    Parameters
    ----------
    score : array of shape (n,)
        The higher, the more likely it is held to happen. Scores of units that the model was fitted to flatter it.
    happened : boolean array of shape (n,)
        Whether it happened.

    Returns
    -------
    tuple of float
        The chance that one of those to whom it happened scores above one of the others, ties by half; lower and upper
        end. All missing where it happened to all or to nobody. The interval rests on DeLong's placement values and is
        made on the scale of log odds, see `proportion.bounds`; where the ranking is perfect it has no width.

    References
    ----------
    DeLong, E. R., DeLong, D. M., Clarke-Pearson, D. L. (1988). Comparing the areas under two or more correlated
    receiver operating characteristic curves: a nonparametric approach. Biometrics 44, 837-845.
    """
    from scipy.stats import rankdata

    happened = np.asarray(happened, dtype=bool)
    n, hits = len(happened), int(happened.sum())
    if hits in (0, n):
        return (float("nan"),) * 3
    overall = rankdata(score)
    placement = np.empty(n)
    placement[happened] = (overall[happened] - rankdata(score[happened])) / (n - hits)
    placement[~happened] = 1 - (overall[~happened] - rankdata(score[~happened])) / hits
    area = float(placement[happened].mean())
    # Scaled so that the variance of the influences is DeLong's, with its degrees of freedom on either side.
    sizes = np.where(happened, hits, n - hits)
    scale = np.sqrt(n * (n - 1) / (sizes * np.maximum(sizes - 1, 1)))
    return (area, *bounds(area, (placement - area) * scale))
