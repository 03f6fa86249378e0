"""The trap as a whole: what is written in the issue, data that cannot answer, sentences, warnings, remedies."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from crm_analysis.errors import UsageError
from crm_analysis.loyalty import trap
from crm_analysis.loyalty.curves import smooth


def customers(n=1500, *, seed=1, kind="binary"):
    """Series of n customers with a curve that breaks at 70, everything given."""
    generator = np.random.default_rng(seed)
    index = pd.Index([f"C{number:05d}" for number in range(n)], name="customer_id")
    s, basic, latent, cost = generator.normal(size=(4, n))
    x = np.clip(np.round((65 + 18 * s) * 0.27) / 0.27, 0, 100)
    level = generator.integers(0, 3, n)
    p = 0.25 + 0.001 * x + 0.015 * np.maximum(x - 70, 0) - 0.06 * level + 0.04 * cost
    y = (generator.random(n) < p) * 1.0 if kind == "binary" else np.clip(p + generator.normal(0, 0.15, n), 0, 1)
    names = np.array(["weak", "middle", "strong"], dtype="object")
    values = {
        "satisfaction": x,
        "behaviour": y,
        "competition": names[level],
        "basic": 0.45 * s + basic,
        "latent": 0.4 * s + latent,
        "switching_cost": cost,
        "attitude": x / 10 + generator.normal(size=n),
        "value": generator.gamma(2, 100, n),
        "groups": np.array(["north", "south"], dtype="object")[generator.integers(0, 2, n)],
    }
    return {name: pd.Series(value, index=index, name=name) for name, value in values.items()}


def detected(given, *names, **options):
    more = {name: given[name] for name in names}
    return trap.detect(given["satisfaction"], given["behaviour"], **more, **{"resamples": 200, "seed": 1} | options)


EVERYTHING = ("competition", "basic", "latent", "switching_cost", "value", "groups")


@pytest.mark.parametrize("kind", ["binary", "share"])
def test_the_call_of_the_issue_works_as_written(kind):
    given = customers(4000, seed=2, kind=kind)
    satisfaction, behaviour, competition = (given[name] for name in ("satisfaction", "behaviour", "competition"))
    found = trap.detect(satisfaction, behaviour, competition=competition, seed=1)
    assert list(found.rate.index) == [
        "estimate",
        "ci_lower",
        "ci_upper",
        "excess",
        "excess_ci_lower",
        "excess_ci_upper",
    ]
    assert list(found.curve) == ["satisfaction", "loyalty", "ci_lower", "ci_upper"]
    assert list(found.break_points) == ["position", "ci_lower", "ci_upper"]
    assert list(found.explanations) == ["name", "contribution", "ci_lower", "ci_upper", "pvalue", "verdict"]
    assert list(found.customers) == ["customer_id", "type", "trapped"]
    assert found.rate["ci_lower"] < found.rate["estimate"] < found.rate["ci_upper"]
    assert found.rate["excess_ci_lower"] < found.rate["excess"] < found.rate["excess_ci_upper"]
    assert found.curve["loyalty"].between(found.curve["ci_lower"] - 0.01, found.curve["ci_upper"] + 0.01).all()
    row = found.break_points.iloc[0]
    assert row["ci_lower"] <= 70 <= row["ci_upper"]
    assert found.explanations["verdict"].tolist() == ["supported", "not testable with this data", "not supported"]


def test_the_rate_counts_the_satisfied_who_are_not_loyal():
    given = customers(400)
    found = detected(given)
    satisfied = given["satisfaction"] >= 70
    lost = satisfied & (given["behaviour"] == 0)
    assert found.rate["estimate"] == pytest.approx(lost.sum() / satisfied.sum())
    assert found.customers.set_index("customer_id")["trapped"].equals(lost.rename("trapped"))
    assert (found.customers["type"] == "mercenary").equals(found.customers["trapped"].rename("type"))


def test_the_same_seed_gives_the_same_and_order_does_not_matter():
    given = customers(500)
    one, two = detected(given, *EVERYTHING), detected(given, *EVERYTHING)
    assert one.findings() == two.findings()
    turned = {name: values.sample(frac=1, random_state=2) for name, values in given.items() if name != "satisfaction"}
    other = detected({**turned, "satisfaction": given["satisfaction"]}, *EVERYTHING)
    assert other.findings() == one.findings()
    assert not detected(given, seed=2).curve.equals(one.curve)


def test_nullable_types_and_true_or_false_are_numbers_too():
    given = customers(300)
    plain = detected(given, "competition")
    changed = {
        "satisfaction": given["satisfaction"].astype("Float64"),
        "behaviour": given["behaviour"].astype(bool),
        "competition": given["competition"].astype("category"),
    }
    assert detected(changed, "competition").findings() == plain.findings()


def test_attitude_makes_loyal_who_has_both():
    given = customers()
    found = detected(given, "attitude", attitude_from=6.0)
    both = (given["behaviour"] == 1) & (given["attitude"] >= 6)
    satisfied = given["satisfaction"] >= 70
    assert found.rate["estimate"] == pytest.approx((satisfied & ~both).sum() / satisfied.sum())
    assert "Loyal means: the behaviour was shown and attitude of at least 6." in found.findings()[0]
    share = customers(kind="share")
    middle = detected(share, "attitude")
    cut = share["behaviour"].median()
    assert f"behaviour of at least {round(cut, 3):g}" in middle.findings()[0]
    gaps = {**given, "attitude": given["attitude"].where(given["attitude"] > 5)}
    missing = int((given["attitude"] <= 5).sum())
    assert f"Left out, since their attitude is not known: {missing} customers." in detected(gaps, "attitude").findings()


def test_the_excess_of_a_straight_line_is_nothing_for_certain():
    """Of twenty samples of a straight line at most four claim an excess; of a line of numbers too."""
    for share in (False, True):
        claims = 0
        for seed in range(20):
            generator = np.random.default_rng(seed)
            x = pd.Series(np.clip(generator.normal(65, 18, 800), 0, 100))
            p = 0.15 + 0.0065 * x
            y = p + generator.uniform(-0.15, 0.15, 800) if share else (generator.random(800) < p) * 1.0
            rate = trap.detect(x, pd.Series(y), resamples=100, most_breaks=0).rate
            claims += not rate["excess_ci_lower"] <= 0 <= rate["excess_ci_upper"]
        assert claims <= 4


@pytest.mark.parametrize(
    ("ends", "verdict", "said"),
    [
        ((0.01, 0.07), "supported", "That is a trap beyond chance: a straight line of the same strength would give "
         "26.0 %, 4.0 points (95 % interval 1.0 to 7.0) less."),
        ((-0.01, 0.07), "not supported", "That need not be a trap: a straight line of the same strength would give "
         "26.0 % anyway; the excess is 4.0 points (95 % interval −1.0 to 7.0)."),
        ((-0.07, -0.01), "supported", "That is no trap: a straight line of the same strength would give 34.0 %, 4.0 "
         "points (95 % interval 1.0 to 7.0) more."),
    ],
)  # fmt: skip
def test_the_verdict_is_in_plain_words(ends, verdict, said):
    """A trap, perhaps one, or none; without a break, a bend that is shown all the same has no place."""
    given = customers(300)
    found = trap.detect(given["satisfaction"], given["behaviour"].rename("bought again"), resamples=100, most_breaks=1)
    low, high = ends
    rate = pd.Series([0.3, 0.25, 0.35, 0.04 if high > 0 else -0.04, low, high], index=found.rate.index)
    told = replace(
        found,
        rate=rate,
        break_points=found.break_points.iloc[:0],
        explanations=found.explanations.assign(verdict=verdict),
        facts=replace(found.facts, cautions=(), break_p_values=(0.2,)),
    ).findings()
    assert told[0].endswith("satisfied, but not loyal. Loyal by 'bought again' means: the behaviour was shown.")
    assert told[1:3] == (said, "No break was found (p = 0.200; a break is claimed from p = 0.04 down).")
    gradual = "The curve is no straight line all the same, but these data do not tell at which place it bends."
    assert (gradual in told) == (low > 0 or verdict == "supported")


def test_tables_have_intervals_in_the_cells_of_their_estimates():
    """The attributes keep the names of the issue; what a page shows and a file holds, those of the house."""
    found = detected(customers(600), "basic")
    frames = found.frames()
    assert list(frames["break_points"]) == ["position", "position_low", "position_high"]
    ends = ["contribution_share", "contribution_share_low", "contribution_share_high"]
    assert list(frames["explanations"]) == ["explanation", *ends, "p_value", "verdict"]
    assert list(frames["curve"]) == ["satisfaction", "loyalty", "loyalty_low", "loyalty_high"]
    assert list(frames["points"]) == ["explanation", "points", "points_low", "points_high"]
    assert list(frames["curves"])[-2:] == ["band_low", "band_high"]
    html = found._repr_html_()
    assert "ci lower" not in html
    assert "What one standard deviation more adds" in html


def test_the_groups_that_say_what_all_say_are_not_drawn():
    given = customers(400)
    two = pd.DataFrame({"region": given["groups"], "wave": 1})
    labels = [text.get_text() for text in detected(given, groups=two).plot_groups().get_yticklabels()]
    assert sorted(labels) == ["north", "south"]
    one = detected({**given, "behaviour": given["behaviour"].rename("kept")}, groups=two["wave"])
    assert [text.get_text() for text in one.plot_groups().get_yticklabels()] == ["1"]
    assert one.plot().get_ylabel() == "loyal behaviour: kept"


def test_boxes_of_single_answers_are_named_by_them():
    generator = np.random.default_rng(4)
    x = pd.Series(generator.integers(0, 7, 200) / 6 * 100)
    said = trap.detect(x, (generator.random(200) < x / 150) * 1.0, resamples=100, most_breaks=0).findings()
    assert any(sentence.startswith("Of the top box (100) ") and "of the next (83.3) " in sentence for sentence in said)


def test_the_reliability_corrects_towards_the_sharper_curve():
    given = customers(6000)
    generator = np.random.default_rng(2)
    noise = generator.normal(0, 9, 6000)
    seen = {**given, "satisfaction": (given["satisfaction"] + noise).clip(0, 100)}
    true, blurred = detected(given), detected(seen, reliability=0.8)
    assert true.rate["estimate"] < blurred.rate["estimate"]
    rate, low, high = blurred.facts.corrected["rate"]
    assert rate < blurred.rate["estimate"]
    assert low <= true.rate["estimate"] <= high
    assert set(blurred.curves["kind"]) == {"free", "monotone", "piecewise", "corrected"}
    assert "simulation extrapolation" in blurred.findings()[2]
    assert "its error bends curves towards lines" in true.findings()[-2]


# Data that cannot answer


def series(values, start=0):
    return pd.Series(values, index=range(start, start + len(values)), dtype="float64")


@pytest.mark.parametrize(
    ("satisfaction", "behaviour", "sentence"),
    [
        (series([]), series([1, 0]), "There is no satisfaction in this study, so a trap cannot be looked for."),
        (series([50, 90]), series([]), "There is no behaviour in this study, so a trap cannot be looked for."),
        (
            series([50, 90]),
            series([1, 0, 1], start=10),
            "Not one of the 2 customers with a satisfaction is among the 3 with a behaviour: index both by the same "
            "customer_id (the first are 0 and 10).",
        ),
        (
            series([50, 90, 80, 20, 100]),
            series([1, 0, 1, 0, 1]),
            "5 customers are too few for a curve; it needs at least 30.",
        ),
        (
            series([80] * 40),
            series([1, 0] * 20),
            "All 40 customers are equally satisfied (80): there is no curve over satisfaction.",
        ),
        (
            series([60, 80] * 20),
            series([1] * 40),
            "All 40 customers are loyal: there is no trap and nothing to explain.",
        ),
        (
            series([60, 80] * 20),
            series([0] * 40),
            "Not one of the 40 customers is loyal: satisfaction cannot tell who is.",
        ),
    ],
)
def test_data_that_cannot_answer_say_so(satisfaction, behaviour, sentence, keeps_result_contract):
    found = trap.detect(satisfaction, behaviour, resamples=100)
    assert sentence in found.findings()
    assert found.curve.empty
    keeps_result_contract(found, pictures=PICTURES)
    keeps_result_contract(trap.remedies(found), pictures=("plot",))


def test_few_customers_still_have_a_rate():
    found = trap.detect(series([50, 90, 80, 20, 100]), series([1, 0, 1, 0, 1]))
    assert found.findings() == (
        "5 customers are too few for a curve; it needs at least 30.",
        "Of 3 satisfied customers (70 points or more) 33.3 % (95 % interval 6.1–79.2) are in the trap: satisfied, but "
        "not loyal. Loyal means: the behaviour was shown.",
    )


def test_few_shared_customers_are_told_first():
    found = trap.detect(series(np.linspace(0, 100, 300)), series([1, 0] * 50, start=250), resamples=100)
    assert found.findings()[0].startswith("Loyalty is not shown to rise with satisfaction, ")
    assert found.findings()[0].endswith("of satisfaction: the rate below is hardly about feelings.")
    assert (
        "Only 50 of 300 customers with a satisfaction have a behaviour; check that both are indexed by the same "
        "customer_id."
    ) in found.findings()


def test_nobody_satisfied_is_said():
    given = customers(300)
    found = detected({**given, "satisfaction": 0.9 * given["satisfaction"]}, satisfied_from=95)
    said = found.findings()
    assert "Nobody reaches a satisfaction of 95: there are no satisfied customers." in said
    assert not any("rests on few" in sentence for sentence in said)
    assert np.isnan(found.rate["estimate"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"satisfaction": series([7, 11, 10])},
            None,
        ),
        (
            {"satisfaction": series([50, 110])},
            "trap: satisfaction must lie between 0 and 100, but 1 of 2 values do not, the first is 110; rescale it, "
            "for answers from 1 to 10 as (answer - 1) / 9 * 100.",
        ),
        (
            {"behaviour": series([0, 3])},
            "trap: behaviour must lie between 0 and 1, but 1 of 2 values do not, the first is 3; give 0 and 1, or a "
            "share of what was possible.",
        ),
        (
            {"satisfaction": [50, 60]},
            "trap: satisfaction must be a pandas Series indexed by customer_id, not list.",
        ),
        (
            {"behaviour": pd.Series([0, 1], index=["a", "a"])},
            "trap: behaviour has customer 'a' twice; give one value per customer, such as that of one wave.",
        ),
        (
            {"attitude": pd.Series(["good", "bad"])},
            "trap: attitude is not numeric; give numbers where more is better.",
        ),
        ({"resamples": 9}, "trap: resamples must be a whole number, 100 or more, not 9."),
        ({"most_breaks": 3}, "trap: most_breaks must be 0, 1 or 2, not 3."),
        ({"reliability": 1.2}, "trap: reliability must be above 0 and at most 1, not 1.2."),
        (
            {"satisfaction_time": "soon", "behaviour_from": "2025-01-01"},
            "trap: satisfaction_time must be a date, or a Series of dates indexed by customer_id.",
        ),
    ],
)
def test_wrong_calls_are_refused(options, message):
    call = {"satisfaction": series([50, 60]), "behaviour": series([0, 1])} | options
    if message is None:
        assert trap.detect(**call).facts.customers == 2
        return
    with pytest.raises(UsageError) as raised:
        trap.detect(**call)
    assert str(raised.value) == message


@pytest.mark.parametrize("satisfaction", ["two levels", "five levels", "all but a few at the top", "a number"])
@pytest.mark.parametrize("behaviour", ["nearly all", "mostly none", "few levels"])
def test_awkward_data_are_answered_in_sentences(satisfaction, behaviour, keeps_result_contract):
    generator = np.random.default_rng(1)
    x = {
        "two levels": generator.integers(0, 2, 150) * 100.0,
        "five levels": generator.integers(0, 5, 150) * 25.0,
        "all but a few at the top": np.where(generator.random(150) < 0.95, 100.0, 40.0),
        "a number": generator.uniform(0, 100, 150),
    }[satisfaction]
    y = {
        "nearly all": (generator.random(150) < 0.97) * 1.0,
        "mostly none": np.where(generator.random(150) < 0.7, 0, generator.random(150)),
        "few levels": generator.integers(0, 5, 150) / 4,
    }[behaviour]
    found = trap.detect(
        series(x),
        series(y),
        competition=series(generator.integers(0, 9, 150)),
        basic=series(np.ones(150)),
        latent=series(generator.integers(0, 2, 150)),
        switching_cost=series(generator.normal(size=150)).mask(generator.random(150) < 0.3),
        reliability=0.7,
        resamples=100,
    )
    keeps_result_contract(found, pictures=("plot", "plot_explanations"))
    keeps_result_contract(trap.remedies(found), pictures=("plot",))


def test_behaviour_that_never_varies_leaves_the_attitude_to_decide():
    x = series(np.linspace(0, 100, 80))
    found = trap.detect(x, series(np.ones(80)), attitude=x / 10 + series(np.tile([0, 9], 40)), resamples=100)
    assert found.break_points.empty
    assert 0 < found.rate["estimate"] < 1


# Warnings


def test_a_reversed_slope_comes_first():
    given = customers()
    found = detected({**given, "behaviour": 1 - given["behaviour"]})
    assert found.findings()[0].startswith("Loyalty falls with satisfaction instead of rising, by −0.0")
    assert found.findings()[0].endswith("look for the cause before the trap.")


def test_answers_that_are_missing_not_at_random_are_told():
    given = customers(3000)
    generator = np.random.default_rng(1)
    silent = (given["behaviour"] == 0) & (generator.random(3000) < 0.5)
    found = detected({**given, "satisfaction": given["satisfaction"].where(~silent)})
    assert found.findings()[0].startswith(
        f"The {silent.sum():,} customers whose satisfaction is not known did not answer at random: their mean "
        "behaviour is 0, against 0."
    )
    lost = generator.random(3000) < 0.2
    at_random = detected({**given, "satisfaction": given["satisfaction"].where(~lost)})
    assert not at_random.findings()[0].startswith("The ")
    unseen = (given["satisfaction"] < 50) & (generator.random(3000) < 0.5)
    found = detected({**given, "behaviour": given["behaviour"].where(~unseen)})
    assert "customers whose behaviour is not known are not missing at random" in found.findings()[0]


def test_satisfaction_after_the_behaviour_is_told():
    given = customers(300)
    asked = pd.Series(pd.Timestamp("2025-03-01"), index=given["satisfaction"].index)
    asked.iloc[:60] = pd.Timestamp("2025-01-01")
    found = detected(given, satisfaction_time=asked, behaviour_from="2025-02-01")
    assert (
        "Of 80.0 % of the customers the behaviour began before they were asked: satisfaction cannot have caused it; "
        "take behaviour from after the survey."
    ) in found.findings()
    fine = detected(given, satisfaction_time="2025-01-01", behaviour_from="2025-02-01")
    assert not any("before they were asked" in sentence for sentence in fine.findings())


def test_a_small_satisfied_group_is_told():
    found = detected(customers(300), satisfied_from=90)
    few = found.facts.satisfied
    assert f"Only {few} customers of 300 reach a satisfaction of 90: what is said of the satisfied rests on few." in (
        found.findings()
    )


# Groups, worth, remedies, waves


def test_groups_have_rates_with_their_own_lines():
    given = customers(3000)
    regions = pd.DataFrame({"region": given["groups"], "wave": 1})
    found = detected(given, "competition", groups=regions)
    assert set(found.groups["grouping"]) == {"region", "wave", "competition"}
    north = found.groups.set_index("group").loc["north"]
    here = (given["groups"] == "north") & (given["satisfaction"] >= 70)
    assert north["trapped_share"] == pytest.approx((given["behaviour"][here] == 0).mean())
    assert north["excess_share_low"] < north["excess_share"] < north["excess_share_high"]
    assert any(sentence.startswith("The trap rate differs by competition (p < 0.001)") for sentence in found.findings())
    assert list(found.by_competition["group"].unique()) == ["middle", "strong", "weak"]


def test_breaks_by_group_are_told():
    given = customers(2400, kind="share")
    index = given["satisfaction"].index
    region = pd.Series(np.repeat(["north", "south", "west"], [1200, 1000, 200]), index=index, name="sales_region")
    x = given["satisfaction"]
    later = 0.015 * (np.maximum(x - 55, 0) - np.maximum(x - 70, 0))
    behaviour = (given["behaviour"] + later.where(region == "south", 0)).clip(0, 1)
    found = detected({**given, "behaviour": behaviour, "groups": region}, "groups")
    of = found.group_breaks.set_index("group")
    assert of["verdict"].tolist() == ["one break", "one break", "too few"]
    south, north = (
        f"{row['position']:.1f} (95 % interval {row['ci_lower']:.1f} to {row['ci_upper']:.1f})"
        for row in (of.loc["south"], of.loc["north"])
    )
    said = found.findings()
    assert (
        f"The curve by sales region: it bends between {south} in south and {north} in north; too few customers or "
        "levels to look for one in west."
    ) in said
    assert "Where it bends once, the place of the break differs by sales region (p = 0.005)." in said
    twice = behaviour - (0.016 * np.maximum(x - 80, 0)).where(region == "south", 0)
    said = detected({**given, "behaviour": twice.clip(0, 1), "groups": region}, "groups").findings()
    assert any(
        "; it bends twice in south; too few customers or levels to look for one in west." in sentence
        for sentence in said
    )
    assert detected({**given, "groups": region}, "groups", most_breaks=0).group_breaks.empty


# Weights


def test_a_group_is_told_the_same_however_others_are_weighted():
    """A group whose customers count alike: its rate, excess and break do not hang on the weights of the others."""
    given = customers(1600, kind="share")
    group = pd.Series(np.repeat(["a", "b"], 800), index=given["satisfaction"].index, name="group")
    weights = pd.Series(np.where(group == "b", 0.1, 1.0), index=group.index)
    plain, weighted = (
        detected({**given, "groups": group}, "groups", loyal_from=0.5, weights=given_) for given_ in (None, weights)
    )
    for frame in ("groups", "group_breaks"):
        alike, other = (getattr(found, frame).set_index("group").loc["b"] for found in (plain, weighted))
        numbers = [name for name, value in alike.items() if isinstance(value, float)]
        ends = [name for name in numbers if name.endswith(("_low", "_high", "_lower", "_upper"))]
        points = [name for name in numbers if name not in ends]
        assert other[points].astype(float).tolist() == pytest.approx(alike[points].astype(float).tolist(), nan_ok=True)
        # Other draws.
        close = pytest.approx(alike[ends].astype(float).tolist(), rel=0.1, abs=0.02, nan_ok=True)
        assert other[ends].astype(float).tolist() == close


def test_weights_that_leave_nothing_are_told():
    given = customers(300)
    index = given["satisfaction"].index
    unknown = detected(given, weights=pd.Series(np.nan, index=index))
    assert unknown.rate.equals(detected(given).rate)
    elsewhere = detected(given, weights=pd.Series(1.0, index=[f"X{i}" for i in range(300)]))
    assert elsewhere.findings()[0] == (
        "Not one of 300 customers with satisfaction and behaviour has the attitude or weight that was given too: index "
        "all by the same customer_id."
    )
    one = detected(given, weights=pd.Series(np.r_[1e9, np.ones(299)], index=index))
    assert "Weighted, 300 customers tell as much as 1: too few for a curve; it needs at least 30." in one.findings()


@pytest.mark.parametrize("kind", ["binary", "share"])
def test_whole_weights_are_so_many_customers_alike(kind, monkeypatch):
    """But for bandwidth and bins, which are held: to cross-validation a customer's double is another customer."""
    monkeypatch.setattr(smooth, "_BANDWIDTHS", (0.1,))
    given = customers(500, kind=kind)
    given["behaviour"] = (50 * given["behaviour"]).round() / 50
    weights = pd.Series(np.random.default_rng(1).integers(1, 4, 500), index=given["satisfaction"].index)
    names = ("competition", "switching_cost", "value", "groups")
    one = detected(given, *names, weights=weights, resamples=100, most_breaks=0, reliability=0.8)
    many = {name: pd.Series(np.repeat(values.to_numpy(), weights)).rename(name) for name, values in given.items()}
    other = detected(many, *names, resamples=100, most_breaks=0, reliability=0.8)
    # A grain of ridge in the curve is by the number of customers.
    for value, kept in (("estimate", "rate"), ("excess", "excess")):
        assert one.rate[value] == pytest.approx(other.rate[value], abs=1e-4)
        assert one.facts.corrected[kept][0] == pytest.approx(other.facts.corrected[kept][0], abs=1e-4)
    assert one.curve["loyalty"].to_numpy() == pytest.approx(
        np.interp(one.curve["satisfaction"], other.curve["satisfaction"], other.curve["loyalty"]), abs=1e-3
    )
    for table, column in (
        ("types", "customers_share"),
        ("boxes", "loyal_share"),
        ("groups", "trapped_share"),
        ("groups", "excess_share"),
    ):
        assert getattr(one, table)[column].to_list() == pytest.approx(getattr(other, table)[column].to_list(), abs=1e-3)
    assert one.facts.worth[1] == pytest.approx(other.facts.worth[1])
    assert one.facts.slope[0] == pytest.approx(other.facts.slope[0])
    assert one.facts.level[2] == pytest.approx(other.facts.level[2])
    changes = [trap.remedies(found).scenarios["change_share"].to_list() for found in (one, other)]
    assert changes[0] == pytest.approx(changes[1], abs=1e-3)


