"""Planted: what customers of a simulated study truly feel, to be set beside their values."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd


def planted(folder: Path | str, columns: Mapping[str, str]) -> pd.DataFrame:
    """Read true values of customers from the truth_customers.csv of a simulated study.

    Parameters
    ----------
    folder : path
        The study's folder (`Study.folder`).
    columns : mapping of str to str
        New name: column of the file, such as ``{"true_attitude": "loyalty_1"}``.

    Returns
    -------
    DataFrame
        ``customer_id`` and the named columns; without rows where there is no such file, and without a column that the
        file does not have.
    """
    file = Path(folder) / "truth_customers.csv"
    if not file.exists():
        return pd.DataFrame(columns=["customer_id", *columns])
    known = pd.read_csv(file, dtype={"customer_id": str})
    there = {new: old for new, old in columns.items() if old in known.columns}
    return known[["customer_id", *there.values()]].set_axis(["customer_id", *there], axis=1)
