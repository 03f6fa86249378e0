"""Comparability: may paths and levels be compared between groups? MICOM for PLS and the ladder for CB-SEM together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import pandas as pd

from crm_analysis import style
from crm_analysis.errors import CrmError
from crm_analysis.result import Result
from crm_analysis.satisfaction.composites.pathmodel import PathModel
from crm_analysis.satisfaction.invariance import InvarianceResult, invariance
from crm_analysis.satisfaction.micom import MicomResult, micom
from crm_analysis.table import count, listed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FEWEST = 50
"""Respondents with complete answers that a group needs for the ladder; covariances of fewer say too little."""


@dataclass(frozen=True, eq=False, repr=False)
class ComparabilityResult(Result):
    """Whether groups use the questionnaire in the same way, by two methods.

    Attributes
    ----------
    composites : MicomResult
        The test of the scores of PLS.
    ladder : InvarianceResult, optional
        The ladder of CB-SEM; None where it could not be climbed.
    reason : str
        Why there is no ladder; empty if there is one.
    small : tuple of str
        Groups that are too small for the ladder.
    group : str
        Column of the groups.
    """

    composites: MicomResult
    ladder: InvarianceResult | None
    reason: str
    small: tuple[str, ...]
    group: str
    title = "May the groups be compared?"
    shown: ClassVar[dict[str, str]] = {
        "pairs": "PLS: are items weighed alike? (MICOM)",
        "steps": "CB-SEM: models that hold more and more equal between the groups",
    }

    def to_frame(self) -> pd.DataFrame:
        return self._pairs()

    def frames(self) -> dict[str, pd.DataFrame]:
        columns = ["level", "chisq", "df", "cfi", "rmsea", "srmr", "cfi_change", "rmsea_change", "holds"]
        whole = self.ladder.to_frame() if self.ladder else pd.DataFrame(columns=columns)
        return {"pairs": self._pairs(), "steps": whole[columns], "ladder": whole, "micom": self.composites.to_frame()}

    def _pairs(self) -> pd.DataFrame:
        """One row per pair of groups: the lowest correlation of scores, and which constructs are not alike."""
        columns = ["first", "second", "lowest_correlation", "weighed_unlike", "other_level_or_spread"]
        if self.composites.absent:
            return pd.DataFrame(columns=columns)
        rows = []
        for (first, second), own in self.composites.table.groupby(["first", "second"], sort=False):
            names = [
                listed(list(own.loc[own["verdict"] == verdict, "construct"])) or "–" for verdict in ("none", "partial")
            ]
            rows.append((str(first), str(second), float(own["correlation"].min()), *names))
        return pd.DataFrame(rows, columns=columns)

    def findings(self) -> tuple[str, ...]:
        if self.composites.absent:
            return (self.composites.absent,)
        pairs = self._pairs()
        unlike = pairs[pairs["weighed_unlike"] != "–"]
        if unlike.empty:
            said = [
                f"PLS: in {'the pair' if len(pairs) == 1 else f'all {len(pairs)} pairs'} of groups of {self.group} the "
                f"items are weighed alike, as far as {self.composites.permutations:,} permutations show, so scores, "
                "indices and paths may be compared."
            ]
        else:
            names = [
                f"{row['first']} with {row['second']} ({row['weighed_unlike']})" for row in unlike.to_dict("records")
            ]
            said = [f"PLS: items are weighed unlike, so that scores must not be compared, in {listed(names)}."]
        other = pairs[pairs["other_level_or_spread"] != "–"]
        if len(other):
            said.append(
                f"In {len(other)} of {count(len(pairs), 'pair')} some constructs differ in level or spread, which is a "
                "finding and no obstacle."
            )
        if self.ladder is None:
            said.append(f"CB-SEM: the ladder could not be climbed: {self.reason}.")
        else:
            said += [f"CB-SEM: {finding[0].lower()}{finding[1:]}" for finding in self.ladder.findings()[:1]]
            said += self.ladder.findings()[1:]
        if self.small:
            who = listed(list(self.small))
            said.append(f"Too small for the ladder, with fewer than {FEWEST} complete answers: {who}.")
        return tuple(said)

    def metrics(self) -> dict[str, float]:
        return self.composites.metrics() | (self.ladder.metrics() if self.ladder else {})

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw how alike the groups weigh the items of each construct, against what chance gives."""
        return self.composites.plot(ax)

    def plot_ladder(self, ax: Axes | None = None) -> Axes:
        """Draw what holding more equal costs."""
        if self.ladder is None:
            why = f"The ladder could not be climbed: {self.reason}."
            return style.nothing(ax, title="What holding more equal costs", why=why)
        return self.ladder.plot(ax)


def judge(
    fit: PathModel,
    answers: pd.DataFrame,
    *,
    group: str,
    missing: str = "listwise",
    permutations: int = 500,
    seed: int = 0,
) -> ComparabilityResult:
    """Test by both methods whether groups use the questionnaire in the same way.

    Parameters
    ----------
    fit : PLSResult
        The model, estimated on all groups together.
    answers : DataFrame
        The items, and the column of the groups.
    group : str
        Column of the groups.
    missing : {"listwise", "fiml"}
        What the ladder does with missing answers: only complete respondents, or every answer. MICOM does as the fit.
    permutations, seed : int
        Of MICOM.

    Returns
    -------
    ComparabilityResult
        A missing column, or too few respondents, give a result that says so.

    References
    ----------
    Henseler, J., Ringle, C. M., Sarstedt, M. (2016). Testing measurement invariance of composites using partial least
    squares. International Marketing Review 33, 405-431. Meredith, W. (1993). Measurement invariance, factor analysis
    and factorial invariance. Psychometrika 58, 525-543.
    """
    composites = micom(fit, answers, group=group, permutations=permutations, seed=seed)
    if composites.absent:
        return ComparabilityResult(composites, None, "there are no groups to compare", (), group)
    there = answers[list(fit.design.items)].notna()
    complete = answers[there.any(axis=1) if missing == "fiml" else there.all(axis=1)]
    sizes = complete[group].value_counts()
    small = tuple(str(name) for name in sorted(sizes.index[sizes < FEWEST], key=str))
    large = sizes.index[sizes >= FEWEST]
    if len(large) < 2:
        reason = (
            f"fewer than two groups of {group} have {FEWEST} {'answers' if missing == 'fiml' else 'complete answers'}"
        )
        return ComparabilityResult(composites, None, reason, small, group)
    try:
        ladder = invariance(fit.model, complete[complete[group].isin(large)], group=group, missing=missing)
    except CrmError as error:
        text = str(error).removesuffix(".")
        return ComparabilityResult(composites, None, f"{text[0].lower()}{text[1:]}", small, group)
    return ComparabilityResult(composites, ladder, "", small, group)
