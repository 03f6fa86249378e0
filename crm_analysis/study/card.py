"""What a study holds and what the contract found in it, as Results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import ibis
import pandas as pd

from crm_analysis import style
from crm_analysis.result import Result
from crm_analysis.study.cleaning.checking import CleanTable
from crm_analysis.study.tables import CONTRACTS
from crm_analysis.table import count

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEFT_OUT = "row left out"
_WHO = {"customers": "customer_id", "respondents": "respondent_id"}


@dataclass(frozen=True, eq=False, repr=False)
class CardResult(Result):
    """Rows, customers and dates of each table, and how activity runs over the months.

    Attributes
    ----------
    tables : DataFrame
        One row per table: rows, rows left out, customers, respondents, first and last day, longest pause in days.
    months : DataFrame
        Rows by month and table that has dates.
    """

    tables: pd.DataFrame
    months: pd.DataFrame
    title = "The study's tables"
    shown: ClassVar[dict[str, str]] = {"tables": "Rows used, by table"}

    @classmethod
    def of(cls, tables: Mapping[str, ibis.Table], found: tuple[CleanTable, ...]) -> CardResult:
        """Count the tables of a study."""
        rows, months = [], []
        for cleaned in found:
            table = tables[cleaned.name]
            time = CONTRACTS[cleaned.name].when
            dated = time in table.columns
            row: dict[str, Any] = {"table": cleaned.name, "rows": cleaned.rows, "left_out": cleaned.rows_left_out}
            for name, who in _WHO.items():
                row[name] = int(table[who].nunique().to_pandas()) if who in table.columns else None
            days = rows_by_day(table, time) if dated else pd.Series(dtype="int64")
            if len(days):
                row |= {"first_day": days.index[0], "last_day": days.index[-1]}
                row["longest_pause_days"] = int(pd.Series(days.index).diff().dt.days.max()) if len(days) > 1 else 0
                by_month = days.groupby(days.index.to_period("M").to_timestamp()).sum()
                months.append(
                    pd.DataFrame({"table": cleaned.name, "month": by_month.index, "rows": by_month.to_numpy()})
                )
            rows.append(row)
        columns = ["table", "rows", "left_out", *_WHO, "first_day", "last_day", "longest_pause_days"]
        return cls(
            tables=pd.DataFrame(rows).reindex(columns=columns),
            months=pd.concat(months, ignore_index=True) if months else pd.DataFrame(columns=["table", "month", "rows"]),
        )

    def to_frame(self) -> pd.DataFrame:
        return self.tables.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"tables": self.tables.copy(), "months": self.months.copy()}

    def findings(self) -> tuple[str, ...]:
        sentences = []
        # The order log is what most analyses stand on, so it is named first.
        for row in sorted(self.tables.itertuples(), key=lambda row: row.table != "transactions"):
            sentence = f"{str(row.table).capitalize()}: {count(row.rows, 'row')}"
            if pd.notna(row.customers):
                sentence += f" of {count(int(row.customers), 'customer')}"
            elif pd.notna(row.respondents):
                sentence += f" of {count(int(row.respondents), 'respondent')}"
            if pd.notna(row.first_day):
                sentence += f", {row.first_day:%Y-%m-%d} to {row.last_day:%Y-%m-%d}"
                if row.longest_pause_days > 1:
                    sentence += f", longest pause {int(row.longest_pause_days)} days"
            if row.left_out:
                sentence += f"; besides, {count(row.left_out, 'row')} in quarantine for breaking the contract"
            sentences.append(sentence + ".")
        return tuple(sentences)

    def metrics(self) -> dict[str, float]:
        counts = {f"{row.table}_rows": row.rows for row in self.tables.itertuples()}
        return {**counts, "quarantined_rows": int(self.tables["left_out"].sum())}

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the rows by month of the table that has most of them."""
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

        largest = self.tables.sort_values("rows", ascending=False)["table"]
        table = next((name for name in largest if name in set(self.months["table"])), None)
        if table is None:
            return style.nothing(ax, title="Rows by month", why="No table has dates.")
        ax = style.axes(ax, height=3.8)
        shown = self.months[self.months["table"] == table]
        ax.bar(shown["month"], shown["rows"], width=25, color=style.PALETTE[0])
        locator = AutoDateLocator(minticks=4, maxticks=10)
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))
        ax.margins(x=0.01)
        ax.set_title(f"{table.capitalize()} by month")
        ax.set_ylabel("rows")
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        ax.grid(axis="y")
        text = f"Bar chart of {table} by month, {shown['rows'].min():,} to {shown['rows'].max():,} rows a month."
        return style.describe(ax, text)


