"""Prospecting: pay-back by hand and by simulation, and forecasts that cover as they promise."""

import numpy as np
import pandas as pd
import pytest

from crm_analysis.errors import UsageError
from crm_analysis.value import prospecting
from crm_analysis.value.winning import arrivals
from crm_analysis.value.winning.payback import MONTH_DAYS


def firm(*, customers=400, monthly=5.0, cost=22.0, days=900, seed=1):
    """Customers who join evenly over the log and bring a gamma margin each month, on its middle day."""
    generator = np.random.default_rng(seed)
    start = pd.Timestamp("2023-01-01")
    joined = start + pd.to_timedelta(generator.integers(1, days, customers), unit="D")
    ids = [f"C{number}" for number in range(customers)]
    people = pd.DataFrame(
        {"customer_id": ids, "joined": joined, "acquisition_cost": generator.gamma(4, cost / 4, customers)}
    )
    people["channel"] = np.where(generator.random(customers) < 0.25, "dear", "cheap")
    people.loc[people["channel"] == "dear", "acquisition_cost"] *= 4
    months = 40
    lines = pd.DataFrame(
        {
            "customer_id": np.repeat(ids, months),
            "time": np.repeat(joined.to_numpy(), months)
            + pd.to_timedelta((np.tile(np.arange(months), customers) + 0.5) * MONTH_DAYS, unit="D"),
            "margin": generator.gamma(0.5, monthly / 0.5, customers * months),
        }
    )
    first = pd.DataFrame({"customer_id": ["nobody"], "time": [start], "margin": [0.0]})
    lines = pd.concat([first, lines[lines["time"] <= start + pd.Timedelta(days=days)]], ignore_index=True)
    return people, lines.assign(amount=3 * lines["margin"])


def test_payback_by_hand():
    """Twelve customers cost 10 each; month 1 brings 4, month 2 brings 8 to the half that is old enough."""
    days = pd.to_datetime(["2025-01-01"] * 6 + ["2025-02-10"] * 6)
    people = pd.DataFrame({"customer_id": list("abcdefghijkl"), "joined": days, "acquisition_cost": 10.0})
    rows = [(name, day + pd.Timedelta(days=3), 4.0) for name, day in zip(people["customer_id"], days, strict=True)]
    rows += [(name, pd.Timestamp("2025-02-05"), 8.0) for name in "abcdef"]
    lines = pd.DataFrame(rows, columns=["customer_id", "time", "margin"])
    begin = pd.DataFrame({"customer_id": ["z"], "time": [pd.Timestamp("2025-01-01")], "margin": [0.0]})
    lines = pd.concat([lines, begin])
    found = prospecting.payback(people, lines, as_of="2025-03-15", months=3, currency="EUR")
    assert found.curves["net"].tolist() == [-10, -6, 2]
    assert found.curves["followed"].tolist() == [12, 12, 6]
    assert found.findings() == (
        "Customers of all channels cost 10 EUR on average and have paid that back by the end of month 2; after 3 "
        "months their net is 2 EUR.",
    )


def test_who_is_counted_and_what_each_has_paid_back():
    """Ten see both months: eight of them bring their own cost. One joined before the log, one cost is unknown."""
    ids = [f"C{number}" for number in range(12)]
    people = pd.DataFrame({"customer_id": ids, "joined": pd.Timestamp("2025-01-02"), "acquisition_cost": 10.0})
    people.loc[8:9, "acquisition_cost"] = 20.0
    people.loc[10, "joined"], people.loc[11, "acquisition_cost"] = pd.Timestamp("2024-12-31"), None
    days = ("2025-01-05", "2025-02-20", "2025-03-20")
    rows = [(name, pd.Timestamp(day), 7.0) for name in [*ids, "z"] for day in days]
    lines = pd.DataFrame([("z", pd.Timestamp("2025-01-01"), 0.0), *rows], columns=["customer_id", "time", "margin"])
    found = prospecting.payback(people, lines, as_of="2025-03-10", months=2)
    row = found.channels.iloc[0]
    assert (row["customers"], row["brought"], row["paid_back_share"]) == (10, 14, 0.8)
    assert found.left_out == {"joined before the log begins": 1, "joining day or cost unknown": 1}
    # Purchases after the last day that is known are not seen.
    third = prospecting.payback(people, lines, as_of="2025-03-10", months=3).curves
    assert third["net"].tolist() == pytest.approx([-12, -5, 2])


