"""Candidates: nesting and equivalence that are known, simulated truths, prediction against the PLS module's."""

import numpy as np
import pandas as pd
import pytest

from crm_analysis.errors import DataError, UsageError
from crm_analysis.satisfaction import candidates, covariance, pls
from crm_analysis.satisfaction.candidacy import evidence
from crm_analysis.satisfaction.model import ACSI, ECSI, Construct, Model

ITEMS = {name: [f"{name[0]}{k}" for k in (1, 2, 3)] for name in ("quality", "value", "satisfaction", "loyalty")}
MOBI = {
    "image": [f"IMAG{i}" for i in range(1, 6)],
    "expectations": ["CUEX1", "CUEX2", "CUEX3"],
    "quality": [f"PERQ{i}" for i in range(1, 8)],
    "value": ["PERV1", "PERV2"],
    "satisfaction": ["CUSA1", "CUSA2", "CUSA3"],
    "complaints": ["CUSCO"],
    "loyalty": ["CUSL1", "CUSL2", "CUSL3"],
}


def built(name, paths):
    order = [one for one in ITEMS if any(one in path for path in paths)]
    return Model(name, tuple(Construct(one, tuple(ITEMS[one])) for one in order), tuple(paths))


TRUE = built(
    "true", [("quality", "value"), ("quality", "satisfaction"), ("value", "satisfaction"), ("satisfaction", "loyalty")]
)
TURNED = built(
    "turned",
    [("value", "quality"), ("quality", "satisfaction"), ("value", "satisfaction"), ("satisfaction", "loyalty")],
)
POOR = built("poor", [("quality", "value"), ("value", "satisfaction"), ("satisfaction", "loyalty")])


def simulated(n, *, seed):
    rng = np.random.default_rng(seed)
    quality = rng.standard_normal(n)
    value = 0.6 * quality + 0.8 * rng.standard_normal(n)
    satisfaction = 0.5 * quality + 0.3 * value + 0.6 * rng.standard_normal(n)
    loyalty = 0.7 * satisfaction + 0.7 * rng.standard_normal(n)
    felt = dict(zip(ITEMS, (quality, value, satisfaction, loyalty), strict=True))
    return pd.DataFrame(
        {item: felt[name] + 0.6 * rng.standard_normal(n) for name, items in ITEMS.items() for item in items}
    )


def refusal(kind, models, answers=None, **settings):
    with pytest.raises(kind) as error:
        candidates.compare(models, simulated(60, seed=1) if answers is None else answers, **settings)
    return str(error.value)


def test_the_true_model_is_supported_against_a_poorer_and_a_fuller_one():
    found = candidates.compare([POOR, TRUE, candidates.rivals(TRUE)["every path"]], simulated(600, seed=2), seed=1)
    assert found.supported == "true"
    pairs = found.pairs.set_index(["first", "second"])
    assert (pairs["relation"] == "nested").all()
    assert pairs.loc[("true", "poor"), "df_difference"] == 1
    assert pairs.loc[("true", "every path"), "p_value"] > 0.05
    assert found.findings()[0] == "The answers support true over every other sound candidate."


@pytest.mark.slow
def test_over_many_surveys_the_verdict_is_right_or_silent():
    full = candidates.rivals(TRUE)["every path"]
    verdicts = [
        candidates.compare([POOR, TRUE, full], simulated(300, seed=1000 + k), bootstrap=2, repeats=2).supported
        for k in range(60)
    ]
    assert set(verdicts) <= {"true", ""}
    assert verdicts.count("true") >= 48


def test_with_many_respondents_prediction_does_not_make_a_superfluous_path_win():
    full = candidates.rivals(TRUE)["every path"]
    found = candidates.compare([TRUE, full], simulated(6000, seed=4), bootstrap=2, repeats=2)
    assert found.supported == "true"
    # Scores foresee a little better with every path, since items have error; that is told and decides nothing.
    assert found.pairs["by_prediction"].iloc[0] == "every path"


