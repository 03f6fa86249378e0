"""Decision: the gain, MPC and EMPC against brute force, the list and its hold-out, uplift, what campaigns brought."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from crm_analysis import table
from crm_analysis.churn import decision, model, profit, propensity, review, trials, uplift
from crm_analysis.churn.profit import Offer
from crm_analysis.errors import UsageError
from crm_analysis.study import Study

TERMS = {"value": 200, "contact_cost": 1, "offer_cost": 10, "acceptance": 0.3}


def test_the_gain_of_a_contact_is_its_formula():
    offer = Offer(contact_cost=1, offer_cost=10, acceptance=0.3, takeup=0.5)
    # p a (V - d) - (1 - p) t d - f = 0.4 * 0.3 * 190 - 0.6 * 0.5 * 10 - 1
    assert offer.gain(np.array([0.4]), 200)[0] == pytest.approx(22.8 - 3 - 1)
    assert offer.break_even(200) == pytest.approx((5 + 1) / (0.3 * 190 + 5))
    assert offer.gain(np.array([offer.break_even(200)]), 200)[0] == pytest.approx(0, abs=1e-12)
    assert Offer(1, 10, 0.0, 0.0).break_even(200) == np.inf
    # A leaver who is not worth the offer is never contacted.
    assert Offer(1, 10, 0.3, 0.0).break_even(np.array([5.0, 200.0])).tolist() == pytest.approx([np.inf, 1 / 57])
    assert offer.cost(np.array([0.4]))[0] == pytest.approx(1 + (0.12 + 0.3) * 10)


@given(st.integers(0, 200))
def test_the_maximum_profit_is_that_of_the_best_cut(seed):
    g = np.random.default_rng(seed)
    chance = np.round(g.random(40), 1)
    left = (g.random(40) < chance).astype(int)
    if not 0 < left.sum() < 40:
        return
    offer = Offer(1, 10, 0.3, 0.6)
    brought = np.where(left == 1, 0.3 * 190 - 1, -7.0)
    cuts = {0.0: 0.0} | {(chance >= cut).mean(): brought[chance >= cut].sum() / 40 for cut in np.unique(chance)}
    most, share = profit.maximum(left, chance, value=200, offer=offer)
    assert most == pytest.approx(max(cuts.values()))
    # The share is one of a cut that brings so much.
    assert cuts[min(cuts, key=lambda cut: abs(cut - share))] == pytest.approx(most)
    assert min(abs(cut - share) for cut in cuts) < 1e-9


@given(st.integers(0, 60))
def test_the_expected_maximum_is_the_mean_over_acceptance(seed):
    g = np.random.default_rng(seed)
    chance = g.random(60)
    left = (g.random(60) < chance**2).astype(int)
    if not 0 < left.sum() < 60:
        return
    grid = (np.arange(4000) + 0.5) / 4000
    density = stats.beta.pdf(grid, 6, 14)
    best = [profit.maximum(left, chance, value=200, offer=Offer(4, 10, a, 0.6)) for a in grid[::20]]
    expected = np.average(best, weights=density[::20], axis=0)
    found = profit.expected_maximum(left, chance, value=200, offer=Offer(4, 10, 0.3, 0.6))
    assert found == pytest.approx(expected, rel=0.01, abs=0.002)
    # Where a customer is worth less than the offer nobody is contacted, whatever acceptance is.
    assert profit.expected_maximum(left, chance, value=8, offer=Offer(4, 10, 0.3)) == (0.0, 0.0)


def test_everybody_worth_it_is_on_the_list_and_nobody_else(drawn, fitted, keeps_result_contract):
    _, latest, _ = drawn
    found = decision.plan(fitted, latest, **TERMS, currency="CNY")
    chance = fitted.chance(latest)
    assert set(found.actions["customer_id"]) == set(latest.features.index[chance > found.break_even])
    assert found.break_even == pytest.approx(11 / 67)
    assert found.actions["expected_gain"].is_monotonic_decreasing
    policies = found.policies.set_index("policy")["profit"]
    assert policies["nobody"] == 0
    assert policies["this plan"] > policies["everyone"]
    # What would have been: the gain formula at p = 1 for who left and p = 0 for who stayed.
    on_it = latest.features.index.isin(found.actions["customer_id"])
    assert policies["this plan"] == pytest.approx(np.where(latest.left[on_it] == 1, 56.0, -11.0).sum())
    keeps_result_contract(found, pictures=("plot",))


def test_the_budget_holds_and_buys_the_best(drawn, fitted):
    found = decision.plan(fitted, drawn[1], **TERMS, budget=500)
    assert 490 < found.actions["expected_cost"].sum() <= 500
    whole = decision.plan(fitted, drawn[1], **TERMS)
    assert set(found.actions["customer_id"]) < set(whole.actions["customer_id"])
    assert found.actions["probability_share"].min() > whole.actions["probability_share"].median()


def test_the_budget_goes_to_those_who_bring_most_for_what_they_cost(drawn, fitted):
    latest = drawn[1].take(np.arange(300))
    value = pd.Series(np.random.default_rng(4).uniform(50, 500, size=300), latest.features.index)
    terms = TERMS | {"value": value, "takeup": 0.2, "resamples": 20}
    whole = decision.plan(fitted, latest, **terms)
    ratio = (whole.actions["expected_gain"] / whole.actions["expected_cost"]).set_axis(whole.actions["customer_id"])
    found = decision.plan(fitted, latest, **terms, budget=100)
    assert found.worth_it == whole.worth_it == len(ratio)
    best = ratio.sort_values(ascending=False).index[: len(found.actions)]
    assert found.actions["customer_id"].tolist() == best.tolist()
    assert best.tolist() != whole.actions["customer_id"].iloc[: len(best)].tolist()
    # It may be spent to the last.
    assert len(decision.plan(fitted, latest, **(TERMS | {"offer_cost": 0}), budget=3, resamples=20).actions) == 3


def test_every_policy_is_tried_on_who_left(drawn, fitted):
    from dataclasses import replace

    latest = drawn[1].take(np.arange(300))
    terms, offer = TERMS | {"takeup": 0.5, "resamples": 20}, Offer(1, 10, 0.3, 0.5)
    chance, left = fitted.chance(latest), latest.left
    order = np.argsort(-chance, kind="stable")
    members = {"everyone": order, "the likeliest tenth": order[:30], "p > 0.5": order[chance[order] > 0.5]}
    found = decision.plan(fitted, latest, **terms)
    rows = found.policies.set_index("policy")[["contacted", "cost", "profit"]]
    for name, inside in members.items():
        n, gone = len(inside), left[inside].sum()
        cost = n + 10 * (0.3 * gone + 0.5 * (n - gone))
        assert rows.loc[name].tolist() == pytest.approx([n, cost, 0.3 * 200 * gone - cost]), name
    assert rows.loc["nobody"].tolist() == [0, 0, 0]
    half = found.curve.set_index("contacted_share").loc[0.5, "profit"]
    assert half == pytest.approx(offer.gain(left[order[:150]].astype(float), 200).sum())
    mpc = profit.maximum(left, chance, value=200, offer=offer)
    empc = profit.expected_maximum(left, chance, value=200, offer=offer)[0]
    assert found.criteria == {"mpc": mpc[0], "mpc_share": mpc[1], "empc": empc}
    # Before it is known who left, by the model's own probabilities.
    expected = decision.plan(fitted, replace(latest, label=latest.label * np.nan), **terms)
    rows = expected.policies.set_index("policy")[["contacted", "cost", "profit"]]
    for name, inside in members.items():
        sums = [len(inside), offer.cost(chance[inside]).sum(), offer.gain(chance[inside], 200).sum()]
        assert rows.loc[name].tolist() == pytest.approx(sums), name


def test_a_tenth_is_held_out_by_lot(drawn, fitted):
    found = decision.plan(fitted, drawn[1], **TERMS, seed=3)
    control = found.actions[found.actions["arm"] == "control"]
    assert len(control) == round(0.1 * len(found.actions))
    assert stats.mannwhitneyu(control["probability_share"], found.actions["probability_share"]).pvalue > 0.01
    pd.testing.assert_frame_equal(decision.plan(fitted, drawn[1], **TERMS, seed=3, resamples=20).actions, found.actions)
    other = decision.plan(fitted, drawn[1], **TERMS, seed=4)
    assert set(other.actions.loc[other.actions["arm"] == "control", "customer_id"]) != set(control["customer_id"])
    none = decision.plan(fitted, drawn[1], **TERMS, hold_out=0)
    assert "No customer is held out, so nobody will be able to tell what contacting brought." in none.findings()
    treated = found.actions[found.actions["arm"] == "treated"]
    metrics = found.metrics()
    assert (metrics["contacted"], metrics["held_out"]) == (len(treated), len(control))
    assert metrics["listed"] == len(found.actions)
    given_up = table.amount(float(control["expected_gain"].sum()), "")
    assert found.findings()[-2] == (
        f"{len(control)} customers of the list, drawn by lot, are not to be contacted, which gives up {given_up} of "
        "that gain: only the difference to them shows what contacting brings."
    )


def test_who_is_in_a_running_campaign_is_not_on_the_next_list(drawn, fitted):
    latest = drawn[1].take(np.arange(200))
    day = latest.as_of.max()
    first = decision.plan(fitted, latest, **TERMS, seed=1)
    campaign = first.actions[["customer_id", "arm"]].head(20)
    begun = [day - pd.Timedelta(days=90)] + [day - pd.Timedelta(days=89)] * 18 + [day + pd.Timedelta(days=1)]
    second = decision.plan(fitted, latest, **TERMS, seed=1, campaigns=campaign.assign(time=begun))
    # The 90 days of the first are over on the day, and the last campaign has not begun.
    assert second.resting == 18
    assert set(first.actions["customer_id"]) - set(second.actions["customer_id"]) == set(campaign["customer_id"][1:-1])
    assert second.worth_it == first.worth_it - 18 == len(second.actions)
    assert second.findings()[1] == (
        "18 customers cannot be on the list: they are in a campaign of the last 90 days, contacted or held out, which "
        "is still being measured."
    )
    # Of today's customers nothing is known after, and a list of yesterday may be dated later than the last order.
    today = replace(latest, label=latest.label * np.nan)
    assert decision.plan(fitted, today, **TERMS, campaigns=campaign.assign(time=begun)).resting == 19
    assert decision.plan(fitted, latest, **TERMS, campaigns=campaign.assign(time=begun), rest_days=91).resting == 19
    with pytest.raises(UsageError) as raised:
        decision.plan(fitted, latest, **TERMS, campaigns=campaign)
    assert str(raised.value) == "decision.plan: campaigns has no column 'time'; it needs customer_id and time."
    # Without dates the last campaign tells how late it is.
    undated = replace(latest, as_of=latest.as_of.where(latest.as_of.isna()), label=latest.label * np.nan)
    assert decision.plan(fitted, undated, **TERMS, campaigns=campaign.assign(time=begun), rest_days=90).resting == 1
    nobody = decision.plan(fitted, latest, **TERMS, campaigns=pd.DataFrame())
    assert nobody.resting == 0


def test_values_may_differ_by_customer(drawn, fitted):
    latest = drawn[1]
    value = pd.Series(np.where(np.arange(len(latest)) % 2, 500.0, 5.0), latest.features.index)
    found = decision.plan(fitted, latest, **(TERMS | {"value": value.iloc[::-1]}))
    assert set(found.actions["value"]) == {500.0}
    with pytest.raises(UsageError) as raised:
        decision.plan(fitted, latest, **(TERMS | {"value": value.iloc[1:]}))
    assert str(raised.value) == "decision.plan: customer 'C2_0' has no value; give one to each, such as 0."


def test_without_labels_the_list_is_made_and_nothing_is_tried(drawn, fitted, keeps_result_contract):
    latest = drawn[1]
    found = decision.plan(fitted, replace(latest, label=latest.label * np.nan), **TERMS)
    assert not found.known
    assert found.criteria == {}
    # Where all stayed there is nothing to try a list on either.
    stayed = decision.plan(fitted, replace(latest, label=0 * latest.label), **TERMS)
    assert not any("did leave" in sentence for sentence in stayed.findings())
    keeps_result_contract(stayed, pictures=("plot",))
    keeps_result_contract(found, pictures=("plot",))


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ({"acceptance": 1.2}, "The acceptance parameter must lie between 0 and 1, not 1.2."),
        ({"offer_cost": -1}, "The offer_cost parameter must be a finite number, 0 or more, not -1."),
        ({"acceptance": "0.3"}, "The acceptance parameter must lie between 0 and 1, not '0.3'."),
        (
            {"contact_cost": float("inf")},
            "The contact_cost parameter must be a finite number, 0 or more, not inf.",
        ),
        ({"budget": -5}, "The budget parameter of decision.plan must be 0 or more, or None for no limit, not -5."),
        (
            {"budget": float("inf")},
            "The budget parameter of decision.plan must be 0 or more, or None for no limit, not inf.",
        ),
        ({"seed": -1}, "decision.plan: seed must be a whole number, 0 or more, not -1."),
        ({"resamples": 0}, "decision.plan: resamples must be a whole number, 1 or more, not 0."),
        ({"value": None}, "decision.plan: customer 'C2_0' has no value; give one to each, such as 0."),
        ({"value": [float("inf")] * 2000}, "decision.plan: customer 'C2_0' has no value; give one to each, such as 0."),
        ({"value": "much"}, "decision.plan: value must be a number, or one for each customer."),
        (
            {"value": np.ones((2000, 1))},
            "decision.plan: value must be a number or a Series, not a table of 2 dimensions.",
        ),
        (
            {"value": pd.Series(1.0, ["C2_0", "C2_0"])},
            "decision.plan: customer 'C2_0' has two values; give one to each.",
        ),
        ({"hold_out": 1}, "The hold_out parameter of decision.plan must be at least 0 and below 1, not 1."),
        ({"rest_days": 0}, "decision.plan: rest_days must be a whole number, 1 or more, not 0."),
        ({"value": [1.0, 2.0]}, "decision.plan: value has 2 numbers for 2000 customers."),
    ],
)
def test_terms_out_of_range(drawn, fitted, terms, message):
    with pytest.raises(UsageError) as raised:
        decision.plan(fitted, drawn[1], **(TERMS | terms))
    assert str(raised.value) == message


def test_where_a_contact_costs_nothing_everybody_is_contacted(drawn, fitted):
    free = TERMS | {"contact_cost": 0, "offer_cost": 0}
    found = decision.plan(fitted, drawn[1].take(np.arange(300)), **free, budget=0, resamples=20)
    assert len(found.actions) == 300
    # Every leaver may be kept, with a chance of 0.3 on average.
    assert found.criteria["empc"] == pytest.approx(0.3 * 200 * drawn[1].left[:300].mean())


def test_PlanResult_keeps_the_contract(drawn, fitted, keeps_result_contract):
    nobody = decision.plan(fitted, drawn[1], **(TERMS | {"value": 1}))
    assert nobody.findings()[0] == "Nobody is on the list: no contact is expected to pay."
    keeps_result_contract(nobody, pictures=("plot",))
    poor = decision.plan(fitted, drawn[1], **TERMS, budget=1)
    assert poor.findings()[0] == "Nobody is on the list: the budget does not reach for one contact."
    empty = decision.plan(fitted, drawn[1].take(np.arange(0)), **TERMS)
    assert empty.findings() == ("There are no customers to contact.",)
    keeps_result_contract(empty, pictures=("plot",))


def persuaded(n=6000, seed=1, *, effect=0.25):
    """A third are persuaded by a contact, the others are not; who buys anyway is somebody else."""
    g = np.random.default_rng(seed)
    open_minded, keen = g.random(n) < 1 / 3, g.random(n) < 0.5
    treated = (g.random(n) < 0.7).astype(float)
    chance = 0.1 + 0.4 * keen + effect * open_minded * treated
    features = pd.DataFrame(
        {"open_minded": open_minded.astype(float), "keen": keen.astype(float), "noise": g.normal(size=n)},
        index=pd.Index([f"C{i}" for i in range(n)], name="customer_id"),
    )
    return features, treated, (g.random(n) < chance).astype(float)


def test_uplift_finds_whom_a_contact_changes(keeps_result_contract):
    features, treated, response = persuaded()
    found = uplift.estimate(features, treated=treated, response=response, resamples=200)
    methods = found.methods.set_index("method")
    assert (methods.loc[list(uplift.METHODS), "qini_low"] > 0).all()
    assert found.effect["low"] < 25 / 3 < found.effect["high"]
    top = found.groups.iloc[0]
    assert top["difference_points_low"] < 25 < top["difference_points_high"] + 3
    assert found.groups.iloc[-1]["difference_points_low"] < 0.5
    # Who responds when contacted: the open-minded too.
    minds = features["open_minded"].reindex(found.scores["customer_id"]).to_numpy()
    responds = found.scores["response"].groupby(minds).mean()
    assert responds[1] - responds[0] == pytest.approx(0.25, abs=0.05)
    # However many were contacted, the two ways mean the same effect.
    assert found.scores[list(uplift.METHODS)].mean().tolist() == pytest.approx([1 / 12, 1 / 12], abs=0.02)
    # The best order reaches the whole effect with a third of the customers.
    assert methods.loc["two models", "qini"] == pytest.approx(25 / 3 / 3, rel=0.35)
    keeps_result_contract(found, pictures=("plot", "plot_groups"))


def test_a_customer_who_is_in_four_campaigns_is_one_customer():
    features, treated, response = persuaded(300)
    results = [
        uplift.estimate(
            pd.concat([features] * times),
            treated=np.tile(treated, times),
            response=np.tile(response, times),
            resamples=200,
        )
        for times in (1, 4)
    ]
    once, four = (result.methods.set_index("method") for result in results)
    found = results[1].scores
    # Whoever is in four campaigns is in one fold.
    assert found.groupby("customer_id")["two models"].nunique().eq(1).all()
    width = (four["qini_high"] - four["qini_low"]) / (once["qini_high"] - once["qini_low"])
    assert width["two models"] > 0.75


def test_campaigns_that_held_out_different_shares_are_compared_each_within_itself():
    """Nobody is changed by a contact; the campaign with more contacts is the one in which more respond anyway."""
    g = np.random.default_rng(3)
    campaign = np.repeat(["early", "late"], 1500)
    treated = (g.random(3000) < np.where(campaign == "late", 0.9, 0.5)).astype(float)
    response = (g.random(3000) < np.where(campaign == "late", 0.5, 0.1)).astype(float)
    features = pd.DataFrame({"coin": g.integers(0, 2, 3000).astype(float)}, index=[f"C{i}" for i in range(3000)])
    given = {"treated": treated, "response": response, "resamples": 100}
    pooled, apart = (uplift.estimate(features, **given, campaign=name).effect for name in (None, campaign))
    assert pooled["low"] > 10
    assert apart["low"] < 0 < apart["high"]
    each = [
        response[(campaign == name) & (treated == 1)].mean() - response[(campaign == name) & (treated == 0)].mean()
        for name in ("early", "late")
    ]
    assert apart["estimate"] == pytest.approx(100 * np.mean(each))
    with pytest.raises(UsageError, match=r"^uplift\.estimate: campaign must name one for each of the 3,000 rows\.$"):
        uplift.estimate(features, **given, campaign=campaign[:9])


def test_UpliftResult_keeps_the_contract(keeps_result_contract):
    features, treated, response = persuaded(2000, 1, effect=0.0)
    found = uplift.estimate(features, treated=treated, response=response, resamples=100)
    assert found.findings()[1].startswith("No method is shown to know whom a contact changes")
    keeps_result_contract(found, pictures=("plot", "plot_groups"))
    nothing = uplift.estimate(pd.DataFrame(), treated=np.empty(0), response=np.empty(0))
    assert nothing.findings() == ("Whom a contact changes cannot be told: no campaign has a control group.",)
    keeps_result_contract(nothing, pictures=("plot", "plot_groups"))
    with pytest.raises(UsageError, match=r"^uplift\.estimate: treated must hold 0 or 1 for each of the 2,000 rows\.$"):
        uplift.estimate(features, treated=treated + 1, response=response)
    with pytest.raises(UsageError) as raised:
        uplift.estimate(features, treated=treated, response=response, folds=1000)
    smaller = int((1 - treated).sum())
    assert str(raised.value) == (
        f"uplift.estimate: 1000 folds are too many for {smaller} customers in the smaller arm; use at most "
        f"{smaller // 10}."
    )
    few = uplift.estimate(features, treated=0 * treated, response=response)
    assert few.findings() == (
        "Whom a contact changes cannot be told: 0 customers were contacted and 2000 held out; at least 50 of each are "
        "needed.",
    )
    assert few.overall().empty
    assert found.overall().iloc[0].tolist() == [found.effect[key] / 100 for key in ("estimate", "low", "high")]


def test_the_review_measures_what_was_planted(keeps_result_contract):
    g = np.random.default_rng(3)
    n, day = 4000, pd.Timestamp("2025-03-01")
    arm = np.where(g.random(n) < 0.6, "treated", "control")
    campaigns = pd.DataFrame(
        {"customer_id": [f"C{i}" for i in range(n)], "time": day, "campaign": "spring", "arm": arm}
    ).assign(cost=np.where(arm == "treated", 2.0, 0.0))
    margin = g.gamma(2, 10, size=n) + 5 * (arm == "treated")
    orders = pd.DataFrame(
        {"customer_id": campaigns["customer_id"], "time": day + pd.Timedelta("20D"), "margin": margin}
    )
    # Neither what was bought before counts nor what came later, nor a campaign whose time is not over.
    contacted = orders[arm == "treated"].assign(margin=1000.0)
    around = [contacted.assign(time=day + pd.Timedelta(days=days)) for days in (-1, 90, 300)]
    arms = np.where(np.arange(n) % 2, "treated", "control")
    open_ = campaigns.assign(campaign="winter", time=day + pd.Timedelta("250D"), arm=arms)
    found = review.measure(pd.concat([campaigns, open_]), pd.concat([orders, *around]), days=90, currency="CNY")
    assert found.campaigns["campaign"].tolist() == ["spring"]
    row = found.campaigns.iloc[-1]
    assert row["gain_low"] < 3 < row["gain_high"]
    assert row["total"] == pytest.approx(row["gain"] * row["treated"])
    t = stats.ttest_ind(margin[arm == "treated"], margin[arm == "control"], equal_var=False)
    assert row["gain_low"] + 2 == pytest.approx(t.confidence_interval().low, rel=1e-9)
    assert found.findings()[0].startswith("Contacting brought: an incremental profit of ")
    keeps_result_contract(found, pictures=("plot",))


def test_campaigns_are_put_together_by_their_contacts():
    brought = {"spring": ([10.0, 14], [5.0, 7]), "summer": ([20.0, 22, 24, 30], [10.0, 12])}
    rows = [
        (f"{name}{arm}{i}", name, arm, 2.0 if arm == "treated" else 0.5, margin)
        for name, arms in brought.items()
        for arm, margins in zip(("treated", "control"), arms, strict=True)
        for i, margin in enumerate(margins)
    ]
    table = pd.DataFrame(rows, columns=["customer_id", "campaign", "arm", "cost", "margin"])
    table["time"] = pd.Timestamp("2025-03-01")
    found = review.measure(table.drop(columns="margin"), table[["customer_id", "time", "margin"]], days=1)
    assert found.missing == "no campaign with two customers or more in either arm lies 1 day before the last order"
    end = pd.DataFrame({"customer_id": ["nobody"], "time": [pd.Timestamp("2025-03-02")], "margin": [0.0]})
    orders = pd.concat([table[["customer_id", "time", "margin"]], end])
    found = review.measure(table.drop(columns="margin"), orders, days=1).campaigns.set_index("campaign")
    # Where all bring the same there is no chance in it.
    same = review.measure(table.drop(columns="margin"), orders.assign(margin=1.0), days=1).campaigns.iloc[-1]
    assert same[["gain", "gain_low", "gain_high"]].tolist() == [-1.5, -1.5, -1.5]
    # 12 - 6 - 1.5 from two contacts, 24 - 11 - 1.5 from four.
    assert found["gain"].tolist() == pytest.approx([4.5, 11.5, (2 * 4.5 + 4 * 11.5) / 6])
    assert found["total"].tolist() == pytest.approx([9, 46, 55])
    spread = [sum(np.var(arm, ddof=1) / len(arm) for arm in arms) for arms in brought.values()]
    squares = [sum((np.var(arm, ddof=1) / len(arm)) ** 2 / (len(arm) - 1) for arm in arms) for arms in brought.values()]
    parts = [(2 / 6) ** 2 * spread[0], (4 / 6) ** 2 * spread[1]]
    # Welch's degrees of freedom of each, and of their weighted sum.
    df = sum(parts) ** 2 / sum(part**2 * q / s**2 for part, s, q in zip(parts, spread, squares, strict=True))
    half = stats.t.ppf(0.975, df) * np.sqrt(sum(parts))
    assert found.loc[review.ALL, "gain_high"] - found.loc[review.ALL, "gain"] == pytest.approx(half)


def test_what_was_known_before_a_campaign_ends_the_day_before(write_study):
    orders = "customer_id,time,amount\nA,2024-01-01,5\nA,2024-02-29,5\nA,2024-03-01,5\nB,2024-02-01,5\nB,2024-06-01,5\n"
    lots = "customer_id,time,campaign,arm,response\nA,2024-03-01,spring,treated,1\nB,2024-03-01,spring,control,0\n"
    found = trials.gather(Study.open(write_study({"transactions": orders, "campaigns": lots})))
    assert found.features["frequency"].to_dict() == {"A": 2, "B": 1}
    assert found.features["recency_days"].to_dict() == {"A": 0, "B": 28}
    assert (found.treated.tolist(), found.response.tolist()) == ([1, 0], [1, 0])


def test_ReviewResult_keeps_the_contract(demo, keeps_result_contract):
    study = Study.open(demo)
    found = review.measure(study.frame("campaigns"), study.frame("transactions"), currency=study.currency)
    assert found.campaigns["campaign"].iloc[-1] == review.ALL
    keeps_result_contract(found, pictures=("plot",))
    nothing = review.measure(study.frame("campaigns").head(0), study.frame("transactions"))
    assert nothing.findings() == (
        "What contacting brought cannot be told: the study has no campaigns with a control group.",
    )
    keeps_result_contract(nothing, pictures=("plot",))
    with pytest.raises(UsageError, match=r"^review\.measure: days must be a whole number, 1 or more, not 0\.$"):
        review.measure(study.frame("campaigns"), study.frame("transactions"), days=0)


def test_the_demo_studys_campaigns_are_trials(demo):
    study = Study.open(demo)
    found = trials.gather(study)
    campaigns = study.frame("campaigns")
    assert len(found.features) == len(campaigns)
    assert set(found.campaign) == set(campaigns["campaign"])
    assert found.treated.mean() == pytest.approx((campaigns["arm"] == "treated").mean())
    assert len(found.features.columns) > 20


def test_TrialPlanResult_keeps_the_contract(drawn, fitted, keeps_result_contract):
    found = propensity.plan(fitted, drawn[1], margin=40, contact_cost=1, lift=0.3)
    keeps_result_contract(found, pictures=("plot",))
    chance = fitted.chance(drawn[1])
    assert found.break_even == pytest.approx(1 / 12)
    assert len(found.actions) == (chance > 1 / 12).sum()
    # statsmodels' sample size for two shares differs by its arcsine effect size only.
    from statsmodels.stats.power import NormalIndPower
    from statsmodels.stats.proportion import proportion_effectsize

    low = found.actions["probability_share"].mean()
    size = NormalIndPower().solve_power(proportion_effectsize(1.3 * low, low), power=0.8, alpha=0.05)
    assert found.sizes["customers"].iloc[0] == pytest.approx(size, rel=0.03)
    assert found.power == pytest.approx(0.8, abs=0.01)
    arms = found.actions.groupby("arm")["probability_share"]
    arm = found.sizes["customers"].iloc[0]
    assert arms.size().to_dict() == {"trial": arm, "control": arm, "later": len(found.actions) - 2 * arm}
    # Drawn by lot from all of them, not from the likeliest.
    assert arms.mean()["trial"] == pytest.approx(arms.mean()["control"], abs=0.05)
    assert arms.mean()["trial"] == pytest.approx(arms.mean()["later"], abs=0.05)
    nobody = propensity.plan(fitted, drawn[1], margin=1, contact_cost=1, lift=0.3)
    assert nobody.findings() == ("No contact can pay: even a sure purchase would bring less than the contact costs.",)
    keeps_result_contract(nobody, pictures=("plot",))
    few = propensity.plan(fitted, drawn[1].take(np.arange(60)), margin=40, contact_cost=1, lift=0.3)
    assert few.findings()[-1].startswith("There are too few customers to tell whether it pays")
    for name, value in (("lift", 0), ("margin", float("inf")), ("contact_cost", "1"), ("power", 1)):
        with pytest.raises(UsageError) as raised:
            propensity.plan(fitted, drawn[1], **({"margin": 40, "contact_cost": 1, "lift": 0.3} | {name: value}))
        assert str(raised.value) == f"The {name} parameter of propensity.plan is out of range: {value!r}."


def test_a_dateless_table_is_tried_on_what_its_folds_say(draw_customers):
    sample, _ = draw_customers(600, 12, as_of=None, world="label")
    churn = model.ChurnModel(kinds=("boosting",), seed=1).fit(sample)
    found = decision.plan(churn, sample, **TERMS)
    said = found.actions.set_index("customer_id")["probability_share"]
    learned = pd.Series(churn.chance(sample), sample.features.index)[said.index]
    assert not np.allclose(said, learned)
