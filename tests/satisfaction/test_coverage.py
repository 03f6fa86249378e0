"""Coverage of the intervals of paths over simulated surveys: the count itself, and what it comes to."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crm_analysis.study.simulate import feelings

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "coverage.py"


@pytest.fixture(scope="module")
def coverage():
    found = importlib.util.spec_from_file_location("benchmarks_coverage", SCRIPT)
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_a_large_survey_has_the_true_paths(coverage):
    for way, near in (("continuous", 0.02), ("rounded", 0.03), ("asked", 0.03)):
        true = coverage.truth(way)
        answers = next(coverage.surveys(way=way, number=1, respondents=40_000, seed=1))
        for method, paths in coverage.intervals(answers, resamples=2, seed=1):
            raw = "standardised" not in method and method != "PLSc"
            if raw and way != "continuous":
                continue
            aim = true["raw" if raw else "standardised"]
            assert paths["estimate"].to_numpy() == pytest.approx(aim.to_numpy(), abs=near), (way, method)


def test_the_truth_is_that_of_the_simulated_company(coverage):
    true = coverage.truth()
    assert true["standardised"].to_dict() == pytest.approx(feelings.PATHS)
    # First loadings: expectations 0.82, quality 0.86.
    assert true.loc[("expectations", "quality"), "raw"] == pytest.approx(0.5 * 0.86 / 0.82)
    # Yes or no keeps phi(z) / sqrt(p (1 - p)) of a correlation, p = 0.18, and nothing else changes.
    asked = coverage.truth("asked")["standardised"]
    kept = asked["satisfaction", "complaints"] / -0.45
    assert kept == pytest.approx(np.exp(-0.5 * 0.9153651**2) / np.sqrt(2 * np.pi) / np.sqrt(0.18 * 0.82), rel=1e-6)
    assert asked.iloc[:6].to_numpy() == pytest.approx(true["standardised"].iloc[:6].to_numpy())


def test_the_same_people_answer_in_every_way(coverage):
    drawn = {way: list(coverage.surveys(way=way, number=2, respondents=300, seed=5)) for way in coverage.WAYS}
    for survey in (0, 1):
        for item in drawn["rounded"][survey].columns:
            whole, codes = drawn["continuous"][survey][item], drawn["asked"][survey][item]
            assert codes[whole.sort_values().index].is_monotonic_increasing
        assert set(drawn["asked"][survey]["complained"]) == {0.0, 1.0}
        assert drawn["rounded"][survey]["complained"].equals(drawn["continuous"][survey]["complained"])
    again = list(coverage.surveys(way="continuous", number=1, respondents=300, seed=5))
    pd.testing.assert_frame_equal(again[0], drawn["continuous"][0])


def test_the_band_holds_what_it_promises(coverage):
    low, high = coverage.band(2000, paths=9)
    assert (low, high) == (0.936, 0.963)
    shares = np.random.default_rng(1).binomial(2000, 0.95, size=(20_000, 9)) / 2000
    assert ((shares >= low) & (shares <= high)).all(axis=1).mean() == pytest.approx(0.95, abs=0.012)
    # Intervals that cover 92 % would be seen.
    bad = np.random.default_rng(2).binomial(2000, 0.92, size=20_000) / 2000
    assert (bad < low).mean() > 0.99


def test_counting(coverage, monkeypatch):
    true = coverage.truth()
    ends = iter([(-9.0, 9.0), (-9.0, -8.0), (8.0, 9.0), (np.nan, np.nan)])

    def four(answers, *, resamples, seed):
        low, high = next(ends)
        yield "PLSc", pd.DataFrame({"estimate": 0.0, "low": low, "high": high}, index=true.index)

    monkeypatch.setattr(coverage, "intervals", four)
    counted = coverage.measure(number=4, respondents=10, resamples=2, seed=1)
    assert len(counted) == 9
    first = counted.iloc[0]
    assert (first["held"], first["surveys"], first["covered_share"]) == (1, 4, 0.25)
    assert first["error"] == pytest.approx(np.sqrt(0.25 * 0.75 / 4))
    assert (first["too_low"], first["too_high"]) == (0.25, 0.25)
    assert coverage.table(counted, true)[:3] == [
        "| path | true | PLSc |",
        "|---|---:|---:|",
        "| expectations → quality | 0.50 | **25.0** |",
    ]


def test_few_surveys_come_near(coverage):
    counted = coverage.measure(number=15, respondents=300, resamples=200, seed=3)
    assert list(dict.fromkeys(counted["method"])) == list(coverage.METHODS)
    assert (counted["covered_share"] >= 10 / 15).all()
    assert counted["covered_share"].mean() > 0.9
    assert (counted["too_low"] + counted["too_high"]).to_numpy() == pytest.approx(1 - counted["covered_share"])


def test_surveys_drawn_as_covariances_are_covered(coverage):
    counted = coverage.by_covariances(number=2000, respondents=500, seed=6)
    low, high = coverage.band(2000, paths=len(counted))
    assert counted["covered_share"].between(low, high).all()
    assert counted["spread"].to_numpy() == pytest.approx(counted["mean_error"].to_numpy(), rel=0.1)


@pytest.mark.slow
def test_every_path_is_covered(coverage):
    counted = coverage.measure(number=200, respondents=500, resamples=1000, seed=4)
    low, high = coverage.band(200, paths=len(counted))
    outside = counted[(counted["covered_share"] < low) | (counted["covered_share"] > high)]
    assert outside.empty, outside[["method", "source", "target", "covered_share"]].to_string()
