"""Kinds of loyalty: rules by hand, certainty by simulation, drivers against other software, claims on known truth."""

import itertools

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st

from crm_analysis.errors import UsageError
from crm_analysis.loyalty import profile
from crm_analysis.loyalty.kinds import importance
from crm_analysis.loyalty.kinds.rules import Judge
from crm_analysis.proportion import newcombe

OWN = {
    "attitude": "attitude",
    "behaviour": "behaviour",
    "alternatives": "alternatives",
    "switching_cost": "switching",
    "membership": "member",
    "discount_share": "discount",
    "habit": "habit",
}
HUNDRED = {column: (0, 100) for column in OWN.values() if column != "member"}
CUTS = dict.fromkeys(OWN, 50.0) | {"membership": 50.0}
CASES = {
    # attitude, behaviour, alternatives, switching cost, member, discount, habit
    "monopoly": (90, 90, 10, 90, True, 90, 90),
    "kinship": (90, 90, 90, 90, True, 90, 90),
    "trust": (90, 90, 90, 90, False, 90, 90),
    "benefit": (10, 90, 90, 90, False, 90, 90),
    "inertia": (10, 90, 90, 10, False, 10, 90),
    "latent": (90, 10, 10, 90, True, 90, 90),
    "other": (10, 90, 90, 10, False, 10, 10),
    "none": (10, 10, 10, 90, True, 90, 90),
}


def cases():
    frame = pd.DataFrame(CASES, index=list(OWN.values())).T
    numbers = frame.drop(columns="member").astype(float)
    return numbers.assign(member=frame["member"].astype(bool)).rename_axis("customer_id").reset_index()


def classified(frame, **options):
    settings = {"columns": OWN, "ends": HUNDRED, "cuts": CUTS, "draws": 20} | options
    return profile.classify(frame, **settings)


def crowd(n=600, *, seed=1):
    generator = np.random.default_rng(seed)
    columns = [name for name in OWN.values() if name != "member"]
    frame = pd.DataFrame(generator.uniform(0, 100, (n, len(columns))), columns=columns)
    return frame.assign(
        customer_id=[f"C{number:04d}" for number in range(n)],
        member=generator.random(n) < 0.2,
        spend=generator.gamma(1, 100, n),
        region=generator.choice(["North", "South"], n),
    )


def test_each_kind_by_hand():
    found = classified(cases()).customers.set_index("customer_id")
    assert found["kind"].to_dict() == dict(zip(CASES, CASES, strict=True))
    assert found["quadrant"].tolist() == ["true"] * 3 + ["spurious"] * 2 + ["latent", "spurious", "none"]
    assert found.loc["inertia", "rule"] == "behaviour ≥ 50, habit ≥ 50 or switching cost ≥ 50"


def test_the_trouble_of_changing_is_inertia_too():
    lazy = cases().query("customer_id == 'other'").assign(switching=90)
    assert classified(lazy).kind.tolist() == ["inertia"]


def test_another_order_decides_otherwise():
    order = ["trust", "latent", "inertia", "benefit", "kinship", "monopoly"]
    found = classified(cases(), order=order)
    assert found.kind.to_dict() | {"benefit": "inertia"} == {
        "monopoly": "trust", "kinship": "trust", "trust": "trust", "benefit": "inertia", "inertia": "inertia",
        "latent": "latent", "other": "other", "none": "none",
    }  # fmt: skip
    assert found.kinds["kind"].tolist() == [*order, "other", "none", "unknown"]


@pytest.mark.parametrize(
    ("who", "missing", "kind"),
    [
        ("monopoly", "attitude", "monopoly"),  # decided before attitude matters
        ("trust", "alternatives", "unknown"),  # might be a monopoly
        ("none", "alternatives", "none"),  # no behaviour, so no monopoly whatever the alternatives
        ("inertia", "switching", "inertia"),  # habit alone will do
        ("other", "habit", "unknown"),
        ("none", "attitude", "unknown"),  # might be latent
        ("trust", "behaviour", "unknown"),
    ],
)
def test_what_is_not_known_stays_open_only_where_it_matters(who, missing, kind):
    frame = cases()
    frame.loc[frame["customer_id"] == who, missing] = np.nan
    assert classified(frame).kind[who] == kind


