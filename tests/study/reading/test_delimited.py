"""Text tables: what divides the fields, where the header is, and lines that do not fit."""

import duckdb
import pytest

from crm_analysis.errors import ContractError, UsageError
from crm_analysis.study.config import TableConfig
from crm_analysis.study.reading import header, sources
from crm_analysis.study.tables import ROW


def rows(file, form="csv", **settings):
    connection = duckdb.connect()
    source = sources.read(connection, TableConfig("transactions", file.name, form, **settings), file.parent)
    found = connection.sql(f"SELECT * EXCLUDE ({ROW}) FROM ({source.query}) ORDER BY {ROW}").fetchall()
    return [list(source.columns), *map(list, found)], source.notes


@pytest.fixture
def read(tmp_path):
    def of(text, form="csv", **settings):
        (tmp_path / "orders.csv").write_text(text, "utf-8", newline="")
        return rows(tmp_path / "orders.csv", form, **settings)

    return of


@pytest.fixture
def refusal(read):
    def of(*args, kind=ContractError, **settings):
        with pytest.raises(kind) as error:
            read(*args, **settings)
        return str(error.value)

    return of


TABLE = [["id", "day", "sum"], ["A", "2025-01-01", "5"], ["B", "2025-01-02", "7.5"]]


@pytest.mark.parametrize(
    ("mark", "notes"),
    [(",", ()), (";", ("divided by ;",)), ("\t", ("divided by tabs",)), ("|", ("divided by |",))],
)
def test_the_delimiter_is_found_out(read, mark, notes):
    text = "".join(mark.join(row) + "\n" for row in TABLE)
    assert read(text) == (TABLE, notes)
    assert read(text, delimiter=mark) == (TABLE, ())


@pytest.mark.parametrize(
    ("text", "table"),
    [
        ("id;sum\nA;5,5\nB;6,5\n", [["id", "sum"], ["A", "5,5"], ["B", "6,5"]]),
        ("id;name, first;day\nA;Li, Na;1\n", [["id", "name, first", "day"], ["A", "Li, Na", "1"]]),
        ("Orders, all\nid;day\nA;1\nB;2\n", [["id", "day"], ["A", "1"], ["B", "2"]]),
        ('id,"a;b;c",day\nA,x,y\n', [["id", "a;b;c", "day"], ["A", "x", "y"]]),
        ("id\nA\nB\n", [["id"], ["A"], ["B"]]),
    ],
)
def test_the_header_decides_where_values_hold_delimiters(read, text, table):
    assert read(text)[0] == table


@pytest.mark.parametrize(
    ("text", "form"),
    [("\n\n \n", "csv"), ("\n\n \n", "blanks"), ("\ufeff", "csv"), ("\ufeff", "blanks"), ('"' + "x" * 200_000, "csv")],
)
def test_a_file_without_a_header_line(refusal, text, form):
    message = "transactions: orders.csv has no header line; give a file with a header and rows."
    assert refusal(text, form) == message


def test_a_header_alone_has_no_rows(refusal):
    assert refusal("id;day\n") == "transactions: orders.csv has a header but no rows; give a file with rows."


@pytest.mark.parametrize(
    ("text", "line", "amount"),
    [
        ("id,day,sum\nA,1,2\nB,2\nC,3,4\n", 3, "fewer"),
        ("id,day,sum\nA,1,2\nB,2,3,4,5\n", 3, "more"),
        ("id,day,sum\nA,1,2,\nB,2,3,4\n", 3, "more"),
        ("id,day,sum\n# a note\nA,1,2\n", 2, "fewer"),
        ("id,day,sum\nA,1,2\n   \nB,2,3\n", 3, "fewer"),
        ("Our orders\n\nid,day,sum\nA,1,2\nB,2\n", 5, "fewer"),
        ("id,day,sum\n" + "A,1,2\n" * 60_000 + "B,2\n", 60_002, "fewer"),
    ],
)
def test_a_line_that_does_not_fit_is_named(refusal, text, line, amount):
    assert refusal(text) == (
        f"transactions: line {line:,} of orders.csv has {amount} fields than its header (3); correct it, or give the "
        "delimiter under [tables.transactions]."
    )


def test_names_that_do_not_fit(refusal):
    assert refusal("A,1,2\nB,2,3\n", names=("id", "day")) == (
        "transactions: line 1 of orders.csv has more fields than the names (2); correct it, or give names under "
        "[tables.transactions]."
    )


def test_a_cell_as_long_as_a_book(refusal):
    assert refusal('id,name\nA,"' + "x" * 3_000_000 + '"\n') == (
        "transactions: line 2 of orders.csv is longer than two million characters; close its quotation mark or shorten "
        "it."
    )


