"""Uplift: whom a contact changes, learned from campaigns with a control group drawn by lot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from crm_analysis import options, resampling, style
from crm_analysis.churn import learners
from crm_analysis.errors import UsageError
from crm_analysis.proportion import effective, newcombe
from crm_analysis.result import Result
from crm_analysis.table import count, decimal

METHODS = {"two models": "two models", "transformed outcome": "transformed outcome"}
"""Ways to learn whom a contact changes."""

_GROUPS = 5
_STEPS = 50
_FEWEST = 50


@dataclass(frozen=True, eq=False, repr=False)
class UpliftResult(Result):
    """Whether it is known whom a contact changes.

    Attributes
    ----------
    methods : DataFrame
        One row per way of ordering the customers: qini (percentage points of all customers) with its interval.
    groups : DataFrame
        Customers in five groups by falling predicted uplift of the best method: treated, control, the share of each
        who responded, and the difference with its interval, in percentage points.
    curve : DataFrame
        One row per method and share contacted: additional responses by 100 customers.
    effect : dict
        Mean effect of a contact in percentage points: estimate, low, high; treated and control customers.
    scores : DataFrame
        One row per row of the campaigns that was tested: customer_id, each method's predicted uplift and the predicted
        response to a contact, as shares. Customers are ordered by them within their fold.
    """

    methods: pd.DataFrame
    groups: pd.DataFrame
    curve: pd.DataFrame
    effect: dict[str, float]
    scores: pd.DataFrame
    missing: str = ""
    title = "Whom does a contact change?"
    shown: ClassVar[dict[str, str]] = {
        "methods": "Qini coefficient: additional responses by 100 customers beyond a choice by lot",
        "groups": "Customers in five groups by predicted uplift",
    }

    def to_frame(self) -> pd.DataFrame:
        return self.methods.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {
            "methods": self.methods.copy(),
            "groups": self.groups.copy(),
            "curve": self.curve.copy(),
            "scores": self.scores.copy(),
        }

    def metrics(self) -> dict[str, float]:
        if self.missing:
            return {}
        return {"effect_points": self.effect["estimate"], "qini": float(self.methods["qini"].max())}

    def overall(self) -> pd.DataFrame:
        """Return the mean effect of a contact as one row: effect_share with its interval; no row if it is not known."""
        ends = {"effect_share": "estimate", "effect_share_low": "low", "effect_share_high": "high"}
        rows = [] if self.missing else [{name: self.effect[key] / 100 for name, key in ends.items()}]
        return pd.DataFrame(rows, columns=list(ends))

    def findings(self) -> tuple[str, ...]:
        if self.missing:
            return (f"Whom a contact changes cannot be told: {self.missing}.",)
        e = self.effect
        said = [
            f"A contact changes the response by {_points(e['estimate'], e['low'], e['high'])} on average "
            f"({count(int(e['treated']), 'contact')}, {int(e['control']):,} without)."
        ]
        works = self.methods[(self.methods["qini_low"] > 0) & self.methods["method"].isin(METHODS)]
        if len(works):
            best = works.loc[works["qini"].idxmax()]
            top, last = self.groups.iloc[0], self.groups.iloc[-1]
            said.append(
                f"Ordered by {best['method']}, the fifth with the highest predicted uplift gains "
                f"{_points(*(top[f'difference_points{end}'] for end in ('', '_low', '_high')))}, the last fifth "
                f"{_points(*(last[f'difference_points{end}'] for end in ('', '_low', '_high')))}."
            )
        else:
            said.append(
                "No method is shown to know whom a contact changes: contact by lot, or by cost, and learn more."
            )
        risk = self.methods[self.methods["method"] == "response"]
        if len(risk) and len(works):
            said.append(
                "Ordering by the probability to respond finds them as well here, which need not be so: who responds is "
                "not always whom a contact changes."
                if risk["qini_low"].iloc[0] > 0
                else "Ordering by the probability to respond does not find them: many of these would have come anyway."
            )
        return tuple(said)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the Qini curves: additional responses over the share of customers contacted."""
        if self.missing:
            return style.nothing(ax, title=self.title, why=self.findings()[0])
        ax = style.axes(ax, height=4.2)
        for (name, rows), colour in zip(self.curve.groupby("method", sort=False), style.PALETTE, strict=False):
            ax.plot(rows["contacted_share"], rows["additional"], color=colour, label=str(name))
        whole = self.curve["additional"].iloc[-1] if len(self.curve) else 0.0
        ax.plot([0, 1], [0, whole], color=style.MUTED, linestyle="--", linewidth=1, label="by lot")
        ax.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        ax.set_xlabel("customers contacted, the highest predicted uplift first")
        ax.set_ylabel("additional responses by 100 customers")
        ax.set_title("Whom a contact changes")
        ax.legend()
        return style.describe(ax, f"Qini curves. {self.findings()[0]}")

    def plot_groups(self, ax: Axes | None = None) -> Axes:
        """Draw the effect of a contact in five groups by predicted uplift, with intervals."""
        if self.missing:
            return style.nothing(ax, title=self.title, why=self.findings()[0])
        ax = style.axes(ax, height=3.6)
        middle = self.groups["difference_points"].to_numpy()
        ends = np.abs(self.groups[["difference_points_low", "difference_points_high"]].to_numpy().T - middle)
        ax.errorbar(self.groups["group"], middle, yerr=ends, fmt="o", color=style.PALETTE[0], capsize=4)
        ax.axhline(0, color=style.MUTED, linewidth=1)
        ax.set_xticks(self.groups["group"])
        ax.set_xlabel("fifth of the customers by predicted uplift (1: highest)")
        ax.set_ylabel("effect of a contact (percentage points)")
        ax.set_title("Effect of a contact by predicted uplift")
        return style.describe(ax, f"Effect of a contact by fifth of predicted uplift. {self.findings()[0]}")


