"""Values: an objective and a subjective loyalty value of each customer, kept apart and set against each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crm_analysis import style
from crm_analysis.errors import UsageError
from crm_analysis.loyalty import indicators as measuring
from crm_analysis.loyalty.scoring import ranking, weighting
from crm_analysis.loyalty.scoring.classification import INDICATORS, OBJECTIVE, SUBJECTIVE, Indicator, checked
from crm_analysis.loyalty.wording import sentence, with_ends, words
from crm_analysis.proportion import Z, wilson
from crm_analysis.result import Result
from crm_analysis.table import count, listed, percent, with_interval

THIRDS = ("low", "middle", "high")
_STRENGTHS = ((0.1, "hardly at all"), (0.3, "weakly"), (0.5, "moderately"), (1.1, "closely"))
_ABSENT = {
    OBJECTIVE: "There is no record of behaviour in this study, so there is no objective loyalty value.",
    SUBJECTIVE: "There is no survey of attitudes in this study, so there is no subjective loyalty value.",
}


@dataclass(frozen=True, eq=False, repr=False)
class ScoreResult(Result):
    """Loyalty by what customers do (objective) and by what they say (subjective), each from 0 to 100.

    Attributes
    ----------
    indicators : DataFrame
        The classification, one row per indicator: ``factor``, ``indicator``, ``side``, ``columns``, ``scale``,
        ``customers`` with a value, ``mean`` (0 to 100), ``weight_share`` within its side, and ``correlation``, the
        rank correlation with the value that it is part of: what it has to say, whatever its weight.
    scores : DataFrame
        One row per customer: ``customer_id``, ``objective``, ``subjective``; missing where less than half of the
        weight is known.
    parts : DataFrame
        One row per customer: ``customer_id`` and each indicator from 0 to 100.
    crosstab : DataFrame
        Thirds of the customers with both values: ``says``, ``does``, ``customers``, and the ``share`` of those who say
        so, with its interval.
    correlation : tuple of float
        Spearman's rank correlation of the two values, and its interval.
    weights : str
        The scheme: equal, entropy, critic or given.
    """

    indicators: pd.DataFrame
    scores: pd.DataFrame
    parts: pd.DataFrame
    crosstab: pd.DataFrame
    correlation: tuple[float, float, float]
    weights: str
    title = "Loyalty values"
    shown: ClassVar[dict[str, str]] = {
        "indicators": "Factors and indicators, and what they count for within their side",
        "crosstab": "Thirds by what customers say, and where they are by what they do",
    }

    def to_frame(self) -> pd.DataFrame:
        return self.scores.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {
            "scores": self.to_frame(),
            "indicators": self.indicators.copy(),
            "crosstab": self.crosstab.copy(),
            "parts": self.parts.copy(),
        }

    def metrics(self) -> dict[str, float]:
        found = {"rank_correlation": self.correlation[0]}
        for side in (OBJECTIVE, SUBJECTIVE):
            known = self.scores[side].dropna()
            found[f"{side}_customers"] = len(known)
            found[f"{side}_median"] = float(known.median()) if len(known) else np.nan
        return found

    def findings(self) -> tuple[str, ...]:
        """The most important first: do words and deeds go together, then what is missing."""
        known = {side: int(self.scores[side].notna().sum()) for side in (OBJECTIVE, SUBJECTIVE)}
        said = [self._relation()] if all(known.values()) else []
        said += [_ABSENT[side] for side, number in known.items() if not number]
        if len(self.crosstab):
            row = self.crosstab.iloc[-1]
            text = with_interval(row["share"], row["share_low"], row["share_high"])
            said.append(
                f"Of the third of customers who say most that they are loyal, {text} are also in the top third by what "
                "they do."
            )
        for side, number in known.items():
            if number:
                said.append(f"{count(number, 'customer')} with a value by what they {_verb(side)}{self._makes(side)}.")
        missing = self.indicators.loc[self.indicators["customers"] == 0, "indicator"]
        if len(missing) and any(known.values()):
            said.append(f"Not in this study: {listed([words(name) for name in missing])}.")
        if self.weights in ("entropy", "critic") and any(known.values()):
            name = "CRITIC" if self.weights == "critic" else "Entropy"
            said.append(
                f"Caution: {name} weights reward indicators that spread, not those that foretell loyalty; test the "
                "values on what customers did later."
            )
        return tuple(said)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw what customers do over what they say, with its means by equal parts of the latter."""
        title = "What customers do over what they say"
        both = self.scores.dropna(subset=[OBJECTIVE, SUBJECTIVE])
        if both.empty:
            why = next((text for text in self.findings() if text in _ABSENT.values()), "No customer has both values.")
            return style.nothing(ax, title=title, why=why)
        ax = style.axes(ax, width=6.6, height=5.0)
        alpha = float(np.clip(150 / len(both), 0.12, 0.8))
        ax.scatter(both[SUBJECTIVE], both[OBJECTIVE], s=14, color=style.PALETTE[0], alpha=alpha, linewidths=0)
        steps = _means(both)
        if len(steps):
            ax.errorbar(
                steps["says"],
                steps["does"],
                yerr=steps["half"],
                color=style.ACCENT,
                marker="o",
                ms=5,
                lw=1.6,
                capsize=2,
                label=f"means of {len(steps)} equal parts, 95 % interval",
            )
            ax.legend(loc="upper left", fontsize=9)
        ax.set(xlim=(-2, 102), ylim=(-2, 102))
        ax.set_xlabel("subjective value: what they say (0 to 100)")
        ax.set_ylabel("objective value: what they do (0 to 100)")
        ax.set_title(title)
        return style.describe(ax, f"Scatter of objective over subjective loyalty values. {self.findings()[0]}")

    def plot_weights(self, ax: Axes | None = None) -> Axes:
        """Draw what each indicator counts for, and how closely it goes with the value that it is part of."""
        rows = self.indicators[self.indicators["customers"] > 0]
        title = "What the values are made of"
        if rows.empty:
            return style.nothing(ax, title=title, why=" ".join(_ABSENT.values()))
        ax = style.axes(ax, height=1.9 + 0.36 * len(rows))
        places = np.arange(len(rows))[::-1]
        colors = [style.PALETTE[0] if side == OBJECTIVE else style.PALETTE[1] for side in rows["side"]]
        ax.barh(places, rows["weight_share"], color=colors, height=0.6)
        ax.scatter(
            rows["correlation"], places, color=style.INK, s=26, zorder=3, label="rank correlation with the value"
        )
        ax.set_yticks(places, [f"{words(row.indicator)} ({row.side})" for _, row in rows.iterrows()])
        ax.set_xlim(min(0.0, float(rows["correlation"].min()) - 0.05), 1.05)
        ax.set_xlabel("bar: weight within its side; dot: rank correlation with its value")
        ax.set_title(title)
        closest = rows.loc[rows["correlation"].fillna(0.0).idxmax()]
        return style.describe(
            ax,
            f"Bars of the weights of {count(len(rows), 'indicator')}, dots of their rank correlations with the value. "
            f"{sentence(closest['indicator'])} goes most closely with its value.",
        )

    def _relation(self) -> str:
        rho, low, high = self.correlation
        number = int(self.scores[[OBJECTIVE, SUBJECTIVE]].notna().all(axis=1).sum())
        if np.isnan(rho):
            return (
                f"Words cannot be set against deeds: too few customers have both values ({number:,}), or all are alike."
            )
        strength = next(name for end, name in _STRENGTHS if abs(rho) < end)
        relation = f"go {'against each other' if rho < 0 else 'together'} {strength}"
        if low <= 0 <= high:
            relation = "do not go together for certain"
        return (
            f"Words and deeds {relation}: the rank correlation of what customers say and what they do is "
            f"{with_ends(rho, low, high)}, over {count(number, 'customer')}."
        )

    def _makes(self, side: str) -> str:
        rows = self.indicators[(self.indicators["side"] == side) & (self.indicators["customers"] > 0)]
        top = rows.loc[rows["weight_share"].idxmax()]
        if np.ptp(rows["weight_share"]) < 1e-9:
            return f", from {count(len(rows), 'indicator')} that weigh the same"
        return f"; {words(top['indicator'])} weighs most ({percent(top['weight_share'])})"


