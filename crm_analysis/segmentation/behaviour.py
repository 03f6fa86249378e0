"""Behaviour: how often customers buy and for how much at a time (customer value matrix, Marcus 1998)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from crm_analysis import style
from crm_analysis.result import Result
from crm_analysis.segmentation import measure, quadrants, shares
from crm_analysis.segmentation.measure import Measure
from crm_analysis.table import amount, count, in_currency, share_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NAMES: dict[quadrants.Corner, str] = {
    (True, True): "best",
    (False, True): "spender",
    (True, False): "frequent",
    (False, False): "uncertain",
}
_WHO = {
    "best": "many purchases, large amounts",
    "spender": "few purchases, large amounts",
    "frequent": "many purchases, small amounts",
    "uncertain": "few purchases, small amounts",
}
_ADVICE = {
    "best": "keep them: thank them, reward them, notice at once when they stay away",
    "spender": "give them reasons to come more often",
    "frequent": "offer more at each visit: bundles, related goods, a gift above an amount",
    "uncertain": "win the new among them for a second purchase; spend little on the others",
}


@dataclass(frozen=True, eq=False, repr=False)
class BehaviourMatrixResult(Result):
    """Customers by number of purchases and mean amount per purchase.

    Attributes
    ----------
    table : DataFrame
        One row per cell: who they are, customers and spend (purchases) with their shares and 95 % intervals, medians of
        purchases and amount, advice.
    cells : DataFrame
        One row per customer: customer_id, purchases, ``mean_amount``, cell.
    cuts : tuple of float
        Purchases and amount above which a customer is high.
    measured : Measure
        The amounts per purchase, and who is left out.
    how : str
        How the cuts were found: ``mean``, ``median`` or ``given``.
    label, currency : str
        What to call these customers; the currency of the amounts.
    """

    table: pd.DataFrame
    cells: pd.DataFrame
    cuts: tuple[float, ...]
    measured: Measure
    how: str
    label: str = ""
    currency: str = ""
    shown: ClassVar[dict[str, str]] = {
        "shares": "Customers by number and size of their purchases",
        "advice": "What to do with each",
    }

    @property
    def title(self) -> str:  # type: ignore[override]
        return f"Customer behaviour matrix, {self.label}" if self.label else "Customer behaviour matrix"

    def captions(self) -> dict[str, str]:
        return {**self.shown, "shares": in_currency(self.shown["shares"], self.currency)}

    def to_frame(self) -> pd.DataFrame:
        return self.table.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return quadrants.frames(self.table, self.cells, advice="advice", called="advice")

    def findings(self) -> tuple[str, ...]:
        if self.measured.absent:
            return (self.measured.absent,)
        sentences = []
        filled = self.table[self.table["customers"] > 0].sort_values("spend", ascending=False, kind="stable")
        for row in filled.to_dict("records"):
            sentences.append(
                f"{row['cell'].capitalize()} ({row['who']}): {count(row['customers'], 'customer')}, "
                f"{share_of(row, 'customers')} of all, "
                f"{'spend' if row['customers'] > 1 else 'spends'} {share_of(row, 'spend')} of the total."
            )
        purchases = f"{round(self.cuts[0], 2):,g} purchases"
        each = f"{amount(self.cuts[1], self.currency)} per purchase"
        how = "as given" if self.how == "given" else f"the {self.how}s of the customers"
        sentences += shares.too_few(len(self.cells))
        return (*sentences, f"High is above {purchases} and above {each} ({how}).", self.measured.counted())

    def metrics(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for row in self.table.to_dict("records"):
            found |= {f"{row['cell']}_{what}_share": row[f"{what}_share"] for what in ("customers", "spend")}
        return found

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the customers by purchases and mean amount, the cuts, and each cell's shares."""
        if self.measured.absent:
            return style.nothing(ax, title="Customer behaviour matrix", why=self.measured.absent)
        ax = style.axes(ax, width=7.6, height=5.6)
        wanted = {"customers_share": "customers", "spend_share": "spend"}
        notes = {row["cell"]: quadrants.note(row, wanted) for row in self.table.to_dict("records")}
        first, second = (self.cells[name].to_numpy("float64") for name in ("purchases", "mean_amount"))
        quadrants.draw(ax, first, second, cuts=self.cuts, names=_NAMES, notes=notes)
        ax.set_title("How often they buy, and for how much at a time")
        ax.set_xlabel("purchases")
        ax.set_ylabel(in_currency("mean amount per purchase", self.currency))
        return style.describe(ax, f"Scatter plot of customers in four cells. {' '.join(self.findings()[:2])}")


