"""Breaks: is the curve a straight line, or does it bend once or twice, and where?

Behaviour is regressed on satisfaction x by weighted least squares as a + b x + sum_k c_k (x - t_k)+, a continuous line
with zero, one or two breaks t_k. Each bin counts with its customers over the residual variance there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from crm_analysis.loyalty.curves.kinks import Process, Sample, beyond, candidates, p_value, smaller
from crm_analysis.resampling import LEVEL

FIRST_RATE = 0.04
"""P-value from which a break is claimed. The estimated weights cost some size: in samples of a straight line of yes and
no a break is claimed somewhat more often, see benchmarks/README.md."""
SECOND_RATE = 0.025
"""Nominal chance to claim a second break where there is one: stricter, because the first one's place is a guess."""
_FINE, _COARSE = 121, 31


@dataclass(frozen=True, eq=False)
class Breaks:
    """Break points with their intervals (k rows: position, lower, upper) and the p-values of each step's test."""

    positions: np.ndarray
    p_values: tuple[float, ...]

    @property
    def at(self) -> np.ndarray:
        return self.positions[:, 0]


def find(
    data: Sample,
    *,
    generator: np.random.Generator,
    most: int = 2,
    resamples: int = 1000,
    rate: float = FIRST_RATE,
) -> Breaks:
    """Decide how many breaks there are, and where.

    Parameters
    ----------
    data : Sample
        Bins; see `smooth.variance` for the variance.
    generator : numpy Generator
        For the null distributions.
    most : int
        At most so many breaks: 0, 1 or 2.
    resamples : int
        Draws of the null distributions.
    rate : float
        P-value from which a break is claimed.

    Returns
    -------
    Breaks

    Notes
    -----
    No break against one: the mean over all places t of exp(S(t) / 2), S the robust score statistic of a bend at t
    (Andrews and Ploberger 1994); no break against two: the largest score statistic over all pairs of places; the
    smaller of their p-values is judged by its own distribution. One break against two: the first test once more with
    that break, and a move of it, taken out. Null distributions come from wild draws of the bins' residuals with the
    variance that each bin shows. A position's interval holds the places t whose likelihood, set
    against the mean likelihood of all places, is no smaller than in 5 % of draws of a curve that breaks at t. All draws
    for t have the score at t that the data have: given it, they do not depend on how sharp the bend is (Moreira 2003).
    The mean instead of the largest likelihood gives shorter intervals (Pratt 1961).
    With two breaks the other one, and a move of it, is taken out first.

    References
    ----------
    Andrews, D. W. K. and Ploberger, W. (1994). Optimal tests when a nuisance parameter is present only under the
    alternative. Econometrica 62, 1383-1414.
    Moreira, M. J. (2003). A conditional likelihood ratio test for structural models. Econometrica 71, 1027-1048.
    Pratt, J. W. (1961). Length of confidence intervals. JASA 56, 549-567.
    """
    none = np.empty((0, 3))
    fine, coarse = candidates(data, _FINE), candidates(data, _COARSE)
    spread = data.spread(np.empty(0))
    # Behaviour that never varies leaves nothing but rounding about the line.
    if most < 1 or not len(fine) or spread.max() < 1e-6:
        return Breaks(none, ())
    chance = generator.standard_normal((resamples, len(data.at)))
    noise = chance * spread
    line = data.columns(np.ones_like(data.at), data.at)
    single = Process.of(data, line, fine, noise)
    pairs = Process.of(data, line, coarse, noise)
    p_any = smaller(single.any(), pairs.best_pair()) if most > 1 else p_value(*single.any())
    if p_any > rate:
        return Breaks(none, (p_any,))
    first = float(fine[int(np.argmax(single.score**2))])
    # From here on chance is what a line with this break leaves.
    noise = chance * data.spread(np.array([first]))
    single = Process.of(data, line, fine, noise)
    rest = _apart(coarse, first, data.at)
    if most > 1 and len(rest):
        p_two = p_value(*Process.of(data, _around(data, first), rest, noise).any())
        if p_two <= SECOND_RATE:
            one, two = _best_two(data, pairs, coarse, fine)
            noise = chance * data.spread(np.array([one, two]))
            places = [(one, *_interval(data, two, one, noise)), (two, *_interval(data, one, two, noise))]
            return Breaks(np.array(places), (p_any, p_two))
        return Breaks(np.array([(first, *_ends(single, fine))]), (p_any, p_two))
    return Breaks(np.array([(first, *_ends(single, fine))]), (p_any,))


