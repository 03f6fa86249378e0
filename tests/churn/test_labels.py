"""Labels: the window's edges, which world a study is in, what is no feature, leaks, studies that are too short."""

import numpy as np
import pandas as pd
import pytest

from crm_analysis.churn import features, labels, model
from crm_analysis.errors import UsageError
from crm_analysis.study import Study


def log(days_by_customer, *, amount=10):
    rows = [f"{who},{day},{amount}" for who, days in days_by_customer.items() for day in days]
    return "\n".join(["customer_id,time,amount", *rows]) + "\n"


def every(start, end, days):
    return [str(day.date()) for day in pd.date_range(start, end, freq=f"{days}D")]


@pytest.fixture
def shop(write_study):
    """Twelve who always buy, twelve who stop on 2024-08-01, and one who buys on the window's first and last day."""
    people = {f"A{i:02}": every(f"2024-01-{i + 1:02}", "2024-12-31", 10) for i in range(12)}
    people |= {f"B{i:02}": every(f"2024-01-{i + 1:02}", "2024-08-01", 10) for i in range(12)}
    people["edge"] = [*every("2024-01-01", "2024-10-22", 5), "2024-12-31"]
    return Study.open(write_study({"transactions": log(people)}))


def test_the_label_comes_from_the_window_and_the_features_from_before_it(shop):
    found = labels.snapshots(shop, horizon_days=60, every_days=60, count=3, late=5, keep_leaks=True)
    assert (
        found.blocks["as_of"].dt.strftime("%Y-%m-%d").tolist()
        == [
            "2024-07-04",
            "2024-09-02",
            "2024-11-01",
            "2024-12-31",
        ][: len(found.blocks)]
    )
    assert found.blocks["role"].tolist() == ["training", "training", "test", "to score"]
    trained = found.training
    first = trained.as_of == pd.Timestamp("2024-07-04")
    # On 2024-07-04 everybody is active, and everybody buys within the sixty days after (B until August).
    assert trained.label[first.to_numpy()].sum() == 0
    second = found.training.take(~first.to_numpy())
    # On 2024-09-02 B has been silent for a month, three gaps of its own; nobody of them buys later.
    gone = second.label[second.label == 1].index
    assert set(gone) == {f"B{i:02}" for i in range(12)}
    # The features of a day know nothing of later orders.
    view = shop.customer360("2024-09-02").set_index("customer_id")
    assert (second.features["recency_days"] == view["recency_days"].reindex(second.features.index)).all()
    assert (second.features["recent_purchase_days"] <= 12).all()


def test_a_purchase_on_the_windows_last_day_is_no_leaving_and_one_on_the_day_itself_no_staying(write_study):
    people = {f"A{i:02}": every("2024-01-01", "2024-12-31", 7) for i in range(9)}
    people["last"] = [*every("2024-01-01", "2024-10-30", 7), "2024-12-31"]
    people["same"] = [*every("2024-01-01", "2024-10-30", 7), "2024-11-01"]
    study = Study.open(write_study({"transactions": log(people)}))
    found = labels.snapshots(study, horizon_days=60, every_days=60, count=3, late=20)
    assert str(found.latest.as_of.iloc[0].date()) == "2024-11-01"
    assert found.latest.label["last"] == 0
    assert found.latest.label["same"] == 1


def test_who_is_silent_already_cannot_leave(shop):
    found = labels.snapshots(shop, horizon_days=60, every_days=60, count=3, late=3)
    assert not {name for name in found.latest.features.index if name.startswith("B")}
    assert found.blocks.loc[found.blocks["role"] == "test", "inactive"].tolist() == [12]
    # Silent for three months, about nine gaps of its own, B is still active by a limit beyond that only.
    for late, inactive in ((8, 12), (12, 0)):
        other = labels.snapshots(shop, horizon_days=60, every_days=60, count=3, late=late)
        assert other.blocks.loc[other.blocks["role"] == "test", "inactive"].tolist() == [inactive], late


