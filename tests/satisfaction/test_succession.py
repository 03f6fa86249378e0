"""Succession: waves in time, numbers by size, words by the alphabet and said to be so."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_analysis.errors import UsageError
from crm_analysis.satisfaction import succession


def asked(waves, times=None):
    answers = pd.DataFrame({"wave": waves})
    return answers if times is None else answers.assign(time=times)


@pytest.mark.parametrize(
    ("answers", "order", "alphabetical"),
    [
        (asked([10, 2, 1]), [1, 2, 10], False),
        (asked(["10", "2"]), ["2", "10"], False),
        (asked(["spring", "autumn"]), ["autumn", "spring"], True),
        (asked(["spring", "autumn"], ["2024-04-01", "2024-10-01"]), ["spring", "autumn"], False),
        (asked(["spring", "autumn"], ["2024-04-01", None]), ["autumn", "spring"], True),
        (asked(["b", "a"], ["2024-04-01", "2024-04-01"]), ["a", "b"], True),
        (asked(["b", "b", "b", "a"], ["2024-04-01", "2024-04-01", "2025-12-31", "2024-10-01"]), ["b", "a"], False),
        (asked(pd.Categorical(["z", "a"], categories=["z", "y", "a"], ordered=True)), ["z", "a"], False),
        (asked([1.0, None]), [1.0], False),
        (asked([None, None]), [], False),
    ],
    ids=["numbers", "texts", "words", "time", "time lacks", "one time", "a wrong date", "categories", "gaps", "none"],
)
def test_order(answers, order, alphabetical):
    assert succession.order(answers) == order
    assert succession.is_alphabetical(answers) is alphabetical


def test_groups_have_no_time():
    answers = pd.DataFrame({"market": ["south", "north"], "time": ["2024-01-01", "2024-02-01"]})
    assert succession.order(answers, "market") == ["north", "south"]
    assert not succession.is_alphabetical(answers, "market")
    assert succession.order(answers, "market", wave="market") == ["south", "north"]


@given(st.lists(st.one_of(st.integers(0, 9), st.text(max_size=3), st.booleans(), st.none()), max_size=12))
def test_every_value_stands_once(values):
    answers = pd.DataFrame({"wave": pd.Series(values, dtype=object)})
    found = succession.order(answers)
    assert len(found) == answers["wave"].nunique()
    assert set(map(str, found)) <= set(map(str, answers["wave"].dropna()))


def test_a_column_that_is_not_there_is_named():
    with pytest.raises(UsageError) as raised:
        succession.order(pd.DataFrame({"a": [1]}), "wave")
    assert str(raised.value) == "The answers have no column 'wave'; add it, or name another."
