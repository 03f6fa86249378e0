"""Groups: invariance and multi-group tests on groups whose sameness and difference are planted."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests

from crm_analysis.errors import UsageError
from crm_analysis.multiplicity import holm
from crm_analysis.satisfaction import groups, pls
from crm_analysis.satisfaction.model import Construct, Model

MODEL = Model(
    "chain",
    (Construct("a", ("a1", "a2", "a3")), Construct("b", ("b1", "b2", "b3")), Construct("c", ("c1",))),
    (("a", "b"), ("b", "c")),
)


def simulated(n, *, seed, link=0.5, level=0.0, loadings=(0.8, 0.8, 0.8)):
    draw = np.random.default_rng(seed)
    a = draw.standard_normal(n)
    b = link * a + np.sqrt(1 - link**2) * draw.standard_normal(n) + level
    items = {f"a{k}": 0.8 * a + 0.6 * draw.standard_normal(n) for k in (1, 2, 3)}
    for k, loading in enumerate(loadings, start=1):
        items[f"b{k}"] = loading * b + np.sqrt(1 - loading**2) * draw.standard_normal(n)
    return pd.DataFrame(items | {"c1": 0.5 * b + 0.8 * draw.standard_normal(n)})


def two(first, second):
    return pd.concat([first.assign(group="one"), second.assign(group="two")], ignore_index=True)


def verdicts(answers, **settings):
    found = groups.micom(pls.estimate(MODEL, answers), answers, group="group", permutations=200, seed=1, **settings)
    return found, found.table.set_index("construct")["verdict"].to_dict()


def test_the_same_people_twice_are_fully_invariant():
    found, verdict = verdicts(two(simulated(200, seed=1), simulated(200, seed=2)))
    assert verdict == {"a": "full", "b": "full", "c": "full"}
    assert found.allows("two", "one", "b")
    assert found.table.set_index("construct").loc["c", "p_composition"] == 1
    low = found.table.loc[found.table["correlation"].idxmin()]
    assert found.findings() == (
        f"One and two weigh the items alike, as far as 200 permutations show (lowest correlation of scores "
        f"{low['correlation']:.3f}, {low['construct']}), so scores and paths may be compared.",
    )


def test_another_level_is_partial_and_other_weights_are_none():
    verdict = verdicts(two(simulated(200, seed=3), simulated(200, seed=4, level=0.8)))[1]
    assert verdict == {"a": "full", "b": "partial", "c": "partial"}
    turned = two(simulated(300, seed=5, loadings=(0.9, 0.9, 0.1)), simulated(300, seed=6, loadings=(0.1, 0.9, 0.9)))
    found, verdict = verdicts(turned)
    assert (verdict["a"], verdict["b"]) == ("full", "none")
    assert not found.allows("one", "two", "b")
    assert found.allows("one", "two", "a")
    assert found.findings()[0].startswith(
        "One and two weigh the items of b differently (lowest correlation of scores 0."
    )


def test_the_correlation_of_scores_by_hand():
    answers = two(simulated(100, seed=7), simulated(150, seed=8, loadings=(0.9, 0.5, 0.5)))
    found = verdicts(answers)[0].table.set_index("construct")
    items = ["b1", "b2", "b3"]
    pooled = answers[items] / answers[items].std(ddof=0)
    scores = []
    for name in ("one", "two"):
        fit = pls.estimate(MODEL, answers[answers["group"] == name])
        scores.append(pooled @ fit.outer.set_index("item").loc[items, "weight"])
    assert found.loc["b", "correlation"] == pytest.approx(np.corrcoef(*scores)[0, 1], abs=1e-6)
    level = pls.estimate(MODEL, answers).scores()["b"].groupby(answers["group"])
    assert found.loc["b", "mean_difference"] == pytest.approx(level.mean()["one"] - level.mean()["two"])
    ratio = np.log(level.var(ddof=0)["one"] / level.var(ddof=0)["two"])
    assert found.loc["b", "log_variance_ratio"] == pytest.approx(ratio)


def test_a_planted_difference_of_a_path_is_found_and_no_other():
    answers = two(simulated(300, seed=9, link=0.2), simulated(300, seed=10, link=0.7))
    found = groups.compare(
        pls.estimate(MODEL, answers), answers, group="group", permutations=200, bootstrap=200, seed=1
    )
    assert found.table["verdict"].tolist() == ["differs", "not told apart"]
    row = found.table.iloc[0]
    estimates = found.paths[found.paths["source"] == "a"].set_index("group")["estimate"]
    assert row["difference"] == pytest.approx(estimates["one"] - estimates["two"])
    assert row["difference_high"] < 0
    assert row["p_bootstrap"] < 0.01
    assert found.findings()[0] == (
        f"The path from a to b differs between one and two by {row['difference']:+.2f} (95 % interval "
        f"{row['difference_low']:+.2f} to {row['difference_high']:+.2f})."
    )
    single = pls.estimate(MODEL, answers[answers["group"] == "one"]).paths["estimate"][0]
    assert estimates["one"] == pytest.approx(single, abs=1e-6)


def test_weighing_items_unlike_is_judged_after_holm_and_never_by_a_p_value_of_zero():
    # Of this pair one construct of three lies below its bound, which chance does once in seven pairs.
    answers = two(simulated(60, seed=318), simulated(60, seed=418))
    found = groups.micom(pls.estimate(MODEL, answers), answers, group="group", permutations=100, seed=1).table
    assert found["p_composition"].min() < 0.05
    assert found["verdict"].tolist() == ["full", "full", "full"]
    turned = two(simulated(300, seed=5, loadings=(0.9, 0.9, 0.1)), simulated(300, seed=6, loadings=(0.1, 0.9, 0.9)))
    found = verdicts(turned)[0].table.set_index("construct")
    # The smallest that 200 permutations can give (Phipson and Smyth 2010).
    assert found.loc["b", "p_composition"] == pytest.approx(1 / 201)
    # The bound is what chance goes below once in twenty times.
    clear = (found["p_composition"] - 0.05).abs() > 0.01
    above = found["correlation"] >= found["bound"] - 1e-9
    assert (above == (found["p_composition"] > 0.05))[clear].all()


def test_another_spread_alone_is_partial():
    wide = simulated(200, seed=12)
    wide[["b1", "b2", "b3"]] *= 1.8
    assert verdicts(two(simulated(200, seed=11), wide))[1] == {"a": "full", "b": "partial", "c": "full"}


def test_survey_weights_count_like_copies_of_respondents():
    answers = two(simulated(80, seed=13), simulated(80, seed=14, level=0.5))
    times = np.random.default_rng(13).integers(1, 4, size=160)
    copied = answers.loc[answers.index.repeat(times)].reset_index(drop=True)
    weighted = groups.micom(
        pls.estimate(MODEL, answers.assign(times=times), weight="times"),
        answers.assign(times=times),
        group="group",
        weight="times",
        permutations=19,
    ).table
    plain = groups.micom(pls.estimate(MODEL, copied), copied, group="group", permutations=19).table
    for column in ("correlation", "mean_difference", "log_variance_ratio"):
        assert weighted[column].to_numpy() == pytest.approx(plain[column].to_numpy(), abs=1e-9)


def test_p_values_of_paths_are_two_sided_never_zero_and_adjusted():
    answers = two(simulated(300, seed=9, link=0.2), simulated(300, seed=10, link=0.7))
    fit = pls.estimate(MODEL, answers)
    found = groups.compare(fit, answers, group="group", permutations=200, bootstrap=50, seed=1).table
    assert found["p_permutation"].min() == pytest.approx(1 / 201)
    assert found["p_holm"].to_numpy() == pytest.approx(multipletests(found["p_permutation"], method="holm")[1])
    same = simulated(100, seed=15)
    twins = two(same, same)
    alike = groups.compare(pls.estimate(MODEL, twins), twins, group="group", permutations=50, bootstrap=400, seed=1)
    # Half of the pairs of draws lie on either side, and both sides count.
    assert (alike.table["p_bootstrap"] > 0.8).all()
    assert (alike.table["p_permutation"] == 1).all()


def test_a_path_is_not_compared_if_either_end_is_weighed_unlike():
    turned = two(simulated(300, seed=5, loadings=(0.9, 0.9, 0.1)), simulated(300, seed=6, loadings=(0.1, 0.9, 0.9)))
    found = groups.compare(
        pls.estimate(MODEL, turned), turned, group="group", permutations=200, bootstrap=50, seed=1
    ).table
    assert found[["source", "target"]].to_numpy().tolist() == [["a", "b"], ["b", "c"]]
    assert found["verdict"].tolist() == ["not comparable", "not comparable"]


def test_false_alarms_are_rare():
    alarms = 0
    for seed in range(30):
        answers = two(simulated(60, seed=100 + seed), simulated(60, seed=200 + seed))
        fit = pls.estimate(MODEL, answers)
        found = groups.compare(fit, answers, group="group", permutations=99, bootstrap=2, seed=seed)
        alarms += int((found.table["p_holm"] < 0.05).any())
    # With a rate of 5 %, six of thirty or more come about once in 300 times.
    assert alarms < 6


def test_three_groups_one_of_them_small_and_rows_without_a_group():
    answers = pd.concat(
        [two(simulated(60, seed=1), simulated(60, seed=2)), simulated(60, seed=3).assign(group="three")]
    )
    answers = pd.concat([answers, simulated(5, seed=4).assign(group="tiny"), simulated(9, seed=5).assign(group=None)])
    found = groups.micom(pls.estimate(MODEL, answers), answers, group="group", permutations=50, seed=1)
    pairs = found.table[["first", "second"]].drop_duplicates().to_numpy().tolist()
    assert pairs == [["one", "three"], ["one", "two"], ["three", "two"]]
    assert found.findings()[-1] == "Left out for fewer than 20 answers: tiny."


def test_a_group_that_answers_an_item_alike_is_left_out_and_named():
    answers = pd.concat(
        [simulated(60, seed=k).assign(group=name) for k, name in enumerate(("one", "three", "two"), start=1)],
        ignore_index=True,
    )
    answers.loc[answers["group"] == "two", "c1"] = 0.0
    fit = pls.estimate(MODEL, answers)
    said = "Left out because all in the group answer an item alike: two (c1)."
    assert groups.micom(fit, answers, group="group", permutations=60).findings()[-1] == said
    few = {"permutations": 60, "bootstrap": 30}
    found = groups.compare(fit, answers, group="group", **few)
    assert said in found.findings()
    assert found.table[["first", "second"]].drop_duplicates().to_numpy().tolist() == [["one", "three"]]
    pair = answers[answers["group"] != "three"]
    assert groups.compare(fit, pair, group="group", **few).findings() == (
        "In two all answer 'c1' alike, so groups of group cannot be compared; join it with another, or leave the item "
        "out of the model.",
    )


def test_too_few_permutations_for_so_many_tests_are_told():
    answers = two(simulated(60, seed=1), simulated(60, seed=2))
    fit = pls.estimate(MODEL, answers)
    assert groups.micom(fit, answers, group="group", permutations=59).findings()[-1] == (
        "With 59 permutations no p-value of 3 gets below 0.05 after Holm: take 60 or more."
    )
    assert len(groups.micom(fit, answers, group="group", permutations=60).findings()) == 1
    said = groups.compare(fit, answers, group="group", permutations=39, bootstrap=30).findings()
    assert (
        "With 39 permutations no p-value of 2 gets below 0.05 after Holm, so no difference could be found: take 40 or "
        "more." in said
    )


def test_groups_of_a_categorical_column_are_those_that_are_there():
    answers = two(simulated(60, seed=1), simulated(60, seed=2))
    fit = pls.estimate(MODEL, answers)
    kinds = answers.assign(group=pd.Categorical(answers["group"], categories=["two", "none", "one"]))
    found = groups.micom(fit, kinds, group="group", permutations=60)
    assert found.small == ()
    pd.testing.assert_frame_equal(found.table, groups.micom(fit, answers, group="group", permutations=60).table)


def test_twenty_complete_answers_are_enough():
    answers = two(simulated(60, seed=1), simulated(21, seed=2))
    answers.loc[80, "c1"] = np.nan
    fit = pls.estimate(MODEL, answers)
    assert not groups.micom(fit, answers, group="group", permutations=60).absent
    fewer = groups.micom(fit, answers.drop(index=79), group="group", permutations=60)
    assert fewer.absent == "Fewer than two groups of group have 20 complete answers, so there is nothing to compare."


def test_holm_equals_statsmodels():
    p = np.array([0.01, 0.04, 0.03, 0.005, 0.5])
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])


def test_what_is_refused():
    answers = two(simulated(60, seed=1), simulated(60, seed=2))
    fit = pls.estimate(MODEL, answers)
    with pytest.raises(UsageError) as error:
        groups.micom(fit, answers, group="group", permutations=5)
    assert str(error.value) == "groups: permutations must be at least 19, not 5."
    with pytest.raises(UsageError) as error:
        groups.compare(fit, answers, group="group", bootstrap=1)
    assert str(error.value) == "groups: bootstrap must be at least 2 resamples, not 1."


def test_MicomResult_keeps_the_contract(keeps_result_contract):
    answers = two(simulated(60, seed=1), simulated(60, seed=2))
    fit = pls.estimate(MODEL, answers)
    keeps_result_contract(groups.micom(fit, answers, group="group", permutations=30), pictures=("plot",))
    keeps_result_contract(groups.micom(fit, answers, group="segment"), pictures=("plot",))


def test_MultigroupResult_keeps_the_contract(keeps_result_contract):
    answers = two(simulated(60, seed=1), simulated(60, seed=2))
    fit = pls.estimate(MODEL, answers, consistent=True)
    few = {"permutations": 30, "bootstrap": 30}
    keeps_result_contract(groups.compare(fit, answers, group="group", **few), pictures=("plot",))
    keeps_result_contract(groups.compare(fit, answers, group="segment", **few), pictures=("plot",))
    keeps_result_contract(groups.compare(fit, answers.iloc[:0], group="group", **few), pictures=("plot",))
