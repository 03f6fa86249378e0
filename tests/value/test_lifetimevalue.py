"""Lifetime value, customer equity and cost to serve: by hand, against simulation, and what they say."""

import numpy as np
import pandas as pd
import pytest

from crm_analysis.errors import DataError, UsageError
from crm_analysis.value import clv
from crm_analysis.value.models.projection import margin_share, project

TRUTH = (0.8, 6.0, 0.9, 3.0)
SPEND = (6.0, 4.0, 90.0)


@pytest.fixture(scope="module")
def world(draw_histories):
    """Fitted models, a summary with spend, and the customer view of 600 customers."""
    summary = draw_histories("mbg", 600, TRUTH, seed=3)
    generator = np.random.default_rng(4)
    nu = generator.gamma(SPEND[1], 1 / SPEND[2], len(summary))
    x = summary["frequency"].to_numpy()
    summary["monetary"] = np.where(x > 0, generator.gamma(SPEND[0] * np.maximum(x, 1)) / nu / np.maximum(x, 1), np.nan)
    summary.attrs = {"unit": "week", "as_of": "2025-06-30"}
    view = pd.DataFrame(
        {
            "customer_id": summary["customer_id"],
            "gross_spend": 100.0,
            "margin": 30.0,
            "cost_to_serve": generator.gamma(2, 10, len(summary)),
            "acquisition_cost": 20.0,
            "region": np.where(generator.random(len(summary)) < 0.3, "North", "South of the river and far beyond it"),
        }
    )
    return clv.ModifiedBetaGeometric().fit(summary), clv.GammaGamma().fit(summary), summary, view


def test_LifetimeValueResult_keeps_the_contract(world, keeps_result_contract):
    fitted, spending, summary, view = world
    by_region = clv.value(fitted, spending, summary, customers=view, by="region", currency="CNY", draws=100)
    keeps_result_contract(by_region, pictures=("plot", "plot_customers"))
    keeps_result_contract(clv.value(fitted, spending, summary, draws=100), pictures=("plot", "plot_customers"))


def test_EquityResult_keeps_the_contract(world, keeps_result_contract):
    fitted, spending, summary, view = world
    keeps_result_contract(clv.equity(fitted, spending, summary, customers=view, draws=100), pictures=("plot",))
    keeps_result_contract(clv.equity(fitted, spending, summary, draws=100), pictures=("plot",))


def test_ServingResult_keeps_the_contract(world, keeps_result_contract):
    fitted, spending, summary, view = world
    pictures = ("plot", "plot_customers")
    for customers, by in ((view, "region"), (view, ""), (None, ""), (view.assign(cost_to_serve=0.01), "")):
        result = clv.serving(fitted, spending, summary, customers=customers, by=by, draws=100)
        keeps_result_contract(result, pictures=pictures)


def test_a_value_by_hand(world):
    """One quarter without discount: margin x spend x expected purchases in 13.04 weeks."""
    fitted, spending, summary, _ = world
    result = clv.value(fitted, spending, summary, years=0.25, discount_rate=0, margin=0.5, draws=100)
    expected = fitted.expected_purchases(summary, periods=365.25 / 4 / 7) * spending.mean_spend(summary) * 0.5
    assert result.customers["value"].to_numpy() == pytest.approx(expected.to_numpy())
    assert result.segments["value_total"].iloc[-1] == pytest.approx(expected.sum())


