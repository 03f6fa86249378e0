"""Monitoring: are today's customers still those that the model was trained on?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crm_analysis import style
from crm_analysis.churn import scores
from crm_analysis.churn.features import moves_with_the_calendar
from crm_analysis.churn.model import ChurnModel
from crm_analysis.churn.profile import MISSING, SCORE
from crm_analysis.churn.sample import Sample
from crm_analysis.result import Result
from crm_analysis.table import between, count, decimal, listed, percent, short

STABLE, SHIFTED = 0.10, 0.25
"""Population stability index: below the first nothing moved, from the second on the population is another one."""

# Longer bars are cut, or the thresholds could not be told apart.
_LONGEST = 4 * SHIFTED
_SAME = "The table has no dates, so its customers are those of training; set those of a later table beside them."


@dataclass(frozen=True, eq=False, repr=False)
class DriftResult(Result):
    """What moved between training and the customers that are scored.

    Attributes
    ----------
    columns : DataFrame
        One row per feature and for the score, the most moved first: stability_index, and verdict (stable, moved,
        shifted; calendar: moved, but as every age does from day to day).
    calibration : dict
        Mean probability, share that left, and the calibration slope and intercept with their intervals, on customers
        whose labels have become known; empty without them.
    customers : int
        Customers that were scored.
    alerts : tuple of str
        What passed a threshold, in words.
    """

    columns: pd.DataFrame
    calibration: dict[str, float]
    customers: int
    alerts: tuple[str, ...]
    missing: str = ""
    title = "Is the model still fit for these customers?"
    shown: ClassVar[dict[str, str]] = {"columns": "Population stability index, training against today"}

    def to_frame(self) -> pd.DataFrame:
        return self.columns.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"columns": self.to_frame()}

    def metrics(self) -> dict[str, float]:
        if self.missing:
            return {}
        score = self.columns.loc[self.columns["column"] == SCORE, "stability_index"]
        found = {"alerts": len(self.alerts), "largest_index": float(self.columns["stability_index"].max())}
        return found | {"score_index": float(score.iloc[0])} | self.calibration

    def findings(self) -> tuple[str, ...]:
        if self.missing:
            return (f"Nothing can be watched: {self.missing[0].lower()}{self.missing[1:]}",)
        said = [f"Alert: {alert}" for alert in self.alerts]
        moved, shifted = (self.columns[self.columns["verdict"] == verdict] for verdict in ("moved", "shifted"))
        quiet = not _matters(self.columns)
        if not self.alerts:
            said.append(f"Nothing that matters has changed among {count(self.customers, 'customer')}.")
        if len(shifted) and quiet:
            said.append(
                f"Not distributed as in training, but the probabilities are, so that it raises no alert: "
                f"{listed(list(shifted['column'].head(6)))}."
            )
        if len(moved):
            said.append(f"Somewhat moved: {listed(list(moved['column'].head(6)))}.")
        aged = self.columns[self.columns["verdict"] == "calendar"]
        if len(aged):
            said.append(
                f"Moved as the calendar does, which raises no alert: {listed(list(aged['column'].head(6)))}. Customers "
                "grow older than those of training; train the model anew from time to time."
            )
        if self.calibration:
            c = self.calibration
            ends = between(c["calibration_intercept_low"], c["calibration_intercept_high"])
            said.append(
                f"On average {percent(c['mean_probability'])} were said to leave and {percent(c['left_share'])} did "
                f"(calibration in the large {decimal(c['calibration_intercept'])}, {ends})."
            )
        return tuple(said)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the stability index of the most moved columns, with the two thresholds."""
        if self.missing:
            return style.nothing(ax, title=self.title, why=self.findings()[0])
        rows = self.columns.head(12).iloc[::-1]
        ax = style.axes(ax, height=1.4 + 0.32 * len(rows))
        colours = {"stable": style.PALETTE[0], "moved": style.PALETTE[1], "shifted": style.ACCENT, "calendar": "0.7"}
        index = rows["stability_index"]
        end = max(1.15 * SHIFTED, 1.05 * min(index.max(), _LONGEST))
        ax.barh([short(name) for name in rows["column"]], index.clip(upper=end), color=rows["verdict"].map(colours))
        for place, value in enumerate(index):
            if value > end:
                ax.annotate(
                    f"{decimal(value)} >",
                    (end, place),
                    (-4, 0),
                    textcoords="offset points",
                    ha="right",
                    va="center",
                    color="white",
                )
        for line in (STABLE, SHIFTED):
            ax.axvline(line, color=style.MUTED, linestyle="--", linewidth=1)
        ax.set_xlim(0, end)
        ax.set_xlabel("population stability index (dashed: moved, shifted)")
        ax.set_title("What moved since training")
        return style.describe(ax, f"Population stability index by column. {self.findings()[0]}")


