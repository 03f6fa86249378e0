"""Contacts with the firm: enquiries, service, complaints after bad experiences, and what handling them well does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from crm_analysis.study.simulate.feelings import PERIODS
from crm_analysis.study.simulate.leaving import Events
from crm_analysis.study.simulate.setting import Setting, opening_seconds, text_times

BAD_EXPERIENCES_PER_YEAR = 0.45  # of a customer with quality 0
QUALITY_EFFECT = -0.5  # on the log rate of bad experiences
COMPLAINT_INTERCEPT = -0.5  # log odds that a bad experience is complained about, at complaints 0
COMPLAINT_EFFECT = 1.2
RESOLVED_SHARE = 0.62
HAZARD_FACTORS = {"resolved": 0.75, "unresolved": 1.9, "silent": 1.3}
HAZARD_MONTHS = 6
PER_YEAR = {"enquiry": 0.55, "service": 0.40}
_RESOLVED = {"enquiry": 0.93, "service": 0.85, "return": 0.96}
_CHANNELS = {"enquiry": (0.45, 0.25, 0.20, 0.10), "complaint": (0.25, 0.40, 0.25, 0.10)}
_CHANNEL_NAMES = np.array(["chat", "phone", "email", "shop"])


@dataclass(frozen=True)
class BadExperiences:
    """Bad experiences that would befall each person up to the end of the window, had they not left before."""

    person: np.ndarray
    day: np.ndarray
    complained: np.ndarray
    resolved: np.ndarray

    def hazard_events(self) -> Events:
        """What they do to leaving."""
        outcome = np.where(self.resolved, HAZARD_FACTORS["resolved"], HAZARD_FACTORS["unresolved"])
        factor = np.where(self.complained, outcome, HAZARD_FACTORS["silent"])
        return Events(person=self.person, day=self.day, months=HAZARD_MONTHS, factor=factor)


def bad_experiences(people: pd.DataFrame, felt: dict[str, np.ndarray], setting: Setting) -> BadExperiences:
    """Draw bad experiences by quality, complaints by the feeling to complain, and how they were handled."""
    draws = setting.generator("complaints")
    joined = people["joined_day"].to_numpy()
    edges = np.array([0, *setting.wave_days, setting.days], dtype=float)
    persons, days = [], []
    for period in range(PERIODS):
        begins = np.maximum(joined, edges[period])
        length = np.maximum(edges[period + 1] - begins, 0)
        rate = BAD_EXPERIENCES_PER_YEAR * np.exp(QUALITY_EFFECT * felt["quality"][:, period])
        person = np.repeat(np.arange(len(people)), draws.poisson(rate * length / 365.25))
        persons.append(person)
        days.append(begins[person] + length[person] * draws.random(len(person)))
    person, day = np.concatenate(persons), np.concatenate(days)
    tendency = COMPLAINT_INTERCEPT + COMPLAINT_EFFECT * felt["complaints"][person, setting.period(day)]
    complained = draws.random(len(person)) < 1 / (1 + np.exp(-tendency))
    return BadExperiences(person, day, complained, resolved=draws.random(len(person)) < RESOLVED_SHARE)


def table(
    people: pd.DataFrame,
    bad: BadExperiences,
    left: np.ndarray,
    returned: tuple[np.ndarray, np.ndarray],
    setting: Setting,
) -> pd.DataFrame:
    """The raw contacts table: complaints, enquiries and service while a customer, and a contact for each return."""
    draws = setting.generator("contacts")
    begins = np.maximum(people["joined_day"].to_numpy(), 0)
    length = np.maximum(np.minimum(left, setting.days) - begins, 0)
    made = bad.complained & (bad.day < left[bad.person])
    parts = [_events("complaint", bad.person[made], bad.day[made], bad.resolved[made], draws)]
    for kind, per_year in PER_YEAR.items():
        person = np.repeat(np.arange(len(people)), draws.poisson(per_year * length / 365.25))
        day = begins[person] + length[person] * draws.random(len(person))
        parts.append(_events(kind, person, day, draws.random(len(person)) < _RESOLVED[kind], draws))
    person, day = returned
    parts.append(_events("return", person, day, draws.random(len(person)) < _RESOLVED["return"], draws))
    events = pd.concat(parts, ignore_index=True)
    events["time"] = text_times(setting.dates(events["day"].to_numpy()), opening_seconds(draws, len(events)))
    events["customer_id"] = people["customer_id"].to_numpy()[events["person"]]
    ordered = events.sort_values(["time", "customer_id", "kind"], kind="stable", ignore_index=True)
    return ordered[["customer_id", "time", "kind", "channel", "resolved"]]


def truth(bad: BadExperiences, left: np.ndarray) -> dict[str, Any]:
    """Rates, effects, and how many came of them."""
    happened = bad.day < left[bad.person]
    return {
        "meaning": "a bad experience happens at a rate that falls with quality, and is complained about with log odds "
        f"that rise with complaints; for {HAZARD_MONTHS} months of the relation it multiplies the hazard of leaving",
        "bad_experiences_per_year_at_quality_zero": BAD_EXPERIENCES_PER_YEAR,
        "quality_effect_on_log_rate": QUALITY_EFFECT,
        "complaint_log_odds_at_complaints_zero": COMPLAINT_INTERCEPT,
        "complaints_effect_on_log_odds": COMPLAINT_EFFECT,
        "resolved_share": RESOLVED_SHARE,
        "hazard_factors": HAZARD_FACTORS,
        "bad_experiences": int(happened.sum()),
        "complaints": int((happened & bad.complained).sum()),
        "enquiries_and_service_per_year": PER_YEAR,
    }


def _events(
    kind: str, person: np.ndarray, day: np.ndarray, resolved: np.ndarray, draws: np.random.Generator
) -> pd.DataFrame:
    shares = _CHANNELS["complaint" if kind == "complaint" else "enquiry"]
    channel = _CHANNEL_NAMES[draws.choice(len(_CHANNEL_NAMES), size=len(person), p=shares)]
    answer = np.where(resolved, "yes", "no")
    return pd.DataFrame({"person": person, "day": day, "kind": kind, "channel": channel, "resolved": answer})
