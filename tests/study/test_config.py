"""study.toml: what it may say, and a whole sentence for everything else."""

from pathlib import Path

import pytest

from crm_analysis.errors import UsageError
from crm_analysis.study.config import Sql, SurveyConfig, TableConfig, read

ORDERS = '[tables.transactions]\nsource = "orders.csv"\n'


@pytest.fixture
def read_toml(tmp_path):
    def read_text(text, *, folder="shop"):
        path = tmp_path / folder / "study.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
        return read(path)

    return read_text


def test_one_table_is_a_study(read_toml):
    config = read_toml(ORDERS)
    assert (config.name, config.title, config.currency, config.timezone) == ("shop", "shop", "", "UTC")
    assert (config.engine, config.memory_limit, config.churn) == ("duckdb://", "", {})
    assert config.tables == {"transactions": TableConfig("transactions", "orders.csv", "csv")}
    assert config.survey == SurveyConfig()
    assert config.text == ORDERS


def test_everything_can_be_said(read_toml):
    config = read_toml(
        '\ufeff[study]\nname = "book-shop_1.0"\ntitle = "书店"\ncurrency = "CNY"\ntimezone = "Asia/Shanghai"\n'
        '[engine]\nurl = "duckdb://"\nmemory_limit = "2GB"\n'
        '[tables.transactions]\nsource = "orders"\nformat = "blanks"\nnames = ["id", "day"]\ntime_format = "%d.%m.%Y"\n'
        'columns = { customer_id = "id", amount = { sql = "a * b" } }\n'
        '[tables.customers]\nsource = "c.PQ"\ncolumns = { shoe_size = "Schuh" }\n'
        '[tables.survey]\nsource = "s.csv"\ndelimiter = ";"\n'
        '[survey]\nscale = [1, 7]\nmissing = [98, 99]\ntarget = "satisfaction"\n'
        '[survey.constructs]\nsatisfaction = ["Q1", "Q2"]\nquality = ["Q3"]\n'
        "[survey.codes]\nQ2 = [0, 1]\nage = [18, 99]\n"
        '[survey.paths]\nquality = ["satisfaction"]\n[churn]\nlabel = "Churn"\n'
    )
    assert (config.name, config.title, config.memory_limit) == ("book-shop_1.0", "书店", "2GB")
    assert config.tables == {
        "transactions": TableConfig(
            "transactions",
            "orders",
            "blanks",
            columns={"customer_id": "id", "amount": Sql("a * b")},
            names=("id", "day"),
            time_format="%d.%m.%Y",
        ),
        "customers": TableConfig("customers", "c.PQ", "parquet", columns={"shoe_size": "Schuh"}),
        "survey": TableConfig("survey", "s.csv", "csv", delimiter=";"),
    }
    assert config.survey.missing == (98, 99)
    assert config.survey.items == {"Q1": (1, 7), "Q2": (0, 1), "Q3": (1, 7), "age": (18, 99)}
    assert config.survey.paths == {"quality": ("satisfaction",)}
    assert (config.survey.model, config.survey.target) == ("", "satisfaction")
    assert config.churn == {"label": "Churn"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "nonsense",
            "study.toml is not valid TOML: Expected '=' after a key in a key/value pair (at end of document).",
        ),
        ("", "study.toml names no table; add a section such as [tables.transactions] with source = ..."),
        (
            "[colours]\n" + ORDERS,
            "study.toml has no setting 'colours'; known are study, engine, tables, survey, churn.",
        ),
        ('[churn]\nlable = "x"\n' + ORDERS, "[churn] has no setting 'lable'; known are label, left, tenure, unit."),
        ("[churn]\nlabel = 3\n" + ORDERS, "[churn] label must be a text in quotation marks, not 3."),
        (
            '[churn]\nlabel = "x"\nleft = ["a"]\n' + ORDERS,
            "[churn] left must be the value that means left, such as \"Yes\", not ['a'].",
        ),
        (
            '[churn]\ntenure = "x"\n' + ORDERS,
            '[churn] tenure needs label = "column", the column of customers that says who left.',
        ),
        ("study = 1\n" + ORDERS, "study.toml: study must be a section ([study]), not a value."),
        (
            '[study]\nnam = "x"\n' + ORDERS,
            "[study] has no setting 'nam'; known are name, title, currency, timezone.",
        ),
        (
            '[study]\nname = "my shop"\n' + ORDERS,
            "[study] name = 'my shop' names a report folder: use letters, digits, '.', '_' and '-'.",
        ),
        (
            '[study]\nname = "../x"\n' + ORDERS,
            "[study] name = '../x' names a report folder: use letters, digits, '.', '_' and '-'.",
        ),
        ('[engine]\nurn = "x"\n' + ORDERS, "[engine] has no setting 'urn'; known are url, memory_limit."),
        (
            '[tables.orders]\nsource = "orders.csv"\n',
            "[tables.orders] is no table of the contract; known are customers, transactions, contacts, contracts, "
            "campaigns, survey, kano.",
        ),
        (
            "[tables]\ntransactions = 3\n",
            "study.toml: tables.transactions must be a section ([tables.transactions]), not a value.",
        ),
        (
            "[tables.transactions]\n",
            '[tables.transactions] needs source = "file", the path of its file seen from study.toml.',
        ),
        (
            ORDERS + "foo = 1\n",
            "[tables.transactions] has no setting 'foo'; known are source, format, columns, delimiter, names, "
            "time_format, encoding, decimal, sheet, table, duplicates, one_per, pad.",
        ),
        (
            ORDERS + 'format = "xls"\n',
            "[tables.transactions] format = 'xls' is not known; known are csv, blanks, parquet, "
            "excel, sqlite, duckdb, engine.",
        ),
        (ORDERS + "columns = 3\n", '[tables.transactions] columns must be a table such as { amount = "Total" }.'),
        (
            ORDERS + 'columns = { amunt = "Total" }\n',
            "[tables.transactions] columns: 'amunt' is no column of the contract; known are customer_id, time, amount, "
            "order_id, quantity, category, margin, discount.",
        ),
        (
            ORDERS + "columns = { amount = 3 }\n",
            '[tables.transactions] columns: amount must be a column\'s name or { sql = "expression" }.',
        ),
        (
            ORDERS + 'names = "id"\n',
            '[tables.transactions] names must be a list of names such as ["Q1", "Q2"].',
        ),
        (ORDERS + "delimiter = 5\n", "[tables.transactions] delimiter must be a text in quotation marks, not 5."),
        (ORDERS + "time_format = 5\n", "[tables.transactions] time_format must be a text in quotation marks, not 5."),
        (ORDERS + 'decimal = ";"\n', '[tables.transactions] decimal must be "." or ",", not \';\'.'),
        (
            ORDERS + 'duplicates = "drop"\n',
            '[tables.transactions] duplicates must be "remove" or "keep", not \'drop\'.',
        ),
        (
            ORDERS + 'encoding = "klingon"\n',
            '[tables.transactions] encoding = \'klingon\' is not known; use a name such as "gbk" or "utf-8".',
        ),
        (
            ORDERS + 'one_per = "customer"\n',
            "[tables.transactions] one_per = 'customer' is no column of the contract; known are customer_id, time, "
            "amount, order_id, quantity, category, margin, discount.",
        ),
        (
            ORDERS + "pad = { amount = 5 }\n",
            "[tables.transactions] pad must give ids of the contract (customer_id, order_id) a width, such as "
            "{ customer_id = 5 }.",
        ),
        (
            "[survey]\nmissing = 98\n" + ORDERS,
            "[survey] missing must be a list of numbers such as [98, 99].",
        ),
        (
            "[survey]\nscale = 5\n" + ORDERS,
            "[survey] scale must be two numbers, the lowest and the highest code, such as [1, 10].",
        ),
        (
            "[survey.codes]\nQ1 = [1]\n" + ORDERS,
            "[survey.codes] Q1 must be two numbers, the lowest and the highest code, such as [1, 10].",
        ),
        (
            '[survey.constructs]\nsatisfaction = "Q1"\n' + ORDERS,
            '[survey.constructs] satisfaction must be a list of names such as ["Q1", "Q2"].',
        ),
        (
            '[survey]\nmodel = "acsi"\n[survey.paths]\nquality = ["value"]\n' + ORDERS,
            'study.toml: [survey] has model = "acsi" and [survey.paths]; keep one, the preset or your paths.',
        ),
        (
            '[survey.constructs]\nquality = ["Q1"]\nvalue = []\n[survey.paths]\nquality = ["value"]\n' + ORDERS,
            "[survey.paths] names 'value', for which [survey.constructs] lists no items (listed: quality); correct the "
            "name or list its items there.",
        ),
        (
            '[survey.paths]\nquality = ["value"]\n' + ORDERS,
            "[survey.paths] names 'quality', for which [survey.constructs] lists no items (listed: no construct); "
            "correct the name or list its items there.",
        ),
        (
            '[survey.constructs]\na = ["Q1"]\nb = ["Q2"]\nc = ["Q3"]\n'
            '[survey.paths]\na = ["b"]\nb = ["c"]\nc = ["a"]\n' + ORDERS,
            "[survey.paths] go in a circle (a -> b -> c -> a); take one of these paths out.",
        ),
        (
            '[survey.constructs]\na = ["Q1"]\n[survey.paths]\na = ["a"]\n' + ORDERS,
            "[survey.paths] go in a circle (a -> a); take one of these paths out.",
        ),
        (
            '[survey]\ntarget = "joy"\n[survey.constructs]\na = ["Q1"]\nb = ["Q2"]\n' + ORDERS,
            '[survey] target = "joy" is no construct with items in [survey.constructs] (listed: a, b); name one of '
            "those.",
        ),
        (
            "[survey]\ntarget = 1\n" + ORDERS,
            "[survey] target must be a text in quotation marks, not 1.",
        ),
        (
            "[survey]\npaths = 1\n" + ORDERS,
            "study.toml: survey.paths must be a section ([survey.paths]), not a value.",
        ),
        (
            "[survey.paths]\nquality = [1]\n" + ORDERS,
            '[survey.paths] quality must be a list of names such as ["Q1", "Q2"].',
        ),
    ],
)
def test_what_is_not_understood_is_said(read_toml, text, message):
    with pytest.raises(UsageError) as error:
        read_toml(text)
    assert str(error.value) == message


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:secret@host/shop",
        "postgresql://me:se/cret@host/shop",
        "postgresql://host/shop?user=me&password=secret",
        "postgresql://host/shop?PWD = secret",
    ],
)
def test_a_password_is_refused_and_never_shown(read_toml, url):
    with pytest.raises(UsageError) as error:
        read_toml(f'[engine]\nurl = "{url}"\n' + ORDERS)
    assert str(error.value) == ('[engine] url holds a password; keep it in an environment variable: url = "env:NAME".')