def test_discount_and_cost_by_the_integral(world):
    """Against a sum over 3,000 small steps of the model's rate of purchases and of the chance to be there."""
    fitted, spending, summary, view = world
    one = summary.iloc[[0, 5]].copy()
    one.attrs = summary.attrs
    found = project(
        fitted, spending, one, customers=view, years=2.0, discount_rate=0.2, margin=0.3, currency="", caller="test"
    ).customers
    from crm_analysis.value.models.history import distinct

    histories, years = distinct(one, caller="test"), np.linspace(0, 2, 3001)
    weeks = years * 365.25 / 7
    bought = fitted.expected(fitted.maximum_.params, histories, weeks[1:])
    there = fitted.remaining(fitted.maximum_.params, histories, weeks[1:])
    discount = 1.2 ** -((years[1:] + years[:-1]) / 2)
    spend = (discount @ np.diff(bought, axis=0, prepend=0))[histories.place] * spending.mean_spend(one).to_numpy()
    cost = (discount @ there)[histories.place] * (2 / 3000) * view["cost_to_serve"].iloc[[0, 5]].to_numpy()
    assert found["spend"].to_numpy() == pytest.approx(spend, rel=2e-3)
    assert found["cost"].to_numpy() == pytest.approx(cost, rel=5e-3)


def test_intervals_of_the_value_hold_what_may_happen(world):
    """The true parameters' own futures fall into the customers' intervals, and their total into its interval."""
    fitted, spending, summary, _ = world
    result = clv.value(fitted, spending, summary, years=1, discount_rate=0, margin=1.0, draws=800, seed=5)
    drawn = project(
        fitted, spending, summary, customers=None, years=1, discount_rate=0, margin=1.0, currency="", caller="test"
    ).draws(number=100, seed=77)
    _, values = next(drawn)
    low, high = result.customers["value_low"].to_numpy(), result.customers["value_high"].to_numpy()
    assert ((low <= values) & (values <= high)).mean() == pytest.approx(0.95, abs=0.025)
    assert values.mean() == pytest.approx(result.customers["value"].mean(), rel=0.06)
    whole = result.segments.iloc[-1]
    totals = values.sum(axis=1)
    assert ((whole["value_total_low"] <= totals) & (totals <= whole["value_total_high"])).mean() > 0.88


def test_draws_are_discounted_and_pay_for_serving(world):
    """Their mean is the expected value, discounted at 30 % over five years and with the cost of serving taken off."""
    fitted, spending, summary, view = world
    projected = project(
        fitted, spending, summary, customers=view, years=5, discount_rate=0.3, margin=0.6, currency="", caller="test"
    )
    drawn = projected.sums(np.zeros(len(summary), dtype=int), number=200, seed=1)
    assert drawn.mean() == pytest.approx(projected.customers["value"].sum(), rel=0.05)
    low, high = np.quantile(drawn, [0.025, 0.975])
    found = clv.value(fitted, spending, summary, customers=view, years=5, discount_rate=0.3, margin=0.6, draws=200)
    whole = found.segments.iloc[-1]
    assert [whole["value_total_low"], whole["value_total_high"]] == pytest.approx([low, high], rel=0.1)


def test_the_margin_is_that_of_purchases_whose_margin_is_known():
    view = pd.DataFrame({"gross_spend": [100.0, 300.0, 600.0], "margin": [10.0, 50.0, None]})
    assert margin_share(view) == pytest.approx(60 / 400)
    assert margin_share(view.drop(columns="margin")) is None


def test_segments_add_up(world):
    fitted, spending, summary, view = world
    result = clv.value(fitted, spending, summary, customers=view, by="region", draws=100)
    parts, whole = result.segments.iloc[:-1], result.segments.iloc[-1]
    assert parts["value_total"].sum() == pytest.approx(whole["value_total"])
    assert parts["customers"].sum() == whole["customers"] == 600
    assert parts["value_share"].sum() == pytest.approx(1)
    assert result.terms.margin == pytest.approx(0.3)
    assert result.findings()[-1] == "Profit is 30.0 % of the spend, less the cost of serving them."


def test_customers_without_a_segment_are_valued_together(world, keeps_result_contract):
    fitted, spending, summary, view = world
    result = clv.value(fitted, spending, summary, customers=view.assign(segment=None), by="segment", draws=100)
    assert result.findings()[1] == "No customer has a segment, so that all are valued together."
    assert result.segments["segment"].tolist() == ["unknown", "all customers"]
    keeps_result_contract(result, pictures=("plot", "plot_customers"))


