"""Matching: which pairs of customer records are one person, and which only look like it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from crm_analysis.study.people import spelling

MOST_SHARING = 4
"""A phone number or e-mail address in more records than this is a household's or a firm's: it links nobody."""

MOST_NAMESAKES = 20
"""A name that more persons bear links nobody, whatever the birth year."""

CHANCE = 0.05
"""Names with birth years link only where chance explains at most this share of the pairs that are found."""


@dataclass(frozen=True)
class Link:
    """Two records, by position, that are one person, and what they share."""

    first: int
    second: int
    evidence: str


@dataclass(frozen=True)
class Doubt:
    """Two records, by position, that share something, and why that links them not; `detail` gives the numbers."""

    first: int
    second: int
    evidence: str
    reason: str
    detail: str = ""


@dataclass(frozen=True)
class Record:
    """What a record of the customers table says about who the customer is; what it does not say is empty."""

    contacts: Mapping[str, frozenset[str]]
    name: tuple[str, ...]
    birth_year: int | None
    gender: str

    def contradicts(self, other: Record) -> str:
        """Say what speaks against the two being one person; nothing if they agree."""
        if self.birth_year and other.birth_year and self.birth_year != other.birth_year:
            return "different birth years"
        if self.gender and other.gender and self.gender != other.gender:
            return "different genders"
        likeness = spelling.alike(self.name, other.name) if self.name and other.name else "same"
        if likeness == "nothing":
            return "names that share nothing"
        # A changed surname is common; a relative who was born in the same year is not.
        return "names that differ in part" if likeness == "part" and not self._same_year(other) else ""

    def reachable_elsewhere(self, other: Record) -> bool:
        """Whether both have a phone, or both an e-mail, and they have none in common."""
        both_known = False
        for kind, own in self.contacts.items():
            others = other.contacts[kind]
            if own and others:
                both_known = True
                if not own.isdisjoint(others):
                    return False
        return both_known

    def shares(self, other: Record) -> str:
        """Write what the two have in common: ``phone, name, birth year``."""
        kinds = [kind for kind, own in self.contacts.items() if not own.isdisjoint(other.contacts[kind])]
        if self.name and other.name and spelling.alike(self.name, other.name) == "same":
            kinds.append("name")
        return ", ".join([*kinds, "birth year"] if self._same_year(other) else kinds)

    def _same_year(self, other: Record) -> bool:
        return self.birth_year is not None and self.birth_year == other.birth_year


def sift(kind: str, given: Sequence[Iterable[tuple[str, str]]]) -> tuple[list[frozenset[str]], list[Doubt]]:
    """Keep the phone numbers, or e-mail addresses, that can identify a person.

    Parameters
    ----------
    kind : str
        ``phone`` or ``e-mail``.
    given : sequence of iterables of (str, str)
        For each record its numbers as `spelling.phone` or `spelling.email` returns them.

    Returns
    -------
    list of frozenset
        For each record those that are neither masked nor dummies nor shared by more than `MOST_SHARING` records.
    list of Doubt
        Of the others, each record that shares one paired with the first record that has it.
    """
    holders: dict[tuple[str, str], list[int]] = defaultdict(list)
    for position, keys in enumerate(given):
        for key in sorted(set(keys)):
            if key[0]:
                holders[key].append(position)
    kept: list[set[str]] = [set() for _ in given]
    doubts = []
    for (contact, flaw), positions in holders.items():
        if not flaw and len(positions) <= MOST_SHARING:
            for position in positions:
                kept[position].add(contact)
            continue
        reason = f"{flaw} {kind}" if flaw else f"{kind} shared by many records"
        detail = f"in {len(positions)} records"
        doubts += [Doubt(positions[0], position, kind, reason, detail) for position in positions[1:]]
    return [frozenset(keys) for keys in kept], doubts


def match(records: Sequence[Record]) -> tuple[list[Link], list[Doubt]]:
    """Decide which pairs of records are one person.

    First come pairs with a phone or an e-mail in common, those with most in common before the others; a contradiction
    (birth years, genders, names) leaves a pair in doubt, also one between other records of the two persons that the
    link would join. Then come pairs with the same name and the same birth year, unless their phones or e-mails differ.

    Two people may share a name and a birth year by chance. With m pairs of the same name, and c the share of pairs
    with different names that were born in the same year, m c of the m are expected to be born in the same year by
    chance. Pairs link up to the commonest names for which that is at most `CHANCE` of the pairs that were found among
    names that as many or fewer persons bear: the estimated false discovery rate.

    Parameters
    ----------
    records : sequence of Record
        The earliest first.

    Returns
    -------
    list of Link
        A person of n records has n - 1 links.
    list of Doubt

    References
    ----------
    Fellegi, I. P. and Sunter, A. B. (1969). A theory for record linkage. JASA 64, 1183-1210.
    Storey, J. D. (2002). A direct approach to false discovery rates. JRSS B 64, 479-498.
    """
    persons = _Persons(records)
    by_contact = _sharing_a_contact(records)
    verdicts = [persons.judge(first, second) for first, second in by_contact]
    verdicts += _namesakes(records, persons)
    found = [verdict for verdict in verdicts if verdict is not None]
    return [v for v in found if isinstance(v, Link)], [v for v in found if isinstance(v, Doubt)]


class _Persons:
    """Records put together so far: who belongs to whom, and what is known of each person."""

    def __init__(self, records: Sequence[Record]):
        self.records = records
        self._first = list(range(len(records)))
        # Only what can be contradicted is kept, each thing once: long chains of equal records stay cheap.
        self._known = {
            position: {(record.name, record.birth_year, record.gender): record}
            for position, record in enumerate(records)
        }

    def of(self, position: int) -> int:
        """Return the position of the first record of the person."""
        while self._first[position] != position:
            self._first[position] = self._first[self._first[position]]
            position = self._first[position]
        return position

    def judge(self, first: int, second: int) -> Link | Doubt | None:
        """Link two records if nothing speaks against it; nothing is returned if they are one person already."""
        one, other = self.of(first), self.of(second)
        if one == other:
            return None
        shared = self.records[first].shares(self.records[second])
        reason = self.records[first].contradicts(self.records[second])
        if reason:
            return Doubt(first, second, shared, reason)
        against = (a.contradicts(b) for a in self._known[one].values() for b in self._known[other].values())
        reason = next(filter(None, against), "")
        if reason:
            return Doubt(first, second, shared, f"{reason} in other records of the two")
        one, other = sorted((one, other))
        self._first[other] = one
        self._known[one] |= self._known.pop(other)
        return Link(first, second, shared)


def _sharing_a_contact(records: Sequence[Record]) -> list[tuple[int, int]]:
    """Pairs with a phone or an e-mail in common, those with most in common first."""
    holders: dict[tuple[str, str], list[int]] = defaultdict(list)
    for position, record in enumerate(records):
        for kind, keys in record.contacts.items():
            for key in keys:
                holders[kind, key].append(position)
    pairs = {pair for positions in holders.values() for pair in combinations(positions, 2)}
    return sorted(pairs, key=lambda pair: (-records[pair[0]].shares(records[pair[1]]).count(","), pair))


def _namesakes(records: Sequence[Record], persons: _Persons) -> Iterator[Link | Doubt | None]:
    """Judge pairs with the same name and the same birth year."""
    namesakes = _by_name(records)
    coincidence = _same_year_by_chance(records, namesakes)
    # By how many persons bear the name: all pairs that could be one person, and those born in the same year.
    possible: Counter[int] = Counter()
    found: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for positions in namesakes:
        bearers = len({persons.of(position) for position in positions})
        if bearers > MOST_NAMESAKES:
            yield from _too_common(records, positions, bearers)
            continue
        for first, second in combinations(positions, 2):
            one, other = records[first], records[second]
            if persons.of(first) == persons.of(second):
                continue
            same_year = one.birth_year == other.birth_year
            if not one.reachable_elsewhere(other):
                possible[bearers] += 1
                if same_year:
                    found[bearers].append((first, second))
            elif same_year:
                yield Doubt(first, second, one.shares(other), "another phone or e-mail")
    expected, seen, trusted = 0.0, 0, 0
    odds = {}
    for bearers in sorted(possible):
        expected, seen = expected + coincidence * possible[bearers], seen + len(found[bearers])
        odds[bearers] = f"{expected:.2g} expected by chance, {seen} found"
        trusted = bearers if expected <= CHANCE * seen else trusted
    for bearers, pairs in sorted(found.items()):
        for first, second in pairs:
            if bearers <= trusted:
                yield persons.judge(first, second)
            else:
                shared = records[first].shares(records[second])
                yield Doubt(first, second, shared, "chance explains it", odds[bearers])


def _by_name(records: Sequence[Record]) -> list[list[int]]:
    """Positions of the records with a birth year, those with the same name together."""
    bearers: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for position, record in enumerate(records):
        if record.name and record.birth_year:
            bearers[record.name].append(position)
    spellings: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for name in list(bearers):
        known = spellings[spelling.letters(name)]
        same = next((other for other in known if spelling.same_name(name, other)), None)
        if same is None:
            known.append(name)
        else:
            bearers[same] += bearers.pop(name)
    return [sorted(positions) for positions in bearers.values()]


def _too_common(records: Sequence[Record], positions: Sequence[int], bearers: int) -> Iterator[Doubt]:
    of_year: dict[int | None, list[int]] = defaultdict(list)
    for position in positions:
        of_year[records[position].birth_year].append(position)
    for first, *others in of_year.values():
        for other in others:
            shared = records[first].shares(records[other])
            yield Doubt(first, other, shared, "chance explains it", f"{bearers} persons bear the name")


def _same_year_by_chance(records: Sequence[Record], namesakes: Iterable[Sequence[int]]) -> float:
    """Share of pairs with different names that were born in the same year.

    Few records tell little about it, so fifty pairs with one coincidence are added: adults' birth years spread over
    about fifty.
    """
    dated: list[int] = []
    alike, alike_same_year = 0, 0
    for positions in namesakes:
        years = [records[position].birth_year or 0 for position in positions]
        dated += years
        alike += _pairs(len(years))
        alike_same_year += sum(map(_pairs, Counter(years).values()))
    same_year = sum(map(_pairs, Counter(dated).values()))
    return (same_year - alike_same_year + 1) / (_pairs(len(dated)) - alike + 50)


def _pairs(number_of: int) -> int:
    return number_of * (number_of - 1) // 2
