"""Families compared out of time: by hand, a control that must fail, planted truth either way, and coverage."""

import time

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import r2_score, roc_auc_score

from crm_analysis.errors import DataError, UsageError
from crm_analysis.segmentation import comparison, separation
from crm_analysis.segmentation.separation import Outcome, Scorer, shrunken_means


def world(n, *, seed, signal="rfm"):
    """Two views, and three families of which one tells what customers do next."""
    generator = np.random.default_rng(seed)
    labels = {
        "demographics": generator.integers(0, 40, n),
        "rfm": generator.integers(0, 8, n),
        "tiers": generator.integers(0, 4, n),
    }
    strength = labels.get(signal, np.zeros(n, dtype=int)) % 4
    buys = generator.random(n) < 0.3 + 0.1 * strength
    spend = np.where(buys, generator.lognormal(3, 1, n) * (1 + strength), 0)
    ids = pd.Index([f"C{place}" for place in range(n)])
    before = pd.DataFrame({"customer_id": ids, "frequency": 1, "monetary": 10.0})
    after = before.assign(monetary=10 + spend, frequency=1 + buys)
    return before, after, {name: pd.Series(codes, index=ids) for name, codes in labels.items()}


def of(found, family):
    return found.families.set_index("family").loc[family]


# --- scores by hand --------------------------------------------------------------------------------------------------


def test_small_groups_are_shrunk_by_hand():
    counts, sums, squares = np.array([2.0, 4, 0]), np.array([2.0, 16, 0]), np.array(2 * 1.0 + 4 * 16.0 + 12)
    # Mean 3; between = 2 x 4 + 4 x 1 = 12; within = (78 - 54 - 12) / (6 - 2) = 3; spread = (12 - 3) / (6 - 20 / 6).
    credit = 3 / (9 / (6 - 20 / 6))
    expected = [(2 + credit * 3) / (2 + credit), (16 + credit * 3) / (4 + credit), 3]
    assert shrunken_means(counts, sums, squares).tolist() == pytest.approx(expected)


def test_groups_that_differ_by_chance_only_get_the_mean_of_all():
    assert shrunken_means(np.array([2.0, 2]), np.array([2.0, 2.2]), np.array(100.0)).tolist() == pytest.approx(
        [1.05] * 2
    )


def plainly(codes, outcome, top):
    """The three measures, written plainly for one sample: loops, scikit-learn."""
    size = codes.max() + 1
    spend, chance = np.empty(len(codes)), np.empty(len(codes))
    for fold in np.unique(outcome.folds):
        held = outcome.folds == fold
        counts = np.bincount(codes[~held], minlength=size).astype("float64")
        for values, target in ((outcome.spend, spend), (outcome.retained, chance)):
            sums = np.bincount(codes[~held], values[~held], minlength=size)
            target[held] = shrunken_means(counts, sums, np.array((values[~held] ** 2).sum()))[codes[held]]
    best, pairs, right = 0.0, 0.0, 0.0
    for fold in np.unique(outcome.folds):
        held = outcome.folds == fold
        room = top * held.sum()
        for level in np.unique(spend[held])[::-1]:
            inside = held & (spend == level)
            best += outcome.spend[inside].sum() * min(1, room / inside.sum())
            room = max(0, room - inside.sum())
        kept = outcome.retained[held]
        weight = kept.sum() * (1 - kept).sum()
        right, pairs = right + weight * roc_auc_score(kept, chance[held]), pairs + weight
    return r2_score(outcome.spend, spend), best / outcome.spend.sum(), right / pairs


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_scores_equal_a_plain_computation(seed):
    generator = np.random.default_rng(seed)
    before, after, families = world(300, seed=seed)
    outcome = Outcome(
        (after["monetary"] - before["monetary"]).to_numpy(),
        (after["frequency"] - before["frequency"]).to_numpy("float64"),
        generator.integers(0, 5, 300),
    )
    for labels in families.values():
        codes = labels.to_numpy()
        found = Scorer(codes, outcome, top=0.2).scores(np.ones((1, 300)))[0]
        assert found == pytest.approx(plainly(codes, outcome, 0.2), abs=1e-9)


def test_a_weight_of_two_is_a_customer_twice():
    generator = np.random.default_rng(4)
    before, after, families = world(200, seed=4)
    spend = (after["monetary"] - before["monetary"]).to_numpy()
    outcome = Outcome(spend, (spend > 0).astype("float64"), generator.integers(0, 4, 200))
    codes, weights = families["rfm"].to_numpy(), generator.integers(0, 4, 200)
    again = np.repeat(np.arange(200), weights)
    repeated = Outcome(outcome.spend[again], outcome.retained[again], outcome.folds[again])
    weighted = Scorer(codes, outcome, top=0.2).scores(weights[None, :].astype("float64"))
    assert weighted[0] == pytest.approx(Scorer(codes[again], repeated, top=0.2).scores(np.ones((1, len(again))))[0])


