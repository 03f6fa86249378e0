"""Two scorings of the same customers set side by side: by two methods, or at two dates by the same cut-points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import pandas as pd

from crm_analysis import style
from crm_analysis.errors import DataError, UsageError
from crm_analysis.proportion import wilson
from crm_analysis.result import Result
from crm_analysis.segmentation.rfm import RFMResult
from crm_analysis.table import count, interval, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False, repr=False)
class AgreementResult(Result):
    """How many customers are in which segment under both scorings.

    Attributes
    ----------
    counts : DataFrame
        Segments of the first scoring down, of the second across; numbers of customers in both.
    only_first, only_second : int
        Customers whom one scoring knows and the other does not.
    labels : tuple of str
        What the two scorings are called.
    why : str
        Why there is nothing to compare, where one of them could not be made.
    """

    counts: pd.DataFrame
    only_first: int
    only_second: int
    labels: tuple[str, str]
    why: str = ""
    shown: ClassVar[dict[str, str]] = {"changes": "The commonest changes of segment"}

    @property
    def title(self) -> str:  # type: ignore[override]
        return f"Segments compared: {self.labels[0]} and {self.labels[1]}"

    def to_frame(self) -> pd.DataFrame:
        return self.counts.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"counts": self.counts.copy(), "changes": self.changes()}

    def changes(self) -> pd.DataFrame:
        """Return the ten commonest changes of segment: from, to, customers, share of all in both."""
        first, second = self.labels
        if self.why:
            return pd.DataFrame({"customers": [], "share": []})
        counts = self.counts.rename_axis(index=first, columns=None).reset_index()
        pairs = counts.melt(id_vars=first, var_name=second, value_name="customers")
        pairs = pairs[(pairs[first] != pairs[second]) & (pairs["customers"] > 0)]
        pairs = pairs.sort_values(["customers", first, second], ascending=[False, True, True]).head(10)
        return pairs.assign(share=pairs["customers"] / self.counts.to_numpy().sum()).reset_index(drop=True)

    @property
    def kept(self) -> int:
        """Customers in the same segment both times."""
        return int(sum(self.counts.loc[name, name] for name in self.counts.index if name in self.counts.columns))

    def findings(self) -> tuple[str, ...]:
        if self.why:
            return (f"Segments cannot be compared: {self.why}.",)
        total = int(self.counts.to_numpy().sum())
        first, second = self.labels
        sentences = [
            f"{percent(self.kept / total)} of {count(total, 'customer')} "
            f"({interval(*wilson(self.kept, total))}) are in the same segment both times ({first}; {second})."
        ]
        changes = self.changes()
        if len(changes):
            top = changes.iloc[0]
            sentences.append(
                f"The commonest change, {count(top['customers'], 'customer')}, is from {top[first]} to {top[second]}."
            )
        for only, label in ((self.only_first, first), (self.only_second, second)):
            if only:
                sentences.append(f"In one scoring only ({label}): {count(only, 'customer')}.")
        return tuple(sentences)

    def metrics(self) -> dict[str, float]:
        total = int(self.counts.to_numpy().sum())
        if self.why:
            return {"customers": 0}
        return {"customers": total, "same_segment_share": self.kept / total, "new": self.only_second}

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw where each segment's customers are under the second scoring, in percent of the segment."""
        import seaborn as sns

        title = "Where each segment's customers are, in percent"
        if self.why:
            return style.nothing(ax, title=title, why=self.findings()[0])
        ax = style.axes(ax, width=8.0, height=5.6)
        counts = self.counts.loc[self.counts.sum(axis=1) > 0]
        shares = 100 * counts.div(counts.sum(axis=1), axis=0)
        labels = shares.map(lambda value: f"{value:.0f}" if value >= 0.5 else "")
        sns.heatmap(
            shares,
            annot=labels,
            fmt="",
            cmap=sns.light_palette(style.PALETTE[0], as_cmap=True),
            vmin=0,
            vmax=100,
            linewidths=1.5,
            linecolor="white",
            cbar=False,
            ax=ax,
        )
        first, second = self.labels
        ax.set_title(title)
        ax.set_xlabel(f"segment under {second}")
        ax.set_ylabel(f"segment under {first}")
        ax.tick_params(length=0)
        for label in ax.get_xticklabels():
            label.set(rotation=40, ha="right", rotation_mode="anchor")
        return style.describe(ax, f"Table of shares. {' '.join(self.findings())}")


def compare(first: RFMResult, second: RFMResult, *, labels: tuple[str, str] | None = None) -> AgreementResult:
    """Set two scorings side by side.

    Parameters
    ----------
    first, second : RFMResult
        Scorings of customers with common ids: by two methods, or at two dates by the same cut-points.
    labels : tuple of str, optional
        What to call them; by default the labels they were given when they were scored.

    Returns
    -------
    AgreementResult
        Where the customers of one scoring could not be cut, one that says so.

    Raises
    ------
    UsageError
        If both have the same label.
    DataError
        If no customer is in both.
    """
    labels = labels or (first.label or "the first scoring", second.label or "the second scoring")
    why = first.cuts.why or second.cuts.why
    if why:
        none = pd.DataFrame(index=pd.Index([], name=labels[0]), columns=pd.Index([], name=labels[1]), dtype="int64")
        return AgreementResult(none, 0, 0, labels, why)
    if labels[0] == labels[1]:
        raise UsageError(f"agreement: both scorings are called {labels[0]!r}; give labels=('one', 'other').")
    both = first.scores[["customer_id", "segment"]].merge(
        second.scores[["customer_id", "segment"]], on="customer_id", suffixes=("_first", "_second")
    )
    if both.empty:
        raise DataError("agreement: no customer is in both scorings; score the same customers twice.")
    order = list(dict.fromkeys(rule.segment for scored in (first, second) for rule in scored.rules))
    counts = pd.crosstab(both["segment_first"], both["segment_second"]).reindex(
        index=order, columns=order, fill_value=0
    )
    counts.index.name, counts.columns.name = labels
    return AgreementResult(counts, len(first.scores) - len(both), len(second.scores) - len(both), labels)
