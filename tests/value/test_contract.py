"""sBG: the published cohorts, known truth, contracts counted in periods."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_analysis.errors import DataError, UsageError
from crm_analysis.value import clv

COHORTS = json.loads((Path(__file__).parents[1] / "reference" / "clv.json").read_text("utf-8"))["sbg"]


def contracts_of(survivors):
    """One row per contract of a cohort, from how many survive each period."""
    lost = -np.diff(survivors)
    last = len(lost)
    return pd.DataFrame(
        {
            "periods": np.repeat([*range(1, last + 1), last], [*lost, survivors[-1]]),
            "ended": np.repeat([*([True] * last), False], [*lost, survivors[-1]]),
        }
    )


@pytest.mark.parametrize("name", COHORTS)
def test_the_published_cohorts(name):
    cohort = COHORTS[name]
    seen = cohort["survivors"][: cohort["fitted_years"] + 1]
    fitted = clv.ShiftedBetaGeometric().fit(contracts_of(seen))
    assert fitted.params_["a"] == pytest.approx(cohort["alpha"], abs=1e-3)
    assert fitted.params_["b"] == pytest.approx(cohort["beta"], abs=1e-3)
    assert fitted.log_likelihood_ == pytest.approx(cohort["log_likelihood"], abs=0.05)
    # The paper's point: projected to year 12 it is off by a few percent, where curves fitted by eye fail.
    projected = 1000 * fitted.survival(12)["surviving_share"]
    assert projected.to_numpy() == pytest.approx(np.array(cohort["survivors"], float), rel=0.05)
    curve = fitted.survival(5)
    kept = curve["surviving_share"] / curve["surviving_share"].shift()
    assert curve["retention_share"][1:].tolist() == pytest.approx(kept[1:].tolist())
    assert fitted.customers_ == 1000
    assert repr(fitted).startswith("ShiftedBetaGeometric(a=")


def test_parameters_are_found_again_also_when_most_contracts_still_run():
    generator = np.random.default_rng(1)
    ends, seen = generator.geometric(generator.beta(0.9, 4.0, 20_000)), generator.integers(1, 25, 20_000)
    fitted = clv.ShiftedBetaGeometric().fit(pd.DataFrame({"periods": np.minimum(ends, seen), "ended": ends <= seen}))
    table = fitted.parameters_.set_index("parameter")
    z = (np.log(table["estimate"]) - np.log([0.9, 4.0])) / (table["standard_error"] / table["estimate"])
    assert np.abs(z).max() < 3
    curve = fitted.survival(6)
    assert (curve["surviving_share_low"] <= curve["surviving_share"]).all()
    assert (curve["retention_share"][1:] <= curve["retention_share_high"][1:]).all()
    # Retention rises with age although no customer changes.
    assert curve["retention_share"][1:].is_monotonic_increasing
    true = generator.geometric(generator.beta(0.9, 4.0, 50_000)) > 6
    assert curve["surviving_share"].iloc[-1] == pytest.approx(true.mean(), abs=0.02)


@given(held=st.integers(0, 60), rate=st.floats(0.003, 0.6))
def test_expected_periods_against_the_sum(held, rate):
    fitted = _fitted()
    a, b = fitted.params_
    k = np.arange(1, 6000)
    running = np.cumprod((b + held + k - 1) / (a + b + held + k - 1))
    expected = (running * np.exp(-k * np.log1p(rate))).sum()
    assert fitted.expected_periods([held], discount_rate=rate)[0] == pytest.approx(expected, rel=1e-5)


def _fitted(found=[]):  # noqa: B006
    if not found:
        found.append(clv.ShiftedBetaGeometric().fit(contracts_of(COHORTS["high_end"]["survivors"])))
    return found[0]


def test_without_discount_a_heavy_tail_has_no_end():
    assert _fitted().expected_periods([0, 5]).tolist() == [np.inf, np.inf]


def test_contracts_counted_in_periods():
    contracts = pd.DataFrame(
        [
            ("a", "2025-01-31", "2025-02-28"),
            ("b", "2025-01-01", "2025-03-01"),
            ("c", "2025-01-15", None),
            ("d", "2025-01-15", "2025-06-20"),
            ("e", "2025-07-15", None),
            ("f", "2025-03-30", "2025-03-31"),
        ],
        columns=["customer_id", "start", "end"],
    )
    found = clv.renewals(contracts, as_of="2025-05-31")
    assert found["customer_id"].tolist() == ["a", "b", "c", "d", "f"]
    assert found["periods"].tolist() == [1, 2, 4, 4, 1]
    assert found["ended"].tolist() == [True, True, False, False, True]
    assert clv.renewals(contracts)["periods"].tolist() == [1, 2, 6, 6, 0, 1]


def test_memberships_that_end_alike(demo):
    found = clv.renewals(pd.read_csv(demo / "contracts.csv"), unit="month")
    fitted = clv.ShiftedBetaGeometric().fit(found)
    # What actually ended in the first months, against the curve.
    first = ((found["periods"] == 1) & found["ended"]).sum() / ((found["periods"] > 1) | found["ended"]).sum()
    assert fitted.survival(1)["surviving_share"].iloc[1] == pytest.approx(1 - first, abs=0.03)


@pytest.mark.parametrize(
    ("contracts", "kind", "message"),
    [
        (
            {"ended": [True] * 40},
            UsageError,
            "ShiftedBetaGeometric: the contracts have no column 'periods'; make one with clv.renewals.",
        ),
        (
            {"periods": [1, 2], "ended": [True, False]},
            DataError,
            "ShiftedBetaGeometric: 2 contracts are too few to learn from; give 30 or more.",
        ),
        (
            {"periods": [4] * 40, "ended": [False] * 40},
            DataError,
            "ShiftedBetaGeometric: no contract has ended, so that nothing can be learned; give a longer time.",
        ),
        (
            {"periods": [1] * 40, "ended": [True, False] * 20},
            DataError,
            "ShiftedBetaGeometric: only one period has been seen, in which retention is one number that cannot tell "
            "whether customers differ; give contracts of two periods or more.",
        ),
    ],
)
def test_what_cannot_be_learned_is_said(contracts, kind, message):
    with pytest.raises(kind) as caught:
        clv.ShiftedBetaGeometric().fit(pd.DataFrame(contracts))
    assert str(caught.value) == message


def test_customers_who_do_not_differ_are_said():
    generator = np.random.default_rng(2)
    ends = generator.geometric(0.3, 4000)
    fitted = clv.ShiftedBetaGeometric().fit(pd.DataFrame({"periods": np.minimum(ends, 12), "ended": ends <= 12}))
    a, b = fitted.params_
    assert a / (a + b) == pytest.approx(0.3, abs=0.02)
    assert np.isfinite(fitted.survival(5)["surviving_share"]).all()


def test_wrong_calls_are_said():
    with pytest.raises(UsageError) as caught:
        clv.renewals(pd.DataFrame({"customer_id": [], "start": []}))
    assert str(caught.value) == "renewals: the contracts have no column 'end'; they need customer_id, start, end."
    with pytest.raises(UsageError) as caught:
        clv.ShiftedBetaGeometric().survival(3)
    assert str(caught.value) == "ShiftedBetaGeometric has not learned anything yet; call fit(contracts) first."
    with pytest.raises(UsageError) as caught:
        _fitted().expected_periods([1], discount_rate=-0.1)
    assert str(caught.value) == "expected_periods: discount_rate must not be negative, not -0.1."


def _table(n, *, seed, a=0.9, b=4.0):
    """Contracts by month that began over three years, as a study holds them; last day 2025-12-31."""
    generator = np.random.default_rng(seed)
    start = pd.Timestamp("2023-01-01") + pd.to_timedelta(generator.integers(0, 1000, n), unit="D")
    months = generator.geometric(generator.beta(a, b, n))
    end = start + pd.to_timedelta(np.floor(np.minimum(months, 999) * 365.25 / 12), unit="D")
    fees = generator.choice([10.0, 20.0], n)
    table = pd.DataFrame({"customer_id": range(n), "start": start, "end": end, "monthly_fee": fees})
    return table.assign(end=table["end"].where(table["end"] <= "2025-12-31"))


def test_ContractsResult_keeps_the_contract(keeps_result_contract):
    table = _table(300, seed=1)
    for own in (table, table.drop(columns="monthly_fee"), table.iloc[:5], table.iloc[:0]):
        keeps_result_contract(clv.contracts(own, as_of="2025-12-31", currency="CNY", draws=100), pictures=("plot",))


def test_observed_shares_are_those_of_kaplan_and_meier():
    from statsmodels.duration.survfunc import SurvfuncRight

    table = _table(400, seed=2)
    counted = clv.renewals(table, as_of="2025-12-31")
    seen = counted[counted["periods"] > 0]
    other = SurvfuncRight(seen["periods"], seen["ended"].astype(int))
    curve = clv.contracts(table, as_of="2025-12-31", draws=100).to_frame().set_index("period")
    inside = other.surv_times <= 24
    own = curve.loc[other.surv_times[inside].astype(int)]
    assert own["observed_share"].to_numpy() == pytest.approx(other.surv_prob[inside])
    error = other.surv_prob_se[inside] / (other.surv_prob[inside] * np.abs(np.log(other.surv_prob[inside])))
    low = other.surv_prob[inside] ** np.exp(1.959963984540054 * error)
    assert own["observed_share_low"].to_numpy() == pytest.approx(low)


@pytest.mark.parametrize(("unit", "days"), [("month", 365.25 / 12), ("week", 7.0)])
def test_the_worth_of_running_contracts_by_hand(unit, days):
    """The fee of a period times the discounted further periods, at the rate of a period; and at one rate for all."""
    table = _table(300, seed=3)
    worth = clv.contracts(table, as_of="2025-12-31", unit=unit, discount_rate=0.9, draws=100).worth
    counted = clv.renewals(table, as_of="2025-12-31", unit=unit)
    running = ~counted["ended"].to_numpy()
    fees, rate = table["monthly_fee"].to_numpy()[running] * days / (365.25 / 12), 1.9 ** (days / 365.25) - 1
    fitted = clv.ShiftedBetaGeometric().fit(counted)
    further = fitted.expected_periods(counted["periods"][running], discount_rate=rate)
    leaving = counted["ended"].sum() / counted["periods"].sum()
    flat = sum((1 - leaving) ** k / (1 + rate) ** k for k in range(1, 5000))
    assert worth["fees_total"].tolist() == pytest.approx([fees @ further, fees.sum() * flat])
    # The same sum at parameters drawn from their normal distribution.
    held, place = np.unique(counted["periods"][running], return_inverse=True)
    a, b = fitted.maximum_.draws(np.random.default_rng(0), 100).T[:, :, None, None]
    ahead = b + held[:, None] + np.arange(600.0)
    drawn = (np.cumprod(ahead / (a + ahead), axis=2) @ (1 + rate) ** -np.arange(1, 601.0)) @ np.bincount(place, fees)
    ends = worth.loc[0, ["fees_total_low", "fees_total_high"]].tolist()
    assert ends == pytest.approx(np.quantile(drawn, [0.025, 0.975]), rel=0.01)
    assert (worth["fees_total_low"] < worth["fees_total"]).all()
    assert (worth["fees_total"] < worth["fees_total_high"]).all()


@pytest.mark.slow
def test_the_worth_of_running_contracts_is_covered_and_one_rate_undervalues_them():
    held, below = [], []
    for seed in range(120):
        table = _table(600, seed=seed)
        result = clv.contracts(table, as_of="2025-12-31", periods=3, discount_rate=0.1, draws=200)
        counted = clv.renewals(table, as_of="2025-12-31")
        running = counted[~counted["ended"]]
        fees = table["monthly_fee"][~counted["ended"].to_numpy()].to_numpy()
        k, rate = np.arange(1, 1200), 1.1 ** (1 / 12) - 1
        t, place = np.unique(running["periods"], return_inverse=True)
        further = np.cumprod((4.0 + t[:, None] + k - 1) / (4.9 + t[:, None] + k - 1), axis=1) @ (1 + rate) ** -k
        true = further[place] @ fees
        own, flat = result.worth.iloc[0], result.worth.iloc[1]
        held.append(own["fees_total_low"] <= true <= own["fees_total_high"])
        below.append(flat["fees_total_high"] < true)
    assert 0.90 <= np.mean(held) <= 0.99
    assert np.mean(below) == 1


def test_what_is_said_of_contracts():
    result = clv.contracts(_table(300, seed=1), as_of="2025-12-31", currency="CNY", draws=100)
    first, second, third = result.findings()
    assert first.startswith("Of 300 contracts ")
    assert first.endswith(" outlast 24 months.")
    assert " are renewed after the first month, " in second
    assert "with one rate of ending for all it would be less, " in third
    assert third.endswith("These are fees and not profit.")
    nothing = clv.contracts(_table(0, seed=1)).findings()
    assert nothing == ("There are no contracts in this study, so that only purchases tell of leaving.",)
    assert clv.contracts(_table(9, seed=1)).findings() == (
        "ShiftedBetaGeometric: 9 contracts are too few to learn from; give 30 or more.",
    )
    for settings, message in (
        ({"unit": "hour"}, "contracts: unit must be one of day, week, month, year, not 'hour'."),
        ({"periods": 0}, "contracts: periods must be 1 or more, not 0."),
        ({"discount_rate": 0}, "contracts: discount_rate is a share of a year, such as 0.1, not 0."),
    ):
        with pytest.raises(UsageError) as caught:
            clv.contracts(_table(40, seed=1), **settings)
        assert str(caught.value) == message
