"""Presets: each well-known data set becomes a study with one command; CDNOW's published numbers come out."""

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from crm_analysis.errors import UsageError
from crm_analysis.study import Study, initialise
from crm_analysis.study.proposal.presets import PRESETS

REFERENCE = json.loads((Path(__file__).parents[2] / "reference" / "cdnow.json").read_text("utf-8"))


def open_preset(folder, file, preset):
    written = initialise(folder, [file], preset=preset)
    assert (written.notes, written.complete) == ((), True)
    return Study.open(written.folder)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_fills_in_a_study_for_the_columns_it_needs(preset, tmp_path):
    chosen = PRESETS[preset]
    blanks = chosen.format == "blanks"
    for place in (0, -1):
        names = [spellings[place] for spellings in chosen.spellings.values()]
        file = tmp_path / ("raw.txt" if blanks else f"raw {place}.csv")
        mark = "  " if blanks else ","
        file.write_text(mark.join(names) + "\n" + mark.join(["2"] * len(names)) + "\n", "utf-8")
        written = initialise(tmp_path / f"{preset} {place}", [file], preset=preset)
        text = written.file.read_text("utf-8")
        assert "$" not in text
        assert f'name = "{preset}-{abs(place)}"' in text.replace("--1", "-1")
        assert all(f'"{name}"' in text for name in names if name in ("Customer ID", "Price", "CUSL3", "customerID"))
        assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize(("preset", "missing"), [("telco-churn", "customerID"), ("ecsi-mobile", "IMAG1")])
def test_a_file_that_is_another_one_is_refused(preset, missing, tmp_path):
    file = tmp_path / "other.csv"
    file.write_text("id,day\n1,2025-01-01\n")
    with pytest.raises(UsageError) as error:
        initialise(tmp_path / "study", [file], preset=preset)
    assert str(error.value) == (
        f"the preset {preset} needs a column '{missing}', which is not in other.csv (columns there: id, day); give the "
        "raw file, or leave out --preset."
    )
    assert not (tmp_path / "study").exists()


# --- telecom ---------------------------------------------------------------------------------------------------------


def test_the_telecom_customers(shared, tmp_path):
    file = shared("data/telco/Telco-Customer-Churn.csv")
    study = open_preset(tmp_path / "telco", file, "telco-churn")
    raw = pd.read_csv(file, dtype=str)
    customers = study.frame("customers")
    assert (study.title, study.currency, study.tables) == ("Telecom customers and who left", "USD", ("customers",))
    assert study.config.churn == {"label": "Churn"}
    assert len(customers) == len(raw) == 7043
    # One column bears the contract's name, one is mapped to it, the others are kept.
    assert set(customers.columns) == {*raw.columns, "customer_id"} - {"customerID"}
    assert customers["TotalCharges"].isna().sum() == raw["TotalCharges"].str.strip().eq("").sum() == 11
    assert customers["TotalCharges"].sum() == pytest.approx(pd.to_numeric(raw["TotalCharges"], errors="coerce").sum())
    assert customers["Churn"].astype(str).str.lower().isin(["yes", "no", "true", "false"]).all()
    assert study.check().findings()
    assert len(study.customer360(as_of="2025-01-01")) == 7043


# --- the mobile phone operator ---------------------------------------------------------------------------------------


def test_the_satisfaction_with_a_mobile_phone_operator(shared, tmp_path):
    file = shared("data/ecsi_mobile/mobi.csv")
    study = open_preset(tmp_path / "ecsi", file, "ecsi-mobile")
    raw = pd.read_csv(file)
    answers = study.frame("survey")
    survey = study.config.survey
    assert study.tables == ("survey",)
    assert (survey.scale, survey.model) == ((1, 10), "ecsi")
    assert {name: len(items) for name, items in survey.constructs.items()} == {
        "image": 5,
        "expectations": 3,
        "quality": 7,
        "value": 2,
        "satisfaction": 3,
        "complaints": 1,
        "loyalty": 3,
    }
    assert set(survey.items) == set(raw.columns)
    assert len(answers) == len(raw) == answers["respondent_id"].nunique() == 250
    assert answers[list(raw.columns)].to_numpy().tolist() == raw.to_numpy().tolist()
    assert "how well complaints are HANDLED: high is good" in study.config.text


# --- CDNOW -----------------------------------------------------------------------------------------------------------


def test_cdnow_from_the_raw_file(shared, tmp_path):
    file = shared("data/cdnow/CDNOW_master.txt")
    study = open_preset(tmp_path / "cdnow", file, "cdnow")
    customers = study.customer360()
    lines = [line.split() for line in file.read_text("ascii").splitlines()[1:]]
    lines = [line for line in lines if line]
    assert (study.title, study.currency) == ("CDNOW: purchases of CDs, 1997-1998", "USD")
    assert len(customers) == REFERENCE["master"]["customers"]
    assert len(study.frame("transactions")) == len(lines) == REFERENCE["master"]["rows"]
    assert study.check().findings()[0].startswith("Every row keeps the contract (69,659 rows read)")
    assert study.last_date == dt.date(1998, 6, 30)
    # Totals against the file, read by nothing but Python.
    spent = sum(Decimal(line[3]) for line in lines)
    assert study.frame("transactions")["amount"].sum() == spent
    assert customers["monetary"].sum() == pytest.approx(float(spent), abs=1e-6)
    assert study.frame("transactions")["quantity"].sum() == sum(int(line[2]) for line in lines)
    assert customers["frequency"].sum() == len({(line[0], line[1]) for line in lines})
    # Ids keep their leading zeros.
    assert customers["customer_id"].iloc[0] == "00001"


def test_cdnow_is_proposed_alike_without_the_preset(shared, tmp_path):
    file = shared("data/cdnow/CDNOW_master.txt")
    written = initialise(tmp_path / "cdnow", [file])
    assert written.notes == (
        'transactions: amount = "dollar_value" is unsure: its name does not say so, only its contents.',
    )
    assert len(Study.open(written.folder).frame("transactions")) == REFERENCE["master"]["rows"]


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
