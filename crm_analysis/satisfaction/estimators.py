"""Estimators: PLS, consistent PLS and CB-SEM side by side, and why they differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from crm_analysis import resampling, style
from crm_analysis.errors import UsageError
from crm_analysis.result import Result, metric_key
from crm_analysis.satisfaction import pls
from crm_analysis.satisfaction.sidebyside import contrast, explanation, refitting
from crm_analysis.satisfaction.sidebyside.estimates import SideBySide
from crm_analysis.satisfaction.sidebyside.refitting import METHODS, Refit
from crm_analysis.satisfaction.specification.specification import Model
from crm_analysis.table import percent, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# An estimator that fails in more of the resamples than not is not compared.
_MOST = 0.5
# An item that shares less than a sixth of its variance with its construct; constructs that are one but for a tenth.
_WEAK, _ONE = 0.4, 0.9
_MARKERS = {"pls": "o", "plsc": "D", "cb_sem": "s"}


@dataclass(frozen=True, eq=False, repr=False)
class EstimatorsResult(SideBySide, Result):
    """One model estimated in three ways; its attributes are those of `SideBySide`."""

    title = "Three estimators side by side"
    shown: ClassVar[dict[str, str]] = {
        "paths": "Paths by PLS, consistent PLS and CB-SEM (standardised)",
    }

    def to_frame(self) -> pd.DataFrame:
        return self.paths.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {
            "paths": self.to_frame(),
            "differences": self.differences.copy(),
            "effects": self.effects.copy(),
            "loadings": self.loadings.copy(),
            "explained": self.explained.copy(),
            "reliability": self.reliability.copy(),
            "remarks": pd.DataFrame({"remark": list(self.remarks())}),
        }

    def findings(self) -> tuple[str, ...]:
        return explanation.of(self)

    def remarks(self) -> tuple[str, ...]:
        """What else is to be known of the differences: errors that strengthen, loadings, misfit, explained shares."""
        return explanation.remarks(self)

    def metrics(self) -> dict[str, float]:
        found: dict[str, float] = {f"{method}_sound": int(not reason) for method, reason in self.reasons.items()}
        for row in self.paths.to_dict("records"):
            for method in METHODS:
                key = f"{method}_{metric_key(row['source'])}_{metric_key(row['target'])}"
                found |= {key: float(row[method])} if not self.reasons[method] else {}
        return found

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the estimates of each path with their intervals, one below the other."""
        if self.absent:
            return style.nothing(ax, title=self.title, why=self.absent)
        ends = zip(self.paths["source"], self.paths["target"], strict=True)
        names = [f"{short(source, width=20)} → {short(target, width=20)}" for source, target in ends]
        ax = _dots(ax, self.paths, names, {method: method for method in METHODS if not self.reasons[method]})
        ax.axvline(0, color=style.MUTED, linewidth=1)
        ax.set_title("The same paths, estimated in three ways")
        ax.set_xlabel("path coefficient (standardised)")
        return style.describe(ax, f"Points with intervals, up to three per path. {self.findings()[0]}")

    def plot_explained(self, ax: Axes | None = None) -> Axes:
        """Draw the explained share of each construct by each estimator."""
        if self.absent:
            return style.nothing(ax, title="Explained shares", why=self.absent)
        columns = {method: f"{method}_share" for method in METHODS if not self.reasons[method]}
        ax = _dots(ax, self.explained, list(self.explained["construct"]), columns)
        ax.set_xlim(0, 1)
        ax.xaxis.set_major_formatter(lambda value, _: percent(value, digits=0))
        ax.set_title("How much of each construct its causes explain")
        ax.set_xlabel("explained share of the variance")
        return style.describe(ax, f"Points with intervals, up to three per construct. {self.findings()[0]}")


