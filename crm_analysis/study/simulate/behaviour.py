"""Behavioural loyalty, and the trap in it: a curve over satisfaction that bends most where competition is strong.

Jones and Sasser (1995): steep at the low end, flat in the middle (zone of indifference), steep at the top. Beside the
curve work switching cost (hostages), basic satisfaction (its lack repels), latent satisfaction (it wins) and habit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from crm_analysis.study.simulate import items
from crm_analysis.study.simulate.feelings import PERIODS
from crm_analysis.study.simulate.people import REGIONS
from crm_analysis.study.simulate.questionnaire import SATISFACTION
from crm_analysis.study.simulate.setting import Setting

# A corner of the curve is (satisfaction index, behavioural loyalty), both 0-100, for no and for full competition.
_CORNERS = {
    0.0: ((0.0, 15.0), (45.0, 66.0), (65.0, 72.0), (100.0, 95.0)),
    1.0: ((0.0, 5.0), (45.0, 28.0), (85.0, 36.0), (100.0, 95.0)),
}
SWITCHING_COST_EFFECT = 6.0
BASIC_PENALTY = 9.0
LATENT_REWARD = 10.0
HABIT_EFFECT = 3.0
NOISE = 8.0

SATISFIED = 70.0  # satisfaction index from which a customer counts as satisfied
TRAP_DAYS = 365


def corners(competition: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The curve's four corners (people x 4), in satisfaction and in loyalty, at each level of competition."""
    weight = np.asarray(competition, dtype=float)[:, None]
    none, full = (np.array(_CORNERS[level]) for level in (0.0, 1.0))
    blended = (1 - weight)[..., None] * none + weight[..., None] * full
    return blended[..., 0], blended[..., 1]


def curve(satisfaction: np.ndarray, competition: np.ndarray) -> np.ndarray:
    """Behavioural loyalty on the curve, for a satisfaction index (0-100) at each level of competition (0-1)."""
    at, loyal = corners(competition)
    slopes = np.diff(loyal, axis=1) / np.diff(at, axis=1)
    gone = np.clip(np.asarray(satisfaction)[:, None] - at[:, :-1], 0, np.diff(at, axis=1))
    return loyal[:, 0] + (slopes * gone).sum(axis=1)


def satisfaction_index(felt: dict[str, np.ndarray]) -> np.ndarray:
    """True satisfaction index (0-100; people x periods): what the survey's items would give without error."""
    return items.index(SATISFACTION, felt["satisfaction"])


def draw(people: pd.DataFrame, felt: dict[str, np.ndarray], setting: Setting) -> np.ndarray:
    """Behavioural loyalty (people x periods); the curve's range is 0-100, a person may lie outside it."""
    steady = NOISE * setting.generator("behaviour").normal(size=len(people))
    index = satisfaction_index(felt)
    loyalty = np.empty_like(index)
    for period in range(PERIODS):
        loyalty[:, period] = curve(index[:, period], people["competition"].to_numpy()) + steady
    return (
        loyalty
        + SWITCHING_COST_EFFECT * felt["switching_cost"]
        + HABIT_EFFECT * felt["habit"]
        - BASIC_PENALTY * np.maximum(0, -felt["basic_satisfaction"])
        + LATENT_REWARD * np.maximum(0, felt["latent_satisfaction"])
    )


def trapped(index: np.ndarray, joined: np.ndarray, left: np.ndarray, setting: Setting) -> np.ndarray:
    """Per wave (people x 2): 1 satisfied and gone within a year, 0 satisfied and still there, NaN not at risk."""
    columns = []
    for wave, day in enumerate(setting.wave_days, start=1):
        at_risk = (joined <= day) & (left > day) & (index[:, wave] >= SATISFIED)
        columns.append(np.where(at_risk, (left <= day + TRAP_DAYS).astype(float), np.nan))
    return np.column_stack(columns)


def truth(
    people: pd.DataFrame, index: np.ndarray, left: np.ndarray, chances: list[np.ndarray], setting: Setting
) -> dict[str, Any]:
    """The curve, the effects beside it, and the trap rates that came of them.

    ``chances`` holds, for each wave, each person's true chance to leave within a year.
    """
    at, loyal = corners(REGIONS["competition"].to_numpy())
    slopes = np.diff(loyal, axis=1) / np.diff(at, axis=1)
    inside = trapped(index, people["joined_day"].to_numpy(), left, setting)
    region = people["region_number"].to_numpy()
    return {
        "meaning": "behavioural loyalty (points) is piecewise linear in the true satisfaction index (0-100): slopes "
        "in points per index point, below, between and above the two break points; effects in points per standard "
        "deviation",
        "curve_by_region": {
            name: {
                "competition": float(REGIONS["competition"][number]),
                "break_points": at[number, 1:3].tolist(),
                "flat_zone_width": float(at[number, 2] - at[number, 1]),
                "slopes": slopes[number].tolist(),
                "loyalty_at_corners": loyal[number].tolist(),
            }
            for number, name in enumerate(REGIONS["region"])
        },
        "effects": {
            "switching_cost": SWITCHING_COST_EFFECT,
            "habit": HABIT_EFFECT,
            "basic_satisfaction_below_zero": BASIC_PENALTY,
            "basic_satisfaction_above_zero": 0.0,
            "latent_satisfaction_below_zero": 0.0,
            "latent_satisfaction_above_zero": LATENT_REWARD,
            "lasting_individual_standard_deviation": NOISE,
        },
        "rule": f"trapped: satisfaction index of at least {SATISFIED:g} at the wave's first day, customer on that day, "
        f"and gone within {TRAP_DAYS} days after it",
        "satisfied_from": SATISFIED,
        "days": TRAP_DAYS,
        "rate_meaning": "rate: share of the satisfied who were trapped; expected_rate: mean of their true chances to "
        "leave, free of the luck of the draw; the year after the second wave ends after the window",
        "rate": _rates(inside, chances, np.full(len(people), True)),
        "rate_by_region": {
            name: _rates(inside, chances, region == number) for number, name in enumerate(REGIONS["region"])
        },
    }


def _rates(inside: np.ndarray, chances: list[np.ndarray], who: np.ndarray) -> dict[str, dict[str, float | int | None]]:
    found: dict[str, dict[str, float | int | None]] = {}
    for wave, chance in enumerate(chances, start=1):
        satisfied = who & np.isfinite(inside[:, wave - 1])
        trapped_ones = inside[satisfied, wave - 1]
        found[f"wave_{wave}"] = {
            "satisfied": int(satisfied.sum()),
            "trapped": int(trapped_ones.sum()),
            "rate": float(trapped_ones.mean()) if satisfied.any() else None,
            "expected_rate": float(chance[satisfied].mean()) if satisfied.any() else None,
        }
    return found
