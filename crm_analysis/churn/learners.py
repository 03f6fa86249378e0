"""Learners: the models that may predict who leaves, as scikit-learn pipelines, and the simple rules they must beat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline

LEARNERS = {
    "logistic": "logistic regression",
    "boosting": "gradient boosting",
    "forest": "random forest",
}
"""Models that are tried, the simplest first, and what they are called."""

SETTINGS: dict[str, tuple[dict[str, Any], ...]] = {
    "logistic": ({"C": 0.03}, {"C": 0.3}, {"C": 3.0}),
    "forest": ({"min_samples_leaf": 5}, {"min_samples_leaf": 20}),
    "boosting": (
        {"learning_rate": 0.06, "max_iter": 100, "max_leaf_nodes": 8},
        {"learning_rate": 0.06, "max_iter": 200, "max_leaf_nodes": 8},
        {"learning_rate": 0.06, "max_iter": 100, "max_leaf_nodes": 24},
    ),
}
"""The small search: settings that are compared by cross-validated log loss."""

PLAIN = {"C": 1.0}
"""Settings of the plain logistic regression, which nobody has tuned."""

# Rows that a tree of the forest draws at most: more make it slower, not better.
_DRAWN = 4_000

BASELINES = {
    "hiatus": ("recency_days", "days since the last purchase"),
    "frequency": ("frequency", "number of purchases"),
}
"""Simple rules of one column each, with what the column says."""


def named(model: str) -> str:
    """Return what a learner is called within a sentence."""
    if model == "plain logistic":
        return "the plain logistic regression"
    return LEARNERS[model] if model == "boosting" else f"the {LEARNERS.get(model, model)}"


def pipeline(kind: str, features: pd.DataFrame, settings: Mapping[str, Any], *, seed: int) -> Pipeline:
    """Return an unfitted pipeline that takes features as they are, with missing values and categories.

    Parameters
    ----------
    kind : {"logistic", "forest", "boosting"}
        The learner.
    features : DataFrame
        Its columns and their types decide how each is prepared.
    settings : mapping
        Parameters of the learner.
    seed : int
        Of what the learner draws.

    Returns
    -------
    sklearn.pipeline.Pipeline
        For the logistic regression skewed numbers are made more symmetric (Yeo-Johnson) and scaled; missing numbers
        become the median, and a column says that they were missing; rare and unseen categories share one column. All
        of it is learned from the rows that are fitted, so that nothing passes from one fold to another. Gradient
        boosting takes numbers as they are, with missing ones, and splits categories itself.

    References
    ----------
    Yeo, I.-K. and Johnson, R. A. (2000). A new family of power transformations. Biometrika 87, 954-959.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.feature_selection import VarianceThreshold
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, PowerTransformer

    texts = [name for name, kind_of in features.dtypes.items() if isinstance(kind_of, pd.CategoricalDtype)]
    numbers = [name for name in features.columns if name not in texts]
    if kind == "boosting":
        encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=np.nan)
        prepared = ColumnTransformer([("texts", encoder, texts), ("numbers", "passthrough", numbers)])
        learner = HistGradientBoostingClassifier(
            random_state=seed, early_stopping=False, categorical_features=list(range(len(texts))), **settings
        )
        return make_pipeline(prepared, learner)
    dummies = OneHotEncoder(
        handle_unknown="infrequent_if_exist", min_frequency=20, sparse_output=False, feature_name_combiner=combined
    )
    if kind == "logistic":
        filled = make_pipeline(
            SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
            VarianceThreshold(),
            PowerTransformer(),
        )
        learner = LogisticRegression(solver="newton-cholesky", tol=1e-8, **settings)
    else:
        filled = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
        drawn = min(1.0, _DRAWN / max(len(features), 1))
        learner = RandomForestClassifier(100, max_samples=drawn, n_jobs=1, random_state=seed, **settings)
    parts = [("numbers", filled, numbers), ("texts", dummies, texts)]
    return make_pipeline(ColumnTransformer([part for part in parts if part[2]]), learner)


def combined(feature: str, category: object) -> str:
    """Name the column that a value of a category becomes."""
    return f"{feature}={category}"


def owners(prepared: ColumnTransformer, features: Sequence[str]) -> np.ndarray:
    """Return, for each column that a fitted preparation makes, the place of the feature that it was made of."""
    places = {name: place for place, name in enumerate(features)}
    found = []
    for column in prepared.get_feature_names_out():
        name = column.partition("__")[2]
        if column.startswith("texts__"):
            name = max((text for text in places if name.startswith(f"{text}=")), key=len)
        elif name not in places:
            name = name.removeprefix("missingindicator_")
        found.append(places[name])
    return np.array(found)


@dataclass(frozen=True)
class Rule:
    """A simple rule: the share that left among customers with about the same value of one column.

    Attributes
    ----------
    column : str or None
        The column; without one everybody has the same chance.
    edges : array
        Ends of the classes of a number, between the lowest and the highest.
    shares : array
        Share that left in each class, and last that of customers whose value is missing.
    categories : tuple
        Values of a category, in the order of `shares`.
    """

    column: str | None
    edges: np.ndarray
    shares: np.ndarray
    categories: tuple[Any, ...] = ()

    @classmethod
    def learn(cls, features: pd.DataFrame, left: np.ndarray, column: str | None, *, classes: int = 20) -> Rule:
        """Learn a rule from customers of whom it is known whether they left; small classes lean to the whole."""
        base = float(left.mean())
        if column is None:
            return cls(None, np.empty(0), np.array([base]))
        values = features[column]
        if isinstance(values.dtype, pd.CategoricalDtype):
            categories = tuple(values.cat.categories)
            place = np.where(values.isna(), len(categories), values.cat.codes)
            return cls(column, np.empty(0), _shares(place, left, len(categories) + 1, base), categories)
        known = values.to_numpy("float64")
        given = known[np.isfinite(known)]
        edges = np.unique(np.quantile(given, np.linspace(0, 1, classes + 1)[1:-1])) if len(given) else np.empty(0)
        place = np.where(np.isnan(known), len(edges) + 1, np.searchsorted(edges, known))
        return cls(column, edges, _shares(place, left, len(edges) + 2, base))

    def chance(self, features: pd.DataFrame) -> np.ndarray:
        """Return each customer's probability of leaving by this rule."""
        if self.column is None:
            return np.full(len(features), self.shares[0])
        values = features[self.column]
        if self.categories:
            codes = pd.Categorical(values.astype("object"), categories=list(self.categories)).codes
            return self.shares[np.where(codes < 0, len(self.categories), codes)]
        known = values.to_numpy("float64")
        return self.shares[np.where(np.isnan(known), len(self.edges) + 1, np.searchsorted(self.edges, known))]


def _shares(place: np.ndarray, left: np.ndarray, classes: int, base: float) -> np.ndarray:
    total = np.bincount(place.astype(int), minlength=classes)
    gone = np.bincount(place.astype(int), weights=left, minlength=classes)
    return (gone + 5 * base) / (total + 5)
