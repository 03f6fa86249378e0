"""The 7P profile: customer analysis on one page (Profiling, Persistency, Profitability, ... Promotion)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd

from crm_analysis.result import Result
from crm_analysis.study.customer360 import YEAR_DAYS
from crm_analysis.study.reports import acquisition, baskets, change, groups, measures, promotion
from crm_analysis.study.reports.baskets import AssociationResult
from crm_analysis.study.reports.promotion import PromotionResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from crm_analysis.study.study import Study

SEVEN_P = (
    "Profiling",
    "Persistency",
    "Profitability",
    "Performance",
    "Prospecting",
    "Product",
    "Promotion",
)
"""The headings of customer analysis, in the order of the textbook."""

_TOLD_FIRST = ("Performance", "Profitability", "Persistency", "Prospecting", "Product", "Promotion", "Profiling")


@dataclass(frozen=True, eq=False, repr=False)
class ProfileResult(Result):
    """At least two measures for each of the seven P, and the two results that stand behind the last two.

    Attributes
    ----------
    measures : DataFrame
        One row per measure, in the order of `SEVEN_P`: p, measure, value with its 95 % interval (``_low``, ``_high``;
        none where something is counted), unit in words, source (the tables it is from, or what it needs).
    products : AssociationResult
        Categories bought together.
    campaigns : PromotionResult
        Response to campaigns.
    as_of : date or None
        The last day that counts; nothing in a study without dates.
    """

    measures: pd.DataFrame
    products: AssociationResult
    campaigns: PromotionResult
    as_of: date | None
    shown: ClassVar[dict[str, str]] = {"written": "The seven P of customer analysis"}

    @property
    def title(self) -> str:  # type: ignore[override]
        return f"7P profile, the year to {self.as_of}" if self.as_of else "7P profile"

    def to_frame(self) -> pd.DataFrame:
        return self.measures.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {
            "measures": self.measures.copy(),
            "written": self._for_a_page(),
            "products": self.products.to_frame(),
            "campaigns": self.campaigns.to_frame(),
        }

    def _for_a_page(self) -> pd.DataFrame:
        """The measures with no more digits than each unit needs."""
        rows = self.measures.to_dict("records")
        values = ["–" if pd.isna(row["value"]) else _value(row) for row in rows]
        intervals = ["" if pd.isna(row["value_low"]) else _bounds(row) for row in rows]
        kept = self.measures.drop(columns=["value", "value_low", "value_high"])
        kept.insert(2, "value", values)
        kept.insert(3, "interval", intervals)
        return kept

    def findings(self) -> tuple[str, ...]:
        known = self.measures[self.measures["value"].notna()]
        sentences = []
        for p in _TOLD_FIRST:
            rows = known[known["p"] == p]
            if len(rows):
                sentences.append(f"{p}: {'; '.join(_in_words(row) for row in rows.to_dict('records'))}.")
        silent = [p for p in SEVEN_P if p not in set(known["p"])]
        if silent:
            needs = self.measures[self.measures["p"].isin(silent)].drop_duplicates("p")
            told = "; ".join(f"{row['p']} {row['source']}" for row in needs.to_dict("records"))
            sentences.append(f"Nothing can be said yet of {len(silent)} of the seven: {told}.")
        return tuple(sentences)

    def metrics(self) -> dict[str, float]:
        rows = self.measures[self.measures["value"].notna()]
        found: dict[str, float] = {}
        for row in rows.to_dict("records"):
            # A measure that names its top group ends in a colon and the name: the name is no part of the metric.
            name = "".join(c if c.isalnum() else "_" for c in row["measure"].split(":")[0].lower())
            found.setdefault("_".join(part for part in f"{row['p'].lower()}_{name}".split("_") if part), row["value"])
        return found

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw which categories are bought together."""
        return self.products.plot(ax)

    def plot_campaigns(self, ax: Axes | None = None) -> Axes:
        """Draw what a contact adds to the response, by campaign."""
        return self.campaigns.plot(ax)


def _in_words(row: dict[str, Any]) -> str:
    # The table says what a percentage is of; in the sentence the measure's name says it.
    unit = "%" if row["unit"].startswith("%") else row["unit"].split(",")[0].replace(measures.COUNTED, "")
    text = f"{row['measure']} {_value(row)} {unit}".rstrip()
    return text if pd.isna(row["value_low"]) else f"{text} (95 % interval {_bounds(row)})"


def _value(row: dict[str, Any]) -> str:
    counted = pd.isna(row["value_low"]) and row["value"].is_integer()
    return f"{row['value']:,.0f}" if counted else _written(row["value"], row["unit"])


