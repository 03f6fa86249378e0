"""Outcome: the Result of PLS path modelling: its findings, frames and pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from crm_analysis import style
from crm_analysis.result import Result, metric_key
from crm_analysis.satisfaction import pathdiagram
from crm_analysis.satisfaction.composites import coefficientplot, statements
from crm_analysis.satisfaction.composites.pathmodel import PathModel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ENDS = (("lower", "low"), ("upper", "high"))


@dataclass(frozen=True, eq=False, repr=False)
class PLSResult(PathModel, Result):
    """What PLS path modelling found; its attributes and tables are those of `PathModel`."""

    title = "PLS path model"
    shown: ClassVar[dict[str, str]] = {
        "paths": "Paths between constructs (standardised)",
        "reach": "Effects that also go by way of other constructs",
        "explained": "Explained share of each construct",
    }

    def to_frame(self) -> pd.DataFrame:
        return self.parameters.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        explained = (
            pd.DataFrame({"r2": self.r2, "r2_adjusted": self.r2_adjusted}).rename_axis("construct").reset_index()
        )
        paths = self.paths.merge(self.effect_sizes, on=["source", "target"])
        effects = self.effects[self.effects["effect"] != "direct"]
        both = {"ci_lower": "estimate_low", "ci_upper": "estimate_high"}
        ends = {f"{name}_ci_{end}": f"{name}_{short}" for name in ("weight", "loading") for end, short in _ENDS}
        return {
            "table": self.to_frame(),
            "paths": paths.rename(columns=both),
            "effects": effects.rename(columns=both).reset_index(drop=True),
            "reach": self._reach(),
            "outer": self.outer.rename(columns=ends).drop(columns=["weight_se", "loading_se"]),
            "explained": self.of_kind("r2")[["first", "ci_lower", "ci_upper"]]
            .rename(columns={"first": "construct", "ci_lower": "r2_low", "ci_upper": "r2_high"})
            .merge(explained, on="construct")[["construct", "r2", "r2_low", "r2_high", "r2_adjusted"]],
            "htmt": self.htmt.copy(),
            "correlations": self.correlations.rename_axis(columns=None).reset_index(),
        }

    def _reach(self) -> pd.DataFrame:
        """One row per pair of constructs that a way round leads between: the ways round, and all together."""
        table = self.effects[self.effects["effect"] == "indirect"][["source", "target"]]
        for effect in ("indirect", "total"):
            names = {"estimate": effect, "ci_lower": f"{effect}_low", "ci_upper": f"{effect}_high"}
            own = self.effects[self.effects["effect"] == effect].rename(columns=names)
            table = table.merge(own[["source", "target", *names.values()]], on=["source", "target"], how="left")
        return table

    def findings(self) -> tuple[str, ...]:
        return statements.of(self)

    def metrics(self) -> dict[str, float]:
        if self.estimates is None:
            return {}
        found = {f"r2_{metric_key(str(name))}": float(value) for name, value in self.r2.items()}
        for row in self.paths.to_dict("records"):
            found[f"path_{metric_key(row['source'])}_{metric_key(row['target'])}"] = float(row["estimate"])
        return found | {"srmr": float(self.fit["srmr"]), "respondents": len(self.sample or [])}

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the path coefficients with their intervals."""
        if self.absent:
            return style.nothing(ax, title="Paths", why=self.absent)
        names = [f"{row['source']} → {row['target']}" for row in self.paths.to_dict("records")]
        ax = coefficientplot.draw(ax, self.paths, names=names, groups=list(self.paths["target"]))
        ax.set_title("Which construct leads to which")
        ax.set_xlabel("path coefficient (standardised)")
        return style.describe(ax, f"Points with intervals, one per path. {self.findings()[0]}")

    def plot_diagram(self, ax: Axes | None = None) -> Axes:
        """Draw the constructs as boxes and the paths as arrows with their coefficients."""
        if self.absent:
            return style.nothing(ax, title="Path diagram", why=self.absent)
        notes = {str(name): f"R² = {value:.2f}" for name, value in self.r2.items()}
        text = f"Path diagram of {len(self.design.names)} constructs. {self.findings()[0]}"
        return pathdiagram.draw(self.paths, title="What leads to what (PLS)", notes=notes, text=text, ax=ax)

    def plot_loadings(self, ax: Axes | None = None) -> Axes:
        """Draw the loadings with their intervals; the dashed line at 0.7 is where an item shares half its variance."""
        if self.absent:
            return style.nothing(ax, title="Loadings", why=self.absent)
        loadings = self.of_kind("loading")
        ax = coefficientplot.draw(
            ax, loadings, names=list(loadings["second"]), groups=list(loadings["first"]), named=True
        )
        ax.axvline(np.sqrt(0.5), color=style.MUTED, linestyle="--", linewidth=1)
        ax.set_title("How closely each item goes with its construct")
        ax.set_xlabel("loading (dashed: half of the variance shared)")
        low = loadings.loc[loadings["estimate"].abs().idxmin()]
        text = f"The lowest loading is that of {low['second']}, {low['estimate']:.2f}."
        return style.describe(ax, f"Points with intervals, one per item, coloured by construct. {text}")
