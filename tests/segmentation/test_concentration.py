"""Concentration: shares of the top, who is counted, the words, the picture."""

import numpy as np
import pandas as pd
import pytest

from crm_analysis.errors import UsageError
from crm_analysis.segmentation import value
from crm_analysis.segmentation.lorenz import Lorenz


@pytest.fixture
def five():
    return pd.DataFrame(
        {
            "customer_id": list("abcde"),
            "frequency": [1, 2, 3, 4, 0],
            "monetary": [10.0, 20, 30, 40, 0],
            "margin": [-2.0, 4, 6, 12, np.nan],
        }
    )


def refusal(*arguments, **settings):
    with pytest.raises(UsageError) as error:
        value.concentration(*arguments, **settings)
    return str(error.value)


def test_four_customers_by_hand(five):
    result = value.concentration(five, by="monetary", shares=(0.25, 0.5), currency="EUR")
    table = result.to_frame()
    assert table["top_share"].tolist() == [0.25, 0.5]
    assert table["customers"].tolist() == [1, 2]
    assert table["value_share"].tolist() == pytest.approx([0.4, 0.7])
    assert result.needed[0] == pytest.approx((2 + 1 / 2) / 4)
    assert result.gini[0] == pytest.approx(2 * (10 + 40 + 90 + 160) / (4 * 100) - 5 / 4)
    assert result.curve["customers_share"].tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert result.curve["value_share"].tolist() == pytest.approx([0, 0.1, 0.3, 0.6, 1])
    assert result.findings() == (
        "The top 50 % of the customers hold 70.0 % of the revenue.",
        "The top 25 % of the customers hold 40.0 % of the revenue.",
        "80 % of the revenue comes from 62.5 % of the customers, 3 of 4.",
        "The Gini coefficient is 0.25: 0 if all brought the same, near 1 if one brought everything.",
        "There are no intervals: they need at least 10 customers.",
        "This counts 4 customers; left out: 1 without a purchase.",
    )


def test_margin_goes_before_revenue_and_losses_count_as_nothing(five):
    result = value.concentration(five, currency="EUR")
    assert result.measured.column == "margin"
    assert result.to_frame()["value_share"].iloc[-1] == pytest.approx(0.8 * 12 / 22)
    assert result.findings()[0] == "The top 20 % of the customers hold 43.6 % of the positive margin."
    assert "Counted as bringing 0: 1 customer with a negative margin (-2 EUR in all)." in result.findings()


def test_findings_have_intervals(make_customers):
    customers = make_customers(500)
    estimate = Lorenz(customers["monetary"].to_numpy()).top(0.2)
    share, low, high = (100 * number for number in estimate)
    assert value.concentration(customers).findings()[0] == (
        f"The top 20 % of the customers hold {share:.1f} % (95 % interval {low:.1f}–{high:.1f}) of the revenue."
    )


def test_metrics(five):
    found = value.concentration(five, by="monetary", shares=(0.005, 0.25), hold=0.5).metrics()
    assert found == pytest.approx(
        {
            "customers": 4,
            "gini": 0.25,
            "top_0_5_percent_share": 0.008,
            "top_25_percent_share": 0.4,
            "customers_for_50_percent_share": (1 + 1 / 3) / 4,
        }
    )


def test_an_unknown_value_is_left_out_and_counted(five):
    assert value.concentration(five.assign(monetary=[10.0, np.nan, np.inf, 40, 0]), by="monetary").findings()[-1] == (
        "This counts 2 customers; left out: 1 without a purchase and 2 for whom the revenue cannot be told."
    )


def test_a_table_of_customers_alone_needs_no_purchases():
    customers = pd.DataFrame({"customer_id": ["a", "b"], "MonthlyCharges": [20.0, 60.0]})
    result = value.concentration(customers, by="MonthlyCharges", shares=(0.5,))
    assert result.findings()[0] == "The top 50 % of the customers hold 75.0 % of the MonthlyCharges."


