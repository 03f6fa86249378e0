"""Small customer frames for the tests of loyalty."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

REFERENCE = Path(__file__).parents[1] / "reference"
_ENDS = {
    "repurchase_likelihood": (1, 10),
    "recommendation": (0, 10),
    "price_tolerance": (0, 100),
    "trust_honesty": (1, 10),
    "trust_promises": (1, 10),
    "share_of_wallet": (0, 100),
    "alternatives": (1, 10),
    "switching_cost": (1, 10),
    "habit": (1, 10),
}


@pytest.fixture
def ends():
    """Ends of the scales of the items."""
    return dict(_ENDS)


@pytest.fixture
def reference():
    """Read a file of published values."""
    return lambda name: json.loads((REFERENCE / f"{name}.json").read_text("utf-8"))


@pytest.fixture
def customers():
    """Make a customer view in which one latent attitude and one latent behaviour correlate."""

    def make(n=400, *, correlation=0.4, seed=1):
        generator = np.random.default_rng(seed)
        attitude = generator.normal(size=n)
        deeds = correlation * attitude + np.sqrt(1 - correlation**2) * generator.normal(size=n)

        def item(latent, low, high, loading=0.8):
            tendency = loading * latent + np.sqrt(1 - loading**2) * generator.normal(size=n)
            return np.clip(np.round(low + (high - low) * (0.6 + 0.17 * tendency)), low, high)

        frequency = generator.poisson(np.exp(1 + 0.8 * deeds))
        tenure = np.where(frequency > 0, generator.integers(30, 900, n).astype(float), np.nan)
        return pd.DataFrame(
            {
                "customer_id": [f"C{number:04d}" for number in range(n)],
                "frequency": frequency,
                "tenure_days": tenure,
                "recency_days": tenure * generator.uniform(0, 1, n),
                "gap_cv": np.where(frequency > 2, np.exp(-0.3 * deeds), np.nan),
                "categories": np.minimum(frequency, 1 + generator.poisson(2, n)),
                "referrals_made": generator.poisson(np.exp(-2 + 0.5 * attitude)),
                "gross_spend": 50.0 * frequency,
                "repurchase_likelihood": item(attitude, 1, 10),
                "recommendation": item(attitude, 0, 10),
                "price_tolerance": item(attitude, 0, 100),
                "trust_honesty": item(attitude, 1, 10),
                "trust_promises": item(attitude, 1, 10),
                "share_of_wallet": item(deeds, 0, 100),
                "later": generator.random(n) < 1 / (1 + np.exp(-1.5 * deeds)),
            }
        )

    return make