def test_equal_weights_change_nothing_and_uneven_ones_widen_the_intervals():
    given = customers(1000)
    index = given["satisfaction"].index
    plain = detected(given, "competition", "groups")
    even = detected(given, "competition", "groups", weights=pd.Series(3.0, index=index))
    for name, frame in plain.frames().items():
        pd.testing.assert_frame_equal(even.frames()[name], frame)
    uneven = pd.Series(np.tile([1.0, 1, 1, 7], 250), index=index)
    found = detected(given, "competition", "groups", weights=uneven)
    # (1 + 1 + 1 + 7)^2 / 4 over 1 + 1 + 1 + 49.
    assert found.facts.effective == pytest.approx(1000 * 25 / 52)
    assert (
        "Customers are weighted: 1,000 of them tell as much as 481 that count the same (design effect 2.08), and "
        "intervals are wider for it."
    ) in found.findings()
    for low, high in (("ci_lower", "ci_upper"), ("excess_ci_lower", "excess_ci_upper")):
        assert found.rate[high] - found.rate[low] > 1.2 * (plain.rate[high] - plain.rate[low])


def test_customers_without_a_weight_are_left_out_and_wrong_weights_are_refused():
    given = customers(200)
    weights = pd.Series(1.0, index=given["satisfaction"].index)
    found = detected(given, weights=weights.iloc[:150])
    assert "Left out, since their weight is not known: 50 customers." in found.findings()
    assert found.facts.customers == 150
    weights.iloc[:2] = [0.0, -1.0]
    with pytest.raises(UsageError) as raised:
        detected(given, weights=weights)
    assert str(raised.value) == (
        "trap: weights must be positive, but 2 of 200 are not, the first is 0; mend them, or leave these customers out."
    )


