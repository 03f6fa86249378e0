"""The loyalty ladder: each rung by hand, what is not known, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from crm_analysis.errors import UsageError
from crm_analysis.segmentation import lifecycle
from crm_analysis.segmentation.ladder import RUNGS

PICTURES = ("plot",)


@pytest.fixture
def customers():
    """One customer a case, named for the rung that attitudes, referrals and contracts together lead to."""
    return pd.DataFrame(
        [
            ("prospect", 0, np.nan, 0, False),
            ("prospect, won over by friends", 0, 10, 3, True),
            ("customer", 1, 10, 2, True),
            ("client, not asked", 2, np.nan, 0, True),
            ("client, cool", 5, 3, 0, True),
            ("client, cool but referred", 5, 3, 1, True),
            ("supporter", 2, 9, 0, True),
            ("advocate", 2, 9, 1, False),
            ("advocate, not asked", 2, np.nan, 1, False),
            ("partner", 9, 10, 1, True),
        ],
        columns=["customer_id", "frequency", "recommendation", "referrals_made", "open_contract"],
    ).assign(monetary=lambda frame: 10.0 * frame["frequency"])


def rungs(found):
    return found.to_frame().set_index("customer_id")["rung"]


def test_each_rung_by_hand(customers):
    found = lifecycle.ladder(customers, attitude="recommendation")
    placed = rungs(found)
    assert placed.tolist() == [name.split(",")[0] for name in placed.index]
    assert (found.asked, found.favourable_clients, found.contradicting) == (5, 3, 1)
    assert found.missing == {}
    assert found.rungs.set_index("rung")["evidence"].to_dict() == {
        "partner": "advocate with open_contract",
        "advocate": "client with a referral, favourable or not asked",
        "supporter": "client with recommendation of 9 or more",
        "client": "2 orders or more",
        "customer": "bought, but less often than a client",
        "prospect": "no purchase in the log",
    }
    low, high = proportion_confint(1, 10, method="wilson")
    top = found.rungs.iloc[0]
    assert (top["rung"], top["customers"], top["customers_share"]) == ("partner", 1, 0.1)
    assert [top["customers_share_low"], top["customers_share_high"]] == pytest.approx([low, high])


def test_its_findings(customers):
    found = lifecycle.ladder(customers, attitude="recommendation").findings()
    low, high = (100 * end for end in proportion_confint(1, 10, method="wilson"))
    assert found[0].startswith(
        f"The highest rung that is reached is partner, with 10.0 % (95 % interval {low:.1f}–{high:.1f}) of 10 "
        "customers, who brought 32.1 % (95 % interval "
    )
    low, high = (100 * end for end in proportion_confint(3, 5, method="wilson"))
    last_low, last_high = (100 * end for end in proportion_confint(7, 8, method="wilson"))
    assert found[1:] == (
        "The attitude (recommendation) of 5 repeat buyers of 7 is known; the other 2 were not asked and rise above "
        "client only by a referral.",
        f"60.0 % (95 % interval {low:.1f}–{high:.1f}) of those asked are favourable (9 or more).",
        "Referred somebody but are not favourable now, and so stay clients: 1 customer.",
        f"87.5 % (95 % interval {last_low:.1f}–{last_high:.1f}) of those who bought are clients or more.",
    )


def test_without_feelings_and_referrals_it_stops_at_client(customers):
    found = lifecycle.ladder(customers.drop(columns="referrals_made"), attitude=None)
    assert set(rungs(found)) == {"prospect", "customer", "client"}
    assert found.findings()[1] == (
        "The ladder stops at client: supporter, advocate and partner cannot be told, since neither attitudes nor "
        "referrals are known."
    )
    assert found.rungs["evidence"].tolist()[:3] == ["no data: neither attitudes nor referrals are known"] * 3
    # Not a share of zero: nobody could be found there.
    assert found.rungs.set_index("rung").loc["supporter", ["customers_share", "spend_share"]].isna().all()
    assert [text.get_text() for text in found.plot().texts][-3:] == ["no data"] * 3


@pytest.mark.parametrize(
    ("gone", "sentence"),
    [
        (["recommendation"], "Supporter cannot be told, since no attitudes are known."),
        (["referrals_made"], "Advocate and partner cannot be told, since no referrals are known."),
        (["open_contract"], "Partner cannot be told, since there is no column 'open_contract'."),
        (
            ["recommendation", "open_contract"],
            "Supporter cannot be told, since no attitudes are known; partner cannot be told, since there is no column "
            "'open_contract'.",
        ),
    ],
)
def test_what_is_not_in_the_study_is_said(customers, gone, sentence, keeps_result_contract):
    found = lifecycle.ladder(customers.drop(columns=gone), attitude="recommendation")
    assert found.findings()[1] == sentence
    keeps_result_contract(found, pictures=PICTURES)


def test_attitudes_as_a_series(customers):
    attitude = customers.set_index("customer_id")["recommendation"].dropna().rename("trust")
    shuffled = attitude.sample(frac=1, random_state=1)
    found = lifecycle.ladder(customers.drop(columns="recommendation"), attitude=shuffled, favourable=8)
    assert rungs(found).equals(rungs(lifecycle.ladder(customers, attitude="recommendation", favourable=8)))
    assert found.attitude == "trust"


def test_the_threshold_is_in_units_of_the_scale(customers):
    five = customers.assign(satisfaction=customers["recommendation"] / 2)
    found = lifecycle.ladder(five, attitude="satisfaction")
    assert "supporter" not in set(rungs(found))
    assert "Nobody's attitude exceeds 5; if that is the end of its scale, set favourable below 9." in found.findings()
    assert "supporter" in set(rungs(lifecycle.ladder(five, attitude="satisfaction", favourable=4.5)))


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 5), st.one_of(st.none(), st.integers(0, 10)), st.integers(0, 2), st.booleans()),
        min_size=1,
        max_size=30,
    ),
    favourable=st.integers(1, 10),
)
def test_every_customer_stands_on_one_rung_and_more_evidence_never_lowers_it(rows, favourable):
    names = ["frequency", "feeling", "referrals_made", "open_contract"]
    customers = pd.DataFrame(rows, columns=names).astype({"feeling": "float64"})
    customers.insert(0, "customer_id", range(len(customers)))
    found = lifecycle.ladder(customers, attitude="feeling", favourable=favourable)
    assert found.rungs["customers"].sum() == len(customers)
    place = rungs(found).map(RUNGS.index)
    for name, more in (("frequency", 1), ("referrals_made", 1)):
        richer = lifecycle.ladder(
            customers.assign(**{name: customers[name] + more}), attitude="feeling", favourable=favourable
        )
        assert (rungs(richer).map(RUNGS.index) >= place).all()


def test_LadderResult_keeps_the_contract(customers, keeps_result_contract):
    keeps_result_contract(lifecycle.ladder(customers, label="2025-06-30", currency="CNY"), pictures=PICTURES)
    keeps_result_contract(lifecycle.ladder(customers.head(1), attitude="recommendation"), pictures=PICTURES)
    assert lifecycle.ladder(customers, label="2025-06-30").title == "Loyalty ladder, 2025-06-30"
    html = lifecycle.ladder(customers.rename(columns={"recommendation": "<b>"}), attitude="<b>")._repr_html_()
    assert "<b>" not in html


def test_no_purchases_and_no_customers(keeps_result_contract):
    people = pd.DataFrame({"customer_id": ["a", "b"]})
    found = lifecycle.ladder(people, attitude="recommendation")
    assert found.findings() == ("There are no purchases, so all are prospects: 2 customers.",)
    keeps_result_contract(found, pictures=PICTURES)
    nobody = lifecycle.ladder(people.head(0))
    assert nobody.findings() == ("There are no customers in this study, so the ladder is empty.",)
    keeps_result_contract(nobody, pictures=PICTURES)


def test_calls_that_are_refused(customers):
    cases = [
        ({"repeats": 1}, customers, "ladder: repeats must be 2 or more, not 1."),
        (
            {},
            customers.drop(columns="customer_id"),
            "ladder: the customers have no column 'customer_id'; take them from Study.customer360().",
        ),
        (
            {},
            pd.concat([customers, customers]),
            "ladder: customer_id 'prospect' appears twice; give one row per customer.",
        ),
        (
            {"attitude": "mood"},
            customers.assign(mood="good"),
            "ladder: the attitude 'mood' is not numeric; give numbers where more is better.",
        ),
        (
            {"attitude": pd.Series([1.0, 2.0], index=["partner", "partner"], name="mood")},
            customers,
            "ladder: the attitude 'mood' has two values for one customer; give one per customer_id.",
        ),
    ]
    for settings, frame, message in cases:
        with pytest.raises(UsageError) as error:
            lifecycle.ladder(frame, **settings)
        assert str(error.value) == message


def test_who_joined_before_the_log_begins_may_have_bought():
    customers = pd.DataFrame(
        {
            "customer_id": list("abcd"),
            "frequency": [2, 0, 0, 0],
            "purchase_days": [2, 0, 0, 0],
            "joined": pd.to_datetime(["2024-01-01", "2024-05-01", "2023-01-01", None]),
            "first_purchase": pd.to_datetime(["2024-02-01", None, None, None]),
        }
    )
    result = lifecycle.ladder(customers)
    assert result.before_log == 1
    assert result.findings()[-1] == ("Joined before the log begins, so perhaps customers of before: 1 of 3 prospects.")
    assert lifecycle.ladder(customers.drop(columns="joined")).before_log == 0
