"""Answering: what is known of those who answered a survey and of those who did not."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd


@dataclass(frozen=True, eq=False, repr=False)
class Answering:
    """Who answered, compared with who did not.

    Attributes
    ----------
    rates : DataFrame
        One row for all customers and one per group: by (column of the group), group, customers, answered,
        ``answered_share`` with its Wilson interval, p_holm (chi-square test of the column, Holm over columns).
    differences : DataFrame
        One row per feature: feature, answered and others (means), ``difference`` in standard deviations with its
        interval, p_holm (over features), differs, weighted (what weighting leaves of the difference).
    customers : DataFrame
        One row per customer: customer_id, answered, propensity (estimated chance to answer), weight (0 for who did not
        answer).
    later : DataFrame
        One row for those who answered and one for the others: answered, customers, ``bought_share`` (bought since) with
        its interval.
    numbers : dict of float
        auc, effective (number of answers, Kish), plain and weighted (mean score), change, lowest and highest (bounds of
        the mean of all), later_gap (bought since, less customers alike), with ``_low`` and ``_high``; only what is
        known.
    outside : int
        Respondents who are no known customers, or bear no id.
    absent : str
        Why it cannot be told; empty if it can.
    """

    rates: pd.DataFrame
    differences: pd.DataFrame
    customers: pd.DataFrame
    later: pd.DataFrame
    numbers: dict[str, float] = field(default_factory=dict)
    outside: int = 0
    absent: str = ""
