"""Duplicates, one row per customer, lost zeros, and what the account of cleaning says about them."""

import json

import pandas as pd
import pytest

from crm_analysis.errors import ContractError, DataError
from crm_analysis.study import Study

ORDERS = "order_id,customer_id,time,amount\n"
LOG = "customer_id,time,amount\n"


def quarantine(folder, table="transactions"):
    return (folder / "quarantine" / f"{table}.csv").read_text("utf-8")


def adds_up(study):
    """Every row that was read is used, a copy, passed over or left out."""
    account = study.cleaning().before_after
    parts = account[["copies_removed", "rows_passed_over", "rows_left_out", "rows_used"]].sum(axis=1)
    assert (account["rows_in"] == parts).all()
    assert account["rows_used"].tolist() == [len(study.frame(name)) for name in account["table"]]
    return account.set_index("table")


# --- exact copies ----------------------------------------------------------------------------------------------------


def test_copies_of_order_lines_go_to_quarantine_and_break_no_rule(write_study):
    rows = "1,A,2025-01-01,5\n1,A,2025-01-01,5\n1,A,2025-01-01,6\n2,B,x,5\n1,A,2025-01-01,5\n2,B,x,5\n"
    folder = write_study({"transactions": ORDERS + rows})
    study = Study.open(folder)
    for opened in (study, Study.open(folder)):
        account = adds_up(opened).loc["transactions"]
        assert account[["rows_in", "copies_removed", "rows_left_out", "rows_used"]].tolist() == [6, 3, 1, 2]
    assert quarantine(folder) == (
        "row,action,rule,customer_id,time,amount,order_id\n"
        "2,row left out,exact copy of an earlier row,A,2025-01-01,5,1\n"
        "4,row left out,time must be a date or time,B,x,5,2\n"
        "5,row left out,exact copy of an earlier row,A,2025-01-01,5,1\n"
        "6,row left out,exact copy of an earlier row,B,x,5,2\n"
    )
    assert study.check().findings() == (
        "2 of 6 rows are used; those left out are in the study's folder, quarantine.",
        "Exact copies of earlier rows removed from transactions: 3.",
    )
    assert study.check().metrics() == {"rows": 6, "rows_left_out": 1, "copies_removed": 3, "rules_broken": 1}
    assert study.inputs()[0]["quarantined"] == 4


def test_equal_lines_without_an_order_are_kept_and_said(write_study):
    text = LOG + "A,2025-01-01,5\nA,2025-01-01,5\nA,2025-01-02,5\n"
    study = Study.open(write_study({"transactions": text}))
    account = adds_up(study).loc["transactions"]
    assert account[["copies_removed", "copies_kept", "rows_used"]].tolist() == [0, 1, 3]
    assert study.check().findings() == (
        "Every row keeps the contract (3 rows read).",
        "Transactions: 1 row equals an earlier one; without an order_id they may be purchases of their own and are "
        'kept (duplicates = "remove" removes them).',
    )


@pytest.mark.parametrize(("setting", "used"), [("remove", 2), ("keep", 3)])
@pytest.mark.parametrize("header", [ORDERS, "note,customer_id,time,amount\n"])
def test_the_setting_says_what_becomes_of_copies(write_study, setting, used, header):
    toml = f'[tables.transactions]\nsource = "transactions.csv"\nduplicates = "{setting}"\n'
    rows = "1,A,2025-01-01,5\n1,A,2025-01-01,5\n2,A,2025-01-01,5\n"
    study = Study.open(write_study({"transactions": header + rows}, toml))
    assert adds_up(study).loc["transactions", "rows_used"] == used
    if setting == "keep" and header == ORDERS:
        assert study.check().findings()[-1] == (
            "Transactions: 1 row equals an earlier one and is kept, as study.toml says."
        )


def test_a_copy_is_one_in_all_columns_of_the_file(write_study):
    rows = "1,A,2025-01-01,5,x\n1,A,2025-01-01,5,y\n1,A,2025-01-01,5,\n1,A,2025-01-01,5,\n"
    study = Study.open(write_study({"transactions": ORDERS.strip() + ",remark\n" + rows}))
    assert adds_up(study).loc["transactions", "copies_removed"] == 1


