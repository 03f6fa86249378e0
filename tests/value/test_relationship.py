"""Relationship value: ranks by hand, what is made from the view, the matrix of both values."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from crm_analysis.errors import UsageError
from crm_analysis.value import relationship


def view(n=300, *, seed=1):
    generator = np.random.default_rng(seed)
    ids = [f"C{number}" for number in range(n)]
    spend = generator.gamma(1.5, 100, n)
    referrer = np.where(generator.random(n) < 0.2, generator.choice(ids, n), None)
    return pd.DataFrame(
        {
            "customer_id": ids,
            "margin": 0.3 * spend,
            "gross_spend": spend,
            "cost_to_serve": 5.0,
            "tenure_days": generator.integers(30, 1500, n),
            "contacts": generator.poisson(1.0, n),
            "complaints": generator.poisson(0.3, n),
            "referrer_id": referrer,
            "referrals_made": pd.Series(ids).map(pd.Series(referrer).value_counts()).fillna(0),
            "birth_year": np.where(generator.random(n) < 0.3, np.nan, 1980),
        }
    )


def test_RelationshipResult_keeps_the_contract(keeps_result_contract):
    keeps_result_contract(relationship.score(view()), pictures=("plot",))
    keeps_result_contract(relationship.score(view(5)), pictures=("plot",))
    keeps_result_contract(relationship.score(view()[["customer_id"]]), pictures=("plot",))
    keeps_result_contract(relationship.score(view().iloc[:0]), pictures=("plot",))


def test_RelationshipMatrixResult_keeps_the_contract(keeps_result_contract):
    customers = view().set_index("customer_id")
    result = relationship.matrix(customers["gross_spend"], customers["tenure_days"])
    keeps_result_contract(result, pictures=("plot",))
    nobody = relationship.matrix(customers["gross_spend"][:0], customers["tenure_days"])
    keeps_result_contract(nobody, pictures=("plot",))
    assert nobody.findings() == ("No customer has both a customer value and a relationship value in this study.",)


def test_scores_by_hand():
    customers = pd.DataFrame(
        {"customer_id": list("abcd"), "tenure_days": [10, 20, 20, 40], "referrals_made": [0, 0, 0, 3]}
    )
    result = relationship.score(customers)
    assert result.customers["lifetime"].tolist() == [12.5, 50, 50, 87.5]
    assert result.customers["referral"].tolist() == [37.5, 37.5, 37.5, 87.5]
    assert result.customers["relationship_value"].tolist() == [25, 43.75, 43.75, 87.5]
    assert result.missing == ("profitability", "capability", "scale", "information", "brand", "network")
    weighted = relationship.score(customers, weights={"lifetime": 3, "referral": 1})
    assert weighted.customers["relationship_value"].iloc[0] == pytest.approx((3 * 12.5 + 37.5) / 4)
    assert result.dimensions.set_index("dimension").loc["referral", "any_share"] == 0.25


def test_what_is_made_from_the_view():
    customers = view()
    result = relationship.score(customers)
    rows = result.dimensions.set_index("dimension")
    assert result.missing == ("brand",)
    profit = customers["margin"] - 5 * customers["tenure_days"] / 365.25
    network = customers["customer_id"].map(customers.groupby("referrer_id")["gross_spend"].sum()).fillna(0)
    assert result.customers["network"].corr(network, method="spearman") == pytest.approx(1)
    assert result.customers["profitability"].corr(profit, method="spearman") == pytest.approx(1)
    expected = spearmanr(profit, customers["tenure_days"]).statistic
    assert rows.loc["lifetime", "with_profitability"] == pytest.approx(expected)
    assert rows.loc["lifetime", "with_profitability_low"] < expected < rows.loc["lifetime", "with_profitability_high"]
    # Five values count the same; the four resources, of which three are known, share the fifth.
    assert rows["weight_share"].to_dict() == pytest.approx(
        dict.fromkeys(["profitability", "lifetime", "capability", "referral"], 0.2)
        | dict.fromkeys(["scale", "information", "network"], 0.2 / 3)
    )
    named = relationship.score(customers, columns={"brand": "birth_year"})
    assert named.missing == ()


def test_the_interval_of_the_correlation_is_that_of_bonett_and_wright():
    row = relationship.score(view()).dimensions.set_index("dimension").loc["lifetime"]
    r = row["with_profitability"]
    reach = 1.959964 * np.sqrt((1 + r**2 / 2) / 297)
    ends = (row["with_profitability_low"], row["with_profitability_high"])
    assert ends == pytest.approx(np.tanh([np.arctanh(r) - reach, np.arctanh(r) + reach]))


def test_a_dimension_that_is_not_known_of_a_customer_does_not_count():
    customers = pd.DataFrame({"tenure_days": [10.0, 20.0, None], "referrals_made": [0, 0, 3]})
    found = relationship.score(customers).customers
    assert found["relationship_value"].tolist() == pytest.approx([(25 + 100 / 3) / 2, (75 + 100 / 3) / 2, 500 / 6])


def test_without_a_margin_profit_is_what_was_spent():
    spent = view().drop(columns="margin").rename(columns={"gross_spend": "monetary"})
    sentence = "The margin is not known, so that profit stands for what was spent."
    assert sentence in relationship.score(spent).findings()
    assert sentence not in relationship.score(view()).findings()
    assert sentence not in relationship.score(spent[["customer_id", "tenure_days"]]).findings()


def test_the_top_tenth_by_hand():
    """Of the ten with the most profit four joined late; their relations are not worth most."""
    customers = pd.DataFrame({"margin": np.arange(100.0), "tenure_days": np.r_[np.arange(95.0), [0, 1, 2, 3, 400]]})
    found = relationship.score(customers)
    table = found.customers
    best = table.nlargest(10, "relationship_value").index.intersection(table.nlargest(10, "profitability").index)
    assert found.overlap[0] == len(best) / 10
    assert 0 < found.overlap[0] < 1


def test_the_top_tenth_overlaps():
    customers = view(200)
    only = relationship.score(customers[["customer_id", "margin"]])
    assert only.overlap[0] == 1
    assert relationship.score(customers).overlap[0] < 1


def test_the_matrix_by_hand():
    customers = pd.Series([1.0, -1.0, 2.0, -2.0, 5.0], index=list("abcde"))
    relations = pd.Series([10.0, 20.0, 30.0, 40.0, 50.0], index=list("abcdf"))
    result = relationship.matrix(customers, relations, customer_cut=0)
    assert result.cuts == (0, 25)
    assert result.customers["cell"].tolist() == ["customer gains", "neither", "win-win", "firm gains"]
    assert result.cells["customers"].tolist() == [1, 1, 1, 1]
    assert result.metrics()["win_win_share"] == 0.25
    assert relationship.matrix(customers, relations, customer_cut=2).customers["cell"].tolist()[2] == "firm gains"
    doubled = pd.concat([customers, pd.Series([9.0], index=["b"])])
    assert relationship.matrix(doubled, relations, customer_cut=0).customers["cell"].tolist()[-1] == "customer gains"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"columns": {"luck": "margin"}},
            "relationship: 'luck' is no dimension; known are profitability, lifetime, capability, referral, scale, "
            "information, brand, network.",
        ),
        ({"columns": {"brand": "fame"}}, "relationship: the customers have no column 'fame' for brand."),
        (
            {"weights": {"lifetime": 1}},
            "relationship: weights lacks 'profitability'; give one for each of profitability, lifetime, capability, "
            "referral, scale, information, network.",
        ),
        (
            {
                "weights": dict.fromkeys(
                    ["profitability", "lifetime", "capability", "referral", "scale", "information", "network"], 0
                )
            },
            "relationship: weights must be positive numbers, not {'profitability': 0.0, 'lifetime': 0.0, 'capability': "
            "0.0, 'referral': 0.0, 'scale': 0.0, 'information': 0.0, 'network': 0.0}.",
        ),
    ],
)
def test_wrong_calls_are_said(options, message):
    with pytest.raises(UsageError) as caught:
        relationship.score(view(), **options)
    assert str(caught.value) == message