def test_weights_are_a_bootstrap_whatever_the_number_at_once(monkeypatch):
    whole = np.concatenate(list(separation.weights(np.random.default_rng(1), n=50, cells=10, draws=20)))
    assert whole.shape == (20, 50)
    assert (whole.sum(axis=1) == 50).all()
    monkeypatch.setattr(separation, "_AT_ONCE", 150)
    parts = list(separation.weights(np.random.default_rng(1), n=50, cells=10, draws=20))
    assert [len(part) for part in parts] == [3] * 6 + [2]
    assert (np.concatenate(parts) == whole).all()


# --- what it must and must not find ----------------------------------------------------------------------------------


def test_labels_dealt_out_by_lot_tell_nothing():
    found = [comparison.out_of_time(*world(800, seed=seed)[:2], families=world(800, seed=seed)[2], draws=100, seed=seed)
             for seed in range(12)]  # fmt: skip
    control = pd.DataFrame([of(one, comparison.CHANCE) for one in found])
    assert control["spend_r2"].mean() <= 0
    assert control["retained_auc"].mean() == pytest.approx(0.5, abs=0.02)
    assert control["best_spend_share"].mean() == pytest.approx(0.2, abs=0.02)
    held = (control["retained_auc_low"] < 0.5) & (control["retained_auc_high"] > 0.5)
    assert held.sum() >= 11


def test_the_textbook_can_be_right():
    before, after, families = world(2500, seed=1)
    found = comparison.out_of_time(before, after, families={name: families[name] for name in ("demographics", "rfm")})
    rows = found.differences.set_index("measure")
    assert (rows["difference_low"] > 0).all()
    row = rows.loc["spend_r2"]
    points = [100 * row[name] for name in ("difference", "difference_low", "difference_high")]
    assert found.findings()[0] == (
        "The textbook's claim that demographics predict worst holds here for next-period spend: rfm predicts better, "
        f"by {points[0]:.1f} percentage points (95 % interval {points[1]:.1f}–{points[2]:.1f})."
    )
    assert found.findings()[2].startswith("Next-period spend is told best by rfm: the groups explain ")
    assert found.findings()[4].startswith("Who buys again is told best by rfm: ")


def test_a_reference_that_tells_nobody_apart_is_no_yardstick(keeps_result_contract):
    """A study without demographics has one group of all: to beat it would prove nothing of demographics."""
    before, after, families = world(600, seed=1)
    one = {"demographics": pd.Series("all", index=families["rfm"].index), "rfm": families["rfm"]}
    found = comparison.out_of_time(before, after, families=one, draws=100)
    assert found.differences.empty
    assert found.findings()[0] == (
        "All customers are in one group of demographics, so nothing can be compared with it."
    )
    assert "textbook" not in " ".join(found.findings())
    keeps_result_contract(found, pictures=("plot",))


def test_only_of_demographics_does_the_textbook_speak():
    before, after, families = world(2500, seed=1)
    chosen = {name: families[name] for name in ("tiers", "rfm")}
    found = comparison.out_of_time(before, after, families=chosen, reference="tiers")
    assert found.findings()[0].startswith(
        "The claim that tiers predicts worst holds here for next-period spend: rfm predicts better, by "
    )


def test_the_textbook_can_be_wrong():
    found = comparison.out_of_time(*world(2500, seed=2, signal="demographics")[:2],
                                   families=world(2500, seed=2, signal="demographics")[2])  # fmt: skip
    assert found.findings()[:2] == (
        "The textbook's claim that demographics predict worst does not hold here for next-period spend: rfm and tiers "
        "predict worse.",
        "The textbook's claim that demographics predict worst does not hold here for retention: rfm and tiers predict "
        "worse.",
    )


def test_the_textbook_can_be_right_in_part_or_open():
    before, after, families = world(2500, seed=3)
    found = comparison.out_of_time(before, after, families=families)
    assert found.findings()[0] == (
        "The textbook's claim that demographics predict worst holds only in part here for next-period spend: rfm "
        "predicts better; tiers cannot be told apart from demographics."
    )
    before, after, families = world(600, seed=3, signal="none")
    nothing = comparison.out_of_time(before, after, families=families).findings()
    assert nothing[0] == (
        "The textbook's claim that demographics predict worst cannot be confirmed here for next-period spend: rfm and "
        "tiers cannot be told apart from demographics."
    )
    assert nothing[2].startswith("No family tells next-period spend better than a lot would: the best, ")


