"""Defaults: what lavaan's `sem` adds to a model that says only what measures what and what causes what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

from crm_analysis.errors import UsageError
from crm_analysis.satisfaction.specification.construct import Construct
from crm_analysis.satisfaction.syntax import Row

Path = tuple[str, str]


def variable(construct: Construct, extra: Iterable[Row] = ()) -> str:
    """Return the name under which a construct stands in rows: its own, or that of its only item.

    A construct with one item *is* that item, unless the model says something of its measurement: a loading or, with
    the reliability known, the variance of the item's error.
    """
    if not construct.is_single or construct.name == construct.items[0]:
        return construct.items[0] if construct.is_single else construct.name
    item = construct.items[0]
    said = any(row.key in ((construct.name, "=~", item), (item, "~~", item)) for row in extra)
    return construct.name if said else item


def complete(constructs: Sequence[Construct], paths: Iterable[Path], extra: Sequence[Row]) -> tuple[Row, ...]:
    """Return every parameter of a model, as lavaan's `sem` would have them.

    Parameters
    ----------
    constructs : sequence of Construct
        What is measured, and by which items; the items of a second-order construct are constructs.
    paths : iterable of (source, target)
        Names of constructs.
    extra : sequence of Row
        What the author wrote beside: labels, fixed values, covariances, formulas. A row about a parameter that the
        defaults know replaces it.

    Returns
    -------
    tuple of Row
        Loadings (the first fixed at 1), weights of composites (the first fixed at 1), paths, what `extra` adds,
        variances, covariances of exogenous variables, covariances of variables that only are targets, formulas. A
        residual variance is fixed at 0 for a composite and for the item of a construct with one item.

    References
    ----------
    Rosseel, Y. (2012). lavaan: an R package for structural equation modeling. Journal of Statistical Software 48(2).
    """
    names = {construct.name: variable(construct, extra) for construct in constructs}
    extra = [_named(row, names) for row in extra]
    written = {row.key: row for row in extra}
    measured = [
        construct for construct in constructs if names[construct.name] == construct.name and _is_made(construct)
    ]
    loadings = [row for construct in measured for row in _measurement(construct, names)]
    regressions = [Row(names[target], "~", names[source]) for source, target in paths]
    given = [*_chosen([*loadings, *regressions], written)]
    keys = {row.key for row in given}
    beside = [row for row in extra if row.key not in keys and row.op in ("~~", "~1", "~")]
    keys |= {row.key for row in beside}
    added = [
        *_variances(constructs, measured, names, given),
        *_covariances(constructs, names, [*given, *beside]),
    ]
    formulas = [row for row in extra if row.op in (":=", "==")]
    return (*given, *beside, *(replace(row, assumed=True) for row in added if row.key not in keys), *formulas)


def _named(row: Row, names: Mapping[str, str]) -> Row:
    """A row that names a construct which is its item, with the item in its place."""
    if row.op in (":=", "=="):
        return row
    return replace(row, lhs=names.get(row.lhs, row.lhs), rhs=names.get(row.rhs, row.rhs))


def _is_made(construct: Construct) -> bool:
    """Whether the construct is a variable of its own, and not one of the columns."""
    return not (construct.is_single and construct.items[0] == construct.name)


def _measurement(construct: Construct, names: Mapping[str, str]) -> Iterator[Row]:
    op = "=~" if construct.kind == "reflective" else "<~"
    for place, item in enumerate(construct.items):
        yield Row(construct.name, op, names.get(item, item), value=1.0 if place == 0 else None)


def _chosen(rows: Iterable[Row], written: Mapping[tuple[str, str, str], Row]) -> Iterator[Row]:
    """The author's row where there is one; a first loading stays fixed at 1 unless it is given a value or NA."""
    for row in rows:
        own = written.get(row.key)
        if own is None:
            yield row
        else:
            yield _settled(own, row.value)


def _settled(own: Row, value: float | None) -> Row:
    """The author's row, with the value of the default where it leaves that open."""
    if own.by_group:
        return replace(own, by_group=tuple(_settled(one, value) for one in own.by_group))
    return own if own.value is not None or own.free else replace(own, value=value)


