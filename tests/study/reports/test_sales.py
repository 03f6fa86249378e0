"""The sales report against an account by hand in pandas, on small logs and on the demo study."""

import datetime as dt
import re
from decimal import Decimal

import hypothesis.strategies as st
import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from scipy import stats

from crm_analysis.errors import UsageError
from crm_analysis.study import Study
from crm_analysis.study.reports import change, groups, periods, sales
from crm_analysis.study.tables import CONTRACTS, KINDS
from crm_analysis.table import number

FIND = (Phase.explicit, Phase.generate)
LAST = "2024-12-31"


# --- the account by hand ---------------------------------------------------------------------------------------------


def by_hand(now, then, *, level=0.95):
    """A change in percent from two Series of customers' totals: nothing here is shared with the package."""
    both = pd.concat([now, then], axis=1, keys=["now", "then"]).fillna(0.0)
    y, x, n = both["now"].to_numpy(float), both["then"].to_numpy(float), len(both)
    if not n or x.sum() <= 0:
        return [np.nan] * 3
    r = y.sum() / x.sum()
    if n < 2:
        return [100 * (r - 1), np.nan, np.nan]
    if not y.any():
        return [-100, np.nan, np.nan]
    half = stats.t.ppf(0.5 + level / 2, n - 1) * np.sqrt(n * np.var(y - r * x, ddof=1)) / x.sum()
    ends = (r * np.exp(-half / r), r * np.exp(half / r)) if r > 0 else (r - half, r + half)
    return [100 * (value - 1) for value in (r, *ends)]


def totals(lines, start, end, column="amount"):
    inside = lines[(lines["day"] >= start) & (lines["day"] < end)]
    return inside.groupby("customer_id")[column].sum()


MOMENTS = [
    dt.datetime(2023, 1, 1, 8),
    dt.datetime(2023, 3, 31, 23, 59, 59),
    dt.datetime(2023, 12, 31, 12),
    dt.datetime(2024, 1, 1),
    dt.datetime(2024, 1, 2),
    dt.datetime(2024, 2, 29, 9),
    dt.datetime(2024, 11, 30, 23),
    dt.datetime(2024, 12, 1),
    dt.datetime(2024, 12, 31, 18),
    dt.datetime(2025, 1, 1),
]
LINES = st.lists(
    st.fixed_dictionaries(
        {
            "customer_id": st.sampled_from("ABCD"),
            "time": st.sampled_from(MOMENTS),
            "amount": st.sampled_from(["0", "10", "19.99", "250.7501", "-10"]).map(Decimal),
            "order_id": st.sampled_from(["o1", "o2", None]),
            "category": st.sampled_from(["books", "music", None]),
            "margin": st.sampled_from(["1", "-2.5", None]).map(lambda text: text and Decimal(text)),
        }
    ),
    min_size=1,
    max_size=14,
)


@settings(max_examples=8, phases=FIND)
@given(rows=LINES, period=st.sampled_from(["month", "quarter", "year"]))
def test_periods_and_groups_equal_the_account_by_hand(study_of, rows, period):
    result = sales.summarise(study_of({"transactions": rows}), period=period, as_of=LAST)
    lines = pd.DataFrame(rows).assign(amount=lambda t: t["amount"].astype(float))
    lines["day"] = pd.to_datetime(lines["time"]).dt.normalize()
    lines = lines[lines["day"] <= LAST]
    bought = lines[lines["amount"] >= 0]
    if bought.empty:
        assert result.findings() == ("No orders in this study: there are no sales to report.",)
        return
    step = pd.DateOffset(months={"month": 1, "quarter": 3, "year": 12}[period])
    rows = result.to_frame()
    for row in rows.to_dict("records"):
        start, end = row["start"], row["start"] + step
        inside = lines[(lines["day"] >= start) & (lines["day"] < end)]
        kept = inside[inside["amount"] >= 0]
        assert row["revenue"] == pytest.approx(inside["amount"].sum(), abs=1e-6)
        assert row["returns"] == pytest.approx(-inside.loc[inside["amount"] < 0, "amount"].sum(), abs=1e-6)
        orders = {
            (line["customer_id"], line["day"] if pd.isna(line["order_id"]) else line["order_id"])
            for line in kept.to_dict("records")
        }
        assert (row["orders"], row["customers"]) == (len(orders), kept["customer_id"].nunique())
        before = start - step
        whole = row["finished"] and rows.loc[rows["start"] == before, "finished"].any()
        now, then = totals(lines, start, end), totals(lines, before, start)
        expected = by_hand(now, then) if whole else [np.nan] * 3
        found = [row[f"change_percent{e}"] for e in ("", "_low", "_high")]
        assert found == pytest.approx(expected, rel=1e-5, abs=1e-3, nan_ok=True)
    assert rows["revenue"].sum() == pytest.approx(lines["amount"].sum(), abs=1e-6)
    last = pd.Timestamp(LAST)
    middle, first = (last - pd.Timedelta(days=days) + pd.Timedelta(days=1) for days in (365, 730))
    for row in result.groups.query("by == 'category'").to_dict("records"):
        part = lines[lines["category"].fillna("unknown") == row["group"]]
        now = totals(part, middle, last + pd.Timedelta(days=1))
        assert row["revenue"] == pytest.approx(now.sum(), abs=1e-6)
        if pd.notna(row["change_percent"]):
            expected = by_hand(now, totals(part, first, middle))
            found = [row[f"change_percent{e}"] for e in ("", "_low", "_high")]
            assert found == pytest.approx(expected, rel=1e-5, abs=1e-3, nan_ok=True)
    assert result.findings()


