"""Construct: something felt that no single question shows, and the items that measure it."""

from __future__ import annotations

from dataclasses import dataclass

from crm_analysis.errors import UsageError

KINDS = ("reflective", "composite")


@dataclass(frozen=True)
class Construct:
    """A latent variable and its items.

    Attributes
    ----------
    name : str
        What it is called in paths.
    items : tuple of str
        Columns of the answers; empty in a preset that has not been bound to a survey yet.
    kind : {"reflective", "composite"}
        Reflective: the construct makes the answers, and each answer has an error of its own. Composite: the items make
        the construct, which is their weighted sum.
    """

    name: str
    items: tuple[str, ...] = ()
    kind: str = "reflective"

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UsageError(f"The construct {self.name!r} must be {' or '.join(KINDS)}, not {self.kind!r}.")
        twice = [item for item in self.items if self.items.count(item) > 1]
        if twice:
            raise UsageError(f"The construct {self.name!r} lists the item {twice[0]!r} twice; list it once.")

    @property
    def is_single(self) -> bool:
        """Whether one item alone stands for the construct."""
        return len(self.items) == 1
