"""Deeds: which answers count, and what customers did in the time before and after them."""

from __future__ import annotations

import pandas as pd


def of_wave(followed: pd.DataFrame, known: pd.DataFrame, wave: int | None) -> pd.DataFrame:
    """The answers of one wave, counted in order of time; of all waves by default."""
    if wave is None:
        return followed
    if "wave" not in known or known["wave"].isna().all():
        return followed if wave in (0, -1) else followed.iloc[:0]
    order = list(known.groupby("wave")["time"].min().sort_values().index)
    chosen = order[wave] if -len(order) <= wave < len(order) else None
    return followed[followed["wave"] == chosen] if chosen is not None else followed.iloc[:0]


def once(answers: pd.DataFrame) -> pd.DataFrame:
    """The first answers of each customer."""
    if answers.empty:
        return answers
    return answers.sort_values("time", kind="stable").drop_duplicates("customer_id").sort_values("customer_id")


def measure(asked: pd.Series, bought: pd.DataFrame, days: int) -> pd.DataFrame:
    """What each customer did in the time before and after being asked."""
    lines = bought.loc[bought["customer_id"].isin(asked.index), ["customer_id", "time", "amount"]]
    apart = lines["time"] - asked.reindex(lines["customer_id"]).set_axis(lines.index)
    day, span = lines["time"].dt.normalize(), pd.Timedelta(days=days)
    windows = {
        "before": (apart > -span) & (apart <= pd.Timedelta(0)),
        "bought": (apart > pd.Timedelta(0)) & (apart <= span),
        "late": (apart > span / 2) & (apart <= span),
    }
    number_of = {
        name: day[inside].groupby(lines.loc[inside, "customer_id"]).nunique().reindex(asked.index, fill_value=0)
        for name, inside in windows.items()
    }
    done = pd.DataFrame({name: (days_with > 0).astype("float64") for name, days_with in number_of.items()})
    enough = (number_of["bought"] >= number_of["before"] / 2).astype("float64")
    done["kept"] = enough.where(number_of["before"] > 0)
    spend = lines.loc[windows["before"]].groupby("customer_id")["amount"].sum()
    done["spend_before"] = spend.astype("float64").reindex(asked.index, fill_value=0.0)
    return done