def _points(value: float, low: float, high: float) -> str:
    ends = f"95 % interval {decimal(low, digits=1)} to {decimal(high, digits=1)}"
    return f"{decimal(value, digits=1)} percentage points ({ends})"


def estimate(
    features: pd.DataFrame,
    *,
    treated: pd.Series | np.ndarray,
    response: pd.Series | np.ndarray,
    campaign: pd.Series | np.ndarray | None = None,
    folds: int = 5,
    resamples: int = 500,
    seed: int = 0,
) -> UpliftResult:
    """Learn whom a contact changes, and test it on customers that were not used to learn.

    Parameters
    ----------
    features : DataFrame
        One row per customer and campaign, indexed by customer_id: what was known before the contact.
    treated : array of shape (n,)
        1 for who was contacted, 0 for the control group; drawn by lot.
    response : array of shape (n,)
        1 for who responded (bought, stayed), else 0.
    campaign : array of shape (n,), optional
        The campaign of each row; by default one. Where campaigns held out different shares, customers are weighted so
        that each campaign has the same share in both arms; one in which all or none were contacted is left out.
    folds : int
        Folds, by customer, 2 or more; every one but the first is tested, by models learned from those before it.
    resamples : int
        Bootstrap resamples of the customers.
    seed : int
        Of folds and resamples.

    Returns
    -------
    UpliftResult
        Without rows, or with fewer than 50 customers in an arm, one whose finding says so.

    Raises
    ------
    UsageError
        If lengths differ or values are not 0 and 1.

    Notes
    -----
    *Two models*: one of the response of the treated, one of the control; the difference of the two predictions.
    *Transformed outcome*: y t / e - y (1 - t) / (1 - e), with e the share treated, has the uplift as its mean, so that
    a regression of it learns the uplift (Athey and Imbens 2016). Qini curve (Radcliffe 2007): additional responses if
    the first share of the customers is contacted, (R_t / N_t - R_c / N_c) (N_t + N_c); the coefficient is the mean
    distance to the line of a choice by lot. Customers are ordered within their fold. Each fold is tested by models that
    know the earlier ones only: if each taught the others, every pair of folds would count twice, and a bootstrap of the
    customers would miss half of the variance where there is no uplift (Bengio and Grandvalet 2004). *Response* orders
    by the probability to respond when treated, as a campaign without a control group would. With e_c the share treated
    in a campaign and e in all, treated customers count e / e_c and the others (1 - e) / (1 - e_c); intervals of shares
    are then at the effective number (Kish 1965).

    References
    ----------
    Athey, S. and Imbens, G. (2016). Recursive partitioning for heterogeneous causal effects. PNAS 113, 7353-7360.
    Bengio, Y. and Grandvalet, Y. (2004). No unbiased estimator of the variance of K-fold cross-validation. JMLR 5,
    1089-1105.
    Gutierrez, P. and Gérardy, J.-Y. (2017). Causal inference and uplift modelling: a review. PMLR 67, 1-13.
    Radcliffe, N. J. (2007). Using control groups to target on predicted lift. Direct Marketing Analytics Journal.
    """
    folds = options.whole(folds, "folds", caller="uplift.estimate", least=2)
    resamples = options.whole(resamples, "resamples", caller="uplift.estimate", least=1)
    seed = options.whole(seed, "seed", caller="uplift.estimate")
    t, y = (np.asarray(values, dtype="float64") for values in (treated, response))
    if not len(features):
        return _nothing("no campaign has a control group")
    for name, values in (("treated", t), ("response", y)):
        if len(values) != len(features) or not np.isin(values, (0.0, 1.0)).all():
            raise UsageError(f"uplift.estimate: {name} must hold 0 or 1 for each of the {len(features):,} rows.")
    held = np.zeros(len(t)) if campaign is None else pd.factorize(np.asarray(campaign))[0]
    if len(held) != len(t):
        raise UsageError(f"uplift.estimate: campaign must name one for each of the {len(t):,} rows.")
    share = pd.Series(t).groupby(held).transform("mean").to_numpy()
    compared = (share > 0) & (share < 1)
    if compared.any():
        features, t, y, share = features[compared], t[compared], y[compared], share[compared]
    if min(t.sum(), (1 - t).sum()) < _FEWEST:
        return _nothing(
            f"{int(t.sum())} customers were contacted and {int((1 - t).sum())} held out; at least {_FEWEST} of each "
            "are needed"
        )
    fewest = int(min(t.sum(), (1 - t).sum()))
    if folds > fewest // 10:
        raise UsageError(
            f"uplift.estimate: {folds} folds are too many for {count(fewest, 'customer')} in the smaller arm; use at "
            f"most {fewest // 10}."
        )
    w = np.where(t == 1, t.mean() / share, (1 - t.mean()) / (1 - share))
    effect = dict(zip(("estimate", "low", "high"), _difference(t, y, w, np.ones(len(t), dtype=bool)), strict=True))
    effect |= {"treated": float(t.sum()), "control": float((1 - t).sum())}
    tested, found, ranked = _predicted(features, t, y, w, folds, seed)
    features, t, y, w = features.iloc[tested], t[tested], y[tested], w[tested]
    customers, owner = np.unique(features.index.to_numpy(), return_inverse=True)
    generator = np.random.default_rng(seed)
    weights = np.concatenate(list(resampling.counts(generator, size=len(customers), resamples=resamples)))
    rows, curves = [], []
    for name, rank in ranked.items():
        order = np.argsort(-rank, kind="stable")
        shares, curve = _qini(t, y, order, w[None, :])
        point = _coefficient(shares, curve)[0]
        drawn = np.concatenate(
            [
                _coefficient(*_qini(t, y, order, block[:, owner] * w))
                for block in np.array_split(weights, max(1, len(t) // 500))
            ]
        )
        low, high = np.nanquantile(drawn, [0.025, 0.975])
        rows.append({"method": name, "qini": point, "qini_low": low, "qini_high": high})
        curves.append(pd.DataFrame({"method": name, "contacted_share": shares, "additional": curve[0]}))
    methods = pd.DataFrame(rows)
    ways = methods[methods["method"].isin(METHODS)]
    best = str(ways.loc[ways["qini"].idxmax(), "method"])
    groups = _groups(t, y, w, ranked[best])
    table = pd.DataFrame({"customer_id": features.index, **found})
    return UpliftResult(methods, groups, pd.concat(curves, ignore_index=True), effect, table)


def _nothing(why: str) -> UpliftResult:
    none = pd.DataFrame(columns=["method", "qini", "qini_low", "qini_high"])
    return UpliftResult(none, pd.DataFrame(), pd.DataFrame(), {}, pd.DataFrame(), why)


def _predicted(
    features: pd.DataFrame, t: np.ndarray, y: np.ndarray, w: np.ndarray, folds: int, seed: int
) -> tuple[np.ndarray, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Rows that are tested, each method's prediction for them by models of the folds before theirs, and its rank."""
    from sklearn.linear_model import RidgeCV
    from sklearn.model_selection import StratifiedGroupKFold
    from sklearn.pipeline import make_pipeline

    customers = pd.factorize(features.index)[0]
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    parts = [test for _, test in splitter.split(features, (2 * t + y).astype(int), customers)]
    found: dict[str, list[np.ndarray]] = {name: [] for name in (*METHODS, "response")}
    for place in range(1, folds):
        train, test = np.sort(np.concatenate(parts[:place])), parts[place]
        seen, unseen = features.iloc[train], features.iloc[test]
        arms = []
        for arm in (1.0, 0.0):
            inside = train[t[train] == arm]
            if len(np.unique(y[inside])) < 2:
                arms.append(np.full(len(test), y[inside].mean()))
                continue
            model = learners.pipeline("logistic", seen, {"C": 0.03}, seed=seed)
            model.fit(features.iloc[inside], y[inside], logisticregression__sample_weight=w[inside])
            arms.append(model.predict_proba(unseen)[:, 1])
        outcome = y[train] * w[train] * (t[train] / t.mean() - (1 - t[train]) / (1 - t.mean()))
        prepared = learners.pipeline("logistic", seen, {"C": 0.03}, seed=seed)[0]
        regression = make_pipeline(prepared, RidgeCV(np.logspace(1, 5, 9)))
        found["two models"].append(arms[0] - arms[1])
        found["transformed outcome"].append(regression.fit(seen, outcome).predict(unseen))
        found["response"].append(arms[0])
    lot = np.random.default_rng(seed)
    ranked = {name: np.concatenate([_shares(score, lot) for score in scores]) for name, scores in found.items()}
    return np.concatenate(parts[1:]), {name: np.concatenate(scores) for name, scores in found.items()}, ranked


def _shares(score: np.ndarray, lot: np.random.Generator) -> np.ndarray:
    """The share of the scores that lie below each, ties by lot: rows come campaign by campaign."""
    shares = np.empty(len(score))
    shares[np.lexsort((lot.random(len(score)), score))] = (np.arange(len(score)) + 0.5) / len(score)
    return shares


def _qini(t: np.ndarray, y: np.ndarray, order: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shares contacted, and additional responses by 100 customers at each, for every weighting."""
    w = weights[:, order]
    edges = np.unique(np.round(np.linspace(0, len(order), _STEPS + 1)).astype(int))
    sums = [
        np.cumsum(np.add.reduceat(w * part[order], edges[:-1], axis=1), axis=1)
        for part in (t, 1 - t, t * y, (1 - t) * y)
    ]
    n_t, n_c, r_t, r_c = sums
    with np.errstate(divide="ignore", invalid="ignore"):
        # By customers contacted: as many as there are, treated and control alike.
        gained = np.where((n_t > 0) & (n_c > 0), (r_t / n_t - r_c / n_c) * (n_t + n_c), 0.0)
    total = w.sum(axis=1, keepdims=True)
    curve = np.concatenate([np.zeros((len(w), 1)), 100 * gained / total], axis=1)
    return edges / len(order), curve


def _coefficient(shares: np.ndarray, curve: np.ndarray) -> np.ndarray:
    """Mean distance of the curve from the line to its end."""
    distance = curve - shares * curve[:, -1:]
    return np.trapezoid(distance, shares, axis=1)


def _difference(t: np.ndarray, y: np.ndarray, w: np.ndarray, inside: np.ndarray) -> tuple[float, float, float]:
    """Difference of two shares in percentage points, with Newcombe's interval (1998, method 10)."""
    counted: list[float] = []
    for arm in (1.0, 0.0):
        here = inside & (t == arm)
        total = effective(w[here]) if here.any() else 0.0
        counted += [total * float(np.average(y[here], weights=w[here])) if here.any() else 0.0, total]
    difference, low, high = newcombe(*counted)
    return 100 * difference, 100 * low, 100 * high


def _groups(t: np.ndarray, y: np.ndarray, w: np.ndarray, score: np.ndarray) -> pd.DataFrame:
    order = np.argsort(-score, kind="stable")
    rows = []
    for place, part in enumerate(np.array_split(order, _GROUPS), start=1):
        inside = np.zeros(len(t), dtype=bool)
        inside[part] = True
        difference, low, high = _difference(t, y, w, inside)
        arms = {name: inside & (t == arm) for name, arm in (("treated", 1.0), ("control", 0.0))}
        rows.append(
            {"group": place}
            | {name: int(arm.sum()) for name, arm in arms.items()}
            | {
                f"{name}_share": float(np.average(y[arm], weights=w[arm])) if arm.any() else np.nan
                for name, arm in arms.items()
            }
            | {"difference_points": difference, "difference_points_low": low, "difference_points_high": high}
        )
    return pd.DataFrame(rows)
