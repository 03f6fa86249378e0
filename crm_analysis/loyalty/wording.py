"""Wording: how names, numbers and their intervals are written for a reader of the loyalty results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from crm_analysis.table import number


def words(name: Any) -> str:
    """Write a name for a sentence: ``repeat_rate`` -> ``repeat rate``."""
    return str(name).replace("_", " ")


def sentence(name: Any) -> str:
    """Write a name for the beginning of a sentence: ``repeat_rate`` -> ``Repeat rate``."""
    text = words(name)
    return f"{text[:1].upper()}{text[1:]}"


def decimal(value: float, *, digits: int = 2) -> str:
    """Write a number with a true minus sign and no negative zero; a large one as `table.number` does."""
    text = f"{value:.{digits}f}" if abs(value) < 1000 else number(value)
    return text.replace("-", "−") if any(figure in text for figure in "123456789") else text.replace("-", "")


def with_ends(value: float, low: float = np.nan, high: float = np.nan, *, digits: int = 2, unit: str = "") -> str:
    """Write an estimate with its interval, if it has one: ``0.35 (95 % interval 0.30 to 0.40)``."""
    text = f"{decimal(value, digits=digits)} {unit}".strip()
    if pd.isna(low) or pd.isna(high):
        return text
    return f"{text} (95 % interval {decimal(low, digits=digits)} to {decimal(high, digits=digits)})"


def of(row: Mapping[str, Any] | pd.Series, column: str, *, digits: int = 2, unit: str = "") -> str:
    """Write a column of a row with its interval, ``<column>_low`` and ``<column>_high``, see `with_ends`."""
    return with_ends(*(float(row[f"{column}{end}"]) for end in ("", "_low", "_high")), digits=digits, unit=unit)


def points(share: float, low: float = np.nan, high: float = np.nan) -> str:
    """Write a difference of shares: ``4.1 points (95 % interval −0.2 to 8.3)``."""
    return with_ends(100 * share, 100 * low, 100 * high, digits=1, unit="points")


def place(value: float, low: float = np.nan, high: float = np.nan) -> str:
    """Write a place on the scale of satisfaction: ``71.3 (95 % interval 68.0 to 74.9)``."""
    return with_ends(value, low, high, digits=1)


def p_value(value: float) -> str:
    """Write a p-value: ``p = 0.012``, ``p < 0.001``."""
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"
