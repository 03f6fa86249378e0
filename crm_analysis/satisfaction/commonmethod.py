"""Common method: how much of what items share comes from being asked in one questionnaire?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crm_analysis import style
from crm_analysis.errors import UsageError
from crm_analysis.result import Result
from crm_analysis.satisfaction.equations import goodness
from crm_analysis.satisfaction.equations.fitting import Fitted, fit
from crm_analysis.satisfaction.equations.preparation import prepare
from crm_analysis.satisfaction.equations.soundness import judge_fit
from crm_analysis.satisfaction.equations.structure import compile_rows
from crm_analysis.satisfaction.moments import Sample
from crm_analysis.satisfaction.specification.specification import Model
from crm_analysis.satisfaction.syntax import Row
from crm_analysis.table import percent

METHOD = "common_method"
"""Name of the factor that all items share."""

_HARDLY = "so the method hardly matters"
# Causes that run through all constructs make such a factor, too, and answers cannot tell the two apart.
_MATTERS = "so the method may matter, or the constructs have so much in common: the answers cannot tell which"


@dataclass(frozen=True, eq=False, repr=False)
class MethodResult(Result):
    """Three measurement models of the same items, and how much a common factor explains.

    Attributes
    ----------
    models : DataFrame
        One row per model (``one factor``, ``constructs``, ``constructs and method``): ``chisq``, ``df``, ``cfi``,
        ``rmsea``, ``srmr``, ``sound``.
    items : DataFrame
        One row per item: ``construct``, ``item``, its standardised ``loading`` without and ``loading_with_method``
        with the common factor, and ``method_share``, the share of its variance that the factor explains.
    first_share : float
        Share of the variance of the items in their first principal component (Harman's test).
    p_value : float
        Of the chi-square difference that the common factor makes (1 degree of freedom).
    """

    models: pd.DataFrame
    items: pd.DataFrame
    first_share: float = math.nan
    p_value: float = math.nan
    title = "Is it the questionnaire?"
    shown: ClassVar[dict[str, str]] = {
        "models": "Models of the same items",
        "items": "Loadings with and without the method",
    }

    def to_frame(self) -> pd.DataFrame:
        return self.models.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"models": self.to_frame(), "items": self.items.copy()}

    def findings(self) -> tuple[str, ...]:
        if not len(self.models):
            return ("The common method was not checked: there is no survey in this study.",)
        one, constructs, method = self.models.to_dict("records")
        share, moved = self._share(), self._moved()
        verdict = _MATTERS if share > 0.25 or moved > 0.2 else _HARDLY
        found = [
            f"A factor common to all items explains {percent(share)} of their variance and moves the loadings by "
            f"{moved:.2f} on average, {verdict}.",
            f"One factor alone fits {'no worse' if one['cfi'] >= constructs['cfi'] - 0.01 else 'worse'} than the "
            f"constructs (CFI {one['cfi']:.3f} against {constructs['cfi']:.3f}); the first principal component holds "
            f"{percent(self.first_share)} of the variance (Harman's test, which alone decides nothing).",
        ]
        if not method["sound"]:
            found.append("The model with the common factor is not sound, so its share is only a hint.")
        return tuple(found)

    def metrics(self) -> dict[str, float]:
        if not len(self.models):
            return {}
        return {"method_share": self._share(), "first_component_share": self.first_share}

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw each item's loading without and with the common factor."""
        if not len(self.models):
            return style.nothing(ax, title=self.title, why="There is no survey in this study.")
        items = self.items
        ax = style.axes(ax, height=max(2.6, 0.27 * len(items) + 1.0))
        place = np.arange(len(items))
        ax.hlines(place, items["loading"], items["loading_with_method"], color=style.GRID, linewidth=3, zorder=1)
        ax.scatter(items["loading"], place, color=style.PALETTE[0], label="constructs only", zorder=2)
        ax.scatter(items["loading_with_method"], place, color=style.PALETTE[1], label="with a common factor", zorder=3)
        ax.set_yticks(place, items["item"])
        ax.invert_yaxis()
        ax.set_xlabel("standardised loading")
        ax.set_title("Loadings with and without a common method")
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
        return style.describe(ax, f"Loadings of {len(items)} items in two models. {self.findings()[0]}")

    def _share(self) -> float:
        return float(self.items["method_share"].mean())

    def _moved(self) -> float:
        return float((self.items["loading"] - self.items["loading_with_method"]).abs().mean())


def common_method(model: Model | str, answers: pd.DataFrame) -> MethodResult:
    """Check for common-method variance in the items of constructs that have two items or more.

    Parameters
    ----------
    model : Model or str
        A model, or its text in lavaan's notation; only what measures constructs is used, and they covary freely.
    answers : DataFrame
        A row per respondent, a column per item; who did not answer every item is left out.

    Returns
    -------
    MethodResult
        A common factor loads on every item, standardised, alike, and covaries with no construct (Podsakoff et al.
        2003, unmeasured latent method factor). It takes up any influence that all items share, a true one too.

    Raises
    ------
    UsageError
        If fewer than two constructs have two items or more.

    References
    ----------
    Podsakoff, P. M., MacKenzie, S. B., Lee, J.-Y. and Podsakoff, N. P. (2003). Common method biases in behavioral
    research. Journal of Applied Psychology 88, 879-903.
    """
    if answers.empty:
        return MethodResult(pd.DataFrame(columns=["model", "cfi"]), pd.DataFrame(columns=["item", "method_share"]))
    ready = prepare(model, answers)
    by_construct: dict[str, list[str]] = {}
    for row in ready.rows:
        if row.op == "=~":
            by_construct.setdefault(row.lhs, []).append(row.rhs)
    by_construct = {name: items for name, items in by_construct.items() if len(items) > 1}
    if len(by_construct) < 2:
        raise UsageError("The common method needs at least two constructs with two items or more each.")
    items = list(dict.fromkeys(item for several in by_construct.values() for item in several))
    names = compile_rows(ready.rows).items
    columns = ready.sample.answers[:, [names.index(item) for item in items]]
    sample = Sample((columns - columns.mean(axis=0)) / columns.std(axis=0))
    measured = [Row(name, "=~", item) for name, several in by_construct.items() for item in several]
    errors = [Row(item, "~~", item) for item in items]
    latent = list(by_construct)
    units = [Row(name, "~~", name, value=1.0) for name in latent]
    between = [Row(a, "~~", b) for index, a in enumerate(latent) for b in latent[index + 1 :]]
    method = [Row(METHOD, "=~", item, label="method") for item in items] + [Row(METHOD, "~~", METHOD, value=1.0)]
    free = [row if row.op == "~~" else Row(METHOD, "=~", row.rhs) for row in method]
    candidates = {
        "one factor": [*free, *errors],
        "constructs": [*measured, *errors, *units, *between],
        "constructs and method": [*measured, *method, *errors, *units, *between],
    }
    fits = {name: fit(compile_rows(rows), _ordered(sample, items, rows)) for name, rows in candidates.items()}
    return _result(fits, sample, items)


def _ordered(sample: Sample, items: list[str], rows: list[Row]) -> Sample:
    return Sample(sample.answers[:, [items.index(item) for item in compile_rows(rows).items]])


def _result(fits: dict[str, Fitted], sample: Sample, items: list[str]) -> MethodResult:
    from scipy import stats

    models: list[dict[str, Any]] = []
    for name, fitted in fits.items():
        found = goodness.measures(fitted)
        kept = {measure: found[measure] for measure in ("chisq", "df", "cfi", "rmsea", "srmr")}
        models.append({"model": name, **kept, "sound": bool(judge_fit(fitted).sound[0])})
    loads = {name: _loadings(fits[name]) for name in ("constructs", "constructs and method")}
    common = loads["constructs and method"][METHOD]
    rows = [
        {
            "construct": construct,
            "item": item,
            "loading": loading,
            "loading_with_method": loads["constructs and method"][construct][item],
            "method_share": common[item] ** 2,
        }
        for construct, several in loads["constructs"].items()
        for item, loading in several.items()
    ]
    sizes = np.linalg.eigvalsh(np.corrcoef(sample.answers.T))
    fall = models[1]["chisq"] - models[2]["chisq"]
    return MethodResult(
        pd.DataFrame(models), pd.DataFrame(rows), float(sizes[-1] / len(items)), float(stats.chi2.sf(max(fall, 0.0), 1))
    )


def _loadings(fitted: Fitted) -> dict[str, dict[str, float]]:
    """Items have variance 1 and so have latents: loadings are standardised; signs by the first of each construct."""
    found: dict[str, dict[str, float]] = {}
    for row, value in zip(fitted.structure.rows, fitted.estimates[0], strict=True):
        if row.op == "=~":
            found.setdefault(row.lhs, {})[row.rhs] = float(value)
    return {
        name: {item: value * math.copysign(1.0, sum(several.values())) for item, value in several.items()}
        for name, several in found.items()
    }