def test_the_cross_of_all_is_a_family():
    before, after, families = world(1500, seed=5)
    crossed = comparison.cross({"a": families["rfm"], "b": families["tiers"].head(700)})
    assert crossed.iloc[0] == f"{families['rfm'].iloc[0]} / {families['tiers'].iloc[0]}"
    assert crossed.iloc[-1].endswith(" / none")
    assert crossed.index.equals(families["rfm"].index)
    found = comparison.out_of_time(before, after, families={**families, "all": comparison.cross(families)}, draws=100)
    assert of(found, "all")["groups"] > 500
    assert of(found, "all")["spend_r2"] < of(found, "rfm")["spend_r2"]


def test_the_more_families_the_wider_their_differences():
    """The intervals hold together: the same difference is told more carefully beside another one."""
    before, after, families = world(600, seed=5)
    alone = {name: families[name] for name in ("demographics", "rfm")}
    rows = [
        comparison.out_of_time(before, after, families=chosen, draws=400).differences.query("family == 'rfm'")
        for chosen in (alone, families)
    ]
    assert rows[0]["difference"].tolist() == pytest.approx(rows[1]["difference"].tolist())
    assert (rows[1]["difference_low"].to_numpy() < rows[0]["difference_low"].to_numpy()).all()
    assert (rows[1]["difference_high"].to_numpy() > rows[0]["difference_high"].to_numpy()).all()


def test_who_has_no_label_and_who_is_left_out():
    before, after, families = world(400, seed=6)
    before.loc[:9, "frequency"] = 0
    found = comparison.out_of_time(before, after.iloc[:-5], families={"rfm": families["rfm"].iloc[50:]}, draws=100)
    assert (found.customers, found.left_out) == (385, 15)
    assert of(found, "rfm")["unlabelled_customers"] == 40
    assert of(found, "rfm")["groups"] == 9
    assert (found.reference, len(found.differences)) == ("", 0)
    assert found.findings()[-1].endswith(
        "bought again; left out, without an earlier purchase or not in the later view: 15 customers."
    )


def test_the_same_seed_gives_the_same_numbers_in_any_order_of_labels():
    before, after, families = world(300, seed=7)
    first = comparison.out_of_time(before, after, families=families, draws=100, seed=3)
    mixed = {name: labels.sample(frac=1, random_state=1) for name, labels in families.items()}
    second = comparison.out_of_time(before, after.sample(frac=1, random_state=2), families=mixed, draws=100, seed=3)
    pd.testing.assert_frame_equal(first.families, second.families)
    pd.testing.assert_frame_equal(first.differences, second.differences)


def test_five_thousand_customers_and_a_thousand_draws_are_quick():
    before, after, families = world(5000, seed=8)
    start = time.perf_counter()
    comparison.out_of_time(before, after, families=families)
    # Measured at a third of a second on two cores; the margin is for a busy machine.
    assert time.perf_counter() - start < 5


@pytest.mark.slow
@pytest.mark.parametrize("n", [300, 1500])
@pytest.mark.parametrize("signal", ["rfm", "none"])
def test_intervals_hold_what_the_family_is_worth(n, signal):
    """The truth is the mean score over many samples of the same size."""
    measures = [*separation.MEASURES]
    estimates, ends, differences = [], [], []
    for seed in range(300):
        before, after, families = world(n, seed=1000 + seed, signal=signal)
        found = comparison.out_of_time(before, after, families=families, draws=300, seed=seed)
        estimates.append(found.families[measures].to_numpy("float64"))
        ends.append(
            [found.families[[f"{name}_{end}" for name in measures]].to_numpy("float64") for end in ("low", "high")]
        )
        differences.append(found.differences.iloc[:, 2:].to_numpy("float64"))
    truth, ends, differences = np.mean(estimates, axis=0), np.array(ends), np.array(differences)
    held = ((ends[:, 0] <= truth) & (truth <= ends[:, 1])).mean(axis=0)
    assert held.min() > 0.92, held
    truth = differences[:, :, 0].mean(axis=0)
    inside = (differences[:, :, 1] <= truth) & (truth <= differences[:, :, 2])
    # Together: all families within a measure at once.
    assert inside.reshape(len(inside), 3, -1).all(axis=2).mean(axis=0).min() > 0.92


# --- the result and what is refused ----------------------------------------------------------------------------------


