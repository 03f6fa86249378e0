"""Invariance: do groups use the questionnaire in the same way, so that their numbers can be compared?"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crm_analysis import style
from crm_analysis.result import Result
from crm_analysis.satisfaction.equations import goodness
from crm_analysis.satisfaction.equations.fitting import Fitted, fit
from crm_analysis.satisfaction.equations.preparation import Prepared, prepare
from crm_analysis.satisfaction.equations.soundness import judge_fit
from crm_analysis.satisfaction.equations.structural import interval_table
from crm_analysis.satisfaction.equations.structure import compile_rows
from crm_analysis.satisfaction.specification.specification import Model
from crm_analysis.satisfaction.syntax import Row
from crm_analysis.table import listed

LEVELS = {
    "configural": "the same items belong to the same constructs",
    "metric": "an item moves as much with its construct, so effects can be compared",
    "scalar": "an item is answered as high at the same satisfaction, so means can be compared",
    "strict": "items are equally exact, so sums of items can be compared",
}
"""The rungs of the ladder and what each allows."""

CFI_FALL = 0.010
"""A rung is refused if CFI falls by more (Cheung and Rensvold 2002)."""

RMSEA_RISE = 0.015
"""A rung is refused if RMSEA rises by more (Chen 2007)."""


@dataclass(frozen=True, eq=False, repr=False)
class InvarianceResult(Result):
    """The ladder of invariance.

    Attributes
    ----------
    steps : DataFrame
        One row per rung: ``level``, ``chisq``, ``df``, ``cfi``, ``rmsea``, ``srmr``, and against the rung below
        ``chisq_rise``, ``df_rise``, ``p_value``, ``cfi_change``, ``rmsea_change``; ``holds``.
    means : DataFrame
        Means of constructs in each group but the first, less those of the first, with 95 % intervals, in the units of
        the construct's first item and in standard deviations (``standardised``), by the scalar model.
    groups : tuple of str
        Names of the groups.
    notes : tuple of str
        What was left out, in sentences.
    """

    steps: pd.DataFrame
    means: pd.DataFrame
    groups: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())
    title = "Can the groups be compared?"
    shown: ClassVar[dict[str, str]] = {"steps": "Models that hold more and more equal between the groups"}

    @property
    def level(self) -> str:
        """Highest rung up to which all hold; empty if none does."""
        reached = ""
        for row in self.steps.to_dict("records"):
            if not row["holds"]:
                break
            reached = str(row["level"])
        return reached

    def to_frame(self) -> pd.DataFrame:
        return self.steps.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"steps": self.to_frame(), "means": self.means.copy()}

    def findings(self) -> tuple[str, ...]:
        if not len(self.steps):
            return ("No groups were compared: there is no survey in this study.",)
        between = listed([*self.groups[:5], *([f"{len(self.groups) - 5} more"] if len(self.groups) > 5 else [])])
        reached = self.level
        if not reached:
            row = self.steps.iloc[0]
            return (
                f"The groups {between} cannot be compared: the model does not fit them even with nothing held equal "
                f"(CFI {row['cfi']:.3f}, RMSEA {row['rmsea']:.3f}).",
                *self.notes,
            )
        found = [f"Between {between}, {reached} invariance holds: {LEVELS[reached]}."]
        refused = self.steps[~self.steps["holds"]]
        if len(refused):
            row = refused.iloc[0]
            found.append(
                f"The {row['level']} step is refused: CFI changes by {row['cfi_change']:.3f}, RMSEA by "
                f"{row['rmsea_change']:.3f}, and chi-square rises by {row['chisq_rise']:.1f} with "
                f"{int(row['df_rise'])} degrees of freedom (p {_p(row['p_value'])})."
            )
        if reached in ("configural", "metric"):
            found.append("Means and indices of these groups should not be compared on these items.")
        elif len(self.means):
            top = self.means.loc[self.means["standardised"].abs().idxmax()]
            found.append(
                f"The largest difference of means is in {top['construct']}: {top['group']} lies "
                f"{top['standardised']:+.2f} standard deviations from {self.groups[0]} ({top['estimate']:+.2f} points "
                f"of its first item, 95 % interval {top['ci_lower']:.2f} to {top['ci_upper']:.2f})."
            )
        return (*found, *self.notes)

    def metrics(self) -> dict[str, float]:
        found = {f"cfi_{row['level']}": float(row["cfi"]) for row in self.steps.to_dict("records")}
        return found | {"level": list(LEVELS).index(self.level) + 1 if self.level else 0}

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the change in CFI and RMSEA at each rung, and how much is allowed."""
        if not len(self.steps):
            return style.nothing(ax, title=self.title, why="There is no survey in this study.")
        ax = style.axes(ax, height=3.4)
        steps = self.steps.iloc[1:]
        place = np.arange(len(steps))
        ax.barh(place - 0.18, -steps["cfi_change"], height=0.34, color=style.PALETTE[0], label="fall in CFI")
        ax.barh(place + 0.18, steps["rmsea_change"], height=0.34, color=style.PALETTE[1], label="rise in RMSEA")
        ax.axvline(CFI_FALL, color=style.PALETTE[0], linestyle="--", linewidth=1)
        ax.axvline(RMSEA_RISE, color=style.PALETTE[1], linestyle="--", linewidth=1)
        ax.set_yticks(place, steps["level"])
        ax.invert_yaxis()
        ax.set_xlabel("change against the step before; dashed: how much is allowed")
        ax.set_title("What holding more equal costs")
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
        return style.describe(ax, f"Bars of the fall in CFI and the rise in RMSEA by step. {self.findings()[0]}")


