"""What a file is, and which column is what: by names in English and Chinese, by contents where names are silent."""

import datetime as dt
import random

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_analysis.study import Study, initialise
from crm_analysis.study.config import Sql
from crm_analysis.study.proposal.contents import day_or_month_first, describe, number
from crm_analysis.study.proposal.propose import best
from crm_analysis.study.proposal.questionnaire import find
from crm_analysis.study.proposal.relations import read
from crm_analysis.study.proposal.synonyms import GUESS, PART, SURE, normalise, strength, table_named
from crm_analysis.study.tables import CONTRACTS

ROWS = 60


def rows_of(name, draw):
    """Sixty values of a column of the contract, as a firm's export has them."""
    day = dt.date(2025, 1, 1)
    dates = [str(day + dt.timedelta(days=draw.randint(0, 300))) for _ in range(ROWS)]
    return {
        "customer_id": [f"K{draw.randint(1, 20):03d}" for _ in range(ROWS)],
        "time": dates,
        "start": dates,
        "joined": dates,
        "amount": [f"{draw.uniform(5, 900):.2f}" for _ in range(ROWS)],
        "monthly_fee": [f"{draw.uniform(5, 50):.2f}" for _ in range(ROWS)],
        "order_id": [f"A{place // 2}" for place in range(ROWS)],
        "quantity": [str(draw.randint(1, 9)) for _ in range(ROWS)],
        "category": [draw.choice(["toys", "books"]) for _ in range(ROWS)],
        "gender": [draw.choice(["f", "m"]) for _ in range(ROWS)],
        "birth_year": [str(draw.randint(1950, 2005)) for _ in range(ROWS)],
        "region": [draw.choice(["North", "South"]) for _ in range(ROWS)],
        "channel": [draw.choice(["shop", "app"]) for _ in range(ROWS)],
        "kind": [draw.choice(["complaint", "enquiry"]) for _ in range(ROWS)],
        "resolved": [draw.choice(["yes", "no"]) for _ in range(ROWS)],
        "plan": [draw.choice(["basic", "plus"]) for _ in range(ROWS)],
        "campaign": [draw.choice(["spring", "fall"]) for _ in range(ROWS)],
        "arm": [draw.choice(["treated", "control"]) for _ in range(ROWS)],
        "response": [draw.choice("01") for _ in range(ROWS)],
        "feature": [draw.choice(["speed", "price"]) for _ in range(ROWS)],
        "functional": [str(draw.randint(1, 5)) for _ in range(ROWS)],
        "dysfunctional": [str(draw.randint(1, 5)) for _ in range(ROWS)],
        "respondent_id": [f"R{place}" for place in range(ROWS)],
    }[name]


# As real systems and firms write them.
SPELLINGS = {
    "transactions": {
        "customer_id": (
            "Customer ID",
            "CustomerNo",
            "client_id",
            "user-id",
            "Member No.",
            "客户编号",
            "会员号",
            "买家ID",
        ),
        "time": ("InvoiceDate", "order_date", "Order Time", "purchase date", "下单时间", "交易日期", "消费时间"),
        "amount": ("Total", "TotalAmount", "order_total", "Revenue", "Sales", "金额", "实付金额", "订单金额(元)"),
        "order_id": ("InvoiceNo", "order_id", "Order Number", "receipt no", "订单号", "订单编号", "小票号"),
        "quantity": ("Qty", "Quantity", "units", "数量", "件数"),
        "category": ("Category", "product_category", "商品类别", "品类"),
    },
    "customers": {
        "customer_id": ("CustomerID", "Client No", "会员编号", "客户号", "客户编号"),
        "joined": ("Registration Date", "signup_date", "member since", "注册日期", "入会时间"),
        "birth_year": ("Year of Birth", "birth_year", "出生年份"),
        "gender": ("Sex", "gender", "性别"),
        "region": ("Region", "State", "省份", "地区"),
    },
    "contracts": {
        "customer_id": ("CustomerID", "客户编号"),
        "start": ("Start Date", "contract_start", "生效日期"),
        "monthly_fee": ("MonthlyCharges", "monthly fee", "月费"),
        "plan": ("Tariff", "plan", "套餐"),
    },
    "contacts": {
        "customer_id": ("CustomerID", "客户编号"),
        "time": ("Ticket Date", "created_at", "投诉时间"),
        "kind": ("Ticket Type", "contact type", "工单类型"),
        "resolved": ("Resolved", "是否解决"),
    },
    "campaigns": {
        "customer_id": ("CustomerID", "客户编号"),
        "time": ("sent_at", "Campaign Date", "发送时间"),
        "campaign": ("Campaign Name", "promotion", "活动名称"),
        "arm": ("test group", "组别"),
        "response": ("Responded", "是否响应"),
    },
    "kano": {
        "respondent_id": ("Respondent ID", "受访者编号"),
        "feature": ("Feature", "功能"),
        "functional": ("functional", "正向题"),
        "dysfunctional": ("dysfunctional", "反向题"),
    },
}


