"""Timeline: everything that happened between one customer and the firm, over all tables, in order of time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import ibis
import pandas as pd

from crm_analysis import style
from crm_analysis.errors import UsageError
from crm_analysis.result import Result
from crm_analysis.study.people import persons
from crm_analysis.study.people.events import COLUMNS, COMPLAINT, CONTRACT, ORDER, RETURN, TABLES, in_words
from crm_analysis.table import count, in_currency, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TRAITS = ("region", "channel")
_NEAREST = 3


@dataclass(frozen=True, eq=False, repr=False)
class TimelineResult(Result):
    """One customer's history; neither the findings nor the frame name the customer.

    Attributes
    ----------
    events : DataFrame
        One row per event, in order of time, those without a date at the end: time, table, kind, event (in words),
        amount (of orders and returns; a contract's monthly fee), until (the end of a contract).
    records : int
        How many records of the customers table the history is put together from.
    traits : dict of str
        What is said of the customer instead of a name: region and channel, where they are known.
    last_day : date or None
        The study's last day.
    currency : str
        The currency of the amounts; may be empty.
    """

    events: pd.DataFrame
    records: int
    traits: Mapping[str, str]
    last_day: date | None
    currency: str
    title = "One customer's history"

    def to_frame(self) -> pd.DataFrame:
        return self.events.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"events": self.to_frame()}

    def findings(self) -> tuple[str, ...]:
        if self.events.empty:
            return ("No table of this study says which customer its rows belong to, so there is no history to tell.",)
        return tuple(self._sentences())

    def _sentences(self) -> Iterator[str]:
        orders = self._of(ORDER)
        yield f"{self._who()}: {self._counts()}."
        if self.records > 1:
            yield f"The history is put together from {self.records} records of the same person."
        days = orders["time"].dt.normalize().drop_duplicates()
        if len(days) > 1:
            gaps = days.diff().dt.days.iloc[1:]
            yield (
                f"From one day with an order to the next {number(gaps.median())} days passed at the median, "
                f"{number(gaps.max())} at most; the last order was {self._ago(days.iloc[-1])}."
            )
        elif len(days):
            yield f"The last order was {self._ago(days.iloc[-1])}."
        complaints = self._of(COMPLAINT)["time"]
        if len(complaints) and len(orders):
            later = int((orders["time"] > complaints.max()).sum())
            after = count(later, "order") if later else "No order"
            yield f"{after} came after the last complaint ({complaints.max():%Y-%m-%d})."

    def _of(self, kind: str) -> pd.DataFrame:
        return self.events[self.events["kind"] == kind]

    def _who(self) -> str:
        joined = self._of("joined")["time"].min()
        first = self.events["time"].min() if pd.isna(joined) else joined
        traits = " and ".join(f"{name} {value}" for name, value in self.traits.items())
        return f"A customer{'' if pd.isna(first) else f' since {first:%Y}'}{f' ({traits})' if traits else ''}"

    def _counts(self) -> str:
        orders, said = self._of(ORDER), []
        if len(orders):
            first, last = orders["time"].min(), orders["time"].max()
            when = f"on {first:%Y-%m-%d}" if first == last else f"from {first:%Y-%m-%d} to {last:%Y-%m-%d}"
            said.append(f"{count(len(orders), 'order')} for {self._money(orders['amount'].sum())} {when}")
        returns, complaints = self._of(RETURN), self._of(COMPLAINT)
        if len(returns):
            said.append(f"{count(len(returns), 'return')} of {self._money(-returns['amount'].sum())}")
        if len(complaints):
            said.append(count(len(complaints), "complaint"))
        contact = "other contact" if len(complaints) else "contact"
        nouns = {"contact": contact, CONTRACT: "contract", "campaign": "campaign", "answer": "survey answer"}
        said += [count(len(self._of(kind)), noun) for kind, noun in nouns.items() if len(self._of(kind))]
        return ", ".join(said) or "no orders, contacts, contracts, campaigns or survey answers"

    def _money(self, amount: float) -> str:
        return f"{amount:,.0f} {self.currency}".strip()

    def _ago(self, time: pd.Timestamp) -> str:
        if self.last_day is None:
            return f"on {time:%Y-%m-%d}"
        days = (pd.Timestamp(self.last_day) - time.normalize()).days
        return "on the study's last day" if days == 0 else f"{count(days, 'day')} before the study's last day"

    def metrics(self) -> dict[str, float]:
        kinds = self.events["kind"].value_counts()
        counted = {"orders": ORDER, "returns": RETURN, "complaints": COMPLAINT}
        return {"events": len(self.events), **{name: int(kinds.get(kind, 0)) for name, kind in counted.items()}}

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw a lane per table over time; the area of an order is its amount, returns and complaints stand out."""
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

        dated = self.events[self.events["time"].notna()]
        names = [name for name in TABLES if name in set(dated["table"])]
        ax = style.axes(ax, height=max(2.6, 1.5 + 0.5 * len(names)))
        ax.set_title("One customer's history")
        if not names:
            ax.set(xticks=[], yticks=[])
            ax.set_axis_off()
            ax.text(0.5, 0.5, "no event has a date", ha="center", va="center", transform=ax.transAxes)
            return style.describe(ax, f"An empty picture: no event has a date. {self.findings()[0]}")
        lane = dated["table"].map({name: place for place, name in enumerate(names)})
        end = max(dated["time"].max(), dated["time"].max() if self.last_day is None else pd.Timestamp(self.last_day))
        contracts = dated[dated["kind"] == CONTRACT]
        until = contracts["until"].fillna(end)
        ax.hlines(lane[contracts.index], contracts["time"], until, color=style.PALETTE[1], linewidth=5, alpha=0.5)
        amounts = dated["amount"].abs().where(dated["kind"].isin([ORDER, RETURN]))
        area = (20 + 380 * amounts / max(amounts.max(), 1e-9)).fillna(30)
        stands_out = dated["kind"].isin([RETURN, COMPLAINT])
        for part, colour in ((dated[~stands_out], style.PALETTE[0]), (dated[stands_out], style.ACCENT)):
            places = lane[part.index]
            ax.scatter(part["time"], places, s=area[part.index], color=colour, alpha=0.55, edgecolor="white", zorder=3)
        if stands_out.any():
            ax.plot([], [], "o", color=style.ACCENT, alpha=0.55, label="return or complaint")
        if self.last_day is not None:
            # The silence after the last event is a part of the history.
            ax.axvline(end, color=style.MUTED, linestyle=":", label="the study's last day")
        if ax.get_legend_handles_labels()[0]:
            ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0.2)
        ax.set_yticks(range(len(names)), names)
        ax.set_ylim(len(names) - 0.4, -0.6)
        locator = AutoDateLocator(minticks=3, maxticks=9)
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))
        ax.grid(axis="y")
        if amounts.notna().any():
            ax.set_xlabel(f"the area of an order is its {in_currency('amount', self.currency)}")
        return style.describe(ax, f"Points over time, a lane per table. {self.findings()[0]}")


