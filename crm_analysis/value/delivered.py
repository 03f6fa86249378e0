"""Delivered value: what customers get less what it costs them, ours and the competitors' (顾客让渡价值, Kotler)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crm_analysis import style
from crm_analysis.errors import DataError
from crm_analysis.multiplicity import holm
from crm_analysis.proportion import effective, wilson
from crm_analysis.result import Result, metric_key
from crm_analysis.table import count, interval, listed, percent
from crm_analysis.value import ratings
from crm_analysis.value.ratings import scores

__all__ = ["DeliveredResult", "compare", "scores"]

NOTHING = "There are no ratings of delivered value in this study (survey items such as own_product_value)."


@dataclass(frozen=True, eq=False, repr=False)
class DeliveredResult(Result):
    """Delivered value of our firm and of competitors, as respondents rate them.

    Attributes
    ----------
    firms : DataFrame
        One row per firm, ours first: answers (respondents who rated all eight parts), value, cost and delivered
        (value - cost) with 95 % intervals.
    parts : DataFrame
        One row per part: kind (value or cost), importance, and the mean rating of each firm (a column each,
        with ``_low`` and ``_high``).
    differences : DataFrame
        One row per competitor and part, and "delivered": answers, advantage (in our favour where positive: for a cost,
        theirs less ours; for the whole, ours less theirs) with its 95 % interval, p_value and p_holm (over all parts of
        all competitors); for the whole also better_share, the share of respondents to whom we deliver more, with its
        interval, and worse_share.
    scale : tuple of float
        Lowest and highest code.
    equal : bool
        Whether all parts count the same.
    """

    firms: pd.DataFrame
    parts: pd.DataFrame
    differences: pd.DataFrame
    scale: tuple[float, float]
    equal: bool
    title = "Delivered value: what customers get and what it costs them"
    shown: ClassVar[dict[str, str]] = {
        "firms": "Delivered value = value - cost, by firm",
        "parts": "Mean rating of each part",
        "differences": "Advantage against each competitor; positive: in our favour; p after Holm over the parts",
    }

    def to_frame(self) -> pd.DataFrame:
        return self.firms.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"firms": self.firms.copy(), "parts": self.parts.copy(), "differences": self.differences.copy()}

    def findings(self) -> tuple[str, ...]:
        if self.firms.empty:
            return (NOTHING,)
        own = self.firms.iloc[0]
        said = []
        for firm in self.firms["firm"].iloc[1:]:
            said += self._against(firm)
        first = (
            f"{_upper(own['firm'])} delivers {_ends(own, 'delivered')} points: {own['value']:.1f} of value less "
            f"{own['cost']:.1f} of cost, on a scale of {self._reach()}."
        )
        said = [*said, first] if said else [first, "No competitor was rated, so that nothing can be compared."]
        counting = "All eight parts count the same" if self.equal else "Parts are weighted by their importance"
        least = int(self.firms["answers"].min())
        said.append(f"{counting}; {count(least, 'respondent')} or more rated all parts of each firm.")
        return tuple(said)

    def _reach(self) -> str:
        span = 4 * (self.scale[1] - self.scale[0])
        return f"{-span:g} to {span:g}".replace("-", "−")

    def _against(self, firm: str) -> list[str]:
        rows = self.differences[self.differences["firm"] == firm]
        whole, parts = rows[rows["part"] == "delivered"].iloc[0], rows[rows["part"] != "delivered"]
        if math.isnan(whole["advantage"]):
            return [f"Nobody rated all parts of both us and {firm}."]
        surely = whole["advantage_low"] > 0 or whole["advantage_high"] < 0
        how = "more" if whole["advantage"] > 0 else "less"
        firm = "the rival" if firm == "rival" else firm
        said = [
            f"Compared with {firm} we deliver {abs(whole['advantage']):.2f} points {how} "
            f"(95 % interval of the advantage {whole['advantage_low']:.2f} to {whole['advantage_high']:.2f})"
            f"{'' if surely else ', which may be chance'}; to {percent(whole['better_share'])} "
            f"({interval(whole['better_share_low'], whole['better_share_high'])}) we deliver more, to "
            f"{percent(whole['worse_share'])} less."
        ]
        ahead = parts[(parts["advantage"] > 0) & (parts["p_holm"] < 0.05)].sort_values("advantage", ascending=False)
        behind = parts[(parts["advantage"] < 0) & (parts["p_holm"] < 0.05)].sort_values("advantage")
        for rows_of, words in ((ahead, "Ahead of"), (behind, "Behind")):
            if len(rows_of):
                names = listed([f"{_words(row['part'])} ({row['advantage']:+.2f})" for _, row in rows_of.iterrows()])
                said.append(f"{words} {firm}, beyond chance: {names}.")
        return said

    def metrics(self) -> dict[str, float]:
        found = {f"delivered_{metric_key(row['firm'])}": row["delivered"] for row in self.firms.to_dict("records")}
        for row in self.differences.to_dict("records"):
            found[f"advantage_{metric_key(row['part'])}_against_{metric_key(row['firm'])}"] = row["advantage"]
        return {name: float(number) for name, number in found.items()}

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw our advantage by part against each competitor, with intervals."""
        rows = self.differences[self.differences.get("part", pd.Series(dtype=object)) != "delivered"]
        if rows.empty:
            why = NOTHING if self.firms.empty else "No competitor was rated."
            return style.nothing(ax, title="Delivered value against competitors", why=why)
        rivals = list(dict.fromkeys(rows["firm"]))
        ax = style.axes(ax, height=1.9 + 0.45 * len(ratings.PARTS) * max(1.0, 0.6 * len(rivals)))
        for place, rival in enumerate(rivals):
            part = rows[rows["firm"] == rival].iloc[::-1]
            places = np.arange(len(part)) + (place - (len(rivals) - 1) / 2) * -0.25
            reach = np.vstack([part["advantage"] - part["advantage_low"], part["advantage_high"] - part["advantage"]])
            color = style.PALETTE[place % len(style.PALETTE)]
            ax.errorbar(
                part["advantage"], places, xerr=np.nan_to_num(reach), fmt="o", color=color, capsize=3, label=rival
            )
        ax.axvline(0, color=style.MUTED, lw=1)
        ax.axhline(len(ratings.COSTS) - 0.5, color=style.GRID, lw=1)
        ax.set_yticks(np.arange(len(ratings.PARTS)), [_words(name) for name in ratings.PARTS[::-1]])
        ax.set(
            xlabel="our advantage, points (right: in our favour), 95 % interval", ylim=(-0.6, len(ratings.PARTS) - 0.4)
        )
        if len(rivals) > 1:
            ax.legend(loc="upper left", bbox_to_anchor=(1, 1), borderaxespad=0)
        against = f" against {rivals[0]}" if len(rivals) == 1 else ""
        ax.set_title(f"Delivered value{against}: where we are ahead")
        return style.describe(ax, f"Advantage by part of delivered value. {self.findings()[0]}")

    def plot_firms(self, ax: Axes | None = None) -> Axes:
        """Draw value upwards and cost downwards for each firm, and what is left."""
        if self.firms.empty:
            return style.nothing(ax, title="Delivered value", why=NOTHING)
        ax = style.axes(ax, width=max(4.6, 2.2 + 1.3 * len(self.firms)))
        weights = self.parts.set_index("part")["importance"]
        for place, firm in enumerate(self.firms["firm"]):
            points = self.parts.set_index("part")[firm] * weights
            for names, sign in ((ratings.VALUES, 1), (ratings.COSTS, -1)):
                base = 0.0
                for number, name in enumerate(names):
                    height = sign * points[name]
                    label = _words(name) if place == 0 else None
                    color = style.PALETTE[number + (0 if sign > 0 else 4)]
                    ax.bar(place, height, bottom=base, width=0.55, color=color, label=label, edgecolor="white")
                    base += height
        ax.plot(range(len(self.firms)), self.firms["delivered"], "D", color=style.INK, ms=8, label="delivered value")
        ax.axhline(0, color=style.INK, lw=1)
        ax.set_xticks(range(len(self.firms)), list(self.firms["firm"]))
        ax.set(ylabel="points", xlim=(-0.6, len(self.firms) - 0.4))
        ax.legend(loc="upper left", bbox_to_anchor=(1, 1), borderaxespad=0)
        ax.set_title("What customers get and what it costs them")
        return style.describe(ax, f"Stacked bars of value and cost by firm. {self.findings()[-2]}")


