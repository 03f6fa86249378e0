"""Can groups be compared? lavaan's ladder, planted differences, and clear answers."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

from crm_analysis.errors import DataError
from crm_analysis.satisfaction import covariance
from crm_analysis.satisfaction import invariance as ladder

THREE = "visual =~ x1 + x2 + x3\ntextual =~ x4 + x5 + x6\nspeed =~ x7 + x8 + x9"
ONE = "f =~ a + b + c + d"


def two_groups(*, shift=0.0, tilt=0.0, mean=0.4, n=600):
    """Two shops: in the second item d lies higher by `shift`, and loads more by `tilt`."""
    generator = np.random.default_rng(1)
    second = np.arange(2 * n) >= n
    factor = generator.normal(size=2 * n) + mean * second
    loads = np.column_stack([np.full((2 * n, 3), 0.8), 0.8 + tilt * second])
    items = loads * factor[:, None] + 0.6 * generator.normal(size=(2 * n, 4))
    items[:, 3] += shift * second
    return pd.DataFrame(items, columns=list("abcd")).assign(shop=np.where(second, "new", "old"))


def test_lavaan_s_ladder(shared):
    found = covariance.invariance(THREE, pd.read_csv(shared("data/holzinger/holzinger1939.csv")), group="school")
    steps = found.steps.set_index("level")
    for level in ("configural", "metric", "scalar"):
        reference = json.loads(shared(f"reference/hs_mg_school_{level}.json").read_text("utf-8"))["fit"]
        for measure in ("chisq", "df", "cfi", "rmsea", "srmr"):
            assert steps.loc[level, measure] == pytest.approx(reference[measure], rel=1e-5), (level, measure)
    assert found.level == "metric"
    assert found.findings() == (
        "Between Pasteur and Grant-White, metric invariance holds: an item moves as much with its construct, so "
        "effects can be compared.",
        "The scalar step is refused: CFI changes by -0.038, RMSEA by 0.015, and chi-square rises by 40.1 with 6 "
        "degrees of freedom (p below 0.001).",
        "Means and indices of these groups should not be compared on these items.",
    )


@pytest.mark.parametrize(
    ("planted", "level"), [({}, "strict"), ({"shift": 0.6}, "metric"), ({"tilt": 0.7}, "configural")]
)
def test_planted_differences_are_found(planted, level):
    found = covariance.invariance(ONE, two_groups(**planted), group="shop")
    assert found.level == level
    if level == "strict":
        row = found.means.iloc[0]
        # In the units of the first item the planted mean of 0.4 is 0.32.
        assert row["ci_lower"] < 0.32 < row["ci_upper"]
        assert row["standardised"] == pytest.approx(0.4, abs=0.12)


@pytest.mark.parametrize(
    ("fall", "rise", "holds"), [(0.010, 0.015, True), (0.0101, 0.0, False), (0.0, 0.0151, False), (0.009, 0.014, True)]
)
def test_a_rung_is_refused_by_either_measure(fall, rise, holds, monkeypatch):
    monkeypatch.setattr(ladder.goodness, "measures", lambda measured: measured)
    below = {"chisq": 100.0, "df": 50, "cfi": 0.95, "rmsea": 0.05, "srmr": 0.04}
    above = below | {"chisq": 112.0, "df": 55, "cfi": 0.95 - fall + 1e-9, "rmsea": 0.05 + rise - 1e-9}
    steps = ladder._ladder({"configural": below, "metric": above})
    assert steps["holds"].tolist() == [True, holds]
    assert steps["p_value"][1] == pytest.approx(chi2.sf(12, 5))


def test_groups_that_cannot_be_compared():
    answers = two_groups()
    with pytest.raises(DataError) as raised:
        covariance.invariance(ONE, answers.assign(shop="old"), group="shop")
    assert str(raised.value) == "The column 'shop' holds one group only (old); comparing needs two."
    few = pd.concat([answers.iloc[:100], answers.iloc[-3:]])
    with pytest.raises(DataError) as raised:
        covariance.invariance(ONE, few, group="shop")
    assert str(raised.value) == (
        "The group new of 'shop' has 3 respondents for 4 items; join it with another or leave it out."
    )


def test_InvarianceResult_keeps_the_contract(keeps_result_contract):
    many = two_groups().assign(shop=lambda frame: [f"a shop with a long name {k % 7}" for k in range(len(frame))])
    for result in (
        covariance.invariance(ONE, two_groups(shift=0.6), group="shop"),
        covariance.invariance(ONE, many, group="shop"),
        covariance.invariance(ONE, pd.DataFrame(), group="shop"),
    ):
        keeps_result_contract(result, pictures=("plot",))
