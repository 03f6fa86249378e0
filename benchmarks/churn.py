"""Snapshots in the engine, fit and score for a million customers: seconds and peak memory.

``python benchmarks/churn.py [customers]``
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from crm_analysis.churn import decision, labels, model
from crm_analysis.study import Study

_DAYS = 730
_TOML = """[study]
name = "many"

[engine]
memory_limit = "2GB"

[tables.transactions]
source = "transactions.parquet"

[tables.customers]
source = "customers.parquet"
"""


def simulate(folder: Path, customers: int, *, seed: int = 1) -> Path:
    """Write a study: each customer buys at random times at an own rate, and leaves after an own time."""
    generator = np.random.default_rng(seed)
    ids = np.array([f"C{number:07}" for number in range(customers)])
    joined = generator.integers(0, _DAYS - 60, size=customers)
    rate = generator.gamma(1.5, 1 / 45, size=customers)
    life = generator.exponential(500, size=customers)
    stayed = np.minimum(life, _DAYS - 1 - joined)
    orders = generator.poisson(rate * stayed)
    owner = np.concatenate([np.arange(customers), np.repeat(np.arange(customers), orders)])
    day = joined[owner] + (generator.random(len(owner)) * stayed[owner])
    day[:customers] = joined
    amount = np.round(generator.gamma(2, 20, size=len(owner)), 2)
    day_of_log = np.minimum(day, _DAYS - 1)
    transactions = pd.DataFrame(
        {
            "customer_id": ids[owner],
            "time": pd.Timestamp("2024-01-01") + pd.to_timedelta((day_of_log * 86400).astype("int64"), unit="s"),
            "amount": amount,
            "category": np.array(["a", "b", "c", "d", "e"])[generator.integers(5, size=len(owner))],
            "margin": np.round(0.3 * amount, 2),
            "discount": np.round(amount * generator.choice([0, 0.1], size=len(owner)), 2),
        }
    )
    who = pd.DataFrame(
        {
            "customer_id": ids,
            "joined": pd.Timestamp("2024-01-01") + pd.to_timedelta(joined, unit="D"),
            "birth_year": generator.integers(1950, 2005, size=customers),
            "region": np.array(["north", "south", "east", "west"])[generator.integers(4, size=customers)],
            "channel": np.array(["shop", "app", "partner"])[generator.integers(3, size=customers)],
            "gender": np.array(["f", "m"])[generator.integers(2, size=customers)],
            **{f"score_{place}": generator.normal(size=customers).round(3) for place in range(1, 7)},
        }
    )
    transactions.to_parquet(folder / "transactions.parquet", index=False)
    who.to_parquet(folder / "customers.parquet", index=False)
    (folder / "study.toml").write_text(_TOML, "utf-8")
    return folder


def main() -> None:
    """Measure each step of a run, in seconds by the clock and of the processor, and the peak memory so far."""
    if len(sys.argv) == 3:
        measure(Path(sys.argv[2]))
        return
    customers = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as scratch:
        import subprocess

        simulate(Path(scratch), customers)
        # A process of its own, so that the peak memory is that of the analysis alone.
        subprocess.run([sys.executable, __file__, "measure", scratch], check=True)


def measure(folder: Path) -> None:
    """Run the analysis and print a line for each step."""
    clock, processor = time.perf_counter(), time.process_time()
    first, first_processor = clock, processor

    def lap(step: str) -> None:
        nonlocal clock, processor
        now, used = time.perf_counter(), time.process_time()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
        print(f"| {step} | {now - clock:.0f} | {used - processor:.0f} | {peak:.1f} |", flush=True)
        clock, processor = now, used

    print("| step | seconds | processor seconds | peak GiB |\n|---|---:|---:|---:|")
    study = Study.open(folder)
    lap("open and check")
    snapshots = labels.snapshots(study, horizon_days=90, every_days=90, count=2)
    sizes = " + ".join(f"{len(part):,}" for part in (snapshots.training, snapshots.latest, snapshots.current))
    lap(f"snapshots of {sizes} customers, {snapshots.training.features.shape[1]} features")
    churn = model.ChurnModel(seed=1).fit(snapshots.training)
    lap(f"fit ({churn.chosen_} chosen)")
    report = model.evaluate(churn, snapshots.latest, resamples=100)
    lap(f"test (ROC AUC {report.metrics()['roc_auc']:.3f})")
    churn.chance(snapshots.current)
    lap("score")
    decision.plan(churn, snapshots.current, value=200, contact_cost=1, offer_cost=10, acceptance=0.3, budget=5000)
    lap("plan")
    whole, used = time.perf_counter() - first, time.process_time() - first_processor
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(f"| together | {whole:.0f} | {used:.0f} | {peak:.1f} |")


if __name__ == "__main__":
    main()
