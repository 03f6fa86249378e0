"""Comparison: who answered beside who did not, by group and by feature."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import chi2_contingency, norm

from crm_analysis.multiplicity import holm
from crm_analysis.proportion import Z, share
from crm_analysis.satisfaction.response import features
from crm_analysis.satisfaction.response.propensity import Propensity

LEVEL = 0.05
"""Chance of a false alarm among all features, and among all groupings."""


def rates(customers: pd.DataFrame, inside: np.ndarray, by: Sequence[str]) -> pd.DataFrame:
    """Return the share that answered, of all customers and of each group; columns as in `NonresponseResult`."""
    rows, tests = [("all", "all customers", inside)], []
    for name in by:
        labels = customers[name].astype(object).where(customers[name].notna(), "not known")
        table = pd.crosstab(labels, inside)
        tests.append(float(chi2_contingency(table).pvalue))
        levels = sorted(labels.unique(), key=str)
        rows += [(name, _said(level), inside[(labels == level).to_numpy()]) for level in levels]
    adjusted = dict(zip(by, holm(np.array(tests)), strict=True)) | {"all": np.nan}
    found = []
    for name, group, part in rows:
        rate, low, high = share(int(part.sum()), len(part))
        found.append((name, group, len(part), int(part.sum()), rate, low, high, adjusted[name]))
    ends = ["answered_share", "answered_share_low", "answered_share_high"]
    return pd.DataFrame(found, columns=["by", "group", "customers", "answered", *ends, "p_holm"])


def _said(level: object) -> str:
    return ("yes" if level else "no") if isinstance(level, bool | np.bool_) else str(level)


def differences(
    customers: pd.DataFrame, inside: np.ndarray, names: Sequence[str], model: Propensity | None
) -> pd.DataFrame:
    """Return how far those who answered lie from the others, feature by feature; columns as in `NonresponseResult`."""
    rows = []
    for name in names:
        plain, numbers = customers[name].to_numpy("float64", na_value=np.nan), features.scaled(customers[name])
        there = np.isfinite(numbers)
        one, other = numbers[there & inside], numbers[there & ~inside]
        spread = np.sqrt((one.var() + other.var()) / 2) if len(one) and len(other) else 0.0
        if not spread > 0:
            continue
        d = float((one.mean() - other.mean()) / spread)
        error = np.sqrt(1 / len(one) + 1 / len(other) + d**2 / (2 * (len(one) + len(other))))
        left = np.nan
        if model is not None:
            weights = np.where(there, model.weights, 0.0)
            apart = (weights * np.nan_to_num(numbers)).sum() / weights.sum() - numbers[there].mean()
            # Against all customers, of whom the others are a part only: on the scale of the difference to them.
            left = float(apart / spread / (len(other) / (len(one) + len(other))))
        rows.append(
            {
                "feature": name,
                "answered": float(plain[there & inside].mean()),
                "others": float(plain[there & ~inside].mean()),
                "difference": d,
                "difference_low": d - Z * error,
                "difference_high": d + Z * error,
                "weighted": left,
                "p_holm": 2 * norm.sf(abs(d) / error),
            }
        )
    columns = ["feature", "answered", "others", "difference", "difference_low", "difference_high", "weighted", "p_holm"]
    found = pd.DataFrame(rows, columns=columns)
    found["p_holm"] = holm(found["p_holm"].to_numpy("float64"))
    return found.assign(differs=found["p_holm"] < LEVEL)
