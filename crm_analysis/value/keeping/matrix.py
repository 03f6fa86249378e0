"""The matrix of customer value and relationship value: to whom the relation pays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pandas as pd
from matplotlib.axes import Axes

from crm_analysis import style
from crm_analysis.proportion import share
from crm_analysis.result import Result, metric_key
from crm_analysis.table import count, percent, share_of

CELLS = {
    (True, True): ("win-win", "keep it so"),
    (False, True): ("firm gains", "give these customers more, before a rival does"),
    (True, False): ("customer gains", "sell more to them, or serve them at lower cost"),
    (False, False): ("neither", "rebuild the relation or let it go"),
}
"""Customer value high, relationship value high -> who gains, and what to do."""

NOBODY = "No customer has both a customer value and a relationship value in this study."


@dataclass(frozen=True, eq=False, repr=False)
class RelationshipMatrixResult(Result):
    """Customers by the value they get and the value their relation has for the firm.

    Attributes
    ----------
    cells : DataFrame
        One row per cell of `CELLS`: cell, customers, customers_share with Wilson's 95 % interval, means of both values,
        action.
    customers : DataFrame
        One row per customer with both values: customer_id, customer_value, relationship_value, cell.
    cuts : tuple of float
        Where customer value and relationship value are cut.
    """

    cells: pd.DataFrame
    customers: pd.DataFrame
    cuts: tuple[float, float]
    title = "Customer value and relationship value"
    shown: ClassVar[dict[str, str]] = {"cells": "To whom the relation pays"}

    def to_frame(self) -> pd.DataFrame:
        return self.cells.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"cells": self.cells.copy(), "customers": self.customers.copy()}

    def findings(self) -> tuple[str, ...]:
        if self.customers.empty:
            return (NOBODY,)
        rows = self.cells.set_index("cell")
        said = [
            f"{share_of(rows.loc['win-win'], 'customers')} of {count(len(self.customers), 'customer')} are in "
            "relations that pay for both sides.",
            f"In {share_of(rows.loc['firm gains'], 'customers')} the firm gains and the customer gets little: these "
            "are valuable and in danger.",
            f"In {share_of(rows.loc['customer gains'], 'customers')} the customer gains more than the firm, in "
            f"{share_of(rows.loc['neither'], 'customers')} neither does.",
        ]
        return tuple(said)

    def metrics(self) -> dict[str, float]:
        shares = zip(self.cells["cell"], self.cells["customers_share"], strict=True)
        return {f"{metric_key(cell)}_share": float(part) for cell, part in shares}

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the four cells with their share of the customers."""
        if self.customers.empty:
            return style.nothing(ax, title=self.title, why=NOBODY)
        ax = style.axes(ax, width=6.6, height=4.6)
        colors = (style.PALETTE[2], style.PALETTE[1], style.PALETTE[5], style.MUTED)
        for ((customer, firm), (cell, _)), color in zip(CELLS.items(), colors, strict=True):
            row = self.cells.set_index("cell").loc[cell]
            ax.fill_between([int(customer), int(customer) + 1], int(firm), int(firm) + 1, color=color, alpha=0.18)
            text = f"{cell}\n{percent(row['customers_share'])}"
            ax.text(int(customer) + 0.5, int(firm) + 0.5, text, ha="center", va="center", fontsize=12, color=style.INK)
        ax.set_xticks([0.5, 1.5], [f"up to {self.cuts[0]:.3g}", "above"])
        ax.set_yticks([0.5, 1.5], [f"up to {self.cuts[1]:.3g}", "above"])
        ax.tick_params(length=0)
        ax.set(xlim=(0, 2), ylim=(0, 2), xlabel="value for the customer", ylabel="value for the firm")
        ax.set_title("To whom the relation pays")
        return style.describe(ax, f"Matrix of customer value and relationship value. {self.findings()[0]}")


def matrix(
    customer_value: pd.Series,
    relationship_value: pd.Series,
    *,
    customer_cut: float | None = None,
    relationship_cut: float | None = None,
) -> RelationshipMatrixResult:
    """Set what customers get beside what their relations are worth to the firm.

    Parameters
    ----------
    customer_value, relationship_value : Series
        By customer_id (the index): such as ``advantage`` of `delivered.scores`, and ``relationship_value`` of `score`
        or the ``value`` of `clv.value`. Customers without one of them are left out; of several rows of a customer the
        last counts.
    customer_cut, relationship_cut : float, optional
        Above which a value is high; by default the median, so that half is. For an advantage over competitors 0 is the
        natural one.

    Returns
    -------
    RelationshipMatrixResult
        Where no customer has both, one that says so.

    Notes
    -----
    Shares are of customers with both values, who answered the survey; they need not be like the others.
    """
    named = {"customer_value": customer_value, "relationship_value": relationship_value}
    single = {
        name: values[values.index.notna() & ~values.index.duplicated(keep="last")].astype("float64")
        for name, values in named.items()
    }
    both = pd.concat(single, axis=1, join="inner").dropna().rename_axis("customer_id").reset_index()
    cuts = (
        float(both["customer_value"].median()) if customer_cut is None else float(customer_cut),
        float(both["relationship_value"].median()) if relationship_cut is None else float(relationship_cut),
    )
    high = zip(both["customer_value"] > cuts[0], both["relationship_value"] > cuts[1], strict=True)
    both["cell"] = [CELLS[bool(customer), bool(firm)][0] for customer, firm in high]
    rows = []
    for cell, action in CELLS.values():
        part = both[both["cell"] == cell]
        ends = dict(zip(("", "_low", "_high"), share(len(part), len(both)), strict=True))
        row = {"cell": cell, "customers": len(part)} | {f"customers_share{end}": value for end, value in ends.items()}
        means = {name: float(part[name].mean()) if len(part) else float("nan") for name in named}
        rows.append(row | means | {"action": action})
    return RelationshipMatrixResult(pd.DataFrame(rows), both, cuts)
