"""Remedies: what more delivered value or higher switching cost would bring, as labelled scenarios."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crm_analysis import style
from crm_analysis.loyalty.curves import smooth
from crm_analysis.loyalty.curves.facts import Evidence
from crm_analysis.loyalty.wording import points
from crm_analysis.resampling import percentile
from crm_analysis.result import Result
from crm_analysis.table import listed, number, percent

VALUE, COST = "more delivered value", "higher switching cost"
_WHO = ("satisfied", "dissatisfied", "all")
_COLUMNS = ("remedy", "customers", "loyal_share_now", "loyal_share_then", "change_share")
_ENDS = ("change_share_low", "change_share_high")
NOTHING = "There is no curve of loyalty over satisfaction in this study, so there are no scenarios."


@dataclass(frozen=True, eq=False, repr=False)
class RemedyResult(Result):
    """Loyal share now and in each scenario, of the satisfied, the dissatisfied and all: `scenarios`."""

    scenarios: pd.DataFrame
    value_points: float
    switching_points: float
    dissatisfied: int
    why: str
    title = "Ways out of the satisfaction trap"
    shown: ClassVar[dict[str, str]] = {
        "scenarios": "Scenarios, not forecasts: loyal share now and then, and the change with its sampling error"
    }

    def to_frame(self) -> pd.DataFrame:
        return self.scenarios.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"scenarios": self.to_frame()}

    def metrics(self) -> dict[str, float]:
        rows = self.scenarios[self.scenarios["customers"] == "satisfied"]
        return {
            f"{remedy.replace(' ', '_')}_change": float(change)
            for remedy, change in zip(rows["remedy"], rows["change_share"], strict=True)
        }

    def findings(self) -> tuple[str, ...]:
        """What each remedy would bring to the satisfied, the hostages it makes, and what is assumed."""
        if self.scenarios.empty:
            return (self.why or NOTHING,)
        of = self.scenarios.set_index(["remedy", "customers"])
        steps = {
            VALUE: f"If more delivered value made everybody {number(self.value_points)} points more satisfied",
            COST: f"If switching cost rose by {number(self.switching_points)} of its units",
        }
        said = []
        for remedy in dict.fromkeys(self.scenarios["remedy"]):
            parts = [f"{self._change(of, remedy, who)} of the {who}" for who in _WHO[:2] if (remedy, who) in of.index]
            said.append(f"{steps[remedy]}, the loyal share would change by {listed(parts)}.")
        said += self._hostages(of)
        said.append(
            "These are scenarios: they hold if satisfaction and switching cost cause loyalty as much as they go with "
            "it here, and if customers who are raised behave like those who are there already. The intervals are "
            "sampling error only."
        )
        return (*said, *([self.why] if self.why else []))

    def _change(self, of: pd.DataFrame, remedy: str, who: str) -> str:
        row = of.loc[(remedy, who)]
        return points(*(row[f"change_share{end}"] for end in ("", "_low", "_high")))

    def _hostages(self, of: pd.DataFrame) -> list[str]:
        if (COST, "dissatisfied") not in of.index:
            return []
        row = of.loc[(COST, "dissatisfied")]
        more = self.dissatisfied * (row["loyal_share_then"] - row["loyal_share_now"])
        return [
            f"Higher switching cost keeps hostages: {percent(row['loyal_share_then'])} of the dissatisfied would stay "
            f"instead of {percent(row['loyal_share_now'])}, about {number(round(abs(more)))} "
            f"{'more' if more >= 0 else 'fewer'} of these {self.dissatisfied:,} customers."
        ]

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the change of the loyal share by remedy, among the satisfied and the dissatisfied, with intervals."""
        if self.scenarios.empty:
            return style.nothing(ax, title=self.title, why=self.why or NOTHING)
        remedies = list(dict.fromkeys(self.scenarios["remedy"]))
        ax = style.axes(ax, height=2.0 + 0.9 * len(remedies))
        for place, who in enumerate(_WHO):
            rows = self.scenarios[self.scenarios["customers"] == who]
            if rows.empty:
                continue
            at = np.array([remedies.index(name) for name in rows["remedy"]]) + 0.24 * (place - 1)
            ax.hlines(at, 100 * rows["change_share_low"], 100 * rows["change_share_high"], color=style.PALETTE[place])
            ax.plot(100 * rows["change_share"], at, "o", color=style.PALETTE[place], label=who)
        ax.axvline(0, color=style.INK, lw=0.8)
        ax.set_yticks(range(len(remedies)), [name.replace(" ", "\n", 1) for name in remedies])
        ax.set_ylim(len(remedies) - 0.5, -0.5)
        ax.set_xlabel("change of the loyal share, points")
        ax.set_title("What two remedies would bring (scenarios)")
        ax.legend(fontsize=9, loc="center left", bbox_to_anchor=(1.01, 0.5))
        return style.describe(ax, f"Points with intervals: change of the loyal share. {self.findings()[0]}")


