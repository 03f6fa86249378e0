"""Kano (1984): paired questions on features of the shop whose true class is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from crm_analysis.study.simulate.setting import Setting

# feature: true class, share of respondents who hold it
FEATURES = {
    "orders_complete": ("M", 0.72),
    "books_undamaged": ("M", 0.80),
    "safe_payment": ("M", 0.68),
    "fast_delivery": ("O", 0.66),
    "low_prices": ("O", 0.70),
    "wide_selection": ("O", 0.58),
    "personal_recommendations": ("A", 0.55),
    "author_readings": ("A", 0.60),
    "surprise_gift": ("A", 0.68),
    "printed_catalogue": ("I", 0.62),
    "gift_wrapping": ("I", 0.55),
    "daily_sms": ("R", 0.64),
}
ASKED_SHARE = 0.60  # of the first wave's respondents
SLIP = 0.06  # chance that an answer slips to a neighbouring code, each way

# the 5 x 5 evaluation table: functional answer 1 (like) to 5 (dislike) down, dysfunctional across
EVALUATION = ("QAAAO", "RIIIM", "RIIIM", "RIIIM", "RRRRQ")
# how often people who hold a class give each pair (functional, dysfunctional)
_PAIRS = {
    "M": {(2, 5): 0.55, (3, 5): 0.30, (4, 5): 0.15},
    "O": {(1, 5): 1.0},
    "A": {(1, 3): 0.40, (1, 4): 0.35, (1, 2): 0.25},
    "I": {(3, 3): 0.40, (2, 3): 0.15, (3, 4): 0.20, (2, 4): 0.15, (4, 4): 0.10},
    "R": {(5, 1): 0.30, (4, 1): 0.25, (3, 1): 0.20, (5, 2): 0.15, (5, 3): 0.10},
}
_OTHERS = {"M": 0.22, "O": 0.26, "A": 0.22, "I": 0.26, "R": 0.04}  # who does not hold the true class holds one of these
_CODES = range(1, 6)


def classes(feature: str) -> dict[str, float]:
    """Share of respondents who hold each class of a feature."""
    true, share = FEATURES[feature]
    rest = {name: weight for name, weight in _OTHERS.items() if name != true}
    total = sum(rest.values())
    return {name: share if name == true else (1 - share) * rest[name] / total for name in _OTHERS}


def pair_shares(feature: str) -> np.ndarray:
    """Share of each pair of answers (functional x dysfunctional, 5 x 5), slips included."""
    meant = np.zeros((5, 5))
    for name, share in classes(feature).items():
        for (functional, dysfunctional), weight in _PAIRS[name].items():
            meant[functional - 1, dysfunctional - 1] += share * weight
    slip = (1 - 2 * SLIP) * np.eye(5) + SLIP * (np.eye(5, k=1) + np.eye(5, k=-1))
    slip[0, 0] = slip[4, 4] = 1 - SLIP
    return slip.T @ meant @ slip


def category_shares(feature: str) -> dict[str, float]:
    """Share of answers that the evaluation table puts into each category."""
    shares = pair_shares(feature)
    letters = np.array([list(row) for row in EVALUATION])
    return {letter: float(shares[letters == letter].sum()) for letter in "MOAIRQ"}


def table(respondent_ids: np.ndarray, setting: Setting) -> pd.DataFrame:
    """The raw kano table: one row for each respondent and feature."""
    draws = setting.generator("kano")
    asked = np.sort(draws.permutation(len(respondent_ids))[: round(ASKED_SHARE * len(respondent_ids))])
    answers = []
    for feature in FEATURES:
        pair = draws.choice(25, size=len(asked), p=pair_shares(feature).ravel())
        functional, dysfunctional = np.divmod(pair, 5)
        answers.append(
            pd.DataFrame(
                {
                    "respondent_id": respondent_ids[asked],
                    "feature": feature,
                    "functional": functional + 1,
                    "dysfunctional": dysfunctional + 1,
                    "place": asked,
                }
            )
        )
    return pd.concat(answers).sort_values("place", kind="stable", ignore_index=True).drop(columns="place")


def truth(respondents: int) -> dict[str, Any]:
    """Class of each feature, and the shares and Berger coefficients to expect."""
    found = {}
    for feature, (true, _) in FEATURES.items():
        shares = category_shares(feature)
        counted = sum(shares[letter] for letter in "MOAI")
        found[feature] = {
            "class": true,
            "shares": shares,
            "better": (shares["A"] + shares["O"]) / counted,
            "worse": -(shares["M"] + shares["O"]) / counted,
        }
    return {
        "meaning": "class: M must-be, O one-dimensional, A attractive, I indifferent, R reverse; shares: expected "
        "share of each category in the answers, slips included; better = (A + O) / (A + O + M + I), worse = "
        "-(M + O) / the same",
        "features": found,
        "respondents": respondents,
    }
