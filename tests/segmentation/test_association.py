"""Strength of a relation and its interval: against statsmodels and scipy, and by how often it holds the truth."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.formula.api import ols
from statsmodels.stats.multitest import multipletests

from crm_analysis.multiplicity import holm
from crm_analysis.segmentation.association import cramers_v, explained


def drawn(n, k, *, effect, seed):
    generator = np.random.default_rng(seed)
    codes = generator.integers(0, k, n)
    values = (1 + effect * codes) * generator.lognormal(0, 1.2, n)
    return codes, values, generator.random(n) < 0.2 + 0.2 * effect * codes


def test_explained_is_the_adjusted_r_squared_of_an_analysis_of_variance():
    codes, values, _ = drawn(400, 4, effect=1.0, seed=1)
    fitted = ols("value ~ C(code)", pd.DataFrame({"value": values, "code": codes})).fit()
    found = explained(codes, values)
    assert found.strength == pytest.approx(fitted.rsquared_adj, abs=1e-12)
    assert found.p_value == pytest.approx(fitted.f_pvalue, rel=1e-9)
    ends = [stats.ncf.cdf(fitted.fvalue, 3, 396, end * 400 / (1 - end)) for end in (found.low, found.high)]
    assert ends == pytest.approx([0.975, 0.025], abs=1e-6)


def test_cramers_v_by_the_chi_square_of_scipy():
    codes, _, yes = drawn(400, 4, effect=1.0, seed=2)
    n, chi2 = 400, stats.chi2_contingency(pd.crosstab(codes, yes), correction=False)
    rows, columns = 4 - 9 / 399, 2 - 1 / 399
    found = cramers_v(codes, yes)
    assert found.strength == pytest.approx(math.sqrt((chi2.statistic / n - 3 / 399) / (min(rows, columns) - 1)))
    assert found.p_value == pytest.approx(chi2.pvalue, rel=1e-9)
    ends = [stats.ncx2.cdf(chi2.statistic, 3, end**2 * n) for end in (found.low, found.high)]
    assert ends == pytest.approx([0.975, 0.025], abs=1e-6)


@pytest.mark.parametrize(
    ("codes", "values"), [([0, 0, 0], [1.0, 2, 3]), ([0, 1, 2], [1.0, 2, 3]), ([0, 1, 1, 0], [5.0] * 4), ([], [])]
)
def test_nothing_to_relate(codes, values):
    assert math.isnan(explained(np.array(codes, dtype=int), np.array(values)).strength)
    assert math.isnan(cramers_v(np.array(codes, dtype=int), np.array(values) > 9).strength)


def test_a_perfect_relation():
    codes = np.arange(500) % 2
    found = [explained(codes, codes * 3.0), cramers_v(codes, codes > 0)]
    assert all(one.strength > 0.999 and one.low > 0.9 and one.high <= 1 for one in found)


@given(st.integers(3, 200), st.integers(1, 9), st.integers(0, 10_000))
def test_bounds(n, k, seed):
    codes, values, yes = drawn(n, k, effect=0.2, seed=seed)
    for found in (explained(codes, values), cramers_v(codes, yes)):
        assert math.isnan(found.strength) or (0 <= found.low <= found.high <= 1 and 0 <= found.strength <= 1)


@pytest.mark.slow
@pytest.mark.parametrize("effect", [0.0, 0.05, 0.15, 0.4])
def test_intervals_hold_the_truth_although_spend_has_long_tails(effect):
    k, sigma = 4, 1.2
    rates, means = 0.2 + 0.2 * effect * np.arange(k), (1 + effect * np.arange(k)) * np.exp(sigma**2 / 2)
    within = (means**2 * (np.exp(sigma**2) - 1)).mean()
    truth = (means.var() / (means.var() + within), math.sqrt(rates.var() / (rates.mean() * (1 - rates.mean()))))
    held = np.zeros(2)
    for seed in range(1000):
        codes, values, yes = drawn(2000, k, effect=effect, seed=seed)
        pair = (explained(codes, values), cramers_v(codes, yes))
        held += [one.low <= true <= one.high for one, true in zip(pair, truth, strict=True)]
    assert (held / 1000 > 0.90).all()


@given(st.lists(st.one_of(st.floats(0, 1), st.just(math.nan)), max_size=12))
def test_holm_by_its_definition(values):
    p = np.array(values, dtype=float)
    known = sorted(p[np.isfinite(p)])
    for value, adjusted in zip(p, holm(p), strict=True):
        steps = [min(1, (len(known) - place) * other) for place, other in enumerate(known) if other <= value]
        assert math.isnan(adjusted) if math.isnan(value) else adjusted == pytest.approx(max(steps), abs=1e-12)


def test_holm_equals_statsmodels():
    p = np.array([0.04, 0.01, 0.03, 0.005, 0.9])
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1], abs=1e-12)