def test_a_file_of_copies_is_dirty_and_not_misread(write_study):
    rows = "1,A,2025-01-01,5\n" * 99 + "2,A,2025-01-01,5\n"
    assert adds_up(Study.open(write_study({"transactions": ORDERS + rows}))).loc["transactions", "rows_used"] == 2


def test_copies_in_parquet_are_removed_and_otherwise_it_is_read_in_place(write_study):
    folder = write_study({}, '[tables.transactions]\nsource = "orders.parquet"\n')
    day = pd.Timestamp("2025-01-01")
    rows = pd.DataFrame({"customer_id": ["A", "A"], "time": [day, day], "amount": [1.0, 1.0]})
    rows.to_parquet(folder / "orders.parquet")
    for _ in range(2):
        account = adds_up(Study.open(folder)).loc["transactions"]
        # Not compared: such a file may be very long.
        assert account["rows_used"] == 2
        assert pd.isna(account["copies_kept"])
    assert list((folder / ".cache").glob("*.parquet")) == []
    rows.assign(order_id=7).to_parquet(folder / "orders.parquet")
    for _ in range(2):
        assert adds_up(Study.open(folder)).loc["transactions", "copies_removed"] == 1


def test_the_demos_copies_are_those_that_were_planted(demo):
    planted = json.loads((demo / "truth.json").read_text("utf-8"))["dirt"]["transactions"]
    account = adds_up(Study.open(demo)).loc["transactions"]
    assert account["copies_removed"] == planted["duplicate_lines"]
    wrong = ("without_customer", "text_in_quantity", "impossible_date", "far_future")
    assert account["rows_left_out"] == sum(planted[kind] for kind in wrong)


def test_cdnow_keeps_every_line(shared, write_study):
    source = shared("data/cdnow/CDNOW_master.txt").resolve()
    toml = f'[tables.transactions]\nsource = "{source}"\nformat = "blanks"\n'
    toml += 'columns = { time = "date", amount = "dollar_value", quantity = "number_of_cds" }\n'
    account = adds_up(Study.open(write_study({}, toml))).loc["transactions"]
    assert account[["rows_in", "rows_used", "values_rewritten"]].tolist() == [69_659, 69_659, 69_659]


# --- one row per customer --------------------------------------------------------------------------------------------

EXPORT = "order,customer,land,total\n1,17.0,UK,5\n1,17.0,UK,5\n2,18.0,,7\n3,,FR,7\n4,17.0,FR,9\n5,18.0,DE,1\n"


def test_customers_drawn_out_of_an_order_export(write_study):
    toml = (
        '[tables.customers]\nsource = "orders.csv"\none_per = "customer_id"\n'
        'columns = { customer_id = "customer", region = "land" }\n'
    )
    folder = write_study({"orders": EXPORT}, toml)
    for _ in range(2):
        study = Study.open(folder)
        assert adds_up(study).loc["customers"][["rows_in", "rows_passed_over", "rows_used"]].tolist() == [6, 4, 2]
        customers = study.frame("customers")
        assert customers["customer_id"].tolist() == ["17", "18"]
        assert customers["region"].iloc[0] == "UK"
        assert customers["region"].isna().tolist() == [False, True]
        assert study.cleaning().findings()[:2] == (
            "2 of 6 rows (33.3 %) are used: 4 passed over because one row per key is wanted.",
            "Customers: 2 of 6 rows, one per customer_id.",
        )
    assert not (folder / "quarantine").exists()
    assert study.check().findings() == (
        "2 of 6 rows are used.",
        "Rows passed over because one row per key is wanted: 4.",
    )


def test_one_row_per_spelling_of_an_id_and_per_computed_key(write_study):
    toml = '[tables.customers]\nsource = "orders.csv"\none_per = "customer_id"\n'
    folder = write_study({"orders": "customer_id,region\n7,x\n7.0,y\n8,z\n"}, toml)
    assert Study.open(folder).frame("customers")["customer_id"].tolist() == ["7", "8"]
    toml += "columns = { customer_id = { sql = \"CASE WHEN region = 'x' THEN 'a' ELSE 'b' END\" } }\n"
    folder = write_study({"orders": "region\nx\ny\nx\nz\n"}, toml)
    study = Study.open(folder)
    assert study.frame("customers")["customer_id"].tolist() == ["a", "b"]
    assert adds_up(study).loc["customers", "rows_passed_over"] == 2


