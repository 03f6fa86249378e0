"""Outcome: what customers who told how they feel did afterwards, by more than one measure of staying."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crm_analysis import options, style
from crm_analysis.errors import UsageError
from crm_analysis.loyalty import deeds
from crm_analysis.loyalty import indicators as measuring
from crm_analysis.loyalty.curves.loyal import decide
from crm_analysis.loyalty.wording import sentence, words
from crm_analysis.proportion import share
from crm_analysis.result import Result
from crm_analysis.table import count, listed, number, percent, share_of

FEELINGS: dict[str, tuple[str, ...]] = {
    "satisfaction": ("satisfaction_overall", "satisfaction_confirmation", "satisfaction_ideal"),
    "attitude": ("repurchase_likelihood", "recommendation", "trust_honesty", "trust_promises"),
    "basic": ("basic_order_correct", "basic_delivery_on_time"),
    "latent": ("delight_surprise", "delight_discovery"),
    "switching_cost": ("switching_cost_effort", "switching_cost_loss", "switching_cost_learning"),
}
"""Items of each feeling, averaged on a scale from 0 to 100; those that a survey does not have are missing."""

BEHAVIOURS = {
    "bought": "bought at least once in the time after",
    "late": "bought in the second half of the time after",
    "kept": "bought on at least half as many days as in the same time before; known of who bought before",
    "wallet": "share of wallet, as told in the same answers",
}
_ENDS = ("", "_low", "_high")
_DEEDS = ("before", "bought", "late", "kept", "wallet", "spend_before")


@dataclass(frozen=True, eq=False, repr=False)
class OutcomeResult(Result):
    """Feelings and what was done after them.

    Attributes
    ----------
    customers : DataFrame
        One row per customer: ``customer_id``, ``wave``, ``asked`` (time), the `FEELINGS` (0-100), the `BEHAVIOURS` (0
        or 1; ``wallet`` 0-1), ``before`` (bought in the same time before), ``spend_before``, and what else the answers
        hold.
    measures : DataFrame
        One row per behaviour that is known: ``behaviour``, ``meaning``, ``customers``, ``loyal_share``, ``satisfied``,
        ``trapped_share`` (satisfied, not loyal), with 95 % Wilson intervals.
    feelings : DataFrame
        ``feeling``, ``items``, ``customers``, ``mean``, ``reliability`` (Cronbach's alpha).
    days : int
        The time after.
    satisfied_from : float
        Who reaches it is satisfied.
    unfollowed : tuple of int
        Answers without a known customer or time, answers given too late to be followed so long, and further answers of
        customers who count with their first.
    cautions : tuple of str
        What must be known before the numbers.
    """

    customers: pd.DataFrame
    measures: pd.DataFrame
    feelings: pd.DataFrame
    days: int
    satisfied_from: float
    unfollowed: tuple[int, int, int]
    cautions: tuple[str, ...] = ()
    title = "Feelings and what was done after"
    shown: ClassVar[dict[str, str]] = {
        "measures": "The satisfied who are not loyal, by how loyalty is measured",
        "feelings": "What was asked, 0 to 100",
    }

    def to_frame(self) -> pd.DataFrame:
        return self.customers.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"customers": self.to_frame(), "measures": self.measures.copy(), "feelings": self.feelings.copy()}

    def metrics(self) -> dict[str, float]:
        rates = zip(self.measures["behaviour"], self.measures["trapped_share"], strict=True)
        return {"customers": len(self.customers)} | {f"trapped_by_{name}": float(rate) for name, rate in rates}

    def of(self, column: str) -> pd.Series:
        """Return a column by customer_id, as `trap.detect` takes it; wholly missing where the study has none."""
        known = self.customers.set_index("customer_id")
        return known[column] if column in known else pd.Series(np.nan, index=known.index, name=column)

    def behaviour(self, name: str) -> pd.Series:
        """Return one of the `BEHAVIOURS` by customer_id; UsageError if there is none of this name."""
        if name not in BEHAVIOURS:
            raise UsageError(f"outcome: behaviour must be one of {listed(list(BEHAVIOURS))}, not {name!r}.")
        return self.of(name)

    def explaining(self) -> dict[str, pd.Series]:
        """Return what `trap.detect` takes beside satisfaction and behaviour: causes, and the spend before as value."""
        causes = {name: self.of(name) for name in ("competition", "basic", "latent", "switching_cost")}
        return causes | {"value": self.of("spend_before")}

    def reliability(self, feeling: str = "satisfaction") -> float | None:
        """Return Cronbach's alpha of a feeling; None where a single item, or nothing, was asked."""
        known = self.feelings.set_index("feeling")["reliability"].get(feeling, np.nan)
        return float(known) if known > 0 else None

    def findings(self) -> tuple[str, ...]:
        """What must be known first; how the trap rate depends on the measure, each measure, whom it leaves out."""
        measured = map(self._measure, self.measures.to_dict("records"))
        return (*self.cautions, *self._spread(), *measured, *self._left_out())

    def _spread(self) -> list[str]:
        rows = self.measures.dropna(subset=["trapped_share"])
        if len(rows) < 2:
            return []
        least, most = (rows.loc[getattr(rows["trapped_share"], pick)()] for pick in ("idxmin", "idxmax"))
        return [
            f"How many of the satisfied are not loyal depends on what is called loyal: {share_of(least, 'trapped')} by "
            f"{least['behaviour']!r}, {share_of(most, 'trapped')} by {most['behaviour']!r}."
        ]

    def _measure(self, row: dict[str, Any]) -> str:
        text = f"{sentence(row['behaviour'])} ({row['meaning']}): {share_of(row, 'loyal')} of {row['customers']:,}"
        return f"{text} customers are loyal by it."

    def _left_out(self) -> list[str]:
        nameless, late, again = self.unfollowed
        said = [] if len(self.customers) else ["There are no answers of customers whose deeds can be followed."]
        if nameless:
            said.append(f"Left out: {count(nameless, 'answer')} without a known customer or time.")
        if late:
            said.append(f"{count(late, 'answer')} came too late to be followed for {self.days:,} days.")
        if again:
            said.append(f"Left out: {count(again, 'further answer')} of customers who count once, with their first.")
        return said

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the share of the satisfied who are not loyal, by each measure of loyalty."""
        title = "Satisfied, not loyal: by how loyalty is measured"
        rows = self.measures.dropna(subset=["trapped_share"])
        if rows.empty:
            return style.nothing(ax, title=title, why=" ".join(self._left_out()) or "Nobody is satisfied.")
        ax = style.axes(ax, height=1.7 + 0.55 * len(rows))
        places = np.arange(len(rows))
        ax.hlines(places, *(100 * rows[f"trapped_share{end}"] for end in _ENDS[1:]), color=style.PALETTE[0], lw=2)
        ax.plot(100 * rows["trapped_share"], places, "o", color=style.PALETTE[0])
        ax.set_yticks(places, [words(name) for name in rows["behaviour"]])
        ax.set_ylim(len(rows) - 0.5, -0.5)
        ax.set_xlim(0, 100)
        ax.set_xlabel(f"of those with a satisfaction of {number(self.satisfied_from)} or more, %")
        ax.set_title(title)
        text = "; ".join(f"{row['behaviour']} {percent(row['trapped_share'])}" for row in rows.to_dict("records"))
        return style.describe(ax, f"Points with intervals: satisfied customers who are not loyal, by measure: {text}.")


def follow(
    answers: pd.DataFrame,
    purchases: pd.DataFrame,
    *,
    days: int = 365,
    last_day: date | str | None = None,
    wave: int | None = None,
    items: Mapping[str, Sequence[str]] | None = None,
    ends: measuring.Ends | None = None,
    satisfied_from: float = 70.0,
) -> OutcomeResult:
    """Follow customers from their answers on: what did they do in the time after?

    Parameters
    ----------
    answers : DataFrame
        The survey, one row per answer: ``customer_id``, ``time``, items; ``wave`` where there is more than one.
    purchases : DataFrame
        One row per line: ``customer_id``, ``time``, ``amount``; what is below zero is a return and does not count.
    days : int
        How long each customer is followed, from the answer on.
    last_day : date or str, optional
        The last day of the records; by default that of the latest purchase. Answers later than `days` before it are
        left out, since what they were followed by is not yet known.
    wave : int, optional
        0: the first wave, -1: the last, -2: the one before. By default each customer counts once, with the first
        answers that can be followed.
    items : mapping of str to sequence of str, optional
        Items of a feeling, in place of those of `FEELINGS`; other feelings are passed over, so that the constructs of
        study.toml may be given.
    ends : mapping of str to (low, high), optional
        Lowest and highest code of the items (`study.config.survey.items`).
    satisfied_from : float
        Who reaches it is satisfied.

    Returns
    -------
    OutcomeResult
        Where no answer can be followed, one that says so.

    Raises
    ------
    UsageError
        If `days` or `wave` is no whole number, a table lacks its columns, a time is no date, or an amount or answer no
        number.

    Notes
    -----
    A feeling is the mean of its items, stretched from 0 to 100. A shop without contracts does not see anybody leave,
    only silence; so `BEHAVIOURS` has several measures, and none is the truth.
    """
    days = options.whole(days, "days", caller="outcome", least=2)
    satisfied_from = options.within(satisfied_from, "satisfied_from", caller="outcome", high=100, above=False)
    if wave is not None and (isinstance(wave, bool) or not isinstance(wave, Integral)):
        raise UsageError(f"outcome: wave must be a place in the order of waves, such as 0 or -1, not {wave!r}.")
    if not isinstance(answers, pd.DataFrame):
        raise UsageError(f"outcome: answers must be a pandas DataFrame, not {type(answers).__name__}.")
    # A survey whose answers name no customer, or no time, is one of which nobody can be followed.
    answers = answers.reindex(columns=list(dict.fromkeys(["customer_id", "time", *answers.columns])))
    answers = options.dated(answers, "answers", caller="outcome")
    known = answers[answers["customer_id"].notna() & answers["time"].notna()]
    lines = options.dated(purchases, "purchases", "customer_id", "amount", caller="outcome")
    bought = lines[measuring.numbers(lines["amount"], "amount") >= 0]
    end = bought["time"].max()
    if last_day is not None:
        end = options.day(last_day, "last_day", caller="outcome") + pd.Timedelta(days=1)
    followed = known["time"] + pd.Timedelta(days=days) <= end
    counted = deeds.of_wave(known[followed], known, wave)
    asked = deeds.once(counted)
    given = options.mapping(items or {}, "items", caller="outcome", example='{"satisfaction": ["Q8"]}')
    own = {**FEELINGS, **{name: _names(of) for name, of in given.items() if name in FEELINGS}}
    rows = asked.set_index("customer_id")
    measured = {name: measuring.measure(rows, list(of), ends=ends) for name, of in own.items()}
    felt = pd.DataFrame({name: found.points for name, found in measured.items()}, index=rows.index)
    done = deeds.measure(rows["time"], bought, days)
    wallet = measuring.measure(rows, ["share_of_wallet"], ends={"share_of_wallet": (0.0, 100.0), **(ends or {})})
    done["wallet"] = wallet.points / 100
    rest = rows.rename(columns={"time": "asked"}).drop(columns=[*felt, *done], errors="ignore")
    together = pd.concat([rest, felt, done[list(_DEEDS)]], axis=1).reset_index()
    return OutcomeResult(
        customers=together,
        measures=_measures(together, satisfied_from),
        feelings=pd.DataFrame(
            {
                "feeling": list(own),
                "items": [", ".join(found.columns) or "not in this survey" for found in measured.values()],
                "customers": [int(found.points.notna().sum()) for found in measured.values()],
                "mean": [float(found.points.mean()) for found in measured.values()],
                "reliability": [found.reliability for found in measured.values()],
            }
        ),
        days=days,
        satisfied_from=satisfied_from,
        unfollowed=(len(answers) - len(known), int((~followed).sum()), len(counted) - len(asked)),
        cautions=_cautions(rows, bought, measured["satisfaction"]),
    )


def _cautions(asked: pd.DataFrame, bought: pd.DataFrame, satisfaction: measuring.Measured) -> tuple[str, ...]:
    """Warn where no purchase is one of theirs, and where nothing tells how satisfied they are."""
    said = []
    if len(asked) and len(bought) and not bought["customer_id"].isin(asked.index).any():
        said.append(
            f"Not one of {count(len(asked), 'customer')} who answered is among the {bought['customer_id'].nunique():,} "
            "who bought; check that both tables have the same customer_id."
        )
    if len(asked) and not satisfaction.columns:
        said.append("Satisfaction was not asked by these items; name its items (items).")
    return tuple(said)


def _names(items: Sequence[str]) -> tuple[str, ...]:
    # A text is a sequence of letters, none of which is an item.
    return (items,) if isinstance(items, str) else tuple(items)


def _measures(customers: pd.DataFrame, satisfied_from: float) -> pd.DataFrame:
    rows = []
    for name, meaning in BEHAVIOURS.items():
        known = customers.dropna(subset=[name, "satisfaction"])
        if known.empty:
            continue
        loyal = decide(known.rename(columns={name: "behaviour"})[["behaviour"]], loyal_from=None, attitude_from=None)
        satisfied = known["satisfaction"].to_numpy() >= satisfied_from
        said = meaning if loyal.means == "the behaviour was shown" else f"{meaning}; {loyal.means}"
        shares = share(int(loyal.loyal.sum()), len(known))
        trapped = share(int((satisfied & ~loyal.loyal).sum()), int(satisfied.sum()))
        rows.append((name, said, len(known), *shares, int(satisfied.sum()), *trapped))
    columns = ["behaviour", "meaning", "customers", *(f"loyal_share{end}" for end in _ENDS), "satisfied"]
    return pd.DataFrame(rows, columns=[*columns, *(f"trapped_share{end}" for end in _ENDS)])