def compare(evidence: Evidence | None, *, value_points: float, switching_points: float) -> RemedyResult:
    """Compute both scenarios.

    More delivered value: everybody's satisfaction rises by `value_points`, at most to 100; the change is that of the
    free curve of loyalty, averaged over the customers. Higher switching cost: the effect of a unit on loyalty, apart
    for the satisfied and the others and at equal satisfaction (`switching.effects`), times `switching_points`; shares
    are kept within 0 and 1.
    """
    if evidence is None:
        return RemedyResult(pd.DataFrame(columns=[*_COLUMNS, *_ENDS]), value_points, switching_points, 0, NOTHING)
    at, size = evidence.at, evidence.size
    now = smooth.free(at, at, size, evidence.loyal, evidence.width)
    raised = smooth.free(np.minimum(at + value_points, 100.0), at, size, evidence.loyal, evidence.width)
    sides = {"satisfied": evidence.satisfied, "dissatisfied": ~evidence.satisfied, "all": np.ones(len(at), dtype=bool)}
    rows = []
    for who, inside in sides.items():
        total = size[:, inside].sum(axis=1)
        if total[0]:
            gain = (size * (np.clip(raised, 0, 1) - np.clip(now, 0, 1)))[:, inside].sum(axis=1)
            rows.append(_row(VALUE, who, evidence.loyal[:, inside].sum(axis=1), gain, total))
    why = ""
    if evidence.switching is None:
        why = "Switching cost is not known, or too few customers tell it: its scenario is left out."
    else:
        of = {"satisfied": evidence.switching[:, 0], "dissatisfied": evidence.switching[:, 1]}
        parts = {}
        for who, effect in of.items():
            inside = sides[who]
            total, loyal = size[:, inside].sum(axis=1), evidence.loyal[:, inside].sum(axis=1)
            share = np.divide(loyal, total, out=np.zeros_like(loyal), where=total > 0)
            parts[who] = (loyal, total * (np.clip(share + switching_points * effect, 0, 1) - share), total)
        parts["all"] = tuple(one + two for one, two in zip(parts["satisfied"], parts["dissatisfied"], strict=True))
        rows += [_row(COST, who, *part) for who, part in parts.items() if part[2][0]]
    dissatisfied = round(len(evidence.points) * size[0, ~evidence.satisfied].sum() / size[0].sum())
    return RemedyResult(
        pd.DataFrame(rows, columns=[*_COLUMNS, *_ENDS]), value_points, switching_points, dissatisfied, why
    )


def _row(remedy: str, who: str, loyal: np.ndarray, gain: np.ndarray, total: np.ndarray) -> tuple[object, ...]:
    there = total > 0
    now, change = loyal[0] / total[0], gain[there] / total[there]
    low, high = percentile(change[1:, None])
    return remedy, who, now, min(1.0, max(0.0, now + change[0])), change[0], float(low[0]), float(high[0])
