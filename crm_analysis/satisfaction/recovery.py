"""Recovery: estimates beside the truth of a simulated study, where it is known."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crm_analysis import style
from crm_analysis.errors import UsageError
from crm_analysis.proportion import wilson
from crm_analysis.result import Result
from crm_analysis.satisfaction.paired.naming import decimal, with_ends, words
from crm_analysis.table import interval, percent

NOTHING = "The truth of this study is not known; only a simulated one has it."


@dataclass(frozen=True, eq=False, repr=False)
class RecoveryResult(Result):
    """Estimates, their 95 % intervals and the true values: `estimates`; true and found classes: `classes`."""

    estimates: pd.DataFrame
    classes: pd.DataFrame
    title = "Estimated beside true"
    shown: ClassVar[dict[str, str]] = {"estimates": "Estimated and true values", "classes": "Found and true classes"}

    def to_frame(self) -> pd.DataFrame:
        return self.estimates.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"estimates": self.to_frame(), "classes": self.classes.copy()}

    def metrics(self) -> dict[str, float]:
        held = float(self.estimates["held"].mean()) if len(self.estimates) else float("nan")
        return {"estimates": len(self.estimates), "held_share": held, "classes_right": int(self.classes["right"].sum())}

    def findings(self) -> tuple[str, ...]:
        """The most important first: how often the truth was hit, then where it was missed most."""
        if self.estimates.empty and self.classes.empty:
            return (NOTHING,)
        said = []
        if len(self.classes):
            wrong = self.classes[~self.classes["right"].astype(bool)]
            text = f"{len(self.classes) - len(wrong)} of {len(self.classes)} classes are the true ones"
            parts = [
                f"{words(row.name)} was found {row.found}, is {row.true}"
                for _, row in wrong.set_index("name").iterrows()
            ]
            said.append(f"{text}{'; ' if parts else ''}{'; '.join(parts)}.")
        if len(self.estimates):
            held, total = int(self.estimates["held"].sum()), len(self.estimates)
            ends = interval(*wilson(held, total))
            said.append(f"{held} of {total} intervals hold the true value ({percent(held / total)}, {ends}).")
            missed = self.estimates[~self.estimates["held"].astype(bool)]
            if len(missed):
                far = missed.loc[(missed["estimate"] - missed["true"]).abs().idxmax()]
                said.append(
                    f"Furthest off is {words(far['quantity'])} of {words(far['name'])}: {with_ends(far, 'estimate')}, "
                    f"truly {decimal(far['true'])}."
                )
        return tuple(said)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw estimates with their intervals over the true values; on the line they would be equal."""
        if self.estimates.empty:
            return style.nothing(ax, title="Estimated beside true", why=self.findings()[0])
        rows = self.estimates
        ax = style.axes(ax, width=6.2, height=5.2)
        values = rows[["true", "estimate", "estimate_low", "estimate_high"]].to_numpy("float64")
        low, high = np.nanmin(values), np.nanmax(values)
        room = 0.05 * (high - low) or 1.0
        ends = [low - room, high + room]
        ax.plot(ends, ends, color=style.MUTED, lw=1, zorder=0)
        for color, (quantity, own) in zip(style.PALETTE * 3, rows.groupby("quantity", sort=False), strict=False):
            ax.vlines(own["true"], own["estimate_low"], own["estimate_high"], color=color, lw=1.2)
            ax.scatter(own["true"], own["estimate"], color=color, s=30, zorder=3, label=words(quantity))
        ax.set(xlim=ends, ylim=ends)
        ax.set_xlabel("true value")
        ax.set_ylabel("estimate with 95 % interval")
        ax.set_title("Estimated beside true")
        ax.legend(loc="upper left", fontsize=9)
        return style.describe(ax, f"Estimates over true values. {self.findings()[0]}")


def truth(folder: Path | str, *keys: str, on: str) -> pd.DataFrame:
    """Read a table of true values from the truth.json of a simulated study.

    Parameters
    ----------
    folder : path
        The study's folder (`Study.folder`).
    *keys : str
        Where the table stands in the file, such as ``"kano", "features"``.
    on : str
        Name of the column for the names of the rows, where the file has them as keys.

    Returns
    -------
    DataFrame
        One row an entry; empty where there is no such file or place.
    """
    file = Path(folder) / "truth.json"
    found: Any = json.loads(file.read_text("utf-8")) if file.exists() else {}
    for key in keys:
        found = found.get(key, {}) if isinstance(found, dict) else {}
    if isinstance(found, dict):
        found = [{on: name} | entry for name, entry in found.items() if isinstance(entry, dict)]
    return pd.DataFrame(found) if found else pd.DataFrame(columns=[on])


def compare(
    estimates: pd.DataFrame,
    true: pd.DataFrame,
    *,
    on: str,
    quantities: Sequence[str] = (),
    classes: tuple[str, str] | None = None,
) -> RecoveryResult:
    """Set estimates beside the truth.

    Parameters
    ----------
    estimates : DataFrame
        One row a name, with each quantity and its interval, ``<quantity>_low`` and ``<quantity>_high``.
    true : DataFrame
        One row a name with the true quantities, as `truth` reads them; empty: nothing is known.
    on : str
        Column with the names in both.
    quantities : sequence of str
        Columns to compare.
    classes : two str, optional
        Column of the class found, and of the true class.

    Returns
    -------
    RecoveryResult
        Where no truth is known, one that says so.

    Raises
    ------
    UsageError
        If a column is missing.
    """
    if true.empty or estimates.empty:
        return _result([], [])
    for frame, name, needed in (
        (estimates, "estimates", [on, *quantities, *(classes or ())[:1]]),
        (true, "true", [on, *quantities, *(classes or ())[1:]]),
    ):
        missing = [column for column in needed if column not in frame.columns]
        if missing:
            raise UsageError(f"recovery: {name} lacks the column {missing[0]!r}; name columns that both have.")
    both = estimates.merge(true, on=on, suffixes=("", "_true"))
    rows = [
        {"name": row[on], "quantity": quantity, "estimate": row[quantity]}
        | {f"estimate_{end}": row[f"{quantity}_{end}"] for end in ("low", "high")}
        | {"true": row[f"{quantity}_true"]}
        | {"held": bool(row[f"{quantity}_low"] <= row[f"{quantity}_true"] <= row[f"{quantity}_high"])}
        for quantity in quantities
        for row in both.to_dict("records")
    ]
    found = []
    if classes is not None:
        second = classes[1] if classes[1] in both.columns and classes[1] != classes[0] else f"{classes[1]}_true"
        found = [
            {"name": row[on], "found": row[classes[0]], "true": row[second], "right": row[classes[0]] == row[second]}
            for row in both.to_dict("records")
        ]
    return _result(rows, found)


def _result(rows: list[dict[str, Any]], found: list[dict[str, Any]]) -> RecoveryResult:
    columns = ["name", "quantity", "estimate", "estimate_low", "estimate_high", "true", "held"]
    return RecoveryResult(
        pd.DataFrame(rows, columns=columns), pd.DataFrame(found, columns=["name", "found", "true", "right"])
    )
