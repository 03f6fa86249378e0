"""study.toml: what a study is called, where its tables are and how their columns map to the contract."""

from __future__ import annotations

import codecs
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crm_analysis.errors import UsageError
from crm_analysis.study import surveymodel
from crm_analysis.study.tables import CONTRACTS

FORMATS = ("csv", "blanks", "parquet", "excel", "sqlite", "duckdb", "engine")
"""How a table is stored; "engine" is a table of the database that [engine] url names."""

SERVERS = ("postgres", "postgresql")
"""Schemes of the addresses of engines that hold their tables themselves."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_SETTINGS = (
    *("source", "format", "columns", "delimiter", "names", "time_format", "encoding", "decimal", "sheet", "table"),
    *("duplicates", "one_per", "pad"),
)
# user:password@ in an address, or password=... in its query.
_PASSWORD = re.compile(r"://[^@]*:[^@]*@|\b(password|passwd|pwd)\s*=", re.IGNORECASE)
_SUFFIXES = {
    **dict.fromkeys((".parquet", ".pq"), "parquet"),
    **dict.fromkeys((".xlsx", ".xls", ".xlsb", ".xlsm", ".ods"), "excel"),
    **dict.fromkeys((".sqlite", ".sqlite3", ".db"), "sqlite"),
    **dict.fromkeys((".duckdb", ".ddb"), "duckdb"),
    **dict.fromkeys((".csv", ".tsv", ".txt", ".dat"), "csv"),
}


@dataclass(frozen=True)
class Sql:
    """A column computed by a SQL expression over the source's own columns."""

    expression: str


@dataclass(frozen=True)
class TableConfig:
    """One ``[tables.x]`` section: the source, its format and the mapping of contract columns to source columns.

    Attributes
    ----------
    relation : str or None
        Key ``table``: the table of a SQLite or DuckDB file.
    sheet : str or None
        The sheet of a workbook; ``"*"`` means all.
    encoding, decimal : str or None
        How text and numbers are written, where it is not to be found out.
    duplicates : str or None
        What happens to exact copies of a row: ``remove`` or ``keep``; by default it depends on the table.
    one_per : str or None
        A column of the contract; only the first row of each of its values is read, rows without it are not.
    pad : mapping of str to int
        Columns with ids -> the width to which leading zeros are put back.
    """

    table: str
    source: str
    format: str
    columns: Mapping[str, str | Sql] = field(default_factory=dict)
    delimiter: str | None = None
    names: tuple[str, ...] = ()
    time_format: str | None = None
    encoding: str | None = None
    decimal: str | None = None
    sheet: str | None = None
    relation: str | None = None
    duplicates: str | None = None
    one_per: str | None = None
    pad: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class SurveyConfig:
    """The ``[survey]`` section: answer scale, codes that mean *missing*, items by construct, model.

    `target` is the construct that analyses explain; empty: they take the one that the model suggests.
    """

    scale: tuple[float, float] = (1, 10)
    missing: tuple[float, ...] = ()
    model: str = ""
    constructs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    codes: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    paths: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    target: str = ""

    @property
    def items(self) -> dict[str, tuple[float, float]]:
        """Every item with its lowest and highest code."""
        listed = {item: self.scale for items in self.constructs.values() for item in items}
        return {**listed, **self.codes}


@dataclass(frozen=True)
class StudyConfig:
    """A whole study.toml, checked."""

    name: str
    title: str
    currency: str
    timezone: str
    engine: str
    memory_limit: str
    tables: Mapping[str, TableConfig]
    survey: SurveyConfig
    churn: Mapping[str, Any]
    text: str


def file_format(source: str) -> str:
    """Return the format that a file's ending stands for; text in any other is CSV."""
    return _SUFFIXES.get(Path(source).suffix.lower(), "csv")


def is_file(source: str) -> bool:
    """Whether a source is written as a file, folder or pattern, and not as a table of a database."""
    return Path(source).suffix.lower() in _SUFFIXES or any(mark in source for mark in "/*?[")


