"""How values are written: numbers, dates, ids, yes and no, in the forms that firms' files have."""

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crm_analysis.errors import ContractError
from crm_analysis.study import Study
from crm_analysis.study.cleaning.checking import FORMATS
from crm_analysis.study.cleaning.formats import _NARROW, _WIDE

SECTION = '[tables.transactions]\nsource = "transactions.csv"\ndelimiter = "|"\n'


def opened(write_study, column, written, settings="", toml=""):
    """A study whose transactions hold these values in one column; a last row has a plain value."""
    rest = {"customer_id": "A", "time": "2025-01-31", "amount": "1"}
    names = [*rest] if column in rest else [*rest, column]
    lines = ["|".join(names)]
    lines += [
        "|".join({**rest, column: value, "customer_id": rest["customer_id"]}[name] for name in names)
        for value in written
    ]
    return Study.open(write_study({"transactions": "\n".join(lines) + "\n"}, toml + SECTION + settings))


def read(write_study, column, written, settings="", toml=""):
    """What becomes of values: the rows that are used, in order; None where a value was set aside."""
    found = opened(write_study, column, written, settings, toml).frame("transactions")[column]
    if column == "time":
        return [f"{value:%Y-%m-%d %H:%M:%S}".removesuffix(" 00:00:00") for value in found]
    return [None if pd.isna(value) else float(value) for value in found]


# --- numbers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["amount", "quantity"])
@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (["1,234.50", "12", "-3.5", "1,234,567"], [1234.5, 12, -3.5, 1234567]),
        (["1.234,50", "12", "-3,5", "1.234.567", "1.234"], [1234.5, 12, -3.5, 1234567, 1234]),
        (["1 234,50", "1\u00a0234\u202f567", "2,5"], [1234.5, 1234567, 2.5]),
        (["1'234.50", "1’000"], [1234.5, 1000]),
        (["１２３．５", "１，２３４．５０", "－７"], [123.5, 1234.5, -7]),
        (
            ["¥12.5", "￥1,000.00", "$3", "US$ 4", "5 €", "£6.10", "7元", "8.5 CNY", "RMB 9"],
            [12.5, 1000, 3, 4, 5, 6.1, 7, 8.5, 9],
        ),
        (["(12.50)", "5-", "-$4", "$-4", "($1,000.00)", "−2", "+3", "6- €"], [-12.5, -5, -4, -4, -1000, -2, 3, -6]),
        (["1e3", "2.5E-1", ".5", "5."], [1000, 0.25, 0.5, 5]),
        (["2.35万", "￥1,000万", "-1.5万元", "0.2亿", "7"], [23500, 1e7, -15000, 2e7, 7]),
        (["Rs. 12,34,567.50", "₹1,00,000", "Rs.5", "999"], [1234567.5, 100000, 5, 999]),
    ],
)
def test_numbers_in_many_forms(write_study, column, written, expected):
    assert read(write_study, column, written) == expected


@pytest.mark.parametrize(
    "written", ["1,23,4", "12,34.5", "1.2.3", "5--", "(5", "--5", "$", "1 2", "5 apples", "1,234,56", "0x1F", "12%"]
)
def test_what_is_no_number_breaks_the_rule(write_study, written):
    study = opened(write_study, "amount", ["1.5", written])
    assert study.check().to_frame()[["column", "rule", "first_value"]].to_numpy().tolist() == [
        ["amount", "must be a number", written]
    ]


def test_a_percent_sign_is_read_in_numbers_and_refused_in_money(write_study):
    assert read(write_study, "quantity", ["15 %", "7.5%", "2"]) == [15, 7.5, 2]
    assert read(write_study, "discount", ["15 %", "2"]) == [None, 2]


def test_a_column_with_both_marks_follows_the_commoner(write_study):
    study = opened(write_study, "amount", ["1,50", "2,50", "3.25", "7"])
    assert study.frame("transactions")["amount"].astype(float).tolist() == [1.5, 2.5, 7]
    assert study.check().findings() == (
        "3 of 4 rows are used; those left out are in the study's folder, quarantine.",
        "Transactions: amount holds numbers with a decimal comma and with a decimal point; they are read with a comma, "
        "and 1 other breaks the rule.",
    )


