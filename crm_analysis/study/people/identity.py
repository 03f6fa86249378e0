"""Identity: which records of the customers table are one person, and on what evidence."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd

from crm_analysis import style
from crm_analysis.result import Result
from crm_analysis.study.people import spelling
from crm_analysis.study.people.matching import Doubt, Link, Record, match, sift
from crm_analysis.study.tables import CONTRACTS
from crm_analysis.table import count, percent

if TYPE_CHECKING:
    import ibis
    from matplotlib.axes import Axes

GIVEN = "person_id"
_LINKED = "linked"
_READERS = {"phone": spelling.phone, "e-mail": spelling.email}
_SEVERAL = re.compile(r"[/;,、，；|]")


@dataclass(frozen=True, eq=False, repr=False)
class IdentityResult(Result):
    """Records of the customers table that are one person.

    Attributes
    ----------
    links : DataFrame
        One row per link: customer_id, same_as (an earlier record), person_id (the earliest record of the person) and
        the evidence. A person of n records has n - 1 links.
    doubtful : DataFrame
        One row per pair that shares something but is not linked: customer_id, same_as, evidence, reason, detail.
    members : DataFrame
        Every record of the persons with several: customer_id, person_id, place (0 for the earliest record).
    records : int
        Records of the customers table.
    evidence : tuple of str
        What was compared: phone, e-mail, name with birth year, or the given person_id; nothing where none is there.
    """

    links: pd.DataFrame
    doubtful: pd.DataFrame
    members: pd.DataFrame
    records: int
    evidence: tuple[str, ...]
    title = "Records that are one person"
    shown: ClassVar[dict[str, str]] = {"outcomes": "What the records share, and what was made of it"}

    @property
    def persons(self) -> int:
        """How many persons the records are."""
        return self.records - len(self.links)

    @property
    def largest(self) -> int:
        """How many records the person with most of them has."""
        return int(self.members["place"].max()) + 1 if len(self.members) else min(self.records, 1)

    def to_frame(self) -> pd.DataFrame:
        return self.links.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        """Return ``links``, ``doubtful`` and ``members`` (by record), and the ``outcomes``: pairs by evidence."""
        return {
            "links": self.links.copy(),
            "doubtful": self.doubtful.copy(),
            "members": self.members.copy(),
            "outcomes": self.outcomes(),
        }

    def outcomes(self) -> pd.DataFrame:
        """Return how many pairs were linked, and how many were not and why, by evidence."""
        linked = self.links.assign(outcome=_LINKED)[["evidence", "outcome"]]
        doubted = self.doubtful.rename(columns={"reason": "outcome"})[["evidence", "outcome"]]
        both = pd.concat([linked, doubted]).value_counts().rename("pairs").reset_index()
        both = both.assign(last=both["outcome"] != _LINKED)
        both = both.sort_values(["last", "pairs", "evidence", "outcome"], ascending=[True, False, True, True])
        return both.drop(columns="last").reset_index(drop=True)

    def findings(self) -> tuple[str, ...]:
        if not self.records:
            return ("No customers in this study, so there are no records to compare.",)
        if not self.evidence:
            return (
                f"No column of customers tells whether its {count(self.records, 'record')} are as many persons: a "
                "phone, an e-mail, a name with a birth year or a person_id is needed.",
            )
        compared = f"the given {GIVEN}" if self.evidence == (GIVEN,) else _listed(self.evidence, "or")
        are = "is" if self.records == 1 else "are"
        whole = f"{count(self.records, 'record')} {are} {count(self.persons, 'person')}, judged by {compared}"
        if self.links.empty:
            sentences = [f"{whole}: no record repeats another."]
        else:
            share = percent(len(self.links) / self.records) if len(self.links) >= self.records / 1000 else "under 0.1 %"
            are = "is" if len(self.links) == 1 else "are"
            again = f"{count(len(self.links), 'record')} ({share}) {are} of somebody who is there already"
            sentences = [f"{whole}: {again}."]
            sentences += self._links_in_words()
        if len(self.doubtful):
            reasons = self.doubtful["reason"].value_counts().sort_index().sort_values(ascending=False, kind="stable")
            doubtful = f"{count(len(self.doubtful), 'doubtful pair')} {'is' if len(self.doubtful) == 1 else 'are'}"
            listed = ", ".join(f"{reason} ({pairs:,})" for reason, pairs in reasons.items())
            sentences.append(f"{doubtful} listed and not linked: {listed}.")
        return tuple(sentences)

    def _links_in_words(self) -> Iterator[str]:
        if self.evidence != (GIVEN,):
            kinds = self.links["evidence"].value_counts().sort_index().sort_values(ascending=False, kind="stable")
            evidence = _listed(str(kinds.index[0]).split(", "), "and")
            several = int(self.links["evidence"].str.contains(", ").sum())
            yield (
                f"The commonest evidence is the same {evidence} ({kinds.iloc[0]:,} of "
                f"{count(len(self.links), 'link')}); links that rest on more than one thing: {several:,}."
            )
        if self.largest > 2:
            yield f"The most records of one person are {self.largest}."

    def metrics(self) -> dict[str, float]:
        return {
            "records": self.records,
            "persons": self.persons,
            "links": len(self.links),
            "doubtful_pairs": len(self.doubtful),
            "largest_person_records": self.largest,
        }

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the pairs by evidence: those that were linked, and those that were not with the reason."""
        outcomes = self.outcomes().head(12)
        ax = style.axes(ax, height=max(2.6, 1.4 + 0.36 * len(outcomes)))
        ax.set_title("Pairs of records by what they share")
        if outcomes.empty:
            ax.set(xticks=[], yticks=[])
            ax.set_axis_off()
            ax.text(0.5, 0.5, "no two records share anything", ha="center", va="center", transform=ax.transAxes)
            return style.describe(ax, f"An empty picture: no two records share anything. {self.findings()[0]}")
        colours = [style.PALETTE[0] if outcome == _LINKED else style.ACCENT for outcome in outcomes["outcome"]]
        bars = ax.barh(outcomes.index, outcomes["pairs"], color=colours)
        ax.bar_label(bars, fmt="{:,.0f}", padding=3)
        ax.set_yticks(outcomes.index, outcomes["evidence"] + ": " + outcomes["outcome"])
        ax.invert_yaxis()
        ax.margins(x=0.12)
        ax.xaxis.set_major_locator(_whole_numbers())
        ax.set_xlabel("pairs")
        return style.describe(ax, f"Bar chart of pairs of records by what they share. {self.findings()[0]}")


