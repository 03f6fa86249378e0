"""Formulas: drawn where mathtext can, shown as their source where it cannot."""

from __future__ import annotations

import re
from html import escape

import pytest

from crm_analysis.reporting import formula


def test_a_formula_is_a_drawing_that_is_read_aloud_as_its_source() -> None:
    html = formula.to_html(r"s = \sum_{i=1}^{3} w_i r_i")
    assert re.fullmatch(r'<span class="math"><svg role="img" .*</svg></span>', html)
    assert r'aria-label="s = \sum_{i=1}^{3} w_i r_i"' in html
    assert re.search(r'<path d="M-?\d+ -?\d+[MLQCZ\d -]+"/>', html)


def test_its_size_is_that_of_the_text_around_it() -> None:
    narrow, wide = formula.to_html("x"), formula.to_html("x + x + x + x")
    width = r' width="([\d.]+)em"'
    found = [re.search(width, html) for html in (narrow, wide)]
    assert found[0] is not None
    assert found[1] is not None
    assert 0.3 < float(found[0][1]) < 1.0 < 4 * float(found[0][1]) < float(found[1][1])


def test_a_descender_hangs_below_the_line() -> None:
    flat, deep = (re.search(r"vertical-align:(-[\d.]+)em", formula.to_html(tex)) for tex in ("x", r"\dfrac{x}{y}"))
    assert flat is not None
    assert deep is not None
    assert float(deep[1]) < float(flat[1]) - 0.3


@pytest.mark.parametrize(
    "tex",
    [
        r"a \le b \ge c \ne d",
        r"\lVert x \rVert + \lvert y \rvert",
        r"\bigl( \tfrac{1}{2} \bigr) \implies \bm{x}",
        r"\operatorname*{argmax}_\theta \; \Pr(Y \mid \theta)",
        r"\text{CV} = \text{total value} - \text{total cost}",
        "a < b",
    ],
)
def test_common_spellings_of_tex_are_drawn(tex: str) -> None:
    assert "<svg" in formula.to_html(tex)


def test_aligned_rows_are_drawn_one_by_one() -> None:
    html = formula.to_html(r"\begin{aligned} a &= b \\ c &= d \\[2pt] e &= f \end{aligned}", display=True)
    assert html.count("<svg") == 3
    assert html.startswith('<span class="math display">')


@pytest.mark.parametrize("tex", [r"\begin{cases} 1 \\ <b> \end{cases}", r"\text{流失}", r"\unheardof{x}", "x^{"])
def test_what_cannot_be_drawn_is_shown_as_written(tex: str) -> None:
    assert formula.to_html(tex) == f'<span class="math"><code>{escape(tex)}</code></span>'


def test_an_empty_formula_is_nothing() -> None:
    assert formula.to_html(" ") == '<span class="math"></span>'
