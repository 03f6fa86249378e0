"""From files to a study: study.toml is written once, says what it is unsure of, and opens."""

import csv
import sqlite3
import tomllib

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_analysis.errors import ContractError, CrmError, UsageError
from crm_analysis.study import Study, initialise
from crm_analysis.study.proposal.presets import PRESETS

DAYS = [f"2025-{1 + place % 9:02d}-{10 + place % 18}" for place in range(40)]


@pytest.fixture
def orders(tmp_path):
    file = tmp_path / "raw files" / "transactions.csv"
    file.parent.mkdir()
    file.write_text("customer_id,time,amount\nA,2025-01-01,5\n")
    return file


def refusal(*arguments, kind=UsageError, **settings):
    with pytest.raises(kind) as error:
        initialise(*arguments, **settings)
    return str(error.value)


def write(path, **columns):
    pd.DataFrame(columns).to_csv(path, index=False)
    return path


def order_log(**more):
    return {
        "订单号": [f"D{place // 2}" for place in range(40)],
        "客户编号": [f"{1 + place % 20:05d}" for place in range(40)],
        "下单时间": DAYS,
        "金额": [f"{10 + place}.50" for place in range(40)],
        **more,
    }


def people(**more):
    return {
        "Customer No": [f"{1 + place:05d}" for place in range(20)],
        "Sex": ["f", "m"] * 10,
        "City": ["Bonn", "Kiel"] * 10,
        **more,
    }


# --- what is written -------------------------------------------------------------------------------------------------


def test_files_named_like_the_contract_make_a_study(orders, tmp_path):
    customers = orders.with_name("Customers.CSV")
    customers.write_text("customer_id,region,shoe\nA,north,42\n")
    written = initialise(tmp_path / "studies" / "shop", [orders, str(customers)])
    assert written.file == tmp_path / "studies" / "shop" / "study.toml"
    assert (written.notes, written.complete) == ((), True)
    assert written.file.read_text("utf-8") == (
        "# A proposal, made from the names and the contents of the columns: read it, correct it, then check the "
        "study.\n"
        '# What is marked "unsure" is a guess, what begins with # is left to fill in. All settings: data/README.md.\n'
        "\n"
        "[study]\n"
        'name = "shop"                     # one report folder per name\n'
        'title = "shop"                    # the report\'s heading\n'
        '# currency = "..."                # of all amounts, such as "EUR"\n'
        '# timezone = "..."                # of the local times, such as "Asia/Shanghai"\n'
        "\n"
        "[engine]\n"
        'url = "duckdb://"                 # files\n'
        '# For tables of a PostgreSQL database: url = "env:CRM_DATABASE_URL", the environment variable that holds its\n'
        '# address, and under each table its name there, such as source = "orders".\n'
        "\n"
        "[tables.customers]\n"
        'source = "../../raw files/Customers.CSV"  # seen from this file\n'
        "# columns with the right names: customer_id, region\n"
        "# [tables.customers.columns]\n"
        '# person_id = "..."               # the person, where several records are one\n'
        '# joined = "..."                  # the date of joining\n'
        '# birth_year = "..."              # four digits\n'
        '# gender = "..."\n'
        '# channel = "..."                 # how the customer came or spoke to the firm\n'
        '# referrer_id = "..."             # the customer who brought this one\n'
        '# acquisition_cost = "..."        # what winning the customer cost\n'
        '# cost_to_serve = "..."           # what serving the customer costs in a year\n'
        "# further columns, kept as they are: shoe\n"
        "\n"
        "[tables.transactions]\n"
        'source = "../../raw files/transactions.csv"  # seen from this file\n'
        "# columns with the right names: customer_id, time, amount\n"
        "# [tables.transactions.columns]\n"
        '# order_id = "..."                # rows with the same one are one order\n'
        '# quantity = "..."                # pieces\n'
        '# category = "..."                # the kind of product\n'
        '# margin = "..."                  # what the row earned\n'
        '# discount = "..."                # money taken off\n'
    )
    study = Study.open(written.folder)
    assert (study.name, study.tables) == ("shop", ("customers", "transactions"))


