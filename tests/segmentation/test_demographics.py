"""Profiles by attribute: by hand, on a telecom's customers, what is chosen and left out, and groups to compare."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from crm_analysis.errors import UsageError
from crm_analysis.segmentation import demographics

PICTURES = ("plot", "plot_groups")


@pytest.fixture(scope="module")
def shop():
    """Customers whose spend depends on the region and on nothing else."""
    generator = np.random.default_rng(7)
    n = 600
    region = generator.choice(["North", "South", "Großraum 东"], n, p=[0.5, 0.3, 0.2])
    return pd.DataFrame(
        {
            "customer_id": [f"C{place}" for place in range(n)],
            "birth_year": np.where(generator.random(n) < 0.1, np.nan, generator.integers(1950, 2008, n)),
            "gender": generator.choice(["female", "male"], n),
            "region": region,
            "tier": generator.integers(1, 4, n),
            "name": [f"Name {place}" for place in range(n)],
            "joined": pd.Timestamp("2024-01-01"),
            "score": generator.normal(size=n),
            "country": "CN",
            "frequency": generator.integers(0, 4, n),
            "monetary": generator.gamma(2, 50, n) * np.where(region == "North", 2, 1),
            "last_purchase": pd.Timestamp("2025-06-20"),
            "recency_days": 10.0,
            "left": generator.choice(["Yes", "No"], n, p=[0.3, 0.7]),
        }
    )


def test_what_is_an_attribute_and_what_is_not(shop):
    found = demographics.profile(shop)
    assert found.profile["attribute"].unique().tolist() == ["age_band", "gender", "region", "tier", "left"]
    assert found.left_out.to_dict("list") == {
        "column": ["name", "joined", "score", "country"],
        "reason": [
            "600 different texts",
            "the same for all",
            "600 different numbers, cut it into bands",
            "the same for all",
        ],
    }


def test_those_of_whom_nothing_is_known_do_not_make_a_relation():
    generator = np.random.default_rng(6)
    customers = pd.DataFrame({"gender": ["f", "m", None] * 100, "frequency": 2})
    customers["monetary"] = generator.normal(50, 5, 300) + 500.0 * customers["gender"].isna()
    result = demographics.profile(customers, by=["gender"])
    assert "(not known)" in set(result.profile["group"])
    assert result.strength.set_index("measure").loc["spend", "strength"] < 0.05


def test_survey_answers_are_no_attributes(shop):
    asked = shop["customer_id"].where(shop.index < 100)
    answers = shop.assign(survey_respondent_id=asked, complained=asked.notna().where(asked.notna()).astype("float64"))
    answers["complained"] = (answers.index % 2 * 1.0) * answers["complained"]
    found = demographics.profile(answers)
    assert "complained" not in set(found.profile["attribute"]) | set(found.left_out["column"])


def test_groups_by_hand(shop):
    found = demographics.profile(shop, by=["region"], outcome="left", currency="CNY")
    row = found.profile.set_index("group").loc["North"]
    north = shop[shop["region"] == "North"]
    assert row["customers"] == len(north)
    spend = north["monetary"]
    ends = stats.t.interval(0.95, len(spend) - 1, spend.mean(), stats.sem(spend))
    assert row[["mean_spend", "mean_spend_low", "mean_spend_high"]].tolist() == pytest.approx([spend.mean(), *ends])
    left = int((north["left"] == "Yes").sum())
    rate = [left / len(north), *proportion_confint(left, len(north), method="wilson")]
    assert row[["outcome_share", "outcome_share_low", "outcome_share_high"]].tolist() == pytest.approx(rate)
    bought, once = int((north["frequency"] > 0).sum()), int((north["frequency"] == 1).sum())
    assert row["one_time_share"] == pytest.approx(once / bought)


def test_only_what_was_planted_is_found(shop):
    found = demographics.profile(shop.drop(columns="left"), currency="CNY")
    related = found.strength[found.strength["related"]]
    assert related[["measure", "attribute"]].to_numpy().tolist() == [["spend", "region"]]
    top, groups = related.iloc[0], found.profile[found.profile["attribute"] == "region"].set_index("group")
    low, high = groups["mean_spend"].idxmin(), groups["mean_spend"].idxmax()
    assert high == "North"
    assert found.findings()[0] == (
        f"Of 4 attributes 1 goes with spend beyond chance; region most, which explains {100 * top['strength']:.1f} % "
        f"(95 % interval {100 * top['strength_low']:.1f}–{100 * top['strength_high']:.1f}) of the differences."
    )
    assert found.findings()[1].startswith("Mean spend per customer by region is highest in North, ")
    assert f"and lowest in {low}, " in found.findings()[1]
    assert found.findings()[2:] == (
        "Not one of 4 attributes goes with buying only once beyond chance.",
        "8 relations were tested; the p-values are adjusted for that (Holm).",
    )


def test_false_alarms_are_as_rare_as_holm_promises():
    generator = np.random.default_rng(3)
    alarms = 0
    for _ in range(60):
        columns = {f"a{place}": generator.choice(list("xyz"), 300) for place in range(4)}
        customers = pd.DataFrame({"customer_id": range(300), **columns, "monetary": generator.lognormal(3, 1, 300)})
        alarms += demographics.profile(customers).strength["related"].any()
    # 5 % of 60 is 3; more than 9 would be a matter of one in a thousand.
    assert alarms <= 9


def test_the_telecom_customers(shared, keeps_result_contract):
    customers = pd.read_csv(shared("data/telco/Telco-Customer-Churn.csv")).rename(columns={"customerID": "customer_id"})
    found = demographics.profile(customers, outcome="Churn")
    assert found.customers == 7043
    groups = found.profile.set_index(["attribute", "group"])
    left = customers.loc[customers["Contract"] == "Month-to-month", "Churn"].eq("Yes")
    assert groups.loc[("Contract", "Month-to-month"), "outcome_share"] == pytest.approx(left.mean())
    assert found.findings()[0] == (
        "Of 16 attributes 14 go with Churn beyond chance; Contract most (Cramér's V 0.41, 95 % interval 0.39–0.43)."
    )
    assert found.findings()[1] == (
        "The rate of Churn by Contract is highest in Month-to-month, 42.7 % (95 % interval 41.2–44.3), and lowest in "
        "Two year, 2.8 % (95 % interval 2.1–3.7)."
    )
    assert set(found.left_out["column"]) == {"tenure", "MonthlyCharges", "TotalCharges"}
    keeps_result_contract(found, pictures=PICTURES)


@pytest.mark.parametrize(
    ("yes", "no"), [("Yes", "No"), (1, 0), (True, False), ("是", "否"), (1.0, 0.0), ("TRUE ", "false")]
)
def test_yes_and_no_in_many_words(shop, yes, no):
    same = shop.assign(left=[yes if left == "Yes" else no for left in shop["left"]])
    plain = demographics.profile(shop, by=["region"], outcome="left")
    pd.testing.assert_frame_equal(
        demographics.profile(same, by=["region"], outcome="left").profile, plain.profile, check_dtype=False
    )


def test_ages_in_the_year_of_the_view_or_decades_where_it_is_unknown():
    people = pd.DataFrame({"customer_id": range(4), "birth_year": [1960.0, 1990, 2001, np.nan]})
    bands = demographics.profile(people, by=["age_band"], year=2025).profile
    assert bands["group"].tolist() == ["under 25", "35–44", "65 or older", "(not known)"]
    decades = demographics.profile(people, by=["age_band"]).profile
    assert decades["group"].tolist() == ["born 2000s", "born 1990s", "born 1960s", "(not known)"]
    viewed = people.assign(last_purchase=pd.Timestamp("2025-12-31"), recency_days=1.0)
    assert demographics.profile(viewed, by=["age_band"]).profile["group"].tolist() == [
        "25–34",
        "35–44",
        "65 or older",
        "(not known)",
    ]


def test_no_attributes_and_no_customers(keeps_result_contract):
    for customers in (pd.DataFrame({"customer_id": ["a"]}), pd.DataFrame({"customer_id": []})):
        found = demographics.profile(customers, outcome="absent")
        assert found.findings() == ("There are no attributes in this study, so customers cannot be profiled.",)
        keeps_result_contract(found, pictures=PICTURES)


def test_ProfileResult_keeps_the_contract(shop, keeps_result_contract):
    keeps_result_contract(demographics.profile(shop, outcome="left", currency="CNY"), pictures=PICTURES)
    keeps_result_contract(demographics.profile(shop.head(3)), pictures=PICTURES)
    only = shop[["customer_id", "region"]]
    largest = demographics.profile(only)
    assert largest.findings()[0].startswith("The largest group is North (region), with ")
    keeps_result_contract(largest, pictures=PICTURES)
    long = shop.assign(region=np.where(shop.index % 2, "<b>x</b>" * 20, "很长的名字" * 20))
    result = demographics.profile(long, by=["region"])
    assert "<b>" not in result._repr_html_()
    keeps_result_contract(result, pictures=PICTURES)


def test_the_picture_shows_the_groups(shop):
    found = demographics.profile(shop, by=["region", "gender"], currency="CNY")
    labels = [label.get_text() for label in found.plot_groups().get_yticklabels()]
    assert labels[-1] == f"North ({(shop['region'] == 'North').sum()})"
    assert [label.get_text() for label in found.plot().get_yticklabels()] == ["gender", "region"]
    with pytest.raises(UsageError) as error:
        found.plot_groups(attribute="tier", measure="spend")
    assert str(error.value) == "demographics: there is no spend by tier in this profile."


def test_calls_that_are_refused(shop):
    cases = [
        ({"by": ["taste"]}, shop, "demographics: the customers have no column 'taste'; name one that they have."),
        (
            {"by": ["age_band"]},
            shop.drop(columns="birth_year"),
            "demographics: age_band needs the column 'birth_year'; leave it out of by, or add the column.",
        ),
        (
            {"outcome": "region"},
            shop,
            f"demographics: the outcome 'region' must be yes or no (or 1 and 0), but has {shop['region'].iloc[0]!r}; "
            "turn it into that.",
        ),
    ]
    for call, customers, message in cases:
        with pytest.raises(UsageError) as error:
            demographics.profile(customers, **call)
        assert str(error.value) == message


# --- groups ----------------------------------------------------------------------------------------------------------


def test_groups_are_crossed_and_small_ones_pooled():
    people = pd.DataFrame(
        {
            "customer_id": range(60),
            "gender": ["female"] * 45 + ["male"] * 15,
            "region": ["North"] * 20 + ["South"] * 20 + ["East"] * 5 + ["North"] * 15,
        }
    )
    found = demographics.groups(people, smallest=20)
    assert found.value_counts().to_dict() == {
        "female, North": 20,
        "female, South": 20,
        "any gender, any region": 20,
    }
    assert demographics.groups(people, smallest=5).value_counts()["female, East"] == 5
    assert found.name == "demographics"
    assert found.index.tolist() == list(range(60))


def test_without_attributes_all_are_one_group():
    assert demographics.groups(pd.DataFrame({"customer_id": [1, 2]})).tolist() == ["all", "all"]
    with pytest.raises(UsageError) as error:
        demographics.groups(pd.DataFrame({"id": [1]}))
    assert str(error.value) == "demographics: the customers have no column 'customer_id'; name the column so."


@settings(max_examples=15)
@given(seed=st.integers(0, 1000), smallest=st.integers(1, 80))
def test_no_small_group_is_left_but_the_last(seed, smallest):
    generator = np.random.default_rng(seed)
    columns = {"gender": generator.choice(["f", "m"], 200), "region": generator.choice(list("abcde"), 200)}
    found = demographics.groups(pd.DataFrame({"customer_id": range(200), **columns}), smallest=smallest)
    counts = found.value_counts().drop("any gender, any region", errors="ignore")
    assert (counts >= smallest).all()
