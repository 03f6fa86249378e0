"""SERVPERF beside SERVQUAL: R2 against statsmodels, planted truth, and data that cannot answer."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from crm_analysis.errors import DataError
from crm_analysis.satisfaction import servperf

EXPECTED = {"reliability": ["e1"], "empathy": ["e2"]}
PERCEIVED = {"reliability": ["p1"], "empathy": ["p2"]}


def judged(n=400, *, gaps=False, seed=1):
    generator = np.random.default_rng(seed)
    columns = {name: generator.integers(3, 11, n).astype(float) for name in ("e1", "e2", "p1", "p2")}
    drive = [columns[f"p{k}"] - (columns[f"e{k}"] if gaps else 0) for k in (1, 2)]
    return pd.DataFrame(columns).assign(overall=0.6 * drive[0] + 0.2 * drive[1] + generator.normal(0, 1.5, n))


def compared(answers, **options):
    return servperf.compare(answers, expected=EXPECTED, perceived=PERCEIVED, outcome="overall", **options)


def test_r2_and_coefficients_are_those_of_statsmodels():
    answers = judged().assign(weight=np.random.default_rng(2).uniform(0.5, 2, 400))
    found = compared(answers, weight="weight", draws=100)
    perceptions = answers[["p1", "p2"]].to_numpy()
    both = [perceptions, perceptions - answers[["e1", "e2"]].to_numpy()]
    fits = [sm.WLS(answers["overall"], sm.add_constant(x), weights=answers["weight"]).fit() for x in both]
    r2 = [fit.rsquared_adj for fit in fits]
    assert found.measures["explained_share"].tolist() == pytest.approx([*r2, r2[0] - r2[1]])
    spread = np.sqrt(
        np.cov(np.column_stack([perceptions, answers["overall"]]), rowvar=False, aweights=answers["weight"]).diagonal()
    )
    assert found.dimensions["perceptions"].tolist() == pytest.approx(list(fits[0].params[1:] * spread[:2] / spread[2]))


@pytest.mark.parametrize("gaps", [False, True])
def test_it_says_which_measure_made_satisfaction(gaps):
    result = compared(judged(gaps=gaps), seed=1)
    advantage = result.measures.iloc[2]
    assert (advantage["explained_share_high"] < 0) if gaps else (advantage["explained_share_low"] > 0)
    expected = (
        "Here it pays to ask for expectations too."
        if gaps
        else "To follow satisfaction, asking for perceptions is enough; expectations still say where customers want "
        "more than they get."
    )
    assert result.findings()[1] == expected


def test_findings_in_whole():
    assert compared(judged(), seed=1).findings() == (
        "Perceptions alone explain 43.7 % (95 % interval 37.3–49.9) of the variance of overall, gaps 18.4 % (95 % "
        "interval 12.4–24.9): 25.3 points more (95 % interval 18.8–31.1).",
        "To follow satisfaction, asking for perceptions is enough; expectations still say where customers want more "
        "than they get.",
        "Reliability and empathy, in this order, go with overall for certain, other dimensions equal.",
        "400 respondents judged every dimension.",
    )


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        (pd.DataFrame(), "There are no expected and perceived service items beside overall satisfaction."),
        (
            judged().drop(columns="overall"),
            "There are no expected and perceived service items beside overall satisfaction.",
        ),
        (judged().assign(overall=7), "All answers to overall are the same: there is nothing to explain."),
    ],
)
def test_what_is_missing_is_said(answers, why, keeps_result_contract):
    result = compared(answers)
    assert result.findings() == (why,)
    keeps_result_contract(result, pictures=("plot",))


def test_too_few_respondents_are_refused():
    with pytest.raises(DataError) as raised:
        compared(judged(12))
    assert str(raised.value) == (
        "servperf: 12 complete respondents are too few for 2 dimensions, 20 are needed; name fewer dimensions."
    )


@pytest.mark.parametrize("answers", [judged(), judged(25, seed=3), judged(30).assign(p1=5.0)])
def test_ServperfResult_keeps_the_contract(answers, keeps_result_contract):
    keeps_result_contract(compared(answers, draws=100), pictures=("plot",))
