"""Value: what customers are worth and who holds how much of it, from concentration to the value matrix.

This module gathers the verbs; each has a module of its own with its method and sources.
"""

from crm_analysis.segmentation.behaviour import BehaviourMatrixResult, behaviour_matrix
from crm_analysis.segmentation.concentration import ConcentrationResult, concentration
from crm_analysis.segmentation.matrix import ValueMatrixResult, matrix
from crm_analysis.segmentation.potential import BASES, PotentialResult, potential
from crm_analysis.segmentation.pyramid import pyramid, tiers
from crm_analysis.segmentation.tiers import TiersResult

__all__ = [
    "BASES",
    "BehaviourMatrixResult",
    "ConcentrationResult",
    "PotentialResult",
    "TiersResult",
    "ValueMatrixResult",
    "behaviour_matrix",
    "concentration",
    "matrix",
    "potential",
    "pyramid",
    "tiers",
]
