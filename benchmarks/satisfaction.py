"""Seconds that satisfaction models take: bootstraps, full information, PLS, and a loop over semopy (``make bench``).

Medians of three in one process, in CPU seconds, all threads added: on a quiet machine the wall clock shows no more, and
other work beside it moves them less. Answers are those of the file that is named, with the items of the European mobile
phone survey (mobi: CUEX1-3, PERQ1-7, ...), else a survey of the same size, simulated from the model.

- ML bootstrap: `covariance.estimate(acsi, answers, bootstrap=1000)`, all that comes with it: errors and a verdict on
  every draw, both kinds of intervals, fit, effects.
- semopy: a few refits to resamples by its defaults, without errors and verdict, and the seconds of as many as above
  that follow from them. Its import (seconds) is not counted.
- PLS: `pls.estimate(ecsi, answers, bootstrap=5000)`, intervals of all parameters included.
- FIML: `covariance.estimate(acsi, answers, missing="fiml")` with a tenth of the answers taken out at random.
- By respondents: `refits.bootstrap` alone, and in it the step that works on respondents (drawing, counts, moments).
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version

import numpy as np
import pandas as pd

from crm_analysis.satisfaction import covariance, model, pls
from crm_analysis.satisfaction.equations import refits
from crm_analysis.satisfaction.equations.fitting import Fitted, fit
from crm_analysis.satisfaction.equations.preparation import prepare
from crm_analysis.satisfaction.equations.structure import compile_rows

ITEMS = {
    "image": [f"IMAG{number}" for number in range(1, 6)],
    "expectations": [f"CUEX{number}" for number in range(1, 4)],
    "quality": [f"PERQ{number}" for number in range(1, 8)],
    "value": ["PERV1", "PERV2"],
    "satisfaction": [f"CUSA{number}" for number in range(1, 4)],
    "complaints": ["CUSCO"],
    "loyalty": [f"CUSL{number}" for number in range(1, 4)],
}
ECSI = model.ECSI.measured_by(ITEMS)
ACSI = model.ACSI.measured_by({name: items for name, items in ITEMS.items() if name != "image"})
RUNS = 3


def simulated(respondents: int, *, seed: int) -> pd.DataFrame:
    """Answers from 1 to 10 of people whose constructs follow the paths of the ECSI, equally strong at each target."""
    draws = np.random.default_rng(seed)
    felt: dict[str, np.ndarray] = {}
    answers = {}
    for name in ECSI.order:
        sources = [source for source, target in ECSI.paths if target == name]
        caused = sum((felt[source] for source in sources), np.zeros(respondents))
        spread = caused.std() or 1.0
        felt[name] = 0.7 * caused / spread + (0.7 if sources else 1.0) * draws.normal(size=respondents)
        for item in ITEMS[name]:
            tendency = 0.8 * felt[name] + 0.6 * draws.normal(size=respondents)
            answers[item] = np.clip(np.round(7 + 1.8 * tendency), 1, 10)
    return pd.DataFrame(answers)


def seconds(work: Callable[[], object], *, runs: int = RUNS) -> float:
    """Median CPU time."""
    found = []
    for _ in range(runs):
        started = time.process_time()
        work()
        found.append(time.process_time() - started)
    return statistics.median(found)


def semopy_seconds(answers: pd.DataFrame, *, refits_: int, seed: int) -> float:
    """Mean seconds of one refit by semopy over resamples, each begun at the last one's solution."""
    import semopy

    rows = [f"{row.lhs} {row.op} {row.rhs}" for row in ACSI.rows() if row.op in ("=~", "~")]
    estimator = semopy.Model("\n".join(rows))
    estimator.fit(answers)
    draws = np.random.default_rng(seed)
    found = []
    for _ in range(refits_):
        drawn = answers.iloc[draws.integers(len(answers), size=len(answers))].reset_index(drop=True)
        found.append(seconds(lambda drawn=drawn: estimator.fit(drawn), runs=1))
    return statistics.fmean(found)


