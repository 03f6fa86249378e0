"""What the tests of the reports share."""

from collections.abc import Iterator

import matplotlib.pyplot as plt
import pytest


@pytest.fixture(autouse=True)
def close_pictures() -> Iterator[None]:
    """Close what a test drew: matplotlib warns of many open figures, in whichever test comes next."""
    yield
    plt.close("all")
