"""Growth potential: peers, their benchmarks and intervals, the wallet, cross-selling, regression to the mean."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from crm_analysis.errors import DataError, UsageError
from crm_analysis.segmentation import peers, value
from crm_analysis.table import number


@pytest.fixture
def eighty():
    """Two channels of forty customers each: shop spends 1 to 40, app ten times that."""
    return pd.DataFrame(
        {
            "customer_id": range(80),
            "frequency": 2,
            "spend_last_year": [*np.arange(1.0, 41), *np.arange(1.0, 41) * 10],
            "channel": ["shop"] * 40 + ["app"] * 40,
            "tenure_days": 400.0,
        }
    )


def refusal(kind, *arguments, **settings):
    with pytest.raises(kind) as error:
        value.potential(*arguments, **settings)
    return str(error.value)


# --- peers -----------------------------------------------------------------------------------------------------------


def test_headroom_against_peers_by_hand(eighty):
    result = value.potential(eighty, quantile=0.5, currency="EUR")
    headroom = result.headroom.set_index("customer_id")
    assert headroom.loc[0, ["current", "benchmark", "potential"]].tolist() == [1, 20.5, 19.5]
    assert headroom.loc[39, "potential"] == 0
    assert headroom.loc[40, ["benchmark", "potential"]].tolist() == [205, 195]
    # Ranks by the binomial distribution: 14 and 26 + 1 of forty.
    assert stats.binom.ppf([0.025, 0.975], 40, 0.5).tolist() == [14, 26]
    assert headroom.loc[0, ["benchmark_low", "benchmark_high"]].tolist() == [14, 27]
    assert headroom.loc[0, ["potential_low", "potential_high"]].tolist() == [13, 26]
    table = result.to_frame()
    assert table["peers"].tolist() == ["1 to 2 years, app", "1 to 2 years, shop"]
    assert table["potential"].tolist() == [2000, 200]
    assert table["peers_customers"].tolist() == [40, 40]
    low, high = 11 * sum(range(1, 14)), 11 * sum(range(1, 27))
    assert result.findings() == (
        f"The headroom against the 50 % quantile of spend of the last year among comparable customers is 2,200 EUR, "
        f"24.4 % of what these customers bring now; with every benchmark at the lower or every one at the upper end "
        f"of its 95 % interval it would be {low:,} EUR or {high:,} EUR.",
        "50.0 % (95 % interval 39.3–60.7) of the customers have headroom; the others bring as much as that or more.",
        "Each customer is compared with others alike in age of the relation, channel.",
        "This counts 80 customers.",
    )
    assert result.metrics() == {"current": 9020, "potential": 2200, "with_headroom_share": 0.5}


def test_small_groups_are_widened_upwards():
    customers = pd.DataFrame(
        {
            "tenure_days": [100.0] * 60 + [800.0] * 5,
            "channel": ["shop"] * 40 + ["app"] * 20 + ["app"] * 5,
            "first_day_spend": [1.0] * 35 + [50.0] * 5 + [1.0] * 25,
        }
    )
    found = peers.group(customers, bands=(365, 730), least=30)
    assert found.compared == ("age of the relation", "channel", "size of the first order")
    assert found.names[[0, 35, 40, 60]].tolist() == [
        "under 1 year, shop, small first order",
        "under 1 year, shop",
        "under 1 year",
        "all customers",
    ]
    # A wider group holds all of its customers, those too who have a group of their own.
    assert found.sizes[[0, 35, 40, 60]].tolist() == [35, 40, 60, 65]
    assert [len(found.members[name]) for name in found.names[[0, 35, 40, 60]]] == [35, 40, 60, 65]
    assert found.widened.sum() == 30


def test_what_is_not_known_of_a_customer_makes_a_group():
    customers = pd.DataFrame(
        {"tenure_days": [np.nan, 10.0], "channel": [None, "app"], "first_day_spend": [np.nan, 5.0]}
    )
    assert peers.group(customers, bands=(90, 365), least=1).names.tolist() == [
        "age unknown, channel unknown, first order unknown",
        "under 90 days, app, small first order",
    ]
    assert peers.group(customers, bands=(), least=1).names[1] == "any age, app, small first order"


def test_nothing_tells_customers_apart(eighty):
    result = value.potential(eighty[["customer_id", "frequency", "spend_last_year"]])
    assert result.findings()[2] == "Each customer is compared with all others: nothing tells them apart."
    assert result.to_frame()["peers"].tolist() == ["all customers"]


def test_few_peers_are_called_a_guess(eighty):
    assert value.potential(eighty.head(5)).findings()[-3:] == (
        "Compared with a wider group, as too few are alike in all of that: 5 customers.",
        "A benchmark comes from only 5 customers: it is a guess.",
        "This counts 5 customers.",
    )


def test_the_interval_of_a_benchmark_holds_the_quantile():
    generator = np.random.default_rng(8)
    values = pd.Series(generator.lognormal(0, 1.5, 40 * 1000))
    groups = pd.Series(np.repeat(np.arange(1000), 40)).astype(str)
    members = dict(groups.groupby(groups).indices.items())
    whole = peers.Peers(groups, members, pd.Series(40, groups.index), pd.Series(False, groups.index), ())
    marks = peers.benchmarks(values, whole, quantile=0.75).iloc[::40]
    truth = stats.lognorm.ppf(0.75, 1.5)
    held = ((marks["benchmark_low"] <= truth) & (truth <= marks["benchmark_high"])).mean()
    # Exact coverage of these ranks; four standard errors of 1000 draws are 0.028.
    low, high = stats.binom.ppf([0.025, 0.975], 40, 0.75)
    exact = stats.binom.cdf(high, 40, 0.75) - stats.binom.cdf(low - 1, 40, 0.75)
    assert exact >= 0.95
    assert held == pytest.approx(exact, abs=0.028)


def test_headroom_is_not_forecast_less_current_value():
    """A stationary world: each customer keeps the own rate for ever, so nobody's true value changes at all.

    Forecasts regress to the mean, so forecast less current value is negative for the best customers, and tells the
    firm that its best relations shrink. Headroom is not.
    """
    generator = np.random.default_rng(9)
    shape, scale, n = 0.8, 3.0, 4000
    rate = generator.gamma(shape, scale, n)
    this_year, next_year = generator.poisson(rate), generator.poisson(rate)
    # The best forecast there is: the posterior mean of a gamma rate after one year.
    forecast = (shape + this_year) / (1 / scale + 1)
    best = this_year >= np.quantile(this_year, 0.8)
    assert next_year[best].mean() == pytest.approx(forecast[best].mean(), rel=0.05)
    assert (forecast - this_year)[best].max() < 0
    assert (forecast - this_year)[best].mean() < -0.15 * this_year[best].mean()
    assert rate[best].mean() > 2 * rate.mean()

    customers = pd.DataFrame(
        {
            "customer_id": range(n),
            "frequency": this_year + 1,
            "spend_last_year": this_year * 10.0,
            "tenure_days": 1000.0,
            # The entry tells something of the rate, as a first order does.
            "channel": np.where(rate > np.median(rate), "app", "shop"),
        }
    )
    headroom = value.potential(customers, quantile=0.9).headroom["potential"].to_numpy()
    assert headroom.min() == 0
    assert headroom[best].sum() > 0


# --- wallet and cross-selling ----------------------------------------------------------------------------------------


def test_wallet_by_hand(eighty):
    asked = eighty.head(4).assign(spend_last_year=100.0, share_of_wallet=[50.0, 100, 45, np.nan])
    result = value.potential(asked, basis="wallet")
    headroom = result.headroom
    assert headroom["potential"].tolist() == pytest.approx([100, 0, 100 * (100 / 45 - 1)])
    # The smallest step between two answers is 5.
    assert headroom["potential_low"].tolist() == pytest.approx([100 * (100 / 52.5 - 1), 0, 100 * (100 / 47.5 - 1)])
    assert headroom["potential_high"].iloc[1] == pytest.approx(100 * (100 / 97.5 - 1))
    assert result.findings()[-1] == "This counts 3 customers; left out: 1 whose share of wallet is not known."
    low, high = 100 * (100 / 52.5 + 100 / 47.5 - 2), 100 * (100 / 47.5 + 100 / 97.5 + 100 / 42.5 - 3)
    assert result.findings()[0] == (
        "The headroom against what they buy elsewhere (share of wallet) is 222.2, 74.1 % of what these customers bring "
        f"now; with all answers half a step of the scale too low or too high it would be {number(round(low, 2))} or "
        f"{number(round(high, 2))}."
    )


def test_cross_selling_by_hand(eighty):
    customers = eighty.head(40).assign(spend_last_year=60.0, categories=[2] * 10 + [3] * 10 + [6] * 20)
    headroom = value.potential(customers, basis="cross_selling", quantile=0.75).headroom
    # The benchmark is six categories: three times two, twice three.
    assert headroom["potential"].iloc[[0, 10, 20]].tolist() == [120, 60, 0]


@pytest.mark.parametrize(
    ("columns", "basis", "sentence"),
    [
        ({}, "wallet", "The customers have no column share_of_wallet, which wallet headroom needs."),
        (
            {"share_of_wallet": np.nan},
            "wallet",
            "For no customer is share of wallet known, so there is no such headroom.",
        ),
        ({"categories": 0}, "cross_selling", "For no customer is categories known, so there is no such headroom."),
        ({"frequency": 0}, "peers", "No customer has a purchase, so there is no value to count."),
    ],
)
def test_what_is_missing_is_said(eighty, columns, basis, sentence, keeps_result_contract):
    result = value.potential(eighty.assign(**columns), basis=basis)
    assert result.findings() == (sentence,)
    keeps_result_contract(result, pictures=("plot",))


@pytest.mark.parametrize(("share", "shown"), [(120.0, "120"), (0.4, "0.4")])
def test_a_share_of_wallet_is_a_percentage(eighty, share, shown):
    assert refusal(DataError, eighty.assign(share_of_wallet=share), basis="wallet") == (
        f"potential: share_of_wallet must be in percent, from 0 to 100, not {shown}; mend it."
    )


def test_refusals(eighty):
    assert refusal(UsageError, eighty, basis="forecast") == (
        "potential: basis must be one of peers, wallet, cross_selling, not 'forecast'."
    )
    assert refusal(UsageError, eighty, quantile=75) == (
        "potential: quantile must lie between 0 and 1, such as 0.9, not 75."
    )
    assert refusal(UsageError, eighty, bands=(730, 365)) == (
        "potential: bands must be ascending numbers of days, such as (365, 730), not (730, 365)."
    )
    assert refusal(UsageError, eighty, least=0) == "potential: least must be a whole number, 1 or more, not 0."


@pytest.mark.parametrize("rows", [1, 5, 80])
@pytest.mark.parametrize("basis", value.BASES)
def test_PotentialResult_keeps_the_contract(eighty, basis, rows, keeps_result_contract):
    customers = eighty.head(rows).assign(
        share_of_wallet=40.0, categories=3, channel=[f"a channel with a rather long name {n % 2}" for n in range(rows)]
    )
    result = value.potential(customers, basis=basis, label="June", currency="CNY")
    keeps_result_contract(result, pictures=("plot",))


def test_the_picture_stacks_headroom_upon_current_value(eighty):
    ax = value.potential(eighty, quantile=0.5).plot()
    bars = ax.containers[:2]
    assert [patch.get_width() for patch in bars[0]] == [820, 8200]
    assert [patch.get_width() for patch in bars[1]] == [200, 2000]


def test_headroom_of_those_who_bring_nothing_now_is_said_apart():
    customers = pd.DataFrame(
        {"customer_id": list("abcd"), "frequency": [1, 1, 1, 1], "spend_last_year": [0.0, 0.0, 60.0, 100.0]}
    )
    result = value.potential(customers, quantile=0.75, least=2)
    assert result.headroom["potential"].sum() > 0
    lapsed = (
        result.headroom.loc[result.headroom["current"] == 0, "potential"].sum() / result.headroom["potential"].sum()
    )
    assert (
        f"{100 * lapsed:.1f} % of it is with customers who bring nothing now, to be won back and not grown"
        in (result.findings()[0])
    )
