"""Dirt as firms have it, put between the clean rows, which stay as they are and keep their order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from crm_analysis.study.simulate.questionnaire import ACSI
from crm_analysis.study.simulate.setting import Setting

DUPLICATE_LINES_SHARE = 0.002
DUPLICATE_PEOPLE_SHARE = 0.01
_PER_THOUSAND_LINES = {"without_customer": 0.25, "text_in_quantity": 0.12, "impossible_date": 0.10, "far_future": 0.08}
_TEXTS = ("twelve", "n/a", "two", "?", "-")
_IMPOSSIBLE = ("{year}-02-30 10:15:00", "{year}-13-05 09:30:00", "{year}-11-31 18:20:00", "0000-00-00 00:00:00")
_FUTURE = ("2052-05-01 12:00:00", "2099-12-31 00:00:00")
_OUT_OF_RANGE = (0, 11, 12, 55, -1)


def spoil(tables: dict[str, pd.DataFrame], setting: Setting) -> tuple[dict[str, pd.DataFrame], dict[str, Any]]:
    """Put dirty rows into a copy of the tables.

    Parameters
    ----------
    tables : dict of DataFrame
        The clean raw tables.
    setting : Setting
        Size, seed and calendar.

    Returns
    -------
    tables, truth
        The tables with dirty rows between the clean ones, and how many rows of each kind there are.
    """
    draws = setting.generator("dirt")
    transactions, counts = _spoil_transactions(tables["transactions"], draws, setting)
    second_records, extra_orders, links = _second_records(tables, draws, setting)
    survey, survey_count = _spoil_survey(tables["survey"], draws)
    spoiled = dict(tables)
    spoiled["customers"] = pd.concat([tables["customers"], second_records], ignore_index=True)
    spoiled["transactions"] = _put_between(tables["transactions"], [*transactions, extra_orders], draws)
    spoiled["survey"] = survey
    truth = {
        "meaning": "rows put between the clean ones, by kind; second records are people entered again, spelled "
        "otherwise with the same phone or e-mail, and their extra orders are booked under the second id",
        "transactions": {
            **counts,
            "orders_under_second_id": int(extra_orders["order_id"].nunique()),
            "lines_under_second_id": len(extra_orders),
        },
        "customers": {"second_records": len(second_records)},
        "survey": {"out_of_range_answers": survey_count},
        "second_records": links,
    }
    return spoiled, truth


def _spoil_transactions(
    lines: pd.DataFrame, draws: np.random.Generator, setting: Setting
) -> tuple[list[pd.DataFrame], dict[str, int]]:
    counts = {kind: max(2, round(rate * len(lines) / 1000)) for kind, rate in _PER_THOUSAND_LINES.items()}
    made = {kind: _copied(lines, count, draws) for kind, count in counts.items()}
    made["without_customer"]["customer_id"] = None
    made["text_in_quantity"]["quantity"] = draws.choice(_TEXTS, size=counts["text_in_quantity"])
    years = draws.integers(setting.start.year, setting.start.year + setting.years, size=counts["impossible_date"])
    made["impossible_date"]["time"] = [
        _IMPOSSIBLE[place % len(_IMPOSSIBLE)].format(year=year) for place, year in enumerate(years)
    ]
    made["far_future"]["time"] = draws.choice(_FUTURE, size=counts["far_future"])
    for number, rows in enumerate(made.values()):
        # An order number of its own: the dirty row is nobody's return and part of no other order.
        rows["order_id"] = [f"X{number + 1}{place:05d}" for place in range(1, len(rows) + 1)]
    counts["duplicate_lines"] = max(2, round(DUPLICATE_LINES_SHARE * len(lines)))
    place = np.sort(draws.choice(len(lines), size=counts["duplicate_lines"], replace=False))
    return [*made.values(), lines.iloc[place].astype(object)], counts


def _second_records(
    tables: dict[str, pd.DataFrame], draws: np.random.Generator, setting: Setting
) -> tuple[pd.DataFrame, pd.DataFrame, list[dict[str, str]]]:
    """People entered again: each gets a second record some time after the first, and some orders under it."""
    customers, lines = tables["customers"], tables["transactions"]
    bought = lines[lines["quantity"] > 0]
    days = (
        bought.groupby("customer_id")["time"].agg(["min", "max"]).apply(lambda column: pd.to_datetime(column.str[:10]))
    )
    several = days.index[(days["max"] - days["min"]).dt.days >= 60]
    count = min(max(2, round(DUPLICATE_PEOPLE_SHARE * len(customers))), len(several))
    ids = np.sort(draws.choice(several.to_numpy(), size=count, replace=False))
    again = customers.set_index("customer_id", drop=False).loc[ids].reset_index(drop=True).astype(object)
    first, last = (days.loc[ids, column].to_numpy() for column in ("min", "max"))
    begins = first + ((last - first) * draws.uniform(0.3, 0.7, size=count)).astype("timedelta64[D]")
    again["customer_id"] = [f"C{len(customers) + place:05d}" for place in range(1, count + 1)]
    again["joined"] = pd.Series(begins).dt.strftime("%Y-%m-%d").to_numpy()
    again["referrer_id"] = None
    same_phone = draws.random(count) < 0.6
    again["name"] = [
        _respelled(name, way) for name, way in zip(again["name"], draws.integers(3, size=count), strict=True)
    ]
    again.loc[same_phone, "email"] = None
    again.loc[~same_phone, "phone"] = None
    extra = []
    for place, (original, begin, end) in enumerate(zip(ids, begins, last, strict=True)):
        own = bought[bought["customer_id"] == original]
        orders = own["order_id"].unique()
        for turn, order in enumerate(draws.choice(orders, size=min(3, len(orders)), replace=False)):
            copy = own[own["order_id"] == order].astype(object)
            day = begin + (end - begin) * draws.random()
            stamp = pd.Timestamp(day).strftime("%Y-%m-%d") + " " + copy["time"].iloc[0][11:]
            extra.append(
                copy.assign(customer_id=again["customer_id"][place], order_id=f"S{place + 1:04d}{turn + 1}", time=stamp)
            )
    links = [
        {"customer_id": original, "second_id": second, "same": "phone" if phone else "email"}
        for original, second, phone in zip(ids, again["customer_id"], same_phone, strict=True)
    ]
    return again, pd.concat(extra, ignore_index=True), links


def _spoil_survey(answers: pd.DataFrame, draws: np.random.Generator) -> tuple[pd.DataFrame, int]:
    """Answers by nobody in particular with one code that the scale does not have."""
    count = max(2, round(0.003 * len(answers)))
    bad = _copied(answers, count, draws).reset_index(drop=True)
    bad["customer_id"] = None
    bad["respondent_id"] = [f"T{place:04d}" for place in range(1, count + 1)]
    items = [item.name for item in ACSI if len(item.codes) == 10]
    for row, item in enumerate(draws.choice(items, size=count)):
        bad.loc[row, item] = _OUT_OF_RANGE[row % len(_OUT_OF_RANGE)]
    return _put_between(answers, [bad], draws), count


def _copied(rows: pd.DataFrame, count: int, draws: np.random.Generator) -> pd.DataFrame:
    return rows.iloc[draws.integers(len(rows), size=count)].astype(object)


def _put_between(clean: pd.DataFrame, dirty: list[pd.DataFrame], draws: np.random.Generator) -> pd.DataFrame:
    """Clean rows in their order with dirty rows at random places; object columns keep every value as it was written."""
    added = pd.concat(dirty, ignore_index=True)
    place = np.concatenate([np.arange(len(clean)), draws.uniform(0, len(clean), size=len(added))])
    both = pd.concat([clean.astype(object), added[clean.columns].astype(object)], ignore_index=True)
    return both.iloc[np.argsort(place, kind="stable")].reset_index(drop=True)


def _respelled(name: str, way: int) -> str:
    surname, given = name.split(" ", 1)
    return (f"{given} {surname}", f"{surname}{given}".upper(), f"{surname} {given[0]}.")[way]
