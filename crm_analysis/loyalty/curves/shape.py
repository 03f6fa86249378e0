"""Shape: everything about the curve of loyalty over satisfaction, with bands, breaks and its flat zone."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from crm_analysis.loyalty.curves import breaks, excess, piecewise, simulated_error, smooth
from crm_analysis.loyalty.curves.binning import Bins, Draws
from crm_analysis.loyalty.curves.kinks import Sample
from crm_analysis.resampling import percentile

CURVE_COLUMNS = ["satisfaction", "loyalty", "ci_lower", "ci_upper"]
BREAK_COLUMNS = ["position", "ci_lower", "ci_upper"]


@dataclass(frozen=True, eq=False)
class Shape:
    """The curves (long, one row per kind and place), the breaks, the flat zone and the straight line's slope."""

    curves: pd.DataFrame
    breaks: breaks.Breaks
    flat_zone: pd.DataFrame
    width: float
    slope: tuple[float, float, float]

    @property
    def free(self) -> pd.DataFrame:
        return self.curves.loc[self.curves["kind"] == "free", CURVE_COLUMNS].reset_index(drop=True)

    @property
    def break_points(self) -> pd.DataFrame:
        return pd.DataFrame(self.breaks.positions, columns=BREAK_COLUMNS)


def draw(
    places: Bins,
    behaviour: np.ndarray,
    drawn: Draws,
    *,
    most_breaks: int,
    error: float,
    edge: float,
    generator: np.random.Generator,
) -> Shape:
    """Estimate the curve in four ways: free, monotone, piecewise and, where its error is known, corrected for it.

    Parameters
    ----------
    places : Bins
        Where each of n customers' satisfaction lies.
    behaviour : array of shape (n,)
        0-1.
    drawn : Draws
        Resamples of these customers.
    most_breaks : int
        At most so many breaks.
    error : float
        Standard deviation of the error in satisfaction, in points; 0: not known, or none.
    edge : float
        The threshold of satisfaction.
    generator : numpy Generator
        For the test of breaks.

    Returns
    -------
    Shape
    """
    at = places.centre
    sizes = drawn.histogram(places.place, len(at))
    totals = drawn.histogram(places.place, len(at), behaviour)
    width, sample = weigh(places, behaviour)
    points = smooth.grid(at, places.size)
    found = breaks.find(sample, generator=generator, most=most_breaks, resamples=len(drawn.counts) - 1)
    lines, slopes = piecewise.curve(points, at, sizes, totals, sample.variance, found.at)
    nearest = np.abs(at[:, None] - points).argmin(axis=0)
    kinds = {
        "free": smooth.free(points, at, sizes, totals, width),
        "monotone": smooth.monotone(sizes, totals)[:, nearest],
        "piecewise": lines,
    }
    if error > 0:
        kinds["corrected"] = simulated_error.extrapolated(
            lambda spread, cells: smooth.free(points, cells, sizes @ spread, totals @ spread, width),
            at,
            error=error,
            edge=edge,
        )
    straight = excess.line(sizes, totals, at)[1]
    low, high = percentile(straight[1:, None])
    return Shape(
        curves=pd.concat([_table(kind, points, drawn_curve) for kind, drawn_curve in kinds.items()], ignore_index=True),
        breaks=found,
        flat_zone=piecewise.flat_zone(found, at, slopes[0], float(straight[0])),
        width=width,
        slope=(float(straight[0]), float(low[0]), float(high[0])),
    )


def weigh(places: Bins, behaviour: np.ndarray) -> tuple[float, Sample]:
    """Return the free curve's bandwidth, and the bins as `breaks.find` wants them, with their residual variance."""
    at, moments = places.centre, places.moments(behaviour)
    width = smooth.bandwidth(at, *moments)
    gap = smooth.residuals(at, *moments, width)
    # The sum of weighted answers varies with the squares of their weights.
    squared = None if places.weight is None else replace(places, weight=places.weight**2).moments(behaviour)
    return width, Sample(at, *moments, smooth.variance(at, places.size, gap, width), squared)


def by_group(names: pd.Series, places: Bins, behaviour: np.ndarray, drawn: Draws, width: float) -> pd.DataFrame:
    """Return the free curve of each group over the satisfaction that it has: ``group`` and the columns of a curve."""
    found = []
    for name in sorted(set(names.dropna()), key=_in_order):
        here = (names == name).to_numpy()
        if here.sum() < 30 or len(np.unique(places.place[here])) < 3:
            continue
        part = drawn.of(here)
        sizes = part.histogram(places.place[here], len(places.centre))
        totals = part.histogram(places.place[here], len(places.centre), behaviour[here])
        points = smooth.grid(places.centre[sizes[0] > 0], sizes[0][sizes[0] > 0])
        # Fewer customers, a wider window: the bandwidth of local lines falls with the fifth root of their number.
        own = width * (len(names) / here.sum()) ** 0.2
        curve = smooth.free(points, places.centre, sizes, totals, own)
        found.append(_table(str(name), points, curve).rename(columns={"kind": "group"}))
    columns = ["group", *CURVE_COLUMNS, "band_lower", "band_upper"]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=columns)


def _in_order(name: str) -> tuple[int, float, str]:
    known = {"low": 0, "middle": 1, "high": 2}
    try:
        return 1, float(name), name
    except ValueError:
        return (0, known[name], name) if name in known else (2, 0.0, name)


def _table(kind: str, points: np.ndarray, drawn: np.ndarray) -> pd.DataFrame:
    curve = np.clip(drawn[0], 0, 1)
    return pd.DataFrame({"kind": kind, "satisfaction": points, "loyalty": curve, **smooth.bands(drawn[0], drawn[1:])})
