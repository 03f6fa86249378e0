"""Standing: the index wave by wave and group by group, and whether it differs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd
from scipy.stats import t as student

from crm_analysis import style
from crm_analysis.errors import UsageError
from crm_analysis.multiplicity import holm
from crm_analysis.result import Result, metric_key
from crm_analysis.satisfaction import change, succession
from crm_analysis.satisfaction.composites import coefficientplot, grouping, indexing
from crm_analysis.satisfaction.composites.pathmodel import PathModel
from crm_analysis.satisfaction.micom import LEVEL, MicomResult, micom
from crm_analysis.satisfaction.score import focus

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False, repr=False)
class StandingResult(Result):
    """The index in groups or waves.

    Attributes
    ----------
    table : DataFrame
        One row per group: group, respondents, index, index_low, index_high.
    changes : DataFrame
        One row per pair of groups: first, second, change (index of the second less that of the first) with its
        interval, p_value, p_holm, in_both (people who are in both), paired_change with its interval (of these people
        alone), comparable (whether invariance allows it), verdict (differs, not told apart, not comparable).
    invariance : MicomResult
        Whether the groups mean the same by their answers.
    by, construct : str
        Column of the groups; construct of the index.
    absent : str
        Why there is no comparison; empty if there is one.
    note : str
        What to know of the order of the waves; empty if nothing.
    """

    table: pd.DataFrame
    changes: pd.DataFrame
    invariance: MicomResult
    by: str
    construct: str
    absent: str = ""
    note: str = ""
    shown: ClassVar[dict[str, str]] = {
        "table": "Index by group (0 to 100)",
        "changes": "Differences in points, second less first",
    }

    @property
    def title(self) -> str:  # type: ignore[override]
        return f"Index by {self.by or 'group'}"

    def to_frame(self) -> pd.DataFrame:
        return self.table.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"table": self.to_frame(), "changes": self.changes.copy(), "invariance": self.invariance.to_frame()}

    def findings(self) -> tuple[str, ...]:
        if self.absent:
            return (self.absent,)
        sentences = change.told(self.changes, self.invariance, construct=self.construct, by=self.by)
        sentences += self.invariance.left_out()
        levels = [f"{row['group']} {_level(row)}" for row in self.table.to_dict("records")]
        notes = [self.note] if self.note else []
        return (*sentences, *notes, f"Index of {self.construct} by {self.by}: {'; '.join(levels)}.")

    def metrics(self) -> dict[str, float]:
        found = {}
        for row in self.table.to_dict("records"):
            name = metric_key(str(row["group"]))
            found[f"index_{name}"] = float(row["index"])
        return found

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the index of each group with its interval."""
        if self.absent:
            return style.nothing(ax, title=self.title, why=self.absent)
        ends = {"index": "estimate", "index_low": "ci_lower", "index_high": "ci_upper"}
        rows = self.table.rename(columns=ends)
        names = [f"{row['group']} ({row['respondents']:,})" for row in rows.to_dict("records")]
        ax = coefficientplot.draw(ax, rows, names=names, groups=["all"] * len(rows))
        low, high = rows["ci_lower"].min(), rows["ci_upper"].max()
        room = max(0.15 * (high - low), 1.0)
        ax.set_xlim(max(0.0, low - room), min(100.0, high + room))
        ax.set_title(f"Index of {self.construct} by {self.by}")
        ax.set_xlabel("index (0 to 100); respondents in brackets")
        return style.describe(ax, f"Points with intervals, one per group. {self.findings()[-1]}")


