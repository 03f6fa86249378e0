"""Who brought whom: loyal customers refer others more often."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from crm_analysis.study.simulate.setting import Setting

REFERRED_SHARE = 0.16
LOYALTY_EFFECT = 0.8  # on the log chance to be the one who referred, per standard deviation of (attitude) loyalty
BONUS = 15.0  # CNY, paid to the referrer in place of what else winning a customer costs
_TRIES = 40


def draw(people: pd.DataFrame, loyalty: np.ndarray, left: np.ndarray, setting: Setting) -> np.ndarray:
    """Position of the person who referred each person, -1 for nobody.

    People stand in order of joining, so that a referrer is drawn from those above; a draw that hits somebody who has
    joined the same day or left since is drawn again.
    """
    draws = setting.generator("referrals")
    joined = people["joined_day"].to_numpy()
    weight = np.cumsum(np.exp(LOYALTY_EFFECT * loyalty))
    referrer = np.full(len(people), -1)
    open_ = np.flatnonzero((draws.random(len(people)) < REFERRED_SHARE) & (joined > joined.min()))
    for _ in range(_TRIES):
        lot = np.searchsorted(weight, draws.random(len(people))[open_] * weight[open_])
        fits = (joined[lot] < joined[open_]) & (left[lot] > joined[open_])
        referrer[open_[fits]] = lot[fits]
        open_ = open_[~fits]
    return referrer


def truth(referrer: np.ndarray) -> dict[str, Any]:
    """How referrals come about."""
    return {
        "meaning": "a referred customer was brought by one who had joined before and not left, with log odds that rise "
        "with loyalty (the attitude, first period)",
        "referred_share": REFERRED_SHARE,
        "loyalty_effect": LOYALTY_EFFECT,
        "bonus_cny": BONUS,
        "referred": int((referrer >= 0).sum()),
    }
