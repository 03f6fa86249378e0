"""Retention: the arithmetic by hand, simulated relations with known profit, what is said where data lack."""

import numpy as np
import pandas as pd
import pytest

from crm_analysis.errors import UsageError
from crm_analysis.value import retention


def view(n=1000, *, kept=0.8, seed=1):
    generator = np.random.default_rng(seed)
    stays = generator.random(n) < kept
    return pd.DataFrame(
        {
            "customer_id": range(n),
            "spend_year_before": 100.0,
            "spend_last_year": np.where(stays, generator.gamma(4, 25, n), 0.0),
            "gross_spend": 200.0,
            "margin": 60.0,
            "cost_to_serve": 5.0,
            "acquisition_cost": generator.gamma(4, 5, n),
        }
    )


def test_RetentionResult_keeps_the_contract(keeps_result_contract):
    pictures = ("plot", "plot_claims")
    customers = view()
    keeps_result_contract(retention.worth(customers, currency="CNY"), pictures=pictures)
    keeps_result_contract(retention.worth(customers, points=3, margin=0.2), pictures=pictures)
    bare = customers[["spend_year_before", "spend_last_year"]]
    keeps_result_contract(retention.worth(bare), pictures=pictures)
    keeps_result_contract(retention.worth(customers[:3]), pictures=pictures)
    keeps_result_contract(retention.worth(customers[["margin"]]), pictures=pictures)


def test_the_arithmetic_by_hand():
    customers = view()
    result = retention.worth(customers, discount_rate=0.1)
    kept = (customers["spend_last_year"] > 0).mean()
    active = customers.loc[customers["spend_last_year"] > 0, "spend_last_year"].mean()
    profit, winning = 0.3 * active - 5, customers["acquisition_cost"].mean()
    basis = result.basis.set_index("number")["estimate"]
    assert basis.tolist() == pytest.approx([kept, profit, 5, winning])

    def value(r):
        return profit * 1.1 / (1.1 - r) - winning

    claims = result.claims.set_index("claim")["computed"]
    assert claims["value of a customer, 5 points more retention"] == pytest.approx(value(kept + 0.05) / value(kept) - 1)
    fewer = 1 - 0.95 * (1 - kept)
    assert claims["value of a customer, 5 % fewer leaving"] == pytest.approx(value(fewer) / value(kept) - 1)
    yearly = [profit / (1 - r) - winning for r in (kept, kept + 0.05)]
    assert claims["yearly profit, 5 points more retention"] == pytest.approx(yearly[1] / yearly[0] - 1)
    assert claims["cost of winning a customer by that of keeping one"] == pytest.approx(winning / 5)
    assert claims["customers lost in five years"] == pytest.approx(1 - kept**5)
    # The value is the sum over years of what is left of one customer.
    years = np.arange(2000)
    assert value(kept) == pytest.approx((profit * (kept / 1.1) ** years).sum() - winning)


def test_who_counts_for_which_number():
    """Newcomers spend and are served but were not kept; who left is not served; unknown costs do not count."""
    customers = pd.DataFrame(
        {
            "spend_year_before": [100.0] * 12 + [0.0] * 4,
            "spend_last_year": [60.0] * 8 + [0.0] * 4 + [90.0] * 4,
            "gross_spend": 200.0,
            "margin": 50.0,
            "cost_to_serve": [3.0] * 8 + [50.0] * 4 + [6.0] * 3 + [None],
            "acquisition_cost": [None] * 8 + [10.0] * 4 + [20.0] * 4,
        }
    )
    basis = retention.worth(customers).basis.set_index("number")["estimate"]
    serving = (8 * 3 + 3 * 6) / 11
    assert basis.tolist() == pytest.approx([8 / 12, 0.25 * 70 - serving, serving, 15])
    given = retention.worth(customers, margin=0.5).basis.set_index("number")
    assert given.loc["profit a customer and year", "estimate"] == pytest.approx(0.5 * 70 - serving)


def test_the_interval_of_retention_is_that_of_a_share():
    row = retention.worth(view()).basis.set_index("number").loc["retention"]
    error = np.sqrt(row["estimate"] * (1 - row["estimate"]) / 1000)
    assert (row["estimate_high"] - row["estimate_low"]) / 2 == pytest.approx(1.96 * error, rel=0.1)


