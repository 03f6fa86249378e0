"""From files to a study: study.toml is written once, and CDNOW's published numbers come out."""

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path

import pytest

from crm_analysis.errors import ContractError, UsageError
from crm_analysis.study import Study, initialise
from crm_analysis.study.initialise import PRESETS

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "cdnow.json").read_text("utf-8"))


@pytest.fixture
def orders(tmp_path):
    file = tmp_path / "raw files" / "transactions.csv"
    file.parent.mkdir()
    file.write_text("customer_id,time,amount\nA,2025-01-01,5\n")
    return file


def refusal(*arguments, **settings):
    with pytest.raises(UsageError) as error:
        initialise(*arguments, **settings)
    return str(error.value)


def test_files_named_like_the_contract_make_a_study(orders, tmp_path):
    customers = orders.with_name("Customers.CSV")
    customers.write_text("customer_id,region\nA,north\n")
    path = initialise(tmp_path / "studies" / "shop", [orders, str(customers)])
    assert path == tmp_path / "studies" / "shop" / "study.toml"
    assert path.read_text("utf-8") == (
        '[study]\nname = "shop"            # one report folder per name\ntitle = "shop"\ncurrency = ""\n\n'
        '[engine]\nurl = "duckdb://"\n\n'
        '[tables.transactions]\nsource = "../../raw files/transactions.csv"\n\n'
        '[tables.customers]\nsource = "../../raw files/Customers.CSV"\n'
    )
    study = Study.open(path.parent)
    assert (study.name, study.tables) == ("shop", ("transactions", "customers"))


def test_a_file_with_other_names_comes_with_a_hint(orders, tmp_path):
    orders.write_text("id,day,amount\nA,2025-01-01,5\n")
    text = initialise(tmp_path / 'my "new" shop', [orders]).read_text("utf-8")
    assert '\nname = "my-new-shop"' in text.replace("[study]", "[study]\n").replace("\n\nname", "\nname")
    assert 'title = "my \\"new\\" shop"' in text
    assert text.endswith('# columns of the file: id, day, amount\n# columns = { customer_id = "...", time = "..." }\n')
    # As it stands the message names the cure; with the comment filled in it is a study.
    with pytest.raises(ContractError, match=r"the required column 'customer_id' is not in transactions\.csv"):
        Study.open(tmp_path / 'my "new" shop')
    filled = text.replace(
        '# columns = { customer_id = "...", time = "..." }', 'columns = { customer_id = "id", time = "day" }'
    )
    (tmp_path / 'my "new" shop' / "study.toml").write_text(filled, "utf-8")
    assert Study.open(tmp_path / 'my "new" shop').name == "my-new-shop"


def test_a_study_is_not_overwritten(orders, tmp_path):
    path = initialise(tmp_path / "shop", [orders])
    written = path.read_bytes()
    assert refusal(tmp_path / "shop", [orders]) == (f"{path} is there already; edit it, or choose another folder.")
    assert path.read_bytes() == written


def test_a_missing_file(tmp_path):
    missing = tmp_path / "orders.csv"
    assert refusal(tmp_path / "shop", [missing]) == f"there is no file {missing}; give the path of the raw file."
    assert not (tmp_path / "shop").exists()


def test_a_file_that_is_named_like_no_table(orders, tmp_path):
    other = orders.rename(orders.with_name("orders.csv"))
    assert refusal(tmp_path / "shop", [other]) == (
        "orders.csv is not named like a table of the contract (customers, transactions, contacts, contracts, "
        "campaigns, survey, kano); rename it, or name a preset with --preset."
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


# --- CDNOW -----------------------------------------------------------------------------------------------------------


def test_cdnow_from_the_raw_file(shared, tmp_path):
    file = shared("data/cdnow/CDNOW_master.txt")
    study = Study.open(initialise(tmp_path / "cdnow", [file], preset="cdnow").parent)
    customers = study.customer360()
    lines = [line.split() for line in file.read_text("ascii").splitlines()[1:]]
    lines = [line for line in lines if line]
    assert (study.title, study.currency) == ("CDNOW: purchases of CDs, 1997-1998", "USD")
    assert len(customers) == REFERENCE["master"]["customers"]
    assert len(study.frame("transactions")) == len(lines) == REFERENCE["master"]["rows"]
    assert study.check().findings() == ("Every row keeps the contract (69,659 rows read).",)
    assert study.last_date == dt.date(1998, 6, 30)
    # Totals against the file, read by nothing but Python.
    spent = sum(Decimal(line[3]) for line in lines)
    assert study.frame("transactions")["amount"].sum() == spent
    assert customers["monetary"].sum() == pytest.approx(float(spent), abs=1e-6)
    assert study.frame("transactions")["quantity"].sum() == sum(int(line[2]) for line in lines)
    assert customers["frequency"].sum() == len({(line[0], line[1]) for line in lines})
    # Ids keep their leading zeros.
    assert customers["customer_id"].iloc[0] == "00001"


def test_the_sample_that_the_literature_uses(shared, write_study):
    file = shared("data/cdnow/CDNOW_sample.txt")
    published = json.loads(shared("reference/cdnow_clv.json").read_text("utf-8"))
    toml = (
        f'[tables.transactions]\nsource = "{file.resolve()}"\nformat = "blanks"\n'
        'names = ["master_id", "customer_id", "time", "quantity", "amount"]\n'
    )
    study = Study.open(write_study({}, toml))
    calibration = study.customer360(as_of=REFERENCE["sample"]["calibration_end"])
    whole = study.customer360()
    assert len(study.frame("transactions")) == REFERENCE["sample"]["rows"]
    assert len(calibration) == len(whole) == REFERENCE["sample"]["customers"]
    assert (calibration["purchase_days"] == 1).sum() == REFERENCE["sample"]["without_repeat_purchase"]
    assert (calibration["purchase_days"] > 1).sum() == published["gamma_gamma"]["n_repeat"] == 946
    holdout = whole["purchase_days"].sum() - calibration["purchase_days"].sum()
    assert holdout == published["holdout"]["bgnbd"]["actual_total"]
    # Number and mean value of repeat purchases, the first day's left out, as the gamma-gamma model takes them.
    log = study.frame("transactions").astype({"amount": "float64"})
    days = log[log["time"] <= "1997-09-30"].groupby(["customer_id", "time"], as_index=False)["amount"].sum()
    repeat = days[days.groupby("customer_id").cumcount() > 0].groupby("customer_id")["amount"].agg(["count", "mean"])
    assert len(repeat) == 946
    assert repeat.corr().iloc[0, 1] == pytest.approx(published["gamma_gamma"]["corr_freq_mv"], abs=1e-5)