def measure(
    customers: pd.DataFrame,
    *,
    indicators: Sequence[Indicator] = INDICATORS,
    weights: str | Mapping[str, float] = "equal",
    ends: measuring.Ends | None = None,
) -> ScoreResult:
    """Measure each customer's loyalty, by behaviour and by attitude.

    Parameters
    ----------
    customers : DataFrame
        One row per customer with what is known on one day, as `Study.customer360` gives it: behaviour until then and
        the latest answers by then. With ``frequency``, ``tenure_days`` and ``recency_days`` the repeat rate and the
        time from first to last purchase are made, see `indicators.behaviour`.
    indicators : sequence of Indicator
        What loyalty is made of; those whose columns are not there are reported as missing.
    weights : {"equal", "entropy", "critic"} or mapping of str to float
        What each indicator counts for within its side. Entropy and CRITIC look at customers who have all indicators.
        Both reward spread and disagreement, not validity: an indicator of pure noise gets a high weight.
    ends : mapping of str to (low, high), optional
        Lowest and highest code of columns with a scale (`study.config.survey.items`); the others are ranked, see
        `indicators.measure`.

    Returns
    -------
    ScoreResult
        Where behaviour or attitude is not in the study, one that says so.

    Raises
    ------
    UsageError
        If a customer has two rows, two indicators one name, a side or scheme is unknown, weights are negative or
        name no indicator, a column holds what is no number, or an answer lies outside the ends of its scale.

    Notes
    -----
    A value is the weighted mean of its indicators over those that are known of the customer, at least half of the
    weight. Equal weights are the default: with few correlated indicators, given, fitted and equal weights order people
    much alike (Dawes 1979), and only these need no data that could overfit. The two values are never added up: what
    people say and what they do are two things (Dick and Basu 1994).

    References
    ----------
    Dawes, R. M. (1979). The robust beauty of improper linear models in decision making. American Psychologist 34,
    571-582.
    Dick, A. S. and Basu, K. (1994). Customer loyalty: toward an integrated conceptual framework. JAMS 22, 99-113.
    """
    checked(indicators)
    known = measuring.behaviour(measuring.by_customer(customers, caller="score"))
    made = {indicator.name: measuring.measure(known, indicator.columns, ends=ends) for indicator in indicators}
    parts = pd.DataFrame({name: found.points for name, found in made.items()}, index=known.index)
    strange = [name for name in weights if name not in made] if isinstance(weights, Mapping) else []
    if strange:
        known_as = ", ".join(made)
        raise UsageError(f"score: weights names an indicator {strange[0]!r} that is not known; known are {known_as}.")
    scores = pd.DataFrame(index=known.index)
    share: dict[str, float] = {}
    for side in (OBJECTIVE, SUBJECTIVE):
        names = [one.name for one in indicators if one.side == side and parts[one.name].notna().any()]
        weight = weighting.of(parts[names], weights)
        share |= dict(zip(names, weight, strict=True))
        scores[side] = weighting.weighted_mean(parts[names].to_numpy("float64"), weight)
    rows = [
        {
            "factor": one.factor,
            "indicator": one.name,
            "side": one.side,
            "columns": ", ".join(made[one.name].columns or one.columns),
            "scale": made[one.name].scale,
            "customers": int(parts[one.name].notna().sum()),
            "mean": float(parts[one.name].mean()),
            "weight_share": share.get(one.name, np.nan),
            "correlation": ranking.correlation(parts[one.name].to_numpy(), scores[one.side].to_numpy())[0],
        }
        for one in indicators
    ]
    columns = ["factor", "indicator", "side", "columns", "scale", "customers", "mean", "weight_share", "correlation"]
    return ScoreResult(
        indicators=pd.DataFrame(rows, columns=columns),
        scores=_with_id(scores),
        parts=_with_id(parts),
        crosstab=_crosstab(scores),
        correlation=ranking.correlation(scores[SUBJECTIVE].to_numpy(), scores[OBJECTIVE].to_numpy()),
        weights=weights if isinstance(weights, str) else "given",
    )


