"""Reliability: can the items be trusted, and do they measure the constructs that they are said to measure?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from crm_analysis import resampling, style
from crm_analysis.result import Result, metric_key
from crm_analysis.satisfaction.composites import coefficientplot, consistency, discriminant, itemquality
from crm_analysis.satisfaction.composites.estimates import Estimates, solve
from crm_analysis.satisfaction.composites.pathmodel import PathModel
from crm_analysis.table import listed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MEASURES = ("alpha", "rho_a", "rho_c", "ave")
"""Cronbach's alpha, Dijkstra and Henseler's rho_A, composite reliability, average variance extracted."""

# Items that ask the same question in other words push reliability beyond this (Hair et al. 2019).
_REDUNDANT = 0.95


@dataclass(frozen=True, eq=False, repr=False)
class ReliabilityResult(Result):
    """Reliability and validity of the constructs.

    Attributes
    ----------
    constructs : DataFrame
        construct, items, each of `MEASURES` with its interval (``_low``, ``_high``), decision.
    items : DataFrame
        One row per item, see `itemquality.assess`.
    htmt : DataFrame
        One row per pair of constructs, see `discriminant.ratios`.
    fornell_larcker, crossloadings : DataFrame
        Roots of the average variance extracted on the diagonal above correlations; correlations of items with scores.
    distinct : Series of bool
        Whether each construct passes the criterion of Fornell and Larcker.
    absent : str
        Why there is nothing to assess; empty if there is.
    """

    constructs: pd.DataFrame
    items: pd.DataFrame
    htmt: pd.DataFrame
    fornell_larcker: pd.DataFrame
    crossloadings: pd.DataFrame
    distinct: pd.Series
    absent: str = ""
    title = "Reliability and validity"
    shown: ClassVar[dict[str, str]] = {
        "constructs": "Reliability of the constructs",
        "item_measures": "How each item goes with its construct",
        "advice": "Items to look at",
        "htmt": "Are the constructs told apart? Heterotrait-monotrait ratios",
        "fornell_larcker": "Correlations of the scores; diagonal: root of the average variance extracted",
    }

    def to_frame(self) -> pd.DataFrame:
        return self.constructs.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        looked_at = self.items[self.items["decision"].ne("keep")] if len(self.items) else self.items
        words = ["construct", "item", "decision", "advice"]
        return {
            "table": self.to_frame(),
            "constructs": self.constructs.copy(),
            "items": self.items.copy(),
            "item_measures": self.items.drop(columns=["advice", "alpha"], errors="ignore"),
            "advice": looked_at.reindex(columns=words).reset_index(drop=True),
            "htmt": self.htmt.copy(),
            "fornell_larcker": self.fornell_larcker.reset_index(),
            "crossloadings": self.crossloadings.reset_index(),
        }

    def findings(self) -> tuple[str, ...]:
        if self.absent:
            return (self.absent,)
        sentences = [_weak(row) for row in self.items.to_dict("records") if row["decision"] in ("drop", "recode")]
        sentences += [_poor(row) for row in self.constructs.to_dict("records") if row["decision"] == "not reliable"]
        sentences += self._together()
        narrow = self.constructs[(self.constructs["ave"] < 0.5) & (self.constructs["decision"] != "not tested")]
        if len(narrow):
            names = [f"{row['construct']} ({row['ave']:.2f})" for row in narrow.to_dict("records")]
            sentences.append(f"Less than half of the items' variance is shared (AVE below 0.5) in {listed(names)}.")
        doubted = self.constructs[(self.constructs["alpha"] < itemquality.ENOUGH) & (self.constructs["rho_c"] >= 0.7)]
        if len(doubted):
            names = [f"{row['construct']} ({row['alpha']:.2f})" for row in doubted.to_dict("records")]
            sentences.append(f"By alpha, which lets all items count alike, {listed(names)} would not pass 0.7.")
        watched = list(self.items.loc[self.items["decision"] == "watch", "item"])
        if watched:
            sentences.append(f"To be watched: {listed(watched)}; the table of items says why.")
        crowded = list(self.constructs.loc[self.constructs["decision"] == "redundant", "construct"])
        if crowded:
            sentences.append(
                f"The items of {listed(crowded)} nearly repeat each other; a shorter questionnaire would do."
            )
        mixed = self.htmt[self.htmt["signs"] == "mixed"]
        if len(mixed):
            where = "; ".join(f"{row['first']} and {row['second']}" for row in mixed.to_dict("records"))
            sentences.append(
                f"Correlations of both signs stand between the items of {where}: the heterotrait-monotrait ratio "
                "misleads there."
            )
        return (*sentences, self._summary())

    def _together(self) -> list[str]:
        merged = self.htmt[self.htmt["verdict"] == "not told apart"]
        if merged.empty:
            return []
        pairs = [
            f"{row['first']} and {row['second']} ({row['htmt']:.2f}, 95 % interval {row['htmt_low']:.2f} to "
            f"{row['htmt_high']:.2f})"
            for row in merged.sort_values("htmt", ascending=False).to_dict("records")
        ]
        return [f"Not told apart by these answers (HTMT may be 1): {'; '.join(pairs)}."]

    def _summary(self) -> str:
        tested = self.constructs[self.constructs["decision"] != "not tested"]
        good = list(tested.loc[tested["decision"].isin(["reliable", "redundant"]), "construct"])
        untested = list(self.constructs.loc[self.constructs["decision"] == "not tested", "construct"])
        rest = f"; {listed(untested)} cannot be tested" if untested else ""
        passed = list(self.distinct.index[self.distinct])
        apart = f"{len(passed)} of {len(self.distinct)} pass the criterion of Fornell and Larcker"
        names = listed(good) if good else "no construct"
        return f"Reliable (composite reliability of 0.7 or more): {names}{rest}; {apart}."

    def metrics(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for row in self.constructs.to_dict("records"):
            name = metric_key(row["construct"])
            found |= {f"{measure}_{name}": float(row[measure]) for measure in ("alpha", "rho_c", "ave")}
        return found

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the composite reliability of each construct with its interval; the dashed line is 0.7."""
        tested = self.constructs[self.constructs["decision"] != "not tested"] if not self.absent else self.constructs
        if tested.empty:
            why = self.absent or "Every construct has a single item or is a composite, so reliability cannot be tested."
            return style.nothing(ax, title="Reliability", why=why)
        ends = {"rho_c": "estimate", "rho_c_low": "ci_lower", "rho_c_high": "ci_upper"}
        rows = tested.rename(columns=ends)
        ax = coefficientplot.draw(ax, rows, names=list(rows["construct"]), groups=["all"] * len(rows))
        ax.axvline(itemquality.ENOUGH, color=style.MUTED, linestyle="--", linewidth=1)
        ax.set_title("Reliability of the constructs")
        ax.set_xlabel("composite reliability (dashed: 0.7)")
        low = rows.loc[rows["estimate"].idxmin()]
        text = f"The lowest is that of {low['construct']}, {low['estimate']:.2f}."
        return style.describe(ax, f"Points with intervals, one per construct, beside a line at 0.7. {text}")

    def plot_htmt(self, ax: Axes | None = None) -> Axes:
        """Draw the heterotrait-monotrait ratio of each pair with its interval, and the bounds 0.85, 0.90 and 1."""
        if self.absent:
            return style.nothing(ax, title="Heterotrait-monotrait ratios", why=self.absent)
        ends = {"htmt": "estimate", "htmt_low": "ci_lower", "htmt_high": "ci_upper"}
        rows = self.htmt.rename(columns=ends).sort_values("estimate", ascending=False, ignore_index=True)
        names = [f"{row['first']}, {row['second']}" for row in rows.to_dict("records")]
        ax = coefficientplot.draw(ax, rows, names=names, groups=["all"] * len(rows))
        for bound in discriminant.THRESHOLDS:
            ax.axvline(bound, color=style.ACCENT, linestyle="--" if bound < 1 else "-", linewidth=1)
        ax.set_title("Are the constructs told apart?")
        ax.set_xlabel("heterotrait-monotrait ratio (lines: 0.85, 0.90, 1)")
        top = f"The highest is {rows['estimate'][0]:.2f}, of {names[0]}."
        return style.describe(ax, f"Points with intervals, one per pair of constructs, beside three bounds. {top}")


