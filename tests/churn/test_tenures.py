"""Tenures: contracts, a labelled table, an order log; delayed entry; what follows the age is no feature."""

import numpy as np
import pandas as pd
import pytest

from crm_analysis.churn import survival, tenures
from crm_analysis.errors import UsageError
from crm_analysis.study import Study


def curve(lives):
    ages = {"time": tenures.AGE, "left": tenures.LEFT, "entry": tenures.ENTRY}
    return survival.curves(lives.customers, within=lives.within, note=lives.note, **ages)


def test_contracts_give_the_true_survival_although_early_leavers_are_not_on_record(write_study):
    """Lives are exponential with a mean of 20 months; who left before the records began in 2023 is in no table."""
    g, n = np.random.default_rng(1), 4000
    start = pd.Timestamp("2020-01-01") + pd.to_timedelta(g.integers(0, 6 * 365, size=n), unit="D")
    end = start + pd.to_timedelta((g.exponential(20 * 30.4375, size=n) + 1).round(), unit="D")
    seen = end >= "2023-01-01"
    rows = pd.DataFrame({"customer_id": [f"C{i}" for i in range(n)], "start": start, "end": end})[seen]
    rows["end"] = rows["end"].where(rows["end"] < "2026-01-01").dt.strftime("%Y-%m-%d").fillna("")
    lives = tenures.gather(Study.open(write_study({"contracts": rows.to_csv(index=False)})))
    assert lives.note == ""
    assert (lives.customers[tenures.ENTRY] > 0).mean() > 0.3
    found = curve(lives)
    for months in (6, 12, 24, 36):
        assert found.at(months) == pytest.approx(np.exp(-months / 20), abs=0.03)
    # Without delayed entry customers of long standing would make the others look as loyal.
    naive = survival.curves(lives.customers, time=tenures.AGE, left=tenures.LEFT)
    assert naive.at(12) > np.exp(-12 / 20) + 0.05


def test_who_goes_on_or_ends_later_has_not_left(write_study):
    held = (
        "customer_id,start,end\nA,2023-01-01,2024-03-01\nA,2024-03-02,\nB,2023-01-01,2026-01-01\n"
        "C,2023-01-01,2024-06-01\n"
    )
    orders = "customer_id,time,amount\nA,2023-02-01,5\nB,2024-12-31,5\n"
    lives = tenures.gather(Study.open(write_study({"contracts": held, "transactions": orders})))
    found = lives.customers.set_index("customer_id")
    assert found[tenures.LEFT].to_dict() == {"A": 0, "B": 0, "C": 1}
    # To the day after the last order, or to the end.
    days = (found[tenures.AGE] * 30.4375).round()
    assert days.to_dict() == {"A": 731, "B": 731, "C": 517}


def test_a_labelled_table_says_what_its_curve_is_worth(write_study):
    g, n = np.random.default_rng(2), 300
    tenure, fee = g.integers(1, 60, size=n), g.choice([20, 30], size=n)
    table = pd.DataFrame({"customer_id": [f"C{i}" for i in range(n)], "tenure": tenure, "fee": fee})
    table["paid"] = table["tenure"] * table["fee"]
    table["Churn"] = g.choice(["Yes", "No"], size=n)
    toml = '[tables.customers]\nsource = "customers.csv"\n[churn]\nlabel = "Churn"\n'
    study = Study.open(write_study({"customers": table.to_csv(index=False)}, toml))
    lives = tenures.gather(study, by="city")
    assert (lives.features, lives.left_out, lives.by, lives.unit) == (("fee",), ("paid",), "", "months")
    assert lives.note.startswith("The table holds present customers and recent leavers only")
    assert lives.customers[tenures.AGE].tolist() == tenure.tolist()
    assert lives.customers[tenures.LEFT].sum() == (table["Churn"] == "Yes").sum()
    named = toml + 'tenure = "paid"\nunit = "euros"\n'
    other = tenures.gather(Study.open(write_study({"customers": table.to_csv(index=False)}, named, folder="other")))
    assert (other.unit, other.customers[tenures.AGE].tolist()) == ("euros", table["paid"].tolist())
    wrong = toml + 'tenure = "age"\n'
    with pytest.raises(UsageError) as raised:
        tenures.gather(Study.open(write_study({"customers": table.to_csv(index=False)}, wrong, folder="wrong")))
    assert str(raised.value) == (
        "[churn] tenure = 'age' is no column of the customers table; it has customer_id, tenure, fee, paid, Churn."
    )