def test_a_kind_that_the_study_cannot_tell_is_said_to_be_unknown():
    found = classified(cases().drop(columns=["alternatives", "habit", "switching"]))
    assert found.untested == ("monopoly", "inertia")
    rows = found.kinds.set_index("kind")
    assert rows.loc["monopoly", "rule"] == "unknown: alternatives not in this study"
    assert rows.loc["inertia", "rule"] == "unknown: habit and switching cost not in this study"
    assert np.isnan(rows.loc["monopoly", "share"])
    # Whom no rule fits might be held by what was not asked.
    assert found.kind[["monopoly", "inertia", "other"]].tolist() == ["kinship", "unknown", "unknown"]
    assert found.findings()[-1] == (
        "Not to be told in this study: monopoly and inertia; such customers are among the others."
    )


def test_without_attitude_deeds_alone_are_placed(keeps_result_contract):
    found = classified(cases().drop(columns="attitude"))
    # Who does not buy may be latent; who buys and fits no rule may trust.
    expected = {"monopoly": "monopoly", "kinship": "kinship", "trust": "benefit", "benefit": "benefit"}
    expected |= {"inertia": "inertia", "latent": "unknown", "other": "unknown", "none": "unknown"}
    assert found.kind.to_dict() == expected
    assert found.findings()[0] == ("True and spurious loyalty cannot be told apart: attitude is not in this study.")
    keeps_result_contract(found, pictures=("plot", "plot_quadrants"))


def test_cut_points_are_stated_and_can_be_frozen():
    first = crowd()
    found = profile.classify(first, columns=OWN, ends=HUNDRED, draws=20)
    assert found.cuts["behaviour"] == pytest.approx(first["behaviour"].median())
    assert found.cuts["discount_share"] == pytest.approx(first["discount"].quantile(0.75))
    assert found.cuts["attitude"] == pytest.approx(200 / 3)
    second = crowd(seed=2)
    frozen = profile.classify(second, columns=OWN, ends=HUNDRED, cuts=found.cuts, draws=20)
    assert frozen.cuts == found.cuts
    assert set(frozen.indicators["cut_from"]) == {"given"}


def test_certainty_is_the_share_of_draws_with_the_same_verdict():
    # Only attitude errs, with standard deviation 30 sqrt(1 - .64) = 18; the normal distribution tells the rest.
    values = np.array([50.0, 59, 68, 20, 104.37])
    frame = pd.DataFrame({"customer_id": range(5), "attitude": values, "behaviour": 100.0})
    scale = values.std() * 0.6
    trust = dict.fromkeys(OWN, 1.0) | {"attitude": 0.64}
    found = classified(
        frame,
        reliability=trust,
        draws=4000,
        ends={"attitude": (0, 1000), "behaviour": (0, 100)},
        cuts={"attitude": 5.0, "behaviour": 50.0},
    )
    from scipy.stats import norm

    expected = norm.cdf(np.abs(values - 50) / scale)
    assert found.customers["quadrant_certainty"].to_numpy() == pytest.approx(expected, abs=0.025)
    exact = classified(frame, reliability=dict.fromkeys(OWN, 1.0), ends={"attitude": (0, 1000), "behaviour": (0, 100)})
    assert (exact.customers["quadrant_certainty"] == 1).all()


