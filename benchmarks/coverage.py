"""How often the 95 % intervals of the ACSI's paths hold the truth, over simulated surveys (``make bench``).

Each survey is drawn from the model that is then estimated: the paths of the simulated company
(`study.simulate.feelings`), its items and their loadings (`study.simulate.questionnaire`), normal variables of variance
1. The construct of complaints is its one item, as the estimators take it: its loading is 1, so that no method is
charged with an error of measurement that a single item cannot show. Three ways to write down the same answers:

- continuous: the tendency to answer itself, which is what the methods assume;
- rounded: cut into the codes 1 to 10 at the questionnaire's points (price tolerance: steps of 5 %), complaints as
  above;
- asked: rounded, and complaints as yes or no, as the questionnaire has them.

What is to be covered: the standardised path (one standard deviation of the source moves the target by so many), which
is the same number in every method; where complaints are yes or no, that of the yes or no, which keeps only part of each
correlation. With continuous answers also the path of `SEMResult.parameters`, whose unit comes from the first items: the
standardised path times the target's first loading over the source's.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import stats

from crm_analysis.satisfaction import covariance, model, pls
from crm_analysis.satisfaction.equations import start
from crm_analysis.satisfaction.equations.likelihood import Likelihood
from crm_analysis.satisfaction.equations.scoring import inverse, maximise
from crm_analysis.satisfaction.equations.structure import compile_rows
from crm_analysis.satisfaction.moments import Moments
from crm_analysis.study.simulate import feelings, questionnaire

WAYS = ("continuous", "rounded", "asked")
METHODS = ("ML", "ML, standardised", "robust", "robust, standardised", "PLSc")
ITEMS = tuple(replace(item, loading=1.0) if item.measures == "complaints" else item for item in questionnaire.ACSI)
ITEM_ITSELF = {item.name: item.measures for item in ITEMS if item.loading == 1}
ACSI = model.ACSI.measured_by(questionnaire.constructs())


def surveys(*, way: str, number: int, respondents: int, seed: int) -> Iterator[pd.DataFrame]:
    """Yield surveys; the k-th of a seed holds the same people, whatever the number and the way of writing down."""
    shape = feelings.structure()
    passed_on = np.linalg.inv(np.eye(len(feelings.CONSTRUCTS)) - shape.coefficients)
    for survey in range(number):
        draws = np.random.default_rng([seed, survey])
        disturbances = draws.normal(size=(respondents, len(feelings.CONSTRUCTS))) * np.sqrt(shape.disturbance_variances)
        felt = dict(zip(feelings.CONSTRUCTS, passed_on @ disturbances.T, strict=True))
        answers = {}
        for item in ITEMS:
            error = draws.normal(size=respondents)
            whole = way == "continuous" or (way == "rounded" and item.measures == "complaints")
            tendency = item.loading * felt[item.measures] + np.sqrt(1 - item.loading**2) * error
            answers[item.name] = tendency if whole else item.answer(felt[item.measures], error).astype("float64")
        yield pd.DataFrame(answers)


def truth(way: str = "continuous") -> pd.DataFrame:
    """Return one row a path: ``standardised``, and ``raw`` in the units of the first items (continuous answers)."""
    shape = feelings.structure()
    seen = np.ones(len(feelings.CONSTRUCTS))
    if way == "asked":
        # The regression of and on a yes or no: a normal variable cut in two keeps part of each of its correlations.
        yes = next(item for item in ITEMS if item.measures == "complaints")
        seen[feelings.CONSTRUCTS.index("complaints")] = yes.observed_loading
    correlations = shape.correlations * np.outer(seen, seen)
    np.fill_diagonal(correlations, 1.0)
    first = {item.measures: item.loading for item in reversed(ITEMS)}
    rows = []
    for target, name in enumerate(feelings.CONSTRUCTS):
        sources = np.flatnonzero(shape.coefficients[target])
        paths = np.linalg.solve(correlations[np.ix_(sources, sources)], correlations[sources, target])
        for source, path in zip(sources, paths, strict=True):
            cause = feelings.CONSTRUCTS[source]
            rows.append((cause, name, path, path * first[name] / first[cause]))
    return pd.DataFrame(rows, columns=["source", "target", "standardised", "raw"]).set_index(["source", "target"])


def intervals(answers: pd.DataFrame, *, resamples: int, seed: int) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield each method's paths in the order of `truth`, with columns ``estimate``, ``low`` and ``high``."""
    order = truth().index
    for name, errors in (("ML", "standard"), ("robust", "robust")):
        paths = covariance.estimate(ACSI, answers, se=errors).paths().replace(ITEM_ITSELF)
        paths = paths.set_index(["source", "target"]).loc[order]
        for method, number in ((name, "estimate"), (f"{name}, standardised", "standardised")):
            ends = {number: "estimate", f"{number}_low": "low", f"{number}_high": "high"}
            yield method, paths[list(ends)].rename(columns=ends)
    found = pls.estimate(ACSI, answers, consistent=True, bootstrap=resamples, seed=seed).paths
    yield (
        "PLSc",
        found.set_index(["source", "target"]).loc[order].rename(columns={"ci_lower": "low", "ci_upper": "high"}),
    )


