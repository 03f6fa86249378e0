"""A model as text: what is read, what is written, and what is refused in which words."""

import pytest

from crm_analysis.errors import UsageError
from crm_analysis.satisfaction.syntax import Row, names_in, parse, write


def texts(model):
    return [str(row) for row in parse(model)]


def test_each_operator_becomes_rows():
    assert parse("f =~ x1 + x2\ny ~ f\nx1 ~~ x2\ny ~ 1\nc <~ z1") == (
        Row("f", "=~", "x1"),
        Row("f", "=~", "x2"),
        Row("y", "~", "f"),
        Row("x1", "~~", "x2"),
        Row("y", "~1", ""),
        Row("c", "<~", "z1"),
    )


def test_modifiers_fix_label_free_and_start():
    assert parse("f =~ NA*x1 + 0.5*x2 + a*x3 + start(-1e-2)*x4 + label('b')*x5 + -2*x6 + 'c'*x7") == (
        Row("f", "=~", "x1", free=True),
        Row("f", "=~", "x2", value=0.5),
        Row("f", "=~", "x3", label="a"),
        Row("f", "=~", "x4", start=-0.01),
        Row("f", "=~", "x5", label="b"),
        Row("f", "=~", "x6", value=-2.0),
        Row("f", "=~", "x7", label="c"),
    )


def test_c_gives_each_group_its_own():
    row = parse("f =~ c(a, b)*x1 + c(1, NA)*x1 + x2")[0]
    assert [(one.label, one.value, one.free) for one in row.by_group] == [("a", 1.0, False), ("b", None, True)]
    assert row.of(1).label == "b"
    assert row.labels == ("a", "b")
    assert parse("y ~ NA*x + c(a, a)*x")[0].of(0) == Row("y", "~", "x", label="a", free=True)
    assert parse("y ~ c(a, b)*x; d := a - b")[1] == Row("d", ":=", "a - b")


def test_a_term_written_twice_is_one_parameter():
    assert parse("f =~ NA*x1 + a*x1 + x2") == (Row("f", "=~", "x1", label="a", free=True), Row("f", "=~", "x2"))
    assert parse("x1 ~~ a*x2; x2 ~~ 0*x1") == (Row("x1", "~~", "x2", label="a", value=0.0),)
    assert parse("f =~ a*NA*x1") == (Row("f", "=~", "x1", label="a", free=True),)


def test_lines_comments_and_semicolons():
    assert texts("# first\n f =~ x1 +\n   x2 # and\n + x3 ! more\n\n y ~ f; z ~ y") == [
        "f =~ x1",
        "f =~ x2",
        "f =~ x3",
        "y ~ f",
        "z ~ y",
    ]


def test_a_plus_within_a_number_joins_no_terms():
    assert parse("f =~ 1e+2*Q1e+Q2") == (Row("f", "=~", "Q1e", value=100.0), Row("f", "=~", "Q2"))


def test_several_variables_on_the_left():
    assert texts("y1 + y2 ~ a*x + z") == ["y1 ~ a*x", "y1 ~ z", "y2 ~ a*x", "y2 ~ z"]


def test_intercepts_are_free_fixed_or_labelled():
    assert parse("x ~ 1; y ~ 0*1 ; z ~ m*1; w ~ 0; v ~ 1 + x") == (
        Row("x", "~1", ""),
        Row("y", "~1", "", value=0.0),
        Row("z", "~1", "", label="m"),
        Row("w", "~1", "", value=0.0),
        Row("v", "~1", ""),
        Row("v", "~", "x"),
    )


def test_formulas_know_their_labels():
    rows = parse("y ~ a*x + b*z\nind := a * b\ntotal := ind + 2e1*a\na == b")
    assert [str(row) for row in rows[2:]] == ["ind := a * b", "total := ind + 2e1*a", "a == b"]
    assert names_in("exp(a1)*b_2 + 1.5e3 - sqrt(tot.al)/2") == ("a1", "b_2", "tot.al")


