"""A simulated bookshop whose truth is known: every later topic can set its estimate beside the true number."""

from crm_analysis.study.simulate.company import Company
from crm_analysis.study.simulate.story import company

__all__ = ["Company", "company"]
