"""Recovery: estimates beside the truth of a simulated study, where it is known."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crm_analysis import style
from crm_analysis.errors import UsageError
from crm_analysis.proportion import wilson
from crm_analysis.result import Result
from crm_analysis.satisfaction.paired.naming import decimal, sentence, with_ends, words
from crm_analysis.table import interval, listed, percent, short

NOTHING = "The truth of this study is not known; only a simulated one has it."


@dataclass(frozen=True, eq=False, repr=False)
class RecoveryResult(Result):
    """Estimates, their 95 % intervals and the true values: `estimates`; true and found classes: `classes`."""

    estimates: pd.DataFrame
    classes: pd.DataFrame
    absent: str = NOTHING
    title = "Estimated beside true"

    @property
    def shown(self) -> dict[str, str]:  # type: ignore[override]
        """The tables that hold anything."""
        captions = {"beside": "Estimated and true values", "classes": "Found and true classes"}
        return {name: caption for name, caption in captions.items() if name == "beside" or len(self.classes)}

    def to_frame(self) -> pd.DataFrame:
        return self.estimates.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"beside": self._beside(), "estimates": self.to_frame(), "classes": self.classes.copy()}

    def _beside(self) -> pd.DataFrame:
        """The estimates; several of the same truth beside each other, one row a name."""
        rows = self.estimates
        if rows["quantity"].nunique() < 2 or len(rows.drop_duplicates(["name", "true"])) > rows["name"].nunique():
            return self.to_frame()
        table = rows.drop_duplicates("name")[["name", "true"]].reset_index(drop=True)
        for quantity, own in rows.groupby("quantity", sort=False):
            names = {f"estimate{end}": f"{quantity}{end}" for end in ("", "_low", "_high")}
            table = table.merge(own[["name", *names]].rename(columns=names), on="name", how="left")
        return table

    def metrics(self) -> dict[str, float]:
        held = float(self.estimates["held"].mean()) if len(self.estimates) else float("nan")
        return {"estimates": len(self.estimates), "held_share": held, "classes_right": int(self.classes["right"].sum())}

    def findings(self) -> tuple[str, ...]:
        """The most important first: how often the truth was hit, then where it was missed most."""
        if self.estimates.empty and self.classes.empty:
            return (self.absent,)
        said = []
        if len(self.classes):
            wrong = self.classes[~self.classes["right"].astype(bool)]
            text = f"{len(self.classes) - len(wrong)} of {len(self.classes)} classes are the true ones"
            parts = [
                f"{words(row.name)} was found {row.found}, is {row.true}"
                for _, row in wrong.set_index("name").iterrows()
            ]
            said.append(f"{text}{'; ' if parts else ''}{'; '.join(parts)}.")
        kinds = list(self.estimates["quantity"].unique())
        if len(kinds) > 1:
            tallies = [_tally(kind, own) for kind, own in self.estimates.groupby("quantity", sort=False)]
            said.append(f"{sentence('; '.join(tallies))}.")
        if len(self.estimates):
            held, total = int(self.estimates["held"].sum()), len(self.estimates)
            ends = interval(*wilson(held, total))
            if total == 1:
                said.append(f"The interval {'holds' if held else 'does not hold'} the true value.")
            else:
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
        kinds = rows["quantity"].nunique()
        shared = rows.duplicated(["name", "true"]).any()
        for number, (quantity, own) in enumerate(rows.groupby("quantity", sort=False)):
            color = style.PALETTE[number % len(style.PALETTE)]
            # Several estimates of one truth would hide each other.
            at = own["true"] + shared * 0.012 * (high - low) * (number - (kinds - 1) / 2)
            ax.vlines(at, own["estimate_low"], own["estimate_high"], color=color, lw=1.2)
            ax.scatter(at, own["estimate"], color=color, s=30, zorder=3, label=words(quantity))
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
        Where the table stands in the file, such as ``"kano", "features"``; by default its parts are the rows.
    on : str
        Name of the column for the names of the rows, where the file has them as keys.

    Returns
    -------
    DataFrame
        One row an entry; empty where there is no such file or place. Plain numbers stand in a column that is called as
        the last key (``value`` without one); where each name has a list of entries, such as a wave, each is a row.
    """
    file = Path(folder) / "truth.json"
    found: Any = json.loads(file.read_text("utf-8")) if file.exists() else {}
    for key in keys:
        found = found.get(key, {}) if isinstance(found, dict) else {}
    if isinstance(found, dict):
        called = keys[-1] if keys else "value"
        plain = {name: {called: entry} for name, entry in found.items() if isinstance(entry, float | int)}
        several = [(name, entry) for name, part in found.items() if isinstance(part, list) for entry in part]
        pairs = [*(found | plain).items(), *several]
        found = [{on: name} | entry for name, entry in pairs if isinstance(entry, dict)]
    return pd.DataFrame(found) if found else pd.DataFrame(columns=[on])