def _variances(
    constructs: Sequence[Construct], measured: Sequence[Construct], names: Mapping[str, str], given: Sequence[Row]
) -> Iterator[Row]:
    lone = {names.get(item, item) for construct in measured if construct.is_single for item in construct.items}
    latent = {construct.name for construct in measured}
    # A composite's items are given, not explained: lavaan leaves their variances as they are in the sample.
    weighed = {row.rhs for row in given if row.op == "<~"} - {row.rhs for row in given if row.op == "=~"}
    items = dict.fromkeys(names.get(item, item) for construct in constructs for item in construct.items)
    for item in items:
        if item not in latent and item not in weighed:
            yield Row(item, "~~", item, value=0.0 if item in lone else None)
    for construct in measured:
        fixed = construct.kind == "composite" or construct.name in lone
        yield Row(construct.name, "~~", construct.name, value=0.0 if fixed else None)


def _covariances(constructs: Sequence[Construct], names: Mapping[str, str], given: Sequence[Row]) -> Iterator[Row]:
    caused = {row.lhs for row in given if row.op in ("~", "<~")} | {row.rhs for row in given if row.op == "=~"}
    causing = {row.rhs for row in given if row.op == "~"}
    # The item of a construct that is its item counts as the construct; other items have a construct as their cause.
    variables = [names[construct.name] for construct in constructs]
    for first, second in combinations([name for name in variables if name not in caused], 2):
        yield Row(first, "~~", second)
    targets = {row.lhs for row in given if row.op == "~"} - {row.rhs for row in given if row.op == "=~"} - causing
    composite = {construct.name for construct in constructs if construct.kind == "composite"}
    for first, second in combinations([name for name in variables if name in targets - composite], 2):
        yield Row(first, "~~", second)


def split(rows: Sequence[Row]) -> tuple[tuple[Construct, ...], tuple[Path, ...], tuple[Row, ...]]:
    """Return the constructs, paths and further rows of a model that was written as rows.

    Parameters
    ----------
    rows : sequence of Row
        As `syntax.parse` gives them.

    Returns
    -------
    constructs, paths, extra
        A variable that no row measures and that is no item becomes a construct with itself as its item; a construct
        that is written with one item stays a variable beside it, as in lavaan. lavaan lets latent exogenous variables
        covary, and observed ones, but not one with the other: such pairs are fixed at 0.

    Raises
    ------
    UsageError
        If a construct has items and is a composite too.
    """
    items: dict[str, list[str]] = {}
    kinds: dict[str, str] = {}
    for row in rows:
        if row.op in ("=~", "<~"):
            kind = "reflective" if row.op == "=~" else "composite"
            if kinds.setdefault(row.lhs, kind) != kind:
                raise UsageError(
                    f"The construct {row.lhs!r} stands before =~ and before <~; it can be one of them only."
                )
            items.setdefault(row.lhs, []).append(row.rhs)
    latent = tuple(items)
    measuring = {item for listed in items.values() for item in listed}
    for row in rows:
        for name in (row.lhs, row.rhs) if row.op in ("~", "~~", "~1") else ():
            if name and name not in items and name not in measuring:
                items[name] = [name]
    constructs = tuple(Construct(name, tuple(listed), kinds.get(name, "reflective")) for name, listed in items.items())
    paths = tuple((row.rhs, row.lhs) for row in rows if row.op == "~" and row.lhs in items and row.rhs in items)
    extra = [row for row in rows if _is_extra(row, items) or (row.op in ("=~", "<~") and len(items[row.lhs]) == 1)]
    caused = {row.lhs for row in rows if row.op == "~"} | measuring
    names = {construct.name: variable(construct, extra) for construct in constructs}
    apart = [
        Row(names[one], "~~", names[other], value=0.0, assumed=True)
        for one in items
        for other in items
        if one in latent and other not in latent and not {one, other} & caused and kinds[one] == "reflective"
    ]
    written = {row.key for row in extra}
    return constructs, paths, (*extra, *(row for row in apart if row.key not in written))


def _is_extra(row: Row, variables: Iterable[str]) -> bool:
    """Whether a row says more than that an item measures a construct or one construct causes another."""
    if row.op == "~" and not {row.lhs, row.rhs} <= set(variables):
        return True
    return row.op not in ("=~", "<~", "~") or row != Row(row.lhs, row.op, row.rhs)
