"""The paid membership: contracts with a dated end, renewed or not month by month."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from crm_analysis.study.simulate.setting import MONTH_DAYS, Setting, text_dates

# plan: share of members, monthly fee (CNY), effect on the log odds of ending
PLANS = {"basic": (0.55, 12.0, 0.0), "plus": (0.30, 19.0, 0.25), "family": (0.15, 25.0, -0.45)}
ENDING_FROM_MONTH = {1: -2.35, 4: -2.95, 13: -3.35}  # log odds of ending at a month's end, satisfaction 0, basic plan
SATISFACTION_EFFECT = -0.55
MEMBERSHIP_INTERCEPT = -1.25  # log odds of ever becoming a member, at loyalty 0
LOYALTY_EFFECT = 0.6
_MEAN_WAIT_DAYS = 150.0


def table(
    people: pd.DataFrame, felt: dict[str, np.ndarray], left: np.ndarray, setting: Setting
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The raw contracts table and its truth.

    Who leaves the shop ends the membership at the end of the running month: a second cause beside the hazard.
    """
    draws = setting.generator("contracts")
    count = len(people)
    joined = people["joined_day"].to_numpy()
    wants = draws.random(count) < 1 / (1 + np.exp(-MEMBERSHIP_INTERCEPT - LOYALTY_EFFECT * felt["loyalty"][:, 0]))
    # The membership was offered from the window's first day on.
    begins = np.floor(np.maximum(joined, 0) + draws.exponential(_MEAN_WAIT_DAYS, size=count))
    plan = draws.choice(len(PLANS), size=count, p=[share for share, _, _ in PLANS.values()])
    months = int(np.ceil(setting.days / MONTH_DAYS)) + 1
    fate = draws.random((count, months))

    month = np.arange(1, months + 1)
    ends = begins[:, None] + month * MONTH_DAYS
    by_age = np.array(list(ENDING_FROM_MONTH.values()))
    log_odds = by_age[np.searchsorted(np.array(list(ENDING_FROM_MONTH)), month, side="right") - 1] + np.zeros(
        (count, 1)
    )
    log_odds += np.array([effect for _, _, effect in PLANS.values()])[plan][:, None]
    log_odds += SATISFACTION_EFFECT * np.take_along_axis(felt["satisfaction"], setting.period(ends), axis=1)
    ended = (fate < 1 / (1 + np.exp(-log_odds))) | (ends >= left[:, None])
    ended[:, -1] = True
    end = np.floor(ends[np.arange(count), ended.argmax(axis=1)])

    member = np.flatnonzero(wants & (begins < left) & (begins < setting.days))
    end_seen = np.where(end[member] < setting.days, end[member], np.nan)
    contracts = pd.DataFrame(
        {
            "customer_id": people["customer_id"].to_numpy()[member],
            "start": text_dates(setting.dates(begins[member])),
            "end": text_dates(setting.dates(end_seen)),
            "monthly_fee": np.array([fee for _, fee, _ in PLANS.values()])[plan[member]],
            "plan": np.array(list(PLANS))[plan[member]],
        }
    )
    by_leaving = np.isfinite(end_seen) & (end_seen >= left[member])
    truth = {
        "meaning": "log odds that a membership ends at the end of its month; leaving the shop ends it too; being a "
        "member has no effect of its own on orders or on leaving",
        "ending_log_odds_from_month": {str(first): odds for first, odds in ENDING_FROM_MONTH.items()},
        "satisfaction_effect": SATISFACTION_EFFECT,
        "plan_effects": {name: effect for name, (_, _, effect) in PLANS.items()},
        "members": len(member),
        "ended_within_window": int(np.isfinite(end_seen).sum()),
        "of_these_by_leaving_the_shop": int(by_leaving.sum()),
    }
    return contracts.sort_values(["start", "customer_id"], kind="stable", ignore_index=True), truth
