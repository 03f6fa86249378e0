"""Facts: the single numbers that the sentences of the trap tell, and what its scenarios and pictures draw on."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Facts:
    """What was analysed, by which definitions, and what came of it beside the tables."""

    customers: int = 0
    satisfied: int = 0
    satisfied_from: float = 70.0
    behaviour: str = ""
    """What the behaviour is called, where its Series has a name."""
    loyal_means: str = ""
    why: str = ""
    """Why there is no more than this, where the data do not allow it."""
    cautions: tuple[str, ...] = ()
    break_p_values: tuple[float, ...] = ()
    slope: tuple[float, float, float] = (np.nan, np.nan, np.nan)
    reliability: float | None = None
    corrected: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    untestable: dict[str, str] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    worth: tuple[float, float, float, float] | None = None
    """What the trapped are worth, and their share of everybody's worth with its interval."""
    currency: str = ""
    level: tuple[str, str, float, tuple[float, float], float] | None = None
    """Two levels of competition, how much higher loyalty is at the second, the interval of that (size), the p-value."""
    group_p_values: dict[str, float] = field(default_factory=dict)
    place_p_values: dict[str, float] = field(default_factory=dict)
    """By grouping: of all groups whose curve bends doing so at the same place (Holm)."""
    effective: float | None = None
    """How many equally weighted customers tell as much; None: the customers were not weighted."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """Resamples that scenarios need, the first row of each being the sample, and the customers' points.

    Attributes
    ----------
    at : array of shape (k,)
        Satisfaction of the bins.
    size, loyal : arrays of shape (1 + resamples, k)
        Customers and loyal customers of each bin.
    width : float
        Bandwidth of the free curve.
    satisfied : array of shape (k,)
        Whether a bin counts as satisfied.
    points : array of shape (n, 2)
        Satisfaction and behaviour of the customers, in the order of the result's customers.
    switching : array of shape (1 + resamples, 2), optional
        What a unit of switching cost adds to the chance to be loyal, of the satisfied and of the others.
    """

    at: np.ndarray
    size: np.ndarray
    loyal: np.ndarray
    width: float
    satisfied: np.ndarray
    points: np.ndarray
    switching: np.ndarray | None = None
