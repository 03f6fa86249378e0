"""Matrix: current value by growth potential, lead, iron, gold and jade (客户价值矩阵)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from crm_analysis import style
from crm_analysis.errors import UsageError
from crm_analysis.proportion import wilson
from crm_analysis.result import Result
from crm_analysis.segmentation import measure, quadrants, shares
from crm_analysis.segmentation.measure import Measure
from crm_analysis.segmentation.potential import BASES, PotentialResult
from crm_analysis.segmentation.potential import potential as estimate
from crm_analysis.table import amount, count, in_currency, share_of, with_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NAMES: dict[quadrants.Corner, str] = {
    (True, True): "jade",
    (True, False): "gold",
    (False, True): "iron",
    (False, False): "lead",
}
_WHO = {
    "jade": "high now, high potential",
    "gold": "high now, low potential",
    "iron": "low now, high potential",
    "lead": "low now, low potential",
}
_STRATEGY = {
    "jade": "give them the most care",
    "gold": "invest to keep them",
    "iron": "rebuild the relationship",
    "lead": "serve at the lowest cost; keep only with spare capacity",
}
# A rank correlation below this is worth a warning.
_MIRROR = -0.5
_ENDS = ["potential_low", "potential_high"]


@dataclass(frozen=True, eq=False, repr=False)
class ValueMatrixResult(Result):
    """Customers by current value and growth potential.

    Attributes
    ----------
    table : DataFrame
        One row per cell: who they are, customers, current value and potential in all, each with its share and 95 %
        interval, medians, strategy.
    cells : DataFrame
        One row per customer: customer_id, current, potential, cell and, where the potential has ends, the cell at each
        (``cell_low``, ``cell_high``).
    cuts : tuple of float
        Current value and potential above which a customer is high.
    measured : Measure
        The current values, and who is left out.
    source : str
        What the potential is, in words.
    absent : str
        Why there is no matrix; empty if there is one.
    how : str
        How the cuts were found: ``mean``, ``median`` or ``given``.
    unknown : int
        Customers without a potential, who are left out.
    label, currency : str
        What to call these customers; the currency of the amounts.
    """

    table: pd.DataFrame
    cells: pd.DataFrame
    cuts: tuple[float, ...]
    measured: Measure
    source: str
    absent: str
    how: str
    unknown: int = 0
    label: str = ""
    currency: str = ""
    shown: ClassVar[dict[str, str]] = {
        "shares": "Customers by current value and growth potential",
        "strategies": "What to do with each",
    }

    @property
    def title(self) -> str:  # type: ignore[override]
        return f"Value matrix, {self.label}" if self.label else "Value matrix"

    def captions(self) -> dict[str, str]:
        return {**self.shown, "shares": in_currency(self.shown["shares"], self.currency)}

    def to_frame(self) -> pd.DataFrame:
        return self.table.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return quadrants.frames(self.table, self.cells, advice="strategy", called="strategies")

    @property
    def unsure(self) -> int | None:
        """Customers whose cell changes when the potential moves between its ends; None if it has no ends."""
        if "cell_low" not in self.cells:
            return None
        return int((self.cells["cell_low"] != self.cells["cell_high"]).sum())

    @property
    def mirrored(self) -> float:
        """Rank correlation of current value and potential; missing where either is the same for all."""
        both = self.cells[["current", "potential"]]
        return float(both.rank().corr().iloc[0, 1]) if (both.max() > both.min()).all() else float("nan")

    def findings(self) -> tuple[str, ...]:
        if self.absent:
            return (self.absent,)
        n = len(self.cells)
        sentences = []
        filled = self.table[self.table["customers"] > 0].sort_values("current", ascending=False, kind="stable")
        for row in filled.to_dict("records"):
            holds = {"current": self.measured.words, "potential": "potential"}
            known = [what for what in holds if not math.isnan(row[f"{what}_share"])]
            parts = " and ".join(f"{share_of(row, what)} of the {holds[what]}" for what in known)
            sentences.append(
                f"{row['cell'].capitalize()} ({row['who']}): {count(row['customers'], 'customer')}, "
                f"{share_of(row, 'customers')} of all{', with ' if parts else ''}{parts}; {row['strategy']}."
            )
        sentences += shares.too_few(n)
        if self.unsure is None:
            sentences.append("The potential was given without an interval, so how sure the cells are is not known.")
        else:
            moved = with_interval(self.unsure / n, *wilson(self.unsure, n))
            sentences.append(
                f"{moved} of the customers change their cell as the potential moves within its interval; the intervals "
                "of the cells' shares do not know that."
            )
        how = "as given" if self.how == "given" else f"the {self.how}s of the customers"
        now, more = (amount(cut, self.currency) for cut in self.cuts)
        sentences.append(f"High is above {now} of {self.measured.words} and above {more} of potential ({how}).")
        sentences.append(f"Potential is {self.source}.")
        if self.mirrored < _MIRROR:
            sentences.append(
                f"Who brings much has little potential (rank correlation {self.mirrored:.2f}), so the second axis adds "
                "little to the first, and few can be jade."
            )
        return (*sentences, self.measured.counted(further=self.unknown, why="whose potential is not known"))

    def metrics(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for row in self.table.to_dict("records"):
            wanted = ("customers", "current", "potential")
            found |= {f"{row['cell']}_{what}_share": row[f"{what}_share"] for what in wanted}
        return found if self.unsure is None else found | {"unsure_share": self.unsure / len(self.cells)}

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the customers by current value and potential, the cuts, and each cell's shares."""
        if self.absent:
            return style.nothing(ax, title="Value matrix", why=self.absent)
        ax = style.axes(ax, width=7.6, height=5.8)
        wanted = {
            "customers_share": "customers",
            "current_share": "what they bring",
            "potential_share": "potential",
        }
        notes = {row["cell"]: quadrants.note(row, wanted) for row in self.table.to_dict("records")}
        first, second = (self.cells[name].to_numpy("float64") for name in ("current", "potential"))
        quadrants.draw(ax, first, second, cuts=self.cuts, names=_NAMES, notes=notes)
        ax.set_title("What they bring, and what there is to win")
        ax.set_xlabel(in_currency(self.measured.words, self.currency))
        ax.set_ylabel(in_currency("growth potential", self.currency))
        return style.describe(ax, f"Scatter plot of customers in four cells. {' '.join(self.findings()[:2])}")


