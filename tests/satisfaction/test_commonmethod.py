"""Common-method variance: planted and absent."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

from crm_analysis.errors import UsageError
from crm_analysis.satisfaction import covariance

MODEL = "f =~ a1 + a2 + a3\ng =~ b1 + b2 + b3\nh =~ c1 + c2 + c3"


def planted(method, *, n=1500):
    """Three constructs that correlate at .3, each with three items, and a method that loads on all nine."""
    generator = np.random.default_rng(1)
    constructs = generator.multivariate_normal(np.zeros(3), 0.7 * np.eye(3) + 0.3, size=n)
    shared = method * generator.normal(size=n)
    names = [f"{letter}{k}" for letter in "abc" for k in (1, 2, 3)]
    columns = [
        0.7 * constructs[:, k // 3] * (0.7 + 0.2 * (k % 3)) + shared + 0.6 * generator.normal(size=n) for k in range(9)
    ]
    return pd.DataFrame(dict(zip(names, columns, strict=True)))


def test_lavaan_s_three_models():
    reference = json.loads((Path(__file__).parents[1] / "reference/lavaan_commonmethod.json").read_text("utf-8"))
    found = covariance.common_method(MODEL, planted(0.5))
    for row, expected in zip(found.models.to_dict("records"), reference["models"], strict=True):
        assert [row[name] for name in ("chisq", "df", "cfi", "rmsea", "srmr")] == pytest.approx(expected, rel=1e-4)
    items = found.items
    for column, loadings in (("loading", "constructs"), ("loading_with_method", "with_method")):
        assert items[column].to_numpy() == pytest.approx(list(reference[loadings].values()), rel=1e-4)
    assert items["method_share"].to_numpy() == pytest.approx(reference["method"] ** 2, rel=1e-4)


def test_the_method_is_tested_with_one_degree_of_freedom():
    found = covariance.common_method(MODEL, planted(0.1))
    chisq = found.models.set_index("model")["chisq"]
    fall = chisq["constructs"] - chisq["constructs and method"]
    assert 0 < fall < 60
    assert found.p_value == pytest.approx(chi2.sf(fall, 1))


def test_a_planted_method_is_found_and_an_absent_one_is_not():
    shares = [covariance.common_method(MODEL, planted(method)) for method in (0.0, 0.8)]
    assert shares[1].metrics()["method_share"] > 0.3
    assert shares[0].metrics()["method_share"] < 0.3
    assert (
        shares[1]
        .findings()[0]
        .endswith("so the method may matter, or the constructs have so much in common: the answers cannot tell which.")
    )
    assert shares[1].metrics()["first_component_share"] > shares[0].metrics()["first_component_share"]


def test_what_constructs_truly_share_is_not_put_down_to_the_method():
    draws = np.random.default_rng(5)
    e = draws.normal(size=3000)
    q = 0.6 * e + 0.8 * draws.normal(size=3000)
    felt = {"a": e, "b": q, "c": 0.2 * e + 0.7 * q + 0.6 * draws.normal(size=3000)}
    # No method, and items that load alike: a common factor and correlations of the constructs fit as well.
    answers = pd.DataFrame(
        {f"{name}{k}": 0.8 * felt[name] + 0.6 * draws.normal(size=3000) for name in felt for k in (1, 2, 3)}
    )
    found = covariance.common_method(MODEL, answers)
    assert found.metrics()["method_share"] > 0.3
    assert found.findings()[0].endswith("the answers cannot tell which.")
    assert found.findings()[-1] == "The model with the common factor is not sound, so its share is only a hint."


def test_one_construct_is_not_enough():
    with pytest.raises(UsageError) as raised:
        covariance.common_method("f =~ a1 + a2 + a3", planted(0.0))
    assert str(raised.value) == "The common method needs at least two constructs with two items or more each."


def test_MethodResult_keeps_the_contract(keeps_result_contract):
    for result in (
        covariance.common_method(MODEL, planted(0.5)),
        covariance.common_method(MODEL, pd.DataFrame()),
    ):
        keeps_result_contract(result, pictures=("plot",))
