"""Tables in PostgreSQL: the same view as from files, computed where the data lie, and nothing changed there."""

import io
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crm_analysis import cli
from crm_analysis.errors import ContractError, UsageError
from crm_analysis.study import Study, simulate
from crm_analysis.study.server import database, engine

psycopg = pytest.importorskip("psycopg")

PASSWORD = "s3cr3t-Pa55"
TEXTS = ("customer_id", "referrer_id", "respondent_id", "order_id", "name", "phone", "email", "gender", "region")
TEXTS += ("market", "channel", "category", "kind", "campaign", "arm", "plan", "feature")
TIMES = ("time", "joined", "start", "end")
MONEY = ("acquisition_cost", "cost_to_serve", "unit_price", "unit_cost", "discount", "monthly_fee", "cost", "weight")
MONEY += ("competition",)
MORE_ITEMS = "(servqual|own|rival|image|trust|habit|switching|basic|delight)_"
FLAGS = {"yes": True, "no": False}


# --- a server for these tests ----------------------------------------------------------------------------------------


def binaries():
    """The folder of the newest server, or None: Debian keeps it out of the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Server:
    """A server of its own, on the loopback; as root it must run as another user."""

    def __init__(self, programs, folder):
        self.data, self.port = folder / "data", free_port()
        other = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
        if other:
            shutil.chown(folder, "postgres", "postgres")
        self.quiet = {**other, "cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        version = subprocess.run([programs / "initdb", "--version"], capture_output=True, text=True, check=True).stdout
        options = ["--auth=trust", "--username=owner", "--encoding=UTF8", "--no-locale", "--no-sync"]
        if int(re.search(r"\d+", version)[0]) >= 15:
            # A database sorts as its language does: here A, b, C and not A, C, b.
            options += ["--locale-provider=icu", "--icu-locale=en-US"]
        subprocess.run([programs / "initdb", "-D", self.data, *options], timeout=60, check=True, **self.quiet)
        access = self.data / "pg_hba.conf"
        access.write_text("host all guarded 127.0.0.1/32 scram-sha-256\n" + access.read_text())
        settings = {"listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": "", "fsync": "off"}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        self.process = subprocess.Popen([programs / "postgres", "-D", self.data, *options], **self.quiet)

    def url(self, user="owner", name="postgres", password=""):
        return f"postgresql://{user}{':' if password else ''}{password}@127.0.0.1:{self.port}/{name}"

    def connect(self):
        return psycopg.connect(self.url(), autocommit=True, connect_timeout=5)

    def wait(self):
        for _ in range(200):
            try:
                return self.connect().close()
            except psycopg.OperationalError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.05)
        raise RuntimeError("the server for this test did not start")

    def stop(self):
        for way in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            if self.process.poll() is None:
                self.process.send_signal(way)
                try:
                    self.process.wait(timeout=10)
                except subprocess.TimeoutExpired:
                    continue


@pytest.fixture(scope="module")
def server():
    programs = binaries()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    if os.geteuid() == 0 and "postgres" not in {one.pw_name for one in pwd.getpwall()}:
        pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
    folder = Path(tempfile.mkdtemp(prefix="crm_analysis_"))
    running = None
    try:
        running = Server(programs, folder)
        running.wait()
        with running.connect() as connection:
            connection.execute(f"CREATE ROLE guarded LOGIN PASSWORD '{PASSWORD}'; CREATE ROLE reader LOGIN")
            connection.execute("REVOKE TEMPORARY ON DATABASE postgres FROM PUBLIC")
        yield running
    finally:
        if running is not None:
            running.stop()
        shutil.rmtree(folder, ignore_errors=True)


def kind_of(name, values):
    if name in TIMES:
        return "timestamp"
    if name == "amount" or name == "margin":
        return "numeric(18,4)"
    if name in MONEY:
        return "numeric"
    if name == "resolved":
        return "boolean"
    return "text" if name in TEXTS else "integer"


def load(connection, schema, name, frame):
    """Make a table and copy a frame into it."""
    kinds = {column: kind_of(column, frame[column]) for column in frame.columns}
    columns = ", ".join(f'"{column}" {kind}' for column, kind in kinds.items())
    connection.execute(f'CREATE TABLE "{schema}"."{name}" ({columns})')
    whole = [column for column, kind in kinds.items() if kind == "integer"]
    text = io.StringIO()
    frame.astype(dict.fromkeys(whole, "Int64")).to_csv(text, index=False, header=False)
    with connection.cursor() as cursor, cursor.copy(f'COPY "{schema}"."{name}" FROM STDIN (FORMAT csv)') as copy:
        copy.write(text.getvalue())


def typed(raw):
    """A raw file as a firm would have it in a database: what fits no type is empty, every other mistake is there."""
    frame = raw.copy()
    for name in frame.columns:
        if name in TIMES:
            frame[name] = pd.to_datetime(frame[name], errors="coerce", format="mixed")
        elif name == "resolved":
            frame[name] = frame[name].map(FLAGS)
        elif name not in TEXTS:
            frame[name] = pd.to_numeric(frame[name], errors="coerce")
    return frame


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    """The simulated company's folder, mistakes included, and its study read from the files."""
    folder = Path(simulate.company(customers=1500, seed=1).write(tmp_path_factory.mktemp("files") / "demo"))
    # A third of the survey's items is enough, and much quicker.
    survey = pd.read_csv(folder / "survey.csv", dtype=str, keep_default_na=False)
    survey.loc[:, ~survey.columns.str.match(MORE_ITEMS)].to_csv(folder / "survey.csv", index=False)
    toml = (folder / "study.toml").read_text("utf-8")
    (folder / "study.toml").write_text(re.sub(rf"^{MORE_ITEMS}.*\n", "", toml, flags=re.MULTILINE), "utf-8")
    return folder, Study.open(folder)


