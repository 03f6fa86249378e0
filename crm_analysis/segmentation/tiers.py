"""Tiers: customers ranked by value and cut into levels, with what each level holds."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from crm_analysis import style
from crm_analysis.proportion import share_of_total, wilson
from crm_analysis.result import Result
from crm_analysis.segmentation import shares
from crm_analysis.segmentation.lorenz import band
from crm_analysis.segmentation.measure import Measure
from crm_analysis.table import amount, count, in_currency, percent, share_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False, repr=False)
class TiersResult(Result):
    """Customers in tiers by value, best tier first.

    Attributes
    ----------
    table : DataFrame
        One row per tier: ``from_value`` (the least value that reaches it; missing for the lowest tier), customers and
        ``customers_share`` (with its 95 % interval where the tier is cut at a given value; without one where the share
        itself was set), total value and ``total_share`` with its 95 % interval, mean and median. Where the columns are
        there also mean margin, mean cost to serve and the tier's share of all cost to serve with its interval.
    tiers : DataFrame
        One row per customer: customer_id, the value (under the name of its column), tier.
    edges : dict of str to float
        Tier -> the least value that reaches it, best first, without the lowest tier and empty ones: give them to
        `value.tiers` to place the customers of another period by the same edges.
    measured : Measure
        The values counted, and who is left out.
    kept_together : tuple of str
        Tiers that end elsewhere than asked, by more than chance would have it, as equal values are never split.
    kind : str
        What to call it.
    label, currency : str
        What to call these customers; the currency of the amounts.
    """

    table: pd.DataFrame
    tiers: pd.DataFrame
    edges: dict[str, float]
    measured: Measure
    kept_together: tuple[str, ...]
    kind: str
    label: str = ""
    currency: str = ""
    shown: ClassVar[dict[str, str]] = {"table": "Tiers"}

    @property
    def title(self) -> str:  # type: ignore[override]
        return f"{self.kind}, {self.label}" if self.label else self.kind

    def captions(self) -> dict[str, str]:
        return {"table": in_currency(f"Tiers by {self.measured.words or 'value'}", self.currency)}

    def to_frame(self) -> pd.DataFrame:
        return self.table.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"table": self.table.copy(), "tiers": self.tiers.copy()}

    def findings(self) -> tuple[str, ...]:
        if self.measured.absent:
            return (self.measured.absent,)
        filled = self.table[self.table["customers"] > 0]
        sentences = [self._brings(row) for row in filled.to_dict("records")]
        if filled["total_share"].isna().all():
            sentences = [f"The total {self.measured.words} is not positive, so tiers have no shares of it."]
        empty = self.table.loc[self.table["customers"] == 0, "tier"].tolist()
        if empty:
            sentences.append(f"Nobody is in the tier {' or '.join(empty)}.")
        last = filled.iloc[-1]
        if "cost_to_serve_share" in self.table and not math.isnan(last["cost_to_serve_share"]):
            sentences.append(f"{_upper(last['tier'])} takes {share_of(last, 'cost_to_serve')} of the cost to serve.")
        if self.measured.negative:
            losing = self.tiers.loc[self.measured.amounts < 0, "tier"].value_counts()
            where = ", ".join(f"{losing[tier]:,} in {tier}" for tier in self.table["tier"] if tier in losing)
            have = f"{count(losing.sum(), 'customer')} {'has' if losing.sum() == 1 else 'have'}"
            sentences.append(f"{have} a negative {self.measured.words}: {where}.")
        if self.kept_together:
            which = ", ".join(self.kept_together)
            sentences.append(f"Equal values are never split, so these tiers are not as large as asked: {which}.")
        return (*sentences, *shares.too_few(len(self.tiers)), self.measured.counted())

    def _brings(self, row: dict[str, Any]) -> str:
        who = f"{_upper(row['tier'])}, {count(row['customers'], 'customer')} ({percent(row['customers_share'])})"
        start = "" if math.isnan(row["from_value"]) else f" from {amount(row['from_value'], self.currency)} up"
        verb = "brings" if row["customers"] == 1 else "bring"
        return f"{who}{start}, {verb} {share_of(row, 'total')} of the {self.measured.words}."

    def metrics(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for row in self.table.to_dict("records"):
            name = re.sub(r"\W+", "_", row["tier"].lower()).strip("_")
            found[f"{name}_customers"] = float(row["customers"])
            found[f"{name}_value_share"] = row["total_share"]
        return found

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the pyramid with each tier's share of the customers and of the value beside it."""
        if self.measured.absent:
            return style.nothing(ax, title=self.kind, why=self.measured.absent)
        ax = style.axes(ax, width=8.4, height=0.8 * len(self.table) + 1.6)
        rows = self.table.to_dict("records")
        for place, row in enumerate(rows):
            top, bottom = place / len(rows), (place + 0.94) / len(rows)
            color = style.PALETTE[place % len(style.PALETTE)]
            ax.fill(
                [-top, top, bottom, -bottom], [-place + 0.45, -place + 0.45, -place - 0.45, -place - 0.45], color=color
            )
            for start, share in ((1.25, "customers"), (2.95, "total")):
                low, high = row[f"{share}_share_low"], row[f"{share}_share_high"]
                size = row[f"{share}_share"]
                if math.isnan(size):
                    continue
                ax.barh(-place, max(0.0, size), left=start, height=0.5, color=color)
                end = size
                if not math.isnan(low):
                    ax.plot([start + max(0.0, low), start + high], [-place, -place], color=style.INK, linewidth=1)
                    end = max(size, high)
                ax.text(start + max(0.0, end) + 0.04, -place, percent(size), va="center")
        for start, words in ((1.25, "share of customers"), (2.95, f"share of {self.measured.words}")):
            ax.text(start, 0.62, textwrap.fill(words, 18), color=style.MUTED)
        ax.set_yticks([-place for place in range(len(rows))], [textwrap.fill(row["tier"], 18) for row in rows])
        ax.set_xticks([])
        ax.tick_params(axis="y", length=0)
        ax.spines[["left", "bottom"]].set_visible(False)
        ax.set(xlim=(-1.05, 4.5), ylim=(0.48 - len(rows), 1.15))
        ax.set_title(self.kind)
        return style.describe(ax, f"Pyramid of tiers. {' '.join(self.findings()[: len(rows)])}")