def test_own_files_are_recognised_and_doubts_are_said_and_written(tmp_path):
    log = write(tmp_path / "export.csv", **order_log(备注=["-"] * 40))
    crm = write(tmp_path / "people.csv", **people(State=["NRW", "SH"] * 10))
    written = initialise(tmp_path / "shop", [log, crm])
    assert written.notes == ('customers: region = "State" is unsure: it may be "City".',)
    text = written.file.read_text("utf-8")
    for line in (
        'customer_id = "客户编号"',
        'time = "下单时间"                 # when',
        'amount = "金额"                   # money by row; negative: a return',
        '# quantity = "..."                # pieces',
        "# columns that are not used: 备注",
        'region = "State"                  # unsure: it may be "City"',
        "# further columns, kept as they are: City",
    ):
        assert f"\n{line}\n" in text, line
    study = Study.open(written.folder)
    assert study.tables == ("customers", "transactions")
    assert len(study.customer360()) == 20


def test_a_required_column_that_is_not_found_is_left_to_fill_in(orders, tmp_path):
    orders.write_text("id,day,colour\nA,2025-01-01,red\n")
    written = initialise(tmp_path / 'my "new" shop', [orders])
    text = written.file.read_text("utf-8")
    assert 'name = "my-new-shop"' in text
    assert 'title = "my \\"new\\" shop"' in text
    assert written.notes == (
        'transactions: customer_id = "id" is unsure: the name may mean something else.',
        "transactions: no column of transactions.csv looks like the required amount; fill it in.",
    )
    assert not written.complete
    # As it stands the message names the cure; with the line filled in it is a study.
    with pytest.raises(ContractError, match=r"the required column 'amount' is not in transactions\.csv"):
        Study.open(written.folder)
    open_line = '# amount = "..."                  # required, and not found; money by row; negative: a return'
    orders.write_text("id,day,colour,x\nA,2025-01-01,red,5\n")
    written.file.write_text(text.replace(open_line, 'amount = "x"'), "utf-8")
    assert Study.open(written.folder).name == "my-new-shop"


def test_a_table_named_outright(tmp_path):
    log = write(tmp_path / "log.csv", **order_log())
    written = initialise(tmp_path / "shop", [f"customers={log}", log])
    assert written.notes == (
        "customers: customer_id stands in several rows of log.csv; the first row of each is read.",
    )
    study = Study.open(written.folder)
    assert study.tables == ("customers", "transactions")
    assert len(study.frame("customers")) == 20


def test_ids_that_lost_their_zeros_get_them_back(tmp_path):
    log = write(tmp_path / "orders.csv", **order_log())
    crm = write(tmp_path / "people.csv", **people(**{"Customer No": [str(1 + place) for place in range(20)]}))
    written = initialise(tmp_path / "shop", [log, crm])
    assert written.notes == ("customers: customer_id seems to have lost leading zeros; they are put back to 5 digits.",)
    assert "pad = { customer_id = 5 }" in written.file.read_text("utf-8")
    study = Study.open(written.folder)
    assert set(study.frame("customers")["customer_id"]) == set(study.frame("transactions")["customer_id"])
    # The other way round: the orders have lost them.
    bare = write(tmp_path / "bare.csv", **order_log(客户编号=[str(1 + place % 20) for place in range(40)]))
    whole = write(tmp_path / "whole.csv", **people())
    again = initialise(tmp_path / "again", [bare, whole])
    assert again.notes[0].startswith("transactions: customer_id seems to have lost leading zeros")
    study = Study.open(again.folder)
    assert set(study.frame("customers")["customer_id"]) == set(study.frame("transactions")["customer_id"])


def test_dates_that_do_not_tell_the_day_from_the_month(tmp_path):
    log = write(tmp_path / "orders.csv", **order_log(下单时间=[f"{1 + place % 9:02d}/05/2025" for place in range(40)]))
    written = initialise(tmp_path / "shop", [log])
    assert written.notes == (
        "transactions: no date tells the day from the month; %d/%m/%Y is taken, but it may be %m/%d/%Y.",
    )
    times = Study.open(written.folder).frame("transactions")["time"]
    assert set(times.dt.month) == {5}


def test_a_questionnaire(tmp_path):
    items = {f"问题{item}": [1 + (place * item) % 7 for place in range(40)] for item in (2, 3, 4)}
    items["问题3"][5] = 99
    file = write(tmp_path / "answers.csv", 答卷编号=[f"R{place}" for place in range(40)], **items)
    written = initialise(tmp_path / "survey", [file])
    assert written.notes == (
        "survey: 3 columns look like answers, 1 to 7; they stand under one construct: divide them by hand.",
        "survey: codes taken for no answer: 99 (1 answer).",
    )
    study = Study.open(written.folder)
    assert (study.config.survey.scale, study.config.survey.missing) == ((1, 7), (99,))
    assert study.config.survey.constructs == {"items": ("问题2", "问题3", "问题4")}
    assert study.frame("survey")["问题3"].isna().sum() == 1


