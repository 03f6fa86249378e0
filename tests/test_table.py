"""Tables for readers: headings, numbers, percentages, and HTML in which nothing from the data can act."""

import math
import re

import numpy as np
import pandas as pd
import pytest

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
        '<td class="num">3<br><small>2 – 4</small></td></tr>'
        '<tr><td>lost</td><td class="num">75.0 %</td>'
        '<td class="num">12.50<br><small>10.25 – 15</small></td></tr></tbody></table></div>'
    )


def test_a_named_index_is_shown_and_a_bare_one_is_not():
    frame = pd.DataFrame({"rows": [1, 2]}, index=pd.Index(["a", "b"], name="table"))
    assert '<th scope="col">table</th>' in table.to_html(frame)
    assert "index" not in table.to_html(frame.reset_index(drop=True))


def test_long_tables_say_what_is_left_out():
    html = table.to_html(pd.DataFrame({"rows": range(1500)}), rows=3)
    assert html.count("<tr>") == 4
    assert html.endswith('</table><p class="crm-note">1,497 further rows are not shown.</p></div>')


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
    cells = re.findall(r"<td[^>]*>(.*?)</td>", table.to_html(frame))
    assert cells == ["10.2<br><small>-5.0 – 0.0</small>", "&lt; 0.0001", "0.0457", "yes"]
    missing = pd.DataFrame({"change_percent": [np.nan], "p_value": [np.nan]})
    assert re.findall(r"<td[^>]*>(.*?)</td>", table.to_html(missing)) == ["–", "–"]


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