# --- words -----------------------------------------------------------------------------------------------------------


def line(who, day, amount, **more):
    return {"customer_id": who, "time": dt.datetime.fromisoformat(day), "amount": Decimal(amount), **more}


@pytest.fixture
def shop(study_of):
    """Two years of two customers; the last month breaks off."""
    lines = []
    for year, factor in ((2023, 1), (2024, 2)):
        for month in range(1, 13):
            lines.append(line("A", f"{year}-{month:02}-01", 10 * factor, category="books"))
            lines.append(line("B", f"{year}-{month:02}-28", 30, category="music"))
    customers = [{"customer_id": "A", "channel": "app"}, {"customer_id": "B", "channel": None}]
    return study_of({"transactions": lines, "customers": customers})


def test_a_small_shop_in_words(shop):
    result = sales.summarise(shop, as_of="2024-12-20")
    november = by_hand(pd.Series([20, 30], ["A", "B"]), pd.Series([10, 30], ["A", "B"]))
    year = by_hand(pd.Series([240, 360], ["A", "B"]), pd.Series([110, 330], ["A", "B"]))
    assert result.findings()[1:3] == (
        "Nothing is compared: the order log covers 720 days and a comparison needs 730.",
        "November 2024: revenue 50 CNY from 2 orders of 2 customers, +0.0 % (95 % interval +0.0 to +0.0) against the "
        f"month before, {november[0]:+.1f} % (95 % interval {november[1]:+.1f} to {november[2]:+.1f}) against the same "
        "month a year earlier.",
    )
    half = stats.t.ppf(0.975, 1) * np.sqrt(2 * np.var([20 - 25, 30 - 25], ddof=1)) / 2
    assert result.findings()[3] == (
        f"In this month an order brought 25 CNY (95 % interval {number(25 - half)} to {number(25 + half)}); nothing "
        "was returned."
    )
    assert result.findings()[-2:] == (
        "December 2024 is covered by the log only in part and not compared.",
        "Not divided by region: no table of this study has such a column.",
    )
    result = sales.summarise(shop, as_of="2024-12-31", period="year")
    year = by_hand(pd.Series([240, 360], ["A", "B"]), pd.Series([120, 360], ["A", "B"]))
    words = f"{year[0]:+.1f} % (95 % interval {year[1]:+.1f} to {year[2]:+.1f})"
    assert result.findings()[1] == (
        f"2024: revenue 600 CNY from 24 orders of 2 customers, {words} against the year before."
    )
    assert result.to_frame()["finished"].tolist() == [True, True]
    assert result.groups.query("by == 'channel'")["group"].tolist() == ["unknown", "app"]
    # 2024 is a leap year: its first day is not among its last 365.
    assert result.metrics()["revenue"] == pytest.approx(580)


def test_a_shop_closed_at_weekends_finishes_its_months(study_of):
    days = [day for day in pd.date_range("2024-01-02", "2024-06-28") if day.weekday() < 5]
    result = sales.summarise(study_of({"transactions": [line("A", str(day.date()), 1) for day in days]}))
    # The month before the last ends on a Friday too; January begins with a holiday.
    assert result.to_frame()["finished"].tolist() == [True] * 6
    result = sales.summarise(study_of({"transactions": [line("A", str(day.date()), 1) for day in days[:-2]]}))
    assert result.to_frame()["finished"].tolist() == [True] * 5 + [False]


def test_one_customer_has_a_change_but_no_interval(study_of):
    lines = [line("A", f"2024-{month:02}-01", 10) for month in range(1, 6)]
    result = sales.summarise(study_of({"transactions": lines}), as_of="2024-04-30")
    assert "+0.0 % (too few customers for an interval) against the month before" in result.findings()[2]


