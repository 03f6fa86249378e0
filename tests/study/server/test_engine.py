"""The engine: DuckDB with a study's settings, and addresses of databases that are wrong without saying a secret."""

import subprocess
import sys

import pytest

from crm_analysis.errors import UsageError
from crm_analysis.study import Study

ENGINE = '[engine]\nurl = "{}"\n[tables.transactions]\nsource = "orders"\n'
FROM_ENVIRONMENT = ENGINE.format("env:CRM_DATABASE_URL")
PLACE = "the database that the environment variable CRM_DATABASE_URL names cannot be opened: "


@pytest.fixture
def refusal(write_study, monkeypatch):
    """Open a study whose address is in the environment, and return what is said."""

    def say(address, toml=FROM_ENVIRONMENT):
        monkeypatch.delenv("CRM_DATABASE_URL", raising=False)
        if address is not None:
            monkeypatch.setenv("CRM_DATABASE_URL", address)
        with pytest.raises(UsageError) as error:
            Study.open(write_study({}, toml))
        # Neither the message nor what a traceback would show beside it.
        assert error.value.__cause__ is None
        assert error.value.__suppress_context__ or error.value.__context__ is None
        return str(error.value)

    return say


@pytest.mark.parametrize("address", [None, "", "  "])
def test_a_variable_that_is_not_set(refusal, address):
    assert refusal(address) == (
        "the environment variable CRM_DATABASE_URL, which [engine] url names, is not set; set it to the database's "
        "address, such as postgresql://user:password@host:5432/database."
    )


def test_a_variable_without_a_name(refusal):
    assert refusal(None, ENGINE.format("env:")) == (
        '[engine] url = "env:" lacks the name of an environment variable, as in "env:CRM_DATABASE_URL".'
    )


@pytest.mark.parametrize("address", ["s3cret", "mysql://me:s3cret@host/shop", "duckdb://", "host=h password=s3cret"])
def test_what_is_no_address_of_postgresql(refusal, address):
    assert refusal(address) == (
        "the environment variable CRM_DATABASE_URL holds no address of a PostgreSQL database; write it as "
        "postgresql://user:password@host:5432/database."
    )


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://me:s3 cret@host/shop",
        "postgresql://me:s3%zzcret@host/shop",
        "postgresql://me@host/shop?passwort=s3cret",
        "postgresql://[::1/shop",
    ],
)
def test_an_address_that_is_not_well_formed(refusal, address):
    assert refusal(address) == (
        f"{PLACE}that is no address; write it as postgresql://user:password@host:5432/database, special characters of "
        "the password as %40, %2F and so on."
    )


@pytest.mark.parametrize("address", ["postgresql://me:pw@s3cret/w#rd@127.0.0.1/x", "postgresql://me@127.0.0.1:99999/x"])
def test_a_host_or_port_that_is_none(refusal, address):
    assert refusal(address) == (
        f"{PLACE}there is no such host or port; correct them, and write special characters of a password as %40, %2F "
        "and so on."
    )


def test_nobody_answers(refusal):
    # Nothing listens on port 1 of the loopback.
    assert refusal("postgresql://me:s3cret@127.0.0.1:1/shop") == (
        f"{PLACE}no server answers there; start it, or correct host and port."
    )
    plain = ENGINE.format("postgresql://me@127.0.0.1:1/shop")
    assert refusal(None, plain) == (
        "the database that [engine] url names cannot be opened: no server answers there; start it, or correct host and "
        "port."
    )


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        (
            'FATAL: password authentication failed for user "s3cret"',
            "the server refuses the user or the password; correct them",
        ),
        ('FATAL: role "s3cret" does not exist', "the server refuses the user or the password; correct them"),
        ("fe_sendauth: no password supplied", "the server refuses the user or the password; correct them"),
        (
            'FATAL: database "s3cret" does not exist',
            "the server has no such database, or not for this user; correct its name",
        ),
        (
            "server does not support SSL, but SSL was required",
            "server and address do not agree on encryption; correct sslmode in the address",
        ),
        ("connection timeout expired", "no server answers there; start it, or correct host and port"),
        ("FATAL: s3cret ist gesperrt", "check host, port, user, password and database in the address"),
    ],
)
def test_what_a_server_says_is_understood_and_not_repeated(refusal, monkeypatch, said, meaning):
    import psycopg

    def refuse(*_arguments, **_options):
        raise psycopg.OperationalError(said)

    monkeypatch.setattr(psycopg, "connect", refuse)
    assert refusal("postgresql://me:s3cret@host/shop") == f"{PLACE}{meaning}."


def test_without_the_driver(refusal, monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert refusal("postgresql://me:s3cret@host/shop") == (
        'PostgreSQL needs its driver, which is not installed; run: pip install "crm-analysis[postgres]".'
    )


def test_a_table_of_a_database_that_is_not_named(refusal):
    assert refusal(None, '[tables.transactions]\nsource = "orders"\nformat = "engine"\n') == (
        '[tables.transactions] format = "engine" needs a database; name it: [engine] url = "env:CRM_DATABASE_URL".'
    )


def test_a_study_of_files_does_not_connect(write_study, monkeypatch):
    monkeypatch.delenv("CRM_DATABASE_URL", raising=False)
    toml = '[engine]\nurl = "env:CRM_DATABASE_URL"\n[tables.transactions]\nsource = "transactions.csv"\n'
    study = Study.open(write_study({"transactions": "customer_id,time,amount\nA,2025-01-01,5\n"}, toml))
    assert study.table("transactions").get_backend().name == "duckdb"


def test_duckdb_alone_does_not_load_the_driver(write_study):
    folder = write_study({"transactions": "customer_id,time,amount\nA,2025-01-01,5\n"})
    look = "import sys; from crm_analysis.study import Study; Study.open(sys.argv[1]); print('psycopg' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", look, folder], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (
            '[study]\ntimezone = "Mars/Base"\n',
            "[study] timezone = 'Mars/Base' is not known; use a name such as 'Asia/Shanghai'.",
        ),
        (
            '[engine]\nmemory_limit = "much"\n',
            "[engine] memory_limit = 'much' is not understood; give a size such as '2GB'.",
        ),
    ],
)
def test_settings_that_the_engine_does_not_know(refusal, setting, message):
    assert refusal(None, setting + '[tables.transactions]\nsource = "orders.csv"\n') == message