@pytest.fixture(scope="module")
def loaded(server, company):
    """The same company in the database: schema "raw" with the mistakes, schema "clean" as it was cleaned."""
    folder, study = company
    with server.connect() as connection:
        connection.execute("CREATE SCHEMA raw; CREATE SCHEMA clean")
        for name in study.tables:
            raw = pd.read_csv(folder / f"{name}.csv", dtype=str, keep_default_na=False, na_values=[""])
            load(connection, "raw", name, typed(raw))
            load(connection, "clean", name, study.frame(name))
        for schema in ("raw", "clean"):
            connection.execute(f"GRANT USAGE ON SCHEMA {schema} TO reader, guarded")
            connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO reader, guarded")
    return server


def toml_of(company, schema, *, files=()):
    """The demo's study.toml with tables of the database instead of files."""
    text = (company[0] / "study.toml").read_text("utf-8").replace("duckdb://", "env:CRM_DATABASE_URL")
    for name in company[1].tables:
        if name not in files:
            text = text.replace(f'source = "{name}.csv"', f'source = "{schema}.{name}"')
    return text if schema == "raw" else re.sub(r"^columns = .*\n", "", text, flags=re.MULTILINE)


@pytest.fixture(scope="module")
def open_company(loaded, company, tmp_path_factory):
    """Open the company's study in the database."""

    def open_study(schema, *, user="owner", password="", files=()):
        home = tmp_path_factory.mktemp(schema) / "demo"
        home.mkdir()
        (home / "study.toml").write_text(toml_of(company, schema, files=files), "utf-8")
        for name in files:
            shutil.copy(company[0] / f"{name}.csv", home)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CRM_DATABASE_URL", loaded.url(user, password=password))
            return Study.open(home)

    return open_study


@pytest.fixture(scope="module")
def in_database(open_company):
    """Studies by schema, each opened once."""
    opened = {}

    def study_of(schema):
        if schema not in opened:
            opened[schema] = open_company(schema)
        return opened[schema]

    yield study_of
    opened.clear()


# --- the same numbers ------------------------------------------------------------------------------------------------


def agree(found, expected):
    """Equal rows in equal order: whole numbers, texts and dates exactly, real numbers within 1e-9."""
    assert list(found.columns) == list(expected.columns)
    assert len(found) == len(expected) > 0
    for name in expected.columns:
        assert found[name].dtype == expected[name].dtype, name
        if pd.api.types.is_float_dtype(expected[name].dtype):
            np.testing.assert_allclose(found[name], expected[name], rtol=0, atol=1e-9, err_msg=name)
        else:
            pd.testing.assert_series_equal(found[name], expected[name])


@pytest.mark.parametrize(
    ("schema", "question"),
    [
        ("raw", {}),
        ("raw", {"as_of": "2024-06-30"}),
        ("raw", {"per": "person", "columns": ["frequency", "monetary", "region", "acquisition_cost"]}),
        ("clean", {"as_of": "2025-03-31", "columns": ["frequency", "monetary", "gap_cv", "first_day_spend", "margin"]}),
    ],
)
def test_the_customer_view_is_the_same(in_database, company, schema, question):
    agree(in_database(schema).customer360(**question), company[1].customer360(**question))


def test_the_same_rows_are_left_out(in_database, company):
    study, files = in_database("raw"), company[1]
    counts = [
        [(one.name, one.rows_read, one.rows_left_out, one.copies_removed, one.rows) for one in found]
        for found in (study._found, files._found)
    ]
    assert counts[0] == counts[1]
    broken = files.check().to_frame()
    assert set(broken["table"]) >= {"transactions", "survey"}
    # An impossible date and a text for a number are empty in a typed column, so another rule finds the row.
    assert study.check().metrics()["rows_left_out"] == files.check().metrics()["rows_left_out"] > 0
    assert in_database("clean").check().findings()[0].startswith("Every row keeps the contract")


