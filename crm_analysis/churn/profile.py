"""Profile: what a model was trained on, in classes, so that later customers can be set beside it."""

from __future__ import annotations

import numpy as np
import pandas as pd

SCORE = "probability of leaving"
"""Name of the model's own output among the columns that are watched."""

MISSING = "missing"
"""Label of the class of missing values."""

_CLASSES = 10


def describe(features: pd.DataFrame, chance: np.ndarray) -> pd.DataFrame:
    """Describe what a model was trained on, in classes.

    Parameters
    ----------
    features : DataFrame
        Features in training.
    chance : array of shape (n,)
        The model's probabilities of the same rows.

    Returns
    -------
    DataFrame
        One row per column and class: column, label (a value, or the interval of a number), low and high (a number's
        ends, missing for a value), share of the rows.
    """
    rows = []
    for name, values in (*features.items(), (SCORE, pd.Series(chance))):
        rows += _numbers(str(name), values) if pd.api.types.is_numeric_dtype(values) else _texts(str(name), values)
    return pd.DataFrame(rows, columns=["column", "label", "low", "high", "share"])


def _numbers(name: str, values: pd.Series) -> list[dict[str, object]]:
    held = values.to_numpy("float64")
    given = held[np.isfinite(held)]
    inner = np.unique(np.quantile(given, np.linspace(0, 1, _CLASSES + 1)[1:-1])) if len(given) else np.empty(0)
    edges = np.concatenate([[-np.inf], inner, [np.inf]])
    place = np.searchsorted(inner, given, side="left")
    shares = np.bincount(place, minlength=len(edges) - 1) / max(len(held), 1)
    rows: list[dict[str, object]] = [
        {"column": name, "label": f"({low:.4g}, {high:.4g}]", "low": low, "high": high, "share": share}
        for low, high, share in zip(edges[:-1], edges[1:], shares, strict=True)
    ]
    return [*rows, _missing(name, float(np.isnan(held).mean()) if len(held) else 0.0)]


def _texts(name: str, values: pd.Series) -> list[dict[str, object]]:
    shares = values.astype("object").value_counts(normalize=False, dropna=True) / max(len(values), 1)
    rows: list[dict[str, object]] = [
        {"column": name, "label": str(value), "low": np.nan, "high": np.nan, "share": share}
        for value, share in shares.items()
    ]
    return [*rows, _missing(name, float(values.isna().mean()) if len(values) else 0.0)]


def _missing(name: str, share: float) -> dict[str, object]:
    return {"column": name, "label": MISSING, "low": np.nan, "high": np.nan, "share": share}
