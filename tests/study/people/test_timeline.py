"""One customer's history: what is told of each table, who is chosen, and what a wrong id is answered."""

import datetime as dt

import ibis
import pandas as pd
import pytest
from matplotlib.collections import PathCollection

from crm_analysis.errors import UsageError
from crm_analysis.study import Study
from crm_analysis.study.people import timeline
from crm_analysis.study.people.events import COLUMNS

TABLES = {
    "customers": "customer_id,person_id,joined,region,channel,referrer_id\n"
    "0012,p,2023-12-01,East,app,0013\n0013,,2024-02-01,West,shop,\n0099,p,2025-02-01,North,,\n0100,,,,,\n",
    "transactions": "customer_id,time,amount,order_id,category\n"
    "0012,2024-01-10 10:00:00,20,o1,books\n0012,2024-01-10 10:00:00,30,o1,art\n0012,2024-03-01 09:00:00,-20,o1,books\n"
    "0012,2024-05-01 12:00:00,10,,books\n0012,2024-05-01 18:00:00,5,,\n0012,2025-01-15 08:00:00,100,o2,music\n"
    "0099,2025-03-01 08:00:00,7,o3,zoo\n0013,2025-06-30 08:00:00,7,o4,zoo\n",
    "contacts": "customer_id,time,kind,channel,resolved\n0012,2024-03-02,complaint,phone,no\n"
    "0012,2024-04-01,enquiry,,\n0013,2024-04-01,service,chat,yes\n",
    "contracts": "customer_id,start,end,monthly_fee,plan\n0012,2024-02-01,2024-12-31,9.5,plus\n0012,2025-02-01,,,\n",
    "campaigns": "customer_id,time,campaign,arm,response\n0012,2024-06-01,summer,treated,yes\n"
    "0012,2024-07-01,autumn,,no\n",
    "survey": "respondent_id,customer_id,time,wave,Q1,Q2\nr1,0012,2024-08-01,1,8,9\nr1,0012,,2,5,98\n",
}
TOML = (
    '[study]\nname = "shop"\ncurrency = "EUR"\n'
    + "".join(f'[tables.{name}]\nsource = "{name}.csv"\n' for name in TABLES)
    + '[survey]\nmissing = [98]\n[survey.constructs]\nsatisfaction = ["Q1", "Q2"]\n'
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study") / "shop"
    folder.mkdir()
    for table, text in TABLES.items():
        (folder / f"{table}.csv").write_text(text, "utf-8")
    (folder / "study.toml").write_text(TOML, "utf-8")
    return Study.open(folder)


def test_a_history_by_hand(shop):
    told = shop.timeline("0012").to_frame()
    lines = [
        (None if pd.isna(event.time) else f"{event.time:%y-%m-%d}", event.table, event.event, event.amount)
        for event in told.fillna({"amount": 0}).itertuples()
    ]
    assert lines == [
        ("23-12-01", "customers", "joined through app, brought by another customer", 0),
        ("24-01-10", "transactions", "order of 2 lines: art, books", 50),
        ("24-02-01", "contracts", "contract plus begins, 9.500 a month", 9.5),
        ("24-03-01", "transactions", "return of 1 line: books", -20),
        ("24-03-02", "contacts", "complaint by phone, not resolved", 0),
        ("24-04-01", "contacts", "enquiry", 0),
        ("24-05-01", "transactions", "order of 2 lines: books", 15),
        ("24-06-01", "campaigns", "campaign summer, treated, responded", 0),
        ("24-07-01", "campaigns", "campaign autumn, no response", 0),
        ("24-08-01", "survey", "answers the survey, wave 1: satisfaction 8.5 (mean of 2 items)", 0),
        ("24-12-31", "contracts", "contract plus ends", 0),
        ("25-01-15", "transactions", "order of 1 line: music", 100),
        ("25-02-01", "contracts", "contract begins", 0),
        (None, "survey", "answers the survey, wave 2: satisfaction 5.0 (mean of 1 item)", 0),
    ]
    assert list(told) == list(COLUMNS)


def test_the_findings_say_who_without_a_name(shop):
    told = shop.timeline("0012")
    assert told.findings() == (
        "A customer since 2023 (region East and channel app): 3 orders for 165 EUR from 2024-01-10 to 2025-01-15, 1 "
        "return of 20 EUR, 1 complaint, 1 other contact, 2 contracts, 2 campaigns, 2 survey answers.",
        "From one day with an order to the next 185.5 days passed at the median, 259 at most; the last order was 166 "
        "days before the study's last day.",
        "2 orders came after the last complaint (2024-03-02).",
    )
    assert told.metrics() == {"events": 14, "orders": 3, "returns": 1, "complaints": 1}
    assert "0012" not in f"{told!r}{told._repr_html_()}{told.to_frame().to_csv()}"
    assert shop.timeline("0013").findings() == (
        "A customer since 2024 (region West and channel shop): 1 order for 7 EUR on 2025-06-30, 1 contact.",
        "The last order was on the study's last day.",
    )
    assert shop.timeline("0100").findings() == (
        "A customer: no orders, contacts, contracts, campaigns or survey answers.",
    )


def test_a_history_agrees_with_the_customer_view(shop):
    view = shop.customer360().set_index("customer_id")
    for who in ("0012", "0013", "0099"):
        told = shop.timeline(who).to_frame()
        assert (told["kind"] == "order").sum() == view.loc[who, "frequency"]
        bought = told["amount"].where(told["table"] == "transactions").sum()
        assert bought == pytest.approx(view.loc[who, "monetary"])


def test_per_person_all_records_speak(shop):
    told = shop.timeline("0099", per="person")
    pd.testing.assert_frame_equal(told.events, shop.timeline("0012", per="person").events)
    assert told.records == 2
    assert told.metrics() == {"events": 16, "orders": 4, "returns": 1, "complaints": 1}
    assert told.findings()[0].startswith("A customer since 2023 (region East and channel app): 4 orders for 172 EUR ")
    assert told.findings()[1] == "The history is put together from 2 records of the same person."
    with pytest.raises(UsageError) as error:
        shop.timeline("0012", per="house")
    assert str(error.value) == "per must be 'record' or 'person', not 'house'."


def test_the_richest_history_is_told_where_no_id_is_given(shop):
    pd.testing.assert_frame_equal(shop.timeline().events, shop.timeline("0012").events)
    log = pd.DataFrame({"customer_id": list("CBBAAC"), "time": pd.Timestamp("2025-01-01"), "amount": 1.0})
    contacts = pd.DataFrame({"customer_id": ["D"], "time": pd.Timestamp("2025-01-01"), "kind": "service"})
    tables = {"transactions": ibis.memtable(log), "contacts": ibis.memtable(contacts)}
    # Everybody is in one table, three have two rows there: the first id decides.
    assert timeline.tell(tables).events.equals(timeline.tell(tables, customer_id="A").events)
    # A person's records count together.
    members = pd.DataFrame({"customer_id": ["C", "D"], "person_id": ["C", "C"], "place": [0, 1]})
    assert set(timeline.tell(tables, members=members).events["table"]) == {"transactions", "contacts"}


def test_only_the_customers_rows_leave_the_engine(shop, monkeypatch):
    seen = []
    whole = ibis.Table.to_pandas
    monkeypatch.setattr(ibis.Table, "to_pandas", lambda table, **how: (seen.append(whole(table, **how)), seen[-1])[1])
    shop.timeline("0013")
    assert {who for rows in seen if "customer_id" in rows for who in rows["customer_id"]} == {"0013"}


@pytest.mark.parametrize(
    ("wanted", "cure"),
    [
        ("12", "near are '0012'"),
        (" 0012", "near are '0012'"),
        (100, "near are '0100'"),
        ("77", "the first is '0012'"),
        ("%", "the first is '0012'"),
        ("", "the first is '0012'"),
    ],
)
def test_an_unknown_id(shop, wanted, cure):
    with pytest.raises(UsageError) as error:
        shop.timeline(wanted)
    assert (
        str(error.value)
        == f"timeline: no table has the customer {str(wanted)!r}; ids are text and keep their zeros; {cure}."
    )


def test_letters_and_case_of_an_id_are_forgiven(write_study):
    study = Study.open(
        write_study({"transactions": "customer_id,time,amount\nC00012,2025-01-01,1\nC00112,2025-01-01,1\n"})
    )
    with pytest.raises(UsageError, match=r"near are 'C00012', 'C00112'\.$"):
        study.timeline("c12")


def test_a_log_of_orders_alone_has_a_timeline(write_study):
    study = Study.open(
        write_study({"transactions": "customer_id,time,amount\nA,2025-01-01,5\nA,2025-01-01,6\nA,2025-02-01,1\n"})
    )
    told = study.timeline()
    assert told.to_frame()["event"].tolist() == ["order of 2 lines", "order of 1 line"]
    assert told.findings()[0] == "A customer since 2025: 2 orders for 12 from 2025-01-01 to 2025-02-01."


def test_a_study_without_customers_says_so(write_study, keeps_result_contract):
    study = Study.open(write_study({"kano": "respondent_id,feature,functional,dysfunctional\nr1,fast,1,5\n"}))
    told = study.timeline()
    assert told.findings() == (
        "No table of this study says which customer its rows belong to, so there is no history to tell.",
    )
    keeps_result_contract(told, pictures=("plot",))


def test_TimelineResult_keeps_the_contract(shop, keeps_result_contract):
    for who in ("0012", "0013", "0099", "0100"):
        keeps_result_contract(shop.timeline(who), pictures=("plot",))
    assert shop.timeline("0012").shown == {}


def test_the_picture_has_a_lane_per_table_and_shows_amounts(shop):
    ax = shop.timeline("0012").plot()
    lanes = [label.get_text() for label in ax.get_yticklabels()]
    assert lanes == ["customers", "contracts", "campaigns", "transactions", "contacts", "survey"]
    assert ax.get_xlabel() == "the area of an order is its amount (EUR)"
    ordinary, notable = (drawn for drawn in ax.collections if isinstance(drawn, PathCollection))
    assert len(ordinary.get_offsets()) == 11
    # The return of 20 and the complaint; the largest amount, 100, has the largest area.
    assert notable.get_sizes().tolist() == [20 + 380 * 0.2, 30]
    assert max(ordinary.get_sizes()) == 400
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["return or complaint", "the study's last day"]
    assert ax.get_lines()[-1].get_xdata()[0] == pd.Timestamp(shop.last_date)
    assert shop.last_date == dt.date(2025, 6, 30)


def test_without_dates_the_picture_is_empty_and_says_so(shop):
    ax = shop.timeline("0100").plot()
    assert [text.get_text() for text in ax.texts] == ["no event has a date"]
    assert ax.figure.get_label().startswith("An empty picture: no event has a date. A customer: no orders")
