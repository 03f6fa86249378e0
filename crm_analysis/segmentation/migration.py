"""Migration: how customers move between segments, tiers, stages or clusters from date to date, and what comes next."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from crm_analysis import options
from crm_analysis.errors import UsageError
from crm_analysis.segmentation.moving import counting, forecasting, testing
from crm_analysis.segmentation.moving.account import MigrationResult
from crm_analysis.segmentation.moving.counting import GONE, NEW

__all__ = ["GONE", "NEW", "MigrationResult", "follow"]


def follow(
    labels: Mapping[Hashable, pd.Series],
    *,
    value: Mapping[Hashable, pd.Series] | None = None,
    order: Sequence[str] | None = None,
    level: float = 0.8,
    draws: int = 4000,
    seed: int = 0,
    what: str = "labels",
    currency: str = "",
) -> MigrationResult:
    """Follow customers from label to label over two dates or more.

    Parameters
    ----------
    labels : mapping of date to Series
        The label of every customer at each date, indexed by customer_id, the earliest date first; a customer without a
        label is not there. The labels of all dates have to be made by the same rules: cut-points frozen at the first
        date (``rfm.score(customers, cuts=earlier.cuts)``, ``value.tiers(customers, edges=earlier.edges)``, the
        ``model`` of `clusters.find`), or each date's own cuts would hide change.
    value : mapping of date to Series, optional
        What each customer brought at each date, indexed by customer_id, such as the spend of the year that ended then;
        a customer it does not name brought nothing.
    order : sequence of str, optional
        The labels, best first; those not named follow in the order in which they appear. With it there is an up and a
        down. Categories with an order, lowest first, serve as well.
    level : float
        The chance that the forecast's intervals aim at.
    draws : int
        Samples of the next step, 100 or more.
    seed : int
        For tests and samples.
    what, currency : str
        What the labels are, such as "RFM segments"; the currency of values.

    Returns
    -------
    MigrationResult
        Where nobody has a label, or all labels are of one date, one that says so.

    Raises
    ------
    UsageError
        If there is no date, they are not in order of time, a customer has two labels at one date, a label
        is called like one of the states added (`NEW`, `GONE`), or a parameter is out of range.

    Notes
    -----
    Shares carry Wilson's interval. The forecast is a Markov chain of order one: see `moving.forecasting.predict` for
    its distribution, `moving.testing` for the tests of its assumptions. It takes the next step to be as long as those
    seen, which should be of equal length.

    References
    ----------
    Anderson, T. W. and Goodman, L. A. (1957). Statistical inference about Markov chains. Annals of Mathematical
    Statistics 28, 89-110.
    Pfeifer, P. E. and Carraway, R. L. (2000). Modeling customer relationships as Markov chains. Journal of Interactive
    Marketing 14(2), 43-55.
    """
    named = _dated(labels)
    _check(named, level=level, draws=draws)
    worth = None if value is None else _values(value, named)
    given = {date: _text(date, series) for date, series in named.items()}
    names, ranked = _order(named, given, order)
    for reserved in (NEW, GONE):
        if reserved in names:
            raise UsageError(f"migration: a label is called {reserved!r}, which is the name of a state; rename it.")
    paths = counting.trace(given, order=names, value=worth)
    counts, generator = paths.counts(), np.random.default_rng(seed)
    moves = counting.transitions(paths)
    forecast = stationary = memory = backtest = None
    states, known = paths.states, bool(counts[:, :-2].any())
    if known:
        settings: dict[str, Any] = {"states": states, "level": level, "draws": draws, "generator": generator}
        forecast = forecasting.predict(counts, paths.now(), **settings)
        if len(counts) > 1:
            stationary = testing.stationarity(counts, generator=generator)
            memory = testing.memory(paths, generator=generator)
            before = counts[-1].sum(axis=1)
            before[-1] = 0
            if counts[:-1, :-2].any():
                backtest = forecasting.predict(counts[:-1], before, **settings).covered(counts[-1])
    return MigrationResult(
        transitions=moves if known else moves.iloc[:0],
        movements=counting.movements(paths, ranked=ranked),
        paths=paths,
        forecast=forecast,
        stationary=stationary,
        memory=memory,
        backtest=backtest,
        ranked=ranked,
        what=what,
        currency=currency,
    )


def _dated(labels: Mapping[Hashable, pd.Series]) -> dict[str, pd.Series]:
    named = {_name(date): series for date, series in labels.items()}
    if not named:
        raise UsageError("migration: give labels at two dates or more, such as {'2024-12-31': a, '2025-12-31': b}.")
    days = pd.to_datetime(pd.Series(list(named)), format="%Y-%m-%d", errors="coerce")
    if days.notna().all() and not days.is_monotonic_increasing:
        raise UsageError(f"migration: the dates must ascend, not {', '.join(named)}.")
    return named


def _name(date: Hashable) -> str:
    return str(date.date()) if isinstance(date, pd.Timestamp) else str(date)


def _check(labels: Mapping[str, pd.Series], *, level: float, draws: int) -> None:
    if not 0 < level < 1:
        raise UsageError(f"migration: level must be between 0 and 1, not {level!r}.")
    options.whole(draws, "draws", caller="migration", least=100)
    for date, series in labels.items():
        if not isinstance(series, pd.Series):
            raise UsageError(
                f"migration: the labels of {date} must be a Series indexed by customer_id, such as "
                "frame.set_index('customer_id')['segment']."
            )
        _check_ids(f"the labels of {date}", series)


def _check_ids(of: str, series: pd.Series) -> None:
    twice = series.index[series.index.duplicated()]
    if len(twice):
        raise UsageError(f"migration: {of} name customer {twice[0]!r} twice; give one row per customer_id.")


def _values(value: Mapping[Hashable, pd.Series], labels: Mapping[str, pd.Series]) -> dict[str, pd.Series]:
    if not isinstance(value, Mapping):
        raise UsageError("migration: value must map each date to a Series, as labels does.")
    named = {_name(date): series for date, series in value.items()}
    absent = [date for date in labels if date not in named]
    if absent:
        raise UsageError(f"migration: value has nothing for {absent[0]}; give a Series for each date.")
    for date in labels:
        _check_ids(f"the values of {date}", named[date])
    return {date: named[date] for date in labels}


def _text(date: str, series: pd.Series) -> pd.Series:
    return series.dropna().astype("object").map(str)


def _order(
    named: Mapping[str, pd.Series], given: Mapping[str, pd.Series], order: Sequence[str] | None
) -> tuple[list[str], bool]:
    """The labels in order, and whether that order ranks them."""
    appearing = list(dict.fromkeys(name for series in given.values() for name in sorted(series.unique())))
    kinds = [series.dtype for series in named.values()]
    ordered = [kind for kind in kinds if isinstance(kind, pd.CategoricalDtype) and kind.ordered]
    if order is None and len(ordered) == len(kinds):
        order = [str(name) for kind in ordered[-1:] for name in reversed(kind.categories)]
    first = [str(name) for name in order or ()]
    return [*dict.fromkeys(first), *(name for name in appearing if name not in first)], order is not None