def test_changes_are_judged_together(study_of):
    """The last of a hundred customers' categories grows alone; the others stay as they are."""
    lines = []
    for who in range(100):
        for name, now in (("still", 10 + who % 3), ("grows", 25 + who % 2)):
            lines.append(line(f"{who:03}", "2023-01-01", 10 + who % 2, category=name))
            lines.append(line(f"{who:03}", "2024-12-30", now, category=name))
    result = sales.summarise(study_of({"transactions": lines}), as_of="2024-12-30")
    by_category = result.groups.query("by == 'category'").set_index("group")
    assert by_category["clear"].to_dict() == {"grows": True, "still": False} or by_category["clear"].all()
    assert by_category.loc["grows", "change_percent_low"] > 100
    text = next(sentence for sentence in result.findings() if sentence.startswith("By category"))
    assert text.startswith("By category, grows sells most: 69.9 %")


def test_what_is_sold_no_more_has_a_change_without_an_interval(study_of):
    """Twelve bought the first, two the second: that nobody does now is chance for two customers, not for twelve."""
    lines = [line("Z", day, 10, category="kept") for day in ("2023-01-01", "2023-06-01", "2024-12-30")]
    lines += [line(f"{who:02}", "2023-06-01", 10, category="gone") for who in range(12)]
    lines += [line(f"{who:02}", "2023-06-01", 10, category="few") for who in range(2)]
    result = sales.summarise(study_of({"transactions": lines}), as_of="2024-12-30")
    rows = result.groups.query("by == 'category'").set_index("group")
    assert rows["change_percent"][["gone", "few"]].tolist() == [-100, -100]
    assert rows[["change_percent_low", "change_percent_high"]].isna().all().all()
    assert rows["clear"].to_dict() == {"kept": False, "gone": True, "few": False}
    text = next(sentence for sentence in result.findings() if sentence.startswith("By category"))
    assert text.endswith(
        "1 of 3 changed beyond chance when all are looked at together: gone -100.0 % (nothing is left, so there is no "
        "interval)."
    )


# --- the interval of a change ----------------------------------------------------------------------------------------


def changes(customers, sigma, *, samples, seed):
    """Sums over customers of two years that are equal in truth; three in five of them buy in each."""
    generator = np.random.default_rng(seed)
    level = generator.lognormal(0, sigma, (samples, customers))
    now, then = (
        level * generator.lognormal(0, 0.5, level.shape) * (generator.random(level.shape) < 0.6) for _ in range(2)
    )
    products = {"now_x_now": now * now, "now_x_then": now * then, "then_x_then": then * then}
    found = {name: values.sum(axis=1) for name, values in {"now": now, "then": then, **products}.items()}
    units = ((now > 0) | (then > 0)).sum(axis=1)
    return change.change_percent(pd.DataFrame({"units": units, **found}), "now", "then", name="change")


def test_a_change_is_held_as_often_as_it_says_and_missed_on_both_sides():
    found = changes(300, 0.5, samples=2000, seed=1)
    above, below = (found["change_low"] > 0).mean(), (found["change_high"] < 0).mean()
    # Four standard errors of 2000 samples at 2.5 % are 0.014.
    assert (above, below) == pytest.approx((0.025, 0.025), abs=0.015)
    assert (changes(12, 1.5, samples=500, seed=2)["change_low"] > -100).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("customers", "sigma", "least"),
    [(30, 1.0, 0.91), (30, 1.5, 0.87), (100, 1.0, 0.92), (100, 1.5, 0.90), (300, 1.0, 0.93), (300, 1.5, 0.92),
     (1000, 1.0, 0.935), (1000, 1.5, 0.93)],
)  # fmt: skip
def test_long_tails_cost_a_change_some_coverage(customers, sigma, least):
    parts = [changes(customers, sigma, samples=1000, seed=seed) for seed in range(10)]
    found = pd.concat(parts, ignore_index=True)
    held = ((found["change_low"] <= 0) & (found["change_high"] >= 0)).mean()
    print(f"{customers} customers, spread {sigma}: {100 * held:.1f} %")
    assert least < held < 0.96


# --- awkward studies, the contract, pictures -------------------------------------------------------------------------


def test_a_study_without_orders(study_of, keeps_result_contract):
    for tables in ({"customers": [{"customer_id": "A"}]}, {"transactions": []}):
        result = sales.summarise(study_of(tables))
        assert result.findings() == ("No orders in this study: there are no sales to report.",)
        assert result.metrics() == {"revenue": 0.0}
        keeps_result_contract(result, pictures=("plot", "plot_changes"))


def test_wrong_words_are_refused(shop):
    with pytest.raises(UsageError) as error:
        sales.summarise(shop, period="week")
    assert str(error.value) == "sales: period must be one of month, quarter, year, not 'week'."
    with pytest.raises(UsageError) as error:
        sales.summarise(shop).plot_changes(by="colour")
    assert str(error.value) == "plot_changes: by must be one of category, channel, region, not 'colour'."


