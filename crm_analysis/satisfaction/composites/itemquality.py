"""Itemquality: how each item serves its construct, and what to do with a weak one."""

from __future__ import annotations

import numpy as np
import pandas as pd

from crm_analysis.satisfaction.composites import consistency
from crm_analysis.satisfaction.composites.design import Design
from crm_analysis.satisfaction.composites.pathmodel import PathModel

STRONG = float(np.sqrt(0.5))
"""Loading from which an item shares half of its variance with its construct."""
WEAK = 0.4
"""Loading below which an item is dropped (Hair et al. 2019)."""
ENOUGH = 0.7
"""Reliability that is asked of a construct (Nunnally 1978)."""


def assess(fit: PathModel, low: np.ndarray, high: np.ndarray) -> pd.DataFrame:
    """Judge the items one by one.

    Parameters
    ----------
    fit : PathModel
        The estimated model.
    low, high : array of shape (items,)
        Ends of the loadings' intervals.

    Returns
    -------
    DataFrame
        construct, item, loading, loading_low, loading_high, item_total (correlation with the sum of the construct's
        other items), alpha, alpha_without (alpha of the construct without the item, from three items on), rival,
        crossloading (the other construct whose score it goes with most closely, and how closely), decision (keep,
        watch, drop, recode, cannot be tested), advice.

    References
    ----------
    Hair, J. F., Risher, J. J., Sarstedt, M., Ringle, C. M. (2019). When to use and how to report the results of
    PLS-SEM. European Business Review 31, 2-24.
    """
    assert fit.estimates is not None
    design, found = fit.design, fit.estimates
    alpha = consistency.alpha(found.items, design)[0]
    reliable = consistency.rho_c(found.loadings, design)[0]
    ave = consistency.ave(found.loadings, design)[0]
    rows = []
    for item, name in enumerate(design.items):
        construct = int(design.block[item])
        others = np.abs(found.crossloadings[0, item]) * (np.arange(len(design.names)) != construct)
        rival = int(np.argmax(others))
        row = {
            "construct": design.names[construct],
            "item": name,
            "loading": float(found.loadings[0, item]),
            "loading_low": low[item],
            "loading_high": high[item],
            "item_total": _item_total(found.items[0], design, item),
            "alpha": float(alpha[construct]),
            "alpha_without": _alpha_without(found.items[0], design, item),
            "rival": design.names[rival],
            "crossloading": float(found.crossloadings[0, item, rival]),
        }
        own = abs(float(found.crossloadings[0, item, construct]))
        good = bool(reliable[construct] >= ENOUGH and ave[construct] >= 0.5)
        row["decision"], row["advice"] = _decide(row, design, construct, good=good, own=own)
        rows.append(row)
    return pd.DataFrame(rows)


def _decide(row: dict[str, object], design: Design, construct: int, *, good: bool, own: float) -> tuple[str, str]:
    loading, low, high = (float(row[name]) for name in ("loading", "loading_low", "loading_high"))  # type: ignore[arg-type]
    if design.sizes[construct] == 1:
        return "cannot be tested", "a single item: ask a second and a third question to learn its error"
    if design.modes[construct] == "B":
        return "cannot be tested", "a composite of mode B: judge its weight, not its loading"
    if high < 0:
        return "recode", "it runs against the other items: turn its codes round"
    if loading < WEAK or low <= 0:
        return "drop", "it hardly belongs to the construct: leave it out or word it anew"
    if abs(float(row["crossloading"])) > own:  # type: ignore[arg-type]
        return "watch", f"it goes more closely with {row['rival']}: check its wording"
    if loading >= STRONG:
        return "keep", ""
    if good:
        return "keep", "a weak item of a sound construct"
    rises = float(row["alpha_without"]) > float(row["alpha"])  # type: ignore[arg-type]
    if rises:
        return "watch", "reliability rises without it: leave it out unless it covers what no other item does"
    return "watch", "less than half its variance is shared, but reliability falls without it: better items are needed"


def _item_total(correlations: np.ndarray, design: Design, item: int) -> float:
    rest = [other for other in design.items_of(int(design.block[item])) if other != item]
    if not rest:
        return float("nan")
    return float(correlations[item, rest].sum() / np.sqrt(correlations[np.ix_(rest, rest)].sum()))


def _alpha_without(correlations: np.ndarray, design: Design, item: int) -> float:
    rest = [other for other in design.items_of(int(design.block[item])) if other != item]
    if len(rest) < 2:
        return float("nan")
    return float(len(rest) / (len(rest) - 1) * (1 - len(rest) / correlations[np.ix_(rest, rest)].sum()))
