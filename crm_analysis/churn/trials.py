"""Trials: campaigns with a control group drawn by lot, and what was known of each customer before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from crm_analysis.churn import features

if TYPE_CHECKING:
    from crm_analysis.study import Study


@dataclass(frozen=True, eq=False)
class Trials:
    """Campaigns with a control group: who was contacted, who responded, and what was known before.

    Attributes
    ----------
    features : DataFrame
        One row per customer and campaign, indexed by customer_id, as of the day before the campaign.
    treated, response : arrays of shape (n,)
        1 or 0.
    campaign : array of shape (n,)
        Name of the campaign.
    """

    features: pd.DataFrame
    treated: np.ndarray
    response: np.ndarray
    campaign: np.ndarray


def gather(study: Study) -> Trials:
    """Return the campaigns in which some customers were held out by lot, with what was known of each before.

    Parameters
    ----------
    study : Study
        With a table of campaigns that has arms and responses; without one there are no rows.

    Returns
    -------
    Trials
    """
    campaigns = study.frame("campaigns")
    if campaigns.empty or not {"arm", "response"} <= set(campaigns.columns):
        return Trials(pd.DataFrame(), *(np.empty(0) for _ in range(3)))
    known = campaigns[campaigns["arm"].notna() & campaigns["response"].notna()]
    frames, parts = [], []
    for _, rows in known.groupby("campaign", sort=True):
        day = (rows["time"].min() - pd.Timedelta(days=1)).date()
        if rows["arm"].nunique() < 2:
            continue
        customers = features.answered(study.customer360(day), study.config.survey)
        made, _ = features.make(customers, as_of=day)
        rows = rows[rows["customer_id"].isin(made.index)]
        frames.append(made.loc[rows["customer_id"]])
        parts.append(rows)
    if not frames:
        return Trials(pd.DataFrame(), *(np.empty(0) for _ in range(3)))
    rows = pd.concat(parts)
    return Trials(
        features.together(frames),
        (rows["arm"] == "treated").to_numpy("float64"),
        rows["response"].to_numpy("float64"),
        rows["campaign"].to_numpy(),
    )
