"""Files as firms have them: formats, folders, what is missing or empty, and SQL that is only arithmetic."""

import decimal
import gc
import os
import shutil
import sqlite3
from contextlib import closing

import duckdb
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crm_analysis.errors import ContractError, UsageError
from crm_analysis.study import Study
from crm_analysis.study.cleaning import clean as cleaning
from crm_analysis.study.config import TableConfig
from crm_analysis.study.reading import sources
from crm_analysis.study.reading.files import fingerprint

HEADER = "customer_id,time,amount\n"
ROWS = "A,2025-01-01,5\nB,2025-01-02,7.5\n"
SECTION = '[tables.transactions]\nsource = "transactions.csv"\n'


def refusal(folder, kind):
    with pytest.raises(kind) as error:
        Study.open(folder)
    return str(error.value)


def orders(study):
    found = study.frame("transactions")
    return [(row.customer_id, f"{row.time:%Y-%m-%d %H:%M}", float(row.amount)) for row in found.itertuples()]


TWO = [("A", "2025-01-01 00:00", 5.0), ("B", "2025-01-02 00:00", 7.5)]


# --- bad input -------------------------------------------------------------------------------------------------------


def test_a_missing_file(write_study):
    folder = write_study({}, SECTION)
    assert refusal(folder, ContractError) == (
        "transactions: there is no file transactions.csv (sought from the folder of study.toml); put it there or "
        "change source under [tables.transactions]."
    )


def test_a_file_without_a_header(write_study):
    folder = write_study({"transactions": "0001,19970101,2,29.33\n0001,19970118,2,29.73\n"})
    assert refusal(folder, ContractError) == (
        "transactions: the required column 'customer_id' is not in transactions.csv (columns there: 0001, 19970101, 2, "
        "29.33); the file seems to have no header line; name its columns under [tables.transactions], "
        'names = ["...", "..."].'
    )


def test_an_empty_file(write_study):
    assert refusal(write_study({"transactions": ""}), ContractError) == (
        "transactions: the file transactions.csv is empty; give a file with a header and rows."
    )


def test_a_header_without_rows(write_study):
    assert refusal(write_study({"transactions": HEADER}), ContractError) == (
        "transactions: transactions.csv has a header but no rows; give a file with rows."
    )


def test_a_required_column_is_missing(write_study):
    assert refusal(write_study({"transactions": "customer_id,time\nA,2025-01-01\n"}), ContractError) == (
        "transactions: the required column 'amount' is not in transactions.csv (columns there: customer_id, time); "
        'map it in study.toml, [tables.transactions], columns = { amount = "..." }.'
    )


def test_a_mapping_to_a_column_that_is_not_there(write_study):
    folder = write_study({"transactions": HEADER + ROWS}, SECTION + 'columns = { amount = "Total" }\n')
    assert refusal(folder, ContractError) == (
        "transactions: the mapping amount = 'Total' names a column that is not in transactions.csv; columns there: "
        "customer_id, time, amount."
    )


def test_a_survey_item_that_is_not_there(write_study):
    toml = '[tables.survey]\nsource = "survey.csv"\n[survey.constructs]\nsatisfaction = ["Q1", "Q2"]\n'
    assert refusal(write_study({"survey": "respondent_id,Q1\nr1,5\n"}, toml), ContractError) == (
        "survey: the item 'Q2' of study.toml is not in survey.csv (columns there: respondent_id, Q1); correct "
        "[survey.constructs] or [survey.codes]."
    )


def test_a_folder_without_such_files(write_study):
    folder = write_study({}, '[tables.transactions]\nsource = "parts"\n')
    (folder / "parts").mkdir()
    (folder / "parts" / "README.md").write_text("nothing here")
    assert refusal(folder, ContractError) == (
        "transactions: the folder parts holds no csv file (sought from the folder of study.toml); put it there or "
        "change source under [tables.transactions]."
    )