def test_the_interval_of_the_net_is_that_of_the_jackknife():
    """Sixteen customers, half of them too young for the later months; left out one after the other."""
    people, lines = firm(customers=16, days=300, seed=3)
    people = people.drop(columns="channel")
    row = prospecting.payback(people, lines, months=5).channels.iloc[0]
    without = [prospecting.payback(people.drop(index=k), lines, months=5).channels["net"].iloc[0] for k in range(16)]
    error = np.sqrt(15 / 16 * ((without - np.mean(without)) ** 2).sum())
    assert (row["net_high"] - row["net_low"]) / 2 == pytest.approx(1.96 * error, rel=0.05)


def test_the_month_of_the_pay_back_lies_where_the_band_of_the_net_crosses_zero():
    people, lines = firm(customers=40)
    found = prospecting.payback(people.drop(columns="channel"), lines, months=24)
    row, curve = found.channels.iloc[0], found.curves
    first = [curve.loc[curve[name] >= 0, "month"].iloc[0] for name in ("net_high", "net", "net_low")]
    assert [row["payback_months_low"], row["payback_months"], row["payback_months_high"]] == first
    assert first[0] < first[1] < first[2]


def test_days_as_text_are_read():
    people, lines = firm(customers=40)
    text = lines.assign(time=lines["time"].astype(str))
    found = prospecting.payback(people.assign(joined=people["joined"].astype(str)), text, months=6).channels
    assert found.equals(prospecting.payback(people, lines, months=6).channels)


def test_channels_that_pay_and_those_that_do_not():
    people, lines = firm(customers=800, days=1100)
    found = prospecting.payback(people, lines, months=12).channels.set_index("channel")
    assert found.index.tolist() == ["all", "cheap", "dear"]
    assert found.loc["cheap", "payback_months"] == 5
    assert found.loc["cheap", "payback_months_low"] <= 5 <= found.loc["cheap", "payback_months_high"]
    assert np.isnan(found.loc["dear", "payback_months"])
    assert found.loc["cheap", "brought"] == pytest.approx(60, rel=0.1)
    assert found.loc["cheap", "paid_back_share_low"] > 0.85
    assert found.loc["dear", "paid_back_share_high"] < 0.5


def test_the_sentences_of_channels():
    found = prospecting.payback(*firm(customers=800, days=1100), months=12, currency="EUR")
    dear = found.findings()[3]
    assert dear.startswith("Customers of channel dear cost ")
    assert " and have not paid that back within 12 months; after 12 months their net is -" in dear
    spend = prospecting.payback(firm()[0], firm()[1].drop(columns="margin"), months=6)
    assert spend.measure == "spend"
    assert "Margins are not known, so spend stands in: the pay-back looks earlier than it is." in spend.findings()


@pytest.mark.slow
def test_the_interval_of_the_net_covers_the_truth():
    """Of 400 firms: true net after 12 months is 12 * 5 - mean cost."""
    inside = 0
    for seed in range(400):
        people, lines = firm(customers=200, seed=seed)
        found = prospecting.payback(people.assign(channel="one"), lines, months=12).channels.iloc[0]
        # A quarter of the customers cost four times 22.
        inside += found["net_low"] <= 60 - 22 * 1.75 <= found["net_high"]
    assert 0.92 <= inside / 400 <= 0.975


