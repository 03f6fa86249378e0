"""Logs and histories: the CDNOW sample, and customers drawn from each model."""

from collections.abc import Callable, Iterator

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def cdnow(shared) -> pd.DataFrame:
    """Transactions of the CDNOW 1-in-10 sample."""
    names = ["master_id", "customer_id", "time", "cds", "amount"]
    orders = pd.read_csv(shared("data/cdnow/CDNOW_sample.txt"), sep=r"\s+", header=None, names=names)
    return orders.assign(time=pd.to_datetime(orders["time"].astype(str)))[["customer_id", "time", "amount"]]


def _histories(n, rates, age, leaves, generator):
    """Repeats and time of the last one; leaves(k) says who has left after the k-th purchase, or when all do."""
    repeats, last = np.zeros(n), np.zeros(n)
    active = np.ones(n, bool) & leaves(0, last)
    while active.any():
        following = last + generator.exponential(1 / rates)
        active &= following <= age
        repeats, last = repeats + active, np.where(active, following, last)
        active &= leaves(1, last)
    return repeats, last


@pytest.fixture(scope="session")
def draw_histories() -> Callable[..., pd.DataFrame]:
    """Draw summaries from a model: kind, number of customers, true parameters, seed; age 20 to 52."""

    def draw(kind: str, n: int, params, *, seed: int) -> pd.DataFrame:
        generator = np.random.default_rng(seed)
        age = generator.uniform(20, 52, n)
        rates = generator.gamma(params[0], 1 / params[1], n)
        if kind == "pareto":
            end = generator.exponential(1 / generator.gamma(params[2], 1 / params[3], n))
            repeats, last = _histories(n, rates, np.minimum(age, end), lambda k, t: np.ones(n, bool), generator)
        else:
            stops = generator.beta(params[2], params[3], n)
            first = 0 if kind == "bg" else 1
            repeats, last = _histories(
                n, rates, age, lambda k, t: generator.random(n) >= stops * (k + first > 0), generator
            )
        ids = np.arange(n)
        return pd.DataFrame({"customer_id": ids, "frequency": repeats, "recency": last, "age": age})

    return draw


@pytest.fixture(autouse=True)
def close_pictures() -> Iterator[None]:
    """Close what a test drew: matplotlib warns of many open figures, in whichever test comes next."""
    yield
    plt.close("all")
