"""Pyramid and tiers: who is where, ties, what each tier holds, frozen edges, the words, the picture."""

import math
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from crm_analysis.errors import UsageError
from crm_analysis.proportion import share_of_total
from crm_analysis.segmentation import value
from crm_analysis.segmentation.lorenz import Lorenz, band


def refusal(verb, *arguments, **settings):
    with pytest.raises(UsageError) as error:
        verb(*arguments, **settings)
    return str(error.value)


@pytest.fixture
def hundred():
    """A hundred customers with margins 1 to 100 and the same cost to serve."""
    return pd.DataFrame(
        {
            "customer_id": [f"C{number:03d}" for number in range(100)],
            "frequency": 1,
            "monetary": np.arange(1.0, 101) * 3,
            "margin": np.arange(1.0, 101),
            "cost_to_serve": 2.0,
        }
    )


# --- the pyramid -----------------------------------------------------------------------------------------------------


def test_a_hundred_customers_by_hand(hundred):
    result = value.pyramid(hundred)
    table = result.to_frame().set_index("tier")
    assert table["customers"].to_dict() == {"VIP": 1, "main": 4, "ordinary": 15, "small": 80}
    assert table["total"].tolist() == [100, 99 + 98 + 97 + 96, sum(range(81, 96)), sum(range(1, 81))]
    assert table["total_share"].sum() == pytest.approx(1)
    assert table["from_value"].tolist()[:3] == [100, 96, 81]
    assert math.isnan(table.loc["small", "from_value"])
    assert table.loc["main", ["mean", "median"]].tolist() == [97.5, 97.5]
    assert table["cost_to_serve_share"].tolist() == pytest.approx([0.01, 0.04, 0.15, 0.8])
    # The shares of the customers were set, so they have no interval.
    assert table["customers_share_low"].isna().all()
    assert result.edges == {"VIP": 100, "main": 96, "ordinary": 81}
    tiers = result.frames()["tiers"]
    assert list(tiers) == ["customer_id", "margin", "tier"]
    assert tiers["tier"].tolist()[-6:] == ["ordinary", "main", "main", "main", "main", "VIP"]


def test_its_findings_by_hand(hundred):
    values = hundred["margin"].to_numpy()
    low, high = (100 * end for end in band(values, values >= 100, least=100, below=None)[1:])
    costs = hundred["cost_to_serve"].to_numpy()
    cost_low, cost_high = (100 * end for end in share_of_total(costs, values <= 80)[1:])
    found = value.pyramid(hundred.assign(margin=values), currency="CNY").findings()
    assert found[0] == (
        f"VIP, 1 customer (1.0 %) from 100 CNY up, brings 2.0 % (95 % interval {low:.1f}–{high:.1f}) of the margin."
    )
    assert found[3].startswith("Small, 80 customers (80.0 %), bring 64.2 % (95 % interval ")
    assert found[4:] == (
        f"Small takes 80.0 % (95 % interval {cost_low:.1f}–{cost_high:.1f}) of the cost to serve.",
        "This counts 100 customers.",
    )


def test_the_share_of_the_top_is_that_of_the_lorenz_curve(make_customers):
    customers = make_customers(2000, ties=False)
    table = value.pyramid(customers).to_frame()
    expected = Lorenz(customers["monetary"].to_numpy()).top(0.01)
    found = table.loc[0, ["total_share", "total_share_low", "total_share_high"]].tolist()
    assert found == pytest.approx(expected, abs=2e-3)


def test_equal_values_are_never_split():
    values = [9.0] + [5.0] * 40 + [1.0] * 59
    customers = pd.DataFrame({"customer_id": range(100), "frequency": 1, "monetary": values})
    result = value.pyramid(customers)
    assert result.to_frame()["customers"].tolist() == [1, 0, 0, 99]
    assert result.kept_together == ("main", "ordinary")
    assert result.findings()[2:4] == (
        "Nobody is in the tier main or ordinary.",
        "Equal values are never split, so these tiers are not as large as asked: main, ordinary.",
    )
    # The next distinct value is nearer when two in five are asked for.
    wider = value.pyramid(customers, shares=(0.01, 0.4), names=("VIP", "main", "small"))
    assert wider.to_frame()["customers"].tolist() == [1, 40, 59]
    assert wider.kept_together == ()


