"""The engine: moments of resamples, derivatives, the EM algorithm, the search."""

import numpy as np
import pytest

from crm_analysis.errors import DataError, UsageError
from crm_analysis.satisfaction.equations import expression, refits
from crm_analysis.satisfaction.equations.fitting import fit
from crm_analysis.satisfaction.equations.likelihood import Likelihood, objective_of
from crm_analysis.satisfaction.equations.scoring import maximise
from crm_analysis.satisfaction.equations.standardised import Effects
from crm_analysis.satisfaction.equations.structure import compile_rows
from crm_analysis.satisfaction.moments import Sample, saturated
from crm_analysis.satisfaction.syntax import Row


def rows(*, means=False):
    """Two constructs of three items, a path, an item that only a path names, and an error covariance."""
    found = [Row("f", "=~", "a", value=1.0), Row("f", "=~", "b"), Row("f", "=~", "c")]
    found += [Row("g", "=~", "d", value=1.0), Row("g", "=~", "e"), Row("g", "=~", "h")]
    found += [Row("g", "~", "f", label="p"), Row("y", "~", "g", label="q"), Row("y", "~", "f", label="r")]
    found += [Row(name, "~~", name) for name in "abcdehyfg"] + [Row("a", "~~", "d")]
    return [*found, Row("total", ":=", "p*q + r")]


def answers(n=300, *, seed=1):
    generator = np.random.default_rng(seed)
    f = generator.normal(size=n)
    g = 0.5 * f + generator.normal(size=n)
    items = [f, 0.8 * f, 0.9 * f, g, 0.7 * g, 1.1 * g]
    items = [item + 0.6 * generator.normal(size=n) for item in items]
    return np.column_stack([*items, 0.4 * g + 0.2 * f + generator.normal(size=n)]) + np.arange(7)


def with_gaps(values, *, share=0.1, seed=2):
    return np.where(np.random.default_rng(seed).random(values.shape) < share, np.nan, values)


def test_moments_of_resamples_are_those_of_the_rows_drawn():
    values = answers(50)
    drawn = np.random.default_rng(3).integers(0, 50, (4, 50))
    times = np.stack([np.bincount(row, minlength=50) for row in drawn])
    found = Sample(values).moments(times)
    for draw, row in enumerate(drawn):
        assert found.mean[draw, 0] == pytest.approx(values[row].mean(axis=0))
        assert found.covariance[draw, 0] == pytest.approx(np.cov(values[row].T, bias=True))


def test_large_numbers_keep_their_digits():
    values = answers(100)
    assert Sample(values + 1e8).moments().covariance == pytest.approx(Sample(values).moments().covariance, rel=1e-6)


@pytest.mark.parametrize("gaps", [False, True])
def test_derivatives(gaps):
    values = with_gaps(answers()) if gaps else answers()
    structure = compile_rows(rows(), means=gaps)
    sample = Sample(values)
    likelihood = Likelihood(structure, sample.moments())
    theta = fit(structure, sample).solution.theta + 0.02 * np.sin(np.arange(structure.free))
    state = likelihood.state(theta)
    step = 1e-6 * np.eye(structure.free)
    slopes, curves = [], []
    for move in step:
        up, down = likelihood.state(theta + move), likelihood.state(theta - move)
        slopes.append((up.objective()[0] - down.objective()[0]) / 2e-6)
        curves.append((up.gradient()[0] - down.gradient()[0]) / 2e-6)
    assert state.gradient()[0] == pytest.approx(np.array(slopes), abs=1e-7)
    assert state.information(observed=True)[0] == pytest.approx(np.array(curves), abs=1e-6)
    scores = state.scores(sample.answers, sample.block)
    assert -scores.mean(axis=0) == pytest.approx(state.gradient()[0])


def test_em_ends_where_nothing_is_to_be_gained():
    moments = Sample(with_gaps(answers())).moments()
    mean, covariance = saturated(moments)
    best = objective_of(moments, mean, covariance)[0]
    for seed in range(5):
        away = 1e-3 * np.random.default_rng(seed).normal(size=mean.shape)
        assert objective_of(moments, mean + away, covariance)[0] > best
        assert objective_of(moments, mean, covariance * (1 + away.mean()))[0] > best


