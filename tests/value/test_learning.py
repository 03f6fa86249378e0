"""Learning by name, customers seen from the start, and results that say why there is nothing."""

import numpy as np
import pandas as pd
import pytest

from crm_analysis.errors import UsageError
from crm_analysis.value import clv

NAMES = {"bg": "BetaGeometric", "mbg": "ModifiedBetaGeometric", "pareto": "ParetoNBD"}


@pytest.mark.parametrize("model", NAMES)
def test_a_model_by_its_name_is_the_model(draw_histories, model):
    summary = draw_histories("bg", 400, (0.8, 6.0, 0.9, 3.0), seed=2)
    found, direct = clv.learn(model, summary), getattr(clv, NAMES[model])().fit(summary)
    assert type(found) is type(direct)
    assert found.params_.tolist() == direct.params_.tolist()


def test_spend_by_its_name():
    generator = np.random.default_rng(1)
    summary = pd.DataFrame({"frequency": 2, "monetary": generator.gamma(3, 10, 200)})
    assert clv.learn("spend", summary).params_.tolist() == clv.GammaGamma().fit(summary).params_.tolist()


def test_what_cannot_be_learned_is_said_by_every_result(keeps_result_contract):
    summary = pd.DataFrame(
        {"customer_id": range(40), "frequency": 0, "recency": 0.0, "age": np.arange(40.0), "monetary": np.nan}
    )
    summary.attrs = {"unit": "week", "as_of": "2025-06-30"}
    fitted, spending = clv.learn("mbg", summary), clv.learn("spend", summary)
    why = (
        "ModifiedBetaGeometric: nobody bought a second time, so that neither rates of buying nor leaving can be "
        "learned; give a longer log."
    )
    assert fitted == clv.NotLearned(why)
    both = ("plot", "plot_customers")
    for result, pictures in (
        (clv.evaluate(fitted, summary, pd.DataFrame()), ("plot", "plot_scores")),
        (clv.value(fitted, spending, summary), both),
        (clv.equity(fitted, spending, summary), ("plot",)),
        (clv.serving(fitted, spending, summary), both),
    ):
        assert result.findings() == (why,)
        keeps_result_contract(result, pictures=pictures)


def test_purchases_may_be_learned_where_spend_is_not(draw_histories):
    summary = draw_histories("bg", 300, (0.8, 6.0, 0.9, 3.0), seed=2)
    summary["monetary"] = np.where(summary["frequency"] > 0, 12.0, np.nan)
    summary.attrs = {"unit": "week", "as_of": "2025-06-30"}
    fitted, spending = clv.learn("bg", summary), clv.learn("spend", summary)
    said = clv.value(fitted, spending, summary).findings()[0]
    assert said.endswith(
        "customers spend the same, 12 a purchase, so that there is no difference to learn; use that amount as it is."
    )


def test_an_unknown_name_is_said():
    with pytest.raises(UsageError) as caught:
        clv.learn("weibull", pd.DataFrame())
    assert str(caught.value) == "learn: model must be one of bg, mbg, pareto, spend, not 'weibull'."


def test_customers_seen_from_the_start():
    days = {"a": "2024-01-01", "b": "2024-01-05", "c": "2024-03-01", "d": "2024-02-01"}
    orders = pd.DataFrame({"customer_id": list(days), "time": pd.to_datetime(list(days.values())), "amount": 10.0})
    summary = clv.summarise(orders, as_of="2024-06-30", unit="week")
    joined = pd.to_datetime(["2024-01-01 08:00", "2023-12-31 23:00", None])
    customers = pd.DataFrame({"customer_id": ["a", "b", "c"], "joined": joined})
    found = clv.from_the_start(summary, customers)
    # b joined before the first day of the log; of c and d it is not known.
    assert found["customer_id"].tolist() == ["a", "c", "d"]
    assert found.attrs == summary.attrs
    assert clv.from_the_start(summary, customers.drop(columns="joined")) is summary
    with pytest.raises(UsageError) as caught:
        clv.from_the_start(pd.DataFrame({"customer_id": []}), customers)
    assert str(caught.value) == (
        "from_the_start: the summary does not say its day and unit; make it with clv.summarise."
    )


def test_learning_from_the_start_forecasts_better_where_the_log_begins_late():
    """Customers win and leave for years; the log shows the last of them. Half the joiners came before it."""
    generator = np.random.default_rng(5)
    n, begins, split, end = 6000, 150.0, 250.0, 300.0
    joined, rates = generator.uniform(0, split, n), generator.gamma(0.9, 1 / 8.0, n)
    gone = joined + generator.exponential(1 / generator.gamma(0.6, 1 / 12.0, n))
    counts = generator.poisson(rates * np.clip(np.minimum(gone, end) - joined, 0, None))
    ids = np.repeat(np.arange(n), counts + 1)
    length = np.clip(np.minimum(gone, end) - joined, 0, None)
    times = joined[ids] + np.where(np.r_[True, ids[1:] != ids[:-1]], 0, generator.random(len(ids)) * length[ids])
    day = pd.Timestamp("2020-01-01") + pd.to_timedelta(np.round(times * 7), unit="D")
    orders = pd.DataFrame({"customer_id": ids, "time": day, "amount": 10.0})[times >= begins]
    customers = pd.DataFrame({"customer_id": range(n), "joined": pd.Timestamp("2020-01-01")})
    customers["joined"] += pd.to_timedelta(np.round(joined * 7), unit="D")
    summary = clv.summarise(orders, as_of=pd.Timestamp("2020-01-01") + pd.Timedelta(days=split * 7))
    off = []
    for taught in (summary, clv.from_the_start(summary, customers)):
        result = clv.evaluate(clv.learn("pareto", taught), summary, orders, draws=100)
        row = result.methods.iloc[0]
        off.append(abs(row["predicted_total"] / result.actual_total - 1))
    assert off[1] < 0.05
    assert off[1] < off[0]
