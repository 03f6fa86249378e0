"""Disconfirmation: what customers found, less what they expected (Oliver 1980)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd
from scipy.stats import t as student

from crm_analysis import style
from crm_analysis.errors import UsageError
from crm_analysis.proportion import Z, wilson
from crm_analysis.result import Result
from crm_analysis.satisfaction.composites import indexing
from crm_analysis.satisfaction.composites.pathmodel import PathModel
from crm_analysis.satisfaction.score import focus
from crm_analysis.table import count, with_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_KINDS = ("worse than expected", "as expected", "better than expected")


@dataclass(frozen=True, eq=False, repr=False)
class DisconfirmationResult(Result):
    """Perceived less expected, in points of 0-100.

    Attributes
    ----------
    table : DataFrame
        One row per kind (worse than, as, better than expected): respondents, respondents_share with interval, and the
        mean of the target's index.
    gaps : Series
        Each respondent's gap, perceived less expected.
    mean, low, high : float
        Mean gap and its interval.
    correlation : tuple of float
        Of the gap with the target's index, with its interval.
    expected, perceived, target : str
        Constructs that were compared, and the one that follows.
    margin : float
        Points within which a gap counts as none.
    absent : str
        Why there is no comparison; empty if there is one.
    """

    table: pd.DataFrame
    gaps: pd.Series
    mean: float
    low: float
    high: float
    correlation: tuple[float, float, float]
    expected: str
    perceived: str
    target: str
    margin: float
    absent: str = ""
    title = "Disconfirmation"
    shown: ClassVar[dict[str, str]] = {"table": "Customers by what they found against what they expected"}

    def to_frame(self) -> pd.DataFrame:
        return self.table.copy()

    def findings(self) -> tuple[str, ...]:
        if self.absent:
            return (self.absent,)
        word = "above" if self.mean > 0 else "below"
        sure = "" if self.low > 0 or self.high < 0 else ", which may be chance"
        sentences = [
            f"{self.perceived.capitalize()} lies {abs(self.mean):.1f} points {word} {self.expected} (95 % interval of "
            f"the gap {self.low:+.1f} to {self.high:+.1f}){sure}."
        ]
        for row in self.table.to_dict("records"):
            shares = with_interval(*(row[f"respondents_share{end}"] for end in ("", "_low", "_high")))
            level = "" if np.isnan(row["target"]) else f", with {self.target} at {row['target']:.1f}"
            sentences.append(f"{shares} found it {row['kind']}{level}.")
        if not np.isnan(self.correlation[0]):
            r, low, high = self.correlation
            sentences.append(f"The gap and {self.target} correlate by {r:.2f} (95 % interval {low:.2f} to {high:.2f}).")
        return (
            *sentences,
            f"All items of a construct count alike here, since unlike weights would make gaps of their own; "
            f"{count(len(self.gaps), 'respondent')}; a gap within {self.margin:g} points counts as no gap.",
        )

    def metrics(self) -> dict[str, float]:
        return {} if self.absent else {"gap": self.mean, "gap_correlation": self.correlation[0]}

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw how many respondents have which gap."""
        if self.absent:
            return style.nothing(ax, title="Disconfirmation", why=self.absent)
        ax = style.axes(ax, height=3.8)
        edges = np.linspace(-100, 100, 41)
        heights, _ = np.histogram(self.gaps, bins=edges)
        middles = (edges[:-1] + edges[1:]) / 2
        ax.bar(middles, heights, width=4.4, color=np.where(middles < 0, style.ACCENT, style.PALETTE[0]))
        ax.axvline(self.mean, color=style.INK, linewidth=1.4)
        widest = max(10.0, float(np.abs(self.gaps).max()) + 6)
        ax.set_xlim(-widest, widest)
        ax.set_title("What customers found, less what they expected")
        ax.set_xlabel("gap in points (line: mean)")
        ax.set_ylabel("respondents")
        return style.describe(ax, f"Histogram of gaps between perceived and expected. {self.findings()[0]}")


