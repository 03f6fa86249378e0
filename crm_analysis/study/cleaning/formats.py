"""How numbers, ids and yes or no are written in text files, and the SQL that reads them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from crm_analysis.study.reading.sources import literal

NOTHING = (
    *("na", "n/a", "n.a.", "#n/a", "nan", "null", "none", "nil", "-", "--", "—", "unknown", "无", "未知", "不详"),
    *("don't know", "don’t know", "dont know", "do not know", "no answer", "not applicable"),
    *("weiß nicht", "weiss nicht", "keine angabe", "k.a.", "k. a."),
    *("不知道", "不清楚", "说不清", "拒答", "不适用"),
)
"""What stands for "no value" where a number, date or yes/no is expected; an id it cannot be. A text is left alone."""

_YES = ("true", "t", "yes", "y", "1", "1.0", "是", "有")
_NO = ("false", "f", "no", "n", "0", "0.0", "否", "没有")

# Full-width signs, the minus of typesetters, and blanks that look like blanks but are others.
_WIDE = "０１２３４５６７８９．，：／＋－−（）￥＄％’\u3000\u00a0\u2007\u2009\u202f"
_NARROW = "0123456789.,:/+--()¥$%'     "
_BLANKS = " \t\r\n\u3000\u00a0\u2007\u2009\u202f\ufeff\u200b\u200e\u200f\u2060"

_SIGNS = r"US\$|HK\$|NT\$|[¥$€£₹₽₩元圆]|人民币|RS"
CODES = "RMB|CNY|USD|EUR|GBP|JPY|HKD|TWD|KRW|INR|CHF|AUD|CAD|SEK|NOK|DKK|PLN"
_CURRENCY = f"(?:{_SIGNS}|{CODES})"
CURRENCIES = {
    "HKD": r"HK\$|HKD",
    "TWD": r"NT\$|TWD",
    "USD": r"\$|USD",
    "CNY": "[元圆]|人民币|RMB|CNY",
    "EUR": "€|EUR",
    "GBP": "£|GBP",
    "CHF": "CHF",
    "INR": "₹|INR|RS",
    "JPY": "JPY",
    "KRW": "₩|KRW",
}
"""Currency -> what it is known by beside a number; ¥ is shared by two, $ by many."""
TEN_THOUSANDS = {"万": "e4", "萬": "e4", "亿": "e8", "億": "e8"}
"""Chinese signs behind a number -> the power of ten that they stand for."""
# An answer with its label: "5 - very satisfied", "(5) very satisfied", "5 (very satisfied)", "5分".
_LABEL = r"^\(?(\d{1,3})(?:[\s:=.,|()–—-]+\pL|\p{Han})\D*$"


def trimmed(value: str) -> str:
    """SQL of a text without the blanks around it; a text of blanks is no value."""
    return f"NULLIF(trim({value}, {literal(_BLANKS)}), '')"


def narrow(value: str) -> str:
    """SQL of a text with full-width digits and signs turned into plain ones."""
    return f"translate({value}, {literal(_WIDE)}, {literal(_NARROW)})"


def is_nothing(value: str) -> str:
    """SQL that is true where a text is a word for "no value"."""
    return is_one_of(value, NOTHING)


def is_one_of(value: str, words: Iterable[str]) -> str:
    """SQL that is true where a text is one of some words, in any case."""
    # DuckDB makes a join of a long IN list, which a table of a hundred columns feels.
    return f"list_contains([{', '.join(map(literal, words))}], lower({value}))"


def flag(value: str) -> str:
    """SQL that reads yes or no; other words give NULL."""
    return f"CASE WHEN {is_one_of(value, _YES)} THEN true WHEN {is_one_of(value, _NO)} THEN false END"


@dataclass(frozen=True)
class NumberForm:
    """How a column writes numbers.

    Attributes
    ----------
    plain : bool
        Whether the engine reads every value that is a number by itself: ``-1234.5``.
    decimal : str
        The decimal mark, ``.`` or ``,``; the other one divides thousands, as a blank or an apostrophe may.
    labelled : bool
        Whether a number may have a label, as answers have: ``5 - very satisfied`` is 5.
    """

    plain: bool = True
    decimal: str = "."
    labelled: bool = False

    def text(self, value: str, *, percent: bool = False) -> str:
        """SQL of the number as the engine writes it, still as text; NULL where it is none.

        Read are thousands separators in groups of three, a currency sign or code before or after, a minus before or
        after, brackets for negative numbers, full-width digits, ten thousands and hundred millions in Chinese
        (``2.5万`` is 25000); with `percent` also a percent sign (``15 %`` is 15).
        """
        if self.plain:
            return value
        written = number_signs(value)
        if percent:
            written = f"regexp_replace({written}, ' ?%$', '')"
        if self.labelled:
            written = f"regexp_replace({written}, {literal(_LABEL)}, '\\1')"
        point = "." if self.decimal == "." else ","
        digits = f"replace(regexp_replace({written}, '[^0-9{point}]', '', 'g'), ',', '.')"
        times = " ".join(f"WHEN contains({written}, '{sign}') THEN '{power}'" for sign, power in TEN_THOUSANDS.items())
        signed = f"CASE WHEN regexp_matches({written}, '[-(]') THEN '-' ELSE '' END || {digits}"
        signed += f" || CASE {times} ELSE '' END"
        read = f"CASE WHEN {is_number(written, self.decimal)} THEN {signed} END"
        if self.decimal == ",":
            return read
        return f"CASE WHEN TRY_CAST({value} AS DOUBLE) IS NOT NULL THEN {value} ELSE {read} END"

    def rewritten(self, value: str) -> str:
        """SQL that is true where a number is written otherwise than the engine writes it."""
        other = f"contains({value}, '.') OR " if self.decimal == "," else ""
        return f"({other}TRY_CAST({value} AS DOUBLE) IS NULL)"


def number_signs(value: str) -> str:
    """SQL of a number's text with plain, upper-case signs; the full stop of Rs. is no decimal mark."""
    return f"replace(upper({narrow(value)}), 'RS.', 'RS')"


