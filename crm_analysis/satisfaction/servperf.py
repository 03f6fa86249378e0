"""Servperf: do perceptions alone explain satisfaction better than gaps (Cronin and Taylor 1992)?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crm_analysis import style
from crm_analysis.errors import DataError, UsageError
from crm_analysis.result import Result
from crm_analysis.satisfaction.paired import difference, placement, weights
from crm_analysis.satisfaction.paired.naming import label, sentence, words
from crm_analysis.table import count, interval, listed, percent

_SHARES = "Adjusted R2 of overall satisfaction; advantage: perceptions less gaps"


@dataclass(frozen=True, eq=False, repr=False)
class ServperfResult(Result):
    """How well perceptions (SERVPERF) and gaps (SERVQUAL) explain overall satisfaction: `measures`, `dimensions`."""

    measures: pd.DataFrame
    dimensions: pd.DataFrame
    outcome: str
    respondents: int
    why: str
    title = "SERVPERF beside SERVQUAL"
    shown: ClassVar[dict[str, str]] = {
        "measures": _SHARES,
        "dimensions": "Weight of each dimension: standardised coefficients, other dimensions equal",
    }

    def to_frame(self) -> pd.DataFrame:
        return self.measures.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"measures": self.to_frame(), "dimensions": self.dimensions.copy()}

    def metrics(self) -> dict[str, float]:
        found = {f"{row['measure']}_r2": row["explained_share"] for row in self.measures.to_dict("records")}
        return {"respondents": self.respondents} | found

    def findings(self) -> tuple[str, ...]:
        """The most important first: which explains more, then which dimensions carry it."""
        if self.measures.empty:
            return (self.why,)
        perceptions, differences, advantage = (self.measures.iloc[place] for place in range(3))
        low, high = advantage["explained_share_low"], advantage["explained_share_high"]
        sure = low > 0 or high < 0
        more = "more" if advantage["explained_share"] > 0 else "less"
        points = abs(100 * advantage["explained_share"])
        said = [
            f"Perceptions alone explain {percent(perceptions['explained_share'])} "
            f"({_ends(perceptions)}) of the variance of {words(self.outcome)}, gaps "
            f"{percent(differences['explained_share'])} ({_ends(differences)}): {points:.1f} points {more} "
            f"({interval(low, high)})."
        ]
        if not sure:
            said.append("The interval holds zero: neither measure is better for certain.")
        elif advantage["explained_share"] > 0:
            said.append(
                "To follow satisfaction, asking for perceptions is enough; expectations still say where customers "
                "want more than they get."
            )
        else:
            said.append("Here it pays to ask for expectations too.")
        clear = self.dimensions[self.dimensions["perceptions_low"] > 0].sort_values("perceptions", ascending=False)
        if len(clear):
            names = listed([words(name) for name in clear["dimension"]])
            said.append(
                f"{sentence(names)}, in this order, go with {words(self.outcome)} for certain, other dimensions equal."
            )
        said.append(f"{count(self.respondents, 'respondent')} judged every dimension.")
        return tuple(said)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the coefficient of each dimension, of perceptions and of gaps, with 95 % intervals."""
        if self.dimensions.empty:
            return style.nothing(ax, title="SERVPERF beside SERVQUAL", why=self.why)
        rows = self.dimensions.sort_values("perceptions", kind="stable")
        ax = style.axes(ax, width=8.0, height=1.9 + 0.46 * len(rows))
        for column, color, shift in (("perceptions", style.PALETTE[0], 0.13), ("gaps", style.PALETTE[1], -0.13)):
            places = np.arange(len(rows)) + shift
            ax.hlines(places, rows[f"{column}_low"], rows[f"{column}_high"], color=color, lw=1.6)
            ax.scatter(rows[column], places, color=color, s=40, zorder=3, label=column)
        ax.axvline(0, color=style.MUTED, lw=0.9)
        ax.set_yticks(range(len(rows)), [label(name) for name in rows["dimension"]])
        ax.set(ylim=(-0.6, len(rows) - 0.4))
        ax.set_xlabel(f"standardised coefficient on {label(self.outcome, width=50)}")
        ax.set_title("What each dimension goes with")
        placement.legend_below(ax, ncols=2)
        return style.describe(ax, f"Coefficients of perceptions and of gaps by dimension. {self.findings()[0]}")