def test_reliability_is_measured_assumed_or_given_and_stated():
    frame = crowd().assign(second=lambda f: f["attitude"])
    columns = OWN | {"attitude": ["attitude", "second"]}
    found = profile.classify(
        frame, columns=columns, ends=HUNDRED | {"second": (0, 100)}, reliability={"habit": 0.9}, draws=20
    ).indicators.set_index("indicator")
    assert found["reliability"].to_dict() == pytest.approx(
        {
            "attitude": 1,
            "behaviour": 1,
            "alternatives": 0.7,
            "switching_cost": 0.7,
            "membership": 1,
            "discount_share": 1,
            "habit": 0.9,
        }
    )
    assert found.loc["attitude", "reliability_from"] == "alpha of 2 items"
    assert found.loc["alternatives", "reliability_from"] == "assumed: a single question"
    assert found.loc["habit", "reliability_from"] == "given"


@given(st.lists(st.lists(st.sampled_from([0.0, 50.0, 100.0, np.nan]), min_size=7, max_size=7), min_size=1, max_size=6))
def test_exactly_one_verdict_and_unknown_is_never_guessed(rows):
    points = dict(zip(OWN, np.array(rows).T, strict=True))
    judge = Judge(profile.RULES, CUTS, profile.RULES)
    kinds = judge.kinds(points)
    # However the missing values are filled in, a verdict that was given stays.
    for fill in itertools.product((0.0, 100.0), repeat=2):
        filled = {
            name: np.where(np.isnan(own), fill[place % 2], own) for place, (name, own) in enumerate(points.items())
        }
        certain = judge.kinds(filled)
        known = kinds < len(judge.verdicts) - 1
        assert (certain[known] == kinds[known]).all()
        assert (certain < len(judge.verdicts) - 1).all()


def test_findings_in_whole():
    found = profile.classify(crowd(), columns=OWN, ends=HUNDRED, worth="spend", by="region", draws=100, seed=1)
    assert found.findings() == (
        "Of 300 customers who are loyal in behaviour, 67.7 % (95 % interval 62.2–72.7) are so without the attitude: "
        "spurious loyalty, which lasts as long as its reason.",
        "The commonest verdicts are no loyalty with 33.7 % (95 % interval 30.0–37.5), latent with 16.3 % (95 % "
        "interval 13.6–19.5) and monopoly with 16.2 % (95 % interval 13.4–19.3).",
        "63.7 % of the verdicts are sure: they stay the same in at least 80 % of the draws that perturb the indicators "
        "by their measurement error.",
        "More than one rule fits 170 customers: there the order of the rules decides.",
        "No loyalty holds the largest part of spend: 32.7 % (95 % interval 27.6–38.1).",
    )
    groups = found.groups.groupby("group")["customers"].sum()
    assert groups.to_dict() == crowd().groupby("region").size().to_dict()
    assert found.kinds["share"].sum() == pytest.approx(1)
    assert found.kinds["worth_share"].sum() == pytest.approx(1)


def test_what_is_missing_is_said(keeps_result_contract):
    for frame in (crowd(20)[:0], crowd(20)[["customer_id"]]):
        found = profile.classify(frame, draws=20)
        assert found.findings() == (
            "No customer can be placed without attitude and behaviour in this study: attitude and behaviour of the "
            "same customers are needed.",
        )
        keeps_result_contract(found, pictures=("plot", "plot_quadrants", "plot_groups"))
        mapped = profile.locate(found.kind)
        assert mapped.findings() == (
            "No customer of a kind of loyalty has a later period in this study, so the map shows what is expected "
            "only.",
        )
        keeps_result_contract(mapped, pictures=("plot", "plot_idea"))
        keeps_result_contract(profile.parts(frame), pictures=("plot",))
        assert profile.satisfied(frame, found.kind).findings() == (
            "No customer who is loyal in behaviour was asked for satisfaction in this study.",
        )
        keeps_result_contract(profile.satisfied(frame, found.kind), pictures=("plot",))
        keeps_result_contract(profile.explain(frame), pictures=("plot",))
        keeps_result_contract(profile.accumulate(frame), pictures=("plot",))
    assert profile.parts(frame).findings() == (
        "There are neither attitudes nor behaviour in this study, so no parts of loyalty to show.",
    )
    assert profile.explain(frame).findings()[:2] == (
        "There is no measure of loyalty together with drivers in this study, so nothing can be said of what drives it.",
        "Left out, not in this study: satisfaction, service, programme, customisation, delivered value and switching "
        "cost.",
    )
    assert profile.accumulate(frame).findings() == (
        "There are no two waves with several items of satisfaction and loyalty in this study.",
    )


