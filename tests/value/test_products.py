"""Products: the next category by hand, by simulations whose truth is known, and out of time."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from crm_analysis.errors import DataError, UsageError
from crm_analysis.study import Study
from crm_analysis.value import products
from crm_analysis.value.categories.occasions import gather
from crm_analysis.value.products import FAVOURITE, MODEL, POPULAR, NextCategory


def lines(rows):
    frame = pd.DataFrame(rows, columns=["customer_id", "time", "category"])
    return frame.assign(time=pd.to_datetime(frame["time"], format="ISO8601"))


def shoppers(*, customers=600, orders=8, tastes=0.3, sticky=0.0, kinds=4, seed=1):
    """Customers with tastes of their own (the smaller `tastes`, the more unlike) who repeat themselves at times."""
    generator = np.random.default_rng(seed)
    popular = np.arange(kinds, 0, -1) / np.arange(kinds, 0, -1).sum()
    own = generator.dirichlet(tastes * kinds * popular, size=customers) if tastes else np.tile(popular, (customers, 1))
    rows = []
    for person in range(customers):
        last = None
        for order in range(orders):
            stays = last is not None and generator.random() < sticky
            last = last if stays else generator.choice(kinds, p=own[person])
            rows.append((f"C{person:04d}", pd.Timestamp("2025-01-01") + pd.Timedelta(days=40 * order), f"k{last}"))
    return lines(rows), own


def test_purchases_are_put_together_by_hand():
    frame = lines(
        [("b", "2025-01-02", "x"), ("a", "2025-01-01 09:00", "x"), ("a", "2025-01-01 10:00", "y"),
         ("a", "2025-03-01", "x"), ("a", "2025-03-01", "x"), ("a", "2025-02-01", None), ("a", "2025-04-01", "z")]
    ).assign(amount=[1, 1, 1, 1, 1, 1, -1])  # fmt: skip
    bought = gather(frame)
    assert bought.categories == ("x", "y")
    assert bought.customers.tolist() == ["a", "a", "b"]
    assert bought.shares.tolist() == [[0.5, 0.5], [1, 0], [1, 0]]
    assert bought.first.tolist() == [True, False, True]
    ordered = gather(frame.assign(order_id=["1", "2", "3", "4", "4", "5", "6"]))
    assert ordered.shares.tolist() == [[1, 0], [0, 1], [1, 0], [1, 0]]


def test_the_probabilities_are_the_formula():
    frame, _ = shoppers(customers=60)
    model = NextCategory().fit(frame)
    bought = gather(frame)
    person = frame[frame["customer_id"] == "C0007"]
    counts = person["category"].value_counts().reindex(model.categories_, fill_value=0).to_numpy()
    last = model.categories_.index(person["category"].iloc[-1])
    after = np.zeros((4, 4))
    for one, other, first in zip(bought.shares[:-1], bought.shares[1:], bought.first[1:], strict=True):
        after += np.outer(one, other) * (not first)
    q = (after[last] + model.pool_weight_ * bought.shares.mean(axis=0)) / (after[last].sum() + model.pool_weight_)
    expected = (counts + model.own_weight_ * q) / (8 + model.own_weight_)
    found = model.predict_proba(frame)
    assert found.loc["C0007"].to_numpy() == pytest.approx(expected)
    assert found.sum(axis=1).to_numpy() == pytest.approx(1)


def test_the_weight_of_the_own_past_is_learned():
    """With Dirichlet tastes of total weight 1.2 the best forecast is (h + 1.2 popularity) / (H + 1.2)."""
    frame, _ = shoppers(customers=1500, tastes=0.3)
    model = NextCategory().fit(frame)
    history, orders, _ = model.standing(gather(frame))
    best = (history + 1.2 * np.array([0.4, 0.3, 0.2, 0.1])) / (orders[:, None] + 1.2)
    assert np.abs(model.predict_proba(frame).to_numpy() - best).mean() < 0.02
    assert model.own_weight_ < 4
    alike = NextCategory().fit(shoppers(customers=500, tastes=0)[0])
    assert alike.own_weight_ > 50


def test_the_weights_fit_each_purchase_from_all_others():
    """The likelihood is level at the weights, if a purchase does not count among what others did after the same one."""
    bought = gather(shoppers(customers=40, orders=5, tastes=2.0, sticky=0.3, kinds=6, seed=3)[0])
    model = NextCategory().learn(bought)
    place, popular = bought.shares.argmax(axis=1), bought.shares.mean(axis=0)
    later = np.flatnonzero(~bought.first)
    counts = np.zeros((6, 6))
    np.add.at(counts, (place[later - 1], place[later]), 1)

    def loss(kappa, pool):
        total = 0.0
        for now in later:
            start = np.flatnonzero(bought.first[: now + 1])[-1]
            others = counts[place[now - 1]].copy()
            others[place[now]] -= 1
            q = (others + pool * popular) / (others.sum() + pool)
            own = np.bincount(place[start:now], minlength=6)
            total -= np.log((own[place[now]] + kappa * q[place[now]]) / (own.sum() + kappa))
        return total

    at = np.array([model.own_weight_, model.pool_weight_])
    for step in (np.exp([0.01, 0]), np.exp([0, 0.01])):
        assert (loss(*(at * step)) - loss(*(at / step))) / 0.02 == pytest.approx(0, abs=0.02)
        assert loss(*(at * step**50)) > loss(*at) < loss(*(at / step**50))


def test_repeating_oneself_is_learned():
    frame, _ = shoppers(customers=800, tastes=0, sticky=0.5)
    model = NextCategory().fit(frame)
    popular = np.arange(4, 0, -1) / 10
    truth = 0.5 * np.eye(4) + 0.5 * popular
    assert model.following_ == pytest.approx(truth, abs=0.05)


def test_tastes_are_found_and_lack_of_taste_too():
    found = products.next_category(shoppers()[0], holdout_days=100)
    of = found.methods.set_index("method")
    assert of.loc[MODEL, "gain_points_low"] > 10
    assert of.loc[MODEL, "log_loss"] < of.loc[POPULAR, "log_loss"]
    assert "the model gains" in found.findings()[0]
    alike = products.next_category(shoppers(tastes=0)[0], holdout_days=100)
    row = alike.methods.set_index("method").loc[MODEL]
    assert row["gain_points_low"] <= 0 <= row["gain_points_high"]
    assert "which cannot be told apart" in alike.findings()[0]


@pytest.mark.slow
def test_a_gain_is_claimed_by_chance_no_more_than_once_in_twenty():
    claimed = sum(
        products.next_category(shoppers(customers=150, tastes=0, seed=seed)[0], holdout_days=100)
        .methods.set_index("method")
        .loc[MODEL, "gain_points_low"]
        > 0
        for seed in range(200)
    )
    assert claimed <= 16


def test_the_judgement_by_hand():
    """The first purchase after the split against what the purchases before it told; gains are paired."""
    frame, _ = shoppers(customers=80, kinds=5)
    found = products.next_category(frame, holdout_days=100)
    late = frame["time"] > frame["time"].max() - pd.Timedelta(days=100)
    model = NextCategory().fit(frame[~late])
    guesses = {MODEL: model.predict_proba(frame[~late]).to_numpy(), POPULAR: np.tile(model.popularity_, (80, 1))}
    bought = frame[late].groupby("customer_id")["category"].first().map(model.categories_.index).to_numpy()
    ranks = {name: np.argsort(-score, axis=1, kind="stable") for name, score in guesses.items()}
    of = found.methods.set_index("method")
    for name, rank in ranks.items():
        assert of.loc[name, "hit_share"] == pytest.approx((rank[:, 0] == bought).mean())
        assert of.loc[name, "hit_of_3_share"] == pytest.approx((rank[:, :3] == bought[:, None]).any(axis=1).mean())
        chosen = guesses[name][np.arange(80), bought]
        assert of.loc[name, "log_loss"] == pytest.approx(-np.log(chosen).mean())
    gain = 100.0 * ((ranks[MODEL][:, 0] == bought) * 1 - (ranks[POPULAR][:, 0] == bought))
    reach = 1.959964 * gain.std(ddof=1) / np.sqrt(80)
    ends = of.loc[MODEL, ["gain_points", "gain_points_low", "gain_points_high"]].tolist()
    assert ends == pytest.approx([gain.mean(), gain.mean() - reach, gain.mean() + reach])
    whole = found.model
    assert found.following().loc["k0", "k1"] == pytest.approx(whole.following_[0, 1] / whole.popularity_[1])


def test_foretold_shares_are_those_bought():
    found = products.next_category(shoppers(customers=1200)[0], holdout_days=100)
    apart = found.categories["expected_share"] - found.categories["bought_share"]
    assert apart.abs().max() < 0.03
    assert found.categories["expected_share"].sum() == pytest.approx(1)


def test_the_holdout_is_not_seen():
    """What comes after the split cannot move the guesses that are judged: only the truth they meet."""
    frame, _ = shoppers(customers=100)
    split = frame["time"].max() - pd.Timedelta(days=100)
    reversed_after = frame.copy()
    later = frame["time"] > split
    reversed_after.loc[later, "category"] = "k3"
    one, other = (products.next_category(part, holdout_days=100) for part in (frame, reversed_after))
    assert one.judged == other.judged == 100
    assert one.categories.set_index("category")["expected_share"].to_dict() == pytest.approx(
        other.categories.set_index("category")["expected_share"].to_dict()
    )


def test_PropensityResult_keeps_the_contract(keeps_result_contract):
    keeps_result_contract(products.next_category(shoppers(customers=100)[0]), pictures=("plot", "plot_following"))


def test_what_has_not_been_bought_is_offered():
    frame = lines(
        [(f"C{i}", f"2025-0{1 + j}-01", "abc"[(i + j) % (3 if i else 2)]) for i in range(30) for j in range(6)]
    )
    found = products.next_category(frame, holdout_days=20).customers.set_index("customer_id")
    assert found.loc["C0", "new_category"] == "c"
    assert found.loc["C1", "new_category"] == ""
    assert np.isnan(found.loc["C1", "new_category_share"])
    assert list(found.columns[:6]) == ["first", "first_share", "second", "second_share", "third", "third_share"]


def test_what_is_offered_is_the_likeliest_that_was_never_bought():
    frame, _ = shoppers(customers=60, orders=3)
    found = products.next_category(frame, holdout_days=20)
    chances = found.model.predict_proba(frame)
    bought = pd.crosstab(frame["customer_id"], frame["category"]).reindex_like(chances) > 0
    left = chances.mask(bought)
    of = found.customers.set_index("customer_id")
    some = left.notna().any(axis=1)
    assert of.loc[some, "new_category"].tolist() == left[some].idxmax(axis=1).tolist()
    assert of.loc[some, "new_category_share"].tolist() == pytest.approx(left[some].max(axis=1).tolist())


NO_CATEGORY = "No order line of this study has a category, so nothing can be said of the next one."
TOO_FEW = "Too few customers have bought twice, or all in one category, to learn what follows what."


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (lines([]).drop(columns="category"), NO_CATEGORY),
        (lines([("a", "2025-01-01", None)]), NO_CATEGORY),
        (lines([("a", "2025-01-01", "x"), ("b", "2025-01-01", "y")]), TOO_FEW),
        (lines([("a", f"2025-01-{day}", "x") for day in range(10, 31)]), TOO_FEW),
    ],
)
def test_where_nothing_can_be_said_the_result_says_so(frame, message, keeps_result_contract):
    result = products.next_category(frame)
    assert result.findings() == (message,)
    keeps_result_contract(result, pictures=("plot", "plot_following"))


def test_without_later_purchases_nothing_is_judged(keeps_result_contract):
    frame, _ = shoppers(customers=40)
    last = frame["time"].max()
    again = pd.concat([frame, lines([("C0001", last + pd.Timedelta(days=400), "k0")])])
    found = products.next_category(again, holdout_days=30)
    assert found.findings()[0] == f"Fewer than 20 customers bought again after {found.split}: no guess is judged."
    keeps_result_contract(found, pictures=("plot", "plot_following"))


def test_customers_and_categories_that_were_not_there():
    model = NextCategory().fit(shoppers(customers=100)[0])
    chances = model.predict_proba(lines([("stranger", "2025-01-01", "never seen")]))
    assert chances.loc["stranger"].to_numpy() == pytest.approx(model.popularity_)
    assert clone(model).get_params() == {}


def test_wrong_calls():
    with pytest.raises(UsageError) as raised:
        products.next_category(shoppers(customers=30)[0], holdout_days=0)
    assert str(raised.value) == "products: holdout_days must be 1 or more, not 0."
    with pytest.raises(DataError) as raised:
        NextCategory().fit(lines([("a", "2025-01-01", "x"), ("a", "2025-01-02", "y")]))
    assert str(raised.value) == (
        "products: 1 purchases with one before, of 2 categories, are too few to learn from; it takes 20 and two "
        "categories."
    )


@pytest.mark.slow
def test_the_demo_company_has_tastes(demo):
    found = products.next_category(Study.open(demo).frame("transactions"))
    of = found.methods.set_index("method")
    assert of.loc[MODEL, "gain_points_low"] > 5
    assert of.loc[FAVOURITE, "gain_points_low"] > 5
    assert len(found.customers) == found.customers["customer_id"].nunique()
