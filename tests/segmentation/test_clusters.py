"""Clusters: known groups are found, one crowd is not divided, and what is said of them is true."""

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import yeojohnson
from sklearn.base import clone
from sklearn.metrics import adjusted_rand_score
from statsmodels.stats.proportion import proportion_confint

from crm_analysis.errors import DataError, UsageError
from crm_analysis.segmentation import clusters
from crm_analysis.segmentation.clusters import Clusters
from crm_analysis.segmentation.grouping import encoding, profiling, separation, stability
from crm_analysis.segmentation.grouping.partition import divide

CENTRES = {"near": (20, 30, 40), "rare": (300, 2, 40), "grand": (150, 6, 400), "idle": (900, 8, 60)}


def people(sizes, *, seed=1, spread=0.12):
    """Customers of four kinds, log-normal about the centres; `truth` says which."""
    generator = np.random.default_rng(seed)
    parts = []
    for (name, centre), size in zip(CENTRES.items(), sizes, strict=False):
        values = np.exp(np.log(centre) + spread * generator.normal(size=(size, 3)))
        part = pd.DataFrame(values, columns=["recency_days", "frequency", "mean_order_value"])
        parts.append(part.assign(truth=name))
    found = pd.concat(parts, ignore_index=True).sample(frac=1, random_state=seed).reset_index(drop=True)
    found["monetary"] = found["frequency"] * found["mean_order_value"]
    return found.assign(customer_id=[f"C{i:05d}" for i in range(len(found))])


@pytest.fixture(scope="module")
def four():
    return people((300, 200, 150, 100))


@pytest.fixture(scope="module")
def found(four):
    return clusters.find(four, resamples=20, currency="EUR", label="spring")


@pytest.mark.parametrize("method", clusters.METHODS)
@pytest.mark.parametrize("kinds", [2, 3, 4])
def test_known_groups_are_found_in_their_number_and_membership(kinds, method):
    customers = people((200, 150, 120, 100)[:kinds], seed=kinds)
    model = Clusters(method=method, most=6, resamples=12).fit(customers)
    assert (model.count_, model.sound_) == (kinds, True)
    assert adjusted_rand_score(customers["truth"], model.labels_) > 0.98
    assert (model.stability_ >= stability.STABLE).all()


def crowds():
    generator = np.random.default_rng(5)
    n = 600
    return {
        "normal": generator.normal(size=(n, 3)),
        "drawn out": generator.normal(size=(n, 3)) * [6, 1, 1],
        "correlated": generator.normal(size=(n, 2)) @ np.array([[1, 0.9], [0, 0.43]]),
        "even": generator.uniform(size=(n, 2)),
        "heavy tails": generator.standard_t(4, size=(n, 2)),
        "skewed": generator.lognormal(size=(n, 3)),
        "counts": generator.poisson(3, size=(n, 2)),
    }


@pytest.mark.parametrize("kind", crowds())
def test_one_crowd_is_not_divided(kind):
    points = crowds()[kind]
    frame = pd.DataFrame(points, columns=[f"x{i}" for i in range(points.shape[1])])
    model = Clusters(features=list(frame.columns), most=5, resamples=6).fit(frame)
    assert model.count_ == 1
    assert model.names_ == ("All customers",)
    assert set(model.predict(frame)) == {0}


@pytest.mark.slow
def test_how_often_one_crowd_is_divided_and_known_groups_are_missed():
    """Of 200 crowds and 200 companies of three kinds; the crowds are normal, even and skewed."""
    generator = np.random.default_rng(11)
    divided = missed = 0
    for draw in range(200):
        kinds = (generator.normal(size=(400, 3)), generator.uniform(size=(400, 3)), generator.gamma(2, size=(400, 3)))
        crowd = pd.DataFrame(kinds[draw % 3], columns=["a", "b", "c"])
        divided += Clusters(features=["a", "b", "c"], most=6, resamples=8, seed=draw).fit(crowd).count_ > 1
        company = people((150, 100, 80), seed=draw, spread=0.25)
        missed += Clusters(most=6, resamples=8, seed=draw).fit(company).count_ != 3
    assert divided <= 10
    assert missed <= 10