def one_place(samples: Sequence[Sample], *, generator: np.random.Generator, resamples: int = 1000) -> float:
    """Return the p-value of curves of separate customers that break once each breaking at the same place.

    Parameters
    ----------
    samples : sequence of Sample
        Two or more.
    generator : numpy Generator
        For the null distribution.
    resamples : int
        Its draws.

    Returns
    -------
    float
        Missing where the samples have no range of places in common.

    Notes
    -----
    The likelihood ratio of a place of its own for each against the best place t for all, over the places that all have;
    its null distribution by wild draws of curves that break at t with the bends that the samples have there.
    """
    inside = [candidates(data, _FINE) for data in samples]
    if not all(map(len, inside)):
        return float("nan")
    places = np.linspace(max(one[0] for one in inside), min(one[-1] for one in inside), _FINE)
    if places[0] >= places[-1]:
        return float("nan")
    processes = []
    for data in samples:
        line = data.columns(np.ones_like(data.at), data.at)
        chance = generator.standard_normal((resamples, len(data.at)))
        first = places[int(np.argmax(Process.of(data, line, places, chance[:1]).score ** 2))]
        processes.append(Process.of(data, line, places, chance * data.spread(np.array([first]))))
    lost = sum((one.score**2).max() - one.score**2 for one in processes)
    best = int(np.argmin(lost))
    drawn = np.zeros((resamples, len(places)))
    for one in processes:
        squares = (one.score[best] * one.overlap[best] + one.noise) ** 2
        drawn += squares.max(axis=1, keepdims=True) - squares
    return p_value(float(np.min(lost)), drawn.min(axis=1))


def _around(data: Sample, place: float) -> np.ndarray:
    """A line that breaks at a place, and how it changes when the place moves."""
    bend = np.maximum(data.at - place, 0)
    return data.columns(np.ones_like(data.at), data.at, bend, (data.at > place).astype("float64"))


def _apart(places: np.ndarray, place: float, at: np.ndarray) -> np.ndarray:
    """Places that leave at least two levels of satisfaction, and a twentieth of the range, between them and a break."""
    between = np.abs(np.searchsorted(at, places) - np.searchsorted(at, place)) >= 2
    return places[between & (np.abs(places - place) >= 0.05 * (at[-1] - at[0]))]


def _best_two(data: Sample, pairs: Process, coarse: np.ndarray, fine: np.ndarray) -> tuple[float, float]:
    """The pair of places with the least squared error: first roughly, then each in turn on the fine grid."""
    one, two = np.triu_indices(len(coarse), k=2)
    cross = pairs.overlap[one, two]
    left, right = pairs.score[one], pairs.score[two]
    gain = (left**2 - 2 * cross * left * right + right**2) / np.maximum(1 - cross**2, 1e-6)
    best = int(np.argmax(np.where(cross**2 < 1 - 1e-4, gain, -np.inf)))
    low, high = float(coarse[one[best]]), float(coarse[two[best]])
    for _ in range(3):
        low = _beside(data, high, fine[fine < high])
        high = _beside(data, low, fine[fine > low])
    return low, high


def _beside(data: Sample, other: float, places: np.ndarray) -> float:
    """The best place for a break beside one that is given."""
    places = chosen if len(chosen := _apart(places, other, data.at)) else places
    base = data.columns(np.ones_like(data.at), data.at, np.maximum(data.at - other, 0))
    score = Process.of(data, base, places, np.zeros((1, len(data.at)))).score
    return float(places[int(np.argmax(score**2))])


def _interval(data: Sample, other: float, place: float, noise: np.ndarray) -> tuple[float, float]:
    fine = candidates(data, _FINE)
    side = _apart(fine[fine < other] if place < other else fine[fine > other], other, data.at)
    low, high = _ends(Process.of(data, _around(data, other), side, noise), side) if len(side) else (place, place)
    return min(low, place), max(high, place)


def _ends(process: Process, places: np.ndarray) -> tuple[float, float]:
    """The outermost places that the data do not reject as the break."""
    step = (places[1] - places[0]) / 2 if len(places) > 1 else 0.0
    covariance = process.covariance
    along = covariance / np.maximum(np.diag(covariance), 1e-12)
    loss = beyond(process.score**2) - process.score**2
    kept = []
    for place, own in enumerate(process.score):
        chance = process.noise - process.noise[:, [place]] * along[:, place]
        drawn = beyond((own * process.overlap[place] + chance) ** 2) - own**2
        kept.append(loss[place] <= np.quantile(drawn, LEVEL) + 1e-9)
    inside = places[np.array(kept)]
    # Of all places some may be rejected by chance; the best one then stands for all.
    inside = inside if len(inside) else places[[int(np.argmax(process.score**2))]]
    return float(inside.min() - step), float(inside.max() + step)
