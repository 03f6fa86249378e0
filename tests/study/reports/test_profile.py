"""The 7P profile and what stands behind it: categories bought together, campaigns with a control group."""

import datetime as dt
import json
import re
from decimal import Decimal
from itertools import combinations

import hypothesis.strategies as st
import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from crm_analysis.errors import UsageError
from crm_analysis.proportion import newcombe
from crm_analysis.study import Study
from crm_analysis.study.reports import baskets, lift, market, measures, profile, promotion, sales
from crm_analysis.study.tables import CONTRACTS, KINDS

FIND = (Phase.explicit, Phase.generate)


def line(who, day, amount="10", **more):
    more = {name: Decimal(value) if name == "margin" else value for name, value in more.items()}
    return {"customer_id": who, "time": dt.datetime.fromisoformat(day), "amount": Decimal(amount), **more}


# --- categories bought together --------------------------------------------------------------------------------------

HELD = st.lists(
    st.tuples(st.sampled_from("ABCDE"), st.sampled_from(["o1", "o2", "o3"]), st.sampled_from(["x", "y", "z", None])),
    min_size=1,
    max_size=25,
)


@settings(max_examples=8, phases=FIND)
@given(held=HELD, unit=st.sampled_from(["order", "customer"]))
def test_lift_equals_the_account_by_hand(study_of, held, unit):
    rows = [line(who, "2024-05-01", order_id=order, category=category) for who, order, category in held]
    result = baskets.associate(study_of({"transactions": rows}), unit=unit, least=1)
    named = [(who, order if unit == "order" else "", category) for who, order, category in held if category]
    keys = sorted({row[:2] for row in named})
    inside = pd.DataFrame({c: [(*key, c) in set(named) for key in keys] for c in "xyz"}, index=keys).astype(float)
    inside = inside.loc[:, inside.any()]
    assert result.baskets == len(keys)
    who = [key[0] for key in keys]
    n = len(set(who))
    for a, b in combinations(inside.columns, 2):
        row = result.pairs.query("category == @a and other == @b").iloc[0]
        both = inside[a] * inside[b]
        assert row["baskets"] == both.sum()
        value = both.sum() * len(keys) / (inside[a].sum() * inside[b].sum())
        assert row["lift"] == pytest.approx(value)
        if both.sum() and n > 1:
            each = both / both.sum() + 1 / len(keys) - inside[a] / inside[a].sum() - inside[b] / inside[b].sum()
            z = each.groupby(who).sum()
            error = np.sqrt(n / (n - 1) * (z**2).sum())
            half = stats.t.ppf(0.975, n - 1) * error
            expected = [value * np.exp(-half), value * np.exp(half)]
            assert [row["lift_low"], row["lift_high"]] == pytest.approx(expected, rel=1e-5)
        whole = pd.Series(1.0, index=inside.index)
        for name, under in zip(
            ("support_share", "confidence_share", "reverse_confidence_share"),
            (whole, inside[a], inside[b]),
            strict=True,
        ):
            part = both.sum() / under.sum()
            assert row[name] == pytest.approx(part)
            if both.sum() and n > 1 and part < 1:
                z = (both - part * under).groupby(who).sum() / under.sum()
                half = stats.t.ppf(0.975, n - 1) * np.sqrt(n / (n - 1) * (z**2).sum())
                logit = np.log(part / (1 - part)) + np.array([-1, 1]) * half / (part * (1 - part))
                ends = 1 / (1 + np.exp(-logit))
                assert [row[f"{name}_low"], row[f"{name}_high"]] == pytest.approx(ends, abs=1e-6)
    assert result.findings()


def test_pairs_may_come_in_an_order_of_the_engines_own():
    found = pd.DataFrame({"category": ["b", "c"], "other": ["A", "d"], "ab_a": [1, 2], "ab_b": [3, 4]})
    assert lift._in_order(found).to_dict("list") == {
        "category": ["c", "A"],
        "other": ["d", "b"],
        "ab_a": [2, 3],
        "ab_b": [4, 1],
    }


@pytest.fixture(scope="module")
def bought_together(demo):
    return baskets.associate(Study.open(demo))


