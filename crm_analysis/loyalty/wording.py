"""Wording: how names, numbers and their intervals are written for a reader of the loyalty results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
    """Write a number with two decimals and a true minus sign; a large one as `table.number` does."""
    text = f"{value:.{digits}f}" if abs(value) < 1000 else number(value)
    return text.replace(f"-{0:.{digits}f}", f"{0:.{digits}f}").replace("-", "−")


def with_ends(value: float, low: float, high: float, *, digits: int = 2) -> str:
    """Write an estimate with its interval, if it has one: ``0.35 (95 % interval 0.30 to 0.40)``."""
    text = decimal(value, digits=digits)
    if pd.isna(low) or pd.isna(high):
        return text
    return f"{text} (95 % interval {decimal(low, digits=digits)} to {decimal(high, digits=digits)})"


def of(row: Mapping[str, Any] | pd.Series, column: str, *, digits: int = 2) -> str:
    """Write a column of a row with its interval, ``<column>_low`` and ``<column>_high``, see `with_ends`."""
    return with_ends(*(float(row[f"{column}{end}"]) for end in ("", "_low", "_high")), digits=digits)
