"""Expression: a formula of labels, such as ``a1*b3 + a2``, evaluated on arrays."""

from __future__ import annotations

import ast
import operator
from collections.abc import Mapping
from typing import Any

import numpy as np

from crm_analysis.errors import UsageError

_OPERATORS: dict[type, Any] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
# No abs of a complex number: derivatives are taken by a complex step, and its modulus would lose them.
_FUNCTIONS: dict[str, Any] = {
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "abs": lambda of: np.where(np.real(of) < 0, -of, of),
}


def value(formula: str, known: Mapping[str, Any]) -> Any:
    """Evaluate a formula.

    Parameters
    ----------
    formula : str
        Numbers, labels, ``+ - * / ^ **``, brackets, ``exp``, ``log``, ``sqrt``, ``abs``.
    known : mapping of str
        The value of each label, a number or an array (real or complex).

    Raises
    ------
    UsageError
        If the formula is not understood or uses an unknown label.
    """
    try:
        tree = ast.parse(formula.strip().replace("^", "**"), mode="eval").body
    except SyntaxError:
        raise UsageError(f"The formula {formula!r} is not understood; write it as in 'a1*b3 + a2'.") from None
    return _evaluated(tree, known, formula)


def _evaluated(node: ast.expr, known: Mapping[str, Any], formula: str) -> Any:
    match node:
        case ast.Constant(value=int() | float() as number):
            return number
        case ast.Name() | ast.Attribute():
            # A label may hold dots, which Python reads as attributes.
            label = ast.unparse(node)
            if label in known:
                return known[label]
            there = ", ".join(sorted(known)) or "none"
            raise UsageError(f"The formula {formula!r} uses the label {label!r}, which no row has (labels: {there}).")
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_evaluated(left, known, formula), _evaluated(right, known, formula))
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_evaluated(operand, known, formula))
        case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name in _FUNCTIONS:
            return _FUNCTIONS[name](_evaluated(argument, known, formula))
    raise UsageError(
        f"The formula {formula!r} is not understood; it may hold numbers, labels, + - * / ^, brackets, exp, log, sqrt "
        "and abs."
    )
