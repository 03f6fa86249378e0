"""Storage: a fitted model on disk, with what it was trained on."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import pandas as pd

from crm_analysis.atomic import replacing
from crm_analysis.churn.model import ChurnModel
from crm_analysis.errors import DataError, UsageError

# Types beyond those that skops trusts by itself, which our models hold. Anything else is not read.
_OURS = (
    "crm_analysis.churn.learners.Rule",
    "crm_analysis.churn.learners.combined",
    "functools.partial",
    "numpy.dtype",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
    "sklearn.utils.validation.check_array",
)
_FRAMES = ("search_", "profile_")
_FORMAT = 1


def save(churn: ChurnModel, path: str | os.PathLike[str]) -> Path:
    """Write a fitted model to a file that holds no code: skops, never pickle.

    Parameters
    ----------
    churn : ChurnModel
        A fitted model.
    path : path
        The file, by custom ``churn.skops``; it is replaced whole.

    Returns
    -------
    Path
    """
    from skops import io as skops

    if not hasattr(churn, "models_"):
        raise UsageError("This ChurnModel is not fitted yet; call fit before it is saved.")
    learned = {name: value for name, value in vars(churn).items() if name.endswith("_")}
    content = {
        "format": _FORMAT,
        "parameters": churn.get_params(deep=False),
        "learned": {name: value for name, value in learned.items() if name not in _FRAMES},
        "frames": {name: learned[name].to_json(orient="table", index=False, double_precision=15) for name in _FRAMES},
    }
    target = Path(path)
    with replacing(target) as staged:
        skops.dump(content, staged)
    return target


def load(path: str | os.PathLike[str]) -> ChurnModel:
    """Read a model that `save` wrote.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    ChurnModel

    Raises
    ------
    UsageError
        If there is no such file.
    DataError
        If it is no such model, or holds types that no model of ours has.
    """
    from skops import io as skops

    source = Path(path)
    if not source.is_file():
        raise UsageError(f"there is no model {source}; save one with storage.save(churn, path).")
    try:
        strange = [name for name in skops.get_untrusted_types(file=source) if name not in _OURS]
        if strange:
            raise DataError(f"{source} holds {strange[0]}, which no churn model has; it is not read.")
        content: Any = skops.load(source, trusted=list(_OURS))
        if content["format"] != _FORMAT:
            raise DataError(f"{source} was saved by another version of this package; fit and save the model again.")
        found = ChurnModel(**content["parameters"])
        frames = {name: pd.read_json(io.StringIO(text), orient="table") for name, text in content["frames"].items()}
    except (ValueError, KeyError, TypeError, OSError, BadZipFile) as error:
        raise DataError(f"{source} is no churn model saved by this package ({type(error).__name__}).") from error
    for name, value in (content["learned"] | frames).items():
        setattr(found, name, value)
    return found
