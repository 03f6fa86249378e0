"""The value family as a notebook calls it: every verb, on tables that lack something."""

import inspect

import pandas as pd
import pytest

from crm_analysis.segmentation import value

VERBS = ("behaviour_matrix", "concentration", "matrix", "potential", "pyramid", "tiers")


def test_every_verb_takes_customers_and_then_names():
    assert [name for name in value.__all__ if inspect.isfunction(getattr(value, name))] == list(VERBS)
    for name in VERBS:
        first, *rest = inspect.signature(getattr(value, name)).parameters.values()
        assert first.name == "customers"
        assert {parameter.kind for parameter in rest} == {inspect.Parameter.KEYWORD_ONLY}
        assert {"label", "currency"} <= {parameter.name for parameter in rest}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("kind", ["missing", "no_rows", "no_purchases", "contracts_alone"])
def test_a_notebook_needs_no_if(verb, kind, make_customers, keeps_result_contract):
    customers = {
        "missing": pd.DataFrame({"customer_id": ["a", "b"]}),
        "no_rows": make_customers(3).head(0),
        "no_purchases": make_customers(3).assign(frequency=0),
        "contracts_alone": pd.DataFrame({"customer_id": list("abc"), "monthly_fee": [10.0, 20.0, float("nan")]}),
    }[kind]
    keeps_result_contract(getattr(value, verb)(customers), pictures=("plot",))


@pytest.mark.parametrize("verb", VERBS)
def test_what_is_written_in_a_label_is_escaped(verb, make_customers):
    html = getattr(value, verb)(make_customers(30), label="<script>x</script>", currency="<b>")._repr_html_()
    assert "<script" not in html
    assert "<b>" not in html


def test_a_telecom_without_transactions(shared):
    """A table of customers alone, with the bill in a column of its own."""
    customers = pd.read_csv(shared("data/telco/Telco-Customer-Churn.csv")).rename(columns={"customerID": "customer_id"})
    shares = value.concentration(customers, by="MonthlyCharges").to_frame()
    assert shares["value_share"].is_monotonic_increasing
    tiers = value.tiers(customers, by="MonthlyCharges", edges={"platinum": 100, "gold": 80, "bronze": 50})
    by_hand = (customers["MonthlyCharges"] >= 100).sum()
    assert tiers.to_frame()["customers"].iloc[0] == by_hand
    assert tiers.to_frame()["customers"].sum() == len(customers) == 7043
