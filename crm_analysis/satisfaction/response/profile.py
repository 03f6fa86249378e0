"""Profile: who answered and who did not, and what that does to the index."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from crm_analysis import style
from crm_analysis.errors import DataError, UsageError
from crm_analysis.proportion import effective, share
from crm_analysis.result import Result
from crm_analysis.satisfaction import succession
from crm_analysis.satisfaction.paired.naming import label
from crm_analysis.satisfaction.response import comparison, propensity, statements
from crm_analysis.satisfaction.response import features as known
from crm_analysis.satisfaction.response.answering import Answering
from crm_analysis.satisfaction.response.propensity import FEWEST, Propensity

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False, repr=False)
class NonresponseResult(Answering, Result):
    """Who answered, compared with who did not; its attributes are those of `Answering`."""

    title = "Who did not answer?"
    shown: ClassVar[dict[str, str]] = {
        "differences": "Who answered against who did not, before the survey",
        "rates": "Who answers, by group",
    }

    def to_frame(self) -> pd.DataFrame:
        return self.rates.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {
            "rates": self.to_frame(),
            "differences": self.differences.copy(),
            "index": self.index(),
            "later": self.later.copy(),
            "customers": self.customers.copy(),
        }

    def index(self) -> pd.DataFrame:
        """Return a row with the mean score as answered (``plain``) and ``weighted``, with intervals, if it is known."""
        columns = [f"{name}{end}" for name in ("plain", "weighted") for end in ("", "_low", "_high")]
        known_there = all(name in self.numbers for name in columns)
        return pd.DataFrame([self.numbers] if known_there else [], columns=columns)

    def findings(self) -> tuple[str, ...]:
        return statements.of(self)

    def metrics(self) -> dict[str, float]:
        if self.absent:
            return {}
        kept = ("auc", "effective", "plain", "weighted", "change")
        found = {"answered_share": float(self.rates["answered_share"].iloc[0])}
        return found | {name: self.numbers[name] for name in kept if name in self.numbers}

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw how far who answered lies from who did not, feature by feature, and what weighting leaves of it."""
        title = "Who answered, against who did not"
        if self.absent or self.differences.empty:
            why = self.absent or "Nothing that differs between customers was known before the survey."
            return style.nothing(ax, title=title, why=why)
        rows = self.differences.sort_values("difference", key=np.abs)
        ax = style.axes(ax, height=max(2.6, 1.4 + 0.3 * len(rows)))
        place = np.arange(len(rows))
        ax.axvline(0, color=style.MUTED, linewidth=1)
        ax.hlines(place, rows["difference_low"], rows["difference_high"], color=style.PALETTE[0], linewidth=2)
        ax.scatter(rows["difference"], place, color=style.PALETTE[0], s=32, zorder=3, label="as answered")
        if rows["weighted"].notna().any():
            ax.scatter(
                rows["weighted"], place, facecolor="white", edgecolor=style.PALETTE[3], s=32, zorder=4, label="weighted"
            )
            ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
        ax.set_yticks(place, [label(name) for name in rows["feature"]])
        ax.set_ylim(-0.7, len(rows) - 0.3)
        ax.tick_params(axis="y", length=0)
        ax.set_xlabel("difference in standard deviations, 95 % interval")
        ax.set_title(title)
        ax.grid(axis="x", color=style.GRID)
        return style.describe(ax, f"Points with intervals, one per feature. {self.findings()[0]}")

    def plot_groups(self, ax: Axes | None = None) -> Axes:
        """Draw the share that answered in each group with its interval."""
        rows = self.rates.iloc[1:]
        if self.absent or rows.empty:
            why = self.absent or "The customers are in no groups that could be compared."
            return style.nothing(ax, title="Who answers, by group", why=why)
        ax = style.axes(ax, height=max(2.6, 1.4 + 0.3 * len(rows)))
        order = list(dict.fromkeys(rows["by"]))
        place = np.arange(len(rows)) + 0.6 * np.array([order.index(by) for by in rows["by"]])
        colors = [style.PALETTE[order.index(by) % len(style.PALETTE)] for by in rows["by"]]
        shares = 100 * rows[["answered_share", "answered_share_low", "answered_share_high"]].to_numpy("float64")
        ax.hlines(place, shares[:, 1], shares[:, 2], color=colors, linewidth=2)
        ax.scatter(shares[:, 0], place, color=colors, s=32, zorder=3)
        ax.axvline(100 * self.rates["answered_share"].iloc[0], color=style.MUTED, linewidth=1)
        names = [
            f"{label(by, width=18)}: {label(group, width=20)}"
            for by, group in zip(rows["by"], rows["group"], strict=True)
        ]
        ax.set_yticks(place, names)
        ax.set_ylim(place.max() + 0.7, place.min() - 0.7)
        ax.tick_params(axis="y", length=0, labelsize=9)
        ax.set_xlabel("answered, percent of customers, 95 % interval; line: all")
        ax.set_title("Who answers, by group")
        ax.grid(axis="x", color=style.GRID)
        return style.describe(ax, f"Points with intervals, one per group. {self.findings()[0]}")