def test_the_trapped_are_worth_what_they_are_worth():
    given = customers(500)
    found = detected(given, "value", currency="CNY")
    trapped = found.customers.set_index("customer_id")["trapped"]
    total, share, low, high = found.facts.worth
    assert total == pytest.approx(given["value"][trapped].sum())
    assert share == pytest.approx(total / given["value"].sum())
    assert low < share < high
    sentence = next(sentence for sentence in found.findings() if "worth" in sentence)
    assert sentence.startswith(f"The customers in the trap are worth {total:,.0f} CNY, ")


def test_remedies_recover_what_is_planted():
    given = customers(20_000)
    found = trap.remedies(detected(given, "switching_cost"), value_points=5, switching_points=1)
    of = found.scenarios.set_index(["remedy", "customers"])
    # A unit of switching cost adds four points, to everybody.
    for who in ("satisfied", "dissatisfied", "all"):
        row = of.loc[("higher switching cost", who)]
        assert row["change_share_low"] <= 0.04 <= row["change_share_high"]
    # Five points more satisfaction bring .016 a point above the break, and up to it .001.
    x = given["satisfaction"]
    gain = 0.001 * 5 + 0.015 * (np.maximum(np.minimum(x + 5, 100) - 70, 0) - np.maximum(x - 70, 0))
    assert of.loc[("more delivered value", "all"), "change_share"] == pytest.approx(gain.mean(), abs=0.01)
    said = found.findings()
    assert said[0].startswith(
        "If more delivered value made everybody 5 points more satisfied, the loyal share would change by "
    )
    assert said[2].startswith("Higher switching cost keeps hostages: ")
    assert said[3].startswith("These are scenarios: they hold if satisfaction and switching cost cause loyalty")


