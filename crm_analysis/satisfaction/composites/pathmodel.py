"""Pathmodel: what PLS path modelling found: paths, loadings, weights, effects, and how sure they are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from crm_analysis.satisfaction.composites import discrepancy, inner
from crm_analysis.satisfaction.composites.design import Design
from crm_analysis.satisfaction.composites.estimates import Estimates, Settings
from crm_analysis.satisfaction.composites.sample import Sample

if TYPE_CHECKING:
    from crm_analysis.satisfaction.model import Model

_ENDS = ["estimate", "se", "ci_lower", "ci_upper"]


@dataclass(frozen=True, eq=False, repr=False)
class PathModel:
    """An estimated PLS path model and its tables.

    Attributes
    ----------
    model : Model
        What was estimated.
    design : Design
        The model as arrays.
    sample : Sample, optional
        The answers it was estimated from; None where there were none.
    settings : Settings
        How it was estimated.
    estimates : Estimates, optional
        All numbers of the whole sample, as arrays.
    parameters : DataFrame
        kind, first, second, estimate, se, ci_lower, ci_upper: every parameter in one table (see `parameters.labels`).
    draws : array of shape (resamples, parameters)
        The parameters in each usable bootstrap resample; without a bootstrap no rows.
    resamples, seed, interval : int, int, str
        How the intervals were made.
    sound : int
        Usable resamples in which no correlation, loading or R2 is beyond 1 (they can be with consistent PLS).
    absent : str
        Why there is no model; empty if there is one.
    """

    model: Model
    design: Design
    sample: Sample | None
    settings: Settings
    estimates: Estimates | None
    parameters: pd.DataFrame
    draws: np.ndarray
    resamples: int = 0
    seed: int = 0
    interval: str = "percentile"
    sound: int = 0
    absent: str = ""

    @cached_property
    def paths(self) -> pd.DataFrame:
        """Path coefficients: source, target, estimate, se, ci_lower, ci_upper."""
        found = self.of_kind("path").rename(columns={"first": "source", "second": "target"})
        return found[["source", "target", *_ENDS]]

    @cached_property
    def effects(self) -> pd.DataFrame:
        """Effects of constructs on constructs: effect (direct, indirect, total), source, target, estimate, interval."""
        kinds = {"path": "direct", "indirect": "indirect", "total": "total"}
        found = self.parameters[self.parameters["kind"].isin(kinds)].reset_index(drop=True)
        found = found.assign(effect=found["kind"].map(kinds)).rename(columns={"first": "source", "second": "target"})
        return found[["effect", "source", "target", *_ENDS]]

    @cached_property
    def outer(self) -> pd.DataFrame:
        """One row per item: construct, item, weight, loading, communality, redundancy, errors and intervals."""
        weight, loading = self.of_kind("weight"), self.of_kind("loading")
        table = pd.DataFrame({"construct": weight["first"], "item": weight["second"], "weight": weight["estimate"]})
        table["loading"] = loading["estimate"]
        table["communality"] = table["loading"] ** 2
        table["redundancy"] = table["communality"] * table["construct"].map(self.r2).astype("float64").fillna(0.0)
        for name, source in (("weight", weight), ("loading", loading)):
            for column in _ENDS[1:]:
                table[f"{name}_{column}"] = source[column]
        return table

    @cached_property
    def r2(self) -> pd.Series:
        """Explained share of the variance of each construct that has sources."""
        return self.of_kind("r2").set_index("first")["estimate"].rename("r2").rename_axis("construct")

    @cached_property
    def r2_adjusted(self) -> pd.Series:
        """R2 less what as many sources explain by chance: 1 - (1 - R2)(n - 1)/(n - k - 1)."""
        n = len(self.sample) if self.sample else 0
        sources = pd.Series({self.design.names[target]: len(found) for target, found in self.design.targets})
        return (1 - (1 - self.r2) * (n - 1) / (n - sources.reindex(self.r2.index) - 1)).rename("r2_adjusted")

    @cached_property
    def effect_sizes(self) -> pd.DataFrame:
        """One row per path: source, target, f2, vif (of the source among the target's sources)."""
        if self.estimates is None:
            return pd.DataFrame(columns=["source", "target", "f2", "vif"])
        f2 = inner.effect_sizes(self.estimates.correlations[0], self.estimates.r2[0], self.design)
        vif = inner.inflation(self.estimates.scores[0], self.design)
        names = self.design.names
        rows = [
            (names[a], names[b], f2[a, b], vif[a, b]) for a, b in zip(*np.nonzero(self.design.adjacency), strict=True)
        ]
        return pd.DataFrame(rows, columns=["source", "target", "f2", "vif"])

    @cached_property
    def htmt(self) -> pd.DataFrame:
        """Heterotrait-monotrait ratios: first, second, estimate, se, ci_lower, ci_upper."""
        return self.of_kind("htmt")[["first", "second", *_ENDS]]

    @cached_property
    def rho_a(self) -> pd.Series:
        """Reliability rho_A of each construct's score."""
        return self.of_kind("rho_a").set_index("first")["estimate"].rename("rho_a").rename_axis("construct")

    @cached_property
    def correlations(self) -> pd.DataFrame:
        """Correlations of the constructs that the paths are made from."""
        names = pd.Index(self.design.names, name="construct")
        found = np.full((len(names), len(names)), np.nan) if self.estimates is None else self.estimates.correlations[0]
        return pd.DataFrame(found, names, names)

    @cached_property
    def crossloadings(self) -> pd.DataFrame:
        """Correlations of every item (rows) with the score of every construct (columns)."""
        shape = (len(self.design.items), len(self.design.names))
        found = np.full(shape, np.nan) if self.estimates is None else self.estimates.crossloadings[0]
        return pd.DataFrame(found, pd.Index(self.design.items, name="item"), list(self.design.names))

    @cached_property
    def fit(self) -> pd.Series:
        """Fit of the whole: srmr, srmr_saturated (measurement alone), gof."""
        if self.estimates is None:
            return pd.Series({"srmr": np.nan, "srmr_saturated": np.nan, "gof": np.nan})
        srmr = {
            name: discrepancy.srmr(
                self.estimates, self.design, structural=structural, consistent=self.settings.consistent
            )
            for name, structural in (("srmr", True), ("srmr_saturated", False))
        }
        return pd.Series({**srmr, "gof": discrepancy.goodness(self.estimates, self.design)})

    @property
    def failed(self) -> int:
        """Bootstrap resamples that gave no estimate: the weights never stood still, or an item had no spread."""
        return self.resamples - len(self.draws)

    def scores(self) -> pd.DataFrame:
        """Return the scores of the respondents (mean 0, variance 1), one column per construct."""
        if self.sample is None or self.estimates is None:
            return pd.DataFrame(columns=list(self.design.names))
        means, covariances = self.sample.moments()
        spread = np.sqrt(np.diag(covariances[0])) if self.settings.standardise else 1.0
        weighted = (self.sample.answers - means[0]) / spread * self.estimates.weights[0]
        return pd.DataFrame(weighted @ self.design.membership, self.sample.index, list(self.design.names))

    @property
    def focus(self) -> str:
        """The construct that findings begin with: the model's target, satisfaction, or what most constructs lead to."""
        return self.model.focus

    def of_kind(self, kind: str) -> pd.DataFrame:
        """Parameters of one kind (see `parameters.labels`)."""
        return self.parameters[self.parameters["kind"] == kind].reset_index(drop=True)
