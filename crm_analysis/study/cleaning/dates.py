"""How dates and times are written in text files: which forms a column uses, and the SQL that reads them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from crm_analysis.study.cleaning.formats import narrow
from crm_analysis.study.reading.sources import literal

ISO = r"^\d{4}[-/]"
"""Dates that the engine reads by itself begin like this."""

_OFFSET = r":\d\d(\.\d+)?\s*(Z|UTC|[+-]\d\d:?\d\d|[+-]\d\d)$"
_MONTH = "[A-Za-z]{3,9}"
# Digits are written 0 in a shape.
_DATES = (
    (r"0000-00?-00?", "%Y-%m-%d"),
    (r"0000/00?/00?", "%Y/%m/%d"),
    (r"0000\.00?\.00?", "%Y.%m.%d"),
    (r"0000 00? 00?", "%Y %m %d"),
    (r"0000年00?月00?日", "%Y年%m月%d日"),
    (r"00000000", "%Y%m%d"),
    (rf"00?(?P<mark>[-/. ]){_MONTH}(?P=mark)00", "%d{mark}{month}{mark}%y"),
    (rf"00?(?P<mark>[-/. ]){_MONTH}(?P=mark)0000", "%d{mark}{month}{mark}%Y"),
    (rf"00?{_MONTH}0000", "%d{month}%Y"),
    (rf"00? {_MONTH}, 0000", "%d {month}, %Y"),
    (rf"{_MONTH} 00?, 0000", "{month} %d, %Y"),
    (rf"{_MONTH} 00? 0000", "{month} %d %Y"),
)
_PARTS = r"00?(?P<mark>[-/.])00?(?P=mark)(?P<year>0000|00)"
_CLOCK = re.compile(
    r"(?P<date>.*?)(?P<gap>T| )(?P<clock>00?:00(?P<seconds>:00(?P<fraction>\.0+)?)?)(?P<half> ?[AaPp][Mm])?"
)
_RUNS = {"000000000000": "%Y%m%d%H%M", "00000000000000": "%Y%m%d%H%M%S"}
# Excel counts days from 1899-12-30 (from March 1900 on); five digits from 2 to 7 are 1954 to 2119.
_DAY_NUMBER = r"[2-7]\d{4}(\.\d+)?"
_SECONDS = r"\d{9,10}(\.\d+)?"
_MILLISECONDS = r"\d{13}"


@dataclass(frozen=True)
class Shape:
    """Values of a column that look alike: digits as 0, how many, one of them, and what their parts show.

    `first`, `second` and `last` count values whose first, second or last part is too large for a month (12) or, the
    last, for a day (31).
    """

    shape: str
    rows: int
    example: str
    first: int = 0
    second: int = 0
    last: int = 0


@dataclass(frozen=True)
class TimeForm:
    """How a column writes times: formats of strptime beside ISO, and whether numbers of days or seconds occur."""

    formats: tuple[str, ...] = ()
    numbers: bool = False
    own: str = ""

    def sql(self, value: str, timezone: str) -> str:
        """SQL that reads a time; a time with an offset becomes the local time of `timezone`, others are local."""
        zone = literal(timezone)
        # The engine wants seconds, no blank before an offset, and a colon in it.
        exact = f"regexp_replace({value}, '\\s*UTC$', 'Z')"
        exact = f"regexp_replace({exact}, '\\s*([+-]\\d\\d):?(\\d\\d)$', '\\1:\\2')"
        exact = f"regexp_replace({exact}, '([ T]\\d\\d:\\d\\d)\\s*(Z|[+-])', '\\1:00\\2')"
        iso = (
            f"CASE WHEN regexp_matches({value}, '{_OFFSET}') THEN TRY_CAST({exact} AS TIMESTAMPTZ) AT TIME ZONE {zone} "
            f"WHEN regexp_matches({value}, '{ISO}') THEN TRY_CAST({value} AS TIMESTAMP) END"
        )
        # The words infinity and epoch are times to the engine.
        own = f"CASE WHEN regexp_matches({value}, '\\d') THEN try_strptime({value}, {literal(self.own)})::TIMESTAMP END"
        if self.own and not self.formats and not self.numbers:
            return own
        ways = [own, iso] if self.own else [iso]
        if self.formats:
            listed = ", ".join(map(literal, self.formats))
            read = f"try_strptime({tidy(value)}, [{listed}])::TIMESTAMP"
            # %Y takes two digits too, for a year of the first century.
            ways.append(
                f"CASE WHEN regexp_matches({tidy(value)}, '\\d') AND {read} >= TIMESTAMP '1000-01-01' THEN {read} END"
            )
        if self.numbers:
            real = f"TRY_CAST({tidy(value)} AS DOUBLE)"
            days = f"TIMESTAMP '1899-12-30' + to_seconds(round({real} * 86400)::BIGINT)"
            ways.append(
                f"CASE WHEN regexp_full_match({tidy(value)}, '{_DAY_NUMBER}') THEN {days} "
                f"WHEN regexp_full_match({tidy(value)}, '{_SECONDS}') THEN to_timestamp({real}) AT TIME ZONE {zone} "
                f"WHEN regexp_full_match({tidy(value)}, '{_MILLISECONDS}') "
                f"THEN to_timestamp({real} / 1000) AT TIME ZONE {zone} END"
            )
        return f"COALESCE({', '.join(ways)})" if len(ways) > 1 else ways[0]


def tidy(value: str) -> str:
    """SQL of a time's text with single blanks and plain digits, and Chinese halves of the day as AM and PM."""
    text = f"regexp_replace({narrow(value)}, ' +', ' ', 'g')"
    text = f"regexp_replace({text}, '(上午|下午) ?(\\d+:\\d+(?::\\d+)?)', '\\2 \\1')"
    return f"replace(replace({text}, '上午', 'AM'), '下午', 'PM')"


