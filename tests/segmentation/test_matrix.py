"""The value matrix: lead, iron, gold and jade, where the potential comes from, how sure the cells are."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from crm_analysis.errors import UsageError
from crm_analysis.segmentation import value


@pytest.fixture
def four():
    """One customer in each cell, and one without a purchase. Means: current value 50, room 5."""
    return pd.DataFrame(
        {
            "customer_id": list("abcde"),
            "frequency": [3, 3, 3, 3, 0],
            "spend_last_year": [80.0, 80, 20, 20, 0],
            "room": [9.0, 1, 9, 1, 9],
        }
    )


def refusal(*arguments, **settings):
    with pytest.raises(UsageError) as error:
        value.matrix(*arguments, **settings)
    return str(error.value)


def test_four_customers_by_hand(four):
    result = value.matrix(four, potential="room", currency="EUR")
    assert result.cuts == (50, 5)
    assert result.cells["cell"].tolist() == ["jade", "gold", "iron", "lead"]
    table = result.to_frame().set_index("cell")
    assert table["current_share"].to_dict() == {"jade": 0.4, "gold": 0.4, "iron": 0.1, "lead": 0.1}
    assert table["potential_share"].to_dict() == {"jade": 0.45, "gold": 0.05, "iron": 0.45, "lead": 0.05}
    assert table["strategy"].to_dict() == {
        "jade": "give them the most care",
        "gold": "invest to keep them",
        "iron": "rebuild the relationship",
        "lead": "serve at the lowest cost; keep only with spare capacity",
    }
    low, high = (100 * end for end in proportion_confint(1, 4, method="wilson"))
    findings = result.findings()
    assert findings[0] == (
        f"Jade (high now, high potential): 1 customer, 25.0 % (95 % interval {low:.1f}–{high:.1f}) of all, with "
        "40.0 % of the spend of the last year and 45.0 % of the potential; give them the most care."
    )
    assert findings[4:] == (
        "Shares of value have no intervals: they need at least 10 customers.",
        "The potential was given without an interval, so how sure the cells are is not known.",
        "High is above 50 EUR of spend of the last year and above 5 EUR of potential (the means of the customers).",
        "Potential is the column room.",
        "This counts 4 customers; left out: 1 without a purchase.",
    )


def test_potential_by_customer_id(four):
    given = pd.Series({"d": 10.0, "a": 0.0, "b": 4.0, "z": 99.0})
    result = value.matrix(four, potential=given, cuts=(50, 5))
    assert result.cells.set_index("customer_id")["cell"].to_dict() == {"a": "gold", "b": "gold", "d": "iron"}
    assert result.findings()[-4:-2] == (
        "High is above 50 of spend of the last year and above 5 of potential (as given).",
        "Potential is the numbers given.",
    )
    assert result.findings()[-1] == (
        "This counts 3 customers; left out: 1 without a purchase and 1 whose potential is not known."
    )


def test_the_default_is_headroom_against_peers(make_customers):
    customers = make_customers(300)
    made = value.potential(customers, quantile=0.9)
    by_itself, given = value.matrix(customers, quantile=0.9), value.matrix(customers, potential=made)
    pd.testing.assert_frame_equal(by_itself.cells, given.cells)
    assert by_itself.findings() == given.findings()
    assert by_itself.cells["potential"].tolist() == made.headroom["potential"].tolist()
    assert by_itself.source == "the headroom against the 90 % quantile of revenue among comparable customers"


def test_how_sure_the_cells_are(make_customers):
    result = value.matrix(make_customers(300))
    ends = value.potential(make_customers(300)).headroom
    cut = result.cuts[1]
    moved = int(((ends["potential_low"] > cut) != (ends["potential_high"] > cut)).sum())
    assert result.unsure == moved > 0
    low, high = (100 * end for end in proportion_confint(moved, 300, method="wilson"))
    assert (
        f"{moved / 3:.1f} % (95 % interval {low:.1f}–{high:.1f}) of the customers change their cell as the potential "
        "moves within its interval; the intervals of the cells' shares do not know that."
    ) in result.findings()
    assert result.metrics()["unsure_share"] == moved / 300


def test_a_potential_that_mirrors_current_value_is_told(four):
    mirrored = value.matrix(four.assign(room=[0.0, 1, 9, 8, 0]), potential="room")
    assert mirrored.findings()[-2] == (
        "Who brings much has little potential (rank correlation -0.89), so the second axis adds little to the first, "
        "and few can be jade."
    )
    assert np.isnan(value.matrix(four.assign(room=1.0), potential="room").mirrored)


def test_wallet_makes_its_own_cells(four):
    result = value.matrix(four.assign(share_of_wallet=[20.0, 90, 20, 90, 50]), potential="wallet", currency="EUR")
    assert result.cells["cell"].tolist() == ["jade", "gold", "lead", "lead"]
    assert "Potential is the headroom against what they buy elsewhere (share of wallet)." in result.findings()


@pytest.mark.parametrize(
    ("columns", "potential", "sentence"),
    [
        ({"frequency": 0}, "peers", "No customer has a purchase, so there is no value to count."),
        ({}, "wallet", "The customers have no column share_of_wallet, which wallet headroom needs."),
        ({"room": np.nan}, "room", "For no customer is the potential known, so there is no matrix."),
    ],
)
def test_what_is_missing_is_said(four, columns, potential, sentence, keeps_result_contract):
    result = value.matrix(four.assign(**columns), potential=potential)
    assert result.findings() == (sentence,)
    assert result.metrics() == {}
    keeps_result_contract(result, pictures=("plot",))


def test_refusals(four):
    assert refusal(four, potential="rooms") == (
        "matrix: the customers have no column 'rooms'; give potential= a column, a Series indexed by customer_id, or "
        "one of peers, wallet, cross_selling."
    )
    assert refusal(four, potential=pd.Series([1.0, 2], index=["a", "a"])) == (
        "matrix: potential has a customer_id twice; give each customer one potential."
    )
    assert refusal(four, potential="customer_id").startswith("matrix: potential must be numbers, not ")
    assert refusal(four.drop(columns="customer_id"), potential=pd.Series([1.0])) == (
        "matrix: the customers have no column 'customer_id' to find the potential by; add it."
    )
    assert refusal(four, potential=3) == (
        "matrix: potential must be a Series, a column, a basis or a PotentialResult, not int."
    )
    assert refusal(four, cuts="mode") == "matrix: cuts must be 'mean', 'median' or two numbers, not 'mode'."


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(-5, 9)), min_size=1, max_size=30))
def test_every_customer_is_in_one_cell(drawn):
    current, room = (np.array(part, float) for part in zip(*drawn, strict=True))
    customers = pd.DataFrame({"customer_id": range(len(drawn)), "frequency": 1, "monetary": current, "room": room})
    table = value.matrix(customers, potential="room", cuts="median").to_frame()
    assert table["customers"].sum() == len(drawn)
    assert table["current"].sum() == current.sum()


@pytest.mark.parametrize("customers", [1, 5, 400])
def test_ValueMatrixResult_keeps_the_contract(make_customers, customers, keeps_result_contract):
    result = value.matrix(make_customers(customers), label="June", currency="CNY")
    keeps_result_contract(result, pictures=("plot",))


def test_the_picture_has_its_cuts_and_four_notes(make_customers):
    result = value.matrix(make_customers(400))
    ax = result.plot()
    assert ax.lines[0].get_xdata()[0] == result.cuts[0]
    assert ax.lines[1].get_ydata()[0] == result.cuts[1]
    assert [text.get_text().splitlines()[0] for text in ax.texts] == ["jade", "gold", "iron", "lead"]