def _listed(words: Sequence[str], last: str) -> str:
    return f" {last} ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _whole_numbers() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(integer=True, nbins=6)


def find(customers: ibis.Table | None) -> IdentityResult:
    """Find the records of the customers table that are one person.

    A column `person_id` decides where it is there; then nothing is guessed. Otherwise records are compared by phone,
    e-mail, and name with birth year, in the columns that bear a usual name (`spelling.columns`); `matching.match` has
    the rules. Only these columns leave the engine.

    Parameters
    ----------
    customers : ibis.Table or None
        The clean customers table; nothing where the study has none.

    Returns
    -------
    IdentityResult
        Links are transitive, and a person bears the id of the earliest record (by `joined`, then by id).
    """
    if customers is None:
        return _result([], [], [], ())
    columns = spelling.columns(name for name in customers.columns if name not in CONTRACTS["customers"].names)
    given = GIVEN in customers.columns and int(customers[GIVEN].count().to_pandas()) > 0
    wanted = [GIVEN] if given else ["birth_year", "gender", *(name for names in columns.values() for name in names)]
    there = [name for name in ("customer_id", "joined", *dict.fromkeys(wanted)) if name in customers.columns]
    rows = customers.select(**{name: _plain(customers[name]) for name in there}).to_pandas()
    rows = rows.sort_values(["joined", "customer_id"] if "joined" in there else "customer_id", na_position="last")
    ids = rows["customer_id"].tolist()
    if given:
        return _result(ids, _as_given(rows[GIVEN].tolist()), [], (GIVEN,))
    contacts = {kind: columns[kind] for kind in ("phone", "e-mail") if columns[kind]}
    named = bool(columns["name"]) and "birth_year" in there
    evidence = (*contacts, "name with birth year") if named else tuple(contacts)
    if not evidence:
        return _result(ids, [], [], ())
    usable, doubts = {}, []
    for kind in contacts:
        usable[kind], worthless = sift(kind, _read(rows[contacts[kind]], _READERS[kind]))
        doubts += worthless
    links, further = match(_records(rows, usable, columns["name"]))
    return _result(ids, links, [*doubts, *further], evidence)


