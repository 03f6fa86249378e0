"""Profiles: what groups of customers do, and which attributes tell them apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd

from crm_analysis import style
from crm_analysis.errors import UsageError
from crm_analysis.result import Result
from crm_analysis.segmentation import shares
from crm_analysis.segmentation.attributes import NOT_KNOWN
from crm_analysis.table import count, in_currency, interval, number, percent, share_of, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = {"spend": "mean_spend", "one-time": "one_time_share"}
"""The column of the profile that holds a measure; an outcome is in ``outcome_share``."""


@dataclass(frozen=True, eq=False, repr=False)
class ProfileResult(Result):
    """Groups of customers by attribute, what they do, and how closely each attribute goes with it.

    Attributes
    ----------
    profile : DataFrame
        One row per attribute and group: customers and their share; and, where the study can tell, mean_spend,
        one_time_share (of those who bought) and outcome_share, each with its 95 % interval.
    strength : DataFrame
        One row per measure and attribute, the closest relation first: statistic, strength with its interval, p_value,
        p_holm (adjusted for all the tests of the table), related (p_holm below .05).
    left_out : DataFrame
        Columns that were not taken for attributes, and why.
    outcome : str
        The column whose rate is shown; empty: none.
    customers : int
        Customers in the table.
    currency : str
        The currency of spend.
    """

    profile: pd.DataFrame
    strength: pd.DataFrame
    left_out: pd.DataFrame
    outcome: str
    customers: int
    currency: str = ""
    title = "Who the customers are"
    shown: ClassVar[dict[str, str]] = {
        "strength": "How closely each attribute goes with what customers do",
        "profile": "Groups by attribute",
        "left_out": "Columns that make no groups",
    }

    def captions(self) -> dict[str, str]:
        amounts = f"amounts in {self.currency}" if self.currency else ""
        return {**self.shown, "profile": in_currency(self.shown["profile"], amounts)}

    def to_frame(self) -> pd.DataFrame:
        return self.profile.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        named = {"profile": self.profile, "strength": self.strength, "left_out": self.left_out}
        return {name: frame.copy() for name, frame in named.items()}

    def findings(self) -> tuple[str, ...]:
        if self.profile.empty:
            return ("There are no attributes in this study, so customers cannot be profiled.",)
        measures = list(dict.fromkeys(self.strength["measure"]))
        sentences = [sentence for measure in measures for sentence in self._about(measure)]
        if not sentences:
            sentences = [self._largest()]
        if len(self.strength):
            sentences.append(
                f"{count(len(self.strength), 'relation')} were tested; the p-values are adjusted for that (Holm)."
                if len(self.strength) > 1
                else "One relation was tested."
            )
        return tuple(sentences)

    def _about(self, measure: str) -> list[str]:
        tested = self.strength[self.strength["measure"] == measure]
        related = tested[tested["related"]]
        what = {"spend": "spend", "one-time": "buying only once"}.get(measure, measure)
        if related.empty:
            known = int(tested["p_value"].notna().sum())
            return [f"Not one of {count(known, 'attribute')} goes with {what} beyond chance."] if known else []
        top, verb = related.iloc[0], "goes" if len(related) == 1 else "go"
        if measure == "spend":
            first = (
                f"Of {count(len(tested), 'attribute')} {len(related)} {verb} with spend beyond chance; "
                f"{top['attribute']} most, which explains {percent(top['strength'])} "
                f"({interval(top['strength_low'], top['strength_high'])}) of the differences."
            )
        else:
            first = (
                f"Of {count(len(tested), 'attribute')} {len(related)} {verb} with {what} beyond chance; "
                f"{top['attribute']} most (Cramér's V {top['strength']:.2f}, 95 % interval {top['strength_low']:.2f}–"
                f"{top['strength_high']:.2f})."
            )
        return [first, *self._ends(measure, top["attribute"])]

    def _ends(self, measure: str, attribute: str) -> list[str]:
        """The groups at both ends of an attribute."""
        column = COLUMNS.get(measure, "outcome_share")
        groups = self.profile[(self.profile["attribute"] == attribute) & (self.profile["group"] != NOT_KNOWN)]
        groups = groups[groups[f"{column}_low"].notna()].sort_values(column)
        if len(groups) < 2:
            return []
        name = {"spend": "Mean spend per customer", "one-time": "The share of one-time buyers"}.get(
            measure, f"The rate of {measure}"
        )
        ends = [_value(groups.iloc[place], column, self.currency) for place in (-1, 0)]
        high, low = groups["group"].iloc[-1], groups["group"].iloc[0]
        return [f"{name} by {attribute} is highest in {high}, {ends[0]}, and lowest in {low}, {ends[1]}."]

    def _largest(self) -> str:
        row = self.profile.sort_values("customers", ascending=False, kind="stable").iloc[0]
        return f"The largest group is {row['group']} ({row['attribute']}), with {share_of(row, 'customers')}."

    def metrics(self) -> dict[str, float]:
        found: dict[str, float] = {"customers": self.customers}
        for row in self.strength.to_dict("records"):
            found[_name(f"{row['measure']}_{row['attribute']}_strength")] = row["strength"]
        return found

    def plot(self, ax: Axes | None = None, *, measure: str = "") -> Axes:
        """Draw how closely each attribute goes with a measure: spend, one-time or the outcome (the default, if any)."""
        measure = measure or self._first()
        chosen = self.strength[(self.strength["measure"] == measure) & self.strength["strength"].notna()]
        ax, title = (
            style.axes(ax, height=1.6 + 0.34 * max(4, min(len(chosen), 20))),
            "Which attributes tell customers apart",
        )
        if chosen.empty:
            return style.nothing(ax, title=title, why="No attribute could be set against what customers do.")
        drawn = chosen.head(20).iloc[::-1]
        colors = [style.PALETTE[0] if related else style.MUTED for related in drawn["related"]]
        shares.whiskers(ax, drawn, "strength", [short(name) for name in drawn["attribute"]], colors)
        statistic = chosen["statistic"].iloc[0]
        ax.set_xlim(left=0)
        ax.set_title(f"{title}: {measure}")
        scale = {"epsilon squared": "part of the differences that is explained (epsilon squared)"}
        ax.set_xlabel(f"{scale.get(statistic, statistic)}, with 95 % interval\n(grey: no more than chance)")
        parts = [f"{row['attribute']} {row['strength']:.3f}" for row in chosen.head(20).to_dict("records")]
        return style.describe(ax, f"Strength of the relation with {measure} ({statistic}): {', '.join(parts)}.")

    def plot_groups(self, ax: Axes | None = None, *, attribute: str = "", measure: str = "") -> Axes:
        """Draw the groups of one attribute (by default the closest related) with their 95 % intervals."""
        measure, title = measure or self._first(), "What the groups do"
        column = COLUMNS.get(measure, "outcome_share" if measure else "customers_share")
        ranked = self.strength.loc[self.strength["measure"] == measure, "attribute"].tolist()
        ranked = [*ranked, *self.profile["attribute"].unique()]
        attribute = attribute or (ranked[0] if ranked else "")
        if self.profile.empty:
            return style.nothing(style.axes(ax), title=title, why=self.findings()[0])
        if attribute not in set(self.profile["attribute"]) or column not in self.profile.columns:
            raise UsageError(f"demographics: there is no {measure} by {attribute} in this profile.")
        groups = self.profile[self.profile["attribute"] == attribute].iloc[::-1]
        ax = style.axes(ax, height=1.6 + 0.34 * max(4, len(groups)))
        drawn = groups if column == "mean_spend" else _in_percent(groups, column)
        names = [f"{short(row['group'])} ({row['customers']:,})" for row in groups.to_dict("records")]
        shares.whiskers(ax, drawn, column, names, [style.PALETTE[0]] * len(groups))
        labels = {"mean_spend": in_currency("mean spend", self.currency), "one_time_share": "one-time buyers, percent"}
        default = f"{self.outcome}, percent" if column == "outcome_share" else "share of customers, percent"
        label = labels.get(column, default)
        ax.xaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
        ax.set_title(f"{title}, by {short(attribute)}")
        ax.set_xlabel(f"{label}, with 95 % interval\n(in brackets: customers)")
        parts = [f"{row['group']} {_value(row, column, self.currency)}" for row in groups.iloc[::-1].to_dict("records")]
        return style.describe(ax, f"{label.capitalize()} by {attribute}: {'; '.join(parts)}.")

    def _first(self) -> str:
        known = self.strength.loc[self.strength["strength"].notna(), "measure"]
        return known.iloc[0] if len(known) else ""


def _in_percent(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    wanted = [column, f"{column}_low", f"{column}_high"]
    return rows.assign(**{name: 100 * rows[name] for name in wanted})


def _value(row: Any, column: str, currency: str) -> str:
    low, high = row[f"{column}_low"], row[f"{column}_high"]
    if column != "mean_spend":
        return f"{percent(row[column])} ({interval(low, high)})" if pd.notna(low) else percent(row[column])
    amount = f"{number(row[column])} {currency}".strip()
    return f"{amount} (95 % interval {number(low)}–{number(high)})" if pd.notna(low) else amount


def _name(text: str) -> str:
    return "_".join("".join(c if c.isalnum() else " " for c in text.lower()).split())
