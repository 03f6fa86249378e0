"""The customer view against an independent account: plain loops over customers, as one would do it by hand."""

import datetime as dt
import decimal
import itertools
import math
import re
import statistics

import hypothesis.strategies as st
import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import Phase, example, given, settings

from crm_analysis.errors import DataError, UsageError
from crm_analysis.study import Study, customer360
from crm_analysis.study.tables import CONTRACTS as CONTRACT_OF
from crm_analysis.study.tables import KINDS

AS_OF = dt.date(2025, 6, 30)
# Each example is several queries: the logs are small as they are, and shrinking a failure would take minutes.
FIND = (Phase.explicit, Phase.generate)
ITEMS = ("Q1", "Q2")
SCHEMAS = {
    "customers": {"customer_id": "string", "joined": "time", "referrer_id": "string", "region": "string", "age": "int"},
    "transactions": {
        "customer_id": "string",
        "time": "time",
        "amount": "money",
        "order_id": "string",
        "category": "string",
        "margin": "money",
        "discount": "money",
    },
    "contacts": {"customer_id": "string", "time": "time", "kind": "string"},
    "contracts": {"customer_id": "string", "start": "time", "end": "time", "monthly_fee": "money"},
    "survey": {
        "respondent_id": "string",
        "customer_id": "string",
        "time": "time",
        "wave": "int",
        "Q1": "float",
        "Q2": "float",
    },
}
TYPES = {
    "string": pa.string(),
    "time": pa.timestamp("us"),
    "money": pa.decimal128(18, 4),
    "int": pa.int64(),
    "float": pa.float64(),
}


# --- the independent account -----------------------------------------------------------------------------------------


def by_hand(tables, as_of):
    """The view as rows by customer: nothing here is shared with the package."""
    end = dt.datetime.combine(as_of, dt.time.max)
    known = {}
    for name, date in (("customers", "joined"), ("contracts", "start")):
        known[name] = [row for row in tables.get(name, []) if row[date] is None or row[date] <= end]
    for name in ("transactions", "contacts", "survey"):
        known[name] = [row for row in tables.get(name, []) if row["time"] is None or row["time"] <= end]
    everyone = {row["customer_id"] for name in ("customers", "transactions", "contracts") for row in known[name]}
    view = {}
    for who in sorted(everyone):
        own = {name: [row for row in rows if row["customer_id"] == who] for name, rows in known.items()}
        row = {}
        if "transactions" in tables:
            row |= purchases(own["transactions"], as_of)
        if "contacts" in tables:
            row["contacts"] = len(own["contacts"])
            row["complaints"] = sum(contact["kind"] == "complaint" for contact in own["contacts"])
        if "contracts" in tables:
            open_ones = [c for c in own["contracts"] if c["end"] is None or c["end"] > end]
            fees = [c["monthly_fee"] for c in open_ones if c["monthly_fee"] is not None]
            row["open_contract"] = bool(open_ones)
            row["monthly_fee"] = float(sum(fees)) if fees else math.nan
            row["contract_start"] = min((c["start"].date() for c in own["contracts"]), default=None)
        if "customers" in tables:
            row["referrals_made"] = sum(other["referrer_id"] == who for other in known["customers"])
            for name in ("joined", "referrer_id", "region", "age"):
                row[name] = own["customers"][0][name] if own["customers"] else None
        if "survey" in tables:
            # The latest by time, answers without one before all others; then by wave.
            last = max(
                own["survey"],
                key=lambda answer: (answer["time"] or dt.datetime.min, answer["wave"] or -1),
                default=dict.fromkeys(SCHEMAS["survey"]),
            )
            row |= {"Q1": last["Q1"], "Q2": last["Q2"], "survey_wave": last["wave"], "survey_time": last["time"]}
        view[who] = row
    return view


