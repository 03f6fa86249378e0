"""A study: found from where one stands, honest about what it does not have."""

import datetime as dt
import hashlib
import sys

import pandas as pd
import pytest

from crm_analysis.errors import DataError, UsageError
from crm_analysis.study import Study
from crm_analysis.study.tables import CONTRACTS

ORDERS = "customer_id,time,amount\nA,2025-01-01,5\nB,2025-03-01 10:00,7\n"


@pytest.fixture
def shop(write_study):
    return write_study({"transactions": ORDERS})


def refusal(kind, act):
    with pytest.raises(kind) as error:
        act()
    return str(error.value)


# --- where it is -----------------------------------------------------------------------------------------------------


def test_a_relative_path_is_sought_in_the_parents(write_study, tmp_path, monkeypatch):
    write_study({"transactions": ORDERS}, folder="project/data/shop")
    for place in ("project", "project/notebooks", "project/notebooks/deep/er"):
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
        monkeypatch.chdir(tmp_path / place)
        study = Study.open("data/shop")
        assert study.folder == (tmp_path / "project" / "data" / "shop").resolve()
        assert study.folder.is_absolute()


def test_the_nearest_folder_that_is_a_study_is_taken(write_study, tmp_path, monkeypatch):
    write_study({"transactions": ORDERS}, folder="data/shop")
    near = tmp_path / "notebooks" / "data" / "shop"
    near.mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "notebooks")
    # The near one holds no study.toml, so the search goes on.
    assert Study.open("data/shop").folder == tmp_path / "data" / "shop"
    write_study({"transactions": ORDERS}, folder="notebooks/data/shop")
    assert Study.open("data/shop").folder == near


def test_an_absolute_path_and_a_home(shop, monkeypatch):
    monkeypatch.setenv("HOME", str(shop.parent))
    assert Study.open(shop).folder == Study.open("~/shop").folder == shop.resolve()


def test_no_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert refusal(UsageError, lambda: Study.open("data/none")) == (
        "there is no folder data/none; make a study with: crm-analysis init data/none FILES."
    )


def test_a_folder_without_a_study(tmp_path):
    assert refusal(UsageError, lambda: Study.open(tmp_path)) == (
        f"{tmp_path} holds no study.toml; make one with: crm-analysis init {tmp_path} FILES."
    )


# --- what it holds ---------------------------------------------------------------------------------------------------


def test_its_name_and_its_tables(shop):
    study = Study.open(shop)
    assert (study.name, study.title, study.currency, study.tables) == ("shop", "shop", "", ("transactions",))
    assert repr(study) == "Study('shop': transactions)"
    assert study.table("transactions").count().to_pandas() == 2


def test_a_table_that_is_not_there(shop):
    assert refusal(DataError, lambda: Study.open(shop).table("survey")) == (
        "the study shop has no table 'survey' (it has transactions); add [tables.survey]."
    )


@pytest.mark.parametrize("method", ["table", "frame"])
def test_a_table_that_no_contract_knows(shop, method):
    assert refusal(UsageError, lambda: getattr(Study.open(shop), method)("orders")) == (
        "'orders' is no table of the contract; known are customers, transactions, contacts, contracts, campaigns, "
        "survey, kano."
    )


def test_the_frame_of_a_missing_table_is_empty_with_the_contracts_columns(shop):
    study = Study.open(shop)
    for name, contract in CONTRACTS.items():
        if name == "transactions":
            continue
        frame = study.frame(name)
        assert len(frame) == 0
        assert tuple(frame.columns) == contract.names
        for column in contract.columns:
            assert right_type(frame[column.name].dtype, column.kind), (name, column.name, frame[column.name].dtype)


def right_type(dtype, kind):
    tests = pd.api.types
    expected = {
        "id": lambda found: tests.is_string_dtype(found) or tests.is_object_dtype(found),
        "time": tests.is_datetime64_any_dtype,
        "money": tests.is_object_dtype,
        "number": tests.is_float_dtype,
        "integer": tests.is_integer_dtype,
        "flag": tests.is_bool_dtype,
    }
    return expected.get(kind, expected["id"])(dtype)


def test_an_empty_frame_joins_with_a_full_one(write_study):
    with_survey = Study.open(write_study({"survey": "respondent_id,customer_id\nr1,A\n"}, folder="with"))
    without = Study.open(write_study({"transactions": ORDERS}, folder="without"))
    joined = pd.concat([with_survey.frame("survey"), without.frame("survey")[["respondent_id", "customer_id"]]])
    assert joined["customer_id"].tolist() == ["A"]


def test_any_table_alone_is_a_study(write_study):
    survey = Study.open(write_study({"survey": "respondent_id,wave\nr1,1\n"}, folder="survey"))
    assert refusal(DataError, survey.customer360) == (
        "the study survey has no customers, transactions or contracts to make a view of."
    )
    assert refusal(DataError, lambda: survey.last_date) == (
        "the study survey has no dates; the customer view needs a table with a time."
    )
    customers = Study.open(write_study({"customers": "customer_id,joined,Churn\nA,2024-05-01,Yes\n"}, folder="telco"))
    assert customers.customer360().to_dict("records") == [
        {"customer_id": "A", "joined": pd.Timestamp("2024-05-01"), "Churn": "Yes"}
    ]
    contracts = Study.open(write_study({"contracts": "customer_id,start\nA,2024-05-01\n"}, folder="contracts"))
    assert contracts.customer360()["open_contract"].tolist() == [True]