def test_frames_and_card_are_the_same(in_database, company):
    study, files = in_database("raw"), company[1]
    for name in ("customers", "survey", "contacts", "campaigns"):
        key = list(files.frame(name).columns)
        agree(
            study.frame(name).sort_values(key, ignore_index=True), files.frame(name).sort_values(key, ignore_index=True)
        )
    pd.testing.assert_frame_equal(study.card().to_frame(), files.card().to_frame())
    assert study.last_date == files.last_date


# --- where the data lie ----------------------------------------------------------------------------------------------


@pytest.fixture
def statements(monkeypatch):
    """Every statement that is sent, with how many rows came back."""
    log = []

    class Cursor(psycopg.Cursor):
        def execute(self, query, *arguments, **options):
            super().execute(query, *arguments, **options)
            log.append([str(query), max(0, self.rowcount) if self.description else 0])
            return self

    class ServerCursor(psycopg.ServerCursor):
        def execute(self, query, *arguments, **options):
            log.append([str(query), 0])
            return super().execute(query, *arguments, **options)

        def fetchmany(self, size=0):
            rows = super().fetchmany(size)
            log[-1][1] += len(rows)
            return rows

    connect = psycopg.connect

    def watched(*arguments, **options):
        connection = connect(*arguments, **options)
        connection.cursor_factory, connection.server_cursor_factory = Cursor, ServerCursor
        return connection

    monkeypatch.setattr(psycopg, "connect", watched)
    return log


def over_orders(statements):
    return [(query, rows) for query, rows in statements if re.search(r'"transactions"', query)]


def test_no_order_line_reaches_python(open_company, statements):
    study = open_company("clean")
    customers = len(study.customer360())
    study.customer360("2024-06-30", columns=["frequency"])
    study.check()
    study.card()
    sent = over_orders(statements)
    lines = study.table("transactions").count().to_pandas()
    assert len(sent) >= 5
    assert lines > 5 * customers
    assert max(rows for _, rows in sent) == customers
    for query, rows in sent:
        aggregates = re.search(r"\b(COUNT|SUM|MIN|MAX)\(|GROUP BY|LIMIT 0", query)
        assert aggregates or rows == 0, query
    # The watch sees lines where they are asked for.
    study.frame("transactions")
    assert over_orders(statements)[-1][1] == lines


def test_of_broken_rows_only_the_quarantine_reaches_python(open_company, statements, monkeypatch):
    monkeypatch.setattr(database, "QUARANTINE_ROWS", 3)
    study = open_company("raw")
    assert sum(breach.rows for breach in study._found[1].breaches) > 3
    assert max(rows for _, rows in over_orders(statements)) == 3
    written = pd.read_csv(study.folder / "quarantine" / "transactions.csv")
    assert list(written.columns[:2]) == ["action", "rule"]
    assert len(written) == 3
    assert re.search(
        r"Transactions: quarantine/transactions\.csv holds 3 of \d+ entries; the others are in the database only\.",
        " ".join(study.check().findings()),
    )


def test_files_beside_the_database_and_the_database_is_unchanged(loaded, open_company, company):
    before = contents(loaded)
    study = open_company("raw", files=("survey", "kano", "customers"))
    agree(study.customer360(per="person"), company[1].customer360(per="person"))
    agree(study.frame("kano"), company[1].frame("kano"))
    study.card()
    assert {entry["file"] for entry in study.inputs()} >= {"survey.csv", "kano.csv", "raw.transactions"}
    assert contents(loaded) == before
    assert len(before) >= 14


def contents(server):
    """Every lasting table and view with a digest of its rows."""
    with server.connect() as connection:
        there = connection.execute(
            "SELECT c.oid, relfilenode, nspname, relname, relkind FROM pg_class c JOIN pg_namespace n "
            "ON n.oid = relnamespace WHERE relpersistence <> 't' AND nspname NOT IN ('pg_catalog', 'pg_toast') "
            "AND relkind IN ('r', 'v', 'm', 'i') ORDER BY 1"
        ).fetchall()
        digest = 'SELECT count(*), sum(hashtextextended(one::text, 0)::numeric) FROM "{}"."{}" AS one'
        return {
            row: connection.execute(digest.format(*row[2:4])).fetchone() if row[4] == "r" else None
            for row in there
            if row[2] != "information_schema"
        }


def test_a_user_who_may_only_read_needs_no_more(study_of_table, server):
    with server.connect() as connection:
        connection.execute("ALTER ROLE reader SET default_transaction_read_only = on")
    study = study_of_table(ORDERS, "'A', '2025-01-01', 5", "'A', NULL, 6", user="reader")
    assert study.customer360(columns=["monetary"]).to_dict("records") == [{"customer_id": "A", "monetary": 5.0}]
    assert study.check().metrics()["rows_left_out"] == 1


# --- files beside the database ---------------------------------------------------------------------------------------


KANO = "respondent_id,feature,functional,dysfunctional\nR1,gift,1,5\nR2,gift,2,3\n"


def open_beside(write_study, file):
    toml = '[engine]\nurl = "env:CRM_DATABASE_URL"\n[tables.kano]\nsource = "kano.csv"\n'
    return Study.open(write_study({"kano": file}, toml + '[tables.transactions]\nsource = "clean.transactions"\n'))


