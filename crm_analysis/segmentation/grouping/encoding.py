"""Encoding: customers as points, with skew treated, scales made equal and words turned into numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from crm_analysis.errors import DataError, UsageError
from crm_analysis.table import listed

BEHAVIOUR = ("recency_days", "frequency", "mean_order_value")
"""What customers are divided by unless told otherwise: when they bought last, how often, how much at a time."""

OTHER = "other"
"""Level that holds the rare levels of a feature."""

_SKEWED = 1.0
_RARE = 0.05
_FARTHEST = 3.5


@dataclass(frozen=True)
class Feature:
    """How one column becomes one or several coordinates.

    Attributes
    ----------
    name : str
        The column.
    treatment : str
        ``as it is``, ``log(1 + x)``, ``Yeo-Johnson`` or ``levels``.
    power : float
        Lambda of Yeo-Johnson.
    centre, scale : float
        Mean and standard deviation after the treatment.
    fallback : float
        What a missing value is taken for, the median.
    levels : tuple of str
        The levels of a feature of words.
    shares : tuple of float
        The share of each level.
    whole : bool
        Whether the feature counts something.
    missing : int
        Customers without a value when it was learned.
    """

    name: str
    treatment: str
    power: float = 1.0
    centre: float = 0.0
    scale: float = 1.0
    fallback: float = 0.0
    levels: tuple[str, ...] = ()
    shares: tuple[float, ...] = ()
    whole: bool = False
    missing: int = 0

    def coordinates(self, values: pd.Series, spread: np.random.Generator | None) -> np.ndarray:
        """Return one column (levels: one per level) per customer; `spread` deals counts over their unit."""
        if self.levels:
            return _indicators(values, self.levels, self.shares)
        numbers = values.to_numpy("float64", na_value=np.nan)
        numbers = np.where(np.isfinite(numbers), numbers, self.fallback)
        if spread is not None and self.whole:
            numbers = np.maximum(numbers + spread.uniform(-0.5, 0.5, len(numbers)), -0.99)
        treated = (_treated(numbers, self.treatment, self.power) - self.centre) / self.scale
        return np.clip(treated, -_FARTHEST, _FARTHEST)[:, None]


@dataclass(frozen=True)
class Encoding:
    """How customers become points; learned once, applied to customers that were not there.

    Attributes
    ----------
    features : tuple of Feature
        Those that are used.
    constant : tuple of str
        Features left out because all customers have the same value.
    """

    features: tuple[Feature, ...]
    constant: tuple[str, ...]

    def points(self, customers: pd.DataFrame, *, spread: np.random.Generator | None = None) -> np.ndarray:
        """Return the coordinates of customers.

        Parameters
        ----------
        customers : DataFrame
            With a column for each feature.
        spread : Generator, optional
            Deal counted values evenly over their unit, so that whole numbers do not look like gaps.

        Returns
        -------
        array of shape (n, coordinates)

        Raises
        ------
        UsageError
            If a column is missing.
        """
        absent = [feature.name for feature in self.features if feature.name not in customers.columns]
        if absent:
            raise UsageError(f"clusters: the customers have no column {absent[0]!r}; they were divided by it.")
        return np.hstack([feature.coordinates(customers[feature.name], spread) for feature in self.features])

    def to_frame(self) -> pd.DataFrame:
        """Return one row per feature: what was done to it, its centre and scale after that, values missing."""
        rows = [
            {
                "feature": feature.name,
                "treatment": f"levels: {', '.join(feature.levels)}" if feature.levels else feature.treatment,
                "power": feature.power if feature.treatment == "Yeo-Johnson" else np.nan,
                "centre": np.nan if feature.levels else feature.centre,
                "scale": np.nan if feature.levels else feature.scale,
                "missing_customers": feature.missing,
            }
            for feature in self.features
        ]
        return pd.DataFrame(rows)


def learn(customers: pd.DataFrame, features: Sequence[str]) -> Encoding:
    """Learn how customers become points.

    Parameters
    ----------
    customers : DataFrame
        With a column for each feature.
    features : sequence of str
        Numbers, yes and no, or words.

    Returns
    -------
    Encoding

    Raises
    ------
    UsageError
        If a feature is no column or is named twice.
    DataError
        If no feature tells customers apart.

    Notes
    -----
    Numbers with a skewness beyond one are treated: log(1 + x) where none is negative and this leaves less of it than
    Yeo and Johnson's (2000) power transformation, else the latter. All are then set to mean 0 and variance 1, and
    drawn in to 3.5 standard deviations, so that a single customer cannot be a cluster. A missing value is taken for the
    median. Words become one indicator per level (levels of fewer than one customer in twenty together, `OTHER`),
    divided by the root of sum p (1 - p), so that a feature of words has variance 1 in all, like a number; yes and no
    come out like any number. A level never seen stands at the mean: it says nothing.

    References
    ----------
    Yeo, I.-K. and Johnson, R. A. (2000). A new family of power transformations to improve normality or symmetry.
    Biometrika 87, 954-959.
    """
    named = list(features)
    if len(set(named)) < len(named) or not named:
        raise UsageError("clusters: features must name one column or more, each once.")
    absent = [name for name in named if name not in customers.columns]
    if absent:
        there = ", ".join(map(str, customers.columns))
        raise UsageError(f"clusters: the customers have no column {absent[0]!r}; they have {there}.")
    found = {name: _feature(customers[name]) for name in named}
    kept = tuple(feature for feature in found.values() if feature is not None)
    if not kept:
        raise DataError(f"clusters: {listed(named)} do not tell these customers apart; name other features.")
    return Encoding(kept, tuple(name for name, feature in found.items() if feature is None))


def _feature(values: pd.Series) -> Feature | None:
    name, missing = str(values.name), int(values.isna().sum())
    if not pd.api.types.is_numeric_dtype(values.dtype) or pd.api.types.is_bool_dtype(values.dtype):
        return _words(name, values, missing)
    numbers = values.to_numpy("float64", na_value=np.nan)
    numbers = numbers[np.isfinite(numbers)]
    if not len(numbers) or np.ptp(numbers) <= 1e-12 * max(1.0, float(np.abs(numbers).max())):
        return None
    treatment, power = _treatment(numbers)
    fallback = float(np.median(numbers))
    whole = bool((numbers == np.round(numbers)).all()) and len(np.unique(numbers)) > 2
    every = np.concatenate([numbers, np.full(len(values) - len(numbers), fallback)])
    treated = _treated(every, treatment, power)
    return Feature(
        name, treatment, power, float(treated.mean()), float(treated.std()), fallback, whole=whole, missing=missing
    )


def _words(name: str, values: pd.Series, missing: int) -> Feature | None:
    texts = _texts(values)
    shares = texts.value_counts(normalize=True).sort_index()
    rare = shares.index[shares < _RARE]
    if len(rare) > 1:
        shares = texts.where(~texts.isin(rare), OTHER).value_counts(normalize=True).sort_index()
    if len(shares) < 2:
        return None
    return Feature(name, "levels", levels=tuple(shares.index), shares=tuple(shares), missing=missing)


def _texts(values: pd.Series) -> pd.Series:
    return values.astype("object").map(_text, na_action="ignore").fillna("unknown")


def _text(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, bool | np.bool_) else str(value)


def _indicators(values: pd.Series, levels: tuple[str, ...], shares: tuple[float, ...]) -> np.ndarray:
    texts = _texts(values).to_numpy(dtype=object)
    if OTHER in levels:
        texts = np.where(np.isin(texts.astype(str), levels), texts, OTHER)
    p = np.array(shares)
    inside = texts[:, None] == np.array(levels, dtype=object)
    centred = np.where(inside.any(axis=1, keepdims=True), inside - p, 0.0)
    return centred / np.sqrt((p * (1 - p)).sum())


def _treatment(numbers: np.ndarray) -> tuple[str, float]:
    from scipy import stats

    if abs(_skewness(numbers)) <= _SKEWED:
        return "as it is", 1.0
    power = float(stats.yeojohnson(numbers)[1])
    left = abs(_skewness(_treated(numbers, "Yeo-Johnson", power)))
    if numbers.min() >= 0 and abs(_skewness(np.log1p(numbers))) <= max(left, _SKEWED / 2):
        return "log(1 + x)", 1.0
    return "Yeo-Johnson", power


def _treated(numbers: np.ndarray, treatment: str, power: float) -> np.ndarray:
    from scipy import stats

    if treatment == "log(1 + x)":
        return np.log1p(np.maximum(numbers, -0.99))
    return stats.yeojohnson(numbers, power) if treatment == "Yeo-Johnson" else numbers


def _skewness(numbers: np.ndarray) -> float:
    deviations = numbers - numbers.mean()
    spread = float(deviations.std())
    return float((deviations**3).mean()) / spread**3 if spread > 0 else 0.0
