"""The market report: flows of customers and what winning them costs, against an account by hand."""

import datetime as dt
import json
import re
from decimal import Decimal

import hypothesis.strategies as st
import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from crm_analysis.errors import UsageError
from crm_analysis.study import Study
from crm_analysis.study.reports import acquisition, flows, market
from crm_analysis.study.tables import CONTRACTS, KINDS

FIND = (Phase.explicit, Phase.generate)


def line(who, day, amount="10", **more):
    return {"customer_id": who, "time": dt.datetime.fromisoformat(day), "amount": Decimal(amount), **more}


def customer(who, day, **more):
    joined = {"joined": dt.datetime.fromisoformat(day)} if day else {}
    more = {name: Decimal(value) if name == "acquisition_cost" else value for name, value in more.items()}
    return {"customer_id": who, **joined, **more}


# --- flows -----------------------------------------------------------------------------------------------------------

DAYS = [f"{year}-{day}" for year in (2022, 2023, 2024) for day in ("01-01", "03-31", "04-01", "09-15", "12-31")]


@settings(max_examples=8, phases=FIND)
@given(bought=st.lists(st.tuples(st.sampled_from("ABCDE"), st.sampled_from(DAYS)), max_size=14))
def test_flows_equal_the_account_by_hand(study_of, bought):
    rows = [line("Z", "2022-01-01"), line("Y", "2023-01-01", "-3"), *(line(who, day) for who, day in bought)]
    result = market.summarise(study_of({"transactions": rows}), as_of="2024-12-31")
    days = {}
    for who, day in [("Z", "2022-01-01"), *bought]:
        days.setdefault(who, []).append(pd.Timestamp(day))
    found = result.to_frame()
    assert found["end"].tolist() == [pd.Timestamp(d) for d in pd.date_range("2023-12-31", "2024-12-31", freq="QE")]
    for row in found.to_dict("records"):
        end, year = row["end"], pd.Timedelta(days=365)
        counts = dict.fromkeys(("kept", "returning", "new", "lost"), 0)
        for own in days.values():
            now = any(end - year < day <= end for day in own)
            then = any(end - 2 * year < day <= end - year for day in own)
            earlier = any(day <= end - 2 * year for day in own)
            kind = {(1, 1): "kept", (0, 1): "lost"}.get((now, then))
            kind = kind or (("returning" if earlier else "new") if now else None)
            if kind:
                counts[kind] += 1
        assert {name: row[name] for name in counts} == counts
        if row["customers_before"]:
            expected = proportion_confint(counts["kept"], counts["kept"] + counts["lost"], method="wilson")
            assert (row["kept_share_low"], row["kept_share_high"]) == pytest.approx(expected)
    assert result.findings()


@pytest.fixture
def four(study_of):
    """One customer of each kind at the end of 2024, and where they came from."""
    lines = [
        line("kept", "2023-06-01"),
        line("kept", "2024-06-01"),
        line("lost", "2023-06-01"),
        line("new", "2024-05-01"),
    ]
    lines += [line("back", "2022-01-01"), line("back", "2024-01-31")]
    customers = [
        customer("kept", "2023-06-01", channel="app", acquisition_cost="10"),
        customer("lost", "2023-06-01", channel="shop", acquisition_cost="20"),
        customer("new", "2024-05-01", channel="app", acquisition_cost="30"),
        customer("none", "2024-05-02", channel="app", acquisition_cost="50"),
        customer("free", "2024-05-03", channel=None),
    ]
    return study_of({"transactions": lines, "customers": customers})