def test_a_questionnaire_of_guests_with_a_nine_for_no_answer(tmp_path):
    items = {f"q{item}": [1 + (place * item) % 7 for place in range(40)] for item in (2, 3, 4)}
    items["q3"][5] = items["q3"][6] = 9
    file = write(tmp_path / "answers.csv", guest=[f"Guest {place}" for place in range(40)], **items)
    written = initialise(tmp_path / "survey", [file])
    assert written.notes == (
        'survey: respondent_id = "guest" is unsure: it names somebody, and every row another one.',
        "survey: 3 columns look like answers, 1 to 7; they stand under one construct: divide them by hand.",
        "survey: codes taken for no answer: 9 (2 answers).",
    )
    study = Study.open(written.folder)
    assert (study.config.survey.scale, study.config.survey.missing) == ((1, 7), (9,))
    assert study.frame("survey")["respondent_id"].nunique() == 40
    text = written.file.read_text("utf-8")
    assert "missing = [9]                     # unsure: codes off the scale (2 answers): no answer\n" in text
    assert '# [survey.paths]\n# quality = ["value", "satisfaction"]\n# satisfaction = ["loyalty"]\n' in text


def test_a_name_that_comes_again_is_no_respondent(tmp_path):
    items = {f"q{item}": [1 + (place * item) % 5 for place in range(40)] for item in (2, 3, 4)}
    file = write(tmp_path / "answers.csv", name=[f"Guest {place % 20}" for place in range(40)], **items)
    written = initialise(tmp_path / "survey", [file])
    assert not any("respondent_id" in note for note in written.notes)
    assert (
        '# missing = []                    # codes that mean "do not know"; none was seen' in written.file.read_text()
    )


def test_currency_from_the_signs_and_churn_from_the_name(tmp_path):
    log = write(tmp_path / "orders.csv", **order_log(金额=[f"£{place}.50" for place in range(40)]))
    crm = write(tmp_path / "people.csv", **people(Churned=["yes", "no"] * 10))
    content = tomllib.loads(initialise(tmp_path / "shop", [log, crm]).file.read_text("utf-8"))
    assert content["study"]["currency"] == "GBP"
    assert content["churn"] == {"label": "Churned"}


# --- workbooks, databases, several files -----------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["xlsx", "sqlite"])
def test_each_sheet_and_each_table_is_looked_at(form, tmp_path):
    frames = {
        "Bestand": pd.DataFrame(people()),
        "log 2025": pd.DataFrame(order_log()),
        "colours": pd.DataFrame({"code": ["r", "g"], "colour": ["red", "green"]}),
    }
    file = tmp_path / f"crm.{form}"
    if form == "xlsx":
        with pd.ExcelWriter(file, engine="openpyxl") as book:
            for name, frame in frames.items():
                frame.to_excel(book, sheet_name=name, index=False)
    else:
        base = sqlite3.connect(file)
        for name, frame in frames.items():
            frame.to_sql(name, base, index=False)
        base.commit()
        base.close()
    written = initialise(tmp_path / "shop", [file])
    assert written.notes == (
        f"colours of crm.{form} looks like no table of the contract and is not used; name its table, such as "
        f"transactions=crm.{form}, if it is one.",
    )
    study = Study.open(written.folder)
    settings = study.config.tables
    inside = {name: one.sheet or one.relation for name, one in settings.items()}
    assert inside == {"customers": "Bestand", "transactions": "log 2025"}
    assert len(study.frame("transactions")) == 40


def test_files_with_the_same_columns_are_read_as_one(tmp_path):
    files = [write(tmp_path / f"orders-{year}.csv", **order_log()) for year in (2024, 2025)]
    text = initialise(tmp_path / "shop", files).file.read_text("utf-8")
    assert 'source = "../orders-*.csv"' in text
    # A third file that the pattern would catch too was not given: then the first alone is taken.
    write(tmp_path / "orders-2023.csv", **order_log())
    written = initialise(tmp_path / "other", files)
    assert written.notes == (
        "orders-2025.csv looks like transactions too and is not used, since a table has one source; put its rows "
        "beside the others.",
    )
    assert "# Not used: orders-2025.csv (../orders-2025.csv), with the columns" in written.file.read_text("utf-8")


words = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), min_size=1, max_size=12)
needed = st.sampled_from(
    [("customer_id", "date", "total"), ("客户编号", "下单时间", "金额"), ("id", "type", "day"), ("Q1", "Q2", "Q3")]
)
cells = st.one_of(words, st.dates().map(str), st.integers(-9, 99).map(str), st.floats(0, 99).map(str), st.just(""))