def test_the_planted_associations_are_found(demo, bought_together):
    truth = json.loads((demo / "truth.json").read_text("utf-8"))["purchases"]["associations"]
    result = bought_together
    verdict = {frozenset(row[:2]): row[2] for row in result.pairs[["category", "other", "verdict"]].to_numpy()}
    assert {verdict[frozenset(fact["pair"])] for fact in truth if fact["weight"] > 1} == {"more"}
    assert {verdict[frozenset(fact["pair"])] for fact in truth if fact["weight"] < 1} == {"less"}
    planted = {frozenset(fact["pair"]) for fact in truth if fact["weight"] > 1}
    top = result.pairs.head(len(planted))
    assert {frozenset(pair) for pair in top[["category", "other"]].to_numpy()} == planted


def test_pairs_are_judged_together(bought_together):
    result = bought_together
    judged, typical = result.judged(), result.typical_lift
    # With thousands of customers Student's t is the normal; an interval at another level is a power of its reach.
    wider = stats.norm.ppf(1 - 0.025 / len(judged)) / stats.norm.ppf(0.975)
    reach = (judged["lift_high"] / judged["lift"]) ** wider
    verdict = np.select(
        [judged["lift"] / reach > typical, judged["lift"] * reach < typical], ["more", "less"], "as usual"
    )
    assert judged["verdict"].tolist() == verdict.tolist()
    alone = (judged["lift_low"] > typical) | (judged["lift_high"] < typical)
    assert (alone & (judged["verdict"] == "as usual")).any()


def test_rules_are_the_pairs_in_both_directions(study_of):
    """Tea is in twelve orders, milk in eight of these and in eight more, so that milk says less of tea."""
    held = [("tea", "milk")] * 8 + [("tea",)] * 4 + [("milk",)] * 8
    rows = [line(f"{i:02}", "2024-05-01", order_id=f"o{i}", category=c) for i, two in enumerate(held) for c in two]
    result = baskets.associate(study_of({"transactions": rows}), least=5)
    rules = result.rules()
    assert rules[["given", "then"]].to_numpy().tolist() == [["tea", "milk"], ["milk", "tea"]]
    assert rules["confidence_share"].tolist() == pytest.approx([8 / 12, 8 / 16])
    assert rules["support_share"].tolist() == pytest.approx([8 / 20] * 2)
    assert (rules["confidence_share_low"] < rules["confidence_share"]).all()
    assert (rules["confidence_share_high"] > rules["confidence_share"]).all()
    assert result.frames()["rules"].equals(rules)


def test_many_baskets_of_few_customers_are_too_few(study_of):
    rows = [line(f"{i % 3}", "2024-05-01", order_id=f"o{i}", category=c) for i in range(30) for c in ("tea", "milk")]
    row = baskets.associate(study_of({"transactions": rows})).pairs.iloc[0]
    assert (row["baskets"], row["customers"], row["verdict"]) == (30, 3, "too few")


def test_few_pairs_and_wrong_words(study_of):
    rows = [line(f"{i:02}", "2024-05-01", order_id=f"o{i}", category=c) for i in range(30) for c in ("tea", "milk")]
    study = study_of({"transactions": rows})
    assert baskets.associate(study).findings() == (
        "Milk and tea are bought in one order 1.00 times as often as if they were independent (95 % interval 1.00 to "
        "1.00).",
        "Of the orders with milk, 100.0 % have tea too; of those with tea, 100.0 % have milk.",
        "There are too few pairs to say which is unusual.",
    )
    assert baskets.associate(study, categories=1).findings() == (
        "No pair of categories is in 20 baskets: too few to say what goes together.",
    )
    with pytest.raises(UsageError) as error:
        baskets.associate(study, unit="basket")
    assert str(error.value) == "baskets: unit must be one of order, customer, not 'basket'."