def test_nobody_is_raised_beyond_the_end_of_the_scale():
    """All are raised to 100 by a hundred points, and by more all the same."""
    found = detected(customers(600))
    once, tenfold = (trap.remedies(found, value_points=points).to_frame() for points in (100, 1000))
    pd.testing.assert_frame_equal(once, tenfold)
    highest = found.curve["loyalty"].iloc[-1]
    assert once.set_index("customers").loc["all", "loyal_share_then"] == pytest.approx(highest, abs=0.02)


def test_without_switching_cost_there_is_one_remedy():
    found = trap.remedies(detected(customers(300)))
    assert set(found.scenarios["remedy"]) == {"more delivered value"}
    assert found.findings()[-1] == (
        "Switching cost is not known, or too few customers tell it: its scenario is left out."
    )
    with pytest.raises(UsageError) as raised:
        trap.remedies(detected(customers(300)), value_points=0)
    assert str(raised.value) == "trap: value_points must be above 0, not 0."


def two_waves(n=3000, *, seed=1):
    """Behaviour after two waves that depends on both, and drives satisfaction too."""
    generator = np.random.default_rng(seed)
    first = np.clip(generator.normal(65, 15, n), 0, 100)
    before = np.clip(0.2 + 0.004 * first + generator.normal(0, 0.1, n), 0, 1)
    second = np.clip(20 + 0.6 * first + 20 * before + generator.normal(0, 8, n), 0, 100)
    after = np.clip(0.1 + 0.002 * first + 0.004 * second + generator.normal(0, 0.1, n), 0, 1)
    return [pd.Series(values) for values in (first, second, before, after)]


