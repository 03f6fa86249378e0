"""Snapshots: customers on several days, and the share that left after each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from crm_analysis import style
from crm_analysis.churn.leaks import LeakResult, find
from crm_analysis.churn.sample import Sample, nobody
from crm_analysis.errors import DataError
from crm_analysis.result import Result
from crm_analysis.table import count, interval, listed, percent

_HOW = {
    "silence": "no purchase in the window, among those still active by their own rhythm",
    "contracts": "no open contract at the window's end, among those with one on the day",
    "label": "as the table says",
}


@dataclass(frozen=True, eq=False, repr=False)
class SnapshotsResult(Result):
    """Snapshots of the customers: what was known on a day, and who left in the window after it.

    Attributes
    ----------
    training : Sample
        The earlier snapshots, whose windows end before `latest` begins; of a dateless table all rows.
    latest : Sample
        The last snapshot whose window lies wholly in the data: to test a model on. Of a dateless table all rows, on
        which `model.evaluate` uses cross-validation.
    current : Sample
        The customers on the study's last day, without a label: to score. Of a dateless table those who did
        not leave, or of whom it is not known.
    blocks : DataFrame
        One row per snapshot: as_of, window_end, role, customers, left, left_share with its interval, inactive
        (customers no longer counted as active).
    dropped : dict of str to str
        Columns that are no features, each with the reason.
    leaks : LeakResult
        Features that give the label away.
    notes : tuple of str
        What a reader has to know of the days that were chosen.
    meaning : str
        What the label says, where it is not about leaving.
    """

    training: Sample
    latest: Sample
    current: Sample
    blocks: pd.DataFrame
    dropped: dict[str, str]
    leaks: LeakResult
    notes: tuple[str, ...] = ()
    meaning: str = ""
    title = "Snapshots: who was there, and what they did next"
    shown: ClassVar[dict[str, str]] = {"blocks": "Snapshots of the customers, and the share that left in the window"}

    def to_frame(self) -> pd.DataFrame:
        return self.blocks.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"blocks": self.training.event.named(self.blocks)}

    @property
    def missing(self) -> str:
        """Why there are no snapshots; empty where there are."""
        return self.training.missing

    def captions(self) -> dict[str, str]:
        return {"blocks": f"Snapshots of the customers, and the share that {self.training.event.did} in the window"}

    def metrics(self) -> dict[str, float]:
        if self.missing:
            return {}
        known = self.blocks[self.blocks["left"].notna()]
        last = known.iloc[-1]
        return {
            "customers": int(last["customers"]),
            f"{self.training.event.did}_share": float(last["left_share"]),
            "features": self.training.features.shape[1],
            "leaks": len(self.leaks.found),
        }

    def findings(self) -> tuple[str, ...]:
        """The most important first: who leaves, then how that was defined, then what was left out."""
        if self.missing:
            return (f"Nobody can be looked at: {self.missing[0].lower()}{self.missing[1:]}",)
        last = self.blocks[self.blocks["left"].notna()].iloc[-1]
        ends = interval(last["left_share_low"], last["left_share_high"])
        did = self.training.event.did
        who = f"{int(last['left']):,} of {count(int(last['customers']), 'customer')} {did}"
        how = f"{percent(last['left_share'])} ({ends})"
        world = self.training.world
        if self.training.dated:
            when = f"in the {self.training.horizon_days} days after {pd.Timestamp(last['as_of']).date()}"
            said = [f"{who} {when}, {how}: {self.meaning or _HOW[world]}."]
        else:
            said = [f"{who}, {how}: {_HOW[world]}; the table has no dates, so models are tested by cross-validation."]
        said += self.leaks.findings() if len(self.leaks.found) else ()
        said += self.notes
        if self.dropped:
            names = [f"{name} ({why})" for name, why in self.dropped.items()]
            said.append(f"Not among the features: {listed(names)}.")
        return tuple(said)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the share that left, by snapshot, with its interval."""
        if self.missing:
            return style.nothing(ax, title=self.title, why=self.findings()[0])
        known = self.blocks[self.blocks["left"].notna()]
        ax = style.axes(ax, height=3.4)
        places = np.arange(len(known))
        shares = known["left_share"].to_numpy("float64")
        spread = np.abs(known[["left_share_low", "left_share_high"]].to_numpy("float64").T - shares)
        latest = known["role"].to_numpy() == "test"
        colours = np.where(latest, style.PALETTE[1], style.PALETTE[0])
        for place, value, error, colour in zip(places, shares, spread.T, colours, strict=True):
            ax.errorbar(place, value, yerr=error[:, None], fmt="o", color=colour, capsize=4)
        named = ["all rows" if pd.isna(day) else str(pd.Timestamp(day).date()) for day in known["as_of"]]
        ax.set_xticks(places, [f"{day}\n{role}" for day, role in zip(named, known["role"], strict=True)])
        ax.set_xlim(-0.6, len(known) - 0.4)
        ax.set_ylim(bottom=0)
        ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        ax.set_ylabel(f"share that {self.training.event.did}")
        ax.set_title(f"Share of customers who {self.training.event.did} in the window after each snapshot")
        return style.describe(ax, f"Share that left after each snapshot, with intervals. {self.findings()[0]}")


def none(error: DataError, *, world: str = "silence") -> SnapshotsResult:
    """Return a result without snapshots that says why there are none."""
    empty = nobody(error, world=world)
    columns = ["as_of", "window_end", "role", "customers", "left", "left_share", "inactive"]
    return SnapshotsResult(empty, empty, empty, pd.DataFrame(columns=columns), {}, find(empty))
