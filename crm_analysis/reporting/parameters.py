"""Parameters: what a notebook's parameters cell offers, and what a caller may put into it."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat
from papermill.exceptions import PapermillException
from papermill.inspection import inspect_notebook

from crm_analysis.errors import UsageError

Value = str | int | float | bool

_TYPES: dict[str, type] = {"str": str, "int": int, "float": float, "bool": bool}
_SAID = {
    "str": "a text (str)",
    "int": "a whole number (int)",
    "float": "a number (float)",
    "bool": "true or false (bool)",
}
_TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
# user:password@ in an address, or password=... in a connection string.
_PASSWORD = re.compile(r"\w://[^/\s:@]*:[^/\s@]+@|\b(password|passwd|pwd)\s*=\s*\S", re.IGNORECASE)


@dataclass(frozen=True)
class Parameter:
    """One line of a notebook's parameters cell: ``name: type = default  # help``."""

    name: str
    type: str
    default: Value
    help: str

    def read(self, value: object) -> Value:
        """Turn what a caller gave into a value of this parameter's type.

        Parameters
        ----------
        value : object
            A text as typed on the command line, or a value that already has the type. A text for a ``str`` parameter
            stays as it is: ``007`` does not become 7.

        Returns
        -------
        str, int, float or bool

        Raises
        ------
        UsageError
            If the value cannot be read as this type.
        """
        found = _parsed(value, self.type) if isinstance(value, str) else _typed(value, self.type)
        if found is None:
            raise UsageError(f"parameter {self.name} must be {_SAID[self.type]}, got {value!r}.")
        return found


def holds_password(text: str) -> bool:
    """Whether a text looks like an address or a connection string with a password in it."""
    return _PASSWORD.search(text) is not None


def inspect(path: Path, cells: Sequence[nbformat.NotebookNode]) -> tuple[Parameter, ...]:
    """Read the parameters of a notebook with `papermill.inspect_notebook`, and see that it lost none.

    Parameters
    ----------
    path : Path
        The notebook's file.
    cells : sequence of NotebookNode
        Its cells tagged ``parameters``: one, or none.

    Returns
    -------
    tuple of Parameter

    Raises
    ------
    UsageError
        If a line of the cell is not of the form ``name: type = default  # help``.
    """
    if not cells:
        return ()
    if len(cells) > 1:
        raise UsageError(f"notebook {path.name} has {len(cells)} cells tagged 'parameters'; leave the tag on one.")
    source = cells[0].source
    try:
        defaults = {node: _default(node) for node in ast.parse(source).body}
    except SyntaxError as error:
        raise _broken(path, error.text or source) from None
    for node, default in defaults.items():
        if default is None:
            raise _broken(path, ast.get_source_segment(source, node) or "")
    # Braces in a path are placeholders to papermill.
    try:
        inspected = inspect_notebook(str(path).replace("{", "{{").replace("}", "}}"))
    except (ValueError, PapermillException):
        raise UsageError(f"notebook {path.name} names no kernel; save it again from JupyterLab.") from None
    found = []
    for node, default in defaults.items():
        assert isinstance(node, ast.AnnAssign)
        assert isinstance(node.target, ast.Name)
        assert node.value is not None
        seen = inspected.get(node.target.id)
        # papermill cuts a line at '#' and drops it at a second '=': what it lost could not be set.
        if seen is None or seen["default"] != ast.get_source_segment(source, node.value):
            raise _broken(path, source.splitlines()[node.lineno - 1])
        assert default is not None
        found.append(Parameter(node.target.id, seen["inferred_type_name"], default, seen["help"]))
    return tuple(found)


def _default(node: ast.stmt) -> Value | None:
    if not (isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None):
        return None
    if not (isinstance(node.annotation, ast.Name) and node.annotation.id in _TYPES):
        return None
    try:
        return _typed(ast.literal_eval(node.value), node.annotation.id)
    except ValueError:
        return None


def _broken(path: Path, line: str) -> UsageError:
    return UsageError(
        f"notebook {path.name}: write each line of the parameters cell as 'name: type = default  # help', "
        f"with type str, int, float or bool and no further '=' or '#', not {line.strip()!r}."
    )


def _parsed(text: str, kind: str) -> Value | None:
    if kind == "bool":
        return _TRUTHS.get(text.strip().lower())
    if kind == "int":
        return int(text) if re.fullmatch(r"\s*[+-]?[0-9]+\s*", text) else None
    if kind == "float":
        try:
            return _typed(float(text), kind)
        except ValueError:
            return None
    return text


def _typed(value: object, kind: str) -> Value | None:
    if kind == "bool":
        return value if isinstance(value, bool) else None
    if isinstance(value, bool):
        return None
    if kind == "int":
        return value if isinstance(value, int) else None
    if kind == "float":
        return float(value) if isinstance(value, int | float) and math.isfinite(value) else None
    return value if isinstance(value, str) else None