@pytest.mark.slow
def test_intervals_cover_the_true_retention_and_the_rise():
    """200 samples of 400 customers with retention 0.8."""
    inside, rises = [], []
    for seed in range(200):
        result = retention.worth(view(400, seed=seed), draws=400)
        low, high = result.basis[["estimate_low", "estimate_high"]].iloc[0]
        inside.append(low <= 0.8 <= high)
        row = result.claims.iloc[0]
        profit, winning = 0.3 * 100 - 5, 20
        values = [profit * 1.1 / (1.1 - r) - winning for r in (0.8, 0.85)]
        true = values[1] / values[0] - 1
        rises.append(row["computed_low"] <= true <= row["computed_high"])
    assert np.mean(inside) == pytest.approx(0.95, abs=0.045)
    assert np.mean(rises) == pytest.approx(0.95, abs=0.045)


def test_what_is_said():
    said = retention.worth(view()).findings()
    assert said[0].startswith("5 points more retention, from ")
    assert said[0].endswith("; quoted are 35–95 % (Reichheld 1996).")
    assert "Winning a customer costs " in said[3]
    bare = retention.worth(view()[["spend_year_before", "spend_last_year"]]).findings()
    assert "What winning and keeping a customer cost is not known, so that the quoted 5 to 1 is open." in bare
    assert "The margin is not known, so that these are sales and not profit." in bare
    assert retention.worth(view(3)).findings() == (
        "3 customers bought in the year before the last, too few to measure retention by (10 are needed, some of whom "
        "bought again).",
    )
    assert retention.worth(pd.DataFrame({"margin": [1.0]})).findings() == (
        "There are no orders of two years in this study, so that retention cannot be measured.",
    )


@pytest.mark.parametrize(("days", "seen"), [(729, None), (728, 364), (545, 181)])
def test_a_log_of_less_than_two_years_is_said(days, seen):
    """The oldest customer bought first so many days ago, and again in between."""
    end = pd.Timestamp("2025-06-30")
    dates = {
        "first_purchase": end - pd.Timedelta(days=days),
        "last_purchase": end - pd.Timedelta(days=3),
        "recency_days": 3,
    }
    said = retention.worth(view().assign(**dates), draws=100).findings()
    short = (
        f"The log holds only {seen} days of the year before the last: retention is that of the customers who bought in "
        "this time; that of a whole year's customers may differ."
    )
    assert (short == said[1]) is (seen is not None)
    assert sum("The log holds only" in sentence for sentence in said) == (seen is not None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"points": 0}, "retention: points must lie between 0 and 100, not 0."),
        ({"discount_rate": 10}, "retention: discount_rate is a share of a year, such as 0.1, not 10."),
        ({"draws": 5}, "retention: draws must be a whole number, 100 or more, not 5."),
    ],
)
def test_wrong_calls_are_said(options, message):
    with pytest.raises(UsageError) as caught:
        retention.worth(view(), **options)
    assert str(caught.value) == message


