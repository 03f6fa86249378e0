"""The survey: who answers in two waves, with which weight, and what they write down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from crm_analysis.study.simulate import questionnaire
from crm_analysis.study.simulate.people import REGIONS
from crm_analysis.study.simulate.setting import WAVE_LENGTH_DAYS, Setting, opening_seconds, text_times

RESPONDENTS_SHARE = 0.30  # of all customers, over both waves
_FIRST_WAVE_SHARE = 0.25
_AGAIN_SHARE = 0.85  # of the panel's members who are still customers at the second wave
_LEAST_AGE_DAYS = 30
_ACTIVITY_EFFECT = 0.35  # on the log propensity, per standard deviation of the log order rate
DONT_KNOW_SHARE = 0.01
_SCRAMBLE, _ID_SPACE = 373_587, 999_983  # a prime: different people get different ids


@dataclass(frozen=True)
class Respondents:
    """Who answers: for each wave the people, and the inverse of each one's chance to be in it, with mean 1."""

    people: tuple[np.ndarray, np.ndarray]
    weights: tuple[np.ndarray, np.ndarray]


def respondents(people: pd.DataFrame, rate: np.ndarray, left: np.ndarray, setting: Setting) -> Respondents:
    """Draw a panel at the first wave from those who are customers then, and its remainder with newcomers at the second.

    Only customers answer: who has left is not there to ask. Active customers answer more readily.
    """
    draws = setting.generator("respondents")
    lots = draws.random((3, len(people)))
    starts = draws.random(3)
    activity = (np.log(rate) - np.log(rate).mean()) / np.log(rate).std()
    propensity = np.exp(_ACTIVITY_EFFECT * np.clip(activity, -2, 2))
    joined = people["joined_day"].to_numpy()
    wanted = round(RESPONDENTS_SHARE * len(people))
    first_day, second_day = setting.wave_days

    there = np.flatnonzero((joined <= first_day - _LEAST_AGE_DAYS) & (left > first_day + WAVE_LENGTH_DAYS))
    size = min(round(_FIRST_WAVE_SHARE * len(people)), wanted, round(0.75 * len(there)))
    panel, chance = _chosen(there, propensity, size, lots[0], starts[0])

    still = np.isin(panel, np.flatnonzero(left > second_day + WAVE_LENGTH_DAYS))
    again, again_chance = _chosen(panel[still], propensity, round(_AGAIN_SHARE * still.sum()), lots[1], starts[1])
    again_chance = again_chance * chance[np.searchsorted(panel, again)]

    newcomer = (joined > first_day - _LEAST_AGE_DAYS) & (joined <= second_day - _LEAST_AGE_DAYS)
    new = np.flatnonzero(newcomer & (left > second_day + WAVE_LENGTH_DAYS))
    new, new_chance = _chosen(new, propensity, min(wanted - size, round(0.75 * len(new))), lots[2], starts[2])

    second = np.concatenate([again, new])
    order = np.argsort(second)
    weights = 1 / chance, 1 / np.concatenate([again_chance, new_chance])[order]
    return Respondents((panel, second[order]), (weights[0] / weights[0].mean(), weights[1] / weights[1].mean()))


def table(
    people: pd.DataFrame,
    felt: dict[str, np.ndarray],
    loyalty: np.ndarray,
    answering: Respondents,
    setting: Setting,
) -> pd.DataFrame:
    """The raw survey table: a row for each respondent and wave."""
    draws = setting.generator("answers")
    latent = _latent(people, felt, loyalty, draws)
    waves = []
    for wave, (person, weight) in enumerate(zip(answering.people, answering.weights, strict=True), start=1):
        # Drawn for everybody, so that what one person answers does not depend on who else does.
        day = setting.wave_days[wave - 1] + np.floor(WAVE_LENGTH_DAYS * draws.beta(1.2, 2.5, size=len(people)))
        seconds = opening_seconds(draws, len(people))
        answers = {
            "respondent_id": respondent_ids(person),
            "customer_id": people["customer_id"].to_numpy()[person],
            "time": text_times(setting.dates(day[person]), seconds[person]),
            "wave": wave,
            "weight": np.round(weight, 4),
            "market": REGIONS["market"].to_numpy()[people["region_number"].to_numpy()[person]],
            "competition": people["competition"].to_numpy()[person],
        }
        for item in questionnaire.ALL:
            error = draws.normal(size=len(people))
            unknown = draws.random((2, len(people)))
            code = item.answer(latent[item.measures][:, wave], error)
            refusal = np.where(unknown[1] < 0.7, *questionnaire.DONT_KNOW)
            answers[item.name] = np.where(unknown[0] < DONT_KNOW_SHARE, refusal, code)[person]
        waves.append(pd.DataFrame(answers).sort_values(["time", "respondent_id"], kind="stable"))
    return pd.concat(waves, ignore_index=True)


