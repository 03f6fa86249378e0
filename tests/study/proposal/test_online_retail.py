"""The preset online-retail, counted exactly on a file with the same dirt as the public one.

The public file (Chen, Sain and Guo 2012, Journal of Database Marketing and Customer Strategy Management 19; UCI Machine
Learning Repository, "Online Retail") has 541,909 lines and 4,372 customers with an id, of whom 4,338 have a line with a
positive price and quantity; 34.4 % of these bought once, and the top fifth hold 74.6 % of positive spend. It is no part
of this project, so a generator plants its dirt here and counts it while it does.
"""

import collections
import csv
import datetime as dt
import random
from dataclasses import dataclass, field

import pandas as pd
import pytest

from crm_analysis.errors import UsageError
from crm_analysis.study import Study, initialise

HEADER = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country")
SECOND = ("Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country")
CODES = {
    "POST": "postage",
    "DOT": "postage",
    "C2": "postage",
    "D": "discount",
    "gift_0001_20": "gift shop and vouchers",
    "DCGSSBOY": "gift shop and vouchers",
    "BANK CHARGES": "fees",
    "AMAZONFEE": "fees",
    "CRUK": "fees",
    "M": "adjustments and samples",
    "m": "adjustments and samples",
    "S": "adjustments and samples",
    "B": "adjustments and samples",
    "PADS": "adjustments and samples",
}


@dataclass
class Wholesaler:
    """Lines of the log, and what is known of them: (invoice, code, text, quantity, time, price in pence, customer)."""

    lines: list = field(default_factory=list)
    copies: int = 0

    def sell(self, invoice, code, quantity, time, pence, customer):
        # A number in the text makes every line one of its kind, so that copies are exactly those that are planted.
        text = f"LAMP {len(self.lines)}" if len(self.lines) % 7 else f'TIN £{len(self.lines)}, "LARGE"'
        self.lines.append((invoice, code, text, quantity, time, pence, customer))

    @property
    def distinct(self):
        return list(dict.fromkeys(self.lines))

    @property
    def used(self):
        """Lines of the known customers with a price: sales and returns."""
        return [line for line in self.distinct if line[6] and line[5] > 0]

    @property
    def customers(self):
        return {line[6] for line in self.lines if line[6]}