def compare(
    model: Model | str, answers: pd.DataFrame, *, scheme: str = "path", bootstrap: int = 500, seed: int = 0
) -> EstimatorsResult:
    """Estimate one model by PLS, consistent PLS and CB-SEM on the same answers, and explain the differences.

    Parameters
    ----------
    model : Model or str
        A model, or its text in lavaan's notation.
    answers : DataFrame
        One row per respondent, a column per item; respondents with a missing answer are left out of all three.
    scheme : {"path", "centroid", "factorial"}
        Inner weighting of PLS, see `pls.estimate`.
    bootstrap : int
        Resamples, the same ones for all three, for percentile intervals of estimates and of their differences.
    seed : int
        Of the resamples.

    Returns
    -------
    EstimatorsResult
        An estimator without a sound solution on the answers, or in more than half of the resamples, is named with the
        reason and not compared (checks of CB-SEM: `soundness.CHECKS`; of PLSc: no correlation, loading or explained
        share beyond 1). A path differs if its Holm-adjusted p-value over the paths of a pair is below 0.05.

    Raises
    ------
    UsageError
        If a parameter or an item is not understood.
    DataError
        If PLS cannot be estimated from the answers.

    References
    ----------
    Dijkstra, T. K., Henseler, J. (2015). Consistent partial least squares path modeling. MIS Quarterly 39, 297-316.
    Jöreskog, K. G., Wold, H. (1982). The ML and PLS techniques for modeling with latent variables. In Systems under
    Indirect Observation I, 263-270. Rönkkö, M., Evermann, J. (2013). A critical examination of common beliefs about
    partial least squares path modeling. Organizational Research Methods 16, 425-448.
    """
    if bootstrap and bootstrap < 100:
        raise UsageError(f"estimators: bootstrap must be 0 or at least 100 resamples, not {bootstrap}.")
    model = Model.from_lavaan(model) if isinstance(model, str) else model
    if answers.empty:
        return _nothing("There are no answers to a survey in this study, so there is nothing to estimate.")
    numbered = answers.reset_index(drop=True)
    plain = pls.estimate(model, numbered, scheme=scheme)
    assert plain.sample is not None
    kept = numbered.loc[plain.sample.index]
    found = {
        "pls": refitting.by_weights(plain, resamples=bootstrap, seed=seed),
        "plsc": refitting.consistent(model, kept, plain, resamples=bootstrap, seed=seed),
        "cb_sem": refitting.by_covariances(model, kept, plain.design, resamples=bootstrap, seed=seed),
    }
    for method, refit in found.items():
        if refit.usable and refit.inadmissible_share > _MOST:
            found[method] = refitting.unusable(refit, why="its solution is sound by a hair only")
    return _result(plain, found, bootstrap)


def _result(plain: pls.PLSResult, found: dict[str, Refit], bootstrap: int) -> EstimatorsResult:
    assert plain.sample is not None
    design = plain.design
    ends = {"first": "source", "second": "target"}
    paths = contrast.numbers(found, design, "path").rename(columns=ends)
    reliability = pd.DataFrame(
        {"construct": design.names, "items": design.sizes, "rho_a": plain.rho_a.reindex(design.names).to_numpy()}
    )
    reference = next((method for method in ("cb_sem", "plsc") if found[method].usable), "")
    paths["weakened"] = np.nan
    if reference:
        paths["weakened"] = contrast.weakened(
            found[reference].correlations, reliability["rho_a"].to_numpy("float64"), design
        )
    explained = contrast.numbers(found, design, "r2").drop(columns="second").rename(columns={"first": "construct"})
    shares = {f"{method}{end}": f"{method}_share{end}" for method in METHODS for end in ("", "_low", "_high")}
    loadings = contrast.numbers(found, design, "loading")
    return EstimatorsResult(
        paths=paths,
        differences=contrast.differences(found, design, "path").rename(columns=ends),
        effects=contrast.numbers(found, design, "total").rename(columns=ends),
        loadings=loadings.rename(columns={"first": "construct", "second": "item"}),
        explained=explained.rename(columns=shares),
        reliability=reliability,
        loading_gap=_loading_gap(plain, found, reference),
        reasons={method: refit.reason for method, refit in found.items()},
        inadmissible={method: refit.inadmissible_share for method, refit in found.items()},
        fit=found["cb_sem"].fit or {},
        focus=plain.focus,
        respondents=len(plain.sample),
        left_out=plain.sample.left_out,
        resamples=bootstrap,
        cures=() if reference else _cures(plain),
    )


