"""Perspectives: what Kano's questions and a satisfaction model such as the ACSI each tell that the other cannot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crm_analysis import style
from crm_analysis.errors import UsageError
from crm_analysis.result import Result
from crm_analysis.satisfaction.paired import evaluation, placement, quadrants
from crm_analysis.satisfaction.paired.naming import decimal, label, sentence, with_ends, words
from crm_analysis.table import count, listed, with_interval

_NO_FEATURES = "There are no Kano categories in this study, so nothing to set beside the satisfaction model."
_NO_DRIVERS = "There are no effects on satisfaction in this study, so nothing to set beside the Kano categories."
_NONE = ""

# What the importance-performance map calls them.
_SYNONYMS = {"construct": "driver"} | {f"importance{end}": f"effect{end}" for end in ("", "_low", "_high")}

# Kano's category, and whether its driver stands above the mean of the drivers -> what both together advise.
_ADVICE = {
    ("M", False): "repair first: its absence displeases, and its driver stands low",
    ("M", True): "keep it without fail; more of it pleases nobody",
    ("O", False): "raise it: every step counts, and there is room",
    ("O", True): "hold the level: every step back is felt",
    ("A", False): "repair the basics of its driver before adding this",
    ("A", True): "add it to stand out: the basics stand well",
    ("I", False): "spend nothing on it",
    ("I", True): "spend nothing on it",
    ("R", False): "offer it only to those who ask",
    ("R", True): "offer it only to those who ask",
    ("Q", False): "ask again in other words",
    ("Q", True): "ask again in other words",
}


_TOGETHER = {
    ("M", False): "Both together put first {}: must-be, and of a driver that stands low",
    ("O", False): "Both together say to raise {}: every step counts, and the driver stands low",
    ("A", True): "Both together say to stand out with {}: attractive, and of a driver that stands well",
}


@dataclass(frozen=True, eq=False, repr=False)
class PerspectivesResult(Result):
    """Kano's features beside the drivers of satisfaction that they belong to: `features`, `drivers`."""

    features: pd.DataFrame
    drivers: pd.DataFrame
    outcome: str
    strangers: tuple[str, ...] = ()
    title = "Kano and the satisfaction model, side by side"
    shown: ClassVar[dict[str, str]] = {
        "drivers": "What the model says: effect and performance of each driver, and Kano's features that belong to it",
        "features": "What both say of each feature",
    }

    def to_frame(self) -> pd.DataFrame:
        return self.features.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"drivers": self.drivers.copy(), "features": self.to_frame()}

    def metrics(self) -> dict[str, float]:
        linked = int((self.features["driver"] != _NONE).sum())
        return {"features": len(self.features), "drivers": len(self.drivers), "linked_features": linked}

    def findings(self) -> tuple[str, ...]:
        """What only the model tells, what only Kano tells, what both say together, what neither can."""
        if self.features.empty or self.drivers.empty:
            return (_NO_FEATURES if self.features.empty else _NO_DRIVERS,)
        return tuple(
            filter(
                None, (self._model(), self._kano(), *self._together(), self._apart(), *self._lost(), self._neither())
            )
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw worse and better of each feature below the driver it belongs to; drivers in order of their effect."""
        if self.features.empty or self.drivers.empty:
            return style.nothing(ax, title="Kano and the satisfaction model", why=self.findings()[0])
        lines = self._lines()
        ax = style.axes(ax, width=8.4, height=1.6 + 0.31 * len(lines))
        for place, line in enumerate(lines):
            if isinstance(line, str):
                heading = ax.text(-1.0, place, line, va="center", fontweight="bold", fontsize=9.5)
                heading.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 1.5})
                continue
            color = quadrants.COLORS[line["letter"]]
            for column in ("worse", "better"):
                ax.barh(place, line[column], color=color, height=0.62, alpha=0.55 if column == "worse" else 0.95)
                ax.hlines(place, line[f"{column}_low"], line[f"{column}_high"], color=style.INK, lw=1.1)
        features = [(place, line) for place, line in enumerate(lines) if not isinstance(line, str)]
        ax.set_yticks([place for place, _ in features], [label(line["feature"]) for _, line in features])
        ax.axvline(0, color=style.INK, lw=0.8, zorder=2)
        ax.set(xlim=(-1.03, 1.03), ylim=(len(lines) - 0.4, -0.7))
        ax.set_xlabel("Kano: share displeased by its absence (left), pleased by its presence (right)")
        ax.xaxis.set_major_formatter(lambda value, _: f"{100 * abs(value):.0f} %")
        ax.set_title("Two views: drivers of the model, features of Kano")
        for letter in [one for one in evaluation.LETTERS if (self.features["letter"] == one).any()]:
            ax.barh(0, 0, color=quadrants.COLORS[letter], label=evaluation.NAMES[letter])
        placement.legend_below(ax, ncols=3)
        return style.describe(ax, f"Kano's worse and better by feature, below the drivers. {self.findings()[0]}")

    def _lines(self) -> list[str | dict[str, Any]]:
        """Lines of the picture from the top: a heading for each driver, then its features."""
        lines: list[str | dict[str, Any]] = []
        for driver in [*self.drivers["driver"], _NONE]:
            own = self.features[self.features["driver"] == driver]
            if driver != _NONE:
                row = self.drivers[self.drivers["driver"] == driver].iloc[0]
                level = "" if pd.isna(row["performance"]) else f", performance {row['performance']:.1f}"
                lines.append(f"{label(driver)}: effect {decimal(row['effect'])}{level}")
            elif len(own):
                lines.append("in no driver of the model")
            lines += own.to_dict("records")
        return lines

    def _model(self) -> str:
        top = self.drivers.iloc[0]
        text = f"Only the model says how much a driver moves {words(self.outcome)} and how well the firm does: "
        text += f"{words(top['driver'])} moves it most, with an effect of {with_ends(top, 'effect')}"
        if pd.notna(top["performance"]):
            text += f", and stands at {top['performance']:.1f}"
        return f"{text}. Kano asks for neither."

    def _kano(self) -> str:
        rows = self.features
        bent = rows[rows["letter"] != "O"]
        if bent.empty:
            return "All features are one-dimensional: here one effect a driver hides nothing, and Kano adds little."
        known = bent[bent["better"].notna()]
        text = f"Only Kano says what a single effect hides: {count(len(bent), 'feature')} of {len(rows)} "
        text += "is not one-dimensional" if len(bent) == 1 else "are not one-dimensional"
        if known.empty:
            return f"{text}."
        lopsided = known.loc[(known["better"] + known["worse"]).abs().idxmax()]
        hurts = with_interval(*(-lopsided[f"worse{end}"] for end in ("", "_high", "_low")))
        gains = with_interval(*(lopsided[f"better{end}"] for end in ("", "_low", "_high")))
        return (
            f"{text}. The most lopsided is {words(lopsided['feature'])}: its absence displeases {hurts} and its "
            f"presence pleases {gains}."
        )

    def _together(self) -> list[str]:
        linked = self.features[self.features["driver"] != _NONE]
        if linked.empty:
            return []
        with_features = self.drivers[self.drivers["driver"].isin(linked["driver"])]
        first, last = with_features.iloc[0], with_features.iloc[-1]
        own = linked[linked["driver"] == first["driver"]]
        groups = [f"{name}: {_listed(rows)}" for name, rows in own.groupby("category", sort=False)]
        said = [f"The features of {words(first['driver'])}, of these drivers the one with the largest effect, are "
                f"{'; '.join(groups)}."]  # fmt: skip
        for (letter, high), text in _TOGETHER.items():
            level = linked["performance"] >= self.drivers["performance"].mean()
            rows = linked[(linked["letter"] == letter) & (level == high) & linked["performance"].notna()]
            if len(rows):
                said.append(f"{text.format(_listed(rows))}.")
        must = linked[(linked["driver"] == last["driver"]) & (linked["letter"] == "M")]
        if len(with_features) > 1 and len(must):
            said.append(
                f"{sentence(last['driver'])} has the smallest effect, {with_ends(last, 'effect')}, but holds must-be "
                f"features ({_listed(must)}): where nearly everyone gets them they do not vary, and a model cannot see "
                "what their absence would cost."
            )
        return said

    def _apart(self) -> str:
        alone = self.features[self.features["driver"] == _NONE]
        if len(alone) == len(self.features):
            return ""
        empty = self.drivers[~self.drivers["driver"].isin(self.features["driver"])]
        parts = []
        if len(alone):
            parts.append(f"only Kano speaks of {_listed(alone)}")
        if len(empty):
            parts.append(f"only the model speaks of {listed([words(name) for name in empty['driver']])}")
        text = "; ".join(parts)
        return f"{text[0].upper()}{text[1:]}." if text else ""

    def _lost(self) -> list[str]:
        if not self.strangers:
            return []
        names = listed([words(name) for name in self.strangers])
        return [f"Links of {names} are left out: the feature or the driver is not there."]

    def _neither(self) -> str:
        return (
            "Neither shows what a change would bring: Kano's answers are about imagined cases, the model's effects are "
            "associations. Try a change on a part of the customers, with a control group."
        )


def compare(
    features: pd.DataFrame,
    drivers: pd.DataFrame,
    *,
    links: Mapping[str, str] | None = None,
    outcome: str = "satisfaction",
) -> PerspectivesResult:
    """Set Kano's categories beside the drivers of a satisfaction model.

    Parameters
    ----------
    features : DataFrame
        ``feature``, ``letter`` (M, O, A, I, R, Q), ``better`` and ``worse``, with ``_low`` and ``_high`` beside them if
        known, as `kano.classify(...).to_frame()` gives them.
    drivers : DataFrame
        ``driver`` (a construct, or an attribute that was rated) and ``effect`` (its total effect on the outcome), with
        ``effect_low``, ``effect_high`` and ``performance`` (0 to 100, or in units of the scale) if known, as
        `drivers.measure` gives them; ``construct`` and ``importance`` (`priorities.rank`) are understood too.
    links : mapping of str to str, optional
        Feature -> the driver it belongs to. Which feature belongs where is a judgement, not a measurement. A link
        whose feature or driver is not there is left out and told.
    outcome : str
        What the drivers move.

    Returns
    -------
    PerspectivesResult
        Where either side is empty, one that says so.

    Raises
    ------
    UsageError
        If a column is missing or a category is unknown.

    Notes
    -----
    Kano classifies features by two imagined cases, so it sees that absence may harm more than presence helps, but
    neither how well the firm does nor how much it matters for overall satisfaction. A model such as the ACSI (Fornell
    et al. 1996) estimates effects and performance of constructs, one slope each, from differences between customers: it
    cannot see a bend, nor what does not vary. The advice joins the category with whether the driver's performance is
    above the mean of the drivers.
    """
    drivers = drivers.rename(columns=_SYNONYMS)
    if features.empty or drivers.empty:
        return PerspectivesResult(_features([]) if features.empty else _plain(features), _drivers(drivers), outcome)
    _check(features, ("feature", "letter", "better", "worse"), "features")
    _check(drivers, ("driver", "effect"), "drivers")
    unknown = sorted(set(features["letter"]) - set(evaluation.LETTERS))
    if unknown:
        raise UsageError(f"perspectives: {unknown[0]!r} is no Kano category; use {', '.join(evaluation.LETTERS)}.")
    known = set(features["feature"]), set(drivers["driver"])
    joined = {name: end for name, end in (links or {}).items() if name in known[0] and end in known[1]}
    ordered = _drivers(drivers)
    rows = _plain(features)
    rows["driver"] = [joined.get(name, _NONE) for name in rows["feature"]]
    middle = ordered["performance"].mean()
    by_driver = ordered.set_index("driver")
    rows["effect"] = [by_driver["effect"].get(name, np.nan) for name in rows["driver"]]
    rows["performance"] = [by_driver["performance"].get(name, np.nan) for name in rows["driver"]]
    rows["advice"] = [
        _ADVICE[letter, bool(level >= middle)] if pd.notna(level) else ""
        for letter, level in zip(rows["letter"], rows["performance"], strict=True)
    ]
    kinds = pd.crosstab(rows["driver"], rows["letter"]).reindex(
        index=ordered["driver"], columns=list(evaluation.LETTERS)
    )
    for letter in evaluation.LETTERS:
        ordered[f"{evaluation.NAMES[letter].replace('-', '_')}_features"] = (
            kinds[letter].fillna(0).astype("int64").to_numpy()
        )
    strangers = tuple(name for name in links or {} if name not in joined)
    return PerspectivesResult(rows, ordered, outcome, strangers)


_ENDS = [f"{column}{end}" for column in ("better", "worse") for end in ("", "_low", "_high")]


def _listed(rows: pd.DataFrame) -> str:
    return listed([words(name) for name in rows["feature"]])


def _plain(features: pd.DataFrame) -> pd.DataFrame:
    rows = features.reindex(columns=["feature", "letter", *_ENDS]).reset_index(drop=True)
    rows.insert(1, "category", rows["letter"].map(evaluation.NAMES))
    return rows.assign(driver=_NONE)


def _features(rows: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["feature", "category", "letter", *_ENDS, "driver"])


def _drivers(drivers: pd.DataFrame) -> pd.DataFrame:
    """The drivers with every column, the largest effect (in size) first."""
    columns = ["driver", "effect", "effect_low", "effect_high", "performance"]
    rows = drivers.reindex(columns=columns)
    return rows.iloc[np.argsort(-rows["effect"].abs().to_numpy("float64"), kind="stable")].reset_index(drop=True)


def _check(frame: pd.DataFrame, columns: tuple[str, ...], name: str) -> None:
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise UsageError(f"perspectives: {name} lacks the column {missing[0]!r}; it needs {', '.join(columns)}.")
