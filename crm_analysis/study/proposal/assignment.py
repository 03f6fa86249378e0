"""Which column of a file is which column of the contract: told by names, supported by contents."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from crm_analysis.study.config import Sql
from crm_analysis.study.proposal.contents import Contents, fits
from crm_analysis.study.proposal.relations import Relation
from crm_analysis.study.proposal.synonyms import BIRTH_DATE, GUESS, PEOPLE, SURE, UNIT_PRICE, WORDS, normalise, strength
from crm_analysis.study.reading.sources import literal, quote
from crm_analysis.study.tables import CONTRACTS, Column

# A column of words with more of them is no category.
_FEW = 50


@dataclass(frozen=True)
class Line:
    """A column of the contract, what it is made of, and what speaks against it (nothing: it is sure)."""

    column: str
    given: str | Sql
    doubt: str = ""


def assign(
    relation: Relation, table: str, *, ids: frozenset[str] = frozenset()
) -> tuple[dict[str, Line], tuple[str, ...]]:
    """Find what each column of a table of the contract is made of.

    Parameters
    ----------
    relation : Relation
        The rows and what their columns hold.
    table : str
        The table of the contract.
    ids : frozenset of str
        The ids of the customers, as another file has them.

    Returns
    -------
    dict of str to Line
        By column of the contract; what was not found is not in it.
    tuple of str
        Remarks: columns whose names and contents do not agree.
    """
    lines, remarks = _by_name(relation, table)
    taken = {line.given for line in lines.values()}
    free = [column for column in relation.columns if column.name not in taken]
    if table == "transactions":
        lines |= _amount(lines, free)
    if table == "customers":
        lines |= _birth_year(lines, free)
    lines |= _by_contents(lines, relation, table, ids)
    for column in CONTRACTS[table].columns:
        if column.one_of and column.name in lines:
            line, remark = _in_our_words(lines.pop(column.name), column, relation)
            remarks += [remark] if remark else []
            lines |= line
    return lines, tuple(remarks)


@dataclass(frozen=True)
class _Offer:
    """A column of the file that may be a column of the contract by its name; `degree` is how much the name says."""

    column: Column
    contents: Contents
    degree: int
    rank: int

    @property
    def exact(self) -> bool:
        return self.contents.name == self.column.name

    @property
    def fits(self) -> bool:
        return fits(self.column, self.contents)

    @property
    def loudness(self) -> tuple[bool, int, bool, int]:
        return self.exact and self.fits, self.degree if self.fits else -1, self.column.required, self.rank


def _by_name(relation: Relation, table: str) -> tuple[dict[str, Line], list[str]]:
    """Give each column of the contract the column of the file whose name speaks for it loudest."""
    spoken = [
        _Offer(column, contents, *said)
        for contents in relation.columns
        for column in CONTRACTS[table].columns
        if (said := strength(table, column.name, contents.name)) is not None
    ]
    offers = sorted(filter(_is_fair, spoken), key=lambda offer: offer.loudness, reverse=True)
    chosen: dict[str, _Offer] = {}
    taken: set[str] = set()
    for offer in offers:
        if offer.column.name not in chosen and offer.contents.name not in taken:
            chosen[offer.column.name] = offer
            taken.add(offer.contents.name)
    lines = {}
    for name, offer in chosen.items():
        rivals = [
            other.contents.name
            for other in offers
            if (other.column, other.degree, other.fits) == (offer.column, offer.degree, True)
            and other.contents.name not in taken
        ]
        # A name that stands twice has a number the second time.
        again = re.compile(re.escape(offer.contents.name) + r"_\d+")
        twins = [contents.name for contents in relation.columns if again.fullmatch(contents.name)]
        lines[name] = Line(name, offer.contents.name, _doubt(offer, rivals, twins))
    remarks = [
        f"{offer.contents.name!r} of {relation.label} is named like {offer.column.name}, but its contents are "
        "something else"
        for offer in spoken
        if offer.degree == SURE and not offer.fits and offer.contents.given
        if offer.column.name not in lines and offer.contents.name not in taken
    ]
    return lines, remarks


def _is_fair(offer: _Offer) -> bool:
    """Whether the contents bear the name out; the contract's own name is taken as it is, a mere guess needs more."""
    if offer.exact:
        return True
    return offer.fits and (offer.degree == SURE or offer.column.required or _few(offer.contents, offer.column))


def _few(contents: Contents, column: Column) -> bool:
    """Whether a mere guess of a name is supported by the contents: an order's id repeats, a category has few values."""
    if column.kind == "id":
        return not contents.is_unique
    return column.kind != "text" or len(contents.values) <= _FEW


def _doubt(offer: _Offer, rivals: list[str], twins: list[str]) -> str:
    contents = offer.contents
    reasons = []
    if offer.exact:
        reasons += ["its name is right, but its contents are not"] if contents.given and not offer.fits else []
        rivals = []
    elif offer.degree != SURE:
        reasons.append(f"the name {'may mean something else' if offer.degree == GUESS else 'says more than that'}")
    others = list(dict.fromkeys([*rivals, *twins]))
    if others:
        reasons.append("it may be " + " or ".join(f'"{other}"' for other in others))
    if offer.exact:
        return "; ".join(reasons)
    if offer.column.name == "discount" and contents.high is not None and contents.high <= 1:
        reasons.append("it looks like a share, and must be an amount of money")
    return "; ".join(reasons)


