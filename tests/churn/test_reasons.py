"""Reasons: terms that add up to the model's own output, and whose they are."""

from importlib.util import find_spec

import numpy as np
import pytest

from crm_analysis.churn import decision, model, reasons
from crm_analysis.churn.sample import Sample


def log_odds(pipeline, features):
    stay, leave = pipeline.predict_proba(features).T
    return np.log(leave / stay)


def trees(kind, sample: Sample):
    """A model that chose trees; without its categories, since shap cannot follow how they are split."""
    return model.ChurnModel(kinds=(kind,), seed=1).fit(sample)


def test_they_are_the_terms_of_the_logistic_regression(drawn, fitted):
    latest = drawn[1].take(np.arange(50))
    terms, whose = reasons.contributions(fitted, latest)
    odds = log_odds(fitted.models_["logistic"], latest.features)
    whole = terms.sum(axis=1).to_numpy()
    np.testing.assert_allclose(whole - whole[0], odds - odds[0], atol=1e-9)
    np.testing.assert_allclose(reasons.contributions(fitted, drawn[0])[0].mean(), 0, atol=1e-9)
    said, note = reasons.tell(fitted, latest)
    assert (whose, note) == ("logistic", "")
    worst = int(np.argmax(odds))
    named = [reason.split(" = ")[0] for reason in said[worst].split("; ")]
    assert len(named) == 3
    assert named == terms.iloc[worst].sort_values(ascending=False).index[:3].tolist()
    # Nothing raises the chance of the best.
    assert said[int(np.argmin(odds))] == ""
    assert reasons.tell(fitted, latest.take(np.arange(0))) == ([], "")


@pytest.mark.skipif(find_spec("shap") is not None, reason="the extra explain is installed")
def test_without_shap_those_of_trees_are_borrowed_and_it_is_said(drawn):
    boosted = trees("boosting", drawn[0].take(np.arange(800)))
    plan = decision.plan(boosted, drawn[1], value=100, contact_cost=1, offer_cost=5, acceptance=0.3)
    assert plan.findings()[-1] == (
        "The reasons are those of the plain logistic regression and not of gradient boosting, which was chosen; its "
        'own need shap: pip install "crm-analysis[explain]".'
    )
    assert plan.actions["reasons"].str.contains("=").any()


def test_with_shap_they_are_those_of_the_trees(drawn):
    pytest.importorskip("shap", reason="the extra explain is not installed")
    latest = drawn[1].take(np.arange(60))
    boosted = trees("boosting", drawn[0].without(["region"]))
    terms, whose = reasons.contributions(boosted, latest)
    odds = log_odds(boosted.models_["boosting"], boosted.features_of(latest))
    whole = terms.sum(axis=1).to_numpy()
    np.testing.assert_allclose(whole - whole[0], odds - odds[0], atol=1e-6)
    assert (whose, reasons.tell(boosted, latest)[1]) == (
        "boosting",
        "The reasons are those of gradient boosting itself (SHAP values).",
    )
    forest = trees("forest", drawn[0])
    terms, whose = reasons.contributions(forest, latest)
    chance = forest.models_["forest"].predict_proba(latest.features)[:, 1]
    assert whose == "forest"
    # Probabilities by a constant, so that they are about log odds.
    assert np.corrcoef(terms.sum(axis=1), chance)[0, 1] == pytest.approx(1)
    split = trees("boosting", drawn[0])
    assert reasons.tell(split, latest)[1] == (
        "The reasons are those of the plain logistic regression and not of gradient boosting, which was chosen; shap "
        "cannot take it apart where it splits categories."
    )