def test_an_order_log_infers_leaving_from_silence(write_study):
    days = {f"A{i:02}": pd.date_range(f"2024-01-{i + 1:02}", "2024-12-31", freq="10D") for i in range(20)}
    days |= {f"B{i:02}": pd.date_range(f"2024-01-{i + 1:02}", "2024-07-01", freq="10D") for i in range(20)}
    lines = [f"{who},{day.date()},10" for who, bought in days.items() for day in bought]
    study = Study.open(write_study({"transactions": "\n".join(["customer_id,time,amount", *lines]) + "\n"}))
    lives = tenures.gather(study)
    left = lives.customers.set_index("customer_id")[tenures.LEFT]
    assert set(left[left == 1].index) == {f"B{i:02}" for i in range(20)}
    row = lives.customers.set_index("customer_id").loc["B00"]
    lasted = (days["B00"][-1] - days["B00"][0]).days
    for name, gaps in ((tenures.EARLIEST, 0), (tenures.LATEST, 3)):
        assert row[name] * 30.4375 == pytest.approx(lasted + 10 * gaps, abs=2), name
    assert row[tenures.EARLIEST] < row[tenures.AGE] < row[tenures.LATEST]
    other = tenures.gather(study, seed=1).customers.set_index("customer_id").loc["B00"]
    assert (other[tenures.AGE] == row[tenures.AGE], other[tenures.LATEST]) == (False, row[tenures.LATEST])
    # Who is active was there on the last day, whichever way it is counted.
    active = lives.customers.set_index("customer_id").loc["A00", [tenures.AGE, tenures.EARLIEST, tenures.LATEST]]
    assert set(active * 30.4375) == {365.0}
    assert curve(lives).findings()[0] == (
        "Nobody is seen to leave in an order log: who has been silent for more than 3 expected gaps counts as gone, "
        "at a time drawn from that silence. The intervals reach from leaving right after the last purchase to leaving "
        "when the silence had become that long; they do not know who is wrongly taken for gone or for active."
    )


def test_the_interval_of_an_order_log_holds_the_true_survival(write_study):
    """Lives are exponential with a mean of 12 months, purchases a Poisson process at each customer's own rate."""
    g, n, days = np.random.default_rng(4), 1500, 1095
    joined = g.integers(0, days - 30, size=n)
    stayed = np.minimum(g.exponential(12 * 30.4375, size=n), days - 1 - joined)
    orders = g.poisson(g.gamma(2.0, 1 / 80, size=n) * stayed)
    owner = np.concatenate([np.arange(n), np.repeat(np.arange(n), orders)])
    day = joined[owner] + np.where(np.arange(len(owner)) < n, 0, g.random(len(owner))) * stayed[owner]
    time = pd.Timestamp("2023-01-01") + pd.to_timedelta(day.astype(int), unit="D")
    log = pd.DataFrame({"customer_id": [f"C{i}" for i in owner], "time": time, "amount": 10})
    found = curve(tenures.gather(Study.open(write_study({"transactions": log.to_csv(index=False)}))))
    for months in (3, 6, 12, 18, 24):
        row = found.curves[found.curves["time"] <= months].iloc[-1]
        true = np.exp(-months / 12)
        assert row["staying_share_low"] < true < row["staying_share_high"], months
        assert row["staying_share"] == pytest.approx(true, abs=0.06), months
    half = found.groups.iloc[0]
    assert half["median_low"] < 12 * np.log(2) < half["median_high"]


def test_a_study_that_dates_nothing_gives_nobody(write_study):
    lives = tenures.gather(Study.open(write_study({"customers": "customer_id,region\nA,north\nB,south\n"})))
    assert (len(lives.customers), lives.features, lives.note) == (0, (), "")
    assert curve(lives).findings()[0].startswith("How long customers stay cannot be told")
