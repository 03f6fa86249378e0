"""Quality of a study's tables: what cleaning did, how complete every column is, how fresh every table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, ClassVar

import ibis
import pandas as pd

from crm_analysis import style
from crm_analysis.result import Result
from crm_analysis.study.cleaning import account
from crm_analysis.study.cleaning.checking import ACTS, CleanTable
from crm_analysis.study.cleaning.zeros import lost_zeros
from crm_analysis.table import count, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# A column that is empty for longer at the end of its table has stopped to be kept.
_SILENT_DAYS = 31
# Where empty says something: a contract that runs on, a customer whom nobody brought.
_EMPTY_IS_MEANT = (("contracts", "end"), ("customers", "referrer_id"))
_LONGEST_NAME = 34


@dataclass(frozen=True, eq=False, repr=False)
class CleaningResult(Result):
    """What the three acts of cleaning did, and the completeness and freshness of what is left.

    Attributes
    ----------
    acts : DataFrame
        One row per thing done: table, act (remove duplicates, correct wrong values, standardise formats), column, what
        was done, rows, and the first example before and after. Examples are numbers, dates and codes, never ids, names
        or other texts.
    before_after : DataFrame
        One row per table. `rows_in` = `copies_removed` + `rows_passed_over` + `rows_left_out` + `rows_used`;
        `copies_kept` are among the rows used (missing: not looked for); the last three columns count values.
    completeness : DataFrame
        One row per column: values written in the rows that were read (`given_before`, codes for no answer included),
        values that can be used (`given_after`), and `given_share`, the latter by the rows used.
    freshness : DataFrame
        One row per table with dates: first and last day, days between its last day and the study's, longest pause.
    filled : DataFrame
        One row per column of those tables: the last day on which it is filled, and how many days that is before the
        table's last.
    notes : tuple of str
        Sentences about how the sources were read.
    """

    acts: pd.DataFrame
    before_after: pd.DataFrame
    completeness: pd.DataFrame
    freshness: pd.DataFrame
    filled: pd.DataFrame
    notes: tuple[str, ...]
    title = "Cleaning, completeness and freshness"
    shown: ClassVar[dict[str, str]] = {
        "before_after": "Rows and values, before and after",
        "summary": "What was done",
        "least_filled": "The least filled columns",
        "freshness": "How fresh the tables are",
    }

    @classmethod
    def of(
        cls, tables: Mapping[str, ibis.Table], found: tuple[CleanTable, ...], *, last_date: date | None
    ) -> CleaningResult:
        """Put together what cleaning remembers, and count the clean tables."""
        freshness, filled = account.freshness(tables, found, last_date)
        return cls(
            acts=account.acts(found),
            before_after=pd.DataFrame([account.account(cleaned) for cleaned in found]),
            completeness=account.completeness(tables, found),
            freshness=freshness,
            filled=filled,
            notes=(
                *(f"{cleaned.name.capitalize()}: {note}" for cleaned in found for note in cleaned.notes),
                *lost_zeros(tables),
            ),
        )

    def to_frame(self) -> pd.DataFrame:
        return self.before_after.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {
            "before_after": self.before_after.copy(),
            "acts": self.acts.copy(),
            "summary": account.summary(self.acts),
            "least_filled": self.completeness.nsmallest(10, "given_share").reset_index(drop=True),
            "completeness": self.completeness.copy(),
            "freshness": self.freshness.copy(),
            "filled": self.filled.copy(),
        }

    def findings(self) -> tuple[str, ...]:
        return (self._rows(), *self._done(), *self._complete(), *self._fresh(), *self.notes)

    def _rows(self) -> str:
        total = self.before_after[["rows_in", "copies_removed", "rows_left_out", "rows_passed_over", "rows_used"]].sum()
        parts = []
        if total["copies_removed"]:
            parts.append(f"{count(total['copies_removed'], 'exact copy').replace('copys', 'copies')} removed")
        if total["rows_left_out"]:
            parts.append(f"{total['rows_left_out']:,} left out because they break a rule")
        if total["rows_passed_over"]:
            parts.append(f"{total['rows_passed_over']:,} passed over because one row per key is wanted")
        why = f": {', '.join(parts)}" if parts else ""
        used = total["rows_used"]
        verb = "is" if used == 1 else "are"
        return f"{used:,} of {count(total['rows_in'], 'row')} ({percent(used / total['rows_in'])}) {verb} used{why}."

    def _done(self) -> list[str]:
        sentences = []
        for row in self.before_after.itertuples():
            if row.one_per:
                read = f"{row.rows_used:,} of {count(row.rows_in, 'row')}"
                sentences.append(f"{row.table.capitalize()}: {read}, one per {row.one_per}.")
        for act in ACTS:
            done = account.summary(self.acts[self.acts["act"] == act])
            if len(done):
                most = done.sort_values("rows", ascending=False, kind="stable").iloc[0]
                where = f"{most['table']}, {most['column']}" if most["column"] else most["table"]
                example = f", such as {most['before']} to {most['after']}" if most["after"] else ""
                sentences.append(
                    f"To {act}: {count(int(done['rows'].sum()), 'change')} in "
                    f"{count(done['table'].nunique(), 'table')}; the commonest is {most['done']} "
                    f"({where}: {most['rows']:,}{example})."
                )
            else:
                sentences.append(f"To {act}: nothing was to be done.")
        return sentences

    def _complete(self) -> list[str]:
        shares = self.completeness
        whole = int((shares["given_share"] == 1).sum())
        sentence = f"{whole:,} of {count(len(shares), 'column')} {'is' if whole == 1 else 'are'} complete"
        partly = shares[shares["given_share"] < 1].sort_values("given_share", kind="stable")
        if len(partly):
            least = partly.iloc[0]
            sentence += f"; the least filled is {least['column']} of {least['table']} ({percent(least['given_share'])})"
        return [sentence + "."]

    def _fresh(self) -> list[str]:
        sentences = []
        late = self.freshness[self.freshness["behind_days"] > 0].sort_values("behind_days", ascending=False)
        if self.freshness.empty:
            return ["No table has dates, so nothing can be said about freshness."]
        last = self.freshness["last_day"].max()
        if len(late):
            first = late.iloc[0]
            sentences.append(
                f"The oldest news is in {first['table']}: it ends on {first['last_day']:%Y-%m-%d}, "
                f"{count(int(first['behind_days']), 'day')} before the study's last day."
            )
        else:
            sentences.append(f"No table with dates ends before the study's last day; the latest is {last:%Y-%m-%d}.")
        meant = pd.MultiIndex.from_frame(self.filled[["table", "column"]]).isin(_EMPTY_IS_MEANT)
        stopped = self.filled[~meant & (self.filled["silent_days"] > _SILENT_DAYS)]
        stopped = stopped.sort_values("silent_days", ascending=False)
        for row in stopped.head(3).itertuples():
            sentences.append(
                f"The column {row.column} of {row.table} is empty since {row.last_filled:%Y-%m-%d}, the last "
                f"{count(int(row.silent_days), 'day')} of the table."
            )
        return sentences

    def metrics(self) -> dict[str, float]:
        total = self.before_after.drop(columns=["table", "one_per"]).sum()
        names = ("rows_in", "copies_removed", "rows_left_out", "values_set_aside", "values_rewritten", "rows_used")
        return {
            **{name: int(total[name]) for name in names},
            "complete_columns_share": float((self.completeness["given_share"] == 1).mean()),
            "mean_given_share": float(self.completeness["given_share"].mean()),
        }

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw how complete each table is: a dot for the columns that are filled equally often."""
        names = list(self.before_after["table"])
        ax = style.axes(ax, height=max(2.6, 1.5 + 0.5 * len(names)))
        shown = self.completeness.assign(percent=(100 * self.completeness["given_share"]).round())
        dots = shown.groupby(["table", "percent"], sort=False).size().rename("columns").reset_index()
        places = {name: place for place, name in enumerate(names)}
        # The area grows with the root of the number, so that a survey's many items do not hide the rest.
        dots["area"] = 24 + 32 * dots["columns"] ** 0.5
        ax.scatter(dots["percent"], dots["table"].map(places), s=dots["area"], color=style.PALETTE[0], alpha=0.75)
        radius = dots.groupby("table")["area"].max() ** 0.5 / 2
        for name, place in places.items():
            least = shown[shown["table"] == name].sort_values("given_share", kind="stable").iloc[0]
            if least["given_share"] < 1:
                text = least["column"] if len(least["column"]) <= _LONGEST_NAME else f"{least['column'][:30]}…"
                side = "left" if least["percent"] < 50 else "right"
                ax.annotate(
                    text,
                    (least["percent"], place),
                    xytext=(0, radius[name] + 3),
                    textcoords="offset points",
                    ha=side,
                    fontsize=8.5,
                    color=style.MUTED,
                )
        ax.set_yticks(list(places.values()), names)
        ax.set_ylim(len(names) - 0.4, -0.75)
        ax.set_xlim(-3, 103)
        ax.set_xlabel("rows in which a column is filled, in percent")
        ax.set_title("How complete are the columns?")
        ax.grid(axis="x")
        about = "Dots by table, one for the columns that are filled in the same share of rows; the least filled named."
        return style.describe(ax, f"{about} {self._complete()[0]}")

    def plot_freshness(self, ax: Axes | None = None) -> Axes:
        """Draw from when to when each table reaches."""
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num

        ax = style.axes(ax, height=max(2.2, 1.3 + 0.42 * len(self.freshness)))
        if self.freshness.empty:
            ax.set_title("No table has dates")
            ax.set_yticks([])
            ax.set_xticks([])
            return style.describe(ax, "An empty picture: no table has dates.")
        starts, ends = (date2num(self.freshness[name]) for name in ("first_day", "last_day"))
        places = list(range(len(starts)))
        # A table of one day would be a bar of no width.
        ax.barh(places, ends - starts + 1, left=starts, height=0.5, color=style.PALETTE[0])
        ax.axvline(ends.max() + 1, color=style.ACCENT, linewidth=1.2)
        ax.set_yticks(places, list(self.freshness["table"]))
        ax.invert_yaxis()
        locator = AutoDateLocator(minticks=3, maxticks=9)
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))
        ax.set_title("From when to when do the tables reach?")
        ax.grid(axis="x")
        return style.describe(ax, f"Bars from each table's first to its last day. {' '.join(self._fresh())}")