def test_wrong_calls_are_refused():
    frame = crowd(30)
    for call, message in (
        (
            lambda: profile.classify(frame, columns={"mood": "x"}),
            "profile: columns names an indicator 'mood' that is not known; known are attitude, behaviour, "
            "alternatives, switching_cost, membership, discount_share, habit.",
        ),
        (
            lambda: profile.classify(frame, reliability={"habit": 0}),
            "profile: the reliability of 'habit' must be above 0 and at most 1, not 0.",
        ),
        (
            lambda: profile.classify(frame, order=["trust"]),
            "profile: the order must name each kind once: monopoly, kinship, trust, benefit, inertia, latent; not "
            "trust.",
        ),
        (lambda: profile.classify(frame, draws=1), "profile: draws must be a whole number, 20 or more, not 1."),
        (
            lambda: profile.satisfied(frame, frame.set_index("customer_id")["region"], cut=0),
            "profile: cut must be above 0 and at most 100, not 0.",
        ),
        (
            lambda: profile.explain(frame, draws=1),
            "profile: draws must be a whole number, 100 or more, not 1.",
        ),
        (
            lambda: profile.accumulate(frame, draws=1),
            "profile: draws must be a whole number, 100 or more, not 1.",
        ),
    ):
        with pytest.raises(UsageError) as raised:
            call()
        assert str(raised.value) == message


def test_columns_that_are_not_there_and_too_few_customers_are_said():
    found = classified(crowd(30), worth="gold", by="planet")
    assert found.findings()[-2:] == (
        "There is no column 'gold' in this study, so nothing is said by it.",
        "There is no column 'planet' in this study, so nothing is said by it.",
    )
    few = profile.explain(crowd(10), outcome="spend", columns={"a": "habit", "b": "attitude"})
    assert few.findings() == (
        "10 customers with loyalty and all of 2 drivers are too few to say what drives it, 15 are needed.",
    )


def test_the_interval_of_a_difference_is_the_published_one(reference):
    known = reference("difference_of_shares")
    for row in known["cases"]:
        assert newcombe(*row["first"], *row["second"])[1:] == pytest.approx(row["interval"], abs=5e-5)


def test_the_map_by_hand():
    kinds = pd.Series(["trust"] * 10 + ["inertia"] * 10 + ["latent"] * 5)
    stays = pd.Series([True] * 9 + [False] + [True] * 3 + [False] * 7 + [False] * 5)
    depends = pd.Series([80.0, 90] * 5 + [10.0, 20] * 5 + [0.0] * 5)
    found = profile.locate(kinds, persistence=stays, dependence=depends)
    rows = found.kinds.set_index("kind")
    assert rows.loc[["trust", "inertia", "latent"], "persistence_share"].tolist() == [0.9, 0.3, 0]
    assert rows.loc[["trust", "inertia", "latent"], "dependence"].tolist() == [85, 15, 0]
    assert found.tests["difference"].tolist() == pytest.approx([60, 70])
    assert found.findings()[:2] == (
        "Persistence (bought again later) is 60.0 points (95 % interval 17.1 to 80.9) higher among the loyal by "
        "kinship and trust than among those by benefit and inertia: as the map says.",
        "Dependence (share of wallet) is 70.0 points (95 % interval 65.4 to 74.6) higher among the loyal by "
        "monopoly, kinship and trust than among those by benefit and inertia: as the map says.",
    )
    against = profile.locate(kinds, persistence=~stays)
    assert against.findings()[0] == (
        "Persistence (bought again later) is 60.0 points (95 % interval 17.1 to 80.9) lower among the loyal by kinship "
        "and trust than among those by benefit and inertia: against the map."
    )
    level = profile.locate(kinds, persistence=pd.Series([True, False] * 12 + [True]))
    assert level.findings()[0].endswith("no certain difference, so that the map is neither confirmed nor refuted.")


