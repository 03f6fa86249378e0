"""What stands in the text columns of a source, counted in as few passes as will do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb

from crm_analysis.study.cleaning import dates
from crm_analysis.study.cleaning.formats import flag, is_ambiguous, is_nothing, trimmed
from crm_analysis.study.reading.sources import Source, quote

NUMBERS = ("money", "number", "integer")


@dataclass(frozen=True)
class TextColumn:
    """A column that is read: what the contract calls it, its name in the source, its kind, codes for no answer.

    A column that is no `text` is looked at for its codes only.
    """

    name: str
    source: str
    kind: str
    codes: tuple[float, ...] = ()
    text: bool = True

    @property
    def written(self) -> str:
        """SQL of its values without the blanks around them."""
        return trimmed(quote(self.source) if self.text else f"{quote(self.source)}::VARCHAR")


def tally(connection: duckdb.DuckDBPyConnection, source: Source, columns: list[TextColumn]) -> list[dict[str, int]]:
    """Count in one query what decides about each column, and in a second one what stands in numbers not plain."""
    counted = _ask(connection, source, [(column, _first_look(column, f"v{i}")) for i, column in enumerate(columns)])
    odd = [i for i, counts in enumerate(counted) if counts.get("unread") or counts.get("dotted")]
    looks = []
    for place, i in enumerate(odd):
        v = f"v{place}"
        either = f"contains({v}, '.') AND {is_ambiguous(v)}"
        looks.append(
            (columns[i], {"nothing": f"count(*) FILTER ({is_nothing(v)})", "ambiguous": f"count(*) FILTER ({either})"})
        )
    for i, counts in zip(odd, _ask(connection, source, looks), strict=True):
        counted[i] |= counts
    return [{"nothing": 0, "trimmed": 0, "ambiguous": 0, **counts} for counts in counted]


def _first_look(column: TextColumn, v: str) -> dict[str, str]:
    real = f"TRY_CAST({v} AS DOUBLE)"
    named = f"NOT ({is_nothing(v)}) AND "
    counts = {"given": f"count({v})"}
    if column.codes:
        listed = ", ".join(f"{code:g}" for code in column.codes)
        counts["codes"] = f"count(*) FILTER ({real} IN ({listed}))"
    if not column.text:
        return counts
    counts["trimmed"] = f"count(*) FILTER ({quote(column.source)} <> {v})"
    if column.kind in NUMBERS:
        counts["unread"] = f"count(*) FILTER ({v} IS NOT NULL AND NOT coalesce(isfinite({real}), false))"
        counts["dotted"] = f"count(*) FILTER (contains({v}, '.'))"
    elif column.kind == "id":
        counts["decimals"] = f"count(*) FILTER (ends_with({v}, '.0') AND regexp_full_match({v}, '\\d+\\.0+'))"
        counts["whole_ids"] = f"count(*) FILTER (regexp_full_match({v}, '\\d+(\\.0+)?'))"
    elif column.kind != "text":
        counts["nothing"] = f"count(*) FILTER ({is_nothing(v)})"
    if column.kind == "time":
        counts["offset"] = f"count(*) FILTER ({dates.has_offset(v)})"
        counts["odd"] = f"count(*) FILTER ({named}NOT {dates.is_plain(v)})"
    elif column.kind == "flag":
        counts["words"] = f"count(*) FILTER (lower({v}) NOT IN ('true', 'false', '1', '0') AND ({flag(v)}) IS NOT NULL)"
    elif column.kind == "value":
        counts["numbers"] = f"count({real}) FILTER ({named}true)"
        # A cast of '1.5' to a whole number rounds instead of failing, hence the comparison.
        counts["whole"] = f"count(*) FILTER ({named}{real} = floor({real}))"
        counts["times"] = f"count(*) FILTER ({named}{dates.is_plain(v)})"
        counts["id_like"] = f"count(*) FILTER (regexp_matches({v}, '^(-?0\\d.*|\\d{{10,}})$'))"
    return counts


def _ask(
    connection: duckdb.DuckDBPyConnection, source: Source, asked: list[tuple[TextColumn, dict[str, str]]]
) -> list[dict[str, int]]:
    """Compute the aggregates of each column, over its values ``v0``, ``v1`` and so on, in one query."""
    if not asked:
        return []
    values = ", ".join(f"{column.written} AS v{place}" for place, (column, _) in enumerate(asked))
    aggregates = ", ".join(sql for _, counts in asked for sql in counts.values())
    row = connection.sql(f"SELECT {aggregates} FROM (SELECT *, {values} FROM ({source.query}))").fetchone() or ()
    answers = iter(row)
    return [{name: int(next(answers)) for name in counts} for _, counts in asked]


def contents(counts: Mapping[str, int]) -> str:
    """Find the kind of a text column from its contents; numbers that look like ids stay text.

    Such are numbers with a leading zero and whole numbers of ten digits or more: telephones, bar codes.
    """
    given = counts["given"] - counts["nothing"]
    if given == 0 or counts["id_like"]:
        return "text"
    if counts["whole"] == given and counts["numbers"] == given:
        return "integer"
    if counts["numbers"] == given:
        return "number"
    return "time" if counts["times"] == given else "text"