def by_task(answers: pd.DataFrame, *, draws: int, loop: int) -> list[str]:
    """Lines of the table of tasks."""
    items = [item for name, own in ITEMS.items() if name != "image" for item in own]
    holes = answers.astype("float64")
    kept = np.random.default_rng(1).random((len(holes), len(items))) >= 0.1
    holes[items] = holes[items].where(kept)
    covariance.estimate(ACSI, answers), covariance.estimate(ACSI, holes, missing="fiml"), pls.estimate(ECSI, answers)
    one = semopy_seconds(answers[items], refits_=loop, seed=1)

    def ml(bootstrap: int = 0) -> Callable[[], object]:
        return lambda: covariance.estimate(ACSI, answers, bootstrap=bootstrap, seed=1)

    def fiml(bootstrap: int = 0) -> Callable[[], object]:
        return lambda: covariance.estimate(ACSI, holes, missing="fiml", bootstrap=bootstrap, seed=1)

    tasks: list[tuple[str, float | None, float | None, Callable[[], object]]] = [
        ("one ML fit of ACSI", None, one, ml()),
        (f"{draws:,} ML bootstrap refits of ACSI", 2 * draws / 1000, draws * one, ml(bootstrap=draws)),
        (
            f"{5 * draws:,} PLS resamples of ECSI",
            draws / 1000,
            None,
            lambda: pls.estimate(ECSI, answers, bootstrap=5 * draws, seed=1),
        ),
        ("one FIML fit of ACSI, a tenth of the answers missing", 0.5, None, fiml()),
        (f"{draws // 10:,} FIML bootstrap refits of the same", None, None, fiml(bootstrap=draws // 10)),
    ]
    lines = ["| task | seconds | aim | semopy / ours |", "|---|---:|---:|---:|"]
    for name, aim, theirs, work in tasks:
        took = seconds(work)
        cells = (f"{took:.2f}", "" if aim is None else f"{aim:.1f}", "" if theirs is None else f"{theirs / took:.1f}")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines.append(f"| {draws:,} refits of ACSI by semopy, from {loop} measured | {draws * one:.1f} | | |")
    return lines


def by_respondents(sizes: list[int], *, draws: int) -> list[str]:
    """Lines of the table of sizes: simulated surveys, complete answers."""
    lines = [
        f"| respondents | {draws:,} refits, seconds | of these the moment step | the refits proper |",
        "|---:|---:|---:|---:|",
    ]
    for size in sizes:
        ready = prepare(ACSI, simulated(size, seed=1))
        fitted = fit(compile_rows(ready.rows), ready.sample)

        def moments(fitted: Fitted = fitted) -> None:
            for times in refits.resamples(fitted, draws, np.random.default_rng(1)):
                fitted.sample.moments(times)

        whole = seconds(lambda fitted=fitted: refits.bootstrap(fitted, draws=draws, generator=np.random.default_rng(1)))
        step = seconds(moments)
        lines.append(f"| {size:,} | {whole:.2f} | {step:.2f} | {whole - step:.2f} |")
    return lines


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--answers", metavar="FILE", help="mobi.csv; without it a survey of the same size is simulated")
    parser.add_argument("--draws", type=int, default=1000, help="bootstrap refits (five times as many for PLS)")
    parser.add_argument("--loop", type=int, default=20, help="refits by semopy that are measured")
    parser.add_argument("--sizes", type=int, nargs="*", default=[250, 1_000, 10_000, 100_000])
    chosen = parser.parse_args()
    answers = pd.read_csv(chosen.answers) if chosen.answers else simulated(250, seed=1)
    source = "read from the file" if chosen.answers else "simulated"
    names = ", ".join(f"{name} {version(name)}" for name in ("numpy", "pandas", "semopy"))
    print(f"{len(answers):,} respondents, {source}; Python {platform.python_version()}, {names}.\n", flush=True)
    print("\n".join(by_task(answers, draws=chosen.draws, loop=chosen.loop)), flush=True)
    if chosen.sizes:
        print("\n".join(["", *by_respondents(chosen.sizes, draws=chosen.draws)]), flush=True)


if __name__ == "__main__":
    main()
