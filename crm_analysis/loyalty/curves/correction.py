"""Correction: the trap's rate and excess as they would be if satisfaction were measured without error."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from crm_analysis.loyalty.curves.binning import Draws, bins
from crm_analysis.loyalty.curves.excess import expected_of_line, observed
from crm_analysis.loyalty.curves.loyal import Loyal
from crm_analysis.loyalty.curves.simulated_error import extrapolated
from crm_analysis.loyalty.curves.tables import cross
from crm_analysis.resampling import percentile

# The score's distribution is spread too, which costs: so many resamples are enough for the ends of an interval.
_RESAMPLES = 200


def rates(
    satisfaction: np.ndarray, loyal: Loyal, drawn: Draws, *, error: float, edge: float
) -> dict[str, tuple[float, float, float]]:
    """Return the ``rate`` and the ``excess`` without error in satisfaction, each with its 95 % bootstrap interval.

    Parameters
    ----------
    satisfaction : array of shape (n,)
        Observed, with error.
    loyal : Loyal
        Who is loyal, and by which score.
    drawn : Draws
        Resamples of these customers.
    error : float
        Standard deviation of the error, in points.
    edge : float
        The threshold of satisfaction.
    """
    if loyal.score is None:
        places = bins(satisfaction, edge=edge, weight=drawn.weight)
        size, total = (
            drawn.histogram(places.place, len(places.centre), part) for part in (None, loyal.loyal.astype("float64"))
        )

        def both(spread: np.ndarray, cells: np.ndarray) -> np.ndarray:
            moved, loyals, high = size @ spread, total @ spread, cells >= edge
            rate = observed(moved, loyals, high)
            return np.column_stack([rate, rate - expected_of_line(moved, loyals, cells, high)])

        found = extrapolated(both, places.centre, error=error, edge=edge)
    else:
        crossed = cross(satisfaction, loyal.score, satisfied_from=edge, cut=loyal.cut, weight=drawn.weight)
        fewer = replace(drawn, counts=drawn.counts[: 1 + _RESAMPLES])
        counts = fewer.histogram(crossed.cell, crossed.cells).reshape(len(fewer.counts), len(crossed.at), -1)

        def both(spread: np.ndarray, cells: np.ndarray) -> np.ndarray:
            return crossed.rates(np.einsum("rkm,kc->rcm", counts, spread, optimize=True), cells)

        found = extrapolated(both, crossed.at, error=error, edge=edge)
    low, high = percentile(found[1:][np.isfinite(found[1:]).all(axis=1)])
    return {
        name: (float(found[0, place]), float(low[place]), float(high[place]))
        for place, name in enumerate(("rate", "excess"))
    }