def measure(*, way: str = "continuous", number: int, respondents: int = 500, resamples: int, seed: int) -> pd.DataFrame:
    """Count how often each interval holds the truth.

    Returns
    -------
    DataFrame
        One row per method and path: ``method``, ``source``, ``target``, ``true``, ``held`` (surveys whose interval
        holds the true path; one that does not exist holds nothing), ``surveys``, ``covered_share`` and ``error``, its
        Monte Carlo standard error, ``mean_estimate``, ``spread`` (standard deviation of the estimates over surveys),
        ``too_low`` and ``too_high`` (shares of intervals wholly below and above the truth). Paths in the units of the
        items only for continuous answers.
    """
    true = truth(way)
    drawn: dict[str, list[np.ndarray]] = {}
    for survey, answers in enumerate(surveys(way=way, number=number, respondents=respondents, seed=seed)):
        for method, paths in intervals(answers, resamples=resamples, seed=survey):
            drawn.setdefault(method, []).append(paths[["estimate", "low", "high"]].to_numpy())
    tables = []
    for method, found in drawn.items():
        raw = "standardised" not in method and method != "PLSc"
        if raw and way != "continuous":
            continue
        aim = true["raw" if raw else "standardised"].to_numpy()
        estimate, low, high = np.moveaxis(np.array(found), -1, 0)
        held = ((low <= aim) & (aim <= high)).sum(axis=0)
        table = pd.DataFrame({"method": method, "true": aim, "held": held, "surveys": number}, index=true.index)
        table["covered_share"] = held / number
        table["error"] = np.sqrt(table["covered_share"] * (1 - table["covered_share"]) / number)
        table["mean_estimate"], table["spread"] = estimate.mean(axis=0), estimate.std(axis=0, ddof=1)
        table["too_low"], table["too_high"] = (high < aim).mean(axis=0), (low > aim).mean(axis=0)
        tables.append(table.reset_index())
    return pd.concat(tables, ignore_index=True)


def by_covariances(*, number: int, respondents: int = 500, seed: int) -> pd.DataFrame:
    """Count for ML alone, on covariance matrices drawn from their (Wishart) distribution: all surveys in one search.

    Returns
    -------
    DataFrame
        One row a path: ``source``, ``target``, ``true`` (in units of the items), ``held``, ``surveys``,
        ``covered_share``, ``error``, ``spread`` (of the estimates) and ``mean_error`` (their mean standard error).
    """
    true = truth()
    structure = compile_rows(ACSI.rows())
    by_name = {item.name: item for item in ITEMS}
    items = [by_name[name] for name in structure.items]
    place = [feelings.CONSTRUCTS.index(item.measures) for item in items]
    loadings = np.array([item.loading for item in items])
    population = feelings.structure().correlations[np.ix_(place, place)] * np.outer(loadings, loadings)
    np.fill_diagonal(population, 1.0)
    drawn = stats.wishart(respondents - 1, population).rvs(number, random_state=seed) / respondents
    blank, everything = np.zeros((number, 1, len(items))), np.ones((1, len(items)), dtype=bool)
    moments = Moments(np.full((number, 1), float(respondents)), blank, drawn[:, None], everything, np.zeros(1, int))
    begin = structure.theta(start.first_values(structure, blank[0], population[None]))
    found = maximise(structure, moments, begin, tolerance=1e-8)
    information = Likelihood(structure, moments).state(found.theta).information()
    errors = np.sqrt(np.diagonal(inverse(information), axis1=1, axis2=2) / respondents)
    rows = []
    for parameter, row in enumerate(structure.rows[index] for index in structure.moving):
        if row.op != "~":
            continue
        source, target = (ITEM_ITSELF.get(name, name) for name in (row.rhs, row.lhs))
        aim = true.loc[(source, target), "raw"]
        off = found.theta[:, parameter] - aim
        covered = found.converged & (np.abs(off) <= stats.norm.ppf(0.975) * errors[:, parameter])
        rows.append((source, target, aim, covered.sum(), off.std(ddof=1), errors[:, parameter].mean()))
    counted = pd.DataFrame(rows, columns=["source", "target", "true", "held", "spread", "mean_error"])
    share = counted["held"] / number
    return counted.assign(surveys=number, covered_share=share, error=np.sqrt(share * (1 - share) / number))


