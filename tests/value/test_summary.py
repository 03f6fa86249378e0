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


def test_the_log_of_cdnow(cdnow):
    summary = clv.summarise(cdnow, as_of=PUBLISHED["calibration_end"], unit="week")
    assert len(summary) == 2357
    assert (summary["frequency"] > 0).sum() == PUBLISHED["gamma_gamma"]["repeat_customers"]
    after = clv.holdout(cdnow, after=PUBLISHED["calibration_end"], unit="week")
    assert after.attrs == {"periods": 39.0}
    assert after["purchases"].sum() == PUBLISHED["holdout"]["actual_total"]


def test_a_summary_by_hand(few_orders):
    summary = clv.summarise(few_orders, as_of="2025-01-29", unit="week")
    assert summary["customer_id"].tolist() == ["a", "b"]
    assert summary["frequency"].tolist() == [0, 2]
    assert summary["recency"].tolist() == [0.0, 2.0]
    assert summary["age"].tolist() == [19 / 7, 4.0]
    assert summary["monetary"].tolist() == pytest.approx([np.nan, 30.5], nan_ok=True)
    assert summary.attrs == {"as_of": "2025-01-29", "unit": "week"}
    assert clv.summarise(few_orders, unit="day")["age"].tolist() == [31.0, 40.0]
    bought = clv.holdout(few_orders, after="2025-01-07", until=datetime.date(2025, 1, 28), unit="day")
    assert bought.to_dict("list") == {"customer_id": ["a", "b"], "purchases": [1, 2], "spend": [7.0, 61.0]}
    assert bought.attrs == {"periods": 21.0}


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (
            lambda log: clv.summarise(log.drop(columns="amount")),
            UsageError,
            "summarise: the transactions have no column 'amount'; they need customer_id, time and amount.",
        ),
        (
            lambda log: clv.summarise(log, unit="fortnight"),
            UsageError,
            "summarise: unit must be one of day, week, month, year, not 'fortnight'.",
        ),
        (
            lambda log: clv.summarise(log, as_of="someday"),
            UsageError,
            "summarise: a day must be written such as \"2025-06-30\", not 'someday'.",
        ),
        (
            lambda log: clv.summarise(log, as_of="2024-12-31"),
            DataError,
            "summarise: nobody bought by 2024-12-31; choose a later as_of.",
        ),
        (
            lambda log: clv.summarise(log[log["amount"] < 0]),
            DataError,
            "summarise: there are no purchases; give transactions with amounts of zero or more.",
        ),
        (
            lambda log: clv.holdout(log, after="2025-02-10"),
            DataError,
            "holdout: the window ends on 2025-02-10, not after 2025-02-10; choose later days.",
        ),
        (
            lambda log: clv.summarise(log.assign(amount="ten")),
            DataError,
            "summarise: amount must be numbers, not 'ten'; give read_csv the file's decimal and thousands, or make a "
            "study of the file (crm-analysis init), which reads most forms.",
        ),
        (
            lambda log: clv.summarise(log.assign(amount=[1.0, np.nan, np.inf, *[2.0] * 6])),
            DataError,
            "summarise: every transaction needs a finite amount; 2 of 9 lack it, the first is row 1 (nan); mend or "
            "leave them out.",
        ),
        (
            lambda log: clv.summarise(log.assign(time=log["time"].where(log["customer_id"] != "a"))),
            DataError,
            "summarise: every transaction needs a time; 2 of 9 lack it, the first is row 6 (NaT); mend or leave them "
            "out.",
        ),
        (
            lambda log: clv.holdout(log.assign(time="01/02/2025"), after="2025-01-07"),
            DataError,
            "holdout: times must be dates or text such as '2025-06-30', not '01/02/2025'; use pandas.to_datetime with "
            "its format, or make a study of the file (crm-analysis init), which reads most forms.",
        ),
        (
            lambda log: clv.summarise(log.assign(time=19970101)),
            DataError,
            "summarise: times must be dates or text such as '2025-06-30', not 19970101; use pandas.to_datetime with "
            "its format, or make a study of the file (crm-analysis init), which reads most forms.",
        ),
        (
            lambda log: clv.summarise(log.assign(customer_id=log["customer_id"].replace("c", None))),
            DataError,
            "summarise: every transaction needs a customer_id; 1 of 9 lack it, the first is row 8 (nan); mend or "
            "leave them out.",
        ),
        (
            lambda log: clv.summarise(log, as_of=pd.NaT),
            UsageError,
            'summarise: a day must be written such as "2025-06-30", not NaT.',
        ),
        (
            lambda log: clv.summarise(log.head(0)),
            DataError,
            "summarise: there are no purchases; give transactions with amounts of zero or more.",
        ),
    ],
)
def test_wrong_calls_and_empty_logs_are_said(few_orders, call, kind, message):
    with pytest.raises(kind) as caught:
        call(few_orders)
    assert str(caught.value) == message


def test_zones_and_numbers_written_as_text_are_understood(few_orders):
    """A day is the day where the customer bought, whatever the zone of the clock."""
    abroad = few_orders.assign(
        time=few_orders["time"].dt.tz_localize("Asia/Shanghai"), amount=few_orders["amount"].astype(str)
    )
    found = clv.summarise(abroad, as_of=pd.Timestamp("2025-01-29", tz="Asia/Shanghai"))
    pd.testing.assert_frame_equal(found, clv.summarise(few_orders, as_of="2025-01-29"))


def test_times_and_amounts_as_text(few_orders):
    """A CSV read without more: days of the form 2025-06-30 are understood, others are not guessed."""
    text = few_orders.assign(time=few_orders["time"].astype(str), amount=few_orders["amount"].astype(str))
    assert clv.summarise(text, as_of="2025-01-29").equals(clv.summarise(few_orders, as_of="2025-01-29"))
    for change, message in (
        (
            {"time": few_orders["time"].dt.strftime("%d.%m.%Y")},
            "summarise: times must be dates or text such as '2025-06-30', not '01.01.2025'; use pandas.to_datetime "
            "with its format, or make a study of the file (crm-analysis init), which reads most forms.",
        ),
        (
            {"amount": few_orders["amount"].astype(str).str.replace(".", ",")},
            "summarise: amount must be numbers, not '10,0'; give read_csv the file's decimal and thousands, or make a "
            "study of the file (crm-analysis init), which reads most forms.",
        ),
    ):
        with pytest.raises(DataError) as caught:
            clv.summarise(few_orders.assign(**change))
        assert str(caught.value) == message
