"""What customers feel: the six latent variables of the ACSI (Fornell et al. 1996), and those beside it.

Every latent variable has mean 0 and variance 1 in the first period; the variance of each disturbance follows from the
paths, so that the coefficient of determination and the total effects are known exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from crm_analysis.study.simulate.people import REGIONS, quality_shift
from crm_analysis.study.simulate.setting import Setting

CONSTRUCTS = ("expectations", "quality", "value", "satisfaction", "complaints", "loyalty")
PATHS = {
    ("expectations", "quality"): 0.50,
    ("expectations", "value"): 0.10,
    ("expectations", "satisfaction"): 0.10,
    ("quality", "value"): 0.60,
    ("quality", "satisfaction"): 0.50,
    ("value", "satisfaction"): 0.30,
    ("satisfaction", "complaints"): -0.45,
    ("satisfaction", "loyalty"): 0.60,
    ("complaints", "loyalty"): -0.15,
}
AUTOCORRELATION = 0.75  # of every feeling, from one period to the next
QUALITY_BY_PERIOD = (0.0, 0.0, 0.15)  # service got better before the second wave

# feelings outside the model: the one they go with, and how closely (correlation)
BESIDE = {
    "image": ("expectations", 0.60),
    "trust": ("loyalty", 0.60),
    "basic_satisfaction": ("satisfaction", 0.45),
    "latent_satisfaction": ("satisfaction", 0.40),
}
LASTING = ("switching_cost", "habit")  # do not drift, and go with no other feeling
PERIODS = 3


@dataclass(frozen=True)
class Structure:
    """What follows from the paths: coefficients, disturbance variances, correlations, R2 and total effects."""

    coefficients: np.ndarray  # row: target, column: source
    disturbance_variances: np.ndarray
    correlations: np.ndarray
    total_effects: np.ndarray

    @property
    def r2(self) -> np.ndarray:
        """Share of each variance that the paths explain (0 for expectations)."""
        return 1.0 - self.disturbance_variances


def structure() -> Structure:
    """Work out the disturbance variances that give every latent variable variance 1."""
    count = len(CONSTRUCTS)
    coefficients = np.zeros((count, count))
    for (cause, effect), path in PATHS.items():
        coefficients[CONSTRUCTS.index(effect), CONSTRUCTS.index(cause)] = path
    correlations = np.eye(count)
    variances = np.ones(count)
    for target in range(1, count):  # the constructs stand in causal order
        causes = coefficients[target, :target]
        with_causes = correlations[:target, :target] @ causes
        correlations[target, :target] = correlations[:target, target] = with_causes
        variances[target] = 1.0 - causes @ with_causes
    total_effects = np.linalg.inv(np.eye(count) - coefficients) - np.eye(count)
    return Structure(coefficients, variances, correlations, total_effects)


def draw(people: pd.DataFrame, setting: Setting) -> dict[str, np.ndarray]:
    """Draw all feelings of all people: an array (people x periods) for each name.

    A region's shift is part of quality's disturbance, not added to it: quality keeps variance 1 over all regions.
    """
    draws = setting.generator("feelings")
    model = structure()
    shift = people["quality_shift"].to_numpy()
    shift_variance = float(REGIONS["share"].to_numpy() @ quality_shift() ** 2)
    felt: dict[str, np.ndarray] = {}
    for place, name in enumerate(CONSTRUCTS):
        disturbance = _drifting(draws, len(people))
        if name == "quality":
            disturbance = disturbance * np.sqrt(model.disturbance_variances[place] - shift_variance)
            disturbance = disturbance + shift[:, None] + np.array(QUALITY_BY_PERIOD)
        else:
            disturbance = disturbance * np.sqrt(model.disturbance_variances[place])
        caused = (model.coefficients[place, source] * felt[CONSTRUCTS[source]] for source in range(place))
        felt[name] = sum(caused, disturbance)
    for name, (leader, correlation) in BESIDE.items():
        own = _drifting(draws, len(people))
        felt[name] = correlation * felt[leader] + np.sqrt(1 - correlation**2) * own
    for name in LASTING:
        felt[name] = np.repeat(draws.normal(size=(len(people), 1)), PERIODS, axis=1)
    return felt


def fitted(felt: dict[str, np.ndarray], rows: np.ndarray, period: int) -> list[dict[str, Any]]:
    """Paths by least squares on the true feelings of some people, standardised among them.

    Who is asked is not everybody: the dissatisfied left earlier, so that no estimate can be nearer the stated paths.
    """
    standard = {name: _standardised(felt[name][rows, period]) for name in CONSTRUCTS}
    found = []
    for target in CONSTRUCTS[1:]:
        sources = [source for source, hit in PATHS if hit == target]
        causes = np.column_stack([standard[source] for source in sources])
        paths = np.linalg.lstsq(causes, standard[target], rcond=None)[0]
        found += [
            {"source": source, "target": target, "path": float(path)}
            for source, path in zip(sources, paths, strict=True)
        ]
    return found


def truth() -> dict[str, Any]:
    """The paths and all that follows from them."""
    model = structure()
    named = pd.DataFrame(model.total_effects, index=list(CONSTRUCTS), columns=list(CONSTRUCTS))
    shifts = np.array(QUALITY_BY_PERIOD)
    by_quality = model.total_effects[:, CONSTRUCTS.index("quality")].copy()
    by_quality[CONSTRUCTS.index("quality")] = 1.0
    return {
        "meaning": "standardised paths between latent variables of variance 1; period 0 ends with the first wave, "
        "1 lies between the waves, 2 begins with the second; complaints high = complains",
        "paths": [{"source": source, "target": target, "path": path} for (source, target), path in PATHS.items()],
        "r2": dict(zip(CONSTRUCTS[1:], model.r2[1:].tolist(), strict=True)),
        "total_effects": [
            {"source": source, "target": target, "effect": float(named.loc[target, source])}
            for source in CONSTRUCTS
            for target in CONSTRUCTS
            if abs(named.loc[target, source]) > 1e-12
        ],
        "correlations": {
            name: dict(zip(CONSTRUCTS, row, strict=True))
            for name, row in zip(CONSTRUCTS, model.correlations.tolist(), strict=True)
        },
        "autocorrelation_between_periods": AUTOCORRELATION,
        "mean_by_period": {
            name: (effect * shifts).tolist() for name, effect in zip(CONSTRUCTS, by_quality, strict=True)
        },
        "correlations_of_feelings_beside_the_model": {
            name: {"with": leader, "correlation": correlation} for name, (leader, correlation) in BESIDE.items()
        },
    }


def _drifting(draws: np.random.Generator, count: int) -> np.ndarray:
    steps = draws.normal(size=(count, PERIODS))
    for period in range(1, PERIODS):
        fresh = np.sqrt(1 - AUTOCORRELATION**2) * steps[:, period]
        steps[:, period] = AUTOCORRELATION * steps[:, period - 1] + fresh
    return steps


def _standardised(values: np.ndarray) -> np.ndarray:
    return (values - values.mean()) / values.std()
