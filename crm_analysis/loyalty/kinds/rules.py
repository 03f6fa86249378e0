"""Rules: which kind of loyalty a customer's indicators speak for, in a stated order, with unknown as an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from crm_analysis.errors import UsageError
from crm_analysis.loyalty.wording import words
from crm_analysis.table import listed

TRUE, LATENT, SPURIOUS, NONE, UNKNOWN = "true", "latent", "spurious", "none", "unknown"
QUADRANTS = (TRUE, SPURIOUS, LATENT, NONE)
"""Attitude and behaviour, behaviour alone, attitude alone, neither (Dick and Basu 1994)."""

OTHER = "other"
"""Loyal in behaviour, for no reason that the rules know."""

HIGH, LOW, BELOW = "high", "low", "below"
_SIGNS = {HIGH: "≥", LOW: "≤", BELOW: "<"}
Condition = tuple[str, str]


@dataclass(frozen=True)
class Rule:
    """One rule: the kind it leads to, conditions that must all hold, and conditions of which one must.

    A condition is an indicator and ``high`` (at the cut or above), ``low`` (at the cut or below) or ``below``.
    """

    kind: str
    every: tuple[Condition, ...]
    one_of: tuple[Condition, ...] = ()

    def tested(self, known: Sequence[str]) -> Rule | None:
        """Return the rule with the conditions that a study can answer; None where it cannot be tested at all."""
        if any(name not in known for name, _ in self.every):
            return None
        left = tuple(condition for condition in self.one_of if condition[0] in known)
        return None if self.one_of and not left else Rule(self.kind, self.every, left)

    def sentence(self, cuts: Mapping[str, float]) -> str:
        """Write the rule with its cut-points: ``behaviour ≥ 50, attitude ≥ 66.7``."""
        every, one_of = (
            [f"{words(name)} {_SIGNS[level]} {cuts[name]:.4g}" for name, level in conditions]
            for conditions in (self.every, self.one_of)
        )
        return ", ".join(every + ([" or ".join(one_of)] if one_of else []))

    def missing(self, known: Sequence[str]) -> str:
        """Name the indicators without which the rule cannot be tested."""
        return listed([words(name) for name, _ in (*self.every, *self.one_of) if name not in known])


RULES = (
    Rule("monopoly", (("behaviour", HIGH), ("alternatives", LOW))),
    Rule("kinship", (("behaviour", HIGH), ("membership", HIGH))),
    Rule("trust", (("behaviour", HIGH), ("attitude", HIGH))),
    Rule("benefit", (("behaviour", HIGH), ("discount_share", HIGH))),
    Rule("inertia", (("behaviour", HIGH),), (("habit", HIGH), ("switching_cost", HIGH))),
    Rule("latent", (("behaviour", BELOW), ("attitude", HIGH))),
)
"""The first rule that fits decides. Who has no choice (monopoly) stays whatever the feelings; who belongs to the firm's
circle (kinship) likewise; who is attached (trust) would stay without discounts; who comes for them (benefit) would go
to a cheaper shop, habit or not; last come habit and the trouble of changing (inertia). Latent loyalty is attitude
without behaviour."""


def ordered(rules: Sequence[Rule], order: Sequence[str]) -> tuple[Rule, ...]:
    """Return the rules in another order; UsageError if the order does not name each kind once."""
    kinds = [rule.kind for rule in rules]
    if not order:
        return tuple(rules)
    if sorted(order) != sorted(kinds):
        raise UsageError(f"profile: the order must name each kind once: {', '.join(kinds)}; not {', '.join(order)}.")
    return tuple(rules[kinds.index(kind)] for kind in order)


class Judge:
    """Rules with their cut-points, ready to place customers.

    Parameters
    ----------
    rules : sequence of Rule
        All rules, in order.
    cuts : mapping of str to float
        The cut-point of each indicator.
    tested : sequence of Rule
        Those that the study can test. Who is loyal in behaviour and fits none of them is unknown if a rule for such
        customers cannot be tested; likewise who is not.
    """

    def __init__(self, rules: Sequence[Rule], cuts: Mapping[str, float], tested: Sequence[Rule]):
        self._rules, self._cuts = tuple(tested), dict(cuts)
        open_ = [rule for rule in rules if rule.kind not in {own.kind for own in tested}]
        without = any(("behaviour", BELOW) in rule.every for rule in open_)
        within = any(("behaviour", BELOW) not in rule.every for rule in open_)
        ends = (UNKNOWN if within else OTHER, UNKNOWN if without else NONE, UNKNOWN)
        self.verdicts = (*(rule.kind for rule in tested), *ends)

    def fits(self, points: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return whether each rule fits each customer, 1, 0 or missing: an array of shape (rules, n).

        An unknown condition leaves a rule open unless another condition decides it (Kleene's three values).
        """
        found = []
        for rule in self._rules:
            fit = self._every([self._holds(points, condition) for condition in rule.every])
            if rule.one_of:
                either = 1 - self._every([1 - self._holds(points, condition) for condition in rule.one_of])
                fit = self._every([fit, either])
            found.append(fit)
        size = len(next(iter(points.values()), np.empty(0)))
        return np.array(found).reshape(len(self._rules), size)

    def kinds(self, points: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the place of each customer's verdict in `verdicts`; unknown where an earlier rule stays open."""
        fits = self.fits(points)
        count = len(self._rules)
        codes = np.full(fits.shape[1], -1)
        for place, fit in enumerate(fits):
            free = codes < 0
            codes[free & (fit == 1)] = place
            codes[free & np.isnan(fit)] = count + 2
        free = codes < 0
        behaves = self._holds(points, ("behaviour", HIGH)) if "behaviour" in points else np.full(len(codes), np.nan)
        codes[free] = np.where(np.isnan(behaves[free]), count + 2, np.where(behaves[free] == 1, count, count + 1))
        return codes

    def quadrants(self, points: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the place of each customer's quadrant in `QUADRANTS`, -1 where it is unknown."""
        behaves, feels = (self._holds(points, (name, HIGH)) for name in ("behaviour", "attitude"))
        codes = 2 * (1 - behaves) + (1 - feels)
        return np.where(np.isnan(codes), -1, codes).astype(int)

    def _holds(self, points: Mapping[str, np.ndarray], condition: Condition) -> np.ndarray:
        name, level = condition
        values, cut = points[name], self._cuts[name]
        truth = values >= cut if level == HIGH else values <= cut if level == LOW else values < cut
        return np.where(np.isnan(values), np.nan, truth.astype("float64"))

    @staticmethod
    def _every(truths: list[np.ndarray]) -> np.ndarray:
        together = np.array(truths)
        false, unknown = (together == 0).any(axis=0), np.isnan(together).any(axis=0)
        return np.where(false, 0.0, np.where(unknown, np.nan, 1.0))