def matrix(
    customers: pd.DataFrame,
    *,
    potential: PotentialResult | pd.Series | str | None = None,
    by: str = "",
    quantile: float = 0.9,
    cuts: str | Sequence[float] = "mean",
    label: str = "",
    currency: str = "",
) -> ValueMatrixResult:
    """Place customers by current value and growth potential (客户价值矩阵).

    Parameters
    ----------
    customers : DataFrame
        One row per customer, as `Study.customer360` gives them. Customers without a purchase are left out and counted.
    potential : PotentialResult, Series or str, optional
        The growth potential (currency): a result of `value.potential`, whose current values are then used; a basis
        (``peers``, ``wallet``, ``cross_selling``); a column of the customers; or a Series indexed by customer_id.
        By default ``peers``.
    by : str
        The column of the current value (currency); by default ``spend_last_year`` if it is there, else ``monetary``,
        else ``monthly_fee``.
    quantile : float
        The quantile of comparable customers that is their benchmark, where the potential is estimated here.
    cuts : {"mean", "median"} or (current value, potential)
        Where much begins: above the means over the customers, the medians, or above two given numbers.
    label, currency : str
        What to call these customers; the currency of the amounts, for labels.

    Returns
    -------
    ValueMatrixResult
        Cells *lead* (铅质客户, both low), *iron* (铁质客户, low now, large potential), *gold* (金质客户, high now,
        little growth) and *jade* (玉质客户, both high). They have nothing to do with the metals of `value.tiers`, which
        are levels of one bill.

    Raises
    ------
    UsageError
        If a parameter is not understood.

    Notes
    -----
    Headroom falls as current value grows among the same peers, so jade customers are those who bring much and yet less
    than the best of their own kind. A customer's potential is uncertain: the finding on changed cells sets every
    potential first to its lower and then to its upper end, with the cuts left where they are. The intervals of the
    shares take cells and potentials as given (see `shares.by_group`).
    """
    ready = potential if isinstance(potential, PotentialResult) else None
    if isinstance(potential, str) and potential not in BASES and potential not in customers.columns:
        raise UsageError(
            f"matrix: the customers have no column {potential!r}; give potential= a column, a Series indexed by "
            f"customer_id, or one of {', '.join(BASES)}."
        )
    if potential is None or (isinstance(potential, str) and potential not in customers.columns):
        ready = estimate(customers, basis=potential or "peers", by=by, quantile=quantile, currency=currency)
    if ready is not None:
        measured, absent = ready.measured, ready.absent
        source, values, unknown = f"the headroom against {ready.against}", ready.headroom, ready.unanswered
    else:
        defaults = ("spend_last_year", "monetary", "monthly_fee")
        measured = measure.take(customers, by=by, defaults=defaults, caller="matrix")
        values, source = _given(measured, potential)
        unknown, absent = len(measured.amounts) - len(values), measured.absent
        if not absent and values.empty:
            absent = "For no customer is the potential known, so there is no matrix."
    if absent:
        quadrants.cut_points(cuts, np.zeros(1), np.zeros(1), caller="matrix")
        table, cells = pd.DataFrame({"cell": [], "customers": []}), pd.DataFrame({"cell": []})
        points: tuple[float, ...] = (0.0, 0.0)
    else:
        table, cells, points = _place(values, cuts)
    how = cuts if isinstance(cuts, str) else "given"
    return ValueMatrixResult(table, cells, points, measured, source, absent, how, unknown, label, currency)