def test_a_return_keeps_nobody_and_one_time_buyers_have_the_rhythm_of_all(write_study):
    people = {f"A{i:02}": every(f"2024-01-{i + 1:02}", "2024-12-31", 10) for i in range(12)}
    # All others buy every ten days: once on 2024-10-25 is active a week later, once in September is not.
    people |= {"new": ["2024-10-25"], "silent": ["2024-09-15"], "sent back": every("2024-01-01", "2024-10-30", 10)}
    lines = log(people) + "sent back,2024-11-20,-10\n"
    found = labels.snapshots(Study.open(write_study({"transactions": lines})), horizon_days=60, every_days=60, count=2)
    assert str(found.latest.as_of.iloc[0].date()) == "2024-11-01"
    assert {"new", "sent back"} == set(found.latest.label[found.latest.label == 1].index)
    assert "silent" not in found.latest.features.index


@pytest.mark.parametrize(("holders", "end", "world"), [(2, "2024-03-01", "contracts"), (1, "2024-03-01", "silence"),
                                                       (4, "", "silence")])  # fmt: skip
def test_contracts_count_if_half_of_the_customers_have_one_and_some_end(write_study, holders, end, world):
    orders = log({who: ["2024-01-05", "2024-05-05"] for who in "ABCD"})
    held = "customer_id,start,end\n" + "".join(f"{who},2024-01-01,{end}\n" for who in "ABCD"[:holders])
    assert labels.world_of(Study.open(write_study({"transactions": orders, "contracts": held}))) == world


def test_an_end_that_is_agreed_on_for_later_has_not_happened(write_study):
    held = "customer_id,start,end\nA,2024-01-01,2024-03-01\nB,2024-01-01,2026-01-01\n"
    study = Study.open(write_study({"transactions": log({"A": ["2024-01-05", "2024-05-05"]}), "contracts": held}))
    assert [str(day) for day in labels.span(study, "contracts")] == ["2024-01-01", "2024-05-05"]


def test_contracts_end_in_the_window(write_study):
    contracts = "customer_id,start,end\n" + "".join(
        f"C{i:03},2023-01-01,{'' if i % 2 else f'2024-{1 + i % 12:02}-15'}\n" for i in range(120)
    )
    # A change of plan: the old contract ends, a new one begins the day after.
    contracts += "moved,2023-01-01,2024-11-20\nmoved,2024-11-21,\n"
    # On the window's last day, and on the day after; and one who comes back when the window is over.
    contracts += "last,2023-01-01,2024-10-22\nafter,2023-01-01,2024-10-23\n"
    contracts += "back,2023-01-01,2024-10-01\nback,2024-11-05,\n"
    study = Study.open(write_study({"contracts": contracts}))
    found = labels.snapshots(study, horizon_days=30, every_days=30, count=4)
    assert found.latest.world == "contracts"
    day = found.latest.as_of.iloc[0]
    ended = {
        f"C{i:03}"
        for i in range(0, 120, 2)
        if day < pd.Timestamp(f"2024-{1 + i % 12:02}-15") <= day + pd.Timedelta("30D")
    }
    assert ended
    assert set(found.latest.label[found.latest.label == 1].index) == ended | {"after"}
    assert found.latest.label["moved"] == 0
    before = found.training.label[found.training.as_of == pd.Timestamp("2024-09-22")]
    assert before[["last", "after", "back", "moved"]].tolist() == [1, 0, 1, 0]
    assert "open_contract" not in found.latest.features.columns