def test_a_file_that_is_too_large_to_stand_beside(loaded, write_study, monkeypatch):
    monkeypatch.setenv("CRM_DATABASE_URL", loaded.url())
    monkeypatch.setattr(engine, "PUT_ROWS", 1)
    assert refusal(UsageError, lambda: open_beside(write_study, KANO)) == (
        "kano: a file of 2 rows is too large to be put beside the tables of the database (at most 1); load it into the "
        "database and name its table there as source."
    )


def test_a_file_beside_the_database_needs_the_right_to_make_temporary_tables(loaded, write_study, monkeypatch):
    monkeypatch.setenv("CRM_DATABASE_URL", loaded.url("guarded", password=PASSWORD))
    assert refusal(UsageError, lambda: open_beside(write_study, KANO)) == (
        "kano: its file cannot be put beside the tables of the database as a temporary table: permission denied to "
        'create temporary tables in database "postgres"; load it into the database and name its table there as source.'
    )


def test_columns_of_every_type_stand_beside(server, write_study, monkeypatch):
    import pyarrow as pa
    import pyarrow.parquet as pq

    with server.connect() as connection:
        connection.execute("CREATE SCHEMA beside; CREATE TABLE beside.t (customer_id text, time date, amount int)")
        connection.execute("INSERT INTO beside.t VALUES ('A', '2025-01-01', 5)")
    monkeypatch.setenv("CRM_DATABASE_URL", server.url())
    toml = '[engine]\nurl = "env:CRM_DATABASE_URL"\n[tables.transactions]\nsource = "beside.t"\n'
    home = write_study({}, toml + '[tables.customers]\nsource = "customers.parquet"\n')
    columns = {
        "customer_id": pa.array(["A", "B"]),
        "small": pa.array([1, None], pa.int16()),
        "half": pa.array([0.5, None], pa.float32()),
        "price": pa.array(["1.25", None]).cast(pa.decimal128(9, 2)),
        "day": pa.array([19000, None], pa.date32()),
        "clock": pa.array([1_000_000, None], pa.time64("us")),
        "quoted": pa.array(['a "b", c\nd', ""]),
        "yes": pa.array([True, None]),
    }
    pq.write_table(pa.table(columns), home / "customers.parquet")
    first, second = Study.open(home).frame("customers").astype(object).to_dict("records")
    assert first == {
        "customer_id": "A",
        "small": 1,
        "half": 0.5,
        "price": 1.25,
        "day": pd.Timestamp(19000, unit="D"),
        "clock": "00:00:01",
        "quoted": 'a "b", c\nd',
        "yes": True,
    } | {"day": first["day"]}
    assert str(first["day"])[:10] == "2022-01-08"
    assert [name for name, value in second.items() if not pd.isna(value)] == ["customer_id"]


# --- mapping and checking --------------------------------------------------------------------------------------------


@pytest.fixture
def study_of_table(server, write_study, monkeypatch):
    """Make a table from SQL and open a study of it; `settings` are lines under [tables.x]."""
    made = []

    def open_study(columns, *rows, table="transactions", settings="", top="", user="owner"):
        schema = f"own{len(made)}_{os.urandom(3).hex()}"
        made.append(schema)
        with server.connect() as connection:
            connection.execute(f"CREATE SCHEMA {schema}; CREATE TABLE {schema}.t ({columns})")
            for row in rows:
                connection.execute(f"INSERT INTO {schema}.t VALUES ({row})")
            connection.execute(f"GRANT USAGE ON SCHEMA {schema} TO reader; GRANT SELECT ON {schema}.t TO reader")
        monkeypatch.setenv("CRM_DATABASE_URL", server.url(user))
        source = f'[tables.{table}]\nsource = "{schema}.t"\n{settings}'
        return Study.open(write_study({}, f'{top}[engine]\nurl = "env:CRM_DATABASE_URL"\n{source}'))

    return open_study


def refusal(kind, act):
    with pytest.raises(kind) as error:
        act()
    return re.sub(r"own\d+_\w+", "own", str(error.value))


ORDERS = "customer_id text, time timestamp, amount numeric"