def test_an_engine_that_is_not_known(read_toml):
    with pytest.raises(UsageError) as error:
        read_toml('[engine]\nurl = "mysql://host/hidden"\n' + ORDERS)
    assert str(error.value) == (
        '[engine] url = "mysql..." is not supported; use "duckdb://" for files, or for PostgreSQL the name of an '
        'environment variable that holds its address: "env:CRM_DATABASE_URL".'
    )


@pytest.mark.parametrize(
    ("source", "form"),
    [
        ("orders.csv", "csv"),
        ("Orders.XLSX", "excel"),
        ("shop.db", "sqlite"),
        ("shop.duckdb", "duckdb"),
        ("log/*.parquet", "parquet"),
        ("raw/orders", "csv"),
        ("orders", "engine"),
        ("sales.orders", "engine"),
    ],
)
def test_a_source_that_is_no_file_is_a_table_of_the_server(read_toml, source, form):
    toml = f'[engine]\nurl = "env:CRM_DATABASE_URL"\n[tables.transactions]\nsource = "{source}"\n'
    assert read_toml(toml).tables["transactions"].format == form
    # Without a server it is a file or folder whatever it is called.
    assert read_toml(toml.replace("env:CRM_DATABASE_URL", "duckdb://")).tables["transactions"].format != "engine"