def _with_id(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.rename_axis("customer_id").reset_index()


def _crosstab(scores: pd.DataFrame) -> pd.DataFrame:
    columns = ["says", "does", "customers", "share", "share_low", "share_high"]
    both = scores.dropna()
    if len(both) < 3 or (both.nunique() < 3).any():
        return pd.DataFrame(columns=columns)
    place = {side: np.searchsorted(np.quantile(both[side], [1 / 3, 2 / 3]), both[side], side="left") for side in both}
    rows = []
    for says, name in enumerate(THIRDS):
        among = place[SUBJECTIVE] == says
        for does, other in enumerate(THIRDS):
            number, total = int((place[OBJECTIVE][among] == does).sum()), int(among.sum())
            ends = wilson(number, total) if total else (np.nan, np.nan)
            rows.append([name, other, number, number / total if total else np.nan, *ends])
    return pd.DataFrame(rows, columns=columns)


def _means(both: pd.DataFrame) -> pd.DataFrame:
    """Mean of what is done by equal parts of what is said, ten if there are many, and its interval's half width."""
    parts = min(10, len(both) // 50)
    if parts < 2:
        return pd.DataFrame()
    edges = np.unique(np.quantile(both[SUBJECTIVE], np.arange(1, parts) / parts))
    grouped = both.groupby(np.searchsorted(edges, both[SUBJECTIVE], side="left"))
    size = grouped.size()
    steps = pd.DataFrame({"says": grouped[SUBJECTIVE].mean(), "does": grouped[OBJECTIVE].mean()})
    steps["half"] = Z * grouped[OBJECTIVE].std() / np.sqrt(size)
    return steps[size >= 2]


def _verb(side: str) -> str:
    return "do" if side == OBJECTIVE else "say"
