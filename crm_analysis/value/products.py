"""Products: which category will each customer buy next, and is the guess better than the bestseller?

Which categories are bought together is counted in the engine: `study.reports.baskets.associate`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from crm_analysis import style
from crm_analysis.errors import DataError, UsageError
from crm_analysis.proportion import Z, wilson
from crm_analysis.result import Result, metric_key
from crm_analysis.table import count, interval, percent, short
from crm_analysis.value.categories.occasions import Occasions, gather
from crm_analysis.value.categories.propensity import NextCategory

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["NextCategory", "PropensityResult", "next_category"]

MODEL, POPULAR, FAVOURITE, LAST = "model", "most popular category", "own favourite", "same as last time"
_NEEDED = ("customer_id", "time", "category")
_FEWEST_JUDGED = 20


@dataclass(frozen=True, eq=False, repr=False)
class PropensityResult(Result):
    """What customers buy next, and how well that was foretold out of time.

    Attributes
    ----------
    methods : DataFrame
        One row per way of guessing: hit_share (the guess was in the next purchase) and, among three guesses,
        hit_of_3_share, with 95 % intervals; log_loss (mean of - sum y_c log p_c; missing for ways that give no
        probability); gain_points (hits beyond those of the most popular category, in percentage points, paired) with
        its 95 % interval.
    categories : DataFrame
        One row per category: popularity_share (of all purchases), expected_share and bought_share (of the purchases
        judged; with its 95 % interval).
    customers : DataFrame
        One row per customer: customer_id, first, second, third (likeliest categories) with their probabilities,
        new_category (the likeliest not bought so far; empty if there is none) and its probability.
    model : NextCategory or None
        Fitted to all purchases: ``model.predict_proba(transactions)``.
    judged : int
        Customers with a purchase in the holdout and one before it.
    split : date or None
        The last day that was learned from before it was judged.
    why : str
        Why nothing can be said, if so.
    """

    methods: pd.DataFrame
    categories: pd.DataFrame
    customers: pd.DataFrame
    model: NextCategory | None
    judged: int
    split: date | None
    why: str = ""
    title = "What customers buy next"
    shown: ClassVar[dict[str, str]] = {
        "methods": "How often guesses were right, out of time",
        "categories": "Categories: foretold and bought",
    }

    def to_frame(self) -> pd.DataFrame:
        return self.methods.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {
            "methods": self.methods.copy(),
            "categories": self.categories.copy(),
            "customers": self.customers.copy(),
            "following": self.following().reset_index(),
        }

    def following(self) -> pd.DataFrame:
        """Return how much likelier each category (columns) is after one (rows) than usual; 1 is as usual."""
        if self.model is None:
            return pd.DataFrame(index=pd.Index([], name="after"))
        names = list(self.model.categories_)
        ratio = self.model.following_ / self.model.popularity_
        return pd.DataFrame(ratio, index=pd.Index(names, name="after"), columns=names)

    def findings(self) -> tuple[str, ...]:
        if self.model is None:
            return (self.why,)
        return (*self._verdict(), *self._calibrated(), *self._weights(), *self._offers())

    def _verdict(self) -> list[str]:
        if self.methods.empty:
            return [f"Fewer than {_FEWEST_JUDGED} customers bought again after {self.split}: no guess is judged."]
        of = self.methods.set_index("method")
        hits, top = (_hit(of.loc[name]) for name in (MODEL, POPULAR))
        model = of.loc[MODEL]
        gain = (
            f"{model['gain_points']:.1f} points (95 % interval {model['gain_points_low']:.1f} to "
            f"{model['gain_points_high']:.1f})"
        )
        if model["gain_points_low"] > 0:
            ending = f"guessing the most popular category was right in {top}: the model gains {gain}"
        elif model["gain_points_high"] < 0:
            ending = f"guessing the most popular category was right in {top}: the model loses {gain}; do not use it"
        else:
            ending = f"guessing the most popular category was right in {top}, which cannot be told apart ({gain})"
        sentences = [
            f"Of {count(self.judged, 'customer')} who bought again after {self.split}, the model's first guess was in "
            f"the next purchase of {hits}; {ending}."
        ]
        best = self.methods.loc[self.methods["hit_share"].idxmax()]
        if best["method"] not in (MODEL, POPULAR):
            same = best["hit_share_low"] <= model["hit_share"]
            than = (
                ", about as often as the model, whose gain is then in its probabilities" if same else ": rather use it"
            )
            sentences.append(f"The simple guess '{best['method']}' was right in {_hit(best)}{than}.")
        return sentences

    def _calibrated(self) -> list[str]:
        if self.methods.empty:
            return []
        table = self.categories
        below, above = (table["expected_share"] - table[f"bought_share_{end}"] for end in ("low", "high"))
        outside = table[(below < 0) | (above > 0)]
        if outside.empty:
            return ["The share foretold for each category is within the 95 % interval of what was bought."]
        parts = [
            f"{row['category']} {percent(row['expected_share'])} against {percent(row['bought_share'])}"
            for row in outside.to_dict("records")
        ]
        return [f"Foretold and bought differ beyond chance for: {'; '.join(parts)}."]

    def _weights(self) -> list[str]:
        assert self.model is not None
        weight = self.model.own_weight_
        text = f"{weight:,.1f}" if weight < 1000 else "more than a thousand"
        return [
            f"What others buy after the same purchase counts as much as {text} purchases of a customer's own; whoever "
            "has bought more often is judged mostly by that."
        ]

    def _offers(self) -> list[str]:
        fresh = self.customers.loc[self.customers["new_category"] != "", "new_category"].value_counts()
        if fresh.empty:
            return []
        return [
            f"For {count(int(fresh.sum()), 'customer')} there is a category not bought so far; it is most often "
            f"{fresh.index[0]} ({count(int(fresh.iloc[0]), 'customer')})."
        ]

    def metrics(self) -> dict[str, float]:
        found: dict[str, float] = {"customers": len(self.customers), "judged": self.judged}
        for row in self.methods.to_dict("records"):
            found[f"{metric_key(row['method'])}_hit_share"] = row["hit_share"]
        return found

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw how often each way of guessing was right, with 95 % intervals."""
        title = "How often the guess was in the next purchase"
        if self.methods.empty:
            return style.nothing(ax, title=title, why=self.findings()[0])
        ax = style.axes(ax, height=3.4)
        rows = self.methods.sort_values("hit_share", kind="stable").reset_index(drop=True)
        kinds = {"hit_share": "one guess", "hit_of_3_share": "three guesses"}
        for (column, label), color in zip(kinds.items(), style.PALETTE, strict=False):
            shown = rows[rows[column].notna()]
            shares = 100 * shown[column]
            reach = [shares - 100 * shown[f"{column}_low"], 100 * shown[f"{column}_high"] - shares]
            ax.errorbar(shares, shown.index, xerr=np.maximum(reach, 0), fmt="o", color=color, capsize=3, label=label)
        ax.set_yticks(range(len(rows)), rows["method"])
        ax.set_ylim(-0.6, len(rows) - 0.4)
        ax.set_xlim(0, 100)
        ax.set_xlabel("percent of customers, with 95 % interval")
        ax.set_title(title)
        ax.legend(loc="upper left", bbox_to_anchor=(1, 1), borderaxespad=0)
        ax.grid(axis="x")
        return style.describe(ax, f"Hit shares with whiskers by way of guessing. {self.findings()[0]}")

    def plot_following(self, ax: Axes | None = None) -> Axes:
        """Draw how much likelier each category is after another than usual."""
        import seaborn as sns

        title = "What follows what, by its usual chance"
        if self.model is None:
            return style.nothing(ax, title=title, why=self.why)
        ratio = self.following()
        order = np.argsort(-self.model.popularity_)[:15]
        ratio = ratio.iloc[order, order]
        names = [short(name, width=18) for name in ratio.columns]
        ax = style.axes(ax, width=max(5.6, 3.2 + 0.6 * len(names)), height=max(3.6, 2.2 + 0.42 * len(names)))
        reach = max(0.2, float(np.abs(np.log2(ratio.to_numpy())).max()))
        sns.heatmap(
            np.log2(ratio.to_numpy()), annot=ratio.to_numpy(), fmt=".1f", vmin=-reach, vmax=reach, ax=ax, cbar=False,
            cmap=sns.diverging_palette(30, 220, s=70, l=65, as_cmap=True), linewidths=1.5, linecolor="white",
            xticklabels=names, yticklabels=names,
        )  # fmt: skip
        ax.set_title(title)
        ax.set_xlabel("next purchase (1: as usual)")
        ax.set_ylabel("last purchase")
        ax.tick_params(length=0)
        ax.tick_params(axis="y", rotation=0)
        for text in ax.get_xticklabels():
            text.set(rotation=40, ha="right", rotation_mode="anchor")
        largest = ratio.max(axis=1)
        one = largest.idxmax()
        other = ratio.loc[one].idxmax()
        return style.describe(
            ax, f"Table of ratios by last and next category. The largest, {largest.max():.2f}, is {other} after {one}."
        )


