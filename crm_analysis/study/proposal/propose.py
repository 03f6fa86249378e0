"""Which table of the contract a file is, and how its columns map to it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

from crm_analysis.study.config import Sql
from crm_analysis.study.proposal import assignment, questionnaire
from crm_analysis.study.proposal.assignment import Line, column_of
from crm_analysis.study.proposal.contents import Contents, day_or_month_first
from crm_analysis.study.proposal.questionnaire import Questionnaire
from crm_analysis.study.proposal.relations import Relation
from crm_analysis.study.proposal.synonyms import CHURN, normalise, table_named
from crm_analysis.study.reading.sources import quote
from crm_analysis.study.tables import CONTRACTS
from crm_analysis.table import count

# Below this no table of the contract is recognised in a file.
_ENOUGH = 4


@dataclass(frozen=True)
class Proposal:
    """How a relation maps to a table of the contract; `score` says how well it does."""

    relation: Relation
    table: str
    lines: tuple[Line, ...]
    missing: tuple[str, ...]
    score: float
    remarks: tuple[str, ...] = ()
    items: Questionnaire | None = None
    churn: str = ""
    time_formats: tuple[str, str] | None = None
    one_per: str = ""
    pad: Mapping[str, int] = field(default_factory=dict)
    source: str = ""

    def line(self, column: str) -> Line | None:
        return next((line for line in self.lines if line.column == column), None)

    def contents(self, column: str) -> Contents | None:
        """Return what the file's column holds that a column of the contract is made of, if it is one column."""
        line = self.line(column)
        return None if line is None else column_of(self.relation, line.given)

    @property
    def unused(self) -> tuple[str, ...]:
        """Columns of the file that no line mentions; in tables that keep further columns they stay as they are."""
        used = " ".join(line.given if isinstance(line.given, str) else line.given.expression for line in self.lines)
        named = {line.given for line in self.lines if isinstance(line.given, str)}
        items = {*self.items.items, *self.items.codes} if self.items else set()
        return tuple(
            column.name
            for column in self.relation.columns
            if column.name not in named and column.name not in items and quote(column.name) not in used
        )


def best(relation: Relation, *, ids: frozenset[str] = frozenset()) -> Proposal | None:
    """Propose the table that suits a relation best.

    Parameters
    ----------
    relation : Relation
        With a table, that one is taken.
    ids : frozenset of str
        The ids of the customers, as another file has them; a column with such values may be the customer's id.

    Returns
    -------
    Proposal, or None
        Nothing where the relation looks like no table of the contract.
    """
    if relation.table is not None:
        return propose(relation, relation.table, ids=ids)
    ranked = sorted((propose(relation, table, ids=ids) for table in CONTRACTS), key=lambda found: -found.score)
    first, second = ranked[:2]
    if first.score < _ENOUGH:
        return None
    if second.score >= max(_ENOUGH, first.score - 0.5):
        remark = f"{relation.label} is taken for {first.table}, but may be {second.table} too"
        return replace(first, remarks=(remark, *first.remarks))
    return first


def propose(relation: Relation, table: str, *, ids: frozenset[str] = frozenset()) -> Proposal:
    """Map a relation to one table of the contract.

    Parameters
    ----------
    relation : Relation
        The rows.
    table : str
        A table of the contract.
    ids : frozenset of str
        The ids of the customers, as another file has them.

    Returns
    -------
    Proposal
    """
    contract = CONTRACTS[table]
    lines, remarks = assignment.assign(relation, table, ids=ids)
    missing = tuple(name for name in contract.required if name not in lines)
    taken = {line.given for line in lines.values()}
    items = None
    if table == "survey":
        free = [column for column in relation.columns if column.name not in taken]
        items = questionnaire.find(free)
        known = {*items.items, *items.codes} if items else set()
        worded = questionnaire.in_words([column for column in free if column.name not in known])
        if worded:
            some = ", ".join((*worded[:3], *("..." for _ in worded[3:4])))
            remarks += (
                f"{count(len(worded), 'column')} of {relation.label} ({some}) hold answers in words: they are items "
                "only once a CASE makes numbers of them",
            )
        missing = tuple(name for name in missing if name != "respondent_id")
    customers = table == "customers" and "customer_id" in lines
    key = column_of(relation, lines["customer_id"].given) if customers else None
    proposal = Proposal(
        relation=relation,
        table=table,
        lines=tuple(lines[name] for name in contract.names if name in lines),
        missing=missing,
        score=0,
        remarks=remarks,
        items=items,
        churn=_churn(relation, taken) if table == "customers" else "",
        time_formats=_time_formats(relation, table, lines),
        one_per="customer_id" if key is not None and key.distinct < 0.9 else "",
    )
    return replace(proposal, score=_score(proposal, key, ids))


