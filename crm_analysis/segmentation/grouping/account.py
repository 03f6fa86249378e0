"""Account: what was found out about clusters, in sentences, tables and pictures."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from crm_analysis import style
from crm_analysis.result import Result
from crm_analysis.segmentation.grouping import choice, separation, stability
from crm_analysis.segmentation.grouping.estimator import Clusters
from crm_analysis.table import count, heading, in_currency, is_share, listed, number, percent, share_of, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False, repr=False)
class ClustersResult(Result):
    """Clusters of customers, the largest first.

    Attributes
    ----------
    clusters : DataFrame
        One row per cluster: its proposed name, customers and share, spend and share (each share with its 95 %
        interval), jaccard (mean similarity with the nearest cluster of a resample), verdict (stable, doubtful,
        dissolves; one crowd).
    profiles : DataFrame
        One row per cluster and feature (of words: and level), in the feature's own unit; see
        `grouping.profiling.describe`.
    choice : DataFrame
        One row per number of clusters tried; see `grouping.choice.compare`.
    customers : DataFrame
        One row per customer: customer_id, cluster, certainty (0 on the boundary, 1 at the centre; of a mixture the
        probability), first_component and second_component (places on a map of the treated features).
    model : Clusters or None
        The fitted estimator: ``model.predict(frame)`` places new customers by number; see also `place`.
    why : str
        Why there are none, if the question cannot be asked.
    left_out : int
        Customers without a purchase.
    label, currency : str
        What to call this view; the currency of spend.
    """

    clusters: pd.DataFrame
    profiles: pd.DataFrame
    choice: pd.DataFrame
    customers: pd.DataFrame
    model: Clusters | None
    why: str = ""
    left_out: int = 0
    label: str = ""
    currency: str = ""
    shown: ClassVar[dict[str, str]] = {
        "clusters": "Clusters",
        "profiles": "What they are like",
        "choice": "How many clusters?",
        "encoding": "How features were treated",
    }

    @classmethod
    def empty(cls, why: str, *, left_out: int, label: str, currency: str) -> ClustersResult:
        """Return a result that says why there are no clusters to look for."""
        frames = (
            pd.DataFrame({"cluster": [], "customers": [], "verdict": []}),
            pd.DataFrame({"cluster": [], "feature": [], "level": [], "deviation": []}),
            pd.DataFrame(columns=list(choice.COLUMNS)),
            pd.DataFrame({"customer_id": [], "cluster": []}),
        )
        return cls(*frames, None, why, left_out, label, currency)

    @property
    def title(self) -> str:  # type: ignore[override]
        return f"Clusters, {self.label}" if self.label else "Clusters"

    def captions(self) -> dict[str, str]:
        amounts = f"amounts in {self.currency}" if self.currency else ""
        return {**self.shown, "clusters": in_currency(self.shown["clusters"], amounts)}

    def to_frame(self) -> pd.DataFrame:
        return self.clusters.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        treated = self.model.encoding_.to_frame() if self.model else pd.DataFrame({"feature": [], "treatment": []})
        return {
            "clusters": self.clusters.copy(),
            "profiles": self.profiles.copy(),
            "choice": self.choice.copy(),
            "encoding": treated,
            "customers": self.customers.copy(),
        }

    @property
    def labels(self) -> pd.Series:
        """The name of each customer's cluster, indexed by customer_id."""
        return self.customers.set_index("customer_id")["cluster"]

    def place(self, customers: pd.DataFrame) -> pd.Series:
        """Return the cluster of customers of another day, indexed by customer_id; those without a purchase have none.

        Nothing is learned from them. Where there are no clusters to place them in, nobody has one.
        """
        bought = customers[customers["frequency"] > 0] if "frequency" in customers.columns else customers
        if self.model is None:
            return pd.Series([], index=pd.Index([], name="customer_id"), name="cluster", dtype="object")
        return self.model.name(bought)

    def findings(self) -> tuple[str, ...]:
        without = [f"Without a purchase, and so left out: {count(self.left_out, 'customer')}."] if self.left_out else []
        if self.model is None:
            return (self.why, *without)
        return (*self._whether(), *self._what(), *self._constant(), *self._sampled(), *without)

    def _whether(self) -> list[str]:
        """Say whether there are clusters, and on what grounds."""
        model, found = self.model, len(self.clusters)
        assert model is not None
        customers = count(len(self.customers), "customer")
        if found > 1:
            row = self.choice.set_index("clusters").loc[found]
            steady = f"they come back in resamples with a mean similarity of {row['jaccard_mean']:.2f}"
            if model.sound_:
                return [
                    f"{customers} fall into {found} clusters with a valley between every two of them; {steady} "
                    f"(1 is perfect, {stability.STABLE} counts as stable)."
                ]
            return [
                f"{customers} are divided into {found} groups because that was asked for: {_UNSOUND[row['verdict']]}, "
                f"so they are a convenient cut and not clusters found; {steady}."
            ]
        if model.count == 1:
            return [f"{customers} are kept as one group because that was asked for."]
        sentences = [
            f"No clusters were found: however {customers} are divided, two groups are parts of one crowd, a group is "
            "too small, or the groups do not come back in resamples."
        ]
        steadiest = choice.steadiest(self.choice)
        if steadiest is not None:
            number_of = int(steadiest["clusters"])
            sentences.append(
                f"The division that comes back best has {number_of} groups (similarity of the least stable "
                f"{steadiest['jaccard_worst']:.2f}); count={number_of} gives it as a convenient cut."
            )
        return sentences

    def _what(self) -> list[str]:
        if len(self.clusters) < 2:
            return []
        sentences = []
        for row in self.clusters.to_dict("records"):
            spend = f" and {share_of(row, 'spend')} of the spend" if pd.notna(row["spend_share"]) else ""
            who = f"{row['cluster']}: {share_of(row, 'customers')} of the customers{spend}"
            sentences.append(
                f"{who}, {self._typical(row['cluster'])} ({row['verdict']}, similarity {row['jaccard']:.2f})."
            )
        weak = self.clusters.loc[self.clusters["verdict"] == "dissolves", "cluster"].tolist()
        if weak:
            sentences.append(f"Do not build on what dissolves when other customers are drawn: {'; '.join(weak)}.")
        return sentences

    def _typical(self, cluster: str) -> str:
        """The medians, or the levels, of the three features that set a cluster most apart."""
        rows = self.profiles[self.profiles["cluster"] == cluster]
        rows = rows[(rows["level"] == "") | (rows["deviation"] > 0)]
        order = rows["deviation"].abs().sort_values(ascending=False, kind="stable").index
        parts = []
        for row in rows.loc[order].drop_duplicates("feature").head(3).sort_index().to_dict("records"):
            stem, _, unit = row["feature"].rpartition("_")
            days = unit == "days"
            words = (stem if days else row["feature"], row["level"], _written(row), unit if days else "")
            parts.append(" ".join(word for word in words if word).replace("_", " "))
        return f"typically {listed(parts)}"

    def _constant(self) -> list[str]:
        same = self.model.encoding_.constant if self.model else ()
        return [f"The same for all customers, and so not used: {listed(same)}."] if same else []

    def _sampled(self) -> list[str]:
        assert self.model is not None
        if self.model.sampled_ == len(self.customers):
            return []
        return [f"Number and stability were judged on {count(self.model.sampled_, 'customer')} drawn by lot."]

    def metrics(self) -> dict[str, float]:
        found: dict[str, float] = {"customers": len(self.customers), "clusters": len(self.clusters)}
        if self.model is not None:
            found |= {"sound": int(self.model.sound_)}
            row = self.choice[self.choice["clusters"] == len(self.clusters)]
            if len(row):
                measures = ("jaccard_mean", "jaccard_worst", "agreement", "silhouette")
                found |= {name: float(row[name].iloc[0]) for name in measures}
        return found

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw how far each cluster lies from all customers on each feature, with its medians in original units."""
        import seaborn as sns

        title = "What sets each cluster apart"
        if len(self.clusters) < 2:
            return style.nothing(ax, title=title, why=self.findings()[0])
        shown = self.profiles.assign(
            row=[
                f"{short(heading(r.feature), width=22)} {short(r.level, width=14)}".strip()
                for r in self.profiles.itertuples()
            ],
            text=[_written(row) for row in self.profiles.to_dict("records")],
        )
        names, rows = self.clusters["cluster"].tolist(), list(dict.fromkeys(shown["row"]))
        first = shown.drop_duplicates(["cluster", "row"])
        far = pd.crosstab(first["row"], first["cluster"], values=first["deviation"], aggfunc="first").loc[rows, names]
        texts = pd.crosstab(first["row"], first["cluster"], values=first["text"], aggfunc="first").loc[rows, names]
        width = max(6.4, 2.6 + 1.5 * len(names))
        ax = style.axes(ax, width=width, height=max(2.8, 1.9 + 0.5 * len(rows)))
        limit = max(1.0, float(np.nanmax(np.abs(far.to_numpy()))))
        sns.heatmap(
            far.astype("float64"),
            annot=texts,
            fmt="",
            cmap=sns.diverging_palette(30, 220, s=70, l=65, as_cmap=True),
            vmin=-limit,
            vmax=limit,
            linewidths=2,
            linecolor="white",
            cbar_kws={"label": "standard deviations from all"},
            ax=ax,
        )
        sizes = self.clusters.set_index("cluster")["customers_share"]
        labels = [f"{textwrap.fill(short(name, width=34), 14)}\n{percent(sizes[name], digits=0)}" for name in names]
        ax.set_xticks(np.arange(len(names)) + 0.5, labels, rotation=0)
        ax.tick_params(axis="y", rotation=0)
        ax.tick_params(length=0)
        ax.set(xlabel="", ylabel="")
        ax.set_title(title)
        return style.describe(ax, f"Table of medians by cluster. {' '.join(self.findings()[:3])}")

    def plot_choice(self, ax: Axes | None = None) -> Axes:
        """Draw stability and silhouette over the number of clusters; filled dots are sound numbers."""
        from matplotlib.ticker import MaxNLocator

        title = "How many clusters? Stability, separation and silhouette"
        if self.model is None or self.choice.empty:
            return style.nothing(ax, title=title, why=self.why or "There are too few different customers to compare.")
        ax = style.axes(ax, height=4.8)
        x = self.choice["clusters"]
        for (column, words), color in zip(_CURVES.items(), style.PALETTE, strict=False):
            ax.plot(x, self.choice[column], color=color, marker="o", markerfacecolor="white", label=words)
            sound = self.choice["verdict"] == "sound"
            ax.plot(x[sound], self.choice.loc[sound, column], "o", color=color)
        for limit, words in ((stability.STABLE, "stable"), (stability.DISSOLVES, "dissolves below")):
            ax.axhline(limit, color=style.MUTED, linewidth=1, linestyle=":")
            ax.annotate(
                words, (1, limit), xycoords=("axes fraction", "data"), xytext=(-4, 3), textcoords="offset points",
                ha="right", color=style.MUTED, fontsize=9,
            )  # fmt: skip
        taken = len(self.clusters)
        if taken > 1:
            ax.axvline(taken, color=style.ACCENT, linewidth=1.5, zorder=0, label=f"taken: {taken}")
        lowest = float(np.nanmin(self.choice[list(_CURVES)].to_numpy()))
        ax.set_ylim(min(0.0, lowest - 0.05), 1.04)
        ax.set_xlim(x.min() - 0.5, x.max() + 1.4)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.set_xlabel("number of clusters (filled: sound, with a valley between every two)")
        ax.set_title(title)
        ax.grid(axis="y")
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)
        parts = [f"{row['clusters']}: {row['verdict']}" for row in self.choice.to_dict("records")]
        return style.describe(ax, f"Curves over the number of clusters. Verdicts: {'; '.join(parts)}.")

    def plot_map(self, ax: Axes | None = None) -> Axes:
        """Draw customers on their first two principal components, coloured by cluster (at most 3,000, evenly taken)."""
        title = "Customers as points: how far apart are the clusters?"
        if self.model is None:
            return style.nothing(ax, title=title, why=self.why)
        ax = style.axes(ax, width=7.2, height=5.2)
        drawn = self.customers.iloc[:: max(1, -(-len(self.customers) // _DRAWN))]
        for place, name in enumerate(self.clusters["cluster"]):
            of = drawn[drawn["cluster"] == name]
            looks: dict[str, Any] = {
                "s": 9,
                "alpha": 0.55,
                "linewidths": 0,
                "color": style.PALETTE[place % len(style.PALETTE)],
            }
            ax.scatter(of["first_component"], of["second_component"], label=short(name, width=40), **looks)
        ax.set_xlabel("first principal component of the treated features")
        ax.set_ylabel("second")
        ax.set_title(title)
        columns = 2 if len(self.clusters) > 1 else 1
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=columns, markerscale=3)
        return style.describe(ax, f"Scatter of customers in two dimensions, coloured by cluster. {self.findings()[0]}")


_DRAWN = 3000

_CURVES = {
    "jaccard_mean": "similarity in resamples, mean",
    "jaccard_worst": "similarity of the least stable cluster",
    "agreement": "agreement between resamples (adjusted Rand)",
    "silhouette": "silhouette",
}

_UNSOUND = {
    "no valley between two": "two of them are parts of one crowd",
    "does not come back": "they do not come back well enough in resamples",
    "too small a cluster": "one of them is very small",
    "sound": f"a valley of p < {separation.LEVEL} lies between them",
}


def _written(row: Mapping[str, Any] | pd.Series) -> str:
    if row["level"]:
        return percent(row["share"], digits=0)
    if is_share(row["feature"]):
        return percent(row["median"])
    return number(round(row["median"], 2 if abs(row["median"]) < 10 else 1))
