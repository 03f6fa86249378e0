"""SQLite and DuckDB files: which table, exact values, nothing changed, and files that cannot be read."""

import sqlite3
import struct
import subprocess
import sys
from contextlib import closing

import duckdb
import pytest

from crm_analysis.errors import ContractError
from crm_analysis.study.config import TableConfig, file_format
from crm_analysis.study.reading import sources
from crm_analysis.study.reading.databasefile import companions
from crm_analysis.study.tables import ROW


def read(file, **settings):
    connection = duckdb.connect()
    config = TableConfig("transactions", file.name, file_format(file.name), **settings)
    source = sources.read(connection, config, file.parent)
    found = connection.sql(f"SELECT * EXCLUDE ({ROW}) FROM ({source.query}) ORDER BY {ROW}").fetchall()
    return source, [list(source.columns), *map(list, found)]


def refusal(file, **settings):
    with pytest.raises(ContractError) as error:
        read(file, **settings)
    return str(error.value)


@pytest.fixture
def sqlite(tmp_path):
    def make(*statements, name="shop.sqlite"):
        with closing(sqlite3.connect(tmp_path / name)) as database:
            for statement in statements:
                database.execute(statement)
            database.commit()
        return tmp_path / name

    return make


@pytest.fixture
def quack(tmp_path):
    def make(*statements, name="shop.duckdb"):
        with duckdb.connect(str(tmp_path / name)) as database:
            for statement in statements:
                database.execute(statement)
        return tmp_path / name

    return make


# --- SQLite ----------------------------------------------------------------------------------------------------------


def test_sqlite_values_become_text(sqlite):
    file = sqlite(
        "CREATE TABLE orders (id, amount, note)",
        "INSERT INTO orders VALUES ('007', 5.0, NULL), (7, 0.1, ''), (9007199254740993, '5,5', x'E5AEA2'), "
        "(1, 1e300, x'FF')",
    )
    source, found = read(file)
    assert found == [
        ["id", "amount", "note"],
        ["007", "5", None],
        ["7", "0.1", None],
        ["9007199254740993", "5,5", "客"],
        ["1", "1e+300", "ff"],
    ]
    assert (source.typed, source.notes) == (False, ("table 'orders'",))


def test_sqlite_names_with_quotes_and_blanks_and_views(sqlite):
    file = sqlite(
        'CREATE TABLE "my ""orders""" ("the id", "a""b")',
        'INSERT INTO "my ""orders""" VALUES (\'A\', 1)',
        'CREATE VIEW [all] AS SELECT *, 2 AS c FROM "my ""orders"""',
    )
    assert sources.relations(file) == ["all", 'my "orders"']
    assert read(file, relation='my "orders"')[1] == [["the id", 'a"b'], ["A", "1"]]
    assert read(file, relation="all")[1] == [["the id", 'a"b', "c"], ["A", "1", "2"]]


def test_sqlite_which_table(sqlite):
    file = sqlite("CREATE TABLE a (x)", "CREATE TABLE b (x)")
    assert refusal(file) == (
        "transactions: shop.sqlite holds 2 tables ('a', 'b'); name one with table = ... under [tables.transactions]."
    )
    assert refusal(file, relation="c") == (
        "transactions: shop.sqlite holds no table 'c'; it has 'a', 'b'; correct table under [tables.transactions]."
    )
    assert refusal(file, relation="a") == "transactions: shop.sqlite has no rows; give a file with rows."
    assert refusal(sqlite("CREATE TABLE a (x)", "DROP TABLE a", name="none.sqlite")) == (
        "transactions: none.sqlite holds no table; give a database that has one."
    )


def test_a_sqlite_file_with_a_journal_is_read_and_nothing_appears_beside_it(sqlite, tmp_path):
    file = sqlite("PRAGMA journal_mode = WAL", "CREATE TABLE orders (id)", "INSERT INTO orders VALUES ('A')")
    before = file.read_bytes()
    assert read(file)[1] == [["id"], ["A"]]
    assert companions(file) == []
    assert [path.name for path in tmp_path.iterdir()] == ["shop.sqlite"]
    with closing(sqlite3.connect(file)) as writer:
        writer.execute("INSERT INTO orders VALUES ('B')")
        writer.commit()
        assert read(file)[1] == [["id"], ["A"], ["B"]]
        assert [journal.name for journal in companions(file)] == ["shop.sqlite-wal"]
        assert file.read_bytes() == before


