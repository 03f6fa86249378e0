"""Wallet: headroom from what customers say they spend elsewhere."""

from __future__ import annotations

import numpy as np
import pandas as pd

from crm_analysis.errors import DataError


def headroom(current: pd.Series, share: pd.Series) -> pd.DataFrame:
    """Return what customers spend elsewhere: current value x (100 / share of wallet - 1).

    Parameters
    ----------
    current : Series of shape (n,)
        What each customer brings (currency).
    share : Series of shape (n,)
        The percentage of their spending that customers say they do here, above 0.

    Returns
    -------
    DataFrame
        potential, potential_low, potential_high. The ends are the answers moved up and down by half of the smallest
        step between two answers, the rounding that a scale in steps brings.

    Raises
    ------
    DataError
        If a share is not a percentage.
    """
    wrong = share[(share > 100) | ~np.isfinite(share)]
    if len(wrong) or share.max() <= 1:
        first = wrong.iloc[0] if len(wrong) else share.max()
        raise DataError(f"potential: share_of_wallet must be in percent, from 0 to 100, not {first:g}; mend it.")
    steps = np.diff(np.unique(share))
    half = float(steps.min()) / 2 if len(steps) else 0.0
    # Half an answer at least: a share of nothing would make headroom without end.
    ends = {"potential": share, "potential_low": share + half, "potential_high": np.maximum(share - half, share / 2)}
    return pd.DataFrame({name: (current * (100 / end.clip(upper=100) - 1)).clip(lower=0) for name, end in ends.items()})