def compare(
    estimates: pd.DataFrame,
    true: pd.DataFrame,
    *,
    on: str | Sequence[str],
    quantities: Sequence[str] | Mapping[str, str] = (),
    labels: Mapping[str, str] | None = None,
    classes: tuple[str, str] | None = None,
) -> RecoveryResult:
    """Set estimates beside the truth.

    Parameters
    ----------
    estimates : DataFrame
        One row a name, with each quantity and its interval, ``<quantity>_low`` and ``<quantity>_high``.
    true : DataFrame
        One row a name with the true quantities, as `truth` reads them; empty: nothing is known. Where a name has
        several rows, such as one a wave, their mean is the truth.
    on : str or sequence of str
        Column with the names in both; or several, such as the source and the target of a path.
    quantities : sequence of str, or mapping of str to str
        Columns to compare; or columns of `estimates` with the column of `true` that each should hit. What was not
        estimated (a missing number) is left out.
    labels : mapping of str to str, optional
        What columns of `estimates` are called.
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
        return _result([], [], NOTHING)
    keys = [on] if isinstance(on, str) else list(on)
    hits = dict(quantities) if isinstance(quantities, Mapping) else {name: name for name in quantities}
    for frame, name, needed in (
        (estimates, "estimates", [*keys, *hits, *(classes or ())[:1]]),
        (true, "true", [*keys, *hits.values(), *(classes or ())[1:]]),
    ):
        missing = [column for column in needed if column not in frame.columns]
        if missing:
            raise UsageError(f"recovery: {name} lacks the column {missing[0]!r}; name columns that both have.")
    if true.duplicated(keys).any():
        true = true.groupby(keys, as_index=False, sort=False)[list(dict.fromkeys(hits.values()))].mean()
    both = estimates.merge(true, on=keys, suffixes=("", "_true"))
    both["name"] = both[keys].astype(str).agg(" to ".join, axis=1) if len(keys) > 1 else both[keys[0]]
    rows = [
        {"name": row["name"], "quantity": (labels or {}).get(quantity, quantity), "estimate": row[quantity]}
        | {f"estimate_{end}": row[f"{quantity}_{end}"] for end in ("low", "high")}
        | {"true": row[hit]}
        | {"held": bool(row[f"{quantity}_low"] <= row[hit] <= row[f"{quantity}_high"])}
        for quantity, hit in ((name, f"{hit}_true" if f"{hit}_true" in both else hit) for name, hit in hits.items())
        for row in both.to_dict("records")
        if pd.notna(row[quantity])
    ]
    found = []
    if classes is not None:
        second = classes[1] if classes[1] in both.columns and classes[1] != classes[0] else f"{classes[1]}_true"
        found = [
            {
                "name": row["name"],
                "found": row[classes[0]],
                "true": row[second],
                "right": row[classes[0]] == row[second],
            }
            for row in both.to_dict("records")
        ]
    return _result(rows, found, _unmatched(estimates, true, keys))


def _unmatched(estimates: pd.DataFrame, true: pd.DataFrame, keys: list[str]) -> str:
    """Why none of the estimates has a truth."""
    asked, kept = (
        [short(name) for name in dict.fromkeys(frame[keys].astype(str).agg(" to ".join, axis=1))]
        for frame in (estimates, true)
    )
    shortened = [[*names[:3], *(["others"] if len(names) > 3 else [])] for names in (asked, kept)]
    return f"No truth is kept for {listed(shortened[0])}; it is kept for {listed(shortened[1])}."


def _tally(quantity: Any, own: pd.DataFrame) -> str:
    """How often one quantity hit, and how large its estimates are against the truth, by least squares."""
    held, total = int(own["held"].sum()), len(own)
    size = float((own["estimate"] * own["true"]).sum() / max(float((own["true"] ** 2).sum()), 1e-300))
    return f"{words(quantity)} holds {held} of {total} and is {percent(size, digits=0)} as large as the truth"


def _result(rows: list[dict[str, Any]], found: list[dict[str, Any]], absent: str) -> RecoveryResult:
    columns = ["name", "quantity", "estimate", "estimate_low", "estimate_high", "true", "held"]
    return RecoveryResult(
        pd.DataFrame(rows, columns=columns), pd.DataFrame(found, columns=["name", "found", "true", "right"]), absent
    )