def test_AssociationResult_keeps_the_contract(study_of, keeps_result_contract):
    names = [f"{'long name of a category ' * 2}{i}" for i in range(7)]
    rows = [
        line(f"{i:02}", "2024-05-01", order_id=f"o{i}", category=names[k])
        for i in range(60)
        for k in ({i % 7, i % 5, 0} if i % 3 else {i % 7})
    ]
    result = baskets.associate(study_of({"transactions": rows}), least=3)
    keeps_result_contract(result, pictures=("plot",))
    keeps_result_contract(baskets.associate(study_of({"transactions": rows[:3]})), pictures=("plot",))
    keeps_result_contract(baskets.associate(study_of({"customers": [{"customer_id": "A"}]})), pictures=("plot",))


# --- campaigns -------------------------------------------------------------------------------------------------------


def lots(campaign, treated, control, *, cost="2", day="2024-03-01"):
    """Rows of a campaign; each arm is (responses, customers)."""
    rows = []
    for arm, (x, n) in (("treated", treated), ("control", control)):
        for i in range(n):
            row = {"customer_id": f"{arm}{i}", "time": dt.datetime.fromisoformat(day), "campaign": campaign, "arm": arm}
            rows.append(row | {"cost": Decimal(cost if arm == "treated" else 0), "response": i < x})
    return rows


def test_the_difference_has_the_published_interval():
    """Newcombe 1998, table II, method 10: 56/70 - 48/80."""
    difference, low, high = newcombe(56, 70, 48, 80)
    assert (difference, round(low, 4), round(high, 4)) == (pytest.approx(0.2), 0.0524, 0.3339)
    for x1, n1, x0, n0 in ((9, 10, 3, 10), (5, 56, 0, 29), (10, 10, 0, 20)):
        expected = confint_proportions_2indep(x1, n1, x0, n0, method="newcomb", compare="diff")
        assert newcombe(x1, n1, x0, n0)[1:] == pytest.approx(expected, abs=1e-9)


def test_two_campaigns_in_words(study_of):
    rows = lots("spring", (56, 70), (48, 80)) + lots("autumn", (5, 50), (5, 50), cost="4", day="2024-09-01")
    rows += [rows[0] | {"campaign": "no control"}, rows[0] | {"response": None}, rows[0] | {"arm": None}]
    result = promotion.compare(study_of({"campaigns": rows}))
    weight = np.array([70 * 80 / 150, 25])
    weight = weight / weight.sum()
    ends = np.array([[*newcombe(56, 70, 48, 80)], [*newcombe(5, 50, 5, 50)]])
    middle = weight @ ends[:, 0]
    low, high = (middle + s * np.hypot(*(weight * (ends[:, k] - ends[:, 0]))) for s, k in ((-1, 1), (1, 2)))
    price = weight @ [2, 4]
    treated, control = weight @ [56 / 70, 0.1], weight @ [0.6, 0.1]
    assert result.findings() == (
        f"A contact raises the response by {100 * middle:.1f} percentage points (95 % interval {100 * low:.1f} to "
        f"{100 * high:.1f}): {100 * treated:.1f} % of those contacted and {100 * control:.1f} % of the control group "
        "responded (in 2 campaigns, with 120 contacts and 130 without).",
        f"An additional response costs {price / middle:.2f} CNY (95 % interval {price / high:,.2f} to "
        f"{price / low:,.2f}).",
        "In 1 of 2 campaigns, each looked at alone, the interval of the effect lies above zero. The largest effect is "
        "that of spring, 20.0 percentage points (95 % interval 5.2 to 33.4); the largest of several looks larger than "
        "it is.",
    )
    autumn = result.to_frame().set_index("campaign").loc["autumn"]
    assert autumn["difference_points"] == 0
    assert np.isnan(autumn["cost_per_response"])


def test_what_a_study_lacks_is_said(study_of, keeps_result_contract):
    result = promotion.compare(study_of({"customers": [{"customer_id": "A"}]}))
    assert result.findings() == ("What campaigns bring cannot be told: the study has no campaigns.",)
    keeps_result_contract(result, pictures=("plot",))
    bare = [{name: row[name] for name in ("customer_id", "time", "campaign")} for row in lots("a", (1, 2), (0, 2))]
    assert promotion.compare(study_of({"campaigns": bare})).findings() == (
        "What campaigns bring cannot be told: the study has no campaigns.arm and no campaigns.response.",
    )
    one = [row for row in lots("a", (1, 2), (0, 2)) if row["arm"] == "treated"]
    assert promotion.compare(study_of({"campaigns": one})).findings() == (
        "No campaign has both treated and control customers whose response is known.",
    )