def test_where_the_test_and_the_bic_disagree_the_fit_favours_neither():
    full = candidates.rivals(TRUE)["every path"]
    found = candidates.compare([TRUE, full], simulated(2000, seed=3000), bootstrap=2, repeats=1, folds=2).pairs.iloc[0]
    assert found["p_value"] < 0.05
    lead = found["bic_difference"] if found["first"] == "true" else -found["bic_difference"]
    assert lead > evidence.STRONG
    assert found["by_fit"] == ""


def test_chi_squares_and_their_difference_are_those_of_the_estimator():
    answers = simulated(300, seed=3)
    found = candidates.compare([POOR, TRUE], answers)
    fits = {model.name: covariance.estimate(model, answers).fit for model in (POOR, TRUE)}
    table = found.table.set_index("model")
    for name, fit in fits.items():
        for measure in ("chisq", "cfi", "rmsea", "srmr", "aic", "bic"):
            assert table.loc[name, measure] == pytest.approx(fit[measure], rel=1e-6)
    row = found.pairs.iloc[0]
    assert row["chisq_difference"] == pytest.approx(fits["poor"]["chisq"] - fits["true"]["chisq"])
    assert abs(row["bic_difference"]) == pytest.approx(abs(fits["poor"]["bic"] - fits["true"]["bic"]))


def test_prediction_is_that_of_the_pls_module():
    answers = simulated(200, seed=4)
    chain = built("two", [("quality", "value"), ("value", "satisfaction")])
    outcomes = ["value", "satisfaction"]
    found = candidates.compare({"a": chain, "b": TRUE}, answers, outcomes=outcomes, folds=5, repeats=3, seed=7)
    gains = pls.predict(pls.estimate(chain, answers), folds=5, repeats=3, seed=7).gains.set_index("against")
    row = found.table.set_index("model").loc["a"]
    expected = gains.loc["mean"]
    assert row["q2"] == pytest.approx(expected["gain"])
    assert row["q2_low"] == pytest.approx(expected["gain_low"])


def test_a_path_turned_round_is_equivalent_and_cannot_be_told_apart():
    found = candidates.compare([TRUE, TURNED], simulated(400, seed=5), outcomes=["satisfaction", "loyalty"])
    row = found.pairs.iloc[0]
    assert row["relation"] == "equivalent"
    assert row["bic_difference"] == pytest.approx(0, abs=1e-6)
    assert found.supported == ""
    assert found.findings()[0] == "The answers cannot tell true and turned apart."
    assert found.findings()[1].startswith(
        "The model true against turned: they are equivalent, so no data can tell their fit apart; on unseen answers "
        "true makes as much error as turned ("
    )


def test_models_apart_are_not_called_nested():
    other = built("other", [("quality", "satisfaction"), ("quality", "loyalty"), ("satisfaction", "value")])
    found = candidates.compare([POOR, other], simulated(300, seed=6), outcomes=["satisfaction"])
    assert found.pairs["relation"].tolist() == ["not nested"]
    assert found.pairs["p_value"].isna().all()


def test_an_unsound_model_cannot_win_and_other_items_are_not_compared_by_bic(shared):
    mobi = pd.read_csv(shared("data/ecsi_mobile/mobi.csv"))
    models = candidates.presets(MOBI)
    assert list(models) == ["ACSI", "ECSI", "CCSI"]
    found = candidates.compare(models, mobi)
    assert found.table.set_index("model")["sound"].to_dict() == {"ACSI": True, "ECSI": False, "CCSI": True}
    assert found.supported != "ECSI"
    assert any(sentence.startswith("The model ECSI is not sound and cannot win (") for sentence in found.findings())
    assert (found.pairs["relation"] == "other items").all()
    assert found.pairs["bic_difference"].isna().all()
    assert (
        "3 pairs of 3 explain different items, which chi-square, AIC and BIC cannot compare; there only the prediction "
        "of the same items counts."
    ) in found.findings()


def test_the_gain_in_pairs_by_hand():
    rng = np.random.default_rng(7)
    first, second = rng.gamma(2, size=500), rng.gamma(2.4, size=500)
    gain, low, high = evidence.saved(first, second)
    assert gain == pytest.approx(1 - first.mean() / second.mean())
    draws = [1 - first[pick].mean() / second[pick].mean() for pick in (rng.integers(0, 500, 500) for _ in range(3000))]
    assert [low, high] == pytest.approx(np.quantile(draws, [0.025, 0.975]), abs=0.012)