def test_parts_by_hand():
    frame = pd.DataFrame({"customer_id": range(6), "objective": [10.0, 20, 30, 40, 50, 60]})
    frame = frame.assign(trust_honesty=[1, 3, 4, 6, 8, 10], trust_promises=[1, 3, 4, 6, 8, 10])
    found = profile.parts(frame, ends={"trust_honesty": (1, 10), "trust_promises": (1, 10)})
    rows = found.parts.set_index("part")
    assert rows.loc["affective", "mean"] == pytest.approx(100 * (32 / 6 - 1) / 9)
    assert rows.loc["affective", "reliability"] == pytest.approx(1)
    assert found.pairs["rank_correlation"].tolist()[0] == pytest.approx(1)
    assert found.findings() == (
        "The rank correlation of affective and behavioural loyalty, 1.00.",
        "Affective and behavioural loyalty could be measured.",
        "Cognitive loyalty is not in this study.",
    )


def test_the_loyal_who_are_not_satisfied_are_counted():
    frame = pd.DataFrame({"customer_id": range(40), "a": [90.0] * 25 + [60.0] * 5 + [20.0] * 10})
    kinds = pd.Series(["trust"] * 20 + ["inertia"] * 15 + ["none"] * 5)
    found = profile.satisfied(frame, kinds, columns=["a"], ends={"a": (0, 100)}, reliability=0.96)
    whole = found.kinds.iloc[0]
    assert found.error == pytest.approx(frame["a"].std(ddof=0) * 0.2)
    # 60 lies less than 1.64 x 5.9 below the cut, 20 more.
    assert (whole["customers"], whole["satisfied_share"], whole["surely_not"]) == (35, 25 / 35, 5)
    assert found.findings()[:2] == (
        "The loyal are not always satisfied: 71.4 % (95 % interval 54.9–83.7) of them are; 5 of 35 customers are below "
        "the cut by more than measurement error explains (14.3 %, 95 % interval 6.3–29.4).",
        "Least often satisfied are the loyal by inertia, 33.3 % (95 % interval 15.2–58.3), most often those by trust, "
        "100.0 % (95 % interval 83.9–100.0).",
    )
    content = profile.satisfied(frame[:25], kinds, columns=["a"], ends={"a": (0, 100)})
    assert content.findings()[0].endswith("nothing here contradicts that the loyal are satisfied.")


def test_importance_is_that_of_other_software(reference):
    known = reference("relative_importance")
    rows = np.array(known["rows"])
    matrix = importance.correlations(rows, np.ones((1, len(rows))))
    parts = importance.shapley(matrix)[0]
    assert parts == pytest.approx(known["parts"], abs=5e-7)
    assert parts.sum() == pytest.approx(known["r2"], abs=5e-7)
    scaled = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    assert importance.effects(matrix)[0] == pytest.approx(sm.OLS(scaled[:, 3], scaled[:, :3]).fit().params)


def test_importance_is_that_of_all_orders():
    generator = np.random.default_rng(1)
    values = generator.normal(size=(60, 4)) @ generator.normal(size=(4, 4))
    matrix = importance.correlations(values, np.ones((1, 60)))
    expected = np.zeros(3)

    def r2(some):
        return sm.OLS(values[:, 3], sm.add_constant(values[:, list(some)])).fit().rsquared if some else 0.0

    for order in itertools.permutations(range(3)):
        for place, driver in enumerate(order):
            expected[driver] += (r2(order[: place + 1]) - r2(order[:place])) / 6
    assert importance.shapley(matrix)[0] == pytest.approx(expected)