def test_one_of_each_in_words(four):
    result = market.summarise(four, every="year", as_of="2024-12-31")
    low, high = (100 * end for end in proportion_confint(1, 2, method="wilson"))
    earlier = 100 * proportion_confint(0, 1, method="wilson")[1]
    new = tuple(100 * end for end in proportion_confint(1, 3, method="wilson"))
    bought = tuple(100 * end for end in proportion_confint(1, 3, method="wilson"))
    p = proportion_confint(3, 5, method="wilson")
    change = [100 * (share / (1 - share) - 1) for share in p]
    half = stats.t.ppf(0.975, 1) * np.std([30, 50], ddof=1) / np.sqrt(2)
    per_buyer = stats.t.ppf(0.975, 1) * np.sqrt(2 * np.var([30 - 80, 50], ddof=1))
    assert result.findings() == (
        f"Of 2 customers who bought in the 365 days before, 50.0 % (95 % interval {low:.1f}–{high:.1f}) bought "
        "again in the 365 days to 2024-12-31; 1 did not and count as lost.",
        "3 customers bought in these days: 1 kept, 1 returning after a longer pause and 1 new, 33.3 % (95 % interval "
        f"{new[0]:.1f}–{new[1]:.1f}).",
        f"A year earlier the share kept was 0.0 % (95 % interval 0.0–{earlier:.1f}), with 2 new.",
        "Lost means silent: without contracts nobody says goodbye, and who is silent may return. New means first seen: "
        "who had bought only before the log begins (2022-01-01) looks new.",
        f"In the 365 days to 2024-12-31, 3 customers joined, +50.0 % (95 % interval {change[0]:+.1f} to "
        f"{change[1]:+.1f}) against the 365 days before; 33.3 % (95 % interval {bought[0]:.1f}–{bought[1]:.1f}) of "
        "them bought by then.",
        f"Winning one cost 40 CNY (95 % interval {40 - half:,.2f} to {40 + half:,.2f}) on average, or 80 CNY (95 % "
        f"interval {80 - per_buyer:,.2f} to {80 + per_buyer:,.2f}) for each who bought.",
    )
    channels = result.frames()["channels"].set_index("channel")
    assert channels[["won", "won_before", "buyers"]].to_dict("index") == {
        "all": {"won": 3, "won_before": 2, "buyers": 1},
        "app": {"won": 2, "won_before": 1, "buyers": 1},
        "unknown": {"won": 1, "won_before": 0, "buyers": 0},
        "shop": {"won": 0, "won_before": 1, "buyers": 0},
    }


def test_a_buyer_whose_cost_is_not_known_does_not_make_the_others_cheaper(study_of):
    customers = [customer(who, "2024-05-01", acquisition_cost=cost) for who, cost in (("A", "10"), ("B", "30"))]
    customers.append(customer("C", "2024-05-01"))
    lines = [line("A", "2024-06-01"), line("C", "2024-06-01"), line("C", "2024-12-31")]
    row = market.summarise(study_of({"transactions": lines, "customers": customers})).channels.iloc[0]
    assert (row["won"], row["buyers"]) == (3, 2)
    assert (row["cost_per_customer"], row["cost_per_buyer"]) == (20, 40)


def test_both_years_had_equal_time_to_buy(study_of):
    """Who joined in the window before and bought only after it is no buyer of that window."""
    customers = [customer("A", "2023-06-01"), customer("B", "2024-06-01")]
    lines = [line("A", "2024-07-01"), line("B", "2024-07-01")]
    study = study_of({"transactions": lines, "customers": customers})
    then = acquisition.won(study.table("customers"), study.table("transactions"), dt.date(2023, 12, 31), 365)
    assert then.to_pandas()[["customer_id", "bought"]].to_numpy().tolist() == [["A", 0]]


def test_without_joining_dates_the_first_purchase_counts(study_of):
    lines = [line("A", "2023-01-02"), line("A", "2024-02-01"), line("B", "2024-02-01"), line("C", "2024-12-31")]
    result = market.summarise(study_of({"transactions": lines}), as_of="2024-12-31")
    row = result.channels.iloc[0]
    assert (row["won"], row["won_before"], len(result.channels)) == (2, 1, 1)
    assert "2 customers bought for the first time, +100.0 %" in " ".join(result.findings())
    assert result.findings()[-1] == (
        "What it cost to win them is not known: this needs customers with an acquisition_cost."
    )


def test_where_nobody_was_won_nothing_is_said_of_cost(study_of):
    customers = [customer("A", "2020-01-01", acquisition_cost="5")]
    study = study_of({"transactions": [line("A", "2024-12-31")], "customers": customers})
    assert market.summarise(study).findings()[-1] == "In the 365 days to 2024-12-31, 0 customers joined."


def test_a_short_log_needs_a_shorter_window(study_of):
    study = study_of({"transactions": [line("A", "2024-01-01"), line("A", "2024-04-01"), line("B", "2024-06-30")]})
    assert market.summarise(study).findings()[0] == (
        "Nothing is compared: the order log covers 182 days and a comparison needs 730 days up to the end of a "
        "quarter: give a smaller window_days."
    )
    result = market.summarise(study, window_days=91)
    assert result.to_frame()[["end", "kept", "new", "lost"]].to_numpy().tolist() == [
        [pd.Timestamp("2024-06-30"), 1, 1, 0]
    ]


def test_a_change_of_counts_has_the_conditional_interval():
    change, low, high = acquisition.change_of_counts(30, 20)
    p = proportion_confint(30, 50, method="wilson")
    assert change == pytest.approx(50)
    assert (low, high) == pytest.approx([100 * (share / (1 - share) - 1) for share in p])
    assert np.isnan(acquisition.change_of_counts(3, 0)).all()
    assert acquisition.change_of_counts(0, 3)[:2] == (-100, -100)


# --- awkward studies, the contract, the demo study -------------------------------------------------------------------