def _bounds(row: dict[str, Any]) -> str:
    low, high = row["value_low"], row["value_high"]
    upper = f"to {_written(high, row['unit'])}" if pd.notna(high) else "upwards without limit"
    return f"{_written(low, row['unit'])} {upper}"


def _written(value: float, unit: str) -> str:
    """As many digits as a reader needs: whole thousands, tenths of a percent, hundredths of other things below ten."""
    digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 10 or unit.startswith("%") else 2
    return f"{value:,.{digits}f}"


def seven_p(study: Study, *, as_of: str | date | None = None) -> ProfileResult:
    """Profile a firm's customers under the seven headings of customer analysis; all sums are made in the engine.

    Parameters
    ----------
    study : Study
        Any tables; what a measure needs and the study lacks is named in its row.
    as_of : str or date, optional
        The last day that counts; by default the study's last day. Most measures are of the 365 days to it.

    Returns
    -------
    ProfileResult

    Notes
    -----
    Buyers are customers with a purchase in the 365 days; cost to serve is taken as an amount a year. Shares of
    customers have Wilson's interval, means and changes that of `change.ratio`, medians that of their ranks; lift
    is described in `baskets.associate`, response in `promotion.compare`. What is merely counted has no interval.
    """
    customers = study.table("customers") if "customers" in study.tables else None
    last = change.last_day(study, as_of)
    known = change.orders_until(study, as_of)
    covered = change.span(*known) if known else None
    lines = known[0] if known and covered else None
    joined = customers is not None and "joined" in customers.columns
    by_group = groups.summarise(lines, customers, covered)[0] if lines is not None and covered else pd.DataFrame()
    channels = pd.DataFrame({"channel": []})
    if last is not None and (joined or lines is not None):
        whole = joined or (covered is not None and covered.days + covered.slack_days >= 2 * YEAR_DAYS)
        channels = acquisition.summarise(customers, lines, last, window_days=YEAR_DAYS, compared=whole)
    products = baskets.associate(study, as_of=as_of)
    campaigns = promotion.compare(study, as_of=as_of)
    tables = {name: study.table(name) for name in study.tables}
    rows = [
        *measures.profiling(customers, lines, last),
        *measures.persistency(tables, lines, covered),
        *measures.profitability(customers, lines, last, study.currency),
        *measures.performance(by_group, study.currency),
        *measures.prospecting(channels, joined, study.currency),
        *_product(products),
        *_promotion(campaigns, study.currency),
    ]
    return ProfileResult(pd.DataFrame(rows, columns=list(measures.COLUMNS)), products, campaigns, last)


def _product(products: AssociationResult) -> list[dict[str, Any]]:
    sheet = measures.Sheet("Product")
    several, judged = "orders with more than one category", products.judged()
    if not products.baskets:
        sheet.lack(several, "transactions with category")
        sheet.lack("strongest association", "transactions with category")
        return sheet.rows
    ends = tuple(100 * products.several[f"several_share{end}"] for end in ("", "_low", "_high"))
    sheet.add(several, ends, "% of the last year's orders", "transactions")
    if judged.empty:
        sheet.lack("strongest association", f"transactions with a pair of categories in {products.least} orders")
        return sheet.rows
    for name, row in (("strongest", judged.iloc[0]), ("weakest", judged.iloc[-1])):
        label = f"{name} association: {row['category']} and {row['other']}"
        lift = tuple(row[f"lift{end}"] for end in ("", "_low", "_high"))
        sheet.add(label, lift, "times as often in one order as if independent", "transactions")
    if pd.notna(products.typical_lift):
        unit = "times, no interval: the yardstick of the others"
        sheet.add("association of a typical pair", products.typical_lift, unit, "transactions")
    return sheet.rows


def _promotion(campaigns: PromotionResult, currency: str) -> list[dict[str, Any]]:
    sheet = measures.Sheet("Promotion")
    effect, cost = "additional response to a contact", "cost of an additional response"
    if campaigns.campaigns.empty:
        needed = campaigns.missing or "campaigns with both arms and a known response"
        sheet.lack(effect, needed)
        sheet.lack(cost, needed)
        return sheet.rows
    row = campaigns.campaigns.iloc[-1]
    ends = tuple(row[f"difference_points{end}"] for end in ("", "_low", "_high"))
    sheet.add(effect, ends, "percentage points over the control group", "campaigns")
    if pd.isna(row["cost_per_contact"]):
        sheet.lack(cost, "campaigns with cost")
    elif pd.isna(row["cost_per_response"]):
        sheet.lack(cost, "a response above that of the control group")
    else:
        ends = tuple(row[f"cost_per_response{end}"] for end in ("", "_low", "_high"))
        sheet.add(cost, ends, currency, "campaigns")
    return sheet.rows