def test_a_sqlite_file_that_is_locked(sqlite, monkeypatch):
    file = sqlite("CREATE TABLE orders (id)", "INSERT INTO orders VALUES ('A')")
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **settings: connect(*args, timeout=0, **settings))
    with closing(connect(file)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        assert refusal(file) == (
            "transactions: shop.sqlite cannot be read as sqlite: database is locked; close it there and try again."
        )


def test_a_sqlite_file_that_was_cut_off(sqlite):
    file = sqlite("CREATE TABLE orders (id)", *["INSERT INTO orders VALUES (hex(randomblob(500)))"] * 50)
    file.write_bytes(file.read_bytes()[:12_000])
    message = refusal(file)
    assert message.startswith("transactions: shop.sqlite cannot be read as sqlite: ")
    assert message.endswith("; export it again, or give the table as CSV.")


def test_sqlite_text_in_another_encoding_is_not_shown(sqlite):
    file = sqlite("CREATE TABLE orders (id)", "INSERT INTO orders VALUES (CAST(x'CDF5B7BC' AS TEXT))")
    assert refusal(file) == (
        "transactions: shop.sqlite cannot be read as sqlite: it holds text that is not UTF-8; export it again, or give "
        "the table as CSV."
    )


def test_a_sqlite_file_with_a_blank_page(sqlite):
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)"
    file = sqlite("CREATE TABLE orders (id TEXT)", f"INSERT INTO orders {numbers} SELECT 'K' || i FROM n")
    whole = file.read_bytes()
    # A page of rows is zeros, as after a download that was broken off.
    file.write_bytes(whole[: 4 * 4096] + bytes(4096) + whole[5 * 4096 :])
    assert refusal(file) == (
        "transactions: shop.sqlite cannot be read as sqlite: its structure is damaged; export it again, or give the "
        "table as CSV."
    )


# --- DuckDB ----------------------------------------------------------------------------------------------------------


def test_duckdb_types_are_kept_and_the_file_is_left_alone(quack, tmp_path):
    file = quack(
        "CREATE TABLE orders AS SELECT 'A' AS id, DATE '2025-01-02' AS day, 5.25::DECIMAL(18, 4) AS amount, "
        "170141183460469231731687303715884105727::HUGEINT AS big"
    )
    before = file.read_bytes()
    source, found = read(file)
    assert source.columns == {"id": "VARCHAR", "day": "DATE", "amount": "DECIMAL(18,4)", "big": "VARCHAR"}
    assert [str(value) for value in found[1]] == [
        "A",
        "2025-01-02",
        "5.2500",
        "170141183460469231731687303715884105727",
    ]
    assert (source.typed, source.in_place, source.notes) == (True, False, ("table 'orders'",))
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["shop.duckdb"]
    with duckdb.connect(str(file)) as writer:
        assert writer.sql("SELECT count(*) FROM orders").fetchall() == [(1,)]


def test_duckdb_schemas_views_and_names(quack):
    file = quack("CREATE SCHEMA s", 'CREATE TABLE s."my ""t""" AS SELECT 1 AS x', "CREATE VIEW v AS SELECT 2 AS y")
    assert sources.relations(file) == ["v", 's.my "t"']
    assert read(file, relation='s.my "t"')[1] == [["x"], [1]]
    assert read(file, relation="v")[1] == [["y"], [2]]
    assert refusal(file) == (
        "transactions: shop.duckdb holds 2 tables ('v', 's.my \"t\"'); name one with table = ... under "
        "[tables.transactions]."
    )


def test_a_file_called_db_may_be_either(quack, sqlite):
    assert read(quack("CREATE TABLE t AS SELECT 1 AS x", name="one.db"))[1] == [["x"], [1]]
    assert read(sqlite("CREATE TABLE t (x)", "INSERT INTO t VALUES (1)", name="two.db"))[1] == [["x"], ["1"]]


def test_a_duckdb_file_that_another_program_writes_to(quack):
    file = quack("CREATE TABLE t AS SELECT 1 AS x")
    hold = f"import duckdb; held = duckdb.connect({str(file)!r}); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        other.stdout.readline()
        message = refusal(file)
        other.communicate("\n")
    assert message == (
        "transactions: shop.duckdb cannot be read as duckdb: another program has it open for writing; close it there "
        "and try again."
    )


def checksum(block):
    """The checksum of a DuckDB header block: DuckDB's storage/checksum.cpp."""
    result = 5381
    for (number,) in struct.iter_unpack("<Q", block):
        result ^= number * 0xBF58476D1CE4E5B9 % 2**64
    return result


def test_a_duckdb_file_of_a_newer_version(quack):
    file = quack("CREATE TABLE t AS SELECT 1 AS x")
    content = bytearray(file.read_bytes())
    assert struct.unpack_from("<Q", content)[0] == checksum(content[8:4096])
    struct.pack_into("<Q", content, 12, 9999)
    struct.pack_into("<Q", content, 0, checksum(content[8:4096]))
    file.write_bytes(content)
    assert refusal(file) == (
        "transactions: shop.duckdb cannot be read as duckdb: it was written by a newer DuckDB; update the package "
        "duckdb, or export the table as Parquet."
    )


def test_a_duckdb_file_that_is_damaged(quack):
    file = quack("CREATE TABLE t AS SELECT 1 AS x")
    content = bytearray(file.read_bytes())
    content[100] ^= 255
    file.write_bytes(content)
    message = refusal(file)
    assert message.startswith("transactions: shop.duckdb cannot be read as duckdb: IO Error: Corrupt database file")
    assert message.endswith("; export it again, or give the table as Parquet.")
