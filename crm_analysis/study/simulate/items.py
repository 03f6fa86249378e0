"""How an answer is made: a latent variable and an error, cut into the codes of a scale at stated points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy.stats import beta, norm

TEN = tuple(range(1, 11))
ELEVEN = tuple(range(11))
PERCENT = tuple(range(0, 101, 5))


@dataclass(frozen=True)
class Item:
    """One question: the answer is a code, chosen by where ``loading * latent + error`` falls between the cut points.

    The cut points give the codes beta-distributed shares with the stated mean; a small ``concentration`` spreads them.
    """

    name: str
    measures: str
    loading: float
    mean: float
    codes: tuple[int, ...] = TEN
    concentration: float = 5.5
    shares: tuple[float, ...] | None = field(default=None)

    @cached_property
    def code_shares(self) -> np.ndarray:
        """Share of each code in a population whose latent variable is standard normal."""
        if self.shares is not None:
            return np.array(self.shares)
        step = self.codes[1] - self.codes[0]
        place = (self.mean - self.codes[0] + step / 2) / (self.codes[-1] - self.codes[0] + step)
        edges = np.linspace(0, 1, len(self.codes) + 1)
        return np.diff(beta.cdf(edges, self.concentration * place, self.concentration * (1 - place)))

    @cached_property
    def cut_points(self) -> np.ndarray:
        """Where the standardised answer tendency passes from each code to the next."""
        return norm.ppf(np.cumsum(self.code_shares)[:-1])

    @property
    def expected_mean(self) -> float:
        """Mean code in a population whose latent variable is standard normal."""
        return float(np.array(self.codes) @ self.code_shares)

    @property
    def observed_loading(self) -> float:
        """Correlation of the written code with the latent variable: the loading, weakened by rounding to codes."""
        codes = np.array(self.codes)
        spread = np.sqrt(self.code_shares @ (codes - self.expected_mean) ** 2)
        return float(self.loading * (np.diff(codes) @ norm.pdf(self.cut_points)) / spread)

    def answer(self, latent: np.ndarray, error: np.ndarray) -> np.ndarray:
        """Codes that people with these latent values and standard normal errors write down."""
        tendency = self.loading * latent + np.sqrt(1 - self.loading**2) * error
        return np.array(self.codes)[np.searchsorted(self.cut_points, tendency)]

    def true_score(self, latent: np.ndarray) -> np.ndarray:
        """Mean code that a person with this latent value would give if asked again and again."""
        grid = np.linspace(-6, 6, 1201)
        above = norm.cdf((self.loading * grid[:, None] - self.cut_points) / np.sqrt(1 - self.loading**2))
        return np.interp(latent, grid, self.codes[0] + above @ np.diff(self.codes))


def index(items: Sequence[Item], latent: np.ndarray) -> np.ndarray:
    """The 0-100 index (mean of the items' true scores, equal weights) of people with these latent values."""
    scores = np.mean(
        [(item.true_score(latent) - item.codes[0]) / (item.codes[-1] - item.codes[0]) for item in items], 0
    )
    return 100 * scores