def disconfirm(
    fit: PathModel,
    answers: pd.DataFrame,
    *,
    scale: indexing.Scale,
    codes: Mapping[str, indexing.Scale] | None = None,
    expected: str = "expectations",
    perceived: str = "quality",
    target: str = "",
    margin: float = 2.5,
    weight: str | None = None,
) -> DisconfirmationResult:
    """Set what customers found against what they expected.

    Parameters
    ----------
    fit : PLSResult
        The estimated model.
    answers, scale, codes, weight : DataFrame, (low, high), dict, str
        As in `score`.
    expected, perceived : str
        The constructs to compare; their items should ask the same of both.
    target : str
        The construct that is thought to follow; by default satisfaction.
    margin : float
        Points within which a gap counts as none.

    Returns
    -------
    DisconfirmationResult
        The mean gap with its paired t interval, shares with Wilson's, the correlation with Fisher's z (all 95 %).

    Raises
    ------
    UsageError
        If a construct is not in the model.
    DataError
        If an answer lies outside its scale.

    References
    ----------
    Oliver, R. L. (1980). A cognitive model of the antecedents and consequences of satisfaction decisions. Journal of
    Marketing Research 17, 460-469. Peter, J. P., Churchill, G. A., Brown, T. J. (1993) on the low reliability of
    differences, Journal of Consumer Research 19, 655-662.
    """
    if not margin >= 0:
        raise UsageError(f"index: margin must be 0 points or more, not {margin:g}.")
    if expected == perceived:
        raise UsageError(f"index: expected and perceived are both {expected!r}; name two constructs.")
    design = fit.design
    name = focus(fit, target)
    for construct in (expected, perceived):
        if construct not in design.names:
            raise UsageError(
                f"index: the model has no construct {construct!r} to compare; name expected= and perceived= among "
                f"{', '.join(design.names)}."
            )
    if fit.sample is None or answers.empty:
        why = fit.absent or "There are no answers to compare, so there is no gap."
        nothing = pd.DataFrame({"kind": [], "respondents": []})
        missing = (np.nan, np.nan, np.nan)
        return DisconfirmationResult(
            nothing, pd.Series(dtype="float64"), *missing, missing, expected, perceived, name, margin, why
        )
    sample = indexing.answered(fit, answers, weight=weight)
    ruler = indexing.ruler(sample, scale=scale, codes=codes)
    points = 100 * (sample.answers - ruler.low) / ruler.length
    means = points @ (design.membership / design.sizes)
    gap = means[:, design.names.index(perceived)] - means[:, design.names.index(expected)]
    result = means[:, design.names.index(name)]
    w = sample.weights
    mean = float(np.average(gap, weights=w))
    error = float(np.sqrt(((w * (gap - mean)) ** 2).sum())) / w.sum() * np.sqrt(len(gap) / (len(gap) - 1))
    half = float(student.ppf(0.975, len(gap) - 1)) * error
    kinds = np.digitize(gap, [-margin - 1e-9, margin + 1e-9])
    effective = w.sum() ** 2 / (w**2).sum()
    rows = []
    for number, kind in enumerate(_KINDS):
        inside = kinds == number
        share = float(w[inside].sum() / w.sum())
        low, high = wilson(share * effective, effective)
        level = float(np.average(result[inside], weights=w[inside])) if inside.any() else np.nan
        rows.append((kind, int(inside.sum()), share, low, high, level))
    names = ["kind", "respondents", "respondents_share", "respondents_share_low", "respondents_share_high", "target"]
    return DisconfirmationResult(
        pd.DataFrame(rows, columns=names),
        pd.Series(gap, index=sample.index, name="gap"),
        mean,
        mean - half,
        mean + half,
        _correlation(gap, result, w, effective),
        expected,
        perceived,
        name,
        margin,
    )


def _correlation(
    gap: np.ndarray, result: np.ndarray, weights: np.ndarray, effective: float
) -> tuple[float, float, float]:
    covariance = np.cov(gap, result, aweights=weights)
    if covariance[0, 0] <= 0 or covariance[1, 1] <= 0 or effective <= 3:
        return np.nan, np.nan, np.nan
    r = float(covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1]))
    middle, half = np.arctanh(np.clip(r, -1 + 1e-12, 1 - 1e-12)), Z / np.sqrt(effective - 3)
    return r, float(np.tanh(middle - half)), float(np.tanh(middle + half))
