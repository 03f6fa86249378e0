"""Samples whose truth is known, for tests of models of leaving."""

import numpy as np
import pandas as pd
import pytest

from crm_analysis.churn.sample import Sample


def draw(n, seed, *, as_of="2025-01-01", world="silence"):
    """Customers who leave with log odds that are known: few purchases, long silence, one region."""
    g = np.random.default_rng(seed)
    frequency = g.poisson(4, size=n) + 1.0
    recency = g.exponential(60, size=n).round()
    region = np.array(["north", "south", "east"])[g.integers(3, size=n)]
    log_odds = 0.3 - 0.35 * (frequency - 5) + 0.012 * (recency - 60) + 0.8 * (region == "east")
    chance = 1 / (1 + np.exp(-log_odds))
    features = pd.DataFrame(
        {
            "frequency": frequency,
            "recency_days": recency,
            "noise": np.where(g.random(n) < 0.1, np.nan, g.normal(size=n)),
            "region": pd.Categorical(region, categories=["east", "north", "south"]),
        },
        index=pd.Index([f"C{seed}_{i}" for i in range(n)], name="customer_id"),
    )
    label = pd.Series((g.random(n) < chance).astype("float64"), features.index)
    day = pd.NaT if as_of is None else pd.Timestamp(as_of)
    days = pd.Series([day] * n, features.index, dtype="datetime64[ns]")
    return Sample(features, label, days, world, 0 if as_of is None else 90), chance


@pytest.fixture(scope="session")
def drawn():
    """Two days of customers: to train and to test, and the true chances of the second."""
    training, _ = draw(3000, 1, as_of="2025-01-01")
    latest, chance = draw(2000, 2, as_of="2025-07-01")
    return training, latest, chance


@pytest.fixture(scope="session")
def fitted(drawn):
    from crm_analysis.churn import model

    return model.ChurnModel(seed=1).fit(drawn[0])


@pytest.fixture(scope="session")
def draw_customers():
    return draw