def test_the_setting_decides_what_the_values_leave_open(write_study):
    assert read(write_study, "amount", ["1.234", "5"]) == [1.234, 5]
    assert read(write_study, "amount", ["1,234", "5"]) == [1234, 5]
    assert read(write_study, "amount", ["1.234", "5"], 'decimal = ","\n') == [1234, 5]
    assert read(write_study, "amount", ["1,234", "5"], 'decimal = ","\n') == [1.234, 5]
    study = opened(write_study, "amount", ["1.234", "5"])
    assert study.check().findings()[-1] == (
        "Transactions: amount holds 1 number that can be read in two ways, such as 1.234; here the point is the "
        'decimal mark, and [tables.transactions] decimal = "," reads them the other way.'
    )


def test_an_expression_reads_the_numbers_of_its_columns_in_their_form(write_study):
    toml = '[tables.transactions]\nsource = "transactions.csv"\ncolumns = { amount = { sql = "price * pieces" } }\n'
    rows = 'customer_id;time;price;pieces\nA;2025-01-31;"1.234,50";2\nB;2025-01-31;0,25;4\nC;2025-01-31;dear;4\n'
    study = Study.open(write_study({"transactions": rows}, toml))
    assert study.frame("transactions")["amount"].astype(float).tolist() == [2469, 1]
    acts = study.cleaning().acts
    assert acts.loc[acts["act"] == FORMATS, ["column", "rows", "before", "after"]].to_numpy().tolist() == [
        ["price", 2, "1.234,50", "1234.50"]
    ]
    assert study.check().to_frame()["first_value"].tolist() == ["dear | 4"]


# --- dates -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (["2025-06-01", "2025/6/1", "2025.06.01", "20250601", "2025年6月1日"], ["2025-06-01"] * 5),
        (["1 Jun 2025", "Jun 1, 2025", "1-Jun-25", "01JUN2025", "June 1, 2025", "1 June 2025"], ["2025-06-01"] * 6),
        (["2025/6/1 8:05", "2025-06-01 08:05:00", "20250601080500", "2025年6月1日 8:05"], ["2025-06-01 08:05:00"] * 4),
        (["6/1/2025 1:05 PM", "6/13/2025 12:05 am"], ["2025-06-01 13:05:00", "2025-06-13 00:05:00"]),
        (["2025/6/1 下午 1:05", "2025-06-01 上午 8:05:09"], ["2025-06-01 13:05:00", "2025-06-01 08:05:09"]),
        (["1/6/2025", "13/6/2025"], ["2025-06-01", "2025-06-13"]),
        (["6/1/2025", "6/13/2025"], ["2025-06-01", "2025-06-13"]),
        (["12/1/2010 8:26", "12/13/2010 8:26"], ["2010-12-01 08:26:00", "2010-12-13 08:26:00"]),
        (["1.6.2025", "2.6.25"], ["2025-06-01", "2025-06-02"]),
        (["1/6/25", "13/6/25", "1/6/2025"], ["2025-06-01", "2025-06-13", "2025-06-01"]),
        (["45809", "45809.5", "2025-06-01"], ["2025-06-01", "2025-06-01 12:00:00", "2025-06-01"]),
        (["1748736000", "1748736000000", "1748736000.0"], ["2025-06-01"] * 3),
        (["２０２５－０６－０１", "2025/06/01"], ["2025-06-01"] * 2),
    ],
)
def test_dates_in_many_forms(write_study, written, expected):
    assert read(write_study, "time", written) == expected


def test_seconds_since_1970_become_local_times(write_study):
    toml = '[study]\ntimezone = "Asia/Shanghai"\n'
    assert read(write_study, "time", ["1748736000", "45809"], toml=toml) == ["2025-06-01 08:00:00", "2025-06-01"]