def test_no_clusters_is_said_in_a_sentence(keeps_result_contract):
    generator = np.random.default_rng(3)
    frame = pd.DataFrame(generator.normal(size=(300, 2)), columns=["a", "b"]).assign(customer_id=range(300))
    result = clusters.find(frame, features=["a", "b"], most=4, resamples=6)
    assert result.findings()[0] == (
        "No clusters were found: however 300 customers are divided, two groups are parts of one crowd, a group is too "
        "small, or the groups do not come back in resamples."
    )
    assert "count=" in result.findings()[1]
    assert result.clusters["verdict"].tolist() == ["one crowd"]
    keeps_result_contract(result, pictures=("plot", "plot_choice", "plot_map"))


def test_a_number_that_was_asked_for_is_called_a_cut():
    generator = np.random.default_rng(3)
    frame = pd.DataFrame(generator.normal(size=(300, 2)) * [3, 1], columns=["a", "b"]).assign(customer_id=range(300))
    result = clusters.find(frame, features=["a", "b"], count=2, most=3, resamples=6)
    assert result.findings()[0].startswith(
        "300 customers are divided into 2 groups because that was asked for: two of them are parts of one crowd, so "
        "they are a convenient cut and not clusters found; they come back in resamples with a mean similarity of 0."
    )
    assert (result.metrics()["clusters"], result.metrics()["sound"]) == (2, 0)


def test_ClustersResult_keeps_the_contract(found, keeps_result_contract):
    keeps_result_contract(found, pictures=("plot", "plot_choice", "plot_map"))


def test_what_is_said_of_clusters(four, found):
    assert found.title == "Clusters, spring"
    assert found.findings()[0].startswith("750 customers fall into 4 clusters with a valley between every two of them;")
    assert len(found.findings()) == 5
    assert found.clusters["customers"].tolist() == [300, 200, 150, 100]
    names = found.clusters["cluster"].tolist()
    assert names[0] == "Frequent, recent, small orders"
    assert set(found.clusters["verdict"]) == {"stable"}
    truth = four.groupby("truth")["monetary"].sum()
    assert found.clusters["spend"].tolist() == pytest.approx([truth[name] for name in CENTRES])
    of = found.profiles.set_index(["cluster", "feature"])
    near = four.loc[four["truth"] == "near", "recency_days"]
    assert of.loc[(names[0], "recency_days"), "median"] == pytest.approx(near.median())
    assert (
        of.loc[(names[0], "recency_days"), "median_low"] < 20.5 < of.loc[(names[0], "recency_days"), "median_high"] + 1
    )
    assert found.findings()[1].startswith("Frequent, recent, small orders: 40.0 % (95 % interval ")
    assert found.labels.loc["C00000"] == found.customers["cluster"].iloc[0]


def test_an_estimator_of_scikit_learn(four):
    model = Clusters(count=3, resamples=4, most=3)
    assert clone(model).get_params() == model.get_params()
    assert model.fit(four) is model
    assert (model.predict(four) == model.labels_).all()
    assert (np.diff(np.bincount(model.labels_)) <= 0).all()
    assert (Clusters(count=3, resamples=4, most=3).fit_predict(four) == model.labels_).all()


def test_new_customers_are_placed_with_those_like_them(four, found):
    newcomers = people((30, 30, 30, 30), seed=77)
    named = found.model.name(newcomers)
    assert named.index.tolist() == newcomers["customer_id"].tolist()
    assert adjusted_rand_score(newcomers["truth"], named) > 0.98
    pd.testing.assert_series_equal(found.place(newcomers), named)
    assert found.place(newcomers.assign(frequency=0)).empty
    assert clusters.find(people((5,))).place(newcomers).empty
    certainty = found.model.certainty(newcomers)
    assert ((certainty >= 0) & (certainty <= 1)).all()
    alone = found.model.predict(newcomers.iloc[[7]])
    assert alone[0] == found.model.predict(newcomers)[7]


def test_the_order_of_rows_and_the_unit_do_not_matter(four, found):
    turned = four.iloc[::-1].assign(mean_order_value=lambda f: 7 * f["mean_order_value"])
    again = Clusters(resamples=6, most=5).fit(turned)
    assert adjusted_rand_score(found.model.labels_[::-1], again.labels_) == 1