# --- days ------------------------------------------------------------------------------------------------------------


def test_days(shop):
    study = Study.open(shop)
    assert study.last_date == study.day() == study.day("") == dt.date(2025, 3, 1)
    assert study.day("2025-02-03") == study.day(dt.date(2025, 2, 3)) == study.day(dt.datetime(2025, 2, 3, 9))
    assert study.day(pd.Timestamp("2025-02-03 10:00")) == dt.date(2025, 2, 3)


def test_an_earlier_day_keeps_half_of_the_log(shop):
    study = Study.open(shop)
    # From 2025-01-01 to 2025-03-01 are 59 days.
    assert study.earlier_day(days=10) == dt.date(2025, 2, 19)
    assert study.earlier_day() == dt.date(2025, 1, 30)
    assert study.earlier_day("2025-02-01", days=400) == dt.date(2025, 1, 16)


def test_without_orders_the_last_day_is_that_of_the_other_tables(write_study):
    tables = {
        "customers": "customer_id,joined\nA,2024-05-01\n",
        "contacts": "customer_id,time,kind\nA,2024-07-09 10:00,service\n",
        "contracts": "customer_id,start\nA,2024-06-01\n",
    }
    assert Study.open(write_study(tables)).last_date == dt.date(2024, 7, 9)


# --- provenance ------------------------------------------------------------------------------------------------------


def test_inputs_name_every_file_with_its_hash(shop):
    assert Study.open(shop).inputs() == [
        {
            "table": "transactions",
            "file": "transactions.csv",
            "sha256": hashlib.sha256(ORDERS.encode()).hexdigest(),
            "bytes": len(ORDERS),
            "rows": 2,
            "quarantined": 0,
        }
    ]


def test_the_engine_downloads_nothing(shop):
    connection = Study.open(shop).table("transactions").get_backend().con
    setting = connection.sql("SELECT current_setting('autoinstall_known_extensions')").fetchone()
    assert setting == (False,)


def test_a_memory_limit_of_ones_own(write_study):
    toml = '[engine]\nmemory_limit = "500MiB"\n[tables.transactions]\nsource = "transactions.csv"\n'
    study = Study.open(write_study({"transactions": ORDERS}, toml))
    limit = study.table("transactions").get_backend().con.sql("SELECT current_setting('memory_limit')").fetchone()
    assert limit == ("500.0 MiB",)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows is reached through WSL")
def test_the_default_memory_limit_is_a_size():
    from crm_analysis.study.server.engine import memory_limit

    limit = memory_limit()
    assert limit.endswith("MB")
    assert int(limit[:-2]) >= 1000


# --- per person ------------------------------------------------------------------------------------------------------


def test_a_study_per_person_counts_persons_in_everything(write_study):
    from crm_analysis.study import reach
    from crm_analysis.study.reports import sales

    customers = (
        "customer_id,joined,phone\nA,2025-01-01,13800000001\nB,2025-02-01,13800000002\nC,2025-02-01,138 0000 0001\n"
    )
    orders = "customer_id,time,amount\nA,2025-01-01,5\nC,2025-03-01,7\nB,2025-03-01,9\n"
    study = Study.open(write_study({"customers": customers, "transactions": orders}))
    persons = study.per("person")
    assert study.per("record") is study
    assert (persons.name, persons.tables) == (study.name, study.tables)
    assert persons.customer360()["customer_id"].tolist() == ["A", "B"]
    assert persons.customer360()["monetary"].tolist() == [12, 9]
    assert reach.summarise(persons).customers == 2
    assert sales.summarise(persons, period="year").to_frame()["customers"].tolist() == [2]
    assert refusal(UsageError, lambda: study.per("household")) == "per must be 'record' or 'person', not 'household'."


def test_a_study_offers_a_model_only_if_its_survey_names_one(write_study, shop):
    answers = {"survey": "respondent_id,q\n1,5\n2,7\n"}
    toml = '[tables.survey]\nsource = "survey.csv"\n[survey.constructs]\nitems = ["q"]\n'
    assert Study.open(shop).offers == ("transactions",)
    assert Study.open(write_study(answers, toml, folder="plain")).offers == ("survey",)
    named = Study.open(
        write_study(answers, '[survey]\nmodel = "acsi"\n' + toml.replace("[survey.c", "[survey.c"), folder="acsi")
    )
    assert named.offers == ("survey", "model")


def test_a_study_offers_a_label_only_if_study_toml_names_it(write_study):
    table = {"customers": "customer_id,gone\nA,yes\nB,no\n"}
    toml = '[tables.customers]\nsource = "customers.csv"\n'
    assert Study.open(write_study(table, toml)).offers == ("customers",)
    assert Study.open(write_study(table, toml + '[churn]\nlabel = "gone"\n')).offers == ("customers", "label")
