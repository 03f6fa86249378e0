"""Contradiction: are the loyal always satisfied, whatever the kind of their loyalty?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crm_analysis import options, style
from crm_analysis.loyalty import indicators as measuring
from crm_analysis.loyalty.kinds.gathering import SINGLE_ITEM
from crm_analysis.loyalty.kinds.rules import NONE, OTHER, RULES
from crm_analysis.loyalty.wording import decimal
from crm_analysis.proportion import share, wilson
from crm_analysis.result import Result
from crm_analysis.table import count, percent, with_interval

SATISFACTION = ("satisfaction_overall", "satisfaction_confirmation", "satisfaction_ideal")
LOYAL = (*(rule.kind for rule in RULES if rule.kind != "latent"), OTHER)
"""Kinds whose customers are loyal in behaviour."""

_ALL = "all who are loyal"
_NOTHING = "No customer who is loyal in behaviour was asked for satisfaction in this study."


@dataclass(frozen=True, eq=False, repr=False)
class SatisfiedResult(Result):
    """How many of the loyal are satisfied, by kind of loyalty.

    Attributes
    ----------
    kinds : DataFrame
        One row per kind, all who are loyal first: ``customers`` who were asked, ``satisfied_share`` with its interval,
        ``mean`` satisfaction (0 to 100), and ``surely_not``, the customers whom no measurement error makes satisfied.
    cut : float
        Satisfied from here on (0 to 100).
    error : float
        Standard error of one customer's satisfaction.
    """

    kinds: pd.DataFrame
    cut: float
    error: float
    title = "Are the loyal always satisfied?"
    shown: ClassVar[dict[str, str]] = {
        "kinds": "Satisfaction of the loyal; surely not: below the cut by more than measurement error explains"
    }

    def to_frame(self) -> pd.DataFrame:
        return self.kinds.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"kinds": self.to_frame()}

    def metrics(self) -> dict[str, float]:
        if not self._asked():
            return {}
        whole = self.kinds.iloc[0]
        return {"satisfied_share": whole["satisfied_share"], "surely_not": int(whole["surely_not"])}

    def findings(self) -> tuple[str, ...]:
        """The most important first: does the claim hold, then the kinds in which it fails most and least."""
        if not self._asked():
            return (_NOTHING,)
        whole, kinds = self.kinds.iloc[0], self.kinds.iloc[1:]
        text = with_interval(*(whole[f"satisfied_share{end}"] for end in ("", "_low", "_high")))
        if whole["surely_not"]:
            sure = wilson(int(whole["surely_not"]), int(whole["customers"]))
            said = [
                f"The loyal are not always satisfied: {text} of them are; {int(whole['surely_not']):,} of "
                f"{count(int(whole['customers']), 'customer')} are below the cut by more than measurement error "
                f"explains ({percent(whole['surely_not'] / whole['customers'])}, 95 % interval {100 * sure[0]:.1f}–"
                f"{100 * sure[1]:.1f})."
            ]
        else:
            said = [
                f"{text} of the loyal are satisfied, and none is below the cut by more than measurement error "
                "explains: nothing here contradicts that the loyal are satisfied."
            ]
        asked = kinds[kinds["customers"] >= 10]
        if len(asked) > 1:
            low, high = (asked.loc[asked["satisfied_share"].agg(end)] for end in ("idxmin", "idxmax"))
            texts = [
                with_interval(*(row[f"satisfied_share{end}"] for end in ("", "_low", "_high"))) for row in (low, high)
            ]
            said.append(
                f"Least often satisfied are the loyal by {_call(low['kind'])}, {texts[0]}, most often those by "
                f"{_call(high['kind'])}, {texts[1]}."
            )
        said.append(
            f"Satisfied means {decimal(self.cut, digits=1)} or more of 100; one customer's satisfaction has a standard "
            f"error of {decimal(self.error, digits=1)} points. Kinds that attitude decides (trust) are satisfied in "
            "part by definition."
        )
        return tuple(said)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the share of the satisfied by kind, with intervals."""
        title = "Who is loyal and satisfied?"
        if not self._asked():
            return style.nothing(ax, title=title, why=_NOTHING)
        rows = self.kinds[self.kinds["customers"] > 0].iloc[::-1]
        ax = style.axes(ax, height=1.9 + 0.4 * len(rows))
        places = np.arange(len(rows))
        colors = [style.ACCENT if kind == _ALL else style.PALETTE[0] for kind in rows["kind"]]
        ax.hlines(places, rows["satisfied_share_low"], rows["satisfied_share_high"], color=colors, lw=2)
        ax.scatter(rows["satisfied_share"], places, color=colors, s=50, zorder=3)
        ax.set_yticks(places, [f"{_call(row.kind)} ({row.customers:,})" for _, row in rows.iterrows()])
        ax.set_xlim(0, 1.01)
        ax.set_ylim(-0.6, len(rows) - 0.4)
        ax.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
        ax.set_xlabel(f"share with satisfaction of {decimal(self.cut, digits=1)} or more, 95 % interval")
        ax.set_title(title)
        return style.describe(ax, f"Dots: share of the satisfied by kind of loyalty. {self.findings()[0]}")

    def _asked(self) -> int:
        return int(self.kinds["customers"].iloc[0]) if len(self.kinds) else 0


