"""Parts: affective, behavioural and cognitive loyalty, and how closely they go together."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crm_analysis import style
from crm_analysis.loyalty import indicators as measuring
from crm_analysis.loyalty.scoring import ranking
from crm_analysis.loyalty.wording import decimal, of, sentence, words
from crm_analysis.result import Result
from crm_analysis.table import count, listed

PARTS: dict[str, tuple[str, ...]] = {
    "affective": ("trust_honesty", "trust_promises", "recommendation"),
    "behavioural": ("objective",),
    "cognitive": ("repurchase_likelihood", "price_tolerance"),
}
"""Columns of each part: what customers feel for the firm (情感), do (行为), and intend (意识)."""

_NOTHING = "There are neither attitudes nor behaviour in this study, so no parts of loyalty to show."


@dataclass(frozen=True, eq=False, repr=False)
class PartsResult(Result):
    """The parts of loyalty.

    Attributes
    ----------
    parts : DataFrame
        One row per part: ``columns``, ``customers``, ``mean`` (0 to 100) with its interval, ``spread`` (standard
        deviation), ``reliability`` (Cronbach's alpha; missing for a single column).
    pairs : DataFrame
        For each two parts: ``first``, ``second``, ``customers``, ``rank_correlation`` with its interval.
    customers : DataFrame
        ``customer_id`` and each part.
    """

    parts: pd.DataFrame
    pairs: pd.DataFrame
    customers: pd.DataFrame
    title = "Affective, behavioural and cognitive loyalty"
    shown: ClassVar[dict[str, str]] = {
        "parts": "Parts of loyalty, 0 to 100",
        "pairs": "How closely the parts go together",
    }

    def to_frame(self) -> pd.DataFrame:
        return self.parts.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"parts": self.to_frame(), "pairs": self.pairs.copy(), "customers": self.customers.copy()}

    def metrics(self) -> dict[str, float]:
        return {f"{row['part']}_mean": row["mean"] for row in self.parts.to_dict("records")}

    def findings(self) -> tuple[str, ...]:
        """The most important first: which parts go together and which do not, then what is missing or unreliable."""
        known = self.parts[self.parts["customers"] > 0]
        if known.empty:
            return (_NOTHING,)
        said = []
        pairs = self.pairs.dropna(subset=["rank_correlation"]).sort_values("rank_correlation", kind="stable")
        if len(pairs):
            text = [
                f"{row['first']} and {row['second']} loyalty, {of(row, 'rank_correlation')}"
                for row in pairs.to_dict("records")
            ]
            if len(text) == 1:
                said.append(f"The rank correlation of {text[0]}.")
            else:
                said.append(f"The parts that go together most closely are {text[-1]}; least closely {text[0]}.")
        said.append(f"{sentence(listed(list(known['part'])))} loyalty could be measured.")
        weak = known[known["reliability"] < 0.7]
        said += [
            f"{sentence(row['part'])} loyalty is measured loosely (alpha {decimal(row['reliability'])}): what it goes "
            "with is stronger than these correlations show."
            for row in weak.to_dict("records")
        ]
        absent = self.parts.loc[self.parts["customers"] == 0, "part"]
        said += [f"{sentence(name)} loyalty is not in this study." for name in absent]
        return tuple(said)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw how each part is spread over the customers."""
        known = [name for name in self.parts["part"] if self.customers[name].notna().any()]
        if not known:
            return style.nothing(ax, title=self.title, why=_NOTHING)
        ax = style.axes(ax, height=1.6 + 0.8 * len(known))
        for place, name in enumerate(known[::-1], start=1):
            color = style.PALETTE[place - 1]
            ends = np.quantile(self.customers[name].dropna(), [0.05, 0.25, 0.5, 0.75, 0.95])
            ax.hlines(place, ends[0], ends[4], color=style.INK, lw=1.2)
            ax.barh(place, ends[3] - ends[1], left=ends[1], height=0.5, color=color, alpha=0.75)
            ax.vlines(ends[2], place - 0.25, place + 0.25, color=style.INK, lw=2)
            ax.plot(self.customers[name].mean(), place, "o", color=style.ACCENT, ms=7)
        ax.set_yticks(range(1, len(known) + 1), [words(name) for name in known[::-1]])
        ax.set_xlim(0, 100)
        ax.set_ylim(0.4, len(known) + 0.6)
        ax.set_xlabel("value (0 to 100); bar: middle half, line: median, dot: mean, thin line: 5 % to 95 %")
        ax.set_title("Parts of loyalty")
        return style.describe(
            ax, f"Bars of the middle half of the values of {count(len(known), 'part')} of loyalty. {self.findings()[0]}"
        )


def measure(
    customers: pd.DataFrame, *, columns: Mapping[str, Sequence[str]] = PARTS, ends: measuring.Ends | None = None
) -> PartsResult:
    """Measure affective, behavioural and cognitive loyalty.

    Parameters
    ----------
    customers : DataFrame
        One row per customer, with answers and the ``objective`` value of `score.measure`.
    columns : mapping of str to sequence of str
        Columns of each part, averaged on a scale from 0 to 100.
    ends : mapping of str to (low, high), optional
        Lowest and highest code of columns with a scale.

    Returns
    -------
    PartsResult
        Where a part is not in the study, one that says so.

    Raises
    ------
    UsageError
        If a customer has two rows.

    Notes
    -----
    The textbook's three parts resemble the phases of Oliver (1999), who adds conative loyalty, the firm intention, and
    sees them follow one another. Which question belongs to which part is a judgement.

    References
    ----------
    Oliver, R. L. (1999). Whence consumer loyalty? Journal of Marketing 63 (special issue), 33-44.
    """
    frame = measuring.by_customer(customers, caller="profile")
    found = {name: measuring.measure(frame, list(own), ends=ends) for name, own in columns.items()}
    values = pd.DataFrame({name: part.points for name, part in found.items()}, index=frame.index)
    rows = []
    for name, part in found.items():
        own = part.points.dropna()
        half = 1.96 * float(own.std()) / np.sqrt(len(own)) if len(own) > 1 else np.nan
        mean = float(own.mean()) if len(own) else np.nan
        row = {"part": name, "columns": ", ".join(part.columns), "customers": len(own), "mean": mean}
        row |= {"mean_low": mean - half, "mean_high": mean + half, "spread": float(own.std())}
        rows.append(row | {"reliability": part.reliability})
    pairs = []
    for first, second in itertools.combinations(found, 2):
        both = values[[first, second]].dropna()
        ends_ = ranking.correlation(both[first].to_numpy(), both[second].to_numpy())
        pairs.append([first, second, len(both), *ends_])
    columns_of_pairs = ["first", "second", "customers"]
    columns_of_pairs += [f"rank_correlation{end}" for end in ("", "_low", "_high")]
    return PartsResult(
        pd.DataFrame(rows),
        pd.DataFrame(pairs, columns=columns_of_pairs),
        values.rename_axis("customer_id").reset_index(),
    )