def test_PromotionResult_keeps_the_contract(study_of, keeps_result_contract):
    rows = [row for i in range(15) for row in lots(f"{'a campaign with a name ' * 3}{i}", (i, 20), (3, 10))]
    keeps_result_contract(promotion.compare(study_of({"campaigns": rows})), pictures=("plot",))
    free = [{k: v for k, v in row.items() if k != "cost"} for row in lots("free", (2, 2), (0, 2))]
    result = promotion.compare(study_of({"campaigns": free}))
    assert len(result.findings()) == 1
    keeps_result_contract(result, pictures=("plot",))


def test_the_planted_uplift_is_inside_the_interval(demo):
    truth = json.loads((demo / "truth.json").read_text("utf-8"))["campaigns"]["expected_uplift_of_all_in_campaigns"]
    row = promotion.compare(Study.open(demo)).to_frame().iloc[-1]
    assert row["difference_points_low"] < 100 * truth < row["difference_points_high"]


# --- the seven -------------------------------------------------------------------------------------------------------


def test_a_contact_that_does_harm_does_not_raise_the_response(study_of):
    found = promotion.compare(study_of({"campaigns": lots("spam", (5, 50), (25, 50))})).findings()
    assert found[0].startswith("A contact changes the response by -40.0 percentage points (95 % interval -")
    assert found[0].endswith("responded (in 1 campaign, with 50 contacts and 50 without).")
    assert found[1] == "No additional response was found, so it has no cost."


@pytest.fixture
def firm(study_of):
    """Three buyers of 2024, two of whom bought in 2023; what each leaves and costs."""
    lines = [line("A", "2023-03-01", margin="4"), line("B", "2023-03-01", margin="4"), line("D", "2023-03-01")]
    lines += [line("A", "2024-03-01", margin="40"), line("A", "2024-04-01", "-5", margin="-5")]
    lines += [line("B", "2024-03-01", margin="3"), line("C", "2024-12-31", margin="20")]
    costs = {"A": "5", "B": "10", "C": None, "D": "99"}
    customers = [
        {"customer_id": who, "cost_to_serve": cost and Decimal(cost), "gender": "f" if who < "D" else "m"}
        for who, cost in costs.items()
    ]
    return study_of({"transactions": lines, "customers": customers})


def test_measures_by_hand(firm):
    result = profile.seven_p(firm, as_of="2024-12-31")
    rows = result.to_frame().set_index("measure")
    value = rows["value"].to_dict()
    assert result.title == "7P profile, the year to 2024-12-31"
    assert value["margin per buyer of the last year"] == pytest.approx((35 + 3 + 20) / 3)
    assert value["margin less cost to serve, per buyer of the last year"] == pytest.approx((30 - 7) / 2)
    assert value["buyers who cost more than they bring"] == pytest.approx(50)
    ends = [100 * end for end in proportion_confint(1, 2, method="wilson")]
    found = rows.loc["buyers who cost more than they bring", ["value_low", "value_high"]].tolist()
    assert found == pytest.approx(ends)
    margin = rows.loc["margin per buyer of the last year", ["value_low", "value_high"]].tolist()
    assert margin == pytest.approx(stats.t.interval(0.95, 2, 58 / 3, stats.sem([35, 3, 20])))
    assert rows.loc["buyers of the year before who bought again", "source"] == "needs transactions of two years"
    assert value["median age of the relation of the last year's buyers"] == pytest.approx(671 / 365.25)
    assert value["commonest gender: f"] == pytest.approx(75)
    assert rows.loc["additional response to a contact", "source"] == "needs campaigns"
    assert result.findings()[-1] == (
        "Nothing can be said yet of 2 of the seven: Product needs transactions with category; Promotion needs "
        "campaigns."
    )


def test_who_bought_again(firm, study_of):
    lines = [line("A", "2023-01-01"), line("A", "2024-05-01"), line("B", "2023-06-01"), line("C", "2024-12-30")]
    result = profile.seven_p(study_of({"transactions": lines}), as_of="2024-12-30")
    row = result.to_frame().set_index("measure").loc["buyers of the year before who bought again"]
    assert row["value"] == pytest.approx(50)


