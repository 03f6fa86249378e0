"""Tables for readers: headings, numbers, percentages, and HTML in which nothing from the data can act."""

import math
import re
from html import unescape

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_analysis import table


@pytest.mark.parametrize(
    ("name", "heading"),
    [
        ("recency_days", "recency (days)"),
        ("share_percent", "share (%)"),
        ("run_seconds", "run (s)"),
        ("customers", "customers"),
        ("first_day", "first day"),
        ("days", "days"),
        ("mean_order_value", "mean order value"),
    ],
)
def test_headings_carry_the_unit(name, heading):
    assert table.heading(name) == heading


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1234567, "1,234,567"),
        (np.int64(7), "7"),
        (12.345678, "12.35"),
        (0.0123456, "0.01235"),
        (1234.5678, "1,235"),
        (-0.5, "-0.5000"),
        (0.0, "0"),
        (-0.0, "-0"),
        (float("nan"), "–"),
        (None, "–"),
        (pd.NaT, "–"),
        (pd.NA, "–"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
        (pd.Timestamp("2025-06-30"), "2025-06-30"),
        (pd.Timestamp("2025-06-30 13:05:07.5"), "2025-06-30 13:05:07"),
        (True, "yes"),
        ("<b>", "<b>"),
    ],
)
def test_numbers_have_about_four_digits(value, text):
    assert table.number(value) == text


@pytest.mark.parametrize(
    ("name", "is_share"),
    [("share", True), ("revenue_share", True), ("revenue_share_low", True), ("share_won", True), ("shares", False)],
)
def test_names_say_what_is_a_share(name, is_share):
    assert table.is_share(name) is is_share


def test_percentages():
    assert [table.percent(0.12345), table.percent(1, digits=0), table.percent(math.nan), table.percent(None)] == [
        "12.3 %",
        "100 %",
        "–",
        "–",
    ]


def test_html_shows_headings_units_and_intervals():
    frame = pd.DataFrame(
        {
            "segment": ["best", "lost"],
            "customers_share": [0.25, 0.75],
            "customers_share_low": [0.2, np.nan],
            "customers_share_high": [0.3, np.nan],
            "gap_days": [3.0, 12.5],
            "gap_days_low": [2.0, 10.25],
            "gap_days_high": [4.0, 15.0],
        }
    )
    assert table.to_html(frame, caption="Segments") == (
        '<div class="crm-table"><table class="crm"><caption>Segments</caption><thead><tr>'
        '<th scope="col">segment</th>'
        '<th scope="col" class="num">customers share<br><small>95 % interval</small></th>'
        '<th scope="col" class="num">gap (days)<br><small>95 % interval</small></th></tr></thead><tbody>'
        '<tr><td>best</td><td class="num">25.0 %<br><small>20.0 – 30.0</small></td>'
        '<td class="num">3.00<br><small>2.00 – 4.00</small></td></tr>'
        '<tr><td>lost</td><td class="num">75.0 %</td>'
        '<td class="num">12.50<br><small>10.25 – 15.00</small></td></tr></tbody></table></div>'
    )


def test_a_named_index_is_shown_and_a_bare_one_is_not():
    frame = pd.DataFrame({"rows": [1, 2]}, index=pd.Index(["a", "b"], name="table"))
    assert '<th scope="col">table</th>' in table.to_html(frame)
    assert "index" not in table.to_html(frame.reset_index(drop=True))


def test_long_tables_say_what_is_left_out():
    html = table.to_html(pd.DataFrame({"rows": range(1500)}), rows=3)
    assert html.count("<tr>") == 4
    assert html.endswith('</table><p class="crm-note">1,497 further rows are not shown.</p></div></details>')


def test_a_table_of_more_than_twelve_rows_is_folded_under_its_caption():
    frame = pd.DataFrame({"customers": range(13)})
    html = table.to_html(frame, caption="Sales & more")
    assert html.startswith(
        '<details class="crm-fold"><summary><strong>Sales &amp; more</strong> <small>13 rows</small></summary>'
        '<div class="crm-table"><table class="crm"><thead>'
    )
    assert html.endswith("</table></div></details>")
    assert html.count("Sales") == 1
    assert "<details" not in table.to_html(frame.head(12), caption="Sales")


def test_an_empty_table_is_a_line_of_text():
    empty = pd.DataFrame({"rule": pd.Series(dtype=str)})
    assert table.to_html(empty) == '<p class="crm-note">none</p>'
    assert table.to_html(empty, caption="Rules < broken") == '<p class="crm-note">Rules &lt; broken: none.</p>'


def test_everything_from_the_data_is_escaped():
    hostile = '<script>alert("x")</script>'
    frame = pd.DataFrame({hostile: [hostile]}, index=pd.Index([hostile], name=hostile + "_"))
    html = table.to_html(frame, caption=hostile)
    assert "<script" not in html
    assert html.count("&lt;script&gt;") == 5


def test_the_frame_is_left_as_it_was():
    frame = pd.DataFrame({1: [0.5], "share": [0.5]})
    before = frame.copy(deep=True)
    table.to_html(frame)
    pd.testing.assert_frame_equal(frame, before)