def test_planted_drivers_are_found():
    generator = np.random.default_rng(3)
    frame = pd.DataFrame(generator.normal(size=(800, 3)), columns=["a", "b", "c"]).assign(flat=1.0)
    frame["loyal"] = 0.6 * frame["a"] - 0.3 * frame["b"] + 0.5 * generator.normal(size=800)
    frame["customer_id"] = range(800)
    ends = dict.fromkeys("abc", (-10, 10))
    found = profile.explain(
        frame, outcome="loyal", columns={"a": "a", "b": ["b"], "c": "c", "flat": "flat", "gone": "gone"},
        ends=ends | {"flat": (0, 2)}, seed=1,
    )  # fmt: skip
    rows = found.drivers.set_index("driver")
    spread = frame["loyal"].std()
    for name, true in {"a": 0.6, "b": -0.3, "c": 0.0}.items():
        assert rows.loc[name, "effect_low"] < true * frame[name].std() / spread < rows.loc[name, "effect_high"]
    assert found.left_out == {"gone": "not in this study", "flat": "all customers are alike"}
    assert found.findings()[1] == "Beside it these go with less loyalty for certain, the others equal: b (−0.33)."
    assert found.findings()[2] == "No certain effect beside the others: c."


def two_waves(n=900, *, earlier=0.0, seed=1, error=0.6):
    """Satisfaction at two waves with correlation .7; loyalty of now and, by `earlier`, of before; three items each."""
    generator = np.random.default_rng(seed)
    before = generator.normal(size=n)
    now = 0.7 * before + np.sqrt(1 - 0.49) * generator.normal(size=n)
    loyal = 0.6 * now + earlier * before + 0.6 * generator.normal(size=n)
    rows = []
    for wave, feels in ((1, before), (2, now)):
        items = {f"s{number}": feels + error * generator.normal(size=n) for number in range(3)}
        items |= {f"l{number}": loyal + error * generator.normal(size=n) for number in range(3)}
        rows.append(pd.DataFrame(items).assign(customer_id=range(n), wave=wave))
    return pd.concat(rows)


S, L = ["s0", "s1", "s2"], ["l0", "l1", "l2"]
WIDE = dict.fromkeys([*S, *L], (-20, 20))


def accumulated(answers, **options):
    return profile.accumulate(answers, satisfaction=S, loyalty=L, ends=WIDE, **options)


@pytest.mark.parametrize(
    ("earlier", "runs"),
    [
        (0.0, 20),
        (0.4, 20),
        pytest.param(0.0, 300, marks=pytest.mark.slow),
        pytest.param(0.4, 300, marks=pytest.mark.slow),
    ],
)
def test_accumulation_is_covered(earlier, runs):
    true = earlier / np.sqrt(0.36 + earlier**2 + 2 * 0.7 * 0.6 * earlier + 0.36)
    covered = naive = 0
    for seed in range(runs):
        found = accumulated(two_waves(earlier=earlier, seed=seed), draws=200, seed=seed)
        rows = found.effects.set_index(["satisfaction", "method"])
        row, plain = (rows.loc[("satisfaction before", name)] for name in ("corrected for error", "as measured"))
        covered += row["effect_low"] <= true <= row["effect_high"]
        naive += plain["effect_low"] > 0
    assert covered >= 0.9 * runs
    # Without the correction satisfaction seems to accumulate although it does not.
    assert naive >= 0.5 * runs


def test_the_verdicts_on_accumulation():
    none, some = (accumulated(two_waves(1500, earlier=earlier, seed=5), seed=1) for earlier in (0.0, 0.4))
    assert none.findings()[0].startswith(
        "Nothing shows that loyalty accumulates: the effect of earlier satisfaction is "
    )
    assert none.findings()[1].startswith("Without the correction for measurement error earlier satisfaction would seem")
    assert some.findings()[0].startswith("Earlier satisfaction adds to loyalty: its effect is ")
    assert (
        accumulated(two_waves(1500, earlier=-0.4, seed=5), seed=1)
        .findings()[0]
        .startswith("Loyalty is not satisfaction accumulated: the effect of earlier satisfaction is −0.")
    )


