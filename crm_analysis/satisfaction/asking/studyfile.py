"""Study file: the study.toml that reads the collected answers of a questionnaire without editing."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from crm_analysis.errors import UsageError
from crm_analysis.satisfaction.asking.question import RATING
from crm_analysis.satisfaction.specification import indices

HEADERS = ("code", "number", "question")
"""How the columns of the collected answers may be called: the item's code, Q1, Q2 and so on, or the question."""


def text(
    questions: pd.DataFrame,
    *,
    model: str,
    paths: Sequence[tuple[str, str]],
    missing: Sequence[int],
    source: str,
    name: str,
    title: str,
    header: str,
) -> str:
    """Write the study.toml of a questionnaire.

    Parameters
    ----------
    questions : DataFrame
        As in `QuestionnaireResult`.
    model : str
        The model's name; a preset whose paths are unchanged is named, any other has its paths listed.
    paths : sequence of (source, target)
        The paths of the model.
    missing : sequence of int
        Codes that mean no answer.
    source, name, title, header : str
        As in `QuestionnaireResult.study_toml`.

    Returns
    -------
    str

    Raises
    ------
    UsageError
        If `header` is not known.
    """
    if header not in HEADERS:
        raise UsageError(f"header must be one of {', '.join(HEADERS)}, not {header!r}.")
    rows = questions.to_dict("records")
    lines = ["[study]", f"name = {_quoted(name)}", f"title = {_quoted(title)}", "", "[tables.survey]"]
    lines.append(f"source = {_quoted(source)}")
    if header != "code":
        mapped = ", ".join(f"{_key(row['item'])} = {_quoted(_header(row, header))}" for row in rows)
        lines.append(f"columns = {{ {mapped} }}")
    lines += ["", "[survey]", f"scale = {list(RATING)}", f"missing = {list(missing)}"]
    is_preset = set(paths) == set(indices.PATHS.get(model, ()))
    lines += [f'model = "{model.lower()}"'] if is_preset else []
    lines += ["", "[survey.constructs]"]
    for construct in dict.fromkeys(row["construct"] for row in rows if row["construct"]):
        lines.append(f"{_key(construct)} = {_list([row['item'] for row in rows if row['construct'] == construct])}")
    if not is_preset:
        lines += ["", "[survey.paths]"]
        for cause in dict.fromkeys(cause for cause, _ in paths):
            lines.append(f"{_key(cause)} = {_list([target for origin, target in paths if origin == cause])}")
    codes = [f"{_key(row['item'])} = {list(_ends(row))}" for row in rows if _has_own_scale(row)]
    lines += ["", "[survey.codes]", *codes] if codes else []
    return "\n".join(lines) + "\n"


def _ends(row: Mapping[str, Any]) -> tuple[int, int]:
    return int(row["lowest"]), int(row["highest"])


def _has_own_scale(row: Mapping[str, Any]) -> bool:
    """Whether study.toml must state the codes: another scale than the common one, or an item of no construct."""
    return not pd.isna(row["lowest"]) and (row["construct"] == "" or _ends(row) != RATING)


def _header(row: Mapping[str, Any], header: str) -> str:
    return f"Q{row['number']}" if header == "number" else str(row["question"])


def _quoted(words: str) -> str:
    """A TOML string: JSON's escapes are TOML's, and Chinese stays readable."""
    return json.dumps(words, ensure_ascii=False)


def _list(names: Sequence[str]) -> str:
    return f"[{', '.join(map(_quoted, names))}]"


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _quoted(name)
