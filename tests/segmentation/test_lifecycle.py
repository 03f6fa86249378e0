"""Stages of a relation: by hand, on buyers whose truth is known, exhaustive and exclusive, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from crm_analysis import rhythm
from crm_analysis.errors import DataError, UsageError
from crm_analysis.segmentation import lifecycle
from crm_analysis.study import Study, simulate

DAYS = 1095


def simulated(n, *, seed, r=1.5, gap=60.0, life=900.0):
    """Poisson buyers of three years, each with a rate of the own, who stop after an exponential time or never do."""
    generator = np.random.default_rng(seed)
    rates, born = generator.gamma(r, 1 / (r * gap), n), generator.uniform(0, DAYS, n)
    left = born + (generator.exponential(life, n) if life else np.inf)
    rows = []
    for rate, start, end in zip(rates, born, np.minimum(left, DAYS), strict=True):
        later = generator.uniform(start, end, generator.poisson(rate * (end - start)))
        days = np.unique(np.floor(np.r_[start, later]))
        spend = generator.gamma(2, 30, len(days))
        recent, before = spend[days > DAYS - 365].sum(), spend[(days <= DAYS - 365) & (days > DAYS - 730)].sum()
        trend = (recent - before) / (recent + before) if recent + before else np.nan
        rows.append((len(days), len(days), DAYS - days[-1], DAYS - days[0], spend.sum(), trend))
    names = ["frequency", "purchase_days", "recency_days", "tenure_days", "monetary", "spend_trend"]
    customers = pd.DataFrame(rows, columns=names)
    customers.insert(0, "customer_id", [f"C{place}" for place in range(n)])
    return customers, left <= DAYS, DAYS - left


@pytest.fixture
def few():
    """Ten customers who buy every ten days, one of each stage beside them, one who bought once, one who never did."""
    steady = pd.DataFrame({"tenure_days": [800.0] * 10, "recency_days": 5.0, "purchase_days": 80, "spend_trend": 0.0})
    others = pd.DataFrame(
        [
            (800.0, 100.0, 71, 0.0),  # silent for ten gaps
            (800.0, 5.0, 80, -0.9),  # buys, but far less than last year
            (15.0, 5.0, 2, 1.0),  # two days only
            (300.0, 5.0, 30, 1.0),  # young
            (800.0, 5.0, 80, 0.5),  # grows
            (800.0, 5.0, 5, -0.9),  # the trend of a rare buyer is noise, but he is late
            (3.0, 3.0, 1, 1.0),  # a newcomer
        ],
        columns=list(steady),
    )
    customers = pd.concat([steady, others], ignore_index=True)
    customers.insert(0, "customer_id", [f"C{place:02d}" for place in range(len(customers))])
    customers["frequency"], customers["monetary"] = customers["purchase_days"], 10.0
    silent = pd.DataFrame({"customer_id": ["never"], "frequency": [0], "monetary": [0.0]})
    return pd.concat([customers, silent], ignore_index=True)


def test_each_rule_by_hand(few):
    found = lifecycle.stages(few)
    stages = found.to_frame()["stage"].tolist()
    assert stages[:10] == ["stable"] * 10
    assert stages[10:15] == ["decline", "decline", "exploration", "formation", "formation"]
    assert stages[15:] == ["stable", "exploration"]
    assert found.never_bought == 1
    assert found.rules.to_dict("list") == {
        "stage": ["decline", "decline", "exploration", "formation", "formation", "stable"],
        "rule": [
            "no purchase for more than 3 expected gaps",
            "spend trend of -0.5 or less, at an age of 730 days or more and with 12 days with a purchase or more",
            "fewer than 3 days with a purchase",
            "younger than 365 days",
            "spend trend of 0.33 or more, at an age of 730 days or more and with 12 days with a purchase or more",
            "all others",
        ],
    }
    assert found.summary["in_chinese"].tolist() == ["考察期", "形成期", "稳定期", "退化期"]
    assert found.summary["customers"].tolist() == [2, 2, 11, 2]
    low, high = proportion_confint(11, 17, method="wilson")
    row = found.summary.set_index("stage").loc["stable"]
    assert [row["customers_share_low"], row["customers_share_high"]] == pytest.approx([low, high])
    assert row["spend_share"] == pytest.approx(11 / 17)


def test_who_is_at_an_edge_is_not_beyond_it(few):
    ratio = lifecycle.stages(few).to_frame().loc[10, "overdue_ratio"]
    assert lifecycle.stages(few, late=ratio).to_frame().loc[10, "stage"] == "stable"
    assert lifecycle.stages(few, late=ratio * (1 - 1e-9)).to_frame().loc[10, "stage"] == "decline"
    # A trend compares two years: it counts from the day on which both lie within the relation.
    for tenure, stage in ((729.0, "stable"), (730.0, "decline")):
        aged = few.assign(tenure_days=few["tenure_days"].where(few.index != 11, tenure))
        assert lifecycle.stages(aged).to_frame().loc[11, "stage"] == stage


def test_its_findings(few):
    found = lifecycle.stages(few)
    low, high = (100 * end for end in proportion_confint(2, 17, method="wilson"))
    assert found.findings()[0].startswith(
        f"In decline: 11.8 % (95 % interval {low:.1f}–{high:.1f}) of 17 customers, who brought 11.8 % (95 % interval "
    )
    gap, weight = found.rhythm.pool_gap_days, found.rhythm.pool_weight
    assert found.findings()[2] == (
        f"The pool's gap between purchases is {gap:.0f} days; it counts as much as {weight:.1f} gaps of a customer's "
        f"own, so one-time buyers count as declining after {3 * gap:.0f} days of silence."
    )
    assert found.findings()[-1] == "Without a purchase, and so without a stage: 1 customer."
    once = few.assign(spend_trend=np.nan)
    once.loc[16, ["recency_days", "tenure_days"]] = 700.0
    found = lifecycle.stages(once)
    chance = (1 + 3 / found.rhythm.pool_weight) ** -found.rhythm.pool_weight
    assert found.findings()[3:5] == (
        "50.0 % of those in decline bought on one day only, so their stage is the least sure: a one-time buyer who "
        f"will buy again is silent for so long with a chance of {100 * chance:.1f} %.",
        "No customer has a trend of spend to judge by, so stages rest on age and silence alone.",
    )


@settings(max_examples=20)
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 60), st.integers(0, 1500), st.integers(0, 1500), st.floats(-1, 1)),
        min_size=1,
        max_size=30,
    ),
    late=st.floats(0.5, 10),
    known=st.integers(2, 6),
)
def test_every_customer_with_a_purchase_is_in_exactly_one_stage(rows, late, known):
    customers = pd.DataFrame(rows, columns=["frequency", "recency_days", "more", "spend_trend"])
    customers["tenure_days"] = customers["recency_days"] + customers.pop("more")
    customers.insert(0, "customer_id", range(len(customers)))
    found = lifecycle.stages(customers, late=late, known=known)
    table = found.to_frame()
    assert table["customer_id"].tolist() == customers.loc[customers["frequency"] > 0, "customer_id"].tolist()
    assert set(table["stage"]) <= set(lifecycle.STAGES)
    assert found.summary["customers"].sum() + found.never_bought == len(customers)


def test_who_stopped_is_called_declining_and_who_did_not_is_not():
    customers, stopped, since = simulated(1500, seed=3)
    declining = (lifecycle.stages(customers).to_frame()["stage"] == "decline").to_numpy()
    # A silence of half a year tells nearly always; one that has just begun cannot.
    assert declining[stopped & (since > 180)].mean() > 0.93
    assert declining[stopped].mean() > 0.75
    several = (customers["purchase_days"] >= 3).to_numpy()
    assert declining[~stopped & several].mean() < 0.12
    assert declining[~stopped].mean() < 0.20


def test_the_simulated_shops_customers_who_have_left(tmp_path):
    folder = simulate.company(customers=800, seed=11).write(tmp_path / "bookshop")
    study = Study.open(folder)
    truth = pd.read_csv(folder / "truth_customers.csv", parse_dates=["left"]).set_index("customer_id")["left"]
    table = lifecycle.stages(study.customer360()).to_frame().set_index("customer_id").join(truth, how="inner")
    gone = table["left"] <= pd.Timestamp(study.last_date)
    declining = table["stage"] == "decline"
    assert declining[gone].mean() > 0.8
    assert declining[~gone].mean() < 0.2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("r", "late", "long_gone", "wrongly"),
    [(1.5, 2, 0.97, 0.21), (1.5, 3, 0.95, 0.11), (1.5, 4, 0.92, 0.07), (0.5, 3, 0.93, 0.12), (5.0, 3, 0.98, 0.11)],
)
def test_how_often_stages_are_right(r, late, long_gone, wrongly):
    customers, stopped, since = simulated(8000, seed=8, r=r)
    declining = (lifecycle.stages(customers, late=late).to_frame()["stage"] == "decline").to_numpy()
    assert declining[stopped & (since > 180)].mean() > long_gone
    assert declining[~stopped & (customers["purchase_days"] >= 3).to_numpy()].mean() < wrongly


@pytest.mark.slow
def test_active_buyers_are_silent_by_chance_about_as_often_as_the_docstring_says():
    customers, _, _ = simulated(8000, seed=9, r=5.0, life=0)
    found = lifecycle.stages(customers).to_frame()
    dense = found["purchase_days"] >= 12
    assert 0.03 < (found.loc[dense, "overdue_ratio"] > 3).mean() < 0.07


def test_how_often_an_active_one_time_buyer_is_silent_for_long():
    """Waits at a rate that is Gamma distributed over the customers, drawn: no formula of the package is used."""
    generator = np.random.default_rng(4)
    for r in (0.7, 3.0):
        waits = generator.exponential(1, 200_000) / generator.gamma(r, 1 / (r * 50), 200_000)
        learned = rhythm.Rhythm(pool_gap_days=50.0, pool_weight=r, repeaters=1)
        # Four standard errors of such a share are below 0.005.
        assert (waits > 3 * 50).mean() == pytest.approx(learned.silent_share(3), abs=0.005)


def test_longer_patience_means_fewer_in_decline():
    customers, _, _ = simulated(400, seed=5)
    declining = [(lifecycle.stages(customers, late=late).to_frame()["stage"] == "decline").sum() for late in (1, 2, 4)]
    assert declining == sorted(declining, reverse=True)


def test_order_of_rows_does_not_matter_and_the_frame_is_left_alone(few):
    before = few.copy(deep=True)
    first = lifecycle.stages(few).to_frame().set_index("customer_id")["stage"]
    second = lifecycle.stages(few.sample(frac=1, random_state=2)).to_frame().set_index("customer_id")["stage"]
    pd.testing.assert_series_equal(first, second.loc[first.index])
    pd.testing.assert_frame_equal(few, before)


def test_no_purchases_in_this_study(keeps_result_contract):
    found = lifecycle.stages(pd.DataFrame({"customer_id": ["a", "b"], "region": "north"}))
    assert found.findings() == (
        "There are no purchases in this study, so no customer has a stage.",
        "Without a purchase, and so without a stage: 2 customers.",
    )
    keeps_result_contract(found, pictures=("plot", "plot_overdue"))


def test_relations_too_young_to_be_stable(few):
    young = lifecycle.stages(few, settled_days=1000)
    assert young.findings()[1] == ("Nobody can be stable yet: the oldest relation is 800 days old, and it takes 1,000.")


def test_nobody_bought_twice(keeps_result_contract):
    once = pd.DataFrame({"customer_id": [1, 2], "frequency": 1, "recency_days": [900.0, 2], "tenure_days": [900.0, 2]})
    found = lifecycle.stages(once)
    assert found.to_frame()["stage"].tolist() == ["exploration"] * 2
    assert found.findings()[2] == ("Nobody bought on two days, so no rhythm is known and nobody can be called overdue.")
    keeps_result_contract(found, pictures=("plot", "plot_overdue"))


def test_StagesResult_keeps_the_contract(few, keeps_result_contract):
    pictures = ("plot", "plot_overdue")
    keeps_result_contract(lifecycle.stages(few, label="2025-06-30", currency="CNY"), pictures=pictures)
    keeps_result_contract(lifecycle.stages(few.tail(2)), pictures=pictures)
    keeps_result_contract(lifecycle.stages(simulated(300, seed=1)[0]), pictures=pictures)
    titled = lifecycle.stages(few, label="<script>x</script>", currency="CNY")
    assert titled.title == "Life cycle, <script>x</script>"
    assert "<script" not in titled._repr_html_()
    assert "<caption>Stages of the relation (amounts in CNY)</caption>" in titled._repr_html_()


def test_the_bars_are_the_shares(few):
    found = lifecycle.stages(few)
    shares = [*(100 * found.summary["customers_share"]), *(100 * found.summary["spend_share"])]
    ax = found.plot()
    assert sorted(bar.get_width() for bar in ax.patches) == pytest.approx(sorted(shares))
    assert [label.get_text() for label in ax.get_yticklabels()] == ["decline", "stable", "formation", "exploration"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"late": 0}, "lifecycle: late must be above 0, not 0."),
        ({"known": 1}, "lifecycle: known must be 2 or more, not 1."),
        ({"settled_days": -1}, "lifecycle: settled_days must be 0 or more, not -1."),
        ({"rise": 0}, "lifecycle: rise must be above 0, at most 1, not 0."),
        ({"fall": 1.5}, "lifecycle: fall must be above 0, at most 1, not 1.5."),
    ],
)
def test_parameters_out_of_range(few, wrong, message):
    with pytest.raises(UsageError) as error:
        lifecycle.stages(few, **wrong)
    assert str(error.value) == message


def test_frames_that_are_refused(few):
    cases = [
        (
            UsageError,
            few.drop(columns="customer_id"),
            "lifecycle: the customers have no column 'customer_id'; take them from Study.customer360().",
        ),
        (
            UsageError,
            pd.concat([few, few.tail(1)]),
            "lifecycle: customer_id 'never' appears twice; give one row per customer.",
        ),
        (
            DataError,
            few.assign(recency_days=np.nan),
            "lifecycle: recency_days is missing for 17 customers with a purchase; mend it.",
        ),
        (
            DataError,
            few.assign(tenure_days=1.0),
            "lifecycle: the last purchase of 17 customers lies after the day of the view or before the first purchase, "
            "the first of them 'C00'; take both days from one view.",
        ),
    ]
    for kind, customers, message in cases:
        with pytest.raises(kind) as error:
            lifecycle.stages(customers)
        assert str(error.value) == message
