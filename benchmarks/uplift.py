"""How often uplift is claimed where there is none, and found where there is some.

``python benchmarks/uplift.py [samples]``
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
import pandas as pd

from crm_analysis.churn import uplift

CASES = {"none": (0.0, 0.0), "the same for all": (0.5, 0.0), "in a third only": (0.0, 1.2)}
"""What a contact adds to the log odds of a response: for all, and for one region of three besides."""


def campaign(customers: int, *, effect: float, more: float, seed: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Draw features, who was contacted (six of ten, by lot), and who responded."""
    generator = np.random.default_rng(seed)
    region = np.array(["north", "south", "east"])[generator.integers(3, size=customers)]
    features = pd.DataFrame(
        {
            "frequency": generator.poisson(4, size=customers) + 1.0,
            "recency_days": generator.exponential(60, size=customers).round(),
            "noise": generator.normal(size=customers),
            "region": pd.Categorical(region, categories=["east", "north", "south"]),
        },
        index=pd.Index([f"C{number}" for number in range(customers)], name="customer_id"),
    )
    treated = (generator.random(customers) < 0.6).astype("float64")
    log_odds = -1.2 + 0.15 * (features["frequency"] - 5) - 0.01 * (features["recency_days"] - 60)
    log_odds = log_odds + 0.5 * (region == "east") + (effect + more * (region == "east")) * treated
    chance = 1 / (1 + np.exp(-log_odds.to_numpy()))
    return features, treated, (generator.random(customers) < chance).astype("float64")


def rates(samples: int, *, customers: int = 2000, cases: tuple[str, ...] = tuple(CASES)) -> Iterator[dict[str, object]]:
    """Yield, for each case, the share of samples in which each method's interval lies above or below nought."""
    for case in cases:
        effect, more = CASES[case]
        ends = []
        for seed in range(samples):
            features, treated, response = campaign(customers, effect=effect, more=more, seed=seed)
            found = uplift.estimate(features, treated=treated, response=response, resamples=300, seed=seed)
            ends.append(found.methods.set_index("method").loc[list(uplift.METHODS), ["qini_low", "qini_high"]])
        low, high = (np.array([one[f"qini_{end}"] for one in ends]) for end in ("low", "high"))
        shares = {f"{name}, above": (low[:, place] > 0).mean() for place, name in enumerate(uplift.METHODS)}
        shares |= {f"{name}, below": (high[:, place] < 0).mean() for place, name in enumerate(uplift.METHODS)}
        yield {"uplift": case, "customers": customers} | shares | {"claimed": (low > 0).any(axis=1).mean()}


def main() -> None:
    """Print a line for each case as it ends."""
    samples = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    for place, row in enumerate(rates(samples)):
        if not place:
            print("|", *row, sep=" | ")
        print("|", *(f"{value:.3f}" if isinstance(value, float) else value for value in row.values()), sep=" | ")


if __name__ == "__main__":
    main()
