"""What the values of a column look like, whatever its name: dates, money, ids, few words, codes."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import duckdb

from crm_analysis.study.cleaning.formats import CODES, NOTHING, TEN_THOUSANDS
from crm_analysis.study.proposal.synonyms import FLAGS
from crm_analysis.study.reading.sources import Source, quote
from crm_analysis.study.tables import ROW, Column

# About so many rows tell what a column holds.
_ROWS = 10_000
_NOTHING = {"", "nat", *NOTHING}
_CLOCK = r"([ T]\d{1,2}:\d\d(:\d\d(\.\d+)?)?( ?[AaPp][Mm])?)?( ?(Z|UTC|[+-]\d\d:?\d\d|[+-]\d\d))?"
_MONTH = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DATE = re.compile(
    rf"(\d{{4}}[-/.年]\d{{1,2}}[-/.月]\d{{1,2}}日?|(19|20)\d\d(0[1-9]|1[0-2])([0-2]\d|3[01])(\d{{6}})?"
    rf"|\d{{1,2}}[-/.]\d{{1,2}}[-/.](\d{{4}}|\d\d)"
    rf"|\d{{1,2}}[ -]{_MONTH}[ -]\d{{2,4}}|{_MONTH} \d{{1,2}},? \d{{4}}){_CLOCK}",
    re.IGNORECASE,
)
_EITHER_WAY = re.compile(r"(\d{1,2})([-/.])(\d{1,2})[-/.](\d{4}|\d\d)(?: (\d{1,2}:\d\d)(:\d\d)?)?")
_SIGNS = {
    "£": "GBP",
    "€": "EUR",
    "¥": "CNY",
    "￥": "CNY",
    "元": "CNY",
    "$": "USD",
    "EUR": "EUR",
    "CNY": "CNY",
    "USD": "USD",
}
_NUMBER = re.compile(
    rf"[-+(]?\s*(?:[$€£¥₹]|Rs\.?|(?:{CODES})\b)?\s*[-+]?"
    r"(?P<digits>(?:\d{1,3}(?:[,.' ]\d{3})+|\d{1,2}(?:,\d\d)+,\d{3}|\d+)?(?:[.,]\d+)?)(?:[eE](?P<power>[-+]?\d+))?"
    rf"\s*(?P<times>[{''.join(TEN_THOUSANDS)}]?)\s*(?:[-€£元]|(?:{CODES})\b)?\)?"
)


@dataclass(frozen=True)
class Contents:
    """One column of a file, from rows spread over all of it.

    Attributes
    ----------
    name : str
        As in the file.
    rows : int
        Rows looked at.
    values : Counter
        Value as written -> rows; without those that stand for nothing.
    dates, numbers, whole : float
        Shares of the given values that are dates, numbers, whole numbers.
    low, high : float or None
        The least and the greatest number.
    distinct : float
        Different values by given values, in the whole file.
    """

    name: str
    rows: int
    values: Mapping[str, int]
    dates: float
    numbers: float
    whole: float
    low: float | None
    high: float | None
    distinct: float

    @property
    def given(self) -> int:
        return sum(self.values.values())

    @property
    def is_unique(self) -> bool:
        """Whether nearly every row has a value of its own, as a key has; copies of rows are forgiven."""
        return self.given > 0 and self.given >= 0.9 * self.rows and self.distinct >= 0.9

    @property
    def currency(self) -> str:
        """The currency that signs beside the numbers or in the name stand for, if they are all of one."""
        found = {code for sign, code in _SIGNS.items() if any(sign in text for text in (self.name, *self.values))}
        return found.pop() if len(found) == 1 else ""


def look(connection: duckdb.DuckDBPyConnection, source: Source) -> list[Contents]:
    """Look at some rows of a raw table: at all of a small one, at rows spread over a large one.

    Parameters
    ----------
    connection : DuckDBPyConnection
        The engine that reads it.
    source : Source
        The raw table.

    Returns
    -------
    list of Contents
        One per column, in the file's order.
    """
    names = list(source.columns)
    listed = ", ".join(f"trim({quote(name)}::VARCHAR)" for name in names)
    last = (connection.sql(f"SELECT max({ROW}) FROM ({source.query})").fetchone() or (0,))[0] or 0
    # The first rows alone would tell too little: of a log that is in order they may be those of one week.
    step = -(-last // _ROWS) or 1
    rows = connection.sql(
        f"SELECT {listed} FROM ({source.query}) WHERE ({ROW} - 1) % {step} = 0 ORDER BY {ROW}"
    ).fetchall()
    seen = [describe(name, [row[place] for row in rows]) for place, name in enumerate(names)]
    if step == 1:
        return seen
    shares = ", ".join(f"approx_count_distinct({quote(name)}) / greatest(count({quote(name)}), 1)" for name in names)
    found = connection.sql(f"SELECT {shares} FROM ({source.query})").fetchone() or ()
    return [replace(one, distinct=share) for one, share in zip(seen, found, strict=True)]


def describe(name: str, written: Sequence[str | None]) -> Contents:
    """Describe the values of one column, given as they were written."""
    values = Counter(value for value in written if value is not None and value.lower() not in _NOTHING)
    given = max(1, sum(values.values()))
    numbers = {value: figure for value in values if (figure := number(value)) is not None}
    return Contents(
        name=name,
        rows=len(written),
        values=values,
        dates=sum(count for value, count in values.items() if _DATE.fullmatch(value)) / given,
        numbers=sum(values[value] for value in numbers) / given,
        whole=sum(values[value] for value, figure in numbers.items() if figure == round(figure)) / given,
        low=min(numbers.values(), default=None),
        high=max(numbers.values(), default=None),
        distinct=len(values) / given,
    )


def number(written: str) -> float | None:
    """Read a number as firms write it, with separators and signs; the last of two kinds of separator is the point."""
    written = unicodedata.normalize("NFKC", written)
    match = _NUMBER.fullmatch(written)
    if match is None or not match["digits"]:
        return None
    negative = re.match(r"\D*[-(]", written) is not None or written.endswith("-")
    digits = re.sub(r"[^\d.,]", "", match["digits"])
    if "," in digits and ("." not in digits or digits.rfind(",") > digits.rfind(".")):
        thousands = re.fullmatch(r"\d{1,3}(,\d{3})+|\d{1,2}(,\d\d)+,\d{3}", digits)
        digits = digits.replace(",", "") if thousands else digits.replace(".", "").replace(",", ".")
    try:
        figure = float(f"{digits.replace(',', '')}E{match['power'] or 0}")
        figure *= float(f"1{TEN_THOUSANDS.get(match['times'], '')}")
    except ValueError:
        return None
    if not math.isfinite(figure):
        return None
    return -figure if negative and figure else figure


def is_header(names: Sequence[str]) -> bool:
    """Whether a file's first line names columns: less than half of it are numbers and dates."""
    return 2 * sum(number(name) is not None or _DATE.fullmatch(name) is not None for name in names) < len(names)