def name_from(folder: Path) -> str:
    """Return a study's name made from its folder's: other characters than a name may have become hyphens."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", folder.resolve().name).strip("-._") or "study"


def find(folder: Path) -> Path:
    """Find a study's folder: a relative path is sought in the working folder, then in each parent.

    Raises
    ------
    UsageError
        If there is no such folder or it holds no study.toml.
    """
    wanted = folder.expanduser()
    places = [wanted] if wanted.is_absolute() else [base / wanted for base in (Path.cwd(), *Path.cwd().parents)]
    for place in places:
        if (place / "study.toml").is_file():
            return place.resolve()
    if any(place.is_dir() for place in places):
        raise UsageError(f"{folder} holds no study.toml; make one with: crm-analysis init {folder} FILES.")
    raise UsageError(f"there is no folder {folder}; make a study with: crm-analysis init {folder} FILES.")


def read(path: Path) -> StudyConfig:
    """Read and check a study.toml.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    StudyConfig

    Raises
    ------
    UsageError
        If the file is no TOML or says something that is not understood; the message names the section and the cure.
    """
    text = path.read_text("utf-8-sig")
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path.name} is not valid TOML: {error}.") from None
    _known(content, ("study", "engine", "tables", "survey", "churn"), "study.toml")
    study = _section(content, "study")
    _known(study, ("name", "title", "currency", "timezone"), "[study]")
    name = str(study.get("name", name_from(path.parent)))
    if not _NAME.fullmatch(name):
        raise UsageError(f"[study] name = {name!r} names a report folder: use letters, digits, '.', '_' and '-'.")
    engine = _section(content, "engine")
    _known(engine, ("url", "memory_limit"), "[engine]")
    url = _engine(engine)
    tables = {
        table: _table(table, section, server=url != "duckdb://")
        for table, section in _section(content, "tables").items()
    }
    if not tables:
        raise UsageError(f"{path.name} names no table; add a section such as [tables.transactions] with source = ...")
    return StudyConfig(
        name=name,
        title=str(study.get("title", name)),
        currency=str(study.get("currency", "")),
        timezone=str(study.get("timezone", "UTC")),
        engine=url,
        memory_limit=str(engine.get("memory_limit", "")),
        tables=tables,
        survey=_survey(_section(content, "survey")),
        churn=_churn(_section(content, "churn")),
        text=text,
    )


def _section(content: Mapping[str, Any], name: str, within: str = "") -> dict[str, Any]:
    section = content.get(name, {})
    if not isinstance(section, dict):
        raise UsageError(f"study.toml: {within}{name} must be a section ([{within}{name}]), not a value.")
    return section


def _known(section: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in section:
        if key not in known:
            raise UsageError(f"{where} has no setting {key!r}; known are {', '.join(known)}.")


def _engine(engine: Mapping[str, Any]) -> str:
    url = str(engine.get("url", "duckdb://"))
    if _PASSWORD.search(url):
        raise UsageError('[engine] url holds a password; keep it in an environment variable: url = "env:NAME".')
    scheme = url.partition("://")[0]
    if url != "duckdb://" and not url.startswith("env:") and scheme not in SERVERS:
        # Only the beginning is shown: the rest may hold a secret in a form not foreseen.
        raise UsageError(
            f'[engine] url = "{scheme}..." is not supported; use "duckdb://" for files, or for PostgreSQL the name of '
            'an environment variable that holds its address: "env:CRM_DATABASE_URL".'
        )
    return url


def _table(table: str, section: Any, *, server: bool) -> TableConfig:
    where = f"[tables.{table}]"
    if table not in CONTRACTS:
        raise UsageError(f"{where} is no table of the contract; known are {', '.join(CONTRACTS)}.")
    if not isinstance(section, dict):
        raise UsageError(f"study.toml: tables.{table} must be a section ({where}), not a value.")
    _known(section, _SETTINGS, where)
    if not isinstance(section.get("source"), str):
        raise UsageError(f'{where} needs source = "file", the path of its file seen from study.toml.')
    source = section["source"]
    form = section.get("format", "engine" if server and not is_file(source) else file_format(source))
    if form not in FORMATS:
        raise UsageError(f"{where} format = {form!r} is not known; known are {', '.join(FORMATS)}.")
    mapping = section.get("columns", {})
    if not isinstance(mapping, dict):
        raise UsageError(f'{where} columns must be a table such as {{ amount = "Total" }}.')
    return TableConfig(
        table=table,
        source=source,
        format=form,
        columns={name: _mapped(table, name, value) for name, value in mapping.items()},
        delimiter=_text(section, "delimiter", where),
        names=_names(section.get("names", []), f"{where} names"),
        time_format=_text(section, "time_format", where),
        encoding=_encoding(section, where),
        decimal=_one_of(section, "decimal", (".", ","), where),
        sheet=_text(section, "sheet", where),
        relation=_text(section, "table", where),
        duplicates=_one_of(section, "duplicates", ("remove", "keep"), where),
        one_per=_column(section, "one_per", table),
        pad=_pad(section, table),
    )


def _mapped(table: str, name: str, value: Any) -> str | Sql:
    contract = CONTRACTS[table]
    if name not in contract.names and not contract.extra:
        known = ", ".join(contract.names)
        raise UsageError(f"[tables.{table}] columns: {name!r} is no column of the contract; known are {known}.")
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and set(value) == {"sql"} and isinstance(value["sql"], str):
        return Sql(value["sql"])
    raise UsageError(f'[tables.{table}] columns: {name} must be a column\'s name or {{ sql = "expression" }}.')


def _survey(section: dict[str, Any]) -> SurveyConfig:
    _known(section, ("scale", "missing", "model", "constructs", "codes", "paths", "target"), "[survey]")
    codes, constructs, paths = (_section(section, name, "survey.") for name in ("codes", "constructs", "paths"))
    survey = SurveyConfig(
        scale=_range(section.get("scale", [1, 10]), "[survey] scale"),
        missing=_codes(section.get("missing", [])),
        model=_text(section, "model", "[survey]") or "",
        constructs={name: _names(items, f"[survey.constructs] {name}") for name, items in constructs.items()},
        codes={item: _range(value, f"[survey.codes] {item}") for item, value in codes.items()},
        paths={name: _names(targets, f"[survey.paths] {name}") for name, targets in paths.items()},
        target=_text(section, "target", "[survey]") or "",
    )
    surveymodel.check(model=survey.model, constructs=survey.constructs, paths=survey.paths, target=survey.target)
    return survey


def _churn(section: dict[str, Any]) -> dict[str, Any]:
    _known(section, ("label", "left", "tenure", "unit"), "[churn]")
    for name in ("label", "tenure", "unit"):
        _text(section, name, "[churn]")
    if not isinstance(section.get("left", ""), str | int | float | bool):
        raise UsageError(f'[churn] left must be the value that means left, such as "Yes", not {section["left"]!r}.')
    for name in ("left", "tenure"):
        if name in section and not section.get("label"):
            raise UsageError(f'[churn] {name} needs label = "column", the column of customers that says who left.')
    return section


def _range(value: Any, where: str) -> tuple[float, float]:
    if not (isinstance(value, list) and len(value) == 2 and all(isinstance(end, int | float) for end in value)):
        raise UsageError(f"{where} must be two numbers, the lowest and the highest code, such as [1, 10].")
    return value[0], value[1]


def _names(value: Any, where: str) -> tuple[str, ...]:
    if not (isinstance(value, list) and all(isinstance(name, str) for name in value)):
        raise UsageError(f'{where} must be a list of names such as ["Q1", "Q2"].')
    return tuple(value)


def _codes(value: Any) -> tuple[float, ...]:
    if not (isinstance(value, list) and all(isinstance(code, int | float) for code in value)):
        raise UsageError("[survey] missing must be a list of numbers such as [98, 99].")
    return tuple(value)


def _text(section: Mapping[str, Any], name: str, where: str) -> str | None:
    value = section.get(name)
    if value is not None and not isinstance(value, str):
        raise UsageError(f"{where} {name} must be a text in quotation marks, not {value!r}.")
    return value


def _one_of(section: Mapping[str, Any], name: str, known: tuple[str, ...], where: str) -> str | None:
    value = section.get(name)
    if value is not None and value not in known:
        listed = " or ".join(f'"{word}"' for word in known)
        raise UsageError(f"{where} {name} must be {listed}, not {value!r}.")
    return value


def _encoding(section: Mapping[str, Any], where: str) -> str | None:
    value = _text(section, "encoding", where)
    if value is not None:
        try:
            codecs.lookup(value)
        except LookupError:
            raise UsageError(
                f'{where} encoding = {value!r} is not known; use a name such as "gbk" or "utf-8".'
            ) from None
    return value


def _column(section: Mapping[str, Any], name: str, table: str) -> str | None:
    value = _text(section, name, f"[tables.{table}]")
    if value is not None and value not in CONTRACTS[table].names:
        known = ", ".join(CONTRACTS[table].names)
        raise UsageError(f"[tables.{table}] {name} = {value!r} is no column of the contract; known are {known}.")
    return value


def _pad(section: Mapping[str, Any], table: str) -> dict[str, int]:
    value = section.get("pad", {})
    ids = [column.name for column in CONTRACTS[table].columns if column.kind == "id"]
    sound = isinstance(value, dict) and all(isinstance(width, int) and width > 0 for width in value.values())
    if not sound or not set(value) <= set(ids):
        raise UsageError(
            f"[tables.{table}] pad must give ids of the contract ({', '.join(ids)}) a width, such as "
            "{ customer_id = 5 }."
        )
    return value
