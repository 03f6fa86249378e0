"""What a page shows of large results: short tables, the rest in the other frames."""

import numpy as np
import pandas as pd
import pytest

from crm_analysis.satisfaction import covariance, groups, model, pls

TEXT = "A =~ a1 + a2 + a3\nB =~ b1 + b2 + b3\nC =~ c1 + c2\nB ~ A\nC ~ A + B"


@pytest.fixture(scope="module")
def answers():
    draws = np.random.default_rng(1)
    a = draws.normal(size=300)
    b = 0.6 * a + 0.8 * draws.normal(size=300)
    c = 0.3 * a + 0.4 * b + 0.7 * draws.normal(size=300)
    items = {
        f"{letter}{i}": 0.8 * latent + 0.6 * draws.normal(size=300)
        for letter, latent, count in (("a", a, 3), ("b", b, 3), ("c", c, 2))
        for i in range(1, count + 1)
    }
    return pd.DataFrame(items).assign(market=np.array(["x", "y", "z"])[np.arange(300) % 3])


def test_the_essential_measures_of_fit_are_those_of_the_whole_list(answers):
    result = covariance.estimate(TEXT, answers, se="robust")
    fit, shown = result.fit, result.frames()["essentials"].set_index("measure")
    assert shown.index.tolist() == [
        "respondents", "chi-square", "degrees of freedom", "p of chi-square", "CFI", "TLI", "RMSEA", "SRMR",
    ]  # fmt: skip
    assert shown.loc["respondents", "value"] == "300"
    assert shown.loc["chi-square", ["value", "robust"]].tolist() == [
        f"{fit['chisq']:.1f}",
        f"{fit['chisq_scaled']:.1f}",
    ]
    assert shown.loc["RMSEA", "value"] == (
        f"{fit['rmsea']:.3f} (90 % interval {fit['rmsea_ci_lower']:.3f} to {fit['rmsea_ci_upper']:.3f})"
    )
    assert shown.loc["RMSEA", "robust"].startswith(f"{fit['rmsea_robust']:.3f} (90 % interval ")
    assert shown.loc["SRMR", ["robust", "usually called good"]].tolist() == ["–", "0.08 or less"]
    plain = covariance.estimate(TEXT, answers).frames()["essentials"]
    assert "robust" not in plain.columns
    assert len(result.frames()["fit"]) == len(fit)


def test_effects_by_way_of_others_are_the_indirect_and_the_total(answers):
    fit = pls.estimate(model.Model.from_lavaan(TEXT), answers, bootstrap=50, seed=1)
    shown = fit.frames()["reach"]
    assert shown[["source", "target"]].to_numpy().tolist() == [["A", "C"]]
    paths = fit.paths.set_index(["source", "target"])["estimate"]
    assert shown.loc[0, "indirect"] == pytest.approx(paths["A", "B"] * paths["B", "C"])
    assert shown.loc[0, "total"] == pytest.approx(paths["A", "C"] + paths["A", "B"] * paths["B", "C"])
    assert shown.loc[0, "total_low"] < shown.loc[0, "total"] < shown.loc[0, "total_high"]


def test_the_ten_clearest_differences_of_paths_are_shown_and_all_are_kept(answers):
    fit = pls.estimate(model.Model.from_lavaan(TEXT + "\nC ~ D\nD =~ d\nD ~ A"), answers.assign(d=answers["a1"] ** 2))
    result = groups.compare(fit, answers.assign(d=answers["a1"] ** 2), group="market", permutations=50, bootstrap=20)
    frames = result.frames()
    assert (len(frames["clearest"]), len(frames["table"])) == (10, 15)
    assert (
        frames["clearest"]["difference"].iloc[0]
        == frames["table"].sort_values("p_permutation", kind="stable")["difference"].iloc[0]
    )