def behaviour_matrix(
    customers: pd.DataFrame, *, cuts: str | Sequence[float] = "mean", label: str = "", currency: str = ""
) -> BehaviourMatrixResult:
    """Place customers by number of purchases and mean amount per purchase (客户行为矩阵).

    Parameters
    ----------
    customers : DataFrame
        One row per customer with ``frequency`` (purchases) and ``mean_order_value`` (currency), as `Study.customer360`
        gives them; without the latter ``gross_spend`` or ``monetary`` by ``frequency`` is taken. Customers without a
        purchase are left out and counted.
    cuts : {"mean", "median"} or (purchases, amount)
        Where high begins: above the means over the customers (Marcus), the medians, or above two given numbers.
    label, currency : str
        What to call these customers; the currency of the amounts, for labels.

    Returns
    -------
    BehaviourMatrixResult
        Cells *best* (many purchases, large amounts), *spender* (few, large), *frequent* (many, small) and *uncertain*
        (few, small).

    Raises
    ------
    UsageError
        If `cuts` is not understood.

    Notes
    -----
    The intervals take the cuts as given: Wilson's for shares of the customers, see `proportion.share_of_total` for
    shares of spend. With skewed data more than half of the customers lie below the means. Spend is number times mean
    amount, so purchases before returns. The advice is a rule of the trade, not a finding of this study.

    References
    ----------
    Marcus, C. (1998). A practical yet meaningful approach to customer segmentation. Journal of Consumer Marketing 15,
    494-504.
    """
    named = customers
    if "frequency" not in customers.columns:
        named = customers.drop(columns="mean_order_value", errors="ignore")
    elif "mean_order_value" not in customers.columns:
        total = next((name for name in ("gross_spend", "monetary") if name in customers.columns), "")
        if total:
            orders = customers["frequency"].where(customers["frequency"] > 0)
            each = (customers[total] / orders).rename("mean_order_value")
            named = pd.concat([customers, each], axis=1)
    cure = "a view of a study with transactions has it and frequency"
    measured = measure.take(named, by="", defaults=("mean_order_value",), caller="behaviour_matrix", cure=cure)
    points: tuple[float, ...] = (0.0, 0.0)
    table, cells = pd.DataFrame({"cell": [], "customers": []}), pd.DataFrame({"customer_id": [], "cell": []})
    if measured.absent:
        quadrants.cut_points(cuts, np.zeros(1), np.zeros(1), caller="behaviour_matrix")
    else:
        purchases, amounts = measured.rows["frequency"].to_numpy("float64"), measured.amounts
        points = quadrants.cut_points(cuts, purchases, amounts, caller="behaviour_matrix")
        where = quadrants.place(purchases, amounts, points, _NAMES)
        table = shares.by_group(
            where,
            names=list(_NAMES.values()),
            column="cell",
            sums={"spend": purchases * amounts},
            medians={"purchases": purchases, "amount": amounts},
        )
        table.insert(1, "who", table["cell"].map(_WHO))
        table["advice"] = table["cell"].map(_ADVICE)
        ids = {"customer_id": measured.rows["customer_id"]} if "customer_id" in measured.rows else {}
        cells = pd.DataFrame({**ids, "purchases": purchases, "mean_amount": amounts, "cell": where})
    how = cuts if isinstance(cuts, str) else "given"
    return BehaviourMatrixResult(table, cells, points, measured, how, label, currency)
