"""The trap's explanations: against statsmodels, and planted one by one."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from crm_analysis.loyalty.curves import binning, contributions, design, explanations, interaction
from crm_analysis.multiplicity import holm


def planted(what, *, n=4000, seed=1, numeric=False):
    """Rows of answers and competition, with one explanation planted."""
    generator = np.random.default_rng(seed)
    s, basic, latent = generator.normal(size=(3, n))
    basic, latent = 0.45 * s + 0.89 * basic, 0.4 * s + 0.92 * latent
    x, level = np.clip(65 + 18 * s, 0, 100), generator.integers(0, 3, n)
    p = {
        "nothing": 0.1 + 0.007 * x - 0.05 * level,
        "perception": 0.35 + 0.001 * x + 0.017 * np.maximum(x - 72, 0),
        "two factors": 0.3 + 0.004 * x - 0.1 * np.maximum(-basic, 0) + 0.1 * np.maximum(latent, 0),
        "reversed factors": 0.3 + 0.004 * x + 0.1 * np.maximum(basic, 0) - 0.1 * np.maximum(-latent, 0),
        "competition": 0.75 + 0.001 * x - level / 2 * (0.65 - 0.006 * x),
    }[what]
    y = (generator.random(n) < p) * 1.0
    rows = pd.DataFrame({"satisfaction": x, "behaviour": y, "basic": basic, "latent": latent})
    names = pd.Series(np.array(["weak", "middle", "strong"], dtype="object")[level])
    return rows, pd.Series(level / 2) if numeric else names


def judged(rows, competition):
    columns = design.build(rows, competition)
    fitted = explanations.fit(columns, rows["behaviour"].to_numpy())
    return explanations.judge(columns, fitted)[0].set_index("name")


def test_the_regression_and_its_tests_are_those_of_statsmodels():
    rows, competition = planted("perception", n=600)
    columns = design.build(rows, competition)
    fitted = explanations.fit(columns, rows["behaviour"].to_numpy())
    reference = sm.OLS(rows["behaviour"].to_numpy(), columns.columns).fit(cov_type="HC3", use_t=True)
    assert fitted.coefficients == pytest.approx(reference.params)
    assert fitted.covariance == pytest.approx(reference.cov_params(), rel=1e-6, abs=1e-12)
    contrasts = fitted.rows(columns.block == "competition")
    assert len(contrasts) == 8
    assert fitted.p_value(contrasts) == pytest.approx(float(reference.f_test(contrasts).pvalue), rel=1e-6)


@pytest.mark.parametrize("numeric", [False, True])
def test_the_weighted_regression_is_that_of_statsmodels_and_competition_is_centred_by_weight(numeric):
    rows, competition = planted("perception", n=600, numeric=numeric)
    weight = np.random.default_rng(1).uniform(0.5, 3, 600)
    columns = design.build(rows, competition, weight=weight)
    y = rows["behaviour"].to_numpy()
    fitted = explanations.fit(columns, y)
    reference = sm.WLS(y, columns.columns, weights=weight).fit(cov_type="HC3", use_t=True)
    assert fitted.coefficients == pytest.approx(reference.params)
    assert fitted.covariance == pytest.approx(reference.cov_params(), rel=1e-6, abs=1e-12)
    own = columns.columns[:, columns.part == "competition"]
    assert np.average(own, axis=0, weights=weight) == pytest.approx(np.zeros(own.shape[1]), abs=1e-12)
    doubled = design.build(rows, competition, weight=np.full(600, 2.0))
    plain = design.build(rows, competition)
    assert interaction.p_value(doubled, y) == pytest.approx(interaction.p_value(plain, y), abs=1e-9)
    assert interaction.p_value(columns, y) != interaction.p_value(plain, y)


@pytest.mark.parametrize("numeric", [False, True])
@pytest.mark.parametrize("what", ["nothing", *design.NAMES])
def test_what_is_planted_is_supported_and_nothing_else(what, numeric):
    """Twelve samples; the benchmark has larger numbers."""
    hits = pd.DataFrame(
        [judged(*planted(what, seed=seed, numeric=numeric))["verdict"] == "supported" for seed in range(12)]
    ).sum()
    assert all(hits[name] >= 10 if name == what else hits[name] <= 2 for name in design.NAMES), hits


def test_a_trap_that_runs_the_other_way_supports_no_two_factors():
    table = judged(*planted("reversed factors"))
    assert table.loc["two factors", "pvalue"] < 0.001
    assert table.loc["two factors", "verdict"] == "not supported"


def test_what_says_the_same_cannot_be_told_apart():
    """Basic satisfaction is overall satisfaction but for a trace: a bend of one is a bend of the other."""
    verdicts = []
    for seed in range(6):
        rows, _ = planted("perception", seed=seed)
        noise = np.random.default_rng(seed).normal(0, 0.2, len(rows))
        rows["basic"], rows["behaviour"] = -rows["satisfaction"] + noise, rows["behaviour"]
        verdicts.append(tuple(judged(rows.drop(columns="latent"), None)["verdict"][:2]))
    told = ("supported", "supported")
    assert ("cannot be told apart", "cannot be told apart") in verdicts
    assert told not in verdicts


def test_what_is_not_given_or_does_not_vary_is_not_testable():
    rows, competition = planted("nothing", n=500)
    columns = design.build(rows[["satisfaction", "behaviour"]], None)
    assert columns.untestable == {
        "competition": "no measure of competition is given",
        "two factors": "neither basic nor latent satisfaction is given",
    }
    same = design.build(rows.assign(basic=1.0, latent=2.0), pd.Series(1.0, index=rows.index))
    assert same.untestable == {
        "competition": "competition is the same for all these customers",
        "two factors": "basic and latent satisfaction take too few values for a bend",
    }
    two = design.build(rows.assign(satisfaction=50.0 + 20 * (rows["satisfaction"] > 65)), competition)
    assert two.untestable == {"perception": "satisfaction takes too few values for a bend"}
    assert explanations.fit(columns, rows["behaviour"].to_numpy()[:500]) is not None
    few = design.build(rows[:40], competition[:40])
    assert explanations.fit(few, rows["behaviour"].to_numpy()[:40]) is None


def test_satisfaction_that_is_a_sum_of_its_factors_is_no_obstacle():
    rows, competition = planted("two factors")
    rows["satisfaction"] = 50 + 8 * (rows["basic"] + rows["latent"]).clip(-6, 6)
    generator = np.random.default_rng(5)
    p = 0.5 - 0.12 * np.maximum(-rows["basic"], 0) + 0.12 * np.maximum(rows["latent"], 0)
    rows["behaviour"] = (generator.random(len(rows)) < p) * 1.0
    table = judged(rows, competition)
    assert table["verdict"].tolist() == ["not supported", "supported", "not supported"]


@pytest.mark.parametrize("what", design.NAMES)
def test_contributions_go_to_what_is_planted(what):
    rows, competition = planted(what)
    columns = design.build(rows, competition)
    y = rows["behaviour"].to_numpy()
    _, at = explanations.judge(columns, explanations.fit(columns, y))
    drawn = binning.draws(len(rows), resamples=200, generator=np.random.default_rng(1))
    shares = contributions.share_out(columns, y, rows["satisfaction"].to_numpy() >= 70, at, drawn).set_index("name")
    assert shares["contribution"].sum() == pytest.approx(1)
    assert shares["contribution"].idxmax() == what
    assert shares.loc[what, "contribution"] > 0.7
    assert shares.loc[what, "ci_lower"] > 1 / 3
    assert ((shares["ci_lower"] <= shares["contribution"]) & (shares["contribution"] <= shares["ci_upper"])).all()


def test_what_columns_of_noise_explain_by_chance_is_taken_off_in_the_sample_and_in_resamples():
    gains = []
    for seed in range(40):
        generator = np.random.default_rng(seed)
        columns = np.column_stack([np.ones(300), generator.normal(size=(300, 12))])
        whole = np.column_stack([columns, generator.normal(size=300)])
        drawn = binning.draws(300, resamples=100, generator=generator)
        moments = drawn.totals((whole[:, :, None] * whole[:, None, :]).reshape(300, -1)).reshape(-1, 14, 14)
        explained, _ = contributions._explained(moments, np.zeros((101, 14)), np.arange(13))
        gains.append((explained[0], explained[1:].mean()))
    # Twelve of 300 is .04; left standing it would be that, in resamples twice that.
    assert np.abs(np.mean(gains, axis=0)).max() < 0.012


def test_points_add_up_to_how_far_the_whole_model_lies_below_the_line():
    rows, competition = planted("perception", n=1000)
    columns = design.build(rows, competition)
    y, x = rows["behaviour"].to_numpy(), rows["satisfaction"].to_numpy()
    drawn = binning.draws(1000, resamples=100, generator=np.random.default_rng(1))
    shares = contributions.share_out(columns, y, x >= 70, np.zeros(2), drawn)
    base = sm.OLS(y, columns.columns[:, columns.block == "base"]).fit().fittedvalues
    whole = sm.OLS(y, columns.columns).fit().fittedvalues

    def below(fit):
        return -sm.OLS(fit, sm.add_constant(x)).fit().resid[x >= 70].mean()

    assert shares["points"].sum() == pytest.approx(below(whole) - below(base), abs=1e-6)


def test_the_height_of_the_curve_by_competition_is_told():
    rows, competition = planted("nothing", numeric=True)
    low, high, value, ends, p = explanations.level(design.build(rows, competition), rows["behaviour"].to_numpy())
    # From no competition to full, loyalty falls by ten points.
    assert (low, high) == ("low", "high")
    assert ends[0] <= 0.10 <= ends[1]
    assert value < 0
    assert p < 0.001
    rows, competition = planted("nothing")
    low, high, value, ends, p = explanations.level(design.build(rows, competition), rows["behaviour"].to_numpy())
    assert (low, high) == ("weak", "strong")
    assert np.isnan(ends).all()


def test_slopes_of_the_factors_show_penalty_and_reward():
    rows, competition = planted("two factors", n=20_000)
    columns = design.build(rows, competition)
    slopes = explanations.factor_slopes(columns, explanations.fit(columns, rows["behaviour"].to_numpy()))
    of = slopes.set_index(["factor", "part"])
    # Planted with a corner in the middle third: the outer thirds have nearly the slopes beside it.
    true = {"basic": (0.1, 0.0), "latent": (0.0, 0.1)}
    for factor, ends in true.items():
        for part, slope in zip(("lowest third", "highest third"), ends, strict=True):
            assert of.loc[(factor, part), "slope"] == pytest.approx(slope, abs=0.03)
    assert (of["slope_low"] > 0).tolist() == [True, False, False, True]


def test_with_one_place_for_a_bend_the_interaction_is_tested_as_by_wald():
    """Three levels leave one place; score and Wald tests then agree, but for the draws."""
    for seed in range(4):
        rows, competition = planted("nothing", n=3000, seed=seed)
        rows["satisfaction"] = np.searchsorted([50, 80], rows["satisfaction"]) * 40.0
        columns = design.build(rows, competition)
        outcome = rows["behaviour"].to_numpy()
        fitted = explanations.fit(columns, outcome)
        wald = fitted.p_value(fitted.rows(columns.block == "competition"))
        assert interaction.p_value(columns, outcome) == pytest.approx(wald, abs=0.02)


@pytest.mark.parametrize("numeric", [False, True])
def test_where_curves_differ_in_height_only_the_interaction_is_claimed_at_its_rate(numeric):
    p_values = []
    for seed in range(100):
        rows, competition = planted("nothing", n=500, seed=seed, numeric=numeric)
        p_values.append(interaction.p_value(design.build(rows, competition), rows["behaviour"].to_numpy()))
    # Binomial: with a rate of .1 these ends hold 99.5 of 100 times.
    assert 3 <= (np.array(p_values) <= 0.1).sum() <= 19
    assert 0.4 <= np.mean(p_values) <= 0.6


def test_a_bend_that_grows_with_competition_is_told_better_than_by_all_bends_together():
    """Thirty samples of the hardest case of the benchmark."""
    ours, wald = [], []
    for seed in range(30):
        generator = np.random.default_rng(seed)
        x, level = np.clip(generator.normal(65, 18, 4000), 0, 100), generator.random(4000)
        p = 0.25 + 0.006 * x - level * (0.05 + 0.005 * x) + level * 0.02 * np.maximum(x - 75, 0)
        rows = pd.DataFrame({"satisfaction": x, "behaviour": (generator.random(4000) < p) * 1.0})
        columns = design.build(rows, pd.Series(level))
        fitted = explanations.fit(columns, rows["behaviour"].to_numpy())
        ours.append(interaction.p_value(columns, fitted.outcome) <= 0.025)
        wald.append(fitted.p_value(fitted.rows(columns.block == "competition")) <= 0.025)
    assert sum(ours) >= 23
    assert sum(ours) > sum(wald)


def test_the_same_customers_give_the_same_p_value_in_any_order():
    rows, competition = planted("competition", n=500)
    mixed = np.random.default_rng(3).permutation(len(rows))
    one, two = (
        interaction.p_value(design.build(part, market), part["behaviour"].to_numpy())
        for part, market in ((rows, competition), (rows.iloc[mixed], competition.iloc[mixed]))
    )
    assert one == pytest.approx(two, abs=0.003)


@pytest.mark.parametrize("seed", range(6))
def test_without_competition_closed_testing_is_that_of_holm(seed):
    rows, _ = planted("nothing", n=900, seed=seed)
    columns = design.build(rows, None)
    fitted = explanations.fit(columns, rows["behaviour"].to_numpy())
    inside = columns.block == "two factors"
    contrasts = np.array([1.0 * (inside & (columns.part == part)) for part in ("basic", "latent")])
    raw = [fitted.p_value(fitted.rows(columns.block == "perception")), fitted.p_value(contrasts)]
    table = explanations.judge(columns, fitted)[0].set_index("name")["pvalue"]
    assert table[["perception", "two factors"]].to_list() == pytest.approx(list(holm(np.array(raw))))


def test_a_set_with_perception_and_competition_is_rejected_by_their_joint_test_too():
    """Neither is sure alone, both together are: then competition needs its own p-value only."""
    found = []
    for seed in range(15):
        rows, competition = planted("competition", n=900, seed=seed, numeric=True)
        columns = design.build(rows[["satisfaction", "behaviour"]], competition)
        fitted = explanations.fit(columns, rows["behaviour"].to_numpy())
        own = interaction.p_value(columns, fitted.outcome)
        both = fitted.p_value(fitted.rows((columns.block == "competition") | (columns.block == "perception")))
        told = explanations.judge(columns, fitted)[0].set_index("name")["pvalue"]
        assert told["competition"] <= max(own, 2 * both) + 1e-12
        assert told["competition"] >= own
        found.append(told["competition"] < 2 * own - 1e-12)
    assert any(found)