def invariance(
    model: Model | str,
    answers: pd.DataFrame,
    *,
    group: str,
    missing: str = "listwise",
    weight: str | None = None,
) -> InvarianceResult:
    """Climb the ladder of invariance: configural, metric, scalar, strict.

    Parameters
    ----------
    model : Model or str
        A model, or its text in lavaan's notation. Paths stay free in each group, unless a label makes them one.
    answers : DataFrame
        A row per respondent, a column per item.
    group : str
        Column of the group.
    missing : {"listwise", "fiml"}
        As in `covariance.estimate`.
    weight : str, optional
        Column of survey weights. They do not correct the chi-squares; judge by CFI and RMSEA.

    Returns
    -------
    InvarianceResult
        Metric: equal loadings. Scalar: equal intercepts of items too, with the means of constructs free in every group
        but the first; those of a second-order construct, which lavaan frees too, cannot be told from those of its
        parts and stay 0. Strict: equal error variances of items too. The first rung holds if CFI is at least .90 or
        RMSEA at most .08; a further one if CFI falls by at most .010 and RMSEA rises by at most .015.

    References
    ----------
    Meredith, W. (1993). Measurement invariance, factor analysis and factorial invariance. Psychometrika 58, 525-543.

    Cheung, G. W. and Rensvold, R. B. (2002). Evaluating goodness-of-fit indexes for testing measurement invariance.
    Structural Equation Modeling 9, 233-255.

    Chen, F. F. (2007). Sensitivity of goodness of fit indexes to lack of measurement invariance. Structural Equation
    Modeling 14, 464-504.
    """
    if answers.empty:
        return InvarianceResult(pd.DataFrame(columns=["level", "cfi", "holds"]), pd.DataFrame())
    ready = prepare(model, answers, missing=missing, group=group, weight=weight)
    rungs: dict[str, Fitted] = {}
    for level in LEVELS:
        near = rungs[list(rungs)[-1]].estimates if rungs else None
        structure = compile_rows(
            ready.rows,
            groups=len(ready.groups),
            means=True,
            equal=_held(ready.rows, level),
            shifted=level in ("scalar", "strict"),
        )
        rungs[level] = fit(structure, ready.sample, near=near)
    unsound = [level for level, fitted in rungs.items() if not judge_fit(fitted).sound[0]]
    notes = ready.notes
    if unsound:
        notes = (*notes, f"The solution of the {listed(unsound)} model is not sound; read its numbers with caution.")
    return InvarianceResult(_ladder(rungs), _means(rungs["scalar"], ready), ready.groups, notes)


def _held(rows: tuple[Row, ...], level: str) -> Callable[[Row], bool]:
    latents = {row.lhs for row in rows if row.op == "=~"}
    rank = list(LEVELS).index(level)

    def held(row: Row) -> bool:
        return (
            (rank >= 1 and row.op == "=~")
            or (rank >= 2 and row.op == "~1" and row.lhs not in latents)
            or (rank >= 3 and row.op == "~~" and row.lhs == row.rhs and row.lhs not in latents)
        )

    return held


def _ladder(rungs: dict[str, Fitted]) -> pd.DataFrame:
    from scipy import stats

    rows: list[dict] = []
    for level, fitted in rungs.items():
        found = goodness.measures(fitted)
        row: dict[str, Any] = {"level": level} | {name: found[name] for name in ("chisq", "df", "cfi", "rmsea", "srmr")}
        if not rows:
            row |= dict.fromkeys(("chisq_rise", "df_rise", "p_value", "cfi_change", "rmsea_change"), math.nan)
            row["holds"] = bool(row["cfi"] >= 0.90 or row["rmsea"] <= 0.08)
        else:
            below = rows[-1]
            rise, more = row["chisq"] - below["chisq"], row["df"] - below["df"]
            cfi, rmsea = row["cfi"] - below["cfi"], row["rmsea"] - below["rmsea"]
            row |= {"chisq_rise": rise, "df_rise": more, "cfi_change": cfi, "rmsea_change": rmsea}
            row["p_value"] = float(stats.chi2.sf(rise, more)) if more else math.nan
            row["holds"] = bool(below["holds"] and cfi >= -CFI_FALL and rmsea <= RMSEA_RISE)
        rows.append(row)
    return pd.DataFrame(rows)


def _means(fitted: Fitted, ready: Prepared) -> pd.DataFrame:
    """Whole means, as the paths pass them on, of the constructs; not the intercepts of those that others explain."""
    from crm_analysis.satisfaction.equations.likelihood import implied
    from crm_analysis.satisfaction.equations.standardised import derivative

    structure, p = fitted.structure, len(fitted.structure.items)
    if not structure.latents:
        return pd.DataFrame()

    def away(values: np.ndarray) -> np.ndarray:
        mean = implied(structure, values).mean[..., p:]
        return mean[..., 1:, :] - mean[..., :1, :]

    value, slopes = derivative(structure, fitted.solution.theta[0], away)
    covariance = fitted.covariance(observed=not fitted.moments.complete)
    error = np.sqrt(np.einsum("glq,qs,gls->gl", slopes, covariance, slopes).clip(0))
    spread = np.sqrt(np.diagonal(fitted.implied.covariance[0, 0], axis1=-2, axis2=-1)[p:].clip(1e-12))
    names = pd.MultiIndex.from_product([ready.groups[1:], structure.latents], names=["group", "construct"])
    found = pd.DataFrame(interval_table(value.ravel(), error.ravel()), index=names).reset_index()
    # A construct that only constructs measure has no mean of its own.
    return found.assign(standardised=(value / spread).ravel())[found["se"] > 0].reset_index(drop=True)


def _p(value: float) -> str:
    return "below 0.001" if value < 0.001 else f"{value:.3f}"