def wholesale(orders):
    draw = random.Random(2012)
    shop = Wholesaler()
    products = [f"{draw.randint(10000, 99999)}{draw.choice(['', '', 'A', 'BL'])}" for _ in range(300)]
    begin = dt.datetime(2010, 12, 1, 8, 26)
    for number in range(orders):
        time = begin + dt.timedelta(minutes=516_000 // orders * number)
        customer = "" if draw.random() < 0.25 else str(12346 + int(400 * draw.random() ** 2))
        for _ in range(draw.randint(5, 21)):
            shop.sell(
                f"{536365 + number}", draw.choice(products), draw.randint(1, 24), time, draw.randint(19, 1500), customer
            )
        if number % 4 == 0:
            shop.sell(f"{536365 + number}", draw.choice(list(CODES)), 1, time, draw.randint(100, 5000), customer)
        if number % 6 == 0:
            shop.sell(f"C{536365 + number}", draw.choice(products), -draw.randint(1, 5), time, 295, customer)
        if number % 10 == 0:
            shop.sell(f"{536365 + number}", draw.choice(products), draw.randint(-9, 9) or 1, time, 0, customer)
    for number, customer in enumerate(("18001", "18002", "18003")):
        shop.sell(f"C58000{number}", "22423", -1, begin + dt.timedelta(days=200), 1275, customer)
    for _ in range(3):
        shop.sell("580100", "22423", 1, begin + dt.timedelta(days=210), 0, "18004")
    for number in range(2):
        shop.sell(f"A56318{number}", "B", 1, begin + dt.timedelta(days=250), -1106206, "")
    for line in draw.sample(shop.lines, len(shop.lines) // 100):
        shop.lines.append(line)
        shop.copies += 1
    draw.shuffle(shop.lines)
    return shop


def month_first(time):
    return f"{time.month}/{time.day}/{time.year} {time.hour}:{time.minute:02d}"


def write_csv(shop, path, *, header=HEADER, time=month_first, customer=str, encoding="latin-1"):
    with path.open("w", encoding=encoding, newline="") as text:
        table = csv.writer(text)
        table.writerow(header)
        for invoice, code, description, quantity, when, pence, who in shop.lines:
            row = (invoice, code, description, quantity, time(when), f"{pence / 100:.2f}", who and customer(who))
            table.writerow((*row, "United Kingdom" if not who or int(who) % 9 else "France"))
    return path


def write_workbook(shop, path, *, sheets):
    rows = [
        (invoice, int(code) if code.isdigit() else code, text, quantity, when, pence / 100, float(who) if who else None)
        for invoice, code, text, quantity, when, pence, who in shop.lines
    ]
    table = pd.DataFrame(rows, columns=HEADER[:-1])
    table["Country"] = ["United Kingdom" if not line[6] or int(line[6]) % 9 else "France" for line in shop.lines]
    half = len(table) // 2
    with pd.ExcelWriter(path, engine="openpyxl") as book:
        if sheets == 1:
            table.to_excel(book, sheet_name="Online Retail", index=False)
        else:
            table.columns = SECOND
            table[:half].to_excel(book, sheet_name="Year 2009-2010", index=False)
            table[half:].to_excel(book, sheet_name="Year 2010-2011", index=False)
    return path


EDITIONS = {
    "csv of Kaggle": lambda shop, folder: write_csv(shop, folder / "data.csv"),
    "csv with ISO dates and ids as 17850.0": lambda shop, folder: write_csv(
        shop, folder / "retail.csv", time=str, customer=lambda who: f"{who}.0", encoding="utf-8-sig"
    ),
    "csv of Online Retail II": lambda shop, folder: write_csv(
        shop,
        folder / "online_retail_II.csv",
        header=SECOND,
        time=str,
        customer=lambda who: f"{who}.0",
        encoding="utf-8",
    ),
    "workbook": lambda shop, folder: write_workbook(shop, folder / "Online Retail.xlsx", sheets=1),
    "workbook of two sheets": lambda shop, folder: write_workbook(shop, folder / "online_retail_II.xlsx", sheets=2),
}


@pytest.fixture(scope="module", params=EDITIONS, ids=list(EDITIONS))
def edition(request):
    return request.param


@pytest.fixture(scope="module")
def wholesaler(edition):
    # Workbooks take long to write.
    return wholesale(300 if "workbook" in edition else 1500)


@pytest.fixture(scope="module")
def study(edition, wholesaler, tmp_path_factory):
    folder = tmp_path_factory.mktemp("retail")
    file = EDITIONS[edition](wholesaler, folder)
    written = initialise(folder / "study", [file], preset="online-retail")
    assert (written.notes, written.complete) == ((), True)
    return Study.open(written.folder)


def test_the_generator_has_the_dirt_of_the_public_file():
    wholesaler = wholesale(1500)
    lines = wholesaler.lines
    assert 15_000 < len(lines) < 25_000
    assert 0.2 < sum(not line[6] for line in lines) / len(lines) < 0.3
    assert wholesaler.copies == len(lines) - len(wholesaler.distinct) == len(lines) // 101
    assert {line[1] for line in lines} >= set(CODES)
    assert sum(line[5] == 0 for line in lines) > 100
    assert sum(line[5] < 0 for line in lines) >= 2


def test_every_line_is_used_or_accounted_for(study, wholesaler):
    transactions = study.frame("transactions")
    assert len(transactions) == len(wholesaler.used)
    read = {entry["table"]: entry for entry in study.inputs()}["transactions"]
    assert read["rows"] == len(wholesaler.lines)
    quarantine = pd.read_csv(study.folder / "quarantine" / "transactions.csv", dtype=str)
    out = quarantine[quarantine["action"] != "value set aside"]
    assert out["row"].nunique() == len(wholesaler.lines) - len(wholesaler.used)
    reasons = collections.Counter(out["rule"])
    without = [line for line in wholesaler.distinct if not line[6]]
    assert reasons["customer_id must be given"] == len(without)
    assert reasons["amount must be a number"] == sum(line[5] <= 0 for line in wholesaler.distinct)
    copied = {rule: rows for rule, rows in reasons.items() if not rule.startswith(("customer_id", "amount"))}
    assert sum(copied.values()) == wholesaler.copies
    assert set(out["rule"]) == {"customer_id must be given", "amount must be a number", *copied}


def test_amounts_are_those_of_the_lines_and_cancelled_invoices_are_returns(study, wholesaler):
    transactions = study.frame("transactions")
    assert round(100 * float(transactions["amount"].sum())) == sum(line[3] * line[5] for line in wholesaler.used)
    returned = transactions[transactions["amount"] < 0]
    assert len(returned) == sum(line[0].startswith("C") for line in wholesaler.used)
    assert returned["order_id"].str.startswith("C").all()
    assert sorted(transactions["time"].dt.to_pydatetime()) == sorted(line[4] for line in wholesaler.used)


def test_postage_and_adjustments_stand_apart_from_products(study, wholesaler):
    counted = study.frame("transactions")["category"].value_counts().to_dict()
    assert counted == dict(collections.Counter(CODES.get(line[1], "product") for line in wholesaler.used))


def test_the_customers_are_all_with_an_id(study, wholesaler):
    customers = study.frame("customers")
    assert set(customers["customer_id"]) == wholesaler.customers
    assert len(customers) == len(wholesaler.customers)
    assert all(
        (int(who) % 9 > 0) == (region == "United Kingdom")
        for who, region in zip(*(customers[c] for c in ("customer_id", "region")), strict=True)
    )


def test_buyers_one_time_buyers_and_the_top_fifth(study, wholesaler):
    view = study.customer360(columns=["frequency", "gross_spend"])
    bought = collections.defaultdict(set)
    spent = collections.Counter()
    for invoice, _, _, quantity, _, pence, who in wholesaler.used:
        if quantity > 0:
            bought[who].add(invoice)
            spent[who] += quantity * pence
    assert len(view) == len(wholesaler.customers)
    buyers = view[view["frequency"] > 0].set_index("customer_id")
    assert buyers["frequency"].to_dict() == {who: len(invoices) for who, invoices in bought.items()}
    assert set(view["customer_id"]) - set(buyers.index) == {"18001", "18002", "18003", "18004"}
    assert buyers["gross_spend"].to_dict() == pytest.approx(
        {who: pence / 100 for who, pence in spent.items()}, abs=1e-6
    )


def test_another_file_is_refused(tmp_path):
    file = tmp_path / "orders.csv"
    file.write_text("id,day\n1,2025-01-01\n")
    with pytest.raises(UsageError) as error:
        initialise(tmp_path / "retail", [file], preset="online-retail")
    assert str(error.value) == (
        "the preset online-retail needs a column 'CustomerID' or 'Customer ID', which is not in orders.csv (columns "
        "there: id, day); give the raw file, or leave out --preset."
    )
    assert not (tmp_path / "retail").exists()


def test_without_the_preset_most_is_found(tmp_path):
    wholesaler = wholesale(300)
    file = write_csv(wholesaler, tmp_path / "Online Retail.csv")
    study = Study.open(initialise(tmp_path / "study", [file]).folder)
    transactions = study.frame("transactions")
    assert list(transactions.columns) == ["customer_id", "time", "amount", "order_id", "quantity"]
    assert len(transactions) == sum(bool(line[6]) for line in wholesaler.distinct)