def test_without_a_margin_values_are_sales(world):
    fitted, spending, summary, _ = world
    said = clv.value(fitted, spending, summary, draws=100).findings()
    assert said[-1] == "The margin is not known, so that these are sales and not profit."
    assert " of spend in the next 3 years, discounted at 10.0 % a year: " in said[0]


def test_the_cautions_of_the_models_are_passed_on(world):
    fitted, _, summary, _ = world
    related = summary.assign(monetary=summary["monetary"] * np.maximum(summary["frequency"], 1))
    related.attrs = summary.attrs
    with pytest.warns(UserWarning, match="correlation"):
        other = clv.GammaGamma().fit(related)
    assert clv.value(fitted, other, related, draws=100).findings()[-1] == other.cautions_[0]


def test_equity_adds_present_and_future(world):
    fitted, spending, summary, view = world
    result = clv.equity(fitted, spending, summary, customers=view, winning_years=2, discount_rate=0, draws=100)
    rows = result.parts.set_index("part")
    present = clv.value(fitted, spending, summary, customers=view, discount_rate=0, draws=100)
    assert rows.loc["present", "value"] == pytest.approx(present.segments["value_total"].iloc[-1])
    assert rows.loc["all", "value"] == pytest.approx(rows["value"].iloc[:2].sum())
    new = result.newcomer.iloc[0]
    won = (summary["age"] * 7 < 365.25).sum()
    assert new["new_a_year"] == pytest.approx(won / min(1, summary["age"].max() * 7 / 365.25))
    assert rows.loc["future", "value"] == pytest.approx(2 * new["new_a_year"] * new["net_value"])
    assert new["net_value"] == pytest.approx(new["value_before_winning"] - 20)
    assert "costs 20 to win: winning pays." in result.findings()[1]
    dear = clv.equity(fitted, spending, summary, customers=view.assign(acquisition_cost=9e4), draws=100)
    assert dear.findings()[1].endswith("costs 90,000 to win: winning does not pay.")


def test_a_log_of_one_group_says_nothing_of_customers_to_come(world, keeps_result_contract):
    """Nobody is younger than a year, so that none to come can be expected, and none excluded."""
    fitted, spending, summary, _ = world
    older = summary.assign(age=summary["age"] + 60)
    older.attrs = summary.attrs
    result = clv.equity(fitted, spending, older, draws=100)
    first, second, third = result.findings()[:3]
    assert first.startswith("Today's customers are worth ")
    assert "still to be won" not in first
    assert second == (
        "Nobody bought for the first time in the last year, so that customers still to be won count as nothing, as in "
        "a log that follows one group of customers."
    )
    assert third.startswith("A new customer brings ")
    assert not any("It is assumed" in sentence for sentence in result.findings())
    keeps_result_contract(result, pictures=("plot",))


def test_the_share_of_the_best_fifth_has_an_interval(world):
    fitted, spending, summary, view = world
    result = clv.value(fitted, spending, summary, customers=view, draws=200)
    values = np.sort(result.customers["value"])[::-1]
    share, low, high = result.top_share
    assert share == pytest.approx(values[:120].sum() / values.sum())
    assert low < share < high
    assert (
        f"The fifth with the highest expected value has {100 * share:.1f} % (95 % interval {100 * low:.1f}–"
        f"{100 * high:.1f}) of the whole."
    ) in result.findings()


def test_newcomers_are_discounted_to_their_first_purchase_and_from_there_to_today(world):
    """Who is won in year t counts for 1.2^-t, so that two years of winning at rate 1 are worth the integral."""
    fitted, spending, summary, view = world
    served = view.assign(cost_to_serve=30.0)
    given = {"years": 2.0, "winning_years": 2.0, "discount_rate": 0.2, "margin": 0.5, "draws": 100}
    result = clv.equity(fitted, spending, summary, customers=served, **given)
    new, future = result.newcomer.iloc[0], result.parts.set_index("part").loc["future"]
    years = (np.arange(1000) + 0.5) / 500
    assert future["value"] == pytest.approx(new["new_a_year"] * new["net_value"] * (1.2**-years).sum() / 500, rel=1e-5)
    assert future["value_low"] < future["value"] < future["value_high"]
    weeks, params = years * 365.25 / 7, fitted.maximum_.params
    bought = 1 + 1.2**-years @ np.diff(fitted.newcomer(params, weeks), prepend=0)
    p, q, v = spending.params_
    cost = 30 * (1.2**-years @ fitted.newcomer_there(params, weeks)) / 500
    assert new["value_before_winning"] == pytest.approx(0.5 * p * v / (q - 1) * bought - cost, rel=5e-3)


