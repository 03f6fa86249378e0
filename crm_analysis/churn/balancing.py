"""Balancing: what making leavers and stayers equally many would do to a model. It is shown here, and done nowhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crm_analysis import options, style
from crm_analysis.churn import learners, scores
from crm_analysis.churn.model import ChurnModel
from crm_analysis.churn.sample import LEAVING, Event, Sample
from crm_analysis.result import Result
from crm_analysis.table import decimal, percent

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

ROWS = 5_000
"""Customers that are used at most, to train and to test: the point needs no more."""

AS_THEY_ARE, BALANCED, BEFORE = "as they are", "balanced in training", "balanced before the folds"
_ENDS = ("", "_low", "_high")
# Share by which balancing must move the mean probability to be called harmful.
_SPOILT = 0.03


@dataclass(frozen=True, eq=False, repr=False)
class BalancingResult(Result):
    """One learner, trained on customers as they are, and balanced: the rarer kind drawn again until both are as many.

    Attributes
    ----------
    ways : DataFrame
        One row per way: claimed_roc_auc (of a cross-validation done in that way) and roc_auc (on customers not used),
        each with its interval, mean_probability_share and left_share of those customers.
    event : Event
        What is predicted.
    missing : str
        Why nothing can be shown, as a sentence; empty where it can.
    """

    ways: pd.DataFrame
    event: Event = LEAVING
    missing: str = ""
    title = "What would balancing the classes do?"
    shown: ClassVar[dict[str, str]] = {"ways": "A forest trained on customers as they are, and on balanced ones"}

    def to_frame(self) -> pd.DataFrame:
        return self.ways.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"ways": self.to_frame()}

    def metrics(self) -> dict[str, float]:
        if self.missing:
            return {}
        rows = self.ways.set_index("way")
        return {"false_roc_auc": float(rows.loc[BEFORE, "claimed_roc_auc"] - rows.loc[AS_THEY_ARE, "claimed_roc_auc"])}

    def findings(self) -> tuple[str, ...]:
        if self.missing:
            return (f"Balancing cannot be shown: {self.missing[0].lower()}{self.missing[1:]}",)
        rows = self.ways.set_index("way")
        before, plain, balanced = (rows.loc[way] for way in (BEFORE, AS_THEY_ARE, BALANCED))
        said = (
            f"Balanced inside training only, the order of customers stays about as good (ROC AUC "
            f"{decimal(balanced['roc_auc'])} against {decimal(plain['roc_auc'])} on customers not used), "
        )
        shares = (
            f"{percent(balanced['mean_probability_share'])} are said to {self.event.base}, "
            f"{percent(balanced['left_share'])} did (as they are: {percent(plain['mean_probability_share'])} said)."
        )
        moved = abs(balanced["mean_probability_share"] - plain["mean_probability_share"])
        spoilt = "and the probabilities are spoilt" if moved > _SPOILT else "and so do the probabilities here"
        return (
            "Balanced before the folds, copies of the same customers stand on both sides: the cross-validation claims "
            f"a ROC AUC of {decimal(before['claimed_roc_auc'])}, where an honest one finds "
            f"{decimal(plain['claimed_roc_auc'])}.",
            f"{said}{spoilt}: {shares}",
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the ROC AUC that each way claims beside the one that it has, with intervals."""
        if self.missing:
            return style.nothing(ax, title=self.title, why=self.findings()[0])
        ax = style.axes(ax, height=3.2)
        for shift, name, colour, label in (
            (0.1, "claimed_roc_auc", style.PALETTE[1], "claimed by its cross-validation"),
            (-0.1, "roc_auc", style.PALETTE[0], "on customers not used"),
        ):
            middle, low, high = (self.ways[f"{name}{end}"].to_numpy("float64") for end in _ENDS)
            places = len(self.ways) - 1 - np.arange(len(self.ways)) + shift
            ax.errorbar(
                middle, places, xerr=[middle - low, high - middle], fmt="o", color=colour, capsize=3, label=label
            )
        ax.set_yticks(range(len(self.ways)), self.ways["way"][::-1])
        ax.set_ylim(-0.6, len(self.ways) - 0.4)
        ax.set_xlabel("ROC AUC, with 95 % interval")
        ax.set_title("What balancing claims, and what it brings")
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=2)
        return style.describe(ax, f"ROC AUC claimed and found, by way of balancing. {self.findings()[0]}")