def test_the_same_seed_gives_the_same_result(four):
    one, other = (clusters.find(four, resamples=5, most=4, seed=3) for _ in range(2))
    pd.testing.assert_frame_equal(one.choice, other.choice)
    pd.testing.assert_frame_equal(one.customers, other.customers)


def test_words_count_as_much_as_numbers():
    generator = np.random.default_rng(2)
    frame = pd.DataFrame(
        {
            "x": generator.normal(size=4000),
            "word": generator.choice(["a", "b", "c", "tiny", "small"], p=[0.5, 0.3, 0.16, 0.02, 0.02], size=4000),
            "yes": generator.random(4000) < 0.3,
            "same": 1.0,
        }
    )
    learned = encoding.learn(frame, ["x", "word", "yes", "same"])
    points = learned.points(frame)
    assert points.shape == (4000, 1 + 4 + 2)
    assert learned.constant == ("same",)
    assert points[:, 1:5].var(axis=0).sum() == pytest.approx(1)
    assert points[:, 5:].var(axis=0).sum() == pytest.approx(1)
    assert learned.features[1].levels == ("a", "b", "c", "other")
    unseen = learned.points(pd.DataFrame({"x": [0.0], "word": ["never"], "yes": [True], "same": [1.0]}))
    rare = learned.points(pd.DataFrame({"x": [0.0], "word": ["tiny"], "yes": [True], "same": [1.0]}))
    assert (unseen == rare).all()
    stranger = learned.points(pd.DataFrame({"x": [0.0], "word": ["a"], "yes": [None], "same": [1.0]}))
    assert (stranger[:, 5:] == 0).all()


def test_skew_is_treated_and_stated():
    generator = np.random.default_rng(4)
    frame = pd.DataFrame(
        {
            "spend": generator.lognormal(4, 1, 1000),
            "loss": -generator.lognormal(4, 1, 1000),
            "even": generator.normal(size=1000),
        }
    )
    frame.loc[:9, "even"] = np.nan
    learned = encoding.learn(frame, ["spend", "loss", "even"]).to_frame()
    assert learned["treatment"].tolist() == ["log(1 + x)", "Yeo-Johnson", "as it is"]
    assert learned["missing_customers"].tolist() == [0, 0, 10]
    assert learned.loc[1, "power"] == pytest.approx(yeojohnson(frame["loss"])[1])
    points = encoding.learn(frame, ["spend"]).points(frame)
    treated = np.log1p(frame["spend"])
    assert points[:, 0] == pytest.approx(((treated - treated.mean()) / treated.std(ddof=0)).clip(-3.5, 3.5))


def test_the_verdicts_are_hennigs():
    assert [stability.verdict(j) for j in (0.75, 0.749, 0.6, 0.599)] == ["stable", "doubtful", "doubtful", "dissolves"]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=60))
def test_the_rand_index_is_that_of_scikit_learn(pairs):
    one, other = np.array(pairs).T
    counts = np.bincount(4 * one + other, minlength=16).reshape(4, 4)
    assert stability.adjusted_rand(counts) == pytest.approx(adjusted_rand_score(one, other))


def test_a_cluster_that_comes_back_has_a_similarity_of_one():
    generator = np.random.default_rng(0)
    points = np.concatenate([generator.normal(size=(60, 2)), generator.normal(size=(40, 2)) + 50])
    halves = divide(points, count=2, method="kmeans", seed=0)
    found = stability.measure(points, halves, method="kmeans", resamples=10, generator=generator)
    assert found.jaccard.tolist() == [1, 1]
    assert found.agreement == 1