def write(path, columns):
    path.write_text(
        "\n".join(",".join(row) for row in zip(*([n, *v] for n, v in columns), strict=True)) + "\n", "utf-8"
    )
    return path


def relation(tmp_path, columns, name="export.csv"):
    """The one relation of a file with these columns, given as name -> values; and its engine, to keep it alive."""
    connection = duckdb.connect()
    (found,) = read(connection, write(tmp_path / name, columns.items()), tmp_path)
    return found


@st.composite
def exports(draw):
    table = draw(st.sampled_from(sorted(SPELLINGS)))
    contract = CONTRACTS[table]
    optional = [name for name in SPELLINGS[table] if name not in contract.required]
    few = draw(st.lists(st.sampled_from(optional), unique=True, min_size=1)) if optional else []
    names = draw(st.permutations([*contract.required, *few]))
    chooser = random.Random(draw(st.integers(0, 10_000)))
    chosen = {name: draw(st.sampled_from(SPELLINGS[table][name])) for name in names}
    values = {chosen[name]: rows_of(name, chooser) for name in names}
    if table == "customers":
        values[chosen["customer_id"]] = [f"K{place:03d}" for place in range(ROWS)]
    return table, chosen, values


@settings(max_examples=25)
@given(exports())
def test_tables_and_columns_are_found_by_their_names_in_any_order(tmp_path_factory, export):
    table, chosen, values = export
    folder = tmp_path_factory.mktemp("export")
    written = initialise(folder / "study", [write(folder / "export.csv", values.items())])
    assert written.complete
    study = Study.open(written.folder)
    assert study.tables == (table,)
    given = study.config.tables[table].columns
    assert {name: given.get(name, name) for name in chosen} == chosen
    assert study.check().findings()


@pytest.mark.parametrize("table", SPELLINGS)
def test_every_spelling_speaks_for_its_column_alone(table):
    for column, spellings in SPELLINGS[table].items():
        for name in spellings:
            assert strength(table, column, name)[0] in (SURE, PART), name
            others = [other for other in CONTRACTS[table].names if other != column]
            assert [other for other in others if (strength(table, other, name) or (PART,))[0] == SURE] == [], name


def test_names_are_compared_without_case_units_and_width():
    assert [normalise(name) for name in ("Order Date (UTC)", "ＯＲＤＥＲ_date", "金额（元）", "(id)")] == [
        *("orderdate", "orderdate", "金额", "id")
    ]
    assert strength("customers", "customer_id", "id")[0] == GUESS
    assert strength("transactions", "customer_id", "billing_customer_id")[0] == PART
    assert strength("transactions", "customer_id", "customer type") is None


