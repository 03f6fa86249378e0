"""PLS: equal to plspm and seminr, true to simulated truth, clear where it cannot answer."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student

from crm_analysis.errors import DataError, UsageError
from crm_analysis.satisfaction import pls
from crm_analysis.satisfaction.composites import design as designs
from crm_analysis.satisfaction.composites import estimates as engine
from crm_analysis.satisfaction.model import ACSI, Construct, Model

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "ecsi_pls.json").read_text("utf-8"))
ECSI = Model(
    "ecsi",
    tuple(Construct(name, tuple(items)) for name, items in REFERENCE["constructs"].items()),
    tuple((source, target) for source, target in REFERENCE["paths"]),
)
MOBI = {
    "expectations": ["CUEX1", "CUEX2", "CUEX3"],
    "quality": [f"PERQ{number}" for number in range(1, 8)],
    "value": ["PERV1", "PERV2"],
    "satisfaction": ["CUSA1", "CUSA2", "CUSA3"],
    "complaints": ["CUSCO"],
    "loyalty": ["CUSL1", "CUSL2", "CUSL3"],
}
TRIO = Model(
    "trio",
    (Construct("cause", ("c1", "c2", "c3")), Construct("mean", ("m1", "m2", "m3")), Construct("end", ("e1", "e2"))),
    (("cause", "mean"), ("cause", "end"), ("mean", "end")),
)
PICTURES = ("plot", "plot_diagram", "plot_loadings")


@pytest.fixture
def mobi(shared):
    return pd.read_csv(shared("data/ecsi_mobile/mobi.csv"))


def simulated(n, *, seed, loading=0.8):
    """Answers to TRIO: paths 0.5, 0.2, 0.4 among factors with variance 1, all loadings alike."""
    draw = np.random.default_rng(seed)
    cause = draw.standard_normal(n)
    mean = 0.5 * cause + np.sqrt(0.75) * draw.standard_normal(n)
    end = 0.2 * cause + 0.4 * mean
    end = end + np.sqrt(1 - 0.04 - 0.16 - 2 * 0.2 * 0.4 * 0.5) * draw.standard_normal(n)
    factors = {"c": cause, "m": mean, "e": end}
    noise = np.sqrt(1 - loading**2)
    items = [item for construct in TRIO.constructs for item in construct.items]
    return pd.DataFrame({item: loading * factors[item[0]] + noise * draw.standard_normal(n) for item in items})


def solved(**settings):
    design = designs.of(ECSI)
    return design, engine.solve(np.array([REFERENCE["correlations"]]), design, engine.Settings(**settings))


def refusal(kind, *arguments, **settings):
    with pytest.raises(kind) as error:
        pls.estimate(*arguments, **settings)
    return str(error.value)


def test_plspm_on_the_correlations_of_the_ecsi_survey():
    design, found = solved()
    expected = REFERENCE["plspm"]
    assert found.weights[0] == pytest.approx(expected["weights"], abs=1e-6)
    assert found.loadings[0] == pytest.approx(expected["loadings"], abs=1e-6)
    places = [(design.names.index(source), design.names.index(target)) for source, target in ECSI.paths]
    assert [found.paths[0][place] for place in places] == pytest.approx(expected["paths"], abs=1e-6)
    assert {name: found.r2[0][design.names.index(name)] for name in expected["r2"]} == pytest.approx(
        expected["r2"], abs=1e-6
    )
    for way, value in expected["total"].items():
        source, target = (design.names.index(name) for name in way.split(" -> "))
        assert found.total[0, source, target] == pytest.approx(value, abs=1e-6)


def test_seminr_on_the_correlations_of_the_ecsi_survey():
    design, found = solved(consistent=True)
    expected = REFERENCE["seminr_consistent"]
    assert found.loadings[0] == pytest.approx(expected["loadings"], abs=1e-6)
    places = [(design.names.index(source), design.names.index(target)) for source, target in ECSI.paths]
    assert [found.paths[0][place] for place in places] == pytest.approx(expected["paths"], abs=1e-6)
    assert found.rho_a[0] == pytest.approx([row["rhoA"] for row in expected["reliability"].values()], abs=1e-6)
    for name, r2 in expected["r2"].items():
        assert found.r2[0][design.names.index(name)] == pytest.approx(r2, abs=1e-6)


def test_plspm_tables_on_the_answers_themselves(mobi):
    fit = pls.estimate(ECSI, mobi)
    expected = REFERENCE["plspm"]
    assert list(fit.paths.columns) == ["source", "target", "estimate", "se", "ci_lower", "ci_upper"]
    assert list(fit.outer.columns[:4]) == ["construct", "item", "weight", "loading"]
    assert fit.r2.to_dict() == pytest.approx(expected["r2"], abs=1e-6)
    errors = {f"{row['source']} -> {row['target']}": row["se"] for row in fit.paths.to_dict("records")}
    assert errors == pytest.approx(expected["standard_errors"], abs=1e-6)
    indirect = fit.effects[fit.effects["effect"] == "indirect"]
    for row in indirect.to_dict("records"):
        assert row["estimate"] == pytest.approx(expected["indirect"][f"{row['source']} -> {row['target']}"], abs=1e-6)
    assert fit.fit["gof"] == pytest.approx(expected["gof"], abs=1e-6)


def test_seminr_tables_on_the_answers_themselves(mobi):
    fit = pls.estimate(ECSI, mobi, consistent=True)
    expected = REFERENCE["seminr_consistent"]
    assert fit.r2_adjusted.to_dict() == pytest.approx(expected["r2_adjusted"], abs=1e-6)
    vif = fit.effect_sizes.set_index(["source", "target"])["vif"]
    for source, target, value in expected["vif"]:
        assert vif[source, target] == pytest.approx(value, abs=1e-6)
    htmt = fit.htmt.set_index(["first", "second"])["estimate"]
    for second, first, value in expected["htmt"]:
        assert htmt[first, second] == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("scheme", ["path", "centroid", "factorial"])
@pytest.mark.parametrize("modes", ["A", "B"])
@pytest.mark.parametrize("standardise", [True, False])
def test_the_weights_are_a_fixed_point_of_lohmoellers_steps(mobi, scheme, modes, standardise):
    """One more step, written out with scores of respondents as the textbooks have it, changes no weight."""
    fit = pls.estimate(ECSI, mobi, scheme=scheme, modes=modes, standardise=standardise, tolerance=1e-20)
    items = mobi[list(fit.design.items)]
    items = items - items.mean()
    if standardise:
        items = items / items.std(ddof=0)
    scores = fit.scores().to_numpy()
    assert scores.std(axis=0) == pytest.approx(1)
    links = np.corrcoef(scores, rowvar=False)
    for number, construct in enumerate(ECSI.constructs):
        sources = [fit.design.names.index(name) for name in ECSI.sources(construct.name)]
        targets = [fit.design.names.index(name) for name in ECSI.targets(construct.name)]
        if scheme == "path":
            proxy = scores[:, targets] @ links[targets, number]
            if sources:
                proxy = proxy + scores[:, sources] @ np.linalg.lstsq(scores[:, sources], scores[:, number])[0]
        else:
            strength = links[sources + targets, number]
            proxy = scores[:, sources + targets] @ (np.sign(strength) if scheme == "centroid" else strength)
        own = items[list(construct.items)].to_numpy()
        raw = np.linalg.lstsq(own, proxy)[0] if modes == "B" else own.T @ proxy
        expected = raw / (own @ raw).std()
        weights = fit.outer.loc[fit.outer["construct"] == construct.name, "weight"]
        assert weights.to_numpy() == pytest.approx(expected, abs=1e-7)


def test_acsi_as_the_issue_writes_it(mobi):
    fit = pls.estimate(ACSI.measured_by(MOBI), mobi, scheme="path", bootstrap=400, seed=1)
    assert (fit.paths["ci_lower"] < fit.paths["estimate"]).all()
    assert (fit.paths["estimate"] < fit.paths["ci_upper"]).all()
    assert (fit.r2.between(0, 1)).all()
    assert fit.findings()[0].startswith("The model explains 66.7 % (95 % interval ")
    assert fit.findings()[-1] == (
        "Estimated by PLS (scheme path, standardised items) from 250 respondents; percentile intervals from 400 "
        "bootstrap resamples."
    )
    again = pls.estimate(ACSI.measured_by(MOBI), mobi, scheme="path", bootstrap=400, seed=1)
    pd.testing.assert_frame_equal(fit.parameters, again.parameters)


def test_the_stack_gives_what_single_fits_give():
    answers = simulated(60, seed=2)
    fit = pls.estimate(TRIO, answers, bootstrap=20, seed=3)
    drawn = np.random.default_rng(3).integers(60, size=(20, 60))
    single = pls.estimate(TRIO, answers.iloc[drawn[7]].reset_index(drop=True))
    assert fit.draws[7] == pytest.approx(single.parameters["estimate"].to_numpy(), abs=1e-5)


def test_consistent_pls_finds_the_truth_and_plain_pls_the_composites():
    answers = simulated(60_000, seed=4, loading=0.7)
    truth = [0.5, 0.2, 0.4]
    consistent = pls.estimate(TRIO, answers, consistent=True)
    assert consistent.paths["estimate"].to_numpy() == pytest.approx(truth, abs=0.02)
    assert consistent.outer["loading"].to_numpy() == pytest.approx(0.7, abs=0.02)
    assert consistent.fit["srmr"] < 0.01
    assert pls.estimate(TRIO, answers).paths["estimate"][0] < 0.45


def test_raw_metric_of_one_scale_is_near_and_of_another_is_not():
    answers = simulated(500, seed=5)
    raw = pls.estimate(TRIO, answers, standardise=False)
    assert raw.paths["estimate"].to_numpy() == pytest.approx(pls.estimate(TRIO, answers).paths["estimate"], abs=0.02)
    stretched = answers.assign(c1=answers["c1"] * 100)
    same = pls.estimate(TRIO, stretched)
    assert same.paths["estimate"].to_numpy() == pytest.approx(pls.estimate(TRIO, answers).paths["estimate"], abs=1e-6)
    alone = pls.estimate(TRIO, stretched, standardise=False).outer.set_index("item")["loading"]
    assert alone["c1"] > 0.999


def test_an_item_coded_the_other_way_turns_nothing_but_itself():
    answers = simulated(300, seed=6)
    turned = pls.estimate(TRIO, answers.assign(m2=-answers["m2"]), bootstrap=200, seed=1)
    straight = pls.estimate(TRIO, answers, bootstrap=200, seed=1)
    assert turned.paths["estimate"].to_numpy() == pytest.approx(straight.paths["estimate"].to_numpy(), abs=1e-6)
    loadings = turned.outer.set_index("item")["loading"]
    assert loadings["m2"] == pytest.approx(-straight.outer.set_index("item")["loading"]["m2"], abs=1e-6)
    assert turned.outer["loading_se"].max() < 0.1


def test_bca_and_percentile_agree_on_a_large_sample():
    answers = simulated(2000, seed=7)
    plain = pls.estimate(TRIO, answers, bootstrap=500, seed=1).paths
    corrected = pls.estimate(TRIO, answers, bootstrap=500, seed=1, interval="bca").paths
    for end in ("ci_lower", "ci_upper"):
        assert corrected[end].to_numpy() == pytest.approx(plain[end].to_numpy(), abs=0.02)
        assert (corrected[end] != plain[end]).any()
    assert plain["se"].to_numpy() == pytest.approx(pls.estimate(TRIO, answers).paths["se"].to_numpy(), rel=0.25)


def test_weights_count_like_copies_of_respondents():
    answers = simulated(80, seed=8)
    times = np.random.default_rng(8).integers(1, 4, size=80)
    copied = answers.loc[answers.index.repeat(times)].reset_index(drop=True)
    weighted = pls.estimate(TRIO, answers.assign(times=times), weight="times")
    assert weighted.parameters["estimate"].to_numpy() == pytest.approx(
        pls.estimate(TRIO, copied).parameters["estimate"].to_numpy(), abs=1e-9
    )


def test_means_that_stand_in_are_weighted():
    answers = simulated(80, seed=17)
    answers.loc[answers["c1"] > 0.8, "c1"] = np.nan
    times = np.random.default_rng(17).integers(1, 4, size=80)
    copied = answers.loc[answers.index.repeat(times)].reset_index(drop=True)
    weighted = pls.estimate(TRIO, answers.assign(times=times), weight="times", missing="mean")
    assert weighted.parameters["estimate"].to_numpy() == pytest.approx(
        pls.estimate(TRIO, copied, missing="mean").parameters["estimate"].to_numpy(), abs=1e-9
    )


def test_errors_of_regressions_know_what_weights_cost():
    answers = simulated(200, seed=18)
    mass = np.random.default_rng(18).uniform(0.1, 5, 200)
    fit = pls.estimate(TRIO, answers, weight=mass)
    effective = mass.sum() ** 2 / (mass**2).sum()
    row = fit.paths.set_index(["source", "target"]).loc[("cause", "mean")]
    error = np.sqrt((1 - fit.r2["mean"]) / (effective - 2))
    assert row["se"] == pytest.approx(error)
    assert row["ci_upper"] - row["estimate"] == pytest.approx(student.ppf(0.975, effective - 2) * error)


def test_srmr_by_hand():
    answers = simulated(150, seed=19)
    fit = pls.estimate(TRIO, answers)
    items = answers.corr().to_numpy()
    block, loadings = fit.design.block, fit.outer["loading"].to_numpy()
    links = fit.scores().corr().to_numpy()
    missed = [
        items[i, j] - loadings[i] * links[block[i], block[j]] * loadings[j]
        for i in range(len(items))
        for j in range(i)
        if block[i] != block[j]
    ]
    # Each item with itself, and items of one composite, are met exactly and count (Henseler et al. 2014).
    count = len(items) * (len(items) + 1) / 2
    assert fit.fit["srmr_saturated"] == pytest.approx(np.sqrt(np.sum(np.square(missed)) / count))


def test_people_who_answer_twice_are_drawn_as_one():
    answers = simulated(100, seed=9)
    twice = pd.concat([answers, answers], ignore_index=True).assign(person=[*range(100), *range(100)])
    single = pls.estimate(TRIO, answers, bootstrap=300, seed=2)
    clustered = pls.estimate(TRIO, twice, bootstrap=300, seed=2, cluster="person")
    pd.testing.assert_frame_equal(single.parameters, clustered.parameters)
    assert (pls.estimate(TRIO, twice, bootstrap=300, seed=2).paths["se"] < clustered.paths["se"]).all()


def test_missing_answers_are_left_out_or_filled_and_counted():
    answers = simulated(200, seed=10)
    holes = answers.copy()
    holes.loc[:19, ["c1", "c2", "m1", "e1"]] = np.nan
    fit = pls.estimate(TRIO, holes)
    kept = pls.estimate(TRIO, answers.iloc[20:])
    pd.testing.assert_frame_equal(fit.parameters, kept.parameters)
    assert "from 180 respondents (20 more left out for a missing answer or a weight of zero)" in fit.findings()[-1]
    filled = pls.estimate(TRIO, holes, missing="mean")
    assert "from 200 respondents (80 missing answers replaced by the item's mean)" in filled.findings()[-1]
    by_hand = pls.estimate(TRIO, holes.fillna(holes.mean()))
    assert filled.parameters["estimate"].to_numpy() == pytest.approx(by_hand.parameters["estimate"].to_numpy())


def test_forty_people_and_a_rare_complaint_lose_some_resamples():
    answers = simulated(40, seed=11)
    answers["complained"] = (np.arange(40) == 0).astype(float)
    model = Model("small", (TRIO.constructs[0], Construct("complaints", ("complained",))), (("cause", "complaints"),))
    fit = pls.estimate(model, answers, bootstrap=500, seed=1)
    assert 100 < fit.failed < 260
    assert f"{500 - fit.failed} bootstrap resamples; {fit.failed} more gave no estimate." in fit.findings()[-1]
    assert fit.outer.set_index("item").loc["complained", "loading"] == pytest.approx(1)


def test_an_unsound_consistent_model_is_called_unsound(mobi):
    fit = pls.estimate(ECSI, mobi, consistent=True, bootstrap=300, seed=1)
    share = 1 - fit.sound / len(fit.draws)
    assert share > 0.5
    assert fit.findings()[0] == (
        f"The model is unsound: in {100 * share:.1f} % of the resamples its corrected correlations, loadings or "
        "explained shares are impossible, so these answers hardly tell its constructs apart; do not read single paths."
    )


def test_cohens_f2_by_regression():
    answers = simulated(400, seed=12)
    fit = pls.estimate(TRIO, answers)
    scores = fit.scores()

    def r2(*sources):
        design = scores[list(sources)].to_numpy()
        rest = scores["end"] - design @ np.linalg.lstsq(design, scores["end"].to_numpy())[0]
        return 1 - (rest**2).mean()

    sizes = fit.effect_sizes.set_index(["source", "target"])["f2"]
    both = r2("cause", "mean")
    assert both == pytest.approx(fit.r2["end"])
    assert sizes["cause", "end"] == pytest.approx((both - r2("mean")) / (1 - both))
    assert sizes["cause", "mean"] == pytest.approx(fit.r2["mean"] / (1 - fit.r2["mean"]))


def test_what_is_refused():
    answers = simulated(50, seed=13)
    assert refusal(UsageError, TRIO, answers, scheme="paths") == (
        "pls: scheme must be path, centroid or factorial, not 'paths'."
    )
    assert (
        refusal(UsageError, TRIO, answers, interval="basic") == "pls: interval must be percentile or bca, not 'basic'."
    )
    assert refusal(UsageError, TRIO, answers, bootstrap=1) == "pls: bootstrap must be 0 or at least 2 resamples, not 1."
    assert refusal(UsageError, TRIO, answers, modes={"causes": "A"}) == (
        "pls: modes names 'causes', which is no construct; there are cause, mean and end."
    )
    assert refusal(UsageError, TRIO, answers, modes="C") == "pls: the mode of all constructs must be A or B, not 'C'."
    assert refusal(UsageError, TRIO, answers, weight="mass") == (
        "pls: the answers have no column 'mass' to weight by; give weight=None or add it."
    )
    assert refusal(DataError, TRIO, answers, weight=np.full(50, -1.0)) == (
        "pls: a weight is missing or negative; give each respondent a weight of 0 or more."
    )
    doubled = answers.assign(c2=answers["c1"])
    assert refusal(DataError, TRIO, doubled, modes={"cause": "B"}) == (
        "pls: the items of 'cause' determine each other, so mode B has no one answer; leave an item out or use "
        'modes={"cause": "A"}.'
    )
    assert refusal(DataError, TRIO, simulated(20_000, seed=1, loading=0.9), iterations=1) == (
        "pls: the weights did not stand still within 1 iterations; raise iterations or look for constructs that hardly "
        "go together."
    )
    apart = 3 * np.random.default_rng(1).standard_normal(50)
    opposed = answers.assign(e1=answers["m1"] + apart, e2=answers["m1"] - apart)
    assert "do not go together (rho_A = -" in refusal(DataError, TRIO, opposed, consistent=True)


def test_a_model_in_lavaans_words_and_what_pls_does_not_use_of_it():
    answers = simulated(200, seed=16)
    text = "cause =~ c1 + c2 + c3\nmean <~ m1 + m2 + m3\nend =~ e1 + e2\nmean ~ cause\nend ~ cause + mean\nc1 ~~ c2"
    model = Model.from_lavaan(text)
    fit = pls.estimate(model, answers)
    assert dict(zip(fit.design.names, fit.design.modes, strict=True)) == {"cause": "A", "mean": "B", "end": "A"}
    assert fit.findings()[-2] == (
        "PLS has no use for what the model says beyond constructs and paths (1 row: labels, fixed values, covariances "
        "of errors, defined effects)."
    )


def test_perfectly_collinear_items_are_no_trouble_for_mode_a():
    answers = simulated(100, seed=14)
    fit = pls.estimate(TRIO, answers.assign(c2=answers["c1"]), bootstrap=50, seed=1)
    loadings = fit.outer.set_index("item")["loading"]
    assert loadings["c1"] == pytest.approx(loadings["c2"])
    assert fit.failed == 0


def test_PLSResult_keeps_the_contract(keeps_result_contract):
    answers = simulated(120, seed=15)
    for settings in ({}, {"consistent": True}, {"bootstrap": 100, "interval": "bca"}):
        keeps_result_contract(pls.estimate(TRIO, answers, **settings), pictures=PICTURES)
    empty = pls.estimate(TRIO, answers.iloc[:0], bootstrap=100)
    keeps_result_contract(empty, pictures=PICTURES)
    assert empty.findings() == ("There are no answers to a survey in this study, so no model was estimated.",)
    long_name = Model(
        "long",
        (
            Construct("expected quality of everything that the shop has ever promised to anybody", ("c1", "c2")),
            Construct("end", ("e1", "e2")),
        ),
        (("expected quality of everything that the shop has ever promised to anybody", "end"),),
    )
    keeps_result_contract(pls.estimate(long_name, answers, bootstrap=50), pictures=PICTURES)
