"""Repeat purchases in the engine: the same as by hand and in pandas."""

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_analysis.errors import DataError, UsageError
from crm_analysis.value.models import summary


def test_repeat_purchases_by_hand(study_of, few_orders):
    found = _study(study_of, few_orders).repeat_purchases(as_of="2025-01-29", unit="week")
    assert found["customer_id"].tolist() == ["a", "b"]
    assert found["frequency"].tolist() == [0, 2]
    assert found["recency"].tolist() == [0.0, 2.0]
    assert found["age"].tolist() == [19 / 7, 4.0]
    assert found["monetary"].tolist() == pytest.approx([np.nan, 30.5], nan_ok=True)


def test_the_engine_counts_the_same(study_of, few_orders):
    study = _study(study_of, few_orders)
    for unit in ("day", "week", "month", "year"):
        for day in ("2025-01-01", "2025-01-29", None):
            inside = study.repeat_purchases(as_of=day, unit=unit)
            outside = summary.summarise(few_orders, as_of=day, unit=unit)
            pd.testing.assert_frame_equal(inside, outside, check_dtype=False)
            assert inside.attrs == outside.attrs


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, 30), st.integers(-3, 30)), min_size=1, max_size=30
    ).filter(lambda rows: any(amount >= 0 for _, _, amount in rows))
)
def test_engine_and_pandas_agree_on_any_log(study_of, rows):
    log = pd.DataFrame(rows, columns=["customer_id", "day", "amount"])
    log["time"] = pd.Timestamp("2025-01-01") + pd.to_timedelta(log.pop("day"), unit="D")
    study = _study(study_of, log)
    inside = study.repeat_purchases(as_of="2025-01-31", unit="week")
    outside = summary.summarise(log, as_of="2025-01-31", unit="week")
    pd.testing.assert_frame_equal(inside, outside, check_dtype=False)
    assert (outside["recency"] <= outside["age"]).all()
    assert ((outside["frequency"] == 0) == outside["monetary"].isna()).all()


def test_wrong_calls_and_empty_logs_are_said(study_of):
    study = study_of({"transactions": [{"customer_id": "a", "time": datetime.datetime(2025, 1, 1), "amount": 1}]})
    with pytest.raises(UsageError) as caught:
        study.repeat_purchases(unit="fortnight")
    assert str(caught.value) == "repeat_purchases: unit must be one of day, week, month, year, not 'fortnight'."
    with pytest.raises(DataError) as caught:
        study.repeat_purchases(as_of="2024-12-31")
    assert str(caught.value) == "repeat_purchases: nobody bought by 2024-12-31; choose a later as_of."


def _study(study_of, log):
    rows = [
        row | {"time": row["time"].to_pydatetime(), "amount": Decimal(str(row["amount"]))}
        for row in log.to_dict("records")
    ]
    return study_of({"transactions": rows})