def _amount(lines: Mapping[str, Line], free: list[Contents]) -> dict[str, Line]:
    """Quantity times unit price where no column is surely the total; a lone price where there is no quantity."""
    found = lines.get("amount")
    if found is not None and not found.doubt.startswith("the name"):
        return {}
    money = Column("amount", "money")
    sure, guesses = (names.split() for names in UNIT_PRICE)
    prices = [c for names in (sure, guesses) for c in free if normalise(c.name) in names and fits(money, c)]
    if not prices:
        return {}
    price, quantity = prices[0], lines.get("quantity")
    if quantity is not None and isinstance(quantity.given, str):
        doubt = quantity.doubt and f"it rests on the quantity, and there {quantity.doubt}"
        if "discount" in lines and not doubt:
            doubt = f'"{lines["discount"].given}" is not deducted'
        return {"amount": Line("amount", Sql(f"{quote(quantity.given)} * {quote(price.name)}"), doubt)}
    if found is not None:
        return {}
    return {"amount": Line("amount", price.name, "it is a price, taken for the total of its row")}


def _birth_year(lines: Mapping[str, Line], free: list[Contents]) -> dict[str, Line]:
    if "birth_year" in lines:
        return {}
    for column in free:
        if normalise(column.name) in BIRTH_DATE.split() and column.dates >= 0.9:
            for begin, form in ((1, r"\d{4}\D?.*"), (7, r"\d\d\D\d\d\D\d{4}.*")):
                if all(re.fullmatch(form, value) for value in column.values):
                    return {"birth_year": Line("birth_year", Sql(f"substring({quote(column.name)}, {begin}, 4)"))}
    return {}


def _by_contents(lines: Mapping[str, Line], relation: Relation, table: str, ids: frozenset[str]) -> dict[str, Line]:
    """Required columns that no name speaks for, where exactly one column looks like it."""
    taken = {line.given for line in lines.values()}
    found: dict[str, Line] = {}
    free = [column for column in relation.columns if column.name not in taken and column.given]
    looks = {
        "time": [c for c in free if c.dates >= 0.9],
        "start": [c for c in free if c.dates >= 0.9],
        "amount": [c for c in free if c.numbers >= 0.95 and c.dates < 0.5 and c.whole < 0.9],
    }
    if ids and table != "customers":
        met = [c for c in free if sum(rows for value, rows in c.values.items() if value in ids) >= 0.8 * c.given]
        # The rows of a table other than the customers' own are numbered once, their customers come again.
        looks["customer_id"] = sorted(met, key=lambda c: c.is_unique)
    if table == "customers":
        looks["customer_id"] = [c for c in free if c.is_unique and c.dates < 0.5 and c.whole >= c.numbers]
    if table == "survey":
        looks["respondent_id"] = [c for c in free if c.is_unique and normalise(c.name) in PEOPLE.split()]
    for name in CONTRACTS[table].required:
        if name not in lines and looks.get(name):
            first, *others = looks[name]
            doubt = "its name does not say so, only its contents"
            if name == "respondent_id":
                doubt = "it names somebody, and every row another one"
            if others and name not in ("time", "customer_id"):
                continue
            if others:
                doubt += "; it may be " + " or ".join(f'"{other.name}"' for other in others)
            found[name] = Line(name, first.name, doubt)
    return found


def _in_our_words(line: Line, column: Column, relation: Relation) -> tuple[dict[str, Line], str]:
    """Translate the words of a column to the contract's by CASE, where most are known."""
    contents = column_of(relation, line.given)
    if contents is None or all(value in column.one_of for value in contents.values):
        return {column.name: line}, ""
    words = {word: ours for ours in column.one_of for word in WORDS[ours].split()}
    known = {value: words[value.lower()] for value in contents.values if value.lower() in words}
    there = ", ".join(list(contents.values)[:6])
    if sum(contents.values[value] for value in known) < 0.5 * contents.given:
        wanted = ", ".join(column.one_of)
        if line.given == column.name:
            return {column.name: replace(line, doubt=f"its values ({there}) are none of {wanted}")}, ""
        return {}, (
            f"{contents.name!r} of {relation.label} may be {column.name}, but its values ({there}) are none of "
            f'{wanted}: translate them with {{ sql = "CASE ..." }}'
        )
    cases = " ".join(f"WHEN {quote(contents.name)} = {literal(value)} THEN '{ours}'" for value, ours in known.items())
    strange = [value for value in contents.values if value not in known]
    unknown = f"no word is known for {', '.join(strange[:6])}" if strange else ""
    doubt = "; ".join(filter(None, [line.doubt, unknown]))
    return {column.name: Line(column.name, Sql(f"CASE {cases} END"), doubt)}, ""


def column_of(relation: Relation, given: str | Sql) -> Contents | None:
    """Return the column of the file that a line takes as it is."""
    return next((column for column in relation.columns if column.name == given), None)