def tell(
    tables: Mapping[str, ibis.Table],
    *,
    customer_id: str | None = None,
    members: pd.DataFrame | None = None,
    last_day: date | None = None,
    currency: str = "",
    satisfaction: Sequence[str] = (),
) -> TimelineResult:
    """Tell one customer's history; only that customer's rows leave the engine.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        The clean tables of a study that are there.
    customer_id : str, optional
        The customer; by default the one with rows in most tables, then with most rows, then with the first id.
    members : DataFrame, optional
        Records that are one person (`IdentityResult.members`): the history is that of all records of the person.
    last_day : date, optional
        The study's last day.
    currency : str
        The currency of the amounts.
    satisfaction : sequence of str
        Items of the survey that measure satisfaction.

    Returns
    -------
    TimelineResult

    Raises
    ------
    UsageError
        If no table has the customer; the message names ids that are near.
    """
    told = {name: tables[name] for name in TABLES if name in tables and "customer_id" in tables[name].columns}
    known = members if members is not None else pd.DataFrame({"customer_id": [], "person_id": []})
    person_of = dict(zip(known["customer_id"], known["person_id"], strict=True))
    wanted = _richest(told, members) if customer_id is None and told else customer_id
    person = person_of.get(wanted, wanted)
    ids = known.loc[known["person_id"] == person, "customer_id"].tolist() or [wanted]
    rows = {name: table.filter(table.customer_id.isin(ids)).to_pandas() for name, table in told.items() if wanted}
    if wanted is not None and not any(len(found) for found in rows.values()):
        raise UsageError(f"timeline: no table has the customer {wanted!r}; {_cure(told, wanted)}.")
    parts = [in_words(name, found, satisfaction=satisfaction) for name, found in rows.items() if len(found)]
    history = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(COLUMNS))
    records = rows.get("customers", pd.DataFrame())
    return TimelineResult(
        events=history.sort_values("time", kind="stable", ignore_index=True),
        records=len(records),
        traits=_traits(records),
        last_day=last_day,
        currency=currency,
    )


def _traits(records: pd.DataFrame) -> dict[str, str]:
    if "joined" in records.columns:
        records = records.sort_values("joined", kind="stable")
    found = {name: records[name].dropna() for name in _TRAITS if name in records.columns}
    return {name: str(values.iloc[0]) for name, values in found.items() if len(values)}


def _richest(tables: Mapping[str, ibis.Table], members: pd.DataFrame | None) -> str | None:
    """The id with rows in most tables, then most rows, then the first."""
    if members is not None:
        tables = persons.merged(tables, members)
    counted = []
    for table in tables.values():
        there = table.filter(table.customer_id.notnull())
        counted.append(there.group_by("customer_id").aggregate(rows=there.count()))
    everyone = ibis.union(*counted) if len(counted) > 1 else counted[0]
    customers = everyone.group_by("customer_id").aggregate(tables=everyone.count(), rows=everyone.rows.sum())
    order = [customers.tables.desc(), customers.rows.desc(), customers.customer_id]
    first = customers.order_by(order).limit(1).to_pandas()["customer_id"].tolist()
    return first[0] if first else None


def _cure(tables: Mapping[str, ibis.Table], wanted: str) -> str:
    """Ids that differ in case, blanks or leading zeros only, or end alike; else what an id looks like."""
    everyone = [table.filter(table.customer_id.notnull()).select("customer_id") for table in tables.values()]
    ids = (ibis.union(*everyone) if len(everyone) > 1 else everyone[0]).distinct()
    letters, digits = re.fullmatch(r"(\D*)0*(.*)", re.sub(r"[\s%_\\]", "", wanted)).groups()  # type: ignore[union-attr]
    pattern = f"{letters}%{digits}".casefold()
    near = ids.filter(ids.customer_id.lower().like(pattern))
    near = near.order_by([near.customer_id.length(), near.customer_id]).limit(_NEAREST)
    found = near.to_pandas()["customer_id"].tolist() if letters or digits else []
    if found:
        return f"ids are text and keep their zeros; near are {', '.join(map(repr, found))}"
    first = ids.order_by("customer_id").limit(1).to_pandas()["customer_id"].tolist()
    return f"ids are text and keep their zeros; the first is {first[0]!r}" if first else "the tables have no ids"
