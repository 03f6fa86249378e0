"""Classification: the factors of loyalty and the indicators that stand for them, by what is done and what is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from crm_analysis.errors import UsageError

OBJECTIVE, SUBJECTIVE = "objective", "subjective"


@dataclass(frozen=True)
class Indicator:
    """One indicator of loyalty.

    Attributes
    ----------
    name : str
        What an analyst calls it.
    side : {"objective", "subjective"}
        Whether it tells what customers do or what they say they feel and intend.
    factor : str
        The part of loyalty that it stands for.
    columns : tuple of str
        Columns of the customer frame, averaged; ``-`` before one turns it round, so that more means more loyal.
    """

    name: str
    side: str
    factor: str
    columns: tuple[str, ...]


INDICATORS = (
    Indicator("repeat_rate", OBJECTIVE, "buying again", ("repeat_orders_per_year",)),
    Indicator("tenure", OBJECTIVE, "duration", ("active_days",)),
    Indicator("regularity", OBJECTIVE, "duration", ("-gap_cv",)),
    Indicator("cross_buying", OBJECTIVE, "breadth", ("categories",)),
    Indicator("referrals_made", OBJECTIVE, "advocacy", ("referrals_made",)),
    Indicator("share_of_wallet", OBJECTIVE, "exclusiveness", ("share_of_wallet",)),
    Indicator("intention", SUBJECTIVE, "buying again", ("repurchase_likelihood",)),
    Indicator("recommendation", SUBJECTIVE, "advocacy", ("recommendation",)),
    Indicator("price_tolerance", SUBJECTIVE, "price", ("price_tolerance",)),
    Indicator("trust", SUBJECTIVE, "trust", ("trust_honesty", "trust_promises")),
)
"""The indicators taken by default; share of wallet is behaviour that only a survey can report."""


def checked(indicators: Sequence[Indicator]) -> tuple[Indicator, ...]:
    """Return the indicators if their names differ and their sides are known; UsageError if not."""
    names = [indicator.name for indicator in indicators]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"score: the indicator {twice[0]!r} is named twice; give each its own name.")
    for indicator in indicators:
        if indicator.side not in (OBJECTIVE, SUBJECTIVE):
            raise UsageError(
                f"score: the side of {indicator.name!r} must be objective or subjective, not {indicator.side!r}."
            )
    return tuple(indicators)
