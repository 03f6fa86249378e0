"""Cleaning: every broken rule is counted and named, nothing is lost in silence, and nothing is read twice."""

import json
import os
import shutil

import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from crm_analysis.errors import ContractError, UsageError
from crm_analysis.study import Study
from crm_analysis.study.cleaning import clean as cleaning
from crm_analysis.study.cleaning.checking import Breach

HEADER = "customer_id,time,amount\n"
# Each example opens a study: shrinking a failure would take minutes.
FIND = (Phase.explicit, Phase.generate)


def breaches(study):
    """What the contract found, as sentences."""
    return [str(Breach(**_breach(row))) for row in study.check().to_frame().to_dict("records")]


def _breach(row):
    return {**{key: row[key] for key in row if key != "action"}, "row_left_out": row["action"] == "row left out"}


def quarantine(folder, table="transactions"):
    return (folder / "quarantine" / f"{table}.csv").read_text("utf-8")


# --- dirty rows ------------------------------------------------------------------------------------------------------


def test_text_in_an_amount(write_study):
    folder = write_study({"transactions": HEADER + "A,2025-01-01,5\nB,2025-01-02,five\nC,2025-01-03,\nD,x,oops\n"})
    study = Study.open(folder)
    assert breaches(study) == [
        "transactions: time must be a date or time; 1 row breaks this (left out), first row 4 = 'x'",
        "transactions: amount must be given; 1 row breaks this (left out), first row 3",
        "transactions: amount must be a number; 2 rows break this (left out), first row 2 = 'five'",
    ]
    assert quarantine(folder) == (
        "row,action,rule,customer_id,time,amount\n"
        "2,row left out,amount must be a number,B,2025-01-02,five\n"
        "3,row left out,amount must be given,C,2025-01-03,\n"
        "4,row left out,amount must be a number,D,x,oops\n"
        "4,row left out,time must be a date or time,D,x,oops\n"
    )
    assert study.frame("transactions")["customer_id"].tolist() == ["A"]
    assert study.inputs()[0]["rows"] == 4
    assert study.inputs()[0]["quarantined"] == 3
    assert study.check().findings()[0] == (
        "1 of 4 rows are used; those left out are in the study's folder, quarantine."
    )
    assert study.check().metrics() == {"rows": 4, "rows_left_out": 3, "copies_removed": 0, "rules_broken": 3}


def test_no_row_keeps_the_contract(write_study):
    folder = write_study({"transactions": HEADER + "A,2025-01-01,x\nA,2025-01-02,y\n,2025-01-02,z\n"})
    with pytest.raises(ContractError) as error:
        Study.open(folder)
    assert str(error.value) == (
        "transactions: 3 of 3 rows of transactions.csv break the contract, so the file is probably misread (see "
        "quarantine/transactions.csv in the study's folder). The rule broken most often is: transactions: "
        "amount must be a number; 3 rows break this (left out), first row 1 = 'x'."
    )
    assert error.value.exit_code == 3
    assert (folder / "quarantine" / "transactions.csv").is_file()


def test_a_table_of_which_most_rows_are_broken_is_refused_until_it_is_mended(write_study):
    lines = [f"A{i},2025-01-01,{'x' if i % 3 else 5}\n" for i in range(30)]
    good = HEADER + "".join(line.replace("x", "5") for line in lines)
    folder = write_study({"transactions": good})
    assert Study.open(folder).check().metrics()["rows_left_out"] == 0
    (folder / "transactions.csv").write_text(HEADER + "".join(lines), "utf-8")
    with pytest.raises(ContractError, match=r"^transactions: 20 of 30 rows of transactions\.csv break the contract"):
        Study.open(folder)
    (folder / "transactions.csv").write_text(good, "utf-8")
    assert Study.open(folder).check().metrics()["rows_left_out"] == 0
    assert not (folder / "quarantine" / "transactions.csv").exists()


def test_the_future_is_no_past(write_study):
    folder = write_study({"transactions": HEADER + "A,2025-01-01,5\nA,9999-01-01,5\n"})
    assert breaches(Study.open(folder)) == [
        "transactions: time must not lie in the future; 1 row breaks this (left out), first row 2 = '9999-01-01'"
    ]