def _plain(value: Any) -> Any:
    """The contract's own columns as they are, any other as text: a phone may have been read as a number."""
    if value.get_name() in ("joined", "birth_year"):
        return value
    return (value.cast("int64") if value.type().is_floating() else value).cast("string")


def _read(rows: pd.DataFrame, reader: Callable[[str], tuple[str, str]]) -> list[list[tuple[str, str]]]:
    """Read the cells of each row; a cell may hold several numbers or addresses."""
    filled = rows.astype(object).where(rows.notna(), "")
    return [[reader(part) for part in _SEVERAL.split(" / ".join(cells))] for cells in filled.to_numpy().tolist()]


def _records(rows: pd.DataFrame, contacts: Mapping[str, list[frozenset[str]]], names: list[str]) -> list[Record]:
    blank = pd.Series("", index=rows.index)
    name = [" ".join(parts) for parts in rows[names].fillna("").to_numpy().tolist()]
    gender = rows["gender"].fillna("").map(spelling.gender) if "gender" in rows.columns else blank
    year = rows["birth_year"] if "birth_year" in rows.columns else pd.Series(pd.NA, index=rows.index)
    return [
        Record(
            contacts={kind: keys[position] for kind, keys in contacts.items()},
            name=spelling.name(name),
            birth_year=None if pd.isna(year) else int(year),
            gender=gender,
        )
        for position, (name, gender, year) in enumerate(zip(name, gender, year, strict=True))
    ]


def _as_given(persons: list[Any]) -> list[Link]:
    first: dict[Any, int] = {}
    links = []
    for position, person in enumerate(persons):
        if not pd.isna(person) and first.setdefault(person, position) != position:
            links.append(Link(first[person], position, f"given {GIVEN}"))
    return links


def _result(ids: list[str], links: list[Link], doubts: list[Doubt], evidence: tuple[str, ...]) -> IdentityResult:
    first = list(range(len(ids)))

    def person(position: int) -> int:
        while first[position] != position:
            position = first[position]
        return position

    for link in links:
        one, other = sorted((person(link.first), person(link.second)))
        first[other] = one
    linked = sorted({position for link in links for position in (link.first, link.second)})
    members = pd.DataFrame([(person(position), position) for position in linked], columns=["person", "record"])
    members = members.astype("int64").sort_values(["person", "record"])
    place = members.groupby("person").cumcount()
    # A pair that other evidence has linked after all is in doubt no longer.
    doubtful = {(d.first, d.second): d for d in reversed(doubts) if person(d.first) != person(d.second)}
    return IdentityResult(
        links=pd.DataFrame(
            [(ids[x.second], ids[x.first], ids[person(x.first)], x.evidence) for x in sorted(links, key=_order)],
            columns=["customer_id", "same_as", "person_id", "evidence"],
            dtype="object",
        ),
        doubtful=pd.DataFrame(
            [
                (ids[x.second], ids[x.first], x.evidence, x.reason, x.detail)
                for x in sorted(doubtful.values(), key=_order)
            ],
            columns=["customer_id", "same_as", "evidence", "reason", "detail"],
            dtype="object",
        ),
        members=pd.DataFrame(
            {
                "customer_id": [ids[position] for position in members["record"]],
                "person_id": [ids[position] for position in members["person"]],
                "place": place.to_numpy(),
            }
        ),
        records=len(ids),
        evidence=evidence,
    )


def _order(pair: Link | Doubt) -> tuple[int, int]:
    return pair.second, pair.first
