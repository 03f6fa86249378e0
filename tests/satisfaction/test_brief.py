"""Brief: first findings in order, what is absent left to the end of the line."""

import numpy as np
import pandas as pd
import pytest

from crm_analysis.errors import UsageError
from crm_analysis.satisfaction import brief, pls
from crm_analysis.satisfaction.incomplete import treatment
from crm_analysis.satisfaction.model import Construct, Model

MODEL = Model(
    "two", (Construct("quality", ("q1", "q2")), Construct("satisfaction", ("s1", "s2"))), (("quality", "satisfaction"),)
)


def fitted(n=200):
    draws = np.random.default_rng(1)
    felt = draws.normal(size=(n, 1))
    return pls.estimate(MODEL, pd.DataFrame(felt + draws.normal(size=(n, 4)), columns=["q1", "q2", "s1", "s2"]))


def test_BriefResult_keeps_the_contract(keeps_result_contract):
    fit, absent = fitted(), pls.estimate(MODEL, pd.DataFrame(columns=["q1"]))
    result = brief.gather(absent, fit, fit)
    assert result.findings() == (fit.findings()[0],)
    assert result.to_frame()["title"].tolist() == ["PLS path model"]
    assert brief.gather(absent).findings() == (absent.absent,)
    keeps_result_contract(result, pictures=())


def test_what_is_done_about_missing_answers():
    assert treatment("listwise") == ("listwise", "listwise")
    assert treatment("every") == ("mean", "fiml")
    with pytest.raises(UsageError) as raised:
        treatment("fiml")
    assert str(raised.value) == "missing must be listwise or every, not 'fiml'."