def test_duplicate_customers(write_study):
    rows = "customer_id,region,referrer_id\nA,north,\nB,south,A\nA,east,\nA,west,\nC,east,C\n"
    folder = write_study({"customers": rows})
    study = Study.open(folder)
    assert breaches(study) == [
        "customers: customer_id must stand once; 2 rows break this (left out), first row 3",
        "customers: referrer_id must differ from customer_id; 1 row breaks this (value set aside), first row 5",
    ]
    assert study.frame("customers")[["customer_id", "region"]].to_numpy().tolist() == [
        ["A", "north"],
        ["B", "south"],
        ["C", "east"],
    ]
    assert quarantine(folder, "customers") == (
        "row,action,rule,customer_id,region,referrer_id\n"
        "3,row left out,customer_id must stand once,A,east,\n"
        "4,row left out,customer_id must stand once,A,west,\n"
        "5,value set aside,referrer_id must differ from customer_id,C,east,C\n"
    )


SURVEY = (
    '[tables.survey]\nsource = "survey.csv"\n[survey]\nscale = [1, 10]\nmissing = [98, 99]\n'
    '[survey.constructs]\nsatisfaction = ["Q1", "Q2"]\n[survey.codes]\ncomplained = [0, 1]\n'
)


def test_survey_codes_out_of_range_are_set_aside_and_missing_codes_are_no_breach(write_study):
    rows = (
        "respondent_id,wave,Q1,Q2,complained,weight\n"
        "r1,1,5,10,0,1\n"
        "r2,1,11,98,1,98\n"
        "r3,1,99.0,0,2,1\n"
        "r1,2,n/a,,1,1\n"
        "r1,2,7,7,1,1\n"
        "r4,2,good,3,0,-1\n"
    )
    folder = write_study({"survey": rows}, SURVEY)
    study = Study.open(folder)
    assert breaches(study) == [
        "survey: weight must lie between 0 and 1e+09; 1 row breaks this (value set aside), first row 6 = '-1'",
        "survey: Q1 must be a number; 1 row breaks this (value set aside), first row 6 = 'good'",
        "survey: Q1 must lie between 1 and 10; 1 row breaks this (value set aside), first row 2 = '11'",
        "survey: Q2 must lie between 1 and 10; 1 row breaks this (value set aside), first row 3 = '0'",
        "survey: complained must lie between 0 and 1; 1 row breaks this (value set aside), first row 3 = '2'",
        "survey: respondent_id must stand once per wave; 1 row breaks this (left out), first row 5",
    ]
    answers = study.frame("survey").astype({"Q1": "float64", "Q2": "float64"})
    nothing = float("nan")
    expected = pd.DataFrame(
        {"Q1": [5, nothing, nothing, nothing, nothing], "Q2": [10, nothing, nothing, nothing, 3]}, dtype="float64"
    )
    pd.testing.assert_frame_equal(answers[["Q1", "Q2"]], expected)
    # 98 is a code of the items; a weight of 98 is a weight.
    assert answers["weight"].iloc[1] == 98
    assert study.check().findings() == (
        "5 of 6 rows are used; those left out are in the study's folder, quarantine.",
        "Values set aside in survey because they break a rule: 5.",
    )


def test_missing_codes_alone_are_no_breach(write_study):
    folder = write_study({"survey": "respondent_id,Q1,Q2,complained\nr1,98,99,1\n"}, SURVEY)
    study = Study.open(folder)
    assert study.check().findings() == ("Every row keeps the contract (1 row read).",)
    assert study.frame("survey")[["Q1", "Q2"]].isna().to_numpy().all()
    assert not (folder / "quarantine").exists()


def test_optional_values_that_are_wrong_are_set_aside(write_study):
    customers = "customer_id,birth_year,joined,acquisition_cost\nA,1980,2024-01-01,5\nB,80,soon,much\nC,1980.5,,-\n"
    contracts = "customer_id,start,end,monthly_fee\nA,2024-01-01,2023-01-01,-5\nB,2024-02-01,,9\n"
    contacts = "customer_id,time,kind,resolved\nA,2024-01-01,complaint,yes\nA,2024-01-01,love,maybe\n"
    folder = write_study({"customers": customers, "contracts": contracts, "contacts": contacts})
    study = Study.open(folder)
    assert breaches(study) == [
        "customers: joined must be a date or time; 1 row breaks this (value set aside), first row 2 = 'soon'",
        "customers: birth_year must be a whole number; 1 row breaks this (value set aside), first row 3 = '1980.5'",
        "customers: birth_year must lie between 1900 and 2100; 1 row breaks this (value set aside), first row 2 = '80'",
        "customers: acquisition_cost must be a number; 1 row breaks this (value set aside), first row 2 = 'much'",
        "contracts: monthly_fee must lie between 0 and 1e+09; 1 row breaks this (value set aside), first row 1 = '-5'",
        "contracts: end must not be before start; 1 row breaks this (value set aside), first row 1 = '2023-01-01'",
        "contacts: kind must be one of enquiry, complaint, return, service; 1 row breaks this (left out), "
        "first row 2 = 'love'",
    ]
    assert study.frame("contracts")["end"].isna().all()
    assert study.frame("contacts")["resolved"].tolist() == [True]


