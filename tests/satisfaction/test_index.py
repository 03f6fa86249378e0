"""Index: the ACSI formula by hand, effects in points, waves with people who answer twice, scenarios, priorities."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import DescrStatsW

from crm_analysis.errors import DataError, UsageError
from crm_analysis.proportion import wilson
from crm_analysis.satisfaction import change as telling
from crm_analysis.satisfaction import index, pls
from crm_analysis.satisfaction.micom import MicomResult
from crm_analysis.satisfaction.model import ACSI, Construct, Model

MODEL = Model(
    "small",
    (
        Construct("expectations", ("e1", "e2")),
        Construct("quality", ("q1", "q2", "q3")),
        Construct("satisfaction", ("s1", "s2")),
        Construct("complaints", ("complained",)),
    ),
    (
        ("expectations", "quality"),
        ("expectations", "satisfaction"),
        ("quality", "satisfaction"),
        ("satisfaction", "complaints"),
    ),
)
CODES = {"complained": (0, 1)}
SCALE = (1, 10)


def simulated(n, *, seed, better=0.0):
    draw = np.random.default_rng(seed)
    expected = draw.standard_normal(n)
    quality = 0.5 * expected + 0.85 * draw.standard_normal(n) + better
    satisfied = 0.2 * expected + 0.6 * quality + 0.7 * draw.standard_normal(n)

    def rated(factor):
        return np.clip(np.round(6 + 1.5 * factor + draw.standard_normal(n)), 1, 10)

    items = {f"e{k}": rated(expected) for k in (1, 2)} | {f"q{k}": rated(quality) for k in (1, 2, 3)}
    items |= {f"s{k}": rated(satisfied) for k in (1, 2)}
    items["complained"] = (draw.standard_normal(n) - 0.5 * satisfied > 1).astype(float)
    return pd.DataFrame(items)


@pytest.fixture(scope="module")
def answers():
    return simulated(400, seed=1)


@pytest.fixture(scope="module")
def fit(answers):
    return pls.estimate(MODEL, answers)


def refusal(kind, call, *arguments, **settings):
    with pytest.raises(kind) as error:
        call(*arguments, **settings)
    return str(error.value)


def test_the_mobile_survey_has_an_index_of_72_4(shared):
    mobi = pd.read_csv(shared("data/ecsi_mobile/mobi.csv"))
    items = {"expectations": "CUEX", "quality": "PERQ", "value": "PERV", "satisfaction": "CUSA", "loyalty": "CUSL"}
    sizes = {"quality": 7, "value": 2}
    bound = {name: [f"{stem}{k + 1}" for k in range(sizes.get(name, 3))] for name, stem in items.items()}
    acsi = pls.estimate(ACSI.measured_by({**bound, "complaints": ["CUSCO"]}), mobi)
    score = index.score(acsi, mobi, scale=SCALE)
    assert score.value == pytest.approx(72.44, abs=0.005)
    low, high = score.interval
    assert low < 72.44 < high < low + 5
    assert index.score(acsi, mobi, scale=SCALE, weights="equal").value == pytest.approx(
        100 * (mobi[bound["satisfaction"]].mean().mean() - 1) / 9
    )


def test_the_formula_by_hand(fit, answers):
    score = index.score(fit, answers, scale=SCALE, codes=CODES)
    outer = fit.outer.set_index("item")
    for name, items, ends in (("satisfaction", ["s1", "s2"], (1, 10)), ("complaints", ["complained"], (0, 1))):
        raw = outer.loc[items, "weight"] / answers[items].std(ddof=0)
        raw = raw / raw.sum()
        by_hand = 100 * ((raw * answers[items].mean()).sum() - ends[0]) / (ends[1] - ends[0])
        assert score.table.set_index("construct").loc[name, "index"] == pytest.approx(by_hand)
    assert score.respondents["satisfaction"].mean() == pytest.approx(score.value)
    assert score.items.groupby("construct")["weight"].sum().to_numpy() == pytest.approx(1)
    low, high = score.interval
    assert score.findings()[0] == (
        f"Satisfaction stands at {score.value:.1f} (95 % interval {low:.1f} to {high:.1f}) on the scale from 0 to 100."
    )
    error = score.respondents["satisfaction"].std() / np.sqrt(400)
    assert (high - low) / (2 * 1.96 * error) == pytest.approx(1, abs=0.15)


def test_the_raw_metric_gives_the_formula_without_undoing_anything(answers):
    raw = pls.estimate(MODEL, answers, standardise=False)
    weights = raw.outer.set_index("item").loc[["s1", "s2"], "weight"]
    expected = 100 * ((weights * answers[["s1", "s2"]].mean()).sum() / weights.sum() - 1) / 9
    assert index.score(raw, answers, scale=SCALE, codes=CODES).value == pytest.approx(expected)


def test_other_answers_are_scored_with_the_weights_of_the_fit(fit, answers):
    whole = index.score(fit, answers, scale=SCALE, codes=CODES)
    half = index.score(fit, answers.iloc[:200], scale=SCALE, codes=CODES)
    assert half.value == pytest.approx(whole.respondents["satisfaction"].iloc[:200].mean())
    pd.testing.assert_series_equal(half.items["weight"], whole.items["weight"])


def test_survey_weights_move_the_index(answers):
    happy = answers.assign(mass=np.where(answers["s1"] > 6, 3.0, 1.0))
    fit = pls.estimate(MODEL, happy, weight="mass")
    weighted = index.score(fit, happy, scale=SCALE, codes=CODES)
    mean = np.average(weighted.respondents["satisfaction"], weights=happy["mass"])
    assert weighted.value == pytest.approx(mean)


def test_importance_is_the_slope_between_indices(fit, answers):
    found = index.rank(fit, answers, scale=SCALE, codes=CODES, bootstrap=200, seed=1)
    points = index.score(fit, answers, scale=SCALE, codes=CODES).respondents
    design = np.column_stack([np.ones(400), points[["expectations", "quality"]]])
    slopes = np.linalg.lstsq(design, points["satisfaction"].to_numpy())[0]
    link = np.polyfit(points["expectations"], points["quality"], 1)[0]
    table = found.table.set_index("construct")
    assert list(table.index) == ["quality", "expectations"] or list(table.index) == ["expectations", "quality"]
    assert table.loc["quality", "importance"] == pytest.approx(slopes[2])
    assert table.loc["expectations", "importance"] == pytest.approx(slopes[1] + slopes[2] * link)
    assert table["top_share"].sum() == pytest.approx(1)
    assert found.items.groupby("construct")["importance"].sum()["quality"] == pytest.approx(slopes[2])
    far = index.rank(fit, answers, scale=SCALE, codes=CODES, target="complaints", bootstrap=0)
    assert far.table.set_index("construct").loc["quality", "importance"] < 0
    assert refusal(UsageError, index.rank, fit, answers, scale=SCALE, codes=CODES, target="expectations") == (
        "index: nothing leads to 'expectations' in this model, so there are no priorities; name another target."
    )


def test_a_scenario_follows_the_paths_and_cuts_what_is_set(fit, answers):
    rank = index.rank(fit, answers, scale=SCALE, codes=CODES, bootstrap=0).table.set_index("construct")["importance"]
    raised = index.suppose(fit, answers, changes={"quality": 10}, scale=SCALE, codes=CODES, bootstrap=100, seed=1)
    table = raised.table.set_index("construct")
    assert table.loc["satisfaction", "change"] == pytest.approx(10 * rank["quality"])
    assert table["how"].to_dict() == {
        "expectations": "unmoved",
        "quality": "set",
        "satisfaction": "follows",
        "complaints": "follows",
    }
    assert table.loc["expectations", "change"] == 0
    both = index.suppose(
        fit, answers, changes={"expectations": 10, "quality": 0}, scale=SCALE, codes=CODES, bootstrap=0
    ).table.set_index("construct")["change"]
    points = index.score(fit, answers, scale=SCALE, codes=CODES).respondents
    design = np.column_stack([np.ones(400), points[["expectations", "quality"]]])
    direct = np.linalg.lstsq(design, points["satisfaction"].to_numpy())[0][1]
    assert both["satisfaction"] == pytest.approx(10 * direct)
    assert all("cenario" in sentence for sentence in raised.findings())
    wild = index.suppose(fit, answers, changes={"quality": 90}, scale=SCALE, codes=CODES, bootstrap=0)
    assert "The scenario leaves the scale for quality" in " ".join(wild.findings())
    assert refusal(UsageError, index.suppose, fit, answers, changes={}, scale=SCALE) == (
        "index: changes are empty; name the points to change, such as changes={'expectations': 5}."
    )


def test_disconfirmation_by_hand(fit, answers):
    found = index.disconfirm(fit, answers, scale=SCALE, codes=CODES)
    gap = 100 / 9 * (answers[["q1", "q2", "q3"]].mean(axis=1) - answers[["e1", "e2"]].mean(axis=1))
    test = stats.ttest_1samp(gap, 0).confidence_interval()
    assert (found.mean, found.low, found.high) == pytest.approx((gap.mean(), test.low, test.high))
    assert found.table["respondents"].tolist() == [(gap < -2.5).sum(), gap.between(-2.5, 2.5).sum(), (gap > 2.5).sum()]
    level = 100 / 9 * (answers[["s1", "s2"]].mean(axis=1) - 1)
    assert found.correlation[0] == pytest.approx(np.corrcoef(gap, level)[0, 1])
    assert refusal(UsageError, index.disconfirm, fit, answers, scale=SCALE, expected="hopes") == (
        "index: the model has no construct 'hopes' to compare; name expected= and perceived= among expectations, "
        "quality, satisfaction, complaints."
    )


def waves(n, *, seed, better, same):
    """Two waves of n people; the first `same` are in both, with the feelings of the first wave."""
    first, second = simulated(n, seed=seed), simulated(n, seed=seed + 1, better=better)
    second.iloc[:same] = first.iloc[:same]
    both = pd.concat([first.assign(wave=1), second.assign(wave=2)], ignore_index=True)
    return both.assign(person=[*range(n), *range(same), *range(n, 2 * n - same)])


def test_unpaired_waves_are_welchs_test_nearly():
    answers = waves(300, seed=2, better=0.5, same=0)
    fit = pls.estimate(MODEL, answers)
    found = index.compare(fit, answers, by="wave", scale=SCALE, codes=CODES, permutations=50, seed=1)
    y = index.score(fit, answers, scale=SCALE, codes=CODES).respondents["satisfaction"]
    welch = stats.ttest_ind(y[answers["wave"] == 2], y[answers["wave"] == 1], equal_var=False)
    row = found.changes.iloc[0]
    assert row["change"] == pytest.approx(y[answers["wave"] == 2].mean() - y[answers["wave"] == 1].mean())
    assert row["p_value"] == pytest.approx(welch.pvalue, rel=0.05)
    assert row["change_low"] == pytest.approx(welch.confidence_interval().low, rel=0.01)
    assert row["in_both"] == 0
    assert found.findings()[0] == (
        f"Satisfaction is {row['change']:.1f} points higher in wave 2 than in wave 1 (95 % interval of the difference "
        f"{row['change_low']:+.1f} to {row['change_high']:+.1f}): more than chance gives."
    )


def test_people_in_both_waves_are_paired():
    answers = waves(300, seed=4, better=0.0, same=300)
    fit = pls.estimate(MODEL, answers, cluster="person")
    moved = answers.copy()
    moved.loc[moved["wave"] == 2, "s1"] = np.minimum(
        moved.loc[moved["wave"] == 2, "s1"] + (np.arange(300) % 3 == 0), 10
    )
    paired = index.compare(fit, moved, by="wave", person="person", scale=SCALE, codes=CODES, permutations=50, seed=1)
    blind = index.compare(fit, moved, by="wave", scale=SCALE, codes=CODES, permutations=50, seed=1)
    row, loose = paired.changes.iloc[0], blind.changes.iloc[0]
    assert row["change"] == pytest.approx(loose["change"])
    assert (row["verdict"], loose["verdict"]) == ("differs", "not told apart")
    assert row["in_both"] == 300
    assert (row["paired_change"], row["paired_change_low"]) == pytest.approx(
        (row["change"], row["change_low"]), rel=0.01
    )
    assert paired.findings()[1].startswith(
        "The 300 people with complete answers in wave 1 and wave 2 moved by +1.8 points"
    )


def test_groups_that_weigh_items_otherwise_are_not_compared():
    answers = simulated(600, seed=6)
    answers["segment"] = np.where(np.arange(600) < 300, "old", "new")
    strange = np.random.default_rng(1).integers(1, 11, size=300)
    answers.loc[answers["segment"] == "new", "s2"] = strange
    answers.loc[answers["segment"] == "old", "s1"] = strange
    fit = pls.estimate(MODEL, answers)
    found = index.compare(fit, answers, by="segment", scale=SCALE, codes=CODES, permutations=100, seed=1)
    assert found.changes["verdict"].tolist() == ["not comparable"]
    assert "Not comparable, since they weigh the items of satisfaction differently: new with old." in found.findings()


def test_items_of_one_construct_may_have_other_scales(answers):
    # The same answers on a scale from 10 to 100: nobody feels otherwise, so no index moves.
    stretched = answers.assign(s2=10 * answers["s2"])
    codes = CODES | {"s2": (10, 100)}
    plain = index.score(pls.estimate(MODEL, answers), answers, scale=SCALE, codes=CODES, bootstrap=0)
    found = index.score(pls.estimate(MODEL, stretched), stretched, scale=SCALE, codes=codes, bootstrap=0)
    raw = pls.estimate(MODEL, stretched).outer.set_index("item").loc[["s1", "s2"], "weight"]
    raw = raw / stretched[["s1", "s2"]].std(ddof=0)
    means, low, length = stretched[["s1", "s2"]].mean().to_numpy(), np.array([1, 10]), np.array([9, 90])
    assert found.value == pytest.approx(100 * (raw @ (means - low)) / (raw @ length))
    assert found.value == pytest.approx(plain.value)
    assert found.items["weight"].to_numpy() == pytest.approx(plain.items["weight"].to_numpy())


def test_importance_by_consistent_pls_is_in_points_of_the_factors(answers):
    fit = pls.estimate(MODEL, answers, consistent=True)
    points = index.score(fit, answers, scale=SCALE, codes=CODES, bootstrap=0).respondents.std(ddof=0)
    factor = points * np.sqrt(fit.rho_a)
    path = fit.paths.set_index(["source", "target"])["estimate"]["quality", "satisfaction"]
    found = index.rank(fit, answers, scale=SCALE, codes=CODES, bootstrap=0).table.set_index("construct")
    expected = path * factor["satisfaction"] / factor["quality"]
    assert found.loc["quality", "importance"] == pytest.approx(expected)


def test_what_matters_and_is_rated_low_comes_first(answers):
    poor = answers.assign(**{name: (answers[name] - 3).clip(1, 10) for name in ("q1", "q2", "q3")})
    found = index.rank(pls.estimate(MODEL, poor), poor, scale=SCALE, codes=CODES, bootstrap=200, seed=1)
    assert found.table.set_index("construct")["priority"].to_dict() == {
        "quality": "improve first",
        "expectations": "leave as it is",
    }
    assert found.findings()[1].startswith("Improve first: quality, important (0.")
    items = found.items.set_index("item")["performance"]
    for name in ("q1", "e1"):
        assert items[name] == pytest.approx(100 * (poor[name].mean() - 1) / 9)
    good = answers.assign(**{name: (answers[name] + 3).clip(1, 10) for name in ("q1", "q2", "q3")})
    kept = index.rank(pls.estimate(MODEL, good), good, scale=SCALE, codes=CODES, bootstrap=0)
    assert kept.table.set_index("construct")["priority"].to_dict() == {
        "quality": "keep up",
        "expectations": "improve later",
    }
    assert kept.findings()[1] == "No construct is both important and rated low: keep up quality."


def test_what_lowers_complaints_most_is_the_most_important(fit, answers):
    found = index.rank(fit, answers, scale=SCALE, codes=CODES, target="complaints", bootstrap=100, seed=1)
    assert found.table["construct"].iloc[0] == "satisfaction"
    assert (found.table["importance"] < 0).all()
    assert found.table["importance"].is_monotonic_increasing
    assert found.table["top_share"].iloc[0] > 0.9
    assert found.table["priority"].iloc[0] in ("improve first", "keep up")


def test_several_groups_are_compared_by_holm():
    answers = simulated(300, seed=8).assign(shop=np.repeat(["a", "b", "c"], 100))
    fit = pls.estimate(MODEL, answers)
    found = index.compare(fit, answers, by="shop", scale=SCALE, codes=CODES, permutations=50, seed=1).changes
    assert len(found) == 3
    assert found["p_holm"].to_numpy() == pytest.approx(multipletests(found["p_value"], method="holm")[1])
    assert (found["verdict"] == np.where(found["p_holm"] < 0.05, "differs", "not told apart")).all()


def test_survey_weights_count_in_groups_and_in_their_errors():
    answers = simulated(300, seed=9).assign(shop=np.repeat(["a", "b", "c"], 100))
    answers["mass"] = np.random.default_rng(9).uniform(0.2, 4, 300)
    fit = pls.estimate(MODEL, answers, weight="mass")
    options = {"scale": SCALE, "codes": CODES}
    found = index.compare(fit, answers, by="shop", weight="mass", permutations=50, seed=1, **options)
    y = index.score(fit, answers, bootstrap=0, **options).respondents["satisfaction"].to_numpy()
    for row in found.table.to_dict("records"):
        inside = (answers["shop"] == row["group"]).to_numpy()
        w = answers["mass"].to_numpy()[inside]
        mean = np.average(y[inside], weights=w)
        assert row["index"] == pytest.approx(mean)
        error = np.sqrt(100 / 99 * ((w * (y[inside] - mean)) ** 2).sum()) / w.sum()
        assert (row["index_high"] - row["index_low"]) / 2 == pytest.approx(stats.t.ppf(0.975, 99) * error)


def test_weighted_disconfirmation_by_hand(fit, answers):
    mass = np.random.default_rng(3).uniform(0.2, 4, 400)
    found = index.disconfirm(fit, answers.assign(mass=mass), scale=SCALE, codes=CODES, weight="mass")
    gap = (100 / 9 * (answers[["q1", "q2", "q3"]].mean(axis=1) - answers[["e1", "e2"]].mean(axis=1))).to_numpy()
    level = (100 / 9 * (answers[["s1", "s2"]].mean(axis=1) - 1)).to_numpy()
    mean = np.average(gap, weights=mass)
    error = np.sqrt(400 / 399 * ((mass * (gap - mean)) ** 2).sum()) / mass.sum()
    assert found.mean == pytest.approx(mean)
    assert found.high - found.mean == pytest.approx(stats.t.ppf(0.975, 399) * error)
    better = gap > 2.5
    row = found.table.iloc[2]
    effective = mass.sum() ** 2 / (mass**2).sum()
    share = mass[better].sum() / mass.sum()
    assert row["respondents_share"] == pytest.approx(share)
    ends = wilson(share * effective, effective)
    assert (row["respondents_share_low"], row["respondents_share_high"]) == pytest.approx(ends)
    assert row["target"] == pytest.approx(np.average(level[better], weights=mass[better]))
    r, low, high = found.correlation
    assert r == pytest.approx(DescrStatsW(np.column_stack([gap, level]), weights=mass).corrcoef[0, 1])
    half = 1.959963984540054 / np.sqrt(effective - 3)
    assert (np.arctanh(low), np.arctanh(high)) == pytest.approx((np.arctanh(r) - half, np.arctanh(r) + half))


def test_what_is_refused(fit, answers):
    assert refusal(DataError, index.score, fit, answers, scale=SCALE) == (
        "index: the item 'complained' has the answer 0, outside 1 to 10; correct it, or say codes={\"complained\": "
        "(lowest, highest)}."
    )
    assert refusal(UsageError, index.score, fit, answers, scale=(10, 1), codes=CODES) == (
        "index: the scale of 'e1' must rise from its lowest to its highest code."
    )
    assert refusal(UsageError, index.score, fit, answers, scale=SCALE, construct="joy") == (
        "index: the model has no construct 'joy'; it has expectations, quality, satisfaction, complaints."
    )
    assert refusal(UsageError, index.score, fit, answers, scale=SCALE, weights="pca") == (
        "index: weights must be model or equal, not 'pca'."
    )
    assert refusal(UsageError, index.compare, fit, answers, by="e1", person="who", scale=SCALE) == (
        "index: the answers have no column 'who' that says who answered; give person=None or add it."
    )


def test_numbers_that_make_no_sense_are_refused(fit, answers):
    assert refusal(UsageError, index.score, fit, answers, scale="1-10") == (
        "index: scale must be the lowest and the highest code, such as (1, 10), not '1-10'."
    )
    assert refusal(UsageError, index.score, fit, answers, scale=SCALE, codes={"complained": (0, 1, 2)}) == (
        "index: codes['complained'] must be the lowest and the highest code, such as (1, 10), not (0, 1, 2)."
    )
    assert refusal(UsageError, index.score, fit, answers, scale=SCALE, codes=CODES, bootstrap=-5) == (
        "index: bootstrap must be 0 or at least 2 resamples, not -5."
    )
    assert refusal(UsageError, index.suppose, fit, answers, changes={"quality": "five"}, scale=SCALE, codes=CODES) == (
        "index: the change of 'quality' must be a number of points, not 'five'."
    )
    assert refusal(UsageError, index.disconfirm, fit, answers, scale=SCALE, codes=CODES, margin=-5) == (
        "index: margin must be 0 points or more, not -5."
    )
    assert refusal(UsageError, index.disconfirm, fit, answers, scale=SCALE, codes=CODES, expected="quality") == (
        "index: expected and perceived are both 'quality'; name two constructs."
    )


def results(fit, answers):
    options = {"scale": SCALE, "codes": CODES}
    return (
        index.score(fit, answers, bootstrap=50, **options),
        index.rank(fit, answers, bootstrap=50, **options),
        index.suppose(fit, answers, changes={"quality": 5}, bootstrap=50, **options),
        index.disconfirm(fit, answers, **options),
        index.compare(fit, answers, by="segment", permutations=30, **options),
    )


def test_IndexResult_keeps_the_contract(keeps_result_contract, fit, answers):
    grouped = answers.assign(segment=np.where(answers.index % 2, "a segment with a long name that goes on and on", "b"))
    for result in results(fit, grouped):
        keeps_result_contract(result, pictures=("plot",))
    for result in results(fit, grouped.iloc[:0]):
        keeps_result_contract(result, pictures=("plot",))
        assert len(result.findings()) == 1
    nobody = pls.estimate(MODEL, answers.iloc[:0])
    for result in results(nobody, grouped):
        assert result.findings() == ("There are no answers to a survey in this study, so no model was estimated.",)
    bare = index.score(fit, answers, scale=SCALE, codes=CODES, bootstrap=0)
    keeps_result_contract(bare, pictures=("plot",))
    keeps_result_contract(index.rank(fit, answers, scale=SCALE, codes=CODES, bootstrap=0), pictures=("plot",))


def test_PriorityResult_keeps_the_contract(keeps_result_contract, fit, answers):
    keeps_result_contract(index.rank(fit, answers, scale=SCALE, codes=CODES, target="complaints"), pictures=("plot",))


def test_ScenarioResult_keeps_the_contract(keeps_result_contract, fit, answers):
    last = index.suppose(fit, answers, changes={"complaints": -3}, scale=SCALE, codes=CODES, bootstrap=0)
    keeps_result_contract(last, pictures=("plot",))
    assert last.findings()[0] == "Scenario (complaints -3 points): nothing in the model follows from it."


def test_DisconfirmationResult_keeps_the_contract(keeps_result_contract, fit, answers):
    keeps_result_contract(index.disconfirm(fit, answers, scale=SCALE, codes=CODES, margin=0), pictures=("plot",))


def test_StandingResult_keeps_the_contract(keeps_result_contract, fit, answers):
    absent = index.compare(fit, answers, by="region", scale=SCALE, codes=CODES)
    keeps_result_contract(absent, pictures=("plot",))
    assert absent.findings() == ("The answers have no column 'region', so there are no groups to compare.",)
    one = index.compare(fit, answers.assign(wave=1), by="wave", scale=SCALE, codes=CODES)
    keeps_result_contract(one, pictures=("plot",))
    assert one.findings() == (
        "Fewer than two groups of wave have 20 complete answers, so there is nothing to compare.",
    )


def test_who_answers_and_what_people_feel_are_told_apart():
    answers = waves(600, seed=8, better=0.9, same=300)
    # The same people feel as before, and a little worse; the new ones are happier.
    again = (answers["wave"] == 2) & answers["person"].lt(300)
    answers.loc[again, "s1"] = (answers.loc[again, "s1"] - (np.arange(300) % 40 == 0)).clip(lower=1)
    fit = pls.estimate(MODEL, answers)
    found = index.compare(fit, answers, by="wave", person="person", scale=SCALE, codes=CODES, permutations=50, seed=1)
    row = found.changes.iloc[0]
    assert (row["verdict"], row["in_both"]) == ("differs", 300)
    assert row["paired_change"] < 0 < row["change"]
    moved = f"{row['paired_change']:+.1f} points (95 % interval {row['paired_change_low']:+.1f} to "
    said = found.findings()[0]
    assert said.startswith(
        f"Satisfaction is {row['change']:.1f} points higher in wave 2 than in wave 1 among those who answered (95 % "
        f"interval of the difference {row['change_low']:+.1f} to {row['change_high']:+.1f}), but the 300 people with "
        f"complete answers in wave 1 and wave 2 moved by {moved}"
    )
    assert said.endswith(("rather than what people feel.", "and who answers has changed."))
    assert not any("more than chance gives" in sentence for sentence in found.findings())


def pair(change, paired, *, verdict, both=50):
    """One row of changes: change and paired change, each with half an interval of one point."""
    row = {"first": "spring", "second": "autumn", "in_both": both, "comparable": True, "verdict": verdict}
    for name, value in (("change", change), ("paired_change", paired)):
        row |= {name: value, f"{name}_low": value - 1, f"{name}_high": value + 1}
    return pd.DataFrame([row])


@pytest.mark.parametrize(
    ("change", "paired", "verdict", "end"),
    [
        (
            2.0,
            -0.5,
            "differs",
            "but the 50 people with complete answers in wave spring and wave autumn moved by -0.5 "
            "points (95 % interval -1.5 to +0.5): who answers has changed, rather than what people feel.",
        ),
        (2.0, -2.0, "differs", "(95 % interval -3.0 to -1.0): they feel the opposite, and who answers has changed."),
        (2.0, 0.5, "differs", "(95 % interval -0.5 to +1.5), which alone is no more than chance gives."),
        (
            0.5,
            2.0,
            "not told apart",
            "moved by +2.0 points (95 % interval +1.0 to +3.0), more than chance gives, while among all who answered "
            "no change is shown (+0.5 points; 95 % interval -0.5 to +1.5): trust the people who can be compared "
            "with themselves.",
        ),
    ],
)
def test_disagreement_of_all_and_of_the_same_people_comes_first(change, paired, verdict, end):
    none = MicomResult(pd.DataFrame(), "wave", absent="not looked at")
    said = telling.told(pair(change, paired, verdict=verdict), none, construct="satisfaction", by="wave")
    assert said[0].endswith(end)
    assert len(said) == 2
    agreed = telling.told(pair(2.0, 2.0, verdict="differs"), none, construct="satisfaction", by="wave")
    assert agreed[0].endswith(": more than chance gives.")


def test_missing_answers_are_treated_as_in_the_fit(answers):
    asked = answers.assign(segment=np.where(np.arange(400) % 2, "old", "new"))
    holes = asked.copy()
    holes.loc[holes.index[:120], "e1"] = np.nan
    holes.loc[holes.index[-30:], "s1"] = np.nan
    settings = {"by": "segment", "scale": SCALE, "codes": CODES, "permutations": 50}
    filled = pls.estimate(MODEL, holes, missing="mean")
    found = index.compare(filled, holes, **settings)
    assert found.table["respondents"].sum() == 400
    score = index.score(filled, holes, scale=SCALE, codes=CODES, bootstrap=0)
    by_hand = score.respondents["satisfaction"].groupby(holes["segment"]).mean()
    assert found.table.set_index("group")["index"].to_numpy() == pytest.approx(by_hand.to_numpy())
    # An index of satisfaction needs no answer on expectations.
    complete = pls.estimate(MODEL, holes)
    assert len(complete.sample) == 250
    assert index.compare(complete, holes, **settings).table["respondents"].sum() == 370
    part = index.score(filled, holes.iloc[:150], scale=SCALE, codes=CODES, bootstrap=0)
    assert len(part.respondents) == 150


def test_many_left_out_are_told_first(answers):
    holes = answers.copy()
    holes.loc[holes.index[:100], "e1"] = np.nan
    fit = pls.estimate(MODEL, holes)
    assert fit.findings()[0] == (
        '100 of 400 respondents (25.0 %) were left out for a missing answer: missing="every" in the notebook, or '
        'missing="mean" of PLS and "fiml" of CB-SEM, uses every answer.'
    )
    said = index.score(fit, holes, scale=SCALE, codes=CODES, bootstrap=0).findings()[0]
    assert said.endswith("on the scale from 0 to 100; 100 of 400 respondents were left out for a missing answer.")
    few = pls.estimate(MODEL, holes.iloc[90:])
    assert few.findings()[0].startswith("The model explains ")


def test_the_target_of_the_model_decides(answers):
    model = dataclasses.replace(MODEL, target="quality")
    fit = pls.estimate(model, answers)
    assert (
        index.score(fit, answers, scale=SCALE, codes=CODES, bootstrap=0).findings()[0].startswith("Quality stands at ")
    )
    assert index.rank(fit, answers, scale=SCALE, codes=CODES, bootstrap=0).target == "quality"
    first = dataclasses.replace(MODEL, target="expectations")
    alone = index.rank(pls.estimate(first, answers), answers, scale=SCALE, codes=CODES)
    assert alone.findings() == ("Nothing leads to expectations in this model, so there are no priorities.",)