def watch(
    churn: ChurnModel, sample: Sample, *, later: bool | None = None, resamples: int = 200, seed: int = 0
) -> DriftResult:
    """Compare the customers that are scored with those of training.

    Parameters
    ----------
    churn : ChurnModel
        A fitted model; its `profile_` says what training looked like.
    sample : Sample
        The customers now; with labels, calibration is checked too.
    later : bool, optional
        Whether these are customers of a later time than those of training; by default if they have dates. Say so of a
        later table without dates.
    resamples, seed : int
        For the intervals of the calibration.

    Returns
    -------
    DriftResult
        Without a model, or where nothing is later, one whose finding says so.

    Notes
    -----
    Population stability index: sum over classes of (q - p) log(q / p), with p and q the shares in training and now, in
    ten classes of equal size of a number, missing values a class of their own; shares of nought count as half a
    customer. Twice the symmetrised Kullback-Leibler divergence, so that .10 and .25 are rules of thumb (Siddiqi 2006),
    not tests. One alert says that the customers are others, with the features that moved most: where the index of the
    probabilities reaches .25, or .10 with a feature at .25. A feature that moves without the probabilities does not
    matter to the model and raises none, nor do ages and days since a date, which move every night. Another alert says
    that the calibration intercept differs from 0 beyond chance by more than .25 in log odds.

    References
    ----------
    Siddiqi, N. (2006). Credit Risk Scorecards. Wiley, chapter 9.
    """
    same = "" if (sample.dated if later is None else later) else _SAME
    if why := churn.missing or sample.missing or same:
        return DriftResult(pd.DataFrame(columns=["column", "stability_index", "verdict"]), {}, 0, (), why)
    features, chance = churn.features_of(sample), churn.chance(sample)
    whole = features.assign(**{SCORE: chance})
    rows = []
    for name, classes in churn.profile_.groupby("column", sort=False):
        index = _index(classes, whole[name], churn.trained_on_)
        rows.append({"column": name, "stability_index": index})
    columns = pd.DataFrame(rows).sort_values("stability_index", ascending=False, kind="stable", ignore_index=True)
    index, ages = columns["stability_index"], columns["column"].map(moves_with_the_calendar).astype(bool)
    columns["verdict"] = np.select(
        [ages & (index >= STABLE), index >= SHIFTED, index >= STABLE], ["calendar", "shifted", "moved"], "stable"
    )
    alerts = [_others(columns)] if _matters(columns) else []
    calibration = _calibration(sample, chance, resamples, seed)
    if calibration:
        low, high = calibration["calibration_intercept_low"], calibration["calibration_intercept_high"]
        if abs(calibration["calibration_intercept"]) > 0.25 and (low > 0 or high < 0):
            way = "low" if low > 0 else "high"
            alerts.append(
                f"the probabilities are too {way}: {percent(calibration['mean_probability'])} were said to leave, "
                f"{percent(calibration['left_share'])} did; train the model anew before money is spent by them."
            )
    return DriftResult(columns, calibration, len(sample), tuple(alerts))


def _matters(columns: pd.DataFrame) -> bool:
    """Whether the customers are others in a way that the model's own probabilities notice."""
    score = columns.loc[columns["column"] == SCORE, "stability_index"].max()
    return bool(score >= SHIFTED or (score >= STABLE and (columns["verdict"] == "shifted").any()))


def _others(columns: pd.DataFrame) -> str:
    whole = columns[columns["column"] != SCORE]
    shifted = whole[whole["verdict"] == "shifted"]
    score = columns.loc[columns["column"] == SCORE, "stability_index"].iloc[0]
    said = (
        "these are other customers than those of training: the probabilities of leaving are not distributed as then "
        f"(stability index {decimal(score)})"
    )
    if len(shifted):
        most = [f"{row['column']} ({decimal(row['stability_index'])})" for row in shifted.head(3).to_dict("records")]
        which = f", most of all {listed(most)}" if len(shifted) > 3 else f", {listed(most)}"
        verb = "is" if len(shifted) == 1 else "are"
        said += f", nor {verb} {len(shifted)} of {count(len(whole), 'feature')}{which}"
    return f"{said}. Train the model anew on later snapshots."


def _index(classes: pd.DataFrame, values: pd.Series, trained_on: int) -> float:
    if classes["low"].notna().any():
        inner = classes["high"].to_numpy("float64")
        inner = inner[np.isfinite(inner)]
        held = values.to_numpy("float64")
        place = np.where(np.isnan(held), len(inner) + 1, np.searchsorted(inner, held, side="left"))
        now = np.bincount(place, minlength=len(inner) + 2).astype("float64")
        then = classes["share"].to_numpy("float64")
    else:
        labels = values.astype("object").map(str).where(values.notna(), MISSING)
        counted = labels.value_counts()
        names = [*classes["label"], *(name for name in counted.index if name not in set(classes["label"]))]
        now = counted.reindex(names).fillna(0).to_numpy("float64")
        then = classes.set_index("label")["share"].reindex(names).fillna(0).to_numpy("float64")
    total = max(now.sum(), 1.0)
    kept = (now > 0) | (then > 0)
    q = np.maximum(now[kept], 0.5) / total
    p = np.maximum(then[kept], 0.5 / trained_on)
    return float(((q - p) * np.log(q / p)).sum())


def _calibration(sample: Sample, chance: np.ndarray, resamples: int, seed: int) -> dict[str, float]:
    if not len(sample) or sample.label.isna().any() or not 0 < sample.left.mean() < 1:
        return {}
    models, _ = scores.compare(sample.left, {"model": chance}, reference="model", resamples=resamples, seed=seed)
    row = models.iloc[0]
    names = [f"calibration_{part}{end}" for part in ("slope", "intercept") for end in ("", "_low", "_high")]
    return {
        "mean_probability": float(chance.mean()),
        "left_share": float(sample.left.mean()),
        **{name: float(row[name]) for name in names},
    }