def band(number: int, *, paths: int, level: float = 0.95, nominal: float = 0.95) -> tuple[float, float]:
    """Return the simultaneous band: if intervals cover as they should, all paths' shares lie within by this chance.

    Šidák's: each path alone gets the level to the power of 1 / paths; exact ends of the binomial distribution.
    """
    tail = (1 - level ** (1 / paths)) / 2
    low, high = stats.binom.ppf([tail, 1 - tail], number, nominal) / number
    return float(low), float(high)


def table(counted: pd.DataFrame, true: pd.DataFrame) -> list[str]:
    """Return the lines of a Markdown table: a line a path, a column a method; what lies outside the band is bold."""
    number = int(counted["surveys"].iloc[0])
    low, high = band(number, paths=len(true))
    methods = list(dict.fromkeys(counted["method"]))
    lines = [f"| path | true | {' | '.join(methods)} |", f"|---|---:|{'---:|' * len(methods)}"]
    for (source, target), aim in true["standardised"].items():
        own = counted[(counted["source"] == source) & (counted["target"] == target)].set_index("method")
        shares = own["covered_share"]
        cells = [
            f"{100 * shares[name]:.1f}" if low <= shares[name] <= high else f"**{100 * shares[name]:.1f}**"
            for name in methods
        ]
        lines.append(f"| {source} → {target} | {aim:.2f} | {' | '.join(cells)} |")
    return lines


def main() -> None:
    """Print a table for each way of writing down the answers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--surveys", type=int, default=2000)
    parser.add_argument("--respondents", type=int, default=500)
    parser.add_argument("--resamples", type=int, default=1000, help="bootstrap resamples of PLSc")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--save", metavar="FOLDER", help="keep what was counted as FOLDER/<way>.csv")
    chosen = parser.parse_args()
    low, high = band(chosen.surveys, paths=len(truth()))
    print(
        f"{chosen.surveys:,} surveys of {chosen.respondents:,} respondents, seed {chosen.seed}; PLSc with "
        f"{chosen.resamples:,} resamples. Monte Carlo error of one share near 95 %: "
        f"{100 * np.sqrt(0.95 * 0.05 / chosen.surveys):.2f} points; simultaneous band over the {len(truth())} paths: "
        f"{100 * low:.1f} to {100 * high:.1f} %; **bold** lies outside."
    )
    for way in chosen.ways:
        started = time.perf_counter()
        counted = measure(
            way=way,
            number=chosen.surveys,
            respondents=chosen.respondents,
            resamples=chosen.resamples,
            seed=chosen.seed,
        )
        if chosen.save:
            counted.to_csv(f"{chosen.save}/{way}.csv", index=False)
        print("\n".join(["", f"Answers {way}:", "", *table(counted, truth(way))]), flush=True)
        print(f"{way}: {time.perf_counter() - started:.0f} s", file=sys.stderr)
    number = 10 * chosen.surveys
    low, high = band(number, paths=len(truth()))
    counted = by_covariances(number=number, respondents=chosen.respondents, seed=chosen.seed)
    print(f"\nML, {number:,} surveys drawn as covariances; band {100 * low:.1f} to {100 * high:.1f} %:\n")
    print("| path | true | covered | mean error / spread |\n|---|---:|---:|---:|")
    for row in counted.to_dict("records"):
        share, ratio = 100 * row["covered_share"], row["mean_error"] / row["spread"]
        print(f"| {row['source']} → {row['target']} | {row['true']:.2f} | {share:.1f} | {ratio:.3f} |")


if __name__ == "__main__":
    main()
