"""Estimates: what three estimators said of one model, in tables."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True, eq=False, repr=False)
class SideBySide:
    """One model estimated in three ways, all standardised.

    Attributes
    ----------
    paths : DataFrame
        One row per path: source, target, and ``pls``, ``plsc``, ``cb_sem`` with their intervals (``_low``,
        ``_high``); missing where an estimator has no sound solution. ``weakened`` is what the path of `reference`
        becomes among scores as unreliable as those of PLS (see `contrast.weakened`).
    differences : DataFrame
        One row per pair of estimators and path: pair, source, target, difference with its interval from the same
        resamples, p_value, p_holm, differs.
    effects : DataFrame
        One row per pair of constructs that a way leads between: source, target, and the three total effects.
    loadings : DataFrame
        One row per item: construct, item, and the three estimates.
    explained : DataFrame
        One row per construct that something leads to: construct, and ``pls_share``, ``plsc_share``, ``cb_sem_share``.
    reliability : DataFrame
        construct, items (how many), rho_a of the PLS score; 1 for a single item.
    loading_gap : dict of float
        PLS loadings less those of `reference`, on average over items that do not stand alone: difference and its ends.
    reasons : dict of str
        Why an estimator is not compared; empty if it is.
    inadmissible : dict of float
        Share of the resamples without a sound solution.
    fit : dict of float
        Measures of fit of CB-SEM.
    focus : str
        The construct the model is about.
    respondents, left_out, resamples : int
        How many answers were used, left out, and resamples drawn.
    cures : tuple of str
        What may make the model estimable, where neither PLSc nor CB-SEM has a sound solution.
    absent : str
        Why there is nothing; empty if there is.
    """

    paths: pd.DataFrame
    differences: pd.DataFrame
    effects: pd.DataFrame
    loadings: pd.DataFrame
    explained: pd.DataFrame
    reliability: pd.DataFrame
    loading_gap: dict[str, float]
    reasons: dict[str, str]
    inadmissible: dict[str, float]
    fit: dict[str, float]
    focus: str = ""
    respondents: int = 0
    left_out: int = 0
    resamples: int = 0
    cures: tuple[str, ...] = ()
    absent: str = ""

    @property
    def reference(self) -> str:
        """The estimator without measurement error that PLS is set against: CB-SEM, else PLSc, else none."""
        return next((method for method in ("cb_sem", "plsc") if self.reasons and not self.reasons[method]), "")
