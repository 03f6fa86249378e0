"""Ages: how long each relation had lasted when the customer left or was last seen."""

from __future__ import annotations

import numpy as np
import pandas as pd

from crm_analysis.errors import DataError, UsageError
from crm_analysis.table import listed


def read(
    customers: pd.DataFrame, *, time: str, left: str, entry: str, where: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Read ages, whether each customer left, and ages at entry, checked.

    Parameters
    ----------
    customers : DataFrame
        One row per customer.
    time, left, entry : str
        Columns, see `survival.curves`; `entry` may be empty.
    where : str
        The caller, for messages.

    Returns
    -------
    tuple of arrays of shape (n,)
        Age, 1 for who left then, and age at entry (-1 without delayed entry).

    Raises
    ------
    UsageError
        If a column is not there.
    DataError
        If ages are missing or below 0, entry is not below time, or there are no customers.
    """
    for name in (time, left, *([entry] if entry else [])):
        if name not in customers.columns:
            raise UsageError(f"{where}: there is no column {name!r}; there are {listed(list(customers.columns))}.")
    if customers.empty:
        raise DataError(f"{where}: there are no customers.")
    ages, gone = (
        pd.to_numeric(customers[name], errors="coerce").to_numpy("float64", na_value=np.nan) for name in (time, left)
    )
    entered = np.full(len(ages), -1.0)
    if entry:
        entered = pd.to_numeric(customers[entry], errors="coerce").to_numpy("float64", na_value=np.nan)
    possible = np.isfinite(ages) & (ages >= 0)
    if not possible.all():
        row = int(np.argmin(possible))
        raise DataError(f"{where}: {time!r} must be 0 or more, row {row + 1} holds {customers[time].iloc[row]}.")
    known = np.isin(gone, (0.0, 1.0))
    if not known.all():
        row = int(np.argmin(known))
        raise DataError(f"{where}: {left!r} must be 0 or 1, row {row + 1} holds {customers[left].iloc[row]}.")
    # A missing age at entry is below nothing.
    if entry and not (entered < ages).all():
        row = int(np.argmin(entered < ages))
        raise DataError(
            f"{where}: {entry!r} must lie below {time!r}, row {row + 1} has {customers[entry].iloc[row]} and "
            f"{ages[row]:g}."
        )
    return ages, gone, entered
