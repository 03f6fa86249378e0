"""Drivers of satisfaction as a plain frame."""

import numpy as np
import pandas as pd
import pytest

from crm_analysis.satisfaction import drivers
from crm_analysis.study.config import SurveyConfig

CONSTRUCTS = {"quality": ("q1", "q2"), "value": ("v1", "v2"), "satisfaction": ("s1", "s2"), "image": ("i1",)}
OWN = SurveyConfig(
    constructs=CONSTRUCTS,
    paths={"quality": ("satisfaction", "value"), "value": ("satisfaction",)},
    codes={"i1": (0, 5)},
)


def answers(n=400):
    generator = np.random.default_rng(1)
    quality = generator.normal(size=n)
    value = 0.5 * quality + generator.normal(size=n)
    satisfaction = 0.8 * quality + 0.2 * value + generator.normal(0, 0.6, n)
    columns = {}
    for name, latent in (("q", quality), ("v", value), ("s", satisfaction)):
        for item in (1, 2):
            columns[f"{name}{item}"] = (6 + 1.2 * latent + generator.normal(0, 0.6, n)).round().clip(1, 10)
    return pd.DataFrame(columns).assign(i1=3)


def test_effects_and_performance_by_the_study_s_own_model():
    found = drivers.measure(OWN, answers(), bootstrap=100, seed=1)
    assert found["driver"].tolist() == ["quality", "value"]
    assert found["effect"].is_monotonic_decreasing
    assert ((found["effect_low"] < found["effect"]) & (found["effect"] < found["effect_high"])).all()
    # Answers lie about 6 on a scale from 1 to 10.
    assert found["performance"].tolist() == pytest.approx([100 * 5 / 9] * 2, abs=3)


@pytest.mark.parametrize(
    ("survey", "rows", "target"),
    [(SurveyConfig(constructs=CONSTRUCTS), 400, "satisfaction"), (OWN, 0, "satisfaction"), (OWN, 400, "loyalty")],
    ids=["no model", "no answers", "no such construct"],
)
def test_nothing_where_there_is_nothing_to_measure(survey, rows, target):
    found = drivers.measure(survey, answers()[:rows], target=target)
    assert found.empty
    assert list(found.columns) == ["driver", "effect", "effect_low", "effect_high", "performance"]


def test_the_target_of_the_study_decides():
    survey = SurveyConfig(constructs=CONSTRUCTS, paths=OWN.paths, target="value")
    found = drivers.measure(survey, answers(), bootstrap=100, seed=1)
    assert found["driver"].tolist() == ["quality"]
