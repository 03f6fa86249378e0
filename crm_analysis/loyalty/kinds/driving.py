"""Driving: what goes with loyalty, of satisfaction, service, programme, customisation, value and switching cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crm_analysis import options, resampling, style
from crm_analysis.errors import UsageError
from crm_analysis.loyalty import indicators as measuring
from crm_analysis.loyalty.kinds import importance
from crm_analysis.loyalty.scoring.classification import OBJECTIVE, SUBJECTIVE
from crm_analysis.loyalty.wording import decimal, of, sentence, words
from crm_analysis.result import Result, metric_key
from crm_analysis.table import count, interval, listed, percent, short, with_interval

DRIVERS: dict[str, tuple[str, ...]] = {
    "satisfaction": ("satisfaction_overall", "satisfaction_confirmation", "satisfaction_ideal"),
    "service": tuple(
        f"servqual_{dimension}_{number}_perceived"
        for dimension in ("reliability", "assurance", "tangibles", "empathy", "responsiveness")
        for number in (1, 2)
    ),
    "programme": ("open_contract",),
    "customisation": ("quality_customisation",),
    "delivered_value": (
        *(f"own_{part}_value" for part in ("product", "personnel", "image", "service")),
        *(f"-own_{part}_cost" for part in ("money", "mental", "time", "physical")),
    ),
    "switching_cost": ("switching_cost_effort", "switching_cost_loss", "switching_cost_learning"),
}
"""Columns of each driver, averaged from 0 to 100; costs of delivered value are turned round."""

MOST = 10
_PER_DRIVER = 5
_NOTHING = (
    "There is no measure of loyalty together with drivers in this study, so nothing can be said of what drives it."
)


@dataclass(frozen=True, eq=False, repr=False)
class DriversResult(Result):
    """What goes with loyalty.

    Attributes
    ----------
    drivers : DataFrame
        One row per driver: ``columns``, ``reliability``, ``correlation`` with loyalty alone, ``effect`` (standard
        deviations of loyalty per standard deviation, the other drivers equal) with its interval, ``r2_share`` (its
        part of the explained variance, averaged over all orders of entry) with its interval.
    outcome : str
        The column that stands for loyalty.
    customers : int
        With loyalty and all drivers.
    r2 : tuple of float
        Explained share of the variance and its interval.
    left_out : dict of str
        Drivers that could not be used, and why.
    absent : str
        Why nothing can be said; empty if something can.
    """

    drivers: pd.DataFrame
    outcome: str
    customers: int
    r2: tuple[float, float, float]
    left_out: dict[str, str]
    absent: str = ""
    title = "What goes with loyalty"
    shown: ClassVar[dict[str, str]] = {
        "drivers": "Standardised effects, other drivers equal, and parts of the explained variance"
    }

    def to_frame(self) -> pd.DataFrame:
        return self.drivers.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"drivers": self.to_frame()}

    def metrics(self) -> dict[str, float]:
        found = {f"{metric_key(row['driver'])}_effect": row["effect"] for row in self.drivers.to_dict("records")}
        return found | {"r2": self.r2[0], "customers": self.customers}

    def findings(self) -> tuple[str, ...]:
        """The most important first: what claims most, what else is certain, what is not, how much all explain."""
        if self.drivers.empty:
            return (self.absent, *self._left_out())
        rows = self.drivers.sort_values("r2_share", ascending=False, kind="stable")
        top = rows.iloc[0]
        text = with_interval(*(top[f"r2_share{end}"] for end in ("", "_low", "_high")))
        said = [
            f"{sentence(top['driver'])} claims the largest part of what the drivers explain of {self._loyalty()}: "
            f"{text}; its effect is {of(top, 'effect')} standard deviations for one more, the others equal."
        ]
        for sign, what in ((1, "go with more loyalty"), (-1, "go with less loyalty")):
            sure = rows[(sign * rows["effect_low"] > 0) & (sign * rows["effect_high"] > 0)]
            sure = sure[sure["driver"] != top["driver"]]
            if len(sure):
                names = [f"{words(row['driver'])} ({decimal(row['effect'])})" for row in sure.to_dict("records")]
                said.append(f"Beside it these {what} for certain, the others equal: {listed(names)}.")
        unsure = rows[(rows["effect_low"] <= 0) & (rows["effect_high"] >= 0)]
        if len(unsure):
            said.append(f"No certain effect beside the others: {listed([words(name) for name in unsure['driver']])}.")
        said.append(
            f"Together they explain {percent(self.r2[0])} ({interval(*self.r2[1:])}) of its variance, over "
            f"{count(self.customers, 'customer')}. These are associations of answers given at one time, weaker than "
            "the truth where a driver is measured loosely; they do not show what a change would bring."
        )
        return (*said, *self._left_out())

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the effects with their intervals, in order of importance."""
        title = f"What goes with {self._loyalty()}"
        if self.drivers.empty:
            return style.nothing(ax, title="What goes with loyalty", why=self.absent)
        rows = self.drivers.sort_values("r2_share", kind="stable")
        ax = style.axes(ax, height=1.9 + 0.42 * len(rows))
        places = np.arange(len(rows))
        ax.barh(
            places + 0.0, rows["r2_share"] * self.r2[0], color=style.GRID, height=0.62, label="part of R2 (all orders)"
        )
        ax.hlines(places, rows["effect_low"], rows["effect_high"], color=style.PALETTE[0], lw=2)
        ax.scatter(rows["effect"], places, color=style.PALETTE[0], s=46, zorder=3, label="effect, others equal")
        ax.scatter(
            rows["correlation"], places, marker="|", color=style.ACCENT, s=160, zorder=2, label="correlation alone"
        )
        ax.axvline(0, color=style.INK, lw=0.8)
        ax.set_yticks(places, [short(words(name), width=26) for name in rows["driver"]])
        ax.set_xlabel("standard deviations of loyalty for one of the driver, 95 % interval")
        ax.set_title(title, pad=26)
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=3, fontsize=8.5, borderaxespad=0.1)
        return style.describe(ax, f"Dots: standardised effects of drivers of loyalty. {self.findings()[0]}")

    def _loyalty(self) -> str:
        known = {
            "subjective": "what customers say (subjective loyalty)",
            "objective": "what they do (objective loyalty)",
        }
        return known.get(self.outcome, words(self.outcome))

    def _left_out(self) -> list[str]:
        reasons = dict.fromkeys(self.left_out.values())
        return [
            f"Left out, {why}: {listed([words(name) for name in self.left_out if self.left_out[name] == why])}."
            for why in reasons
        ]