def test_settings_of_reading(read_toml):
    toml = ORDERS + 'encoding = "gbk"\ndecimal = ","\nsheet = "June"\ntable = "orders"\nduplicates = "keep"\n'
    table = read_toml(toml + 'one_per = "customer_id"\npad = { customer_id = 5 }\n').tables["transactions"]
    assert (table.encoding, table.decimal, table.sheet, table.relation) == ("gbk", ",", "June", "orders")
    assert (table.duplicates, table.one_per, table.pad) == ("keep", "customer_id", {"customer_id": 5})


def test_a_name_is_made_from_the_folder_or_given(read_toml):
    assert read_toml(ORDERS, folder="my shop").name == "my-shop"
    with pytest.raises(UsageError) as error:
        read_toml('[study]\nname = "my shop"\n' + ORDERS, folder="shop")
    assert str(error.value) == (
        "[study] name = 'my shop' names a report folder: use letters, digits, '.', '_' and '-'."
    )
    assert read_toml('[study]\nname = "shop"\n' + ORDERS, folder="my shop").name == "shop"


def test_the_simulated_study_is_understood(tmp_path):
    from crm_analysis.study import simulate

    folder = simulate.company(customers=50).write(tmp_path / "demo")
    config = read(Path(folder) / "study.toml")
    assert config.name == "demo"
    assert len(config.tables) >= 5
    assert config.survey.items["complained"] == (0, 1)
