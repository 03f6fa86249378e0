"""Time of fitting BG/NBD: histories counted once with analytic slopes, against a plain fit row by row.

Run from the project's root: ``python benchmarks/clv.py [customers ...]``. Customers are drawn from the model and seen
in whole days over two years; the plain program maximises the same likelihood over all rows with scipy's L-BFGS-B and
differences for slopes, as is usual. Beside the time that passed stands that of the processor, in brackets: compare that
one where other programs are at work.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import betaln, gammaln

from crm_analysis.value import clv

TRUTH = (0.8, 60.0, 0.9, 3.0)
PLAIN_UP_TO = 1_000_000


def main() -> None:
    sizes = [int(size) for size in sys.argv[1:]] or [10_000, 100_000, 1_000_000]
    heads = (
        "customers",
        "distinct",
        "BG/NBD s",
        "MBG/NBD s",
        "Pareto/NBD s",
        "plain BG/NBD s",
        "expected s",
        "peak GB",
    )
    print(f"| {' | '.join(heads)} |\n|{'---:|' * len(heads)}")
    for size in sizes:
        summary = drawn(size)
        distinct = len(summary.drop_duplicates(["frequency", "recency", "age"]))
        times, fits = [], {}
        for model in (clv.BetaGeometric, clv.ModifiedBetaGeometric, clv.ParetoNBD):
            fits[model], seconds = timed(model().fit, summary)
            times.append(seconds)
        fitted = fits[clv.BetaGeometric]
        _, expected = timed(fitted.expected_purchases, summary, periods=90)
        seconds = "–"
        if size <= PLAIN_UP_TO:
            found, seconds = timed(plain, summary)
            if np.abs(found / fitted.params_.to_numpy() - 1).max() > 0.01:
                raise SystemExit(f"the two fits differ: {found} and {fitted}")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        cells = [f"{size:,}", f"{distinct:,}", *times, seconds, expected, f"{peak:.2f}"]
        print(f"| {' | '.join(cells)} |", flush=True)


def timed(work: Callable[..., Any], *given: Any, **settings: Any) -> tuple[Any, str]:
    """Do some work; return what came of it, and the seconds: passed, and in brackets of the processor."""
    start, busy = time.perf_counter(), time.process_time()
    found = work(*given, **settings)
    return found, f"{time.perf_counter() - start:.1f} ({time.process_time() - busy:.1f})"


def drawn(n: int) -> pd.DataFrame:
    """Draw customers of BG/NBD, in whole days."""
    generator = np.random.default_rng(1)
    age = np.floor(generator.uniform(1, 731, n))
    rates, stops = generator.gamma(TRUTH[0], 1 / TRUTH[1], n), generator.beta(TRUTH[2], TRUTH[3], n)
    repeats, last, active = np.zeros(n), np.zeros(n), np.ones(n, bool)
    while active.any():
        following = last + generator.exponential(1 / rates)
        active &= following <= age
        repeats, last = repeats + active, np.where(active, following, last)
        active &= generator.random(n) > stops
    return pd.DataFrame({"frequency": repeats, "recency": np.minimum(np.ceil(last), age), "age": age})


def plain(summary: pd.DataFrame) -> np.ndarray:
    """Fit BG/NBD row by row."""
    x, recency, age = (summary[name].to_numpy("float64") for name in ("frequency", "recency", "age"))

    def loss(logs: np.ndarray) -> float:
        r, alpha, a, b = np.exp(logs)
        staying = betaln(a, b + x) - (r + x) * np.log(alpha + age)
        leaving = betaln(a + 1, b + np.maximum(x, 1) - 1) - (r + x) * np.log(alpha + recency)
        both = np.where(x > 0, np.logaddexp(staying, leaving), staying)
        return -float(np.mean(gammaln(r + x) - gammaln(r) + r * np.log(alpha) - betaln(a, b) + both))

    return np.exp(minimize(loss, np.zeros(4), method="L-BFGS-B", options={"ftol": 1e-12, "maxiter": 500}).x)


if __name__ == "__main__":
    main()