def explain(
    customers: pd.DataFrame,
    *,
    outcome: str = "subjective",
    columns: Mapping[str, str | Sequence[str]] = DRIVERS,
    ends: measuring.Ends | None = None,
    draws: int = 500,
    seed: int = 0,
) -> DriversResult:
    """Set drivers beside each other in what they explain of loyalty.

    Parameters
    ----------
    customers : DataFrame
        One row per customer, with answers and a measure of loyalty.
    outcome : str
        Column with the measure of loyalty: ``subjective`` or ``objective`` of `score.measure`, or another number.
    columns : mapping of str to str or sequence of str
        Columns of each driver, averaged on a scale from 0 to 100; ``-`` turns one round.
    ends : mapping of str to (low, high), optional
        Lowest and highest code of columns with a scale.
    draws : int
        Bootstrap redraws of the customers.
    seed : int
        For the redraws.

    Returns
    -------
    DriversResult
        Where loyalty or all drivers are missing, or fewer than five customers for each number that is estimated have
        all of them, one that says so.

    Raises
    ------
    UsageError
        If a customer has two rows, there are fewer than 100 draws or more than ten drivers.

    Notes
    -----
    Effects are least-squares coefficients of standardised variables. Parts of the explained variance are those of
    Lindeman, Merenda and Gold: what a driver adds to R2, averaged over all orders of entry, so that drivers that go
    together share what they explain. Intervals are bias-corrected and accelerated (Efron 1987), since R2 is too high
    in redraws. A part is never below zero: its interval cannot show that a driver is useless, that of its effect can.

    References
    ----------
    Efron, B. (1987). Better bootstrap confidence intervals. JASA 82, 171-185.
    Lindeman, R. H., Merenda, P. F. and Gold, R. Z. (1980). Introduction to Bivariate and Multivariate Analysis. Scott
    Foresman.
    """
    draws = options.whole(draws, "draws", caller="profile", least=100)
    seed = options.whole(seed, "seed", caller="profile")
    if len(columns) > MOST:
        raise UsageError(f"profile: there may be at most {MOST} drivers, not {len(columns)}.")
    frame = measuring.by_customer(customers, caller="profile")
    if outcome not in (*frame.columns, OBJECTIVE, SUBJECTIVE):
        raise UsageError(
            f"profile: there is no column {outcome!r} with a measure of loyalty; name one that is there, or merge "
            "the scores of score.measure."
        )
    loyal = frame[outcome] if outcome in frame.columns else pd.Series(np.nan, index=frame.index)
    loyal = measuring.numbers(loyal, outcome)
    found = {
        name: measuring.measure(frame, [own] if isinstance(own, str) else list(own), ends=ends)
        for name, own in columns.items()
    }
    left_out = {name: "not in this study" for name, one in found.items() if one.points.isna().all()}
    kept = [name for name in found if name not in left_out]
    values = pd.DataFrame({name: found[name].points for name in kept} | {"": loyal}, index=frame.index).dropna()
    flat = [name for name in kept if len(values) and np.ptp(values[name]) == 0]
    left_out |= dict.fromkeys(flat, "all customers are alike")
    kept = [name for name in kept if name not in flat]
    if not kept or values.empty or np.ptp(values[""]) == 0:
        return _absent(outcome, left_out, _NOTHING)
    if len(values) < _PER_DRIVER * (len(kept) + 1):
        return _absent(
            outcome,
            left_out,
            f"{count(len(values), 'customer')} with loyalty and all of {count(len(kept), 'driver')} are too few to say "
            f"what drives it, {_PER_DRIVER * (len(kept) + 1)} are needed.",
        )
    matrix = values[[*kept, ""]].to_numpy("float64")
    estimate, low, high = _estimates(matrix, draws, seed)
    k = len(kept)
    alone = importance.correlations(matrix, np.ones((1, len(matrix))))[0, :-1, -1]
    table = {
        "driver": kept,
        "columns": [", ".join(found[name].columns) for name in kept],
        "reliability": [found[name].reliability for name in kept],
        "correlation": alone,
    }
    for place, name in enumerate(("effect", "r2_share")):
        own = slice(place * k, (place + 1) * k)
        table |= {name: estimate[own], f"{name}_low": low[own], f"{name}_high": high[own]}
    r2 = (float(estimate[-1]), float(low[-1]), float(high[-1]))
    return DriversResult(pd.DataFrame(table, columns=_columns()), outcome, len(values), r2, left_out)


def _estimates(matrix: np.ndarray, draws: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Effects, parts and R2, and the ends of their intervals."""

    def of_counts(counts: np.ndarray) -> np.ndarray:
        matrices = importance.correlations(matrix, counts)
        parts = importance.shapley(matrices)
        r2 = parts.sum(axis=1, keepdims=True)
        shares = np.divide(parts, r2, out=np.zeros_like(parts), where=r2 > 1e-12)
        return np.hstack([importance.effects(matrices), shares, r2])

    blocks = resampling.counts(np.random.default_rng(seed), size=len(matrix), resamples=draws)
    drawn = np.vstack([of_counts(block) for block in blocks])
    estimate = of_counts(np.ones((1, len(matrix))))[0]
    return estimate, *resampling.bca(drawn, estimate, of_counts(resampling.leave_out(len(matrix))))


def _absent(outcome: str, left_out: dict[str, str], why: str) -> DriversResult:
    return DriversResult(pd.DataFrame(columns=_columns()), outcome, 0, (np.nan,) * 3, left_out, why)


def _columns() -> list[str]:
    ends = [f"{name}{end}" for name in ("effect", "r2_share") for end in ("", "_low", "_high")]
    return ["driver", "columns", "reliability", "correlation", *ends]