def purchases(lines, as_of):
    bought = [line for line in lines if line["amount"] >= 0]
    returned = [line for line in lines if line["amount"] < 0]
    days = sorted({line["time"].date() for line in bought})
    orders = {line["order_id"] or ("without", line["time"].date()) for line in bought}
    spent, back = float(sum(line["amount"] for line in bought)), -float(sum(line["amount"] for line in returned))
    year = dt.timedelta(days=365)
    recent = sum(float(line["amount"]) for line in bought if as_of - year < line["time"].date())
    before = sum(float(line["amount"]) for line in bought if as_of - 2 * year < line["time"].date() <= as_of - year)
    gaps = [(later - earlier).days for earlier, later in itertools.pairwise(days)]
    margins = [line["margin"] for line in lines if line["margin"] is not None]
    saved = float(sum(line["discount"] for line in bought if line["discount"] is not None))
    return {
        "first_purchase": days[0] if days else None,
        "last_purchase": days[-1] if days else None,
        "recency_days": (as_of - days[-1]).days if days else math.nan,
        "tenure_days": (as_of - days[0]).days if days else math.nan,
        "frequency": len(orders),
        "purchase_days": len(days),
        "monetary": spent - back,
        "gross_spend": spent,
        "spend_last_year": recent,
        "spend_year_before": before,
        "first_day_spend": sum(float(line["amount"]) for line in bought if line["time"].date() == days[0])
        if days
        else math.nan,
        "mean_order_value": spent / len(orders) if orders else math.nan,
        "gap_mean_days": statistics.fmean(gaps) if gaps else math.nan,
        "gap_cv": statistics.stdev(gaps) / statistics.fmean(gaps) if len(gaps) > 1 else math.nan,
        "spend_trend": (recent - before) / (recent + before) if recent + before else math.nan,
        "returns_share": back / spent if spent else math.nan,
        "categories": len({line["category"] for line in bought} - {None}),
        "margin": float(sum(margins)) if margins else math.nan,
        "discount_share": saved / (spent + saved) if spent + saved else math.nan,
    }


def agree(view, expected):
    assert view["customer_id"].tolist() == list(expected)
    for who, row in zip(view.to_dict("records"), expected.values(), strict=True):
        assert set(row) <= set(who)
        for name, value in row.items():
            found = who[name]
            if value is None or (isinstance(value, float) and math.isnan(value)):
                assert pd.isna(found), (who["customer_id"], name, found)
            elif isinstance(value, dt.date) and not isinstance(value, dt.datetime):
                assert found == pd.Timestamp(value), (who["customer_id"], name, found, value)
            elif isinstance(value, int | float) and not isinstance(value, bool):
                assert found == pytest.approx(value, abs=1e-9, rel=1e-9), (who["customer_id"], name, found, value)
            else:
                assert found == value, (who["customer_id"], name, found, value)


# --- small logs ------------------------------------------------------------------------------------------------------

WHO = st.sampled_from("ABCD")
# Around the date asked for, its midnight, the year before and the year before that.
MOMENTS = [
    dt.datetime(2023, 6, 30, 12),
    dt.datetime(2023, 7, 1),
    dt.datetime(2024, 6, 29, 23, 59),
    dt.datetime(2024, 6, 30, 1),
    dt.datetime(2024, 7, 1),
    dt.datetime(2025, 2, 28),
    dt.datetime(2025, 3, 1, 9, 30),
    dt.datetime(2025, 3, 1, 18),
    dt.datetime(2025, 6, 30, 0),
    dt.datetime(2025, 6, 30, 23, 59, 59, 999999),
    dt.datetime(2025, 7, 1),
    dt.datetime(2025, 9, 1),
]
TIME = st.sampled_from(MOMENTS)
MONEY = st.sampled_from(["0", "0.01", "10", "19.99", "100.5", "-10", "-0.01", "-19.99", "1234567.8901"]).map(
    decimal.Decimal
)
POSITIVE = st.sampled_from(["0", "1.5", "9.99"]).map(decimal.Decimal)


def rows(table, most, **columns):
    return st.lists(st.fixed_dictionaries({name: columns[name] for name in SCHEMAS[table]}), max_size=most)


def maybe(strategy):
    return st.none() | strategy


def unique(table, *key):
    return lambda found: list({tuple(row[name] for name in key): row for row in found}.values())