def is_plain(value: str) -> str:
    """SQL that is true where the engine reads a time by itself."""
    return f"(regexp_matches({value}, '{ISO}') AND TRY_CAST({value} AS TIMESTAMP) IS NOT NULL)"


def has_offset(value: str) -> str:
    """SQL that is true where a time says how far it is from UTC."""
    return f"regexp_matches({value}, '{_OFFSET}')"


def is_iso(value: str) -> str:
    """SQL that is true where a time is written year, month, day with hyphens."""
    return f"regexp_matches({value}, '^\\d{{4}}-\\d\\d-\\d\\d')"


def shapes(value: str, query: str) -> str:
    """SQL that counts how the times of a query are written: the fields of `Shape`, the commonest first."""
    parts = [rf"regexp_extract(t, '^(\d{{1,2}})[-/.](\d{{1,2}})[-/.](\d{{2,4}})', {place})" for place in (1, 2, 3)]
    first, second, last = (f"TRY_CAST({part} AS INTEGER)" for part in parts)
    return (
        "SELECT translate(t, '123456789', '000000000') AS shape, count(*), min(t), "
        f"count(*) FILTER ({first} > 12), count(*) FILTER ({second} > 12), "
        f"count(*) FILTER ({last} > 31 AND length({parts[2]}) = 2) "
        f"FROM (SELECT {tidy(value)} AS t FROM ({query}) WHERE length({value}) <= 40) GROUP BY 1 ORDER BY 2 DESC, 1 "
        "LIMIT 2000"
    )


def form_of(found: Iterable[Shape], *, own: str | None = None) -> tuple[TimeForm, tuple[Shape, ...]]:
    """Decide how a column writes its times.

    Whether the day or the month stands first is decided by the whole column: a part above 12 is a day; where both
    occur the commoner wins. With two digits for the year, something must show that the year is not the first part.

    Parameters
    ----------
    found : iterable of Shape
        How its values are written.
    own : str, optional
        The setting `time_format`. If it begins with the day or the month it decides their order in other values too;
        any other is the only form that is read.

    Returns
    -------
    form : TimeForm
    undecided : tuple of Shape
        Shapes of which nothing shows whether the day or the month stands first.
    """
    day_first = _order(own) if own else None
    if own and day_first is None:
        return TimeForm(own=own), ()
    listed = list(found)
    split = [(shape, *_clock(shape.shape)) for shape in listed]
    triples = [(shape, match, clock) for shape, date, clock in split if (match := re.fullmatch(_PARTS, date))]
    if day_first is None:
        days = sum(shape.first for shape, *_ in triples)
        months = sum(shape.second for shape, *_ in triples)
        day_first = None if days == months else days > months
        year_last = months or any(
            shape.last or match["year"] == "0000" or re.match(r"0\D", shape.shape) for shape, match, _ in triples
        )
        if day_first and not year_last:
            day_first = None
        if day_first is None and triples and all(match["mark"] == "." for _, match, _ in triples) and year_last:
            # Dots between the parts are written by countries that put the day first.
            day_first = True
    formats: list[str] = []
    for shape, date, clock in split:
        match = re.fullmatch(_PARTS, date)
        if match and day_first is not None:
            order = ("%d", "%m") if day_first else ("%m", "%d")
            year = "%y" if match["year"] == "00" else "%Y"
            formats.append(match["mark"].join((*order, year)) + clock)
        elif not match:
            formats += [form + clock for form in _named(date)]
            formats += [_RUNS[shape.shape]] if shape.shape in _RUNS else []
    numbers = any(re.fullmatch(r"00000(\.0+)?|0{9,10}(\.0+)?|0{13}", shape.shape) for shape in listed)
    # %Y would take a year of two digits too, so %y has the first try.
    ordered = sorted(dict.fromkeys(formats), key=lambda form: "%y" not in form)
    undecided = tuple(shape for shape, *_ in triples) if day_first is None else ()
    return TimeForm(tuple(ordered), numbers, own or ""), undecided


def _order(own: str) -> bool | None:
    match = re.match(r"%-?([dm])[-/.]%-?([dm])", own)
    return None if match is None else match[1] == "d"


def _clock(shape: str) -> tuple[str, str]:
    """Divide a shape into its date and the format of its time of day."""
    match = _CLOCK.fullmatch(shape)
    if match is None:
        return shape, ""
    hour, minute = ("%I", "%M") if match["half"] else ("%H", "%M")
    clock = f"{match['gap']}{hour}:{minute}"
    clock += ":%S" if match["seconds"] else ""
    clock += ".%f" if match["fraction"] else ""
    if match["half"]:
        clock += " %p" if match["half"].startswith(" ") else "%p"
    return match["date"], clock


def _named(date: str) -> list[str]:
    """Formats of a date's shape whose order is beyond doubt."""
    for pattern, form in _DATES:
        match = re.fullmatch(pattern, date)
        if match:
            mark = match.groupdict().get("mark") or ""
            # May is both short and long.
            months = ("%b", "%B") if "{month}" in form else ("",)
            return [form.format(mark=mark, month=month) for month in months]
    return []
