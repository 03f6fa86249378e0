"""Score: loyalty by what customers do and by what they say, kept apart, set against each other, and tested."""

from __future__ import annotations

from crm_analysis.loyalty.scoring.classification import INDICATORS, OBJECTIVE, SUBJECTIVE, Indicator
from crm_analysis.loyalty.scoring.planted import planted
from crm_analysis.loyalty.scoring.promoters import PromotersResult, promoters
from crm_analysis.loyalty.scoring.sensitivity import SensitivityResult, vary
from crm_analysis.loyalty.scoring.validity import ValidityResult, outcomes, validate
from crm_analysis.loyalty.scoring.values import ScoreResult, measure

__all__ = [
    "INDICATORS",
    "OBJECTIVE",
    "SUBJECTIVE",
    "Indicator",
    "PromotersResult",
    "ScoreResult",
    "SensitivityResult",
    "ValidityResult",
    "measure",
    "outcomes",
    "planted",
    "promoters",
    "validate",
    "vary",
]
