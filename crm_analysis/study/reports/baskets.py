"""Baskets: which categories are bought together, in one order or by one customer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from crm_analysis import style
from crm_analysis.errors import UsageError
from crm_analysis.result import Result
from crm_analysis.study.customer360 import YEAR_DAYS
from crm_analysis.study.reports import change, lift
from crm_analysis.study.reports.change import ratio
from crm_analysis.table import count, share_of, short, with_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from crm_analysis.study.study import Study

UNITS = ("order", "customer")
"""What a basket may be: one order, or all that one customer bought in the window."""

_ENDS = ("", "_low", "_high")
_SHARES = [f"{name}{end}" for name in ("confidence_share", "reverse_confidence_share") for end in _ENDS]
_KEPT = ["baskets", *(f"{name}{end}" for name in ("support_share", "lift") for end in _ENDS), "verdict"]
_COLUMNS = ["category", "other", "customers", *_SHARES, *_KEPT]
_DRAWN = 7


@dataclass(frozen=True, eq=False, repr=False)
class AssociationResult(Result):
    """Pairs of categories and how much more often than independence would have it they are bought together.

    Attributes
    ----------
    pairs : DataFrame
        One row per pair, the highest lift first: category, other, baskets (that hold both), customers (who have such
        a basket), support_share (of all baskets), confidence_share (of the baskets with the category, those that hold
        the other too), reverse_confidence_share (the other way round), lift, each with its 95 % interval (``_low``,
        ``_high``), relative_lift (lift by `typical_lift`), verdict ("more", "less", "as usual" or "too few").
    typical_lift : float
        Median lift of the pairs that are judged. Where many baskets hold one category only, all lifts are low; where
        some customers buy of everything, all are high. Missing with fewer than three pairs.
    several : dict
        Share of baskets with more than one category, with its 95 % interval: several_share, ``_low``, ``_high``.
    baskets : int
        Baskets with a known category in the window.
    unit : str
        order or customer.
    least : int
        Baskets and customers a pair must have to be judged.
    left_out : int
        Categories beyond the largest ones, which are not paired.
    """

    pairs: pd.DataFrame
    typical_lift: float
    several: dict[str, float]
    baskets: int
    unit: str
    least: int
    left_out: int
    title = "Categories bought together"
    shown: ClassVar[dict[str, str]] = {
        "strongest": "Pairs of categories with the highest lift",
        "rules": "The first of these pairs as rules: of the baskets with one category, the share with the other",
    }

    def to_frame(self) -> pd.DataFrame:
        return self.pairs.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        strongest = self.judged().head(10).drop(columns=_SHARES)
        return {"pairs": self.pairs.copy(), "strongest": strongest, "rules": self.rules().head(10)}

    def judged(self) -> pd.DataFrame:
        """Return the pairs with enough baskets, the highest lift first."""
        return self.pairs[self.pairs["verdict"] != "too few"].reset_index(drop=True)

    def rules(self) -> pd.DataFrame:
        """Return each judged pair in both directions, the highest lift first.

        Returns
        -------
        DataFrame
            ``given`` and ``then`` (categories), baskets with both, and with 95 % intervals support_share (of all
            baskets), confidence_share (of the baskets with `given`, those with `then`) and lift; verdict.
        """
        judged = self.judged()
        turned = {
            "category": "other", "other": "category",
            **{f"reverse_confidence_share{end}": f"confidence_share{end}" for end in _ENDS},
            **{f"confidence_share{end}": f"reverse_confidence_share{end}" for end in _ENDS},
        }  # fmt: skip
        both = pd.concat([judged, judged.rename(columns=turned)]).sort_values(
            ["lift", "confidence_share"], ascending=False, kind="stable", ignore_index=True
        )
        both = both.rename(columns={"category": "given", "other": "then"})
        return both[["given", "then", *_KEPT[:4], *_SHARES[:3], *_KEPT[4:]]]

    def findings(self) -> tuple[str, ...]:
        if not self.baskets:
            return (
                "No order line of this study has a category in the window: nothing is known of what goes together.",
            )
        judged = self.judged()
        if judged.empty:
            return (f"No pair of categories is in {self.least} baskets: too few to say what goes together.",)
        top = judged.iloc[0]
        place = "in one order" if self.unit == "order" else "by one customer"
        low, high = top["lift_low"], top["lift_high"]
        text = (
            f"{str(top['category']).capitalize()} and {top['other']} are bought {place} {top['lift']:.2f} times as "
            f"often as if they were independent (95 % interval {low:.2f} to {high:.2f})"
        )
        one, other = (f"{name}confidence_share" for name in ("", "reverse_"))
        confidence = (
            f"Of the {self.unit}s with {top['category']}, {_told(top, one)} have {top['other']} too; of those with "
            f"{top['other']}, {_told(top, other)} have {top['category']}."
        )
        if pd.isna(self.typical_lift):
            return (f"{text}.", confidence, "There are too few pairs to say which is unusual.")
        sentences = [
            f"{text}, and {top['relative_lift']:.1f} times as often as a typical pair "
            f"({low / self.typical_lift:.1f} to {high / self.typical_lift:.1f}, the typical pair taken as given).",
            confidence,
            f"The typical pair has a lift of {self.typical_lift:.2f}: half of the pairs have more. A pair is judged "
            f"against this and not against 1, because {share_of(self.several, 'several')} of "
            f"{count(self.baskets, self.unit)} hold more than one category: that moves all lifts alike.",
        ]
        for verdict in ("more", "less"):
            rows = judged[judged["verdict"] == verdict]
            rows = rows if verdict == "more" else rows[::-1]
            if len(rows):
                named = ", ".join(f"{row.category} and {row.other}" for row in rows.head(6).itertuples())
                more = f" and {len(rows) - 6} further" if len(rows) > 6 else ""
                sentences.append(
                    f"{len(rows)} of {count(len(judged), 'pair')} go together {verdict} than usual, beyond chance when "
                    f"all are looked at together: {named}{more}."
                )
        if self.left_out:
            sentences.append(f"{self.left_out:,} smaller categories are not paired.")
        return tuple(sentences)

    def metrics(self) -> dict[str, float]:
        judged = self.judged()
        found = {"baskets": float(self.baskets), "typical_lift": self.typical_lift}
        if len(judged):
            found["highest_lift"] = float(judged["lift"].iloc[0])
        return found

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the lift of the pairs that go together most and least, with 95 % intervals."""
        judged = self.judged()
        ends = judged if len(judged) <= 2 * _DRAWN else pd.concat([judged.head(_DRAWN), judged.tail(_DRAWN)])
        shown = ends.iloc[::-1].reset_index(drop=True)
        ax = style.axes(ax, width=8.4, height=max(2.8, 1.7 + 0.33 * len(shown)))
        if shown.empty:
            return style.nothing(ax, title="Nothing is known of what is bought together", why=self.findings()[0])
        places = np.arange(len(shown))
        kinds = (
            ("more", style.PALETTE[0], "more than usual"),
            ("as usual", style.MUTED, "may be chance"),
            ("less", style.ACCENT, "less than usual"),
        )
        for verdict, color, label in kinds:
            part = (shown["verdict"] == verdict).to_numpy()
            rows = shown[part]
            if part.any():
                reach = rows[["lift_low", "lift_high"]].sub(rows["lift"], axis=0).abs().fillna(0).to_numpy().T
                looks: dict[str, Any] = {"fmt": "o", "color": color, "capsize": 3, "label": label}
                ax.errorbar(rows["lift"], places[part], xerr=reach, **looks)
        ax.axvline(1, color=style.MUTED, linewidth=1, label="independent")
        if pd.notna(self.typical_lift):
            ax.axvline(self.typical_lift, color=style.PALETTE[1], linewidth=1.5, linestyle="--", label="typical pair")
        names = [f"{short(row.category, width=18)} + {short(row.other, width=18)}" for row in shown.itertuples()]
        ax.set_yticks(places, names)
        ax.set_ylim(-0.6, len(shown) - 0.4)
        ax.set_xlabel("lift, with 95 % interval")
        ax.set_title(f"Categories bought together {'in one order' if self.unit == 'order' else 'by one customer'}")
        ax.legend(loc="upper left", bbox_to_anchor=(1, 1), borderaxespad=0)
        ax.grid(axis="x")
        return style.describe(ax, f"Lift of pairs of categories with whiskers. {self.findings()[0]}")


