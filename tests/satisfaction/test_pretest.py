"""Pretest: decisions on planted faults, alpha against the PLS module's, the coverage of Feldt's interval."""

import numpy as np
import pandas as pd
import pytest

from crm_analysis.errors import DataError, UsageError
from crm_analysis.satisfaction import pls, pretest, reliability
from crm_analysis.satisfaction.model import Construct, Model
from crm_analysis.satisfaction.planning import agreement

MODEL = Model(
    "small",
    (
        Construct("quality", ("q1", "q2", "q3", "q4")),
        Construct("satisfaction", ("s1", "s2", "s3")),
        Construct("complaints", ("c",)),
    ),
    (("quality", "satisfaction"), ("satisfaction", "complaints")),
)
CODES = {"c": (0.0, 1.0)}


def simulated(n, *, seed, noise=0.8):
    rng = np.random.default_rng(seed)
    quality = rng.standard_normal(n)
    satisfaction = 0.7 * quality + 0.7 * rng.standard_normal(n)
    answers = {f"q{k}": quality + noise * rng.standard_normal(n) for k in (1, 2, 3, 4)}
    answers |= {f"s{k}": satisfaction + noise * rng.standard_normal(n) for k in (1, 2, 3)}
    rated = pd.DataFrame(answers).apply(lambda column: (5.5 + 1.6 * column).round().clip(1, 10))
    return rated.assign(c=(satisfaction + rng.standard_normal(n) < -0.8).astype(float))


def checked(answers, **settings):
    return pretest.check(MODEL, answers, **({"scale": (1, 10), "codes": CODES} | settings))


def test_alpha_and_item_rest_are_those_of_the_reliability_module():
    answers = simulated(80, seed=1)
    found = checked(answers)
    other = reliability.assess(pls.estimate(MODEL, answers), bootstrap=0)
    alpha = other.constructs.set_index("construct")["alpha"]
    own = found.constructs.set_index("construct")["alpha"]
    assert own[["quality", "satisfaction"]].to_numpy() == pytest.approx(alpha[["quality", "satisfaction"]].to_numpy())
    items = other.items.set_index("item")
    mine = found.items.set_index("item")
    for column, theirs in (("item_rest", "item_total"), ("alpha_without", "alpha_without")):
        assert mine[column].to_numpy() == pytest.approx(items.loc[mine.index, theirs].to_numpy(), nan_ok=True)


def test_numbers_of_an_item_by_hand():
    answers = simulated(30, seed=2)
    answers["q1"] = [1.0] * 6 + [10.0] * 9 + [5.0] * 12 + [np.nan] * 3
    row = checked(answers).items.set_index("item").loc["q1"]
    given = answers["q1"].dropna()
    assert row["answered"] == 27
    assert row["missing_share"] == pytest.approx(0.1)
    assert row["floor_share"] == pytest.approx(6 / 27)
    assert row["ceiling_share"] == pytest.approx(9 / 27)
    assert row["mean"] == pytest.approx(given.mean())
    assert row["mean_high"] - row["mean"] == pytest.approx(2.0555294 * given.std() / np.sqrt(27))
    assert row["skew"] == pytest.approx(given.skew())


@pytest.mark.parametrize(("kappa", "alike"), [(1.0, True), (0.6, False)])
def test_the_interval_of_alpha_covers_as_it_should(kappa, alike):
    rng = np.random.default_rng(3)
    loadings = np.array([0.8, 0.8, 0.8]) if alike else np.array([0.9, 0.75, 0.6])
    between = np.outer(loadings, loadings)
    np.fill_diagonal(between, 1.0)
    true = 3 / 2 * (1 - 3 / between.sum())
    hits = 0
    for _ in range(1500):
        values = rng.multivariate_normal(np.zeros(3), between, size=40)
        low, high = agreement.alpha_interval(agreement.of(values).alpha, 40, 3)
        hits += low <= true <= high
    assert hits / 1500 == pytest.approx(0.95, abs=0.015)


def test_needed_respondents_hold_the_margin_and_one_fewer_do_not():
    wanted = int(agreement.needed(0.7, 3, margin=0.1))
    low, high = agreement.alpha_interval(0.7, wanted, 3)
    assert max(0.7 - low, high - 0.7) <= 0.1
    low, _ = agreement.alpha_interval(0.7, wanted - 1, 3)
    assert 0.7 - low > 0.1


