"""Evaluation: how well a model knew who would leave, beside the simplest rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from crm_analysis import style
from crm_analysis.churn.learners import named
from crm_analysis.churn.sample import LEAVING, Event
from crm_analysis.churn.scores import BINS, MEASURES
from crm_analysis.proportion import wilson
from crm_analysis.result import Result
from crm_analysis.table import between, count, decimal, listed, percent

_SHOWN = ("roc_auc", "pr_auc", "brier", "log_loss", "calibration_slope", "top_decile_lift")

_GROUPS = (
    *("group", "customers", "mean_probability_share", "left", "left_share", "left_share_low", "left_share_high"),
    *("lift", "caught_share"),
)


@dataclass(frozen=True, eq=False, repr=False)
class EvaluationResult(Result):
    """Measures of every model and baseline on customers that were not used to fit them.

    Attributes
    ----------
    models : DataFrame
        One row per model: kind (chosen, model, baseline) and every measure with its interval.
    differences : DataFrame
        One row per other model and measure: model less the chosen one, with its paired interval.
    predictions : DataFrame
        One row per customer: customer_id, left, and each model's probability.
    chosen : str
        The model that the training data chose.
    dated : bool
        Whether the customers are of a later day than those of training; else cross-validated.
    horizon_days : int
        The window in which they may have left.
    days : str
        The day or days of the test.
    event : Event
        What is predicted.
    missing : str
        Why there is nothing to measure, as a sentence; empty where there is.
    """

    models: pd.DataFrame
    differences: pd.DataFrame
    predictions: pd.DataFrame
    chosen: str
    dated: bool
    horizon_days: int
    days: str
    event: Event = LEAVING
    missing: str = ""
    title = "How good is the model?"
    shown: ClassVar[dict[str, str]] = {
        "models": "Measures on customers that were not fitted (95 % intervals from resampled customers)",
        "lift": "Customers in ten groups, by falling probability of leaving",
    }

    def to_frame(self) -> pd.DataFrame:
        return self.models.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        columns = ["model", "kind"]
        columns += [f"{name}{end}" for name in _SHOWN for end in ("", "_low", "_high")]
        return {
            "models": self.models[columns].copy(),
            "measures": self.models.copy(),
            "differences": self.differences.copy(),
            "lift": self.event.named(self.lift()),
            "calibration": self.event.named(self.calibration()),
            "predictions": self.event.named(self.predictions),
        }

    def captions(self) -> dict[str, str]:
        return self.shown | {"lift": f"Customers in ten groups, by falling probability of {self.event.doing}"}

    def metrics(self) -> dict[str, float]:
        if self.missing:
            return {}
        row = self.models.iloc[0]
        found = {name: float(row[name]) for name in MEASURES}
        return found | {"beats_baselines": float(self.beats_baselines())}

    @property
    def best_baseline(self) -> str:
        """The baseline with the highest ROC AUC."""
        baselines = self.models[self.models["kind"] == "baseline"]
        return str(baselines.sort_values("roc_auc", ascending=False).iloc[0]["model"])

    def beats_baselines(self) -> bool:
        """Whether the chosen model orders the customers better than every baseline, beyond chance."""
        return self._difference(self.best_baseline, "roc_auc")["high"] < 0

    def _difference(self, model: str, measure: str) -> pd.Series:
        rows = self.differences[(self.differences["model"] == model) & (self.differences["measure"] == measure)]
        return rows.iloc[0]

    def lift(self) -> pd.DataFrame:
        """Return ten groups of customers by falling probability: customers, left, share, lift, leavers caught."""
        if self.missing:
            return pd.DataFrame(columns=list(_GROUPS))
        ranked = self.predictions.sort_values(self.chosen, ascending=False, kind="stable")
        parts = [part for part in np.array_split(np.arange(len(ranked)), BINS) if len(part)]
        left, said = ranked["left"].to_numpy(), ranked[self.chosen].to_numpy()
        rows, caught = [], 0
        for place, part in enumerate(parts, start=1):
            gone = int(left[part].sum())
            caught += gone
            low, high = wilson(gone, len(part))
            rows.append(
                {
                    "group": place,
                    "customers": len(part),
                    "mean_probability_share": float(said[part].mean()),
                    "left": gone,
                    "left_share": gone / len(part),
                    "left_share_low": low,
                    "left_share_high": high,
                    "lift": gone / len(part) / left.mean(),
                    "caught_share": caught / left.sum(),
                }
            )
        return pd.DataFrame(rows, columns=list(_GROUPS))

    def calibration(self) -> pd.DataFrame:
        """Return, for ten groups of equal size, the mean prediction and the share that left, with its interval."""
        return self.lift()[
            ["group", "customers", "mean_probability_share", "left_share", "left_share_low", "left_share_high"]
        ]

    def findings(self) -> tuple[str, ...]:
        """The most important first: does it work, against what, are its probabilities right, what it catches."""
        if self.missing:
            return (f"No model can be tested: {self.missing[0].lower()}{self.missing[1:]}",)
        row = self.models.iloc[0]
        where = f"{self.horizon_days} days after {self.days}" if self.dated else "in cross-validation"
        auc = f"{row['roc_auc']:.3f} ({between(row['roc_auc_low'], row['roc_auc_high'], digits=3)})"
        n, gone = len(self.predictions), int(self.predictions["left"].sum())
        who = f"{count(n, 'customer')}, {gone:,} of whom {self.event.did}"
        name = named(self.chosen)
        said = [f"{name[0].upper()}{name[1:]} orders who {self.event.does} with a ROC AUC of {auc}, {where} ({who})."]
        difference = self._difference(self.best_baseline, "roc_auc")
        low, high = -difference["high"], -difference["low"]
        gap = f"{-difference['difference']:+.3f} ({between(low, high, digits=3)})"
        if self.beats_baselines():
            said.append(f"That is better than the best simple rule, {self.best_baseline}, by {gap}.")
        else:
            said.insert(
                0,
                f"Warning: no model is shown to beat the simplest rule, {self.best_baseline} (difference in ROC AUC "
                f"{gap}): use the rule.",
            )
        slope, low, high = (row[f"calibration_slope{end}"] for end in ("", "_low", "_high"))
        shift = row["calibration_intercept"]
        faults = {
            "too low": row["calibration_intercept_low"] > 0,
            "too high": row["calibration_intercept_high"] < 0,
            "too bold": high < 1,
            "too timid": low > 1,
        }
        wrong = [fault for fault, found in faults.items() if found]
        verdict = f"are {listed(wrong)}" if wrong else "agree with what happened"
        mean = float(self.predictions[self.chosen].mean())
        said.append(
            f"Its probabilities {verdict}: on average {percent(mean)} were said to {self.event.base} and "
            f"{percent(gone / n)} did (calibration slope {decimal(slope)}, {between(low, high)}; intercept "
            f"{decimal(shift)}, {between(row['calibration_intercept_low'], row['calibration_intercept_high'])})."
        )
        lift = (
            f"{row['top_decile_lift']:.2f} times ({between(row['top_decile_lift_low'], row['top_decile_lift_high'])})"
        )
        said.append(f"The tenth of customers with the highest probability {self.event.base} {lift} as often as all.")
        others = [
            name for name in self.models.loc[self.models["kind"] == "model", "model"] if self._is_alike(str(name))
        ]
        if others:
            said.append(f"It cannot be told apart from {listed([named(name) for name in others])} (ROC AUC).")
        return tuple(said)

    def _is_alike(self, model: str) -> bool:
        row = self._difference(model, "roc_auc")
        return bool(row["low"] <= 0 <= row["high"])

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw which share of the leavers is reached by contacting so many customers: the gains curve."""
        if self.missing:
            return style.nothing(ax, title=self.title, why=self.findings()[0])
        left = self.predictions["left"].to_numpy()
        ax = style.axes(ax, height=4.4)
        names = [self.chosen, self.best_baseline]
        for name, colour in zip(names, style.PALETTE, strict=False):
            order = np.argsort(-self.predictions[name].to_numpy(), kind="stable")
            caught = np.concatenate([[0.0], np.cumsum(left[order]) / left.sum()])
            shares = np.linspace(0, 1, len(caught))
            step = max(1, len(caught) // 400)
            label = f"{name} (model)" if name == self.chosen else f"{name} (simple rule)"
            ax.plot(shares[::step], caught[::step], color=colour, label=label)
        ax.plot([0, 1], [0, 1], color="0.6", linestyle="--", linewidth=1, label="at random")
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        ax.set_xlabel(f"customers contacted, the likeliest {self.event.people} first")
        ax.set_ylabel(f"{self.event.people} among them")
        ax.set_title(f"How many {self.event.people} are reached")
        ax.legend(loc="lower right")
        return style.describe(ax, f"Gains curves of the model and the best simple rule. {self.findings()[0]}")

    def plot_calibration(self, ax: Axes | None = None) -> Axes:
        """Draw the share that left against the predicted probability, in ten groups."""
        if self.missing:
            return style.nothing(ax, title="Are the probabilities right?", why=self.findings()[0])
        groups = self.calibration()
        ax = style.axes(ax, width=5.4, height=4.8)
        said, share = groups["mean_probability_share"].to_numpy(), groups["left_share"].to_numpy()
        spread = np.abs(groups[["left_share_low", "left_share_high"]].to_numpy().T - share)
        ax.errorbar(said, share, yerr=spread, fmt="o", color=style.PALETTE[0], capsize=3)
        top = 1.05 * max(said.max(), groups["left_share_high"].max())
        ax.plot([0, top], [0, top], color="0.6", linestyle="--", linewidth=1)
        ax.set_xlim(0, top)
        ax.set_ylim(0, top)
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        ax.set_xlabel(f"predicted probability of {self.event.doing}")
        ax.set_ylabel(f"share that {self.event.did}")
        ax.set_title("Are the probabilities right?")
        return style.describe(
            ax, f"Share that {self.event.did} against predicted probability in ten groups; on the line: right."
        )

    def plot_models(self, ax: Axes | None = None) -> Axes:
        """Draw the ROC AUC of every model and baseline with its interval."""
        if self.missing:
            return style.nothing(ax, title="Models and simple rules", why=self.findings()[0])
        rows = self.models.sort_values("roc_auc", ignore_index=True)
        ax = style.axes(ax, height=1.2 + 0.36 * len(rows))
        colours = {"chosen": style.PALETTE[1], "model": style.PALETTE[0], "baseline": "0.55"}
        for place, row in enumerate(rows.to_dict("records")):
            ends = [[row["roc_auc"] - row["roc_auc_low"]], [row["roc_auc_high"] - row["roc_auc"]]]
            ax.errorbar(row["roc_auc"], place, xerr=ends, fmt="o", color=colours[row["kind"]], capsize=3)
        ax.set_yticks(range(len(rows)), [f"{row.model} ({row.kind})" for row in rows.itertuples()])
        ax.axvline(0.5, color="0.6", linestyle="--", linewidth=1)
        ax.set_xlabel("ROC AUC (0.5: no better than chance)")
        ax.set_title("Models and simple rules")
        return style.describe(ax, f"ROC AUC of every model and simple rule. {self.findings()[0]}")


def nothing(why: str) -> EvaluationResult:
    """Return a result without measures that says why there are none."""
    columns = ["model", "kind", *(f"{name}{end}" for name in MEASURES for end in ("", "_low", "_high"))]
    differences = pd.DataFrame(columns=["model", "measure", "difference", "low", "high"])
    predictions = pd.DataFrame(columns=["customer_id", "left"])
    return EvaluationResult(pd.DataFrame(columns=columns), differences, predictions, "", False, 0, "", missing=why)
