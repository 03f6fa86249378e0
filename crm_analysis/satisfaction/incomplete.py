"""Incomplete: what each estimator does where somebody left out a question."""

from __future__ import annotations

from typing import NamedTuple

from crm_analysis.errors import UsageError
from crm_analysis.table import count, percent

NOTABLE = 0.10
"""Share of respondents left out from which on it is told before anything else: a convention of ours."""


class Treatment(NamedTuple):
    """The parameter ``missing`` of `pls.estimate`, and of `covariance.estimate` and `comparability.judge`."""

    pls: str
    covariance: str


_TREATMENTS = {"listwise": Treatment("listwise", "listwise"), "every": Treatment("mean", "fiml")}


def treatment(missing: str) -> Treatment:
    """Return what the estimators are to do about missing answers.

    Parameters
    ----------
    missing : {"listwise", "every"}
        Only respondents who answered every item of the model; or every answer there is: PLS puts the item's mean for a
        missing one, CB-SEM uses full-information maximum likelihood.

    Returns
    -------
    Treatment

    Raises
    ------
    UsageError
        If it is neither.
    """
    if missing not in _TREATMENTS:
        raise UsageError(f"missing must be {' or '.join(_TREATMENTS)}, not {missing!r}.")
    return _TREATMENTS[missing]


def told(respondents: int, left_out: int) -> str:
    """Say how many were left out for a missing answer, and what to do; empty where they were few."""
    if not left_out or left_out <= NOTABLE * (respondents + left_out):
        return ""
    total = respondents + left_out
    return (
        f"{left_out:,} of {count(total, 'respondent')} ({percent(left_out / total)}) were left out for a missing "
        'answer: missing="every" in the notebook, or missing="mean" of PLS and "fiml" of CB-SEM, uses every answer.'
    )
