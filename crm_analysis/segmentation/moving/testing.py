"""Testing: do customers move at the same rates in every step, and does where they were before matter?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from crm_analysis.segmentation.moving.counting import Paths

REPLICATES = 999


@dataclass(frozen=True)
class Homogeneity:
    """A test that rows of several tables are draws from one distribution each.

    Attributes
    ----------
    statistic : float
        Likelihood ratio, 2 sum n_ij log(n_ij / expected_ij).
    degrees : int
        Degrees of freedom, of the cells that could be filled.
    p_value : float
        From samples drawn under the hypothesis; 1 where nothing can be compared.
    """

    statistic: float
    degrees: int
    p_value: float


def stationarity(counts: np.ndarray, *, generator: np.random.Generator) -> Homogeneity:
    """Test whether the transition rates are the same in every step (Anderson and Goodman 1957).

    Parameters
    ----------
    counts : int array of shape (steps, states, states)
        As `Paths.counts` gives them; newcomers do not come from a state.
    generator : Generator
        For samples under the hypothesis.

    Returns
    -------
    Homogeneity

    References
    ----------
    Anderson, T. W. and Goodman, L. A. (1957). Statistical inference about Markov chains. Annals of Mathematical
    Statistics 28, 89-110.
    """
    return homogeneity([counts[:, state] for state in range(counts.shape[1] - 1)], generator=generator)


def memory(paths: Paths, *, generator: np.random.Generator) -> Homogeneity:
    """Test whether the next label depends on the label before the present one (a chain of order one against two).

    Given the present label, the next is compared between those who came to it from different labels, over all steps
    together (Anderson and Goodman 1957). Those not there at one of the three dates do not count.
    """
    size = len(paths.labels)
    tables = np.zeros((size, size, size), dtype="int64")
    for step in range(paths.codes.shape[1] - 2):
        three = paths.codes[:, step : step + 3]
        first, present, following = three[(three < size).all(axis=1)].T
        np.add.at(tables, (present, first, following), 1)
    return homogeneity(list(tables), generator=generator)


def homogeneity(tables: Sequence[np.ndarray], *, generator: np.random.Generator) -> Homogeneity:
    """Test whether, in each table, all rows come from one distribution.

    Parameters
    ----------
    tables : sequence of int arrays of shape (rows, columns)
        Counts.
    generator : Generator
        For samples under the hypothesis.

    Returns
    -------
    Homogeneity
        The p-value is (1 + samples with a statistic as large) / (1 + samples), as the chi-square distribution fails
        where cells are few: the row totals are kept and rows drawn from the table's own shares (Davison and Hinkley
        1997, section 4.4).
    """
    kept = [table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0] for table in tables]
    kept = [table for table in kept if table.shape[0] > 1 and table.shape[1] > 1]
    statistic = sum(float(_ratio(table[None])[0]) for table in kept)
    degrees = sum((table.shape[0] - 1) * (table.shape[1] - 1) for table in kept)
    if not kept:
        return Homogeneity(0.0, 0, 1.0)
    drawn = np.zeros(REPLICATES)
    for table in kept:
        shares = table.sum(axis=0) / table.sum()
        rows = [generator.multinomial(int(total), shares, size=REPLICATES) for total in table.sum(axis=1)]
        drawn += _ratio(np.stack(rows, axis=1))
    above = int((drawn >= statistic - 1e-9).sum())
    return Homogeneity(statistic, degrees, (1 + above) / (1 + REPLICATES))


def _ratio(tables: np.ndarray) -> np.ndarray:
    """Likelihood ratio of each table of shape (rows, columns)."""
    rows, columns = tables.sum(axis=2, keepdims=True), tables.sum(axis=1, keepdims=True)
    expected = rows * columns / tables.sum(axis=(1, 2), keepdims=True)
    logs = np.log(np.where(tables > 0, tables / np.where(expected > 0, expected, 1), 1.0))
    return 2 * (tables * logs).sum(axis=(1, 2))
