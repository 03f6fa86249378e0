"""What the text columns of a source show about themselves: how their numbers, dates and ids are written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import duckdb

from crm_analysis.errors import ContractError
from crm_analysis.study.cleaning import dates
from crm_analysis.study.cleaning.checking import FORMATS, WRONG, Act
from crm_analysis.study.cleaning.dates import TimeForm
from crm_analysis.study.cleaning.formats import (
    CURRENCIES,
    IdForm,
    NumberForm,
    decimal_evidence,
    is_ambiguous,
    is_nothing,
    is_number,
    number_signs,
)
from crm_analysis.study.cleaning.tally import NUMBERS, TextColumn, contents, tally
from crm_analysis.study.config import TableConfig
from crm_analysis.study.reading.sources import Source, literal
from crm_analysis.study.tables import ROW
from crm_analysis.table import count

# Tables whose numbers are answers, which may bear labels.
_ANSWERS = ("survey", "kano")


@dataclass
class Evidence:
    """What was found: the form of each column by name, sentences about doubts, and values that the forms change.

    `absent` names the columns in which some word or code stands for nothing.
    """

    kinds: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, NumberForm] = field(default_factory=dict)
    times: dict[str, TimeForm] = field(default_factory=dict)
    ids: dict[str, IdForm] = field(default_factory=dict)
    absent: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)


def gather(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    config: TableConfig,
    columns: Iterable[TextColumn],
    *,
    timezone: str,
) -> Evidence:
    """Look at all text columns in one pass, and closer at those whose values the engine cannot read by itself.

    Parameters
    ----------
    connection : DuckDBPyConnection
        The engine.
    source : Source
        The raw table.
    config : TableConfig
        Its settings: `decimal`, `time_format`, `pad`.
    columns : iterable of TextColumn
        The columns; one of kind ``value`` gets the kind of its contents.
    timezone : str
        The zone of local times.

    Returns
    -------
    Evidence

    Raises
    ------
    ContractError
        If nothing shows whether the day or the month stands first in most dates of a column.
    """
    listed = list(columns)
    found = Evidence()
    for column, counts in zip(listed, tally(connection, source, listed), strict=True):
        kind = contents(counts) if column.kind == "value" and column.text else column.kind
        found.kinds[column.name] = kind
        if counts["nothing"] or counts.get("codes"):
            found.absent.add(column.name)
        _note_acts(found, config.table, column, kind, counts)
        given = counts["given"] - (counts["nothing"] if kind not in ("id", "text") else 0)
        if not column.text:
            continue
        if kind in NUMBERS:
            if column.kind == "value":
                # Its kind was found because every value is plain.
                found.numbers[column.name] = NumberForm()
                continue
            unread = counts["unread"] - counts["nothing"]
            doubtful = unread or config.decimal == "," or counts["dotted"] == counts["ambiguous"] > 0
            found.numbers[column.name] = (
                _number_form(connection, source, config, column, found) if doubtful else NumberForm()
            )
        elif kind == "time" and column.kind == "value":
            found.times[column.name] = TimeForm()
        elif kind == "time":
            if counts["offset"] and timezone == "UTC":
                times, are = count(counts["offset"], "time"), "is" if counts["offset"] == 1 else "are"
                found.notes.append(
                    f"{column.name} holds {times} with an offset, which {are} told in UTC; timezone under [study] sets "
                    "the zone of the firm."
                )
            odd = counts["odd"] or config.time_format
            found.times[column.name] = (
                _time_form(connection, source, config, column, given, timezone, found) if odd else TimeForm()
            )
        elif kind == "id":
            whole = counts["decimals"] > 0 and counts["whole_ids"] == counts["given"]
            form = found.ids[column.name] = IdForm(whole, config.pad.get(column.name, 0))
            _note_ids(connection, source, config, column, form, counts["decimals"], found)
    return found


def _note_acts(found: Evidence, table: str, column: TextColumn, kind: str, counts: Mapping[str, int]) -> None:
    if counts["trimmed"]:
        found.acts.append(Act(table, FORMATS, column.name, "blanks around it removed", counts["trimmed"]))
    if counts["nothing"] and kind not in ("id", "text"):
        done = 'words such as "n/a" read as not given'
        found.acts.append(Act(table, WRONG, column.name, done, counts["nothing"]))
    if counts.get("words"):
        done = "words read as true or false"
        found.acts.append(Act(table, FORMATS, column.name, done, counts["words"]))
    if counts.get("codes"):
        found.acts.append(Act(table, WRONG, column.name, "codes for no answer read as not given", counts["codes"]))


def _given(column: TextColumn, source: Source) -> str:
    """Query of a column's values, ``v``, without those that stand for nothing."""
    values = f"SELECT {ROW}, {column.written} AS v FROM ({source.query})"
    return f"SELECT * FROM ({values}) WHERE v IS NOT NULL AND NOT ({is_nothing('v')})"


