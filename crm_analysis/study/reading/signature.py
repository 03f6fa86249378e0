"""Signature: what a file is by its first bytes, whatever its name says."""

from __future__ import annotations

import zipfile
from pathlib import Path

from crm_analysis.errors import ContractError
from crm_analysis.study.config import TableConfig

_OFFICE = "an old Office document"
_PACKED = "a packed archive"
# What a workbook's archive holds: .xlsx, .xlsb, .ods.
_WORKBOOKS = {"xl/workbook.xml", "xl/workbook.bin", "content.xml"}
_BEGINNINGS = (
    (b"SQLite format 3\0", "sqlite"),
    (b"PAR1", "parquet"),
    (b"\x1f\x8b", _PACKED),
    (b"7z\xbc\xaf\x27\x1c", _PACKED),
    (b"Rar!", _PACKED),
    (b"%PDF", "a PDF document"),
)
_PAGES = (b"<!doctype html", b"<html", b"<head", b"<table", b"<?xml")
_NAMES = {
    "csv": "text",
    "excel": "a workbook",
    "parquet": "a Parquet file",
    "sqlite": "a SQLite database",
    "duckdb": "a DuckDB database",
}
_CURES = {
    _OFFICE: "if it should be one, it is damaged or has a password; save it as .xlsx without one",
    _PACKED: "unpack it and name the file inside",
    "a PDF document": "export the table itself, as CSV or .xlsx",
    "a web page": "open it in a spreadsheet program and save it as .xlsx",
}


def recognise(file: Path) -> str:
    """Say what a file is by its first bytes.

    Parameters
    ----------
    file : Path
        The file.

    Returns
    -------
    str
        ``csv`` (any text), ``excel``, ``parquet``, ``sqlite``, ``duckdb``, or words for what is not read, such as
        ``a web page``.
    """
    with file.open("rb") as content:
        first = content.read(512)
    for beginning, kind in _BEGINNINGS:
        if first.startswith(beginning):
            return kind
    if first[8:12] == b"DUCK":
        return "duckdb"
    if first.startswith(b"PK\x03\x04"):
        return "excel" if _is_workbook(file) else _PACKED
    if first.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return "excel" if _holds_workbook(file) else _OFFICE
    if first.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(_PAGES):
        return "a web page"
    return "csv"


def _is_workbook(file: Path) -> bool:
    try:
        with zipfile.ZipFile(file) as archive:
            return bool(_WORKBOOKS & set(archive.namelist()))
    except (zipfile.BadZipFile, NotImplementedError):
        # Cut off or damaged: its reader will say so.
        return file.suffix.lower() in (".xlsx", ".xlsm", ".xlsb", ".ods")


def _holds_workbook(file: Path) -> bool:
    """Whether an old Office file has a stream of that name: documents do not, nor do workbooks with a password."""
    content = file.read_bytes()
    return any(name.encode("utf-16-le") + b"\0\0" in content for name in ("Workbook", "Book"))


def require(config: TableConfig, file: Path, wanted: str) -> None:
    """Refuse a file that is not of the format that its name or study.toml says.

    Parameters
    ----------
    config : TableConfig
        The table's section of study.toml.
    file : Path
        The file.
    wanted : str
        A format; ``blanks`` means text.

    Raises
    ------
    ContractError
        If the file is something else; the message says what, and what to do.
    """
    found = recognise(file)
    wanted = "csv" if wanted == "blanks" else wanted
    if found == wanted:
        return
    section = f"[tables.{config.table}]"
    if found in _CURES:
        raise ContractError(f"{config.table}: {file.name} is {found}, not {_NAMES[wanted]}; {_CURES[found]}.")
    cure = f'set format = "{found}" under {section}'
    if found == "csv":
        # Anything without a signature counts as text, so this may be a damaged file too.
        cure += ", or export it again if it should be one"
        raise ContractError(f"{config.table}: {file.name} is not {_NAMES[wanted]} but seems to be text; {cure}.")
    raise ContractError(f"{config.table}: {file.name} is {_NAMES[found]}, not {_NAMES[wanted]}; {cure}.")