def compare(
    answers: pd.DataFrame,
    *,
    firms: Sequence[str] = (),
    importance: Mapping[str, float] | None = None,
    wave: int | None = None,
    weight: str = "",
    scale: tuple[float, float] = (1, 10),
) -> DeliveredResult:
    """Compare delivered value, PPIS - MMTP, between our firm and competitors.

    Parameters
    ----------
    answers : DataFrame
        One row per respondent: items named ``<firm>_<part>`` with the parts of `ratings.PARTS`, all on one scale, costs
        high where they are a burden; NaN = missing.
    firms : sequence of str
        Prefixes of the firms, ours first; by default ``own`` and then all others that have items.
    importance : mapping of str to float, optional
        Part -> importance, such as points out of 100; they are scaled to a mean of 1. By default all count the same.
    wave : int, optional
        Of a survey in waves, the one to take, so that nobody counts twice; by default the last.
    weight : str
        A column that says what each respondent counts for; by default all the same.
    scale : two numbers
        Lowest and highest code.

    Returns
    -------
    DeliveredResult
        Where there are no such items, one that says so.

    Raises
    ------
    UsageError
        If a firm lacks a part, an importance is missing or negative, there is no such wave or weight.
    DataError
        If an answer lies outside the scale.

    Notes
    -----
    value = sum of importance x rating over product, personnel, image and service; cost = the same over money, mental,
    time and physical cost; delivered = value - cost, for respondents who rated all eight. Comparisons are paired: the
    same respondents rate both firms. Means have Student's intervals with the linearised variance of a weighted mean;
    shares Wilson's, at the effective number of respondents. p-values are adjusted by Holm's method over all parts and
    competitors.

    References
    ----------
    Kotler, P. (1997). Marketing Management, 9th ed. Prentice Hall, chapter 2.
    Cochran, W. G. (1977). Sampling Techniques, 3rd ed. Wiley, section 6.3.
    """
    names = list(firms) or ratings.found(answers)
    taken = ratings.one_wave(answers, wave)
    if not names or taken.empty or not taken[ratings.items(names[0], taken)].notna().any(axis=None):
        columns = ["firm", "answers", *(f"{name}{end}" for name in ("value", "cost", "delivered") for end in _ENDS)]
        empty = pd.DataFrame(columns=["firm", "part", "answers", "advantage"])
        return DeliveredResult(pd.DataFrame(columns=columns), pd.DataFrame(columns=["part"]), empty, scale, True)
    weights, counts = ratings.importance_of(importance), ratings.counts(taken, weight)
    rated = {firm: taken[ratings.items(firm, taken)].to_numpy("float64") for firm in names}
    for firm, values in rated.items():
        wrong = np.isfinite(values) & ((values < scale[0]) | (values > scale[1]))
        if wrong.any():
            row, column = (int(place[0]) for place in np.nonzero(wrong))
            raise DataError(
                f"delivered: {firm}_{ratings.PARTS[column]} must lie between {scale[0]:g} and {scale[1]:g}; "
                f"{int(wrong.sum())} ratings of {firm} do not, the first is {values[row, column]:g}; list the item "
                "under [survey.codes] in study.toml, or give scale."
            )
    signs = ratings.SIGNS
    rows = [_firm_row(firm, values, weights, signs, counts) for firm, values in rated.items()]
    parts = pd.DataFrame({"part": ratings.PARTS, "kind": ["value"] * 4 + ["cost"] * 4, "importance": weights})
    for firm, values in rated.items():
        means = np.array([_mean(column, counts)[:3] for column in values.T])
        parts[[f"{firm}{end}" for end in _ENDS]] = means
    differences = [
        row for rival in names[1:] for row in _differences(rival, rated[names[0]], rated[rival], weights, signs, counts)
    ]
    table = pd.DataFrame(differences, columns=["firm", "part", "answers", *_NUMBERS])
    single = table["part"] != "delivered"
    table["p_holm"] = np.nan
    if single.any():
        table.loc[single, "p_holm"] = holm(table.loc[single, "p_value"].to_numpy("float64"))
    return DeliveredResult(pd.DataFrame(rows), parts, table, scale, importance is None)


