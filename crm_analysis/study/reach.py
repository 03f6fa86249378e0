"""Reach: which tables know a customer, so how far the one view joins what the departments hold apart."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, ClassVar

import ibis
import numpy as np
import pandas as pd

from crm_analysis import style
from crm_analysis.proportion import wilson
from crm_analysis.result import Result
from crm_analysis.study.customer360 import WHOLE
from crm_analysis.table import count, listed, share_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from crm_analysis.study.study import Study

_MOST_SHOWN = 12


@dataclass(frozen=True, eq=False, repr=False)
class ReachResult(Result):
    """How many customers each table knows, alone and together with others.

    Attributes
    ----------
    tables : DataFrame
        One row per table that names customers: customers it knows and their share of all (95 % interval), and how
        many of its customer ids no other table of customers has.
    combinations : DataFrame
        One row per set of tables: whether each table is in it (columns ``in_<table>``), the customers whom exactly
        these know, their share with its interval; the largest first.
    customers : int
        Customers of the view.
    strangers : dict of str to int
        Table -> ids in it that are no customers of the view (a survey may name somebody who never bought).
    """

    tables: pd.DataFrame
    combinations: pd.DataFrame
    customers: int
    strangers: dict[str, int]
    title = "What each table knows of the customers"
    shown: ClassVar[dict[str, str]] = {"tables": "Customers known, by table"}

    def to_frame(self) -> pd.DataFrame:
        return self.tables.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"tables": self.tables.copy(), "combinations": self.combinations.copy()}

    def findings(self) -> tuple[str, ...]:
        if not self.customers:
            return ("No table of this study names a customer by then.",)
        names = self.tables["table"].tolist()
        sentences = [f"The view joins {count(self.customers, 'customer')} from {listed(names)}."]
        if len(names) > 1:
            whole = self.combinations[self.combinations[[f"in_{name}" for name in names]].all(axis=1)]
            full = f"{share_of(whole.iloc[0], 'customers')} of them" if len(whole) else "nobody"
            least = self.tables.sort_values("customers", kind="stable").iloc[0]
            sentences.append(
                f"Known to all of these tables: {full}; the table that knows fewest, {least['table']}, knows "
                f"{share_of(least, 'customers')}."
            )
        for row in self.tables.to_dict("records"):
            if row["not_in_customers"] and row["table"] != "customers":
                strangers = count(row["not_in_customers"], "customer")
                sentences.append(f"In {row['table']} but without a record in customers: {strangers}.")
        for table, ids in self.strangers.items():
            sentences.append(f"In {table} only, and so not in the view: {count(ids, 'customer id')}.")
        return tuple(sentences)

    def metrics(self) -> dict[str, float]:
        shares = {f"{row['table']}_share": row["customers_share"] for row in self.tables.to_dict("records")}
        return {"customers": self.customers, **shares}

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw how many customers are known to which combination of tables, the largest combinations first."""
        title = "How many customers are known to which tables"
        if not self.customers:
            return style.nothing(ax, title=title, why=self.findings()[0])
        names = self.tables["table"].tolist()[::-1]
        if len(names) == 1:
            return style.nothing(ax, title=title, why=f"Only one table, {names[0]}, names customers.")
        shown = self.combinations.head(_MOST_SHOWN)
        ax = style.axes(ax, height=3.0 + 0.3 * len(names))
        places, top = np.arange(len(shown)), float(shown["customers"].max())
        # Bars above, and below each bar a column of dots: the tables that know these customers.
        step = 0.16 * top
        ax.bar(places, shown["customers"], width=0.6, color=style.PALETTE[0])
        for place, size in zip(places, shown["customers"], strict=True):
            ax.text(float(place), size + 0.02 * top, f"{size:,}", ha="center", color=style.INK, fontsize=9)
        heights = [-step * (len(names) - row) for row in range(len(names))]
        for height, name in zip(heights, names, strict=True):
            inside = shown[f"in_{name}"].to_numpy(bool)
            ax.plot(places[~inside], np.full((~inside).sum(), height), "o", color=style.GRID, markersize=8)
            ax.plot(places[inside], np.full(inside.sum(), height), "o", color=style.INK, markersize=8)
        ax.axhline(0, color=style.MUTED, linewidth=0.8)
        ax.set_yticks(heights, names)
        ax.set_xticks([])
        ax.set_ylim(heights[0] - 0.7 * step, 1.12 * top)
        ax.set_xlim(-0.6, max(len(shown), 4) - 0.4)
        ax.tick_params(axis="y", length=0)
        ax.spines[["left", "bottom"]].set_visible(False)
        ax.set_title(title)
        parts = [
            f"{listed([name for name in names[::-1] if row[f'in_{name}']])} {row['customers']:,}"
            for row in shown.to_dict("records")
        ]
        return style.describe(ax, f"Bars with the number of customers known to each set of tables: {'; '.join(parts)}.")


