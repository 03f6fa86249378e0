"""Quoting: names and texts as SQL writes them."""

from __future__ import annotations


def quote(identifier: str) -> str:
    """Quote a column's name for SQL."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote a text for SQL."""
    return "'" + text.replace("'", "''") + "'"