def rows_by_day(table: ibis.Table, time: str) -> pd.Series:
    """Count the rows of a clean table by day of its column `time`, in order of the days."""
    counted = (
        table.filter(table[time].notnull()).group_by(day=table[time].truncate("D")).aggregate(rows=lambda t: t.count())
    )
    days = counted.order_by("day").to_pandas()
    return days.set_index(pd.DatetimeIndex(days["day"]))["rows"]


@dataclass(frozen=True, eq=False, repr=False)
class CheckResult(Result):
    """Every rule of the contract that some row broke, and what was done about it.

    Attributes
    ----------
    breaches : DataFrame
        One row per broken rule: table, column, rule, rows, first row and value, action.
    rows : int
        Rows read from all tables.
    left_out : int
        Rows that were left out because they break a rule.
    sentences : tuple of str
        The breaches in words, one each.
    copies : tuple of (str, int)
        Tables of which exact copies of rows were removed, and how many.
    passed_over : int
        Rows that are not read because one row per key is wanted.
    notes : tuple of str
        Sentences about how the sources were read.
    """

    breaches: pd.DataFrame
    rows: int
    left_out: int
    sentences: tuple[str, ...]
    copies: tuple[tuple[str, int], ...] = ()
    passed_over: int = 0
    notes: tuple[str, ...] = ()
    title = "The contract"
    shown: ClassVar[dict[str, str]] = {"breaches": "Rules that some row broke"}

    @classmethod
    def of(cls, found: tuple[CleanTable, ...]) -> CheckResult:
        """Collect the breaches of all tables."""
        breaches = [breach for cleaned in found for breach in cleaned.breaches]
        ids = {
            name: {column.name for column in contract.columns if column.kind == "id"}
            for name, contract in CONTRACTS.items()
        }
        columns = ["table", "column", "rule", "rows", "first_row", "first_value", "action"]
        frame = pd.DataFrame(
            [
                {
                    **vars(breach),
                    # Rows of a database have no numbers.
                    "first_row": breach.first_row or None,
                    # This table is shown on a page, and a page names nobody.
                    "first_value": "" if breach.column in ids[breach.table] else breach.first_value,
                    "action": _LEFT_OUT if breach.row_left_out else "value set aside",
                }
                for breach in breaches
            ]
        )
        return cls(
            breaches=frame.reindex(columns=columns),
            rows=sum(cleaned.rows_read for cleaned in found),
            left_out=sum(cleaned.rows_left_out for cleaned in found),
            sentences=tuple(f"{breach}." for breach in breaches),
            copies=tuple((cleaned.name, cleaned.copies_removed) for cleaned in found if cleaned.copies_removed),
            passed_over=sum(cleaned.rows_passed_over for cleaned in found),
            notes=tuple(f"{cleaned.name.capitalize()}: {note}" for cleaned in found for note in cleaned.notes),
        )

    def to_frame(self) -> pd.DataFrame:
        return self.breaches.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"breaches": self.breaches.copy()}

    def findings(self) -> tuple[str, ...]:
        copied = sum(rows for _, rows in self.copies)
        if self.breaches.empty and not copied and not self.passed_over:
            return (f"Every row keeps the contract ({count(self.rows, 'row')} read).", *self.notes)
        used = f"{self.rows - self.left_out - copied - self.passed_over:,} of {count(self.rows, 'row')} are used"
        kept = "; those left out are in the study's folder, quarantine" if self.left_out or copied else ""
        sentences = [f"{used}{kept}."]
        if self.passed_over:
            sentences.append(f"Rows passed over because one row per key is wanted: {self.passed_over:,}.")
        sentences += [f"Exact copies of earlier rows removed from {table}: {rows:,}." for table, rows in self.copies]
        aside = self.breaches[self.breaches["action"] != _LEFT_OUT].groupby("table", sort=False)["rows"].sum()
        sentences += [f"Values set aside in {table} because they break a rule: {n:,}." for table, n in aside.items()]
        return (*sentences, *self.notes)

    def metrics(self) -> dict[str, float]:
        return {
            "rows": self.rows,
            "rows_left_out": self.left_out,
            "copies_removed": sum(rows for _, rows in self.copies),
            "rules_broken": len(self.breaches),
        }
