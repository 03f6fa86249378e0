"""A tiny study and notebooks made on the spot, for the tests of the runner."""

from collections.abc import Callable
from pathlib import Path

import nbformat
import nbformat.v4 as v4
import pytest

STUDY_TOML = """[study]
name = "shop"
title = "A corner shop"

[tables.transactions]
source = "orders.csv"
"""


@pytest.fixture(scope="session")
def make_study() -> Callable[[Path], Path]:
    """Write a study of eight customers and sixteen orders into a folder."""

    def make(folder: Path) -> Path:
        folder.mkdir(parents=True)
        orders = [f"C{i},2025-0{month}-0{i},{10 * i + month}.50" for month in (1, 2) for i in range(1, 9)]
        (folder / "orders.csv").write_text("\n".join(["customer_id,time,amount", *orders]) + "\n", "utf-8")
        (folder / "study.toml").write_text(STUDY_TOML, "utf-8")
        return folder

    return make


@pytest.fixture(scope="session")
def make_notebook() -> Callable[..., Path]:
    """Write a notebook of the house's form: opening cell, parameters cell, code cells."""

    def make(
        path: Path,
        *cells: str,
        title: str = "Who are they?",
        needs: str = "Needs: transactions   Uses: customers, survey",
        parameters: str | None = 'study: str = "data/shop"  # folder that holds study.toml',
        kernel: str = "python3",
    ) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        notebook = v4.new_notebook(
            metadata={"kernelspec": {"name": kernel, "language": "python", "display_name": "Python 3"}}
        )
        notebook.cells.append(v4.new_markdown_cell(f"# {title}\n\nWhat you will do.\n\n{needs}", id="opening"))
        if parameters is not None:
            notebook.cells.append(v4.new_code_cell(parameters, id="parameters", metadata={"tags": ["parameters"]}))
        for number, source in enumerate(cells):
            notebook.cells.append(v4.new_code_cell(source, id=f"cell-{number}"))
        nbformat.write(notebook, path)
        return path

    return make