def assess(fit: PathModel, *, bootstrap: int | None = None, seed: int | None = None) -> ReliabilityResult:
    """Assess the reliability and validity of the constructs of a PLS path model.

    Parameters
    ----------
    fit : PLSResult
        The estimated model. With consistent PLS, composite reliability and average variance extracted are those of
        common factors; else those of composites, which are higher.
    bootstrap, seed : int, optional
        Resamples for the percentile intervals, and their seed; by default those of the fit, or 1,000.

    Returns
    -------
    ReliabilityResult
        Decisions: a construct is ``reliable`` from a composite reliability of 0.7 on, ``redundant`` from 0.95 on, and
        ``not tested`` if it has a single item or mode B.

    References
    ----------
    Hair, J. F., Risher, J. J., Sarstedt, M., Ringle, C. M. (2019). When to use and how to report the results of
    PLS-SEM. European Business Review 31, 2-24. The measures' own sources are in `consistency`.
    """
    if fit.sample is None or fit.estimates is None:
        nothing = pd.DataFrame()
        return ReliabilityResult(
            pd.DataFrame(columns=["construct"]),
            pd.DataFrame(columns=["item"]),
            pd.DataFrame(columns=["first"]),
            nothing,
            nothing,
            pd.Series(dtype=bool),
            fit.absent,
        )
    resamples = (fit.resamples or 1000) if bootstrap is None else bootstrap
    reference = fit.estimates.loadings[0]
    blocks = [
        _measured(solve(stack, fit.design, fit.settings, reference=reference), fit)
        for _, stack in fit.sample.resampled(resamples=resamples, seed=fit.seed if seed is None else seed)
    ]
    point = _measured(fit.estimates, fit)[0]
    draws = np.concatenate(blocks) if blocks else np.empty((0, len(point)))
    low, high = resampling.percentile(draws)
    size, items = len(fit.design.names), len(fit.design.items)
    at = np.cumsum([0, *[size] * len(MEASURES), items])
    constructs = pd.DataFrame({"construct": list(fit.design.names), "items": fit.design.sizes})
    for number, measure in enumerate(MEASURES):
        part = slice(at[number], at[number + 1])
        constructs[measure], constructs[f"{measure}_low"], constructs[f"{measure}_high"] = (
            point[part],
            low[part],
            high[part],
        )
    tested = (fit.design.sizes > 1) & np.array([mode == "A" for mode in fit.design.modes])
    constructs["decision"] = [_decide(row, known) for row, known in zip(constructs["rho_c"], tested, strict=True)]
    loading, ratio = slice(at[-2], at[-1]), slice(at[-1], None)
    return ReliabilityResult(
        constructs,
        itemquality.assess(fit, low[loading], high[loading]),
        discriminant.ratios(fit, low[ratio], high[ratio]),
        discriminant.fornell_larcker(fit),
        fit.crossloadings,
        discriminant.passes(fit),
    )


