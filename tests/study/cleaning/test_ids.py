"""What is no id: words for totals and for nothing, and numbers that a spreadsheet cut off."""

import pytest

from crm_analysis.errors import ContractError
from crm_analysis.study import Study

WORD = 'must be an id and no word such as "n/a" or "Total"'
CUT = "must be whole and not a number that a spreadsheet cut off (format it as text there, export it again)"
ROWS = "".join(f"K{place % 9},2025-01-{1 + place % 28:02d},2,O{place}\n" for place in range(30))


def log(write_study, rows):
    return Study.open(write_study({"transactions": f"customer_id,time,amount,order_id\n{ROWS}{rows}"}))


def found(study):
    return study.check().to_frame()[["column", "rule", "rows", "first_row", "action"]].to_numpy().tolist()


@pytest.mark.parametrize("word", ["Total", "Grand Total", "Summe:", "合计", "小计：", "NULL", "-", "unknown", "无"])
def test_a_totals_row_is_no_customer(write_study, word):
    study = log(write_study, f"{word},2025-01-28,60,\n")
    assert found(study) == [["customer_id", WORD, 1, 31, "row left out"]]
    assert study.customer360()["monetary"].sum() == 60
    assert len(study.customer360()) == 9


def test_words_within_an_id_belong_to_it(write_study):
    assert found(log(write_study, "Total 24,2025-01-28,6,\nSumme1,2025-01-28,6,\nNA7,2025-01-28,6,\n")) == []


def test_an_order_without_a_number_stays(write_study):
    study = log(write_study, "K1,2025-01-28,6,n/a\nK1,2025-01-27,6,n/a\n")
    assert found(study) == [["order_id", WORD, 2, 31, "value set aside"]]
    assert study.customer360()["frequency"].sum() == 32


def test_ids_that_a_spreadsheet_cut_off_are_not_one_customer(write_study):
    study = log(write_study, "8.61235E+12,2025-01-28,6,\n1E+05,2025-01-28,6,\n1E5,2025-01-28,6,\n")
    assert found(study) == [["customer_id", CUT, 2, 31, "row left out"]]
    rows = "".join(f"8.61235E+12,2025-01-{day:02d},5\n" for day in range(1, 29))
    with pytest.raises(ContractError) as error:
        Study.open(write_study({"transactions": f"customer_id,time,amount\n{rows}"}))
    assert str(error.value) == (
        "transactions: 28 of 28 rows of transactions.csv break the contract, so the file is probably misread (see "
        "quarantine/transactions.csv in the study's folder). The rule broken most often is: transactions: customer_id "
        f"{CUT}; 28 rows break this (left out), first row 1 = '8.61235E+12'."
    )


def test_ids_with_marks_that_nobody_sees_are_one(write_study):
    assert len(log(write_study, "K1\u200b,2025-01-28,6,\n\u200eK2,2025-01-28,6,\n").customer360()) == 9
