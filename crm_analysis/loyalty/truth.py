"""Truth: what a simulated study knows of its trap and a real one does not: who left, planted rates and curves."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd

from crm_analysis.loyalty.scoring.planted import planted
from crm_analysis.result import Result
from crm_analysis.table import count


@dataclass(frozen=True, eq=False, repr=False)
class PlantedResult(Result):
    """Where the curves of a simulated company bend.

    Attributes
    ----------
    regions : DataFrame
        By ``region``, from the weakest ``competition`` (0-1) to the fiercest: ``lower_break``, ``upper_break`` and
        ``flat_zone_width`` in points of satisfaction (0-100).
    """

    regions: pd.DataFrame
    title = "The planted curves"
    shown: ClassVar[dict[str, str]] = {"regions": "Breaks by region, in points of satisfaction"}

    def to_frame(self) -> pd.DataFrame:
        return self.regions.copy()

    def frames(self) -> dict[str, pd.DataFrame]:
        return {"regions": self.to_frame()}

    def metrics(self) -> dict[str, float]:
        return {"regions": len(self.regions)}

    def findings(self) -> tuple[str, ...]:
        """Where the curves bend, and how the flat zone changes with competition."""
        if self.regions.empty:
            return ("No planted curve is known in this study; only a simulated one has some.",)
        lower, upper = (_range(self.regions[f"{which}_break"]) for which in ("lower", "upper"))
        weakest, fiercest = self.regions.iloc[0], self.regions.iloc[-1]
        return (
            f"The true curves of {count(len(self.regions), 'region')} bend at a satisfaction of {lower} and again at "
            f"{upper}.",
            f"The flat zone between is {weakest['flat_zone_width']:g} points wide where competition is weakest "
            f"({weakest['region']}) and {fiercest['flat_zone_width']:g} where it is fiercest ({fiercest['region']}).",
        )


def _range(values: pd.Series) -> str:
    low, high = values.min(), values.max()
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def stayed(folder: Path | str, asked: pd.Series, *, days: int) -> pd.Series:
    """Tell who was still a customer some days after being asked.

    Parameters
    ----------
    folder : path
        The study's folder (`Study.folder`).
    asked : Series of datetime
        When each customer was asked, by customer_id.
    days : int
        How long after.

    Returns
    -------
    Series
        1 or 0 by customer_id; missing where it is not known, such as in every study that is not simulated.
    """
    known = planted(folder, {"left": "left"}).drop_duplicates("customer_id").set_index("customer_id")
    left = pd.to_datetime(known.reindex(columns=["left"])["left"]).reindex(asked.index)
    until = pd.to_datetime(asked) + pd.Timedelta(days=days)
    values = (left.isna() | (left > until)).astype("float64")
    return values.where(asked.index.isin(known.index)).rename("stayed")


def rates(folder: Path | str, *, wave: str = "wave_1") -> pd.DataFrame:
    """Return the planted trap rate by region: ``group`` and ``trapped_share``, the mean true chance to leave.

    Without rows where no truth is known.
    """
    found = _trap(folder).get("rate_by_region", {})
    rows = [(group, of[wave]["expected_rate"]) for group, of in found.items() if wave in of]
    return pd.DataFrame(rows, columns=["group", "trapped_share"])


def curves(folder: Path | str) -> PlantedResult:
    """Return the planted curve of each region; one that says so where no truth is known."""
    found = _trap(folder).get("curve_by_region", {})
    rows = [(region, of["competition"], *of["break_points"], of["flat_zone_width"]) for region, of in found.items()]
    columns = ["region", "competition", "lower_break", "upper_break", "flat_zone_width"]
    return PlantedResult(pd.DataFrame(rows, columns=columns).sort_values("competition", ignore_index=True))


def feelings(folder: Path | str, *, period: int) -> pd.DataFrame:
    """Return true satisfaction (0-100), behavioural loyalty (0-1) and competition by customer_id in one period.

    Without rows where no truth is known.
    """
    columns = {
        "satisfaction": f"satisfaction_index_{period}",
        "loyalty": f"behavioural_loyalty_{period}",
        "competition": "competition",
    }
    known = planted(folder, columns).set_index("customer_id").reindex(columns=list(columns)).astype("float64")
    # The curve may carry single customers past the ends of the scale.
    return known.assign(satisfaction=known["satisfaction"].clip(0, 100), loyalty=(known["loyalty"] / 100).clip(0, 1))


def _trap(folder: Path | str) -> dict[str, Any]:
    file = Path(folder) / "truth.json"
    found = json.loads(file.read_text("utf-8")) if file.exists() else {}
    return dict(found.get("trap", {}))
