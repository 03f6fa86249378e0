"""Raw tables -> a validated study: the only room that speaks to the engine."""

from crm_analysis.study.proposal.initialise import initialise
from crm_analysis.study.study import Study

__all__ = ["Study", "initialise"]
