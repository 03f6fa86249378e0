"""Sensitivity: how far the order of customers hangs on the weights of the indicators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crm_analysis import options, style
from crm_analysis.errors import UsageError
from crm_analysis.loyalty.scoring import ranking, weighting
from crm_analysis.loyalty.scoring.classification import OBJECTIVE, SUBJECTIVE
from crm_analysis.loyalty.scoring.values import ScoreResult
from crm_analysis.loyalty.wording import decimal
from crm_analysis.result import Result
from crm_analysis.table import percent

MOVED = "moved at random"
# Of more customers so many are looked at by each random weight: enough for a share to the percent.
_MOST = 10_000
_NOTHING = "There is no loyalty value of two or more indicators in this study, so no weights to vary."


@dataclass(frozen=True, eq=False, repr=False)
class SensitivityResult(Result):
    """How the order of customers changes with the weights.

    Attributes
    ----------
    schemes : DataFrame
        By ``side`` and ``scheme``: ``rank_correlation`` with the order by the chosen weights, and
        ``top_changed_share``, the share of the best customers who are no longer among the best. Where weights were
        moved at random both are medians, with the middle 95 % of the draws (``_low``, ``_high``): no sampling error,
        since the question is about these customers.
    weights : DataFrame
        What each indicator weighs by scheme: ``side``, ``indicator``, ``scheme``, ``weight_share``.
    chosen : str
        The scheme that the others are compared with.
    top : float
        The part of the customers that counts as the best.
    """

    schemes: pd.DataFrame
    weights: pd.DataFrame
    chosen: str
    top: float
    title = "Loyalty values under other weights"
    shown: ClassVar[dict[str, str]] = {
        "schemes": "Agreement with the order by the chosen weights",
        "weights": "Weights by scheme",
    }

    def to_frame(self) -> pd.DataFrame:
        return self.schemes.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"schemes": self.to_frame(), "weights": self.weights.copy()}

    def metrics(self) -> dict[str, float]:
        return {
            f"{row['side']}_{row['scheme'].replace(' ', '_')}_top_changed_share": row["top_changed_share"]
            for row in self.schemes.to_dict("records")
        }

    def findings(self) -> tuple[str, ...]:
        """The most important first: the largest change, then what random changes of the weights do."""
        if self.schemes.empty:
            return (_NOTHING,)
        said = []
        for side, rows in self.schemes.groupby("side", sort=False):
            named = rows[rows["scheme"] != MOVED]
            if len(named):
                worst = named.loc[named["top_changed_share"].idxmax()]
                said.append(
                    f"By what customers {'do' if side == OBJECTIVE else 'say'}, {worst['scheme']} weights instead of "
                    f"{self.chosen} ones replace {percent(worst['top_changed_share'])} of the best "
                    f"{percent(self.top, digits=0)}; the orders correlate by {decimal(worst['rank_correlation'])}."
                )
            moved = rows[rows["scheme"] == MOVED].iloc[0]
            said.append(
                f"Weights moved at random replace {percent(moved['top_changed_share'])} of them as a rule (in 95 % of "
                f"the draws {percent(moved['top_changed_share_low'])} to {percent(moved['top_changed_share_high'])})."
            )
        said.append("Entropy and CRITIC weights reward indicators that spread, not those that foretell loyalty.")
        return tuple(said)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the share of the best customers who change, by scheme and side."""
        title = "Who would no longer be among the best?"
        if self.schemes.empty:
            return style.nothing(ax, title=title, why=_NOTHING)
        rows = self.schemes.iloc[::-1]
        ax = style.axes(ax, height=1.9 + 0.4 * len(rows))
        colors = [style.PALETTE[0] if side == OBJECTIVE else style.PALETTE[1] for side in rows["side"]]
        ax.barh(range(len(rows)), rows["top_changed_share"], color=colors, height=0.6)
        ax.hlines(range(len(rows)), rows["top_changed_share_low"], rows["top_changed_share_high"], color=style.INK)
        ax.set_yticks(range(len(rows)), [f"{row.scheme} ({row.side})" for _, row in rows.iterrows()])
        ax.set_xlim(0, max(0.1, 1.08 * float(rows[["top_changed_share", "top_changed_share_high"]].max().max())))
        ax.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
        ax.set_xlabel(f"share of the best {percent(self.top, digits=0)} that other weights replace")
        ax.set_title(title)
        return style.describe(
            ax, f"Bars of the share of the best customers replaced by other weights. {self.findings()[0]}"
        )


