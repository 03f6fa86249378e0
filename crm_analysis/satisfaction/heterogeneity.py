"""Heterogeneity: do groups of customers see the same features differently?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crm_analysis import style
from crm_analysis.errors import UsageError
from crm_analysis.multiplicity import holm
from crm_analysis.proportion import effective
from crm_analysis.result import Result
from crm_analysis.satisfaction import kano
from crm_analysis.satisfaction.paired import evaluation, quadrants, weights
from crm_analysis.satisfaction.paired.naming import label, sentence, words
from crm_analysis.table import count, listed, short

_FEW = 30


@dataclass(frozen=True, eq=False, repr=False)
class KanoSegmentsResult(Result):
    """Kano categories by group: `segments` has a row per feature and group, `tests` a row per feature."""

    segments: pd.DataFrame
    tests: pd.DataFrame
    left_out: int
    why: str
    title = "Kano by group"
    shown: ClassVar[dict[str, str]] = {"tests": "Does the answer differ between the groups? (Holm over the features)"}

    def to_frame(self) -> pd.DataFrame:
        return self.segments.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"segments": self.to_frame(), "tests": self.tests.copy()}

    def metrics(self) -> dict[str, float]:
        differing = int((self.tests["p_holm"] < 0.05).sum())
        return {"groups": self.segments["segment"].nunique(), "features_that_differ": differing}

    def findings(self) -> tuple[str, ...]:
        """The most important first: which features groups see differently."""
        if self.segments.empty:
            return (self.why,)
        groups = count(self.segments["segment"].nunique(), "group")
        differing = self.tests[self.tests["p_holm"] < 0.05].sort_values("p_holm", kind="stable")
        least = self.tests.loc[self.tests["p_holm"].idxmin()]
        said = [self._sentence(row["feature"]) for row in differing.to_dict("records")]
        if not said:
            said = [
                f"No feature is seen differently by the {groups}: the nearest to it is "
                f"{words(least['feature'])} (p = {least['p_holm']:.2f} after Holm). Nothing here asks for "
                "separate lists of priorities."
            ]
        elif len(differing) < len(self.tests):
            said.append(
                f"The other {count(len(self.tests) - len(differing), 'feature')} may be alike in the {groups} (p above "
                "0.05 after Holm); this does not prove that they are."
            )
        small = self.segments.drop_duplicates("segment")
        small = small[small["respondents"] < _FEW]
        if len(small):
            names = listed([str(name) for name in small["segment"]])
            said.append(f"Fewer than {_FEW} respondents answered in {names}: read the categories there as hints.")
        if self.left_out:
            said.append(f"{count(self.left_out, 'respondent')} without a known group left out.")
        return tuple(said)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the category of each feature in each group; features that differ are marked with a star."""
        if self.segments.empty:
            return style.nothing(ax, title="Kano by group", why=self.why)
        wide = self.segments.pivot_table(
            index="feature", columns="segment", values="letter", aggfunc="first", sort=False
        )
        leads = self.segments.pivot_table(index="feature", columns="segment", values="lead_share", sort=False)
        differs = dict(zip(self.tests["feature"], self.tests["p_holm"] < 0.05, strict=True))
        ax = style.axes(ax, width=max(5.5, 2.6 + 1.1 * wide.shape[1]), height=1.6 + 0.34 * len(wide))
        for row, feature in enumerate(wide.index):
            for column, group in enumerate(wide.columns):
                letter = wide.loc[feature, group]
                if letter not in quadrants.COLORS:
                    continue
                # Pale where the first two categories are close: the colour says how far it can be trusted.
                strength = 0.35 + 0.65 * min(1.0, leads.loc[feature, group] / 0.3)
                ax.barh(row, 0.94, left=column - 0.47, height=0.86, color=quadrants.COLORS[letter], alpha=strength)
                ax.text(column, row, letter, ha="center", va="center", color="white", fontweight="bold", fontsize=9)
        labels = [f"{label(name)}{' *' if differs.get(name) else ''}" for name in wide.index]
        ax.set_yticks(range(len(wide)), labels)
        ax.set_xticks(range(wide.shape[1]), [short(str(name), width=12) for name in wide.columns])
        if wide.shape[1] > 6:
            ax.tick_params(axis="x", labelrotation=40)
        ax.set(xlim=(-0.6, wide.shape[1] - 0.4), ylim=(len(wide) - 0.4, -0.6))
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        ax.set_title("Category by group (* differs)")
        return style.describe(ax, f"Kano category of each feature in each group. {self.findings()[0]}")

    def _sentence(self, feature: str) -> str:
        rows = self.segments[self.segments["feature"] == feature]
        test = self.tests[self.tests["feature"] == feature].iloc[0]
        by_category = rows.groupby("category", sort=False)["segment"].agg(lambda names: listed([str(n) for n in names]))
        p_value = f"p = {test['p_holm']:.3f} after Holm"
        name = sentence(feature)
        if len(by_category) == 1:
            return f"{name} is {by_category.index[0]} in every group, but to a different degree ({p_value})."
        parts = [f"{category} for {groups}" for category, groups in by_category.items()]
        return f"{name} is {listed(parts)} ({p_value}): treat these groups apart."


