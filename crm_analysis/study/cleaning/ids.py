"""Ids: what stands where an id should, and would make one customer of many who have nothing to do with each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from crm_analysis.study.cleaning.formats import NOTHING
from crm_analysis.study.tables import Contract, Rule, raw

_TOTALS = (
    *("total", "totals", "grand total", "subtotal", "sub-total", "sub total", "sum", "overall"),
    *("summe", "gesamt", "gesamtsumme", "zwischensumme", "gesamtergebnis", "insgesamt"),
    *("合计", "总计", "小计", "共计", "合計", "總計", "小計", "共計"),
)
# A spreadsheet shows 8612345678901 as 8.61235E+12, and so it is exported.
_SHORTENED = r"^\d(\.\d+)?E\+\d+$"


def rules(contract: Contract, columns: tuple[str, ...]) -> Iterator[Rule]:
    """Yield the rules for the ids of a table: no word for a total or for nothing, no number with its end cut off.

    Parameters
    ----------
    contract : Contract
        The table's contract.
    columns : tuple of str
        The columns that are there.

    Returns
    -------
    iterator of Rule
        A broken one leaves the row out where it needs the id; otherwise it sets the id aside.
    """
    for column in contract.columns:
        if column.kind == "id" and column.name in columns:
            yield _no_word(column.name, drops_row=column.required)
            yield _not_shortened(column.name, drops_row=column.required)


def _no_word(name: str, *, drops_row: bool) -> Rule:
    words = [*NOTHING, *_TOTALS, *(f"{word}{colon}" for word in _TOTALS for colon in ":：")]

    def broken(t: Any) -> Any:
        return t[name].lower().isin(words)

    return Rule(name, 'must be an id and no word such as "n/a" or "Total"', broken, drops_row)


def _not_shortened(name: str, *, drops_row: bool) -> Rule:
    sentence = "must be whole and not a number that a spreadsheet cut off (format it as text there, export it again)"

    def broken(t: Any) -> Any:
        # As it was written: a number of the engine's own is text of this form only in the id.
        written = t[raw(name)].cast("string")
        return written.contains("E+") & written.re_search(_SHORTENED)

    return Rule(name, sentence, broken, drops_row)