def compare(
    fit: PathModel,
    answers: pd.DataFrame,
    *,
    by: str,
    scale: indexing.Scale,
    codes: Mapping[str, indexing.Scale] | None = None,
    construct: str = "",
    person: str | None = None,
    weight: str | None = None,
    permutations: int = 500,
    seed: int = 0,
) -> StandingResult:
    """Compare the index between waves, segments or other groups.

    Parameters
    ----------
    fit : PLSResult
        The model, estimated on all groups together: its weights serve them all.
    answers : DataFrame
        The items, the column `by` and, where people answered more than once, the column `person`.
    by : str
        Column of the groups or waves, in the order of `succession.order`; those with twenty respondents or more who
        answered all items of the construct are compared. Where the fit put means for missing answers, so does this.
    scale, codes, construct : (low, high), dict, str
        As in `score`.
    person : str, optional
        Column that says who answered: waves share people, and their differences are then paired. Without it, or where
        it is empty, each row is a person.
    weight : str, optional
        Column of survey weights.
    permutations, seed : int
        Of the test whether the groups weigh the items alike (`micom`).

    Returns
    -------
    StandingResult
        Intervals (95 %) take the weights of the model as known. The error of a difference sums each person's part in
        both means, sum_p (a_p2 - a_p1)^2 n / (n - 1) with a = w (y - mean) / sum w, so that people in both waves count
        as pairs. p-values are Holm's over all pairs.

    Raises
    ------
    UsageError
        If a column or construct is not there.
    DataError
        If an answer lies outside its scale.

    References
    ----------
    Henseler, J., Ringle, C. M., Sarstedt, M. (2016). International Marketing Review 33, 405-431 (when scores may be
    compared). Linearised errors: Cochran, W. G. (1977). Sampling Techniques, 3rd ed. Wiley, section 12.11.
    """
    name = focus(fit, construct)
    if person is not None and not answers.empty and person not in answers.columns:
        raise UsageError(
            f"index: the answers have no column {person!r} that says who answered; give person=None or add it."
        )
    at = fit.design.names.index(name)
    needed = fit.design.items_of(at)
    items = [fit.design.items[item] for item in needed]
    groups = grouping.split(fit, answers, group=by, weight=weight, caller="index", items=items)
    if groups.absent or groups.sample is None or fit.sample is None:
        nothing = pd.DataFrame({"group": [], "index": []})
        none = MicomResult(nothing.iloc[:, :0], by, absent=groups.absent)
        return StandingResult(nothing, nothing.copy(), none, by, name, groups.absent)
    sample = groups.sample
    ruler = indexing.ruler(sample, scale=scale, codes=codes)
    own = indexing.ruler(fit.sample, scale=scale, codes=codes)
    shares = indexing.measure(fit, fit.sample, own)[0].shares[0, needed]
    y = (100 * (sample.answers - ruler.low) / ruler.length) @ shares
    who = _people(answers, person, groups.rows)
    invariance = micom(fit, answers, group=by, permutations=permutations, seed=seed, weight=weight)
    means = [_mean(y, sample.weights, groups.codes == code) for code in range(len(groups.names))]
    rows = []
    for code, group in enumerate(groups.names):
        inside = groups.codes == code
        error, people = _error(y, sample.weights, [(inside, means[code], 1.0)], who)
        half = float(student.ppf(0.975, max(people - 1, 1))) * error
        rows.append((group, int(inside.sum()), means[code], means[code] - half, means[code] + half))
    table = pd.DataFrame(rows, columns=["group", "respondents", "index", "index_low", "index_high"])
    changes = []
    for first, second in groups.pairs:
        parts = [(groups.codes == first, means[first], -1.0), (groups.codes == second, means[second], 1.0)]
        error, people = _error(y, sample.weights, parts, who)
        step = means[second] - means[first]
        half = float(student.ppf(0.975, people - 1)) * error
        p = float(2 * student.sf(abs(step) / error, people - 1)) if error > 0 else 1.0
        both = _paired(y, who, parts[0][0], parts[1][0])
        ends = (groups.names[first], groups.names[second])
        alike = change.is_tested(invariance, *ends) and invariance.allows(*ends, name)
        changes.append((*ends, step, step - half, step + half, p, *both, alike))
    columns = [
        "first",
        "second",
        "change",
        "change_low",
        "change_high",
        "p_value",
        "in_both",
        "paired_change",
        "paired_change_low",
        "paired_change_high",
        "comparable",
    ]
    found = pd.DataFrame(changes, columns=columns)
    found["p_holm"] = holm(found["p_value"].to_numpy())
    sure = np.where(found["p_holm"] < LEVEL, "differs", "not told apart")
    found["verdict"] = np.where(found["comparable"], sure, "not comparable")
    note = succession.ALPHABETICAL if succession.is_alphabetical(answers, by) else ""
    return StandingResult(table, found, invariance, by, name, note=note)


def _people(answers: pd.DataFrame, person: str | None, rows: np.ndarray) -> np.ndarray:
    """A number for each person; who has no id is a person of their own."""
    if person is None:
        return np.arange(len(rows))
    codes = pd.factorize(answers[person].iloc[rows])[0]
    return np.where(codes < 0, codes.max() + 1 + np.arange(len(codes)), codes)


def _mean(y: np.ndarray, weights: np.ndarray, inside: np.ndarray) -> float:
    return float(np.average(y[inside], weights=weights[inside]))


def _error(
    y: np.ndarray, weights: np.ndarray, parts: list[tuple[np.ndarray, float, float]], who: np.ndarray
) -> tuple[float, int]:
    """Standard error of a sum of signed group means, and the number of people in them."""
    influence, touched = np.zeros(len(y)), np.zeros(len(y), dtype=bool)
    for inside, mean, sign in parts:
        influence[inside] += sign * weights[inside] * (y[inside] - mean) / weights[inside].sum()
        touched |= inside
    numbers = np.unique(who[touched], return_inverse=True)[1]
    each = np.bincount(numbers, weights=influence[touched])
    people = len(each)
    return float(np.sqrt((each**2).sum() * people / max(people - 1, 1))), people


def _paired(y: np.ndarray, who: np.ndarray, first: np.ndarray, second: np.ndarray) -> tuple[int, float, float, float]:
    """People in both groups, their mean change and its t interval."""
    before, after = (pd.Series(y[part]).groupby(who[part]).mean() for part in (first, second))
    change = (after - before).dropna()
    if len(change) < 2:
        return len(change), np.nan, np.nan, np.nan
    half = float(student.ppf(0.975, len(change) - 1) * change.std() / np.sqrt(len(change)))
    return len(change), float(change.mean()), float(change.mean()) - half, float(change.mean()) + half


def _level(row: Mapping) -> str:
    return f"{row['index']:.1f} (95 % interval {row['index_low']:.1f} to {row['index_high']:.1f})"