def test_the_lagged_model_recovers_both_waves():
    first, second, before, after = two_waves()
    found = trap.lagged(first, second, behaviour=after, before=before)
    of = found.effects.set_index(["outcome", "predictor"])
    true = {
        ("behaviour after", "satisfaction then"): 0.02,
        ("behaviour after", "satisfaction now"): 0.04,
        ("behaviour after", "behaviour before"): 0.0,
        ("satisfaction now", "behaviour before"): 20.0,
    }
    for key, effect in true.items():
        assert of.loc[key, "effect_low"] <= effect <= of.loc[key, "effect_high"]
    assert found.findings()[1].startswith(
        "Satisfaction of the earlier wave still counts at equal satisfaction now: 0.0"
    )
    assert found.findings()[2].startswith("Behaviour between the waves goes with a change of satisfaction: ")


def test_waves_that_cannot_be_followed_say_so(keeps_result_contract):
    first, second, _, after = two_waves(20)
    assert trap.lagged(first, second, behaviour=after).findings() == (
        "20 customers answered both waves and can be followed after; 30 are needed.",
    )
    away = pd.Series(after.to_numpy(), index=range(100, 120))
    nobody = trap.lagged(first, second, behaviour=away)
    assert nobody.findings() == ("Nobody answered both waves and can be followed after: there is no lagged model.",)
    keeps_result_contract(nobody, pictures=("plot",))
    same = trap.lagged(pd.Series([50.0] * 40), pd.Series(range(40), dtype=float), behaviour=pd.Series([0.0, 1] * 20))
    assert same.findings() == ("All 40 customers have the same first: nothing to relate.",)