def _told(row: pd.Series, name: str) -> str:
    return with_interval(row[name], row[f"{name}_low"], row[f"{name}_high"])


def associate(
    study: Study,
    *,
    unit: str = "order",
    as_of: str | date | None = None,
    window_days: int = YEAR_DAYS,
    categories: int = 20,
    least: int = 20,
) -> AssociationResult:
    """Find the categories that are bought together; all counts are made in the engine.

    Parameters
    ----------
    study : Study
        With order lines that have a category.
    unit : {"order", "customer"}
        What a basket is: one order (without order ids, all that a customer bought on a day), or all that a customer
        bought in the window.
    as_of : str or date, optional
        Last day of the window; by default the study's last day.
    window_days : int
        Length of the window in days.
    categories : int
        At most so many categories, those in most baskets, are paired.
    least : int
        Baskets, and customers with such a basket, that a pair must have to be judged.

    Returns
    -------
    AssociationResult

    Raises
    ------
    UsageError
        If `unit` or `as_of` is not one of those named.

    Notes
    -----
    support = n_ab / N, confidence of a rule from a to b = n_ab / n_a (Agrawal, Imielinski and Swami 1993), with the
    variance of `change.ratio`, on the scale of log odds; lift = n_ab N / (n_a n_b), where N baskets hold category a n_a
    times, b n_b times and both n_ab times (Brin et al. 1997). The orders of one customer resemble each other, so the
    customer is the sampling unit: the variance of log lift is n / (n - 1) * sum_i (ab_i / n_ab + o_i / N - a_i / n_a -
    b_i / n_b)^2 over n customers with o_i baskets, linearised (Cochran 1977, ch. 6). A verdict needs the interval at
    level 1 - 0.05 / pairs (Bonferroni) to leave out the median lift of all pairs that are judged, which is taken as
    known.

    References
    ----------
    Agrawal, R., Imielinski, T. and Swami, A. (1993). Mining association rules between sets of items in large databases.
    SIGMOD 1993, 207-216.
    Brin, S., Motwani, R., Ullman, J. D. and Tsur, S. (1997). Dynamic itemset counting and implication rules for market
    basket data. SIGMOD 1997, 255-264.
    Cochran, W. G. (1977). Sampling Techniques, 3rd ed. Wiley.
    """
    if unit not in UNITS:
        raise UsageError(f"baskets: unit must be one of {', '.join(UNITS)}, not {unit!r}.")
    none = AssociationResult(pd.DataFrame(columns=_COLUMNS), np.nan, {}, 0, unit, least, 0)
    known = change.orders_until(study, as_of)
    if known is None or "category" not in known[0].columns:
        return none
    held = lift.categories_held(known[0], known[1], unit=unit, window_days=window_days)
    sizes = held.group_by("category").aggregate(baskets=held.count()).to_pandas()
    if sizes.empty:
        return none
    sizes = sizes.sort_values(["baskets", "category"], ascending=[False, True])
    kept = sizes["category"].head(categories).tolist()
    whole = lift.basket_totals(held).to_pandas()
    pairs, typical = lift.of_pairs(held.filter(held.category.isin(kept)), held, sorted(kept), whole.iloc[0], least)
    several = ratio(whole, "several", "baskets", name="several_share").iloc[0].to_dict()
    baskets = int(whole["baskets"].iloc[0])
    return AssociationResult(pairs, typical, several, baskets, unit, least, len(sizes) - len(kept))
