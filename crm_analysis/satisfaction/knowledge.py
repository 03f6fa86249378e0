"""Knowledge: measured indices kept over studies and waves, and what the newest is worth against them."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from crm_analysis.atomic import replacing
from crm_analysis.errors import DataError, UsageError
from crm_analysis.proportion import Z
from crm_analysis.satisfaction.chronicle import HistoryResult
from crm_analysis.satisfaction.score import IndexResult
from crm_analysis.satisfaction.specification.ordering import focus
from crm_analysis.satisfaction.standing import StandingResult
from crm_analysis.table import listed

__all__ = ["COLUMNS", "FILE", "KEY", "HistoryResult", "entries", "history", "read", "store"]

FILE = "knowledge.csv"
"""Name of the file, where a folder is given."""

KEY = ("study", "wave", "construct", "model", "wording")
"""What tells measurements apart; storing one again replaces it."""

COLUMNS = (*KEY, "weights", "index", "index_low", "index_high", "respondents")


def entries(
    result: IndexResult | StandingResult, *, study: str, wave: str = "", model: str = "", wording: str = ""
) -> pd.DataFrame:
    """Return what the knowledge base keeps of a measured index.

    Parameters
    ----------
    result : IndexResult or StandingResult
        An index of one wave, with all its constructs; or one by wave, whose groups are the waves.
    study : str
        Whose index it is.
    wave : str
        When it was measured; a StandingResult brings its own.
    model, wording : str
        The model's name, and the version of the questionnaire: what was measured otherwise is not compared.

    Returns
    -------
    DataFrame
        One row per construct or wave, with `COLUMNS`; no row where nothing was measured.

    Raises
    ------
    UsageError
        If the study has no name, or a wave is given for a result that has its own.
    """
    if not study:
        raise UsageError("knowledge: the study needs a name, such as the one in its study.toml.")
    if result.absent:
        return pd.DataFrame(columns=list(COLUMNS))
    shared = {"study": study, "model": model, "wording": wording}
    if isinstance(result, StandingResult):
        if wave:
            raise UsageError("knowledge: an index by wave names its waves itself; leave wave out.")
        rows = result.table.rename(columns={"group": "wave"}).assign(construct=result.construct, weights="", **shared)
    else:
        rows = result.table.assign(wave=wave, weights=result.weights, respondents=len(result.respondents), **shared)
    rows = rows.assign(wave=rows["wave"].astype(str))
    return rows[list(COLUMNS)].reset_index(drop=True)


def store(
    path: str | os.PathLike[str],
    result: IndexResult | StandingResult,
    *,
    study: str,
    wave: str = "",
    model: str = "",
    wording: str = "",
) -> Path:
    """Add a measured index to a knowledge base, a CSV file that is whole at every moment.

    Parameters
    ----------
    path : path
        The file, or a folder that holds or will hold `FILE`; it must exist.
    result, study, wave, model, wording
        As in `entries`. What has the same `KEY` is replaced in its place; all else is added at the end.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    UsageError
        If the folder does not exist, or `entries` refuses.
    DataError
        If the file is no knowledge base.
    """
    file = _file(path)
    if not file.parent.is_dir():
        raise UsageError(f"knowledge: the folder {file.parent} does not exist; make it first.")
    new = entries(result, study=study, wave=wave, model=model, wording=wording)
    known = read(file)
    keys = [tuple(row) for row in new[list(KEY)].to_numpy()]
    place = {tuple(row): number for number, row in enumerate(known[list(KEY)].to_numpy())}
    rows: list[dict[Any, Any]] = known.to_dict("records")
    for key, row in zip(keys, new.to_dict("records"), strict=True):
        if key in place:
            rows[place[key]] = row
        else:
            rows.append(row)
    with replacing(file) as part:
        pd.DataFrame(rows, columns=list(COLUMNS)).to_csv(part, index=False, encoding="utf-8")
    return file


def read(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Return all measurements of a knowledge base, with `COLUMNS`; none where there is no file yet."""
    file = _file(path)
    if not file.exists():
        return pd.DataFrame(columns=list(COLUMNS))
    # A wave may be called NA: only in numbers is an empty field a missing one.
    numbers = {name: [""] for name in ("index", "index_low", "index_high", "respondents")}
    texts = dict.fromkeys((*KEY, "weights"), str)
    try:
        found = pd.read_csv(file, dtype=texts, keep_default_na=False, na_values=numbers, encoding="utf-8")
    except ValueError as error:
        raise DataError(f"knowledge: {file.name} cannot be read, so it is no knowledge base; name another.") from error
    lacking = [name for name in COLUMNS if name not in found.columns]
    if lacking:
        raise DataError(
            f"knowledge: {file.name} has no column {lacking[0]!r}, so it is no knowledge base; name another."
        )
    for name in numbers:
        if not pd.api.types.is_numeric_dtype(found[name].dtype) and found[name].notna().any():
            raise DataError(f"knowledge: the column {name!r} of {file.name} holds texts; mend or delete these rows.")
    return found[list(COLUMNS)]


