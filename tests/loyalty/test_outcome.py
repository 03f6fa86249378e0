"""What was done after the answers, and the truth of a simulated study."""

import json

import numpy as np
import pandas as pd
import pytest

from crm_analysis.errors import UsageError
from crm_analysis.loyalty import outcome, trap, truth

DAY = pd.Timedelta(days=1)
ASKED = pd.Timestamp("2024-06-01 12:00")


def line(customer, days, amount=10.0):
    return {"customer_id": customer, "time": ASKED + days * DAY, "amount": amount}


@pytest.fixture
def purchases():
    return pd.DataFrame(
        [
            *(line("A", day) for day in (-90, -50, -10, 5, 60)),  # 3 days before, 2 after: kept, late
            *(line("B", day) for day in (-90, -50, -10, 5)),  # 1 of 3 after: not kept, not late
            line("C", 101),  # only when the time was over
            line("C", 20, -5.0),  # a return is no purchase
            line("D", 100),  # on its last moment
            *(line("E", -20, amount) for amount in (30.0, 12.0)),  # two lines of one day
            line("Z", 5),  # was not asked
            line("A", 300),  # the records end here
        ]
    )


@pytest.fixture
def answers():
    return pd.DataFrame(
        {
            "customer_id": ["A", "B", "C", "D", "E", None, "A", "B"],
            "time": [ASKED] * 6 + [ASKED + 150 * DAY, ASKED + 250 * DAY],
            "wave": [1, 1, 1, 1, 1, 1, 2, 2],
            "satisfaction_overall": [10, 10, 8, 1, 10, 5, 1, 1],
            "share_of_wallet": [80, 20, np.nan, 50, 60, 10, 0, 0],
            "market": ["x", "x", "y", "y", "y", "y", "x", "x"],
        }
    )


ENDS = {"satisfaction_overall": (1, 10)}


def test_each_measure_of_behaviour_by_hand(answers, purchases):
    found = outcome.follow(answers, purchases, days=100, ends=ENDS)
    known = found.customers.set_index("customer_id")
    assert list(known.index) == ["A", "B", "C", "D", "E"]
    assert known["bought"].to_list() == [1, 1, 0, 1, 0]
    assert known["late"].to_list() == [1, 0, 0, 1, 0]
    assert known["before"].to_list() == [1, 1, 0, 0, 1]
    assert known["kept"].fillna(-1).to_list() == [1, 0, -1, -1, 0]
    assert known["wallet"].fillna(-1).to_list() == [0.8, 0.2, -1, 0.5, 0.6]
    assert known["spend_before"].to_list() == [30, 30, 0, 0, 42]
    assert known["satisfaction"].to_list() == pytest.approx([100, 100, 700 / 9, 0, 100])
    assert known["market"].to_list() == ["x", "x", "y", "y", "y"]
    # B's second answers came 250 days after, and the records end 300 days after.
    assert found.unfollowed == (1, 1, 1)


def test_half_as_many_days_are_kept_and_the_second_half_is_late(answers):
    bought = pd.DataFrame([*(line("A", day) for day in (-30, -20, 49)), line("B", -20), line("B", 51), line("Z", 300)])
    known = outcome.follow(answers, bought, days=100, ends=ENDS).customers.set_index("customer_id")
    assert known.loc[["A", "B"], "kept"].to_list() == [1, 1]
    assert known.loc[["A", "B"], "late"].to_list() == [0, 1]


def test_the_rates_are_those_of_the_satisfied(answers, purchases):
    rows = outcome.follow(answers, purchases, days=100, ends=ENDS, satisfied_from=70).measures.set_index("behaviour")
    assert rows.loc["bought", ["customers", "loyal_share", "satisfied", "trapped_share"]].to_list() == [5, 0.6, 4, 0.5]
    assert rows.loc["kept", ["customers", "satisfied"]].to_list() == [3, 3]
    assert rows.loc["kept", "trapped_share"] == pytest.approx(2 / 3)
    # Share of wallet is loyal from its median, 0.55.
    assert rows.loc["wallet", "trapped_share"] == pytest.approx(1 / 3)


