"""Labels: the window's edges, which world a study is in, what is no feature, leaks, studies that are too short."""

import numpy as np
import pandas as pd
import pytest

from crm_analysis.churn import labels, model
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


def test_contracts_end_in_the_window(write_study):
    contracts = "customer_id,start,end\n" + "".join(
        f"C{i:03},2023-01-01,{'' if i % 2 else f'2024-{1 + i % 12:02}-15'}\n" for i in range(120)
    )
    # A change of plan: the old contract ends, a new one begins the day after.
    contracts += "moved,2023-01-01,2024-11-20\nmoved,2024-11-21,\n"
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
    assert set(found.latest.label[found.latest.label == 1].index) == ended
    assert found.latest.label["moved"] == 0
    assert "open_contract" not in found.latest.features.columns


def test_a_labelled_table_is_cross_validated(write_study):
    g = np.random.default_rng(0)
    rows = "".join(f"C{i},{g.integers(1, 60)},{g.choice(['Yes', 'No'])},{'x' if i else ''}\n" for i in range(200))
    toml = '[tables.customers]\nsource = "customers.csv"\n[churn]\nlabel = "Churn"\n'
    study = Study.open(write_study({"customers": "customer_id,tenure,Churn,note\n" + rows}, toml))
    found = labels.snapshots(study)
    assert found.latest.world == "label"
    assert not found.latest.dated
    assert found.training.features.columns.tolist() == ["tenure", "note"]
    assert len(found.current) == (found.latest.label == 0).sum()
    assert found.current.label.isna().all()
    assert found.findings()[0].endswith("the table has no dates, so models are tested by cross-validation.")


@pytest.mark.parametrize(
    ("values", "setting", "message"),
    [
        (["a", "b"], "", "[churn] label: 'Churn' must hold two values, one for those who left; it holds a and b. Name "
                         'the word in study.toml: left = "...".'),
        (["yes", "no", "maybe"], "", "[churn] label: 'Churn' must hold two values, one for those who left; it holds "
                                     'maybe, no and yes. Name the word in study.toml: left = "...".'),
        (["a", "b"], 'left = "gone"', "[churn] left = 'gone' does not occur in 'Churn', which holds a and b."),
    ],
)  # fmt: skip
def test_a_label_that_is_not_understood_is_said(write_study, values, setting, message):
    rows = "".join(f"C{i},{values[i % len(values)]}\n" for i in range(30))
    toml = f'[tables.customers]\nsource = "customers.csv"\n[churn]\nlabel = "Churn"\n{setting}\n'
    study = Study.open(write_study({"customers": "customer_id,Churn\n" + rows}, toml))
    with pytest.raises(UsageError) as raised:
        labels.snapshots(study)
    assert str(raised.value) == message


def test_the_word_for_leaving_can_be_named(write_study):
    rows = "".join(f"C{i},{'quit' if i % 4 == 0 else 'here'},{i}\n" for i in range(100))
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
    assert len(found.training) == len(found.latest) == len(found.current) == 0
    keeps_result_contract(found, pictures=("plot",))


def test_days_before_the_data_are_left_out_and_told(shop):
    found = labels.snapshots(shop, horizon_days=60, every_days=60, count=9)
    assert "4 snapshots were left out: less than 60 days of data lie before." in found.findings()
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
        ({"horizon_days": 0}, "The horizon_days parameter of churn.labels must be at least 1, not 0."),
        ({"count": 1}, "The count parameter of churn.labels must be at least 2 (train, test), not 1."),
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


def test_who_bought_a_category(write_study):
    rows = [
        f"A{i},{day},10,{'tea' if i % 2 and k % 3 == 0 else 'coffee'}"
        for i in range(20)
        for k, day in enumerate(every("2024-01-01", "2024-12-31", 10))
    ]
    study = Study.open(write_study({"transactions": "\n".join(["customer_id,time,amount,category", *rows]) + "\n"}))
    found = labels.purchases(study, category="tea", horizon_days=60, every_days=60, count=3)
    assert set(found.latest.label[found.latest.label == 1].index) == {f"A{i}" for i in range(1, 20, 2)}
    # Who never bought tea will not, and that is no leak but what the model should know: it was known before.
    assert "category_purchase_days" in {*found.training.features.columns, *found.leaks.found["feature"]}
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
