"""lavaan's numbers for many kinds of models and options, on answers that are simulated here."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crm_analysis.errors import UsageError
from crm_analysis.satisfaction import covariance

REFERENCE = Path(__file__).parents[1] / "reference"
OPTIONS = json.loads((REFERENCE / "lavaan_options.json").read_text("utf-8"))
LADDER = json.loads((REFERENCE / "lavaan_ladder.json").read_text("utf-8"))


def survey(n=500, *, seed=20240501):
    """Three constructs, two observed causes, an outcome, a single item, two shops; nothing is normal."""
    draw = np.random.default_rng(seed).standard_normal((n, 24))
    bent = draw + 0.3 * (draw**2 - 1)
    w1, w2 = bent[:, 0], 0.4 * bent[:, 0] + bent[:, 1]
    f = bent[:, 2]
    g = 0.5 * f + 0.3 * w1 + 0.8 * bent[:, 3]
    h = 0.4 * g + 0.2 * f + 0.3 * w2 + 0.7 * bent[:, 4]
    columns, place = {"w1": w1, "w2": w2}, 5
    for letter, latent, loads in (("a", f, (1, 0.8, 0.9)), ("b", g, (1, 0.7, 1.1)), ("c", h, (1, 0.9, 1.2, 0.6))):
        for k, load in enumerate(loads, 1):
            columns[f"{letter}{k}"] = k + load * latent + 0.6 * bent[:, place]
            place += 1
    columns["y"] = 2 + 0.5 * h + 0.2 * w1 + 0.5 * bent[:, place]
    columns["s"] = 0.6 * f + 0.8 * bent[:, place + 1]
    answers = pd.DataFrame(columns).round(4)
    answers["shop"] = np.where(draw[:, 20] > 0.2, "north", "south")
    answers["weight"] = (0.4 + np.abs(draw[:, 21])).round(4)
    return answers


def with_gaps(answers, *, in_causes=False, seed=7):
    """The same with answers missing: by chance, and b1 where a1 is high."""
    chance = np.random.default_rng(seed).random((len(answers), 4))
    found = answers.copy()
    found["b1"] = found["b1"].where(~((answers["a1"] > 1.5) & (chance[:, 0] < 0.6)))
    found["c2"] = found["c2"].where(chance[:, 1] > 0.15)
    found["a3"] = found["a3"].where(chance[:, 2] > 0.1)
    found["y"] = found["y"].where(chance[:, 3] > 0.1)
    if in_causes:
        found["w1"] = found["w1"].where(np.random.default_rng(3).random(len(found)) > 0.08)
    return found


@pytest.fixture(scope="module")
def simulated():
    """Answers by name; their sums are compared with those that lavaan was given."""
    whole = survey()
    found = {"survey": whole, "gaps": with_gaps(whole), "gaps in causes": with_gaps(whole, in_causes=True)}
    for name, answers in found.items():
        numbers = answers.select_dtypes("number")
        given = OPTIONS["answers"][name]
        assert int(numbers.notna().sum().sum()) == given["answers"], "NumPy draws other numbers than lavaan was given"
        assert numbers.sum().sum() == pytest.approx(given["sum"], abs=1e-3)
        assert (numbers**2).sum().sum() == pytest.approx(given["squares"], abs=1e-2)
    return found


@pytest.mark.parametrize("case", OPTIONS["cases"], ids=lambda case: case["name"])
def test_models_and_options(simulated, case):
    result = covariance.estimate(OPTIONS["models"][case["model"]], simulated[case["answers"]], **case["options"])
    for measure, value in case["fit"].items():
        # Measures of fit that lie near a boundary have no digits to compare but those behind the point.
        assert result.fit[measure] == pytest.approx(value, rel=2e-5, abs=2e-5), measure
    groups = dict(zip(result.groups or [""], range(1, 99), strict=False))
    found = {}
    for row, scaled in zip(result.parameters.to_dict("records"), result.standardised.to_dict("records"), strict=True):
        numbers = row["estimate"], row["se"], row["std_all"], scaled["se"]
        place = groups[row.get("group", "")]
        found[place, row["lhs"], row["op"], row["rhs"]] = numbers
        if row["op"] == "~~":
            found[place, row["rhs"], row["op"], row["lhs"]] = numbers
    defined = result.effects[result.effects["effect"] == "defined"].set_index("name")
    errors = 0
    for group, lhs, op, rhs, estimate, error, standardised, standardised_error in case["parameters"]:
        if op == ":=":
            numbers = (*defined.loc[lhs, ["estimate", "se", "std_all"]],)
        else:
            numbers = found[group, lhs, op, rhs]
            if standardised_error:
                assert numbers[3] == pytest.approx(standardised_error, rel=1e-4, abs=1e-6)
            errors += 1
        assert numbers[0] == pytest.approx(estimate, rel=2e-5, abs=2e-6), (lhs, op, rhs)
        assert numbers[1] == pytest.approx(error, rel=5e-5), (lhs, op, rhs)
        assert numbers[2] == pytest.approx(standardised, rel=2e-5, abs=5e-6), (lhs, op, rhs)
    # What lavaan fixes has no error here either.
    assert (result.parameters["se"] > 0).sum() == errors
    indices = {}
    for row in result.modification.to_dict("records"):
        key = groups[row.get("group", "")], row["lhs"], row["op"], row["rhs"]
        indices[key] = indices[key[0], key[3], key[2], key[1]] = row
    for group, lhs, op, rhs, fall, change, scaled in case["modification"]:
        row = indices[group, lhs, op, rhs]
        assert (row["mi"], row["epc"], row["epc_std"]) == pytest.approx((fall, change, scaled), rel=1e-3)


@pytest.mark.parametrize("ladder", LADDER["ladders"], ids=lambda ladder: f"{ladder['model']}-{ladder['missing']}")
def test_ladders(simulated, ladder):
    answers = simulated["survey" if ladder["missing"] == "listwise" else "gaps"]
    found = covariance.invariance(LADDER["models"][ladder["model"]], answers, group="shop", missing=ladder["missing"])
    for ours, (level, *values) in zip(found.steps.to_dict("records"), ladder["steps"], strict=True):
        assert ours["level"] == level
        numbers = [ours[measure] for measure in ("chisq", "df", "cfi", "rmsea", "srmr")]
        assert numbers == pytest.approx(values, rel=2e-5, abs=2e-6), level
    means = found.means.set_index("construct")
    for construct, estimate, error in ladder["means"]:
        assert means.loc[construct, "estimate"] == pytest.approx(estimate, rel=1e-4, abs=1e-5)
        assert means.loc[construct, "se"] == pytest.approx(error, rel=1e-4)


def test_the_bootstrap_as_far_as_chance_allows():
    reference = json.loads((REFERENCE / "lavaan_bootstrap.json").read_text("utf-8"))
    result = covariance.estimate(reference["model"], survey(), bootstrap=1000, bollen_stine=True, seed=3)
    drawn = result.bootstrap.dropna(subset=["lhs"])
    drawn.index = drawn["lhs"] + " " + drawn["op"] + " " + drawn["rhs"]
    for name, low, high, error in reference["draws"]:
        row = drawn.loc[name]
        # A quantile at 2.5 % of 1,000 draws has itself an error of .085 standard deviations.
        assert row["percentile_lower"] == pytest.approx(low, abs=0.4 * error), name
        assert row["percentile_upper"] == pytest.approx(high, abs=0.4 * error), name
        assert row["se"] == pytest.approx(error, rel=0.12), name
    # Two shares of 1,000 draws, each with an error of .016.
    assert result.draws["bollen_stine"] == pytest.approx(reference["bollen_stine"], abs=0.07)


def test_a_derivative_that_lavaan_loses():
    # lavaan differentiates by a complex step through Mod(), and so loses the slope of log(abs(p)): 1 / p.
    text = "y ~ p*w1\nhalf := p^2/2 + log(abs(p))"
    result = covariance.estimate(text, survey())
    path = result.parameters.set_index(["lhs", "op", "rhs"]).loc[("y", "~", "w1")]
    assert result.effects["se"].iloc[0] == pytest.approx(path["se"] * (path["estimate"] + 1 / path["estimate"]))


def test_who_says_something_of_one_observed_cause_says_it_of_all():
    # lavaan would leave w1 and w2 without a covariance: 2 degrees of freedom and a chi-square of 57.5.
    result = covariance.estimate("y ~ w1 + w2\nw1 ~~ w1", survey())
    assert result.fit["df"] == 0
    assert result.fit["free_parameters"] == 6
    given = covariance.estimate("y ~ w1 + w2", survey())
    assert given.fit["free_parameters"] == 3
    assert math.isnan(given.fit["rmsea"])
    paths = [one.parameters.set_index(["lhs", "op", "rhs"]).loc[("y", "~", "w1")] for one in (result, given)]
    assert paths[0]["estimate"] == pytest.approx(paths[1]["estimate"])
    assert paths[0]["se"] == pytest.approx(paths[1]["se"])


def test_missing_causes_are_left_out_and_said_so(simulated):
    result = covariance.estimate("y ~ w1 + w2", simulated["gaps in causes"], missing="fiml")
    missing = int(simulated["gaps in causes"]["w1"].isna().sum())
    assert result.notes[0] == (
        f"{missing} respondents of 500 did not answer w1 and were left out: full information fills in what is "
        "explained, not what explains it."
    )


def test_a_label_is_one_number_in_all_groups_unless_each_has_its_own():
    answers = survey()
    text = "f =~ a1 + a2 + a3\ng =~ b1 + b2 + b3\ng ~ {}*f"
    one = covariance.estimate(text.format("p"), answers, group="shop")
    assert one.notes == ("In all groups p is one number; write c(a, b)* with a label for each group to let it differ.",)
    assert one.parameters.query("op == '~'")["estimate"].unique().shape == (1,)
    own = covariance.estimate(text.format("c(p, q)") + "\ngap := p - q", answers, group="shop")
    assert own.notes == ()
    paths = own.parameters.query("op == '~'")["estimate"].to_numpy()
    defined = own.effects.query("effect == 'defined'")
    assert list(defined["group"]) == [""]
    assert defined["estimate"].iloc[0] == pytest.approx(paths[0] - paths[1])
    # One constraint fewer: the chi-square difference is close to the Wald test of the gap.
    assert one.fit["df"] == own.fit["df"] + 1
    assert one.fit["chisq"] - own.fit["chisq"] == pytest.approx(defined["z"].iloc[0] ** 2, abs=0.1)


def test_c_needs_as_many_parts_as_there_are_groups():
    answers = survey().assign(shop=lambda frame: np.arange(len(frame)) % 3)
    for options, groups in (({"group": "shop"}, 3), ({}, 1)):
        with pytest.raises(UsageError) as raised:
            covariance.estimate("f =~ a1 + c(u, v)*a2 + a3 + b1", answers, **options)
        assert str(raised.value) == (
            f"The row 'f =~ c(u, v)*a2' speaks of 2 groups, but there are {groups}; give c() one part for each group, "
            "in the order in which the answers name them, and the column of the groups with group=."
        )


def test_complete_answers_by_full_information_are_the_same():
    plain = covariance.estimate("f =~ a1 + a2 + a3 + b1 + b2", survey())
    full = covariance.estimate("f =~ a1 + a2 + a3 + b1 + b2", survey(), missing="fiml")
    for measure in ("cfi", "tli", "rmsea", "rmsea_ci_upper"):
        assert full.fit[f"{measure}_robust"] == pytest.approx(plain.fit[measure], rel=1e-6)
    assert "with complete answers they would be CFI" in full.findings()[0]


def test_second_order_means_are_those_of_their_parts():
    text = "f =~ a1 + a2 + a3\ng =~ b1 + b2 + b3\nh =~ c1 + c2 + c3 + c4\ntop =~ f + g + h"
    found = covariance.invariance(text, survey(), group="shop")
    # lavaan: chi-squares 89.1511 and 114.1464, with a degree of freedom less for a mean that nothing identifies.
    steps = found.steps.set_index("level")
    assert steps.loc[["scalar", "strict"], "chisq"].to_numpy() == pytest.approx([89.1511, 114.1464], rel=1e-5)
    assert list(steps["df_rise"].iloc[1:]) == [9, 7, 10]
    assert list(found.means["construct"]) == ["f", "g", "h"]