def test_waves_are_counted_in_order_of_time_and_customers_once(answers, purchases):
    asked = {
        wave: list(outcome.follow(answers, purchases, days=100, wave=wave, ends=ENDS).customers["customer_id"])
        for wave in (0, -2, -1, 2, None)
    }
    assert asked == {0: list("ABCDE"), -2: list("ABCDE"), -1: ["A"], 2: [], None: list("ABCDE")}
    second = outcome.follow(answers, purchases, days=100, wave=-1, ends=ENDS)
    assert second.of("satisfaction").to_dict() == {"A": 0.0}
    without = answers.drop(columns="wave")
    assert len(outcome.follow(without, purchases, days=100, wave=0, ends=ENDS).customers) == 5
    assert len(outcome.follow(without, purchases, days=100, wave=-2, ends=ENDS).customers) == 0


def test_the_last_day_of_the_records_may_be_given(answers, purchases):
    early = outcome.follow(answers, purchases, days=100, last_day="2024-09-08", ends=ENDS)
    assert len(early.customers) == 0  # 100 days end on 9 September at noon
    late = outcome.follow(answers, purchases, days=100, last_day="2024-09-09", ends=ENDS)
    assert list(late.customers["customer_id"]) == list("ABCDE")


def test_constructs_of_the_study_take_the_place_of_the_usual_items(answers, purchases):
    named = answers.rename(columns={"satisfaction_overall": "Q7"})
    found = outcome.follow(
        named, purchases, days=100, items={"satisfaction": ["Q7"], "image": ["Q1"]}, ends={"Q7": (1, 10)}
    )
    assert found.feelings.set_index("feeling").loc["satisfaction", "items"] == "Q7"
    assert found.of("satisfaction")["D"] == 0
    assert found.reliability() is None  # a single item
    assert list(found.explaining()) == ["competition", "basic", "latent", "switching_cost", "value"]
    assert found.explaining()["basic"].isna().all()


def test_findings_say_how_much_hangs_on_the_measure(answers, purchases):
    said = outcome.follow(answers, purchases, days=100, ends=ENDS).findings()
    assert said[0] == (
        "How many of the satisfied are not loyal depends on what is called loyal: 33.3 % (95 % interval 6.1–79.2) by "
        "'wallet', 75.0 % (95 % interval 30.1–95.4) by 'late'."
    )
    assert said[1] == (
        "Bought (bought at least once in the time after): 60.0 % (95 % interval 23.1–88.2) of 5 customers are loyal by "
        "it."
    )
    assert said[-3:] == (
        "Left out: 1 answer without a known customer or time.",
        "1 answer came too late to be followed for 100 days.",
        "Left out: 1 further answer of customers who count once, with their first.",
    )


def test_a_survey_without_customers_gives_a_clear_answer_all_the_way(answers, purchases):
    for asked in (answers.drop(columns="customer_id"), answers.iloc[:0], answers.assign(customer_id=None)):
        found = outcome.follow(asked, purchases, days=100)
        assert found.findings()[0] == "There are no answers of customers whose deeds can be followed."
        assert found.measures.empty
        assert found.plot().get_title(loc="left") or found.plot().get_title()
        traps = trap.detect(found.of("satisfaction"), found.behaviour("bought"), **found.explaining())
        assert traps.findings() == ("There is no satisfaction in this study, so a trap cannot be looked for.",)


def test_wrong_calls_name_the_cure(answers, purchases):
    with pytest.raises(UsageError, match=r"^outcome: days must be a whole number, 2 or more, not 1\.$"):
        outcome.follow(answers, purchases, days=1)
    found = outcome.follow(answers, purchases, days=100)
    message = r"^outcome: behaviour must be one of bought, late, kept and wallet, not 'left'\.$"
    with pytest.raises(UsageError, match=message):
        found.behaviour("left")