def test_PaybackResult_keeps_the_contract(keeps_result_contract):
    people, lines = firm()
    keeps_result_contract(prospecting.payback(people, lines, months=12), pictures=("plot",))
    keeps_result_contract(prospecting.payback(people.head(12), lines, months=24), pictures=("plot",))
    many = people.assign(channel=[f"A channel with a very long name, number {n % 12}" for n in range(len(people))])
    keeps_result_contract(prospecting.payback(many, lines), pictures=("plot",))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda c, t: (c.drop(columns="acquisition_cost"), t),
            "This study does not hold what it cost to win its customers and when they joined.",
        ),
        (
            lambda c, t: (c, t.iloc[:0]),
            "This study does not hold what it cost to win its customers and when they joined.",
        ),
        (lambda c, t: (c.head(3), t), "Only 3 customers joined within the log at a known cost: too few."),
    ],
)
def test_without_costs_the_result_says_so(change, message, keeps_result_contract):
    found = prospecting.payback(*change(*firm(customers=50)))
    assert found.findings() == (message,)
    keeps_result_contract(found, pictures=("plot",))


def arrive(rates, *, seed=0):
    """Days of joining: Poisson counts by month about these rates."""
    generator = np.random.default_rng(seed)
    months = pd.period_range("2019-01", periods=len(rates), freq="M")
    return pd.Series(np.repeat(months.end_time.normalize(), generator.poisson(rates)))


def test_a_forecast_of_a_steady_stream():
    found = prospecting.forecast(arrive(np.full(48, 100)), ahead=3)
    row = found.forecast.iloc[0]
    assert row["expected"] == pytest.approx(100, abs=8)
    assert row["at_least"] < 95 < 105 < row["at_most"]
    assert row["period"] == pd.Timestamp("2023-01-01")
    assert found.methods["method"].iloc[0] in ("level", "recent")
    assert found.findings()[0].startswith(
        f"{row['expected']:,.0f} new customers are expected in the month from 2023-01-01"
    )


def test_a_season_is_found():
    rates = 100 * np.tile([0.3] * 6 + [1.7] * 6, 5)
    found = prospecting.forecast(arrive(rates), ahead=12)
    assert found.methods["method"].iloc[0].startswith("season")
    assert found.forecast["expected"].to_numpy() == pytest.approx(rates[:12], rel=0.4)


def test_forecasts_by_hand():
    known = np.arange(1.0, 9)
    assert arrivals._ahead(known, "last", 4, 2).tolist() == [8, 8]
    assert arrivals._ahead(known, "level", 4, 1).tolist() == [6.5]
    assert arrivals._ahead(known, "recent", 4, 1).tolist() == [7]
    assert arrivals._ahead(known, "season", 4, 5).tolist() == [5, 6, 7, 8, 5]
    assert arrivals._ahead(known, "season and level", 4, 2).tolist() == [5 * 2.6, 6 * 2.6]
    assert np.isnan(arrivals._ahead(known[:7], "season and level", 4, 2)).all()


def test_intervals_of_forecasts_by_hand():
    """The root of 100 is 10; errors with mean square 1.25 and Student's point 1.5332 for four of them."""
    errors = np.array([0.5, -0.5, 1.5, -1.5, np.nan])
    half = 1.5332 * np.sqrt(1.25)
    assert arrivals._interval(100.0, errors, 0.8) == (round((10 - half) ** 2), round((10 + half) ** 2))
    # The sixth number lies outside the interval that the errors before it give.
    came = np.array([100.0, 101, 99, 100, 101, 400])[:, None]
    assert arrivals._covered(np.full((6, 1), 100.0), came, 0.8) == (1, 2)


def test_each_distance_ahead_has_errors_of_its_own_and_all_methods_the_same_forecasts():
    walk = 100 + np.cumsum(np.random.default_rng(2).normal(0, 8, 60))
    found = prospecting.forecast(arrive(walk), ahead=3)
    assert len(set(found.methods["forecasts"])) == 1
    counts = found.history["new_customers"].to_numpy("float64")
    errors = arrivals._tried(counts, found.methods["method"].iloc[0], 12, 3)
    for row, off in zip(found.forecast.to_dict("records"), errors.T, strict=True):
        assert (row["at_least"], row["at_most"]) == arrivals._interval(row["expected"], off, 0.8)
    widths = found.forecast["at_most"] - found.forecast["at_least"]
    assert widths.iloc[2] > widths.iloc[0]