def test_a_typed_half_is_no_whole_number(write_study):
    folder = write_study({}, '[tables.kano]\nsource = "kano.parquet"\n')
    answers = {"respondent_id": ["r1", "r2"], "feature": ["a", "a"], "functional": [1.0, 2.5], "dysfunctional": [5, 5]}
    pd.DataFrame(answers).to_parquet(folder / "kano.parquet")
    assert breaches(Study.open(folder)) == [
        "kano: functional must be a whole number; 1 row breaks this (left out), first row 2 = '2.500'"
    ]


cells = st.sampled_from(["", "A", "2025-01-01", "2025-13-45", "5", "-5", "1e999", "nan", "0x1F", "'", "é", "#", " x "])


@settings(max_examples=25, phases=FIND)
@given(st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=8))
def test_every_row_is_used_or_in_quarantine(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("dirty")
    text = HEADER + "OK,2025-01-01,1\n" + "".join(",".join(row) + "\n" for row in rows)
    (folder / "transactions.csv").write_text(text, "utf-8")
    (folder / "study.toml").write_text('[study]\nname = "x"\n[tables.transactions]\nsource = "transactions.csv"\n')
    study = Study.open(folder)
    used = len(study.frame("transactions"))
    aside = set()
    if (folder / "quarantine").exists():
        aside = set(pd.read_csv(folder / "quarantine" / "transactions.csv")["row"])
    assert used + len(aside) == len(rows) + 1
    assert study.inputs()[0]["quarantined"] == len(aside)
    assert (folder / "transactions.csv").read_text("utf-8") == text


# --- the cache -------------------------------------------------------------------------------------------------------


@pytest.fixture
def dirty(write_study):
    return write_study({"transactions": HEADER + "A,2025-01-01,5\nB,2025-01-02,x\n"})


@pytest.fixture
def forbid_reading(monkeypatch):
    """From here on a file may neither be cleaned nor hashed again."""

    def forbid():
        monkeypatch.setattr(cleaning, "_check", lambda *_: pytest.fail("the table was cleaned again"))
        monkeypatch.setattr("hashlib.file_digest", lambda *_: pytest.fail("the file was hashed again"))

    return forbid


def test_the_second_open_reads_nothing_again(dirty, forbid_reading):
    first = Study.open(dirty)
    before = {path: path.stat().st_mtime_ns for path in dirty.rglob("*") if path.is_file()}
    forbid_reading()
    again = Study.open(dirty)
    pd.testing.assert_frame_equal(again.frame("transactions"), first.frame("transactions"))
    assert again.inputs() == first.inputs()
    assert breaches(again) == breaches(first)
    hashes = dirty / ".cache" / "hashes.json"
    assert {path for path in before if path.stat().st_mtime_ns != before[path]} <= {hashes}


def test_a_changed_file_is_read_again_and_the_old_copy_goes(dirty):
    Study.open(dirty)
    (dirty / "transactions.csv").write_text(HEADER + "A,2025-01-01,5\nB,2025-01-02,7\n")
    study = Study.open(dirty)
    assert study.customer360()["monetary"].tolist() == [5.0, 7.0]
    assert not (dirty / "quarantine" / "transactions.csv").exists()
    assert len(list((dirty / ".cache").glob("transactions-*"))) == 2


def test_a_file_that_only_looks_older_is_hashed_but_not_cleaned_again(dirty, monkeypatch):
    Study.open(dirty)
    os.utime(dirty / "transactions.csv", ns=(1, 1))
    monkeypatch.setattr(cleaning, "_check", lambda *_: pytest.fail("the table was cleaned again"))
    assert len(Study.open(dirty).frame("transactions")) == 1


@pytest.mark.parametrize(
    "toml",
    [
        '[tables.transactions]\nsource = "transactions.csv"\ncolumns = { amount = { sql = "amount * 2" } }\n',
        '[study]\ntimezone = "Asia/Shanghai"\n[tables.transactions]\nsource = "transactions.csv"\n',
    ],
)
def test_a_changed_mapping_or_time_zone_is_read_again(dirty, monkeypatch, toml):
    Study.open(dirty)
    (dirty / "study.toml").write_text(toml)
    cleaned = []
    check = cleaning._check
    monkeypatch.setattr(cleaning, "_check", lambda *given: (cleaned.append(1), check(*given))[1])
    Study.open(dirty)
    assert cleaned == [1]


def test_a_changed_title_is_not_read_again(dirty, forbid_reading):
    Study.open(dirty)
    toml = (dirty / "study.toml").read_text()
    (dirty / "study.toml").write_text(f'[study]\ntitle = "New"\n{toml}')
    forbid_reading()
    assert Study.open(dirty).title == "New"


def test_a_moved_study_still_works_and_is_not_cleaned_again(dirty, tmp_path, monkeypatch):
    expected = Study.open(dirty).customer360()
    moved = tmp_path / "elsewhere" / "shop"
    moved.parent.mkdir()
    shutil.move(dirty, moved)
    monkeypatch.setattr(cleaning, "_check", lambda *_: pytest.fail("the table was cleaned again"))
    pd.testing.assert_frame_equal(Study.open(moved).customer360(), expected)


def test_a_lost_or_spoilt_cache_is_made_again(dirty):
    expected = Study.open(dirty).frame("transactions")
    for spoil in (
        lambda: shutil.rmtree(dirty / ".cache"),
        lambda: next((dirty / ".cache").glob("*.parquet")).unlink(),
        lambda: next((dirty / ".cache").glob("transactions-*.json")).write_text("{"),
        lambda: (dirty / "quarantine" / "transactions.csv").unlink(),
        lambda: (dirty / ".cache" / "hashes.json").write_text("?"),
    ):
        spoil()
        pd.testing.assert_frame_equal(Study.open(dirty).frame("transactions"), expected)
        assert "amount must be a number" in quarantine(dirty)


def test_what_the_cache_remembers_is_readable(dirty):
    Study.open(dirty)
    saved = json.loads(next((dirty / ".cache").glob("transactions-*.json")).read_text("utf-8"))
    assert saved["rows_read"] == 2
    assert saved["breaches"][0]["first_value"] == "x"


def test_no_working_file_is_left_behind(dirty):
    Study.open(dirty)
    names = {path.name.split("-")[0] for path in (dirty / ".cache").iterdir()}
    assert names == {"transactions", "hashes.json"}
    assert {path.suffix for path in (dirty / ".cache").iterdir()} == {".json", ".parquet"}


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        (
            '[study]\ntimezone = "Mars/Olympus"\n',
            "[study] timezone = 'Mars/Olympus' is not known; use a name such as 'Asia/Shanghai'.",
        ),
        (
            '[engine]\nmemory_limit = "lots"\n',
            "[engine] memory_limit = 'lots' is not understood; give a size such as '2GB'.",
        ),
    ],
)
def test_settings_that_only_the_engine_understands(dirty, toml, message):
    path = dirty / "study.toml"
    path.write_text(toml + path.read_text())
    with pytest.raises(UsageError) as error:
        Study.open(dirty)
    assert str(error.value) == message


