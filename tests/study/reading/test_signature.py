"""Files that are not what their names say: each refused in one sentence that says what to do."""

import sqlite3
import zipfile
from contextlib import closing

import duckdb
import openpyxl
import pytest

from crm_analysis.errors import ContractError
from crm_analysis.study.config import TableConfig, file_format
from crm_analysis.study.reading import sources
from crm_analysis.study.reading.signature import recognise

OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)


@pytest.fixture
def make(tmp_path):
    """Write a file of a kind under a name."""

    def write(kind, name):
        file = tmp_path / name
        if kind == "excel":
            openpyxl.Workbook().save(file)
        elif kind == "parquet":
            duckdb.sql(f"COPY (SELECT 1 AS a) TO '{file}' (FORMAT parquet)")
        elif kind == "sqlite":
            with closing(sqlite3.connect(file)) as database:
                database.execute("CREATE TABLE t (a)")
        elif kind == "duckdb":
            duckdb.connect(str(file)).close()
        elif kind == "zip":
            with zipfile.ZipFile(file, "w") as archive:
                archive.writestr("orders.csv", "a,b\n1,2\n")
        else:
            contents = {
                "csv": b"a,b\n1,2\n",
                "page": b"\xef\xbb\xbf\n <!DOCTYPE HTML><table></table>",
                "xml": b'<?xml version="1.0"?><Workbook/>',
                "gzip": b"\x1f\x8b\x08\0",
                "pdf": b"%PDF-1.7",
                "old": OLD_OFFICE + "WordDocument".encode("utf-16-le") + bytes(40),
                "old workbook": OLD_OFFICE + "Workbook".encode("utf-16-le") + bytes(40),
            }
            file.write_bytes(contents[kind])
        return file

    return write


@pytest.mark.parametrize("kind", ["csv", "excel", "parquet", "sqlite", "duckdb"])
def test_every_kind_is_recognised_whatever_its_name(make, kind):
    assert recognise(make(kind, "orders.dat")) == kind


def test_an_old_workbook_is_recognised_by_its_stream(make):
    assert recognise(make("old workbook", "orders.xls")) == "excel"


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        ("excel", "o.csv", 'o.csv is a workbook, not text; set format = "excel" under [tables.transactions].'),
        ("parquet", "o.csv", 'o.csv is a Parquet file, not text; set format = "parquet" under [tables.transactions].'),
        ("sqlite", "o.txt", 'o.txt is a SQLite database, not text; set format = "sqlite" under [tables.transactions].'),
        (
            "duckdb",
            "o.xlsx",
            'o.xlsx is a DuckDB database, not a workbook; set format = "duckdb" under [tables.transactions].',
        ),
        (
            "csv",
            "o.xlsx",
            'o.xlsx is not a workbook but seems to be text; set format = "csv" under [tables.transactions], or export '
            "it again if it should be one.",
        ),
        (
            "csv",
            "o.parquet",
            'o.parquet is not a Parquet file but seems to be text; set format = "csv" under [tables.transactions], or '
            "export it again if it should be one.",
        ),
        (
            "csv",
            "o.db",
            'o.db is not a SQLite database but seems to be text; set format = "csv" under [tables.transactions], or '
            "export it again if it should be one.",
        ),
        (
            "page",
            "o.xls",
            "o.xls is a web page, not a workbook; open it in a spreadsheet program and save it as .xlsx.",
        ),
        ("page", "o.csv", "o.csv is a web page, not text; open it in a spreadsheet program and save it as .xlsx."),
        ("xml", "o.xls", "o.xls is a web page, not a workbook; open it in a spreadsheet program and save it as .xlsx."),
        ("zip", "o.csv", "o.csv is a packed archive, not text; unpack it and name the file inside."),
        ("zip", "o.xlsx", "o.xlsx is a packed archive, not a workbook; unpack it and name the file inside."),
        ("gzip", "o.csv.gz", "o.csv.gz is a packed archive, not text; unpack it and name the file inside."),
        ("pdf", "o.csv", "o.csv is a PDF document, not text; export the table itself, as CSV or .xlsx."),
        (
            "old",
            "o.xls",
            "o.xls is an old Office document, not a workbook; if it should be one, it is damaged or has a password; "
            "save it as .xlsx without one.",
        ),
    ],
)
def test_a_file_that_is_something_else(make, kind, name, message):
    file = make(kind, name)
    with pytest.raises(ContractError) as error:
        sources.read(duckdb.connect(), TableConfig("transactions", name, file_format(name)), file.parent)
    assert str(error.value) == f"transactions: {message}"


def test_a_page_is_told_from_xml_by_its_cure_alone(make):
    assert recognise(make("xml", "o.xls")) == recognise(make("page", "p.xls")) == "a web page"


def test_text_has_no_relations(make):
    assert sources.relations(make("csv", "o.csv")) == []
    assert sources.relations(make("parquet", "o.parquet")) == []