def vary(
    measured: ScoreResult, *, concentration: float = 50.0, draws: int = 500, top: float = 0.1, seed: int = 0
) -> SensitivityResult:
    """Vary the weights of loyalty values and see whose place changes.

    Parameters
    ----------
    measured : ScoreResult
        What `score.measure` returned.
    concentration : float
        How near the random weights stay: they are drawn from a Dirichlet distribution with parameters `concentration`
        times the chosen weights, so that a weight w has the standard deviation
        sqrt(w (1 - w) / (concentration + 1)): with 50, about a third of a weight of one sixth.
    draws : int
        How many random weights; of more than 10,000 customers they order a random 10,000.
    top : float
        The part of the customers that counts as the best, above 0 and at most 0.99.
    seed : int
        For the random weights.

    Returns
    -------
    SensitivityResult
        Where no value has two indicators, one that says so.

    Raises
    ------
    UsageError
        If a parameter is out of range.
    """
    if not isinstance(measured, ScoreResult):
        raise UsageError(f"score: vary takes what score.measure returned, not {type(measured).__name__}.")
    draws = options.whole(draws, "draws", caller="score", least=20)
    top = options.within(top, "top", caller="score", high=0.99)
    concentration = options.within(concentration, "concentration", caller="score", high=1e9)
    generator = np.random.default_rng(options.whole(seed, "seed", caller="score"))
    rows: list[dict[str, Any]] = []
    weighed: list[dict[str, Any]] = []
    for side in (OBJECTIVE, SUBJECTIVE):
        used = measured.indicators[(measured.indicators["side"] == side) & (measured.indicators["customers"] > 0)]
        values = measured.parts.loc[measured.scores[side].notna(), used["indicator"]]
        if len(used) < 2 or len(values) < 2:
            continue
        matrix = values.to_numpy("float64")
        chosen = used["weight_share"].to_numpy("float64")
        reference = weighting.weighted_mean(matrix, chosen)
        for scheme in weighting.SCHEMES:
            weight = weighting.of(values, scheme)
            weighed += [
                {"side": side, "indicator": name, "scheme": scheme, "weight_share": share}
                for name, share in zip(used["indicator"], weight, strict=True)
            ]
            if scheme != measured.weights:
                rho, changed = _compare(reference, weighting.weighted_mean(matrix, weight), top)
                rows.append({"side": side, "scheme": scheme, "rank_correlation": rho, "top_changed_share": changed})
        # An indicator without weight stays without.
        drawn = np.zeros((draws, len(chosen)))
        drawn[:, chosen > 0] = generator.dirichlet(concentration * chosen[chosen > 0], size=draws)
        some = generator.permutation(len(matrix))[:_MOST]
        kept, before = matrix[some], reference[some]
        both = np.array([_compare(before, weighting.weighted_mean(kept, weight, least=0.0), top) for weight in drawn])
        low, middle, high = np.quantile(both, [0.025, 0.5, 0.975], axis=0)
        rows.append(
            {"side": side, "scheme": MOVED}
            | _ends("rank_correlation", low[0], middle[0], high[0])
            | _ends("top_changed_share", low[1], middle[1], high[1])
        )
    ends = [f"{name}{end}" for name in ("rank_correlation", "top_changed_share") for end in ("", "_low", "_high")]
    return SensitivityResult(
        pd.DataFrame(rows, columns=["side", "scheme", *ends]),
        pd.DataFrame(weighed, columns=["side", "indicator", "scheme", "weight_share"]),
        measured.weights,
        top,
    )


def _compare(reference: np.ndarray, other: np.ndarray, top: float) -> tuple[float, float]:
    """Rank correlation of two values, and the share of the first's best who are not among the second's."""
    known = np.isfinite(reference) & np.isfinite(other)
    best = max(1, round(top * int(known.sum())))
    first, second = (set(np.argsort(-values[known], kind="stable")[:best]) for values in (reference, other))
    return ranking.correlation(reference, other)[0], 1 - len(first & second) / best


def _ends(name: str, low: float, middle: float, high: float) -> dict[str, Any]:
    return {name: middle, f"{name}_low": low, f"{name}_high": high}