def test_an_end_that_equal_values_hold_is_no_quantile():
    values = np.array([9.0] * 30 + [1.0] * 70)
    customers = pd.DataFrame({"customer_id": range(100), "frequency": 1, "monetary": values})
    row = value.pyramid(customers, shares=(0.2,), names=("top", "rest")).to_frame().iloc[0]
    assert row["customers"] == 30
    assert row[["customers_share_low", "customers_share_high"]].tolist() == pytest.approx(
        proportion_confint(30, 100, method="wilson")
    )
    assert row[["total_share", "total_share_low", "total_share_high"]].tolist() == pytest.approx(
        band(values, values > 5, least=None, below=None)
    )


@given(st.lists(st.integers(-3, 12), min_size=1, max_size=60), st.randoms(use_true_random=False))
def test_every_customer_has_one_tier_and_order_does_not_matter(drawn, chance):
    customers = pd.DataFrame({"customer_id": range(len(drawn)), "frequency": 1, "monetary": np.array(drawn, float)})
    order = list(range(len(drawn)))
    chance.shuffle(order)
    one, other = value.pyramid(customers), value.pyramid(customers.iloc[order])
    assert one.to_frame()["customers"].sum() == len(drawn)
    placed = one.tiers.set_index("customer_id")
    assert other.tiers.set_index("customer_id").loc[placed.index, "tier"].tolist() == placed["tier"].tolist()
    # Equal values, equal tiers; better tiers, larger values.
    assert placed.groupby("monetary")["tier"].nunique().max() == 1
    levels = [placed.loc[placed["tier"] == tier, "monetary"] for tier in one.table["tier"]]
    filled = [level for level in levels if len(level)]
    assert all(low.max() < high.min() for high, low in pairwise(filled))


def test_losses_are_told(hundred):
    found = value.pyramid(hundred.assign(margin=hundred["margin"] - 2)).findings()
    assert "1 customer has a negative margin: 1 in small." in found


def test_without_a_positive_total_there_are_no_shares(hundred, keeps_result_contract):
    result = value.pyramid(hundred.assign(margin=-1.0))
    assert result.findings()[0] == "The total margin is not positive, so tiers have no shares of it."
    keeps_result_contract(result, pictures=("plot",))


def test_a_tier_of_less_than_half_a_customer_is_empty(hundred):
    found = value.pyramid(hundred.drop(columns="cost_to_serve").tail(5), currency="CNY").findings()
    assert found == (
        "Ordinary, 1 customer (20.0 %) from 100 CNY up, brings 20.4 % of the margin.",
        "Small, 4 customers (80.0 %), bring 79.6 % of the margin.",
        "Nobody is in the tier VIP or main.",
        "Shares of value have no intervals: they need at least 10 customers.",
        "This counts 5 customers.",
    )


def test_margin_beside_another_ranking(hundred):
    table = value.pyramid(hundred, by="monetary").to_frame()
    assert table["margin_mean"].tolist() == [100, 97.5, 88, 40.5]


# --- tiers by bill ---------------------------------------------------------------------------------------------------


def test_tiers_by_given_bills():
    customers = pd.DataFrame({"customer_id": list("abcde"), "monthly_fee": [300.0, 120, 100, 99, 5]})
    result = value.tiers(customers, edges={"platinum": 300, "gold": 100}, currency="CNY")
    assert result.tiers["tier"].tolist() == ["platinum", "gold", "gold", "iron", "iron"]
    table = result.to_frame().set_index("tier")
    assert table.loc["gold", ["customers_share_low", "customers_share_high"]].tolist() == pytest.approx(
        proportion_confint(2, 5, method="wilson")
    )
    assert result.findings()[1] == "Gold, 2 customers (40.0 %) from 100 CNY up, bring 35.3 % of the monthly fees."
    assert result.title == "Tiers by bill"


def test_edges_place_the_next_period_alike(make_customers):
    first = value.pyramid(make_customers(300, seed=1))
    later = make_customers(300, seed=2)
    again = value.tiers(later, edges=first.edges, names=["small"], by="monetary")
    placed = later["monetary"].to_numpy()
    assert again.tiers["tier"].eq("VIP").tolist() == (placed >= first.edges["VIP"]).tolist()
    same = value.tiers(make_customers(300, seed=1), edges=first.edges, names=["small"], by="monetary")
    assert same.tiers["tier"].tolist() == first.tiers["tier"].tolist()