@pytest.mark.parametrize(
    ("customers", "sentence"),
    [
        (pd.DataFrame({"customer_id": [], "frequency": []}), "There are no customers to count."),
        (
            pd.DataFrame({"customer_id": ["a"], "frequency": [0], "monetary": [0.0]}),
            "No customer has a purchase, so there is no value to count.",
        ),
        (
            pd.DataFrame({"customer_id": ["a"]}),
            "The customers have no column margin or monetary or monthly_fee, so their value cannot be told; name "
            "another with by=.",
        ),
        (
            pd.DataFrame({"frequency": [2], "monetary": [np.nan]}),
            "For no customer with a purchase is there a value of revenue.",
        ),
    ],
)
def test_nothing_to_count_is_said(customers, sentence, keeps_result_contract):
    result = value.concentration(customers)
    assert result.findings() == (sentence,)
    assert result.metrics() == {}
    keeps_result_contract(result, pictures=("plot",))


def test_no_positive_value_has_no_shares(five, keeps_result_contract):
    result = value.concentration(five.assign(margin=-1.0), currency="EUR")
    assert result.findings()[:2] == (
        "No customer has a positive margin, so there are no shares of it.",
        "Counted as bringing 0: 4 customers with a negative margin (-4 EUR in all).",
    )
    keeps_result_contract(result, pictures=("plot",))


def test_refusals(five):
    assert refusal(five, by="gros_spend") == (
        "concentration: the customers have no column 'gros_spend'; give by= a column of numbers, such as margin, "
        "monetary."
    )
    assert refusal(five, by="customer_id") == (
        "concentration: the column 'customer_id' does not hold numbers; give by= a column that does."
    )
    for shares in ((0.2, 0.1), (), (0.5, 1.0)):
        assert refusal(five, shares=shares) == (
            f"concentration: shares must ascend between 0 and 1, such as (0.01, 0.2), not {shares!r}."
        )
    assert refusal(five, hold=80) == "concentration: hold must lie between 0 and 1, such as 0.8, not 80."


def test_the_customers_are_left_as_they_were(five):
    before = five.copy(deep=True)
    value.concentration(five)
    pd.testing.assert_frame_equal(five, before)


@pytest.mark.parametrize("customers", [1, 5, 500])
def test_ConcentrationResult_keeps_the_contract(make_customers, customers, keeps_result_contract):
    keeps_result_contract(
        value.concentration(make_customers(customers), label="June", currency="CNY"), pictures=("plot",)
    )


def test_the_picture_shows_the_curve_its_band_and_the_top(make_customers):
    result = value.concentration(make_customers(500))
    ax = result.plot()
    curve = ax.lines[1]
    assert curve.get_xdata()[[0, -1]].tolist() == [0, 100]
    assert curve.get_ydata()[[0, -1]] == pytest.approx([0, 100])
    assert len(ax.collections) == 2
    assert f"hold {100 * result.shares['value_share'].iloc[-1]:.1f} %" in ax.texts[-1].get_text()


def test_cdnow_by_hand(shared):
    """The sample of CDNOW against a plain count of the customers in order of spend."""
    path = shared("data/cdnow/CDNOW_sample.txt")
    lines = pd.read_csv(path, sep=r"\s+", header=None, names=["master", "customer_id", "time", "cds", "amount"])
    spend = lines.groupby("customer_id", as_index=False).agg(frequency=("time", "nunique"), monetary=("amount", "sum"))
    table = value.concentration(spend).to_frame()
    falling = spend["monetary"].sort_values(ascending=False).to_numpy()
    whole, part = divmod(0.2 * len(falling), 1)
    held = (falling[: int(whole)].sum() + part * falling[int(whole)]) / falling.sum()
    assert table["value_share"].iloc[-1] == pytest.approx(held)
    assert len(spend) == 2357
