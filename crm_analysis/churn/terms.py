"""Terms: numbers that a caller gives, refused in one sentence where they make no sense."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

from crm_analysis.errors import UsageError


def whole_number(value: Any, name: str, *, where: str, least: int = 1) -> int:
    """Return a whole number of at least so much.

    Parameters
    ----------
    value : int
        What the caller gave.
    name, where : str
        The parameter, and the function that takes it, for the message.
    least : int
        The lowest number that makes sense.

    Returns
    -------
    int

    Raises
    ------
    UsageError
        If it is no whole number (a bool is none) or too low.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise UsageError(f"The {name} parameter of {where} must be a whole number, {least} or more, not {value!r}.")
    return int(value)


def is_number(value: Any) -> bool:
    """Whether a caller gave a finite number; texts, missing values and yes or no are none."""
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