def test_the_bill_is_spend_per_month():
    month = 365.25 / 12
    customers = pd.DataFrame(
        {
            "customer_id": list("abc"),
            "frequency": [3, 1, 2],
            "tenure_days": [2000.0, 5, 2 * month],
            "monetary": [500.0, 30, 90],
            "spend_last_year": [240.0, 30, 60],
        }
    )
    found = value.tiers(customers).tiers["spend_per_month"]
    assert found.tolist() == pytest.approx([240 / (365 / month), 30, 30])
    # Without the last year: all revenue over the whole relation.
    whole = value.tiers(customers.drop(columns="spend_last_year")).tiers["spend_per_month"]
    assert whole.tolist() == pytest.approx([500 / (2000 / month), 30, 45])


def test_tiers_by_quantiles(make_customers):
    customers = make_customers(1000, ties=False)
    result = value.tiers(customers, by="monetary", quantiles=(0.9, 0.5), names=("gold", "silver", "iron"))
    assert result.to_frame()["customers"].tolist() == [100, 400, 500]


# --- both ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", [value.pyramid, value.tiers])
def test_nothing_to_rank_is_said(verb, keeps_result_contract):
    result = verb(pd.DataFrame({"customer_id": ["a"], "frequency": [0], "monetary": [0.0], "tenure_days": [np.nan]}))
    assert result.findings() == ("No customer has a purchase, so there is no value to count.",)
    keeps_result_contract(result, pictures=("plot",))


def test_what_tiers_need_is_said():
    assert value.tiers(pd.DataFrame({"customer_id": ["a"]})).findings() == (
        "The customers have no column spend_per_month or monthly_fee, so their value cannot be told; name another "
        "with by=.",
    )


def test_refusals(hundred):
    assert refusal(value.pyramid, hundred, shares=(0.2, 0.1)) == (
        "pyramid: shares must ascend between 0 and 1, such as (0.01, 0.05, 0.2), not (0.2, 0.1)."
    )
    assert refusal(value.pyramid, hundred, names=("a", "b")) == (
        "pyramid: names must be 4 different names, one for each tier, not ('a', 'b')."
    )
    assert refusal(value.tiers, hundred, edges={"gold": 1, "platinum": 2}) == (
        "tiers: edges must fall from tier to tier, such as {'platinum': 300, 'gold': 100}, "
        "not {'gold': 1, 'platinum': 2}."
    )
    assert refusal(value.tiers, hundred, quantiles=(0.5, 0.9)) == (
        "tiers: quantiles must fall between 1 and 0, such as (0.95, 0.8, 0.5), not (0.5, 0.9)."
    )
    assert refusal(value.tiers, hundred, edges={"iron": 5}) == (
        "tiers: names must be 2 different names, one for each tier, not ['iron', 'iron']."
    )
    assert refusal(value.tiers, hundred, by="region") == (
        "tiers: the customers have no column 'region'; give by= a column of numbers, such as margin, monetary."
    )


LONG = ("a tier with a name that is quite long", "b", "another one with a rather long name", "rest")


@pytest.mark.parametrize("names", [("VIP", "main", "ordinary", "small"), LONG])
@pytest.mark.parametrize("customers", [1, 5, 500])
def test_TiersResult_keeps_the_contract(make_customers, customers, names, keeps_result_contract):
    result = value.pyramid(make_customers(customers), names=names, label="June", currency="CNY")
    keeps_result_contract(result, pictures=("plot",))
    assert result.title == "Value pyramid, June"


def test_the_picture_has_a_level_and_two_bars_for_each_tier(hundred):
    ax = value.pyramid(hundred).plot()
    assert [label.get_text() for label in ax.get_yticklabels()] == ["VIP", "main", "ordinary", "small"]
    widths = [patch.get_width() for patch in ax.patches if hasattr(patch, "get_width")]
    assert widths[::2] == pytest.approx([0.01, 0.04, 0.15, 0.8])
    assert sum(widths[1::2]) == pytest.approx(1)
