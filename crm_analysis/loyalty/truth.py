"""Truth: what a simulated study knows of its trap and a real one does not: who left, planted rates and curves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from crm_analysis.loyalty.scoring.planted import planted


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


def curves(folder: Path | str) -> pd.DataFrame:
    """Return the planted curves: ``region``, ``competition``, both breaks and the width of the flat zone between them.

    Without rows where no truth is known.
    """
    found = _trap(folder).get("curve_by_region", {})
    rows = [(region, of["competition"], *of["break_points"], of["flat_zone_width"]) for region, of in found.items()]
    columns = ["region", "competition", "lower_break", "upper_break", "flat_zone_width"]
    return pd.DataFrame(rows, columns=columns).sort_values("competition", ignore_index=True)


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