def test_stability_is_the_jaccard_similarity_among_those_drawn():
    """Hennig's rule by sets: samples as large as the whole, each customer counted once; clusters by their size."""
    generator = np.random.default_rng(3)
    points = np.concatenate([generator.normal(size=(30, 2)), generator.normal(size=(90, 2)) * [4, 1] + [9, 0]])
    frame = pd.DataFrame(points, columns=["a", "b"])
    model = Clusters(count=3, most=2, resamples=2, features=["a", "b"], seed=5).fit(frame)
    points, draws = model.encoding_.points(frame), np.random.default_rng([5, 3])
    halves = divide(points, count=3, method="kmeans", seed=5)
    groups, found = halves.groups(points), []
    for _ in range(2):
        drawn = draws.integers(120, size=120)
        again = divide(points[drawn], count=3, method="kmeans", seed=int(draws.integers(2**31)), starts=3)
        there = set(drawn.tolist())
        first, second = (
            [there & set(np.flatnonzero(labels == group).tolist()) for group in range(3)]
            for labels in (groups, again.groups(points))
        )
        found.append([max(len(one & other) / len(one | other) for other in second) for one in first])
    sizes, jaccard = np.bincount(groups), np.mean(found, axis=0)
    assert model.stability_.tolist() == pytest.approx(jaccard[np.argsort(-sizes, kind="stable")].tolist())
    assert np.ptp(jaccard) > 0.05
    row = model.choice_.set_index("clusters").loc[3]
    assert row["jaccard_mean"] == pytest.approx(sizes @ jaccard / 120)
    assert row["jaccard_worst"] == pytest.approx(jaccard.min())


def test_certainty_is_one_less_the_ratio_of_the_distances():
    points = np.array([[0.0], [0.0], [10.0], [10.0]])
    halves = divide(points, count=2, method="kmeans", seed=0)
    assert halves.certainty(np.array([[0.0], [2.0], [5.0], [9.0]])) == pytest.approx([1, 3 / 4, 0, 8 / 9])


def test_a_group_that_is_too_small_is_no_cluster():
    customers = people((200, 40), seed=4)
    assert Clusters(most=2, resamples=2, smallest=0.02).fit(customers).count_ == 2
    strict = Clusters(most=2, resamples=2, smallest=0.2).fit(customers)
    assert strict.count_ == 1
    assert strict.choice_["verdict"].tolist() == ["too small a cluster"]


def test_profiles_of_words_by_hand():
    """Of ten customers six are red; in the first cluster three of four."""
    frame = pd.DataFrame({"colour": ["red"] * 3 + ["blue"] + ["red"] * 3 + ["blue"] * 3})
    learned = encoding.learn(frame, ["colour"])
    rows = profiling.describe(frame, learned, np.repeat([0, 1], [4, 6]), ["one", "two"]).set_index(["cluster", "level"])
    row = rows.loc[("one", "red")]
    assert (row["customers"], row["share"]) == (4, 0.75)
    assert (row["share_low"], row["share_high"]) == pytest.approx(proportion_confint(3, 4, method="wilson"))
    assert row["deviation"] == pytest.approx(0.15 / np.sqrt(0.6 * 0.4))
    assert rows.loc[("two", "red"), "deviation"] == pytest.approx(-0.1 / np.sqrt(0.6 * 0.4))


def test_silvermans_test_knows_one_mode_from_two():
    generator = np.random.default_rng(8)
    one = [separation.unimodal(generator.normal(size=400), replicates=99, generator=generator) for _ in range(60)]
    assert np.mean(np.array(one) < 0.05) <= 0.1
    apart = np.concatenate([generator.normal(size=200), generator.normal(size=200) + 4])
    assert separation.unimodal(apart, replicates=99, generator=generator) == 0.01


def test_names_say_what_is_far_and_tell_equals_apart():
    rows = [
        ("0", "recency_days", "", -0.9), ("0", "colour", "red", 0.5), ("0", "colour", "blue", -2.0),
        ("1", "recency_days", "", 0.1), ("1", "colour", "red", 0.1), ("1", "colour", "blue", -0.1),
        ("2", "recency_days", "", -0.5), ("2", "colour", "red", 0.6), ("2", "colour", "blue", 0.1),
        ("3", "recency_days", "", -0.2), ("3", "wealth", "", -0.7),
        ("4", "recency_days", "", -0.9), ("4", "colour", "red", 0.6),
    ]  # fmt: skip
    profiles = pd.DataFrame(rows, columns=["cluster", "feature", "level", "deviation"])
    assert profiling.name(profiles, features=2) == [
        "Recent, colour red (1)", "Average", "Colour red, recent", "Low wealth", "Recent, colour red (2)",
    ]  # fmt: skip