def test_files_are_recognised_by_their_names():
    names = ("Orders-2025", "ventes", "会员", "order contacts", "满意度问卷", "CRM tickets")
    assert [table_named(name) for name in names] == ["transactions", None, "customers", None, "survey", None]


# --- contents --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "figure"),
    [
        *(("12", 12), ("-3.5", -3.5), ("1,234.50", 1234.5), ("1.234,50", 1234.5), ("1,234", 1234), ("3,5", 3.5)),
        *(("£2.95", 2.95), ("99 元", 99), ("(20)", -20), ("20-", -20), ("1e3", 1000), ("", None), ("A1", None)),
        *(("2025-01-01", None), ("1.2.3", None), ("-", None)),
        *(
            ("2.35万", 23500),
            ("￥1亿", 1e8),
            ("Rs. 12,34,567.50", 1234567.5),
            ("1\u202f234,50 EUR", 1234.5),
            ("ABC 12", None),
        ),
        *(("2.5e-3", 0.0025), ("-1E310", None), ("€ -3", -3), ("(£1,200.00)", -1200)),
    ],
)
def test_numbers_as_firms_write_them(written, figure):
    assert number(written) == figure


@pytest.mark.parametrize(
    "written",
    [
        *("2025-06-30", "2025/6/3", "20250630", "20250630153000", "30.06.2025", "6/30/25", "2025年6月30日"),
        *("2025-06-30 15:30", "2025-06-30T15:30:00Z", "1 Jun 2025", "Jun 1, 2025", "1-Jun-25", "6/3/2025 3:05 PM"),
        *("2025-06-30 15:30:00 -0500", "2025-06-30 15:30:00 UTC"),
    ],
)
def test_dates_as_firms_write_them(written):
    assert describe("day", [written, "", None]).dates == 1


def test_days_and_months_that_cannot_be_told_apart():
    assert day_or_month_first(describe("day", ["01/02/2025", "3/4/2025"])) == ("%d/%m/%Y", "%m/%d/%Y")
    assert day_or_month_first(describe("day", ["01.02.25 10:00", "3.4.25 9:30"])) == (
        "%d.%m.%y %H:%M",
        "%m.%d.%y %H:%M",
    )
    assert day_or_month_first(describe("day", ["01/02/2025", "13/4/2025"])) is None
    assert day_or_month_first(describe("day", ["01/02/2025", "2025-04-03"])) is None