@settings(max_examples=40)
@given(needed, st.lists(words, max_size=4), st.integers(1, 30), st.randoms(use_true_random=False), st.data())
def test_whatever_is_written_can_be_read_and_opened(tmp_path_factory, names, others, rows, chance, data):
    header = chance.sample([*names, *others], len(names) + len(others))
    pool = data.draw(st.lists(cells, min_size=1, max_size=8))
    folder = tmp_path_factory.mktemp("any")
    with (folder / "orders.csv").open("w", encoding="utf-8", newline="") as text:
        table = csv.writer(text)
        plain = {"date": "2025-03-17", "下单时间": "2025/3/7", "total": "9.5", "金额": "¥9", "type": "投诉"}
        row = [[plain.get(name) or chance.choice(pool) for name in header] for _ in range(rows)]
        table.writerows([header, *row])
    written, said = attempt(lambda: initialise(folder / "study", [folder / "orders.csv"]))
    if written is None:
        assert said.endswith(".")
        return
    assert all(note.endswith(".") for note in written.notes)
    study, said = attempt(lambda: Study.open(written.folder))
    # The rows may break the contract; the mapping may not.
    if study is None and written.complete:
        assert "break the contract" in said or "time_format" in said, said
    elif not written.complete:
        assert "the required column" in said


def attempt(act):
    """What an act gives, or nothing and what was said against it."""
    try:
        return act(), ""
    except CrmError as error:
        return None, str(error)


# --- refusals --------------------------------------------------------------------------------------------------------


def test_a_study_is_not_overwritten(orders, tmp_path):
    path = initialise(tmp_path / "shop", [orders]).file
    written = path.read_bytes()
    assert refusal(tmp_path / "shop", [orders]) == (f"{path} is there already; edit it, or choose another folder.")
    assert path.read_bytes() == written


def test_a_missing_file(tmp_path):
    missing = tmp_path / "orders.csv"
    for file in (missing, f"customers={missing}"):
        assert refusal(tmp_path / "shop", [file]) == f"there is no file {missing}; give the path of the raw file."
    assert not (tmp_path / "shop").exists()


def test_a_table_that_the_contract_does_not_know(orders, tmp_path):
    assert refusal(tmp_path / "shop", [f"clients={orders}"]) == (
        "'clients' is no table of the contract; known are customers, transactions, contacts, contracts, campaigns, "
        "survey, kano."
    )


def test_files_that_look_like_no_table(tmp_path):
    file = write(tmp_path / "colours.csv", code=["r", "g"], colour=["red", "green"])
    assert refusal(tmp_path / "shop", [file]) == (
        "no table of the contract (customers, transactions, contacts, contracts, campaigns, survey, kano) is "
        "recognised in colours.csv (columns: code, colour); say which it is, for example: crm-analysis init FOLDER "
        "transactions=colours.csv."
    )
    assert not (tmp_path / "shop").exists()


def test_a_file_without_a_header_line(tmp_path):
    file = tmp_path / "log.csv"
    file.write_text("1,2025-01-01,5.5\n2,2025-01-02,6.5\n")
    written = initialise(tmp_path / "shop", [f"transactions={file}"])
    assert written.notes == (
        "transactions: log.csv seems to have no header line; name its columns in order under names.",
    )
    line = '# names = ["...", "..."]          # the file seems to have no header line: name its columns'
    text = written.file.read_text("utf-8")
    assert line in text
    written.file.write_text(text.replace(line, 'names = ["customer_id", "time", "amount"]'), "utf-8")
    assert len(Study.open(written.folder).frame("transactions")) == 2


def test_an_empty_file(tmp_path):
    file = tmp_path / "orders.csv"
    file.touch()
    assert refusal(tmp_path / "shop", [file], kind=ContractError) == (
        "orders: the file orders.csv is empty; give a file with a header and rows."
    )
    assert not (tmp_path / "shop").exists()


def test_no_file(tmp_path):
    assert refusal(tmp_path / "shop", []) == (
        "give at least one file, for example: crm-analysis init studies/shop transactions.csv."
    )


def test_an_unknown_preset(orders, tmp_path):
    assert refusal(tmp_path / "shop", [orders], preset="amazon") == (
        f"there is no preset 'amazon'; known are {', '.join(PRESETS)}."
    )


def test_a_preset_takes_one_file(orders, tmp_path):
    assert refusal(tmp_path / "shop", [orders, orders], preset="cdnow") == "the preset cdnow takes one file, not 2."