def test_a_pattern_that_nothing_matches(write_study):
    folder = write_study({}, '[tables.transactions]\nsource = "orders-*.csv"\n')
    assert refusal(folder, ContractError) == (
        "transactions: there is no file orders-*.csv (sought from the folder of study.toml); put it there or "
        "change source under [tables.transactions]."
    )


def test_a_folder_that_cannot_be_written_to(write_study, monkeypatch):
    folder = write_study({"transactions": HEADER + ROWS})
    # Root may write anywhere, so the refusal of the system is played.
    monkeypatch.setattr("pathlib.Path.mkdir", lambda *_, **__: (_ for _ in ()).throw(PermissionError()))
    assert refusal(folder, UsageError) == (f"{folder} cannot be written to; the study keeps its cleaned tables there.")


# --- formats ---------------------------------------------------------------------------------------------------------


def test_blanks_and_tabs_of_any_number_divide_fields(tmp_path, write_study):
    folder = write_study({}, SECTION + 'format = "blanks"\n')
    (folder / "transactions.csv").write_text(" customer_id  time\tamount\n A 20250101   5\n\n B\t20250102  7.5 \n")
    assert orders(Study.open(folder)) == TWO


def test_blanks_without_a_header_need_names(write_study):
    folder = write_study(
        {"transactions": "A 1 20250101 5\nB 2 20250102 7.5\n"},
        SECTION + 'format = "blanks"\nnames = ["customer_id", "number", "time", "amount"]\n',
    )
    assert orders(Study.open(folder)) == TWO


def test_csv_without_a_header_and_with_its_own_delimiter(write_study):
    folder = write_study(
        {"transactions": "A;2025-01-01;5\nB;2025-01-02;7.5\n"},
        SECTION + 'delimiter = ";"\nnames = ["customer_id", "time", "amount"]\n',
    )
    assert orders(Study.open(folder)) == TWO


def test_a_byte_order_mark_is_no_part_of_a_name(write_study):
    assert orders(Study.open(write_study({"transactions": "\ufeff" + HEADER + ROWS}))) == TWO


def test_a_glob_and_a_folder_are_one_table(write_study):
    folder = write_study({}, '[tables.transactions]\nsource = "parts/*.csv"\n')
    (folder / "parts").mkdir()
    for name, row in zip("ab", ROWS.splitlines(), strict=True):
        (folder / "parts" / f"{name}.csv").write_text(f"{HEADER}{row}\n")
    assert orders(Study.open(folder)) == TWO
    (folder / "study.toml").write_text('[tables.transactions]\nsource = "parts"\n')
    study = Study.open(folder)
    assert orders(study) == TWO
    assert [(row["file"], row["rows"]) for row in study.inputs()] == [("a.csv", 2), ("b.csv", 2)]


def test_files_in_other_forms_are_one_table_and_what_differs_is_told(write_study):
    folder = write_study({}, '[tables.transactions]\nsource = "parts"\n')
    (folder / "parts" / "deeper").mkdir(parents=True)
    (folder / "parts" / "a.csv").write_text(HEADER + "A,2025-01-01,5\n")
    (folder / "parts" / "deeper" / "b.txt").write_bytes(
        "amount;customer_id;time;类别\n7.5;B;2025-01-02;书\n".encode("gbk")
    )
    (folder / "parts" / ".hidden.csv").write_text("not,a,table\n")
    study = Study.open(folder)
    assert orders(study) == TWO
    source = sources.read(duckdb.connect(), study.config.tables["transactions"], folder)
    assert source.notes == ("a.csv: without the columns '类别'", "b.txt: read as GBK", "b.txt: divided by ;")


def test_the_study_folder_itself_may_be_the_source(write_study):
    folder = write_study({"orders": HEADER + ROWS + "C,never,1\n"}, '[tables.transactions]\nsource = "."\n')
    for _ in range(2):
        assert orders(Study.open(folder)) == TWO
        assert (folder / "quarantine" / "transactions.csv").exists()


def test_a_name_with_brackets_is_a_name(write_study):
    folder = write_study({"orders[1]": HEADER + ROWS}, '[tables.transactions]\nsource = "orders[1].csv"\n')
    assert orders(Study.open(folder)) == TWO