def test_the_models_err_alike_for_present_and_future_customers(world):
    """The parameters of both parts are drawn once, so that their sum is less sure than two errors apart would be."""
    fitted, spending, summary, _ = world
    given = {"years": 3.0, "discount_rate": 0.1, "margin": 1.0, "currency": "", "caller": "test"}
    projected = project(fitted, spending, summary, customers=None, **given)
    purchases, _ = projected.parameters(number=200, seed=2)
    values = projected.sums(np.zeros(600, dtype=int), number=200, seed=2)[:, 0]
    new = [fitted.newcomer(params, projected.terms.periods[-1]) for params in purchases]
    assert np.corrcoef(values, new)[0, 1] > 0.3
    parts = clv.equity(fitted, spending, summary, margin=1.0, draws=200, seed=2).parts
    present, future, whole = (parts["value_high"] - parts["value_low"]) / 2
    assert whole > 1.05 * np.hypot(present, future)


def test_a_future_that_costs_more_than_it_brings_is_negative_at_both_ends(world):
    fitted, spending, summary, view = world
    dear = clv.equity(fitted, spending, summary, customers=view.assign(acquisition_cost=9e4), draws=100)
    future = dear.parts.set_index("part").loc["future"]
    assert future["value_low"] < future["value"] < future["value_high"] < 0


def test_a_newcomer_is_worth_what_customers_of_the_model_bring(world):
    """Customers drawn from the fitted parameters, followed for a year."""
    fitted, spending, summary, _ = world
    r, alpha, a, b = fitted.params_
    p, q, v = spending.params_
    generator, n, weeks = np.random.default_rng(1), 40_000, 365.25 / 7
    rates, stops = generator.gamma(r, 1 / alpha, n), generator.beta(a, b, n)
    after_first = np.minimum(generator.poisson(rates * weeks), generator.geometric(np.maximum(stops, 1e-9)))
    bought = 1 + np.where(generator.random(n) < stops, 0, after_first)
    brought = bought * p / generator.gamma(q, 1 / v, n)
    found = clv.equity(fitted, spending, summary, years=1, discount_rate=0, margin=1.0, draws=100).newcomer.iloc[0]
    assert found["value_before_winning"] == pytest.approx(brought.mean(), rel=0.03)


def test_serving_by_hand(world):
    fitted, spending, summary, view = world
    result = clv.serving(fitted, spending, summary, customers=view, by="region", price_rise=0.2, accept=0.5, draws=100)
    table = clv.value(fitted, spending, summary, customers=view, draws=100).customers
    losing = table[table["value"] < 0]
    whole = result.segments.iloc[-1]
    assert whole["losing"] == len(losing) > 0
    assert whole["loss_total"] == pytest.approx(losing["value"].sum())
    assert whole["rise_share"] == pytest.approx(-losing["value"].sum() / losing["spend"].sum())
    assert result.actions["gain"].iloc[0] == pytest.approx(-losing["value"].sum())
    repriced = 0.5 * (losing["value"].sum() + 0.2 * losing["spend"].sum()) - losing["value"].sum()
    assert result.actions["gain"].iloc[1] == pytest.approx(repriced)
    assert (result.actions["gain_low"] <= result.actions["gain"]).all()
    assert (result.actions["gain"] <= result.actions["gain_high"]).all()