_ENDS = ("", "_low", "_high")
_NUMBERS = (
    [f"advantage{end}" for end in _ENDS] + ["p_value"] + [f"better_share{end}" for end in _ENDS] + ["worse_share"]
)


def _firm_row(firm: str, values: np.ndarray, weights: np.ndarray, signs: np.ndarray, counts: np.ndarray) -> dict:
    whole = np.isfinite(values).all(axis=1) & (counts > 0)
    row: dict[str, object] = {"firm": firm, "answers": int(whole.sum())}
    for name, taken in (("value", signs > 0), ("cost", signs < 0), ("delivered", signs != 0)):
        sign = signs[taken] if name == "delivered" else np.ones(int(taken.sum()))
        scores = np.where(whole, values[:, taken] @ (sign * weights[taken]), np.nan)
        row |= dict(zip((f"{name}{end}" for end in _ENDS), _mean(scores, counts)[:3], strict=True))
    return row


def _differences(
    rival: str, own: np.ndarray, theirs: np.ndarray, weights: np.ndarray, signs: np.ndarray, counts: np.ndarray
) -> list[dict]:
    gaps = (own - theirs) * signs
    rows = [_gap_row(rival, part, gap, counts) for part, gap in zip(ratings.PARTS, gaps.T, strict=True)]
    whole = gaps @ weights
    row = _gap_row(rival, "delivered", whole, counts)
    known = np.isfinite(whole) & (counts > 0)
    if known.any():
        w, n = counts[known], effective(counts[known])
        better, worse = (float(w @ side / w.sum()) for side in (whole[known] > 1e-9, whole[known] < -1e-9))
        low, high = wilson(better * n, n)
        row |= {"better_share": better, "better_share_low": low, "better_share_high": high, "worse_share": worse}
    return [*rows, row]