CUSTOMERS = rows(
    "customers",
    5,
    customer_id=st.sampled_from("ABCE"),
    joined=maybe(TIME),
    referrer_id=maybe(st.sampled_from("ABZ")),
    region=maybe(st.sampled_from(["north", "南"])),
    age=maybe(st.integers(18, 90)),
).map(unique("customers", "customer_id"))
TRANSACTIONS = rows(
    "transactions",
    14,
    customer_id=WHO,
    time=TIME,
    amount=MONEY,
    order_id=maybe(st.sampled_from(["o1", "o2", "o3", "20148"])),
    category=maybe(st.sampled_from(["books", "music"])),
    margin=maybe(MONEY),
    discount=maybe(POSITIVE),
)
CONTACTS = rows(
    "contacts", 6, customer_id=WHO, time=TIME, kind=st.sampled_from(["complaint", "enquiry", "return", "service"])
)
CONTRACTS = rows("contracts", 4, customer_id=WHO, start=TIME, end=maybe(TIME), monthly_fee=maybe(POSITIVE))
SURVEY = rows(
    "survey",
    6,
    respondent_id=st.sampled_from(["r1", "r2"]),
    customer_id=maybe(WHO),
    time=maybe(TIME),
    wave=st.sampled_from([1, 2]),
    Q1=maybe(st.sampled_from([1.0, 7.0])),
    Q2=maybe(st.sampled_from([2.0, 9.0])),
).map(lambda found: unique("survey", "customer_id", "time", "wave")(unique("survey", "respondent_id", "wave")(found)))


@st.composite
def companies(draw):
    """Tables of a small company; the log of orders is there, the others may be missing."""
    tables = {"transactions": draw(TRANSACTIONS)}
    for name, strategy in (
        ("customers", CUSTOMERS),
        ("contacts", CONTACTS),
        ("contracts", CONTRACTS),
        ("survey", SURVEY),
    ):
        if draw(st.booleans()):
            tables[name] = draw(strategy)
    return tables


def arrow(table, found):
    schema = pa.schema([(name, TYPES[kind]) for name, kind in SCHEMAS[table].items()])
    return pa.Table.from_pylist(found, schema=schema)


def view_of(tables, as_of=AS_OF, **options):
    held = {name: ibis.memtable(arrow(name, found)) for name, found in tables.items()}
    return customer360.to_pandas(customer360.expression(held, as_of=as_of, items=ITEMS, **options))


LINE = dict.fromkeys(SCHEMAS["transactions"]) | {"customer_id": "A", "amount": decimal.Decimal(5)}


@settings(max_examples=30, phases=FIND)
@given(companies())
@example({"transactions": [LINE | {"time": MOMENTS[6]}, LINE | {"time": MOMENTS[6], "order_id": "20148"}]})
def test_the_view_equals_the_account_by_hand(tables):
    agree(view_of(tables), by_hand(tables, AS_OF))


def test_the_id_of_an_order_may_look_like_a_day():
    # 2025-03-01 is day 20148 since 1970, the name of the order that a line without an id belongs to.
    assert (dt.date(2025, 3, 1) - dt.date(1970, 1, 1)).days == 20148
    view = view_of({"transactions": [LINE | {"time": MOMENTS[6]}, LINE | {"time": MOMENTS[6], "order_id": "20148"}]})
    assert view["frequency"].tolist() == [2]