def test_customers_without_a_purchase_are_left_out_and_counted(four):
    more = pd.concat([four, four.head(5).assign(customer_id=list("vwxyz"), frequency=0)], ignore_index=True)
    result = clusters.find(more, count=2, most=2, resamples=3)
    assert result.left_out == 5
    assert result.findings()[-1] == "Without a purchase, and so left out: 5 customers."


def test_large_studies_are_judged_on_a_sample(four):
    result = clusters.find(four, count=4, most=4, resamples=4, sample=300)
    assert result.findings()[-1] == "Number and stability were judged on 300 customers drawn by lot."
    assert len(result.customers) == 750


@pytest.mark.slow
def test_a_hundred_thousand_customers_take_seconds():
    customers = people((40_000, 30_000, 20_000, 10_000))
    start = time.perf_counter()
    assert Clusters().fit(customers).count_ == 4
    assert time.perf_counter() - start < 60


@pytest.mark.parametrize(
    ("customers", "message"),
    [
        (
            pd.DataFrame({"customer_id": []}),
            "This study holds nothing on what customers do, so there are no clusters to look for.",
        ),
        (people((5,)), "Clusters need 20 customers with a purchase; there are 5."),
        (people((1,)), "Clusters need 20 customers with a purchase; there is 1."),
        (
            people((27,)),
            "There are no clusters to find: 3 clusters of 27 customers are too many; ask for at most 2.",
        ),
        (
            pd.DataFrame({"customer_id": range(30), "frequency": 1, "recency_days": 5.0, "mean_order_value": 9.0}),
            "There are no clusters to find: recency_days, frequency and mean_order_value do not tell these customers "
            "apart; name other features.",
        ),
    ],
)
def test_where_the_question_cannot_be_asked_the_result_says_so(customers, message, keeps_result_contract):
    result = clusters.find(customers, count=3)
    assert result.findings() == (message,)
    keeps_result_contract(result, pictures=("plot", "plot_choice", "plot_map"))


def test_customers_of_few_different_values():
    twins = pd.DataFrame({"a": [0.0] * 30 + [9.0] * 30, "b": 1.0})
    model = Clusters(features=["a", "b"], resamples=4).fit(twins)
    assert model.choice_.empty
    assert model.count_ == 1
    forced = Clusters(features=["a"], resamples=4, count=2, most=2).fit(twins)
    assert np.bincount(forced.labels_).tolist() == [30, 30]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"method": "ward"}, "clusters: method must be one of kmeans, mixture, not 'ward'."),
        ({"most": 1}, "clusters: most must be a whole number, 2 or more, not 1."),
        ({"count": True}, "clusters: count must be a whole number, 0 or more, not True."),
        ({"smallest": 0.5}, "clusters: smallest must be a share from 0 to below 0.5, not 0.5."),
        ({"features": []}, "clusters: features must name one column or more, each once."),
        (
            {"features": ["age"]},
            "clusters: the customers have no column 'age'; they have recency_days, frequency, mean_order_value, truth, "
            "monetary, customer_id.",
        ),
    ],
)
def test_wrong_calls(four, changed, message):
    with pytest.raises(UsageError) as raised:
        Clusters(**changed).fit(four)
    assert str(raised.value) == message


def test_data_that_cannot_answer(four, found):
    with pytest.raises(DataError) as raised:
        Clusters(features=["a"]).fit(pd.DataFrame({"a": [1.0] * 50}))
    assert str(raised.value) == "clusters: a do not tell these customers apart; name other features."
    with pytest.raises(DataError) as raised:
        Clusters().fit(four.head(12))
    assert str(raised.value) == "clusters: 12 customers are too few; it takes 20."
    with pytest.raises(DataError) as raised:
        Clusters(count=80).fit(four)
    assert str(raised.value) == "clusters: 80 clusters of 750 customers are too many; ask for at most 75."
    with pytest.raises(UsageError) as raised:
        found.model.predict(four.drop(columns="frequency"))
    assert str(raised.value) == "clusters: the customers have no column 'frequency'; they were divided by it."
