"""Structural: what a covariance model says, in tables, sentences and a path diagram."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crm_analysis import style
from crm_analysis.result import Result
from crm_analysis.satisfaction import pathdiagram
from crm_analysis.table import count, listed, percent

PARAMETERS = ("lhs", "op", "rhs", "estimate", "se", "z", "pvalue", "ci_lower", "ci_upper", "std_all")
EFFECTS = ("effect", "name", "source", "target", "estimate", "se", "z", "pvalue", "ci_lower", "ci_upper", "std_all")

# Cut-offs in common use: Hu and Bentler (1999) for close, their predecessors for acceptable fit.
_CLOSE = {"cfi": 0.95, "rmsea": 0.06, "srmr": 0.08}
_ACCEPTABLE = {"cfi": 0.90, "rmsea": 0.08, "srmr": 0.10}

# Heading, digits and the limit in common use of each measure that a page shows.
_ESSENTIALS = {
    "n": ("respondents", 0, "–"),
    "chisq": ("chi-square", 1, "–"),
    "df": ("degrees of freedom", 0, "–"),
    "pvalue": ("p of chi-square", 3, "above 0.05"),
    "cfi": ("CFI", 3, "0.95 or more"),
    "tli": ("TLI", 3, "0.95 or more"),
    "rmsea": ("RMSEA", 3, "0.06 or less"),
    "srmr": ("SRMR", 3, "0.08 or less"),
}


@dataclass(frozen=True, eq=False, repr=False)
class SEMResult(Result):
    """A structural equation model estimated from covariances.

    Attributes
    ----------
    parameters : DataFrame
        One row per parameter: ``lhs``, ``op`` and ``rhs`` as in lavaan, ``estimate``, ``se``, ``z``, ``pvalue``, the
        95 % interval ``ci_lower`` and ``ci_upper``, and ``std_all``, the completely standardised estimate; with groups
        also ``group``. A fixed parameter has no error.
    fit : Series
        Measures of fit, see `goodness.measures`.
    effects : DataFrame
        Effects that the model defines, and total and indirect effects of each construct on each other.
    r2 : Series
        Share of the variance of each construct and item that is explained; with groups, by group and variable.
    standardised : DataFrame
        Standardised estimates with their errors and 95 % intervals (delta method).
    modification : DataFrame
        What would change if one more parameter were free, see `modification.indices`.
    admissibility : DataFrame
        One row per check of the solution: ``check``, ``what``, ``passed``, ``detail``.
    bootstrap : DataFrame
        With resamples: of each free parameter and effect the ``estimate``, its ``se`` over the draws, and the
        ``percentile`` and ``bca`` intervals.
    draws : Series
        With resamples: their number, the share of those without a maximum, and of the inadmissible.
    notes : tuple of str
        What was done with missing answers and weights, in sentences.
    groups : tuple of str
        Names of the groups, if there are several.
    latents : tuple of str
        The constructs that are not observed.
    """

    parameters: pd.DataFrame
    fit: pd.Series
    effects: pd.DataFrame
    r2: pd.Series
    standardised: pd.DataFrame
    modification: pd.DataFrame
    admissibility: pd.DataFrame
    bootstrap: pd.DataFrame = field(default_factory=pd.DataFrame)
    draws: pd.Series = field(default_factory=lambda: pd.Series(dtype="float64"))
    notes: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    latents: tuple[str, ...] = ()
    title = "Structural equation model"
    shown: ClassVar[dict[str, str]] = {
        "essentials": "How well the model fits",
        "admissibility": "Is the solution possible?",
    }

    @property
    def sound(self) -> bool:
        """Whether the solution passes every check of admissibility."""
        return len(self.admissibility) > 0 and bool(self.admissibility["passed"].all())

    def to_frame(self) -> pd.DataFrame:
        return self.parameters.copy()

    def paths(self) -> pd.DataFrame:
        """Return the direct effects: ``source``, ``target``, ``estimate`` and ``standardised`` with their intervals."""
        key = [*(["group"] if self.groups else []), "lhs", "op", "rhs"]
        if not len(self.parameters):
            return pd.DataFrame(columns=["source", "target", "estimate", "standardised"])
        whole = self.parameters.merge(self.standardised, on=key, suffixes=("", "_std"))
        whole = whole[whole["op"] == "~"]
        found = {
            "source": whole["rhs"],
            "target": whole["lhs"],
            "estimate": whole["estimate"],
            "estimate_low": whole["ci_lower"],
            "estimate_high": whole["ci_upper"],
            "p_value": whole["pvalue"],
            "standardised": whole["estimate_std"],
            "standardised_low": whole["ci_lower_std"],
            "standardised_high": whole["ci_upper_std"],
        }
        if self.groups:
            found = {"group": whole["group"], **found}
        return pd.DataFrame(found).reset_index(drop=True)

    def frames(self) -> dict[str, pd.DataFrame]:
        return {
            "parameters": self.to_frame(),
            "paths": self.paths(),
            "effects": self.effects.copy(),
            "essentials": self._essentials(),
            "fit": self.fit.rename("value").rename_axis("measure").reset_index(),
            "r2": self.r2.rename("explained_share").reset_index(),
            "standardised": self.standardised.copy(),
            "modification": self.modification.copy(),
            "admissibility": self.admissibility.copy(),
            "bootstrap": self.bootstrap.copy(),
        }

    def _essentials(self) -> pd.DataFrame:
        """The measures of fit that a paper states, those beside them that hold for answers that are not normal."""
        if not len(self.fit):
            return pd.DataFrame(columns=["measure", "value"])
        robust = "chisq_scaled" in self.fit.index
        beside = {"chisq": "chisq_scaled", "pvalue": "pvalue_scaled"}
        rows = []
        for name, (title, digits, limit) in _ESSENTIALS.items():
            row = {"measure": title, "value": _measure(self.fit, name, digits)}
            other = beside.get(name, f"{name}_robust")
            if robust:
                row["robust"] = _measure(self.fit, other, digits) if other in self.fit.index else "–"
            rows.append(row | {"usually called good": limit})
        return pd.DataFrame(rows)

    def findings(self) -> tuple[str, ...]:
        """Whether the solution is possible, how it fits, what is strongest, what is not certain."""
        if not len(self.parameters):
            return ("No model was estimated: there is no survey in this study.",)
        found = [self._soundness(), self._fits(), *self._strongest(), *self._uncertain(), *self._resampled()]
        return (*(sentence for sentence in found if sentence), *self.notes)

    def metrics(self) -> dict[str, float]:
        kept = ("chisq", "df", "cfi", "tli", "rmsea", "srmr", "n")
        found = {name: float(self.fit[name]) for name in kept if name in self.fit.index}
        found["sound"] = int(self.sound)
        for row in self.paths().to_dict("records"):
            name = "_".join(str(row[part]) for part in ("group", "source", "target") if part in row)
            found[f"path_{_plain(name)}"] = float(row["standardised"])
        return found

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the constructs and their effects (of the first group); without paths, items and their loadings."""
        title = "Effects in standard deviations"
        if not len(self.parameters):
            return style.nothing(ax, title="Structural equation model", why="There is no survey in this study.")
        rows = self.standardised
        if self.groups:
            rows, title = rows[rows["group"] == self.groups[0]], f"{title}, {self.groups[0]}"
        op = "~" if (rows["op"] == "~").any() else "=~"
        rows = rows[rows["op"] == op]
        if op == "=~":
            title = title.replace("Effects", "Loadings")
        source, target = ("rhs", "lhs") if op == "~" else ("lhs", "rhs")
        arrows = rows.rename(columns={source: "source", target: "target"})
        explained = self.r2[self.groups[0]] if self.groups else self.r2
        notes = {name: f"R² {explained[name]:.2f}" for name in explained.index if not math.isnan(explained[name])}
        warning = "" if self.sound else " The solution is not sound."
        text = f"Path diagram with {count(len(arrows), 'arrow')}. {self._fits()}{warning}"
        title += "" if self.sound else " (not sound)"
        return pathdiagram.draw(arrows, title=title, notes=notes, text=text, ax=ax)

    def _soundness(self) -> str:
        if self.sound:
            return ""
        failed = self.admissibility[~self.admissibility["passed"]]
        reasons = "; ".join(failed["detail"])
        return (
            f"The solution is not sound and should not be interpreted: it fails the check that "
            f"{listed(list(failed['what']))} ({reasons})."
        )

    def _fits(self) -> str:
        fit = self.fit
        n = count(int(fit["n"]), "respondent")
        if not fit["df"]:
            return f"The model has as many parameters as moments, so its fit cannot be tested ({n})."
        words = (
            f"chi-square {fit['chisq']:.1f} with {int(fit['df'])} degrees of freedom, CFI {fit['cfi']:.3f}, RMSEA "
            f"{fit['rmsea']:.3f} (90 % interval {fit['rmsea_ci_lower']:.3f}–{fit['rmsea_ci_upper']:.3f}), SRMR "
            f"{fit['srmr']:.3f}; {n}"
        )
        if "cfi_robust" in fit.index:
            robust = f"CFI {fit['cfi_robust']:.3f}, RMSEA {fit['rmsea_robust']:.3f}"
            normal = "scaling_factor" not in fit.index
            said = "with complete answers they would be" if normal else "robust against answers that are not normal:"
            words += f"; {said} {robust}"
        return f"The model fits {_verdict(fit)} ({words})."

    def _strongest(self) -> list[str]:
        found: list[str] = []
        total = self.effects[self.effects["effect"] == "total"]
        if self.groups or not len(total) or not self.sound:
            return found
        causes = set(self.parameters.loc[self.parameters["op"] == "~", "rhs"])
        ends = [name for name in dict.fromkeys(total["target"]) if name not in causes] or [total["target"].iloc[-1]]
        end = ends[-1]
        rows = total[total["target"] == end]
        top = rows.loc[rows["std_all"].abs().idxmax()]
        found.append(
            f"The strongest effect on {end} in all comes from {top['source']}: one standard deviation more goes with "
            f"{top['std_all']:.2f} of {end} (not standardised {top['estimate']:.2f}, 95 % interval "
            f"{top['ci_lower']:.2f} to {top['ci_upper']:.2f})."
        )
        explained = [f"{percent(self.r2[name], digits=0)} of {name}" for name in dict.fromkeys(total["target"])]
        found.append(f"The model explains {listed(explained)}.")
        return found

    def _uncertain(self) -> list[str]:
        paths = self.paths()
        if not len(paths) or not self.sound:
            return []
        unsure = paths[~((paths["estimate_low"] > 0) | (paths["estimate_high"] < 0))]
        if not len(unsure):
            return [
                "The path differs from zero (95 % interval)."
                if len(paths) == 1
                else f"All {len(paths)} paths differ from zero (95 % intervals)."
            ]
        names = [f"{row['source']} to {row['target']}" for row in unsure.to_dict("records")]
        shown = listed([*names[:4], *([f"{len(names) - 4} more"] if len(names) > 4 else [])])
        many = (
            f"The 95 % intervals of {len(unsure)} of {len(paths)} paths hold"
            if len(paths) > 1
            else "The interval holds"
        )
        return [f"{many} zero: {shown}."]

    def _resampled(self) -> list[str]:
        if not len(self.draws):
            return []
        drawn = self.draws
        sentence = (
            f"Of {count(int(drawn['draws']), 'bootstrap draw')}, {percent(drawn['lost_share'])} have no maximum and "
            f"{percent(drawn['inadmissible_share'])} are not admissible"
        )
        if (1 - drawn["lost_share"]) * drawn["draws"] < 100:
            sentence += "; too few are left for intervals"
        elif drawn["lost_share"] > 0.01:
            sentence += "; the intervals leave out those without a maximum, and are too narrow for it"
        found = [f"{sentence}."]
        if "bollen_stine" in drawn.index:
            found.append(f"The Bollen-Stine bootstrap puts the p-value of the model at {drawn['bollen_stine']:.3f}.")
        return found