def test_many_samples_at_once_are_each_sample_alone():
    structure, sample = compile_rows(rows()), Sample(answers())
    fitted = fit(structure, sample)
    times = np.random.default_rng(4).multinomial(300, np.full(300, 1 / 300), size=20)
    together = maximise(structure, sample.moments(times), fitted.solution.theta[0], tolerance=1e-12)
    assert together.converged.all()
    for draw in (0, 7, 19):
        alone = fit(structure, Sample(np.repeat(answers(), times[draw], axis=0)))
        assert together.theta[draw] == pytest.approx(alone.solution.theta[0], abs=1e-5)


def test_draws_carry_errors_and_a_verdict():
    fitted = fit(compile_rows(rows()), Sample(answers()))
    draws = refits.bootstrap(fitted, draws=200, generator=np.random.default_rng(5))
    assert draws.estimates.shape == (200, 1, len(fitted.structure.rows))
    assert draws.soundness.sound.mean() > 0.95
    spread = draws.estimates.std(axis=0)[0]
    free = fitted.structure.moving
    assert draws.errors.mean(axis=0)[0, free] == pytest.approx(spread[free], rel=0.35)


def test_intervals_of_a_known_distribution():
    drawn = np.random.default_rng(6).normal(size=(20_000, 1))
    low, high = refits.intervals(np.zeros(1), drawn)
    assert (low[0], high[0]) == pytest.approx((-1.96, 1.96), abs=0.06)
    # Half of the draws lie below the estimate and nobody is skewed: nothing to correct.
    corrected = refits.intervals(np.median(drawn, axis=0), drawn, np.array([[-1.0], [1.0]]))
    assert (corrected[0][0], corrected[1][0]) == pytest.approx((low[0], high[0]))
    assert np.isnan(refits.intervals(np.zeros(1), drawn[:50])[0]).all()


def test_effects_add_up():
    structure = compile_rows(rows())
    fitted = fit(structure, Sample(answers()))
    effects = Effects(structure)
    found = effects.frame().assign(value=effects.raw(fitted.estimates[None])[0, 0])
    value = found.set_index(["effect", "name"])["value"]
    assert value["defined", "total"] == pytest.approx(value["total", "f -> y"])
    at = {row.label: fitted.estimates[0, index] for index, row in enumerate(structure.rows)}
    assert value["indirect", "f -> y"] == pytest.approx(at["p"] * at["q"])


@pytest.mark.parametrize(("formula", "value"), [("a*b^2", 18.0), ("-a + exp(0)", -1.0), ("sqrt(b*3)/a.c", 0.75)])
def test_formulas(formula, value):
    assert expression.value(formula, {"a": 2.0, "b": 3.0, "a.c": 4.0}) == pytest.approx(value)


def test_formulas_that_are_not_understood():
    with pytest.raises(UsageError) as raised:
        expression.value("a + z", {"a": 1.0})
    assert str(raised.value) == "The formula 'a + z' uses the label 'z', which no row has (labels: a)."
    with pytest.raises(UsageError, match=r"^The formula 'a \+' is not understood; write it as in 'a1\*b3 \+ a2'\.$"):
        expression.value("a +", {"a": 1.0})
    with pytest.raises(UsageError, match=r"it may hold numbers, labels"):
        expression.value("open('x')", {})


def test_models_that_cannot_be_fitted():
    sample = Sample(answers())
    with pytest.raises(UsageError) as raised:
        compile_rows([Row("a", "~~", "a"), Row("a", "~~", "a")])
    assert str(raised.value) == "The parameter a ~~ a is in the model twice; keep one."
    with pytest.raises(UsageError, match=r"^The constraint 'p == q\*r' is not linear in its labels"):
        compile_rows([*rows(), Row("p", "==", "q*r")])
    values = answers()
    values[:, 2] = values[:, 0] + values[:, 1]
    with pytest.raises(DataError) as refused:
        fit(compile_rows(rows()), Sample(values))
    assert str(refused.value) == (
        "The items a, b, c are perfectly collinear: one is a sum of the others; leave one out."
    )
    everything = [Row(a, "~~", b) for a in "abcdehy" for b in "abcdehy" if a <= b]
    too_many = [*everything, Row("f", "=~", "a"), Row("f", "~~", "f")]
    with pytest.raises(UsageError, match=r"^The model has 30 free parameters but its items give only 28"):
        fit(compile_rows(too_many), sample)