def compare(
    answers: pd.DataFrame,
    *,
    segment: str | pd.Series,
    respondents: pd.DataFrame | None = None,
    weight: weights.Weight = None,
    permutations: int = 999,
    seed: int = 0,
) -> KanoSegmentsResult:
    """Compare the Kano categories of groups of respondents.

    Parameters
    ----------
    answers : DataFrame
        As `kano.classify` takes them.
    segment : str or Series
        A column of `answers` (or of `respondents`), or the group of each respondent, indexed by respondent_id.
    respondents : DataFrame, optional
        Where the column is, one row per ``respondent_id``, such as the survey; of several rows the first counts.
    weight : str or array, optional
        What each row counts for in the shares; the test counts people.
    permutations : int
        How often the groups are dealt out anew among the respondents.
    seed : int
        For the permutations.

    Returns
    -------
    KanoSegmentsResult
        Where there are no answers or fewer than two groups, one that says so.

    Raises
    ------
    UsageError
        If a Series holds a respondent twice, or there are fewer than 99 permutations.

    Notes
    -----
    The statistic of a feature is the chi-square of its table of groups by categories, and Cramér's V = sqrt(chi2 / (n
    (min(groups, categories) - 1))). Its p-value is (1 + permutations at least as large) / (1 + permutations): groups
    are dealt out among whole respondents, so small cells do no harm. Holm's method adjusts for the number of features.

    References
    ----------
    Phipson, B. and Smyth, G. K. (2010). Permutation p-values should never be zero. Statistical Applications in
    Genetics and Molecular Biology 9, 39.
    """
    if permutations < 99:
        raise UsageError(f"kano: permutations must be 99 or more, not {permutations}.")
    judged = evaluation.read(answers, weight=weight)
    if judged is None:
        return _empty(kano.NOTHING)
    if respondents is not None and isinstance(segment, str):
        if segment not in respondents.columns:
            return _empty(f"There is no column {segment} to group the respondents by.")
        segment = respondents.drop_duplicates("respondent_id").set_index("respondent_id")[segment]
    groups = _groups(answers, judged, segment)
    people, respondents = pd.factorize(judged.respondents)
    known = pd.notna(groups)
    left_out = len(respondents) - len(np.unique(people[known]))
    codes, names = pd.factorize(groups[known].astype(str), sort=True)
    if len(names) < 2:
        return _empty("There are fewer than two groups of respondents to compare.")
    rows = _rows(judged, known, codes, list(names))
    tests = _tests(judged, known, codes, people, len(respondents), permutations=permutations, seed=seed)
    return KanoSegmentsResult(pd.DataFrame(rows), tests, left_out, "")


def _groups(answers: pd.DataFrame, judged: evaluation.Judgements, segment: str | pd.Series) -> np.ndarray:
    if isinstance(segment, str):
        if segment not in answers.columns:
            return np.full(len(judged.rows), None, dtype=object)
        return answers[segment].iloc[judged.rows].astype("object").to_numpy()
    if segment.index.has_duplicates:
        twice = segment.index[segment.index.duplicated()][0]
        raise UsageError(f"kano: segment holds the respondent {twice!r} twice; give one group for each respondent_id.")
    return segment.astype("object").reindex(judged.respondents).to_numpy()


def _rows(
    judged: evaluation.Judgements, known: np.ndarray, codes: np.ndarray, names: list[str]
) -> list[dict[str, Any]]:
    rows = []
    for place, feature in enumerate(judged.names):
        for group, name in enumerate(names):
            mine = np.flatnonzero(known)[(judged.features[known] == place) & (codes == group)]
            own = judged.weights[mine]
            if not own.any():
                continue
            tallied = np.bincount(judged.codes[mine], own, len(evaluation.LETTERS))
            answered = effective(own)
            head = {"feature": feature, "segment": name, "respondents": len(mine)}
            rows.append(head | evaluation.describe(tallied, answered, factor=answered / own.sum()))
    return rows


def _tests(
    judged: evaluation.Judgements,
    known: np.ndarray,
    codes: np.ndarray,
    people: np.ndarray,
    n: int,
    *,
    permutations: int,
    seed: int,
) -> pd.DataFrame:
    size = len(evaluation.LETTERS)
    # One row a person, one column a feature and category: what the person answered.
    answered = np.zeros((n, len(judged.names) * size))
    answered[people[known], judged.features[known] * size + judged.codes[known]] = 1
    group = np.full(n, -1)
    group[people[known]] = codes
    member = (group[:, None] == np.arange(codes.max() + 1)).astype("float64")
    inside = group >= 0
    answered, member = answered[inside], member[inside]
    found = _chi_squares(member.T @ answered, size)
    generator = np.random.default_rng(seed)
    hits = np.zeros(len(found[0]))
    for _ in range(permutations):
        dealt = _chi_squares(member[generator.permutation(len(member))].T @ answered, size)[0]
        hits += dealt >= found[0] * (1 - 1e-9)
    p_values = (1 + hits) / (1 + permutations)
    tests = pd.DataFrame({"feature": judged.names, "cramers_v": found[1], "p_value": p_values})
    tests["p_holm"] = holm(p_values)
    return tests


def _chi_squares(tables: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Chi-square and Cramér's V of each feature, from groups x (features x categories)."""
    cells = tables.reshape(len(tables), -1, size).transpose(1, 0, 2)
    rows, columns, total = cells.sum(axis=2), cells.sum(axis=1), cells.sum(axis=(1, 2))
    expected = rows[:, :, None] * columns[:, None, :] / np.maximum(total, 1)[:, None, None]
    off = np.divide((cells - expected) ** 2, expected, out=np.zeros_like(expected), where=expected > 0)
    chi2 = off.sum(axis=(1, 2))
    smaller = np.minimum((rows > 0).sum(axis=1), (columns > 0).sum(axis=1)) - 1
    return chi2, np.sqrt(chi2 / np.maximum(total * np.maximum(smaller, 1), 1))


def _empty(why: str) -> KanoSegmentsResult:
    columns = ["feature", "segment", "respondents", *evaluation.describe(np.ones(6), 6.0)]
    tests = pd.DataFrame(columns=["feature", "cramers_v", "p_value", "p_holm"])
    return KanoSegmentsResult(pd.DataFrame(columns=columns), tests, 0, why)
