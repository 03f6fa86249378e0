"""Prospecting: what winning customers costs and when it pays back, and how many will come.

How many were won by channel and at what cost is counted in the engine: `study.reports.market.summarise`. This module
gathers the verbs; each has a module of its own with its method and sources.
"""

from crm_analysis.value.winning.arrivals import METHODS, PERIODS, ArrivalsResult, forecast
from crm_analysis.value.winning.payback import PaybackResult, payback

__all__ = ["METHODS", "PERIODS", "ArrivalsResult", "PaybackResult", "forecast", "payback"]