@dataclass(frozen=True)
class End:
    """Where a tier begins.

    Attributes
    ----------
    value : float
        The least value that reaches the tier; infinite if nobody does.
    given : bool
        Whether the value was given, instead of being a quantile of these customers.
    held : bool
        Whether equal values hold it in another place than asked for.
    """

    value: float
    given: bool = False
    held: bool = False


def end(values: np.ndarray, part: float) -> End:
    """Find where the top part of the customers ends without splitting equal values.

    Parameters
    ----------
    values : array of shape (n,)
        What each customer brings.
    part : float
        The share of the customers that the part should have, between 0 and 1.

    Returns
    -------
    End
        Between two values, where the number of customers above comes closest; of two equally close, the smaller.
    """
    wanted = part * len(values)
    distinct, counts = np.unique(-values, return_counts=True)
    reached = np.concatenate([[0], np.cumsum(counts)])
    best = int(np.argmin(np.abs(reached - wanted).round(9)))
    # Chance alone moves the number above a value by this standard deviation; a few equal values hold nothing in place.
    slack = max(0.5, 0.5 * math.sqrt(wanted * (1 - part)))
    held = bool(abs(reached[best] - wanted) > slack + 1e-9)
    return End(math.inf if best == 0 else float(-distinct[best - 1]), held=held)


def cut(
    measured: Measure, *, names: Sequence[str], ends: Sequence[End], kind: str, label: str, currency: str
) -> TiersResult:
    """Put customers into tiers.

    Parameters
    ----------
    measured : Measure
        The customers and their values.
    names : sequence of str
        Names of the tiers, best first.
    ends : sequence of End
        Where each tier but the last begins, falling.
    kind, label, currency : str
        What to call the result and these customers; the currency of the amounts.

    Returns
    -------
    TiersResult
    """
    values, rows = measured.amounts, []
    level = np.sum([values < end.value for end in ends], axis=0) if len(values) else np.array([], dtype=int)
    for place, name in enumerate(names):
        if not len(values):
            break
        inside = level == place
        least = ends[place] if place < len(ends) else None
        rows.append({"tier": name, **_row(measured, inside, least, ends[place - 1] if place else None)})
    ids = {"customer_id": measured.rows["customer_id"]} if "customer_id" in measured.rows else {}
    placed = pd.DataFrame({**ids, measured.column or "value": values, "tier": np.array(names, dtype=object)[level]})
    moved = [name for name, end in zip(names, ends, strict=False) if end.held]
    return TiersResult(
        table=pd.DataFrame(rows) if rows else pd.DataFrame({"tier": [], "customers": [], "total_share": []}),
        tiers=placed,
        edges=_edges(names, ends),
        measured=measured,
        kept_together=tuple(moved) if len(values) else (),
        kind=kind,
        label=label,
        currency=currency,
    )


def _edges(names: Sequence[str], ends: Sequence[End]) -> dict[str, float]:
    """Tier -> least value, for the tiers that anybody can reach."""
    found: dict[str, float] = {}
    for name, end in zip(names, ends, strict=False):
        if end.value < min(found.values(), default=math.inf):
            found[name] = end.value
    return found


def _row(measured: Measure, inside: np.ndarray, least: End | None, below: End | None) -> dict[str, Any]:
    values, size = measured.amounts, int(inside.sum())
    # The share of the customers is known in advance where both ends of the tier are quantiles.
    set_before = not any(end.given or end.held for end in (least, below) if end)
    low, high = (math.nan, math.nan) if set_before else wilson(size, len(values))
    row = {
        "from_value": least.value if least and math.isfinite(least.value) else math.nan,
        "customers": size,
        "customers_share": size / len(values),
        "customers_share_low": low,
        "customers_share_high": high,
        "total": float(values[inside].sum()),
    }
    share, low, high = band(values, inside, least=_estimated(least), below=_estimated(below))
    row |= {"total_share": share, "total_share_low": low, "total_share_high": high}
    row |= {"mean": _mean(values[inside]), "median": float(np.median(values[inside])) if size else math.nan}
    if "margin" in measured.rows and measured.column != "margin":
        row["margin_mean"] = _mean(measured.rows.loc[inside, "margin"].to_numpy("float64"))
    if "cost_to_serve" in measured.rows:
        costs = measured.rows["cost_to_serve"].to_numpy("float64")
        known = np.isfinite(costs)
        share, low, high = share_of_total(costs[known], inside[known]) if known.any() else (math.nan,) * 3
        row["cost_to_serve_mean"] = _mean(costs[inside])
        row |= {"cost_to_serve_share": share, "cost_to_serve_share_low": low, "cost_to_serve_share_high": high}
    return row


def _estimated(end: End | None) -> float | None:
    return None if end is None or end.given or end.held or not math.isfinite(end.value) else end.value


def _mean(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else math.nan


def _upper(name: str) -> str:
    return name[:1].upper() + name[1:]