def relations(n=60, *, growth=0.0, years=3, seed=1):
    """Orders on the first day of each month of the relation; a year's margin of each customer grows by `growth`."""
    generator = np.random.default_rng(seed)
    rows = []
    for number in range(n):
        size = generator.gamma(4, 10)
        for month in range(12 * years):
            amount = size * (1 + growth * (month // 12))
            rows.append(
                (f"C{number}", pd.Timestamp("2020-01-01") + pd.Timedelta(days=30 * month + 5 * (month // 12)), amount)
            )
    log = pd.DataFrame(rows, columns=["customer_id", "time", "amount"])
    end = pd.DataFrame({"customer_id": ["late"], "time": [pd.Timestamp("2022-12-31")], "amount": [1.0]})
    log = pd.concat([log, end])
    return log.assign(margin=0.4 * log["amount"])


def test_DecompositionResult_keeps_the_contract(keeps_result_contract):
    customers = pd.DataFrame(
        {
            "customer_id": ["C0", "C1"],
            "joined": ["2020-01-01", "2021-03-01"],
            "referrer_id": [None, "C0"],
            "cost_to_serve": [3.0, 4.0],
            "acquisition_cost": [20.0, 30.0],
        }
    )
    keeps_result_contract(retention.decompose(relations(), customers=customers, currency="CNY"), pictures=("plot",))
    keeps_result_contract(retention.decompose(relations(growth=0.2)), pictures=("plot",))
    keeps_result_contract(retention.decompose(relations(3)), pictures=("plot",))
    keeps_result_contract(retention.decompose(relations(20).drop(columns="margin")), pictures=("plot",))


def test_growth_of_each_customer_is_found():
    result = retention.decompose(relations(growth=0.25))
    years = result.years.set_index("year")
    assert years.index.tolist() == [0, 1, 2, 3]
    base = years.loc[1, "profit"]
    assert years.loc[3, "profit"] == pytest.approx(1.5 * base)
    assert years.loc[3, "growth_of_spend"] == pytest.approx(0.5 * base)
    assert years.loc[3, "price_premium"] == pytest.approx(0, abs=1e-9)
    assert result.same["change"].tolist() == pytest.approx([0.25 * base, 0.5 * base])
    assert "is more than in their first" in result.findings()[1]


def test_price_premium_is_told_apart_from_growth():
    """In the third year half as much again is bought, at a margin of 0.5 instead of 0.4."""
    log = relations(growth=0.25)
    third = log["time"] >= pd.Timestamp("2020-01-01") + pd.Timedelta(days=730)
    log["margin"] *= np.where(third, 1.25, 1.0)
    years = retention.decompose(log).years.set_index("year")
    spend = years.loc[1, "profit"] / 0.4
    assert years.loc[3, "base_profit"] == pytest.approx(0.4 * spend)
    assert years.loc[3, "growth_of_spend"] == pytest.approx(0.4 * 0.5 * spend)
    assert years.loc[3, "price_premium"] == pytest.approx(0.1 * 1.5 * spend)
    assert years.loc[3, "profit"] == pytest.approx(0.5 * 1.5 * spend)


def test_only_years_that_the_log_holds_whole_and_with_a_purchase_count():
    """Half joined 184 days before the log begins: their first year is not whole. Five only return in the second."""
    log = relations()
    joined = ["2019-07-01"] * 30 + ["2020-01-01"] * 30
    customers = pd.DataFrame({"customer_id": [f"C{number}" for number in range(60)], "joined": joined})
    assert retention.decompose(log, customers=customers).years["customers"].tolist()[1:] == [30, 60, 60]
    second = log["time"].between("2020-12-31", "2021-12-30") & log["customer_id"].isin([f"C{n}" for n in range(5)])
    log.loc[second, ["amount", "margin"]] = -1.0
    assert retention.decompose(log).years["customers"].tolist()[1:] == [60, 55, 60]


def test_what_looks_like_growth_may_be_selection():
    """Nobody changes, but small customers leave after their first year: means rise, the same customers do not."""
    log = relations()
    size = log.groupby("customer_id")["amount"].transform("mean")
    second = log["time"] >= pd.Timestamp("2020-12-31")
    result = retention.decompose(log[~(second & (size < size.median()))])
    years = result.years.set_index("year")
    assert years.loc[2, "profit"] > 1.3 * years.loc[1, "profit"]
    assert result.same["change"].abs().max() < 1e-9
    assert "is not surely more or less than in their first" in result.findings()[1]


def test_referrals_and_costs_by_hand():
    customers = pd.DataFrame(
        {
            "customer_id": [f"C{number}" for number in range(60)] + ["N1", "N2"],
            "referrer_id": [None] * 60 + ["C0", "C1"],
            "joined": ["2020-01-01"] * 60 + ["2020-06-01", "2021-06-01"],
            "cost_to_serve": 7.0,
            "acquisition_cost": 40.0,
        }
    )
    years = retention.decompose(relations(), customers=customers).years.set_index("year")
    assert years.loc[0, "profit"] == -40
    assert years["cost_to_serve"].iloc[1:].tolist() == [-7.0] * 3
    assert years["referrals"].iloc[1:].tolist() == pytest.approx([40 / 60, 40 / 60, 0])
    whole = years.iloc[1:][["base_profit", "growth_of_spend", "price_premium", "cost_to_serve", "referrals"]].sum(
        axis=1
    )
    assert years["profit"].iloc[1:].tolist() == pytest.approx(whole.tolist())


def test_what_cannot_be_split_is_said():
    assert retention.decompose(relations(20).drop(columns="margin")).findings() == (
        "The margin of orders is not known in this study, so that profit cannot be split.",
    )
    assert retention.decompose(relations(3)).findings() == (
        "3 customers were seen for a whole year, too few to split profit.",
    )
    with pytest.raises(UsageError) as caught:
        retention.decompose(relations(3).drop(columns="time"))
    assert str(caught.value) == "decompose: the transactions have no column 'time'."