@pytest.mark.slow
def test_eighty_percent_intervals_hold_eighty_percent_of_what_comes():
    """The next month of 600 streams: steady, seasonal, and drifting."""
    generator = np.random.default_rng(4)
    inside = 0
    for seed in range(600):
        steady = np.full(49, generator.uniform(5, 200))
        rates = (steady, steady * np.resize(np.linspace(0.6, 1.4, 12), 49), steady * np.linspace(0.8, 1.2, 49))[
            seed % 3
        ]
        days = arrive(rates, seed=seed)
        cut = pd.Timestamp("2022-12-31")
        found = prospecting.forecast(days, ahead=1, as_of=cut).forecast.iloc[0]
        inside += found["at_least"] <= (days > cut).sum() <= found["at_most"]
    assert 0.75 <= inside / 600 <= 0.87


def test_ArrivalsResult_keeps_the_contract(keeps_result_contract):
    for period in prospecting.PERIODS:
        keeps_result_contract(prospecting.forecast(arrive(np.full(40, 30)), period=period), pictures=("plot",))
    few = prospecting.forecast(arrive(np.full(5, 3)))
    assert few.findings() == ("New customers are known for 5 whole months; a forecast takes 8.",)
    keeps_result_contract(few, pictures=("plot",))
    none = prospecting.forecast(pd.Series([], dtype="datetime64[s]"))
    assert none.findings() == ("New customers are known for 0 whole months; a forecast takes 8.",)
    keeps_result_contract(none, pictures=("plot",))


def test_a_log_of_one_group_has_no_newcomers_to_forecast(keeps_result_contract):
    found = prospecting.forecast(arrive(np.array([40, 30, 20, *[0] * 15])), as_of="2020-06-30")
    assert found.findings() == (
        "Nobody came new in the last 12 months, so there is no stream of new customers to forecast, as in a log that "
        "follows one group of customers or a table that was not kept since.",
    )
    keeps_result_contract(found, pictures=("plot",))


def test_a_table_that_was_not_kept_since_is_said(keeps_result_contract):
    """One a day for two years, and then silence: two weeks of it cannot be chance, two days can."""
    days = pd.Series(pd.date_range("2019-01-01", "2020-12-16"))
    ended = prospecting.forecast(days, as_of="2020-12-31")
    assert ended.findings()[-1] == (
        "Nobody came new after 2020-12-16, which at the rate before cannot be chance: the table seems to end there, "
        "and the month of that day and all after it are left out."
    )
    assert len(ended.history) == 23
    assert ended.forecast["period"].iloc[0] == pd.Timestamp("2020-12-01")
    keeps_result_contract(ended, pictures=("plot",))
    assert not prospecting.forecast(days, as_of="2020-12-18").ended
    in_batches = prospecting.forecast(arrive(np.full(24, 30)), as_of="2021-01-20")
    assert not in_batches.ended


def test_a_month_that_is_not_over_is_left_out():
    days = arrive(np.full(20, 30))
    found = prospecting.forecast(pd.concat([days, pd.Series([pd.Timestamp("2020-09-03")])]))
    assert found.cut
    assert found.findings()[-1] == "The last month is not over and is left out."
    assert found.forecast["period"].iloc[0] == pd.Timestamp("2020-09-01")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"period": "day"}, "prospecting: period must be one of week, month, quarter, not 'day'."),
        ({"ahead": 0}, "prospecting: ahead must be 1 or more, not 0."),
        ({"level": 1}, "prospecting: level must be between 0 and 1, not 1."),
    ],
)
def test_wrong_calls(settings, message):
    with pytest.raises(UsageError) as raised:
        prospecting.forecast(arrive(np.full(20, 30)), **settings)
    assert str(raised.value) == message
    with pytest.raises(UsageError) as raised:
        prospecting.payback(*firm(customers=20), months=0)
    assert str(raised.value) == "prospecting: months must be 1 to 120, not 0."