def parquet(file, *rows):
    file.parent.mkdir(parents=True, exist_ok=True)
    columns = {"customer_id": [row[0] for row in rows], "time": [pd.Timestamp(row[1]) for row in rows]}
    pd.DataFrame(columns | {"amount": [row[2] for row in rows]}).to_parquet(file)


def test_a_partitioned_folder_of_parquet_files(write_study):
    folder = write_study({}, '[tables.transactions]\nsource = "orders"\ncolumns = { category = "region" }\n')
    parquet(folder / "orders" / "region=East" / "part.parquet", ("A", "2025-01-01", 5.0), ("C", "2025-01-03", 1.0))
    parquet(folder / "orders" / "region=West" / "part.parquet", ("B", "2025-01-02", 7.5), (None, "2025-01-04", 2.0))
    for _ in range(2):
        study = Study.open(folder)
        found = study.frame("transactions").sort_values("customer_id")
        assert found["category"].tolist() == ["East", "West", "East"]
        # The rows of all files are numbered through.
        assert study.check().to_frame()["first_row"].tolist() == [4]
    (folder / "orders" / "region=West").rename(folder / "orders" / "region=North")
    assert set(Study.open(folder).frame("transactions")["category"]) == {"East", "North"}


def test_rows_of_several_parquet_files_are_numbered_through(tmp_path):
    for place, size in enumerate((3, 1, 200_000)):
        pd.DataFrame({"n": range(size), "of": place}).to_parquet(tmp_path / f"{place}.parquet")
    connection = duckdb.connect()
    source = sources.read(connection, TableConfig("transactions", "*.parquet", "parquet"), tmp_path)
    wrong = "__row <> n + 1 + CASE of WHEN 0 THEN 0 WHEN 1 THEN 3 ELSE 4 END"
    assert connection.sql(f"SELECT count(*), count(*) FILTER ({wrong}) FROM ({source.query})").fetchall() == [
        (200_004, 0)
    ]
    assert (source.typed, source.in_place) == (True, True)


def test_typed_parquet_is_read_in_place(write_study):
    folder = write_study({}, '[tables.transactions]\nsource = "orders.parquet"\n')
    rows = pa.table(
        {
            "customer_id": ["A", "B"],
            "time": pa.array([pd.Timestamp("2025-01-01"), pd.Timestamp("2025-01-02")], pa.timestamp("us")),
            "amount": pa.array([decimal.Decimal("5"), decimal.Decimal("7.5")], pa.decimal128(18, 4)),
        }
    )
    pq.write_table(rows, folder / "orders.parquet")
    assert orders(Study.open(folder)) == TWO
    again = Study.open(folder)
    assert orders(again) == TWO
    # Nothing is copied: the cache remembers only what was found.
    assert sorted(path.suffix for path in (folder / ".cache").iterdir()) == [".json", ".json"]
    assert not (folder / "quarantine").exists()
    assert again.check().findings() == ("Every row keeps the contract (2 rows read).",)


def test_parquet_with_a_breach_is_cleaned_into_the_cache(write_study):
    folder = write_study({}, '[tables.transactions]\nsource = "orders.parquet"\n')
    times = pd.to_datetime(["2025-01-01", "2025-01-02", "2025-01-03"])
    pd.DataFrame({"customer_id": ["A", "B", None], "time": times, "amount": [5, 7.5, 1]}).to_parquet(
        folder / "orders.parquet"
    )
    for _ in range(2):
        study = Study.open(folder)
        assert orders(study) == TWO
        assert study.inputs()[0]["quarantined"] == 1
    assert len(list((folder / ".cache").glob("transactions-*.parquet"))) == 1


def test_an_apostrophe_or_a_hash_swallows_no_row(write_study):
    rows = '\'t Hoen,2025-01-01,5\n#7,2025-01-02,7.5\nx,2025-01-03,\'\n\n"a, ""b""",2025-01-04,9\n'
    study = Study.open(write_study({"transactions": HEADER + rows}))
    assert study.inputs()[0]["rows"] == 4
    assert [row[0] for row in orders(study)] == ["'t Hoen", "#7", 'a, "b"']


