"""Who did not answer: by hand, known truth in simulations, and honest answers where nothing can be told."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from crm_analysis.errors import DataError, UsageError
from crm_analysis.proportion import effective
from crm_analysis.satisfaction import nonresponse
from crm_analysis.satisfaction.response import features, propensity


def company(n, *, seed, strength=1.0):
    """Customers whose frequency moves both the answering and the feelings; region and birth year move nothing."""
    draws = np.random.default_rng(seed)
    activity = draws.normal(size=n)
    customers = pd.DataFrame(
        {
            "customer_id": [f"C{number:04d}" for number in range(n)],
            "frequency": np.floor(np.exp(1 + 0.8 * activity)).astype(int),
            "birth_year": draws.integers(1950, 2005, n).astype("float64"),
            "region": draws.choice(["north", "south", "west"], n),
        }
    )
    activity = (np.log1p(customers["frequency"]) - np.log1p(customers["frequency"]).mean()).to_numpy()
    answered = draws.random(n) < 1 / (1 + np.exp(0.4 - strength * activity))
    feelings = 70 + 8 * activity + 10 * draws.normal(size=n)
    return customers, answered, feelings


def ids(customers, answered):
    return customers["customer_id"][answered]


def test_rates_and_differences_by_hand():
    customers = pd.DataFrame(
        {"customer_id": list("abcdef"), "recency_days": [1.0, 2, 3, 5, 6, 7], "member": [True] * 3 + [False] * 3}
    )
    result = nonresponse.profile(customers, pd.Series(["a", "b", "d", "x", None]), features=["recency_days"])
    rates = result.rates.set_index(["by", "group"])
    assert rates["answered"].to_dict() == {("all", "all customers"): 3, ("member", "no"): 1, ("member", "yes"): 2}
    assert rates.loc[("all", "all customers"), "answered_share_low"] == pytest.approx(0.1876, abs=1e-4)
    row = result.differences.iloc[0]
    # Means 8/3 and 16/3; both variances 26/9.
    assert row["difference"] == pytest.approx((8 / 3 - 16 / 3) / np.sqrt(26 / 9))
    error = np.sqrt(1 / 3 + 1 / 3 + row["difference"] ** 2 / 12)
    assert row["difference_low"] == pytest.approx(row["difference"] - 1.959964 * error)
    assert result.outside == 2
    assert result.findings() == (
        "Of 6 customers known before the survey, 3 answered, 50.0 % (95 % interval 18.8–81.2); who of the others was "
        "asked is not known.",
        "There are too few customers of either kind for a model of who answers.",
        "Those who answered do not differ from the others beyond chance in any of 1 feature.",
        "No group answers more readily than another by more than chance (member).",
        "2 respondents could not be found among the customers known before the survey, and are left out here.",
    )


def test_ids_and_flags_say_the_same():
    customers, answered, feelings = company(500, seed=1)
    by_id = nonresponse.profile(
        customers, ids(customers, answered), score=pd.Series(feelings)[answered], seed=1, later=customers
    )
    flags = pd.Series(answered, customers["customer_id"])
    by_flag = nonresponse.profile(
        customers, flags, score=pd.Series(feelings, customers["customer_id"]).where(answered), seed=1, later=customers
    )
    pd.testing.assert_frame_equal(by_id.rates, by_flag.rates)
    unsure = flags.astype("boolean").where(flags)
    pd.testing.assert_frame_equal(nonresponse.profile(customers, unsure).rates, by_flag.rates)
    assert by_id.numbers == pytest.approx(by_flag.numbers)


def test_weights_bring_the_index_of_all_back():
    customers, answered, feelings = company(6000, seed=2, strength=1.2)
    result = nonresponse.profile(
        customers, ids(customers, answered), score=pd.Series(feelings)[answered], scale=(0, 100), seed=1
    )
    numbers = result.numbers
    assert abs(numbers["plain"] - feelings.mean()) > 2
    assert numbers["weighted"] == pytest.approx(feelings.mean(), abs=0.6)
    assert numbers["change_high"] < 0
    row = result.index().iloc[0]
    assert row["plain_low"] < row["plain"] < row["plain_high"]
    assert row["weighted_low"] < feelings.mean() < row["weighted_high"]
    assert 0.6 < numbers["auc_low"] < numbers["auc"] < 0.8
    share = answered.mean()
    assert numbers["lowest"] == pytest.approx(share * numbers["plain"])
    assert numbers["highest"] == pytest.approx(share * numbers["plain"] + (1 - share) * 100)
    weights = result.customers["weight"].to_numpy()
    assert (weights[~answered] == 0).all()
    assert weights[answered].mean() == pytest.approx(1)
    assert numbers["effective"] == pytest.approx(weights.sum() ** 2 / (weights**2).sum())
    row = result.differences.set_index("feature").loc["frequency"]
    assert row["difference_low"] > 0.5
    assert row["weighted"] == pytest.approx(0, abs=0.05)
    said = result.findings()
    assert said[0].startswith("Weighted to look like all customers, the index of those who answered would be 69.9 ")
    assert "more than chance gives. The weights cost exactness: " in said[0]


def test_what_cannot_be_predicted_is_called_so():
    customers, _, feelings = company(800, seed=3)
    answered = np.random.default_rng(4).random(800) < 0.4
    result = nonresponse.profile(customers, ids(customers, answered), score=pd.Series(feelings)[answered], seed=1)
    assert result.numbers["auc_low"] < 0.5
    said = " ".join(result.findings())
    assert "Who answers cannot be told from what was known before: a model of all that ranks one who answered" in said
    assert "no more than chance gives." in said
    assert "Those who answered do not differ from the others beyond chance in any of 2 features." in said


@pytest.mark.slow
@pytest.mark.parametrize("what", ["reweighted", "contrast"])
def test_intervals_of_weighted_numbers_cover(what):
    """Coverage over 200 studies: the change by weighting, and the share that bought, which answering does not move."""
    held = []
    for study in range(200):
        draws = np.random.default_rng(study)
        x = draws.normal(size=(800, 2))
        answered = draws.random(800) < 0.5 + 0.25 * np.tanh(x[:, 0])
        model = propensity.fit((x - x.mean(axis=0)) / x.std(axis=0), answered, seed=0)
        if what == "contrast":
            bought = draws.random(800) < 1 / (1 + np.exp(-x[:, 0]))
            _, low, high = propensity.contrast(model, bought.astype("float64"))
            held.append(low < 0 < high)
        else:
            # E[tanh(x) x] / 2 by quadrature is how far the plain mean lies off.
            nodes, weights = np.polynomial.hermite_e.hermegauss(60)
            true = -8 * 0.5 * (weights * np.tanh(nodes) * nodes).sum() / np.sqrt(2 * np.pi)
            found = propensity.reweighted(model, np.where(answered, 8 * x[:, 0] + 5 * draws.normal(size=800), np.nan))
            held.append(found["change_low"] < true < found["change_high"])
    assert np.mean(held) > 0.95 - 3.5 * np.sqrt(0.95 * 0.05 / 200)


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=50))
def test_weighted_answers_never_tell_more_than_their_number(weights):
    assert 1 - 1e-9 <= effective(np.array(weights)) <= len(weights) + 1e-9


def by_hand():
    """Six customers of known chances, none of which is modelled: two columns of slopes that explain nothing."""
    answered = np.array([True, True, True, False, False, False])
    chance = np.array([0.5, 0.8, 0.02, 0.5, 0.2, 0.8])
    return propensity.Propensity(chance, (0.5, 0.4, 0.6), np.zeros((6, 2)), answered)


def test_weights_are_inverse_chances_and_cut():
    raw = np.array([2, 1.25, 50]) / np.mean([2, 1.25, 50])
    assert by_hand().weights[:3] == pytest.approx(raw / raw.mean())
    # Of a hundred alike and one that is rarely heard, the one may count for five of the mean before the cut.
    rare = propensity.Propensity(
        np.append(np.full(100, 0.5), 0.005), (0.5, 0.4, 0.6), np.zeros((101, 1)), np.ones(101, dtype=bool)
    )
    raw = np.append(np.full(100, 2.0), 200.0)
    raw = np.minimum(raw / raw.mean(), 5)
    assert rare.weights == pytest.approx(raw / raw.mean())


def test_a_contrast_is_with_customers_alike_and_its_sign_that_of_who_answered():
    happened = np.array([1.0, 1, 0, 1, 0, 0])
    odds = np.array([1, 0.25, 4])
    difference, low, high = propensity.contrast(by_hand(), happened)
    assert difference == pytest.approx(2 / 3 - odds @ [1, 0, 0] / odds.sum())
    assert low < difference < high


def test_intervals_take_away_what_the_model_of_answering_explains():
    draws = np.random.default_rng(7)
    answered, scores = draws.random(200) < 0.5, draws.normal(size=(200, 3))
    weighted, plain = scores @ [1.0, 2.0, 0.5] + draws.normal(size=200), draws.normal(size=200)
    model = propensity.Propensity(np.full(200, 0.5), (0.5, 0.4, 0.6), scores, answered)
    left = weighted - scores @ np.linalg.solve(scores.T @ scores, scores.T @ weighted) - plain
    half = model.half_width(weighted, plain)
    assert half == pytest.approx(1.959963984540054 * np.sqrt((left**2).sum() / (200 * 199)))
    # Without the model the interval would be more than half as wide again.
    assert half < 1.96 * (weighted - plain).std() / np.sqrt(200) / 1.5


def test_who_answers_is_foreseen_for_customers_not_seen():
    draws = np.random.default_rng(9)
    noise = draws.normal(size=(120, 30))
    model = propensity.fit(noise, draws.random(120) < 0.5, seed=1)
    # Thirty columns of noise would tell 120 customers apart by heart.
    assert model.auc[0] < 0.6
    assert model.auc[1] < 0.5


def test_several_features_and_groups_are_judged_by_holm():
    customers, answered, _ = company(600, seed=8, strength=0.4)
    draws = np.random.default_rng(8)
    customers = customers.assign(
        recency_days=draws.normal(size=600) + 0.2 * answered,
        member=np.where(draws.random(600) < 0.5 + 0.12 * answered, "yes", "no"),
    )
    result = nonresponse.profile(customers, ids(customers, answered), seed=1)
    rows = result.differences
    assert len(rows) == 3
    error = (rows["difference_high"] - rows["difference_low"]) / (2 * 1.959963984540054)
    p = 2 * stats.norm.sf((rows["difference"] / error).abs())
    assert rows["p_holm"].to_numpy() == pytest.approx(multipletests(p, method="holm")[1])
    by = result.rates.iloc[1:].drop_duplicates("by").set_index("by")["p_holm"]
    p = [stats.chi2_contingency(pd.crosstab(customers[name], answered)).pvalue for name in by.index]
    assert by.to_numpy() == pytest.approx(multipletests(p, method="holm")[1])
    # What weighting leaves is told on the scale of the difference itself: as if all others were answering as weighted.
    row = rows.set_index("feature").loc["recency_days"]
    weights, values = result.customers["weight"].to_numpy(), customers["recency_days"].to_numpy()
    spread = np.sqrt((values[answered].var() + values[~answered].var()) / 2)
    left = (np.average(values, weights=weights) - values.mean()) / spread / (~answered).mean()
    assert row["weighted"] == pytest.approx(left)


def test_features_with_a_tail_are_compared_on_the_logarithm():
    tail = pd.Series(np.exp(np.random.default_rng(1).normal(size=500) * 1.5))
    np.testing.assert_allclose(features.scaled(tail), np.log1p(tail))
    even = pd.Series(np.linspace(-1, 5, 100))
    np.testing.assert_allclose(features.scaled(even), even)


def test_who_bought_since_is_counted():
    customers, answered, _ = company(300, seed=5)
    later = customers.assign(frequency=customers["frequency"] + np.arange(300) % 2)
    result = nonresponse.profile(customers, ids(customers, answered), later=later.iloc[:-1], seed=1)
    rows = result.later.set_index("answered")
    assert rows.loc["yes", "bought"] == (np.arange(299)[answered[:-1]] % 2).sum()
    assert result.numbers["later_gap_low"] < 0 < result.numbers["later_gap_high"]
    assert any(sentence.startswith("Since then ") for sentence in result.findings())


@pytest.mark.parametrize(
    ("customers", "answered", "sentence"),
    [
        (
            pd.DataFrame(),
            pd.Series(["a"]),
            "The study knows no customers from before the survey, so who did not answer cannot be told.",
        ),
        (
            pd.DataFrame({"customer_id": ["a", "b"]}),
            None,
            "The survey does not say which customer answered, so who did not answer cannot be told.",
        ),
        (
            pd.DataFrame({"customer_id": ["a", "b"]}),
            pd.Series([None, None], dtype=object),
            "The survey does not say which customer answered, so who did not answer cannot be told.",
        ),
        (
            pd.DataFrame({"customer_id": ["a", "b"]}),
            pd.Series(["x"]),
            "Nobody who answered is a known customer, so who did not answer cannot be told.",
        ),
        (
            pd.DataFrame({"customer_id": ["a", "b"]}),
            pd.Series(["a", "b"]),
            "All 2 known customers answered, so there is nobody to compare them with.",
        ),
    ],
)
def test_what_cannot_be_told_is_said(customers, answered, sentence, keeps_result_contract):
    result = nonresponse.profile(customers, answered)
    assert result.findings() == (sentence,)
    keeps_result_contract(result, pictures=("plot", "plot_groups"))


def test_customers_must_be_there_once():
    with pytest.raises(UsageError) as raised:
        nonresponse.profile(pd.DataFrame({"customer_id": ["a", "a"]}), pd.Series(["a"]))
    assert str(raised.value) == "nonresponse: customers needs a column 'customer_id' with each customer once."


def test_the_views_are_those_of_the_day_before_and_of_now():
    asked = []

    def view(as_of=None):
        asked.append(str(as_of))
        return pd.DataFrame({"customer_id": ["a"]})

    answers = pd.DataFrame({"time": pd.to_datetime(["2024-06-02 10:00", "2024-06-01 09:00"]), "wave": [2, 1]})
    before, after = nonresponse.before_and_after(view, answers)
    assert (asked, len(before), len(after)) == (["2024-05-31", "None"], 1, 1)
    assert all(frame.empty for frame in nonresponse.before_and_after(view, answers.drop(columns="time")))
    assert list(nonresponse.first_wave(answers)["wave"]) == [1]
    assert len(nonresponse.first_wave(answers.drop(columns="wave"))) == 2

    def refuses(as_of=None):
        raise DataError("There is no table of customers.")

    assert all(frame.empty for frame in nonresponse.before_and_after(refuses, answers))


@pytest.mark.parametrize("n", [8, 400])
def test_NonresponseResult_keeps_the_contract(n, keeps_result_contract):
    customers, answered, feelings = company(n, seed=6)
    customers["market"] = np.where(np.arange(n) % 2, "a market with a very long name", "市场竞争非常激烈的地区")
    customers.loc[::5, ["birth_year", "region"]] = None
    answered[0], answered[1] = True, False
    score = pd.Series(feelings)[answered]
    result = nonresponse.profile(customers, ids(customers, answered), score=score, later=customers, seed=1)
    keeps_result_contract(result, pictures=("plot", "plot_groups"))
    nothing_known = nonresponse.profile(customers[["customer_id"]], ids(customers, answered))
    keeps_result_contract(nothing_known, pictures=("plot", "plot_groups"))


def test_littles_test_is_its_formula():
    """Two items, the second missing for some: then everything has a closed form (Anderson 1957; Little 1988)."""
    draws = np.random.default_rng(5)
    x = draws.normal(5, 2, size=60)
    y = 0.7 * x + draws.normal(size=60)
    gone = draws.random(60) < 0.4
    found = nonresponse.omissions(pd.DataFrame({"x": x, "y": np.where(gone, np.nan, y)}), ["x", "y"]).test
    slope = np.cov(x[~gone], y[~gone], ddof=0)[0, 1] / x[~gone].var()
    residual = (y[~gone] - y[~gone].mean() - slope * (x[~gone] - x[~gone].mean())).var()
    mean = np.array([x.mean(), y[~gone].mean() + slope * (x.mean() - x[~gone].mean())])
    covariance = np.array([[x.var(), slope * x.var()], [slope * x.var(), residual + slope**2 * x.var()]])
    away = np.array([x[~gone].mean(), y[~gone].mean()]) - mean
    expected = (~gone).sum() * away @ np.linalg.solve(covariance, away)
    expected += gone.sum() * (x[gone].mean() - mean[0]) ** 2 / x.var()
    assert found["statistic"] == pytest.approx(expected, rel=1e-6)
    assert (found["df"], found["patterns"]) == (1, 2)


def holes(n, *, seed, by_chance):
    draws = np.random.default_rng(seed)
    factor = draws.normal(size=n)
    values = np.column_stack([0.8 * factor + 0.6 * draws.normal(size=n) for _ in range(4)])
    gone = draws.random((n, 4)) < 0.08
    if not by_chance:
        gone[:, 3] = values[:, 0] > draws.normal(1.2, 0.5, n)
    return pd.DataFrame(np.where(gone, np.nan, values), columns=list("abcd"))


def test_littles_test_finds_what_is_not_missing_by_chance():
    result = nonresponse.omissions(holes(600, seed=1, by_chance=False), list("abcd"))
    assert result.test["p_value"] < 0.001
    assert result.findings()[1].startswith("Answers are not missing by mere chance (Little's test: chi-square ")


def test_the_degrees_of_freedom_are_answered_items_over_patterns_less_the_items():
    values = holes(200, seed=4, by_chance=True)
    found = nonresponse.omissions(values, list("abcd")).test
    patterns = values[values.notna().any(axis=1)].notna().drop_duplicates()
    assert found["patterns"] == len(patterns)
    assert found["df"] == patterns.to_numpy().sum() - 4
    assert found["p_value"] == pytest.approx(stats.chi2.sf(found["statistic"], found["df"]))


@pytest.mark.slow
def test_littles_test_keeps_its_level():
    p = [nonresponse.omissions(holes(300, seed=s, by_chance=True), list("abcd")).test["p_value"] for s in range(300)]
    assert np.mean(np.array(p) < 0.05) == pytest.approx(0.05, abs=3 * np.sqrt(0.05 * 0.95 / 300))


def test_findings_on_missing_answers_in_whole():
    answers = holes(500, seed=2, by_chance=True)
    answers.loc[500] = np.nan
    result = nonresponse.omissions(answers, list("abcd"))
    gone = answers[:500].isna()
    assert result.respondents == 500 - int(gone.all(axis=1).sum())
    assert result.complete == int((~gone).all(axis=1).sum())
    assert result.items["missing"].tolist() == gone.sum().tolist()
    assert result.findings()[1].startswith("Nothing speaks against answers that are missing by chance (Little's test: ")
    full = nonresponse.omissions(answers[:500].fillna(0.0), list("abcd"))
    assert full.findings() == ("All 500 respondents answered every one of 4 items.",)


@pytest.mark.parametrize("n", [0, 3, 300])
def test_OmissionResult_keeps_the_contract(n, keeps_result_contract):
    keeps_result_contract(nonresponse.omissions(holes(n, seed=3, by_chance=True), list("abcd")), pictures=("plot",))


def test_items_that_nobody_answered_or_that_are_no_numbers(keeps_result_contract):
    nobody = nonresponse.omissions(pd.DataFrame({"a": [np.nan] * 3, "b": [np.nan] * 3}), ["a", "b"])
    assert nobody.findings() == ("Nobody answered any of these items.",)
    keeps_result_contract(nobody, pictures=("plot",))
    with pytest.raises(UsageError) as usage:
        nonresponse.omissions(pd.DataFrame({"a": [1.0]}), ["a", "z"])
    assert str(usage.value) == "nonresponse: the answers have no column 'z'; name items that were asked."
    with pytest.raises(DataError) as data:
        nonresponse.omissions(pd.DataFrame({"a": ["often"]}), ["a"])
    assert str(data.value).startswith("The item 'a' holds labels such as 'often'")


def panel(n, *, seed, loyal=0.0):
    """Two waves; who felt better in the first comes back more readily."""
    draws = np.random.default_rng(seed)
    felt = draws.normal(70, 10, n)
    back = draws.random(n) < 1 / (1 + np.exp(-0.5 - loyal * (felt - 70) / 10))
    one = pd.DataFrame({"respondent_id": np.arange(n), "wave": 1, "score": felt})
    two = pd.DataFrame({"respondent_id": np.arange(n)[back], "wave": 2, "score": felt[back] + 1})
    return pd.concat([one, two], ignore_index=True), back


def test_who_answers_again_is_compared_with_who_does_not():
    answers, back = panel(1000, seed=1, loyal=1.0)
    result = nonresponse.attrition(answers, answers["score"])
    row = result.waves.iloc[0]
    assert (row["people"], row["again"]) == (1000, back.sum())
    felt = answers["score"].to_numpy()[:1000]
    assert row["difference"] == pytest.approx(felt[back].mean() - felt[~back].mean())
    from scipy.stats import ttest_ind

    ends = ttest_ind(felt[back], felt[~back], equal_var=False).confidence_interval()
    assert (row["difference_low"], row["difference_high"]) == pytest.approx((ends.low, ends.high))
    assert result.parts["again_share"].is_monotonic_increasing
    assert result.parts["people"].tolist() == [250] * 4
    said = result.findings()
    assert said[0].startswith("Of 1,000 persons who answered in wave 1, ")
    assert said[1].startswith("They had been more satisfied in wave 1 than those who did not come back: ")
    assert said[1].endswith("; the waves do not speak for the same kind of people.")


def test_where_nothing_is_proven_it_says_so():
    answers, _ = panel(300, seed=2)
    assert nonresponse.attrition(answers, answers["score"]).findings()[1].endswith("; no difference is shown.")


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        (pd.DataFrame(columns=["respondent_id", "wave"]), "There are no answers to a survey in this study."),
        (pd.DataFrame({"respondent_id": [1, 2]}), "The survey has one wave, so nobody could answer again."),
        (pd.DataFrame({"respondent_id": [1], "wave": [1]}), "The survey has one wave, so nobody could answer again."),
    ],
)
def test_without_a_second_wave_nobody_answers_again(answers, sentence, keeps_result_contract):
    result = nonresponse.attrition(answers, pd.Series(dtype="float64"))
    assert result.findings() == (sentence,)
    keeps_result_contract(result, pictures=("plot",))


@pytest.mark.parametrize("n", [2, 200])
def test_AttritionResult_keeps_the_contract(n, keeps_result_contract):
    answers, _ = panel(n, seed=4, loyal=0.5)
    if n == 2:
        answers = pd.DataFrame({"respondent_id": [1, 2, 1], "wave": [1, 1, 2], "score": [5.0, np.nan, 7.0]})
    keeps_result_contract(nonresponse.attrition(answers, answers["score"]), pictures=("plot",))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"person": "who"}, "nonresponse: the answers have no column 'who' that says who answered."),
        (
            {"index": [0] * 4},
            "nonresponse: the answers' index must be unique, so that scores can be matched to it.",
        ),
    ],
)
def test_wrong_panels_are_refused(change, message):
    answers = pd.DataFrame({"respondent_id": [1, 2, 1, 2], "wave": [1, 1, 2, 2]}, index=change.get("index"))
    with pytest.raises(UsageError) as raised:
        nonresponse.attrition(answers, pd.Series(dtype="float64"), person=change.get("person", "respondent_id"))
    assert str(raised.value) == message


def spoken(first, second, **columns):
    """Two people a wave, of whom `both` answered twice."""
    rows = [(1, first, 60.0), (2, first, 70.0), *((who, second, 65.0) for who in columns.pop("people", (3, 4)))]
    return pd.DataFrame(rows, columns=["respondent_id", "wave", "score"]).assign(**columns)


def test_different_people_in_each_wave_are_called_so(keeps_result_contract):
    answers = spoken("2024-spring", "2024-autumn")
    result = nonresponse.attrition(answers, answers["score"])
    assert result.findings() == (
        "Nobody answered in both waves: each asked different people, so who comes back cannot be told, and a change of "
        "the index is one between samples.",
    )
    assert result.shown == {}
    keeps_result_contract(result, pictures=("plot",))


def test_waves_in_words_stand_in_time():
    answers = spoken("2024-spring", "2024-autumn", people=(2, 3))
    blind = nonresponse.attrition(answers, answers["score"])
    assert blind.waves["wave"].tolist() == ["2024-autumn"]
    assert blind.findings()[-1] == (
        "Which wave came first is not known, so the waves stand in the order of the alphabet: number them, or give the "
        "answers a column 'time'."
    )
    dated = answers.assign(time=["2024-04-01", "2024-04-02", "2024-10-01", "2024-10-02"])
    told = nonresponse.attrition(dated, answers["score"])
    assert (told.waves["wave"].tolist(), told.note) == (["2024-spring"], "")
    assert nonresponse.first_wave(dated)["wave"].unique().tolist() == ["2024-spring"]