def test_a_file_that_is_written_while_it_is_read(write_study, monkeypatch):
    folder = write_study({"transactions": HEADER + "A,2025-01-01,5\n"})
    checked = cleaning._check

    def and_written(*arguments):
        found = checked(*arguments)
        with (folder / "transactions.csv").open("a") as file:
            file.write("B,2025-01-02,6\n")
        return found

    monkeypatch.setattr(cleaning, "_check", and_written)
    with pytest.raises(ContractError) as error:
        Study.open(folder)
    assert str(error.value) == ("transactions: transactions.csv changed while it was read; try again when it is whole.")
    monkeypatch.undo()
    assert Study.open(folder).frame("transactions")["customer_id"].tolist() == ["A", "B"]


@pytest.mark.parametrize("broken", [10, 11])
def test_more_than_half_of_many_rows_means_a_file_misread(write_study, broken):
    rows = "".join(f"K{place},2025-01-01,{'x' if place < broken else 5}\n" for place in range(20))
    folder = write_study({"transactions": HEADER + rows})
    if broken == 10:
        assert len(Study.open(folder).frame("transactions")) == 10
        return
    with pytest.raises(ContractError) as error:
        Study.open(folder)
    assert str(error.value) == (
        "transactions: 11 of 20 rows of transactions.csv break the contract, so the file is probably misread (see "
        "quarantine/transactions.csv in the study's folder). The rule broken most often is: transactions: amount must "
        "be a number; 11 rows break this (left out), first row 1 = 'x'."
    )