def _verdict(fit: pd.Series) -> str:
    robust = "_robust" if "cfi_robust" in fit.index else ""

    def within(limits: dict[str, float]) -> bool:
        return (
            fit[f"cfi{robust}"] >= limits["cfi"]
            and fit[f"rmsea{robust}"] <= limits["rmsea"]
            and fit["srmr"] <= limits["srmr"]
        )

    return "closely" if within(_CLOSE) else "acceptably" if within(_ACCEPTABLE) else "badly"


def _measure(fit: pd.Series, name: str, digits: int) -> str:
    """Write a measure, an RMSEA with its interval."""
    value = fit[name]
    if pd.isna(value):
        return "–"
    if name == "n":
        return f"{int(value):,}"
    text = "< 0.001" if name.startswith("pvalue") and value < 0.001 else f"{value:.{digits}f}"
    stem, _, kind = name.partition("_")
    ends = [f"{stem}_ci_{end}{'_' + kind if kind else ''}" for end in ("lower", "upper")]
    if not all(end in fit.index for end in ends) or fit[ends].isna().any():
        return text
    return f"{text} (90 % interval {fit[ends[0]]:.{digits}f} to {fit[ends[1]]:.{digits}f})"


def _plain(name: str) -> str:
    return re.sub(r"\W+", "_", name).strip("_").lower()


def interval_table(estimate: np.ndarray, error: np.ndarray) -> dict[str, np.ndarray]:
    """Return columns ``estimate``, ``se``, ``z``, ``pvalue``, ``ci_lower``, ``ci_upper`` by the normal distribution."""
    from scipy import stats

    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(error > 0, estimate / error, np.nan)
    half = stats.norm.ppf(0.975) * error
    return {
        "estimate": estimate,
        "se": error,
        "z": z,
        "pvalue": 2 * stats.norm.sf(np.abs(z)),
        "ci_lower": estimate - half,
        "ci_upper": estimate + half,
    }