def test_accumulation_that_cannot_be_seen(keeps_result_contract):
    answers = two_waves(60)
    same = answers.copy()
    same.loc[same["wave"] == 2, S] = same.loc[same["wave"] == 1, S].to_numpy()
    for found, why in (
        (
            accumulated(answers[answers["wave"] == 1]),
            "There is only one wave of the survey in this study, so nothing can be seen to accumulate.",
        ),
        (accumulated(answers[:70]), "Only 10 customers answered all of it in two waves, 30 are needed."),
        (
            accumulated(same),
            "Satisfaction of the two waves is too much alike, or measured too loosely, to tell the earlier from the "
            "present one.",
        ),
    ):
        assert found.findings() == (why,)
        keeps_result_contract(found, pictures=("plot",))


@pytest.mark.parametrize("n", [1, 400])
def test_ProfileResult_keeps_the_contract(n, keeps_result_contract):
    frame = crowd(n).assign(region=[f"a region with a very long name {place % 4}" for place in range(n)])
    found = profile.classify(frame, columns=OWN, ends=HUNDRED, worth="spend", by="region", draws=20)
    keeps_result_contract(found, pictures=("plot", "plot_quadrants", "plot_groups"))
    keeps_result_contract(
        classified(frame.assign(behaviour=0.0, spend=0.0), worth="spend"), pictures=("plot", "plot_quadrants")
    )


@pytest.mark.parametrize("n", [1, 400])
def test_MapResult_keeps_the_contract(n, keeps_result_contract):
    frame = crowd(n).set_index("customer_id")
    found = classified(frame.reset_index())
    mapped = profile.locate(found.kind, persistence=frame["member"], dependence=frame["habit"])
    keeps_result_contract(mapped, pictures=("plot", "plot_idea"))
    keeps_result_contract(profile.locate(found.kind, dependence=frame["habit"]), pictures=("plot",))


@pytest.mark.parametrize("n", [1, 400])
def test_PartsResult_keeps_the_contract(n, keeps_result_contract):
    found = profile.parts(
        crowd(n), columns={"affective": ["attitude", "habit"], "behavioural": ["behaviour"], "cognitive": ["discount"]}
    )
    keeps_result_contract(found, pictures=("plot",))


@pytest.mark.parametrize("n", [1, 400])
def test_SatisfiedResult_keeps_the_contract(n, keeps_result_contract):
    frame = crowd(n).assign(behaviour=90.0)
    found = profile.satisfied(frame, classified(frame).kind, columns=["attitude"])
    keeps_result_contract(found, pictures=("plot",))


@pytest.mark.parametrize("n", [3, 20, 400])
def test_DriversResult_keeps_the_contract(n, keeps_result_contract):
    columns = {"a driver whose name is far too long for a picture": "habit", "b": "-attitude"}
    keeps_result_contract(profile.explain(crowd(n), outcome="spend", columns=columns, draws=100), pictures=("plot",))


def test_AccumulationResult_keeps_the_contract(keeps_result_contract):
    keeps_result_contract(accumulated(two_waves(100), draws=100), pictures=("plot",))


@pytest.mark.slow
def test_the_intervals_of_effects_cover():
    true, covered = np.array([0.5, 0.2, 0.0]), np.zeros(3)
    for seed in range(300):
        generator = np.random.default_rng(seed)
        common = generator.normal(size=(150, 1))
        frame = pd.DataFrame(
            np.sqrt(0.4) * common + np.sqrt(0.6) * generator.normal(size=(150, 3)), columns=list("abc")
        )
        # The variance of the sum is .25 + .04 + 2 x .4 x .1.
        frame["loyal"] = frame @ true + np.sqrt(1 - 0.37) * generator.standard_t(5, 150) / np.sqrt(5 / 3)
        ends = dict.fromkeys("abc", (-20, 20))
        rows = profile.explain(
            frame, outcome="loyal", columns={name: name for name in "abc"}, ends=ends, draws=300, seed=seed
        ).drivers
        covered += (rows["effect_low"] <= true) & (true <= rows["effect_high"])
    assert (covered >= 270).all()
