"""RFM: scores, names, shares with their intervals, frozen cut-points, pictures."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from crm_analysis.errors import DataError, UsageError
from crm_analysis.segmentation import rfm
from crm_analysis.segmentation.rfm import Rule

ONE_RULE = (Rule("everybody", (1, 3), (1, 3), (1, 3)),)


@pytest.fixture
def nine():
    """Nine customers in three classes of three, from the worst to the best in everything."""
    return pd.DataFrame(
        {
            "customer_id": list("abcdefghi"),
            "recency_days": [90, 80, 70, 60, 50, 40, 30, 20, 10],
            "frequency": [1, 2, 3, 4, 5, 6, 7, 8, 9],
            "monetary": [10.0, 20, 30, 40, 50, 60, 70, 80, 90],
            "region": "north",
        }
    )


def refusal(kind, *arguments, **settings):
    with pytest.raises(kind) as error:
        rfm.score(*arguments, **settings)
    return str(error.value)


# --- scores ----------------------------------------------------------------------------------------------------------


def test_nine_customers_by_hand(nine):
    result = rfm.score(nine, bins=3)
    scores = result.to_frame()
    assert list(scores) == [
        "customer_id",
        "recency_days",
        "frequency",
        "monetary",
        "recency_class",
        "frequency_class",
        "monetary_class",
        "rfm",
        "segment",
    ]
    assert scores["rfm"].tolist() == ["111"] * 3 + ["222"] * 3 + ["333"] * 3
    assert scores["segment"].tolist() == ["Lost"] * 3 + ["Promising"] * 3 + ["Champions"] * 3
    found = result.segments.set_index("segment")
    assert found["customers"][found["customers"] > 0].to_dict() == {"Champions": 3, "Promising": 3, "Lost": 3}
    assert found.loc["Champions", "revenue"] == 240
    assert found.loc["Champions", "revenue_share"] == pytest.approx(240 / 450)
    assert found.loc["Champions", "median_recency_days"] == 20
    wilson = proportion_confint(3, 9, method="wilson")
    assert found.loc["Champions", ["customers_share_low", "customers_share_high"]].tolist() == pytest.approx(wilson)
    assert found["customers_share"].sum() == pytest.approx(1)
    assert found["revenue_share"].sum() == pytest.approx(1)
    assert result.frames()["cuts"]["values"].tolist()[:3] == ["61 or more days", "31 to 60 days", "up to 30 days"]
    assert result.frames()["cuts"]["customers"].tolist() == [3] * 9
    assert result.cells().to_dict("list") == {
        "recency_class": [1, 2, 3],
        "frequency_class": [1, 2, 3],
        "customers": [3, 3, 3],
        "monetary_mean": [20.0, 50.0, 80.0],
        "revenue": [60.0, 150.0, 240.0],
    }


def test_its_findings_by_hand(nine):
    low, high = (100 * end for end in proportion_confint(3, 9, method="wilson"))
    first, few, second = rfm.score(nine, bins=3).findings()
    assert first == (
        "Champions bring most: 53.3 % of the revenue comes from 33.3 % "
        f"(95 % interval {low:.1f}–{high:.1f}) of the customers."
    )
    assert few == "Shares of value have no intervals: they need at least 10 customers."
    assert second == "9 customers are scored in 3 classes per dimension by quantile cut-points."


def test_customers_without_a_purchase_are_left_out_and_counted(nine):
    silent = pd.DataFrame({"customer_id": ["x", "y"], "frequency": 0, "monetary": 0.0, "recency_days": np.nan})
    result = rfm.score(pd.concat([silent, nine], ignore_index=True), bins=3)
    assert result.left_out == 2
    assert result.to_frame()["customer_id"].tolist() == list("abcdefghi")
    assert result.findings()[-1] == (
        "9 customers are scored in 3 classes per dimension by quantile cut-points; 2 without a purchase are left out."
    )


def test_a_class_that_one_value_fills_is_explained(nine):
    customers = pd.concat([nine.assign(customer_id=nine["customer_id"] + str(n)) for n in range(4)], ignore_index=True)
    customers["recency_days"] = range(36)
    customers["frequency"] = [1] * 20 + list(range(2, 18))
    customers["monetary"] = np.arange(36) + 0.5
    assert rfm.score(customers, bins=3).findings()[-1] == (
        "The classes of frequency differ in size because 20 customers have the same value, 1, and equal values are "
        "never split."
    )


def test_without_revenue_there_are_no_shares_of_it(nine, keeps_result_contract):
    result = rfm.score(nine.assign(monetary=-nine["monetary"]), bins=3)
    assert result.findings() == ("9 customers are scored in 3 classes per dimension by quantile cut-points.",)
    assert result.segments["revenue_share"].isna().all()
    keeps_result_contract(result, pictures=("plot", "plot_segments"))


def test_rules_of_ones_own(nine):
    result = rfm.score(nine, bins=3, rules=ONE_RULE)
    assert set(result.to_frame()["segment"]) == {"everybody"}
    assert result.metrics() == {
        "customers": 9.0,
        "revenue": 450.0,
        "everybody_customers_share": 1.0,
        "everybody_revenue_share": 1.0,
    }


# --- frozen cut-points -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["quantile", "fixed", "nested"])
@settings(max_examples=12)
@given(seed=st.integers(0, 1000), bins=st.integers(3, 5))
def test_frozen_cuts_give_the_same_classes(make_customers, method, seed, bins):
    customers = make_customers(200, seed=seed)
    first = rfm.score(customers, bins=bins, method=method)
    again = rfm.score(customers, cuts=first.cuts)
    pd.testing.assert_frame_equal(again.to_frame(), first.to_frame())
    assert (first.frozen, again.frozen) == (False, True)


def test_frozen_cuts_place_the_next_period(nine, tmp_path):
    first = rfm.score(nine, bins=3)
    first.cuts.save(tmp_path / "cuts.json")
    later = nine.assign(recency_days=5, frequency=100, monetary=0.0)
    # All equal: nothing could be learned from these.
    result = rfm.score(later, cuts=rfm.Cuts.load(tmp_path / "cuts.json"))
    assert set(result.to_frame()["rfm"]) == {"331"}
    assert result.findings()[-1] == "9 customers are scored in 3 classes per dimension by cut-points learned earlier."


def test_row_order_does_not_matter(make_customers):
    customers = make_customers(400)
    shuffled = customers.sample(frac=1, random_state=3)
    first = rfm.score(customers).to_frame().set_index("customer_id")
    second = rfm.score(shuffled).to_frame().set_index("customer_id").loc[first.index]
    pd.testing.assert_frame_equal(first, second)


def test_the_customers_are_left_as_they_were(nine):
    before = nine.copy(deep=True)
    rfm.score(nine, bins=3)
    pd.testing.assert_frame_equal(nine, before)


# --- what is refused -------------------------------------------------------------------------------------------------


def test_a_missing_column(nine):
    assert refusal(UsageError, nine.drop(columns="monetary")) == (
        "rfm: the customers have no column 'monetary'; take them from Study.customer360()."
    )


def test_nobody_bought(nine):
    assert refusal(DataError, nine.assign(frequency=0)) == (
        "rfm: no customer has a purchase, so there is nothing to score."
    )


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_value_that_is_missing(nine, value):
    assert refusal(DataError, nine.assign(monetary=[value] + [1.0] * 8)) == (
        "rfm: monetary is missing or infinite for 1 customers with a purchase; mend it."
    )


@pytest.mark.parametrize(
    ("change", "bins", "findings"),
    [
        (
            {"frequency": 1},
            3,
            (
                "RFM classes cannot be cut: frequency has the same value, 1, for every customer; score more customers, "
                "or give edges with method='custom'.",
                "What tells these customers apart is recency_days (9 distinct values) and monetary (9 distinct "
                "values).",
            ),
        ),
        (
            {"frequency": [1, 1, 1, 2, 2, 2, 3, 3, 3], "recency_days": 0, "monetary": 5.0},
            5,
            (
                "RFM classes cannot be cut: recency_days has the same value, 0, for every customer; score more "
                "customers, or give edges with method='custom'.",
                "What tells these customers apart is frequency (3 distinct values).",
            ),
        ),
        (
            {"frequency": [1, 1, 1, 2, 2, 2, 3, 3, 3]},
            5,
            (
                "RFM classes cannot be cut: frequency has 3 distinct values, too few for 5 classes (equal values are "
                "never split); ask for fewer bins, or give edges with method='custom'.",
                "What tells these customers apart is recency_days (9 distinct values), frequency (3 distinct values) "
                "and monetary (9 distinct values).",
            ),
        ),
        (
            {"recency_days": 7, "frequency": 2, "monetary": 5.0},
            3,
            (
                "RFM classes cannot be cut: recency_days has the same value, 7, for every customer; score more "
                "customers, or give edges with method='custom'.",
                "Nothing tells them apart.",
            ),
        ),
    ],
)
def test_customers_who_cannot_be_cut(nine, change, bins, findings, keeps_result_contract):
    result = rfm.score(nine.assign(**change), bins=bins)
    assert result.findings() == findings
    assert result.metrics() == {"customers": 0, "revenue": 0}
    assert all(frame.empty for frame in result.frames().values())
    keeps_result_contract(result, pictures=("plot", "plot_segments"))


def test_without_earlier_cut_points_nothing_is_learned_anew(nine):
    earlier = rfm.score(nine.head(1), bins=3)
    later = rfm.score(nine, cuts=earlier.cuts)
    assert later.to_frame().empty
    assert later.findings()[0] == (
        "These customers cannot be placed by the earlier cut-points: of the earlier customers recency_days has the "
        "same value, 90, for every customer; score more customers, or give edges with method='custom'."
    )


def test_two_classes_have_no_names_of_their_own(nine):
    assert refusal(UsageError, nine, bins=2) == (
        "rfm: named segments need 3 classes or more, not 2; ask for more bins or give rules."
    )
    two = (Rule("all", (1, 2), (1, 2), (1, 2)),)
    assert len(rfm.score(nine, bins=2, rules=two).to_frame()) == 9


def test_rules_that_are_not_sound(nine):
    assert refusal(UsageError, nine, bins=4, rules=ONE_RULE) == (
        "rfm: the rule table is not sound, correct its spans. 37 of 64 score combinations are placed nowhere, the "
        "first of them 114."
    )


# --- the result and its pictures -------------------------------------------------------------------------------------


def test_RFMResult_keeps_the_contract(make_customers, nine, keeps_result_contract):
    pictures = ("plot", "plot_segments")
    keeps_result_contract(rfm.score(make_customers(2000)), pictures=pictures)
    keeps_result_contract(rfm.score(make_customers(400), bins=9, method="nested"), pictures=pictures)
    keeps_result_contract(rfm.score(nine, bins=3, label="2025-06-30", currency="CNY"), pictures=pictures)


def test_label_and_currency_are_shown(nine):
    result = rfm.score(nine, bins=3, label="2025-06-30", currency="CNY")
    assert result.title == "RFM segments, 2025-06-30"
    assert "<caption>Segments (amounts in CNY)</caption>" in result._repr_html_()
    plain = rfm.score(nine, bins=3)
    assert plain.title == "RFM segments"
    assert "<caption>Segments</caption>" in plain._repr_html_()


def test_hostile_names_cannot_act(nine, keeps_result_contract):
    hostile = '<script>alert("1")</script>'
    result = rfm.score(nine, bins=3, rules=(Rule(hostile, (1, 3), (1, 3), (1, 3)),), label=hostile, currency=hostile)
    assert "<script" not in result._repr_html_()
    assert "&lt;script&gt;" in result._repr_html_()
    assert "script_alert_1_script_customers_share" in result.metrics()
    keeps_result_contract(rfm.score(nine, bins=3, rules=(Rule("Großkunden 主要", (1, 3), (1, 3), (1, 3)),)))


def test_the_heat_map_shows_every_cell(nine, make_customers):
    customers = make_customers(600)
    result = rfm.score(customers, bins=4)
    ax = result.plot()
    cells = result.cells()
    assert sorted(int(text.get_text().replace(",", "")) for text in ax.texts if text.get_text()) == sorted(
        cells["customers"].tolist()
    )
    assert [label.get_text() for label in ax.get_xticklabels()] == ["1", "2", "3", "4"]
    # The best class is at the top.
    assert [label.get_text() for label in ax.get_yticklabels()] == ["4", "3", "2", "1"]
    best = cells[cells["customers"] >= 5].sort_values("monetary_mean").iloc[-1]
    assert ax.figure.get_label().endswith(
        f"at recency class {best['recency_class']:.0f} and frequency class {best['frequency_class']:.0f}."
    )


def test_the_bars_are_the_shares(make_customers):
    result = rfm.score(make_customers(600))
    shown = result.segments[result.segments["customers"] > 0].iloc[::-1]
    ax = result.plot_segments()
    widths = sorted(bar.get_width() for bar in ax.patches)
    expected = sorted([*(100 * shown["customers_share"]), *(100 * shown["revenue_share"])])
    assert widths == pytest.approx(expected)
    assert [label.get_text() for label in ax.get_yticklabels()] == shown["segment"].tolist()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["share of customers", "share of revenue"]
