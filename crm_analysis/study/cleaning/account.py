"""The account of cleaning: rows in and rows used, what was done to values, how full and how fresh the tables are."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import ibis
import pandas as pd

from crm_analysis.study.card import rows_by_day
from crm_analysis.study.cleaning.checking import ACTS, DUPLICATES, FORMATS, WRONG, Act, CleanTable
from crm_analysis.study.tables import CONTRACTS

_COLUMNS = ["table", "act", "column", "done", "rows", "before", "after"]
_SAFE_KINDS = ("time", "money", "number", "integer", "flag")


def account(cleaned: CleanTable) -> dict[str, Any]:
    """Account for the rows of a table, and count the values that were changed."""
    rewritten = sum(act.rows for act in cleaned.acts if act.act == FORMATS)
    no_answer = sum(act.rows for act in cleaned.acts if act.act == WRONG)
    return {
        "table": cleaned.name,
        "rows_in": cleaned.rows_read,
        "copies_removed": cleaned.copies_removed,
        "rows_passed_over": cleaned.rows_passed_over,
        "rows_left_out": cleaned.rows_left_out,
        "rows_used": cleaned.rows,
        "copies_kept": cleaned.copies_kept,
        "one_per": cleaned.one_per,
        "values_set_aside": sum(breach.rows for breach in cleaned.breaches if not breach.row_left_out),
        "values_read_as_missing": no_answer,
        "values_rewritten": rewritten,
    }


def acts(found: tuple[CleanTable, ...]) -> pd.DataFrame:
    """List what was done, by act: removals, values set aside, values brought into one form."""
    rows: list[dict[str, Any]] = []
    for cleaned in found:
        columns = {column.name: column for column in CONTRACTS[cleaned.name].columns}
        if cleaned.copies_removed:
            done = "exact copies of an earlier row left out"
            rows.append(vars(Act(cleaned.name, DUPLICATES, "", done, cleaned.copies_removed)))
        for breach in cleaned.breaches:
            what = f"{breach.rule}: {'row left out' if breach.row_left_out else 'value set aside'}"
            # An item of the survey is a number, though the contract does not list it.
            known = columns.get(breach.column)
            safe = known is None or known.kind in _SAFE_KINDS or known.one_of
            act = DUPLICATES if breach.is_repeated else WRONG
            rows.append(
                vars(Act(cleaned.name, act, breach.column, what, breach.rows, breach.first_value if safe else ""))
            )
        rows += [vars(act) for act in cleaned.acts]
    frame = pd.DataFrame(rows, columns=_COLUMNS)
    order = frame["act"].map({act: place for place, act in enumerate(ACTS)})
    return frame.iloc[order.argsort(kind="stable")].reset_index(drop=True)


def completeness(tables: Mapping[str, ibis.Table], found: tuple[CleanTable, ...]) -> pd.DataFrame:
    """Count the values of every column, as written and as they can be used."""
    rows = []
    for cleaned in found:
        table = tables[cleaned.name]
        coded = {act.column: act.rows for act in cleaned.acts if act.act == WRONG}
        counts = {f"v{place}": table[name].count() for place, name in enumerate(table.columns)}
        after = table.aggregate(**counts).to_pyarrow().to_pylist()[0]
        for place, name in enumerate(table.columns):
            given = int(after[f"v{place}"])
            rows.append(
                {
                    "table": cleaned.name,
                    "column": name,
                    "given_before": int(cleaned.given.get(name, given)) + coded.get(name, 0),
                    "given_after": given,
                    "given_share": given / cleaned.rows if cleaned.rows else 0.0,
                }
            )
    return pd.DataFrame(rows)


def freshness(
    tables: Mapping[str, ibis.Table], found: tuple[CleanTable, ...], last_date: date | None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Find the first and last day of each table, and the last day on which each column is filled."""
    rows, filled = [], []
    for cleaned in found:
        table, when = tables[cleaned.name], CONTRACTS[cleaned.name].when
        if when not in table.columns:
            continue
        days = rows_by_day(table, when).index
        if not len(days):
            continue
        last = days[-1]
        pause = int(pd.Series(days).diff().dt.days.max()) if len(days) > 1 else 0
        behind = (pd.Timestamp(last_date) - last).days if last_date else 0
        rows.append(
            {
                "table": cleaned.name,
                "first_day": days[0],
                "last_day": last,
                "behind_days": behind,
                "longest_pause_days": pause,
            }
        )
        names = [name for name in table.columns if name != when]
        latest = {f"v{place}": table[when].max(where=table[name].notnull()) for place, name in enumerate(names)}
        seen = table.aggregate(**latest).to_pyarrow().to_pylist()[0] if latest else {}
        for place, name in enumerate(names):
            day = pd.Timestamp(seen[f"v{place}"]).normalize() if seen[f"v{place}"] is not None else pd.NaT
            silent = (last - day).days if day is not pd.NaT else None
            filled.append({"table": cleaned.name, "column": name, "last_filled": day, "silent_days": silent})
    columns = ["table", "first_day", "last_day", "behind_days", "longest_pause_days"]
    return (
        pd.DataFrame(rows, columns=columns),
        pd.DataFrame(filled, columns=["table", "column", "last_filled", "silent_days"]).astype(
            {"silent_days": "Float64"}
        ),
    )


def summary(done: pd.DataFrame) -> pd.DataFrame:
    """Put the acts on several columns of a table together: how many columns, rows, and the first example."""
    together = done.groupby(["table", "act", "done"], sort=False, as_index=False).agg(
        column=("column", "first"),
        columns=("column", "nunique"),
        rows=("rows", "sum"),
        before=("before", "first"),
        after=("after", "first"),
    )
    several = together["columns"] > 1
    together["column"] = together["column"].where(~several, together["columns"].astype(str) + " columns")
    return together.drop(columns="columns")[_COLUMNS]
