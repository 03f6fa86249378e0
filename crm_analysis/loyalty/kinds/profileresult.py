"""What the classification of loyalty says: shares, certainty and worth by quadrant and by kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crm_analysis import style
from crm_analysis.loyalty.kinds.rules import NONE, QUADRANTS, SPURIOUS, TRUE, UNKNOWN
from crm_analysis.loyalty.wording import sentence, words
from crm_analysis.proportion import share
from crm_analysis.result import Result
from crm_analysis.table import count, listed, percent, short, with_interval

_SHARES = ("share", "share_low", "share_high")
_WORTH = ("worth_share", "worth_share_low", "worth_share_high", "worth_mean")
KIND_COLUMNS = ("kind", "rule", "customers", *_SHARES, "certainty_share", *_WORTH)
QUADRANT_COLUMNS = ("quadrant", "customers", *_SHARES, "certainty_share", *_WORTH)
GROUP_COLUMNS = ("group", "kind", "customers", *_SHARES)
_MEANING = {
    TRUE: "true loyalty (attitude and behaviour)",
    SPURIOUS: "spurious loyalty (behaviour without attitude)",
    "latent": "latent loyalty (attitude without behaviour)",
    NONE: "no loyalty",
}


@dataclass(frozen=True, eq=False, repr=False)
class ProfileResult(Result):
    """Who is loyal, in which way, and how sure that is.

    Attributes
    ----------
    kinds : DataFrame
        One row per kind: ``rule``, ``customers``, ``share`` of the customers with a verdict and its interval,
        ``certainty_share`` (mean), and with an amount ``worth_share`` and ``worth_mean``.
    quadrants : DataFrame
        The same for attitude by behaviour.
    groups : DataFrame
        Shares of the kinds by group; empty without groups.
    indicators : DataFrame
        What they are made of, with cut-points and reliabilities.
    customers : DataFrame
        ``customer_id``, ``quadrant``, ``quadrant_certainty``, ``kind``, ``certainty``, ``rule``.
    untested : tuple of str
        Kinds whose indicators are not in the study.
    several : int
        Customers whom more than one rule fits, so that the order of the rules decides.
    worth, by : str
        Columns with the amount and the groups; may be empty.
    absent : tuple of str
        Such columns that were named and are not there.
    """

    kinds: pd.DataFrame
    quadrants: pd.DataFrame
    groups: pd.DataFrame
    indicators: pd.DataFrame
    customers: pd.DataFrame
    untested: tuple[str, ...]
    several: int
    worth: str
    by: str
    absent: tuple[str, ...] = ()
    title = "Kinds of loyalty"
    shown: ClassVar[dict[str, str]] = {
        "kinds": "Kinds of loyalty by the first rule that fits; certainty: share of perturbed draws with the "
        "same verdict",
        "quadrants": "Attitude by behaviour (Dick and Basu 1994)",
        "indicators": "Indicators from 0 to 100, their cut-points and reliabilities",
        "groups": "Kinds by group",
    }

    @property
    def cuts(self) -> dict[str, float]:
        """Cut-points by indicator, to be given to the next period's classification."""
        known = self.indicators.dropna(subset=["cut"])
        return dict(zip(known["indicator"], known["cut"].astype(float), strict=True))

    @property
    def kind(self) -> pd.Series:
        """The kind of each customer, by customer_id."""
        return self.customers.set_index("customer_id")["kind"]

    def to_frame(self) -> pd.DataFrame:
        return self.kinds.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {
            "kinds": self.to_frame(),
            "quadrants": self.quadrants.copy(),
            "indicators": self.indicators.copy(),
            "groups": self.groups.copy(),
            "customers": self.customers.copy(),
        }

    def captions(self) -> dict[str, str]:
        """Say what the customers' worth is, where it was named."""
        of = f"; worth: {words(self.worth)}" if self.worth else ""
        return self.shown | {"kinds": f"{self.shown['kinds']}{of}"}

    def metrics(self) -> dict[str, float]:
        found = {
            f"{row['kind']}_share": row["share"] for row in self.kinds.to_dict("records") if row["kind"] != UNKNOWN
        }
        found |= {f"quadrant_{name}_share": self._quarter(name)["share"] for name in QUADRANTS}
        return found | {"unknown_customers": int((self.customers["kind"] == UNKNOWN).sum())}

    def findings(self) -> tuple[str, ...]:
        """The most important first: how much loyalty is spurious, the commonest kinds, how sure, who is unknown."""
        crossed = bool((self.customers["quadrant"] != UNKNOWN).any())
        absent = listed([words(name) for name in self._absent()])
        if not crossed and not (self.customers["kind"] != UNKNOWN).any():
            return (
                f"No customer can be placed {f'without {absent} ' if absent else ''}in this study: attitude and "
                "behaviour of the same customers are needed.",
            )
        if not crossed:
            said = [
                f"True and spurious loyalty cannot be told apart: {absent or 'one of the two'} is not in this study."
            ]
        else:
            said = [self._spurious()] if self._loyal() else ["No customer is loyal in behaviour by these cut-points."]
        placed = self.kinds[(self.kinds["kind"] != UNKNOWN) & (self.kinds["customers"] > 0)]
        top = placed.sort_values("customers", ascending=False, kind="stable").head(3).to_dict("records")
        names = [f"{_call(row['kind'])} with {share_of_row(row)}" for row in top]
        said.append(f"The commonest verdict{'s are' if len(names) > 1 else ' is'} {listed(names)}.")
        sure = self.customers["certainty"].dropna()
        said.append(
            f"{percent(float((sure >= 0.8).mean()))} of the verdicts are sure: they stay the same in at least 80 % of "
            "the draws that perturb the indicators by their measurement error."
        )
        if self.several:
            said.append(
                f"More than one rule fits {count(self.several, 'customer')}: there the order of the rules decides."
            )
        if self.worth:
            said.append(self._worthy(placed))
        unknown = len(self.customers) - int((self.customers["kind"] != UNKNOWN).sum())
        if unknown:
            said.append(f"{count(unknown, 'customer')} could not be placed, because an indicator is missing.")
        if self.untested:
            said.append(
                f"Not to be told in this study: {listed(list(self.untested))}; such customers are among the others."
            )
        said += [f"There is no column {column!r} in this study, so nothing is said by it." for column in self.absent]
        return tuple(said)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the share of each kind with its interval; the pale part is not sure."""
        title = "Kinds of loyalty"
        rows = self.kinds[(self.kinds["kind"] != UNKNOWN) & self.kinds["share"].notna()].iloc[::-1]
        if not rows["customers"].sum():
            return style.nothing(ax, title=title, why=self.findings()[0])
        ax = style.axes(ax, height=1.9 + 0.4 * len(rows))
        places = np.arange(len(rows))
        ax.barh(places, rows["share"], color=style.PALETTE[5], alpha=0.45, height=0.62, label="all with this verdict")
        sure = rows["share"] * rows["certainty_share"].fillna(0.0)
        ax.barh(places, sure, color=style.PALETTE[0], height=0.62, label="times how sure the verdict is")
        ax.hlines(places, rows["share_low"], rows["share_high"], color=style.INK, lw=1.4)
        ax.set_yticks(places, [_call(kind) for kind in rows["kind"]])
        ax.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
        ax.set_xlabel("share of the customers with a verdict, 95 % interval")
        ax.set_title(title, pad=26)
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, fontsize=8.5, borderaxespad=0.1)
        return style.describe(ax, f"Bars of the shares of the kinds of loyalty. {self.findings()[0]}")

    def plot_quadrants(self, ax: Axes | None = None) -> Axes:
        """Draw attitude by behaviour as four fields, each with its share."""
        title = "Attitude by behaviour"
        if not (self.customers["quadrant"] != UNKNOWN).any():
            return style.nothing(ax, title=title, why=self.findings()[0])
        ax = style.axes(ax, width=6.4, height=4.6)
        places = {TRUE: (1, 1), SPURIOUS: (0, 1), "latent": (1, 0), NONE: (0, 0)}
        deepest = float(self.quadrants["share"].max())
        for name, (x, y) in places.items():
            row = self._quarter(name)
            ax.axvspan(
                x, x + 1, y / 2, (y + 1) / 2, color=style.PALETTE[0], alpha=0.1 + 0.45 * row["share"] / deepest, lw=0
            )
            text = f"{words(name)} loyalty" if name != NONE else "no loyalty"
            ax.text(x + 0.5, y + 0.66, text, ha="center", va="center", fontsize=12, fontweight="bold")
            ax.text(x + 0.5, y + 0.45, percent(row["share"]), ha="center", va="center", fontsize=12)
            ends = f"{100 * row['share_low']:.1f}–{100 * row['share_high']:.1f}"
            below = f"{ends}, sure {percent(row['certainty_share'], digits=0)}"
            ax.text(x + 0.5, y + 0.28, below, ha="center", va="center", fontsize=9, color=style.INK)
        cuts = self.cuts
        ax.set(xlim=(0, 2), ylim=(0, 2))
        ax.set_xticks(
            [0.5, 1.5], [f"attitude below {cuts['attitude']:.3g}", f"attitude {cuts['attitude']:.3g} or more"]
        )
        ax.set_yticks(
            [0.5, 1.5], [f"behaviour\nbelow {cuts['behaviour']:.3g}", f"behaviour\n{cuts['behaviour']:.3g} or more"]
        )
        ax.tick_params(length=0)
        ax.set_title(title)
        return style.describe(ax, f"Four fields, attitude by behaviour. {self.findings()[0]}")

    def plot_groups(self, ax: Axes | None = None) -> Axes:
        """Draw the shares of the kinds by group as stacked bars."""
        title = f"Kinds by {words(self.by)}" if self.by else "Kinds by group"
        if self.groups.empty:
            why = "No groups were named, or no customer of them has a verdict."
            return style.nothing(ax, title=title, why=why)
        wide = self.groups.pivot_table(index="group", columns="kind", values="share", aggfunc="sum").fillna(0.0)
        wide = wide.reindex(columns=[kind for kind in self.kinds["kind"] if kind in wide.columns]).iloc[::-1].tail(20)
        ax = style.axes(ax, height=2.2 + 0.4 * len(wide))
        start = np.zeros(len(wide))
        for place, kind in enumerate(wide.columns):
            color = style.GRID if kind == NONE else style.PALETTE[place % len(style.PALETTE)]
            ax.barh(range(len(wide)), wide[kind], left=start, color=color, height=0.62, label=_call(str(kind)))
            start = start + wide[kind].to_numpy()
        ax.set_yticks(range(len(wide)), [short(str(group), width=24) for group in wide.index])
        ax.set_xlim(0, 1)
        ax.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
        ax.set_xlabel("share of the customers with a verdict")
        ax.set_title(title)
        ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=9)
        return style.describe(ax, f"Stacked bars of the kinds of loyalty by group. {self.findings()[0]}")

    def _absent(self) -> list[str]:
        rows = self.indicators[self.indicators["indicator"].isin(["attitude", "behaviour"])]
        return list(rows.loc[rows["customers"] == 0, "indicator"])

    def _quarter(self, name: str) -> pd.Series:
        return self.quadrants.set_index("quadrant").loc[name]

    def _loyal(self) -> int:
        return int(self._quarter(TRUE)["customers"] + self._quarter(SPURIOUS)["customers"])

    def _spurious(self) -> str:

        part = with_interval(*share(int(self._quarter(SPURIOUS)["customers"]), self._loyal()))
        return (
            f"Of {count(self._loyal(), 'customer')} who are loyal in behaviour, {part} are so without the attitude: "
            "spurious loyalty, which lasts as long as its reason."
        )

    def _worthy(self, placed: pd.DataFrame) -> str:
        if placed["worth_share"].isna().all():
            return "Their worth is not known: the amounts add up to nothing."
        row = placed.loc[placed["worth_share"].idxmax()]
        text = f"{with_interval(row['worth_share'], row['worth_share_low'], row['worth_share_high'])}"
        return f"{sentence(_call(row['kind']))} holds the largest part of {words(self.worth)}: {text}."


def share_of_row(row: dict) -> str:
    """Write the share of a row with its interval."""
    return with_interval(*(row[column] for column in _SHARES))


def _call(kind: str) -> str:
    return {"other": "loyal for another reason", NONE: "no loyalty"}.get(kind, words(kind))
