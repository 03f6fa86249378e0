"""The satisfaction trap on simulated customers whose truth is known: how often `trap.detect` is right.

    python benchmarks/trap.py [--samples 400] [--only breaks,groups,rates,weights,explanations,error,time] [--out t.md]

Satisfaction is normal with mean 65 and standard deviation 18, cut to 0-100. The chance to be loyal is a function of it;
behaviour is 0 or 1 with that chance, or a share: the chance itself with an error about it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from crm_analysis.loyalty import trap
from crm_analysis.loyalty.curves import binning, design, group_breaks, tables
from crm_analysis.loyalty.curves import shape as shape_of
from crm_analysis.loyalty.curves.breaks import find
from crm_analysis.loyalty.curves.explanations import fit, judge

RESAMPLES = 300
BREAK = 70.0
STRONG, MIDDLE, WEAK = "strong", "middle", "weak"
SHAPES = ("straight line", "one break", "flat top", "two breaks")


def satisfied(generator: np.random.Generator, n: int) -> np.ndarray:
    """Satisfaction of n customers."""
    return np.clip(generator.normal(65, 18, n), 0, 100)


def chance(shape: str, x: np.ndarray) -> np.ndarray:
    """Chance to be loyal: from .15 to .85, so that no error about it leaves 0-1 and bends the curve of its own."""
    if shape == "straight line":
        return 0.15 + 0.0065 * x
    if shape == "one break":
        return 0.25 + 0.001 * x + 0.015 * np.maximum(x - BREAK, 0)
    if shape == "flat top":
        return 0.15 + 0.011 * np.minimum(x, 55) + 0.001 * np.maximum(x - 55, 0)
    return 0.15 + 0.008 * np.minimum(x, 45) + 0.001 * np.clip(x - 45, 0, 35) + 0.015 * np.maximum(x - 80, 0)


def behave(generator: np.random.Generator, p: np.ndarray, kind: str) -> np.ndarray:
    """Behaviour of customers with these chances."""
    if kind == "0 or 1":
        return (generator.random(len(p)) < p).astype("float64")
    if kind == "beta share":
        return generator.beta(5 * p, 5 * (1 - p))
    return p + generator.uniform(-0.15, 0.15, len(p))


def series(values: np.ndarray) -> pd.Series:
    return pd.Series(values, index=pd.RangeIndex(len(values), name="customer_id"))


def breaks(samples: int) -> Iterator[dict[str, object]]:
    """How many breaks are found, and how often an interval holds a true place: in all samples, and where one is."""
    true = {"one break": [BREAK], "flat top": [55.0], "two breaks": [45.0, 80.0]}
    for shape in SHAPES:
        for kind in ("0 or 1", "even share"):
            for levels in ("fine", "28 levels"):
                for n in (1500, 4000):
                    found, held, widths, shown = [], [], [], 0
                    for sample in range(samples):
                        generator = np.random.default_rng([1, sample])
                        x = satisfied(generator, n)
                        x = x if levels == "fine" else np.round(x * 0.27) / 0.27
                        y = behave(generator, chance(shape, x), kind)
                        # What `detect` does for its breaks, without all else.
                        bins = shape_of.weigh(binning.bins(x, edge=70.0), y)[1]
                        found_here = find(bins, generator=generator, resamples=RESAMPLES).positions
                        points = pd.DataFrame(found_here, columns=shape_of.BREAK_COLUMNS)
                        found.append(len(points))
                        places = true.get(shape, [])
                        shown += min(len(points), 1) * len(places)
                        for place in places:
                            inside = points[(points["ci_lower"] <= place) & (place <= points["ci_upper"])]
                            held.append(len(inside) > 0)
                        if places and len(points) == len(places):
                            widths.append((points["ci_upper"] - points["ci_lower"]).mean())
                    counts = np.bincount(found, minlength=3) / samples
                    yield {
                        "curve": shape,
                        "behaviour": kind,
                        "satisfaction": levels,
                        "n": n,
                        "none": counts[0],
                        "one": counts[1],
                        "two": counts[2],
                        "true place held": np.mean(held) if held else np.nan,
                        "held where found": np.sum(held) / max(shown, 1) if held else np.nan,
                        "median width": np.median(widths) if widths else np.nan,
                    }


def by_group(samples: int) -> Iterator[dict[str, object]]:
    """Three groups of n customers: how many breaks are claimed, and how often their places are said to differ."""
    true = {"straight lines": (), "one place": (70, 70, 70), "two places": (60, 60, 75)}
    for what, places in true.items():
        for n in (300, 600, 1500):
            claimed, apart = [], []
            for sample in range(samples):
                generator = np.random.default_rng([6, sample])
                x = satisfied(generator, 3 * n)
                at = np.repeat(places, n) if places else 100.0
                p = 0.25 + 0.001 * x + 0.015 * np.maximum(x - at, 0) if places else chance("straight line", x)
                names = pd.DataFrame({"group": np.repeat(["a", "b", "c"], n)})
                table, p_values = group_breaks.find(
                    names,
                    binning.bins(x, edge=70.0),
                    behave(generator, p, "0 or 1"),
                    most=2,
                    generator=generator,
                    resamples=RESAMPLES,
                )
                claimed.append(table.groupby("group")["position"].count() > 0)
                apart.append(p_values.get("group", 1.0) <= 0.05)
            yield {
                "curves": what,
                "n": n,
                "groups with a break": np.mean(claimed),
                "any": np.mean(np.any(claimed, axis=1)),
                "said to differ": np.mean(apart),
            }


def rates(samples: int) -> Iterator[dict[str, object]]:
    """Whether the intervals of rate and excess hold the truth, which two million customers tell."""
    for shape in SHAPES:
        for kind in ("0 or 1", "even share", "beta share"):
            generator = np.random.default_rng(99)
            x = satisfied(generator, 2_000_000)
            y = behave(generator, chance(shape, x), kind)
            cut = 1.0 if kind == "0 or 1" else float(np.median(y))
            alone = binning.Draws(np.zeros(len(x), dtype=int), np.ones((1, 1)))
            score = None if kind == "0 or 1" else y
            true_rate, true_excess = tables.trap_excess(x, y >= cut, score, alone, satisfied_from=70.0, cut=cut)[0]
            for n in (1500, 4000):
                held = []
                for sample in range(samples):
                    generator = np.random.default_rng([2, sample])
                    x = satisfied(generator, n)
                    y = behave(generator, chance(shape, x), kind)
                    rate = trap.detect(series(x), series(y), resamples=RESAMPLES, most_breaks=0, seed=sample).rate
                    held.append(
                        (
                            rate["ci_lower"] <= true_rate <= rate["ci_upper"],
                            rate["excess_ci_lower"] <= true_excess <= rate["excess_ci_upper"],
                        )
                    )
                covered = np.mean(held, axis=0)
                yield {
                    "curve": shape,
                    "behaviour": kind,
                    "n": n,
                    "true rate": true_rate,
                    "true excess": true_excess,
                    "rate held": covered[0],
                    "excess held": covered[1],
                }


def weights(samples: int) -> Iterator[dict[str, object]]:
    """Where the dissatisfied answer less often, and weights mend that: rate, excess, and breaks of a straight line."""
    for shape in ("straight line", "one break"):
        generator = np.random.default_rng(99)
        x = satisfied(generator, 2_000_000)
        y = behave(generator, chance(shape, x), "0 or 1")
        alone = binning.Draws(np.zeros(len(x), dtype=int), np.ones((1, 1)))
        true = tables.trap_excess(x, y > 0, None, alone, satisfied_from=70.0, cut=1.0)[0]
        for n in (1500, 4000):
            rows = []
            for sample in range(samples):
                generator = np.random.default_rng([7, sample])
                x = satisfied(generator, 4 * n)
                # Half of it is chance that has nothing to do with satisfaction.
                answers = (0.1 + 0.004 * x) * generator.choice([0.4, 1.0], len(x))
                here = np.flatnonzero(generator.random(len(x)) < answers)[:n]
                x, weight = x[here], series(1 / answers[here])
                y = behave(generator, chance(shape, x), "0 or 1")
                found = trap.detect(series(x), series(y), weights=weight, resamples=RESAMPLES, seed=sample)
                ends = (("ci_lower", "ci_upper"), ("excess_ci_lower", "excess_ci_upper"))
                held = [
                    found.rate[low] <= value <= found.rate[high] for (low, high), value in zip(ends, true, strict=True)
                ]
                at = found.break_points
                within = bool(((at["ci_lower"] <= BREAK) & (at["ci_upper"] >= BREAK)).any())
                rows.append((len(x), len(x) / found.facts.effective, *held, len(at) > 0, within))
            means = np.mean(rows, axis=0)
            yield {
                "curve": shape,
                "n": round(means[0]),
                "design effect": means[1],
                "rate held": means[2],
                "excess held": means[3],
                "a break": means[4],
                "true place held": means[5] if shape == "one break" else np.nan,
            }


def planted(
    generator: np.random.Generator, n: int, what: str, market: str, together: bool
) -> tuple[dict[str, pd.Series], pd.Series]:
    """Satisfaction, its two factors, competition and behaviour (0 or 1), with one explanation planted or none.

    Basic and latent satisfaction go with overall satisfaction (correlations .45 and .40).
    """
    s, basic, latent = generator.normal(size=(3, n))
    basic, latent = 0.45 * s + np.sqrt(1 - 0.45**2) * basic, 0.40 * s + np.sqrt(1 - 0.40**2) * latent
    level = generator.integers(0, 3, n) / 2 if market != "a number" else generator.random(n)
    # Where everything goes together, satisfaction is lower in fierce competition.
    x = np.clip(65 + 18 * s - 6 * together * (level - 0.5), 0, 100)
    if what == "nothing":
        p = 0.1 + 0.007 * x - 0.1 * together * (level - 0.5)
    elif what == "perception":
        p = 0.35 + 0.001 * x + 0.017 * np.maximum(x - 72, 0)
    elif what == "two factors":
        p = 0.3 + 0.004 * x - 0.1 * np.maximum(-basic, 0) + 0.1 * np.maximum(latent, 0)
    elif what == "competition, slopes":
        p = 0.75 + 0.001 * x - level * (0.65 - 0.006 * x)
    else:
        p = 0.25 + 0.006 * x - level * (0.05 + 0.005 * x) + level * 0.02 * np.maximum(x - 75, 0)
    names = np.array([WEAK, MIDDLE, STRONG], dtype="object")
    competition = level if market == "a number" else names[(2 * level).astype(int)]
    given = {"satisfaction": x, "competition": competition, "basic": basic, "latent": latent}
    y = (generator.random(n) < p).astype("float64")
    return {name: series(values) for name, values in given.items()}, series(y)


def explanations(samples: int) -> Iterator[dict[str, object]]:
    """How often each explanation is supported, by which is planted."""
    for what in ("nothing", "perception", "two factors", "competition, slopes", "competition, bends"):
        for kind in ("three names", "a number"):
            for together in (False, True):
                for n in (1500, 4000):
                    hits = []
                    for sample in range(samples):
                        given, y = planted(np.random.default_rng([3, sample]), n, what, kind, together)
                        # What `detect` does for its explanations, without all else.
                        market = given.pop("competition")
                        columns = design.build(pd.DataFrame({**given, "behaviour": y}), market)
                        table = judge(columns, fit(columns, y.to_numpy()))[0]
                        verdicts = table.set_index("name")["verdict"]
                        hits.append([*(verdicts == "supported"), (verdicts == "cannot be told apart").any()])
                    shares = np.mean(hits, axis=0)
                    yield {
                        "planted": what,
                        "competition": kind,
                        "goes with satisfaction": "yes" if together else "no",
                        "n": n,
                        "perception": shares[0],
                        "two factors": shares[1],
                        "competition found": shares[2],
                        "any": np.mean([any(row[:3]) for row in hits]),
                        "cannot be told apart": shares[3],
                    }


def error(samples: int) -> Iterator[dict[str, object]]:
    """Rate and excess where satisfaction has error of a known reliability: as observed, and corrected."""
    for shape in ("straight line", "one break"):
        generator = np.random.default_rng(99)
        x = satisfied(generator, 2_000_000)
        y = behave(generator, chance(shape, x), "0 or 1")
        alone = binning.Draws(np.zeros(len(x), dtype=int), np.ones((1, 1)))
        true_rate, true_excess = tables.trap_excess(x, y > 0, None, alone, satisfied_from=70.0, cut=1.0)[0]
        for reliability in (0.9, 0.8, 0.7):
            rows = []
            for sample in range(samples):
                generator = np.random.default_rng([4, sample])
                x = satisfied(generator, 4000)
                y = behave(generator, chance(shape, x), "0 or 1")
                spread = float(x.std()) * np.sqrt(1 / reliability - 1)
                seen = np.clip(x + generator.normal(0, spread, len(x)), 0, 100)
                found = trap.detect(
                    series(seen), series(y), reliability=reliability, resamples=RESAMPLES, most_breaks=0, seed=sample
                )
                mended = found.facts.corrected
                rows.append(
                    (
                        found.rate["estimate"],
                        mended["rate"][0],
                        mended["rate"][1] <= true_rate <= mended["rate"][2],
                        found.rate["excess"],
                        mended["excess"][0],
                        mended["excess"][1] <= true_excess <= mended["excess"][2],
                    )
                )
            means = np.mean(rows, axis=0)
            names = ("rate observed", "rate corrected", "rate held")
            names += ("excess observed", "excess corrected", "excess held")
            yield {
                "curve": shape,
                "reliability": reliability,
                "true rate": true_rate,
                "true excess": true_excess,
                **dict(zip(names, means, strict=True)),
            }


def seconds(samples: int) -> Iterator[dict[str, object]]:
    """Seconds of the whole of `trap.detect` with a thousand resamples and everything given."""
    for kind in ("0 or 1", "even share"):
        for n in (1500, 10_000, 100_000):
            generator = np.random.default_rng(5)
            given, _ = planted(generator, n, "nothing", "three names", False)
            x = given.pop("satisfaction")
            y = series(behave(generator, chance("two breaks", x.to_numpy()), kind))
            more = {"switching_cost": series(generator.normal(size=n)), "value": series(generator.gamma(1, 100, n))}
            region = series(generator.integers(0, 8, n).astype(str).astype("object"))
            taken = []
            for _ in range(min(3, samples)):
                start = time.perf_counter()
                trap.detect(x, y, **given, **more, groups=region, reliability=0.85, resamples=1000)
                taken.append(time.perf_counter() - start)
            yield {"behaviour": kind, "n": n, "seconds": float(np.median(taken))}


PARTS = {
    "breaks": breaks,
    "groups": by_group,
    "rates": rates,
    "weights": weights,
    "explanations": explanations,
    "error": error,
    "time": seconds,
}


def markdown(rows: list[dict[str, object]]) -> str:
    """Write rows as a table in Markdown; shares with two decimals or more where they are small."""
    names = list(rows[0])
    lines = ["| " + " | ".join(names) + " |", "|" + "|".join("---:" for _ in names) + "|"]
    for row in rows:
        cells = [f"{value:.3f}" if isinstance(value, float) else str(value) for value in row.values()]
        lines.append("| " + " | ".join("" if cell == "nan" else cell for cell in cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    texts = []
    for name in options.only.split(","):
        start = time.perf_counter()
        rows = list(PARTS[name](options.samples))
        took = time.perf_counter() - start
        texts.append(
            f"### {name}: {PARTS[name].__doc__}\n\n{markdown(rows)}\n\n{options.samples} samples, {took:.0f} s\n"
        )
        print(texts[-1], flush=True)
    if options.out:
        options.out.write_text("\n".join(texts), "utf-8")


if __name__ == "__main__":
    main()
