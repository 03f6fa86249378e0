"""PLS, PLSc and CB-SEM side by side: each as it is alone, the same resamples for all, known truth, honest refusals."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from crm_analysis import resampling
from crm_analysis.errors import UsageError
from crm_analysis.satisfaction import covariance, estimators, model, pls
from crm_analysis.satisfaction.composites import design as designs
from crm_analysis.satisfaction.equations import refits
from crm_analysis.satisfaction.equations.fitting import fit
from crm_analysis.satisfaction.equations.preparation import prepare
from crm_analysis.satisfaction.equations.structure import compile_rows
from crm_analysis.satisfaction.sidebyside import contrast

ITEMS = {
    "image": [f"IMAG{i}" for i in range(1, 6)],
    "expectations": ["CUEX1", "CUEX2", "CUEX3"],
    "quality": [f"PERQ{i}" for i in range(1, 8)],
    "value": ["PERV1", "PERV2"],
    "satisfaction": ["CUSA1", "CUSA2", "CUSA3"],
    "complaints": ["CUSCO"],
    "loyalty": ["CUSL1", "CUSL2", "CUSL3"],
}
ACSI = model.ACSI.measured_by({name: items for name, items in ITEMS.items() if name != "image"})
ECSI = model.ECSI.measured_by(ITEMS)
SMALL = "A =~ a1 + a2 + a3\nB =~ b1 + b2\nC =~ c1 + c2 + c3\nC ~ A + B\nD =~ d\nD ~ C"


@pytest.fixture
def mobi(shared):
    return pd.read_csv(shared("data/ecsi_mobile/mobi.csv"))


def simulated(n, *, seed):
    """Answers to SMALL: C = 0.5 A + 0.3 B + e, cor(A, B) = 0.4, D = 0.6 C + e; D is asked without error."""
    draws = np.random.default_rng(seed)
    a = draws.normal(size=n)
    b = 0.4 * a + np.sqrt(1 - 0.16) * draws.normal(size=n)
    c = 0.5 * a + 0.3 * b
    c = c + np.sqrt(1 - 0.25 - 0.09 - 2 * 0.5 * 0.3 * 0.4) * draws.normal(size=n)
    d = 0.6 * c + 0.8 * draws.normal(size=n)
    loadings = {"a1": 0.8, "a2": 0.7, "a3": 0.6, "b1": 0.7, "b2": 0.7, "c1": 0.9, "c2": 0.8, "c3": 0.7}
    items = {
        name: loading * {"a": a, "b": b, "c": c}[name[0]] + np.sqrt(1 - loading**2) * draws.normal(size=n)
        for name, loading in loadings.items()
    }
    return pd.DataFrame(items | {"d": d})


def test_each_method_says_what_it_says_alone(mobi):
    result = estimators.compare(ACSI, mobi, bootstrap=0)
    alone = pls.estimate(ACSI, mobi).paths
    np.testing.assert_allclose(result.paths["pls"], alone["estimate"])
    assert list(result.paths["source"]) == list(alone["source"])
    np.testing.assert_allclose(result.paths["plsc"], pls.estimate(ACSI, mobi, consistent=True).paths["estimate"])
    sem = covariance.estimate(ACSI, mobi)
    them = sem.paths().replace({"CUSCO": "complaints"}).set_index(["source", "target"])["standardised"]
    ours = result.paths.set_index(["source", "target"])["cb_sem"]
    np.testing.assert_allclose(ours, them[ours.index])
    explained = result.explained.set_index("construct")["cb_sem_share"]
    assert explained["loyalty"] == pytest.approx(sem.r2["loyalty"])
    assert explained["complaints"] == pytest.approx(sem.r2["CUSCO"])
    total = sem.effects[sem.effects["effect"] == "total"].replace({"CUSCO": "complaints"})
    total = total.set_index(["source", "target"])["std_all"]
    effects = result.effects.set_index(["source", "target"])
    np.testing.assert_allclose(effects["cb_sem"], total[effects.index])
    by_pls = pls.estimate(ACSI, mobi).effects.query("effect == 'total'").set_index(["source", "target"])["estimate"]
    np.testing.assert_allclose(effects["pls"], by_pls[effects.index])
    loadings = sem.parameters[sem.parameters["op"] == "=~"].set_index("rhs")["std_all"]
    there = result.loadings[result.loadings["construct"] != "complaints"].set_index("item")["cb_sem"]
    np.testing.assert_allclose(there, loadings[there.index])


def test_pls_and_cb_sem_draw_the_same_resamples():
    answers = simulated(150, seed=2)
    ready = prepare(SMALL, answers)
    fitted = fit(compile_rows(ready.rows), ready.sample)
    one = np.concatenate(list(refits.resamples(fitted, 120, np.random.default_rng(7))))
    two = np.concatenate(list(resampling.counts(np.random.default_rng(7), size=150, resamples=120)))
    np.testing.assert_array_equal(one, two)


def test_consistent_paths_weakened_by_reliability_are_those_of_pls(mobi):
    plain, corrected = pls.estimate(ACSI, mobi), pls.estimate(ACSI, mobi, consistent=True)
    found = contrast.weakened(corrected.correlations.to_numpy(), plain.rho_a.to_numpy(), plain.design)
    np.testing.assert_allclose(found, plain.paths["estimate"], atol=1e-10)


def test_with_one_source_a_path_is_weakened_by_the_root_of_both_reliabilities():
    design = designs.of(model.Model.from_lavaan("A =~ a1 + a2\nB =~ b1 + b2\nB ~ A"))
    correlations = np.array([[1.0, 0.6], [0.6, 1.0]])
    assert contrast.weakened(correlations, np.array([0.81, 0.49]), design) == pytest.approx([0.6 * 0.9 * 0.7])


@given(st.floats(-0.9, 0.9), st.floats(0.05, 1.0), st.floats(0.05, 1.0))
def test_a_weakened_path_is_never_stronger_with_one_source(path, one, other):
    design = designs.of(model.Model.from_lavaan("A =~ a1 + a2\nB =~ b1 + b2\nB ~ A"))
    correlations = np.array([[1.0, path], [path, 1.0]])
    found = contrast.weakened(correlations, np.array([one, other]), design)[0]
    assert abs(found) <= abs(path) + 1e-12
    assert contrast.weakened(correlations, np.ones(2), design) == pytest.approx([path])


def test_known_truth_is_found_without_error_and_weakened_with_it():
    result = estimators.compare(SMALL, simulated(20_000, seed=3), bootstrap=100, seed=1)
    paths = result.paths.set_index(["source", "target"])
    true = pd.Series({("A", "C"): 0.5, ("B", "C"): 0.3, ("C", "D"): 0.6})
    for method in ("plsc", "cb_sem"):
        np.testing.assert_allclose(paths[method], true[paths.index], atol=0.025)
    # Among scores C to D is weakened by C's reliability alone: D is a single item.
    rho = result.reliability.set_index("construct")["rho_a"]
    assert paths.loc[("C", "D"), "pls"] == pytest.approx(0.6 * np.sqrt(rho["C"]), abs=0.01)
    np.testing.assert_allclose(paths["pls"], paths["weakened"], atol=0.02)
    assert result.reference == "cb_sem"
    said = result.findings()
    assert len(said) == 4
    assert said[0].startswith(
        "PLS, PLSc and CB-SEM agree on the direction of 3 of 3 paths; PLS and CB-SEM differ by more "
    )
    assert said[0].endswith("; PLSc and CB-SEM differ by more than chance in 0 of 3 paths.")
    assert any(sentence.startswith("The main reason is measurement error: PLS takes scores") for sentence in said)
    assert "D has a single item, which every method takes as free of error: if it is not, its paths" in " ".join(
        result.remarks()
    )
    assert (
        "Report PLS for the index, for priorities in its points and for scores of single customers; to test what "
        "causes what, report CB-SEM (or PLSc, which agrees with it), which also tests the model as a whole." in said
    )


def test_differences_come_from_the_same_resamples_and_are_judged_by_holm():
    result = estimators.compare(SMALL, simulated(300, seed=6), bootstrap=200, seed=1)
    for pair, rows in result.differences.groupby("pair"):
        assert rows["p_holm"].to_numpy() == pytest.approx(multipletests(rows["p_value"], method="holm")[1]), pair
    rows = result.differences[result.differences["pair"] == "PLSc less CB-SEM"].set_index(["source", "target"])
    paths = result.paths.set_index(["source", "target"]).loc[rows.index]
    own = rows["difference_high"] - rows["difference_low"]
    apart = np.hypot(paths["plsc_high"] - paths["plsc_low"], paths["cb_sem_high"] - paths["cb_sem_low"])
    # Two estimates of one sample go together; those of unlike samples would not.
    assert (own < 0.6 * apart).all()


def test_loadings_of_pls_are_too_large():
    result = estimators.compare(SMALL, simulated(5000, seed=4), bootstrap=200, seed=1)
    true = np.array([0.8, 0.7, 0.6, 0.7, 0.7, 0.9, 0.8, 0.7])
    loadings = result.loadings[result.loadings["construct"] != "D"]
    np.testing.assert_allclose(loadings["cb_sem"], true, atol=0.04)
    assert (loadings["pls"] > true).all()
    assert result.loading_gap["difference_low"] > 0.05


def test_the_nearly_unidentified_model_is_named_and_not_compared(mobi):
    result = estimators.compare(ECSI, mobi, bootstrap=100, seed=1)
    assert result.paths[["cb_sem", "plsc", "weakened"]].isna().all(axis=None)
    assert result.paths["pls"].notna().all()
    assert result.differences.empty
    assert (result.reference, result.inadmissible["cb_sem"] > 0.9) == ("", True)
    said = result.findings()
    assert said[0].startswith(
        "PLSc is not compared: its solution has a correlation, a loading or an explained share beyond 1; "
    )
    assert said[1].startswith(
        "CB-SEM is not compared: its solution fails the check that the data tell the parameters apart (condition "
        "number 6.7e+06; least certain: "
    )
    assert said[1].endswith(" % of the resamples have no sound solution.")
    assert said[2] == "Only PLS is left, so there is nothing to set beside it."
    assert said[3].endswith(
        "are not enough: first leave CUSL2 out (loading 0.20) and join image and quality (correlation without error "
        "0.93), then estimate anew."
    )
    assert not any("differ by" in sentence or "CB-SEM's" in sentence for sentence in said)
    assert [text.get_text() for text in result.plot().get_legend().get_texts()] == ["PLS"]


def test_a_solution_that_most_resamples_lose_is_not_compared(mobi):
    result = estimators.compare(ACSI, mobi, bootstrap=200, seed=1)
    assert (result.reasons["cb_sem"], result.reasons["plsc"]) == ("", "its solution is sound by a hair only")
    assert result.paths["plsc"].isna().all()
    said = result.findings()
    assert said[0].startswith("PLSc is not compared: its solution is sound by a hair only; ")
    assert said[1].startswith(
        "PLS and CB-SEM agree on the direction of 7 of 9 paths; PLS and CB-SEM differ by more than "
    )
    assert any(sentence.startswith("CB-SEM is sound on these answers, but ") for sentence in said)


def test_a_composite_has_no_cb_sem_and_the_reason_is_told():
    bound = model.Model("own", (model.Construct("A", ("a1", "a2", "a3"), "composite"), model.Construct("C", ("c1",))))
    bound = model.Model("own", bound.constructs, (("A", "C"),))
    result = estimators.compare(bound, simulated(300, seed=5), bootstrap=0)
    assert result.findings()[0] == (
        "CB-SEM is not compared: the composite 'A' cannot be estimated from covariances; make it reflective or use PLS."
    )
    assert result.reference == "plsc"


def test_without_a_bootstrap_nothing_is_said_of_chance():
    said = estimators.compare(SMALL, simulated(400, seed=6), bootstrap=0).findings()
    assert said[1] == "Which differences are beyond chance is not known: that takes a bootstrap."
    assert said[-1] == "All from the same 400 respondents with complete answers, in standard deviations."


def test_who_did_not_answer_everything_is_left_out_of_all():
    answers = simulated(400, seed=7)
    answers.loc[answers.index[:25], "b1"] = np.nan
    answers.index = ["same"] * len(answers)
    result = estimators.compare(SMALL, answers, bootstrap=0)
    whole = estimators.compare(SMALL, answers.iloc[25:], bootstrap=0)
    pd.testing.assert_frame_equal(result.paths, whole.paths)
    assert result.findings()[-1] == (
        "All from the same 375 respondents with complete answers (25 more left out for a missing answer), in standard "
        "deviations."
    )


def test_too_few_resamples_are_refused():
    with pytest.raises(UsageError) as raised:
        estimators.compare(SMALL, simulated(100, seed=1), bootstrap=20)
    assert str(raised.value) == "estimators: bootstrap must be 0 or at least 100 resamples, not 20."


@pytest.mark.slow
def test_false_alarms_between_plsc_and_cb_sem_are_rare():
    """Over 200 studies whose model holds, a difference is claimed in about one of twenty at most."""
    alarms = [
        estimators.compare(SMALL, simulated(400, seed=100 + study), bootstrap=200, seed=study)
        .differences.query("pair == 'PLSc less CB-SEM'")["differs"]
        .any()
        for study in range(200)
    ]
    assert np.mean(alarms) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)


@pytest.mark.parametrize("bootstrap", [0, 100])
def test_EstimatorsResult_keeps_the_contract(bootstrap, keeps_result_contract):
    result = estimators.compare(SMALL, simulated(300, seed=8), bootstrap=bootstrap, seed=1)
    keeps_result_contract(result, pictures=("plot", "plot_explained"))
    long = {
        "a": "a construct with a remarkably long name of its own",
        "b": "与期望相比的总体满意程度和感知质量的综合评价",
    }
    named = model.Model(
        "own",
        (model.Construct(long["a"], ("a1", "a2")), model.Construct(long["b"], ("c1", "c2"))),
        ((long["a"], long["b"]),),
    )
    keeps_result_contract(
        estimators.compare(named, simulated(300, seed=8), bootstrap=bootstrap), pictures=("plot", "plot_explained")
    )


def test_no_answers_give_a_result_that_says_so(keeps_result_contract):
    result = estimators.compare(ACSI, pd.DataFrame(columns=["CUEX1"]))
    assert result.findings() == ("There are no answers to a survey in this study, so there is nothing to estimate.",)
    keeps_result_contract(result, pictures=("plot", "plot_explained"))