def test_a_labelled_table_is_cross_validated(write_study):
    g = np.random.default_rng(0)
    left = g.choice(["Yes", "No"], size=200)
    rows = "".join(
        f"C{i},{g.integers(1, 60)},{said if i > 4 else ''},{'xy'[i % 2] if i % 5 else ''},{1 if said == 'Yes' else 0}\n"
        for i, said in enumerate(left)
    )
    toml = '[tables.customers]\nsource = "customers.csv"\n[churn]\nlabel = "Churn"\n'
    study = Study.open(write_study({"customers": "customer_id,tenure,Churn,note,closed\n" + rows}, toml))
    found = labels.snapshots(study)
    # What gives the label away is left out everywhere, unless it is to stay.
    assert found.leaks.found["feature"].tolist() == ["closed"]
    assert "closed" not in {*found.latest.features.columns, *found.current.features.columns}
    assert "closed" in labels.snapshots(study, keep_leaks=True).training.features.columns
    assert found.latest.world == "label"
    assert not found.latest.dated
    assert found.training.features.columns.tolist() == ["tenure", "note"]
    assert len(found.latest) == 195
    # Customers of whom it is not known are to be scored, as those who stayed are.
    assert len(found.current) == (found.latest.label == 0).sum() + 5
    assert found.current.label.isna().all()
    unknown = "Of 5 customers it is not known whether they left: no model learns from them, and they are scored."
    assert unknown in found.findings()
    # A text that is missing somewhere is learned from, whoever made the features.
    churn = model.ChurnModel(kinds=("logistic",)).fit(found.training)
    assert np.isfinite(churn.chance(found.current)).all()
    given = found.training.with_features(
        pd.DataFrame({"said": ["a", None] * 50}, dtype="string").set_axis(found.training.features.index[:100])
    )
    assert given.features["said"].cat.categories.dtype == "str"
    assert found.findings()[0].endswith("the table has no dates, so models are tested by cross-validation.")


@pytest.mark.parametrize(
    ("values", "setting", "message"),
    [
        (["a", "b"], "", "[churn] label: 'Churn' does not say by a plain yes or no who left; it holds a and b. "),
        (["yes", "no", "maybe"], "", "[churn] label: 'Churn' does not say by a plain yes or no who left; it holds "
                                     "maybe, no and yes. "),
        (["a", "b"], 'left = "gone"', "[churn] left = 'gone' does not occur in 'Churn', which holds a and b."),
    ],
)  # fmt: skip
def test_a_label_that_is_not_understood_is_said(write_study, values, setting, message):
    rows = "".join(f"C{i},{values[i % len(values)]}\n" for i in range(30))
    toml = f'[tables.customers]\nsource = "customers.csv"\n[churn]\nlabel = "Churn"\n{setting}\n'
    study = Study.open(write_study({"customers": "customer_id,Churn\n" + rows}, toml))
    with pytest.raises(UsageError) as raised:
        labels.snapshots(study)
    cure = 'Name the word for those who left in study.toml, [churn] left = "..."; all others then count as staying.'
    assert str(raised.value) == message + ("" if setting else cure)


def test_the_word_for_leaving_can_be_named(write_study):
    rows = "".join(f"C{i},{('quit', 'here', 'new', 'here')[i % 4]},{i}\n" for i in range(100))
    toml = '[tables.customers]\nsource = "customers.csv"\n[churn]\nlabel = "state"\nleft = "quit"\n'
    study = Study.open(write_study({"customers": "customer_id,state,size\n" + rows}, toml))
    assert labels.snapshots(study).latest.label.sum() == 25


def test_a_study_that_is_too_short_says_what_it_needs(write_study, keeps_result_contract):
    people = {f"A{i}": every("2024-01-01", "2024-03-31", 7) for i in range(9)}
    study = Study.open(write_study({"transactions": log(people)}))
    found = labels.snapshots(study, horizon_days=60)
    assert found.findings() == (
        "Nobody can be looked at: the data run from 2024-01-01 to 2024-03-25, 84 days; a test and a training snapshot "
        "with a window of 60 days need 210: use a shorter horizon_days or every_days.",
    )
    assert labels.snapshots(study, horizon_days=10**9).missing.endswith(
        "need 3000000080: use a shorter horizon_days or every_days."
    )
    # Long enough, but no training snapshot lies far enough back.
    assert labels.snapshots(study, horizon_days=20, every_days=7, count=3).missing == (
        "With a count of 3, 7 days apart, no window of 20 days ends by the day of the test; use a count of 4 or more, "
        "or longer every_days."
    )
    assert len(found.training) == len(found.latest) == len(found.current) == 0
    keeps_result_contract(found, pictures=("plot",))


