"""Lagging: satisfaction of two waves, and the behaviour after them. Does the earlier one still tell?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from scipy import stats

from crm_analysis import style
from crm_analysis.loyalty.curves import answers
from crm_analysis.loyalty.wording import of
from crm_analysis.resampling import LEVEL
from crm_analysis.result import Result
from crm_analysis.table import count

THEN, NOW, BEFORE, BACK = "satisfaction then", "satisfaction now", "behaviour before", "behaviour on satisfaction"
_COLUMNS = ["outcome", "predictor", "effect", "effect_low", "effect_high", "p_value"]
_LEAST = 30


@dataclass(frozen=True, eq=False, repr=False)
class LaggedResult(Result):
    """What satisfaction of two waves tells of the behaviour after them: `effects`, per ten points or a unit."""

    effects: pd.DataFrame
    customers: int
    why: str
    title = "Satisfaction then, behaviour after"
    shown: ClassVar[dict[str, str]] = {
        "effects": "Effects given the other predictors; satisfaction per ten points, behaviour per unit"
    }

    def to_frame(self) -> pd.DataFrame:
        return self.effects.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"effects": self.to_frame()}

    def metrics(self) -> dict[str, float]:
        own = self.effects[self.effects["outcome"] == "behaviour after"]
        names = {THEN: "then", NOW: "now", BEFORE: "before"}
        effects = zip(own["predictor"], own["effect"], strict=True)
        return {"customers": self.customers} | {f"effect_{names[name]}": float(effect) for name, effect in effects}

    def findings(self) -> tuple[str, ...]:
        """What the latest satisfaction tells, whether the earlier one adds to it, and whether behaviour leads."""
        if self.effects.empty:
            return (self.why,)
        own = self.effects[self.effects["outcome"] == "behaviour after"].set_index("predictor")
        said = [f"Ten points more satisfaction now go with {_said(own.loc[NOW])} more behaviour after, from 0 to 1."]
        row, again = own.loc[THEN], "at equal satisfaction now"
        if row["effect_low"] > 0:
            said.append(
                f"Satisfaction of the earlier wave still counts {again}: {_said(row)}; errors of measurement favour it."
            )
        elif row["effect_high"] < 0:
            said.append(
                f"Who was more satisfied then does less {again}: {_said(row)}, as if its fall counted by itself."
            )
        else:
            said.append(f"Satisfaction of the earlier wave adds nothing for certain {again}: {_said(row)}.")
        back = self.effects[self.effects["outcome"] == "satisfaction now"].set_index("predictor")
        if BEFORE in back.index:
            lead = back.loc[BEFORE]
            sure = lead["effect_low"] > 0 or lead["effect_high"] < 0
            said.append(
                f"Behaviour between the waves {'goes' if sure else 'does not go'} with a change of satisfaction"
                f"{'' if sure else ' for certain'}: {_said(lead, unit='points')} a unit."
            )
        said.append(
            f"{count(self.customers, 'customer')} answered both waves and can be followed after; associations only."
        )
        return tuple(said)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the effects on the behaviour after, with 95 % intervals."""
        if self.effects.empty:
            return style.nothing(ax, title=self.title, why=self.why)
        rows = self.effects[self.effects["outcome"] == "behaviour after"]
        ax = style.axes(ax, height=1.6 + 0.5 * len(rows))
        places = np.arange(len(rows))
        ax.hlines(places, rows["effect_low"], rows["effect_high"], color=style.PALETTE[0], lw=2)
        ax.plot(rows["effect"], places, "o", color=style.PALETTE[0])
        ax.axvline(0, color=style.INK, lw=0.8)
        units = {BEFORE: "per unit"}
        ax.set_yticks(places, [f"{name}\n({units.get(name, 'per 10 points')})" for name in rows["predictor"]])
        ax.set_ylim(len(rows) - 0.5, -0.5)
        ax.set_xlabel("change of the behaviour after")
        ax.set_title("Which satisfaction tells of the behaviour after?")
        return style.describe(ax, f"Points with intervals: effects on the behaviour after. {self.findings()[0]}")


