"""The behaviour matrix: cells, cuts, shares, fallbacks, the words, the picture."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from crm_analysis.errors import UsageError
from crm_analysis.proportion import share_of_total
from crm_analysis.segmentation import value


@pytest.fixture
def four():
    """One customer in each cell, and one without a purchase. Means: 5 purchases, 50 a purchase."""
    return pd.DataFrame(
        {
            "customer_id": list("abcde"),
            "frequency": [8, 2, 8, 2, 0],
            "mean_order_value": [80.0, 80, 20, 20, np.nan],
            "gross_spend": [640.0, 160, 160, 40, 0],
            "monetary": [600.0, 160, 160, 40, 0],
        }
    )


def test_four_customers_by_hand(four):
    result = value.behaviour_matrix(four, currency="EUR")
    assert result.cuts == (5, 50)
    assert result.cells["cell"].tolist() == ["best", "spender", "frequent", "uncertain"]
    table = result.to_frame().set_index("cell")
    assert table["spend"].to_dict() == {"best": 640, "spender": 160, "frequent": 160, "uncertain": 40}
    assert table.loc["best", "spend_share"] == pytest.approx(0.64)
    assert table.loc["best", ["median_purchases", "median_amount"]].tolist() == [8, 80]
    low, high = (100 * end for end in proportion_confint(1, 4, method="wilson"))
    findings = result.findings()
    assert findings[0] == (
        f"Best (many purchases, large amounts): 1 customer, 25.0 % (95 % interval {low:.1f}–{high:.1f}) of all, spends "
        "64.0 % of the total."
    )
    assert findings[-3:] == (
        "Shares of value have no intervals: they need at least 10 customers.",
        "High is above 5 purchases and above 50 EUR per purchase (the means of the customers).",
        "This counts 4 customers; left out: 1 without a purchase.",
    )
    assert list(result.metrics())[:2] == ["best_customers_share", "best_spend_share"]
    assert len(result.metrics()) == 8


def test_with_ten_customers_shares_of_spend_have_intervals(four):
    twelve = pd.concat([four.head(4)] * 3, ignore_index=True)
    spend = np.tile([640.0, 160, 160, 40], 3)
    low, high = (100 * end for end in share_of_total(spend, spend > 600)[1:])
    findings = value.behaviour_matrix(twelve).findings()
    assert findings[0].endswith(f"of all, spend 64.0 % (95 % interval {low:.1f}–{high:.1f}) of the total.")
    assert findings[-2].startswith("High is above ")


def test_a_customer_at_the_cut_is_low(four):
    equal = value.behaviour_matrix(four.assign(frequency=3, mean_order_value=0.1 + 0.2))
    assert set(equal.cells["cell"]) == {"uncertain"}


def test_cuts_of_ones_own(four):
    result = value.behaviour_matrix(four, cuts=(1, 50))
    assert result.cells["cell"].tolist() == ["best", "best", "frequent", "frequent"]
    assert result.findings()[-2] == "High is above 1 purchases and above 50 per purchase (as given)."
    assert value.behaviour_matrix(four.assign(frequency=[9, 1, 2, 3, 0]), cuts="median").cuts == (2.5, 50)


def test_the_amount_from_gross_spend_else_revenue(four):
    without = four.drop(columns="mean_order_value")
    assert value.behaviour_matrix(without).cells["mean_amount"].tolist() == [80, 80, 20, 20]
    assert value.behaviour_matrix(without.drop(columns="gross_spend")).cells["mean_amount"].tolist() == [75, 80, 20, 20]


@pytest.mark.parametrize("cuts", ["mode", (1,), (1, float("nan")), (1, "2")])
def test_cuts_that_are_not_understood(four, cuts):
    for customers in (four, four.head(0)):
        with pytest.raises(UsageError) as error:
            value.behaviour_matrix(customers, cuts=cuts)
        assert str(error.value) == f"behaviour_matrix: cuts must be 'mean', 'median' or two numbers, not {cuts!r}."


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        (
            ["customer_id"],
            "The customers have no column mean_order_value, so their value cannot be told; a view of a study with "
            "transactions has it and frequency.",
        ),
        (
            ["customer_id", "mean_order_value"],
            "The customers have no column mean_order_value, so their value cannot be told; a view of a study with "
            "transactions has it and frequency.",
        ),
    ],
)
def test_what_is_missing_is_said(four, columns, sentence, keeps_result_contract):
    result = value.behaviour_matrix(four[columns])
    assert result.findings() == (sentence,)
    keeps_result_contract(result, pictures=("plot",))


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 90)), min_size=1, max_size=40))
def test_every_buyer_is_in_one_cell(drawn):
    orders, amounts = (np.array(part, float) for part in zip(*drawn, strict=True))
    customers = pd.DataFrame({"customer_id": range(len(drawn)), "frequency": orders, "mean_order_value": amounts})
    result = value.behaviour_matrix(customers)
    buyers = int((orders > 0).sum())
    assert len(result.cells) == buyers
    if buyers:
        assert result.to_frame()["customers"].sum() == buyers
        assert result.to_frame()["spend"].sum() == pytest.approx((orders * amounts).sum())


@pytest.mark.parametrize("customers", [1, 5, 400])
def test_BehaviourMatrixResult_keeps_the_contract(make_customers, customers, keeps_result_contract):
    result = value.behaviour_matrix(make_customers(customers), label="June", currency="CNY")
    keeps_result_contract(result, pictures=("plot",))


def test_the_picture_has_its_cuts_and_four_notes(make_customers):
    result = value.behaviour_matrix(make_customers(400))
    ax = result.plot()
    assert [line.get_xdata()[0] for line in ax.lines[:1]] == [result.cuts[0]]
    assert [text.get_text().splitlines()[0] for text in ax.texts] == ["best", "spender", "frequent", "uncertain"]
    assert sum(len(points.get_offsets()) for points in ax.collections) == 400