def test_ComparisonResult_keeps_the_contract(keeps_result_contract):
    before, after, families = world(400, seed=9)
    found = comparison.out_of_time(before, after, families=families, draws=100, label="2024 to 2025")
    keeps_result_contract(found, pictures=("plot",))
    assert found.title == "Families of segmentation compared, 2024 to 2025"
    assert set(found.metrics()) >= {"customers", "rfm_spend_r2", "demographics_retained_auc"}
    hostile = comparison.out_of_time(before, after, families={"<b>x</b>" * 12: families["rfm"]}, draws=100)
    assert "<b>" not in hostile._repr_html_()
    keeps_result_contract(hostile, pictures=("plot",))


@pytest.mark.parametrize("measure", separation.MEASURES)
def test_each_measure_has_its_picture(measure, legible):
    before, after, families = world(400, seed=9)
    found = comparison.out_of_time(before, after, families=families, draws=100)
    ax = found.plot(measure=measure)
    order = found.families.sort_values(measure)["family"].tolist()
    assert [label.get_text() for label in ax.get_yticklabels()] == order
    legible(ax.figure)


def test_nobody_bought_and_everybody_stayed(keeps_result_contract):
    people = pd.DataFrame({"customer_id": range(50)})
    nothing = comparison.out_of_time(people, people, families={"demographics": pd.Series("x", index=range(50))})
    assert nothing.findings() == ("Families of segmentation cannot be compared: there are no purchases in this study.",)
    keeps_result_contract(nothing, pictures=("plot",))
    before = people.assign(frequency=1, monetary=1.0)
    family = {"demographics": pd.Series(np.arange(50) % 2), "rfm": pd.Series(np.arange(50) % 5)}
    same = comparison.out_of_time(before, before.assign(frequency=2), families=family, draws=100)
    assert same.families[["spend_r2", "retained_auc", "best_spend_share"]].isna().all().all()
    assert same.findings()[0].startswith("50 customers are compared, of whom 100.0 % ")
    keeps_result_contract(same, pictures=("plot",))


def test_too_few_customers_and_families_without_labels(keeps_result_contract):
    before, after, families = world(60, seed=1)
    few = comparison.out_of_time(before, after, families=families, folds=20)
    assert few.findings() == (
        "Families of segmentation cannot be compared: it takes 80 customers with an earlier purchase, four for each of "
        "20 folds, and there are 60.",
    )
    keeps_result_contract(few, pictures=("plot",))
    none = pd.Series([], index=pd.Index([], name="customer_id"), dtype="object")
    without = comparison.out_of_time(before, after, families={**families, "none of these": none}, draws=100)
    assert without.findings()[-1] == "Left out, since no customer has a label: none of these."
    plain = comparison.out_of_time(before, after, families=families, draws=100)
    pd.testing.assert_frame_equal(without.families, plain.families)
    nobody = comparison.out_of_time(before, after, families={"a": none})
    assert nobody.findings() == ("Families of segmentation cannot be compared: no customer has a label of any family.",)
    keeps_result_contract(nobody, pictures=("plot",))


def test_calls_that_are_refused():
    before, after, families = world(60, seed=1)
    rfm = families["rfm"]
    cases = [
        (UsageError, {"families": {}}, "comparison: families is empty; give at least one name with its labels."),
        (
            UsageError,
            {"families": {comparison.CHANCE: rfm}},
            "comparison: 'shuffled labels' is the name of the control; call the family something else.",
        ),
        (
            UsageError,
            {"families": {"rfm": pd.concat([rfm, rfm])}},
            "comparison: the family 'rfm' has two labels for one customer; give one per customer_id.",
        ),
        (
            UsageError,
            {"families": {"rfm": rfm.reset_index(drop=True)}},
            "comparison: the family 'rfm' labels none of the customers; index it by customer_id, for example "
            "frame.set_index('customer_id')['segment'].",
        ),
        (
            UsageError,
            {"families": families, "top": 1},
            "comparison: folds must be 2 or more, draws 100 or more and top between 0 and 1, not 5, 1000 and 1.",
        ),
    ]
    for kind, call, message in cases:
        with pytest.raises(kind) as error:
            comparison.out_of_time(before, after, **call)
        assert str(error.value) == message
    twice = pd.concat([before, before])
    with pytest.raises(UsageError) as error:
        comparison.out_of_time(twice, after, families=families)
    assert str(error.value) == "comparison: customer_id 'C0' appears twice; give one row per customer."
    with pytest.raises(DataError) as error:
        comparison.out_of_time(before, after.assign(monetary=np.nan), families=families)
    assert str(error.value) == "comparison: monetary is missing for 60 customers; mend it."
    with pytest.raises(UsageError) as error:
        comparison.cross({})
    assert str(error.value) == "comparison: there is no family to cross; give labels by name."