def compare(
    churn: ChurnModel, training: Sample, latest: Sample, *, folds: int = 5, resamples: int = 300, seed: int = 0
) -> BalancingResult:
    """Show what drawing the rarer kind again, until leavers and stayers are as many, does to a random forest.

    Parameters
    ----------
    churn : ChurnModel
        The fitted model; only its features count here.
    training, latest : Sample
        `labels.snapshots(...)`. The rows of a dateless table are the same in both: then a third is kept for the test.
    folds : int
        Folds of the cross-validation.
    resamples, seed : int
        Of the intervals, and of all that is drawn.

    Returns
    -------
    BalancingResult
        Without a model, or with too few customers of either kind, one whose finding says so.

    Notes
    -----
    The forest grows full trees, which know every customer by heart; so a copy of a customer in the other fold is as
    good as its answer. At most 5,000 customers are used on either side. A model is fitted on the resampled customers as
    a whole to be tried on the others; its probabilities are those of a world in which half of the customers leave.

    References
    ----------
    van den Goorbergh, R., van Smeden, M., Timmerman, D. and Van Calster, B. (2022). The harm of class imbalance
    corrections for risk prediction models. JAMIA 29, 1525-1534.
    """
    options.whole(folds, "folds", caller="balancing.compare", least=2)
    why = churn.missing or training.missing or latest.missing
    generator = np.random.default_rng(options.whole(seed, "seed", caller="balancing.compare"))
    if not why:
        if latest.dated:
            seen, unseen = (_part(sample, generator) for sample in (training, latest))
        else:
            order = generator.permutation(len(training))[:ROWS]
            cut = 2 * len(order) // 3
            seen, unseen = training.take(np.sort(order[:cut])), training.take(np.sort(order[cut:]))
        gone = int(seen.left.sum())
        if min(gone, len(seen) - gone) < 2 * folds or not 0 < unseen.left.sum() < len(unseen):
            why = "It needs some customers of either kind."
    if why:
        columns = ["way", *(f"{name}{end}" for name in ("claimed_roc_auc", "roc_auc") for end in _ENDS)]
        return BalancingResult(pd.DataFrame(columns=[*columns, "mean_probability_share", "left_share"]), missing=why)
    left, features = seen.left, churn.features_of(seen)
    copies = _balanced(left, generator)
    rows = []
    for way, kept, inside in (
        (AS_THEY_ARE, np.arange(len(left)), False),
        (BALANCED, np.arange(len(left)), True),
        (BEFORE, copies, False),
    ):
        claimed = _out_of_fold(features.iloc[kept], left[kept], folds, seed, generator if inside else None)
        drawn = copies if inside or way == BEFORE else kept
        model = _forest(features, seed).fit(features.iloc[drawn], left[drawn])
        chance = model.predict_proba(churn.features_of(unseen))[:, 1]
        row: dict[str, object] = {"way": way}
        for name, said, truth in (("claimed_roc_auc", claimed, left[kept]), ("roc_auc", chance, unseen.left)):
            found, _ = scores.compare(truth, {"forest": said}, reference="forest", resamples=resamples, seed=seed)
            row |= {f"{name}{end}": float(found[f"roc_auc{end}"].iloc[0]) for end in _ENDS}
        rows.append(row | {"mean_probability_share": float(chance.mean()), "left_share": float(unseen.left.mean())})
    return BalancingResult(pd.DataFrame(rows), latest.event)


def _part(sample: Sample, generator: np.random.Generator) -> Sample:
    """Each customer once, and not too many: copies of a customer from another day would blur the point."""
    order = generator.permutation(len(sample))
    first = order[~sample.features.index[order].duplicated()][:ROWS]
    return sample.take(np.sort(first))


def _balanced(left: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Positions of all rows, and of rows of the rarer kind drawn again until both kinds are equally many."""
    few, many = sorted((np.flatnonzero(left == kind) for kind in (0, 1)), key=len)
    return np.concatenate([many, few, generator.choice(few, size=len(many) - len(few))])


def _forest(features: pd.DataFrame, seed: int) -> Pipeline:
    return learners.pipeline("forest", features, {"min_samples_leaf": 1}, seed=seed)


def _out_of_fold(
    features: pd.DataFrame, left: np.ndarray, folds: int, seed: int, inside: np.random.Generator | None
) -> np.ndarray:
    """Predictions out of fold; with a generator, the rarer kind is drawn again inside the rows that are fitted."""
    from sklearn.model_selection import StratifiedKFold

    out = np.empty(len(left))
    for train, test in StratifiedKFold(folds, shuffle=True, random_state=seed).split(left, left):
        rows = train if inside is None else train[_balanced(left[train], inside)]
        model = _forest(features, seed).fit(features.iloc[rows], left[rows])
        out[test] = model.predict_proba(features.iloc[test])[:, 1]
    return out