def respondent_ids(person: np.ndarray) -> np.ndarray:
    """Respondent ids of people: anonymous to a reader, and free of who else answers."""
    return np.array([f"R{(number * _SCRAMBLE) % _ID_SPACE:06d}" for number in person + 1], dtype=object)


def truth(answering: Respondents) -> dict[str, Any]:
    """Who answered and how answers are made."""
    first, second = answering.people
    return {
        "meaning": "an answer is the code between whose cut points lies loading * latent + sqrt(1 - loading^2) * "
        "error; loading_of_code is the correlation of the written code with the latent variable, weaker by rounding; "
        "means hold where latent variables have mean 0 and variance 1; weight is the inverse chance to answer among "
        "customers",
        "items": questionnaire.truth(),
        "respondents": len(np.union1d(first, second)),
        "answers_by_wave": {"1": len(first), "2": len(second)},
        "in_both_waves": len(np.intersect1d(first, second)),
        "activity_effect_on_log_propensity": _ACTIVITY_EFFECT,
        "dont_know_share_of_cells": DONT_KNOW_SHARE,
    }


def servqual_truth() -> dict[str, Any]:
    """Expected gaps of the five SERVQUAL dimensions."""
    found = {}
    for dimension, (_, _, quality) in questionnaire.SERVQUAL_DIMENSIONS.items():
        means = {
            side: float(
                np.mean(
                    [item.expected_mean for item in questionnaire.SERVQUAL if item.measures == f"{dimension}_{side}"]
                )
            )
            for side in ("expected", "perceived")
        }
        gap = means["perceived"] - means["expected"]
        found[dimension] = {**means, "gap": gap, "correlation_of_perception_with_quality": quality}
    return {"meaning": "means on the 1-10 scale at latent mean 0; gap = perceived - expected", "dimensions": found}


def delivered_truth() -> dict[str, Any]:
    """Expected ratings of what we and the main rival deliver."""
    means = {item.name: item.expected_mean for item in questionnaire.DELIVERED}
    parts = {
        part: {"own": means[f"own_{part}"], "rival": means[f"rival_{part}"]} for part in questionnaire.DELIVERED_PARTS
    }
    return {
        "meaning": "means on the 1-10 scale at latent mean 0; costs: high is a burden; delivered value = values - "
        "costs; our ratings go with perceived value, the rival's with competition in the region",
        "parts": parts,
        "delivered_value": {
            brand: sum(mean[brand] * (1 if part.endswith("_value") else -1) for part, mean in parts.items())
            for brand in ("own", "rival")
        },
    }


def _latent(
    people: pd.DataFrame, felt: dict[str, np.ndarray], loyalty: np.ndarray, draws: np.random.Generator
) -> dict[str, np.ndarray]:
    """What the items measure, by name: the feelings and what only the questionnaire asks for."""
    competition = people["competition"].to_numpy()
    centre, spread = _moments(REGIONS["competition"].to_numpy(), REGIONS["share"].to_numpy())
    latent = dict(felt)
    latent["competition"] = np.repeat(((competition - centre) / spread)[:, None], 3, axis=1)
    latent["behavioural_loyalty"] = (loyalty - loyalty.mean()) / loyalty.std()
    for dimension, (_, _, correlation) in questionnaire.SERVQUAL_DIMENSIONS.items():
        own = draws.normal(size=(2, len(people), 3))
        latent[f"{dimension}_perceived"] = correlation * felt["quality"] + np.sqrt(1 - correlation**2) * own[0]
        latent[f"{dimension}_expected"] = 0.6 * felt["expectations"] + 0.8 * own[1]
    return latent


def _moments(values: np.ndarray, shares: np.ndarray) -> tuple[float, float]:
    centre = float(shares @ values)
    return centre, float(np.sqrt(shares @ (values - centre) ** 2))


def _chosen(
    candidates: np.ndarray, propensity: np.ndarray, size: int, lots: np.ndarray, start: float
) -> tuple[np.ndarray, np.ndarray]:
    """Systematic sampling: exactly ``size`` people, each with a known chance in proportion to their propensity."""
    if not len(candidates) or not size:
        return np.empty(0, dtype=int), np.empty(0)
    chance = np.zeros(len(candidates))
    certain = np.zeros(len(candidates), dtype=bool)
    while True:
        open_ = ~certain
        chance[open_] = (size - certain.sum()) * propensity[candidates[open_]] / propensity[candidates[open_]].sum()
        if not (chance > 1).any():
            break
        certain |= chance > 1
        chance[certain] = 1.0
    order = np.argsort(lots[candidates])
    passed = np.floor(np.cumsum(chance[order]) + start + 1e-9)
    hit = order[np.diff(passed, prepend=np.floor(start)) > 0]
    hit = np.sort(hit)
    return candidates[hit], chance[hit]