def _measured(found: Estimates, fit: PathModel) -> np.ndarray:
    """Measures, loadings and ratios of each usable sample, side by side."""
    parts = (
        consistency.alpha(found.items, fit.design),
        found.rho_a,
        consistency.rho_c(found.loadings, fit.design),
        consistency.ave(found.loadings, fit.design),
        found.loadings,
        found.htmt,
    )
    return np.concatenate(parts, axis=1)[found.usable]


def _decide(reliability: float, tested: bool) -> str:
    if not tested:
        return "not tested"
    return (
        "not reliable" if reliability < itemquality.ENOUGH else "redundant" if reliability > _REDUNDANT else "reliable"
    )


def _weak(row: dict) -> str:
    rise = ""
    if row["alpha_without"] > row["alpha"]:
        rise = f"; without it, alpha of {row['construct']} rises from {row['alpha']:.2f} to {row['alpha_without']:.2f}"
    return (
        f"{row['item']} is a weak item of {row['construct']} (loading {row['loading']:.2f}, 95 % interval "
        f"{row['loading_low']:.2f} to {row['loading_high']:.2f}): {row['advice']}{rise}."
    )


def _poor(row: dict) -> str:
    return (
        f"{row['construct'].capitalize()} is not reliable: composite reliability {row['rho_c']:.2f} (95 % interval "
        f"{row['rho_c_low']:.2f} to {row['rho_c_high']:.2f}), alpha {row['alpha']:.2f}."
    )
