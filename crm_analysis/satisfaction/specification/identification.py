"""Identification: does a model of covariances have one best solution, or could many fit equally well?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from crm_analysis.errors import UsageError
from crm_analysis.result import Result
from crm_analysis.satisfaction.specification.construct import Construct
from crm_analysis.satisfaction.syntax import Row
from crm_analysis.table import count, listed

IDENTIFIED, UNDECIDED, NOT_IDENTIFIED = "identified", "not decided by the rules", "not identified"


@dataclass(frozen=True, eq=False, repr=False)
class IdentificationResult(Result):
    """Whether a model is identified, by sufficient rules for each construct and the t-rule for the whole.

    Attributes
    ----------
    model : str
        The model's name.
    constructs : DataFrame
        One row per construct: construct, items (how many), rule, verdict, reason.
    free : int
        Free parameters; parameters with the same label count once.
    moments : int
        Variances and covariances of the items (and means, where the model has intercepts) to estimate them from.
    bows : tuple of (source, target)
        Paths between constructs whose disturbances covary too: no rule here decides them.
    """

    model: str
    constructs: pd.DataFrame
    free: int
    moments: int
    bows: tuple[tuple[str, str], ...]
    title = "Identification of the model"
    shown: ClassVar[dict[str, str]] = {"constructs": "Which rule identifies each construct"}

    @property
    def degrees_of_freedom(self) -> int:
        """What the data could contradict: moments less free parameters."""
        return self.moments - self.free

    @property
    def verdict(self) -> str:
        """The whole model: identified, not decided by the rules, or not identified."""
        verdicts = set(self.constructs["verdict"])
        if self.degrees_of_freedom < 0 or NOT_IDENTIFIED in verdicts:
            return NOT_IDENTIFIED
        return UNDECIDED if UNDECIDED in verdicts or self.bows else IDENTIFIED

    def require(self) -> None:
        """Raise UsageError if the model is certainly not identified."""
        if self.degrees_of_freedom < 0:
            raise UsageError(
                f"The model {self.model} is not identified: it has {count(self.free, 'free parameter')} for "
                f"{count(self.moments, 'moment')} of its items (t-rule); fix parameters or add items."
            )
        for row in self.constructs.to_dict("records"):
            if row["verdict"] == NOT_IDENTIFIED:
                raise UsageError(f"The model {self.model} is not identified: {row['construct']!r} {row['reason']}.")

    def to_frame(self) -> pd.DataFrame:
        return self.constructs.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"constructs": self.to_frame()}

    def findings(self) -> tuple[str, ...]:
        what = (
            f"{count(self.free, 'free parameter')}, {count(self.moments, 'moment')} of the items, "
            f"{self.degrees_of_freedom} degrees of freedom"
        )
        found = [f"The model {self.model} is {self.verdict}: {what}."]
        for row in self.constructs.to_dict("records"):
            if row["verdict"] != IDENTIFIED or row["rule"] != "three indicators":
                found.append(f"The construct {row['construct']} {row['reason']}.")
        found += [
            f"The path from {source} to {target} runs beside a covariance of their disturbances, which no simple rule "
            "decides."
            for source, target in self.bows
        ]
        return tuple(found)

    def metrics(self) -> dict[str, float]:
        return {
            "free_parameters": self.free,
            "moments": self.moments,
            "degrees_of_freedom": self.degrees_of_freedom,
            "identified": int(self.verdict == IDENTIFIED),
        }


def free_parameters(rows: Sequence[Row]) -> int:
    """Return how many parameters are free: rows with one label count once, each ``==`` takes one away."""
    free = [row for row in map(_freest, rows) if row.op not in (":=", "==") and row.value is None]
    return len({row.label or row.key for row in free}) - sum(row.op == "==" for row in rows)


def _freest(row: Row) -> Row:
    """What holds in the group in which most is free."""
    return next((one for one in row.by_group if one.value is None), row.of(0))


def assess(
    name: str, constructs: Sequence[Construct], paths: Sequence[tuple[str, str]], rows: Sequence[Row]
) -> IdentificationResult:
    """Assess whether a model without circles is identified.

    Parameters
    ----------
    name : str
        The model's name.
    constructs : sequence of Construct
        With their items.
    paths : sequence of (source, target)
        Names of constructs.
    rows : sequence of Row
        All parameters, defaults included.

    Returns
    -------
    IdentificationResult
        The t-rule (no more free parameters than moments) is necessary. Sufficient are: for a construct three
        indicators of its own whose errors do not covary, or two and a link to another construct, or one that *is* the
        construct or whose error variance is fixed; for the paths that they make no circle and that no disturbances
        covary where a path runs. Where these rules are silent, the verdict says so.

    References
    ----------
    Bollen, K. A. (1989). Structural Equations with Latent Variables. Wiley, chapters 4, 7 and 8.
    Brito, C., and Pearl, J. (2002). A new identification condition for recursive models with correlated errors.
    Structural Equation Modeling 9(4), 459-474.
    """
    rows = [_freest(row) for row in rows]
    judged = [
        {"construct": construct.name, "items": len(construct.items), **_judge(construct, rows)}
        for construct in constructs
    ]
    names = {construct.name for construct in constructs}
    items = {
        item for construct in constructs for item in construct.items if item == construct.name or item not in names
    }
    weighed = {row.rhs for row in rows if row.op == "<~"} - {row.lhs for row in rows if row.op == "~~"}
    moments = len(items) * (len(items) + 1) // 2 - len(weighed) * (len(weighed) + 1) // 2
    intercepts = {row.lhs for row in rows if row.op == "~1"}
    means = len(items) if intercepts else 0
    free = free_parameters(rows) + (len(items - intercepts) if intercepts else 0)
    covary = {row.key for row in rows if row.op == "~~" and row.lhs != row.rhs and row.value is None}
    bows = tuple(path for path in paths if (*sorted(path)[:1], "~~", *sorted(path)[1:]) in covary)
    return IdentificationResult(name, pd.DataFrame(judged), free, moments + means, bows)


def _judge(construct: Construct, rows: Sequence[Row]) -> dict[str, str]:
    loadings = [row for row in rows if row.op in ("=~", "<~") and row.lhs == construct.name]
    if not loadings:
        return _verdict(
            "single item",
            IDENTIFIED,
            f"is its only item, {construct.items[0]}: what is measured and the error of the answer are not told apart",
        )
    measures = {row.rhs for row in loadings}
    variance = [row for row in rows if row.key == (construct.name, "~~", construct.name)]
    scaled = any(row.value for row in [*loadings, *variance]) or any(row.op == "==" for row in rows)
    if not scaled:
        return _verdict("scale", NOT_IDENTIFIED, "has no scale; fix one loading or its variance at 1")
    linked = _is_linked(construct.name, measures, rows)
    if construct.kind == "composite":
        if linked:
            return _verdict("composite", IDENTIFIED, "is the weighted sum of its items")
        return _verdict(
            "composite",
            NOT_IDENTIFIED,
            "is a weighted sum that nothing depends on; draw a path from it, or leave it out",
        )
    if len(loadings) == 1:
        item = loadings[0].rhs
        if any(row.key == (item, "~~", item) and row.value is not None for row in rows):
            return _verdict("known error", IDENTIFIED, f"rests on {item} alone, whose error variance is given")
        return _verdict(
            "known error",
            NOT_IDENTIFIED,
            f"rests on {item} alone; fix the variance of its error, as in {item} ~~ 0*{item}",
        )
    own = [row.rhs for row in loadings if not _is_shared(row.rhs, construct.name, rows)]
    if len(own) >= 3:
        return _verdict("three indicators", IDENTIFIED, f"has {len(own)} items of its own")
    if len(own) == 2 and linked:
        return _verdict(
            "two indicators",
            IDENTIFIED,
            f"rests on {listed(own)} only and is identified through other constructs alone",
        )
    block = [row for row in [*loadings, *variance] if row.value is None]
    if len(own) == len(loadings) == 2 and not linked and len(block) > 1:
        return _verdict(
            "two indicators",
            NOT_IDENTIFIED,
            f"rests on {listed(own)} only and nothing connects it with another construct; add an item or a path, or "
            "give both loadings the same label",
        )
    return _verdict(
        "none",
        UNDECIDED,
        f"has {len(own)} of {count(len(loadings), 'item')} to itself; the others are shared or have errors that covary",
    )


def _verdict(rule: str, verdict: str, reason: str) -> dict[str, str]:
    return {"rule": rule, "verdict": verdict, "reason": reason}


def _is_linked(name: str, measures: set[str], rows: Sequence[Row]) -> bool:
    """Whether anything beyond its own measurement goes with the construct."""
    for row in rows:
        if row.value == 0 or row.lhs == row.rhs:
            continue
        if row.op in ("~", "~~") and name in (row.lhs, row.rhs):
            return True
        # A first-order construct is linked through the second-order one that it measures.
        if row.op == "=~" and row.rhs == name:
            return True
        if row.op == "=~" and row.lhs != name and row.rhs in measures:
            return True
    return False


def _is_shared(item: str, name: str, rows: Sequence[Row]) -> bool:
    """Whether an item measures something else too, or its error covaries with another."""
    return any(
        (row.op == "=~" and row.rhs == item and row.lhs != name)
        or (row.op == "~" and row.lhs == item)
        or (row.op == "~~" and row.lhs != row.rhs and item in (row.lhs, row.rhs) and row.value != 0)
        for row in rows
    )
