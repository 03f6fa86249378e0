"""Two scorings set side by side."""

import pandas as pd
import pytest
from statsmodels.stats.proportion import proportion_confint

from crm_analysis.errors import DataError, UsageError
from crm_analysis.segmentation import agreement, rfm
from crm_analysis.segmentation.rfm import Rule

HIGH_AND_LOW = (Rule("low", (1, 3), (1, 3), (1, 1)), Rule("high", (1, 3), (1, 3), (2, 3)))


@pytest.fixture
def two(make_customers):
    """Nine customers, and eight of them with a newcomer at the next date."""
    before = pd.DataFrame(
        {
            "customer_id": list("abcdefghi"),
            "recency_days": range(9),
            "frequency": range(1, 10),
            "monetary": [1.0, 2, 3, 4, 5, 6, 7, 8, 9],
        }
    )
    after = before.assign(customer_id=list("abcdefghz"), monetary=[9.0, 2, 3, 4, 5, 6, 7, 1, 9])
    first = rfm.score(before, bins=3, rules=HIGH_AND_LOW, label="spring")
    return first, rfm.score(after, cuts=first.cuts, rules=HIGH_AND_LOW, label="autumn")


def test_two_dates_by_hand(two):
    result = agreement.compare(*two)
    assert result.title == "Segments compared: spring and autumn"
    assert result.to_frame().to_dict() == {"low": {"low": 2, "high": 1}, "high": {"low": 1, "high": 4}}
    low, high = (100 * end for end in proportion_confint(6, 8, method="wilson"))
    assert result.findings() == (
        f"75.0 % of 8 customers (95 % interval {low:.1f}–{high:.1f}) are in the same segment both times "
        "(spring; autumn).",
        "The commonest change, 1 customer, is from high to low.",
        "In one scoring only (spring): 1 customer.",
        "In one scoring only (autumn): 1 customer.",
    )
    assert result.metrics() == {"customers": 8, "same_segment_share": 0.75, "new": 1}
    assert result.frames()["changes"].to_dict("list") == {
        "spring": ["high", "low"],
        "autumn": ["low", "high"],
        "customers": [1, 1],
        "share": [0.125, 0.125],
    }


def test_a_scoring_agrees_with_itself(make_customers, keeps_result_contract):
    scored = rfm.score(make_customers(300))
    result = agreement.compare(scored, scored, labels=("once", "again"))
    assert result.kept == 300
    assert len(result.findings()) == 1
    assert result.changes().empty
    keeps_result_contract(result, pictures=("plot",))


def test_the_other_way_round_is_the_transpose(make_customers):
    customers = make_customers(300)
    first, second = rfm.score(customers), rfm.score(customers, method="nested")
    forth = agreement.compare(first, second, labels=("a", "b")).to_frame()
    back = agreement.compare(second, first, labels=("b", "a")).to_frame()
    pd.testing.assert_frame_equal(forth.T.sort_index(), back.sort_index()[forth.index], check_names=False)
    assert forth.to_numpy().sum() == 300


def test_AgreementResult_keeps_the_contract(two, make_customers, keeps_result_contract):
    keeps_result_contract(agreement.compare(*two), pictures=("plot",))
    customers = make_customers(500)
    result = agreement.compare(
        rfm.score(customers, label="equal shares"), rfm.score(customers, method="fixed", label="equal widths")
    )
    keeps_result_contract(result, pictures=("plot",))
    assert result.findings()[0] in result.plot().figure.get_label()


def test_rows_of_the_picture_are_percent_of_the_segment(two):
    ax = agreement.compare(*two).plot()
    assert sorted(text.get_text() for text in ax.texts) == sorted(["67", "33", "20", "80"])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["low", "high"]


def test_hostile_names_cannot_act(two):
    hostile = "<script>x</script>"
    html = agreement.compare(*two, labels=(hostile, "later"))._repr_html_()
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_a_scoring_that_could_not_be_made(make_customers, keeps_result_contract):
    customers = make_customers(40)
    none = rfm.score(customers.assign(frequency=1), label="spring")
    for pair in ((none, rfm.score(customers, bins=3, label="autumn")), (rfm.score(customers, bins=3), none)):
        result = agreement.compare(*pair)
        assert result.findings() == (
            "Segments cannot be compared: frequency has the same value, 1, for every customer; score more customers, "
            "or give edges with method='custom'.",
        )
        keeps_result_contract(result, pictures=("plot",))


def test_nobody_in_both(two):
    first, second = two
    other = rfm.score(
        first.to_frame()[["recency_days", "frequency", "monetary"]].assign(customer_id=list("ABCDEFGHI")),
        bins=3,
        rules=HIGH_AND_LOW,
    )
    with pytest.raises(DataError) as error:
        agreement.compare(second, other)
    assert str(error.value) == "agreement: no customer is in both scorings; score the same customers twice."


def test_scorings_need_names_of_their_own(two):
    with pytest.raises(UsageError) as error:
        agreement.compare(two[0], two[0])
    assert str(error.value) == "agreement: both scorings are called 'spring'; give labels=('one', 'other')."
