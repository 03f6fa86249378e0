"""Penalty and reward: does a low rating harm satisfaction more than a high one helps it?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crm_analysis import style
from crm_analysis.errors import DataError, UsageError
from crm_analysis.result import Result
from crm_analysis.satisfaction.paired import placement, weights
from crm_analysis.satisfaction.paired.naming import label, sentence, with_ends, words
from crm_analysis.table import count, listed, percent

# Where the asymmetry of Mikulić and Prebežac (2008) changes its name.
_NAMES = ((-0.7, "frustrator"), (-0.2, "dissatisfier"), (0.2, "hybrid"), (0.7, "satisfier"), (1.01, "delighter"))
_COLUMNS = ("penalty", "reward", "asymmetry")


@dataclass(frozen=True, eq=False, repr=False)
class PenaltyRewardResult(Result):
    """What low and high ratings of each attribute go with, in points of overall satisfaction: `attributes`."""

    attributes: pd.DataFrame
    outcome: str
    respondents: int
    r2_adjusted: float
    left_out: dict[str, str]
    why: str
    title = "Penalties and rewards"
    shown: ClassVar[dict[str, str]] = {
        "attributes": "Change of overall satisfaction with a low rating (penalty) and a high one (reward), other "
        "ratings equal; asymmetry: -1 harms only, 1 helps only"
    }

    def to_frame(self) -> pd.DataFrame:
        return self.attributes.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"attributes": self.to_frame()}

    def metrics(self) -> dict[str, float]:
        return {"respondents": self.respondents, "r2_adjusted": self.r2_adjusted, "attributes": len(self.attributes)}

    def findings(self) -> tuple[str, ...]:
        """The most important first: what harms most, what helps most, what is lopsided for certain."""
        if self.attributes.empty:
            return (self.why,)
        rows, what = self.attributes, words(self.outcome)
        harm, help_ = rows.loc[rows["penalty"].idxmin()], rows.loc[rows["reward"].idxmax()]
        loss = "goes with the largest loss" if harm["penalty"] < 0 else "goes with no loss, nor does any other"
        gain = "goes with the largest gain" if help_["reward"] > 0 else "goes with no gain, nor does any other"
        said = [
            f"A low rating of {words(harm['attribute'])} {loss}: {with_ends(harm, 'penalty')} points of {what}, other "
            "ratings equal.",
            f"A high rating of {words(help_['attribute'])} {gain}: {with_ends(help_, 'reward')} points.",
        ]
        for sign, text in ((-1, "harm more when low than they help when high"), (1, "help more than they harm")):
            sure = rows[(sign * rows["asymmetry_low"] > 0) & (sign * rows["asymmetry_high"] > 0)]
            if len(sure):
                names = listed([words(name) for name in sure["attribute"]])
                said.append(f"These attributes {text}, with 95 % confidence each: {names}.")
        if len(said) == 2:
            said.append("No attribute is lopsided for certain: every interval of the asymmetry holds zero.")
        said.append(
            f"{count(self.respondents, 'respondent')}; together the ratings explain {percent(self.r2_adjusted)} "
            f"of the variance of {what}. These are associations: they do not show what a change would bring."
        )
        said += [f"{sentence(name)} is left out: {reason}." for name, reason in self.left_out.items()]
        return tuple(said)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw penalty and reward of each attribute as bars from zero, with 95 % intervals."""
        if self.attributes.empty:
            return style.nothing(ax, title="Penalties and rewards", why=self.why)
        rows = self.attributes.sort_values("asymmetry", ascending=False, kind="stable")
        ax = style.axes(ax, width=8.0, height=1.9 + 0.42 * len(rows))
        for column, rating, color, shift in (
            ("penalty", "low", style.PALETTE[3], 0.18),
            ("reward", "high", style.PALETTE[2], -0.18),
        ):
            places = np.arange(len(rows)) + shift
            ax.barh(places, rows[column], height=0.34, color=color, label=f"{column} of a {rating} rating")
            ax.hlines(places, rows[f"{column}_low"], rows[f"{column}_high"], color=style.INK, lw=1.2)
        ax.axvline(0, color=style.INK, lw=0.8)
        ax.set_yticks(range(len(rows)), [label(name) for name in rows["attribute"]])
        ax.set_xlabel(label(f"points of {self.outcome}", width=60))
        ax.set_title("What low and high ratings go with")
        placement.legend_below(ax, ncols=2)
        return style.describe(ax, f"Bars: penalty and reward by attribute. {self.findings()[0]}")