def _churn(relation: Relation, taken: Collection[str | Sql]) -> str:
    """The column that says who has left, by its name and its two values."""
    free = (column for column in relation.columns if column.name not in taken)
    return next((c.name for c in free if normalise(c.name) in CHURN.split() and len(c.values) == 2), "")


def _time_formats(relation: Relation, table: str, lines: Mapping[str, Line]) -> tuple[str, str] | None:
    """The two readings of dates of which none tells the day from the month, if all dates of the table share them."""
    times = [column.name for column in CONTRACTS[table].columns if column.kind == "time" and column.name in lines]
    found = {day_or_month_first(contents) for name in times if (contents := column_of(relation, lines[name].given))}
    return found.pop() if len(found) == 1 else None


def _score(proposal: Proposal, key: Contents | None, ids: frozenset[str]) -> float:
    """Points for what speaks for a table: its name, required columns, further columns, and what its rows look like."""
    contract = CONTRACTS[proposal.table]
    score = 3.0 if table_named(proposal.relation.name) == proposal.table else 0.0
    for line in proposal.lines:
        weight = 2 if line.column in contract.required else 1
        score += weight / 2 if line.doubt else weight
    score -= 3 * len(proposal.missing)
    if proposal.table == "customers":
        # A log names its customers again and again, a list of customers only some of them.
        again = -6 if key is not None and key.distinct < 0.5 else -2
        score += again if proposal.one_per else 2 if key is not None and key.is_unique else 0
        # Dates and money that are not the customer's make a log, even if in a short one nobody comes twice.
        rest = [column for column in proposal.relation.columns if column.name in proposal.unused]
        dated = any(column.dates >= 0.9 for column in rest)
        score -= 2 if dated and any(column.numbers >= 0.95 and column.whole < 0.9 for column in rest) else 0
    known = proposal.contents("customer_id")
    if known is not None and sum(rows for value, rows in known.values.items() if value in ids) >= 0.8 * known.given:
        score += 1
    if proposal.table == "survey":
        others = len(proposal.relation.columns) - len(proposal.lines)
        size = proposal.items.size if proposal.items is not None else 0
        score += 5 if size and size >= 0.4 * others else -4
    return score


def in_words(proposals: Collection[Proposal]) -> list[str]:
    """Say in sentences what is unsure and what was not found."""
    return [f"{sentence}." for proposal in proposals for sentence in _said(proposal)]


def _said(proposal: Proposal) -> Iterator[str]:
    table, label = proposal.table, proposal.relation.label
    yield from proposal.remarks
    if not proposal.relation.columns:
        yield f"{table}: {label} seems to have no header line; name its columns in order under names"
        return
    for line in proposal.lines:
        if line.doubt:
            yield f"{table}: {line.column} {_made_of(line.given)} is unsure: {line.doubt}"
    for name in proposal.missing:
        yield f"{table}: no column of {label} looks like the required {name}; fill it in"
    if proposal.time_formats:
        first, second = proposal.time_formats
        yield f"{table}: no date tells the day from the month; {first} is taken, but it may be {second}"
    if proposal.one_per:
        yield f"{table}: {proposal.one_per} stands in several rows of {label}; the first row of each is read"
    for name, width in proposal.pad.items():
        yield f"{table}: {name} seems to have lost leading zeros; they are put back to {width} digits"
    if proposal.items is not None:
        yield from _said_of(proposal.items)


def _made_of(given: str | Sql) -> str:
    if isinstance(given, str):
        return f'= "{given}"'
    words = re.match(r'CASE WHEN ("[^"]+")', given.expression)
    return f"from the words of {words.group(1)}" if words else f"= {given.expression}"


def _said_of(items: Questionnaire) -> Iterator[str]:
    (low, high), (lowest, highest) = items.scale, items.seen
    yield (
        f"survey: {count(items.size, 'column')} look like answers, {low} to {high}; they stand under one construct: "
        "divide them by hand"
    )
    if items.seen != items.scale:
        yield f"survey: answers reach from {lowest} to {highest} only, so the scale {low} to {high} is a guess"
    if items.missing:
        codes = ", ".join(map(str, items.missing))
        yield f"survey: codes taken for no answer: {codes} ({count(sum(items.missing.values()), 'answer')})"
    if items.codes:
        yield f"survey: items with another scale are listed under [survey.codes]: {', '.join(items.codes)}"