def test_SalesResult_keeps_the_contract(shop, study_of, keeps_result_contract):
    pictures = ("plot", "plot_changes")
    keeps_result_contract(sales.summarise(shop, as_of="2024-12-31"), pictures=pictures)
    keeps_result_contract(sales.summarise(shop, as_of="2024-12-20", period="quarter"), pictures=pictures)
    keeps_result_contract(sales.summarise(study_of({"transactions": [line("A", "2024-01-05", 0)]})), pictures=pictures)
    back = study_of({"transactions": [line("A", "2024-01-05", 5), line("A", "2024-02-05", -9)]}, currency="")
    keeps_result_contract(sales.summarise(back, as_of="2024-02-29"), pictures=pictures)
    long = [
        line(w, d, 9, category=f"{'books of ' * 9}{i}") for i in range(20) for w in "AB" for d in ("2022-01-01", LAST)
    ]
    keeps_result_contract(sales.summarise(study_of({"transactions": long}), period="year"), pictures=pictures)


def test_the_picture_sets_last_year_beside_this(shop):
    ax = sales.summarise(shop, as_of="2024-12-20").plot()
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["revenue", "not all of its days", "a year earlier"]
    heights = [[bar.get_height() for bar in bars] for bars in ax.containers]
    assert heights[2] == pytest.approx([40.0] * 11)


# --- the demo study and other engines --------------------------------------------------------------------------------


def test_the_demo_study_adds_up(demo):
    company = Study.open(demo)
    result = sales.summarise(company, period="quarter")
    lines = company.frame("transactions").assign(amount=lambda t: t["amount"].astype(float))
    quarters = lines.groupby(lines["time"].dt.to_period("Q").dt.start_time)["amount"].sum()
    assert result.to_frame()["revenue"].to_numpy() == pytest.approx(quarters.to_numpy(), rel=1e-9)
    for _, rows in result.groups.groupby("by"):
        assert rows["revenue_share"].sum() == pytest.approx(1)
        assert rows["revenue"].sum() == pytest.approx(result.metrics()["revenue"], rel=1e-9)
    now, then = (lines[lines["time"].dt.year == year].groupby("customer_id")["amount"].sum() for year in (2025, 2024))
    found = result.groups.iloc[0]
    # 2024 is a leap year: its first day is outside the 365 days before.
    then = (
        lines[(lines["time"] >= "2024-01-02") & (lines["time"] < "2025-01-01")].groupby("customer_id")["amount"].sum()
    )
    expected = by_hand(now, then)
    assert [found[f"change_percent{e}"] for e in ("", "_low", "_high")] == pytest.approx(expected, rel=1e-6)
    by_category = result.groups.query("by == 'category'")
    told = 0
    for row in by_category.to_dict("records"):
        part = lines[lines["category"] == row["group"]].assign(day=lambda t: t["time"].dt.normalize())
        sums = totals(part, "2025-01-01", "2026-01-01"), totals(part, "2024-01-02", "2025-01-01")
        _, low, high = by_hand(*sums, level=1 - 0.05 / len(by_category))
        assert row["clear"] == (low > 0 or high < 0)
        told += not row["clear"] and row["change_percent_low"] > 0
    # Beyond chance when looked at alone, not when all are looked at together: the demo study has such.
    assert told
    again = sales.summarise(company, period="quarter")
    pd.testing.assert_frame_equal(again.to_frame(), result.to_frame(), check_exact=True)
    pd.testing.assert_frame_equal(again.groups, result.groups, check_exact=True)


def test_the_expressions_keep_to_what_the_engines_share():
    """Without a server: the SQL for PostgreSQL can be written and uses only functions that all engines know."""
    tables = {
        name: ibis.table({c.name: KINDS[c.kind][0] for c in CONTRACTS[name].columns}, name=name)
        for name in ("transactions", "customers")
    }
    c = periods.by_customer(tables["transactions"], "quarter")
    divided = groups.column(tables["transactions"], tables["customers"], "region")
    each = groups.by_customer(divided, dt.date(2025, 6, 30))
    for expression in (periods.totals(c), periods.pairs(c, 3), groups.totals(each), groups.all_in_one(each)):
        sql = ibis.to_sql(expression, dialect="postgres").upper()
        functions = set(re.findall(r"\b([A-Z_]{3,})\(", sql))
        allowed = {
            "CAST",
            "COALESCE",
            "COUNT",
            "DATE",
            "DECIMAL",
            "EXTRACT",
            "MAKE_DATE",
            "MAX",
            "MIN",
            "NULLIF",
            "SUM",
        }
        assert functions <= allowed | {"FILTER"}, functions - allowed
