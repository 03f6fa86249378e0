"""Phrasing: how numbers of the trap are written in sentences and pictures."""

from __future__ import annotations

import numpy as np

from crm_analysis.table import number


def points(value: float, low: float = np.nan, high: float = np.nan) -> str:
    """Write a difference of shares: ``4.1 points (95 % interval −0.2 to 8.3)``."""
    return spread(100 * value, 100 * low, 100 * high, unit="points", digits=1)


def place(value: float, low: float = np.nan, high: float = np.nan) -> str:
    """Write a place on the scale of satisfaction: ``71.3 (95 % interval 68.0 to 74.9)``."""
    return spread(value, low, high, digits=1)


def spread(value: float, low: float, high: float, *, unit: str = "", digits: int = 2) -> str:
    """Write an estimate with its unit and, if it has one, its interval."""
    text = f"{signed(value, digits)} {unit}".strip()
    return text if np.isnan(low) else f"{text} (95 % interval {signed(low, digits)} to {signed(high, digits)})"


def signed(value: float, digits: int = 1) -> str:
    """Write a number with a true minus sign and no negative zero."""
    text = f"{value:.{digits}f}" if abs(value) < 1e6 else number(value)
    return text.replace("-", "−") if any(figure in text for figure in "123456789") else text.replace("-", "")


def p_value(value: float) -> str:
    """Write a p-value: ``p = 0.012``, ``p < 0.001``."""
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"
