"""The arithmetic of retention: the study's own numbers, how sure they are, and what follows from them."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from crm_analysis.proportion import FEWEST
from crm_analysis.table import count

Basis: TypeAlias = "dict[str, Any]"
"""Each of `BASIS`: a number, or an array of draws of it."""

BASIS = ("retention", "profit a customer and year", "cost to serve", "cost of winning")
"""The numbers that all rests on."""


def numbers(customers: pd.DataFrame, margin: float | None) -> tuple[Basis, np.ndarray, np.ndarray] | str:
    """The basis, the means it is made of, and their covariance; or why there is none."""
    missing = [name for name in ("spend_last_year", "spend_year_before") if name not in customers.columns]
    if missing:
        return "There are no orders of two years in this study, so that retention cannot be measured."
    now, before = (customers[name].to_numpy("float64") for name in ("spend_last_year", "spend_year_before"))
    now, before = np.nan_to_num(now), np.nan_to_num(before)
    if (before > 0).sum() < FEWEST or not ((before > 0) & (now > 0)).any():
        return (
            f"{count(int((before > 0).sum()), 'customer')} bought in the year before the last, too few to measure "
            f"retention by ({FEWEST} are needed, some of whom bought again)."
        )
    columns = {"before": before > 0, "kept": (before > 0) & (now > 0), "active": now > 0, "spend": now}
    for name, source in (
        ("margin", "margin"),
        ("gross", "gross_spend"),
        ("serve", "cost_to_serve"),
        ("win", "acquisition_cost"),
    ):
        given = (
            customers[source].astype("float64") if source in customers.columns else pd.Series(np.nan, customers.index)
        )
        columns[name], columns[f"{name}_known"] = given.fillna(0).to_numpy(), given.notna().to_numpy()
    # The cost of serving counts for those who buy.
    columns["serve_known"] = columns["serve_known"] & columns["active"]
    columns["serve"] = columns["serve"] * columns["serve_known"]
    table = np.column_stack([np.asarray(values, dtype="float64") for values in columns.values()])
    means, covariance = table.mean(axis=0), np.cov(table.T) / len(table)
    if margin is not None:
        means = np.append(means, margin)
        covariance = np.pad(covariance, (0, 1))
    return _basis(means), means, covariance


def seen_before(customers: pd.DataFrame) -> int | None:
    """Days of the year before the last that the log holds, if it does not hold all of it; it begins with a purchase."""
    if not {"first_purchase", "last_purchase", "recency_days"} <= set(customers.columns):
        return None
    since = (customers["last_purchase"] - customers["first_purchase"]).dt.days + customers["recency_days"]
    days = int(since.max()) + 1 - 365
    return days if days < 365 else None


def _basis(means: np.ndarray) -> Basis:
    """The basis from the means of `_numbers`; shapes (k,) or (draws, k)."""
    at = dict(zip((*_COLUMNS, "given"), means.T, strict=False))
    with np.errstate(divide="ignore", invalid="ignore"):
        share = (
            at["given"]
            if "given" in at
            else np.where(at["gross_known"] * at["margin_known"] > 0, at["margin"] / at["gross"], 1.0)
        )
        serve = np.where(at["serve_known"] > 0, at["serve"] / at["serve_known"], np.nan)
        win = np.where(at["win_known"] > 0, at["win"] / at["win_known"], np.nan)
    profit = share * at["spend"] / at["active"] - np.nan_to_num(serve)
    return dict(zip(BASIS, (at["kept"] / at["before"], profit, serve, win), strict=True))


_COLUMNS = (
    "before", "kept", "active", "spend", "margin", "margin_known", "gross", "gross_known", "serve", "serve_known",
    "win", "win_known",
)  # fmt: skip


def drawn(means: np.ndarray, covariance: np.ndarray, *, draws: int, seed: int) -> Basis:
    """Draw the basis from the joint normal distribution of the means."""
    values, vectors = np.linalg.eigh(covariance)
    noise = np.random.default_rng(seed).standard_normal((draws, len(means)))
    return _basis(means + noise @ (vectors * np.sqrt(np.maximum(values, 0))).T)


def value(basis: Basis, retention: Any, discount_rate: float) -> Any:
    """Value of a customer, net of winning, at a retention of a year."""
    kept = np.minimum(retention, 0.999)
    winning = np.nan_to_num(basis["cost of winning"])
    return basis["profit a customer and year"] * (1 + discount_rate) / (1 + discount_rate - kept) - winning


def rise(basis: Basis, retention: Any, discount_rate: float) -> Any:
    """Relative rise of that value with another retention; missing where it is not positive now."""
    now = value(basis, basis["retention"], discount_rate)
    return np.where(now > 0, value(basis, retention, discount_rate) / np.where(now > 0, now, 1) - 1, np.nan)


def yearly(basis: Basis, retention: Any) -> Any:
    """Relative rise of the yearly profit in the long run, with as many customers won a year."""
    winning = np.nan_to_num(basis["cost of winning"])

    def profit(kept: Any) -> Any:
        return basis["profit a customer and year"] / (1 - np.minimum(kept, 0.999)) - winning

    now = profit(basis["retention"])
    return np.where(now > 0, profit(retention) / np.where(now > 0, now, 1) - 1, np.nan)