@settings(max_examples=10, phases=FIND)
@given(companies(), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(tables, random):
    shuffled = {name: random.sample(found, len(found)) for name, found in tables.items()}
    pd.testing.assert_frame_equal(view_of(shuffled), view_of(tables))


@settings(max_examples=10, phases=FIND)
@given(companies(), companies())
def test_nothing_later_changes_the_view(tables, others):
    later = dt.timedelta(days=900)
    appended = {}
    for name, found in tables.items():
        date = {"customers": "joined", "contracts": "start"}.get(name, "time")
        # Later customers have ids of their own, for a customer's record stands once.
        new = [row | {date: (row[date] or MOMENTS[-1]) + later} for row in others.get(name, [])]
        if name == "customers":
            new = [row | {"customer_id": f"late {row['customer_id']}", "referrer_id": "A"} for row in new]
        if name == "survey":
            new = [row | {"respondent_id": f"late {row['respondent_id']}"} for row in new]
        appended[name] = found + new
    pd.testing.assert_frame_equal(view_of(appended), view_of(tables))


@settings(max_examples=10, phases=FIND)
@given(companies())
def test_wanting_few_columns_changes_none(tables):
    wanted = ["monetary", "last_purchase", "gap_cv"]
    pd.testing.assert_frame_equal(view_of(tables, columns=wanted), view_of(tables)[["customer_id", *wanted]])


# --- bits ------------------------------------------------------------------------------------------------------------


def test_two_runs_give_the_same_bytes_with_one_thread_and_with_two(tmp_path):
    generator = np.random.default_rng(3)
    lines = 400_000
    log = pa.table(
        {
            "customer_id": pa.array(generator.integers(0, 20_000, lines).astype(str)),
            "time": pa.array(
                np.datetime64("2023-01-01", "us") + generator.integers(0, 900 * 86400, lines).astype("m8[s]")
            ),
            "amount": pa.array(np.round(generator.gamma(1, 40, lines) - 5, 4))
            .cast(pa.decimal128(22, 4))
            .cast(pa.decimal128(18, 4)),
            "margin": pa.array(np.round(generator.normal(5, 3, lines), 4))
            .cast(pa.decimal128(22, 4))
            .cast(pa.decimal128(18, 4)),
            "order_id": pa.array(generator.integers(0, lines // 2, lines).astype(str)),
            "category": pa.array(np.array(["a", "b", "c"])[generator.integers(0, 3, lines)]),
        }
    )
    # Several row groups, so that two threads have something to share.
    pq.write_table(log, tmp_path / "log.parquet", row_group_size=50_000)
    hashes = set()
    for threads in (1, 2, 2):
        backend = ibis.duckdb.connect(threads=threads)
        table = backend.read_parquet(tmp_path / "log.parquet")
        view = customer360.to_pandas(customer360.expression({"transactions": table}, as_of=dt.date(2025, 3, 1)))
        assert len(view) == 20_000
        hashes.add(tuple(pd.util.hash_pandas_object(view)))
        backend.disconnect()
    assert len(hashes) == 1


# --- through a whole study -------------------------------------------------------------------------------------------


def as_csv(table, found):
    frame = pd.DataFrame(found, columns=list(SCHEMAS[table]))
    return frame.to_csv(index=False)


@pytest.fixture
def small(write_study):
    def line(who, day, amount, order=None, category="books", margin="1", discount="0"):
        return [who, dt.datetime.fromisoformat(day), decimal.Decimal(amount), order, category, margin, discount]

    lines = [
        line("A", "2024-05-01 10:00", "10", "1"),
        line("A", "2025-01-10 10:00", "20", "2", "music"),
        line("A", "2025-01-11 00:00", "30.5", "2"),
        line("A", "2025-02-20 10:00", "-20", "3", "music"),
        line("A", "2025-06-30 23:59:59", "0", "4", None),
        line("A", "2025-07-01 00:00", "500", "5"),
        line("B", "2025-06-01 08:00", "-7", "6"),
        line("D", "2025-08-01 08:00", "9", "7"),
    ]
    tables = {
        "transactions": [dict(zip(SCHEMAS["transactions"], row, strict=True)) for row in lines],
        "customers": [
            dict(zip(SCHEMAS["customers"], row, strict=True))
            for row in [
                ("A", dt.datetime(2024, 1, 1), None, "north", 40),
                ("C", None, "A", "south", 33),
                ("E", dt.datetime(2025, 12, 1), "A", "south", 20),
            ]
        ],
        "contacts": [{"customer_id": "A", "time": dt.datetime(2025, 1, 1), "kind": "complaint"}],
        "contracts": [
            {"customer_id": "C", "start": dt.datetime(2025, 1, 1), "end": None, "monthly_fee": decimal.Decimal("9.9")}
        ],
        "survey": [
            {
                "respondent_id": f"r{wave}",
                "customer_id": "C",
                "time": dt.datetime(2025, 3 * wave, 1),
                "wave": wave,
                "Q1": float(wave),
                "Q2": None,
            }
            for wave in (1, 2, 3)
        ],
    }
    sections = "".join(f'[tables.{name}]\nsource = "{name}.csv"\n' for name in tables)
    toml = sections + '[survey.constructs]\nsatisfaction = ["Q1", "Q2"]\n'
    return tables, write_study({name: as_csv(name, found) for name, found in tables.items()}, toml)


def test_a_study_on_files_gives_the_account_by_hand(small):
    tables, folder = small
    for line in tables["transactions"]:
        line["margin"], line["discount"] = decimal.Decimal(line["margin"]), decimal.Decimal(line["discount"])
    view = Study.open(folder).customer360(as_of="2025-06-30")
    agree(view, by_hand(tables, AS_OF))
    # A few numbers for the eye: A has orders 1, 2 and 4; D comes later; E joins later.
    assert view["customer_id"].tolist() == ["A", "B", "C"]
    assert view["frequency"].tolist() == [3, 0, 0]
    assert view["monetary"].tolist() == [40.5, -7.0, 0.0]
    assert view["gap_mean_days"].iloc[0] == (AS_OF - dt.date(2024, 5, 1)).days / 3
    assert view["referrals_made"].tolist() == [1, 0, 0]
    assert view["Q1"].iloc[2] == 2


def test_what_was_added_lately_is_what_two_views_differ_by(small):
    study = Study.open(small[1])
    recent = list(customer360.RECENT)
    wholes = [name.removeprefix("recent_") for name in recent]
    found = study.customer360("2025-08-01", recent_days=213)
    assert found.columns[-len(recent) :].tolist() == recent
    found = found.set_index("customer_id")
    assert found.loc[["A", "B", "D"], "recent_purchase_days"].tolist() == [4, 0, 1]
    # The complaint came on the first day that counts.
    assert found["recent_complaints"].tolist() == [1, 0, 0, 0]
    then = study.customer360("2024-12-31", columns=wholes).set_index("customer_id").reindex(found.index).fillna(0)
    for name, whole in zip(recent, wholes, strict=True):
        assert found[name].tolist() == (found[whole] - then[whole]).tolist(), name


def test_the_default_day_is_the_last_order(small):
    _, folder = small
    study = Study.open(folder)
    assert study.last_date == dt.date(2025, 8, 1)
    view = study.customer360()
    assert view["customer_id"].tolist() == ["A", "B", "C", "D"]
    pd.testing.assert_frame_equal(study.customer360(dt.datetime(2025, 8, 1, 15)), view)
    pd.testing.assert_frame_equal(study.customer360(as_of=""), view)


def test_a_column_that_is_not_there(write_study):
    study = Study.open(write_study({"transactions": "customer_id,time,amount\nA,2025-01-01,5\n"}))
    with pytest.raises(UsageError) as error:
        study.customer360(columns=["frequency", "loyalty"])
    known = study.customer360().columns
    assert {"customer_id", "first_purchase", "frequency", "gap_cv"} <= set(known)
    assert str(error.value) == (f"customer360: there is no column 'loyalty' in the view; known are {', '.join(known)}.")


def test_attributes_and_items_make_way_for_what_is_computed(write_study):
    tables = {
        "customers": "customer_id,frequency,first_purchase,complaints\nA,weekly,long ago,none\nB,never,,many\n",
        "transactions": "customer_id,time,amount\nA,2025-01-01,5\n",
        "contacts": "customer_id,time,kind\nA,2024-12-01,complaint\n",
        "survey": "respondent_id,customer_id,complaints,satisfied\nr1,A,1,7\n",
    }
    sections = "".join(f'[tables.{name}]\nsource = "{name}.csv"\n' for name in tables)
    toml = sections + '[survey.constructs]\nall = ["complaints", "satisfied"]\n'
    view = Study.open(write_study(tables, toml)).customer360()
    assert view["customer_frequency"].tolist() == ["weekly", "never"]
    assert view["customer_first_purchase"].tolist()[0] == "long ago"
    assert view["customer_complaints"].tolist() == ["none", "many"]
    assert view["frequency"].tolist() == [1, 0]
    assert view["complaints"].tolist() == [1, 0]
    assert view["survey_complaints"].iloc[0] == 1
    assert view["satisfied"].iloc[0] == 7
    assert view["first_purchase"].iloc[0] == pd.Timestamp("2025-01-01")
    assert [name for name in view if name.endswith("_right")] == []


@pytest.mark.parametrize("as_of", ["2025-13-01", "yesterday", 20250101, pd.NaT, "2025-01-01 10:00"])
def test_as_of_that_is_no_date(write_study, as_of):
    study = Study.open(write_study({"transactions": "customer_id,time,amount\nA,2025-01-01,5\n"}))
    with pytest.raises(UsageError) as error:
        study.customer360(as_of=as_of)
    assert str(error.value) == f'as_of must be a day such as "2025-06-30", not {as_of!r}.'


def test_as_of_long_after_the_last_order(write_study):
    study = Study.open(write_study({"transactions": "customer_id,time,amount\nA,2025-01-05,5\nA,2025-02-01,5\n"}))
    assert study.customer360(as_of="2026-02-01")["recency_days"].tolist() == [365]
    with pytest.raises(DataError) as error:
        study.customer360(as_of="2062-02-01")
    assert str(error.value) == (
        "customer360: as_of 2062-02-01 lies more than a year after the last order (2025-02-01); choose a day from "
        "2025-01-05 to 2025-02-01."
    )


def test_as_of_before_the_first_order(write_study):
    study = Study.open(write_study({"transactions": "customer_id,time,amount\nA,2025-01-05,5\nA,2025-02-01,5\n"}))
    with pytest.raises(DataError) as error:
        study.customer360(as_of="2025-01-04")
    assert str(error.value) == (
        "customer360: as_of 2025-01-04 lies before the first order (2025-01-05); choose a day from 2025-01-05 to "
        "2025-02-01."
    )
    assert study.customer360(as_of="2025-01-05")["frequency"].tolist() == [1]
    # A day after the last order is a day like any other.
    assert study.customer360(as_of="2025-03-01")["recency_days"].tolist() == [28]


def test_customers_without_any_date_have_one_view(write_study):
    study = Study.open(write_study({"customers": "customer_id,tenure,churn\nB,3,No\nA,5,Yes\n"}))
    expected = {"customer_id": ["A", "B"], "tenure": [5, 3], "churn": ["Yes", "No"]}
    assert study.customer360().to_dict("list") == expected
    assert study.customer360("").to_dict("list") == expected
    assert study.customer360("2025-01-01").to_dict("list") == expected
    with pytest.raises(DataError, match="has no dates"):
        study.day()


def test_one_customer_and_equal_amounts(write_study):
    study = Study.open(write_study({"transactions": "customer_id,time,amount\nA,2025-01-05,5\nA,2025-01-07,5\n"}))
    assert study.customer360().to_dict("records") == [
        {
            "customer_id": "A",
            "first_purchase": pd.Timestamp("2025-01-05"),
            "last_purchase": pd.Timestamp("2025-01-07"),
            "recency_days": 0,
            "tenure_days": 2,
            "frequency": 2,
            "purchase_days": 2,
            "monetary": 10.0,
            "gross_spend": 10.0,
            "spend_last_year": 10.0,
            "spend_year_before": 0.0,
            "first_day_spend": 5.0,
            "mean_order_value": 5.0,
            "gap_mean_days": 2.0,
            "gap_cv": pytest.approx(math.nan, nan_ok=True),
            "spend_trend": 1.0,
            "returns_share": 0.0,
        }
    ]


# --- other engines ---------------------------------------------------------------------------------------------------


def test_the_expression_keeps_to_what_the_engines_share():
    """Without a server: the SQL for PostgreSQL can be written and uses nothing that differs or is missing by engine."""
    tables = {
        contract.table: ibis.table({c.name: KINDS[c.kind][0] or "int64" for c in contract.columns}, name=contract.table)
        for contract in CONTRACT_OF.values()
    }
    view = customer360.expression(tables, as_of=dt.date(2025, 6, 30), recent_days=90)
    sql = ibis.to_sql(view, dialect="postgres").upper()
    functions = set(re.findall(r"\b([A-Z_]{3,})\(", sql))
    assert functions <= {
        # ARRAY_AGG is how the value of the first day is taken there; elsewhere that is a function of its own.
        *("ARRAY_AGG", "CAST", "COALESCE", "COUNT", "DATE", "FILTER", "LAG", "MAKE_DATE", "MAX", "MIN", "NULLIF"),
        *("ROW_NUMBER", "SQRT", "SUM"),
    }
    # PostgreSQL casts a boolean to no number but INTEGER.
    assert re.findall(r"CAST\((?:[^()]|\([^()]*\))*\bIS (?:NOT )?NULL\b[^()]*\) AS BIGINT", sql) == []