@pytest.mark.parametrize(
    ("written", "example"),
    [
        (["1/2/2025", "3/4/2025"], "1/2/2025"),
        (["1/2/2025 10:15", "3-4-2025"], "3-4-2025"),
        (["25-06-01", "25-06-30"], "25-06-01"),
        (["01/02/25", "02/03/25"], "01/02/25"),
    ],
)
def test_dates_that_nothing_decides_are_refused(write_study, written, example):
    with pytest.raises(ContractError) as error:
        opened(write_study, "time", written)
    assert str(error.value) == (
        f"transactions: nothing in transactions.csv shows whether the day or the month stands first in 'time', as in "
        f"{example!r}; say it under [tables.transactions], such "
        'as time_format = "%d/%m/%Y".'
    )


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ("%d/%m/%Y", ["2025-02-01", "2025-02-01 10:15:00", "2025-06-01"]),
        ("%m/%d/%Y", ["2025-01-02", "2025-01-02 10:15:00", "2025-06-01"]),
    ],
)
def test_the_setting_decides_the_order_in_other_values_too(write_study, own, expected):
    written = ["1/2/2025", "1/2/2025 10:15", "2025-06-01"]
    assert read(write_study, "time", written, f'time_format = "{own}"\n') == expected


def test_any_other_format_is_the_only_one_that_is_read(write_study):
    assert read(write_study, "time", ["2025-25-12", "2025-01-02"], 'time_format = "%Y-%d-%m"\n') == [
        "2025-12-25",
        "2025-02-01",
    ]


def test_a_few_dates_that_nothing_decides_break_the_rule(write_study):
    study = opened(write_study, "time", ["2025-01-01", "2025-01-02", "1/2/2025"])
    assert study.check().findings() == (
        "2 of 3 rows are used; those left out are in the study's folder, quarantine.",
        "Transactions: time holds 1 date of which nothing shows whether the day or the month stands first, such as "
        "1/2/2025; they break the rule until time_format says it.",
    )


def test_in_a_column_of_both_orders_the_commoner_wins(write_study):
    study = opened(write_study, "time", ["13/1/2025", "14/1/2025", "1/15/2025"])
    assert [f"{time:%m-%d}" for time in study.frame("transactions")["time"]] == ["01-13", "01-14"]
    assert study.check().to_frame()["first_value"].tolist() == ["1/15/2025"]


@pytest.mark.parametrize(
    "written", ["soon", "infinity", "epoch", "2025-02-30", "31.6.2025", "12:30", "2025", "12345", "99/99/9999"]
)
def test_what_is_no_date_breaks_the_rule(write_study, written):
    study = opened(write_study, "time", ["2025-01-01", "13.6.2025", written])
    assert study.check().to_frame()[["column", "rule", "first_value"]].to_numpy().tolist() == [
        ["time", "must be a date or time", written]
    ]


# --- ids, yes and no, words for nothing ------------------------------------------------------------------------------


def ids(write_study, written, settings=""):
    rows = "".join(f"{value}|2025-01-31|{place}\n" for place, value in enumerate(written))
    study = Study.open(write_study({"transactions": f"customer_id|time|amount\n{rows}"}, SECTION + settings))
    return study, study.frame("transactions")["customer_id"].tolist()


def test_ids_lose_blanks_and_the_decimals_of_a_spreadsheet(write_study):
    assert ids(write_study, [" 17850.0", "17851", "\u300017852.00 "])[1] == ["17850", "17851", "17852"]
    # Where one id is no number, a point may belong to it.
    assert ids(write_study, ["17850.0", "C1"])[1] == ["17850.0", "C1"]