def test_customers_alone_are_profiled(study_of):
    rows = [
        {"customer_id": f"{i}", "gender": "f" if i % 3 else "m", "plan": f"p{i % 2}", "name": f"n{i}"}
        for i in range(30)
    ]
    result = profile.seven_p(study_of({"customers": rows}))
    assert result.title == "7P profile"
    ends = [[100 * e for e in proportion_confint(k, 30, method="wilson")] for k in (20, 15)]
    assert result.findings() == (
        f"Profiling: customer records 30; commonest gender: f 66.7 % (95 % interval {ends[0][0]:.1f} to "
        f"{ends[0][1]:.1f}); commonest plan: p0 50.0 % (95 % interval {ends[1][0]:.1f} to {ends[1][1]:.1f}).",
        "Nothing can be said yet of 6 of the seven: Persistency needs transactions; Profitability needs transactions "
        "with margin; Performance needs transactions; Prospecting needs customers with joined, or transactions; "
        "Product needs transactions with category; Promotion needs campaigns.",
    )


def test_ProfileResult_keeps_the_contract(firm, study_of, keeps_result_contract):
    studies = [
        (firm, None),
        (study_of({"customers": [{"customer_id": "A", "gender": None}]}), None),
        (study_of({"transactions": [line("A", "2024-05-01", "-4")]}), None),
        (study_of({"transactions": [line("A", "2024-05-01", margin="0", category="x")]}, currency=""), "2026-12-31"),
        (study_of({"survey": [{"respondent_id": "A"}]}), None),
        (study_of({"contracts": [{"customer_id": "A", "start": dt.datetime(2024, 1, 1), "end": None}]}), None),
        (study_of({"campaigns": lots("spring", (5, 7), (4, 8))}), None),
    ]
    for study, as_of in studies:
        result = profile.seven_p(study, as_of=as_of)
        assert set(result.to_frame()["p"]) == set(profile.SEVEN_P)
        assert result.to_frame().groupby("p").size().min() >= 2
        keeps_result_contract(result)
    keeps_result_contract(result, pictures=("plot", "plot_campaigns"))


def test_the_demo_study_speaks_of_all_seven(demo):
    company = Study.open(demo)
    result = profile.seven_p(company)
    table = result.to_frame()
    assert table["value"].notna().groupby(table["p"]).sum().min() >= 2
    inside = table[table["value_low"].notna()]
    assert ((inside["value_low"] <= inside["value"]) & (inside["value"] <= inside["value_high"])).all()
    customers = company.customer360(columns=["recency_days"])
    value = table.set_index("measure")["value"]
    assert value["customer records"] == len(customers)
    assert value["revenue of the last year"] == sales.summarise(company).metrics()["revenue"]
    flow = market.summarise(company).metrics()
    assert value["buyers of the year before who bought again"] == pytest.approx(100 * flow["kept_share"])


def test_the_expressions_keep_to_what_the_engines_share():
    """Without a server: the SQL for PostgreSQL can be written and uses only functions that all engines know."""
    t = {
        name: ibis.table({c.name: KINDS[c.kind][0] for c in CONTRACTS[name].columns}, name=name)
        for name in ("transactions", "customers", "campaigns")
    }
    last = dt.date(2024, 12, 31)
    held = lift.categories_held(t["transactions"], last, unit="order", window_days=365)
    expressions = [lift.basket_totals(held), *lift.pair_sums(held, held), promotion.arms(t["campaigns"])]
    expressions += [
        measures._first_days(t["customers"], t["transactions"], last),
        measures.margins(t["customers"], t["transactions"], last),
    ]
    for expression in expressions:
        sql = ibis.to_sql(expression, dialect="postgres").upper()
        functions = set(re.findall(r"\b([A-Z_]{3,})\(", sql))
        assert functions <= {
            *("CAST", "COALESCE", "COUNT", "DATE", "DECIMAL", "FILTER", "MAKE_DATE", "MAKE_TIMESTAMP"),
            *("MAX", "MIN", "NULLIF", "SUM"),
        }, functions
