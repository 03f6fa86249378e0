"""Markup: what a notebook's HTML may bring onto a page, and what it may not."""

from __future__ import annotations

import pytest

from crm_analysis.reporting import markup


def cleaned(html: str) -> str:
    return str(markup.clean(html, link=lambda href: href if href.startswith("#") else None))


@pytest.mark.parametrize(
    ("html", "kept"),
    [
        ("<script>alert(1)</script>text", "text"),
        ("<div><iframe src='//example.org'><script></script></iframe>x</div>", "<div>x</div>"),
        ("<svg onload='x'><script>1</script><path d='M0 0' onclick='x'/></svg>", '<svg><path d="M0 0"></path></svg>'),
        ("<p style='background:url(//example.org/x.png)' class='a'>x</p>", '<p class="a">x</p>'),
        ("<img src='x' onerror='alert(1)' alt='&lt;b&gt;'>", "[picture: &lt;b&gt;]"),
        ("<img src='data:image/png;base64,AA'>", '<img alt="" src="data:image/png;base64,AA"/>'),
        ("<img src='data:image/svg+xml,x'>", ""),
        ("<a href=' javascript:alert(1)'>x</a>", "x"),
        ("<a href='#here' target='_blank' onclick='x'>x</a>", '<a href="#here">x</a>'),
        ("<!--[if IE]><script>1</script><![endif]-->x", "x"),
        ("<form action='//example.org'><button>go</button></form>", "go"),
        ("<td style='text-align:right'>1</td>", '<td class="num">1</td>'),
        ("a < b & c > d", "a &lt; b &amp; c &gt; d"),
    ],
)
def test_only_what_is_harmless_stays(html: str, kept: str) -> None:
    assert cleaned(html) == kept


@pytest.mark.parametrize("name", ["customer_id", "customer id", "Customer_ID", "person_id", "respondent_id"])
def test_a_table_of_single_customers_becomes_a_note(name: str) -> None:
    head = f"<thead><tr><th></th><th> {name} </th></tr></thead>"
    html = f"<div><table>{head}<tbody><tr><td>C1</td></tr></tbody></table></div>"
    note = "A table with one row per customer is not shown on this page."
    assert cleaned(html) == f'<div><p class="crm-note">{note}</p></div>'


def test_a_table_that_only_speaks_of_customer_ids_stays() -> None:
    html = "<table><thead><tr><th>column</th></tr></thead><tbody><tr><td>customer_id</td></tr></tbody></table>"
    assert cleaned(html) == html