def next_category(
    transactions: pd.DataFrame, *, as_of: str | date | None = None, holdout_days: int = 180
) -> PropensityResult:
    """Foretell the category of each customer's next purchase, and judge that out of time.

    Parameters
    ----------
    transactions : DataFrame
        Order lines: customer_id, time, category and, where they are there, order_id and amount (returns are left out).
    as_of : str or date, optional
        The last day that is known; by default that of the last line.
    holdout_days : int
        The model is learned from what lies so many days back, and judged by each customer's first purchase after that;
        then it is learned anew from everything.

    Returns
    -------
    PropensityResult
        Without categories or repeat purchases, one that says so.

    Raises
    ------
    UsageError
        If `holdout_days` is not positive.

    Notes
    -----
    See `categories.propensity.NextCategory` for the model. It is set beside three guesses that need none: the most
    popular category, the customer's favourite so far, and that of the last purchase (ties go to the more popular). Hits
    carry Wilson's interval; gains are paired differences with a normal interval.
    """
    if holdout_days < 1:
        raise UsageError(f"products: holdout_days must be 1 or more, not {holdout_days!r}.")
    absent = [name for name in _NEEDED if name not in transactions.columns]
    if absent or transactions["category"].isna().all():
        return _nothing("No order line of this study has a category, so nothing can be said of the next one.")
    bought = gather(transactions)
    last = pd.Timestamp(bought.days.max() if as_of is None or as_of == "" else as_of)
    bought = bought.within(bought.days <= last.to_datetime64())
    split = last - timedelta(days=holdout_days)
    try:
        model = NextCategory().learn(bought)
    except DataError:
        return _nothing("Too few customers have bought twice, or all in one category, to learn what follows what.")
    methods, shares, judged = _judge(bought, split)
    lasts = np.r_[bought.first[1:], True]
    standing = model.standing(bought)
    customers = _ranked(bought.customers[lasts], standing[0], model.chances(*standing), model.categories_)
    categories = pd.DataFrame({"category": model.categories_, "popularity_share": model.popularity_})
    categories = categories.merge(shares, on="category", how="left").sort_values(
        "popularity_share", ascending=False, kind="stable", ignore_index=True
    )
    return PropensityResult(methods, categories, customers, model, judged, split.date())


