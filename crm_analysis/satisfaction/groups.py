"""Groups: do groups of customers mean the same by their answers, and do the same causes lead to satisfaction in each?

This module gathers the verbs; each has a module of its own with its method and sources.
"""

from crm_analysis.satisfaction.micom import MicomResult, micom
from crm_analysis.satisfaction.multigroup import MultigroupResult, compare

__all__ = ["MicomResult", "MultigroupResult", "compare", "micom"]