def satisfied(
    customers: pd.DataFrame,
    kinds: pd.Series,
    *,
    columns: Sequence[str] = SATISFACTION,
    ends: measuring.Ends | None = None,
    cut: float = 200 / 3,
    reliability: float | None = None,
) -> SatisfiedResult:
    """Test the claim that the loyal are always satisfied, on those who are loyal in behaviour.

    Parameters
    ----------
    customers : DataFrame
        One row per customer with answers.
    kinds : Series
        Kind of loyalty by customer_id, `ProfileResult.kind`.
    columns : sequence of str
        Items of satisfaction.
    ends : mapping of str to (low, high), optional
        Lowest and highest code of columns with a scale.
    cut : float
        Satisfied from here on, 0 to 100; by default two thirds of the scale.
    reliability : float, optional
        Of satisfaction; by default Cronbach's alpha, or 0.7 assumed for one item.

    Returns
    -------
    SatisfiedResult
        Where nobody who is loyal was asked, one that says so.

    Raises
    ------
    UsageError
        If `cut` or `reliability` is out of range or a customer has two rows.

    Notes
    -----
    "Surely not" are customers whose value lies below the cut by more than 1.64 standard errors of measurement,
    s sqrt(1 - reliability): one in twenty of those truly at the cut would be taken for one, none of the rest so often.
    """
    cut = options.within(cut, "cut", caller="profile", high=100)
    if reliability is not None:
        options.within(reliability, "reliability", caller="profile", high=1)
    frame = measuring.by_customer(customers, caller="profile")
    found = measuring.measure(frame, list(columns), ends=ends)
    own = reliability if reliability is not None else found.reliability
    own = SINGLE_ITEM if np.isnan(own) else own
    points = found.points.dropna()
    error = float(points.std(ddof=0)) * float(np.sqrt(1 - own)) if len(points) else np.nan
    labels = measuring.by_customer(kinds, caller="profile", kind=pd.Series).reindex(points.index)
    rows = []
    for name, some in ((_ALL, LOYAL), *((kind, (kind,)) for kind in LOYAL)):
        values = points[labels.isin(some)].to_numpy("float64")
        ends_ = share(int((values >= cut).sum()), len(values))
        row = {"kind": name, "customers": len(values)}
        row |= dict(zip(("satisfied_share", "satisfied_share_low", "satisfied_share_high"), ends_, strict=True))
        row |= {"mean": float(values.mean()) if len(values) else np.nan}
        rows.append(row | {"surely_not": int((values < cut - 1.6449 * error).sum())})
    return SatisfiedResult(pd.DataFrame(rows), cut, error)


def _call(kind: str) -> str:
    return {OTHER: "another reason", NONE: "no loyalty"}.get(kind, kind)
