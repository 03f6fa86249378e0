"""Options: what a caller gives is checked in one place, and refused in one sentence."""

import numpy as np
import pandas as pd
import pytest

from crm_analysis import options
from crm_analysis.errors import UsageError


def refused(call, *given, **terms):
    with pytest.raises(UsageError) as raised:
        call(*given, caller="somewhere", **terms)
    return str(raised.value)


@pytest.mark.parametrize("value", [2.0, "2", None, True, -1, np.nan])
def test_a_whole_number_is_one(value):
    assert refused(options.whole, value, "seed") == (
        f"somewhere: seed must be a whole number, 0 or more, not {value!r}."
    )
    assert options.whole(np.int64(3), "seed", caller="somewhere") == 3


@pytest.mark.parametrize(
    ("terms", "ends"),
    [
        ({"high": 1}, "above 0 and at most 1"),
        ({"high": 1, "above": False}, "0 or more and at most 1"),
        ({"high": np.inf}, "above 0"),
        ({"low": -np.inf, "high": np.inf}, "a number"),
    ],
)
def test_a_number_lies_between_its_ends(terms, ends):
    for value in ("0.5", np.nan, np.inf, True, *([] if ends == "a number" else [-1])):
        assert refused(options.within, value, "share", **terms) == f"somewhere: share must be {ends}, not {value!r}."
    assert options.within(0.5, "share", caller="somewhere", **terms) == 0.5


@pytest.mark.parametrize("value", [None, "", "soon", 20250630, pd.NaT])
def test_a_day_is_a_day(value):
    assert refused(options.day, value, "last_day") == (
        f"somewhere: last_day must be a date such as 2025-06-30, not {value!r}."
    )


def test_a_day_has_no_hour_and_no_zone():
    given = pd.Timestamp("2025-06-30 18:00", tz="Asia/Shanghai")
    assert options.day(given, "last_day", caller="somewhere") == pd.Timestamp("2025-06-30")


@pytest.mark.parametrize("times", [[20240101], ["03/04/2024"], ["soon"]])
def test_times_that_would_be_guessed_are_refused(times):
    table = pd.DataFrame({"time": times})
    assert refused(options.dated, table, "orders") == (
        "somewhere: the times of orders are no dates; give dates such as 2025-06-30."
    )


def test_a_table_has_its_columns():
    table = pd.DataFrame({"time": ["2024-03-04 10:00"]})
    assert options.dated(table, "orders", caller="somewhere")["time"].tolist() == [pd.Timestamp("2024-03-04 10:00")]
    assert refused(options.dated, table, "orders", "amount") == (
        "somewhere: orders has no column 'amount'; it needs amount and time."
    )
    assert refused(options.dated, [1], "orders") == "somewhere: orders must be a pandas DataFrame, not list."
