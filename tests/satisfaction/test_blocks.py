"""Answers with gaps: what is worked out from a few vectors a block equals what each block's own matrices give."""

import numpy as np
import pytest

from crm_analysis.satisfaction.equations import blocks, curvature, refits
from crm_analysis.satisfaction.equations.fitting import fit
from crm_analysis.satisfaction.equations.likelihood import Likelihood, implied, objective_of
from crm_analysis.satisfaction.equations.structure import compile_rows
from crm_analysis.satisfaction.moments import Sample, saturated
from crm_analysis.satisfaction.syntax import Row

LOADINGS = {"f": "abc", "g": "deh"}


def rows():
    found = [
        Row(latent, "=~", item, value=1.0 if item == items[0] else None)
        for latent, items in LOADINGS.items()
        for item in items
    ]
    return [*found, Row("g", "~", "f"), *(Row(name, "~~", name) for name in "abcdehfg"), Row("a", "~~", "d")]


def answers(n=240, *, seed=1, share=0.1, away=0.0):
    """Of six items; the last tenth of the people answered less than half of them."""
    draws = np.random.default_rng(seed)
    f = draws.normal(size=n)
    g = 0.5 * f + draws.normal(size=n)
    items = np.column_stack([f, 0.8 * f, 0.9 * f, g, 0.7 * g, 1.1 * g]) + 0.6 * draws.normal(size=(n, 6))
    items = items + np.arange(6) + away
    gaps = draws.random(items.shape) < share
    gaps[-n // 10 :, :4] = True
    gaps[gaps.all(axis=1), 5] = False
    return np.where(gaps, np.nan, items)


def case(*, groups, away=0.0):
    """A likelihood away from its maximum, five resamples at once."""
    values = answers(away=away)
    group = np.arange(len(values)) % groups
    structure, sample = compile_rows(rows(), groups=groups, means=True), Sample(values, group=group)
    theta = fit(structure, sample).solution.theta[0] + 0.05 * np.sin(np.arange(structure.free))
    times = np.random.default_rng(2).multinomial(len(values), np.full(len(values), 1 / len(values)), size=5)
    moments = sample.moments(times)
    return structure, moments, Likelihood(structure, moments).state(np.repeat(theta[None], 5, axis=0))


def by_block(structure, moments, state, draw):
    """Objective, and expected information, of one draw from each block's own inverse."""
    p = len(structure.items)
    step = 1e-30
    # Slopes of the implied moments by a complex step.
    at = implied(structure, structure.values(state.theta[draw] + 1j * step * np.eye(structure.free)))
    objective, information = 0.0, np.zeros((structure.free, structure.free))
    for block, seen in enumerate(moments.observed):
        group, share = moments.group[block], moments.share[draw, block]
        sigma = at.covariance[0, group, :p, :p].real[np.ix_(seen, seen)]
        weight = np.linalg.inv(sigma)
        off = (moments.mean[draw, block] - at.mean[0, group, :p].real)[seen]
        about = moments.covariance[draw, block][np.ix_(seen, seen)] + np.outer(off, off)
        objective += 0.5 * share * (np.linalg.slogdet(sigma)[1] + np.trace(weight @ about))
        slopes = at.covariance[:, group, :p, :p].imag[:, seen][:, :, seen] / step
        levels = at.mean[:, group, :p].imag[:, seen] / step
        halves = weight @ slopes
        information += share * (0.5 * np.einsum("kij,lji->kl", halves, halves) + levels @ weight @ levels.T)
    return objective, information


@pytest.mark.parametrize("groups", [1, 2])
def test_each_block_s_own_matrices_give_the_same(groups):
    structure, moments, state = case(groups=groups)
    assert moments.observed.sum(axis=1).min() == 1
    objective, information = state.objective(), state.information()
    for draw in (0, 3):
        one, curve = by_block(structure, moments, state, draw)
        assert objective[draw] == pytest.approx(one, rel=1e-12)
        assert information[draw] == pytest.approx(curve, abs=1e-10)


@pytest.mark.parametrize("groups", [1, 2])
def test_slopes_and_observed_information_are_differences(groups):
    structure, moments, state = case(groups=groups)
    slopes, curves = [], []
    for move in 1e-5 * np.eye(structure.free):
        up, down = (Likelihood(structure, moments).state(state.theta + way * move) for way in (1, -1))
        slopes.append((up.objective() - down.objective()) / 2e-5)
        curves.append((up.gradient() - down.gradient()) / 2e-5)
    assert state.gradient() == pytest.approx(np.array(slopes).T, abs=1e-8)
    assert state.information(observed=True) == pytest.approx(np.array(curves).transpose(1, 2, 0), abs=1e-7)


def test_some_draws_are_these_draws_alone():
    _, moments, state = case(groups=2)
    chosen = np.array([False, True, False, True, False])
    for observed in (False, True):
        whole = state.information(observed=observed)
        assert state.information(observed=observed, chosen=chosen) == pytest.approx(whole[chosen], abs=1e-12)
    assert moments[chosen].gaps is moments.gaps


def test_large_numbers_keep_their_digits():
    near, far = case(groups=1)[2], case(groups=1, away=1e6)[2]
    assert far.information() == pytest.approx(near.information(), abs=1e-4)
    assert far.objective() == pytest.approx(near.objective(), abs=1e-4)


def test_a_matrix_that_is_not_positive_definite_has_no_likelihood():
    structure, moments, state = case(groups=1)
    theta = state.theta.copy()
    variance = next(index for index, row in enumerate(structure.rows) if row.key == ("a", "~~", "a"))
    theta[1, structure.slope[0, variance].argmax()] = -50.0
    objective = Likelihood(structure, moments).state(theta).objective()
    assert np.isinf(objective[1])
    assert np.isfinite(np.delete(objective, 1)).all()


def test_a_corner_that_one_search_ran_into_stops_no_other():
    good, flat = np.array([[2.0, 1.0], [1.0, 2.0]]), np.array([[1.0, 1.0], [1.0, 1.0]])
    found = blocks.left_over(np.stack([good, flat]))
    assert found[0] == pytest.approx(np.linalg.inv(good))
    assert found[1] == pytest.approx(flat / 4)
    root = curvature._root(np.stack([good, flat, -flat]))
    assert root @ root.swapaxes(-1, -2) == pytest.approx(np.stack([good, flat, 0 * flat]))


def test_em_finds_means_and_covariances_of_highest_likelihood():
    moments = Sample(answers(), group=np.arange(240) % 2).moments()
    mean, covariance = saturated(moments)
    best = objective_of(moments, mean, covariance)
    for seed in range(4):
        draws = np.random.default_rng(seed)
        root = np.eye(6) + 1e-3 * draws.normal(size=(6, 6))
        assert objective_of(moments, mean, root @ covariance @ root.T) > best
        assert objective_of(moments, mean + 1e-3 * draws.normal(size=mean.shape), covariance) > best


def test_draws_with_gaps_are_each_resample_alone():
    structure, sample = compile_rows(rows(), means=True), Sample(answers())
    fitted = fit(structure, sample)
    draws = refits.bootstrap(fitted, draws=30, generator=np.random.default_rng(5))
    times = np.concatenate(list(refits.resamples(fitted, 30, np.random.default_rng(5)))).astype(int)
    assert draws.converged.all()
    for draw in (0, 11, 29):
        alone = fit(structure, Sample(np.repeat(answers(), times[draw], axis=0)))
        assert draws.estimates[draw] == pytest.approx(alone.estimates, abs=2e-4)