def test_rivals_are_the_steps_and_all_that_they_allow():
    found = candidates.rivals(TRUE)
    assert list(found) == ["chain", "true", "every path"]
    assert found["chain"].paths == (("quality", "value"), ("value", "satisfaction"), ("satisfaction", "loyalty"))
    assert set(found["every path"].paths) == {*TRUE.paths, ("quality", "loyalty"), ("value", "loyalty")}
    assert list(candidates.rivals(POOR)) == ["poor", "every path"]


def test_presets_leave_out_what_was_not_asked():
    without = {name: items for name, items in MOBI.items() if name not in ("image", "complaints")}
    found = candidates.presets(without)
    assert list(found) == ["ACSI without complaints"]
    assert found["ACSI without complaints"].items == tuple(item for items in without.values() for item in items)
    assert list(candidates.presets(MOBI, columns=["CUSA1"])) == []
    assert candidates.presets(MOBI)["ECSI"].paths == ECSI.paths
    assert candidates.presets(MOBI)["ACSI"].paths == ACSI.paths


def test_what_is_left_out_and_refused():
    answers = simulated(60, seed=8)
    lacking = built("lacking", [("quality", "value"), ("value", "satisfaction")]).measured_by({"value": ["x9"]})
    found = candidates.compare([TRUE, POOR, lacking], answers)
    assert "The model lacking was left out: the answers have no column x9." in found.findings()
    twice = candidates.compare({"true": TRUE, "poor": POOR, "again": TRUE}, answers)
    assert "The model again was left out: it is the same model as true." in twice.findings()
    alone = candidates.compare([TRUE, lacking], answers)
    assert alone.findings() == ("There are no two candidates to compare: for lacking, the answers have no column x9.",)
    only = candidates.compare([TRUE], answers)
    assert only.findings() == ("There are no two candidates to compare: there is only true.",)
    assert candidates.compare({}, answers).absent == "There are no two candidates to compare: there is none."
    assert refusal(UsageError, TRUE) == "candidates: give the models as a list or a dict with names, not one alone."
    assert refusal(UsageError, [TRUE, TRUE]) == (
        "candidates: two models are called 'true'; give them as a dict with names."
    )
    assert refusal(UsageError, [TRUE, POOR], outcomes=["quality"]) == (
        "candidates: nothing leads to 'quality' in every candidate, so they cannot all foresee it; possible are value, "
        "satisfaction, loyalty."
    )
    assert refusal(DataError, [TRUE, POOR], answers.head(15)) == (
        "candidates: 15 respondents answered every item of every candidate, too few for 10 folds; leave out the "
        "candidate with the most items, or ask more people."
    )


@pytest.mark.parametrize("rows", [0, 40, 300])
def test_CandidatesResult_keeps_the_contract(rows, keeps_result_contract):
    found = candidates.compare(
        [TRUE, POOR, TURNED], simulated(300, seed=9).head(rows), outcomes=["satisfaction"][:rows]
    )
    keeps_result_contract(found, pictures=("plot",))


def test_composites_are_compared_by_prediction_only(keeps_result_contract):
    composed = TRUE.measured_by({}, composites="quality")
    found = candidates.compare({"common factors": TRUE, "composite": composed}, simulated(200, seed=10))
    assert found.findings()[1] == (
        "The model composite is not sound and cannot win (The composite 'quality' cannot be estimated from "
        "covariances; make it reflective or use PLS)."
    )
    keeps_result_contract(found, pictures=("plot",))


def test_a_description_is_no_name():
    answers = simulated(200, seed=11)
    said = candidates.compare({"the study's model": TRUE, "poor": POOR, "again": TRUE}, answers).findings()
    assert any(sentence.startswith("The study's model against poor: ") for sentence in said)
    assert "The model again was left out: it is the same model as the study's model." in said
    assert any(" less error than poor (95 % interval " in sentence for sentence in said)
