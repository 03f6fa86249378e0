"""The trap's curves: against scikit-learn, statsmodels and scipy, and simulations with known truth."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.optimize import minimize_scalar
from scipy.stats import multivariate_normal, norm
from sklearn.isotonic import IsotonicRegression
from statsmodels.nonparametric.kernel_regression import KernelReg

from crm_analysis.loyalty.curves import (
    binning,
    breaks,
    excess,
    group_breaks,
    kinks,
    piecewise,
    shape,
    simulated_error,
    smooth,
    tables,
)


def hinged(n, *, seed=1, kind="binary"):
    generator = np.random.default_rng(seed)
    x = np.clip(generator.normal(65, 18, n), 0, 100)
    p = 0.25 + 0.001 * x + 0.015 * np.maximum(x - 70, 0)
    return x, (generator.random(n) < p) * 1.0 if kind == "binary" else p + generator.uniform(-0.15, 0.15, n)


def sampled(x, y):
    """Bins of customers as `breaks` wants them, with the same variance everywhere."""
    places = binning.bins(x, edge=70)
    even = np.full(len(places.centre), y.var())
    return kinks.Sample(places.centre, places.size, places.sums(y), places.sums(y**2), even)


# Bins and resamples


def test_levels_are_kept_and_many_values_are_binned_without_crossing_the_threshold():
    few = binning.bins(np.array([50.0, 70.0, 50.0]), edge=70)
    assert few.centre.tolist() == [50, 70]
    assert few.place.tolist() == [0, 1, 0]
    values = np.random.default_rng(1).uniform(0, 100, 5000)
    many = binning.bins(values, edge=70)
    assert len(many.centre) <= binning.MOST_BINS + 1
    assert ((many.centre[many.place] >= 70) == (values >= 70)).all()
    assert many.sums(values) == pytest.approx(many.size * many.centre)


@pytest.mark.parametrize("n", [300, 12_000])
def test_the_first_resample_is_the_sample_and_the_others_spread_as_they_should(n):
    generator = np.random.default_rng(1)
    values = generator.normal(size=n)
    drawn = binning.draws(n, resamples=2000, generator=generator)
    totals = drawn.totals(np.column_stack([np.ones(n), values]))
    assert totals[0] == pytest.approx([n, values.sum()])
    assert drawn.counts.shape[1] == min(n, binning.MOST_UNITS)
    # Standard error of a mean, through units of one customer and through random groups.
    means = totals[1:, 1] / totals[1:, 0]
    assert means.std() == pytest.approx(values.std() / np.sqrt(n), rel=0.06)
    places = binning.bins(np.round(values), edge=0)
    assert drawn.histogram(places.place, len(places.centre), values).sum(axis=1) == pytest.approx(totals[:, 1])


# Free and monotone curves


@pytest.mark.filterwarnings("ignore:After 0.17:FutureWarning")
def test_the_free_curve_is_that_of_statsmodels():
    x, y = hinged(400)
    places = binning.bins(np.round(x), edge=70)
    points = np.array([45.0, 60.0, 70.0, 85.0])
    ours = smooth.free(points, places.centre, places.size, places.sums(y), 8.0)
    theirs = KernelReg(y, np.round(x), "c", reg_type="ll", bw=[8.0]).fit(points)[0]
    # The grain of ridge in ours is worth a hundredth of a neighbour.
    assert ours == pytest.approx(theirs, abs=2e-4)


def test_the_monotone_curve_is_that_of_scikit_learn():
    x, y = hinged(600)
    places = binning.bins(np.round(x), edge=70)
    size, total = places.size, places.sums(y)
    theirs = IsotonicRegression().fit_transform(places.centre, total / size, sample_weight=size)
    assert smooth.monotone(size, total) == pytest.approx(theirs)


def test_an_empty_bin_of_a_resample_takes_the_value_before_it():
    size, total = np.array([[2.0, 0.0, 2.0], [0.0, 1.0, 1.0]]), np.array([[0.0, 0.0, 2.0], [0.0, 1.0, 0.0]])
    assert smooth.monotone(size, total).tolist() == [[0, 0, 1], [0.5, 0.5, 0.5]]


def test_a_curve_ends_where_ten_customers_are_left():
    at = np.arange(10.0)
    assert smooth.grid(at, np.array([4, 4, 4, 90, 90, 90, 90, 12, 1, 1.0])).tolist() == [2, 3, 4, 5, 6, 7]
    dense = smooth.grid(np.linspace(0, 100, 500), np.full(500, 20.0))
    assert (len(dense), dense[0], dense[-1]) == (61, 0, 100)


def test_bands_hold_curves_as_often_as_they_say():
    """One hundred smooth curves: pointwise 95 % on average, the whole of it in about as many."""
    at = np.linspace(0, 100, 41)
    true = 0.2 + 0.006 * at
    inside, whole = [], []
    for seed in range(100):
        generator = np.random.default_rng(seed)
        place = generator.integers(41, size=600)
        y = (generator.random(600) < true[place]) * 1.0
        drawn = binning.draws(600, resamples=200, generator=generator)
        size, total = drawn.histogram(place, 41), drawn.histogram(place, 41, y)
        curves = smooth.free(at, at, size, total, 12.0)
        ends = smooth.bands(curves[0], curves[1:])
        inside.append(((ends["ci_lower"] <= true) & (true <= ends["ci_upper"])).mean())
        whole.append(((ends["band_lower"] <= true) & (true <= ends["band_upper"])).all())
    assert 0.90 <= np.mean(inside) <= 0.98
    assert 0.88 <= np.mean(whole) <= 1.0


# Breaks


def test_the_break_is_where_least_squares_have_their_minimum():
    x, y = hinged(800)
    data = sampled(np.round(x), y)
    found = breaks.find(data, generator=np.random.default_rng(1), most=1)

    def loss(place):
        design = np.column_stack([np.ones(800), np.round(x), np.maximum(np.round(x) - place, 0)])
        return sm.OLS(y, design).fit().ssr

    fine = minimize_scalar(loss, bounds=(60, 80), method="bounded", options={"xatol": 1e-4})
    step = np.diff(kinks.candidates(data, 121))[0]
    assert found.at == pytest.approx([fine.x], abs=step)
    place = found.positions[0, 0]
    reference = sm.OLS(y, np.column_stack([np.ones(800), np.round(x), np.maximum(np.round(x) - place, 0)])).fit()
    assert kinks.coefficients(data, found.at) == pytest.approx(reference.params)


def test_two_breaks_are_found_where_they_are():
    generator = np.random.default_rng(2)
    x = generator.uniform(0, 100, 4000)
    true = 0.1 + 0.008 * np.minimum(x, 40) + 0.001 * np.clip(x - 40, 0, 40) + 0.015 * np.maximum(x - 80, 0)
    found = breaks.find(sampled(x, true + generator.normal(0, 0.1, 4000)), generator=generator)
    assert (found.positions[:, 1] <= [40, 80]).all()
    assert (found.positions[:, 2] >= [40, 80]).all()
    assert found.at == pytest.approx([40, 80], abs=3)
    assert max(found.p_values) < 0.01


def test_weighted_bins_have_the_spread_of_weighted_sums():
    x, y = np.repeat([20.0, 40, 60, 80], 3), np.tile([0.0, 1, 1], 4)
    weight = np.tile([1.0, 2, 4], 4)
    sample = shape.weigh(binning.bins(x, edge=70, weight=weight), y)[1]
    assert sample.size.tolist() == [7] * 4
    assert sample.total.tolist() == [6] * 4
    fit = 6 / 7
    spread = np.sqrt((weight**2 * (y - fit) ** 2).reshape(4, 3).sum(axis=1) / 7 / sample.variance / (1 - 2 / 28))
    assert sample.spread(np.empty(0)) == pytest.approx(spread)


def group(n, place, seed):
    """Bins of n customers whose curve breaks at a place."""
    generator = np.random.default_rng(seed)
    x = np.round(generator.uniform(0, 100, n))
    return x, 0.2 + 0.001 * x + 0.015 * np.maximum(x - place, 0) + generator.normal(0, 0.1, n)


def test_groups_that_break_at_one_place_or_apart_are_told():
    p_values = {
        places: [
            breaks.one_place(
                [sampled(*group(400, place, 10 * seed + one)) for one, place in enumerate(places)],
                generator=np.random.default_rng(seed),
                resamples=99,
            )
            for seed in range(40)
        ]
        for places in ((60, 60, 60), (55, 60, 65))
    }
    # Binomial: with a rate of .1 these ends hold 99.5 of 100 times.
    assert (np.array(p_values[60, 60, 60]) <= 0.1).sum() <= 10
    assert (np.array(p_values[55, 60, 65]) <= 0.05).mean() >= 0.9
    low, high = sampled(*group(400, 60, 1)), sampled(*group(400, 60, 2))
    high = replace(high, at=high.at + 200)
    assert np.isnan(breaks.one_place([low, high], generator=np.random.default_rng(1), resamples=99))


def test_every_group_has_its_break_or_the_reason_why_not():
    sizes = {"east": (400, 50), "north": (400, 75), "south": (400, 200), "west": (299, 50)}
    parts = [group(n, place, seed) for seed, (n, place) in enumerate(sizes.values())]
    x, y = (np.concatenate(part) for part in zip(*parts, strict=True))
    names = pd.DataFrame({"region": np.repeat(list(sizes), [n for n, _ in sizes.values()]), "wave": "first"})
    places, generator = binning.bins(x, edge=70), np.random.default_rng(1)
    table, p_values = group_breaks.find(names, places, y, most=1, generator=generator, resamples=99)
    assert table["group"].tolist() == ["east", "north", "south", "west", "first"]
    assert table["verdict"].tolist() == ["one break", "one break", "no break found", "too few", "one break"]
    assert table["customers"].tolist() == [400, 400, 400, 299, 1499]
    for row, place in zip(table[:2].itertuples(), (50, 75), strict=True):
        assert row.ci_lower <= place <= row.ci_upper
    assert table.loc[2:3, ["position", "ci_lower", "ci_upper"]].isna().all(axis=None)
    # A third of the rate, which 99 draws could hardly reach.
    assert table.loc[0, "pvalue"] <= breaks.FIRST_RATE / 3 / 1.9
    assert list(p_values) == ["region"]
    assert p_values["region"] <= 0.02
    first, twice = places.of(np.arange(len(y)) < 400), (y - 0.03 * np.maximum(x - 80, 0))[:400]
    two, _ = group_breaks.find(names[:400], first, twice, most=2, generator=generator, resamples=99)
    assert two["verdict"].tolist() == ["two breaks"] * 4
    assert two["position"].to_list() == pytest.approx([50, 80] * 2, abs=5)


def test_with_few_levels_no_break_is_sought():
    x = np.repeat([25.0, 50.0, 75.0, 100.0], 50)
    found = breaks.find(sampled(x, (np.arange(200) % 3 == 0) * 1.0), generator=np.random.default_rng(1))
    assert found.p_values == ()
    assert len(found.positions) == 0


def test_an_uneven_spread_is_not_taken_for_a_break():
    """A straight line whose errors grow tenfold along it."""
    claimed = 0
    for seed in range(60):
        generator = np.random.default_rng(seed)
        x = generator.uniform(0, 100, 500)
        y = 0.2 + 0.006 * x + generator.normal(size=500) * (0.01 + 0.001 * x)
        data = sampled(x, y)
        claimed += len(breaks.find(data, generator=generator, resamples=200).positions) > 0
    assert claimed <= 6


def test_a_break_is_held_by_its_interval():
    """Forty samples of 1,500: at least 36 hold it, and are no wider than need be; the benchmark has larger numbers."""
    held, widths = 0, []
    for seed in range(40):
        x, y = hinged(1500, seed=seed)
        found = breaks.find(sampled(x, y), generator=np.random.default_rng(seed), resamples=200, most=1)
        held += ((found.positions[:, 1] <= 70) & (found.positions[:, 2] >= 70)).any()
        widths += list(found.positions[:, 2] - found.positions[:, 1])
    assert held >= 36
    assert np.median(widths) <= 15


@pytest.mark.parametrize("bend", [2.5, 6.0])
def test_places_hold_the_break_whether_the_bend_is_slight_or_sharp(bend):
    """Normal scores of hinges at 21 places; 200 samples."""
    x = np.linspace(-1, 1, 101)
    places, line = np.linspace(-0.6, 0.6, 21), np.column_stack([np.ones_like(x), x])
    hinges = kinks.hinge(x, places)
    unit = hinges - line @ np.linalg.lstsq(line, hinges, rcond=None)[0]
    unit /= np.linalg.norm(unit, axis=0)
    generator, held = np.random.default_rng(1), 0
    for _ in range(200):
        score = unit.T @ (bend * unit[:, 7] + generator.normal(size=101))
        process = kinks.Process(score, generator.normal(size=(200, 101)) @ unit, unit.T @ unit)
        low, high = breaks._ends(process, places)
        held += low <= places[7] <= high
    assert 0.9 <= held / 200 <= 0.995


def test_the_likelihood_of_a_place_is_set_against_the_mean_of_all():
    squares = np.array([[1.0, 4.0, 0.0], [2000.0, 0.0, 0.0]])
    plain = 2 * np.log((np.exp(0.5) + np.exp(2) + 1) / 3)
    assert kinks.beyond(squares) == pytest.approx([plain, 2000 - 2 * np.log(3)])


def test_the_piecewise_line_of_the_sample_is_least_squares_and_moves_with_the_resamples():
    x, y = hinged(3000)
    places = binning.bins(np.round(x), edge=70)
    drawn = binning.draws(3000, resamples=300, generator=np.random.default_rng(1))
    size = drawn.histogram(places.place, len(places.centre))
    total = drawn.histogram(places.place, len(places.centre), y)
    points, at = np.array([50.0, 70.0, 90.0]), places.centre
    line, slopes = piecewise.curve(points, at, size, total, np.ones(len(at)), np.array([70.0]))
    design = np.column_stack([np.ones(3000), np.round(x), np.maximum(np.round(x) - 70, 0)])
    reference = sm.OLS(y, design).fit()
    assert slopes[0] == pytest.approx(np.cumsum(reference.params[1:]))
    assert line[0] == pytest.approx(
        np.column_stack([np.ones(3), points, np.maximum(points - 70, 0)]) @ reference.params
    )
    # With a place that is estimated too, the line at the break is less certain than with one that is known.
    known = np.sqrt(np.array([1, 70, 0]) @ reference.cov_HC0 @ np.array([1, 70, 0]))
    assert line[1:, 1].std() > 1.1 * known


def test_the_flat_zone_lies_between_the_breaks_and_has_a_width_with_an_interval():
    found = breaks.Breaks(np.array([[45.0, 42, 50], [80, 76, 83]]), (0.01, 0.01))
    zone = piecewise.flat_zone(found, np.array([5.0, 100]), np.array([0.01, 0.001, 0.02]), 0.008).iloc[0]
    assert zone["satisfaction_from":"satisfaction_to"].tolist() == [45, 80]
    assert zone["width":"width_upper"].tolist() == pytest.approx([35, 35 - np.hypot(4, 5), 35 + np.hypot(3, 3)])
    assert piecewise.flat_zone(found, np.array([5.0, 100]), np.array([0.01, 0.009, 0.02]), 0.008).empty
    # A curve that is flat at its end: the data end there, and that is certain.
    one = breaks.Breaks(np.array([[55.0, 50, 61]]), (0.01, 0.5))
    zone = piecewise.flat_zone(one, np.array([5.0, 98]), np.array([0.01, 0.001]), 0.008).iloc[0]
    assert zone["width":"width_upper"].tolist() == [43, 37, 48]


# What a line would give anyway


def test_the_expected_share_is_that_of_the_bivariate_normal_distribution():
    """With a correlation of .5 a third of the satisfied half lie below the median, and .30 of the upper two fifths."""
    generator = np.random.default_rng(1)
    x = generator.normal(size=400_000)
    y = 0.5 * x + np.sqrt(0.75) * generator.normal(size=400_000)
    alone = binning.Draws(np.zeros(len(x), dtype=int), np.ones((1, 1)))
    for cut, rounded in ((0.0, 0.333), (norm.ppf(0.6), 0.299)):
        both = multivariate_normal(cov=[[1, -0.5], [-0.5, 1]]).cdf([-cut, 0]) / norm.sf(cut)
        rate, beyond = tables.trap_excess(x, y >= 0, y, alone, satisfied_from=cut, cut=0.0)[0]
        assert both == pytest.approx(rounded, abs=1e-3)
        assert rate == pytest.approx(both, abs=4e-3)
        assert beyond == pytest.approx(0, abs=3e-3)


def test_the_expected_share_of_yes_and_no_is_that_of_the_line():
    x, y = hinged(2000)
    places = binning.bins(np.round(x), edge=70)
    at, satisfied = places.centre, places.centre >= 70
    size, total = places.size[None], places.sums(y)[None]
    line = sm.OLS(y, sm.add_constant(np.round(x))).fit()
    expected = excess.expected_of_line(size, total, at, satisfied)
    assert expected == pytest.approx([1 - line.fittedvalues[np.round(x) >= 70].mean()])
    # So that the excess is minus the mean residual of the satisfied.
    rate = excess.observed(size, total, satisfied)
    assert rate - expected == pytest.approx([-line.resid[np.round(x) >= 70].mean()])


@given(
    arrays.arrays(float, (1, 6), elements=st.integers(1, 30)),
    arrays.arrays(float, 6, elements=st.integers(0, 10)),
    st.integers(0, 5),
)
def test_shares_are_shares_and_a_perfect_line_leaves_no_excess(size, loyal, first):
    at, satisfied = np.arange(0, 60, 10.0), np.arange(6) >= first
    loyal = np.minimum(loyal, size)
    assert 0 <= excess.observed(size, loyal, satisfied)[0] <= 1
    assert 0 <= excess.expected_of_line(size, loyal, at, satisfied)[0] <= 1
    exact = size * (0.2 + 0.01 * at)
    gap = excess.observed(size, exact, satisfied) - excess.expected_of_line(size, exact, at, satisfied)
    assert gap == pytest.approx([0], abs=1e-9)


def test_an_uneven_spread_about_a_line_is_no_excess():
    """Shares between 0 and 1 about a straight line spread less near the ends."""
    generator = np.random.default_rng(3)
    x = np.clip(generator.normal(65, 18, 300_000), 0, 100)
    p = 0.15 + 0.0065 * x
    y = generator.beta(5 * p, 5 * (1 - p))
    alone = binning.Draws(np.zeros(len(x), dtype=int), np.ones((1, 1)))
    cut = float(np.median(y))
    beyond = tables.trap_excess(x, y >= cut, y, alone, satisfied_from=70, cut=cut)[0, 1]
    assert abs(beyond) < 0.005


# Error in satisfaction


def test_spreading_bins_is_what_simulated_errors_do_on_average():
    generator = np.random.default_rng(1)
    at, size = np.array([20.0, 50, 90]), np.array([100.0, 300, 200])
    seen = {}

    def keep(spread, cells):
        seen[len(seen)] = (size @ spread, cells)
        return np.array([(size @ spread)[cells >= 70].sum()])

    simulated_error.extrapolated(keep, at, error=10.0, edge=70)
    moved, cells = seen[2]
    drawn = np.repeat(at, (size * 500).astype(int)) + generator.normal(0, 10, 300_000)
    assert moved.sum() == pytest.approx(600)
    assert moved[cells >= 70].sum() == pytest.approx((drawn >= 70).sum() / 500, rel=0.01)
    assert (moved @ cells) / 600 == pytest.approx(at @ size / 600, abs=0.1)


def test_the_slope_without_error_is_what_the_quadratic_makes_of_the_known_attenuation():
    x = np.random.default_rng(1).normal(65, 18, 200_000)
    places = binning.bins(x, edge=70)
    total = places.size * (0.1 + 0.007 * places.centre)

    def slope(spread, cells):
        return excess.line((places.size @ spread)[None], (total @ spread)[None], cells)[1]

    variance = (places.size @ (places.centre - x.mean()) ** 2) / len(x)
    added = np.array([0, 0.5, 1, 1.5, 2])
    exact = 0.007 * variance / (variance + added * 100)
    quadratic = np.polynomial.Polynomial.fit(added, exact, 2)(-1)
    found = simulated_error.extrapolated(slope, places.centre, error=10.0, edge=70)
    assert found == pytest.approx([quadratic], rel=2e-3)


def test_a_bend_in_a_number_is_set_against_a_line_of_the_same_correlation():
    """A curve with even normal errors: what is expected is what a line with normal errors and its correlation gives."""
    generator = np.random.default_rng(4)
    x = generator.uniform(0, 100, 400_000)
    y = 0.3 + 0.012 * np.maximum(x - 60, 0) + generator.normal(0, 0.1, len(x))
    alone = binning.Draws(np.zeros(len(x), dtype=int), np.ones((1, 1)))
    rate, beyond = tables.trap_excess(x, y >= 0.45, y, alone, satisfied_from=60, cut=0.45)[0]
    line = np.polynomial.Polynomial.fit(x, y, 1)
    error = (y - line(x)).std()
    assert rate - beyond == pytest.approx(norm.cdf((0.45 - line(x[x >= 60])) / error).mean(), abs=0.006)


def test_types_and_boxes_by_hand():
    satisfied, loyal = np.array([True, True, False, False]), np.array([True, False, True, False])
    assert tables.types(satisfied, loyal).tolist() == ["apostle", "mercenary", "hostage", "defector"]
    shares = tables.type_shares(tables.types(satisfied, loyal), np.ones(4))
    assert shares["customers_share"].tolist() == [0.25] * 4
    likert = np.repeat([25.0, 50, 75, 100], 20)
    boxes = tables.boxes(likert, np.arange(80) % 20 < np.repeat([2, 4, 8, 16], 20), np.ones(80)).set_index("box")
    assert boxes["loyal_share"].tolist() == pytest.approx([0.8, 0.4, 0.4])
    assert boxes.loc["top box", ["satisfaction_from", "satisfaction_to"]].tolist() == [100, 100]
    fine = tables.boxes(np.linspace(0, 100, 401), np.ones(401, dtype=bool), np.ones(401)).set_index("box")
    assert fine.loc["next box", "satisfaction_from":"customers"].tolist() == [80, 90, 40]
    assert tables.boxes(np.full(5, 50.0), np.ones(5, dtype=bool), np.ones(5)).empty


def test_the_statistic_of_two_breaks_is_the_quadratic_form_of_their_scores():
    generator = np.random.default_rng(2)
    score, noise = generator.normal(size=6), generator.normal(size=(400, 6)) @ generator.normal(size=(6, 6))
    process = kinks.Process(score, noise, np.eye(6))
    covariance = noise.T @ noise / len(noise)
    pairs = [(one, two) for one in range(6) for two in range(one + 2, 6)]

    def largest(scores):
        return max(
            scores[list(pair)] @ np.linalg.inv(covariance[np.ix_(pair, pair)]) @ scores[list(pair)] for pair in pairs
        )

    seen, drawn = process.best_pair()
    assert seen == pytest.approx(largest(score))
    assert drawn[:5] == pytest.approx([largest(row) for row in noise[:5]])


def test_a_stretch_is_flat_below_half_the_slope_of_the_straight_line():
    found = breaks.Breaks(np.array([[50.0, 45.0, 55.0]]), (0.001,))
    at = np.linspace(0, 100, 11)
    assert piecewise.flat_zone(found, at, np.array([0.006, 0.014]), 0.01).empty
    zone = piecewise.flat_zone(found, at, np.array([0.004, 0.016]), 0.01)
    assert zone[["satisfaction_from", "satisfaction_to", "width"]].to_numpy().tolist() == [[0, 50, 50]]
    assert zone[["width_lower", "width_upper"]].to_numpy().tolist() == [[45, 55]]