def test_one_row_per_a_column_that_is_not_there(write_study):
    toml = '[tables.customers]\nsource = "orders.csv"\none_per = "person_id"\n'
    with pytest.raises(ContractError) as error:
        Study.open(write_study({"orders": "customer_id,region\n7,x\n"}, toml))
    assert str(error.value) == (
        "customers: one_per = 'person_id' needs a column that is not in orders.csv (columns there: customer_id, "
        "region); map it under [tables.customers], columns."
    )


def test_a_customers_file_of_orders_names_the_setting(write_study):
    rows = "".join(f"A,{place}\n" for place in range(30))
    with pytest.raises(ContractError) as error:
        Study.open(write_study({"customers": f"customer_id,region\n{rows}"}))
    assert str(error.value).endswith(
        "customers: customer_id must stand once; 29 rows break this (left out), first row 2 = 'A'; to read only the "
        'first row of each, set one_per = "customer_id".'
    )


# --- lost zeros ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "written", "loser"),
    [(["00007", "00018"], ["7", "18", "18"], "transactions"), (["7", "18"], ["00007", "00018"], "customers")],
)
def test_ids_that_lost_their_zeros_are_told_and_not_changed(write_study, known, written, loser):
    customers = "customer_id\n" + "\n".join(known) + "\n"
    orders = LOG + "".join(f"{name},2025-01-0{place + 1},5\n" for place, name in enumerate(written))
    study = Study.open(write_study({"customers": customers, "transactions": orders}))
    assert study.frame("transactions")["customer_id"].tolist() == written
    assert study.cleaning().findings()[-1] == (
        "2 customer ids of transactions are among the customers only after leading zeros are put back; "
        f"[tables.{loser}] pad = {{ customer_id = 5 }} does it."
    )
    toml = (study.folder / "study.toml").read_text()
    section = f"[tables.{loser}]\n"
    (study.folder / "study.toml").write_text(toml.replace(section, f"{section}pad = {{ customer_id = 5 }}\n"))
    cured = Study.open(study.folder)
    assert set(cured.frame("transactions")["customer_id"]) == {"00007", "00018"}
    assert not any("zeros are put back" in sentence for sentence in cured.cleaning().findings())


# --- completeness, freshness, the Result ------------------------------------------------------------------------------


@pytest.fixture
def shop(write_study):
    customers = "customer_id,joined,birth_year,phone\nA,2024-01-01,1980,1\nB,2024-02-01,80,\nC,2024-03-01,n/a,3\n"
    orders = (
        ORDERS.strip()
        + ',category\n1,A,2025-01-01,"1,000.5",x\n2,B,2025-03-01,2,\n2,B,2025-03-01,2,\n3,,2025-03-02,2,\n'
    )
    survey = "respondent_id,Q1,Q2\nr1,98,\nr2,5,\n"
    toml = "".join(f'[tables.{name}]\nsource = "{name}.csv"\n' for name in ("customers", "transactions", "survey"))
    toml += '[survey]\nmissing = [98]\n[survey.constructs]\nsatisfaction = ["Q1", "Q2"]\n'
    return Study.open(write_study({"customers": customers, "transactions": orders, "survey": survey}, toml))


def test_completeness_by_table_and_column(shop):
    adds_up(shop)
    found = shop.cleaning().completeness.set_index(["table", "column"])
    assert list(found.columns) == ["given_before", "given_after", "given_share"]
    assert found.loc[("customers", "birth_year")].tolist() == [3, 1, pytest.approx(1 / 3)]
    assert found.loc[("customers", "phone")].tolist() == [2, 2, pytest.approx(2 / 3)]
    assert found.loc[("transactions", "customer_id")].tolist() == [3, 2, 1]
    assert found.loc[("survey", "Q1")].tolist() == [2, 1, 0.5]
    assert found.loc[("survey", "Q2")].tolist() == [0, 0, 0]


