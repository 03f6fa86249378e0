"""Catalog: which notebooks there are, what they need, and which parameters they take."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import nbformat

import crm_analysis
from crm_analysis.errors import UsageError
from crm_analysis.reporting import parameters
from crm_analysis.reporting.parameters import Parameter, Value


@dataclass(frozen=True)
class Notebook:
    """One notebook of the catalog, as its file describes itself.

    Attributes
    ----------
    name : str
        The file's name without ``.ipynb``.
    title : str
        The heading of the opening cell.
    needs, uses : tuple of str
        Tables without which the notebook is skipped (``"customers or transactions"``: one of them will do), and tables
        that it takes where they are there.
    parameters : tuple of Parameter
        In the order of the parameters cell.
    path : Path
        The file.
    """

    name: str
    title: str
    needs: tuple[str, ...]
    uses: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    path: Path

    def missing(self, offered: Collection[str]) -> tuple[str, ...]:
        """Return what is needed and not among what a study offers (`Study.offers`)."""
        return tuple(need for need in self.needs if not set(need.split(" or ")) & set(offered))


def read(folder: str | Path | None = None) -> tuple[Notebook, ...]:
    """Read the catalog from a folder of notebooks.

    The notebook is its own registration: nothing else lists it. Files that begin with ``_`` or ``.`` are passed over.

    Parameters
    ----------
    folder : str or Path, optional
        By default ``notebooks/`` of the checkout that holds the package.

    Returns
    -------
    tuple of Notebook
        In the order of their names.

    Raises
    ------
    UsageError
        If the folder is missing or empty, or a notebook has no title or a parameters cell that cannot be read.
    """
    place = Path(folder) if folder is not None else Path(crm_analysis.__file__).parent.parent / "notebooks"
    if not place.is_dir():
        raise UsageError(f"there is no folder of notebooks at {place}; name the right one with --notebooks.")
    files = sorted(path for path in place.glob("*.ipynb") if not path.name.startswith(("_", ".")))
    if not files:
        raise UsageError(f"the folder {place} holds no notebook (*.ipynb); name the right one with --notebooks.")
    return tuple(_describe(path) for path in files)


def select(notebooks: Sequence[Notebook], only: Iterable[str]) -> tuple[Notebook, ...]:
    """Return the notebooks asked for, in the order of the catalog; all of them where `only` is empty.

    Parameters
    ----------
    notebooks : sequence of Notebook
        The catalog.
    only : iterable of str
        Names (``20_segmentation``), number prefixes (``20``) or patterns (``3*``).

    Raises
    ------
    UsageError
        If one of them fits no notebook; the message lists the known names.
    """
    asked = tuple(only)
    for wanted in asked:
        if not any(_fits(notebook.name, wanted) for notebook in notebooks):
            known = ", ".join(notebook.name for notebook in notebooks)
            raise UsageError(f"there is no notebook {wanted!r}; known are {known}.")
    return tuple(book for book in notebooks if not asked or any(_fits(book.name, wanted) for wanted in asked))


def assign(notebooks: Sequence[Notebook], given: Mapping[str, object]) -> dict[str, dict[str, Value]]:
    """Give each notebook those of the parameters that it knows, in the right type.

    Parameters
    ----------
    notebooks : sequence of Notebook
        The notebooks to be run.
    given : mapping of str to object
        Values by name. One value reaches every notebook that has a parameter of that name.

    Returns
    -------
    dict of str to dict
        By notebook name: the given values that apply to it, without the defaults.

    Raises
    ------
    UsageError
        If a parameter is unknown to all of them, has the wrong type, or holds a password.
    """
    for name, value in given.items():
        if name == "study":
            raise UsageError(
                "parameter study is set by the runner; name the study as the argument: crm-analysis run FOLDER."
            )
        if isinstance(value, str) and parameters.holds_password(value):
            raise UsageError(
                f"parameter {name} holds a password, and parameters are saved with the report; "
                'keep it in an environment variable and name that in study.toml: url = "env:NAME".'
            )
        if not any(known.name == name for notebook in notebooks for known in notebook.parameters):
            raise UsageError(f"there is no parameter {name!r} in these notebooks; known are {_known(notebooks)}.")
    return {
        notebook.name: {
            known.name: known.read(given[known.name]) for known in notebook.parameters if known.name in given
        }
        for notebook in notebooks
    }


def _known(notebooks: Sequence[Notebook]) -> str:
    types = {known.name: known.type for notebook in notebooks for known in notebook.parameters if known.name != "study"}
    return ", ".join(f"{name} ({kind})" for name, kind in types.items()) or "none"


def _fits(name: str, wanted: str) -> bool:
    return name.partition("_")[0] == wanted or fnmatchcase(name, wanted)


def _describe(path: Path) -> Notebook:
    try:
        content = nbformat.read(path, as_version=4)
    except Exception as error:
        raise UsageError(
            f"notebook {path.name} cannot be read ({_first_line(error)}); save it again from JupyterLab."
        ) from None
    opening = next((cell.source for cell in content.cells if cell.cell_type == "markdown"), "")
    heading = re.search(r"^# +(.+?)\s*$", opening, re.MULTILINE)
    if heading is None:
        raise UsageError(
            f"notebook {path.name} has no title; begin its first text cell with a line such as '# Who are they?'."
        )
    stated = re.search(r"^Needs:(?P<needs>.*?)(?:Uses:(?P<uses>.*))?$", opening, re.MULTILINE)
    return Notebook(
        name=path.stem,
        title=heading[1],
        needs=_listed(stated["needs"] if stated else None),
        uses=_listed(stated["uses"] if stated else None),
        parameters=parameters.inspect(
            path, [cell for cell in content.cells if "parameters" in cell.metadata.get("tags", [])]
        ),
        path=path,
    )


def _listed(stated: str | None) -> tuple[str, ...]:
    return tuple(" ".join(tables.split()) for tables in re.findall(r"\w+(?:\s+or\s+\w+)*", stated or ""))


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
