"""How a frame is shown to a reader: an HTML table with readable headings, units and no more digits than help."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd

# The unit is the last part of a column's name; here is how a reader wants to see it.
_UNITS = {"days": "days", "years": "years", "months": "months", "seconds": "s", "percent": "%"}


def heading(name: str) -> str:
    """Turn a column's name into a heading: ``recency_days`` -> ``recency (days)``.

    Parameters
    ----------
    name : str
        A snake_case column name.

    Returns
    -------
    str
        The name with blanks for underscores and its unit, if it carries one, in brackets.
    """
    stem, _, unit = name.rpartition("_")
    if stem and unit in _UNITS:
        return f"{stem.replace('_', ' ')} ({_UNITS[unit]})"
    return name.replace("_", " ")


def number(value: Any) -> str:
    """Write a number for a reader: whole numbers whole, others with about four significant digits.

    Parameters
    ----------
    value : Any
        A number, date, text or missing value.

    Returns
    -------
    str
        ``1,234,567``, ``12.35``, ``0.01235``, ``2025-06-30``, ``yes``; an en dash for a missing value.
    """
    if value is None or value is pd.NaT or value is pd.NA:
        return "–"
    if isinstance(value, pd.Timestamp):
        return str(value.date()) if value == value.normalize() else value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not hasattr(value, "__float__"):
        return str(value)
    real = float(value)
    if math.isnan(real):
        return "–"
    if math.isinf(real):
        return "∞" if real > 0 else "−∞"
    if real == round(real) and abs(real) < 1e15:
        return f"{real:,.0f}"
    decimals = max(0, 3 - math.floor(math.log10(abs(real))))
    return f"{real:,.{min(decimals, 8)}f}" if abs(real) < 1000 else f"{real:,.0f}"


def is_share(name: str) -> bool:
    """Whether a column of this name holds shares (0 to 1), which a reader wants as percentages."""
    return name == "share" or name.endswith("_share") or "_share_" in name or name.startswith("share_")


def count(number_of: int, noun: str) -> str:
    """Write a number of things: ``1 row``, ``5,050 rows``."""
    return f"{number_of:,} {noun}{'' if number_of == 1 else 's'}"


def in_currency(text: str, currency: str) -> str:
    """Add the currency of the amounts to a label, if it is known: ``spend`` -> ``spend (CNY)``."""
    return f"{text} ({currency})" if currency else text


def percent(value: Any, *, digits: int = 1) -> str:
    """Write a share (0 to 1) as a percentage: ``0.1234`` -> ``12.3 %``."""
    if value is None or pd.isna(value):
        return "–"
    return f"{100 * float(value):.{digits}f} %"


def interval(low: float, high: float) -> str:
    """Write the interval of a share for a sentence: ``95 % interval 59.6–64.5``."""
    return f"95 % interval {100 * low:.1f}–{100 * high:.1f}"


def between(low: float, high: float, *, digits: int = 2) -> str:
    """Write the interval of a number that is no share, for a sentence: ``95 % interval 0.66 to 0.76``."""
    return f"95 % interval {decimal(low, digits=digits)} to {decimal(high, digits=digits)}"


def decimal(value: float, *, digits: int = 2) -> str:
    """Write a number with so many decimals and a true minus sign; what rounds to nought has none."""
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")


def with_interval(share: float, low: float, high: float) -> str:
    """Write a share for a sentence, with its interval if it has one: ``12.3 % (95 % interval 10.1–14.5)``."""
    return percent(share) if pd.isna(low) else f"{percent(share)} ({interval(low, high)})"


def share_of(row: Mapping[str, Any] | pd.Series, kind: str) -> str:
    """Write the share ``<kind>_share`` of a row with its interval (``_low``, ``_high``), see `with_interval`."""
    return with_interval(*(row[f"{kind}_share{end}"] for end in ("", "_low", "_high")))


def amount(value: float, currency: str) -> str:
    """Write an amount with its currency: ``1,234 CNY``; without one, if it is not known."""
    return f"{number(round(value, 2))} {currency}".strip()


def short(text: str, *, width: int = 30) -> str:
    """Cut a name that would leave no room for the picture; Chinese characters count twice."""
    wide = np.cumsum([2 if ord(character) > 0x2E80 else 1 for character in text])
    return text if not text or wide[-1] <= width else text[: int((wide < width).sum())] + "…"


def listed(names: Sequence[str]) -> str:
    """Write names as a sentence does: ``a``, ``a and b``, ``a, b and c``."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def to_html(frame: pd.DataFrame, *, caption: str = "", rows: int = 60) -> str:
    """Write a frame as an HTML table; everything is escaped.

    Parameters
    ----------
    frame : DataFrame
        Any frame. A column whose name says ``share`` is shown in percent. Columns ``x_low`` and ``x_high`` beside a
        column ``x`` are its 95 % interval and are written into its cells. An unnamed range index is left out.
    caption : str
        Shown above the table.
    rows : int
        At most so many rows are written; a line says how many were left out.

    Returns
    -------
    str
        A ``<table class="crm">`` element in a scrolling ``<div>``; a line of text for a frame without rows.
    """
    if frame.empty:
        return f'<p class="crm-note">{escape(caption)}: none.</p>' if caption else '<p class="crm-note">none</p>'
    shown = frame.head(rows)
    if not (isinstance(frame.index, pd.RangeIndex) and frame.index.name is None):
        shown = shown.reset_index()
    shown.columns = [str(column) for column in shown.columns]
    ends = {end for column in shown.columns for end in _interval(shown, column)}
    columns = [column for column in shown.columns if column not in ends]
    numeric = {column: _is_measured(shown[column]) for column in columns}
    head = "".join(
        f'<th scope="col"{_class(numeric[column])}>{escape(heading(column))}'
        f"{'<br><small>95 % interval</small>' if _interval(shown, column) else ''}</th>"
        for column in columns
    )
    lines = []
    for row in shown.to_dict("records"):
        cells = [f"<td{_class(numeric[column])}>{_cell(shown, row, column)}</td>" for column in columns]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    above = f"<caption>{escape(caption)}</caption>" if caption else ""
    left_out = len(frame) - len(shown)
    below = f'<p class="crm-note">{left_out:,} further rows are not shown.</p>' if left_out > 0 else ""
    return (
        f'<div class="crm-table"><table class="crm">{above}<thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table>{below}</div>"
    )