def _nothing(why: str) -> PropensityResult:
    columns = ["method", "hit_share"]
    nobody = pd.DataFrame({"customer_id": [], "first": [], "new_category": []})
    categories = pd.DataFrame({"category": [], "popularity_share": []})
    return PropensityResult(pd.DataFrame(columns=columns), categories, nobody, None, 0, None, why)


def _judge(bought: Occasions, split: pd.Timestamp) -> tuple[pd.DataFrame, pd.DataFrame, int]:
    """Learn until the split and judge by each customer's first purchase after it."""
    empty = pd.DataFrame({"category": [], "expected_share": [], "bought_share": []})
    past = bought.within(bought.days <= split.to_datetime64())
    later = bought.within(bought.days > split.to_datetime64())
    later = later.within(later.first)
    try:
        model = NextCategory().learn(past)
    except DataError:
        return pd.DataFrame(columns=["method", "hit_share"]), empty, 0
    lasts = np.r_[past.first[1:], True]
    known = pd.Index(past.customers[lasts])
    place = known.get_indexer(pd.Index(later.customers))
    target = later.shares[place >= 0]
    history, orders, last = (part[place[place >= 0]] for part in model.standing(past))
    if len(target) < _FEWEST_JUDGED:
        return pd.DataFrame(columns=["method", "hit_share"]), empty, len(target)
    chances = model.chances(history, orders, last)
    popular = np.broadcast_to(model.popularity_, chances.shape)
    scores = {MODEL: chances, POPULAR: popular, FAVOURITE: history + 1e-6 * popular, LAST: last + 1e-6 * popular}
    hits = {name: _hits(score, target) for name, score in scores.items()}
    rows = []
    for name, score in scores.items():
        row: dict[str, float | str] = {"method": name}
        for guesses, column in ((1, "hit_share"), (3, "hit_of_3_share")):
            found = int(_hits(score, target, guesses=guesses).sum())
            row |= _ends(column, (found / len(target), *wilson(found, len(target))))
        loss = -(target * np.log(np.maximum(score, 1e-12))).sum(axis=1)
        row["log_loss"] = float(loss.mean()) if name in (MODEL, POPULAR) else math.nan
        gain = 100 * (hits[name] - hits[POPULAR])
        half = Z * float(gain.std(ddof=1)) / math.sqrt(len(gain))
        row |= _ends("gain_points", (float(gain.mean()), float(gain.mean()) - half, float(gain.mean()) + half))
        rows.append(row)
    return pd.DataFrame(rows), _foretold(chances, target, model.categories_), len(target)