def contrast(
    answers: pd.DataFrame,
    *,
    attributes: Sequence[str],
    outcome: str,
    cuts: tuple[float, float] | None = None,
    weight: weights.Weight = None,
    draws: int = 1000,
    seed: int = 0,
) -> PenaltyRewardResult:
    """Contrast what low and high ratings of each attribute go with.

    Parameters
    ----------
    answers : DataFrame
        One row per respondent.
    attributes : sequence of str
        Columns with ratings of how well the shop does.
    outcome : str
        Column with overall satisfaction.
    cuts : two numbers, optional
        A rating at or below the first is low, at or above the second high; by default the quartiles of each attribute.
    weight : str or array, optional
        What each row counts for.
    draws : int
        Bootstrap redraws of the respondents.
    seed : int
        For the redraws.

    Returns
    -------
    PenaltyRewardResult
        Where no attribute or no outcome is there, one that says so.

    Raises
    ------
    UsageError
        If the cuts are not in order or there are fewer than 100 draws.
    DataError
        If there are fewer than five complete respondents for each number that is estimated.

    Notes
    -----
    outcome = a + sum_k (penalty_k low_k + reward_k high_k) + error, by least squares over respondents who answered
    everything (Brandt 1987; the contrast is that of Kano's must-be, one-dimensional and attractive features, seen in
    ratings instead of asked). The asymmetry is (reward - harm) / (reward + harm) with harm = -penalty, each at least
    zero; its names (frustrator, dissatisfier, hybrid, satisfier, delighter) change at -.7, -.2, .2 and .7 (Mikulić and
    Prebežac 2008). Intervals are percentiles of the redraws. Ratings with error make the contrast flatter, and quartile
    cuts depend on how good the shop is already.

    References
    ----------
    Brandt, R. D. (1987). A procedure for identifying value-enhancing service components using customer satisfaction
    survey data. In: Surprenant, C. (ed.), Add Value to Your Service. AMA, 61-65.
    Mikulić, J. and Prebežac, D. (2008). Prioritizing improvement of service attributes using impact range-performance
    analysis and impact-asymmetry analysis. Managing Service Quality 18(6), 559-576.
    """
    if draws < 100:
        raise UsageError(f"penalty_reward: draws must be 100 or more, not {draws}.")
    if cuts is not None and not cuts[0] < cuts[1]:
        raise UsageError(f"penalty_reward: cuts must be two numbers in order, low before high, not {cuts}.")
    there = [name for name in attributes if name in answers.columns]
    if not there or outcome not in answers.columns:
        return _empty(outcome, "There are no ratings of attributes and of overall satisfaction in this study.")
    counts = weights.of(answers, weight, caller="penalty_reward")
    values = answers[[*there, outcome]].apply(pd.to_numeric, errors="coerce").to_numpy("float64")
    complete = np.isfinite(values).all(axis=1) & (counts > 0)
    values, counts = values[complete], counts[complete]
    if not len(values):
        return _empty(outcome, "Nobody rated all these attributes and overall satisfaction by numbers.")
    low, high, edges, left_out = _bands(values[:, :-1], there, cuts)
    kept = [name for name in there if name not in left_out]
    left_out |= {name: "there is no such column" for name in attributes if name not in there}
    if not kept:
        return _empty(outcome, "No attribute has low, middle and high ratings to contrast.")
    needed = 5 * (2 * len(kept) + 1)
    if len(values) < needed:
        raise DataError(
            f"penalty_reward: {count(len(values), 'complete respondent')} are too few for "
            f"{count(len(kept), 'attribute')}, {needed} are needed; name fewer attributes."
        )
    design = np.column_stack([np.ones(len(values)), low, high, values[:, -1]])
    found, r2 = _coefficients(_moments(design, counts[None, :]))
    drawn = np.concatenate(
        [_coefficients(_moments(design, some))[0] for some in weights.redraws(counts, draws=draws, seed=seed)]
    )
    table = {"attribute": kept, "low_until": edges[:, 0], "high_from": edges[:, 1]}
    table |= {"low_share": counts @ low / counts.sum(), "high_share": counts @ high / counts.sum()}
    estimates, spread = _three(found)[0], _three(drawn)
    for column, (lower, upper) in zip(_COLUMNS, (weights.ends(spread[:, place]) for place in range(3)), strict=True):
        table |= {column: estimates[_COLUMNS.index(column)], f"{column}_low": lower, f"{column}_high": upper}
    rows = pd.DataFrame(table)
    rows["role"] = [_role(value) for value in rows["asymmetry"]]
    # Adjusted for the number of predictors (Ezekiel 1930).
    r2_adjusted = 1 - (1 - float(r2[0])) * (len(values) - 1) / (len(values) - design.shape[1] + 1)
    return PenaltyRewardResult(rows, outcome, len(values), r2_adjusted, left_out, "")