def _gap_row(rival: str, part: str, gap: np.ndarray, counts: np.ndarray) -> dict[str, object]:
    number = int((np.isfinite(gap) & (counts > 0)).sum())
    return {"firm": rival, "part": part, "answers": number} | dict(zip(_NUMBERS, _mean(gap, counts), strict=False))


def _mean(values: np.ndarray, counts: np.ndarray) -> tuple[float, float, float, float]:
    """Weighted mean, ends of its 95 % interval, p-value of its being zero."""
    from scipy.stats import t

    known = np.isfinite(values) & (counts > 0)
    x, w, n = values[known], counts[known], int(known.sum())
    if n < 2:
        return (float(x[0]) if n else math.nan, math.nan, math.nan, math.nan)
    centre = float(w @ x / w.sum())
    error = float(np.sqrt(n / (n - 1) * (w**2 @ (x - centre) ** 2)) / w.sum())
    half = float(t.ppf(0.975, n - 1)) * error
    p_value = 2 * float(t.sf(abs(centre) / error, n - 1)) if error > 1e-12 else math.nan
    return centre, centre - half, centre + half, p_value


def _ends(row: pd.Series, name: str) -> str:
    return f"{row[name]:.2f} (95 % interval {row[f'{name}_low']:.2f} to {row[f'{name}_high']:.2f})"


def _words(part: str) -> str:
    return part.replace("_", " ")


def _upper(name: str) -> str:
    return "Our firm" if name == ratings.OWN else f"{name[:1].upper()}{name[1:]}"
