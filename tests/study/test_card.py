"""What a study says about itself: its card, and what the contract found."""

import pandas as pd
import pytest

from crm_analysis.study import Study, simulate
from crm_analysis.study.card import CardResult, CheckResult
from crm_analysis.study.cleaning.checking import Breach, CleanTable


@pytest.fixture(scope="module")
def bookshop(tmp_path_factory):
    return Study.open(simulate.company(customers=120, seed=5).write(tmp_path_factory.mktemp("study") / "bookshop"))


@pytest.fixture
def shop(write_study):
    tables = {
        "transactions": "customer_id,time,amount\nA,2025-01-01,5\nB,2025-01-20,7\nB,2025-03-02,7\nC,x,1\n",
        "kano": "respondent_id,feature,functional,dysfunctional\nr1,fast,1,5\nr1,cheap,2,4\n",
        "survey": "respondent_id,wave\nr1,1\n",
    }
    return Study.open(write_study(tables))


def test_CardResult_keeps_the_contract(bookshop, shop, keeps_result_contract):
    keeps_result_contract(bookshop.card(), pictures=("plot",))
    keeps_result_contract(shop.card(), pictures=("plot",))


def test_CheckResult_keeps_the_contract(bookshop, shop, keeps_result_contract):
    assert len(bookshop.check().to_frame()) > 3
    keeps_result_contract(bookshop.check())
    keeps_result_contract(shop.check())


def test_a_card_by_hand(shop):
    card = shop.card()
    assert card.findings() == (
        "Transactions: 3 rows of 2 customers, 2025-01-01 to 2025-03-02, longest pause 41 days; besides, 1 row in "
        "quarantine for breaking the contract.",
        "Kano: 2 rows of 1 respondent.",
        "Survey: 1 row of 1 respondent.",
    )
    assert card.metrics() == {"transactions_rows": 3, "kano_rows": 2, "survey_rows": 1, "quarantined_rows": 1}
    assert card.frames()["months"].to_dict("list") == {
        "table": ["transactions", "transactions"],
        "month": [pd.Timestamp("2025-01-01"), pd.Timestamp("2025-03-01")],
        "rows": [2, 1],
    }


def test_the_picture_shows_the_months(shop, legible):
    ax = shop.card().plot()
    assert [bar.get_height() for bar in ax.patches] == [2, 1]
    assert ax.get_title(loc="left") or ax.get_title() == "Transactions by month"
    assert ax.figure.get_label() == "Bar chart of transactions by month, 1 to 2 rows a month."
    legible(ax.figure)


def test_without_dates_the_picture_says_so(write_study):
    study = Study.open(write_study({"kano": "respondent_id,feature,functional,dysfunctional\nr1,fast,1,5\n"}))
    ax = study.card().plot()
    assert ax.figure.get_label() == "Empty picture, Rows by month: No table has dates."
    assert ax.patches == [] or len(ax.patches) == 0


def test_hostile_names_and_values_cannot_act():
    hostile = "<script>alert(1)</script>"
    breach = Breach("transactions", "amount", "must be a number", 1, 1, hostile, True)
    cleaned = CleanTable("transactions", False, ((f"{hostile}.csv", "0", 1),), 2, 1, (breach,))
    html = CheckResult.of((cleaned,))._repr_html_()
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    tables = pd.DataFrame(
        [[hostile, 1, 0, 1, None, pd.NaT, pd.NaT, 0]],
        columns=[
            "table",
            "rows",
            "left_out",
            "customers",
            "respondents",
            "first_day",
            "last_day",
            "longest_pause_days",
        ],
    )
    card = CardResult(tables, pd.DataFrame({"table": [], "month": [], "rows": []}))
    assert "<script" not in card._repr_html_()


def test_a_clean_study_says_so(write_study, keeps_result_contract):
    study = Study.open(write_study({"transactions": "customer_id,time,amount\nA,2025-01-01,5\n"}))
    check = study.check()
    assert check.findings() == ("Every row keeps the contract (1 row read).",)
    assert check.metrics() == {"rows": 1, "rows_left_out": 0, "copies_removed": 0, "rules_broken": 0}
    assert list(check.to_frame()) == ["table", "column", "rule", "rows", "first_row", "first_value", "action"]
    keeps_result_contract(check)
