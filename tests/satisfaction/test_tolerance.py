"""The zone of tolerance, by hand."""

import numpy as np
import pandas as pd
import pytest

from crm_analysis.proportion import wilson
from crm_analysis.satisfaction import tolerance

ADEQUATE, DESIRED, PERCEIVED = {"speed": ["a"]}, {"speed": ["d"]}, {"speed": ["p"]}
ANSWERS = pd.DataFrame({"a": [5, 5, 6, 5, 5.0], "d": [8, 8, 8, 8, np.nan], "p": [4, 6, 7, 9, 7]})


def placed(answers, **options):
    return tolerance.zone(answers, adequate=ADEQUATE, desired=DESIRED, perceived=PERCEIVED, **options)


def test_by_hand():
    row = placed(ANSWERS).dimensions.iloc[0]
    # Who did not say what he wishes for is left out.
    assert row["answers"] == 4
    assert (row["adequate"], row["desired"], row["perceived"]) == (5.25, 8, 6.5)
    assert (row["adequacy"], row["superiority"]) == (1.25, -1.5)
    assert [row[f"{place}_share"] for place in ("below", "within", "above")] == [0.25, 0.5, 0.25]
    assert (row["below_share_low"], row["below_share_high"]) == pytest.approx(wilson(1, 4))


def test_who_wishes_for_less_than_he_accepts_is_counted_once():
    crossed = pd.DataFrame({"a": [6.0, 6, 6], "d": [4.0, 4, 8], "p": [5.0, 7, 7]})
    row = placed(crossed).dimensions.iloc[0]
    assert [row[f"{place}_share"] for place in ("below", "within", "above")] == pytest.approx([1 / 3] * 3)


def test_findings_in_whole():
    many = pd.concat([ANSWERS[:4]] * 20)
    assert placed(many).findings() == (
        "No dimension is below what customers accept for certain; the nearest to it is speed, with an adequacy of "
        "1.25 (95 % interval 0.85 to 1.65) points.",
        "Most often below the zone is speed: for 25.0 % (95 % interval 16.8–35.5) of the respondents.",
        "80 respondents.",
    )
    assert placed(many.assign(p=3)).findings()[0] == (
        "Speed is below what customers accept, by −2.25 (95 % interval −2.35 to −2.15) points."
    )
    assert placed(many.assign(p=[9, 10] * 40)).findings()[1] == "Customers get more than they wish for in speed."
    assert placed(many.assign(d=2)).findings()[-2] == (
        "For speed the desired level is below the adequate one: the questions were misunderstood."
    )


@pytest.mark.parametrize("answers", [pd.DataFrame(), ANSWERS[["a", "p"]], ANSWERS * np.nan])
def test_without_a_zone_it_says_so(answers, keeps_result_contract):
    result = placed(answers)
    assert result.findings() == (
        "There are no items on adequate and desired service in this study, so no zone of tolerance.",
    )
    keeps_result_contract(result, pictures=("plot",))


@pytest.mark.parametrize("answers", [ANSWERS, ANSWERS[:1], pd.concat([ANSWERS] * 30)])
def test_ToleranceResult_keeps_the_contract(answers, keeps_result_contract):
    keeps_result_contract(placed(answers), pictures=("plot",))
