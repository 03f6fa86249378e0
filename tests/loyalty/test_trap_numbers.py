"""The numbers that the trap has to reach, by the simulations of benchmarks/trap.py (some ten minutes each)."""

import importlib.util
from pathlib import Path

import pandas as pd
import pytest

pytestmark = pytest.mark.slow
SAMPLES = 200


@pytest.fixture(scope="module")
def benchmark():
    path = Path(__file__).parents[2] / "benchmarks" / "trap.py"
    specification = importlib.util.spec_from_file_location("benchmark_of_the_trap", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_breaks_are_claimed_and_placed_as_they_should_be(benchmark):
    rows = pd.DataFrame(benchmark.breaks(SAMPLES))
    straight = rows[rows["curve"] == "straight line"]
    assert (straight["none"] >= 0.90).all()
    hinge = rows[rows["curve"] == "one break"]
    assert (hinge["true place held"] >= 0.90).all()
    assert (hinge.loc[hinge["n"] == 4000, "median width"] <= 12).all()


def test_rate_and_excess_are_covered(benchmark):
    rows = pd.DataFrame(benchmark.rates(SAMPLES))
    assert (rows[["rate held", "excess held"]] >= 0.90).all(axis=None)


def test_explanations_are_found_where_they_are_planted_and_nowhere_else(benchmark):
    rows = pd.DataFrame(benchmark.explanations(SAMPLES))
    assert (rows.loc[rows["planted"] == "nothing", "any"] <= 0.10).all()
    names = {"perception": "perception", "two factors": "two factors", "competition": "competition found"}
    # Bends that grow with a number are told from a bend that all share only with more customers: left out here.
    hard = (rows["planted"] == "competition, bends") & (rows["competition"] == "a number")
    for planted, own in rows[(rows["planted"] != "nothing") & (rows["n"] == 4000) & ~hard].groupby("planted"):
        for name, column in names.items():
            assert (own[column] >= 0.80).all() if planted.startswith(name) else (own[column] <= 0.15).all()


def test_a_hundred_thousand_respondents_take_at_most_ten_seconds(benchmark):
    rows = pd.DataFrame(benchmark.seconds(3))
    assert (rows["seconds"] <= 10).all()