def history(measured: str | os.PathLike[str] | pd.DataFrame, *, study: str = "", construct: str = "") -> HistoryResult:
    """Return a construct over the waves of a study, beside the other studies of the knowledge base.

    Parameters
    ----------
    measured : path or DataFrame
        A knowledge base, or `entries` that were not stored.
    study : str
        Whose waves; by default that of the newest measurement.
    construct : str
        Which of the constructs; by default satisfaction or what speaks of it (`ordering.focus`), else the newest.

    Returns
    -------
    HistoryResult
        Changes take waves as independent samples: (half width^2 + half width^2)^.5 is the half width of a difference.
        Where the same people answered twice that is too wide; `index.compare` pairs them. The slope is that of least
        squares weighted by the errors of the waves, its error widened where waves scatter more than their errors
        explain (Birge 1932).

    Raises
    ------
    UsageError
        If the study or construct was never measured.

    References
    ----------
    Birge, R. T. (1932). The calculation of errors by the method of least squares. Physical Review 40, 207-227.
    """
    known = measured.copy() if isinstance(measured, pd.DataFrame) else read(measured)
    if known.empty:
        empty = pd.DataFrame(columns=["wave", "index", "index_low", "index_high", "respondents"])
        return HistoryResult(empty, empty.copy(), (math.nan,) * 3, study, construct or "satisfaction")
    construct = construct or focus(list(dict.fromkeys(known["construct"][::-1])), ())
    rows = known[known["construct"] == construct]
    if rows.empty:
        there = ", ".join(dict.fromkeys(known["construct"]))
        raise UsageError(f"knowledge: {construct!r} was never measured; there are {there}.")
    chosen = study or str(rows["study"].iloc[-1])
    own = rows[rows["study"] == chosen].reset_index(drop=True)
    if own.empty:
        raise UsageError(f"knowledge: the study {chosen!r} was never measured; there are {listed(_studies(rows))}.")
    waves = own[["wave", "index", "index_low", "index_high", "respondents", "wording"]].copy()
    same = ["model", "wording"]
    waves["comparable"] = [False] + [bool((own.loc[k, same] == own.loc[k - 1, same]).all()) for k in range(1, len(own))]
    error = ((own["index_high"] - own["index_low"]) / (2 * Z)).to_numpy("float64")
    step = np.where(waves["comparable"], own["index"].diff(), np.nan)
    half = Z * np.hypot(error, np.concatenate([[np.nan], error[:-1]]))
    waves["change"], waves["change_low"], waves["change_high"] = step, step - half, step + half
    newest = own[(own[same] == own[same].iloc[-1]).all(axis=1)]
    slope = _slope(newest["index"].to_numpy("float64"), error[newest.index])
    return HistoryResult(waves, _norm(rows, own.iloc[-1]), slope, chosen, construct)


def _norm(rows: pd.DataFrame, newest: pd.Series) -> pd.DataFrame:
    # What was asked in other words, or made by another model or other weights, is on another scale.
    alike = (rows[["model", "wording", "weights"]] == newest[["model", "wording", "weights"]]).all(axis=1)
    others = rows[alike & (rows["study"] != newest["study"])].groupby("study", sort=False).tail(1)
    others = others[["study", "wave", "index", "index_low", "index_high"]].reset_index(drop=True)
    away = (newest["index"] - others["index"]).astype("float64")
    half = 0.5 * np.hypot(
        float(newest["index_high"] - newest["index_low"]),
        (others["index_high"] - others["index_low"]).astype("float64"),
    )
    return others.assign(difference=away, difference_low=away - half, difference_high=away + half)


def _slope(values: np.ndarray, errors: np.ndarray) -> tuple[float, float, float]:
    if len(values) < 3 or not (errors > 0).all():
        return math.nan, math.nan, math.nan
    from scipy.stats import t

    weights, order = errors**-2, np.arange(len(values), dtype="float64")
    away = order - (weights @ order) / weights.sum()
    spread = weights @ away**2
    slope = float(weights @ (away * values) / spread)
    level = (weights @ values) / weights.sum()
    scatter = float(weights @ (values - level - slope * away) ** 2) / (len(values) - 2)
    # Where waves scatter more than their errors explain, the slope is only as sure as few waves allow.
    point = Z if scatter <= 1 else float(t.ppf(0.975, len(values) - 2))
    half = point * math.sqrt(max(1.0, scatter) / spread)
    return slope, slope - half, slope + half


def _studies(rows: pd.DataFrame) -> list[str]:
    return [str(name) for name in dict.fromkeys(rows["study"])]


def _file(path: str | os.PathLike[str]) -> Path:
    target = Path(path)
    return target / FILE if target.is_dir() else target
