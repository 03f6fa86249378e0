"""How recency, frequency and monetary value are spread."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from crm_analysis.errors import DataError, UsageError
from crm_analysis.segmentation import rfm
from crm_analysis.segmentation.dimensions import buyers


@pytest.fixture
def ten():
    return pd.DataFrame(
        {
            "customer_id": [f"C{number}" for number in range(11)],
            "recency_days": [0, 1, 2, 3, 4, 5, 6, 7, 8, 100, np.nan],
            "frequency": [1, 1, 1, 1, 1, 1, 2, 2, 3, 9, 0],
            "monetary": [5.0, 5, 10, 10, 10, 10, 20, 20, 10, 900, 0],
        }
    )


def test_a_few_customers_by_hand(ten):
    spread = rfm.describe(ten).to_frame().set_index("dimension")
    assert spread.loc["frequency"].to_dict() == {
        "mean": 2.2,
        "median": 1.0,
        "p90": pytest.approx(3.6),
        "p99": pytest.approx(8.46),
        "largest": 9,
        "skewness": pytest.approx(stats.skew([1, 1, 1, 1, 1, 1, 2, 2, 3, 9], bias=False)),
        "distinct_values": 4,
        "commonest": 1.0,
        "commonest_share": 0.6,
    }
    # Ten values that all stand once: the smallest is taken, not the one that happens to be first.
    assert spread.loc["recency", ["commonest", "commonest_share"]].tolist() == [0.0, 0.1]


def test_findings_by_hand(ten):
    correlation = stats.spearmanr(ten["frequency"].head(10), ten["monetary"].head(10)).statistic
    assert rfm.describe(ten).findings() == (
        "Medians of the 10 customers: 4.500 days since the last purchase, 1 order, 10 spent.",
        "60.0 % of them bought once.",
        "The tenth of them who spent most account for 90.0 % of the revenue.",
        f"The rank correlation of frequency and monetary value is {correlation:.2f}: the nearer to 1, the less the "
        "third dimension adds to the second.",
    )
    assert rfm.describe(ten, currency="CNY").findings()[0] == (
        "Medians of the 10 customers: 4.500 days since the last purchase, 1 order, 10 CNY spent."
    )


def test_metrics_by_hand(ten):
    assert rfm.describe(ten).metrics() == {
        "median_recency": 4.5,
        "median_frequency": 1.0,
        "median_monetary": 10.0,
        "one_time_share": 0.6,
    }


def test_equal_values_have_no_rank_correlation(ten, keeps_result_contract):
    result = rfm.describe(ten.assign(monetary=5.0))
    assert result.findings()[-1] == (
        "All have the same frequency or monetary value, so the two have no rank correlation."
    )
    keeps_result_contract(result, pictures=("plot",))


def test_one_customer_and_no_revenue(ten, keeps_result_contract):
    result = rfm.describe(ten.head(1).assign(monetary=-1.0))
    assert not any("account for" in sentence for sentence in result.findings())
    keeps_result_contract(result, pictures=("plot",))


def test_DimensionsResult_keeps_the_contract(make_customers, keeps_result_contract, legible):
    result = rfm.describe(make_customers(3000), currency="CNY")
    keeps_result_contract(result, pictures=("plot",))
    for dimension in ("recency", "frequency", "monetary"):
        legible(result.plot(dimension=dimension).figure)


@pytest.mark.parametrize("dimension", ["recency", "frequency", "monetary"])
def test_the_bars_hold_every_customer(make_customers, dimension):
    customers = make_customers(700)
    ax = rfm.describe(customers).plot(dimension=dimension)
    assert sum(bar.get_height() for bar in ax.patches) == 700
    column = {"recency": "recency_days"}.get(dimension, dimension)
    assert ax.lines[0].get_xdata()[0] == pytest.approx(customers[column].median())
    assert ax.figure.get_label().startswith("Histogram of ")


def test_an_unknown_dimension(ten):
    with pytest.raises(UsageError) as error:
        rfm.describe(ten).plot(dimension="spend")
    assert str(error.value) == "dimension must be one of recency, frequency, monetary, not 'spend'."


def test_only_buyers_are_described(ten):
    found = buyers(ten.assign(region="north"))
    assert list(found) == ["customer_id", "recency_days", "frequency", "monetary"]
    assert len(found) == 10
    with pytest.raises(DataError) as error:
        rfm.describe(ten.tail(1))
    assert str(error.value) == "rfm: no customer has a purchase, so there is nothing to score."