def test_days_before_the_data_are_left_out_and_told(shop):
    found = labels.snapshots(shop, horizon_days=np.int64(60), every_days=60, count=10**6 + 9)
    assert "1,000,004 snapshots were left out: less than 60 days of data lie before." in found.findings()
    close = labels.snapshots(shop, horizon_days=60, every_days=30, count=4)
    assert any(
        sentence.endswith("since the window reaches beyond 2024-11-01, the day of the test.")
        for sentence in close.findings()
    )


def test_nothing_says_who_left(write_study):
    study = Study.open(write_study({"customers": "customer_id,region\nA,north\nB,south\n"}))
    assert labels.snapshots(study).findings() == (
        "Nobody can be looked at: nothing in the study shop says who left; it needs a table of transactions, a table "
        'of contracts with their ends, or [churn] label = "column" in study.toml.',
    )
    assert labels.world_of(study) == ""
    asked = labels.snapshots(study, world="silence")
    assert asked.findings() == ("Nobody can be looked at: the study shop has no table of transactions.",)
    assert labels.purchases(study).missing == "The study shop has no table of transactions."


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"horizon_days": 0}, "churn.labels: horizon_days must be a whole number, 1 or more, not 0."),
        (
            {"horizon_days": 30.5},
            "churn.labels: horizon_days must be a whole number, 1 or more, not 30.5.",
        ),
        ({"every_days": "9"}, "churn.labels: every_days must be a whole number, 1 or more, not '9'."),
        ({"count": 1}, "churn.labels: count must be a whole number, 2 or more, not 1."),
        ({"count": True}, "churn.labels: count must be a whole number, 2 or more, not True."),
        ({"late": "3"}, "The late parameter of churn.labels must be above 0, not '3'."),
        ({"late": float("inf")}, "The late parameter of churn.labels must be above 0, not inf."),
        ({"late": 0}, "The late parameter of churn.labels must be above 0, not 0."),
        (
            {"world": "moon"},
            "The world parameter of labels.snapshots must be 'auto' or one of 'silence', 'contracts', 'label', not "
            "'moon'.",
        ),
    ],
)
def test_parameters_out_of_range(shop, options, message):
    with pytest.raises(UsageError) as raised:
        labels.snapshots(shop, **options)
    assert str(raised.value) == message


def test_infinite_values_are_no_feature():
    view = pd.DataFrame({"customer_id": ["A", "B"], "ratio": [np.inf, 1.0], "text": ["-inf", "2"], "size": [1.0, 2.0]})
    made, dropped = features.make(view, as_of=None)
    assert made.columns.tolist() == ["size"]
    assert dropped == dict.fromkeys(("ratio", "text"), "it holds infinite values, or such as no model can take")