def compare(
    answers: pd.DataFrame,
    *,
    expected: difference.Items,
    perceived: difference.Items,
    outcome: str,
    scale: tuple[float, float] = (1, 10),
    weight: weights.Weight = None,
    draws: int = 1000,
    seed: int = 0,
) -> ServperfResult:
    """Compare how well perceptions and gaps explain overall satisfaction.

    Parameters
    ----------
    answers : DataFrame
        One row per respondent, NaN = missing.
    expected, perceived : mapping of str to sequence of str
        Dimension -> its items, in the same order, as for `service_quality.gaps`.
    outcome : str
        Column with overall satisfaction.
    scale : two numbers
        Lowest and highest code of the service items.
    weight : str or array, optional
        What each respondent counts for.
    draws : int
        Bootstrap redraws of the respondents.
    seed : int
        For the redraws.

    Returns
    -------
    ServperfResult
        Where items or the outcome are missing, or the outcome is constant, one that says so.

    Raises
    ------
    DataError
        If there are fewer than ten complete respondents for each dimension.
    UsageError
        If the levels do not match or there are fewer than 100 draws.

    Notes
    -----
    Two regressions of the outcome by least squares over the same respondents: on the perceived score of each dimension,
    and on its gap. Both have as many predictors, so their R2 can be compared; it is adjusted for their number (Ezekiel
    1930). Intervals are percentiles of redraws, the same for both measures, moved down by twice their bias. In 300
    simulated studies with five dimensions they held the true R2 in 92 to 94 % and the true difference in 94 to 97 % of
    cases with 60 to 1,250 respondents; unmoved, R2 in 72 to 82 % with 60 and 110.

    References
    ----------
    Cronin, J. J. and Taylor, S. A. (1992). Measuring service quality: a reexamination and extension. Journal of
    Marketing 56(3), 55-68.
    Ezekiel, M. (1930). Methods of Correlation Analysis. Wiley.
    """
    if draws < 100:
        raise UsageError(f"servperf: draws must be 100 or more, not {draws}.")
    pairs = difference.pairs(answers, below=expected, above=perceived, scale=scale, words=("expected", "perceived"))
    if not pairs or outcome not in answers.columns:
        return _empty(outcome, "There are no expected and perceived service items beside overall satisfaction.")
    counts = weights.of(answers, weight, caller="servperf")
    scored = [pair.scores() for pair in pairs]
    overall = pd.to_numeric(answers[outcome], errors="coerce").to_numpy("float64")
    columns = np.column_stack([*(score[1] for score in scored), *(score[2] for score in scored), overall])
    complete = np.isfinite(columns).all(axis=1) & (counts > 0)
    columns, counts = columns[complete], counts[complete]
    if len(columns) < 10 * len(pairs):
        raise DataError(
            f"servperf: {count(len(columns), 'complete respondent')} are too few for {count(len(pairs), 'dimension')}, "
            f"{10 * len(pairs)} are needed; name fewer dimensions."
        )
    if np.ptp(columns[:, -1]) == 0:
        return _empty(outcome, f"All answers to {outcome} are the same: there is nothing to explain.")
    found = _fits(columns, [counts[None, :]])
    drawn = _fits(columns, weights.redraws(counts, draws=draws, seed=seed))
    return ServperfResult(
        _measures(found[0][0], drawn[0], n=len(columns), k=len(pairs)),
        _dimensions([pair.dimension for pair in pairs], found[1][0], drawn[1]),
        outcome,
        len(columns),
        "",
    )


def _fits(columns: np.ndarray, blocks: object) -> tuple[np.ndarray, np.ndarray]:
    """R2 (redraws x 2) and standardised coefficients (redraws x 2 x dimensions) of perceptions and of gaps."""
    n, p = columns.shape
    k = (p - 1) // 2
    products = (columns[:, :, None] * columns[:, None, :]).reshape(n, p * p)
    explained, coefficients = [], []
    for block in blocks:  # type: ignore[attr-defined]
        total = block.sum(axis=1)[:, None]
        means = block @ columns / total
        covariance = (block @ products / total).reshape(-1, p, p) - means[:, :, None] * means[:, None, :]
        spread = np.sqrt(np.maximum(np.diagonal(covariance, axis1=1, axis2=2), 1e-12))
        correlation = covariance / spread[:, :, None] / spread[:, None, :]
        betas = []
        for first in (0, k):
            own = slice(first, first + k)
            betas.append(
                np.einsum(
                    "dij,dj->di", np.linalg.pinv(correlation[:, own, own], hermitian=True), correlation[:, own, -1]
                )
            )
        coefficients.append(np.stack(betas, axis=1))
        across = np.stack([correlation[:, :k, -1], correlation[:, k : 2 * k, -1]], axis=1)
        explained.append((coefficients[-1] * across).sum(axis=2))
    return np.concatenate(explained), np.concatenate(coefficients)


def _measures(found: np.ndarray, drawn: np.ndarray, *, n: int, k: int) -> pd.DataFrame:
    """Adjusted R2 of perceptions, of gaps, and the difference, with intervals moved by twice the bootstrap's bias."""
    values, spread = np.append(found, found[0] - found[1]), np.column_stack([drawn, drawn[:, 0] - drawn[:, 1]])
    low, high = weights.ends(spread)
    # R2 lies too high in the sample, and in a redraw once more.
    bias = spread.mean(axis=0) - values
    adjusted = 1 - (1 - found) * (n - 1) / (n - k - 1)
    return pd.DataFrame(
        {
            "measure": ["perceptions", "gaps", "advantage"],
            "explained_share": np.append(adjusted, adjusted[0] - adjusted[1]),
            "explained_share_low": low - 2 * bias,
            "explained_share_high": high - 2 * bias,
        }
    )


def _dimensions(names: list[str], found: np.ndarray, drawn: np.ndarray) -> pd.DataFrame:
    table: dict[str, object] = {"dimension": names}
    for place, measure in enumerate(("perceptions", "gaps")):
        low, high = weights.ends(drawn[:, place])
        table |= {measure: found[place], f"{measure}_low": low, f"{measure}_high": high}
    return pd.DataFrame(table)


def _ends(row: pd.Series) -> str:
    return interval(row["explained_share_low"], row["explained_share_high"])


def _empty(outcome: str, why: str) -> ServperfResult:
    measures = pd.DataFrame(columns=["measure", "explained_share", "explained_share_low", "explained_share_high"])
    columns = [f"{measure}{end}" for measure in ("perceptions", "gaps") for end in ("", "_low", "_high")]
    return ServperfResult(measures, pd.DataFrame(columns=["dimension", *columns]), outcome, 0, why)
