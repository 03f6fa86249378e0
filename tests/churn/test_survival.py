"""Survival: R's survival package on data drawn here, the public telecom set, awkward tables."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from crm_analysis.churn import survival
from crm_analysis.churn.hazards import concordance
from crm_analysis.errors import DataError, UsageError
from crm_analysis.table import decimal

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "survival.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def customers():
    """The recipe that the reference numbers were computed on."""
    g, n = np.random.default_rng(20), 150
    x = g.normal(size=n).round(2)
    plan = np.array(["basic", "plus", "family"])[g.integers(3, size=n)]
    entry = g.integers(0, 6, size=n)
    life = entry + 1 + np.floor(g.exponential(12 * np.exp(-0.5 * x + 0.6 * (plan == "plus")))).astype(int)
    seen = np.minimum(life, entry + g.integers(1, 30, size=n))
    frame = pd.DataFrame({"x": x, "plan": plan, "entry": entry, "time": seen, "left": (life <= seen).astype(int)})
    check = REFERENCE["check"]
    assert (frame["time"].sum(), frame["left"].sum()) == (check["time_sum"], check["left_sum"])
    assert frame["x"].sum() == pytest.approx(check["x_sum"])
    return frame


def test_the_curve_is_that_of_the_reference(customers):
    found = survival.curves(customers, time="time", left="left")
    expected = REFERENCE["km"]
    rows = found.curves.set_index("time").loc[expected["time"]]
    np.testing.assert_allclose(rows["staying_share"], expected["surv"], rtol=1e-9)
    np.testing.assert_allclose(rows["staying_share_low"], expected["lower"], rtol=1e-9)
    np.testing.assert_allclose(rows["staying_share_high"], expected["upper"], rtol=1e-9)
    assert rows["at_risk"].tolist() == expected["risk"]
    assert found.groups.iloc[0][["median", "median_low", "median_high"]].tolist() == REFERENCE["median"]
    assert found.at(2.9) == found.at(2)
    assert found.at(0) == 1


def test_delayed_entry_is_that_of_the_reference(customers):
    found = survival.curves(customers, time="time", left="left", entry="entry")
    rows = found.curves.set_index("time").loc[REFERENCE["km_entry"]["time"]]
    np.testing.assert_allclose(rows["staying_share"], REFERENCE["km_entry"]["surv"], rtol=1e-9)
    assert rows["at_risk"].tolist() == REFERENCE["km_entry"]["risk"]


def test_an_interval_spans_the_curves_of_the_earliest_and_the_latest_ages(customers):
    known = customers.assign(early=customers["time"] - 0.5, late=customers["time"] + 2)
    found = survival.curves(known, time="time", left="left", within=("early", "late"))
    alone = {name: survival.curves(known, time=name, left="left") for name in ("time", "early", "late")}
    assert found.curves["staying_share"].equals(alone["time"].curves["staying_share"])
    ends = [one.groups.iloc[0] for one in (alone["early"], alone["late"])]
    assert found.groups.loc[0, "median_low"] == ends[0]["median_low"]
    assert found.groups.loc[0, "median_high"] == ends[1]["median_high"]
    row = found.curves[found.curves["time"] == 9].iloc[0]
    early, late = (one.curves[one.curves["time"] <= 9].iloc[-1] for one in (alone["early"], alone["late"]))
    assert (row["staying_share_low"], row["staying_share_high"]) == (
        early["staying_share_low"],
        late["staying_share_high"],
    )


def test_the_log_rank_test_is_that_of_the_reference(customers):
    found = survival.curves(customers, time="time", left="left", by="plan")
    assert found.test["statistic"] == pytest.approx(REFERENCE["logrank"], rel=1e-9)
    assert found.test["df"] == 2
    assert "The 3 groups are not shown to differ in how long they stay (log-rank test, p = 0.288)." in found.findings()


def test_the_log_rank_test_takes_delayed_entry_from_statsmodels_too(customers):
    from statsmodels.duration.api import survdiff

    # Entry half-way between two ages, so that who counts on the day of entry is no question.
    begun = customers.assign(entry=customers["entry"] - 0.5)
    found = survival.curves(begun, time="time", left="left", entry="entry", by="plan")
    statistic, p_value = survdiff(begun["time"], begun["left"], begun["plan"], entry=begun["entry"])
    assert (found.test["statistic"], found.test["p_value"]) == pytest.approx((statistic, p_value))


def test_the_median_is_the_age_at_which_half_are_gone():
    frame = pd.DataFrame({"time": [1, 2, 3, 4], "left": [1, 1, 1, 1], "city": ["x", "x", "y", None]})
    found = survival.curves(frame, time="time", left="left", by="city")
    assert found.groups.set_index("group")["median"].to_dict() == {"all": 2, "unknown": 4, "x": 1, "y": 3}


@pytest.mark.parametrize(("entry", "key"), [("", "cox"), ("entry", "cox_entry")])
def test_the_hazard_ratios_are_those_of_the_reference(customers, entry, key):
    found = survival.hazards(customers, time="time", left="left", features=["x", "plan"], entry=entry)
    np.testing.assert_allclose(found.effects["log_ratio"], REFERENCE[key]["coef"], rtol=1e-5)
    np.testing.assert_allclose(found.effects["se"], REFERENCE[key]["se"], rtol=1e-5)
    assert found.effects["term"].tolist()[1:] == REFERENCE["cox"]["terms"][1:]


def test_the_concordance_is_that_of_the_reference(customers):
    columns = (customers[name].to_numpy("float64") for name in ("time", "left", "x"))
    assert concordance(*columns) == pytest.approx(REFERENCE["concordance"], rel=1e-9)


def test_the_telecom_set_gives_the_known_numbers(shared):
    telco = pd.read_csv(shared("data/telco/Telco-Customer-Churn.csv"))
    telco["left"] = telco["Churn"] == "Yes"
    found = survival.curves(telco, time="tenure", left="left", by="Contract", note="No retention curve.")
    assert found.at(12) == pytest.approx(0.843, abs=5e-4)
    assert found.at(48) == pytest.approx(0.709, abs=5e-4)
    assert found.findings()[0] == "No retention curve."
    features = [name for name in telco.columns if name not in ("customerID", "tenure", "TotalCharges", "Churn", "left")]
    assert survival.hazards(telco, time="tenure", left="left", features=features).concordance == pytest.approx(
        0.863, abs=0.003
    )


def test_a_ratio_that_changes_with_age_is_noticed():
    g, n = np.random.default_rng(3), 1000
    group = g.integers(2, size=n)
    # The group leaves sooner at first and later afterwards: its hazard crosses the other's.
    life = np.where(group == 1, 10 * g.weibull(0.6, size=n), 10 * g.weibull(1.8, size=n))
    frame = pd.DataFrame({"group": np.where(group == 1, "new", "old"), "time": np.minimum(life, 25), "left": life < 25})
    found = survival.hazards(frame, time="time", left="left", features=["group"], folds=2)
    assert found.effects["p_proportional"].iloc[0] < 1e-6
    assert found.findings()[-1].startswith("The ratio is not the same at every age for group = ")
    constant = frame.assign(time=np.minimum(g.exponential(10 / (1 + group), size=n), 25))
    constant["left"] = constant["time"] < 25
    sound = survival.hazards(constant, time="time", left="left", features=["group"], folds=2)
    assert sound.effects["p_proportional"].iloc[0] > 0.01
    assert np.exp(abs(sound.effects["log_ratio"].iloc[0])) == pytest.approx(2, rel=0.15)


def test_the_check_of_proportional_hazards_is_its_formula():
    g, n = np.random.default_rng(5), 120
    frame = pd.DataFrame({"x": g.normal(size=n), "z": g.normal(size=n)})
    life = g.exponential(size=n) ** np.where(frame["x"] > 0, 2.5, 0.6)
    frame = frame.assign(time=np.minimum(life, 2), left=(life < 2).astype(int)).sort_values("time", ignore_index=True)
    found = survival.hazards(frame, time="time", left="left", features=["x", "z"]).effects
    matrix = ((frame[["x", "z"]] - frame[["x", "z"]].mean()) / frame[["x", "z"]].std(ddof=0)).to_numpy()
    weight = np.exp(matrix @ found["log_ratio"].to_numpy())
    residuals, information = [], np.zeros((2, 2))
    for row in np.flatnonzero(frame["left"] == 1):
        share = weight[row:] / weight[row:].sum()
        mean = share @ matrix[row:]
        residuals.append(matrix[row] - mean)
        information += (matrix[row:] - mean).T @ (share[:, None] * (matrix[row:] - mean))
    variance, rank = np.linalg.inv(information), np.arange(len(residuals)) - (len(residuals) - 1) / 2
    statistic = len(rank) * (rank @ np.array(residuals) @ variance) ** 2 / (np.diag(variance) * (rank @ rank))
    p = stats.chi2.sf(statistic, 1)
    # Two tests at once, by Holm's method: the smaller p-value twice, and the larger not below it.
    assert p[0] < 0.05 < p[1]
    assert found["p_proportional"].tolist() == pytest.approx([2 * p[0], max(p[1], 2 * p[0])], rel=1e-4)


def test_the_concordance_is_that_of_customers_who_were_not_fitted():
    g, n = np.random.default_rng(6), 90
    frame = pd.DataFrame(g.normal(size=(n, 8)), columns=[*"abcdefgh"]).assign(time=g.exponential(size=n), left=1)
    found = survival.hazards(frame, time="time", left="left", features=[*"abcdefgh"])
    learned = concordance(
        frame["time"].to_numpy(), frame["left"].to_numpy(), frame[[*"abcdefgh"]].to_numpy() @ found.effects["log_ratio"]
    )
    assert found.concordance < 0.56 < 0.6 < learned


def test_SurvivalResult_keeps_the_contract(customers, keeps_result_contract):
    keeps_result_contract(survival.curves(customers, time="time", left="left", by="plan"), pictures=("plot",))
    nobody = customers.assign(left=0)
    stays = survival.curves(nobody, time="time", left="left")
    keeps_result_contract(stays, pictures=("plot",))
    assert stays.findings()[0].startswith("Fewer than half are gone within what is seen: 100.0 %")
    keeps_result_contract(survival.curves(customers.assign(left=1).head(1), time="time", left="left"))
    unknown = survival.curves(customers.head(0), time="time", left="left")
    assert unknown.findings() == (
        "How long customers stay cannot be told: nothing in this study dates their leaving; it takes orders, contracts "
        "with their ends or, where a column says who left, [churn] tenure in study.toml, the column of the time "
        "stayed.",
    )
    keeps_result_contract(unknown, pictures=("plot",))


def test_HazardResult_keeps_the_contract(customers, keeps_result_contract):
    found = survival.hazards(customers, time="time", left="left", features=["x", "plan"])
    keeps_result_contract(found, pictures=("plot",))
    most, *others = customers["plan"].value_counts().index
    assert found.effects["term"].tolist()[1:] == [f"plan = {plan}" for plan in others]
    assert found.effects["against"].tolist() == ["", *[most for _ in others]]
    sure = replace(found, effects=found.effects.assign(p_value=0.01))
    ratio = decimal(found.effects["hazard_ratio"].iloc[1])
    said = f"With plan = {others[0]} the hazard of leaving is {ratio} times as high as with {most} (95 % interval "
    assert any(sentence.startswith(said) for sentence in sure.findings())


def test_terms_that_others_determine_are_left_out(customers):
    doubled = customers.assign(twice=2 * customers["x"], same=1.0)
    found = survival.hazards(doubled, time="time", left="left", features=["x", "twice", "same"])
    assert len(found.effects) == 1


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({}, {"time": "age"}, "survival.curves: there is no column 'age'; there are x, plan, entry, time and left."),
        ({}, {"by": "city"}, "survival.curves: there is no column 'city'; there are x, plan, entry, time and left."),
        ({"time": -1}, {}, "survival.curves: 'time' must be 0 or more, row 1 holds -1."),
        ({"left": 2}, {}, "survival.curves: 'left' must be 0 or 1, row 1 holds 2."),
        ({"time": np.inf}, {}, "survival.curves: 'time' must be 0 or more, row 1 holds inf."),
        ({"time": "long"}, {}, "survival.curves: 'time' must be 0 or more, row 1 holds long."),
        ({"left": "Yes"}, {}, "survival.curves: 'left' must be 0 or 1, row 1 holds Yes."),
        ({"entry": 99}, {"entry": "entry"}, "survival.curves: 'entry' must lie below 'time', row 1 has 99 and 7."),
        ({"entry": np.nan}, {"entry": "entry"}, "survival.curves: 'entry' must lie below 'time', row 1 has nan and 7."),
    ],
)
def test_what_is_not_understood_is_said(customers, change, options, message):
    with pytest.raises((DataError, UsageError)) as raised:
        survival.curves(customers.assign(**change), **({"time": "time", "left": "left"} | options))
    assert str(raised.value) == message


def test_hazards_need_enough_leavers(customers, keeps_result_contract):
    few = survival.hazards(customers.head(20), time="time", left="left", features=["x", "plan"])
    gone = int(customers["left"].head(20).sum())
    assert few.findings() == (
        f"Who leaves sooner cannot be told: {gone} customers left, too few for 3 terms; use at most "
        f"{gone // 10}, with fewer features or values.",
    )
    same = survival.hazards(customers.assign(same=1), time="time", left="left", features=["same"])
    assert same.missing == "No feature varies, so there is nothing to compare."
    none = survival.hazards(customers, time="time", left="left", features=[])
    assert none.missing == "No features are known."
    sure = survival.hazards(customers.assign(x=-customers["time"], left=1), time="time", left="left", features=["x"])
    assert sure.missing == (
        "The features tell the order of leaving without error, so no ratio has an end; leave out what was made from "
        "the age."
    )
    for found in (few, same, none, sure):
        keeps_result_contract(found, pictures=("plot",))
    with pytest.raises(UsageError, match=r"^survival\.hazards: features names 'city'; there are x, plan, entry, time"):
        survival.hazards(customers, time="time", left="left", features=["city"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"features": "plan"}, "survival.hazards: features must be a list of columns, such as ['plan']."),
        ({"folds": 1}, "survival.hazards: folds must be a whole number, 2 or more, not 1."),
        ({"features": ["x", "far"]}, "survival.hazards: 'far' holds infinite values; make them missing."),
    ],
)
def test_hazards_that_are_not_understood(customers, options, message):
    given = {"time": "time", "left": "left", "features": ["x"]} | options
    with pytest.raises((DataError, UsageError)) as raised:
        survival.hazards(customers.assign(far=np.inf), **given)
    assert str(raised.value) == message


def test_a_group_called_all_is_not_all():
    frame = pd.DataFrame({"time": [1, 2, 3, 4], "left": 1, "plan": ["all", "all", "one", "one"]})
    found = survival.curves(frame, time="time", left="left", by="plan").groups
    assert found[["group", "customers"]].to_numpy().tolist() == [["all", 4], ["one", 2], ["plan = all", 2]]
