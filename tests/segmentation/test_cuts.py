"""Cut-points: against pandas where it can judge, and by their own promises where values tie."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_analysis.errors import DataError, UsageError
from crm_analysis.segmentation.cuts import DIMENSIONS, METHODS, Cuts, learn

BY_HAND = json.loads((Path(__file__).parents[1] / "reference" / "rfm_by_hand.json").read_text("utf-8"))
EDGES = {"recency": [30, 90], "frequency": [2, 5], "monetary": [50.0, 200.0]}


def refusal(kind, customers, **settings):
    with pytest.raises(kind) as error:
        learn(customers, **settings)
    return str(error.value)


def ordered(values, dimension):
    """Values so that more is better."""
    return -values if dimension == "recency" else values


@st.composite
def customers_and_bins(draw, most=60):
    bins = draw(st.integers(2, 6))
    size = draw(st.integers(bins, most))
    columns = {}
    for column, values in (
        ("recency_days", st.integers(0, 12)),
        ("frequency", st.integers(1, 9)),
        ("monetary", st.sampled_from([-5.0, 0.0, 0.1, 3.0, 3.5, 20.0, 99.99, 1e7])),
    ):
        # Enough distinct values, then ties at will.
        sure = draw(st.lists(values, min_size=bins, max_size=bins, unique=True))
        rest = draw(st.lists(values, min_size=size - bins, max_size=size - bins))
        columns[column] = draw(st.permutations(sure + rest))
    return pd.DataFrame(columns), bins


def learned(customers, bins, method):
    edges = None
    if method == "custom":
        edges = {name: sorted(set(customers[column]))[1:bins] for name, column in DIMENSIONS.items()}
    return learn(customers, bins=bins, method=method, edges=edges)


# --- against others --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bins", range(2, 10))
def test_quantile_is_qcut_where_nothing_ties(make_customers, bins):
    customers = make_customers(bins * 37, ties=False)
    classes = learn(customers, bins=bins).classes(customers)
    for dimension, column in DIMENSIONS.items():
        expected = pd.qcut(ordered(customers[column], dimension), bins, labels=range(1, bins + 1)).astype(int)
        assert classes[dimension].tolist() == expected.tolist()


def test_nested_is_quantiles_within_quantiles_where_nothing_ties(make_customers):
    customers = make_customers(4**3 * 5, seed=8, ties=False)
    customers["monetary"] = np.random.default_rng(9).permutation(len(customers)) + 0.5
    classes = learn(customers, bins=4, method="nested").classes(customers)

    def within(frame, column):
        return pd.qcut(ordered(frame[column], column.split("_")[0]), 4, labels=range(1, 5)).astype(int)

    # Groups of the first are multiples of 4 customers; where a later group is not, its sizes differ by one at most.
    expected = pd.DataFrame({"recency": within(customers, "recency_days")})
    assert classes["recency"].tolist() == expected["recency"].tolist()
    for recency, group in customers.groupby(expected["recency"]):
        assert len(group) == 80
        frequency = within(group, "frequency")
        assert classes.loc[group.index, "frequency"].tolist() == frequency.tolist(), recency
        for _, inner in group.groupby(frequency):
            assert len(inner) == 20
            assert classes.loc[inner.index, "monetary"].tolist() == within(inner, "monetary").tolist()
    # 4 x 4 x 4 cells with the same number of customers: what Hughes wanted.
    assert set(classes.value_counts()) == {5}


def test_fixed_classes_are_of_equal_width():
    values = pd.DataFrame({"recency_days": [0, 50, 100], "frequency": [1, 2, 5], "monetary": [0.0, 10.0, 40.0]})
    cuts = learn(values, bins=2, method="fixed")
    assert {name: groups[""] for name, groups in cuts.edges.items()} == {
        "recency": (50.0,),
        "frequency": (3.0,),
        "monetary": (20.0,),
    }
    assert cuts.classes(values).to_numpy().tolist() == [[2, 1, 1], [2, 1, 1], [1, 2, 2]]


def test_published_thresholds_give_the_published_scores():
    customers = pd.DataFrame(BY_HAND["customers"])
    classes = learn(customers, method="custom", edges=BY_HAND["edges"]).classes(customers)
    scores = ["".join(map(str, row)) for row in classes[["recency", "frequency", "monetary"]].to_numpy()]
    assert scores == customers["rfm"].tolist()


# --- what every method promises --------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@given(drawn=customers_and_bins())
def test_ties_are_never_split_and_classes_follow_the_values(method, drawn):
    customers, bins = drawn
    cuts = learned(customers, bins, method)
    classes = cuts.classes(customers)
    assert classes.index.equals(customers.index)
    assert ((classes >= 1) & (classes <= bins)).to_numpy().all()
    groups = [()] * len(customers)
    for dimension, column in DIMENSIONS.items():
        values = ordered(customers[column].to_numpy("float64"), dimension)
        of = classes[dimension].to_numpy()
        for one in range(len(customers)):
            for other in range(one):
                # With nested bins customers are comparable within their group only.
                if method == "nested" and groups[one] != groups[other]:
                    continue
                if values[one] == values[other]:
                    assert of[one] == of[other]
                elif values[one] > values[other]:
                    assert of[one] >= of[other]
                else:
                    assert of[one] <= of[other]
        groups = [(*group, score) for group, score in zip(groups, of, strict=True)]
    if method == "quantile":
        assert [classes[dimension].nunique() for dimension in DIMENSIONS] == [bins] * 3


@given(drawn=customers_and_bins(), random=st.randoms(use_true_random=False))
def test_row_order_does_not_matter(drawn, random):
    customers, bins = drawn
    shuffled = customers.sample(frac=1, random_state=random.randrange(1000))
    for method in METHODS:
        assert learned(shuffled, bins, method) == learned(customers, bins, method)


@given(drawn=customers_and_bins())
def test_quantile_classes_survive_a_monotone_transform(drawn):
    customers, bins = drawn
    turned = customers.assign(
        recency_days=np.exp(customers["recency_days"] / 3),
        frequency=customers["frequency"] ** 3,
        monetary=np.arctan(customers["monetary"] / 50),
    )
    before = learn(customers, bins=bins).classes(customers)
    pd.testing.assert_frame_equal(learn(turned, bins=bins).classes(turned), before)


def test_equal_shares_where_ties_allow_it():
    # Half of the customers bought once: one class for them, and the others share the rest.
    once = pd.DataFrame(
        {"recency_days": range(100), "frequency": [1] * 50 + list(range(2, 52)), "monetary": range(100)}
    )
    counts = learn(once, bins=5).classes(once)["frequency"].value_counts().sort_index()
    assert counts.tolist() == [50, 12, 13, 12, 13]


@pytest.mark.parametrize("method", METHODS)
def test_cuts_are_saved_and_loaded_as_they_were(make_customers, tmp_path, method):
    customers = make_customers(300)
    cuts = learn(
        customers, bins=3 if method == "custom" else 4, method=method, edges=EDGES if method == "custom" else None
    )
    cuts.save(tmp_path / "cuts.json")
    again = Cuts.load(str(tmp_path / "cuts.json"))
    assert again == cuts
    pd.testing.assert_frame_equal(again.classes(customers), cuts.classes(customers))
    # Standard JSON: no NaN, no Infinity.
    json.loads((tmp_path / "cuts.json").read_text("utf-8"), parse_constant=lambda word: pytest.fail(word))


def test_nested_edges_that_are_never_reached_are_saved_too(tmp_path):
    rows = [(day, orders, 1.0) for day in range(3) for orders in range(1, 4)] + [(0, 1, 2.0), (0, 1, 3.0)]
    customers = pd.DataFrame(rows, columns=list(DIMENSIONS.values()))
    cuts = learn(customers, bins=3, method="nested")
    assert any(math.inf in edges for edges in cuts.edges["monetary"].values())
    cuts.save(tmp_path / "cuts.json")
    assert Cuts.load(tmp_path / "cuts.json") == cuts


def test_a_group_that_was_empty_takes_the_cuts_of_all():
    edges = {
        "recency": {"": (30.0,)},
        "frequency": {"": (5.0,), "1": (2.0,)},
        "monetary": {"": (100.0,)},
    }
    cuts = Cuts(2, "nested", edges)
    customers = pd.DataFrame({"recency_days": [90, 90, 1], "frequency": [3, 1, 3], "monetary": [50.0, 150.0, 150.0]})
    assert cuts.classes(customers).to_numpy().tolist() == [[1, 2, 1], [1, 1, 2], [2, 1, 2]]


# --- in words --------------------------------------------------------------------------------------------------------


def test_the_table_says_which_values_a_class_holds():
    frame = learn(pd.DataFrame(), method="custom", edges=EDGES).to_frame()
    assert list(frame) == ["dimension", "within", "class", "edge", "values"]
    assert frame[["dimension", "class", "values"]].to_numpy().tolist() == [
        ["recency", 1, "91 or more days"],
        ["recency", 2, "31 to 90 days"],
        ["recency", 3, "up to 30 days"],
        ["frequency", 1, "up to 1"],
        ["frequency", 2, "2 to 4"],
        ["frequency", 3, "5 or more"],
        ["monetary", 1, "below 50"],
        ["monetary", 2, "50 to below 200"],
        ["monetary", 3, "200 or more"],
    ]
    assert frame["edge"].isna().tolist() == [True, False, False] * 3


@given(drawn=customers_and_bins())
def test_every_customer_is_where_the_words_say(drawn):
    customers, bins = drawn
    cuts = learn(customers, bins=bins)
    classes = cuts.classes(customers)
    words = cuts.to_frame().set_index(["dimension", "class"])["values"]
    for dimension, column in (("recency", "recency_days"), ("frequency", "frequency")):
        for value, level in zip(customers[column], classes[dimension], strict=True):
            assert holds(words[dimension, level].removesuffix(" days"), value), (words[dimension, level], value)


def holds(words, value):
    if words.startswith("up to "):
        return value <= int(words[6:])
    if words.endswith(" or more"):
        return value >= int(words[:-8])
    low, _, high = words.partition(" to ")
    return int(low) <= value <= int(high or low)


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["quantile", "fixed", "nested"])
def test_too_few_distinct_values(make_customers, method):
    customers = make_customers(50).assign(frequency=[1, 2] * 25)
    assert learn(customers, bins=5, method=method).why == (
        "frequency has 2 distinct values, too few for 5 classes (equal values are never split); ask for fewer bins, or "
        "give edges with method='custom'"
    )


def test_all_amounts_equal(make_customers):
    assert learn(make_customers(50).assign(monetary=9.5), bins=3).why == (
        "monetary has the same value, 9.500, for every customer; score more customers, or give edges with "
        "method='custom'"
    )


def test_one_customer(make_customers, tmp_path):
    none = learn(make_customers(1))
    why = "recency_days has the same value, 302, for every customer; score more customers, or give edges with "
    assert none.why == f"{why}method='custom'"
    assert none.to_frame().empty
    for use in (lambda: none.classes(make_customers(1)), lambda: none.save(tmp_path / "cuts.json")):
        with pytest.raises(DataError) as caught:
            use()
        assert str(caught.value) == f"rfm: there are no cut-points: {why}method='custom'."
    # Cut-points that are given can place even one.
    cuts = learn(make_customers(1), method="custom", edges=EDGES)
    assert len(cuts.classes(make_customers(1))) == 1


EXAMPLE = "edges={'recency': [30, 90], 'frequency': [2, 5], 'monetary': [50, 200]}"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"method": "decile"},
            "rfm: method must be one of quantile, fixed, custom, nested, not 'decile'.",
        ),
        ({"bins": 1}, "rfm: bins must be a whole number from 2 to 9, not 1."),
        ({"bins": 10}, "rfm: bins must be a whole number from 2 to 9, not 10."),
        ({"bins": 2.5}, "rfm: bins must be a whole number from 2 to 9, not 2.5."),
        ({"edges": EDGES}, "rfm: edges are for method='custom', not for method='quantile'."),
        (
            {"method": "custom"},
            f"rfm: method='custom' needs edges for recency, frequency and monetary, such as {EXAMPLE}.",
        ),
        (
            {"method": "custom", "edges": {"recency": [1]}},
            f"rfm: method='custom' needs edges for recency, frequency and monetary, such as {EXAMPLE}.",
        ),
        (
            {"method": "custom", "edges": EDGES | {"monetary": [1]}},
            f"rfm: give each dimension the same number of edges (classes less one), such as {EXAMPLE}.",
        ),
        (
            {"method": "custom", "edges": {name: [] for name in EDGES}},
            f"rfm: give each dimension the same number of edges (classes less one), such as {EXAMPLE}.",
        ),
        (
            {"method": "custom", "edges": dict.fromkeys(EDGES, range(9))},
            "rfm: give at most 8 edges (9 classes), not 9.",
        ),
        (
            {"method": "custom", "edges": EDGES | {"frequency": [5, 2]}},
            "rfm: the edges of frequency must ascend, not [5, 2].",
        ),
        (
            {"method": "custom", "edges": EDGES | {"frequency": [2, 2]}},
            "rfm: the edges of frequency must ascend, not [2, 2].",
        ),
        (
            {"method": "custom", "edges": EDGES | {"recency": [1, math.nan]}},
            "rfm: the edges of recency must be finite numbers, not [1, nan].",
        ),
    ],
)
def test_settings_that_are_not_understood(make_customers, settings, message):
    assert refusal(UsageError, make_customers(50), **settings) == message


def test_a_file_of_cuts_that_is_not_there(tmp_path):
    path = tmp_path / "cuts.json"
    with pytest.raises(UsageError) as error:
        Cuts.load(path)
    assert str(error.value) == f"there is no file {path}; write one with result.cuts.save({str(path)!r})."


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"edges": {}}', '{"edges": {"recency": 3}}', "null"])
def test_a_file_that_holds_no_cuts(tmp_path, content):
    path = tmp_path / "cuts.json"
    path.write_text(content)
    with pytest.raises(UsageError) as error:
        Cuts.load(path)
    assert str(error.value) == f"{path} holds no cut-points; write them with result.cuts.save({str(path)!r})."
