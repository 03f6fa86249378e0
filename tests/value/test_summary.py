"""Summaries of a log, and the holdout."""

import datetime
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crm_analysis.errors import DataError, UsageError
from crm_analysis.value import clv

PUBLISHED = json.loads((Path(__file__).parents[1] / "reference" / "clv.json").read_text("utf-8"))
LOG = pd.DataFrame(
    [
        ("b", "2025-01-01 09:00", 10.0),
        ("b", "2025-01-01 18:00", 5.0),
        ("b", "2025-01-08 10:00", 20.0),
        ("b", "2025-01-08 11:00", 1.0),
        ("b", "2025-01-15 10:00", 40.0),
        ("b", "2025-01-16 10:00", -40.0),
        ("a", "2025-01-10 10:00", 7.0),
        ("a", "2025-02-10 10:00", 8.0),
        ("c", "2025-01-20 10:00", -3.0),
    ],
    columns=["customer_id", "time", "amount"],
).assign(time=lambda log: pd.to_datetime(log["time"]))


def test_the_log_of_cdnow(cdnow):
    summary = clv.summarise(cdnow, as_of=PUBLISHED["calibration_end"], unit="week")
    assert len(summary) == 2357
    assert (summary["frequency"] > 0).sum() == PUBLISHED["gamma_gamma"]["repeat_customers"]
    after = clv.holdout(cdnow, after=PUBLISHED["calibration_end"], unit="week")
    assert after.attrs == {"periods": 39.0}
    assert after["purchases"].sum() == PUBLISHED["holdout"]["actual_total"]


def test_a_summary_by_hand():
    summary = clv.summarise(LOG, as_of="2025-01-29", unit="week")
    assert summary["customer_id"].tolist() == ["a", "b"]
    assert summary["frequency"].tolist() == [0, 2]
    assert summary["recency"].tolist() == [0.0, 2.0]
    assert summary["age"].tolist() == [19 / 7, 4.0]
    assert summary["monetary"].tolist() == pytest.approx([np.nan, 30.5], nan_ok=True)
    assert summary.attrs == {"as_of": "2025-01-29", "unit": "week"}
    assert clv.summarise(LOG, unit="day")["age"].tolist() == [31.0, 40.0]
    bought = clv.holdout(LOG, after="2025-01-07", until=datetime.date(2025, 1, 28), unit="day")
    assert bought.to_dict("list") == {"customer_id": ["a", "b"], "purchases": [1, 2], "spend": [7.0, 61.0]}
    assert bought.attrs == {"periods": 21.0}


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (
            lambda: clv.summarise(LOG.drop(columns="amount")),
            UsageError,
            "summarise: the transactions have no column 'amount'; they need customer_id, time and amount.",
        ),
        (
            lambda: clv.summarise(LOG, unit="fortnight"),
            UsageError,
            "summarise: unit must be one of day, week, month, year, not 'fortnight'.",
        ),
        (
            lambda: clv.summarise(LOG, as_of="someday"),
            UsageError,
            "summarise: a day must be written such as \"2025-06-30\", not 'someday'.",
        ),
        (
            lambda: clv.summarise(LOG, as_of="2024-12-31"),
            DataError,
            "summarise: nobody bought by 2024-12-31; choose a later as_of.",
        ),
        (
            lambda: clv.summarise(LOG[LOG["amount"] < 0]),
            DataError,
            "summarise: there are no purchases; give transactions with amounts of zero or more.",
        ),
        (
            lambda: clv.holdout(LOG, after="2025-02-10"),
            DataError,
            "holdout: the window ends on 2025-02-10, not after 2025-02-10; choose later days.",
        ),
    ],
)
def test_wrong_calls_and_empty_logs_are_said(call, kind, message):
    with pytest.raises(kind) as caught:
        call()
    assert str(caught.value) == message


def test_times_and_amounts_as_text():
    """A CSV read without more: days of the form 2025-06-30 are understood, others are not guessed."""
    text = LOG.assign(time=LOG["time"].astype(str), amount=LOG["amount"].astype(str))
    assert clv.summarise(text, as_of="2025-01-29").equals(clv.summarise(LOG, as_of="2025-01-29"))
    for change, message in (
        (
            {"time": LOG["time"].dt.strftime("%d.%m.%Y")},
            "summarise: times must be dates or text such as '2025-06-30', not '01.01.2025'; use pandas.to_datetime "
            "with its format, or make a study of the file (crm-analysis init), which reads most forms.",
        ),
        (
            {"amount": LOG["amount"].astype(str).str.replace(".", ",")},
            "summarise: amount must be numbers, not '10,0'; give read_csv the file's decimal and thousands, or make a "
            "study of the file (crm-analysis init), which reads most forms.",
        ),
    ):
        with pytest.raises(DataError) as caught:
            clv.summarise(LOG.assign(**change))
        assert str(caught.value) == message
