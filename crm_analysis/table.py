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

_Writer = Callable[[Any], str]

UNFOLDED = 12
"""A table with more rows is folded."""


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
    return _signed(f"{round(float(value), digits) + 0.0:,.{digits}f}")


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

    The numbers of a column, and of its interval, have the same decimals: as many as three digits of a typical one
    need, at most three; whole numbers have none. Where a column mixes sizes each row has its own.

    Parameters
    ----------
    frame : DataFrame
        Any frame. A column whose name says ``share`` is shown in percent, one that begins with ``p_`` as p-values, one
        that ends in ``year`` as years (but ``a_year``, ``per_year`` and ``last_year`` as amounts). Columns ``x_low``
        and ``x_high`` beside a column ``x`` are its 95 % interval and are written into its cells. An unnamed range
        index is left out.
    caption : str
        Shown above the table.
    rows : int
        At most so many rows are written; a line says how many were left out.

    Returns
    -------
    str
        A ``<table class="crm">`` element in a scrolling ``<div>``; one of more than `UNFOLDED` rows is folded, under
        its caption and number of rows; a line of text for a frame without rows.
    """
    if frame.empty:
        return f'<p class="crm-note">{escape(caption)}: none.</p>' if caption else '<p class="crm-note">none</p>'
    shown = frame.head(rows)
    if not (isinstance(frame.index, pd.RangeIndex) and frame.index.name is None):
        shown = shown.reset_index()
    shown.columns = [str(column) for column in shown.columns]
    ends = {column: _interval(shown, column) for column in shown.columns}
    within = {end for pair in ends.values() for end in pair}
    columns = [column for column in shown.columns if column not in within]
    numeric = {column: _is_measured(shown[column]) for column in columns}
    head = "".join(
        f'<th scope="col"{_class(numeric[column])}>{escape(heading(column))}'
        f"{'<br><small>95 % interval</small>' if ends[column] else ''}</th>"
        for column in columns
    )
    written = {column: _cells(shown, column, ends[column]) for column in columns}
    lines = [
        "".join(f"<td{_class(numeric[column])}>{written[column][place]}</td>" for column in columns)
        for place in range(len(shown))
    ]
    folded = len(frame) > UNFOLDED
    above = f"<caption>{escape(caption)}</caption>" if caption and not folded else ""
    left_out = len(frame) - len(shown)
    below = f'<p class="crm-note">{left_out:,} further rows are not shown.</p>' if left_out > 0 else ""
    whole = (
        f'<div class="crm-table"><table class="crm">{above}<thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(f'<tr>{line}</tr>' for line in lines)}</tbody></table>{below}</div>"
    )
    if not folded:
        return whole
    summary = f"<strong>{escape(caption or 'Table')}</strong> <small>{count(len(frame), 'row')}</small>"
    return f'<details class="crm-fold"><summary>{summary}</summary>{whole}</details>'


def _is_measured(values: pd.Series) -> bool:
    """Numbers and dates stand at the right and are not broken into lines."""
    return pd.api.types.is_numeric_dtype(values.dtype) or pd.api.types.is_datetime64_any_dtype(values.dtype)


def _class(numeric: bool) -> str:
    return ' class="num"' if numeric else ""


def _interval(frame: pd.DataFrame, column: str) -> tuple[str, ...]:
    """Names of the columns that hold the ends of a column's interval, if they are there."""
    ends = (f"{column}_low", f"{column}_high")
    return ends if all(end in frame.columns for end in ends) else ()


def _cells(frame: pd.DataFrame, column: str, ends: tuple[str, ...]) -> list[str]:
    """Write the cells of a column, escaped, each with its interval below it."""
    values = frame[[column, *ends]]
    cells = []
    for (value, *interval), (write, bound) in zip(
        values.itertuples(index=False, name=None), _writers(column, values), strict=True
    ):
        text = escape(write(value))
        if interval and not pd.isna(interval).any():
            low, high = interval
            # A dash beside a minus sign would read as another one.
            span = " to " if low < 0 else " – "
            text += f"<br><small>{escape(bound(low))}{span}{escape(bound(high))}</small>"
        cells.append(text)
    return cells


def _writers(column: str, values: pd.DataFrame) -> list[tuple[_Writer, _Writer]]:
    """How the value of each row is written, and the ends of its interval."""
    pair: tuple[_Writer, _Writer]
    dtype = values[column].dtype
    if not pd.api.types.is_bool_dtype(dtype) and pd.api.types.is_numeric_dtype(dtype):
        if is_share(column):
            pair = _signed_percent, _with_decimals(1, times=100)
        elif column.endswith("_percent"):
            pair = _with_decimals(1), _with_decimals(1)
        elif column.startswith("p_"):
            pair = _p_value, _p_value
        elif _is_year(column):
            pair = _year, _year
        else:
            return [(_with_decimals(digits), _with_decimals(digits)) for digits in _suited(values)]
    else:
        pair = _own_decimals, _own_decimals
    return [pair] * len(values)


def _suited(values: pd.DataFrame) -> list[int]:
    """The decimals that suit each row of a column of numbers together with the ends of its intervals."""
    sizes = values.astype("float64").abs().where(lambda size: np.isfinite(size) & (size > 0)).to_numpy()
    column = sizes[~np.isnan(sizes[:, 0]), 0]
    # A chi-square and a fit index in one column, or days and orders: nothing suits them all.
    if column.size and column.max() >= 100 and column.min() < 10:
        return [_decimals_of(row) for row in sizes]
    return [_decimals_of(sizes)] * len(values)


def _decimals_of(sizes: np.ndarray) -> int:
    known = sizes[~np.isnan(sizes)]
    return 0 if (known == np.round(known)).all() else _decimals(float(np.median(known)))


def _decimals(size: float) -> int:
    return min(3, max(0, 2 - math.floor(math.log10(size))))


def _with_decimals(digits: int, *, times: int = 1) -> _Writer:
    def write(value: Any) -> str:
        if pd.isna(value) or math.isinf(value):
            return number(value)
        return decimal(times * value, digits=digits)

    return write


def _own_decimals(value: Any) -> str:
    """Write whatever a cell holds; a number with three digits, at most three of them decimals."""
    if isinstance(value, np.bool_):
        value = bool(value)
    if isinstance(value, bool | str) or not hasattr(value, "__float__") or not math.isfinite(float(value)):
        return number(value)
    real = float(value)
    return decimal(real, digits=0 if real == round(real) else _decimals(abs(real)))


def _signed(text: str) -> str:
    return text.replace("-", "−")


def _signed_percent(value: Any) -> str:
    return _signed(percent(value))


def _is_year(column: str) -> bool:
    """Whether a column holds years, as ``birth_year`` does and ``spend_last_year`` and ``new_a_year`` do not."""
    *before, word = column.split("_")
    return word == "year" and before[-1:] not in (["a"], ["per"], ["last"])


def _year(value: Any) -> str:
    return "–" if pd.isna(value) else f"{value:.0f}"


def _p_value(value: Any) -> str:
    return "–" if pd.isna(value) else "< 0.0001" if value < 0.0001 else f"{value:.4f}"