@pytest.mark.parametrize("link", ["a link", "another's path"])
def test_a_source_may_lie_elsewhere(write_study, tmp_path, link):
    elsewhere = tmp_path / "elsewhere" / "orders.csv"
    elsewhere.parent.mkdir()
    elsewhere.write_text(HEADER + ROWS)
    folder = write_study({}, f'[tables.transactions]\nsource = "{elsewhere if link != "a link" else "orders.csv"}"\n')
    if link == "a link":
        (folder / "orders.csv").symlink_to(elsewhere)
    assert orders(Study.open(folder)) == TWO
    assert sorted(path.name for path in elsewhere.parent.iterdir()) == ["orders.csv"]


# --- SQL -------------------------------------------------------------------------------------------------------------


def with_sql(write_study, expression, rows="A,2025-01-01,5,sale\nB,2025-01-02,7.5,refund\n", column="amount"):
    toml = SECTION + f"columns = {{ {column} = {{ sql = '''{expression}''' }} }}\n"
    return write_study({"transactions": "customer_id,time,price,kind\n" + rows}, toml)


@pytest.mark.parametrize(
    ("expression", "amounts"),
    [
        ("price * 2 - 1", [9.0, 14.0]),
        ("PRICE", [5.0, 7.5]),
        ("(price)", [5.0, 7.5]),
        ("CASE WHEN kind = 'refund' THEN -price ELSE price END", [5.0, -7.5]),
        ("CASE WHEN price > 6 THEN 0 ELSE price END", [5.0, 0.0]),
        ("2 * CASE kind WHEN 'sale' THEN price ELSE 0 END", [10.0, 0.0]),
        ("price ^ 2", [25.0, 56.25]),
        ("coalesce(nullif(price, 5), 1) * 3", [3.0, 22.5]),
        ("price::INTEGER", [5.0, 8.0]),
        ("round(abs(-price), 0)", [5.0, 8.0]),
    ],
)
def test_arithmetic_and_case_over_text_columns(write_study, expression, amounts):
    found = Study.open(with_sql(write_study, expression)).frame("transactions")
    assert [float(amount) for amount in found["amount"]] == amounts


@pytest.mark.parametrize(
    ("expression", "what"),
    [
        ("SELECT price", "uses Select"),
        ("(SELECT 1)", "uses Subquery"),
        ("price IN (SELECT 1)", "uses Subquery"),
        ("sqrt(price)", "uses Sqrt"),
        ("read_csv(price)", "uses ReadCSV"),
        ("getenv(kind)", "uses Anonymous"),
        ("price AS p", "uses Alias"),
        ("sum(price) OVER ()", "uses Window"),
        ("price; DROP TABLE x", "uses Block"),
        ("?", "uses Placeholder"),
    ],
)
def test_sql_that_is_not_allowed(write_study, expression, what):
    assert refusal(with_sql(write_study, expression), UsageError) == (
        f"[tables.transactions] columns: the expression {expression!r} {what}; use only arithmetic and CASE over its "
        "columns."
    )


@pytest.mark.parametrize("expression", ["", "price +", "price, 2", "((price)"])
def test_sql_that_is_none(write_study, expression):
    assert refusal(with_sql(write_study, expression), UsageError) == (
        f"[tables.transactions] columns: the expression {expression!r} is not valid SQL; use arithmetic and CASE over "
        "its columns."
    )


def test_sql_over_a_column_that_is_not_there(write_study):
    assert refusal(with_sql(write_study, "price * piece"), ContractError) == (
        "transactions: the expression 'price * piece' names the column 'piece' that is not in transactions.csv; "
        "columns there: customer_id, time, price, kind."
    )