def _cures(plain: pls.PLSResult) -> tuple[str, ...]:
    """What is weakest in the measurement: items that hardly load, and the two constructs that are most nearly one."""
    design, rho = plain.design, plain.rho_a.reindex(plain.design.names).to_numpy("float64")
    weak = plain.outer[plain.outer["loading"].abs() < _WEAK]
    found = [f"leave {row['item']} out (loading {row['loading']:.2f})" for row in weak.to_dict("records")]
    with np.errstate(invalid="ignore"):
        pure = np.triu(np.abs(plain.correlations.to_numpy()) / np.sqrt(np.outer(rho, rho)), k=1)
    # The construct that the model is about is what the others are to explain.
    apart = (design.sizes > 1) & (np.array(design.names) != plain.focus)
    pure = np.where(apart[:, None] & apart & np.isfinite(pure), pure, 0.0)
    first, second = np.unravel_index(int(pure.argmax()), pure.shape)
    if pure[first, second] >= _ONE:
        ends = f"{short(design.names[first])} and {short(design.names[second])}"
        found.append(f"join {ends} (correlation without error {pure[first, second]:.2f})")
    return tuple(found)


def _loading_gap(plain: pls.PLSResult, found: dict[str, Refit], reference: str) -> dict[str, float]:
    design = plain.design
    of_loadings = np.flatnonzero((refitting.labels(design)["kind"] == "loading").to_numpy())
    rows = of_loadings[design.sizes[design.block] > 1]
    if not reference or not len(rows):
        return {}
    gap = (found["pls"].numbers - found[reference].numbers)[rows].mean()
    drawn = (found["pls"].draws - found[reference].draws)[:, rows].mean(axis=1, keepdims=True)
    low, high = resampling.percentile(drawn[np.isfinite(drawn[:, 0])])
    return {"difference": float(gap), "difference_low": float(low[0]), "difference_high": float(high[0])}


def _dots(ax: Axes | None, rows: pd.DataFrame, names: list[str], columns: dict[str, str]) -> Axes:
    """Draw a point with its interval for each row and estimator; rows from the top."""
    ax = style.axes(ax, height=max(2.6, 1.4 + 0.46 * len(rows)))
    place = np.arange(len(rows), dtype="float64")
    for number, (method, column) in enumerate(columns.items()):
        at = place + 0.24 * (number - (len(columns) - 1) / 2)
        color = style.PALETTE[list(METHODS).index(method)]
        ax.hlines(at, rows[f"{column}_low"], rows[f"{column}_high"], color=color, linewidth=1.8)
        ax.scatter(rows[column], at, color=color, marker=_MARKERS[method], s=26, zorder=3, label=METHODS[method])
    ax.set_yticks(place, [short(name, width=44) for name in names])
    ax.tick_params(axis="y", length=0, labelsize=9)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.grid(axis="x", color=style.GRID)
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax


def _nothing(why: str) -> EstimatorsResult:
    empty = pd.DataFrame
    return EstimatorsResult(
        paths=empty(columns=["source", "target", *METHODS, "weakened"]),
        differences=empty(columns=["pair", "source", "target", "difference"]),
        effects=empty(columns=["source", "target", *METHODS]),
        loadings=empty(columns=["construct", "item", *METHODS]),
        explained=empty(columns=["construct"]),
        reliability=empty(columns=["construct", "items", "rho_a"]),
        loading_gap={},
        reasons={},
        inadmissible={},
        fit={},
        absent=why,
    )