def test_what_may_happen_is_drawn_of_those_who_lose_money(world):
    """A margin of 0.3 on what they then spend, less their cost; repriced by 0.2 with half of them staying."""
    fitted, spending, summary, view = world
    result = clv.serving(fitted, spending, summary, customers=view, by="region", price_rise=0.2, accept=0.5, draws=100)
    terms = {"years": 3.0, "discount_rate": 0.1, "margin": 0.3, "currency": "", "caller": "test"}
    projected = project(fitted, spending, summary, customers=view, **terms)
    losing = projected.customers["value"] < 0
    sums = projected.sums(np.where(losing, 0, -1), number=100, seed=0)[:, 0]
    spent = (sums + projected.customers.loc[losing, "cost"].sum()) / 0.3
    for place, drawn in enumerate((-sums, 0.5 * (sums + 0.2 * spent) - sums)):
        ends = result.actions.loc[place, ["gain_low", "gain_high"]].tolist()
        assert ends == pytest.approx(np.quantile(drawn, [0.025, 0.975]))
    whole = result.segments.iloc[-1]
    assert [whole["loss_total_low"], whole["loss_total_high"]] == pytest.approx(np.quantile(sums, [0.025, 0.975]))


def test_what_serving_cannot_say(world):
    fitted, spending, summary, view = world
    assert clv.serving(fitted, spending, summary).findings() == (
        "The cost of serving customers is not known in this study (customers with cost_to_serve).",
    )
    assert clv.serving(fitted, spending, summary, customers=view.drop(columns="margin")).findings() == (
        "The margin is not known, so that nobody can be said to lose money; give margin.",
    )
    cheap = clv.serving(fitted, spending, summary, customers=view.assign(cost_to_serve=1e-9), draws=100)
    assert cheap.findings() == ("Nobody is expected to cost more than they bring in the next 3 years.",)


@pytest.mark.parametrize(
    ("verb", "change", "kind", "message"),
    [
        ("value", {"years": 0}, UsageError, "value: years must be a positive number, not 0."),
        ("value", {"discount_rate": 8}, UsageError, "value: discount_rate is a share of a year, such as 0.1, not 8."),
        ("value", {"draws": 3}, UsageError, "value: draws must be a whole number, 100 or more, not 3."),
        (
            "value",
            {"margin": 1.4},
            DataError,
            "value: the margin is 1.400 of the spend, not between 0 and 1; give margin.",
        ),
        (
            "value",
            {"by": "colour"},
            UsageError,
            "value: there is no column 'colour' to divide customers by; no customers were given.",
        ),
        ("equity", {"winning_years": -1}, UsageError, "equity: winning_years must not be negative, not -1."),
        (
            "serving",
            {"accept": 1.2},
            UsageError,
            "serving: accept must be a share and price_rise not negative, not 1.2 and 0.1.",
        ),
    ],
)
def test_wrong_calls_are_said(world, verb, change, kind, message):
    fitted, spending, summary, _ = world
    with pytest.raises(kind) as caught:
        getattr(clv, verb)(fitted, spending, summary, **change)
    assert str(caught.value) == message


def test_a_summary_without_its_unit_is_refused(world):
    fitted, spending, summary, _ = world
    bare = summary.copy()
    bare.attrs = {}
    with pytest.raises(UsageError) as caught:
        clv.value(fitted, spending, bare)
    assert str(caught.value) == (
        "value: the summary does not say its unit of time; make it with clv.summarise, or set summary.attrs['unit']."
    )


def test_models_in_the_wrong_place_or_not_fitted_are_refused(world):
    fitted, spending, summary, _ = world
    for given, message in (
        (
            (spending, fitted),
            "equity: give a model of purchases and then GammaGamma, not GammaGamma and ModifiedBetaGeometric.",
        ),
        ((clv.ParetoNBD(), spending), "ParetoNBD has not learned anything yet; call fit(summary) first."),
        ((fitted, clv.GammaGamma()), "GammaGamma has not learned anything yet; call fit(summary) first."),
    ):
        with pytest.raises(UsageError) as caught:
            clv.equity(*given, summary)
        assert str(caught.value) == message