def test_studies_that_cannot_say(study_of, keeps_result_contract):
    pictures = ("plot", "plot_channels")
    result = market.summarise(study_of({"customers": [{"customer_id": "A"}]}))
    assert result.findings() == (
        "No orders in this study: flows of customers cannot be counted.",
        "No table of this study says when customers were won.",
    )
    keeps_result_contract(result, pictures=pictures)
    result = market.summarise(study_of({"customers": [customer("A", "2024-01-01", acquisition_cost="5")]}))
    assert result.findings()[1:] == (
        "In the 365 days to 2024-01-01, 1 customer joined.",
        "Winning one cost 5 CNY on average.",
    )
    keeps_result_contract(result, pictures=pictures)


def test_wrong_words_are_refused(four):
    with pytest.raises(UsageError) as error:
        market.summarise(four, every="month")
    assert str(error.value) == "market: every must be one of quarter, year, not 'month'."
    with pytest.raises(UsageError) as error:
        market.summarise(four, window_days=0)
    assert str(error.value) == "market: window_days must be 1 or more, not 0."


def test_MarketResult_keeps_the_contract(four, study_of, keeps_result_contract):
    pictures = ("plot", "plot_channels")
    keeps_result_contract(market.summarise(four, as_of="2024-12-31"), pictures=pictures)
    keeps_result_contract(market.summarise(study_of({"transactions": [line("A", "2024-01-05")]})), pictures=pictures)
    many = [
        customer(f"{i:03}", "2024-01-05", channel=f"{'a partner of partners ' * 3}{i % 15}", acquisition_cost=str(i))
        for i in range(40)
    ]
    keeps_result_contract(market.summarise(study_of({"customers": many})), pictures=pictures)
    old = [line("A", f"{year}-01-01") for year in range(2010, 2025)]
    keeps_result_contract(market.summarise(study_of({"transactions": old})), pictures=pictures)


def test_costs_of_the_demo_study_are_the_planted_ones(demo):
    result = market.summarise(Study.open(demo))
    truth = json.loads((demo / "truth.json").read_text("utf-8"))["regions"]["acquisition_cost_mean_cny"]
    bonus = 15.0
    channels = result.channels.set_index("channel")
    for channel, cost in truth.items():
        row = channels.loc[channel]
        # A customer whom another referred costs the bonus instead (the simulation's referrals).
        expected = row["referred_share"] * bonus + (1 - row["referred_share"]) * cost
        error = (row["cost_per_customer_high"] - row["cost_per_customer"]) / 1.96
        assert abs(row["cost_per_customer"] - expected) < 4 * error, channel
    last = result.to_frame().iloc[-1]
    assert last["kept"] + last["lost"] == last["customers_before"]
    assert last["customers_before"] == result.to_frame().iloc[-5]["customers"]


def test_the_expressions_keep_to_what_the_engines_share():
    """Without a server: the SQL for PostgreSQL can be written and uses only functions that all engines know."""
    tables = {
        name: ibis.table({c.name: KINDS[c.kind][0] for c in CONTRACTS[name].columns}, name=name)
        for name in ("transactions", "customers")
    }
    counted = flows.count(tables["transactions"], [dt.date(2024, 12, 31)], 365)
    won = acquisition.won(tables["customers"], tables["transactions"], dt.date(2024, 12, 31), 365)
    for expression in (counted, acquisition.totals(won)):
        sql = ibis.to_sql(expression, dialect="postgres").upper()
        functions = set(re.findall(r"\b([A-Z_]{3,})\(", sql))
        assert functions <= {
            *("CAST", "COALESCE", "COUNT", "DATE", "DECIMAL", "FILTER", "MAKE_DATE", "MAKE_TIMESTAMP"),
            *("MAX", "MIN", "NULLIF", "SUM"),
        }


def test_a_table_of_customers_that_is_not_kept_is_not_compared(study_of):
    joined = [
        {"customer_id": f"C{place}", "joined": dt.datetime(2023, 1, 1) + dt.timedelta(days=4 * place)}
        for place in range(180)
    ]
    orders = [line("C1", "2023-02-01"), line("C2", "2025-12-01")]
    result = market.summarise(study_of({"customers": joined, "transactions": orders}))
    assert result.stale_since == dt.date(2024, 12, 17)
    assert result.channels["won_before"].isna().all()
    assert (
        "Nobody in the customers table joined after 2024-12-17, which at the rate before cannot be chance: the table "
        "seems to end there, so joining is not compared with the days before."
    ) in result.findings()
    # A fortnight without anybody joining is nothing unusual at one in four days.
    fresh = market.summarise(study_of({"customers": joined, "transactions": orders}), as_of="2024-12-31")
    assert fresh.stale_since is None
    assert fresh.channels["won_before"].notna().all()
