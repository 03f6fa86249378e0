"""Accumulation: is loyalty the sum of satisfaction over time, or does only today's satisfaction count?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crm_analysis import options, resampling, style
from crm_analysis.loyalty import indicators as measuring
from crm_analysis.loyalty.kinds import importance
from crm_analysis.loyalty.kinds.contradiction import SATISFACTION
from crm_analysis.loyalty.wording import decimal, of
from crm_analysis.result import Result
from crm_analysis.table import count

LOYALTY = ("repurchase_likelihood", "recommendation")
NOW, BEFORE = "satisfaction now", "satisfaction before"
MEASURED, CORRECTED = "as measured", "corrected for error"
_FEWEST = 30
# Beyond this correlation of the true scores the two satisfactions cannot be told apart.
_ALIKE = 0.95


@dataclass(frozen=True, eq=False, repr=False)
class AccumulationResult(Result):
    """Does earlier satisfaction make loyalty, beside that of today?

    Attributes
    ----------
    effects : DataFrame
        One row per ``satisfaction`` (now, before) and ``method`` (as measured, corrected for error): ``effect`` on
        loyalty now in standard deviations, the other satisfaction equal, with its interval.
    customers : int
        Who answered in both waves.
    waves : tuple
        The wave before and the wave now.
    reliability : dict of str
        Cronbach's alpha of satisfaction before and now, and of loyalty.
    stability : float
        Correlation of the true satisfactions of both waves.
    absent : str
        Why there is no answer; empty if there is one.
    """

    effects: pd.DataFrame
    customers: int
    waves: tuple[str, str]
    reliability: dict[str, float]
    stability: float
    absent: str = ""
    title = "Is loyalty satisfaction accumulated?"
    shown: ClassVar[dict[str, str]] = {
        "effects": "Effects on loyalty now, in standard deviations, the other satisfaction equal"
    }

    def to_frame(self) -> pd.DataFrame:
        return self.effects.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"effects": self.to_frame()}

    def metrics(self) -> dict[str, float]:
        found = {"customers": float(self.customers), "stability": self.stability}
        for row in self.effects.to_dict("records"):
            found[f"{row['satisfaction']} {row['method']}".replace(" ", "_")] = row["effect"]
        return found

    def findings(self) -> tuple[str, ...]:
        """The most important first: the verdict, what the uncorrected numbers would have said, how sure it rests."""
        if self.absent:
            return (self.absent,)
        rows = self.effects.set_index(["satisfaction", "method"])
        earlier, naive, now = rows.loc[(BEFORE, CORRECTED)], rows.loc[(BEFORE, MEASURED)], rows.loc[(NOW, CORRECTED)]
        texts = f"{of(earlier, 'effect')}, beside {of(now, 'effect')} of satisfaction now"
        if earlier["effect_low"] > 0:
            said = [f"Earlier satisfaction adds to loyalty: its effect is {texts}, so that loyalty accumulates."]
        elif earlier["effect_high"] < 0:
            said = [
                f"Loyalty is not satisfaction accumulated: the effect of earlier satisfaction is {texts}; who was more "
                "satisfied before is less loyal for the same satisfaction now."
            ]
        else:
            said = [
                f"Nothing shows that loyalty accumulates: the effect of earlier satisfaction is {texts}, in standard "
                "deviations."
            ]
        if naive["effect_low"] > 0 and earlier["effect_low"] <= 0:
            said.append(
                f"Without the correction for measurement error earlier satisfaction would seem to count "
                f"({of(naive, 'effect')}): it then stands in for what the present answers miss."
            )
        alphas = ", ".join(f"{decimal(value)} ({name})" for name, value in self.reliability.items())
        said.append(
            f"{count(self.customers, 'customer')} in wave {self.waves[0]} and wave {self.waves[1]}; reliability "
            f"{alphas}; true satisfaction correlates by {decimal(self.stability)} between the waves."
        )
        return tuple(said)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the effects of both satisfactions, as measured and corrected, with intervals."""
        title = "What makes loyalty now?"
        if self.absent:
            return style.nothing(ax, title=title, why=self.absent)
        ax = style.axes(ax, height=3.2)
        for shift, (method, color) in zip(
            (0.12, -0.12), ((MEASURED, style.MUTED), (CORRECTED, style.PALETTE[0])), strict=True
        ):
            rows = self.effects[self.effects["method"] == method]
            places = np.array([1.0, 0.0]) + shift
            ax.hlines(places, rows["effect_low"], rows["effect_high"], color=color, lw=2)
            ax.scatter(rows["effect"], places, color=color, s=50, zorder=3, label=method)
        ax.axvline(0, color=style.INK, lw=0.8)
        ax.set_yticks([1, 0], [NOW, BEFORE])
        ax.set_ylim(-0.6, 1.6)
        ax.set_xlabel("effect on loyalty now (standard deviations), the other satisfaction equal, 95 % interval")
        ax.set_title(title, pad=26)
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, fontsize=8.5, borderaxespad=0.1)
        return style.describe(ax, f"Effects of satisfaction now and before on loyalty now. {self.findings()[0]}")