def _given(measured: Measure, potential: object) -> tuple[pd.DataFrame, str]:
    """Current value and potential of the customers whose potential was given."""
    rows = measured.rows
    if isinstance(potential, str):
        given, source = rows[potential], f"the column {potential}"
    elif isinstance(potential, pd.Series):
        if not potential.index.is_unique:
            raise UsageError("matrix: potential has a customer_id twice; give each customer one potential.")
        if "customer_id" not in rows:
            raise UsageError("matrix: the customers have no column 'customer_id' to find the potential by; add it.")
        given, source = rows["customer_id"].map(potential), "the numbers given"
    else:
        kind = type(potential).__name__
        raise UsageError(f"matrix: potential must be a Series, a column, a basis or a PotentialResult, not {kind}.")
    if not pd.api.types.is_numeric_dtype(given):
        raise UsageError(f"matrix: potential must be numbers, not {given.dtype}.")
    ids = {"customer_id": rows["customer_id"]} if "customer_id" in rows else {}
    numbers = given.to_numpy("float64", na_value=np.nan)
    values = pd.DataFrame({**ids, "current": measured.amounts, "potential": numbers})
    return values[np.isfinite(numbers)].reset_index(drop=True), source


def _place(values: pd.DataFrame, cuts: str | Sequence[float]) -> tuple[pd.DataFrame, pd.DataFrame, tuple[float, ...]]:
    current, potential = (values[name].to_numpy("float64") for name in ("current", "potential"))
    points = quadrants.cut_points(cuts, current, potential, caller="matrix")
    cells = values[[name for name in ("customer_id", "current", "potential") if name in values]].copy()
    cells["cell"] = quadrants.place(current, potential, points, _NAMES)
    if set(_ENDS) <= set(values):
        for end in _ENDS:
            cells[end.replace("potential", "cell")] = quadrants.place(current, values[end].to_numpy(), points, _NAMES)
    both = {"current": current, "potential": potential}
    table = shares.by_group(cells["cell"], names=list(_NAMES.values()), column="cell", sums=both, medians=both)
    table.insert(1, "who", table["cell"].map(_WHO))
    table["strategy"] = table["cell"].map(_STRATEGY)
    return table, cells, points
