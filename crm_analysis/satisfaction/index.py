"""Index: satisfaction as a number from 0 to 100: its level, its causes, its changes.

This module gathers the verbs; each has a module of its own with its method and sources.
"""

from crm_analysis.satisfaction.disconfirmation import DisconfirmationResult, disconfirm
from crm_analysis.satisfaction.priorities import PriorityResult, rank
from crm_analysis.satisfaction.scenario import ScenarioResult, suppose
from crm_analysis.satisfaction.score import IndexResult, score
from crm_analysis.satisfaction.standing import StandingResult, compare

__all__ = [
    "DisconfirmationResult",
    "IndexResult",
    "PriorityResult",
    "ScenarioResult",
    "StandingResult",
    "compare",
    "disconfirm",
    "rank",
    "score",
    "suppose",
]