def test_the_end_of_a_columns_name_says_how_it_is_written() -> None:
    columns = {"change_percent": 10.1834, "change_percent_low": -5.0, "change_percent_high": 0.04107}
    frame = pd.DataFrame([{**columns, "p_holm": 0.000012, "p_value": 0.04567, "clear": True}])
    found = re.findall(r"<td[^>]*>(.*?)</td>", table.to_html(frame))
    assert found == ["10.2<br><small>−5.0 to 0.0</small>", "&lt; 0.0001", "0.0457", "yes"]
    missing = pd.DataFrame({"change_percent": [np.nan], "p_value": [np.nan]})
    assert re.findall(r"<td[^>]*>(.*?)</td>", table.to_html(missing)) == ["–", "–"]


def cells(**columns) -> list[str]:
    """Return the cells of a frame as they are shown, column after column; an interval stands behind a bar."""
    frame = pd.DataFrame(columns)
    found = re.findall(r"<td[^>]*>(.*?)</td>", table.to_html(frame))
    shown = [unescape(cell).replace("<br><small>", " | ").replace("</small>", "") for cell in found]
    wide = len(shown) // len(frame)
    return [cell for place in range(wide) for cell in shown[place::wide]]


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([0.8705, 0.006709, -0.00009398, 1.0], ["0.871", "0.007", "0.000", "1.000"]),
        ([1.25, -12.5, 3.375], ["1.25", "−12.50", "3.38"]),
        ([12.345, 98.0, 7.5], ["12.3", "98.0", "7.5"]),
        ([523.41, 1234.5, 100.6], ["523", "1,234", "101"]),
        ([1234567, 12, -3], ["1,234,567", "12", "−3"]),
        ([1234.0, np.nan, -0.0], ["1,234", "–", "0"]),
        ([523.41, 24.0, 0.0412, 0.95], ["523", "24", "0.041", "0.950"]),
        ([984.2, 340.6, 8.125], ["984", "341", "8.12"]),
        ([0.25, np.inf, -np.inf], ["0.250", "∞", "−∞"]),
        ([0.0, 0.0, 0.00001], ["0.000", "0.000", "0.000"]),
        (pd.array([3, None, 4000], dtype="Int64"), ["3", "–", "4,000"]),
        (["a", None, "b"], ["a", "–", "b"]),
        (pd.Series([0.123456, np.True_, "x", 17], dtype=object), ["0.123", "yes", "x", "17"]),
    ],
)
def test_the_numbers_of_a_column_have_the_decimals_that_suit_it(values, shown):
    assert cells(estimate=values) == shown


def test_an_estimate_and_its_interval_have_the_same_decimals():
    shown = cells(effect=[1.0, -0.0742], effect_low=[1.0, -0.1142], effect_high=[1.0, -0.03418])
    assert shown == ["1.000 | 1.000 – 1.000", "−0.074 | −0.114 to −0.034"]
    assert cells(effect=[7], effect_low=[6.5], effect_high=[np.inf]) == ["7.00 | 6.50 – ∞"]
    assert cells(won_share=[-0.05], won_share_low=[-0.1], won_share_high=[-0.01]) == ["−5.0 % | −10.0 to −1.0"]
    mixed = cells(value=[150.5, 0.95], value_low=[-3.25, 0.9], value_high=[300.5, 0.99])
    assert mixed == ["150 | −3 to 300", "0.950 | 0.900 – 0.990"]
    assert cells(p_value=[0.2], p_value_low=[0.00001], p_value_high=[0.3]) == ["0.2000 | < 0.0001 – 0.3000"]


def test_years_have_no_thousands():
    assert cells(birth_year=[1987.0, np.nan], years=[1987, 2000]) == ["1987", "–", "1,987", "2,000"]
    assert cells(year=[2025], new_a_year=[1104], spend_year_before=[2000]) == ["2025", "1,104", "2,000"]
    assert cells(new_a_year=[1104.2], new_a_year_low=[1041.6], new_a_year_high=[1169.3]) == ["1,104 | 1,042 – 1,169"]


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=12))
def test_what_is_shown_is_the_number_to_the_decimals_shown(values):
    for value, text in zip(values, cells(estimate=values), strict=True):
        assert re.fullmatch(r"−?\d{1,3}(,\d{3})*(\.\d{1,3})?", text)
        decimals = len(text.partition(".")[2])
        assert float(text.replace("−", "-").replace(",", "")) == pytest.approx(value, abs=0.5001 * 10.0**-decimals)
        assert text.strip("−0.,") or not text.startswith("−")


def test_shares_amounts_and_names_in_a_sentence() -> None:
    row = {"customers_share": 0.5, "customers_share_low": 0.25, "customers_share_high": 0.75}
    assert table.share_of(row, "customers") == "50.0 % (95 % interval 25.0–75.0)"
    assert table.with_interval(0.5, np.nan, np.nan) == "50.0 %"
    assert (table.amount(1234.567, "CNY"), table.amount(12.3456, "")) == ("1,235 CNY", "12.35")
    assert [table.listed(list(names)) for names in ("", "a", "ab", "abc")] == ["", "a", "a and b", "a, b and c"]
    assert (table.short("short"), table.short("x" * 31, width=5), table.short("")) == ("short", "xxxx…", "")
    assert table.short("顾客满意陷阱", width=6) == "顾客…"


def test_an_interval_of_a_number_that_is_no_share():
    assert table.between(0.664, 0.758) == "95 % interval 0.66 to 0.76"
    assert table.between(-1.24, -0.001, digits=1) == "95 % interval −1.2 to 0.0"
    assert table.decimal(-0.004) == "0.00"
    assert table.decimal(-1.5, digits=1) == "−1.5"
    assert table.decimal(-12345.678) == "−12,345.68"
