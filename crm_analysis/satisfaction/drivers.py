"""Drivers: what moves satisfaction and how well it is rated, by the model that a study names, as a plain frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from crm_analysis.satisfaction import model, pls, priorities

if TYPE_CHECKING:
    from crm_analysis.study.config import SurveyConfig

_COLUMNS = ("driver", "effect", "effect_low", "effect_high", "performance")


def measure(
    survey: SurveyConfig, answers: pd.DataFrame, *, target: str = "", bootstrap: int = 500, seed: int = 0
) -> pd.DataFrame:
    """Measure the drivers of satisfaction by PLS, ready for `perspectives.compare`.

    Parameters
    ----------
    survey : SurveyConfig
        The section ``[survey]`` of a study, ``study.config.survey``.
    answers : DataFrame
        One row per respondent.
    target : str
        The construct to be moved; by default what the model is about (`Model.focus`).
    bootstrap : int
        Resamples for the intervals.
    seed : int
        For the resamples.

    Returns
    -------
    DataFrame
        ``driver``, ``effect`` (points of the target's index per point, total effect) with its 95 % interval and
        ``performance`` (0 to 100); empty where the study has no answers or names no model, or the model no such
        construct, or nothing leads to it.
    """
    nothing = pd.DataFrame(columns=list(_COLUMNS))
    if answers.empty or not (survey.model or survey.paths):
        return nothing
    named = model.of(survey)
    aim = target or named.focus
    if aim not in named.names or not named.sources(aim):
        return nothing
    codes = {item: span for item, span in survey.items.items() if item in named.items}
    fit = pls.estimate(named, answers, seed=seed)
    ranked = priorities.rank(fit, answers, scale=survey.scale, codes=codes, target=aim, bootstrap=bootstrap, seed=seed)
    names = {"construct": "driver"} | {f"importance{end}": f"effect{end}" for end in ("", "_low", "_high")}
    return ranked.to_frame().rename(columns=names).reindex(columns=list(_COLUMNS))