def test_values_that_fit_no_type_break_a_rule(study_of_table):
    study = study_of_table(
        ORDERS + ", quantity double precision, margin double precision",
        "'A', '2025-01-01', 5, 1, 1",
        "'  B ', '2025-01-02', 'NaN', 2, 2",
        "'C', 'infinity', 7, 3, 3",
        "'D', '0044-03-15 BC', 7, 3, 3",
        "'E', '2025-01-05', 1e30, 3, 3",
        "' ', '2025-01-06', 8, 3, 3",
        "'F', '2025-01-07', 9.00005, 'Infinity', 'NaN'",
    )
    assert study.check().sentences == (
        "transactions: customer_id must be given; 1 row breaks this (left out).",
        "transactions: time must be a date or time; 2 rows break this (left out), such as '0044-03-15 00:00:00 BC'.",
        "transactions: amount must be a number; 2 rows break this (left out), such as "
        "'1000000000000000000000000000000'.",
        "transactions: quantity must be a number; 1 row breaks this (value set aside), such as 'Infinity'.",
        "transactions: margin must be a number; 1 row breaks this (value set aside), such as 'NaN'.",
    )
    rows = study.frame("transactions").sort_values("customer_id").to_dict("records")
    assert [(row["customer_id"], float(row["amount"])) for row in rows] == [("A", 5.0), ("F", 9.0001)]
    assert pd.isna(rows[1]["quantity"])
    quarantine = pd.read_csv(study.folder / "quarantine" / "transactions.csv")
    assert list(quarantine.columns) == ["action", "rule", "customer_id", "time", "amount", "quantity", "margin"]
    assert len(quarantine) == 7


def test_times_are_local_and_ids_are_texts(study_of_table):
    study = study_of_table(
        "customer_id numeric(12,1), time timestamptz, amount money, order_id uuid",
        "17850.0, '2025-01-01 20:00+00', 1234.5, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'",
        top='[study]\ntimezone = "Asia/Shanghai"\n',
        settings="pad = { customer_id = 7 }\n",
    )
    (row,) = study.frame("transactions").to_dict("records")
    assert (row["customer_id"], str(row["time"]), float(row["amount"])) == ("0017850", "2025-01-02 04:00:00", 1234.5)
    assert row["order_id"] == "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"


def test_expressions_are_translated(study_of_table):
    study = study_of_table(
        "id int, day text, qty int, price real, total text",
        "1, '2025-01-01', 3, 0.5, '12.345'",
        "2, '2025-01-02', 0, 2, 'twelve'",
        settings=(
            'columns = { customer_id = "id", time = { sql = "CAST(day AS TIMESTAMP)" }, '
            "amount = { sql = \"CASE WHEN qty > 0 THEN Qty * price ELSE CAST('-1' AS INTEGER) END\" }, "
            'margin = { sql = "round(price / qty, 2)" }, discount = { sql = "TRY_CAST(total AS DOUBLE)" } }\n'
        ),
    )
    first, second = study.frame("transactions").sort_values("customer_id").to_dict("records")
    assert [float(first[name]) for name in ("amount", "margin", "discount")] == [1.5, 0.17, 12.345]
    assert float(second["amount"]) == -1
    assert pd.isna(second["margin"])
    assert pd.isna(second["discount"])
    assert study.check().sentences == (
        "transactions: margin must be a number; 1 row breaks this (value set aside), such as '2 | 0'.",
        "transactions: discount must be a number; 1 row breaks this (value set aside), such as 'twelve'.",
    )


def test_attributes_of_every_type_are_kept(study_of_table):
    study = study_of_table(
        "customer_id int primary key, note jsonb, tags text[], tier smallint, score numeric, day date, "
        'seen timestamptz, vip boolean, blank varchar, "Größe in % ""cm""" real',
        "1, '{\"a\": 1}', '{x,y}', 2, 0.1, '2025-01-01', '2025-01-01 10:00+00', true, ' ', 'NaN'",
        table="customers",
    )
    assert study.check().sentences == ()
    (row,) = study.customer360().to_dict("records")
    assert (row["note"], row["tags"], row["tier"], row["score"], row["vip"]) == ('{"a": 1}', "{x,y}", 2, 0.1, True)
    assert (str(row["day"])[:10], str(row["seen"])) == ("2025-01-01", "2025-01-01 10:00:00")
    assert pd.isna(row["blank"])
    assert pd.isna(row['Größe in % "cm"'])


def test_copies_and_second_rows_of_a_key(study_of_table):
    orders = (
        ORDERS + ", order_id int, note json",
        *["'A', '2025-01-01', 5, 1, '{}'"] * 3,
        "'A', '2025-01-01', 6, 1, '{}'",
    )
    assert study_of_table(*orders).table("transactions").count().to_pandas() == 2
    kept = study_of_table(*orders, settings='duplicates = "keep"\n')
    assert kept.table("transactions").count().to_pandas() == 4
    # Without order numbers equal lines may be two purchases.
    assert study_of_table(ORDERS, *["'A', '2025-01-01', 5"] * 3).table("transactions").count().to_pandas() == 3
    customers = study_of_table("customer_id text, region text", "'A', 'West'", "'A', 'East'", table="customers")
    assert customers.frame("customers").to_dict("records") == [{"customer_id": "A", "region": "East"}]
    assert customers.check().sentences == (
        "customers: customer_id must stand once; 1 row breaks this (left out), such as 'A'.",
    )


