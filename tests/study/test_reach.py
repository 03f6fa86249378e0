"""Which tables know a customer, against sets of ids counted by hand."""

from itertools import product

import pytest

from crm_analysis.proportion import wilson
from crm_analysis.study import reach

TABLES = {
    "customers": [{"customer_id": name, "joined": None} for name in "ABCDE"],
    "transactions": [
        {"customer_id": name, "time": day, "amount": 5}
        for name, day in zip("ABBF", ("2024-12-01", "2025-01-01", "2025-01-01", "2025-01-01"), strict=True)
    ],
    "contacts": [{"customer_id": name, "time": "2025-01-01", "kind": "enquiry"} for name in "AAG"],
    "survey": [{"respondent_id": str(place), "customer_id": name} for place, name in enumerate("AC")],
}


@pytest.fixture
def shop(study_of):
    from datetime import datetime

    dated = {
        name: [row | ({"time": datetime.fromisoformat(row["time"])} if "time" in row else {}) for row in rows]
        for name, rows in TABLES.items()
    }
    return study_of(dated)


def test_every_set_of_tables_is_counted(shop):
    result = reach.summarise(shop)
    known = {name: {row["customer_id"] for row in rows} for name, rows in TABLES.items()}
    everyone = known["customers"] | known["transactions"]
    found = {
        tuple(row[f"in_{name}"] for name in known): row["customers"] for row in result.combinations.to_dict("records")
    }
    for flags in product((True, False), repeat=len(known)):
        inside = {who for who in everyone if tuple(who in ids for ids in known.values()) == flags}
        assert found.get(flags, 0) == len(inside)
    assert result.tables["customers"].tolist() == [len(ids & everyone) for ids in known.values()]
    assert result.tables[["customers_share_low", "customers_share_high"]].to_numpy()[1].tolist() == list(wilson(3, 6))


def test_in_words(shop):
    assert reach.summarise(shop).findings() == (
        "The view joins 6 customers from customers, transactions, contacts and survey.",
        "Known to all of these tables: 16.7 % (95 % interval 3.0–56.4) of them; the table that knows fewest, contacts, "
        "knows 16.7 % (95 % interval 3.0–56.4).",
        "In transactions but without a record in customers: 1 customer.",
        "In contacts only, and so not in the view: 1 customer id.",
    )


def test_without_tables_that_name_customers(study_of):
    result = reach.summarise(study_of({"survey": [{"respondent_id": "1"}]}))
    assert result.findings() == ("No table of this study names a customer by then.",)
    assert result.plot().get_title(loc="left") or result.plot().get_title()


def test_one_day_earlier_and_one_table(study_of, shop):
    earlier = reach.summarise(shop, as_of="2024-12-31")
    assert earlier.tables.set_index("table")["customers"].to_dict() == {
        "customers": 5,
        "transactions": 1,
        "contacts": 0,
        "survey": 2,
    }
    alone = reach.summarise(study_of({"customers": TABLES["customers"]}))
    assert alone.findings() == ("The view joins 5 customers from customers.",)


def test_ReachResult_keeps_the_contract(shop, study_of, keeps_result_contract):
    keeps_result_contract(reach.summarise(shop), pictures=("plot",))
    keeps_result_contract(reach.summarise(study_of({"customers": TABLES["customers"]})), pictures=("plot",))
    keeps_result_contract(reach.summarise(study_of({"survey": [{"respondent_id": "1"}]})), pictures=("plot",))
