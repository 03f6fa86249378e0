"""Reliability: equal to seminr, right about items whose faults are known, honest where nothing can be tested."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crm_analysis.satisfaction import pls, reliability
from crm_analysis.satisfaction.composites import consistency, estimates
from crm_analysis.satisfaction.composites import design as designs
from crm_analysis.satisfaction.model import Construct, Model

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "ecsi_pls.json").read_text("utf-8"))
ECSI = Model(
    "ecsi",
    tuple(Construct(name, tuple(items)) for name, items in REFERENCE["constructs"].items()),
    tuple((source, target) for source, target in REFERENCE["paths"]),
)
PAIR = Model(
    "pair",
    (Construct("quality", ("q1", "q2", "q3")), Construct("satisfaction", ("s1", "s2", "s3"))),
    (("quality", "satisfaction"),),
)


def simulated(n, *, seed, link=0.5, loadings=(0.8, 0.8, 0.8, 0.8, 0.8, 0.8)):
    draw = np.random.default_rng(seed)
    quality = draw.standard_normal(n)
    satisfaction = link * quality + np.sqrt(1 - link**2) * draw.standard_normal(n)
    factors = [quality] * 3 + [satisfaction] * 3
    noise = [np.sqrt(1 - loading**2) * draw.standard_normal(n) for loading in loadings]
    columns = [loading * factor + error for loading, factor, error in zip(loadings, factors, noise, strict=True)]
    return pd.DataFrame(dict(zip(("q1", "q2", "q3", "s1", "s2", "s3"), columns, strict=True)))


def test_seminr_on_the_correlations_of_the_ecsi_survey():
    design = designs.of(ECSI)
    stack = np.array([REFERENCE["correlations"]])
    found = estimates.solve(stack, design, estimates.Settings(consistent=True))
    expected = REFERENCE["seminr_consistent"]["reliability"]
    measures = {
        "alpha": consistency.alpha(stack, design),
        "rhoC": consistency.rho_c(found.loadings, design),
        "AVE": consistency.ave(found.loadings, design),
        "rhoA": found.rho_a,
    }
    for measure, values in measures.items():
        assert values[0] == pytest.approx([expected[name][measure] for name in design.names], abs=1e-6), measure


def test_cusl2_of_the_mobile_survey_is_weak(shared):
    answers = pd.read_csv(shared("data/ecsi_mobile/mobi.csv"))
    result = reliability.assess(pls.estimate(ECSI, answers), bootstrap=300, seed=1)
    item = result.items.set_index("item").loc["CUSL2"]
    assert item["decision"] == "drop"
    assert result.findings()[0] == (
        f"CUSL2 is a weak item of LOY (loading 0.20, 95 % interval {item['loading_low']:.2f} to "
        f"{item['loading_high']:.2f}): it hardly belongs to the construct: leave it out or word it anew; without it, "
        "alpha of LOY rises from 0.47 to 0.70."
    )
    assert list(result.items.loc[result.items["decision"] == "drop", "item"]) == ["CUSL2"]
    assert "COMP cannot be tested" in result.findings()[-1]


def test_item_total_and_alpha_by_hand():
    answers = simulated(200, seed=1)
    result = reliability.assess(pls.estimate(PAIR, answers), bootstrap=0)
    standard = (answers - answers.mean()) / answers.std()
    by_hand = np.corrcoef(standard["q1"], standard["q2"] + standard["q3"])[0, 1]
    items = result.items.set_index("item")
    assert items.loc["q1", "item_total"] == pytest.approx(by_hand)
    rest = standard["q2"].corr(standard["q3"])
    assert items.loc["q1", "alpha_without"] == pytest.approx(2 * rest / (1 + rest))
    total = standard[["q1", "q2", "q3"]].sum(axis=1).var()
    assert result.constructs["alpha"][0] == pytest.approx(1.5 * (1 - 3 / total))
    assert np.isnan(result.constructs["alpha_low"]).all()


def test_truth_is_inside_the_intervals_and_apart_is_told_from_together():
    apart = reliability.assess(pls.estimate(PAIR, simulated(800, seed=2), consistent=True), bootstrap=400, seed=1)
    row = apart.htmt.iloc[0]
    assert row["htmt_low"] < 0.5 < row["htmt_high"]
    assert (row["verdict"], row["signs"]) == ("distinct", "agree")
    quality = apart.constructs.iloc[0]
    truth = 2.4**2 / (2.4**2 + 3 * 0.36)
    for measure, value in (("rho_c", truth), ("alpha", truth), ("rho_a", truth), ("ave", 0.64)):
        assert quality[f"{measure}_low"] < value < quality[f"{measure}_high"], measure
    assert apart.distinct.all()
    one = reliability.assess(pls.estimate(PAIR, simulated(300, seed=3, link=1.0)), bootstrap=300, seed=1)
    assert one.htmt["verdict"].tolist() == ["not told apart"]
    assert any(
        sentence.startswith("Not told apart by these answers (HTMT may be 1): quality and")
        for sentence in one.findings()
    )


def test_fornell_and_larcker_compare_the_root_of_the_shared_variance():
    fit = pls.estimate(PAIR, simulated(2000, seed=10, link=0.97))
    result = reliability.assess(fit, bootstrap=0)
    shared = result.constructs.set_index("construct")["ave"]
    between = fit.scores().corr().loc["quality", "satisfaction"]
    # Between the mean of the squared loadings and its root: the criterion holds by the root alone.
    assert (shared < between).all()
    assert (between < np.sqrt(shared)).all()
    assert result.distinct.all()
    table = result.fornell_larcker
    assert np.diag(table) == pytest.approx(np.sqrt(shared))
    assert table.loc["satisfaction", "quality"] == pytest.approx(between)


def test_each_fault_of_an_item_has_its_decision():
    answers = simulated(600, seed=4, loadings=(0.85, 0.85, 0.1, 0.85, 0.85, -0.85))
    result = reliability.assess(pls.estimate(PAIR, answers), bootstrap=200, seed=1)
    decisions = result.items.set_index("item")["decision"]
    assert decisions.to_dict() == {"q1": "keep", "q2": "keep", "q3": "drop", "s1": "keep", "s2": "keep", "s3": "recode"}
    assert any("S3 is" in sentence or "s3 is a weak item of satisfaction" in sentence for sentence in result.findings())
    assert result.htmt["signs"].tolist() == ["mixed"]
    stray = simulated(600, seed=5).assign(q3=lambda frame: frame[["s1", "s2", "s3"]].sum(axis=1))
    wrong = reliability.assess(pls.estimate(PAIR, stray), bootstrap=100, seed=1).items.set_index("item").loc["q3"]
    assert (wrong["decision"], wrong["rival"]) == ("watch", "satisfaction")
    same = simulated(200, seed=6, loadings=(0.99,) * 6)
    crowded = reliability.assess(pls.estimate(PAIR, same), bootstrap=50, seed=1)
    assert crowded.constructs["decision"].tolist() == ["redundant", "redundant"]


def test_single_items_and_mode_b_are_not_tested():
    answers = simulated(100, seed=7)
    single = Model("single", (Construct("quality", ("q1",)), PAIR.constructs[1]), PAIR.paths)
    result = reliability.assess(pls.estimate(single, answers, modes={"satisfaction": "B"}), bootstrap=50, seed=1)
    assert result.constructs["decision"].tolist() == ["not tested", "not tested"]
    assert result.findings()[-1].startswith(
        "Reliable (composite reliability of 0.7 or more): no construct; quality and satisfaction cannot be tested; "
    )


def test_ReliabilityResult_keeps_the_contract(keeps_result_contract):
    pictures = ("plot", "plot_htmt")
    fit = pls.estimate(PAIR, simulated(150, seed=8), bootstrap=60, seed=1)
    keeps_result_contract(reliability.assess(fit), pictures=pictures)
    single = Model("single", (Construct("quality", ("q1",)), Construct("end", ("s1",))), (("quality", "end"),))
    keeps_result_contract(
        reliability.assess(pls.estimate(single, simulated(50, seed=9)), bootstrap=50), pictures=pictures
    )
    none = reliability.assess(pls.estimate(PAIR, simulated(5, seed=1).iloc[:0]))
    keeps_result_contract(none, pictures=pictures)
    assert none.findings() == ("There are no answers to a survey in this study, so no model was estimated.",)