def test_OutcomeResult_keeps_the_contract(answers, purchases, keeps_result_contract):
    keeps_result_contract(outcome.follow(answers, purchases, days=100, ends=ENDS))
    keeps_result_contract(outcome.follow(answers.iloc[:0], purchases.iloc[:0]))
    axes = outcome.follow(answers, purchases, days=100, ends=ENDS).plot()
    assert [text.get_text() for text in axes.get_yticklabels()] == ["bought", "late", "kept", "wallet"]


def test_an_attitude_that_nobody_has_is_not_asked_for():
    generator = np.random.default_rng(1)
    felt = pd.Series(generator.uniform(0, 100, 200))
    done = pd.Series((generator.random(200) < 0.5) * 1.0)
    nobody = pd.Series(np.nan, index=felt.index)
    assert trap.detect(felt, done, attitude=nobody, resamples=100).facts.customers == 200


@pytest.fixture
def simulated(tmp_path):
    """A folder with the truths that a simulated study has."""
    people = {
        "customer_id": ["A", "B", "C"],
        "left": ["2024-07-01", None, "2025-07-01"],
        "competition": [0.2, 0.5, 0.5],
        "satisfaction_index_0": [80.0, 101.0, 30.0],
        "behavioural_loyalty_0": [50.0, 104.0, -2.0],
    }
    pd.DataFrame(people).to_csv(tmp_path / "truth_customers.csv", index=False)
    curve = {"competition": 0.5, "break_points": [45.0, 75.0], "flat_zone_width": 30.0}
    known = {
        "curve_by_region": {"East": curve, "West": curve | {"competition": 0.1}},
        "rate_by_region": {"East": {"wave_1": {"expected_rate": 0.3}}, "West": {"wave_2": {"expected_rate": 0.2}}},
    }
    (tmp_path / "truth.json").write_text(json.dumps({"trap": known}), "utf-8")
    return tmp_path


def test_who_stayed_is_read_from_the_truth(simulated, tmp_path_factory):
    asked = pd.Series(ASKED, index=pd.Index(["A", "B", "C", "D"], name="customer_id"))
    assert truth.stayed(simulated, asked, days=365).fillna(-1).to_dict() == {"A": 0, "B": 1, "C": 1, "D": -1}
    assert truth.stayed(simulated, asked, days=400).fillna(-1).to_dict() == {"A": 0, "B": 1, "C": 0, "D": -1}
    on_the_day = pd.Series(pd.Timestamp("2024-06-01"), index=pd.Index(["A"], name="customer_id"))
    assert [truth.stayed(simulated, on_the_day, days=days)["A"] for days in (29, 30)] == [1, 0]
    assert truth.stayed(tmp_path_factory.mktemp("real"), asked, days=365).isna().all()


def test_PlantedResult_keeps_the_contract(simulated, tmp_path_factory, keeps_result_contract):
    keeps_result_contract(truth.curves(simulated))
    nothing = truth.curves(tmp_path_factory.mktemp("real"))
    keeps_result_contract(nothing)
    assert nothing.findings() == ("No planted curve is known in this study; only a simulated one has some.",)


def test_planted_rates_curves_and_feelings(simulated, tmp_path_factory):
    assert truth.rates(simulated).to_dict("records") == [{"group": "East", "trapped_share": 0.3}]
    assert list(truth.curves(simulated).regions["region"]) == ["West", "East"]
    assert truth.curves(simulated).regions.loc[1, ["lower_break", "upper_break"]].to_list() == [45, 75]
    assert truth.curves(simulated).findings() == (
        "The true curves of 2 regions bend at a satisfaction of 45 and again at 75.",
        "The flat zone between is 30 points wide where competition is weakest (West) and 30 where it is fiercest "
        "(East).",
    )
    felt = truth.feelings(simulated, period=0)
    assert felt.loc["B"].to_list() == [100, 1, 0.5]
    assert felt["loyalty"].to_list() == [0.5, 1, 0]
    real = tmp_path_factory.mktemp("real")
    assert [
        len(found) for found in (truth.rates(real), truth.curves(real).regions, truth.feelings(real, period=0))
    ] == [
        0,
        0,
        0,
    ]
