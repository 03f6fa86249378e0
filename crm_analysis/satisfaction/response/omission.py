"""Omission: which questions are left without an answer, and whether by chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd
from scipy.stats import chi2

from crm_analysis import style
from crm_analysis.errors import UsageError
from crm_analysis.proportion import share
from crm_analysis.result import Result
from crm_analysis.satisfaction.moments import Sample, saturated
from crm_analysis.satisfaction.paired.naming import label, words
from crm_analysis.satisfaction.specification import answers as answered
from crm_analysis.table import count, percent, share_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEVEL = 0.05
"""Below this p-value, answers are not missing by mere chance."""

# A picture of more items would not fit a page.
_DRAWN = 30


@dataclass(frozen=True, eq=False, repr=False)
class OmissionResult(Result):
    """Answers that are missing.

    Attributes
    ----------
    items : DataFrame
        One row per item: item, respondents, missing, ``missing_share`` with its Wilson interval.
    respondents, complete : int
        Respondents who answered anything, and who answered all.
    test : dict of float
        Little's test: statistic, df, p_value, patterns (different sets of items that were answered); empty where
        nothing is missing.
    absent : str
        Why there is nothing to see; empty if there is.
    """

    items: pd.DataFrame
    respondents: int
    complete: int
    test: dict[str, float]
    absent: str = ""
    title = "Questions without an answer"
    shown: ClassVar[dict[str, str]] = {"items": "Missing answers by item"}

    def to_frame(self) -> pd.DataFrame:
        return self.items.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"items": self.to_frame()}

    def findings(self) -> tuple[str, ...]:
        if self.absent:
            return (self.absent,)
        missing, asked = int(self.items["missing"].sum()), int(self.items["respondents"].sum())
        if not missing:
            return (f"All {count(self.respondents, 'respondent')} answered every one of {len(self.items)} items.",)
        top = self.items.loc[self.items["missing_share"].idxmax()]
        rate, low, high = share(self.complete, self.respondents)
        row = {"complete_share": rate, "complete_share_low": low, "complete_share_high": high}
        said = [
            f"{percent(missing / asked)} of the answers are missing, most to {words(top['item'])}, "
            f"{share_of(top, 'missing')}; {self.complete:,} of {count(self.respondents, 'respondent')}, "
            f"{share_of(row, 'complete')}, answered every item of the model."
        ]
        if self.test:
            known = self.test
            p = "below 0.001" if known["p_value"] < 0.001 else f"{known['p_value']:.3f}"
            numbers = f"Little's test: chi-square {known['statistic']:.1f}, {known['df']:.0f} degrees of freedom, p {p}"
            said.append(
                f"Answers are not missing by mere chance ({numbers}): who leaves an item out answers the others "
                "differently, so leaving these respondents out shifts the results; full information (FIML) does not, "
                "as far as their other answers tell."
                if known["p_value"] < LEVEL
                else f"Nothing speaks against answers that are missing by chance ({numbers}), and if they are, leaving "
                "these respondents out costs exactness and shifts nothing."
            )
        return tuple(said)

    def metrics(self) -> dict[str, float]:
        if self.absent:
            return {}
        rate = float(self.items["missing"].sum() / self.items["respondents"].sum())
        known = {"little_p": self.test["p_value"]} if self.test else {}
        return {"missing_share": rate, "complete_share": self.complete / self.respondents, **known}

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the missing share of each item, the most often missing on top."""
        if self.absent or not self.items["missing"].sum():
            return style.nothing(ax, title=self.title, why=self.findings()[0])
        rows = self.items.sort_values("missing_share", ascending=False, kind="stable").head(_DRAWN)
        ax = style.axes(ax, height=max(2.4, 1.2 + 0.27 * len(rows)))
        place = np.arange(len(rows))
        ends = 100 * rows[["missing_share_low", "missing_share_high"]].to_numpy("float64")
        ax.hlines(place, ends[:, 0], ends[:, 1], color=style.PALETTE[0], linewidth=2)
        ax.scatter(100 * rows["missing_share"], place, color=style.PALETTE[0], s=30, zorder=3)
        ax.set_yticks(place, [label(name, width=34) for name in rows["item"]])
        ax.invert_yaxis()
        ax.set_xlim(left=0)
        ax.tick_params(axis="y", length=0, labelsize=9)
        ax.grid(axis="x", color=style.GRID)
        ax.set_xlabel("missing, percent of respondents, 95 % interval")
        ax.set_title(self.title)
        return style.describe(ax, f"Points with intervals, one per item. {self.findings()[0]}")