def test_chinese_names_are_names():
    assert parse("满意 =~ 题1 + 题2; 忠诚 ~ 满意")[2] == Row("忠诚", "~", "满意")


def test_what_is_written_reads_back():
    text = "f =~ NA*x1 + a*x1 + 0.1*x2 + start(0.7)*x3\ny ~ b*f + 1\nx1 ~~ 0*x2\nc <~ z\nd := a*b\na == b"
    assert parse(write(parse(text))) == parse(text)
    text = "z ~~ c(1, NA)*y + c(v, w)*y"
    assert parse(write(parse(text))) == parse(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'The model text holds no formula; write lines such as "satisfaction =~ Q1 + Q2 + Q3".'),
        ("x1 + x2", "The model begins with 'x1 + x2', which has no operator such as =~, ~ or ~~."),
        ("f =~", "The formula 'f =~' has nothing on one side of =~; write both sides."),
        (
            "x1 | t1",
            "The operator | in 'x1 | t1' is not supported; use =~, <~, ~, ~~, := or ==.",
        ),
        (
            "satisfaction = Q1 + Q2",
            "The operator = in 'satisfaction = Q1 + Q2' is not supported; use =~, <~, ~, ~~, := or ==.",
        ),
        (
            "f =~ x1 + 2x",
            "In 'f =~ x1 + 2x' the term '2x' is no name; a term is an item or a construct, if need be multiplied by a "
            "number, a label or NA.",
        ),
        (
            "f =~ x1 + ",
            "In 'f =~ x1 +' the term '' is no name; a term is an item or a construct, if need be multiplied by a "
            "number, a label or NA.",
        ),
        (
            "a*f =~ x1",
            "In 'a*f =~ x1' the left side must hold names without modifiers, not 'a*f'; write what multiplies a term "
            "on the right side of =~.",
        ),
        (
            "f =~ c(1, NA)*x1 + c(a, b, c)*x1",
            "In 'f =~ c(1, NA)*x1 + c(a, b, c)*x1' one c() has 2 parts and the next 3; give as many.",
        ),
        (
            "f =~ c(a, b)*c(1, 2, 3)*x1",
            "In 'f =~ c(a, b)*c(1, 2, 3)*x1' one c() has 2 parts and the next 3; give as many.",
        ),
        (
            "f =~ equal('g')*x1",
            "In \"f =~ equal('g')*x1\" equal() is not supported; give both terms the same label: a*x1 + a*x2.",
        ),
        (
            "f =~ 1/3*x1",
            "In 'f =~ 1/3*x1' the modifier '1/3' is not understood; use a number, a label, NA, start(0.5), "
            'label("a") or c(a, b).',
        ),
        ("f ~ f", "In 'f ~ f' f stands on both sides of ~; take it out of one."),
        (
            "y ~ 1*x + 2*x",
            "The parameter y ~ x has two values, 1.0 and 2.0 (in 'y ~ 1*x + 2*x'); keep one.",
        ),
        ("y ~ a*x; e := a; e := a", "The formula 'e := a' is there twice; keep one."),
        ("y ~ a*x; a := 2*a", "The name 'a' in 'a := 2*a' is taken already; choose another."),
        ("y ~ a*x; e.f+1 := a", "In 'e.f+1 := a' the name before := must be one word of letters and digits."),
        (
            "y ~ a*x; ind := a*b",
            "The formula 'ind := a*b' uses the label 'b', which no term has (labels: a); write the label before a "
            "term, as in y ~ b*x.",
        ),
        (
            "y ~ x; a == 1",
            "The formula 'a == 1' uses the label 'a', which no term has (labels: none); write the label before a term, "
            "as in y ~ a*x.",
        ),
    ],
)
def test_what_is_not_understood_is_said_with_the_cure(text, message):
    with pytest.raises(UsageError) as error:
        parse(text)
    assert str(error.value) == message
