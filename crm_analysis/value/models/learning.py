"""Learning: fit a model by its name, or say in a sentence why nothing can be learned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from crm_analysis.errors import DataError, UsageError
from crm_analysis.value.models.betageometric import BetaGeometric, ModifiedBetaGeometric
from crm_analysis.value.models.pareto import ParetoNBD
from crm_analysis.value.models.spending import GammaGamma

MODELS: dict[str, Any] = {
    "bg": BetaGeometric,
    "mbg": ModifiedBetaGeometric,
    "pareto": ParetoNBD,
    "spend": GammaGamma,
}
"""Models of purchases, and of spend, by their short names."""


@dataclass(frozen=True)
class NotLearned:
    """A model that could not be fitted, and `why`; `evaluate`, `value`, `equity` and `serving` then say it."""

    why: str


def learn(model: str, summary: pd.DataFrame) -> Any:
    """Fit a model, or return why it cannot be fitted.

    Parameters
    ----------
    model : {"bg", "mbg", "pareto", "spend"}
        BG/NBD, MBG/NBD, Pareto/NBD, or gamma-gamma for the spend.
    summary : DataFrame
        As `clv.summarise` gives it.

    Returns
    -------
    fitted model or NotLearned
        The second where these customers cannot teach the model anything: too few, no repeat purchase, all alike.

    Raises
    ------
    UsageError
        If there is no such model, or a column is missing.
    """
    if model not in MODELS:
        raise UsageError(f"learn: model must be one of {', '.join(MODELS)}, not {model!r}.")
    try:
        return MODELS[model]().fit(summary)
    except DataError as error:
        return NotLearned(str(error))


def why_not(*fitted: Any) -> str:
    """Say why the first that was not learned was not; empty where all were."""
    return next((one.why for one in fitted if isinstance(one, NotLearned)), "")