def is_number(written: str, decimal: str) -> str:
    """SQL that is true where a text (see `number_signs`) is a number with this decimal mark."""
    point, group = (r"\.", ",") if decimal == "." else (",", r"\.")
    groups = "|".join(rf"\d{{1,3}}(?:{mark}\d{{3}})+" for mark in (group, " ", "'"))
    if decimal == ".":
        # Lakhs and crores: 12,34,567.
        groups += r"|\d{1,2}(?:,\d\d)+,\d{3}"
    core = rf"(?:(?:\d+|{groups})(?:{point}\d*)?|{point}\d+) ?[{''.join(TEN_THOUSANDS)}]?"
    before, after = f"(?:{_CURRENCY} ?)?", f"(?: ?{_CURRENCY})?"
    forms = (
        rf"(?:[-+] ?)?{before}{core}{after}",
        rf"{before}[-+] ?{core}{after}",
        rf"{before}{core} ?-{after}",
        rf"{before}{core}{after} ?-",
        rf"\( ?{before}{core}{after} ?\)",
    )
    return f"regexp_full_match({written}, {literal('|'.join(forms))})"


def decimal_evidence(written: str, decimal: str) -> str:
    """SQL that is true where a number can only be read with this decimal mark: 1,234.50 or 12.5, but not 1.234."""
    point, group = (r"\.", ",") if decimal == "." else (",", r"\.")
    digits = f"regexp_replace({written}, '[^0-9.,]', '', 'g')"
    only = "|".join(
        (
            rf"\d{{1,3}}(?:{group}\d{{3}})+{point}\d*",
            rf"\d{{1,3}}(?:{group}\d{{3}}){{2,}}",
            rf"\d*{point}(?:\d{{0,2}}|\d{{4,}})",
            rf"(?:0|\d{{4,}})?{point}\d{{3}}",
        )
    )
    return f"({is_number(written, decimal)} AND regexp_full_match({digits}, {literal(only)}))"


def is_ambiguous(written: str) -> str:
    """SQL that is true where a number can be read with either decimal mark: 1.234 or 1,234."""
    digits = f"regexp_replace({written}, '[^0-9.,]', '', 'g')"
    return f"regexp_full_match({digits}, '[1-9]\\d{{0,2}}[.,]\\d{{3}}')"


@dataclass(frozen=True)
class IdForm:
    """How a column writes ids: whether ``.0`` at the end goes, and the width to which leading zeros are put back."""

    decimals: bool = False
    width: int = 0

    def text(self, value: str) -> str:
        """SQL of the id."""
        if self.decimals:
            value = f"regexp_replace({value}, '\\.0+$', '')"
        if self.width:
            # lpad would also cut what is longer.
            short = f"length({value}) < {self.width} AND regexp_full_match({value}, '\\d+')"
            value = f"CASE WHEN {short} THEN lpad({value}, {self.width}, '0') ELSE {value} END"
        return value