def _foretold(chances: np.ndarray, target: np.ndarray, categories: tuple[str, ...]) -> pd.DataFrame:
    """Mean chance and mean share of each category over those judged, the latter with a normal interval."""
    bought = target.mean(axis=0)
    half = Z * target.std(axis=0, ddof=1) / math.sqrt(len(target))
    found = pd.DataFrame({"category": categories, "expected_share": chances.mean(axis=0), "bought_share": bought})
    return found.assign(bought_share_low=np.maximum(bought - half, 0), bought_share_high=bought + half)


def _hits(scores: np.ndarray, target: np.ndarray, *, guesses: int = 1) -> np.ndarray:
    best = np.argsort(-scores, axis=1, kind="stable")[:, :guesses]
    return (np.take_along_axis(target, best, axis=1) > 0).any(axis=1).astype("float64")


def _ranked(ids: np.ndarray, history: np.ndarray, chances: np.ndarray, categories: tuple[str, ...]) -> pd.DataFrame:
    names, order = np.array(categories, dtype=object), np.argsort(-chances, axis=1, kind="stable")
    found: dict[str, np.ndarray] = {"customer_id": ids}
    for place, word in enumerate(("first", "second", "third")[: len(names)]):
        found[word] = names[order[:, place]]
        found[f"{word}_share"] = np.take_along_axis(chances, order[:, [place]], axis=1)[:, 0]
    fresh = np.where(history > 0, -1.0, chances)
    best = fresh.argmax(axis=1)
    there = fresh.max(axis=1) > 0
    found["new_category"] = np.where(there, names[best], "")
    found["new_category_share"] = np.where(there, fresh.max(axis=1), np.nan)
    return pd.DataFrame(found)


def _ends(name: str, ends: tuple[float, float, float]) -> dict[str, float]:
    return dict(zip((name, f"{name}_low", f"{name}_high"), ends, strict=True))


def _hit(row: pd.Series) -> str:
    return f"{percent(row['hit_share'])} ({interval(row['hit_share_low'], row['hit_share_high'])})"