def before_and_after(view: Callable[..., pd.DataFrame], answers: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the customers as they were known the day before the first answer, and as they are known now.

    Parameters
    ----------
    view : function
        Gives the customer view, such as `Study.customer360`; takes ``as_of``.
    answers : DataFrame
        Answers with their ``time``.

    Returns
    -------
    tuple of two DataFrames
        Both empty where the study has no customers, or the answers no time: then nobody can be compared.
    """
    first = pd.to_datetime(answers["time"]).min() if "time" in answers.columns and len(answers) else pd.NaT
    if pd.isna(first):
        return pd.DataFrame(), pd.DataFrame()
    try:
        return view(as_of=first.date() - pd.Timedelta(days=1)), view()
    except DataError:
        return pd.DataFrame(), pd.DataFrame()


def first_wave(answers: pd.DataFrame, *, wave: str = "wave") -> pd.DataFrame:
    """Return the answers of the first wave; all of them where the survey knows no waves."""
    if wave not in answers.columns or answers[wave].isna().all():
        return answers
    return answers[answers[wave] == succession.order(answers, wave, wave=wave)[0]]


def profile(
    customers: pd.DataFrame,
    answered: pd.Series | None,
    *,
    score: pd.Series | None = None,
    later: pd.DataFrame | None = None,
    features: Sequence[str] | None = None,
    by: Sequence[str] | None = None,
    scale: tuple[float, float] = (0, 100),
    seed: int = 0,
) -> NonresponseResult:
    """Compare who answered a survey with who did not, by what was known of both before.

    Parameters
    ----------
    customers : DataFrame
        One row per customer who could have answered, with ``customer_id``, as known before the survey.
    answered : Series or None
        Ids of those who answered, or True and False indexed by customer id; None, or all missing: not known.
    score : Series, optional
        What respondents feel, such as their index, indexed as `answered`.
    later : DataFrame, optional
        The customers as known later, with ``customer_id`` and ``frequency``: who bought since?
    features, by : sequence of str, optional
        Measured columns, and columns of groups; by default `features.BEHAVIOUR`, and every column of words or of yes
        and no with at most `features.MOST_LEVELS` values.
    scale : (low, high)
        Ends of the scale of `score`, for the bounds.
    seed : int
        Of the folds in which the model of answering is tested.

    Returns
    -------
    NonresponseResult
        Differences are (mean of who answered - mean of the others) / root of the mean of both variances, on the
        logarithm where a feature has a long tail, with the interval d ± 1.96 sqrt(1/a + 1/b + d^2 / (2 (a + b))).
        Weights are inverse chances to answer by a logistic model of all features and groups, at most five times their
        mean; there is none with fewer than twenty customers of either kind. The interval of the change by weighting
        allows for the chances being estimated. The bounds assume nothing: all others at one end of the scale.

    Raises
    ------
    UsageError
        If customers have no ``customer_id`` or are there twice.

    References
    ----------
    Hedges, L. V., Olkin, I. (1985). Statistical Methods for Meta-Analysis. Academic Press, chapter 5. Kish, L. (1965).
    Survey Sampling. Wiley. Manski, C. F. (1989). Anatomy of the selection problem. Journal of Human Resources 24,
    343-360. Rosenbaum, P. R., Rubin, D. B. (1983). The central role of the propensity score. Biometrika 70, 41-55.
    """
    why = _absent(customers, answered)
    if why or answered is None:
        return _nothing(why)
    if "customer_id" not in customers.columns or customers["customer_id"].duplicated().any():
        raise UsageError("nonresponse: customers needs a column 'customer_id' with each customer once.")
    ids = customers["customer_id"]
    flags = pd.api.types.is_bool_dtype(answered.dtype)
    people = pd.Series(answered.index[answered.to_numpy("bool", na_value=False)]) if flags else answered.dropna()
    inside = ids.isin(people).to_numpy()
    outside = int((~people.drop_duplicates().isin(ids)).sum()) + int(answered.isna().sum())
    if not inside.any() or inside.all():
        return _nothing(
            f"All {len(ids):,} known customers answered, so there is nobody to compare them with."
            if inside.any()
            else "Nobody who answered is a known customer, so who did not answer cannot be told."
        )
    measured, grouped = known.measured(customers, features), known.groupings(customers, by)
    model = None
    matrix = known.matrix(customers, measured, grouped)
    if min(inside.sum(), (~inside).sum()) >= FEWEST and matrix.shape[1]:
        model = propensity.fit(matrix, inside, seed=seed)
    numbers = _numbers(model, inside, _scores(customers, answered, score, flags), scale)
    after, gap = _later(customers, later, inside, model)
    each = pd.DataFrame({"customer_id": ids.to_numpy(), "answered": inside})
    each["propensity"] = model.chance if model else np.nan
    each["weight"] = model.weights if model else np.nan
    rates = comparison.rates(customers, inside, grouped)
    differences = comparison.differences(customers, inside, measured, model)
    return NonresponseResult(rates, differences, each, after, numbers | gap, outside)


def _absent(customers: pd.DataFrame, answered: pd.Series | None) -> str:
    if customers.empty:
        return "The study knows no customers from before the survey, so who did not answer cannot be told."
    if answered is None or answered.isna().all():
        return "The survey does not say which customer answered, so who did not answer cannot be told."
    return ""


def _nothing(why: str) -> NonresponseResult:
    empty = pd.DataFrame
    return NonresponseResult(
        empty(columns=["by", "group", "customers", "answered", "answered_share"]),
        empty(columns=["feature", "answered", "others", "difference"]),
        empty(columns=["customer_id", "answered", "propensity", "weight"]),
        empty(columns=["answered", "customers", "bought_share"]),
        absent=why,
    )


def _scores(customers: pd.DataFrame, answered: pd.Series, score: pd.Series | None, flags: bool) -> np.ndarray | None:
    """The score of each customer; several answers of one are averaged."""
    if score is None or score.empty:
        return None
    values = score.reindex(answered.index).to_numpy("float64", na_value=np.nan)
    people = answered.index if flags else pd.Index(answered)
    each = pd.Series(values, people)[lambda found: found.index.notna()].groupby(level=0).mean()
    return each.reindex(customers["customer_id"]).to_numpy("float64")


def _numbers(
    model: Propensity | None, inside: np.ndarray, values: np.ndarray | None, scale: tuple[float, float]
) -> dict[str, float]:
    found: dict[str, float] = {}
    if model is not None:
        found |= dict(zip(("auc", "auc_low", "auc_high"), model.auc, strict=True))
        found["effective"] = effective(model.weights[inside])
    if values is None or not np.isfinite(values).any():
        return found
    share_known, mean = float(np.isfinite(values).mean()), float(np.nanmean(values))
    found |= {"plain": mean, "scored_share": share_known}
    found |= {
        end: share_known * mean + (1 - share_known) * limit
        for end, limit in zip(("lowest", "highest"), scale, strict=True)
    }
    if model is not None and np.isfinite(values).sum() >= FEWEST:
        found |= propensity.reweighted(model, values)
    return found


def _later(
    customers: pd.DataFrame, later: pd.DataFrame | None, inside: np.ndarray, model: Propensity | None
) -> tuple[pd.DataFrame, dict[str, float]]:
    ends = ["bought_share", "bought_share_low", "bought_share_high"]
    columns = ["answered", "customers", "bought", *ends]
    if later is None or later.empty or "frequency" not in later.columns or "frequency" not in customers.columns:
        return pd.DataFrame(columns=columns), {}
    now = later.set_index("customer_id")["frequency"].reindex(customers["customer_id"]).to_numpy("float64")
    bought = now > customers["frequency"].to_numpy("float64")
    rows = []
    for name, part in (("yes", inside), ("no", ~inside)):
        rows.append((name, int(part.sum()), int(bought[part].sum()), *share(int(bought[part].sum()), int(part.sum()))))
    found = pd.DataFrame(rows, columns=columns)
    if model is None:
        return found, {}
    gap = propensity.contrast(model, bought.astype("float64"))
    return found, dict(zip(("later_gap", "later_gap_low", "later_gap_high"), gap, strict=True))