def test_freshness_by_table_and_column(shop):
    result = shop.cleaning()
    assert result.freshness.to_dict("list") == {
        "table": ["customers", "transactions"],
        "first_day": [pd.Timestamp("2024-01-01"), pd.Timestamp("2025-01-01")],
        "last_day": [pd.Timestamp("2024-03-01"), pd.Timestamp("2025-03-01")],
        "behind_days": [365, 0],
        "longest_pause_days": [31, 59],
    }
    filled = result.filled.set_index(["table", "column"])["silent_days"]
    assert filled[("transactions", "category")] == 59
    assert filled[("transactions", "amount")] == 0


YEARS = "must lie between 1900 and 2100: value set aside"


def test_what_was_done_by_act(shop):
    acts = shop.cleaning().acts
    assert acts[["table", "act", "column", "done", "rows", "before", "after"]].to_numpy().tolist() == [
        ["transactions", "remove duplicates", "", "exact copies of an earlier row left out", 1, "", ""],
        ["customers", "correct wrong values", "birth_year", YEARS, 1, "80", ""],
        ["customers", "correct wrong values", "birth_year", 'words such as "n/a" read as not given', 1, "", ""],
        ["transactions", "correct wrong values", "customer_id", "must be given: row left out", 1, "", ""],
        ["survey", "correct wrong values", "Q1", "codes for no answer read as not given", 1, "", ""],
        ["transactions", "standardise formats", "amount", "numbers brought into one form", 1, "1,000.5", "1000.5"],
    ]  # fmt: skip
    assert shop.cleaning().findings() == (
        "7 of 9 rows (77.8 %) are used: 1 exact copy removed, 1 left out because they break a rule.",
        "To remove duplicates: 1 change in 1 table; the commonest is exact copies of an earlier row left out "
        "(transactions: 1).",
        "To correct wrong values: 4 changes in 3 tables; the commonest is must lie between 1900 and 2100: value set "
        "aside (customers, birth_year: 1).",
        "To standardise formats: 1 change in 1 table; the commonest is numbers brought into one form (transactions, "
        "amount: 1, such as 1,000.5 to 1000.5).",
        "7 of 12 columns are complete; the least filled is Q2 of survey (0.0 %).",
        "The oldest news is in customers: it ends on 2024-03-01, 365 days before the study's last day.",
        "The column birth_year of customers is empty since 2024-01-01, the last 60 days of the table.",
        "The column category of transactions is empty since 2025-01-01, the last 59 days of the table.",
    )


def test_no_example_is_an_id_or_a_name(write_study):
    customers = "customer_id,referrer_id,name\nSECRET,SECRET,Ann\n SECRET2 ,X,Bob\nSECRET,Y,Cid\n"
    result = Study.open(write_study({"customers": customers})).cleaning()
    assert {"remove duplicates", "correct wrong values", "standardise formats"} == set(result.acts["act"])
    assert "SECRET" not in result._repr_html_() + repr(result) + result.acts.to_csv()


def test_CleaningResult_keeps_the_contract(shop, write_study, keeps_result_contract):
    pictures = ("plot", "plot_freshness")
    keeps_result_contract(shop.cleaning(), pictures=pictures)
    long = "customer_id," + ",".join(f"a_very_long_name_of_a_column_that_nobody_would_give_{i}" for i in range(40))
    many = Study.open(write_study({"customers": f"{long}\nA{',' * 40}\n"}, folder="long"))
    keeps_result_contract(many.cleaning(), pictures=pictures)
    kano = "respondent_id,feature,functional,dysfunctional\nr1,fast,1,5\n"
    alone = Study.open(write_study({"kano": kano}, folder="kano"))
    keeps_result_contract(alone.cleaning(), pictures=pictures)
    assert alone.cleaning().findings() == (
        "1 of 1 row (100.0 %) is used.",
        "To remove duplicates: nothing was to be done.",
        "To correct wrong values: nothing was to be done.",
        "To standardise formats: nothing was to be done.",
        "4 of 4 columns are complete.",
        "No table has dates, so nothing can be said about freshness.",
    )
    with pytest.raises(DataError):
        _ = alone.last_date
