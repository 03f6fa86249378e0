"""The numbers that uplift has to reach, by the simulation of benchmarks/uplift.py (some minutes)."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

SAMPLES = 100


@pytest.mark.slow
def test_uplift_is_not_claimed_where_there_is_none():
    path = Path(__file__).parents[2] / "benchmarks" / "uplift.py"
    specification = importlib.util.spec_from_file_location("benchmark_of_uplift", path)
    benchmark = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(benchmark)
    found = {row["uplift"]: row for row in benchmark.rates(SAMPLES, cases=("none", "in a third only"))}
    # But for two standard errors of the simulation.
    assert found["none"]["claimed"] <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / SAMPLES)
    assert found["in a third only"]["claimed"] >= 0.5