# The contract


PICTURES = ("plot", "plot_competition", "plot_types", "plot_scatter", "plot_explanations", "plot_groups")


@pytest.mark.parametrize(
    ("n", "kind", "names"), [(1500, "binary", EVERYTHING), (400, "share", ("attitude",)), (35, "binary", EVERYTHING)]
)
def test_TrapResult_keeps_the_contract(n, kind, names, keeps_result_contract):
    given = customers(n, kind=kind)
    given["groups"] = given["groups"].replace("north", "a region whose name is far too long for a picture")
    found = detected(given, *names, reliability=0.85, currency="CNY")
    keeps_result_contract(found, pictures=PICTURES)
    assert "customers" not in found.shown


def test_RemedyResult_keeps_the_contract(keeps_result_contract):
    keeps_result_contract(trap.remedies(detected(customers(600), "switching_cost")), pictures=("plot",))
    keeps_result_contract(trap.remedies(detected(customers(40))), pictures=("plot",))


def test_LaggedResult_keeps_the_contract(keeps_result_contract):
    first, second, before, after = two_waves(200)
    keeps_result_contract(trap.lagged(first, second, behaviour=after, before=before), pictures=("plot",))
    keeps_result_contract(trap.lagged(first, second, behaviour=after), pictures=("plot",))
