"""Labels: who was a customer on a day, and who of them left in the window after it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from crm_analysis import options, rhythm
from crm_analysis.churn import features, leaks, marks
from crm_analysis.churn.sample import WORLDS, Sample
from crm_analysis.churn.snapshots import SnapshotsResult, none
from crm_analysis.errors import DataError, UsageError
from crm_analysis.proportion import share
from crm_analysis.table import count as counted
from crm_analysis.table import listed

if TYPE_CHECKING:
    from crm_analysis.study import Study

__all__ = ["SnapshotsResult", "purchases", "snapshots", "span", "world_of"]


def snapshots(
    study: Study,
    *,
    horizon_days: int = 90,
    every_days: int = 90,
    count: int = 4,
    late: float = 3.0,
    world: str = "auto",
    keep_leaks: bool = False,
) -> SnapshotsResult:
    """Look at the customers on several days, and see who left in the window after each.

    Parameters
    ----------
    study : Study
        A study; `Study.per` gives one whose customers are persons.
    horizon_days : int
        Length of the window after each day in which a customer may leave, in days.
    every_days : int
        Days from one snapshot to the next.
    count : int
        Snapshots with a label: the last tests a model, the others train it. A snapshot whose window would reach
        beyond the day of the test is left out, and so is one before the data begin.
    late : float
        Without contracts: a customer silent for more than so many expected gaps is not active any more on the day
        (see `rhythm.learn`), and so cannot leave after it.
    world : {"auto", "silence", "contracts", "label"}
        How it is known who left. By default study.toml decides: the column that ``[churn] label`` names; else the end
        of contracts, if at least half of the customers have one; else silence in the order log.
    keep_leaks : bool
        Whether features that give the label away stay in; by default they are left out.

    Returns
    -------
    SnapshotsResult
        Where there can be no snapshots (data too short for a test and a training snapshot, nobody active, nothing that
        says who left) one without customers, whose finding says why.

    Raises
    ------
    UsageError
        If a parameter is out of range, or the label's column is not there or not understood.

    Notes
    -----
    Every feature is that of `Study.customer360` through the end of the day; the label comes from the days after it
    only. The training windows end by the day of the test, so that a model is tested on days later than any that it
    has seen. Beside the view there are ``overdue_ratio`` (silence by the expected gap; without contracts) and
    ``recent_...`` columns: what was added in the last `horizon_days`.
    """
    horizon_days, every_days, count = _checked(horizon_days, every_days, count, late)
    try:
        kind = _world(study, world)
        if kind == "label":
            return _labelled(study, keep_leaks=keep_leaks)
        return _dated(study, kind, horizon_days, every_days, count, late, keep_leaks)
    except DataError as error:
        return none(error)


def purchases(
    study: Study,
    *,
    category: str = "",
    horizon_days: int = 90,
    every_days: int = 90,
    count: int = 4,
    late: float = 3.0,
    keep_leaks: bool = False,
) -> SnapshotsResult:
    """Look at the customers on several days, and see who bought in the window after each.

    Parameters
    ----------
    study : Study
        With a table of transactions.
    category : str
        Only purchases of this category count; by default of the one that most customers have bought. Where the orders
        have no categories, any purchase counts.
    horizon_days, every_days, count, late, keep_leaks
        As in `snapshots`.

    Returns
    -------
    SnapshotsResult
        As that of `snapshots`, with 1 for who bought. With a category there is one more feature,
        ``category_purchase_days``: on how many days the customer had bought it before.

    Raises
    ------
    UsageError
        As `snapshots`; also if the study has no such category.
    """
    horizon_days, every_days, count = _checked(horizon_days, every_days, count, late)
    try:
        _world(study, "silence")
        there = _categories(study)
        if category and category not in there:
            known = f"there are {listed(there[:12])}" if there else "the orders have no categories"
            raise UsageError(f"propensity: nobody bought the category {category!r}; {known}.")
        wanted = category or (there[0] if there else "")
        return _dated(study, "purchases", horizon_days, every_days, count, late, keep_leaks, wanted)
    except DataError as error:
        return none(error, world="purchases")


def _categories(study: Study) -> list[str]:
    """What was bought, by the number of customers who did, most first."""
    table = study.table("transactions")
    if "category" not in table.columns:
        return []
    named = table.filter(table.category.notnull() & (table.amount >= 0))
    buyers = named.group_by("category").aggregate(buyers=named.customer_id.nunique()).to_pandas()
    return list(buyers.sort_values(["buyers", "category"], ascending=[False, True])["category"])


def _checked(horizon_days: int, every_days: int, count: int, late: float) -> tuple[int, int, int]:
    if not options.is_number(late) or late <= 0:
        raise UsageError(f"The late parameter of churn.labels must be above 0, not {late!r}.")
    return (
        options.whole(horizon_days, "horizon_days", caller="churn.labels", least=1),
        options.whole(every_days, "every_days", caller="churn.labels", least=1),
        # One to train and one to test.
        options.whole(count, "count", caller="churn.labels", least=2),
    )


def _world(study: Study, wanted: str) -> str:
    if wanted not in ("auto", *WORLDS):
        known = ", ".join(map(repr, WORLDS))
        raise UsageError(f"The world parameter of labels.snapshots must be 'auto' or one of {known}, not {wanted!r}.")
    there = {
        "label": bool(study.config.churn.get("label")),
        "contracts": "contracts" in study.tables and "end" in study.table("contracts").columns,
        "silence": "transactions" in study.tables,
    }
    needed = {
        "label": '[churn] label = "column" in study.toml',
        "contracts": "a table of contracts with their ends",
        "silence": "a table of transactions",
    }
    if wanted != "auto":
        if not there[wanted]:
            raise DataError(f"churn: the study {study.name} has no {needed[wanted].removeprefix('a ')}.")
        return wanted
    if there["label"]:
        return "label"
    if there["contracts"]:
        contracts = study.table("contracts")
        holders = int(contracts.customer_id.nunique().to_pandas())
        all_of_them = len(study.customer360(columns=["customer_id"]))
        if contracts.end.count().to_pandas() and (not there["silence"] or 2 * holders >= all_of_them):
            return "contracts"
    if there["silence"]:
        return "silence"
    raise DataError(
        f"churn: nothing in the study {study.name} says who left; it needs {needed['silence']}, {needed['contracts']}, "
        f"or {needed['label']}."
    )


def world_of(study: Study) -> str:
    """Return how a study knows who left (see `WORLDS`), or nothing where it does not."""
    try:
        return _world(study, "auto")
    except DataError:
        return ""


def _dated(
    study: Study,
    world: str,
    horizon: int,
    every: int,
    blocks: int,
    late: float,
    keep_leaks: bool,
    category: str = "",
) -> SnapshotsResult:
    first, last = span(study, world)
    steps = -(-horizon // every)
    needed = steps * every + 2 * horizon
    if (last - first).days < needed:
        raise DataError(
            f"churn: the data run from {first} to {last}, {(last - first).days} days; a test and a training snapshot "
            f"with a window of {horizon} days need {needed}: use a shorter horizon_days or every_days."
        )
    if blocks <= steps:
        raise DataError(
            f"churn: with a count of {blocks}, {every} days apart, no window of {horizon} days ends by the day of the "
            f"test; use a count of {steps + 1} or more, or longer every_days."
        )
    test = last - timedelta(days=horizon)
    reach = (test - first).days - horizon
    sound = [test - timedelta(days=place * every) for place in range(min(blocks, reach // every + 1))]
    trained = [day for day in sound[1:] if day + timedelta(days=horizon) <= test]
    notes = []
    early = blocks - len(sound)
    if early:
        were = "snapshot was" if early == 1 else "snapshots were"
        notes.append(f"{early:,} {were} left out: less than {horizon} days of data lie before.")
    over = len(sound) - 1 - len(trained)
    if over:
        were = "snapshot was" if over == 1 else "snapshots were"
        notes.append(f"{over} {were} left out, since the window reaches beyond {test}, the day of the test.")
    taken, rows = [], []
    dropped: dict[str, str] = {}
    for day, role in [*((day, "training") for day in reversed(trained)), (test, "test"), (last, "to score")]:
        made, reasons, inactive = _view(study, world, day, horizon, late)
        if category:
            made = made.assign(
                category_purchase_days=_bought_before(study, day, category).reindex(made.index).fillna(0.0)
            )
        dropped |= reasons
        label = pd.Series(np.nan, made.index)
        if role != "to score":
            seen = made.index.isin(_still_there(study, world, day, horizon, category))
            label = pd.Series((seen if world == "purchases" else ~seen).astype("float64"), made.index)
        taken.append(Sample(made, label, pd.Series(pd.Timestamp(day), made.index), world, horizon))
        row = {"as_of": pd.Timestamp(day), "window_end": pd.Timestamp(day + timedelta(days=horizon)), "role": role}
        rows.append(row | _counts(label) | {"inactive": inactive})
    *training, latest, current = _alike(taken)
    if not len(latest):
        raise DataError(f"churn: no customer is active on {test}; use a larger late, or another horizon_days.")
    what = f"a purchase of {category!r}" if category else "a purchase"
    meaning = f"{what} in the window, among those still active by their own rhythm" if world == "purchases" else ""
    table = pd.DataFrame(rows)
    return _guarded(_stack(training), latest, current, table, dropped, tuple(notes), keep_leaks, meaning)


def span(study: Study, world: str) -> tuple[date, date]:
    """Return the first and the last day on which somebody could be seen to leave."""
    if world != "contracts":
        t = study.table("transactions")
        found = t.aggregate(first=t.time.min(), last=t.time.max()).to_pandas().iloc[0]
        return found["first"].date(), found["last"].date()
    c = study.table("contracts")
    found = c.aggregate(first=c.start.min(), start=c.start.max(), end=c.end.max()).to_pandas().iloc[0]
    last = max(day for day in (found["start"], found["end"]) if pd.notna(day)).date()
    # An end that is agreed on for later has not happened yet.
    return found["first"].date(), min(last, study.last_date) if "transactions" in study.tables else last


def _view(study: Study, world: str, day: date, horizon: int, late: float) -> tuple[pd.DataFrame, dict[str, str], int]:
    """Features of those who are customers on a day, what was dropped, and how many are not active any more."""
    customers = features.answered(study.customer360(day, recent_days=horizon), study.config.survey)
    if world == "contracts":
        there = customers["open_contract"].fillna(False).to_numpy(bool)
        kept = customers[there].drop(columns="open_contract")
    else:
        bought = customers[customers["frequency"] > 0].reset_index(drop=True)
        gaps, span = rhythm.gaps_and_span(bought)
        recency = bought["recency_days"].to_numpy("float64")
        learned = rhythm.learn(gaps, span, bought["tenure_days"].to_numpy("float64"))
        # Where nobody bought on two days no rhythm is known, and everybody may still come back.
        overdue = recency / np.maximum(learned.expected_gap_days(gaps, span), 1) if learned.repeaters else 0 * recency
        kept = bought.assign(overdue_ratio=overdue)[overdue <= late]
        there = kept["customer_id"]
    made, dropped = features.make(kept, as_of=day)
    inactive = (len(customers) if world == "contracts" else len(bought)) - len(kept)
    return made, dropped, inactive


def _still_there(study: Study, world: str, day: date, horizon: int, category: str) -> np.ndarray:
    """Customers who did not leave in the window after a day: who bought in it, or held a contract at its end."""
    begin, end = (pd.Timestamp(day) + pd.Timedelta(days=days) for days in (1, horizon + 1))
    if world != "contracts":
        t = study.table("transactions")
        seen = t.filter((t.time >= begin) & (t.time < end) & (t.amount >= 0))
        seen = seen.filter(seen.category == category) if category else seen
    else:
        c = study.table("contracts")
        seen = c.filter((c.start < end) & (c.end.isnull() | (c.end >= end)))
    return seen.select("customer_id").distinct().to_pandas()["customer_id"].to_numpy()


def _bought_before(study: Study, day: date, category: str) -> pd.Series:
    """On how many days each customer had bought a category by a day."""
    t = study.table("transactions")
    end = pd.Timestamp(day) + pd.Timedelta(days=1)
    t = t.filter((t.time < end) & (t.amount >= 0) & (t.category == category))
    days = t.group_by("customer_id").aggregate(days=t.time.date().nunique()).to_pandas()
    return days.set_index("customer_id")["days"].astype("float64")


def _counts(label: pd.Series) -> dict[str, Any]:
    total = len(label)
    if label.isna().any() or not total:
        return {"customers": total, "left": np.nan, **dict.fromkeys(_SHARES, np.nan)}
    left = int(label.sum())
    return {"customers": total, "left": left, **dict(zip(_SHARES, share(left, total), strict=True))}


_SHARES = ("left_share", "left_share_low", "left_share_high")


def _alike(samples: list[Sample]) -> list[Sample]:
    """Give all samples the same columns and the same categories."""
    whole = features.together([sample.features for sample in samples])
    ends = np.cumsum([len(sample) for sample in samples])
    parts = np.split(np.arange(len(whole)), ends[:-1])
    return [replace(sample, features=whole.iloc[part]) for sample, part in zip(samples, parts, strict=True)]


def _stack(samples: list[Sample]) -> Sample:
    return replace(
        samples[0],
        features=pd.concat([sample.features for sample in samples]),
        label=pd.concat([sample.label for sample in samples]),
        as_of=pd.concat([sample.as_of for sample in samples]),
    )


def _labelled(study: Study, *, keep_leaks: bool) -> SnapshotsResult:
    customers, label = marks.read(study)
    column = study.config.churn["label"]
    made, dropped = features.make(customers, as_of=None, leave_out=(column,))
    label = pd.Series(label.to_numpy("float64"), made.index)
    everybody = Sample(made, label, pd.Series(pd.NaT, made.index, dtype="datetime64[ns]"), "label")
    whole = everybody.take(label.notna().to_numpy())
    row = {"as_of": pd.NaT, "window_end": pd.NaT, "role": "cross-validation"} | _counts(whole.label) | {"inactive": 0}
    current = everybody.take(label.to_numpy() != 1)
    # Whether they will leave next is what the model is asked.
    current = replace(current, label=current.label * np.nan)
    unknown = int(label.isna().sum())
    known = f"Of {counted(unknown, 'customer')} it is not known whether they left: no model learns from them, and they"
    notes = (f"{known} are scored.",) if unknown else ()
    return _guarded(whole, whole, current, pd.DataFrame([row]), dropped, notes, keep_leaks)


def _guarded(
    training: Sample,
    latest: Sample,
    current: Sample,
    blocks: pd.DataFrame,
    dropped: dict[str, str],
    notes: tuple[str, ...],
    keep_leaks: bool,
    meaning: str = "",
) -> SnapshotsResult:
    found = leaks.find(training)
    names = [] if keep_leaks else list(found.found["feature"])
    training, latest, current = (sample.without(names) for sample in (training, latest, current))
    return SnapshotsResult(training, latest, current, blocks, dropped, found, notes, meaning)
