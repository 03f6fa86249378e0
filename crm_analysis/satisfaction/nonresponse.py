"""Nonresponse: who did not answer, which questions were left out, and who did not answer again.

This module gathers the verbs; each has a module of its own with its method and sources.
"""

from crm_analysis.satisfaction.response.attrition import AttritionResult, attrition
from crm_analysis.satisfaction.response.omission import OmissionResult, omissions
from crm_analysis.satisfaction.response.profile import NonresponseResult, before_and_after, first_wave, profile

__all__ = [
    "AttritionResult",
    "NonresponseResult",
    "OmissionResult",
    "attrition",
    "before_and_after",
    "first_wave",
    "omissions",
    "profile",
]
