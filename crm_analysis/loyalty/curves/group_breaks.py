"""Group breaks: where the curve of each group breaks, and whether the groups' curves break at one place."""

from __future__ import annotations

import numpy as np
import pandas as pd

from crm_analysis.loyalty.curves import breaks, shape
from crm_analysis.loyalty.curves.binning import Bins
from crm_analysis.multiplicity import holm

LEAST = 300
"""Customers from which a group's own break is looked for."""
ONE, TWO, NONE, FEW = "one break", "two breaks", "no break found", "too few"
COLUMNS = ("grouping", "group", "customers", "position", "ci_lower", "ci_upper", "pvalue", "verdict")


def find(
    groups: pd.DataFrame,
    places: Bins,
    behaviour: np.ndarray,
    *,
    most: int,
    generator: np.random.Generator,
    resamples: int,
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Look for breaks in the curve of every group of every grouping.

    Parameters
    ----------
    groups : DataFrame
        The group of each of n customers, one column a grouping.
    places : Bins
        Where their satisfaction lies.
    behaviour : array of shape (n,)
        0-1.
    most : int
        At most so many breaks: 1 or 2.
    generator : numpy Generator
        For the null distributions.
    resamples : int
        Draws of these.

    Returns
    -------
    DataFrame
        `COLUMNS`, one row a break, or a group without one. Verdict: one break, two breaks, no break found, or too few
        (fewer than `LEAST` customers, or too few levels of satisfaction).
    dict of str to float
        By grouping with two groups or more that break once: the p-value that they do so at one place, by Holm's method
        over groupings.

    Notes
    -----
    A first break is claimed from the p-value `breaks.FIRST_RATE` over the number of groups tested (Bonferroni), so that
    many groups of straight lines are no likelier to have one than a few.
    """
    rows: list[tuple[object, ...]] = []
    p_values = {}
    for grouping in groups:
        names = groups[grouping]
        sizes = names.value_counts()
        large = int((sizes >= LEAST).sum())
        rate = breaks.FIRST_RATE / max(large, 1)
        # Enough that the smallest p-value they can give is half of that rate.
        draws = max(resamples, int(2 / rate))
        bent = []
        for name in sorted(sizes.index, key=str):
            here = (names == name).to_numpy()
            row = (str(grouping), str(name), int(here.sum()))
            if here.sum() < LEAST:
                rows.append((*row, *(np.nan,) * 4, FEW))
                continue
            sample = shape.weigh(places.of(here), behaviour[here])[1]
            found = breaks.find(sample, generator=generator, most=most, resamples=draws, rate=rate)
            p_value = found.p_values[0] if found.p_values else np.nan
            verdict = (NONE, ONE, TWO)[len(found.positions)] if found.p_values else FEW
            rows += [(*row, *place, p_value, verdict) for place in [*found.positions] or [(np.nan,) * 3]]
            bent += [sample] if verdict == ONE else []
        if len(bent) > 1:
            p_values[str(grouping)] = breaks.one_place(bent, generator=generator, resamples=resamples)
    adjusted = holm(np.array(list(p_values.values())))
    return pd.DataFrame(rows, columns=list(COLUMNS)), dict(zip(p_values, map(float, adjusted), strict=True))