def accumulate(
    answers: pd.DataFrame,
    *,
    person: str = "customer_id",
    wave: str = "wave",
    satisfaction: Sequence[str] = SATISFACTION,
    loyalty: Sequence[str] = LOYALTY,
    ends: measuring.Ends | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> AccumulationResult:
    """Test the claim that loyalty is satisfaction accumulated, on who answered in two waves.

    Parameters
    ----------
    answers : DataFrame
        One row per person and wave.
    person, wave : str
        Columns with the person and the wave; the last two waves are taken, in their order. Who answered a wave twice
        is left out of it.
    satisfaction, loyalty : sequence of str
        Items; two or more each, so that their reliability is known.
    ends : mapping of str to (low, high), optional
        Lowest and highest code of columns with a scale.
    draws : int
        Bootstrap redraws of the persons.
    seed : int
        For the redraws.

    Returns
    -------
    AccumulationResult
        Where two waves of the same people, or the items, are not in the study, one that says so.

    Raises
    ------
    UsageError
        If there are fewer than 100 draws.

    Notes
    -----
    Loyalty now is regressed on satisfaction now and before. If loyalty accumulates, satisfaction before counts for the
    same satisfaction now. Errors of the present answers make it seem to count even if it does not, because it helps to
    guess what they miss; so the coefficients are corrected: the error variance (1 - alpha) s^2 is taken off the
    variance of each satisfaction before the equations are solved (regression with known reliability; Fuller 1987,
    section 1.1), and all is expressed in standard deviations of true scores. Alpha is estimated anew in each redraw;
    it is too low where items differ in quality, and errors that last from wave to wave are not corrected.

    References
    ----------
    Fuller, W. A. (1987). Measurement Error Models. Wiley.
    """
    draws = options.whole(draws, "draws", caller="profile", least=100)
    seed = options.whole(seed, "seed", caller="profile")
    items, waves, why = _two_waves(answers, person, wave, satisfaction, loyalty, ends)
    if why:
        return _absent(why)
    sizes = [len(satisfaction), len(satisfaction), len(loyalty)]
    found, extra = _solve(items, np.ones((1, len(items))), sizes)
    if not np.isfinite(found).all():
        return _absent(
            "Satisfaction of the two waves is too much alike, or measured too loosely, to tell the earlier from the "
            "present one."
        )
    blocks = resampling.counts(np.random.default_rng(seed), size=len(items), resamples=draws)
    drawn = np.vstack([_solve(items, block, sizes)[0] for block in blocks])
    low, high = resampling.percentile(drawn[np.isfinite(drawn).all(axis=1)])
    names = [(which, method) for method in (MEASURED, CORRECTED) for which in (NOW, BEFORE)]
    rows = pd.DataFrame(names, columns=["satisfaction", "method"])
    rows = rows.assign(effect=found[0], effect_low=low, effect_high=high)
    alphas = dict(zip(("satisfaction before", "satisfaction now", "loyalty"), map(float, extra[0, :3]), strict=True))
    return AccumulationResult(rows, len(items), waves, alphas, float(extra[0, 3]))


def _two_waves(
    answers: pd.DataFrame,
    person: str,
    wave: str,
    satisfaction: Sequence[str],
    loyalty: Sequence[str],
    ends: measuring.Ends | None,
) -> tuple[np.ndarray, tuple[str, str], str]:
    """Items of both waves side by side (before, now, loyalty now), the waves, and why there are none."""
    nothing = np.empty((0, 0)), ("", "")
    needed = [person, wave, *satisfaction, *loyalty]
    absent = [column for column in needed if column not in answers.columns]
    if absent or min(len(satisfaction), len(loyalty)) < 2:
        return *nothing, "There are no two waves with several items of satisfaction and loyalty in this study."
    known = answers.dropna(subset=[person, wave])
    # Two answers of one person in one wave contradict each other, or belong to two people.
    known = known[~known.duplicated([person, wave], keep=False)]
    order = sorted(known[wave].unique())
    if len(order) < 2:
        return *nothing, "There is only one wave of the survey in this study, so nothing can be seen to accumulate."
    before, now = (
        pd.DataFrame(
            {name: measuring.measure(rows, [name], ends=ends).points for name in names}, index=rows.index
        ).dropna()
        for rows, names in (
            (known[known[wave] == order[-2]].set_index(person), list(satisfaction)),
            (known[known[wave] == order[-1]].set_index(person), [*satisfaction, *loyalty]),
        )
    )
    both = before.add_suffix(" before").join(now, how="inner").to_numpy("float64")
    if len(both) < _FEWEST:
        return *nothing, f"Only {count(len(both), 'customer')} answered all of it in two waves, {_FEWEST} are needed."
    return both, (str(order[-2]), str(order[-1])), ""


def _solve(items: np.ndarray, counts: np.ndarray, sizes: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Effects now and before, as measured and corrected; and the three alphas and the stability, by draw."""
    matrices = importance.covariances(items, counts)
    member = np.zeros((items.shape[1], 3))
    starts = np.cumsum([0, *sizes])
    for place in range(3):
        member[starts[place] : starts[place + 1], place] = 1.0 / sizes[place]
    own = np.einsum("dii,ij->dj", matrices, member**2)
    scores = member.T @ matrices @ member
    variance = np.einsum("dii->di", scores)
    k = np.array(sizes, dtype="float64")
    with np.errstate(divide="ignore", invalid="ignore"):
        alpha = k / (k - 1) * (1 - own / variance)
        true = variance * np.where(alpha > 0.05, alpha, np.nan)
        naive = _slopes(scores, variance)
        corrected = scores.copy()
        for place in range(2):
            corrected[:, place, place] = true[:, place]
        stability = corrected[:, 0, 1] / np.sqrt(true[:, 0] * true[:, 1])
        fixed = np.where((np.abs(stability) < _ALIKE)[:, None], _slopes(corrected, true), np.nan)
    return np.hstack([naive, fixed]), np.column_stack([alpha, stability])


def _slopes(matrices: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Standardised coefficients of loyalty on satisfaction now and before, by Cramer's rule."""
    before, now, cross = matrices[:, 0, 0], matrices[:, 1, 1], matrices[:, 0, 1]
    with_before, with_now = matrices[:, 0, 2], matrices[:, 1, 2]
    determinant = before * now - cross**2
    slopes = np.column_stack([with_now * before - with_before * cross, with_before * now - with_now * cross])
    spread = np.sqrt(np.column_stack([variance[:, 1], variance[:, 0]]) / variance[:, [2]])
    return slopes / determinant[:, None] * spread


def _absent(why: str) -> AccumulationResult:
    columns = ["satisfaction", "method", "effect", "effect_low", "effect_high"]
    return AccumulationResult(pd.DataFrame(columns=columns), 0, ("", ""), {}, float("nan"), why)