def test_one_row_per_customer(study_of_table):
    study = study_of_table(
        "customer_id text, region text, line int",
        *("'B', 'West', 2", "'A', 'North', 1", "'B', 'East', 9", "NULL, 'East', 3"),
        table="customers",
        settings='one_per = "customer_id"\n',
    )
    frame = study.frame("customers").sort_values("customer_id")
    assert frame[["customer_id", "region"]].to_numpy().tolist() == [["A", "North"], ["B", "East"]]
    assert refusal(
        ContractError, lambda: study_of_table(ORDERS, "'A', '2025-01-01', 5", settings='one_per = "order_id"\n')
    ) == (
        "transactions: one_per = 'order_id' needs a column that is not in own.t (columns there: customer_id, time, "
        "amount); map it under [tables.transactions], columns."
    )
    (found,) = study._found
    assert (found.rows_read, found.rows_passed_over, found.rows_left_out, found.rows) == (4, 2, 0, 2)


def test_survey_codes_and_their_limits(study_of_table):
    study = study_of_table(
        "respondent_id int, q1 smallint, q2 numeric, q3 boolean",
        *("1, 10, 9.5, true", "2, 98, 11, false", "3, 0, 99, null"),
        table="survey",
        settings='[survey]\nmissing = [98, 99]\n[survey.constructs]\nx = ["q1", "q2"]\n[survey.codes]\nq3 = [0, 1]\n',
    )
    frame = study.frame("survey").sort_values("respondent_id")
    assert frame["respondent_id"].tolist() == ["1", "2", "3"]
    np.testing.assert_array_equal(frame[["q1", "q2", "q3"]], [[10, 9.5, 1], [np.nan, np.nan, 0], [np.nan] * 3])
    assert study.check().sentences == (
        "survey: q1 must lie between 1 and 10; 1 row breaks this (value set aside), such as '0'.",
        "survey: q2 must lie between 1 and 10; 1 row breaks this (value set aside), such as '11'.",
    )


@pytest.mark.parametrize(
    ("columns", "settings", "message"),
    [
        (
            "customer_id text, time timestamp, total text",
            'columns = { amount = "total" }\n',
            "transactions: amount must be a number, but 'total' is text in the database; make a view of own.t that "
            'types it, and name that as source, or map amount = { sql = "CAST(total AS DOUBLE)" }.',
        ),
        (
            "customer_id text, time varchar(20), amount int",
            "",
            "transactions: time must be a date or time, but 'time' is character varying in the database; make a view "
            'of own.t that types it, and name that as source, or map time = { sql = "CAST(time AS TIMESTAMP)" }.',
        ),
        (
            "customer_id text, time bigint, amount int",
            "",
            "transactions: time must be a date or time, but 'time' is bigint in the database; make a view of own.t "
            "that types it, and name that as source.",
        ),
        (
            "customer_id text, time date, amount int",
            "columns = { quantity = { sql = \"CASE WHEN amount > 1 THEN 'many' ELSE 'one' END\" } }\n",
            "transactions: quantity must be a number, but the expression \"CASE WHEN amount > 1 THEN 'many' ELSE 'one' "
            'END" gives text in the database; make a view of own.t that types it, and name that as source.',
        ),
        (
            "customer_id text, time date",
            "",
            "transactions: the required column 'amount' is not in own.t (columns there: customer_id, time); map it in "
            'study.toml, [tables.transactions], columns = { amount = "..." }.',
        ),
        (
            "customer_id text, time date, amount int",
            'columns = { margin = "gain" }\n',
            "transactions: the mapping margin = 'gain' names a column that is not in own.t; columns there: "
            "customer_id, time, amount.",
        ),
        (
            "customer_id text, time date, amount int",
            'columns = { margin = { sql = "gain / 2" } }\n',
            "transactions: the expression 'gain / 2' names the column 'gain' that is not in own.t; columns there: "
            "customer_id, time, amount.",
        ),
    ],
)
def test_columns_that_cannot_be_read(study_of_table, columns, settings, message):
    assert refusal(ContractError, lambda: study_of_table(columns, settings=settings)) == message


def test_a_flag_that_is_text(study_of_table):
    columns = "customer_id text, time date, kind text, resolved text"
    assert refusal(ContractError, lambda: study_of_table(columns, table="contacts")) == (
        "contacts: resolved must be yes or no, but 'resolved' is text in the database; make a view of own.t that types "
        "it, and name that as source, or map resolved = { sql = \"CASE resolved WHEN 'yes' THEN true WHEN 'no' THEN "
        'false END" }.'
    )


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (
            "total * 2",
            "[tables.transactions] columns: the expression 'total * 2' cannot be computed: operator does not exist: "
            "text * integer; a text that holds numbers is calculated with as CAST(column AS DOUBLE).",
        ),
        (
            "pg_sleep(9)",
            "[tables.transactions] columns: the expression 'pg_sleep(9)' uses Anonymous; use only arithmetic and CASE "
            "over its columns.",
        ),
    ],
)
def test_expressions_that_cannot_be_computed(study_of_table, expression, message):
    settings = f'columns = {{ amount = {{ sql = "{expression}" }} }}\n'
    columns = "customer_id text, time date, total text"
    assert refusal(UsageError, lambda: study_of_table(columns, settings=settings)) == message


