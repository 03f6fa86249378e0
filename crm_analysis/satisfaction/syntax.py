"""Syntax: a structural model written as text, in lavaan's notation, and read into rows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from crm_analysis.errors import UsageError

_OPERATOR = re.compile(r"=~|<~|~\*~|~~|:=|==|~|<|>|\||%|=")
_NAME = re.compile(r"[^\W\d][\w.]*")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_QUOTED = re.compile(r"""["']([^\W\d][\w.]*)["']""")
_CALL = re.compile(r"(\w+)\((.*)\)")
_EXPONENT = re.compile(r"(?<![\w.])(\d+\.?\d*|\.\d+)[eE]\+")
_PLUS = re.compile(r"\+(?![^()]*\))")  # not within brackets
_FUNCTIONS = ("exp", "log", "sqrt", "abs")
_PLAIN: dict[str, Any] = {"label": "", "value": None, "free": False, "start": None}


@dataclass(frozen=True)
class Row:
    """One parameter or one formula of a structural model.

    Attributes
    ----------
    lhs, op, rhs : str
        ``=~`` construct and item, ``<~`` composite and item, ``~`` target and source, ``~~`` two variables that covary
        (or one and its variance), ``~1`` a variable (`rhs` is empty), ``:=`` a name and a formula of labels, ``==``
        two formulas of labels.
    label : str
        Rows with the same label are one parameter.
    value : float or None
        The parameter is fixed at this number; None: it is free.
    free : bool
        Written with ``NA*``: the parameter is free even where the default would fix it.
    start : float or None
        Where an estimator may begin to search; it does not change the answer.
    by_group : tuple of Row
        Written with ``c(a, b)*``: what holds in each group instead, in the order of the groups.
    assumed : bool
        Added by the defaults, not written by the author. Rows that differ in this only are equal.
    """

    lhs: str
    op: str
    rhs: str
    label: str = ""
    value: float | None = None
    free: bool = False
    start: float | None = None
    by_group: tuple[Row, ...] = ()
    assumed: bool = field(default=False, compare=False)

    def of(self, group: int) -> Row:
        """Return what holds in a group."""
        return self.by_group[group] if self.by_group else self

    @property
    def labels(self) -> tuple[str, ...]:
        """The label, or those of the groups."""
        return tuple(dict.fromkeys(row.label for row in self.by_group or (self,) if row.label))

    @property
    def key(self) -> tuple[str, str, str]:
        """What the row is about: a covariance is the same from either side."""
        if self.op == "~~":
            first, second = sorted((self.lhs, self.rhs))
            return first, "~~", second
        return self.lhs, self.op, self.rhs

    def __str__(self) -> str:
        if self.op in (":=", "=="):
            return f"{self.lhs} {self.op} {self.rhs}"
        right = "1" if self.op == "~1" else self.rhs
        terms = []
        if any(row.value is not None or row.free for row in self.by_group):
            fixed = ("NA" if row.value is None else f"{row.value:.17g}" for row in self.by_group)
            terms.append(f"c({', '.join(fixed)})*{right}")
        if self.labels and self.by_group:
            terms.append(f"c({', '.join(row.label or 'NA' for row in self.by_group)})*{right}")
        if self.value is not None:
            terms.append(f"{self.value:.17g}*{right}")
        elif self.free:
            terms.append(f"NA*{right}")
        elif self.start is not None:
            terms.append(f"start({self.start:.17g})*{right}")
        if self.label:
            terms.append(f"{self.label}*{right}")
        return f"{self.lhs} {'~' if self.op == '~1' else self.op} {' + '.join(terms or [right])}"


def parse(text: str) -> tuple[Row, ...]:
    """Read a model in lavaan's notation.

    Parameters
    ----------
    text : str
        One formula a line, or several with ``;`` between them; a line without an operator goes on with the formula
        before it. ``#`` and ``!`` begin a comment. Operators: ``=~``, ``<~``, ``~``, ``~~``, ``~ 1``, ``:=``, ``==``.
        A term may be multiplied by a number (fixed), a label, ``NA`` (free), ``start(0.5)`` or ``label("a")``; by
        ``c(a, b)`` or ``c(1, NA)`` for each group its own.

    Returns
    -------
    tuple of Row
        What was written, in its order, without defaults; two terms about the same parameter are one row.

    Raises
    ------
    UsageError
        If a formula is not understood; the message repeats it and names the cure.

    References
    ----------
    Rosseel, Y. (2012). lavaan: an R package for structural equation modeling. Journal of Statistical Software 48(2).

    Examples
    --------
    >>> [str(row) for row in parse("visual =~ x1 + a*x2; x1 ~~ 0*x2")]
    ['visual =~ x1', 'visual =~ a*x2', 'x1 ~~ 0*x2']
    """
    found: dict[tuple[str, str, str], Row] = {}
    for formula in _formulas(text):
        for row in _rows(formula):
            found[row.key] = _merged(found[row.key], row, formula) if row.key in found else row
    if not found:
        raise UsageError('The model text holds no formula; write lines such as "satisfaction =~ Q1 + Q2 + Q3".')
    rows = tuple(found.values())
    _check_labels(rows)
    return rows


def write(rows: Iterable[Row]) -> str:
    """Write rows as a model text that `parse` reads back: one formula a line."""
    return "".join(f"{row}\n" for row in rows)


def names_in(formula: str) -> tuple[str, ...]:
    """Return the labels that a formula uses, each once, in their order."""
    without_numbers = re.sub(r"(?<![\w.])(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", " ", formula)
    return tuple(dict.fromkeys(name for name in _NAME.findall(without_numbers) if name not in _FUNCTIONS))


def _formulas(text: str) -> Iterator[str]:
    lines = [re.split(r"[#!]", line)[0].strip() for line in text.replace(";", "\n").splitlines()]
    formula = ""
    for line in filter(None, lines):
        if not _OPERATOR.search(line):
            if not formula:
                raise UsageError(f"The model begins with {line!r}, which has no operator such as =~, ~ or ~~.")
            formula = f"{formula} {line}"
            continue
        if formula:
            yield formula
        formula = line
    if formula:
        yield formula


def _rows(formula: str) -> Iterator[Row]:
    operator = _OPERATOR.search(formula)
    assert operator is not None
    left, op, right = formula[: operator.start()].strip(), operator[0], formula[operator.end() :].strip()
    if op not in ("=~", "<~", "~", "~~", ":=", "=="):
        raise UsageError(f"The operator {op} in {formula!r} is not supported; use =~, <~, ~, ~~, := or ==.")
    if not left or not right:
        raise UsageError(f"The formula {formula!r} has nothing on one side of {op}; write both sides.")
    if op in (":=", "=="):
        if op == ":=" and not _NAME.fullmatch(left):
            raise UsageError(f"In {formula!r} the name before := must be one word of letters and digits.")
        yield Row(left, op, re.sub(r"\s+", " ", right))
        return
    for lhs in (part.strip() for part in left.split("+")):
        if not _NAME.fullmatch(lhs):
            raise UsageError(
                f"In {formula!r} the left side must hold names without modifiers, not {lhs!r}; write what multiplies "
                f"a term on the right side of {op}."
            )
        # The plus of 1e+3 joins no terms.
        for term in _PLUS.split(_EXPONENT.sub(r"\1e", right)):
            yield _term(lhs, op, term.strip(), formula)


def _term(lhs: str, op: str, term: str, formula: str) -> Row:
    *modifiers, rhs = (part.strip() for part in term.split("*"))
    if op == "~" and rhs in ("0", "1"):
        # "y ~ 0" fixes the intercept at zero, "y ~ 1" estimates it.
        row = Row(lhs, "~1", "", value=0.0 if rhs == "0" else None)
    elif _NAME.fullmatch(rhs):
        row = Row(lhs, op, rhs)
    else:
        raise UsageError(
            f"In {formula!r} the term {term!r} is no name; a term is an item or a construct, if need be multiplied by "
            "a number, a label or NA."
        )
    for modifier in modifiers:
        row = _modified(row, modifier, formula)
    if row.by_group:
        row = _merged(replace(row, by_group=()), replace(row, **_PLAIN), formula)
    if row.lhs == row.rhs and row.op != "~~":
        raise UsageError(f"In {formula!r} {lhs} stands on both sides of {op}; take it out of one.")
    return row


def _modified(row: Row, modifier: str, formula: str) -> Row:
    if modifier == "NA":
        return replace(row, free=True)
    if _NUMBER.fullmatch(modifier):
        return replace(row, value=float(modifier))
    bare = _QUOTED.fullmatch(modifier)
    if bare or _NAME.fullmatch(modifier):
        return replace(row, label=bare[1] if bare else modifier)
    called = _CALL.fullmatch(modifier)
    if called and called[1] == "start" and _NUMBER.fullmatch(called[2].strip()):
        return replace(row, start=float(called[2]))
    quoted = called and _QUOTED.fullmatch(called[2].strip())
    if called and called[1] == "label" and quoted:
        return replace(row, label=quoted[1])
    if called and called[1] == "equal":
        raise UsageError(f"In {formula!r} equal() is not supported; give both terms the same label: a*x1 + a*x2.")
    if called and called[1] == "c":
        own = row.by_group or (replace(row, **_PLAIN),) * len(called[2].split(","))
        given = [part.strip() for part in called[2].split(",")]
        if len(own) != len(given):
            raise UsageError(f"In {formula!r} one c() has {len(own)} parts and the next {len(given)}; give as many.")
        rows = (_modified(one, part, formula) for one, part in zip(own, given, strict=True))
        return replace(row, by_group=tuple(rows))
    raise UsageError(
        f"In {formula!r} the modifier {modifier!r} is not understood; use a number, a label, NA, start(0.5), "
        'label("a") or c(a, b).'
    )


def _merged(first: Row, second: Row, formula: str) -> Row:
    """One parameter written in two terms: each may add what the other left open, as in NA*x1 + a*x1."""
    for name in ("label", "value", "start"):
        one, other = getattr(first, name), getattr(second, name)
        if one not in ("", None) and other not in ("", None) and one != other:
            raise UsageError(
                f"The parameter {first.lhs} {first.op} {first.rhs or 1} has two {name}s, {one} and {other} (in "
                f"{formula!r}); keep one."
            )
    if first.op in (":=", "=="):
        raise UsageError(f"The formula {formula!r} is there twice; keep one.")
    if first.by_group or second.by_group:
        number = len(first.by_group or second.by_group)
        pairs = zip(*(row.by_group or (row,) * number for row in (first, second)), strict=False)
        if first.by_group and second.by_group and len(second.by_group) != number:
            raise UsageError(
                f"In {formula!r} one c() has {number} parts and the next {len(second.by_group)}; give as many."
            )
        return replace(first, **_PLAIN, by_group=tuple(_merged(one, other, formula) for one, other in pairs))
    return replace(
        first,
        label=first.label or second.label,
        value=second.value if first.value is None else first.value,
        free=first.free or second.free,
        start=second.start if first.start is None else first.start,
    )


def _check_labels(rows: tuple[Row, ...]) -> None:
    known = {label for row in rows for label in row.labels}
    for row in rows:
        if row.op not in (":=", "=="):
            continue
        if row.op == ":=" and row.lhs in known:
            raise UsageError(f"The name {row.lhs!r} in '{row}' is taken already; choose another.")
        used = names_in(row.rhs) if row.op == ":=" else names_in(f"{row.lhs} {row.rhs}")
        unknown = [name for name in used if name not in known]
        if unknown:
            there = ", ".join(sorted(known)) or "none"
            raise UsageError(
                f"The formula '{row}' uses the label {unknown[0]!r}, which no term has (labels: {there}); write the "
                f"label before a term, as in y ~ {unknown[0]}*x."
            )
        if row.op == ":=":
            known.add(row.lhs)
