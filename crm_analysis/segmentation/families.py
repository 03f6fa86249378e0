"""Families of segmentation side by side: how well each tells what customers do next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import pandas as pd

from crm_analysis import style
from crm_analysis.errors import UsageError
from crm_analysis.proportion import wilson
from crm_analysis.result import Result
from crm_analysis.segmentation import shares
from crm_analysis.segmentation.separation import MEASURES
from crm_analysis.table import count, interval, listed, percent, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TEXTBOOK = "demographics"
"""The family that the textbook says predicts worst."""

CHANCE = "shuffled labels"
"""The name of the control: the labels of the family with most groups, dealt out to customers by lot."""

_WORDS = {"spend_r2": "next-period spend", "best_spend_share": "the spend of the best", "retained_auc": "retention"}

_TITLES = {
    "spend_r2": "Which family tells next-period spend best?",
    "best_spend_share": "Which family finds the best customers?",
    "retained_auc": "Which family tells best who buys again?",
}


@dataclass(frozen=True, eq=False, repr=False)
class ComparisonResult(Result):
    """How well each family separates next-period spend and retention.

    Attributes
    ----------
    families : DataFrame
        One row per family, the control last: groups, unlabelled_customers, and with 95 % intervals spend_r2
        (out-of-fold), best_spend_share (share of next-period spend in the best part as ranked by the family) and
        retained_auc.
    differences : DataFrame
        Family less the reference, by measure, with intervals that hold together at 95 % within a measure.
    customers, retained : int
        Customers compared, and those of them who bought again.
    left_out : int
        Customers of the earlier view who had not bought by then or are not in the later view.
    reference : str
        The family that the others are compared with; empty where it was not given.
    top : float
        The part of the customers that counts as the best.
    label : str
        What to call the comparison, such as its two days.
    without : tuple of str
        Families that label nobody, such as segments of customers who cannot be cut; they are not compared.
    why : str
        Why nothing can be compared, where that is so.
    """

    families: pd.DataFrame
    differences: pd.DataFrame
    customers: int
    retained: int
    left_out: int
    reference: str
    top: float
    label: str = ""
    without: tuple[str, ...] = ()
    why: str = ""
    shown: ClassVar[dict[str, str]] = {
        "families": "How well each family separates what customers do next",
        "differences": "Differences from the reference",
    }

    @property
    def title(self) -> str:  # type: ignore[override]
        return f"Families of segmentation compared, {self.label}" if self.label else "Families of segmentation compared"

    def captions(self) -> dict[str, str]:
        against = (
            f"Better than {self.reference} by (intervals hold together at 95 %)" if self.reference else "Differences"
        )
        return {**self.shown, "differences": against}

    def to_frame(self) -> pd.DataFrame:
        return self.families.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"families": self.to_frame(), "differences": self.differences.copy()}

    def findings(self) -> tuple[str, ...]:
        if self.families.empty:
            return (f"Families of segmentation cannot be compared: {self.why}",)
        verdicts = (
            [self._one_group()] if self._one_group() else [self._verdict(m) for m in ("spend_r2", "retained_auc")]
        )
        missing = [f"Left out, since no customer has a label: {listed(self.without)}."] if self.without else []
        return (*(v for v in verdicts if v), *self._best(), *self._control(), self._sample(), *missing)

    def _one_group(self) -> str:
        """Say that nothing can be said of a reference that does not tell customers apart."""
        groups = self.families.loc[self.families["family"] == self.reference, "groups"]
        if groups.empty or groups.iloc[0] > 1:
            return ""
        return f"All customers are in one group of {self.reference}, so nothing can be compared with it."

    def _verdict(self, measure: str) -> str:
        """Say whether the reference predicts worst; it may come out either way."""
        rows = self.differences[(self.differences["measure"] == measure) & self.differences["difference"].notna()]
        if rows.empty:
            return ""
        better = rows.loc[rows["difference_low"] > 0, "family"].tolist()
        worse = rows.loc[rows["difference_high"] < 0, "family"].tolist()
        same = [family for family in rows["family"] if family not in {*better, *worse}]
        whose, verb = ("The textbook's claim", "predict") if self.reference == TEXTBOOK else ("The claim", "predicts")
        claim, topic = f"{whose} that {self.reference} {verb} worst", _WORDS[measure]
        if len(better) == len(rows):
            return f"{claim} holds here for {topic}: {listed(better)} {_predict(better)} better{_least(rows)}."
        parts = [f"{listed(better)} {_predict(better)} better"] if better else []
        parts += [f"{listed(same)} cannot be told apart from {self.reference}"] if same else []
        parts += [f"{listed(worse)} {_predict(worse)} worse"] if worse else []
        verdict = "does not hold" if worse else ("holds only in part" if better else "cannot be confirmed")
        return f"{claim} {verdict} here for {topic}: {'; '.join(parts)}."

    def _best(self) -> list[str]:
        """The best family in each measure, or that none is better than chance."""
        sentences = []
        for measure, by_lot in (("spend_r2", 0.0), ("best_spend_share", self.top), ("retained_auc", 0.5)):
            rows = self.families[(self.families["family"] != CHANCE) & self.families[measure].notna()]
            if rows.empty:
                continue
            row = rows.loc[rows[measure].idxmax()]
            found = f"{percent(row[measure])} ({interval(row[f'{measure}_low'], row[f'{measure}_high'])})"
            if not (rows[f"{measure}_low"] > by_lot).any():
                sentences.append(
                    f"No family tells {_WORDS[measure]} better than a lot would: the best, {row['family']}, comes to "
                    f"{found}, a lot to {percent(by_lot)}."
                )
            elif measure == "spend_r2":
                sentences.append(
                    f"Next-period spend is told best by {row['family']}: the groups explain {found} of its differences."
                )
            elif measure == "best_spend_share":
                sentences.append(
                    f"The best {percent(self.top, digits=0)} of the customers as ranked by {row['family']} bring "
                    f"{found} of the next period's spend."
                )
            else:
                sentences.append(
                    f"Who buys again is told best by {row['family']}: a customer who does ranks above one who does not "
                    f"with a chance of {found}; by lot it would be {percent(by_lot, digits=0)}."
                )
        return sentences

    def _control(self) -> list[str]:
        row = self.families[self.families["family"] == CHANCE].iloc[0]
        known = {"spend_r2": "explain {} of spend", "retained_auc": "rank retention right with a chance of {}"}
        parts = [text.format(percent(round(row[name], 3) + 0.0)) for name, text in known.items() if pd.notna(row[name])]
        return [f"As a check, labels dealt out by lot {' and '.join(parts)}."] if parts else []

    def _sample(self) -> str:
        bounds = interval(*wilson(self.retained, self.customers))
        without = (
            f"; left out, without an earlier purchase or not in the later view: {count(self.left_out, 'customer')}"
            if self.left_out
            else ""
        )
        return (
            f"{count(self.customers, 'customer')} are compared, of whom {percent(self.retained / self.customers)} "
            f"({bounds}) bought again{without}."
        )

    def metrics(self) -> dict[str, float]:
        found: dict[str, float] = {"customers": self.customers}
        for row in self.families.to_dict("records"):
            name = "_".join("".join(c if c.isalnum() else " " for c in row["family"].lower()).split())
            found |= {f"{name}_{measure}": row[measure] for measure in MEASURES}
        return found

    def plot(self, ax: Axes | None = None, *, measure: str = "spend_r2") -> Axes:
        """Draw one measure of every family with its 95 % interval, the best on top; the control is grey."""
        if measure not in MEASURES:
            raise UsageError(f"measure must be one of {', '.join(MEASURES)}, not {measure!r}.")
        ax, title = style.axes(ax, height=1.8 + 0.42 * max(3, len(self.families))), _TITLES[measure]
        rows = self.families.dropna(subset=[measure]).sort_values(measure, kind="stable")
        if rows.empty:
            why = self.findings()[0] if self.families.empty else "There is nothing to tell: all customers did the same."
            return style.nothing(ax, title=title, why=why)
        drawn = rows.assign(**{f"{measure}{end}": 100 * rows[f"{measure}{end}"] for end in ("", "_low", "_high")})
        grey = {CHANCE: style.MUTED, self.reference: style.ACCENT}
        colors = [grey.get(family, style.PALETTE[0]) for family in rows["family"]]
        shares.whiskers(ax, drawn, measure, [short(family) for family in rows["family"]], colors)
        by_lot = {"spend_r2": 0.0, "best_spend_share": 100 * self.top, "retained_auc": 50.0}[measure]
        ax.axvline(by_lot, color=style.MUTED, linewidth=1, linestyle=":")
        ax.set_title(title)
        best = percent(self.top, digits=0)
        labels = {
            "spend_r2": "differences in next-period spend that are explained, percent",
            "best_spend_share": f"next-period spend of the best {best}, percent",
            "retained_auc": "chance that who buys again ranks above who does not, percent",
        }
        ax.set_xlabel(f"{labels[measure]}\n(with 95 % interval; dotted: by lot)")
        parts = [f"{row['family']} {percent(row[measure])}" for row in rows.iloc[::-1].to_dict("records")]
        return style.describe(ax, f"{labels[measure].capitalize()}, by family: {'; '.join(parts)}.")


def _predict(names: list[str]) -> str:
    return "predict" if len(names) > 1 else "predicts"


def _least(rows: pd.DataFrame) -> str:
    row = rows.loc[rows["difference"].idxmin()]
    low, high = 100 * row["difference_low"], 100 * row["difference_high"]
    by = f"by {100 * row['difference']:.1f} percentage points (95 % interval {low:.1f}–{high:.1f})"
    return f", {by}" if len(rows) == 1 else f", the least of them, {row['family']}, {by}"
