"""Customer lifetime value: what customers will buy, spend and be worth, and how sure that is.

This module gathers the verbs and models; each has a module of its own with its method and sources. In short:
`summarise` a log, fit a model of purchases (`BetaGeometric`, `ModifiedBetaGeometric`, `ParetoNBD`) and one of spend
(`GammaGamma`), `evaluate` them on a holdout, then ask for the `value` of customers, the firm's `equity` in them, and
whether `serving` them pays. `learn` fits a model by its name, or says why it cannot. For contracts: `contracts`, made
from `renewals` and `ShiftedBetaGeometric`.
"""

from crm_analysis.value.models.betageometric import BetaGeometric, ModifiedBetaGeometric
from crm_analysis.value.models.contract import ShiftedBetaGeometric, renewals
from crm_analysis.value.models.equity import EquityResult, equity
from crm_analysis.value.models.evaluation import EvaluationResult, evaluate
from crm_analysis.value.models.lasting import ContractsResult, contracts
from crm_analysis.value.models.learning import MODELS, NotLearned, learn
from crm_analysis.value.models.lifetimevalue import LifetimeValueResult, value
from crm_analysis.value.models.pareto import ParetoNBD
from crm_analysis.value.models.serving import ServingResult, serving
from crm_analysis.value.models.spending import GammaGamma
from crm_analysis.value.models.summary import from_the_start, holdout, summarise

__all__ = [
    "MODELS",
    "BetaGeometric",
    "ContractsResult",
    "EquityResult",
    "EvaluationResult",
    "GammaGamma",
    "LifetimeValueResult",
    "ModifiedBetaGeometric",
    "NotLearned",
    "ParetoNBD",
    "ServingResult",
    "ShiftedBetaGeometric",
    "contracts",
    "equity",
    "evaluate",
    "from_the_start",
    "holdout",
    "learn",
    "renewals",
    "serving",
    "summarise",
    "value",
]
