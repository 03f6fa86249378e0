"""Profile: who is loyal in which way, why, how lasting, and whether the usual claims about loyalty hold."""

from __future__ import annotations

from crm_analysis.loyalty.kinds.accumulation import AccumulationResult, accumulate
from crm_analysis.loyalty.kinds.classification import classify
from crm_analysis.loyalty.kinds.contradiction import SatisfiedResult, satisfied
from crm_analysis.loyalty.kinds.driving import DriversResult, explain
from crm_analysis.loyalty.kinds.parts import PartsResult
from crm_analysis.loyalty.kinds.parts import measure as parts
from crm_analysis.loyalty.kinds.placing import PLACES, MapResult, locate
from crm_analysis.loyalty.kinds.profileresult import ProfileResult
from crm_analysis.loyalty.kinds.rules import RULES, Rule

__all__ = [
    "PLACES",
    "RULES",
    "AccumulationResult",
    "DriversResult",
    "MapResult",
    "PartsResult",
    "ProfileResult",
    "Rule",
    "SatisfiedResult",
    "accumulate",
    "classify",
    "explain",
    "locate",
    "parts",
    "satisfied",
]
