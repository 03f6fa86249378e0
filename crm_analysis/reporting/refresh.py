"""Refresh: run the notebooks in place on the demo study, so that they are committed with outputs.

``python -m crm_analysis.reporting.refresh notebooks data/demo``, or after a change of one notebook ``... data/demo 60``
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import nbformat

from crm_analysis.errors import CrmError, UsageError
from crm_analysis.reporting import catalog
from crm_analysis.reporting.catalog import Notebook
from crm_analysis.reporting.execute import Job, execute, write

_KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
# Of the language, all but the version of the interpreter that happened to run.
_LANGUAGE = ("name", "file_extension", "mimetype", "pygments_lexer")


def refresh(folder: str | Path, study: str | Path, *, only: Sequence[str] = (), timeout: int = 1800) -> tuple[str, ...]:
    """Execute the notebooks of a folder with its default parameters and write the outputs into its file.

    A notebook is written only when all of its cells succeeded. What differs from run to run or from machine to machine
    (times, the interpreter's version, papermill's notes) is left out, so that a rerun without a change changes nothing.

    Parameters
    ----------
    folder : str or Path
        The notebooks.
    study : str or Path
        The demo study. It must be the one that the notebooks' own defaults name, because committed outputs belong to
        committed defaults.
    only : sequence of str
        Some of them, by the names that `catalog.select` takes; all where it is empty.
    timeout : int
        Seconds that one cell may take.

    Returns
    -------
    tuple of str
        Names of the notebooks whose files changed.

    Raises
    ------
    UsageError
        If a notebook takes another study by default.
    CrmError
        If a notebook failed; those before it are refreshed.
    """
    changed = []
    for notebook in catalog.select(catalog.read(folder), only):
        _same_study(notebook, Path(study))
        if _refreshed(notebook, timeout):
            changed.append(notebook.name)
    return tuple(changed)


def _refreshed(notebook: Notebook, timeout: int) -> bool:
    with tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch) / notebook.path.name
        home = notebook.path.resolve()
        executed = execute(Job(notebook=str(home), output=str(output), folder=str(home.parent), timeout=timeout))
        if executed.error:
            cell, name, message = (executed.error[key] for key in ("cell", "name", "message"))
            raise CrmError(
                f"notebook {notebook.name} failed in code cell {cell}: {name}: {message}; it was left as it is."
            )
        content = nbformat.read(output, as_version=4)
    before = notebook.path.read_bytes()
    write(_without_circumstances(content), notebook.path)
    return notebook.path.read_bytes() != before


def _same_study(notebook: Notebook, study: Path) -> None:
    default = next((str(known.default) for known in notebook.parameters if known.name == "study"), None)
    if default is None:
        return
    # As `Study.open` seeks it from the notebook's own folder.
    here = notebook.path.resolve().parent
    found = next((base / default for base in (here, *here.parents) if (base / default / "study.toml").is_file()), None)
    if found is None or found.resolve() != study.resolve():
        raise UsageError(
            f"notebook {notebook.name} reads the study {default!r} by default, not {study}; "
            "refresh on that one, or change the default."
        )


def _without_circumstances(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    language = notebook.metadata.get("language_info", {})
    kept = {key: language[key] for key in _LANGUAGE if key in language}
    notebook.metadata = nbformat.from_dict({"kernelspec": _KERNEL, "language_info": kept})
    for cell in notebook.cells:
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
        if not cell.metadata.get("tags", True):
            cell.metadata.pop("tags")
    return notebook


def main() -> None:
    """Refresh ``FOLDER`` on ``STUDY`` and say which files changed."""
    if len(sys.argv) < 3:
        print("usage: python -m crm_analysis.reporting.refresh FOLDER STUDY [NOTEBOOK ...]", file=sys.stderr)
        sys.exit(2)
    try:
        changed = refresh(sys.argv[1], sys.argv[2], only=sys.argv[3:])
    except CrmError as error:
        print(f"refresh: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    print(f"changed: {', '.join(changed) or 'nothing'}")


if __name__ == "__main__":
    main()
