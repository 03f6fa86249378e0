"""Naming: how names of features and estimates with their intervals are written for a reader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from crm_analysis.table import number, short


def words(name: Any) -> str:
    """Write a name for a sentence: ``fast_delivery`` -> ``fast delivery``."""
    return str(name).replace("_", " ")


def sentence(name: Any) -> str:
    """Write a name for the beginning of a sentence: ``fast_delivery`` -> ``Fast delivery``."""
    text = words(name)
    return f"{text[:1].upper()}{text[1:]}"


def label(name: Any, *, width: int = 26) -> str:
    """Write a name for a picture: blanks for underscores, and not too long."""
    return short(words(name), width=width)


def with_ends(row: Mapping[str, Any] | pd.Series, column: str) -> str:
    """Write an estimate with the interval beside it, ``_low`` and ``_high``: ``0.71 (95 % interval 0.66 to 0.76)``."""
    value, low, high = (float(row[f"{column}{end}"]) for end in ("", "_low", "_high"))
    return decimal(value) if pd.isna(low) else f"{decimal(value)} (95 % interval {decimal(low)} to {decimal(high)})"


def decimal(value: float) -> str:
    """Write a number with two decimals and a true minus sign; a large one as `table.number` does."""
    text = f"{value:.2f}" if abs(value) < 1000 else number(value)
    return text.replace("-0.00", "0.00").replace("-", "−")