def fits(column: Column, contents: Contents) -> bool:
    """Whether a column's values can be what a column of the contract holds."""
    if not contents.given:
        return False
    kind = column.kind
    if kind == "id":
        # 17850.0 is an id that went through a spreadsheet, 12.99 is none.
        return contents.whole >= 0.99 * contents.numbers
    if kind == "time":
        return contents.dates >= 0.5 or _counts_time(contents)
    if kind in ("money", "number"):
        return contents.numbers >= 0.8
    if kind == "integer":
        low, high = column.between or (float("-inf"), float("inf"))
        within = contents.low is not None and contents.high is not None and low <= contents.low <= contents.high <= high
        return contents.whole >= 0.8 and (within or column.name != "birth_year")
    if kind == "flag":
        return all(value.lower() in FLAGS.split() for value in contents.values)
    return contents.dates < 0.9


def _counts_time(contents: Contents) -> bool:
    """Whether whole numbers may be days of a spreadsheet (1954 to 2064), or seconds or milliseconds since 1970."""
    if contents.low is None or contents.high is None or contents.whole < 0.9:
        return False
    return any(low <= contents.low and contents.high <= high for low, high in ((2e4, 6e4), (5e8, 3e9), (5e11, 3e12)))


def day_or_month_first(contents: Contents) -> tuple[str, str] | None:
    """Formats of dates such as 01/02/2025, of which no value tells the day from the month.

    Returns
    -------
    tuple of str, or None
        The format with the day first and that with the month first; nothing where dates tell it, or have no one form.
    """
    found = [_EITHER_WAY.fullmatch(value) for value in contents.values]
    if not found or not all(found) or contents.dates < 1:
        return None
    parts = [match.groups() for match in found if match]
    if any(int(first) > 12 or int(second) > 12 for first, _, second, *_ in parts):
        return None
    forms = {(mark, len(year), bool(clock), bool(seconds)) for _, mark, _, year, clock, seconds in parts}
    if len(forms) > 1:
        return None
    mark, digits, clock, seconds = forms.pop()
    rest = f"{mark}{'%Y' if digits == 4 else '%y'}{' %H:%M' if clock else ''}{':%S' if seconds else ''}"
    return f"%d{mark}%m{rest}", f"%m{mark}%d{rest}"