def _bands(
    ratings: np.ndarray, names: list[str], cuts: tuple[float, float] | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, str]]:
    bands, edges, left_out = [], [], {}
    for own, name in zip(ratings.T, names, strict=True):
        first, second = cuts or (tuple(np.quantile(own, [0.25, 0.75])) if len(own) else (0.0, 0.0))
        below, above = own <= first, own >= second
        if first >= second or not below.any() or not above.any() or (below | above).all():
            left_out[name] = "its ratings do not fall into low, middle and high ones"
            continue
        bands.append((below, above))
        edges.append((first, second))
    stacked = np.array(bands, dtype="float64").reshape(-1, 2, len(ratings)).transpose(1, 2, 0)
    return stacked[0], stacked[1], np.array(edges, dtype="float64").reshape(-1, 2), left_out


def _moments(design: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Weighted sums of products of all columns, one matrix a redraw."""
    n, p = design.shape
    products = (design[:, :, None] * design[:, None, :]).reshape(n, p * p)
    return (counts @ products).reshape(-1, p, p)


def _coefficients(moments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least squares of the last column on the others, and R2, for each matrix of sums of products."""
    within, across, total = moments[:, :-1, :-1], moments[:, :-1, -1], moments[:, -1, -1]
    solved = np.einsum("dij,dj->di", np.linalg.pinv(within, hermitian=True), across)
    mean = across[:, 0] / within[:, 0, 0]
    about = total - within[:, 0, 0] * mean**2
    residual = total - np.einsum("di,di->d", solved, across)
    return solved, 1 - np.divide(residual, about, out=np.ones_like(residual), where=about > 0)


def _three(solved: np.ndarray) -> np.ndarray:
    """Penalty, reward and asymmetry of each attribute: an array of shape (draws, 3, attributes)."""
    k = (solved.shape[1] - 1) // 2
    penalty, reward = solved[:, 1 : 1 + k], solved[:, 1 + k :]
    harm, gain = np.maximum(-penalty, 0), np.maximum(reward, 0)
    both = harm + gain
    asymmetry = np.divide(gain - harm, both, out=np.zeros_like(both), where=both > 0)
    return np.stack([penalty, reward, asymmetry], axis=1)


def _role(asymmetry: float) -> str:
    return next(name for end, name in _NAMES if asymmetry < end or (end > 1 and asymmetry <= end))


def _empty(outcome: str, why: str) -> PenaltyRewardResult:
    columns = ["attribute", "low_until", "high_from", "low_share", "high_share"]
    columns += [f"{column}{end}" for column in _COLUMNS for end in ("", "_low", "_high")] + ["role"]
    return PenaltyRewardResult(pd.DataFrame(columns=columns), outcome, 0, float("nan"), {}, why)
