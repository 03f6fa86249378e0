"""Workbooks: sheets, cells of every type as text, titles and empty edges, files that are none."""

import datetime as dt
import zipfile

import duckdb
import openpyxl
import pytest

from crm_analysis.errors import ContractError
from crm_analysis.study.config import TableConfig
from crm_analysis.study.reading import header, sources
from crm_analysis.study.tables import ROW


def write(file, sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(file)
    return file


def rows(file, **settings):
    connection = duckdb.connect()
    source = sources.read(connection, TableConfig("transactions", file.name, "excel", **settings), file.parent)
    found = connection.sql(f"SELECT * EXCLUDE ({ROW}) FROM ({source.query}) ORDER BY {ROW}").fetchall()
    return [list(source.columns), *map(list, found)], source.notes


def refusal(file, **settings):
    with pytest.raises(ContractError) as error:
        rows(file, **settings)
    return str(error.value)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "orders.xlsx"


JANUARY = [["id", "sum"], ["A", 5], ["B", 7.5]]
FEBRUARY = [["sum", "id"], [9, "C"]]
NOTES = [["a remark"], ["another"]]


def test_cells_become_text_as_a_reader_would_write_them(file):
    cells = {
        "text": ("007", "007"),
        "whole": (5.0, "5"),
        "long": (123456789012345, "123456789012345"),
        "part": (2.55, "2.55"),
        "noise": (0.1 + 0.2, "0.3"),
        "small": (1e-7, "1e-07"),
        "yes": (True, "true"),
        "no": (False, "false"),
        "day": (dt.date(2025, 1, 2), "2025-01-02"),
        "midnight": (dt.datetime(2025, 1, 2), "2025-01-02"),
        "moment": (dt.datetime(2025, 1, 2, 8, 26), "2025-01-02 08:26:00"),
        "clock": (dt.time(8, 30), "08:30:00"),
        "span": (dt.timedelta(hours=30, minutes=5), "30:05:00"),
        "none": (None, None),
        "hanzi": ("客户", "客户"),
    }
    write(file, {"Orders": [list(cells), [given for given, _ in cells.values()]]})
    found, notes = rows(file)
    # A column that is named stays although it is empty.
    assert dict(zip(*found, strict=True)) == {name: text for name, (_, text) in cells.items()}
    assert notes == ()


def test_the_first_sheet_that_holds_anything_is_read_and_told(file):
    write(file, {"Empty": [], "Orders": JANUARY, "Notes": NOTES})
    assert rows(file) == (
        [["id", "sum"], ["A", "5"], ["B", "7.5"]],
        ("sheet 'Orders' of 2 (others: 'Notes')",),
    )
    assert sources.relations(file) == ["Orders", "Notes"]


def test_a_hidden_sheet_comes_last(file):
    write(file, {"Lists": NOTES, "Orders": JANUARY})
    book = openpyxl.load_workbook(file)
    book["Lists"].sheet_state = "hidden"
    book.save(file)
    assert sources.relations(file) == ["Orders", "Lists"]
    assert rows(file)[0][0] == ["id", "sum"]


def test_a_sheet_is_named(file):
    write(file, {"January": JANUARY, "February": FEBRUARY})
    assert rows(file, sheet="February") == ([["sum", "id"], ["9", "C"]], ())
    assert refusal(file, sheet="March") == (
        "transactions: orders.xlsx has no sheet 'March' that holds anything; it has 'January', 'February'; correct "
        "sheet under [tables.transactions]."
    )


def test_all_sheets_with_the_same_header_are_one_table(file):
    write(file, {"January": JANUARY, "Notes": NOTES, "February": FEBRUARY})
    found, notes = rows(file, sheet="*")
    assert found == [["id", "sum"], ["A", "5"], ["B", "7.5"], ["C", "9"]]
    assert notes == ("sheets 'January', 'February' as one table (with another header, not read: 'Notes')",)


def test_a_sheet_with_almost_the_same_header_is_not_passed_over(file):
    write(file, {"January": JANUARY, "February": [["id", "total"], ["C", 9]]})
    assert refusal(file, sheet="*") == (
        "transactions: the sheets 'January' and 'February' of orders.xlsx do not have the same header (only one has "
        "'sum', 'total'); correct it, or name one sheet under [tables.transactions]."
    )


def test_empty_edges_and_titles_are_left_out(file):
    sheet = [
        [],
        [None, "Orders of 2025"],
        [None, "printed on", dt.date(2025, 2, 1)],
        [],
        [None, "id", "sum\nin EUR", "day", "note", "kind"],
        [None, "A", 5, None, None, None],
        [None, None, None, None, None, None],
        [None, "B", 7.5, "x", None, "y"],
        [],
    ]
    write(file, {"Orders": sheet})
    assert rows(file) == (
        [["id", "sum in EUR", "day", "note", "kind"], ["A", "5", None, None, None], ["B", "7.5", "x", None, "y"]],
        ("2 lines above the header passed over",),
    )


def test_values_beyond_the_header_are_kept(file):
    write(file, {"Orders": [["id", "sum"], ["A", 5, "x"], ["B", 6]]})
    assert rows(file) == (
        [["id", "sum", "column_3"], ["A", "5", "x"], ["B", "6", None]],
        ("columns without a name are read as 'column_3'",),
    )


def test_a_sheet_without_a_header(file):
    write(file, {"Orders": [[], [None, "A", 5], [None, "B", 6]]})
    assert rows(file, names=("id", "sum"))[0] == [["id", "sum"], ["A", "5"], ["B", "6"]]
    assert refusal(file, names=("id",)) == (
        "transactions: the sheet 'Orders' has 2 columns, but names under [tables.transactions] gives 1; name every "
        "column."
    )


def test_a_workbook_without_anything(file):
    write(file, {"One": [], "Two": []})
    assert refusal(file) == "transactions: orders.xlsx has only empty sheets; give a sheet with a header and rows."
    write(file, {"One": [["id", "sum"]]})
    assert refusal(file) == "transactions: orders.xlsx has a header but no rows; give a file with rows."


def test_several_workbooks_are_one_table(tmp_path):
    write(tmp_path / "a.xlsx", {"Orders": JANUARY})
    write(tmp_path / "b.xlsx", {"Orders": [["sum", "id", "kind"], [9, "C", "x"]], "Notes": NOTES})
    (tmp_path / "~$a.xlsx").write_bytes(b"a lock file of a spreadsheet program")
    connection = duckdb.connect()
    source = sources.read(connection, TableConfig("transactions", "*.xlsx", "excel"), tmp_path)
    assert connection.sql(source.query).fetchall() == [(1, "A", "5", None), (2, "B", "7.5", None), (3, "C", "9", "x")]
    assert source.notes == ("a.xlsx: without the columns 'kind'", "b.xlsx: sheet 'Orders' of 2 (others: 'Notes')")


def test_the_kind_of_a_workbook_is_not_its_ending(file):
    write(file, {"Orders": JANUARY}).rename(file.with_suffix(".xls"))
    assert rows(file.with_suffix(".xls"))[0] == [["id", "sum"], ["A", "5"], ["B", "7.5"]]


def test_an_open_document(tmp_path):
    file = tmp_path / "orders.ods"
    cell = '<table:table-cell office:value-type="{}" office:{}="{}"><text:p>{}</text:p></table:table-cell>'
    words = [cell.format("string", "string-value", word, word) for word in ("id", "sum", "A")]
    number = cell.format("float", "value", "5", "5")
    names = "office table text"
    spaces = " ".join(f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in names.split())
    lines = "".join(f"<table:table-row>{a}{b}</table:table-row>" for a, b in (words[:2], (words[2], number)))
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", "<manifest:manifest/>")
        archive.writestr(
            "content.xml",
            f'<?xml version="1.0"?><office:document-content {spaces}><office:body><office:spreadsheet>'
            f'<table:table table:name="Orders">{lines}</table:table></office:spreadsheet></office:body>'
            "</office:document-content>",
        )
    assert rows(file)[0] == [["id", "sum"], ["A", "5"]]


def test_a_workbook_that_was_cut_off(file):
    write(file, {"Orders": JANUARY})
    file.write_bytes(file.read_bytes()[:3000])
    assert refusal(file) == (
        "transactions: orders.xlsx cannot be read as a workbook: Cannot detect file format; open it in a spreadsheet "
        "program and save it again as .xlsx without a password."
    )


def test_a_sheet_longer_than_what_the_header_is_sought_in(file):
    table = [["id", "sum"], *([f"K{place}", place] for place in range(3 * header.LOOK))]
    found, _ = rows(write(file, {"orders": [["Orders of January"], *table]}))
    assert found == [["id", "sum"], *([f"K{place}", str(place)] for place in range(3 * header.LOOK))]


def test_numbers_have_the_digits_that_a_spreadsheet_keeps(file):
    sums = [1234567890.12, 0.1 + 0.2, 123456789012345.0, 2.5e-7]
    found, _ = rows(write(file, {"orders": [["id", "sum"], *(["A", amount] for amount in sums)]}))
    assert [row[1] for row in found[1:]] == ["1234567890.12", "0.3", "123456789012345", "2.5e-07"]