def test_zeros_are_put_back_where_the_setting_asks_for_it(write_study):
    study, found = ids(write_study, ["7", "00008", "123456", "7.0", "X9"], "pad = { customer_id = 5 }\n")
    assert found == ["00007", "00008", "123456", "7.0", "X9"]
    study, found = ids(write_study, ["7.0", "00008"], "pad = { customer_id = 5 }\n")
    assert found == ["00007", "00008"]
    acts = study.cleaning().acts
    assert acts[["done", "rows", "before", "after"]].to_numpy().tolist() == [
        ["ids freed of .0 at their end", 1, "99999.0", "99999"],
        ["leading zeros put back to 5 digits", 1, "99", "00099"],
    ]


def test_numbers_as_ids_in_a_typed_file(write_study):
    folder = write_study({}, '[tables.transactions]\nsource = "orders.parquet"\npad = { order_id = 3 }\n')
    times = pd.to_datetime(["2025-01-01", "2025-01-02"])
    orders = {"customer_id": [17850.0, 7.5], "time": times, "amount": [1.0, 2.0], "order_id": [1, 2]}
    pd.DataFrame(orders).to_parquet(folder / "orders.parquet")
    found = Study.open(folder).frame("transactions")
    assert found["customer_id"].tolist() == ["17850", "7.5"]
    assert found["order_id"].tolist() == ["001", "002"]


def test_texts_of_a_typed_file_that_must_be_read_are_cleaned_into_the_cache(write_study):
    folder = write_study({}, '[tables.transactions]\nsource = "orders.parquet"\n')
    pq.write_table(
        pa.table({"customer_id": ["A", "B"], "time": ["13/1/2025", "1/2/2025"], "amount": ["1,5", "2"]}),
        folder / "orders.parquet",
    )
    for _ in range(2):
        found = Study.open(folder).frame("transactions")
        assert found["amount"].astype(float).tolist() == [1.5, 2]
        assert [f"{time:%m-%d}" for time in found["time"]] == ["01-13", "02-01"]
    assert len(list((folder / ".cache").glob("*.parquet"))) == 1


def test_yes_and_no_in_words(write_study):
    words = ["yes", "N", "是", "否", "TRUE", "0", "1.0", "没有", "maybe", "n/a", ""]
    rows = "".join(f"A,2025-01-01,service,{word}\n" for word in words)
    study = Study.open(
        write_study(
            {"contacts": f"customer_id,time,kind,resolved\n{rows}"},
            '[tables.contacts]\nsource = "contacts.csv"\nduplicates = "keep"\n',
        )
    )
    found = [None if pd.isna(value) else bool(value) for value in study.frame("contacts")["resolved"]]
    assert found == [True, False, True, False, True, False, True, False, None, None, None]
    assert study.check().to_frame()[["rule", "rows", "first_value"]].to_numpy().tolist() == [
        ["must be yes or no", 1, "maybe"]
    ]


@pytest.mark.parametrize("word", ["n/a", "NULL", "-", "无", "#N/A", "nan"])
def test_words_for_nothing_are_missing_in_numbers_and_no_ids(write_study, word):
    assert read(write_study, "quantity", [word, "2"]) == [None, 2]
    assert opened(write_study, "quantity", [word, "2"]).check().to_frame().empty
    assert ids(write_study, [word, "A"])[1] == ["A"]


ITEM = '[tables.survey]\nsource = "survey.csv"\n[survey]\nscale = [1, 5]\n[survey.constructs]\nsatisfaction = ["Q1"]\n'


def test_answers_with_a_label_are_their_number(write_study):
    answers = ["5 - sehr zufrieden", "(4) satisfied", "3 (neutral)", "2分", "1: gar nicht", "2", "Don't know", "k.A."]
    odd = ["6 - more than that", "4 or 5", "good"]
    study = Study.open(write_study({"survey": "Q1\n" + "\n".join(answers + odd) + "\n"}, ITEM))
    found = study.frame("survey")["Q1"]
    assert [None if pd.isna(value) else value for value in found] == [5, 4, 3, 2, 1, 2, *[None] * 5]
    assert study.check().to_frame()[["rule", "rows", "first_value"]].to_numpy().tolist() == [
        ["must be a number", 2, "4 or 5"],
        ["must lie between 1 and 5", 1, "6 - more than that"],
    ]
    done = {act["done"]: (act["rows"], act["before"]) for act in study.cleaning().frames()["acts"].to_dict("records")}
    assert done["numbers brought into one form"] == (6, "5 - sehr zufrieden")
    assert done['words such as "n/a" read as not given'] == (2, "")


