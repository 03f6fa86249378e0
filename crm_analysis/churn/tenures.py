"""Tenures: how long each customer has stayed and who has left, as far as a study can tell."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from crm_analysis import options, rhythm
from crm_analysis.churn import features, labels, marks
from crm_analysis.errors import UsageError

if TYPE_CHECKING:
    from crm_analysis.study import Study

AGE, LEFT, ENTRY = "age", "left", "entry"
EARLIEST, LATEST = "earliest_age", "latest_age"
"""Columns of `Tenures.customers`."""

_MONTH_DAYS = 30.4375
# A feature that ranks customers as their age does was made from it (total paid = age x fee).
_SAME_AS_AGE = 0.8
_MOST_VALUES = 8
_SELECTED = (
    "The table holds present customers and recent leavers only: whoever left earlier is not in it. So the curve is a "
    "check of the method and no retention curve: it takes each age's leavers of one short while for those of a life."
)
_INFERRED = (
    "Nobody is seen to leave in an order log: who has been silent for more than {late:g} expected gaps counts as gone, "
    "at a time drawn from that silence. The intervals reach from leaving right after the last purchase to leaving "
    "when the silence had become that long; they do not know who is wrongly taken for gone or for active."
)


@dataclass(frozen=True, eq=False)
class Tenures:
    """How long each customer has stayed.

    Attributes
    ----------
    customers : DataFrame
        One row per customer: customer_id, age (in `unit`, when the customer left or was last seen), left (1: left at
        that age), entry (the age at which the records begin to see the customer), and what was known of the customer
        from the beginning.
    features : tuple of str
        Columns of that last kind that may explain how long customers stay.
    by : str
        The column of the groups to compare; empty where the study does not have it.
    unit : str
        What ages are counted in.
    note : str
        What the ages are worth, as a sentence; may be empty.
    left_out : tuple of str
        Columns that are no features because they follow the age itself.
    within : tuple of str
        Columns with the earliest and the latest age at which the customer may have left, where no date says it; else
        empty.
    """

    customers: pd.DataFrame
    features: tuple[str, ...]
    by: str
    unit: str
    note: str
    left_out: tuple[str, ...] = ()
    within: tuple[str, ...] = ()


def gather(study: Study, *, by: str = "", late: float = 3.0, seed: int = 0) -> Tenures:
    """Find out how long the customers of a study have stayed.

    Parameters
    ----------
    study : Study
        With a label and a column of the time stayed, with contracts, or with orders.
    by : str
        An attribute of customers whose groups are to be compared; left out where the study does not have it.
    late : float
        Without contracts and label: silence in expected gaps from which a customer counts as gone.
    seed : int
        Of the ages that are drawn where leaving is inferred from silence.

    Returns
    -------
    Tenures
        Without customers where the study does not tell how long they stayed.

    Notes
    -----
    Contracts: a relation lasts from the first start to the last end, and is open if one of its contracts is. Ends are
    on record from the first end on, so who began earlier enters at the age on that day (delayed entry). Orders: ages
    count from the day of joining, where the customers table has it, else from the first purchase; who joined before
    the log enters at the age on its first day. Who is active by the own rhythm counts as there on the last day. Who is
    gone left at some time between the last purchase and the day on which the silence had lasted `late` expected gaps
    (interval censoring). Beside both ends stands an age drawn between them: where leaving is as likely on any day
    beforehand and purchases come at random, one in g days on average, a leaver who last bought s days before leaving
    has bought nothing in them with the chance exp(-s / g), to which the density of s is proportional.
    """
    late = options.within(late, "late", caller="tenures.gather", high=sys.float_info.max)
    seed = options.whole(seed, "seed", caller="tenures.gather")
    world = labels.world_of(study)
    if world == "label":
        found, note = _labelled(study), _SELECTED
    elif world == "contracts":
        found, note = _contracts(study), ""
    elif world == "silence":
        found, note = _orders(study, late, seed), _INFERRED.format(late=late)
    else:
        found, note = pd.DataFrame(), ""
    if found.empty:
        return Tenures(pd.DataFrame(columns=["customer_id", AGE, LEFT, ENTRY]), (), "", "months", "")
    unit = str(study.config.churn.get("unit", "months")) if world == "label" else "months"
    found, names, left_out = _known_from_the_beginning(found)
    within = (EARLIEST, LATEST) if world == "silence" else ()
    return Tenures(found, names, by if by in found.columns else "", unit, note, left_out, within)


def _labelled(study: Study) -> pd.DataFrame:
    customers, left = marks.read(study)
    named = study.config.churn.get("tenure")
    if named and named not in customers.columns:
        there = ", ".join(customers.columns)
        raise UsageError(f"[churn] tenure = {named!r} is no column of the customers table; it has {there}.")
    column = next((name for name in customers.columns if name == named or (not named and name.lower() == "tenure")), "")
    if not column:
        return pd.DataFrame()
    ages = pd.to_numeric(customers[column], errors="coerce")
    made = customers.drop(columns=[column, study.config.churn["label"]])
    made = made.assign(**{AGE: ages.astype("float64"), LEFT: left, ENTRY: -1.0})
    return made[(ages >= 0) & left.notna()].reset_index(drop=True)


def _contracts(study: Study) -> pd.DataFrame:
    contracts = study.frame("contracts")
    last = pd.Timestamp(labels.span(study, "contracts")[1]) + pd.Timedelta(days=1)
    ends = contracts["end"].where(contracts["end"] < last)
    open_ = ends.isna().groupby(contracts["customer_id"]).any()
    start = contracts.groupby("customer_id")["start"].min()
    end = ends.groupby(contracts["customer_id"]).max().where(~open_)
    seen_from = ends.min()
    first = contracts.sort_values("start", kind="stable").drop_duplicates("customer_id").set_index("customer_id")
    known = [name for name in ("plan", "monthly_fee") if name in contracts.columns]
    made = pd.DataFrame(
        {
            AGE: (end.fillna(last) - start) / pd.Timedelta(days=_MONTH_DAYS),
            LEFT: end.notna().astype("float64"),
            ENTRY: ((seen_from - start) / pd.Timedelta(days=_MONTH_DAYS)).where(start < seen_from, -1.0),
        }
    ).join(first[known])
    return _with_attributes(study, made[made[AGE] > made[ENTRY].clip(lower=0)])


def _orders(study: Study, late: float, seed: int) -> pd.DataFrame:
    columns = ["recency_days", "tenure_days", "frequency", "purchase_days", "first_purchase", "last_purchase"]
    bought = study.customer360(columns=columns).dropna(subset=["first_purchase"]).set_index("customer_id")
    gaps, span = rhythm.gaps_and_span(bought)
    learned = rhythm.learn(gaps, span, bought["tenure_days"].to_numpy("float64"))
    if not learned.repeaters:
        return pd.DataFrame()
    expected = np.maximum(learned.expected_gap_days(gaps, span), 1)
    recency = bought["recency_days"].to_numpy("float64")
    gone = recency > late * expected
    customers = study.frame("customers")
    joined = bought["first_purchase"]
    if len(customers) and customers["joined"].notna().any():
        known = customers.drop_duplicates("customer_id").set_index("customer_id")["joined"].reindex(bought.index)
        joined = known.where(known <= bought["first_purchase"]).fillna(joined)
    since = (bought["last_purchase"] - joined).dt.days.to_numpy("float64")
    begin = pd.Timestamp(labels.span(study, "silence")[0])
    entry = (begin - joined).dt.days.to_numpy("float64")
    begun = np.maximum(entry, 0)
    drawn = -np.log1p(np.random.default_rng(seed).random(len(bought)) * np.expm1(-late))
    # Half a day is the least that a relation can be told to last in a log of days.
    ages = {
        name: np.maximum(since + np.where(gone, waited, recency), begun + 0.5) / _MONTH_DAYS
        for name, waited in ((AGE, drawn * expected), (EARLIEST, 0.0), (LATEST, late * expected))
    }
    made = pd.DataFrame(
        {**ages, LEFT: gone.astype("float64"), ENTRY: np.where(entry > 0, entry, -1) / _MONTH_DAYS}, index=bought.index
    )
    return _with_attributes(study, made)


def _with_attributes(study: Study, made: pd.DataFrame) -> pd.DataFrame:
    customers = study.frame("customers").drop_duplicates("customer_id").set_index("customer_id")
    customers = customers.drop(columns=[name for name in customers.columns if name in (*made.columns, "joined")])
    return made.join(customers).reset_index()


def _known_from_the_beginning(customers: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...], tuple[str, ...]]:
    """The customers with columns of plain types, those that may be features of a hazard, those that follow the age."""
    ages = [name for name in (AGE, LEFT, ENTRY, EARLIEST, LATEST) if name in customers.columns]
    made, _ = features.make(customers, as_of=None, leave_out=(*ages, *features.UNDATED))
    made = made.set_axis(customers.index)
    names: list[str] = []
    same: list[str] = []
    for name, values in made.items():
        if isinstance(values.dtype, pd.CategoricalDtype):
            if 2 <= values.nunique() <= _MOST_VALUES:
                names.append(str(name))
            continue
        if values.nunique() < 2:
            continue
        follows = abs(values.rank().corr(customers[AGE].rank())) >= _SAME_AS_AGE
        (same if follows else names).append(str(name))
    kept = pd.concat([customers[["customer_id", *ages]], made[[*names, *same]]], axis=1)
    return kept, tuple(names), tuple(same)
