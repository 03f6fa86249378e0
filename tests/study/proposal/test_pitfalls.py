"""What would be added up wrongly: an order's total on every line, several currencies, rows that are no sales."""

import pandas as pd
import pytest

from crm_analysis.study import Study, initialise
from crm_analysis.study.proposal import pitfalls


@pytest.fixture
def propose(tmp_path):
    """Write a log of 40 lines, two an order, with these columns, and propose its study."""

    def of(**columns):
        file = tmp_path / "orders.csv"
        days = [f"2025-{1 + place // 2 % 9:02d}-{10 + place // 2 % 18}" for place in range(40)]
        ids = [f"K{place // 2 % 7}" for place in range(40)]
        base = {"order_id": [place // 2 for place in range(40)], "customer_id": ids, "date": days}
        pd.DataFrame(base | {"amount": [f"{1 + place}.50" for place in range(40)]} | columns).to_csv(file, index=False)
        folder = tmp_path / "study"
        (folder / "study.toml").unlink(missing_ok=True)
        return initialise(folder, [file])

    return of


TOTAL = (
    "'amount' of orders.csv seems to be the total of an order of several rows, so the first row of each order is read.",
    "transactions: order_id stands in several rows of orders.csv; the first row of each is read.",
)


@pytest.mark.parametrize("second", ["{0}.5", ""], ids=["repeated", "given once"])
@pytest.mark.parametrize("rows", [30, 200_000])
def test_an_order_s_total_is_counted_once(propose, monkeypatch, second, rows):
    monkeypatch.setattr(pitfalls, "_ROWS", rows)
    totals = ["{0}.5", second]
    amounts = [totals[place % 2].format(10 + place // 2) for place in range(40)]
    found = propose(amount=amounts, colour=[f"P{place}" for place in range(40)])
    assert found.notes == TOTAL
    assert "# unsure: " + TOTAL[0] in found.file.read_text("utf-8")
    study = Study.open(found.folder)
    assert float(study.customer360()["monetary"].sum()) == sum(10.5 + order for order in range(20))
    assert study.customer360()["frequency"].sum() == 20


def test_amounts_of_lines_are_the_lines_own(propose):
    assert propose().notes == ()
    # One price for everything; copies of lines; an order a line.
    assert propose(amount=["9.5"] * 40, colour=[f"P{place}" for place in range(40)]).notes == ()
    assert propose(amount=[f"{place // 2}.5" for place in range(40)]).notes == ()
    assert propose(order_id=range(40), amount=[f"{place // 2}.5" for place in range(40)]).notes == ()


def test_several_currencies_are_told(propose):
    assert propose(currency=["EUR", "USD"] * 20).notes == (
        "'currency' of orders.csv holds several currencies (EUR, USD), and amounts are added as they are: turn them "
        "into one.",
    )
    assert propose(currency=["EUR"] * 40).notes == ()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["completed", "cancelled", "Refunded"], "Refunded, cancelled"),
        (["product", "Shipping cost", "VAT"], "Shipping cost, VAT"),
        (["已完成", "已取消"], "已取消"),
    ],
)
def test_rows_that_may_be_no_sales_are_told(propose, values, said):
    column = [values[place % len(values)] for place in range(40)]
    assert propose(state=column).notes == (
        f"'state' of orders.csv says that some rows may be no sales ({said}): leave them out by an amount that is "
        "given for sales only, a CASE without ELSE.",
    )
    assert propose(state=["taxi", "contest"] * 20).notes == ()
