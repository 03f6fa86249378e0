"""Reasons: what raises each customer's probability of leaving, feature by feature."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pandas as pd

from crm_analysis.churn import learners
from crm_analysis.churn.model import ChurnModel
from crm_analysis.churn.sample import Sample
from crm_analysis.table import number

PLAIN = "plain logistic"
"""The model whose terms are told where the chosen one cannot be taken apart."""

# Log odds by which a feature has to raise a probability to be named.
_NOTABLE = 0.05
# Sums that differ from the model's own output by more were not taken apart rightly.
_EXACT = 1e-6


def contributions(churn: ChurnModel, sample: Sample) -> tuple[pd.DataFrame, str]:
    """Return how far each feature moves each customer's log odds of leaving from those of the mean customer.

    Parameters
    ----------
    churn : ChurnModel
        A fitted model.
    sample : Sample
        Customers.

    Returns
    -------
    table : DataFrame of shape (n, features)
        Log odds, summed over the columns made of a feature.
    model : str
        Whose they are: the chosen model's if it is a forest or gradient boosting and `shap` (the extra ``explain``) is
        installed and takes it apart exactly, which it does not where gradient boosting splits categories; else those
        of the plain logistic regression, whose terms are a sum by themselves.

    Notes
    -----
    Logistic regression: coefficient x (value - mean in training). Trees: Shapley values by the paths of the trees
    (Lundberg et al. 2020); a forest's, which are probabilities, divided by p (1 - p) at its mean p.

    References
    ----------
    Lundberg, S. M. et al. (2020). From local explanations to global understanding with explainable AI for trees.
    Nature Machine Intelligence 2, 56-67.
    """
    features = churn.features_of(sample)
    names = list(map(str, churn.feature_names_in_))
    found = _of_trees(churn, features) if churn.chosen_ != "logistic" and find_spec("shap") else None
    if found is None:
        # Every logistic regression prepares the features alike, so that owners and centre serve both.
        model = "logistic" if churn.chosen_ == "logistic" else PLAIN
        prepared, learner = churn.models_[model]
        terms, owners = (prepared.transform(features) - churn.centre_) * learner.coef_[0], churn.owners_
    else:
        terms, owners, model = *found, churn.chosen_
    summed = np.zeros((len(terms), len(names)))
    for column, owner in enumerate(owners):
        summed[:, owner] += terms[:, column]
    return pd.DataFrame(summed, index=sample.features.index, columns=names), model


def _of_trees(churn: ChurnModel, features: pd.DataFrame) -> tuple[np.ndarray, np.ndarray] | None:
    """Terms of each column of the chosen model, and the feature of each; nothing where they do not add up."""
    import shap

    prepared, learner = churn.models_[churn.chosen_]
    matrix = prepared.transform(features)
    explainer = shap.TreeExplainer(learner)
    terms, centre = explainer.shap_values(matrix, check_additivity=False), np.ravel(explainer.expected_value)[-1]
    if terms.ndim == 3:
        terms, whole, unit = terms[:, :, 1], learner.predict_proba(matrix)[:, 1], centre * (1 - centre)
    else:
        whole, unit = learner.decision_function(matrix), 1.0
    if np.abs(terms.sum(axis=1) + centre - whole).max() > _EXACT:
        return None
    return terms / unit, learners.owners(prepared, list(map(str, churn.feature_names_in_)))


def tell(churn: ChurnModel, sample: Sample, *, top: int = 3) -> tuple[list[str], str]:
    """Return the features that raise each customer's probability of leaving most, with their values, in words.

    Parameters
    ----------
    churn : ChurnModel
        A fitted model.
    sample : Sample
        Customers.
    top : int
        At most so many features for each.

    Returns
    -------
    reasons : list of str
        Such as ``recency_days = 120; frequency = 1``; empty where nothing raises it.
    note : str
        Whose reasons they are, as a sentence, where the chosen model is made of trees; else empty.
    """
    if not len(sample):
        return [], ""
    frame, model = contributions(churn, sample)
    features = churn.features_of(sample)
    names, raised = frame.columns.to_numpy(), frame.to_numpy()
    order = np.argsort(-raised, axis=1)[:, :top]
    held = {name: features[name].astype("object").to_numpy() for name in names}
    said = []
    for row, places in enumerate(order):
        kept = [names[place] for place in places if raised[row, place] > _NOTABLE]
        said.append("; ".join(f"{name} = {_value(held[name][row])}" for name in kept))
    return said, _note(churn.chosen_, model)


def _note(chosen: str, model: str) -> str:
    if chosen == "logistic":
        return ""
    if model == chosen:
        return f"The reasons are those of {learners.named(chosen)} itself (SHAP values)."
    why = (
        "shap cannot take it apart where it splits categories"
        if find_spec("shap")
        else 'its own need shap: pip install "crm-analysis[explain]"'
    )
    return (
        f"The reasons are those of the plain logistic regression and not of {learners.named(chosen)}, which was "
        f"chosen; {why}."
    )


def _value(value: object) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return "missing"
    return str(value) if isinstance(value, str) else number(float(value))  # type: ignore[arg-type]
