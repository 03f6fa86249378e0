"""May groups be compared? Both methods on answers that are made alike, and unlike."""

import numpy as np
import pandas as pd
import pytest

from crm_analysis.satisfaction import comparability, model, pls

TEXT = "A =~ a1 + a2 + a3\nB =~ b1 + b2 + b3\nB ~ A"


def answers(n, *, seed, unlike=False, sizes=(0.5, 0.5)):
    """Two factors with three items each; where unlike, the second group takes a1 for something else."""
    draws = np.random.default_rng(seed)
    a = draws.normal(size=n)
    b = 0.6 * a + 0.8 * draws.normal(size=n)
    found = {f"{f}{i}": 0.75 * v + 0.66 * draws.normal(size=n) for f, v in (("a", a), ("b", b)) for i in (1, 2, 3)}
    second = np.arange(n) >= sizes[0] * n
    if unlike:
        found["a1"] = np.where(second, draws.normal(size=n), found["a1"])
    return pd.DataFrame(found).assign(market=np.where(second, "open", "closed"))


def test_groups_that_are_alike_may_be_compared():
    asked = answers(800, seed=1)
    result = comparability.judge(
        pls.estimate(model.Model.from_lavaan(TEXT), asked), asked, group="market", permutations=200
    )
    said = result.findings()
    assert said[0] == (
        "PLS: in the pair of groups of market the items are weighed alike, as far as 200 permutations show, so scores, "
        "indices and paths may be compared."
    )
    assert (
        "CB-SEM: between closed and open, strict invariance holds: items are equally exact, so sums of items can be "
        "compared."
    ) in said


def test_groups_that_take_an_item_for_something_else_may_not():
    asked = answers(800, seed=2, unlike=True)
    result = comparability.judge(
        pls.estimate(model.Model.from_lavaan(TEXT), asked), asked, group="market", permutations=200
    )
    said = result.findings()
    assert said[0] == ("PLS: items are weighed unlike, so that scores must not be compared, in closed with open (A).")
    assert any(sentence.startswith("CB-SEM: between closed and open, configural invariance holds") for sentence in said)


def test_small_groups_have_no_ladder():
    asked = answers(400, seed=3, sizes=(0.9, 0.1))
    fit = pls.estimate(model.Model.from_lavaan(TEXT), asked)
    result = comparability.judge(fit, asked, group="market", permutations=100)
    assert result.findings()[-2:] == (
        "CB-SEM: the ladder could not be climbed: fewer than two groups of market have 50 complete answers.",
        "Too small for the ladder, with fewer than 50 complete answers: open.",
    )


def test_a_column_that_is_not_there_is_named(keeps_result_contract):
    asked = answers(200, seed=4)
    fit = pls.estimate(model.Model.from_lavaan(TEXT), asked)
    result = comparability.judge(fit, asked, group="region")
    assert result.findings() == ("The answers have no column 'region', so there are no groups to compare.",)
    keeps_result_contract(result, pictures=("plot", "plot_ladder"))


@pytest.mark.parametrize("n", [120, 600])
def test_ComparabilityResult_keeps_the_contract(n, keeps_result_contract):
    asked = answers(n, seed=5, sizes=(0.3, 0.7))
    fit = pls.estimate(model.Model.from_lavaan(TEXT), asked)
    result = comparability.judge(fit, asked, group="market", permutations=100)
    keeps_result_contract(result, pictures=("plot", "plot_ladder"))


def test_the_ladder_can_use_every_answer():
    asked = answers(400, seed=4)
    asked.loc[asked.index[::2], "a1"] = np.nan
    asked.loc[asked.index[1::4], "b1"] = np.nan
    fit = pls.estimate(model.Model.from_lavaan(TEXT), asked, missing="mean")
    listwise = comparability.judge(fit, asked, group="market", permutations=50)
    every = comparability.judge(fit, asked, group="market", missing="fiml", permutations=50)
    assert "all others were used (FIML)" in " ".join(every.findings())
    assert listwise.ladder.steps["chisq"].iloc[0] != pytest.approx(every.ladder.steps["chisq"].iloc[0])