def _number_form(
    connection: duckdb.DuckDBPyConnection, source: Source, config: TableConfig, column: TextColumn, found: Evidence
) -> NumberForm:
    signs = "regexp_replace(s, ' ?%$', '')"
    evidence = connection.sql(
        f"SELECT count(*) FILTER ({decimal_evidence(signs, '.')}), count(*) FILTER ({decimal_evidence(signs, ',')}), "
        f"count(*) FILTER ({is_number(signs, '.')} AND {is_ambiguous(signs)}), "
        f"min(v) FILTER ({is_number(signs, '.')} AND {is_ambiguous(signs)}) "
        f"FROM (SELECT v, {number_signs('v')} AS s FROM ({_given(column, source)}) "
        "WHERE length(v) <= 60 AND (contains(v, '.') OR TRY_CAST(v AS DOUBLE) IS NULL))"
    ).fetchone() or (0, 0, 0, "")
    points, commas, either, example = evidence
    where = f"[tables.{config.table}] decimal"
    if config.decimal is None and points and commas:
        kept, others = ("comma", points) if commas > points else ("point", commas)
        found.notes.append(
            f"{column.name} holds numbers with a decimal comma and with a decimal point; they are read with a {kept}, "
            f"and {count(others, 'other')} {'breaks' if others == 1 else 'break'} the rule."
        )
    elif config.decimal is None and either and not points and not commas:
        mark = "point is the decimal mark" if "." in example else "comma divides thousands"
        found.notes.append(
            f"{column.name} holds {count(either, 'number')} that can be read in two ways, such as {example}; here the "
            f'{mark}, and {where} = "," reads them the other way.'
        )
    form = NumberForm(
        plain=False,
        decimal=config.decimal or ("," if commas > points else "."),
        labelled=config.table in _ANSWERS,
    )
    if column.kind == "money":
        _note_currencies(connection, source, column, found)
    value = form.text("v", percent=column.kind == "number")
    _note_rewritten(connection, source, column, form.rewritten("v"), value, "number", config.table, found)
    return form


def _note_currencies(
    connection: duckdb.DuckDBPyConnection, source: Source, column: TextColumn, found: Evidence
) -> None:
    """Say so where numbers of several currencies stand in one column: without their signs they would be added."""
    cases = " ".join(
        f"WHEN regexp_matches({number_signs('v')}, {literal(signs)}) THEN {literal(code)}"
        for code, signs in CURRENCIES.items()
    )
    rows = connection.sql(
        f"SELECT DISTINCT CASE {cases} END AS code FROM ({_given(column, source)}) WHERE length(v) <= 60 ORDER BY code"
    ).fetchall()
    codes = [code for (code,) in rows if code is not None]
    if len(codes) > 1:
        found.notes.append(
            f"{column.name} holds several currencies ({', '.join(codes)}), and its numbers are taken as they are; turn "
            "them into one."
        )


def _note_rewritten(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    column: TextColumn,
    rewritten: str,
    value: str,
    what: str,
    table: str,
    found: Evidence,
) -> None:
    """Count the values of a column that are written otherwise than the engine writes them, and keep the first."""
    row = connection.sql(
        f"SELECT count(*), arg_min(v, {ROW}), arg_min(value::VARCHAR, {ROW}) "
        f"FROM (SELECT {ROW}, v, CASE WHEN {rewritten} THEN {value} END AS value FROM ({_given(column, source)})) "
        "WHERE value IS NOT NULL"
    ).fetchone()
    if row and row[0]:
        found.acts.append(Act(table, FORMATS, column.name, f"{what}s brought into one form", *row))


def _note_ids(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    config: TableConfig,
    column: TextColumn,
    form: IdForm,
    decimals: int,
    found: Evidence,
) -> None:
    # Examples are forms, never the id of somebody.
    if form.decimals:
        act = Act(config.table, FORMATS, column.name, "ids freed of .0 at their end", decimals, "99999.0", "99999")
        found.acts.append(act)
    if form.width:
        padded = f"FROM ({_given(column, source)}) WHERE {form.text('v')} <> {IdForm(form.decimals).text('v')}"
        rows = (connection.sql(f"SELECT count(*) {padded}").fetchone() or (0,))[0]
        if rows:
            done = f"leading zeros put back to {form.width} digits"
            found.acts.append(Act(config.table, FORMATS, column.name, done, rows, "99", "99".zfill(form.width)))


def _time_form(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    config: TableConfig,
    column: TextColumn,
    given: int,
    timezone: str,
    found: Evidence,
) -> TimeForm:
    unread = f"SELECT v FROM ({_given(column, source)}) WHERE NOT {dates.is_plain('v')}"
    rows = connection.sql(dates.shapes("v", unread)).fetchall()
    form, undecided = dates.form_of((dates.Shape(*row) for row in rows), own=config.time_format)
    doubtful = sum(shape.rows for shape in undecided)
    if 2 * doubtful > given:
        raise ContractError(
            f"{config.table}: nothing in {source.label} shows whether the day or the month stands first in "
            f"{column.source!r}, as in {undecided[0].example!r}; say it under [tables.{config.table}], such as "
            'time_format = "%d/%m/%Y".'
        )
    if doubtful:
        found.notes.append(
            f"{column.name} holds {count(doubtful, 'date')} of which nothing shows whether the day or the month stands "
            f"first, such as {undecided[0].example}; they break the rule until time_format says it."
        )
    _note_rewritten(
        connection,
        source,
        column,
        f"NOT coalesce({dates.is_iso('v')}, false)",
        form.sql("v", timezone),
        "date",
        config.table,
        found,
    )
    return form