def test_a_text_that_is_no_date_ends_the_reading_in_words(study_of_table):
    settings = 'columns = { time = { sql = "CAST(day AS TIMESTAMP)" } }\n'
    row = "'A', '31.12.2024', 5"
    assert refusal(
        ContractError, lambda: study_of_table("customer_id text, day text, amount int", row, settings=settings)
    ) == (
        "transactions: the database cannot compute the columns of own.t as study.toml says: date/time field value out "
        'of range: "31.12.2024"; make a view that types them, and name it as source.'
    )


def test_a_table_without_a_sound_row(study_of_table):
    assert refusal(ContractError, lambda: study_of_table(ORDERS, *["NULL, '2025-01-01', 5"] * 3)) == (
        "transactions: 3 of 3 rows of own.t break the contract, so its columns are probably mapped wrongly (see "
        "quarantine/transactions.csv in the study's folder). The rule broken most often is: transactions: customer_id "
        "must be given; 3 rows break this (left out)."
    )


def test_an_empty_table(study_of_table):
    assert refusal(ContractError, lambda: study_of_table(ORDERS)) == (
        "transactions: the table own.t of the database has no rows; fill it, or change source under "
        "[tables.transactions]."
    )


def test_a_survey_needs_an_id_of_its_respondents(study_of_table):
    assert refusal(ContractError, lambda: study_of_table("q1 int, wave int", "1, 1", table="survey")) == (
        "survey: the required column 'respondent_id' is not in own.t (columns there: q1, wave), and rows of a database "
        'have no numbers to serve as one; map it in study.toml, [tables.survey], columns = { respondent_id = "..." }.'
    )


@pytest.mark.parametrize(
    ("setting", "name"),
    [('delimiter = ";"', "delimiter"), ('table = "x"', "table"), ('time_format = "%d"', "time_format")],
)
def test_settings_of_files(study_of_table, setting, name):
    assert refusal(UsageError, lambda: study_of_table(ORDERS, settings=setting + "\n")) == (
        f"[tables.transactions] {name} is for files; a table of the database does without it."
    )


# --- what is not there, what may not be read -------------------------------------------------------------------------


def test_a_table_or_a_schema_that_is_not_there(server, write_study, monkeypatch):
    monkeypatch.setenv("CRM_DATABASE_URL", server.url(name="lonely"))
    with server.connect() as connection:
        connection.execute("CREATE DATABASE lonely")
    with psycopg.connect(server.url(name="lonely"), autocommit=True) as connection:
        connection.execute("CREATE SCHEMA sales; CREATE TABLE sales.orders (a int); CREATE TABLE customers (a int)")
        connection.execute('CREATE SCHEMA "full"')
        for place in range(13):
            connection.execute(f'CREATE VIEW "full".view{place:02d} AS SELECT 1 AS one')

    def say(source):
        toml = (
            f'[engine]\nurl = "env:CRM_DATABASE_URL"\n[tables.transactions]\nsource = "{source}"\nformat = "engine"\n'
        )
        return refusal(ContractError, lambda: Study.open(write_study({}, toml)))

    change = "; change source under [tables.transactions]."
    assert say("shop.orders") == (
        "transactions: the database has no schema 'shop' with tables in it (schemas there: full, public, sales)"
        + change
    )
    assert say("sales.Orders") == (
        "transactions: the schema 'sales' of the database has no table 'Orders' (tables there: orders)" + change
    )
    assert say("orders") == (
        "transactions: the database looks for 'orders' in another schema than sales; write sales.orders" + change
    )
    assert say("lines") == (
        "transactions: the database has no table 'lines' (tables there: "
        + ", ".join(f"full.view{place:02d}" for place in range(12))
        + " and 3 more)"
        + change
    )


@pytest.mark.parametrize("grant", ["", "GRANT USAGE ON SCHEMA closed TO reader"])
def test_a_table_that_may_not_be_read(server, write_study, monkeypatch, grant):
    monkeypatch.setenv("CRM_DATABASE_URL", server.url("reader"))
    with server.connect() as connection:
        connection.execute(
            f"DROP SCHEMA IF EXISTS closed CASCADE; CREATE SCHEMA closed; CREATE TABLE closed.orders ({ORDERS})"
        )
        connection.execute(grant)
    toml = '[engine]\nurl = "env:CRM_DATABASE_URL"\n[tables.transactions]\nsource = "closed.orders"\n'
    assert refusal(ContractError, lambda: Study.open(write_study({}, toml))) == (
        "transactions: the database does not let this user read closed.orders; have its owner GRANT USAGE ON SCHEMA "
        "closed and GRANT SELECT ON closed.orders to that user."
    )