def test_lines_that_end_with_the_mark(read, refusal):
    assert read("id;sum\nA;1.234,5;\nB;2,5;\n") == ([["id", "sum"], ["A", "1.234,5"], ["B", "2,5"]], ("divided by ;",))
    assert refusal("id;day;sum\nA;1;2;\nB;1;2;3\n") == (
        "transactions: line 3 of orders.csv has more fields than its header (3); correct it, or give the delimiter "
        "under [tables.transactions]."
    )


@pytest.mark.parametrize("text", ['id,name\nA,"x\nB,y\n', 'id,name\nA,"x" y\n', 'id,name\nA,"' + "x" * 3_000_000])
def test_a_quotation_mark_that_is_not_closed(refusal, text):
    assert refusal(text) == (
        "transactions: in line 2 of orders.csv a quotation mark is opened and not closed; double it or remove it."
    )


def test_quotation_marks_apostrophes_and_hashes_in_a_value(read):
    table = [["id", "name"], ["A", '5" pipe'], ["#B", "'t Hoen"], ["C", 'a "b", c']]
    assert read('id,name\nA,5" pipe\n#B,\'t Hoen\nC,"a ""b"", c"\n')[0] == table


def test_blank_lines_are_no_rows(read):
    assert read("\n\nid,day,sum\n\nA,2025-01-01,5\n\n\nB,2025-01-02,7.5\n\n") == (TABLE, ())


def test_empty_values_are_none(read):
    assert read('id,day\nA,\n,""\n')[0] == [["id", "day"], ["A", None], [None, None]]


@pytest.mark.parametrize(
    ("above", "count"),
    [
        ("Orders 2025\n", "1 line"),
        ("Orders 2025,,\nprinted,,\n\n", "2 lines"),
        ('"Orders\nof 2025",,\n\n', "1 line"),
        ("\nOrders\n\n\n", "1 line"),
        ("sep=,\n", "1 line"),
    ],
)
def test_titles_above_the_header_are_passed_over_and_told(read, above, count):
    text = above + "".join(",".join(row) + "\n" for row in TABLE)
    for end in ("\n", "\r\n", "\r"):
        assert read(text.replace("\n", end)) == (TABLE, (f"{count} above the header passed over",))


def test_a_wide_header_over_sparse_rows_is_the_header():
    names = [f"q{number}" for number in range(100)]
    assert header.find([names, ["1"] + [""] * 99, ["2"] + [""] * 99]).names == tuple(names)


def test_names_that_stand_twice_get_a_number(read):
    assert read("id,Name,name,__row,a_2,a,a\n1,2,3,4,5,6,7\n") == (
        [["id", "Name", "name_2", "__row_2", "a_2", "a", "a_3"], list("1234567")],
        (
            "the name 'name' is taken, so column 3 is read as 'name_2'",
            "the name '__row' is taken, so column 4 is read as '__row_2'",
            "the name 'a' is taken, so column 7 is read as 'a_3'",
        ),
    )


def test_columns_without_a_name(read):
    note = "columns without a name are read as 'column_1'"
    assert read(",id,\n1,A,\n2,B,\n") == ([["column_1", "id"], ["1", "A"], ["2", "B"]], (note,))
    assert read("id,day,\nA,1,\nB,2,\n") == ([["id", "day"], ["A", "1"], ["B", "2"]], ())


def test_a_line_end_or_blanks_in_a_name(read):
    assert read('" id ","sum\nin EUR"\nA,5\n')[0][0] == ["id", "sum in EUR"]


def test_blanks_divide_and_a_line_that_does_not_fit_is_named(read, refusal):
    assert read("id  day\tsum\n A 2025-01-01 5\n\nB   2025-01-02  7.5 \n", "blanks") == (TABLE, ())
    assert refusal("id day sum\nA 1 2\n\nB 1 2 3\n", "blanks") == (
        "transactions: line 4 of orders.csv has more fields than its header (3); correct it, or give the delimiter "
        "under [tables.transactions]."
    )
    assert refusal("A 1 2\nB 1\n", "blanks", names=("id", "day", "sum")) == (
        "transactions: line 2 of orders.csv has fewer fields than the names (3); correct it, or give names under "
        "[tables.transactions]."
    )


def test_a_delimiter_is_one_character(refusal):
    assert refusal("a,b\n1,2\n", kind=UsageError, delimiter="||") == (
        "[tables.transactions] delimiter must be one character, not '||'."
    )


def test_rows_keep_the_order_and_number_of_the_file(tmp_path):
    many = 200_000
    (tmp_path / "orders.csv").write_text("n\n" + "".join(f"{number}\n" for number in range(1, many + 1)))
    connection = duckdb.connect()
    source = sources.read(connection, TableConfig("transactions", "orders.csv", "csv"), tmp_path)
    odd = connection.sql(f"SELECT count(*), count(*) FILTER ({ROW}::VARCHAR <> n) FROM ({source.query})").fetchall()
    assert odd == [(many, 0)]