def omissions(answers: pd.DataFrame, items: Sequence[str]) -> OmissionResult:
    """Count the missing answers of each item, and test whether they are missing completely at random.

    Parameters
    ----------
    answers : DataFrame
        One row per respondent, a column per item; NaN is a missing answer.
    items : sequence of str
        The items to look at, such as `Model.items`. Who answered none of them is not counted.

    Returns
    -------
    OmissionResult
        Little's statistic is the sum over patterns j, each with n_j respondents who answered the same items, of
        n_j (m_j - mu_j)' S_jj^-1 (m_j - mu_j): how far the means of those who left something out lie from the means mu
        of highest likelihood, with the covariances S of highest likelihood. Degrees of freedom:
        items answered, summed over patterns, less the number of items. The chi-square distribution is rough where many
        patterns have few respondents.

    Raises
    ------
    UsageError, DataError
        If an item is not there, or holds labels.

    References
    ----------
    Little, R. J. A. (1988). A test of missing completely at random for multivariate data with missing values. JASA 83,
    1198-1202. Enders, C. K. (2010). Applied Missing Data Analysis. Guilford, section 1.9.
    """
    if answers.empty:
        return _nothing("There are no answers to a survey in this study.")
    lacking = [item for item in items if item not in answers.columns]
    if lacking:
        raise UsageError(f"nonresponse: the answers have no column {lacking[0]!r}; name items that were asked.")
    answered.check_numbers(answers, items)
    values = answered.numbers(answers, list(items))
    values = values[np.isfinite(values).any(axis=1)]
    if not len(values):
        return _nothing("Nobody answered any of these items.")
    holes = np.isnan(values)
    rows = [
        (item, len(values), int(gone), *share(int(gone), len(values)))
        for item, gone in zip(items, holes.sum(axis=0), strict=True)
    ]
    ends = ["missing_share", "missing_share_low", "missing_share_high"]
    table = pd.DataFrame(rows, columns=["item", "respondents", "missing", *ends])
    return OmissionResult(table, len(values), int((~holes.any(axis=1)).sum()), _little(values))


def _nothing(why: str) -> OmissionResult:
    return OmissionResult(pd.DataFrame(columns=["item", "respondents", "missing", "missing_share"]), 0, 0, {}, why)


def _little(values: np.ndarray) -> dict[str, float]:
    """Little's test; empty where nothing is missing, an item does not vary, or respondents are too few."""
    n, p = values.shape
    if not np.isnan(values).any() or n <= p or (np.nanvar(values, axis=0) < 1e-12).any():
        return {}
    sample = Sample(values)
    moments = sample.moments()
    mean, covariance = (part[0, 0] for part in saturated(moments))
    if np.linalg.eigvalsh(covariance)[0] <= 1e-10 * np.trace(covariance):
        return {}
    statistic = 0.0
    for block, there in enumerate(moments.observed):
        apart = moments.mean[0, block, there] - mean[there]
        statistic += moments.count[0, block] * float(apart @ np.linalg.solve(covariance[np.ix_(there, there)], apart))
    df = int(moments.observed.sum()) - p
    return {
        "statistic": float(statistic),
        "df": float(df),
        "p_value": float(chi2.sf(statistic, df)),
        "patterns": float(len(moments.observed)),
    }