def test_several_currencies_in_one_column_are_told(write_study):
    note = (
        "Transactions: amount holds several currencies (EUR, USD), and its numbers are taken as they are; turn them "
        "into one."
    )
    assert note in opened(write_study, "amount", ["$5", "6 €", "7"]).check().findings()
    assert note not in opened(write_study, "amount", ["€5", "6 EUR", "7"]).check().findings()


@pytest.mark.parametrize(
    ("written", "time"),
    [
        ("2024-01-01 10:00:00 -0500", "2024-01-01 15:00:00"),
        ("2024-01-01 10:00:00 UTC", "2024-01-01 10:00:00"),
        ("2024-01-01 10:00 UTC", "2024-01-01 10:00:00"),
        ("2024-01-01T10:00Z", "2024-01-01 10:00:00"),
        ("2024-01-01 10:00 +0200", "2024-01-01 08:00:00"),
        ("2024-01-01T10:00:00.5+08:00", "2024-01-01 02:00:00"),
    ],
)
def test_offsets_in_many_forms_and_their_zone(write_study, written, time):
    assert read(write_study, "time", [written]) == [time]
    assert opened(write_study, "time", [written]).check().findings()[1:] == (
        "Transactions: time holds 1 time with an offset, which is told in UTC; timezone under [study] sets the zone of "
        "the firm.",
    )
    zone = '[study]\ntimezone = "Asia/Shanghai"\n'
    assert not any(
        "offset" in sentence for sentence in opened(write_study, "time", [written], "", zone).check().findings()
    )


def test_every_wide_sign_has_a_narrow_one():
    assert len(_WIDE) == len(_NARROW)


def test_a_survey_without_ids_counts_its_rows(write_study):
    toml = '[tables.survey]\nsource = "survey.csv"\n[survey.constructs]\nsatisfaction = ["Q1"]\n'
    study = Study.open(write_study({"survey": "Q1\n5\n5\n7\n"}, toml))
    assert study.frame("survey")["respondent_id"].tolist() == ["1", "2", "3"]
    assert study.check().findings() == (
        "Every row keeps the contract (3 rows read).",
        "Survey: 1 row equals an earlier one; without a respondent_id they may be answers of their own and are kept "
        '(duplicates = "remove" removes them).',
        "Survey: there is no respondent_id, so the number of the row serves as one.",
    )


def test_the_decimal_mark_is_found_in_long_numbers_too(write_study):
    assert read(write_study, "amount", ["1.234.567,50", "1.234"]) == [1234567.5, 1234]


def test_zeros_at_the_beginning_belong_to_an_attribute(write_study):
    study = Study.open(write_study({"customers": "customer_id,postcode,floor\nA,01067,1\nB,10115,2\n"}))
    assert study.frame("customers")["postcode"].tolist() == ["01067", "10115"]
    assert study.frame("customers")["floor"].tolist() == [1, 2]


def test_times_of_any_precision_become_microseconds(tmp_path):
    for unit in ("s", "ms", "us", "ns"):
        folder = tmp_path / unit
        folder.mkdir()
        times = pa.array(pd.to_datetime(["2025-01-31 10:00:01"]).as_unit(unit), pa.timestamp(unit))
        pq.write_table(pa.table({"customer_id": ["A"], "time": times, "amount": [5.0]}), folder / "orders.parquet")
        (folder / "study.toml").write_text('[tables.transactions]\nsource = "orders.parquet"\n')
        table = Study.open(folder).table("transactions")
        assert str(table.schema()["time"]) == "timestamp(6)"
        assert table.time.to_pandas().tolist() == [pd.Timestamp("2025-01-31 10:00:01")]