def test_sql_that_cannot_be_computed(write_study):
    message = refusal(with_sql(write_study, "CASE WHEN kind = 'sale' THEN DATE '2025-01-01' ELSE 5 END"), UsageError)
    assert message.startswith(
        "[tables.transactions] columns: the expression "
        "\"CASE WHEN kind = 'sale' THEN DATE '2025-01-01' ELSE 5 END\" cannot be computed: "
    )
    assert "\n" not in message


def test_a_value_that_cannot_be_cast_is_its_rows_breach(write_study):
    folder = with_sql(write_study, "price::INTEGER", rows="A,2025-01-01,5,x\nB,2025-01-02,lots,y\n")
    breaches = Study.open(folder).check().to_frame()
    assert breaches[["rule", "rows", "first_row", "first_value"]].to_numpy().tolist() == [
        ["must be a number", 1, 2, "lots"]
    ]


# --- times and ids ---------------------------------------------------------------------------------------------------


def test_times_in_several_forms_and_with_an_offset(write_study):
    toml = '[study]\ntimezone = "Asia/Shanghai"\n' + SECTION
    written = ["20250131", "2025/1/31", "2025-01-31 08:30", "2025-01-31T20:00:00Z", "2025-01-31 23:00:00+08:00"]
    rows = "".join(f"A,{time},1\n" for time in written)
    found = Study.open(write_study({"transactions": HEADER + rows}, toml)).frame("transactions")
    assert [f"{time:%m-%d %H:%M}" for time in found["time"]] == [
        "01-31 00:00",
        "01-31 00:00",
        "01-31 08:30",
        "02-01 04:00",
        "01-31 23:00",
    ]


def test_a_time_format_of_ones_own(write_study):
    folder = write_study({"transactions": HEADER + "A,03.02.2025,5\n"}, SECTION + 'time_format = "%d.%m.%Y"\n')
    assert orders(Study.open(folder)) == [("A", "2025-02-03 00:00", 5.0)]


def test_ids_keep_their_zeros_and_attributes_find_their_kind(write_study):
    customers = "customer_id,phone,shoe,weight,since,word\n007,0171,42,1.5,2024-01-01,a\n08,0172,43,,2024-02-01,\n"
    found = Study.open(write_study({"customers": customers})).frame("customers")
    assert found["customer_id"].tolist() == ["007", "08"]
    assert found["phone"].tolist() == ["0171", "0172"]
    assert found["shoe"].tolist() == [42, 43]
    assert found["weight"].iloc[0] == 1.5
    assert found["since"].tolist() == [pd.Timestamp("2024-01-01"), pd.Timestamp("2024-02-01")]
    assert found["word"].iloc[0] == "a"
    assert found[["weight", "word"]].iloc[1].isna().all()


# --- read once -------------------------------------------------------------------------------------------------------


def save(file):
    """The same two orders as a workbook, a database or a text in another encoding."""
    if file.suffix == ".xlsx":
        book = openpyxl.Workbook()
        for line in (HEADER + ROWS).splitlines():
            book.active.append(line.split(","))
        book.save(file)
    elif file.suffix == ".sqlite":
        with closing(sqlite3.connect(file)) as database:
            database.execute("CREATE TABLE orders (customer_id, time, amount)")
            database.execute("INSERT INTO orders VALUES ('A', '2025-01-01', 5), ('B', '2025-01-02', 7.5)")
            database.commit()
    elif file.suffix == ".duckdb":
        with duckdb.connect(str(file)) as database:
            database.execute(
                "CREATE TABLE orders AS SELECT * FROM (VALUES ('A', DATE '2025-01-01', 5), ('B', DATE '2025-01-02', "
                "7.5)) AS orders(customer_id, time, amount)"
            )
    else:
        file.write_bytes((HEADER + ROWS).encode("utf-16"))