def test_a_long_log_is_looked_at_all_over(tmp_path):
    # The first days of the year tell no day from a month, the later ones do; lines of one order stand together.
    begin = dt.date(2025, 1, 1)
    days = [begin + dt.timedelta(days=place // 150) for place in range(30_000)]
    columns = {
        "customer": [f"K{place % 900}" for place in range(30_000)],
        "order date": [f"{day.month}/{day.day}/{day.year}" for day in days],
        "total": ["9.50"] * 30_000,
        "number": [str(place // 3) for place in range(30_000)],
    }
    found = best(relation(tmp_path, columns))
    assert found.time_formats is None
    assert (found.line("order_id").given, found.one_per) == ("number", "")


def test_a_required_column_is_found_by_its_contents(tmp_path):
    draw = random.Random(1)
    found = best(
        relation(
            tmp_path,
            {"Kd": rows_of("customer_id", draw), "am": rows_of("time", draw), "euro": rows_of("amount", draw)},
        ),
        ids=frozenset(f"K{number:03d}" for number in range(99)),
    )
    assert found.table == "transactions"
    assert [(line.column, line.given) for line in found.lines] == [
        *(("customer_id", "Kd"), ("time", "am"), ("amount", "euro"))
    ]
    assert {line.doubt for line in found.lines} == {"its name does not say so, only its contents"}
    assert best(found.relation) is None


def test_quantity_times_unit_price_where_no_column_is_the_total(tmp_path):
    draw = random.Random(2)
    columns = {name: rows_of(name, draw) for name in ("customer_id", "time", "quantity")}
    columns["unit price"] = rows_of("amount", draw)
    found = best(relation(tmp_path, columns))
    assert found.line("amount").given == Sql('"quantity" * "unit price"')
    assert found.line("amount").doubt == ""
    assert best(relation(tmp_path, columns | {"Total": rows_of("amount", draw)})).line("amount").given == "Total"


def test_rivals_are_named(tmp_path):
    draw = random.Random(3)
    columns = {name: rows_of(name, draw) for name in ("customer_id", "amount")}
    columns |= {"order date": rows_of("time", draw), "payment date": rows_of("time", draw)}
    found = best(relation(tmp_path, columns))
    assert (found.line("time").given, found.line("time").doubt) == ("order date", 'it may be "payment date"')


def test_a_name_that_stands_twice_is_a_rival_of_itself(tmp_path):
    draw = random.Random(6)
    columns = {name: rows_of(name, draw) for name in ("customer_id", "time", "amount")}
    found = best(relation(tmp_path, columns | {"amount_2": rows_of("amount", draw)}))
    assert (found.line("amount").given, found.line("amount").doubt) == ("amount", 'it may be "amount_2"')


def test_german_names(tmp_path):
    draw = random.Random(7)
    given = {"customer_id": "Kundennummer", "time": "Rechnungsdatum", "amount": "Umsatz (€)", "order_id": "Belegnr."}
    found = best(relation(tmp_path, {spelt: rows_of(name, draw) for name, spelt in given.items()}, "Umsätze.csv"))
    assert {line.column: line.given for line in found.lines} == given


def test_a_list_of_customers_in_which_some_stand_twice(tmp_path):
    ids = [f"K{place % 50:03d}" for place in range(60)]
    columns = {
        "customer_id": ids,
        "gender": ["f", "m"] * 30,
        "joined": ["2024-05-01"] * 60,
        "fax": list(map(str, range(60))),
    }
    found = initialise(tmp_path / "study", [write(tmp_path / "Kunden.csv", columns.items())])
    assert found.notes == (
        "customers: customer_id stands in several rows of Kunden.csv; the first row of each is read.",
    )
    told = "# further columns, not kept unless they are mapped, since rows of one customer may differ in them: fax"
    assert told in found.file.read_text("utf-8").splitlines()
    assert "fax" not in Study.open(found.folder).customer360()


def test_words_are_translated_to_the_contract_s(tmp_path):
    draw = random.Random(4)
    columns = {name: rows_of(name, draw) for name in ("customer_id", "time")}
    words = ["投诉", "咨询", "售后", "spam"]
    found = best(relation(tmp_path, columns | {"工单类型": [words[place % 4] for place in range(ROWS)]}))
    assert found.table == "contacts"
    expression = found.line("kind").given.expression
    for word, ours in (("投诉", "complaint"), ("咨询", "enquiry"), ("售后", "service")):
        assert f"WHEN \"工单类型\" = '{word}' THEN '{ours}'" in expression
    assert found.line("kind").doubt == "no word is known for spam"


def test_a_name_that_its_contents_contradict_is_told(tmp_path):
    draw = random.Random(5)
    columns = {name: rows_of(name, draw) for name in ("customer_id", "amount")}
    columns |= {"order date": ["soon"] * ROWS, "when": rows_of("time", draw)}
    found = best(relation(tmp_path, columns))
    assert found.line("time").given == "when"
    columns.pop("when")
    found = best(relation(tmp_path, columns, "orders.csv"))
    assert found.missing == ("time",)
    assert found.remarks == ("'order date' of orders.csv is named like time, but its contents are something else",)


def test_a_list_of_products_is_no_table_of_the_contract(tmp_path):
    columns = {"sku": [f"P{place}" for place in range(ROWS)], "name": ["pen"] * ROWS, "price": ["1.5"] * ROWS}
    assert best(relation(tmp_path, columns)) is None


def test_the_year_of_a_date_of_birth(tmp_path):
    ids = [f"K{place}" for place in range(ROWS)]
    for born, begin in (("1980-05-17", 1), ("17.05.1980", 7)):
        found = best(relation(tmp_path, {"customer_id": ids, "gender": ["f"] * ROWS, "Birthday": [born] * ROWS}))
        assert found.line("birth_year").given == Sql(f'substring("Birthday", {begin}, 4)')


# --- questionnaires --------------------------------------------------------------------------------------------------


def answers(name, low, high, *, rows=200, extra=()):
    draw = random.Random(name)
    return describe(name, [str(draw.randint(low, high)) for _ in range(rows)] + [str(code) for code in extra])


@pytest.mark.parametrize(
    ("low", "high", "codes"),
    [(1, 5, (8, 9)), (1, 7, (99,)), (1, 7, (9,)), (1, 10, (98, 99)), (0, 10, (-1, 99)), (1, 5, ())],
)
def test_the_scale_and_the_codes_of_no_answer(low, high, codes):
    found = find([answers(f"Q{item}", low, high, extra=codes) for item in range(4)])
    assert (found.scale, found.seen, found.codes) == ((low, high), (low, high), {})
    assert found.items == ("Q0", "Q1", "Q2", "Q3")
    assert found.missing == dict.fromkeys(codes, 4)


def test_a_nine_beside_seven_is_an_answer_where_the_scale_is_ten():
    found = find([*(answers(f"Q{item}", 1, 10) for item in range(3)), answers("low", 1, 7, extra=(9,))])
    assert (found.items, found.scale) == (("Q0", "Q1", "Q2", "low"), (1, 10))
    assert (found.codes, found.missing) == ({}, {})


def test_items_with_another_scale_and_columns_that_are_none():
    items = [answers(f"Q{item}", 1, 10) for item in range(3)]
    others = [answers("recommendation", 0, 10), answers("easy", 1, 5), answers("age", 18, 80), answers("sex", 1, 2)]
    tolerance = describe("tolerance", [str(5 * (place % 21)) for place in range(200)])
    found = find([*items, *others, tolerance, describe("remark", ["good"] * 200)])
    assert found.items == ("Q0", "Q1", "Q2")
    assert found.codes == {"recommendation": (0, 10), "easy": (1, 5), "tolerance": (0, 100)}
    assert find([*items[:2], *others]) is None


def test_answers_with_labels_and_answers_in_words(tmp_path):
    labels = ["1 - very dissatisfied", "2 - dissatisfied", "(3) neutral", "4 (satisfied)", "5分", "Don't know"]
    found = find([describe(f"Q{item}", labels * 20) for item in range(3)])
    assert (found.items, found.scale, found.missing) == (("Q0", "Q1", "Q2"), (1, 5), {})
    words = ["disagree", "neither", "agree"] * 20
    columns = {"respondent": list(map(str, range(60)))} | {f"Q{item}": words for item in range(4)}
    made = initialise(tmp_path / "study", [write(tmp_path / "survey.csv", columns.items())])
    assert made.notes == (
        "4 columns of survey.csv (Q0, Q1, Q2, ...) hold answers in words: they are items only once a CASE makes "
        "numbers of them.",
    )


def test_a_stray_answer_does_not_widen_the_scale():
    found = find([answers(f"Q{item}", 1, 5, extra=(11,)) for item in range(3)])
    assert found.scale == (1, 5)


def test_an_item_with_few_high_marks_keeps_the_scale_of_the_others_and_slips_are_no_codes():
    items = [answers(f"Q{item}", 1, 10, rows=2000) for item in range(3)]
    low = answers("effort", 1, 7, rows=2000, extra=(8, 9, 10, 0, -1))
    found = find([*items, low])
    assert (found.scale, found.codes, found.missing) == ((1, 10), {}, {})
    assert found.items == ("Q0", "Q1", "Q2", "effort")