def _is_measured(values: pd.Series) -> bool:
    """Numbers and dates stand at the right and are not broken into lines."""
    return pd.api.types.is_numeric_dtype(values.dtype) or pd.api.types.is_datetime64_any_dtype(values.dtype)


def _class(numeric: bool) -> str:
    return ' class="num"' if numeric else ""


def _interval(frame: pd.DataFrame, column: str) -> tuple[str, ...]:
    """Names of the columns that hold the ends of a column's interval, if they are there."""
    ends = (f"{column}_low", f"{column}_high")
    return ends if all(end in frame.columns for end in ends) else ()


def _cell(frame: pd.DataFrame, row: dict[str, Any], column: str) -> str:
    write, bound = _writers(column) if pd.api.types.is_numeric_dtype(frame[column].dtype) else (number, number)
    text = write(row[column])
    ends = _interval(frame, column)
    if not ends or any(pd.isna(row[end]) for end in ends):
        return escape(text)
    low, high = (bound(row[end]) for end in ends)
    return f"{escape(text)}<br><small>{escape(low)} – {escape(high)}</small>"


def _writers(column: str) -> tuple[Callable[[Any], str], Callable[[Any], str]]:
    """How a column of numbers is written, and the ends of its intervals."""
    if is_share(column):
        return percent, lambda share: f"{100 * share:.1f}"
    if column.endswith("_percent"):
        return _tenths, _tenths
    if column.startswith("p_"):
        return _p_value, _p_value
    return number, number


def _tenths(value: Any) -> str:
    return "–" if pd.isna(value) else f"{value:,.1f}"


def _p_value(value: Any) -> str:
    return "–" if pd.isna(value) else "< 0.0001" if value < 0.0001 else f"{value:.4f}"