def test_columns_that_may_not_be_read_are_not_there(server, write_study, monkeypatch):
    monkeypatch.setenv("CRM_DATABASE_URL", server.url("reader"))
    with server.connect() as connection:
        connection.execute(f"CREATE SCHEMA partly; CREATE TABLE partly.orders ({ORDERS}, margin numeric)")
        connection.execute("INSERT INTO partly.orders VALUES ('A', '2025-01-01', 5, 1)")
        connection.execute("GRANT USAGE ON SCHEMA partly TO reader")
        connection.execute("GRANT SELECT (customer_id, time, amount) ON partly.orders TO reader")
    toml = '[engine]\nurl = "env:CRM_DATABASE_URL"\n[tables.transactions]\nsource = "partly.orders"\n'
    study = Study.open(write_study({}, toml))
    assert list(study.frame("transactions").columns) == ["customer_id", "time", "amount"]
    assert study.inputs()[0]["rows"] == 1


# --- secrets and provenance ------------------------------------------------------------------------------------------


def test_the_password_is_in_nothing_that_is_written_or_said(loaded, write_study, monkeypatch, capsys):
    toml = '[engine]\nurl = "env:CRM_DATABASE_URL"\n[tables.transactions]\nsource = "raw.transactions"\n'
    toml += 'columns = { amount = "unit_price" }\n'
    monkeypatch.setenv("CRM_DATABASE_URL", loaded.url("guarded", password=PASSWORD))
    study = Study.open(write_study({}, toml))
    backend = study.table("transactions").get_backend()
    said = [repr(study), repr(vars(study)), repr(backend), repr(vars(backend)), repr(study.table("transactions"))]
    said += [study.config.text, str(study.inputs()), str(study.check()), str(study.card())]
    monkeypatch.setattr(sys, "argv", ["crm-analysis", "check", str(study.folder)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code
    said += [*capsys.readouterr()]
    written = [path.read_bytes().decode("utf-8", "replace") for path in study.folder.rglob("*") if path.is_file()]
    assert written
    assert not [text for text in (*said, *written) if PASSWORD in text]
    monkeypatch.setenv("CRM_DATABASE_URL", loaded.url("guarded", password=f"{PASSWORD}-old"))
    assert refusal(UsageError, lambda: Study.open(study.folder)) == (
        "the database that the environment variable CRM_DATABASE_URL names cannot be opened: the server refuses the "
        "user or the password; correct them."
    )


def test_inputs_name_the_table_the_server_and_a_digest(study_of_table, server):
    study = study_of_table(ORDERS + ", note json", "'A', '2025-01-01', 5, '{}'", "'B', '2025-01-02', 6, '{}'")
    (entry,) = study.inputs()
    source = study.config.tables["transactions"].source
    expected = {"table": "transactions", "file": source, "sha256": None, "bytes": None, "rows": 2, "quarantined": 0}
    assert {name: entry[name] for name in expected} == expected
    assert re.fullmatch(r"PostgreSQL \d+\.\d+", entry["engine"])
    assert re.fullmatch(r"[0-9a-f]{16}", entry["digest"])
    with server.connect() as connection:
        # The order of the rows is no part of the digest; their values are.
        connection.execute(f"UPDATE {source} SET amount = amount WHERE customer_id = 'A'")
        assert study.inputs() == [entry]
        connection.execute(f"UPDATE {source} SET amount = 7 WHERE customer_id = 'A'")
        assert study.inputs()[0]["digest"] != entry["digest"]


def test_a_large_table_has_no_digest(study_of_table, monkeypatch):
    study = study_of_table(ORDERS, "'A', '2025-01-01', 5", "'B', '2025-01-02', 6")
    monkeypatch.setattr(database, "_DIGEST_ROWS", 1)
    assert study.inputs()[0]["digest"] is None


def test_a_timezone_that_no_engine_knows(study_of_table):
    act = lambda: study_of_table(ORDERS, top='[study]\ntimezone = "Mars/Base"\n')  # noqa: E731
    assert refusal(UsageError, act) == (
        "[study] timezone = 'Mars/Base' is not known; use a name such as 'Asia/Shanghai'."
    )


def test_the_connection_is_closed_with_the_study(server, study_of_table):
    import gc

    study = study_of_table(ORDERS, "'A', '2025-01-01', 5")
    connection = study.table("transactions").get_backend().con
    assert not connection.closed
    del study
    gc.collect()
    assert connection.closed


def test_words_for_totals_and_ids_cut_off_are_no_customers(study_of_table):
    study = study_of_table(
        ORDERS,
        *("'A', '2025-01-01', 5", "'合计', '2025-01-02', 5", "'NULL', '2025-01-03', 5", "'8.61E+12', '2025-01-04', 5"),
    )
    found = study.check().to_frame()[["rule", "rows", "action"]].to_numpy().tolist()
    assert found == [
        ['must be an id and no word such as "n/a" or "Total"', 2, "row left out"],
        [
            "must be whole and not a number that a spreadsheet cut off (format it as text there, export it again)",
            1,
            "row left out",
        ],
    ]
    assert study.frame("transactions")["customer_id"].tolist() == ["A"]
