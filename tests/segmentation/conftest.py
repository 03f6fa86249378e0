"""Customers to score, made on the spot."""

from collections.abc import Callable, Iterator

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest


@pytest.fixture(scope="session")
def make_customers() -> Callable[..., pd.DataFrame]:
    """Customers with values of many kinds: days uniform, orders and spend with long tails."""

    def make(n: int = 500, *, seed: int = 1, ties: bool = True) -> pd.DataFrame:
        generator = np.random.default_rng(seed)
        orders = generator.geometric(0.35, n) if ties else generator.permutation(n) + 1
        recency = generator.integers(0, 400, n) if ties else generator.permutation(n)
        spend = np.round(generator.gamma(1.5, 40, n), 2) + (0 if ties else np.arange(n) * 1e-3)
        return pd.DataFrame(
            {
                "customer_id": [f"C{number:05d}" for number in range(n)],
                "recency_days": recency.astype(float),
                "frequency": orders,
                "monetary": spend * np.sqrt(orders),
            }
        )

    return make


@pytest.fixture(autouse=True)
def close_pictures() -> Iterator[None]:
    """Close what a test drew: matplotlib warns of many open figures, in whichever test comes next."""
    yield
    plt.close("all")