def test_planted_faults_are_found():
    answers = simulated(300, seed=4)
    answers["q1"] = 11 - answers["q1"]
    answers["q2"] = np.random.default_rng(5).integers(1, 11, 300)
    answers.loc[:80, "s1"] = np.nan
    answers["s2"] = np.where(answers["s2"] > 4, 10, answers["s2"])
    decisions = checked(answers).items.set_index("item")["decision"]
    assert decisions[["q1", "q2", "s1", "s2"]].tolist() == ["turn round", "drop", "word anew", "stretch"]
    assert decisions[["s3", "c"]].tolist() == ["keep", "keep"]


def test_with_few_respondents_it_watches_and_says_so():
    answers = simulated(30, seed=6)
    answers["q4"] = np.random.default_rng(8).integers(1, 11, 30)
    answers.loc[:3, "s1"] = np.nan
    found = checked(answers)
    decisions = found.items.set_index("item")["decision"]
    assert decisions[["q4", "s1"]].tolist() == ["watch", "watch"]
    assert found.findings() == (
        "Of 8 questions tried on 30 respondents, 0 must be changed and 2 watched.",
        "The question q4: watch, since it may hardly go with the construct's other questions (correlation 0.23, 95 % "
        "interval -0.14 to 0.54); alpha would rise from 0.75 to 0.85 without it.",
        "The question s1: watch, since 13 % gave no answer, which may be chance among so few.",
        "Too few respondents to tell whether alpha reaches 0.7: quality 0.75 (95 % interval 0.56 to 0.87).",
        "Reliable (alpha of 0.7 or more even at the lower end): satisfaction 0.87 (95 % interval 0.75 to 0.94).",
        "An alpha that is known to a tenth either way would take 85 respondents for quality.",
        "A single question alone measures complaints, so its agreement cannot be tested.",
        "Nobody (95 % interval up to 11.4 %) gave one and the same answer to all 7 questions of one scale.",
    )


def test_an_item_answered_alike_or_by_nobody_is_a_finding_and_no_error():
    answers = simulated(30, seed=7).assign(q1=7.0, q2=np.nan, c=0.0)
    found = checked(answers)
    rows = found.items.set_index("item")
    assert rows.loc["q1", "advice"] == "all 30 who answered gave the same answer, so it tells nobody apart"
    assert rows.loc["q2", "advice"] == "nobody answered it"
    assert rows.loc["q3", "item_rest"] == pytest.approx(answers["q3"].corr(answers["q4"]))
    two = checked(answers.assign(q3=7.0))
    assert "The answers cannot show whether the questions of quality agree: too few differ." in two.findings()


def test_who_ticks_one_column_is_counted():
    answers = simulated(40, seed=8)
    answers.loc[:3, [f"q{k}" for k in (1, 2, 3, 4)] + ["s1", "s2", "s3"]] = 7.0
    found = checked(answers)
    assert found.straight[0] == pytest.approx(0.1)
    assert found.findings()[-1] == (
        "10.0 % (95 % interval 4.0–23.1) gave one and the same answer to all 7 questions of one scale: bored, or of "
        "one mind; look at them before they count."
    )
    assert np.isnan(pretest.check(MODEL, answers).straight[0])


def test_what_is_refused():
    answers = simulated(30, seed=9)
    with pytest.raises(UsageError) as error:
        checked(answers.drop(columns="q1"))
    assert "'q1'" in str(error.value)
    with pytest.raises(DataError) as data:
        checked(answers.assign(q1="often"))
    assert str(data.value).startswith("The item 'q1' holds labels such as 'often'")
    with pytest.raises(DataError) as data:
        checked(answers.assign(q1=answers["q1"] + 5))
    assert "outside its scale 1-10" in str(data.value)


@pytest.mark.parametrize("rows", [0, 3, 12, 60])
def test_PretestResult_keeps_the_contract(rows, keeps_result_contract):
    found = checked(simulated(60, seed=10).head(rows))
    keeps_result_contract(found, pictures=("plot", "plot_answers"))
    assert (found.findings()[0] == "There are no answers to a pretest, so no question was tested.") == (rows == 0)