def lagged(
    first: pd.Series, second: pd.Series, *, behaviour: pd.Series, before: pd.Series | None = None
) -> LaggedResult:
    """Relate the behaviour after two waves to satisfaction in each of them.

    Parameters
    ----------
    first, second : Series
        Satisfaction (0-100) in the earlier and in the later wave, indexed by customer_id.
    behaviour : Series
        0-1, after the later wave.
    before : Series, optional
        0-1, the same behaviour between the waves: it is held equal, and what it does to satisfaction is told too.

    Returns
    -------
    LaggedResult
        Where fewer than thirty customers are in all of them, one that says so.

    Raises
    ------
    UsageError
        If something is no Series, not numeric, outside its range, or has a customer twice.

    Notes
    -----
    behaviour = a + b1 first + b2 second (+ b3 before) + error, and second = c + d1 first + d2 before + error, by least
    squares with errors robust to uneven spread (HC3; MacKinnon and White 1985). Those who left between the waves are
    not in the later one: the effects hold for who stayed.

    References
    ----------
    MacKinnon, J. G. and White, H. (1985). Some heteroskedasticity-consistent covariance matrix estimators with improved
    finite sample properties. Journal of Econometrics 29, 305-325.
    """
    then = answers.numbers(first, "first", caller="lagged", highest=100.0)
    others = {"first": then, "before": None}
    if before is not None:
        others["before"] = answers.numbers(before, "before", caller="lagged", highest=1.0)
    rows = answers.join(second, behaviour, others, caller="lagged").rows.dropna()
    empty = pd.DataFrame(columns=_COLUMNS)
    if len(rows) < _LEAST:
        why = f"{count(len(rows), 'customer')} answered both waves and can be followed after; {_LEAST} are needed."
        return LaggedResult(empty, len(rows), why if len(rows) else _nobody())
    if (rows["first"] == rows["satisfaction"]).all():
        why = f"Satisfaction of the two waves is the same for all {len(rows):,} customers: the earlier adds nothing."
        return LaggedResult(empty, len(rows), why)
    flat = [name for name in rows if not rows[name].std() > 0]
    if flat:
        return LaggedResult(
            empty, len(rows), f"All {len(rows):,} customers have the same {flat[0]}: nothing to relate."
        )
    predictors = {THEN: rows["first"] / 10, NOW: rows["satisfaction"] / 10}
    predictors |= {BEFORE: rows["before"]} if "before" in rows else {}
    found = _regression(rows["behaviour"], predictors, "behaviour after")
    if "before" in rows:
        found += _regression(rows["satisfaction"], {THEN: predictors[THEN], BEFORE: rows["before"]}, "satisfaction now")
    return LaggedResult(pd.DataFrame(found, columns=_COLUMNS), len(rows), "")


def _nobody() -> str:
    return "Nobody answered both waves and can be followed after: there is no lagged model."


def _regression(outcome: pd.Series, predictors: dict[str, Any], name: str) -> list[tuple[object, ...]]:
    design = np.column_stack([np.ones(len(outcome)), *predictors.values()])
    inverse = np.linalg.pinv(design.T @ design, hermitian=True)
    y = outcome.to_numpy()
    solved = inverse @ (design.T @ y)
    leverage = np.einsum("ij,jk,ik->i", design, inverse, design)
    residual = (y - design @ solved) / np.maximum(1 - leverage, 1e-3)
    errors = np.sqrt(np.diag(inverse @ (design.T * residual**2) @ design @ inverse))
    freedom = len(y) - design.shape[1]
    reach = float(stats.t.ppf((1 + LEVEL) / 2, freedom))
    return [
        (
            name,
            predictor,
            value,
            value - reach * error,
            value + reach * error,
            2 * float(stats.t.sf(abs(value) / error, freedom)),
        )
        for predictor, value, error in zip(predictors, solved[1:], errors[1:], strict=True)
    ]


def _said(row: pd.Series, *, unit: str = "") -> str:
    return of(row, "effect", digits=1 if unit else 3, unit=unit)