@pytest.mark.parametrize("name", ["orders.xlsx", "orders.sqlite", "orders.duckdb", "orders.csv"])
def test_a_file_of_any_form_is_read_once_and_never_changed(write_study, monkeypatch, name):
    folder = write_study({}, f'[tables.transactions]\nsource = "{name}"\n')
    save(folder / name)
    before = (folder / name).read_bytes()
    assert orders(Study.open(folder)) == TWO
    # Nothing passing stays behind.
    assert sorted(path.suffix for path in (folder / ".cache").iterdir()) == [".json", ".json", ".parquet"]
    for where in (
        "cleaning.clean.read",
        "reading.sources.recognise",
        "reading.workbook._sheets",
        "reading.encoding.as_utf8",
    ):
        monkeypatch.setattr(f"crm_analysis.study.{where}", lambda *_, **__: pytest.fail("the file was read again"))
    monkeypatch.setattr("hashlib.file_digest", lambda *_: pytest.fail("the file was hashed again"))
    again = Study.open(folder)
    assert orders(again) == TWO
    assert again.inputs()[0]["rows"] == 2
    assert (folder / name).read_bytes() == before
    assert sorted(path.name for path in folder.iterdir()) == [".cache", name, "study.toml"]


@pytest.mark.parametrize("setting", ['encoding = "cp1252"', 'delimiter = ","', 'format = "csv"\ndecimal = "."'])
def test_a_setting_that_changes_reading_is_read_anew(write_study, monkeypatch, setting):
    folder = write_study({"transactions": HEADER + ROWS}, SECTION)
    Study.open(folder)
    (folder / "study.toml").write_text(SECTION + setting + "\n")
    seen = []
    monkeypatch.setattr(cleaning, "read", lambda *args, **named: seen.append(1) or sources.read(*args, **named))
    assert orders(Study.open(folder)) == TWO
    assert seen == [1]


def test_a_file_that_changes_while_it_is_read(write_study, monkeypatch):
    folder = write_study({"transactions": HEADER + ROWS})

    def slow(*args, **named):
        source = sources.read(*args, **named)
        (folder / "transactions.csv").write_text(HEADER + ROWS + ROWS)
        return source

    monkeypatch.setattr(cleaning, "read", slow)
    assert refusal(folder, ContractError) == (
        "transactions: transactions.csv changed while it was read; try again when it is whole."
    )
    monkeypatch.undo()
    assert len(orders(Study.open(folder))) == 4


def test_what_a_killed_run_left_goes_after_a_day(write_study):
    folder = write_study({"transactions": HEADER + ROWS})
    old, young = (folder / ".cache" / name for name in ("reading-old", "reading-young"))
    for left in (old, young):
        left.mkdir(parents=True)
        (left / "0.txt").write_text("half a copy")
    os.utime(old, (1, 1))
    Study.open(folder)
    assert (old.exists(), young.exists()) == (False, True)


def test_copies_without_a_folder_of_their_own_go_with_the_source(tmp_path, monkeypatch):
    (tmp_path / "orders.csv").write_text(HEADER + ROWS)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    source = sources.read(duckdb.connect(), TableConfig("transactions", "orders.csv", "csv"), tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    del source
    gc.collect()
    assert [path.name for path in tmp_path.iterdir()] == ["orders.csv"]


# --- fingerprints ----------------------------------------------------------------------------------------------------


def test_a_file_is_hashed_again_only_when_it_changed(tmp_path, monkeypatch):
    file, memory = tmp_path / "orders.csv", tmp_path / "hashes.json"
    file.write_text("a")
    known = fingerprint([file], memory)
    assert known == {str(file): "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"}
    monkeypatch.setattr("hashlib.file_digest", lambda *_: pytest.fail("the file was read again"))
    assert fingerprint([file], memory) == known
    monkeypatch.undo()
    file.write_text("b")
    os.utime(file, ns=(1, 1))
    assert fingerprint([file], memory) != known
    first = file.stat().st_mtime_ns
    known = fingerprint([file], memory)
    file.write_text("c")
    os.utime(file, ns=(first, first))
    assert fingerprint([file], memory) != known
    memory.write_text("spoilt")
    shutil.copy(file, tmp_path / "copy.csv")
    both = fingerprint([file, tmp_path / "copy.csv"], memory)
    assert len(set(both.values())) == 1