def test_who_bought_a_category(write_study):
    rows = [
        f"A{i},{day},10,{'tea' if i % 2 and k % 3 == 0 else 'coffee'}"
        for i in range(20)
        for k, day in enumerate(every("2024-01-01", "2024-12-31", 10))
    ]
    # Wine was only ever sent back, so nobody bought it.
    rows.append("A0,2024-01-01,-10,wine")
    study = Study.open(write_study({"transactions": "\n".join(["customer_id,time,amount,category", *rows]) + "\n"}))
    found = labels.purchases(study, category="tea", horizon_days=60, every_days=60, count=3, keep_leaks=True)
    assert set(found.latest.label[found.latest.label == 1].index) == {f"A{i}" for i in range(1, 20, 2)}
    # Known before the day: of the 31 days with a purchase until 2024-10-27, every third was for tea.
    bought = found.latest.features["category_purchase_days"]
    assert bought[["A0", "A1"]].tolist() == [0, 11]
    assert "a purchase of 'tea' in the window" in found.findings()[0]
    with pytest.raises(UsageError) as raised:
        labels.purchases(study, category="wine")
    assert str(raised.value) == "propensity: nobody bought the category 'wine'; there are coffee and tea."
    # By default the category that most have bought: coffee, by all twenty.
    whole = labels.purchases(study, horizon_days=60, every_days=60, count=3)
    assert "a purchase of 'coffee' in the window" in whole.findings()[0]
    assert whole.captions() == {"blocks": "Snapshots of the customers, and the share that bought in the window"}
    assert {"bought", "bought_share", "bought_share_low"} <= set(whole.frames()["blocks"].columns)
    assert whole.metrics()["bought_share"] == whole.blocks["left_share"].dropna().iloc[-1]


def test_without_categories_any_purchase_counts(shop):
    found = labels.purchases(shop, horizon_days=60, every_days=60, count=3)
    assert "bought in the 60 days after 2024-11-01" in found.findings()[0]
    assert ": a purchase in the window, among those still active" in found.findings()[0]
    with pytest.raises(UsageError) as raised:
        labels.purchases(shop, category="wine")
    assert str(raised.value) == "propensity: nobody bought the category 'wine'; the orders have no categories."


def test_the_demo_study(demo, keeps_result_contract):
    study = Study.open(demo)
    found = labels.snapshots(study)
    keeps_result_contract(found, pictures=("plot",))
    assert found.latest.world == "silence"
    assert found.dropped.keys() == {"cost_to_serve", "name", "phone", "email"}
    assert found.leaks.found.empty
    assert (found.training.as_of + pd.Timedelta(days=90) <= found.latest.as_of.iloc[0]).all()
    assert found.training.features.columns.tolist() == found.current.features.columns.tolist()
    assert {"survey_satisfaction", "overdue_ratio", "recent_purchase_days"} <= set(found.training.features.columns)
    assert found.training.features["survey_satisfaction"].dropna().between(0, 100).all()
    assert found.current.label.isna().all()
    # Out of time the model is better than every simple rule, by paired intervals.
    churn = model.ChurnModel(kinds=("logistic",), seed=1).fit(found.training)
    report = model.evaluate(churn, found.latest, resamples=200)
    rules = report.models.loc[report.models["kind"] == "baseline", "model"]
    gaps = report.differences[report.differences["model"].isin(rules)].set_index("measure")
    assert len(rules) >= 3
    assert (gaps.loc["roc_auc", "high"] < 0).all()
    assert (gaps.loc["log_loss", "low"] > 0).all()


def test_SnapshotsResult_keeps_the_contract(shop, keeps_result_contract):
    found = labels.snapshots(shop, horizon_days=60, every_days=60, count=3, late=5)
    keeps_result_contract(found, pictures=("plot",))
    assert found.latest.to_frame().columns[:2].tolist() == ["customer_id", "as_of"]


def test_scores_of_another_analysis_join_as_features(shop):
    found = labels.snapshots(shop, horizon_days=60, every_days=60, count=3, late=5)
    scores = pd.DataFrame({"trust": [7.0, 8.0], "kind": ["true", "latent"]}, index=["A00", "A01"])
    joined = found.training.with_features(scores)
    assert joined.features["trust"].notna().sum() == 2 * found.training.as_of.nunique()
    assert joined.features["kind"].dtype == "category"
    assert len(joined) == len(found.training)
    with pytest.raises(UsageError) as raised:
        joined.with_features(scores)
    assert str(raised.value) == "Sample.with_features: there is a feature 'trust' already; rename it."
    with pytest.raises(UsageError) as raised:
        joined.with_features(scores.set_axis(["A00", "A00"]))
    assert str(raised.value) == "Sample.with_features: customer 'A00' is there twice; give one row to each."