def summarise(study: Study, *, as_of: str | date | None = None, per: str = "record") -> ReachResult:
    """Count which tables know which customers.

    Parameters
    ----------
    study : Study
        The study.
    as_of : str or date, optional
        What was known through the end of this day; by default the study's last.
    per : {"record", "person"}
        What a customer is, see `Study.customer360`.

    Returns
    -------
    ReachResult
        Counted in the engine; only the counts leave it. Customers of the view are those in customers, transactions or
        contracts. Shares have Wilson's interval and regard these customers as a sample of those the firm might have.
    """
    known = study.known_by(as_of, per=per)
    if not known:
        return _of(pd.DataFrame(columns=["customers"]), [])
    marked = [
        table.filter(table.customer_id.notnull())
        .select("customer_id")
        .distinct()
        .mutate(**{f"in_{other}": ibis.literal(int(other == name)) for other in known})
        for name, table in known.items()
    ]
    rows = ibis.union(*marked) if len(marked) > 1 else marked[0]
    flags = [f"in_{name}" for name in known]
    each = rows.group_by("customer_id").aggregate(**{flag: rows[flag].max() for flag in flags})
    counted = each.group_by(flags).aggregate(customers=each.count()).order_by(flags)
    return _of(counted.to_pandas().astype(dict.fromkeys(flags, bool)), list(known))


def _of(counted: pd.DataFrame, names: list[str]) -> ReachResult:
    """Divide what was counted by set of tables into customers of the view and others."""
    whole = [f"in_{name}" for name in names if name in WHOLE]
    inside = counted[counted[whole].any(axis=1)] if whole else counted.iloc[:0]
    outside = counted.drop(inside.index)
    total = int(inside["customers"].sum())
    combinations = inside.sort_values("customers", ascending=False, kind="stable").reset_index(drop=True)
    rows = []
    for name in names:
        there = inside[inside[f"in_{name}"]]
        not_in_customers = there[~there["in_customers"]] if "in_customers" in there else there.iloc[:0]
        size = int(there["customers"].sum())
        rows.append(
            {"table": name, **_share(size, total), "not_in_customers": int(not_in_customers["customers"].sum())}
        )
    shares = pd.DataFrame([_share(int(size), total) for size in combinations["customers"]])
    columns = [
        "table",
        "customers",
        "customers_share",
        "customers_share_low",
        "customers_share_high",
        "not_in_customers",
    ]
    strangers = {name: int(outside.loc[outside[f"in_{name}"], "customers"].sum()) for name in names}
    return ReachResult(
        tables=pd.DataFrame(rows, columns=columns),
        combinations=combinations.drop(columns="customers").join(shares) if len(shares) else combinations,
        customers=total,
        strangers={name: ids for name, ids in strangers.items() if ids},
    )


def _share(size: int, total: int) -> dict[str, float]:
    low, high = wilson(size, total) if total else (np.nan, np.nan)
    share = size / total if total else np.nan
    return {"customers": size, "customers_share": share, "customers_share_low": low, "customers_share_high": high}
