"""Migration: counted by hand, tested against other software, forecast with the coverage that is promised."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2, chi2_contingency
from statsmodels.stats.proportion import proportion_confint

from crm_analysis.errors import UsageError
from crm_analysis.segmentation import clusters, migration, rfm, value
from crm_analysis.segmentation.moving import forecasting, testing
from crm_analysis.segmentation.moving.forecasting import predict


def series(text):
    """``"a:gold b:lead"`` as labels by customer."""
    return pd.Series(dict(part.split(":") for part in text.split()), dtype="object")


@pytest.fixture
def three():
    """Ten customers and three dates: h comes new, d goes and returns, j goes."""
    return {
        "2023-12-31": series("a:gold b:gold c:lead d:lead e:lead f:lead g:lead i:gold j:lead"),
        "2024-12-31": series("a:gold b:lead c:lead e:gold f:lead g:lead i:gold j:lead"),
        "2025-12-31": series("a:gold b:lead c:gold d:lead e:gold f:lead g:lead h:lead i:lead"),
    }


@pytest.fixture
def worth(three):
    values = {"2023-12-31": 10.0, "2024-12-31": 20.0, "2025-12-31": 40.0}
    return {date: pd.Series(values[date], index=labels.index) for date, labels in three.items()}


def chain(matrix, *, start, dates, seed=1):
    """Labels of customers who move by a Markov chain."""
    generator = np.random.default_rng(seed)
    matrix, codes = np.asarray(matrix), np.repeat(np.arange(len(start)), start)
    found = {}
    for date in range(dates):
        found[f"{2000 + date}-12-31"] = pd.Series(np.array(list("abcdefgh"))[codes], index=np.arange(len(codes)))
        steps = matrix[codes].cumsum(axis=1)
        codes = (generator.random(len(codes))[:, None] > steps).sum(axis=1)
    return found


def test_three_dates_by_hand(three, worth):
    result = migration.follow(three, value=worth, order=["gold", "lead"], what="cells", currency="EUR")
    last = result.transitions[result.transitions["step"] == "2024-12-31 to 2025-12-31"].set_index(["before", "after"])
    assert last["customers"].to_dict() == {
        ("gold", "gold"): 2,
        ("gold", "lead"): 1,
        ("lead", "gold"): 1,
        ("lead", "lead"): 3,
        ("lead", "gone"): 1,
        ("gone", "lead"): 1,
        ("new", "lead"): 1,
    }
    row = last.loc[("gold", "gold")]
    assert row["share"] == pytest.approx(2 / 3)
    assert (row["share_low"], row["share_high"]) == pytest.approx(proportion_confint(2, 3, method="wilson"))
    assert (row["value_before"], row["value_after"], row["value_change"]) == (40, 80, 40)
    # Two of the ten customers add 20 each; the others 0.
    half = 1.959964 * np.sqrt(10) * np.std([20.0] * 2 + [0.0] * 8, ddof=1)
    assert (row["value_change_low"], row["value_change_high"]) == pytest.approx((40 - half, 40 + half))
    assert last.loc[("lead", "gone"), "value_change"] == -20
    moves = result.movements.set_index(["step", "movement"])["customers"]
    assert moves.loc["2024-12-31 to 2025-12-31"].to_dict() == {
        "stayed": 5, "moved up": 1, "moved down": 1, "lost": 1, "returned": 1, "new": 1,
    }  # fmt: skip
    assert moves.loc["2023-12-31 to 2024-12-31"].to_dict() == {
        "stayed": 6, "moved up": 1, "moved down": 1, "lost": 1, "returned": 0, "new": 0,
    }  # fmt: skip
    assert result.matrix().loc["gold"].to_dict() == pytest.approx(
        {"gold_share": 2 / 3, "lead_share": 1 / 3, "gone_share": 0}
    )
    assert result.matrix().loc["lead"].tolist() == pytest.approx([1 / 5, 3 / 5, 1 / 5])
    assert result.matrix(step=0).loc["lead"].tolist() == pytest.approx([1 / 6, 4 / 6, 1 / 6])


def test_what_is_said(three, worth):
    findings = migration.follow(three, value=worth, order=["gold", "lead"], what="cells", currency="EUR").findings()
    low, high = (100 * end for end in proportion_confint(5, 8, method="wilson"))
    assert findings[0].startswith(
        f"From 2024-12-31 to 2025-12-31, of 8 customers: 62.5 % (95 % interval {low:.1f}–{high:.1f}) have the same "
        "label as before, 12.5 % (95 % interval 2.2–47.1) moved up,"
    )
    assert findings[1] == (
        "1 customer came new (11.1 % (95 % interval 2.0–43.5) of those there now); 1 customer returned (11.1 % (95 % "
        "interval 2.0–43.5) of those there now)."
    )
    assert findings[2].startswith("What these customers bring changed by: moved up +20 EUR (95 % interval ")
    assert any(
        sentence.startswith("The rates of moving did not differ between steps beyond chance") for sentence in findings
    )
    assert findings[-1].startswith("As a check, the last step was forecast from those before: ")


def test_MigrationResult_keeps_the_contract(three, worth, keeps_result_contract):
    pictures = ("plot", "plot_matrix", "plot_forecast")
    keeps_result_contract(migration.follow(three, value=worth, order=["gold", "lead"]), pictures=pictures)
    keeps_result_contract(
        migration.follow({"then": three["2023-12-31"], "now": three["2024-12-31"]}), pictures=pictures
    )


def test_nothing_to_follow(keeps_result_contract):
    result = migration.follow({"a": pd.Series(dtype="object"), "b": pd.Series(dtype="object")}, what="tiers")
    assert result.findings() == ("Nobody has one of these tiers at two dates, so there is nothing to follow.",)
    keeps_result_contract(result, pictures=("plot", "plot_matrix", "plot_forecast"))
    arrivals = migration.follow({"a": pd.Series(dtype="object"), "b": series("a:x")})
    keeps_result_contract(arrivals, pictures=("plot", "plot_matrix", "plot_forecast"))


def test_pictures_of_awkward_labels(legible):
    generator = np.random.default_rng(5)
    names = [f"A rather long name of segment number {number}" for number in range(14)]
    dates = {f"20{year}-01-01": pd.Series(generator.choice(names, 900), index=range(900)) for year in range(20, 26)}
    result = migration.follow(dates, draws=100)
    for picture in (result.plot, result.plot_matrix, result.plot_forecast):
        figure = picture().get_figure()
        legible(figure)
        plt.close(figure)
    assert result.plot().get_xlabel().endswith("the 7 smallest labels are drawn as one.")


def test_the_sizes_of_bands_and_bars_are_the_customers(three):
    ax = migration.follow(three, order=["gold", "lead"]).plot()
    texts = {text.get_text() for text in ax.texts}
    assert {"gold 3", "lead 6", "gone 1"} <= texts
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["2023-12-31", "2024-12-31", "2025-12-31"]


@given(
    st.lists(st.tuples(st.sampled_from("abx"), st.sampled_from("abx"), st.sampled_from("abx")), min_size=1, max_size=40)
)
def test_nobody_gets_lost_in_counting(paths):
    """x means no label; everybody who was ever there is in each later step once."""
    columns = list(zip(*paths, strict=True))
    labels = {
        str(date): pd.Series({place: name for place, name in enumerate(column) if name != "x"}, dtype="object")
        for date, column in enumerate(columns)
    }
    counts = migration.follow(labels, order=["a", "b"], draws=100).paths.counts()
    for step in (0, 1):
        ever = sum(any(name != "x" for name in path[: step + 2]) for path in paths)
        assert counts[step].sum() == ever
        assert counts[step, :2].sum() == sum(path[step] != "x" for path in paths)
        assert counts[step, :, :2].sum() == sum(path[step + 1] != "x" for path in paths)


def test_a_date_without_change_is_all_on_the_diagonal(three):
    first = three["2023-12-31"]
    result = migration.follow({"one": first, "two": first}, order=["gold", "lead"])
    assert result.findings()[0] == (
        "From one to two, of 9 customers: 100.0 % (95 % interval 70.1–100.0) have the same label as before."
    )
    assert (result.transitions["before"] == result.transitions["after"]).all()


def test_the_likelihood_ratio_is_that_of_scipy():
    generator = np.random.default_rng(2)
    tables = [generator.poisson(9, (3, 4)), generator.poisson(5, (2, 4))]
    found = testing.homogeneity(tables, generator=generator)
    known = [chi2_contingency(table, lambda_="log-likelihood", correction=False) for table in tables]
    assert found.statistic == pytest.approx(sum(result.statistic for result in known))
    assert found.degrees == sum(result.dof for result in known)
    assert found.p_value == pytest.approx(chi2.sf(found.statistic, found.degrees), abs=0.05)


MATRIX = [[0.7, 0.2, 0.1], [0.2, 0.6, 0.2], [0.05, 0.15, 0.8]]


def test_those_who_are_gone_are_tested_for_steady_rates_and_newcomers_are_not():
    counts = np.zeros((2, 4, 4), dtype=int)
    counts[:, 0, :2], counts[:, 2, 1:3], counts[:, 3, :2] = [[30, 10], [20, 20]], [[15, 5], [3, 17]], [[9, 1], [1, 9]]
    found = testing.stationarity(counts, generator=np.random.default_rng(0))
    settings = {"correction": False, "lambda_": "log-likelihood"}
    parts = [chi2_contingency(counts[:, row][:, columns], **settings) for row, columns in ((0, [0, 1]), (2, [1, 2]))]
    assert found.statistic == pytest.approx(sum(part.statistic for part in parts))
    assert found.degrees == 2


def test_steady_and_changing_rates_are_told_apart():
    steady = migration.follow(chain(MATRIX, start=(400, 400, 400), dates=4), draws=100)
    assert steady.stationary.p_value > 0.01
    assert steady.memory.p_value > 0.01
    changed = chain(MATRIX, start=(400, 400, 400), dates=3)
    changed["2009-12-31"] = changed["2002-12-31"].sample(frac=1, random_state=0).set_axis(changed["2002-12-31"].index)
    found = migration.follow(changed, draws=100)
    assert found.stationary.p_value == 0.001
    assert any("differed between steps by more than chance (p < 0.01)" in sentence for sentence in found.findings())


def test_memory_is_found():
    generator = np.random.default_rng(9)
    movers = generator.random(2000) < 0.5
    dates = {str(date): pd.Series(np.where(movers, generator.choice(["a", "b"], 2000), "a")) for date in range(4)}
    found = migration.follow(dates, draws=100)
    assert found.memory.p_value == 0.001
    assert any("Where customers were before the present label still matters" in s for s in found.findings())


@pytest.mark.slow
def test_the_levels_of_both_tests():
    """Of 400 stationary chains of order one, 5 % are rejected at 5 %."""
    generator = np.random.default_rng(3)
    rejected = np.zeros(2)
    for draw in range(400):
        paths = migration.follow(chain(MATRIX, start=(60, 40, 30), dates=4, seed=draw), draws=100).paths
        found = testing.stationarity(paths.counts(), generator=generator), testing.memory(paths, generator=generator)
        rejected += [test.p_value <= 0.05 for test in found]
    assert (rejected / 400).tolist() == pytest.approx([0.05, 0.05], abs=0.035)


def coverage(*, states, customers, steps, runs, seed, unrest=0.0):
    """Share of cells, of cells expected to hold one customer or more, and of totals inside their 80 % intervals."""
    generator = np.random.default_rng(seed)
    hits = np.zeros(6)
    for _ in range(runs):
        rates = generator.dirichlet(np.full(states + 1, 0.7), size=states + 1)
        entry = generator.dirichlet(np.ones(states))
        now = np.append(generator.multinomial(customers, generator.dirichlet(np.full(states, 2.0))), [0, 0])
        counts = np.zeros((steps + 1, states + 2, states + 2), dtype=int)
        for table in counts:
            before = now
            drawn = rates
            if unrest:
                weights = np.maximum(rates * (1 - unrest) / unrest, 1e-6)
                drawn = np.array([generator.dirichlet(row) for row in weights])
            table[:-1, :-1] = generator.multinomial(now[:-1], drawn)
            table[-1, :states] = generator.multinomial(generator.poisson(customers / 10), entry)
            now = np.append(table.sum(axis=0)[:-1], 0)
        names = [*map(str, range(states)), "gone", "new"]
        ahead = predict(counts[:-1], before, states=names, level=0.8, draws=1000, generator=generator)
        seen = counts[-1, :-1, :-1].ravel()
        inside = ((ahead.cells["at_least"] <= seen) & (seen <= ahead.cells["at_most"])).to_numpy()
        filled = (ahead.cells["expected"] >= 1).to_numpy()
        totals = ahead.totals["at_least"].le(now[:states]) & ahead.totals["at_most"].ge(now[:states])
        assert ahead.covered(counts[-1])[0] <= inside.sum()
        hits += [*ahead.covered(counts[-1]), inside[filled].sum(), filled.sum(), totals.sum(), states]
    return (hits[::2] / hits[1::2]).tolist()


@pytest.mark.slow
@pytest.mark.parametrize(("states", "customers", "steps"), [(5, 1000, 3), (11, 5000, 3)])
def test_intervals_hold_where_the_rates_themselves_vary(states, customers, steps):
    cells, filled, totals = coverage(states=states, customers=customers, steps=steps, runs=200, seed=1, unrest=0.01)
    assert 0.72 <= cells <= 0.85
    assert 0.72 <= filled <= 0.85
    assert 0.7 <= totals <= 0.85


@pytest.mark.slow
@pytest.mark.parametrize(
    ("states", "customers", "steps"),
    [(3, 300, 2), (5, 200, 3), (5, 1000, 2), (8, 500, 2), (11, 5000, 2), (11, 5000, 3)],
)
def test_eighty_percent_intervals_cover_eighty_percent_of_the_cells(states, customers, steps):
    cells, filled, _totals = coverage(states=states, customers=customers, steps=steps, runs=300, seed=states)
    assert 0.75 <= cells <= 0.85
    assert 0.75 <= filled <= 0.85


def test_eighty_percent_intervals_cover_in_a_small_simulation():
    cells, filled, totals = coverage(states=5, customers=1000, steps=2, runs=40, seed=1)
    assert (cells, filled, totals) == pytest.approx((0.8, 0.8, 0.8), abs=0.06)


def test_a_forecast_by_hand():
    counts = np.zeros((1, 3, 3), dtype=int)
    counts[0, 0, 0], counts[0, 0, 1], counts[0, 2, 0] = 30, 10, 5
    generator = np.random.default_rng(0)
    ahead = predict(
        counts, np.array([40, 10, 0]), states=["a", "gone", "new"], level=0.8, draws=4000, generator=generator
    )
    assert ahead.cells["expected"].tolist() == pytest.approx([40 * 30.5 / 41, 40 * 10.5 / 41, 0, 10], abs=1e-6)
    # Dirichlet-multinomial variance and that of a gamma-Poisson count with shape 5.5.
    spread = 40 * 30.5 * 10.5 / 41**2 * (41 + 40) / 42 + 5.5 + 5.5
    wide = 1.2816 * np.sqrt(spread)
    row = ahead.totals.iloc[0]
    assert row["expected"] == pytest.approx(40 * 30.5 / 41 + 5.5, abs=0.3)
    assert (row["at_most"] - row["at_least"]) / 2 == pytest.approx(wide, abs=1)


def test_the_prior_is_spread_over_the_states():
    """After one move of one customer Dirichlet(1 + 1/2, 1/2) is left: of 1,000 the draws keep 750 on average."""
    counts = np.zeros((1, 3, 3), dtype=int)
    counts[0, 0, 0] = 1
    generator = np.random.default_rng(0)
    ahead = predict(
        counts, np.array([1000, 0, 0]), states=["a", "gone", "new"], level=0.8, draws=4000, generator=generator
    )
    assert ahead.totals["expected"].tolist() == pytest.approx([750], abs=15)


def test_unrest_is_measured():
    """Rates drawn about p with intraclass correlation .05 in 40 steps; none where the rates stay."""
    generator = np.random.default_rng(7)
    counts = np.zeros((40, 4, 4), dtype=int)
    for table in counts:
        for row in range(3):
            table[row, :3] = generator.multinomial(300, generator.dirichlet([19 * 0.5, 19 * 0.3, 19 * 0.2]))
    assert forecasting.unrest(counts) == pytest.approx(0.05, abs=0.015)
    assert forecasting.unrest(counts[:1]) == 0
    assert forecasting.unrest(np.repeat(counts[:1], 3, axis=0)) == 0


def test_the_check_forecasts_the_last_step_from_those_before_it():
    """200 stay and then all move; 100 stay throughout: of six cells the two that nobody could foresee are missed."""
    stay = pd.Series(["a"] * 200 + ["b"] * 100)
    result = migration.follow({"one": stay, "two": stay, "three": stay.replace("a", "b")})
    assert result.backtest == (4, 6)


def test_nobody_is_forecast_to_return_before_a_return_could_be_seen(three):
    result = migration.follow({date: three[date] for date in ("2023-12-31", "2024-12-31")})
    cells = result.forecast.cells.set_index(["before", "after"])["expected"]
    assert cells[("gone", "gone")] == pytest.approx(1, abs=1e-6)
    assert "No step could show a return yet, so nobody is forecast to return." in result.findings()
    assert result.backtest is None
    assert result.stationary is None


def test_any_labels_will_do(make_customers):
    before, after = make_customers(400, seed=1), make_customers(400, seed=2)
    scored = rfm.score(before)
    segments = (scored, rfm.score(after, cuts=scored.cuts))
    tiers = value.tiers(before, edges={"top": 400, "middle": 100}, by="monetary")
    placed = (tiers, value.tiers(after, edges=tiers.edges, by="monetary"))
    model = clusters.Clusters(features=["recency_days", "frequency"], count=3, most=3, resamples=2).fit(before)
    for pair in (
        [result.scores.set_index("customer_id")["segment"] for result in segments],
        [result.tiers.set_index("customer_id")["tier"] for result in placed],
        [model.name(view) for view in (before, after)],
    ):
        result = migration.follow(dict(zip(("one", "two"), pair, strict=True)), draws=100)
        assert result.transitions["customers"].sum() == 400


def test_categories_with_an_order_rank_the_labels(three):
    kind = pd.CategoricalDtype(["lead", "gold"], ordered=True)
    result = migration.follow({date: labels.astype(kind) for date, labels in three.items()})
    assert result.ranked
    assert result.paths.labels == ("gold", "lead")
    assert "moved" in set(migration.follow(three).movements["movement"])


def test_the_same_seed_gives_the_same_result(three):
    one, other = (migration.follow(three, seed=4) for _ in range(2))
    pd.testing.assert_frame_equal(one.forecast.cells, other.forecast.cells)
    assert one.stationary == other.stationary


def test_all_labels_of_one_date(three, keeps_result_contract):
    one = {"2023-12-31": three["2023-12-31"]}
    result = migration.follow(one, value={"2023-12-31": pd.Series(1.0, index=one["2023-12-31"].index)}, what="tiers")
    assert result.findings() == ("All tiers are of one date, 2023-12-31, so there is nothing to follow.",)
    keeps_result_contract(result, pictures=("plot", "plot_matrix", "plot_forecast"))


def test_steps_of_unequal_length_are_said(three):
    alike = migration.follow(three).findings()
    assert not any("equally long" in sentence for sentence in alike)
    uneven = dict(zip(("2025-09-30", "2025-12-31", "2026-06-29"), three.values(), strict=True))
    assert (
        "The steps are not equally long (92 and 180 days), so that their rates of moving, the forecast and its check "
        "do not belong together."
    ) in migration.follow(uneven).findings()
    named = dict(zip("abc", three.values(), strict=True))
    assert migration.follow(named).paths.lengths() == []


def test_a_check_that_fails_is_said():
    """All stay in the first step, and all change places in the second: the intervals of the check miss."""
    people = [str(number) for number in range(400)]
    here = pd.Series(["a"] * 200 + ["b"] * 200, index=people)
    there = pd.Series(["b"] * 200 + ["a"] * 200, index=people)
    said = migration.follow({"2023-12-31": here, "2024-12-31": here, "2025-12-31": there}).findings()
    assert said[-1] == (
        "As a check, the last step was forecast from those before: 33 % of 6 cells came out inside their 80 % "
        "intervals, far fewer than they should: do not rely on the forecast."
    )
    assert (
        "If customers go on moving like this, no change can be told for the next step: the present size of every label "
        "lies inside its 80 % interval."
    ) in said


def test_dates_may_be_dates(three):
    days = {pd.Timestamp(date): labels for date, labels in three.items()}
    assert migration.follow(days).paths.dates == tuple(three)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda d: ({}, {}),
            "migration: give labels at two dates or more, such as {'2024-12-31': a, '2025-12-31': b}.",
        ),
        (
            lambda d: (dict(reversed(d.items())), {}),
            "migration: the dates must ascend, not 2025-12-31, 2024-12-31, 2023-12-31.",
        ),
        (
            lambda d: ({**d, "2025-12-31": series("a:new")}, {}),
            "migration: a label is called 'new', which is the name of a state; rename it.",
        ),
        (
            lambda d: ({**d, "2025-12-31": pd.Series(["x", "y"], index=["a", "a"])}, {}),
            "migration: the labels of 2025-12-31 name customer 'a' twice; give one row per customer_id.",
        ),
        (
            lambda d: ({**d, "2025-12-31": ["x"]}, {}),
            "migration: the labels of 2025-12-31 must be a Series indexed by customer_id, such as "
            "frame.set_index('customer_id')['segment'].",
        ),
        (lambda d: (d, {"level": 1}), "migration: level must be between 0 and 1, not 1."),
        (lambda d: (d, {"draws": 10}), "migration: draws must be a whole number, 100 or more, not 10."),
        (
            lambda d: (d, {"value": d["2023-12-31"]}),
            "migration: value must map each date to a Series, as labels does.",
        ),
        (lambda d: (d, {"value": {}}), "migration: value has nothing for 2023-12-31; give a Series for each date."),
    ],
)
def test_wrong_calls(three, change, message):
    labels, settings = change(three)
    with pytest.raises(UsageError) as raised:
        migration.follow(labels, **settings)
    assert str(raised.value) == message
